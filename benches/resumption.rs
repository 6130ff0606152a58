//! What a session saves: whole handshakes in memory, both ends, full and resumed in turns, so that a machine that slows down
//! slows both. X25519, AES-128-GCM, an Ed25519 leaf whose chain is verified; tickets are made and kept either way. Prints
//! medians per handshake and the full one's time over the resumed one's.
//!
//! `cargo bench --bench resumption`

use std::sync::Arc;
use std::time::Instant;

use bulla::crypto::ring::provider;
use bulla::resume::{MemoryClientSessions, TicketKeys};
use bulla::wire::{CipherSuite, NamedGroup};
use bulla::{ClientConfig, HandshakeKind, ServerConfig, ServerName};

#[path = "support/pair.rs"]
mod pair;

/// Turns that each of the two takes, and handshakes in a turn.
const ROUNDS: usize = 101;
const HANDSHAKES: u32 = 10;

/// Turns when this runs as a test, which only sees whether it still does.
const TEST_ROUNDS: usize = 1;

const VERSIONS: [(&str, CipherSuite); 2] = [
    ("TLS 1.3, psk_dhe_ke", CipherSuite::TLS_AES_128_GCM_SHA256),
    ("TLS 1.2, abbreviated", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
];

fn main() {
    // As criterion's do, a run without `--bench` (`cargo test --benches`) measures nothing.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { TEST_ROUNDS };
    println!("| resumption | full, µs | resumed, µs | ratio |");
    println!("|---|--:|--:|--:|");
    for (version, suite) in VERSIONS {
        let (client, server) = pair::configs(suite, NamedGroup::x25519);
        let tickets = Arc::new(TicketKeys::random(provider(), 86_400).unwrap());
        let server = Arc::new(ServerConfig::clone(&server).tickets(tickets).tickets_per_handshake(1));
        let with_room_for = |sessions| {
            let store = Arc::new(MemoryClientSessions::new(sessions, sessions));
            Arc::new(ClientConfig::clone(&client).session_store(store))
        };
        // A store without room forgets at once.
        let (forgets, keeps) = (with_room_for(0), with_room_for(1));
        turn(&keeps, &server, 1, None);
        let mut times: [Vec<f64>; 2] = Default::default();
        for _ in 0..rounds {
            times[0].push(turn(&forgets, &server, HANDSHAKES, Some(HandshakeKind::Full)));
            times[1].push(turn(&keeps, &server, HANDSHAKES, Some(HandshakeKind::Resumed)));
        }
        let [full, resumed] = times.map(median);
        println!("| {version} | {full:.0} | {resumed:.0} | {:.2} |", full / resumed);
    }
}

/// Returns microseconds per handshake; all must be of this kind.
fn turn(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, handshakes: u32, kind: Option<HandshakeKind>) -> f64 {
    let name = ServerName::try_from("server.test").unwrap();
    let started = Instant::now();
    for _ in 0..handshakes {
        let (client, server) = pair::connect(client, server, &name);
        assert!(kind.is_none() || [client.handshake_kind(), server.handshake_kind()] == [kind; 2]);
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(handshakes)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
