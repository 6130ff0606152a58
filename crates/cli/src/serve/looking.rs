//! A look at the ClientHello before anything is answered: what the client's software may be, and whether it is for another
//! server, which then gets the bytes untouched.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bulla::config::ClientHelloView;
use bulla::crypto::ring;
use bulla::{Peek, read_client_hello};

use super::md5::md5;
use crate::console::{self, grouped};
use crate::options::Pass;
use crate::report::{Failure, Kind};
use crate::setup;

/// How much is read at a time.
const STEP: usize = 0x4000;

/// Reads from a client until there is a whole ClientHello. Returns all that it has sent, and the hello. Nothing that goes
/// wrong is told here: whoever takes up the same bytes finds the same, and has an alert for it.
pub(super) fn look(transport: &TcpStream, limit: Duration) -> (Vec<u8>, Option<ClientHelloView>) {
    let (mut received, end) = (Vec::new(), Instant::now() + limit);
    loop {
        let hint = match read_client_hello(&received) {
            Ok(Peek::ClientHello(hello)) => return (received, Some(hello)),
            Ok(Peek::NeedMore { hint }) => hint,
            Err(_) => return (received, None),
        };
        if read_to(transport, &mut received, hint, end).is_err() {
            return (received, None);
        }
    }
}

/// Reads until so many bytes are there.
fn read_to(mut transport: &TcpStream, received: &mut Vec<u8>, len: usize, end: Instant) -> io::Result<()> {
    let mut buffer = [0; STEP];
    while received.len() < len {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        transport.set_read_timeout(Some(left))?;
        match transport.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => received.extend_from_slice(buffer.get(..read).unwrap_or_default()),
        }
    }
    Ok(())
}

/// Says what the client's software is known by.
pub(super) fn tell_fingerprint(name: &str, hello: &ClientHelloView) {
    let ja4 = hello.ja4(&*ring::provider()).unwrap_or_else(|_| hello.ja4_raw());
    let ja3 = hello.ja3();
    console::note(&format!("{name}: fingerprint JA4 {ja4}, JA3 {}, which is the MD5 of {ja3}", md5(&ja3)));
}

/// Returns where connections for this client's server name go.
pub(super) fn destination<'p>(passes: &'p [Pass], hello: &ClientHelloView) -> Option<&'p Pass> {
    let name = hello.server_name()?;
    passes.iter().find(|pass| pass.is_for(name))
}

/// How long passing may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connecting: Duration,
    pub(super) idle: Duration,
}

/// Passes all bytes both ways, those that were received first, until both ends have finished or neither moves any more.
pub(super) fn pass(name: &str, client: &TcpStream, received: &[u8], to: &Pass, limits: Limits) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(Kind::Network, format!("{name}: passed to {}", to.to), error);
    let backend = setup::open(&to.to, limits.connecting)?;
    for socket in [client, &backend] {
        socket.set_read_timeout(Some(limits.idle)).map_err(failed)?;
        socket.set_write_timeout(Some(limits.idle)).map_err(failed)?;
    }
    let moved = AtomicU64::new(0);
    let (there, back) = thread::scope(|scope| {
        let back = scope.spawn(|| copy(&mut &backend, client, &moved));
        let there = copy(&mut received.chain(client), &backend, &moved);
        (there, back.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())))
    });
    let (there, back) = (there.map_err(failed)?, back.map_err(failed)?);
    console::note(&format!("{name}: passed to {}: {} B there, {} B back", to.to, grouped(there), grouped(back)));
    Ok(())
}

/// Copies to the end of `from`, and ends that direction of `to`. `moved` counts what goes either way: as long as one way
/// moves, the other may be silent.
fn copy(from: &mut impl Read, mut to: &TcpStream, moved: &AtomicU64) -> io::Result<usize> {
    let (mut buffer, mut copied) = (vec![0; STEP], 0);
    let mut last = moved.load(Ordering::Relaxed);
    let result = loop {
        match from.read(&mut buffer) {
            Ok(0) => break Ok(copied),
            Ok(read) => {
                if let Err(error) = to.write_all(buffer.get(..read).unwrap_or_default()) {
                    break Err(error);
                }
                copied += read;
                moved.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if crate::report::is_timeout(&error) && moved.load(Ordering::Relaxed) != last => {
                last = moved.load(Ordering::Relaxed);
            }
            Err(error) => break Err(error),
        }
    };
    // An end is passed on as an end; after a failure neither side can go on.
    let _ = to.shutdown(if result.is_ok() { Shutdown::Write } else { Shutdown::Both });
    result
}
