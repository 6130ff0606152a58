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

#[cfg(all(test, feature = "ring", feature = "std"))]
mod tests {
    use super::*;
    use crate::crypto::ring::provider;

    fn keys(secret: u8) -> CookieKeys {
        CookieKeys::from_shared_secret(provider(), &[secret; 32]).unwrap()
    }

    fn cookie(hash: &[u8]) -> RetryCookie {
        RetryCookie {
            cipher_suite: CipherSuite::TLS_AES_256_GCM_SHA384,
            group: NamedGroup::secp384r1,
            client_hello_hash: Digest::new(hash).unwrap(),
        }
    }

    fn at(seconds: u64) -> Option<Time> {
        Some(Time::from_secs(seconds))
    }

    #[test]
    fn cookie_opens_as_what_it_was_with_a_clock_and_without() {
        for (hash, now) in [(&[5; 48][..], at(1_000)), (&[5; 32][..], at(0)), (&[5; 48][..], None)] {
            let keys = keys(1);
            let opened = keys.open(&keys.seal(&cookie(hash), now).unwrap(), now).unwrap();
            assert_eq!(opened.cipher_suite, CipherSuite::TLS_AES_256_GCM_SHA384);
            assert_eq!(opened.group, NamedGroup::secp384r1);
            assert_eq!(opened.client_hello_hash.as_ref(), hash);
        }
    }

    #[test]
    fn cookie_opens_for_a_minute_also_across_a_rotation() {
        let period = u64::from(COOKIE_KEY_PERIOD);
        for sealed in [7 * period, 7 * period + 300, 8 * period - 30, 8 * period - 1] {
            let keys = keys(1);
            let bytes = keys.seal(&cookie(&[5; 48]), at(sealed)).unwrap();
            for (now, opens) in
                [(sealed - 11, false), (sealed - 10, true), (sealed, true), (sealed + 60, true), (sealed + 61, false)]
            {
                assert_eq!(keys.open(&bytes, at(now)).is_some(), opens, "sealed at {sealed}, opened at {now}");
            }
        }
    }

    #[test]
    fn fleet_opens_its_own_cookies_and_nobody_elses() {
        let bytes = keys(1).seal(&cookie(&[5; 48]), at(1_000)).unwrap();
        assert!(keys(1).open(&bytes, at(1_000)).is_some());
        assert!(keys(2).open(&bytes, at(1_000)).is_none());
        assert!(CookieKeys::random(provider()).unwrap().open(&bytes, at(1_000)).is_none());
        // A ticket of the same secret is no cookie.
        let tickets = crate::resume::TicketKeys::from_shared_secret(provider(), &[1; 32], COOKIE_KEY_PERIOD).unwrap();
        let session = crate::resume::made::server_session_at(Time::from_secs(1_000), 60);
        assert!(keys(1).open(&tickets.seal(&session, Time::from_secs(1_000)).unwrap(), at(1_000)).is_none());
    }

    #[test]
    fn cookie_without_a_time_opens_with_the_same_keys_alone() {
        let keys_without_clock = keys(1);
        let bytes = keys_without_clock.seal(&cookie(&[5; 48]), None).unwrap();
        assert!(keys_without_clock.open(&bytes, None).is_some());
        assert!(keys_without_clock.open(&bytes, at(1_000_000)).is_some(), "the clock was set meanwhile");
        assert!(keys(1).open(&bytes, None).is_none(), "the fleet's secret opens a cookie without a time");
        let with_time = keys_without_clock.seal(&cookie(&[5; 48]), at(1_000)).unwrap();
        assert!(keys_without_clock.open(&with_time, None).is_none(), "its age is not known");
    }

    #[test]
    fn each_flipped_bit_and_each_prefix_of_a_cookie_is_refused() {
        let keys = keys(1);
        for now in [at(1_000), None] {
            let mut bytes = keys.seal(&cookie(&[5; 48]), now).unwrap();
            for len in 0..bytes.len() {
                assert!(keys.open(&bytes[..len], now).is_none(), "{len} bytes were opened");
            }
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(keys.open(&bytes, now).is_none(), "opened with bit {bit} flipped");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            assert!(keys.open(&bytes, now).is_some());
        }
    }

    #[test]
    fn short_shared_secret_is_refused() {
        let error = CookieKeys::from_shared_secret(provider(), &[1; 31]).unwrap_err();
        assert_eq!(error, KeysRefused::SecretTooShort(31));
    }
}
