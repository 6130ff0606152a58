//! Early data in TLS 1.3: accepted, rejected and retried, its limits, and that a replay is never taken. RFC 8446 §2.3,
//! §4.2.10, §8.

#[path = "support/pair.rs"]
mod pair;

use std::sync::Arc;

use bulla::clock::Time;
use bulla::config::AntiReplay;
use bulla::crypto::ring::provider;
use bulla::error::Misuse;
#[cfg(feature = "tls12")]
use bulla::error::Violation;
use bulla::resume::{MemoryClientSessions, MemoryServerSessions, MemoryStrikeRegister, TicketKeys};
use bulla::wire::{CipherSuite, NamedGroup, ProtocolVersion};
use bulla::{ClientConfig, EarlyData, Error, HandshakeKind, MAX_RECORD_LEN, ServerConfig, ServerConnection};
use pair::{KeyKind, NOW, Pair, Seen, configs, data, feed, output, send};

const MAX: u32 = 1000;

type Ends = (ClientConfig, ServerConfig);

/// Two configurations that have early data, held by a strike register.
fn ends() -> Ends {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.versions([ProtocolVersion::TLSv1_3]).unwrap().early_data(true);
    let client = client.session_store(Arc::new(MemoryClientSessions::new(8, 8)));
    let tickets = Arc::new(TicketKeys::random(provider(), 86_400).unwrap());
    let register = Arc::new(MemoryStrikeRegister::random(&*provider(), 100).unwrap());
    let server = server.tickets(tickets).early_data(MAX, AntiReplay::StrikeRegister(register)).unwrap();
    (client, server)
}

/// A connection of `then` a minute after one of `first`; it has not sent anything yet.
fn second(first: &Ends, then: &Ends) -> Pair {
    Pair::established(first.0.clone(), first.1.clone());
    let later = Arc::new(Time::from_secs(NOW.as_secs() + 60));
    Pair::new(then.0.clone().clock(later.clone()), then.1.clone().clock(later))
}

/// Sends what is taken early, and returns how much that is.
fn send_early(pair: &mut Pair, bytes: &[u8]) -> usize {
    let mut buffer = vec![0; MAX_RECORD_LEN];
    let mut taken = 0;
    while taken < bytes.len() {
        match pair.client.send_early(&bytes[taken..], &mut buffer) {
            Ok(sent) => {
                pair.to_server.extend_from_slice(&buffer[..sent.written]);
                taken += sent.taken;
            }
            Err(Error::Misuse(Misuse::NoEarlyData)) => break,
            Err(error) => panic!("{error}"),
        }
    }
    taken
}

fn early(seen: &[Seen]) -> Vec<u8> {
    let bytes = seen.iter().filter_map(|seen| if let Seen::EarlyData(bytes) = seen { Some(&bytes[..]) } else { None });
    bytes.collect::<Vec<_>>().concat()
}

/// Sends early, finishes the handshake, and looks at what became of it.
fn check(mut pair: Pair, outcome: EarlyData, kind: HandshakeKind) -> Pair {
    assert_eq!((pair.client.early_data(), pair.client.early_data_room()), (EarlyData::Pending, MAX));
    assert_eq!(send_early(&mut pair, b"early"), 5);
    pair.run().unwrap();
    assert_eq!((pair.client.early_data(), pair.client.early_data_room()), (outcome, 0));
    assert_eq!([pair.client.handshake_kind(), pair.server.handshake_kind()], [Some(kind); 2]);
    let expected: &[u8] = if outcome == EarlyData::Accepted { b"early" } else { b"" };
    assert_eq!((early(&pair.server_seen), data(&pair.server_seen)), (expected.to_vec(), Vec::new()));
    // What was lost is sent again, and comes as ordinary data.
    pair.to_server.extend(send(&mut pair.client, b"again"));
    feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
    assert_eq!(data(&pair.server_seen), b"again");
    pair
}

