//! Servers that resume, each in its own way, and a client's store: all of it watched, so that a model can say what they know.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use bulla::clock::{Clock, Time};
use bulla::config::{
    AntiReplay, ClientSessionQuery, ClientSessionStore, Decision, SealTickets, ServerSessionStore, StrikeRegister,
};
use bulla::crypto::ring::provider;
use bulla::pki_types::CertificateDer;
use bulla::resume::{
    ClientSession, MemoryClientSessions, MemoryServerSessions, MemoryStrikeRegister, ServerSession, TicketKeys,
};
use bulla::wire::NamedGroup;
use bulla::{ClientAuth, ClientConfig, Identity, Roots, ServerConfig};

use super::lives::{Asks, NAMES, PROTOCOLS, SERVERS};
use super::pair::{Authority, KeyKind};

/// A clock that the test sets, and one server's error of it. In milliseconds.
#[derive(Clone, Debug)]
pub struct Hands {
    pub true_time: Arc<AtomicU64>,
    pub error: Arc<AtomicI64>,
}

impl Hands {
    pub fn new(true_time: Arc<AtomicU64>) -> Self {
        Self { true_time, error: Arc::default() }
    }

    pub fn millis(&self) -> u64 {
        self.true_time.load(Ordering::Relaxed).saturating_add_signed(self.error.load(Ordering::Relaxed))
    }
}

impl Clock for Hands {
    fn now(&self) -> Option<Time> {
        Some(Time::from_millis(self.millis()))
    }
}

pub fn now<T>(decision: Decision<T>) -> T {
    match decision {
        Decision::Now(value) => value,
        Decision::Later | Decision::Refuse(_) => panic!("everything is at hand here"),
    }
}

/// What becomes of a ticket on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
    Nothing,
    Flip(u16),
    Truncate(u8),
}

/// A ticket as the client has it, and whether it is as it was sealed.
#[derive(Clone, Debug)]
pub struct Issued {
    pub identity: Vec<u8>,
    pub is_spoiled: bool,
}

/// Ticket keys that may hand out spoiled tickets.
#[derive(Debug)]
pub struct Sealer {
    keys: TicketKeys,
    pub spoil: Mutex<Spoil>,
    issued: Arc<Mutex<Vec<Issued>>>,
}

impl SealTickets for Sealer {
    fn seal(&self, session: &ServerSession, now: Time) -> Option<Vec<u8>> {
        let mut ticket = self.keys.seal(session, now)?;
        let spoil = *self.spoil.lock().unwrap();
        match spoil {
            Spoil::Nothing => {}
            Spoil::Flip(bit) => {
                let at = usize::from(bit) / 8 % ticket.len();
                ticket[at] ^= 1 << (bit % 8);
            }
            // The names of keys are alike, so that some more must stand there to tell tickets apart.
            Spoil::Truncate(len) => ticket.truncate(24 + usize::from(len) % 64),
        }
        let is_spoiled = spoil != Spoil::Nothing;
        self.issued.lock().unwrap().push(Issued { identity: ticket.clone(), is_spoiled });
        Some(ticket)
    }

    fn max_lifetime(&self) -> u32 {
        self.keys.max_lifetime()
    }

    fn open(&self, ticket: &[u8], now: Time) -> Decision<Option<Box<ServerSession>>> {
        SealTickets::open(&self.keys, ticket, now)
    }
}

/// How many sessions a server's store holds.
pub const STORE_CAPACITY: usize = 3;

/// A bounded store beside a list of what it must hold, the longest unused first.
#[derive(Debug)]
pub struct Keeper {
    memory: MemoryServerSessions,
    held: Mutex<Vec<Vec<u8>>>,
    issued: Arc<Mutex<Vec<Issued>>>,
}

impl Keeper {
    pub fn holds(&self, id: &[u8]) -> bool {
        self.held.lock().unwrap().iter().any(|held| held == id)
    }

