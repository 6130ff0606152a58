//! The command against foreign programs in TLS 1.2: curl, openssl and Go. What only TLS 1.2 has stands in its trace.

#[path = "../../../tests/support/peer_certificates.rs"]
mod certificates;
#[path = "../../../tests/support/peer_go.rs"]
mod go;
#[path = "../../../tests/support/peer.rs"]
mod peer;

use std::fs;
use std::process::Command;
use std::sync::Arc;

use certificates::{Certificates, Kind, NAME};
use peer::{Finished, Process, contains, digits, is_installed, skipped};

/// How much is moved, in MiB: more than the default takes a build with optimisation.
fn transfer_len() -> usize {
    std::env::var("BULLA_TRANSFER_MIB").map_or(16, |mib| mib.parse().expect("a number of MiB")) << 20
}

/// The certificates, or `None` if a program is missing; says so then.
fn certificates_and(programs: &[(&str, &str)]) -> Option<Arc<Certificates>> {
    let needed = [&[("openssl", "version")], programs].concat();
    match needed.iter().find(|(program, flag)| !is_installed(program, flag)) {
        Some((missing, _)) => {
            skipped("the command bulla and its peers in TLS 1.2", missing);
            None
        }
        None => Some(Certificates::shared()),
    }
}

fn bulla(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
    command.args(arguments).env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    command
}

/// Starts `bulla serve` with the leaf of this kind; returns its port.
fn serve(certificates: &Certificates, kind: Kind, more: &[&str]) -> (Process, String) {
    let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
    let arguments = ["serve", "127.0.0.1:0", "--cert", &certificate, "--key", &key];
    let process = Process::start(bulla(&arguments).args(more));
    let port = process.wait_for_line("listening on 127.0.0.1:");
    (process, port)
}

/// Starts `bulla connect`, which speaks both versions.
fn connect(certificates: &Certificates, address: &str, more: &[&str]) -> Process {
    let roots = certificates.roots_file();
    Process::start(bulla(&["connect", address, "--ca", &roots, "--name", NAME]).args(more))
}

/// Starts `openssl s_server` in TLS 1.2; returns its address.
fn s_server(certificates: &Certificates, kind: Kind, more: &[&str]) -> (Process, String) {
    let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-tls1_2", "-cert", &certificate, "-key", &key]);
    let server = Process::start(command.args(more));
    let address = server.wait_for_line("ACCEPT ");
    (server, address)
}

/// Runs curl against `bulla serve`, in TLS 1.2 at most.
fn curl(certificates: &Certificates, port: &str, path: &str, more: &[&str]) -> Finished {
    let (roots, resolve) = (certificates.roots_file(), format!("{NAME}:{port}:127.0.0.1"));
    let mut command = Command::new("curl");
    command.args(["--disable", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "300"]);
    command.args(["--tls-max", "1.2", "--cacert", &roots, "--resolve", &resolve]).args(more);
    Process::start(command.arg(format!("https://{NAME}:{port}/{path}"))).finish()
}

#[test]
fn curl_fetches_a_large_file_whole() {
    let Some(certificates) = certificates_and(&[("curl", "--version")]) else { return };
    let folder = certificates::Folder::new();
    let content = digits(transfer_len());
    folder.write("large", &content);
    for kind in [Kind::EcdsaP256, Kind::Rsa] {
        let (server, port) = serve(&certificates, kind, &["--root", &folder.text("")]);
        let copy = folder.text("copy");
        let text = curl(&certificates, &port, "large", &["--output", &copy, "--verbose"]).successful().text();
        assert!(fs::read(copy).unwrap() == content, "curl has received something else");
        assert!(text.contains("SSL connection using TLSv1.2"), "{text}");
        server.wait_for_text("TLS 1.2, TLS_ECDHE_");
    }
}

#[test]
fn curl_shows_client_certificates_of_every_kind() {
    let Some(certificates) = certificates_and(&[("curl", "--version")]) else { return };
    let folder = certificates::Folder::new();
    folder.write("file", "content\n");
    let (root, roots) = (folder.text(""), certificates.roots_file());
    let (server, port) = serve(&certificates, Kind::Rsa, &["--root", &root, "--client-ca", &roots]);
    for kind in certificates::KINDS {
        let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
        let finished = curl(&certificates, &port, "file", &["--cert", &certificate, "--key", &key]).successful();
        assert_eq!(finished.stdout, b"content\n");
    }
    let without = curl(&certificates, &port, "file", &[]);
    assert!(without.text().contains("alert handshake failure"), "{}", without.text());
    server.wait_for_text("sent the alert handshake_failure");
}

/// What comes back of what is sent, in the words of the peer that sends it back.
fn moves_both_ways(certificates: &Certificates, address: &str, sent: Vec<u8>, expected: &[u8], more: &[&str]) {
    let mut process = connect(certificates, address, &[&["--half-close"], more].concat());
    process.say_all(sent);
    let finished = process.finish().successful();
    assert!(finished.stdout == expected, "{} bytes have come back: {}", finished.stdout.len(), finished.text().len());
    assert!(contains(&finished.stderr, "TLS 1.2, "), "{}", String::from_utf8_lossy(&finished.stderr));
}

