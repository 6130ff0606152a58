//! The two buffers of an adaptor: input that is read ahead and decrypted in place, output that is sealed and not yet sent.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::vec::Vec;

use super::io_error;
use crate::connection::{Connection, Event, Sent};
use crate::error::Error;
use crate::handshake::Question;
use crate::record::MAX_RECORD_LEN;

/// Two records: one that is being taken, and room to read the next one behind it with the same system call.
const BUFFER_LEN: usize = 2 * MAX_RECORD_LEN;

/// Bytes from the transport, of which one record's plaintext may wait to be taken.
#[derive(Default)]
pub(super) struct Input {
    buffer: Vec<u8>,
    /// What was read and not yet processed.
    unread: Range<usize>,
    /// Where the plaintext of the last record stands; always before `unread`.
    plaintext: Range<usize>,
    /// Whether that plaintext is early data, which nobody shall take for the other kind.
    is_early: bool,
}

/// An event without the buffer that it came from.
#[allow(clippy::large_enum_variant, reason = "it lives for one call, and a question is rare")]
pub(super) enum Step {
    /// Plaintext waits.
    Data,
    /// Early data waits.
    EarlyData,
    Ask(Question),
    /// A question that was handed out before is still open.
    Waiting,
    Progress,
    NeedMore {
        hint: usize,
    },
    Established,
    /// The client has answered a request for its certificate.
    Authenticated,
    Closed,
}

impl Input {
    /// Holds what somebody else has read.
    pub(super) fn holding(received: &[u8]) -> Self {
        Self { buffer: received.to_vec(), unread: 0..received.len(), ..Self::default() }
    }

    /// Says whether anything was read and not taken.
    pub(super) fn holds_any(&self) -> bool {
        !self.unread.is_empty() || !self.plaintext.is_empty()
    }

    /// Processes at most one record, unless plaintext of the one before still waits: what is read and opened next might
    /// be laid over it.
    pub(super) fn receive(&mut self, connection: &mut Connection) -> Result<Step, Error> {
        if !self.plaintext.is_empty() {
            return Ok(if self.is_early { Step::EarlyData } else { Step::Data });
        }
        let start = self.unread.start;
        let received = connection.receive(self.buffer.get_mut(self.unread.clone()).unwrap_or_default())?;
        self.unread.start += received.used;
        Ok(match received.event {
            Event::Data { range, .. } => {
                self.plaintext = start + range.start..start + range.end;
                self.is_early = false;
                Step::Data
            }
            Event::EarlyData { range, .. } => {
                self.plaintext = start + range.start..start + range.end;
                self.is_early = true;
                Step::EarlyData
            }
            Event::Ask(question) => Step::Ask(question),
            Event::Waiting => Step::Waiting,
            Event::Progress => Step::Progress,
            Event::NeedMore { hint } => Step::NeedMore { hint },
            Event::Established => Step::Established,
            Event::PeerAuthenticated | Event::CertificateDeclined => Step::Authenticated,
            Event::Closed => Step::Closed,
        })
    }

