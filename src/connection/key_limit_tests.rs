//! That keys are changed by themselves before their limit, at a limit that a test can reach.

use std::sync::Arc;
use std::vec::Vec;

use alloc::vec;

use super::{ClientConnection, Connection, Phase, ServerConnection};
use crate::config::danger::{AcceptAnyChain, DangerousVerification};
use crate::config::{ClientConfig, Identity, ServerConfig};
use crate::connection::Event;
use crate::record::{MAX_KEY_UPDATE_RESERVE, MAX_RECORD_LEN, Queued};
use crate::verify::Roots;

fn output(connection: &mut Connection) -> Vec<u8> {
    let mut buffer = vec![0; MAX_RECORD_LEN];
    let mut all = Vec::new();
    loop {
        match connection.take_output(&mut buffer).unwrap() {
            [] => return all,
            written => all.extend_from_slice(written),
        }
    }
}

/// Feeds an end, and returns the data that came.
fn feed(connection: &mut Connection, bytes: &mut Vec<u8>) -> Vec<u8> {
    let mut data = Vec::new();
    loop {
        let received = connection.receive(bytes).unwrap();
        let used = received.used;
        match received.event {
            Event::Data { plaintext, .. } => data.extend_from_slice(plaintext),
            Event::NeedMore { .. } => return data,
            _ => {}
        }
        bytes.drain(..used);
    }
}

fn connected() -> (ClientConnection, ServerConnection) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["server.test".into()]).unwrap().self_signed(&key).unwrap();
    let identity = Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let config = ClientConfig::new(Roots::new()).danger_verify_with(Arc::new(AcceptAnyChain));
    let mut client = ClientConnection::new(Arc::new(config), "server.test".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(ServerConfig::new(identity))).unwrap();
    while !server.is_established() {
        feed(&mut server, &mut output(&mut client));
        feed(&mut client, &mut output(&mut server));
    }
    (client, server)
}

/// Puts the client's own keys in use again, with another limit. Nothing has been sealed with them yet.
fn limit_keys(client: &mut Connection, records: u64) {
    let Phase::Established { connected, .. } = &client.phase else { panic!("not connected") };
    let (_, write) = connected.traffic_secrets();
    let mut keys = write.keys(&*crate::crypto::ring::provider()).unwrap();
    keys.confidentiality_limit = records;
    client.writer.push(Queued::Keys(keys));
}

#[test]
fn keys_are_changed_by_themselves_before_their_limit() {
    for in_place in [false, true] {
        let (mut client, mut server) = connected();
        limit_keys(&mut client, MAX_KEY_UPDATE_RESERVE + 3);
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        for round in 0..10u8 {
            sent.push(round);
            let mut wire = Vec::new();
            if in_place {
                let mut buffer = [round; 64];
                let record = match client.send_in_place(&mut buffer, 5..6) {
                    Ok(record) => record,
                    // The KeyUpdate goes first, and the caller takes it.
                    Err(_) => {
                        wire.extend(output(&mut client));
                        client.send_in_place(&mut buffer, 5..6).unwrap()
                    }
                };
                wire.extend_from_slice(&buffer[record]);
            } else {
                let mut buffer = [0; 256];
                let written = client.send(&[round], &mut buffer).unwrap().written;
                wire.extend_from_slice(&buffer[..written]);
            }
            received.extend(feed(&mut server, &mut wire));
        }
        assert_eq!(received, sent);
        // Three records under the old keys, then the KeyUpdate, then seven under keys with the suite's own limit.
        assert_eq!(client.writer.sequence_number(), 7);
        assert!(client.writer.remaining() > 1 << 20);
    }
}
