//! What ties an authentication inside a connection to it: tls-exporter, tls-unique, tls-server-end-point, and the exporters,
//! the early one among them. RFC 5929, RFC 9266, RFC 8446 §7.5.

#![cfg(feature = "ring")]

#[cfg(feature = "tls12")]
#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[cfg(feature = "tls12")]
#[path = "support/scene.rs"]
mod scene;
#[cfg(feature = "tls12")]
#[path = "support/script.rs"]
mod script;
#[cfg(feature = "tls12")]
#[path = "support/script_tls12.rs"]
mod script_tls12;
#[cfg(feature = "tls12")]
#[path = "support/stage_tls12.rs"]
mod stage_tls12;

use std::sync::Arc;

use bulla::config::danger::{AcceptAnyChain, DangerousVerification};
use bulla::config::{AVAILABLE_VERSIONS, AntiReplay};
use bulla::crypto::ring::provider;
use bulla::crypto::{Digest, HashAlgorithm};
use bulla::error::Misuse;
use bulla::pki_types::{CertificateDer, PrivateKeyDer};
use bulla::resume::{ExternalPsk, MemoryClientSessions, MemoryStrikeRegister, TicketKeys};
#[cfg(feature = "tls12")]
use bulla::wire::HandshakeType;
use bulla::wire::ProtocolVersion;
use bulla::{ClientConfig, EarlyData, Error, HandshakeKind, Identity, MAX_RECORD_LEN, ServerConfig};
use pair::{Authority, KeyKind, NAME, NOW, Pair, configs};

fn hash(algorithm: HashAlgorithm, bytes: &[u8]) -> Digest {
    let mut hash = provider().hash(algorithm).unwrap();
    hash.update(bytes);
    hash.current()
}

/// Configurations that keep sessions.
fn keeping(version: ProtocolVersion) -> (ClientConfig, ServerConfig) {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.versions([version]).unwrap().session_store(Arc::new(MemoryClientSessions::new(4, 4)));
    (client, server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap())))
}

fn is_resumed(pair: &Pair) -> bool {
    pair.client.handshake_kind() == Some(HandshakeKind::Resumed)
}

#[test]
fn both_ends_have_the_same_end_point_binding_and_it_is_the_hash_of_the_certificate() {
    for version in AVAILABLE_VERSIONS {
        let (client, server) = keeping(*version);
        let first = Pair::established(client.clone(), server.clone());
        let leaf = &first.client.peer_certificates()[0];
        // The authority signs with ECDSA and SHA-256.
        let expected = hash(HashAlgorithm::Sha256, leaf);
        assert_eq!(first.client.tls_server_end_point().unwrap(), expected, "{version}");
        assert_eq!(first.server.tls_server_end_point().unwrap(), expected, "{version}");
        for _ in 0..2 {
            let resumed = Pair::established(client.clone(), server.clone());
            assert!(is_resumed(&resumed));
            assert_eq!(resumed.client.tls_server_end_point().unwrap(), expected, "{version}");
            assert_eq!(resumed.server.tls_server_end_point().unwrap(), expected, "{version}");
        }
    }
}

