//! Keys that change with the clock, from one secret: whoever has the secret and the time has the key. No state, no lock.
//!
//! ```text
//! struct {
//!     opaque key_name[16];        which period's key
//!     opaque salt[32];            random: makes each box's AEAD key its own, so that its nonce can be zero
//!     opaque ciphertext[..];      AES-256-GCM; key_name and salt are the associated data
//!     opaque tag[16];
//! } Sealed;
//! ```
//!
//! Rotation bounds how much one key protects. It does not bound what the secret opens: who learns the secret opens everything
//! that was sealed under it, until the secret itself is replaced.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::crypto::{
    Aead, AeadAlgorithm, CryptoError, HashAlgorithm, NONCE_LEN, Provider, Secret, TAG_LEN, hkdf_expand, hkdf_extract,
};
use crate::wire::{TooLong, Writer};

/// Shortest secret of a fleet, in bytes: as much as the key that it becomes.
pub const MIN_SHARED_SECRET_LEN: usize = 32;

const KEY_NAME_LEN: usize = 16;
const SALT_LEN: usize = 32;
const HEAD_LEN: usize = KEY_NAME_LEN + SALT_LEN;
/// How many bytes sealing adds.
const OVERHEAD: usize = HEAD_LEN + TAG_LEN;

/// Why keys cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeysRefused {
    /// The shared secret is shorter than [`MIN_SHARED_SECRET_LEN`]; it has so many bytes.
    SecretTooShort(usize),
    /// The period is shorter than [`MIN_TICKET_PERIOD`](super::MIN_TICKET_PERIOD); it has so many seconds.
    PeriodTooShort(u32),
    /// The provider has not what it takes: randomness, HMAC-SHA256 or AES-256-GCM.
    Cryptography(CryptoError),
}

impl fmt::Display for KeysRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretTooShort(len) => write!(
                f,
                "the shared secret has {len} bytes and needs at least {MIN_SHARED_SECRET_LEN}, random ones (for example from `openssl rand 32`)"
            ),
            Self::PeriodTooShort(seconds) => write!(
                f,
                "ticket keys must live for at least {} seconds, not {seconds}: no session outlives its key",
                super::MIN_TICKET_PERIOD
            ),
            Self::Cryptography(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for KeysRefused {}

impl From<CryptoError> for KeysRefused {
    fn from(error: CryptoError) -> Self {
        Self::Cryptography(error)
    }
}

/// The root of the keys of one purpose.
pub(super) struct Rotation {
    provider: Arc<dyn Provider>,
    root: Secret,
    /// Seconds for which one key seals.
    period: u32,
}

impl Rotation {
    /// Draws the secret.
    pub(super) fn random(provider: Arc<dyn Provider>, purpose: &[u8], period: u32) -> Result<Self, CryptoError> {
        let mut secret = Secret::zeros(MIN_SHARED_SECRET_LEN);
        provider.fill_random(secret.expose_mut())?;
        Self::new(provider, purpose, secret.expose(), period)
    }

    /// Takes the secret of a fleet.
    pub(super) fn from_shared_secret(
        provider: Arc<dyn Provider>,
        purpose: &[u8],
        secret: &[u8],
        period: u32,
    ) -> Result<Self, KeysRefused> {
        if secret.len() < MIN_SHARED_SECRET_LEN {
            return Err(KeysRefused::SecretTooShort(secret.len()));
        }
        Ok(Self::new(provider, purpose, secret, period)?)
    }

    /// Tries what sealing will need, so that a provider without it is noticed now.
    fn new(provider: Arc<dyn Provider>, purpose: &[u8], secret: &[u8], period: u32) -> Result<Self, CryptoError> {
        let root = hkdf_extract(provider.as_ref(), HashAlgorithm::Sha256, purpose, secret)?;
        let rotation = Self { provider, root, period };
        rotation.key(&rotation.period_secret(0)?, &[0; SALT_LEN])?;
        Ok(rotation)
    }

    pub(super) fn period(&self) -> u32 {
        self.period
    }

    pub(super) fn number(&self, now: crate::clock::Time) -> u64 {
        now.as_secs() / u64::from(self.period.max(1))
    }

    /// Seals what `plaintext` holds with the key of period `number`.
    pub(super) fn seal(&self, number: u64, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut salt = [0; SALT_LEN];
        self.provider.fill_random(&mut salt)?;
        let aead = self.key(&self.period_secret(number)?, &salt)?;
        let mut sealed = Vec::with_capacity(plaintext.len().saturating_add(OVERHEAD));
        sealed.extend_from_slice(self.key_name(number)?.expose());
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(plaintext);
        let mut tag = [0; TAG_LEN];
        let (head, in_out) = sealed.split_at_mut_checked(HEAD_LEN).ok_or(CryptoError::Failed)?;
        if let Err(error) = aead.seal_in_place(&[0; NONCE_LEN], head, in_out, &mut tag) {
            // The plaintext may still stand there.
            drop(Secret::from_vec(sealed));
            return Err(error);
        }
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens what was sealed in one of these periods; `None` for anything else. The names are public: they stand in clear on
    /// the wire, and comparing them tells nothing that they do not.
    pub(super) fn open(&self, numbers: impl IntoIterator<Item = u64>, sealed: &[u8]) -> Option<Secret> {
        let (head, ciphertext) = sealed.split_at_checked(HEAD_LEN)?;
        let (key_name, salt) = head.split_at_checked(KEY_NAME_LEN)?;
        let is_named = |number: &u64| self.key_name(*number).is_ok_and(|name| name.expose() == key_name);
        let number = numbers.into_iter().find(is_named)?;
        let aead = self.key(&self.period_secret(number).ok()?, salt).ok()?;
        let mut in_out = Secret::copy_from(ciphertext);
        let len = aead.open_in_place(&[0; NONCE_LEN], head, in_out.expose_mut()).ok()?;
        Some(Secret::copy_from(in_out.expose().get(..len)?))
    }

    fn key_name(&self, number: u64) -> Result<Secret, CryptoError> {
        self.derive(b"key name", number, KEY_NAME_LEN)
    }

    fn period_secret(&self, number: u64) -> Result<Secret, CryptoError> {
        self.derive(b"period secret", number, 32)
    }

    /// The period's length is derived from too: where members of a fleet disagree on it, they do not know each other's keys.
    fn derive(&self, label: &[u8], number: u64, len: usize) -> Result<Secret, CryptoError> {
        let mut info = Vec::new();
        let mut w = Writer::new(&mut info);
        w.vector_u8(0..=255, label).map_err(|TooLong| CryptoError::Failed)?;
        w.u32(self.period);
        w.bytes(&number.to_be_bytes());
        hkdf_expand(self.provider.as_ref(), HashAlgorithm::Sha256, self.root.expose(), &info, len)
    }

    fn key(&self, period_secret: &Secret, salt: &[u8]) -> Result<alloc::boxed::Box<dyn Aead>, CryptoError> {
        let algorithm = AeadAlgorithm::Aes256Gcm;
        let provider = self.provider.as_ref();
        let key = hkdf_expand(provider, HashAlgorithm::Sha256, period_secret.expose(), salt, algorithm.key_len())?;
        provider.aead(algorithm, key.expose())
    }
}
