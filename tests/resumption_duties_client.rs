//! What the RFC demands of clients in second connections of TLS 1.3. RFC 8446 §4.1.2, §4.2.9 to §4.2.11, §4.5, §4.6.1, §D.3.

#![cfg(feature = "ring")]

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::sync::{Arc, Mutex};

use bulla::clock::{Clock, Time};
use bulla::crypto::HashAlgorithm;
use bulla::resume::{ExternalPsk, MemoryClientSessions};
use bulla::wire::{
    ClientExtension, ClientHello, ContentType, EncryptedExtension, EncryptedExtensions, ExtensionType, HandshakeType,
    NewSessionTicket, NewSessionTicketExtension, PskKeyExchangeMode, RetryExtension, ServerExtension, ServerHello,
    read_all, write_message,
};
use bulla::{ClientConfig, EarlyData, HandshakeKind};
use pair::NOW;
use scene::{SERVER_FLIGHT, Scene, Stage};
use script::Say::{Certificate, CertificateRequest, EncryptedExtensions as Parameters, Finished};
use script::psk::{Psk, end_of_early_data};
use script::{Heard, Peer};

/// A clock that the test sets.
#[derive(Debug)]
struct SetClock(Mutex<Time>);

impl Clock for SetClock {
    fn now(&self) -> Option<Time> {
        Some(*self.0.lock().unwrap())
    }
}

/// A client that keeps sessions, and its clock.
struct Keeper {
    stage: Stage,
    config: ClientConfig,
    store: Arc<MemoryClientSessions>,
    clock: Arc<SetClock>,
}

const AGE_ADD: u32 = u32::MAX - 1000;

fn ticket_with(edit: impl FnOnce(&mut NewSessionTicket<'_>)) -> Vec<u8> {
    let mut ticket = NewSessionTicket {
        ticket_lifetime: 3600,
        ticket_age_add: AGE_ADD,
        ticket_nonce: b"nonce",
        ticket: b"ticket",
        extensions: vec![],
    };
    edit(&mut ticket);
    write_message(&ticket).unwrap()
}

fn with_early_data(ticket: &mut NewSessionTicket<'_>) {
    ticket.extensions.push(NewSessionTicketExtension::EarlyData(100));
}

impl Keeper {
    fn new() -> Self {
        let stage = Stage::new();
        let clock = Arc::new(SetClock(Mutex::new(NOW)));
        let store = Arc::new(MemoryClientSessions::new(4, 4));
        let config = stage.client.clone().clock(clock.clone()).session_store(store.clone());
        Self { stage, config, store, clock }
    }

    fn with(edit: impl FnOnce(ClientConfig) -> ClientConfig) -> Self {
        let Self { stage, config, store, clock } = Self::new();
        Self { stage, config: edit(config), store, clock }
    }

    fn pass(&self, milliseconds: u64) {
        let mut now = self.clock.0.lock().unwrap();
        *now = Time::from_millis(now.as_millis() + milliseconds);
    }

    fn scene(&self) -> Scene {
        self.stage.client_with(self.config.clone())
    }

    /// A first connection that ends with this ticket; returns what the script then knows.
    fn first(&self, ticket: &[u8]) -> Psk {
        let scene = self.scene().say(&SERVER_FLIGHT);
        assert_eq!(scene.outcome(), "Connected");
        let scene = scene.say_message(|_| ticket.to_vec());
        assert_eq!(scene.error, None);
        scene.peer.ticket(&read_all(&ticket[4..]).unwrap())
    }

    /// A second connection whose hello the script has heard, and may answer with the PSK.
    fn second(&self, psk: Psk) -> Scene {
        let mut scene = self.scene();
        scene.peer.second.psks = vec![psk];
        scene
    }

    /// Like [`second`](Self::second), with early data behind the hello.
    fn early(&self, data: &[u8]) -> Scene {
        let psk = self.first(&ticket_with(with_early_data));
        let mut scene = self.stage.client_with(self.config.clone().early_data(true));
        scene.peer.second.psks = vec![psk];
        scene.peer.start_early();
        let mut records = [0; 1000];
        let sent = scene.end.send_early(data, &mut records).unwrap();
        assert_eq!(sent.taken, data.len());
        scene.peer.hear(&records[..sent.written]);
        assert_eq!(scene.peer.heard.last(), Some(&Heard::Data(data.to_vec())), "the script opens it");
        scene
    }
}

fn hellos(scene: &Scene) -> Vec<ClientHello<'_>> {
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        Heard::Message(bytes) if bytes[0] == HandshakeType::client_hello.0 => Some(&bytes[4..]),
        _ => None,
    });
    messages.map(|body| read_all(body).unwrap()).collect()
}

