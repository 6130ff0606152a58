//! Every question of both ends and both versions, answered in each of four ways: at once, late, refused at once, refused late.
//!
//! An answer at once and a late one lead to the same connection. A refusal ends it with the alert that the application chose, which
//! the other end receives.

#![cfg(feature = "tls12")]

#[path = "support/pair.rs"]
mod pair;

use std::sync::{Arc, Mutex};

use bulla::clock::Time;
use bulla::config::danger::DangerousVerification;
use bulla::config::{
    AntiReplay, CertificateRequestInfo, ChainToVerify, ChooseClientIdentity, ChooseServerConfig, ChooseServerIdentity,
    ClientHelloInfo, ClientHelloView, ClientSessionQuery, ClientSessionStore, Decision, EarlyDataOffer, FindPsk,
    SealTickets, ServerSessionStore, SessionPlace, Signer, SigningFailed, SigningRequest, StrikeRegister, Verdict,
    VerifyChain,
};
use bulla::crypto::ring::provider;
use bulla::crypto::{HashAlgorithm, SigningKey};
use bulla::resume::{
    ClientSession, ExternalPsk, MemoryClientSessions, MemoryServerSessions, MemoryStrikeRegister, ServerSession,
    TicketKeys,
};
use bulla::wire::{AlertDescription, NamedGroup, ProtocolVersion, SignatureScheme};
use bulla::{
    Answer, ClientAuth, ClientConfig, ClientConnection, Connection, EarlyData, Error, HandshakeKind, Identity,
    Question, QuestionKind, ServerConfig, ServerConnection,
};
use pair::{Authority, KeyKind, NAME, NOW, Pair, data, feed_with, name, output, send};

/// How a question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Now,
    Late,
    RefusedNow,
    RefusedLate,
}

/// What the application refuses with; nothing else here sends it.
const REFUSAL: AlertDescription = AlertDescription::access_denied;

/// What is asked, and by which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    FindClientSession,
    JudgeSession,
    JudgeServer,
    ChooseClientIdentity,
    SignAsClient,
    ChooseServerConfig,
    ChooseServerIdentity,
    SignAsServer,
    JudgeClient,
    OpenTicket,
    LookUpSession,
    FindPsk,
    DecideEarlyData,
}

impl Asked {
    const OF_BOTH_VERSIONS: [Self; 11] = [
        Self::FindClientSession,
        Self::JudgeSession,
        Self::JudgeServer,
        Self::ChooseClientIdentity,
        Self::SignAsClient,
        Self::ChooseServerConfig,
        Self::ChooseServerIdentity,
        Self::SignAsServer,
        Self::JudgeClient,
        Self::OpenTicket,
        Self::LookUpSession,
    ];

    fn all() -> Vec<(Self, ProtocolVersion)> {
        let both = Self::OF_BOTH_VERSIONS.into_iter();
        let both = both.flat_map(|asked| [(asked, ProtocolVersion::TLSv1_3), (asked, ProtocolVersion::TLSv1_2)]);
        both.chain([Self::FindPsk, Self::DecideEarlyData].map(|asked| (asked, ProtocolVersion::TLSv1_3))).collect()
    }

    fn is_of_the_client(self) -> bool {
        use Asked::{ChooseClientIdentity, FindClientSession, JudgeServer, JudgeSession, SignAsClient};
        matches!(self, FindClientSession | JudgeSession | JudgeServer | ChooseClientIdentity | SignAsClient)
    }

    /// What the handshake is like in which this is asked.
    fn kind(self) -> HandshakeKind {
        use Asked::{DecideEarlyData, FindClientSession, FindPsk, JudgeSession, LookUpSession, OpenTicket};
        match self {
            FindPsk => HandshakeKind::ExternalPsk,
            FindClientSession | JudgeSession | OpenTicket | LookUpSession | DecideEarlyData => HandshakeKind::Resumed,
            _ => HandshakeKind::Full,
        }
    }
}

/// One end's every trait: all answers at hand, but for the one question that is answered as the test wants.
#[derive(Debug)]
struct Desk {
    asked: Asked,
    how: Mutex<How>,
    /// How often it was asked, and what for the application then answers.
    count: Mutex<usize>,
    identity: Mutex<Option<Arc<Identity>>>,
    key: Mutex<Option<Arc<dyn SigningKey>>>,
    server: Mutex<Option<Arc<ServerConfig>>>,
    client_sessions: MemoryClientSessions,
    server_sessions: MemoryServerSessions,
    tickets: TicketKeys,
    register: MemoryStrikeRegister,
    psk: Arc<ExternalPsk>,
}

