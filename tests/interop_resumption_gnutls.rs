//! GnuTLS and Bulla come back to each other, in both versions: sessions, early data, external PSKs.

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer_gnutls.rs"]
mod gnutls;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/peer_resumption.rs"]
mod resumption;

use std::net::SocketAddr;
use std::sync::Arc;

use bulla::config::{AVAILABLE_VERSIONS, AntiReplay};
use bulla::crypto::HashAlgorithm;
use bulla::crypto::ring::provider;
use bulla::resume::{ExternalPsk, MemoryStrikeRegister};
use bulla::wire::{AlertDescription, CipherSuite, NamedGroup, ProtocolVersion};
use bulla::{ClientAuth, ClientConfig, ClientConnection, EarlyData, Error, HandshakeKind, ServerConfig};
use certificates::{Certificates, Kind};
use ends::{Facts, SUITES};
use gnutls::{gnutls_certificates, gnutls_cli, gnutls_serv, gnutls_serv_with, isolated};
use peer::{Process, digits, serve_once};
use resumption::{LaterClock, Told, WAYS, Way, Wire, call, echo, resuming_client, serve_each};

/// GnuTLS' words for a version and a suite.
fn priority(version: ProtocolVersion, suite: CipherSuite) -> String {
    let version = if version == ProtocolVersion::TLSv1_3 { "1.3" } else { "1.2" };
    let cipher = match suite.name().unwrap() {
        name if name.contains("AES_128") => "AES-128-GCM",
        name if name.contains("AES_256") => "AES-256-GCM",
        _ => "CHACHA20-POLY1305",
    };
    format!("NORMAL:-VERS-ALL:+VERS-TLS{version}:-CIPHER-ALL:+{cipher}")
}

fn config(certificates: &Certificates) -> ServerConfig {
    ServerConfig::new(certificates.identity(Kind::EcdsaP256))
}

/// Lets a client come twice, say a line the second time and get it back; returns what both ends tell.
#[track_caller]
fn comes_twice(certificates: &Certificates, configs: [ServerConfig; 2], more: &[&str]) -> (Vec<Told>, String) {
    let (address, served) = serve_each(configs.into_iter().map(Arc::new).collect());
    let mut process = gnutls_cli(certificates, address, &[&["--resume", "--waitresumption"], more].concat());
    process.wait_for_text("- Simple Client Mode:");
    process.say("there and back\n");
    process.wait_for_text("there and back\n");
    let text = process.finish().successful().text();
    let told = served.finish();
    assert_eq!(told[1].data, b"there and back\n");
    // Both ends tell the same.
    assert_eq!(told[0].kind(), HandshakeKind::Full, "{text}");
    let theirs = text.contains("This is a resumed session");
    assert_eq!(theirs, told[1].kind() == HandshakeKind::Resumed, "{text}");
    (told, text)
}

#[test]
fn gnutls_cli_resumes_in_every_way_and_suite() {
    let Some(certificates) = gnutls_certificates() else { return };
    for way in WAYS {
        let no_ticket = (*way == Way::SessionIdTls12).then_some("--noticket");
        for suite in way.suites() {
            let config = way.keep(config(&certificates));
            let priority = priority(way.version(), suite);
            let more: Vec<_> = ["--priority", &priority].into_iter().chain(no_ticket).collect();
            let (told, _) = comes_twice(&certificates, [config.clone(), config], &more);
            assert_eq!((told[1].kind(), told[1].facts().suite), (HandshakeKind::Resumed, suite), "{way:?}");
        }
    }
}

#[test]
fn gnutls_cli_resumes_with_its_certificate() {
    let Some(certificates) = gnutls_certificates() else { return };
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    for way in WAYS {
        let asking = config(&certificates).client_auth(ClientAuth::Require(Arc::new(certificates.roots())));
        let config = way.keep(asking);
        let more = ["--x509certfile", &certificate, "--x509keyfile", &key];
        let (told, _) = comes_twice(&certificates, [config.clone(), config], &more);
        assert_eq!((told[1].kind(), told[1].facts().peer_chain_len), (HandshakeKind::Resumed, 1));
        assert_eq!(told[1].facts().peer_scheme, told[0].facts().peer_scheme);
    }
}

