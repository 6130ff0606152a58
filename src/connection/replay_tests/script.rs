//! What a trace tells its players beforehand: randoms, keys, shares, signatures, and the words to say.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use pki_types::{AlgorithmIdentifier, CertificateDer, ServerName, alg_id};

#[cfg(feature = "tls12")]
use super::tls12;
use super::{Log, body};
#[cfg(feature = "tls12")]
use crate::config::danger::DangerousCompatibility;
use crate::config::danger::{AcceptAnyChain, DangerousVerification};
use crate::config::recorded::Recorded;
use crate::config::{
    ClientAuth, ClientConfig, Decision, Identity, ServerConfig, Signer, SigningFailed, SigningRequest,
    choose_by_server_name,
};
use crate::connection::{ClientConnection, ServerConnection};
use crate::crypto::{Provider, Suite};
use crate::keys::{KeyLog, Transcript};
use crate::support::replay::{FixedExchange, FixedSignature, Replay};
#[cfg(feature = "tls12")]
use crate::support::trace::NO_EXTENDED_MASTER_SECRET;
use crate::support::trace::{Actor, HYBRID, Record, Trace};
use crate::verify::{PeerCertificate, Roots};
use crate::wire::{
    Certificate, CertificateVerify, CipherSuite, ClientExtension, ClientHello, HandshakeType, NamedGroup,
    ServerExtension, ServerHello, SignatureScheme, is_hello_retry_request, read_all,
};

/// The trace whose server shows a certificate of X.509 version 1.
pub(super) const OLD_CERTIFICATE: &str = "trace_tls13_client_cert_rsa";

/// A certificate that we read, to be shown by our own end where the trace's takes its place.
const READABLE_CERTIFICATE: &[u8] = include_bytes!("../../../tests/support/identity/leaf.der");

/// The octets before the context string of a signature. RFC 8446 §4.4.3.
const SIGNATURE_PADDING: [u8; 64] = [0x20; 64];

/// The facts of a trace that the ends need before they can play their parts.
pub(super) struct Script {
    pub(super) trace: Trace,
    pub(super) group: NamedGroup,
    pub(super) client_random: [u8; 32],
    legacy_session_id: Vec<u8>,
    server_random: [u8; 32],
    /// The key shares of the hellos that settle the group.
    shares: BTreeMap<Actor, Vec<u8>>,
    pub(super) credentials: BTreeMap<Actor, Credentials>,
    /// Whether both ends are told to do without it, as a trace of TLS 1.2 needs that lacks it.
    #[cfg(feature = "tls12")]
    pub(super) without_extended_master_secret: bool,
}

/// A chain, what its CertificateVerify must sign by the messages of the trace, and how it was signed.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) scheme: SignatureScheme,
    pub(super) message: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

/// What the messages behind ClientHello settle.
pub(super) struct Settled {
    pub(super) server_random: [u8; 32],
    pub(super) group: NamedGroup,
    pub(super) shares: BTreeMap<Actor, Vec<u8>>,
    pub(super) credentials: BTreeMap<Actor, Credentials>,
}

/// What another stack's ClientHello has in common with ours.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) random: [u8; 32],
    pub(super) legacy_session_id: Vec<u8>,
    pub(super) name: Option<String>,
    pub(super) cookie: Option<Vec<u8>>,
    pub(super) application_protocols: Vec<Vec<u8>>,
    pub(super) shares: Vec<(NamedGroup, Vec<u8>)>,
    /// Identities with their obfuscated ages.
    pub(super) psks: Vec<(Vec<u8>, u32)>,
    pub(super) early_data: bool,
}

impl Hello {
    pub(super) fn read(message: &[u8]) -> Self {
        let client_hello: ClientHello<'_> = read_all(body(message)).unwrap();
        let mut hello = Self {
            random: client_hello.random.0,
            legacy_session_id: client_hello.legacy_session_id.to_vec(),
            ..Self::default()
        };
        for extension in client_hello.extensions.iter().flatten() {
            match extension {
                ClientExtension::KeyShare(list) => {
                    hello.shares = list.iter().map(|entry| (entry.group, entry.key_exchange.to_vec())).collect();
                }
                ClientExtension::ServerName(list) => {
                    hello.name = Some(String::from_utf8(list.server_name_list[0].name.to_vec()).unwrap());
                }
                ClientExtension::ApplicationLayerProtocolNegotiation(list) => {
                    let names = list.protocol_name_list.iter();
                    hello.application_protocols = names.map(|name| name.to_vec()).collect();
                }
                ClientExtension::PreSharedKey(offered) => {
                    let psks = offered.identities.iter();
                    hello.psks = psks.map(|psk| (psk.identity.to_vec(), psk.obfuscated_ticket_age)).collect();
                }
                ClientExtension::EarlyData => hello.early_data = true,
                ClientExtension::Cookie(cookie) => hello.cookie = Some(cookie.to_vec()),
                _ => {}
            }
        }
        hello
    }
}

