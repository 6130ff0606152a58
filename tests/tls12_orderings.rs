//! Every legal sequence of TLS 1.2, one line per flight, as RFC 5246 §7.3 draws them; every other order fails.
//!
//! change_cipher_spec is one more thing that a peer can say: early, late, twice, or not at all it must lead to nothing but
//! the end. The scripted peer makes each message right for what was said so far, so that order alone decides.

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

use bulla::wire::{Alert, AlertDescription, AlertLevel, ContentType, HandshakeType};
use bulla::{MAX_HELLO_REQUESTS, MAX_WARNING_ALERTS};
use script_tls12::Say;
use script_tls12::Say::{
    Certificate, CertificateRequest, CertificateStatus, CertificateVerify, ChangeCipherSpec, ClientHello,
    ClientKeyExchange, EmptyCertificate, Finished, HelloRequest, ServerHello, ServerHelloDone, ServerHelloWithStatus,
    ServerKeyExchange,
};
use stage_tls12::{END, SERVER_FLIGHT, Scene, Stage};

/// What a server may say to a client that asks for nothing.
const SERVER_SAYS: &[&[Say]] = &[
    &[ServerHello, Certificate, ServerKeyExchange, ServerHelloDone, ChangeCipherSpec, Finished],
    &[ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone, ChangeCipherSpec, Finished],
];

/// What it may say beside that to a client that has asked for an OCSP response. One that is announced may still be left
/// out. RFC 6066 §8.
const SERVER_SAYS_IF_ASKED: &[&[Say]] = &[
    SERVER_SAYS[0],
    SERVER_SAYS[1],
    &[ServerHelloWithStatus, Certificate, ServerKeyExchange, ServerHelloDone, ChangeCipherSpec, Finished],
    &[
        ServerHelloWithStatus,
        Certificate,
        ServerKeyExchange,
        CertificateRequest,
        ServerHelloDone,
        ChangeCipherSpec,
        Finished,
    ],
    &[
        ServerHelloWithStatus,
        Certificate,
        CertificateStatus,
        ServerKeyExchange,
        ServerHelloDone,
        ChangeCipherSpec,
        Finished,
    ],
    &[
        ServerHelloWithStatus,
        Certificate,
        CertificateStatus,
        ServerKeyExchange,
        CertificateRequest,
        ServerHelloDone,
        ChangeCipherSpec,
        Finished,
    ],
];

/// What a client may say to a server that does not ask for a certificate.
const CLIENT_SAYS: &[&[Say]] = &[&[ClientHello, ClientKeyExchange, ChangeCipherSpec, Finished]];

/// What a client may say to a server that must have a certificate.
const CLIENT_SAYS_IF_REQUIRED: &[&[Say]] =
    &[&[ClientHello, Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished]];

/// What a client may say to a server that would like a certificate.
const CLIENT_SAYS_IF_REQUESTED: &[&[Say]] =
    &[CLIENT_SAYS_IF_REQUIRED[0], &[ClientHello, EmptyCertificate, ClientKeyExchange, ChangeCipherSpec, Finished]];

/// Everything that a peer can say: what is well-formed, and a message of each other type without a body.
fn all_messages() -> Vec<Say> {
    let well_formed = [
        HelloRequest,
        ClientHello,
        ServerHello,
        Certificate,
        EmptyCertificate,
        CertificateStatus,
        ServerKeyExchange,
        CertificateRequest,
        ServerHelloDone,
        ClientKeyExchange,
        CertificateVerify,
        ChangeCipherSpec,
        Finished,
    ];
    let has_well_formed = |it: &HandshakeType| {
        type T = HandshakeType;
        let first = [T::hello_request, T::client_hello, T::server_hello, T::certificate, T::certificate_status];
        let second = [T::server_key_exchange, T::certificate_request, T::server_hello_done, T::client_key_exchange];
        first.contains(it) || second.contains(it) || [T::certificate_verify, T::finished].contains(it)
    };
    let empty = HandshakeType::NAMED.iter().copied().filter(|it| !has_well_formed(it)).map(Say::Empty);
    well_formed.into_iter().chain(empty).chain([Say::Empty(HandshakeType(99))]).collect()
}

