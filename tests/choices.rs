//! What the application decides and what it is shown: certificates, questions, logs, and the one way round the checks.

#![cfg(all(feature = "ring", feature = "std"))]

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::sync::{Arc, Mutex};

use bulla::config::danger::{AcceptAnyChain, DangerousVerification};
use bulla::config::{CertificateRequestInfo, ChooseClientIdentity, Decision};
use bulla::crypto::AeadAlgorithm;
use bulla::pki_types::CertificateDer;
use bulla::wire::{
    AlertDescription, CertificateRequestExtension, ClientExtension, DistinguishedName, HandshakeType, ProtocolVersion,
    SignatureScheme, read_all,
};
use bulla::{
    ClientConnection, Content, Direction, Identity, KeyLog, KeyLogFile, Observed, Observer, QuestionKind, ServerConfig,
    ServerName,
};
use pair::{Authority, KeyKind, NAME, Pair, configs, configs_by, output};
use scene::{Scene, Stage};
use script::Say::{Certificate, CertificateVerify, EncryptedExtensions, Finished, ServerHello as Answer};
use script::{Heard, certificate_request_with};

/// The bodies of the messages heard of this type.
fn bodies(scene: &Scene, handshake_type: HandshakeType) -> Vec<&[u8]> {
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        Heard::Message(bytes) if bytes[0] == handshake_type.0 => Some(&bytes[4..]),
        _ => None,
    });
    messages.collect()
}

#[test]
fn server_shows_the_certificate_that_has_the_name_and_that_the_client_can_verify() {
    let authority = Authority::new();
    let (client, _) = configs_by(&authority, KeyKind::EcdsaP256);
    let server = ServerConfig::new(authority.identity(&["other.test"], KeyKind::EcdsaP256));
    let server = server.and_identity(authority.identity(&[NAME], KeyKind::EcdsaP384));
    let server = server.and_identity(authority.identity(&[NAME], KeyKind::EcdsaP256)).clock(Arc::new(pair::NOW));
    for (scheme, accepted) in
        [(SignatureScheme::ecdsa_secp256r1_sha256, true), (SignatureScheme::ecdsa_secp384r1_sha384, false)]
    {
        let client = client.clone().signature_schemes(
            [SignatureScheme::ecdsa_secp256r1_sha256, scheme][..1 + usize::from(!accepted)].iter().copied(),
        );
        let pair = Pair::established(client.unwrap(), server.clone());
        assert_eq!(pair.client.peer_signature_scheme(), Some(scheme));
    }
    // A name that no certificate has gets the first; the client decides.
    let mut pair = Pair::new(client, server);
    pair.client = ClientConnection::new(
        Arc::new(configs_by(&authority, KeyKind::EcdsaP256).0),
        ServerName::try_from("third.test").unwrap(),
    )
    .unwrap();
    let error = pair.run().unwrap_err().1;
    assert!(error.to_string().contains("other.test"), "{error}");
}

/// Keeps lines in memory.
#[derive(Debug, Default)]
struct Lines(Mutex<Vec<String>>);

impl KeyLog for Lines {
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
        self.0.lock().unwrap().push(bulla::key_log_line(label, client_random, secret));
    }
}

#[test]
fn key_log_has_the_five_secrets_of_a_full_handshake_on_both_ends() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let logs = [Arc::new(Lines::default()), Arc::new(Lines::default())];
    let client = client.key_log(Arc::clone(&logs[0]) as Arc<dyn KeyLog>);
    let server = server.key_log(Arc::clone(&logs[1]) as Arc<dyn KeyLog>);
    let mut pair = Pair::new(client, server);
    let flight = output(&mut pair.client);
    let random: String = flight[11..43].iter().map(|byte| format!("{byte:02x}")).collect();
    pair.to_server = flight;
    pair.run().unwrap();
    let [mut ours, mut theirs] = logs.map(|log| log.0.lock().unwrap().clone());
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
    let labels: Vec<&str> = ours.iter().map(|line| line.split(' ').next().unwrap()).collect();
    let expected = [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_TRAFFIC_SECRET_0",
    ];
    assert_eq!(labels, expected);
    for line in &ours {
        let [_, client_random, secret] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert_eq!((client_random, secret.len()), (&random[..], 64));
        assert!(secret.bytes().all(|it| it.is_ascii_hexdigit()));
    }
}

