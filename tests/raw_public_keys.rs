//! Ends that know one another by raw public keys, in both roles and versions. RFC 7250.

#![cfg(all(feature = "ring", feature = "std", feature = "tls12"))]

#[path = "support/pair.rs"]
mod pair;
#[path = "support/raw_rig.rs"]
mod raw_rig;

use std::sync::Arc;

use bulla::config::danger::{AcceptAnyChain, DangerousVerification};
use bulla::config::{AVAILABLE_VERSIONS, LiveIdentities, LocalSigner, SwapRefused};
use bulla::crypto::ring::provider;
use bulla::error::{CertificateError, Incompatible, Violation};
use bulla::verify::{PeerCertificate, Purpose};
use bulla::wire::{
    AlertDescription, Asn1Cert, CertificateRequestTls12, CertificateTls12, CipherSuite, HandshakeType, ProtocolVersion,
    RawPublicKeyTls12, read_all, write_message,
};
use bulla::{
    Answer, ClientAuth, ClientConfig, ClientConnection, Connection, Direction, Error, Identity, QuestionKind, Roots,
    ServerConfig, ServerName,
};
use pair::{Authority, KEY_KINDS, KeyKind, NAME, NOW, Pair, Seen, feed_with, output};
use raw_rig::{Key, Passed, RAW, Rig, X509, assert_peer, connect};

#[test]
fn raw_keys_of_every_kind_authenticate_both_ends_and_choose_the_suite_of_tls12() {
    for version in AVAILABLE_VERSIONS {
        for kind in KEY_KINDS {
            let mut rig = Rig::with(kind);
            rig.of_client = Key::new(&rig.authority, kind);
            let client = rig.client().identity(rig.of_client.identity());
            let pair = connect(&client, &rig.demanding(), *version);
            assert_peer(&pair.client, true, &rig.of_server);
            assert_peer(&pair.server, true, &rig.of_client);
            if *version == ProtocolVersion::TLSv1_2 {
                let suite = pair.client.cipher_suite().unwrap().to_string();
                assert_eq!(suite.contains("ECDHE_RSA"), kind == KeyKind::Rsa, "{suite} for {kind:?}");
            }
        }
    }
}

#[test]
fn key_that_is_not_trusted_is_refused_with_unknown_ca() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let other = Key::new(&rig.authority, KeyKind::EcdsaP256);
        let refused: Error = CertificateError::UntrustedRawPublicKey.into();
        assert_eq!(refused.alert(), Some(AlertDescription::unknown_ca));
        let client = rig.client().trusted_raw_public_keys([other.public.clone()]).unwrap();
        let mut pair = Pair::new(client.versions([*version]).unwrap(), rig.server());
        assert_eq!(pair.run().unwrap_err(), ("client", refused.clone()));
        let client = rig.client().identity(other.identity());
        let mut pair = Pair::new(client.versions([*version]).unwrap(), rig.demanding());
        assert_eq!(pair.run().unwrap_err(), ("server", refused));
    }
}

#[test]
fn raw_key_without_its_private_key_proves_nothing() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let other = provider().signing_key(&Key::new(&rig.authority, KeyKind::EcdsaP256).private).unwrap();
        let signer = || Arc::new(LocalSigner::new(other.clone(), provider()));
        let wrong: Error = Violation::SignatureWrong.into();
        let stolen = Identity::with_raw_signer(rig.of_server.public.clone(), signer()).unwrap();
        let server = ServerConfig::new(stolen).clock(Arc::new(NOW));
        let mut pair = Pair::new(rig.client().versions([*version]).unwrap(), server);
        assert_eq!(pair.run().unwrap_err(), ("client", wrong.clone()));
        let stolen = Identity::with_raw_signer(rig.of_client.public.clone(), signer()).unwrap();
        let mut pair = Pair::new(rig.client().identity(stolen).versions([*version]).unwrap(), rig.demanding());
        assert_eq!(pair.run().unwrap_err(), ("server", wrong));
        // Nor does accepting whatever comes.
        let stolen = Identity::with_raw_signer(rig.of_server.public.clone(), signer()).unwrap();
        let client = rig.client().danger_verify_with(Arc::new(AcceptAnyChain));
        let mut pair = Pair::new(client.versions([*version]).unwrap(), ServerConfig::new(stolen).clock(Arc::new(NOW)));
        assert_eq!(pair.run().unwrap_err(), ("client", Violation::SignatureWrong.into()));
    }
}

