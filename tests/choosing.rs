//! A server that chooses its whole configuration by the ClientHello: at once, late, or not at all.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::sync::{Arc, Mutex};

use bulla::config::{ChooseServerConfig, ClientHelloView, Decision, Live, SigningFailed};
use bulla::crypto::ring::provider;
use bulla::error::Misuse;
use bulla::resume::CookieKeys;
use bulla::wire::{AlertDescription, ContentType, Handshake, HandshakeType, NamedGroup, ProtocolVersion};
use bulla::{
    Answer, ClientConfig, ClientConnection, Content, Direction, Error, Observed, Observer, QuestionKind, ServerConfig,
    ServerConnection,
};
use later::Later;
use pair::{Authority, KeyKind, NAME, NOW, Pair, Seen, output};
use scene::Stage;
use script::Say::{ClientHello, Finished};

/// Chooses by the name that the client asks for; whoever asks for another is refused.
#[derive(Debug)]
struct ByName {
    configs: Vec<(&'static str, Arc<ServerConfig>)>,
    observer: Option<Arc<Notes>>,
    seen: Mutex<Vec<ClientHelloView>>,
}

impl ByName {
    fn new(configs: Vec<(&'static str, ServerConfig)>) -> Self {
        let configs = configs.into_iter().map(|(name, config)| (name, Arc::new(config))).collect();
        Self { configs, observer: None, seen: Mutex::default() }
    }
}

impl ChooseServerConfig for ByName {
    fn choose(&self, hello: &ClientHelloView) -> Decision<Arc<ServerConfig>> {
        self.seen.lock().unwrap().push(hello.clone());
        match self.configs.iter().find(|(name, _)| hello.server_name() == Some(name)) {
            Some((_, config)) => Decision::Now(Arc::clone(config)),
            None => Decision::Refuse(AlertDescription::unrecognized_name),
        }
    }

    fn observer(&self) -> Option<Arc<dyn Observer>> {
        self.observer.clone().map(|notes| notes as Arc<dyn Observer>)
    }
}

/// Notes each message and alert in a word.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Notes {
    fn observe(&self, seen: &Observed<'_>) {
        let way = if seen.direction == Direction::Sent { "sent" } else { "received" };
        let what = match &seen.content {
            Content::Handshake { message, .. } => message.as_ref().map_or("unreadable", Handshake::name).to_string(),
            Content::Alert(alert) => alert.description.to_string(),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(format!("{way} {what}"));
    }
}

fn config(authority: &Authority, name: &str) -> ServerConfig {
    ServerConfig::new(authority.identity(&[name], KeyKind::EcdsaP256)).clock(Arc::new(NOW))
}

fn client(authority: &Authority) -> ClientConfig {
    ClientConfig::new(authority.roots()).clock(Arc::new(NOW))
}

fn pair_with(client: ClientConfig, chooser: Arc<dyn ChooseServerConfig>) -> Pair {
    let unused = config(&Authority::new(), NAME);
    let mut pair = Pair::new(client, unused);
    pair.server = ServerConnection::choosing(chooser).unwrap();
    pair
}

#[test]
fn name_chooses_a_configuration_of_its_own_in_each_version() {
    let [here, there] = ["Here", "There"].map(Authority::named);
    let only_tls12 = config(&there, "there.test").versions([ProtocolVersion::TLSv1_2]).unwrap();
    let configs = vec![(NAME, config(&here, NAME).alpn(["h2"]).unwrap()), ("there.test", only_tls12)];
    let chooser = Arc::new(ByName::new(configs));
    for (authority, name, version, protocol) in [
        (&here, NAME, ProtocolVersion::TLSv1_3, Some(&b"h2"[..])),
        (&there, "there.test", ProtocolVersion::TLSv1_2, None),
    ] {
        let client = client(authority).alpn(["h2"]).unwrap();
        let mut pair = pair_with(client.clone(), chooser.clone());
        pair.client = ClientConnection::new(Arc::new(client), name.try_into().unwrap()).unwrap();
        pair.run().unwrap();
        assert_eq!(pair.server.protocol_version(), Some(version));
        assert_eq!((pair.server.alpn_protocol(), pair.server.server_name()), (protocol, Some(name)));
    }
    let seen = chooser.seen.lock().unwrap();
    assert_eq!(seen.iter().map(ClientHelloView::server_name).collect::<Vec<_>>(), [Some(NAME), Some("there.test")]);
    assert!(seen.iter().all(|hello| hello.application_protocols() == [b"h2"]));
}

#[test]
fn refused_name_is_told_with_the_alert_that_was_chosen() {
    let authority = Authority::new();
    let chooser = Arc::new(ByName::new(vec![("other.test", config(&authority, "other.test"))]));
    let mut pair = pair_with(client(&authority), chooser);
    assert_eq!(pair.run().unwrap_err(), ("server", Error::Refused(AlertDescription::unrecognized_name)));
    assert_eq!(output(&mut pair.server), []);
    let told = pair::feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen).unwrap_err();
    assert_eq!(told, Error::AlertReceived(AlertDescription::unrecognized_name));
}

#[test]
fn choice_holds_behind_a_hello_retry_request() {
    let authority = Authority::new();
    let retrying = config(&authority, NAME).groups([NamedGroup::secp384r1]).unwrap();
    let chooser = Arc::new(ByName::new(vec![(NAME, retrying)]));
    let groups = [NamedGroup::x25519, NamedGroup::secp384r1];
    let mut pair = pair_with(client(&authority).groups(groups).unwrap(), chooser.clone());
    pair.run().unwrap();
    assert!(pair.server.is_established() && pair.server.hello_retried());
    assert_eq!(chooser.seen.lock().unwrap().len(), 1, "the second hello asks nobody");
}

#[test]
fn second_hello_of_a_stateless_retry_is_a_first_one_to_another_connection() {
    let authority = Authority::new();
    let cookies = Arc::new(CookieKeys::random(provider()).unwrap());
    let retrying = config(&authority, NAME).groups([NamedGroup::secp384r1]).unwrap().stateless_retry(cookies);
    let chooser = Arc::new(ByName::new(vec![(NAME, retrying)]));
    let groups = [NamedGroup::x25519, NamedGroup::secp384r1];
    let mut pair = pair_with(client(&authority).groups(groups).unwrap(), chooser.clone());
    pair.to_server = output(&mut pair.client);
    pair::feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
    pair.to_client = output(&mut pair.server);
    pair::feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen).unwrap();
    // The client's dummy change_cipher_spec comes before its second hello. RFC 8446 §D.4.
    pair.server = ServerConnection::choosing(chooser.clone()).unwrap();
    pair.run().unwrap();
    assert!(pair.server.is_established());
    assert_eq!(chooser.seen.lock().unwrap().len(), 2);
}

