//! Named policies: each is what its name said when it was written, to the letter, and works.

#![cfg(feature = "ring")]

#[path = "support/pair.rs"]
mod pair;

use std::fmt::Write;
use std::sync::Arc;

use bulla::ConfigError;
use bulla::config::{ClientHelloView, Policy};
use bulla::wire::{CipherSuite, SignatureScheme};
#[cfg(all(feature = "post-quantum", feature = "tls12"))]
use bulla::wire::{NamedGroup, ProtocolVersion};
use bulla::{ClientAuth, ClientConfig, ClientConnection, ServerConfig};
use pair::{Authority, KeyKind, Pair, configs, configs_by};

/// A policy that changes is a new policy, with a later date in its name: this text only grows.
const SNAPSHOT: &str = include_str!("snapshots/policies.txt");

fn written_out() -> String {
    let mut text = String::new();
    for policy in Policy::ALL {
        writeln!(text, "{}", policy.name()).unwrap();
        let mut list = |name: &str, entries: Vec<String>| writeln!(text, "  {name}: {}", entries.join(" ")).unwrap();
        list("versions", policy.versions().iter().map(|it| format!("{:04x}", it.0)).collect());
        list("cipher suites", policy.cipher_suites().iter().map(ToString::to_string).collect());
        list("groups", policy.groups().iter().map(ToString::to_string).collect());
        list("signatures", policy.signature_schemes().iter().map(ToString::to_string).collect());
        list("certificates", policy.certificate_signature_schemes().iter().map(ToString::to_string).collect());
    }
    text
}

/// An authority whose chains are good under every policy.
fn authority() -> Authority {
    Authority::with_key("P-384 Authority", KeyKind::EcdsaP384)
}

fn p384_configs() -> (ClientConfig, ServerConfig) {
    configs_by(&authority(), KeyKind::EcdsaP384)
}

#[test]
fn policies_are_what_they_were() {
    let text = written_out();
    assert!(text == SNAPSHOT, "tests/snapshots/policies.txt is not what there is:\n{text}");
}

#[test]
fn policy_is_found_by_its_name_in_any_case_and_no_other_name_is_known() {
    for policy in Policy::ALL {
        assert_eq!(Policy::named(&policy.name().to_ascii_uppercase()), Some(policy));
    }
    assert_eq!(Policy::named("modern"), None);
    assert_eq!(Policy::named("modern-2025-11"), None);
    let mut names: Vec<_> = Policy::ALL.iter().map(Policy::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Policy::ALL.len());
}

#[test]
fn policy_of_which_nothing_is_there_is_refused_and_all_others_agree_with_themselves() {
    for policy in Policy::ALL {
        let (client, server) = p384_configs();
        let both = client.policy(policy).and_then(|client| Ok((client, server.policy(policy)?)));
        let has_no_group =
            !cfg!(feature = "post-quantum") && [&Policy::POST_QUANTUM_2026_11, &Policy::CNSA_2026_11].contains(&policy);
        match both {
            Ok((client, server)) => {
                assert!(!has_no_group, "{}", policy.name());
                let pair = Pair::established(client, server);
                assert!(policy.groups().contains(&pair.client.group().unwrap()), "{}", policy.name());
                assert_eq!(pair.client.protocol_version(), policy.versions().first().copied());
            }
            Err(error) => assert!(has_no_group && error == ConfigError::NoGroupForVersions, "{error}"),
        }
    }
}

#[cfg(all(feature = "post-quantum", feature = "tls12"))]
#[test]
fn cnsa_policies_take_aes_256_and_ml_kem_1024_and_the_first_of_them_goes_down_to_p384_and_tls12() {
    type G = NamedGroup;
    for (policy, groups, expected) in [
        (&Policy::CNSA_1_2026_11, &[G::secp256r1, G::secp384r1, G::MLKEM1024][..], Some(G::MLKEM1024)),
        (&Policy::CNSA_1_2026_11, &[G::x25519, G::secp384r1], Some(G::secp384r1)),
        (&Policy::CNSA_1_2026_11, &[G::x25519, G::secp256r1, G::X25519MLKEM768], None),
        (&Policy::CNSA_2026_11, &[G::x25519, G::MLKEM1024], Some(G::MLKEM1024)),
        (&Policy::CNSA_2026_11, &[G::x25519, G::SecP384r1MLKEM1024], Some(G::SecP384r1MLKEM1024)),
        (&Policy::CNSA_2026_11, &[G::x25519, G::secp384r1, G::MLKEM768], None),
    ] {
        // The client has everything else, and sends no share of what is chosen.
        let (client, server) = p384_configs();
        let client = client.groups(groups.iter().copied()).unwrap().key_shares([groups[0]]).unwrap();
        let mut pair = Pair::new(client, server.policy(policy).unwrap());
        match (pair.run(), expected) {
            (Ok(()), Some(group)) => {
                assert_eq!(pair.server.group(), Some(group));
                assert_eq!(pair.server.cipher_suite(), Some(CipherSuite::TLS_AES_256_GCM_SHA384));
                assert!(pair.server.hello_retried());
                assert_eq!(pair.client.peer_signature_scheme(), Some(SignatureScheme::ecdsa_secp384r1_sha384));
            }
            (Err((_, error)), None) => assert_eq!(error.name(), "NoCommonGroup"),
            (other, _) => panic!("{} with {groups:?}: {other:?}", policy.name()),
        }
    }
    for (policy, expected) in [
        (&Policy::CNSA_1_2026_11, Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)),
        (&Policy::CNSA_2026_11, None),
    ] {
        let (client, server) = p384_configs();
        let client = client.versions([ProtocolVersion::TLSv1_2]).unwrap();
        let mut pair = Pair::new(client, server.policy(policy).unwrap());
        let error = pair.run().err().map(|(_, error)| error.name());
        assert_eq!((pair.server.cipher_suite(), error), (expected, expected.is_none().then_some("NoCommonVersion")));
    }
}

