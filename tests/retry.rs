//! What a HelloRetryRequest may ask for, and what the second ClientHello may change. RFC 8446 §4.1.2, §4.1.4.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use bulla::wire::{
    CipherSuite, ClientExtension, ClientHello as Hello, CompressionMethod, ExtensionType, HandshakeType, NamedGroup,
    OfferedPsks, ProtocolVersion, PskBinderEntry, PskIdentity, PskKeyExchangeMode, Random, RetryExtension,
    SignatureScheme, UnknownExtension, read_all,
};
use scene::{SERVER_FLIGHT, Scene, Stage};
use script::Say::{ClientHello, Finished, ServerHello};
use script::{GROUP, Heard, RETRY_GROUP, Say};

/// A change to a hello.
type Edit = fn(&mut Hello<'_>);

fn extensions<'h, 'a>(hello: &'h mut Hello<'a>) -> &'h mut Vec<ClientExtension<'a>> {
    hello.extensions.as_mut().unwrap()
}

fn psk(hello: &mut Hello<'_>, binder: &'static [u8; 32]) {
    extensions(hello).push(ClientExtension::PreSharedKey(OfferedPsks {
        identities: vec![PskIdentity { identity: b"ticket", obfuscated_ticket_age: 0 }],
        binders: vec![PskBinderEntry(binder)],
    }));
}

fn unknown(extension_type: ExtensionType, extension_data: &'static [u8]) -> ClientExtension<'static> {
    ClientExtension::Unknown(UnknownExtension { extension_type, extension_data })
}

fn modes(hello: &mut Hello<'_>) {
    extensions(hello).push(ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]));
}

/// A server that retries, told a first hello and then a second one that are edited so.
fn told(stage: &Stage, first: Edit, second: Edit) -> Scene {
    let scene = stage.server_with(stage.retrying_server()).say_message(|peer| peer.client_hello_with(first));
    assert_eq!(scene.outcome(), "WaitSecondClientHello");
    scene.say_message(|peer| peer.client_hello_with(second))
}

#[test]
fn second_hello_may_change_what_the_retry_is_about() {
    let stage = Stage::new();
    let allowed: &[(Edit, Edit)] = &[
        (|_| {}, |_| {}),
        // padding comes, goes and changes its length.
        (|_| {}, |hello| extensions(hello).push(ClientExtension::Padding(&[0; 9]))),
        (|hello| extensions(hello).push(ClientExtension::Padding(&[0; 9])), |_| {}),
        (
            |hello| extensions(hello).push(ClientExtension::Padding(&[0; 9])),
            |hello| extensions(hello).push(ClientExtension::Padding(&[0; 3])),
        ),
        // early_data goes.
        (|hello| extensions(hello).push(ClientExtension::EarlyData), |_| {}),
        // Binders are made anew, and PSKs that do not fit the suite left out.
        (
            |hello| {
                modes(hello);
                psk(hello, &[1; 32]);
            },
            |hello| {
                modes(hello);
                psk(hello, &[2; 32]);
            },
        ),
        (
            |hello| {
                modes(hello);
                psk(hello, &[1; 32]);
            },
            modes,
        ),
        // An encrypted hello is encrypted anew.
        (
            |hello| extensions(hello).push(unknown(ExtensionType::encrypted_client_hello, b"one")),
            |hello| extensions(hello).push(unknown(ExtensionType::encrypted_client_hello, b"two")),
        ),
    ];
    for (index, (first, second)) in allowed.iter().enumerate() {
        let scene = told(&stage, *first, *second);
        assert_eq!(scene.outcome(), "WaitFinished", "{index}");
        assert_eq!(scene.say(&[Finished]).outcome(), "Connected", "{index}");
    }
}

