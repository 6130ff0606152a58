//! NewSessionTicket: what lets the client come back. RFC 8446 §4.6.1.

use alloc::vec::Vec;

use super::key_exchange::Handshake;
use crate::clock::Time;
use crate::config::{AntiReplay, EarlyDataPolicy, SealTickets, ServerResumption, ServerSessionStore};
use crate::crypto::Provider;
use crate::error::Error;
use crate::handshake::Outgoing;
use crate::handshake::proof::{Authenticated, VerifiedFinished, crypto_failed};
use crate::keys::resumption_psk;
use crate::record::Level;
use crate::resume::{MAX_SESSION_LIFETIME, ServerSession, remaining_lifetime};
use crate::wire::{
    ExtensionType, NewSessionTicket, NewSessionTicketExtension, ProtocolVersion, UnknownExtension, grease_value,
    write_message,
};

/// Sends as many tickets as the configuration says, each with a PSK of its own. Without a clock nobody could tell how old
/// they are, so that there are none.
pub(super) fn send_tickets(
    handshake: &Handshake,
    _: &VerifiedFinished,
    authenticated: &Authenticated,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let config = &handshake.config;
    let resumption = &config.resumption;
    // A session could not tell by which external PSK the client was known, nor when that is taken back.
    let is_external = matches!(authenticated, Authenticated::ByExternalPsk { .. });
    let wanted = handshake.client_resumes && !is_external;
    let Some(keeper) = Keeper::of(resumption).filter(|_| wanted) else { return Ok(()) };
    let Some((now, configuration)) = config.preferences.now().zip(config.binding()) else { return Ok(()) };
    let authenticated_at = handshake.authenticated_at.unwrap_or(now);
    let chain = authenticated.chain();
    let longest = resumption.lifetime.min(keeper.max_lifetime());
    let Some(lifetime) = remaining_lifetime(longest, authenticated_at, &chain, now) else { return Ok(()) };
    let provider = &*handshake.provider();
    let hash = handshake.transcript.current();
    let resumption_secret = handshake.main_secret.resumption_secret(provider, &hash).map_err(crypto_failed)?;
    for nonce in 0..resumption.tickets_per_handshake {
        let psk = resumption_psk(provider, handshake.suite, &resumption_secret, &[nonce]).map_err(crypto_failed)?;
        let session = ServerSession {
            version: ProtocolVersion::TLSv1_3,
            cipher_suite: handshake.suite.id,
            secret: psk,
            group: handshake.group,
            record_limit: 0,
            server_end_point: handshake.server_end_point.clone(),
            created: now,
            lifetime,
            authenticated: authenticated_at,
            configuration,
            server_name: handshake.server_name.clone(),
            application_protocol: handshake.application_protocol.clone(),
            client_chain: chain.clone(),
            client_scheme: authenticated.scheme(),
            server_certificate_type: handshake.certificate_types.server,
            extended_master_secret: true,
            ticket_age_add: u32::from_be_bytes(random(provider)?),
            max_early_data: resumption.early_data.as_ref().map_or(0, |policy| policy.max_bytes),
            early_data_realm: realm(resumption),
        };
        let Some(ticket) = keeper.put(provider, &session, now)? else { return Ok(()) };
        let grease = if config.grease { Some(random(provider)?) } else { None };
        send_ticket(&session, nonce, &ticket, grease, out)?;
    }
    Ok(())
}

fn send_ticket(
    session: &ServerSession,
    nonce: u8,
    ticket: &[u8],
    grease: Option<[u8; 1]>,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let mut extensions = Vec::new();
    if session.max_early_data > 0 {
        extensions.push(NewSessionTicketExtension::EarlyData(session.max_early_data));
    }
    if let Some([drawn]) = grease {
        let extension_type = ExtensionType(grease_value(drawn));
        let nothing = UnknownExtension { extension_type, extension_data: &[] };
        extensions.push(NewSessionTicketExtension::Unknown(nothing));
    }
    let message = NewSessionTicket {
        ticket_lifetime: session.lifetime,
        ticket_age_add: session.ticket_age_add,
        ticket_nonce: &[nonce],
        ticket,
        extensions,
    };
    out.send_bytes(Level::Application, write_message(&message)?);
    Ok(())
}

/// Who keeps the session: the client in a sealed ticket, or a store from which it can be taken out once, which early data may
/// depend on.
enum Keeper<'k> {
    Tickets(&'k dyn SealTickets),
    Store(&'k dyn ServerSessionStore),
}

impl<'k> Keeper<'k> {
    fn of(resumption: &'k ServerResumption) -> Option<Self> {
        let is_single_use = |policy: &EarlyDataPolicy| matches!(policy.anti_replay, AntiReplay::SingleUse);
        let tickets =
            resumption.tickets.as_deref().filter(|_| !resumption.early_data.as_ref().is_some_and(is_single_use));
        tickets.map(Self::Tickets).or_else(|| resumption.store.as_deref().map(Self::Store))
    }

    fn max_lifetime(&self) -> u32 {
        match self {
            Self::Tickets(tickets) => tickets.max_lifetime(),
            Self::Store(_) => MAX_SESSION_LIFETIME,
        }
    }

    /// Returns what the client is to give back.
    fn put(&self, provider: &dyn Provider, session: &ServerSession, now: Time) -> Result<Option<Vec<u8>>, Error> {
        match self {
            // What does not fit into a ticket is none. RFC 8446 §4.6.1.
            Self::Tickets(tickets) => Ok(tickets.seal(session, now).filter(|it| (1..=0xffff).contains(&it.len()))),
            Self::Store(store) => {
                let id: [u8; 32] = random(provider)?;
                store.put(&id, session);
                Ok(Some(id.to_vec()))
            }
        }
    }
}

/// The strike register that the ticket's early data will be held against.
fn realm(resumption: &ServerResumption) -> [u8; 16] {
    match resumption.early_data.as_ref().map(|policy| &policy.anti_replay) {
        Some(AntiReplay::StrikeRegister(register)) => register.realm(),
        Some(AntiReplay::SingleUse) | None => [0; 16],
    }
}

fn random<const N: usize>(provider: &dyn Provider) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    provider.fill_random(&mut bytes).map_err(crypto_failed)?;
    Ok(bytes)
}
