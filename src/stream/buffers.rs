//! The two buffers of an adaptor: input that is read ahead and decrypted in place, output that is sealed and not yet sent.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::vec::Vec;

use super::io_error;
use crate::connection::{Connection, Event};
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
}

/// An event without the buffer that it came from.
pub(super) enum Step {
    /// Plaintext waits.
    Data,
    Ask(Question),
    Progress,
    NeedMore {
        hint: usize,
    },
    Established,
    Closed,
}

impl Input {
    /// Processes at most one record. Plaintext of the one before must have been taken.
    pub(super) fn receive(&mut self, connection: &mut Connection) -> Result<Step, Error> {
        let start = self.unread.start;
        let received = connection.receive(self.buffer.get_mut(self.unread.clone()).unwrap_or_default())?;
        self.unread.start += received.used;
        Ok(match received.event {
            Event::Data { range, .. } => {
                self.plaintext = start + range.start..start + range.end;
                Step::Data
            }
            Event::Ask(question) => Step::Ask(question),
            // A question is answered before anything else is received, so none is open here.
            Event::Progress | Event::Waiting => Step::Progress,
            Event::NeedMore { hint } => Step::NeedMore { hint },
            Event::Established => Step::Established,
            Event::Closed => Step::Closed,
        })
    }

    /// Reads once from the transport, making room for `hint` unread bytes first. Returns 0 at the transport's end.
    pub(super) fn fill(&mut self, transport: &mut impl Read, hint: usize) -> io::Result<usize> {
        self.buffer.resize(BUFFER_LEN, 0);
        if self.unread.is_empty() || self.unread.start + hint > self.buffer.len() {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
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

    pub(super) fn plaintext(&self) -> &[u8] {
        self.buffer.get(self.plaintext.clone()).unwrap_or_default()
    }

    /// Marks plaintext as taken.
    pub(super) fn consume(&mut self, amount: usize) {
        self.plaintext.start = (self.plaintext.start + amount).min(self.plaintext.end);
    }
}

/// Records that are sealed and wait for the transport.
#[derive(Default)]
pub(super) struct Output {
    buffer: Vec<u8>,
    unsent: Range<usize>,
}

impl Output {
    /// Says whether anything is to be written.
    pub(super) fn has_any(&self, connection: &Connection) -> bool {
        !self.unsent.is_empty() || connection.has_output()
    }

    /// Writes everything that is sealed or pending.
    pub(super) fn write(&mut self, connection: &mut Connection, transport: &mut impl Write) -> io::Result<()> {
        self.write_sealed(transport)?;
        while self.take(connection)? {
            self.write_sealed(transport)?;
        }
        Ok(())
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
        self.buffer.resize(BUFFER_LEN, 0);
        let sent = connection.send(data, &mut self.buffer)?;
        self.unsent = 0..sent.written;
        Ok(sent.taken)
    }

    /// Writes what is sealed, all of it or up to the transport's refusal, after which a next call goes on.
    pub(super) fn write_sealed(&mut self, transport: &mut impl Write) -> io::Result<()> {
        while !self.unsent.is_empty() {
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
