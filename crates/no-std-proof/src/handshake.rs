//! A client and a server in memory, as a device would drive them: every buffer is an array of a fixed size.

use alloc::sync::Arc;
use alloc::vec;

use bulla::clock::Time;
use bulla::config::AntiReplay;
#[cfg(any(feature = "zlib", feature = "brotli"))]
use bulla::config::compression::CompressCertificates;
use bulla::crypto::ring::provider;
use bulla::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use bulla::resume::TicketKeys;
use bulla::wire::ProtocolVersion;
use bulla::{
    ClientConfig, ClientConnection, Connection, EarlyData, Error, Event, HandshakeKind, Identity, MAX_RECORD_LEN,
    Roots, Sent, ServerConfig, ServerConnection, ServerName,
};

use crate::store::{Once, OneSession};

const ROOT: &[u8] = include_bytes!("../../../tests/support/identity/root.der");
const LEAF: &[u8] = include_bytes!("../../../tests/support/identity/leaf.der");
const LEAF_KEY: &[u8] = include_bytes!("../../../tests/support/identity/leaf_key.der");

/// 2026-01-01T00:00:00Z: a device without a clock of its own is told the time.
const NOW: Time = Time::from_secs(1_767_225_600);

/// The wire between both ends, large enough for a server's first flight.
struct Wire {
    bytes: [u8; 2 * MAX_RECORD_LEN],
    filled: usize,
}

/// Connects twice in every version that is built in. An error is the number of the step that failed.
pub fn run() -> Result<(), i32> {
    run_with(ProtocolVersion::TLSv1_3)?;
    #[cfg(feature = "tls12")]
    run_with(ProtocolVersion::TLSv1_2)?;
    Ok(())
}

/// Makes a full handshake, and resumes its session by a ticket; in TLS 1.3 with early data.
fn run_with(version: ProtocolVersion) -> Result<(), i32> {
    let mut roots = Roots::new();
    roots.add_der(&CertificateDer::from(ROOT)).map_err(|_| 1)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(LEAF_KEY));
    let identity = Identity::new(vec![CertificateDer::from(LEAF)], &key).map_err(|_| 2)?;
    let client = ClientConfig::new(roots).clock(Arc::new(NOW)).versions([version]).map_err(|_| 13)?.early_data(true);
    #[cfg(any(feature = "zlib", feature = "brotli"))]
    let client = client.certificate_compression(compression()).map_err(|_| 19)?;
    let client = Arc::new(client.clone().session_store(Arc::new(OneSession::new(client))));
    let tickets = TicketKeys::random(provider(), 3600).map_err(|_| 15)?;
    let server = ServerConfig::new(identity).clock(Arc::new(NOW)).tickets(Arc::new(tickets)).tickets_per_handshake(1);
    let server = server.early_data(64, AntiReplay::StrikeRegister(Arc::new(Once::default()))).map_err(|_| 16)?;
    #[cfg(any(feature = "zlib", feature = "brotli"))]
    let server = server.certificate_compression(compression()).map_err(|_| 20)?;
    let server = Arc::new(server);
    connect(&client, &server, version, HandshakeKind::Full)?;
    connect(&client, &server, version, HandshakeKind::Resumed)
}

/// The ways to compress certificates that are built in.
#[cfg(any(feature = "zlib", feature = "brotli"))]
fn compression() -> alloc::vec::Vec<Arc<dyn CompressCertificates>> {
    vec![
        #[cfg(feature = "zlib")]
        Arc::new(bulla::config::compression::Zlib),
        #[cfg(feature = "brotli")]
        Arc::new(bulla::config::compression::Brotli),
    ]
}

/// Connects, says "ping", hears "pong", closes.
fn connect(
    client_config: &Arc<ClientConfig>,
    server_config: &Arc<ServerConfig>,
    version: ProtocolVersion,
    kind: HandshakeKind,
) -> Result<(), i32> {
    let name = ServerName::try_from("server.test").map_err(|_| 3)?;
    let mut client = ClientConnection::new(client_config.clone(), name).map_err(|_| 4)?;
    let mut server = ServerConnection::new(server_config.clone()).map_err(|_| 5)?;

    let mut to_server = Wire { bytes: [0; 2 * MAX_RECORD_LEN], filled: 0 };
    let mut to_client = Wire { bytes: [0; 2 * MAX_RECORD_LEN], filled: 0 };
    let is_early = client.early_data_room() > 0;
    if is_early {
        to_server.send(&mut client, Connection::send_early, b"early")?;
    }
    while client.has_output() || server.has_output() || to_server.filled > 0 {
        to_server.take_from(&mut client)?;
        to_server.give_to(&mut server, b"early")?;
        to_client.take_from(&mut server)?;
        to_client.give_to(&mut client, &[])?;
    }
    if !client.is_established() || !server.is_established() {
        return Err(6);
    }
    if client.protocol_version() != Some(version) {
        return Err(14);
    }
    if [client.handshake_kind(), server.handshake_kind()] != [Some(kind); 2] {
        return Err(17);
    }
    let wants_early = version == ProtocolVersion::TLSv1_3 && kind == HandshakeKind::Resumed;
    let outcome = if wants_early { EarlyData::Accepted } else { EarlyData::NotOffered };
    if is_early != wants_early || [client.early_data(), server.early_data()] != [outcome; 2] {
        return Err(18);
    }
    to_server.send(&mut client, Connection::send, b"ping")?;
    to_server.give_to(&mut server, b"ping")?;
    to_client.send(&mut server, Connection::send, b"pong")?;
    to_client.give_to(&mut client, b"pong")?;
    client.close();
    to_server.take_from(&mut client)?;
    to_server.give_to(&mut server, &[])?;
    if server.is_closed() { Ok(()) } else { Err(7) }
}

/// A way to send data.
type Send = fn(&mut Connection, &[u8], &mut [u8]) -> Result<Sent, Error>;

impl Wire {
    fn take_from(&mut self, connection: &mut Connection) -> Result<(), i32> {
        let taken = connection.take_output(&mut self.bytes[self.filled..]).map_err(|_| 8)?;
        self.filled += taken.len();
        Ok(())
    }

    fn send(&mut self, connection: &mut Connection, send: Send, data: &[u8]) -> Result<(), i32> {
        let sent = send(connection, data, &mut self.bytes[self.filled..]).map_err(|_| 9)?;
        self.filled += sent.written;
        if sent.taken == data.len() { Ok(()) } else { Err(10) }
    }

    /// Hands over all that lies on the wire; data must be the `expected` one.
    fn give_to(&mut self, connection: &mut Connection, expected: &[u8]) -> Result<(), i32> {
        let mut start = 0;
        loop {
            let received = connection.receive(&mut self.bytes[start..self.filled]).map_err(|_| 11)?;
            start += received.used;
            match received.event {
                // Which of the two it is, the calls above know.
                Event::Data { plaintext, .. } | Event::EarlyData { plaintext, .. } if plaintext == expected => {}
                Event::Data { .. } | Event::EarlyData { .. } | Event::Ask(_) | Event::Waiting => return Err(12),
                Event::Progress | Event::Established => {}
                Event::PeerAuthenticated | Event::CertificateDeclined => return Err(12),
                Event::NeedMore { .. } | Event::Closed => break,
            }
        }
        self.bytes.copy_within(start..self.filled, 0);
        self.filled -= start;
        Ok(())
    }
}
