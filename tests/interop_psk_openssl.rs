//! External PSKs of TLS 1.3 between the `openssl` command and Bulla, both ways.
//!
//! The command has no importer (RFC 9258), and takes its keys with SHA-256 only.

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

use bulla::config::FindPsk;
use bulla::crypto::HashAlgorithm;
use bulla::resume::ExternalPsk;
use bulla::wire::{AlertDescription, NamedGroup};
use bulla::{ClientAuth, ClientConfig, Error, HandshakeKind, ServerConfig};
use ends::SUITES;
use openssl::{Client, Server, is_full, is_resumed, openssl_certificates, s_client, s_server_with};
use peer::serve_once;
use resumption::{Told, Way, echo, ticket_keys};

const IDENTITY: &str = "bulla-and-openssl";
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER_KEY: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn psk(hash: HashAlgorithm) -> Arc<ExternalPsk> {
    let key: Vec<u8> = (0..32).collect();
    Arc::new(ExternalPsk::new(IDENTITY.as_bytes(), &key, hash).unwrap())
}

fn psks() -> Arc<dyn FindPsk> {
    Arc::new(vec![psk(HashAlgorithm::Sha256)])
}

/// What the command must be told to use this key.
fn with_psk<'a>(key: &'a str, identity: &'a str) -> [&'a str; 5] {
    ["-tls1_3", "-psk", key, "-psk_identity", identity]
}

/// The command calls every PSK a session.
#[track_caller]
fn is_by_psk(told: &Told, text: &str) {
    assert_eq!(told.kind(), HandshakeKind::ExternalPsk, "{text}");
    assert!(text.contains("Reused, TLSv1.3"), "{text}");
}

#[test]
fn key_of_s_client_is_enough_without_certificates() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "psk_only");
    for suite in [SUITES[0], SUITES[2]] {
        let config = ServerConfig::psk_only(psks()).cipher_suites([suite]).unwrap();
        let (told, text) = client.visit(&config, &with_psk(KEY, IDENTITY));
        is_by_psk(&told, &text);
        assert!(text.contains("no peer certificate available"), "{text}");
        assert_eq!((told.facts().suite, told.facts().peer_scheme), (suite, None));
    }
}

#[test]
fn key_of_s_client_goes_before_certificates_and_an_unknown_one_behind_them() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "psk_beside");
    let config = client.server().psks(psks());
    let (told, text) = client.visit(&config, &with_psk(KEY, IDENTITY));
    is_by_psk(&told, &text);
    let (told, text) = client.visit(&config, &with_psk(KEY, "nobody"));
    is_full(&told, &text);
    // Of a key for another hash than the command's.
    let other_hash: Arc<dyn FindPsk> = Arc::new(vec![psk(HashAlgorithm::Sha384)]);
    let config = client.server().psks(other_hash).cipher_suites([SUITES[0]]).unwrap();
    let (told, text) = client.visit(&config, &with_psk(KEY, IDENTITY));
    is_full(&told, &text);
    // A key shows no certificate.
    let roots = Arc::new(certificates.roots());
    let (certificate, key) =
        (certificates.certificate_file(certificates::Kind::Rsa), certificates.key_file(certificates::Kind::Rsa));
    let config = client.server().psks(psks()).client_auth(ClientAuth::Require(roots));
    let with_both = [&with_psk(KEY, IDENTITY)[..], &["-cert", &certificate, "-key", &key]].concat();
    let (told, text) = client.visit(&config, &with_both);
    is_full(&told, &text);
}

#[test]
fn key_of_s_client_is_used_behind_a_retry() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "psk_retry");
    let config = ServerConfig::psk_only(psks()).groups([NamedGroup::secp384r1]).unwrap();
    let (told, text) = client.visit(&config, &[&with_psk(KEY, IDENTITY)[..], &["-groups", "X25519:P-384"]].concat());
    is_by_psk(&told, &text);
    assert!(told.facts().retried);
}

#[test]
fn key_of_s_client_stands_in_for_a_session_that_does_not_open_and_leads_to_none() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "psk_session");
    let config = Way::SealedTls13.keep(client.server()).psks(psks());
    // The command offers its session first, and its key second.
    client.first(&config, &[]);
    let (told, text) = client.again(&config, &with_psk(KEY, IDENTITY));
    is_resumed(&told, &text);
    let (told, text) = client.again(&config.tickets(ticket_keys()), &with_psk(KEY, IDENTITY));
    is_by_psk(&told, &text);
    assert!(!text.contains("New Session Ticket"), "{text}");
}

