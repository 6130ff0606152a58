//! One connection from the first byte to the last: the handshake, what the arguments want said, the echo, the end.

use bulla::connection::danger::DangerousTrafficSecrets;
use bulla::error::Misuse;
use bulla::wire::{AlertDescription, ProtocolVersion};
use bulla::{Connection, Error, Event, IN_PLACE_HEAD, IN_PLACE_TAIL, MAX_FRAGMENT_LEN, MAX_RECORD_LEN, Question, Sent};

use crate::checks::{self, Turn};
use crate::endpoint::{Endpoint, Prepared};
use crate::failure::Failure;
use crate::options::Options;
use crate::script::Script;
use crate::transport::Transport;

/// What `-write-different-record-sizes` sends, one after the other.
const DIFFERENT_SIZES: [usize; 11] = [0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769];

/// Plays a whole connection, counted from 0.
pub(crate) fn run(script: &Script, number: u32, prepared: Prepared) -> Result<(), Failure> {
    let options = script.connection(number);
    let connection = prepared.start()?;
    let transport = Transport::connect(options)?;
    let mut exchange = Exchange {
        script,
        options,
        turn: script.turn(number),
        prepared,
        connection,
        transport,
        input: vec![0; MAX_RECORD_LEN],
        filled: 0,
        output: vec![0; 32 * 1024],
        small_room: 0,
        unsent: Vec::new(),
        held_back: Vec::new(),
        seals: 0,
        question: None,
        trace: None,
    };
    let result = exchange.play();
    // Whatever went wrong, the alert that tells the peer is in the output.
    let flushed = exchange.flush();
    exchange.transport.finish();
    result.and(if exchange.options.check_close_notify { flushed } else { Ok(()) })?;
    let trace = exchange.trace.unwrap_or_else(|| exchange.prepared.messages.text());
    match &exchange.options.expect.messages {
        Some(expected) if *expected != trace => Failure::unexpected(format!("the messages were:\n{trace}")),
        _ => Ok(()),
    }
}

/// What came from the peer.
pub(crate) enum Came {
    Established,
    Data(Vec<u8>),
    /// What a client sent before the handshake was finished.
    EarlyData(Vec<u8>),
    /// close_notify.
    Closed,
    /// The end of the transport without it.
    EndOfInput,
}

/// What one look at the input led to.
pub(crate) enum Step {
    Came(Came),
    Progress,
    WantsMore,
}

pub(crate) struct Exchange<'s> {
    pub(crate) script: &'s Script,
    pub(crate) options: &'s Options,
    pub(crate) turn: Turn,
    pub(crate) prepared: Prepared,
    pub(crate) connection: Endpoint,
    pub(crate) transport: Transport,
    input: Vec<u8>,
    filled: usize,
    output: Vec<u8>,
    /// How much of `output` is lent where it is lent sparingly: none until bulla says what it needs.
    small_room: usize,
    /// Sealed and held back by `-read-with-unfinished-write`.
    pub(crate) unsent: Vec<u8>,
    /// Plaintext that could not be sent yet: it is not early data any more, and the handshake is not finished.
    pub(crate) held_back: Vec<u8>,
    seals: u32,
    question: Option<Question>,
    /// The messages, as far as the runner wants to see them, if not all.
    trace: Option<String>,
}

/// A call that turns plaintext into records.
type Send = fn(&mut Connection, &[u8], &mut [u8]) -> Result<Sent, Error>;

/// What the runner wants to see of data that it sent: each bit turned.
pub(crate) fn turned(data: &[u8]) -> Vec<u8> {
    data.iter().map(|byte| byte ^ 0xff).collect()
}

