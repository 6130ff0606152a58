//! GnuTLS and Bulla, both ways, TLS 1.3.

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer_gnutls.rs"]
mod gnutls;
#[path = "support/peer.rs"]
mod peer;

use std::io::{Read, Write};
use std::sync::Arc;

use bulla::wire::{AlertDescription, CipherSuite, NamedGroup, ProtocolVersion};
use bulla::{ClientAuth, ClientConfig, Error, ServerConfig};
use certificates::{Certificates, KINDS, Kind, NAME};
use ends::{
    GROUPS, KeyUpdates, SUITES, ServerStream, connect, echo_line, facts, read_line, scheme_of, serve, tls_failure,
    try_serve,
};
use gnutls::{gnutls_certificates, gnutls_cli, gnutls_serv, isolated};

/// GnuTLS' words for a suite and for a group.
fn priority(suite: CipherSuite, groups: &[NamedGroup]) -> String {
    let cipher = match suite {
        CipherSuite::TLS_AES_128_GCM_SHA256 => "AES-128-GCM",
        CipherSuite::TLS_AES_256_GCM_SHA384 => "AES-256-GCM",
        _ => "CHACHA20-POLY1305",
    };
    let group = |group: &NamedGroup| match *group {
        NamedGroup::x25519 => ":+GROUP-X25519",
        NamedGroup::secp256r1 => ":+GROUP-SECP256R1",
        _ => ":+GROUP-SECP384R1",
    };
    let groups: String = groups.iter().map(group).collect();
    format!("NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+{cipher}:-GROUP-ALL{groups}")
}

/// Lets a client send a line, get it back, and close; returns what our end tells.
#[track_caller]
fn exchange(certificates: &Certificates, config: ServerConfig, more: &[&str]) -> ends::Facts {
    let (address, served) = serve(config, echo_line);
    let mut process = gnutls_cli(certificates, address, more);
    process.wait_for_text("- Simple Client Mode:");
    process.say("there and back\n");
    process.wait_for_text("there and back\n");
    process.finish().successful();
    served.finish()
}

#[test]
fn every_suite_group_leaf_and_client_certificate_connects_from_gnutls() {
    let Some(certificates) = gnutls_certificates() else { return };
    let roots = Arc::new(certificates.roots());
    for (number, kind) in KINDS.into_iter().enumerate() {
        for (index, suite) in SUITES.into_iter().enumerate() {
            let group = GROUPS[(number + index) % 3];
            let config = ServerConfig::new(certificates.identity(kind));
            let ours = exchange(&certificates, config, &["--priority", &priority(suite, &[group])]);
            assert_eq!((ours.suite, ours.group, ours.retried), (suite, group, false));
            assert_eq!(ours.server_name.as_deref(), Some(NAME));
        }
        let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
        let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
        let config = config.client_auth(ClientAuth::Require(Arc::clone(&roots)));
        let ours = exchange(&certificates, config, &["--x509certfile", &certificate, "--x509keyfile", &key]);
        assert_eq!((ours.peer_scheme, ours.peer_chain_len), (Some(scheme_of(kind)), 1));
    }
}

#[test]
fn retry_is_answered_and_unknown_extensions_are_passed_over() {
    let Some(certificates) = gnutls_certificates() else { return };
    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    for group in GROUPS {
        let others = GROUPS.into_iter().filter(|other| *other != group).chain([group]).collect::<Vec<_>>();
        let config = config.clone().groups([group]).unwrap();
        let priority = priority(SUITES[1], &others);
        let ours = exchange(&certificates, config, &["--single-key-share", "--priority", &priority]);
        assert_eq!((ours.group, ours.retried), (group, true));
    }
    let more = ["--recordsize", "512", "--post-handshake-auth", "--heartbeat", "--ocsp", "--compress-cert", "zlib"];
    exchange(&certificates, config.clone(), &more[..4]);
    exchange(&certificates, config.clone(), &more[5..]);
    exchange(&certificates, config.clone(), &["--disable-sni", "--priority", "NORMAL:%DISABLE_TLS13_COMPAT_MODE"]);
    let ours = exchange(&certificates, config.alpn(["b", "a"]).unwrap(), &["--alpn", "a", "--alpn", "b"]);
    assert_eq!(ours.alpn.as_deref(), Some("b"));
}

