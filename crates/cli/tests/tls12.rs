//! `bulla connect` and `bulla serve` in TLS 1.2, and how the two versions are chosen between.

mod support;

use std::fs;

use support::{Authority, Folder, Issued, Server, bulla, bulla_with_input, noise};

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

#[track_caller]
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is missing, or not in its place: {text}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn version_is_the_newest_that_both_ends_allow() {
    let (_folder, authority, issued) = files();
    for (of_server, of_client, settled) in [
        (&[][..], &[][..], "TLS 1.3, "),
        (&["--max-version", "1.2"], &[], "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, x25519"),
        (&[], &["--max-version", "tls1.2"], "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, x25519"),
        (&["--min-version", "1.2"], &["--min-version", "1.2", "--max-version", "1.3"], "TLS 1.3, "),
    ] {
        let server = Server::start(&issued, &[&["--echo", "--once"], of_server].concat());
        let ran = bulla_with_input(&connect(&server, &authority, &[&["--half-close"], of_client].concat()), b"x");
        assert_eq!((ran.code, ran.text().as_str()), (0, "x"), "{}", ran.errors);
        assert!(ran.errors.contains(settled), "{}", ran.errors);
        let ended = server.end();
        assert!(ended.code == 0 && ended.errors.contains(settled), "{}", ended.errors);
    }
}

#[test]
fn no_common_version_is_told_on_both_sides() {
    let (_folder, authority, issued) = files();
    for (of_server, of_client) in [("--max-version", "--min-version"), ("--min-version", "--max-version")] {
        let version = |option| if option == "--min-version" { "1.3" } else { "1.2" };
        let server = Server::start(&issued, &["--echo", "--once", of_server, version(of_server)]);
        let ran = bulla(&connect(&server, &authority, &[of_client, version(of_client)]));
        ran.failed_with(3, &["received the alert protocol_version", "this build can speak TLS 1.2, TLS 1.3"]);
        let words = ["no protocol version in common", "sent the alert protocol_version", "--min-version"];
        server.end().failed_with(3, &words);
    }
}

#[test]
fn suites_are_chosen_by_the_registrys_names_and_by_openssls() {
    let (_folder, authority, issued) = files();
    for (suite, of_openssl) in [
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ecdhe-ecdsa-chacha20-poly1305"),
    ] {
        // A list without a suite of TLS 1.3 is a choice of TLS 1.2.
        let server = Server::start(&issued, &["--echo", "--suites", suite]);
        let ran = bulla_with_input(&connect(&server, &authority, &["--half-close"]), b"x");
        assert!(ran.code == 0 && ran.errors.contains(&format!("TLS 1.2, {suite}, ")), "{}", ran.errors);

        let server = Server::start(&issued, &["--echo"]);
        let ran = bulla_with_input(&connect(&server, &authority, &["--half-close", "--suites", of_openssl]), b"x");
        assert!(ran.code == 0 && ran.errors.contains(&format!("TLS 1.2, {suite}, ")), "{}", ran.errors);
        let both = format!("TLS_AES_256_GCM_SHA384,{of_openssl}");
        let ran = bulla_with_input(&connect(&server, &authority, &["--half-close", "--suites", &both]), b"x");
        assert!(ran.code == 0 && ran.errors.contains("TLS 1.3, TLS_AES_256_GCM_SHA384, "), "{}", ran.errors);
    }
    bulla(&["connect", "localhost:1", "--max-version", "1.2", "--suites", "TLS_AES_128_GCM_SHA256"])
        .failed_with(1, &["--max-version"]);
    bulla(&["connect", "localhost:1", "--max-version", "1.2", "--groups", "X25519MLKEM768"])
        .failed_with(1, &["--max-version"]);
    bulla(&["connect", "localhost:1", "--min-version", "1.3", "--max-version", "1.2"])
        .failed_with(1, &["newer than --max-version"]);
}

#[test]
fn echo_returns_everything_in_every_suite_through_a_half_close() {
    let (_folder, authority, issued) = files();
    let data = noise(3 << 20);
    for suite in ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"] {
        let server = Server::start(&issued, &["--echo", "--once"]);
        let ran = bulla_with_input(&connect(&server, &authority, &["--half-close", "--suites", suite]), &data);
        assert_eq!(ran.code, 0, "{}", ran.errors);
        assert!(ran.output == data, "{} bytes came back", ran.output.len());
        assert_eq!(server.end().code, 0);
    }
}