/// A copy of a certificate that claims to be signed with another algorithm of ECDSA: 1.2.840.10045.4.3.`last`.
fn signed_with(certificate: &CertificateDer<'_>, last: u8) -> CertificateDer<'static> {
    const ECDSA_WITH_SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let mut der = certificate.to_vec();
    let places: Vec<usize> =
        der.windows(8).enumerate().filter(|(_, it)| *it == ECDSA_WITH_SHA256).map(|it| it.0).collect();
    assert_eq!(places.len(), 2);
    places.into_iter().for_each(|at| der[at + 7] = last);
    CertificateDer::from(der)
}

#[test]
fn chain_that_the_client_can_verify_is_preferred_and_an_unknown_algorithm_is_none() {
    let stage = Stage::new();
    let (certificate, key) = stage.authority.issue(&[NAME], KeyKind::EcdsaP256);
    let identity = |last| Identity::new(vec![signed_with(&certificate, last)], &key).unwrap();
    // ecdsa-with-SHA512, which no scheme of ours names, stands first.
    let server = ServerConfig::new(identity(4)).and_identity(identity(2)).and_identity(identity(3));
    let shown = |schemes: Option<Vec<SignatureScheme>>| {
        let scene = stage.server_with(server.clone()).say_message(|peer| {
            peer.client_hello_with(|hello| {
                let extension = schemes.map(ClientExtension::SignatureAlgorithmsCert);
                hello.extensions.as_mut().unwrap().extend(extension);
            })
        });
        let body = bodies(&scene, HandshakeType::certificate)[0];
        let message: bulla::wire::Certificate<'_> = read_all(body).unwrap();
        [4, 2, 3]
            .into_iter()
            .find(|last| signed_with(&certificate, *last).as_ref() == message.certificate_list[0].cert_data)
    };
    assert_eq!(shown(None), Some(2), "signature_algorithms speaks for certificates too");
    assert_eq!(shown(Some(vec![SignatureScheme::ecdsa_secp384r1_sha384])), Some(3));
    assert_eq!(shown(Some(vec![SignatureScheme::ed25519])), Some(4), "any chain is better than none");
}

/// Leaves the choice to the application.
#[derive(Debug)]
struct ChooseLater;

impl ChooseClientIdentity for ChooseLater {
    fn choose(&self, _: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        Decision::Later
    }
}

#[test]
fn question_for_a_client_certificate_carries_what_the_request_says() {
    let stage = Stage::new();
    let request = |extensions: Vec<CertificateRequestExtension<'static>>| {
        let config = stage.client.clone().choose_identity(Arc::new(ChooseLater));
        let scene = stage
            .client_with(config)
            .say(&[Answer, EncryptedExtensions])
            .say_message(|_| certificate_request_with(|request| request.extensions.extend(extensions)));
        let scene = scene.say(&[Certificate, CertificateVerify, Finished]);
        let Some(QuestionKind::ChooseClientIdentity(info)) = scene.questions.first().map(|it| it.kind.clone()) else {
            panic!("no question: {}", scene.outcome());
        };
        info
    };
    let p256 = vec![SignatureScheme::ecdsa_secp256r1_sha256];
    let info = request(vec![]);
    assert_eq!((&info.signature_schemes, &info.certificate_signature_schemes), (&p256, &p256));
    assert_eq!((info.server_name, info.certificate_authorities), (pair::name(), Vec::<Vec<u8>>::new()));
    let info = request(vec![
        CertificateRequestExtension::SignatureAlgorithmsCert(vec![SignatureScheme::ed25519]),
        CertificateRequestExtension::CertificateAuthorities(vec![DistinguishedName(b"a name")]),
        CertificateRequestExtension::OidFilters(vec![]),
    ]);
    assert_eq!((info.signature_schemes, info.certificate_signature_schemes), (p256, vec![SignatureScheme::ed25519]));
    assert_eq!(info.certificate_authorities, [b"a name"]);
}

#[test]
fn application_protocols_that_cannot_be_named_are_refused_by_the_configuration() {
    let config = configs(KeyKind::EcdsaP256).0;
    assert!(config.clone().alpn([""]).is_err());
    assert!(config.clone().alpn(["x".repeat(256)]).is_err());
    assert!(config.clone().alpn(["h2", "h2"]).is_err());
    assert!(config.clone().alpn((0..200).map(|index| format!("{index:0200}"))).is_err());
    assert!(config.alpn(["x".repeat(255)]).is_ok());
}

#[test]
fn key_log_file_grows_by_whole_lines_and_is_its_owners_alone() {
    let path = std::env::temp_dir().join(format!("bulla-key-log-{}", std::process::id()));
    let logs = [KeyLogFile::open(&path).unwrap(), KeyLogFile::open(&path).unwrap()];
    for (index, log) in logs.iter().cycle().take(4).enumerate() {
        log.log("EXPORTER_SECRET", &[u8::try_from(index).unwrap(); 32], &[0xab; 32]);
    }
    let written = std::fs::read_to_string(&path).unwrap();
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions()) & 0o777,
        0o600
    );
    std::fs::remove_file(&path).unwrap();
    let expected: Vec<String> = (0..4)
        .map(|index| format!("EXPORTER_SECRET {} {}", format!("{index:02x}").repeat(32), "ab".repeat(32)))
        .collect();
    assert_eq!(written, expected.join("\n") + "\n");
}