    fn find(&self, id: &[u8], stays: bool) -> Option<Box<ServerSession>> {
        let found = now(if stays {
            ServerSessionStore::get(&self.memory, id)
        } else {
            ServerSessionStore::take(&self.memory, id)
        });
        let mut held = self.held.lock().unwrap();
        let at = held.iter().position(|held| held == id);
        assert_eq!(found.is_some(), at.is_some(), "the store has lost or kept what it should not");
        if let Some(at) = at {
            let id = held.remove(at);
            held.extend(stays.then_some(id));
        }
        found
    }
}

impl ServerSessionStore for Keeper {
    fn put(&self, id: &[u8; 32], session: &ServerSession) {
        ServerSessionStore::put(&self.memory, id, session);
        let mut held = self.held.lock().unwrap();
        held.push(id.to_vec());
        if held.len() > STORE_CAPACITY {
            held.remove(0);
        }
        assert_eq!(self.memory.len(), held.len());
        self.issued.lock().unwrap().push(Issued { identity: id.to_vec(), is_spoiled: false });
    }

    fn get(&self, id: &[u8]) -> Decision<Option<Box<ServerSession>>> {
        Decision::Now(self.find(id, true))
    }

    fn take(&self, id: &[u8]) -> Decision<Option<Box<ServerSession>>> {
        Decision::Now(self.find(id, false))
    }
}

/// How many uses a strike register remembers.
pub const REGISTER_CAPACITY: usize = 2;

pub fn register() -> Arc<MemoryStrikeRegister> {
    Arc::new(MemoryStrikeRegister::random(&*provider(), REGISTER_CAPACITY).unwrap())
}

/// What a server keeps sessions in.
#[derive(Clone, Debug)]
pub enum Memory {
    Tickets(Arc<Sealer>, Arc<MemoryStrikeRegister>),
    Store(Arc<Keeper>),
}

/// How much early data the servers take.
pub const MAX_EARLY_DATA: u32 = 1000;

impl Memory {
    /// Ticket keys from a secret of this one octet.
    pub fn tickets(
        secret: u8,
        period: u32,
        register: Arc<MemoryStrikeRegister>,
        issued: &Arc<Mutex<Vec<Issued>>>,
    ) -> Self {
        let keys = TicketKeys::from_shared_secret(provider(), &[secret; 32], period).unwrap();
        Self::Tickets(Arc::new(Sealer { keys, spoil: Mutex::new(Spoil::Nothing), issued: issued.clone() }), register)
    }

    pub fn store(issued: &Arc<Mutex<Vec<Issued>>>) -> Self {
        let memory = MemoryServerSessions::new(STORE_CAPACITY);
        Self::Store(Arc::new(Keeper { memory, held: Mutex::default(), issued: issued.clone() }))
    }

    pub fn register(&self) -> Option<&Arc<MemoryStrikeRegister>> {
        match self {
            Self::Tickets(_, register) => Some(register),
            Self::Store(_) => None,
        }
    }

    pub fn realm(&self) -> Option<[u8; 16]> {
        self.register().map(|register| StrikeRegister::realm(&**register))
    }

    /// The longest lifetime of what is kept here, in seconds.
    pub fn max_lifetime(&self) -> u32 {
        match self {
            Self::Tickets(sealer, _) => sealer.max_lifetime(),
            Self::Store(_) => 604_800,
        }
    }

    pub fn give_to(&self, config: ServerConfig) -> ServerConfig {
        match self {
            Self::Tickets(sealer, register) => {
                let anti_replay = AntiReplay::StrikeRegister(register.clone());
                config.tickets(sealer.clone()).early_data(MAX_EARLY_DATA, anti_replay).unwrap()
            }
            Self::Store(keeper) => {
                config.session_store(keeper.clone()).early_data(MAX_EARLY_DATA, AntiReplay::SingleUse).unwrap()
            }
        }
    }
}

/// How many servers a client's store has room for, and how many sessions of each.
pub const CLIENT_CAPACITY: (usize, usize) = (3, 2);