/// A self-signed leaf of the RSA key, signed with this algorithm.
fn signed_with(algorithm: &'static rcgen::SignatureAlgorithm) -> CertificateDer<'static> {
    let key = rcgen::KeyPair::from_pem_and_sign_algo(include_str!("support/rsa_2048_key.pem"), algorithm).unwrap();
    let params = rcgen::CertificateParams::new(vec![NAME.to_string()]).unwrap();
    params.self_signed(&key).unwrap().der().clone()
}

/// The bindings of both ends of a connection whose server shows this certificate of the RSA key.
fn bindings_of(certificate: CertificateDer<'static>) -> [Result<Digest, Error>; 2] {
    let key = rcgen::KeyPair::from_pem(include_str!("support/rsa_2048_key.pem")).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let server = ServerConfig::new(Identity::new(vec![certificate.clone()], &key).unwrap()).clock(Arc::new(NOW));
    let (client, _) = configs(KeyKind::Rsa);
    let client = client.danger_verify_with(Arc::new(AcceptAnyChain));
    let pair = Pair::established(client, server);
    assert_eq!(pair.client.peer_certificates(), [certificate]);
    [pair.client.tls_server_end_point(), pair.server.tls_server_end_point()]
}

#[test]
fn end_point_binding_uses_the_hash_of_the_certificates_signature() {
    for (algorithm, hash_algorithm) in [
        (&rcgen::PKCS_RSA_SHA256, HashAlgorithm::Sha256),
        (&rcgen::PKCS_RSA_SHA384, HashAlgorithm::Sha384),
        (&rcgen::PKCS_RSA_SHA512, HashAlgorithm::Sha512),
    ] {
        let certificate = signed_with(algorithm);
        let expected = hash(hash_algorithm, &certificate);
        assert_eq!(expected.as_ref().len(), hash_algorithm.output_len());
        assert_eq!(bindings_of(certificate), [Ok(expected), Ok(expected)]);
    }
}

#[test]
fn certificate_whose_signature_names_no_hash_and_a_server_without_one_have_no_end_point_binding() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let authority = Authority::new();
    let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let params = rcgen::CertificateParams::new(vec![NAME.to_string()]).unwrap();
    let certificate = params.self_signed(&ed25519).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(ed25519.serialize_der()).unwrap();
    let server_ed25519 = ServerConfig::new(Identity::new(vec![certificate], &key).unwrap()).clock(Arc::new(NOW));
    let client_of_any = client.danger_verify_with(Arc::new(AcceptAnyChain));
    let none = Err(Error::Misuse(Misuse::NoEndPointBinding));
    let pair = Pair::established(client_of_any, server_ed25519);
    assert_eq!([pair.client.tls_server_end_point(), pair.server.tls_server_end_point()], [none.clone(), none.clone()]);

    let psk = Arc::new(ExternalPsk::new(b"both", &[7; 32], HashAlgorithm::Sha256).unwrap());
    let client = ClientConfig::new(authority.roots()).clock(Arc::new(NOW)).psk(psk.clone());
    let pair = Pair::established(client, server.psks(Arc::new(vec![psk])));
    assert_eq!(pair.client.handshake_kind(), Some(HandshakeKind::ExternalPsk));
    assert_eq!([pair.client.tls_server_end_point(), pair.server.tls_server_end_point()], [none.clone(), none]);
}

#[test]
fn bindings_wait_for_the_handshake_and_end_with_a_failure() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::new(client, server);
    let too_early = Error::Misuse(Misuse::HandshakeNotFinished);
    assert_eq!(pair.client.tls_server_end_point(), Err(too_early.clone()));
    assert_eq!(pair.client.tls_unique(), Err(too_early));
    pair.run().unwrap();
    assert_eq!(pair.client.tls_unique(), Err(Error::Misuse(Misuse::NoTlsUnique)), "TLS 1.3 has none");
    let failure = pair.client.end_of_input().unwrap_err();
    assert_eq!(pair.client.tls_server_end_point(), Err(failure.clone()));
    assert_eq!(pair.client.tls_unique(), Err(failure.clone()));
    assert_eq!(pair.client.export_early(b"EXPORTER-x", None, &mut [0; 8]), Err(failure));
}

#[cfg(feature = "tls12")]
#[test]
fn tls_unique_is_the_clients_finished_and_of_a_resumed_handshake_the_servers() {
    let (client, server) = keeping(ProtocolVersion::TLSv1_2);
    let mut seen = Vec::new();
    for round in 0..3 {
        let sent = Arc::new(Finisheds::default());
        let pair = Pair::established(client.clone().observer(sent.clone()), server.clone());
        assert_eq!(is_resumed(&pair), round > 0);
        let unique = pair.client.tls_unique().unwrap();
        assert_eq!(pair.server.tls_unique().unwrap(), unique);
        let first = sent.0.lock().unwrap().first().cloned().unwrap();
        assert_eq!(first.1, unique, "the first Finished of all");
        assert_eq!(first.0 == bulla::Direction::Sent, round == 0, "which is the server's where it resumes");
        assert!(!seen.contains(&unique), "each connection has its own");
        seen.push(unique);
    }
}

/// The verify_data of each Finished, as the client sees them come and go.
#[cfg(feature = "tls12")]
#[derive(Debug, Default)]
struct Finisheds(std::sync::Mutex<Vec<(bulla::Direction, Vec<u8>)>>);

#[cfg(feature = "tls12")]
impl bulla::Observer for Finisheds {
    fn observe(&self, observed: &bulla::Observed<'_>) {
        if let bulla::Content::Handshake { bytes, .. } = &observed.content
            && bytes.first() == Some(&HandshakeType::finished.0)
        {
            self.0.lock().unwrap().push((observed.direction, bytes[4..].to_vec()));
        }
    }
}

