//! What a server may say after the handshake: NewSessionTicket and KeyUpdate. RFC 8446 §4.6.

use crate::error::{Error, Violation};
use crate::handshake::connected::ConnectedTls13;
use crate::handshake::{Incoming, Outgoing};
use crate::wire::HandshakeType;

/// The table of CONNECTED. RFC 8446 §A.1.
pub(crate) fn receive(connected: &mut ConnectedTls13, message: Incoming<'_>, out: &mut Outgoing) -> Result<(), Error> {
    match message.handshake_type() {
        HandshakeType::new_session_ticket => connected.receive_ticket(message),
        HandshakeType::key_update => connected.receive_key_update(message, out),
        got => Err(Violation::UnexpectedMessage(got, "Connected").into()),
    }
}
