//! Python's ssl module, and tlslite-ng, which shares nothing with the others, and Bulla, both ways, TLS 1.2.
#![cfg(feature = "tls12")]

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer.rs"]
mod peer;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use bulla::danger::DangerousCompatibility;
use bulla::wire::{AlertDescription, CipherSuite};
use bulla::{ClientAuth, ClientConfig, Error, ServerConfig};
use certificates::{Certificates, KINDS, Kind, NAME};
use ends::{
    Facts, ServerStream, connect, connect_as, facts_tls12, openssl_suite, read_line, scheme_of, serve, tls_failure,
    tls12_scheme_of, tls12_suites, try_serve,
};
use peer::{Process, digits, is_installed, skipped};

const SSL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/python/peer.py");
const TLSLITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/python/tlslite_peer.py");

/// The certificates, or `None` without what Python must be able to import; says so then.
fn certificates(module: &str) -> Option<Arc<Certificates>> {
    let imported = Command::new("python3").args(["-c", &format!("import {module}")]).output();
    if !imported.is_ok_and(|output| output.status.success()) {
        skipped("Python and Bulla in TLS 1.2", &format!("python3 with {module}"));
        return None;
    }
    if !is_installed("openssl", "version") {
        skipped("Python and Bulla in TLS 1.2", "openssl, which makes the certificates,");
        return None;
    }
    Some(Certificates::shared())
}

fn python(script: &str, arguments: &[&str]) -> Process {
    Process::start(Command::new("python3").arg(script).args(arguments).env("PEER_VERSION", "1.2"))
}

fn without_extended_master_secret(arguments: &[&str]) -> Process {
    let mut command = Command::new("python3");
    Process::start(command.arg(TLSLITE).args(arguments).env("PEER_VERSION", "1.2").env("NO_EMS", "1"))
}

fn address_of(server: &Process) -> SocketAddr {
    format!("127.0.0.1:{}", server.wait_for_line("port ")).parse().unwrap()
}

/// Sends back what comes until the peer closes, and closes too.
fn echo(mut stream: ServerStream) -> Facts {
    let facts = facts_tls12(stream.connection());
    let mut buffer = vec![0; 70_000];
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            len => stream.write_all(&buffer[..len]).unwrap(),
        }
    }
    stream.close().unwrap();
    facts
}

#[test]
fn every_leaf_suite_and_client_certificate_connects_from_python() {
    let Some(certificates) = certificates("ssl") else { return };
    let roots = certificates.roots_file();
    for (index, kind) in KINDS.into_iter().enumerate() {
        let (client_kind, suite) = (KINDS[(index + 1) % 5], tls12_suites(kind)[index % 3]);
        let config = ServerConfig::new(certificates.identity(kind)).cipher_suites([suite]).unwrap();
        let config = config.client_auth(ClientAuth::Require(Arc::new(certificates.roots())));
        let (address, served) = serve(config.alpn(["python"]).unwrap(), echo);
        let port = address.port().to_string();
        let (certificate, key) = (certificates.certificate_file(client_kind), certificates.key_file(client_kind));
        let client = python(SSL, &["client", "127.0.0.1", &port, NAME, &roots, &certificate, &key]);
        client.wait_for_text(&format!("TLSv1.2 {} python {}\n", openssl_suite(suite), kind.name()));
        client.wait_for_text("done");
        let ours = served.finish();
        assert_eq!((ours.suite, ours.alpn.as_deref()), (suite, Some("python")));
        assert_eq!((ours.peer_scheme, ours.server_name.as_deref()), (Some(tls12_scheme_of(client_kind)), Some(NAME)));
    }
}

