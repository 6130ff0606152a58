//! What the RFC demands of servers in second connections of TLS 1.3: tickets, PSKs and their binders, cookies. RFC 8446 §4.2.2,
//! §4.2.9, §4.2.11, §4.6.1.

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

use std::sync::Arc;

use bulla::crypto::ring::provider;
use bulla::resume::{ExternalPsk, MemoryServerSessions, TicketKeys};
use bulla::wire::{
    ClientExtension, ExtensionType, HandshakeType, NewSessionTicket, OfferedPsks, PskBinderEntry, PskIdentity,
    PskKeyExchangeMode, ServerExtension, ServerHello, is_grease, read_all,
};
use bulla::{HandshakeKind, ServerConfig};
use scene::{Scene, Stage};
use script::Say::{ClientHello as Hello, Finished};
use script::psk::Psk;
use script::{Heard, Peer};
use tickets::{Tickets, bodies, chosen, kind};

#[test]
fn tickets_are_sent_behind_the_clients_finished_to_a_client_that_can_use_them() {
    let tickets = Tickets::with(|config| config.tickets_per_handshake(3).session_lifetime(3600));
    let scene = tickets.first();
    let bodies = bodies(&scene, HandshakeType::new_session_ticket);
    assert_eq!(bodies.len(), 3);
    let sent: Vec<NewSessionTicket<'_>> = bodies.into_iter().map(|body| read_all(body).unwrap()).collect();
    for (index, ticket) in sent.iter().enumerate() {
        assert_eq!(ticket.ticket_lifetime, 3600);
        assert_eq!(ticket.extensions, [], "no early data unless the server takes it");
        for other in &sent[..index] {
            assert_ne!(ticket.ticket_nonce, other.ticket_nonce);
            assert_ne!(ticket.ticket_age_add, other.ticket_age_add);
            assert_ne!(ticket.ticket, other.ticket);
        }
    }
    let without_modes = tickets.scene().say(&[Hello, Finished]);
    assert_eq!(without_modes.outcome(), "Connected");
    assert!(without_modes.peer.tickets().is_empty(), "RFC 8446 §4.2.9");
}

/// RFC 8701 §4.1. Clients pass it over: `grease_of_a_server_changes_nothing_for_a_client_that_ignores_it`.
#[test]
fn grease_of_a_server_stands_in_each_ticket() {
    let tickets = Tickets::with(|config| config.tickets_per_handshake(2).grease(true));
    let scene = tickets.first();
    let bodies = bodies(&scene, HandshakeType::new_session_ticket);
    assert_eq!(bodies.len(), 2);
    for body in bodies {
        let ticket: NewSessionTicket<'_> = read_all(body).unwrap();
        let types: Vec<_> = ticket.extensions.iter().map(|extension| extension.extension_type().0).collect();
        assert!(types.len() == 1 && is_grease(types[0]), "{types:x?}");
    }
}

#[test]
fn lifetime_of_a_ticket_is_never_more_than_seven_days() {
    let keys = || Arc::new(TicketKeys::random(provider(), u32::MAX).unwrap());
    let tickets = Tickets::with(|config| config.tickets(keys()).session_lifetime(u32::MAX));
    let scene = tickets.first();
    let ticket: NewSessionTicket<'_> = read_all(bodies(&scene, HandshakeType::new_session_ticket)[0]).unwrap();
    assert!(ticket.ticket_lifetime <= 604_800);
}

#[test]
fn ticket_resumes_with_a_share_and_without_certificates() {
    let tickets = Tickets::new();
    let scene = tickets.second(vec![tickets.ticket()]);
    assert_eq!(chosen(&scene), Some(0));
    let hello: ServerHello<'_> = read_all(bodies(&scene, HandshakeType::server_hello)[0]).unwrap();
    let types: Vec<_> = hello.extensions.iter().flatten().map(ServerExtension::extension_type).collect();
    assert!(types.contains(&ExtensionType::key_share), "psk_dhe_ke: RFC 8446 §4.2.9");
    for absent in [HandshakeType::certificate, HandshakeType::certificate_verify, HandshakeType::certificate_request] {
        assert!(bodies(&scene, absent).is_empty(), "{absent}");
    }
    let scene = scene.say(&[Finished]);
    assert_eq!(scene.outcome(), "Connected");
    assert_eq!(kind(&scene), Some(HandshakeKind::Resumed));
    assert_eq!(scene.peer.tickets().len(), 2, "a resumed connection brings new tickets: RFC 8446 §C.4");
}

