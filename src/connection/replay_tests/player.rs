//! Plays one end of a trace: feeds in what the other end sent, and compares what this end sends.

use alloc::vec;
use alloc::vec::Vec;
use std::format;

use super::script::Script;
use crate::connection::{Connection, Event};
use crate::record::{Level, MAX_RECORD_LEN};
use crate::support::trace::{Actor, Record};
use crate::wire::{
    Alert, AlertDescription, AlertLevel, ContentType, HandshakeType, KeyUpdate, KeyUpdateRequest, write_all,
    write_message,
};

/// The epoch of early data.
const EARLY: &str = "early";

/// Plays `me`'s end of the trace with `connection`, record by record.
pub(super) fn play(script: &Script, me: Actor, connection: &mut Connection) {
    // RFC 8448 fills its records, as we do; the other stacks do not.
    connection.writer.one_message_per_record = script.trace.name.starts_with("trace_");
    let records = &script.trace.records;
    let mut player = Player::default();
    for (index, record) in records.iter().enumerate() {
        let what = format!("{}, {me:?}, record {index}", script.trace.name);
        if record.actor == me {
            player.act(connection, record);
            player.take_output(connection);
            let len = record.bytes.len().min(player.unsent.len());
            let sent: Vec<u8> = player.unsent.drain(..len).collect();
            assert!(script.is_record(record, &sent), "{what}: sent {sent:02x?}, not {:02x?}", record.bytes);
        } else {
            player.feed(connection, record, &what);
        }
    }
    player.take_output(connection);
    assert!(player.unsent.is_empty(), "{}, {me:?}: more than the trace has", script.trace.name);
    assert!(player.established && connection.is_established());
    let peer_closed = records.iter().any(|record| record.actor != me && is_close(record));
    assert_eq!((player.closed, connection.is_closed()), (peer_closed, peer_closed));
}

/// Whether a record is a close_notify, and not a warning that ends nothing.
fn is_close(record: &Record) -> bool {
    let close = Alert { level: AlertLevel::warning, description: AlertDescription::close_notify };
    record.content_type == ContentType::alert && record.payload == write_all(&close).unwrap()
}

#[derive(Default)]
struct Player {
    /// Output that has been taken and not compared yet.
    unsent: Vec<u8>,
    established: bool,
    closed: bool,
}

impl Player {
    /// Does what an application, a ticket or a server that wants to renegotiate would make this end do.
    fn act(&mut self, connection: &mut Connection, record: &Record) {
        match record.content_type {
            ContentType::application_data => {
                let mut out = vec![0; MAX_RECORD_LEN];
                let is_early = record.epoch == EARLY;
                let send = if is_early { Connection::send_early } else { Connection::send };
                let sent = send(connection, &record.payload, &mut out).unwrap();
                assert_eq!(sent.taken, record.payload.len());
                self.unsent.extend_from_slice(&out[..sent.written]);
            }
            ContentType::alert if is_close(record) => connection.close(),
            ContentType::handshake if record.epoch.starts_with("application") => {
                let asking = KeyUpdate { request_update: KeyUpdateRequest::update_requested };
                if record.payload == write_message(&asking).unwrap() {
                    connection.update_keys(true).unwrap();
                } else if [HandshakeType::new_session_ticket.0, HandshakeType::hello_request.0]
                    .contains(&record.payload[0])
                {
                    connection.outgoing.send_bytes(Level::Application, record.payload.clone());
                    connection.carry_out();
                }
            }
            _ => {}
        }
    }

    fn take_output(&mut self, connection: &mut Connection) {
        let mut out = vec![0; MAX_RECORD_LEN];
        while connection.has_output() {
            self.unsent.extend_from_slice(connection.take_output(&mut out).unwrap());
        }
    }

    /// Receives one record, which must be used up, and mean what the trace says.
    fn feed(&mut self, connection: &mut Connection, record: &Record, what: &str) {
        let mut bytes = record.bytes.clone();
        let mut data = Vec::new();
        let was_closed = self.closed;
        loop {
            let received = connection.receive(&mut bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
            let used = received.used;
            match received.event {
                Event::Data { plaintext, .. } if record.epoch != EARLY => data.extend_from_slice(plaintext),
                Event::EarlyData { plaintext, .. } if record.epoch == EARLY => data.extend_from_slice(plaintext),
                Event::Data { .. } | Event::EarlyData { .. } => panic!("{what}: data of the wrong kind"),
                Event::Established => self.established = true,
                Event::Closed => self.closed = true,
                Event::Progress => {}
                Event::NeedMore { .. } => break,
                Event::Ask(_) | Event::Waiting => panic!("{what}: a question"),
                Event::PeerAuthenticated | Event::CertificateDeclined => panic!("{what}: an answer to no request"),
            }
            bytes.drain(..used);
            if self.closed {
                break;
            }
        }
        assert!(bytes.is_empty(), "{what}: left over");
        let is_data = record.content_type == ContentType::application_data;
        assert_eq!(data, if is_data { &record.payload[..] } else { &[] }, "{what}");
        assert_eq!(self.closed && !was_closed, is_close(record), "{what}");
    }
}
