//! What each end owes the other in TLS 1.2 even when nothing goes wrong: the fields of its messages, answers to what was
//! asked and to nothing else, and patience with what peers may leave out.

#![cfg(feature = "tls12")]

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

use bulla::ClientAuth;
use bulla::crypto::SuiteTls12;
use bulla::wire::{
    CertificateRequestTls12, CertificateStatusRequest, CertificateTls12, CipherSuite, ClientCertificateType,
    ClientExtension, ClientHello, CompressionMethod, ContentType, EcPointFormat, ExtensionType, HANDSHAKE_HEADER_LEN,
    HandshakeType, NameType, NamedGroup, OcspStatusRequest, ProtocolNameList, ProtocolVersion, RECORD_HEADER_LEN,
    ServerExtension, ServerHello, ServerKeyExchange, ServerNameEntry, ServerNameList, SignatureScheme,
    UnknownExtension, read_all,
};
use pair::{KeyKind, NAME, Pair, configs, output};
use script::{Heard, plain_record};
use script_tls12::Say::{self, CertificateRequest, ClientHello as Hello, ClientKeyExchange};
use script_tls12::{GROUP, SCHEME, SUITE};
use stage_tls12::{END, SERVER_FLIGHT, Scene, Stage};

/// The bodies of the messages heard of this type.
fn bodies(scene: &Scene, handshake_type: HandshakeType) -> Vec<&[u8]> {
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        Heard::Message(bytes) if bytes[0] == handshake_type.0 => Some(&bytes[HANDSHAKE_HEADER_LEN..]),
        _ => None,
    });
    messages.collect()
}

fn client_hello(scene: &Scene) -> ClientHello<'_> {
    read_all(bodies(scene, HandshakeType::client_hello)[0]).unwrap()
}

fn server_hello(scene: &Scene) -> ServerHello<'_> {
    read_all(bodies(scene, HandshakeType::server_hello)[0]).unwrap()
}

fn answered(scene: &Scene) -> Vec<ExtensionType> {
    server_hello(scene).extensions.iter().flatten().map(ServerExtension::extension_type).collect()
}

fn told(stage: &Stage, edit: impl FnOnce(&mut ClientHello<'_>)) -> Scene {
    stage.server().say_message(|peer| peer.client_hello_with(edit))
}

#[test]
fn client_hello_of_tls12_alone_speaks_of_nothing_that_is_tls13s() {
    let stage = Stage::new();
    let scene = stage.client();
    let hello = client_hello(&scene);
    assert_eq!(hello.legacy_version, ProtocolVersion::TLSv1_2);
    assert_eq!((hello.legacy_session_id, &hello.cipher_suites[..]), (&[][..], &[SUITE][..]));
    assert_eq!(hello.legacy_compression_methods, [CompressionMethod::null]);
    let types: Vec<_> = hello.extensions.iter().flatten().map(ClientExtension::extension_type).collect();
    let expected = [
        ExtensionType::server_name,
        ExtensionType::supported_groups,
        ExtensionType::ec_point_formats,
        ExtensionType::extended_master_secret,
        ExtensionType::renegotiation_info,
        ExtensionType::signature_algorithms,
    ];
    assert_eq!(types, expected);
    let extensions = hello.extensions.unwrap();
    assert!(extensions.contains(&ClientExtension::EcPointFormats(vec![EcPointFormat::uncompressed])));
    assert!(extensions.contains(&ClientExtension::RenegotiationInfo(&[])));
}

#[test]
fn client_of_both_versions_offers_the_suites_of_both() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::new(client, server);
    let record = output(&mut pair.client);
    let hello: ClientHello<'_> = read_all(&record[RECORD_HEADER_LEN + HANDSHAKE_HEADER_LEN..]).unwrap();
    assert_eq!(hello.cipher_suites, bulla::crypto::ring::provider().cipher_suites());
    assert!(SuiteTls12::ALL.iter().all(|row| hello.cipher_suites.contains(&row.suite.id)));
    // There is no signalling value beside the extension, and nobody falls back. RFC 5746 §3.4, RFC 7507 §4.
    assert!(!hello.cipher_suites.contains(&CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV));
    assert!(!hello.cipher_suites.contains(&CipherSuite::TLS_FALLBACK_SCSV));
}

