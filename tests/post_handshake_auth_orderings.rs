//! Every order in which an answer to a request after the handshake may come, and what may stand beside it; every other order
//! fails. RFC 8446 §4.6.2.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[path = "support/stage_asked.rs"]
mod stage_asked;

use std::sync::Arc;

use bulla::wire::{
    AlertDescription, ClientExtension, ClientHello, ContentType, EncryptedExtension, EncryptedExtensions,
    ExtensionType, Finished, HandshakeType, KeyUpdateRequest, UnknownExtension, read_all, write_message,
};
use bulla::{Error, ServerConfig};
use later::{Later, Remote};
use pair::{KeyKind, Seen};
use scene::{Scene, Stage};
use script::asked::{Answer, request};
use script::{Heard, Say, key_update};
use stage_asked::{say_all, true_answer};

/// Something that a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Certificate,
    EmptyCertificate,
    CertificateVerify,
    Finished,
    FinishedOfNone,
    KeyUpdate,
    Data,
    Message(HandshakeType),
}

use Move::{Certificate, CertificateVerify, Data, EmptyCertificate, FinishedOfNone, KeyUpdate};

/// All that a client may do while one request is open, as sequences of which each beginning is legal too.
const LEGAL: &[&[Move]] = &[
    &[Certificate, CertificateVerify, Move::Finished, Data, KeyUpdate],
    &[EmptyCertificate, FinishedOfNone, Data, KeyUpdate],
    &[Data, Data, Certificate],
    &[Data, EmptyCertificate],
    &[KeyUpdate],
];

fn all_moves() -> Vec<Move> {
    let named = [Certificate, EmptyCertificate, CertificateVerify, Move::Finished, FinishedOfNone, KeyUpdate, Data];
    let others = HandshakeType::NAMED.iter().filter(|it| {
        use HandshakeType as T;
        ![T::certificate, T::certificate_verify, T::finished, T::key_update].contains(it)
    });
    named.into_iter().chain(others.map(|it| Move::Message(*it))).collect()
}

/// A server that has asked once, and both answers to it.
fn asked(stage: &Stage) -> (Scene, Answer, Answer) {
    let mut scene = stage.asking_server_with(stage.later_requesting_server(), 1);
    let request = scene.peer.requests().remove(0);
    let (full, none) = (scene.peer.answer_to(&request, true), scene.peer.answer_to(&request, false));
    (scene, full, none)
}

fn make(scene: Scene, step: Move, full: &Answer, none: &Answer) -> Scene {
    let message = match step {
        Data => return scene.say_record(ContentType::application_data, b"data"),
        Certificate => full.certificate.clone(),
        EmptyCertificate => none.certificate.clone(),
        CertificateVerify => full.certificate_verify.clone(),
        Move::Finished => full.finished.clone(),
        FinishedOfNone => none.finished.clone(),
        KeyUpdate => key_update(KeyUpdateRequest::update_not_requested),
        Move::Message(handshake_type) => vec![handshake_type.0, 0, 0, 0],
    };
    scene.say_message(|_| message)
}

