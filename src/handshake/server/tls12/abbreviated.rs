//! The abbreviated handshake: a session of an earlier connection stands for certificates and key exchange. RFC 5246 §7.3,
//! Figure 2; RFC 5077 §3.1, Figure 2; RFC 7627 §5.3.
//!
//! What does not fit leads to a full handshake, without a word to the client.

use alloc::boxed::Box;

use super::State;
use super::full::{Handshake, choose_identity};
use super::hello::Settled;
use super::server_hello::{self, Kind, Reply};
use super::session::{Keeping, renew, send_ticket};
use crate::clock::Time;
use crate::config::{ClientAuth, Decision, SessionPlace, SessionQuery};
use crate::crypto::{Secret, SuiteTls12};
use crate::error::{Error, Violation};
use crate::handshake::connected::ConnectedTls12;
use crate::handshake::proof::{Authenticated, VerifiedFinished, crypto_failed};
use crate::handshake::server::certificate_types::{SettledTypes, still_taken};
use crate::handshake::{Incoming, Outgoing, Progress, QuestionKind};
use crate::keys::{KeyBlock, MasterSecret, TrafficKeys};
use crate::record::{ChangeCipherSpecs, Level, RecordBoundary};
use crate::resume::ServerSession;
use crate::wire::{Finished, ProtocolVersion};

/// Looks for the session that the client would resume, before anything is chosen or sent.
pub(in crate::handshake::server) fn start(settled: Settled, out: &mut Outgoing) -> Result<State, Error> {
    // The dummy of TLS 1.3 has no place here, and the real one must wait. RFC 5246 §7.1.
    out.read_change_cipher_spec(ChangeCipherSpecs::Refused);
    let Some(query) = session_query(&settled) else { return choose_identity(settled, out) };
    match look_up(&settled, &query) {
        Decision::Now(session) => AskSession { settled }.accept(session, out),
        Decision::Refuse(alert) => Err(Error::Refused(alert)),
        Decision::Later => {
            out.ask(QuestionKind::FindServerSession(query));
            Ok(State::AskSession(AskSession { settled }))
        }
    }
}

/// The ticket names the session; the id does so only where there is no ticket. RFC 5077 §3.4.
fn session_query(settled: &Settled) -> Option<SessionQuery> {
    let resumption = &settled.config.resumption;
    let (now, version) = (settled.config.preferences.now()?, ProtocolVersion::TLSv1_2);
    let query = |identity: &[u8], place| SessionQuery { identity: identity.to_vec(), place, version, now };
    match settled.session_ticket.as_deref() {
        Some(ticket) if !ticket.is_empty() => resumption.tickets.as_ref().map(|_| query(ticket, SessionPlace::Ticket)),
        _ if settled.legacy_session_id.is_empty() => None,
        _ => resumption.store.as_ref().map(|_| query(&settled.legacy_session_id, SessionPlace::Store)),
    }
}

fn look_up(settled: &Settled, query: &SessionQuery) -> Decision<Option<Box<ServerSession>>> {
    let resumption = &settled.config.resumption;
    match (query.place, &resumption.tickets, &resumption.store) {
        (SessionPlace::Ticket, Some(tickets), _) => tickets.open(&query.identity, query.now),
        (SessionPlace::Store, _, Some(store)) => store.get(&query.identity),
        _ => Decision::Now(None),
    }
}

/// ClientHello is read and names a session, which is looked for elsewhere.
pub(crate) struct AskSession {
    settled: Settled,
}

impl AskSession {
    /// Resumes the session if all of it fits.
    pub(super) fn accept(self, session: Option<Box<ServerSession>>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { settled } = self;
        let now = settled.config.preferences.now();
        let Some((session, now)) = session.zip(now) else { return choose_identity(settled, out) };
        match find_suite(&settled, &session, now)? {
            Some((suite, master_secret)) => resume(settled, session, suite, master_secret, now, out),
            None => choose_identity(settled, out),
        }
    }
}

/// Checks that the session may be resumed by this hello, and says with which suite and secret.
fn find_suite(
    settled: &Settled,
    session: &ServerSession,
    now: Time,
) -> Result<Option<(SuiteTls12, MasterSecret)>, Error> {
    // 1. A session of this version, not too old, and of the same rules about who may come in.
    let config = &settled.config;
    let same_rules = config.binding().is_some_and(|binding| binding == session.configuration);
    if session.version != ProtocolVersion::TLSv1_2 || !session.is_alive(now) || !same_rules {
        return Ok(None);
    }
    // 2. A client that must show a certificate has shown one.
    if matches!(config.client_auth, ClientAuth::Require(_)) && session.client_chain.is_empty() {
        return Ok(None);
    }
    // 3. The same name, and types of certificate that both ends still take. RFC 6066 §3.
    let same_name = session.is_for(settled.hello.server_name.as_deref());
    if !same_name || !still_taken(config, &settled.hello, session) {
        return Ok(None);
    }
    // 4. Extended master secret as it was: without it now, the hello is not of the client whose session it is; without it
    // then, a full handshake is the better one. RFC 7627 §5.3.
    match (session.extended_master_secret, settled.extended_master_secret) {
        (true, false) => return Err(Violation::ExtendedMasterSecretChanged.into()),
        (false, true) => return Ok(None),
        (true, true) | (false, false) => {}
    }
    // 5. The same length of fragments, which is the session's and not agreed on anew. RFC 6066 §4.
    if session.record_limit != settled.record_sizes.fragment_len() {
        return Ok(None);
    }
    // 6. The same suite, which both ends still want. RFC 5246 §7.4.1.2.
    let suite = settled.suites.iter().find(|row| row.suite.id == session.cipher_suite);
    Ok(suite.and_then(|row| Some((*row, MasterSecret::of_session(row.suite, &session.secret)?))))
}

