//! A provider around `ring`'s whose randomness, and if wanted whose key exchange and the peer's signature, is written
//! down beforehand, and which notes the keys that its primitives are given.

use std::boxed::Box;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::vec::Vec;

use bulla::crypto::{
    Aead, AeadAlgorithm, CryptoError, Digest, Hash, HashAlgorithm, KeyExchange, KeyRejected, Provider, Secret,
    SigningKey, StartedKeyExchange, VerificationAlgorithm, ring,
};
use bulla::wire::{CipherSuite, NamedGroup, SignatureScheme};
use pki_types::{AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm};
use x25519_dalek::{PublicKey, StaticSecret};

/// Hands out the given random values, one per request, each of exactly the length that was asked for.
#[derive(Debug)]
pub(crate) struct Replay {
    inner: Arc<dyn Provider>,
    random: Mutex<VecDeque<Vec<u8>>>,
    groups: Vec<&'static dyn KeyExchange>,
    verification_algorithms: Vec<VerificationAlgorithm>,
    aead_keys: Mutex<Vec<Vec<u8>>>,
    hmac_keys: Mutex<Vec<Vec<u8>>>,
    /// What HKDF-Expand gives for an info, whatever the key.
    secrets: Vec<(Vec<u8>, Digest)>,
}

#[allow(dead_code, reason = "each test program uses a part of it")]
impl Replay {
    pub(crate) fn new(random: &[&[u8]]) -> Self {
        let inner = ring::provider();
        Self {
            random: Mutex::new(random.iter().map(|value| value.to_vec()).collect()),
            groups: Vec::new(),
            verification_algorithms: inner.verification_algorithms().to_vec(),
            aead_keys: Mutex::default(),
            hmac_keys: Mutex::default(),
            secrets: Vec::new(),
            inner,
        }
    }

    /// Replaces all groups that are not replayed by x25519 with this private key.
    pub(crate) fn with_x25519(self, private: &[u8]) -> Self {
        self.with_group(FixedX25519(private.try_into().unwrap()))
    }

    /// Replaces all groups that are not replayed by one whose shares and secret are known, and whose key is not.
    pub(crate) fn with_exchange(self, exchange: FixedExchange) -> Self {
        self.with_group(exchange)
    }

    fn with_group(mut self, group: impl KeyExchange + 'static) -> Self {
        self.groups.push(Box::leak(Box::new(group)));
        self
    }

    /// Accepts one signature with keys that `ring` does not take.
    pub(crate) fn with_signature(mut self, signature: FixedSignature) -> Self {
        let scheme = Some(signature.scheme);
        let algorithm: &'static FixedSignature = Box::leak(Box::new(signature));
        self.verification_algorithms.insert(0, VerificationAlgorithm { scheme, algorithm });
        self
    }

    /// Gives this secret for this info of HKDF-Expand: for a connection of which nothing is known but its key log.
    pub(crate) fn with_secret(mut self, info: Vec<u8>, secret: &[u8]) -> Self {
        self.secrets.push((info, Digest::new(secret).unwrap()));
        self
    }

    /// Fails if a random value was not asked for.
    pub(crate) fn assert_exhausted(&self) {
        assert!(self.random.lock().unwrap().is_empty(), "a random value was not used");
    }

    /// Returns the key of the AEAD that was made last.
    pub(crate) fn last_aead_key(&self) -> Vec<u8> {
        self.aead_keys.lock().unwrap().last().cloned().unwrap()
    }

    /// Returns the keys of all AEADs that were made, in order.
    pub(crate) fn aead_keys(&self) -> Vec<Vec<u8>> {
        self.aead_keys.lock().unwrap().clone()
    }

    /// Returns the key of the HMAC that was computed last.
    pub(crate) fn last_hmac_key(&self) -> Vec<u8> {
        self.hmac_keys.lock().unwrap().last().cloned().unwrap()
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
        self.hmac_keys.lock().unwrap().push(key.to_vec());
        if let [[], info, [1]] = parts
            && let Some((_, secret)) = self.secrets.iter().find(|(replayed, _)| replayed == info)
        {
            return Ok(*secret);
        }
        self.inner.hmac(algorithm, key, parts)
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        self.aead_keys.lock().unwrap().push(key.to_vec());
        self.inner.aead(algorithm, key)
    }

    fn groups(&self) -> &[&dyn KeyExchange] {
        if self.groups.is_empty() { self.inner.groups() } else { &self.groups }
    }

    fn verification_algorithms(&self) -> &[VerificationAlgorithm] {
        &self.verification_algorithms
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

/// An exchange of which a trace tells both shares and the secret, but of whose private keys nothing can be made here.
#[allow(dead_code, reason = "each test program uses a part of this file")]
#[derive(Clone, Debug)]
pub(crate) struct FixedExchange {
    pub(crate) group: NamedGroup,
    pub(crate) share: Vec<u8>,
    pub(crate) peer_share: Vec<u8>,
    pub(crate) secret: Vec<u8>,
    /// A share of another group that goes with it.
    pub(crate) component: Option<(NamedGroup, Vec<u8>)>,
}

impl KeyExchange for FixedExchange {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn start(&self, _: &dyn Provider) -> Result<Box<dyn StartedKeyExchange>, CryptoError> {
        Ok(Box::new(self.clone()))
    }
}

impl StartedKeyExchange for FixedExchange {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn component(&self) -> Option<(NamedGroup, &[u8])> {
        self.component.as_ref().map(|(group, share)| (*group, share.as_slice()))
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        if peer_share == self.peer_share { Ok(Secret::copy_from(&self.secret)) } else { Err(CryptoError::InvalidShare) }
    }
}

/// One signature over one message, good under any key of this kind: what a trace proves without its key.
#[allow(dead_code, reason = "each test program uses a part of this file")]
#[derive(Debug)]
pub(crate) struct FixedSignature {
    pub(crate) scheme: SignatureScheme,
    pub(crate) key_algorithm: AlgorithmIdentifier,
    pub(crate) message: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl SignatureVerificationAlgorithm for FixedSignature {
    fn verify_signature(&self, _: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if message == self.message && signature == self.signature { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key_algorithm
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.key_algorithm
    }
}
