//! server_name. RFC 6066 §3.

use alloc::vec::Vec;

use crate::wire::{Codec, Malformed, NameType, Reader, TooLong, Writer};

/// `ServerName server_name_list<1..2^16-1>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerNameList<'a> {
    /// The names; more than one of a type is forbidden, which is not judged here.
    pub server_name_list: Vec<ServerNameEntry<'a>>,
}

impl<'a> Codec<'a> for ServerNameList<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { server_name_list: r.list_u16(1..=0xffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.list_u16(1..=0xffff, &self.server_name_list)
    }
}

/// One name. RFC 6066 §3 promises that every future type starts with a 16-bit length, so unknown ones can be kept.
///
/// ```text
/// struct { NameType name_type; opaque HostName<1..2^16-1>; } ServerName;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerNameEntry<'a> {
    /// What kind of name it is.
    pub name_type: NameType,
    /// The name; a host name is ASCII without a trailing dot.
    pub name: &'a [u8],
}

impl<'a> Codec<'a> for ServerNameEntry<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { name_type: NameType::read(r)?, name: r.vector_u16(1..=0xffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.name_type.write(w)?;
        w.vector_u16(1..=0xffff, self.name)
    }
}
