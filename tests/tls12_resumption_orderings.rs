//! Each legal sequence of a resumption in TLS 1.2, as RFC 5246 §7.3, Figure 2, and RFC 5077 §3.1 draw them; every other order
//! fails. What a hostile end says of a session stands here too.

#![cfg(all(feature = "tls12", feature = "std"))]

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

use bulla::HandshakeKind;
use bulla::config::danger::DangerousCompatibility;
use bulla::resume::{MemoryClientSessions, MemoryServerSessions};
use bulla::wire::{
    AlertDescription, CipherSuite, ClientExtension, ExtensionType, HandshakeType, NameType, ServerExtension,
    ServerNameEntry, ServerNameList, read_all,
};
use script_tls12::Say::{
    self, Certificate, ChangeCipherSpec, ClientHello, ClientHelloOfSession, ClientKeyExchange, Finished, HelloRequest,
    NewSessionTicket, ServerHello, ServerHelloDone, ServerHelloResumed, ServerHelloResumedWithTicket,
    ServerHelloWithTicket, ServerKeyExchange,
};
use stage_tls12::{END, SERVER_FLIGHT, Scene, Stage};

/// What a server may say to a client that offers a session by its ticket.
const SERVER_SAYS: &[&[Say]] = &[
    &[ServerHelloResumed, ChangeCipherSpec, Finished],
    &[ServerHelloResumedWithTicket, NewSessionTicket, ChangeCipherSpec, Finished],
    &[ServerHello, Certificate, ServerKeyExchange, ServerHelloDone, ChangeCipherSpec, Finished],
    &[
        ServerHelloWithTicket,
        Certificate,
        ServerKeyExchange,
        ServerHelloDone,
        NewSessionTicket,
        ChangeCipherSpec,
        Finished,
    ],
];

/// What a client with a ticket may say to a server that opens it.
const CLIENT_SAYS: &[&[Say]] = &[
    &[ClientHelloOfSession, ChangeCipherSpec, Finished],
    &[ClientHello, ClientKeyExchange, ChangeCipherSpec, Finished],
];

fn messages() -> Vec<Say> {
    let mut says = vec![
        HelloRequest,
        ClientHello,
        ClientHelloOfSession,
        ServerHello,
        ServerHelloWithTicket,
        ServerHelloResumed,
        ServerHelloResumedWithTicket,
        Certificate,
        ServerKeyExchange,
        ServerHelloDone,
        ClientKeyExchange,
        NewSessionTicket,
        ChangeCipherSpec,
        Finished,
    ];
    says.extend([HandshakeType::end_of_early_data, HandshakeType::key_update, HandshakeType(99)].map(Say::Empty));
    says
}

