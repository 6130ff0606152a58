//! oid_filters. RFC 8446 §4.2.5.

use crate::wire::{Codec, Malformed, Reader, TooLong, Writer};

/// A certificate extension that a server wants to see, with its values.
///
/// ```text
/// struct { opaque certificate_extension_oid<1..2^8-1>; opaque certificate_extension_values<0..2^16-1>; } OIDFilter;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OidFilter<'a> {
    /// The DER of the object identifier.
    pub certificate_extension_oid: &'a [u8],
    /// The DER of the wanted values.
    pub certificate_extension_values: &'a [u8],
}

impl<'a> Codec<'a> for OidFilter<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            certificate_extension_oid: r.vector_u8(1..=0xff)?,
            certificate_extension_values: r.vector_u16(0..=0xffff)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u8(1..=0xff, self.certificate_extension_oid)?;
        w.vector_u16(0..=0xffff, self.certificate_extension_values)
    }
}