/// The random and the key share of a ServerHello.
fn read_server_hello(message: &[u8]) -> ([u8; 32], NamedGroup, Vec<u8>) {
    let server_hello: ServerHello<'_> = read_all(body(message)).unwrap();
    let mut shares = server_hello.extensions.iter().flatten().filter_map(|extension| match extension {
        ServerExtension::KeyShare(entry) => Some((entry.group, entry.key_exchange.to_vec())),
        _ => None,
    });
    let (group, share) = shares.next().unwrap();
    (server_hello.random.0, group, share)
}

fn settled(trace: &Trace, hello: &Hello) -> Settled {
    let server_hello = trace.said(Actor::Server, &[HandshakeType::server_hello]).last().unwrap();
    let (server_random, group, server_share) = read_server_hello(server_hello);
    let (_, client_share) = hello.shares.iter().find(|(offered, _)| *offered == group).unwrap();
    let shares = [(Actor::Client, client_share.clone()), (Actor::Server, server_share)].into();
    Settled { server_random, group, shares, credentials: read_credentials(trace) }
}

fn read_credentials(trace: &Trace) -> BTreeMap<Actor, Credentials> {
    let provider = crate::crypto::ring::provider();
    let mut transcript = Transcript::new(&*provider, trace.suite.hash).unwrap();
    let (mut credentials, mut chain) = (BTreeMap::new(), Vec::new());
    for message in &trace.messages {
        match message.handshake_type() {
            HandshakeType::server_hello if is_hello_retry_request(body(&message.bytes)) => {
                transcript.replace_by_message_hash(&*provider).unwrap();
            }
            HandshakeType::certificate => {
                let certificate: Certificate<'_> = read_all(body(&message.bytes)).unwrap();
                let entries = certificate.certificate_list.iter();
                chain = entries.map(|entry| CertificateDer::from(entry.cert_data).into_owned()).collect();
            }
            HandshakeType::certificate_verify => {
                let verify: CertificateVerify<'_> = read_all(body(&message.bytes)).unwrap();
                let context: &[u8] = match message.actor {
                    Actor::Client => b"TLS 1.3, client CertificateVerify\0",
                    Actor::Server => b"TLS 1.3, server CertificateVerify\0",
                };
                let signed = Credentials {
                    chain: core::mem::take(&mut chain),
                    scheme: verify.algorithm,
                    message: [&SIGNATURE_PADDING, context, transcript.current().as_ref()].concat(),
                    signature: verify.signature.to_vec(),
                };
                credentials.insert(message.actor, signed);
            }
            _ => {}
        }
        transcript.add(&message.bytes);
    }
    credentials
}

impl Script {
    pub(super) fn load(file: &str) -> Self {
        let trace = Trace::load(file);
        let hello = Hello::read(trace.said(Actor::Client, &[HandshakeType::client_hello]).last().unwrap());
        #[cfg(feature = "tls12")]
        let settled = if tls12::is_of(&trace) { tls12::settled(&trace) } else { settled(&trace, &hello) };
        #[cfg(not(feature = "tls12"))]
        let settled = settled(&trace, &hello);
        let Settled { server_random, group, shares, credentials } = settled;
        Self {
            group,
            client_random: hello.random,
            legacy_session_id: hello.legacy_session_id,
            server_random,
            shares,
            credentials,
            #[cfg(feature = "tls12")]
            without_extended_master_secret: trace.name == NO_EXTENDED_MASTER_SECRET,
            trace,
        }
    }

    pub(super) fn first_hello(&self) -> Hello {
        Hello::read(self.trace.said(Actor::Client, &[HandshakeType::client_hello]).next().unwrap())
    }

    pub(super) fn suite(&self) -> Suite {
        self.trace.suite
    }

    /// Whether what we sent is the record of the trace, or as good as it.
    pub(super) fn is_record(&self, record: &Record, sent: &[u8]) -> bool {
        #[cfg(feature = "tls12")]
        if tls12::has_nonce_of_chance(&self.trace, record) {
            return tls12::opens_alike(&self.trace, record, sent);
        }
        sent == record.bytes
    }

