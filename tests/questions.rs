//! Each question answered late: the connection waits, loses nothing, and becomes the same as with answers at once.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::sync::Arc;
use std::thread;

use bulla::config::SigningFailed;
use bulla::error::{CertificateError, Misuse};
use bulla::wire::{AlertDescription, ContentType, HandshakeType, NamedGroup, SignatureScheme};
use bulla::{
    Answer, ClientAuth, ClientConfig, ClientConnection, Connection, Error, Event, Question, QuestionKind, ServerConfig,
    ServerConnection,
};
use later::{Later, Remote, kind_name};
use pair::{Authority, KeyKind, NAME, Pair, Seen, configs_by, data, feed_with, output, send};
use scene::{Scene, Stage};
use script::Say::{
    Certificate, CertificateRequest, CertificateVerify, ClientHello, EncryptedExtensions, Finished, ServerHello,
};
use script::{Heard, Say};

/// Both ends with every question left open, and who answers.
struct LatePair {
    client: ClientConfig,
    server: ServerConfig,
    client_remote: Remote,
    server_remote: Remote,
}

impl LatePair {
    fn new(authority: &Authority) -> Self {
        let (client, server) = configs_by(authority, KeyKind::EcdsaP256);
        let roots = Arc::new(authority.roots());
        Self {
            client: client.choose_identity(Arc::new(Later)).verify_later().alpn(["h2"]).unwrap(),
            server: server
                .choose_identity(Arc::new(Later))
                .verify_later()
                .client_auth(ClientAuth::Require(roots))
                .alpn(["h2"])
                .unwrap(),
            client_remote: Remote::new(authority.issue(&["client.test"], KeyKind::EcdsaP256)),
            server_remote: Remote::new(authority.issue(&[NAME], KeyKind::EcdsaP256)),
        }
    }
}

/// Answers on another thread, as a signing service or a device would.
fn on_another_thread(remote: &Remote, question: Question) -> Answer {
    let remote = remote.clone();
    thread::spawn(move || remote.answer(&question)).join().unwrap()
}

/// Runs a pair, answering each question on another thread; returns the kinds that client and server asked.
fn run_late(pair: &mut Pair, late: &LatePair) -> (Vec<&'static str>, Vec<&'static str>) {
    let (mut of_client, mut of_server) = (Vec::new(), Vec::new());
    loop {
        let (to_server, to_client) = (output(&mut pair.client), output(&mut pair.server));
        if to_server.is_empty() && to_client.is_empty() {
            return (of_client, of_server);
        }
        pair.to_server.extend(to_server);
        pair.to_client.extend(to_client);
        let mut answer_client = |connection: &mut Connection, question: Question| {
            of_client.push(kind_name(&question));
            let id = question.id;
            connection.answer(id, on_another_thread(&late.client_remote, question)).unwrap();
        };
        feed_with(&mut pair.client, &mut pair.to_client, &mut pair.client_seen, &mut answer_client).unwrap();
        let mut answer_server = |connection: &mut Connection, question: Question| {
            of_server.push(kind_name(&question));
            let id = question.id;
            connection.answer(id, on_another_thread(&late.server_remote, question)).unwrap();
        };
        feed_with(&mut pair.server, &mut pair.to_server, &mut pair.server_seen, &mut answer_server).unwrap();
    }
}

