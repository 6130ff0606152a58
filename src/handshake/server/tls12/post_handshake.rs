//! What a client may say after the handshake: nothing. RFC 9325 §3.5: there is no renegotiation.

use crate::error::{Error, Violation};
use crate::handshake::Incoming;
use crate::wire::HandshakeType;

/// The table of an established connection.
pub(crate) fn receive(message: Incoming<'_>) -> Result<(), Error> {
    match message.handshake_type() {
        HandshakeType::client_hello => Err(Violation::Renegotiation.into()),
        got => Err(Violation::UnexpectedMessage(got, "Connected").into()),
    }
}
