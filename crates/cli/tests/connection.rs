//! `bulla connect` and `bulla serve` with one another, and each with a peer that does it wrong.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use bulla::{Identity, ServerConfig, ServerConnection, Stream};
use support::{
    Authority, Folder, Issued, Server, bulla, bulla_with_closed_output, bulla_with_input, bulla_with_open_input, noise,
};

/// An authority, and a certificate for localhost from it.
fn files() -> (Folder, Authority, Issued) {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    let issued = authority.issue(&folder, &["localhost", "127.0.0.1"]);
    (folder, authority, issued)
}

fn connect<'a>(server: &'a Server, authority: &'a Authority, more: &[&'a str]) -> Vec<&'a str> {
    [&["connect", &server.address, "--ca", &authority.file], more].concat()
}

#[test]
fn echo_returns_everything_through_a_half_close() {
    let (_folder, authority, issued) = files();
    let server = Server::start(&issued, &["--echo", "--once"]);
    let data = noise(8 << 20);
    let ran = bulla_with_input(&connect(&server, &authority, &["--half-close"]), &data);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(ran.output == data, "{} bytes came back", ran.output.len());
    assert!(ran.errors.contains("TLS 1.3, TLS_AES_128_GCM_SHA256, X25519MLKEM768"), "{}", ran.errors);
    assert!(ran.errors.contains("issued by CN=authority"), "{}", ran.errors);
    let ended = server.end();
    assert_eq!(ended.code, 0, "{}", ended.errors);
    assert!(ended.errors.contains(": closed"), "{}", ended.errors);
}

#[test]
fn without_half_close_receiving_goes_on_until_the_peer_closes() {
    let (_folder, authority, issued) = files();
    // The server closes because nothing moves any more; standard input has long ended then.
    let server = Server::start(&issued, &["--echo", "--once", "--idle-timeout", "2"]);
    let data = noise(3 << 20);
    let ran = bulla_with_input(&connect(&server, &authority, &["--quiet"]), &data);
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    assert!(ran.output == data, "{} bytes came back", ran.output.len());
    server.end().failed_with(2, &["nothing moved for 2 s"]);
}

#[test]
fn peer_that_closes_ends_the_command_while_standard_input_is_open() {
    let (_folder, authority, issued) = files();
    let server = Server::start(&issued, &["--echo", "--once", "--idle-timeout", "1"]);
    let ran = bulla_with_open_input(&connect(&server, &authority, &["--quiet"]), b"typed");
    assert_eq!((ran.code, ran.text().as_str(), ran.errors.as_str()), (0, "typed", ""));
}

#[test]
fn reader_of_standard_output_may_go_away() {
    let (_folder, authority, issued) = files();
    let server = Server::start(&issued, &["--echo"]);
    let ran = bulla_with_closed_output(&connect(&server, &authority, &["--half-close", "--quiet"]), &noise(1 << 20));
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
}

#[test]
fn addresses_of_a_name_are_tried_in_turn() {
    let (_folder, authority, issued) = files();
    let server = Server::start(&issued, &["--echo"]);
    let by_name = server.address.replace("127.0.0.1", "localhost");
    let ran = bulla_with_input(&["connect", &by_name, "--ca", &authority.file, "--half-close"], b"found");
    assert_eq!((ran.code, ran.text().as_str()), (0, "found"), "{}", ran.errors);
    assert!(ran.errors.contains(&format!("connected to {by_name} at {}", server.address)), "{}", ran.errors);
}

#[test]
fn ipv6_addresses_stand_in_brackets() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("this machine has no IPv6");
        return;
    }
    let (folder, authority, _) = files();
    let issued = authority.issue(&folder, &["::1"]);
    let server = Server::run(&["serve", "[::1]:0", "--cert", &issued.cert, "--key", &issued.key, "--echo"]);
    assert!(server.address.starts_with("[::1]:"), "{}", server.address);
    let ran = bulla_with_input(&connect(&server, &authority, &["--half-close"]), b"six");
    assert_eq!((ran.code, ran.text().as_str()), (0, "six"), "{}", ran.errors);
}

