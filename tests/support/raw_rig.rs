//! What two ends that know one another by raw public keys have in common in all tests of them. RFC 7250.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::{Arc, Mutex};

use bulla::crypto::ring::provider;
use bulla::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use bulla::resume::{MemoryClientSessions, TicketKeys};
use bulla::verify::PeerCertificate;
use bulla::wire::{CertificateType, ProtocolVersion};
use bulla::{
    ClientAuth, ClientConfig, Connection, Content, Direction, Identity, Observed, Observer, Roots, ServerConfig,
};

use super::pair::{Authority, KeyKind, NAME, NOW, Pair, configs_by, data, send};

pub const X509: CertificateType = CertificateType::X509;
pub const RAW: CertificateType = CertificateType::RawPublicKey;

/// A private key with the certificate that it might have had.
pub struct Key {
    pub private: PrivateKeyDer<'static>,
    pub public: SubjectPublicKeyInfoDer<'static>,
}

impl Key {
    pub fn new(authority: &Authority, kind: KeyKind) -> Self {
        let (certificate, private) = authority.issue(&[NAME], kind);
        let read = PeerCertificate::read(&certificate).unwrap();
        let public = SubjectPublicKeyInfoDer::from(read.subject_public_key_info()).into_owned();
        Self { private, public }
    }

    pub fn identity(&self) -> Identity {
        Identity::raw_public_key(&self.private).unwrap()
    }
}

/// Two ends with a raw key each, one authority for what is not raw, and nothing configured yet.
pub struct Rig {
    pub authority: Authority,
    pub of_client: Key,
    pub of_server: Key,
}

impl Rig {
    pub fn new() -> Self {
        Self::with(KeyKind::EcdsaP256)
    }

    pub fn with(kind: KeyKind) -> Self {
        let authority = Authority::new();
        let (of_client, of_server) = (Key::new(&authority, KeyKind::EcdsaP256), Key::new(&authority, kind));
        Self { authority, of_client, of_server }
    }

    /// A client that trusts nothing but the server's raw key.
    pub fn client(&self) -> ClientConfig {
        let client = ClientConfig::new(Roots::new()).clock(Arc::new(NOW));
        client.trusted_raw_public_keys([self.of_server.public.clone()]).unwrap()
    }

    pub fn server(&self) -> ServerConfig {
        ServerConfig::new(self.of_server.identity()).clock(Arc::new(NOW))
    }

    /// A server that demands the client's raw key.
    pub fn demanding(&self) -> ServerConfig {
        let server = self.server().client_auth(ClientAuth::Require(Arc::new(Roots::new())));
        server.trusted_raw_public_keys([self.of_client.public.clone()]).unwrap()
    }

    /// Both ends with certificates, as if there were no raw keys.
    pub fn with_certificates(&self) -> (ClientConfig, ServerConfig) {
        let (client, server) = configs_by(&self.authority, KeyKind::EcdsaP256);
        let asks = ClientAuth::Require(Arc::new(self.authority.roots()));
        let identity = self.authority.identity(&["client.test"], KeyKind::EcdsaP256);
        (client.identity(identity), server.client_auth(asks))
    }
}

pub fn keeping((client, server): (ClientConfig, ServerConfig)) -> (ClientConfig, ServerConfig) {
    let client = client.session_store(Arc::new(MemoryClientSessions::new(8, 8)));
    (client, server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap())))
}

/// One connection, over which data goes both ways.
pub fn connect(client: &ClientConfig, server: &ServerConfig, version: ProtocolVersion) -> Pair {
    let mut pair = Pair::established(client.clone().versions([version]).unwrap(), server.clone());
    assert_eq!(pair.client.protocol_version(), Some(version));
    assert_eq!(pair.client.handshake_kind(), pair.server.handshake_kind());
    pair.to_server = send(&mut pair.client, b"ping");
    pair.to_client = send(&mut pair.server, b"pong");
    pair.run().unwrap();
    assert_eq!((data(&pair.server_seen), data(&pair.client_seen)), (b"ping".to_vec(), b"pong".to_vec()));
    pair
}

/// The peer of this connection is known by this raw key, or by a certificate.
#[track_caller]
pub fn assert_peer(connection: &Connection, raw: bool, key: &Key) {
    let expected = raw.then(|| key.public.clone());
    assert_eq!(connection.peer_raw_public_key(), expected);
    assert_eq!(connection.peer_certificate_type(), Some(if raw { RAW } else { X509 }));
    assert_eq!(connection.peer_certificates().is_empty(), raw);
    assert!(connection.peer_signature_scheme().is_some());
}

/// Keeps what passes at an end.
#[derive(Debug, Default)]
pub struct Passed(pub Mutex<Vec<(Direction, Vec<u8>)>>);

impl Observer for Passed {
    fn observe(&self, observed: &Observed<'_>) {
        if let Content::Handshake { bytes, .. } = observed.content {
            self.0.lock().unwrap().push((observed.direction, bytes.to_vec()));
        }
    }
}