#[test]
fn late_answers_from_other_threads_give_the_same_connection_as_answers_at_once() {
    let authority = Authority::new();
    let late = LatePair::new(&authority);
    let mut pair = Pair::new(late.client.clone(), late.server.clone());
    let (of_client, of_server) = run_late(&mut pair, &late);
    assert_eq!(of_server, ["ChooseServerIdentity", "Sign", "VerifyChain"]);
    assert_eq!(of_client, ["VerifyChain", "ChooseClientIdentity", "Sign"]);

    let (client, server) = configs_by(&authority, KeyKind::EcdsaP256);
    let client = client.identity(authority.identity(&["client.test"], KeyKind::EcdsaP256)).alpn(["h2"]).unwrap();
    let server = server.client_auth(ClientAuth::Require(Arc::new(authority.roots()))).alpn(["h2"]).unwrap();
    let at_once = Pair::established(client, server);
    for (ours, theirs) in [(&*pair.client, &*at_once.client), (&*pair.server, &*at_once.server)] {
        assert!(ours.is_established());
        assert_eq!(ours.cipher_suite(), theirs.cipher_suite());
        assert_eq!(ours.group(), theirs.group());
        assert_eq!(ours.peer_signature_scheme(), theirs.peer_signature_scheme());
        assert_eq!(ours.alpn_protocol(), Some(&b"h2"[..]));
        assert_eq!(ours.server_name(), theirs.server_name());
        assert_eq!(ours.peer_certificates().len(), 1);
    }
    assert_eq!(pair.client.peer_certificates(), late.server_remote.identity.chain());
    assert_eq!(pair.server.peer_certificates(), late.client_remote.identity.chain());
    pair.to_server = send(&mut pair.client, b"ping");
    pair.to_client = send(&mut pair.server, b"pong");
    pair.run().unwrap();
    assert_eq!((data(&pair.server_seen), data(&pair.client_seen)), (b"ping".to_vec(), b"pong".to_vec()));
}

#[test]
fn questions_and_connections_can_travel_to_other_threads() {
    fn travels<T: Send + 'static>() {}
    travels::<Question>();
    travels::<Answer>();
    travels::<ClientConnection>();
    travels::<ServerConnection>();
}

#[test]
fn questions_carry_what_an_answer_needs() {
    let stage = Stage::new();
    let scene = waiting_scene(&stage, "server AskIdentity");
    let QuestionKind::ChooseServerIdentity(hello) = &scene.questions[0].kind else { panic!() };
    assert_eq!(hello.server_name, None);
    assert_eq!(hello.cipher_suites, [script::SUITE]);
    assert_eq!(hello.groups, [NamedGroup::x25519, NamedGroup::secp256r1]);
    assert_eq!(hello.signature_schemes, [SignatureScheme::ecdsa_secp256r1_sha256]);
    assert_eq!(hello.certificate_signature_schemes, hello.signature_schemes);

    let scene = waiting_scene(&stage, "client AskIdentity");
    let QuestionKind::ChooseClientIdentity(request) = &scene.questions[0].kind else { panic!() };
    assert_eq!(request.server_name, pair::name());
    assert_eq!(request.signature_schemes, [SignatureScheme::ecdsa_secp256r1_sha256]);

    for (name, context) in
        [("client AskSignature", "TLS 1.3, client Certif"), ("server AskSignature", "TLS 1.3, server Certif")]
    {
        let scene = waiting_scene(&stage, name);
        let QuestionKind::Sign(request) = &scene.questions[0].kind else { panic!() };
        assert_eq!(request.scheme, SignatureScheme::ecdsa_secp256r1_sha256);
        assert!(request.message.starts_with(&[b' '; 64]) && request.message[64..].starts_with(context.as_bytes()));
        assert_eq!(request.message.len(), 64 + 33 + 1 + 32);
    }

    for (name, expected) in [("client AskVerdict", Some(pair::name())), ("server AskVerdict", None)] {
        let scene = waiting_scene(&stage, name);
        let QuestionKind::VerifyChain(chain) = &scene.questions[0].kind else { panic!() };
        assert_eq!((chain.chain().len(), chain.name(), chain.now()), (1, expected.as_ref(), Some(pair::NOW)));
    }
}

const ALL_STATES: &[&str] = &[
    "client AskVerdict",
    "client AskIdentity",
    "client AskSignature",
    "server AskIdentity",
    "server AskSignature",
    "server AskVerdict",
];

