//! Random lives of a client and five servers, against a model that says which session may be resumed and which early data
//! may be taken.
//!
//! Servers 0 and 1 share ticket secret and strike register; server 2 has their secret and a register of its own; server 3
//! keeps sessions in a store, whence early data is taken by single use; server 4 has another secret and long periods.

#![cfg(feature = "tls12")]

#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/lives.rs"]
mod lives;
#[path = "support/pair.rs"]
mod pair;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bulla::config::{ClientSessionQuery, ClientSessionStore};
use bulla::resume::{MAX_SESSION_LIFETIME, MemoryStrikeRegister, SessionRefused};
use bulla::{
    ClientConfig, ClientConnection, EarlyData, Error, HandshakeKind, MAX_RECORD_LEN, ServerConnection, ServerName,
};
use fleet::{
    CERTIFICATES, Hands, Issued, LIFETIMES, MAX_EARLY_DATA, Memory, PERIODS, REGISTER_CAPACITY, Server, Shelf, now,
    register,
};
use lives::{Asks, Connect, Counts, NAMES, PROTOCOLS, Rewrite, SERVERS, Step, VERSIONS, Who, step};
use pair::{NOW, Pair, Seen, data, feed, output, send};
use proptest::test_runner::{Config, TestRunner};

/// What a client of TLS 1.2 goes by where the server does not say: an id comes without a lifetime. In seconds.
const UNSAID_LIFETIME: u32 = 7200;

/// What the model knows of a session.
#[derive(Clone, Debug)]
struct Known {
    issued: Issued,
    version: usize,
    /// By the clocks of the server and of the client, in milliseconds.
    created: u64,
    received: u64,
    /// When the full handshake was, by the same clocks.
    authenticated: (u64, u64),
    /// In seconds, for the server and for the client.
    lifetime: (u32, u32),
    server: usize,
    secret: u8,
    asks: Asks,
    context: u8,
    client: Who,
    name: usize,
    protocol: Option<usize>,
    realm: Option<[u8; 16]>,
}

/// A first flight with early data.
struct Flight {
    bytes: Vec<u8>,
    early: Vec<u8>,
    session: Known,
    /// How old the client says the session is, in milliseconds.
    age: u64,
    times_accepted: usize,
}

struct World {
    time: Arc<AtomicU64>,
    client_hands: Hands,
    shared_register: Arc<MemoryStrikeRegister>,
    issued: Arc<Mutex<Vec<Issued>>>,
    servers: Vec<Server>,
    shelf: Arc<Shelf>,
    clients: HashMap<(Who, usize, Option<usize>, bool), Arc<ClientConfig>>,
    known: Vec<Known>,
    /// Whose query in the shelf it is.
    queries: Vec<(ClientSessionQuery, Who)>,
    flights: Vec<Flight>,
    /// Whether a clock was wrong at some time: a register goes by the latest time that it was told.
    was_misset: bool,
    connections: usize,
    counts: Counts,
}

impl World {
    fn new() -> Self {
        let time = Arc::new(AtomicU64::new(NOW.as_millis()));
        let (shared_register, issued) = (register(), Arc::<Mutex<Vec<Issued>>>::default());
        let writer = CERTIFICATES.client.clone();
        let mut world = Self {
            client_hands: Hands::new(time.clone()),
            shared_register,
            issued,
            servers: Vec::new(),
            shelf: Arc::new(Shelf::new(writer)),
            clients: HashMap::new(),
            known: Vec::new(),
            queries: Vec::new(),
            flights: Vec::new(),
            was_misset: false,
            connections: 0,
            counts: Counts::default(),
            time,
        };
        for index in 0..SERVERS {
            let (secret, asks) = (if index == 4 { 9 } else { 1 }, Asks::No);
            let (hands, memory) = (Hands::new(world.time.clone()), world.memory(index, secret));
            let config = Arc::new(CERTIFICATES.server.clone());
            world.servers.push(Server { hands, memory, secret, asks, context: 0, config });
            world.servers[index].configure(index);
        }
        world
    }

