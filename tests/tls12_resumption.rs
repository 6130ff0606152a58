//! The second connection in TLS 1.2: by ticket and by session id, and what leads to a full handshake instead. RFC 5246 §7.3,
//! RFC 5077, RFC 7627 §5.3.

#![cfg(all(feature = "tls12", feature = "std"))]

#[path = "support/pair.rs"]
mod pair;
#[path = "support/rig_tls12.rs"]
mod rig_tls12;

use std::sync::Arc;

use bulla::clock::Time;
use bulla::config::{ClientSessionQuery, ClientSessionStore, Decision, SealTickets, ServerSessionStore, SessionPlace};
use bulla::crypto::ring::provider;
use bulla::resume::{ClientSession, MemoryClientSessions, MemoryServerSessions, ServerSession, TicketKeys};
use bulla::wire::{AlertDescription, CipherSuite, NamedGroup, ProtocolVersion};
use bulla::{Answer, ClientAuth, ClientConfig, Error, QuestionKind};
use pair::{Authority, KeyKind, NAME, Pair, configs_by, feed_with, output};
use rig_tls12::{FULL, HOUR, PERIOD, RESUMED, Rig, ticket_keys, works};

const CHACHA: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;

#[test]
fn session_is_resumed_by_ticket_and_by_id_again_and_again() {
    for rig in Rig::both_ways() {
        let first = rig.connect();
        assert_eq!(first.client.handshake_kind(), Some(FULL));
        for _ in 0..3 {
            let again = rig.connect();
            assert_eq!(again.client.handshake_kind(), Some(RESUMED));
            assert_eq!(again.client.cipher_suite(), first.client.cipher_suite());
            assert_eq!(again.client.group(), first.client.group());
            assert_eq!(again.server.group(), first.client.group());
            assert_eq!(again.client.peer_certificates(), first.client.peer_certificates());
            assert_eq!(again.client.peer_signature_scheme(), first.client.peer_signature_scheme());
            assert_eq!(again.server.server_name(), Some(NAME));
            // Another secret for each: the randoms are new. RFC 5246 §6.3.
            let export = |pair: &Pair| {
                let mut bytes = [[0; 32]; 2];
                pair.client.export(b"EXPORTER-test", None, &mut bytes[0]).unwrap();
                pair.server.export(b"EXPORTER-test", None, &mut bytes[1]).unwrap();
                assert_eq!(bytes[0], bytes[1]);
                bytes[0]
            };
            assert_ne!(export(&first), export(&again));
        }
    }
}

#[test]
fn nothing_is_kept_unless_both_ends_are_told_to() {
    let rig = Rig::new();
    assert_eq!([rig.kind(), rig.kind()], [FULL; 2]);
    let rig = Rig::by_ticket();
    let (client, server) = configs_by(&rig.authority, KeyKind::EcdsaP256);
    let client = client.versions([ProtocolVersion::TLSv1_2]).unwrap();
    for _ in 0..2 {
        let pair = works(Pair::established(client.clone(), rig.server.clone()));
        assert_eq!(pair.client.handshake_kind(), Some(FULL));
    }
    let without_clock = server.tickets(ticket_keys()).clock(Arc::new(bulla::clock::NoClock));
    for _ in 0..2 {
        let pair = works(Pair::established(rig.client.clone(), without_clock.clone()));
        assert_eq!(pair.client.handshake_kind(), Some(FULL));
    }
}

#[test]
fn client_that_speaks_both_versions_resumes_with_a_server_of_tls12() {
    for rig in Rig::both_ways() {
        let both = rig.client.clone().versions([ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2]).unwrap();
        let server = rig.server.clone().versions([ProtocolVersion::TLSv1_2]).unwrap();
        let kind = || works(Pair::established(both.clone(), server.clone())).client.handshake_kind();
        assert_eq!([kind(), kind(), kind()], [Some(FULL), Some(RESUMED), Some(RESUMED)]);
    }
}