const FLIGHT: [Say; 6] =
    [ServerHello, EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished];

/// A scene that waits in this state.
fn waiting_scene(stage: &Stage, state: &str) -> Scene {
    let later = Arc::new(Later);
    let scene = match state {
        "client AskVerdict" => stage.client_with(stage.client.clone().verify_later()).say(&FLIGHT[..4]),
        "client AskIdentity" => stage.client_with(stage.client.clone().choose_identity(later)).say(&FLIGHT),
        "client AskSignature" => {
            let mut scene = waiting_scene(stage, "client AskIdentity");
            scene.answer(&client_remote(stage));
            scene
        }
        "server AskIdentity" => stage.server_with(stage.server.clone().choose_identity(later)).say(&[ClientHello]),
        "server AskSignature" => {
            let mut scene = waiting_scene(stage, "server AskIdentity");
            scene.answer(&server_remote(stage));
            scene
        }
        "server AskVerdict" => {
            stage.server_with(stage.requiring_server().verify_later()).say(&[ClientHello, Certificate])
        }
        other => panic!("{other}"),
    };
    assert!(state.ends_with(scene.outcome()), "{state}: {}", scene.outcome());
    assert_eq!(scene.questions.len(), 1);
    scene
}

fn waiting_scenes(stage: &Stage) -> Vec<Scene> {
    ALL_STATES.iter().map(|state| waiting_scene(stage, state)).collect()
}

fn client_remote(stage: &Stage) -> Remote {
    Remote::new(stage.authority.issue(&["client.test"], KeyKind::EcdsaP256))
}

fn server_remote(stage: &Stage) -> Remote {
    Remote::new(stage.authority.issue(&[NAME], KeyKind::EcdsaP256))
}

#[test]
fn open_question_leaves_input_where_it_is_and_says_so() {
    let stage = Stage::new();
    for mut scene in waiting_scenes(&stage) {
        let state = scene.end.state();
        for mut bytes in [vec![], vec![22], scene.peer.record(ContentType::handshake, b"later"), vec![0xff; 100]] {
            let received = scene.end.receive(&mut bytes).unwrap();
            assert_eq!(received.used, 0);
            assert!(matches!(received.event, Event::Waiting));
        }
        assert_eq!(scene.end.state(), state);
        assert!(!scene.end.has_output() && !scene.end.may_send());
    }
}

#[test]
fn wrong_answer_is_misuse_and_changes_nothing() {
    let stage = Stage::new();
    // The ids of one connection count up, so that the third question's is none of a first one.
    let strange = waiting_scene(&stage, "client AskSignature").questions.pop().unwrap();
    for mut scene in waiting_scenes(&stage) {
        let state = scene.end.state();
        let question = scene.questions.last().unwrap().clone();
        let right = if state == "AskIdentity" { Answer::Identity(None) } else { Answer::Signature(Err(SigningFailed)) };
        if question.id != strange.id {
            let answered = scene.end.answer(strange.id, right);
            assert_eq!(answered.unwrap_err(), Error::Misuse(Misuse::NoSuchQuestion));
        }
        let wrong_kinds = match state {
            "AskIdentity" => [Answer::Signature(Err(SigningFailed)), verdict(CertificateError::ApplicationRefused)],
            "AskSignature" => [Answer::Identity(None), verdict(CertificateError::ApplicationRefused)],
            _ => [Answer::Identity(None), Answer::Signature(Err(SigningFailed))],
        };
        for wrong in wrong_kinds {
            let answered = scene.end.answer(question.id, wrong);
            assert_eq!(answered.unwrap_err(), Error::Misuse(Misuse::WrongAnswer));
        }
        assert_eq!(scene.end.state(), state);
        assert!(!scene.end.has_output());
        // The right answer still goes on, once.
        let remote = if scene.outcome() == "AskVerdict" { client_remote(&stage) } else { remote_of(&stage, &scene) };
        scene.end.answer(question.id, remote.answer(&question)).unwrap();
        let again = scene.end.answer(question.id, remote.answer(&question));
        assert_eq!(again.unwrap_err(), Error::Misuse(Misuse::NoSuchQuestion));
        assert_ne!(scene.end.state(), state);
    }
}

