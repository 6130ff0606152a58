//! Receives: frames one record at the front of the caller's buffer and opens it there. RFC 8446 §5.1, §5.2.

use core::ops::Range;

use super::{MAX_CHANGE_CIPHER_SPECS, MAX_EMPTY_RECORDS, protection::Protection};
use crate::error::{BadRecord, Error, Violation};
use crate::keys::TrafficKeys;
use crate::wire::{
    ContentType, MAX_CIPHERTEXT_LEN_TLS13, MAX_PLAINTEXT_LEN, RECORD_HEADER_LEN, RecordHeader, read_all,
};

/// What stands at the front of the buffer.
pub(crate) enum Framed {
    /// Not a whole record yet; the buffer must hold `hint` bytes to go on.
    NeedMore { hint: usize },
    /// A tolerated change_cipher_spec of `used` bytes, to be dropped.
    ChangeCipherSpec { used: usize },
    /// A record of `used` bytes, opened if keys were in use; its content stands at `content` in the buffer.
    Record { used: usize, content_type: ContentType, content: Range<usize> },
}

/// One direction's reader.
pub(crate) struct RecordReader {
    protection: Option<Protection>,
    change_cipher_spec_allowed: bool,
    change_cipher_specs: u32,
    empty_records: u32,
    first_record: bool,
}

impl RecordReader {
    pub(crate) fn new() -> Self {
        Self {
            protection: None,
            change_cipher_spec_allowed: false,
            change_cipher_specs: 0,
            empty_records: 0,
            first_record: true,
        }
    }

    /// Opens records with these keys from now on.
    pub(crate) fn install(&mut self, keys: TrafficKeys) {
        self.protection = Some(Protection::new(keys));
    }

    /// Tolerates a dummy change_cipher_spec from the first ClientHello to the peer's Finished. RFC 8446 §5.
    pub(crate) fn allow_change_cipher_spec(&mut self, allowed: bool) {
        self.change_cipher_spec_allowed = allowed;
    }

    /// Frames and opens at most one record off the front of `buffer`.
    pub(crate) fn next(&mut self, buffer: &mut [u8]) -> Result<Framed, Error> {
        let Some((header_bytes, behind)) = buffer.split_first_chunk_mut::<RECORD_HEADER_LEN>() else {
            return Ok(Framed::NeedMore { hint: RECORD_HEADER_LEN });
        };
        let header: RecordHeader =
            read_all(header_bytes).map_err(|reason| Error::Malformed { message: None, reason })?;
        self.check_header(&header)?;
        let length = usize::from(header.length);
        let used = RECORD_HEADER_LEN.saturating_add(length);
        let Some(content) = behind.get_mut(..length) else { return Ok(Framed::NeedMore { hint: used }) };
        self.first_record = false;

        if header.content_type == ContentType::change_cipher_spec {
            self.check_change_cipher_spec(content)?;
            return Ok(Framed::ChangeCipherSpec { used });
        }
        let (content_type, len) = match &mut self.protection {
            Some(protection) if header.content_type == ContentType::application_data => {
                let opened = protection.open(header_bytes, content)?;
                inner_plaintext(content.get(..opened).unwrap_or_default())?
            }
            _ => (header.content_type, length),
        };
        self.check_emptiness(content_type, len)?;
        let end = RECORD_HEADER_LEN.saturating_add(len);
        Ok(Framed::Record { used, content_type, content: RECORD_HEADER_LEN..end })
    }

    /// Refuses what its header already condemns, before waiting for its bytes.
    fn check_header(&self, header: &RecordHeader) -> Result<(), Error> {
        // RFC 8446 §5.1: legacy_record_version is ignored for all purposes. The first record alone is looked at, to
        // tell a peer that speaks plain HTTP or SSH from one that speaks TLS.
        if self.first_record && header.legacy_record_version.0 >> 8 != 3 {
            return Err(BadRecord::NotTls.into());
        }
        let is_protected = self.protection.is_some() && header.content_type == ContentType::application_data;
        let limit = if is_protected { MAX_CIPHERTEXT_LEN_TLS13 } else { MAX_PLAINTEXT_LEN };
        if usize::from(header.length) > limit {
            return Err(BadRecord::TooLarge.into());
        }
        let may_come = match (&self.protection, header.content_type) {
            (_, ContentType::change_cipher_spec) => self.change_cipher_spec_allowed,
            (None, ContentType::handshake | ContentType::alert) => true,
            (Some(_), ContentType::application_data) => true,
            // A peer that failed on our first flight has no keys yet and tells us so in the clear. Reading that can
            // end the connection and nothing else, which an attacker on the path can do in any case.
            (Some(protection), ContentType::alert) => protection.is_fresh() && self.change_cipher_spec_allowed,
            _ => false,
        };
        if may_come { Ok(()) } else { Err(Violation::UnexpectedRecord(header.content_type).into()) }
    }

    fn check_change_cipher_spec(&mut self, content: &[u8]) -> Result<(), Error> {
        if content != [1] {
            return Err(Violation::BadChangeCipherSpec.into());
        }
        self.change_cipher_specs = self.change_cipher_specs.saturating_add(1);
        if self.change_cipher_specs > MAX_CHANGE_CIPHER_SPECS {
            return Err(Violation::TooManyChangeCipherSpecs.into());
        }
        Ok(())
    }

    /// Zero-length fragments of handshake and alert are forbidden, of application data bounded. RFC 8446 §5.1, §5.4.
    fn check_emptiness(&mut self, content_type: ContentType, len: usize) -> Result<(), Error> {
        if len != 0 {
            self.empty_records = 0;
            return Ok(());
        }
        if content_type != ContentType::application_data {
            return Err(Violation::EmptyFragment.into());
        }
        self.empty_records = self.empty_records.saturating_add(1);
        if self.empty_records > MAX_EMPTY_RECORDS {
            return Err(Violation::TooManyEmptyRecords.into());
        }
        Ok(())
    }
}

/// Finds the content type behind the content and before the padding. RFC 8446 §5.4.
fn inner_plaintext(plaintext: &[u8]) -> Result<(ContentType, usize), Error> {
    // RFC 8446 §5.4: the full encoded TLSInnerPlaintext is at most 2^14 + 1 octets, padding included.
    if plaintext.len() > MAX_PLAINTEXT_LEN.saturating_add(1) {
        return Err(BadRecord::TooLarge.into());
    }
    let len = plaintext.iter().rposition(|&byte| byte != 0).ok_or(Violation::NoContentType)?;
    let content_type = plaintext.get(len).copied().map(ContentType).unwrap_or(ContentType(0));
    match content_type {
        ContentType::handshake | ContentType::alert | ContentType::application_data => Ok((content_type, len)),
        other => Err(Violation::UnexpectedRecord(other).into()),
    }
}