#[test]
fn change_cipher_spec_before_the_hello_is_refused_unless_the_chosen_configuration_forgets_its_retries() {
    let stage = Stage::new();
    let cookies = Arc::new(CookieKeys::random(provider()).unwrap());
    let forgetting = stage.server.clone().stateless_retry(cookies);
    for (server, outcome) in [(&stage.server, "UnexpectedRecord"), (&forgetting, "WaitFinished")] {
        for at_once in [true, false] {
            let chooser: Arc<dyn ChooseServerConfig> =
                if at_once { Arc::new(Live::new(server.clone())) } else { Arc::new(Later) };
            let mut scene = stage.choosing_server(chooser).with(|_| vec![20, 3, 3, 0, 1, 1]).say(&[ClientHello]);
            if let Some(question) = scene.questions.pop() {
                scene.answer_with(&question, Answer::ServerConfig(Arc::new(server.clone())));
            }
            assert_eq!(scene.outcome(), outcome);
        }
    }
}

#[test]
fn observer_of_the_chosen_configuration_sees_the_hello_and_all_behind_it() {
    let authority = Authority::new();
    for (of_chooser, of_config) in [(false, true), (true, false), (true, true)] {
        let (before, after) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
        let plain = config(&authority, NAME);
        let config = if of_config { plain.observer(after.clone()) } else { plain };
        let mut chooser = ByName::new(vec![(NAME, config)]);
        chooser.observer = Some(before.clone()).filter(|_| of_chooser);
        pair_with(client(&authority), Arc::new(chooser)).run().unwrap();
        let (before, after) = (before.take(), after.take());
        let whole = if of_config { &after } else { &before };
        assert_eq!(whole[..2], ["received ClientHello", "sent ServerHello"]);
        assert!(whole.contains(&"received Finished".to_string()));
        assert_eq!(whole.iter().filter(|it| *it == "received ClientHello").count(), 1);
        if of_config {
            assert_eq!(before, if of_chooser { vec!["received ClientHello"] } else { vec![] });
        }
    }
    // One that is both sees each message once.
    let notes = Arc::new(Notes::default());
    let mut chooser = ByName::new(vec![(NAME, config(&authority, NAME).observer(notes.clone()))]);
    chooser.observer = Some(notes.clone());
    pair_with(client(&authority), Arc::new(chooser)).run().unwrap();
    assert_eq!(notes.take()[..2], ["received ClientHello", "sent ServerHello"]);
    // A refusal, which no configuration sees.
    let notes = Arc::new(Notes::default());
    let mut chooser = ByName::new(vec![]);
    chooser.observer = Some(notes.clone());
    pair_with(client(&authority), Arc::new(chooser)).run().unwrap_err();
    assert_eq!(notes.take(), ["received ClientHello", "sent unrecognized_name"]);
}

