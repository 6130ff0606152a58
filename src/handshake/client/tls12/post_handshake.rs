//! What a server may say after the handshake: HelloRequest, which is refused. RFC 5246 §7.4.1.1.

use crate::error::{Error, Violation};
use crate::handshake::connected::ConnectedTls12;
use crate::handshake::{Incoming, Outgoing};
use crate::wire::HandshakeType;

/// The table of an established connection.
pub(crate) fn receive(connected: &mut ConnectedTls12, message: Incoming<'_>, out: &mut Outgoing) -> Result<(), Error> {
    match message.handshake_type() {
        HandshakeType::hello_request => connected.receive_hello_request(message, out),
        got => Err(Violation::UnexpectedMessage(got, "Connected").into()),
    }
}
