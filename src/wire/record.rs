//! The record's header. RFC 8446 §5.1.

use super::{Codec, ContentType, Malformed, ProtocolVersion, Reader, TooLong, Writer};

/// Length in bytes of a record's header.
pub const RECORD_HEADER_LEN: usize = 5;
/// Most bytes of plaintext in a record: 2^14. RFC 8446 §5.1.
pub const MAX_PLAINTEXT_LEN: usize = 16_384;
/// Most bytes of ciphertext in a TLS 1.3 record: 2^14 + 256. RFC 8446 §5.2.
pub const MAX_CIPHERTEXT_LEN_TLS13: usize = 16_640;
/// Most bytes of ciphertext in a TLS 1.2 record: 2^14 + 2048. RFC 5246 §6.2.3.
pub const MAX_CIPHERTEXT_LEN_TLS12: usize = 18_432;

/// ```text
/// ContentType type; ProtocolVersion legacy_record_version; uint16 length;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// What the record holds; application_data for every protected one in TLS 1.3.
    pub content_type: ContentType,
    /// TLS 1.2, or TLS 1.0 in a first ClientHello; ignored.
    pub legacy_record_version: ProtocolVersion,
    /// How many bytes follow.
    pub length: u16,
}

impl<'a> Codec<'a> for RecordHeader {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            content_type: ContentType::read(r)?,
            legacy_record_version: ProtocolVersion::read(r)?,
            length: r.u16()?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.content_type.write(w)?;
        self.legacy_record_version.write(w)?;
        w.u16(self.length);
        Ok(())
    }
}
