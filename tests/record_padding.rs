//! What padding of records does: how much of it there is, what it hides, and that nobody else notices. RFC 8446 §5.4.

#![cfg(feature = "ring")]

#[path = "support/pair.rs"]
mod pair;

use std::sync::{Arc, Mutex};

use bulla::config::{AntiReplay, PadRecords, PadToMultipleOf};
use bulla::connection::danger::DangerousTrafficSecrets;
use bulla::crypto::Suite;
use bulla::crypto::ring::provider;
use bulla::error::Misuse;
use bulla::keys::TrafficSecret;
use bulla::resume::{MemoryClientSessions, MemoryStrikeRegister, TicketKeys};
#[cfg(feature = "tls12")]
use bulla::wire::ProtocolVersion;
use bulla::wire::{AlertDescription, ContentType};
use bulla::{
    ClientConfig, Connection, EarlyData, IN_PLACE_HEAD, IN_PLACE_TAIL, MAX_FRAGMENT_LEN, MAX_RECORD_LEN, ServerConfig,
};
use pair::{KeyKind, Pair, Seen, configs, data, feed, output, send};

fn padded(policy: impl PadRecords + 'static) -> (ClientConfig, ServerConfig) {
    let policy: Arc<dyn PadRecords> = Arc::new(policy);
    let (client, server) = configs(KeyKind::EcdsaP256);
    (client.record_padding(policy.clone()), server.record_padding(policy))
}

/// The lengths of what is sealed in these records, those in the clear left out.
fn sealed(mut records: &[u8]) -> Vec<usize> {
    let mut sealed = Vec::new();
    while let [content_type, _, _, high, low, rest @ ..] = records {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        if ContentType(*content_type) == ContentType::application_data {
            sealed.push(len - 16);
        }
        records = &rest[len..];
    }
    sealed
}

/// Sends so many bytes through a large buffer; returns what is sealed in each record, all of which the peer has read.
fn sent(from: &mut Connection, to: &mut Connection, len: usize) -> Vec<usize> {
    let plaintext = vec![9; len];
    let mut records = send(from, &plaintext);
    let lengths = sealed(&records);
    let mut seen = Vec::new();
    feed(to, &mut records, &mut seen).unwrap();
    assert!(data(&seen) == plaintext);
    lengths
}

#[test]
fn plaintext_is_padded_to_the_next_multiple_and_to_the_largest_record_at_most() {
    let policy = PadToMultipleOf::new(1000);
    for (len, padding) in [(0, 0), (1, 999), (999, 1), (1000, 0), (1001, 999), (16_384, 616)] {
        assert_eq!(policy.padding(ContentType::application_data, len), padding, "{len}");
    }
    for none in [0, 1] {
        assert_eq!(PadToMultipleOf::new(none).padding(ContentType::application_data, 7), 0);
    }
    let (client, server) = padded(policy);
    let mut pair = Pair::established(client, server);
    for (len, inner) in [
        (1, vec![1001]),
        (1000, vec![1001]),
        (1001, vec![2001]),
        // 17,000 would be too long for a record: all that it holds is used.
        (16_001, vec![16_385]),
        (16_384, vec![16_385]),
        (16_385, vec![16_385, 1001]),
    ] {
        assert_eq!(sent(&mut pair.client, &mut pair.server, len), inner, "{len}");
        assert_eq!(sent(&mut pair.server, &mut pair.client, len), inner, "{len}");
    }
}

#[test]
fn every_protected_record_of_a_connection_has_one_length_where_the_policy_says_so() {
    let (client, server) = padded(PadToMultipleOf::new(16_384));
    let mut pair = Pair::new(client, server);
    let mut all = Vec::new();
    while pair.client.has_output() || pair.server.has_output() {
        let mut bytes = output(&mut pair.client);
        all.extend(sealed(&bytes));
        feed(&mut pair.server, &mut bytes, &mut pair.server_seen).unwrap();
        let mut bytes = output(&mut pair.server);
        all.extend(sealed(&bytes));
        feed(&mut pair.client, &mut bytes, &mut pair.client_seen).unwrap();
    }
    assert!(pair.client.is_established() && all.len() >= 2);
    all.extend(sent(&mut pair.client, &mut pair.server, 20_000));
    pair.client.update_keys(true).unwrap();
    pair.to_server = output(&mut pair.client);
    all.extend(sealed(&pair.to_server));
    pair.run().unwrap();
    all.extend(sent(&mut pair.server, &mut pair.client, 1));
    pair.client.close();
    let mut closing = output(&mut pair.client);
    all.extend(sealed(&closing));
    feed(&mut pair.server, &mut closing, &mut pair.server_seen).unwrap();
    assert_eq!(pair.server_seen.last(), Some(&Seen::Closed));
    assert!(all.iter().all(|len| *len == MAX_FRAGMENT_LEN + 1), "{all:?}");
}

