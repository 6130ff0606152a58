//! Which groups a client sends shares of, and what becomes of them. RFC 8446 §4.2.8, RFC 10024.

#![cfg(all(feature = "ring", feature = "post-quantum"))]

#[path = "support/pair.rs"]
mod pair;

use std::sync::Arc;

use bulla::config::ClientHelloView;
use bulla::wire::NamedGroup;
use bulla::{ClientConfig, ClientConnection, ConfigError};
use pair::{KeyKind, Pair, configs, name, output};

type G = NamedGroup;

/// The groups and the groups with shares of a first hello.
fn offered(config: &ClientConfig) -> (Vec<NamedGroup>, Vec<NamedGroup>) {
    let mut client = ClientConnection::new(Arc::new(config.clone()), name()).unwrap();
    let records = output(&mut client);
    let view = ClientHelloView::read(&records[5..]).unwrap();
    (view.groups().to_vec(), view.key_share_groups().to_vec())
}

#[test]
fn key_shares_are_those_named_in_the_order_of_the_groups() {
    let (client, _) = configs(KeyKind::EcdsaP256);
    let groups = [G::secp384r1, G::x25519, G::X25519MLKEM768, G::secp256r1, G::MLKEM1024];
    let client = client.groups(groups).unwrap();
    assert_eq!(offered(&client), (groups.to_vec(), vec![G::secp384r1]));
    for (named, expected) in [
        (vec![], vec![]),
        (vec![G::MLKEM1024, G::x25519], vec![G::x25519, G::MLKEM1024]),
        (vec![G::X25519MLKEM768], vec![G::X25519MLKEM768]),
        (vec![G::X25519MLKEM768, G::x25519], vec![G::x25519, G::X25519MLKEM768]),
        (groups.to_vec(), groups.to_vec()),
    ] {
        let client = client.clone().key_shares(named).unwrap();
        assert_eq!(offered(&client), (groups.to_vec(), expected));
    }
}

#[test]
fn hybrid_that_is_wanted_most_brings_its_curve_if_that_is_wanted_too() {
    for (hybrid, curve) in
        [(G::X25519MLKEM768, G::x25519), (G::SecP256r1MLKEM768, G::secp256r1), (G::SecP384r1MLKEM1024, G::secp384r1)]
    {
        let (client, _) = configs(KeyKind::EcdsaP256);
        let both = client.clone().groups([hybrid, curve]).unwrap();
        assert_eq!(offered(&both).1, [hybrid, curve]);
        assert_eq!(offered(&client.groups([hybrid]).unwrap()).1, [hybrid]);
    }
}

#[test]
fn default_offer_has_no_group_that_must_be_named() {
    let (client, _) = configs(KeyKind::EcdsaP256);
    let expected = vec![G::X25519MLKEM768, G::x25519, G::secp256r1, G::secp384r1];
    assert_eq!(offered(&client), (expected, vec![G::X25519MLKEM768, G::x25519]));
}

#[test]
fn server_takes_any_of_the_shares_without_a_retry_and_what_has_none_with_one() {
    let groups = [G::x25519, G::X25519MLKEM768, G::SecP384r1MLKEM1024, G::MLKEM768, G::MLKEM1024, G::secp384r1];
    let shares = [G::x25519, G::X25519MLKEM768, G::SecP384r1MLKEM1024, G::MLKEM1024];
    for group in groups {
        let (client, server) = configs(KeyKind::EcdsaP256);
        let client = client.groups(groups).unwrap().key_shares(shares).unwrap();
        let pair = Pair::established(client, server.groups([group]).unwrap());
        let retried = !shares.contains(&group);
        assert_eq!((pair.client.group(), pair.client.hello_retried()), (Some(group), retried));
        assert_eq!(pair.server.hello_retried(), retried);
    }
}

#[test]
fn hello_without_a_share_is_retried_for_the_servers_group() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.key_shares([]).unwrap();
    let pair = Pair::established(client, server);
    assert!(pair.client.hello_retried());
    assert_eq!(pair.client.group(), Some(G::X25519MLKEM768));
}

#[test]
fn key_share_of_a_group_that_is_not_listed_or_stands_twice_is_refused_when_configured() {
    let (client, _) = configs(KeyKind::EcdsaP256);
    let refused = client.clone().key_shares([G::MLKEM1024]).unwrap_err();
    assert_eq!(refused, ConfigError::KeyShareWithoutGroup(G::MLKEM1024));
    let refused = client.clone().key_shares([G::x25519, G::x25519]).unwrap_err();
    assert_eq!(refused, ConfigError::Repeated("key shares"));
    // What the groups lose later has no share either.
    let client = client.key_shares([G::x25519, G::secp256r1]).unwrap().groups([G::secp256r1]).unwrap();
    assert_eq!(offered(&client), (vec![G::secp256r1], vec![G::secp256r1]));
}