#[test]
fn application_protocol_is_negotiated_anew() {
    for mut rig in Rig::both_ways() {
        let (client, server) = (rig.client.clone(), rig.server.clone());
        rig.client = client.clone().alpn(["h2", "http/1.1"]).unwrap();
        rig.server = server.clone().alpn(["h2"]).unwrap();
        assert_eq!(rig.connect().client.alpn_protocol(), Some(&b"h2"[..]));
        rig.server = server.clone().alpn(["http/1.1"]).unwrap();
        let again = rig.connect();
        assert_eq!(again.server.handshake_kind(), Some(RESUMED));
        assert_eq!(again.client.alpn_protocol(), Some(&b"http/1.1"[..]));
        rig.server = server;
        let again = rig.connect();
        assert_eq!((again.client.handshake_kind(), again.client.alpn_protocol()), (Some(RESUMED), None));
    }
}

#[test]
fn session_ends_with_its_lifetime_on_either_end() {
    for mut rig in Rig::both_ways() {
        rig.server = rig.server.clone().session_lifetime(1000);
        assert_eq!(rig.kind(), FULL);
        rig.watch.go_on(400);
        assert_eq!(rig.kind(), RESUMED);
        rig.watch.go_on(1001);
        assert_eq!(rig.kind(), FULL);
        assert_eq!(rig.kind(), RESUMED);
    }
}

#[test]
fn ticket_past_half_of_its_life_is_renewed_and_never_beyond_seven_days() {
    let mut rig = Rig::by_ticket();
    rig.server = rig.server.clone().session_lifetime(HOUR as u32).tickets(Arc::new(Unending(ticket_keys())));
    assert_eq!(rig.kind(), FULL);
    let mut resumed = 0;
    for _ in 0..8 * 24 * 3 {
        rig.watch.go_on(HOUR * 2 / 3);
        match rig.kind() {
            RESUMED => resumed += 1,
            _ => break,
        }
    }
    // A lifetime of an hour would have ended with the first; seven days hold 252 times forty minutes.
    assert!((250..=252).contains(&resumed), "{resumed}");
}

/// Seals with keys that do not rotate within a test.
#[derive(Debug)]
struct Unending(Arc<TicketKeys>);

impl SealTickets for Unending {
    fn seal(&self, session: &ServerSession, _: Time) -> Option<Vec<u8>> {
        // What the keys themselves would add about time is not the matter here.
        SealTickets::seal(&*self.0, session, session.created()).or_else(|| panic!("a session should be sealed"))
    }

    fn open(&self, ticket: &[u8], now: Time) -> Decision<Option<Box<ServerSession>>> {
        SealTickets::open(&*self.0, ticket, now)
    }
}

#[test]
fn session_does_not_outlive_the_certificates_that_it_stands_on() {
    // A day behind the start.
    let soon = |params: &mut rcgen::CertificateParams| params.not_after = rcgen::date_time_ymd(2026, 1, 2);
    let mut rig = Rig::by_ticket();
    let (certificate, key) = rig.authority.issue_with(&["client.test"], KeyKind::EcdsaP256, soon);
    let short = bulla::Identity::new(vec![certificate], &key).unwrap();
    rig.server = rig.server.clone().session_lifetime(7 * 24 * HOUR as u32);
    rig.client = rig.client.clone().identity(short);
    rig.server = rig.server.clone().client_auth(ClientAuth::Require(Arc::new(rig.authority.roots())));
    assert_eq!(rig.kind(), FULL);
    rig.watch.go_on(23 * HOUR);
    assert_eq!(rig.kind(), RESUMED);
    rig.watch.go_on(2 * HOUR);
    let mut pair = Pair::new(rig.client.clone(), rig.server.clone());
    // The full handshake finds the certificate expired.
    assert!(matches!(pair.run(), Err(("server", Error::Certificate(_)))));
}

#[test]
fn client_certificate_is_the_one_of_the_full_handshake() {
    for mut rig in Rig::both_ways() {
        let roots = Arc::new(rig.authority.roots());
        for auth in [ClientAuth::Request(roots.clone()), ClientAuth::Require(roots)] {
            rig.server = rig.server.clone().client_auth(auth);
            let first = rig.connect();
            assert_eq!(first.server.handshake_kind(), Some(FULL));
            let again = rig.connect();
            assert_eq!(again.server.handshake_kind(), Some(RESUMED));
            assert_eq!(again.server.peer_certificates().len(), 1);
            assert_eq!(again.server.peer_certificates(), first.server.peer_certificates());
            assert_eq!(again.server.peer_signature_scheme(), first.server.peer_signature_scheme());
        }
    }
}

