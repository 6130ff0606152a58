//! `bulla connect` against `openssl s_server` with certificates that the openssl command has made, in both versions: exit
//! code 4, the reason in words, and the alert as the server reads it.

#[path = "../../../tests/support/peer_certificates.rs"]
mod certificates;
#[path = "../../../tests/support/peer.rs"]
mod peer;

use std::process::Command;

use certificates::{CA_EXTENSIONS, Folder, Kind, LEAF_EXTENSIONS, NAME, Wanted, issue};
use peer::{Finished, Process, is_installed, run, skipped};

/// A folder with an authority in it, or `None` without the openssl command; says so then.
fn with_authority() -> Option<Folder> {
    if !is_installed("openssl", "version") {
        skipped("refusals of certificates that openssl has made", "openssl");
        return None;
    }
    let folder = Folder::new();
    signed(&folder, "ca", None, CA_EXTENSIONS);
    Some(folder)
}

fn signed(folder: &Folder, name: &str, issuer: Option<&str>, extensions: &[&str]) {
    issue(folder, &Wanted { name, kind: Kind::EcdsaP256, issuer, extensions });
}

/// The extensions of a leaf, with those that start like one of `others` replaced.
fn leaf_but<'a>(others: &[&'a str]) -> Vec<&'a str> {
    let name = |extension: &str| extension.split(' ').next().map(String::from);
    let replaced = |extension: &&&str| others.iter().any(|other| name(other) == name(extension));
    LEAF_EXTENSIONS.iter().filter(|extension| !replaced(extension)).chain(others).copied().collect()
}

/// Starts a server with the certificate `name` and these further arguments.
fn s_server(folder: &Folder, name: &str, more: &[&str]) -> (Process, String) {
    let (certificate, key) = (folder.text(&format!("{name}.pem")), folder.text(&format!("{name}.key")));
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-rev", "-cert", &certificate, "-key", &key]);
    let server = Process::start(command.args(more));
    let address = server.wait_for_line("ACCEPT ");
    (server, address)
}

/// The versions, as the command is told of them and as it tells of them.
const VERSIONS: [(&str, &str); 2] = [("1.3", "TLS 1.3, "), ("1.2", "TLS 1.2, ")];

/// Connects in this version alone.
fn connect(folder: &Folder, address: &str, name: &str, version: &str) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
    command.args(["connect", address, "--ca", &folder.text("ca.pem"), "--name", name, "--half-close"]);
    command.args(["--min-version", version, "--max-version", version]);
    Process::start(command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR")).finish()
}

/// Checks that a server is accepted under this name in both versions.
#[track_caller]
fn accepted(folder: &Folder, address: &str, name: &str) {
    for (version, told) in VERSIONS {
        let text = connect(folder, address, name, version).successful().text();
        assert!(text.contains(told), "{text}");
    }
}

/// Checks that a server is refused in these words, in both versions, and that it reads the alert each time.
#[track_caller]
fn refused(folder: &Folder, server: (Process, String), reason: &str, alert: &str) {
    refused_as(NAME, folder, server, reason, alert);
}

#[track_caller]
fn refused_as(name: &str, folder: &Folder, (server, address): (Process, String), reason: &str, alert: &str) {
    for (index, (version, _)) in VERSIONS.into_iter().enumerate() {
        refused_in(version, index, connect(folder, &address, name, version), &server, reason, alert);
    }
}

/// Checks one refusal, before which the server has read the alert `index` times.
#[track_caller]
fn refused_in(version: &str, index: usize, finished: Finished, server: &Process, reason: &str, alert: &str) {
    let text = finished.text();
    assert_eq!(finished.status.code(), Some(4), "TLS {version}: {text}");
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("bulla: ")).collect();
    assert!(lines.len() == 1 && lines[0].contains(reason), "TLS {version}: {text}");
    assert!(lines[0].contains(&format!("sent the alert {}", alert.replace(' ', "_"))), "TLS {version}: {text}");
    let read = format!("alert {alert}:");
    server.wait_for(&format!("{read} {} times", index + 1), |stdout, stderr| {
        let said = String::from_utf8_lossy(stdout) + String::from_utf8_lossy(stderr);
        (said.matches(&read).count() > index).then_some(())
    });
}

