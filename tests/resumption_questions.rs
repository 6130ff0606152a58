//! The questions of second connections in TLS 1.3, answered late: which session, which key, and whether early data is new.
//!
//! One comes before the ClientHello, the others while the server's answer to it waits.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[path = "support/stage_psk.rs"]
mod stage_psk;

use std::sync::{Arc, Mutex};

use bulla::clock::{Clock, Time};
use bulla::config::{
    AntiReplay, ClientSessionQuery, ClientSessionStore, Decision, EARLY_DATA_WINDOW, SessionPlace, SigningFailed,
};
use bulla::crypto::HashAlgorithm;
use bulla::error::{CertificateError, Misuse};
use bulla::resume::{ClientSession, ExternalPsk};
use bulla::wire::{AlertDescription, ContentType, HandshakeType, ProtocolVersion};
use bulla::{Answer, EarlyData, Error, Event, HandshakeKind, Question, QuestionKind, ServerConfig};
use later::{Later, OpensLater, kind_name};
use pair::{NOW, Seen};
use scene::{SERVER_FLIGHT, Scene, Stage};
use script::Say::{
    ClientHelloOfPsk, ClientHelloWithEarlyData, EncryptedExtensions, EncryptedExtensionsWithEarlyData, Finished,
    ServerHelloOfPsk,
};
use script::psk::Psk;
use script::{END_OF_EARLY_DATA, Heard, Say};
use stage_psk::{IDENTITY, MAX_EARLY_DATA, external_psk, scripted_psk};

/// Keeps one session, and never gives it at once.
#[derive(Debug, Default)]
struct Kept(Mutex<Option<Box<ClientSession>>>);

impl ClientSessionStore for Kept {
    fn put(&self, _: &ClientSessionQuery, session: Box<ClientSession>) {
        *self.0.lock().unwrap() = Some(session);
    }

    fn take(&self, _: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        Decision::Later
    }
}

/// An end that waits, the answer that resumes, and what the scripted peer says then.
struct Waiting {
    scene: Scene,
    answer: Answer,
    rest: &'static [Say],
    kind: HandshakeKind,
}

/// Connects a client once to the scripted server, and lets it ask for its session the next time.
fn asking_client(stage: &Stage, early_data: bool) -> (Scene, Box<ClientSession>) {
    let kept = Arc::new(Kept::default());
    let config = stage.client.clone().session_store(kept.clone()).early_data(early_data);
    let mut first = stage.client_with(config.clone()).with(|_| Vec::new());
    let question = first.questions.pop().unwrap();
    first.answer_with(&question, Answer::ClientSession(None));
    let ticket = stage_psk::new_session_ticket();
    let first = first.say(&SERVER_FLIGHT).say_message(|_| ticket.clone());
    assert_eq!(first.outcome(), "Connected");
    let mut scene = stage.client_with(config).with(|_| Vec::new());
    scene.peer.second.psks = vec![first.peer.ticket_of(&ticket)];
    let session = kept.0.lock().unwrap().take().unwrap();
    (scene, session)
}

/// A server that asks for the session of the scripted client, and the keys that open its ticket.
fn asking_server(stage: &Stage, edit: impl FnOnce(ServerConfig) -> ServerConfig) -> (Scene, Arc<OpensLater>) {
    let keys = Arc::new(OpensLater::new());
    let config = edit(stage.server.clone().tickets(keys.clone()));
    (stage.resuming_server_with(&config), keys)
}

fn open(keys: &OpensLater, question: &Question) -> Answer {
    let QuestionKind::FindServerSession(query) = &question.kind else { panic!("{question:?}") };
    Answer::ServerSession(keys.0.open(&query.identity, query.now).map(Box::new))
}

fn waiting(stage: &Stage) -> [Waiting; 4] {
    let (client, session) = asking_client(stage, false);
    let client = Waiting {
        scene: client,
        answer: Answer::ClientSession(Some(session)),
        rest: &[ServerHelloOfPsk, EncryptedExtensions, Finished],
        kind: HandshakeKind::Resumed,
    };
    let psk = Waiting {
        scene: stage.server_that_asks_for_psk(),
        answer: Answer::Psk(Some(external_psk())),
        rest: &[Finished],
        kind: HandshakeKind::ExternalPsk,
    };
    let (scene, keys) = asking_server(stage, |config| config);
    let scene = scene.say(&[ClientHelloOfPsk]);
    let answer = open(&keys, &scene.questions[0]);
    let session = Waiting { scene, answer, rest: &[Finished], kind: HandshakeKind::Resumed };
    let early_data = Waiting {
        scene: stage.server_that_asks_about_early_data(),
        answer: Answer::EarlyData(true),
        rest: &[END_OF_EARLY_DATA, Finished],
        kind: HandshakeKind::Resumed,
    };
    let all = [client, psk, session, early_data];
    for (waiting, state) in all.iter().zip(["AskSession", "AskPsk", "AskSession", "AskEarlyData"]) {
        assert_eq!((waiting.scene.outcome(), waiting.scene.questions.len()), (state, 1));
        // Nothing is said before the answer.
        let silent = !waiting.scene.peer.heard.iter().any(|heard| matches!(heard, Heard::Message(_)));
        assert!(silent, "{state}");
    }
    all
}

