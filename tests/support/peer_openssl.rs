//! The `openssl` command as a peer that comes back.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use bulla::wire::{CipherSuite, ProtocolVersion};
use bulla::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig};

use super::certificates::{Certificates, Kind, NAME};
use super::ends::{Facts, openssl_suite};
use super::peer::{Process, contains, is_installed, serve_once, skipped};
use super::resumption::{Told, Way, Wire, call, echo};

/// The certificates, or `None` without the command; says so then.
pub fn openssl_certificates() -> Option<Arc<Certificates>> {
    if is_installed("openssl", "version") {
        return Some(Certificates::shared());
    }
    skipped("openssl and Bulla", "openssl");
    None
}

/// Lets the command speak this version alone.
pub fn version_flag(version: ProtocolVersion) -> &'static str {
    if version == ProtocolVersion::TLSv1_3 { "-tls1_3" } else { "-tls1_2" }
}

/// Lets the command speak this suite alone.
pub fn suite_flags(suite: CipherSuite) -> [String; 2] {
    match suite.name() {
        Some(name) if !name.contains("_WITH_") => ["-ciphersuites".to_string(), name.to_string()],
        _ => ["-cipher".to_string(), openssl_suite(suite).to_string()],
    }
}

/// Starts a client that verifies our chain and name, if there is one.
pub fn s_client(certificates: &Certificates, address: SocketAddr, more: &[&str]) -> Process {
    let (roots, address) = (certificates.roots_file(), address.to_string());
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address, "-CAfile", &roots, "-verify_return_error"]);
    Process::start(command.args(["-servername", NAME, "-verify_hostname", NAME]).args(more))
}

/// Starts a server with a P-256 leaf.
pub fn s_server(certificates: &Certificates, more: &[&str]) -> (Process, SocketAddr) {
    let (certificate, key) = (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
    s_server_with(&[&["-cert", &certificate, "-key", &key], more].concat())
}

pub fn s_server_with(arguments: &[&str]) -> (Process, SocketAddr) {
    let mut command = Command::new("openssl");
    let process = Process::start(command.args(["s_server", "-accept", "127.0.0.1:0"]).args(arguments));
    let address = process.wait_for_line("ACCEPT ").parse().unwrap();
    (process, address)
}

/// A client with a file for its session.
pub struct Client {
    pub certificates: Arc<Certificates>,
    pub session: String,
}

impl Client {
    pub fn new(certificates: &Arc<Certificates>, test: &str) -> Self {
        Self { certificates: Arc::clone(certificates), session: certificates.folder.text(&format!("{test}.session")) }
    }

    pub fn server(&self) -> ServerConfig {
        ServerConfig::new(self.certificates.identity(Kind::EcdsaP256))
    }

    /// Connects for the first time, to a full handshake on both ends.
    #[track_caller]
    pub fn first(&self, config: &ServerConfig, more: &[&str]) -> Told {
        let (told, text) = self.visit(config, &[&["-sess_out", &self.session], more].concat());
        is_full(&told, &text);
        told
    }

    /// Connects with the session that it has, and keeps the one that it gets then.
    #[track_caller]
    pub fn again(&self, config: &ServerConfig, more: &[&str]) -> (Told, String) {
        self.visit(config, &[&["-sess_in", &self.session, "-sess_out", &self.session], more].concat())
    }

    /// Sends a line, gets it back, and closes; returns what both ends tell.
    #[track_caller]
    pub fn visit(&self, config: &ServerConfig, more: &[&str]) -> (Told, String) {
        let config = Arc::new(config.clone());
        let (address, served) = serve_once(move |socket| echo(config, socket));
        let mut process = s_client(&self.certificates, address, more);
        process.say("there and back\n");
        process.wait_for("the line", |stdout, _| contains(stdout, "there and back\n").then_some(()));
        let text = process.finish().successful().text();
        let told = served.finish();
        assert_eq!(told.data, b"there and back\n");
        (told, text)
    }
}

#[track_caller]
pub fn is_full(told: &Told, text: &str) {
    assert_eq!(told.kind(), HandshakeKind::Full, "{text}");
    assert!(text.contains("New, TLSv1."), "{text}");
}

#[track_caller]
pub fn is_resumed(told: &Told, text: &str) {
    assert_eq!(told.kind(), HandshakeKind::Resumed, "{text}");
    let version = told.version.map(|version| if version == ProtocolVersion::TLSv1_3 { "3" } else { "2" });
    assert!(text.contains(&format!("Reused, TLSv1.{}", version.unwrap())), "{text}");
    assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
}

/// What the command must be told to come back in this way.
pub fn client_flags(way: Way) -> Vec<&'static str> {
    let no_ticket = (way == Way::SessionIdTls12).then_some("-no_ticket");
    [version_flag(way.version())].into_iter().chain(no_ticket).collect()
}

/// A server that our client comes back to. It prints what it gets, and says what it is told to.
pub struct Server {
    pub process: Process,
    pub address: SocketAddr,
    connections: usize,
}

impl Server {
    pub fn start(certificates: &Certificates, more: &[&str]) -> Self {
        Self::of(s_server(certificates, more))
    }

    pub fn of((process, address): (Process, SocketAddr)) -> Self {
        Self { process, address, connections: 0 }
    }

    pub fn call(&self, config: &ClientConfig) -> Wire<ClientConnection> {
        call(&Arc::new(config.clone()), self.address)
    }

    /// Connects, to a full handshake on both ends.
    #[track_caller]
    pub fn full(&mut self, config: &ClientConfig) -> Facts {
        let (facts, text) = self.visit(config);
        assert_eq!((facts.kind, text.contains("Reused session-id")), (HandshakeKind::Full, false), "{text}");
        facts
    }

    /// Connects, to a resumed handshake on both ends.
    #[track_caller]
    pub fn resumed(&mut self, config: &ClientConfig) -> Facts {
        let (facts, text) = self.visit(config);
        assert_eq!((facts.kind, text.contains("Reused session-id")), (HandshakeKind::Resumed, true), "{text}");
        facts
    }

    /// Connects and says a line each way; returns what both ends tell.
    #[track_caller]
    pub fn visit(&mut self, config: &ClientConfig) -> (Facts, String) {
        let mut wire = self.call(config);
        wire.handshake().unwrap();
        self.converse(wire)
    }

    /// Says a line each way and closes; returns what both ends tell of this connection.
    #[track_caller]
    pub fn converse(&mut self, mut wire: Wire<ClientConnection>) -> (Facts, String) {
        self.connections += 1;
        let number = self.connections;
        wire.send(format!("to the server {number}.\n").as_bytes()).unwrap();
        let text = self.said_of(number);
        // A command's letter must not be the first.
        self.process.say(format!("{number} to the client\n"));
        assert_eq!(wire.receive_line().unwrap(), format!("{number} to the client\n"));
        let facts = wire.facts();
        wire.close().unwrap();
        (facts, text)
    }

    /// Waits for our line, and returns what the server has said since the last one.
    fn said_of(&self, number: usize) -> String {
        let after = |number| format!("to the server {number}.\n");
        self.process.wait_for(&after(number), |stdout, _| {
            let text = String::from_utf8_lossy(stdout);
            let (text, _) = text.split_once(&after(number))?;
            Some(text.split_once(&after(number - 1)).map_or(text, |(_, text)| text).to_string())
        })
    }
}