    /// The provider of one end: its keys and randomness, and the signatures that `ring` cannot verify.
    fn provider(&self, me: Actor) -> Arc<Replay> {
        let (other, random) = match me {
            Actor::Client => (Actor::Server, vec![&self.client_random[..], &self.legacy_session_id[..]]),
            Actor::Server => (Actor::Client, vec![&self.server_random[..]]),
        };
        let mut provider = Replay::new(&random);
        let private_key = self.trace.private_key(me, "x25519");
        if let Some(private_key) = private_key {
            provider = provider.with_x25519(private_key);
        }
        if private_key.is_none() || self.group != NamedGroup::x25519 {
            provider = provider.with_exchange(self.exchange(me, other));
        }
        if self.trace.name == HYBRID {
            // The group of its other share, which was offered and not chosen.
            let offered = FixedExchange { group: NamedGroup::x25519, ..self.exchange(me, other) };
            provider = self.with_secrets_of_key_log(provider).with_exchange(offered);
        }
        // Ours makes its scheme one that we can sign with. The peer's comes in front, for where both have the same one.
        for credentials in [me, other].iter().filter_map(|end| self.credentials.get(end)) {
            let Some(key_algorithm) = weak_key(credentials) else { continue };
            let Credentials { scheme, message, signature, .. } = credentials.clone();
            provider = provider.with_signature(FixedSignature { scheme, key_algorithm, message, signature });
        }
        Arc::new(provider)
    }

    fn exchange(&self, me: Actor, other: Actor) -> FixedExchange {
        let component = self.first_hello().shares.into_iter().nth(1).filter(|_| me == Actor::Client);
        FixedExchange {
            group: self.group,
            share: self.shares[&me].clone(),
            peer_share: self.shares[&other].clone(),
            // Where it is not known, what follows from it is.
            secret: ["dhe", "pre_master_secret"]
                .into_iter()
                .find_map(|name| self.trace.secrets.get(name).cloned())
                .unwrap_or_else(|| vec![0; 64]),
            component,
        }
    }

    /// Gives the secrets of the key log, each for its label and the transcript hash that it belongs to.
    fn with_secrets_of_key_log(&self, provider: Replay) -> Replay {
        let (server_hello, finished) = ("hash_client_hello_to_server_hello", "hash_to_server_finished");
        let secrets = [
            ("tls13 c hs traffic", server_hello, "c_hs_traffic"),
            ("tls13 s hs traffic", server_hello, "s_hs_traffic"),
            ("tls13 c ap traffic", finished, "c_ap_traffic"),
            ("tls13 s ap traffic", finished, "s_ap_traffic"),
            ("tls13 exp master", finished, "exporter_master_secret"),
        ];
        secrets.into_iter().fold(provider, |provider, (label, hash, secret)| {
            let (hash, secret) = (self.trace.secret(hash), self.trace.secret(secret));
            let len = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
            // HkdfLabel. RFC 8446 §7.1.
            let parts = [&[0, len(secret), len(label.as_bytes())], label.as_bytes(), &[len(hash)], hash];
            provider.with_secret(parts.concat(), secret)
        })
    }

    fn identity(&self, me: Actor) -> Option<Identity> {
        let credentials = self.credentials.get(&me)?.clone();
        // Its own chain is said in recorded words.
        let readable = PeerCertificate::read(&credentials.chain[0]).is_ok();
        let chain = if readable { credentials.chain.clone() } else { vec![READABLE_CERTIFICATE.into()] };
        Some(Identity::with_signer(chain, Arc::new(RecordedSigner([credentials.scheme], credentials))).unwrap())
    }

    fn recorded(&self, me: Actor, types: &[HandshakeType]) -> Arc<Recorded> {
        Arc::new(Recorded::new(self.trace.said(me, types).map(<[u8]>::to_vec).collect()))
    }

    /// The groups of the first key shares, and the one that the server chose.
    fn groups(&self) -> Vec<NamedGroup> {
        let mut groups: Vec<_> = self.first_hello().shares.into_iter().map(|(group, _)| group).collect();
        groups.extend(Some(self.group).filter(|group| !groups.contains(group)));
        groups
    }

    /// The suite of the trace; and one of TLS 1.3, if that was offered and not taken.
    fn offered_suites(&self) -> Vec<CipherSuite> {
        let has_suite = Suite::tls13(self.suite().id).is_some() || self.first_hello().shares.is_empty();
        let other = Some(CipherSuite::TLS_AES_128_GCM_SHA256).filter(|_| !has_suite);
        [self.suite().id].into_iter().chain(other).collect()
    }