/// Tries each message behind each legal beginning.
fn explore(start: &dyn Fn() -> Scene, legal: &[&[Say]]) {
    let mut connected = 0;
    let mut beginnings = vec![vec![]];
    while let Some(beginning) = beginnings.pop() {
        for message in messages() {
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
    assert_eq!(connected, legal.len());
}

#[test]
fn client_with_a_session_accepts_each_legal_order_of_a_server_and_no_other() {
    let stage = Stage::new();
    explore(&|| stage.resuming_client(), SERVER_SAYS);
}

#[test]
fn server_with_ticket_keys_accepts_each_legal_order_of_a_client_and_no_other() {
    let stage = Stage::new();
    let config = stage.sealing_server();
    explore(&|| stage.resuming_server_with(&config), CLIENT_SAYS);
}

#[test]
fn each_end_answers_a_resumption_with_its_own_flight_and_nothing_else() {
    let stage = Stage::new();
    let scene = stage.resuming_client().say(SERVER_SAYS[0]);
    assert_eq!(scene.end.handshake_kind(), Some(HandshakeKind::Resumed));
    assert_eq!(scene.peer.messages_heard(), [HandshakeType::client_hello, HandshakeType::finished]);
    let scene = stage.resuming_server().say(CLIENT_SAYS[0]);
    assert_eq!(scene.end.handshake_kind(), Some(HandshakeKind::Resumed));
    assert_eq!(scene.peer.messages_heard(), [HandshakeType::server_hello, HandshakeType::finished]);
}

#[test]
fn client_says_nothing_under_its_keys_before_the_servers_finished() {
    let stage = Stage::new();
    let scene = stage.resuming_client().say(&SERVER_SAYS[0][..2]);
    assert_eq!(scene.outcome(), "WaitFinishedResumed");
    assert_eq!(scene.peer.messages_heard(), [HandshakeType::client_hello]);
}

#[test]
fn resumed_server_hello_that_changes_the_session_is_refused() {
    let stage = Stage::new();
    let other = CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    let client = stage.client.clone().cipher_suites([script_tls12::SUITE, other]).unwrap();
    let wide = Stage { client, ..stage };
    let resumed = |edit: &dyn Fn(&mut bulla::wire::ServerHello<'_>)| {
        let mut scene = wide.resuming_client().say_message(|peer| {
            let id = peer.legacy_session_id.clone();
            peer.server_hello_with(|hello| {
                hello.legacy_session_id_echo = &id;
                edit(hello);
            })
        });
        let outcome = scene.outcome();
        if scene.error.is_some() {
            scene.assert_failed_with_its_alert();
        }
        outcome
    };
    assert_eq!(resumed(&|_| {}), "WaitChangeCipherSpecResumed");
    assert_eq!(resumed(&|hello| hello.cipher_suite = other), "ResumedSessionChanged");
    let without = |hello: &mut bulla::wire::ServerHello<'_>| {
        hello.extensions.as_mut().unwrap().retain(|it| *it != ServerExtension::ExtendedMasterSecret);
    };
    assert_eq!(resumed(&without), "ExtendedMasterSecretChanged");
}

#[test]
fn echo_of_a_made_up_id_without_a_session_is_refused() {
    let stage = Stage::new();
    let scene = stage.client_with(stage.client_of_both_versions()).say(&[ServerHelloResumed]);
    assert_eq!(scene.outcome(), "SessionNotOffered");
}

#[test]
fn ticket_nobody_wants_is_not_announced_to_a_client_without_a_store() {
    let scene = Stage::new().client().say(&[ServerHelloWithTicket]);
    assert_eq!(scene.outcome(), "ExtensionNotOffered");
}

/// A scripted server whose Finished is wrong, in a full handshake that gave a ticket.
#[test]
fn session_is_not_kept_when_the_servers_finished_is_wrong() {
    let stage = Stage::new();
    let config = stage.client.clone().session_store(Arc::new(MemoryClientSessions::new(1, 1)));
    let scene = stage.client_with(config.clone()).say(&SERVER_SAYS[3][..6]);
    let scene = scene.say_message(|peer| {
        let mut message = peer.compose(Finished);
        message[4] ^= 1;
        message
    });
    assert_eq!(scene.outcome(), "FinishedWrong");
    assert_eq!(offered_ticket(&stage.client_with(config)), Some(vec![]));
}

/// The ticket in the first hello that a scripted server has heard.
fn offered_ticket(scene: &Scene) -> Option<Vec<u8>> {
    let script::Heard::Message(hello) = &scene.peer.heard[0] else { panic!() };
    let hello: bulla::wire::ClientHello<'_> = read_all(&hello[4..]).unwrap();
    hello.extensions.iter().flatten().find_map(|extension| match extension {
        ClientExtension::SessionTicket(ticket) => Some(ticket.to_vec()),
        _ => None,
    })
}

#[test]
fn empty_ticket_leaves_nothing_behind_a_full_handshake() {
    let stage = Stage::new();
    let config = stage.client.clone().session_store(Arc::new(MemoryClientSessions::new(1, 1)));
    let scene = stage.client_with(config.clone()).say(&SERVER_SAYS[3][..4]);
    let scene = scene.say_message(|_| script_tls12::new_session_ticket(0, b"")).say(&END);
    assert_eq!(scene.outcome(), "Connected");
    assert_eq!(offered_ticket(&stage.client_with(config.clone())), Some(vec![]));
    // A ticket without a lifetime is kept for a while all the same. RFC 5077 §3.3.
    let scene = stage.client_with(config.clone()).say(&SERVER_SAYS[3][..4]);
    let scene = scene.say_message(|_| script_tls12::new_session_ticket(0, b"one")).say(&END);
    assert_eq!(scene.outcome(), "Connected");
    assert_eq!(offered_ticket(&stage.client_with(config)), Some(b"one".to_vec()));
}

#[test]
fn altered_truncated_and_foreign_tickets_lead_to_full_handshakes() {
    let stage = Stage::new();
    let config = stage.sealing_server();
    let len = stage.resuming_server_with(&config).peer.ticket.len();
    let full = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut scene = stage.resuming_server_with(&config);
        edit(&mut scene.peer.ticket);
        scene.peer.session = None;
        let scene = scene.say(&[ClientHelloOfSession]);
        assert_eq!(scene.outcome(), "WaitClientKeyExchange");
        let scene = scene.say(&[ClientKeyExchange]).say(&END);
        assert_eq!((scene.outcome(), scene.end.handshake_kind()), ("Connected", Some(HandshakeKind::Full)));
    };
    for index in (0..len).step_by(5) {
        full(&|ticket| ticket[index] ^= 0x10);
    }
    for len in (1..len).step_by(31) {
        full(&|ticket| ticket.truncate(len));
    }
    full(&|ticket| ticket.push(0));
    full(&|ticket| *ticket = vec![0xa5; 4000]);
}

