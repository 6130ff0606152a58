//! Our ends in this process: a client that connects to a foreign server, a server that a foreign client connects to, and
//! what they say was negotiated.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::DerefMut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bulla::wire::{CipherSuite, Handshake, NamedGroup, ProtocolVersion, SignatureScheme};
use bulla::{
    ClientConfig, ClientConnection, Connection, Content, Direction, Error, HandshakeKind, KeyLog, Observed, Observer,
    ServerConfig, ServerConnection, ServerName, Stream, key_log_line, tls_error,
};

use super::certificates::{Kind, NAME};
use super::peer::{Background, PATIENCE, connect_tcp, serve_once};

pub type ClientStream = Stream<ClientConnection, TcpStream>;
pub type ServerStream = Stream<ServerConnection, TcpStream>;

pub const SUITES: [CipherSuite; 3] = [
    CipherSuite::TLS_AES_128_GCM_SHA256,
    CipherSuite::TLS_AES_256_GCM_SHA384,
    CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
];

/// The suites of TLS 1.2 that go with an ECDSA or EdDSA key.
pub const ECDSA_SUITES: [CipherSuite; 3] = [
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// The suites of TLS 1.2 that go with an RSA key.
pub const RSA_SUITES: [CipherSuite; 3] = [
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// The suites of TLS 1.2 that go with a key of this kind.
pub fn tls12_suites(kind: Kind) -> [CipherSuite; 3] {
    match kind {
        Kind::EcdsaP256 | Kind::EcdsaP384 | Kind::Ed25519 => ECDSA_SUITES,
        Kind::Rsa | Kind::RsaPss => RSA_SUITES,
    }
}

/// What `openssl` calls a suite of TLS 1.2.
pub fn openssl_suite(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        other => panic!("{other} is none of TLS 1.2"),
    }
}

/// The groups that every peer has.
pub const GROUPS: [NamedGroup; 3] = [NamedGroup::x25519, NamedGroup::secp256r1, NamedGroup::secp384r1];

/// What `openssl`, GnuTLS and Go call a group.
pub fn openssl_group(group: NamedGroup) -> &'static str {
    match group {
        NamedGroup::x25519 => "X25519",
        NamedGroup::secp256r1 => "P-256",
        NamedGroup::secp384r1 => "P-384",
        other => panic!("{other} has no name here"),
    }
}

/// The scheme in which two ends sign that leave the choice to us.
pub fn scheme_of(kind: Kind) -> SignatureScheme {
    match kind {
        Kind::EcdsaP256 => SignatureScheme::ecdsa_secp256r1_sha256,
        Kind::EcdsaP384 => SignatureScheme::ecdsa_secp384r1_sha384,
        Kind::Ed25519 => SignatureScheme::ed25519,
        Kind::Rsa => SignatureScheme::rsa_pss_rsae_sha256,
        Kind::RsaPss => SignatureScheme::rsa_pss_pss_sha256,
    }
}

/// The curve that a peer of TLS 1.2 must list beside `group` to be shown a leaf of this kind. RFC 8422 §5.1.1.
pub fn groups_with_curve_of(kind: Kind, group: NamedGroup) -> Vec<NamedGroup> {
    let curve = match kind {
        Kind::EcdsaP256 => Some(NamedGroup::secp256r1),
        Kind::EcdsaP384 => Some(NamedGroup::secp384r1),
        Kind::Ed25519 | Kind::Rsa | Kind::RsaPss => None,
    };
    [group].into_iter().chain(curve.filter(|curve| *curve != group)).collect()
}

/// The scheme in which peers sign TLS 1.2 that choose the first of ours: any hash goes with any curve there.
pub fn tls12_scheme_of(kind: Kind) -> SignatureScheme {
    match kind {
        Kind::EcdsaP384 => SignatureScheme::ecdsa_secp256r1_sha256,
        _ => scheme_of(kind),
    }
}

/// What was negotiated, as our end tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub kind: HandshakeKind,
    pub suite: CipherSuite,
    pub group: NamedGroup,
    pub peer_scheme: Option<SignatureScheme>,
    pub retried: bool,
    pub alpn: Option<String>,
    pub server_name: Option<String>,
    pub peer_chain_len: usize,
}

/// Returns the facts of a TLS 1.3 connection.
pub fn facts(connection: &Connection) -> Facts {
    facts_in(ProtocolVersion::TLSv1_3, connection)
}

/// Returns the facts of a TLS 1.2 connection.
pub fn facts_tls12(connection: &Connection) -> Facts {
    facts_in(ProtocolVersion::TLSv1_2, connection)
}

/// Returns the facts of a connection in this version.
pub fn facts_in(version: ProtocolVersion, connection: &Connection) -> Facts {
    assert_eq!(connection.protocol_version(), Some(version));
    Facts {
        kind: connection.handshake_kind().unwrap(),
        suite: connection.cipher_suite().unwrap(),
        group: connection.group().unwrap(),
        peer_scheme: connection.peer_signature_scheme(),
        retried: connection.hello_retried(),
        alpn: connection.alpn_protocol().map(|name| String::from_utf8(name.to_vec()).unwrap()),
        server_name: connection.server_name().map(String::from),
        peer_chain_len: connection.peer_certificates().len(),
    }
}