#[test]
fn alert_of_a_failure_is_padded_too_and_read() {
    let (client, server) = padded(PadToMultipleOf::new(100));
    let mut pair = Pair::established(client, server);
    pair.client.abort(AlertDescription::access_denied);
    let mut alert = output(&mut pair.client);
    assert_eq!(sealed(&alert), [101]);
    let failed = feed(&mut pair.server, &mut alert, &mut pair.server_seen);
    assert_eq!(failed, Err(bulla::Error::AlertReceived(AlertDescription::access_denied)));
}

#[test]
fn padding_is_zeros_behind_the_type_and_the_content_is_untouched() {
    let (client, server) = padded(PadToMultipleOf::new(64));
    let mut pair = Pair::established(client, server);
    let secrets = pair.server.danger_traffic_secrets().unwrap();
    let suite = Suite::tls13(secrets.cipher_suite).unwrap();
    let keys = TrafficSecret::new(suite, secrets.read.secret).keys(&*provider()).unwrap();
    let mut buffer = vec![0xff; IN_PLACE_HEAD + 200 + IN_PLACE_TAIL];
    let plaintext = IN_PLACE_HEAD..IN_PLACE_HEAD + 10;
    buffer[plaintext.clone()].copy_from_slice(b"0123456789");
    let in_place = pair.client.send_in_place(&mut buffer, plaintext).unwrap();
    for (number, record) in [buffer[in_place].to_vec(), send(&mut pair.client, b"0123456789")].iter_mut().enumerate() {
        let mut nonce = *keys.iv;
        let number = secrets.read.sequence_number + u64::try_from(number).unwrap();
        for (byte, number) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte ^= number;
        }
        let (header, body) = record.split_at_mut(5);
        let len = keys.aead.open_in_place(&nonce, header, body).unwrap();
        assert_eq!(body[..len], [&b"0123456789\x17"[..], &[0; 54]].concat());
    }
}

#[test]
fn limit_of_the_peer_comes_before_the_policy() {
    let (client, server) = padded(PadToMultipleOf::new(1000));
    let client = client.record_size_limit(300).unwrap();
    let mut pair = Pair::established(client, server.record_size_limit(64).unwrap());
    assert_eq!(sent(&mut pair.server, &mut pair.client, 1), [300]);
    assert_eq!(sent(&mut pair.server, &mut pair.client, 299), [300]);
    assert_eq!(sent(&mut pair.server, &mut pair.client, 300), [300, 300]);
    assert_eq!(sent(&mut pair.client, &mut pair.server, 10), [64]);
}

#[test]
fn buffer_without_room_for_the_padding_is_too_small_and_says_how_large_it_must_be() {
    let (client, server) = padded(PadToMultipleOf::new(1000));
    let mut pair = Pair::established(client, server);
    let record_len = 5 + 1000 + 1 + 16;
    let too_small = pair.client.send(b"x", &mut vec![0; record_len - 1]);
    assert_eq!(too_small, Err(Misuse::OutputTooSmall(record_len).into()));
    let mut buffer = vec![0; record_len];
    let sent = pair.client.send(b"x", &mut buffer).unwrap();
    assert_eq!((sent.taken, sent.written), (1, record_len));
    // What is longer than the buffer fills it, and the rest waits for room of its own.
    let sent = pair.client.send(&[7; 1500], &mut vec![0; 900]).unwrap();
    assert_eq!((sent.taken, sent.written), (900 - 22, 900));
    // Of two records the second is not begun where its padding does not fit.
    let mut two = vec![0; MAX_RECORD_LEN + 500];
    let sent = pair.client.send(&vec![7; MAX_FRAGMENT_LEN + 10], &mut two).unwrap();
    assert_eq!((sent.taken, sent.written), (MAX_FRAGMENT_LEN, MAX_FRAGMENT_LEN + 22));
    // Output that waits is held to the same.
    pair.client.close();
    let waits = pair.client.take_output(&mut [0; 100]).map(<[u8]>::len);
    assert_eq!(waits, Err(Misuse::OutputTooSmall(record_len).into()));
    assert_eq!(output(&mut pair.client).len(), record_len);
}