/// Signs the request of an existing certificate's key anew, valid from and until these times.
fn valid_between(folder: &Folder, name: &str, from: &str, until: &str) {
    let path = |file: &str| folder.text(&format!("{name}.{file}"));
    let subject = format!("/CN={name}");
    run(
        "openssl",
        ["req", "-new", "-key", &path("key"), "-subj", &subject, "-out", &path("csr"), "-config", &path("cnf")],
    );
    folder.write("index.txt", "");
    let config = format!(
        "[ca]\ndefault_ca = ca_default\n[ca_default]\ndatabase = {}\nnew_certs_dir = {}\npolicy = policy\n\
         default_md = sha256\nunique_subject = no\nrand_serial = yes\n[policy]\ncommonName = supplied\n",
        folder.text("index.txt"),
        folder.text("")
    );
    let config = folder.write("ca.conf", config);
    let (certificate, key) = (folder.text("ca.pem"), folder.text("ca.key"));
    let by = ["ca", "-batch", "-notext", "-config", &config, "-cert", &certificate, "-keyfile", &key];
    let what = ["-extfile", &path("cnf"), "-extensions", "extensions", "-startdate", from, "-enddate", until];
    run("openssl", [&by[..], &what, &["-in", &path("csr"), "-out", &path("pem")]].concat());
}

#[test]
fn good_certificate_is_accepted() {
    let Some(folder) = with_authority() else { return };
    signed(&folder, "leaf", Some("ca"), LEAF_EXTENSIONS);
    let (_server, address) = s_server(&folder, "leaf", &[]);
    accepted(&folder, &address, NAME);
    accepted(&folder, &address, "127.0.0.1");
}

#[test]
fn wrong_host_is_refused() {
    let Some(folder) = with_authority() else { return };
    signed(&folder, "leaf", Some("ca"), LEAF_EXTENSIONS);
    let reason = "not valid for the name other.test";
    refused_as("other.test", &folder, s_server(&folder, "leaf", &[]), reason, "bad certificate");
    let reason = "not valid for the name 127.0.0.2";
    refused_as("127.0.0.2", &folder, s_server(&folder, "leaf", &[]), reason, "bad certificate");
    // The common name is no name of a host.
    signed(&folder, NAME, Some("ca"), &leaf_but(&["subjectAltName = DNS:other.test"]));
    let reason = "not valid for the name server.test; it is valid for other.test";
    refused(&folder, s_server(&folder, NAME, &[]), reason, "bad certificate");
}

#[test]
fn expired_certificate_is_refused() {
    let Some(folder) = with_authority() else { return };
    signed(&folder, "leaf", Some("ca"), LEAF_EXTENSIONS);
    valid_between(&folder, "leaf", "20200101000000Z", "20210101000000Z");
    let reason = "the certificate expired: it was valid until 2021-01-01";
    refused(&folder, s_server(&folder, "leaf", &[]), reason, "certificate expired");
}

#[test]
fn certificate_of_the_future_is_refused() {
    let Some(folder) = with_authority() else { return };
    signed(&folder, "leaf", Some("ca"), LEAF_EXTENSIONS);
    // From 2050 on the time is a GeneralizedTime. RFC 5280 §4.1.2.5.
    valid_between(&folder, "leaf", "20510101000000Z", "20520101000000Z");
    let reason = "the certificate is not yet valid: it will be from 2051-01-01";
    refused(&folder, s_server(&folder, "leaf", &[]), reason, "certificate expired");
}

#[test]
fn unknown_issuer_is_refused() {
    let Some(folder) = with_authority() else { return };
    signed(&folder, "another", None, CA_EXTENSIONS);
    signed(&folder, "leaf", Some("another"), LEAF_EXTENSIONS);
    refused(&folder, s_server(&folder, "leaf", &[]), "issuer is unknown", "unknown ca");
    let chain = folder.text("another.pem");
    refused(&folder, s_server(&folder, "leaf", &["-cert_chain", &chain]), "issuer is unknown", "unknown ca");
}

#[test]
fn authority_of_the_right_name_and_another_key_is_refused() {
    let Some(folder) = with_authority() else { return };
    let certificate = std::fs::read(folder.path("ca.pem")).unwrap();
    signed(&folder, "ca", None, CA_EXTENSIONS);
    signed(&folder, "leaf", Some("ca"), LEAF_EXTENSIONS);
    folder.write("ca.pem", certificate);
    refused(
        &folder,
        s_server(&folder, "leaf", &[]),
        "the signature of the certificate does not verify",
        "bad certificate",
    );
}

#[test]
fn self_signed_certificate_is_refused() {
    let Some(folder) = with_authority() else { return };
    signed(&folder, "leaf", None, LEAF_EXTENSIONS);
    refused(&folder, s_server(&folder, "leaf", &[]), "self-signed", "unknown ca");
}

#[test]
fn certificate_for_another_purpose_is_refused() {
    let Some(folder) = with_authority() else { return };
    signed(&folder, "leaf", Some("ca"), &leaf_but(&["extendedKeyUsage = clientAuth, emailProtection"]));
    refused(&folder, s_server(&folder, "leaf", &[]), "extended key usage", "unsupported certificate");
}

