//! Authentication of a client after the handshake, between our own ends: RFC 8446 §4.6.2.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;

use std::sync::Arc;

use bulla::config::{CertificateRequestInfo, ChooseClientIdentity, Decision};
use bulla::connection::danger::DangerousTrafficSecrets as _;
use bulla::error::Misuse;
use bulla::pki_types::CertificateDer;
use bulla::wire::{AlertDescription, ProtocolVersion};
use bulla::{
    Answer, ClientAuth, ClientConfig, Connection, Error, HandshakeKind, Identity, MAX_CERTIFICATE_REQUESTS,
    MAX_OPEN_CERTIFICATE_REQUESTS, Question, Roots, ServerConfig,
};
use later::{Later, Remote, kind_name};
use pair::{Authority, KeyKind, NAME, Pair, Seen, configs_by, data, feed_with, output, send};

/// A client that can be asked and has a certificate, and a server that may ask for it.
struct Rig {
    authority: Authority,
    client: ClientConfig,
    server: ServerConfig,
    shown: CertificateDer<'static>,
}

impl Rig {
    fn new() -> Self {
        let authority = Authority::new();
        let (client, server) = configs_by(&authority, KeyKind::EcdsaP256);
        let identity = authority.identity(&["client.test"], KeyKind::EcdsaP256);
        let shown = identity.chain()[0].clone();
        let client = client.identity(identity).post_handshake_auth(true);
        let server = server.post_handshake_auth(ClientAuth::Require(Arc::new(authority.roots())));
        Self { authority, client, server, shown }
    }

    fn roots(&self) -> Arc<Roots> {
        Arc::new(self.authority.roots())
    }

    fn pair(&self) -> Pair {
        Pair::established(self.client.clone(), self.server.clone())
    }

    /// A client with nothing to show.
    fn bare_client(&self) -> ClientConfig {
        ClientConfig::new(self.authority.roots()).clock(Arc::new(pair::NOW)).post_handshake_auth(true)
    }
}

fn authenticated(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| **seen == Seen::PeerAuthenticated).count()
}

#[track_caller]
fn exchange_data(pair: &mut Pair) {
    for text in [&b"one way"[..], b"and again"] {
        pair.to_server.extend(send(&mut pair.client, text));
        pair.to_client.extend(send(&mut pair.server, text));
        pair.run().unwrap();
        assert!(data(&pair.server_seen).ends_with(text) && data(&pair.client_seen).ends_with(text));
    }
}

#[test]
fn client_shows_who_it_is_when_it_is_asked_after_the_handshake() {
    for kind in pair::KEY_KINDS {
        let mut rig = Rig::new();
        let identity = rig.authority.identity(&["client.test"], kind);
        rig.shown = identity.chain()[0].clone();
        rig.client = rig.client.identity(identity);
        let mut pair = rig.pair();
        assert!(pair.server.peer_certificates().is_empty());
        exchange_data(&mut pair);
        pair.server.request_client_certificate().unwrap();
        assert_eq!(pair.server.open_certificate_requests(), 1);
        pair.run().unwrap();
        assert_eq!(pair.server_seen.last(), Some(&Seen::PeerAuthenticated));
        assert_eq!(pair.server.peer_certificates(), [rig.shown.clone()]);
        assert!(pair.server.peer_signature_scheme().is_some());
        assert_eq!(pair.server.open_certificate_requests(), 0);
        // Nothing of it concerns the client's application.
        assert!(!pair.client_seen.contains(&Seen::PeerAuthenticated));
        exchange_data(&mut pair);
    }
}

