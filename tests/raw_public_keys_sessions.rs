//! Sessions of ends that know one another by raw public keys: they remember them, and end with the trust in them. RFC 7250 §6.

#![cfg(all(feature = "ring", feature = "std", feature = "tls12"))]

#[path = "support/pair.rs"]
mod pair;
#[path = "support/raw_rig.rs"]
mod raw_rig;

use std::sync::Arc;

use bulla::config::{AVAILABLE_VERSIONS, choose_by_server_name};
use bulla::error::Incompatible;
use bulla::resume::{MemoryClientSessions, MemoryServerSessions};
use bulla::wire::ProtocolVersion;
use bulla::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig};
use pair::{KeyKind, NAME, NOW, Pair, name};
use raw_rig::{Rig, X509, assert_peer, connect, keeping};

/// Which of the ends is known by a raw key.
#[derive(Clone, Copy, Debug)]
struct Raw {
    client: bool,
    server: bool,
}

#[test]
fn either_end_is_known_by_raw_key_or_certificate_in_every_version_and_when_it_resumes() {
    for version in AVAILABLE_VERSIONS {
        for (client_raw, server_raw) in [(false, true), (true, false), (true, true), (false, false)] {
            let rig = Rig::new();
            let raw = Raw { client: client_raw, server: server_raw };
            let (mut client, mut server) = rig.with_certificates();
            // Who is known by a raw key has no certificate beside it; whoever judges takes both.
            client = client.trusted_raw_public_keys([rig.of_server.public.clone()]).unwrap();
            server = server.trusted_raw_public_keys([rig.of_client.public.clone()]).unwrap();
            if raw.client {
                client = client.identity(rig.of_client.identity());
            }
            if raw.server {
                server = server.choose_identity(choose_by_server_name(vec![Arc::new(rig.of_server.identity())]));
            }
            let (client, server) = keeping((client, server));
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
                let pair = connect(&client, &server, *version);
                assert_eq!(pair.client.handshake_kind(), Some(kind), "{version} {raw:?}");
                assert_peer(&pair.client, raw.server, &rig.of_server);
                assert_peer(&pair.server, raw.client, &rig.of_client);
            }
        }
    }
}

#[test]
fn sessions_of_raw_keys_are_resumed_out_of_a_store_too() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let client = rig.client().identity(rig.of_client.identity());
        let client = client.session_store(Arc::new(MemoryClientSessions::new(8, 8)));
        let server = rig.demanding().session_store(Arc::new(MemoryServerSessions::new(8)));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let pair = connect(&client, &server, *version);
            assert_eq!(pair.server.handshake_kind(), Some(kind), "{version}");
            assert_peer(&pair.client, true, &rig.of_server);
            assert_peer(&pair.server, true, &rig.of_client);
        }
    }
}

#[test]
fn session_that_is_written_and_read_still_knows_the_raw_key() {
    let rig = Rig::new();
    let sessions = Arc::new(MemoryClientSessions::new(8, 8));
    let (client, server) = keeping((rig.client(), rig.server()));
    let client = client.session_store(sessions.clone());
    connect(&client, &server, ProtocolVersion::TLSv1_3);
    let query = sessions_query(&client);
    let session = match bulla::config::ClientSessionStore::take(&*sessions, &query) {
        bulla::config::Decision::Now(Some(session)) => session,
        other => panic!("{other:?}"),
    };
    let written = client.write_session(&session).unwrap();
    let read = client.read_session(written.expose()).unwrap();
    assert_eq!((read.server_raw_public_key(), read.server_chain()), (Some(rig.of_server.public.clone()), &[][..]));
    let other = rig.client().trusted_raw_public_keys([rig.of_client.public.clone()]).unwrap();
    assert!(other.read_session(written.expose()).is_err(), "another pin is another configuration");
}