impl Exchange<'_> {
    fn play(&mut self) -> Result<(), Failure> {
        let wrote_early = self.write_early()?;
        loop {
            match self.next()? {
                Came::Established => break,
                Came::EarlyData(data) => self.echo_early(&data)?,
                Came::EndOfInput => {
                    self.connection.end_of_input()?;
                    return Failure::unexpected("the input ended before the handshake did");
                }
                Came::Data(_) | Came::Closed => return Failure::unexpected("the handshake did not finish"),
            }
        }
        self.flush()?;
        let was_accepted = self.settle_early(wrote_early)?;
        checks::check(self.options, self.turn, &self.connection, &self.prepared)?;
        if !was_accepted {
            self.export()?;
        }
        if self.options.send_alert {
            // Which one is the runner's choice. It waits in the output.
            self.connection.abort(AlertDescription::decompression_failure_RESERVED);
            return Ok(());
        }
        if self.options.write_different_record_sizes {
            for size in DIFFERENT_SIZES {
                self.send(&vec![0x42; size])?;
            }
            return self.end(true);
        }
        if !was_accepted {
            self.write_first()?;
        }
        let held_back = std::mem::take(&mut self.held_back);
        if !held_back.is_empty() {
            self.send(&held_back)?;
        }
        let closed = if self.options.shim_shuts_down { false } else { self.echo()? };
        checks::check_tickets(self.options, &self.connection, &self.prepared.seen)?;
        self.end(closed)
    }

    /// Sends what `-export-keying-material` and `-export-traffic-secrets` want to see.
    pub(crate) fn export(&mut self) -> Result<(), Failure> {
        let export = &self.options.export;
        if export.len > 0 {
            let mut material = vec![0; export.len];
            let context = export.use_context.then_some(export.context.as_bytes());
            self.connection.export(export.label.as_bytes(), context, &mut material)?;
            self.send(&material)?;
        }
        if self.options.export_tls_unique {
            let binding = self.connection.tls_unique()?;
            self.send(&binding)?;
        }
        if self.options.export_traffic_secrets {
            let secrets = self.connection.danger_traffic_secrets()?;
            let (read, write) = (secrets.read.secret.expose().to_vec(), secrets.write.secret.expose().to_vec());
            self.send(&(read.len() as u16).to_le_bytes())?;
            self.send(&read)?;
            self.send(&write)?;
        }
        Ok(())
    }

    fn write_first(&mut self) -> Result<(), Failure> {
        let first = self.options.initial_write.as_bytes();
        if self.options.read_with_unfinished_write {
            let sealed = self.seal(first)?;
            self.write_unfinished(&sealed)?;
        } else if self.options.shim_writes_first {
            for _ in 0..self.options.initial_writes {
                self.send(first)?;
            }
        }
        Ok(())
    }

    /// Sends back what comes, each bit turned, until the peer has closed; says whether it did so properly.
    fn echo(&mut self) -> Result<bool, Failure> {
        loop {
            if self.options.key_update_before_read {
                self.update_keys()?;
            }
            let data = match self.next()? {
                Came::Data(data) => data,
                Came::Closed => return Ok(true),
                Came::EndOfInput => return Ok(false),
                Came::Established | Came::EarlyData(_) => {
                    return Failure::unexpected("a part of the handshake came behind its end");
                }
            };
            if self.options.export_between_reads {
                self.connection.export(b"", None, &mut [0])?;
            }
            for piece in data.chunks(self.options.read_size) {
                if self.options.key_update {
                    self.update_keys()?;
                }
                self.send(&turned(piece))?;
            }
        }
    }

    /// Closes. Where the arguments want to see it done in full, the peer's close_notify must come too.
    fn end(&mut self, closed: bool) -> Result<(), Failure> {
        if !self.options.check_close_notify {
            // The runner does not count with our close_notify then.
            self.trace = Some(self.prepared.messages.text());
        }
        self.connection.close();
        let flushed = self.flush();
        if !self.options.check_close_notify {
            return Ok(());
        }
        flushed?;
        if !closed {
            match self.next()? {
                Came::Closed => {}
                Came::EndOfInput => self.connection.end_of_input()?,
                Came::Data(_) | Came::EarlyData(_) | Came::Established => {
                    return Failure::unexpected("data where only the end may come");
                }
            }
        }
        Ok(())
    }

    /// Goes on until something comes that the exchange must know of.
    fn next(&mut self) -> Result<Came, Failure> {
        loop {
            if let Some(came) = self.take_next()? {
                return Ok(came);
            }
            if !self.read_more()? {
                return Ok(Came::EndOfInput);
            }
        }
    }

    /// Reads what the peer sends; says whether there was anything.
    pub(crate) fn read_more(&mut self) -> Result<bool, Failure> {
        let read = self.transport.read(&mut self.input[self.filled..])?;
        self.filled += read;
        Ok(read > 0)
    }

    /// Goes on with what has been read, until something comes that the exchange must know of; `None` if more must be read.
    pub(crate) fn take_next(&mut self) -> Result<Option<Came>, Failure> {
        loop {
            match self.step()? {
                Step::Came(came) => return Ok(Some(came)),
                Step::WantsMore => return Ok(None),
                Step::Progress => {}
            }
        }
    }

    /// Lets the connection take what it takes at once: a record at most.
    pub(crate) fn step(&mut self) -> Result<Step, Failure> {
        self.flush()?;
        let received = self.connection.receive(&mut self.input[..self.filled])?;
        let used = received.used;
        let step = match received.event {
            Event::Data { plaintext, .. } => Step::Came(Came::Data(plaintext.to_vec())),
            Event::EarlyData { plaintext, .. } => Step::Came(Came::EarlyData(plaintext.to_vec())),
            Event::Established => Step::Came(Came::Established),
            Event::Closed => Step::Came(Came::Closed),
            Event::Ask(question) => {
                self.question = Some(question);
                Step::Progress
            }
            Event::Progress | Event::PeerAuthenticated | Event::CertificateDeclined => Step::Progress,
            Event::Waiting => {
                self.answer()?;
                return Ok(Step::Progress);
            }
            Event::NeedMore { .. } => {
                // Messages that waited behind a question may just have led to output.
                self.flush()?;
                return Ok(Step::WantsMore);
            }
        };
        self.input.copy_within(used..self.filled, 0);
        self.filled -= used;
        Ok(step)
    }

    /// Answers the question that was put off.
    fn answer(&mut self) -> Result<(), Failure> {
        let Some(question) = self.question.take() else { return Failure::unexpected("waiting without a question") };
        let Some(answer) = self.prepared.answers.answer(&question.kind) else {
            return Failure::unexpected("a question that was put off twice");
        };
        Ok(self.connection.answer(question.id, answer)?)
    }

    fn update_keys(&mut self) -> Result<(), Failure> {
        if self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            self.connection.update_keys(false)?;
        }
        self.flush()
    }

    fn send(&mut self, data: &[u8]) -> Result<(), Failure> {
        let sealed = self.seal(data)?;
        self.write(&sealed)
    }

    /// Writes sealed records, and what was held back before them.
    pub(crate) fn write(&mut self, sealed: &[u8]) -> Result<(), Failure> {
        self.transport.write_all(&std::mem::take(&mut self.unsent))?;
        self.transport.write_all(sealed)
    }

    /// Writes the first byte of sealed records and holds the others back until more is written.
    pub(crate) fn write_unfinished(&mut self, sealed: &[u8]) -> Result<(), Failure> {
        let (now, later) = sealed.split_at(1);
        self.write(now)?;
        self.unsent = later.to_vec();
        Ok(())
    }

    /// Seals all of `data`, with the output that waits before it: under `-async` in place every other time.
    fn seal(&mut self, data: &[u8]) -> Result<Vec<u8>, Failure> {
        self.seals += 1;
        let fits = !data.is_empty() && data.len() <= MAX_FRAGMENT_LEN;
        if self.options.asynchronous && fits && self.seals.is_multiple_of(2) {
            self.seal_in_place(data)
        } else {
            self.seal_by_copy(data)
        }
    }

    fn seal_in_place(&mut self, data: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut sealed = self.take_output()?;
        let plaintext = IN_PLACE_HEAD..IN_PLACE_HEAD + data.len();
        let mut buffer = vec![0; plaintext.end + IN_PLACE_TAIL];
        buffer[plaintext.clone()].copy_from_slice(data);
        let record = self.connection.send_in_place(&mut buffer, plaintext)?;
        sealed.extend_from_slice(&buffer[record]);
        Ok(sealed)
    }

    fn seal_by_copy(&mut self, data: &[u8]) -> Result<Vec<u8>, Failure> {
        let (sealed, left) = self.seal_with(data, Connection::send, |_| false)?;
        debug_assert!(left.is_empty());
        Ok(sealed)
    }

    /// Seals `data` with one of the calls that do so, until all is sealed or it `must_stop`; gives back what is left.
    pub(crate) fn seal_with<'d>(
        &mut self,
        mut data: &'d [u8],
        send: Send,
        must_stop: impl Fn(&Connection) -> bool,
    ) -> Result<(Vec<u8>, &'d [u8]), Failure> {
        let mut sealed = Vec::new();
        loop {
            let room = self.room();
            match send(&mut self.connection, data, &mut self.output[..room]) {
                Ok(sent) => {
                    sealed.extend_from_slice(&self.output[..sent.written]);
                    data = &data[sent.taken..];
                    if data.is_empty() && !self.connection.has_output() || must_stop(&self.connection) {
                        return Ok((sealed, data));
                    }
                }
                Err(Error::Misuse(Misuse::OutputTooSmall(needed))) => self.make_room(needed)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends all output that waits.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let waiting = self.take_output()?;
        if waiting.is_empty() {
            return Ok(());
        }
        self.write(&waiting)
    }

    fn take_output(&mut self) -> Result<Vec<u8>, Failure> {
        let mut taken = Vec::new();
        loop {
            let room = self.room();
            match self.connection.take_output(&mut self.output[..room]) {
                Ok([]) => return Ok(taken),
                Ok(bytes) => taken.extend_from_slice(bytes),
                Err(Error::Misuse(Misuse::OutputTooSmall(needed))) => self.make_room(needed)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// How much of the output buffer to lend. Under `-async`, and where fragments must be small, no more than is asked for:
    /// that is the smallest record that bulla makes of what waits.
    fn room(&mut self) -> usize {
        match self.options.asynchronous || self.options.small_fragments {
            true => std::mem::take(&mut self.small_room),
            false => self.output.len(),
        }
    }

    fn make_room(&mut self, needed: usize) -> Result<(), Failure> {
        if needed > self.output.len() {
            return Failure::unexpected(format!("{needed} bytes of room are needed for one record"));
        }
        self.small_room = needed;
        Ok(())
    }
}
