//! Configurations of both ends with everything that can be switched on, drawn at random.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::{Arc, LazyLock};

use bulla::config::compression::CompressCertificates;
use bulla::config::{
    ChooseServerConfig, ClientHelloShape, ClientHelloView, Decision, LocalSigner, PadToMultipleOf, Policy,
};
use bulla::crypto::Provider;
use bulla::crypto::ring::provider;
use bulla::pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};
use bulla::resume::{CookieKeys, MemoryClientSessions, MemoryServerSessions, TicketKeys};
use bulla::verify::PeerCertificate;
use bulla::wire::{
    CertificateCompressionAlgorithm, ExtensionType, MaxFragmentLength, NamedGroup, ProtocolVersion, SignatureScheme,
};
use bulla::{ClientAuth, ClientConfig, ConfigError, Identity, Roots, ServerConfig};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rcgen::PublicKeyData;

use super::pair::{Authority, KeyKind, NAME, NOW};

pub const STAPLE: &[u8] = b"a response";
/// Two timestamps, with the list's length and theirs.
pub const TIMESTAMPS: &[u8] = &[0, 9, 0, 3, b'o', b'n', b'e', 0, 2, b'i', b't'];

/// An extension that Bulla knows nothing of.
const FOREIGN: ExtensionType = ExtensionType(0xfe01);

/// A private key with the certificate that it might have had.
pub struct Key {
    private: PrivateKeyDer<'static>,
    pub public: SubjectPublicKeyInfoDer<'static>,
}

/// Whatever either end may show, made once.
pub struct House {
    authority: Authority,
    pub server_raw: Key,
    pub client_raw: Key,
    server: (CertificateDer<'static>, PrivateKeyDer<'static>),
    /// A credential that the server's key vouches for, and its private key.
    delegated: (Vec<u8>, PrivateKeyDer<'static>),
    client: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

pub static HOUSE: LazyLock<House> = LazyLock::new(House::new);

impl House {
    fn new() -> Self {
        let authority = Authority::new();
        let raw = || {
            let (certificate, private) = authority.issue(&[NAME], KeyKind::EcdsaP256);
            let read = PeerCertificate::read(&certificate).unwrap();
            let public = SubjectPublicKeyInfoDer::from(read.subject_public_key_info()).into_owned();
            Key { private, public }
        };
        let (server_raw, client_raw) = (raw(), raw());
        let (leaf, key) = authority.issue_with(&[NAME], KeyKind::EcdsaP256, |params| {
            // id-pe-delegationUsage, NULL. RFC 9345 §4.2.
            let usage = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 44363, 44], vec![5, 0]);
            params.custom_extensions.push(usage);
        });
        let delegated = delegate(&leaf, &key);
        let client = authority.issue(&["client.test"], KeyKind::EcdsaP256);
        Self { authority, server_raw, client_raw, server: (leaf, key), delegated, client }
    }

    pub fn server_leaf(&self) -> &CertificateDer<'static> {
        &self.server.0
    }

    pub fn client_leaf(&self) -> &CertificateDer<'static> {
        &self.client.0
    }

    /// The server's certificate with all that may stand beside it.
    fn server_identity(&self, with_credential: bool) -> Result<Identity, ConfigError> {
        let identity = Identity::new(vec![self.server.0.clone()], &self.server.1)?.ocsp_response(STAPLE.to_vec());
        let identity = identity.signed_certificate_timestamps(TIMESTAMPS.to_vec())?;
        if !with_credential {
            return Ok(identity);
        }
        let (credential, key) = &self.delegated;
        let signer = LocalSigner::new(provider().signing_key(key).unwrap(), provider());
        identity.delegated_credential(credential.clone(), Arc::new(signer))
    }

    fn client_identity(&self) -> Result<Identity, ConfigError> {
        Identity::new(vec![self.client.0.clone()], &self.client.1)
    }

    fn roots(&self, judges: Shown) -> Arc<Roots> {
        Arc::new(if judges.contains(false) { self.authority.roots() } else { Roots::new() })
    }
}

