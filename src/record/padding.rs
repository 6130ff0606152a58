//! How much padding goes into a record: a policy of the application's, since the protocol leaves it open. RFC 8446 §5.4.

use core::fmt;

use crate::wire::ContentType;

/// Says how much padding a record gets. TLS 1.3 alone has any: it hides how long the plaintext is, and costs what it weighs.
///
/// The policy is asked once for each record that is sent under keys, handshake messages and alerts included, and must answer
/// from what it is given: it is called in the middle of sending, and should neither wait nor allocate.
pub trait PadRecords: Send + Sync + fmt::Debug {
    /// Returns how many zeros stand behind `plaintext_len` bytes of this type. What is more than the record may hold is cut
    /// off: a record of the longest plaintext has no room for any.
    fn padding(&self, content_type: ContentType, plaintext_len: usize) -> usize;
}

/// Pads the plaintext of each record to the next multiple of so many bytes, or to the longest that a record may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PadToMultipleOf(u16);

impl PadToMultipleOf {
    /// Pads to a multiple of `bytes`; 0 and 1 pad nothing, 16,384 makes all records equally long.
    pub const fn new(bytes: u16) -> Self {
        Self(bytes)
    }
}

impl PadRecords for PadToMultipleOf {
    fn padding(&self, _: ContentType, plaintext_len: usize) -> usize {
        let padded = plaintext_len.checked_next_multiple_of(usize::from(self.0));
        padded.map_or(0, |padded| padded.saturating_sub(plaintext_len))
    }
}