    /// The name in the client's hello, or an address, for which there is no server_name.
    fn name(&self) -> ServerName<'static> {
        ServerName::try_from(self.first_hello().name.unwrap_or_else(|| "127.0.0.1".to_string())).unwrap()
    }

    pub(super) fn client(&self, log: &Arc<Log>) -> (ClientConnection, Arc<Recorded>) {
        self.client_with(log, |config| config)
    }

    /// Makes a client with a configuration to which `edit` adds.
    pub(super) fn client_with(
        &self,
        log: &Arc<Log>,
        edit: impl FnOnce(ClientConfig) -> ClientConfig,
    ) -> (ClientConnection, Arc<Recorded>) {
        let provider = self.provider(Actor::Client);
        let recorded = self.recorded(Actor::Client, &[HandshakeType::client_hello]);
        let mut config = ClientConfig::with_provider(Roots::new(), Arc::clone(&provider) as Arc<dyn Provider>)
            .danger_verify_with(Arc::new(AcceptAnyChain))
            .middlebox_compatibility(!self.legacy_session_id.is_empty())
            .cipher_suites(self.offered_suites())
            .unwrap()
            .groups(self.groups())
            .unwrap()
            .key_log(Arc::clone(log) as Arc<dyn KeyLog>);
        if let Some(identity) = self.identity(Actor::Client) {
            config = config.identity(identity);
        }
        if let protocols @ [_, ..] = &self.first_hello().application_protocols[..] {
            config = config.alpn(protocols).unwrap();
        }
        #[cfg(feature = "tls12")]
        if self.without_extended_master_secret {
            config = config.danger_allow_without_extended_master_secret();
        }
        config.preferences.recorded = Some(Arc::clone(&recorded));
        let client = ClientConnection::new(Arc::new(edit(config)), self.name()).unwrap();
        provider.assert_exhausted();
        (client, recorded)
    }

    pub(super) fn server(
        &self,
        log: &Arc<Log>,
        in_recorded_words: &[HandshakeType],
    ) -> (ServerConnection, Arc<Recorded>) {
        self.server_of(self.server_config(log), in_recorded_words)
    }

    pub(super) fn server_of(
        &self,
        config: ServerConfig,
        in_recorded_words: &[HandshakeType],
    ) -> (ServerConnection, Arc<Recorded>) {
        let recorded = self.recorded(Actor::Server, in_recorded_words);
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        server.outgoing.recorded = Some(Arc::clone(&recorded));
        (server, recorded)
    }

    pub(super) fn server_config(&self, log: &Arc<Log>) -> ServerConfig {
        let provider = self.provider(Actor::Server);
        // A server that resumes shows none.
        let config = match self.identity(Actor::Server) {
            Some(identity) => ServerConfig::with_provider(identity, provider),
            None => ServerConfig::choosing_with_provider(choose_by_server_name(Vec::new()), provider),
        };
        let mut config = config
            .danger_verify_with(Arc::new(AcceptAnyChain))
            .cipher_suites([self.suite().id])
            .unwrap()
            .groups([self.group])
            .unwrap()
            .key_log(Arc::clone(log) as Arc<dyn KeyLog>);
        if self.credentials.contains_key(&Actor::Client) {
            config = config.client_auth(ClientAuth::Require(Arc::new(Roots::new())));
        }
        #[cfg(feature = "tls12")]
        if self.without_extended_master_secret {
            config = config.danger_allow_without_extended_master_secret();
        }
        config
    }
}

/// The kind of key, if `ring` verifies nothing with this one.
pub(super) fn weak_key(credentials: &Credentials) -> Option<AlgorithmIdentifier> {
    // The leaves that we do not read, for their version, have keys of P-521.
    let Ok(leaf) = PeerCertificate::read(&credentials.chain[0]) else { return Some(alg_id::ECDSA_P521) };
    let kind = leaf.key_algorithm();
    // An RSAPublicKey of 2048 bits takes 270 bytes.
    if kind == alg_id::RSA_ENCRYPTION.as_ref() && leaf.subject_public_key().len() < 270 {
        return Some(alg_id::RSA_ENCRYPTION);
    }
    None
}

/// Gives the recorded signature for the recorded message, and for no other.
struct RecordedSigner([SignatureScheme; 1], Credentials);

impl fmt::Debug for RecordedSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordedSigner({})", self.1.scheme)
    }
}

impl Signer for RecordedSigner {
    fn schemes(&self) -> &[SignatureScheme] {
        &self.0
    }

    fn sign(&self, request: &SigningRequest) -> Decision<Result<Vec<u8>, SigningFailed>> {
        let expected = request.scheme == self.1.scheme && request.message == self.1.message;
        Decision::Now(if expected { Ok(self.1.signature.clone()) } else { Err(SigningFailed) })
    }
}
