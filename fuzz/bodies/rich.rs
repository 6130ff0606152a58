//! Configurations with all that is off by default switched on, as the input decides.

use std::sync::{Arc, OnceLock};

use bulla::config::compression::CompressCertificates;
use bulla::config::{
    ChooseServerConfig, ClientHelloShape, ClientHelloView, Decision, LocalSigner, PadToMultipleOf, Policy,
};
use bulla::crypto::SuiteTls12;
use bulla::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use bulla::verify::PeerCertificate;
use bulla::wire::{CipherSuite, ExtensionType, MaxFragmentLength, SignatureScheme};
use bulla::{ClientAuth, ClientConfig, Identity, Roots, ServerConfig};

use super::fixed::{self, GROUP, OTHER_GROUP};
use super::source::Source;

/// A leaf that may be delegated, its own authority, and its key.
pub const DELEGATING_ROOT: &[u8] = include_bytes!("../../tests/support/identity/delegating_root.der");
pub const DELEGATING_LEAF: &[u8] = include_bytes!("../../tests/support/identity/delegating_leaf.der");
const DELEGATING_KEY: &[u8] = include_bytes!("../../tests/support/identity/delegating_key.der");

pub const STAPLE: &[u8] = b"a response";
/// Two timestamps, with the list's length and theirs.
pub const TIMESTAMPS: &[u8] = &[0, 9, 0, 3, b'o', b'n', b'e', 0, 2, b'i', b't'];

/// What is switched on, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rich {
    features: u16,
    /// The record_size_limit of both ends.
    pub limit: u16,
}

pub const RAW_SERVER: u16 = 1;
pub const RAW_CLIENT: u16 = 1 << 1;
pub const ZLIB: u16 = 1 << 2;
pub const BROTLI: u16 = 1 << 3;
pub const DELEGATED: u16 = 1 << 4;
pub const TIMESTAMPED: u16 = 1 << 5;
pub const STAPLED: u16 = 1 << 6;
pub const LIMITED: u16 = 1 << 7;
pub const FRAGMENTS: u16 = 1 << 8;
pub const PADDED: u16 = 1 << 9;
pub const SHAPED: u16 = 1 << 10;
pub const ASKED_LATER: u16 = 1 << 11;
pub const CHOSEN: u16 = 1 << 12;
pub const POLICY: u16 = 1 << 13;
pub const AUTHORITIES: u16 = 1 << 14;

impl Rich {
    /// In TLS 1.2 raw keys stand in messages of their own, which no script here makes.
    pub fn new(source: &mut Source<'_>, suite: CipherSuite) -> Self {
        let (features, limit) = (source.u16(), 64 + source.u16() % 1000);
        let without = if SuiteTls12::find(suite).is_some() { RAW_SERVER | RAW_CLIENT } else { 0 };
        Self { features: features & !without, limit }
    }

    pub fn has(self, feature: u16) -> bool {
        self.features & feature != 0
    }

    /// The ways to compress certificates, if this build has them.
    pub fn compression(self) -> Vec<Arc<dyn CompressCertificates>> {
        let mut ways: Vec<Arc<dyn CompressCertificates>> = Vec::new();
        #[cfg(feature = "zlib")]
        if self.has(ZLIB) {
            ways.push(Arc::new(bulla::config::compression::Zlib));
        }
        #[cfg(feature = "brotli")]
        if self.has(BROTLI) {
            ways.push(Arc::new(bulla::config::compression::Brotli));
        }
        ways
    }

    /// Whom an end believes that judges certificates, or raw keys alone.
    fn roots(self, raw: u16) -> Arc<Roots> {
        let mut roots = Roots::new();
        if !self.has(raw) {
            roots.add_der(&CertificateDer::from(fixed::ROOT)).unwrap();
            roots.add_der(&CertificateDer::from(DELEGATING_ROOT)).unwrap();
        }
        Arc::new(roots)
    }

    /// How a server asks clients.
    pub fn client_auth(self, asks: bool) -> ClientAuth {
        if asks { ClientAuth::Require(self.roots(RAW_CLIENT)) } else { ClientAuth::None }
    }
}

/// The DER of the key that all here sign with.
pub fn public_key() -> &'static [u8] {
    static KEY: OnceLock<Vec<u8>> = OnceLock::new();
    let read = || PeerCertificate::read(&CertificateDer::from(fixed::LEAF)).unwrap().subject_public_key_info().to_vec();
    KEY.get_or_init(read)
}

