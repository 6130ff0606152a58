//! The blocking adaptor: TLS over any `Read + Write`, with the only buffers there are.
//!
//! It knows when to read, when to write and when to give up, and nothing of the protocol. Three promises: what the peer
//! must be told is written before anything is waited for, an alert included; a transport that ends without close_notify
//! is an error (`UnexpectedEof`), never an end of data; and a handshake can be given a deadline as a whole, which a peer
//! that sends one byte a second does not stretch.

mod buffers;
mod early;
mod split;
mod timeouts;

pub use split::{ReadHalf, WriteHalf};
pub use timeouts::Timeouts;

use std::boxed::Box;
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::ops::DerefMut;
use std::time::{Duration, Instant};

use buffers::{Input, Output, Step, Way};
use early::EarlyDataWaits;

use crate::connection::Connection;
use crate::error::Error;
use crate::handshake::{Answer, Question};

/// A connection and its transport as one blocking stream.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::io::{Read, Write};
/// let roots = bulla::Roots::system()?.roots;
/// let config = std::sync::Arc::new(bulla::ClientConfig::new(roots));
/// let connection = bulla::ClientConnection::new(config, bulla::ServerName::try_from("example.com")?)?;
/// let mut stream = bulla::Stream::new(connection, std::net::TcpStream::connect("example.com:443")?);
/// stream.write_all(b"GET / HTTP/1.0\r\nHost: example.com\r\n\r\n")?;
/// let mut answer = Vec::new();
/// stream.read_to_end(&mut answer)?;
/// # Ok(())
/// # }
/// ```
///
/// Reading and writing finish the handshake first. Dropping a stream sends nothing: [`close`](Self::close) says that all
/// data has been sent. Errors are `io::Error`; [`tls_error`] finds the TLS error inside one.
pub struct Stream<C, T> {
    connection: C,
    transport: T,
    input: Input,
    output: Output,
    deadline: Option<Deadline<T>>,
    answer: Option<Box<Answering>>,
}

/// Answers questions that the configuration has left open.
type Answering = dyn FnMut(&Question) -> Answer + Send;

/// When the handshake must be finished, and how to make the transport give up by then.
struct Deadline<T> {
    at: Instant,
    set_timeout: fn(&mut T, Duration) -> io::Result<()>,
}

impl<C, T> Stream<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write,
{
    /// Joins a connection and the transport that it shall use. Nothing is read or written yet.
    pub fn new(connection: C, transport: T) -> Self {
        let (input, output) = (Input::default(), Output::default());
        Self { connection, transport, input, output, deadline: None, answer: None }
    }

    /// Like [`new`](Self::new), where these bytes have been read of the transport already: by whoever looked at the
    /// ClientHello with [`read_client_hello`](crate::read_client_hello), say.
    pub fn with_received(connection: C, transport: T, received: &[u8]) -> Self {
        Self { input: Input::holding(received), ..Self::new(connection, transport) }
    }

    /// Answers questions that the configuration has left open with `answer`, which may block. Without it such a question
    /// is an error.
    pub fn answer_with(mut self, answer: impl FnMut(&Question) -> Answer + Send + 'static) -> Self {
        self.answer = Some(Box::new(answer));
        self
    }

