//! What a server may say after the handshake: NewSessionTicket, KeyUpdate, and CertificateRequest if the client offered to
//! answer it. RFC 8446 §4.6.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::post_handshake_authentication::accept_certificate_request;
use crate::crypto::Suite;
use crate::error::{Error, Violation};
use crate::handshake::client::session::MAX_TICKET_LEN;
use crate::handshake::connected::{CONNECTED, ConnectedTls13, KeptSessions};
use crate::handshake::proof::crypto_failed;
use crate::handshake::{Incoming, Negotiated, Outgoing};
use crate::keys::resumption_psk;
use crate::resume::{ClientSession, remaining_lifetime};
use crate::wire::{ExtensionContext, HandshakeType, NewSessionTicket, NewSessionTicketExtension, allowed_in};

/// The table of CONNECTED. RFC 8446 §A.1.
pub(crate) fn receive(
    connected: &mut ConnectedTls13,
    negotiated: &Negotiated,
    message: Incoming<'_>,
    out: &mut Outgoing,
) -> Result<(), Error> {
    match message.handshake_type() {
        // Without the offer it is unexpected_message. RFC 8446 §4.6.2.
        HandshakeType::certificate_request => match connected.asked() {
            Some(asked) => accept_certificate_request(asked, message, out),
            None => Err(Violation::UnexpectedMessage(HandshakeType::certificate_request, CONNECTED).into()),
        },
        HandshakeType::new_session_ticket => accept_new_session_ticket(connected, negotiated, message),
        HandshakeType::key_update => connected.receive_key_update(message, out),
        got => Err(Violation::UnexpectedMessage(got, CONNECTED).into()),
    }
}

/// Reads a ticket and keeps its session; a client that keeps none lets it go, whatever it says. RFC 9846 §4.7.1.
fn accept_new_session_ticket(
    connected: &mut ConnectedTls13,
    negotiated: &Negotiated,
    message: Incoming<'_>,
) -> Result<(), Error> {
    let ticket: NewSessionTicket<'_> = message.parse()?;
    connected.count_ticket()?;
    if let Some(sessions) = connected.sessions()
        && let Some(session) = session_of(sessions, negotiated, &ticket)?
        && let Some(store) = &sessions.config.resumption.store
    {
        store.put(&sessions.query, Box::new(session));
    }
    Ok(())
}

/// Makes the session of a ticket, which ends with the ticket, with the server's certificates, and seven days behind the
/// handshake that showed them. RFC 8446 §4.6.1.
fn session_of(
    sessions: &KeptSessions,
    negotiated: &Negotiated,
    ticket: &NewSessionTicket<'_>,
) -> Result<Option<ClientSession>, Error> {
    let KeptSessions { config, query, resumption_secret, authenticated } = sessions;
    // 1. Is it worth keeping?
    let Some(received) = config.preferences.now() else { return Ok(None) };
    let chain = &negotiated.peer_certificates;
    let Some(lifetime) = remaining_lifetime(ticket.ticket_lifetime, *authenticated, chain, received) else {
        return Ok(None);
    };
    let Some(suite) = Suite::tls13(negotiated.cipher_suite).filter(|_| ticket.ticket.len() <= MAX_TICKET_LEN) else {
        return Ok(None);
    };
    // 2. Its PSK.
    let secret = resumption_psk(&*config.preferences.provider, suite, resumption_secret, ticket.ticket_nonce);
    let max_early_data = max_early_data(ticket)?;
    Ok(Some(ClientSession {
        version: negotiated.version,
        cipher_suite: negotiated.cipher_suite,
        secret: secret.map_err(crypto_failed)?,
        group: negotiated.group,
        ticket: ticket.ticket.to_vec(),
        session_id: Vec::new(),
        record_limit: negotiated.record_limit,
        received,
        lifetime,
        authenticated: *authenticated,
        ticket_age_add: ticket.ticket_age_add,
        max_early_data,
        configuration: query.configuration,
        server_name: query.server_name.clone(),
        application_protocol: negotiated.application_protocol.clone(),
        server_chain: chain.clone(),
        server_scheme: negotiated.peer_signature_scheme,
        extended_master_secret: true,
    }))
}

/// max_early_data_size, 0 if it is not there. A known extension that belongs elsewhere is refused. RFC 8446 §4.2, §4.6.1.
fn max_early_data(ticket: &NewSessionTicket<'_>) -> Result<u32, Error> {
    let mut max_early_data = 0;
    for extension in &ticket.extensions {
        let extension_type = extension.extension_type();
        match extension {
            NewSessionTicketExtension::EarlyData(max_early_data_size) => max_early_data = *max_early_data_size,
            NewSessionTicketExtension::Unknown(_) => {
                if allowed_in(extension_type, ExtensionContext::NewSessionTicket) == Some(false) {
                    let message = HandshakeType::new_session_ticket;
                    return Err(Violation::ExtensionNotAllowed(extension_type, message).into());
                }
            }
        }
    }
    Ok(max_early_data)
}
