//! What TLS 1.2 makes an end send, and what it must refuse: duties that are not a failure of their own in `alerts.rs`.

#![cfg(all(feature = "tls12", feature = "ring"))]

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[path = "support/script_tls12.rs"]
mod script_tls12;
#[path = "support/stage_tls12.rs"]
mod stage_tls12;

use std::sync::Arc;

use bulla::config::danger::DangerousVerification;
use bulla::config::{ChainToVerify, Decision, Verdict, VerifyChain};
use bulla::crypto::{Authentication, SuiteTls12};
use bulla::wire::{
    CipherSuite, ClientExtension, ClientHello, CompressionMethod, EcPointFormat, ExtensionType, HANDSHAKE_HEADER_LEN,
    HandshakeType, ProtocolVersion, RECORD_HEADER_LEN, ServerHello, SignatureScheme, read_all, write_message,
};
use bulla::{ClientConfig, ConfigError, Connection, ServerConfig};
use pair::{KeyKind, Pair, configs, feed, output, send};
use script::Heard;
use stage_tls12::{END, SERVER_FLIGHT, Scene, Stage};

const TLS12: [ProtocolVersion; 1] = [ProtocolVersion::TLSv1_2];

/// Configurations that go together and speak TLS 1.2 alone.
fn tls12(kind: KeyKind) -> (ClientConfig, ServerConfig) {
    let (client, server) = configs(kind);
    (client.versions(TLS12).unwrap(), server.versions(TLS12).unwrap())
}

fn plain_record(content_type: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[content_type, 3, 3, len[0], len[1]], content].concat()
}

/// The error with which an end takes these bytes.
fn refusal(connection: &mut Connection, bytes: &[u8]) -> Result<(), &'static str> {
    feed(connection, &mut bytes.to_vec(), &mut Vec::new()).map_err(|error| error.name())
}

#[test]
fn version_in_the_header_of_a_protected_record_is_authenticated() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa] {
        let (client, server) = tls12(kind);
        let mut pair = Pair::established(client, server);
        let mut record = send(&mut pair.client, b"data");
        record[2] = 1;
        assert_eq!(refusal(&mut pair.server, &record), Err("DoesNotOpen"));
    }
}

/// RFC 5246 §E.1: the answer is the highest version that both ends have. A lower one would carry the sentinel of RFC 8446
/// §4.1.3, which every client of both versions takes for an attack.
#[test]
fn highest_common_version_is_chosen_whatever_the_order_of_the_configuration() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let upside_down = [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3];
    let (low_client, low_server) =
        (client.clone().versions(upside_down).unwrap(), server.clone().versions(upside_down).unwrap());
    for (client, server) in [(&client, &low_server), (&low_client, &server), (&low_client, &low_server)] {
        let pair = Pair::established(client.clone(), server.clone());
        assert_eq!(pair.client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    }
}

/// A server's first flight whose ServerHello, which ends with its extensions, has this one more.
fn with_extension(flight: &[u8], extension: &[u8]) -> Vec<u8> {
    let (message, rest) = flight[RECORD_HEADER_LEN..].split_at(HANDSHAKE_HEADER_LEN + usize::from(flight[8]));
    let hello: ServerHello<'_> = read_all(&message[HANDSHAKE_HEADER_LEN..]).unwrap();
    let mut message = write_message(&hello).unwrap();
    let added = u8::try_from(extension.len()).unwrap();
    let of_extensions = HANDSHAKE_HEADER_LEN + 2 + 32 + 1 + hello.legacy_session_id_echo.len() + 2 + 1;
    message[3] += added;
    message[of_extensions + 1] += added;
    message.extend_from_slice(extension);
    plain_record(22, &[&message, rest].concat())
}

#[test]
fn server_hello_with_signature_algorithms_sends_illegal_parameter() {
    let (client, server) = tls12(KeyKind::EcdsaP256);
    let mut pair = Pair::new(client, server);
    pair.to_server = output(&mut pair.client);
    feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
    let flight = output(&mut pair.server);
    let flight = with_extension(&flight, &[0, 13, 0, 4, 0, 2, 4, 3]);
    assert_eq!(refusal(&mut pair.client, &flight), Err("ExtensionNotAllowed"));
}

/// RFC 8446 §4.2: what a hello says of TLS 1.3's certificates has no answer in ServerHello, asked for or not.
#[test]
fn server_hello_with_an_extension_about_tls13_certificates_is_refused() {
    let (_, server) = configs(KeyKind::EcdsaP256);
    let authority = pair::Authority::new();
    let asking = ClientConfig::new(authority.roots()).clock(Arc::new(pair::NOW));
    let asking = asking.accept_delegated_credentials(true).name_authorities(true);
    let server = server.versions(TLS12).unwrap();
    for (config, expected) in [(asking, "ExtensionNotAllowed"), (tls12(KeyKind::EcdsaP256).0, "ExtensionNotOffered")] {
        // compress_certificate is asked for by neither.
        for (code, expected) in [(34, expected), (47, expected), (27, "ExtensionNotOffered")] {
            let mut pair = Pair::new(config.clone(), server.clone());
            pair.to_server = output(&mut pair.client);
            feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
            // Without the sentinel of RFC 8446 §4.1.3, which a client of both versions would see first.
            let mut flight = output(&mut pair.server);
            flight[RECORD_HEADER_LEN + HANDSHAKE_HEADER_LEN + 2 + 24..][..8].fill(0);
            let flight = with_extension(&flight, &[0, code, 0, 0]);
            assert_eq!(refusal(&mut pair.client, &flight), Err(expected), "{code}");
        }
    }
}