#[test]
fn who_cannot_be_asked_or_cannot_ask_is_told_so_and_the_connection_goes_on() {
    let rig = Rig::new();
    let refused = Err(Misuse::NoPostHandshakeAuth.into());
    let plain_server = configs_by(&rig.authority, KeyKind::EcdsaP256).1;
    let silent = rig.client.clone().post_handshake_auth(false);
    let old = rig.client.clone().versions([ProtocolVersion::TLSv1_2]).unwrap();
    for (client, server) in
        [(rig.client.clone(), plain_server), (silent, rig.server.clone()), (old, rig.server.clone())]
    {
        let mut pair = Pair::new(client, server);
        assert_eq!(pair.server.request_client_certificate(), Err(Misuse::HandshakeNotFinished.into()));
        pair.run().unwrap();
        assert_eq!(pair.server.request_client_certificate(), refused);
        assert_eq!(pair.client.request_client_certificate(), refused);
        assert_eq!(pair.server.open_certificate_requests(), 0);
        exchange_data(&mut pair);
    }
    let mut pair = rig.pair();
    assert_eq!(pair.client.request_client_certificate(), refused);
    pair.server.close();
    assert_eq!(pair.server.request_client_certificate(), Err(Misuse::SendAfterClose.into()));
}

#[test]
fn requests_are_open_up_to_a_limit_and_each_is_answered() {
    let rig = Rig::new();
    let mut pair = rig.pair();
    for round in 1..=3 {
        for open in 0..MAX_OPEN_CERTIFICATE_REQUESTS {
            assert_eq!(pair.server.open_certificate_requests(), open);
            pair.server.request_client_certificate().unwrap();
        }
        let refused = Err(Misuse::CertificateRequestLimit.into());
        assert_eq!(pair.server.request_client_certificate(), refused);
        pair.run().unwrap();
        assert_eq!(authenticated(&pair.server_seen), round * MAX_OPEN_CERTIFICATE_REQUESTS);
    }
    exchange_data(&mut pair);
}

#[test]
fn connection_takes_so_many_requests_and_no_more() {
    let rig = Rig::new();
    let client = rig.bare_client();
    let server = rig.server.clone().post_handshake_auth(ClientAuth::Request(rig.roots()));
    let mut pair = Pair::established(client, server);
    for _ in 0..MAX_CERTIFICATE_REQUESTS {
        pair.server.request_client_certificate().unwrap();
        pair.run().unwrap();
    }
    assert_eq!(pair.server.request_client_certificate(), Err(Misuse::CertificateRequestLimit.into()));
    exchange_data(&mut pair);
}

#[test]
fn key_updates_of_both_ends_may_stand_between_question_and_answer() {
    let rig = Rig::new();
    let mut pair = rig.pair();
    for round in 1..=3 {
        pair.client.update_keys(true).unwrap();
        pair.server.request_client_certificate().unwrap();
        pair.server.update_keys(true).unwrap();
        pair.run().unwrap();
        assert_eq!(authenticated(&pair.server_seen), round);
        pair.client.update_keys(false).unwrap();
        pair.run().unwrap();
    }
    exchange_data(&mut pair);
}

#[test]
fn client_with_nothing_to_show_may_stay_or_is_refused_as_the_configuration_says() {
    let rig = Rig::new();
    let server = rig.server.clone().post_handshake_auth(ClientAuth::Request(rig.roots()));
    let mut pair = Pair::established(rig.bare_client(), server);
    pair.server.request_client_certificate().unwrap();
    pair.run().unwrap();
    assert_eq!(pair.server_seen.last(), Some(&Seen::CertificateDeclined));
    assert!(pair.server.peer_certificates().is_empty() && pair.server.open_certificate_requests() == 0);
    exchange_data(&mut pair);

    let mut pair = Pair::established(rig.bare_client(), rig.server.clone());
    pair.server.request_client_certificate().unwrap();
    let (end, error) = pair.run().unwrap_err();
    assert_eq!((end, error.alert()), ("server", Some(AlertDescription::certificate_required)));
    let error = pair.run().unwrap_err().1;
    assert_eq!(error.name(), "ClientCertificateRequired");
}