fn offers_psk(hello: &ClientHello<'_>) -> bool {
    hello.extensions.iter().flatten().any(|it| it.extension_type() == ExtensionType::pre_shared_key)
}

/// A ServerHello that chooses this PSK.
fn choosing(index: u16) -> impl FnOnce(&mut Peer) -> Vec<u8> {
    choosing_with(index, |_| {})
}

fn choosing_with(index: u16, edit: impl FnOnce(&mut ServerHello<'_>)) -> impl FnOnce(&mut Peer) -> Vec<u8> {
    move |peer| {
        peer.server_hello_with(|hello| {
            hello.extensions.as_mut().unwrap().push(ServerExtension::PreSharedKey(index));
            edit(hello);
        })
    }
}

fn taking_early_data(_: &mut Peer) -> Vec<u8> {
    write_message(&EncryptedExtensions { extensions: vec![EncryptedExtension::EarlyData] }).unwrap()
}

fn assert_fails(mut scene: Scene, with: &str) {
    assert_eq!(scene.outcome(), with);
    scene.assert_failed_with_its_alert();
}

#[test]
fn client_that_keeps_sessions_says_with_which_modes_and_others_do_not() {
    let keeper = Keeper::new();
    let modes = |scene: &Scene| {
        hellos(scene)[0].extensions.iter().flatten().find_map(|extension| match extension {
            ClientExtension::PskKeyExchangeModes(modes) => Some(modes.clone()),
            _ => None,
        })
    };
    assert_eq!(modes(&keeper.scene()), Some(vec![PskKeyExchangeMode::psk_dhe_ke]));
    assert_eq!(modes(&keeper.stage.client()), None);
    assert!(!offers_psk(&hellos(&keeper.scene())[0]));
}

#[test]
fn second_hello_names_the_ticket_last_of_all_with_its_age_and_a_binder_that_the_server_can_check() {
    let keeper = Keeper::new();
    let psk = keeper.first(&ticket_with(|_| {}));
    keeper.pass(2_500);
    let scene = keeper.second(psk);
    let hellos = hellos(&scene);
    let extensions = hellos[0].extensions.as_ref().unwrap();
    let Some(ClientExtension::PreSharedKey(offered)) = extensions.last() else { panic!("it is not the last") };
    assert_eq!(offered.identities.len(), 1);
    assert_eq!(offered.identities[0].identity, b"ticket");
    assert_eq!(offered.identities[0].obfuscated_ticket_age, 1499, "2500 + ticket_age_add modulo 2^32");
    let types: Vec<_> = extensions.iter().map(ClientExtension::extension_type).collect();
    for needed in [ExtensionType::psk_key_exchange_modes, ExtensionType::key_share, ExtensionType::signature_algorithms]
    {
        assert!(types.contains(&needed), "{needed}");
    }
    let mut bound = [&[1, 0, 0, 0][..], &scene.peer_hello()].concat();
    let len = u32::try_from(bound.len() - 4).unwrap().to_be_bytes();
    bound[1..4].copy_from_slice(&len[1..]);
    let mut again = bound.clone();
    let mut checker = Peer::new(script::Role::Server, keeper.stage.authority.issue(&["x"], pair::KeyKind::EcdsaP256));
    checker.second.psks = vec![scene.peer.second.psks[0].duplicate()];
    checker.bind(&mut again);
    assert!(again == bound, "the script computes the same binder");
}

trait PeerHello {
    fn peer_hello(&self) -> Vec<u8>;
}

impl PeerHello for Scene {
    /// The body of the hello that the script has heard.
    fn peer_hello(&self) -> Vec<u8> {
        let messages = self.peer.heard.iter().filter_map(|heard| match heard {
            Heard::Message(bytes) if bytes[0] == 1 => Some(bytes[4..].to_vec()),
            _ => None,
        });
        messages.collect::<Vec<_>>().pop().unwrap()
    }
}

#[test]
fn resumed_connection_knows_the_server_of_the_session_and_takes_its_finished_at_once() {
    let keeper = Keeper::new();
    let scene = keeper.second(keeper.first(&ticket_with(|_| {})));
    let scene = scene.say_message(choosing(0)).say(&[Parameters, Finished]);
    assert_eq!((scene.outcome(), scene.end.handshake_kind()), ("Connected", Some(HandshakeKind::Resumed)));
    assert_eq!(scene.end.peer_certificates().len(), 1);
}

#[test]
fn ticket_is_offered_once_whatever_becomes_of_it() {
    let keeper = Keeper::new();
    let scene = keeper.second(keeper.first(&ticket_with(|_| {})));
    assert!(offers_psk(&hellos(&scene)[0]));
    assert!(keeper.store.is_empty());
    assert!(!offers_psk(&hellos(&keeper.scene())[0]));
}

#[test]
fn ticket_of_no_lifetime_is_not_kept_and_none_is_offered_beyond_its_own_or_seven_days() {
    let keeper = Keeper::new();
    keeper.first(&ticket_with(|ticket| ticket.ticket_lifetime = 0));
    assert!(keeper.store.is_empty(), "RFC 8446 §4.6.1: it should be discarded immediately");
    for (lifetime, offered_at, not_at) in [(60, 59_999, 60_000), (u32::MAX, 604_799_999, 604_800_000)] {
        for (age, offered) in [(offered_at, true), (not_at, false)] {
            let keeper = Keeper::new();
            keeper.first(&ticket_with(|ticket| ticket.ticket_lifetime = lifetime));
            keeper.pass(age);
            assert_eq!(offers_psk(&hellos(&keeper.scene())[0]), offered, "{lifetime} s at {age} ms");
        }
    }
}

#[test]
fn unknown_extension_of_a_ticket_is_ignored_and_an_empty_ticket_refused() {
    let keeper = Keeper::new();
    let unknown = |ticket: &mut NewSessionTicket<'_>| {
        let unknown = bulla::wire::UnknownExtension { extension_type: ExtensionType(0x5a5a), extension_data: b"?" };
        ticket.extensions.push(NewSessionTicketExtension::Unknown(unknown));
    };
    keeper.first(&ticket_with(unknown));
    assert_eq!(keeper.store.len(), 1);
    let mut message = ticket_with(|_| {});
    // No nonce and no ticket: lifetime, age_add, and three lengths.
    message.truncate(4 + 8);
    message.extend([0, 0, 0, 0, 0]);
    message[3] = 13;
    let scene = keeper.scene().say(&SERVER_FLIGHT).say_message(|_| message);
    assert_fails(scene, "MalformedLengthOutOfBounds");
}

