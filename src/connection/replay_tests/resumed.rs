//! RFC 8448 §4: the session of §3 is resumed, with early data. Its ticket, PSK and age are what the two traces say.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::sync::Mutex;

use super::player::play;
use super::script::{Hello, Script};
use super::{Log, body};
use crate::clock::Time;
use crate::config::recorded::Recorded;
use crate::config::{
    AntiReplay, ClientConfig, ClientSessionQuery, ClientSessionStore, Decision, SealTickets, ServerConfig,
};
use crate::connection::{ClientConnection, Event, ServerConnection};
use crate::crypto::Secret;
use crate::handshake::{EarlyData, HandshakeKind};
use crate::keys::{EarlySecret, PskKind, Transcript};
use crate::resume::{ClientSession, MemoryStrikeRegister, ServerSession};
use crate::support::trace::{Actor, RESUMED};
use crate::verify::PeerChain;
use crate::wire::{
    CertificateType, ClientExtension, ClientHello, EncryptedExtension, EncryptedExtensions, HandshakeType,
    NewSessionTicket, NewSessionTicketExtension, ProtocolVersion, ServerExtension, ServerHello, read_all,
};

/// The connection whose session is resumed.
const FULL: &str = "rfc8448_simple_1rtt";

/// When the ticket was made. The traces name no time: the age of the ticket is all that counts.
const CREATED: Time = Time::from_secs(1_767_225_600);

/// What both traces tell of the session between them.
struct Ticket {
    bytes: Vec<u8>,
    psk: Vec<u8>,
    lifetime: u32,
    age_add: u32,
    max_early_data: u32,
    /// How old the ticket is when it is shown, in milliseconds.
    age: u64,
}

impl Ticket {
    fn read(script: &Script) -> Self {
        let full = Script::load(FULL);
        let message = full.trace.said(Actor::Server, &[HandshakeType::new_session_ticket]).next().unwrap();
        let message: NewSessionTicket<'_> = read_all(body(message)).unwrap();
        let [NewSessionTicketExtension::EarlyData(max_early_data)] = message.extensions[..] else { panic!() };
        let [(identity, obfuscated_age)] = &script.first_hello().psks[..] else { panic!("not one PSK") };
        assert_eq!(identity, message.ticket);
        let psk = script.trace.secret("psk").to_vec();
        assert_eq!(psk, full.trace.secret("resumption_psk"), "the PSK is not that of the ticket");
        Self {
            bytes: message.ticket.to_vec(),
            psk,
            lifetime: message.ticket_lifetime,
            age_add: message.ticket_age_add,
            max_early_data,
            age: obfuscated_age.wrapping_sub(message.ticket_age_add).into(),
        }
    }

    fn shown(&self) -> Time {
        Time::from_millis(CREATED.as_millis() + self.age)
    }
}

/// Opens one ticket.
struct OneTicket {
    ticket: Vec<u8>,
    session: Secret,
}

impl fmt::Debug for OneTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTicket")
    }
}

impl SealTickets for OneTicket {
    fn seal(&self, _: &ServerSession, _: Time) -> Option<Vec<u8>> {
        panic!("a ticket that nobody asked for")
    }

    fn open(&self, ticket: &[u8], _: Time) -> Decision<Option<Box<ServerSession>>> {
        let session = ServerSession::from_bytes(self.session.expose()).filter(|_| ticket == self.ticket);
        Decision::Now(session.map(Box::new))
    }
}

