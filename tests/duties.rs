//! What the RFC makes an end send: the fields of our messages, their order, and what must not be among them.

#![cfg(feature = "ring")]

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::sync::Arc;

use bulla::error::Misuse;
use bulla::wire::{
    CertificateRequestExtension, CipherSuite, ClientExtension, ClientHello, CompressionMethod, ContentType,
    EncryptedExtension, ExtensionContext, ExtensionType, HELLO_RETRY_REQUEST_RANDOM, HandshakeType, HelloRetryRequest,
    KeyUpdateRequest, NameType, NamedGroup, ProtocolNameList, ProtocolVersion, RetryExtension, ServerExtension,
    ServerHello, ServerNameEntry, ServerNameList, SignatureScheme, allowed_in, read_all, write_message,
};
use bulla::{ClientConfig, ClientConnection, Error, ServerName};
use pair::{KeyKind, NAME, Pair, configs, output};
use scene::{SERVER_FLIGHT, Scene, Stage};
use script::Say::{ClientHello as Hello, HelloRetryRequest as Retry, KeyUpdate, ServerHello as Answer};
use script::{GROUP, Heard, RETRY_GROUP, SUITE, key_update};

/// The bodies of the messages heard of this type.
fn bodies(scene: &Scene, handshake_type: HandshakeType) -> Vec<&[u8]> {
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        Heard::Message(bytes) if bytes[0] == handshake_type.0 => Some(&bytes[4..]),
        _ => None,
    });
    messages.collect()
}

fn hellos(scene: &Scene) -> Vec<ClientHello<'_>> {
    bodies(scene, HandshakeType::client_hello).into_iter().map(|body| read_all(body).unwrap()).collect()
}

fn extension_types(hello: &ClientHello<'_>) -> Vec<ExtensionType> {
    hello.extensions.iter().flatten().map(ClientExtension::extension_type).collect()
}