#[test]
fn late_choice_waits_with_the_input_where_it_is_and_goes_on_as_one_at_once() {
    let stage = Stage::new();
    let mut scene = stage.choosing_server(Arc::new(Later)).say(&[ClientHello]);
    assert_eq!((scene.outcome(), &scene.seen[..]), ("AskServerConfig", &[Seen::Ask][..]));
    let question = scene.questions.pop().unwrap();
    let QuestionKind::ChooseServerConfig(hello) = &question.kind else { panic!("{question:?}") };
    assert_eq!(hello.cipher_suites(), [script::SUITE]);
    assert_eq!(hello.key_share_groups(), [script::GROUP]);
    for mut bytes in [vec![], vec![22], vec![0xff; 100]] {
        assert_eq!(scene.end.receive(&mut bytes).unwrap().used, 0);
    }
    for wrong in [Answer::Identity(None), Answer::Signature(Err(SigningFailed)), Answer::EarlyData(true)] {
        assert_eq!(scene.end.answer(question.id, wrong).unwrap_err(), Error::Misuse(Misuse::WrongAnswer));
    }
    assert!(!scene.end.has_output() && scene.end.protocol_version().is_none());
    scene.answer_with(&question, Answer::ServerConfig(Arc::new(stage.server.clone())));
    assert_eq!(scene.say(&[Finished]).outcome(), "Connected");
}

#[test]
fn late_choice_can_be_refused_or_given_up() {
    let stage = Stage::new();
    let mut scene = stage.choosing_server(Arc::new(Later)).say(&[ClientHello]);
    let question = scene.questions.pop().unwrap();
    scene.answer_with(&question, Answer::Refuse(AlertDescription::access_denied));
    assert_eq!(scene.error, Some(Error::Refused(AlertDescription::access_denied)));
    scene.assert_failed_with_its_alert();

    let mut scene = stage.choosing_server(Arc::new(Later)).say(&[ClientHello]);
    scene.end.close();
    scene.listen();
    let alerts: Vec<_> = scene.peer.alerts().iter().map(|alert| alert.description).collect();
    assert_eq!(alerts, [AlertDescription::user_canceled, AlertDescription::close_notify]);
}

#[test]
fn chosen_configuration_refuses_what_it_always_refuses() {
    let stage = Stage::new();
    let tls12 = stage.server.clone().cipher_suites(provider().cipher_suites().iter().copied());
    let tls12 = Arc::new(tls12.unwrap().versions([ProtocolVersion::TLSv1_2]).unwrap());
    for at_once in [true, false] {
        let chooser: Arc<dyn ChooseServerConfig> =
            if at_once { Arc::new(Live::new(Arc::clone(&tls12))) } else { Arc::new(Later) };
        let mut scene = stage.choosing_server(chooser).say(&[ClientHello]);
        if let Some(question) = scene.questions.pop() {
            scene.answer_with(&question, Answer::ServerConfig(Arc::clone(&tls12)));
        }
        assert_eq!(scene.outcome(), "NoCommonVersion");
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn message_behind_the_hello_in_its_record_is_refused_whenever_the_choice_is_made() {
    let stage = Stage::new();
    for at_once in [true, false] {
        let chooser: Arc<dyn ChooseServerConfig> =
            if at_once { Arc::new(Live::new(stage.server.clone())) } else { Arc::new(Later) };
        let scene = stage.choosing_server(chooser);
        let mut scene = scene.with(|peer| {
            let hello = peer.compose(ClientHello);
            peer.record(ContentType::handshake, &[&hello[..], &[HandshakeType::finished.0, 0, 0, 0]].concat())
        });
        if let Some(question) = scene.questions.pop() {
            scene.answer_with(&question, Answer::ServerConfig(Arc::new(stage.server.clone())));
        }
        assert_eq!(scene.outcome(), "MessageAcrossKeyChange");
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn hello_that_cannot_be_read_asks_nobody() {
    let stage = Stage::new();
    let unreadable = vec![1, 0, 0, 3, 0xff, 0xff, 0xff];
    let mut scene = stage.choosing_server(Arc::new(Later)).say_message(|_| unreadable);
    assert_eq!((scene.outcome(), scene.questions.len()), ("MalformedTruncated", 0));
    scene.assert_failed_with_its_alert();
}

#[test]
fn hello_in_crumbs_is_chosen_by_when_it_is_whole() {
    let authority = Authority::new();
    let mut pair = pair_with(client(&authority), Arc::new(ByName::new(vec![(NAME, config(&authority, NAME))])));
    for byte in output(&mut pair.client) {
        assert_eq!(pair.server.state(), "WaitClientHelloToChoose");
        pair.to_server.push(byte);
        pair::feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
    }
    pair.run().unwrap();
    assert!(pair.server.is_established());
}

#[test]
fn live_configuration_is_what_the_next_connection_gets() {
    let [old, new] = ["Old", "New"].map(Authority::named);
    let live = Arc::new(Live::new(config(&old, NAME)));
    let mut waiting = pair_with(client(&new), live.clone());
    pair_with(client(&old), live.clone()).run().unwrap();
    let before = live.replace(config(&new, NAME));
    assert!(!Arc::ptr_eq(&before, &live.current()));
    pair_with(client(&new), live.clone()).run().unwrap();
    // What had not heard its hello yet had not chosen.
    waiting.run().unwrap();
}
