//! The client's Finished, which ends the handshake. RFC 8446 §4.4.4.

use super::State;
use super::key_exchange::Handshake;
use super::post_handshake_authentication::keep_asking;
use super::tickets::send_tickets;
use crate::error::Error;
use crate::handshake::connected::{ApplicationSecrets, ConnectedTls13, Kept};
use crate::handshake::proof::{Authenticated, VerifiedFinished, crypto_failed};
use crate::handshake::{Incoming, Outgoing, Progress};
use crate::record::{ChangeCipherSpecs, Level};
use crate::wire::Finished;

/// Our flight is sent; the application secrets wait for the client's Finished.
pub(super) struct Established {
    pub(super) handshake: Handshake,
    pub(super) application: ApplicationSecrets,
}

/// RFC 8446 §A.2: WAIT_FINISHED.
pub(crate) struct WaitFinished {
    pub(super) established: Established,
    pub(super) authenticated: Authenticated,
}

impl WaitFinished {
    /// RFC 8446 §4.4.4.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<State>, Error> {
        let Self { established: Established { mut handshake, application }, authenticated } = self;
        let provider = handshake.provider();
        let boundary = message.boundary()?;
        let finished: Finished<'_> = message.parse()?;
        let proof = VerifiedFinished::check(&*provider, &handshake.client_secret, &handshake.transcript, &finished)?;
        handshake.transcript.add(message.bytes());

        out.read_keys(Level::Application, application.read.keys(&*provider).map_err(crypto_failed)?, boundary);
        out.read_change_cipher_spec(ChangeCipherSpecs::Refused);
        send_tickets(&handshake, &proof, &authenticated, out)?;
        let negotiated = handshake.negotiated();
        let kept = Kept { asking: keep_asking(handshake, &authenticated)?, ..Kept::default() };
        Ok(ConnectedTls13::establish(provider, application, proof, authenticated, negotiated, kept))
    }
}
