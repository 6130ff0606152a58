//! Wycheproof's cases against the provider that ships, through the seam.
//!
//! `ring` imports no private key for a key exchange. So the cases of X25519 and ECDH are run as far as their public keys
//! go: each must be taken or refused; the shared secrets they list cannot be compared.

#![cfg(feature = "ring")]

#[path = "support/hex.rs"]
mod hex;
#[path = "support/vectors.rs"]
mod vectors;

use bulla::crypto::{
    AeadAlgorithm, CryptoError, HashAlgorithm, KeyExchange, KeyRejected, NONCE_LEN, Provider, TAG_LEN,
    VerificationAlgorithm, hkdf_expand, hkdf_extract, ring,
};
use bulla::wire::{NamedGroup, SignatureScheme};
use pki_types::{AlgorithmIdentifier, PrivateKeyDer, alg_id};
use vectors::{Case, Values, wycheproof};

fn run_aead_case(provider: &dyn Provider, algorithm: AeadAlgorithm, mut case: Case) {
    let aead = provider.aead(algorithm, &case.values.bytes("key")).unwrap();
    let nonce: [u8; NONCE_LEN] = case.values.bytes("iv").try_into().unwrap();
    let associated_data = case.values.bytes("aad");
    let plaintext = case.values.bytes("msg");
    let ciphertext = case.values.bytes("ct");
    let tag = case.values.bytes("tag");

    let mut opened = [ciphertext.as_slice(), tag.as_slice()].concat();
    let result = aead.open_in_place(&nonce, &associated_data, &mut opened);
    if !case.must_succeed() {
        assert_eq!(result, Err(CryptoError::OpenFailed), "case {}", case.id);
        return;
    }
    assert_eq!(result, Ok(plaintext.len()), "case {}", case.id);
    assert_eq!(opened[..plaintext.len()], plaintext, "case {}", case.id);

    let mut sealed = plaintext;
    let mut sealed_tag = [0; TAG_LEN];
    aead.seal_in_place(&nonce, &associated_data, &mut sealed, &mut sealed_tag).unwrap();
    assert_eq!((sealed, sealed_tag.to_vec()), (ciphertext, tag), "case {}", case.id);
}

#[test]
fn aes_gcm_seals_and_opens_as_listed() {
    for mut group in wycheproof("aes_gcm", 133) {
        let algorithm = match group.common.number("keySize") {
            128 => AeadAlgorithm::Aes128Gcm,
            256 => AeadAlgorithm::Aes256Gcm,
            other => panic!("{other}"),
        };
        assert_eq!((group.common.number("ivSize"), group.common.number("tagSize")), (96, 128));
        group.cases.into_iter().for_each(|case| run_aead_case(&*ring::provider(), algorithm, case));
    }
}

#[test]
fn chacha20_poly1305_seals_and_opens_as_listed() {
    for mut group in wycheproof("chacha20_poly1305", 316) {
        assert_eq!((group.common.number("keySize"), group.common.number("ivSize")), (256, 96));
        assert_eq!(group.common.number("tagSize"), 128);
        let run = |case| run_aead_case(&*ring::provider(), AeadAlgorithm::ChaCha20Poly1305, case);
        group.cases.into_iter().for_each(run);
    }
}

fn run_hmac(file: &str, count: usize, hash: HashAlgorithm) {
    let provider = ring::provider();
    for mut group in wycheproof(file, count) {
        group.common.leave(&["keySize"]);
        assert_eq!(group.common.number("tagSize"), hash.output_len() * 8);
        for mut case in group.cases {
            let key = case.values.bytes("key");
            let message = case.values.bytes("msg");
            let tag = case.values.bytes("tag");
            let (front, back) = message.split_at(message.len() / 2);
            let value = provider.hmac(hash, &key, &[front, &[], back]).unwrap();
            assert_eq!(value.as_ref() == tag, case.must_succeed(), "case {}", case.id);
        }
    }
}

