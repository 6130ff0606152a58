//! Whole handshakes in memory, both ends, per group: an Ed25519 leaf, its chain verified.

use bulla::ServerName;
use bulla::crypto::ring::provider;
use bulla::wire::CipherSuite;
use criterion::{Criterion, criterion_group, criterion_main};

#[path = "support/pair.rs"]
mod pair;

fn handshake(criterion: &mut Criterion) {
    let mut benches = criterion.benchmark_group("handshake");
    let name = ServerName::try_from("server.test").unwrap();
    for group in provider().groups().iter().map(|exchange| exchange.group()) {
        let (client, server) = pair::configs(CipherSuite::TLS_AES_128_GCM_SHA256, group);
        benches.bench_function(group.to_string(), |bencher| {
            bencher.iter(|| pair::connect(&client, &server, &name));
        });
    }
    benches.finish();
}

criterion_group!(benches, handshake);
criterion_main!(benches);
