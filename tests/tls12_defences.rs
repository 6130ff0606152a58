//! What TLS 1.2 has to withstand that TLS 1.3 was built without: downgrades, sessions without a bond to their handshake,
//! renegotiation, records in the clear behind those under keys.

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

use bulla::danger::DangerousCompatibility as _;
use bulla::error::Misuse;
use bulla::wire::{
    Alert, AlertDescription, AlertLevel, CipherSuite, ClientExtension, ClientHello, ContentType, DOWNGRADE_TLS12,
    ExtensionType, HANDSHAKE_HEADER_LEN, MAX_CIPHERTEXT_LEN_TLS13, MAX_PLAINTEXT_LEN, ProtocolVersion,
    RECORD_HEADER_LEN, ServerExtension, ServerHello, read_all, write_message,
};
use bulla::{ClientConfig, Connection, Error, MAX_FRAGMENT_LEN, ServerConfig};
use pair::{KeyKind, Pair, configs, data, feed, output, send};
use script::{Heard, plain_record};
use script_tls12::Say::{self, ChangeCipherSpec, ClientKeyExchange, Finished, ServerHello as Answer};
use stage_tls12::{END, SERVER_FLIGHT, Scene, Stage};

/// A client's first record with its hello changed on the way.
fn changed_hello(client: &mut Connection, change: impl FnOnce(&mut ClientHello<'_>)) -> Vec<u8> {
    let record = output(client);
    let mut hello: ClientHello<'_> = read_all(&record[RECORD_HEADER_LEN + HANDSHAKE_HEADER_LEN..]).unwrap();
    change(&mut hello);
    plain_record(ContentType::handshake, &write_message(&hello).unwrap())
}

fn remove(hello: &mut ClientHello<'_>, extension_type: ExtensionType) {
    hello.extensions.as_mut().unwrap().retain(|extension| extension.extension_type() != extension_type);
}

/// Runs a pair whose first hello is changed on the way; tells which end failed first, and how.
fn attacked(
    client: ClientConfig,
    server: ServerConfig,
    change: impl FnOnce(&mut ClientHello<'_>),
) -> (&'static str, Error) {
    let mut pair = Pair::new(client, server);
    pair.to_server = changed_hello(&mut pair.client, change);
    let failure = pair.run().unwrap_err();
    assert!(!pair.client.is_established());
    failure
}

#[test]
fn client_that_is_led_to_tls12_by_stripped_versions_refuses_with_illegal_parameter() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let strip = |hello: &mut ClientHello<'_>| remove(hello, ExtensionType::supported_versions);
    let (end, error) = attacked(client.clone(), server.clone(), strip);
    assert_eq!(
        (end, error.name(), error.alert()),
        ("client", "DowngradeDetected", Some(AlertDescription::illegal_parameter))
    );
    // Other versions there do the same.
    let (end, error) = attacked(client.clone(), server.clone(), |hello| {
        remove(hello, ExtensionType::supported_versions);
        hello.extensions.as_mut().unwrap().push(ClientExtension::SupportedVersions(vec![ProtocolVersion::TLSv1_2]));
    });
    assert_eq!((end, error.name()), ("client", "DowngradeDetected"));
    // A server of TLS 1.2 alone shows no sentinel; there the altered hello leads to other keys. RFC 7627 §4.
    let only_tls12 = server.versions([ProtocolVersion::TLSv1_2]).unwrap();
    let (end, error) = attacked(client, only_tls12, strip);
    assert_eq!((end, error.alert()), ("server", Some(AlertDescription::bad_record_mac)));
}

/// The random of a real server's hello in TLS 1.2.
fn server_random(server: ServerConfig) -> [u8; 32] {
    let scene = Stage::new().server_with(server).say(&[Say::ClientHello]);
    let hello = scene.peer.heard.iter().find_map(|heard| match heard {
        Heard::Message(message) => Some(read_all::<ServerHello<'_>>(&message[HANDSHAKE_HEADER_LEN..]).unwrap()),
        _ => None,
    });
    hello.unwrap().random.0
}

#[test]
fn server_shows_the_sentinel_only_if_it_could_speak_tls13() {
    let stage = Stage::new();
    assert_eq!(server_random(stage.server_of_both_versions())[24..], DOWNGRADE_TLS12);
    assert_ne!(server_random(stage.server)[24..], DOWNGRADE_TLS12);
}

#[test]
fn weakened_hello_never_gives_a_connection() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.versions([ProtocolVersion::TLSv1_2]).unwrap();
    let weakest = |hello: &mut ClientHello<'_>| {
        let weak = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
        assert_ne!(hello.cipher_suites, [weak]);
        hello.cipher_suites = vec![weak];
    };
    let server = server.versions([ProtocolVersion::TLSv1_2]).unwrap();
    let (end, error) = attacked(client.clone(), server.clone(), weakest);
    assert_eq!((end, error.name()), ("server", "DoesNotOpen"));
    let unbound = |hello: &mut ClientHello<'_>| remove(hello, ExtensionType::extended_master_secret);
    let (end, error) = attacked(client.clone(), server.clone(), unbound);
    assert_eq!((end, error.name()), ("server", "NoExtendedMasterSecret"));
    let (end, error) = attacked(client.clone(), server.clone().danger_allow_without_extended_master_secret(), unbound);
    assert_eq!((end, error.name()), ("client", "NoExtendedMasterSecret"));
    let (end, error) = attacked(
        client.danger_allow_without_extended_master_secret(),
        server.danger_allow_without_extended_master_secret(),
        unbound,
    );
    // Without that bond the keys are the same, and Finished alone tells.
    assert_eq!((end, error.name()), ("server", "FinishedWrong"));
}

