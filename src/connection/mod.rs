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

mod authenticating;
mod client;
pub mod danger;
mod facts;
mod outcome;
mod peek;
mod receiving;
#[cfg(all(test, feature = "ring", feature = "std"))]
mod replay_tests;
mod sending;
mod server;
#[cfg(all(test, feature = "ring"))]
mod tests;

pub use client::ClientConnection;
pub use outcome::{Event, Received, Sent};
pub use peek::{MAX_PEEKED_LEN, Peek, alert_record, read_client_hello};
pub use server::ServerConnection;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use crate::config::{Content, Direction, Observed, Observer, ServerConfig};
use crate::error::{Error, Internal, Misuse};
use authenticating::{answer_when_connected, takes_when_connected};

use crate::handshake::client::Client;
use crate::handshake::server::Server;
use crate::handshake::{
    Answer, Connected, EarlyData, EarlyExporter, Effect, Negotiated, Outgoing, Progress, Question, QuestionId,
};
use crate::record::{Joiner, Level, Queued, RecordReader, RecordWriter};
use crate::wire::{Alert, AlertDescription, AlertLevel, ContentType, Handshake, ProtocolVersion, write_all};

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
    /// An answer of the client to a request for its certificate, which is told before any other event.
    authentication: Option<Authentication>,
    warnings: u32,
    early_data: EarlyData,
    /// How many bytes of early data a client may still send.
    early_data_room: u32,
    /// Whether a server may send before the client's Finished has come.
    half_rtt: bool,
    /// Of early data that is offered or accepted. RFC 8446 §7.5.
    early_exporter: Option<Box<EarlyExporter>>,
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
    /// In a box: questions are large, and most connections never have one.
    Ask(Box<Question>),
    Established,
}

/// What a client has answered to a request for its certificate; apart from [`Pending`], because it may come beside a question, and is
/// small.
#[derive(Clone, Copy)]
enum Authentication {
    Shown,
    Declined,
}

impl Connection {
    fn new(phase: Phase, observer: Option<Arc<dyn Observer>>, first_version: ProtocolVersion) -> Self {
        Self {
            phase,
            reader: RecordReader::new(),
            writer: RecordWriter::new(first_version),
            joiner: Joiner::default(),
            outgoing: Outgoing::new(),
            observer,
            read_level: Level::Initial,
            write_level: Level::Initial,
            version: ProtocolVersion::TLSv1_3,
            open_question: None,
            event: None,
            authentication: None,
            warnings: 0,
            early_data: EarlyData::NotOffered,
            early_data_room: 0,
            half_rtt: false,
            early_exporter: None,
            peer_closed: false,
            closed: false,
        }
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
        self.reader.check_opened()?;
        if !was_established && matches!(self.phase, Phase::Established { .. }) {
            self.event = Some(Pending::Established);
        }
        Ok(())
    }

    fn carry_out(&mut self) {
        for effect in self.outgoing.take() {
            match effect {
                // Nothing follows our close_notify, not even an answer to a KeyUpdate. RFC 8446 §6.1.
                Effect::Send(..) | Effect::ChangeCipherSpec | Effect::WriteKeys(..) | Effect::WriteUnprotected
                    if self.closed => {}
                Effect::Configured { config, client_hello } => self.configure(&config, &client_hello),
                Effect::Send(level, bytes) => {
                    self.observe(Direction::Sent, level, || handshake_content(self.version, &bytes));
                    self.writer.push(Queued::Message { content_type: ContentType::handshake, bytes });
                }
                Effect::ChangeCipherSpec => {
                    self.observe(Direction::Sent, self.write_level, || Content::ChangeCipherSpec);
                    self.writer.push(Queued::ChangeCipherSpec);
                }
                Effect::ReadChangeCipherSpec(meaning) => self.reader.set_change_cipher_spec(meaning),
                Effect::SkipEarlyData(limit) => self.reader.skip_early_data(limit),
                Effect::EarlyData(outcome) => {
                    self.early_data = outcome;
                    // What the server did not take is bound to nothing.
                    if matches!(outcome, EarlyData::Rejected | EarlyData::Retried) {
                        self.early_exporter = None;
                    }
                }
                Effect::ReadLimit(limit) => self.reader.set_limit(limit),
                Effect::WriteLimit(limit) => self.writer.set_limit(limit),
                Effect::PadRecords(policy) => self.writer.set_padding(policy),
                Effect::EarlyExporter(exporter) => self.early_exporter = Some(exporter),
                Effect::EarlyDataRoom(bytes) => self.early_data_room = bytes,
                Effect::HalfRtt => self.half_rtt = true,
                Effect::WriteUnprotected => {
                    self.write_level = Level::Initial;
                    self.writer.push(Queued::Unprotected);
                }
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
                Effect::PeerAuthenticated => self.authentication = Some(Authentication::Shown),
                Effect::CertificateDeclined => self.authentication = Some(Authentication::Declined),
                Effect::Ask(question) => {
                    self.open_question = Some(question.id);
                    self.event = Some(Pending::Ask(question));
                }
            }
        }
    }

