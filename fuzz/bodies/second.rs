//! What a first connection has left behind, and configurations that build on it: tickets, stores, external PSKs, early data,
//! cookies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use bulla::clock::Time;
use bulla::config::{AntiReplay, ClientSessionQuery, ClientSessionStore, Decision, SealTickets};
use bulla::crypto::{HashAlgorithm, Suite, SuiteTls12};
use bulla::resume::{
    ClientSession, CookieKeys, ExternalPsk, MemoryServerSessions, MemoryStrikeRegister, ServerSession, TicketKeys,
};
use bulla::wire::{CipherSuite, Handshake, HandshakeType, ProtocolVersion};
use bulla::{
    ClientConfig, ClientConnection, Connection, Event, MAX_RECORD_LEN, ServerConfig, ServerConnection, ServerName,
};

use super::fixed;
use super::watch::Watch;

/// The external PSK, whose hash is that of the suite.
pub const PSK_IDENTITY: &[u8] = b"fuzz";
pub const PSK: &[u8] = &[0x77; 32];

/// How much early data a server takes.
pub const MAX_EARLY_DATA: u32 = 1000;

/// The session of a first connection, as its ends have it.
pub struct Second {
    pub ticket: Vec<u8>,
    pub ticket_age_add: u32,
    pub secret: Vec<u8>,
    /// As the server and as the client write it.
    pub of_server: Vec<u8>,
    pub of_client: Vec<u8>,
}

/// Returns what a connection with this suite has left, which is made once.
pub fn second(suite: CipherSuite) -> &'static Second {
    static MADE: Mutex<Option<HashMap<u16, &'static Second>>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap();
    made.get_or_insert_default().entry(suite.0).or_insert_with(|| Box::leak(Box::new(first_connection(suite))))
}

pub fn hash_of(suite: CipherSuite) -> HashAlgorithm {
    Suite::tls13(suite).or_else(|| Some(SuiteTls12::find(suite)?.suite)).unwrap().hash
}

pub fn ticket_keys() -> Arc<TicketKeys> {
    static KEYS: OnceLock<Arc<TicketKeys>> = OnceLock::new();
    let make = || Arc::new(TicketKeys::from_shared_secret(fixed::provider(), &[1; 32], 3600).unwrap());
    KEYS.get_or_init(make).clone()
}

fn cookie_keys() -> Arc<CookieKeys> {
    static KEYS: OnceLock<Arc<CookieKeys>> = OnceLock::new();
    KEYS.get_or_init(|| Arc::new(CookieKeys::from_shared_secret(fixed::provider(), &[2; 32]).unwrap())).clone()
}

fn external_psk(hash: HashAlgorithm) -> Arc<ExternalPsk> {
    Arc::new(ExternalPsk::new(PSK_IDENTITY, PSK, hash).unwrap())
}

/// Has it all. The strike register is a new one under the old name, so that each run of an input is like the one before.
pub fn server_config(suite: CipherSuite) -> ServerConfig {
    let register = AntiReplay::StrikeRegister(Arc::new(MemoryStrikeRegister::new([9; 16], 4)));
    let config = fixed::server_config().tickets(ticket_keys()).stateless_retry(cookie_keys());
    let config = config.session_store(Arc::new(MemoryServerSessions::new(4)));
    let config = config.psks(Arc::new(vec![external_psk(hash_of(suite))]));
    config.early_data(MAX_EARLY_DATA, register).unwrap()
}

/// Has the session, an external PSK behind it, and early data. What it is given to keep it reads back.
pub fn client_config(suite: CipherSuite) -> ClientConfig {
    let config = fixed::client_config().early_data(true).psk(external_psk(hash_of(suite)));
    let store = OneSession { config: config.clone(), written: second(suite).of_client.clone() };
    config.session_store(Arc::new(store))
}

/// Gives the same session to everybody.
#[derive(Debug)]
struct OneSession {
    config: ClientConfig,
    written: Vec<u8>,
}

