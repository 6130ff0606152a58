//! The way in: one record off the front of the caller's buffer, its messages to the state machine, its data to the caller.

#[cfg(feature = "tls12")]
use alloc::boxed::Box;
use core::ops::Range;

use super::{
    Authentication, Connection, Event, Pending, Phase, Received, Role, after_client, after_server, handshake_content,
};
use crate::config::{Content, Direction};
use crate::error::{Error, Violation};
#[cfg(feature = "tls12")]
use crate::handshake::client::tls12::post_handshake::receive as client_receive_tls12;
use crate::handshake::client::tls13::post_handshake::receive as client_receive;
#[cfg(feature = "tls12")]
use crate::handshake::server::tls12::post_handshake::receive as server_receive_tls12;
use crate::handshake::server::tls13::post_handshake::receive as server_receive;
use crate::handshake::{Connected, Incoming, Question};
use crate::record::{Framed, MAX_WARNING_ALERTS, RecordBoundary, message_len};
use crate::wire::{Alert, AlertDescription, AlertLevel, ContentType, ProtocolVersion, read_all};

impl Connection {
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
        if !self.is_stopped() && !self.joiner.is_empty() {
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
                if let Phase::Server(state) = &mut self.phase {
                    state.note_change_cipher_spec();
                }
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
        match self.authentication.take() {
            Some(Authentication::Shown) => return Some(Step::PeerAuthenticated),
            Some(Authentication::Declined) => return Some(Step::CertificateDeclined),
            None => {}
        }
        match self.event.take() {
            Some(Pending::Ask(question)) => Some(Step::Ask(*question)),
            Some(Pending::Established) => Some(Step::Established),
            None => self.waits().then_some(Step::Waiting),
        }
    }

    /// Says whether an event waits to be taken.
    pub(super) fn has_event(&self) -> bool {
        self.event.is_some() || self.authentication.is_some()
    }

    /// Says whether nothing is received before a question is answered. Questions after the handshake hold nothing up.
    fn waits(&self) -> bool {
        self.open_question.is_some() && !self.is_established()
    }

    /// Says whether messages must stay where they are.
    fn is_stopped(&self) -> bool {
        self.has_event() || self.waits()
    }

    fn receive_data(&mut self, content: Range<usize>) -> Result<Step, Error> {
        let connected = match &mut self.phase {
            Phase::Established { connected, .. } if connected.is_in_flight() => {
                return Err(Violation::InterleavedAuthentication.into());
            }
            Phase::Established { connected, .. } => connected,
            Phase::Server(state) => {
                state.receive_early_data(content.len())?;
                return Ok(if content.is_empty() { Step::Progress } else { Step::EarlyData(content) });
            }
            Phase::Client(_) | Phase::Failed(_) => {
                return Err(Violation::UnexpectedRecord(ContentType::application_data).into());
            }
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
        while !self.is_stopped() {
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
            Phase::Established { role, mut connected, mut negotiated } => {
                match (role, &mut *connected) {
                    (Role::Client, Connected::Tls13(connected)) => {
                        client_receive(connected, &negotiated, message, out)?
                    }
                    (Role::Server, Connected::Tls13(connected)) => {
                        server_receive(connected, &mut negotiated, message, out)?
                    }
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

    /// Tells that the transport has ended. After the peer's close_notify that is in order; before it, data may be
    /// missing: [`Error::Truncated`]. RFC 8446 §6.1.
    pub fn end_of_input(&mut self) -> Result<(), Error> {
        match &self.phase {
            Phase::Failed(error) => Err(error.clone()),
            _ if self.peer_closed => Ok(()),
            _ => Err(self.fail(Error::Truncated)),
        }
    }
}

/// What `receive` leads to, before it borrows the caller's buffer.
#[allow(clippy::large_enum_variant, reason = "it lives for one call, and a question is rare")]
enum Step {
    Data(Range<usize>),
    EarlyData(Range<usize>),
    Ask(Question),
    Waiting,
    Progress,
    NeedMore { hint: usize },
    Established,
    PeerAuthenticated,
    CertificateDeclined,
    Closed,
}

impl Step {
    fn over(self, buffer: &mut [u8]) -> Event<'_> {
        match self {
            Self::Data(range) => Event::Data { plaintext: buffer.get_mut(range.clone()).unwrap_or_default(), range },
            Self::EarlyData(range) => {
                Event::EarlyData { plaintext: buffer.get_mut(range.clone()).unwrap_or_default(), range }
            }
            Self::Ask(question) => Event::Ask(question),
            Self::Waiting => Event::Waiting,
            Self::Progress => Event::Progress,
            Self::NeedMore { hint } => Event::NeedMore { hint },
            Self::Established => Event::Established,
            Self::PeerAuthenticated => Event::PeerAuthenticated,
            Self::CertificateDeclined => Event::CertificateDeclined,
            Self::Closed => Event::Closed,
        }
    }
}