/// The credential by which the delegating leaf vouches for the key that all here sign with.
pub fn credential() -> &'static [u8] {
    static CREDENTIAL: OnceLock<Vec<u8>> = OnceLock::new();
    let make = || {
        let issuer = Arc::new(delegating());
        issuer.issue_delegated_credential(public_key(), SignatureScheme::ed25519, fixed::NOW, 86_400).unwrap()
    };
    CREDENTIAL.get_or_init(make)
}

fn delegating() -> Identity {
    let chain = vec![CertificateDer::from(DELEGATING_LEAF)];
    Identity::with_provider(chain, &fixed::pkcs8(DELEGATING_KEY), fixed::provider()).unwrap()
}

fn identity(raw: bool, delegated: bool) -> Identity {
    if raw {
        return Identity::raw_public_key_with_provider(&fixed::pkcs8(fixed::LEAF_KEY), fixed::provider()).unwrap();
    }
    let identity = match delegated {
        false => fixed::identity(),
        true => {
            let signer = Arc::new(LocalSigner::new(fixed::leaf_key(), fixed::provider()));
            delegating().delegated_credential(credential().to_vec(), signer).unwrap()
        }
    };
    identity.ocsp_response(STAPLE.to_vec()).signed_certificate_timestamps(TIMESTAMPS.to_vec()).unwrap()
}

fn trusted() -> [SubjectPublicKeyInfoDer<'static>; 1] {
    [SubjectPublicKeyInfoDer::from(public_key())]
}

/// What both builders have in common, as they have no trait.
macro_rules! decide_alike {
    ($config:expr, $rich:ident) => {{
        let mut config = $config.clock(Arc::new(fixed::NOW)).alpn(["h2", "http/1.1"]).unwrap();
        if $rich.has(POLICY) {
            config = config.policy(&Policy::COMPATIBLE_2026_11).unwrap().groups([GROUP, OTHER_GROUP]).unwrap();
            config = config.signature_schemes([SignatureScheme::ed25519]).unwrap();
        }
        let compression = $rich.compression();
        if !compression.is_empty() {
            config = config.certificate_compression(compression).unwrap();
        }
        if $rich.has(LIMITED) {
            config = config.record_size_limit($rich.limit).unwrap();
        }
        if $rich.has(PADDED) {
            config = config.record_padding(Arc::new(PadToMultipleOf::new(48)));
        }
        if $rich.has(AUTHORITIES) {
            config = config.certificate_signature_schemes([SignatureScheme::ed25519]).unwrap();
        }
        config
    }};
}

pub fn client_config(rich: Rich) -> ClientConfig {
    let config = ClientConfig::with_provider(rich.roots(RAW_SERVER), fixed::provider());
    let mut config = decide_alike!(config, rich).identity(identity(rich.has(RAW_CLIENT), false));
    if rich.has(RAW_SERVER) {
        config = config.trusted_raw_public_keys(trusted()).unwrap();
    }
    if rich.has(FRAGMENTS) {
        config = config.max_fragment_length(MaxFragmentLength::two_to_the_9).unwrap();
    }
    if rich.has(SHAPED) {
        let shape = ClientHelloShape::new().shuffle(true).with_extension(ExtensionType(0xfe01), b"x").pad_to(700);
        config = config.client_hello_shape(shape).unwrap().grease(true);
    }
    let config = config.accept_delegated_credentials(rich.has(DELEGATED)).post_handshake_auth(rich.has(ASKED_LATER));
    let config = config.ask_for_scts(rich.has(TIMESTAMPED)).ask_for_ocsp(rich.has(STAPLED));
    config.name_authorities(rich.has(AUTHORITIES))
}

pub fn server_config(rich: Rich) -> ServerConfig {
    let own = identity(rich.has(RAW_SERVER), rich.has(DELEGATED));
    let mut config = decide_alike!(ServerConfig::with_provider(own, fixed::provider()), rich);
    if rich.has(RAW_CLIENT) {
        config = config.trusted_raw_public_keys(trusted()).unwrap();
    }
    let config = config.post_handshake_auth(rich.client_auth(rich.has(ASKED_LATER)));
    config.ask_for_ocsp(rich.has(STAPLED)).grease(rich.has(SHAPED))
}

/// Has the one configuration for every hello.
#[derive(Debug)]
pub struct TheOne(pub Arc<ServerConfig>);

impl ChooseServerConfig for TheOne {
    fn choose(&self, _: &ClientHelloView) -> Decision<Arc<ServerConfig>> {
        Decision::Now(self.0.clone())
    }
}