#[test]
fn raw_key_needs_no_time_and_no_name() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let client = rig.client().clock(Arc::new(bulla::clock::NoClock)).versions([*version]).unwrap();
        let mut pair = Pair::new(client.clone(), rig.server());
        pair.client = ClientConnection::new(Arc::new(client), ServerName::try_from("192.0.2.1").unwrap()).unwrap();
        pair.run().unwrap();
        assert_peer(&pair.client, true, &rig.of_server);
    }
}

#[test]
fn question_about_a_raw_key_says_so_and_is_judged_by_the_trusted_keys() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let client = rig.client().identity(rig.of_client.identity()).verify_later();
        let mut pair = Pair::new(client.versions([*version]).unwrap(), rig.demanding().verify_later());
        let mut asked = 0;
        let ends = [(Purpose::Server, &rig.of_server), (Purpose::Client, &rig.of_client)];
        let mut judge = |connection: &mut Connection, question: bulla::Question| {
            let QuestionKind::VerifyChain(shown) = &question.kind else { panic!("{question:?}") };
            let (purpose, key) = ends[asked];
            assert_eq!((shown.purpose(), shown.certificate_type()), (purpose, RAW));
            assert_eq!(shown.raw_public_key(), Some(key.public.clone()));
            assert_eq!(shown.trusted_raw_public_keys(), std::slice::from_ref(&key.public));
            assert_eq!((shown.chain().len(), shown.chain()[0].as_ref()), (1, key.public.as_ref()));
            asked += 1;
            connection.answer(question.id, Answer::Verdict(shown.judge())).unwrap();
        };
        for _ in 0..4 {
            pair.to_server.extend(output(&mut pair.client));
            feed_with(&mut pair.server, &mut pair.to_server, &mut pair.server_seen, &mut judge).unwrap();
            pair.to_client.extend(output(&mut pair.server));
            feed_with(&mut pair.client, &mut pair.to_client, &mut pair.client_seen, &mut judge).unwrap();
        }
        assert!(pair.client.is_established() && pair.server.is_established());
        assert!(pair.client_seen.contains(&Seen::Ask) && pair.server_seen.contains(&Seen::Ask));
        assert_eq!(asked, 2);
        assert_peer(&pair.server, true, &rig.of_client);
    }
}

#[test]
fn client_without_anything_to_show_goes_on_where_it_may() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let requesting = rig.server().client_auth(ClientAuth::Request(Arc::new(Roots::new())));
        let requesting = requesting.trusted_raw_public_keys([rig.of_client.public.clone()]).unwrap();
        // It says that it has a raw key, and has none; and the one that has a certificate does not show it for a key.
        let certificate = rig.authority.identity(&["client.test"], KeyKind::EcdsaP256);
        for client in [rig.client(), rig.client().identity(certificate)] {
            let client = client.client_certificate_types([RAW]).unwrap();
            let pair = connect(&client, &requesting, *version);
            assert_eq!((pair.server.peer_raw_public_key(), pair.server.peer_certificate_type()), (None, None));
            let mut refused = Pair::new(client.versions([*version]).unwrap(), rig.demanding());
            let expected = match *version {
                ProtocolVersion::TLSv1_2 => Incompatible::ClientCertificateRequiredTls12,
                _ => Incompatible::ClientCertificateRequired,
            };
            assert_eq!(refused.run().unwrap_err(), ("server", expected.into()));
        }
    }
}

