//! What the RFCs demand of the messages of a resumption in TLS 1.2. RFC 5246 §7.4.1, RFC 5077 §3.2 to §3.4, RFC 5746 §3.6,
//! RFC 6066 §1, RFC 8446 §4.1.3.

#![cfg(all(feature = "tls12", feature = "std", feature = "ring"))]

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

use std::sync::{Arc, Mutex};

use bulla::HandshakeKind;
use bulla::clock::{Clock, Time};
use bulla::crypto::ring::provider;
use bulla::resume::{MemoryClientSessions, TicketKeys};
use bulla::wire::{
    CertificateStatusRequest, CipherSuite, ClientExtension, ClientHello, DOWNGRADE_TLS12, ExtensionType, HandshakeType,
    NewSessionTicketTls12, OcspStatusRequest, ServerExtension, ServerHello, read_all,
};
use script::Heard;
use script_tls12::Say::{
    self, ChangeCipherSpec, ClientHelloOfSession, ClientKeyExchange, Finished, NewSessionTicket, ServerHelloWithTicket,
};
use script_tls12::new_session_ticket;
use stage_tls12::{END, SERVER_FLIGHT, Scene, Stage};

fn bodies(scene: &Scene, handshake_type: HandshakeType) -> Vec<&[u8]> {
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        Heard::Message(bytes) if bytes[0] == handshake_type.0 => Some(&bytes[4..]),
        _ => None,
    });
    messages.collect()
}

fn client_hello(scene: &Scene) -> ClientHello<'_> {
    read_all(bodies(scene, HandshakeType::client_hello)[0]).unwrap()
}

fn server_hello(scene: &Scene) -> ServerHello<'_> {
    read_all(bodies(scene, HandshakeType::server_hello)[0]).unwrap()
}

fn ticket_of(hello: &ClientHello<'_>) -> Option<Vec<u8>> {
    hello.extensions.iter().flatten().find_map(|extension| match extension {
        ClientExtension::SessionTicket(ticket) => Some(ticket.to_vec()),
        _ => None,
    })
}

#[test]
fn resumed_server_hello_answers_anew_what_is_negotiated_and_nothing_of_the_certificate() {
    let stage = Stage::new();
    let scene = stage.resuming_server().say_message(|peer| {
        let ticket = peer.ticket.clone();
        peer.client_hello_with(|hello| {
            hello.legacy_session_id = &[5; 32];
            let request = OcspStatusRequest { responder_id_list: vec![], request_extensions: &[] };
            let request = CertificateStatusRequest::Ocsp(request);
            let extensions = hello.extensions.as_mut().unwrap();
            extensions.push(ClientExtension::StatusRequest(request));
            extensions.push(ClientExtension::SessionTicket(&ticket));
        })
    });
    let hello = server_hello(&scene);
    assert_eq!(hello.legacy_session_id_echo, [5; 32]);
    assert_eq!(hello.cipher_suite, script_tls12::SUITE);
    let extensions = hello.extensions.as_deref().unwrap_or_default();
    assert!(extensions.contains(&ServerExtension::RenegotiationInfo(&[])), "RFC 5746 §3.6");
    assert!(extensions.contains(&ServerExtension::ExtendedMasterSecret), "RFC 7627 §5.3");
    for absent in [ExtensionType::status_request, ExtensionType::server_name, ExtensionType::session_ticket] {
        assert!(!extensions.iter().any(|it| it.extension_type() == absent), "{absent}");
    }
}

