//! A server's stream from its first byte on: early data, where it is taken, then what comes behind the handshake, as one
//! stream that knows which is which. RFC 8446 §2.3.
//!
//! Answers to early data go out before the handshake is finished, as long as there are few of them: a client that is still
//! sending may not be reading yet, and both would wait.

use std::io::{self, BufRead, Read, Write};
use std::ops::Range;
use std::time::{Duration, Instant};

use bulla::Error;

use super::Connected;
use crate::negotiated;

/// How much is sent before the handshake is finished: any socket's buffer holds it.
const MAX_HALF_RTT: usize = 0x4000;
/// How much early data is read at a time: a record.
const STEP: usize = 0x4000;

/// A stream whose handshake may not be finished yet.
pub(super) struct Opening<'s> {
    stream: &'s mut Connected,
    /// When the handshake must be finished.
    end: Instant,
    /// Early data that was read and not taken.
    early: Vec<u8>,
    unread: Range<usize>,
    half_rtt: usize,
    is_finished: bool,
    /// Told once, when the handshake is finished.
    finished: &'s dyn Fn(&Connected),
    /// Told when the client has shown who it is behind the handshake.
    authenticated: &'s dyn Fn(&Connected),
}

impl<'s> Opening<'s> {
    /// Begins a handshake that must be finished within `limit`.
    pub(super) fn new(
        stream: &'s mut Connected,
        limit: Duration,
        finished: &'s dyn Fn(&Connected),
        authenticated: &'s dyn Fn(&Connected),
    ) -> Self {
        let end = Instant::now() + limit;
        Self { stream, end, early: Vec::new(), unread: 0..0, half_rtt: 0, is_finished: false, finished, authenticated }
    }

    /// Says whether the handshake is finished: until then, whatever comes may have been sent by somebody else before.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Waits until there is early data, or the handshake is finished.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        self.go_on()
    }

    /// Waits until the handshake is finished. What early data nobody has taken is let go.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        while !self.is_finished {
            self.unread = 0..0;
            self.go_on()?;
        }
        Ok(())
    }

    /// Says whether the client has shown a certificate, and asks for one behind the handshake if not. RFC 8446 §4.6.2. One
    /// that cannot be asked, has none, or sends something else first is not known.
    pub(super) fn is_authenticated(&mut self) -> io::Result<bool> {
        while !self.is_finished {
            self.go_on()?;
        }
        if negotiated::peer(self.stream.connection()).is_some() {
            return Ok(true);
        }
        match self.stream.request_client_certificate() {
            Ok(()) => {}
            Err(error) if matches!(bulla::tls_error(&error), Some(Error::Misuse(_))) => return Ok(false),
            Err(error) => return Err(error),
        }
        if !self.stream.await_client_certificate()? {
            return Ok(false);
        }
        let told = negotiated::peer(self.stream.connection());
        if told.is_some() {
            (self.authenticated)(self.stream);
        }
        Ok(told.is_some())
    }

    /// Reads early data once, behind what was not taken yet. A client cannot send more than `--early-data` says.
    fn go_on(&mut self) -> io::Result<()> {
        if self.is_finished {
            return Ok(());
        }
        self.early.drain(..self.unread.start);
        self.early.truncate(self.unread.len());
        let kept = self.early.len();
        self.early.resize(kept + STEP, 0);
        let left = self.end.saturating_duration_since(Instant::now());
        let room = self.early.get_mut(kept..).unwrap_or_default();
        let read = self.stream.read_early_within(room, left)?;
        self.unread = 0..kept + read;
        if read == 0 {
            self.is_finished = true;
            (self.finished)(self.stream);
        }
        Ok(())
    }
}

impl BufRead for Opening<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.unread.is_empty() && !self.is_finished {
            self.go_on()?;
        }
        if self.unread.is_empty() {
            return self.stream.fill_buf();
        }
        Ok(self.early.get(self.unread.clone()).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        if self.unread.is_empty() {
            self.stream.consume(amount);
        } else {
            self.unread.start = (self.unread.start + amount).min(self.unread.end);
        }
    }
}

impl Read for Opening<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl Write for Opening<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        while !self.is_finished && !data.is_empty() {
            let few = data.get(..MAX_HALF_RTT.saturating_sub(self.half_rtt)).unwrap_or(data);
            let taken = self.stream.write_half_rtt(few)?;
            self.half_rtt += taken;
            if taken > 0 {
                return Ok(taken);
            }
            self.go_on()?;
        }
        self.stream.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
