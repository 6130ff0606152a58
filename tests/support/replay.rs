//! A provider around `ring`'s whose randomness, and if wanted whose X25519 key, is written down beforehand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bulla::crypto::{
    Aead, AeadAlgorithm, CryptoError, Digest, Hash, HashAlgorithm, KeyExchange, KeyRejected, Provider, Secret,
    SigningKey, StartedKeyExchange, VerificationAlgorithm, ring,
};
use bulla::wire::{CipherSuite, NamedGroup};
use pki_types::PrivateKeyDer;
use x25519_dalek::{PublicKey, StaticSecret};

/// Hands out the given random values, one per request, each of exactly the length that was asked for.
#[derive(Debug)]
pub(crate) struct Replay {
    inner: Arc<dyn Provider>,
    random: Mutex<VecDeque<Vec<u8>>>,
    groups: Option<[&'static dyn KeyExchange; 1]>,
}

#[allow(dead_code, reason = "each test program uses a part of it")]
impl Replay {
    pub(crate) fn new(random: &[&[u8]]) -> Self {
        let random = Mutex::new(random.iter().map(|value| value.to_vec()).collect());
        Self { inner: ring::provider(), random, groups: None }
    }

    /// Replaces all groups by x25519 with this private key.
    pub(crate) fn with_x25519(self, private: &[u8]) -> Self {
        let group: &'static FixedX25519 = Box::leak(Box::new(FixedX25519(private.try_into().unwrap())));
        Self { groups: Some([group]), ..self }
    }

    /// Fails if a random value was not asked for.
    pub(crate) fn assert_exhausted(&self) {
        assert!(self.random.lock().unwrap().is_empty(), "a random value was not used");
    }
}

impl Provider for Replay {
    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        let value = self.random.lock().unwrap().pop_front().ok_or(CryptoError::NoRandomness)?;
        out.copy_from_slice(&value);
        Ok(())
    }

    fn cipher_suites(&self) -> &[CipherSuite] {
        self.inner.cipher_suites()
    }

    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn Hash>, CryptoError> {
        self.inner.hash(algorithm)
    }

    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Result<Digest, CryptoError> {
        self.inner.hmac(algorithm, key, parts)
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        self.inner.aead(algorithm, key)
    }

    fn groups(&self) -> &[&dyn KeyExchange] {
        match &self.groups {
            Some(groups) => groups,
            None => self.inner.groups(),
        }
    }

    fn verification_algorithms(&self) -> &[VerificationAlgorithm] {
        self.inner.verification_algorithms()
    }

    fn signing_key(&self, key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, KeyRejected> {
        self.inner.signing_key(key)
    }
}

#[derive(Debug)]
struct FixedX25519([u8; 32]);

impl KeyExchange for FixedX25519 {
    fn group(&self) -> NamedGroup {
        NamedGroup::x25519
    }

    fn start(&self, _: &dyn Provider) -> Result<Box<dyn StartedKeyExchange>, CryptoError> {
        let private = StaticSecret::from(self.0);
        let share = PublicKey::from(&private).to_bytes();
        Ok(Box::new(StartedFixedX25519 { private, share }))
    }
}

struct StartedFixedX25519 {
    private: StaticSecret,
    share: [u8; 32],
}

impl StartedKeyExchange for StartedFixedX25519 {
    fn group(&self) -> NamedGroup {
        NamedGroup::x25519
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        let peer_share: [u8; 32] = peer_share.try_into().map_err(|_| CryptoError::InvalidShare)?;
        let secret = self.private.diffie_hellman(&PublicKey::from(peer_share));
        if secret.was_contributory() {
            Ok(Secret::copy_from(secret.as_bytes()))
        } else {
            Err(CryptoError::InvalidShare)
        }
    }
}
