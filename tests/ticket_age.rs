//! By how much the age that a client tells of its ticket is off. RFC 8446 §4.2.11.1.

#[path = "support/pair.rs"]
mod pair;

use std::sync::Arc;

use bulla::clock::Time;
use bulla::crypto::ring::provider;
use bulla::resume::{MemoryClientSessions, TicketKeys};
#[cfg(feature = "tls12")]
use bulla::wire::ProtocolVersion;
use bulla::{ClientConfig, HandshakeKind, ServerConfig};
use pair::{KeyKind, NOW, Pair, configs};

fn rig() -> (ClientConfig, ServerConfig) {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.session_store(Arc::new(MemoryClientSessions::new(1, 1)));
    (client, server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap())))
}

fn later(milliseconds: u64) -> Arc<Time> {
    Arc::new(Time::from_millis(NOW.as_millis() + milliseconds))
}

#[test]
fn server_tells_by_how_many_seconds_the_clients_clock_differs() {
    for (of_client, of_server, skew) in [
        (0, 0, 0),
        (10_000, 7_000, 3),
        (7_000, 10_000, -3),
        (10_999, 10_000, 0),
        (1_000, 999, 1),
        (5_000, 3_605_000, -3600),
    ] {
        let (client, server) = rig();
        let first = Pair::established(client.clone(), server.clone());
        assert_eq!((first.server.ticket_age_skew(), first.client.ticket_age_skew()), (None, None));
        let second = Pair::established(client.clock(later(of_client)), server.clock(later(of_server)));
        assert_eq!(second.server.handshake_kind(), Some(HandshakeKind::Resumed));
        assert_eq!(second.server.ticket_age_skew(), Some(skew), "{of_client} and {of_server} milliseconds later");
        assert_eq!(second.client.ticket_age_skew(), None);
    }
}

#[cfg(feature = "tls12")]
#[test]
fn tls12_has_no_ticket_age_and_tls13_no_renegotiation_info() {
    for version in [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3] {
        let (client, server) = rig();
        let client = client.versions([version]).unwrap();
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let pair = Pair::established(client.clone(), server.clone());
            assert_eq!(pair.server.handshake_kind(), Some(kind));
            let is_tls12 = version == ProtocolVersion::TLSv1_2;
            assert_eq!(pair.server.ticket_age_skew().is_some(), !is_tls12 && kind == HandshakeKind::Resumed);
            let said = (pair.client.peer_sent_renegotiation_info(), pair.server.peer_sent_renegotiation_info());
            assert_eq!(said, (is_tls12, is_tls12));
        }
    }
}
