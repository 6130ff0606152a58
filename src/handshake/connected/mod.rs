//! What is left of a handshake on an established connection: what KeyUpdate and exporters need, by version.

pub(crate) mod authentication;
#[cfg(feature = "tls12")]
mod tls12;
mod tls13;

#[cfg(feature = "tls12")]
pub(crate) use tls12::ConnectedTls12;
pub(crate) use tls13::{ApplicationSecrets, ConnectedTls13, Kept, KeptSessions};

use authentication::AskingServer;

use super::Outgoing;
use super::negotiated::{HandshakeKind, Negotiated};
use super::proof::Authenticated;
use crate::crypto::{Provider, Secret};
use crate::error::{Error, Misuse};
use crate::keys::{RawKeys, TrafficSecret};

/// An established connection's secrets.
pub(crate) enum Connected {
    /// TLS 1.3.
    Tls13(ConnectedTls13),
    /// TLS 1.2.
    #[cfg(feature = "tls12")]
    Tls12(ConnectedTls12),
}

impl Connected {
    /// Notes that application data came.
    pub(crate) fn data_received(&mut self) {
        match self {
            Self::Tls13(connected) => connected.data_received(),
            #[cfg(feature = "tls12")]
            Self::Tls12(connected) => connected.data_received(),
        }
    }

    /// Returns the state's name.
    pub(crate) fn state(&self) -> &'static str {
        match self {
            Self::Tls13(connected) => connected.state(),
            #[cfg(feature = "tls12")]
            Self::Tls12(_) => CONNECTED,
        }
    }

    /// Says whether the client's answer to a request has begun and not ended: nothing else may come before the rest of it.
    /// RFC 8446 §4.6.2.
    pub(crate) fn is_in_flight(&self) -> bool {
        self.asking().is_some_and(|asking| asking.flight.is_some())
    }

    /// Says whether an answer to a request for our certificate waits in the output.
    #[cfg(feature = "std")]
    pub(crate) fn owes_answer(&self) -> bool {
        match self {
            Self::Tls13(connected) => connected.asked.as_ref().is_some_and(|asked| asked.answer_unsent),
            #[cfg(feature = "tls12")]
            Self::Tls12(_) => false,
        }
    }

    /// Lends what a server asks its client by, if that can be asked.
    pub(crate) fn asking(&self) -> Option<&AskingServer> {
        match self {
            Self::Tls13(connected) => connected.asking.as_deref(),
            #[cfg(feature = "tls12")]
            Self::Tls12(_) => None,
        }
    }

    /// Notes that all output was taken.
    pub(crate) fn output_taken(&mut self) {
        match self {
            Self::Tls13(connected) => connected.output_taken(),
            #[cfg(feature = "tls12")]
            Self::Tls12(connected) => connected.output_taken(),
        }
    }

    /// Says whether the write keys can be changed before they wear out.
    pub(crate) fn can_update_keys(&self) -> bool {
        matches!(self, Self::Tls13(_))
    }

    /// Sends a KeyUpdate and changes the write keys behind it. RFC 8446 §4.6.3.
    pub(crate) fn update_write_keys(&mut self, ask_peer: bool, out: &mut Outgoing) -> Result<(), Error> {
        match self {
            Self::Tls13(connected) => connected.update_write_keys(ask_peer, out),
            #[cfg(feature = "tls12")]
            Self::Tls12(_) => Err(Misuse::NoKeyUpdate.into()),
        }
    }

    /// Lends the secrets of reading and of writing, which TLS 1.3 alone has.
    pub(crate) fn traffic_secrets(&self) -> Option<(&TrafficSecret, &TrafficSecret)> {
        match self {
            Self::Tls13(connected) => Some(connected.traffic_secrets()),
            #[cfg(feature = "tls12")]
            Self::Tls12(_) => None,
        }
    }

    /// Derives the keys in use once more, as bytes: the client's, then the server's.
    pub(crate) fn raw_keys(&self, is_client: bool) -> Result<[RawKeys; 2], Error> {
        match self {
            Self::Tls13(connected) => connected.raw_keys(is_client),
            #[cfg(feature = "tls12")]
            Self::Tls12(connected) => connected.raw_keys(),
        }
    }

    /// Returns the channel binding of TLS 1.2. RFC 5929 §3.
    pub(crate) fn tls_unique(&self) -> Result<[u8; 12], Error> {
        match self {
            Self::Tls13(_) => Err(Misuse::NoTlsUnique.into()),
            #[cfg(feature = "tls12")]
            Self::Tls12(connected) => connected.tls_unique(),
        }
    }

    /// Lends the provider.
    pub(crate) fn provider(&self) -> &dyn Provider {
        match self {
            Self::Tls13(connected) => connected.provider(),
            #[cfg(feature = "tls12")]
            Self::Tls12(connected) => connected.provider(),
        }
    }

    /// Makes keying material for the application. RFC 8446 §7.5, RFC 5705 §4.
    pub(crate) fn export(&self, label: &[u8], context: Option<&[u8]>, len: usize) -> Result<Secret, Error> {
        match self {
            Self::Tls13(connected) => connected.export(label, context.unwrap_or_default(), len),
            #[cfg(feature = "tls12")]
            Self::Tls12(connected) => connected.export(label, context, len),
        }
    }
}

/// The state of a connection after the handshake. RFC 8446 §A.
pub(crate) const CONNECTED: &str = "Connected";

/// Writes down who the peer is.
pub(crate) fn identify(negotiated: &mut Negotiated, authenticated: Authenticated) {
    match authenticated {
        Authenticated::ByCertificate { chain, scheme } => {
            negotiated.peer_certificates = chain;
            negotiated.peer_signature_scheme = Some(scheme);
        }
        Authenticated::BySession { chain, scheme } => {
            negotiated.peer_certificates = chain;
            negotiated.peer_signature_scheme = scheme;
            negotiated.kind = HandshakeKind::Resumed;
        }
        Authenticated::ByExternalPsk { identity } => {
            negotiated.kind = HandshakeKind::ExternalPsk;
            negotiated.external_psk_identity = Some(identity);
        }
        Authenticated::Anonymous => {}
    }
}