#[test]
fn server_hello_has_the_fields_that_the_rfc_fixes_and_no_session() {
    let stage = Stage::new();
    let scene = told(&stage, |hello| hello.legacy_session_id = &[8; 32]);
    let hello = server_hello(&scene);
    assert_eq!((hello.legacy_version, hello.cipher_suite), (ProtocolVersion::TLSv1_2, SUITE));
    // Empty: the session will not be resumed. RFC 5246 §7.4.1.3.
    assert_eq!(hello.legacy_session_id_echo, b"");
    assert_eq!(hello.legacy_compression_method, CompressionMethod::null);
    assert_eq!(scene.say(&[ClientKeyExchange]).say(&END).outcome(), "Connected");
}

#[test]
fn server_hello_answers_what_was_asked_and_nothing_else() {
    use ExtensionType as E;
    let stage = Stage::new();
    let with = |extension: ClientExtension<'static>| {
        answered(&told(&stage, |hello| hello.extensions.as_mut().unwrap().push(extension)))
    };
    let always = [E::renegotiation_info, E::extended_master_secret, E::ec_point_formats];
    assert_eq!(answered(&stage.server().say(&[Hello])), always);
    let name = ServerNameEntry { name_type: NameType::host_name, name: NAME.as_bytes() };
    let name = ClientExtension::ServerName(ServerNameList { server_name_list: vec![name] });
    assert_eq!(with(name), [&[E::server_name], &always[..]].concat());
    // Nothing is stapled, no protocol is configured, and there are no tickets.
    let request = OcspStatusRequest { responder_id_list: vec![], request_extensions: &[] };
    assert_eq!(with(ClientExtension::StatusRequest(CertificateStatusRequest::Ocsp(request))), always);
    let protocols = ProtocolNameList { protocol_name_list: vec![b"h2"] };
    assert_eq!(with(ClientExtension::ApplicationLayerProtocolNegotiation(protocols)), always);
    assert_eq!(with(ClientExtension::SessionTicket(&[])), always);
    assert_eq!(with(ClientExtension::SignedCertificateTimestamp), always);
    assert_eq!(with(ClientExtension::RecordSizeLimit(64)), [&always[..], &[E::record_size_limit]].concat());
    let (extension_type, extension_data) = (ExtensionType(0x7a7a), &b"x"[..]);
    assert_eq!(with(ClientExtension::Unknown(UnknownExtension { extension_type, extension_data })), always);
}

#[test]
fn renegotiation_info_answers_the_extension_and_the_signalling_value_and_neither_is_missed() {
    let stage = Stage::new();
    let of = |has_extension: bool, has_scsv: bool| {
        let scene = told(&stage, |hello| {
            if !has_extension {
                hello.extensions.as_mut().unwrap().pop();
            }
            if has_scsv {
                hello.cipher_suites.push(CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV);
            }
        });
        let answers = answered(&scene).contains(&ExtensionType::renegotiation_info);
        let scene = scene.say(&[ClientKeyExchange]).say(&END);
        assert_eq!(scene.outcome(), "Connected");
        assert_eq!(scene.end.peer_sent_renegotiation_info(), answers);
        answers
    };
    assert_eq!([of(true, false), of(false, true), of(true, true), of(false, false)], [true, true, true, false]);
    // A server that does not know it is talked to all the same: there is no renegotiation to protect. RFC 5746 §3.4.
    let bare = |hello: &mut ServerHello<'_>| {
        hello.extensions.as_mut().unwrap().retain(|it| it.extension_type() == ExtensionType::extended_master_secret);
    };
    let scene = stage.client().say_message(|peer| peer.server_hello_with(bare)).say(&SERVER_FLIGHT[1..]).say(&END);
    assert_eq!(scene.outcome(), "Connected");
    assert!(!scene.end.peer_sent_renegotiation_info());
    assert!(stage.connected_client().end.peer_sent_renegotiation_info());
}

