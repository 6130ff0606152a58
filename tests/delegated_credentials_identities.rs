//! Identities with delegated credentials: issued, chosen, swapped and remembered, between our own ends. RFC 9345 §3, §4.1.1.

#[path = "support/house.rs"]
mod house;
#[path = "support/pair.rs"]
mod pair;

use std::sync::Arc;

use bulla::clock::Time;
use bulla::config::{LiveIdentities, LocalSigner, SwapRefused};
use bulla::crypto::ring::provider;
use bulla::error::{DelegationRefused, Incompatible};
use bulla::pki_types::PrivateKeyDer;
use bulla::resume::{MemoryClientSessions, TicketKeys};
#[cfg(feature = "tls12")]
use bulla::wire::ProtocolVersion;
use bulla::wire::SignatureScheme as Scheme;
use bulla::{ConfigError, Error, HandshakeKind, Identity, ServerConfig};
use house::{DAY, House, WEEK, allow_delegation, edited, house_credential_for_another_key};
use pair::{KeyKind, NAME, NOW, Pair, data, feed, send};
use rcgen::PublicKeyData;

#[test]
fn server_with_the_delegated_key_alone_is_known_by_its_certificate() {
    for kind in pair::KEY_KINDS {
        let house = House::of(kind, allow_delegation);
        let mut pair = Pair::established(house.client(), house.server());
        assert!(pair.client.delegated_credential() && !pair.server.delegated_credential());
        assert_eq!(pair.client.peer_certificates(), std::slice::from_ref(&house.leaf));
        assert_eq!(pair.client.peer_signature_scheme(), Some(Scheme::ecdsa_secp256r1_sha256));
        let mut records = send(&mut pair.client, b"ping");
        feed(&mut pair.server, &mut records, &mut pair.server_seen).unwrap();
        assert_eq!(data(&pair.server_seen), b"ping");
    }
}

#[test]
fn server_with_both_keys_signs_with_the_certificates_for_clients_that_take_no_credential() {
    let house = House::new();
    let server = house.server_with_both(Vec::new());
    let taking = Pair::established(house.client(), server.clone());
    assert!(taking.client.delegated_credential());
    assert_eq!(taking.client.peer_signature_scheme(), Some(Scheme::ecdsa_secp256r1_sha256));
    let other = Pair::established(house.client().accept_delegated_credentials(false), server.clone());
    assert!(!other.client.delegated_credential());
    assert_eq!(other.client.peer_signature_scheme(), Some(Scheme::ecdsa_secp384r1_sha384));
    // The schemes of delegated keys, and those of the certificate's key, must both be offered.
    for schemes in [[Scheme::ecdsa_secp384r1_sha384], [Scheme::ecdsa_secp256r1_sha256]] {
        let client = house.client().accepted_signature_schemes(schemes).unwrap();
        let connected = Pair::new(client, server.clone()).run();
        assert_eq!(connected.is_ok(), schemes == [Scheme::ecdsa_secp384r1_sha384], "{schemes:?}");
    }
}

#[test]
fn server_with_the_delegated_key_alone_has_nothing_for_other_clients() {
    let house = House::new();
    let mut pair = Pair::new(house.client().accept_delegated_credentials(false), house.server());
    assert_eq!(pair.run(), Err(("server", Error::Incompatible(Incompatible::NoCommonSignatureScheme))));
}

#[test]
fn next_identity_serves_clients_that_take_no_credential() {
    let house = House::new();
    let server = house.server().and_identity(house.authority.identity(&[NAME], KeyKind::EcdsaP256));
    assert!(Pair::established(house.client(), server.clone()).client.delegated_credential());
    let client = house.client().accept_delegated_credentials(false);
    let pair = Pair::established(client, server);
    assert!(!pair.client.delegated_credential());
    assert_ne!(pair.client.peer_certificates(), std::slice::from_ref(&house.leaf));
}

