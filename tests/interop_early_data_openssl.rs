//! Early data of TLS 1.3 between the `openssl` command and Bulla, both ways: accepted, rejected, retried and replayed.

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer_openssl.rs"]
mod openssl;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/peer_resumption.rs"]
mod resumption;

use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;

use bulla::config::AntiReplay;
use bulla::crypto::ring::provider;
use bulla::resume::MemoryStrikeRegister;
use bulla::wire::{NamedGroup, ProtocolVersion};
use bulla::{ClientConfig, EarlyData, Error, HandshakeKind, ServerConfig, ServerConnection};
use certificates::Certificates;
use ends::SUITES;
use openssl::{Client, Server, is_full, is_resumed, openssl_certificates, s_client};
use peer::{connect_tcp, digits, serve_once};
use resumption::{LaterClock, Told, Way, Wire, echo_with, resuming_client, serve_each, ticket_keys};

const EARLY_LEN: usize = 10_000;

/// A server of TLS 1.3 that takes no early data, and what lets it take some, with either guard against replays.
fn servers(client: &Client) -> [(ServerConfig, AntiReplay); 2] {
    let register = Arc::new(MemoryStrikeRegister::random(&*provider(), 100).unwrap());
    let sealing = Way::SealedTls13.keep(client.server());
    [(sealing, AntiReplay::StrikeRegister(register)), (Way::StoredTls13.keep(client.server()), AntiReplay::SingleUse)]
}

fn takes_early_data((config, guard): &(ServerConfig, AntiReplay)) -> ServerConfig {
    config.clone().early_data(16_384, guard.clone()).unwrap()
}

/// Comes back with early data; returns what both ends tell. The line comes behind it in any case, once.
#[track_caller]
fn again(client: &Client, config: &ServerConfig, more: &[&str]) -> (Told, String) {
    let file = format!("{}.early", client.session);
    std::fs::write(&file, digits(EARLY_LEN)).unwrap();
    client.again(config, &[&["-early_data", &file], more].concat())
}

#[track_caller]
fn is_rejected(told: &Told, text: &str, outcome: EarlyData) {
    assert!(text.contains("Early data was rejected"), "{text}");
    assert!(told.early.is_empty());
    assert_eq!(told.outcome, outcome);
}

#[test]
fn early_data_of_s_client_is_taken_in_every_suite_and_its_replay_is_not() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "early");
    for server in servers(&client) {
        for suite in SUITES {
            let config = takes_early_data(&server).cipher_suites([suite]).unwrap();
            client.first(&config, &[]);
            let (told, text) = again(&client, &config, &[]);
            is_resumed(&told, &text);
            assert!(text.contains("Early data was accepted"), "{text}");
            assert_eq!(told.outcome, EarlyData::Accepted);
            assert!(told.early == digits(EARLY_LEN));

            // The very bytes, again.
            let (address, served) = serve_each(vec![Arc::new(config)]);
            let mut replaying = connect_tcp(address);
            replaying.write_all(&told.raw).unwrap();
            replaying.shutdown(Shutdown::Write).unwrap();
            let replayed = served.finish().pop().unwrap();
            assert!(replayed.early.is_empty() && replayed.data.is_empty());
            assert_eq!(replayed.outcome, EarlyData::Rejected);
            // Nothing of it opens under the keys of another connection, and then it ends.
            assert_eq!(replayed.facts.unwrap_err(), Error::Truncated);
        }
    }
}

#[test]
fn early_data_of_s_client_is_rejected_where_the_server_takes_none() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "early_none");
    for server in servers(&client) {
        client.first(&takes_early_data(&server), &[]);
        let (told, text) = again(&client, &server.0, &[]);
        is_resumed(&told, &text);
        is_rejected(&told, &text, EarlyData::Rejected);
    }
}

#[test]
fn early_data_of_s_client_is_rejected_with_another_application_protocol() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "early_alpn");
    for server in servers(&client) {
        let config = takes_early_data(&server);
        client.first(&config.clone().alpn(["one"]).unwrap(), &["-alpn", "one,two"]);
        let (told, text) = again(&client, &config.alpn(["two"]).unwrap(), &["-alpn", "one,two"]);
        is_resumed(&told, &text);
        is_rejected(&told, &text, EarlyData::Rejected);
        assert_eq!(told.facts().alpn.as_deref(), Some("two"));
    }
}

