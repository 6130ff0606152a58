//! Our client comes back to `openssl s_server` with a session, in both versions.

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer_openssl.rs"]
mod openssl;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/peer_resumption.rs"]
mod resumption;

use std::sync::{Arc, Mutex};

use bulla::config::{ClientSessionQuery, ClientSessionStore, Decision};
use bulla::resume::{ClientSession, MemoryClientSessions};
use bulla::wire::{NamedGroup, ProtocolVersion};
use bulla::{ClientConfig, HandshakeKind};
use certificates::{Certificates, Kind};
use ends::openssl_group;
use openssl::{Server, openssl_certificates, version_flag};
use resumption::{KeptTickets, LaterClock, WAYS, Way, resuming_client};

/// What `s_server` must be told to keep its sessions in this way.
fn flags(way: Way) -> Vec<&'static str> {
    let stored = matches!(way, Way::StoredTls13 | Way::SessionIdTls12);
    [version_flag(way.version())].into_iter().chain(stored.then_some("-no_ticket")).collect()
}

fn client(certificates: &Certificates, version: ProtocolVersion) -> ClientConfig {
    resuming_client(version, ClientConfig::new(certificates.roots()))
}

#[test]
fn sessions_are_resumed_in_every_way_and_suite() {
    let Some(certificates) = openssl_certificates() else { return };
    for way in WAYS {
        let mut server = Server::start(&certificates, &flags(*way));
        for suite in way.suites() {
            let config = client(&certificates, way.version()).cipher_suites([suite]).unwrap();
            server.full(&config);
            // A session that stands on a session is resumed too.
            for _ in 0..2 {
                let facts = server.resumed(&config);
                assert_eq!((facts.suite, facts.peer_chain_len), (suite, 1));
            }
        }
    }
}

#[test]
fn client_of_both_versions_resumes_whatever_the_server_speaks() {
    let Some(certificates) = openssl_certificates() else { return };
    for way in WAYS {
        let mut server = Server::start(&certificates, &flags(*way));
        let store = Arc::new(MemoryClientSessions::new(1, 8));
        let config = ClientConfig::new(certificates.roots()).session_store(store);
        server.full(&config);
        server.resumed(&config);
    }
}

#[test]
fn every_ticket_that_comes_is_good_for_one_connection() {
    let Some(certificates) = openssl_certificates() else { return };
    for count in [0, 1, 4] {
        let count_text = count.to_string();
        let mut server = Server::start(&certificates, &["-num_tickets", &count_text]);
        let kept = Arc::new(KeptTickets::default());
        let config = client(&certificates, ProtocolVersion::TLSv1_3).observer(kept.clone());
        server.full(&config);
        assert_eq!(kept.take().len(), count);
        // Two that run at once need two tickets: none comes back in between.
        let both = [server.call(&config), server.call(&config)];
        let kinds = both.map(|mut wire| {
            wire.handshake().unwrap();
            wire.close().unwrap();
            wire.facts().kind
        });
        let expected = |ticket| if ticket <= count { HandshakeKind::Resumed } else { HandshakeKind::Full };
        assert_eq!(kinds, [expected(1), expected(2)]);
    }
}

#[test]
fn sessions_are_resumed_behind_a_retry() {
    let Some(certificates) = openssl_certificates() else { return };
    for group in [NamedGroup::secp256r1, NamedGroup::secp384r1] {
        let mut server = Server::start(&certificates, &["-tls1_3", "-groups", openssl_group(group)]);
        for suite in ends::SUITES {
            let config = client(&certificates, ProtocolVersion::TLSv1_3).cipher_suites([suite]).unwrap();
            assert!(server.full(&config).retried);
            let facts = server.resumed(&config);
            assert_eq!((facts.suite, facts.group, facts.retried), (suite, group, true));
        }
    }
}

#[test]
fn client_certificate_is_shown_once() {
    let Some(certificates) = openssl_certificates() else { return };
    let roots = certificates.roots_file();
    for way in WAYS {
        let asking = ["-Verify", "1", "-verify_return_error", "-CAfile", &roots];
        let mut server = Server::start(&certificates, &[&flags(*way)[..], &asking].concat());
        let config = client(&certificates, way.version()).identity(certificates.identity(Kind::Rsa));
        server.full(&config);
        server.resumed(&config);
        // Its sessions are of somebody with a certificate: without one we are asked again, and refused.
        let anonymous = client(&certificates, way.version());
        let mut wire = server.call(&anonymous);
        assert!(wire.handshake().and_then(|()| wire.receive(1)).is_err());
    }
}

#[test]
fn foreign_sessions_lead_to_a_full_handshake_and_expired_ones_stay_at_home() {
    let Some(certificates) = openssl_certificates() else { return };
    for way in WAYS {
        let clock = Arc::new(LaterClock::default());
        let config = client(&certificates, way.version()).clock(clock.clone());
        let mut server = Server::start(&certificates, &flags(*way));
        server.full(&config);
        // Another server of the same name, with keys of its own.
        let mut other = Server::start(&certificates, &flags(*way));
        other.full(&config);
        other.resumed(&config);
        clock.advance(7200 + 1);
        other.full(&config);
    }
}

/// A store of one session, out of which a test can take it.
#[derive(Debug, Default)]
struct OneSession(Mutex<Option<Box<ClientSession>>>);

impl ClientSessionStore for OneSession {
    fn put(&self, _: &ClientSessionQuery, session: Box<ClientSession>) {
        *self.0.lock().unwrap() = Some(session);
    }

    fn take(&self, _: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        Decision::Now(self.0.lock().unwrap().take())
    }
}

#[test]
fn session_that_was_written_out_is_resumed_by_another_client_of_the_same_configuration() {
    let Some(certificates) = openssl_certificates() else { return };
    for way in WAYS {
        let mut server = Server::start(&certificates, &flags(*way));
        let first = Arc::new(OneSession::default());
        let config = client(&certificates, way.version());
        let writing = config.clone().session_store(first.clone());
        server.full(&writing);
        let session = first.0.lock().unwrap().take().unwrap();
        let bytes = writing.write_session(&session).unwrap();

        let again = ClientConfig::new(certificates.roots());
        let read = again.read_session(bytes.expose()).unwrap();
        let second = Arc::new(OneSession(Mutex::new(Some(Box::new(read)))));
        server.resumed(&again.versions([way.version()]).unwrap().session_store(second));
    }
}
