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