#[test]
fn wrong_binder_of_the_chosen_psk_sends_decrypt_error() {
    let tickets = Tickets::new();
    for (what, spoil) in [("another PSK", 0_usize), ("a bit", 1)] {
        let ticket = tickets.ticket();
        let scene = tickets.scene();
        let mut scene = scene.say_message(|peer| {
            let mut message = peer.psk_hello_with(vec![ticket], |_| {});
            match spoil {
                0 => {
                    peer.second.psks[0].secret = bulla::crypto::Secret::zeros(32);
                    peer.bind(&mut message);
                }
                _ => *message.last_mut().unwrap() ^= 1,
            }
            message
        });
        assert_eq!(scene.outcome(), "PskBinderWrong", "{what}");
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn binder_of_another_kind_of_psk_does_not_verify() {
    use bulla::keys::PskKind::{External, Imported, Resumption};
    let tickets = Tickets::new();
    for kind in [External, Imported] {
        let ticket = Psk { kind, ..tickets.ticket() };
        assert_eq!(tickets.second(vec![ticket]).outcome(), "PskBinderWrong", "{kind:?}");
    }
    let known = || ExternalPsk::new(b"known", &[5; 32], bulla::crypto::HashAlgorithm::Sha256).unwrap();
    let tickets = Tickets::with(|config| config.psks(Arc::new(vec![Arc::new(known())])));
    for kind in [Resumption, Imported] {
        let psk = Psk { kind, ..Psk::external(b"known", &[5; 32]) };
        assert_eq!(tickets.second(vec![psk]).outcome(), "PskBinderWrong", "{kind:?}");
    }
}

#[test]
fn binder_of_a_psk_that_is_not_chosen_is_not_looked_at() {
    let tickets = Tickets::new();
    let mut unknown = Psk::external(b"unknown", &[1; 32]);
    unknown.kind = bulla::keys::PskKind::Resumption;
    let scene = tickets.second(vec![unknown, tickets.ticket(), tickets.ticket()]);
    assert_eq!(chosen(&scene), Some(1), "the index is the client's: RFC 8446 §4.2.11");
    let scene = tickets.second(vec![Psk::external(b"unknown", &[1; 32])]).say(&[Finished]);
    assert_eq!((scene.outcome(), kind(&scene)), ("Connected", Some(HandshakeKind::Full)));
    // Only the chosen one's is: the last binder is wrong here.
    let (first, second) = (tickets.ticket(), tickets.ticket());
    let scene = tickets.scene().say_message(|peer| {
        let mut message = peer.psk_hello_with(vec![first, second], |_| {});
        *message.last_mut().unwrap() ^= 1;
        message
    });
    assert_eq!(chosen(&scene), Some(0));
}

#[test]
fn identity_that_stands_twice_is_taken_at_its_first_place() {
    let tickets = Tickets::new();
    let ticket = tickets.ticket();
    let scene = tickets.second(vec![ticket.duplicate(), ticket]).say(&[Finished]);
    assert_eq!((chosen(&scene), scene.outcome()), (Some(0), "Connected"));
}

#[test]
fn psks_without_modes_or_with_another_number_of_binders_are_refused() {
    let tickets = Tickets::new();
    let ticket = tickets.ticket();
    let without_modes = |hello: &mut bulla::wire::ClientHello<'_>| {
        let is_modes = |it: &ClientExtension<'_>| matches!(it, ClientExtension::PskKeyExchangeModes(_));
        hello.extensions.as_mut().unwrap().retain(|it| !is_modes(it));
    };
    let mut scene = tickets.scene().say_message(|peer| peer.psk_hello_with(vec![ticket.duplicate()], without_modes));
    assert_eq!(scene.outcome(), "PskWithoutModes");
    scene.assert_failed_with_its_alert();
    for (identities, binders) in [(1, 2), (2, 1)] {
        let identity = PskIdentity { identity: b"anything", obfuscated_ticket_age: 0 };
        let offer = ClientExtension::PreSharedKey(OfferedPsks {
            identities: vec![identity; identities],
            binders: vec![PskBinderEntry(&[0; 32]); binders],
        });
        let mut scene = tickets.scene().say_message(|peer| {
            peer.client_hello_with(|hello| {
                let modes = ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]);
                hello.extensions.as_mut().unwrap().extend([modes, offer]);
            })
        });
        assert_eq!(scene.outcome(), "PskBinderCount", "{identities} identities, {binders} binders");
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn client_that_wants_no_key_exchange_gets_a_full_handshake() {
    let tickets = Tickets::new();
    for modes in [vec![PskKeyExchangeMode::psk_ke], vec![PskKeyExchangeMode(77)]] {
        let edit = |hello: &mut bulla::wire::ClientHello<'_>| {
            for extension in hello.extensions.as_mut().unwrap() {
                if let ClientExtension::PskKeyExchangeModes(list) = extension {
                    list.clone_from(&modes);
                }
            }
        };
        let ticket = tickets.ticket();
        let scene = tickets.scene().say_message(|peer| peer.psk_hello_with(vec![ticket], edit)).say(&[Finished]);
        assert_eq!((chosen(&scene), scene.outcome()), (None, "Connected"));
        assert!(scene.peer.tickets().is_empty(), "it could not use them");
    }
}

