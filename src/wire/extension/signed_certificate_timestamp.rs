//! signed_certificate_timestamp of an answer. RFC 6962 §3.3.

use crate::wire::{Codec, Malformed, Reader, TooLong, Writer};

/// Signed certificate timestamps, not looked into.
///
/// ```text
/// opaque SerializedSCT<1..2^16-1>;
/// struct { SerializedSCT sct_list <1..2^16-1>; } SignedCertificateTimestampList;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCertificateTimestampList<'a> {
    /// The timestamps in order.
    pub sct_list: alloc::vec::Vec<SerializedSct<'a>>,
}

/// One timestamp, as its log wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerializedSct<'a>(pub &'a [u8]);

impl<'a> Codec<'a> for SerializedSct<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self(r.vector_u16(1..=0xffff)?))
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u16(1..=0xffff, self.0)
    }
}

impl<'a> Codec<'a> for SignedCertificateTimestampList<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { sct_list: r.list_u16(1..=0xffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.list_u16(1..=0xffff, &self.sct_list)
    }
}
