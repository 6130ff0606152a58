//! The chain of a session, judged again before the session is offered.

#[path = "support/pair.rs"]
mod pair;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bulla::clock::Time;
use bulla::config::danger::DangerousVerification;
use bulla::config::{AntiReplay, ChainToVerify, Decision, Verdict, VerifyChain};
use bulla::crypto::ring::provider;
use bulla::error::{CertificateError, Misuse};
use bulla::resume::{MemoryClientSessions, MemoryStrikeRegister, TicketKeys};
use bulla::wire::{AlertDescription, ProtocolVersion};
use bulla::{
    Answer, ClientConfig, ClientConnection, EarlyData, Error, Event, HandshakeKind, Question, QuestionKind,
    ServerConfig,
};
use pair::{KeyKind, NOW, Pair, configs, name, output};

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2];

/// What a judge does when it is asked.
#[derive(Clone, Copy, Debug)]
enum Ruling {
    Judge,
    Deny,
    End,
    Wait,
}

/// Rules as it is told, judges when it is told nothing more, and remembers what it was asked.
#[derive(Debug, Default)]
struct Judge {
    rulings: Mutex<VecDeque<Ruling>>,
    asked: Mutex<Vec<ChainToVerify>>,
}

impl VerifyChain for Judge {
    fn verify(&self, chain: &ChainToVerify) -> Decision<Verdict> {
        self.asked.lock().unwrap().push(chain.clone());
        match self.rulings.lock().unwrap().pop_front().unwrap_or(Ruling::Judge) {
            Ruling::Judge => Decision::Now(chain.judge()),
            Ruling::Deny => Decision::Now(Err(CertificateError::ApplicationRefused)),
            Ruling::End => Decision::Refuse(AlertDescription::certificate_revoked),
            Ruling::Wait => Decision::Later,
        }
    }
}

/// Two configurations of one version, and the client's judge.
struct Ends {
    client: ClientConfig,
    server: ServerConfig,
    judge: Arc<Judge>,
}

impl Ends {
    /// A client that has a session, and judges its chain again.
    fn with_session(version: ProtocolVersion) -> Self {
        let judge = Arc::new(Judge::default());
        let (client, server) = configs(KeyKind::EcdsaP256);
        let client = client.versions([version]).unwrap().danger_verify_with(judge.clone());
        let client = client.session_store(Arc::new(MemoryClientSessions::new(8, 8))).early_data(true);
        let register = Arc::new(MemoryStrikeRegister::random(&*provider(), 8).unwrap());
        let server = server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap()));
        let server = server.early_data(1_000, AntiReplay::StrikeRegister(register)).unwrap();
        assert_eq!(kind(&Pair::established(client.clone(), server.clone())), HandshakeKind::Full);
        let client = client.verify_again_on_resumption(true);
        Self { client, server, judge }
    }

    fn ruling(self, rulings: &[Ruling]) -> Self {
        self.judge.rulings.lock().unwrap().extend(rulings);
        self
    }

    fn pair(&self) -> Pair {
        Pair::new(self.client.clone(), self.server.clone())
    }

    fn times_asked(&self) -> usize {
        self.judge.asked.lock().unwrap().len()
    }
}

fn kind(pair: &Pair) -> HandshakeKind {
    pair.client.handshake_kind().unwrap()
}

/// Takes the question that the client asks before anything is sent.
fn question(pair: &mut Pair) -> Question {
    assert!(output(&mut pair.client).is_empty());
    let mut nothing = [];
    match pair.client.receive(&mut nothing).unwrap().event {
        Event::Ask(question) => question,
        event => panic!("{event:?}"),
    }
}

fn chain_of(question: &Question) -> &ChainToVerify {
    match &question.kind {
        QuestionKind::VerifyChain(chain) => chain,
        kind => panic!("{kind:?}"),
    }
}

#[test]
fn chain_of_a_session_is_judged_again_only_where_that_is_wanted() {
    for version in VERSIONS {
        let mut ends = Ends::with_session(version);
        ends.client = ends.client.verify_again_on_resumption(false);
        let mut pair = ends.pair();
        pair.run().unwrap();
        assert_eq!((kind(&pair), ends.times_asked()), (HandshakeKind::Resumed, 1));

        let later = Time::from_secs(NOW.as_secs() + 60);
        ends.client = ends.client.verify_again_on_resumption(true).clock(Arc::new(later));
        let mut pair = ends.pair();
        pair.run().unwrap();
        assert_eq!((kind(&pair), ends.times_asked()), (HandshakeKind::Resumed, 2));
        let asked = ends.judge.asked.lock().unwrap();
        assert_eq!(asked[1].chain(), asked[0].chain());
        assert_eq!((asked[1].name(), asked[1].now()), (Some(&name()), Some(later)));
        assert_eq!(pair.client.peer_certificates(), asked[0].chain());
    }
}

