//! NewSessionTicket, in TLS 1.3 and in TLS 1.2. RFC 8446 §4.6.1, RFC 5077 §3.3.

use alloc::vec::Vec;

use super::extension::read_list;
use super::{Codec, HandshakeType, Malformed, Message, NewSessionTicketExtension, Reader, TooLong, Writer};

/// ```text
/// struct {
///     uint32 ticket_lifetime;
///     uint32 ticket_age_add;
///     opaque ticket_nonce<0..255>;
///     opaque ticket<1..2^16-1>;
///     Extension extensions<0..2^16-1>;
/// } NewSessionTicket;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSessionTicket<'a> {
    /// In seconds; at most seven days.
    pub ticket_lifetime: u32,
    /// Hides the ticket's age from observers; in milliseconds.
    pub ticket_age_add: u32,
    /// Makes each ticket's PSK another one.
    pub ticket_nonce: &'a [u8],
    /// What the client gives back.
    pub ticket: &'a [u8],
    /// The extensions in order.
    pub extensions: Vec<NewSessionTicketExtension<'a>>,
}

impl<'a> Message<'a> for NewSessionTicket<'a> {
    const TYPE: HandshakeType = HandshakeType::new_session_ticket;
}

impl<'a> Codec<'a> for NewSessionTicket<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            ticket_lifetime: r.u32()?,
            ticket_age_add: r.u32()?,
            ticket_nonce: r.vector_u8(0..=255)?,
            ticket: r.vector_u16(1..=0xffff)?,
            extensions: read_list(r, 0..=0xffff)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.u32(self.ticket_lifetime);
        w.u32(self.ticket_age_add);
        w.vector_u8(0..=255, self.ticket_nonce)?;
        w.vector_u16(1..=0xffff, self.ticket)?;
        w.list_u16(0..=0xffff, &self.extensions)
    }
}

/// `struct { uint32 ticket_lifetime_hint; opaque ticket<0..2^16-1>; } NewSessionTicket;` of TLS 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewSessionTicketTls12<'a> {
    /// In seconds; 0 says nothing.
    pub ticket_lifetime_hint: u32,
    /// What the client gives back; empty if the server changed its mind.
    pub ticket: &'a [u8],
}

impl<'a> Message<'a> for NewSessionTicketTls12<'a> {
    const TYPE: HandshakeType = HandshakeType::new_session_ticket;
}

impl<'a> Codec<'a> for NewSessionTicketTls12<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { ticket_lifetime_hint: r.u32()?, ticket: r.vector_u16(0..=0xffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.u32(self.ticket_lifetime_hint);
        w.vector_u16(0..=0xffff, self.ticket)
    }
}
