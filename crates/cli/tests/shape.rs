//! What `connect` makes of its ClientHello, as `serve --trace` and a foreign server see it.

mod support;

use support::{Authority, Folder, Server, bulla, bulla_with_input};

struct Pair {
    _folder: Folder,
    authority: Authority,
    server: Server,
}

impl Pair {
    fn new(more: &[&str]) -> Self {
        let folder = Folder::new();
        let authority = Authority::new(&folder, "authority");
        let issued = authority.issue(&folder, &["127.0.0.1"]);
        let server = Server::start(&issued, &[&["--echo"], more].concat());
        Self { _folder: folder, authority, server }
    }

    #[track_caller]
    fn connect(&self, more: &[&str]) -> String {
        let options = ["connect", &self.server.address, "--ca", &self.authority.file, "--half-close"];
        let ran = bulla_with_input(&[&options[..], more].concat(), b"x");
        assert_eq!((ran.code, ran.text().as_str()), (0, "x"), "{}", ran.errors);
        ran.errors
    }
}

/// The values that stand behind a label in a trace.
fn told<'a>(said: &'a str, label: &str) -> Vec<&'a str> {
    let lines = said.lines().filter_map(|line| line.split_once("     "));
    lines.filter(|(_, rest)| rest.trim_start().starts_with(label)).map(|(_, rest)| rest.trim()).collect()
}

#[test]
fn key_shares_are_chosen_apart_from_the_groups() {
    let pair = Pair::new(&["--trace", "--groups", "P-256"]);
    for (shares, retried) in [("P-256", false), ("x25519", true), ("x25519,P-256", false), ("-", true)] {
        let said = pair.connect(&["--groups", "x25519,P-256", "--key-shares", shares]);
        assert_eq!(said.contains("after a HelloRetryRequest"), retried, "{shares}: {said}");
    }
    let said = pair.server.stop();
    assert!(said.contains("none yet"), "{said}");
    let refused = bulla(&["connect", "a:1", "--groups", "x25519", "--key-shares", "P-256"]);
    refused.failed_with(1, &["--key-shares", "secp256r1"]);
}

#[test]
fn grease_stands_in_the_hello_and_changes_nothing() {
    let pair = Pair::new(&["--trace"]);
    let said = pair.connect(&["--grease", "--alpn", "h2"]);
    assert!(said.contains("TLS 1.3"), "{said}");
    assert!(pair.connect(&["--grease", "--max-version", "1.2"]).contains("TLS 1.2"));
    let said = pair.server.stop();
    for label in ["cipher suites", "groups", "key shares", "versions"] {
        let with = told(&said, label).into_iter().filter(|values| values.contains("GREASE")).count();
        assert!(with >= 1, "{label}: {said}");
    }
}

#[test]
fn hello_is_padded_and_has_what_was_added_in_the_order_that_was_said() {
    let pair = Pair::new(&["--trace", "--fingerprint"]);
    let said = pair.connect(&["--pad-hello", "4000", "--extension", "17513:00020268", "--extension", "0xfe00"]);
    assert!(said.contains("answer to the extension ExtensionType(0x4469): none"), "{said}");
    pair.connect(&["--extension-order", "key_share,17,supported_groups"]);
    let said = pair.server.stop();
    assert!(said.contains("← ClientHello            4,000 B"), "{said}");
    assert!(told(&said, "also").contains(&"also             ExtensionType(0x4469) (4 B)"), "{said}");
    let order: Vec<_> = said.lines().filter_map(|line| line.split("MD5 of 771,").nth(1)).collect();
    let extensions = order[1].split(',').nth(1).unwrap();
    assert!(extensions.starts_with("51-10-"), "{extensions}");
}

#[test]
fn shuffled_hellos_differ() {
    let pair = Pair::new(&["--fingerprint"]);
    // Twelve extensions have more orders than there will ever be connections of this test.
    for _ in 0..4 {
        pair.connect(&["--shuffle-extensions"]);
    }
    let said = pair.server.stop();
    let mut orders: Vec<_> = said.lines().filter_map(|line| line.split("MD5 of ").nth(1)).collect();
    assert_eq!(orders.len(), 4, "{said}");
    orders.sort_unstable();
    orders.dedup();
    assert!(orders.len() > 1, "{said}");
}

#[test]
fn what_is_not_the_applications_to_say_is_refused() {
    let refused = |option: &str, value: &str, words: &[&str]| {
        bulla(&["connect", "localhost:1", option, value]).failed_with(1, words);
    };
    refused("--extension", "server_name:00", &["--extension", "server_name", "by hand"]);
    refused("--extension", "2570:00", &["--extension"]);
    refused("--extension", "nothing", &["--extension", "server_name"]);
    refused("--extension", "17513:0", &["TYPE:HEX"]);
    refused("--extension-order", "key_share,nothing", &["--extension-order", "no such extension"]);
    refused("--pad-hello", "16385", &["--pad-hello", "16384"]);
    refused("--signatures", "md5", &["--signatures", "ecdsa_secp256r1_sha256"]);
    refused("--policy", "ancient", &["--policy", "modern-2026-11", "compatible-2026-11"]);
}

#[test]
fn policies_are_named_on_both_ends() {
    let modern = Pair::new(&["--policy", "modern-2026-11"]);
    let said = modern.connect(&["--policy", "COMPATIBLE-2026-11"]);
    assert!(said.contains("TLS 1.3"), "{said}");
    let options = ["connect", &modern.server.address, "--ca", &modern.authority.file, "--half-close"];
    let ran = bulla(&[&options[..], &["--max-version", "1.2"]].concat());
    ran.failed_with(3, &["protocol_version"]);

    let compatible = Pair::new(&["--policy", "compatible-2026-11"]);
    assert!(compatible.connect(&["--max-version", "1.2"]).contains("TLS 1.2"));
    // The certificate here is not signed as that one wants it.
    let options = ["connect", &compatible.server.address, "--ca", &compatible.authority.file, "--half-close"];
    let cnsa = ["--policy", "cnsa-2026-11", "--signatures", "ecdsa_secp256r1_sha256"];
    bulla(&[&options[..], &cnsa].concat()).failed_with(4, &["not accepted", "--policy"]);
    let said = compatible.connect(&[&cnsa[..], &["--certificate-signatures", "ecdsa_secp256r1_sha256"]].concat());
    assert!(said.contains("TLS_AES_256_GCM_SHA384") && said.contains("MLKEM1024"), "{said}");
    // A list of one's own replaces the policy's.
    let said = compatible.connect(&["--policy", "modern-2026-11", "--groups", "P-384"]);
    assert!(said.contains("secp384r1"), "{said}");
}