impl Desk {
    fn new(asked: Asked) -> Arc<Self> {
        let psk = ExternalPsk::new(b"a name", &[6; 32], HashAlgorithm::Sha256).unwrap();
        Arc::new(Self {
            asked,
            how: Mutex::new(How::Now),
            count: Mutex::default(),
            identity: Mutex::default(),
            key: Mutex::default(),
            server: Mutex::default(),
            client_sessions: MemoryClientSessions::new(4, 4),
            server_sessions: MemoryServerSessions::new(4),
            tickets: TicketKeys::random(provider(), 86_400).unwrap(),
            register: MemoryStrikeRegister::random(&*provider(), 100).unwrap(),
            psk: Arc::new(psk),
        })
    }

    /// Takes an identity, whose key is this desk's.
    fn employ(self: &Arc<Self>, authority: &Authority, name: &str) {
        let (leaf, key) = authority.issue(&[name], KeyKind::EcdsaP256);
        *self.key.lock().unwrap() = Some(provider().signing_key(&key).unwrap());
        let signer = Arc::clone(self) as Arc<dyn Signer>;
        *self.identity.lock().unwrap() = Some(Arc::new(Identity::with_signer(vec![leaf], signer).unwrap()));
    }

    fn decide<T>(&self, asked: Asked, answer: impl FnOnce() -> T) -> Decision<T> {
        if asked != self.asked {
            return Decision::Now(answer());
        }
        *self.count.lock().unwrap() += 1;
        match *self.how.lock().unwrap() {
            How::Now => Decision::Now(answer()),
            How::RefusedNow => Decision::Refuse(REFUSAL),
            How::Late | How::RefusedLate => Decision::Later,
        }
    }

    fn identity(&self) -> Option<Arc<Identity>> {
        self.identity.lock().unwrap().clone()
    }

    fn signature(&self, request: &SigningRequest) -> Result<Vec<u8>, SigningFailed> {
        let key = self.key.lock().unwrap().clone().unwrap();
        key.sign(&*provider(), request.scheme, &request.message).map_err(|_| SigningFailed)
    }

    fn client_session(&self, of: &ClientSessionQuery) -> Option<Box<ClientSession>> {
        at_hand(self.client_sessions.take(of))
    }

    /// What the application says to a question that was left open.
    fn answer(&self, question: &Question) -> Answer {
        if *self.how.lock().unwrap() == How::RefusedLate {
            return Answer::Refuse(REFUSAL);
        }
        match &question.kind {
            QuestionKind::ChooseServerConfig(_) => Answer::ServerConfig(self.server.lock().unwrap().clone().unwrap()),
            QuestionKind::ChooseServerIdentity(_) | QuestionKind::ChooseClientIdentity(_) => {
                Answer::Identity(self.identity())
            }
            QuestionKind::Sign(request) => Answer::Signature(self.signature(request)),
            QuestionKind::VerifyChain(chain) => Answer::Verdict(chain.judge()),
            QuestionKind::FindClientSession(of) => Answer::ClientSession(self.client_session(of)),
            QuestionKind::FindServerSession(query) => Answer::ServerSession(match query.place {
                SessionPlace::Ticket => at_hand(SealTickets::open(&self.tickets, &query.identity, query.now)),
                SessionPlace::Store => at_hand(self.server_sessions.get(&query.identity)),
                SessionPlace::StoreOnce => at_hand(self.server_sessions.take(&query.identity)),
                other => panic!("a new place: {other:?}"),
            }),
            QuestionKind::FindPsk(_) => Answer::Psk(Some(Arc::clone(&self.psk))),
            QuestionKind::DecideEarlyData(offer) => Answer::EarlyData(at_hand(self.register.first_use(offer))),
            other => panic!("a new kind of question: {other:?}"),
        }
    }
}

/// What a store in memory says, which is never late.
fn at_hand<T: std::fmt::Debug>(decision: Decision<T>) -> T {
    match decision {
        Decision::Now(answer) => answer,
        other => panic!("{other:?}"),
    }
}