#[test]
fn answer_comes_in_its_order_and_every_other_order_fails() {
    let stage = Stage::new();
    let mut refused = 0;
    for sequence in LEGAL {
        for len in 0..=sequence.len() {
            let beginning = &sequence[..len];
            // A KeyUpdate changes the key that Finished is made with; what comes behind it is another test's.
            if beginning.first() == Some(&KeyUpdate) {
                continue;
            }
            for step in all_moves() {
                let (mut scene, full, none) = asked(&stage);
                for before in beginning {
                    scene = make(scene, *before, &full, &none);
                }
                assert!(scene.error.is_none(), "{beginning:?}: {}", scene.outcome());
                scene = make(scene, step, &full, &none);
                let is_legal = LEGAL.iter().any(|legal| {
                    let quiet = |moves: &[Move]| moves.iter().filter(|it| !matches!(it, Data)).copied().collect();
                    let (so_far, legal): (Vec<Move>, Vec<Move>) = (quiet(beginning), quiet(legal));
                    let in_flight = matches!(so_far.last(), Some(Certificate | EmptyCertificate | CertificateVerify));
                    match step {
                        Data => !in_flight,
                        KeyUpdate => !in_flight,
                        _ => legal.starts_with(&[&so_far[..], &[step]].concat()),
                    }
                });
                assert_eq!(scene.error.is_none(), is_legal, "{beginning:?}, then {step:?}: {}", scene.outcome());
                if let Some(error) = &scene.error {
                    // With the right type in the right place, what is wrong is the content.
                    let alert = match (beginning.last(), step) {
                        (Some(CertificateVerify), FinishedOfNone) | (Some(EmptyCertificate), Move::Finished) => {
                            AlertDescription::decrypt_error
                        }
                        _ => AlertDescription::unexpected_message,
                    };
                    assert_eq!(error.alert(), Some(alert), "{beginning:?}, then {step:?}: {error}");
                    scene.assert_failed_with_its_alert();
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn answers_to_several_requests_come_in_any_order() {
    let stage = Stage::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut scene = stage.asking_server_with(stage.later_requesting_server(), 3);
        let requests = scene.peer.requests();
        let contexts: Vec<_> = requests.iter().map(|request| script::asked::context(request)).collect();
        assert!(contexts[0] != contexts[1] && contexts[1] != contexts[2] && contexts[0] != contexts[2]);
        for (done, index) in order.into_iter().enumerate() {
            let shows = index != 1;
            let answer = scene.peer.answer_to(&requests[index], shows);
            scene = say_all(scene, &answer).say_record(ContentType::application_data, b"data");
            let expected = if shows { Seen::PeerAuthenticated } else { Seen::CertificateDeclined };
            assert_eq!(scene.seen[scene.seen.len() - 2..], [expected, Seen::Data(b"data".to_vec())]);
            assert_eq!(scene.end.open_certificate_requests(), 2 - done);
        }
    }
}

#[test]
fn whole_answer_may_stand_in_one_record_and_over_many() {
    let stage = Stage::new();
    for fragment_len in [1, 7, 5000] {
        let mut scene = stage.asking_server();
        let answer = true_answer(&mut scene);
        let all = answer.messages().concat();
        for fragment in all.chunks(fragment_len) {
            scene = scene.say_record(ContentType::handshake, fragment);
        }
        assert_eq!((scene.outcome(), scene.seen.last()), ("Connected", Some(&Seen::PeerAuthenticated)));
    }
}

#[test]
fn finished_is_made_with_the_clients_secret_of_that_moment() {
    let stage = Stage::new();
    let mut scene = stage.asking_server();
    let old = true_answer(&mut scene);
    scene = scene.say(&[Say::KeyUpdate]);
    let new = true_answer(&mut scene);
    assert_ne!(old.finished, new.finished);
    let scene = say_all(scene, &new);
    assert_eq!((scene.outcome(), scene.seen.last()), ("Connected", Some(&Seen::PeerAuthenticated)));
    let mut scene = stage.asking_server();
    let old = true_answer(&mut scene);
    let mut scene = say_all(scene.say(&[Say::KeyUpdate]), &old);
    assert_eq!(scene.outcome(), "FinishedWrong");
    scene.assert_failed_with_its_alert();
}

#[test]
fn answer_counts_once() {
    let stage = Stage::new();
    let mut scene = stage.asking_server_with(stage.later_requiring_server(), 2);
    let answer = true_answer(&mut scene);
    let scene = say_all(scene, &answer);
    assert_eq!(scene.outcome(), "Connected");
    // The other request is still open, so that a Certificate may come, but not that one.
    let mut scene = scene.say_message(|_| answer.certificate.clone());
    assert_eq!(scene.outcome(), "BadCertificateRequestContext");
    scene.assert_failed_with_its_alert();
}

#[test]
fn late_verdict_finds_a_wrong_signature() {
    let stage = Stage::new();
    let mut scene = stage.asking_server_with(stage.later_requiring_server().verify_later(), 1);
    let mut answer = true_answer(&mut scene);
    *answer.certificate_verify.last_mut().unwrap() ^= 1;
    let mut scene = scene.say_message(|_| answer.certificate).say_message(|_| answer.certificate_verify);
    assert_eq!(scene.outcome(), "ConnectedWaitFinished");
    let remote = Remote::new(stage.authority.issue(&["client.test"], KeyKind::EcdsaP256));
    scene.answer(&remote);
    assert_eq!(scene.outcome(), "SignatureWrong");
    scene.assert_failed_with_its_alert();
    assert!(!scene.seen.contains(&Seen::PeerAuthenticated));
}

#[test]
fn client_answers_each_request_with_nothing_in_between_and_a_finished_of_the_moment() {
    let stage = Stage::new();
    let mut scene = stage.connected_client_with(stage.askable_client());
    for (number, says) in [&[][..], &[Say::KeyUpdate], &[Say::NewSessionTicket, Say::KeyUpdate]].iter().enumerate() {
        scene = scene.say(says);
        scene.end.update_keys(false).unwrap();
        scene.listen();
        let before = scene.peer.heard.len();
        let asked = request(&[number as u8; 255]);
        scene = scene.say_message(|_| asked.clone()).say_record(ContentType::application_data, b"data");
        assert_eq!(scene.peer.check_answer(&asked, &scene.peer.heard[before..]), 1);
        assert_eq!(scene.seen.last(), Some(&Seen::Data(b"data".to_vec())));
    }
    assert_eq!(scene.outcome(), "Connected");
}

#[test]
fn client_answers_requests_in_their_order_and_each_for_itself() {
    let stage = Stage::new();
    let mut scene = stage.connected_client_with(stage.askable_client());
    let before = scene.peer.heard.len();
    let requests = [request(b"1"), request(b"2"), request(b"3")];
    scene = scene.say_record(ContentType::handshake, &requests.concat());
    for (index, request) in requests.iter().enumerate() {
        let start = before + 3 * index;
        assert_eq!(scene.peer.check_answer(request, &scene.peer.heard[start..start + 3]), 1);
    }
    assert_eq!(scene.peer.heard.len(), before + 9);
}

#[test]
fn client_without_a_fitting_certificate_declines_with_certificate_and_finished() {
    let stage = Stage::new();
    let ed25519 = stage.authority.identity(&["client.test"], KeyKind::Ed25519);
    let mut scene = stage.connected_client_with(stage.askable_client().identity(ed25519));
    let before = scene.peer.heard.len();
    let asked = request(b"P-256 alone");
    scene = scene.say_message(|_| asked.clone());
    assert_eq!(scene.peer.check_answer(&asked, &scene.peer.heard[before..]), 0);
    assert_eq!(scene.outcome(), "Connected");
}

#[test]
fn client_sends_nothing_of_an_answer_before_it_is_whole() {
    let stage = Stage::new();
    let mut scene = stage.connected_client_with(stage.askable_client().choose_identity(Arc::new(Later)));
    let remote = Remote::new(stage.authority.issue(&["client.test"], KeyKind::EcdsaP256));
    let asked = request(b"1");
    scene = scene.say_message(|_| asked.clone());
    for _ in 0..2 {
        let before = scene.peer.heard.len();
        // Both ends go on, and keys change.
        scene.end.update_keys(false).unwrap();
        let sent = pair::send(&mut scene.end, b"data");
        scene.peer.hear(&sent);
        scene = scene.say(&[Say::KeyUpdate]).say_record(ContentType::application_data, b"data");
        assert_eq!(scene.seen.last(), Some(&Seen::Data(b"data".to_vec())));
        let heard = &scene.peer.heard[before..];
        assert!(matches!(heard, [Heard::Message(update), Heard::Data(_)] if update[0] == HandshakeType::key_update.0));
        scene.answer(&remote);
    }
    let from = scene.peer.heard.len() - 3;
    assert_eq!(scene.peer.check_answer(&asked, &scene.peer.heard[from..]), 1);
}

#[test]
fn hello_offers_to_be_asked_only_where_the_configuration_says_so() {
    let stage = Stage::new();
    for (config, offers) in [(stage.client.clone(), false), (stage.askable_client(), true)] {
        let scene = stage.client_with(config);
        let hello = scene.peer.messages_of(HandshakeType::client_hello).remove(0);
        let hello: ClientHello<'_> = read_all(&hello[4..]).unwrap();
        let extensions = hello.extensions.unwrap();
        assert_eq!(extensions.contains(&ClientExtension::PostHandshakeAuth), offers);
    }
}

#[test]
fn server_that_answers_the_offer_is_refused() {
    let stage = Stage::new();
    let (extension_type, extension_data) = (ExtensionType::post_handshake_auth, &[][..]);
    let echo = EncryptedExtension::Unknown(UnknownExtension { extension_type, extension_data });
    let message = write_message(&EncryptedExtensions { extensions: vec![echo] }).unwrap();
    for (config, alert) in [
        (stage.askable_client(), AlertDescription::illegal_parameter),
        (stage.client.clone(), AlertDescription::unsupported_extension),
    ] {
        let mut scene = stage.client_with(config).say(&[Say::ServerHello]).say_message(|_| message.clone());
        assert_eq!(scene.error.as_ref().and_then(Error::alert), Some(alert));
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn request_after_the_handshake_asks_for_what_the_one_within_asks_for() {
    let stage = Stage::new();
    let requires: ServerConfig = stage.requiring_server();
    let roots = Arc::new(stage.authority.roots());
    let config = requires.post_handshake_auth(bulla::ClientAuth::Require(roots));
    let scene = stage.server_with(config).say_message(script::Peer::hello_to_be_asked);
    let mut scene = scene.say(&[Say::Certificate, Say::CertificateVerify, Say::Finished]);
    scene.end.request_client_certificate().unwrap();
    scene.listen();
    let requests = scene.peer.requests();
    let (within, after) = (&requests[0], &requests[1]);
    let len = usize::from(after[4]);
    assert_eq!((within[4], len), (0, 16));
    assert_eq!(within[5..], after[5 + len..]);
    let answer = scene.peer.answer_to(&requests[1], true);
    let scene = say_all(scene, &answer);
    assert_eq!(scene.seen.last(), Some(&Seen::PeerAuthenticated));
}

#[test]
fn state_has_a_name_while_an_answer_is_half_there() {
    let stage = Stage::new();
    let mut scene = stage.asking_server();
    let answer = true_answer(&mut scene);
    let names: Vec<_> = answer
        .messages()
        .into_iter()
        .map(|message| {
            let before = scene.end.state();
            let record = scene.peer.say_message(message);
            pair::feed(&mut scene.end, &mut record.clone(), &mut scene.seen).unwrap();
            before
        })
        .collect();
    assert_eq!(names, ["Connected", "ConnectedWaitCertificateVerify", "ConnectedWaitFinished"]);
    assert_eq!(scene.end.state(), "Connected");
    assert!(read_all::<Finished<'_>>(&answer.finished[4..]).is_ok());
}