#[test]
fn early_data_is_accepted_and_told_apart_from_data() {
    for middlebox_compatibility in [true, false] {
        for suite in [
            CipherSuite::TLS_AES_128_GCM_SHA256,
            CipherSuite::TLS_AES_256_GCM_SHA384,
            CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
        ] {
            let (client, server) = ends();
            let client = client.middlebox_compatibility(middlebox_compatibility).cipher_suites([suite]).unwrap();
            let ends = (client, server);
            check(second(&ends, &ends), EarlyData::Accepted, HandshakeKind::Resumed);
        }
    }
}

#[test]
fn session_store_of_the_server_holds_early_data_to_one_use() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.versions([ProtocolVersion::TLSv1_3]).unwrap().early_data(true);
    let client = client.session_store(Arc::new(MemoryClientSessions::new(8, 8)));
    let server = server.session_store(Arc::new(MemoryServerSessions::new(8)));
    let ends = (client, server.early_data(MAX, AntiReplay::SingleUse).unwrap());
    check(second(&ends, &ends), EarlyData::Accepted, HandshakeKind::Resumed);
}

#[test]
fn server_of_other_tickets_rejects_early_data_and_goes_full() {
    let first = ends();
    let tickets = Arc::new(TicketKeys::random(provider(), 86_400).unwrap());
    let then = (first.0.clone(), first.1.clone().tickets(tickets));
    check(second(&first, &then), EarlyData::Rejected, HandshakeKind::Full);
}

#[test]
fn server_of_another_register_rejects_early_data_and_resumes() {
    let first = ends();
    let register = Arc::new(MemoryStrikeRegister::random(&*provider(), 100).unwrap());
    let server = first.1.clone().early_data(MAX, AntiReplay::StrikeRegister(register)).unwrap();
    check(second(&first, &(first.0.clone(), server)), EarlyData::Rejected, HandshakeKind::Resumed);
}

#[test]
fn other_protocol_or_suite_rejects_early_data_and_resumes() {
    let (client, server) = ends();
    let first = (client.alpn(["one", "two"]).unwrap(), server.alpn(["one"]).unwrap());
    let then = (first.0.clone(), first.1.clone().alpn(["two"]).unwrap());
    check(second(&first, &then), EarlyData::Rejected, HandshakeKind::Resumed);

    let (client, server) = ends();
    let suites = [CipherSuite::TLS_AES_128_GCM_SHA256, CipherSuite::TLS_CHACHA20_POLY1305_SHA256];
    let first = (client.cipher_suites(suites).unwrap(), server.clone().cipher_suites([suites[0]]).unwrap());
    let then = (first.0.clone(), server.cipher_suites([suites[1]]).unwrap());
    check(second(&first, &then), EarlyData::Rejected, HandshakeKind::Resumed);
}

#[test]
fn retry_ends_early_data_and_the_session_is_resumed() {
    for middlebox_compatibility in [true, false] {
        let (client, server) = ends();
        let groups = [NamedGroup::x25519, NamedGroup::secp256r1];
        let client = client.middlebox_compatibility(middlebox_compatibility).groups(groups).unwrap();
        let first = (client, server);
        let then = (first.0.clone(), first.1.clone().groups([NamedGroup::secp256r1]).unwrap());
        let pair = check(second(&first, &then), EarlyData::Retried, HandshakeKind::Resumed);
        assert!(pair.client.hello_retried());
    }
}

#[test]
fn early_data_is_offered_only_if_the_application_session_protocol_and_suite_allow() {
    let suite = |client: ClientConfig, suite| client.cipher_suites([suite]).unwrap();
    let first = ends();
    let first =
        (suite(first.0, CipherSuite::TLS_AES_128_GCM_SHA256).alpn(["one"]).unwrap(), first.1.alpn(["one"]).unwrap());
    let silent = first.0.clone().early_data(false);
    let other_protocol = first.0.clone().alpn(["other"]).unwrap();
    let other_suite = suite(first.0.clone(), CipherSuite::TLS_CHACHA20_POLY1305_SHA256);
    for client in [silent, other_protocol, other_suite] {
        let mut pair = second(&first, &(client, first.1.clone()));
        assert_eq!((pair.client.early_data(), pair.client.early_data_room()), (EarlyData::NotOffered, 0));
        assert_eq!(send_early(&mut pair, b"early"), 0);
    }
    // A first connection has no session to send it under.
    let (client, server) = ends();
    assert_eq!(Pair::new(client, server).client.early_data(), EarlyData::NotOffered);
}

