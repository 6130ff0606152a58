//! The sans-IO face: bytes in, bytes and events out. No protocol decision is made here.
//!
//! The whole of it in six lines, which a thread, a microcontroller and a proxy all write alike:
//!
//! 1. [`take_output`](Connection::take_output) until it is empty, and send what it gives to the peer.
//! 2. Read from the transport behind what is left in the buffer; at its end call [`end_of_input`](Connection::end_of_input).
//! 3. [`receive`](Connection::receive) until it says [`Event::NeedMore`], [`Event::Closed`] or [`Event::Waiting`]; drop `used`
//!    bytes off the front each time.
//! 4. [`Event::Data`] is the peer's plaintext, decrypted where it lay. [`Event::Ask`] wants an [`answer`](Connection::answer).
//! 5. [`send`](Connection::send) turns plaintext into records, pending output first.
//! 6. After an error: `take_output` once more (the alert is in it), then give up; the error repeats.
//!
//! An event borrows the buffer that it came from, so the next call waits until it is taken. Fed one byte at a time,
//! the same events come as fed all at once.

mod client;
pub mod danger;
mod outcome;
#[cfg(all(test, feature = "ring", feature = "std"))]
mod replay_tests;
mod server;
#[cfg(all(test, feature = "ring"))]
mod tests;

pub use client::ClientConnection;
pub use outcome::{Event, Received, Sent};
pub use server::ServerConnection;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::ops::Range;

use pki_types::CertificateDer;

use crate::config::{Content, Direction, Observed, Observer, Preferences};
use crate::error::{Error, Internal, Misuse, Violation};
use crate::handshake::client::Client;
#[cfg(feature = "tls12")]
use crate::handshake::client::tls12::post_handshake::receive as client_receive_tls12;
use crate::handshake::client::tls13::post_handshake::receive as client_receive;
use crate::handshake::server::Server;
#[cfg(feature = "tls12")]
use crate::handshake::server::tls12::post_handshake::receive as server_receive_tls12;
use crate::handshake::server::tls13::post_handshake::receive as server_receive;
use crate::handshake::{Answer, Connected, Effect, Incoming, Negotiated, Outgoing, Progress, Question, QuestionId};
use crate::record::{Framed, Joiner, Level, MAX_WARNING_ALERTS, Queued, RecordBoundary, RecordReader, RecordWriter};
use crate::record::{MAX_KEY_UPDATE_RESERVE, message_len};
use crate::wire::{
    Alert, AlertDescription, AlertLevel, CipherSuite, ContentType, Handshake, NamedGroup, ProtocolVersion,
    SignatureScheme, read_all, write_all,
};

/// A connection of either role. [`ClientConnection`] and [`ServerConnection`] dereference to it.
pub struct Connection {
    phase: Phase,
    reader: RecordReader,
    writer: RecordWriter,
    joiner: Joiner,
    outgoing: Outgoing,
    observer: Option<Arc<dyn Observer>>,
    read_level: Level,
    write_level: Level,
    /// How messages are shown to the observer: TLS 1.3 until another version is settled, whose hellos look the same.
    version: ProtocolVersion,
    open_question: Option<QuestionId>,
    /// An event that a message led to, for the next return of `receive`.
    event: Option<Pending>,
    warnings: u32,
    peer_closed: bool,
    closed: bool,
}

/// Where the connection stands.
enum Phase {
    Client(Box<Client>),
    Server(Box<Server>),
    Established { role: Role, connected: Box<Connected>, negotiated: Box<Negotiated> },
    Failed(Error),
}