/// A credential for another key, and that key.
fn delegate(leaf: &CertificateDer<'static>, key: &PrivateKeyDer<'_>) -> (Vec<u8>, PrivateKeyDer<'static>) {
    let issuer = Arc::new(Identity::new(vec![leaf.clone()], key).unwrap());
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let (public, scheme) = (pair.subject_public_key_info(), SignatureScheme::ecdsa_secp256r1_sha256);
    let credential = issuer.issue_delegated_credential(&public, scheme, NOW, 86_400).unwrap();
    (credential, PrivateKeyDer::try_from(pair.serialize_der()).unwrap())
}

/// Which types of certificate an end has, or takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Nothing,
    Certificate,
    RawKey,
    Both,
}

impl Shown {
    pub fn contains(self, raw: bool) -> bool {
        match self {
            Self::Nothing => false,
            Self::Certificate => !raw,
            Self::RawKey => raw,
            Self::Both => true,
        }
    }
}

/// A way to compress certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Zlib,
    Brotli,
    Own,
}

/// Takes every byte for what it is, behind one of its own.
#[derive(Debug)]
struct Own;

impl CompressCertificates for Own {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm(0xff01)
    }

    fn compress(&self, _: &dyn Provider, message: &[u8]) -> Option<Vec<u8>> {
        Some([&[7], message].concat())
    }

    fn decompress(&self, compressed: &[u8], uncompressed_len: usize) -> Option<Vec<u8>> {
        compressed.strip_prefix(&[7]).filter(|message| message.len() == uncompressed_len).map(<[u8]>::to_vec)
    }
}

fn compression(list: &[Compression]) -> Vec<Arc<dyn CompressCertificates>> {
    let made = |one: &Compression| -> Arc<dyn CompressCertificates> {
        match one {
            #[cfg(feature = "zlib")]
            Compression::Zlib => Arc::new(bulla::config::compression::Zlib),
            #[cfg(feature = "brotli")]
            Compression::Brotli => Arc::new(bulla::config::compression::Brotli),
            #[cfg_attr(all(feature = "zlib", feature = "brotli"), allow(unreachable_patterns, reason = "the rest"))]
            _ => Arc::new(Own),
        }
    };
    list.iter().map(made).collect()
}

/// The ways that this build has.
const COMPRESSIONS: &[Compression] = &[
    #[cfg(feature = "zlib")]
    Compression::Zlib,
    #[cfg(feature = "brotli")]
    Compression::Brotli,
    Compression::Own,
];

/// What both ends decide alike.
#[derive(Clone, Debug)]
pub struct OfBoth {
    versions: Vec<ProtocolVersion>,
    groups: Option<Vec<NamedGroup>>,
    policy: Option<&'static str>,
    compression: Vec<Compression>,
    record_limit: Option<u16>,
    padding: u16,
    alpn: Vec<&'static str>,
}

#[derive(Clone, Debug)]
pub struct OfClient {
    both: OfBoth,
    pub compression: Vec<Compression>,
    pub record_limit: Option<u16>,
    pub shown: Shown,
    pub judges: Shown,
    pub max_fragment: Option<(MaxFragmentLength, usize)>,
    pub delegated: bool,
    pub timestamps: bool,
    pub staple: bool,
    pub asked_later: bool,
    names_authorities: bool,
    grease: bool,
    shape: Option<(bool, usize, bool)>,
    /// One bit for each of the groups.
    key_shares: Option<u8>,
    middlebox_compatibility: bool,
}

#[derive(Clone, Debug)]
pub struct OfServer {
    both: OfBoth,
    pub compression: Vec<Compression>,
    pub record_limit: Option<u16>,
    pub shown: Shown,
    pub judges: Shown,
    pub delegated: bool,
    pub asks: bool,
    pub demands: bool,
    pub asks_later: bool,
    demands_later: bool,
    asks_for_staple: bool,
    grease: bool,
    stateless_retry: bool,
    keeps_sessions: (bool, bool),
    /// Whether the configuration is chosen by the hello, and then whether at once.
    pub chosen_by_hello: Option<bool>,
}