#[test]
fn cnsa_policies_take_no_signature_with_another_curve_or_a_shorter_hash() {
    for policy in [&Policy::CNSA_1_2026_11, &Policy::CNSA_2026_11, &Policy::WPA3_192_2026_11] {
        for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
            let (client, server) = configs_by(&authority(), kind);
            // The server has whatever there is, so that signatures alone are missing.
            let Ok(client) = client.policy(policy) else { continue };
            let server = server.policy(&Policy::COMPATIBLE_2026_11).unwrap();
            let (end, error) = Pair::new(client, server).run().unwrap_err();
            assert_eq!((end, error.name()), ("server", "NoCommonSignatureScheme"), "{}: {kind:?}", policy.name());
        }
    }
}

#[test]
fn lists_can_be_changed_after_a_policy() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.policy(&Policy::MODERN_2026_11).unwrap();
    let client = client.groups([bulla::wire::NamedGroup::secp384r1]).unwrap();
    let pair = Pair::established(client, server.policy(&Policy::COMPATIBLE_2026_11).unwrap());
    assert_eq!(pair.server.group(), Some(bulla::wire::NamedGroup::secp384r1));
}

#[test]
fn cnsa_policy_ends_a_handshake_without_a_suite_of_its_own() {
    let suites = [CipherSuite::TLS_AES_128_GCM_SHA256, CipherSuite::TLS_CHACHA20_POLY1305_SHA256];
    let (client, server) = p384_configs();
    let server = server.policy(&Policy::CNSA_1_2026_11).unwrap();
    let (end, error) = Pair::new(client.cipher_suites(suites).unwrap(), server).run().unwrap_err();
    assert_eq!((end, error.name()), ("server", "NoCommonCipherSuite"));
    // The other way round the server has nothing that the client offers.
    let (client, server) = p384_configs();
    let server = server.cipher_suites([CipherSuite::TLS_AES_128_GCM_SHA256]).unwrap();
    let (end, error) = Pair::new(client.policy(&Policy::CNSA_1_2026_11).unwrap(), server).run().unwrap_err();
    assert_eq!((end, error.name()), ("server", "NoCommonCipherSuite"));
}

/// What the request asks for decides what the client can show: a P-384 key it takes, and no other curve's.
#[test]
fn cnsa_policy_asks_clients_for_signatures_of_its_own_kind_alone() {
    for version in bulla::config::AVAILABLE_VERSIONS {
        for (kind, is_shown) in [(KeyKind::EcdsaP384, true), (KeyKind::EcdsaP256, false), (KeyKind::Ed25519, false)] {
            let authority = authority();
            let (client, server) = configs_by(&authority, KeyKind::EcdsaP384);
            let client = client.identity(authority.identity(&["client.test"], kind)).versions([*version]).unwrap();
            let server = server.policy(&Policy::CNSA_1_2026_11).unwrap();
            let server = server.client_auth(ClientAuth::Request(Arc::new(authority.roots())));
            let pair = Pair::established(client, server);
            assert_eq!(!pair.server.peer_certificates().is_empty(), is_shown, "{version}: {kind:?}");
        }
    }
}

#[test]
fn cnsa_policy_offers_its_schemes_for_certificates_and_refuses_others() {
    // The leaf's own key is of the right kind; who signed it is not.
    let (client, server) = configs(KeyKind::EcdsaP384);
    let client = client.policy(&Policy::CNSA_1_2026_11).unwrap();
    let (end, error) = Pair::new(client.clone(), server).run().unwrap_err();
    assert_eq!((end, error.name()), ("client", "UnsupportedAlgorithm"));

    let mut connection = ClientConnection::new(Arc::new(client.grease(true)), pair::name()).unwrap();
    let hello = ClientHelloView::read(&pair::output(&mut connection)[5..]).unwrap();
    let is_grease = |scheme: &&SignatureScheme| bulla::wire::is_grease(scheme.0);
    let (grease, schemes): (Vec<&SignatureScheme>, Vec<&SignatureScheme>) =
        hello.certificate_signature_schemes().iter().partition(is_grease);
    assert_eq!(schemes, Policy::CNSA_1_2026_11.certificate_signature_schemes().iter().collect::<Vec<_>>());
    assert_eq!(grease.len(), 1);
}