/// What each record of a first flight says of itself: content type and legacy_record_version.
fn headers(mut records: &[u8]) -> Vec<(u8, u16)> {
    let mut headers = Vec::new();
    while let [content_type, major, minor, high, low, rest @ ..] = records {
        headers.push((*content_type, u16::from_be_bytes([*major, *minor])));
        records = &rest[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    headers
}

#[test]
fn client_hello_has_the_fields_that_the_rfc_fixes() {
    let stage = Stage::new();
    let scene = stage.client_with(ClientConfig::new(stage.authority.roots()).alpn(["h2", "http/1.1"]).unwrap());
    let hello = &hellos(&scene)[0];
    assert_eq!(hello.legacy_version, ProtocolVersion::TLSv1_2);
    assert_eq!(hello.legacy_session_id.len(), 32);
    assert_eq!(hello.legacy_compression_methods, [CompressionMethod::null]);
    assert_eq!(hello.cipher_suites, bulla::crypto::ring::provider().cipher_suites());
    let types = extension_types(hello);
    for required in [
        ExtensionType::supported_versions,
        ExtensionType::supported_groups,
        ExtensionType::key_share,
        ExtensionType::signature_algorithms,
        ExtensionType::server_name,
        ExtensionType::application_layer_protocol_negotiation,
    ] {
        assert_eq!(types.iter().filter(|it| **it == required).count(), 1, "{required}");
    }
    let of_tls12 =
        [ExtensionType::ec_point_formats, ExtensionType::extended_master_secret, ExtensionType::renegotiation_info];
    let of_tls12 = if cfg!(feature = "tls12") { &of_tls12[..] } else { &[] };
    assert!(of_tls12.iter().all(|it| types.contains(it)), "{types:?}");
    // What we cannot do is not offered: RFC 8446 §9.3.
    assert_eq!(types.len(), 6 + of_tls12.len(), "{types:?}");
    for extension in hello.extensions.iter().flatten() {
        match extension {
            ClientExtension::SupportedVersions(versions) => {
                assert_eq!(versions[..], *bulla::config::AVAILABLE_VERSIONS);
            }
            ClientExtension::SignatureAlgorithms(schemes) => {
                let is_pkcs1 = |scheme: &SignatureScheme| scheme.to_string().starts_with("rsa_pkcs1");
                let first = schemes.iter().position(is_pkcs1).unwrap();
                assert!(schemes[first..].iter().all(is_pkcs1), "certificate-only schemes come last: {schemes:?}");
                assert!(!schemes.iter().any(|scheme| scheme.to_string().ends_with("sha1")));
            }
            ClientExtension::ServerName(list) => {
                let entry = ServerNameEntry { name_type: NameType::host_name, name: NAME.as_bytes() };
                assert_eq!(list.server_name_list, [entry]);
            }
            _ => {}
        }
    }
}

#[test]
fn key_shares_are_of_listed_groups_in_their_order_and_fresh_in_each_connection() {
    let stage = Stage::new();
    let config = ClientConfig::new(stage.authority.roots());
    let shares = |scene: &Scene| -> (Vec<NamedGroup>, Vec<(NamedGroup, Vec<u8>)>) {
        let hello = &hellos(scene)[0];
        let (mut groups, mut shares) = (vec![], vec![]);
        for extension in hello.extensions.iter().flatten() {
            match extension {
                ClientExtension::SupportedGroups(list) => groups = list.clone(),
                ClientExtension::KeyShare(list) => {
                    shares = list.iter().map(|entry| (entry.group, entry.key_exchange.to_vec())).collect();
                }
                _ => {}
            }
        }
        (groups, shares)
    };
    let (groups, first) = shares(&stage.client_with(config.clone()));
    let (_, second) = shares(&stage.client_with(config));
    let mut listed = groups.iter();
    for (group, _) in &first {
        assert!(listed.any(|it| it == group), "{group} is not listed, or out of order");
    }
    let sent: Vec<_> = first.iter().map(|(group, _)| *group).collect();
    let with_hybrid = [NamedGroup::X25519MLKEM768, GROUP];
    assert_eq!(sent, if cfg!(feature = "post-quantum") { &with_hybrid[..] } else { &with_hybrid[1..] });
    assert!(first.iter().zip(&second).all(|(one, other)| one.0 == other.0 && one.1 != other.1));
}

#[test]
fn randoms_and_session_ids_differ_from_connection_to_connection() {
    let stage = Stage::new();
    let (one, other) = (stage.client(), stage.client());
    assert_ne!(hellos(&one)[0].random, hellos(&other)[0].random);
    assert_ne!(hellos(&one)[0].legacy_session_id, hellos(&other)[0].legacy_session_id);
    let (one, other) = (stage.server().say(&[Hello]), stage.server().say(&[Hello]));
    let server_random = |scene: &Scene| {
        let body = bodies(scene, HandshakeType::server_hello)[0].to_vec();
        read_all::<ServerHello<'_>>(&body).unwrap().random
    };
    assert_ne!(server_random(&one), server_random(&other));
}

#[test]
fn server_name_is_a_host_name_without_a_dot_at_its_end_and_never_an_address() {
    let config = Arc::new(configs(KeyKind::EcdsaP256).0);
    let sent = |name: &str| {
        let mut client = ClientConnection::new(Arc::clone(&config), ServerName::try_from(name.to_string()).unwrap());
        let flight = output(client.as_mut().unwrap());
        let hello: ClientHello<'_> = read_all(&flight[9..]).unwrap();
        let names = hello.extensions.iter().flatten().find_map(|extension| match extension {
            ClientExtension::ServerName(list) => Some(list.server_name_list.clone()),
            _ => None,
        });
        names.map(|names| names.iter().map(|entry| String::from_utf8(entry.name.to_vec()).unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(sent("server.test").unwrap(), ["server.test"]);
    assert_eq!(sent("server.test.").unwrap(), ["server.test"]);
    assert_eq!(sent("192.0.2.1"), None);
    assert_eq!(sent("2001:db8::1"), None);
}

#[test]
fn record_versions_are_tls_1_0_in_the_first_client_hello_and_tls_1_2_ever_after() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.groups([GROUP, RETRY_GROUP]).unwrap();
    let mut pair = Pair::new(client, server.groups([RETRY_GROUP]).unwrap());
    let first = output(&mut pair.client);
    assert_eq!(headers(&first), [(22, 0x0301)]);
    pair.to_server = first;
    let mut rest = Vec::new();
    for _ in 0..3 {
        pair::feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
        pair.to_client = output(&mut pair.server);
        rest.extend(headers(&pair.to_client));
        pair::feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen).unwrap();
        pair.to_server = output(&mut pair.client);
        rest.extend(headers(&pair.to_server));
    }
    assert!(pair.client.is_established() && pair.client.hello_retried());
    pair.client.close();
    rest.extend(headers(&output(&mut pair.client)));
    assert!(rest.len() > 6 && rest.iter().all(|(_, version)| *version == 0x0303), "{rest:x?}");
    // Nothing but the four types, and what is protected says that it is application data, whatever it is.
    assert!(rest.iter().all(|(content_type, _)| (20..=23).contains(content_type)), "{rest:x?}");
    assert_eq!(rest.last(), Some(&(23, 0x0303)));
}

#[test]
fn second_client_hello_repeats_the_first_but_for_share_and_cookie() {
    let stage = Stage::new();
    let cookie: &[u8] = b"a cookie of the server";
    for (retry, group, with_cookie) in [
        (vec![RetryExtension::KeyShare(RETRY_GROUP)], RETRY_GROUP, false),
        (vec![RetryExtension::KeyShare(RETRY_GROUP), RetryExtension::Cookie(cookie)], RETRY_GROUP, true),
        (vec![RetryExtension::Cookie(cookie)], GROUP, true),
    ] {
        let scene = stage.client().say_message(|peer| {
            peer.hello_retry_request_with(|request| {
                request.extensions.truncate(1);
                request.extensions.extend(retry);
            })
        });
        assert_eq!(scene.error, None);
        let hellos = hellos(&scene);
        let [first, second] = &hellos[..] else { panic!("there should be two hellos") };
        let others = |hello: &ClientHello<'_>| {
            let mut hello = hello.clone();
            let changes = [ExtensionType::key_share, ExtensionType::cookie];
            hello.extensions.as_mut().unwrap().retain(|it| !changes.contains(&it.extension_type()));
            write_message(&hello).unwrap()
        };
        assert_eq!(others(first), others(second));
        assert!(!extension_types(first).contains(&ExtensionType::cookie));
        let cookies = second.extensions.iter().flatten();
        let cookies = cookies.filter(|it| matches!(it, ClientExtension::Cookie(bytes) if *bytes == cookie)).count();
        assert_eq!(cookies, usize::from(with_cookie));
        let groups = second.extensions.iter().flatten().find_map(|extension| match extension {
            ClientExtension::KeyShare(shares) => Some(shares.iter().map(|it| it.group).collect::<Vec<_>>()),
            _ => None,
        });
        assert_eq!(groups.unwrap(), [group]);
    }
}

#[test]
fn client_sends_change_cipher_spec_before_its_second_flight_once_or_never() {
    let stage = Stage::new();
    let order = |scene: &Scene| -> Vec<String> {
        let say = |heard: &Heard| match heard {
            Heard::Message(bytes) => HandshakeType(bytes[0]).to_string(),
            other => format!("{other:?}"),
        };
        scene.peer.heard.iter().map(say).collect()
    };
    let plain = stage.client().say(&SERVER_FLIGHT);
    assert_eq!(order(&plain), ["ClientHello", "ChangeCipherSpec", "Finished"]);
    let retried = stage.client().say(&[Retry]).say(&SERVER_FLIGHT);
    assert_eq!(order(&retried), ["ClientHello", "ChangeCipherSpec", "ClientHello", "Finished"]);
    let without = stage.client_with(stage.client.clone().middlebox_compatibility(false));
    assert_eq!(hellos(&without)[0].legacy_session_id, b"");
    assert_eq!(order(&without.say(&[Retry]).say(&SERVER_FLIGHT)), ["ClientHello", "ClientHello", "Finished"]);
}

#[test]
fn server_sends_change_cipher_spec_behind_its_first_message_if_there_is_a_session_id() {
    let stage = Stage::new();
    let hello = |scene: Scene, session_id: &'static [u8]| {
        scene.say_message(|peer| peer.client_hello_with(|hello| hello.legacy_session_id = session_id))
    };
    let count = |scene: &Scene| scene.peer.heard.iter().filter(|it| **it == Heard::ChangeCipherSpec).count();
    let scene = hello(stage.server(), &[1; 32]);
    assert!(matches!(&scene.peer.heard[..2], [Heard::Message(_), Heard::ChangeCipherSpec]));
    assert_eq!(count(&scene), 1);
    assert_eq!(count(&hello(stage.server(), &[])), 0);
    let retried = hello(hello(stage.server_with(stage.retrying_server()), &[2; 7]), &[2; 7]);
    assert!(matches!(&retried.peer.heard[..2], [Heard::Message(_), Heard::ChangeCipherSpec]));
    assert_eq!((retried.outcome(), count(&retried)), ("WaitFinished", 1));
}

#[test]
fn server_hello_has_the_fields_that_the_rfc_fixes() {
    let stage = Stage::new();
    let scene = stage.server().say(&[Hello]);
    let hello: ServerHello<'_> = read_all(bodies(&scene, HandshakeType::server_hello)[0]).unwrap();
    assert_eq!(hello.legacy_version, ProtocolVersion::TLSv1_2);
    assert_eq!(hello.legacy_session_id_echo, [8; 32]);
    assert_eq!((hello.cipher_suite, hello.legacy_compression_method), (SUITE, CompressionMethod::null));
    assert_eq!(hello.random.downgrade_sentinel(), None);
    let extensions = hello.extensions.unwrap();
    assert_eq!(extensions.len(), 2);
    assert!(extensions.contains(&ServerExtension::SupportedVersions(ProtocolVersion::TLSv1_3)));
    assert!(extensions.iter().any(|it| matches!(it, ServerExtension::KeyShare(share) if share.group == GROUP)));
}

#[test]
fn hello_retry_request_has_the_fields_that_the_rfc_fixes_and_no_more() {
    let stage = Stage::new();
    let scene = stage.server_with(stage.retrying_server()).say(&[Hello]);
    let body = bodies(&scene, HandshakeType::server_hello)[0];
    assert_eq!(&body[2..34], HELLO_RETRY_REQUEST_RANDOM.0);
    let expected = HelloRetryRequest {
        legacy_version: ProtocolVersion::TLSv1_2,
        legacy_session_id_echo: &[8; 32],
        cipher_suite: SUITE,
        legacy_compression_method: CompressionMethod::null,
        extensions: vec![
            RetryExtension::SupportedVersions(ProtocolVersion::TLSv1_3),
            RetryExtension::KeyShare(RETRY_GROUP),
        ],
    };
    assert_eq!(read_all::<HelloRetryRequest<'_>>(body).unwrap(), expected);
}

#[test]
fn encrypted_extensions_answer_what_was_asked_and_nothing_else() {
    let stage = Stage::new();
    let config = || stage.server.clone().alpn(["h2"]).unwrap();
    let answered = |extra: Vec<ClientExtension<'static>>| -> Vec<ExtensionType> {
        let scene = stage
            .server_with(config())
            .say_message(|peer| peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().extend(extra)));
        let body = bodies(&scene, HandshakeType::encrypted_extensions)[0];
        let message: bulla::wire::EncryptedExtensions<'_> = read_all(body).unwrap();
        message.extensions.iter().map(EncryptedExtension::extension_type).collect()
    };
    let name = ServerNameEntry { name_type: NameType::host_name, name: NAME.as_bytes() };
    let name = ClientExtension::ServerName(ServerNameList { server_name_list: vec![name] });
    let protocols = ProtocolNameList { protocol_name_list: vec![b"http/1.1", b"h2"] };
    let protocols = ClientExtension::ApplicationLayerProtocolNegotiation(protocols);
    assert_eq!(answered(vec![]), []);
    assert_eq!(answered(vec![name.clone()]), [ExtensionType::server_name]);
    let both = [ExtensionType::server_name, ExtensionType::application_layer_protocol_negotiation];
    assert_eq!(answered(vec![protocols, name]), both);
    let others = vec![
        ClientExtension::SignedCertificateTimestamp,
        ClientExtension::PostHandshakeAuth,
        ClientExtension::ExtendedMasterSecret,
    ];
    assert_eq!(answered(others), []);
    assert_eq!(answered(vec![ClientExtension::RecordSizeLimit(4096)]), [ExtensionType::record_size_limit]);
}

