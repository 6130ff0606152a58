//! When `connect --session FILE` with nothing on standard input has what it came for.
//!
//! TLS 1.3 sends tickets behind the handshake, and says nothing where it sends none. So that the command ends with a
//! session if there is one, and without if not, it waits for silence: a short one behind a session, a longer one without.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bulla::Connection;
use bulla::wire::ProtocolVersion;

use super::SessionFile;

/// How long a session is waited for.
const FOR_SESSION: Duration = Duration::from_secs(3);
/// How long more data is waited for behind it: a server may speak first.
const FOR_MORE: Duration = Duration::from_millis(250);
/// How often it is looked at whether the wait is over.
const STEP: Duration = Duration::from_millis(50);

/// Waits for a session.
pub(super) struct Patience {
    file: Arc<SessionFile>,
    /// Another handle to the socket that is read.
    socket: TcpStream,
    nothing: Arc<AtomicBool>,
    /// Whether more sessions may come: in TLS 1.2 they come in the handshake.
    may_come: bool,
    /// When the last data came, or the session.
    heard: Instant,
    had_come: bool,
}

impl Patience {
    pub(super) fn new(file: &Arc<SessionFile>, socket: &TcpStream) -> io::Result<Self> {
        let (file, socket, nothing) = (Arc::clone(file), socket.try_clone()?, Arc::default());
        Ok(Self { file, socket, nothing, may_come: true, heard: Instant::now(), had_come: false })
    }

    /// Begins behind the handshake. Reads come back from then on to look at the clock.
    pub(super) fn begin(&mut self, connection: &Connection) -> io::Result<()> {
        self.may_come = connection.protocol_version() >= Some(ProtocolVersion::TLSv1_3);
        self.heard = Instant::now();
        self.socket.set_read_timeout(Some(STEP))
    }

    /// Returns what says that standard input had nothing.
    pub(super) fn nothing(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.nothing)
    }

    pub(super) fn data_came(&mut self) {
        self.heard = Instant::now();
    }

    /// Says whether there is nothing to wait for any more.
    pub(super) fn is_over(&mut self) -> bool {
        if self.file.has_come() && !self.had_come {
            self.had_come = true;
            self.heard = Instant::now();
        }
        let limit = if self.had_come || !self.may_come { FOR_MORE } else { FOR_SESSION };
        self.nothing.load(Ordering::Relaxed) && self.heard.elapsed() >= limit
    }
}
