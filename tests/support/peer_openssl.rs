//! The `openssl` command as a peer that comes back.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use bulla::wire::{CipherSuite, ProtocolVersion};
use bulla::{HandshakeKind, ServerConfig};

use super::certificates::{Certificates, Kind, NAME};
use super::ends::openssl_suite;
use super::peer::{Process, contains, is_installed, serve_once, skipped};
use super::resumption::{Told, Way, echo};

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