#[test]
fn certificate_request_names_schemes_and_authorities_under_an_empty_context() {
    let stage = Stage::new();
    let scene = stage.server_with(stage.requiring_server()).say(&[Hello]);
    let body = bodies(&scene, HandshakeType::certificate_request)[0];
    let request: bulla::wire::CertificateRequest<'_> = read_all(body).unwrap();
    assert_eq!(request.certificate_request_context, b"");
    let types: Vec<_> = request.extensions.iter().map(CertificateRequestExtension::extension_type).collect();
    assert_eq!(types, [ExtensionType::signature_algorithms, ExtensionType::certificate_authorities]);
    let order = scene.peer.heard.iter().filter_map(|it| if let Heard::Message(it) = it { Some(it[0]) } else { None });
    assert_eq!(order.collect::<Vec<_>>(), [2, 8, 13, 11, 15, 20]);
}

#[test]
fn alert_about_a_clients_certificate_travels_under_application_keys() {
    let stage = Stage::new();
    let mut scene = stage.server_with(stage.requiring_server()).say(&[Hello, script::Say::EmptyCertificate]);
    assert_eq!(scene.outcome(), "ClientCertificateRequired");
    // The scripted client has gone over to application keys with the server's Finished, and has read the alert.
    scene.assert_failed_with_its_alert();
}

