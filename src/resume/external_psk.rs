//! Keys that both ends have from elsewhere. RFC 8446 §4.2.11, RFC 9257, RFC 9258.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::crypto::{CryptoError, HashAlgorithm, Provider, Secret};

/// A pre-shared key with its name and the one hash that it may be used with.
pub struct ExternalPsk {
    pub(crate) identity: Vec<u8>,
    pub(crate) secret: Secret,
    pub(crate) hash: HashAlgorithm,
    /// Whether it came through the importer, which its binder says. RFC 9258 §5.2.
    pub(crate) imported: bool,
}

impl ExternalPsk {
    /// Takes a key of at least 16 bytes; its identity is 1 to 65,535 bytes. The hash is SHA-256 unless both ends know better.
    pub fn new(_identity: &[u8], _key: &[u8], _hash: HashAlgorithm) -> Result<Self, PskRefused> {
        todo!()
    }

    /// Derives a key for each hash that TLS 1.3 has. RFC 9258 §5.1.
    pub fn import(
        _provider: &dyn Provider,
        _external_identity: &[u8],
        _context: &[u8],
        _key: &[u8],
        _key_hash: HashAlgorithm,
    ) -> Result<Vec<Arc<Self>>, CryptoError> {
        todo!()
    }

    /// Returns the name.
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }
}

/// Why a key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PskRefused {
    /// The identity is empty or longer than 65,535 bytes.
    Identity,
    /// The key is shorter than 16 bytes.
    TooShort,
}

/// The identity of an imported PSK. RFC 9258 §5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportedIdentity<'a> {
    /// The name of the external PSK.
    pub external_identity: &'a [u8],
    /// What sets this use apart from others.
    pub context: &'a [u8],
    /// The protocol: TLS 1.3 is 0x0304.
    pub target_protocol: u16,
    /// The KDF: HKDF_SHA256 is 1, HKDF_SHA384 is 2.
    pub target_kdf: u16,
}

impl fmt::Debug for ExternalPsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalPsk").field("hash", &self.hash).finish_non_exhaustive()
    }
}