#[test]
fn client_that_has_a_ticket_and_not_its_secret_gets_no_further_than_finished() {
    let stage = Stage::new();
    let mut scene = stage.resuming_server();
    let mut feed = |bytes: Vec<u8>| pair::feed(&mut scene.end, &mut { bytes }, &mut scene.seen);
    feed(scene.peer.say(ClientHelloOfSession)).unwrap();
    let finished = script::plain_record(bulla::wire::ContentType::handshake, &[0x20; 40]);
    let error = feed([script::change_cipher_spec(), finished].concat()).unwrap_err();
    assert_eq!((error.name(), scene.end.state()), ("DoesNotOpen", "Failed"));
}

#[test]
fn other_name_leads_to_a_full_handshake_and_the_same_name_in_capitals_does_not() {
    let stage = Stage::new();
    let config = stage.sealing_server();
    let say = |scene: Scene, name: &'static [u8]| {
        scene.say_message(|peer| {
            let ticket = peer.ticket.clone();
            peer.client_hello_with(|hello| {
                let entry = ServerNameEntry { name_type: NameType::host_name, name };
                let list = ServerNameList { server_name_list: vec![entry] };
                let extensions = hello.extensions.as_mut().unwrap();
                extensions.extend([ClientExtension::ServerName(list), ClientExtension::SessionTicket(&ticket)]);
                hello.legacy_session_id = &[5; 32];
            })
        })
    };
    let first = say(stage.server_with(config.clone()), b"server.test").say(&[ClientKeyExchange]).say(&END);
    assert_eq!(first.outcome(), "Connected");
    let outcome = |name| {
        let mut scene = stage.server_with(config.clone());
        scene.peer.ticket.clone_from(&first.peer.ticket);
        scene.peer.session = first.peer.master_secret.as_ref().map(|it| it.secret().duplicate());
        let scene = say(scene, name);
        let acknowledged = server_hello_has(&scene, ExtensionType::server_name);
        (scene.outcome(), acknowledged)
    };
    // The name is acknowledged in full handshakes alone. RFC 6066 §3.
    assert_eq!(outcome(b"server.test"), ("WaitChangeCipherSpecResumed", false));
    assert_eq!(outcome(b"SERVER.test"), ("WaitChangeCipherSpecResumed", false));
    assert_eq!(outcome(b"other.test"), ("WaitClientKeyExchange", true));
}

fn server_hello_has(scene: &Scene, extension: ExtensionType) -> bool {
    let script::Heard::Message(hello) = &scene.peer.heard[0] else { panic!() };
    let hello: bulla::wire::ServerHello<'_> = read_all(&hello[4..]).unwrap();
    hello.extensions.iter().flatten().any(|it| it.extension_type() == extension)
}

