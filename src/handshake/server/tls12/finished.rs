//! The end of a full handshake: change_cipher_spec and Finished of both ends. RFC 5246 §7.1, §7.4.9.

use super::State;
use super::full::Handshake;
use super::session::{Keeping, remember, send_ticket};
use crate::error::Error;
use crate::handshake::connected::ConnectedTls12;
use crate::handshake::proof::{Authenticated, VerifiedFinished, crypto_failed};
use crate::handshake::{Incoming, Outgoing, Progress};
use crate::keys::{KeyBlock, MasterSecret, TrafficKeys};
use crate::record::{Level, RecordBoundary};
use crate::wire::Finished;

/// The client's flight is complete but for its end.
pub(crate) struct WaitChangeCipherSpec {
    pub(super) handshake: Handshake,
    pub(super) authenticated: Authenticated,
    pub(super) master_secret: MasterSecret,
    pub(super) keys: KeyBlock,
}

impl WaitChangeCipherSpec {
    /// Opens what comes from now on.
    pub(super) fn accept(self, boundary: RecordBoundary, out: &mut Outgoing) -> State {
        let Self { handshake, authenticated, master_secret, keys } = self;
        let KeyBlock { client, server } = keys;
        out.read_keys(Level::Application, client, boundary);
        State::WaitFinished(WaitFinished { handshake, authenticated, master_secret, server_keys: server })
    }
}

/// The client's records are protected.
pub(crate) struct WaitFinished {
    handshake: Handshake,
    authenticated: Authenticated,
    master_secret: MasterSecret,
    server_keys: TrafficKeys,
}

impl WaitFinished {
    /// Checks the client's Finished, keeps the session, and sends ours. RFC 5246 §7.4.9, RFC 5077 §3.3.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<State>, Error> {
        let Self { mut handshake, authenticated, master_secret, server_keys } = self;
        let provider = handshake.provider();
        message.boundary()?;
        let finished: Finished<'_> = message.parse()?;
        let expected = master_secret.client_verify_data(&*provider, &handshake.transcript.current());
        let first_finished = expected.map_err(crypto_failed)?;
        let proof = VerifiedFinished::check_tls12(&first_finished, &finished)?;
        handshake.transcript.add(message.bytes());

        match handshake.keeping {
            Keeping::Nothing => {}
            Keeping::Ticket => {
                let session = remember(&handshake, &authenticated, &master_secret);
                send_ticket(&mut handshake, session.as_ref(), out)?;
            }
            Keeping::Store(id) => {
                let session = remember(&handshake, &authenticated, &master_secret);
                if let Some((store, session)) = handshake.config.resumption.store.as_ref().zip(session) {
                    store.put(&id, &session);
                }
            }
        }

        out.change_cipher_spec();
        out.write_keys(Level::Application, server_keys);
        let verify_data = master_secret.server_verify_data(&*provider, &handshake.transcript.current());
        let verify_data = verify_data.map_err(crypto_failed)?;
        let finished = Finished { verify_data: verify_data.expose() };
        out.send(Level::Application, &finished, &mut handshake.transcript)?;

        let negotiated = handshake.negotiated();
        let kept = (master_secret, handshake.randoms, handshake.extended_master_secret);
        Ok(ConnectedTls12::establish(provider, kept, &first_finished, proof, authenticated, negotiated))
    }
}
