//! Looks for a session to resume, and says which one fits this configuration now. RFC 8446 §4.6.1, RFC 5077 §3.4.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use pki_types::{IpAddr, ServerName};

use super::Client;
use super::hello::send_client_hello;
use crate::clock::Time;
use crate::config::{ChainToVerify, ClientConfig, ClientSessionQuery, Decision, Verdict};
use crate::crypto::Suite;
#[cfg(feature = "tls12")]
use crate::crypto::SuiteTls12;
use crate::error::{Error, Internal};
#[cfg(feature = "tls12")]
use crate::handshake::record_sizes::fragment_bytes;
use crate::handshake::{Outgoing, QuestionKind};
use crate::resume::ClientSession;
use crate::verify::Purpose;
use crate::wire::ProtocolVersion;

/// The longest ticket that is kept: with the longest list of application protocols beside it, it still fits into a hello.
pub(crate) const MAX_TICKET_LEN: usize = 0x4000;

/// The application looks for a session.
pub(crate) struct AskSession {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl AskSession {
    /// Goes on with a session, or without.
    pub(super) fn accept(self, session: Option<Box<ClientSession>>, out: &mut Outgoing) -> Result<Client, Error> {
        judge_again(self.config, self.name, session, out)
    }
}

/// A session is found, and its chain waits to be judged once more.
pub(crate) struct AskSessionVerdict {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    session: Box<ClientSession>,
}

impl AskSessionVerdict {
    /// Says whether a verdict is about the session's chain.
    pub(super) fn takes(&self, verdict: &Verdict) -> bool {
        verdict.as_ref().ok().is_none_or(|accepted| accepted.is_about(&self.session.server_chain))
    }

