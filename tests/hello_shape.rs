//! How an application shapes its ClientHello: order, extensions of its own, length. RFC 8446 §4.2, RFC 7685.

#![cfg(all(feature = "ring", feature = "std"))]

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[cfg(feature = "tls12")]
#[path = "support/script_tls12.rs"]
mod script_tls12;
#[cfg(feature = "tls12")]
#[path = "support/stage_tls12.rs"]
mod stage_tls12;

use std::collections::BTreeSet;
use std::sync::Arc;

use bulla::config::{ClientHelloShape, ClientHelloView, MAX_SHAPED_LEN};
use bulla::crypto::HashAlgorithm;
use bulla::crypto::ring::provider;
use bulla::resume::{ExternalPsk, MemoryClientSessions, TicketKeys};
use bulla::wire::{
    ClientExtension, ClientHello, EncryptedExtension, EncryptedExtensions, ExtensionType, HandshakeType, NamedGroup,
    UnknownExtension, read_all, write_message,
};
use bulla::{ClientConfig, ClientConnection, ConfigError, HandshakeKind};
use pair::{KeyKind, Pair, configs, name, output};
use scene::{Scene, Stage};
use script::Say;

type T = ExtensionType;

/// An extension that nobody here knows.
const OURS: ExtensionType = ExtensionType(0x7e57);
const ALSO_OURS: ExtensionType = ExtensionType(0x7e58);

fn client() -> ClientConfig {
    configs(KeyKind::EcdsaP256).0.alpn(["h2"]).unwrap()
}

fn shaped(config: ClientConfig, shape: ClientHelloShape) -> ClientConfig {
    config.client_hello_shape(shape).unwrap()
}

/// The first ClientHello of a client with this configuration, header included.
fn hello_of(config: &ClientConfig) -> Vec<u8> {
    let mut client = ClientConnection::new(Arc::new(config.clone()), name()).unwrap();
    output(&mut client)[5..].to_vec()
}

fn types(config: &ClientConfig) -> Vec<ExtensionType> {
    ClientHelloView::read(&hello_of(config)).unwrap().extension_types().to_vec()
}

fn sorted(list: &[ExtensionType]) -> BTreeSet<u16> {
    list.iter().map(|it| it.0).collect()
}

fn psk() -> Arc<ExternalPsk> {
    Arc::new(ExternalPsk::new(b"psk", &[7; 32], HashAlgorithm::Sha256).unwrap())
}

#[test]
fn named_extensions_come_first_in_their_order_and_the_others_as_they_would() {
    let plain = types(&client());
    let order = [T::key_share, T::cookie, T::supported_versions, T::server_name];
    let ordered = types(&shaped(client(), ClientHelloShape::new().order(order)));
    assert_eq!(ordered[..3], [T::key_share, T::supported_versions, T::server_name]);
    let others: Vec<_> = plain.iter().copied().filter(|it| !order.contains(it)).collect();
    assert_eq!(ordered[3..], others);
}

#[test]
fn shuffled_extensions_are_the_same_in_another_order_for_each_connection() {
    let plain = types(&client());
    let config = shaped(client(), ClientHelloShape::new().shuffle(true));
    let orders: BTreeSet<Vec<u16>> = (0..16).map(|_| types(&config).iter().map(|it| it.0).collect()).collect();
    // Sixteen draws of more than 8! orders.
    assert!(orders.len() > 12, "{}", orders.len());
    for order in &orders {
        assert_eq!(order.iter().copied().collect::<BTreeSet<_>>(), sorted(&plain));
    }
    let named = shaped(config, ClientHelloShape::new().shuffle(true).order([T::server_name]));
    assert!((0..8).all(|_| types(&named)[0] == T::server_name));
}

