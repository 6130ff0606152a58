//! GREASE: where a client's values stand, and that a server which chooses one is refused. RFC 8701.

#![cfg(all(feature = "ring", feature = "std", feature = "tls12"))]

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

use std::collections::BTreeSet;
use std::sync::Arc;

use bulla::config::ClientHelloView;
use bulla::crypto::ring::provider;
use bulla::resume::{MemoryClientSessions, TicketKeys};
use bulla::wire::{
    ClientExtension, ClientHello, EncryptedExtension, EncryptedExtensions, ExtensionType, HandshakeType, KeyShareEntry,
    NamedGroup, ProtocolNameList, ProtocolVersion, PskKeyExchangeMode, RetryExtension, ServerExtension,
    SignatureScheme, UnknownExtension, is_grease, read_all, write_message,
};
use bulla::{ClientConfig, ClientConnection, HandshakeKind};
use pair::{KeyKind, Pair, configs, name, output};
use scene::{Scene, Stage};
use script::Say;

/// The first ClientHello of a client with this configuration, header included.
fn hello_of(config: &ClientConfig) -> Vec<u8> {
    let mut client = ClientConnection::new(Arc::new(config.clone()), name()).unwrap();
    output(&mut client)[5..].to_vec()
}

/// A client that has something to say in every place.
fn greasing() -> ClientConfig {
    let (client, _) = configs(KeyKind::EcdsaP256);
    client.alpn(["h2"]).unwrap().session_store(Arc::new(MemoryClientSessions::new(4, 4))).grease(true)
}

fn grease_in<T>(list: &[T], number: impl Fn(&T) -> u16) -> Vec<usize> {
    list.iter().enumerate().filter(|(_, it)| is_grease(number(it))).map(|(place, _)| place).collect()
}

fn is_grease_mode(mode: PskKeyExchangeMode) -> bool {
    [0x0b, 0x2a, 0x49, 0x68, 0x87, 0xa6, 0xc5, 0xe4].contains(&mode.0)
}

#[test]
fn grease_stands_first_in_every_list_and_first_and_last_among_the_extensions() {
    let bytes = hello_of(&greasing());
    let hello: ClientHello<'_> = read_all(&bytes[4..]).unwrap();
    assert_eq!(grease_in(&hello.cipher_suites, |it| it.0), [0]);
    let extensions = hello.extensions.unwrap();
    let last = extensions.len() - 1;
    assert_eq!(grease_in(&extensions, |it| it.extension_type().0), [0, last]);
    assert_ne!(extensions[0].extension_type(), extensions[last].extension_type());
    let (mut seen, mut groups, mut shares) = (0, Vec::new(), Vec::new());
    for extension in &extensions {
        seen += 1;
        match extension {
            ClientExtension::SupportedGroups(list) => {
                assert_eq!(grease_in(list, |it| it.0), [0]);
                groups = list.clone();
            }
            ClientExtension::KeyShare(list) => {
                assert_eq!(grease_in(list, |it| it.group.0), [0]);
                shares = list.iter().map(|it| it.group).collect();
            }
            ClientExtension::SupportedVersions(list) => assert_eq!(grease_in(list, |it| it.0), [0]),
            ClientExtension::SignatureAlgorithms(list) | ClientExtension::SignatureAlgorithmsCert(list) => {
                assert_eq!(grease_in(list, |it| it.0), [0]);
            }
            ClientExtension::ApplicationLayerProtocolNegotiation(list) => {
                let [grease, h2] = list.protocol_name_list.as_slice() else { panic!("two names") };
                assert!(grease.len() == 2 && is_grease(u16::from_be_bytes([grease[0], grease[1]])));
                assert_eq!(*h2, b"h2");
            }
            ClientExtension::PskKeyExchangeModes(list) => {
                let [grease, mode] = list.as_slice() else { panic!("two modes") };
                assert!(is_grease_mode(*grease) && *mode == PskKeyExchangeMode::psk_dhe_ke);
            }
            _ => seen -= 1,
        }
    }
    assert_eq!(
        seen,
        6 + usize::from(extensions.iter().any(|it| matches!(it, ClientExtension::SignatureAlgorithmsCert(_))))
    );
    // The share is of the group that is listed.
    assert_eq!(groups[0], shares[0]);
}

#[test]
fn hello_without_the_option_has_no_grease() {
    let bytes = hello_of(&greasing().grease(false));
    let view = ClientHelloView::read(&bytes).unwrap();
    assert!(grease_in(view.cipher_suites(), |it| it.0).is_empty());
    assert!(grease_in(view.extension_types(), |it| it.0).is_empty());
    assert!(grease_in(view.groups(), |it| it.0).is_empty());
    assert!(grease_in(&view.versions(), |it| it.0).is_empty());
    assert!(grease_in(view.signature_schemes(), |it| it.0).is_empty());
}