fn of_both() -> impl Strategy<Value = OfBoth> {
    let (new, old) = (ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2);
    let versions = prop_oneof![4 => Just(vec![new, old]), 2 => Just(vec![new]), 2 => Just(vec![old])];
    let pool: &[NamedGroup] = &[
        NamedGroup::x25519,
        NamedGroup::secp256r1,
        NamedGroup::secp384r1,
        #[cfg(feature = "post-quantum")]
        NamedGroup::MLKEM768,
        #[cfg(feature = "post-quantum")]
        NamedGroup::SecP256r1MLKEM768,
    ];
    let groups = subsequence(pool.to_vec(), 2..=pool.len()).prop_shuffle();
    let names: Vec<_> = Policy::ALL.iter().map(Policy::name).collect();
    let limits =
        prop_oneof![3 => 64..600_u16, 1 => 600..=16_385_u16, 1 => select(vec![64, 511, 512, 513, 16_384, 16_385])];
    let ways = subsequence(COMPRESSIONS.to_vec(), 0..=COMPRESSIONS.len()).prop_shuffle();
    let padding = prop_oneof![2 => Just(0), 2 => 1..2000_u16, 1 => Just(16_384)];
    let alpn = prop_oneof![4 => Just(vec![]), 3 => Just(vec!["h2", "http/1.1"]), 1 => Just(vec!["http/1.1"])];
    let policy = proptest::option::weighted(0.1, select(names));
    let limits = proptest::option::of(limits);
    (versions, proptest::option::of(groups), policy, ways, limits, padding, alpn).prop_map(
        |(versions, groups, policy, compression, record_limit, padding, alpn)| OfBoth {
            versions,
            groups,
            policy,
            compression,
            record_limit,
            padding,
            alpn,
        },
    )
}

fn shown() -> impl Strategy<Value = Shown> {
    prop_oneof![3 => Just(Shown::Certificate), 2 => Just(Shown::RawKey), 3 => Just(Shown::Both)]
}

pub fn of_client() -> impl Strategy<Value = OfClient> {
    let lengths = vec![
        (MaxFragmentLength::two_to_the_9, 512),
        (MaxFragmentLength::two_to_the_10, 1024),
        (MaxFragmentLength::two_to_the_11, 2048),
        (MaxFragmentLength::two_to_the_12, 4096),
    ];
    let shape = proptest::option::of((any::<bool>(), 0..3000_usize, any::<bool>()));
    let may_show = prop_oneof![1 => Just(Shown::Nothing), 3 => shown()];
    let who = (of_both(), may_show, shown(), proptest::option::weighted(0.3, select(lengths)));
    let key_shares = proptest::option::weighted(0.3, any::<u8>());
    (who, any::<[bool; 7]>(), shape, key_shares).prop_map(
        |((both, shown, judges, max_fragment), flags, shape, key_shares)| {
            let [delegated, timestamps, staple, names_authorities, grease, middlebox_compatibility, asked_later] =
                flags;
            OfClient {
                compression: both.compression.clone(),
                record_limit: both.record_limit,
                both,
                shown,
                judges,
                max_fragment,
                delegated,
                timestamps,
                staple,
                asked_later,
                names_authorities,
                grease,
                shape,
                key_shares,
                middlebox_compatibility,
            }
        },
    )
}

pub fn of_server() -> impl Strategy<Value = OfServer> {
    let keeps = (prop::bool::weighted(0.7), any::<bool>());
    let chosen = proptest::option::weighted(0.4, any::<bool>());
    (of_both(), shown(), shown(), any::<[bool; 7]>(), any::<bool>(), keeps, chosen).prop_map(
        |(both, shown, judges, flags, asks, keeps_sessions, chosen_by_hello)| {
            let [delegated, demands, asks_later, demands_later, asks_for_staple, grease, stateless_retry] = flags;
            OfServer {
                compression: both.compression.clone(),
                record_limit: both.record_limit,
                both,
                shown,
                judges,
                delegated,
                asks,
                demands: asks && demands,
                asks_later,
                demands_later,
                asks_for_staple,
                grease,
                stateless_retry,
                keeps_sessions,
                chosen_by_hello,
            }
        },
    )
}

/// What both builders have in common, as they have no trait.
macro_rules! decide_alike {
    ($config:expr, $both:expr) => {{
        let both = $both;
        let mut config = $config.clock(Arc::new(NOW)).versions(both.versions.iter().copied())?;
        if let Some(policy) = both.policy {
            config = config.policy(Policy::named(policy).unwrap())?;
        }
        if let Some(groups) = &both.groups {
            config = config.groups(groups.iter().copied())?;
        }
        if let Some(limit) = both.record_limit {
            config = config.record_size_limit(limit)?;
        }
        if both.padding > 0 {
            config = config.record_padding(Arc::new(PadToMultipleOf::new(both.padding)));
        }
        if !both.alpn.is_empty() {
            config = config.alpn(&both.alpn)?;
        }
        if !both.compression.is_empty() {
            config = config.certificate_compression(compression(&both.compression))?;
        }
        config
    }};
}

