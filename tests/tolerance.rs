//! What the RFC makes an end bear: everything of a peer's that is to be ignored, dropped or skipped, and no more than that.

#![cfg(feature = "ring")]

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use bulla::Error;
use bulla::error::Violation;
use bulla::wire::{
    AlertDescription, AlertLevel, CertificateExtension, CertificateRequestExtension, CipherSuite, ClientExtension,
    CompressionMethod, ContentType, ExtensionType, HandshakeType, HelloRetryRequest, KeyShareEntry, KeyUpdateRequest,
    NameType, NamedGroup, NewSessionTicket, NewSessionTicketExtension, OfferedPsks, ProtocolNameList, ProtocolVersion,
    PskBinderEntry, PskIdentity, PskKeyExchangeMode, RetryExtension, ServerExtension, ServerHello, ServerNameEntry,
    ServerNameList, SignatureScheme, UnknownExtension, read_all, write_message,
};
use pair::{Seen, data};
use scene::{SERVER_FLIGHT, Scene, Stage};
use script::Say::{
    Certificate, CertificateVerify, ClientHello as Hello, EncryptedExtensions, Finished, ServerHello as Answer,
};
use script::{
    GROUP, Heard, RETRY_GROUP, SUITE, certificate_request_with, change_cipher_spec, key_update, new_session_ticket,
    plain_record,
};

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
    assert_eq!(AlertDescription::general_error, AlertDescription(117));
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

#[test]
fn ticket_is_ignored_whatever_it_says() {
    let stage = Stage::new();
    for lifetime in [0, 604_800, 604_801, u32::MAX] {
        let scene = stage.connected_client().say_message(|_| new_session_ticket(lifetime));
        assert_eq!(scene.outcome(), "Connected");
        let scene = scene.say_record(ContentType::application_data, b"data");
        assert_eq!(data(&scene.seen), b"data");
    }
}

fn named(entries: &[(u8, &'static [u8])]) -> Scene {
    let stage = Stage::new();
    let entry = |(code, name): &(u8, &'static [u8])| ServerNameEntry { name_type: NameType(*code), name };
    let server_name_list = entries.iter().map(entry).collect();
    let extension = ClientExtension::ServerName(ServerNameList { server_name_list });
    let scene = stage
        .server()
        .say_message(|peer| peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(extension)));
    scene.say(&[Finished])
}

#[test]
fn server_names_of_unknown_types_addresses_and_a_last_dot_are_passed_over() {
    assert_eq!(named(&[(0, b"server.test")]).end.server_name(), Some("server.test"));
    assert_eq!(named(&[(7, b"?"), (0, b"server.test")]).end.server_name(), Some("server.test"));
    assert_eq!(named(&[(0, b"server.test.")]).end.server_name(), Some("server.test"));
    for without in [(7, &b"?"[..]), (0, b"192.0.2.1"), (0, b"2001:db8::1")] {
        let scene = named(&[without]);
        assert_eq!((scene.outcome(), scene.end.server_name()), ("Connected", None));
    }
    assert_eq!(named(&[(0, b"one.test"), (0, b"two.test")]).outcome(), "BadServerName");
    assert_eq!(named(&[(0, b"not a name")]).outcome(), "BadServerName");
}

#[test]
fn key_shares_may_stand_out_of_order_but_not_twice() {
    let stage = Stage::new();
    let told = |first: NamedGroup| {
        let scene = stage.server().say_message(|peer| {
            peer.client_hello_with(|hello| {
                let extensions = hello.extensions.as_mut().unwrap();
                let Some(ClientExtension::KeyShare(shares)) = extensions.last_mut() else { panic!("no shares") };
                shares.insert(0, KeyShareEntry { group: first, key_exchange: &[4; 65] });
            })
        });
        scene.say(&[Finished]).outcome()
    };
    assert_eq!(told(RETRY_GROUP), "Connected");
    assert_eq!(told(GROUP), "BadKeyShareList");
}

/// What a server without Encrypted ClientHello may see of it, and padding, may change; all else may not.
#[test]
fn retried_hello_may_differ_in_what_is_none_of_our_business() {
    let stage = Stage::new();
    let told = |code: u16, first: &'static [u8], second: &'static [u8]| {
        let extension = |extension_data| {
            ClientExtension::Unknown(UnknownExtension { extension_type: ExtensionType(code), extension_data })
        };
        let scene = stage.server_with(stage.retrying_server()).say_message(|peer| {
            peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(extension(first)))
        });
        let scene = scene.say_message(|peer| {
            peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(extension(second)))
        });
        scene.outcome()
    };
    assert_eq!(told(0xfe0d, b"one payload", b"another one"), "WaitFinished");
    assert_eq!(told(0x0a0a, b"grease", b"grease"), "WaitFinished");
    assert_eq!(told(0x0a0a, b"grease", b"other grease"), "ClientHelloChangedAfterRetry");
}

