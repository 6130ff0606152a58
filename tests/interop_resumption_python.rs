//! Python's ssl module and Bulla come back to each other, in both versions.
//!
//! The module has no early data, and external PSKs only since Python 3.13, which is not tried here.

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/peer_resumption.rs"]
mod resumption;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use bulla::wire::{NamedGroup, ProtocolVersion};
use bulla::{ClientAuth, ClientConfig, HandshakeKind, ServerConfig};
use certificates::{Certificates, Kind, NAME};
use ends::Facts;
use peer::{Process, is_installed, skipped};
use resumption::{LaterClock, Told, WAYS, Way, call, resuming_client, serve_each};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/python/peer.py");

/// The certificates, or `None` without what is needed; says so then.
fn certificates() -> Option<Arc<Certificates>> {
    for (program, flag, what) in
        [("python3", "--version", "python3"), ("openssl", "version", "openssl, which makes the certificates,")]
    {
        if !is_installed(program, flag) {
            skipped("Python and Bulla", what);
            return None;
        }
    }
    Some(Certificates::shared())
}

/// Starts the script so that it speaks the version and keeps sessions in this way.
fn python(way: Way, times: usize, arguments: &[&str]) -> Process {
    let mut command = Command::new("python3");
    command.arg(SCRIPT).args(arguments).env("PEER_TIMES", times.to_string());
    command.env("PEER_VERSION", if way.version() == ProtocolVersion::TLSv1_2 { "1.2" } else { "1.3" });
    if matches!(way, Way::StoredTls13 | Way::SessionIdTls12) {
        command.env("PEER_NO_TICKET", "");
    }
    Process::start(&mut command)
}

/// What it has told so far of each connection: whether a session was reused.
fn reused(text: &str) -> Vec<bool> {
    text.lines().filter_map(|line| line.strip_prefix("reused ")).map(|word| word == "True").collect()
}

/// Lets a client come to each of these servers in turn, behind one address; both ends tell the same of each.
#[track_caller]
fn visits(certificates: &Certificates, way: Way, configs: Vec<ServerConfig>, identity: &[&str]) -> Vec<Told> {
    let times = configs.len();
    let (address, served) = serve_each(configs.into_iter().map(Arc::new).collect());
    let (port, roots) = (address.port().to_string(), certificates.roots_file());
    let arguments = [&["client", "127.0.0.1", &port, NAME, &roots], identity].concat();
    let text = python(way, times, &arguments).finish().successful().text();
    let told = served.finish();
    assert_eq!(text.matches("done").count(), times, "{text}");
    let ours: Vec<_> = told.iter().map(|told| told.kind() == HandshakeKind::Resumed).collect();
    assert_eq!(reused(&text), ours, "{text}");
    told
}

fn kinds(told: &[Told]) -> Vec<HandshakeKind> {
    told.iter().map(Told::kind).collect()
}

fn config(certificates: &Certificates) -> ServerConfig {
    ServerConfig::new(certificates.identity(Kind::EcdsaP256))
}

#[test]
fn python_client_resumes_in_every_way_and_suite() {
    let Some(certificates) = certificates() else { return };
    for way in WAYS {
        for suite in way.suites() {
            let config = way.keep(config(&certificates)).cipher_suites([suite]).unwrap();
            let told = visits(&certificates, *way, vec![config; 3], &[]);
            assert_eq!(kinds(&told), [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed], "{way:?}");
            assert!(told.iter().all(|told| told.facts().suite == suite && told.version == Some(way.version())));
        }
    }
}

#[test]
fn python_client_resumes_with_its_certificate_and_behind_a_retry() {
    let Some(certificates) = certificates() else { return };
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    for way in WAYS {
        let asking = config(&certificates).client_auth(ClientAuth::Require(Arc::new(certificates.roots())));
        let config = way.keep(asking).groups([NamedGroup::secp384r1, NamedGroup::secp256r1]).unwrap();
        let told = visits(&certificates, *way, vec![config; 2], &[&certificate, &key]);
        assert_eq!(kinds(&told), [HandshakeKind::Full, HandshakeKind::Resumed]);
        for told in told {
            assert_ne!(told.facts().peer_chain_len, 0);
            assert_eq!(told.facts().retried, way.version() == ProtocolVersion::TLSv1_3);
        }
    }
}

#[test]
fn python_client_with_a_foreign_or_expired_session_is_served_in_full() {
    let Some(certificates) = certificates() else { return };
    for way in WAYS {
        let own = way.keep(config(&certificates));
        let clock = Arc::new(LaterClock::default());
        clock.advance(7200);
        let configs = vec![own.clone(), way.keep(config(&certificates)), own.clone(), own.clock(clock)];
        assert_eq!(kinds(&visits(&certificates, *way, configs, &[])), [HandshakeKind::Full; 4]);
    }
}

/// A server that our client comes back to.
struct Server {
    process: Process,
    address: SocketAddr,
    connections: usize,
}

impl Server {
    fn start(certificates: &Certificates, way: Way, roots: &str) -> Self {
        let (certificate, key) =
            (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
        let process = python(way, 1, &["server", roots, &certificate, &key]);
        let address = format!("127.0.0.1:{}", process.wait_for_line("port ")).parse().unwrap();
        Self { process, address, connections: 0 }
    }

    /// Says a line, gets it back and closes; both ends tell the same of the handshake.
    #[track_caller]
    fn visit(&mut self, config: &ClientConfig) -> Facts {
        let mut wire = call(&Arc::new(config.clone()), self.address);
        wire.handshake().unwrap();
        wire.send(b"there and back\n").unwrap();
        assert_eq!(wire.receive_line().unwrap(), "there and back\n");
        let facts = wire.facts();
        wire.close().unwrap();
        self.connections += 1;
        let theirs = self.process.wait_for("whether a session was reused", |stdout, _| {
            reused(&String::from_utf8_lossy(stdout)).into_iter().nth(self.connections - 1)
        });
        assert_eq!(theirs, facts.kind == HandshakeKind::Resumed);
        facts
    }
}

fn client(certificates: &Certificates, way: Way) -> ClientConfig {
    resuming_client(way.version(), ClientConfig::new(certificates.roots()))
}

#[test]
fn python_server_resumes_us_in_every_way_and_suite() {
    let Some(certificates) = certificates() else { return };
    for way in WAYS {
        let mut server = Server::start(&certificates, *way, "-");
        for suite in way.suites() {
            let config = client(&certificates, *way).cipher_suites([suite]).unwrap();
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
                let facts = server.visit(&config);
                assert_eq!((facts.kind, facts.suite), (kind, suite), "{way:?}");
            }
        }
    }
}

#[test]
fn python_server_asks_for_our_certificate_once_and_with_other_keys_again() {
    let Some(certificates) = certificates() else { return };
    let roots = certificates.roots_file();
    for way in WAYS {
        let config = client(&certificates, *way).identity(certificates.identity(Kind::Rsa));
        for kinds in [[HandshakeKind::Full, HandshakeKind::Resumed]; 2] {
            let mut server = Server::start(&certificates, *way, &roots);
            assert_eq!([(); 2].map(|()| server.visit(&config).kind), kinds);
        }
    }
}
