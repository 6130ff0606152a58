//! Second connections with foreign peers: the ways in which a session comes back, and our end of a connection on a socket
//! that keeps early data apart, and every byte that came.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::DerefMut;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bulla::clock::{Clock, SystemClock, Time};
use bulla::config::SealTickets;
use bulla::crypto::ring::provider;
use bulla::resume::{MemoryClientSessions, MemoryServerSessions, TicketKeys};
use bulla::wire::{CipherSuite, Handshake, ProtocolVersion};
use bulla::{
    ClientConfig, ClientConnection, Connection, Content, EarlyData, Error, Event, HandshakeKind, MAX_RECORD_LEN,
    Observed, Observer, Sent, ServerConfig, ServerConnection, ServerName,
};

use super::certificates::NAME;
use super::ends::{ECDSA_SUITES, Facts, SUITES, facts_in};
use super::peer::{Background, connect_tcp, serve_in_turn};

/// How a server's session comes back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In TLS 1.3, sealed in the ticket.
    SealedTls13,
    /// In TLS 1.3, named by the ticket.
    StoredTls13,
    /// In TLS 1.2, sealed in the ticket.
    TicketTls12,
    /// In TLS 1.2, named by the session id.
    SessionIdTls12,
}

/// The ways of the versions that there are.
pub const WAYS: &[Way] = if cfg!(feature = "tls12") {
    &[Way::SealedTls13, Way::StoredTls13, Way::TicketTls12, Way::SessionIdTls12]
} else {
    &[Way::SealedTls13, Way::StoredTls13]
};

impl Way {
    pub fn version(self) -> ProtocolVersion {
        match self {
            Self::SealedTls13 | Self::StoredTls13 => ProtocolVersion::TLSv1_3,
            Self::TicketTls12 | Self::SessionIdTls12 => ProtocolVersion::TLSv1_2,
        }
    }

    /// The version's suites that go with an ECDSA key.
    pub fn suites(self) -> [CipherSuite; 3] {
        if self.version() == ProtocolVersion::TLSv1_3 { SUITES } else { ECDSA_SUITES }
    }

    /// Lets a server speak this version alone, and keep its sessions in this way.
    pub fn keep(self, config: ServerConfig) -> ServerConfig {
        let config = config.versions([self.version()]).unwrap();
        match self {
            Self::SealedTls13 | Self::TicketTls12 => config.tickets(ticket_keys()),
            Self::StoredTls13 | Self::SessionIdTls12 => config.session_store(sessions()),
        }
    }
}

/// Ticket keys that nobody else has.
pub fn ticket_keys() -> Arc<dyn SealTickets> {
    Arc::new(TicketKeys::random(provider(), 86_400).unwrap())
}

pub fn sessions() -> Arc<MemoryServerSessions> {
    Arc::new(MemoryServerSessions::new(100))
}

/// A client that speaks this version alone, and comes back.
pub fn resuming_client(version: ProtocolVersion, config: ClientConfig) -> ClientConfig {
    config.versions([version]).unwrap().session_store(Arc::new(MemoryClientSessions::new(4, 8)))
}

/// The system's clock, so many milliseconds later.
#[derive(Debug, Default)]
pub struct LaterClock(AtomicU64);

impl LaterClock {
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for LaterClock {
    fn now(&self) -> Option<Time> {
        SystemClock.now().map(|now| Time::from_millis(now.as_millis() + self.0.load(Ordering::SeqCst)))
    }
}

/// Keeps the tickets that our end sends or gets.
#[derive(Debug, Default)]
pub struct KeptTickets(Mutex<Vec<Vec<u8>>>);

impl KeptTickets {
    pub fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for KeptTickets {
    fn observe(&self, seen: &Observed<'_>) {
        let Content::Handshake { message: Ok(message), .. } = &seen.content else { return };
        let ticket = match message {
            Handshake::NewSessionTicket(message) => message.ticket,
            Handshake::NewSessionTicketTls12(message) => message.ticket,
            _ => return,
        };
        self.0.lock().unwrap().push(ticket.to_vec());
    }
}

/// A connection on a socket. It reads one record at a time, and keeps what came.
pub struct Wire<C> {
    pub connection: C,
    socket: TcpStream,
    /// Bytes that the connection has not taken.
    unread: Vec<u8>,
    /// Every byte that the peer has sent.
    pub raw: Vec<u8>,
    pub early: Vec<u8>,
    pub data: Vec<u8>,
    closed: bool,
}

impl<C: DerefMut<Target = Connection>> Wire<C> {
    pub fn new(connection: C, socket: TcpStream) -> Self {
        let empty = Vec::new;
        Self { connection, socket, unread: empty(), raw: empty(), early: empty(), data: empty(), closed: false }
    }

    /// Gives the socket and what it brought to another connection.
    pub fn hand_over<D>(self, connection: D) -> Wire<D> {
        let Self { connection: _, socket, unread, raw, early, data, closed } = self;
        Wire { connection, socket, unread, raw, early, data, closed }
    }

    /// Writes what waits, and takes one step, reading only if there is nothing else to do.
    pub fn step(&mut self) -> Result<(), Error> {
        self.flush()?;
        let received = self.connection.receive(&mut self.unread);
        let (used, wants_more) = match received {
            Ok(received) => {
                match &received.event {
                    Event::Data { plaintext, .. } => self.data.extend_from_slice(plaintext),
                    Event::EarlyData { plaintext, .. } => self.early.extend_from_slice(plaintext),
                    Event::Closed => self.closed = true,
                    Event::Ask(question) => panic!("nobody answers {question:?}"),
                    _ => {}
                }
                (received.used, matches!(received.event, Event::NeedMore { .. }))
            }
            Err(error) => return Err(self.give_up(error)),
        };
        self.unread.drain(..used);
        if wants_more { self.read() } else { Ok(()) }
    }