#[test]
fn grease_values_are_drawn_for_each_connection_anew() {
    let config = greasing();
    let drawn = |pick: fn(&ClientHelloView) -> u16| -> BTreeSet<u16> {
        (0..64).map(|_| pick(&ClientHelloView::read(&hello_of(&config)).unwrap())).collect()
    };
    // 64 draws of 16 values are one value throughout once in 16^63.
    assert!(drawn(|view| view.cipher_suites()[0].0).len() > 1);
    assert!(drawn(|view| view.extension_types()[0].0).len() > 1);
    assert!(drawn(|view| view.groups()[0].0).len() > 1);
}

#[test]
fn grease_changes_nothing_between_ends_that_ignore_it() {
    for version in [ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2] {
        let (client, server) = configs(KeyKind::EcdsaP256);
        let client = client.versions([version]).unwrap().alpn(["h2"]).unwrap().grease(true);
        let pair = Pair::established(client, server.alpn(["h2"]).unwrap());
        assert_eq!(pair.client.protocol_version(), Some(version));
        assert_eq!(pair.client.alpn_protocol(), Some(&b"h2"[..]));
    }
}

#[test]
fn grease_of_a_server_changes_nothing_for_a_client_that_ignores_it() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.session_store(Arc::new(MemoryClientSessions::new(4, 4)));
    let server = server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap())).grease(true);
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let pair = Pair::established(client.clone(), server.clone());
        assert_eq!(pair.client.handshake_kind(), Some(expected));
    }
}

#[test]
fn second_hello_has_the_grease_of_the_first_and_only_the_share_that_is_wanted() {
    let stage = Stage::new();
    let scene = stage.client_with(stage.client.clone().grease(true)).say(&[Say::HelloRetryRequest]);
    let hellos: Vec<_> = hellos(&scene).iter().map(|bytes| ClientHelloView::read(bytes).unwrap()).collect();
    let [first, second] = hellos.as_slice() else { panic!("two hellos") };
    assert_eq!(first.cipher_suites(), second.cipher_suites());
    assert_eq!(first.groups(), second.groups());
    assert_eq!(first.extension_types(), second.extension_types());
    assert_eq!(first.versions(), second.versions());
    assert_eq!(first.key_share_groups().len(), 2);
    assert_eq!(second.key_share_groups(), [script::RETRY_GROUP]);

    let (client, server) = configs(KeyKind::EcdsaP256);
    let server = server.groups([NamedGroup::secp384r1]).unwrap();
    let pair = Pair::established(client.grease(true), server);
    assert!(pair.client.hello_retried());
}

/// The ClientHellos that the scripted server has heard.
fn hellos(scene: &Scene) -> Vec<Vec<u8>> {
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        script::Heard::Message(bytes) if bytes[0] == HandshakeType::client_hello.0 => Some(bytes.clone()),
        _ => None,
    });
    messages.collect()
}

/// What a server could choose that means nothing.
struct Offered {
    suite: bulla::wire::CipherSuite,
    group: NamedGroup,
    version: ProtocolVersion,
    scheme: SignatureScheme,
    extension: ExtensionType,
    protocol: Vec<u8>,
}

fn offered(hello: &[u8]) -> Offered {
    let view = ClientHelloView::read(hello).unwrap();
    Offered {
        suite: view.cipher_suites()[0],
        group: view.groups()[0],
        version: view.versions()[0],
        scheme: view.signature_schemes()[0],
        extension: view.extension_types()[0],
        protocol: view.application_protocols().first().cloned().unwrap_or_default(),
    }
}

fn greasing_scene(stage: &Stage) -> (Scene, Offered) {
    let scene = stage.client_with(stage.client.clone().alpn(["h2"]).unwrap().grease(true));
    let offered = offered(&hellos(&scene)[0]);
    (scene, offered)
}