fn messages_without(excluded: &[Say]) -> Vec<Say> {
    all_messages().into_iter().filter(|message| !excluded.contains(message)).collect()
}

/// Tries each message behind each legal beginning. What goes on along a legal line must be accepted, and its end must
/// be the connection; all else must end with unexpected_message.
fn explore(start: &dyn Fn() -> Scene, messages: &[Say], legal: &[&[Say]]) {
    let mut connected = 0;
    let mut beginnings = vec![vec![]];
    while let Some(beginning) = beginnings.pop() {
        for &message in messages {
            let said = [&beginning[..], &[message]].concat();
            let mut scene = start().say(&said);
            if legal.contains(&&said[..]) {
                assert_eq!(scene.outcome(), "Connected", "{said:?}");
                connected += 1;
            } else if legal.iter().any(|line| line.starts_with(&said)) {
                assert_eq!(scene.error, None, "{said:?}");
                assert_ne!(scene.outcome(), "Connected", "{said:?}");
                beginnings.push(said);
            } else {
                let alert = scene.error.as_ref().and_then(bulla::Error::alert);
                assert_eq!(alert, Some(AlertDescription::unexpected_message), "{said:?}: {}", scene.outcome());
                scene.assert_failed_with_its_alert();
            }
        }
    }
    assert_eq!(connected, legal.len(), "a legal line holds a message that was not among those tried");
}

#[test]
fn client_accepts_each_legal_order_of_a_server_and_no_other() {
    let stage = Stage::new();
    explore(&|| stage.client(), &messages_without(&[EmptyCertificate]), SERVER_SAYS);
}

#[test]
fn client_that_asks_for_a_status_accepts_each_legal_order_and_no_other() {
    let stage = Stage::new();
    let mut messages = messages_without(&[EmptyCertificate]);
    messages.push(ServerHelloWithStatus);
    explore(&|| stage.client_with(stage.asking_client()), &messages, SERVER_SAYS_IF_ASKED);
}

#[test]
fn server_accepts_each_legal_order_of_a_client_and_no_other() {
    let stage = Stage::new();
    explore(&|| stage.server(), &all_messages(), CLIENT_SAYS);
}

#[test]
fn server_that_requires_a_certificate_accepts_each_legal_order_and_no_other() {
    let stage = Stage::new();
    let messages = messages_without(&[EmptyCertificate]);
    explore(&|| stage.server_with(stage.requiring_server()), &messages, CLIENT_SAYS_IF_REQUIRED);
}

#[test]
fn server_that_requests_a_certificate_accepts_each_legal_order_and_no_other() {
    let stage = Stage::new();
    explore(&|| stage.server_with(stage.requesting_server()), &all_messages(), CLIENT_SAYS_IF_REQUESTED);
}

#[test]
fn each_end_answers_each_flight_with_its_own_and_nothing_else() {
    type T = HandshakeType;
    let stage = Stage::new();
    let scene = stage.client().say(SERVER_SAYS[0]);
    assert_eq!(scene.peer.messages_heard(), [T::client_hello, T::client_key_exchange, T::finished]);
    let scene = stage.client().say(SERVER_SAYS[1]);
    let with_certificate =
        [T::client_hello, T::certificate, T::client_key_exchange, T::certificate_verify, T::finished];
    assert_eq!(scene.peer.messages_heard(), with_certificate);
    let scene = stage.server().say(CLIENT_SAYS[0]);
    let flight = [T::server_hello, T::certificate, T::server_key_exchange, T::server_hello_done, T::finished];
    assert_eq!(scene.peer.messages_heard(), flight);
    let scene = stage.server_with(stage.requiring_server()).say(CLIENT_SAYS_IF_REQUIRED[0]);
    let flight = [
        T::server_hello,
        T::certificate,
        T::server_key_exchange,
        T::certificate_request,
        T::server_hello_done,
        T::finished,
    ];
    assert_eq!(scene.peer.messages_heard(), flight);
}

/// A way onto the scene, and what is legal there.
type Lines<'a> = (Box<dyn Fn() -> Scene + 'a>, &'static [&'static [Say]]);

