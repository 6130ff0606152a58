//! What a server remembers of a connection.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use pki_types::CertificateDer;

use crate::clock::Time;
use crate::crypto::Secret;
use crate::wire::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// What a server remembers of a connection, sealed in a ticket or kept in a store.
pub struct ServerSession {
    pub(crate) version: ProtocolVersion,
    pub(crate) cipher_suite: CipherSuite,
    /// In TLS 1.3 the ticket's PSK, in TLS 1.2 the master secret.
    pub(crate) secret: Secret,
    pub(crate) group: NamedGroup,
    pub(crate) created: Time,
    /// In seconds.
    pub(crate) lifetime: u32,
    /// When the full handshake was whose certificates still count.
    pub(crate) authenticated: Time,
    /// What the configuration decides about clients: another one does not resume the session.
    pub(crate) configuration: [u8; 32],
    pub(crate) server_name: Option<String>,
    pub(crate) application_protocol: Option<Vec<u8>>,
    /// Empty if the client stayed unknown.
    pub(crate) client_chain: Arc<[CertificateDer<'static>]>,
    pub(crate) client_scheme: Option<SignatureScheme>,
    pub(crate) extended_master_secret: bool,
    pub(crate) ticket_age_add: u32,
    /// 0 where early data is not taken.
    pub(crate) max_early_data: u32,
    /// Names the strike register that early data is held against.
    pub(crate) early_data_realm: [u8; 16],
}

impl ServerSession {
    /// Writes the session out, for a store elsewhere. Whoever has these bytes can pose as the client.
    pub fn to_bytes(&self) -> Secret {
        todo!()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` for anything else.
    pub fn from_bytes(_bytes: &[u8]) -> Option<Self> {
        todo!()
    }

    /// Returns when the session ends.
    pub fn expires(&self) -> Time {
        todo!()
    }

    /// Says whether the session may be resumed at this time.
    pub(crate) fn is_alive(&self, _now: Time) -> bool {
        todo!()
    }
}

impl fmt::Debug for ServerSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSession").field("version", &self.version).finish_non_exhaustive()
    }
}
