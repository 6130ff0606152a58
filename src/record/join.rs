//! Joins handshake messages that are split over records. RFC 8446 §5.1.

use alloc::vec::Vec;

use super::MAX_HANDSHAKE_MESSAGE_LEN;
use crate::error::{Error, Violation};
use crate::wire::{HANDSHAKE_HEADER_LEN, HandshakeType, Reader};

/// Proof that a handshake message ended where its record ended, so that keys may change after it. RFC 8446 §5.1.
///
/// Only the record layer makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordBoundary(());

impl RecordBoundary {
    /// Judges what stands behind a message in its record and in the joining buffer.
    pub(crate) fn after(rest: &[u8]) -> Option<Self> {
        rest.is_empty().then_some(Self(()))
    }
}

/// Returns the length of the handshake message at the front, header included, or `None` if it is not whole yet.
///
/// A message whose header claims more than the limit is refused before its bytes arrive.
pub(crate) fn message_len(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let mut reader = Reader::new(bytes);
    let (Ok(handshake_type), Ok(body_len)) = (reader.u8(), reader.u24()) else { return Ok(None) };
    let too_large = || Error::from(Violation::MessageTooLarge(HandshakeType(handshake_type)));
    let body_len = usize::try_from(body_len).map_err(|_| too_large())?;
    let len = body_len.checked_add(HANDSHAKE_HEADER_LEN).ok_or_else(too_large)?;
    if len > MAX_HANDSHAKE_MESSAGE_LEN {
        return Err(too_large());
    }
    Ok((len <= bytes.len()).then_some(len))
}

/// The one receive buffer of the core: what has come of a split message, and messages that wait behind a question.
/// It holds at most one message of the largest size and one record, and nothing most of the time.
#[derive(Default)]
pub(crate) struct Joiner {
    pending: Vec<u8>,
}

impl Joiner {
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Says whether a whole message has come. A peer that feeds one byte a record costs a look each, not a copy.
    pub(crate) fn holds_message(&self) -> Result<bool, Error> {
        Ok(message_len(&self.pending)?.is_some())
    }

    /// Appends a fragment.
    pub(crate) fn push(&mut self, fragment: &[u8]) {
        self.pending.extend_from_slice(fragment);
    }

    /// Takes everything out, leaving nothing allocated.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.pending)
    }
}