fn answer(scene: &mut Scene, answer: Answer) {
    let question = scene.questions.pop().expect("a question should be open");
    scene.answer_with(&question, answer);
}

fn heard(scene: &Scene) -> Vec<HandshakeType> {
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        Heard::Message(bytes) => Some(HandshakeType(bytes[0])),
        _ => None,
    });
    messages.collect()
}

fn hears(scene: &Scene, handshake_type: HandshakeType) -> bool {
    heard(scene).contains(&handshake_type)
}

#[test]
fn questions_carry_what_an_answer_needs() {
    let stage = Stage::new();
    for Waiting { scene, .. } in waiting(&stage) {
        let identity = scene.peer.second.psks[0].identity.clone();
        match &scene.questions[0].kind {
            QuestionKind::FindClientSession(query) => assert_eq!(query.server_name, pair::NAME),
            QuestionKind::FindPsk(query) => assert_eq!(query.identity, IDENTITY),
            QuestionKind::FindServerSession(query) => {
                assert_eq!((&query.identity, query.place), (&identity, SessionPlace::Ticket));
                assert_eq!((query.version, query.now), (ProtocolVersion::TLSv1_3, NOW));
            }
            QuestionKind::DecideEarlyData(offer) => {
                assert_eq!((&offer.server_name, &offer.application_protocol), (&None, &None));
                assert_eq!(offer.now, NOW);
                assert_eq!(offer.until.as_millis(), NOW.as_millis() + EARLY_DATA_WINDOW);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn late_answer_resumes_as_one_at_once_does() {
    let stage = Stage::new();
    for Waiting { mut scene, answer: right, rest, kind } in waiting(&stage) {
        answer(&mut scene, right);
        let scene = scene.say(rest);
        assert_eq!((scene.outcome(), scene.end.handshake_kind()), ("Connected", Some(kind)));
        assert!(!hears(&scene, HandshakeType::certificate));
    }
}

#[test]
fn answer_that_nothing_is_found_leads_to_a_full_handshake() {
    let stage = Stage::new();
    let none = [
        (Answer::ClientSession(None), &SERVER_FLIGHT[..]),
        (Answer::Psk(None), &[Finished]),
        (Answer::ServerSession(None), &[Finished]),
    ];
    for (Waiting { mut scene, .. }, (nothing, rest)) in waiting(&stage).into_iter().zip(none) {
        answer(&mut scene, nothing);
        let scene = scene.say(rest);
        assert_eq!((scene.outcome(), scene.end.handshake_kind()), ("Connected", Some(HandshakeKind::Full)));
    }
}

#[test]
fn wrong_answer_is_misuse_and_changes_nothing() {
    let stage = Stage::new();
    for Waiting { mut scene, answer: right, .. } in waiting(&stage) {
        let (state, question) = (scene.end.state(), scene.questions[0].clone());
        let asked = kind_name(&question);
        let answers = [
            ("ChooseServerIdentity", Answer::Identity(None)),
            ("Sign", Answer::Signature(Err(SigningFailed))),
            ("VerifyChain", Answer::Verdict(Err(CertificateError::ApplicationRefused))),
            ("FindClientSession", Answer::ClientSession(None)),
            ("FindServerSession", Answer::ServerSession(None)),
            ("FindPsk", Answer::Psk(None)),
            ("DecideEarlyData", Answer::EarlyData(true)),
        ];
        for (kind, wrong) in answers.into_iter().filter(|(kind, _)| *kind != asked) {
            let answered = scene.end.answer(question.id, wrong);
            assert_eq!(answered.unwrap_err(), Error::Misuse(Misuse::WrongAnswer), "{asked}: {kind}");
        }
        assert_eq!(scene.end.state(), state);
        assert!(!scene.end.has_output());
        // The right answer still goes on, once.
        scene.end.answer(question.id, right).unwrap();
        assert_ne!(scene.end.state(), state);
        let again = scene.end.answer(question.id, Answer::Refuse(AlertDescription::access_denied));
        assert_eq!(again.unwrap_err(), Error::Misuse(Misuse::NoSuchQuestion));
    }
}

#[test]
fn refusal_ends_every_question_with_its_alert() {
    let stage = Stage::new();
    for Waiting { mut scene, .. } in waiting(&stage) {
        answer(&mut scene, Answer::Refuse(AlertDescription::access_denied));
        assert_eq!(scene.error, Some(Error::Refused(AlertDescription::access_denied)));
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn open_question_leaves_input_where_it_is_and_says_so() {
    let stage = Stage::new();
    for Waiting { mut scene, .. } in waiting(&stage) {
        let state = scene.end.state();
        for mut bytes in [vec![], vec![22], vec![0xff; 100]] {
            let received = scene.end.receive(&mut bytes).unwrap();
            assert_eq!(received.used, 0);
            assert!(matches!(received.event, Event::Waiting));
        }
        assert_eq!(scene.end.state(), state);
        assert!(!scene.end.has_output() && !scene.end.may_send() && !scene.end.may_send_half_rtt());
    }
}

#[test]
fn closing_while_a_question_is_open_gives_the_handshake_up() {
    let stage = Stage::new();
    for Waiting { mut scene, answer: right, .. } in waiting(&stage) {
        scene.end.close();
        scene.listen();
        let descriptions: Vec<_> = scene.peer.alerts().iter().map(|alert| alert.description).collect();
        assert_eq!(descriptions, [AlertDescription::user_canceled, AlertDescription::close_notify]);
        // An answer that comes after that is not passed on.
        let before = scene.peer.heard.len();
        answer(&mut scene, right);
        assert_eq!(scene.peer.heard.len(), before);
    }
}

#[test]
fn early_data_is_offered_once_the_session_is_there() {
    let stage = Stage::new();
    let (mut scene, session) = asking_client(&stage, true);
    let mut buffer = [0; 100];
    assert_eq!(scene.end.early_data(), EarlyData::NotOffered);
    assert_eq!(scene.end.send_early(b"early", &mut buffer).unwrap_err(), Error::Misuse(Misuse::NoEarlyData));
    answer(&mut scene, Answer::ClientSession(Some(session)));
    assert_eq!(scene.end.early_data(), EarlyData::Pending);
    scene.peer.start_early();
    let sent = scene.end.send_early(b"early", &mut buffer).unwrap();
    scene.peer.hear(&buffer[..sent.written]);
    assert_eq!(scene.peer.heard.last(), Some(&Heard::Data(b"early".to_vec())));
    let scene = scene.say(&[ServerHelloOfPsk, EncryptedExtensionsWithEarlyData, Finished]);
    assert_eq!((scene.outcome(), scene.end.early_data()), ("Connected", EarlyData::Accepted));
}

#[test]
fn session_of_another_configuration_is_not_offered() {
    let stage = Stage::new();
    let (_, session) = asking_client(&stage, false);
    let other = stage.client.clone().alpn(["h2"]).unwrap().verify_later().session_store(Arc::new(Later));
    let mut scene = stage.client_with(other).with(|_| Vec::new());
    answer(&mut scene, Answer::ClientSession(Some(session)));
    let scene = scene.say(&[ServerHelloOfPsk]);
    assert_eq!(scene.outcome(), "ExtensionNotOffered");
}

#[test]
fn each_identity_is_asked_for_in_each_place_until_one_fits() {
    let stage = Stage::new();
    let later = || Arc::new(Later);
    let (mut scene, keys) = asking_server(&stage, |config| config.psks(later()).session_store(later()));
    let ticket = scene.peer.second.psks.swap_remove(0);
    scene.peer.second.psks = vec![Psk::external(b"unknown", &[1; 32]), ticket, scripted_psk()];
    let mut scene = scene.say(&[ClientHelloOfPsk]);
    let mut asked = Vec::new();
    while let Some(question) = scene.questions.pop() {
        let (identity, place) = match &question.kind {
            QuestionKind::FindPsk(query) => (query.identity.clone(), None),
            QuestionKind::FindServerSession(query) => (query.identity.clone(), Some(query.place)),
            other => panic!("{other:?}"),
        };
        let name = scene.peer.second.psks.iter().position(|psk| psk.identity == identity).unwrap();
        let nothing = if place.is_none() { Answer::Psk(None) } else { Answer::ServerSession(None) };
        let found = name == 1 && place == Some(SessionPlace::Ticket);
        let given = if found { open(&keys, &question) } else { nothing };
        asked.push((name, place));
        scene.answer_with(&question, given);
        assert_eq!(scene.error, None);
    }
    let (ticket, store) = (Some(SessionPlace::Ticket), Some(SessionPlace::StoreOnce));
    assert_eq!(asked, [(0, None), (0, ticket), (0, store), (1, None), (1, ticket)]);
    let scene = scene.say(&[Finished]);
    assert_eq!((scene.outcome(), scene.end.handshake_kind()), ("Connected", Some(HandshakeKind::Resumed)));
}

#[test]
fn answer_that_does_not_fit_is_passed_over() {
    let stage = Stage::new();
    // A session of a server that lets in others, and a PSK for a hash that is not spoken here.
    let (_, keys) = asking_server(&stage, |config| config);
    let config = stage.server.clone().tickets(keys.clone()).psks(Arc::new(Later)).session_context(*b"another");
    let psk = stage.get_ticket(&stage.server.clone().tickets(keys.clone()));
    let mut scene = stage.server_with_psk(&config, &psk).say(&[ClientHelloOfPsk]);
    let other_hash = ExternalPsk::new(&psk.identity, &[6; 48], HashAlgorithm::Sha384).unwrap();
    answer(&mut scene, Answer::Psk(Some(Arc::new(other_hash))));
    assert_eq!(scene.outcome(), "AskSession");
    let session = open(&keys, &scene.questions[0]);
    assert!(matches!(session, Answer::ServerSession(Some(_))));
    answer(&mut scene, session);
    let scene = scene.say(&[Finished]);
    assert_eq!((scene.outcome(), scene.end.handshake_kind()), ("Connected", Some(HandshakeKind::Full)));
}

/// A clock that the test sets.
#[derive(Debug)]
struct SetClock(Mutex<Time>);

impl SetClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(NOW)))
    }

    fn pass(&self, seconds: u64) {
        *self.0.lock().unwrap() = Time::from_secs(NOW.as_secs() + seconds);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Option<Time> {
        Some(*self.0.lock().unwrap())
    }
}

/// The session lives for an hour.
#[test]
fn session_that_expires_while_its_question_is_open_is_not_resumed() {
    let stage = Stage::new();
    for (passed, kind) in [(3599, HandshakeKind::Resumed), (3600, HandshakeKind::Full)] {
        let clock = SetClock::new();
        let (scene, keys) = asking_server(&stage, |config| config.clock(clock.clone()).session_lifetime(3600));
        let mut scene = scene.say(&[ClientHelloOfPsk]);
        let session = open(&keys, &scene.questions[0]);
        clock.pass(passed);
        answer(&mut scene, session);
        let scene = scene.say(&[Finished]);
        assert_eq!((scene.outcome(), scene.end.handshake_kind()), ("Connected", Some(kind)));
    }
    for (passed, outcome) in [(3599, "WaitEncryptedExtensions"), (3600, "ExtensionNotOffered")] {
        let clock = SetClock::new();
        let (_, session) = asking_client(&stage, false);
        let config = stage.client.clone().clock(clock.clone()).session_store(Arc::new(Later));
        let mut scene = stage.client_with(config).with(|_| Vec::new());
        clock.pass(passed);
        answer(&mut scene, Answer::ClientSession(Some(session)));
        assert_eq!(scene.say(&[ServerHelloOfPsk]).outcome(), outcome);
    }
}

#[test]
fn early_data_that_is_no_longer_fresh_when_the_session_is_found_is_rejected_unasked() {
    let stage = Stage::new();
    for (passed, state) in [(10, "AskEarlyData"), (11, "WaitFinished")] {
        let clock = SetClock::new();
        let (scene, keys) = asking_server(&stage, |config| {
            let register = AntiReplay::StrikeRegister(Arc::new(Later));
            config.clock(clock.clone()).early_data(MAX_EARLY_DATA, register).unwrap()
        });
        let mut scene = scene.say(&[ClientHelloWithEarlyData]);
        let session = open(&keys, &scene.questions[0]);
        clock.pass(passed);
        answer(&mut scene, session);
        assert_eq!(scene.outcome(), state);
        if state == "WaitFinished" {
            let scene = scene.say(&[Finished]);
            assert_eq!((scene.outcome(), scene.end.early_data()), ("Connected", EarlyData::Rejected));
            assert_eq!(scene.end.handshake_kind(), Some(HandshakeKind::Resumed));
        }
    }
}

#[test]
fn binder_is_checked_against_the_late_answer() {
    let stage = Stage::new();
    let mut scene = stage.server_that_asks_for_psk();
    let other_key = ExternalPsk::new(IDENTITY, &[7; 32], HashAlgorithm::Sha256).unwrap();
    answer(&mut scene, Answer::Psk(Some(Arc::new(other_key))));
    assert_eq!(scene.outcome(), "PskBinderWrong");
    scene.assert_failed_with_its_alert();
}

#[test]
fn early_data_that_came_while_the_question_was_open_is_taken_or_skipped_as_the_answer_says() {
    let stage = Stage::new();
    for (taken, outcome) in [(true, EarlyData::Accepted), (false, EarlyData::Rejected)] {
        let mut scene = stage.server_that_asks_about_early_data();
        scene = scene.say_record(ContentType::application_data, b"early ");
        scene = scene.say_record(ContentType::application_data, b"bird");
        assert_eq!((scene.outcome(), scene.seen.len()), ("AskEarlyData", 1));
        answer(&mut scene, Answer::EarlyData(taken));
        let rest: &[Say] = if taken { &[END_OF_EARLY_DATA, Finished] } else { &[Finished] };
        let scene = scene.say(rest).say_record(ContentType::application_data, b"late");
        assert_eq!((scene.outcome(), scene.end.early_data()), ("Connected", outcome));
        assert_eq!(scene.end.handshake_kind(), Some(HandshakeKind::Resumed));
        let early = [Seen::EarlyData(b"early ".to_vec()), Seen::EarlyData(b"bird".to_vec())];
        let expected = [Seen::Ask].into_iter().chain(early.into_iter().filter(|_| taken));
        let expected: Vec<_> = expected.chain([Seen::Established, Seen::Data(b"late".to_vec())]).collect();
        assert_eq!(scene.seen, expected);
    }
}

/// Delivers the bytes one by one, and answers each question as soon as it is there, or when so many bytes more have come.
fn deliver_slowly(mut scene: Scene, bytes: &[u8], delay: usize, right: &dyn Fn(&Question) -> Answer) -> Scene {
    let mut waited = 0;
    for byte in bytes {
        scene = scene.with(|_| vec![*byte]);
        assert_eq!(scene.error, None);
        waited += usize::from(!scene.questions.is_empty());
        if waited > delay {
            let given = right(&scene.questions[0]);
            answer(&mut scene, given);
            waited = 0;
        }
    }
    scene
}

#[test]
fn one_byte_at_a_time_gives_the_same_connection() {
    let stage = Stage::new();
    for delay in [0, 1, 7] {
        let keys = Arc::new(OpensLater::new());
        let register = AntiReplay::StrikeRegister(Arc::new(Later));
        let config = stage.server.clone().tickets(keys.clone()).psks(Arc::new(Later));
        let config = config.early_data(MAX_EARLY_DATA, register).unwrap();
        let right = |question: &Question| match &question.kind {
            QuestionKind::FindPsk(_) => Answer::Psk(None),
            QuestionKind::DecideEarlyData(_) => Answer::EarlyData(true),
            _ => open(&keys, question),
        };
        let mut scene = stage.resuming_server_with(&config);
        let hello = scene.peer.say(ClientHelloWithEarlyData);
        let data = scene.peer.record(ContentType::application_data, b"slow and early");
        let scene = deliver_slowly(scene, &[hello, data].concat(), delay, &right);
        assert_eq!(scene.outcome(), "WaitEndOfEarlyData");
        let mut scene = scene;
        let end = [scene.peer.say(END_OF_EARLY_DATA), scene.peer.say(Finished)].concat();
        let scene = deliver_slowly(scene, &end, delay, &right);
        assert_eq!((scene.outcome(), scene.end.handshake_kind()), ("Connected", Some(HandshakeKind::Resumed)));
        let early = Seen::EarlyData(b"slow and early".to_vec());
        assert_eq!(scene.seen, [Seen::Ask, Seen::Ask, Seen::Ask, early, Seen::Established]);
    }

    let (mut scene, session) = asking_client(&stage, false);
    answer(&mut scene, Answer::ClientSession(Some(session)));
    for say in [ServerHelloOfPsk, EncryptedExtensions, Finished] {
        let record = scene.peer.say(say);
        scene = deliver_slowly(scene, &record, 0, &|question| panic!("{question:?}"));
    }
    assert_eq!((scene.outcome(), scene.end.handshake_kind()), ("Connected", Some(HandshakeKind::Resumed)));
}