impl ClientSessionStore for OneSession {
    fn put(&self, _: &ClientSessionQuery, session: Box<ClientSession>) {
        let written = self.config.write_session(&session).expect("a session that was kept can be written");
        self.config.read_session(written.expose()).expect("what was written is read back");
    }

    fn take(&self, _: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        Decision::Now(self.config.read_session(&self.written).ok().map(Box::new))
    }
}

/// Seals as the keys do, and shows what.
#[derive(Debug, Default)]
struct Sealed(Mutex<Vec<u8>>);

impl SealTickets for Sealed {
    fn seal(&self, session: &ServerSession, now: Time) -> Option<Vec<u8>> {
        *self.0.lock().unwrap() = session.to_bytes()?.expose().to_vec();
        ticket_keys().seal(session, now)
    }

    fn open(&self, _: &[u8], _: Time) -> Decision<Option<Box<ServerSession>>> {
        Decision::Now(None)
    }
}

/// Keeps the newest session, written out.
#[derive(Debug)]
struct Newest {
    config: ClientConfig,
    written: Mutex<Vec<u8>>,
}

impl ClientSessionStore for Newest {
    fn put(&self, _: &ClientSessionQuery, session: Box<ClientSession>) {
        *self.written.lock().unwrap() = self.config.write_session(&session).unwrap().expose().to_vec();
    }

    fn take(&self, _: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        Decision::Now(None)
    }
}

fn first_connection(suite: CipherSuite) -> Second {
    let (watch, sealed) = (Arc::new(Watch::default()), Arc::new(Sealed::default()));
    // As the second client is, but for the PSK, which would be taken here already.
    let config = fixed::client_config().psk(external_psk(hash_of(suite)));
    let newest = Arc::new(Newest { config: config.clone(), written: Mutex::default() });
    let config = config.cipher_suites([suite]).unwrap().observer(watch.clone()).session_store(newest.clone());
    let name = ServerName::try_from(fixed::NAME).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let register = AntiReplay::StrikeRegister(Arc::new(MemoryStrikeRegister::new([9; 16], 1)));
    let config = fixed::server_config().cipher_suites([suite]).unwrap().tickets(sealed.clone());
    let config = config.tickets_per_handshake(1).early_data(MAX_EARLY_DATA, register).unwrap();
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    while client.has_output() || server.has_output() {
        pass_on(&mut client, &mut server);
        pass_on(&mut server, &mut client);
    }
    assert!(client.is_established() && server.is_established());

    let version = client.protocol_version().unwrap();
    let message = watch.first_of(HandshakeType::new_session_ticket).unwrap();
    let (ticket, ticket_age_add) = match Handshake::read(&message, version) {
        Ok(Handshake::NewSessionTicket(message)) => (message.ticket.to_vec(), message.ticket_age_add),
        Ok(Handshake::NewSessionTicketTls12(message)) => (message.ticket.to_vec(), 0),
        other => panic!("{other:?}"),
    };
    let of_server = sealed.0.lock().unwrap().clone();
    // Behind the form, the version and the suite.
    let secret = of_server[6..][..usize::from(of_server[5])].to_vec();
    assert_eq!(secret.len(), if version == ProtocolVersion::TLSv1_2 { 48 } else { hash_of(suite).output_len() });
    let of_client = newest.written.lock().unwrap().clone();
    Second { ticket, ticket_age_add, secret, of_server, of_client }
}

/// Lets one end say all that it has to say to the other.
fn pass_on(from: &mut Connection, to: &mut Connection) {
    let (mut out, mut wire) = (vec![0; MAX_RECORD_LEN], Vec::new());
    loop {
        match from.take_output(&mut out).unwrap() {
            [] => break,
            written => wire.extend_from_slice(written),
        }
    }
    loop {
        let received = to.receive(&mut wire).unwrap();
        let (used, more) = (received.used, !matches!(received.event, Event::NeedMore { .. } | Event::Waiting));
        wire.drain(..used);
        if !more {
            return;
        }
    }
}
