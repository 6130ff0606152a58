//! What is left of a TLS 1.3 handshake on an established connection: secrets for KeyUpdate and exporters.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::authentication::{AskedClient, AskingServer, Flight};
use super::{CONNECTED, Connected, identify};
use crate::clock::Time;
use crate::config::{ClientConfig, ClientSessionQuery};
use crate::crypto::{Provider, Secret};
use crate::error::{Error, Misuse, Violation};
use crate::handshake::negotiated::Negotiated;
use crate::handshake::proof::{Authenticated, VerifiedFinished, crypto_failed};
use crate::handshake::{Incoming, Outgoing, Progress};
use crate::keys::{ExporterSecret, RawKeys, TrafficSecret};
use crate::record::{Level, MAX_KEY_UPDATES, MAX_TICKETS};
use crate::wire::{KeyUpdate, KeyUpdateRequest, write_message};

/// An established connection's secrets.
pub(crate) struct ConnectedTls13 {
    provider: Arc<dyn Provider>,
    read_secret: TrafficSecret,
    write_secret: TrafficSecret,
    exporter_secret: ExporterSecret,
    /// KeyUpdates since the last application data, to bound what a peer can make us derive for nothing.
    key_updates_without_data: u32,
    /// Tickets since the last application data.
    tickets_without_data: u32,
    /// Whether an update_requested of ours is unanswered: there must not be a second one. RFC 9846 §4.7.3.
    update_requested: bool,
    /// Whether a KeyUpdate of ours still waits in the output: it answers every request that comes until it is taken, so
    /// that a peer cannot pile up answers in a connection that sends nothing. RFC 8446 §4.6.3.
    update_unsent: bool,
    /// What a client needs to keep sessions. In a box of its own, because most connections keep none.
    sessions: Option<Box<KeptSessions>>,
    /// What a client is asked for after the handshake, if it offered that.
    pub(crate) asked: Option<Box<AskedClient>>,
    /// What a server asks for after the handshake, if it may.
    pub(crate) asking: Option<Box<AskingServer>>,
}

/// What outlives the handshake where the configuration says so, each in a box of its own, because most connections keep none.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) sessions: Option<Box<KeptSessions>>,
    pub(crate) asked: Option<Box<AskedClient>>,
    pub(crate) asking: Option<Box<AskingServer>>,
}

/// What a client makes sessions of when tickets come.
pub(crate) struct KeptSessions {
    pub(crate) config: Arc<ClientConfig>,
    /// What they are kept under.
    pub(crate) query: ClientSessionQuery,
    pub(crate) resumption_secret: Secret,
    /// When the full handshake was whose certificates count.
    pub(crate) authenticated: Time,
}

/// The secrets of both directions at the end of the handshake.
pub(crate) struct ApplicationSecrets {
    pub(crate) read: TrafficSecret,
    pub(crate) write: TrafficSecret,
    pub(crate) exporter: ExporterSecret,
}

impl ConnectedTls13 {
    /// Establishes the connection, which takes proof of both the peer and the handshake.
    pub(crate) fn establish<S>(
        provider: Arc<dyn Provider>,
        secrets: ApplicationSecrets,
        _: VerifiedFinished,
        authenticated: Authenticated,
        mut negotiated: Negotiated,
        kept: Kept,
    ) -> Progress<S> {
        identify(&mut negotiated, authenticated);
        let connected = Self {
            provider,
            read_secret: secrets.read,
            write_secret: secrets.write,
            exporter_secret: secrets.exporter,
            key_updates_without_data: 0,
            tickets_without_data: 0,
            update_requested: false,
            update_unsent: false,
            sessions: kept.sessions,
            asked: kept.asked,
            asking: kept.asking,
        };
        Progress::Established(Box::new(Connected::Tls13(connected)), Box::new(negotiated))
    }

    /// Notes that application data came.
    pub(super) fn data_received(&mut self) {
        self.key_updates_without_data = 0;
        self.tickets_without_data = 0;
    }

    /// Counts a NewSessionTicket.
    pub(crate) fn count_ticket(&mut self) -> Result<(), Error> {
        self.tickets_without_data += 1;
        if self.tickets_without_data > MAX_TICKETS { Err(Violation::TooManyTickets.into()) } else { Ok(()) }
    }

    /// Lends what sessions are made of, if they are kept.
    pub(crate) fn sessions(&self) -> Option<&KeptSessions> {
        self.sessions.as_deref()
    }

