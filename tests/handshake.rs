//! Whole handshakes in memory: every suite, group and scheme, and what both ends agree on.

#[path = "support/pair.rs"]
mod pair;

use std::sync::Arc;

use bulla::crypto::Suite;
use bulla::crypto::ring::provider;
use bulla::wire::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};
use bulla::{ClientAuth, Error};
use pair::{Authority, KEY_KINDS, KeyKind, NAME, Pair, Seen, configs, configs_by, data, feed, output, send};

fn schemes_of(kind: KeyKind) -> &'static [SignatureScheme] {
    match kind {
        KeyKind::EcdsaP256 => &[SignatureScheme::ecdsa_secp256r1_sha256],
        KeyKind::EcdsaP384 => &[SignatureScheme::ecdsa_secp384r1_sha384],
        KeyKind::Ed25519 => &[SignatureScheme::ed25519],
        KeyKind::Rsa => &[
            SignatureScheme::rsa_pss_rsae_sha256,
            SignatureScheme::rsa_pss_rsae_sha384,
            SignatureScheme::rsa_pss_rsae_sha512,
        ],
    }
}

#[test]
fn every_suite_group_and_scheme_connects_and_moves_data() {
    let mut count = 0;
    for kind in KEY_KINDS {
        let authority = Authority::new();
        let (client, server) = configs_by(&authority, kind);
        for suite in provider().cipher_suites().iter().filter(|id| Suite::is_for(**id, ProtocolVersion::TLSv1_3)) {
            for group in provider().groups().iter().map(|group| group.group()) {
                for scheme in schemes_of(kind) {
                    let client = client.clone().cipher_suites([*suite]).unwrap().groups([group]).unwrap();
                    // The authority signs with P-256, which the chain needs; the handshake's scheme is the server's.
                    let server = server.clone().signature_schemes([*scheme]).unwrap().groups([group]).unwrap();
                    let mut pair = Pair::established(client, server);
                    for connection in [&*pair.client, &*pair.server] {
                        assert_eq!(connection.protocol_version(), Some(ProtocolVersion::TLSv1_3));
                        assert_eq!(connection.cipher_suite(), Some(*suite));
                        assert_eq!(connection.group(), Some(group));
                        assert_eq!(connection.server_name(), Some(NAME));
                    }
                    assert_eq!(pair.client.peer_signature_scheme(), Some(*scheme));
                    let ping = vec![7; 40_000];
                    pair.to_server = send(&mut pair.client, &ping);
                    pair.to_client = send(&mut pair.server, b"pong");
                    pair.run().unwrap();
                    assert_eq!(data(&pair.server_seen), ping);
                    assert_eq!(data(&pair.client_seen), b"pong");
                    count += 1;
                }
            }
        }
    }
    let groups = if cfg!(feature = "post-quantum") { 8 } else { 3 };
    assert_eq!(count, 3 * groups * 6);
}

#[test]
fn hello_retry_request_leads_to_the_servers_group() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    for group in [NamedGroup::secp256r1, NamedGroup::secp384r1] {
        let client = client.clone().groups([NamedGroup::x25519, group]).unwrap();
        let server = server.clone().groups([group]).unwrap();
        let pair = Pair::established(client, server);
        assert!(pair.client.hello_retried() && pair.server.hello_retried());
        assert_eq!(pair.client.group(), Some(group));
    }
}

#[test]
fn hybrid_offer_lets_a_server_without_it_take_the_x25519_half() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let pair = Pair::established(client, server.groups([NamedGroup::x25519]).unwrap());
    assert_eq!(pair.client.group(), Some(NamedGroup::x25519));
    assert!(!pair.client.hello_retried());
}

#[test]
fn client_certificate_is_shown_verified_and_reported() {
    let authority = Authority::new();
    for kind in KEY_KINDS {
        let (client, server) = configs_by(&authority, KeyKind::EcdsaP256);
        let client = client.identity(authority.identity(&["client.test"], kind));
        let server = server.client_auth(ClientAuth::Require(Arc::new(authority.roots())));
        let pair = Pair::established(client, server);
        assert_eq!(pair.server.peer_certificates().len(), 1);
        assert!(schemes_of(kind).contains(&pair.server.peer_signature_scheme().unwrap()));
    }
}

#[test]
fn missing_client_certificate_is_refused_if_required_and_passes_if_requested() {
    let authority = Authority::new();
    let (client, server) = configs_by(&authority, KeyKind::EcdsaP256);
    let roots = Arc::new(authority.roots());
    let mut pair = Pair::new(client.clone(), server.clone().client_auth(ClientAuth::Require(Arc::clone(&roots))));
    let (end, error) = pair.run().unwrap_err();
    assert_eq!((end, error.name()), ("server", "ClientCertificateRequired"));
    let error = feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen).unwrap_err();
    assert_eq!(error, Error::AlertReceived(bulla::wire::AlertDescription::certificate_required));

    let pair = Pair::established(client, server.client_auth(ClientAuth::Request(roots)));
    assert!(pair.server.peer_certificates().is_empty());
}