#[test]
fn server_that_asks_otherwise_for_certificates_resumes_nothing() {
    for mut rig in Rig::both_ways() {
        let roots = Arc::new(rig.authority.roots());
        let plain = rig.server.clone();
        assert_eq!([rig.kind(), rig.kind()], [FULL, RESUMED]);
        rig.server = plain.clone().client_auth(ClientAuth::Request(roots.clone()));
        assert_eq!([rig.kind(), rig.kind()], [FULL, RESUMED]);
        rig.server = plain.clone().client_auth(ClientAuth::Require(roots));
        assert_eq!([rig.kind(), rig.kind()], [FULL, RESUMED]);
        rig.server = plain.session_context("another");
        assert_eq!([rig.kind(), rig.kind()], [FULL, RESUMED]);
    }
}

#[test]
fn suite_that_an_end_no_longer_wants_leads_to_a_full_handshake() {
    for mut rig in Rig::both_ways() {
        assert_ne!(rig.connect().client.cipher_suite(), Some(CHACHA));
        let (client, server) = (rig.client.clone(), rig.server.clone());
        rig.server = server.clone().cipher_suites([CHACHA]).unwrap();
        assert_eq!(rig.kind(), FULL);
        rig.server = server;
        // The suite of the session, though the server would rather have another.
        let again = rig.connect();
        assert_eq!((again.client.handshake_kind(), again.client.cipher_suite()), (Some(RESUMED), Some(CHACHA)));
        let aes = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
        rig.client = client.cipher_suites([aes]).unwrap();
        assert_eq!(rig.kind(), FULL);
    }
}

#[test]
fn group_of_the_session_is_reported_though_it_would_not_be_chosen_now() {
    for mut rig in Rig::both_ways() {
        let server = rig.server.clone();
        rig.server = server.clone().groups([NamedGroup::secp384r1]).unwrap();
        assert_eq!(rig.connect().client.group(), Some(NamedGroup::secp384r1));
        rig.server = server;
        let again = rig.connect();
        assert_eq!(again.client.handshake_kind(), Some(RESUMED));
        assert_eq!(again.client.group(), Some(NamedGroup::secp384r1));
        assert_eq!(again.server.group(), Some(NamedGroup::secp384r1));
    }
}

#[test]
fn client_with_other_roots_offers_no_session() {
    for mut rig in Rig::both_ways() {
        assert_eq!(rig.kind(), FULL);
        let mut roots = rig.authority.roots();
        roots.add_der(&Authority::new().certificate).unwrap();
        let wider = ClientConfig::new(roots).versions([ProtocolVersion::TLSv1_2]).unwrap();
        let shared = Arc::new(MemoryClientSessions::new(8, 2));
        rig.client = rig.client.clone().session_store(shared.clone());
        assert_eq!([rig.kind(), rig.kind()], [FULL, RESUMED]);
        rig.client = wider.clock(rig.watch.clone()).session_store(shared);
        assert_eq!([rig.kind(), rig.kind()], [FULL, RESUMED]);
    }
}

#[test]
fn keys_of_another_secret_and_an_empty_store_lead_to_full_handshakes() {
    for rig in Rig::both_ways() {
        assert_eq!([rig.kind(), rig.kind()], [FULL, RESUMED]);
        let fresh = Rig { server: rig.server.clone().tickets(ticket_keys()), ..rig };
        let fresh = Rig { server: fresh.server.clone().session_store(Arc::new(MemoryServerSessions::new(8))), ..fresh };
        assert_eq!([fresh.kind(), fresh.kind()], [FULL, RESUMED]);
    }
}

#[test]
fn servers_with_one_ticket_secret_resume_each_others_sessions() {
    let mut rig = Rig::new();
    let plain = rig.server.clone();
    let of_secret = |secret: [u8; 32]| Arc::new(TicketKeys::from_shared_secret(provider(), &secret, PERIOD).unwrap());
    for (secret, expected) in [([1; 32], FULL), ([1; 32], RESUMED), ([2; 32], FULL), ([2; 32], RESUMED)] {
        rig.server = plain.clone().tickets(of_secret(secret));
        assert_eq!(rig.kind(), expected);
    }
}

