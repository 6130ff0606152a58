//! Go's crypto/tls and Bulla come back to each other, in both versions.
//!
//! Go has tickets alone: it neither makes nor offers session ids of TLS 1.2 without one. It has no early data outside QUIC,
//! and no external PSKs.

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer_go.rs"]
mod go;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/peer_resumption.rs"]
mod resumption;

use std::net::SocketAddr;
use std::sync::Arc;

use bulla::config::AVAILABLE_VERSIONS;
use bulla::wire::{CipherSuite, NamedGroup, ProtocolVersion};
use bulla::{ClientAuth, ClientConfig, HandshakeKind, ServerConfig};
use certificates::{Certificates, Kind, NAME};
use ends::{Facts, scheme_of};
use go::{go_client, go_peer, go_server};
use peer::{Process, digits, is_installed, skipped};
use resumption::{LaterClock, Told, WAYS, Way, call, resuming_client, serve_each, ticket_keys};

/// Go's program and certificates, or `None` if either cannot be made here.
fn prepared() -> Option<(&'static str, Arc<Certificates>)> {
    let program = go_peer(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/go/main.go"))?;
    if !is_installed("openssl", "version") {
        skipped("Go's crypto/tls and Bulla", "openssl, which makes the certificates,");
        return None;
    }
    Some((program, Certificates::shared()))
}

/// The ways in which Go comes back to us.
fn ways() -> impl Iterator<Item = Way> {
    WAYS.iter().copied().filter(|way| *way != Way::SessionIdTls12)
}

/// What Go must be told to speak no newer version.
fn maximum(version: ProtocolVersion) -> [&'static str; 2] {
    ["-max", if version == ProtocolVersion::TLSv1_2 { "1.2" } else { "" }]
}

/// What Go has told of all its connections under this name.
fn values(text: &str, name: &str) -> Vec<String> {
    let start = format!("{name}=");
    text.lines().filter_map(|line| line.strip_prefix(&start)).map(String::from).collect()
}

/// Lets one Go client come to each of these servers in turn, behind one address; returns what both ends tell. They agree on
/// what was resumed.
#[track_caller]
fn visits(
    (program, certificates): &(&str, Arc<Certificates>),
    configs: Vec<ServerConfig>,
    more: &[&str],
) -> (Vec<Told>, String) {
    let times = configs.len().to_string();
    let (address, served) = serve_each(configs.into_iter().map(Arc::new).collect());
    let roots = certificates.roots_file();
    let arguments = ["-roots", &roots, "-name", NAME, "-times", &times];
    let text = go_client(program, address, &[&arguments[..], more].concat()).finish().successful().text();
    let told = served.finish();
    assert!(values(&text, "same").iter().all(|same| same == "true"), "{text}");
    let theirs: Vec<_> = values(&text, "resumed").iter().map(|resumed| resumed == "true").collect();
    let ours: Vec<_> = told.iter().map(|told| told.kind() == HandshakeKind::Resumed).collect();
    assert_eq!(theirs, ours, "{text}");
    (told, text)
}

fn kinds(told: &[Told]) -> Vec<HandshakeKind> {
    told.iter().map(Told::kind).collect()
}

#[test]
fn go_client_resumes_in_every_way_and_suite() {
    let Some(prepared) = prepared() else { return };
    for way in ways() {
        for suite in way.suites() {
            let config = way.keep(ServerConfig::new(prepared.1.identity(Kind::EcdsaP256)));
            let config = config.cipher_suites([suite]).unwrap();
            let (told, text) = visits(&prepared, vec![config; 3], &maximum(way.version()));
            assert_eq!(kinds(&told), [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed], "{text}");
            assert!(told.iter().all(|told| told.facts().suite == suite && told.version == Some(way.version())));
        }
    }
}

#[test]
fn go_client_resumes_with_its_certificate_and_not_where_others_are_trusted() {
    let Some(prepared) = prepared() else { return };
    let certificates = &prepared.1;
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    for way in ways() {
        let config = way.keep(ServerConfig::new(certificates.identity(Kind::EcdsaP256)));
        let trusting = |roots| config.clone().client_auth(ClientAuth::Require(Arc::new(roots)));
        let everybody = trusting(certificates.roots());
        let others = trusting(bulla::Roots::from_file(certificates.folder.text("ca-rsa.pem")).unwrap());
        let more = [&maximum(way.version())[..], &["-cert", &certificate, "-key", &key]].concat();
        let (told, _) = visits(&prepared, vec![everybody.clone(), everybody, others], &more);
        assert_eq!(kinds(&told), [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Full]);
        for told in &told {
            assert_eq!(told.facts().peer_chain_len, 1);
            assert!(told.facts().peer_scheme.is_some());
        }
        assert_eq!(told[1].facts().peer_scheme, told[0].facts().peer_scheme);
    }
}

#[test]
fn go_client_resumes_behind_a_retry() {
    let Some(prepared) = prepared() else { return };
    for suite in ends::SUITES {
        let config = Way::SealedTls13.keep(ServerConfig::new(prepared.1.identity(Kind::EcdsaP256)));
        let config = config.groups([NamedGroup::secp384r1]).unwrap().cipher_suites([suite]).unwrap();
        let (told, _) = visits(&prepared, vec![config; 2], &[]);
        assert_eq!(kinds(&told), [HandshakeKind::Full, HandshakeKind::Resumed]);
        assert!(told.iter().all(|told| told.facts().retried));
    }
}

#[test]
fn go_client_with_a_foreign_or_expired_ticket_is_served_in_full() {
    let Some(prepared) = prepared() else { return };
    for way in ways() {
        let config = way.keep(ServerConfig::new(prepared.1.identity(Kind::EcdsaP256)));
        let foreign = way.keep(ServerConfig::new(prepared.1.identity(Kind::EcdsaP256)));
        let clock = Arc::new(LaterClock::default());
        clock.advance(7200);
        let later = config.clone().clock(clock);
        let (told, text) = visits(&prepared, vec![config.clone(), foreign, config, later], &maximum(way.version()));
        assert_eq!(kinds(&told), [HandshakeKind::Full; 4], "{text}");
    }
}

#[test]
fn go_client_without_tickets_is_served_in_full() {
    let Some(prepared) = prepared() else { return };
    for version in AVAILABLE_VERSIONS.iter().copied() {
        let config = ServerConfig::new(prepared.1.identity(Kind::EcdsaP256)).tickets(ticket_keys());
        let more = [&maximum(version)[..], &["-noticket"]].concat();
        let (told, _) = visits(&prepared, vec![config; 2], &more);
        assert_eq!(kinds(&told), [HandshakeKind::Full; 2]);
    }
}

/// A Go server that our client comes back to.
struct Server {
    process: Process,
    address: SocketAddr,
    connections: usize,
}

impl Server {
    fn start((program, certificates): &(&str, Arc<Certificates>), more: &[&str]) -> Self {
        let (certificate, key) =
            (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
        let (process, address) = go_server(program, &[&["-cert", &certificate, "-key", &key], more].concat());
        Self { process, address, connections: 0 }
    }

    /// Sends through its echo, closes, and reads all of it back; both ends tell the same of the handshake.
    #[track_caller]
    fn visit(&mut self, config: &ClientConfig) -> Facts {
        let mut wire = call(&Arc::new(config.clone()), self.address);
        wire.handshake().unwrap();
        let sent = digits(5_000);
        wire.send(&sent).unwrap();
        let facts = wire.facts();
        wire.close().unwrap();
        assert!(wire.data == sent, "the echo is something else");
        self.connections += 1;
        let theirs = self.told("resumed");
        assert_eq!(theirs == "true", facts.kind == HandshakeKind::Resumed);
        facts
    }

    /// What it tells of the last connection.
    fn told(&self, name: &str) -> String {
        self.process.wait_for(name, |stdout, _| {
            let whole_lines = &stdout[..stdout.iter().rposition(|&byte| byte == b'\n')? + 1];
            values(&String::from_utf8_lossy(whole_lines), name).into_iter().nth(self.connections - 1)
        })
    }
}

fn client(certificates: &Certificates, version: ProtocolVersion) -> ClientConfig {
    resuming_client(version, ClientConfig::new(certificates.roots()))
}

/// The versions that there are, each with its suites.
fn versions() -> impl Iterator<Item = (ProtocolVersion, [CipherSuite; 3])> {
    ways().filter(|way| *way != Way::StoredTls13).map(|way| (way.version(), way.suites()))
}

#[test]
fn go_server_resumes_us_in_every_suite() {
    let Some(prepared) = prepared() else { return };
    let mut server = Server::start(&prepared, &[]);
    for (version, suites) in versions() {
        for suite in suites {
            let config = client(&prepared.1, version).cipher_suites([suite]).unwrap();
            let kinds = [(); 3].map(|()| server.visit(&config).kind);
            assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed]);
        }
    }
}

