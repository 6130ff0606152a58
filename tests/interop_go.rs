//! Go's crypto/tls and Bulla, both ways, TLS 1.3; above all the hybrid X25519MLKEM768, which Go has of its own.

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

use bulla::wire::{AlertDescription, NamedGroup};
use bulla::{ClientAuth, ClientConfig, Error, ServerConfig};
use certificates::{Certificates, Kind, NAME};
use ends::{
    ClientStream, Facts, KeptKeys, SUITES, ServerStream, connect, connect_as, facts, scheme_of, serve, sorted_key_log,
    tls_failure, try_serve,
};
use go::{go_client, go_peer, go_server};
use peer::{Background, Process, digits, is_installed, skipped};

/// The kinds of keys that Go has: no RSA-PSS keys among them.
const GO_KINDS: [Kind; 4] = [Kind::EcdsaP256, Kind::EcdsaP384, Kind::Ed25519, Kind::Rsa];

/// The groups, with Go's names for them.
const GO_GROUPS: [(NamedGroup, &str); 7] = [
    (NamedGroup::X25519MLKEM768, "X25519MLKEM768"),
    (NamedGroup::SecP256r1MLKEM768, "SecP256r1MLKEM768"),
    (NamedGroup::SecP384r1MLKEM1024, "SecP384r1MLKEM1024"),
    (NamedGroup::MLKEM1024, "MLKEM1024"),
    (NamedGroup::x25519, "X25519"),
    (NamedGroup::secp256r1, "P-256"),
    (NamedGroup::secp384r1, "P-384"),
];

