//! ML-KEM-768 through the hybrid group: Wycheproof's cases and NIST's known answers.
//!
//! The seam shows of ML-KEM what stands in shares and secrets. What it hides, decapsulation keys, is checked with the
//! functions of `libcrux-ml-kem` that the hybrid calls.

#![cfg(all(feature = "ring", feature = "post-quantum"))]

#[path = "support/hex.rs"]
mod hex;
#[path = "support/replay.rs"]
mod replay;
#[path = "support/vectors.rs"]
mod vectors;

use std::collections::HashMap;

use bulla::crypto::{CryptoError, KeyExchange, X25519MlKem768};
use libcrux_ml_kem::mlkem768::{self, MlKem768Ciphertext, MlKem768PrivateKey};
use replay::Replay;
use vectors::{Values, wycheproof};

/// A share that x25519 takes: the base point.
const X25519_SHARE: [u8; 32] = {
    let mut share = [0; 32];
    share[0] = 9;
    share
};
const ENCAPSULATION_KEY_LEN: usize = 1184;
const CIPHERTEXT_LEN: usize = 1088;

/// Returns the encapsulation key made from `seed`.
fn encapsulation_key(seed: &[u8]) -> Vec<u8> {
    let provider = Replay::new(&[seed]);
    let started = X25519MlKem768.start(&provider).unwrap();
    provider.assert_exhausted();
    started.share()[..ENCAPSULATION_KEY_LEN].to_vec()
}

/// Returns ML-KEM's half of the secret for the key made from `seed`.
fn decapsulate(seed: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let started = X25519MlKem768.start(&Replay::new(&[seed])).unwrap();
    let secret = started.complete(&[ciphertext, &X25519_SHARE].concat())?;
    assert_eq!(secret.len(), 64);
    Ok(secret.expose()[..32].to_vec())
}

/// Returns the ciphertext and ML-KEM's half of the secret.
fn encapsulate(encapsulation_key: &[u8], message: &[u8]) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
    let provider = Replay::new(&[message]);
    let (share, secret) = X25519MlKem768.respond(&provider, &[encapsulation_key, &X25519_SHARE].concat())?;
    provider.assert_exhausted();
    assert_eq!((share.len(), secret.len()), (CIPHERTEXT_LEN + 32, 64));
    Ok((share[..CIPHERTEXT_LEN].to_vec(), secret.expose()[..32].to_vec()))
}

#[test]
fn ml_kem_768_decapsulates_as_listed() {
    let mut without_a_place = 0;
    for mut group in wycheproof("mlkem_768", 33) {
        group.common.leave(&["parameterSet"]);
        for mut case in group.cases {
            let seed = case.values.bytes("seed");
            let (ek, c, k) = (case.values.optional_bytes("ek"), case.values.bytes("c"), case.values.bytes("K"));
            if seed.len() != 64 {
                // A seed of another length cannot come about: the hybrid itself asks for 64 bytes.
                assert!(!case.must_succeed(), "case {}", case.id);
                without_a_place += 1;
                continue;
            }
            assert_eq!(encapsulation_key(&seed), ek.unwrap(), "case {}", case.id);
            let expected = if case.must_succeed() { Ok(k) } else { Err(CryptoError::InvalidShare) };
            assert_eq!(decapsulate(&seed, &c), expected, "case {}", case.id);
        }
    }
    assert_eq!(without_a_place, 6);
}

#[test]
fn ml_kem_768_encapsulates_as_listed_and_refuses_bad_keys() {
    for mut group in wycheproof("mlkem_768_encaps", 35) {
        group.common.leave(&["parameterSet"]);
        for mut case in group.cases {
            let (m, ek) = (case.values.bytes("m"), case.values.bytes("ek"));
            let (c, k) = (case.values.bytes("c"), case.values.bytes("K"));
            let expected = if case.must_succeed() { Ok((c, k)) } else { Err(CryptoError::InvalidShare) };
            assert_eq!(encapsulate(&ek, &m), expected, "case {}", case.id);
        }
    }
}

#[test]
fn ml_kem_768_makes_the_listed_keys() {
    for mut group in wycheproof("mlkem_768_keygen_seed", 8) {
        group.common.leave(&["parameterSet"]);
        for mut case in group.cases {
            assert!(case.must_succeed());
            let seed = case.values.bytes("seed");
            assert_eq!(encapsulation_key(&seed), case.values.bytes("ek"), "case {}", case.id);
            let key_pair = mlkem768::generate_key_pair(seed.try_into().unwrap());
            assert_eq!(key_pair.sk().as_slice(), case.values.bytes("dk"), "case {}", case.id);
        }
    }
}

