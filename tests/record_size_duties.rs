//! What the RFCs demand of an end whose peer breaks the rules about the size of records: at each limit, and one beyond.
//! RFC 8449 §4, §5, RFC 6066 §4.

#![cfg(feature = "ring")]

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
#[path = "support/tickets.rs"]
mod tickets;

use bulla::wire::{
    ClientExtension, ContentType, EncryptedExtension, EncryptedExtensions, HandshakeType, MaxFragmentLength, read_all,
    write_message,
};
use bulla::{ClientConfig, Event};
use pair::{Seen, data};
use scene::{Scene, Stage};
use script::Peer;
use script::Say::{Certificate, CertificateVerify, Finished, KeyUpdate, ServerHello};
#[cfg(feature = "tls12")]
use script::plain_record;
use script::psk::end_of_early_data;
use tickets::{Tickets, accepts_early_data, bodies, offer_early_data};

const RECORD_SIZE_LIMIT: fn(u16) -> EncryptedExtension<'static> = EncryptedExtension::RecordSizeLimit;

fn encrypted_extensions(extensions: Vec<EncryptedExtension<'_>>) -> Vec<u8> {
    write_message(&EncryptedExtensions { extensions }).unwrap()
}

/// A client of this configuration, connected to the scripted server that answers so.
fn connected(stage: &Stage, client: ClientConfig, answer: Vec<EncryptedExtension<'_>>) -> Scene {
    let scene = stage.client_with(client).say(&[ServerHello]).say_message(|_| encrypted_extensions(answer));
    let scene = scene.say(&[Certificate, CertificateVerify, Finished]);
    assert_eq!(scene.outcome(), "Connected");
    scene
}

/// A server of this limit, connected to the scripted client that offers these extensions.
fn connected_server(stage: &Stage, limit: u16, offer: Vec<ClientExtension<'static>>) -> Scene {
    let config = stage.server.clone().record_size_limit(limit).unwrap();
    let scene = stage
        .server_with(config)
        .say_message(|peer| peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().extend(offer)));
    let scene = scene.say(&[Finished]);
    assert_eq!(scene.outcome(), "Connected");
    scene
}

/// A TLSInnerPlaintext of this length with so much content, all else being padding.
fn inner_plaintext(content_type: ContentType, content: &[u8], len: usize) -> Vec<u8> {
    let mut inner = content.to_vec();
    inner.push(content_type.0);
    inner.resize(len, 0);
    inner
}

/// Data of which content, type and padding together have this length.
fn sealed_data(peer: &mut Peer, content_len: usize, len: usize) -> Vec<u8> {
    peer.seal(&inner_plaintext(ContentType::application_data, &vec![7; content_len], len))
}

/// However the bytes are shared out, `limit` of them pass and one more overflows; between them the keys change.
fn check_edge(connected: impl Fn() -> Scene, limit: usize) {
    for content_len in [limit - 1, limit - 2, 1, 0] {
        let scene = connected().with(|peer| sealed_data(peer, content_len, limit));
        let scene = scene.say(&[KeyUpdate]).with(|peer| sealed_data(peer, content_len, limit));
        assert_eq!(scene.error, None, "{content_len} of {limit}");
        assert_eq!(data(&scene.seen).len(), 2 * content_len);
        let mut scene = scene.with(|peer| sealed_data(peer, content_len, limit + 1));
        assert_eq!(scene.outcome(), "TooLarge", "{content_len} of {limit}");
        scene.assert_failed_with_its_alert();
    }
    // Handshake messages are no exception.
    let ticket = |len| {
        inner_plaintext(
            ContentType::handshake,
            &script::key_update(bulla::wire::KeyUpdateRequest::update_not_requested),
            len,
        )
    };
    let scene = connected().with(|peer| peer.seal(&ticket(limit)));
    assert_eq!(scene.error, None);
    let mut scene = connected().with(|peer| peer.seal(&ticket(limit + 1)));
    assert_eq!(scene.outcome(), "TooLarge");
    scene.assert_failed_with_its_alert();
}

/// The limits that leave room for the messages of the scripted peer, each in one record.
const LIMITS: [u16; 4] = [1000, 4096, 16_384, 16_385];

#[test]
fn client_takes_records_of_its_limit_and_no_larger_ones() {
    let stage = Stage::new();
    for limit in LIMITS {
        let client = stage.client.clone().record_size_limit(limit).unwrap();
        let of_server = |size| connected(&stage, client.clone(), vec![RECORD_SIZE_LIMIT(size)]);
        // What the server takes does not matter.
        check_edge(|| of_server(64), usize::from(limit));
        check_edge(|| of_server(u16::MAX), usize::from(limit));
    }
}

