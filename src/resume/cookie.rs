//! Cookies that let a server forget its HelloRetryRequest. RFC 8446 §4.2.2.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::clock::Time;
use crate::crypto::{CryptoError, Digest, Provider, Secret};
use crate::wire::{CipherSuite, NamedGroup};

/// Seals and opens cookies.
pub struct CookieKeys {
    provider: Arc<dyn Provider>,
    secret: Secret,
}

/// What a HelloRetryRequest must remember.
pub(crate) struct RetryCookie {
    pub(crate) cipher_suite: CipherSuite,
    /// The group that was asked for.
    pub(crate) group: NamedGroup,
    /// Hash(ClientHello1). RFC 8446 §4.4.1.
    pub(crate) client_hello_hash: Digest,
}

impl CookieKeys {
    /// Draws the secret.
    pub fn random(_provider: Arc<dyn Provider>) -> Result<Self, CryptoError> {
        todo!()
    }

    /// Takes the secret of a fleet, at least 32 bytes.
    pub fn from_shared_secret(_provider: Arc<dyn Provider>, _secret: &[u8]) -> Result<Self, CryptoError> {
        todo!()
    }

    /// Seals a cookie, which opens for MAX_COOKIE_AGE seconds. A server without a clock gives `None`.
    pub(crate) fn seal(&self, _cookie: &RetryCookie, _now: Option<Time>) -> Result<Vec<u8>, CryptoError> {
        todo!()
    }

    pub(crate) fn open(&self, _cookie: &[u8], _now: Option<Time>) -> Option<RetryCookie> {
        todo!()
    }
}

impl fmt::Debug for CookieKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieKeys")
    }
}
