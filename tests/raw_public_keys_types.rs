//! Types of certificate: what is offered, answered, chosen and refused. RFC 7250 §3, §4.

#![cfg(all(feature = "ring", feature = "std", feature = "tls12"))]

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/raw_rig.rs"]
mod raw_rig;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[path = "support/script_tls12.rs"]
mod script_tls12;
#[path = "support/stage_tls12.rs"]
mod stage_tls12;

use std::sync::Arc;

use bulla::config::{AVAILABLE_VERSIONS, choose_by_server_name};
use bulla::error::{CertificateError, Incompatible};
use bulla::pki_types::SubjectPublicKeyInfoDer;
use bulla::wire::{
    AlertDescription, CertificateType, ClientExtension, ClientHello, HandshakeType, ProtocolVersion, ServerExtension,
    ServerHello, read_all,
};
use bulla::{ClientConfig, ClientConnection, ConfigError, Identity, Roots, ServerConfig};
use pair::{KeyKind, NAME, NOW, Pair, configs_by, name, output};
use raw_rig::{Passed, RAW, Rig, X509, assert_peer, connect};

/// What the client's hello says of certificate types: what it can show, and what it can judge.
fn offered(client: ClientConfig) -> (Option<Vec<CertificateType>>, Option<Vec<CertificateType>>) {
    let mut connection = ClientConnection::new(Arc::new(client), name()).unwrap();
    let records = output(&mut connection);
    let hello: ClientHello<'_> = read_all(&records[5 + 4..]).unwrap();
    let (mut shown, mut judged) = (None, None);
    for extension in hello.extensions.unwrap() {
        match extension {
            ClientExtension::ClientCertificateType(list) => shown = Some(list),
            ClientExtension::ServerCertificateType(list) => judged = Some(list),
            _ => {}
        }
    }
    (shown, judged)
}

#[test]
fn client_offers_what_it_can_show_and_judge_and_never_x509_alone() {
    let rig = Rig::new();
    let plain = || ClientConfig::new(rig.authority.roots()).middlebox_compatibility(false);
    let keys = || [rig.of_server.public.clone()];
    let certificate = || rig.authority.identity(&["client.test"], KeyKind::EcdsaP256);
    let raw = || rig.of_client.identity();
    assert_eq!(offered(plain()), (None, None));
    assert_eq!(offered(plain().identity(certificate())), (None, None));
    assert_eq!(offered(plain().trusted_raw_public_keys(keys()).unwrap()), (None, Some(vec![RAW, X509])));
    assert_eq!(offered(rig.client()), (None, Some(vec![RAW])));
    assert_eq!(offered(plain().identity(raw())), (Some(vec![RAW]), None));
    assert_eq!(offered(plain().identity(raw()).and_identity(raw())), (Some(vec![RAW]), None));
    assert_eq!(offered(plain().identity(raw()).and_identity(certificate())), (Some(vec![RAW, X509]), None));
    assert_eq!(offered(plain().identity(certificate()).and_identity(raw())), (Some(vec![X509, RAW]), None));
    let listed = |types: &[CertificateType]| plain().server_certificate_types(types.iter().copied()).unwrap();
    assert_eq!(offered(listed(&[X509, RAW])), (None, Some(vec![X509, RAW])));
    assert_eq!(offered(listed(&[X509]).trusted_raw_public_keys(keys()).unwrap()), (None, None));
    let listed = |types: &[CertificateType]| plain().client_certificate_types(types.iter().copied()).unwrap();
    assert_eq!(offered(listed(&[RAW, X509])), (Some(vec![RAW, X509]), None));
    assert_eq!(offered(listed(&[X509]).identity(raw())), (None, None));
}

/// What the server has answered of certificate types, in TLS 1.2: what the client shall show, and what it will show itself;
/// and the types that its CertificateRequest names, if it sends one.
type Told = (Option<CertificateType>, Option<CertificateType>);

