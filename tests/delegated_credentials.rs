//! Delegated credentials of a peer, judged by our ends. RFC 9345 §4.

#[path = "support/house.rs"]
mod house;
#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::sync::Arc;

use bulla::clock::Time;
use bulla::crypto::ring::provider;
use bulla::error::{CertificateError, DelegationRefused, Violation, Which};
use bulla::wire::{
    AlertDescription, CertificateExtension, DelegatedCredential, SignatureScheme as Scheme, read_all, write_all,
};
use bulla::{ClientConfig, ClientConnection, ConfigError, Error, Identity};
use house::{DAY, House, WEEK, allow_delegation, edited, house_credential_for_another_key};
use pair::{Authority, KeyKind, NAME, NOW, Pair};
use rcgen::PublicKeyData;
use scene::{End, Scene, Stage};
use script::{Peer, Role, Say};

/// The scripted server with the delegated key, which shows this credential beside its leaf.
fn shows(house: &House, client: ClientConfig, credential: &[u8]) -> Scene {
    let end = End::Client(ClientConnection::new(Arc::new(client), pair::name()).unwrap());
    let peer = Peer::new(Role::Server, (house.leaf.clone(), house.delegated_key()));
    let scene = Scene::start(end, peer).say(&[Say::ServerHello, Say::EncryptedExtensions]);
    let credential: &'static [u8] = credential.to_vec().leak();
    scene.say_message(|peer| {
        let read: DelegatedCredential<'_> = read_all(credential).unwrap();
        let extension = CertificateExtension::DelegatedCredential(read);
        peer.certificate_with(|it| it.certificate_list[0].extensions.push(extension))
    })
}

/// A client that suits the scripted server.
fn scripted_client(house: &House) -> ClientConfig {
    house.client().cipher_suites([script::SUITE]).unwrap().groups([script::GROUP]).unwrap()
}

#[track_caller]
fn assert_invalid(scene: &Scene, reason: &DelegationRefused) {
    let expected = Error::Violation(Violation::DelegatedCredentialInvalid(reason.clone()));
    assert_eq!(scene.error, Some(expected));
    let alerts: Vec<_> = scene.peer.alerts().iter().map(|alert| alert.description).collect();
    assert_eq!(alerts, [AlertDescription::illegal_parameter]);
}

#[test]
fn scripted_server_with_the_delegated_key_is_known() {
    let house = House::new();
    let scene =
        shows(&house, scripted_client(&house), &house.credential()).say(&[Say::CertificateVerify, Say::Finished]);
    assert_eq!((scene.error.clone(), scene.end.state()), (None, "Connected"));
}

#[test]
fn credential_that_was_not_offered_sends_unexpected_message() {
    let house = House::new();
    let client = scripted_client(&house).accept_delegated_credentials(false);
    let scene = shows(&house, client, &house.credential());
    assert_eq!(scene.error, Some(Error::Violation(Violation::DelegatedCredentialNotOffered)));
    assert_eq!(scene.error.unwrap().alert(), Some(AlertDescription::unexpected_message));
}

#[test]
fn credential_of_a_client_which_is_never_asked_for_sends_unexpected_message() {
    let (house, stage) = (House::new(), Stage::new());
    let credential = house.credential();
    let shown = |peer: &mut Peer| {
        let credential = read_all(&credential).unwrap();
        let extension = CertificateExtension::DelegatedCredential(credential);
        peer.certificate_with(|it| it.certificate_list[0].extensions.push(extension))
    };
    let within = stage.server_with(stage.requiring_server()).say(&[Say::ClientHello]).say_message(shown);
    assert_eq!(within.error, Some(Error::Violation(Violation::DelegatedCredentialNotOffered)));
    assert_eq!(within.peer.alerts()[0].description, AlertDescription::unexpected_message);
}