type Choice = (&'static str, fn(Scene, Offered) -> Scene);

/// What RFC 8701 §3.1 lists for TLS 1.3, and what else can be chosen.
const CHOICES: &[Choice] = &[
    ("VersionNotOffered", |scene, offered| {
        scene.say_message(|peer| {
            peer.server_hello_with(|hello| {
                hello.extensions.as_mut().unwrap()[0] = ServerExtension::SupportedVersions(offered.version);
            })
        })
    }),
    ("VersionNotOffered", |scene, offered| {
        scene.say_message(|peer| {
            peer.hello_retry_request_with(|retry| {
                retry.extensions[0] = RetryExtension::SupportedVersions(offered.version);
            })
        })
    }),
    ("CipherSuiteNotOffered", |scene, offered| {
        scene.say_message(|peer| peer.server_hello_with(|hello| hello.cipher_suite = offered.suite))
    }),
    ("CipherSuiteNotOffered", |scene, offered| {
        scene.say_message(|peer| peer.hello_retry_request_with(|retry| retry.cipher_suite = offered.suite))
    }),
    ("ExtensionNotOffered", |scene, offered| {
        scene.say_message(|peer| {
            peer.server_hello_with(|hello| {
                hello.extensions.as_mut().unwrap().push(ServerExtension::Unknown(empty(offered.extension)));
            })
        })
    }),
    ("ExtensionNotOffered", |scene, offered| {
        scene.say_message(|peer| {
            peer.hello_retry_request_with(|retry| {
                retry.extensions.push(RetryExtension::Unknown(empty(offered.extension)));
            })
        })
    }),
    ("KeyShareGroupNotOffered", |scene, offered| {
        scene.say_message(|peer| {
            peer.server_hello_with(|hello| {
                let share = KeyShareEntry { group: offered.group, key_exchange: &[0] };
                hello.extensions.as_mut().unwrap()[1] = ServerExtension::KeyShare(share);
            })
        })
    }),
    ("RetryGroupNotOffered", |scene, offered| {
        scene.say_message(|peer| {
            peer.hello_retry_request_with(|retry| retry.extensions[1] = RetryExtension::KeyShare(offered.group))
        })
    }),
    ("ExtensionNotOffered", |scene, offered| {
        let extensions = vec![EncryptedExtension::Unknown(empty(offered.extension))];
        let message = write_message(&EncryptedExtensions { extensions }).unwrap();
        scene.say(&[Say::ServerHello]).say_message(|_| message)
    }),
    ("ApplicationProtocolNotOffered", |scene, offered| {
        let list = ProtocolNameList { protocol_name_list: vec![&offered.protocol] };
        let extensions = vec![EncryptedExtension::ApplicationLayerProtocolNegotiation(list)];
        let message = write_message(&EncryptedExtensions { extensions }).unwrap();
        scene.say(&[Say::ServerHello]).say_message(|_| message)
    }),
    ("ExtensionNotOffered", |scene, offered| {
        scene.say(&[Say::ServerHello, Say::EncryptedExtensions]).say_message(|peer| {
            peer.certificate_with(|certificate| {
                let extension = bulla::wire::CertificateExtension::Unknown(empty(offered.extension));
                certificate.certificate_list[0].extensions.push(extension);
            })
        })
    }),
    ("SignatureSchemeNotOffered", |scene, offered| {
        let scene = scene.say(&[Say::ServerHello, Say::EncryptedExtensions, Say::Certificate]);
        scene.say_message(|peer| peer.certificate_verify(offered.scheme))
    }),
];

fn empty(extension_type: ExtensionType) -> UnknownExtension<'static> {
    UnknownExtension { extension_type, extension_data: &[] }
}

#[test]
fn server_that_chooses_a_grease_value_is_refused() {
    let stage = Stage::new();
    for (place, (expected, choose)) in CHOICES.iter().enumerate() {
        let (scene, offered) = greasing_scene(&stage);
        assert_eq!(offered.protocol.len(), 2);
        let mut scene = choose(scene, offered);
        assert_eq!(scene.outcome(), *expected, "choice {place}");
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn server_of_tls12_that_chooses_a_grease_value_is_refused() {
    use script_tls12::Say;
    let stage = stage_tls12::Stage::new();
    let start = || {
        let scene = stage.client_with(stage.client.clone().grease(true));
        let hello = scene.peer.heard.iter().find_map(|heard| match heard {
            script::Heard::Message(bytes) => Some(bytes.clone()),
            _ => None,
        });
        let offered = offered(&hello.unwrap());
        (scene, offered)
    };

    let (scene, offered) = start();
    let suite = scene.say_message(|peer| peer.server_hello_with(|hello| hello.cipher_suite = offered.suite));
    let (scene, offered) = start();
    let extension = scene.say_message(|peer| {
        peer.server_hello_with(|hello| {
            hello.extensions.as_mut().unwrap().push(ServerExtension::Unknown(empty(offered.extension)));
        })
    });
    let (scene, offered) = start();
    let group = scene
        .say(&[Say::ServerHello, Say::Certificate])
        .say_message(|peer| peer.server_key_exchange_with(|message| message.params.named_curve = offered.group));
    let (scene, offered) = start();
    let scheme = scene
        .say(&[Say::ServerHello, Say::Certificate])
        .say_message(|peer| peer.server_key_exchange_with(|message| message.algorithm = offered.scheme));
    for (mut scene, expected) in [
        (suite, "CipherSuiteNotOffered"),
        (extension, "ExtensionNotOffered"),
        (group, "GroupNotOffered"),
        (scheme, "SignatureSchemeNotOffered"),
    ] {
        assert_eq!(scene.outcome(), expected);
        scene.assert_failed_with_its_alert();
    }
}