#[test]
fn server_takes_records_of_its_limit_and_no_larger_ones() {
    let stage = Stage::new();
    for limit in LIMITS.into_iter().chain([64, 100]) {
        let of_client = || connected_server(&stage, limit, vec![ClientExtension::RecordSizeLimit(u16::MAX)]);
        check_edge(of_client, usize::from(limit));
    }
}

#[test]
fn record_beyond_the_limit_is_refused_by_its_header() {
    let stage = Stage::new();
    let scene = || connected_server(&stage, 100, vec![ClientExtension::RecordSizeLimit(100)]);
    let header = |len: u8| [23, 3, 3, 0, len];
    let mut waiting = scene();
    let mut bytes = header(116);
    let received = waiting.end.receive(&mut bytes).unwrap();
    assert!(matches!(received.event, Event::NeedMore { hint: 121 }));
    let mut overflown = scene().with(|_| header(117).to_vec());
    assert_eq!(overflown.outcome(), "TooLarge");
    overflown.assert_failed_with_its_alert();
}

#[test]
fn peer_that_does_not_answer_or_offer_the_limit_is_not_held_to_it() {
    let stage = Stage::new();
    let client = stage.client.clone().record_size_limit(100).unwrap();
    let scene = connected(&stage, client, vec![]).with(|peer| sealed_data(peer, 16_384, 16_385));
    assert_eq!((scene.error, data(&scene.seen).len()), (None, 16_384));
    let scene = connected_server(&stage, 100, vec![]).with(|peer| sealed_data(peer, 16_384, 16_385));
    assert_eq!((scene.error, data(&scene.seen).len()), (None, 16_384));
}

#[test]
fn record_that_brings_the_servers_answer_is_held_to_the_limit_already() {
    let stage = Stage::new();
    for (len, outcome) in [(64, "WaitCertificateOrRequest"), (65, "TooLarge")] {
        let client = stage.client.clone().record_size_limit(64).unwrap();
        let scene = stage.client_with(client).say(&[ServerHello]).with(|peer| {
            let message = encrypted_extensions(vec![RECORD_SIZE_LIMIT(100)]);
            let record = peer.seal(&inner_plaintext(ContentType::handshake, &message, len));
            peer.count(&message);
            record
        });
        assert_eq!(scene.outcome(), outcome);
    }
}

#[test]
fn each_record_of_the_servers_answer_is_held_to_the_limit_that_it_brings() {
    let stage = Stage::new();
    for (lens, outcome) in [([64, 64], "WaitCertificateOrRequest"), ([65, 64], "TooLarge"), ([64, 65], "TooLarge")] {
        let client = stage.client.clone().record_size_limit(64).unwrap();
        let scene = stage.client_with(client).say(&[ServerHello]).with(|peer| {
            let message = encrypted_extensions(vec![RECORD_SIZE_LIMIT(100)]);
            let (front, rest) = message.split_at(5);
            let halves = [(front, lens[0]), (rest, lens[1])];
            let records = halves.map(|(half, len)| peer.seal(&inner_plaintext(ContentType::handshake, half, len)));
            peer.count(&message);
            records.concat()
        });
        assert_eq!(scene.outcome(), outcome, "{lens:?}");
    }
}

#[test]
fn limit_below_64_bytes_is_refused_and_one_beyond_what_there_is_is_not() {
    let stage = Stage::new();
    for (limit, outcome) in [(0, "RecordSizeLimitTooSmall"), (63, "RecordSizeLimitTooSmall"), (64, "WaitFinished")] {
        let offer = ClientExtension::RecordSizeLimit(limit);
        let scene = stage
            .server()
            .say_message(|peer| peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(offer)));
        assert_eq!(scene.outcome(), outcome, "{limit}");
        let client = stage.client.clone().record_size_limit(16_385).unwrap();
        let scene = stage.client_with(client).say(&[ServerHello]);
        let scene = scene.say_message(|_| encrypted_extensions(vec![RECORD_SIZE_LIMIT(limit)]));
        assert_eq!(scene.outcome() == "RecordSizeLimitTooSmall", limit < 64, "{limit}");
    }
    // RFC 8449 §4: another version may have larger records; ours are what they are.
    let client = stage.client.clone().record_size_limit(1000).unwrap();
    let scene = connected(&stage, client, vec![RECORD_SIZE_LIMIT(u16::MAX)]);
    assert_eq!(scene.end.max_fragment_len(), 16_384);
    let scene = connected_server(&stage, 64, vec![ClientExtension::RecordSizeLimit(u16::MAX)]);
    assert_eq!(scene.end.max_fragment_len(), 16_384);
}