#[test]
fn declining_takes_nothing_back_that_the_client_has_shown_before() {
    let mut rig = Rig::new();
    rig.server = rig.server.clone().post_handshake_auth(ClientAuth::Request(rig.roots()));
    rig.client = rig.client.choose_identity(Arc::new(ShowsOnce::new(&rig.authority)));
    let mut pair = rig.pair();
    for last in [Seen::PeerAuthenticated, Seen::CertificateDeclined] {
        pair.server.request_client_certificate().unwrap();
        pair.run().unwrap();
        assert_eq!(pair.server_seen.last(), Some(&last));
        assert_eq!(pair.server.peer_certificates().len(), 1);
    }
}

/// Shows a certificate the first time.
#[derive(Debug)]
struct ShowsOnce {
    identity: std::sync::Mutex<Option<Arc<Identity>>>,
}

impl ShowsOnce {
    fn new(authority: &Authority) -> Self {
        let identity = Arc::new(authority.identity(&["client.test"], KeyKind::EcdsaP256));
        Self { identity: std::sync::Mutex::new(Some(identity)) }
    }
}

impl ChooseClientIdentity for ShowsOnce {
    fn choose(&self, _: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        Decision::Now(self.identity.lock().unwrap().take())
    }
}

#[test]
fn certificate_of_an_unknown_authority_ends_the_connection() {
    let mut rig = Rig::new();
    rig.client = rig.client.identity(Authority::named("Another").identity(&["client.test"], KeyKind::EcdsaP256));
    let mut pair = rig.pair();
    pair.server.request_client_certificate().unwrap();
    let (end, error) = pair.run().unwrap_err();
    assert_eq!((end, error.alert()), ("server", Some(AlertDescription::unknown_ca)));
    assert!(pair.server.peer_certificates().is_empty());
}

#[test]
fn new_certificate_takes_the_place_of_the_one_that_the_handshake_showed() {
    let mut rig = Rig::new();
    rig.server = rig.server.clone().client_auth(ClientAuth::Require(rig.roots()));
    let chooser = TakesTurns::new(&rig.authority);
    let chains: Vec<_> = chooser.identities.iter().map(|identity| identity.chain()[0].clone()).collect();
    rig.client = rig.client.choose_identity(Arc::new(chooser));
    let mut pair = rig.pair();
    assert_eq!(pair.server.peer_certificates(), [chains[0].clone()]);
    for turn in 1..4 {
        pair.server.request_client_certificate().unwrap();
        pair.run().unwrap();
        assert_eq!(pair.server.peer_certificates(), [chains[turn % 2].clone()]);
        assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Full));
    }
}

/// Shows one of two certificates in turn.
#[derive(Debug)]
struct TakesTurns {
    identities: [Arc<Identity>; 2],
    turn: std::sync::atomic::AtomicUsize,
}

impl TakesTurns {
    fn new(authority: &Authority) -> Self {
        let identity = |name| Arc::new(authority.identity(&[name], KeyKind::EcdsaP256));
        Self { identities: ["first.test", "second.test"].map(identity), turn: 0.into() }
    }
}

impl ChooseClientIdentity for TakesTurns {
    fn choose(&self, _: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        let turn = self.turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Decision::Now(Some(Arc::clone(&self.identities[turn % 2])))
    }
}

/// Feeds an end and keeps the questions.
fn feed_asking(connection: &mut Connection, bytes: &mut Vec<u8>, seen: &mut Vec<Seen>) -> Vec<Question> {
    let mut questions = Vec::new();
    feed_with(connection, bytes, seen, &mut |_, question| questions.push(question)).unwrap();
    questions
}

/// Lets data go both ways while questions are open, which holds nothing up.
#[track_caller]
fn data_goes_on(pair: &mut Pair) {
    for text in [&b"while it"[..], b" is thought about"] {
        let mut records = send(&mut pair.client, text);
        assert!(feed_asking(&mut pair.server, &mut records, &mut pair.server_seen).is_empty());
        assert!(data(&pair.server_seen).ends_with(text) && records.is_empty());
        let mut records = send(&mut pair.server, text);
        assert!(feed_asking(&mut pair.client, &mut records, &mut pair.client_seen).is_empty());
        assert!(data(&pair.client_seen).ends_with(text) && records.is_empty());
    }
}

