//! What a client may say after the handshake: KeyUpdate, and its answer if it is asked for a certificate. RFC 8446 §4.6.

use super::post_handshake_authentication::{
    accept_certificate, accept_certificate_verify, accept_finished, accept_finished_of_none,
};
use crate::error::{Error, Violation};
use crate::handshake::connected::ConnectedTls13;
use crate::handshake::connected::authentication::Flight;
use crate::handshake::{Incoming, Negotiated, Outgoing};
use crate::wire::HandshakeType;

/// The table of CONNECTED. RFC 8446 §A.2. Of an answer that has begun, the next message comes before all others. RFC 8446 §4.6.2.
pub(crate) fn receive(
    connected: &mut ConnectedTls13,
    negotiated: &mut Negotiated,
    message: Incoming<'_>,
    out: &mut Outgoing,
) -> Result<(), Error> {
    use HandshakeType as T;
    let got = message.handshake_type();
    let unexpected = Violation::UnexpectedMessage(got, connected.state());
    let Some((asking, secret)) = connected.asking() else {
        return if got == T::key_update { connected.receive_key_update(message, out) } else { Err(unexpected.into()) };
    };
    match (asking.flight.take(), got) {
        (None, T::key_update) => connected.receive_key_update(message, out),
        (None, T::certificate) if asking.awaits_certificate() => accept_certificate(asking, message, out),
        (Some(Flight::WaitCertificateVerify(transcript)), T::certificate_verify) => {
            accept_certificate_verify(asking, transcript, message)
        }
        (Some(Flight::WaitFinished(transcript)), T::finished) => {
            accept_finished((asking, secret), &transcript, negotiated, message, out)
        }
        (Some(Flight::WaitFinishedOfNone(transcript)), T::finished) => {
            accept_finished_of_none((asking, secret), &transcript, message, out)
        }
        _ => Err(unexpected.into()),
    }
}