#[cfg(feature = "tls12")]
#[test]
fn tls12_has_no_delegated_credentials() {
    let house = House::new();
    let old = |config: ServerConfig| config.versions([ProtocolVersion::TLSv1_2]).unwrap();
    let mut pair = Pair::new(house.client(), old(house.server()));
    assert_eq!(pair.run(), Err(("server", Error::Incompatible(Incompatible::NoCommonSignatureScheme))));
    let pair = Pair::established(house.client(), old(house.server_with_both(Vec::new())));
    assert!(!pair.client.delegated_credential());
    assert_eq!(pair.client.peer_signature_scheme(), Some(Scheme::ecdsa_secp384r1_sha384));
}

#[test]
fn server_does_not_show_a_credential_whose_time_is_over_or_too_far_ahead() {
    let house = House::new();
    let week_later = Time::from_secs(NOW.as_secs() + u64::from(WEEK));
    for (now, shown) in [
        (NOW, true),
        (Time::from_secs(NOW.as_secs() + u64::from(DAY)), true),
        (Time::from_secs(NOW.as_secs() + u64::from(DAY) + 1), false),
        (week_later, false),
    ] {
        let server = house.server_with_both(Vec::new()).clock(Arc::new(now));
        let pair = Pair::established(house.client().clock(Arc::new(now)), server);
        assert_eq!(pair.client.delegated_credential(), shown, "{now}");
    }
}

#[test]
fn credential_is_issued_for_one_second_to_seven_days_and_not_beyond_the_certificate() {
    let house = House::new();
    for lifetime in [1, WEEK] {
        house.issue(NOW, lifetime).unwrap();
    }
    for lifetime in [0, WEEK + 1] {
        let end = Time::from_secs(NOW.as_secs() + u64::from(lifetime));
        let expected = ConfigError::DelegatedCredential(DelegationRefused::LivesTooLong(end));
        assert_eq!(house.issue(NOW, lifetime).unwrap_err(), expected);
    }
    let beyond = ConfigError::DelegatedCredential(DelegationRefused::OutlivesCertificate);
    // 2027-01-01T00:00:00Z is the last moment of the certificate, 2025-12-31 the first.
    let last = Time::from_secs(1_798_761_600 - u64::from(DAY));
    house.issue(last, DAY).unwrap();
    assert_eq!(house.issue(last, DAY + 1).unwrap_err(), beyond);
    assert_eq!(house.issue(Time::from_secs(1_000_000_000), DAY).unwrap_err(), beyond);
}

