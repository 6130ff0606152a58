//! The message hook, printed for people: each message with direction, size, protection and meaning.

mod hello;
mod message;

use std::sync::{Mutex, PoisonError};

use bulla::wire::{Alert, AlertDescription, AlertLevel, Handshake, ProtocolVersion};
use bulla::{Content, Direction, Level, Observed, Observer};

use crate::console::{self, BOLD, DIM, RECEIVED, SENT, clean, grouped};
use hello::chosen_version;
use message::told;

/// One message as it is told.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    direction: Direction,
    /// Which keys it travels under, in words.
    protection: &'static str,
    pub(crate) name: String,
    size: usize,
    /// What it means, in one line.
    meaning: String,
    /// What stands in it: a label and a value each.
    details: Vec<(&'static str, String)>,
}

/// Tells what is seen. It remembers the version, once ServerHello has settled it: not everything means the same in both.
#[derive(Debug, Default)]
struct Teller(Mutex<Option<ProtocolVersion>>);

impl Teller {
    fn tell(&self, observed: &Observed<'_>) -> Seen {
        self.tell_content(observed.direction, observed.level, &observed.content)
    }

    fn tell_content(&self, direction: Direction, level: Level, content: &Content<'_>) -> Seen {
        let mut settled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Content::Handshake { message: Ok(Handshake::ServerHello(hello)), .. } = content {
            *settled = Some(chosen_version(hello));
        }
        Seen::of(direction, level, content, *settled)
    }
}

impl Seen {
    fn of(direction: Direction, level: Level, content: &Content<'_>, version: Option<ProtocolVersion>) -> Self {
        let is_tls12 = version == Some(ProtocolVersion::TLSv1_2);
        let (name, size, (meaning, details)) = match content {
            Content::Handshake { message: Ok(message), bytes } => {
                // To the RFCs the messages of both versions have one name.
                (message.name().trim_end_matches("Tls12").into(), bytes.len(), told(message))
            }
            Content::Handshake { message: Err(reason), bytes } => {
                ("unreadable message".into(), bytes.len(), (reason.to_string(), Vec::new()))
            }
            Content::Alert(alert) => {
                (format!("Alert {}", alert.description), 2, (alert_meaning(*alert, version).into(), Vec::new()))
            }
            Content::ChangeCipherSpec => {
                let meaning = match (is_tls12, direction) {
                    (false, _) => "means nothing; middleboxes expect it",
                    (true, Direction::Sent) => "what we send is protected from here on",
                    (true, Direction::Received) => "what the peer sends is protected from here on",
                };
                ("change_cipher_spec".into(), 1, (meaning.into(), Vec::new()))
            }
            _ => ("unknown content".into(), 0, (String::new(), Vec::new())),
        };
        let protection = match (content, level) {
            // In a handshake it is never protected, whatever the keys. RFC 8446 §5, RFC 5246 §7.1.
            (Content::ChangeCipherSpec, _) | (_, Level::Initial) => "in the clear",
            (_, Level::EarlyData) => "early data keys",
            (_, Level::Handshake) => "handshake keys",
            // TLS 1.2 has no others.
            (_, Level::Application) if is_tls12 => "session keys",
            (_, Level::Application) => "application keys",
        };
        Self { direction, protection, name, size, meaning, details }
    }

    /// Returns the message's line.
    pub(crate) fn line(&self) -> String {
        let (arrow, style) = match self.direction {
            Direction::Sent => ("→", SENT),
            Direction::Received => ("←", RECEIVED),
        };
        let (name, size, protection, meaning) = (&self.name, grouped(self.size), self.protection, &self.meaning);
        format!("{style}{arrow} {name:<21}{style:#} {size:>6} B  {DIM}{protection:<16}{DIM:#}  {meaning}")
    }

    fn text(&self, prefix: &str) -> String {
        let mut text = format!("{prefix}{}", self.line());
        for (label, value) in &self.details {
            text.push_str(&format!("\n{prefix}    {BOLD}{label:<16}{BOLD:#} {}", clean(value)));
        }
        text
    }
}

/// Prints every message on standard error as it passes.
#[derive(Debug)]
pub(crate) struct Trace {
    prefix: String,
    teller: Teller,
}

impl Trace {
    /// Makes the trace of one connection. `prefix` stands before each line, so that connections can be told apart.
    pub(crate) fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), teller: Teller::default() }
    }
}

impl Observer for Trace {
    fn observe(&self, observed: &Observed<'_>) {
        console::note(&self.teller.tell(observed).text(&self.prefix));
    }
}

/// Keeps every message for whoever wants to tell or to check them.
#[derive(Debug, Default)]
pub(crate) struct Account {
    seen: Mutex<Vec<Seen>>,
    teller: Teller,
}

impl Account {
    /// Returns what was seen so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Account {
    fn observe(&self, observed: &Observed<'_>) {
        let seen = self.teller.tell(observed);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }
}

/// What a message means in a line, and what stands in it.
type Told = (String, Vec<(&'static str, String)>);

/// Before TLS 1.3, a warning ends nothing. RFC 5246 §7.2.2, RFC 8446 §6.
fn alert_meaning(alert: Alert, version: Option<ProtocolVersion>) -> &'static str {
    let is_warning = alert.level == AlertLevel::warning && version.is_none_or(|it| it < ProtocolVersion::TLSv1_3);
    match alert.description {
        AlertDescription::close_notify => "nothing more will be sent",
        AlertDescription::user_canceled => "the handshake is given up",
        AlertDescription::no_renegotiation if is_warning => "declines to negotiate anew; the connection goes on",
        _ if is_warning => "a warning; the connection goes on",
        _ => "ends the connection",
    }
}

#[cfg(test)]
mod tests;
