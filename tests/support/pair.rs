//! Both ends in memory, with certificates of their own, a fixed clock, and a wire that tests can look at and damage.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;

use bulla::clock::Time;
use bulla::pki_types::{CertificateDer, PrivateKeyDer};
use bulla::{
    ClientConfig, ClientConnection, Connection, Error, Event, Identity, MAX_RECORD_LEN, Question, Roots, ServerConfig,
    ServerConnection, ServerName,
};

/// The moment at which all tests take place: 2026-01-01T00:00:00Z.
pub const NOW: Time = Time::from_secs(1_767_225_600);
/// The name that leaf certificates are for.
pub const NAME: &str = "server.test";

pub fn name() -> ServerName {
    ServerName::try_from(NAME).unwrap()
}

/// The kinds of leaf keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    EcdsaP256,
    EcdsaP384,
    Ed25519,
    Rsa,
}

pub const KEY_KINDS: [KeyKind; 4] = [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519, KeyKind::Rsa];

/// An RSA-2048 key: generating one takes longer than every handshake here together.
const RSA_KEY: &str = include_str!("rsa_2048_key.pem");

fn key_pair(kind: KeyKind) -> rcgen::KeyPair {
    match kind {
        KeyKind::EcdsaP256 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        KeyKind::EcdsaP384 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        KeyKind::Ed25519 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519),
        KeyKind::Rsa => rcgen::KeyPair::from_pem(RSA_KEY),
    }
    .unwrap()
}

fn authority_params(common_name: &str) -> rcgen::CertificateParams {
    let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    params
}

fn leaf_params(names: &[&str]) -> rcgen::CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_string()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth, rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// A leaf that is its own issuer.
pub fn self_signed_leaf(names: &[&str]) -> CertificateDer<'static> {
    leaf_params(names).self_signed(&key_pair(KeyKind::EcdsaP256)).unwrap().der().clone()
}

/// A throw-away authority.
pub struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pub certificate: CertificateDer<'static>,
}

impl Authority {
    pub fn new() -> Self {
        Self::named("Test Authority")
    }

    /// An authority that is its own issuer.
    pub fn named(common_name: &str) -> Self {
        Self::with_key(common_name, KeyKind::EcdsaP256)
    }

    /// An authority that is its own issuer and signs with a key of this kind.
    pub fn with_key(common_name: &str, kind: KeyKind) -> Self {
        let key = key_pair(kind);
        let params = authority_params(common_name);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: rcgen::Issuer::new(params, key), certificate }
    }

    /// An authority below this one.
    pub fn intermediate(&self, common_name: &str, edit: impl FnOnce(&mut rcgen::CertificateParams)) -> Self {
        let key = key_pair(KeyKind::EcdsaP256);
        let mut params = authority_params(common_name);
        edit(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Self { issuer: rcgen::Issuer::new(params, key), certificate }
    }

    pub fn roots(&self) -> Roots {
        let mut roots = Roots::new();
        roots.add_der(&self.certificate).unwrap();
        roots
    }

    /// Issues a leaf with its key, DER of both.
    pub fn issue(&self, names: &[&str], kind: KeyKind) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        self.issue_with(names, kind, |_| {})
    }

    pub fn issue_with(
        &self,
        names: &[&str],
        kind: KeyKind,
        edit: impl FnOnce(&mut rcgen::CertificateParams),
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = key_pair(kind);
        let mut params = leaf_params(names);
        edit(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        (certificate, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    /// Issues a leaf for a key that somebody else holds, or nobody.
    pub fn issue_for(&self, names: &[&str], key: &impl rcgen::PublicKeyData) -> CertificateDer<'static> {
        leaf_params(names).signed_by(key, &self.issuer).unwrap().der().clone()
    }

    pub fn identity(&self, names: &[&str], kind: KeyKind) -> Identity {
        let (certificate, key) = self.issue(names, kind);
        Identity::new(vec![certificate], &key).unwrap()
    }
}

/// Configurations that go together, at the fixed time.
pub fn configs(kind: KeyKind) -> (ClientConfig, ServerConfig) {
    let authority = Authority::new();
    configs_by(&authority, kind)
}

pub fn configs_by(authority: &Authority, kind: KeyKind) -> (ClientConfig, ServerConfig) {
    let client = ClientConfig::new(authority.roots()).clock(Arc::new(NOW));
    let server = ServerConfig::new(authority.identity(&[NAME], kind)).clock(Arc::new(NOW));
    (client, server)
}

/// What an end has told its application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Data(Vec<u8>),
    EarlyData(Vec<u8>),
    Ask,
    Established,
    PeerAuthenticated,
    CertificateDeclined,
    Closed,
}

