//! GnuTLS and Bulla, both ways, TLS 1.2.
#![cfg(feature = "tls12")]

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
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use bulla::danger::DangerousCompatibility;
use bulla::wire::{AlertDescription, AlertLevel, CipherSuite, Handshake, NamedGroup, ProtocolVersion};
use bulla::{ClientAuth, ClientConfig, Content, Direction, Error, Observed, Observer, ServerConfig};
use certificates::{Certificates, KINDS, Kind, NAME};
use ends::{
    ClientStream, Facts, GROUPS, ServerStream, connect, connect_as, echo_line, echo_line_tls12, facts, facts_tls12,
    groups_with_curve_of, read_line, serve, tls_failure, tls12_scheme_of, tls12_suites, try_serve,
};
use gnutls::{gnutls_certificates, gnutls_cli, gnutls_serv, isolated};

const TLS12: &str = "NORMAL:-VERS-ALL:+VERS-TLS1.2";

/// GnuTLS' words for a suite and for groups.
fn priority(suite: CipherSuite, groups: &[NamedGroup]) -> String {
    let cipher = match suite.name().unwrap() {
        name if name.contains("AES_128") => "AES-128-GCM",
        name if name.contains("AES_256") => "AES-256-GCM",
        _ => "CHACHA20-POLY1305",
    };
    let group = |group: &NamedGroup| match *group {
        NamedGroup::x25519 => ":+GROUP-X25519",
        NamedGroup::secp256r1 => ":+GROUP-SECP256R1",
        _ => ":+GROUP-SECP384R1",
    };
    let groups: String = groups.iter().map(group).collect();
    format!("{TLS12}:-CIPHER-ALL:+{cipher}:-GROUP-ALL{groups}")
}

/// Lets a client send a line, get it back, and close; returns what our end tells.
#[track_caller]
fn exchange(certificates: &Certificates, config: ServerConfig, more: &[&str]) -> Facts {
    let (address, served) = serve(config, echo_line_tls12);
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
        for (index, suite) in tls12_suites(kind).into_iter().enumerate() {
            let group = GROUPS[(number + index) % 3];
            let config = ServerConfig::new(certificates.identity(kind)).groups([group]).unwrap();
            let priority = priority(suite, &groups_with_curve_of(kind, group));
            let ours = exchange(&certificates, config, &["--priority", &priority]);
            assert_eq!((ours.suite, ours.group, ours.retried), (suite, group, false));
            assert_eq!(ours.server_name.as_deref(), Some(NAME));
        }
        let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
        let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
        let config = config.client_auth(ClientAuth::Require(Arc::clone(&roots)));
        let own = ["--priority", TLS12, "--x509certfile", &certificate, "--x509keyfile", &key];
        let ours = exchange(&certificates, config, &own);
        assert_eq!((ours.peer_scheme, ours.peer_chain_len), (Some(tls12_scheme_of(kind)), 1));
    }
}

#[test]
fn version_is_the_newest_that_both_ends_allow() {
    let Some(certificates) = gnutls_certificates() else { return };
    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    let (address, served) = serve(config.clone(), echo_line);
    let mut process = gnutls_cli(&certificates, address, &[]);
    process.wait_for_text("- Simple Client Mode:");
    process.say("there and back\n");
    process.wait_for_text("there and back\n");
    process.finish().successful();
    served.finish();
    exchange(&certificates, config.clone(), &["--priority", "NORMAL:-VERS-TLS1.3"]);
    exchange(&certificates, config.versions([ProtocolVersion::TLSv1_2]).unwrap(), &[]);
}

#[test]
fn extensions_that_we_do_not_know_are_passed_over_and_protocols_agreed_on() {
    let Some(certificates) = gnutls_certificates() else { return };
    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    for more in [&["--recordsize", "512", "--heartbeat"][..], &["--disable-sni", "--noticket"]] {
        exchange(&certificates, config.clone(), &[&["--priority", TLS12], more].concat());
    }
    // It insists on a response and judges it.
    let response = std::fs::read(certificates::ocsp_response(&certificates, Kind::EcdsaP256)).unwrap();
    let stapling = ServerConfig::new(certificates.identity(Kind::EcdsaP256).ocsp_response(response));
    exchange(&certificates, stapling, &["--priority", TLS12, "--ocsp"]);
    let config = config.alpn(["b", "a"]).unwrap();
    let ours = exchange(&certificates, config, &["--priority", TLS12, "--alpn", "a", "--alpn", "b"]);
    assert_eq!(ours.alpn.as_deref(), Some("b"));
}

#[test]
fn renegotiation_of_the_client_ends_the_connection() {
    let Some(certificates) = gnutls_certificates() else { return };
    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    let (address, served) = serve(config, |mut stream: ServerStream| {
        let error = tls_failure(stream.read(&mut [0]));
        let _ = std::io::copy(stream.transport_mut(), &mut std::io::sink());
        error
    });
    let mut process = gnutls_cli(&certificates, address, &["--inline-commands", "--priority", TLS12]);
    process.wait_for_text("- Simple Client Mode:");
    process.say("^renegotiate^\n");
    process.wait_for_text("No renegotiation");
    process.kill();
    assert_eq!(served.finish().name(), "Renegotiation");
}

#[test]
fn client_without_extended_master_secret_is_refused_unless_danger_is_accepted() {
    let Some(certificates) = gnutls_certificates() else { return };
    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    let without = format!("{TLS12}:%NO_SESSION_HASH");
    let (address, served) = try_serve(config.clone(), tls_failure);
    let text = gnutls_cli(&certificates, address, &["--priority", &without]).finish().text();
    assert_eq!(served.finish().name(), "NoExtendedMasterSecret");
    assert!(text.contains("Handshake failed"), "{text}");
    exchange(&certificates, config.danger_allow_without_extended_master_secret(), &["--priority", &without]);
}