#[test]
fn request_for_a_raw_key_names_no_authorities_and_the_kinds_of_key() {
    let rig = Rig::new();
    let passed = Arc::new(Passed::default());
    let (_, server) = rig.with_certificates();
    let server = server.trusted_raw_public_keys([rig.of_client.public.clone()]).unwrap().observer(passed.clone());
    let client = ClientConfig::new(rig.authority.roots()).clock(Arc::new(NOW)).identity(rig.of_client.identity());
    let pair = connect(&client, &server, ProtocolVersion::TLSv1_2);
    assert_peer(&pair.server, true, &rig.of_client);
    let passed = passed.0.lock().unwrap();
    let request = passed.iter().find(|(_, bytes)| bytes[0] == HandshakeType::certificate_request.0).unwrap();
    let request: CertificateRequestTls12<'_> = read_all(&request.1[4..]).unwrap();
    assert!(request.certificate_authorities.is_empty() && request.certificate_types.len() == 2);
    // The client's Certificate is the key alone, not a list. RFC 7250 §3.
    let is_certificate = |it: &&(Direction, Vec<u8>)| it.1[0] == HandshakeType::certificate.0;
    let shown: Vec<_> = passed.iter().filter(is_certificate).filter(|it| it.0 == Direction::Received).collect();
    let [(_, shown)] = shown[..] else { panic!("{shown:?}") };
    assert_eq!(shown[4 + 3..], *rig.of_client.public);
    assert_eq!(usize::from(shown[6]), rig.of_client.public.len());
}

#[test]
fn raw_key_is_written_as_certificates_have_it() {
    let authority = Authority::new();
    for kind in KEY_KINDS {
        let key = Key::new(&authority, kind);
        let identity = key.identity();
        assert_eq!(identity.subject_public_key_info(), key.public, "{kind:?}");
        assert_eq!((identity.certificate_type(), identity.chain().len()), (RAW, 1));
        let (certificate, private) = authority.issue(&[NAME], kind);
        let read = PeerCertificate::read(&certificate).unwrap().subject_public_key_info();
        let certified = Identity::new(vec![certificate.clone()], &private).unwrap();
        assert_eq!((certified.certificate_type(), certified.subject_public_key_info().as_ref()), (X509, read));
    }
}

#[test]
fn keys_restricted_to_pss_say_so_in_their_raw_form() {
    let public = |pem: &str| {
        let key = bulla::verify::pem::private_key_from_pem_or_der(pem.as_bytes()).unwrap();
        Identity::raw_public_key(&key).unwrap().subject_public_key_info().to_vec()
    };
    let contains = |der: &[u8], part: &[u8]| der.windows(part.len()).any(|it| it == part);
    let rsassa_pss = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    let sha256 = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    let (any, restricted) =
        (public(include_str!("support/rsa_pss_any.pem")), public(include_str!("support/rsa_pss_sha256.pem")));
    assert!(contains(&any, &rsassa_pss) && !contains(&any, &sha256));
    assert!(contains(&restricted, &rsassa_pss) && contains(&restricted, &sha256));
}

#[test]
fn raw_identity_staples_nothing_and_is_valid_for_every_name() {
    let rig = Rig::new();
    let identity = || {
        let identity = rig.of_server.identity().ocsp_response(b"a response".to_vec());
        identity.signed_certificate_timestamps(vec![0, 3, 0, 1, 7]).unwrap()
    };
    let client = rig.client().ask_for_ocsp(true).ask_for_scts(true);
    for version in AVAILABLE_VERSIONS {
        let pair = connect(&client, &ServerConfig::new(identity()).clock(Arc::new(NOW)), *version);
        assert_eq!(pair.client.peer_ocsp_response(), None);
        assert_eq!(pair.client.peer_signed_certificate_timestamps(), None);
    }
    let identity = identity();
    assert!(identity.is_valid_for("any.test"));
    assert!(format!("{identity:?}").contains("raw public key"), "{identity:?}");
}