/// Who answers for the end of this scene.
fn remote_of(stage: &Stage, scene: &Scene) -> Remote {
    match &scene.end {
        scene::End::Client(_) => client_remote(stage),
        scene::End::Server(_) => server_remote(stage),
    }
}

fn verdict(error: CertificateError) -> Answer {
    Answer::Verdict(Err(error))
}

#[test]
fn answer_without_a_question_is_misuse() {
    let stage = Stage::new();
    let question = waiting_scene(&stage, "client AskVerdict").questions.pop().unwrap();
    for mut scene in [stage.client(), stage.server(), stage.connected_client(), stage.connected_server()] {
        let state = scene.end.state();
        let answered = scene.end.answer(question.id, Answer::Refuse(AlertDescription::access_denied));
        assert_eq!(answered.unwrap_err(), Error::Misuse(Misuse::NoSuchQuestion));
        assert_eq!(scene.end.state(), state);
    }
}

#[test]
fn refusal_ends_every_question_with_its_alert() {
    let stage = Stage::new();
    for mut scene in waiting_scenes(&stage) {
        let question = scene.questions.pop().unwrap();
        scene.answer_with(&question, Answer::Refuse(AlertDescription::unrecognized_name));
        assert_eq!(scene.error, Some(Error::Refused(AlertDescription::unrecognized_name)));
        scene.assert_failed_with_its_alert();
        // A failed connection repeats its error whatever is answered.
        let again = scene.end.answer(question.id, Answer::Identity(None));
        assert_eq!(again.unwrap_err(), Error::Refused(AlertDescription::unrecognized_name));
    }
}

#[test]
fn answers_that_end_the_handshake_send_their_alerts() {
    let stage = Stage::new();
    let answers = [
        ("client AskVerdict", verdict(CertificateError::Revoked), "Revoked"),
        ("server AskVerdict", verdict(CertificateError::UnknownIssuer("nobody".into())), "UnknownIssuer"),
        ("client AskSignature", Answer::Signature(Err(SigningFailed)), "SigningFailed"),
        ("server AskSignature", Answer::Signature(Err(SigningFailed)), "SigningFailed"),
        ("server AskIdentity", Answer::Identity(None), "NoCommonSignatureScheme"),
    ];
    for (state, answer, expected) in answers {
        let mut scene = waiting_scene(&stage, state);
        let question = scene.questions.pop().unwrap();
        scene.answer_with(&question, answer);
        assert_eq!(scene.outcome(), expected);
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn client_that_chooses_no_certificate_shows_an_empty_list() {
    let stage = Stage::new();
    let mut scene = waiting_scene(&stage, "client AskIdentity");
    let question = scene.questions.pop().unwrap();
    scene.answer_with(&question, Answer::Identity(None));
    assert_eq!(scene.outcome(), "Connected");
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        Heard::Message(message) => Some((HandshakeType(message[0]), message.len())),
        _ => None,
    });
    assert_eq!(messages.collect::<Vec<_>>()[1..], [(HandshakeType::certificate, 8), (HandshakeType::finished, 36)]);
}

/// Answers questions until there are none.
fn answer_all(scene: &mut Scene, remote: &Remote) -> usize {
    let mut answered = 0;
    while !scene.questions.is_empty() {
        scene.answer(remote);
        answered += 1;
    }
    answered
}