fn all_lines(stage: &Stage) -> Vec<Lines<'_>> {
    vec![
        (Box::new(|| stage.client_with(stage.asking_client())), SERVER_SAYS_IF_ASKED),
        (Box::new(|| stage.server()), CLIENT_SAYS),
        (Box::new(|| stage.server_with(stage.requiring_server())), CLIENT_SAYS_IF_REQUIRED),
        (Box::new(|| stage.server_with(stage.requesting_server())), CLIENT_SAYS_IF_REQUESTED),
    ]
}

/// CVE-2014-0224: keys that were taken into use too early came from an empty master secret.
#[test]
fn change_cipher_spec_inside_a_fragmented_message_is_refused_wherever_one_is_read() {
    let stage = Stage::new();
    for (start, lines) in all_lines(&stage) {
        for (line, index) in lines.iter().flat_map(|line| (0..line.len()).map(move |index| (line, index))) {
            // Where change_cipher_spec comes next, the fragment before it is what makes it wrong.
            let next = if line[index] == ChangeCipherSpec { Finished } else { line[index] };
            for cut in [1, 3, 4, 15] {
                let mut scene = start().say(&line[..index]).with(|peer| {
                    let message = peer.compose(next);
                    let cut = cut.min(message.len() - 1);
                    [peer.record(ContentType::handshake, &message[..cut]), peer.change_cipher_spec()].concat()
                });
                let alert = scene.error.as_ref().and_then(bulla::Error::alert);
                assert_eq!(alert, Some(AlertDescription::unexpected_message), "{line:?} {index} {}", scene.outcome());
                scene.assert_failed_with_its_alert();
            }
        }
    }
}

