//! A provider without chance and the configurations over it, so that every run of an input is like the one before.

use std::sync::{Arc, OnceLock};

use bulla::clock::Time;
use bulla::crypto::{
    Aead, AeadAlgorithm, CryptoError, Digest, Hash, HashAlgorithm, KeyExchange, KeyRejected, Provider, Secret,
    SigningKey, StartedKeyExchange, VerificationAlgorithm, ring,
};
use bulla::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use bulla::wire::{CipherSuite, NamedGroup};
use bulla::{ClientConfig, Identity, Roots, ServerConfig};
use x25519_dalek::{PublicKey, StaticSecret};

pub const ROOT: &[u8] = include_bytes!("../../tests/support/identity/root.der");
pub const LEAF: &[u8] = include_bytes!("../../tests/support/identity/leaf.der");
pub const LEAF_KEY: &[u8] = include_bytes!("../../tests/support/identity/leaf_key.der");

/// The name that the leaf is for.
pub const NAME: &str = "server.test";

/// The moment at which everything takes place: 2026-01-01T00:00:00Z.
pub const NOW: Time = Time::from_secs(1_767_225_600);

/// The first group, of which a client sends a share.
pub const GROUP: NamedGroup = NamedGroup::x25519;

/// A second group, for HelloRetryRequest: X25519 again, because it takes keys that are written down, under the code
/// point of a group that nobody here has.
pub const OTHER_GROUP: NamedGroup = NamedGroup::x448;

/// `ring`'s primitives with Ed25519 (whose signatures have no chance in them), fixed bytes for random ones and fixed
/// key pairs.
#[derive(Debug)]
pub struct Fixed(Arc<dyn Provider>);

impl Provider for Fixed {
    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        out.fill(0x42);
        Ok(())
    }

    fn cipher_suites(&self) -> &[CipherSuite] {
        self.0.cipher_suites()
    }

    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn Hash>, CryptoError> {
        self.0.hash(algorithm)
    }

    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Result<Digest, CryptoError> {
        self.0.hmac(algorithm, key, parts)
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        self.0.aead(algorithm, key)
    }

    fn groups(&self) -> &[&dyn KeyExchange] {
        &[&FixedX25519(GROUP), &FixedX25519(OTHER_GROUP)]
    }

    fn verification_algorithms(&self) -> &[VerificationAlgorithm] {
        self.0.verification_algorithms()
    }

    fn signing_key(&self, key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, KeyRejected> {
        self.0.signing_key(key)
    }
}

#[derive(Debug)]
struct FixedX25519(NamedGroup);

struct Started {
    group: NamedGroup,
    private: StaticSecret,
    share: [u8; 32],
}

impl KeyExchange for FixedX25519 {
    fn group(&self) -> NamedGroup {
        self.0
    }

    fn start(&self, _: &dyn Provider) -> Result<Box<dyn StartedKeyExchange>, CryptoError> {
        let private = StaticSecret::from([0x17; 32]);
        let share = PublicKey::from(&private).to_bytes();
        Ok(Box::new(Started { group: self.0, private, share }))
    }
}

impl StartedKeyExchange for Started {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        let peer_share: [u8; 32] = peer_share.try_into().map_err(|_| CryptoError::InvalidShare)?;
        let secret = self.private.diffie_hellman(&PublicKey::from(peer_share));
        let good = secret.was_contributory();
        good.then(|| Secret::copy_from(secret.as_bytes())).ok_or(CryptoError::InvalidShare)
    }
}

/// The share that the scripted peer sends.
pub fn peer_share() -> [u8; 32] {
    PublicKey::from(&StaticSecret::from([0x29; 32])).to_bytes()
}

pub fn provider() -> Arc<dyn Provider> {
    static PROVIDER: OnceLock<Arc<dyn Provider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(Fixed(ring::provider()))).clone()
}

pub fn leaf_key() -> Arc<dyn SigningKey> {
    static KEY: OnceLock<Arc<dyn SigningKey>> = OnceLock::new();
    KEY.get_or_init(|| provider().signing_key(&pkcs8(LEAF_KEY)).unwrap()).clone()
}

pub fn pkcs8(der: &'static [u8]) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der))
}

pub fn identity() -> Identity {
    Identity::with_provider(vec![CertificateDer::from(LEAF)], &pkcs8(LEAF_KEY), provider()).unwrap()
}

pub fn roots() -> Arc<Roots> {
    static ROOTS: OnceLock<Arc<Roots>> = OnceLock::new();
    let make = || {
        let mut roots = Roots::new();
        roots.add_der(&CertificateDer::from(ROOT)).unwrap();
        Arc::new(roots)
    };
    ROOTS.get_or_init(make).clone()
}

pub fn client_config() -> ClientConfig {
    static CONFIG: OnceLock<ClientConfig> = OnceLock::new();
    let make = || {
        let config = ClientConfig::with_provider(roots(), provider()).clock(Arc::new(NOW)).identity(identity());
        config.alpn(["h2", "http/1.1"]).unwrap()
    };
    CONFIG.get_or_init(make).clone()
}

pub fn server_config() -> ServerConfig {
    static CONFIG: OnceLock<ServerConfig> = OnceLock::new();
    let make = || {
        let config = ServerConfig::with_provider(identity(), provider()).clock(Arc::new(NOW));
        config.alpn(["h2", "http/1.1"]).unwrap()
    };
    CONFIG.get_or_init(make).clone()
}
