//! The connections after the first: fast the second time, data before the handshake is finished, and what becomes of it when
//! somebody sends it a second time.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bulla::config::AntiReplay;
use bulla::crypto::ring;
use bulla::resume::{MemoryServerSessions, MemoryStrikeRegister, TicketKeys};
use bulla::wire::ProtocolVersion;
use bulla::{ClientConfig, EarlyData, HandshakeKind, ServerConfig, Stream, Timeouts};

use super::{
    BOLD, LIMIT, NAME, Server, at_end, block, client_failed, close, connection, milliseconds, network, receive, say,
    send, shake_hands, tell, transport, wrong,
};
use crate::console::grouped;
use crate::negotiated;
use crate::report::Failure;
use crate::trace::Account;

/// How much goes early, in bytes.
const EARLY_LEN: usize = 0x4000;
/// How long a ticket key seals, in seconds.
const KEY_PERIOD: u32 = 3600;

/// Adds what second connections need to a server's configuration.
pub(super) fn resuming(config: ServerConfig) -> Result<ServerConfig, Failure> {
    let unusable = |error: &dyn ToString| Failure::usage("demo", error.to_string());
    let keys = TicketKeys::random(ring::provider(), KEY_PERIOD).map_err(|error| unusable(&error))?;
    let register = MemoryStrikeRegister::random(&*ring::provider(), 16).map_err(|error| unusable(&error))?;
    let config = config.tickets(Arc::new(keys)).session_store(Arc::new(MemoryServerSessions::new(16)));
    let limit = u32::try_from(EARLY_LEN).unwrap_or(u32::MAX);
    config.early_data(limit, AntiReplay::StrikeRegister(Arc::new(register))).map_err(|error| unusable(&error))
}

/// The connection that stands on the one before: no certificate, no signature.
pub(super) fn resumed(address: SocketAddr, client: &ClientConfig, version: ProtocolVersion) -> Result<(), Failure> {
    let account = Arc::new(Account::default());
    let (mut stream, took) = shake_hands(address, client, version, HandshakeKind::Resumed, &account)?;
    say(format_args!("{BOLD}Once more in {version}{BOLD:#}: the session is resumed ({})", milliseconds(took)));
    tell(&account, 0);
    say(format_args!("  {}", negotiated::line(stream.connection())));
    let block = block();
    send(&mut stream, &block, 1).and_then(|()| receive(&mut stream, &block, 1)).map_err(client_failed)?;
    say(format_args!("  a block there and back again, every byte compared\n"));
    close(&mut stream)
}

/// The connection whose first data goes before the handshake is finished; and the same bytes from somebody who has recorded
/// them.
pub(super) fn early(address: SocketAddr, client: &ClientConfig) -> Result<(), Failure> {
    let account = Arc::new(Account::default());
    let connection = connection(&client.clone().early_data(true), NAME, ProtocolVersion::TLSv1_3, &account)?;
    let recorder = Recorder { transport: transport(address)?, sent: Vec::new() };
    let mut stream = Stream::new(connection, recorder);
    let block = early_block();
    let mut rest = block.as_slice();
    while !rest.is_empty() {
        match stream.write_early(rest).map_err(client_failed)? {
            0 => return Err(wrong("the session allows less early data than it should")),
            taken => rest = rest.get(taken..).unwrap_or_default(),
        }
    }
    let recorded = stream.transport().sent.clone();
    stream.handshake_within(LIMIT).map_err(client_failed)?;
    if stream.connection().early_data() != EarlyData::Accepted {
        return Err(wrong("the server has not accepted the early data"));
    }
    receive(&mut stream, &block, 1).map_err(client_failed)?;
    say(format_args!("{BOLD}Data before the handshake is finished{BOLD:#} (0-RTT)"));
    tell(&account, 0);
    say(format_args!("  {}", negotiated::line(stream.connection())));
    say(format_args!("  {} B went with the first flight and came back, every byte compared\n", grouped(EARLY_LEN)));
    stream.close().and_then(|()| at_end(&mut stream)).map_err(client_failed)?;
    replay(address, &recorded)
}

/// Sends a recorded first flight a second time, as anybody on the way can. The server's side sees that nothing comes of it.
fn replay(address: SocketAddr, recorded: &[u8]) -> Result<(), Failure> {
    let mut transport = transport(address)?;
    let sent = transport.write_all(recorded).and_then(|()| transport.shutdown(Shutdown::Write));
    let answered = sent.and_then(|()| transport.read_to_end(&mut Vec::new()));
    answered.map_err(|error| network(&error))?;
    let len = grouped(recorded.len());
    say(format_args!(
        "{BOLD}The same {len} B from somebody who has recorded them{BOLD:#}: the data is refused, as it must be\n"
    ));
    Ok(())
}

/// The server's side of [`resumed`].
pub(super) fn serve_resumed(mut stream: Server) -> io::Result<()> {
    let block = block();
    receive(&mut stream, &block, 1).and_then(|()| send(&mut stream, &block, 1))?;
    at_end(&mut stream).and_then(|()| stream.close())
}

/// The server's side of [`early`]: the early data goes back before the handshake is finished.
pub(super) fn serve_early(mut stream: Server) -> io::Result<()> {
    let mut early = Vec::new();
    let mut buffer = vec![0; EARLY_LEN];
    loop {
        match stream.read_early_within(&mut buffer, LIMIT)? {
            0 => break,
            read => {
                let mut rest = buffer.get(..read).unwrap_or_default();
                early.extend_from_slice(rest);
                while !rest.is_empty() {
                    let taken = stream.write_half_rtt(rest)?;
                    if taken == 0 {
                        return Err(io::Error::other("the server cannot answer before the handshake is finished"));
                    }
                    rest = rest.get(taken..).unwrap_or_default();
                }
            }
        }
    }
    if early != early_block() {
        return Err(io::Error::other("the early data that came is not the early data that was sent"));
    }
    at_end(&mut stream).and_then(|()| stream.close())
}

/// The server's side of [`replay`]: not one byte of it comes through, and whoever sent it cannot finish the handshake.
pub(super) fn serve_replayed(mut stream: Server) -> Result<(), Failure> {
    match stream.read_early_within(&mut [0; 1], LIMIT) {
        Err(error) if matches!(bulla::tls_error(&error), Some(bulla::Error::Truncated)) => {}
        Ok(0) => return Err(wrong("a recorded flight has led to a whole handshake")),
        Ok(_) => return Err(wrong("replayed early data was accepted")),
        Err(error) => return Err(network(&error)),
    }
    match stream.connection().early_data() {
        EarlyData::Rejected => Ok(()),
        _ => Err(wrong("replayed early data was not rejected")),
    }
}

fn early_block() -> Vec<u8> {
    let mut block = block();
    block.truncate(EARLY_LEN);
    block
}

/// A transport that keeps what is written to it.
struct Recorder {
    transport: TcpStream,
    sent: Vec<u8>,
}

impl Read for Recorder {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.transport.read(out)
    }
}

impl Write for Recorder {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.transport.write(data)?;
        self.sent.extend_from_slice(data.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.transport.flush()
    }
}

impl Timeouts for Recorder {
    fn timeouts(&self) -> io::Result<(Option<Duration>, Option<Duration>)> {
        self.transport.timeouts()
    }

    fn set_timeouts(&mut self, timeouts: (Option<Duration>, Option<Duration>)) -> io::Result<()> {
        self.transport.set_timeouts(timeouts)
    }
}