#[test]
fn max_fragment_length_lets_its_length_of_content_pass_and_one_byte_more_overflow() {
    let stage = Stage::new();
    for (code, len) in [(1_u8, 512_usize), (2, 1024), (3, 2048), (4, 4096)] {
        let length = MaxFragmentLength(code);
        let client = stage.client.clone().max_fragment_length(length).unwrap();
        let answer = || vec![EncryptedExtension::MaxFragmentLength(length)];
        let of_server = || connected(&stage, client.clone(), answer());
        let offer = || vec![ClientExtension::MaxFragmentLength(length)];
        let of_client = || connected_server(&stage, 16_385, offer());
        for scene in [&of_server as &dyn Fn() -> Scene, &of_client] {
            // Stacks differ in whether the type is counted: so much content may come, in whatever it is padded with.
            let passed = scene().with(|peer| sealed_data(peer, len, len + 1));
            assert_eq!((passed.error.clone(), data(&passed.seen).len()), (None, len));
            // We count it. RFC 8446 §5.4.
            assert_eq!(passed.end.max_fragment_len(), len - 1);
            for content_len in [len + 1, 1] {
                let mut overflown = scene().with(|peer| sealed_data(peer, content_len, len + 2));
                assert_eq!(overflown.outcome(), "TooLarge");
                overflown.assert_failed_with_its_alert();
            }
        }
    }
}

#[test]
fn max_fragment_length_that_is_unknown_is_refused_unless_record_size_limit_stands_beside_it() {
    let stage = Stage::new();
    for code in [0, 5, 255] {
        let unknown = ClientExtension::MaxFragmentLength(MaxFragmentLength(code));
        let told = |more: Vec<ClientExtension<'static>>| {
            stage
                .server()
                .say_message(|peer| peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().extend(more)))
        };
        assert_eq!(told(vec![unknown.clone()]).outcome(), "MaxFragmentLengthUnknown");
        let scene = told(vec![unknown.clone(), ClientExtension::RecordSizeLimit(64)]);
        assert_eq!(scene.outcome(), "WaitFinished");
        let answer: EncryptedExtensions<'_> = read_all(bodies(&scene, HandshakeType::encrypted_extensions)[0]).unwrap();
        assert_eq!(answer.extensions, [RECORD_SIZE_LIMIT(16_385)]);
    }
}

#[test]
fn limit_of_a_server_does_not_bind_early_data_and_binds_what_comes_behind_it() {
    let tickets = Tickets::with_early_data();
    let psk = tickets.ticket();
    let small = tickets.config.clone().record_size_limit(64).unwrap();
    let scene = tickets.stage.server_with(small).with(|peer| {
        let hello = peer.psk_hello_with(vec![psk], |hello| {
            offer_early_data(hello);
            let extensions = hello.extensions.as_mut().unwrap();
            extensions.push(ClientExtension::RecordSizeLimit(16_385));
        });
        peer.say_early(&hello, &[&[7; 100]])
    });
    assert!(accepts_early_data(&scene));
    assert_eq!(scene.seen, [Seen::EarlyData(vec![7; 100])]);
    // EndOfEarlyData too goes under the keys that were there before the limit was said.
    let scene = scene.with(|peer| {
        let message = end_of_early_data();
        let record = peer.seal(&inner_plaintext(ContentType::handshake, &message, 500));
        peer.count(&message);
        record
    });
    assert_eq!(scene.error, None);
    let mut overflown = scene.with(|peer| {
        let finished = peer.compose(Finished);
        peer.seal(&inner_plaintext(ContentType::handshake, &finished, 65))
    });
    assert_eq!(overflown.outcome(), "TooLarge");
    overflown.assert_failed_with_its_alert();
}

#[test]
fn answers_about_sizes_may_not_stand_in_server_hello_of_tls13() {
    let stage = Stage::new();
    let client = stage.client.clone().record_size_limit(64).unwrap();
    let scene = stage.client_with(client).say_message(|peer| {
        peer.server_hello_with(|hello| {
            let extensions = hello.extensions.as_mut().unwrap();
            extensions.push(bulla::wire::ServerExtension::RecordSizeLimit(64));
        })
    });
    assert_eq!(scene.outcome(), "ExtensionNotAllowed");
}

#[cfg(feature = "tls12")]
mod tls12 {
    use bulla::wire::ServerExtension;

    use super::script_tls12::Say;
    use super::stage_tls12::{END, SERVER_FLIGHT, Scene, Stage};
    use super::*;

    /// A client, connected to the scripted server that answers so.
    fn connected(stage: &Stage, client: ClientConfig, answer: ServerExtension<'static>) -> Scene {
        let scene = stage
            .client_with(client)
            .say_message(|peer| peer.server_hello_with(|hello| hello.extensions.as_mut().unwrap().push(answer)));
        scene.say(&SERVER_FLIGHT[1..]).say(&END)
    }