    fn read(&mut self) -> Result<(), Error> {
        let mut chunk = [0; 4096];
        match self.socket.read(&mut chunk).unwrap() {
            0 => self.connection.end_of_input()?,
            len => {
                self.unread.extend_from_slice(&chunk[..len]);
                self.raw.extend_from_slice(&chunk[..len]);
            }
        }
        Ok(())
    }

    /// Sends the alert, and reads what the peer had sent already: closing over unread bytes would destroy it.
    fn give_up(&mut self, error: Error) -> Error {
        let _ = self.flush();
        let _ = self.socket.shutdown(Shutdown::Write);
        let _ = std::io::copy(&mut self.socket, &mut std::io::sink());
        error
    }

    pub fn flush(&mut self) -> Result<(), Error> {
        let mut out = vec![0; 2 * MAX_RECORD_LEN];
        loop {
            let output = self.connection.take_output(&mut out)?;
            if output.is_empty() {
                return Ok(());
            }
            // A peer that has hung up may have said why.
            let _ = self.socket.write_all(output);
        }
    }

    pub fn handshake(&mut self) -> Result<(), Error> {
        while !self.connection.is_established() {
            self.step()?;
        }
        self.flush()
    }

    fn send_by(
        &mut self,
        mut data: &[u8],
        send: impl Fn(&mut Connection, &[u8], &mut [u8]) -> Result<Sent, Error>,
    ) -> Result<(), Error> {
        let mut out = vec![0; 2 * MAX_RECORD_LEN];
        while !data.is_empty() {
            let sent = send(&mut self.connection, data, &mut out)?;
            self.socket.write_all(&out[..sent.written]).unwrap();
            data = &data[sent.taken..];
        }
        Ok(())
    }

    pub fn send(&mut self, data: &[u8]) -> Result<(), Error> {
        self.send_by(data, Connection::send)
    }

    pub fn send_early(&mut self, data: &[u8]) -> Result<(), Error> {
        self.send_by(data, Connection::send_early)
    }

    pub fn send_half_rtt(&mut self, data: &[u8]) -> Result<(), Error> {
        self.send_by(data, Connection::send_half_rtt)
    }

    /// Reads until `len` bytes of ordinary data have come, or the end.
    pub fn receive(&mut self, len: usize) -> Result<(), Error> {
        while self.data.len() < len && !self.closed {
            self.step()?;
        }
        Ok(())
    }

    /// Reads to the end of a line, or of the data.
    pub fn receive_line(&mut self) -> Result<String, Error> {
        while !self.data.ends_with(b"\n") && !self.closed {
            self.step()?;
        }
        Ok(String::from_utf8(std::mem::take(&mut self.data)).unwrap())
    }

    /// Closes, and reads what the peer still sends.
    pub fn close(&mut self) -> Result<(), Error> {
        self.connection.close();
        self.flush()?;
        self.receive(usize::MAX)
    }

    pub fn facts(&self) -> Facts {
        facts_in(self.connection.protocol_version().unwrap(), &self.connection)
    }
}

/// What our end tells of one connection.
#[derive(Debug)]
pub struct Told {
    /// What was negotiated, or why not.
    pub facts: Result<Facts, Error>,
    pub version: Option<ProtocolVersion>,
    pub outcome: EarlyData,
    pub early: Vec<u8>,
    /// The ordinary data that came.
    pub data: Vec<u8>,
    /// Every byte that came.
    pub raw: Vec<u8>,
}

impl Told {
    /// Returns the facts of a connection that was made.
    #[track_caller]
    pub fn facts(&self) -> &Facts {
        self.facts.as_ref().unwrap()
    }

    #[track_caller]
    pub fn kind(&self) -> HandshakeKind {
        self.facts().kind
    }
}

/// Serves one client to its end: sends back all that it says behind the handshake, or, in answer to its early data and
/// nothing else, says "early answer".
pub fn echo(config: Arc<ServerConfig>, socket: TcpStream) -> Told {
    echo_with(Wire::new(ServerConnection::new(config).unwrap(), socket))
}

pub fn echo_with(mut wire: Wire<ServerConnection>) -> Told {
    let mut data = Vec::new();
    let mut facts = None;
    let ended = wire.handshake().and_then(|()| {
        facts = Some(wire.facts());
        while !wire.closed {
            wire.step()?;
            let came = std::mem::take(&mut wire.data);
            wire.send(&came)?;
            data.extend(came);
        }
        wire.close()
    });
    Told {
        version: wire.connection.protocol_version(),
        facts: ended.map(|()| facts.unwrap()),
        outcome: wire.connection.early_data(),
        early: wire.early,
        data,
        raw: wire.raw,
    }
}

/// Serves a client with each of these configurations, in turn, at one address.
pub fn serve_each(configs: Vec<Arc<ServerConfig>>) -> (SocketAddr, Background<Vec<Told>>) {
    serve_in_turn(configs.len(), move |turn, socket| echo(Arc::clone(&configs[turn]), socket))
}

/// Connects our client, before anything is said.
pub fn call(config: &Arc<ClientConfig>, address: SocketAddr) -> Wire<ClientConnection> {
    let name = ServerName::try_from(NAME).unwrap();
    Wire::new(ClientConnection::new(Arc::clone(config), name).unwrap(), connect_tcp(address))
}
