//! Delegated credentials: issued by a certificate's key, used by our server, judged by our client. RFC 9345.

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
use bulla::config::LocalSigner;
use bulla::crypto::ring::provider;
use bulla::error::{CertificateError, DelegationRefused, Incompatible, Violation, Which};
use bulla::pki_types::{CertificateDer, PrivateKeyDer};
use bulla::resume::{MemoryClientSessions, TicketKeys};
#[cfg(feature = "tls12")]
use bulla::wire::ProtocolVersion;
use bulla::wire::{
    AlertDescription, CertificateExtension, DelegatedCredential, SignatureScheme as Scheme, read_all, write_all,
};
use bulla::{ClientConfig, ClientConnection, ConfigError, Error, HandshakeKind, Identity, ServerConfig};
use pair::{Authority, KeyKind, NAME, NOW, Pair, data, feed, send};
use rcgen::PublicKeyData;
use scene::{End, Scene};
use script::{Peer, Role, Say};

const DAY: u32 = 86_400;
const WEEK: u32 = 7 * DAY;

/// id-pe-delegationUsage, NULL.
fn allow_delegation(params: &mut rcgen::CertificateParams) {
    let usage = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 44363, 44], vec![5, 0]);
    params.custom_extensions.push(usage);
    // Valid since a day: credentials count from there on.
    params.not_before = rcgen::date_time_ymd(2025, 12, 31);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
}

/// A certificate that may be delegated, its identity, and a key to delegate to.
struct House {
    authority: Authority,
    leaf: CertificateDer<'static>,
    identity: Arc<Identity>,
    delegated: rcgen::KeyPair,
}

impl House {
    fn new() -> Self {
        Self::of(KeyKind::EcdsaP384, allow_delegation)
    }

    fn of(kind: KeyKind, edit: impl FnOnce(&mut rcgen::CertificateParams)) -> Self {
        let authority = Authority::new();
        let (leaf, key) = authority.issue_with(&[NAME], kind, edit);
        let identity = Arc::new(Identity::new(vec![leaf.clone()], &key).unwrap());
        let delegated = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        Self { authority, leaf, identity, delegated }
    }

    fn client(&self) -> ClientConfig {
        ClientConfig::new(self.authority.roots()).clock(Arc::new(NOW)).accept_delegated_credentials(true)
    }

    fn credential(&self) -> Vec<u8> {
        self.issue(NOW, DAY).unwrap()
    }

    fn issue(&self, now: Time, lifetime: u32) -> Result<Vec<u8>, ConfigError> {
        let key = self.delegated.subject_public_key_info();
        self.identity.issue_delegated_credential(&key, Scheme::ecdsa_secp256r1_sha256, now, lifetime)
    }

    fn delegated_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.delegated.serialize_der()).unwrap()
    }

    /// A server's identity that has the delegated key and not the certificate's.
    fn delegated_identity(&self, credential: Vec<u8>) -> Result<Identity, ConfigError> {
        Identity::delegated(vec![self.leaf.clone()], credential, &self.delegated_key())
    }

    fn server(&self) -> ServerConfig {
        ServerConfig::new(self.delegated_identity(self.credential()).unwrap()).clock(Arc::new(NOW))
    }

    /// A server's identity that has both keys.
    fn server_with_both(&self, credential: Vec<u8>) -> ServerConfig {
        let (leaf, key) = self.authority.issue_with(&[NAME], KeyKind::EcdsaP384, allow_delegation);
        let identity = Arc::new(Identity::new(vec![leaf.clone()], &key).unwrap());
        let both = House { authority: Authority::new(), leaf, identity, delegated: self.copy_of_key() };
        let credential = if credential.is_empty() { both.credential() } else { credential };
        let identity = Identity::new(vec![both.leaf.clone()], &key).unwrap();
        let signer = LocalSigner::new(
            bulla::crypto::Provider::signing_key(&*provider(), &self.delegated_key()).unwrap(),
            provider(),
        );
        ServerConfig::new(identity.delegated_credential(credential, Arc::new(signer)).unwrap()).clock(Arc::new(NOW))
    }

    fn copy_of_key(&self) -> rcgen::KeyPair {
        rcgen::KeyPair::try_from(self.delegated.serialize_der()).unwrap()
    }
}

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

/// The credential with a field edited, and not signed anew.
fn edited(credential: &[u8], edit: impl FnOnce(&mut DelegatedCredential<'_>)) -> Vec<u8> {
    let mut read: DelegatedCredential<'_> = read_all(credential).unwrap();
    edit(&mut read);
    write_all(&read).unwrap()
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
    // Signed for another leaf with the same key.
    let other = House { authority: Authority::new(), ..House::new() };
    assert_invalid(&shows(&house, scripted_client(&house), &other.credential()), &wrong);
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

fn house_credential_for_another_key(house: &House) -> Vec<u8> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().subject_public_key_info();
    let scheme = Scheme::ecdsa_secp256r1_sha256;
    house.identity.issue_delegated_credential(&key, scheme, NOW, DAY).unwrap()
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
