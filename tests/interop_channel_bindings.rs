//! Channel bindings and exported keys are those that Python, GnuTLS, Go and NSS have for the same connection, both ways, in
//! TLS 1.3 and 1.2. RFC 5705, RFC 5929, RFC 9266.

#![cfg(all(feature = "ring", feature = "std", feature = "tls12"))]

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer_gnutls.rs"]
mod gnutls;
#[path = "support/peer_go.rs"]
mod go;
#[path = "support/peer_nss.rs"]
mod nss;
#[path = "support/peer.rs"]
mod peer;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use bulla::config::AVAILABLE_VERSIONS;
use bulla::crypto::ring::provider;
use bulla::resume::{MemoryClientSessions, TicketKeys};
use bulla::wire::ProtocolVersion;
use bulla::{ClientConfig, Connection, HandshakeKind, ServerConfig, ServerConnection, Stream};
use certificates::{Certificates, Kind, NAME};
use ends::{ServerStream, connect, read_line, serve};
use gnutls::{gnutls_certificates, gnutls_cli, gnutls_serv, isolated};
use go::{go_client, go_peer, go_server};
use nss::Nss;
use peer::{Process, is_installed, serve_in_turn, skipped};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/python/bindings.py");
const LABEL: &str = "EXPERIMENTAL bulla";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The bindings of our end: tls-unique or why there is none, tls-server-end-point, tls-exporter.
#[derive(Debug, PartialEq)]
struct Bindings {
    unique: Option<String>,
    end_point: String,
    exporter: String,
}

fn bindings(connection: &Connection) -> Bindings {
    Bindings {
        unique: connection.tls_unique().ok().map(|binding| hex(&binding)),
        end_point: hex(connection.tls_server_end_point().unwrap().as_ref()),
        exporter: hex(&connection.tls_exporter_channel_binding().unwrap()),
    }
}

/// Twenty bytes of keys under our label.
fn exported(connection: &Connection, context: Option<&[u8]>) -> String {
    let mut output = [0; 20];
    connection.export(LABEL.as_bytes(), context, &mut output).unwrap();
    hex(&output)
}

fn number(version: ProtocolVersion) -> &'static str {
    if version == ProtocolVersion::TLSv1_3 { "1.3" } else { "1.2" }
}

fn server(certificates: &Certificates, version: ProtocolVersion) -> ServerConfig {
    ServerConfig::new(certificates.identity(Kind::EcdsaP256)).versions([version]).unwrap()
}

fn client(certificates: &Certificates, version: ProtocolVersion) -> ClientConfig {
    ClientConfig::new(certificates.roots()).versions([version]).unwrap()
}

fn python_certificates() -> Option<Arc<Certificates>> {
    for (program, flag) in [("python3", "--version"), ("openssl", "version")] {
        if !is_installed(program, flag) {
            skipped("channel bindings of Python", program);
            return None;
        }
    }
    Some(Certificates::shared())
}

/// What Python should tell of a connection of ours.
fn of_python(kind: HandshakeKind, ours: &Bindings) -> String {
    let reused = if kind == HandshakeKind::Resumed { "True" } else { "False" };
    format!("bindings {reused} {} {}\n", ours.unique.as_deref().unwrap_or("none"), ours.end_point)
}

fn python(arguments: &[&str]) -> Process {
    Process::start(Command::new("python3").arg(SCRIPT).args(arguments))
}

#[test]
fn python_as_a_client_has_our_bindings_in_full_and_resumed_handshakes() {
    let Some(certificates) = python_certificates() else { return };
    for version in AVAILABLE_VERSIONS.iter().copied() {
        let tickets = Arc::new(TicketKeys::random(provider(), 86_400).unwrap());
        let config = Arc::new(server(&certificates, version).tickets(tickets));
        let (address, served) = serve_in_turn(2, move |_, socket| {
            let mut stream = Stream::new(ServerConnection::new(config.clone()).unwrap(), socket);
            stream.handshake().unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            stream.write_all(&byte).unwrap();
            assert_eq!(stream.read(&mut byte).unwrap(), 0);
            stream.close().unwrap();
            (stream.connection().handshake_kind().unwrap(), bindings(stream.connection()))
        });
        let (port, roots) = (address.port().to_string(), certificates.roots_file());
        let process = python(&["client", number(version), &port, &roots]);
        let ours = served.finish();
        assert_eq!([ours[0].0, ours[1].0], [HandshakeKind::Full, HandshakeKind::Resumed]);
        for (kind, ours) in &ours {
            assert_eq!(ours.unique.is_some(), version == ProtocolVersion::TLSv1_2);
            process.wait_for_text(&of_python(*kind, ours));
        }
        process.finish().successful();
    }
}

