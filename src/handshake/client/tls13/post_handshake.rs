//! What a server may say after the handshake: NewSessionTicket and KeyUpdate. RFC 8446 §4.6.

use crate::error::{Error, Violation};
use crate::handshake::{Connected, Incoming, Outgoing};
use crate::wire::{HandshakeType, NewSessionTicket};

/// The longest life that a ticket may claim, in seconds: seven days. RFC 8446 §4.6.1.
const MAX_TICKET_LIFETIME: u32 = 604_800;

/// The table of CONNECTED. RFC 8446 §A.1.
pub(crate) fn receive(connected: &mut Connected, message: Incoming<'_>, out: &mut Outgoing) -> Result<(), Error> {
    match message.handshake_type() {
        HandshakeType::new_session_ticket => accept_new_session_ticket(message),
        HandshakeType::key_update => connected.receive_key_update(message, out),
        got => Err(Violation::UnexpectedMessage(got, "Connected").into()),
    }
}

/// Checks a ticket and lets it go: a client without resumption ignores it. RFC 9846 §4.7.1.
fn accept_new_session_ticket(message: Incoming<'_>) -> Result<(), Error> {
    let ticket: NewSessionTicket<'_> = message.parse()?;
    if ticket.ticket_lifetime > MAX_TICKET_LIFETIME {
        return Err(Violation::TicketLifetimeTooLong.into());
    }
    Ok(())
}