#[test]
fn application_protocol_is_the_servers_first_choice() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let pair = Pair::established(
        client.clone().alpn(["h2", "http/1.1"]).unwrap(),
        server.clone().alpn(["http/1.1", "h2"]).unwrap(),
    );
    assert_eq!(pair.client.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(pair.server.alpn_protocol(), Some(&b"http/1.1"[..]));
    let pair = Pair::established(client.clone().alpn(["h2"]).unwrap(), server.clone());
    assert_eq!(pair.client.alpn_protocol(), None);
    let mut pair = Pair::new(client.alpn(["h2"]).unwrap(), server.alpn(["imap"]).unwrap());
    assert_eq!(pair.run().unwrap_err().1.name(), "NoCommonApplicationProtocol");
}

#[test]
fn exporters_agree_and_depend_on_label_and_context() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let pair = Pair::established(client, server);
    let export = |connection: &bulla::Connection, label: &[u8], context: &[u8]| {
        let mut output = [0; 48];
        connection.export(label, Some(context), &mut output).unwrap();
        output
    };
    let ours = export(&pair.client, b"EXPORTER-test", b"context");
    assert_eq!(ours, export(&pair.server, b"EXPORTER-test", b"context"));
    assert_ne!(ours, export(&pair.server, b"EXPORTER-test", b""));
    assert_ne!(ours, export(&pair.server, b"EXPORTER-other", b"context"));
    assert!(pair.client.export(&[b'x'; 250], None, &mut [0; 16]).is_err());
    assert!(pair.client.export(b"x", None, &mut vec![0; 255 * 48 + 1]).is_err());
}

#[test]
fn key_updates_go_both_ways_and_data_goes_on() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::established(client, server);
    for round in 0..5u8 {
        pair.client.update_keys(round % 2 == 0).unwrap();
        pair.to_server.extend(send(&mut pair.client, &[round; 10]));
        pair.run().unwrap();
        pair.server.update_keys(round % 2 == 1).unwrap();
        pair.to_client.extend(send(&mut pair.server, &[round; 10]));
        pair.run().unwrap();
    }
    let expected: Vec<u8> = (0..5).flat_map(|round| [round; 10]).collect();
    assert_eq!(data(&pair.server_seen), expected);
    assert_eq!(data(&pair.client_seen), expected);
}

#[test]
fn close_notify_closes_one_direction_and_a_bare_end_is_truncation() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::established(client, server);
    pair.client.close();
    pair.run().unwrap();
    assert_eq!(pair.server_seen.last(), Some(&Seen::Closed));
    assert_eq!(pair.server.end_of_input(), Ok(()));
    // The other direction is still open.
    pair.to_client = send(&mut pair.server, b"last words");
    pair.run().unwrap();
    assert_eq!(data(&pair.client_seen), b"last words");
    assert_eq!(pair.client.end_of_input(), Err(Error::Truncated));
    assert_eq!(pair.client.receive(&mut []).unwrap_err(), Error::Truncated);
}

#[test]
fn in_place_sending_needs_room_and_gives_one_record() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::established(client, server);
    let mut buffer = vec![9; bulla::IN_PLACE_HEAD + 100 + bulla::IN_PLACE_TAIL];
    let start = bulla::IN_PLACE_HEAD;
    let record = pair.client.send_in_place(&mut buffer, start..start + 100).unwrap();
    assert_eq!(record, start - 5..start + 117);
    pair.to_server = buffer[record].to_vec();
    pair.run().unwrap();
    assert_eq!(data(&pair.server_seen), [9; 100]);
    assert!(pair.client.send_in_place(&mut buffer, start - 1..start + 100).is_err());
    assert!(pair.client.send_in_place(&mut buffer, start..start + 101).is_err());
    assert!(pair.client.may_send());
    let _ = output(&mut pair.client);
}

#[test]
fn wrong_name_is_refused_with_bad_certificate() {
    let authority = Authority::new();
    let (client, _) = configs_by(&authority, KeyKind::EcdsaP256);
    let server = bulla::ServerConfig::new(authority.identity(&["other.test"], KeyKind::EcdsaP256));
    let mut pair = Pair::new(client, server);
    let (end, error) = pair.run().unwrap_err();
    assert_eq!((end, error.name()), ("client", "NameMismatch"));
    assert!(error.to_string().contains("other.test") && error.to_string().contains(NAME));
}

#[test]
fn cipher_suites_without_common_ground_fail_with_handshake_failure() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.cipher_suites([CipherSuite::TLS_AES_128_GCM_SHA256]).unwrap();
    let server = server.cipher_suites([CipherSuite::TLS_AES_256_GCM_SHA384]).unwrap();
    assert_eq!(Pair::new(client, server).run().unwrap_err().1.name(), "NoCommonCipherSuite");
}
