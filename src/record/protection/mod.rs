//! One direction's keys at work: sequence numbers, sealing and opening of one record in place.
//!
//! What both versions share stands here; how a record is laid out, in a file each. RFC 8446 §5.2, RFC 5246 §6.2.3.3.

#[cfg(feature = "tls12")]
mod tls12;
mod tls13;

use core::ops::Range;

use crate::crypto::{NONCE_LEN, TAG_LEN};
use crate::error::{BadRecord, Error, Internal};
use crate::keys::{RecordFormat, TrafficKeys};
use crate::record::RecordLimit;
use crate::wire::{ContentType, ProtocolVersion, RECORD_HEADER_LEN};

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

    /// Says whether a record of this outer type is protected: in TLS 1.3 application_data alone, in TLS 1.2 all.
    pub(crate) fn protects(&self, content_type: ContentType) -> bool {
        self.keys.format != RecordFormat::Tls13 || content_type == ContentType::application_data
    }

    /// Returns how many bytes stand before the content of a record.
    pub(crate) fn head(&self) -> usize {
        match self.keys.format {
            #[cfg(feature = "tls12")]
            RecordFormat::Tls12ExplicitNonce => tls12::EXPLICIT_NONCE_HEAD,
            #[cfg(feature = "tls12")]
            RecordFormat::Tls12ImplicitNonce => RECORD_HEADER_LEN,
            RecordFormat::Tls13 => RECORD_HEADER_LEN,
        }
    }

    /// Returns how many bytes stand behind the content of a record.
    pub(crate) fn tail(&self) -> usize {
        match self.keys.format {
            #[cfg(feature = "tls12")]
            RecordFormat::Tls12ExplicitNonce | RecordFormat::Tls12ImplicitNonce => TAG_LEN,
            RecordFormat::Tls13 => TAG_LEN.saturating_add(1),
        }
    }

    /// Returns how much longer a record is than what is sealed in it, its header not counted.
    pub(crate) fn expansion(&self) -> usize {
        self.head().saturating_sub(RECORD_HEADER_LEN).saturating_add(TAG_LEN)
    }

    /// Returns the most that may be sealed in a record.
    pub(crate) fn max_plaintext(&self, limit: RecordLimit) -> usize {
        match self.keys.format {
            #[cfg(feature = "tls12")]
            RecordFormat::Tls12ExplicitNonce | RecordFormat::Tls12ImplicitNonce => limit.plaintext_tls12(),
            RecordFormat::Tls13 => limit.inner_plaintext(),
        }
    }

    /// Returns the most content that a record may have.
    pub(crate) fn max_content(&self, limit: RecordLimit) -> usize {
        let inside = self.tail().saturating_sub(TAG_LEN);
        self.max_plaintext(limit).saturating_sub(inside)
    }

    /// Says whether there is a place for padding.
    pub(crate) fn pads(&self) -> bool {
        self.keys.format == RecordFormat::Tls13
    }

    /// Makes a record in place: `record` is exactly head, content, `padding` more bytes and tail, of which the content is there.
    /// TLS 1.2 has no padding.
    pub(crate) fn seal(&mut self, content_type: ContentType, record: &mut [u8], padding: usize) -> Result<(), Error> {
        if self.remaining() == 0 {
            return Err(Internal::KeyExhausted.into());
        }
        match self.keys.format {
            #[cfg(feature = "tls12")]
            RecordFormat::Tls12ExplicitNonce | RecordFormat::Tls12ImplicitNonce => {
                tls12::seal(&self.keys, self.sequence_number, content_type, record)?;
            }
            RecordFormat::Tls13 => tls13::seal(&self.keys, self.sequence_number, content_type, record, padding)?,
        }
        self.count()
    }

    /// Opens what stands behind a record's header, in place; returns the content's type and where in `protected` it is.
    pub(crate) fn open(
        &mut self,
        header: &[u8; RECORD_HEADER_LEN],
        protected: &mut [u8],
        limit: RecordLimit,
    ) -> Result<(ContentType, Range<usize>), Error> {
        let most = self.max_plaintext(limit);
        let opened = match self.keys.format {
            #[cfg(feature = "tls12")]
            RecordFormat::Tls12ExplicitNonce | RecordFormat::Tls12ImplicitNonce => {
                tls12::open(&self.keys, self.sequence_number, header, protected, most)?
            }
            RecordFormat::Tls13 => tls13::open(&self.keys, self.sequence_number, header, protected, most)?,
        };
        self.count()?;
        Ok(opened)
    }

    /// Lets these keys seal so many more records and no more, to come to the limit within a test.
    #[cfg(all(test, feature = "ring"))]
    pub(crate) fn lower_limit(&mut self, remaining: u64) {
        self.keys.confidentiality_limit = self.sequence_number.saturating_add(remaining);
    }

    fn count(&mut self) -> Result<(), Error> {
        self.sequence_number = self.sequence_number.checked_add(1).ok_or(Internal::KeyExhausted)?;
        Ok(())
    }
}