#[test]
fn python_as_a_server_has_our_bindings_in_full_and_resumed_handshakes() {
    let Some(certificates) = python_certificates() else { return };
    for version in AVAILABLE_VERSIONS.iter().copied() {
        let (certificate, key) =
            (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
        let process = python(&["server", number(version), &certificate, &key]);
        let address: SocketAddr = format!("127.0.0.1:{}", process.wait_for_line("port ")).parse().unwrap();
        let config = client(&certificates, version).session_store(Arc::new(MemoryClientSessions::new(4, 4)));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut stream = connect(address, config.clone()).unwrap();
            stream.write_all(b".").unwrap();
            stream.read_exact(&mut [0]).unwrap();
            assert_eq!(stream.connection().handshake_kind(), Some(kind));
            let ours = bindings(stream.connection());
            assert_eq!(ours.unique.is_some(), version == ProtocolVersion::TLSv1_2);
            process.wait_for_text(&of_python(kind, &ours));
            stream.close().unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        }
        process.finish().successful();
    }
}

/// What GnuTLS is told: one version, and what it is to export.
fn gnutls_flags(version: ProtocolVersion) -> Vec<&'static str> {
    let priority = match version {
        ProtocolVersion::TLSv1_3 => "NORMAL:-VERS-ALL:+VERS-TLS1.3",
        _ => "NORMAL:-VERS-ALL:+VERS-TLS1.2",
    };
    vec!["--priority", priority, "--keymatexport", LABEL, "--keymatexportsize", "20"]
}

/// What GnuTLS tells of its only connection: its bindings, and its exported key.
fn of_gnutls(process: &Process) -> (Bindings, String) {
    let told = |what: &str| process.wait_for_line(what);
    let unique = Some(told(" - 'tls-unique': ")).filter(|unique| unique != "not available");
    let (end_point, exporter) = (told(" - 'tls-server-end-point': "), told(" - 'tls-exporter': "));
    (Bindings { unique, end_point, exporter }, told("- Key material: "))
}

#[test]
fn gnutls_as_a_client_has_our_bindings_and_exports() {
    let Some(certificates) = gnutls_certificates() else { return };
    for version in AVAILABLE_VERSIONS.iter().copied() {
        let (address, served) = serve(server(&certificates, version), |mut stream: ServerStream| {
            let ours = (bindings(stream.connection()), exported(stream.connection(), None));
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
            stream.close().unwrap();
            ours
        });
        let process = gnutls_cli(&certificates, address, &[&gnutls_flags(version)[..], &["--verbose"]].concat());
        process.wait_for_text("- Simple Client Mode:");
        let theirs = of_gnutls(&process);
        process.finish().successful();
        assert_eq!(theirs.0.unique.is_some(), version == ProtocolVersion::TLSv1_2);
        assert_eq!(theirs, served.finish(), "{version}");
    }
}

#[test]
fn gnutls_as_a_server_has_our_bindings_and_exports() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("gnutls_as_a_server_has_our_bindings_and_exports") {
        return;
    }
    for (port, version) in (5600..).zip(AVAILABLE_VERSIONS.iter().copied()) {
        let more = [&gnutls_flags(version)[..], &["--disable-client-cert"]].concat();
        let (process, address) = gnutls_serv(&certificates, Kind::EcdsaP256, port, &more);
        let mut stream = connect(address, client(&certificates, version)).unwrap();
        stream.write_all(b"there and back\n").unwrap();
        assert_eq!(read_line(&mut stream), "there and back\n");
        let theirs = of_gnutls(&process);
        assert_eq!(theirs, (bindings(stream.connection()), exported(stream.connection(), None)), "{version}");
        assert_eq!(theirs.0.unique.is_some(), version == ProtocolVersion::TLSv1_2);
        stream.close().unwrap();
    }
}

