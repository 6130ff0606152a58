//! AEADs whose keys are overwritten when they are dropped, which `ring`'s own are not.

use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, MAX_TAG_LEN, Nonce, UnboundKey,
};

use crate::crypto::{Aead, AeadAlgorithm, CryptoError, NONCE_LEN, TAG_LEN};

/// One key. Nonces are the caller's, hence `LessSafeKey`: the record layer owns the sequence number.
pub(super) struct RingAead {
    key: LessSafeKey,
    algorithm: &'static Algorithm,
}

impl RingAead {
    pub(super) fn new(algorithm: AeadAlgorithm, key: &[u8]) -> Result<Self, CryptoError> {
        let algorithm = match algorithm {
            AeadAlgorithm::Aes128Gcm => &AES_128_GCM,
            AeadAlgorithm::Aes256Gcm => &AES_256_GCM,
            AeadAlgorithm::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        let key = UnboundKey::new(algorithm, key).map_err(|_| CryptoError::Unsupported)?;
        Ok(Self { key: LessSafeKey::new(key), algorithm })
    }

    /// Overwrites the expanded key with one that is public. `black_box` lets the new value be observed, so that the
    /// write is no dead store.
    fn overwrite(&mut self) {
        const LONGEST_KEY: [u8; 32] = [0; 32];
        let zeros = LONGEST_KEY.get(..self.algorithm.key_len()).unwrap_or(&LONGEST_KEY);
        if let Ok(dummy) = UnboundKey::new(self.algorithm, zeros) {
            self.key = LessSafeKey::new(dummy);
        }
        core::hint::black_box(&self.key);
    }
}

impl Aead for RingAead {
    fn seal_in_place(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8; TAG_LEN],
    ) -> Result<(), CryptoError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(associated_data), in_out)
            .map_err(|_| CryptoError::Failed)?;
        tag.copy_from_slice(sealed.as_ref());
        Ok(())
    }

    fn open_in_place(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated_data: &[u8],
        in_out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.key
            .open_in_place(nonce, Aad::from(associated_data), in_out)
            .map(|plaintext| plaintext.len())
            .map_err(|_| CryptoError::OpenFailed)
    }
}

impl Drop for RingAead {
    fn drop(&mut self) {
        self.overwrite();
    }
}

const _: () = assert!(MAX_TAG_LEN == TAG_LEN);

#[cfg(test)]
mod tests {
    use super::*;

    fn seal_empty(aead: &RingAead) -> [u8; TAG_LEN] {
        let mut tag = [0; TAG_LEN];
        aead.seal_in_place(&[7; NONCE_LEN], b"associated", &mut [], &mut tag).unwrap();
        tag
    }

    #[test]
    fn dropped_key_is_overwritten_with_the_public_one() {
        for algorithm in [AeadAlgorithm::Aes128Gcm, AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305] {
            let zeros = RingAead::new(algorithm, &[0; 32][..algorithm.key_len()]).unwrap();
            let mut aead = RingAead::new(algorithm, &[1; 32][..algorithm.key_len()]).unwrap();
            assert_ne!(seal_empty(&aead), seal_empty(&zeros));
            aead.overwrite();
            assert_eq!(seal_empty(&aead), seal_empty(&zeros));
        }
    }

    #[test]
    fn key_of_another_length_is_unsupported() {
        for algorithm in [AeadAlgorithm::Aes128Gcm, AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305] {
            for len in (0..64).filter(|&len| len != algorithm.key_len()) {
                assert_eq!(RingAead::new(algorithm, &[1; 64][..len]).err(), Some(CryptoError::Unsupported));
            }
        }
    }

    #[test]
    fn ciphertext_shorter_than_a_tag_does_not_open() {
        let aead = RingAead::new(AeadAlgorithm::Aes128Gcm, &[1; 16]).unwrap();
        for len in 0..TAG_LEN {
            let mut bytes = [0; TAG_LEN];
            let opened = aead.open_in_place(&[0; NONCE_LEN], &[], &mut bytes[..len]);
            assert_eq!(opened, Err(CryptoError::OpenFailed));
        }
    }
}
