//! What both ends say of a connection's secrets: the same on both, and for their owners alone.

mod support;

use support::{Authority, Folder, Issued, Server, bulla, bulla_with_input};

fn files() -> (Folder, Authority, Issued) {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    let issued = authority.issue(&folder, &["127.0.0.1"]);
    (folder, authority, issued)
}

/// The hexadecimal digits that stand behind these words.
#[track_caller]
fn said<'a>(errors: &'a str, words: &str) -> &'a str {
    let line = errors.lines().find(|line| line.contains(words));
    line.unwrap_or_else(|| panic!("{words} is not in {errors}")).rsplit(' ').next().unwrap()
}

#[test]
fn both_ends_export_the_same_and_bind_to_the_same() {
    let (_folder, authority, issued) = files();
    let asked = ["--export", "EXPORTER-a", "--export", "EXPORTER-b:7", "--channel-binding", "tls-exporter"];
    let bound = ["--channel-binding", "tls-server-end-point", "--channel-binding", "tls-unique"];
    let asked = [&asked[..], &bound].concat();
    for version in ["1.3", "1.2"] {
        let server = Server::start(&issued, &[&["--echo", "--once"][..], &asked].concat());
        let options = ["connect", &server.address, "--ca", &authority.file, "--half-close", "--max-version", version];
        let ran = bulla_with_input(&[&options[..], &asked].concat(), b"x");
        assert_eq!((ran.code, ran.text().as_str()), (0, "x"), "{}", ran.errors);
        let theirs = server.end().errors;
        let unique = if version == "1.2" { &[("binding tls-unique: ", 12)][..] } else { &[] };
        let same = [
            ("exported EXPORTER-a: ", 32),
            ("exported EXPORTER-b: ", 7),
            ("binding tls-exporter: ", 32),
            ("binding tls-server-end-point: ", 32),
        ];
        for (words, len) in same.iter().chain(unique) {
            let ours = said(&ran.errors, words);
            assert_eq!(ours.len(), 2 * len, "{}", ran.errors);
            assert_eq!(ours, said(&theirs, words), "{version}");
        }
        assert_eq!(ran.errors.contains("binding tls-unique: none, because "), version == "1.3", "{}", ran.errors);
    }
}

#[test]
fn both_ends_export_the_same_from_early_data() {
    let (folder, authority, issued) = files();
    let server = Server::start(&issued, &["--echo", "--early-data", "1000", "--export-early", "early:9"]);
    let (session, data) = (folder.path("session"), folder.write("data", "early"));
    let options = ["connect", &server.address, "--ca", &authority.file, "--session", &session];
    let ran = bulla(&[&options[..], &["--export-early", "early:9"]].concat());
    assert!(ran.code == 0 && ran.errors.contains("exported early early: none, because "), "{}", ran.errors);
    let early = ["--early-data", data.as_str(), "--export-early", "early:9", "--half-close"];
    let ran = bulla(&[&options[..], &early].concat());
    assert_eq!((ran.code, ran.text().as_str()), (0, "early"), "{}", ran.errors);
    let ours = said(&ran.errors, "exported early early: ");
    assert_eq!(ours.len(), 18, "{}", ran.errors);
    assert!(server.stop().contains(&format!("exported early early: {ours}")));
}

#[test]
fn traffic_keys_are_written_for_their_owner_alone() {
    let (folder, authority, issued) = files();
    let server = Server::start(&issued, &["--echo", "--tickets", "0"]);
    for (version, suite, key_len, iv_len) in [
        ("1.3", "TLS_AES_128_GCM_SHA256", 16, 12),
        ("1.3", "TLS_CHACHA20_POLY1305_SHA256", 32, 12),
        ("1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 32, 4),
    ] {
        // Whatever stood there before, and whoever could read it.
        let file = folder.write("keys.txt", "something else");
        let options = ["--max-version", version, "--suites", suite, "--traffic-keys", &file, "--half-close"];
        let ran = bulla(&[&["connect", &server.address, "--ca", &authority.file][..], &options].concat());
        assert_eq!(ran.code, 0, "{}", ran.errors);
        let text = std::fs::read_to_string(&file).unwrap();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("{name} is not in {text}"))
        };
        assert_eq!((value("version"), value("cipher_suite")), (&*format!("TLS {version}"), suite));
        for direction in ["read", "write"] {
            assert_eq!(value(&format!("{direction}_key")).len(), 2 * key_len, "{text}");
            assert_eq!(value(&format!("{direction}_iv")).len(), 2 * iv_len, "{text}");
            // Finished was the first record under the keys of TLS 1.2.
            let number = if version == "1.2" { "1" } else { "0" };
            assert_eq!(value(&format!("{direction}_sequence_number")), number, "{text}");
        }
        assert_ne!(value("read_key"), value("write_key"));
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions()) & 0o77, 0);
    }
}

#[test]
fn unusable_labels_and_bindings_are_refused() {
    bulla(&["connect", "localhost:1", "--export", "a:0"]).failed_with(1, &["--export", "LABEL:LEN"]);
    bulla(&["connect", "localhost:1", "--export", ""]).failed_with(1, &["--export", "LABEL:LEN"]);
    let refused = bulla(&["connect", "localhost:1", "--channel-binding", "tls-nothing"]);
    refused.failed_with(1, &["--channel-binding", "tls-exporter"]);
}