/// A first connection and a second by its ticket, both with a retry if the server wants none of the client's shares.
#[test]
fn shaped_hello_connects_and_resumes_also_with_a_retry_and_grease() {
    for groups in [&[NamedGroup::x25519][..], &[NamedGroup::secp384r1]] {
        let (client, server) = configs(KeyKind::EcdsaP256);
        let client = client.grease(true).session_store(Arc::new(MemoryClientSessions::new(4, 8)));
        let shape = ClientHelloShape::new().shuffle(true).with_extension(OURS, *b"abc").pad_to(2000);
        let client = shaped(client, shape);
        let tickets = Arc::new(TicketKeys::random(provider(), 86_400).unwrap());
        let server = server.groups(groups.iter().copied()).unwrap().tickets(tickets);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let pair = Pair::established(client.clone(), server.clone());
            assert_eq!(pair.client.handshake_kind(), Some(expected));
            assert_eq!(pair.server.hello_retried(), groups == [NamedGroup::secp384r1]);
        }
    }
}

#[test]
fn pre_shared_key_is_last_and_padding_right_before_it_whatever_the_shape() {
    let order = [T::pre_shared_key, T::padding, T::psk_key_exchange_modes];
    for shuffle in [false, true] {
        for grease in [false, true] {
            let shape = ClientHelloShape::new().order(order).shuffle(shuffle).with_extension(OURS, []).pad_to(3000);
            let config = shaped(client().psk(psk()).grease(grease), shape);
            let types = types(&config);
            assert_eq!(types[types.len() - 2..], [T::padding, T::pre_shared_key]);
            assert_eq!(types[usize::from(grease)], T::psk_key_exchange_modes);
            assert_eq!(hello_of(&config).len(), 3000);
        }
    }
}

#[test]
fn hello_is_padded_to_the_length_and_never_cut() {
    let plain = hello_of(&client()).len();
    for pad_to in [0, 1, plain - 1, plain] {
        let bytes = hello_of(&shaped(client(), ClientHelloShape::new().pad_to(pad_to)));
        assert_eq!(bytes.len(), plain);
        assert!(!ClientHelloView::read(&bytes).unwrap().extension_types().contains(&T::padding));
    }
    for more in [1, 3, 4, 5, 300] {
        let bytes = hello_of(&shaped(client(), ClientHelloShape::new().pad_to(plain + more)));
        assert_eq!(bytes.len(), plain + more.max(4));
        let hello: ClientHello<'_> = read_all(&bytes[4..]).unwrap();
        let Some(ClientExtension::Padding(padding)) = hello.extensions.as_ref().and_then(|list| list.last()) else {
            panic!("padding is last");
        };
        // RFC 7685 §3: all of it zero.
        assert!(padding.len() == more.saturating_sub(4) && padding.iter().all(|octet| *octet == 0));
    }
    assert_eq!(hello_of(&shaped(client(), ClientHelloShape::new().pad_to(MAX_SHAPED_LEN))).len(), MAX_SHAPED_LEN);
}

/// The ClientHellos that the scripted server has heard.
fn hellos(scene: &Scene) -> Vec<ClientHelloView> {
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        script::Heard::Message(bytes) if bytes[0] == HandshakeType::client_hello.0 => {
            Some(ClientHelloView::read(bytes).unwrap())
        }
        _ => None,
    });
    messages.collect()
}

#[test]
fn second_hello_keeps_the_order_of_the_first() {
    let stage = Stage::new();
    for _ in 0..8 {
        let shape = ClientHelloShape::new().shuffle(true).with_extension(OURS, *b"abc").pad_to(1000);
        let scene = stage.client_with(shaped(stage.client.clone(), shape)).say_message(|peer| {
            peer.hello_retry_request_with(|retry| {
                retry.extensions.push(bulla::wire::RetryExtension::Cookie(b"cookie"));
            })
        });
        let hellos = hellos(&scene);
        let [first, second] = hellos.as_slice() else { panic!("two hellos") };
        let without_cookie: Vec<_> = second.extension_types().iter().copied().filter(|it| *it != T::cookie).collect();
        assert_eq!(first.extension_types(), without_cookie);
        assert_eq!((first.message().len(), second.message().len()), (1000, 1000));
    }
}