/// Builds the client's configuration, which remembers sessions.
pub fn client(of: &OfClient) -> Result<ClientConfig, ConfigError> {
    let mut config = decide_alike!(ClientConfig::new(HOUSE.roots(of.judges)), &of.both);
    if of.judges.contains(true) {
        config = config.trusted_raw_public_keys([HOUSE.server_raw.public.clone()])?;
    }
    let raw = || Identity::raw_public_key(&HOUSE.client_raw.private);
    config = match of.shown {
        Shown::Nothing => config,
        Shown::Certificate => config.identity(HOUSE.client_identity()?),
        Shown::RawKey => config.identity(raw()?),
        Shown::Both => config.identity(HOUSE.client_identity()?).and_identity(raw()?),
    };
    if let Some((length, _)) = of.max_fragment {
        config = config.max_fragment_length(length)?;
    }
    if let Some((shuffle, pad_to, adds)) = of.shape {
        let mut shape = ClientHelloShape::new().shuffle(shuffle).pad_to(pad_to);
        if adds {
            shape = shape.with_extension(FOREIGN, b"anything");
        }
        config = config.client_hello_shape(shape)?;
    }
    if let (Some(mask), Some(groups)) = (of.key_shares, &of.both.groups) {
        let chosen = groups.iter().enumerate().filter(|(index, _)| mask >> index & 1 == 1).map(|(_, group)| *group);
        config = config.key_shares(chosen)?;
    }
    let config = config.accept_delegated_credentials(of.delegated).ask_for_scts(of.timestamps).ask_for_ocsp(of.staple);
    let config = config.name_authorities(of.names_authorities).grease(of.grease).post_handshake_auth(of.asked_later);
    let config = config.middlebox_compatibility(of.middlebox_compatibility);
    Ok(config.session_store(Arc::new(MemoryClientSessions::new(4, 4))))
}

/// Builds the server's configuration.
pub fn server(of: &OfServer) -> Result<ServerConfig, ConfigError> {
    let certificate = HOUSE.server_identity(of.delegated)?;
    let raw = Identity::raw_public_key(&HOUSE.server_raw.private)?;
    let config = match of.shown {
        Shown::RawKey => ServerConfig::new(raw),
        Shown::Both => ServerConfig::new(certificate).and_identity(raw),
        Shown::Nothing | Shown::Certificate => ServerConfig::new(certificate),
    };
    let mut config = decide_alike!(config, &of.both);
    let auth = |asks, demands| match (asks, demands) {
        (false, _) => ClientAuth::None,
        (true, false) => ClientAuth::Request(HOUSE.roots(of.judges)),
        (true, true) => ClientAuth::Require(HOUSE.roots(of.judges)),
    };
    config = config.client_auth(auth(of.asks, of.demands)).post_handshake_auth(auth(of.asks_later, of.demands_later));
    if of.judges.contains(true) {
        config = config.trusted_raw_public_keys([HOUSE.client_raw.public.clone()])?;
    }
    config = config.ask_for_ocsp(of.asks_for_staple).grease(of.grease);
    if of.stateless_retry {
        config = config.stateless_retry(Arc::new(CookieKeys::from_shared_secret(provider(), &[2; 32]).unwrap()));
    }
    if of.keeps_sessions.0 {
        config = config.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap()));
    }
    if of.keeps_sessions.1 {
        config = config.session_store(Arc::new(MemoryServerSessions::new(8)));
    }
    Ok(config)
}

/// Has the configuration at hand, or wants to be asked for it.
#[derive(Debug)]
pub struct Chooser {
    pub config: Arc<ServerConfig>,
    pub at_once: bool,
}

impl ChooseServerConfig for Chooser {
    fn choose(&self, _: &ClientHelloView) -> Decision<Arc<ServerConfig>> {
        if self.at_once { Decision::Now(self.config.clone()) } else { Decision::Later }
    }
}
