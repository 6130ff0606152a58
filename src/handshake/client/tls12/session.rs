//! What a client keeps of a handshake. RFC 5077 §3.3, RFC 5246 §F.1.4.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::full::Handshake;
use crate::error::Error;
use crate::handshake::Incoming;
use crate::handshake::client::session::MAX_TICKET_LEN;
use crate::handshake::proof::{Authenticated, VerifiedFinished};
use crate::keys::MasterSecret;
use crate::resume::{ClientSession, remaining_lifetime};
use crate::wire::{NamedGroup, NewSessionTicketTls12, ProtocolVersion};

/// How long a session is kept of which the server does not say how long it lives, in seconds. RFC 5077 §3.3.
const UNSAID_LIFETIME: u32 = 7200;

/// A ticket that came. Nothing is made of it until the server's Finished has shown whose it is. RFC 5077 §3.3.
pub(super) struct Ticket {
    bytes: Vec<u8>,
    lifetime_hint: u32,
}

impl Ticket {
    /// Reads NewSessionTicket. An empty one says that the server has changed its mind, one that would not fit into a hello is
    /// of no use: `None`.
    pub(super) fn read(message: Incoming<'_>) -> Result<Option<Self>, Error> {
        let NewSessionTicketTls12 { ticket_lifetime_hint, ticket } = message.parse()?;
        let usable = (1..=MAX_TICKET_LEN).contains(&ticket.len());
        Ok(usable.then(|| Self { bytes: ticket.to_vec(), lifetime_hint: ticket_lifetime_hint }))
    }
}

/// Keeps the session of a full handshake, by the ticket that came, or else by the id that the server gave it.
pub(super) fn keep(
    handshake: &mut Handshake,
    authenticated: &Authenticated,
    master_secret: &MasterSecret,
    group: NamedGroup,
    _: &VerifiedFinished,
) {
    let Some(kept_under) = handshake.offer.kept_under.clone() else { return };
    let Some(now) = handshake.config().preferences.now() else { return };
    let (ticket, session_id, hint) = match handshake.ticket.take() {
        Some(ticket) => (ticket.bytes, Vec::new(), ticket.lifetime_hint),
        None => (Vec::new(), core::mem::take(&mut handshake.answered.session_id), 0),
    };
    let server_chain = authenticated.chain();
    let Some(lifetime) = remaining_lifetime(said(hint), now, &server_chain, now) else { return };
    if ticket.is_empty() && session_id.is_empty() {
        return;
    }
    let session = ClientSession {
        version: ProtocolVersion::TLSv1_2,
        cipher_suite: handshake.suite.suite.id,
        secret: master_secret.secret().duplicate(),
        group,
        ticket,
        session_id,
        record_limit: handshake.record_sizes.fragment_len(),
        received: now,
        lifetime,
        authenticated: now,
        ticket_age_add: 0,
        max_early_data: 0,
        configuration: kept_under.configuration,
        server_name: kept_under.server_name,
        application_protocol: handshake.answered.application_protocol.clone(),
        server_chain,
        server_scheme: authenticated.scheme(),
        extended_master_secret: handshake.answered.extended_master_secret,
    };
    put(handshake, Box::new(session));
}

/// Keeps a session that was resumed: by its new ticket if one came, otherwise as it was, for TLS 1.2 may resume it again.
/// A new ticket does not reach beyond what the full handshake allowed.
pub(super) fn keep_again(handshake: &mut Handshake, mut session: Box<ClientSession>, _: &VerifiedFinished) {
    let ticket = handshake.ticket.take().zip(handshake.config().preferences.now());
    if let Some((ticket, now)) = ticket {
        let lifetime =
            remaining_lifetime(said(ticket.lifetime_hint), session.authenticated, &session.server_chain, now);
        let Some(lifetime) = lifetime else { return };
        session.ticket = ticket.bytes;
        session.session_id.clear();
        (session.received, session.lifetime) = (now, lifetime);
    }
    put(handshake, session);
}

fn said(lifetime_hint: u32) -> u32 {
    if lifetime_hint == 0 { UNSAID_LIFETIME } else { lifetime_hint }
}

fn put(handshake: &Handshake, session: Box<ClientSession>) {
    if let Some((store, kept_under)) =
        handshake.config().resumption.store.as_ref().zip(handshake.offer.kept_under.as_ref())
    {
        store.put(kept_under, session);
    }
}