#[test]
fn every_suite_and_group_can_be_chosen_on_both_sides() {
    let (_folder, authority, issued) = files();
    for (suite, group) in [
        ("TLS_AES_256_GCM_SHA384", "secp384r1"),
        ("TLS_CHACHA20_POLY1305_SHA256", "x25519"),
        ("TLS_AES_128_GCM_SHA256", "secp256r1"),
    ] {
        let server = Server::start(&issued, &["--echo", "--suites", suite, "--groups", group]);
        let ran = bulla_with_input(&connect(&server, &authority, &["--half-close"]), b"x");
        assert_eq!((ran.code, ran.text().as_str()), (0, "x"), "{}", ran.errors);
        assert!(ran.errors.contains(&format!("{suite}, {group}")), "{}", ran.errors);

        let server = Server::start(&issued, &["--echo"]);
        let ran = bulla_with_input(
            &connect(&server, &authority, &["--half-close", "--suites", suite, "--groups", group]),
            b"",
        );
        assert!(ran.errors.contains(&format!("{suite}, {group}")), "{}", ran.errors);
    }
}

#[test]
fn no_common_suite_is_a_tls_failure_on_both_sides() {
    let (_folder, authority, issued) = files();
    let server = Server::start(&issued, &["--echo", "--once", "--suites", "TLS_AES_128_GCM_SHA256"]);
    let ran = bulla(&connect(&server, &authority, &["--suites", "TLS_AES_256_GCM_SHA384"]));
    ran.failed_with(3, &["received the alert handshake_failure", "--trace", "--cert"]);
    server.end().failed_with(3, &["no cipher suite in common", "sent the alert handshake_failure"]);
}

#[test]
fn application_protocol_is_the_servers_choice() {
    let (_folder, authority, issued) = files();
    let server = Server::start(&issued, &["--echo", "--alpn", "b,a"]);
    let ran = bulla(&connect(&server, &authority, &["--half-close", "--alpn", "a,b"]));
    assert!(ran.code == 0 && ran.errors.contains("protocol b"), "{}", ran.errors);
    let ran = bulla(&connect(&server, &authority, &["--half-close", "--alpn", "c"]));
    ran.failed_with(3, &["received the alert no_application_protocol", "--alpn"]);
}

#[test]
fn certificate_is_chosen_by_server_name() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    let (a, b) = (authority.issue(&folder, &["a.test"]), authority.issue(&folder, &["b.test", "*.c.test"]));
    let server = Server::start(&a, &["--echo", "--cert", &b.cert, "--key", &b.key]);
    for (name, subject) in [("a.test", "CN=a.test"), ("b.test", "CN=b.test"), ("x.c.test", "CN=b.test")] {
        let ran = bulla(&connect(&server, &authority, &["--half-close", "--name", name]));
        assert!(ran.code == 0 && ran.errors.contains(subject), "{name}: {}", ran.errors);
    }
    let ran = bulla(&connect(&server, &authority, &["--name", "d.test"]));
    ran.failed_with(4, &["not valid for the name d.test", "a.test"]);
}

