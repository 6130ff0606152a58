//! Finished. RFC 8446 §4.4.4, RFC 5246 §7.4.9.

use super::{Codec, HandshakeType, Malformed, Message, Reader, TooLong, Writer};

/// `struct { opaque verify_data[Hash.length]; } Finished;`; 12 bytes in TLS 1.2. The length is the reader's to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished<'a> {
    /// The whole body.
    pub verify_data: &'a [u8],
}

impl<'a> Message<'a> for Finished<'a> {
    const TYPE: HandshakeType = HandshakeType::finished;
}

impl<'a> Codec<'a> for Finished<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { verify_data: r.rest() })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.bytes(self.verify_data);
        Ok(())
    }
}