#[test]
fn extension_that_belongs_elsewhere_is_refused_in_a_ticket_that_would_be_kept() {
    let keeper = Keeper::new();
    let misplaced = |ticket: &mut NewSessionTicket<'_>| {
        let known = bulla::wire::UnknownExtension { extension_type: ExtensionType::key_share, extension_data: b"" };
        ticket.extensions.push(NewSessionTicketExtension::Unknown(known));
    };
    let scene = keeper.scene().say(&SERVER_FLIGHT).say_message(|_| ticket_with(misplaced));
    assert_fails(scene, "ExtensionNotAllowed");
    // RFC 9846 §4.7.1: whoever keeps none lets it go, whatever it says.
    let scene = keeper.stage.client().say(&SERVER_FLIGHT).say_message(|_| ticket_with(misplaced));
    assert_eq!(scene.error, None);
}

#[test]
fn choice_of_a_psk_that_was_not_offered_or_does_not_fit_is_refused() {
    let keeper = Keeper::new();
    // None was offered.
    assert_fails(keeper.scene().say_message(choosing(0)), "ExtensionNotOffered");
    // Out of range.
    let scene = keeper.second(keeper.first(&ticket_with(|_| {})));
    assert_fails(scene.say_message(choosing(1)), "SelectedPskNotOffered");
    // No share beside it, though psk_dhe_ke is the only mode.
    let scene = keeper.second(keeper.first(&ticket_with(|_| {})));
    let without_share = |hello: &mut ServerHello<'_>| {
        let is_share = |it: &ServerExtension<'_>| matches!(it, ServerExtension::KeyShare(_));
        hello.extensions.as_mut().unwrap().retain(|it| !is_share(it));
    };
    assert_fails(scene.say_message(choosing_with(0, without_share)), "PskWithoutKeyShare");
    // Another hash than the suite's.
    let both = [script::SUITE, bulla::wire::CipherSuite::TLS_AES_256_GCM_SHA384];
    let psk = Arc::new(ExternalPsk::new(b"known", &[5; 48], HashAlgorithm::Sha384).unwrap());
    let config = keeper.stage.client.clone().cipher_suites(both).unwrap().psk(psk);
    let scene = keeper.stage.client_with(config);
    assert!(offers_psk(&hellos(&scene)[0]));
    assert_fails(scene.say_message(choosing(0)), "PskHashDiffers");
}