    fn connected_server(stage: &Stage, limit: u16, offer: ClientExtension<'static>) -> Scene {
        let config = stage.server.clone().record_size_limit(limit).unwrap();
        let scene = stage
            .server_with(config)
            .say_message(|peer| peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(offer)));
        scene.say(&[Say::ClientKeyExchange]).say(&END)
    }

    fn check_edge(connected: impl Fn() -> Scene, limit: usize) {
        let scene = connected();
        assert_eq!(scene.outcome(), "Connected");
        let scene = scene.say_record(ContentType::application_data, &vec![7; limit]);
        assert_eq!((scene.error.clone(), data(&scene.seen).len()), (None, limit));
        let mut scene = scene.say_record(ContentType::application_data, &vec![7; limit + 1]);
        assert_eq!(scene.outcome(), "TooLarge");
        scene.assert_failed_with_its_alert();
    }

    #[test]
    fn both_ends_of_tls12_take_records_of_their_limit_and_no_larger_ones() {
        let stage = Stage::new();
        for limit in [64, 100, 1000, 16_383, 16_384, 16_385] {
            let client = stage.client.clone().record_size_limit(limit).unwrap();
            let most = usize::from(limit).min(16_384);
            // The certificate before the keys is larger than most of these.
            check_edge(|| connected(&stage, client.clone(), ServerExtension::RecordSizeLimit(64)), most);
            check_edge(|| connected_server(&stage, limit, ClientExtension::RecordSizeLimit(64)), most);
        }
    }

    #[test]
    fn limit_of_tls12_counts_plaintext_alone_and_is_refused_below_64() {
        let stage = Stage::new();
        let client = stage.client.clone().record_size_limit(16_385).unwrap();
        for limit in [64, 1000, 16_384, u16::MAX] {
            let most = usize::from(limit).min(16_384);
            let scene = connected(&stage, client.clone(), ServerExtension::RecordSizeLimit(limit));
            assert_eq!(scene.end.max_fragment_len(), most);
            let scene = connected_server(&stage, 16_385, ClientExtension::RecordSizeLimit(limit));
            assert_eq!(scene.end.max_fragment_len(), most);
        }
        let scene = connected(&stage, client, ServerExtension::RecordSizeLimit(63));
        assert_eq!(scene.outcome(), "RecordSizeLimitTooSmall");
        let scene = connected_server(&stage, 64, ClientExtension::RecordSizeLimit(63));
        assert_eq!(scene.outcome(), "RecordSizeLimitTooSmall");
    }

    #[test]
    fn max_fragment_length_of_tls12_holds_before_the_keys_too() {
        let stage = Stage::new();
        let length = MaxFragmentLength::two_to_the_9;
        let client = stage.client.clone().max_fragment_length(length).unwrap();
        let answered = |scene: Scene| {
            scene.say_message(|peer| {
                peer.server_hello_with(|hello| {
                    hello.extensions.as_mut().unwrap().push(ServerExtension::MaxFragmentLength(length));
                })
            })
        };
        // Fragments of the length pass, and so does what is under keys.
        let scene = answered(stage.client_with(client.clone()));
        let scene = scene.with(|peer| peer.say_in_fragments(&SERVER_FLIGHT[1..], 512)).say(&END);
        assert_eq!(scene.outcome(), "Connected");
        let scene = scene.say_record(ContentType::application_data, &[7; 512]);
        assert_eq!(scene.error, None);
        let mut scene = scene.say_record(ContentType::application_data, &[7; 513]);
        assert_eq!(scene.outcome(), "TooLarge");
        scene.assert_failed_with_its_alert();
        // A header says it already, of a record in the clear.
        let mut scene = answered(stage.client_with(client)).with(|_| vec![22, 3, 3, 2, 1]);
        assert_eq!(scene.outcome(), "TooLarge");
        scene.assert_failed_with_its_alert();
        let config = stage.server.clone();
        let scene = stage.server_with(config).say_message(|peer| {
            peer.client_hello_with(|hello| {
                hello.extensions.as_mut().unwrap().push(ClientExtension::MaxFragmentLength(length));
            })
        });
        let waiting = scene.with(|_| plain_record(ContentType::handshake, &[16, 0, 1, 0xfc]));
        assert_eq!(waiting.error, None);
        let mut overflown = waiting.with(|_| vec![22, 3, 3, 2, 1]);
        assert_eq!(overflown.outcome(), "TooLarge");
        overflown.assert_failed_with_its_alert();
    }
}
