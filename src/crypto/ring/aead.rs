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
    /// Overwrites the expanded key with one that is public. `black_box` lets the new value be observed, so that the
    /// write is no dead store.
    fn drop(&mut self) {
        const LONGEST_KEY: [u8; 32] = [0; 32];
        let zeros = LONGEST_KEY.get(..self.algorithm.key_len()).unwrap_or(&LONGEST_KEY);
        if let Ok(dummy) = UnboundKey::new(self.algorithm, zeros) {
            self.key = LessSafeKey::new(dummy);
        }
        core::hint::black_box(&self.key);
    }
}

const _: () = assert!(MAX_TAG_LEN == TAG_LEN);
