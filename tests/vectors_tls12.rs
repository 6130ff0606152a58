//! Key derivation of TLS 1.2: the PRF on its own, NIST's samples of the extended master secret, exporters, and what the
//! recorded connections derived.
//!
//! The records of those connections are opened and made again in `src/record/tests.rs`, and the connections replayed, with
//! every signature and Finished, in `src/connection/replay_tests`.

#![cfg(all(feature = "ring", feature = "tls12"))]

#[path = "support/hex.rs"]
mod hex;
#[path = "support/replay.rs"]
mod replay;
#[path = "support/trace.rs"]
mod trace;
#[path = "support/vectors.rs"]
mod vectors;

use bulla::crypto::{Digest, HashAlgorithm, Suite, SuiteTls12, ring};
use bulla::keys::{MasterSecret, Randoms, Transcript, prf};
use bulla::wire::{CipherSuite, HandshakeType};
use replay::Replay;
use trace::{Actor, TLS12, Trace};
use vectors::Values;

fn hash(name: &str) -> Option<HashAlgorithm> {
    match name {
        "sha256" => Some(HashAlgorithm::Sha256),
        "sha384" => Some(HashAlgorithm::Sha384),
        // The PRF of no suite that TLS 1.2 has left with us. RFC 5289 §3.2.
        "sha512" => None,
        other => panic!("which hash is {other}?"),
    }
}

/// A suite with this hash.
fn suite(hash: HashAlgorithm) -> Suite {
    let id = match hash {
        HashAlgorithm::Sha256 => CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        HashAlgorithm::Sha384 => CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        HashAlgorithm::Sha512 => panic!("no suite has SHA-512"),
    };
    SuiteTls12::find(id).unwrap().suite
}

#[test]
fn prf_gives_the_published_output() {
    let mut all = Values::load("tls12_prf");
    all.leave(&["what", "license"]);
    let mut checked = 0;
    for mut vector in all.list("vectors") {
        vector.leave(&["source"]);
        let (hash, secret) = (hash(&vector.text("hash")).unwrap(), vector.secret("secret"));
        let (label, seed, len) = (vector.text("label"), vector.bytes("seed"), vector.number("out_len"));
        let expected = vector.bytes("output");
        // However the seed is cut in two, it is the same seed.
        for cut in [0, seed.len() / 2, seed.len()] {
            let parts = [&seed[..cut], &seed[cut..]];
            let output = prf(&*ring::provider(), hash, &secret, label.as_bytes(), &parts, len).unwrap();
            assert_eq!(output.expose(), expected, "{label}");
        }
        checked += 1;
    }
    assert_eq!(checked, 6);
}

#[test]
fn extended_master_secret_and_key_block_are_those_of_the_acvp_samples() {
    let mut all = Values::load("tls12_ems_key_block");
    all.leave(&["what", "source", "license"]);
    let (mut checked, mut left) = (0, 0);
    for mut vector in all.list("vectors") {
        vector.leave(&["tcId"]);
        match hash(&vector.text("hash")) {
            Some(hash) => {
                check_acvp_sample(suite(hash), vector);
                checked += 1;
            }
            None => {
                vector.leave_all();
                left += 1;
            }
        }
    }
    assert_eq!((checked, left), (13, 1));
}

fn check_acvp_sample(suite: Suite, mut vector: Values) {
    let spy = Replay::new(&[]);
    let (pre_master_secret, session_hash) = (vector.secret("pre_master_secret"), vector.bytes("session_hash"));
    let session_hash = Digest::new(&session_hash).unwrap();
    let master_secret = MasterSecret::extended(&spy, suite, &pre_master_secret, &session_hash).unwrap();
    assert_eq!(master_secret.secret().expose(), vector.bytes("master_secret"));

    let [client, server] = ["client_random", "server_random"].map(|name| vector.bytes(name).try_into().unwrap());
    let randoms = Randoms { client, server };
    let block = vector.bytes("key_block");
    let seed: [&[u8]; 2] = [&server, &client];
    let whole = prf(&spy, suite.hash, master_secret.secret(), b"key expansion", &seed, block.len()).unwrap();
    assert_eq!(whole.expose(), block);

    // Of the sample's 128 octets, a suite takes as many as it needs off the front.
    let keys = master_secret.key_block(&spy, &randoms).unwrap();
    assert_eq!(spy.aead_keys(), [&block[..32], &block[32..64]]);
    let iv_len = if suite.hash == HashAlgorithm::Sha256 { 12 } else { 4 };
    assert_eq!(keys.client.iv[..iv_len], block[64..64 + iv_len]);
    assert_eq!(keys.server.iv[..iv_len], block[64 + iv_len..64 + 2 * iv_len]);
}

