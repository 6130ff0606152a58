//! Go's crypto/tls and Bulla, both ways, TLS 1.2.
#![cfg(feature = "tls12")]

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer_go.rs"]
mod go;
#[path = "support/peer.rs"]
mod peer;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use bulla::wire::{AlertDescription, NamedGroup, ProtocolVersion};
use bulla::{ClientAuth, ClientConfig, Error, ServerConfig};
use certificates::{Certificates, Kind, NAME, Wanted, issue};
use ends::{
    ClientStream, Facts, GROUPS, KeptKeys, ServerStream, connect, connect_as, facts, facts_tls12, groups_with_curve_of,
    serve, sorted_key_log, tls_failure, tls12_scheme_of, tls12_suites, try_serve,
};
use go::{go_client, go_peer, go_server};
use peer::{Process, digits, is_installed, skipped};

/// The kinds of keys that Go has: no RSA-PSS keys among them.
const GO_KINDS: [Kind; 4] = [Kind::EcdsaP256, Kind::EcdsaP384, Kind::Ed25519, Kind::Rsa];

/// Go's program and certificates, or `None` if either cannot be made here.
fn prepared() -> Option<(&'static str, Arc<Certificates>)> {
    let program = go_peer(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/go/main.go"))?;
    if !is_installed("openssl", "version") {
        skipped("Go's crypto/tls and Bulla in TLS 1.2", "openssl, which makes the certificates,");
        return None;
    }
    Some((program, Certificates::shared()))
}

/// What Go tells of its first connection.
fn told(process: &Process, name: &str) -> String {
    told_of(process, 0, name)
}

/// What Go tells of a connection; a server counts them from 0.
fn told_of(process: &Process, connection: usize, name: &str) -> String {
    let start = format!("{name}=");
    process.wait_for(name, |stdout, _| {
        let whole_lines = &stdout[..stdout.iter().rposition(|&byte| byte == b'\n')? + 1];
        let text = String::from_utf8_lossy(whole_lines);
        let mut values = text.lines().filter_map(|line| line.strip_prefix(&start));
        values.nth(connection).map(String::from)
    })
}

/// Go's names for a group: in its options and in what it prints.
fn go_group(group: NamedGroup) -> (&'static str, &'static str) {
    match group {
        NamedGroup::x25519 => ("X25519", "X25519"),
        NamedGroup::secp256r1 => ("P-256", "CurveP256"),
        NamedGroup::secp384r1 => ("P-384", "CurveP384"),
        other => panic!("{other}"),
    }
}

/// Starts a server that has nothing newer than TLS 1.2.
fn server(program: &str, certificates: &Certificates, kind: Kind, more: &[&str]) -> (Process, SocketAddr) {
    let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
    go_server(program, &[&["-max", "1.2", "-cert", &certificate, "-key", &key], more].concat())
}

/// Sends through Go's echo, closes, and reads all of it back until Go closes too.
#[track_caller]
fn there_and_back(mut stream: ClientStream) {
    let sent = digits(50_000);
    stream.write_all(&sent).unwrap();
    stream.close().unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert!(received == sent, "the echo is something else");
}

/// Serves one connection of a Go client by sending back what comes, until it closes.
fn echo(mut stream: ServerStream) -> Facts {
    let facts = facts_tls12(stream.connection());
    let mut buffer = [0; 20_000];
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            len => stream.write_all(&buffer[..len]).unwrap(),
        }
    }
    stream.close().unwrap();
    facts
}

/// Runs a Go client of TLS 1.2 against our server; returns what our end tells and all that Go printed.
fn client(program: &str, certificates: &Certificates, config: ServerConfig, more: &[&str]) -> (Facts, Process) {
    let (address, served) = serve(config, echo);
    let roots = certificates.roots_file();
    let process = go_client(program, address, &[&["-max", "1.2", "-roots", &roots, "-name", NAME], more].concat());
    assert_eq!(told(&process, "same"), "true");
    (served.finish(), process)
}

#[test]
fn every_suite_group_and_leaf_connects_to_a_go_server() {
    let Some((program, certificates)) = prepared() else { return };
    for kind in GO_KINDS {
        let (process, address) = server(program, &certificates, kind, &[]);
        for (number, suite) in tls12_suites(kind).into_iter().enumerate() {
            for (index, group) in GROUPS.into_iter().enumerate() {
                // Go prefers its own order of groups, so that only the curve of its leaf stands beside the one wanted.
                let groups = groups_with_curve_of(kind, group);
                let config = ClientConfig::new(certificates.roots()).cipher_suites([suite]).unwrap();
                let stream = connect(address, config.groups(groups.clone()).unwrap()).unwrap();
                let ours = facts_tls12(stream.connection());
                assert_eq!(ours.suite, suite);
                assert!(groups.contains(&ours.group), "{}", ours.group);
                assert_eq!(ours.peer_scheme, Some(tls12_scheme_of(kind)));
                there_and_back(stream);
                let told = |name| told_of(&process, number * GROUPS.len() + index, name);
                assert_eq!((told("group"), told("suite")), (go_group(ours.group).1.into(), suite.to_string()));
                assert_eq!(told("version"), "TLS 1.2");
            }
        }
    }
}

