//! One direction's keys at work: nonces, sequence numbers, sealing and opening of one record. RFC 8446 §5.2, §5.3.

use crate::crypto::{NONCE_LEN, TAG_LEN};
use crate::error::{BadRecord, Error, Internal};
use crate::keys::TrafficKeys;
use crate::wire::RECORD_HEADER_LEN;

/// Keys with their sequence number, which starts at zero and never wraps.
pub(crate) struct Protection {
    keys: TrafficKeys,
    sequence_number: u64,
}

impl Protection {
    pub(crate) fn new(keys: TrafficKeys) -> Self {
        Self { keys, sequence_number: 0 }
    }

    /// Returns the number of the next record under these keys.
    pub(crate) fn sequence_number(&self) -> u64 {
        self.sequence_number
    }

    /// Says whether no record has been sealed or opened yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.sequence_number == 0
    }

    /// Returns how many more records these keys may seal.
    pub(crate) fn remaining(&self) -> u64 {
        self.keys.confidentiality_limit.saturating_sub(self.sequence_number)
    }

    /// Lets these keys seal so many more records and no more, to come to the limit within a test.
    #[cfg(all(test, feature = "ring"))]
    pub(crate) fn lower_limit(&mut self, remaining: u64) {
        self.keys.confidentiality_limit = self.sequence_number.saturating_add(remaining);
    }

    /// Seals `in_out` in place and writes its tag.
    pub(crate) fn seal(
        &mut self,
        header: &[u8; RECORD_HEADER_LEN],
        in_out: &mut [u8],
        tag: &mut [u8; TAG_LEN],
    ) -> Result<(), Error> {
        if self.remaining() == 0 {
            return Err(Internal::KeyExhausted.into());
        }
        let nonce = self.nonce();
        let sealed = self.keys.aead.seal_in_place(&nonce, header, in_out, tag);
        sealed.map_err(|_| Error::Internal(Internal::CryptographyFailed))?;
        self.count()
    }

    /// Opens ciphertext and tag in place; returns the length of the plaintext at the front.
    pub(crate) fn open(&mut self, header: &[u8; RECORD_HEADER_LEN], in_out: &mut [u8]) -> Result<usize, Error> {
        let nonce = self.nonce();
        let opened = self.keys.aead.open_in_place(&nonce, header, in_out);
        // One error for every failed opening: what differs could be measured.
        let len = opened.map_err(|_| Error::BadRecord(BadRecord::DoesNotOpen))?;
        self.count()?;
        Ok(len)
    }

    /// The sequence number, padded to the iv's length, XORed with the iv. RFC 8446 §5.3.
    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = *self.keys.iv;
        for (byte, number) in nonce.iter_mut().rev().zip(self.sequence_number.to_le_bytes()) {
            *byte ^= number;
        }
        nonce
    }

    fn count(&mut self) -> Result<(), Error> {
        self.sequence_number = self.sequence_number.checked_add(1).ok_or(Internal::KeyExhausted)?;
        Ok(())
    }
}

#[cfg(all(test, feature = "ring"))]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::crypto::ring::RingProvider;
    use crate::crypto::{AeadAlgorithm, Provider};

    const HEADER: [u8; RECORD_HEADER_LEN] = [23, 3, 3, 0, 17];

    fn protection(confidentiality_limit: u64) -> Protection {
        let aead = RingProvider.aead(AeadAlgorithm::Aes128Gcm, &[1; 16]).unwrap();
        Protection::new(TrafficKeys { aead, iv: alloc::boxed::Box::new([2; NONCE_LEN]), confidentiality_limit })
    }

    fn seal(protection: &mut Protection) -> Result<[u8; 1 + TAG_LEN], Error> {
        let mut record = [0; 1 + TAG_LEN];
        let (content, tag) = record.split_first_chunk_mut::<1>().unwrap();
        protection.seal(&HEADER, content, tag.try_into().unwrap())?;
        Ok(record)
    }

    #[test]
    fn sequence_number_never_wraps() {
        let mut writer = protection(u64::MAX);
        writer.sequence_number = u64::MAX.checked_sub(1).unwrap();
        assert!(seal(&mut writer).is_ok());
        assert_eq!(seal(&mut writer), Err(Internal::KeyExhausted.into()));
        let mut reader = protection(u64::MAX);
        reader.sequence_number = u64::MAX;
        let mut last = protection(u64::MAX);
        // What the last number would seal, were there no limit.
        let mut record = [0; 1 + TAG_LEN];
        last.sequence_number = u64::MAX;
        let (content, tag) = record.split_first_chunk_mut::<1>().unwrap();
        last.keys.aead.seal_in_place(&last.nonce(), &HEADER, content, tag.try_into().unwrap()).unwrap();
        assert_eq!(reader.open(&HEADER, &mut record), Err(Internal::KeyExhausted.into()));
    }

    #[test]
    fn key_seals_as_many_records_as_its_limit_says() {
        let mut writer = protection(3);
        for left in [3, 2, 1] {
            assert_eq!(writer.remaining(), left);
            assert!(seal(&mut writer).is_ok());
        }
        assert_eq!(seal(&mut writer), Err(Internal::KeyExhausted.into()));
    }

    /// RFC 9846 §5.5: later analyses may move the limit, and the peer may know them.
    #[test]
    fn receiver_does_not_enforce_the_limit_of_a_key() {
        let (mut writer, mut reader) = (protection(100), protection(1));
        for _ in 0..10 {
            let mut record = seal(&mut writer).unwrap();
            assert_eq!(reader.open(&HEADER, &mut record), Ok(1));
        }
    }
}