/// What a store is asked for by a client of this configuration.
fn sessions_query(client: &ClientConfig) -> bulla::config::ClientSessionQuery {
    #[derive(Debug, Default)]
    struct Asked(std::sync::Mutex<Option<bulla::config::ClientSessionQuery>>);
    impl bulla::config::ClientSessionStore for Asked {
        fn put(&self, _: &bulla::config::ClientSessionQuery, _: Box<bulla::resume::ClientSession>) {}

        fn take(
            &self,
            query: &bulla::config::ClientSessionQuery,
        ) -> bulla::config::Decision<Option<Box<bulla::resume::ClientSession>>> {
            *self.0.lock().unwrap() = Some(query.clone());
            bulla::config::Decision::Now(None)
        }
    }
    let asked = Arc::new(Asked::default());
    ClientConnection::new(Arc::new(client.clone().session_store(asked.clone())), name()).unwrap();
    asked.0.lock().unwrap().clone().unwrap()
}

#[test]
fn session_is_resumed_under_the_same_trusted_keys_alone() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let (client, server) = keeping((rig.client().identity(rig.of_client.identity()), rig.demanding()));
        let (one, two) = (rig.of_server.public.clone(), rig.of_client.public.clone());
        let kind = |client: &ClientConfig, server: &ServerConfig| {
            connect(client, server, *version).client.handshake_kind().unwrap()
        };
        assert_eq!(kind(&client, &server), HandshakeKind::Full);
        assert_eq!(kind(&client, &server), HandshakeKind::Resumed);

        // A client that trusts another key beside it keeps its sessions apart, whatever the order.
        let wider = client.clone().trusted_raw_public_keys([one.clone(), two.clone()]).unwrap();
        assert_eq!(kind(&wider, &server), HandshakeKind::Full);
        let turned = client.clone().trusted_raw_public_keys([two.clone(), one.clone()]).unwrap();
        assert_eq!(kind(&turned, &server), HandshakeKind::Resumed);
        assert_eq!(kind(&client, &server), HandshakeKind::Resumed);

        // And so does a server.
        let wider = server.clone().trusted_raw_public_keys([two, one]).unwrap();
        assert_eq!(kind(&client, &wider), HandshakeKind::Full);
        assert_eq!(kind(&client, &wider), HandshakeKind::Resumed);
    }
}

#[test]
fn session_whose_type_an_end_no_longer_takes_is_not_resumed() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let both = rig.server().and_identity(rig.authority.identity(&[NAME], KeyKind::EcdsaP256));
        let client = ClientConfig::new(rig.authority.roots()).clock(Arc::new(NOW));
        let client = client.trusted_raw_public_keys([rig.of_server.public.clone()]).unwrap();
        let (client, server) = keeping((client, both));
        assert_peer(&connect(&client, &server, *version).client, true, &rig.of_server);
        // The keys that are trusted are the same, and what may be shown is not.
        let client = client.server_certificate_types([X509]).unwrap();
        let second = connect(&client, &server, *version);
        assert_eq!(second.client.handshake_kind(), Some(HandshakeKind::Full));
        assert_peer(&second.client, false, &rig.of_server);

        let rig = Rig::new();
        let (client, server) = keeping((rig.client().identity(rig.of_client.identity()), rig.demanding()));
        assert_peer(&connect(&client, &server, *version).server, true, &rig.of_client);
        let server = server.client_certificate_types([X509]).unwrap();
        let mut pair = Pair::new(client.versions([*version]).unwrap(), server);
        let refused = pair.run().unwrap_err();
        assert_eq!(refused, ("server", Incompatible::NoCommonCertificateType.into()), "{version}");
    }
}

#[test]
fn session_of_a_raw_key_is_judged_again_by_the_trusted_keys() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let (client, server) = keeping((rig.client().verify_again_on_resumption(true), rig.server()));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let pair = connect(&client, &server, *version);
            assert_eq!(pair.client.handshake_kind(), Some(kind), "{version}");
            assert_peer(&pair.client, true, &rig.of_server);
        }
    }
}