#[test]
fn change_cipher_spec_behind_the_handshake_is_refused_in_the_clear_and_under_the_keys() {
    let stage = Stage::new();
    for connected in [Stage::connected_client, Stage::connected_server] {
        assert_eq!(connected(&stage).say(&[ChangeCipherSpec]).outcome(), "UnexpectedRecord");
        let mut scene = connected(&stage).with(|_| script::change_cipher_spec());
        assert_eq!(scene.outcome(), "UnexpectedRecord");
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn dummy_change_cipher_spec_of_tls13_is_dropped_only_before_the_version_is_known() {
    let stage = Stage::new();
    let both = || stage.client_with(stage.client_of_both_versions());
    let dummy = |scene: Scene| scene.with(|_| script::change_cipher_spec());
    assert_eq!(dummy(both()).outcome(), "WaitServerHello");
    assert_eq!(dummy(both()).say(&SERVER_FLIGHT).say(&END).outcome(), "Connected");
    assert_eq!(dummy(both().say(&[ServerHello])).outcome(), "UnexpectedRecord");
    // A client without TLS 1.3 knows no dummies, nor does a server before a hello.
    assert_eq!(dummy(stage.client()).outcome(), "UnexpectedRecord");
    assert_eq!(dummy(stage.server()).outcome(), "UnexpectedRecord");
}

#[test]
fn finished_in_the_clear_is_refused_with_and_without_change_cipher_spec() {
    let stage = Stage::new();
    let in_the_clear = |scene: Scene| {
        scene.with(|peer| script::plain_record(ContentType::handshake, &peer.compose(Finished))).outcome()
    };
    let client = || stage.client().say(&SERVER_FLIGHT);
    let server = || stage.server().say(&[ClientHello, ClientKeyExchange]);
    assert_eq!([in_the_clear(client()), in_the_clear(server())], ["UnexpectedMessage"; 2]);
    let outcomes = [in_the_clear(client().say(&END[..1])), in_the_clear(server().say(&END[..1]))];
    assert_eq!(outcomes, ["DoesNotOpen"; 2]);
}

#[test]
fn data_before_finished_is_refused_in_the_clear_and_under_the_keys() {
    let stage = Stage::new();
    for (start, lines) in all_lines(&stage) {
        for (line, index) in lines.iter().flat_map(|line| (0..line.len()).map(move |index| (line, index))) {
            let mut scene = start().say(&line[..index]).say_record(ContentType::application_data, b"early");
            assert_eq!(scene.outcome(), "UnexpectedRecord", "{line:?} {index}");
            scene.assert_failed_with_its_alert();
        }
    }
}

#[test]
fn messages_of_a_flight_may_share_records_and_be_cut_anywhere() {
    let stage = Stage::new();
    let mut flight = SERVER_FLIGHT.to_vec();
    flight.insert(3, CertificateRequest);
    for fragment_len in [16_384, 1000, 100, 7, 1] {
        let scene = stage.client().with(|peer| peer.say_in_fragments(&flight, fragment_len)).say(&END);
        assert_eq!(scene.outcome(), "Connected", "{fragment_len}");
        let scene = stage.server_with(stage.requiring_server()).say(&[ClientHello]);
        let flight = [Certificate, ClientKeyExchange, CertificateVerify];
        let scene = scene.with(|peer| peer.say_in_fragments(&flight, fragment_len)).say(&END);
        assert_eq!(scene.outcome(), "Connected", "{fragment_len}");
    }
}

#[test]
fn hello_requests_get_one_warning_until_it_is_taken_and_are_bounded_between_data() {
    let refusal = Alert { level: AlertLevel::warning, description: AlertDescription::no_renegotiation };
    let stage = Stage::new();
    let mut scene = stage.connected_client();
    // Several in a row, before any output is taken.
    let mut records: Vec<u8> = (0..3).flat_map(|_| scene.peer.say(HelloRequest)).collect();
    pair::feed(&mut scene.end, &mut records, &mut scene.seen).unwrap();
    scene.listen();
    assert_eq!(scene.peer.alerts(), [refusal]);
    let mut scene = scene.say(&[HelloRequest]);
    assert_eq!(scene.peer.alerts(), [refusal; 2]);
    for round in 0..3 {
        scene = scene.say_record(ContentType::application_data, b"data");
        for _ in 0..MAX_HELLO_REQUESTS {
            scene = scene.say(&[HelloRequest]);
        }
        assert_eq!(scene.outcome(), "Connected", "{round}");
    }
    assert_eq!(scene.say(&[HelloRequest]).outcome(), "TooManyHelloRequests");
}

#[test]
fn client_hello_behind_the_handshake_ends_the_connection_with_no_renegotiation() {
    let mut scene = Stage::new().connected_server().say(&[ClientHello]);
    assert_eq!(scene.outcome(), "Renegotiation");
    scene.assert_failed_with_its_alert();
    assert_eq!(scene.peer.alerts()[0].description, AlertDescription::no_renegotiation);
}

#[test]
fn no_message_comes_behind_the_handshake_but_hello_request() {
    let stage = Stage::new();
    for message in messages_without(&[HelloRequest, ChangeCipherSpec]) {
        let mut scene = stage.connected_client().say(&[message]);
        assert_eq!(scene.outcome(), "UnexpectedMessage", "{message:?}");
        scene.assert_failed_with_its_alert();
    }
    for message in messages_without(&[ClientHello, ChangeCipherSpec]) {
        let mut scene = stage.connected_server().say(&[message]);
        assert_eq!(scene.outcome(), "UnexpectedMessage", "{message:?}");
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn warnings_end_nothing_and_are_bounded_in_every_state_and_between_data() {
    let stage = Stage::new();
    let warning = |scene: Scene| scene.say_record(ContentType::alert, &[1, AlertDescription::unrecognized_name.0]);
    for (start, lines) in all_lines(&stage) {
        for (line, index) in lines.iter().flat_map(|line| (0..line.len()).map(move |index| (line, index))) {
            let mut scene = start().say(&line[..index]);
            let state = scene.outcome();
            for _ in 0..MAX_WARNING_ALERTS {
                scene = warning(scene);
                assert_eq!(scene.outcome(), state);
            }
            assert_eq!(warning(scene).outcome(), "TooManyWarnings", "{state}");
        }
    }
    for mut scene in [stage.connected_client(), stage.connected_server()] {
        for _ in 0..3 {
            for _ in 0..MAX_WARNING_ALERTS {
                scene = warning(scene);
            }
            scene = scene.say_record(ContentType::application_data, b"data");
            assert_eq!(scene.outcome(), "Connected");
        }
        // A fatal one ends the connection, whatever it says.
        let mut scene = scene.say_record(ContentType::alert, &[2, AlertDescription::unrecognized_name.0]);
        assert_eq!(scene.outcome(), "AlertReceived");
        scene.assert_failed_with_its_alert();
    }
}
