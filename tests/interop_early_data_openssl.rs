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
use bulla::wire::NamedGroup;
use bulla::{EarlyData, Error, ServerConfig, ServerConnection};
use ends::SUITES;
use openssl::{Client, is_full, is_resumed, openssl_certificates, s_client};
use peer::{connect_tcp, digits, serve_once};
use resumption::{LaterClock, Told, Way, Wire, echo_with, serve_each, ticket_keys};

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