impl ChooseServerConfig for Desk {
    fn choose(&self, _: &ClientHelloView) -> Decision<Arc<ServerConfig>> {
        self.decide(Asked::ChooseServerConfig, || self.server.lock().unwrap().clone().unwrap())
    }
}

impl ChooseServerIdentity for Desk {
    fn choose(&self, _: &ClientHelloInfo) -> Decision<Option<Arc<Identity>>> {
        self.decide(Asked::ChooseServerIdentity, || self.identity())
    }
}

impl ChooseClientIdentity for Desk {
    fn choose(&self, _: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        self.decide(Asked::ChooseClientIdentity, || self.identity())
    }
}

impl Signer for Desk {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::ecdsa_secp256r1_sha256]
    }

    fn sign(&self, request: &SigningRequest) -> Decision<Result<Vec<u8>, SigningFailed>> {
        let asked = if self.asked.is_of_the_client() { Asked::SignAsClient } else { Asked::SignAsServer };
        self.decide(asked, || self.signature(request))
    }
}

impl VerifyChain for Desk {
    fn verify(&self, chain: &ChainToVerify) -> Decision<Verdict> {
        // The chain of a session is judged in the first connection too, at once.
        let asked = match chain.name() {
            Some(_) if self.asked == Asked::JudgeSession => Asked::JudgeSession,
            Some(_) => Asked::JudgeServer,
            None => Asked::JudgeClient,
        };
        self.decide(asked, || chain.judge())
    }
}

impl ClientSessionStore for Desk {
    fn put(&self, of: &ClientSessionQuery, session: Box<ClientSession>) {
        self.client_sessions.put(of, session);
    }

    fn take(&self, of: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        self.decide(Asked::FindClientSession, || self.client_session(of))
    }
}

impl SealTickets for Desk {
    fn seal(&self, session: &ServerSession, now: Time) -> Option<Vec<u8>> {
        self.tickets.seal(session, now)
    }

    fn open(&self, ticket: &[u8], now: Time) -> Decision<Option<Box<ServerSession>>> {
        self.decide(Asked::OpenTicket, || at_hand(SealTickets::open(&self.tickets, ticket, now)))
    }
}

impl ServerSessionStore for Desk {
    fn put(&self, id: &[u8; 32], session: &ServerSession) {
        self.server_sessions.put(id, session);
    }

    fn get(&self, id: &[u8]) -> Decision<Option<Box<ServerSession>>> {
        self.decide(Asked::LookUpSession, || at_hand(self.server_sessions.get(id)))
    }

    fn take(&self, id: &[u8]) -> Decision<Option<Box<ServerSession>>> {
        self.decide(Asked::LookUpSession, || at_hand(self.server_sessions.take(id)))
    }
}

impl FindPsk for Desk {
    fn find(&self, _: &[u8]) -> Decision<Option<Arc<ExternalPsk>>> {
        self.decide(Asked::FindPsk, || Some(Arc::clone(&self.psk)))
    }
}

impl StrikeRegister for Desk {
    fn realm(&self) -> [u8; 16] {
        self.register.realm()
    }

    fn first_use(&self, offer: &EarlyDataOffer) -> Decision<bool> {
        self.decide(Asked::DecideEarlyData, || at_hand(self.register.first_use(offer)))
    }
}

/// Both desks, and the configurations that ask them.
struct Office {
    asked: Asked,
    version: ProtocolVersion,
    client_desk: Arc<Desk>,
    server_desk: Arc<Desk>,
    client: ClientConfig,
    server: ServerConfig,
}

