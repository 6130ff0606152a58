//! tlslite-ng and Bulla, both ways, TLS 1.3: an implementation that shares nothing with the others, in Python alone.

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer.rs"]
mod peer;

use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;

use bulla::wire::{CipherSuite, NamedGroup};
use bulla::{ClientConfig, ServerConfig};
use certificates::{Certificates, Kind, NAME};
use ends::{Facts, SUITES, ServerStream, connect, facts, scheme_of, serve};
use peer::{Process, digits, is_installed, skipped};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/python/tlslite_peer.py");

fn certificates() -> Option<Arc<Certificates>> {
    let has_tlslite = Command::new("python3").args(["-c", "import tlslite"]).output();
    if !has_tlslite.is_ok_and(|output| output.status.success()) {
        skipped("tlslite-ng and Bulla", "tlslite-ng for python3");
        return None;
    }
    if !is_installed("openssl", "version") {
        skipped("tlslite-ng and Bulla", "openssl, which makes the certificates,");
        return None;
    }
    Some(Certificates::shared())
}

fn tlslite(arguments: &[&str]) -> Process {
    Process::start(Command::new("python3").arg(SCRIPT).args(arguments))
}

/// Sends back what comes until the peer closes, and closes too.
fn echo(mut stream: ServerStream) -> Facts {
    let facts = facts(stream.connection());
    let mut buffer = vec![0; 20_000];
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            len => stream.write_all(&buffer[..len]).unwrap(),
        }
    }
    stream.close().unwrap();
    facts
}

/// tlslite-ng's name of a suite's cipher.
fn cipher(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS_AES_128_GCM_SHA256 => "aes128gcm",
        CipherSuite::TLS_AES_256_GCM_SHA384 => "aes256gcm",
        _ => "chacha20-poly1305",
    }
}

#[test]
fn client_connects_with_every_suite_and_leaf_changes_keys_and_limits_its_records() {
    let Some(certificates) = certificates() else { return };
    let kinds = [Kind::EcdsaP256, Kind::Rsa, Kind::RsaPss];
    let shares = [
        ("0", NamedGroup::x25519, false),
        ("x25519", NamedGroup::x25519, false),
        ("secp256r1", NamedGroup::x25519, true),
    ];
    for (index, suite) in SUITES.into_iter().enumerate() {
        let (curve, group, retried) = shares[index];
        let config = ServerConfig::new(certificates.identity(kinds[index])).cipher_suites([suite]).unwrap();
        let (address, served) = serve(config.alpn(["tlslite"]).unwrap(), echo);
        let client = tlslite(&["client", &address.port().to_string(), curve, ["0", "512", "64"][index]]);
        client.wait_for_text(&format!("negotiated (3, 4) {} b'tlslite'\n", cipher(suite)));
        client.wait_for_text("done");
        let ours = served.finish();
        assert_eq!((ours.suite, ours.group, ours.retried), (suite, group, retried));
        assert_eq!((ours.alpn.as_deref(), ours.server_name.as_deref()), (Some("tlslite"), Some(NAME)));
    }
}

#[test]
fn server_is_connected_to_with_every_suite_and_leaf_and_changes_keys() {
    let Some(certificates) = certificates() else { return };
    let kinds = [Kind::EcdsaP256, Kind::Rsa, Kind::RsaPss];
    let groups = [NamedGroup::x25519, NamedGroup::secp256r1, NamedGroup::secp384r1];
    for (index, suite) in SUITES.into_iter().enumerate() {
        let (kind, group) = (kinds[index], groups[index]);
        let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
        let server = tlslite(&["server", &certificate, &key, "ask"]);
        let address = format!("127.0.0.1:{}", server.wait_for_line("port ")).parse().unwrap();
        let config = ClientConfig::new(certificates.roots()).cipher_suites([suite]).unwrap().groups([group]).unwrap();
        // Its own first choice would be the longest hash.
        let config = config.signature_schemes([scheme_of(kind)]).unwrap();
        let mut stream = connect(address, config.identity(certificates.identity(kind))).unwrap();
        server.wait_for_text(&format!("negotiated (3, 4) {} 1\n", cipher(suite)));
        let ours = facts(stream.connection());
        assert_eq!((ours.suite, ours.group, ours.peer_scheme), (suite, group, Some(scheme_of(kind))));
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
