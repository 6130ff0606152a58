//! A transport that keeps what crosses it, and the records in there.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use bulla::wire::ContentType;
use bulla::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, ServerName, Stream};

use super::certificates::NAME;
use super::peer::{Background, connect_tcp, serve_once};

/// What came and what went, in the order of each direction.
#[derive(Clone, Default)]
pub struct Capture(Arc<Mutex<(Vec<u8>, Vec<u8>)>>);

impl Capture {
    /// Returns all that has come so far.
    pub fn came(&self) -> Vec<u8> {
        self.0.lock().unwrap().0.clone()
    }

    /// Returns all that has gone so far.
    pub fn went(&self) -> Vec<u8> {
        self.0.lock().unwrap().1.clone()
    }
}

/// A transport that keeps a copy of all that passes.
pub struct Tapped {
    socket: TcpStream,
    capture: Capture,
}

impl Tapped {
    pub fn new(socket: TcpStream) -> (Self, Capture) {
        let capture = Capture::default();
        (Self { socket, capture: capture.clone() }, capture)
    }
}

impl Read for Tapped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.socket.read(buffer)?;
        self.capture.0.lock().unwrap().0.extend_from_slice(&buffer[..len]);
        Ok(len)
    }
}

impl Write for Tapped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.socket.write(bytes)?;
        self.capture.0.lock().unwrap().1.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Connects our client to a foreign server and keeps what crosses.
pub fn connect_tapped(address: SocketAddr, config: ClientConfig) -> (Stream<ClientConnection, Tapped>, Capture) {
    let name = ServerName::try_from(NAME.to_string()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let (tapped, capture) = Tapped::new(connect_tcp(address));
    let mut stream = Stream::new(connection, tapped);
    stream.handshake().unwrap();
    (stream, capture)
}

/// Serves the first connection that comes, after its handshake, and keeps what crosses.
pub fn serve_tapped<T: Send + 'static>(
    config: ServerConfig,
    work: impl FnOnce(Stream<ServerConnection, Tapped>, Capture) -> T + Send + 'static,
) -> (SocketAddr, Background<T>) {
    let config = Arc::new(config);
    serve_once(move |socket| {
        let (tapped, capture) = Tapped::new(socket);
        let mut stream = Stream::new(ServerConnection::new(config).unwrap(), tapped);
        stream.handshake().unwrap();
        work(stream, capture)
    })
}

/// Splits what crossed in one direction into its records.
pub fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while let [_, _, _, high, low, ..] = bytes {
        let len = 5 + usize::from(u16::from_be_bytes([*high, *low]));
        records.push(bytes[..len].to_vec());
        bytes = &bytes[len..];
    }
    records
}

/// Returns what follows the header of the longest record of application data: in TLS 1.3 any record that is protected.
pub fn longest_record(bytes: &[u8]) -> usize {
    let records = records(bytes);
    let of_data = records.iter().filter(|record| ContentType(record[0]) == ContentType::application_data);
    of_data.map(|record| record.len() - 5).max().expect("data should have crossed")
}