/// Asks, with every question left to the application; returns the pair, the client's key, and the open question.
fn asked_to_choose(rig: &mut Rig) -> (Pair, Remote, Question) {
    let remote = Remote::new(rig.authority.issue(&["client.test"], KeyKind::EcdsaP256));
    rig.shown = remote.identity.chain()[0].clone();
    rig.client = rig.client.clone().choose_identity(Arc::new(Later));
    rig.server = rig.server.clone().verify_later();
    let mut pair = rig.pair();
    pair.server.request_client_certificate().unwrap();
    let mut records = output(&mut pair.server);
    let mut questions = feed_asking(&mut pair.client, &mut records, &mut pair.client_seen);
    assert_eq!(questions.len(), 1);
    (pair, remote, questions.remove(0))
}

fn asked_to_sign(rig: &mut Rig) -> (Pair, Remote, Question) {
    let (mut pair, remote, question) = asked_to_choose(rig);
    assert_eq!(kind_name(&question), "ChooseClientIdentity");
    data_goes_on(&mut pair);
    pair.client.answer(question.id, remote.answer(&question)).unwrap();
    assert!(!pair.client.has_output(), "nothing is sent before the answer is whole");
    let mut questions = feed_asking(&mut pair.client, &mut Vec::new(), &mut pair.client_seen);
    (pair, remote, questions.remove(0))
}

fn asked_to_judge(rig: &mut Rig) -> (Pair, Remote, Question) {
    let (mut pair, remote, question) = asked_to_sign(rig);
    assert_eq!(kind_name(&question), "Sign");
    pair.client.update_keys(false).unwrap();
    let mut records = output(&mut pair.client);
    assert!(feed_asking(&mut pair.server, &mut records, &mut pair.server_seen).is_empty());
    data_goes_on(&mut pair);
    pair.client.answer(question.id, remote.answer(&question)).unwrap();
    let mut records = output(&mut pair.client);
    let mut questions = feed_asking(&mut pair.server, &mut records, &mut pair.server_seen);
    assert!(records.is_empty(), "the whole answer is taken while the question is open");
    (pair, remote, questions.remove(0))
}

#[test]
fn questions_after_the_handshake_are_answered_late_while_data_goes_on() {
    let mut rig = Rig::new();
    let (mut pair, remote, question) = asked_to_judge(&mut rig);
    assert_eq!(kind_name(&question), "VerifyChain");
    data_goes_on(&mut pair);
    assert!(pair.server.peer_certificates().is_empty(), "nobody has accepted it yet");
    assert_eq!(pair.server.open_certificate_requests(), 1);
    pair.server.update_keys(true).unwrap();
    pair.run().unwrap();
    pair.server.answer(question.id, remote.answer(&question)).unwrap();
    pair.run().unwrap();
    assert_eq!(pair.server_seen.last(), Some(&Seen::PeerAuthenticated));
    assert_eq!(pair.server.peer_certificates(), [rig.shown.clone()]);
    exchange_data(&mut pair);
}

#[test]
fn traffic_keys_are_not_shown_while_a_question_is_open_whose_answer_would_be_sealed_with_them() {
    let (mut pair, remote, question) = asked_to_choose(&mut Rig::new());
    assert_eq!(pair.client.danger_traffic_keys().err(), Some(Misuse::InputPending.into()));
    pair.client.answer(question.id, remote.answer(&question)).unwrap();
    let sign = feed_asking(&mut pair.client, &mut Vec::new(), &mut pair.client_seen).remove(0);
    assert_eq!(pair.client.danger_traffic_keys().err(), Some(Misuse::InputPending.into()));
    pair.client.answer(sign.id, remote.answer(&sign)).unwrap();
    assert_eq!(pair.client.danger_traffic_keys().err(), Some(Misuse::OutputPending.into()));
    output(&mut pair.client);
    assert!(pair.client.danger_traffic_keys().is_ok());
}