#[test]
fn half_closed_connection_moves_all_data_through_our_echo_in_every_suite() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let data = digits(transfer_len());
    for (kind, name) in [(Kind::EcdsaP256, "ECDSA"), (Kind::Rsa, "RSA")] {
        let (_server, port) = serve(&certificates, kind, &["--echo", "--max-version", "1.2"]);
        let address = format!("127.0.0.1:{port}");
        for cipher in ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"] {
            let suite = format!("ECDHE-{name}-{cipher}");
            moves_both_ways(&certificates, &address, data.clone(), &data, &["--suites", &suite]);
        }
    }
}

#[test]
fn half_closed_connection_moves_all_data_through_openssls_line_reverser() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let (_server, address) = s_server(&certificates, Kind::Rsa, &["-rev"]);
    let data = digits(transfer_len() / 16);
    let reverse = |line: &[u8]| [line[..15].iter().rev().copied().collect(), vec![b'\n']].concat();
    let expected = data.chunks(16).flat_map(reverse).collect::<Vec<u8>>();
    moves_both_ways(&certificates, &address, data, &expected, &[]);
}

#[test]
fn half_closed_connection_moves_all_data_through_gos_echo() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/go/main.go");
    let Some(program) = go::go_peer(source) else { return };
    let (certificate, key) = (certificates.certificate_file(Kind::Ed25519), certificates.key_file(Kind::Ed25519));
    let (server, address) = go::go_server(program, &["-cert", &certificate, "-key", &key]);
    let data = digits(transfer_len());
    moves_both_ways(&certificates, &address.to_string(), data.clone(), &data, &["--max-version", "1.2"]);
    assert_eq!(server.wait_for_line("version="), "TLS 1.2");
}

#[test]
fn request_to_renegotiate_stands_in_the_trace_with_its_answer() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let (mut server, address) = s_server(&certificates, Kind::EcdsaP256, &[]);
    let mut client = connect(&certificates, &address, &["--trace"]);
    client.say("first\n");
    server.wait_for_text("first\n");
    server.say("r\n");
    client.wait_for_text("← HelloRequest");
    client.wait_for_text("asks to negotiate anew, which is never done");
    client.wait_for_text("→ Alert no_renegotiation");
    client.wait_for_text("declines to negotiate anew; the connection goes on");
    // The answer goes out before the next data does, or with the rest of the first. The command has no use for a client that
    // declines, and ends it; it may be over before there is anything to say.
    client.say_all(b"second\n".to_vec());
    server.wait_for_text(":no renegotiation");
    let finished = client.finish();
    assert_eq!(finished.status.code(), Some(3), "{}", finished.text());
    assert!(finished.text().contains("received the alert handshake_failure"), "{}", finished.text());
}

#[test]
fn warning_of_the_server_stands_in_the_trace() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    // The command warns of a name that it does not know, and goes on with its first certificate.
    let more = ["-rev", "-servername", "else.test", "-cert2", &certificate, "-key2", &key];
    let (_server, address) = s_server(&certificates, Kind::EcdsaP256, &more);
    let mut client = connect(&certificates, &address, &["--trace", "--half-close"]);
    client.say("there\n");
    let text = client.finish().successful().text();
    let line = text.lines().find(|line| line.contains("← Alert unrecognized_name"));
    assert!(line.is_some_and(|line| line.contains("a warning; the connection goes on")), "{text}");
    assert!(text.starts_with("ereht\n"), "{text}");
}

#[test]
fn stapled_response_is_asked_for_and_stands_in_the_trace() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let file = certificates::ocsp_response(&certificates, Kind::EcdsaP256);
    let (_server, address) = s_server(&certificates, Kind::EcdsaP256, &["-rev", "-status_file", &file]);
    let mut client = connect(&certificates, &address, &["--trace", "--half-close", "--ocsp"]);
    client.say("there\n");
    let text = client.finish().successful().text();
    let line = text.lines().find(|line| line.contains("← CertificateStatus"));
    assert!(line.is_some_and(|line| line.contains("an OCSP response of ")), "{text}");
    let connected = text.lines().find(|line| line.starts_with("connected to ")).unwrap();
    assert!(connected.contains("TLS 1.2, ") && connected.contains("an OCSP response of "), "{connected}");
}

#[test]
fn peers_without_extended_master_secret_are_refused_in_words() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let config = certificates::config_without_extended_master_secret(&certificates.folder);
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-tls1_2", "-cert", &certificate, "-key", &key]);
    let server = Process::start(command.env("OPENSSL_CONF", &config));
    let refused = connect(&certificates, &server.wait_for_line("ACCEPT "), &[]).finish();
    assert_eq!(refused.status.code(), Some(3), "{}", refused.text());
    assert!(refused.text().contains("no extended master secret"), "{}", refused.text());
    assert!(refused.text().contains("sent the alert handshake_failure"), "{}", refused.text());
    server.wait_for_text("alert handshake failure");

    let (server, port) = serve(&certificates, Kind::Rsa, &["--echo"]);
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-tls1_2"]);
    let client = Process::start(command.env("OPENSSL_CONF", &config));
    client.wait_for_text("alert handshake failure");
    server.wait_for_text("no extended master secret");
}