#[test]
fn every_suite_group_and_leaf_connects_to_our_server_from_go() {
    let Some((program, certificates)) = prepared() else { return };
    for kind in GO_KINDS {
        for (number, suite) in tls12_suites(kind).into_iter().enumerate() {
            let group = GROUPS[number];
            let groups = groups_with_curve_of(kind, group);
            let curves = groups.into_iter().map(|group| go_group(group).0).collect::<Vec<_>>().join(",");
            let config = ServerConfig::new(certificates.identity(kind)).cipher_suites([suite]).unwrap();
            let config = config.groups([group]).unwrap();
            let (ours, process) = client(program, &certificates, config, &["-curves", &curves]);
            assert_eq!((ours.suite, ours.group, ours.retried), (suite, group, false));
            assert_eq!(ours.server_name.as_deref(), Some(NAME));
            let told = (told(&process, "group"), told(&process, "suite"));
            assert_eq!(told, (go_group(group).1.into(), suite.to_string()));
        }
    }
}

#[test]
fn version_is_the_newest_that_both_ends_allow() {
    let Some((program, certificates)) = prepared() else { return };
    // A Go server with both versions settles on 1.3 with us, and on 1.2 if that is all that we have.
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    let (_process, address) = go_server(program, &["-cert", &certificate, "-key", &key]);
    let config = ClientConfig::new(certificates.roots());
    let stream = connect(address, config.clone()).unwrap();
    facts(stream.connection());
    there_and_back(stream);
    let stream = connect(address, config.clone().versions([ProtocolVersion::TLSv1_2]).unwrap()).unwrap();
    facts_tls12(stream.connection());
    there_and_back(stream);

    // A client that offers both takes the 1.2 of a server that has no more, and does not think itself attacked.
    let only_tls12 = ServerConfig::new(certificates.identity(Kind::Rsa)).versions([ProtocolVersion::TLSv1_2]).unwrap();
    let (address, served) = serve(only_tls12, echo);
    let process = go_client(program, address, &["-roots", &certificates.roots_file(), "-name", NAME]);
    assert_eq!((told(&process, "same"), told(&process, "version")), ("true".into(), "TLS 1.2".into()));
    served.finish();
}

#[test]
fn peers_of_tls11_alone_are_refused() {
    let Some((program, certificates)) = prepared() else { return };
    let (process, address) = server(program, &certificates, Kind::Rsa, &["-max", "1.1"]);
    let config = ClientConfig::new(certificates.roots());
    let error = tls_failure(connect(address, config.clone()));
    assert_eq!(error, Error::AlertReceived(AlertDescription::protocol_version));
    // Without supported_versions it settles on TLS 1.1, and finds no suite of ours that goes with it.
    let error = tls_failure(connect(address, config.versions([ProtocolVersion::TLSv1_2]).unwrap()));
    let alerts = [AlertDescription::protocol_version, AlertDescription::handshake_failure];
    assert!(alerts.map(Error::AlertReceived).contains(&error), "{error}");
    drop(process);
    let (address, served) = try_serve(ServerConfig::new(certificates.identity(Kind::Rsa)), tls_failure);
    let arguments = ["-max", "1.1", "-roots", &certificates.roots_file(), "-name", NAME];
    let process = go_client(program, address, &arguments);
    assert!(process.wait_for_line("error=").contains("protocol version not supported"));
    assert_eq!(served.finish().name(), "NoCommonVersion");
}

#[test]
fn client_certificates_of_every_kind_are_shown_and_accepted_both_ways() {
    let Some((program, certificates)) = prepared() else { return };
    let roots = certificates.roots_file();
    let (process, address) =
        server(program, &certificates, Kind::EcdsaP256, &["-clients", "require", "-roots", &roots]);
    for (index, kind) in GO_KINDS.into_iter().enumerate() {
        let config = ClientConfig::new(certificates.roots()).identity(certificates.identity(kind));
        there_and_back(connect(address, config).unwrap());
        assert_eq!(told_of(&process, index, "peer"), kind.name());
    }
    let error = tls_failure(connect(address, ClientConfig::new(certificates.roots())));
    assert!(matches!(error, Error::AlertReceived(_)), "{error}");

    let roots = Arc::new(certificates.roots());
    let config = || {
        let config = ServerConfig::new(certificates.identity(Kind::Rsa));
        config.client_auth(ClientAuth::Require(Arc::clone(&roots)))
    };
    for kind in GO_KINDS {
        let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
        let (ours, _) = client(program, &certificates, config(), &["-cert", &certificate, "-key", &key]);
        assert_eq!((ours.peer_scheme, ours.peer_chain_len), (Some(tls12_scheme_of(kind)), 1));
    }
    let (address, served) = try_serve(config(), tls_failure);
    let arguments = ["-max", "1.2", "-roots", &certificates.roots_file(), "-name", NAME];
    let process = go_client(program, address, &arguments);
    assert!(process.wait_for_line("error=").contains("handshake failure"));
    assert_eq!(served.finish().name(), "ClientCertificateRequiredTls12");
}