/// RFC 8446 §4.2.10: the first and the second of the three ways.
#[test]
fn early_data_is_skipped_until_the_clients_next_flight() {
    let stage = Stage::new();
    let early = |scene: Scene| scene.with(|_| plain_record(ContentType::application_data, &[0x55; 100]));
    let offer = |scene: Scene| {
        scene.say_message(|peer| {
            peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(ClientExtension::EarlyData))
        })
    };
    let scene = early(early(offer(stage.server()))).with(|_| change_cipher_spec());
    let scene = early(scene).say(&[Finished]);
    assert_eq!(scene.outcome(), "Connected");
    assert_eq!(early(scene).outcome(), "DoesNotOpen");

    let retried = early(early(offer(stage.server_with(stage.retrying_server()))));
    assert_eq!(retried.outcome(), "WaitSecondClientHello");
    assert_eq!(retried.say(&[Hello, Finished]).outcome(), "Connected");
    let retried = early(offer(stage.server_with(stage.retrying_server())));
    assert_eq!(offer(retried).outcome(), "EarlyDataAfterRetry");
    // Who did not offer it may not send it.
    assert_eq!(early(stage.server().say(&[Hello])).outcome(), "DoesNotOpen");
}

#[test]
fn legacy_version_of_a_hello_decides_nothing_unless_it_is_ssl_3_0() {
    let stage = Stage::new();
    let told = |version: u16| {
        stage
            .server()
            .say_message(|peer| peer.client_hello_with(|hello| hello.legacy_version = ProtocolVersion(version)))
    };
    for version in [0x0301, 0x0302, 0x0303, 0x0304, 0x0a0a] {
        assert_eq!(told(version).outcome(), "WaitFinished", "{version:x}");
    }
    let mut scene = told(0x0300);
    assert_eq!(scene.outcome(), "NoCommonVersion");
    assert_eq!(scene.error.as_ref().and_then(Error::alert), Some(AlertDescription::protocol_version));
    scene.assert_failed_with_its_alert();
}

#[test]
fn share_that_a_client_uses_again_is_taken() {
    let stage = Stage::new();
    let hello = |scene: Scene| scene.with(|peer| peer.say(Hello));
    let mut first = Vec::new();
    let scene = stage.server().with(|peer| {
        first = peer.say(Hello);
        first.clone()
    });
    assert_eq!(scene.outcome(), "WaitFinished");
    // The same bytes, share and random and all, at a second server.
    let mut second = stage.server();
    assert!(second.end.receive(&mut first).is_ok());
    assert_eq!(second.end.state(), "WaitFinished");
    assert_eq!(hello(stage.server()).outcome(), "WaitFinished");
}

#[test]
fn protected_record_of_another_type_is_unexpected() {
    let stage = Stage::new();
    for content_type in [20, 24, 25, 255] {
        for scene in [stage.client().say(&[Answer]), stage.connected_client(), stage.connected_server()] {
            let mut scene = scene.with(|peer| peer.seal(&[1, content_type]));
            assert_eq!(scene.outcome(), "UnexpectedRecord");
            assert_eq!(scene.error.as_ref().and_then(Error::alert), Some(AlertDescription::unexpected_message));
            scene.assert_failed_with_its_alert();
        }
    }
}

#[test]
fn hello_that_lacks_what_it_must_have_sends_missing_extension() {
    let stage = Stage::new();
    for missing in [ExtensionType::supported_groups, ExtensionType::key_share, ExtensionType::signature_algorithms] {
        let scene = stage.server().say_message(|peer| {
            peer.client_hello_with(|hello| {
                hello.extensions.as_mut().unwrap().retain(|extension| extension.extension_type() != missing);
            })
        });
        assert_eq!(scene.error, Some(Violation::ExtensionMissing(missing, HandshakeType::client_hello).into()));
        assert_eq!(scene.error.as_ref().and_then(Error::alert), Some(AlertDescription::missing_extension));
    }
}