#[test]
fn session_whose_chain_is_no_longer_trusted_is_not_offered_and_the_handshake_is_a_full_one() {
    for version in VERSIONS {
        let ends = Ends::with_session(version).ruling(&[Ruling::Deny]);
        let mut pair = ends.pair();
        assert_eq!(pair.client.early_data(), EarlyData::NotOffered);
        pair.run().unwrap();
        assert_eq!((kind(&pair), ends.times_asked()), (HandshakeKind::Full, 3));
    }
}

#[test]
fn server_that_shows_the_chain_again_that_is_no_longer_trusted_is_refused() {
    for version in VERSIONS {
        let ends = Ends::with_session(version).ruling(&[Ruling::Deny, Ruling::Deny]);
        let (end, error) = ends.pair().run().unwrap_err();
        assert_eq!((end, error), ("client", CertificateError::ApplicationRefused.into()));
    }
}

#[test]
fn early_data_is_offered_behind_the_verdict() {
    let ends = Ends::with_session(ProtocolVersion::TLSv1_3).ruling(&[Ruling::Wait]);
    let mut pair = ends.pair();
    let question = question(&mut pair);
    assert_eq!((pair.client.early_data(), pair.client.early_data_room()), (EarlyData::NotOffered, 0));
    let verdict = chain_of(&question).judge();
    pair.client.answer(question.id, Answer::Verdict(verdict)).unwrap();
    assert_eq!((pair.client.early_data(), pair.client.early_data_room()), (EarlyData::Pending, 1_000));
}

#[test]
fn late_verdict_is_as_good_as_one_at_once() {
    for version in VERSIONS {
        for (denies, expected) in [(false, HandshakeKind::Resumed), (true, HandshakeKind::Full)] {
            let ends = Ends::with_session(version).ruling(&[Ruling::Wait]);
            let mut pair = ends.pair();
            let question = question(&mut pair);
            let verdict = if denies { Err(CertificateError::Revoked) } else { chain_of(&question).judge() };
            pair.client.answer(question.id, Answer::Verdict(verdict)).unwrap();
            pair.run().unwrap();
            assert_eq!(kind(&pair), expected);
        }
    }
}

#[test]
fn answer_that_is_none_to_this_question_is_misuse_and_changes_nothing() {
    let ends = Ends::with_session(ProtocolVersion::TLSv1_3).ruling(&[Ruling::Wait]);
    let of_another_connection = ends.judge.asked.lock().unwrap()[0].judge();
    let mut pair = ends.pair();
    let question = question(&mut pair);
    for wrong in [Answer::ClientSession(None), Answer::Identity(None), Answer::Verdict(of_another_connection)] {
        assert_eq!(pair.client.answer(question.id, wrong).unwrap_err(), Misuse::WrongAnswer.into());
    }
    let verdict = chain_of(&question).judge();
    pair.client.answer(question.id, Answer::Verdict(verdict)).unwrap();
    pair.run().unwrap();
    assert_eq!(kind(&pair), HandshakeKind::Resumed);
}

#[test]
fn refusal_ends_the_connection_with_the_applications_alert_at_once_and_late() {
    let refused = Error::Refused(AlertDescription::certificate_revoked);
    for version in VERSIONS {
        let ends = Ends::with_session(version).ruling(&[Ruling::End, Ruling::Wait]);
        let started = ClientConnection::new(Arc::new(ends.client.clone()), name());
        assert_eq!(started.err(), Some(refused.clone()));

        // That connection has had the session.
        let ends = Ends::with_session(version).ruling(&[Ruling::Wait]);
        let mut pair = ends.pair();
        let question = question(&mut pair);
        let answer = Answer::Refuse(AlertDescription::certificate_revoked);
        assert_eq!(pair.client.answer(question.id, answer), Err(refused.clone()));
    }
}

#[test]
fn session_that_does_not_fit_is_not_asked_about() {
    for version in VERSIONS {
        let mut ends = Ends::with_session(version);
        let later = Arc::new(Time::from_secs(NOW.as_secs() + 10_000));
        (ends.client, ends.server) = (ends.client.clock(later.clone()), ends.server.clock(later));
        let mut pair = ends.pair();
        assert_eq!(ends.times_asked(), 1);
        pair.run().unwrap();
        assert_eq!((kind(&pair), ends.times_asked()), (HandshakeKind::Full, 2));
    }
}
