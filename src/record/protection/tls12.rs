//! Records of TLS 1.2 under an AEAD: the content type outside. RFC 5246 §6.2.3.3, RFC 5288 §3, RFC 7905 §2.

use core::ops::Range;

use super::{bad_layout, header_bytes, open_with, seal_with, xor_nonce};
use crate::crypto::{NONCE_LEN, TAG_LEN};
use crate::error::{BadRecord, Error};
use crate::keys::{RecordFormat, TrafficKeys};
use crate::wire::{ContentType, ProtocolVersion, RECORD_HEADER_LEN};

/// Length in bytes of the part of the nonce that stands in an AES-GCM record. RFC 5288 §3.
const EXPLICIT_NONCE_LEN: usize = 8;

/// The header and the explicit nonce.
#[allow(clippy::arithmetic_side_effects, reason = "evaluated by the compiler, which refuses an overflow")]
pub(super) const EXPLICIT_NONCE_HEAD: usize = RECORD_HEADER_LEN + EXPLICIT_NONCE_LEN;

/// Length in bytes of the additional data: sequence number, type, version, length.
const ADDITIONAL_DATA_LEN: usize = 13;

/// `record` is the header's place, with AES-GCM the explicit nonce's, the content, and the tag's place.
///
/// The explicit nonce is the sequence number, which never repeats under a key; a random one might. RFC 5288 §3.
pub(super) fn seal(
    keys: &TrafficKeys,
    sequence_number: u64,
    content_type: ContentType,
    record: &mut [u8],
) -> Result<(), Error> {
    let (header, behind) = record.split_first_chunk_mut::<RECORD_HEADER_LEN>().ok_or_else(bad_layout)?;
    *header = header_bytes(content_type, ProtocolVersion::TLSv1_2, behind.len())?;
    let (nonce, content_and_tag) = if keys.format == RecordFormat::Tls12ExplicitNonce {
        let (explicit, rest) = behind.split_first_chunk_mut::<EXPLICIT_NONCE_LEN>().ok_or_else(bad_layout)?;
        *explicit = sequence_number.to_be_bytes();
        (salted_nonce(keys, explicit), rest)
    } else {
        (xor_nonce(keys, sequence_number), behind)
    };
    let (content, tag) = content_and_tag.split_last_chunk_mut::<TAG_LEN>().ok_or_else(bad_layout)?;
    let additional_data = additional_data(sequence_number, header, content.len())?;
    seal_with(keys, &nonce, &additional_data, content, tag)
}

pub(super) fn open(
    keys: &TrafficKeys,
    sequence_number: u64,
    header: &[u8; RECORD_HEADER_LEN],
    protected: &mut [u8],
    most: usize,
) -> Result<(ContentType, Range<usize>), Error> {
    let does_not_open = || Error::BadRecord(BadRecord::DoesNotOpen);
    let [content_type, major, minor, ..] = *header;
    let content_type = ContentType(content_type);
    // RFC 5246 §6.2.3: the version is the negotiated one. Whoever seals another one has not negotiated this connection.
    if u16::from_be_bytes([major, minor]) != ProtocolVersion::TLSv1_2.0 {
        return Err(does_not_open());
    }
    let (start, nonce, sealed) = if keys.format == RecordFormat::Tls12ExplicitNonce {
        let (explicit, sealed) = protected.split_first_chunk_mut::<EXPLICIT_NONCE_LEN>().ok_or_else(does_not_open)?;
        (EXPLICIT_NONCE_LEN, salted_nonce(keys, explicit), sealed)
    } else {
        (0, xor_nonce(keys, sequence_number), protected)
    };
    let len = sealed.len().checked_sub(TAG_LEN).ok_or_else(does_not_open)?;
    let additional_data = additional_data(sequence_number, header, len)?;
    let len = open_with(keys, &nonce, &additional_data, sealed)?;
    if len > most {
        return Err(BadRecord::TooLarge.into());
    }
    Ok((content_type, start..start.saturating_add(len)))
}

/// Four bytes of the key block, then eight of the record. RFC 5288 §3.
fn salted_nonce(keys: &TrafficKeys, explicit: &[u8; EXPLICIT_NONCE_LEN]) -> [u8; NONCE_LEN] {
    let [a, b, c, d, ..] = *keys.iv;
    let [e, f, g, h, i, j, k, l] = *explicit;
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

/// seq_num + type + version + length of the plaintext, type and version as the record has them: what was altered on the
/// way does not open. RFC 5246 §6.2.3.3.
fn additional_data(
    sequence_number: u64,
    header: &[u8; RECORD_HEADER_LEN],
    len: usize,
) -> Result<[u8; ADDITIONAL_DATA_LEN], Error> {
    let [a, b, c, d, e, f, g, h] = sequence_number.to_be_bytes();
    let [content_type, major, minor, ..] = *header;
    let [high, low] = u16::try_from(len).map_err(|_| bad_layout())?.to_be_bytes();
    Ok([a, b, c, d, e, f, g, h, content_type, major, minor, high, low])
}