#[test]
fn early_data_of_s_client_is_rejected_with_another_suite_of_the_same_hash() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "early_suite");
    for server in servers(&client) {
        let config = takes_early_data(&server);
        client.first(&config.clone().cipher_suites([SUITES[0]]).unwrap(), &[]);
        let (told, text) = again(&client, &config.cipher_suites([SUITES[2]]).unwrap(), &[]);
        is_resumed(&told, &text);
        is_rejected(&told, &text, EarlyData::Rejected);
    }
}

#[test]
fn early_data_of_s_client_is_lost_behind_a_retry() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "early_retry");
    for server in servers(&client) {
        let config = takes_early_data(&server);
        client.first(&config, &[]);
        let other_group = config.groups([NamedGroup::secp384r1]).unwrap();
        let (told, text) = again(&client, &other_group, &[]);
        is_resumed(&told, &text);
        assert!(told.facts().retried);
        is_rejected(&told, &text, EarlyData::Retried);
    }
}

#[test]
fn early_data_of_s_client_is_rejected_when_our_clock_says_that_it_is_old() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "early_old");
    for server in servers(&client) {
        let clock = Arc::new(LaterClock::default());
        let config = takes_early_data(&server).clock(clock.clone());
        client.first(&config, &[]);
        clock.advance(30);
        let (told, text) = again(&client, &config, &[]);
        is_resumed(&told, &text);
        is_rejected(&told, &text, EarlyData::Rejected);
    }
}

#[test]
fn early_data_of_s_client_with_a_foreign_ticket_is_passed_over_into_a_full_handshake() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "early_foreign");
    let [(config, guard), _] = servers(&client);
    client.first(&takes_early_data(&(config.clone(), guard.clone())), &[]);
    let (told, text) = again(&client, &takes_early_data(&(config.tickets(ticket_keys()), guard)), &[]);
    is_full(&told, &text);
    is_rejected(&told, &text, EarlyData::Rejected);
}

#[test]
fn early_data_of_s_client_is_answered_before_its_finished() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "early_answer");
    let config = takes_early_data(&servers(&client)[0]);
    client.first(&config, &[]);
    let config = Arc::new(config);
    let (address, served) = serve_once(move |socket| {
        let mut wire = Wire::new(ServerConnection::new(config).unwrap(), socket);
        while wire.early.is_empty() {
            wire.step().unwrap();
        }
        assert!(!wire.connection.is_established());
        wire.send_half_rtt(b"an early answer\n").unwrap();
        echo_with(wire)
    });
    let file = certificates.folder.write("question", "an early question\n");
    let mut process = s_client(&certificates, address, &["-sess_in", &client.session, "-early_data", &file]);
    process.say("there and back\n");
    process.wait_for("the line", |stdout, _| peer::contains(stdout, "there and back\n").then_some(()));
    let text = process.finish().successful().text();
    assert!(text.contains("an early answer\n"), "{text}");
    assert_eq!(served.finish().early, b"an early question\n");
}

fn our_client(certificates: &Certificates) -> ClientConfig {
    resuming_client(ProtocolVersion::TLSv1_3, ClientConfig::new(certificates.roots())).early_data(true)
}

/// Our client comes back with early data, and sends it again if it was lost; returns what the server said. The data comes
/// to it once.
#[track_caller]
fn come_back_early(server: &mut Server, config: &ClientConfig, expected: (HandshakeKind, EarlyData)) -> String {
    let early = digits(EARLY_LEN);
    let mut wire = server.call(config);
    assert_eq!((wire.connection.early_data(), wire.connection.early_data_room()), (EarlyData::Pending, 16_384));
    wire.send_early(&early).unwrap();
    wire.handshake().unwrap();
    let outcome = wire.connection.early_data();
    if outcome != EarlyData::Accepted {
        wire.send(&early).unwrap();
    }
    let (facts, text) = server.converse(wire);
    assert_eq!((facts.kind, outcome), expected, "{text}");
    assert_eq!(text.contains("Reused session-id"), facts.kind == HandshakeKind::Resumed, "{text}");
    assert_eq!(text.matches(std::str::from_utf8(&early).unwrap()).count(), 1, "{text}");
    text
}

const TAKES_EARLY_DATA: [&str; 3] = ["-early_data", "-max_early_data", "16384"];