    /// Reads once from the transport, making room for `hint` unread bytes first. Returns 0 at the transport's end. It comes
    /// behind [`Step::NeedMore`] alone, when no plaintext waits.
    pub(super) fn fill(&mut self, transport: &mut impl Read, hint: usize) -> io::Result<usize> {
        // What somebody else has read may be more; less than a record of it is left when more is wanted.
        let is_long = self.buffer.len() > BUFFER_LEN;
        if is_long || self.unread.is_empty() || self.unread.start + hint > BUFFER_LEN {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        self.buffer.resize(BUFFER_LEN, 0);
        loop {
            match transport.read(&mut self.buffer[self.unread.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(read) => {
                    self.unread.end += read;
                    return Ok(read);
                }
            }
        }
    }

    /// Returns the plaintext that waits, unless it is early data.
    pub(super) fn plaintext(&self) -> &[u8] {
        if self.is_early { &[] } else { self.waiting() }
    }

    /// Marks plaintext as taken.
    pub(super) fn consume(&mut self, amount: usize) {
        if !self.is_early {
            self.take(amount);
        }
    }

    /// Returns the early data that waits.
    pub(super) fn early_data(&self) -> &[u8] {
        if self.is_early { self.waiting() } else { &[] }
    }

    /// Marks early data as taken.
    pub(super) fn consume_early(&mut self, amount: usize) {
        if self.is_early {
            self.take(amount);
        }
    }

    fn waiting(&self) -> &[u8] {
        self.buffer.get(self.plaintext.clone()).unwrap_or_default()
    }

    fn take(&mut self, amount: usize) {
        self.plaintext.start = (self.plaintext.start + amount).min(self.plaintext.end);
    }
}

/// One of the connection's ways to send: [`Connection::send`], or one that goes before the handshake's end.
pub(super) type Way = fn(&mut Connection, &[u8], &mut [u8]) -> Result<Sent, Error>;

/// Records that are sealed and wait for the transport.
#[derive(Default)]
pub(super) struct Output {
    buffer: Vec<u8>,
    unsent: Range<usize>,
    /// Whether the transport has something that a flush would pass on.
    unflushed: bool,
    /// Whether the peer has hung up: nothing more can be written, but what it has sent can still be read.
    hung_up: bool,
}

impl Output {
    /// Says whether anything is to be written.
    pub(super) fn has_any(&self, connection: &Connection) -> bool {
        !self.hung_up && (!self.unsent.is_empty() || connection.has_output())
    }

    /// Writes everything that is sealed or pending; `arm` comes before each write.
    pub(super) fn write<T: Write>(
        &mut self,
        connection: &mut Connection,
        transport: &mut T,
        arm: impl Fn(&mut T) -> io::Result<()>,
    ) -> io::Result<()> {
        self.write_sealed_with(transport, &arm)?;
        while self.take(connection)? {
            self.write_sealed_with(transport, &arm)?;
        }
        Ok(())
    }

    /// Flushes the transport if something was written since the last time.
    pub(super) fn flush(&mut self, transport: &mut impl Write) -> io::Result<()> {
        if self.unflushed {
            transport.flush()?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Notes that the peer takes nothing any more, and lets what was sealed go.
    pub(super) fn hang_up(&mut self) {
        self.hung_up = true;
        self.unsent = 0..0;
    }

    pub(super) fn is_hung_up(&self) -> bool {
        self.hung_up
    }

    /// Seals pending output; says whether there was any.
    pub(super) fn take(&mut self, connection: &mut Connection) -> io::Result<bool> {
        if !connection.has_output() {
            return Ok(false);
        }
        self.buffer.resize(BUFFER_LEN, 0);
        let written = connection.take_output(&mut self.buffer).map_err(io_error)?.len();
        self.unsent = 0..written;
        Ok(written > 0)
    }

    /// Seals application data behind pending output; returns how much was taken. What is sealed must be written first.
    pub(super) fn send(&mut self, connection: &mut Connection, data: &[u8]) -> Result<usize, Error> {
        self.seal(connection, data, Connection::send)
    }

    /// Seals data by one of the connection's ways to send, as [`send`](Self::send) does.
    pub(super) fn seal(&mut self, connection: &mut Connection, data: &[u8], way: Way) -> Result<usize, Error> {
        self.buffer.resize(BUFFER_LEN, 0);
        let sent = way(connection, data, &mut self.buffer)?;
        self.unsent = 0..sent.written;
        Ok(sent.taken)
    }

    /// Writes what is sealed, all of it or up to the transport's refusal, after which a next call goes on.
    pub(super) fn write_sealed(&mut self, transport: &mut impl Write) -> io::Result<()> {
        self.write_sealed_with(transport, &|_| Ok(()))
    }

    fn write_sealed_with<T: Write>(
        &mut self,
        transport: &mut T,
        arm: &impl Fn(&mut T) -> io::Result<()>,
    ) -> io::Result<()> {
        while !self.unsent.is_empty() {
            arm(transport)?;
            self.unflushed = true;
            match transport.write(self.buffer.get(self.unsent.clone()).unwrap_or_default()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.unsent.start += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