    /// Offers the session of a server that is still to be trusted. Any other is as good as none: the server may have
    /// another certificate by now, which is judged when it shows it.
    pub(super) fn accept(self, verdict: Verdict, out: &mut Outgoing) -> Result<Client, Error> {
        let session = verdict.is_ok().then_some(self.session);
        send_client_hello(self.config, self.name, session, out).map(Client::WaitServerHello)
    }
}

/// Looks for a session to resume, at once or later. It is the hello's alone from then on, whatever becomes of it: in
/// TLS 1.3 a ticket is used once. RFC 8446 §C.4.
pub(super) fn start(config: Arc<ClientConfig>, name: ServerName<'static>, out: &mut Outgoing) -> Result<Client, Error> {
    let Some((store, query)) = config.resumption.store.as_ref().zip(session_query(&config, &name)) else {
        return send_client_hello(config, name, None, out).map(Client::WaitServerHello);
    };
    match store.take(&query) {
        Decision::Now(session) => judge_again(config, name, session, out),
        Decision::Refuse(alert) => Err(Error::Refused(alert)),
        Decision::Later => {
            out.ask(QuestionKind::FindClientSession(query));
            Ok(Client::AskSession(AskSession { config, name }))
        }
    }
}

/// Has the chain of a session that fits judged once more, if the application wants that: before the session is offered, so
/// that nothing is sent early to a server that is no longer trusted.
fn judge_again(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    session: Option<Box<ClientSession>>,
    out: &mut Outgoing,
) -> Result<Client, Error> {
    let mut session = match session {
        Some(session) if config.resumption.verifies_again && may_offer(&session, &config, &name) => session,
        session => return send_client_hello(config, name, session, out).map(Client::WaitServerHello),
    };
    // A chain of this connection's own: a verdict for the connection that made the session is none for this one.
    session.server_chain = session.server_chain.anew();
    let question = ChainToVerify {
        chain: session.server_chain.clone(),
        purpose: Purpose::Server,
        name: Some(name.clone()),
        now: config.preferences.now(),
        ocsp_response: session.server_ocsp_response.clone(),
        signed_certificate_timestamps: session.server_timestamps.clone(),
        certificate_schemes: config.preferences.certificate_schemes.clone(),
        roots: Arc::clone(&config.roots),
        raw_public_keys: Arc::clone(&config.certificate_types.trusted),
        provider: Arc::clone(&config.preferences.provider),
    };
    let verifier = Arc::clone(&config.verifier);
    let state = AskSessionVerdict { config, name, session };
    match verifier.verify(&question) {
        Decision::Now(verdict) if state.takes(&verdict) => state.accept(verdict, out),
        Decision::Now(_) => Err(Internal::VerdictAboutAnotherChain.into()),
        Decision::Refuse(alert) => Err(Error::Refused(alert)),
        Decision::Later => {
            out.ask(QuestionKind::VerifyChain(question));
            Ok(Client::AskSessionVerdict(state))
        }
    }
}

/// What sessions with this server are kept under. Without a store there are none, and without a clock nobody could tell
/// how old they are.
pub(super) fn session_query(config: &ClientConfig, name: &ServerName<'static>) -> Option<ClientSessionQuery> {
    config.resumption.store.as_ref()?;
    config.preferences.now()?;
    Some(ClientSessionQuery { server_name: written(name), configuration: config.binding()? })
}

/// The name as it is written, in lower case and without the dot of the root: names are the same with or without. RFC 9525 §6.3.
fn written(name: &ServerName<'_>) -> String {
    match name {
        ServerName::DnsName(name) => {
            let name = name.as_ref();
            name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
        }
        ServerName::IpAddress(IpAddr::V4(address)) => core::net::Ipv4Addr::from(*address.as_ref()).to_string(),
        ServerName::IpAddress(IpAddr::V6(address)) => core::net::Ipv6Addr::from(*address.as_ref()).to_string(),
        _ => String::new(),
    }
}

/// Says whether a session may be offered now to the server of this name.
fn may_offer(session: &ClientSession, config: &ClientConfig, name: &ServerName<'static>) -> bool {
    let known = session_query(config, name).zip(config.preferences.now());
    known.is_some_and(|(query, now)| fits(session, config, &query, now))
}

/// Says whether a session may be offered: it was made with this server under this configuration, is alive, and its version,
/// suite and signature are still among ours. What does not fit is dropped, and the handshake is a full one.
pub(super) fn fits(session: &ClientSession, config: &ClientConfig, query: &ClientSessionQuery, now: Time) -> bool {
    session.server_name == query.server_name
        && session.configuration == query.configuration
        && session.is_alive(now)
        && config.accepted_certificate_types().contains(&session.server_chain.certificate_type())
        && config.preferences.takes_signature(session.server_scheme)
        && session.ticket.len() <= MAX_TICKET_LEN
        && config.preferences.allows(session.version)
        && match session.version {
            // The hash is the PSK's; the suite may change. RFC 8446 §4.6.1.
            ProtocolVersion::TLSv1_3 => !session.ticket.is_empty() && suite_of_session(session, config).is_some(),
            #[cfg(feature = "tls12")]
            ProtocolVersion::TLSv1_2 => fits_tls12(session, config),
            _ => false,
        }
}

/// The suite itself must be the same. RFC 5246 §7.4.1.2. A session without extended master secret is not offered where it
/// would not be made any more. RFC 7627 §5.3.
#[cfg(feature = "tls12")]
fn fits_tls12(session: &ClientSession, config: &ClientConfig) -> bool {
    let mut suites = config.preferences.allowed_suites().filter_map(SuiteTls12::find);
    suites.any(|row| row.suite.id == session.cipher_suite)
        && (session.extended_master_secret || !config.preferences.requires_extended_master_secret)
        && fits_fragments(session, config)
        && (!session.ticket.is_empty() || (1..=32).contains(&session.session_id.len()))
}

/// A session has its max_fragment_length, which is not agreed on anew: it must be the one that we ask for. RFC 6066 §4. One without
/// is of a server that has said record_size_limit, or does not know either.
#[cfg(feature = "tls12")]
fn fits_fragments(session: &ClientSession, config: &ClientConfig) -> bool {
    let asked = fragment_bytes(config.max_fragment_length);
    session.record_limit == asked || session.record_limit == 0 && config.preferences.record_size_limit.is_some()
}

/// A suite of ours with the session's hash: its own, if it is still among them.
pub(super) fn suite_of_session(session: &ClientSession, config: &ClientConfig) -> Option<Suite> {
    let own = Suite::tls13(session.cipher_suite)?;
    let mut ours = config.preferences.allowed_suites().filter_map(Suite::tls13);
    if config.preferences.cipher_suites.contains(&own.id) { Some(own) } else { ours.find(|it| it.hash == own.hash) }
}