#[test]
fn client_certificates_are_required_or_requested() {
    let (folder, authority, issued) = files();
    let clients = Authority::new(&folder, "clients");
    let client = clients.issue(&folder, &["client"]);
    let stranger = authority.issue(&folder, &["stranger"]);
    let with = |server: &Server, issued: &Issued| {
        let options = ["--half-close", "--cert", issued.cert.as_str(), "--key", issued.key.as_str()];
        bulla(&connect(server, &authority, &options))
    };

    let server = Server::start(&issued, &["--echo", "--once", "--client-ca", &clients.file]);
    assert_eq!(with(&server, &client).code, 0);
    let ended = server.end();
    assert!(ended.code == 0 && ended.errors.contains("its certificate: CN=client"), "{}", ended.errors);

    let server = Server::start(&issued, &["--echo", "--once", "--client-ca", &clients.file]);
    let ran = bulla(&connect(&server, &authority, &["--half-close"]));
    ran.failed_with(3, &["received the alert certificate_required", "--cert FILE --key FILE"]);
    server.end().failed_with(3, &["showed no certificate", "--client-auth request"]);

    let server = Server::start(&issued, &["--echo", "--once", "--client-ca", &clients.file]);
    with(&server, &stranger).failed_with(3, &["received the alert unknown_ca", "--cert"]);
    server.end().failed_with(4, &["issuer is unknown", "sent the alert unknown_ca", "--client-ca"]);

    let server = Server::start(&issued, &["--echo", "--client-ca", &clients.file, "--client-auth", "request"]);
    assert_eq!(bulla(&connect(&server, &authority, &["--half-close"])).code, 0);
    with(&server, &stranger).failed_with(3, &["received the alert unknown_ca"]);
}

#[test]
fn trace_tells_every_message_on_both_sides() {
    let (folder, authority, issued) = files();
    let clients = Authority::new(&folder, "clients");
    let client = clients.issue(&folder, &["client"]);
    let arguments = ["--echo", "--once", "--trace", "--client-ca", &clients.file, "--groups", "secp384r1"];
    let server = Server::start(&issued, &arguments);
    let options = [
        "--half-close",
        "--trace",
        "--name",
        "localhost",
        "--alpn",
        "x",
        "--cert",
        &client.cert,
        "--key",
        &client.key,
        "--groups",
        "x25519,secp384r1",
    ];
    let ran = bulla(&connect(&server, &authority, &options));
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let of_client = [
        "→ ClientHello",
        "← HelloRetryRequest",
        "→ ClientHello",
        "← ServerHello",
        "← EncryptedExtensions",
        "← CertificateRequest",
        "← Certificate ",
        "← CertificateVerify",
        "← Finished",
        "→ Certificate ",
        "→ CertificateVerify",
        "→ Finished",
        "→ Alert close_notify",
        "← Alert close_notify",
    ];
    in_order(&ran.errors, &of_client);
    for part in [
        "wants a key share of secp384r1",
        "server name      localhost",
        "protocols        x",
        "cipher suites    TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256",
        "key shares       x25519 (32 B)",
        "chooses TLS 1.3, TLS_AES_128_GCM_SHA256, secp384r1",
        "→ change_cipher_spec",
        "← change_cipher_spec",
    ] {
        assert!(ran.errors.contains(part), "{part:?} is missing in {}", ran.errors);
    }
    let turned: Vec<_> = of_client
        .iter()
        .map(|part| match part.strip_prefix("→ ") {
            Some(name) => format!("#1 ← {name}"),
            None => part.replace("← ", "#1 → "),
        })
        .collect();
    in_order(&server.end().errors, &turned.iter().map(String::as_str).collect::<Vec<_>>());
}

#[track_caller]
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is missing, or not in its place: {text}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn keylogs_of_both_sides_have_the_same_secrets() {
    let (folder, authority, issued) = files();
    let (ours, theirs) = (folder.path("client.keys"), folder.path("server.keys"));
    let server = Server::start(&issued, &["--echo", "--once", "--keylog", &theirs]);
    assert_eq!(bulla(&connect(&server, &authority, &["--half-close", "--keylog", &ours])).code, 0);
    assert_eq!(server.end().code, 0);
    let sorted = |path: &str| {
        let text = fs::read_to_string(path).unwrap();
        let mut lines: Vec<_> = text.lines().map(String::from).collect();
        lines.sort();
        lines
    };
    let lines = sorted(&ours);
    assert_eq!(lines, sorted(&theirs));
    for label in [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
    ] {
        let line = lines.iter().find(|line| line.starts_with(label)).unwrap_or_else(|| panic!("no {label}"));
        let fields: Vec<_> = line.split(' ').collect();
        assert_eq!(fields.iter().map(|it| it.len()).collect::<Vec<_>>(), [label.len(), 64, 64], "{line}");
    }
}