impl Phase {
    /// Returns the version, once it is settled.
    fn version(&self) -> Option<ProtocolVersion> {
        match self {
            Self::Client(state) => state.version(),
            Self::Server(state) => state.version(),
            Self::Established { negotiated, .. } => Some(negotiated.version),
            Self::Failed(_) => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

/// An event that borrows nothing.
enum Pending {
    Ask(Question),
    Established,
}

impl Connection {
    fn new(phase: Phase, preferences: &Preferences, first_version: ProtocolVersion) -> Self {
        Self {
            phase,
            reader: RecordReader::new(),
            writer: RecordWriter::new(first_version),
            joiner: Joiner::default(),
            outgoing: Outgoing::new(),
            observer: preferences.observer.clone(),
            read_level: Level::Initial,
            write_level: Level::Initial,
            version: ProtocolVersion::TLSv1_3,
            open_question: None,
            event: None,
            warnings: 0,
            peer_closed: false,
            closed: false,
        }
    }

    /// Processes at most one record off the front of `buffer`, which is decrypted in place.
    ///
    /// A buffer of [`MAX_RECORD_LEN`](crate::MAX_RECORD_LEN) bytes is always enough. After an answer, an empty buffer
    /// will do to go on.
    pub fn receive<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Received<'b>, Error> {
        if let Phase::Failed(error) = &self.phase {
            return Err(error.clone());
        }
        match self.receive_record(buffer) {
            Ok((used, step)) => Ok(Received { used, event: step.over(buffer) }),
            Err(error) => Err(self.fail(error)),
        }
    }

    fn receive_record(&mut self, buffer: &mut [u8]) -> Result<(usize, Step), Error> {
        // Messages that waited behind a question come before anything new.
        if self.open_question.is_none() && self.event.is_none() && !self.joiner.is_empty() {
            self.process_joined()?;
        }
        if let Some(step) = self.pending_step() {
            return Ok((0, step));
        }
        if self.peer_closed {
            // What follows close_notify is ignored. RFC 8446 §6.1.
            return Ok((buffer.len(), Step::Closed));
        }
        let (used, content_type, content) = match self.reader.next(buffer)? {
            Framed::NeedMore { hint } => return Ok((0, Step::NeedMore { hint })),
            Framed::ChangeCipherSpec { used } => {
                self.check_interleaving()?;
                self.observe(Direction::Received, self.read_level, || Content::ChangeCipherSpec);
                return Ok((used, Step::Progress));
            }
            #[cfg(feature = "tls12")]
            Framed::AwaitedChangeCipherSpec { used, boundary } => {
                self.check_interleaving()?;
                self.observe(Direction::Received, self.read_level, || Content::ChangeCipherSpec);
                self.step(|phase, out| match phase {
                    Phase::Client(state) => {
                        Ok(Phase::Client(Box::new(state.receive_change_cipher_spec(boundary, out)?)))
                    }
                    Phase::Server(state) => {
                        Ok(Phase::Server(Box::new(state.receive_change_cipher_spec(boundary, out)?)))
                    }
                    other => Ok(other),
                })?;
                return Ok((used, Step::Progress));
            }
            Framed::SkippedEarlyData { used } => return Ok((used, Step::Progress)),
            Framed::Record { used, content_type, content } => (used, content_type, content),
        };
        let bytes = buffer.get(content.clone()).unwrap_or_default();
        let step = match content_type {
            ContentType::handshake => {
                self.receive_handshake(bytes)?;
                self.pending_step().unwrap_or(Step::Progress)
            }
            ContentType::alert => {
                self.check_interleaving()?;
                self.receive_alert(bytes)?
            }
            ContentType::application_data => {
                self.check_interleaving()?;
                self.receive_data(content)?
            }
            other => return Err(Violation::UnexpectedRecord(other).into()),
        };
        Ok((used, step))
    }

    /// Returns what an earlier message has left for the caller, or that its question is still open.
    fn pending_step(&mut self) -> Option<Step> {
        match self.event.take() {
            Some(Pending::Ask(question)) => Some(Step::Ask(question)),
            Some(Pending::Established) => Some(Step::Established),
            None => self.open_question.is_some().then_some(Step::Waiting),
        }
    }

    fn receive_data(&mut self, content: Range<usize>) -> Result<Step, Error> {
        let Phase::Established { connected, .. } = &mut self.phase else {
            return Err(Violation::UnexpectedRecord(ContentType::application_data).into());
        };
        if content.is_empty() {
            return Ok(Step::Progress);
        }
        self.warnings = 0;
        connected.data_received();
        Ok(Step::Data(content))
    }

    /// RFC 8446 §6.
    fn receive_alert(&mut self, bytes: &[u8]) -> Result<Step, Error> {
        let alert: Alert = read_all(bytes).map_err(|_| Violation::FragmentedAlert)?;
        self.observe(Direction::Received, self.read_level, || Content::Alert(alert));
        if !matches!(alert.level, AlertLevel::warning | AlertLevel::fatal) {
            return Err(Violation::UnknownAlertLevel.into());
        }
        match alert.description {
            AlertDescription::close_notify => {
                self.peer_closed = true;
                // Before the handshake is finished there was nothing to close: the peer gave up.
                match &self.phase {
                    Phase::Established { .. } => Ok(Step::Closed),
                    _ => Err(Error::AlertReceived(alert.description)),
                }
            }
            AlertDescription::user_canceled => self.count_warning(),
            // In TLS 1.2 a warning ends nothing. RFC 5246 §7.2.
            _ if alert.level == AlertLevel::warning && self.has_warnings() => self.count_warning(),
            // RFC 8446 §6.2: every other alert is fatal, whatever its level says.
            other => Err(Error::AlertReceived(other)),
        }
    }

    fn count_warning(&mut self) -> Result<Step, Error> {
        self.warnings += 1;
        if self.warnings > MAX_WARNING_ALERTS {
            return Err(Violation::TooManyWarnings.into());
        }
        Ok(Step::Progress)
    }

    /// Says whether the version is, or may yet be, one with warning alerts that end nothing.
    fn has_warnings(&self) -> bool {
        match &self.phase {
            Phase::Client(state) => state.has_warnings(),
            Phase::Server(state) => state.has_warnings(),
            Phase::Established { negotiated, .. } => negotiated.version < ProtocolVersion::TLSv1_3,
            Phase::Failed(_) => false,
        }
    }

    /// No other record may stand between the fragments of a handshake message. RFC 8446 §5.1.
    fn check_interleaving(&self) -> Result<(), Error> {
        if self.joiner.is_empty() { Ok(()) } else { Err(Violation::InterleavedHandshake.into()) }
    }

    /// Splits a record into messages, and keeps what is not whole or must wait.
    fn receive_handshake(&mut self, fragment: &[u8]) -> Result<(), Error> {
        if self.joiner.is_empty() {
            let rest = self.process_messages(fragment)?;
            self.joiner.push(rest);
            Ok(())
        } else {
            self.joiner.push(fragment);
            self.process_joined()
        }
    }

    fn process_joined(&mut self) -> Result<(), Error> {
        if !self.joiner.holds_message()? {
            return Ok(());
        }
        let joined = self.joiner.take();
        let rest = self.process_messages(&joined)?;
        self.joiner.push(rest);
        Ok(())
    }

    /// Processes whole messages off the front until one leads to an event; returns what is left.
    fn process_messages<'m>(&mut self, mut bytes: &'m [u8]) -> Result<&'m [u8], Error> {
        while self.event.is_none() && self.open_question.is_none() {
            let Some(len) = message_len(bytes)? else { break };
            let Some((message, rest)) = bytes.split_at_checked(len) else { break };
            self.receive_message(Incoming::new(message, RecordBoundary::after(rest)))?;
            bytes = rest;
        }
        Ok(bytes)
    }