#[test]
fn every_scheme_but_those_of_sha1_belongs_to_the_suites_of_one_kind_of_key() {
    for scheme in SignatureScheme::NAMED {
        let is_sha1 = matches!(*scheme, SignatureScheme::rsa_pkcs1_sha1 | SignatureScheme::ecdsa_sha1);
        let is_rsa = scheme.to_string().starts_with("rsa");
        let kind = if is_rsa { Authentication::Rsa } else { Authentication::Ecdsa };
        assert_eq!(Authentication::of(*scheme), Some(kind).filter(|_| !is_sha1), "{scheme}");
    }
}

/// RFC 5705 §4: these are said by the handshake itself.
#[test]
fn label_of_the_handshake_itself_is_not_exported() {
    let (client, server) = tls12(KeyKind::EcdsaP256);
    let pair = Pair::established(client, server);
    for label in ["client finished", "server finished", "master secret", "extended master secret", "key expansion"] {
        let exported = pair.client.export(label.as_bytes(), None, &mut [0; 32]);
        assert_eq!(exported.map_err(|error| error.name()), Err("BadExporterRequest"), "{label}");
    }
    pair.client.export(b"EXPORTER-key expansion", None, &mut [0; 32]).unwrap();
}

/// What is not accepted in a handshake, but in certificates, is said in an extension of its own: in TLS 1.2 a server goes by
/// signature_algorithms in its ServerKeyExchange too. RFC 8446 §4.2.3.
#[test]
fn schemes_for_certificates_alone_are_listed_apart_where_tls12_is_offered() {
    let (client, server) = configs(KeyKind::Rsa);
    let pss = [SignatureScheme::rsa_pss_rsae_sha256];
    let lists = |config: &ClientConfig| {
        let mut pair = Pair::new(config.clone(), server.clone());
        let hello = output(&mut pair.client);
        let hello: ClientHello<'_> = read_all(&hello[RECORD_HEADER_LEN + HANDSHAKE_HEADER_LEN..]).unwrap();
        let (mut both, mut certificates) = (None, None);
        for extension in hello.extensions.iter().flatten() {
            match extension {
                ClientExtension::SignatureAlgorithms(list) => both = Some(list.clone()),
                ClientExtension::SignatureAlgorithmsCert(list) => certificates = Some(list.clone()),
                _ => {}
            }
        }
        (both.unwrap(), certificates)
    };
    let (_, certificates) = lists(&client);
    assert_eq!(certificates, None);
    let (both, certificates) = lists(&client.clone().signature_schemes(pss).unwrap());
    assert_eq!(both, pss);
    let pkcs1 =
        [SignatureScheme::rsa_pkcs1_sha256, SignatureScheme::rsa_pkcs1_sha384, SignatureScheme::rsa_pkcs1_sha512];
    assert_eq!(certificates.unwrap(), [&pss[..], &pkcs1[..]].concat());
}

/// The bodies of the messages heard of this type.
fn bodies(scene: &Scene, handshake_type: HandshakeType) -> Vec<&[u8]> {
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        Heard::Message(bytes) if bytes[0] == handshake_type.0 => Some(&bytes[4..]),
        _ => None,
    });
    messages.collect()
}

#[test]
fn client_hello_of_tls12_alone_has_the_fields_that_the_rfcs_fix() {
    let stage = Stage::new();
    let config = ClientConfig::new(stage.authority.roots()).versions(TLS12).unwrap();
    let scene = stage.client_with(config);
    let hello: ClientHello<'_> = read_all(bodies(&scene, HandshakeType::client_hello)[0]).unwrap();
    assert_eq!((hello.legacy_version, hello.legacy_session_id), (ProtocolVersion::TLSv1_2, &b""[..]));
    assert_eq!(hello.legacy_compression_methods, [CompressionMethod::null]);
    // ECDHE with an AEAD, both kinds of keys, and no signalling suite: the extension says it. RFC 5746 §3.4.
    assert_eq!(hello.cipher_suites.len(), 6);
    assert!(hello.cipher_suites.iter().all(|id| SuiteTls12::find(*id).is_some()), "{:?}", hello.cipher_suites);
    let extensions = hello.extensions.unwrap();
    let types: Vec<_> = extensions.iter().map(ClientExtension::extension_type).collect();
    let expected = [
        ExtensionType::server_name,
        ExtensionType::supported_groups,
        ExtensionType::ec_point_formats,
        ExtensionType::extended_master_secret,
        ExtensionType::renegotiation_info,
        ExtensionType::signature_algorithms,
    ];
    assert_eq!(types, expected);
    assert!(extensions.contains(&ClientExtension::EcPointFormats(vec![EcPointFormat::uncompressed])));
    assert!(extensions.contains(&ClientExtension::RenegotiationInfo(&[])));
    let schemes = extensions.iter().find_map(|extension| match extension {
        ClientExtension::SignatureAlgorithms(schemes) => Some(schemes.clone()),
        _ => None,
    });
    let schemes = schemes.unwrap();
    assert!(schemes.contains(&SignatureScheme::rsa_pkcs1_sha256));
    assert!(!schemes.iter().any(|scheme| scheme.to_string().ends_with("sha1")), "{schemes:?}");
}