#[test]
fn gnutls_cli_with_a_foreign_or_expired_session_is_served_in_full() {
    let Some(certificates) = gnutls_certificates() else { return };
    for way in WAYS {
        let own = way.keep(config(&certificates));
        let clock = Arc::new(LaterClock::default());
        clock.advance(7200);
        for other in [way.keep(config(&certificates)), own.clone().clock(clock)] {
            let (told, _) = comes_twice(&certificates, [own.clone(), other], &[]);
            assert_eq!(told[1].kind(), HandshakeKind::Full);
        }
    }
}

#[test]
fn gnutls_cli_resumes_behind_a_retry() {
    let Some(certificates) = gnutls_certificates() else { return };
    let config = Way::SealedTls13.keep(config(&certificates)).groups([NamedGroup::secp384r1]).unwrap();
    let (told, _) = comes_twice(&certificates, [config.clone(), config], &["--single-key-share"]);
    assert_eq!((told[1].kind(), told[1].facts().retried), (HandshakeKind::Resumed, true));
}

#[test]
fn early_data_of_gnutls_cli_is_taken_or_passed_over() {
    let Some(certificates) = gnutls_certificates() else { return };
    let early = certificates.folder.write("early", digits(5_000));
    let register = Arc::new(MemoryStrikeRegister::random(&*provider(), 100).unwrap());
    let takes_none = Way::SealedTls13.keep(config(&certificates));
    let takes = takes_none.clone().early_data(16_384, AntiReplay::StrikeRegister(register)).unwrap();
    for suite in SUITES {
        let priority = priority(ProtocolVersion::TLSv1_3, suite);
        let more = ["--priority", &priority, "--earlydata", &early];
        let (told, _) = comes_twice(&certificates, [takes.clone(), takes.clone()], &more);
        assert_eq!((told[1].kind(), told[1].outcome), (HandshakeKind::Resumed, EarlyData::Accepted));
        assert!(told[1].early == digits(5_000));

        let (told, _) = comes_twice(&certificates, [takes.clone(), takes_none.clone()], &more);
        assert_eq!((told[1].kind(), told[1].outcome), (HandshakeKind::Resumed, EarlyData::Rejected));
        assert!(told[1].early.is_empty());
    }
}

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const PSK_TOO: &str = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+ECDHE-PSK:+DHE-PSK:+PSK";

fn psk(identity: &str) -> Arc<ExternalPsk> {
    let key: Vec<u8> = (0..32).collect();
    Arc::new(ExternalPsk::new(identity.as_bytes(), &key, HashAlgorithm::Sha256).unwrap())
}

#[test]
fn key_of_gnutls_cli_is_used_with_and_without_certificates_beside() {
    let Some(certificates) = gnutls_certificates() else { return };
    let psks = || Arc::new(vec![psk("me")]);
    for (config, name, kind) in [
        (ServerConfig::psk_only(psks()), "me", HandshakeKind::ExternalPsk),
        (config(&certificates).psks(psks()), "me", HandshakeKind::ExternalPsk),
        (config(&certificates).psks(psks()), "nobody", HandshakeKind::Full),
    ] {
        let config = Arc::new(config);
        let (address, served) = serve_once(move |socket| echo(config, socket));
        let key = ["--pskusername", name, "--pskkey", KEY, "--priority", PSK_TOO];
        let mut process = gnutls_cli(&certificates, address, &key);
        process.wait_for_text("- Simple Client Mode:");
        process.say("there and back\n");
        process.wait_for_text("there and back\n");
        let text = process.finish().successful().text();
        assert_eq!(served.finish().kind(), kind, "{text}");
        assert_eq!(text.contains("PSK authentication."), kind == HandshakeKind::ExternalPsk, "{text}");
    }
}

