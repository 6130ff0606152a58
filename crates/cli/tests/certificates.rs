//! What stands beside certificates, and how they travel: compression, staples, timestamps, delegated keys.

mod support;

use rcgen::{CustomExtension, KeyPair, KeyUsagePurpose};
use support::{Authority, Folder, Issued, Ran, Server, bulla, bulla_with_input};

/// Any bytes that look like an OCSP response to whoever does not judge it: a SEQUENCE.
const STAPLE: [u8; 5] = [0x30, 3, 0x0a, 1, 0];
/// A list of two timestamps that nobody looks into.
const TIMESTAMPS: [u8; 11] = [0, 9, 0, 3, 1, 2, 3, 0, 2, 4, 5];

fn files() -> (Folder, Authority, Issued) {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    let issued = authority.issue(&folder, &["127.0.0.1"]);
    (folder, authority, issued)
}

fn connect(server: &Server, authority: &Authority, more: &[&str]) -> Ran {
    let options = ["connect", &server.address, "--ca", &authority.file, "--half-close", "--trace"];
    bulla_with_input(&[&options[..], more].concat(), b"there and back")
}

#[track_caller]
fn connected(ran: &Ran) -> &str {
    assert_eq!((ran.code, ran.text().as_str()), (0, "there and back"), "{}", ran.errors);
    ran.errors.lines().find(|line| line.starts_with("connected to ")).unwrap()
}

#[test]
fn certificates_are_compressed_both_ways_where_both_ends_say_so() {
    let (folder, authority, issued) = files();
    let own = authority.issue(&folder, &["client.test"]);
    let own = ["--cert", &own.cert, "--key", &own.key];
    let both = ["--echo", "--client-ca", &authority.file, "--compress-certificate", "zlib,brotli"];
    let (both, none) = (Server::start(&issued, &both), Server::start(&issued, &["--echo"]));
    for (wanted, used) in [("zlib", ["zlib"; 2]), ("brotli", ["brotli"; 2]), ("BROTLI,zlib", ["zlib", "brotli"])] {
        let ran = connect(&both, &authority, &[&["--compress-certificate", wanted][..], &own].concat());
        connected(&ran);
        let compressed: Vec<_> = ran.errors.lines().filter(|line| line.contains("B, compressed with ")).collect();
        assert_eq!(compressed.len(), 2, "the server's and the client's: {}", ran.errors);
        // Each end compresses in its own order.
        for ((line, used), subject) in compressed.iter().zip(used).zip(["CN=127.0.0.1", "CN=client.test"]) {
            assert!(line.contains(&format!("compressed with {used}: {subject}, issued by")), "{line}");
        }
    }
    for (server, more) in [(&both, &own[..]), (&none, &["--compress-certificate", "zlib"])] {
        let ran = connect(server, &authority, more);
        connected(&ran);
        assert!(!ran.errors.contains("compressed with"), "{}", ran.errors);
    }
    // TLS 1.2 has no compressed certificates.
    let old = [&["--compress-certificate", "zlib", "--max-version", "1.2"][..], &own].concat();
    assert!(connected(&connect(&both, &authority, &old)).contains("TLS 1.2"));
    bulla(&["connect", "a:1", "--compress-certificate", "zstd"]).failed_with(1, &["zlib, brotli"]);
}

#[test]
fn staples_and_timestamps_reach_whoever_asks_for_them() {
    let (folder, authority, issued) = files();
    let (staple, timestamps) = (folder.write("staple", STAPLE), folder.write("timestamps", TIMESTAMPS));
    let server = Server::start(&issued, &["--echo", "--staple", &staple, "--sct", &timestamps]);
    for version in ["1.3", "1.2"] {
        let copy = folder.path(version);
        let ran = connect(&server, &authority, &["--max-version", version, "--scts", "--save-ocsp", &copy]);
        let line = connected(&ran);
        assert!(line.contains(", an OCSP response of 5 B, 2 signed certificate timestamps, "), "{line}");
        assert_eq!(std::fs::read(&copy).unwrap(), STAPLE);
        assert!(ran.errors.contains("2, 5 B in all"), "{}", ran.errors);

        let ran = connect(&server, &authority, &["--max-version", version]);
        let line = connected(&ran);
        assert!(!line.contains("OCSP") && !line.contains("timestamp"), "{line}");
    }
    let silent = Server::start(&issued, &["--echo", "--staple", "-"]);
    let copy = folder.path("nothing");
    let ran = connect(&silent, &authority, &["--save-ocsp", &copy]);
    connected(&ran);
    assert!(ran.errors.contains("nothing is not written") && !std::fs::exists(&copy).unwrap(), "{}", ran.errors);
}

#[test]
fn client_staples_to_its_certificate_where_the_server_asks() {
    let (folder, authority, issued) = files();
    let (own, staple) = (authority.issue(&folder, &["client.test"]), folder.write("staple", STAPLE));
    let own = ["--cert", &own.cert, "--key", &own.key, "--staple", &staple];
    let asking = Server::start(&issued, &["--echo", "--client-ca", &authority.file, "--client-ocsp"]);
    let silent = Server::start(&issued, &["--echo", "--client-ca", &authority.file]);
    connected(&connect(&asking, &authority, &own));
    connected(&connect(&silent, &authority, &own));
    assert!(asking.stop().contains(", an OCSP response of 5 B, "));
    assert!(!silent.stop().contains("OCSP"));
}