    fn memory(&self, index: usize, secret: u8) -> Memory {
        match index {
            // The register is a server of its own, and lives on.
            0 | 1 => Memory::tickets(secret, PERIODS[index], self.shared_register.clone(), &self.issued),
            3 => Memory::store(&self.issued),
            _ => Memory::tickets(secret, PERIODS[index], register(), &self.issued),
        }
    }

    fn client(&mut self, who: Who, version: usize, protocol: Option<usize>, early: bool) -> Arc<ClientConfig> {
        let (hands, shelf) = (self.client_hands.clone(), self.shelf.clone());
        let make = || {
            let config = match who {
                Who::Plain => &CERTIFICATES.client,
                Who::WithMoreRoots => &CERTIFICATES.client_with_more_roots,
                Who::WithCertificate => &CERTIFICATES.client_with_certificate,
            };
            let config = config.clone().clock(Arc::new(hands)).versions([VERSIONS[version]]).unwrap();
            let mut config = config.session_store(shelf).early_data(early);
            if let Some(protocol) = protocol {
                config = config.alpn([PROTOCOLS[protocol]]).unwrap();
            }
            Arc::new(config)
        };
        self.clients.entry((who, version, protocol, early)).or_insert_with(make).clone()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Connect(connect) => self.connect(connect),
            Step::Wait(millis) => {
                self.time.fetch_add(millis, Ordering::Relaxed);
            }
            Step::Misset(server, seconds) => {
                self.was_misset = true;
                self.servers[server].hands.error.store(i64::from(seconds) * 1000, Ordering::Relaxed);
            }
            Step::Restart(server, secret) => {
                let secret = if server == 4 { 9 + secret } else { secret };
                self.servers[server].memory = self.memory(server, secret);
                self.servers[server].secret = secret;
                self.servers[server].configure(server);
            }
            Step::Reconfigure(server, asks, context) => {
                self.servers[server].asks = asks;
                self.servers[server].context = context;
                self.servers[server].configure(server);
            }
            Step::Spoil(server, spoil) => {
                if let Memory::Tickets(sealer, _) = &self.servers[server].memory {
                    *sealer.spoil.lock().unwrap() = spoil;
                }
            }
            Step::Rewrite(query, rewrite) => self.rewrite(query, rewrite),
            Step::Replay(flight, server, bit) => self.replay(flight, server, bit),
        }
        for register in self.servers.iter().filter_map(|server| server.memory.register()) {
            assert!(register.len() <= REGISTER_CAPACITY, "a strike register grows");
        }
    }

    /// What the model knows of the session that the client has just taken. The longest identity in it is its own.
    fn taken(&self) -> Option<Known> {
        let written = self.shelf.seen.lock().unwrap().taken.take()?;
        let is_of = |known: &&Known| {
            let identity = &known.issued.identity;
            written.windows(identity.len()).any(|window| window == identity)
        };
        Some(self.known.iter().filter(is_of).max_by_key(|known| known.issued.identity.len()).unwrap().clone())
    }

    fn client_offers(&self, known: &Known, connect: Connect) -> bool {
        let ends = known.received + u64::from(known.lifetime.1) * 1000;
        known.version == connect.version && self.client_hands.millis() < ends
    }

    fn server_resumes(&self, known: &Known, connect: Connect) -> bool {
        let server = &self.servers[connect.server];
        let is_there = match &server.memory {
            Memory::Tickets(..) => {
                // Keys of another secret, or of other periods, open nothing.
                PERIODS[known.server] == PERIODS[connect.server] && known.secret == server.secret && known.server != 3
            }
            Memory::Store(keeper) => keeper.holds(&known.issued.identity),
        };
        let now = server.hands.millis();
        let is_alive = now + 10_000 >= known.created && now < known.created + u64::from(known.lifetime.0) * 1000;
        let is_same = known.asks == server.asks && known.context == server.context;
        is_there && is_alive && is_same && !known.issued.is_spoiled
    }

    /// RFC 8446 §4.2.10, §8.
    fn may_accept_early_data(&self, known: &Known, connect: Connect) -> bool {
        let age = self.client_hands.millis() - known.received;
        known.realm == self.servers[connect.server].memory.realm()
            && known.protocol == connect.protocol
            && self.is_fresh(known, age, connect.server)
    }

    /// RFC 8446 §8.3.
    fn is_fresh(&self, known: &Known, age: u64, server: usize) -> bool {
        self.servers[server].hands.millis().abs_diff(known.created + age) <= 10_000
    }

    /// Whether the register could do what it may: where it is full, or was told of a later time, it takes nothing.
    fn register_is_in_form(&self, server: usize) -> bool {
        let register = self.servers[server].memory.register();
        !self.was_misset && register.is_none_or(|register| register.len() < REGISTER_CAPACITY)
    }

    fn connect(&mut self, connect: Connect) {
        self.connections += 1;
        let config = self.client(connect.client, connect.version, connect.protocol, connect.early);
        let name = ServerName::try_from(NAMES[connect.name]).unwrap();
        let mut pair = Pair {
            client: ClientConnection::new(config, name).unwrap(),
            server: ServerConnection::new(self.servers[connect.server].config.clone()).unwrap(),
            client_seen: Vec::new(),
            server_seen: Vec::new(),
            to_server: Vec::new(),
            to_client: Vec::new(),
        };
        let known = self.taken();
        let offered = known.as_ref().filter(|known| self.client_offers(known, connect));
        if let Some(known) = &known {
            assert_eq!((known.client, known.name), (connect.client, connect.name), "a session of somebody else");
        }
        let resumes = offered.filter(|known| self.server_resumes(known, connect)).cloned();

        // 1. Early data, where the session allows it.
        let flight = self.send_early(&mut pair, offered.cloned(), connect);
        if connect.is_lost {
            return;
        }
        let may_accept = resumes.as_ref().is_some_and(|known| self.may_accept_early_data(known, connect));
        let must_accept = may_accept && self.register_is_in_form(connect.server);

        // 2. The handshake comes out as the model says.
        self.issued.lock().unwrap().clear();
        let ended = pair.run();
        let asks = self.servers[connect.server].asks;
        let is_let_in = match asks {
            Asks::No | Asks::Request => true,
            Asks::Require => connect.client == Who::WithCertificate,
            Asks::RequireOfOthers => false,
        };
        if !is_let_in {
            assert!(resumes.is_none() && matches!(ended, Err(("server", _))), "{ended:?}");
            assert!(self.issued.lock().unwrap().is_empty(), "a session of one who was not let in");
            self.counts.refused += 1;
            return;
        }
        ended.unwrap();
        let kind = if resumes.is_some() { HandshakeKind::Resumed } else { HandshakeKind::Full };
        self.check_ends(&pair, connect, kind);
        match &resumes {
            Some(_) => self.counts.resumed[connect.version] += 1,
            None => self.counts.full += 1,
        }

        // 3. Early data is taken once and nowhere else, or is said to be lost.
        let outcome = pair.client.early_data();
        assert_eq!(outcome, pair.server.early_data(), "one end believes what the other does not");
        let mut expected = Vec::new();
        match flight {
            None => assert_eq!(outcome, EarlyData::NotOffered),
            Some(index) if outcome == EarlyData::Accepted => {
                assert!(may_accept, "early data was accepted against the model");
                self.accept(index, &pair.server_seen);
                self.counts.accepted += 1;
            }
            Some(index) => {
                assert_eq!(outcome, EarlyData::Rejected);
                assert!(!must_accept, "early data was rejected against the model");
                assert!(early(&pair.server_seen).is_empty());
                expected.clone_from(&self.flights[index].early);
                self.counts.rejected += 1;
            }
        }

        // 4. Data goes both ways, what was lost first.
        expected.extend_from_slice(b"question");
        pair.to_server.extend(send(&mut pair.client, &expected));
        feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
        pair.to_client.extend(send(&mut pair.server, b"answer"));
        feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen).unwrap();
        assert_eq!((data(&pair.server_seen), data(&pair.client_seen)), (expected, b"answer".to_vec()));
        self.remember(connect, resumes.as_ref());
    }

    /// Sends early what may be sent so. Returns the flight's number, if there was any.
    fn send_early(&mut self, pair: &mut Pair, offered: Option<Known>, connect: Connect) -> Option<usize> {
        let room = pair.client.early_data_room();
        // The session's protocol must still be ours.
        let fits = |known: &Known| known.protocol.is_none() || known.protocol == connect.protocol;
        let may_send = connect.early && connect.version == 0 && offered.as_ref().is_some_and(fits);
        assert_eq!(room, if may_send { MAX_EARLY_DATA } else { 0 });
        let session = offered.filter(|_| may_send)?;
        let early = format!("early data of connection {}", self.connections).into_bytes();
        let mut out = vec![0; MAX_RECORD_LEN];
        let sent = pair.client.send_early(&early, &mut out).unwrap();
        assert_eq!(sent.taken, early.len());
        pair.to_server.extend_from_slice(&out[..sent.written]);
        let age = self.client_hands.millis() - session.received;
        self.flights.push(Flight { bytes: pair.to_server.clone(), early, session, age, times_accepted: 0 });
        Some(self.flights.len() - 1)
    }

    /// Some early data has come out of a server.
    fn accept(&mut self, flight: usize, seen: &[Seen]) {
        let flight = &mut self.flights[flight];
        assert_eq!(early(seen), flight.early);
        flight.times_accepted += 1;
        assert_eq!(flight.times_accepted, 1, "a replay was accepted");
    }

    fn check_ends(&self, pair: &Pair, connect: Connect, kind: HandshakeKind) {
        let (client, server) = (&pair.client, &pair.server);
        assert!(client.is_established() && server.is_established());
        assert_eq!([client.handshake_kind(), server.handshake_kind()], [Some(kind); 2], "the model says {kind:?}");
        assert_eq!(client.protocol_version(), Some(VERSIONS[connect.version]));
        let protocol = connect.protocol.map(|protocol| PROTOCOLS[protocol].as_bytes());
        assert_eq!((client.alpn_protocol(), server.alpn_protocol()), (protocol, protocol));
        assert_eq!(server.server_name(), Some(NAMES[connect.name]));
        let certificates = &*CERTIFICATES;
        assert_eq!(client.peer_certificates(), certificates.server_chain);
        let shows = connect.client == Who::WithCertificate && self.servers[connect.server].asks != Asks::No;
        let client_chain = if shows { &certificates.client_chain[..] } else { &[] };
        assert_eq!(server.peer_certificates(), client_chain);
        let mut keys = [[0; 32]; 2];
        client.export(b"EXPORTER-model", None, &mut keys[0]).unwrap();
        server.export(b"EXPORTER-model", None, &mut keys[1]).unwrap();
        assert_eq!(keys[0], keys[1]);
    }

    /// Notes the sessions that a connection has left behind.
    fn remember(&mut self, connect: Connect, resumed: Option<&Known>) {
        let server = &self.servers[connect.server];
        let (created, received) = (server.hands.millis(), self.client_hands.millis());
        let authenticated = resumed.map_or((created, received), |known| known.authenticated);
        let left = |authenticated: u64, now: u64| {
            let end = authenticated / 1000 + u64::from(MAX_SESSION_LIFETIME);
            u32::try_from(end.saturating_sub(now / 1000)).unwrap()
        };
        let lifetime = LIFETIMES[connect.server].min(server.memory.max_lifetime());
        let lifetime = lifetime.min(left(authenticated.0, created));
        let is_by_id = connect.version == 1 && matches!(server.memory, Memory::Store(_));
        let said = if is_by_id { UNSAID_LIFETIME } else { lifetime };
        for issued in std::mem::take(&mut *self.issued.lock().unwrap()) {
            assert!(lifetime > 0, "a session without a life");
            self.known.push(Known {
                issued,
                version: connect.version,
                created,
                received,
                authenticated,
                lifetime: (lifetime, said.min(left(authenticated.1, received))),
                server: connect.server,
                secret: server.secret,
                asks: server.asks,
                context: server.context,
                client: connect.client,
                name: connect.name,
                protocol: connect.protocol,
                realm: server.memory.realm(),
            });
        }
        let seen = self.shelf.seen.lock().unwrap();
        for query in seen.queries.iter().skip(self.queries.len()) {
            self.queries.push((query.clone(), connect.client));
        }
    }

    fn rewrite(&mut self, query: u8, rewrite: Rewrite) {
        if self.queries.is_empty() {
            return;
        }
        let (query, owner) = self.queries[usize::from(query) % self.queries.len()].clone();
        let config = self.client(owner, 0, None, false);
        let Some(session) = now(self.shelf.take(&query)) else { return };
        let mut written = config.write_session(&session).unwrap().expose().to_vec();
        let (reader, is_refused) = match rewrite {
            Rewrite::Unaltered(reader) => (reader, reader != owner),
            Rewrite::Flip(bit) => {
                let at = usize::from(bit) / 8 % written.len();
                written[at] ^= 1 << (bit % 8);
                (owner, true)
            }
            Rewrite::Truncate(len) => {
                written.truncate(usize::from(len) % written.len());
                (owner, true)
            }
        };
        let read = self.client(reader, 0, None, false).read_session(&written);
        match read {
            Ok(session) if !is_refused => {
                self.shelf.put(&query, Box::new(session));
                self.counts.read_back += 1;
            }
            Err(SessionRefused::OtherConfiguration) if reader != owner => {}
            Err(error) if is_refused && !matches!(error, SessionRefused::Cryptography(_)) => {}
            Ok(session) => panic!("{session:?} was read back"),
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends a first flight once more. Nothing but its early data may come of it, and that once in all.
    fn replay(&mut self, flight: u8, server: usize, bit: Option<u16>) {
        if self.flights.is_empty() {
            return;
        }
        // One of the last, for early data is soon too old.
        let index = self.flights.len() - 1 - usize::from(flight) % self.flights.len().min(3);
        let mut bytes = self.flights[index].bytes.clone();
        if let Some(bit) = bit {
            let at = usize::from(bit) / 8 % bytes.len();
            bytes[at] ^= 1 << (bit % 8);
        }
        let mut connection = ServerConnection::new(self.servers[server].config.clone()).unwrap();
        let mut seen = Vec::new();
        let fed = feed(&mut connection, &mut bytes, &mut seen);
        let _ = output(&mut connection);
        assert!(!connection.is_established() && data(&seen).is_empty());
        match fed {
            Ok(()) => {}
            Err(error) if bit.is_some() => assert!(!matches!(error, Error::Misuse(_) | Error::Internal(_)), "{error}"),
            Err(error) => panic!("an honest flight that comes again: {error}"),
        }
        if !early(&seen).is_empty() {
            let flight = &self.flights[index];
            assert!(self.is_fresh(&flight.session, flight.age, server), "old early data was accepted");
            self.accept(index, &seen);
            self.counts.accepted_late += 1;
        }
        self.counts.replayed += 1;
    }
}

fn early(seen: &[Seen]) -> Vec<u8> {
    let bytes = seen.iter().filter_map(|seen| if let Seen::EarlyData(bytes) = seen { Some(&bytes[..]) } else { None });
    bytes.collect::<Vec<_>>().concat()
}

/// Lives through it all.
fn live(steps: &[Step]) -> Counts {
    let mut world = World::new();
    for step in steps {
        world.take(*step);
    }
    world.counts
}

#[test]
fn sessions_are_resumed_as_the_model_says_and_early_data_is_taken_once() {
    // Every other seed would do; what failed once is shrunk and printed, and belongs here as a test of its own.
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let counts = Mutex::new(Counts::default());
    let lives = proptest::collection::vec(step(), 1..40);
    let result = runner.run(&lives, |steps| {
        let lived = live(&steps);
        counts.lock().unwrap_or_else(PoisonError::into_inner).add(&lived);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    // The lives were worth living.
    let counts = counts.into_inner().unwrap();
    println!("{counts:?}");
    let is_whole = runner.config().cases >= 256;
    for (what, seen) in counts.by_name() {
        assert!(seen > 0 || !is_whole, "{what} never came: {counts:?}");
    }
}