    /// Finishes the handshake, if it is not finished yet. On a server that takes early data, all of it must be read before
    /// by [`read_early`](Self::read_early): as long as some waits, this is an error (`InvalidInput`), and so are reading and
    /// writing.
    pub fn handshake(&mut self) -> io::Result<()> {
        while !self.connection.is_established() {
            match self.advance()? {
                Happened::Established | Happened::Data | Happened::Authenticated => {}
                Happened::EarlyData => return Err(EarlyDataWaits.into()),
                Happened::Closed => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        match self.write_output() {
            // The next read tells what the peer had to say.
            Err(_) if self.output.is_hung_up() => Ok(()),
            written => written.and_then(|()| self.flush_transport()),
        }
    }

    /// Passes on what a transport with a buffer of its own may still hold. Nothing is waited for before.
    fn flush_transport(&mut self) -> io::Result<()> {
        if self.output.is_hung_up() { Ok(()) } else { self.output.flush(&mut self.transport) }
    }

    /// Finishes the handshake before this moment, which is looked at between reads and writes: a transport that blocks for
    /// ever is not interrupted. For transports that can be, [`handshake_within`](Self::handshake_within) is better.
    pub fn handshake_before(&mut self, at: Instant) -> io::Result<()> {
        self.deadline = Some(Deadline { at, set_timeout: |_, _| Ok(()) });
        let result = self.handshake();
        self.deadline = None;
        result
    }

    /// Sends close_notify: all our data has been sent. Receiving goes on until the peer does the same. RFC 8446 §6.1.
    pub fn close(&mut self) -> io::Result<()> {
        self.connection.close();
        self.flush()
    }

    /// Asks a client for its certificate, the handshake being finished first. RFC 8446 §4.6.2. Nothing is waited for: the
    /// answer comes with what is read, and [`await_client_certificate`](Self::await_client_certificate) reads until it is
    /// there. On a client, [`answer_with`](Self::answer_with) gets the questions that such a request leads to.
    pub fn request_client_certificate(&mut self) -> io::Result<()> {
        self.handshake()?;
        let asked = self.connection.request_client_certificate();
        asked.map_err(|error| self.fail(error))?;
        self.write_output()?;
        self.flush_transport()
    }

    /// Reads until the client has answered every request for its certificate, and returns `true`: who it is now,
    /// [`peer_certificates`](Connection::peer_certificates) says. Returns `false` where its data came before its answer: that
    /// must be read first, or nothing can come behind it.
    pub fn await_client_certificate(&mut self) -> io::Result<bool> {
        while self.connection.open_certificate_requests() > 0 {
            match self.advance()? {
                Happened::Data => return Ok(false),
                Happened::Established | Happened::Authenticated => {}
                Happened::EarlyData => return Err(EarlyDataWaits.into()),
                Happened::Closed => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        Ok(true)
    }

    /// Returns the connection, to ask what was negotiated.
    pub fn connection(&self) -> &C {
        &self.connection
    }

    /// Returns the connection, to change its keys for example. What that queues goes out with the next write or flush.
    pub fn connection_mut(&mut self) -> &mut C {
        &mut self.connection
    }

    /// Returns the transport.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// Returns the transport, to set its options. Reading or writing it behind the stream's back breaks the connection.
    pub fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Takes the stream apart. As long as it holds plaintext that was not taken, bytes that were read ahead, or records that
    /// the transport has not taken, it gives itself back: without them the connection could not go on.
    pub fn into_parts(self) -> Result<(C, T), Box<Self>> {
        if self.input.holds_any() || self.output.has_any(&self.connection) {
            return Err(Box::new(self));
        }
        Ok((self.connection, self.transport))
    }

    /// Writes what is pending, waits for a record if none is there, and processes it.
    fn advance(&mut self) -> io::Result<Happened> {
        loop {
            let written = self.write_output();
            match self.input.receive(&mut self.connection) {
                Ok(Step::Data) => return Ok(Happened::Data),
                Ok(Step::EarlyData) => return Ok(Happened::EarlyData),
                Ok(Step::Established) => return Ok(Happened::Established),
                Ok(Step::Closed) => return Ok(Happened::Closed),
                Ok(Step::Authenticated) => return Ok(Happened::Authenticated),
                Ok(Step::Progress) => {}
                Ok(Step::Ask(question)) => self.answer(&question)?,
                Ok(Step::Waiting) => return Err(io::Error::other(Unanswered)),
                Ok(Step::NeedMore { hint }) => {
                    match written {
                        // The peer may take nothing before its own data is read, or has hung up and may have said why.
                        Err(error) if gave_up(&error) && self.connection.is_established() => {}
                        Err(_) if self.output.is_hung_up() => {}
                        written => written?,
                    }
                    self.flush_transport()?;
                    self.arm()?;
                    let read = self.input.fill(&mut self.transport, hint);
                    if read.map_err(|error| self.late(error))? == 0 {
                        let ended = self.connection.end_of_input();
                        ended.map_err(|error| self.fail(error))?;
                    }
                }
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    fn answer(&mut self, question: &Question) -> io::Result<()> {
        let Some(answer) = &mut self.answer else { return Err(io::Error::other(Unanswered)) };
        let given = answer(question);
        let answered = self.connection.answer(question.id, given);
        answered.map_err(|error| self.fail(error))
    }

    /// Writes all that waits for the peer. A peer that has hung up may have said why before: its alert is the better error.
    fn write_output(&mut self) -> io::Result<()> {
        if !self.output.has_any(&self.connection) {
            return Ok(());
        }
        let deadline = &self.deadline;
        match self.output.write(&mut self.connection, &mut self.transport, |transport| arm(deadline, transport)) {
            Err(error) if is_hangup(&error) => {
                // Nothing more can be written. What the peer has sent before may say why: reading goes on.
                self.output.hang_up();
                Err(error)
            }
            result => result.map_err(|error| self.late(error)),
        }
    }

    /// Writes some of the data by one of the connection's ways to send.
    fn write_by(&mut self, data: &[u8], way: Way) -> io::Result<usize> {
        loop {
            if self.output.is_hung_up() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.write_output()?;
            let taken = self.output.seal(&mut self.connection, data, way);
            let taken = taken.map_err(|error| self.fail(error))?;
            let written = self.write_output();
            match written {
                // What was taken is sealed and waits: an error would make the application send it twice.
                Err(error) if taken > 0 && gave_up(&error) => return Ok(taken),
                Err(error) => return Err(error),
                Ok(()) if taken > 0 => return Ok(taken),
                Ok(()) => {}
            }
        }
    }

    /// Turns a failure of the connection into an `io::Error`, after its alert is on its way.
    fn fail(&mut self, error: Error) -> io::Error {
        // The failure is the one to report; one of writing its alert would hide it.
        let deadline = &self.deadline;
        let _ = self.output.write(&mut self.connection, &mut self.transport, |transport| arm(deadline, transport));
        let _ = self.transport.flush();
        io_error(error)
    }

    /// Makes the transport give up in time, if there is a deadline.
    fn arm(&mut self) -> io::Result<()> {
        arm(&self.deadline, &mut self.transport)
    }

    /// Says of a transport that gave up because of our deadline that this was why.
    fn late(&self, error: io::Error) -> io::Error {
        let gave_up = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        match &self.deadline {
            Some(deadline) if gave_up && deadline.at <= Instant::now() => timed_out(),
            _ => error,
        }
    }
}

impl<C, T> Stream<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write + Timeouts,
{
    /// Finishes the handshake within this time as a whole, however slowly the peer feeds it. The transport's own time-outs
    /// are as before afterwards.
    pub fn handshake_within(&mut self, limit: Duration) -> io::Result<()> {
        self.within(limit, Self::handshake)
    }

    /// Does something before a deadline, after which the transport's own time-outs are as before.
    fn within<R>(&mut self, limit: Duration, work: impl FnOnce(&mut Self) -> io::Result<R>) -> io::Result<R> {
        let before = self.transport.timeouts()?;
        let at = Instant::now().checked_add(limit);
        let set_timeout = |transport: &mut T, left| transport.set_timeouts((Some(left), Some(left)));
        self.deadline = at.map(|at| Deadline { at, set_timeout });
        let result = work(self);
        self.deadline = None;
        let restored = self.transport.set_timeouts(before);
        result.and_then(|done| restored.map(|()| done))
    }
}

/// What [`Stream::advance`] comes back for.
enum Happened {
    Data,
    EarlyData,
    Established,
    Authenticated,
    Closed,
}

impl<C, T> BufRead for Stream<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write,
{
    /// Lends the peer's plaintext where it was decrypted. Empty after close_notify, and then only.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.input.plaintext().is_empty() {
            match self.advance()? {
                Happened::Closed => break,
                Happened::EarlyData => return Err(EarlyDataWaits.into()),
                Happened::Established | Happened::Data | Happened::Authenticated => {}
            }
        }
        Ok(self.input.plaintext())
    }

    fn consume(&mut self, amount: usize) {
        self.input.consume(amount);
    }
}

impl<C, T> Read for Stream<C, T>
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

impl<C, T> Write for Stream<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write,
{
    /// Seals as much as fits into the stream's buffer and writes it. What is said to be taken will reach the peer even if
    /// the transport takes no more right now: the next write or flush goes on.
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        self.handshake()?;
        self.write_by(data, Connection::send)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.write_output()?;
        if self.output.is_hung_up() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.transport.flush()
    }
}

impl<C: fmt::Debug, T: fmt::Debug> fmt::Debug for Stream<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Stream");
        shown.field("connection", &self.connection).field("transport", &self.transport).finish_non_exhaustive()
    }
}

/// Returns the TLS error inside an `io::Error` of a [`Stream`], or `None` if the transport failed.
pub fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Truncation is `UnexpectedEof`, misuse `InvalidInput`, an alert of the peer `ConnectionAborted`, the rest `InvalidData`.
fn io_error(error: Error) -> io::Error {
    let kind = match &error {
        Error::Truncated => io::ErrorKind::UnexpectedEof,
        Error::Misuse(_) => io::ErrorKind::InvalidInput,
        Error::AlertReceived(_) => io::ErrorKind::ConnectionAborted,
        Error::Internal(_) => io::ErrorKind::Other,
        Error::Malformed { .. }
        | Error::Violation(_)
        | Error::Incompatible(_)
        | Error::Certificate(_)
        | Error::BadRecord(_)
        | Error::Refused(_) => io::ErrorKind::InvalidData,
    };
    io::Error::new(kind, error)
}

fn arm<T>(deadline: &Option<Deadline<T>>, transport: &mut T) -> io::Result<()> {
    let Some(deadline) = deadline else { return Ok(()) };
    match deadline.at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        Some(left) => (deadline.set_timeout)(transport, left),
        None => Err(timed_out()),
    }
}

/// The transport takes or gives nothing for now: `WouldBlock` on Unix, `TimedOut` on Windows.
fn gave_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn is_hangup(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake was not finished in time")
}

/// The configuration left a question open and [`Stream::answer_with`] was not called.
#[derive(Debug)]
struct Unanswered;

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration left a question open and nobody answers it (see Stream::answer_with)")
    }
}

impl std::error::Error for Unanswered {}