/// Connects our client to a foreign server, expecting the name of the shared leaves.
pub fn connect(address: SocketAddr, config: ClientConfig) -> io::Result<ClientStream> {
    connect_as(address, config, NAME)
}

pub fn connect_as(address: SocketAddr, config: ClientConfig, name: &str) -> io::Result<ClientStream> {
    let name = ServerName::try_from(name.to_string()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = Stream::new(connection, connect_tcp(address));
    stream.handshake_within(PATIENCE)?;
    Ok(stream)
}

/// Serves the first connection that comes with our server, after its handshake.
pub fn serve<T: Send + 'static>(
    config: ServerConfig,
    work: impl FnOnce(ServerStream) -> T + Send + 'static,
) -> (SocketAddr, Background<T>) {
    try_serve(config, |established| work(established.unwrap()))
}

/// Serves the first connection that comes, however its handshake ends.
pub fn try_serve<T: Send + 'static>(
    config: ServerConfig,
    work: impl FnOnce(io::Result<ServerStream>) -> T + Send + 'static,
) -> (SocketAddr, Background<T>) {
    let config = Arc::new(config);
    serve_once(move |socket| {
        let mut stream = Stream::new(ServerConnection::new(config).unwrap(), socket);
        let established = stream.handshake_within(PATIENCE);
        if established.is_err() {
            drain(stream.transport_mut());
        }
        work(established.map(|()| stream))
    })
}

/// Reads what a refused peer had sent already: closing over unread bytes resets the connection and destroys our alert.
fn drain(socket: &mut TcpStream) {
    let _ = socket.shutdown(std::net::Shutdown::Write);
    let _ = io::copy(socket, &mut io::sink());
}

/// Serves a TLS 1.3 client that sends one line, gets it back, and closes.
pub fn echo_line(stream: ServerStream) -> Facts {
    let facts = facts(stream.connection());
    echo_one_line(stream);
    facts
}

/// Does the same in TLS 1.2.
pub fn echo_line_tls12(stream: ServerStream) -> Facts {
    let facts = facts_tls12(stream.connection());
    echo_one_line(stream);
    facts
}

fn echo_one_line(mut stream: ServerStream) {
    let line = read_line(&mut stream);
    stream.write_all(line.as_bytes()).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    stream.close().unwrap();
    assert!(rest.is_empty(), "after the line came {:?}", String::from_utf8_lossy(&rest));
}

pub fn read_line(stream: &mut impl Read) -> String {
    let mut line = Vec::new();
    // One byte a read: what follows the line stays in the stream.
    BufReader::with_capacity(1, stream).read_until(b'\n', &mut line).unwrap();
    String::from_utf8(line).unwrap()
}

/// Returns the TLS error that ended a stream; another failure is the test's.
#[track_caller]
pub fn tls_failure<T>(result: io::Result<T>) -> Error {
    let error = result.err().expect("the handshake or the read fails");
    tls_error(&error).unwrap_or_else(|| panic!("not a TLS error: {error:?}")).clone()
}

/// Counts the KeyUpdates that the peer has sent.
#[derive(Debug, Default)]
pub struct KeyUpdates(AtomicUsize);

impl KeyUpdates {
    /// Reads with `stream`, which has no data to give yet, until `count` KeyUpdates have come.
    pub fn wait_for<C: DerefMut<Target = Connection>>(&self, count: usize, stream: &mut Stream<C, TcpStream>) {
        let deadline = Instant::now() + PATIENCE;
        stream.transport().set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        while self.0.load(Ordering::SeqCst) < count {
            assert!(Instant::now() < deadline, "KeyUpdate {count} has not come");
            let waited = stream.read(&mut [0]).unwrap_err();
            assert_eq!(waited.kind(), io::ErrorKind::WouldBlock, "{waited}");
        }
        stream.transport().set_read_timeout(Some(PATIENCE)).unwrap();
    }
}

impl Observer for KeyUpdates {
    fn observe(&self, seen: &Observed<'_>) {
        if let (Direction::Received, Content::Handshake { message: Ok(Handshake::KeyUpdate(_)), .. }) =
            (seen.direction, &seen.content)
        {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Keeps the lines that a key log file would hold.
#[derive(Debug, Default)]
pub struct KeptKeys(Mutex<Vec<String>>);

impl KeptKeys {
    /// Returns the lines in order of their text.
    pub fn sorted(&self) -> Vec<String> {
        let mut lines = self.0.lock().unwrap().clone();
        lines.sort();
        lines
    }
}

impl KeyLog for KeptKeys {
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
        self.0.lock().unwrap().push(key_log_line(label, client_random, secret));
    }
}

/// Returns the secrets of a key log's text in order, comments left out.
pub fn sorted_key_log(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    // Case of hexadecimal digits is free. RFC 9850 §2.
    let mut lines: Vec<_> = lines
        .map(|line| match line.split_once(' ') {
            Some((label, rest)) => format!("{label} {}", rest.to_lowercase()),
            None => line.to_string(),
        })
        .collect();
    lines.sort();
    lines
}