#[test]
fn ml_kem_768_decapsulates_with_listed_keys() {
    for mut group in wycheproof("mlkem_768_semi_expanded_decaps", 9) {
        group.common.leave(&["parameterSet"]);
        for mut case in group.cases {
            case.values.leave(&["ek"]);
            let dk = MlKem768PrivateKey::try_from(case.values.bytes("dk").as_slice());
            let c = MlKem768Ciphertext::try_from(case.values.bytes("c").as_slice());
            let k = case.values.optional_bytes("K");
            let secret = match (dk, c) {
                (Ok(dk), Ok(c)) if mlkem768::validate_private_key(&dk, &c) => {
                    Some(mlkem768::decapsulate(&dk, &c).to_vec())
                }
                _ => None,
            };
            assert_eq!(secret.is_some(), case.must_succeed(), "case {}", case.id);
            if case.must_succeed() {
                assert_eq!(secret, k, "case {}", case.id);
            }
        }
    }
}

#[test]
fn ml_kem_768_gives_the_known_answers() {
    let mut all = Values::load("mlkem768_kats");
    all.leave(&["what", "source", "license", "accumulated"]);
    let (mut keys, mut encapsulations, mut decapsulations) = (0, 0, 0);
    let mut decapsulation_keys = HashMap::new();
    for mut vector in all.list("vectors") {
        let name = vector.text("name");
        vector.leave(&["source"]);
        let (ek, c, secret) =
            (vector.optional_bytes("ek"), vector.optional_bytes("c"), vector.optional_bytes("shared_secret"));
        let same_as = vector.optional_text("dk_from");
        let dk: Option<Vec<u8>> =
            vector.optional_bytes("dk").or_else(|| decapsulation_keys.get(&same_as?).cloned().flatten());
        if let (Some(d), Some(z)) = (vector.optional_bytes("d"), vector.optional_bytes("z")) {
            let seed = [d, z].concat();
            assert_eq!(Some(encapsulation_key(&seed)), ek, "{name}");
            let key_pair = mlkem768::generate_key_pair(seed.try_into().unwrap());
            assert_eq!(Some(key_pair.sk().to_vec()), dk, "{name}");
            keys += 1;
        }
        if let Some(m) = vector.optional_bytes("m") {
            assert_eq!(encapsulate(&ek.unwrap(), &m), Ok((c.clone().unwrap(), secret.clone().unwrap())), "{name}");
            encapsulations += 1;
        }
        if let Some(c) = c {
            let dk = MlKem768PrivateKey::try_from(dk.as_deref().unwrap()).unwrap();
            let c = MlKem768Ciphertext::try_from(c.as_slice()).unwrap();
            assert_eq!(Some(mlkem768::decapsulate(&dk, &c).to_vec()), secret, "{name}");
            decapsulations += 1;
        }
        decapsulation_keys.insert(name, dk);
    }
    assert_eq!((keys, encapsulations, decapsulations), (3, 1, 6));
}

/// The accumulated tests of C2SP/CCTV. A debug build runs the shortest only: the others take it minutes.
#[test]
fn ml_kem_768_gives_the_accumulated_digests() {
    let mut all = Values::load("mlkem768_kats");
    all.leave(&["what", "source", "license", "vectors"]);
    let mut accumulated = all.nested("accumulated");
    accumulated.leave(&["rng", "digest"]);
    let (mut with_dk, mut without_dk) = (accumulated.nested("with_dk"), accumulated.nested("without_dk"));
    for rounds in [100, 1000, 10000] {
        let (expected_with, expected_without) =
            (with_dk.bytes(&rounds.to_string()), without_dk.bytes(&rounds.to_string()));
        if cfg!(debug_assertions) && rounds > 100 {
            continue;
        }
        let (with, without) = accumulate(rounds);
        assert_eq!((with.to_vec(), without.to_vec()), (expected_with, expected_without), "{rounds} rounds");
    }
}

/// Returns the digests over everything with and without the decapsulation keys.
fn accumulate(rounds: usize) -> ([u8; 32], [u8; 32]) {
    let mut random = vec![0; rounds * (64 + 32 + CIPHERTEXT_LEN)];
    libcrux_sha3::shake128_ema(&mut random, &[]);
    let (mut with_dk, mut without_dk) = (Vec::new(), Vec::new());
    for round in random.chunks(64 + 32 + CIPHERTEXT_LEN) {
        let (seed, rest) = round.split_at(64);
        let (m, random_ciphertext) = rest.split_at(32);
        let key_pair = mlkem768::generate_key_pair(seed.try_into().unwrap());
        let (c, k) = mlkem768::encapsulate(key_pair.public_key(), m.try_into().unwrap());
        let random_ciphertext = MlKem768Ciphertext::try_from(random_ciphertext).unwrap();
        let k_of_random_ciphertext = mlkem768::decapsulate(key_pair.private_key(), &random_ciphertext);
        assert_eq!(mlkem768::decapsulate(key_pair.private_key(), &c), k);
        with_dk.extend_from_slice(&[key_pair.pk().as_slice(), key_pair.sk()].concat());
        without_dk.extend_from_slice(key_pair.pk());
        for all in [&mut with_dk, &mut without_dk] {
            all.extend_from_slice(&[c.as_slice().as_slice(), &k, &k_of_random_ciphertext].concat());
        }
    }
    (libcrux_sha3::shake128(&with_dk), libcrux_sha3::shake128(&without_dk))
}