#[test]
fn resumed_server_hello_has_a_random_of_its_own_with_the_mark_of_a_server_that_could_do_better() {
    let stage = Stage::new();
    let keys = Arc::new(TicketKeys::random(provider(), 3600).unwrap());
    let both = stage.server_of_both_versions().tickets(keys);
    let randoms = [(); 2].map(|()| {
        let scene = stage.resuming_server_with(&both).say(&[ClientHelloOfSession]);
        assert_eq!(scene.outcome(), "WaitChangeCipherSpecResumed");
        let random = server_hello(&scene).random;
        assert!(random.0.ends_with(&DOWNGRADE_TLS12));
        random
    });
    assert_ne!(randoms[0], randoms[1]);
    let alone = stage.resuming_server().say(&[ClientHelloOfSession]);
    assert!(!server_hello(&alone).random.0.ends_with(&DOWNGRADE_TLS12));
}

#[test]
fn ticket_beside_an_empty_session_id_is_resumed_with_an_empty_echo() {
    let stage = Stage::new();
    let scene = stage.resuming_server().say_message(|peer| {
        let ticket = peer.ticket.clone();
        peer.client_hello_with(|hello| {
            hello.extensions.as_mut().unwrap().push(ClientExtension::SessionTicket(&ticket));
        })
    });
    assert_eq!(scene.outcome(), "WaitChangeCipherSpecResumed");
    assert_eq!(server_hello(&scene).legacy_session_id_echo, b"");
}

#[test]
fn server_that_will_send_a_ticket_gives_no_session_id_and_sends_it_once() {
    let stage = Stage::new();
    let scene = stage.server_with(stage.sealing_server());
    let scene = scene.say(&[ClientHelloOfSession, ClientKeyExchange]).say(&END);
    assert_eq!(scene.outcome(), "Connected");
    assert_eq!(server_hello(&scene).legacy_session_id_echo, b"", "RFC 5077 §3.4");
    let tickets = bodies(&scene, HandshakeType::new_session_ticket);
    assert_eq!(tickets.len(), 1);
    let ticket: NewSessionTicketTls12<'_> = read_all(tickets[0]).unwrap();
    assert!((1..=3600).contains(&ticket.ticket_lifetime_hint) && !ticket.ticket.is_empty());
    let unasked = stage.server_with(stage.sealing_server()).say(&[Say::ClientHello, ClientKeyExchange]).say(&END);
    assert_eq!(unasked.outcome(), "Connected");
    assert!(bodies(&unasked, HandshakeType::new_session_ticket).is_empty(), "RFC 5077 §3.2");
}

#[test]
fn client_that_keeps_sessions_welcomes_a_ticket_and_comes_back_with_it_and_a_made_up_id() {
    let stage = Stage::new();
    let store = || Arc::new(MemoryClientSessions::new(1, 1));
    let welcoming = stage.client_with(stage.client.clone().session_store(store()));
    assert_eq!(ticket_of(&client_hello(&welcoming)), Some(vec![]));
    assert_eq!(client_hello(&welcoming).legacy_session_id, b"");
    assert_eq!(ticket_of(&client_hello(&stage.client())), None);

    let [one, other] = [(); 2].map(|()| stage.resuming_client());
    let hello = client_hello(&one);
    assert!(ticket_of(&hello).is_some_and(|ticket| !ticket.is_empty()));
    assert_eq!(hello.legacy_session_id.len(), 32);
    assert_ne!(hello.legacy_session_id, client_hello(&other).legacy_session_id);
    assert!(hello.cipher_suites.contains(&script_tls12::SUITE), "RFC 5246 §7.4.1.2");
    let extensions = hello.extensions.as_deref().unwrap();
    assert!(extensions.contains(&ClientExtension::ExtendedMasterSecret), "RFC 7627 §5.3");
    assert!(extensions.contains(&ClientExtension::RenegotiationInfo(&[])), "RFC 5746 §3.4");
    assert!(extensions.iter().any(|it| it.extension_type() == ExtensionType::server_name), "RFC 6066 §3");
}