/// Keeps what it sees of alerts.
#[derive(Debug, Default)]
struct SeenAlerts(Mutex<Vec<(Direction, AlertDescription)>>);

impl Observer for SeenAlerts {
    fn observe(&self, seen: &Observed<'_>) {
        if let Content::Alert(alert) = &seen.content {
            self.0.lock().unwrap().push((seen.direction, alert.description));
        }
    }
}

#[test]
fn alerts_are_seen_by_the_observer_in_both_directions() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let seen = Arc::new(SeenAlerts::default());
    let mut pair = Pair::established(client.observer(Arc::clone(&seen) as Arc<dyn Observer>), server);
    pair.server.close();
    pair.run().unwrap();
    pair.client.close();
    let alerts = seen.0.lock().unwrap().clone();
    let close_notify = AlertDescription::close_notify;
    assert_eq!(alerts, [(Direction::Received, close_notify), (Direction::Sent, close_notify)]);
}

#[test]
fn only_danger_gets_round_the_verification() {
    let authority = Authority::new();
    let (client, _) = configs_by(&authority, KeyKind::EcdsaP256);
    let foreign = ServerConfig::new(authority.identity(&["other.test"], KeyKind::EcdsaP256));
    let mut pair = Pair::new(client.clone(), foreign.clone());
    assert_eq!(pair.run().unwrap_err().1.name(), "NameMismatch");
    let pair = Pair::established(client.danger_verify_with(Arc::new(AcceptAnyChain)), foreign);
    assert_eq!(pair.client.peer_certificates().len(), 1);
}

#[test]
fn versions_that_nobody_should_speak_are_refused_by_the_configuration() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    for version in [ProtocolVersion::SSLv3, ProtocolVersion::TLSv1_0, ProtocolVersion::TLSv1_1] {
        assert!(client.clone().versions([ProtocolVersion::TLSv1_3, version]).is_err());
        assert!(server.clone().versions([ProtocolVersion::TLSv1_3, version]).is_err());
    }
    assert!(client.versions([ProtocolVersion::TLSv1_3]).is_ok());
}

#[test]
fn limits_of_keys_are_those_of_the_rfc() {
    for algorithm in [AeadAlgorithm::Aes128Gcm, AeadAlgorithm::Aes256Gcm] {
        // 2^24.5 full records. RFC 8446 §5.5.
        assert!(algorithm.confidentiality_limit() <= 23_726_566);
    }
    assert_eq!(AeadAlgorithm::ChaCha20Poly1305.confidentiality_limit(), u64::MAX);
}

#[test]
fn rsa_pkcs1_and_sha1_never_sign_a_handshake() {
    let stage = Stage::new();
    let server = ServerConfig::new(stage.authority.identity(&[NAME], KeyKind::Rsa));
    let told = |schemes: &[SignatureScheme]| {
        stage.server_with(server.clone()).say_message(|peer| {
            peer.client_hello_with(|hello| {
                for extension in hello.extensions.as_mut().unwrap() {
                    if let ClientExtension::SignatureAlgorithms(list) = extension {
                        *list = schemes.to_vec();
                    }
                }
            })
        })
    };
    type S = SignatureScheme;
    let for_certificates = [S::rsa_pkcs1_sha256, S::rsa_pkcs1_sha384, S::rsa_pkcs1_sha512, S::rsa_pkcs1_sha1];
    assert_eq!(told(&for_certificates).outcome(), "NoCommonSignatureScheme");
    let scene = told(&[S::rsa_pkcs1_sha256, S::rsa_pss_rsae_sha384]);
    let verify: bulla::wire::CertificateVerify<'_> =
        read_all(bodies(&scene, HandshakeType::certificate_verify)[0]).unwrap();
    assert_eq!(verify.algorithm, S::rsa_pss_rsae_sha384);
}

#[test]
fn chain_is_sent_as_it_was_given_and_a_root_in_it_may_be_signed_with_anything() {
    let stage = Stage::new();
    let (leaf, key) = stage.authority.issue(&[NAME], KeyKind::EcdsaP256);
    let root = signed_with(&stage.authority.certificate, 4);
    let with_root = Identity::new(vec![leaf.clone(), root.clone()], &key).unwrap();
    let server = ServerConfig::new(with_root).and_identity(Identity::new(vec![leaf.clone()], &key).unwrap());
    let scene = stage.server_with(server).say(&[script::Say::ClientHello]);
    let body = bodies(&scene, HandshakeType::certificate)[0];
    let message: bulla::wire::Certificate<'_> = read_all(body).unwrap();
    let shown: Vec<&[u8]> = message.certificate_list.iter().map(|entry| entry.cert_data).collect();
    assert_eq!(shown, [leaf.as_ref(), root.as_ref()]);
}