#[test]
fn application_protocols_and_stapled_responses_pass_both_ways() {
    let Some((program, certificates)) = prepared() else { return };
    let file = certificates::ocsp_response(&certificates, Kind::EcdsaP256);
    let response = std::fs::read(&file).unwrap();
    let arguments = ["-alpn", "h2,http/1.1", "-staple", &file];
    let (process, address) = server(program, &certificates, Kind::EcdsaP256, &arguments);
    let config = ClientConfig::new(certificates.roots());
    let config_with = config.clone().alpn(["http/1.1", "h2"]).unwrap().ask_for_ocsp(true);
    let stream = connect(address, config_with).unwrap();
    assert_eq!(facts_tls12(stream.connection()).alpn.as_deref(), Some("h2"));
    assert_eq!(stream.connection().peer_ocsp_response(), Some(response.as_slice()));
    assert_eq!(told(&process, "alpn"), "h2");
    there_and_back(stream);
    let error = tls_failure(connect(address, config.alpn(["imap"]).unwrap()));
    assert_eq!(error, Error::AlertReceived(AlertDescription::no_application_protocol));

    let len = response.len().to_string();
    let identity = certificates.identity(Kind::EcdsaP256).ocsp_response(response);
    let config = ServerConfig::new(identity).alpn(["http/1.1", "h2"]).unwrap();
    // Go asks for a response whenever it connects.
    let (ours, process) = client(program, &certificates, config.clone(), &["-alpn", "h2,http/1.1"]);
    assert_eq!((ours.alpn.as_deref(), &*told(&process, "alpn")), (Some("http/1.1"), "http/1.1"));
    assert_eq!(told(&process, "staple"), len);
    let (address, served) = try_serve(config, tls_failure);
    let arguments = ["-max", "1.2", "-roots", &certificates.roots_file(), "-name", NAME, "-alpn", "imap"];
    let process = go_client(program, address, &arguments);
    assert!(process.wait_for_line("error=").contains("no application protocol"));
    assert_eq!(served.finish().name(), "NoCommonApplicationProtocol");
}

#[test]
fn refused_certificates_are_told_with_their_alerts_both_ways() {
    let Some((program, certificates)) = prepared() else { return };
    let (process, address) = server(program, &certificates, Kind::EcdsaP256, &[]);
    let error = tls_failure(connect_as(address, ClientConfig::new(certificates.roots()), "other.test"));
    assert_eq!(error.name(), "NameMismatch");
    assert!(process.wait_for_line("refused=").contains("bad certificate"));

    // Go shows what openssl does not: a leaf whose key may not sign.
    let extensions = &["subjectAltName = DNS:server.test", "keyUsage = critical, keyAgreement"];
    let wanted = Wanted { name: "no-sign", kind: Kind::EcdsaP256, issuer: Some("ca-p256"), extensions };
    issue(&certificates.folder, &wanted);
    let (certificate, key) = (certificates.folder.text("no-sign.pem"), certificates.folder.text("no-sign.key"));
    let (process, address) = go_server(program, &["-max", "1.2", "-cert", &certificate, "-key", &key]);
    let error = tls_failure(connect(address, ClientConfig::new(certificates.roots())));
    assert_eq!(error.name(), "WrongKeyUsage");
    assert!(process.wait_for_line("refused=").contains("unsupported certificate"));

    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    let (address, served) = try_serve(config, tls_failure);
    let arguments = ["-max", "1.2", "-roots", &certificates.roots_file(), "-name", "other.test"];
    let process = go_client(program, address, &arguments);
    assert!(process.wait_for_line("error=").contains("not other.test"));
    assert_eq!(served.finish(), Error::AlertReceived(AlertDescription::bad_certificate));
}

#[test]
fn secrets_and_exported_keys_are_the_same_on_both_ends() {
    let Some((program, certificates)) = prepared() else { return };
    for (index, suite) in tls12_suites(Kind::Rsa).into_iter().enumerate() {
        let file = certificates.folder.text(&format!("go-tls12-{index}.keys"));
        let arguments = ["-keylog", &file, "-exporter", "EXPORTER-bulla"];
        let (process, address) = server(program, &certificates, Kind::Rsa, &arguments);
        let kept = Arc::new(KeptKeys::default());
        let config = ClientConfig::new(certificates.roots()).cipher_suites([suite]).unwrap().key_log(kept.clone());
        let stream = connect(address, config).unwrap();
        let mut exported = [0; 42];
        // With a context, which TLS 1.2 tells from none. RFC 5705 §4.
        stream.connection().export(b"EXPORTER-bulla", Some(b"context"), &mut exported).unwrap();
        there_and_back(stream);
        let ours: String = exported.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(told(&process, "exported"), ours);
        assert_eq!(sorted_key_log(&std::fs::read_to_string(file).unwrap()), kept.sorted());
        assert_eq!(kept.sorted().len(), 1);
    }
}