    /// Goes on with a configuration that was chosen after the hello: its observer has not seen that one yet.
    fn configure(&mut self, config: &ServerConfig, client_hello: &[u8]) {
        let Some(observer) = &config.preferences.observer else { return };
        let is_the_same = |earlier| core::ptr::addr_eq(Arc::as_ptr(earlier), Arc::as_ptr(observer));
        if self.observer.as_ref().is_some_and(is_the_same) {
            return;
        }
        self.observer = Some(Arc::clone(observer));
        self.observe(Direction::Received, Level::Initial, || handshake_content(self.version, client_hello));
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
            Some(description) if !was_closed => self.queue_last_alert(description),
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
        self.authentication = None;
        self.open_question = None;
        self.early_data_room = 0;
        self.half_rtt = false;
        self.early_exporter = None;
        self.closed = true;
    }

    /// Queues the alert that ends the connection. user_canceled ends nothing by itself: a peer passes over it, and would wait.
    /// RFC 9846 §6.1.
    fn queue_last_alert(&mut self, description: AlertDescription) {
        self.queue_alert(description);
        if description == AlertDescription::user_canceled {
            self.queue_alert(AlertDescription::close_notify);
        }
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
            self.queue_last_alert(AlertDescription::user_canceled);
        }
    }

    /// Ends the connection with a fatal alert of the application's choice: it refuses access, say, or a certificate has
    /// been revoked meanwhile. RFC 8446 §6.2. The alert waits in the output; nothing is received any more. Only close_notify and
    /// user_canceled, which say that nothing went wrong, are warnings here too; close_notify follows the latter.
    pub fn abort(&mut self, description: AlertDescription) {
        if self.closed {
            return;
        }
        self.queue_last_alert(description);
        self.end(Error::Refused(description));
    }

    /// Answers an open question. Call [`receive`](Self::receive) then, which goes on where the handshake stopped, and take the
    /// output: after the handshake the answer itself may lead to some.
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
            Phase::Established { role, connected, .. } => takes_when_connected(*role, connected, &answer),
            Phase::Failed(_) => false,
        };
        if !takes {
            return Err(Misuse::WrongAnswer.into());
        }
        self.open_question = None;
        self.event = None;
        let answered = self.step(|phase, out| match phase {
            Phase::Client(state) => Ok(after_client(state.answer(answer, out)?)),
            Phase::Server(state) => Ok(after_server(state.answer(answer, out)?)),
            Phase::Established { role, mut connected, mut negotiated } => {
                answer_when_connected(role, &mut connected, &mut negotiated, answer, out)?;
                Ok(Phase::Established { role, connected, negotiated })
            }
            other @ Phase::Failed(_) => Ok(other),
        });
        answered.map_err(|error| self.fail(error))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("state", &self.state()).field("closed", &self.closed).finish_non_exhaustive()
    }
}

fn after_client(progress: Progress<Client>) -> Phase {
    match progress {
        Progress::Handshaking(state) => Phase::Client(Box::new(state)),
        Progress::Established(connected, negotiated) => {
            Phase::Established { role: Role::Client, connected, negotiated }
        }
    }
}

fn after_server(progress: Progress<Server>) -> Phase {
    match progress {
        Progress::Handshaking(state) => Phase::Server(Box::new(state)),
        Progress::Established(connected, negotiated) => {
            Phase::Established { role: Role::Server, connected, negotiated }
        }
    }
}

fn handshake_content(version: ProtocolVersion, bytes: &[u8]) -> Content<'_> {
    Content::Handshake { message: Handshake::read(bytes, version), bytes }
}
