//! What a client offers: writes ClientHello. RFC 8446 §4.1.2.

mod answers;
mod extensions;
mod look;

pub(in crate::handshake::client) use look::Look;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use pki_types::ServerName;

use super::psk::{OfferedPsk, write_binders};
use super::shares::KeyShares;
use crate::config::{ClientConfig, ClientSessionQuery};
use crate::error::Error;
use crate::keys::Transcript;
#[cfg(feature = "tls12")]
use crate::resume::ClientSession;
use crate::wire::{ClientHello, CompressionMethod, ExtensionType, ProtocolVersion, Random, write_message};

/// What a ClientHello says. A retry takes early data and unfit PSKs out of it, and nothing else changes.
pub(in crate::handshake::client) struct Offer {
    pub(in crate::handshake::client) config: Arc<ClientConfig>,
    pub(in crate::handshake::client) name: ServerName<'static>,
    pub(in crate::handshake::client) random: Random,
    /// The id of [`session_tls12`](Self::session_tls12), or made up.
    pub(in crate::handshake::client) legacy_session_id: Vec<u8>,
    /// What new sessions are kept under, where they are kept.
    pub(in crate::handshake::client) kept_under: Option<ClientSessionQuery>,
    /// The session that a server of TLS 1.2 may resume: by its ticket if it has one, otherwise by its id.
    #[cfg(feature = "tls12")]
    pub(in crate::handshake::client) session_tls12: Option<Box<ClientSession>>,
    /// The PSKs that a server of TLS 1.3 may choose.
    pub(in crate::handshake::client) psks: Vec<OfferedPsk>,
    /// Whether there were any in the last hello.
    pub(in crate::handshake::client) offers_psks: bool,
    /// Whether early data comes behind the hello, under the first PSK.
    pub(in crate::handshake::client) early_data: bool,
    /// How the hello looks beside what it says.
    pub(in crate::handshake::client) look: Look,
    /// What the server has answered to the application's own extensions.
    pub(in crate::handshake::client) answers: Vec<(ExtensionType, Box<[u8]>)>,
}

impl Offer {
    /// Writes a ClientHello: a pure function of the offer, of the time, and of what a retry adds.
    pub(in crate::handshake::client) fn write(
        &self,
        shares: Option<&KeyShares>,
        cookie: Option<&[u8]>,
        before: Option<&Transcript>,
    ) -> Result<Vec<u8>, Error> {
        let mut bytes = self.write_padded(shares, cookie, None)?;
        let missing = self.config.shape.pad_to.saturating_sub(bytes.len());
        if missing > 0 {
            // The extension's own header is worth four bytes. RFC 7685 §4.
            let padding = vec![0; missing.saturating_sub(4)];
            bytes = self.write_padded(shares, cookie, Some(&padding))?;
        }
        if !self.psks.is_empty() {
            write_binders(&*self.config.preferences.provider, &self.psks, before, &mut bytes)?;
        }
        #[cfg(test)]
        if let Some(recorded) = &self.config.preferences.recorded {
            return Ok(recorded.instead_of(bytes));
        }
        Ok(bytes)
    }

    /// Writes a ClientHello whose binders say nothing yet.
    fn write_padded(
        &self,
        shares: Option<&KeyShares>,
        cookie: Option<&[u8]>,
        padding: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        let grease = self.look.grease.as_ref().map(|grease| grease.cipher_suite);
        let client_hello = ClientHello {
            legacy_version: ProtocolVersion::TLSv1_2,
            random: self.random,
            legacy_session_id: &self.legacy_session_id,
            cipher_suites: grease.into_iter().chain(self.config.preferences.allowed_suites()).collect(),
            legacy_compression_methods: vec![CompressionMethod::null],
            extensions: Some(self.extensions(shares, cookie, padding)),
        };
        Ok(write_message(&client_hello)?)
    }

    /// Whether this hello offers a version.
    pub(in crate::handshake::client) fn offers(&self, version: ProtocolVersion) -> bool {
        self.config.preferences.allows(version)
    }

    /// The name for server_name: DNS names only, without a trailing dot. RFC 6066 §3.
    pub(in crate::handshake::client) fn host_name(&self) -> Option<&str> {
        match &self.name {
            ServerName::DnsName(name) => {
                let name = name.as_ref();
                Some(name.strip_suffix('.').unwrap_or(name))
            }
            _ => None,
        }
    }

    /// Shows a secret to the key log, if there is one. RFC 9850.
    pub(in crate::handshake::client) fn log(&self, label: &str, secret: &[u8]) {
        if let Some(key_log) = &self.config.preferences.key_log {
            key_log.log(label, &self.random.0, secret);
        }
    }
}