/// Lets a client fail; returns our error and all that it said.
#[track_caller]
fn fails(client: &Client, config: ServerConfig, more: &[&str]) -> (Error, String) {
    let config = Arc::new(config);
    let (address, served) = serve_once(move |socket| echo(config, socket));
    let text = s_client(&client.certificates, address, more).finish().text();
    (served.finish().facts.unwrap_err(), text)
}

#[test]
fn wrong_key_of_s_client_is_told_by_decrypt_error_and_a_missing_one_in_words() {
    let Some(certificates) = openssl_certificates() else { return };
    let client = Client::new(&certificates, "psk_wrong");
    for config in [ServerConfig::psk_only(psks()), client.server().psks(psks())] {
        let (error, text) = fails(&client, config, &with_psk(OTHER_KEY, IDENTITY));
        assert_eq!(error.alert(), Some(AlertDescription::decrypt_error), "{error}");
        assert!(text.contains("alert decrypt error"), "{text}");
    }
    for more in [&with_psk(KEY, "nobody")[..], &["-tls1_3"]] {
        let (error, text) = fails(&client, ServerConfig::psk_only(psks()), more);
        let alert = error.alert().unwrap().to_string();
        assert!(text.contains(&format!("alert {}", alert.replace('_', " "))), "{alert} {text}");
    }
}

/// A server with this key, and with nothing else unless it is told more.
fn server_with_psk(key: &str, more: &[&str]) -> Server {
    Server::of(s_server_with(&[&with_psk(key, IDENTITY)[..], more].concat()))
}

/// Connects our client by the key. The command calls that a session too.
#[track_caller]
fn connects_by_psk(server: &mut Server, config: &ClientConfig) -> ends::Facts {
    let (facts, text) = server.visit(config);
    assert_eq!((facts.kind, facts.peer_chain_len), (HandshakeKind::ExternalPsk, 0));
    assert!(text.contains("Reused session-id"), "{text}");
    facts
}

#[test]
fn key_of_s_server_is_enough_without_certificates_also_behind_a_retry() {
    if openssl_certificates().is_none() {
        return;
    }
    for (more, retried) in [(&["-nocert"][..], false), (&["-nocert", "-groups", "P-384"], true)] {
        let mut server = server_with_psk(KEY, more);
        for suite in [SUITES[0], SUITES[2]] {
            // With ChaCha20 first, the command has to go by the hash.
            let suites = [suite, SUITES[0]].into_iter().take(if suite == SUITES[0] { 1 } else { 2 });
            let config = ClientConfig::psk_only(psk(HashAlgorithm::Sha256)).cipher_suites(suites).unwrap();
            assert_eq!(connects_by_psk(&mut server, &config).retried, retried);
        }
    }
}

#[test]
fn key_of_s_server_goes_before_its_certificates_and_an_unknown_one_behind_them() {
    let Some(certificates) = openssl_certificates() else { return };
    let (certificate, key) =
        (certificates.certificate_file(certificates::Kind::Rsa), certificates.key_file(certificates::Kind::Rsa));
    let mut server = server_with_psk(KEY, &["-cert", &certificate, "-key", &key]);
    let with_certificates = || ClientConfig::new(certificates.roots());
    connects_by_psk(&mut server, &with_certificates().psk(psk(HashAlgorithm::Sha256)));
    // Of several keys, the one that it knows.
    let nobody = Arc::new(ExternalPsk::new(b"nobody", &[1; 32], HashAlgorithm::Sha256).unwrap());
    let several = with_certificates().psk(nobody.clone()).psk(psk(HashAlgorithm::Sha256));
    connects_by_psk(&mut server, &several);
    server.full(&with_certificates().psk(nobody.clone()));
    // Where no certificate will do, the server shows one all the same.
    let mut wire = server.call(&ClientConfig::psk_only(nobody));
    let error = wire.handshake().unwrap_err();
    server.process.wait_for_text(&format!("alert {}", error.alert().unwrap().to_string().replace('_', " ")));
}

#[test]
fn wrong_key_is_refused_by_s_server_with_an_alert() {
    if openssl_certificates().is_none() {
        return;
    }
    let server = server_with_psk(OTHER_KEY, &["-nocert"]);
    let mut wire = server.call(&ClientConfig::psk_only(psk(HashAlgorithm::Sha256)));
    let error = wire.handshake().unwrap_err();
    // It finds the parameter wrong, where RFC 8446 §4.2.11 and we speak of decrypt_error.
    assert_eq!(error, Error::AlertReceived(AlertDescription::illegal_parameter));
    server.process.wait_for_text("binder does not verify");
}
