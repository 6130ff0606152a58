//! What the RFC makes an end bear: everything of a peer's that is to be ignored, dropped or skipped, and no more than that.

#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use bulla::wire::{
    AlertDescription, AlertLevel, CertificateRequestExtension, CipherSuite, ClientExtension, ContentType,
    ExtensionType, HandshakeType, KeyShareEntry, KeyUpdateRequest, NamedGroup, NewSessionTicket,
    NewSessionTicketExtension, OfferedPsks, ProtocolNameList, ProtocolVersion, PskBinderEntry, PskIdentity,
    PskKeyExchangeMode, ServerHello, SignatureScheme, UnknownExtension, read_all, write_message,
};
use pair::{Seen, data};
use scene::{SERVER_FLIGHT, Scene, Stage};
use script::Say::{
    Certificate, CertificateVerify, ClientHello as Hello, EncryptedExtensions, Finished, ServerHello as Answer,
};
use script::{GROUP, Heard, SUITE, certificate_request_with, change_cipher_spec, key_update, new_session_ticket};

/// The bodies of the messages heard of this type.
fn bodies(scene: &Scene, handshake_type: HandshakeType) -> Vec<&[u8]> {
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        Heard::Message(bytes) if bytes[0] == handshake_type.0 => Some(&bytes[4..]),
        _ => None,
    });
    messages.collect()
}

#[test]
fn empty_list_of_shares_asks_for_a_retry_and_gets_it() {
    let stage = Stage::new();
    let scene = stage.server().say_message(|peer| {
        peer.client_hello_with(|hello| {
            hello.extensions.as_mut().unwrap().pop();
            hello.extensions.as_mut().unwrap().push(ClientExtension::KeyShare(vec![]));
        })
    });
    assert_eq!(scene.outcome(), "WaitSecondClientHello");
}

/// RFC 8701: what nobody knows, wherever a client may put it.
#[test]
fn unknown_values_in_a_client_hello_are_ignored() {
    let stage = Stage::new();
    let config = stage.server.clone().alpn(["h2"]).unwrap();
    let scene = stage.server_with(config).say_message(|peer| {
        peer.client_hello_with(|hello| {
            hello.cipher_suites.insert(0, CipherSuite(0x0a0a));
            let extensions = hello.extensions.as_mut().unwrap();
            for extension in extensions.iter_mut() {
                match extension {
                    ClientExtension::SupportedVersions(list) => list.insert(0, ProtocolVersion(0x1a1a)),
                    ClientExtension::SupportedGroups(list) => list.insert(0, NamedGroup(0x2a2a)),
                    ClientExtension::SignatureAlgorithms(list) => list.insert(0, SignatureScheme(0x3a3a)),
                    ClientExtension::KeyShare(list) => {
                        list.insert(0, KeyShareEntry { group: NamedGroup(0x2a2a), key_exchange: &[0] });
                    }
                    _ => {}
                }
            }
            let unknown = |code, extension_data| {
                ClientExtension::Unknown(UnknownExtension { extension_type: ExtensionType(code), extension_data })
            };
            extensions.insert(0, unknown(0x4a4a, b""));
            extensions.push(ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode(0x2a)]));
            let protocol_name_list = vec![&[0x5a, 0x5a][..], b"h2"];
            let protocols = ProtocolNameList { protocol_name_list };
            extensions.push(ClientExtension::ApplicationLayerProtocolNegotiation(protocols));
            extensions.push(unknown(0x6a6a, b"anything at all"));
        })
    });
    let scene = scene.say(&[Finished]);
    assert_eq!((scene.outcome(), scene.end.alpn_protocol()), ("Connected", Some(&b"h2"[..])));
    assert_eq!((scene.end.cipher_suite(), scene.end.group()), (Some(SUITE), Some(GROUP)));
}

#[test]
fn unknown_extensions_of_certificate_request_and_ticket_are_ignored() {
    let stage = Stage::new();
    let unknown = |code| UnknownExtension { extension_type: ExtensionType(code), extension_data: b"?" };
    let scene = stage.client().say(&[Answer, EncryptedExtensions]).say_message(|_| {
        certificate_request_with(|request| {
            request.extensions.insert(0, CertificateRequestExtension::Unknown(unknown(0x0a0a)));
            let schemes = request.extensions.iter_mut().find_map(|extension| match extension {
                CertificateRequestExtension::SignatureAlgorithms(schemes) => Some(schemes),
                _ => None,
            });
            schemes.unwrap().insert(0, SignatureScheme(0x1a1a));
        })
    });
    let scene = scene.say(&[Certificate, CertificateVerify, Finished]);
    assert_eq!(scene.outcome(), "Connected");
    assert_eq!(bodies(&scene, HandshakeType::certificate_verify).len(), 1);
    let ticket = NewSessionTicket {
        ticket_lifetime: 0,
        ticket_age_add: 0,
        ticket_nonce: &[],
        ticket: b"ticket",
        extensions: vec![NewSessionTicketExtension::Unknown(unknown(0x2a2a)), NewSessionTicketExtension::EarlyData(1)],
    };
    let scene = scene.say_message(|_| write_message(&ticket).unwrap());
    assert_eq!(scene.outcome(), "Connected");
}