impl Office {
    fn new(asked: Asked, version: ProtocolVersion, retried: bool) -> Self {
        let authority = Authority::new();
        // The desk of the end that does not ask has every answer at hand.
        let idle = |of_client| if of_client { Asked::ChooseServerConfig } else { Asked::JudgeServer };
        let (for_client, for_server) =
            if asked.is_of_the_client() { (asked, idle(true)) } else { (idle(false), asked) };
        let (client_desk, server_desk) = (Desk::new(for_client), Desk::new(for_server));
        client_desk.employ(&authority, "client.test");
        server_desk.employ(&authority, NAME);

        let roots = Arc::new(authority.roots());
        let client = ClientConfig::new(Arc::clone(&roots)).clock(Arc::new(NOW)).versions([version]).unwrap();
        let client = client.danger_verify_with(client_desk.clone()).choose_identity(client_desk.clone());
        let server = ServerConfig::choosing(server_desk.clone()).clock(Arc::new(NOW)).versions([version]).unwrap();
        let mut server = server.danger_verify_with(server_desk.clone());
        let mut client = client.groups([NamedGroup::x25519, NamedGroup::secp256r1]).unwrap();
        if retried {
            server = server.groups([NamedGroup::secp256r1]).unwrap();
        }
        match asked {
            Asked::FindPsk => {
                client = client.psk(Arc::clone(&client_desk.psk));
                server = server.psks(server_desk.clone());
            }
            Asked::LookUpSession => {
                client = client.session_store(client_desk.clone());
                server = server.session_store(server_desk.clone());
            }
            Asked::FindClientSession | Asked::JudgeSession | Asked::OpenTicket => {
                client =
                    client.verify_again_on_resumption(asked == Asked::JudgeSession).session_store(client_desk.clone());
                server = server.tickets(server_desk.clone());
            }
            Asked::DecideEarlyData => {
                client = client.session_store(client_desk.clone()).early_data(true);
                let register = AntiReplay::StrikeRegister(server_desk.clone());
                server = server.tickets(server_desk.clone()).early_data(100, register).unwrap();
            }
            _ => server = server.client_auth(ClientAuth::Require(roots)),
        }
        *server_desk.server.lock().unwrap() = Some(Arc::new(server.clone()));
        Self { asked, version, client_desk, server_desk, client, server }
    }

    fn desk(&self) -> &Desk {
        if self.asked.is_of_the_client() { &self.client_desk } else { &self.server_desk }
    }

    fn pair(&self) -> Pair {
        let server = if self.asked == Asked::ChooseServerConfig {
            ServerConnection::choosing(self.server_desk.clone()).unwrap()
        } else {
            ServerConnection::new(Arc::new(self.server.clone())).unwrap()
        };
        Pair {
            client: ClientConnection::new(Arc::new(self.client.clone()), name()).unwrap(),
            server,
            client_seen: Vec::new(),
            server_seen: Vec::new(),
            to_server: Vec::new(),
            to_client: Vec::new(),
        }
    }

    /// Runs a pair until both ends are silent. A question is answered once its end has been asked in vain for more. What either end failed
    /// with, client first.
    fn run(&self, pair: &mut Pair) -> [Option<Error>; 2] {
        let mut errors = [None, None];
        let [of_client, of_server] = &mut errors;
        loop {
            let before = (output(&mut pair.client), output(&mut pair.server));
            let silent = before.0.is_empty() && before.1.is_empty();
            pair.to_server.extend(before.0);
            pair.to_client.extend(before.1);
            let client =
                deliver(&mut pair.client, &mut pair.to_client, &mut pair.client_seen, &self.client_desk, of_client);
            let server =
                deliver(&mut pair.server, &mut pair.to_server, &mut pair.server_seen, &self.server_desk, of_server);
            if silent && !client && !server {
                return errors;
            }
        }
    }

    /// Makes the connection in which the question is asked, and so many before it as it takes.
    fn connect(&self, how: How) -> (Pair, [Option<Error>; 2]) {
        if self.asked.kind() == HandshakeKind::Resumed {
            let mut first = self.pair();
            assert_eq!(self.run(&mut first), [None, None]);
            assert!(first.client.is_established() && first.server.is_established());
        }
        *self.desk().how.lock().unwrap() = how;
        *self.desk().count.lock().unwrap() = 0;
        let mut pair = self.pair();
        if self.asked == Asked::DecideEarlyData {
            let mut record = [0; 4000];
            let sent = pair.client.send_early(b"early", &mut record).unwrap();
            pair.to_server.extend(&record[..sent.written]);
        }
        let errors = self.run(&mut pair);
        assert_eq!(*self.desk().count.lock().unwrap(), 1, "it is asked once");
        (pair, errors)
    }
}

/// Feeds one end and answers what it asks; says whether that led anywhere.
fn deliver(
    connection: &mut Connection,
    bytes: &mut Vec<u8>,
    seen: &mut Vec<pair::Seen>,
    desk: &Desk,
    failed: &mut Option<Error>,
) -> bool {
    if failed.is_some() {
        return false;
    }
    let before = (bytes.len(), seen.len(), connection.state());
    let mut refused = None;
    let fed = feed_with(connection, bytes, seen, &mut |connection, question| {
        // Nothing is said and nothing is read as long as the question is open.
        assert!(connection.state().starts_with("Ask"));
        assert!(!connection.is_established());
        refused = connection.answer(question.id, desk.answer(&question)).err();
    });
    *failed = refused.or(fed.err());
    failed.is_some() || before != (bytes.len(), seen.len(), connection.state())
}

