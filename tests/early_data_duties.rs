//! What the RFC demands of servers that take early data, or do not. RFC 8446 §4.2.10, §4.5, §8.

#![cfg(feature = "ring")]

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[path = "support/tickets.rs"]
mod tickets;

use std::sync::{Arc, Mutex};

use bulla::config::AntiReplay;
use bulla::crypto::ring::provider;
use bulla::resume::{MemoryServerSessions, MemoryStrikeRegister, TicketKeys};
use bulla::wire::{
    ClientExtension, ContentType, HandshakeType, NewSessionTicket, NewSessionTicketExtension, PskKeyExchangeMode,
    read_all,
};
use bulla::{EarlyData, HandshakeKind};
use script::Say::Finished;
use script::psk::{Psk, end_of_early_data};
use script::{Peer, plain_record};
use tickets::{Tickets, accepts_early_data, bodies, chosen, kind, offer_early_data};

#[test]
fn ticket_says_how_much_early_data_its_server_takes() {
    let scene = Tickets::with_early_data().first();
    let ticket: NewSessionTicket<'_> = read_all(bodies(&scene, HandshakeType::new_session_ticket)[0]).unwrap();
    assert_eq!(ticket.extensions, [NewSessionTicketExtension::EarlyData(100)]);
}

#[test]
fn early_data_is_accepted_apart_from_all_else_up_to_end_of_early_data() {
    let tickets = Tickets::with_early_data();
    let scene = tickets.early(vec![tickets.ticket()], &[b"early", b" data"]);
    assert!(accepts_early_data(&scene));
    assert_eq!(scene.end.early_data(), EarlyData::Accepted);
    assert!(!scene.end.is_established());
    let scene = scene.say_message(|_| end_of_early_data()).say(&[Finished]);
    assert_eq!((scene.outcome(), kind(&scene)), ("Connected", Some(HandshakeKind::Resumed)));
    let early = |text: &[u8]| pair::Seen::EarlyData(text.to_vec());
    assert_eq!(scene.seen, [early(b"early"), early(b" data"), pair::Seen::Established], "never as ordinary data");
}

#[test]
fn as_much_early_data_as_the_ticket_says_passes_and_one_byte_more_does_not() {
    let tickets = Tickets::with_early_data();
    let scene = tickets.early(vec![tickets.ticket()], &[&[1; 60], &[2; 40]]);
    assert_eq!(scene.error, None);
    let mut scene = scene.say_record(ContentType::application_data, &[3]);
    assert_eq!(scene.outcome(), "TooMuchEarlyData");
    // The alert goes under the application keys, which the script has.
    scene.assert_failed_with_its_alert();
}

#[test]
fn early_data_that_does_not_open_ends_the_connection_once_it_was_accepted() {
    let tickets = Tickets::with_early_data();
    let scene = tickets.early(vec![tickets.ticket()], &[b"early"]);
    let mut scene = scene.with(|peer| {
        let mut record = peer.record(ContentType::application_data, b"more");
        *record.last_mut().unwrap() ^= 1;
        record
    });
    assert_eq!(scene.outcome(), "DoesNotOpen");
    scene.assert_failed_with_its_alert();
}

#[test]
fn nothing_but_data_and_end_of_early_data_goes_under_early_keys() {
    let tickets = Tickets::with_early_data();
    for say in [Finished, script::Say::KeyUpdate, script::Say::Empty(HandshakeType::certificate)] {
        let scene = tickets.early(vec![tickets.ticket()], &[b"early"]);
        let mut scene = scene.with(|peer| {
            let message = peer.compose(say);
            peer.record(ContentType::handshake, &message)
        });
        assert_eq!(scene.outcome(), "UnexpectedMessage", "{say:?}");
        scene.assert_failed_with_its_alert();
    }
    let scene = tickets.early(vec![tickets.ticket()], &[b"early"]).say_message(|_| end_of_early_data());
    let mut scene = scene.say_record(ContentType::application_data, b"late");
    assert_eq!(scene.outcome(), "UnexpectedRecord", "behind EndOfEarlyData");
    scene.assert_failed_with_its_alert();
}

#[test]
fn change_cipher_spec_is_dropped_among_early_data_and_empty_records_have_an_end() {
    let tickets = Tickets::with_early_data();
    let scene = tickets.early(vec![tickets.ticket()], &[b"early"]).with(|_| script::change_cipher_spec());
    let scene = scene.say_record(ContentType::application_data, b"more").with(|_| script::change_cipher_spec());
    let scene = scene.say_message(|_| end_of_early_data()).with(|_| script::change_cipher_spec()).say(&[Finished]);
    assert_eq!(scene.outcome(), "Connected");

    let mut scene = tickets.early(vec![tickets.ticket()], &[b"early"]);
    for _ in 0..32 {
        scene = scene.say_record(ContentType::application_data, b"");
        assert_eq!(scene.error, None);
    }
    let mut scene = scene.say_record(ContentType::application_data, b"");
    assert_eq!(scene.outcome(), "TooManyEmptyRecords");
    scene.assert_failed_with_its_alert();
}