#[test]
fn question_after_the_handshake_is_refused_with_an_alert_of_choice() {
    type Asked = fn(&mut Rig) -> (Pair, Remote, Question);
    for (asked, of_client) in [(asked_to_choose as Asked, true), (asked_to_sign, true), (asked_to_judge, false)] {
        let (mut pair, _, question) = asked(&mut Rig::new());
        let alert = AlertDescription::access_denied;
        let (end, other): (&mut Connection, &mut Connection) =
            if of_client { (&mut pair.client, &mut pair.server) } else { (&mut pair.server, &mut pair.client) };
        assert_eq!(end.answer(question.id, Answer::Refuse(alert)), Err(Error::Refused(alert)));
        let mut records = output(end);
        let heard = feed_with(other, &mut records, &mut Vec::new(), &mut |_, _| {});
        assert_eq!(heard, Err(Error::AlertReceived(alert)));
    }
}

#[test]
fn decision_at_once_may_refuse_too() {
    #[derive(Debug)]
    struct Refuses;
    impl ChooseClientIdentity for Refuses {
        fn choose(&self, _: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
            Decision::Refuse(AlertDescription::user_canceled)
        }
    }
    let rig = Rig::new();
    let mut pair = Pair::established(rig.client.clone().choose_identity(Arc::new(Refuses)), rig.server.clone());
    pair.server.request_client_certificate().unwrap();
    assert_eq!(pair.run().unwrap_err(), ("client", Error::Refused(AlertDescription::user_canceled)));
}

#[test]
fn answer_of_another_kind_or_to_no_question_changes_nothing() {
    let mut rig = Rig::new();
    let (mut pair, remote, question) = asked_to_choose(&mut rig);
    let wrong = pair.client.answer(question.id, Answer::Signature(Ok(vec![])));
    assert_eq!(wrong, Err(Misuse::WrongAnswer.into()));
    pair.client.answer(question.id, remote.answer(&question)).unwrap();
    let again = pair.client.answer(question.id, Answer::Identity(None));
    assert_eq!(again, Err(Misuse::NoSuchQuestion.into()));
    data_goes_on_but_for_the_question(&mut pair);
    // A verdict about another connection's chain.
    let (mut pair, remote, question) = asked_to_judge(&mut Rig::new());
    let (_, _, other) = asked_to_judge(&mut Rig::new());
    let wrong = pair.server.answer(question.id, remote.answer(&other));
    assert_eq!(wrong, Err(Misuse::WrongAnswer.into()));
    pair.server.answer(question.id, remote.answer(&question)).unwrap();
    pair.run().unwrap();
    assert_eq!(pair.server_seen.last(), Some(&Seen::PeerAuthenticated));
}

/// Data goes on from the moment that the next question was handed out.
fn data_goes_on_but_for_the_question(pair: &mut Pair) {
    let questions = feed_asking(&mut pair.client, &mut Vec::new(), &mut pair.client_seen);
    assert_eq!(questions.len(), 1);
    data_goes_on(pair);
}

#[test]
fn requests_that_come_while_a_question_is_open_wait_for_their_turn() {
    let mut rig = Rig::new();
    let (mut pair, remote, first) = asked_to_choose(&mut rig);
    for _ in 0..2 {
        pair.server.request_client_certificate().unwrap();
    }
    let mut records = output(&mut pair.server);
    assert!(feed_asking(&mut pair.client, &mut records, &mut pair.client_seen).is_empty());
    data_goes_on(&mut pair);
    // The client answers all three; the server hears them all while it thinks about the first.
    let mut open = vec![first];
    let mut kinds = Vec::new();
    while let Some(question) = open.pop() {
        kinds.push(kind_name(&question));
        pair.client.answer(question.id, remote.answer(&question)).unwrap();
        open.extend(feed_asking(&mut pair.client, &mut Vec::new(), &mut pair.client_seen));
    }
    assert_eq!(kinds, ["ChooseClientIdentity", "Sign"].repeat(3));
    let mut records = output(&mut pair.client);
    let mut open = feed_asking(&mut pair.server, &mut records, &mut pair.server_seen);
    assert_eq!((open.len(), records.len(), pair.server.open_certificate_requests()), (1, 0, 3));
    for done in 1..=3 {
        data_goes_on(&mut pair);
        let question = open.pop().unwrap();
        pair.server.answer(question.id, remote.answer(&question)).unwrap();
        open = feed_asking(&mut pair.server, &mut Vec::new(), &mut pair.server_seen);
        assert_eq!((authenticated(&pair.server_seen), pair.server.open_certificate_requests()), (done, 3 - done));
    }
    assert!(open.is_empty());
    exchange_data(&mut pair);
}