#[test]
fn wrong_key_of_gnutls_cli_is_told_by_decrypt_error() {
    let Some(certificates) = gnutls_certificates() else { return };
    let config = Arc::new(ServerConfig::psk_only(Arc::new(vec![psk("me")])));
    let (address, served) = serve_once(move |socket| echo(config, socket));
    let wrong = ["--pskusername", "me", "--pskkey", &KEY.replace("00", "ff"), "--priority", PSK_TOO];
    let text = gnutls_cli(&certificates, address, &wrong).finish().text();
    let error = served.finish().facts.unwrap_err();
    assert_eq!(error.alert(), Some(AlertDescription::decrypt_error));
    assert!(text.contains("Decrypt error"), "{text}");
}

/// A server that our client comes back to.
struct Server {
    process: Process,
    address: SocketAddr,
    connections: usize,
}

impl Server {
    fn of((process, address): (Process, SocketAddr)) -> Self {
        Self { process, address, connections: 0 }
    }

    #[track_caller]
    fn visit(&mut self, config: &ClientConfig) -> (Facts, String) {
        let mut wire = call(&Arc::new(config.clone()), self.address);
        wire.handshake().unwrap();
        self.converse(wire)
    }

    /// Says a line, gets it back and closes; returns what both ends tell.
    #[track_caller]
    fn converse(&mut self, mut wire: Wire<ClientConnection>) -> (Facts, String) {
        wire.send(b"there and back\n").unwrap();
        assert_eq!(wire.receive_line().unwrap(), "there and back\n");
        let facts = wire.facts();
        wire.close().unwrap();
        self.connections += 1;
        let text = self.process.wait_for("what was negotiated", |stdout, _| {
            let text = String::from_utf8_lossy(stdout);
            let told = text.split("* Accepted connection").nth(self.connections)?;
            told.contains("- 'tls-exporter': ").then(|| told.to_string())
        });
        assert_eq!(text.contains("This is a resumed session"), facts.kind == HandshakeKind::Resumed, "{text}");
        (facts, text)
    }
}

#[test]
fn gnutls_serv_resumes_us_in_every_way_and_suite() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("gnutls_serv_resumes_us_in_every_way_and_suite") {
        return;
    }
    for (number, way) in WAYS.iter().enumerate() {
        // Without tickets it goes by session ids of TLS 1.2; in TLS 1.3 it has nothing else.
        let no_ticket = (*way == Way::SessionIdTls12).then_some("--noticket");
        let port = 4500 + u16::try_from(number).unwrap();
        let more: Vec<_> = no_ticket.into_iter().collect();
        let mut server = Server::of(gnutls_serv(&certificates, Kind::EcdsaP256, port, &more));
        for suite in way.suites() {
            let config = resuming_client(way.version(), ClientConfig::new(certificates.roots()));
            let config = config.cipher_suites([suite]).unwrap();
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
                let (facts, text) = server.visit(&config);
                assert_eq!((facts.kind, facts.suite), (kind, suite), "{way:?} {text}");
            }
        }
    }
}

#[test]
fn gnutls_serv_resumes_us_behind_a_retry_and_with_our_certificate() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("gnutls_serv_resumes_us_behind_a_retry_and_with_our_certificate") {
        return;
    }
    let roots = certificates.roots_file();
    let ask = ["--require-client-cert", "--verify-client-cert", "--x509cafile", &roots];
    let more = [&ask[..], &["--priority", "NORMAL:-GROUP-ALL:+GROUP-SECP384R1"]].concat();
    let mut server = Server::of(gnutls_serv(&certificates, Kind::EcdsaP256, 4510, &more));
    for version in AVAILABLE_VERSIONS.iter().copied() {
        let config = ClientConfig::new(certificates.roots()).identity(certificates.identity(Kind::Rsa));
        let config = resuming_client(version, config);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (facts, text) = server.visit(&config);
            assert_eq!((facts.kind, facts.retried), (kind, version == ProtocolVersion::TLSv1_3), "{text}");
        }
    }
}

#[test]
fn gnutls_serv_with_other_keys_serves_us_in_full() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("gnutls_serv_with_other_keys_serves_us_in_full") {
        return;
    }
    for version in AVAILABLE_VERSIONS.iter().copied() {
        let config = resuming_client(version, ClientConfig::new(certificates.roots()));
        for port in [4520, 4521] {
            let mut server = Server::of(gnutls_serv(&certificates, Kind::EcdsaP256, port, &[]));
            assert_eq!(server.visit(&config).0.kind, HandshakeKind::Full);
        }
    }
}