#[test]
fn session_whose_suite_is_no_longer_wanted_is_not_offered() {
    let stage = Stage::new();
    let store = Arc::new(MemoryClientSessions::new(1, 1));
    let config = stage.client.clone().session_store(store);
    let first = stage.client_with(config.clone()).say(&[ServerHelloWithTicket]).say(&SERVER_FLIGHT[1..]);
    assert_eq!(first.say(&[NewSessionTicket]).say(&END).outcome(), "Connected");
    let narrowed = config.cipher_suites([CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]).unwrap();
    let scene = stage.client_with(narrowed);
    assert_eq!(ticket_of(&client_hello(&scene)), Some(vec![]));
}

#[test]
fn server_of_tls_1_3_that_echoes_the_id_of_a_session_resumes_nothing_by_that() {
    let stage = Stage::new();
    let store = Arc::new(MemoryClientSessions::new(1, 1));
    let config = stage.client_of_both_versions().session_store(store);
    let first = stage.client_with(config.clone()).say(&[ServerHelloWithTicket]).say(&SERVER_FLIGHT[1..]);
    assert_eq!(first.say(&[NewSessionTicket]).say(&END).outcome(), "Connected");
    let end = bulla::ClientConnection::new(Arc::new(config), pair::name()).unwrap();
    let issued = stage.authority.issue(&[pair::NAME], pair::KeyKind::EcdsaP256);
    let scene = scene::Scene::start(scene::End::Client(end), script::Peer::new(script::Role::Server, issued));
    let scene = scene.say(&scene::SERVER_FLIGHT);
    assert_eq!((scene.outcome(), scene.end.handshake_kind()), ("Connected", Some(HandshakeKind::Full)));
}

/// A clock that the test sets.
#[derive(Debug)]
struct SetClock(Mutex<Time>);

impl Clock for SetClock {
    fn now(&self) -> Option<Time> {
        Some(*self.0.lock().unwrap())
    }
}

#[test]
fn ticket_lives_as_long_as_its_hint_says_two_hours_where_it_says_nothing_and_seven_days_at_most() {
    let stage = Stage::new();
    for (hint, seconds) in [(60, 60), (0, 7200), (u32::MAX, 604_800)] {
        let clock = Arc::new(SetClock(Mutex::new(pair::NOW)));
        let store = Arc::new(MemoryClientSessions::new(1, 1));
        let config = stage.client.clone().clock(clock.clone()).session_store(store.clone());
        for (age, offered) in [(seconds * 1000 - 1, true), (seconds * 1000, false)] {
            *clock.0.lock().unwrap() = pair::NOW;
            let first = stage.client_with(config.clone()).say(&[ServerHelloWithTicket]).say(&SERVER_FLIGHT[1..]);
            let first = first.say_message(|_| new_session_ticket(hint, b"ticket"));
            assert_eq!(first.say(&END).outcome(), "Connected");
            *clock.0.lock().unwrap() = Time::from_millis(pair::NOW.as_millis() + age);
            let scene = stage.client_with(config.clone());
            let ticket = if offered { b"ticket".to_vec() } else { vec![] };
            assert_eq!(ticket_of(&client_hello(&scene)), Some(ticket), "hint {hint}, {age} ms old");
        }
    }
}

#[test]
fn resumption_that_fails_costs_the_client_its_ticket() {
    let stage = Stage::new();
    let store = Arc::new(MemoryClientSessions::new(1, 1));
    let config = stage.client.clone().session_store(store.clone());
    let first = stage.client_with(config.clone()).say(&[ServerHelloWithTicket]).say(&SERVER_FLIGHT[1..]);
    assert_eq!(first.say(&[NewSessionTicket]).say(&END).outcome(), "Connected");
    assert_eq!(store.len(), 1);
    // The scripted server does not know the session's secret.
    let mut scene = stage.client_with(config);
    scene.peer.session = Some(bulla::crypto::Secret::zeros(48));
    let mut scene = scene.say(&[Say::ServerHelloResumed, ChangeCipherSpec, Finished]);
    assert!(scene.error.is_some());
    scene.assert_failed_with_its_alert();
    assert!(store.is_empty(), "RFC 5077 §3.2");
}