/// Go's program and certificates, or `None` if either cannot be made here.
fn prepared() -> Option<(&'static str, Arc<Certificates>)> {
    let program = go_peer(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/go/main.go"))?;
    if !is_installed("openssl", "version") {
        skipped("Go's crypto/tls and Bulla", "openssl, which makes the certificates,");
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

/// Go's name for a curve in what it prints.
fn told_group(group: NamedGroup) -> &'static str {
    match group {
        NamedGroup::X25519MLKEM768 => "X25519MLKEM768",
        NamedGroup::SecP256r1MLKEM768 => "SecP256r1MLKEM768",
        NamedGroup::SecP384r1MLKEM1024 => "SecP384r1MLKEM1024",
        NamedGroup::MLKEM1024 => "MLKEM1024",
        NamedGroup::x25519 => "X25519",
        NamedGroup::secp256r1 => "CurveP256",
        NamedGroup::secp384r1 => "CurveP384",
        other => panic!("{other}"),
    }
}

fn server(program: &str, certificates: &Certificates, kind: Kind, more: &[&str]) -> (Process, SocketAddr) {
    let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
    go_server(program, &[&["-cert", &certificate, "-key", &key], more].concat())
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
    let facts = facts(stream.connection());
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

/// Runs a Go client against our server; returns what our end tells and all that Go printed.
fn client(program: &str, certificates: &Certificates, config: ServerConfig, more: &[&str]) -> (Facts, Process) {
    let (address, served) = serve(config, echo);
    let roots = certificates.roots_file();
    let process = go_client(program, address, &[&["-roots", &roots, "-name", NAME], more].concat());
    assert_eq!(told(&process, "same"), "true");
    (served.finish(), process)
}

#[test]
fn hybrid_is_what_both_sides_choose_when_nothing_is_said() {
    let Some((program, certificates)) = prepared() else { return };
    let (process, address) = server(program, &certificates, Kind::EcdsaP256, &[]);
    let stream = connect(address, ClientConfig::new(certificates.roots())).unwrap();
    let ours = facts(stream.connection());
    assert_eq!((ours.group, ours.retried), (NamedGroup::X25519MLKEM768, false));
    assert_eq!(told(&process, "group"), "X25519MLKEM768");
    there_and_back(stream);

    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    let (ours, process) = client(program, &certificates, config, &[]);
    assert_eq!((ours.group, ours.retried), (NamedGroup::X25519MLKEM768, false));
    assert_eq!(told(&process, "group"), "X25519MLKEM768");
}

#[test]
fn every_suite_group_and_leaf_connects_to_a_go_server() {
    let Some((program, certificates)) = prepared() else { return };
    // Go's defaults leave one of them out.
    let curves = GO_GROUPS.map(|(_, name)| name).join(",");
    for kind in GO_KINDS {
        let (process, address) = server(program, &certificates, kind, &["-curves", &curves]);
        for (number, suite) in SUITES.into_iter().enumerate() {
            for (index, (group, _)) in GO_GROUPS.into_iter().enumerate() {
                let config = ClientConfig::new(certificates.roots());
                let stream = connect(address, config.cipher_suites([suite]).unwrap().groups([group]).unwrap()).unwrap();
                let ours = facts(stream.connection());
                assert_eq!((ours.suite, ours.group, ours.retried), (suite, group, false));
                assert_eq!(ours.peer_scheme, Some(scheme_of(kind)));
                there_and_back(stream);
                let told = |name| told_of(&process, number * GO_GROUPS.len() + index, name);
                assert_eq!((told("group"), told("suite")), (told_group(group).into(), suite.to_string()));
            }
        }
    }
}

#[test]
fn every_suite_group_and_leaf_connects_to_our_server_from_go() {
    let Some((program, certificates)) = prepared() else { return };
    for (index, kind) in GO_KINDS.into_iter().enumerate() {
        for (number, (group, name)) in GO_GROUPS.into_iter().enumerate() {
            let suite = SUITES[(index + number) % 3];
            let config = ServerConfig::new(certificates.identity(kind)).cipher_suites([suite]).unwrap();
            let config = config.groups([group]).unwrap();
            let (ours, process) = client(program, &certificates, config, &["-curves", name]);
            assert_eq!((ours.suite, ours.group, ours.retried), (suite, group, false));
            assert_eq!(ours.server_name.as_deref(), Some(NAME));
            assert_eq!(
                (told(&process, "group"), told(&process, "suite")),
                (told_group(group).into(), suite.to_string())
            );
        }
    }
}

#[test]
fn retry_leads_to_the_servers_group_both_ways_the_hybrid_included() {
    let Some((program, certificates)) = prepared() else { return };
    for (group, name) in GO_GROUPS {
        // Each client lists the group and starts with another one.
        let first = if group == NamedGroup::x25519 { NamedGroup::secp256r1 } else { NamedGroup::x25519 };
        let (process, address) = server(program, &certificates, Kind::EcdsaP256, &["-curves", name]);
        let config = ClientConfig::new(certificates.roots()).groups([first, group]).unwrap();
        let stream = connect(address, config).unwrap();
        let ours = facts(stream.connection());
        assert_eq!((ours.group, ours.retried), (group, true));
        assert_eq!(told(&process, "group"), told_group(group));
        there_and_back(stream);
    }
    for (group, curves) in
        [(NamedGroup::secp256r1, "X25519MLKEM768,X25519,P-256"), (NamedGroup::secp384r1, "X25519,P-384")]
    {
        let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256)).groups([group]).unwrap();
        let (ours, process) = client(program, &certificates, config, &["-curves", curves]);
        assert_eq!((ours.group, ours.retried), (group, true));
        assert_eq!(told(&process, "group"), told_group(group));
    }
}

#[test]
fn x25519_half_of_the_hybrid_serves_a_peer_that_has_not_the_whole() {
    let Some((program, certificates)) = prepared() else { return };
    let (process, address) = server(program, &certificates, Kind::EcdsaP256, &["-curves", "X25519,P-256"]);
    let stream = connect(address, ClientConfig::new(certificates.roots())).unwrap();
    let ours = facts(stream.connection());
    assert_eq!((ours.group, ours.retried), (NamedGroup::x25519, false));
    assert_eq!(told(&process, "group"), "X25519");
    there_and_back(stream);

    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256)).groups([NamedGroup::x25519]).unwrap();
    let (ours, process) = client(program, &certificates, config, &[]);
    assert_eq!((ours.group, ours.retried), (NamedGroup::x25519, false));
    assert_eq!(told(&process, "group"), "X25519");
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
    let mut without = connect(address, ClientConfig::new(certificates.roots())).unwrap();
    let error = tls_failure(without.read(&mut [0]));
    assert_eq!(error, Error::AlertReceived(AlertDescription::certificate_required));

    let roots = Arc::new(certificates.roots());
    let config = || {
        let config = ServerConfig::new(certificates.identity(Kind::Rsa));
        config.client_auth(ClientAuth::Require(Arc::clone(&roots)))
    };
    for kind in GO_KINDS {
        let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
        let (ours, _) = client(program, &certificates, config(), &["-cert", &certificate, "-key", &key]);
        assert_eq!((ours.peer_scheme, ours.peer_chain_len), (Some(scheme_of(kind)), 1));
    }
    let (address, served) = try_serve(config(), tls_failure);
    let process = go_client(program, address, &["-roots", &certificates.roots_file(), "-name", NAME]);
    assert!(process.wait_for_line("error=").contains("certificate required"));
    assert_eq!(served.finish().name(), "ClientCertificateRequired");
}

