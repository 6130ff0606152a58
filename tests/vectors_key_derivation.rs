//! Key derivation of TLS 1.3 on its own: NIST's samples of the key schedule, labels, KeyUpdate, binders, imported PSKs.
//!
//! Inputs here are not those of a handshake: a sample's "transcript" is a few bytes. The exporters of the second file
//! start from an exporter secret, which only the key schedule itself can be given: `src/keys/schedule/tests.rs`.

#![cfg(feature = "ring")]

#[path = "support/hex.rs"]
mod hex;
#[path = "support/replay.rs"]
mod replay;
#[path = "support/vectors.rs"]
mod vectors;

use bulla::crypto::{Digest, Secret, Suite, hkdf_extract, ring};
use bulla::keys::{EarlySecret, TrafficSecret, Transcript, derive_secret, expand_label};
use bulla::wire::CipherSuite;
use replay::Replay;
use vectors::Values;

/// A suite with this hash and an AEAD whose keys are as long as the vectors'.
fn suite(hash: &str) -> Suite {
    let id = match hash {
        "sha256" => CipherSuite::TLS_AES_128_GCM_SHA256,
        "sha384" => CipherSuite::TLS_AES_256_GCM_SHA384,
        other => panic!("which hash is {other}?"),
    };
    Suite::tls13(id).unwrap()
}

fn empty_hash(suite: Suite) -> Digest {
    ring::provider().hash(suite.hash).unwrap().current()
}

#[test]
fn key_schedule_gives_the_secrets_of_the_acvp_samples() {
    let mut all = Values::load("tls13_key_schedule_acvp");
    all.leave(&["what", "source", "license"]);
    let mut modes = Vec::new();
    for mut vector in all.list("vectors") {
        vector.leave(&["tcId"]);
        let suite = suite(&vector.text("hash"));
        modes.push(vector.text("mode"));
        check_acvp_sample(suite, vector);
    }
    let count = |mode: &str| modes.iter().filter(|it| *it == mode).count();
    assert_eq!((count("DHE"), count("PSK"), count("PSK-DHE"), modes.len()), (3, 4, 3, 10));
}

fn check_acvp_sample(suite: Suite, mut vector: Values) {
    let provider = ring::provider();
    let provider = &*provider;
    // What is missing is a row of zeros, as long as the hash.
    let zeros = || Secret::zeros(suite.hash.output_len());
    let psk = vector.optional_bytes("psk").map_or_else(zeros, Secret::from_vec);
    let shared = vector.optional_bytes("dhe").map_or_else(zeros, Secret::from_vec);
    let mut transcript = Transcript::new(provider, suite.hash).unwrap();
    let mut hash_after = |name: &str| {
        transcript.add(&vector.bytes(&format!("transcript_{name}")));
        transcript.current()
    };
    let client_hello = hash_after("client_hello");
    let server_hello = hash_after("server_hello");
    let server_finished = hash_after("server_finished");
    let client_finished = hash_after("client_finished");
    let mut expect = |name: &str, secret: &Secret| assert_eq!(secret.expose(), vector.bytes(name), "{name}");

    // The two early secrets have no type of their own yet.
    let early = hkdf_extract(provider, suite.hash, &[], psk.expose()).unwrap();
    let secret = derive_secret(provider, suite, &early, b"c e traffic", &client_hello).unwrap();
    expect("client_early_traffic_secret", &secret);
    let secret = derive_secret(provider, suite, &early, b"e exp master", &client_hello).unwrap();
    expect("early_exporter_master_secret", &secret);

    let early = EarlySecret::with_psk(provider, suite, &psk).unwrap();
    let handshake = early.into_handshake(provider, &shared).unwrap();
    let secret = handshake.client_handshake_traffic_secret(provider, &server_hello).unwrap();
    expect("client_handshake_traffic_secret", secret.secret());
    let secret = handshake.server_handshake_traffic_secret(provider, &server_hello).unwrap();
    expect("server_handshake_traffic_secret", secret.secret());

    let main = handshake.into_main(provider).unwrap();
    let secret = main.client_application_traffic_secret(provider, &server_finished).unwrap();
    expect("client_application_traffic_secret", secret.secret());
    let secret = main.server_application_traffic_secret(provider, &server_finished).unwrap();
    expect("server_application_traffic_secret", secret.secret());
    expect("exporter_master_secret", main.exporter_secret(provider, &server_finished).unwrap().secret());
    expect("resumption_master_secret", &main.resumption_secret(provider, &client_finished).unwrap());
}

