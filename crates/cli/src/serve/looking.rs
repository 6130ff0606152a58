//! A look at the ClientHello before anything is answered: what the client's software may be, and whether it is for another
//! server, which then gets the bytes untouched.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bulla::config::ClientHelloView;
use bulla::crypto::ring;
use bulla::{Peek, Timeouts, read_client_hello};

use super::md5::md5;
use crate::console::{self, grouped};
use crate::options::Pass;
use crate::report::{Failure, Kind};
use crate::setup;

/// How much is read at a time.
const STEP: usize = 0x4000;

/// A connection, of which some bytes were read to look at them. They are read again first.
#[derive(Debug)]
pub(super) struct Looked {
    transport: TcpStream,
    seen: Vec<u8>,
    /// How many of them were read again.
    taken: usize,
}

impl Looked {
    /// Looks at nothing.
    pub(super) fn new(transport: TcpStream) -> Self {
        Self { transport, seen: Vec::new(), taken: 0 }
    }

    /// Reads until there is a whole ClientHello, and returns it. Nothing that goes wrong is told here: whoever reads the same
    /// bytes afterwards finds the same, and has an alert for it.
    pub(super) fn look(&mut self, limit: Duration) -> Option<ClientHelloView> {
        let end = Instant::now() + limit;
        loop {
            match read_client_hello(&self.seen) {
                Ok(Peek::ClientHello(hello)) => return Some(hello),
                Ok(Peek::NeedMore { hint }) => self.read_more(hint, end).ok()?,
                Err(_) => return None,
            }
        }
    }

    /// Reads until so many bytes are there.
    fn read_more(&mut self, len: usize, end: Instant) -> io::Result<()> {
        let mut buffer = [0; STEP];
        while self.seen.len() < len {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.transport.set_read_timeout(Some(left))?;
            match self.transport.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.seen.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            }
        }
        Ok(())
    }
}

impl Deref for Looked {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.transport
    }
}

impl Read for Looked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.seen.get(self.taken..).unwrap_or_default();
        if rest.is_empty() {
            return self.transport.read(out);
        }
        let read = rest.read(out)?;
        self.taken += read;
        if self.taken == self.seen.len() {
            (self.seen, self.taken) = (Vec::new(), 0);
        }
        Ok(read)
    }
}

impl Write for Looked {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.transport.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.transport.flush()
    }
}

impl Timeouts for Looked {
    fn timeouts(&self) -> io::Result<(Option<Duration>, Option<Duration>)> {
        self.transport.timeouts()
    }

    fn set_timeouts(&mut self, timeouts: (Option<Duration>, Option<Duration>)) -> io::Result<()> {
        self.transport.set_timeouts(timeouts)
    }
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

/// Passes all bytes both ways, those that were looked at first, until both ends have finished or neither moves any more.
pub(super) fn pass(
    name: &str,
    mut looked: Looked,
    to: &Pass,
    connect_limit: Duration,
    idle_limit: Duration,
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(Kind::Network, format!("{name}: passed to {}", to.to), error);
    let backend = setup::open(&to.to, connect_limit)?;
    for socket in [&looked.transport, &backend] {
        socket.set_read_timeout(Some(idle_limit)).map_err(failed)?;
        socket.set_write_timeout(Some(idle_limit)).map_err(failed)?;
    }
    let (client, moved) = (looked.transport.try_clone().map_err(failed)?, AtomicU64::new(0));
    let (there, back) = thread::scope(|scope| {
        let back = scope.spawn(|| copy(&mut &backend, &client, &moved));
        let there = copy(&mut looked, &backend, &moved);
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
