//! What a client remembers of a connection.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use pki_types::CertificateDer;

use crate::clock::Time;
use crate::crypto::{Provider, Secret};
use crate::wire::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// What a client remembers of a connection: enough to resume it once more.
pub struct ClientSession {
    pub(crate) version: ProtocolVersion,
    pub(crate) cipher_suite: CipherSuite,
    /// In TLS 1.3 the ticket's PSK, in TLS 1.2 the master secret.
    pub(crate) secret: Secret,
    pub(crate) group: NamedGroup,
    /// Empty if the server knows the session by its id alone.
    pub(crate) ticket: Vec<u8>,
    /// TLS 1.2 alone.
    pub(crate) session_id: Vec<u8>,
    pub(crate) received: Time,
    /// In seconds.
    pub(crate) lifetime: u32,
    /// When the full handshake was whose certificates still count.
    pub(crate) authenticated: Time,
    pub(crate) ticket_age_add: u32,
    pub(crate) max_early_data: u32,
    /// What the configuration decides about servers: another one does not resume the session.
    pub(crate) configuration: [u8; 32],
    pub(crate) server_name: String,
    pub(crate) application_protocol: Option<Vec<u8>>,
    pub(crate) server_chain: Arc<[CertificateDer<'static>]>,
    pub(crate) server_scheme: Option<SignatureScheme>,
    pub(crate) extended_master_secret: bool,
}

/// Why a written session is not read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionRefused {
    /// These are not the bytes of a session.
    NotASession,
    /// The session was written by another version of this library.
    UnknownVersion,
    /// The session was made under another configuration.
    OtherConfiguration,
    /// The bytes were altered.
    Altered,
}

impl ClientSession {
    pub(crate) fn write(&self, _provider: &dyn Provider) -> Option<Secret> {
        todo!()
    }

    pub(crate) fn read(
        _provider: &dyn Provider,
        _configuration: &[u8; 32],
        _bytes: &[u8],
    ) -> Result<Self, SessionRefused> {
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

    /// Returns a second session with the same content: TLS 1.2 may resume one more than once.
    pub(crate) fn duplicate(&self) -> Self {
        todo!()
    }
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession").field("version", &self.version).finish_non_exhaustive()
    }
}