#[test]
fn identity_is_not_made_of_a_credential_that_does_not_belong_to_it() {
    let house = House::new();
    let credential = house.credential();
    let refused = |identity: Result<Identity, ConfigError>| match identity {
        Err(ConfigError::DelegatedCredential(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(house.delegated_identity(b"x".to_vec())), DelegationRefused::Unreadable);
    let other_key = house_credential_for_another_key(&house);
    assert_eq!(refused(house.delegated_identity(other_key)), DelegationRefused::KeyDoesNotMatch);
    let altered = edited(&credential, |it| it.credential.valid_time += 1);
    assert_eq!(refused(house.delegated_identity(altered)), DelegationRefused::SignatureWrong);
    let scheme = Scheme::rsa_pss_rsae_sha256;
    let issued =
        house.identity.issue_delegated_credential(&house.delegated.subject_public_key_info(), scheme, NOW, DAY);
    assert_eq!(issued.unwrap_err(), ConfigError::DelegatedCredential(DelegationRefused::Scheme(scheme)));
    let rsa = edited(&credential, |it| it.credential.dc_cert_verify_algorithm = scheme);
    let signer = LocalSigner::new(
        bulla::crypto::Provider::signing_key(&*provider(), &house.delegated_key()).unwrap(),
        provider(),
    );
    let identity = Identity::delegated_with_signer(vec![house.leaf.clone()], rsa, Arc::new(signer));
    assert_eq!(refused(identity), DelegationRefused::Scheme(scheme));
}

#[test]
fn delegated_key_issues_no_further_credential() {
    let house = House::new();
    let delegated = Arc::new(house.delegated_identity(house.credential()).unwrap());
    let key = house.delegated.subject_public_key_info();
    let issued = delegated.issue_delegated_credential(&key, Scheme::ecdsa_secp256r1_sha256, NOW, DAY);
    assert_eq!(issued.unwrap_err(), ConfigError::DelegatedCredential(DelegationRefused::NotSigned));
}

#[test]
fn session_ends_with_the_credential_that_vouched_for_it_and_remembers_it() {
    let house = House::new();
    let credential = house.issue(NOW, 3_000).unwrap();
    let identity = house.delegated_identity(credential).unwrap();
    let tickets = Arc::new(TicketKeys::random(provider(), 86_400).unwrap());
    let server = ServerConfig::new(identity).clock(Arc::new(NOW)).tickets(tickets).session_lifetime(7_000);
    let store = Arc::new(MemoryClientSessions::new(8, 8));
    let at = |seconds: u64| {
        let now = Arc::new(Time::from_secs(NOW.as_secs() + seconds));
        (house.client().session_store(store.clone()).clock(now.clone()), server.clone().clock(now))
    };
    let connect = |seconds| {
        let (client, server) = at(seconds);
        Pair::established(client, server)
    };
    assert_eq!(connect(0).client.handshake_kind(), Some(HandshakeKind::Full));
    let resumed = connect(2_999);
    assert_eq!(resumed.client.handshake_kind(), Some(HandshakeKind::Resumed));
    assert!(resumed.client.delegated_credential());
    // Another one of the first handshake, and those of the second, are of no use any more; nor is the credential.
    let (client, server) = at(3_001);
    assert_eq!(
        Pair::new(client, server).run(),
        Err(("server", Error::Incompatible(Incompatible::NoCommonSignatureScheme)))
    );
}

#[test]
fn expired_credential_leaves_the_client_to_another_identity() {
    let house = House::new();
    let later = Time::from_secs(NOW.as_secs() + u64::from(DAY) + 1);
    for (now, delegated) in [(NOW, true), (later, false)] {
        let server = house.server().and_identity(house.authority.identity(&[NAME], KeyKind::EcdsaP384));
        let pair = Pair::established(house.client().clock(Arc::new(now)), server.clock(Arc::new(now)));
        assert_eq!(pair.client.delegated_credential(), delegated);
    }
}

#[test]
fn delegated_keys_are_swapped_while_in_use_if_they_are_theirs_and_not_over() {
    let house = House::new();
    let live = |now: Time, identity| LiveIdentities::with_provider(vec![identity], provider(), Arc::new(now));
    let delegated = || house.delegated_identity(house.credential()).unwrap();
    let identities = Arc::new(live(NOW, delegated()).unwrap());
    let server = ServerConfig::choosing(identities.clone()).clock(Arc::new(NOW));
    identities.swap(vec![delegated()]).unwrap();
    assert!(Pair::established(house.client(), server).client.delegated_credential());

    let end = Time::from_secs(NOW.as_secs() + u64::from(DAY));
    assert!(live(end, delegated()).is_ok());
    let refused = live(Time::from_secs(end.as_secs() + 1), delegated()).unwrap_err();
    assert!(matches!(refused, SwapRefused::DelegationExpired(1, at) if at == end), "{refused}");
    assert!(refused.to_string().contains("the delegated credential of the new number 1 was valid until"), "{refused}");

    // Another key than the credential's, alone and beside the certificate's own.
    let stranger = || {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let key = bulla::crypto::Provider::signing_key(&*provider(), &key).unwrap();
        Arc::new(LocalSigner::new(key, provider()))
    };
    let alone = Identity::delegated_with_signer(vec![house.leaf.clone()], house.credential(), stranger()).unwrap();
    let (leaf, key) = house.authority.issue_with(&[NAME], KeyKind::EcdsaP384, allow_delegation);
    let both = Arc::new(Identity::new(vec![leaf.clone()], &key).unwrap());
    let spki = house.delegated.subject_public_key_info();
    let credential = both.issue_delegated_credential(&spki, Scheme::ecdsa_secp256r1_sha256, NOW, DAY).unwrap();
    let both = Identity::new(vec![leaf], &key).unwrap().delegated_credential(credential, stranger()).unwrap();
    for wrong in [alone, both] {
        let refused = identities.swap(vec![wrong]).unwrap_err();
        assert!(matches!(refused, SwapRefused::KeyDoesNotMatch(1)), "{refused}");
    }
}