#[test]
fn alert_under_early_keys_is_read() {
    let tickets = Tickets::with_early_data();
    let alert = [2, bulla::wire::AlertDescription::internal_error.0];
    let scene = tickets.early(vec![tickets.ticket()], &[b"early"]).say_record(ContentType::alert, &alert);
    let of_peer = bulla::Error::AlertReceived(bulla::wire::AlertDescription::internal_error);
    assert_eq!(scene.error, Some(of_peer));
}

#[test]
fn end_of_early_data_ends_its_record() {
    let tickets = Tickets::with_early_data();
    let scene = tickets.early(vec![tickets.ticket()], &[b"early"]);
    let mut scene = scene.with(|peer| {
        let behind = [end_of_early_data(), peer.compose(Finished)].concat();
        peer.record(ContentType::handshake, &behind)
    });
    assert_eq!(scene.outcome(), "MessageAcrossKeyChange");
    scene.assert_failed_with_its_alert();
}

#[test]
fn end_of_early_data_is_unexpected_where_none_was_accepted() {
    let tickets = Tickets::new();
    let scene = tickets.second(vec![tickets.ticket()]);
    let mut scene = scene.say_message(|_| end_of_early_data());
    assert_eq!(scene.outcome(), "UnexpectedMessage");
    scene.assert_failed_with_its_alert();
}

/// Early data that is rejected: the handshake goes on, and its bytes are skipped.
fn assert_rejected(tickets: &Tickets, psks: Vec<Psk>, edit: impl FnOnce(&mut bulla::wire::ClientHello<'_>), why: &str) {
    let scene = tickets.scene().with(|peer: &mut Peer| {
        let hello = peer.psk_hello_with(psks, |hello| {
            offer_early_data(hello);
            edit(hello);
        });
        peer.say_early(&hello, &[b"early", b"data"])
    });
    assert_eq!(scene.error, None, "{why}");
    assert!(!accepts_early_data(&scene), "{why}");
    assert_eq!(scene.end.early_data(), EarlyData::Rejected, "{why}");
    let scene = scene.with(|peer| {
        peer.stop_early();
        peer.say(Finished)
    });
    assert_eq!(scene.outcome(), "Connected", "{why}");
}

#[test]
fn early_data_is_rejected_where_its_terms_are_not_those_of_the_ticket() {
    let tickets = Tickets::with_early_data();
    let unknown = Psk::external(b"unknown", &[1; 32]);
    assert_rejected(&tickets, vec![unknown, tickets.ticket()], |_| {}, "not the first PSK");
    assert_rejected(&tickets, vec![tickets.ticket().aged(10_001)], |_| {}, "too old for the time that passed");
    let ticket = tickets.ticket();
    tickets.pass(10_001);
    assert_rejected(&tickets, vec![ticket], |_| {}, "too young for the time that passed");
    let spoken = Tickets { config: tickets.config.clone().alpn(["h2"]).unwrap(), ..Tickets::with_early_data() };
    let ticket = tickets.ticket();
    let alpn = |hello: &mut bulla::wire::ClientHello<'_>| {
        let names = bulla::wire::ProtocolNameList { protocol_name_list: vec![b"h2"] };
        let names = ClientExtension::ApplicationLayerProtocolNegotiation(names);
        hello.extensions.as_mut().unwrap().push(names);
    };
    assert_rejected(&spoken, vec![ticket], alpn, "another application protocol");
    let without = Tickets::new();
    assert_rejected(&without, vec![without.ticket()], |_| {}, "a server that takes none");
}

#[test]
fn age_of_a_ticket_is_told_modulo_two_to_the_32() {
    let tickets = Tickets::with_early_data();
    // Whatever ticket_age_add is, adding the age wraps in one of these.
    let ticket = tickets.ticket();
    tickets.pass(5_000);
    let scene = tickets.early(vec![ticket.aged(5_000)], &[b"early"]);
    assert!(accepts_early_data(&scene));
    let far = u32::MAX / 2;
    assert_rejected(&tickets, vec![tickets.ticket().aged(far)], |_| {}, "half the circle away");
}