/// The sequence number, padded to the iv's length, XORed with the iv. RFC 8446 §5.3.
fn xor_nonce(keys: &TrafficKeys, sequence_number: u64) -> [u8; NONCE_LEN] {
    let mut nonce = *keys.iv;
    for (byte, number) in nonce.iter_mut().rev().zip(sequence_number.to_le_bytes()) {
        *byte ^= number;
    }
    nonce
}

fn seal_with(
    keys: &TrafficKeys,
    nonce: &[u8; NONCE_LEN],
    associated_data: &[u8],
    in_out: &mut [u8],
    tag: &mut [u8; TAG_LEN],
) -> Result<(), Error> {
    let sealed = keys.aead.seal_in_place(nonce, associated_data, in_out, tag);
    sealed.map_err(|_| Error::Internal(Internal::CryptographyFailed))
}

/// Returns the length of the plaintext at the front. One error for every failed opening: what differs could be measured.
fn open_with(
    keys: &TrafficKeys,
    nonce: &[u8; NONCE_LEN],
    associated_data: &[u8],
    in_out: &mut [u8],
) -> Result<usize, Error> {
    let opened = keys.aead.open_in_place(nonce, associated_data, in_out);
    opened.map_err(|_| Error::BadRecord(BadRecord::DoesNotOpen))
}

/// A record too long or too short for its parts is our own mistake.
fn bad_layout() -> Error {
    Internal::MessageTooLong.into()
}

/// The five bytes before a record of `length` bytes.
pub(super) fn header_bytes(
    content_type: ContentType,
    version: ProtocolVersion,
    length: usize,
) -> Result<[u8; RECORD_HEADER_LEN], Error> {
    let [major, minor] = version.0.to_be_bytes();
    let [high, low] = u16::try_from(length).map_err(|_| bad_layout())?.to_be_bytes();
    Ok([content_type.0, major, minor, high, low])
}

#[cfg(all(test, feature = "ring"))]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::crypto::ring::RingProvider;
    use crate::crypto::{AeadAlgorithm, Provider};

    const HEADER_LEN: usize = RECORD_HEADER_LEN;

    fn protection(confidentiality_limit: u64) -> Protection {
        let aead = RingProvider.aead(AeadAlgorithm::Aes128Gcm, &[1; 16]).unwrap();
        let iv = alloc::boxed::Box::new([2; NONCE_LEN]);
        Protection::new(TrafficKeys { aead, iv, confidentiality_limit, format: RecordFormat::Tls13 })
    }

    /// A record without content: header, inner type, tag.
    fn seal(protection: &mut Protection) -> Result<[u8; HEADER_LEN + 1 + TAG_LEN], Error> {
        let mut record = [0; HEADER_LEN + 1 + TAG_LEN];
        protection.seal(ContentType::application_data, &mut record, 0)?;
        Ok(record)
    }

    fn open(protection: &mut Protection, record: &mut [u8]) -> Result<(ContentType, Range<usize>), Error> {
        let (header, protected) = record.split_first_chunk_mut::<HEADER_LEN>().unwrap();
        protection.open(header, protected, RecordLimit::NONE)
    }

    #[test]
    fn sequence_number_never_wraps() {
        let mut writer = protection(u64::MAX);
        writer.sequence_number = u64::MAX.checked_sub(1).unwrap();
        assert!(seal(&mut writer).is_ok());
        assert_eq!(seal(&mut writer), Err(Internal::KeyExhausted.into()));
        let (mut reader, last) = (protection(u64::MAX), protection(u64::MAX));
        reader.sequence_number = u64::MAX;
        // What the last number would seal, were there no limit.
        let mut record = [0; HEADER_LEN + 1 + TAG_LEN];
        tls13::seal(&last.keys, u64::MAX, ContentType::application_data, &mut record, 0).unwrap();
        assert_eq!(open(&mut reader, &mut record), Err(Internal::KeyExhausted.into()));
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
            assert_eq!(open(&mut reader, &mut record), Ok((ContentType::application_data, 0..0)));
        }
    }
}