    /// Notes that all output was taken.
    pub(super) fn output_taken(&mut self) {
        self.update_unsent = false;
        if let Some(asked) = &mut self.asked {
            asked.answer_unsent = false;
        }
    }

    /// Returns the state's name.
    pub(crate) fn state(&self) -> &'static str {
        match self.asking.as_ref().and_then(|asking| asking.flight.as_ref()) {
            None => CONNECTED,
            Some(Flight::WaitCertificateVerify(_)) => "ConnectedWaitCertificateVerify",
            Some(Flight::WaitFinished(_) | Flight::WaitFinishedOfNone(_)) => "ConnectedWaitFinished",
        }
    }

    /// Lends what a client is asked by, and the secret that its Finished is made with. RFC 8446 §4.4.4.
    pub(crate) fn asked(&mut self) -> Option<(&mut AskedClient, &TrafficSecret)> {
        Some((self.asked.as_deref_mut()?, &self.write_secret))
    }

    /// Lends what a server asks by, and the secret that the client's Finished is made with. RFC 8446 §4.4.4.
    pub(crate) fn asking(&mut self) -> Option<(&mut AskingServer, &TrafficSecret)> {
        Some((self.asking.as_deref_mut()?, &self.read_secret))
    }

    /// Follows the peer's KeyUpdate, and answers it if asked. RFC 8446 §4.6.3.
    pub(crate) fn receive_key_update(&mut self, message: Incoming<'_>, out: &mut Outgoing) -> Result<(), Error> {
        let boundary = message.boundary()?;
        let key_update: KeyUpdate = message.parse()?;
        self.key_updates_without_data += 1;
        if self.key_updates_without_data > MAX_KEY_UPDATES {
            return Err(Violation::TooManyKeyUpdates.into());
        }
        let asked = match key_update.request_update {
            KeyUpdateRequest::update_requested => true,
            KeyUpdateRequest::update_not_requested => false,
            _ => return Err(Violation::BadKeyUpdate.into()),
        };
        self.update_requested = false;
        self.read_secret = self.read_secret.next(&*self.provider).map_err(crypto_failed)?;
        let keys = self.read_secret.keys(&*self.provider).map_err(crypto_failed)?;
        out.read_keys(Level::Application, keys, boundary);
        if asked && !self.update_unsent {
            self.update_write_keys(false, out)?;
        }
        Ok(())
    }

    /// Sends a KeyUpdate and changes the write keys behind it. RFC 8446 §4.6.3.
    pub(super) fn update_write_keys(&mut self, ask_peer: bool, out: &mut Outgoing) -> Result<(), Error> {
        let ask_peer = ask_peer && !self.update_requested;
        let request_update =
            if ask_peer { KeyUpdateRequest::update_requested } else { KeyUpdateRequest::update_not_requested };
        // Whatever can fail comes before the message: behind it, the peer opens with the new keys alone.
        let message = write_message(&KeyUpdate { request_update })?;
        let next = self.write_secret.next(&*self.provider).map_err(crypto_failed)?;
        let keys = next.keys(&*self.provider).map_err(crypto_failed)?;
        out.send_bytes(Level::Application, message);
        out.write_keys(Level::Application, keys);
        self.write_secret = next;
        self.update_requested |= ask_peer;
        self.update_unsent = true;
        Ok(())
    }

    /// Lends the secrets of reading and of writing.
    pub(super) fn traffic_secrets(&self) -> (&TrafficSecret, &TrafficSecret) {
        (&self.read_secret, &self.write_secret)
    }

    /// Derives the keys in use once more: the client's, then the server's.
    pub(super) fn raw_keys(&self, is_client: bool) -> Result<[RawKeys; 2], Error> {
        let keys = |secret: &TrafficSecret| secret.raw_keys(&*self.provider).map_err(crypto_failed);
        let (client, server) =
            if is_client { (&self.write_secret, &self.read_secret) } else { (&self.read_secret, &self.write_secret) };
        Ok([keys(client)?, keys(server)?])
    }

    pub(super) fn provider(&self) -> &dyn Provider {
        &*self.provider
    }

    /// Makes keying material for the application. RFC 8446 §7.5.
    pub(super) fn export(&self, label: &[u8], context: &[u8], len: usize) -> Result<Secret, Error> {
        let exported = self.exporter_secret.export(&*self.provider, label, context, len);
        exported.map_err(|_| Error::Misuse(Misuse::BadExporterRequest))
    }
}