    fn receive_message(&mut self, message: Incoming<'_>) -> Result<(), Error> {
        self.observe(Direction::Received, self.read_level, || handshake_content(self.version, message.bytes()));
        self.step(|phase, out| match phase {
            Phase::Client(state) => Ok(after_client(state.receive(message, out)?)),
            Phase::Server(state) => Ok(after_server(state.receive(message, out)?)),
            Phase::Established { role, mut connected, negotiated } => {
                match (role, &mut *connected) {
                    (Role::Client, Connected::Tls13(connected)) => client_receive(connected, message, out)?,
                    (Role::Server, Connected::Tls13(connected)) => server_receive(connected, message, out)?,
                    #[cfg(feature = "tls12")]
                    (Role::Client, Connected::Tls12(connected)) => client_receive_tls12(connected, message, out)?,
                    #[cfg(feature = "tls12")]
                    (Role::Server, Connected::Tls12(_)) => server_receive_tls12(message)?,
                }
                Ok(Phase::Established { role, connected, negotiated })
            }
            Phase::Failed(error) => Err(error),
        })
    }

    /// Runs one step of the state machine and carries out what it wants.
    fn step(&mut self, step: impl FnOnce(Phase, &mut Outgoing) -> Result<Phase, Error>) -> Result<(), Error> {
        let was_established = matches!(self.phase, Phase::Established { .. });
        let phase = core::mem::replace(&mut self.phase, Phase::Failed(Internal::Poisoned.into()));
        let stepped = step(phase, &mut self.outgoing);
        if let Some(version) = stepped.as_ref().ok().and_then(Phase::version) {
            self.version = version;
        }
        // What was said before a failure is still said: the peer needs it to read the alert.
        self.carry_out();
        self.phase = stepped?;
        if !was_established && matches!(self.phase, Phase::Established { .. }) {
            self.event = Some(Pending::Established);
        }
        Ok(())
    }

