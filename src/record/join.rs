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

    /// Appends a fragment.
    pub(crate) fn push(&mut self, fragment: &[u8]) {
        self.pending.extend_from_slice(fragment);
    }

    /// Puts back the last `len` bytes of what was taken. As long as no message is whole that is all of it, which moves
    /// no byte: a message in fragments of one byte each must not cost its length squared.
    pub(crate) fn keep_end(&mut self, mut taken: Vec<u8>, len: usize) {
        match taken.len().checked_sub(len) {
            None | Some(0) => self.pending = taken,
            Some(_) if len == 0 => {}
            Some(done) => {
                taken.drain(..done);
                self.pending = taken;
            }
        }
    }

    /// Takes everything out, leaving nothing allocated.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.pending)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn end_is_kept_without_a_copy_as_long_as_nothing_is_done() {
        let mut joiner = Joiner::default();
        joiner.push(b"whole message and a part");
        let taken = joiner.take();
        let place = taken.as_ptr();
        joiner.keep_end(taken, 24);
        assert_eq!(joiner.pending.as_ptr(), place);

        let taken = joiner.take();
        joiner.keep_end(taken, 6);
        assert_eq!(joiner.pending, b"a part");
        let taken = joiner.take();
        joiner.keep_end(taken, 0);
        assert!(joiner.is_empty() && joiner.pending.capacity() == 0);
    }

    #[test]
    fn nothing_taken_leaves_nothing_kept() {
        let mut joiner = Joiner::default();
        joiner.keep_end(vec![], 0);
        assert!(joiner.is_empty());
    }
}