fn told(client: ClientConfig, server: ServerConfig) -> Told {
    let passed = Arc::new(Passed::default());
    let server = server.observer(passed.clone());
    Pair::established(client.versions([ProtocolVersion::TLSv1_2]).unwrap(), server);
    let passed = passed.0.lock().unwrap();
    let hello = passed.iter().find(|(_, bytes)| bytes[0] == HandshakeType::server_hello.0).unwrap();
    let hello: ServerHello<'_> = read_all(&hello.1[4..]).unwrap();
    let (mut shown, mut judged) = (None, None);
    for extension in hello.extensions.unwrap() {
        match extension {
            ServerExtension::ClientCertificateType(chosen) => shown = Some(chosen),
            ServerExtension::ServerCertificateType(chosen) => judged = Some(chosen),
            _ => {}
        }
    }
    (shown, judged)
}

#[test]
fn server_answers_what_it_was_asked_and_nothing_else() {
    let rig = Rig::new();
    let (client, server) = rig.with_certificates();
    let silent_server = configs_by(&rig.authority, KeyKind::EcdsaP256).1;
    assert_eq!(told(client.clone(), server.clone()), (None, None), "the client has said nothing");
    // X.509 is told too, where it is the answer.
    let asking = client.clone().trusted_raw_public_keys([rig.of_server.public.clone()]).unwrap();
    assert_eq!(told(asking.clone(), server.clone()), (None, Some(X509)));
    let showing = client.client_certificate_types([RAW, X509]).unwrap();
    assert_eq!(told(showing.clone(), server), (Some(X509), None));
    // A server that does not ask for a certificate does not say of which type.
    assert_eq!(told(showing, silent_server), (None, None));
    assert_eq!(told(rig.client().identity(rig.of_client.identity()), rig.demanding()), (Some(RAW), Some(RAW)));
    assert_eq!(told(rig.client().identity(rig.of_client.identity()), rig.server()), (None, Some(RAW)));
}

#[test]
fn server_chooses_a_clients_type_in_its_own_order() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let (client, server) = rig.with_certificates();
        let server = server.trusted_raw_public_keys([rig.of_client.public.clone()]).unwrap();
        let certificate = || rig.authority.identity(&["client.test"], KeyKind::EcdsaP256);
        let client = client.identity(certificate()).and_identity(rig.of_client.identity());
        // A key that is known by itself is wanted first, unless the application says otherwise.
        assert_peer(&connect(&client, &server, *version).server, true, &rig.of_client);
        let server = server.client_certificate_types([X509, RAW]).unwrap();
        assert_peer(&connect(&client, &server, *version).server, false, &rig.of_client);
    }
}

#[test]
fn server_shows_of_its_identities_one_that_the_client_judges() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let (client, _) = configs_by(&rig.authority, KeyKind::EcdsaP256);
        let certificate = |name: &str| rig.authority.identity(&[name], KeyKind::EcdsaP256);
        let pinning = client.clone().trusted_raw_public_keys([rig.of_server.public.clone()]).unwrap();
        let raw = || rig.of_server.identity();
        let shown = |client: &ClientConfig, identities: Vec<Identity>| {
            let identities = identities.into_iter().map(Arc::new).collect();
            let server = ServerConfig::choosing(choose_by_server_name(identities)).clock(Arc::new(NOW));
            connect(client, &server, *version).client.peer_certificate_type().unwrap()
        };
        assert_eq!(shown(&client, vec![raw(), certificate(NAME)]), X509);
        assert_eq!(shown(&rig.client(), vec![certificate(NAME), raw()]), RAW);
        // Of both that would do, the first; but a certificate for another name would not do.
        assert_eq!(shown(&pinning, vec![certificate(NAME), raw()]), X509);
        assert_eq!(shown(&pinning, vec![raw(), certificate(NAME)]), RAW);
        assert_eq!(shown(&pinning, vec![certificate("other.test"), raw()]), RAW);
    }
}

