//! What both ends say of a connection's secrets is the same on both, and the same as OpenSSL says.

mod support;

use support::{Authority, Folder, Server, bulla, bulla_with_input};

/// The hexadecimal digits that stand behind these words.
#[track_caller]
fn said<'a>(errors: &'a str, words: &str) -> &'a str {
    let line = errors.lines().find(|line| line.contains(words));
    line.unwrap_or_else(|| panic!("{words} is not in {errors}")).rsplit(' ').next().unwrap()
}

#[test]
fn both_ends_export_the_same_and_bind_to_the_same() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    let issued = authority.issue(&folder, &["127.0.0.1"]);
    let asked = ["--export", "EXPORTER-a", "--export", "EXPORTER-b:7", "--channel-binding", "tls-exporter"];
    for version in ["1.3", "1.2"] {
        let server = Server::start(&issued, &[&["--echo", "--once"][..], &asked].concat());
        let options = ["connect", &server.address, "--ca", &authority.file, "--half-close", "--max-version", version];
        let ran = bulla_with_input(&[&options[..], &asked].concat(), b"x");
        assert_eq!((ran.code, ran.text().as_str()), (0, "x"), "{}", ran.errors);
        let theirs = server.end().errors;
        for (words, len) in
            [("exported EXPORTER-a: ", 32), ("exported EXPORTER-b: ", 7), ("binding tls-exporter: ", 32)]
        {
            let ours = said(&ran.errors, words);
            assert_eq!(ours.len(), 2 * len, "{}", ran.errors);
            assert_eq!(ours, said(&theirs, words), "{version}");
        }
    }
}

#[test]
fn unusable_labels_and_bindings_are_refused() {
    bulla(&["connect", "localhost:1", "--export", "a:0"]).failed_with(1, &["--export", "LABEL:LEN"]);
    bulla(&["connect", "localhost:1", "--export", ""]).failed_with(1, &["--export", "LABEL:LEN"]);
    let refused = bulla(&["connect", "localhost:1", "--channel-binding", "tls-nothing"]);
    refused.failed_with(1, &["--channel-binding", "tls-exporter"]);
}