#[test]
fn hello_longer_than_a_record_is_split_and_joined() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let names: Vec<String> = (0..100).map(|index| format!("{index:0250}")).collect();
    let mut pair = Pair::new(client.alpn(names).unwrap(), server);
    let flight = output(&mut pair.client);
    assert_eq!(headers(&flight), [(22, 0x0301), (22, 0x0301)]);
    pair.to_server = flight;
    pair.run().unwrap();
    assert!(pair.client.is_established() && pair.server.is_established());
}

/// RFC 8446 §4.2's table, row by row.
#[test]
fn each_extension_may_stand_in_the_messages_of_the_rfcs_table_and_no_other() {
    use ExtensionContext::{
        Certificate as CT, CertificateRequest as CR, ClientHello as CH, EncryptedExtensions as EE,
        HelloRetryRequest as HRR, NewSessionTicket as NST, ServerHello as SH,
    };
    type T = ExtensionType;
    let table: &[(T, &[ExtensionContext])] = &[
        // In CertificateRequest by RFC 9846 §4.3 alone, for RFC 9261.
        (T::server_name, &[CH, EE, CR]),
        (T::max_fragment_length, &[CH, EE]),
        (T::status_request, &[CH, CR, CT]),
        (T::supported_groups, &[CH, EE]),
        (T::signature_algorithms, &[CH, CR]),
        (T::use_srtp, &[CH, EE]),
        (T::heartbeat, &[CH, EE]),
        (T::application_layer_protocol_negotiation, &[CH, EE]),
        (T::signed_certificate_timestamp, &[CH, CR, CT]),
        (T::client_certificate_type, &[CH, EE]),
        (T::server_certificate_type, &[CH, EE]),
        (T::padding, &[CH]),
        (T::key_share, &[CH, SH, HRR]),
        (T::pre_shared_key, &[CH, SH]),
        (T::psk_key_exchange_modes, &[CH]),
        (T::early_data, &[CH, EE, NST]),
        (T::cookie, &[CH, HRR]),
        (T::supported_versions, &[CH, SH, HRR]),
        (T::certificate_authorities, &[CH, CR]),
        (T::oid_filters, &[CR]),
        (T::post_handshake_auth, &[CH]),
        (T::signature_algorithms_cert, &[CH, CR]),
    ];
    for (extension, messages) in table {
        for context in [CH, SH, EE, CT, CR, NST, HRR] {
            assert_eq!(allowed_in(*extension, context), Some(messages.contains(&context)), "{extension} {context:?}");
        }
    }
    assert_eq!(allowed_in(ExtensionType(0x0a0a), CH), None);
}