#[test]
fn sending_in_place_needs_room_for_the_padding_behind_the_plaintext() {
    let (client, server) = padded(PadToMultipleOf::new(100));
    let mut pair = Pair::established(client, server);
    let plaintext = IN_PLACE_HEAD..IN_PLACE_HEAD + 30;
    let mut buffer = vec![7; plaintext.end + 70 + IN_PLACE_TAIL];
    let end = buffer.len() - 1;
    let short = pair.client.send_in_place(&mut buffer[..end], plaintext.clone());
    assert_eq!(short, Err(Misuse::InPlaceRoom(IN_PLACE_HEAD, 70 + IN_PLACE_TAIL).into()));
    let record = pair.client.send_in_place(&mut buffer, plaintext).unwrap();
    assert_eq!(sealed(&buffer[record.clone()]), [101]);
    feed(&mut pair.server, &mut buffer[record].to_vec(), &mut pair.server_seen).unwrap();
    assert_eq!(data(&pair.server_seen), [7; 30]);
}

/// Asks for more than there ever is, and writes down what it was asked.
#[derive(Debug, Default)]
struct Greedy(Mutex<Vec<(ContentType, usize)>>);

impl PadRecords for Greedy {
    fn padding(&self, content_type: ContentType, plaintext_len: usize) -> usize {
        self.0.lock().unwrap().push((content_type, plaintext_len));
        usize::MAX
    }
}

#[test]
fn policy_is_told_the_type_and_length_of_each_record_and_gets_no_more_than_the_record_holds() {
    let policy = Arc::new(Greedy::default());
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::established(client.record_padding(policy.clone()), server);
    let handshake = std::mem::take(&mut *policy.0.lock().unwrap());
    assert!(!handshake.is_empty() && handshake.iter().all(|(of_type, _)| *of_type == ContentType::handshake));
    assert_eq!(sent(&mut pair.client, &mut pair.server, 5), [16_385]);
    pair.client.close();
    assert_eq!(sealed(&output(&mut pair.client)), [16_385]);
    let asked = std::mem::take(&mut *policy.0.lock().unwrap());
    assert_eq!(asked, [(ContentType::application_data, 5), (ContentType::alert, 2)]);
}

#[cfg(feature = "tls12")]
#[test]
fn tls12_has_no_padding() {
    let policy = Arc::new(Greedy::default());
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.record_padding(policy.clone()).versions([ProtocolVersion::TLSv1_2]).unwrap();
    let mut pair = Pair::established(client, server.record_padding(policy.clone()));
    assert_eq!(send(&mut pair.client, b"12345").len(), 5 + 8 + 5 + 16);
    assert!(policy.0.lock().unwrap().is_empty(), "nobody asks");
}

#[test]
fn padding_of_early_data_takes_of_the_same_room_and_is_skipped_where_the_data_is_declined() {
    let (client, server) = padded(PadToMultipleOf::new(300));
    let client = client.session_store(Arc::new(MemoryClientSessions::new(4, 4))).early_data(true);
    let server = server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap()));
    let register = || AntiReplay::StrikeRegister(Arc::new(MemoryStrikeRegister::random(&*provider(), 100).unwrap()));
    let first = server.early_data(1000, register()).unwrap();
    for (server, outcome) in [
        (first.clone(), EarlyData::Accepted),
        // Another register: what was made for the first is not taken.
        (first.clone().early_data(1000, register()).unwrap(), EarlyData::Rejected),
    ] {
        Pair::established(client.clone(), first.clone());
        let mut pair = Pair::new(client.clone(), server);
        let mut buffer = vec![0; MAX_RECORD_LEN];
        let mut inner = Vec::new();
        for room in [700, 400, 100, 0] {
            let sent = pair.client.send_early(b"early", &mut buffer).unwrap();
            inner.extend(sealed(&buffer[..sent.written]));
            pair.to_server.extend_from_slice(&buffer[..sent.written]);
            assert_eq!(pair.client.early_data_room(), room);
        }
        assert_eq!(inner, [301, 301, 301, 101]);
        let none = pair.client.send_early(b"early", &mut buffer);
        assert_eq!(none, Err(Misuse::NoEarlyData.into()));
        pair.run().unwrap();
        assert_eq!(pair.client.early_data(), outcome);
        let early = pair.server_seen.iter().filter(|seen| matches!(seen, Seen::EarlyData(_))).count();
        assert_eq!(early, if outcome == EarlyData::Accepted { 4 } else { 0 });
    }
}