#[test]
fn server_holds_extended_master_secret_to_what_it_was() {
    let stage = Stage::new();
    let config = stage.sealing_server().danger_allow_without_extended_master_secret();
    let say = |scene: Scene, extended: bool| {
        scene.say_message(|peer| {
            let ticket = peer.ticket.clone();
            peer.client_hello_with(|hello| {
                let extensions = hello.extensions.as_mut().unwrap();
                extensions.retain(|it| extended || *it != ClientExtension::ExtendedMasterSecret);
                extensions.push(ClientExtension::SessionTicket(&ticket));
                hello.legacy_session_id = &[5; 32];
            })
        })
    };
    let outcome = |then, now| {
        let first = say(stage.server_with(config.clone()), then).say(&[ClientKeyExchange]).say(&END);
        assert_eq!(first.outcome(), "Connected");
        let mut scene = stage.server_with(config.clone());
        scene.peer.session = first.peer.master_secret.map(|it| it.secret().duplicate());
        scene.peer.ticket = first.peer.ticket;
        say(scene, now).outcome()
    };
    assert_eq!(outcome(true, true), "WaitChangeCipherSpecResumed");
    assert_eq!(outcome(true, false), "ExtendedMasterSecretChanged");
    assert_eq!(outcome(false, true), "WaitClientKeyExchange");
    assert_eq!(outcome(false, false), "WaitChangeCipherSpecResumed");
}

#[test]
fn session_goes_into_the_store_behind_a_right_finished_alone_and_its_id_is_the_servers_own() {
    let stage = Stage::new();
    let config = stage.server.clone().session_store(Arc::new(MemoryServerSessions::new(4)));
    let say = |scene: Scene, id: [u8; 32]| {
        let id: &'static [u8; 32] = Box::leak(Box::new(id));
        scene.say_message(|peer| peer.client_hello_with(|hello| hello.legacy_session_id = id))
    };
    let id_of = |scene: &Scene| -> [u8; 32] {
        let script::Heard::Message(hello) = &scene.peer.heard[0] else { panic!() };
        let hello: bulla::wire::ServerHello<'_> = read_all(&hello[4..]).unwrap();
        hello.legacy_session_id_echo.try_into().unwrap()
    };
    let begin = || say(stage.server_with(config.clone()), [5; 32]).say(&[ClientKeyExchange, ChangeCipherSpec]);
    let wrong = begin().say_message(|peer| {
        let mut message = peer.compose(Finished);
        message[4] ^= 1;
        message
    });
    assert_eq!(wrong.outcome(), "FinishedWrong");
    let right = begin().say(&[Finished]);
    assert_eq!(right.outcome(), "Connected");
    let ids = [id_of(&wrong), id_of(&right)];
    assert!(ids[0] != ids[1] && !ids.contains(&[5; 32]));
    let outcome = |id| say(stage.server_with(config.clone()), id).outcome();
    assert_eq!(outcome(ids[0]), "WaitClientKeyExchange");
    assert_eq!(outcome(ids[1]), "WaitChangeCipherSpecResumed");
}

#[test]
fn id_of_the_store_beside_a_ticket_that_does_not_open_is_not_looked_up() {
    let stage = Stage::new();
    let config = stage.sealing_server().session_store(Arc::new(MemoryServerSessions::new(4)));
    let first = stage.server_with(config.clone()).say(CLIENT_SAYS[1]);
    let script::Heard::Message(hello) = &first.peer.heard[0] else { panic!() };
    let hello: bulla::wire::ServerHello<'_> = read_all(&hello[4..]).unwrap();
    let id = hello.legacy_session_id_echo.to_vec();
    assert_eq!(id.len(), 32);
    let outcome = |ticket: Option<&'static [u8]>| {
        let scene = stage.server_with(config.clone()).say_message(|peer| {
            peer.client_hello_with(|hello| {
                hello.legacy_session_id = &id;
                hello.extensions.as_mut().unwrap().extend(ticket.map(ClientExtension::SessionTicket));
            })
        });
        scene.outcome()
    };
    assert_eq!(outcome(None), "WaitChangeCipherSpecResumed");
    assert_eq!(outcome(Some(b"")), "WaitChangeCipherSpecResumed");
    assert_eq!(outcome(Some(b"strange")), "WaitClientKeyExchange");
}

#[test]
fn client_takes_a_full_flight_behind_an_offer_and_forgets_the_session() {
    let stage = Stage::new();
    let scene = stage.resuming_client().say(&SERVER_FLIGHT).say(&END);
    assert_eq!((scene.outcome(), scene.end.handshake_kind()), ("Connected", Some(HandshakeKind::Full)));
}
