//! `openssl s_client` comes back to our server with a session, in both versions.

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

use std::sync::Arc;

use bulla::ClientAuth;
use certificates::Kind;
use ends::{GROUPS, SUITES, openssl_group, scheme_of};
use openssl::{Client, client_flags, is_full, is_resumed, openssl_certificates};
use peer::run;
use resumption::{KeptTickets, LaterClock, WAYS, Way, sessions, ticket_keys};

#[test]
fn sessions_are_resumed_in_every_way_and_suite() {
    let Some(certificates) = openssl_certificates() else { return };
    for way in WAYS {
        for suite in way.suites() {
            let client = Client::new(&certificates, "every_suite");
            let config = way.keep(client.server()).cipher_suites([suite]).unwrap();
            client.first(&config, &client_flags(*way));
            // A session that stands on a session is resumed too.
            for _ in 0..2 {
                let (told, text) = client.again(&config, &client_flags(*way));
                is_resumed(&told, &text);
                assert_eq!(told.facts().suite, suite);
                assert_eq!(told.facts().server_name.as_deref(), Some(certificates::NAME));
            }
        }
    }
}

#[test]
fn server_that_keeps_sessions_in_both_ways_resumes_clients_with_and_without_tickets() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "both_ways");
    let config = client.server().tickets(ticket_keys()).session_store(sessions());
    for way in WAYS {
        client.first(&config, &client_flags(*way));
        let (told, text) = client.again(&config, &client_flags(*way));
        is_resumed(&told, &text);
        assert_eq!(told.version, Some(way.version()));
    }
}

#[test]
fn as_many_tickets_arrive_as_the_server_is_told_to_send() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "several");
    for way in [Way::SealedTls13, Way::StoredTls13] {
        for count in [0, 1, 5] {
            let config = way.keep(client.server()).tickets_per_handshake(count);
            let told = client.visit(&config, &["-sess_out", &client.session]).1;
            assert_eq!(told.matches("Post-Handshake New Session Ticket arrived").count(), usize::from(count));
        }
    }
}

#[test]
fn session_of_another_suite_with_the_same_hash_is_resumed_and_of_another_hash_is_not() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "other_suite");
    let config = Way::SealedTls13.keep(client.server());
    let [aes_128, aes_256, chacha20] = SUITES;
    for (was, is, resumes) in [(aes_128, chacha20, true), (chacha20, aes_128, true), (aes_128, aes_256, false)] {
        client.first(&config.clone().cipher_suites([was]).unwrap(), &[]);
        let (told, text) = client.again(&config.clone().cipher_suites([is]).unwrap(), &[]);
        if resumes {
            is_resumed(&told, &text)
        } else {
            is_full(&told, &text)
        }
        assert_eq!(told.facts().suite, is);
    }
}

#[test]
fn client_certificate_comes_back_with_the_session() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "client_certificate");
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    let roots = Arc::new(certificates.roots());
    for way in WAYS {
        let config = way.keep(client.server());
        let asking = config.clone().client_auth(ClientAuth::Require(Arc::clone(&roots)));
        let with_certificate = [&client_flags(*way)[..], &["-cert", &certificate, "-key", &key]].concat();
        let first = client.first(&asking, &with_certificate);
        assert_eq!(first.facts().peer_scheme, Some(scheme_of(Kind::Rsa)));
        // Nothing is shown and nothing is signed, and yet our end knows who it is.
        let (told, text) = client.again(&asking, &client_flags(*way));
        is_resumed(&told, &text);
        assert_eq!(told.facts().peer_chain_len, first.facts().peer_chain_len);
        assert_eq!(told.facts().peer_scheme, Some(scheme_of(Kind::Rsa)));

        // A server that trusts others does not take the session for their certificate.
        let others = Arc::new(bulla::Roots::from_file(certificates.folder.text("ca-rsa.pem")).unwrap());
        let (told, text) = client.again(&config.client_auth(ClientAuth::Require(others)), &with_certificate);
        is_full(&told, &text);
    }
}

#[test]
fn sessions_are_resumed_behind_a_retry() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "retry");
    for (suite, group) in SUITES.into_iter().zip(GROUPS) {
        let others = GROUPS.into_iter().filter(|other| *other != group).chain([group]);
        let groups = others.map(openssl_group).collect::<Vec<_>>().join(":");
        let config = Way::SealedTls13.keep(client.server()).groups([group]).unwrap().cipher_suites([suite]).unwrap();
        client.first(&config, &["-groups", &groups]);
        for more in [&["-groups", &groups][..], &["-groups", &groups, "-no_middlebox"]] {
            let (told, text) = client.again(&config, more);
            is_resumed(&told, &text);
            assert_eq!((told.facts().suite, told.facts().group, told.facts().retried), (suite, group, true));
        }
    }
}

/// Changes one byte of the ticket in the client's file; `fraction` says where in it.
fn alter_ticket(client: &Client, ticket: &[u8], at: usize) {
    let der = client.certificates.folder.text("altered.der");
    run("openssl", ["sess_id", "-in", &client.session, "-outform", "DER", "-out", &der]);
    let mut bytes = std::fs::read(&der).unwrap();
    let start = bytes.windows(ticket.len()).position(|window| window == ticket).expect("the ticket is in the file");
    bytes[start + at] ^= 1;
    std::fs::write(&der, bytes).unwrap();
    run("openssl", ["sess_id", "-in", &der, "-inform", "DER", "-out", &client.session]);
}

#[test]
fn altered_tickets_lead_to_a_full_handshake() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "altered");
    // In the way of session ids there is no ticket.
    for way in WAYS.iter().filter(|way| **way != Way::SessionIdTls12) {
        let kept = Arc::new(KeptTickets::default());
        let config = way.keep(client.server()).observer(kept.clone());
        for place in 0..4 {
            client.first(&config, &client_flags(*way));
            let ticket = kept.take().pop().unwrap();
            alter_ticket(&client, &ticket, place * (ticket.len() - 1) / 3);
            let (told, text) = client.again(&config, &client_flags(*way));
            is_full(&told, &text);
        }
    }
}

#[test]
fn foreign_and_expired_sessions_and_those_of_another_context_lead_to_a_full_handshake() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "expired");
    for way in WAYS {
        let clock = Arc::new(LaterClock::default());
        let config = way.keep(client.server()).session_lifetime(600).clock(clock.clone());
        let foreign = way.keep(client.server());
        client.first(&config, &client_flags(*way));
        let (told, text) = client.again(&foreign, &client_flags(*way));
        is_full(&told, &text);

        client.first(&config, &client_flags(*way));
        let (told, text) = client.again(&config.clone().session_context("other"), &client_flags(*way));
        is_full(&told, &text);

        client.first(&config, &client_flags(*way));
        clock.advance(590);
        let (told, text) = client.again(&config, &client_flags(*way));
        is_resumed(&told, &text);
        clock.advance(610);
        let (told, text) = client.again(&config, &client_flags(*way));
        is_full(&told, &text);
    }
}

#[test]
fn other_server_name_leads_to_a_full_handshake() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "other_name");
    for way in WAYS {
        let config = way.keep(client.server());
        client.first(&config, &client_flags(*way));
        let (told, text) = client.again(&config, &[&client_flags(*way)[..], &["-servername", "other.test"]].concat());
        is_full(&told, &text);
    }
}