#[test]
fn ticket_of_another_name_or_configuration_or_past_its_life_leads_to_a_full_handshake() {
    let tickets = Tickets::with(|config| config.session_lifetime(60));
    let name = |name: &'static str| {
        move |hello: &mut bulla::wire::ClientHello<'_>| {
            let entry =
                bulla::wire::ServerNameEntry { name_type: bulla::wire::NameType::host_name, name: name.as_bytes() };
            let list = bulla::wire::ServerNameList { server_name_list: vec![entry] };
            hello.extensions.as_mut().unwrap().push(ClientExtension::ServerName(list));
        }
    };
    let ticket = tickets.ticket();
    let scene = tickets.scene().say_message(|peer| peer.psk_hello_with(vec![ticket], name(pair::NAME)));
    assert_eq!(chosen(&scene), None, "another name");

    let ticket = tickets.ticket();
    let other = tickets.config.clone().session_context(*b"another");
    let scene = tickets.stage.server_with(other).say_message(|peer| peer.psk_hello_with(vec![ticket], |_| {}));
    assert_eq!(chosen(&scene), None, "another context");

    let ticket = tickets.ticket();
    let requires = bulla::ClientAuth::Require(Arc::new(tickets.stage.authority.roots()));
    let other = tickets.config.clone().client_auth(requires);
    let scene = tickets.stage.server_with(other).say_message(|peer| peer.psk_hello_with(vec![ticket], |_| {}));
    assert_eq!(chosen(&scene), None, "a server that wants certificates");
    assert_eq!(bodies(&scene, HandshakeType::certificate_request).len(), 1);

    let ticket = tickets.ticket();
    tickets.pass(60_000);
    let scene = tickets.second(vec![ticket]);
    assert_eq!(chosen(&scene), None, "its life is over");
}

#[test]
fn session_that_is_resumed_again_and_again_ends_seven_days_behind_the_handshake_that_it_stands_on() {
    let keys = Arc::new(TicketKeys::random(provider(), u32::MAX).unwrap());
    let tickets = Tickets::with(|config| config.tickets(keys).session_lifetime(604_800));
    let mut ticket = tickets.ticket();
    let day = 86_400_000;
    for _ in 0..6 {
        tickets.pass(day);
        let scene = tickets.second(vec![ticket]).say(&[Finished]);
        assert_eq!(kind(&scene), Some(HandshakeKind::Resumed));
        ticket = scene.peer.tickets().swap_remove(0);
    }
    tickets.pass(day);
    assert_eq!(chosen(&tickets.second(vec![ticket])), None);
}

