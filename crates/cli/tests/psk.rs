//! `connect --psk` and `serve --psk-file`: keys that both ends have, with certificates beside and without.

mod support;

use support::{Authority, Folder, Ran, Server, bulla, bulla_with_input};

const KEY: &str = "bb67ae8584caa73b510e527fade682d1";
const OTHER_KEY: &str = "3c6ef372fe94f82ba54ff53a5f1d36f1";

/// A server that knows `client1` and `urn:other:2`, without a certificate.
fn server(folder: &Folder, more: &[&str]) -> Server {
    let file = folder.write("keys", format!("# who may come in\n\nclient1:{KEY}\nurn:other:2:{OTHER_KEY}\n"));
    Server::run(&[&["serve", "127.0.0.1:0", "--echo", "--psk-file", &file], more].concat())
}

fn connect(server: &Server, psk: &str, more: &[&str]) -> Ran {
    let options = ["connect", &server.address, "--half-close", "--psk", psk];
    bulla_with_input(&[&options[..], more].concat(), b"there and back")
}

#[track_caller]
fn connected(ran: &Ran, kind: &str) {
    assert_eq!((ran.code, ran.text().as_str()), (0, "there and back"), "{}", ran.errors);
    let line = ran.errors.lines().find(|line| line.starts_with("connected to ")).unwrap();
    assert!(line.ends_with(kind), "{}", ran.errors);
}

#[test]
fn right_key_opens_without_any_certificate() {
    let folder = Folder::new();
    let server = server(&folder, &[]);
    for (identity, key) in [("client1", KEY), ("urn:other:2", OTHER_KEY)] {
        let ran = connect(&server, &format!("{identity}:{key}"), &[]);
        connected(&ran, ", external PSK");
        assert!(!ran.errors.contains("certificate"), "{}", ran.errors);
    }
    assert_eq!(server.stop().matches(", external PSK").count(), 2);
}

#[test]
fn wrong_key_and_unknown_identity_do_not() {
    let folder = Folder::new();
    let server = server(&folder, &[]);
    let ran = connect(&server, &format!("client1:{OTHER_KEY}"), &[]);
    let line = ran.failed_with(3, &["received the alert decrypt_error", "another key under this identity"]);
    assert!(!line.contains(OTHER_KEY), "{line}");
    let ran = connect(&server, &format!("client3:{KEY}"), &[]);
    assert_eq!((ran.code, ran.output.len()), (3, 0), "{}", ran.errors);
    // Somebody without any key.
    let ran = bulla(&["connect", &server.address, "--half-close", "--max-version", "1.3"]);
    assert_eq!(ran.code, 3, "{}", ran.errors);
    let ran = bulla(&["connect", &server.address, "--half-close", "--max-version", "1.2"]);
    ran.failed_with(3, &["received the alert protocol_version"]);
    connected(&connect(&server, &format!("client1:{KEY}"), &[]), ", external PSK");
    let said = server.stop();
    assert!(said.contains("the client has another key under this identity"), "{said}");
    assert!(said.contains("there is no external PSK in common"), "{said}");
}

#[test]
fn connection_by_a_key_leaves_no_session_and_keeps_nobody_waiting() {
    let folder = Folder::new();
    let (server, session) = (server(&folder, &["--idle-timeout", "600"]), folder.path("session"));
    for _ in 0..2 {
        let psk = format!("client1:{KEY}");
        let ran = bulla(&["connect", &server.address, "--psk", &psk, "--session", &session]);
        assert!(ran.code == 0 && ran.errors.contains(", external PSK"), "{}", ran.errors);
        assert!(!std::fs::exists(&session).unwrap(), "the server sends no ticket for what it could not tell any more");
    }
}

