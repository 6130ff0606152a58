//! NewSessionTicket: what lets the client come back. RFC 8446 §4.6.1.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::key_exchange::Handshake;
use crate::clock::Time;
use crate::config::{AntiReplay, EarlyDataPolicy, SealTickets, ServerConfig, ServerResumption, ServerSessionStore};
use crate::crypto::{Digest, Provider, Secret, Suite};
use crate::error::Error;
use crate::handshake::connected::authentication::{AskingServer, KeptTickets};
use crate::handshake::proof::{Authenticated, VerifiedFinished, crypto_failed};
use crate::handshake::{Negotiated, Outgoing};
use crate::keys::resumption_psk;
use crate::record::Level;
use crate::resume::{MAX_SESSION_LIFETIME, ServerSession, remaining_lifetime};
use crate::wire::{
    CertificateType, ExtensionType, NamedGroup, NewSessionTicket, NewSessionTicketExtension, ProtocolVersion,
    UnknownExtension, grease_value, write_message,
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
    let Some(_) = Keeper::of(&config.resumption).filter(|_| gets_tickets(handshake, authenticated)) else {
        return Ok(());
    };
    let tickets = Tickets {
        config,
        suite: handshake.suite,
        group: handshake.group,
        server_end_point: handshake.server_end_point.as_deref(),
        server_name: handshake.server_name.as_ref(),
        application_protocol: handshake.application_protocol.as_ref(),
        authenticated,
        authenticated_at: handshake.authenticated_at,
        server_certificate_type: handshake.certificate_types.server,
    };
    tickets.send(0, || resumption_secret(handshake), out)
}

/// A session could not tell by which external PSK the client was known, nor when that is taken back.
fn gets_tickets(handshake: &Handshake, authenticated: &Authenticated) -> bool {
    handshake.client_resumes && !matches!(authenticated, Authenticated::ByExternalPsk { .. })
}

/// Over ClientHello…client Finished. RFC 8446 §7.1.
fn resumption_secret(handshake: &Handshake) -> Result<Secret, Error> {
    let hash = handshake.transcript.current();
    handshake.main_secret.resumption_secret(&*handshake.provider(), &hash).map_err(crypto_failed)
}

/// Keeps what tickets after the handshake are made of, if the client gets any. There are none where the handshake itself asks for
/// certificates and trusts others than are trusted after it: a session would come back as one of its own.
pub(super) fn keep_tickets(handshake: &Handshake, authenticated: &Authenticated) -> Result<Option<KeptTickets>, Error> {
    let resumption = &handshake.config.resumption;
    let trusts_alike = handshake.config.trusts_alike_after_the_handshake();
    if Keeper::of(resumption).is_none() || !gets_tickets(handshake, authenticated) || !trusts_alike {
        return Ok(None);
    }
    Ok(Some(KeptTickets {
        suite: handshake.suite,
        resumption_secret: resumption_secret(handshake)?,
        next_nonce: u16::from(resumption.tickets_per_handshake),
        server_certificate_type: handshake.certificate_types.server,
    }))
}

/// Sends as many again to a client that has shown who it is after the handshake, which its sessions say from now on.
pub(super) fn send_more_tickets(
    asking: &mut AskingServer,
    negotiated: &Negotiated,
    authenticated: &Authenticated,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let Some(kept) = &mut asking.tickets else { return Ok(()) };
    let tickets = Tickets {
        config: &asking.config,
        suite: kept.suite,
        group: negotiated.group,
        server_end_point: negotiated.server_end_point.as_deref(),
        server_name: negotiated.server_name.as_ref(),
        application_protocol: negotiated.application_protocol.as_ref(),
        authenticated,
        authenticated_at: None,
        server_certificate_type: kept.server_certificate_type,
    };
    let first = kept.next_nonce;
    kept.next_nonce = first.saturating_add(u16::from(asking.config.resumption.tickets_per_handshake));
    tickets.send(first, || Ok(kept.resumption_secret.duplicate()), out)
}

/// What the sessions of one authentication have in common.
struct Tickets<'t> {
    config: &'t ServerConfig,
    suite: Suite,
    group: NamedGroup,
    server_end_point: Option<&'t Digest>,
    server_name: Option<&'t String>,
    application_protocol: Option<&'t Vec<u8>>,
    authenticated: &'t Authenticated,
    /// When it was, unless it is now.
    authenticated_at: Option<Time>,
    server_certificate_type: CertificateType,
}

impl Tickets<'_> {
    fn send(
        &self,
        first: u16,
        resumption_secret: impl FnOnce() -> Result<Secret, Error>,
        out: &mut Outgoing,
    ) -> Result<(), Error> {
        let resumption = &self.config.resumption;
        let Some(keeper) = Keeper::of(resumption) else { return Ok(()) };
        let Some((now, configuration)) = self.config.preferences.now().zip(self.config.binding()) else {
            return Ok(());
        };
        let authenticated_at = self.authenticated_at.unwrap_or(now);
        let chain = self.authenticated.chain();
        let longest = resumption.lifetime.min(keeper.max_lifetime());
        let Some(lifetime) = remaining_lifetime(longest, authenticated_at, &chain, now) else { return Ok(()) };
        let provider = &*self.config.preferences.provider;
        let resumption_secret = resumption_secret()?;
        for number in 0..u16::from(resumption.tickets_per_handshake) {
            let nonce = Nonce::of(first.saturating_add(number));
            let psk = resumption_psk(provider, self.suite, &resumption_secret, nonce.bytes()).map_err(crypto_failed)?;
            let session = ServerSession {
                version: ProtocolVersion::TLSv1_3,
                cipher_suite: self.suite.id,
                secret: psk,
                group: self.group,
                record_limit: 0,
                server_end_point: self.server_end_point.copied().map(Box::new),
                created: now,
                lifetime,
                authenticated: authenticated_at,
                configuration,
                server_name: self.server_name.cloned(),
                application_protocol: self.application_protocol.cloned(),
                client_chain: chain.clone(),
                client_scheme: self.authenticated.scheme(),
                server_certificate_type: self.server_certificate_type,
                extended_master_secret: true,
                ticket_age_add: u32::from_be_bytes(random(provider)?),
                max_early_data: resumption.early_data.as_ref().map_or(0, |policy| policy.max_bytes),
                early_data_realm: realm(resumption),
            };
            let Some(ticket) = keeper.put(provider, &session, now)? else { return Ok(()) };
            let grease = if self.config.grease { Some(random(provider)?) } else { None };
            send_ticket(&session, nonce.bytes(), &ticket, grease, out)?;
        }
        Ok(())
    }
}

/// The number of a ticket, which no other one of the connection has: one byte as long as that will do. RFC 8446 §4.6.1.
struct Nonce([u8; 2]);

impl Nonce {
    fn of(number: u16) -> Self {
        Self(number.to_be_bytes())
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            [0, low] => core::slice::from_ref(low),
            both => both,
        }
    }
}

fn send_ticket(
    session: &ServerSession,
    nonce: &[u8],
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
        ticket_nonce: nonce,
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