/// Sends ServerHello, NewSessionTicket if it is time for one, change_cipher_spec and Finished. RFC 5246 §7.3.
fn resume(
    settled: Settled,
    mut session: Box<ServerSession>,
    suite: SuiteTls12,
    master_secret: MasterSecret,
    now: Time,
    out: &mut Outgoing,
) -> Result<State, Error> {
    // 1. ServerHello, which announces a new ticket to a client that takes one, if it is time.
    let takes_tickets = settled.config.resumption.tickets.is_some() && settled.session_ticket.is_some();
    let renewed = takes_tickets && renew(&settled.config, &mut session, now);
    let keeping = if renewed { Keeping::Ticket } else { Keeping::Nothing };
    let certificate_types = SettledTypes::of_session(&settled.hello, &session);
    let (group, kind, server_end_point) = (session.group, Kind::Abbreviated, session.server_end_point.clone());
    let reply = Reply { suite, group, keeping, kind, certificate_types, server_end_point };
    let mut handshake = server_hello::send(settled, reply, out)?;
    let provider = handshake.provider();
    if let Some(key_log) = &handshake.config.preferences.key_log {
        key_log.log("CLIENT_RANDOM", &handshake.randoms.client, master_secret.secret().expose());
    }

    // 2. The same session, under the ticket key of today.
    if renewed {
        send_ticket(&mut handshake, Some(&session), out)?;
    }

    // 3. New keys of the old secret, and our Finished under them. RFC 5246 §6.3, §7.4.9.
    let KeyBlock { client, server } = master_secret.key_block(&*provider, &handshake.randoms).map_err(crypto_failed)?;
    out.change_cipher_spec();
    out.write_keys(Level::Application, server);
    let verify_data = master_secret.server_verify_data(&*provider, &handshake.transcript.current());
    let first_finished = verify_data.map_err(crypto_failed)?;
    let finished = Finished { verify_data: first_finished.expose() };
    out.send(Level::Application, &finished, &mut handshake.transcript)?;

    out.read_change_cipher_spec(ChangeCipherSpecs::Awaited);
    let state = WaitChangeCipherSpec { handshake, session, master_secret, client_keys: client, first_finished };
    Ok(State::WaitChangeCipherSpecResumed(state))
}

/// Our Finished is sent.
pub(crate) struct WaitChangeCipherSpec {
    handshake: Handshake,
    session: Box<ServerSession>,
    master_secret: MasterSecret,
    client_keys: TrafficKeys,
    /// verify_data of our Finished.
    first_finished: Secret,
}

impl WaitChangeCipherSpec {
    /// Opens what comes from now on.
    pub(super) fn accept(self, boundary: RecordBoundary, out: &mut Outgoing) -> State {
        let Self { handshake, session, master_secret, client_keys, first_finished } = self;
        out.read_keys(Level::Application, client_keys, boundary);
        State::WaitFinishedResumed(WaitFinished { handshake, session, master_secret, first_finished })
    }
}

/// The client's records are protected.
pub(crate) struct WaitFinished {
    handshake: Handshake,
    session: Box<ServerSession>,
    master_secret: MasterSecret,
    first_finished: Secret,
}

impl WaitFinished {
    /// Checks the client's Finished, which proves that the session is its own. RFC 5246 §7.4.9.
    pub(super) fn accept(self, message: Incoming<'_>) -> Result<Progress<State>, Error> {
        let Self { handshake, session, master_secret, first_finished } = self;
        let provider = handshake.provider();
        message.boundary()?;
        let finished: Finished<'_> = message.parse()?;
        let expected = master_secret.client_verify_data(&*provider, &handshake.transcript.current());
        let proof = VerifiedFinished::check_tls12(&expected.map_err(crypto_failed)?, &finished)?;
        let authenticated = Authenticated::by_session(&proof, session.client_chain, session.client_scheme);
        let negotiated = handshake.negotiated();
        let kept = (master_secret, handshake.randoms, handshake.extended_master_secret);
        Ok(ConnectedTls12::establish(provider, kept, &first_finished, proof, authenticated, negotiated))
    }
}