/// A scripted server's flight without extended master secret.
fn unbound_server(scene: Scene) -> Scene {
    let without = |hello: &mut ServerHello<'_>| {
        hello.extensions.as_mut().unwrap().retain(|it| *it != ServerExtension::ExtendedMasterSecret);
    };
    scene.say_message(|peer| peer.server_hello_with(without))
}

fn unbound_client(scene: Scene) -> Scene {
    scene.say_message(|peer| peer.client_hello_with(|hello| remove(hello, ExtensionType::extended_master_secret)))
}

#[test]
fn peer_without_extended_master_secret_is_refused_unless_the_application_writes_danger() {
    let stage = Stage::new();
    for mut scene in [unbound_server(stage.client()), unbound_client(stage.server())] {
        assert_eq!(scene.outcome(), "NoExtendedMasterSecret");
        scene.assert_failed_with_its_alert();
        assert_eq!(scene.peer.alerts()[0].description, AlertDescription::handshake_failure);
    }
    let client = stage.client_with(stage.client.clone().danger_allow_without_extended_master_secret());
    let server = stage.server_with(stage.server.clone().danger_allow_without_extended_master_secret());
    let client = unbound_server(client).say(&SERVER_FLIGHT[1..]).say(&END);
    let server = unbound_client(server).say(&[ClientKeyExchange]).say(&END);
    for scene in [client, server] {
        assert_eq!(scene.outcome(), "Connected");
        // What is bound to nothing binds nothing. RFC 7627 §5.4.
        let unavailable = Error::Misuse(Misuse::ExporterUnavailable);
        assert_eq!(scene.end.export(b"EXPORTER-test", None, &mut [0; 32]), Err(unavailable.clone()));
        assert_eq!(scene.end.tls_exporter_channel_binding(), Err(unavailable));
        let scene = scene.say_record(ContentType::application_data, b"weak but working");
        assert_eq!(data(&scene.seen), b"weak but working");
    }
}

#[test]
fn extended_master_secret_is_used_wherever_both_have_it_also_where_danger_would_go_without() {
    let stage = Stage::new();
    let client = stage.client.clone().danger_allow_without_extended_master_secret();
    let server = stage.server.clone().danger_allow_without_extended_master_secret();
    let pair = Pair::established(client, server);
    let binding = pair.client.tls_exporter_channel_binding().unwrap();
    assert_eq!(pair.server.tls_exporter_channel_binding(), Ok(binding));
}

#[test]
fn exporter_is_the_prf_over_both_randoms_and_the_context_if_there_is_one() {
    let stage = Stage::new();
    for scene in [stage.connected_client(), stage.connected_server()] {
        let master_secret = scene.peer.master_secret.as_ref().unwrap();
        let provider = bulla::crypto::ring::provider();
        for context in [None, Some(&b""[..]), Some(b"context"), Some(&[7; 65_535])] {
            let expected = master_secret.export(&*provider, &scene.peer.randoms(), b"EXPORTER-test", context, 100);
            let mut exported = [0; 100];
            scene.end.export(b"EXPORTER-test", context, &mut exported).unwrap();
            assert_eq!(exported, expected.unwrap().expose());
        }
        let too_long = scene.end.export(b"EXPORTER-test", Some(&[7; 65_536]), &mut [0; 100]);
        assert_eq!(too_long, Err(Error::Misuse(Misuse::BadExporterRequest)));
        let binding =
            master_secret.export(&*provider, &scene.peer.randoms(), b"EXPORTER-Channel-Binding", Some(b""), 32);
        assert_eq!(scene.end.tls_exporter_channel_binding().unwrap(), binding.unwrap().expose());
    }
}

#[test]
fn record_in_the_clear_behind_the_change_of_keys_is_refused_whatever_it_is() {
    let stage = Stage::new();
    let client = |says: &[Say]| stage.client().say(&SERVER_FLIGHT).say(says);
    let server = |says: &[Say]| stage.server().say(&[Say::ClientHello, ClientKeyExchange]).say(says);
    for says in [&[ChangeCipherSpec][..], &[ChangeCipherSpec, Finished]] {
        for content_type in [ContentType::alert, ContentType::handshake] {
            // Too short for a record under keys, and long enough.
            for content in [&[2, 40][..], &[2; 40]] {
                for scene in [client(says), server(says)] {
                    let mut scene = scene.with(|_| plain_record(content_type, content));
                    assert_eq!(scene.outcome(), "DoesNotOpen", "{content_type} of {} bytes", content.len());
                    scene.assert_failed_with_its_alert();
                }
            }
        }
    }
    // Before the peer's keys change, its alert comes in the clear: it may have failed on our Finished.
    for scene in [client(&[]), server(&[])] {
        let scene = scene.with(|_| plain_record(ContentType::alert, &[2, 40]));
        assert_eq!(scene.error, Some(Error::AlertReceived(AlertDescription::handshake_failure)));
    }
}