#[test]
fn certificates_do_not_go_with_a_psk_nor_a_handshake_without_either() {
    for say in [CertificateRequest, Certificate] {
        let keeper = Keeper::new();
        let scene = keeper.second(keeper.first(&ticket_with(|_| {}))).say_message(choosing(0));
        assert_fails(scene.say(&[Parameters, say]), "UnexpectedMessage");
    }
    let keeper = Keeper::new();
    let mut scene = keeper.second(keeper.first(&ticket_with(|_| {})));
    scene.peer.second.psks.clear();
    assert_fails(scene.say(&[script::Say::ServerHello, Parameters, Finished]), "UnexpectedMessage");
}

#[test]
fn retried_hello_repeats_the_ticket_with_a_new_binder_and_goes_without_early_data() {
    let keeper = Keeper::new();
    let mut scene = keeper.early(b"early");
    assert_eq!(scene.end.early_data(), EarlyData::Pending);
    let request = scene.peer.compose(script::Say::HelloRetryRequest);
    // The client's second hello comes in the clear.
    let mut record = scene.peer.record(ContentType::handshake, &request);
    scene.peer.count(&request);
    scene.peer.forget_early();
    pair::feed(&mut scene.end, &mut record, &mut scene.seen).unwrap();
    scene.listen();
    assert_eq!(scene.end.early_data(), EarlyData::Retried);
    assert_eq!(scene.end.early_data_room(), 0);
    assert_eq!(scene.end.send_early(b"more", &mut [0; 100]).unwrap_err().name(), "NoEarlyData");
    let hellos = hellos(&scene);
    let [first, second] = &hellos[..] else { panic!("{} hellos", hellos.len()) };
    let types = |hello: &ClientHello<'_>| -> Vec<_> {
        hello.extensions.iter().flatten().map(ClientExtension::extension_type).collect()
    };
    assert!(types(first).contains(&ExtensionType::early_data) && !types(second).contains(&ExtensionType::early_data));
    assert_eq!(types(second).last(), Some(&ExtensionType::pre_shared_key));
    // The script derives its keys from the retried transcript, so that only a right one gets through.
    let scene = scene.say_message(choosing(0)).say(&[Parameters, Finished]);
    assert_eq!((scene.outcome(), scene.end.handshake_kind()), ("Connected", Some(HandshakeKind::Resumed)));
    assert_eq!(scene.end.early_data(), EarlyData::Retried);

    let keeper = Keeper::new();
    let scene = keeper.second(keeper.first(&ticket_with(|_| {})));
    let with_choice = |request: &mut bulla::wire::HelloRetryRequest<'_>| {
        request.extensions.push(RetryExtension::Unknown(bulla::wire::UnknownExtension {
            extension_type: ExtensionType::pre_shared_key,
            extension_data: &[0, 0],
        }));
    };
    assert_fails(scene.say_message(|peer| peer.hello_retry_request_with(with_choice)), "ExtensionNotAllowed");
}

#[test]
fn accepted_early_data_ends_behind_the_servers_finished_under_its_own_keys() {
    let keeper = Keeper::new();
    let scene = keeper.early(b"early").say_message(choosing(0)).say_message(taking_early_data);
    assert_eq!(scene.end.early_data(), EarlyData::Accepted);
    let is_end = |heard: &Heard| *heard == Heard::Message(end_of_early_data());
    assert!(!scene.peer.heard.iter().any(is_end), "not before the server's Finished");
    let scene = scene.say(&[Finished]);
    assert_eq!(scene.outcome(), "Connected");
    // The script follows the keys: the client's flight opens in this order alone.
    let end = scene.peer.heard.iter().position(is_end).unwrap();
    assert!(matches!(&scene.peer.heard[end + 1], Heard::Message(bytes) if bytes[0] == HandshakeType::finished.0));
    assert_eq!(scene.peer.heard.iter().filter(|heard| **heard == Heard::ChangeCipherSpec).count(), 1);
}

#[test]
fn rejected_early_data_is_not_ended_and_not_sent_again() {
    let keeper = Keeper::new();
    let mut scene = keeper.early(b"early");
    // No PSK at all: the server has forgotten the session.
    scene.peer.second.is_early = false;
    let scene = scene.say(&SERVER_FLIGHT);
    assert_eq!((scene.outcome(), scene.end.early_data()), ("Connected", EarlyData::Rejected));
    assert_eq!(scene.end.handshake_kind(), Some(HandshakeKind::Full));
    assert!(!scene.peer.heard.iter().any(|heard| *heard == Heard::Message(end_of_early_data())));
    let sent = scene.peer.heard.iter().filter(|heard| matches!(heard, Heard::Data(_))).count();
    assert_eq!(sent, 1);
}

