//! Each question of TLS 1.2 answered late: the connection waits, loses nothing, and becomes the same as with answers at once.

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

use std::sync::Arc;

use bulla::config::SigningFailed;
use bulla::error::{CertificateError, Misuse};
use bulla::wire::{AlertDescription, ContentType, HandshakeType, NamedGroup, ProtocolVersion};
use bulla::{Answer, Connection, Error, Event, Question, QuestionKind};
use later::{Later, Remote, kind_name};
use pair::{KeyKind, NAME, Pair, Seen, data, feed_with, output, send};
use scene::End;
use script_tls12::Say::{
    self, Certificate, CertificateRequest, CertificateStatus, CertificateVerify, ClientHello, ClientKeyExchange,
    EmptyCertificate, ServerHello, ServerHelloDone, ServerHelloWithStatus, ServerKeyExchange,
};
use script_tls12::{OCSP_RESPONSE, SCHEME, SUITE};
use stage_tls12::{END, Scene, Stage};

const ALL_STATES: [&str; 6] = [
    "client AskVerdict",
    "client AskIdentity",
    "client AskSignature",
    "server AskIdentity",
    "server AskSignature",
    "server AskVerdict",
];

const FLIGHT: [Say; 5] = [ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone];

/// A scene that waits in this state.
fn waiting_scene(stage: &Stage, state: &str) -> Scene {
    let later = Arc::new(Later);
    let scene = match state {
        "client AskVerdict" => stage.client_with(stage.client.clone().verify_later()).say(&FLIGHT[..2]),
        "client AskIdentity" => stage.client_with(stage.client.clone().choose_identity(later)).say(&FLIGHT),
        "client AskSignature" => answered(stage, waiting_scene(stage, "client AskIdentity")),
        "server AskIdentity" => stage.server_with(stage.server.clone().choose_identity(later)).say(&[ClientHello]),
        "server AskSignature" => answered(stage, waiting_scene(stage, "server AskIdentity")),
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

/// Who answers for the end of this scene.
fn remote_of(stage: &Stage, scene: &Scene) -> Remote {
    let name = match &scene.end {
        End::Client(_) => "client.test",
        End::Server(_) => NAME,
    };
    Remote::new(stage.authority.issue(&[name], KeyKind::EcdsaP256))
}

/// The scene with its question answered once.
fn answered(stage: &Stage, mut scene: Scene) -> Scene {
    let remote = remote_of(stage, &scene);
    scene.answer(&remote);
    scene
}

/// Answers questions until there are none.
fn answer_all(stage: &Stage, scene: &mut Scene) -> usize {
    let remote = remote_of(stage, scene);
    let mut count = 0;
    while !scene.questions.is_empty() {
        scene.answer(&remote);
        count += 1;
    }
    count
}

#[test]
fn late_answers_give_the_same_connection_as_answers_at_once() {
    let stage = Stage::new();
    let client = || stage.client.clone().alpn(["h2"]).unwrap();
    let server = || stage.requiring_server().alpn(["h2"]).unwrap();
    let mut late = Pair::new(
        client().choose_identity(Arc::new(Later)).verify_later(),
        server().choose_identity(Arc::new(Later)).verify_later(),
    );
    let remotes = ["client.test", NAME].map(|name| Remote::new(stage.authority.issue(&[name], KeyKind::EcdsaP256)));
    let mut asked = [Vec::new(), Vec::new()];
    loop {
        let (to_server, to_client) = (output(&mut late.client), output(&mut late.server));
        if to_server.is_empty() && to_client.is_empty() {
            break;
        }
        late.to_server.extend(to_server);
        late.to_client.extend(to_client);
        let [of_client, of_server] = &mut asked;
        let answer = |of: &mut Vec<&'static str>, remote: &Remote, connection: &mut Connection, question: Question| {
            of.push(kind_name(&question));
            connection.answer(question.id, remote.answer(&question)).unwrap();
        };
        feed_with(&mut late.client, &mut late.to_client, &mut late.client_seen, &mut |connection, question| {
            answer(of_client, &remotes[0], connection, question);
        })
        .unwrap();
        feed_with(&mut late.server, &mut late.to_server, &mut late.server_seen, &mut |connection, question| {
            answer(of_server, &remotes[1], connection, question);
        })
        .unwrap();
    }
    assert_eq!(asked[0], ["VerifyChain", "ChooseClientIdentity", "Sign"]);
    assert_eq!(asked[1], ["ChooseServerIdentity", "Sign", "VerifyChain"]);

    let at_once = Pair::established(client(), server());
    for (ours, theirs) in [(&*late.client, &*at_once.client), (&*late.server, &*at_once.server)] {
        assert!(ours.is_established());
        assert_eq!(ours.protocol_version(), Some(ProtocolVersion::TLSv1_2));
        assert_eq!(ours.cipher_suite(), theirs.cipher_suite());
        assert_eq!(ours.group(), theirs.group());
        assert_eq!(ours.peer_signature_scheme(), theirs.peer_signature_scheme());
        assert_eq!(ours.alpn_protocol(), Some(&b"h2"[..]));
        assert_eq!(ours.server_name(), theirs.server_name());
    }
    assert_eq!(late.client.peer_certificates(), remotes[1].identity.chain());
    assert_eq!(late.server.peer_certificates(), remotes[0].identity.chain());
    late.to_server = send(&mut late.client, b"ping");
    late.to_client = send(&mut late.server, b"pong");
    late.run().unwrap();
    assert_eq!((data(&late.server_seen), data(&late.client_seen)), (b"ping".to_vec(), b"pong".to_vec()));
}

#[test]
fn questions_carry_what_an_answer_needs() {
    let stage = Stage::new();
    let scene = waiting_scene(&stage, "server AskIdentity");
    let QuestionKind::ChooseServerIdentity(hello) = &scene.questions[0].kind else { panic!() };
    assert_eq!((hello.version, &hello.server_name), (ProtocolVersion::TLSv1_2, &None));
    assert_eq!(hello.cipher_suites, [SUITE]);
    assert_eq!(hello.groups, [NamedGroup::x25519, NamedGroup::secp256r1]);
    assert_eq!(
        (&hello.signature_schemes[..], &hello.certificate_signature_schemes[..]),
        (&[SCHEME][..], &[SCHEME][..])
    );

    let scene = waiting_scene(&stage, "client AskIdentity");
    let QuestionKind::ChooseClientIdentity(request) = &scene.questions[0].kind else { panic!() };
    assert_eq!((request.version, &request.server_name), (ProtocolVersion::TLSv1_2, &pair::name()));
    assert_eq!(request.signature_schemes, [SCHEME]);

    // A server signs the randoms and its parameters, a client all messages so far. RFC 8422 §5.4, RFC 5246 §7.4.8.
    let scene = waiting_scene(&stage, "server AskSignature");
    let QuestionKind::Sign(request) = &scene.questions[0].kind else { panic!() };
    assert_eq!((request.scheme, &request.message[..32]), (SCHEME, &[7; 32][..]));
    assert_eq!((&request.message[64..68], request.message.len()), (&[3, 0, 0x1d, 32][..], 64 + 4 + 32));
    let scene = waiting_scene(&stage, "client AskSignature");
    let QuestionKind::Sign(request) = &scene.questions[0].kind else { panic!() };
    assert_eq!((request.scheme, request.message[0]), (SCHEME, HandshakeType::client_hello.0));

    for (name, expected) in [("client AskVerdict", Some(pair::name())), ("server AskVerdict", None)] {
        let scene = waiting_scene(&stage, name);
        let QuestionKind::VerifyChain(chain) = &scene.questions[0].kind else { panic!() };
        assert_eq!((chain.chain().len(), chain.name(), chain.now()), (1, expected.as_ref(), Some(pair::NOW)));
    }
}

#[test]
fn stapled_response_is_there_when_the_verdict_is_asked_for() {
    let stage = Stage::new();
    let config = stage.asking_client().verify_later();
    let of = |says: &[Say]| {
        let scene = stage.client_with(config.clone()).say(says);
        assert_eq!(scene.outcome(), "AskVerdict", "{says:?}");
        let QuestionKind::VerifyChain(chain) = &scene.questions[0].kind else { panic!() };
        chain.ocsp_response().map(<[u8]>::to_vec)
    };
    assert_eq!(of(&[ServerHelloWithStatus, Certificate, CertificateStatus]).as_deref(), Some(OCSP_RESPONSE));
    assert_eq!(of(&[ServerHello, Certificate]), None);
    // Announced and left out: ServerKeyExchange waits behind the verdict.
    assert_eq!(of(&[ServerHelloWithStatus, Certificate, ServerKeyExchange]), None);
    let scene = stage.client_with(config.clone()).say(&[ServerHelloWithStatus, Certificate, ServerKeyExchange]);
    let scene = answered(&stage, scene);
    assert_eq!(scene.outcome(), "WaitCertificateRequestOrDone");
    assert_eq!(scene.say(&[ServerHelloDone]).say(&END).outcome(), "Connected");
}

#[test]
fn open_question_leaves_input_where_it_is_and_says_so() {
    let stage = Stage::new();
    for mut scene in waiting_scenes(&stage) {
        let state = scene.end.state();
        let change = script::change_cipher_spec();
        for mut bytes in
            [vec![], vec![22], scene.peer.record(ContentType::handshake, b"later"), change, vec![0xff; 100]]
        {
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
    for mut scene in waiting_scenes(&stage) {
        let state = scene.end.state();
        let question = scene.questions.last().unwrap().clone();
        let refused = || Answer::Verdict(Err(CertificateError::ApplicationRefused));
        let wrong_kinds = match state {
            "AskIdentity" => [Answer::Signature(Err(SigningFailed)), refused()],
            "AskSignature" => [Answer::Identity(None), refused()],
            _ => [Answer::Identity(None), Answer::Signature(Err(SigningFailed))],
        };
        for wrong in wrong_kinds {
            assert_eq!(scene.end.answer(question.id, wrong).unwrap_err(), Error::Misuse(Misuse::WrongAnswer));
        }
        assert_eq!(scene.end.state(), state);
        assert!(!scene.end.has_output());
        // The right answer still goes on, once.
        let remote = remote_of(&stage, &scene);
        scene.end.answer(question.id, remote.answer(&question)).unwrap();
        let again = scene.end.answer(question.id, remote.answer(&question));
        assert_eq!(again.unwrap_err(), Error::Misuse(Misuse::NoSuchQuestion));
        assert_ne!(scene.end.state(), state);
    }
}

#[test]
fn verdict_about_another_chain_is_misuse() {
    let stage = Stage::new();
    for name in ["client AskVerdict", "server AskVerdict"] {
        let mut scene = waiting_scene(&stage, name);
        // Each scene's peer has a certificate of its own.
        let strange = waiting_scene(&stage, name).questions.pop().unwrap();
        let QuestionKind::VerifyChain(chain) = &strange.kind else { panic!() };
        let id = scene.questions[0].id;
        let verdict = Answer::Verdict(chain.judge());
        assert_eq!(scene.end.answer(id, verdict).unwrap_err(), Error::Misuse(Misuse::WrongAnswer));
        assert_eq!(scene.end.state(), "AskVerdict");
    }
}

#[test]
fn refusal_ends_every_question_with_its_alert() {
    let stage = Stage::new();
    for mut scene in waiting_scenes(&stage) {
        let question = scene.questions.pop().unwrap();
        scene.answer_with(&question, Answer::Refuse(AlertDescription::access_denied));
        assert_eq!(scene.error, Some(Error::Refused(AlertDescription::access_denied)));
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn answers_that_end_the_handshake_send_their_alerts() {
    let stage = Stage::new();
    let revoked = Answer::Verdict(Err(CertificateError::Revoked));
    let unknown = Answer::Verdict(Err(CertificateError::UnknownIssuer("nobody".into())));
    let answers = [
        ("client AskVerdict", revoked, "Revoked"),
        ("server AskVerdict", unknown, "UnknownIssuer"),
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
fn client_that_chooses_no_certificate_shows_an_empty_list_and_proves_nothing() {
    let stage = Stage::new();
    let mut scene = waiting_scene(&stage, "client AskIdentity");
    let question = scene.questions.pop().unwrap();
    scene.answer_with(&question, Answer::Identity(None));
    let scene = scene.say(&END);
    assert_eq!(scene.outcome(), "Connected");
    type T = HandshakeType;
    assert_eq!(scene.peer.messages_heard(), [T::client_hello, T::certificate, T::client_key_exchange, T::finished]);
    assert!(scene.peer.heard.contains(&script::Heard::Message(vec![11, 0, 0, 3, 0, 0, 0])));
}

#[test]
fn messages_behind_the_one_that_asks_wait_in_its_record_and_in_the_next() {
    let stage = Stage::new();
    let client = stage.client.clone().choose_identity(Arc::new(Later)).verify_later();
    let server = stage.requiring_server().verify_later();
    for fragment_len in [16_384, 700, 400, 64, 3] {
        let mut scene = stage.client_with(client.clone()).with(|peer| peer.say_in_fragments(&FLIGHT, fragment_len));
        assert_eq!(scene.outcome(), "AskVerdict");
        assert_eq!(answer_all(&stage, &mut scene), 3);
        assert_eq!(scene.say(&END).outcome(), "Connected");

        let flight = [Certificate, ClientKeyExchange, CertificateVerify];
        let scene = stage.server_with(server.clone()).say(&[ClientHello]);
        // The whole end of the handshake and the first data come while the question is open.
        let scene = scene.with(|peer| peer.say_in_fragments(&flight, fragment_len)).say(&END);
        let mut scene = scene.say_record(ContentType::application_data, b"early bird");
        assert_eq!((scene.outcome(), &scene.seen[..]), ("AskVerdict", &[Seen::Ask][..]));
        assert_eq!(answer_all(&stage, &mut scene), 1);
        assert_eq!(scene.seen[1..], [Seen::Established, Seen::Data(b"early bird".to_vec())]);
    }
}

#[test]
fn bad_message_behind_an_open_question_fails_after_the_answer() {
    let stage = Stage::new();
    let scene = stage.client_with(stage.client.clone().verify_later()).say(&[ServerHello]);
    let mut scene = scene.with(|peer| peer.say_in_fragments(&[Certificate, ServerHelloDone], 16_384));
    assert_eq!((scene.outcome(), scene.questions.len()), ("AskVerdict", 1));
    answer_all(&stage, &mut scene);
    assert_eq!(scene.outcome(), "UnexpectedMessage");
    scene.assert_failed_with_its_alert();

    let server = stage.requesting_server().verify_later();
    let mut scene = stage.server_with(server).say(&[ClientHello, Certificate, EmptyCertificate]);
    answer_all(&stage, &mut scene);
    assert_eq!(scene.outcome(), "UnexpectedMessage");
}

#[test]
fn closing_while_a_question_is_open_gives_the_handshake_up() {
    let stage = Stage::new();
    for mut scene in waiting_scenes(&stage) {
        scene.end.close();
        scene.listen();
        let descriptions: Vec<_> = scene.peer.alerts().iter().map(|alert| alert.description).collect();
        assert_eq!(descriptions, [AlertDescription::user_canceled, AlertDescription::close_notify]);
    }
}
