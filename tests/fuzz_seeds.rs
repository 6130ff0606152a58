//! Replays the committed seeds of every fuzz target, whose peers speak both versions.

#![cfg(all(feature = "ring", feature = "tls12"))]

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;

use std::fs;
use std::path::Path;

/// Runs a target's body on each of its seeds, and on each seed's prefixes, which a fuzzer would try first.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seeds = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let seed = fs::read(entry.unwrap().path()).unwrap();
        run(&seed);
        for len in (0..seed.len()).step_by(1 + seed.len() / 16) {
            run(&seed[..len]);
        }
        seeds += 1;
    }
    assert!(seeds >= 5, "only {seeds} seeds for {target}");
}

#[test]
fn wire_messages_holds_on_its_seeds() {
    replay("wire_messages", bodies::wire_messages::run);
}

#[test]
fn record_framing_holds_on_its_seeds() {
    replay("record_framing", bodies::record_framing::run);
}

#[test]
fn server_holds_on_its_seeds() {
    replay("server", bodies::server::run);
}

#[test]
fn client_holds_on_its_seeds() {
    replay("client", bodies::client::run);
}

#[cfg(any(feature = "zlib", feature = "brotli"))]
#[test]
fn compression_holds_on_its_seeds() {
    replay("compression", bodies::compression::run);
}

#[test]
fn der_holds_on_its_seeds() {
    replay("der", bodies::der::run);
}

#[test]
fn resumption_holds_on_its_seeds() {
    replay("resumption", bodies::resumption::run);
}
