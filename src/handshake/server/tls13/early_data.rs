//! Early data that is taken, up to EndOfEarlyData. RFC 8446 §4.2.10, §4.5.

use super::State;
use super::finished::{Established, WaitFinished};
use crate::error::{Error, Violation};
use crate::handshake::proof::{Authenticated, crypto_failed};
use crate::handshake::{Incoming, Outgoing};
use crate::record::Level;
use crate::wire::{EndOfEarlyData, ProtocolVersion};

/// RFC 8446 §A.2: WAIT_EOED.
pub(crate) struct WaitEndOfEarlyData {
    pub(super) established: Established,
    pub(super) authenticated: Authenticated,
    /// How many bytes the client may still send.
    pub(super) room: u32,
}

impl WaitEndOfEarlyData {
    /// Counts early data against the ticket's limit. RFC 8446 §4.2.10.
    pub(super) fn count(&mut self, len: usize) -> Result<(), Error> {
        let left = u32::try_from(len).ok().and_then(|len| self.room.checked_sub(len));
        self.room = left.ok_or(Violation::TooMuchEarlyData)?;
        Ok(())
    }

    /// RFC 8446 §4.5.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut established, authenticated, .. } = self;
        let handshake = &mut established.handshake;
        let boundary = message.boundary()?;
        message.parse::<EndOfEarlyData>()?;
        handshake.transcript.add(message.bytes());
        let keys = handshake.client_secret.keys(&*handshake.provider()).map_err(crypto_failed)?;
        out.read_keys(Level::Handshake, keys, boundary);
        out.read_limit(handshake.record_sizes.read_limit(ProtocolVersion::TLSv1_3));
        Ok(State::WaitFinished(WaitFinished { established, authenticated }))
    }
}
