//! A client and a server in memory, as a device would drive them: every buffer is an array of a fixed size.

use alloc::sync::Arc;
use alloc::vec;

use bulla::clock::Time;
use bulla::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use bulla::wire::ProtocolVersion;
use bulla::{
    ClientConfig, ClientConnection, Connection, Event, Identity, MAX_RECORD_LEN, Roots, ServerConfig, ServerConnection,
    ServerName,
};

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

/// Shakes hands in every version that is built in. An error is the number of the step that failed.
pub fn run() -> Result<(), i32> {
    run_with(ProtocolVersion::TLSv1_3)?;
    #[cfg(feature = "tls12")]
    run_with(ProtocolVersion::TLSv1_2)?;
    Ok(())
}

/// Connects, says "ping", hears "pong", closes.
fn run_with(version: ProtocolVersion) -> Result<(), i32> {
    let mut roots = Roots::new();
    roots.add_der(&CertificateDer::from(ROOT)).map_err(|_| 1)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(LEAF_KEY));
    let identity = Identity::new(vec![CertificateDer::from(LEAF)], &key).map_err(|_| 2)?;
    let client_config = ClientConfig::new(roots).clock(Arc::new(NOW)).versions([version]).map_err(|_| 13)?;
    let client_config = Arc::new(client_config);
    let server_config = Arc::new(ServerConfig::new(identity).clock(Arc::new(NOW)));
    let name = ServerName::try_from("server.test").map_err(|_| 3)?;
    let mut client = ClientConnection::new(client_config, name).map_err(|_| 4)?;
    let mut server = ServerConnection::new(server_config).map_err(|_| 5)?;

    let mut to_server = Wire { bytes: [0; 2 * MAX_RECORD_LEN], filled: 0 };
    let mut to_client = Wire { bytes: [0; 2 * MAX_RECORD_LEN], filled: 0 };
    while client.has_output() || server.has_output() {
        to_server.take_from(&mut client)?;
        to_server.give_to(&mut server, &[])?;
        to_client.take_from(&mut server)?;
        to_client.give_to(&mut client, &[])?;
    }
    if !client.is_established() || !server.is_established() {
        return Err(6);
    }
    if client.protocol_version() != Some(version) {
        return Err(14);
    }
    to_server.send(&mut client, b"ping")?;
    to_server.give_to(&mut server, b"ping")?;
    to_client.send(&mut server, b"pong")?;
    to_client.give_to(&mut client, b"pong")?;
    client.close();
    to_server.take_from(&mut client)?;
    to_server.give_to(&mut server, &[])?;
    if server.is_closed() { Ok(()) } else { Err(7) }
}

impl Wire {
    fn take_from(&mut self, connection: &mut Connection) -> Result<(), i32> {
        let taken = connection.take_output(&mut self.bytes[self.filled..]).map_err(|_| 8)?;
        self.filled += taken.len();
        Ok(())
    }

    fn send(&mut self, connection: &mut Connection, data: &[u8]) -> Result<(), i32> {
        let sent = connection.send(data, &mut self.bytes[self.filled..]).map_err(|_| 9)?;
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
                Event::Data { plaintext, .. } if plaintext == expected => {}
                Event::Data { .. } | Event::Ask(_) | Event::Waiting => return Err(12),
                Event::Progress | Event::Established => {}
                Event::NeedMore { .. } | Event::Closed => break,
            }
        }
        self.bytes.copy_within(start..self.filled, 0);
        self.filled -= start;
        Ok(())
    }
}
