//! key_share. RFC 8446 §4.2.8.

use crate::wire::{Codec, Malformed, NamedGroup, Reader, TooLong, Writer};

/// One share.
///
/// ```text
/// struct { NamedGroup group; opaque key_exchange<1..2^16-1>; } KeyShareEntry;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyShareEntry<'a> {
    /// The group.
    pub group: NamedGroup,
    /// The public value: a point, an encapsulation key, a ciphertext.
    pub key_exchange: &'a [u8],
}

impl<'a> Codec<'a> for KeyShareEntry<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { group: NamedGroup::read(r)?, key_exchange: r.vector_u16(1..=0xffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.group.write(w)?;
        w.vector_u16(1..=0xffff, self.key_exchange)
    }
}