#[test]
fn records_that_are_repeated_left_out_or_in_another_order_do_not_open() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.versions([ProtocolVersion::TLSv1_2]).unwrap();
    for order in [&[0, 0][..], &[1], &[0, 2], &[1, 0]] {
        for suite in bulla::crypto::SuiteTls12::ALL.iter().filter(|row| !row.suite.id.to_string().contains("_RSA_")) {
            let client = client.clone().cipher_suites([suite.suite.id]).unwrap();
            let mut pair = Pair::established(client, server.clone());
            let records: Vec<_> = [b"0", b"1", b"2"].iter().map(|byte| send(&mut pair.client, *byte)).collect();
            let (last, before) = order.split_last().unwrap();
            let mut honest: Vec<u8> = before.iter().flat_map(|index| records[*index].clone()).collect();
            let fed = feed(&mut pair.server, &mut honest, &mut pair.server_seen);
            let fed = fed.and_then(|()| feed(&mut pair.server, &mut records[*last].clone(), &mut pair.server_seen));
            assert_eq!(fed.unwrap_err().name(), "DoesNotOpen", "{order:?}");
        }
    }
}

#[test]
fn explicit_nonce_counts_the_records_of_its_direction_and_never_repeats() {
    let mut pair = {
        let stage = Stage::new();
        Pair::established(stage.client, stage.server)
    };
    for end in [&mut *pair.client, &mut *pair.server] {
        // Finished was the first.
        for number in 1..100_u64 {
            let record = send(end, b"x");
            assert_eq!(record[RECORD_HEADER_LEN..][..8], number.to_be_bytes());
        }
    }
}

#[test]
fn record_of_the_largest_plaintext_passes_and_one_more_overflows() {
    let stage = Stage::new();
    let of = |len: usize| {
        let content = vec![7; len];
        stage.connected_server().say_record(ContentType::application_data, &content)
    };
    let scene = of(MAX_PLAINTEXT_LEN);
    assert_eq!((scene.outcome(), data(&scene.seen).len()), ("Connected", MAX_FRAGMENT_LEN));
    let mut scene = of(MAX_PLAINTEXT_LEN + 1);
    assert_eq!(scene.outcome(), "TooLarge");
    scene.assert_failed_with_its_alert();
    // A header alone that claims too much is refused before its bytes come.
    let claim = u16::try_from(MAX_CIPHERTEXT_LEN_TLS13 + 1).unwrap().to_be_bytes();
    let scene = stage.connected_server().with(|_| vec![23, 3, 3, claim[0], claim[1]]);
    assert_eq!(scene.outcome(), "TooLarge");
}

#[test]
fn data_that_ends_without_close_notify_is_truncated_and_with_it_is_closed() {
    let stage = Stage::new();
    for connected in [Stage::connected_client, Stage::connected_server] {
        let mut scene = connected(&stage);
        assert_eq!(scene.end.end_of_input(), Err(Error::Truncated));
        let mut scene = connected(&stage).say_record(ContentType::alert, &[1, 0]);
        assert!(scene.end.is_closed());
        assert_eq!(scene.end.end_of_input(), Ok(()));
        // We may still send until we close, and nothing behind that.
        let records = send(&mut scene.end, b"last words");
        scene.peer.hear(&records);
        scene.end.close();
        scene.listen();
        let close_notify = Alert { level: AlertLevel::warning, description: AlertDescription::close_notify };
        let heard = &scene.peer.heard[scene.peer.heard.len() - 2..];
        assert_eq!(heard, [Heard::Data(b"last words".to_vec()), Heard::Alert(close_notify)]);
        assert_eq!(scene.end.send(b"x", &mut [0; 100]), Err(Error::Misuse(Misuse::SendAfterClose)));
    }
}

#[test]
fn hello_request_behind_our_close_notify_is_not_answered() {
    let mut scene = Stage::new().connected_client();
    scene.end.close();
    scene.listen();
    let heard = scene.peer.heard.len();
    let scene = scene.say(&[Say::HelloRequest]);
    assert_eq!((scene.outcome(), scene.peer.heard.len()), ("Connected", heard));
}

#[test]
fn session_id_of_the_server_is_its_own_and_is_not_remembered() {
    let stage = Stage::new();
    let both = || stage.client_with(stage.client_of_both_versions());
    let told = |scene: Scene| {
        let other = scene.say_message(|peer| peer.server_hello_with(|hello| hello.legacy_session_id_echo = &[5; 32]));
        other.say(&SERVER_FLIGHT[1..]).say(&END)
    };
    assert_eq!([told(both()), told(stage.client())].map(|scene| scene.outcome()), ["Connected"; 2]);
    // A hello that comes back unchanged in its session id would be a session resumed.
    assert_eq!(both().say(&[Answer]).outcome(), "WaitCertificate");
}