#[test]
fn refusals_are_told_to_and_by_gnutls() {
    let Some(certificates) = gnutls_certificates() else { return };
    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    let (address, served) = try_serve(config.clone(), tls_failure);
    let older = "NORMAL:-VERS-ALL:+VERS-TLS1.1";
    let text = gnutls_cli(&certificates, address, &["--priority", older]).finish().text();
    assert_eq!(served.finish().name(), "NoCommonVersion");
    assert!(text.contains("Error in protocol version"), "{text}");

    let (address, served) = try_serve(config, tls_failure);
    let wrong = ["--priority", TLS12, "--verify-hostname", "other.test"];
    let text = gnutls_cli(&certificates, address, &wrong).finish().text();
    assert!(text.contains("does not match"), "{text}");
    assert_eq!(served.finish(), Error::AlertReceived(AlertDescription::bad_certificate));
}

fn there_and_back(stream: &mut ClientStream) {
    stream.write_all(b"there and back\n").unwrap();
    assert_eq!(read_line(stream), "there and back\n");
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
        let ask = ["--require-client-cert", "--verify-client-cert", "--x509cafile", &roots, "--priority", TLS12];
        let (_process, address) = gnutls_serv(&certificates, kind, port, &ask);
        for suite in tls12_suites(kind) {
            for (index, group) in GROUPS.into_iter().enumerate() {
                let config = ClientConfig::new(certificates.roots()).cipher_suites([suite]).unwrap();
                let config = config.groups(groups_with_curve_of(kind, group)).unwrap();
                let mut stream = connect(address, config.identity(certificates.identity(KINDS[index + 1]))).unwrap();
                let ours = facts_tls12(stream.connection());
                assert_eq!((ours.suite, ours.group), (suite, group));
                assert_eq!((ours.peer_scheme, ours.retried), (Some(tls12_scheme_of(kind)), false));
                there_and_back(&mut stream);
                stream.close().unwrap();
                assert_eq!(stream.read(&mut [0]).unwrap(), 0);
            }
        }
    }
}

/// Counts the server's requests to negotiate anew, and our warnings that we do not.
#[derive(Debug, Default)]
struct Renegotiation {
    asked: AtomicUsize,
    declined: AtomicUsize,
}

impl Observer for Renegotiation {
    fn observe(&self, seen: &Observed<'_>) {
        match &seen.content {
            Content::Handshake { message: Ok(Handshake::HelloRequest(_)), .. } => self.asked.fetch_add(1, SeqCst),
            Content::Alert(alert) if alert.description == AlertDescription::no_renegotiation => {
                assert_eq!((seen.direction, alert.level), (Direction::Sent, AlertLevel::warning));
                self.declined.fetch_add(1, SeqCst)
            }
            _ => 0,
        };
    }
}

#[test]
fn renegotiation_of_the_server_is_declined_with_a_warning() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("renegotiation_of_the_server_is_declined_with_a_warning") {
        return;
    }
    let (_process, address) = gnutls_serv(&certificates, Kind::Rsa, 4433, &["--priority", TLS12]);
    let seen = Arc::new(Renegotiation::default());
    let config = ClientConfig::new(certificates.roots()).observer(seen.clone());
    let mut stream = connect(address, config).unwrap();
    there_and_back(&mut stream);
    stream.write_all(b"**REHANDSHAKE**\n").unwrap();
    assert_eq!(read_line(&mut stream), "Successfully executed command\n");
    assert_eq!((seen.asked.load(SeqCst), seen.declined.load(SeqCst)), (1, 1));
    // The command takes any alert for an end, and has none of its own; the library below it would go on.
    assert_eq!(tls_failure(stream.read(&mut [0])), Error::Truncated);
}

#[test]
fn versions_refusals_and_extended_master_secret_of_the_server() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("versions_refusals_and_extended_master_secret_of_the_server") {
        return;
    }
    let config = || ClientConfig::new(certificates.roots());
    let (process, address) = gnutls_serv(&certificates, Kind::EcdsaP256, 4433, &[]);
    facts(connect(address, config()).unwrap().connection());
    let mut stream = connect(address, config().versions([ProtocolVersion::TLSv1_2]).unwrap()).unwrap();
    facts_tls12(stream.connection());
    there_and_back(&mut stream);
    let error = tls_failure(connect_as(address, config(), "other.test"));
    assert_eq!(error.name(), "NameMismatch");
    process.wait_for_text("A TLS fatal alert has been received");

    let (_process, address) = gnutls_serv(&certificates, Kind::EcdsaP256, 4434, &["--priority", "NORMAL:-VERS-TLS1.3"]);
    there_and_back(&mut connect(address, config()).unwrap());

    let without = format!("{TLS12}:%NO_SESSION_HASH");
    let (process, address) = gnutls_serv(&certificates, Kind::EcdsaP256, 4435, &["--priority", &without]);
    assert_eq!(tls_failure(connect(address, config())).name(), "NoExtendedMasterSecret");
    process.wait_for_text("A TLS fatal alert has been received");
    let mut stream = connect(address, config().danger_allow_without_extended_master_secret()).unwrap();
    there_and_back(&mut stream);

    let older = ["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.1"];
    let (_process, address) = gnutls_serv(&certificates, Kind::EcdsaP256, 4436, &older);
    for config in [config(), config().versions([ProtocolVersion::TLSv1_2]).unwrap()] {
        let error = tls_failure(connect(address, config));
        // Whether it misses its version or its suites first is its own affair.
        let alerts = [AlertDescription::protocol_version, AlertDescription::handshake_failure];
        assert!(alerts.map(Error::AlertReceived).contains(&error), "{error}");
    }
}