#[test]
fn go_has_our_tls_unique_and_exports_at_both_ends() {
    let Some(program) = go_peer(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/go/main.go")) else { return };
    let Some(certificates) = python_certificates() else { return };
    let ours = |connection: &Connection| {
        let mut output = [0; 42];
        connection.export(LABEL.as_bytes(), Some(b"context"), &mut output).unwrap();
        (connection.tls_unique().map_or(String::new(), |unique| hex(&unique)), hex(&output))
    };
    let theirs = |process: &Process| (process.wait_for_line("unique="), process.wait_for_line("exported="));
    let (certificate, key) = (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
    let roots = certificates.roots_file();
    for version in AVAILABLE_VERSIONS.iter().copied() {
        let (address, served) = serve(server(&certificates, version), move |mut stream: ServerStream| {
            let mut sent = Vec::new();
            stream.read_to_end(&mut sent).unwrap();
            stream.write_all(&sent).unwrap();
            stream.close().unwrap();
            ours(stream.connection())
        });
        let process = go_client(program, address, &["-roots", &roots, "-name", NAME, "-exporter", LABEL]);
        assert_eq!(theirs(&process), served.finish(), "{version}");
        process.finish().successful();

        let (process, address) = go_server(program, &["-cert", &certificate, "-key", &key, "-exporter", LABEL]);
        let mut stream = connect(address, client(&certificates, version)).unwrap();
        stream.write_all(b"there and back\n").unwrap();
        assert_eq!(read_line(&mut stream), "there and back\n");
        let of_go = theirs(&process);
        assert_eq!(of_go, ours(stream.connection()), "{version}");
        assert_eq!(of_go.0.is_empty(), version == ProtocolVersion::TLSv1_3);
        stream.close().unwrap();
    }
}

/// What NSS exports: twenty bytes under our label, without a context and with one.
fn nss_exports() -> [String; 2] {
    ["-x".into(), format!("{LABEL}:20,{LABEL}:20:context")]
}

/// What NSS tells: lines of hexadecimal digits with colons, below a headline each.
fn of_nss(process: &Process) -> [String; 2] {
    process.wait_for("both exports", |stdout, stderr| {
        let text = [stdout, stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let exports = text.split("Keying Material:\n").skip(1).map(|after| {
            let lines = after.lines().take_while(|line| line.starts_with("        "));
            lines.flat_map(|line| line.chars().filter(char::is_ascii_hexdigit)).collect::<String>()
        });
        let exports: Vec<_> = exports.filter(|export| export.len() == 40).collect();
        exports.try_into().ok()
    })
}

fn both_exports(connection: &Connection) -> [String; 2] {
    [exported(connection, None), exported(connection, Some(b"context"))]
}

#[test]
fn nss_as_a_client_has_our_exports() {
    let Some(nss) = Nss::new() else { return };
    for version in AVAILABLE_VERSIONS.iter().copied() {
        let (address, served) = serve(server(&nss.certificates, version), |mut stream: ServerStream| {
            assert_eq!(read_line(&mut stream), "there\n");
            stream.write_all(b"and back\n").unwrap();
            stream.close().unwrap();
            both_exports(stream.connection())
        });
        let exports = nss_exports();
        let mut process = nss.client(version, address, &[&exports[0], &exports[1]]);
        process.say("there\n");
        process.wait_for_text("and back\n");
        assert_eq!(of_nss(&process), served.finish(), "{version}");
    }
}

#[test]
fn nss_as_a_server_has_our_exports() {
    let Some(nss) = Nss::new() else { return };
    if !isolated("nss_as_a_server_has_our_exports") {
        return;
    }
    for (port, version) in (5600..).zip(AVAILABLE_VERSIONS.iter().copied()) {
        let exports = nss_exports();
        let (process, address) = nss.server(version, port, &[&exports[0], &exports[1]]);
        let mut stream = connect(address, client(&nss.certificates, version)).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(of_nss(&process), both_exports(stream.connection()), "{version}");
    }
}