#[test]
fn session_id_of_tls_1_2_names_no_psk() {
    if !cfg!(feature = "tls12") {
        return;
    }
    let store = Arc::new(MemoryServerSessions::new(4));
    let (client, server) = pair::configs(pair::KeyKind::EcdsaP256);
    let old = client.clone().versions([bulla::wire::ProtocolVersion::TLSv1_2]).unwrap();
    let old = old.session_store(Arc::new(bulla::resume::MemoryClientSessions::new(1, 1)));
    let server = server.session_store(store.clone());
    pair::Pair::established(old.clone(), server.clone());
    assert_eq!(store.len(), 1);
    let second = pair::Pair::established(old.clone(), server.clone());
    assert_eq!(second.client.handshake_kind(), Some(HandshakeKind::Resumed));
    // Whoever has seen the id in the clear offers it in TLS 1.3, with a binder of his own.
    let hello = pair::output(&mut pair::Pair::new(old, server.clone()).client);
    let hello: bulla::wire::ClientHello<'_> = read_all(&hello[9..]).unwrap();
    let id = hello.legacy_session_id.to_vec();
    assert_eq!(id.len(), 32);
    let stage = Stage::new();
    let psk = Psk { kind: bulla::keys::PskKind::Resumption, ..Psk::external(&id, &[1; 48]) };
    let server = server.cipher_suites([script::SUITE]).unwrap();
    let scene = stage.server_with(server).say_message(|peer| peer.psk_hello_with(vec![psk], |_| {}));
    assert_eq!((scene.error.clone(), chosen(&scene)), (None, None));
}

/// A server that remembers no HelloRetryRequest, with this many milliseconds between the two hellos.
fn retried_elsewhere(tickets: &Tickets, later: u64, between: impl FnOnce(&mut Peer) -> Vec<u8>) -> Scene {
    let first = tickets.scene().say(&[Hello]);
    assert_eq!(bodies(&first, HandshakeType::server_hello).len(), 1, "a HelloRetryRequest");
    tickets.pass(later);
    let mut second = tickets.scene();
    second.peer = first.peer;
    second.with(|peer| between(peer))
}

/// The second hello, with the cookie as it came or as the test makes it.
fn hello_with_cookie(peer: &mut Peer, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let heard = peer.heard.iter().find_map(|heard| match heard {
        Heard::Message(bytes) => Some(bytes.clone()),
        _ => None,
    });
    let request = heard.unwrap();
    let request: bulla::wire::HelloRetryRequest<'_> = read_all(&request[4..]).unwrap();
    let cookie = request.extensions.iter().find_map(|extension| match extension {
        bulla::wire::RetryExtension::Cookie(cookie) => Some(cookie.to_vec()),
        _ => None,
    });
    let mut cookie = cookie.unwrap();
    edit(&mut cookie);
    // A hello's edit cannot lend what it made itself.
    let cookie: &'static [u8] = Box::leak(cookie.into_boxed_slice());
    peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(ClientExtension::Cookie(cookie)))
}

fn stateless() -> Tickets {
    let cookies = bulla::resume::CookieKeys::random(provider()).unwrap();
    Tickets::with(|config| config.groups([script::RETRY_GROUP]).unwrap().stateless_retry(Arc::new(cookies)))
}

#[test]
fn second_hello_is_taken_by_a_server_that_has_not_seen_the_first() {
    let tickets = stateless();
    let scene = retried_elsewhere(&tickets, 0, |_| script::change_cipher_spec());
    assert_eq!(scene.error, None, "change_cipher_spec comes first: RFC 8446 §4.2.2");
    let scene = scene.say_message(|peer| hello_with_cookie(peer, |_| {})).say(&[Finished]);
    assert_eq!(scene.outcome(), "Connected");
    assert!(scene.end.hello_retried());
}

#[test]
fn cookie_that_is_altered_or_too_old_or_shares_another_group_is_refused() {
    let tickets = stateless();
    let scene = retried_elsewhere(&tickets, 0, |peer| {
        let message = hello_with_cookie(peer, |cookie| cookie[40] ^= 1);
        peer.say_message(&message)
    });
    assert_eq!(scene.outcome(), "BadCookie");
    let scene = retried_elsewhere(&tickets, 60_001, |peer| {
        let message = hello_with_cookie(peer, |_| {});
        peer.say_message(&message)
    });
    assert_eq!(scene.outcome(), "BadCookie");
    // A first hello's share behind the retry.
    let mut scene = retried_elsewhere(&tickets, 0, |peer| {
        let message = hello_with_cookie(peer, |_| {});
        let mut hello: bulla::wire::ClientHello<'_> = read_all(&message[4..]).unwrap();
        for extension in hello.extensions.as_mut().unwrap() {
            if let ClientExtension::KeyShare(shares) = extension {
                shares[0].group = script::GROUP;
                shares[0].key_exchange = &[9; 32];
            }
        }
        let message = bulla::wire::write_message(&hello).unwrap();
        peer.say_message(&message)
    });
    assert_eq!(scene.outcome(), "RetriedKeyShareWrong");
    scene.assert_failed_with_its_alert();
}