/// Gives a server that session, and lets it take early data that the register has not seen.
fn knows(ticket: &Ticket, script: &Script, register: &Arc<MemoryStrikeRegister>, config: ServerConfig) -> ServerConfig {
    let session = ServerSession {
        version: ProtocolVersion::TLSv1_3,
        cipher_suite: script.suite().id,
        secret: Secret::copy_from(&ticket.psk),
        group: script.group,
        record_limit: 0,
        server_end_point: None,
        created: CREATED,
        lifetime: ticket.lifetime,
        authenticated: CREATED,
        configuration: config.binding().unwrap(),
        server_name: Some("server".into()),
        application_protocol: None,
        client_chain: PeerChain::default(),
        server_certificate_type: CertificateType::X509,
        client_scheme: None,
        extended_master_secret: true,
        ticket_age_add: ticket.age_add,
        max_early_data: ticket.max_early_data,
        early_data_realm: register.realm(),
    };
    let known = OneTicket { ticket: ticket.bytes.clone(), session: session.to_bytes().unwrap() };
    // The trace's server sends no further tickets.
    let config = config.clock(Arc::new(ticket.shown())).tickets(Arc::new(known)).tickets_per_handshake(0);
    config.early_data(ticket.max_early_data, AntiReplay::StrikeRegister(Arc::clone(register) as _)).unwrap()
}

/// The words of another stack's lists; everything else must come out of us.
const IN_RECORDED_WORDS: [HandshakeType; 2] = [HandshakeType::server_hello, HandshakeType::encrypted_extensions];

fn server(script: &Script, log: &Arc<Log>, register: &Arc<MemoryStrikeRegister>) -> (ServerConnection, Arc<Recorded>) {
    let ticket = Ticket::read(script);
    let config = knows(&ticket, script, register, script.server_config(log));
    script.server_of(config, &IN_RECORDED_WORDS)
}

fn register() -> Arc<MemoryStrikeRegister> {
    Arc::new(MemoryStrikeRegister::new([8; 16], 8))
}