/// Takes all output of an end, through a buffer of this many bytes.
pub fn output_in(connection: &mut Connection, buffer_len: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = vec![0; buffer_len];
    loop {
        match connection.take_output(&mut buffer).unwrap() {
            [] => return all,
            written => all.extend_from_slice(written),
        }
    }
}

pub fn output(connection: &mut Connection) -> Vec<u8> {
    output_in(connection, MAX_RECORD_LEN)
}

/// Gives an end all of `bytes`, and whatever it makes of them; what is left over stays in `bytes`.
pub fn feed(connection: &mut Connection, bytes: &mut Vec<u8>, seen: &mut Vec<Seen>) -> Result<(), Error> {
    feed_with(connection, bytes, seen, &mut |_, _| panic!("a question where none was expected"))
}

pub type Answering<'a> = &'a mut dyn FnMut(&mut Connection, Question);

pub fn feed_with(
    connection: &mut Connection,
    bytes: &mut Vec<u8>,
    seen: &mut Vec<Seen>,
    answer: Answering<'_>,
) -> Result<(), Error> {
    loop {
        let received = connection.receive(bytes)?;
        let used = received.used;
        let mut question = None;
        let more = match received.event {
            Event::Data { plaintext, .. } => {
                seen.push(Seen::Data(plaintext.to_vec()));
                true
            }
            Event::EarlyData { plaintext, .. } => {
                seen.push(Seen::EarlyData(plaintext.to_vec()));
                true
            }
            Event::Ask(asked) => {
                seen.push(Seen::Ask);
                question = Some(asked);
                true
            }
            Event::Progress => true,
            Event::Established => {
                seen.push(Seen::Established);
                true
            }
            Event::PeerAuthenticated => {
                seen.push(Seen::PeerAuthenticated);
                true
            }
            Event::CertificateDeclined => {
                seen.push(Seen::CertificateDeclined);
                true
            }
            Event::Closed => {
                if seen.last() != Some(&Seen::Closed) {
                    seen.push(Seen::Closed);
                }
                used > 0
            }
            Event::NeedMore { .. } | Event::Waiting => false,
        };
        bytes.drain(..used);
        if let Some(question) = question {
            answer(connection, question);
        }
        if !more {
            return Ok(());
        }
    }
}

/// Two ends and the bytes between them.
pub struct Pair {
    pub client: ClientConnection,
    pub server: ServerConnection,
    pub client_seen: Vec<Seen>,
    pub server_seen: Vec<Seen>,
    pub to_server: Vec<u8>,
    pub to_client: Vec<u8>,
}

impl Pair {
    pub fn new(client: ClientConfig, server: ServerConfig) -> Self {
        Self {
            client: ClientConnection::new(Arc::new(client), name()).unwrap(),
            server: ServerConnection::new(Arc::new(server)).unwrap(),
            client_seen: Vec::new(),
            server_seen: Vec::new(),
            to_server: Vec::new(),
            to_client: Vec::new(),
        }
    }

    /// Moves bytes both ways until both ends are silent. Errors name the end that found them.
    pub fn run(&mut self) -> Result<(), (&'static str, Error)> {
        loop {
            self.to_server.extend(output(&mut self.client));
            let to_server = feed(&mut self.server, &mut self.to_server, &mut self.server_seen);
            self.to_client.extend(output(&mut self.server));
            to_server.map_err(|error| ("server", error))?;
            feed(&mut self.client, &mut self.to_client, &mut self.client_seen).map_err(|error| ("client", error))?;
            if !self.client.has_output() && !self.server.has_output() {
                return Ok(());
            }
        }
    }

    /// A pair whose handshake is finished.
    pub fn established(client: ClientConfig, server: ServerConfig) -> Self {
        let mut pair = Self::new(client, server);
        pair.run().unwrap();
        assert!(pair.client.is_established() && pair.server.is_established());
        pair
    }
}

/// Sends all of `data` and returns the records.
pub fn send(connection: &mut Connection, mut data: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    let mut buffer = vec![0; MAX_RECORD_LEN];
    loop {
        let sent = connection.send(data, &mut buffer).unwrap();
        records.extend_from_slice(&buffer[..sent.written]);
        data = &data[sent.taken..];
        if data.is_empty() && !connection.has_output() {
            return records;
        }
    }
}

/// All application data that an end has seen, joined.
pub fn data(seen: &[Seen]) -> Vec<u8> {
    seen.iter()
        .filter_map(|seen| if let Seen::Data(bytes) = seen { Some(&bytes[..]) } else { None })
        .collect::<Vec<_>>()
        .concat()
}
