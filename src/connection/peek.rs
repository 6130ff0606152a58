//! Looks at a ClientHello in received bytes and consumes nothing: the same bytes then go to a [`ServerConnection`], or on to
//! another server.
//!
//! [`ServerConnection`]: crate::ServerConnection

use alloc::vec::Vec;

use crate::config::ClientHelloView;
use crate::error::{Error, Violation};
use crate::record::{ChangeCipherSpecs, Framed, MAX_WARNING_ALERTS, RecordReader, message_len};
use crate::wire::{
    Alert, AlertDescription, AlertLevel, ContentType, HANDSHAKE_HEADER_LEN, HandshakeType, RECORD_HEADER_LEN, read_all,
};

/// What [`read_client_hello`] sees.
#[derive(Clone, Debug)]
pub enum Peek {
    /// Not a whole ClientHello yet. Call again when there are `hint` bytes, from the first one on; whoever calls earlier looks
    /// through all of them again for nothing.
    NeedMore {
        /// How many bytes there must be to see more.
        hint: usize,
    },
    /// A whole ClientHello.
    ClientHello(ClientHelloView),
}

/// The most bytes that [`read_client_hello`] looks through. A hello of the largest size in the usual records is half of it;
/// clients that cut theirs into crumbs send small ones.
pub const MAX_PEEKED_LEN: usize = 2 * crate::record::MAX_HANDSHAKE_MESSAGE_LEN;

/// Reads the ClientHello at the front of what a client has sent, in one record or in many. What is behind it does not matter.
///
/// Whatever a [`ServerConnection`](crate::ServerConnection) refuses in those bytes before it has a configuration is an error
/// here too, and the error knows its alert: [`alert_record`] makes it one to send. After more than [`MAX_PEEKED_LEN`] bytes
/// without a whole ClientHello it is [`Violation::MessageTooLarge`].
pub fn read_client_hello(received: &[u8]) -> Result<Peek, Error> {
    let mut reader = RecordReader::new();
    // It may come before a second hello, whose first another server has answered. RFC 8446 §D.4.
    reader.set_change_cipher_spec(ChangeCipherSpecs::Tolerated);
    let mut joined = Vec::new();
    let mut warnings = 0;
    // The reader opens records where they lie, and these are not ours.
    let looked_at = received.get(..MAX_PEEKED_LEN).unwrap_or(received);
    let mut copy = looked_at.to_vec();
    let mut consumed = 0;
    loop {
        let rest = copy.get_mut(consumed..).unwrap_or_default();
        let (used, content_type, content) = match reader.next(rest)? {
            Framed::NeedMore { hint } => return need_more(consumed.saturating_add(hint.max(least_missing(&joined)))),
            Framed::Record { used, content_type, content } => (used, content_type, content),
            Framed::ChangeCipherSpec { used } if joined.is_empty() => {
                consumed = consumed.saturating_add(used);
                continue;
            }
            _ => return Err(Violation::InterleavedHandshake.into()),
        };
        let fragment = rest.get(content).unwrap_or_default();
        match content_type {
            ContentType::handshake => joined.extend_from_slice(fragment),
            ContentType::alert if joined.is_empty() => check_alert(fragment, &mut warnings)?,
            _ => return Err(Violation::InterleavedHandshake.into()),
        }
        consumed = consumed.saturating_add(used);
        if let Some(hello) = whole_message(&joined)? {
            return ClientHelloView::read(hello).map(Peek::ClientHello);
        }
    }
}

/// Returns the record with the alert that an error of [`read_client_hello`] wants sent, or `None` if it wants none.
pub fn alert_record(error: &Error) -> Option<[u8; 7]> {
    let AlertDescription(description) = error.alert()?;
    Some([ContentType::alert.0, 3, 3, 0, 2, AlertLevel::fatal.0, description])
}

/// The fewest bytes that can bring what a message lacks: all of it in the next record. Whoever waits for them does not look anew
/// at each crumb.
fn least_missing(joined: &[u8]) -> usize {
    let body_len = joined.get(1..HANDSHAKE_HEADER_LEN).unwrap_or_default().iter();
    let body_len = body_len.fold(0usize, |len, &octet| len << 8 | usize::from(octet));
    if joined.len() < HANDSHAKE_HEADER_LEN {
        return 0;
    }
    let missing = body_len.saturating_add(HANDSHAKE_HEADER_LEN).saturating_sub(joined.len());
    missing.saturating_add(RECORD_HEADER_LEN)
}

fn need_more(hint: usize) -> Result<Peek, Error> {
    if hint > MAX_PEEKED_LEN {
        return Err(Violation::MessageTooLarge(HandshakeType::client_hello).into());
    }
    Ok(Peek::NeedMore { hint })
}

/// The first message, once it is whole. Another one than ClientHello is refused by its first byte.
fn whole_message(joined: &[u8]) -> Result<Option<&[u8]>, Error> {
    if let Some(&other) = joined.first().filter(|&&first| HandshakeType(first) != HandshakeType::client_hello) {
        return Err(Violation::UnexpectedMessage(HandshakeType(other), "WaitClientHello").into());
    }
    Ok(message_len(joined)?.and_then(|len| joined.get(..len)))
}

/// A client may give up before it has begun, or warn: taken as a server does that has no configuration yet. RFC 8446 §6, RFC 5246
/// §7.2.
fn check_alert(fragment: &[u8], warnings: &mut u32) -> Result<(), Error> {
    let alert: Alert = read_all(fragment).map_err(|_| Violation::FragmentedAlert)?;
    let is_warning = match alert.level {
        AlertLevel::warning => cfg!(feature = "tls12"),
        AlertLevel::fatal => false,
        _ => return Err(Violation::UnknownAlertLevel.into()),
    };
    match alert.description {
        AlertDescription::close_notify => Err(Error::AlertReceived(alert.description)),
        // It ends nothing, whatever its level says.
        description if is_warning || description == AlertDescription::user_canceled => {
            *warnings = warnings.saturating_add(1);
            if *warnings > MAX_WARNING_ALERTS { Err(Violation::TooManyWarnings.into()) } else { Ok(()) }
        }
        description => Err(Error::AlertReceived(description)),
    }
}