#[test]
fn same_early_data_is_accepted_once() {
    let tickets = Tickets::with_early_data();
    let mut flight = Vec::new();
    let ticket = tickets.ticket();
    let first = tickets.scene().with(|peer| {
        let hello = peer.psk_hello_with(vec![ticket], offer_early_data);
        flight = peer.say_early(&hello, &[b"early"]);
        flight.clone()
    });
    assert!(accepts_early_data(&first));
    let mut replayed = tickets.scene();
    let mut bytes = flight.clone();
    pair::feed(&mut replayed.end, &mut bytes, &mut replayed.seen).unwrap();
    assert_eq!(replayed.end.early_data(), EarlyData::Rejected);
    assert_eq!(replayed.seen, []);
}

#[test]
fn session_of_the_store_is_taken_once_and_its_early_data_with_it() {
    let tickets = Tickets::with(|config| {
        let config = config.session_store(Arc::new(MemoryServerSessions::new(10)));
        config.early_data(100, AntiReplay::SingleUse).unwrap()
    });
    let ticket = tickets.ticket();
    let scene = tickets.early(vec![ticket.duplicate()], &[b"early"]);
    assert!(accepts_early_data(&scene));
    let scene = tickets.second(vec![ticket]).say(&[Finished]);
    assert_eq!((chosen(&scene), scene.outcome()), (None, "Connected"));
}

#[test]
fn early_data_behind_a_retry_is_skipped_and_may_not_be_offered_again() {
    let tickets = Tickets::with_early_data();
    let tickets = Tickets { config: tickets.config.groups([script::RETRY_GROUP]).unwrap(), ..Tickets::new() };
    // The first connection has its retry too.
    let modes = |hello: &mut bulla::wire::ClientHello<'_>| {
        let modes = ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]);
        hello.extensions.as_mut().unwrap().push(modes);
    };
    let first = tickets.scene();
    let first = first.say_message(|peer| peer.client_hello_with(modes));
    let first = first.say_message(|peer| peer.client_hello_with(modes)).say(&[Finished]);
    let mut psks = first.peer.tickets();
    let begin = |psk: Psk| {
        tickets.scene().with(|peer| {
            let hello = peer.psk_hello_with(vec![psk], offer_early_data);
            let mut flight = peer.say_message(&hello);
            flight.extend(plain_record(ContentType::application_data, &[1; 100]));
            flight
        })
    };
    let scene = begin(psks.pop().unwrap());
    assert_eq!((scene.error.clone(), scene.end.early_data()), (None, EarlyData::Retried));
    let scene = scene.say_message(|peer| {
        let psks = std::mem::take(&mut peer.second.psks);
        peer.psk_hello_with(psks, |_| {})
    });
    assert_eq!(scene.error, None);
    let scene = scene.say(&[Finished]);
    assert_eq!((scene.outcome(), kind(&scene)), ("Connected", Some(HandshakeKind::Resumed)));

    let mut scene = begin(psks.pop().unwrap()).say_message(|peer| {
        let psks = std::mem::take(&mut peer.second.psks);
        peer.psk_hello_with(psks, offer_early_data)
    });
    assert_eq!(scene.outcome(), "EarlyDataAfterRetry");
    scene.assert_failed_with_its_alert();
}

/// Remembers the labels that it was shown.
#[derive(Debug, Default)]
struct Labels(Mutex<Vec<String>>);

impl bulla::KeyLog for Labels {
    fn log(&self, label: &str, _: &[u8; 32], _: &[u8]) {
        self.0.lock().unwrap().push(label.to_string());
    }
}

#[test]
fn key_log_has_the_secrets_of_early_data_at_both_ends() {
    let register = Arc::new(MemoryStrikeRegister::random(&*provider(), 10).unwrap());
    let labels: [Arc<Labels>; 2] = Default::default();
    let (client, server) = pair::configs(pair::KeyKind::EcdsaP256);
    let client = client.session_store(Arc::new(bulla::resume::MemoryClientSessions::new(1, 2))).early_data(true);
    let server = server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap()));
    let server = server.early_data(100, AntiReplay::StrikeRegister(register)).unwrap();
    let (client, server) = (client.key_log(labels[0].clone()), server.key_log(labels[1].clone()));
    for second in [false, true] {
        let pair = pair::Pair::established(client.clone(), server.clone());
        assert_eq!(pair.client.early_data() == EarlyData::Accepted, second);
        for labels in &labels {
            let labels = std::mem::take(&mut *labels.0.lock().unwrap());
            for label in ["CLIENT_EARLY_TRAFFIC_SECRET", "EARLY_EXPORTER_SECRET"] {
                assert_eq!(labels.iter().any(|it| it == label), second, "{label}");
            }
        }
    }
}