/// Cannot seal.
#[derive(Debug)]
struct Unsealing;

impl SealTickets for Unsealing {
    fn seal(&self, _: &ServerSession, _: Time) -> Option<Vec<u8>> {
        None
    }

    fn open(&self, _: &[u8], _: Time) -> Decision<Option<Box<ServerSession>>> {
        panic!("there is no ticket to open")
    }
}

#[test]
fn ticket_that_cannot_be_sealed_is_an_empty_one_and_nothing_is_kept() {
    let mut rig = Rig::new();
    rig.server = rig.server.clone().tickets(Arc::new(Unsealing));
    assert_eq!([rig.kind(), rig.kind()], [FULL; 2]);
}

/// Opens late.
#[derive(Debug)]
struct Late(Arc<TicketKeys>);

impl SealTickets for Late {
    fn seal(&self, session: &ServerSession, now: Time) -> Option<Vec<u8>> {
        SealTickets::seal(&*self.0, session, now)
    }

    fn open(&self, _: &[u8], _: Time) -> Decision<Option<Box<ServerSession>>> {
        Decision::Later
    }
}

/// Answers late.
#[derive(Debug)]
struct LateStore(MemoryServerSessions);

impl ServerSessionStore for LateStore {
    fn put(&self, id: &[u8; 32], session: &ServerSession) {
        ServerSessionStore::put(&self.0, id, session);
    }

    fn get(&self, _: &[u8]) -> Decision<Option<Box<ServerSession>>> {
        Decision::Later
    }

    fn take(&self, _: &[u8]) -> Decision<Option<Box<ServerSession>>> {
        panic!("TLS 1.2 takes no session out")
    }
}

#[derive(Debug)]
struct LateClientStore(MemoryClientSessions);

impl ClientSessionStore for LateClientStore {
    fn put(&self, of: &ClientSessionQuery, session: Box<ClientSession>) {
        ClientSessionStore::put(&self.0, of, session);
    }

    fn take(&self, _: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        Decision::Later
    }
}

fn now<T>(decision: Decision<T>) -> T {
    match decision {
        Decision::Now(value) => value,
        Decision::Later | Decision::Refuse(_) => panic!("an answer at once was expected"),
    }
}

/// Runs a connection whose sessions are found late; `found` says whether the server's is.
fn connect_late(rig: &Rig, keys: &TicketKeys, stores: (&LateStore, &LateClientStore), found: bool) -> Pair {
    let mut pair = Pair::new(rig.client.clone(), rig.server.clone());
    let answer = &mut |connection: &mut bulla::Connection, question: bulla::Question| {
        let answer = match &question.kind {
            QuestionKind::FindClientSession(query) => {
                Answer::ClientSession(now(ClientSessionStore::take(&stores.1.0, query)))
            }
            QuestionKind::FindServerSession(_) if !found => Answer::ServerSession(None),
            QuestionKind::FindServerSession(query) => Answer::ServerSession(match query.place {
                SessionPlace::Ticket => now(SealTickets::open(keys, &query.identity, query.now)),
                SessionPlace::Store => now(ServerSessionStore::get(&stores.0.0, &query.identity)),
                other => panic!("{other:?}"),
            }),
            other => panic!("{other:?}"),
        };
        // An answer of another kind changes nothing.
        assert!(connection.answer(question.id, Answer::EarlyData(true)).is_err());
        connection.answer(question.id, answer).unwrap();
    };
    loop {
        feed_with(&mut pair.client, &mut pair.to_client, &mut pair.client_seen, answer).unwrap();
        pair.to_server.extend(output(&mut pair.client));
        feed_with(&mut pair.server, &mut pair.to_server, &mut pair.server_seen, answer).unwrap();
        pair.to_client.extend(output(&mut pair.server));
        if pair.to_client.is_empty() && pair.client.is_established() && pair.server.is_established() {
            return works(pair);
        }
    }
}

