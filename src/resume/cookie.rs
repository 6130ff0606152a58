//! Cookies that let a server forget its HelloRetryRequest. RFC 8446 §4.2.2.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::fields::{CLOCK_TOLERANCE, read_time, write_time};
use super::rotation::{KeysRefused, Rotation};
use crate::clock::Time;
use crate::crypto::{CryptoError, Digest, Provider};
use crate::wire::{CipherSuite, Malformed, NamedGroup, Reader, TooLong, Writer, read_all_with};

/// How long a cookie opens, in seconds. A client answers a HelloRetryRequest after one round trip; a minute also serves one
/// that must wake its key first, and what is older is no longer the same attempt.
pub const MAX_COOKIE_AGE: u32 = 60;

/// How long a key seals, in seconds. It opens for one period more, which is longer than any cookie lives.
const COOKIE_KEY_PERIOD: u32 = 600;

/// Sets cookies apart from tickets under the same secret.
const PURPOSE: &[u8] = b"bulla cookie keys 1";
/// The number of the period that stands where there is no time. No clock comes to it.
const NO_PERIOD: u64 = u64::MAX;

/// Seals and opens cookies: the server that sends a HelloRetryRequest may forget it, and another one of its fleet may go on.
///
/// A server that has no clock cannot tell a cookie's age. Its cookies have no time, are sealed under a random secret that
/// this value has beside a fleet's, and open with this very value alone, for as long as it lives.
pub struct CookieKeys {
    rotation: Rotation,
    /// Drawn here, never shared.
    without_clock: Rotation,
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
    pub fn random(provider: Arc<dyn Provider>) -> Result<Self, CryptoError> {
        let rotation = Rotation::random(provider.clone(), PURPOSE, COOKIE_KEY_PERIOD)?;
        Ok(Self { rotation, without_clock: Rotation::random(provider, PURPOSE, COOKIE_KEY_PERIOD)? })
    }

    /// Takes the secret of a fleet, at least [`MIN_SHARED_SECRET_LEN`](super::MIN_SHARED_SECRET_LEN) random bytes. It may be
    /// the one that the tickets are made from.
    pub fn from_shared_secret(provider: Arc<dyn Provider>, secret: &[u8]) -> Result<Self, KeysRefused> {
        let rotation = Rotation::from_shared_secret(provider.clone(), PURPOSE, secret, COOKIE_KEY_PERIOD)?;
        Ok(Self { rotation, without_clock: Rotation::random(provider, PURPOSE, COOKIE_KEY_PERIOD)? })
    }

    /// Seals a cookie, which opens for [`MAX_COOKIE_AGE`] seconds. A server without a clock gives `None`.
    pub(crate) fn seal(&self, cookie: &RetryCookie, now: Option<Time>) -> Result<Vec<u8>, CryptoError> {
        let mut plaintext = Vec::new();
        cookie.write(&mut Writer::new(&mut plaintext), now).map_err(|TooLong| CryptoError::Unsupported)?;
        match now {
            Some(now) => self.rotation.seal(self.rotation.number(now), &plaintext),
            None => self.without_clock.seal(NO_PERIOD, &plaintext),
        }
    }

    /// Opens a cookie; `None` for one that is too old, or not of these keys.
    pub(crate) fn open(&self, cookie: &[u8], now: Option<Time>) -> Option<RetryCookie> {
        if let Some(now) = now {
            let number = self.rotation.number(now);
            let periods = [Some(number), number.checked_sub(1), number.checked_add(1)];
            if let Some(plaintext) = self.rotation.open(periods.into_iter().flatten(), cookie) {
                let (sealed, cookie) = read_all_with(plaintext.expose(), RetryCookie::read).ok()?;
                return is_fresh(sealed, now).then_some(cookie);
            }
        }
        // Also where there is a time now: the clock may have been set between the two hellos.
        let plaintext = self.without_clock.open([NO_PERIOD], cookie)?;
        read_all_with(plaintext.expose(), RetryCookie::read).ok().map(|(_, cookie)| cookie)
    }
}

fn is_fresh(sealed: Time, now: Time) -> bool {
    let (sealed, now) = (sealed.as_millis(), now.as_millis());
    sealed <= now.saturating_add(CLOCK_TOLERANCE) && now.saturating_sub(sealed) <= u64::from(MAX_COOKIE_AGE) * 1000
}

impl RetryCookie {
    fn read(r: &mut Reader<'_>) -> Result<(Time, Self), Malformed> {
        let sealed = read_time(r)?;
        let cipher_suite = CipherSuite(r.u16()?);
        let group = NamedGroup(r.u16()?);
        let client_hello_hash = Digest::new(r.vector_u8(32..=48)?).ok_or(Malformed::LengthOutOfBounds)?;
        Ok((sealed, Self { cipher_suite, group, client_hello_hash }))
    }

    fn write(&self, w: &mut Writer<'_>, now: Option<Time>) -> Result<(), TooLong> {
        write_time(w, now.unwrap_or(Time::from_millis(0)));
        w.u16(self.cipher_suite.0);
        w.u16(self.group.0);
        w.vector_u8(32..=48, self.client_hello_hash.as_ref())
    }
}

impl fmt::Debug for CookieKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieKeys")
    }
}