#[test]
fn hello_without_groups_or_point_formats_gets_a_curve_that_everybody_has() {
    let stage = Stage::new();
    let p256 = stage.server.clone().groups([NamedGroup::x25519, NamedGroup::secp256r1]).unwrap();
    let scene = stage.server_with(p256).say_message(|peer| {
        peer.client_hello_with(|hello| {
            let extensions = hello.extensions.as_mut().unwrap();
            extensions
                .retain(|it| !matches!(it, ClientExtension::SupportedGroups(_) | ClientExtension::EcPointFormats(_)));
        })
    });
    let message: ServerKeyExchange<'_> = read_all(bodies(&scene, HandshakeType::server_key_exchange)[0]).unwrap();
    assert_eq!(message.params.named_curve, NamedGroup::secp256r1);
    // Uncompressed. RFC 8422 §5.4.1.
    assert_eq!((message.params.public[0], message.params.public.len()), (4, 65));
    assert!(!answered(&scene).contains(&ExtensionType::ec_point_formats));
}

#[test]
fn unknown_values_in_hellos_are_passed_over() {
    let stage = Stage::new();
    let scene = told(&stage, |hello| {
        hello.legacy_version = ProtocolVersion(0x0304);
        hello.cipher_suites.insert(0, CipherSuite(0x0a0a));
        hello.legacy_compression_methods.insert(0, CompressionMethod(64));
        let extensions = hello.extensions.as_mut().unwrap();
        extensions[0] = ClientExtension::SupportedGroups(vec![NamedGroup(0x0a0a), GROUP, NamedGroup::secp256r1]);
        extensions[1] = ClientExtension::EcPointFormats(vec![EcPointFormat(2), EcPointFormat::uncompressed]);
        extensions[2] = ClientExtension::SignatureAlgorithms(vec![SignatureScheme(0x0a0a), SCHEME]);
    });
    assert_eq!(scene.say(&[ClientKeyExchange]).say(&END).outcome(), "Connected");
    // Some servers answer supported_groups, which has no place there.
    let groups = || {
        let (extension_type, extension_data) = (ExtensionType::supported_groups, &[0, 2, 0, 29][..]);
        ServerExtension::Unknown(UnknownExtension { extension_type, extension_data })
    };
    let scene = stage.client().say_message(|peer| {
        peer.server_hello_with(|hello| {
            let extensions = hello.extensions.as_mut().unwrap();
            extensions[2] = ServerExtension::EcPointFormats(vec![EcPointFormat(1), EcPointFormat::uncompressed]);
            extensions.push(groups());
            extensions.push(ServerExtension::ServerNameAck);
        })
    });
    assert_eq!(scene.say(&SERVER_FLIGHT[1..]).say(&END).outcome(), "Connected");
}

#[test]
fn certificate_request_names_types_schemes_and_authorities() {
    let stage = Stage::new();
    let scene = stage.server_with(stage.requiring_server()).say(&[Hello]);
    let request: CertificateRequestTls12<'_> = read_all(bodies(&scene, HandshakeType::certificate_request)[0]).unwrap();
    assert_eq!(request.certificate_types, [ClientCertificateType::ecdsa_sign, ClientCertificateType::rsa_sign]);
    assert!(request.supported_signature_algorithms.contains(&SignatureScheme::rsa_pkcs1_sha256));
    assert!(!request.supported_signature_algorithms.iter().any(|scheme| scheme.to_string().ends_with("sha1")));
    assert_eq!(request.certificate_authorities.len(), 1);
}

#[test]
fn client_without_a_certificate_of_the_kind_asked_for_shows_an_empty_list() {
    let stage = Stage::new();
    let shown = |edit: fn(&mut CertificateRequestTls12<'_>)| {
        let scene = stage.client().say(&SERVER_FLIGHT[..3]);
        let scene = scene.say_message(|_| script_tls12::certificate_request_with(edit));
        let scene = scene.say(&[Say::ServerHelloDone]).say(&END);
        assert_eq!(scene.outcome(), "Connected");
        let certificate: CertificateTls12<'_> = read_all(bodies(&scene, HandshakeType::certificate)[0]).unwrap();
        let shown = certificate.certificate_list.len();
        assert_eq!(bodies(&scene, HandshakeType::certificate_verify).len(), shown);
        shown
    };
    assert_eq!(shown(|_| {}), 1);
    assert_eq!(shown(|request| request.certificate_types = vec![ClientCertificateType::rsa_sign]), 0);
    assert_eq!(shown(|request| request.certificate_types = vec![ClientCertificateType(64 + 100)]), 0);
    assert_eq!(shown(|request| request.supported_signature_algorithms = vec![SignatureScheme::rsa_pss_rsae_sha256]), 0);
    assert_eq!(shown(|request| request.supported_signature_algorithms = vec![SignatureScheme::ecdsa_sha1]), 0);
    // Nobody asked: nothing is shown.
    let scene = stage.client().say(&SERVER_FLIGHT).say(&END);
    assert_eq!(bodies(&scene, HandshakeType::certificate), [b""; 0]);
}