#[test]
fn one_clients_error_does_not_end_the_server() {
    let (_folder, authority, issued) = files();
    let server = Server::start(&issued, &["--echo"]);
    std::net::TcpStream::connect(&server.address).unwrap().write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    bulla(&connect(&server, &authority, &["--name", "other.test"])).failed_with(4, &["other.test"]);
    drop(std::net::TcpStream::connect(&server.address).unwrap());
    let ran = bulla_with_input(&connect(&server, &authority, &["--half-close"]), b"still here");
    assert_eq!((ran.code, ran.text().as_str()), (0, "still here"));
    let said = server.stop();
    assert!(said.contains("does not begin with TLS (plain HTTP?)"), "{said}");
    assert!(said.contains("received the alert bad_certificate"), "{said}");
}

#[test]
fn connections_beyond_the_limit_wait_for_a_place() {
    let (_folder, authority, issued) = files();
    let server = Server::start(&issued, &["--echo", "--max-connections", "1", "--timeout", "2"]);
    // It says nothing and keeps the only place until its handshake's time is over.
    let silent = std::net::TcpStream::connect(&server.address).unwrap();
    let ran = bulla_with_input(&connect(&server, &authority, &["--half-close"]), b"patience");
    assert_eq!((ran.code, ran.text().as_str()), (0, "patience"), "{}", ran.errors);
    drop(silent);
    let said = server.stop();
    assert!(said.contains("not finished in time"), "{said}");
}

#[test]
fn bare_end_of_the_transport_is_truncation_after_all_data_is_written() {
    let (_folder, authority, issued) = files();
    let identity = Identity::from_files(&issued.cert, &issued.key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let peer = thread::spawn(move || {
        let connection = ServerConnection::new(Arc::new(ServerConfig::new(identity))).unwrap();
        let mut stream = Stream::new(connection, listener.accept().unwrap().0);
        stream.read_exact(&mut [0]).unwrap();
        stream.write_all(b"all that there is").unwrap();
    });
    let ran = bulla_with_input(&["connect", &address, "--ca", &authority.file], b"?");
    peer.join().unwrap();
    assert_eq!(ran.text(), "all that there is");
    ran.failed_with(3, &["without close_notify", "cut it off"]);
}

#[test]
fn peer_without_tls_is_a_tls_failure() {
    let (_folder, authority, _) = files();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let peer = thread::spawn(move || {
        let mut transport = listener.accept().unwrap().0;
        transport.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // Until the client has gone, or its alert would meet a closed port.
        let _ = transport.read_to_end(&mut Vec::new());
    });
    let ran = bulla(&["connect", &address, "--ca", &authority.file]);
    ran.failed_with(3, &["does not speak TLS", "is this the port of a TLS server?"]);
    peer.join().unwrap();
}

#[test]
fn silent_peer_and_closed_port_are_network_failures() {
    let (_folder, authority, _) = files();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ran = bulla(&["connect", &address, "--ca", &authority.file, "--timeout", "0.3"]);
    ran.failed_with(2, &["in time", "--timeout"]);
    drop(listener);
    let ran = bulla(&["connect", &address, "--ca", &authority.file]);
    ran.failed_with(2, &["refused", "is a server listening"]);
    let ran = bulla(&["connect", "name.invalid:443", "--ca", &authority.file]);
    ran.failed_with(2, &["cannot look up name.invalid"]);
}

#[test]
fn peer_that_closes_during_the_handshake_is_truncation() {
    let (_folder, authority, _) = files();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let peer = thread::spawn(move || {
        let mut transport = listener.accept().unwrap().0;
        transport.read_exact(&mut [0; 100]).unwrap();
        transport.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = transport.read_to_end(&mut Vec::new());
    });
    let ran = bulla(&["connect", &address, "--ca", &authority.file]);
    ran.failed_with(3, &["during the handshake"]);
    peer.join().unwrap();
}