#[test]
fn hmac_gives_the_listed_tags() {
    run_hmac("hmac_sha256", 40, HashAlgorithm::Sha256);
    run_hmac("hmac_sha384", 40, HashAlgorithm::Sha384);
}

fn run_hkdf(file: &str, count: usize, hash: HashAlgorithm) {
    let provider = ring::provider();
    for mut group in wycheproof(file, count) {
        group.common.leave(&["keySize"]);
        for mut case in group.cases {
            let input_keying_material = case.values.bytes("ikm");
            let salt = case.values.bytes("salt");
            let info = case.values.bytes("info");
            let len = case.values.number("size");
            let expected = case.values.bytes("okm");
            let key = hkdf_extract(&*provider, hash, &salt, &input_keying_material).unwrap();
            let output = hkdf_expand(&*provider, hash, key.expose(), &info, len);
            if case.must_succeed() {
                assert!(output.unwrap().expose() == expected, "case {}", case.id);
            } else {
                assert!(case.has("SizeTooLarge") && output.is_err(), "case {}", case.id);
            }
        }
    }
}

#[test]
fn hkdf_gives_the_listed_keys() {
    run_hkdf("hkdf_sha256", 83, HashAlgorithm::Sha256);
    run_hkdf("hkdf_sha384", 80, HashAlgorithm::Sha384);
}

#[test]
fn hkdf_gives_the_values_of_rfc_5869_appendix_a() {
    let provider = ring::provider();
    let mut all = Values::load("hkdf_rfc5869");
    all.leave(&["what", "source", "license"]);
    let (mut with_sha256, mut with_sha1) = (0, 0);
    for mut case in all.list("vectors") {
        let number = case.number("case");
        if case.text("hash") == "sha1" {
            // No suite uses SHA-1, so the seam cannot name it.
            case.leave(&["ikm", "salt", "info", "out_len", "prk", "okm"]);
            with_sha1 += 1;
            continue;
        }
        let salt = case.bytes("salt");
        let key = hkdf_extract(&*provider, HashAlgorithm::Sha256, &salt, &case.bytes("ikm")).unwrap();
        assert!(key.expose() == case.bytes("prk"), "case {number}");
        let (info, len) = (case.bytes("info"), case.number("out_len"));
        let output = hkdf_expand(&*provider, HashAlgorithm::Sha256, key.expose(), &info, len).unwrap();
        assert!(output.expose() == case.bytes("okm"), "case {number}");
        with_sha256 += 1;
    }
    assert_eq!((with_sha256, with_sha1), (3, 4));
}

fn group(provider: &dyn Provider, name: NamedGroup) -> &dyn KeyExchange {
    *provider.groups().iter().find(|group| group.group() == name).unwrap()
}

/// Gives a public key to both sides of a fresh exchange.
fn assert_share(name: NamedGroup, share: &[u8], is_valid: bool, id: usize) {
    let provider = ring::provider();
    let exchange = group(&*provider, name);
    let as_client = exchange.start(&*provider).unwrap().complete(share);
    let as_server = exchange.respond(&*provider, share).map(|(_, secret)| secret);
    for result in [as_client, as_server] {
        match result {
            Ok(secret) => assert!(is_valid && !secret.is_empty(), "case {id} was taken"),
            Err(error) => assert!(!is_valid && error == CryptoError::InvalidShare, "case {id}: {error}"),
        }
    }
}

fn run_ecdh(file: &str, count: usize, name: NamedGroup) {
    let (mut taken, mut refused) = (0, 0);
    for mut group in wycheproof(file, count) {
        group.common.leave(&["curve"]);
        for mut case in group.cases {
            case.values.leave(&["private", "shared"]);
            // What is `acceptable` are compressed points, which TLS refuses. RFC 8446 §4.2.8.2.
            assert!(case.result != "acceptable" || case.has("CompressedPoint"), "case {}", case.id);
            let is_valid = case.result == "valid";
            assert_share(name, &case.values.bytes("public"), is_valid, case.id);
            if is_valid { taken += 1 } else { refused += 1 }
        }
    }
    assert_eq!(taken + refused, count);
    assert!(taken > 0 && refused > 0);
}