#[cfg(feature = "tls12")]
#[test]
fn tls_unique_needs_extended_master_secret() {
    use bulla::config::danger::DangerousCompatibility;
    use bulla::wire::ExtensionType;
    let stage = stage_tls12::Stage::new();
    let config = stage.server.clone().danger_allow_without_extended_master_secret();
    for (without, outcome) in [(ExtensionType::extended_master_secret, false), (ExtensionType::padding, true)] {
        let scene = stage.server_with(config.clone()).say_message(|peer| {
            peer.client_hello_with(|hello| {
                hello.extensions.as_mut().unwrap().retain(|extension| extension.extension_type() != without);
            })
        });
        let scene = scene.say(&[script_tls12::Say::ClientKeyExchange]).say(&stage_tls12::END);
        assert_eq!(scene.outcome(), "Connected");
        assert_eq!(scene.end.tls_unique().is_ok(), outcome);
        assert!(outcome || scene.end.tls_unique() == Err(Misuse::NoTlsUnique.into()));
    }
}

#[test]
fn tls_exporter_binding_differs_from_connection_to_connection_in_both_versions() {
    for version in AVAILABLE_VERSIONS {
        let bind = || {
            let (client, server) = configs(KeyKind::EcdsaP256);
            let pair = Pair::established(client.versions([*version]).unwrap(), server);
            let binding = pair.client.tls_exporter_channel_binding().unwrap();
            assert_eq!(binding, pair.server.tls_exporter_channel_binding().unwrap());
            binding
        };
        assert_ne!(bind(), bind());
    }
}

/// A pair whose client has sent early data, and the exporters of both ends at each moment.
fn early(server: &ServerConfig, client: &ClientConfig) -> Pair {
    let mut pair = Pair::new(client.clone(), server.clone());
    let mut buffer = vec![0; MAX_RECORD_LEN];
    let sent = pair.client.send_early(b"early", &mut buffer).unwrap();
    pair.to_server.extend_from_slice(&buffer[..sent.written]);
    pair
}

#[test]
fn early_exporter_is_there_once_early_data_is_offered_and_taken_and_agrees_for_good() {
    let (client, server) = keeping(ProtocolVersion::TLSv1_3);
    let client = client.early_data(true);
    let register = || AntiReplay::StrikeRegister(Arc::new(MemoryStrikeRegister::random(&*provider(), 100).unwrap()));
    let server = server.early_data(1000, register()).unwrap();
    let export = |connection: &bulla::Connection, label: &[u8], context: Option<&[u8]>| {
        let mut output = [0; 40];
        connection.export_early(label, context, &mut output).map(|()| output)
    };
    let none = Err(Error::Misuse(Misuse::NoEarlyExporter));
    let first = Pair::established(client.clone(), server.clone());
    assert_eq!(export(&first.client, b"EXPORTER-x", None), none, "no early data was offered");
    assert_eq!(export(&first.server, b"EXPORTER-x", None), none);

    let mut pair = early(&server, &client);
    let of_client = export(&pair.client, b"EXPORTER-x", Some(b"y")).unwrap();
    assert_eq!(export(&pair.server, b"EXPORTER-x", Some(b"y")), none, "the server has not seen the hello");
    pair.run().unwrap();
    assert_eq!(pair.server.early_data(), EarlyData::Accepted);
    for end in [&*pair.client, &*pair.server] {
        assert_eq!(export(end, b"EXPORTER-x", Some(b"y")).unwrap(), of_client);
        assert_ne!(export(end, b"EXPORTER-x", None).unwrap(), of_client);
        assert_eq!(export(end, b"EXPORTER-x", None), export(end, b"EXPORTER-x", Some(b"")));
        assert_ne!(export(end, b"EXPORTER-z", Some(b"y")).unwrap(), of_client);
        let mut ordinary = [0; 40];
        end.export(b"EXPORTER-x", Some(b"y"), &mut ordinary).unwrap();
        assert_ne!(ordinary, of_client, "the exporter of the connection is another");
        let too_long = end.export_early(&[b'x'; 250], None, &mut [0; 8]);
        assert_eq!(too_long, Err(Misuse::BadExporterRequest.into()));
    }

    // Declined, there is nothing that both ends have agreed on.
    let other = server.clone().early_data(1000, register()).unwrap();
    Pair::established(client.clone(), server.clone());
    let mut pair = early(&other, &client);
    assert!(export(&pair.client, b"EXPORTER-x", None).is_ok());
    pair.run().unwrap();
    assert_eq!(pair.client.early_data(), EarlyData::Rejected);
    assert_eq!(export(&pair.client, b"EXPORTER-x", None), none);
    assert_eq!(export(&pair.server, b"EXPORTER-x", None), none);
}