/// RFC 8701: whoever chooses what was sent to be ignored is refused as for any other value that was not offered.
#[test]
fn grease_that_is_chosen_is_refused_like_anything_else_unknown() {
    let stage = Stage::new();
    let answered =
        |edit: &dyn Fn(&mut ServerHello<'_>)| stage.client().say_message(|peer| peer.server_hello_with(edit)).outcome();
    let unknown = || UnknownExtension { extension_type: ExtensionType(0x5a5a), extension_data: &[] };
    let version = ServerExtension::SupportedVersions(ProtocolVersion(0x0a0a));
    assert_eq!(answered(&|hello| hello.extensions.as_mut().unwrap()[0] = version.clone()), "VersionNotOffered");
    assert_eq!(answered(&|hello| hello.cipher_suite = CipherSuite(0x1a1a)), "CipherSuiteNotOffered");
    let extension = ServerExtension::Unknown(unknown());
    let pushed = answered(&|hello| hello.extensions.as_mut().unwrap().push(extension.clone()));
    assert_eq!(pushed, "ExtensionNotOffered");
    let share = ServerExtension::KeyShare(KeyShareEntry { group: NamedGroup(0x2a2a), key_exchange: &[0] });
    let shared = answered(&|hello| hello.extensions.as_mut().unwrap()[1] = share.clone());
    assert_eq!(shared, "KeyShareGroupNotOffered");

    let signed = |scene: Scene| {
        scene.say(&[Certificate]).say_message(|peer| peer.certificate_verify(SignatureScheme(0x3a3a))).outcome()
    };
    assert_eq!(signed(stage.client().say(&[Answer, EncryptedExtensions])), "SignatureSchemeNotOffered");
    let waiting = || stage.server_with(stage.requiring_server()).say(&[Hello]);
    assert_eq!(signed(waiting()), "SignatureSchemeNotOffered");
    let shown = waiting().say_message(|peer| {
        peer.certificate_with(|it| it.certificate_list[0].extensions.push(CertificateExtension::Unknown(unknown())))
    });
    assert_eq!(shown.outcome(), "ExtensionNotOffered");
}

#[test]
fn hello_retry_request_is_held_to_the_same_fields_as_server_hello() {
    let stage = Stage::new();
    let client = stage.client.clone().alpn(["h2"]).unwrap();
    let asked = |edit: &dyn Fn(&mut HelloRetryRequest<'_>)| {
        let scene = stage.client_with(client.clone());
        scene.say_message(|peer| peer.hello_retry_request_with(edit)).outcome()
    };
    assert_eq!(asked(&|_| ()), "WaitServerHello");
    assert_eq!(asked(&|retry| retry.legacy_version = ProtocolVersion::TLSv1_1), "BadLegacyVersion");
    assert_eq!(asked(&|retry| retry.legacy_session_id_echo = &[1; 32]), "SessionIdNotEchoed");
    assert_eq!(asked(&|retry| retry.cipher_suite = CipherSuite::TLS_AES_256_GCM_SHA384), "CipherSuiteNotOffered");
    assert_eq!(asked(&|retry| retry.legacy_compression_method = CompressionMethod(1)), "CompressionSelected");
    assert_eq!(asked(&|retry| retry.extensions.truncate(0)), "ExtensionMissing");
    let version = RetryExtension::SupportedVersions(ProtocolVersion::TLSv1_2);
    assert_eq!(asked(&|retry| retry.extensions[0] = version.clone()), "OldVersionInSupportedVersions");
    let with = |extension_type| {
        let extension = RetryExtension::Unknown(UnknownExtension { extension_type, extension_data: &[] });
        asked(&|retry| retry.extensions.push(extension.clone()))
    };
    assert_eq!(with(ExtensionType(0x0a0a)), "ExtensionNotOffered");
    assert_eq!(with(ExtensionType::early_data), "ExtensionNotOffered");
    assert_eq!(with(ExtensionType::application_layer_protocol_negotiation), "ExtensionNotAllowed");
}