#[test]
fn every_leaf_suite_and_client_certificate_connects_to_python() {
    let Some(certificates) = certificates("ssl") else { return };
    let roots = certificates.roots_file();
    for (index, kind) in KINDS.into_iter().enumerate() {
        let (client_kind, suite) = (KINDS[(index + 2) % 5], tls12_suites(kind)[index % 3]);
        let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
        let server = python(SSL, &["server", &roots, &certificate, &key]);
        let config = ClientConfig::new(certificates.roots()).cipher_suites([suite]).unwrap();
        let config = config.alpn(["python"]).unwrap().identity(certificates.identity(client_kind));
        let mut stream = connect(address_of(&server), config).unwrap();
        server.wait_for_text(&format!("TLSv1.2 {} python {}\n", openssl_suite(suite), client_kind.name()));
        let ours = facts_tls12(stream.connection());
        assert_eq!((ours.peer_scheme, ours.alpn.as_deref()), (Some(tls12_scheme_of(kind)), Some("python")));
        stream.write_all(b"there and back\n").unwrap();
        assert_eq!(read_line(&mut stream), "there and back\n");
        stream.close().unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn wrong_names_are_refused_by_and_to_python() {
    let Some(certificates) = certificates("ssl") else { return };
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    let server = python(SSL, &["server", "-", &certificate, &key]);
    let error = tls_failure(connect_as(address_of(&server), ClientConfig::new(certificates.roots()), "other.test"));
    assert_eq!(error.name(), "NameMismatch");
    assert!(server.wait_for_line("refused").contains("bad certificate"));

    let (address, served) = try_serve(ServerConfig::new(certificates.identity(Kind::Rsa)), tls_failure);
    let port = address.port().to_string();
    let client = python(SSL, &["client", "127.0.0.1", &port, "other.test", &certificates.roots_file()]);
    client.wait_for_text("Hostname mismatch");
    assert_eq!(served.finish(), Error::AlertReceived(AlertDescription::bad_certificate));
}

/// tlslite-ng's name of a suite's cipher.
fn cipher(suite: CipherSuite) -> &'static str {
    match suite.name().unwrap() {
        name if name.contains("AES_128") => "aes128gcm",
        name if name.contains("AES_256") => "aes256gcm",
        _ => "chacha20-poly1305",
    }
}

#[test]
fn tlslite_client_connects_with_every_suite() {
    let Some(certificates) = certificates("tlslite") else { return };
    for kind in [Kind::EcdsaP256, Kind::Rsa] {
        for (index, suite) in tls12_suites(kind).into_iter().enumerate() {
            let config = ServerConfig::new(certificates.identity(kind)).cipher_suites([suite]).unwrap();
            let (address, served) = serve(config.alpn(["tlslite"]).unwrap(), echo);
            let port = address.port().to_string();
            // A record_size_limit that it may offer in TLS 1.2 too, and that nobody has to take.
            let client = python(TLSLITE, &["client", &port, "0", ["0", "512", "64"][index]]);
            client.wait_for_text(&format!("negotiated (3, 3) {} b'tlslite'\n", cipher(suite)));
            client.wait_for_text("done");
            let ours = served.finish();
            assert_eq!((ours.suite, ours.alpn.as_deref()), (suite, Some("tlslite")));
            assert_eq!(ours.server_name.as_deref(), Some(NAME));
        }
    }
}

#[test]
fn tlslite_server_is_connected_to_with_every_suite_and_a_client_certificate() {
    let Some(certificates) = certificates("tlslite") else { return };
    for kind in [Kind::EcdsaP256, Kind::Rsa] {
        for suite in tls12_suites(kind) {
            let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
            let server = python(TLSLITE, &["server", &certificate, &key, "ask"]);
            // Its own first choice would be the longest hash.
            let config = ClientConfig::new(certificates.roots()).cipher_suites([suite]).unwrap();
            let config = config.signature_schemes([scheme_of(kind)]).unwrap();
            let config = config.identity(certificates.identity(kind));
            let mut stream = connect(address_of(&server), config).unwrap();
            server.wait_for_text(&format!("negotiated (3, 3) {} 1\n", cipher(suite)));
            let ours = facts_tls12(stream.connection());
            assert_eq!((ours.suite, ours.peer_scheme), (suite, Some(scheme_of(kind))));
            let sent = digits(60_000);
            let mut received = vec![0; 3_000];
            for part in sent.chunks(received.len()) {
                stream.write_all(part).unwrap();
                stream.read_exact(&mut received).unwrap();
                assert!(received == part);
            }
            stream.close().unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
            server.wait_for_text("done");
        }
    }
}

#[test]
fn tlslite_without_extended_master_secret_is_refused_unless_danger_is_accepted() {
    let Some(certificates) = certificates("tlslite") else { return };
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    let config = ClientConfig::new(certificates.roots());
    let server = without_extended_master_secret(&["server", &certificate, &key]);
    assert_eq!(tls_failure(connect(address_of(&server), config.clone())).name(), "NoExtendedMasterSecret");
    server.wait_for_text("handshake_failure");
    let server = without_extended_master_secret(&["server", &certificate, &key]);
    let config = config.danger_allow_without_extended_master_secret();
    let mut stream = connect(address_of(&server), config).unwrap();
    stream.write_all(b"there and back\n").unwrap();
    assert_eq!(read_line(&mut stream), "there and back\n");

    let config = ServerConfig::new(certificates.identity(Kind::Rsa)).alpn(["tlslite"]).unwrap();
    let (address, served) = try_serve(config.clone(), tls_failure);
    let client = without_extended_master_secret(&["client", &address.port().to_string(), "0", "0"]);
    client.wait_for_text("handshake_failure");
    assert_eq!(served.finish().name(), "NoExtendedMasterSecret");
    let (address, served) = serve(config.danger_allow_without_extended_master_secret(), echo);
    let client = without_extended_master_secret(&["client", &address.port().to_string(), "0", "0"]);
    client.wait_for_text("done");
    served.finish();
}