#[test]
fn secp256r1_takes_points_on_the_curve_only() {
    run_ecdh("ecdh_secp256r1_ecpoint", 231, NamedGroup::secp256r1);
}

#[test]
fn secp384r1_takes_points_on_the_curve_only() {
    run_ecdh("ecdh_secp384r1_ecpoint", 185, NamedGroup::secp384r1);
}

#[test]
fn x25519_refuses_what_leads_to_zero_and_takes_the_rest() {
    let mut refused = 0;
    for mut group in wycheproof("x25519", 249) {
        group.common.leave(&["curve"]);
        for mut case in group.cases {
            case.values.leave(&["private"]);
            let is_valid = case.values.bytes("shared").iter().any(|&octet| octet != 0);
            assert!(is_valid || case.has("ZeroSharedSecret"));
            assert_share(NamedGroup::x25519, &case.values.bytes("public"), is_valid, case.id);
            refused += usize::from(!is_valid);
        }
    }
    assert_eq!(refused, 31);
}

fn by_scheme(scheme: SignatureScheme, public_key: AlgorithmIdentifier) -> VerificationAlgorithm {
    let provider = ring::provider();
    let mut rows = provider.verification_algorithms().iter();
    *rows.find(|row| row.scheme == Some(scheme) && row.algorithm.public_key_alg_id() == public_key).unwrap()
}

fn assert_signature(row: VerificationAlgorithm, public_key: &[u8], mut case: Case) {
    let (message, signature) = (case.values.bytes("msg"), case.values.bytes("sig"));
    // What is `acceptable` is a DigestInfo without NULL, which RFC 8017 §9.2 does not allow to be written.
    let is_valid = case.result == "valid";
    assert!(case.result != "acceptable" || case.has("MissingNull"), "case {}: {:?}", case.id, case.flags);
    let verified = row.algorithm.verify_signature(public_key, &message, &signature);
    assert_eq!(verified.is_ok(), is_valid, "case {}: {:?}", case.id, case.flags);
}

fn run_ecdsa(file: &str, count: usize, row: VerificationAlgorithm) {
    for mut group in wycheproof(file, count) {
        group.common.leave(&["sha"]);
        let public_key = group.common.nested("publicKey").bytes("uncompressed");
        group.cases.into_iter().for_each(|case| assert_signature(row, &public_key, case));
    }
}

#[test]
fn ecdsa_verifies_what_is_valid_only() {
    let row = by_scheme(SignatureScheme::ecdsa_secp256r1_sha256, alg_id::ECDSA_P256);
    run_ecdsa("ecdsa_secp256r1_sha256", 342, row);
    let row = by_scheme(SignatureScheme::ecdsa_secp384r1_sha384, alg_id::ECDSA_P384);
    run_ecdsa("ecdsa_secp384r1_sha384", 334, row);
}

#[test]
fn ed25519_verifies_what_is_valid_only() {
    let row = by_scheme(SignatureScheme::ed25519, alg_id::ED25519);
    for mut group in wycheproof("ed25519", 151) {
        let public_key = group.common.nested("publicKey").bytes("pk");
        group.cases.into_iter().for_each(|case| assert_signature(row, &public_key, case));
    }
}

/// RFC 8017 §A.1.1
///     RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
fn rsa_public_key(mut values: Values) -> Vec<u8> {
    let element = |tag: u8, content: &[u8]| {
        let len = u16::try_from(content.len()).unwrap().to_be_bytes();
        let header: &[u8] = match content.len() {
            0..0x80 => &[tag, len[1]],
            0x80..0x100 => &[tag, 0x81, len[1]],
            _ => &[tag, 0x82, len[0], len[1]],
        };
        [header, content].concat()
    };
    let numbers = [element(0x02, &values.bytes("modulus")), element(0x02, &values.bytes("publicExponent"))];
    element(0x30, &numbers.concat())
}