#[test]
fn early_data_that_is_accepted_without_its_psk_or_never_offered_is_refused() {
    let keeper = Keeper::new();
    let mut scene = keeper.early(b"early");
    scene.peer.second.is_early = false;
    let scene = scene.say(&[script::Say::ServerHello]).say_message(taking_early_data);
    assert_fails(scene, "EarlyDataTermsChanged");

    let keeper = Keeper::new();
    let scene = keeper.second(keeper.first(&ticket_with(with_early_data)));
    let scene = scene.say_message(choosing(0)).say_message(taking_early_data);
    assert_fails(scene, "ExtensionNotOffered");
}

#[test]
fn early_data_that_is_accepted_under_another_protocol_is_refused() {
    let keeper = Keeper::with(|config| config.alpn(["h2"]).unwrap());
    let answer = |_: &mut Peer| {
        let names = bulla::wire::ProtocolNameList { protocol_name_list: vec![b"h2"] };
        let protocol = EncryptedExtension::ApplicationLayerProtocolNegotiation(names);
        write_message(&EncryptedExtensions { extensions: vec![protocol, EncryptedExtension::EarlyData] }).unwrap()
    };
    // The session was made without one.
    let scene = keeper.early(b"early").say_message(choosing(0)).say_message(answer);
    assert_fails(scene, "EarlyDataTermsChanged");
}

#[test]
fn client_with_early_data_fails_at_a_server_of_tls_1_2() {
    if !cfg!(feature = "tls12") {
        return;
    }
    let suites = [script::SUITE, bulla::wire::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];
    let keeper = Keeper::with(|config| config.cipher_suites(suites).unwrap());
    let mut scene = keeper.early(b"early");
    scene.peer.second.is_early = false;
    let old = |hello: &mut ServerHello<'_>| {
        hello.cipher_suite = suites[1];
        hello.extensions = None;
    };
    let record = scene.peer.server_hello_with(old);
    let mut record = script::plain_record(ContentType::handshake, &record);
    let error = pair::feed(&mut scene.end, &mut record, &mut scene.seen).unwrap_err();
    assert_eq!(error.name(), "EarlyDataWithOldVersion");
    assert_eq!(error.alert().unwrap().to_string(), "protocol_version");
}

#[test]
fn end_of_early_data_of_a_server_is_unexpected() {
    let keeper = Keeper::new();
    let scene = keeper.second(keeper.first(&ticket_with(|_| {}))).say_message(choosing(0)).say(&[Parameters]);
    assert_fails(scene.say_message(|_| end_of_early_data()), "UnexpectedMessage");
}

#[test]
fn early_data_is_offered_only_if_application_and_ticket_want_it() {
    let offers = |scene: &Scene| {
        hellos(scene)[0].extensions.iter().flatten().any(|it| it.extension_type() == ExtensionType::early_data)
    };
    for (wanted, allowed, offered) in [(true, true, true), (true, false, false), (false, true, false)] {
        let keeper = Keeper::new();
        keeper.first(&ticket_with(|ticket| {
            if allowed {
                with_early_data(ticket);
            }
        }));
        let scene = keeper.stage.client_with(keeper.config.clone().early_data(wanted));
        assert_eq!(offers(&scene), offered, "wanted: {wanted}, allowed: {allowed}");
        assert_eq!(scene.end.early_data_room(), if offered { 100 } else { 0 });
    }
    // With another application protocol than the session's, the server could not take it.
    let with_h2 = Keeper::with(|config| config.alpn(["h2"]).unwrap());
    let scene = with_h2.scene().say(&[script::Say::ServerHello]).say_message(|_| {
        let names = bulla::wire::ProtocolNameList { protocol_name_list: vec![b"h2"] };
        let protocol = EncryptedExtension::ApplicationLayerProtocolNegotiation(names);
        write_message(&EncryptedExtensions { extensions: vec![protocol] }).unwrap()
    });
    let scene = scene.say(&SERVER_FLIGHT[2..]).say_message(|_| ticket_with(with_early_data));
    assert_eq!(scene.error, None);
    let other = with_h2.config.clone().alpn(["http/1.1"]).unwrap().early_data(true);
    let scene = with_h2.stage.client_with(other);
    assert!(offers_psk(&hellos(&scene)[0]) && !offers(&scene));
}