#[test]
fn labels_key_updates_and_binders_give_the_published_values() {
    let mut all = Values::load("tls13_labels_exporters");
    all.leave(&["what", "license"]);
    let count = |list: Vec<Values>, check: fn(Values)| {
        let len = list.len();
        list.into_iter().for_each(check);
        len
    };
    assert_eq!(count(all.list("expand_label"), check_expand_label), 10);
    assert_eq!(count(all.list("key_update"), check_key_update), 2);
    assert_eq!(count(all.list("binder_keys"), check_binder_keys), 2);
    assert_eq!(count(all.list("imported_psk"), check_imported_psk), 2);
    // In `src/keys/schedule/tests.rs`, and in `vectors_tls12`.
    for name in ["exporters_tls13", "exporters_tls12"] {
        all.list(name).into_iter().for_each(|mut vector| vector.leave_all());
    }
}

fn check_expand_label(mut vector: Values) {
    vector.leave(&["source"]);
    let (suite, secret) = (suite(&vector.text("hash")), vector.secret("secret"));
    let (label, context, len) = (vector.text("label"), vector.bytes("context"), vector.number("out_len"));
    let expanded = expand_label(&*ring::provider(), suite, &secret, label.as_bytes(), &context, len).unwrap();
    assert_eq!(expanded.expose(), vector.bytes("output"), "{label}");
}

/// RFC 8446 §7.2.
fn check_key_update(mut vector: Values) {
    vector.leave(&["from"]);
    let suite = suite(&vector.text("hash"));
    let spy = Replay::new(&[]);
    let mut secret: Option<TrafficSecret> = None;
    for (index, mut generation) in vector.list("generations").into_iter().enumerate() {
        assert_eq!(generation.number("n"), index);
        let published = generation.secret("secret");
        let Some(previous) = secret else {
            secret = Some(TrafficSecret::new(suite, published));
            continue;
        };
        let next = previous.next(&spy).unwrap();
        assert!(*next.secret() == published, "generation {index}");
        let keys = next.keys(&spy).unwrap();
        assert_eq!(spy.last_aead_key(), generation.bytes("key"), "generation {index}");
        assert_eq!(keys.iv.to_vec(), generation.bytes("iv"), "generation {index}");
        secret = Some(next);
    }
}

/// RFC 8446 §4.2.11.2, RFC 9258 §5.2.
fn check_binder_keys(mut vector: Values) {
    let (suite, psk) = (suite(&vector.text("hash")), vector.bytes("psk"));
    let spy = Replay::new(&[]);
    let early_secret = hkdf_extract(&spy, suite.hash, &[], &psk).unwrap();
    assert_eq!(early_secret.expose(), vector.bytes("early_secret"));
    for kind in ["ext", "res", "imp"] {
        let label = format!("{kind} binder");
        let key = derive_secret(&spy, suite, &early_secret, label.as_bytes(), &empty_hash(suite)).unwrap();
        assert_eq!(key.expose(), vector.bytes(&format!("{kind}_binder_key")));
        // A binder is a Finished under the binder key.
        TrafficSecret::new(suite, key).verify_data(&spy, &empty_hash(suite)).unwrap();
        assert_eq!(spy.last_hmac_key(), vector.bytes(&format!("{kind}_binder_finished_key")));
    }
}

/// RFC 9258 §5.1: what there is of it, the derivation.
fn check_imported_psk(mut vector: Values) {
    let provider = ring::provider();
    let provider = &*provider;
    let vector_u16 = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let (protocol, kdf) = (vector.bytes("target_protocol"), vector.bytes("target_kdf"));
    let (identity, context) = (vector.bytes("external_identity"), vector.bytes("context"));
    let imported = [vector_u16(&identity), vector_u16(&context), protocol, kdf.clone()].concat();
    assert_eq!(imported, vector.bytes("imported_identity"));

    let (source, target) = (suite(&vector.text("epsk_hash")), suite(if kdf == [0, 1] { "sha256" } else { "sha384" }));
    let extracted = hkdf_extract(provider, source.hash, &[], &vector.bytes("epsk")).unwrap();
    assert_eq!(extracted.expose(), vector.bytes("epskx"));
    let mut hash = provider.hash(source.hash).unwrap();
    hash.update(&imported);
    let (hash, len) = (hash.current(), target.hash.output_len());
    let psk = expand_label(provider, source, &extracted, b"derived psk", hash.as_ref(), len).unwrap();
    assert_eq!(psk.expose(), vector.bytes("ipskx"));
    let early_secret = hkdf_extract(provider, target.hash, &[], psk.expose()).unwrap();
    assert_eq!(early_secret.expose(), vector.bytes("early_secret"));
    let binder_key = derive_secret(provider, target, &early_secret, b"imp binder", &empty_hash(target)).unwrap();
    assert_eq!(binder_key.expose(), vector.bytes("imp_binder_key"));
}