#[test]
fn late_answers_of_both_ends_resume_like_those_at_once() {
    for with_tickets in [true, false] {
        let mut rig = Rig::new();
        let keys = ticket_keys();
        let store = Arc::new(LateStore(MemoryServerSessions::new(8)));
        let client_store = Arc::new(LateClientStore(MemoryClientSessions::new(8, 2)));
        rig.client = rig.client.clone().session_store(client_store.clone());
        rig.server = match with_tickets {
            true => rig.server.clone().tickets(Arc::new(Late(keys.clone()))),
            false => rig.server.clone().session_store(store.clone()),
        };
        let kind = |found| connect_late(&rig, &keys, (&store, &client_store), found).server.handshake_kind();
        assert_eq!(kind(true), Some(FULL));
        assert_eq!(kind(true), Some(RESUMED));
        assert_eq!(kind(false), Some(FULL));
        assert_eq!(kind(true), Some(RESUMED));
    }
}

#[test]
fn store_under_flood_stays_within_its_size_and_the_last_session_is_there() {
    let mut rig = Rig::new();
    let store = Arc::new(MemoryServerSessions::new(4));
    rig.server = rig.server.clone().session_store(store.clone());
    let first = rig.client.clone().session_store(Arc::new(MemoryClientSessions::new(1, 1)));
    assert_eq!(works(Pair::established(first.clone(), rig.server.clone())).client.handshake_kind(), Some(FULL));
    for _ in 0..20 {
        let own = rig.client.clone().session_store(Arc::new(MemoryClientSessions::new(1, 1)));
        assert_eq!(works(Pair::established(own, rig.server.clone())).client.handshake_kind(), Some(FULL));
    }
    // Pushed out long ago, by strangers.
    assert_eq!(works(Pair::established(first.clone(), rig.server.clone())).client.handshake_kind(), Some(FULL));
    assert_eq!(works(Pair::established(first, rig.server.clone())).client.handshake_kind(), Some(RESUMED));
}

#[test]
fn session_is_read_back_by_another_process_with_the_same_configuration() {
    for rig in Rig::both_ways() {
        let store = Arc::new(MemoryClientSessions::new(1, 1));
        let client = rig.client.clone().session_store(store.clone());
        works(Pair::established(client.clone(), rig.server.clone()));
        let written = client.write_session(&taken(&client, &store)).unwrap();
        let elsewhere = Arc::new(MemoryClientSessions::new(1, 1));
        let other = rig.client.clone().session_store(elsewhere.clone());
        let read = other.read_session(written.expose()).unwrap();
        ClientSessionStore::put(&*elsewhere, &query_of(&other), Box::new(read));
        assert_eq!(works(Pair::established(other, rig.server.clone())).client.handshake_kind(), Some(RESUMED));
    }
}

/// Remembers what it was asked for.
#[derive(Debug, Default)]
struct Asked(std::sync::Mutex<Option<ClientSessionQuery>>);

impl ClientSessionStore for Asked {
    fn put(&self, _: &ClientSessionQuery, _: Box<ClientSession>) {}

    fn take(&self, of: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        *self.0.lock().unwrap() = Some(of.clone());
        Decision::Now(None)
    }
}

fn query_of(client: &ClientConfig) -> ClientSessionQuery {
    let asked = Arc::new(Asked::default());
    drop(bulla::ClientConnection::new(Arc::new(client.clone().session_store(asked.clone())), pair::name()).unwrap());
    let query = asked.0.lock().unwrap().clone();
    query.unwrap()
}

fn taken(client: &ClientConfig, store: &MemoryClientSessions) -> ClientSession {
    *now(ClientSessionStore::take(store, &query_of(client))).expect("a session should be there")
}

#[test]
fn application_can_refuse_at_each_question() {
    let mut rig = Rig::new();
    let keys = ticket_keys();
    rig.server = rig.server.clone().tickets(Arc::new(Late(keys)));
    assert_eq!(rig.kind(), FULL);
    let mut pair = Pair::new(rig.client.clone(), rig.server.clone());
    pair.to_server.extend(output(&mut pair.client));
    let mut refused = None;
    feed_with(&mut pair.server, &mut pair.to_server, &mut pair.server_seen, &mut |connection, question| {
        assert_eq!(connection.state(), "AskSession");
        refused = connection.answer(question.id, Answer::Refuse(AlertDescription::access_denied)).err();
    })
    .unwrap_err();
    assert_eq!(refused, Some(Error::Refused(AlertDescription::access_denied)));
}
