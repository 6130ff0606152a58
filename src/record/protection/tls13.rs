//! Records of TLS 1.3: the content type inside, padding allowed. RFC 8446 §5.2, §5.4.

use core::ops::Range;

use super::{bad_layout, header_bytes, open_with, seal_with, xor_nonce};
use crate::crypto::TAG_LEN;
use crate::error::{BadRecord, Error, Violation};
use crate::keys::TrafficKeys;
use crate::wire::{ContentType, ProtocolVersion, RECORD_HEADER_LEN};

/// `record` is the header's place, the content, one byte for its type, `padding` bytes, and the tag's place.
pub(super) fn seal(
    keys: &TrafficKeys,
    sequence_number: u64,
    content_type: ContentType,
    record: &mut [u8],
    padding: usize,
) -> Result<(), Error> {
    let (header, behind) = record.split_first_chunk_mut::<RECORD_HEADER_LEN>().ok_or_else(bad_layout)?;
    *header = header_bytes(ContentType::application_data, ProtocolVersion::TLSv1_2, behind.len())?;
    let (inner_plaintext, tag) = behind.split_last_chunk_mut::<TAG_LEN>().ok_or_else(bad_layout)?;
    let type_and_padding = inner_plaintext.rchunks_mut(padding.saturating_add(1)).next().ok_or_else(bad_layout)?;
    let (inner_type, zeros) = type_and_padding.split_first_mut().ok_or_else(bad_layout)?;
    *inner_type = content_type.0;
    zeros.fill(0);
    seal_with(keys, &xor_nonce(keys, sequence_number), header, inner_plaintext, tag)
}

pub(super) fn open(
    keys: &TrafficKeys,
    sequence_number: u64,
    header: &[u8; RECORD_HEADER_LEN],
    protected: &mut [u8],
    most: usize,
) -> Result<(ContentType, Range<usize>), Error> {
    let len = open_with(keys, &xor_nonce(keys, sequence_number), header, protected)?;
    let (content_type, len) = inner_plaintext(protected.get(..len).unwrap_or_default(), most)?;
    Ok((content_type, 0..len))
}

/// Finds the content type behind the content and before the padding. RFC 8446 §5.4.
fn inner_plaintext(plaintext: &[u8], most: usize) -> Result<(ContentType, usize), Error> {
    // RFC 8446 §5.4: the full encoded TLSInnerPlaintext is at most 2^14 + 1 octets, or what was agreed on, padding included.
    if plaintext.len() > most {
        return Err(BadRecord::TooLarge.into());
    }
    let len = plaintext.iter().rposition(|&byte| byte != 0).ok_or(Violation::NoContentType)?;
    let content_type = plaintext.get(len).copied().map(ContentType).unwrap_or(ContentType(0));
    match content_type {
        ContentType::handshake | ContentType::alert | ContentType::application_data => Ok((content_type, len)),
        other => Err(Violation::UnexpectedRecord(other).into()),
    }
}