    fn carry_out(&mut self) {
        for effect in self.outgoing.take() {
            match effect {
                // Nothing follows our close_notify, not even an answer to a KeyUpdate. RFC 8446 §6.1.
                Effect::Send(..) | Effect::ChangeCipherSpec | Effect::WriteKeys(..) if self.closed => {}
                Effect::Send(level, bytes) => {
                    self.observe(Direction::Sent, level, || handshake_content(self.version, &bytes));
                    self.writer.push(Queued::Message { content_type: ContentType::handshake, bytes });
                }
                Effect::ChangeCipherSpec => {
                    self.observe(Direction::Sent, self.write_level, || Content::ChangeCipherSpec);
                    self.writer.push(Queued::ChangeCipherSpec);
                }
                Effect::ReadChangeCipherSpec(meaning) => self.reader.set_change_cipher_spec(meaning),
                Effect::SkipEarlyData => self.reader.skip_early_data(),
                Effect::WriteKeys(level, keys) => {
                    self.write_level = level;
                    self.writer.push(Queued::Keys(keys));
                }
                Effect::ReadKeys(level, keys) => {
                    self.read_level = level;
                    self.reader.install(keys);
                }
                #[cfg(feature = "tls12")]
                Effect::Warn(description) if !self.closed => {
                    self.queue_alert_at(Alert { level: AlertLevel::warning, description });
                }
                #[cfg(feature = "tls12")]
                Effect::Warn(_) => {}
                Effect::Ask(question) => {
                    self.open_question = Some(question.id);
                    self.event = Some(Pending::Ask(question));
                }
            }
        }
    }

    /// The one place where a connection fails: the alert is queued once, the handshake's state is dropped, and the
    /// error repeats from then on. Misuse is the caller's and changes nothing.
    fn fail(&mut self, error: Error) -> Error {
        if matches!(error, Error::Misuse(_)) {
            return error;
        }
        // The end comes first: the observer, which sees the alert, is not our code and may panic.
        let was_closed = self.closed;
        self.end(error.clone());
        match error.alert() {
            Some(description) if !was_closed => self.queue_alert(description),
            Some(_) => {}
            // The peer has gone: whatever waits for it is not to be sent any more. RFC 8446 §6.2.
            None => self.writer.forget(),
        }
        error
    }

    /// Drops the handshake's state, the read keys, and all that was waiting. The write keys stay until the output is
    /// taken. RFC 8446 §6: secrets of a failed connection must be forgotten.
    fn end(&mut self, error: Error) {
        self.phase = Phase::Failed(error);
        self.reader = RecordReader::new();
        self.joiner.take();
        self.event = None;
        self.open_question = None;
        self.closed = true;
    }

    /// close_notify and user_canceled are warnings, all else is fatal. RFC 8446 §6.
    fn queue_alert(&mut self, description: AlertDescription) {
        let level = match description {
            AlertDescription::close_notify | AlertDescription::user_canceled => AlertLevel::warning,
            _ => AlertLevel::fatal,
        };
        self.queue_alert_at(Alert { level, description });
    }

    fn queue_alert_at(&mut self, alert: Alert) {
        self.observe(Direction::Sent, self.write_level, || Content::Alert(alert));
        // Two bytes always fit.
        if let Ok(bytes) = write_all(&alert) {
            self.writer.push(Queued::Message { content_type: ContentType::alert, bytes });
        }
    }