#[test]
fn applications_extension_is_sent_and_its_answer_is_shown_and_no_other() {
    let stage = Stage::new();
    let shape = ClientHelloShape::new().with_extension(OURS, *b"question").with_extension(ALSO_OURS, []);
    let config = shaped(stage.client.clone(), shape);
    let bytes = hello_of(&config);
    let hello: ClientHello<'_> = read_all(&bytes[4..]).unwrap();
    let sent = UnknownExtension { extension_type: OURS, extension_data: b"question" };
    assert!(hello.extensions.unwrap().contains(&ClientExtension::Unknown(sent)));

    let answer = |extension_type| {
        let answer = UnknownExtension { extension_type, extension_data: b"answer" };
        write_message(&EncryptedExtensions { extensions: vec![EncryptedExtension::Unknown(answer)] }).unwrap()
    };
    let scene = stage.client_with(config.clone()).say(&[Say::ServerHello]).say_message(|_| answer(OURS));
    let scene = scene.say(&[Say::Certificate, Say::CertificateVerify, Say::Finished]);
    assert_eq!(scene.outcome(), "Connected");
    assert_eq!(scene.end.peer_extension(OURS), Some(&b"answer"[..]));
    assert_eq!(scene.end.peer_extension(ALSO_OURS), None);

    let mut scene = stage.client_with(stage.client.clone()).say(&[Say::ServerHello]).say_message(|_| answer(OURS));
    assert_eq!(scene.outcome(), "ExtensionNotOffered");
    scene.assert_failed_with_its_alert();
    // padding asks for nothing: RFC 7685 §3.
    let padded = shaped(stage.client.clone(), ClientHelloShape::new().pad_to(1000));
    let mut scene = stage.client_with(padded).say(&[Say::ServerHello]).say_message(|_| answer(T::padding));
    assert_eq!(scene.outcome(), "ExtensionNotOffered");
    scene.assert_failed_with_its_alert();
}

#[cfg(feature = "tls12")]
#[test]
fn answer_to_an_applications_extension_is_shown_in_tls12_too() {
    use bulla::wire::ServerExtension;
    let stage = stage_tls12::Stage::new();
    let config = shaped(stage.client.clone(), ClientHelloShape::new().with_extension(OURS, []));
    let scene = stage.client_with(config).say_message(|peer| {
        peer.server_hello_with(|hello| {
            let answer = UnknownExtension { extension_type: OURS, extension_data: b"answer" };
            hello.extensions.as_mut().unwrap().push(ServerExtension::Unknown(answer));
        })
    });
    let scene = scene.say(&stage_tls12::SERVER_FLIGHT[1..]).say(&stage_tls12::END);
    assert_eq!(scene.outcome(), "Connected");
    assert_eq!(scene.end.peer_extension(OURS), Some(&b"answer"[..]));
}

#[test]
fn server_that_does_not_know_the_extension_answers_nothing() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = shaped(client, ClientHelloShape::new().with_extension(OURS, [1; 100]));
    let pair = Pair::established(client, server);
    assert_eq!(pair.client.peer_extension(OURS), None);
}

#[test]
fn shape_that_no_hello_can_have_is_refused_when_configured() {
    let refused = |shape: ClientHelloShape| client().client_hello_shape(shape).unwrap_err();
    let new = ClientHelloShape::new;
    for ours in [
        T::server_name,
        T::key_share,
        T::pre_shared_key,
        T::padding,
        T::session_ticket,
        T::compress_certificate,
        T::encrypt_then_mac,
        T::encrypted_client_hello,
        ExtensionType(0x2a2a),
    ] {
        assert_eq!(refused(new().with_extension(ours, [])), ConfigError::ExtensionIsOurs(ours));
    }
    let twice = new().with_extension(OURS, []).with_extension(OURS, [1]);
    assert_eq!(refused(twice), ConfigError::Repeated("extensions"));
    assert_eq!(refused(new().order([T::cookie, T::cookie])), ConfigError::Repeated("extensions in order"));
    assert_eq!(refused(new().pad_to(MAX_SHAPED_LEN + 1)), ConfigError::ClientHelloTooLong);
    assert_eq!(refused(new().with_extension(OURS, vec![0; MAX_SHAPED_LEN])), ConfigError::ClientHelloTooLong);
    let many = (0..65).fold(new(), |shape, code| shape.with_extension(ExtensionType(0x7000 + code), []));
    assert_eq!(refused(many), ConfigError::ClientHelloTooLong);
}