/// What the two ends agree on, and what came over.
fn facts(office: &Office, mut pair: Pair) -> String {
    pair.to_server.extend(send(&mut pair.client, b"ping"));
    pair.to_client.extend(send(&mut pair.server, b"pong"));
    assert_eq!(office.run(&mut pair), [None, None]);
    assert_eq!((data(&pair.server_seen), data(&pair.client_seen)), (b"ping".to_vec(), b"pong".to_vec()));
    let early =
        pair.server_seen.iter().filter(|seen| matches!(seen, pair::Seen::EarlyData(bytes) if bytes == b"early"));
    let of = |end: &Connection| {
        let shown = end.peer_certificates().len();
        (end.protocol_version(), end.cipher_suite(), end.group(), end.handshake_kind(), shown, end.early_data())
    };
    format!("{:?} {:?} {}", of(&pair.client), of(&pair.server), early.count())
}

#[test]
fn answer_that_comes_late_leads_to_the_same_connection_as_one_at_once() {
    for (asked, version) in Asked::all() {
        let connect = |how| {
            let office = Office::new(asked, version, false);
            let (pair, errors) = office.connect(how);
            assert_eq!(errors, [None, None], "{asked:?} {version} {how:?}");
            assert_eq!(pair.client.handshake_kind(), Some(asked.kind()), "{asked:?} {version} {how:?}");
            assert_eq!(pair.server.protocol_version(), Some(office.version));
            if asked == Asked::DecideEarlyData {
                assert_eq!(pair.client.early_data(), EarlyData::Accepted);
            }
            facts(&office, pair)
        };
        assert_eq!(connect(How::Now), connect(How::Late), "{asked:?} {version}");
    }
}

#[test]
fn refusal_ends_the_connection_with_the_alert_that_the_application_chose() {
    for (asked, version) in Asked::all() {
        for how in [How::RefusedNow, How::RefusedLate] {
            if matches!(asked, Asked::FindClientSession | Asked::JudgeSession) && how == How::RefusedNow {
                // Nothing has been said yet: there is no connection to end, and nobody to tell.
                let office = Office::new(asked, version, false);
                assert_eq!(office.run(&mut office.pair()), [None, None]);
                *office.client_desk.how.lock().unwrap() = how;
                let refused = ClientConnection::new(Arc::new(office.client.clone()), name());
                assert_eq!(refused.unwrap_err(), Error::Refused(REFUSAL));
                continue;
            }
            let (pair, [of_client, of_server]) = Office::new(asked, version, false).connect(how);
            let (refusing, told) =
                if asked.is_of_the_client() { (of_client, of_server) } else { (of_server, of_client) };
            assert_eq!(refusing, Some(Error::Refused(REFUSAL)), "{asked:?} {version} {how:?}");
            assert_eq!(told, Some(Error::AlertReceived(REFUSAL)), "{asked:?} {version} {how:?}");
            assert!(!pair.client.has_output() && !pair.server.has_output());
        }
    }
}

#[test]
fn questions_behind_a_retry_are_asked_once_and_answered_as_any() {
    use Asked::{ChooseServerConfig, ChooseServerIdentity, FindPsk, OpenTicket, SignAsServer};
    for asked in [ChooseServerConfig, ChooseServerIdentity, SignAsServer, OpenTicket, FindPsk] {
        for how in [How::Now, How::Late] {
            let office = Office::new(asked, ProtocolVersion::TLSv1_3, true);
            let (pair, errors) = office.connect(how);
            assert_eq!(errors, [None, None], "{asked:?} {how:?}");
            assert!(pair.server.hello_retried() && pair.client.hello_retried());
            assert_eq!(pair.client.handshake_kind(), Some(asked.kind()));
        }
        for how in [How::RefusedNow, How::RefusedLate] {
            let (_, errors) = Office::new(asked, ProtocolVersion::TLSv1_3, true).connect(how);
            assert_eq!(errors, [Some(Error::AlertReceived(REFUSAL)), Some(Error::Refused(REFUSAL))], "{asked:?}");
        }
    }
}
