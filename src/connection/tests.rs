//! The limit of a key, which no test outside can come near: 2^24 records. RFC 8446 §5.5.

use std::vec;
use std::vec::Vec;

use super::*;
use crate::config::danger::{AcceptAnyChain, DangerousVerification};
use crate::config::{ClientConfig, Identity, ServerConfig};
use crate::record::{IN_PLACE_HEAD, IN_PLACE_TAIL, MAX_KEY_UPDATE_RESERVE, MAX_RECORD_LEN};
use crate::verify::Roots;
use crate::wire::RECORD_HEADER_LEN;

/// Length of a KeyUpdate's record.
const KEY_UPDATE_RECORD_LEN: usize = RECORD_HEADER_LEN + 5 + IN_PLACE_TAIL;

fn output(connection: &mut Connection) -> Vec<u8> {
    let mut buffer = vec![0; MAX_RECORD_LEN];
    let len = connection.take_output(&mut buffer).unwrap().len();
    buffer.truncate(len);
    buffer
}

/// Gives an end whole records and returns the data in them.
fn feed(connection: &mut Connection, mut records: Vec<u8>) -> Vec<u8> {
    let mut data = Vec::new();
    loop {
        let received = connection.receive(&mut records).unwrap();
        let used = received.used;
        match received.event {
            Event::Data { plaintext, .. } => data.extend_from_slice(plaintext),
            Event::NeedMore { .. } => return data,
            _ => {}
        }
        records.drain(..used);
    }
}

fn established() -> (ClientConnection, ServerConnection) {
    established_in(crate::config::AVAILABLE_VERSIONS)
}

fn established_in(versions: &[ProtocolVersion]) -> (ClientConnection, ServerConnection) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["server.test".into()]).unwrap().self_signed(&key).unwrap();
    let identity = Identity::new(vec![certificate.der().clone()], &key.serialize_der().try_into().unwrap()).unwrap();
    let config = ClientConfig::new(Roots::new()).danger_verify_with(Arc::new(AcceptAnyChain));
    let config = config.versions(versions.iter().copied()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), "server.test".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(ServerConfig::new(identity))).unwrap();
    while client.has_output() || server.has_output() {
        feed(&mut server, output(&mut client));
        feed(&mut client, output(&mut server));
    }
    assert!(client.is_established() && server.is_established());
    (client, server)
}

/// Sends one byte in a record of its own; returns what went out.
fn send_byte(connection: &mut Connection, byte: u8) -> Vec<u8> {
    let mut buffer = vec![0; MAX_RECORD_LEN];
    let sent = connection.send(&[byte], &mut buffer).unwrap();
    assert_eq!(sent.taken, 1);
    buffer.truncate(sent.written);
    buffer
}

#[test]
fn keys_are_changed_by_themselves_before_their_limit_and_data_goes_on() {
    let (mut client, mut server) = established();
    let record_len = RECORD_HEADER_LEN + 1 + IN_PLACE_TAIL;
    for _ in 0..3 {
        // So many records are left before the reserve begins; the KeyUpdate follows the last of them at once.
        client.writer.lower_limit(MAX_KEY_UPDATE_RESERVE + 5);
        for byte in 0..40 {
            let records = send_byte(&mut client, byte);
            let updates = records.len() - record_len;
            assert_eq!(updates, if byte == 4 { KEY_UPDATE_RECORD_LEN } else { 0 }, "record {byte}");
            assert_eq!(feed(&mut server, records), [byte]);
        }
        assert!(client.writer.remaining() > 1 << 23);
    }
    assert_eq!(feed(&mut client, send_byte(&mut server, 7)), [7]);
}

#[test]
fn sending_in_place_asks_for_the_key_update_to_be_taken_first() {
    let (mut client, mut server) = established();
    client.writer.lower_limit(MAX_KEY_UPDATE_RESERVE);
    let mut buffer = vec![9; IN_PLACE_HEAD + 10 + IN_PLACE_TAIL];
    let plaintext = IN_PLACE_HEAD..IN_PLACE_HEAD + 10;
    let pending = client.send_in_place(&mut buffer, plaintext.clone());
    assert_eq!(pending, Err(Misuse::OutputPending.into()));
    let mut records = output(&mut client);
    assert_eq!(records.len(), KEY_UPDATE_RECORD_LEN);
    let record = client.send_in_place(&mut buffer, plaintext).unwrap();
    records.extend_from_slice(&buffer[record]);
    assert_eq!(feed(&mut server, records), [9; 10]);
}

#[test]
fn keys_at_their_limit_seal_nothing_more() {
    let (mut client, _server) = established();
    client.writer.lower_limit(0);
    let exhausted = Error::Internal(Internal::KeyExhausted);
    assert_eq!(client.send(b"x", &mut [0; MAX_RECORD_LEN]), Err(exhausted.clone()));
    assert_eq!(client.send(b"x", &mut [0; MAX_RECORD_LEN]), Err(exhausted));
    assert_eq!(client.state(), "Failed");
}

/// TLS 1.2 cannot change its keys: what was sealed before the limit still counts, then comes the alert.
#[cfg(feature = "tls12")]
#[test]
fn keys_of_tls12_at_their_limit_end_the_connection_behind_all_that_was_sealed() {
    let (mut client, mut server) = established_in(&[ProtocolVersion::TLSv1_2]);
    client.writer.lower_limit(MAX_KEY_UPDATE_RESERVE + 2);
    let (data, mut buffer) = (vec![7; 50_000], vec![0; 4 * MAX_RECORD_LEN]);
    let sent = client.send(&data, &mut buffer).unwrap();
    assert_eq!(sent.taken, 2 * crate::record::MAX_FRAGMENT_LEN);
    assert_eq!(feed(&mut server, buffer[..sent.written].to_vec()).len(), sent.taken);
    assert_eq!(client.send(&data, &mut buffer), Err(Internal::KeyExhausted.into()));
    let mut alert = output(&mut client);
    let received = server.receive(&mut alert);
    assert_eq!(received.unwrap_err(), Error::AlertReceived(AlertDescription::internal_error));
}