#[test]
fn go_server_resumes_us_behind_a_retry() {
    let Some(prepared) = prepared() else { return };
    let mut server = Server::start(&prepared, &["-curves", "P-384"]);
    let config = client(&prepared.1, ProtocolVersion::TLSv1_3);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let facts = server.visit(&config);
        assert_eq!((facts.kind, facts.retried, facts.group), (kind, true, NamedGroup::secp384r1));
    }
}

#[test]
fn go_server_knows_us_again_by_the_certificate_that_we_showed_once() {
    let Some(prepared) = prepared() else { return };
    let roots = prepared.1.roots_file();
    let mut server = Server::start(&prepared, &["-roots", &roots, "-clients", "require"]);
    for (version, _) in versions() {
        let config = client(&prepared.1, version).identity(prepared.1.identity(Kind::Rsa));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let facts = server.visit(&config);
            assert_eq!((facts.kind, facts.peer_scheme), (kind, Some(scheme_of(Kind::EcdsaP256))));
            assert_eq!(server.told("peer"), "rsa");
        }
    }
}

#[test]
fn go_server_with_other_keys_or_without_tickets_serves_us_in_full() {
    let Some(prepared) = prepared() else { return };
    for (version, _) in versions() {
        let config = client(&prepared.1, version);
        for more in [&[][..], &[], &["-noticket"], &["-noticket"]] {
            assert_eq!(Server::start(&prepared, more).visit(&config).kind, HandshakeKind::Full);
        }
        let mut none = Server::start(&prepared, &["-noticket"]);
        assert_eq!([(); 2].map(|()| none.visit(&config).kind), [HandshakeKind::Full; 2]);
    }
}