#[test]
fn key_updates_of_gnutls_are_followed() {
    let Some(certificates) = gnutls_certificates() else { return };
    let seen = Arc::new(KeyUpdates::default());
    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256)).observer(seen.clone());
    let (to_server, ready) = std::sync::mpsc::channel();
    let (address, served) = serve(config, move |mut stream: ServerStream| {
        for round in 1..=4 {
            seen.wait_for(round, &mut stream);
            to_server.send(()).unwrap();
            assert_eq!(read_line(&mut stream), "with new keys\n");
            stream.write_all(format!("answer {round}\n").as_bytes()).unwrap();
        }
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        stream.close().unwrap();
    });
    let mut process = gnutls_cli(&certificates, address, &["--inline-commands"]);
    process.wait_for_text("- Simple Client Mode:");
    for round in 1..=4 {
        // With and without asking us to follow.
        process.say(if round % 2 == 0 { "^rekey^\n" } else { "^rekey1^\n" });
        ready.recv_timeout(peer::PATIENCE).unwrap();
        process.say("with new keys\n");
        process.wait_for_text(&format!("answer {round}\n"));
    }
    process.finish().successful();
    served.finish();
}

#[test]
fn refusals_are_told_to_and_by_gnutls() {
    let Some(certificates) = gnutls_certificates() else { return };
    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    let config = config.versions([ProtocolVersion::TLSv1_3]).unwrap();
    let (address, served) = try_serve(config.clone(), tls_failure);
    let text = gnutls_cli(&certificates, address, &["--priority", "NORMAL:-VERS-TLS1.3"]).finish().text();
    assert_eq!(served.finish().name(), "NoCommonVersion");
    assert!(text.contains("Error in protocol version"), "{text}");

    let (address, served) = try_serve(config, tls_failure);
    let text = gnutls_cli(&certificates, address, &["--verify-hostname", "other.test"]).finish().text();
    assert!(text.contains("does not match"), "{text}");
    assert_eq!(served.finish(), Error::AlertReceived(AlertDescription::bad_certificate));
}

#[test]
fn every_suite_group_leaf_and_client_certificate_connects_to_gnutls() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("every_suite_group_leaf_and_client_certificate_connects_to_gnutls") {
        return;
    }
    let roots = certificates.roots_file();
    for (number, kind) in KINDS.into_iter().enumerate() {
        let port = 4433 + u16::try_from(number).unwrap();
        let ask = ["--require-client-cert", "--verify-client-cert", "--x509cafile", &roots];
        let (_process, address) = gnutls_serv(&certificates, kind, port, &ask);
        for suite in SUITES {
            for (index, group) in GROUPS.into_iter().enumerate() {
                let config = ClientConfig::new(certificates.roots()).cipher_suites([suite]).unwrap();
                let config = config.groups([group]).unwrap().identity(certificates.identity(KINDS[index + 1]));
                let mut stream = connect(address, config).unwrap();
                let ours = facts(stream.connection());
                assert_eq!((ours.suite, ours.group), (suite, group));
                assert_eq!((ours.peer_scheme, ours.retried), (Some(scheme_of(kind)), false));
                stream.connection_mut().update_keys(true).unwrap();
                stream.write_all(b"there and back\n").unwrap();
                assert_eq!(read_line(&mut stream), "there and back\n");
                stream.close().unwrap();
                assert_eq!(stream.read(&mut [0]).unwrap(), 0);
            }
        }
    }
}

#[test]
fn retry_of_gnutls_leads_to_its_group() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("retry_of_gnutls_leads_to_its_group") {
        return;
    }
    for (number, group) in [NamedGroup::secp256r1, NamedGroup::secp384r1].into_iter().enumerate() {
        let port = 4443 + u16::try_from(number).unwrap();
        let (_process, address) =
            gnutls_serv(&certificates, Kind::EcdsaP256, port, &["--priority", &priority(SUITES[0], &[group])]);
        let mut stream = connect(address, ClientConfig::new(certificates.roots())).unwrap();
        let ours = facts(stream.connection());
        assert_eq!((ours.suite, ours.group, ours.retried), (SUITES[0], group, true));
        stream.write_all(b"there and back\n").unwrap();
        assert_eq!(read_line(&mut stream), "there and back\n");
    }
}

#[test]
fn server_that_speaks_tls12_alone_refuses_us_with_an_alert() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("server_that_speaks_tls12_alone_refuses_us_with_an_alert") {
        return;
    }
    let (_process, address) = gnutls_serv(&certificates, Kind::EcdsaP256, 4433, &["--priority", "NORMAL:-VERS-TLS1.3"]);
    let config = ClientConfig::new(certificates.roots()).versions([ProtocolVersion::TLSv1_3]).unwrap();
    let error = tls_failure(connect(address, config));
    // It does not look at supported_versions, and misses its suites before it can miss its version.
    assert_eq!(error, Error::AlertReceived(AlertDescription::handshake_failure));
}
