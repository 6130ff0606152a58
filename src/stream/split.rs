//! A stream for two threads: one reads while the other writes.
//!
//! Both directions meet in one connection, because a KeyUpdate or an alert of the one is an answer to the other; they take
//! turns at it, and the transport is read and written with the connection free. The reading half never waits for the
//! writing one: what it owes the peer (an answer to a KeyUpdate or to a HelloRequest) goes out before the next data does,
//! as RFC 8446 §4.6.3 allows, so that two ends which both send and both wait cannot stop one another.

use std::boxed::Box;
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::ops::DerefMut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::buffers::{Input, Output, Step};
use super::early::EarlyDataWaits;
use super::{Answering, Stream, Unanswered, gave_up, io_error};
use crate::connection::Connection;
use crate::error::Error;
use crate::handshake::Question;

/// What the halves share. Whoever needs both locks takes `writer` first.
struct Shared<C, T> {
    connection: Mutex<C>,
    writer: Mutex<Writer<T>>,
}

struct Writer<T> {
    transport: T,
    output: Output,
}

/// The half that reads.
pub struct ReadHalf<C, T> {
    shared: Arc<Shared<C, T>>,
    transport: T,
    input: Input,
    /// Answers questions about requests for our certificate, or about a client's. No two threads are in here: the lock lets the half
    /// be shared all the same.
    answer: Option<Mutex<Box<Answering>>>,
}

/// The half that writes.
pub struct WriteHalf<C, T> {
    shared: Arc<Shared<C, T>>,
}

impl<C, T> Stream<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write,
{
    /// Finishes the handshake and splits the stream for two threads. `write_side` is a second handle to the same
    /// transport, such as `TcpStream::try_clone` gives. The reading half takes along what [`answer_with`](Self::answer_with)
    /// was given: whoever is asked for a certificate is asked there, and the answer is written at once, unless the other half
    /// is writing and takes it along.
    pub fn split(mut self, write_side: T) -> io::Result<(ReadHalf<C, T>, WriteHalf<C, T>)> {
        self.handshake()?;
        let writer = Writer { transport: write_side, output: self.output };
        let shared = Arc::new(Shared { connection: Mutex::new(self.connection), writer: Mutex::new(writer) });
        let write_half = WriteHalf { shared: Arc::clone(&shared) };
        let answer = self.answer.map(Mutex::new);
        Ok((ReadHalf { shared, transport: self.transport, input: self.input, answer }, write_half))
    }
}

/// A lock whose holder panicked guards a value that is still whole: every method leaves it so before it can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C, T> Shared<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Write,
{
    /// Writes pending output, unless the other half is writing: it looks again when it is done.
    fn write_pending(&self) -> io::Result<()> {
        while lock(&self.connection).has_output() {
            let Ok(mut writer) = self.writer.try_lock() else { return Ok(()) };
            self.write_with(&mut writer)?;
        }
        Ok(())
    }

    /// Writes what is sealed and what is pending. The connection is free while the transport takes it.
    fn write_with(&self, writer: &mut Writer<T>) -> io::Result<()> {
        let Writer { transport, output } = writer;
        output.write_sealed(transport)?;
        while output.take(&mut lock(&self.connection))? {
            output.write_sealed(transport)?;
        }
        transport.flush()
    }

    /// Turns a failure into an `io::Error`, after its alert is on its way.
    fn fail(&self, error: Error) -> io::Error {
        // The failure is the one to report; one of writing its alert would hide it.
        let _ = self.write_pending();
        io_error(error)
    }
}

impl<C, T> ReadHalf<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write,
{
    /// Shows the connection to `look`, to ask what was negotiated for example. The other half waits meanwhile.
    pub fn with_connection<R>(&self, look: impl FnOnce(&mut C) -> R) -> R {
        look(&mut lock(&self.shared.connection))
    }

    /// Answers a question with the connection free meanwhile.
    fn answer(&mut self, question: &Question) -> io::Result<()> {
        let Some(answer) = &mut self.answer else { return Err(io::Error::other(Unanswered)) };
        let given = answer.get_mut().unwrap_or_else(PoisonError::into_inner)(question);
        let answered = lock(&self.shared.connection).answer(question.id, given);
        answered.map_err(|error| self.shared.fail(error))
    }

    /// Writes our certificate if one was asked for: the peer may say nothing more before. That it cannot be written is told by
    /// what comes next.
    fn write_certificate(&self) {
        if lock(&self.shared.connection).owes_certificate() {
            let _ = self.shared.write_pending();
        }
    }
}

impl<C, T> BufRead for ReadHalf<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write,
{
    /// Lends the peer's plaintext where it was decrypted. Empty after close_notify, and then only.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.input.plaintext().is_empty() {
            let step = self.input.receive(&mut lock(&self.shared.connection));
            match step.map_err(|error| self.shared.fail(error))? {
                Step::Closed => break,
                // It all came before the handshake was finished, and the stream was not split before it was taken.
                Step::EarlyData => return Err(EarlyDataWaits.into()),
                Step::Progress => self.write_certificate(),
                Step::Ask(question) => {
                    self.answer(&question)?;
                    self.write_certificate();
                }
                Step::Data | Step::Established | Step::Authenticated | Step::Waiting => {}
                Step::NeedMore { hint } => {
                    if self.input.fill(&mut self.transport, hint)? == 0 {
                        let ended = lock(&self.shared.connection).end_of_input();
                        ended.map_err(|error| self.shared.fail(error))?;
                    }
                }
            }
        }
        Ok(self.input.plaintext())
    }

    fn consume(&mut self, amount: usize) {
        self.input.consume(amount);
    }
}

impl<C, T> Read for ReadHalf<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write,
{
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl<C, T> WriteHalf<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Write,
{
    /// Sends close_notify: all our data has been sent. The other half goes on receiving. RFC 8446 §6.1.
    pub fn close(&mut self) -> io::Result<()> {
        lock(&self.shared.connection).close();
        self.flush()
    }

    /// Shows the connection to `look`, to change its keys for example. The other half waits meanwhile; what `look` queues
    /// goes out with the next write or flush.
    pub fn with_connection<R>(&self, look: impl FnOnce(&mut C) -> R) -> R {
        look(&mut lock(&self.shared.connection))
    }

    fn write_some(&self, data: &[u8]) -> io::Result<usize> {
        let mut writer = lock(&self.shared.writer);
        loop {
            let Writer { transport, output } = &mut *writer;
            output.write_sealed(transport)?;
            let sent = output.send(&mut lock(&self.shared.connection), data);
            match sent {
                Ok(taken) => {
                    let written = output.write_sealed(transport);
                    match written {
                        Err(error) if taken == 0 || !gave_up(&error) => return Err(error),
                        _ if taken > 0 => return Ok(taken),
                        _ => {}
                    }
                }
                Err(error) => {
                    let _ = self.shared.write_with(&mut writer);
                    return Err(io_error(error));
                }
            }
        }
    }
}

impl<C, T> Write for WriteHalf<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Write,
{
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        let taken = self.write_some(data)?;
        if lock(&self.shared.connection).is_failed() {
            // The other half failed while we were writing and left its alert to us; the next call tells the error.
            let _ = self.shared.write_pending();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.shared.write_with(&mut lock(&self.shared.writer));
        // What the other half has queued meanwhile, and left to us.
        flushed.and(self.shared.write_pending())
    }
}

impl<C, T> fmt::Debug for ReadHalf<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadHalf")
    }
}

impl<C, T> fmt::Debug for WriteHalf<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteHalf")
    }
}
