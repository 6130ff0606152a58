//! Early data: what goes before the handshake is finished, by calls of its own, so that nobody takes it for ordinary data.
//! RFC 8446 §2.3, §8.

use std::fmt;
use std::io::{self, Read, Write};
use std::ops::DerefMut;
use std::time::Duration;

use super::buffers::Step;
use super::{Happened, Stream, Timeouts, Unanswered};
use crate::connection::Connection;

impl<C, T> Stream<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write,
{
    /// Sends early data on a client, the ClientHello before it, without waiting for the server. An attacker can replay it:
    /// it must do no harm when it comes twice. RFC 8446 §8.
    ///
    /// Returns how much was taken: at most [`early_data_room`](Connection::early_data_room), and 0 where none can be sent
    /// any more, because no session allows it, its limit is reached, or the server has answered. Behind
    /// [`handshake`](Self::handshake), [`early_data`](Connection::early_data) tells what became of it: if it was not
    /// accepted, it is the application's to write it again.
    ///
    /// ```no_run
    /// # use std::io::Write;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let config = bulla::ClientConfig::new(bulla::Roots::new());
    /// # let connection = bulla::ClientConnection::new(config.into(), "example.com".try_into()?)?;
    /// # let mut stream = bulla::Stream::new(connection, std::net::TcpStream::connect("example.com:443")?);
    /// let request = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    /// let mut sent = 0;
    /// while sent < request.len() {
    ///     match stream.write_early(&request[sent..])? {
    ///         0 => break,
    ///         taken => sent += taken,
    ///     }
    /// }
    /// stream.handshake()?;
    /// if stream.connection().early_data() != bulla::EarlyData::Accepted {
    ///     sent = 0;
    /// }
    /// stream.write_all(&request[sent..])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_early(&mut self, data: &[u8]) -> io::Result<usize> {
        self.answer_first()?;
        if data.is_empty() || self.connection.early_data_room() == 0 {
            return Ok(0);
        }
        match self.write_by(data, Connection::send_early) {
            // The handshake tells what the server had to say.
            Err(_) if self.output.is_hung_up() => Ok(0),
            Err(error) => Err(error),
            Ok(taken) => self.flush_transport().map(|()| taken),
        }
    }

    /// Reads early data on a server that takes it: what a client has sent before the handshake is finished, and what an
    /// attacker may have sent again. RFC 8446 §8.
    ///
    /// Returns 0 when there is no more of it, and the handshake is then finished. A server that takes early data calls this
    /// until then; one that does not need never call it.
    pub fn read_early(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while self.input.early_data().is_empty() {
            if self.connection.is_established() {
                self.handshake()?;
                return Ok(0);
            }
            if let Happened::Closed = self.advance()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let read = self.input.early_data().read(out)?;
        self.input.consume_early(read);
        Ok(read)
    }

    /// Writes on a server before the client's Finished has come: in answer to early data, say. RFC 8446 §2, figure 4. Who
    /// reads it has not shown yet that it is there.
    ///
    /// Returns how much was taken: 0 where nothing can be sent yet, because the client's hello has not come, or because the
    /// client is asked for a certificate. Once the handshake is finished it is like [`write`](Write::write).
    pub fn write_half_rtt(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.is_empty() || !(self.connection.may_send_half_rtt() || self.connection.is_failed()) {
            return Ok(0);
        }
        let taken = self.write_by(data, Connection::send_half_rtt)?;
        self.flush_transport()?;
        Ok(taken)
    }

    /// Answers what a client is asked before it says hello: whether there is a session. Nothing is waited for.
    fn answer_first(&mut self) -> io::Result<()> {
        while !self.connection.is_established() && !self.connection.has_output() && !self.input.holds_any() {
            match self.input.receive(&mut self.connection) {
                Ok(Step::Ask(question)) => self.answer(&question)?,
                Ok(Step::Waiting) => return Err(io::Error::other(Unanswered)),
                Ok(_) => break,
                Err(error) => return Err(self.fail(error)),
            }
        }
        Ok(())
    }
}

impl<C, T> Stream<C, T>
where
    C: DerefMut<Target = Connection>,
    T: Read + Write + Timeouts,
{
    /// Like [`read_early`](Self::read_early), and gives up after this time, however slowly the peer feeds the handshake.
    /// The transport's own time-outs are as before afterwards.
    pub fn read_early_within(&mut self, out: &mut [u8], limit: Duration) -> io::Result<usize> {
        self.within(limit, |stream| stream.read_early(out))
    }
}

/// Early data waits that was not read: nothing else goes on before.
#[derive(Debug)]
pub(super) struct EarlyDataWaits;

impl From<EarlyDataWaits> for io::Error {
    fn from(waits: EarlyDataWaits) -> Self {
        Self::new(io::ErrorKind::InvalidInput, waits)
    }
}

impl fmt::Display for EarlyDataWaits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("early data waits: it must be read first (see Stream::read_early)")
    }
}

impl std::error::Error for EarlyDataWaits {}