#[test]
fn clients_certificate_is_chosen_by_the_authorities_that_the_server_names() {
    let (folder, authority, issued) = files();
    let other = Authority::new(&folder, "other");
    let (first, second) = (authority.issue(&folder, &["first.test"]), other.issue(&folder, &["second.test"]));
    let own = ["--cert", &first.cert, "--key", &first.key, "--cert", &second.cert, "--key", &second.key];
    for (ca, name) in [(&other.file, "second.test"), (&authority.file, "first.test")] {
        let server = Server::start(&issued, &["--echo", "--client-ca", ca]);
        connected(&connect(&server, &authority, &own));
        let said = server.stop();
        assert!(said.contains(&format!("its certificate: CN={name}")), "{said}");
    }
}

#[test]
fn certificates_may_be_signed_otherwise_than_handshakes() {
    let (_folder, authority, issued) = files();
    let server = Server::start(&issued, &["--echo", "--trace"]);
    let options = ["--certificate-signatures", "RSA+SHA256,ecdsa_secp256r1_sha256", "--name-authorities"];
    connected(&connect(&server, &authority, &options));
    let said = server.stop();
    let told = |label: &str, value: &str| said.lines().any(|line| line.contains(label) && line.ends_with(value));
    assert!(told("in certificates", "rsa_pkcs1_sha256, ecdsa_secp256r1_sha256"), "{said}");
    assert!(told("authorities", " 1"), "{said}");
    let refused = Server::start(&issued, &["--echo"]);
    let ran = connect(&refused, &authority, &["--certificate-signatures", "ed25519"]);
    assert_ne!(ran.code, 0, "{}", ran.errors);
}

/// A certificate that may delegate, and a key in files, with its public half.
fn delegating(folder: &Folder, authority: &Authority) -> (Issued, [String; 2]) {
    let issued = authority.issue_with(folder, &["127.0.0.1"], |params| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // DelegationUsage ::= NULL. RFC 9345 §4.2.
        let usage = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 44_363, 44], vec![5, 0]);
        params.custom_extensions = vec![usage];
    });
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let files = [folder.write("short.key", key.serialize_pem()), folder.write("short.pub", key.public_key_pem())];
    (issued, files)
}

#[test]
fn delegated_key_stands_in_for_clients_that_take_it() {
    let (folder, authority, _) = files();
    let (issued, [key, public]) = delegating(&folder, &authority);
    let credential = folder.path("short.dc");
    let delegate = ["delegate", "--cert", &issued.cert, "--key", &issued.key, "--for", &public, "--out", &credential];
    let ran = bulla(&[&delegate[..], &["--days", "1"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(ran.errors.contains("the key may sign with ed25519 until "), "{}", ran.errors);

    let short = ["--echo", "--delegated-credential", &credential, "--delegated-key", &key];
    let server = Server::start(&issued, &short);
    let ran = connect(&server, &authority, &["--delegated-credentials"]);
    let line = connected(&ran);
    assert!(line.contains(", ed25519, delegated credential, "), "{line}");
    assert!(ran.errors.contains("Ed25519 key for ed25519, signed with ecdsa_secp256r1_sha256"), "{}", ran.errors);
    for more in [&[][..], &["--delegated-credentials", "--max-version", "1.2"]] {
        let ran = connect(&server, &authority, more);
        let line = connected(&ran);
        assert!(line.contains(", ecdsa_secp256r1_sha256, ") && !line.contains("delegated"), "{line}");
    }

    // A server that has the delegated key alone can serve nobody else.
    let alone = [&["serve", "127.0.0.1:0", "--cert", &issued.cert, "--key", "-"][..], &short].concat();
    let server = Server::run(&alone);
    assert!(connected(&connect(&server, &authority, &["--delegated-credentials"])).contains("delegated credential"));
    connect(&server, &authority, &[]).failed_with(3, &["handshake_failure"]);
}

#[test]
fn what_cannot_be_delegated_is_refused_with_what_is_lacking() {
    let (folder, authority, _) = files();
    let plain = authority.issue(&folder, &["plain.test"]);
    let (issued, [key, public]) = delegating(&folder, &authority);
    let out = folder.path("out.dc");
    let delegate = |issued: &Issued, public: &str, more: &[&str], words: &[&str]| {
        let options = ["delegate", "--cert", &issued.cert, "--key", &issued.key, "--for", public, "--out", &out];
        bulla(&[&options[..], more].concat()).failed_with(1, words);
        assert!(!std::fs::exists(&out).unwrap(), "nothing is written");
    };
    delegate(&issued, &public, &["--days", "8"], &["--days", "7"]);
    delegate(&issued, &key, &[], &["--for", "no public key", "openssl pkey"]);
    delegate(&issued, &public, &["--scheme", "rsa_pss_rsae_sha256"], &["delegated credential"]);
    delegate(&plain, &public, &[], &["DelegationUsage"]);

    let serve = |more: &[&str], words: &[&str]| {
        let options = ["serve", "127.0.0.1:0", "--echo", "--cert", &issued.cert, "--key", &issued.key];
        bulla(&[&options[..], more].concat()).failed_with(1, words);
    };
    let text = folder.write("text", "no credential");
    serve(&["--delegated-credential", &text], &["--delegated-key"]);
    serve(&["--delegated-credential", &text, "--delegated-key", &key], &["--delegated-credential"]);
    serve(&["--staple", &text], &["--staple", "no OCSP response", "openssl ocsp"]);
    serve(&["--sct", &text], &["--sct", "text"]);
    serve(&["--staple", "-", "--staple", "-"], &["2 were given for 1 --cert"]);
    let alone = ["serve", "127.0.0.1:0", "--echo", "--cert", &issued.cert, "--key", "-"];
    bulla(&alone).failed_with(1, &["--delegated-credential"]);
}
