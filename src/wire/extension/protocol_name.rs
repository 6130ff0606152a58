//! application_layer_protocol_negotiation. RFC 7301 §3.1.

use alloc::vec::Vec;

use crate::wire::{Codec, Malformed, Reader, TooLong, Writer};

/// Application protocols, most wanted first.
///
/// ```text
/// opaque ProtocolName<1..2^8-1>;
/// struct { ProtocolName protocol_name_list<2..2^16-1> } ProtocolNameList;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolNameList<'a> {
    /// The names.
    pub protocol_name_list: Vec<&'a [u8]>,
}

impl<'a> Codec<'a> for ProtocolNameList<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        let mut inner = Reader::new(r.vector_u16(2..=0xffff)?);
        let mut protocol_name_list = Vec::new();
        while !inner.at_end() {
            protocol_name_list.push(inner.vector_u8(1..=255)?);
        }
        Ok(Self { protocol_name_list })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.nest_u16(2..=0xffff, |w| self.protocol_name_list.iter().try_for_each(|name| w.vector_u8(1..=255, name)))
    }
}