#[test]
fn ends_without_a_common_type_part_with_unsupported_certificate() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let (client, server) = rig.with_certificates();
        let strangers = [
            (client.clone(), rig.server()),
            (rig.client(), server.clone()),
            (client.clone().trusted_raw_public_keys([rig.of_server.public.clone()]).unwrap(), rig.demanding()),
            (client.identity(rig.of_client.identity()), server),
        ];
        for (client, server) in strangers {
            let mut pair = Pair::new(client.versions([*version]).unwrap(), server);
            let (end, error) = pair.run().unwrap_err();
            assert_eq!((end, &error), ("server", &Incompatible::NoCommonCertificateType.into()), "{version}");
            assert_eq!(error.alert(), Some(AlertDescription::unsupported_certificate));
        }
    }
}

#[test]
fn configuration_refuses_keys_and_types_that_cannot_be_used() {
    let rig = Rig::new();
    let client = || ClientConfig::new(Roots::new());
    let server = || rig.server();
    let key = || rig.of_server.public.clone();
    let bad = || SubjectPublicKeyInfoDer::from(vec![0x30, 0x00]);
    assert_eq!(client().trusted_raw_public_keys([]).unwrap_err(), ConfigError::Empty("raw public keys"));
    assert_eq!(server().trusted_raw_public_keys([]).unwrap_err(), ConfigError::Empty("raw public keys"));
    assert_eq!(client().trusted_raw_public_keys([key(), key()]).unwrap_err(), ConfigError::Repeated("raw public keys"));
    let unreadable = ConfigError::RawPublicKey(2, CertificateError::BadRawPublicKey);
    assert_eq!(client().trusted_raw_public_keys([key(), bad()]).unwrap_err(), unreadable);
    assert_eq!(server().trusted_raw_public_keys([key(), bad()]).unwrap_err(), unreadable);
    assert!(unreadable.to_string().contains("number 2 of the raw public keys"), "{unreadable}");
    assert_eq!(client().server_certificate_types([]).unwrap_err(), ConfigError::Empty("certificate types"));
    assert_eq!(client().client_certificate_types([RAW, RAW]).unwrap_err(), ConfigError::Repeated("certificate types"));
    let open_pgp = CertificateType(1);
    let unavailable = ConfigError::CertificateTypeUnavailable(open_pgp);
    assert_eq!(client().server_certificate_types([X509, open_pgp]).unwrap_err(), unavailable);
    assert_eq!(server().client_certificate_types([open_pgp]).unwrap_err(), unavailable);
    assert!(unavailable.to_string().contains("raw public key"), "{unavailable}");
    let signer = Arc::new(later::Later);
    let unreadable = ConfigError::RawPublicKey(1, CertificateError::BadRawPublicKey);
    assert_eq!(Identity::with_raw_signer(bad(), signer).unwrap_err(), unreadable);
}

#[test]
fn types_that_are_not_known_are_passed_over() {
    const UNKNOWN: CertificateType = CertificateType(5);
    let stage = stage_tls12::Stage::new();
    let greeted = |server: ServerConfig, offer: ClientExtension<'static>| {
        let scene = stage.server_with(server);
        let scene =
            scene.say_message(|peer| peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(offer)));
        scene.outcome()
    };
    let judges = |types: Vec<CertificateType>| ClientExtension::ServerCertificateType(types);
    assert_eq!(greeted(stage.server.clone(), judges(vec![UNKNOWN, X509])), "WaitClientKeyExchange");
    assert_eq!(greeted(stage.server.clone(), judges(vec![UNKNOWN, RAW])), "NoCommonCertificateType");
    let shows = |types: Vec<CertificateType>| ClientExtension::ClientCertificateType(types);
    assert_eq!(greeted(stage.requesting_server(), shows(vec![UNKNOWN, X509])), "WaitCertificate");
    assert_eq!(greeted(stage.requesting_server(), shows(vec![UNKNOWN])), "NoCommonCertificateType");
    // Of a client that is not asked it is of no account.
    assert_eq!(greeted(stage.server.clone(), shows(vec![UNKNOWN])), "WaitClientKeyExchange");
}