#[test]
fn client_takes_no_more_early_data_than_the_ticket_allows() {
    let ends = ends();
    let mut pair = second(&ends, &ends);
    let max = usize::try_from(MAX).unwrap();
    assert_eq!(send_early(&mut pair, &vec![1; max + 1]), max);
    pair.run().unwrap();
    assert_eq!(early(&pair.server_seen), vec![1; max]);
}

#[test]
fn replayed_flight_is_taken_once_by_one_server_and_by_two_that_share_a_register() {
    let ends = ends();
    let mut pair = second(&ends, &ends);
    send_early(&mut pair, b"pay once");
    let flight = pair.to_server.clone();
    pair.run().unwrap();
    assert_eq!(early(&pair.server_seen), b"pay once");
    let later = Arc::new(Time::from_secs(NOW.as_secs() + 60));
    for config in [ends.1.clone(), ends.1.clone().alpn(["x"]).unwrap()] {
        let mut server = ServerConnection::new(Arc::new(config.clock(later.clone()))).unwrap();
        let mut seen = Vec::new();
        feed(&mut server, &mut flight.clone(), &mut seen).unwrap();
        assert!(!output(&mut server).is_empty());
        assert_eq!((early(&seen), data(&seen)), (Vec::new(), Vec::new()));
    }
}

#[test]
fn server_answers_early_data_before_the_handshake_is_over() {
    let ends = ends();
    let mut pair = second(&ends, &ends);
    send_early(&mut pair, b"question");
    feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
    assert_eq!(early(&pair.server_seen), b"question");
    assert!(!pair.server.is_established() && pair.server.may_send_half_rtt());
    let mut buffer = vec![0; MAX_RECORD_LEN];
    pair.to_client.extend(output(&mut pair.server));
    let sent = pair.server.send_half_rtt(b"answer", &mut buffer).unwrap();
    pair.to_client.extend_from_slice(&buffer[..sent.written]);
    feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen).unwrap();
    assert_eq!(data(&pair.client_seen), b"answer");
    pair.run().unwrap();
    assert!(pair.server.is_established());
}

#[test]
fn early_data_goes_on_until_the_finished_of_the_server() {
    let ends = ends();
    let mut pair = second(&ends, &ends);
    assert_eq!(send_early(&mut pair, b"one"), 3);
    feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
    let mut flight = output(&mut pair.server);
    // ServerHello alone: nothing is known of early data yet.
    let server_hello_len = 5 + usize::from(flight[3]) * 256 + usize::from(flight[4]);
    let mut rest = flight.split_off(server_hello_len);
    feed(&mut pair.client, &mut flight, &mut pair.client_seen).unwrap();
    assert_eq!(pair.client.early_data(), EarlyData::Pending);
    assert_eq!(send_early(&mut pair, b"two"), 3);
    feed(&mut pair.client, &mut rest, &mut pair.client_seen).unwrap();
    assert_eq!(pair.client.early_data(), EarlyData::Accepted);
    assert_eq!(send_early(&mut pair, b"three"), 0);
    pair.run().unwrap();
    assert_eq!(early(&pair.server_seen), b"onetwo");
}

/// TLS 1.2 is offered too, and the early data of a server that has fallen back to it is not to be sent again unasked.
#[cfg(feature = "tls12")]
#[test]
fn early_data_answered_by_tls12_ends_the_connection() {
    let ends = ends();
    let client = ends.0.versions([ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2]).unwrap();
    let client = client.middlebox_compatibility(false);
    let old = ends.1.clone().versions([ProtocolVersion::TLSv1_2]).unwrap();
    let mut pair = second(&(client.clone(), ends.1), &(client, old));
    assert_eq!(pair.client.early_data(), EarlyData::Pending);
    assert_eq!(pair.run().unwrap_err(), ("client", Violation::EarlyDataWithOldVersion.into()));
}