#[test]
fn early_data_is_taken_by_s_server_in_every_suite_and_with_both_kinds_of_tickets() {
    let Some(certificates) = openssl_certificates() else { return };
    // Its guard against replays makes its tickets single use, unless it is told to have none.
    for more in [&[][..], &["-no_anti_replay"], &["-no_ticket"]] {
        let mut server = Server::start(&certificates, &[&TAKES_EARLY_DATA[..], more].concat());
        for suite in SUITES {
            let config = our_client(&certificates).cipher_suites([suite]).unwrap();
            server.full(&config);
            let expected = (HandshakeKind::Resumed, EarlyData::Accepted);
            let text = come_back_early(&mut server, &config, expected);
            assert!(text.contains("Early data received:") && text.contains("End of early data"), "{text}");
        }
    }
}

#[test]
fn early_data_of_a_full_size_is_taken_by_s_server_and_not_a_byte_more_is_sent() {
    let Some(certificates) = openssl_certificates() else { return };
    let more = ["-early_data", "-max_early_data", "40000", "-recv_max_early_data", "40000"];
    let mut server = Server::start(&certificates, &more);
    let config = our_client(&certificates);
    server.full(&config);
    let mut wire = server.call(&config);
    let early = digits(40_000);
    wire.send_early(&early).unwrap();
    assert_eq!(wire.connection.early_data_room(), 0);
    let refused = wire.send_early(b"one more").unwrap_err();
    assert_eq!(refused.name(), "NoEarlyData");
    wire.handshake().unwrap();
    assert_eq!(wire.connection.early_data(), EarlyData::Accepted);
    let (_, text) = server.converse(wire);
    // The command's own lines come late, between two records.
    let lines = text.split_inclusive('\n').filter(|line| line.len() == 16 && line.starts_with("00000"));
    assert!(lines.collect::<String>().as_bytes() == early, "{text}");
}

#[test]
fn early_data_that_s_server_does_not_read_is_sent_again() {
    let Some(certificates) = openssl_certificates() else { return };
    // Its tickets promise what it does not keep.
    let mut server = Server::start(&certificates, &["-max_early_data", "16384"]);
    let config = our_client(&certificates);
    server.full(&config);
    come_back_early(&mut server, &config, (HandshakeKind::Resumed, EarlyData::Rejected));
}

#[test]
fn early_data_that_s_server_cannot_take_with_a_foreign_ticket_is_sent_again() {
    let Some(certificates) = openssl_certificates() else { return };
    let config = our_client(&certificates);
    Server::start(&certificates, &TAKES_EARLY_DATA).full(&config);
    for more in [&TAKES_EARLY_DATA[..], &[]] {
        let mut other = Server::start(&certificates, more);
        come_back_early(&mut other, &config, (HandshakeKind::Full, EarlyData::Rejected));
        Server::start(&certificates, &TAKES_EARLY_DATA).full(&config);
    }
}

#[test]
fn early_data_for_another_application_protocol_is_sent_again() {
    let Some(certificates) = openssl_certificates() else { return };
    let mut server = Server::start(&certificates, &[&TAKES_EARLY_DATA[..], &["-alpn", "two,one"]].concat());
    let config = our_client(&certificates);
    server.full(&config.clone().alpn(["one"]).unwrap());
    let both = config.alpn(["one", "two"]).unwrap();
    come_back_early(&mut server, &both, (HandshakeKind::Resumed, EarlyData::Rejected));
}

#[test]
fn early_data_before_a_retry_is_sent_again() {
    let Some(certificates) = openssl_certificates() else { return };
    // Its guard against replays takes the session out at the first hello, and misses it at the second.
    for (guard, kind) in [("-anti_replay", HandshakeKind::Full), ("-no_anti_replay", HandshakeKind::Resumed)] {
        let more = [&TAKES_EARLY_DATA[..], &["-groups", "P-384", guard]].concat();
        let mut server = Server::start(&certificates, &more);
        for suite in SUITES {
            let config = our_client(&certificates).cipher_suites([suite]).unwrap();
            server.full(&config);
            come_back_early(&mut server, &config, (kind, EarlyData::Retried));
        }
    }
}

#[test]
fn tickets_of_s_server_without_early_data_leave_no_room_for_any() {
    let Some(certificates) = openssl_certificates() else { return };
    let mut server = Server::start(&certificates, &[]);
    let config = our_client(&certificates);
    server.full(&config);
    let mut wire = server.call(&config);
    assert_eq!(wire.send_early(b"early").unwrap_err().name(), "NoEarlyData");
    wire.handshake().unwrap();
    assert_eq!(wire.connection.early_data(), EarlyData::NotOffered);
    assert_eq!(server.converse(wire).0.kind, HandshakeKind::Resumed);
}