/// The master secret of a trace, by the derivation that its hellos agreed on.
fn master_secret(trace: &Trace) -> MasterSecret {
    trace.master_secret(&*ring::provider())
}

#[test]
fn recorded_connections_lead_to_their_secrets_and_keys() {
    let mut extended = 0;
    for file in TLS12 {
        let trace = Trace::load(file);
        let spy = Replay::new(&[]);
        // 1. The transcript up to ClientKeyExchange is the session hash. RFC 7627 §3.
        let mut transcript = Transcript::new(&spy, trace.suite.hash).unwrap();
        for message in &trace.messages {
            transcript.add(&message.bytes);
            if message.handshake_type() == HandshakeType::client_key_exchange {
                break;
            }
        }
        assert_eq!(transcript.current().as_ref(), trace.secret("session_hash"), "{file}");

        // 2. The master secret.
        let master_secret = master_secret(&trace);
        assert_eq!(master_secret.secret().expose(), trace.secret("master_secret"), "{file}");
        extended += usize::from(trace.extended_master_secret);

        // 3. The keys.
        let keys = master_secret.key_block(&spy, &trace.randoms()).unwrap();
        let [client, server] = ["client", "server"].map(|end| trace.secret(&format!("{end}_write_key")));
        assert_eq!(spy.aead_keys(), [client, server], "{file}");
        for (end, iv) in [("client", &keys.client.iv), ("server", &keys.server.iv)] {
            let published = trace.secret(&format!("{end}_write_iv"));
            assert_eq!(&iv[..published.len()], published, "{file}");
        }
        let parts = ["client_write_key", "server_write_key", "client_write_iv", "server_write_iv"];
        assert_eq!(parts.map(|name| trace.secret(name)).concat(), trace.secret("key_block"), "{file}");
    }
    assert_eq!(extended, TLS12.len() - 1);
}

#[test]
fn recorded_finished_messages_hold_what_the_master_secret_gives() {
    for file in TLS12 {
        let trace = Trace::load(file);
        let (provider, master_secret) = (ring::provider(), master_secret(&trace));
        let mut transcript = Transcript::new(&*provider, trace.suite.hash).unwrap();
        let mut finished = 0;
        for message in &trace.messages {
            if message.handshake_type() == HandshakeType::finished {
                let hash = transcript.current();
                let expected = match message.actor {
                    Actor::Client => master_secret.client_verify_data(&*provider, &hash),
                    Actor::Server => master_secret.server_verify_data(&*provider, &hash),
                };
                assert_eq!(expected.unwrap().expose(), &message.bytes[4..], "{file}");
                finished += 1;
            }
            transcript.add(&message.bytes);
        }
        assert_eq!(finished, 2, "{file}");
    }
}

#[test]
fn exporters_give_the_published_material_with_and_without_a_context() {
    let mut all = Values::load("tls13_labels_exporters");
    // In `vectors_key_derivation` and `src/keys/schedule/tests.rs`.
    all.leave(&["what", "license", "expand_label", "exporters_tls13", "key_update", "binder_keys", "imported_psk"]);
    let mut checked = 0;
    for mut vector in all.list("exporters_tls12") {
        vector.leave(&["version"]);
        let source = vector.text("source");
        let trace = Trace::load(source.rsplit(' ').next().unwrap());
        assert_eq!(hash(&vector.text("hash")), Some(trace.suite.hash));
        let (provider, master_secret) = (ring::provider(), master_secret(&trace));
        assert_eq!(master_secret.secret().expose(), vector.bytes("master_secret"));
        let [client, server] = ["client_random", "server_random"].map(|name| vector.bytes(name).try_into().unwrap());
        let randoms = Randoms { client, server };
        let (label, context, len) = (vector.text("label"), vector.nullable_bytes("context"), vector.number("out_len"));
        let exported = master_secret.export(&*provider, &randoms, label.as_bytes(), context.as_deref(), len);
        assert_eq!(exported.unwrap().expose(), vector.bytes("output"), "{label}");
        checked += 1;
    }
    assert_eq!(checked, 6);
}