#[test]
fn second_request_for_new_keys_waits_for_the_answer_to_the_first() {
    let stage = Stage::new();
    let mut scene = stage.connected_client();
    let requests = |scene: &Scene| -> Vec<u8> {
        bodies(scene, HandshakeType::key_update).into_iter().map(|body| body[0]).collect()
    };
    for _ in 0..2 {
        scene.end.update_keys(true).unwrap();
        scene.listen();
    }
    assert_eq!(requests(&scene), [1, 0]);
    let mut scene = scene.say(&[KeyUpdate]);
    scene.end.update_keys(true).unwrap();
    scene.listen();
    assert_eq!(requests(&scene), [1, 0, 1]);
}

#[test]
fn crossing_requests_for_new_keys_move_each_side_on_by_two_generations() {
    let stage = Stage::new();
    let mut scene = stage.connected_server();
    scene.end.update_keys(true).unwrap();
    scene.listen();
    let scene = scene.say_message(|_| key_update(KeyUpdateRequest::update_requested));
    let requests: Vec<u8> = bodies(&scene, HandshakeType::key_update).into_iter().map(|body| body[0]).collect();
    assert_eq!(requests, [1, 0]);
    // The peer owes an answer too, and is followed under both generations of its keys.
    let scene = scene.say_message(|_| key_update(KeyUpdateRequest::update_not_requested));
    let scene = scene.say_record(ContentType::application_data, b"under the third");
    assert_eq!(pair::data(&scene.seen), b"under the third");
}