/// A server without PSKs does a full handshake. RFC 8446 §4.2.11.
#[test]
fn offer_of_a_psk_leads_to_a_full_handshake() {
    let stage = Stage::new();
    let scene = stage.server().say_message(|peer| {
        peer.client_hello_with(|hello| {
            let extensions = hello.extensions.as_mut().unwrap();
            extensions.push(ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]));
            extensions.push(ClientExtension::PreSharedKey(OfferedPsks {
                identities: vec![PskIdentity { identity: b"a ticket of long ago", obfuscated_ticket_age: 1 }],
                binders: vec![PskBinderEntry(&[0; 32])],
            }));
        })
    });
    let hello: ServerHello<'_> = read_all(bodies(&scene, HandshakeType::server_hello)[0]).unwrap();
    assert!(hello.extensions.iter().flatten().all(|it| it.extension_type() != ExtensionType::pre_shared_key));
    assert_eq!(bodies(&scene, HandshakeType::certificate).len(), 1);
    assert_eq!(scene.say(&[Finished]).outcome(), "Connected");
}

#[test]
fn padding_of_protected_records_is_taken_off() {
    let stage = Stage::new();
    let pad = |content: &[u8], content_type: ContentType, len| [content, &[content_type.0], &vec![0; len]].concat();
    let mut scene = stage.connected_client();
    for len in [0, 1, 255, 16_384 - 4] {
        scene = scene.with(|peer| peer.seal(&pad(b"data", ContentType::application_data, len)));
        assert_eq!(scene.error, None, "{len}");
    }
    assert_eq!(data(&scene.seen), b"data".repeat(4));
    let scene = scene.with(|peer| peer.seal(&pad(&[], ContentType::application_data, 100)));
    assert_eq!((scene.outcome(), data(&scene.seen).len()), ("Connected", 16));
    let scene = scene.with(|peer| peer.seal(&pad(&new_session_ticket(60), ContentType::handshake, 300)));
    assert_eq!(scene.outcome(), "Connected");
    let alert = [AlertLevel::warning.0, AlertDescription::close_notify.0];
    let scene = scene.with(|peer| peer.seal(&pad(&alert, ContentType::alert, 1000)));
    assert_eq!(scene.seen.last(), Some(&Seen::Closed));
}

#[test]
fn change_cipher_spec_is_dropped_from_the_hello_to_the_peers_finished() {
    let stage = Stage::new();
    let drop_it = |scene: Scene| scene.with(|_| change_cipher_spec());
    let mut client = drop_it(stage.client());
    for say in SERVER_FLIGHT {
        client = drop_it(client);
        assert_eq!(client.error, None);
        client = client.say(&[say]);
    }
    assert_eq!(client.outcome(), "Connected");
    assert_eq!(drop_it(client).outcome(), "UnexpectedRecord");

    assert_eq!(drop_it(stage.server()).outcome(), "UnexpectedRecord");
    let server = drop_it(stage.server().say(&[Hello])).say(&[Finished]);
    assert_eq!(server.outcome(), "Connected");
    assert_eq!(drop_it(server).outcome(), "UnexpectedRecord");
}

#[test]
fn version_of_a_record_without_protection_is_ignored_after_the_first() {
    let stage = Stage::new();
    let scene = stage.server_with(stage.retrying_server()).say(&[Hello]).with(|peer| {
        let mut record = peer.say(Hello);
        record[1..3].copy_from_slice(&[0x7f, 0xff]);
        record
    });
    assert_eq!(scene.outcome(), "WaitFinished");
    let first = |version: [u8; 2]| {
        stage.server().with(|peer| {
            let mut record = peer.say(Hello);
            record[1..3].copy_from_slice(&version);
            record
        })
    };
    for minor in 0..=4 {
        assert_eq!(first([3, minor]).outcome(), "WaitFinished");
    }
    assert_eq!(first([2, 0]).outcome(), "NotTls");
}

#[test]
fn every_alert_but_two_ends_the_connection_whatever_its_level() {
    let stage = Stage::new();
    for level in [AlertLevel::warning, AlertLevel::fatal] {
        for description in 0..=255 {
            let scene = stage.connected_client().say_record(ContentType::alert, &[level.0, description]);
            match AlertDescription(description) {
                AlertDescription::close_notify => assert_eq!(scene.seen.last(), Some(&Seen::Closed)),
                AlertDescription::user_canceled => assert_eq!(scene.outcome(), "Connected"),
                _ => {
                    assert_eq!(scene.outcome(), "AlertReceived");
                    assert_eq!(scene.peer.alerts(), [], "an alert is not answered");
                }
            }
        }
    }
}

#[test]
fn what_comes_behind_close_notify_is_ignored() {
    let stage = Stage::new();
    let scene = stage.connected_client().say_record(ContentType::alert, &[1, 0]);
    assert_eq!(scene.seen.last(), Some(&Seen::Closed));
    let scene = scene.say_record(ContentType::application_data, b"too late").with(|_| b"GET / HTTP/1.1".to_vec());
    assert_eq!((scene.error.clone(), data(&scene.seen)), (None, vec![]));
    assert!(scene.end.may_send(), "the other direction stays open");
}

#[test]
fn record_under_the_old_keys_does_not_open_after_a_key_update() {
    let stage = Stage::new();
    let update = key_update(KeyUpdateRequest::update_not_requested);
    for scene in [stage.connected_client(), stage.connected_server()] {
        // The message, but not the change of keys behind it.
        let scene = scene.with(|peer| peer.record(ContentType::handshake, &update));
        assert_eq!(scene.error, None);
        let mut scene = scene.with(|peer| peer.record(ContentType::application_data, b"under the old keys"));
        assert_eq!(scene.outcome(), "DoesNotOpen");
        scene.assert_failed_with_its_alert();
    }
}