#[test]
fn client_certificate_is_reported_and_an_unknown_authority_is_refused() {
    let stage = Stage::new();
    let says = [Hello, Say::Certificate, ClientKeyExchange, Say::CertificateVerify];
    let scene = stage.server_with(stage.requiring_server()).say(&says).say(&END);
    assert_eq!((scene.outcome(), scene.end.peer_certificates().len()), ("Connected", 1));
    assert_eq!(scene.end.peer_signature_scheme(), Some(SCHEME));
    let stranger = Arc::new(pair::Authority::named("Another Authority").roots());
    let mut scene = stage.server_with(stage.server.clone().client_auth(ClientAuth::Require(stranger))).say(&says[..2]);
    assert_eq!(scene.outcome(), "UnknownIssuer");
    scene.assert_failed_with_its_alert();
}

#[test]
fn record_versions_are_tls_1_0_in_the_first_client_hello_and_tls_1_2_ever_after() {
    let stage = Stage::new();
    let mut pair = Pair::new(stage.client.clone(), stage.server.clone());
    let first = output(&mut pair.client);
    assert_eq!(first[..3], [ContentType::handshake.0, 3, 1]);
    pair.to_server = first;
    pair::feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
    let flight = output(&mut pair.server);
    assert_eq!(flight[..3], [ContentType::handshake.0, 3, 3]);
    pair.to_client = flight;
    pair::feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen).unwrap();
    let mut rest = &output(&mut pair.client)[..];
    let mut types = Vec::new();
    while let [content_type, 3, 3, high, low, behind @ ..] = rest {
        types.push(ContentType(*content_type));
        rest = &behind[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    assert_eq!(
        (types, rest),
        (vec![ContentType::handshake, ContentType::change_cipher_spec, ContentType::handshake], &[][..])
    );
    // A peer's version is ignored as long as nothing is protected.
    let scene = stage.server().with(|peer| {
        let hello = peer.compose(Hello);
        peer.count(&hello);
        let mut record = plain_record(ContentType::handshake, &hello);
        record[2] = 0;
        record
    });
    assert_eq!(scene.say(&[ClientKeyExchange]).say(&END).outcome(), "Connected");
}

#[test]
fn alpn_and_names_are_agreed_on_in_the_hellos() {
    let stage = Stage::new();
    let client = stage.client.clone().alpn(["h2", "imap"]).unwrap();
    let server = stage.server.clone().alpn(["imap", "h2"]).unwrap();
    let pair = Pair::established(client.clone(), server);
    for end in [&*pair.client, &*pair.server] {
        assert_eq!((end.alpn_protocol(), end.server_name()), (Some(&b"imap"[..]), Some(NAME)));
        assert!(!end.hello_retried());
    }
    // A server without protocols answers none, and the client goes on. RFC 7301 §3.2.
    assert_eq!(Pair::established(client, stage.server.clone()).client.alpn_protocol(), None);
}

#[test]
fn scripted_request_without_authorities_or_with_strange_types_is_answered() {
    let stage = Stage::new();
    let scene = stage.client().say(&SERVER_FLIGHT[..3]).say_message(|_| {
        script_tls12::certificate_request_with(|request| {
            request.certificate_types.insert(0, ClientCertificateType(20));
            request.supported_signature_algorithms.insert(0, SignatureScheme(0x0a0a));
        })
    });
    assert_eq!(scene.say(&[Say::ServerHelloDone]).say(&END).outcome(), "Connected");
    assert_eq!(stage.client().say(&SERVER_FLIGHT[..3]).say(&[CertificateRequest]).outcome(), "WaitServerHelloDone");
}