#[test]
fn messages_behind_the_one_that_asks_wait_in_its_record_and_in_the_next() {
    let stage = Stage::new();
    let config = stage.client.clone().choose_identity(Arc::new(Later)).verify_later();
    for fragment_len in [16_384, 700, 400, 64, 3] {
        let scene = stage.client_with(config.clone()).say(&[ServerHello]);
        let mut scene = scene.with(|peer| peer.say_in_fragments(&FLIGHT[1..], fragment_len));
        assert_eq!(scene.outcome(), "AskVerdict");
        assert_eq!(answer_all(&mut scene, &client_remote(&stage)), 3);
        assert_eq!((scene.outcome(), &scene.seen.last()), ("Connected", &Some(&Seen::Established)));
    }
    let config = stage.requiring_server().verify_later();
    for fragment_len in [16_384, 400, 64, 3] {
        let scene = stage.server_with(config.clone()).say(&[ClientHello]);
        let flight = [Certificate, CertificateVerify, Finished];
        let mut scene = scene.with(|peer| peer.say_in_fragments(&flight, fragment_len));
        assert_eq!(scene.outcome(), "AskVerdict");
        assert_eq!(answer_all(&mut scene, &client_remote(&stage)), 1);
        assert_eq!((scene.outcome(), &scene.seen.last()), ("Connected", &Some(&Seen::Established)));
    }
}

#[test]
fn data_that_came_while_a_question_was_open_comes_behind_established() {
    let stage = Stage::new();
    // A server may send data behind its Finished, before it has heard the client's.
    let config = stage.client.clone().choose_identity(Arc::new(Later));
    let mut scene = stage.client_with(config).say(&FLIGHT);
    scene = scene.with(|peer| peer.record(ContentType::application_data, b"early "));
    scene = scene.with(|peer| peer.record(ContentType::application_data, b"bird"));
    assert_eq!(scene.outcome(), "AskIdentity");
    assert_eq!(data(&scene.seen), b"");
    answer_all(&mut scene, &client_remote(&stage));
    let expected = [Seen::Established, Seen::Data(b"early ".to_vec()), Seen::Data(b"bird".to_vec())];
    assert_eq!(scene.seen[scene.seen.len() - 3..], expected);

    let mut scene = stage.server_with(stage.requiring_server().verify_later());
    scene = scene.say(&[ClientHello, Certificate, CertificateVerify, Finished]);
    scene = scene.with(|peer| peer.record(ContentType::application_data, b"hello"));
    assert_eq!(scene.outcome(), "AskVerdict");
    answer_all(&mut scene, &client_remote(&stage));
    assert_eq!(scene.seen[scene.seen.len() - 2..], [Seen::Established, Seen::Data(b"hello".to_vec())]);
}

#[test]
fn bad_message_behind_an_open_question_fails_after_the_answer() {
    let stage = Stage::new();
    let config = stage.client.clone().verify_later();
    let scene = stage.client_with(config).say(&[ServerHello, EncryptedExtensions]);
    let mut scene = scene.with(|peer| peer.say_in_fragments(&[Certificate, Finished], 16_384));
    assert_eq!((scene.outcome(), scene.questions.len()), ("AskVerdict", 1));
    answer_all(&mut scene, &client_remote(&stage));
    assert_eq!(scene.outcome(), "UnexpectedMessage");
    scene.assert_failed_with_its_alert();
}

#[test]
fn closing_while_a_question_is_open_gives_the_handshake_up() {
    let stage = Stage::new();
    for mut scene in waiting_scenes(&stage) {
        scene.end.close();
        scene.listen();
        let descriptions: Vec<_> = scene.peer.alerts().iter().map(|alert| alert.description).collect();
        assert_eq!(descriptions, [AlertDescription::user_canceled, AlertDescription::close_notify]);
        // An answer that comes after that is not passed on.
        let remote = if scene.outcome() == "AskVerdict" { client_remote(&stage) } else { remote_of(&stage, &scene) };
        let heard = scene.peer.heard.len();
        answer_all(&mut scene, &remote);
        assert_eq!(scene.peer.heard.len(), heard);
    }
}