#[test]
fn certificate_whose_key_may_not_sign_is_refused() {
    let Some(folder) = with_authority() else { return };
    signed(&folder, "leaf", Some("ca"), &leaf_but(&["keyUsage = critical, keyAgreement"]));
    let reason = "key usage does not allow digital signatures";
    let (server, address) = s_server(&folder, "leaf", &[]);
    let finished = connect(&folder, &address, NAME, "1.3");
    refused_in("1.3", 0, finished, &server, reason, "unsupported certificate");
    // In TLS 1.2 the command finds the fault by itself, and has no suite to offer; our own server does not mind.
    let finished = connect(&folder, &address, NAME, "1.2");
    assert!(finished.text().contains("received the alert handshake_failure"), "{}", finished.text());
}

#[test]
fn tampered_signature_is_refused() {
    let Some(folder) = with_authority() else { return };
    signed(&folder, "leaf", Some("ca"), LEAF_EXTENSIONS);
    let (pem, der) = (folder.text("leaf.pem"), folder.text("leaf.der"));
    run("openssl", ["x509", "-in", &pem, "-outform", "DER", "-out", &der]);
    let mut bytes = std::fs::read(&der).unwrap();
    // The last byte belongs to the second number of the ECDSA signature.
    *bytes.last_mut().unwrap() ^= 1;
    folder.write("leaf.der", bytes);
    run("openssl", ["x509", "-inform", "DER", "-in", &der, "-out", &pem]);
    refused(
        &folder,
        s_server(&folder, "leaf", &[]),
        "the signature of the certificate does not verify",
        "bad certificate",
    );
}

/// Makes an authority below the root, with these extensions, and a leaf below that one; returns the authority's file.
fn below(folder: &Folder, extensions: &[&str]) -> String {
    signed(folder, "intermediate", Some("ca"), extensions);
    signed(folder, "leaf", Some("intermediate"), LEAF_EXTENSIONS);
    folder.text("intermediate.pem")
}

#[test]
fn missing_intermediate_is_refused() {
    let Some(folder) = with_authority() else { return };
    let intermediate = below(&folder, CA_EXTENSIONS);
    refused(&folder, s_server(&folder, "leaf", &[]), "intermediate missing", "unknown ca");
    let (_server, address) = s_server(&folder, "leaf", &["-cert_chain", &intermediate]);
    accepted(&folder, &address, NAME);
}

#[test]
fn name_outside_the_issuers_constraints_is_refused() {
    let Some(folder) = with_authority() else { return };
    for constraints in [
        "nameConstraints = critical, permitted;DNS:elsewhere.test",
        "nameConstraints = critical, excluded;DNS:server.test",
        "nameConstraints = critical, permitted;IP:192.0.2.0/255.255.255.0",
    ] {
        let intermediate = below(&folder, &[CA_EXTENSIONS, &[constraints]].concat());
        let server = s_server(&folder, "leaf", &["-cert_chain", &intermediate]);
        refused(&folder, server, "name constraints", "bad certificate");
    }
    let within = "nameConstraints = critical, permitted;DNS:test, permitted;IP:127.0.0.0/255.0.0.0";
    let intermediate = below(&folder, &[CA_EXTENSIONS, &[within]].concat());
    let (_server, address) = s_server(&folder, "leaf", &["-cert_chain", &intermediate]);
    accepted(&folder, &address, NAME);
}

#[test]
fn issuer_that_is_no_authority_or_may_not_sign_is_refused() {
    let Some(folder) = with_authority() else { return };
    for (extensions, reason) in [
        (&["basicConstraints = critical, CA:true", "keyUsage = critical, digitalSignature"], "does not allow signing"),
        (
            &["basicConstraints = critical, CA:false", "keyUsage = critical, keyCertSign"],
            "\"intermediate\" (number 2 of the chain) is not a CA",
        ),
    ] {
        let intermediate = below(&folder, extensions);
        let server = s_server(&folder, "leaf", &["-cert_chain", &intermediate]);
        refused(&folder, server, reason, "unknown ca");
    }
}

#[test]
fn unknown_critical_extension_is_refused() {
    let Some(folder) = with_authority() else { return };
    let unknown = "1.2.3.4 = critical, ASN1:NULL";
    signed(&folder, "leaf", Some("ca"), &leaf_but(&[unknown]));
    refused(&folder, s_server(&folder, "leaf", &[]), "critical extension", "bad certificate");
    signed(&folder, "leaf", Some("ca"), &leaf_but(&["1.2.3.4 = ASN1:NULL"]));
    let (server, address) = s_server(&folder, "leaf", &[]);
    accepted(&folder, &address, NAME);
    server.wait_for_text("CONNECTION CLOSED");
}
