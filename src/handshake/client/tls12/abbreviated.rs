//! The abbreviated handshake: a session of an earlier connection stands for certificates and key exchange. RFC 5246 §7.3,
//! Figure 2; RFC 5077 §3.1, Figure 2.

use alloc::boxed::Box;

use super::State;
use super::full::Handshake;
use super::session::{Ticket, keep_again};
use crate::error::{Error, Internal};
use crate::handshake::certificates::Beside;
use crate::handshake::connected::ConnectedTls12;
use crate::handshake::proof::{Authenticated, VerifiedFinished, crypto_failed};
use crate::handshake::{Incoming, Outgoing, Progress};
use crate::keys::{KeyBlock, MasterSecret, TrafficKeys};
use crate::record::{ChangeCipherSpecs, Level, RecordBoundary};
use crate::resume::ClientSession;
use crate::wire::Finished;

/// What every state of a resumption owns.
struct Resumption {
    handshake: Handshake,
    session: Box<ClientSession>,
    master_secret: MasterSecret,
    keys: KeyBlock,
}

/// Goes on from a ServerHello that resumes the session: new keys of the old secret. RFC 5246 §6.3.
pub(super) fn start(mut handshake: Handshake, session: Box<ClientSession>, out: &mut Outgoing) -> Result<State, Error> {
    let provider = handshake.provider();
    let master_secret = MasterSecret::of_session(handshake.suite.suite, &session.secret);
    let master_secret = master_secret.ok_or(Internal::CryptographyFailed)?;
    if let Some(key_log) = &handshake.config().preferences.key_log {
        key_log.log("CLIENT_RANDOM", &handshake.randoms.client, master_secret.secret().expose());
    }
    let keys = master_secret.key_block(&*provider, &handshake.randoms).map_err(crypto_failed)?;
    // What stood beside the certificate stands with it; what is said of it now is not about a certificate of this handshake.
    handshake.beside =
        Beside { ocsp_response: session.server_ocsp_response.clone(), timestamps: session.server_timestamps.clone() };
    let announced = handshake.answered.session_ticket;
    let resumption = Resumption { handshake, session, master_secret, keys };
    Ok(if announced {
        State::WaitNewSessionTicketResumed(WaitNewSessionTicket { resumption })
    } else {
        resumption.wait_change_cipher_spec(out)
    })
}

impl Resumption {
    fn wait_change_cipher_spec(self, out: &mut Outgoing) -> State {
        out.read_change_cipher_spec(ChangeCipherSpecs::Awaited);
        State::WaitChangeCipherSpecResumed(WaitChangeCipherSpec { resumption: self })
    }
}

/// The server has announced a new ticket.
pub(crate) struct WaitNewSessionTicket {
    resumption: Resumption,
}

impl WaitNewSessionTicket {
    /// RFC 5077 §3.3.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut resumption } = self;
        resumption.handshake.ticket = Ticket::read(message)?;
        resumption.handshake.transcript.add(message.bytes());
        Ok(resumption.wait_change_cipher_spec(out))
    }
}

/// The server's Finished comes next, under its keys.
pub(crate) struct WaitChangeCipherSpec {
    resumption: Resumption,
}

impl WaitChangeCipherSpec {
    /// Opens what comes from now on.
    pub(super) fn accept(self, boundary: RecordBoundary, out: &mut Outgoing) -> State {
        let Resumption { handshake, session, master_secret, keys } = self.resumption;
        let KeyBlock { client, server } = keys;
        out.read_keys(Level::Application, server, boundary);
        State::WaitFinishedResumed(WaitFinished { handshake, session, master_secret, client_keys: client })
    }
}

/// The server's records are protected.
pub(crate) struct WaitFinished {
    handshake: Handshake,
    session: Box<ClientSession>,
    master_secret: MasterSecret,
    client_keys: TrafficKeys,
}

impl WaitFinished {
    /// Checks the server's Finished, which proves that it is the one of the session, and sends ours. RFC 5246 §7.4.9.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<State>, Error> {
        let Self { mut handshake, session, master_secret, client_keys } = self;
        let provider = handshake.provider();
        message.boundary()?;
        let finished: Finished<'_> = message.parse()?;
        let expected = master_secret.server_verify_data(&*provider, &handshake.transcript.current());
        let first_finished = expected.map_err(crypto_failed)?;
        let proof = VerifiedFinished::check_tls12(&first_finished, &finished)?;
        handshake.transcript.add(message.bytes());

        out.change_cipher_spec();
        out.write_keys(Level::Application, client_keys);
        let verify_data = master_secret.client_verify_data(&*provider, &handshake.transcript.current());
        let verify_data = verify_data.map_err(crypto_failed)?;
        let finished = Finished { verify_data: verify_data.expose() };
        out.send(Level::Application, &finished, &mut handshake.transcript)?;

        let authenticated = Authenticated::by_session(&proof, session.server_chain.clone(), session.server_scheme);
        let negotiated = handshake.negotiated(session.group);
        keep_again(&mut handshake, session, &proof);
        let kept = (master_secret, handshake.randoms, handshake.answered.extended_master_secret);
        Ok(ConnectedTls12::establish(provider, kept, &first_finished, proof, authenticated, negotiated))
    }
}
