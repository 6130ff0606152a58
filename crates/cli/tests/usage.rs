//! Exit code 1: what is wrong with options and files is said before anything is connected to.

mod support;

use support::{Authority, Folder, bulla};

#[test]
fn unknown_names_are_refused_with_what_can_be_chosen() {
    let refused = |option: &str, value: &str, words: &[&str]| {
        bulla(&["connect", "localhost:1", option, value]).failed_with(1, words);
    };
    refused("--suites", "TLS_NULL", &["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"]);
    refused("--groups", "P-256,brainpool", &["brainpool", "x25519", "secp384r1"]);
    refused("--min-version", "1.1", &["TLS 1.1", "TLS 1.3"]);
    refused("--max-version", "tls9", &["TLS 1.3"]);
    refused("--groups", "x25519,X25519", &["twice"]);
    refused("--alpn", "", &["1 to 255"]);
    refused("--timeout", "soon", &["number of seconds"]);
    refused("--nonsense", "", &["--nonsense"]);
}

#[test]
fn incomplete_command_lines_are_refused() {
    bulla(&["connect"]).failed_with(1, &["<HOST:PORT>"]);
    bulla(&["connect", "localhost"]).failed_with(1, &["HOST:PORT"]);
    bulla(&["connect", "::1:443"]).failed_with(1, &["[::1]:443"]);
    bulla(&["connect", "localhost:1", "--cert", "x"]).failed_with(1, &["--key"]);
    bulla(&["connect", "localhost:1", "--quiet", "--trace"]).failed_with(1, &["--quiet"]);
    bulla(&["serve", "127.0.0.1:0", "--cert", "x", "--key", "x"]).failed_with(1, &["--echo", "--root"]);
    bulla(&["serve", "127.0.0.1:0", "--echo"]).failed_with(1, &["--cert"]);
    let ran = bulla(&[]);
    assert_eq!(ran.code, 1);
    assert!(ran.errors.contains("bulla demo"), "the help is shown: {}", ran.errors);
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--help"][..], &["connect", "--help"], &["serve", "-h"], &["--version"]] {
        let ran = bulla(arguments);
        assert_eq!((ran.code, ran.errors.as_str()), (0, ""), "{arguments:?}");
        assert!(ran.text().contains("bulla"), "{arguments:?}");
    }
}

#[test]
fn unusable_files_are_refused_with_their_names() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    let (a, b) = (authority.issue(&folder, &["a.test"]), authority.issue(&folder, &["b.test"]));
    let (missing, text) = (folder.path("missing.pem"), folder.write("text.pem", "no certificate"));
    let connect = |arguments: &[&str], words: &[&str]| {
        let all = [&["connect", "localhost:1", "--ca", &authority.file], arguments].concat();
        bulla(&all).failed_with(1, words);
    };
    connect(&["--ca", &missing], &["--ca", "missing.pem"]);
    connect(&["--ca", &text], &["text.pem", "no certificate"]);
    connect(&["--cert", &a.cert, "--key", &b.key], &["does not belong"]);
    connect(&["--cert", &a.cert, "--key", &a.cert], &["private key"]);
    connect(&["--keylog", &folder.path("no/such/folder")], &["--keylog", "folder"]);
    connect(&["--name", "not a name"], &["--name", "neither a DNS name nor an IP address"]);

    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = folder.write("encrypted.key", encrypted);
    connect(&["--cert", &a.cert, "--key", &encrypted], &["encrypted"]);

    let serve = |arguments: &[&str], words: &[&str]| {
        let all = [&["serve", "127.0.0.1:0", "--cert", &a.cert, "--key", &a.key], arguments].concat();
        bulla(&all).failed_with(1, words);
    };
    serve(&["--root", &missing], &["--root", "missing.pem"]);
    serve(&["--root", &text], &["not a folder"]);
    serve(&["--echo", "--cert", &b.cert], &["2 --cert and 1 --key"]);
    serve(&["--echo", "--client-auth", "require"], &["--client-ca"]);
    serve(&["--echo", "--client-auth", "perhaps", "--client-ca", &authority.file], &["require", "request"]);
}

#[test]
fn address_in_use_is_a_network_failure() {
    let folder = Folder::new();
    let issued = Authority::new(&folder, "authority").issue(&folder, &["a.test"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = bulla(&["serve", &address, "--cert", &issued.cert, "--key", &issued.key, "--echo"]);
    ran.failed_with(2, &["cannot listen on", &address, "port 0"]);
}
