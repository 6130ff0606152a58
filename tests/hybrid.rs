//! X25519MLKEM768 as TLS 1.3 uses it. RFC 10024.

#![cfg(all(feature = "ring", feature = "post-quantum"))]

#[path = "support/hex.rs"]
mod hex;
#[path = "support/replay.rs"]
mod replay;
#[path = "support/vectors.rs"]
mod vectors;

use bulla::crypto::{CryptoError, KeyExchange, X25519MlKem768, ring};
use bulla::wire::NamedGroup;
use replay::Replay;
use vectors::Values;

#[test]
fn hybrid_gives_the_listed_shares_and_secrets() {
    let mut all = Values::load("tls13_hybrid_groups");
    all.leave(&["what", "source", "license", "layout"]);
    let (mut run, mut other_groups) = (0, 0);
    for mut vector in all.list("vectors") {
        let (d, z, m) = (vector.bytes("mlkem_d"), vector.bytes("mlkem_z"), vector.bytes("mlkem_m"));
        let client_private = vector.bytes("client_ecdh_private");
        let server_private = vector.bytes("server_ecdh_private");
        let client_share = vector.bytes("client_share");
        let server_share = vector.bytes("server_share");
        let shared_secret = vector.bytes("shared_secret");
        let group_id = vector.bytes("group_id");
        if vector.text("group") != "X25519MLKEM768" {
            other_groups += 1;
            continue;
        }
        assert_eq!(X25519MlKem768.group().0.to_be_bytes(), group_id.as_slice());

        let client = Replay::new(&[&[d, z].concat()]).with_x25519(&client_private);
        let started = X25519MlKem768.start(&client).unwrap();
        client.assert_exhausted();
        assert_eq!(started.group(), NamedGroup::X25519MLKEM768);
        assert_eq!(started.share(), client_share);
        assert_eq!(started.component(), Some((NamedGroup::x25519, &client_share[1184..])));

        let server = Replay::new(&[&m]).with_x25519(&server_private);
        let (share, secret) = X25519MlKem768.respond(&server, &client_share).unwrap();
        server.assert_exhausted();
        assert_eq!(share, server_share);
        assert!(secret.expose() == shared_secret);
        assert!(started.complete(&server_share).unwrap().expose() == shared_secret);
        run += 1;
    }
    assert_eq!((run, other_groups), (3, 2));
}

#[test]
fn hybrid_component_alone_agrees_with_a_server_that_has_x25519_only() {
    let provider = ring::provider();
    let started = X25519MlKem768.start(&*provider).unwrap();
    let (group, share) = started.component().unwrap();
    let classical = provider.groups().iter().find(|it| it.group() == group).unwrap();
    let (server_share, server_secret) = classical.respond(&*provider, share).unwrap();
    assert!(started.complete_component(&server_share).unwrap() == server_secret);
    assert_eq!(server_secret.len(), 32);
}

#[test]
fn hybrid_share_of_another_length_is_refused() {
    let provider = ring::provider();
    let started = X25519MlKem768.start(&*provider).unwrap();
    let client_share = started.share().to_vec();
    let (server_share, _) = X25519MlKem768.respond(&*provider, &client_share).unwrap();
    assert_eq!((client_share.len(), server_share.len()), (1216, 1120));
    for len in [0, 31, 32, 1184, 1215, 1217] {
        let mut share = client_share.clone();
        share.resize(len, 9);
        let refused = X25519MlKem768.respond(&*provider, &share).err();
        assert_eq!(refused, Some(CryptoError::InvalidShare), "{len} bytes to the server");
    }
    for len in [0, 31, 32, 1088, 1119, 1121] {
        let mut share = server_share.clone();
        share.resize(len, 9);
        let refused = X25519MlKem768.start(&*provider).unwrap().complete(&share).err();
        assert_eq!(refused, Some(CryptoError::InvalidShare), "{len} bytes to the client");
    }
}

#[test]
fn hybrid_share_with_x25519_of_low_order_is_refused() {
    let provider = ring::provider();
    let started = X25519MlKem768.start(&*provider).unwrap();
    let mut client_share = started.share().to_vec();
    let (mut server_share, _) = X25519MlKem768.respond(&*provider, &client_share).unwrap();
    client_share[1184..].fill(0);
    server_share[1088..].fill(0);
    assert_eq!(X25519MlKem768.respond(&*provider, &client_share).err(), Some(CryptoError::InvalidShare));
    assert_eq!(started.complete(&server_share).err(), Some(CryptoError::InvalidShare));
}

#[test]
fn hybrid_share_with_coefficient_of_the_modulus_is_refused() {
    let provider = ring::provider();
    let mut client_share = X25519MlKem768.start(&*provider).unwrap().share().to_vec();
    // The first coefficient, twelve bits in little-endian order, becomes q = 3329 = 0xd01.
    client_share[0] = 0x01;
    client_share[1] = client_share[1] & 0xf0 | 0x0d;
    assert_eq!(X25519MlKem768.respond(&*provider, &client_share).err(), Some(CryptoError::InvalidShare));
}

#[test]
fn hybrid_with_altered_ciphertext_gives_another_secret() {
    let provider = ring::provider();
    let started = X25519MlKem768.start(&*provider).unwrap();
    let (mut server_share, secret) = X25519MlKem768.respond(&*provider, started.share()).unwrap();
    server_share[0] ^= 1;
    let other = started.complete(&server_share).unwrap();
    assert!(other.expose()[..32] != secret.expose()[..32]);
    assert!(other.expose()[32..] == secret.expose()[32..]);
}

#[test]
fn hybrid_without_randomness_fails() {
    let client_share = X25519MlKem768.start(&*ring::provider()).unwrap().share().to_vec();
    let dry = Replay::new(&[]);
    assert_eq!(X25519MlKem768.start(&dry).err(), Some(CryptoError::NoRandomness));
    assert_eq!(X25519MlKem768.respond(&dry, &client_share).err(), Some(CryptoError::NoRandomness));
}