fn known() -> Arc<Vec<Arc<ExternalPsk>>> {
    let psk = ExternalPsk::new(b"known", &[5; 32], bulla::crypto::HashAlgorithm::Sha256).unwrap();
    Arc::new(vec![Arc::new(psk)])
}

#[test]
fn external_psk_is_taken_whatever_age_its_client_claims_and_never_where_a_certificate_is_required() {
    let tickets = Tickets::with(|config| config.psks(known()));
    let psk = || Psk::external(b"known", &[5; 32]).aged(123_456);
    let scene = tickets.second(vec![psk()]);
    assert_eq!(chosen(&scene), Some(0));
    for absent in [HandshakeType::certificate, HandshakeType::certificate_request] {
        assert!(bodies(&scene, absent).is_empty(), "RFC 9846 §4.4.2");
    }
    let scene = scene.say(&[Finished]);
    assert_eq!((scene.outcome(), kind(&scene)), ("Connected", Some(HandshakeKind::ExternalPsk)));
    assert_eq!(scene.end.external_psk_identity(), Some(&b"known"[..]), "who it was");
    assert!(scene.peer.tickets().is_empty(), "a session would forget who it was");

    let requires = bulla::ClientAuth::Require(Arc::new(tickets.stage.authority.roots()));
    let config = tickets.config.clone().client_auth(requires);
    let scene = tickets.stage.server_with(config).say_message(|peer| peer.psk_hello_with(vec![psk()], |_| {}));
    assert_eq!(chosen(&scene), None);
}

#[test]
fn server_of_psks_alone_does_not_tell_an_unknown_identity_from_a_wrong_key() {
    let stage = Stage::new();
    let config = ServerConfig::psk_only(known()).cipher_suites([script::SUITE]).unwrap();
    let config = config.groups([script::GROUP, script::RETRY_GROUP]).unwrap();
    for (psk, name) in
        [(Psk::external(b"known", &[6; 32]), "PskBinderWrong"), (Psk::external(b"unknown", &[5; 32]), "NoCommonPsk")]
    {
        let mut scene = stage.server_with(config.clone()).say_message(|peer| peer.psk_hello_with(vec![psk], |_| {}));
        assert_eq!(scene.outcome(), name);
        assert_eq!(scene.error.as_ref().unwrap().alert().unwrap().to_string(), "decrypt_error");
        scene.assert_failed_with_its_alert();
    }
    let psk = Psk::external(b"known", &[5; 32]);
    let scene = stage.server_with(config).say_message(|peer| peer.psk_hello_with(vec![psk], |_| {})).say(&[Finished]);
    assert_eq!(scene.outcome(), "Connected");
}

#[test]
fn client_that_only_knows_psks_is_told_what_its_hello_lacks_where_none_is_taken() {
    let tickets = Tickets::new();
    let without_signatures = |hello: &mut bulla::wire::ClientHello<'_>| {
        let is_schemes = |it: &ClientExtension<'_>| matches!(it, ClientExtension::SignatureAlgorithms(_));
        hello.extensions.as_mut().unwrap().retain(|it| !is_schemes(it));
    };
    let ticket = tickets.ticket();
    let scene = tickets.scene().say_message(|peer| peer.psk_hello_with(vec![ticket], without_signatures));
    assert_eq!(chosen(&scene), Some(0), "a PSK does without signatures: RFC 8446 §9.2");
    let unknown = Psk::external(b"unknown", &[1; 32]);
    let mut scene = tickets.scene().say_message(|peer| peer.psk_hello_with(vec![unknown], without_signatures));
    assert_eq!(scene.outcome(), "ExtensionMissing");
    scene.assert_failed_with_its_alert();
}

#[test]
fn no_more_psks_are_looked_at_than_the_limit() {
    let tickets = Tickets::new();
    let unknown = |number: u8| Psk::external(&[number, 1], &[1; 32]);
    let at = |place: u8| {
        let mut psks: Vec<_> = (0..place).map(unknown).collect();
        psks.push(tickets.ticket());
        chosen(&tickets.second(psks))
    };
    assert_eq!((at(7), at(8)), (Some(7), None));
}
