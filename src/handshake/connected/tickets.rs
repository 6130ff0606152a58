//! What a client keeps to make sessions of the tickets that come. RFC 8446 §4.6.1.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::CertificateDer;

use crate::clock::Time;
use crate::config::{ClientConfig, ClientSessionQuery};
use crate::crypto::{Secret, Suite};
use crate::error::Error;
use crate::handshake::proof::crypto_failed;
use crate::keys::resumption_psk;
use crate::resume::{ClientSession, MAX_SESSION_LIFETIME, remaining_lifetime};
use crate::wire::{NamedGroup, NewSessionTicket, NewSessionTicketExtension, ProtocolVersion, SignatureScheme};

/// The part of a session that all tickets of a connection share.
pub(crate) struct TicketKeeper {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) query: ClientSessionQuery,
    pub(crate) suite: Suite,
    pub(crate) group: NamedGroup,
    pub(crate) resumption_secret: Secret,
    pub(crate) application_protocol: Option<Vec<u8>>,
    pub(crate) server_chain: Arc<[CertificateDer<'static>]>,
    pub(crate) server_scheme: Option<SignatureScheme>,
    pub(crate) authenticated: Time,
}

impl TicketKeeper {
    /// Puts a ticket's session away. One that lives for no time at all is let go; what claims to live for more than seven days
    /// does not.
    pub(super) fn keep(&self, ticket: &NewSessionTicket<'_>) -> Result<(), Error> {
        let preferences = &self.config.preferences;
        let Some((store, now)) = self.config.resumption.store.as_ref().zip(preferences.now()) else { return Ok(()) };
        let lifetime = ticket.ticket_lifetime.min(MAX_SESSION_LIFETIME);
        let lifetime = remaining_lifetime(lifetime, self.authenticated, &self.server_chain, now);
        let Some(lifetime) = lifetime else { return Ok(()) };
        let max_early_data = ticket.extensions.iter().find_map(|extension| match extension {
            NewSessionTicketExtension::EarlyData(max_early_data_size) => Some(*max_early_data_size),
            NewSessionTicketExtension::Unknown(_) => None,
        });
        let psk = resumption_psk(&*preferences.provider, self.suite, &self.resumption_secret, ticket.ticket_nonce);
        let session = ClientSession {
            version: ProtocolVersion::TLSv1_3,
            cipher_suite: self.suite.id,
            secret: psk.map_err(crypto_failed)?,
            group: self.group,
            ticket: ticket.ticket.to_vec(),
            session_id: Vec::new(),
            received: now,
            lifetime,
            authenticated: self.authenticated,
            ticket_age_add: ticket.ticket_age_add,
            max_early_data: max_early_data.unwrap_or(0),
            configuration: self.query.configuration,
            server_name: self.query.server_name.clone(),
            application_protocol: self.application_protocol.clone(),
            server_chain: Arc::clone(&self.server_chain),
            server_scheme: self.server_scheme,
            extended_master_secret: true,
        };
        store.put(&self.query, Box::new(session));
        Ok(())
    }
}
