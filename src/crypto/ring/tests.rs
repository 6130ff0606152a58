//! What the vectors do not say: the lists, and that everything on them is there.

use super::*;
use crate::crypto::{CryptoError, Suite, key_exchange};
use crate::wire::{NamedGroup, SignatureScheme};
use alloc::vec::Vec;

#[test]
fn every_listed_suite_has_its_hash_and_aead() {
    let provider = provider();
    assert_eq!(provider.cipher_suites().len(), if cfg!(feature = "tls12") { 9 } else { 3 });
    for &id in provider.cipher_suites() {
        #[cfg(feature = "tls12")]
        let suite = Suite::tls13(id).or_else(|| Some(crate::crypto::SuiteTls12::find(id)?.suite)).unwrap();
        #[cfg(not(feature = "tls12"))]
        let suite = Suite::tls13(id).unwrap();
        assert!(provider.hash(suite.hash).is_ok());
        assert!(provider.aead(suite.aead, &[0; 32][..suite.aead.key_len()]).is_ok());
    }
}

#[test]
fn default_groups_are_the_hybrid_first_and_the_curves_and_the_others_must_be_named() {
    use NamedGroup as G;
    let names = |is_default: bool| -> Vec<_> {
        let provider = provider();
        let listed = provider.groups().iter().filter(|group| group.is_default() == is_default);
        listed.map(|group| group.group()).collect()
    };
    let curves = [G::x25519, G::secp256r1, G::secp384r1];
    #[cfg(feature = "post-quantum")]
    {
        assert_eq!(names(true), [&[G::X25519MLKEM768], &curves[..]].concat());
        assert_eq!(names(false), [G::SecP256r1MLKEM768, G::SecP384r1MLKEM1024, G::MLKEM768, G::MLKEM1024]);
    }
    #[cfg(not(feature = "post-quantum"))]
    assert_eq!((names(true), names(false)), (curves.to_vec(), Vec::new()));
}

#[test]
fn two_ends_agree_in_each_group() {
    let provider = provider();
    for &group in provider.groups() {
        let client = group.start(&*provider).unwrap();
        assert_eq!(client.group(), group.group());
        let (share, server_secret) = group.respond(&*provider, client.share()).unwrap();
        assert!(client.complete(&share).unwrap() == server_secret, "{group:?}");
    }
}

#[test]
fn shares_have_the_lengths_of_their_groups_and_no_other_is_taken() {
    let provider = provider();
    for (name, share_len, secret_len) in
        [(NamedGroup::x25519, 32, 32), (NamedGroup::secp256r1, 65, 32), (NamedGroup::secp384r1, 97, 48)]
    {
        let group = key_exchange(&*provider, name).unwrap();
        let started = group.start(&*provider).unwrap();
        assert_eq!(started.share().len(), share_len);
        assert!(started.component().is_none());
        let share = started.share().to_vec();
        assert_eq!(group.respond(&*provider, &share).unwrap().1.len(), secret_len);
        assert_eq!(started.complete_component(&share).err(), Some(CryptoError::Unsupported));
        for len in (0..=share_len + 2).filter(|&len| len != share_len) {
            let mut other = share.clone();
            other.resize(len, 1);
            assert_eq!(group.respond(&*provider, &other).err(), Some(CryptoError::InvalidShare), "{name}: {len}");
        }
    }
}

#[test]
fn hash_can_be_read_and_forked_without_an_effect_on_it() {
    for (algorithm, of_abc) in [
        // FIPS 180-4's examples, the first four octets of each.
        (HashAlgorithm::Sha256, [0xba, 0x78, 0x16, 0xbf]),
        (HashAlgorithm::Sha384, [0xcb, 0x00, 0x75, 0x3f]),
        (HashAlgorithm::Sha512, [0xdd, 0xaf, 0x35, 0xa1]),
    ] {
        let mut hash = provider().hash(algorithm).unwrap();
        hash.update(b"a");
        let before = hash.current();
        let mut fork = hash.fork();
        fork.update(b"other");
        assert!(hash.current() == before && fork.current() != before);
        hash.update(b"bc");
        assert_eq!(hash.current().as_ref()[..4], of_abc);
        assert_eq!(hash.current().as_ref().len(), algorithm.output_len());
    }
}

#[test]
fn random_bytes_differ_from_call_to_call() {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    provider().fill_random(&mut first).unwrap();
    provider().fill_random(&mut second).unwrap();
    assert!(first != second && first != [0; 32]);
}

#[test]
fn each_pair_of_identifiers_has_one_row() {
    let provider = provider();
    let rows = provider.verification_algorithms();
    for (index, row) in rows.iter().enumerate() {
        let same = |other: &&VerificationAlgorithm| {
            other.algorithm.public_key_alg_id() == row.algorithm.public_key_alg_id()
                && other.algorithm.signature_alg_id() == row.algorithm.signature_alg_id()
        };
        assert!(rows[index + 1..].iter().find(same).is_none(), "{row:?}");
    }
}

#[test]
fn each_scheme_of_tls_1_3_that_ring_knows_has_a_row() {
    let provider = provider();
    let mut schemes: Vec<_> = provider.verification_algorithms().iter().filter_map(|row| row.scheme).collect();
    schemes.sort();
    schemes.dedup();
    let expected = [
        SignatureScheme::ecdsa_secp256r1_sha256,
        SignatureScheme::ecdsa_secp384r1_sha384,
        SignatureScheme::rsa_pss_rsae_sha256,
        SignatureScheme::rsa_pss_rsae_sha384,
        SignatureScheme::rsa_pss_rsae_sha512,
        SignatureScheme::ed25519,
        SignatureScheme::rsa_pss_pss_sha256,
        SignatureScheme::rsa_pss_pss_sha384,
        SignatureScheme::rsa_pss_pss_sha512,
    ];
    assert_eq!(schemes, expected);
}