#[test]
fn server_replays_the_resumption_of_rfc_8448_with_its_early_data_record_for_record() {
    let (script, log) = (Script::load(RESUMED), Arc::default());
    let (mut server, recorded) = server(&script, &log, &register());
    play(&script, Actor::Server, &mut server);
    log.check(&script);
    assert_eq!(server.handshake_kind(), Some(HandshakeKind::Resumed));
    assert_eq!(server.early_data(), EarlyData::Accepted);
    assert_eq!((server.server_name(), server.group()), (Some("server"), Some(script.group)));
    assert!(server.peer_certificates().is_empty() && !server.hello_retried());
    let said = recorded.said();
    let [server_hello, encrypted_extensions] = &said[..] else { panic!("{} messages", said.len()) };
    // The same ServerHello, whose extensions stand in another order.
    let [ours, theirs] = [&server_hello.0, &server_hello.1].map(|message| {
        let mut hello: ServerHello<'_> = read_all(body(message)).unwrap();
        hello.extensions.as_mut().unwrap().sort_by_key(|extension| extension.extension_type().0);
        hello
    });
    assert!(ours.extensions.iter().flatten().any(|extension| *extension == ServerExtension::PreSharedKey(0)));
    assert_eq!(ours, theirs);
    let [ours, theirs] = [&encrypted_extensions.0, &encrypted_extensions.1]
        .map(|message| read_all::<EncryptedExtensions<'_>>(body(message)).unwrap());
    let answers = [EncryptedExtension::RecordSizeLimit(0x4001), EncryptedExtension::EarlyData];
    assert_eq!(ours.extensions, answers);
    assert!(answers.iter().all(|answer| theirs.extensions.contains(answer)));
}

/// A client's store with room for one session.
#[derive(Debug, Default)]
struct Shelf(Mutex<Option<(ClientSessionQuery, Box<ClientSession>)>>);

impl ClientSessionStore for Shelf {
    fn put(&self, of: &ClientSessionQuery, session: Box<ClientSession>) {
        assert!(self.0.lock().unwrap().replace((of.clone(), session)).is_none(), "a second session");
    }

    fn take(&self, of: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        let stored = self.0.lock().unwrap().take_if(|(stored, _)| stored == of);
        Decision::Now(stored.map(|(_, session)| session))
    }
}

/// Plays the client of a trace with this store at this time.
fn play_client(file: &str, shelf: &Arc<Shelf>, now: Time) -> (Script, ClientConnection, Arc<Recorded>) {
    let (script, log) = (Script::load(file), Arc::default());
    let keeps =
        |config: ClientConfig| config.clock(Arc::new(now)).early_data(true).session_store(Arc::clone(shelf) as _);
    let (mut client, recorded) = script.client_with(&log, keeps);
    play(&script, Actor::Client, &mut client);
    log.check(&script);
    (script, client, recorded)
}

#[test]
fn client_replays_the_resumption_of_rfc_8448_with_the_session_that_it_kept_record_for_record() {
    let shelf = Arc::default();
    let (full, first, _) = play_client(FULL, &shelf, CREATED);
    assert_eq!((first.handshake_kind(), first.early_data()), (Some(HandshakeKind::Full), EarlyData::NotOffered));

    // What was kept is what the other trace goes on with.
    let ticket = Ticket::read(&Script::load(RESUMED));
    {
        let kept = shelf.0.lock().unwrap();
        let (_, session) = kept.as_ref().unwrap();
        assert_eq!(session.secret.expose(), ticket.psk);
        assert_eq!(session.ticket, ticket.bytes);
        assert_eq!((session.lifetime, session.max_early_data), (ticket.lifetime, ticket.max_early_data));
    }
    let (script, second, recorded) = play_client(RESUMED, &shelf, ticket.shown());
    assert!(shelf.0.lock().unwrap().is_none(), "the ticket could be used again");
    assert_eq!((second.handshake_kind(), second.early_data()), (Some(HandshakeKind::Resumed), EarlyData::Accepted));
    assert_eq!(second.peer_certificates(), full.credentials[&Actor::Server].chain);

    // Our own hello would have had the same PSK, age, share and name, and a binder over its own words.
    let said = recorded.said();
    let [(ours, theirs)] = &said[..] else { panic!("{} hellos", said.len()) };
    assert_eq!(Hello::read(ours), Hello::read(theirs));
    assert!(Hello::read(ours).early_data);
    let (binder, due) = binders(&script, ours);
    assert_eq!(binder, due);
}

#[test]
fn flight_of_rfc_8448_that_comes_again_is_resumed_without_its_early_data() {
    let (script, register) = (Script::load(RESUMED), register());
    for accepted in [true, false] {
        let (mut server, _) = server(&script, &Arc::default(), &register);
        let [hello, early] = [0, 1].map(|index| &script.trace.records[index]);
        let _ = server.receive(&mut hello.bytes.clone()).unwrap();
        let outcome = if accepted { EarlyData::Accepted } else { EarlyData::Rejected };
        assert_eq!(server.early_data(), outcome);
        match server.receive(&mut early.bytes.clone()).unwrap().event {
            Event::EarlyData { plaintext, .. } if accepted => assert_eq!(plaintext, early.payload),
            Event::Progress if !accepted => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(register.len(), 1);
    }
}

/// The binder of a hello, and the one that the PSK of the trace makes it have. RFC 8446 §4.2.11.2.
fn binders(script: &Script, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let provider = crate::crypto::ring::provider();
    let hello: ClientHello<'_> = read_all(body(message)).unwrap();
    let Some(ClientExtension::PreSharedKey(offered)) = hello.extensions.iter().flatten().last() else { panic!() };
    let [binder] = &offered.binders[..] else { panic!("{} binders", offered.binders.len()) };
    let (truncated, _) = message.split_at(message.len() - 2 - 1 - binder.0.len());
    let mut transcript = Transcript::new(&*provider, script.suite().hash).unwrap();
    transcript.add(truncated);
    let psk = Secret::copy_from(script.trace.secret("psk"));
    let early_secret = EarlySecret::with_psk(&*provider, script.suite(), &psk).unwrap();
    let due = early_secret.binder(&*provider, PskKind::Resumption, &transcript.current()).unwrap();
    (binder.0.to_vec(), due.as_ref().to_vec())
}

#[test]
fn recorded_hello_of_rfc_8448_has_the_binder_that_its_psk_makes() {
    let script = Script::load(RESUMED);
    let (binder, due) = binders(&script, &script.trace.records[0].payload);
    assert_eq!(binder, due);
    assert_eq!((Ticket::read(&script).age, Ticket::read(&script).lifetime), (6, 30));
}
