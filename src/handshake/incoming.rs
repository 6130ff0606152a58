//! A received handshake message, whole but not parsed.

use crate::error::{Error, Violation};
use crate::record::RecordBoundary;
use crate::wire::{Codec, HANDSHAKE_HEADER_LEN, HandshakeType, Message, read_all};

/// One message with its header, as it counts for the transcript.
#[derive(Clone, Copy)]
pub(crate) struct Incoming<'a> {
    bytes: &'a [u8],
    boundary: Option<RecordBoundary>,
}

impl<'a> Incoming<'a> {
    /// Takes a whole message; `boundary` is the record layer's proof that nothing stands behind it.
    pub(crate) fn new(bytes: &'a [u8], boundary: Option<RecordBoundary>) -> Self {
        Self { bytes, boundary }
    }

    pub(crate) fn handshake_type(&self) -> HandshakeType {
        HandshakeType(self.bytes.first().copied().unwrap_or_default())
    }

    /// Returns header and body.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the body.
    pub(crate) fn body(&self) -> &'a [u8] {
        self.bytes.get(HANDSHAKE_HEADER_LEN..).unwrap_or_default()
    }

    /// Reads the body as the message that it claims to be; trailing bytes are an error.
    pub(crate) fn parse<T: Message<'a> + Codec<'a>>(&self) -> Result<T, Error> {
        debug_assert_eq!(self.handshake_type(), T::TYPE);
        read_all(self.body()).map_err(|reason| Error::Malformed { message: Some(T::TYPE), reason })
    }

    /// Proves that the keys may change after this message. RFC 8446 §5.1.
    pub(crate) fn boundary(&self) -> Result<RecordBoundary, Error> {
        self.boundary.ok_or(Error::Violation(Violation::MessageAcrossKeyChange))
    }
}
