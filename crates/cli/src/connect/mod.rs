//! `bulla connect`: standard input to the peer, the peer to standard output, both at the same time.

mod early_input;
mod patience;
mod session_file;
mod traffic_keys;

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, thread};

use bulla::{ClientConfig, ClientConnection, ReadHalf, ServerName, Stream, WriteHalf};

use crate::console::{self, DIM};
use crate::negotiated;
use crate::options::Connect;
use crate::report::{Failure, Role, is_timeout};
use crate::setup;
use crate::told;
use crate::trace::Trace;
use early_input::EarlyInput;
use patience::Patience;
use session_file::SessionFile;

/// How much of standard input is read at a time: four full records.
const INPUT_LEN: usize = 0x1_0000;

type Reading = ReadHalf<ClientConnection, TcpStream>;
type Writing = WriteHalf<ClientConnection, TcpStream>;

/// Runs the command.
pub(crate) fn run(options: &Connect) -> Result<(), Failure> {
    console::be_quiet(options.quiet);
    let mut config = setup::client(options)?;
    let name = setup::server_name(options)?;
    let early = options.early_data.as_deref().map(EarlyInput::read).transpose()?;
    let file = options.session.as_deref().map(|path| SessionFile::open(path, &config, &name)).transpose()?;
    if let Some(file) = &file {
        config = config.session_store(Arc::clone(file) as _).early_data(early.is_some());
    }
    if options.protocol.trace {
        config = config.observer(Arc::new(Trace::new("")));
    }
    let transport = setup::open(&options.server, options.timeout)?;
    let talked = talk(options, config, name, transport, file.as_ref(), early);
    talked.and_then(|()| file.map_or(Ok(()), |file| file.result()))
}

/// Shakes hands and moves data until the peer closes.
fn talk(
    options: &Connect,
    config: ClientConfig,
    name: ServerName,
    transport: TcpStream,
    file: Option<&Arc<SessionFile>>,
    mut early: Option<EarlyInput>,
) -> Result<(), Failure> {
    let peer = options.server.to_string();
    let tls = |error: &bulla::Error| Failure::of_tls(&peer, Role::Client, error);
    let failed = |error: io::Error| Failure::of_connection(&peer, Role::Client, &error);
    let shaking = |error: io::Error| Failure::of_handshake(&peer, Role::Client, &error);
    let connection = ClientConnection::new(Arc::new(config), name).map_err(|error| tls(&error))?;
    let write_side = transport.try_clone().map_err(failed)?;
    let mut patience = file.map(|file| Patience::new(file, &transport)).transpose().map_err(failed)?;
    let mut stream = Stream::new(connection, transport);
    if let Some(early) = &mut early {
        early.send(&mut stream, options.timeout).map_err(shaking)?;
    }
    stream.handshake_within(options.timeout).map_err(shaking)?;
    tell(&peer, &stream);
    told::keys("", stream.connection(), &options.keys);
    told::answers(stream.connection(), &options.shape.extension);
    if let Some(path) = &options.traffic_keys {
        traffic_keys::write(path, stream.connection())?;
    }
    if let Some(path) = &options.save_ocsp {
        save_ocsp(path, stream.connection())?;
    }
    let early_sent = early.is_some();
    let first = early.map_or(Vec::new(), |early| early.rest(stream.connection(), file));
    if let Some(patience) = &mut patience {
        patience.begin(stream.connection()).map_err(failed)?;
    }
    let (reading, writing) = stream.split(write_side).map_err(failed)?;
    // Whoever sends something early waits for an answer to it.
    let nothing = patience.as_ref().filter(|_| !early_sent).map(Patience::nothing);
    let input = Input { first, half_close: options.half_close, nothing };
    exchange(reading, writing, input, patience).map_err(|error| match error {
        Trouble::Peer(error) => failed(error),
        Trouble::Output(error) => Failure::usage("standard output", error),
    })
}