/// RFC 5746 §4.1 leaves it to the client; with extended master secret, old servers are gone already.
#[test]
fn server_without_renegotiation_info_is_gone_on_with() {
    let scene = Stage::new().client().say_message(|peer| {
        peer.server_hello_with(|hello| {
            let extensions = hello.extensions.as_mut().unwrap();
            extensions.retain(|it| it.extension_type() != ExtensionType::renegotiation_info);
        })
    });
    assert_eq!(scene.say(&SERVER_FLIGHT[1..]).say(&END).outcome(), "Connected");
}

/// RFC 5288 §3: the explicit part never repeats. RFC 7905 §2: here nothing is explicit.
#[test]
fn nonce_in_the_record_is_its_number_with_aes_gcm_and_absent_with_chacha20() {
    for (suite, head) in [
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 8),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 8),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 0),
    ] {
        let (client, server) = tls12(KeyKind::EcdsaP256);
        let mut pair = Pair::established(client.cipher_suites([suite]).unwrap(), server);
        // Finished was number 0.
        for number in 1..4_u64 {
            let record = send(&mut pair.client, b"data");
            assert_eq!(record.len(), RECORD_HEADER_LEN + head + 4 + 16, "{suite}");
            assert_eq!(record[..3], [23, 3, 3]);
            if head == 8 {
                assert_eq!(record[RECORD_HEADER_LEN..][..8], number.to_be_bytes(), "{suite}");
            }
        }
    }
}

/// RFC 9850 §2.2.
#[test]
fn key_log_of_tls12_has_the_master_secret_once_on_each_end() {
    let log = Arc::new(Lines::default());
    let (client, server) = tls12(KeyKind::EcdsaP256);
    Pair::established(client.key_log(log.clone()), server.key_log(log.clone()));
    let lines = log.0.lock().unwrap();
    assert!(lines.len() == 2 && lines[0] == lines[1]);
    assert_eq!((lines[0].0.as_str(), lines[0].1.len()), ("CLIENT_RANDOM", 48));
}

/// What a key log is told: label and secret.
#[derive(Debug, Default)]
struct Lines(std::sync::Mutex<Vec<(String, Vec<u8>)>>);

impl bulla::KeyLog for Lines {
    fn log(&self, label: &str, _: &[u8; 32], secret: &[u8]) {
        self.0.lock().unwrap().push((label.to_string(), secret.to_vec()));
    }
}

/// Accepts at once, whatever the chain, the one that it was asked about first.
#[derive(Debug, Default)]
struct Strayed(std::sync::Mutex<Option<ChainToVerify>>);

impl VerifyChain for Strayed {
    fn verify(&self, chain: &ChainToVerify) -> Decision<Verdict> {
        Decision::Now(self.0.lock().unwrap().get_or_insert_with(|| chain.clone()).judge())
    }
}

#[test]
fn verdict_at_once_about_another_chain_ends_the_connection_with_an_alert_in_both_versions() {
    for version in [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3] {
        let (client, server) = configs(KeyKind::EcdsaP256);
        let client = client.versions([version]).unwrap().danger_verify_with(Arc::new(Strayed::default()));
        Pair::established(client.clone(), server.clone());
        let mut pair = Pair::new(client, server);
        let (end, error) = pair.run().unwrap_err();
        assert_eq!((end, error.name()), ("client", "VerdictAboutAnotherChain"), "{version}");
        assert_eq!(pair.client.receive(&mut []).unwrap_err(), error);
        let told = refusal(&mut pair.server, &output(&mut pair.client));
        assert_eq!(told, Err("AlertReceived"), "{version}");
    }
}

#[test]
fn schemes_that_go_with_no_suite_of_an_allowed_version_are_refused_by_the_configuration() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let pkcs1 = [SignatureScheme::rsa_pkcs1_sha256];
    let refused = ConfigError::NoSchemeForVersions;
    let tls13 = client.clone().versions([ProtocolVersion::TLSv1_3]).unwrap();
    assert_eq!(tls13.signature_schemes(pkcs1).unwrap_err(), refused);
    let with_pkcs1 = client.signature_schemes(pkcs1).unwrap();
    assert_eq!(with_pkcs1.clone().versions([ProtocolVersion::TLSv1_3]).unwrap_err(), refused);
    with_pkcs1.versions(TLS12).unwrap();
    // A suite of TLS 1.2 names the kind of key.
    let of_ecdsa = [CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];
    let with_pkcs1 = server.signature_schemes(pkcs1).unwrap();
    assert_eq!(with_pkcs1.cipher_suites(of_ecdsa).unwrap_err(), refused);
}
