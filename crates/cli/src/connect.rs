//! `bulla connect`: standard input to the peer, the peer to standard output, both at the same time.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bulla::{ClientConnection, ReadHalf, Stream, WriteHalf};

use crate::console::{self, DIM};
use crate::negotiated;
use crate::options::Connect;
use crate::report::{Failure, Role};
use crate::setup;
use crate::trace::Trace;

/// How much of standard input is read at a time: four full records.
const INPUT_LEN: usize = 0x1_0000;

type Reading = ReadHalf<ClientConnection, TcpStream>;
type Writing = WriteHalf<ClientConnection, TcpStream>;

/// Runs the command.
pub(crate) fn run(options: &Connect) -> Result<(), Failure> {
    console::be_quiet(options.quiet);
    let mut config = setup::client(options)?;
    if options.protocol.trace {
        config = config.observer(Arc::new(Trace::new("")));
    }
    let name = setup::server_name(options)?;
    let peer = options.server.to_string();

    let transport = connect(options)?;
    let tls = |error: &bulla::Error| Failure::of_tls(&peer, Role::Client, error);
    let failed = |error: io::Error| Failure::of_connection(&peer, Role::Client, &error);
    let connection = ClientConnection::new(Arc::new(config), name).map_err(|error| tls(&error))?;
    let write_side = transport.try_clone().map_err(failed)?;
    let mut stream = Stream::new(connection, transport);
    let shaken = stream.handshake_within(options.timeout);
    shaken.map_err(|error| Failure::of_handshake(&peer, Role::Client, &error))?;
    tell(&peer, &stream);
    let (reading, writing) = stream.split(write_side).map_err(failed)?;
    exchange(reading, writing, options.half_close).map_err(|error| match error {
        Trouble::Peer(error) => failed(error),
        Trouble::Output(error) => Failure::usage("standard output", error),
    })
}

/// Tries a host's addresses in turn.
fn connect(options: &Connect) -> Result<TcpStream, Failure> {
    let addresses = setup::resolve(&options.server)?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in &addresses {
        match TcpStream::connect_timeout(address, options.timeout) {
            Ok(transport) => {
                // Small messages must not wait for the answers to earlier ones.
                let _ = transport.set_nodelay(true);
                return Ok(transport);
            }
            Err(error) => last = error,
        }
    }
    Err(Failure::of_connecting(&options.server.to_string(), &addresses, &last))
}

fn tell(peer: &str, stream: &Stream<ClientConnection, TcpStream>) {
    let address = stream.transport().peer_addr().ok().filter(|address| address.to_string() != peer);
    let address = address.map_or(String::new(), |it| format!(" at {it}"));
    console::note(&format!("connected to {peer}{address}: {}", negotiated::line(stream.connection())));
    if let Some(certificate) = negotiated::peer(stream.connection()) {
        console::note(&format!("{DIM}its certificate: {certificate}{DIM:#}"));
    }
}

/// What ended the exchange before its time.
enum Trouble {
    Peer(io::Error),
    Output(io::Error),
}

/// Moves data both ways until the peer closes.
///
/// Standard input has a thread of its own, which nobody waits for: it may sit in a read that never ends.
fn exchange(mut reading: Reading, writing: Writing, half_close: bool) -> Result<(), Trouble> {
    let writing = Arc::new(Mutex::new(writing));
    let sender = Arc::clone(&writing);
    thread::spawn(move || send_input(&sender, half_close));
    let received = receive_to_output(&mut reading);
    // If the other thread is sending at this moment, its data is not complete, and close_notify would be a lie.
    if let Ok(mut writing) = writing.try_lock() {
        // The peer has closed or failed already; that it may not want to hear this is no trouble.
        let _ = writing.close();
    }
    received
}

/// Sends standard input to its end. What goes wrong here, the receiving side learns too, and better: the peer says why.
fn send_input(writing: &Mutex<Writing>, half_close: bool) {
    let lock = || writing.lock().unwrap_or_else(PoisonError::into_inner);
    let mut input = io::stdin().lock();
    let mut buffer = vec![0; INPUT_LEN];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                let data = buffer.get(..read).unwrap_or_default();
                let mut writing = lock();
                if writing.write_all(data).and_then(|()| writing.flush()).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                console::error(&format!("standard input: {error}"));
                break;
            }
        }
    }
    if half_close {
        let _ = lock().close();
    }
}

/// Writes what the peer sends to standard output, at once, until it closes. A reader of standard output that has gone
/// away has seen enough.
fn receive_to_output(reading: &mut Reading) -> Result<(), Trouble> {
    let mut output = io::stdout().lock();
    loop {
        let data = reading.fill_buf().map_err(Trouble::Peer)?;
        if data.is_empty() {
            return Ok(());
        }
        let len = data.len();
        match output.write_all(data).and_then(|()| output.flush()) {
            Ok(()) => reading.consume(len),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(Trouble::Output(error)),
        }
    }
}