#[test]
fn chain_that_is_refused_late_ends_the_connection() {
    let (mut pair, _, question) = asked_to_judge(&mut Rig::new());
    let refused = Answer::Verdict(Err(bulla::error::CertificateError::ApplicationRefused));
    let error = pair.server.answer(question.id, refused).unwrap_err();
    assert_eq!(error.alert(), Some(AlertDescription::certificate_unknown));
    assert!(pair.server.is_failed() && pair.server.peer_certificates().is_empty());
}

#[test]
fn nothing_is_shown_behind_a_close_notify_of_the_clients_own() {
    let (mut pair, remote, question) = asked_to_choose(&mut Rig::new());
    pair.client.close();
    pair.run().unwrap();
    pair.client.answer(question.id, remote.answer(&question)).unwrap();
    assert!(!pair.client.has_output());
    assert_eq!(pair.server_seen.last(), Some(&Seen::Closed));
    assert_eq!(pair.server.open_certificate_requests(), 1);
}

#[test]
fn server_that_has_closed_its_side_still_hears_the_answer() {
    let rig = Rig::new();
    let mut pair = rig.pair();
    pair.server.request_client_certificate().unwrap();
    pair.server.close();
    pair.run().unwrap();
    assert_eq!(pair.server_seen.last(), Some(&Seen::PeerAuthenticated));
}

#[test]
fn answer_fed_one_byte_at_a_time_authenticates_all_the_same() {
    let rig = Rig::new();
    let mut pair = rig.pair();
    pair.server.request_client_certificate().unwrap();
    for byte in output(&mut pair.server) {
        pair.to_client.push(byte);
        pair::feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen).unwrap();
    }
    for byte in output(&mut pair.client) {
        assert_eq!(authenticated(&pair.server_seen), 0);
        pair.to_server.push(byte);
        pair::feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
    }
    assert_eq!(authenticated(&pair.server_seen), 1);
}

#[test]
fn client_that_was_retried_is_asked_like_any_other() {
    let mut rig = Rig::new();
    let groups = [bulla::wire::NamedGroup::secp384r1];
    rig.server = rig.server.groups(groups).unwrap();
    let mut pair = rig.pair();
    assert!(pair.server.hello_retried());
    pair.server.request_client_certificate().unwrap();
    pair.run().unwrap();
    assert_eq!(authenticated(&pair.server_seen), 1);
    assert_eq!(pair.client.server_name(), Some(NAME));
}

#[test]
fn raw_public_key_is_shown_after_the_handshake_where_that_is_the_settled_type() {
    let mut rig = Rig::new();
    let (_, key) = rig.authority.issue(&["client.test"], KeyKind::EcdsaP256);
    let identity = Identity::raw_public_key(&key).unwrap();
    let spki = bulla::pki_types::SubjectPublicKeyInfoDer::from(identity.chain()[0].to_vec());
    rig.client = rig.client.identity(identity);
    rig.server = rig.server.trusted_raw_public_keys([spki.clone()]).unwrap();
    let mut pair = rig.pair();
    assert_eq!(pair.server.peer_raw_public_key(), None);
    pair.server.request_client_certificate().unwrap();
    pair.run().unwrap();
    assert_eq!(pair.server_seen.last(), Some(&Seen::PeerAuthenticated));
    assert_eq!(pair.server.peer_raw_public_key().map(|key| key.as_ref().to_vec()), Some(spki.as_ref().to_vec()));
    assert!(pair.server.peer_certificates().is_empty());
}