    fn observe<'o>(&self, direction: Direction, level: Level, content: impl FnOnce() -> Content<'o>) {
        if let Some(observer) = &self.observer {
            observer.observe(&Observed { direction, level, content: content() });
        }
    }

    /// Says whether output waits to be taken.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.writer.has_output()
    }

    /// Seals as much pending output as fits into `out` and returns it, for the transport. Call until it is empty.
    ///
    /// A buffer too small for the next record is [`Misuse::OutputTooSmall`], which says the size.
    pub fn take_output<'o>(&mut self, out: &'o mut [u8]) -> Result<&'o [u8], Error> {
        let written = match self.take_pending(out) {
            Ok(written) => written,
            Err(error) => return Err(self.fail(error)),
        };
        Ok(out.get(..written).unwrap_or_default())
    }

    fn take_pending(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let written = self.writer.take(out)?;
        if !self.writer.has_output() {
            match &mut self.phase {
                Phase::Established { connected, .. } => connected.output_taken(),
                Phase::Failed(_) => self.writer.forget(),
                Phase::Client(_) | Phase::Server(_) => {}
            }
        }
        Ok(written)
    }

    /// Turns plaintext into records: pending output first, then as many records as fit into `out`.
    ///
    /// Each record costs 22 bytes beyond its plaintext, in TLS 1.2 21 or 29, and holds at most 16,384 of it. Nothing is
    /// taken from `data` as long as pending output fills the buffer.
    pub fn send(&mut self, data: &[u8], out: &mut [u8]) -> Result<Sent, Error> {
        self.check_may_send()?;
        let sent = self.send_records(data, out);
        sent.map_err(|error| self.fail(error))
    }

    fn send_records(&mut self, data: &[u8], out: &mut [u8]) -> Result<Sent, Error> {
        let mut sent = Sent { taken: 0, written: 0 };
        loop {
            match self.update_keys_before_limit() {
                // What is sealed must reach the peer, or it cannot open the alert; the next call fails.
                Err(_) if sent.written > 0 => return Ok(sent),
                result => result?,
            }
            if self.writer.has_output() || self.writer.has_keys() {
                let room = out.get_mut(sent.written..).unwrap_or_default();
                sent.written += match self.take_pending(room) {
                    Err(Error::Misuse(_)) if sent.written > 0 => return Ok(sent),
                    result => result?,
                };
                if self.writer.has_output() {
                    return Ok(sent);
                }
            }
            let rest = data.get(sent.taken..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(sent);
            }
            let room = out.get_mut(sent.written..).unwrap_or_default();
            match self.writer.send_record(rest, room) {
                Ok((taken, written)) => {
                    sent.taken += taken;
                    sent.written += written;
                }
                Err(Error::Misuse(_)) if sent.written > 0 => return Ok(sent),
                Err(error) => return Err(error),
            }
        }
    }

    /// Turns the plaintext at `plaintext` in `buffer` into one record, without a copy. It needs
    /// [`IN_PLACE_HEAD`](crate::IN_PLACE_HEAD) bytes before and [`IN_PLACE_TAIL`](crate::IN_PLACE_TAIL) behind, and at
    /// most 16,384 bytes of plaintext. Returns where the record stands.
    ///
    /// Pending output must have been taken before: [`Misuse::OutputPending`].
    pub fn send_in_place(&mut self, buffer: &mut [u8], plaintext: Range<usize>) -> Result<Range<usize>, Error> {
        self.check_may_send()?;
        let sent = self.update_keys_before_limit().and_then(|()| {
            if self.writer.has_output() {
                return Err(Misuse::OutputPending.into());
            }
            self.take_pending(&mut [])?;
            self.writer.send_in_place(buffer, plaintext)
        });
        sent.map_err(|error| self.fail(error))
    }

    fn check_may_send(&self) -> Result<(), Error> {
        match &self.phase {
            Phase::Failed(error) => Err(error.clone()),
            _ if self.closed => Err(Misuse::SendAfterClose.into()),
            Phase::Established { .. } => Ok(()),
            Phase::Client(_) | Phase::Server(_) => Err(Misuse::HandshakeNotFinished.into()),
        }
    }

    /// Changes the write keys while there are still records left to say so. RFC 8446 §5.5.
    /// TLS 1.2 cannot: there the connection ends, and the records left are for its alert. RFC 5246 §6.1.
    fn update_keys_before_limit(&mut self) -> Result<(), Error> {
        if self.writer.remaining() > MAX_KEY_UPDATE_RESERVE || self.writer.has_keys() {
            return Ok(());
        }
        if self.can_update_keys() { self.queue_key_update(false) } else { Err(Internal::KeyExhausted.into()) }
    }

    fn can_update_keys(&self) -> bool {
        matches!(&self.phase, Phase::Established { connected, .. } if connected.can_update_keys())
    }

    /// Changes our write keys, and asks the peer to change its own if `ask_peer`. RFC 8446 §4.6.3.
    pub fn update_keys(&mut self, ask_peer: bool) -> Result<(), Error> {
        self.check_may_send()?;
        if !self.can_update_keys() {
            return Err(Misuse::NoKeyUpdate.into());
        }
        self.queue_key_update(ask_peer).map_err(|error| self.fail(error))
    }

    fn queue_key_update(&mut self, ask_peer: bool) -> Result<(), Error> {
        self.step(|phase, out| match phase {
            Phase::Established { role, mut connected, negotiated } => {
                connected.update_write_keys(ask_peer, out)?;
                Ok(Phase::Established { role, connected, negotiated })
            }
            other => Ok(other),
        })
    }

    /// Tells that the transport has ended. After the peer's close_notify that is in order; before it, data may be
    /// missing: [`Error::Truncated`]. RFC 8446 §6.1.
    pub fn end_of_input(&mut self) -> Result<(), Error> {
        match &self.phase {
            Phase::Failed(error) => Err(error.clone()),
            _ if self.peer_closed => Ok(()),
            _ => Err(self.fail(Error::Truncated)),
        }
    }

    /// Queues close_notify: nothing more is sent, receiving goes on. RFC 8446 §6.1. A handshake in progress is given
    /// up with user_canceled before it, and there is nothing to receive any more.
    pub fn close(&mut self) {
        if self.closed {
            return;
        }
        if self.is_established() {
            self.queue_alert(AlertDescription::close_notify);
            self.closed = true;
        } else {
            self.end(Error::Refused(AlertDescription::user_canceled));
            self.queue_alert(AlertDescription::user_canceled);
            self.queue_alert(AlertDescription::close_notify);
        }
    }

    /// Ends the connection with a fatal alert of the application's choice: it refuses access, say, or a certificate has
    /// been revoked meanwhile. RFC 8446 §6.2. The alert waits in the output; nothing is received any more.
    pub fn abort(&mut self, description: AlertDescription) {
        if self.closed {
            return;
        }
        self.queue_alert_at(Alert { level: AlertLevel::fatal, description });
        self.end(Error::Refused(description));
    }

    /// Answers an open question. Call [`receive`](Self::receive) then, which goes on where the handshake stopped.
    pub fn answer(&mut self, id: QuestionId, answer: Answer) -> Result<(), Error> {
        if let Phase::Failed(error) = &self.phase {
            return Err(error.clone());
        }
        if self.open_question != Some(id) {
            return Err(Misuse::NoSuchQuestion.into());
        }
        let takes = match &self.phase {
            Phase::Client(state) => state.takes(&answer),
            Phase::Server(state) => state.takes(&answer),
            Phase::Established { .. } | Phase::Failed(_) => false,
        };
        if !takes {
            return Err(Misuse::WrongAnswer.into());
        }
        self.open_question = None;
        self.event = None;
        let answered = self.step(|phase, out| match phase {
            Phase::Client(state) => Ok(after_client(state.answer(answer, out)?)),
            Phase::Server(state) => Ok(after_server(state.answer(answer, out)?)),
            other => Ok(other),
        });
        answered.map_err(|error| self.fail(error))
    }

    /// Fills `output` with keying material for the application: TLS-Exporter. RFC 8446 §7.5. The label is at most 249
    /// bytes, the output at most 255 times the hash's length. An absent context is an empty one in TLS 1.3, and is not in TLS
    /// 1.2, where extended master secret is needed. RFC 5705 §4, RFC 7627 §5.4.
    pub fn export(&self, label: &[u8], context: Option<&[u8]>, output: &mut [u8]) -> Result<(), Error> {
        match &self.phase {
            Phase::Established { connected, .. } => {
                output.copy_from_slice(connected.export(label, context, output.len())?.expose());
                Ok(())
            }
            Phase::Failed(error) => Err(error.clone()),
            Phase::Client(_) | Phase::Server(_) => Err(Misuse::HandshakeNotFinished.into()),
        }
    }

    /// Returns the channel binding `tls-exporter`, which ties an authentication inside the connection to it. RFC 9266.
    pub fn tls_exporter_channel_binding(&self) -> Result<[u8; 32], Error> {
        let mut binding = [0; 32];
        // RFC 9266 §4.2: no context in TLS 1.2, an empty one in TLS 1.3, where that is the same.
        self.export(b"EXPORTER-Channel-Binding", None, &mut binding)?;
        Ok(binding)
    }

    /// Says whether the handshake is finished and the connection has not failed.
    #[must_use]
    pub fn is_established(&self) -> bool {
        matches!(self.phase, Phase::Established { .. })
    }

    /// Says whether the connection has failed, so that every call repeats the error.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        matches!(self.phase, Phase::Failed(_))
    }

    /// Says whether application data can be sent now.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.check_may_send().is_ok()
    }

    /// Says whether the peer has sent close_notify.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.peer_closed
    }

    /// Returns the handshake's state by its name in RFC 8446 §A, for logs and tests.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match &self.phase {
            Phase::Client(state) => state.name(),
            Phase::Server(state) => state.name(),
            Phase::Established { .. } => "Connected",
            Phase::Failed(_) => "Failed",
        }
    }

    fn negotiated(&self) -> Option<&Negotiated> {
        match &self.phase {
            Phase::Established { negotiated, .. } => Some(negotiated),
            Phase::Client(_) | Phase::Server(_) | Phase::Failed(_) => None,
        }
    }

    /// Returns the protocol version, once established.
    #[must_use]
    pub fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.negotiated().map(|negotiated| negotiated.version)
    }

    /// Returns the cipher suite, once established.
    #[must_use]
    pub fn cipher_suite(&self) -> Option<CipherSuite> {
        self.negotiated().map(|negotiated| negotiated.cipher_suite)
    }

    /// Returns the key exchange group, once established.
    #[must_use]
    pub fn group(&self) -> Option<NamedGroup> {
        self.negotiated().map(|negotiated| negotiated.group)
    }

    /// Returns the scheme of the peer's handshake signature, if it made one.
    #[must_use]
    pub fn peer_signature_scheme(&self) -> Option<SignatureScheme> {
        self.negotiated()?.peer_signature_scheme
    }

    /// Returns the application protocol, if one was agreed on. RFC 7301.
    #[must_use]
    pub fn alpn_protocol(&self) -> Option<&[u8]> {
        self.negotiated()?.application_protocol.as_deref()
    }

    /// Returns the server name that the client sent, once established. RFC 6066 §3.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.negotiated()?.server_name.as_deref()
    }

    /// Returns the peer's chain as it was sent, leaf first; empty if the peer showed none.
    #[must_use]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.negotiated().map_or(&[], |negotiated| &negotiated.peer_certificates)
    }

    /// Returns the OCSP response that the server stapled to its certificate, if it was asked to and did.
    #[must_use]
    pub fn peer_ocsp_response(&self) -> Option<&[u8]> {
        self.negotiated()?.peer_ocsp_response.as_deref()
    }

    /// Says whether the handshake took a HelloRetryRequest.
    #[must_use]
    pub fn hello_retried(&self) -> bool {
        self.negotiated().is_some_and(|negotiated| negotiated.hello_retried)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("state", &self.state()).field("closed", &self.closed).finish_non_exhaustive()
    }
}

