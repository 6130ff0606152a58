//! certificate_authorities. RFC 8446 §4.2.4.

use crate::wire::{Codec, Malformed, Reader, TooLong, Writer};

/// `opaque DistinguishedName<1..2^16-1>`: the DER of an X.501 name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DistinguishedName<'a>(pub &'a [u8]);

impl<'a> Codec<'a> for DistinguishedName<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self(r.vector_u16(1..=0xffff)?))
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u16(1..=0xffff, self.0)
    }
}
