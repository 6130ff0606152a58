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

    /// Makes a record in place: `record` is exactly head, content and tail, of which the content is there.
    pub(crate) fn seal(&mut self, content_type: ContentType, record: &mut [u8]) -> Result<(), Error> {
        if self.remaining() == 0 {
            return Err(Internal::KeyExhausted.into());
        }
        match self.keys.format {
            #[cfg(feature = "tls12")]
            RecordFormat::Tls12ExplicitNonce | RecordFormat::Tls12ImplicitNonce => {
                tls12::seal(&self.keys, self.sequence_number, content_type, record)?;
            }
            RecordFormat::Tls13 => tls13::seal(&self.keys, self.sequence_number, content_type, record)?,
        }
        self.count()
    }

    /// Opens what stands behind a record's header, in place; returns the content's type and where in `protected` it is.
    pub(crate) fn open(
        &mut self,
        header: &[u8; RECORD_HEADER_LEN],
        protected: &mut [u8],
    ) -> Result<(ContentType, Range<usize>), Error> {
        let opened = match self.keys.format {
            #[cfg(feature = "tls12")]
            RecordFormat::Tls12ExplicitNonce | RecordFormat::Tls12ImplicitNonce => {
                tls12::open(&self.keys, self.sequence_number, header, protected)?
            }
            RecordFormat::Tls13 => tls13::open(&self.keys, self.sequence_number, header, protected)?,
        };
        self.count()?;
        Ok(opened)
    }

    fn count(&mut self) -> Result<(), Error> {
        self.sequence_number = self.sequence_number.checked_add(1).ok_or(Internal::KeyExhausted)?;
        Ok(())
    }
}

/// The sequence number, padded to the iv's length, XORed with the iv. RFC 8446 §5.3.
fn xor_nonce(keys: &TrafficKeys, sequence_number: u64) -> [u8; NONCE_LEN] {
    let mut nonce = keys.iv;
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