#[test]
fn application_protocols_are_agreed_on_or_refused_both_ways() {
    let Some((program, certificates)) = prepared() else { return };
    let (process, address) = server(program, &certificates, Kind::EcdsaP256, &["-alpn", "h2,http/1.1"]);
    let config = ClientConfig::new(certificates.roots());
    let stream = connect(address, config.clone().alpn(["http/1.1", "h2"]).unwrap()).unwrap();
    assert_eq!(facts(stream.connection()).alpn.as_deref(), Some("h2"));
    assert_eq!(told(&process, "alpn"), "h2");
    there_and_back(stream);
    let error = tls_failure(connect(address, config.alpn(["imap"]).unwrap()));
    assert_eq!(error, Error::AlertReceived(AlertDescription::no_application_protocol));

    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256)).alpn(["http/1.1", "h2"]).unwrap();
    let (ours, process) = client(program, &certificates, config.clone(), &["-alpn", "h2,http/1.1"]);
    assert_eq!((ours.alpn.as_deref(), &*told(&process, "alpn")), (Some("http/1.1"), "http/1.1"));
    let (address, served) = try_serve(config, tls_failure);
    let process = go_client(program, address, &["-roots", &certificates.roots_file(), "-name", NAME, "-alpn", "imap"]);
    assert!(process.wait_for_line("error=").contains("no application protocol"));
    assert_eq!(served.finish().name(), "NoCommonApplicationProtocol");
}

#[test]
fn wrong_names_and_unknown_authorities_are_refused_with_their_alerts_both_ways() {
    let Some((program, certificates)) = prepared() else { return };
    let (process, address) = server(program, &certificates, Kind::EcdsaP256, &[]);
    let error = tls_failure(connect_as(address, ClientConfig::new(certificates.roots()), "other.test"));
    assert_eq!(error.name(), "NameMismatch");
    assert!(process.wait_for_line("refused=").contains("bad certificate"));

    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    let (address, served) = try_serve(config.clone(), tls_failure);
    let process = go_client(program, address, &["-roots", &certificates.roots_file(), "-name", "other.test"]);
    assert!(process.wait_for_line("error=").contains("not other.test"));
    assert_eq!(served.finish(), Error::AlertReceived(AlertDescription::bad_certificate));

    let (address, served) = try_serve(config, tls_failure);
    let process = go_client(program, address, &["-roots", &certificates.certificate_file(Kind::Rsa), "-name", NAME]);
    assert!(process.wait_for_line("error=").contains("unknown authority"));
    // Go says no more than that.
    assert_eq!(served.finish(), Error::AlertReceived(AlertDescription::bad_certificate));
}

#[test]
fn secrets_and_exported_keys_are_the_same_on_both_ends() {
    let Some((program, certificates)) = prepared() else { return };
    for (index, suite) in SUITES.into_iter().enumerate() {
        let file = certificates.folder.text(&format!("go-{index}.keys"));
        let arguments = ["-keylog", &file, "-exporter", "EXPORTER-bulla"];
        let (process, address) = server(program, &certificates, Kind::EcdsaP256, &arguments);
        let kept = Arc::new(KeptKeys::default());
        let config = ClientConfig::new(certificates.roots()).cipher_suites([suite]).unwrap().key_log(kept.clone());
        let stream = connect(address, config).unwrap();
        let mut exported = [0; 42];
        stream.connection().export(b"EXPORTER-bulla", Some(b"context"), &mut exported).unwrap();
        there_and_back(stream);
        let ours: String = exported.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(told(&process, "exported"), ours);
        // Go writes no exporter secret.
        let ours = kept.sorted().into_iter().filter(|line| !line.starts_with("EXPORTER_SECRET")).collect::<Vec<_>>();
        assert_eq!(sorted_key_log(&std::fs::read_to_string(file).unwrap()), ours);
        assert_eq!(ours.len(), 4);
    }
}

#[test]
fn key_updates_are_followed_and_answered_by_go_while_data_goes_both_ways() {
    let Some((program, certificates)) = prepared() else { return };
    let (_process, address) = server(program, &certificates, Kind::EcdsaP256, &[]);
    for suite in SUITES {
        let config = ClientConfig::new(certificates.roots()).cipher_suites([suite]).unwrap();
        let stream = connect(address, config).unwrap();
        let write_side = stream.transport().try_clone().unwrap();
        let (mut reader, mut writer) = stream.split(write_side).unwrap();
        let sent = digits(2 << 20);
        let len = sent.len();
        let reading = Background::start(move || {
            let mut received = Vec::with_capacity(len);
            reader.read_to_end(&mut received).unwrap();
            received
        });
        for (index, part) in sent.chunks(100_000).enumerate() {
            writer.write_all(part).unwrap();
            writer.with_connection(|connection| connection.update_keys(index % 2 == 0)).unwrap();
        }
        writer.close().unwrap();
        assert!(reading.finish() == sent, "the echo is something else");
    }
}

#[test]
fn much_data_goes_both_ways_from_go() {
    let Some((program, certificates)) = prepared() else { return };
    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    let (_, process) = client(program, &certificates, config, &["-say", "8000000"]);
    assert_eq!(told(&process, "resumed"), "false");
}