/// What `receive` leads to, before it borrows the caller's buffer.
enum Step {
    Data(Range<usize>),
    Ask(Question),
    Waiting,
    Progress,
    NeedMore { hint: usize },
    Established,
    Closed,
}

impl Step {
    fn over(self, buffer: &mut [u8]) -> Event<'_> {
        match self {
            Self::Data(range) => Event::Data { plaintext: buffer.get_mut(range.clone()).unwrap_or_default(), range },
            Self::Ask(question) => Event::Ask(question),
            Self::Waiting => Event::Waiting,
            Self::Progress => Event::Progress,
            Self::NeedMore { hint } => Event::NeedMore { hint },
            Self::Established => Event::Established,
            Self::Closed => Event::Closed,
        }
    }
}

fn after_client(progress: Progress<Client>) -> Phase {
    match progress {
        Progress::Handshaking(state) => Phase::Client(Box::new(state)),
        Progress::Established(connected, negotiated) => established(Role::Client, connected, negotiated),
    }
}

fn after_server(progress: Progress<Server>) -> Phase {
    match progress {
        Progress::Handshaking(state) => Phase::Server(Box::new(state)),
        Progress::Established(connected, negotiated) => established(Role::Server, connected, negotiated),
    }
}

fn established(role: Role, connected: Connected, negotiated: Negotiated) -> Phase {
    Phase::Established { role, connected: Box::new(connected), negotiated: Box::new(negotiated) }
}

fn handshake_content(version: ProtocolVersion, bytes: &[u8]) -> Content<'_> {
    Content::Handshake { message: Handshake::read(bytes, version), bytes }
}
