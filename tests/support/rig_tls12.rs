//! Two ends of TLS 1.2 that meet more than once, at a time that the test sets.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bulla::clock::{Clock, Time};
use bulla::crypto::ring::provider;
use bulla::resume::{MemoryClientSessions, MemoryServerSessions, TicketKeys};
use bulla::wire::ProtocolVersion;
use bulla::{ClientConfig, HandshakeKind, ServerConfig};

use super::pair::{Authority, KeyKind, NOW, Pair, configs_by, data, send};

pub const PERIOD: u32 = 86_400;
pub const HOUR: u64 = 3600;

/// A clock that both ends have, and that the test sets.
#[derive(Debug)]
pub struct Watch(AtomicU64);

impl Watch {
    pub fn go_on(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Clock for Watch {
    fn now(&self) -> Option<Time> {
        Some(Time::from_millis(self.0.load(Ordering::Relaxed)))
    }
}

/// Two ends that meet more than once.
pub struct Rig {
    pub authority: Authority,
    pub watch: Arc<Watch>,
    pub client: ClientConfig,
    pub server: ServerConfig,
}

pub fn ticket_keys() -> Arc<TicketKeys> {
    Arc::new(TicketKeys::random(provider(), PERIOD).unwrap())
}

impl Rig {
    /// A client with a store, and a server that keeps nothing yet.
    pub fn new() -> Self {
        let authority = Authority::new();
        let watch = Arc::new(Watch(AtomicU64::new(NOW.as_millis())));
        let (client, server) = configs_by(&authority, KeyKind::EcdsaP256);
        let client = client.versions([ProtocolVersion::TLSv1_2]).unwrap().clock(watch.clone());
        let client = client.session_store(Arc::new(MemoryClientSessions::new(8, 2)));
        let client = client.identity(authority.identity(&["client.test"], KeyKind::EcdsaP256));
        Self { authority, client, server: server.clock(watch.clone()), watch }
    }

    pub fn by_ticket() -> Self {
        let rig = Self::new();
        Self { server: rig.server.clone().tickets(ticket_keys()), ..rig }
    }

    pub fn by_id() -> Self {
        let rig = Self::new();
        Self { server: rig.server.clone().session_store(Arc::new(MemoryServerSessions::new(8))), ..rig }
    }

    pub fn both_ways() -> [Self; 2] {
        [Self::by_ticket(), Self::by_id()]
    }

    /// One more connection, over which data goes both ways.
    pub fn connect(&self) -> Pair {
        works(Pair::established(self.client.clone(), self.server.clone()))
    }

    pub fn kind(&self) -> HandshakeKind {
        self.connect().client.handshake_kind().unwrap()
    }
}

pub fn works(mut pair: Pair) -> Pair {
    assert_eq!(pair.client.handshake_kind(), pair.server.handshake_kind());
    assert_eq!(pair.client.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    pair.to_server = send(&mut pair.client, b"ping");
    pair.to_client = send(&mut pair.server, b"pong");
    pair.run().unwrap();
    assert_eq!((data(&pair.server_seen), data(&pair.client_seen)), (b"ping".to_vec(), b"pong".to_vec()));
    pair
}

pub const FULL: HandshakeKind = HandshakeKind::Full;
pub const RESUMED: HandshakeKind = HandshakeKind::Resumed;