#[test]
fn credential_that_is_expired_or_lives_for_more_than_seven_days_sends_illegal_parameter() {
    let house = House::new();
    let credential = house.credential();
    let end = NOW.as_secs() + u64::from(DAY);
    let at = |now: u64| shows(&house, scripted_client(&house).clock(Arc::new(Time::from_secs(now))), &credential);
    assert!(at(end).error.is_none());
    assert_invalid(&at(end + 1), &DelegationRefused::Expired(Time::from_secs(end)));

    let credential = house.issue(NOW, WEEK).unwrap();
    let end = NOW.as_secs() + u64::from(WEEK);
    let at = |now: u64| shows(&house, scripted_client(&house).clock(Arc::new(Time::from_secs(now))), &credential);
    assert!(at(NOW.as_secs()).error.is_none());
    assert_invalid(&at(NOW.as_secs() - 1), &DelegationRefused::LivesTooLong(Time::from_secs(end)));
}

#[test]
fn each_altered_field_of_a_credential_sends_illegal_parameter() {
    let house = House::new();
    let other_key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().subject_public_key_info();
    let credential = house.credential();
    let wrong = DelegationRefused::SignatureWrong;
    type Edit<'e> = &'e dyn Fn(&mut DelegatedCredential<'_>);
    let cases: [(Edit<'_>, DelegationRefused); 4] = [
        (&|it| it.credential.valid_time -= 1, wrong.clone()),
        (&|it| it.credential.dc_cert_verify_algorithm = Scheme::ed25519, wrong.clone()),
        (&|it| it.signature = &it.signature[1..], wrong.clone()),
        (
            &|it| it.algorithm = Scheme::ecdsa_secp256r1_sha256,
            DelegationRefused::SignatureScheme(Scheme::ecdsa_secp256r1_sha256),
        ),
    ];
    for (edit, reason) in cases {
        assert_invalid(&shows(&house, scripted_client(&house), &edited(&credential, edit)), &reason);
    }
    let mut read: DelegatedCredential<'_> = read_all(&credential).unwrap();
    read.credential.subject_public_key_info = &other_key;
    assert_invalid(&shows(&house, scripted_client(&house), &write_all(&read).unwrap()), &wrong);
    // That of another house.
    assert_invalid(&shows(&house, scripted_client(&house), &House::new().credential()), &wrong);
}

#[test]
fn credential_counts_for_its_leaf_and_its_role_alone() {
    let authority = Authority::new();
    let (leaf, key) = authority.issue_with(&[NAME], KeyKind::EcdsaP384, allow_delegation);
    let identity = Arc::new(Identity::new(vec![leaf.clone()], &key).unwrap());
    let delegated = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let (house, key) = (House { authority, leaf, identity, delegated }, provider().signing_key(&key).unwrap());
    let issued = house.credential();
    // The message of RFC 9345 §4, written down once more and signed with the certificate's own key.
    let signed = |context: &[u8], leaf: &[u8]| {
        let mut read: DelegatedCredential<'_> = read_all(&issued).unwrap();
        let credential = write_all(&read.credential).unwrap();
        let message = [&[b' '; 64][..], context, &[0], leaf, &credential, &read.algorithm.0.to_be_bytes()].concat();
        let signature = key.sign(&*provider(), read.algorithm, &message).unwrap();
        read.signature = &signature;
        write_all(&read).unwrap()
    };
    let shown = |credential: &[u8]| shows(&house, scripted_client(&house), credential);
    assert!(shown(&signed(b"TLS, server delegated credentials", &house.leaf)).error.is_none());
    let other_leaf = House::new().leaf;
    for credential in [
        signed(b"TLS, client delegated credentials", &house.leaf),
        signed(b"TLS, server delegated credentials", &other_leaf),
    ] {
        assert_invalid(&shown(&credential), &DelegationRefused::SignatureWrong);
    }
}

#[test]
fn scheme_that_was_not_offered_or_is_not_for_delegated_keys_sends_illegal_parameter() {
    let house = House::new();
    let credential = house.credential();
    // Not offered for delegated keys.
    let client = scripted_client(&house).accepted_signature_schemes([Scheme::ecdsa_secp384r1_sha384]).unwrap();
    let reason = DelegationRefused::Scheme(Scheme::ecdsa_secp256r1_sha256);
    assert_invalid(&shows(&house, client, &credential), &reason);
    // Not offered for the certificate's key.
    let client = scripted_client(&house).accepted_signature_schemes([Scheme::ecdsa_secp256r1_sha256]).unwrap();
    let reason = DelegationRefused::SignatureScheme(Scheme::ecdsa_secp384r1_sha384);
    assert_invalid(&shows(&house, client, &credential), &reason);
    // RSA keys that are not marked for PSS, and what signs no handshake.
    for scheme in [Scheme::rsa_pss_rsae_sha256, Scheme::rsa_pkcs1_sha256, Scheme::ecdsa_sha1] {
        let credential = edited(&credential, |it| it.credential.dc_cert_verify_algorithm = scheme);
        assert_invalid(&shows(&house, scripted_client(&house), &credential), &DelegationRefused::Scheme(scheme));
    }
}

#[test]
fn handshake_signed_with_another_scheme_or_key_than_the_credentials_is_refused() {
    let house = House::new();
    let scene = shows(&house, scripted_client(&house), &house.credential());
    let scene = scene.say_message(|peer| peer.certificate_verify(Scheme::ecdsa_secp384r1_sha384));
    assert_invalid(&scene, &DelegationRefused::OtherScheme(Scheme::ecdsa_secp384r1_sha384));

    // The credential is for another key than the one that signs.
    let other = House { delegated: House::new().delegated, ..house };
    let scene = shows(&other, scripted_client(&other), &house_credential_for_another_key(&other));
    let scene = scene.say(&[Say::CertificateVerify]);
    assert_eq!(scene.error, Some(Error::Violation(Violation::SignatureWrong)));
}

#[test]
fn certificate_that_does_not_allow_delegation_sends_illegal_parameter() {
    let house = House::new();
    let credential = house.credential();
    let no_usage = |params: &mut rcgen::CertificateParams| {
        allow_delegation(params);
        params.custom_extensions.clear();
    };
    let not_null = |params: &mut rcgen::CertificateParams| {
        allow_delegation(params);
        let usage = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 44363, 44], vec![4, 0]);
        params.custom_extensions = vec![usage];
    };
    let any_use = |params: &mut rcgen::CertificateParams| {
        allow_delegation(params);
        params.key_usages.clear();
    };
    type Edit<'e> = &'e dyn Fn(&mut rcgen::CertificateParams);
    let cases: [(Edit<'_>, DelegationRefused); 3] = [
        (&no_usage, DelegationRefused::NoDelegationUsage),
        (&not_null, DelegationRefused::Unreadable),
        (&any_use, DelegationRefused::NoDigitalSignature),
    ];
    for (edit, reason) in cases {
        let other = House::of(KeyKind::EcdsaP384, edit);
        assert_invalid(&shows(&other, scripted_client(&other), &credential), &reason);
        // Nor is one issued, nor used.
        assert_eq!(other.issue(NOW, DAY).unwrap_err(), ConfigError::DelegatedCredential(reason));
        assert!(other.delegated_identity(credential.clone()).is_err());
    }
}

#[test]
fn critical_delegation_usage_is_refused_as_an_unknown_critical_extension() {
    let critical = |params: &mut rcgen::CertificateParams| {
        allow_delegation(params);
        params.custom_extensions[0].set_criticality(true);
    };
    let house = House::of(KeyKind::EcdsaP384, critical);
    let expected = CertificateError::UnknownCriticalExtension(Which::Leaf);
    assert_eq!(Pair::new(house.client(), house.server()).run(), Err(("client", Error::Certificate(expected))));
}

#[test]
fn credential_beside_another_certificate_than_the_leaf_is_ignored() {
    let house = House::new();
    let (leaf, key) = house.authority.issue(&[NAME], KeyKind::EcdsaP256);
    let end = End::Client(ClientConnection::new(Arc::new(scripted_client(&house)), pair::name()).unwrap());
    let scene = Scene::start(end, Peer::new(Role::Server, (leaf, key)));
    let credential: &'static [u8] = house.credential().leak();
    let scene = scene.say(&[Say::ServerHello, Say::EncryptedExtensions]).say_message(|peer| {
        let read: DelegatedCredential<'_> = read_all(credential).unwrap();
        peer.certificate_with(|it| {
            let mut second = it.certificate_list[0].clone();
            second.extensions.push(CertificateExtension::DelegatedCredential(read));
            it.certificate_list.push(second);
        })
    });
    let scene = scene.say(&[Say::CertificateVerify, Say::Finished]);
    assert_eq!((scene.error.clone(), scene.end.state()), (None, "Connected"));
}