fn tell(peer: &str, stream: &Stream<ClientConnection, TcpStream>) {
    let address = stream.transport().peer_addr().ok().filter(|address| address.to_string() != peer);
    let address = address.map_or(String::new(), |it| format!(" at {it}"));
    console::note(&format!("connected to {peer}{address}: {}", negotiated::line(stream.connection())));
    if let Some(certificate) = negotiated::peer(stream.connection()) {
        console::note(&format!("{DIM}{certificate}{DIM:#}"));
    }
}

/// Keeps the server's OCSP response for other programs to judge.
fn save_ocsp(path: &Path, connection: &bulla::Connection) -> Result<(), Failure> {
    let Some(response) = connection.peer_ocsp_response() else {
        console::note(&format!("the server has sent no OCSP response; {} is not written", path.display()));
        return Ok(());
    };
    let unusable = |error| Failure::usage("--save-ocsp", format!("{}: {error}", path.display()));
    fs::write(path, response).map_err(unusable)
}

/// What ended the exchange before its time.
enum Trouble {
    Peer(io::Error),
    Output(io::Error),
}

/// Moves data both ways until the peer closes.
///
/// Standard input has a thread of its own, which nobody waits for: it may sit in a read that never ends.
fn exchange(mut reading: Reading, writing: Writing, input: Input, patience: Option<Patience>) -> Result<(), Trouble> {
    let writing = Arc::new(Mutex::new(writing));
    let sender = Arc::clone(&writing);
    thread::spawn(move || send_input(&sender, input));
    let received = receive_to_output(&mut reading, patience);
    // If the other thread is sending at this moment, its data is not complete, and close_notify would be a lie.
    if let Ok(mut writing) = writing.try_lock() {
        // The peer has closed or failed already; that it may not want to hear this is no trouble.
        let _ = writing.close();
    }
    received
}

/// What is sent once the handshake is finished.
struct Input {
    /// What goes before standard input.
    first: Vec<u8>,
    half_close: bool,
    /// Set when standard input has ended with nothing in it.
    nothing: Option<Arc<AtomicBool>>,
}

/// Sends standard input to its end. What goes wrong here, the receiving side learns too, and better: the peer says why.
fn send_input(writing: &Mutex<Writing>, what: Input) {
    let lock = || writing.lock().unwrap_or_else(PoisonError::into_inner);
    let send = |data: &[u8]| {
        let mut writing = lock();
        writing.write_all(data).and_then(|()| writing.flush())
    };
    if !what.first.is_empty() && send(&what.first).is_err() {
        return;
    }
    let mut input = io::stdin().lock();
    let mut buffer = vec![0; INPUT_LEN];
    let mut is_empty = true;
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                is_empty = false;
                if send(buffer.get(..read).unwrap_or_default()).is_err() {
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
    if what.half_close {
        let _ = lock().close();
    }
    if let Some(nothing) = what.nothing.filter(|_| is_empty) {
        nothing.store(true, Ordering::Relaxed);
    }
}

/// Writes what the peer sends to standard output, at once, until it closes, or nobody waits for more. A reader of standard
/// output that has gone away has seen enough.
fn receive_to_output(reading: &mut Reading, mut patience: Option<Patience>) -> Result<(), Trouble> {
    let mut output = io::stdout().lock();
    loop {
        let data = match (reading.fill_buf(), &mut patience) {
            (Err(error), Some(patience)) if is_timeout(&error) => match patience.is_over() {
                true => return Ok(()),
                false => continue,
            },
            (filled, _) => filled.map_err(Trouble::Peer)?,
        };
        if data.is_empty() {
            return Ok(());
        }
        if let Some(patience) = &mut patience {
            patience.data_came();
        }
        let len = data.len();
        match output.write_all(data).and_then(|()| output.flush()) {
            Ok(()) => reading.consume(len),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(Trouble::Output(error)),
        }
    }
}