/// A client's bounded store, and what went in and out. A session is known by its bytes, written out.
#[derive(Debug)]
pub struct Shelf {
    memory: MemoryClientSessions,
    writer: ClientConfig,
    pub seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
pub struct Seen {
    pub queries: Vec<ClientSessionQuery>,
    pub taken: Option<Vec<u8>>,
}

impl Shelf {
    pub fn new(writer: ClientConfig) -> Self {
        let memory = MemoryClientSessions::new(CLIENT_CAPACITY.0, CLIENT_CAPACITY.1);
        Self { memory, writer, seen: Mutex::default() }
    }
}

impl ClientSessionStore for Shelf {
    fn put(&self, of: &ClientSessionQuery, session: Box<ClientSession>) {
        ClientSessionStore::put(&self.memory, of, session);
        assert!(self.memory.len() <= CLIENT_CAPACITY.0, "the client's store grows");
        let mut seen = self.seen.lock().unwrap();
        if !seen.queries.contains(of) {
            seen.queries.push(of.clone());
        }
    }

    fn take(&self, of: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        let taken = now(ClientSessionStore::take(&self.memory, of));
        let written = taken.as_ref().map(|session| self.writer.write_session(session).unwrap().expose().to_vec());
        self.seen.lock().unwrap().taken = written;
        Decision::Now(taken)
    }
}

/// Certificates, and configurations that have them, which are made once.
pub struct Certificates {
    pub servers: Authority,
    pub clients: Authority,
    pub server: ServerConfig,
    pub server_chain: Vec<CertificateDer<'static>>,
    pub client: ClientConfig,
    pub client_with_more_roots: ClientConfig,
    pub client_with_certificate: ClientConfig,
    pub client_chain: Vec<CertificateDer<'static>>,
}

pub static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(|| {
    let (servers, clients) = (Authority::new(), Authority::named("Clients"));
    let issue = |authority: &Authority, names: &[&str]| {
        let (leaf, key) = authority.issue(names, KeyKind::Ed25519);
        (Identity::new(vec![leaf.clone()], &key).unwrap(), vec![leaf])
    };
    let (of_server, server_chain) = issue(&servers, &NAMES);
    let (of_client, client_chain) = issue(&clients, &["client.test"]);
    let server = ServerConfig::new(of_server).alpn(PROTOCOLS).unwrap().groups([NamedGroup::x25519]).unwrap();
    let client = |roots: Roots| ClientConfig::new(roots).groups([NamedGroup::x25519]).unwrap();
    let mut more_roots = servers.roots();
    more_roots.add_der(&clients.certificate).unwrap();
    Certificates {
        server,
        server_chain,
        client: client(servers.roots()),
        client_with_more_roots: client(more_roots),
        client_with_certificate: client(servers.roots()).identity(of_client),
        client_chain,
        servers,
        clients,
    }
});

pub struct Server {
    pub hands: Hands,
    pub memory: Memory,
    pub secret: u8,
    pub asks: Asks,
    pub context: u8,
    pub config: Arc<ServerConfig>,
}

/// In seconds, of the ticket keys and of sessions.
pub const PERIODS: [u32; SERVERS] = [3600, 3600, 3600, 0, 604_800];
pub const LIFETIMES: [u32; SERVERS] = [7200, 7200, 600, 604_800, 604_800];

impl Server {
    pub fn configure(&mut self, index: usize) {
        let certificates = &*CERTIFICATES;
        let config = certificates.server.clone().clock(Arc::new(self.hands.clone()));
        let asks = match self.asks {
            Asks::No => ClientAuth::None,
            Asks::Request => ClientAuth::Request(Arc::new(certificates.clients.roots())),
            Asks::Require => ClientAuth::Require(Arc::new(certificates.clients.roots())),
            Asks::RequireOfOthers => ClientAuth::Require(Arc::new(certificates.servers.roots())),
        };
        let config = config.client_auth(asks).session_lifetime(LIFETIMES[index]).session_context([self.context]);
        self.config = Arc::new(self.memory.give_to(config));
    }
}
