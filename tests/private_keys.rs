//! Private keys of every form: what is taken signs so that the same provider verifies it, what is refused says why.

#![cfg(feature = "ring")]

#[path = "support/hex.rs"]
mod hex;
#[path = "support/vectors.rs"]
mod vectors;

use bulla::crypto::{CryptoError, KeyRejected, Provider, SigningKey, ring};
use bulla::der::{Tag, read_all};
use bulla::wire::SignatureScheme;
use pki_types::PrivateKeyDer;
use vectors::Values;

const MESSAGE: &[u8] = b"what stands in a CertificateVerify";

/// Signs with each scheme and verifies with each row that `webpki` could choose for this public key.
fn assert_signs(provider: &dyn Provider, key: &dyn SigningKey, schemes: &[String], spki: &[u8], name: &str) {
    let names: Vec<_> = key.schemes().iter().map(|scheme| scheme.name().unwrap()).collect();
    assert_eq!(names, schemes, "{name}");
    let (algorithm, public_key) =
        read_all(spki, Tag::SEQUENCE, |r| Ok((r.expect(Tag::SEQUENCE)?, r.bit_string()?))).unwrap();
    assert_eq!(key.public_key(), public_key, "{name}");

    for &scheme in SignatureScheme::NAMED {
        let signature = key.sign(provider, scheme, MESSAGE);
        if !key.schemes().contains(&scheme) {
            assert_eq!(signature, Err(CryptoError::Unsupported), "{name}, {scheme}");
            continue;
        }
        let signature = signature.unwrap();
        let mut verified = 0;
        for row in provider.verification_algorithms() {
            if row.algorithm.public_key_alg_id().as_ref() != algorithm {
                continue;
            }
            let result = row.algorithm.verify_signature(public_key, MESSAGE, &signature);
            if row.scheme == Some(scheme) {
                assert!(result.is_ok(), "{name}, {scheme}");
                let other = row.algorithm.verify_signature(public_key, b"another message", &signature);
                assert!(other.is_err(), "{name}, {scheme}");
                verified += 1;
            } else if row.scheme.is_some() {
                assert!(result.is_err(), "{name}: {scheme} verified as {:?}", row.scheme);
            } else if result.is_ok() {
                // RSASSA-PKCS1-v1_5, which no scheme of TLS 1.3 stands for.
                verified += 1;
            }
        }
        assert!(verified > 0, "{name}: nothing verifies {scheme}");
    }
}

#[test]
fn private_keys_sign_or_say_why_not() {
    let provider = ring::provider();
    let mut all = Values::load("private_keys");
    all.leave(&["what", "source", "license"]);
    let (mut taken, mut seen) = (0, Vec::new());
    for mut entry in all.list("keys") {
        let name = entry.text("name");
        entry.leave(&["made_with"]);
        let der = entry.bytes("der");
        let key = match entry.text("form").as_str() {
            "pkcs8" => PrivateKeyDer::Pkcs8(der.into()),
            "sec1" => PrivateKeyDer::Sec1(der.into()),
            "pkcs1" => PrivateKeyDer::Pkcs1(der.into()),
            other => panic!("{other}"),
        };
        let key = provider.signing_key(&key);
        match entry.optional_text("rejected") {
            Some(reason) => {
                let rejected = key.err().unwrap_or_else(|| panic!("{name} was taken"));
                assert_eq!(format!("{rejected:?}"), reason, "{name}");
                seen.push(rejected);
            }
            None => {
                let key = key.unwrap_or_else(|rejected| panic!("{name}: {rejected}"));
                assert!(format!("{key:?}").starts_with("RingSigningKey(["), "{name}");
                assert_signs(&*provider, &*key, &entry.texts("schemes"), &entry.bytes("spki"), &name);
                taken += 1;
            }
        }
    }
    assert_eq!((taken, seen.len()), (23, 28));
    for reason in [
        KeyRejected::NotAKey,
        KeyRejected::Encrypted,
        KeyRejected::UnsupportedAlgorithm,
        KeyRejected::RsaSize,
        KeyRejected::RsaExponent,
        KeyRejected::PublicKeyMissing,
        KeyRejected::Inconsistent,
    ] {
        assert!(seen.contains(&reason), "no key was refused with {reason:?}");
    }
}

#[test]
fn key_restricted_to_one_hash_has_a_row_for_that_hash_only() {
    let provider = ring::provider();
    for identifier in [pki_types::alg_id::RSA_PSS_SHA256, pki_types::alg_id::RSA_PSS_SHA384] {
        let rows = provider.verification_algorithms().iter();
        let rows: Vec<_> = rows.filter(|row| row.algorithm.public_key_alg_id() == identifier).collect();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].algorithm.signature_alg_id(), identifier);
    }
}
