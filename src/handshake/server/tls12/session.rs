//! What a server keeps of a handshake, in a ticket or in its store. RFC 5077 §3.3, RFC 5246 §F.1.4.

use alloc::vec::Vec;

use pki_types::CertificateDer;

use super::full::Handshake;
use super::hello::Settled;
use crate::clock::Time;
use crate::config::ServerConfig;
use crate::error::Error;
use crate::handshake::Outgoing;
use crate::handshake::proof::{Authenticated, crypto_failed};
use crate::keys::MasterSecret;
use crate::record::Level;
use crate::resume::{MAX_SESSION_LIFETIME, ServerSession, remaining_lifetime};
use crate::wire::{NewSessionTicketTls12, ProtocolVersion};

/// Where the session of a handshake goes. It is settled with ServerHello, which announces it.
pub(super) enum Keeping {
    /// Nowhere.
    Nothing,
    /// Into a ticket, which NewSessionTicket carries.
    Ticket,
    /// Into the store, under this id.
    Store([u8; 32]),
}

impl Keeping {
    /// A ticket for a client that knows them, a place in the store for one that does not. Without a clock nobody could tell
    /// how old the session is.
    pub(super) fn of(settled: &Settled) -> Result<Self, Error> {
        let (config, resumption) = (&settled.config, &settled.config.resumption);
        if config.preferences.now().is_none() || config.binding().is_none() {
            return Ok(Self::Nothing);
        }
        if resumption.tickets.is_some() && settled.session_ticket.is_some() {
            return Ok(Self::Ticket);
        }
        if resumption.store.is_none() {
            return Ok(Self::Nothing);
        }
        // Random, so that nobody guesses it, and never the client's own: that would say that its session is resumed.
        let mut id = [0; 32];
        config.preferences.provider.fill_random(&mut id).map_err(crypto_failed)?;
        Ok(Self::Store(id))
    }
}

/// Makes the session of a full handshake, whose client has proven all that it must.
pub(super) fn remember(
    handshake: &Handshake,
    authenticated: &Authenticated,
    master_secret: &MasterSecret,
) -> Option<ServerSession> {
    let config = &handshake.config;
    let now = config.preferences.now()?;
    let client_chain = authenticated.chain();
    Some(ServerSession {
        version: ProtocolVersion::TLSv1_2,
        cipher_suite: handshake.suite.suite.id,
        secret: master_secret.secret().duplicate(),
        group: handshake.group,
        record_limit: handshake.record_sizes.fragment_len(),
        server_end_point: handshake.server_end_point.clone(),
        created: now,
        lifetime: lifetime(config, &client_chain, now, now)?,
        authenticated: now,
        configuration: config.binding()?,
        server_name: handshake.hello.server_name.clone(),
        application_protocol: handshake.application_protocol.clone(),
        client_chain,
        client_scheme: authenticated.scheme(),
        server_certificate_type: handshake.certificate_types.server,
        extended_master_secret: handshake.extended_master_secret,
        ticket_age_add: 0,
        max_early_data: 0,
        early_data_realm: [0; 16],
    })
}

/// Lets a session that has lived more than half of its time last from now on, as far as the full handshake that it stands on
/// reaches; says whether it does.
pub(super) fn renew(config: &ServerConfig, session: &mut ServerSession, now: Time) -> bool {
    let age = now.as_millis().saturating_sub(session.created.as_millis());
    if age <= u64::from(session.lifetime) * 500 {
        return false;
    }
    let Some(lifetime) = lifetime(config, &session.client_chain, session.authenticated, now) else { return false };
    (session.created, session.lifetime) = (now, lifetime);
    true
}

/// In seconds: as the configuration says, and no longer than what keeps the session and what it stands on.
fn lifetime(config: &ServerConfig, chain: &[CertificateDer<'_>], authenticated: Time, now: Time) -> Option<u32> {
    let resumption = &config.resumption;
    let kept = resumption.tickets.as_ref().map_or(MAX_SESSION_LIFETIME, |tickets| tickets.max_lifetime());
    remaining_lifetime(resumption.lifetime.min(kept), authenticated, chain, now)
}

/// Sends NewSessionTicket. A ticket that was announced and cannot be sealed is an empty one. RFC 5077 §3.3.
pub(super) fn send_ticket(
    handshake: &mut Handshake,
    session: Option<&ServerSession>,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let sealed = session.and_then(|session| seal(handshake, session));
    let (ticket_lifetime_hint, ticket) = sealed.unwrap_or_default();
    let message = NewSessionTicketTls12 { ticket_lifetime_hint, ticket: &ticket };
    out.send(Level::Initial, &message, &mut handshake.transcript)
}

/// The seconds that the session lives, and the ticket.
fn seal(handshake: &Handshake, session: &ServerSession) -> Option<(u32, Vec<u8>)> {
    let ticket = handshake.config.resumption.tickets.as_ref()?.seal(session, session.created)?;
    let fits = u16::try_from(ticket.len()).is_ok();
    Some((session.lifetime, ticket)).filter(|_| fits)
}