#[test]
fn certificates_count_beside_keys_where_both_ends_say_so() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    let issued = authority.issue(&folder, &["127.0.0.1"]);
    let both = server(&folder, &["--cert", &issued.cert, "--key", &issued.key]);
    let certificates = Server::start(&issued, &["--echo"]);
    let (known, unknown) = (format!("client1:{KEY}"), format!("client9:{KEY}"));
    let trusting = ["--ca", authority.file.as_str()];
    connected(&connect(&both, &known, &[]), ", external PSK");
    connected(&connect(&both, &known, &trusting), ", external PSK");
    connected(&connect(&both, &unknown, &trusting), ", full handshake");
    connected(&connect(&certificates, &known, &trusting), ", full handshake");
    // Without an authority no certificate is good enough, whatever the system trusts.
    let ran = connect(&certificates, &known, &[]);
    ran.failed_with(3, &["did not choose one of the external PSKs", "--ca"]);
    // A client of either version without a key gets in by the certificate.
    for version in ["1.3", "1.2"] {
        let options = ["connect", &both.address, "--half-close", "--max-version", version];
        let ran = bulla_with_input(&[&options[..], &trusting].concat(), b"there and back");
        connected(&ran, ", full handshake");
    }
}

#[test]
fn key_is_bound_to_its_hash() {
    let folder = Folder::new();
    let psk = format!("client1:{KEY}");
    let server = server(&folder, &["--psk-hash", "sha384"]);
    let ran = connect(&server, &psk, &["--psk-hash", "SHA-384"]);
    connected(&ran, ", external PSK");
    assert!(ran.errors.contains("TLS_AES_256_GCM_SHA384"), "{}", ran.errors);
    assert_eq!(connect(&server, &psk, &[]).code, 3);
    connect(&server, &psk, &["--psk-hash", "md5"]).failed_with(1, &["--psk-hash", "sha256, sha384"]);
}

#[test]
fn imported_keys_open_only_for_importers() {
    let folder = Folder::new();
    let psk = format!("client1:{KEY}");
    let importing = server(&folder, &["--psk-import"]);
    for suite in ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"] {
        connected(&connect(&importing, &psk, &["--psk-import", "--suites", suite]), ", external PSK");
    }
    assert_eq!(connect(&importing, &psk, &[]).code, 3);
    assert_eq!(connect(&server(&folder, &[]), &psk, &["--psk-import"]).code, 3);
}

#[test]
fn unusable_keys_are_refused_and_not_shown() {
    let folder = Folder::new();
    let serve = |content: &str, words: &[&str]| {
        let file = folder.write("keys", content);
        let line = bulla(&["serve", "127.0.0.1:0", "--echo", "--psk-file", &file]).failed_with(1, words);
        assert!(!line.contains(&KEY[..8]), "{line}");
    };
    serve(&format!("a:{KEY}\n# b\nb {KEY}\n"), &["--psk-file", "keys:3: ", "IDENTITY:HEX"]);
    serve(&format!("a:{KEY}\na:{OTHER_KEY}\n"), &["keys:2: ", "twice"]);
    serve(&format!("a:{}\n", &KEY[..30]), &["keys:1: ", "16 bytes"]);
    serve(&format!(":{KEY}\n"), &["keys:1: ", "identity"]);
    serve("# nobody\n", &["keys: ", "no key"]);
    let missing = folder.path("missing");
    bulla(&["serve", "127.0.0.1:0", "--echo", "--psk-file", &missing]).failed_with(1, &["--psk-file", "missing"]);
    bulla(&["serve", "127.0.0.1:0", "--echo"]).failed_with(1, &["--cert"]);

    let connect = |psk: &str, more: &[&str], words: &[&str]| {
        let line = bulla(&[&["connect", "127.0.0.1:1", "--psk", psk], more].concat()).failed_with(1, words);
        assert!(!line.contains(&KEY[..8]), "{line}");
    };
    connect(KEY, &[], &["--psk", "IDENTITY:HEX"]);
    connect(&format!("a:{KEY}x"), &[], &["--psk", "IDENTITY:HEX"]);
    connect(&format!("a:{}", &KEY[..30]), &[], &["--psk", "16 bytes"]);
    connect(&format!("a:{KEY}"), &["--max-version", "1.2"], &["--psk", "TLS 1.3"]);
}
