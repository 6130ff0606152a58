//! KeyUpdate. RFC 8446 §4.6.3.

use super::{Codec, HandshakeType, KeyUpdateRequest, Malformed, Message, Reader, TooLong, Writer};

/// `struct { KeyUpdateRequest request_update; } KeyUpdate;`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUpdate {
    /// Whether the other end shall change its keys too.
    pub request_update: KeyUpdateRequest,
}

impl Message<'_> for KeyUpdate {
    const TYPE: HandshakeType = HandshakeType::key_update;
}

impl<'a> Codec<'a> for KeyUpdate {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { request_update: KeyUpdateRequest::read(r)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.request_update.write(w)
    }
}