#[test]
fn second_hello_may_change_nothing_else() {
    let stage = Stage::new();
    let forbidden: &[Edit] = &[
        |hello| hello.legacy_version = ProtocolVersion::TLSv1_1,
        |hello| hello.random = Random([1; 32]),
        |hello| hello.legacy_session_id = &[1; 32],
        |hello| hello.legacy_session_id = &[],
        |hello| hello.cipher_suites.push(CipherSuite::TLS_AES_256_GCM_SHA384),
        |hello| hello.legacy_compression_methods.push(CompressionMethod(1)),
        |hello| {
            extensions(hello)[0] =
                ClientExtension::SupportedVersions(vec![ProtocolVersion(0x7a7a), ProtocolVersion::TLSv1_3])
        },
        |hello| extensions(hello)[1] = ClientExtension::SupportedGroups(vec![RETRY_GROUP]),
        |hello| {
            let schemes = vec![SignatureScheme::ecdsa_secp256r1_sha256, SignatureScheme::ed25519];
            extensions(hello)[2] = ClientExtension::SignatureAlgorithms(schemes);
        },
        // An extension more, known or unknown.
        |hello| extensions(hello).push(ClientExtension::PostHandshakeAuth),
        |hello| extensions(hello).push(unknown(ExtensionType(0x7000), b"")),
        // The same extensions in another order.
        |hello| extensions(hello).swap(0, 1),
        // A cookie that nobody gave.
        |hello| extensions(hello).push(ClientExtension::Cookie(b"cookie")),
    ];
    for (index, edit) in forbidden.iter().enumerate() {
        let mut scene = told(&stage, |_| {}, *edit);
        assert_eq!(scene.outcome(), "ClientHelloChangedAfterRetry", "{index}");
        scene.assert_failed_with_its_alert();
    }
    // Or one less.
    let scene = told(&stage, |hello| extensions(hello).push(ClientExtension::PostHandshakeAuth), |_| {});
    assert_eq!(scene.outcome(), "ClientHelloChangedAfterRetry");
}

/// The bodies of the ClientHellos that the scripted server has heard.
fn hellos(scene: &Scene) -> Vec<&[u8]> {
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        Heard::Message(message) if message[0] == HandshakeType::client_hello.0 => Some(&message[4..]),
        _ => None,
    });
    messages.collect()
}

/// Both hellos of a client that is asked to retry in this way, and the scene behind them.
fn asked(stage: &Stage, asks: Vec<RetryExtension<'static>>) -> Scene {
    stage.client().say_message(|peer| {
        peer.hello_retry_request_with(|request| {
            request.extensions.truncate(1);
            request.extensions.extend(asks);
        })
    })
}

fn shared_groups(hello: &Hello<'_>) -> Vec<NamedGroup> {
    let shares = hello.extensions.iter().flatten().find_map(|extension| match extension {
        ClientExtension::KeyShare(shares) => Some(shares.iter().map(|share| share.group).collect()),
        _ => None,
    });
    shares.unwrap()
}

#[test]
fn client_answers_a_retry_with_its_hello_and_what_was_asked_for() {
    let stage = Stage::new();
    let cookie = &[0xc0; 300][..];
    let cases = [
        (vec![RetryExtension::KeyShare(RETRY_GROUP)], vec![RETRY_GROUP], None),
        (vec![RetryExtension::KeyShare(RETRY_GROUP), RetryExtension::Cookie(cookie)], vec![RETRY_GROUP], Some(cookie)),
        // A server that keeps no state sends a cookie and likes the share that it has.
        (vec![RetryExtension::Cookie(cookie)], vec![GROUP], Some(cookie)),
    ];
    for (asks, groups, cookie) in cases {
        let scene = asked(&stage, asks);
        assert_eq!(scene.error, None);
        let [first, second] = hellos(&scene)[..] else { panic!("two hellos should have come") };
        let (mut first, mut second): (Hello<'_>, Hello<'_>) = (read_all(first).unwrap(), read_all(second).unwrap());
        assert_eq!((shared_groups(&first), shared_groups(&second)), (vec![GROUP], groups));
        let echoed = second.extensions.iter().flatten().find_map(|extension| match extension {
            ClientExtension::Cookie(cookie) => Some(*cookie),
            _ => None,
        });
        assert_eq!(echoed, cookie);
        let is_new =
            |it: &ClientExtension<'_>| matches!(it.extension_type(), ExtensionType::key_share | ExtensionType::cookie);
        for hello in [&mut first, &mut second] {
            extensions(hello).retain(|extension| !is_new(extension));
        }
        assert_eq!(first, second);
        let flight: Vec<Say> = [&[ServerHello], &SERVER_FLIGHT[1..]].concat();
        let scene = scene.say(&flight);
        assert_eq!(scene.outcome(), "Connected");
        assert!(scene.end.hello_retried());
    }
}

#[test]
fn server_asks_again_for_the_share_that_it_wants() {
    let stage = Stage::new();
    let scene = stage.server_with(stage.retrying_server()).say(&[ClientHello]);
    let Some(Heard::Message(request)) = scene.peer.heard.first() else { panic!("a message should have come") };
    let request: bulla::wire::HelloRetryRequest<'_> = read_all(&request[4..]).unwrap();
    assert_eq!(request.legacy_session_id_echo, [8; 32]);
    assert_eq!(request.cipher_suite, script::SUITE);
    let expected = [RetryExtension::SupportedVersions(ProtocolVersion::TLSv1_3), RetryExtension::KeyShare(RETRY_GROUP)];
    assert_eq!(request.extensions, expected);
    assert_eq!(scene.peer.heard.get(1), Some(&Heard::ChangeCipherSpec));
}