#[test]
fn client_certificates_are_required_or_requested() {
    let (folder, authority, issued) = files();
    let clients = Authority::new(&folder, "clients");
    let client = clients.issue(&folder, &["client"]);
    let stranger = authority.issue(&folder, &["stranger"]);
    let tls12 = ["--half-close", "--max-version", "1.2"];
    let with = |server: &Server, issued: &Issued| {
        let options = [&tls12[..], &["--cert", &issued.cert, "--key", &issued.key]].concat();
        bulla(&connect(server, &authority, &options))
    };

    let server = Server::start(&issued, &["--echo", "--once", "--client-ca", &clients.file]);
    assert_eq!(with(&server, &client).code, 0);
    let ended = server.end();
    assert!(ended.code == 0 && ended.errors.contains("its certificate: CN=client"), "{}", ended.errors);

    // TLS 1.2 has no alert that says what is missing; the hint does.
    let server = Server::start(&issued, &["--echo", "--once", "--client-ca", &clients.file]);
    let ran = bulla(&connect(&server, &authority, &tls12));
    ran.failed_with(3, &["received the alert handshake_failure", "--cert FILE --key FILE"]);
    server.end().failed_with(3, &["showed no certificate", "--client-auth request"]);

    let server = Server::start(&issued, &["--echo", "--once", "--client-ca", &clients.file]);
    with(&server, &stranger).failed_with(3, &["received the alert unknown_ca", "--cert"]);
    server.end().failed_with(4, &["issuer is unknown", "sent the alert unknown_ca", "--client-ca"]);

    let server = Server::start(&issued, &["--echo", "--client-ca", &clients.file, "--client-auth", "request"]);
    assert_eq!(bulla(&connect(&server, &authority, &tls12)).code, 0);
    with(&server, &stranger).failed_with(3, &["received the alert unknown_ca"]);
}

#[test]
fn trace_tells_every_message_on_both_sides() {
    let (folder, authority, issued) = files();
    let clients = Authority::new(&folder, "clients");
    let client = clients.issue(&folder, &["client"]);
    let server =
        Server::start(&issued, &["--echo", "--once", "--trace", "--client-ca", &clients.file, "--alpn", "x,y"]);
    let options = ["--half-close", "--trace", "--max-version", "1.2", "--name", "localhost", "--alpn", "y"];
    let own = ["--cert", &client.cert, "--key", &client.key];
    let ran = bulla(&connect(&server, &authority, &[&options[..], &own].concat()));
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let of_client = [
        "→ ClientHello",
        "← ServerHello",
        "← Certificate ",
        "← ServerKeyExchange",
        "← CertificateRequest ",
        "← ServerHelloDone",
        "→ Certificate ",
        "→ ClientKeyExchange",
        "→ CertificateVerify",
        "→ change_cipher_spec",
        "→ Finished",
        "← change_cipher_spec",
        "← Finished",
        "→ Alert close_notify",
        "← Alert close_notify",
    ];
    in_order(&ran.errors, &of_client);
    for part in [
        "offers TLS 1.2, 6 suites, 3 groups, for localhost",
        "chooses TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "protocol         y",
        "extended_master_secret, ",
        "its key share of x25519, signed with the certificate's key",
        "signature        ecdsa_secp256r1_sha256",
        "kinds of keys    ecdsa_sign, rsa_sign",
        "authorities      1",
        "its key share (32 B)",
        "what we send is protected from here on",
        "what the peer sends is protected from here on",
        "session keys",
    ] {
        assert!(ran.errors.contains(part), "{part:?} is missing in {}", ran.errors);
    }
    // The server's Finished comes last, and change_cipher_spec before it.
    let of_server = [
        "#1 ← ClientHello",
        "#1 → ServerHello",
        "#1 → Certificate ",
        "#1 → ServerKeyExchange",
        "#1 → CertificateRequest ",
        "#1 → ServerHelloDone",
        "#1 ← Certificate ",
        "#1 ← ClientKeyExchange",
        "#1 ← CertificateVerify",
        "#1 ← change_cipher_spec",
        "#1 ← Finished",
        "#1 → change_cipher_spec",
        "#1 → Finished",
        "#1 ← Alert close_notify",
        "#1 → Alert close_notify",
    ];
    in_order(&server.end().errors, &of_server);
}

#[test]
fn keylogs_of_both_sides_have_the_same_secret() {
    let (folder, authority, issued) = files();
    let (ours, theirs) = (folder.path("client.keys"), folder.path("server.keys"));
    let server = Server::start(&issued, &["--echo", "--once", "--max-version", "1.2", "--keylog", &theirs]);
    assert_eq!(bulla(&connect(&server, &authority, &["--half-close", "--keylog", &ours])).code, 0);
    assert_eq!(server.end().code, 0);
    let line = fs::read_to_string(&ours).unwrap();
    assert_eq!(line, fs::read_to_string(&theirs).unwrap());
    let fields: Vec<_> = line.trim_end().split(' ').collect();
    assert_eq!(fields[0], "CLIENT_RANDOM");
    assert_eq!(fields[1..].iter().map(|it| it.len()).collect::<Vec<_>>(), [64, 96], "{line}");
}
