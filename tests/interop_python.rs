//! Python's ssl module and Bulla, both ways, TLS 1.3: OpenSSL as a library, with unwrap() for the orderly end.

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer.rs"]
mod peer;

use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;

use bulla::wire::AlertDescription;
use bulla::{ClientAuth, ClientConfig, Error, ServerConfig};
use certificates::{Certificates, KINDS, Kind, NAME};
use ends::{SUITES, ServerStream, connect, connect_as, facts, read_line, scheme_of, serve, tls_failure, try_serve};
use peer::{Process, is_installed, skipped};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/python/peer.py");

fn certificates() -> Option<Arc<Certificates>> {
    let has_tls13 = Command::new("python3").args(["-c", "import ssl; assert ssl.HAS_TLSv1_3"]).output();
    if !has_tls13.is_ok_and(|output| output.status.success()) {
        skipped("Python's ssl module and Bulla", "python3 with TLS 1.3");
        return None;
    }
    if !is_installed("openssl", "version") {
        skipped("Python's ssl module and Bulla", "openssl, which makes the certificates,");
        return None;
    }
    Some(Certificates::shared())
}

fn python(arguments: &[&str]) -> Process {
    Process::start(Command::new("python3").arg(SCRIPT).args(arguments))
}

/// Sends back what comes until the peer closes, and closes too.
fn echo(mut stream: ServerStream) -> ends::Facts {
    let facts = facts(stream.connection());
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
    let Some(certificates) = certificates() else { return };
    let roots = certificates.roots_file();
    for (index, kind) in KINDS.into_iter().enumerate() {
        let (client_kind, suite) = (KINDS[(index + 1) % 5], SUITES[index % 3]);
        let config = ServerConfig::new(certificates.identity(kind)).cipher_suites([suite]).unwrap();
        let config = config.client_auth(ClientAuth::Require(Arc::new(certificates.roots())));
        let (address, served) = serve(config.alpn(["python"]).unwrap(), echo);
        let port = address.port().to_string();
        let (certificate, key) = (certificates.certificate_file(client_kind), certificates.key_file(client_kind));
        let client = python(&["client", "127.0.0.1", &port, NAME, &roots, &certificate, &key]);
        client.wait_for_text(&format!("TLSv1.3 {suite} python {}\n", kind.name()));
        client.wait_for_text("done");
        let ours = served.finish();
        assert_eq!((ours.suite, ours.alpn.as_deref()), (suite, Some("python")));
        assert_eq!((ours.peer_scheme, ours.server_name.as_deref()), (Some(scheme_of(client_kind)), Some(NAME)));
    }
}

#[test]
fn every_leaf_suite_and_client_certificate_connects_to_python() {
    let Some(certificates) = certificates() else { return };
    let roots = certificates.roots_file();
    for (index, kind) in KINDS.into_iter().enumerate() {
        let (client_kind, suite) = (KINDS[(index + 2) % 5], SUITES[index % 3]);
        let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
        let server = python(&["server", &roots, &certificate, &key]);
        let address = format!("127.0.0.1:{}", server.wait_for_line("port ")).parse().unwrap();
        let config = ClientConfig::new(certificates.roots()).cipher_suites([suite]).unwrap();
        let config = config.alpn(["python"]).unwrap().identity(certificates.identity(client_kind));
        let mut stream = connect(address, config).unwrap();
        server.wait_for_text(&format!("TLSv1.3 {suite} python {}\n", client_kind.name()));
        let ours = facts(stream.connection());
        assert_eq!((ours.peer_scheme, ours.alpn.as_deref()), (Some(scheme_of(kind)), Some("python")));
        stream.write_all(b"there and back\n").unwrap();
        assert_eq!(read_line(&mut stream), "there and back\n");
        stream.close().unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn wrong_names_are_refused_both_ways() {
    let Some(certificates) = certificates() else { return };
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    let server = python(&["server", "-", &certificate, &key]);
    let address = format!("127.0.0.1:{}", server.wait_for_line("port ")).parse().unwrap();
    let error = tls_failure(connect_as(address, ClientConfig::new(certificates.roots()), "other.test"));
    assert_eq!(error.name(), "NameMismatch");
    assert!(server.wait_for_line("refused").contains("bad certificate"));

    let (address, served) = try_serve(ServerConfig::new(certificates.identity(Kind::Rsa)), tls_failure);
    let port = address.port().to_string();
    let client = python(&["client", "127.0.0.1", &port, "other.test", &certificates.roots_file()]);
    client.wait_for_text("Hostname mismatch");
    assert_eq!(served.finish(), Error::AlertReceived(AlertDescription::bad_certificate));
}