fn run_rsa_pkcs1(file: &str, count: usize, signature: AlgorithmIdentifier) {
    let provider = ring::provider();
    // The row for certificates that write NULL, as they must, and that for those which leave it out.
    let without_null = &signature.as_ref()[..signature.as_ref().len() - 2];
    let identifiers = [signature.as_ref(), without_null];
    for identifier in identifiers {
        let mut rows = provider.verification_algorithms().iter();
        let row = *rows.find(|row| row.algorithm.signature_alg_id().as_ref() == identifier).unwrap();
        assert_eq!((row.scheme, row.algorithm.public_key_alg_id()), (None, alg_id::RSA_ENCRYPTION));
        for mut group in wycheproof(file, count) {
            group.common.leave(&["sha"]);
            assert_eq!(group.common.number("keySize"), 2048);
            let public_key = rsa_public_key(group.common.nested("publicKey"));
            group.cases.into_iter().for_each(|case| assert_signature(row, &public_key, case));
        }
    }
}

#[test]
fn rsa_pkcs1_verifies_what_is_valid_only() {
    run_rsa_pkcs1("rsa_signature_2048_sha256", 259, alg_id::RSA_PKCS1_SHA256);
    run_rsa_pkcs1("rsa_signature_2048_sha384", 52, alg_id::RSA_PKCS1_SHA384);
    run_rsa_pkcs1("rsa_signature_2048_sha512", 53, alg_id::RSA_PKCS1_SHA512);
}

fn run_rsa_pss(file: &str, count: usize, signature: AlgorithmIdentifier) {
    let provider = ring::provider();
    let rows = provider.verification_algorithms().iter();
    let rows: Vec<_> = rows.filter(|row| row.algorithm.signature_alg_id() == signature).collect();
    // For rsaEncryption keys, for id-RSASSA-PSS keys without parameters, and for those with the signature's.
    assert_eq!(rows.len(), 3);
    for row in rows {
        for mut group in wycheproof(file, count) {
            group.common.leave(&["keySize", "sha", "sLen", "mgfSha"]);
            let public_key = rsa_public_key(group.common.nested("publicKey"));
            group.cases.into_iter().for_each(|case| assert_signature(*row, &public_key, case));
        }
    }
}

#[test]
fn rsa_pss_verifies_what_is_valid_only() {
    run_rsa_pss("rsa_pss_2048_sha256_mgf1_32", 108, alg_id::RSA_PSS_SHA256);
    run_rsa_pss("rsa_pss_2048_sha384_mgf1_48", 35, alg_id::RSA_PSS_SHA384);
    run_rsa_pss("rsa_pss_4096_sha512_mgf1_64", 16, alg_id::RSA_PSS_SHA512);
}

#[test]
fn rsa_pkcs1_signs_as_listed_and_refuses_exponent_3() {
    let provider = ring::provider();
    for mut group in wycheproof("rsa_pkcs1_2048_sig_gen", 27) {
        group.common.leave(&["keySize", "privateKey"]);
        let scheme = match group.common.text("sha").as_str() {
            "SHA-256" => SignatureScheme::rsa_pkcs1_sha256,
            "SHA-384" => SignatureScheme::rsa_pkcs1_sha384,
            "SHA-512" => SignatureScheme::rsa_pkcs1_sha512,
            other => panic!("{other}"),
        };
        let key = PrivateKeyDer::Pkcs8(group.common.bytes("privateKeyPkcs8").into());
        let key = provider.signing_key(&key);
        for mut case in group.cases {
            let (message, expected) = (case.values.bytes("msg"), case.values.bytes("sig"));
            match &key {
                Ok(key) => {
                    assert_eq!(case.result, "valid", "case {}", case.id);
                    assert_eq!(key.sign(&*provider, scheme, &message).unwrap(), expected, "case {}", case.id);
                }
                Err(rejected) => {
                    assert!(case.has("SmallPublicKey"), "case {}", case.id);
                    assert_eq!(*rejected, KeyRejected::RsaExponent, "case {}", case.id);
                }
            }
        }
    }
}
