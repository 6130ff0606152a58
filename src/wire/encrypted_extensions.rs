//! EncryptedExtensions. RFC 8446 §4.3.1.

use alloc::vec::Vec;

use super::extension::read_list;
use super::{Codec, EncryptedExtension, HandshakeType, Malformed, Message, Reader, TooLong, Writer};

/// `struct { Extension extensions<0..2^16-1>; } EncryptedExtensions;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedExtensions<'a> {
    /// The extensions in order.
    pub extensions: Vec<EncryptedExtension<'a>>,
}

impl<'a> Message<'a> for EncryptedExtensions<'a> {
    const TYPE: HandshakeType = HandshakeType::encrypted_extensions;
}

impl<'a> Codec<'a> for EncryptedExtensions<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { extensions: read_list(r, 0..=0xffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.list_u16(0..=0xffff, &self.extensions)
    }
}