#[test]
fn data_cannot_be_sent_before_the_handshake_is_finished() {
    let stage = Stage::new();
    let mut scenes = vec![stage.client(), stage.server(), stage.server().say(&[Hello])];
    for scene in &mut scenes {
        let refused = Error::Misuse(Misuse::HandshakeNotFinished);
        assert!(!scene.end.may_send());
        assert_eq!(scene.end.send(b"data", &mut [0; 1024]).unwrap_err(), refused);
        assert_eq!(scene.end.send_in_place(&mut [0; 1024], 5..9).unwrap_err(), refused);
        scene.peer.heard.clear();
        scene.listen();
        assert_eq!(scene.peer.heard, []);
    }
}

#[test]
fn lists_of_the_configuration_keep_their_order_in_the_hello() {
    let stage = Stage::new();
    let suites = [CipherSuite::TLS_CHACHA20_POLY1305_SHA256, CipherSuite::TLS_AES_128_GCM_SHA256];
    let groups = [RETRY_GROUP, NamedGroup::secp384r1, GROUP];
    let schemes = [SignatureScheme::ed25519, SignatureScheme::ecdsa_secp256r1_sha256];
    let config = ClientConfig::new(stage.authority.roots()).alpn(["b", "c", "a"]).unwrap();
    let config = config.cipher_suites(suites).unwrap().groups(groups).unwrap().signature_schemes(schemes).unwrap();
    let scene = stage.client_with(config);
    let hello = &hellos(&scene)[0];
    assert_eq!(hello.cipher_suites, suites);
    for extension in hello.extensions.iter().flatten() {
        match extension {
            ClientExtension::SupportedGroups(list) => assert_eq!(list[..], groups),
            ClientExtension::SignatureAlgorithms(list) => assert_eq!(list[..2], schemes),
            ClientExtension::ApplicationLayerProtocolNegotiation(list) => {
                assert_eq!(list.protocol_name_list, [b"b", b"c", b"a"]);
            }
            ClientExtension::KeyShare(list) => assert_eq!(list[0].group, RETRY_GROUP),
            _ => {}
        }
    }
}

#[test]
fn alert_about_what_follows_server_hello_is_protected() {
    let stage = Stage::new();
    let mut client = stage.client().say(&[Answer]);
    // EncryptedExtensions with bytes left over.
    let mut record = client.peer.say_message(&[8, 0, 0, 3, 0, 0, 0]);
    assert_eq!(client.end.receive(&mut record).unwrap_err().name(), "MalformedTrailingBytes");
    assert_eq!(headers(&output(&mut client.end)), [(23, 0x0303)]);
    let mut server = stage.server_with(stage.requiring_server()).say(&[Hello]);
    let mut record = server.peer.say_message(&[11, 0, 0, 1, 0]);
    assert_eq!(server.end.receive(&mut record).unwrap_err().name(), "MalformedTruncated");
    assert_eq!(headers(&output(&mut server.end)), [(23, 0x0303)]);
}
