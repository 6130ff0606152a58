//! The end of a full handshake: the server's NewSessionTicket, change_cipher_spec and Finished. RFC 5246 §7.1, §7.4.9,
//! RFC 5077 §3.3.

use super::State;
use super::full::Handshake;
use super::session::{Ticket, keep};
use crate::crypto::Secret;
use crate::error::Error;
use crate::handshake::connected::ConnectedTls12;
use crate::handshake::proof::{Authenticated, VerifiedFinished, crypto_failed};
use crate::handshake::{Incoming, Outgoing, Progress};
use crate::keys::{MasterSecret, TrafficKeys};
use crate::record::{ChangeCipherSpecs, Level, RecordBoundary};
use crate::wire::{Finished, NamedGroup};

/// Our Finished is sent, and the server has announced a ticket.
pub(crate) struct WaitNewSessionTicket {
    pub(super) next: WaitChangeCipherSpec,
}

impl WaitNewSessionTicket {
    /// RFC 5077 §3.3.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut next } = self;
        next.handshake.ticket = Ticket::read(message)?;
        next.handshake.transcript.add(message.bytes());
        out.read_change_cipher_spec(ChangeCipherSpecs::Awaited);
        Ok(State::WaitChangeCipherSpec(next))
    }
}

/// Our Finished is sent.
pub(crate) struct WaitChangeCipherSpec {
    pub(super) handshake: Handshake,
    pub(super) authenticated: Authenticated,
    pub(super) group: NamedGroup,
    pub(super) master_secret: MasterSecret,
    pub(super) server_keys: TrafficKeys,
    /// verify_data of our Finished.
    pub(super) first_finished: Secret,
}

impl WaitChangeCipherSpec {
    /// Opens what comes from now on.
    pub(super) fn accept(self, boundary: RecordBoundary, out: &mut Outgoing) -> State {
        let Self { handshake, authenticated, group, master_secret, server_keys, first_finished } = self;
        out.read_keys(Level::Application, server_keys, boundary);
        State::WaitFinished(WaitFinished { handshake, authenticated, group, master_secret, first_finished })
    }
}

/// The server's records are protected.
pub(crate) struct WaitFinished {
    handshake: Handshake,
    authenticated: Authenticated,
    group: NamedGroup,
    master_secret: MasterSecret,
    first_finished: Secret,
}

impl WaitFinished {
    /// RFC 5246 §7.4.9.
    pub(super) fn accept(self, message: Incoming<'_>) -> Result<Progress<State>, Error> {
        let Self { mut handshake, authenticated, group, master_secret, first_finished } = self;
        let provider = handshake.provider();
        message.boundary()?;
        let finished: Finished<'_> = message.parse()?;
        let expected = master_secret.server_verify_data(&*provider, &handshake.transcript.current());
        let proof = VerifiedFinished::check_tls12(&expected.map_err(crypto_failed)?, &finished)?;
        let negotiated = handshake.negotiated(group);
        keep(&mut handshake, &authenticated, &master_secret, group, &proof);
        let kept = (master_secret, handshake.randoms, handshake.answered.extended_master_secret);
        Ok(ConnectedTls12::establish(provider, kept, &first_finished, proof, authenticated, negotiated))
    }
}
