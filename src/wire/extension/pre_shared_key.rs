//! pre_shared_key. RFC 8446 §4.2.11.

use alloc::vec::Vec;

use crate::wire::{Codec, Malformed, Reader, TooLong, Writer};

/// The PSKs that a client offers; the binders stand at the very end of ClientHello.
///
/// ```text
/// struct { PskIdentity identities<7..2^16-1>; PskBinderEntry binders<33..2^16-1>; } OfferedPsks;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedPsks<'a> {
    /// The identities.
    pub identities: Vec<PskIdentity<'a>>,
    /// One binder for each, in the same order.
    pub binders: Vec<PskBinderEntry<'a>>,
}

impl<'a> Codec<'a> for OfferedPsks<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { identities: r.list_u16(7..=0xffff)?, binders: r.list_u16(33..=0xffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.list_u16(7..=0xffff, &self.identities)?;
        w.list_u16(33..=0xffff, &self.binders)
    }
}

/// One PSK's name.
///
/// ```text
/// struct { opaque identity<1..2^16-1>; uint32 obfuscated_ticket_age; } PskIdentity;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PskIdentity<'a> {
    /// A ticket, or the name of an external PSK.
    pub identity: &'a [u8],
    /// The ticket's age in milliseconds plus ticket_age_add; 0 for an external PSK.
    pub obfuscated_ticket_age: u32,
}

impl<'a> Codec<'a> for PskIdentity<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { identity: r.vector_u16(1..=0xffff)?, obfuscated_ticket_age: r.u32()? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u16(1..=0xffff, self.identity)?;
        w.u32(self.obfuscated_ticket_age);
        Ok(())
    }
}

/// `opaque PskBinderEntry<32..255>`: an HMAC over the hello so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PskBinderEntry<'a>(pub &'a [u8]);

impl<'a> Codec<'a> for PskBinderEntry<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self(r.vector_u8(32..=255)?))
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u8(32..=255, self.0)
    }
}
