//! What only the key schedule can look at: its links' own secrets, and exporters of a given secret.

use alloc::vec::Vec;

use super::*;
use crate::crypto::ring::provider;
use crate::support::trace::{RECORDED, RESUMED, RFC8448, Trace};
use crate::support::vectors::Values;
use crate::wire::CipherSuite;

fn suite(hash: &str) -> Suite {
    let id = match hash {
        "sha256" => CipherSuite::TLS_AES_128_GCM_SHA256,
        "sha384" => CipherSuite::TLS_AES_256_GCM_SHA384,
        other => panic!("which hash is {other}?"),
    };
    Suite::tls13(id).unwrap()
}

#[test]
fn links_of_the_chain_hold_the_published_secrets() {
    let provider = provider();
    for file in RFC8448.into_iter().chain(RECORDED).chain([RESUMED]) {
        let trace = Trace::load(file);
        let early = match trace.secrets.get("psk") {
            Some(psk) => EarlySecret::with_psk(&*provider, trace.suite, &Secret::copy_from(psk)).unwrap(),
            None => EarlySecret::without_psk(&*provider, trace.suite).unwrap(),
        };
        assert_eq!(early.secret.expose(), trace.secret("early_secret"), "{file}");
        let handshake = early.into_handshake(&*provider, &Secret::copy_from(trace.secret("dhe"))).unwrap();
        assert_eq!(handshake.secret.expose(), trace.secret("handshake_secret"), "{file}");
        let main = handshake.into_main(&*provider).unwrap();
        assert_eq!(main.secret.expose(), trace.secret("master_secret"), "{file}");
    }
}

#[test]
fn exporters_give_the_published_keying_material() {
    let mut all = Values::load("tls13_labels_exporters");
    let provider = provider();
    let vectors: Vec<Values> = all.list("exporters_tls13");
    assert_eq!(vectors.len(), 7);
    for mut vector in vectors {
        vector.leave(&["source", "version"]);
        let exporter =
            ExporterSecret { suite: suite(&vector.text("hash")), secret: vector.secret("exporter_master_secret") };
        let (label, context, len) = (vector.text("label"), vector.bytes("context"), vector.number("out_len"));
        let exported = exporter.export(&*provider, label.as_bytes(), &context, len).unwrap();
        assert_eq!(exported.expose(), vector.bytes("output"), "{label}");
    }
    // In `tests/vectors_key_derivation.rs`.
    all.leave_all();
}

#[test]
fn exporter_refuses_a_label_and_a_length_that_do_not_fit() {
    let provider = provider();
    let suite = suite("sha256");
    let exporter = ExporterSecret { suite, secret: Secret::zeros(32) };
    assert!(exporter.export(&*provider, &[b'x'; 249], &[], 255 * 32).is_ok());
    assert_eq!(exporter.export(&*provider, &[b'x'; 250], &[], 32).err(), Some(CryptoError::Unsupported));
    assert_eq!(exporter.export(&*provider, b"x", &[], 255 * 32 + 1).err(), Some(CryptoError::Unsupported));
}