#[test]
fn suite_of_the_other_kind_of_key_is_no_common_ground_for_a_raw_key() {
    let rig = Rig::with(KeyKind::Rsa);
    let client = rig.client().versions([ProtocolVersion::TLSv1_2]).unwrap();
    let client = client.cipher_suites([CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]).unwrap();
    let mut pair = Pair::new(client, rig.server());
    assert_eq!(pair.run().unwrap_err(), ("server", Incompatible::NoCommonSignatureScheme.into()));
}

#[test]
fn raw_keys_are_swapped_while_in_use_if_their_private_key_is_there() {
    let rig = Rig::new();
    let live = |identities| LiveIdentities::with_provider(identities, provider(), Arc::new(NOW));
    let other = Key::new(&rig.authority, KeyKind::Ed25519);
    let of_client = Arc::new(live(vec![rig.of_client.identity()]).unwrap());
    let both = rig.demanding().trusted_raw_public_keys([rig.of_client.public.clone(), other.public.clone()]).unwrap();
    let client = rig.client().choose_identity(of_client.clone());
    for version in AVAILABLE_VERSIONS {
        assert_peer(&connect(&client, &both, *version).server, true, &rig.of_client);
        of_client.swap_and_drop_names(vec![other.identity()]).unwrap();
        assert_peer(&connect(&client, &both, *version).server, true, &other);
        of_client.swap_and_drop_names(vec![rig.of_client.identity()]).unwrap();
    }
    let signer = LocalSigner::new(provider().signing_key(&other.private).unwrap(), provider());
    let stolen = Identity::with_raw_signer(rig.of_client.public.clone(), Arc::new(signer)).unwrap();
    let refused = of_client.swap(vec![stolen]).unwrap_err();
    assert!(matches!(refused, SwapRefused::KeyDoesNotMatch(1)), "{refused}");
    // A raw key has no names, and takes the place of none.
    let named = live(vec![rig.authority.identity(&[NAME], KeyKind::EcdsaP256)]).unwrap();
    let refused = named.swap(vec![other.identity()]).unwrap_err();
    assert!(matches!(refused, SwapRefused::NamesLost(_)), "{refused}");
}

#[test]
fn raw_key_survives_a_retry_and_a_cookie_that_remembers_it() {
    let rig = Rig::new();
    let cookies = Arc::new(bulla::resume::CookieKeys::random(provider()).unwrap());
    let groups = [bulla::wire::NamedGroup::secp256r1];
    for server in [rig.demanding(), rig.demanding().stateless_retry(cookies)] {
        let client = rig.client().identity(rig.of_client.identity());
        let pair = connect(&client, &server.groups(groups).unwrap(), ProtocolVersion::TLSv1_3);
        assert!(pair.client.hello_retried());
        assert_peer(&pair.client, true, &rig.of_server);
        assert_peer(&pair.server, true, &rig.of_client);
    }
}

#[test]
fn message_of_a_raw_key_is_told_from_a_list_of_certificates() {
    let authority = Authority::new();
    let read = |message: &[u8]| bulla::wire::Handshake::read(message, ProtocolVersion::TLSv1_2).unwrap().name();
    for kind in KEY_KINDS {
        let key = Key::new(&authority, kind);
        let message = RawPublicKeyTls12 { subject_public_key_info: &key.public };
        assert_eq!(read(&write_message(&message).unwrap()), "RawPublicKeyTls12");
        let certificate = authority.issue(&[NAME], kind).0;
        let message = CertificateTls12 { certificate_list: vec![Asn1Cert(&certificate)] };
        assert_eq!(read(&write_message(&message).unwrap()), "CertificateTls12");
    }
    // Nothing to show is the same in either form.
    assert_eq!(read(&[HandshakeType::certificate.0, 0, 0, 3, 0, 0, 0]), "CertificateTls12");
}