#[test]
fn early_data_is_taken_by_gnutls_serv_and_sent_again_where_it_is_not() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("early_data_is_taken_by_gnutls_serv_and_sent_again_where_it_is_not") {
        return;
    }
    let more = ["--earlydata", "--maxearlydata", "16384"];
    let mut server = Server::of(gnutls_serv(&certificates, Kind::EcdsaP256, 4530, &more));
    let mut other = Server::of(gnutls_serv(&certificates, Kind::EcdsaP256, 4531, &more));
    for suite in SUITES {
        let config = resuming_client(ProtocolVersion::TLSv1_3, ClientConfig::new(certificates.roots()));
        let config = config.early_data(true).cipher_suites([suite]).unwrap();
        server.visit(&config);
        // The command takes early data, and neither shows it nor sends it back. It takes none whose ticket is older by our
        // clock than by its own, as a millisecond is rounded: on loopback that happens now and then.
        let mut outcomes = Vec::new();
        while outcomes.last() != Some(&EarlyData::Accepted) && outcomes.len() < 20 {
            let (facts, outcome) = come_back_early(&mut server, &config);
            assert_eq!(facts.kind, HandshakeKind::Resumed);
            outcomes.push(outcome);
        }
        assert_eq!(outcomes.pop(), Some(EarlyData::Accepted));
        assert!(outcomes.iter().all(|outcome| *outcome == EarlyData::Rejected));
        let (facts, outcome) = come_back_early(&mut other, &config);
        assert_eq!((facts.kind, outcome), (HandshakeKind::Full, EarlyData::Rejected));
    }
}

/// Our client comes back with an early line, and says it again if it was lost.
#[track_caller]
fn come_back_early(server: &mut Server, config: &ClientConfig) -> (Facts, EarlyData) {
    let mut wire = call(&Arc::new(config.clone()), server.address);
    assert_eq!(wire.connection.early_data_room(), 16_384);
    wire.send_early(b"an early line\n").unwrap();
    wire.handshake().unwrap();
    let outcome = wire.connection.early_data();
    if outcome != EarlyData::Accepted {
        wire.send(b"an early line\n").unwrap();
        assert_eq!(wire.receive_line().unwrap(), "an early line\n");
    }
    (server.converse(wire).0, outcome)
}

#[test]
fn key_of_gnutls_serv_is_used_with_and_without_certificates_beside() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("key_of_gnutls_serv_is_used_with_and_without_certificates_beside") {
        return;
    }
    let keys = certificates.folder.write("keys", format!("me:{KEY}\n"));
    let with_key = ["--pskpasswd", &keys, "--priority", PSK_TOO];
    let mut bare = Server::of(gnutls_serv_with(4540, &with_key));
    let mut with_certificate = Server::of(gnutls_serv(&certificates, Kind::EcdsaP256, 4541, &with_key));
    let (only, beside) = (ClientConfig::psk_only(psk("me")), ClientConfig::new(certificates.roots()).psk(psk("me")));
    for (facts, text) in [bare.visit(&only), with_certificate.visit(&only), with_certificate.visit(&beside)] {
        assert_eq!(facts.kind, HandshakeKind::ExternalPsk, "{text}");
        assert!(text.contains("PSK authentication. Connected as 'me'"), "{text}");
    }
    // For a name that it does not know it makes a key up, so that nobody can tell: there is no full handshake.
    let unknown = ClientConfig::new(certificates.roots()).psk(psk("nobody"));
    let wrong = ExternalPsk::new(b"me", &[9; 32], HashAlgorithm::Sha256).unwrap();
    for (server, config) in [(&with_certificate, unknown), (&bare, ClientConfig::psk_only(Arc::new(wrong)))] {
        let error = call(&Arc::new(config), server.address).handshake().unwrap_err();
        // It finds the parameter wrong, where RFC 8446 §4.2.11 and we speak of decrypt_error.
        assert_eq!(error, Error::AlertReceived(AlertDescription::illegal_parameter));
    }
}
