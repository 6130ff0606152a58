//! Ends that know one another by raw public keys, in both roles and versions. RFC 7250.

#![cfg(all(feature = "ring", feature = "std", feature = "tls12"))]

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

use std::sync::Arc;

use bulla::config::danger::{AcceptAnyChain, DangerousVerification};
use bulla::config::{AVAILABLE_VERSIONS, LiveIdentities, LocalSigner, SwapRefused, choose_by_server_name};
use bulla::crypto::ring::provider;
use bulla::error::{CertificateError, Incompatible, Violation};
use bulla::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use bulla::resume::{MemoryClientSessions, MemoryServerSessions, TicketKeys};
use bulla::verify::{PeerCertificate, Purpose};
use bulla::wire::{
    AlertDescription, Asn1Cert, CertificateRequestTls12, CertificateTls12, CertificateType, CipherSuite,
    ClientExtension, ClientHello, HandshakeType, ProtocolVersion, RawPublicKeyTls12, ServerExtension, ServerHello,
    read_all, write_message,
};
use bulla::{
    Answer, ClientAuth, ClientConfig, ClientConnection, ConfigError, Connection, Content, Direction, Error,
    HandshakeKind, Identity, Observed, Observer, QuestionKind, Roots, ServerConfig, ServerName,
};
use pair::{Authority, KEY_KINDS, KeyKind, NAME, NOW, Pair, Seen, configs_by, data, feed_with, name, output, send};

const X509: CertificateType = CertificateType::X509;
const RAW: CertificateType = CertificateType::RawPublicKey;

/// A private key with the certificate that it might have had.
struct Key {
    private: PrivateKeyDer<'static>,
    public: SubjectPublicKeyInfoDer<'static>,
}

impl Key {
    fn new(authority: &Authority, kind: KeyKind) -> Self {
        let (certificate, private) = authority.issue(&[NAME], kind);
        let read = PeerCertificate::read(&certificate).unwrap();
        let public = SubjectPublicKeyInfoDer::from(read.subject_public_key_info()).into_owned();
        Self { private, public }
    }

    fn identity(&self) -> Identity {
        Identity::raw_public_key(&self.private).unwrap()
    }
}

/// Two ends with a raw key each, one authority for what is not raw, and nothing configured yet.
struct Rig {
    authority: Authority,
    of_client: Key,
    of_server: Key,
}

impl Rig {
    fn new() -> Self {
        Self::with(KeyKind::EcdsaP256)
    }

    fn with(kind: KeyKind) -> Self {
        let authority = Authority::new();
        let (of_client, of_server) = (Key::new(&authority, KeyKind::EcdsaP256), Key::new(&authority, kind));
        Self { authority, of_client, of_server }
    }

    /// A client that trusts nothing but the server's raw key.
    fn client(&self) -> ClientConfig {
        let client = ClientConfig::new(Roots::new()).clock(Arc::new(NOW));
        client.trusted_raw_public_keys([self.of_server.public.clone()]).unwrap()
    }

    fn server(&self) -> ServerConfig {
        ServerConfig::new(self.of_server.identity()).clock(Arc::new(NOW))
    }

    /// A server that demands the client's raw key.
    fn demanding(&self) -> ServerConfig {
        let server = self.server().client_auth(ClientAuth::Require(Arc::new(Roots::new())));
        server.trusted_raw_public_keys([self.of_client.public.clone()]).unwrap()
    }

    /// Both ends with certificates, as if there were no raw keys.
    fn with_certificates(&self) -> (ClientConfig, ServerConfig) {
        let (client, server) = configs_by(&self.authority, KeyKind::EcdsaP256);
        let asks = ClientAuth::Require(Arc::new(self.authority.roots()));
        let identity = self.authority.identity(&["client.test"], KeyKind::EcdsaP256);
        (client.identity(identity), server.client_auth(asks))
    }
}

fn keeping((client, server): (ClientConfig, ServerConfig)) -> (ClientConfig, ServerConfig) {
    let client = client.session_store(Arc::new(MemoryClientSessions::new(8, 8)));
    (client, server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap())))
}

/// Which of the ends is known by a raw key.
#[derive(Clone, Copy, Debug)]
struct Raw {
    client: bool,
    server: bool,
}

/// One connection, over which data goes both ways.
fn connect(client: &ClientConfig, server: &ServerConfig, version: ProtocolVersion) -> Pair {
    let mut pair = Pair::established(client.clone().versions([version]).unwrap(), server.clone());
    assert_eq!(pair.client.protocol_version(), Some(version));
    assert_eq!(pair.client.handshake_kind(), pair.server.handshake_kind());
    pair.to_server = send(&mut pair.client, b"ping");
    pair.to_client = send(&mut pair.server, b"pong");
    pair.run().unwrap();
    assert_eq!((data(&pair.server_seen), data(&pair.client_seen)), (b"ping".to_vec(), b"pong".to_vec()));
    pair
}

/// The peer of this connection is known by this raw key, or by a certificate.
#[track_caller]
fn assert_peer(connection: &Connection, raw: bool, key: &Key) {
    let expected = raw.then(|| key.public.clone());
    assert_eq!(connection.peer_raw_public_key(), expected);
    assert_eq!(connection.peer_certificate_type(), Some(if raw { RAW } else { X509 }));
    assert_eq!(connection.peer_certificates().is_empty(), raw);
    assert!(connection.peer_signature_scheme().is_some());
}

#[test]
fn either_end_is_known_by_raw_key_or_certificate_in_every_version_and_when_it_resumes() {
    for version in AVAILABLE_VERSIONS {
        for (client_raw, server_raw) in [(false, true), (true, false), (true, true), (false, false)] {
            let rig = Rig::new();
            let raw = Raw { client: client_raw, server: server_raw };
            let (mut client, mut server) = rig.with_certificates();
            // Who is known by a raw key has no certificate beside it; whoever judges takes both.
            client = client.trusted_raw_public_keys([rig.of_server.public.clone()]).unwrap();
            server = server.trusted_raw_public_keys([rig.of_client.public.clone()]).unwrap();
            if raw.client {
                client = client.identity(rig.of_client.identity());
            }
            if raw.server {
                server = server.choose_identity(choose_by_server_name(vec![Arc::new(rig.of_server.identity())]));
            }
            let (client, server) = keeping((client, server));
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
                let pair = connect(&client, &server, *version);
                assert_eq!(pair.client.handshake_kind(), Some(kind), "{version} {raw:?}");
                assert_peer(&pair.client, raw.server, &rig.of_server);
                assert_peer(&pair.server, raw.client, &rig.of_client);
            }
        }
    }
}

#[test]
fn raw_keys_of_every_kind_authenticate_both_ends_and_choose_the_suite_of_tls12() {
    for version in AVAILABLE_VERSIONS {
        for kind in KEY_KINDS {
            let mut rig = Rig::with(kind);
            rig.of_client = Key::new(&rig.authority, kind);
            let client = rig.client().identity(rig.of_client.identity());
            let pair = connect(&client, &rig.demanding(), *version);
            assert_peer(&pair.client, true, &rig.of_server);
            assert_peer(&pair.server, true, &rig.of_client);
            if *version == ProtocolVersion::TLSv1_2 {
                let suite = pair.client.cipher_suite().unwrap().to_string();
                assert_eq!(suite.contains("ECDHE_RSA"), kind == KeyKind::Rsa, "{suite} for {kind:?}");
            }
        }
    }
}

#[test]
fn sessions_of_raw_keys_are_resumed_out_of_a_store_too() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let client = rig.client().identity(rig.of_client.identity());
        let client = client.session_store(Arc::new(MemoryClientSessions::new(8, 8)));
        let server = rig.demanding().session_store(Arc::new(MemoryServerSessions::new(8)));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let pair = connect(&client, &server, *version);
            assert_eq!(pair.server.handshake_kind(), Some(kind), "{version}");
            assert_peer(&pair.client, true, &rig.of_server);
            assert_peer(&pair.server, true, &rig.of_client);
        }
    }
}

#[test]
fn session_that_is_written_and_read_still_knows_the_raw_key() {
    let rig = Rig::new();
    let sessions = Arc::new(MemoryClientSessions::new(8, 8));
    let (client, server) = keeping((rig.client(), rig.server()));
    let client = client.session_store(sessions.clone());
    connect(&client, &server, ProtocolVersion::TLSv1_3);
    let query = sessions_query(&client);
    let session = match bulla::config::ClientSessionStore::take(&*sessions, &query) {
        bulla::config::Decision::Now(Some(session)) => session,
        other => panic!("{other:?}"),
    };
    let written = client.write_session(&session).unwrap();
    let read = client.read_session(written.expose()).unwrap();
    assert_eq!((read.server_raw_public_key(), read.server_chain()), (Some(rig.of_server.public.clone()), &[][..]));
    let other = rig.client().trusted_raw_public_keys([rig.of_client.public.clone()]).unwrap();
    assert!(other.read_session(written.expose()).is_err(), "another pin is another configuration");
}

/// What a store is asked for by a client of this configuration.
fn sessions_query(client: &ClientConfig) -> bulla::config::ClientSessionQuery {
    #[derive(Debug, Default)]
    struct Asked(std::sync::Mutex<Option<bulla::config::ClientSessionQuery>>);
    impl bulla::config::ClientSessionStore for Asked {
        fn put(&self, _: &bulla::config::ClientSessionQuery, _: Box<bulla::resume::ClientSession>) {}

        fn take(
            &self,
            query: &bulla::config::ClientSessionQuery,
        ) -> bulla::config::Decision<Option<Box<bulla::resume::ClientSession>>> {
            *self.0.lock().unwrap() = Some(query.clone());
            bulla::config::Decision::Now(None)
        }
    }
    let asked = Arc::new(Asked::default());
    ClientConnection::new(Arc::new(client.clone().session_store(asked.clone())), name()).unwrap();
    asked.0.lock().unwrap().clone().unwrap()
}

#[test]
fn session_is_resumed_under_the_same_trusted_keys_alone() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let (client, server) = keeping((rig.client().identity(rig.of_client.identity()), rig.demanding()));
        let (one, two) = (rig.of_server.public.clone(), rig.of_client.public.clone());
        let kind = |client: &ClientConfig, server: &ServerConfig| {
            connect(client, server, *version).client.handshake_kind().unwrap()
        };
        assert_eq!(kind(&client, &server), HandshakeKind::Full);
        assert_eq!(kind(&client, &server), HandshakeKind::Resumed);

        // A client that trusts another key beside it keeps its sessions apart, whatever the order.
        let wider = client.clone().trusted_raw_public_keys([one.clone(), two.clone()]).unwrap();
        assert_eq!(kind(&wider, &server), HandshakeKind::Full);
        let turned = client.clone().trusted_raw_public_keys([two.clone(), one.clone()]).unwrap();
        assert_eq!(kind(&turned, &server), HandshakeKind::Resumed);
        assert_eq!(kind(&client, &server), HandshakeKind::Resumed);

        // And so does a server.
        let wider = server.clone().trusted_raw_public_keys([two, one]).unwrap();
        assert_eq!(kind(&client, &wider), HandshakeKind::Full);
        assert_eq!(kind(&client, &wider), HandshakeKind::Resumed);
    }
}

#[test]
fn session_whose_type_an_end_no_longer_takes_is_not_resumed() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let both = rig.server().and_identity(rig.authority.identity(&[NAME], KeyKind::EcdsaP256));
        let client = ClientConfig::new(rig.authority.roots()).clock(Arc::new(NOW));
        let client = client.trusted_raw_public_keys([rig.of_server.public.clone()]).unwrap();
        let (client, server) = keeping((client, both));
        assert_peer(&connect(&client, &server, *version).client, true, &rig.of_server);
        // The keys that are trusted are the same, and what may be shown is not.
        let client = client.server_certificate_types([X509]).unwrap();
        let second = connect(&client, &server, *version);
        assert_eq!(second.client.handshake_kind(), Some(HandshakeKind::Full));
        assert_peer(&second.client, false, &rig.of_server);

        let rig = Rig::new();
        let (client, server) = keeping((rig.client().identity(rig.of_client.identity()), rig.demanding()));
        assert_peer(&connect(&client, &server, *version).server, true, &rig.of_client);
        let server = server.client_certificate_types([X509]).unwrap();
        let mut pair = Pair::new(client.versions([*version]).unwrap(), server);
        let refused = pair.run().unwrap_err();
        assert_eq!(refused, ("server", Incompatible::NoCommonCertificateType.into()), "{version}");
    }
}

/// What the client's hello says of certificate types: what it can show, and what it can judge.
fn offered(client: ClientConfig) -> (Option<Vec<CertificateType>>, Option<Vec<CertificateType>>) {
    let mut connection = ClientConnection::new(Arc::new(client), name()).unwrap();
    let records = output(&mut connection);
    let hello: ClientHello<'_> = read_all(&records[5 + 4..]).unwrap();
    let (mut shown, mut judged) = (None, None);
    for extension in hello.extensions.unwrap() {
        match extension {
            ClientExtension::ClientCertificateType(list) => shown = Some(list),
            ClientExtension::ServerCertificateType(list) => judged = Some(list),
            _ => {}
        }
    }
    (shown, judged)
}

#[test]
fn client_offers_what_it_can_show_and_judge_and_never_x509_alone() {
    let rig = Rig::new();
    let plain = || ClientConfig::new(rig.authority.roots()).middlebox_compatibility(false);
    let keys = || [rig.of_server.public.clone()];
    let certificate = || rig.authority.identity(&["client.test"], KeyKind::EcdsaP256);
    let raw = || rig.of_client.identity();
    assert_eq!(offered(plain()), (None, None));
    assert_eq!(offered(plain().identity(certificate())), (None, None));
    assert_eq!(offered(plain().trusted_raw_public_keys(keys()).unwrap()), (None, Some(vec![RAW, X509])));
    assert_eq!(offered(rig.client()), (None, Some(vec![RAW])));
    assert_eq!(offered(plain().identity(raw())), (Some(vec![RAW]), None));
    assert_eq!(offered(plain().identity(raw()).and_identity(raw())), (Some(vec![RAW]), None));
    assert_eq!(offered(plain().identity(raw()).and_identity(certificate())), (Some(vec![RAW, X509]), None));
    assert_eq!(offered(plain().identity(certificate()).and_identity(raw())), (Some(vec![X509, RAW]), None));
    let listed = |types: &[CertificateType]| plain().server_certificate_types(types.iter().copied()).unwrap();
    assert_eq!(offered(listed(&[X509, RAW])), (None, Some(vec![X509, RAW])));
    assert_eq!(offered(listed(&[X509]).trusted_raw_public_keys(keys()).unwrap()), (None, None));
    let listed = |types: &[CertificateType]| plain().client_certificate_types(types.iter().copied()).unwrap();
    assert_eq!(offered(listed(&[RAW, X509])), (Some(vec![RAW, X509]), None));
    assert_eq!(offered(listed(&[X509]).identity(raw())), (None, None));
}

/// Keeps what passes at an end.
#[derive(Debug, Default)]
struct Passed(std::sync::Mutex<Vec<(Direction, Vec<u8>)>>);

impl Observer for Passed {
    fn observe(&self, observed: &Observed<'_>) {
        if let Content::Handshake { bytes, .. } = observed.content {
            self.0.lock().unwrap().push((observed.direction, bytes.to_vec()));
        }
    }
}

/// What the server has answered of certificate types, in TLS 1.2: what the client shall show, and what it will show itself;
/// and the types that its CertificateRequest names, if it sends one.
type Told = (Option<CertificateType>, Option<CertificateType>);

fn told(client: ClientConfig, server: ServerConfig) -> Told {
    let passed = Arc::new(Passed::default());
    let server = server.observer(passed.clone());
    Pair::established(client.versions([ProtocolVersion::TLSv1_2]).unwrap(), server);
    let passed = passed.0.lock().unwrap();
    let hello = passed.iter().find(|(_, bytes)| bytes[0] == HandshakeType::server_hello.0).unwrap();
    let hello: ServerHello<'_> = read_all(&hello.1[4..]).unwrap();
    let (mut shown, mut judged) = (None, None);
    for extension in hello.extensions.unwrap() {
        match extension {
            ServerExtension::ClientCertificateType(chosen) => shown = Some(chosen),
            ServerExtension::ServerCertificateType(chosen) => judged = Some(chosen),
            _ => {}
        }
    }
    (shown, judged)
}

#[test]
fn server_answers_what_it_was_asked_and_nothing_else() {
    let rig = Rig::new();
    let (client, server) = rig.with_certificates();
    let silent_server = configs_by(&rig.authority, KeyKind::EcdsaP256).1;
    assert_eq!(told(client.clone(), server.clone()), (None, None), "the client has said nothing");
    // X.509 is told too, where it is the answer.
    let asking = client.clone().trusted_raw_public_keys([rig.of_server.public.clone()]).unwrap();
    assert_eq!(told(asking.clone(), server.clone()), (None, Some(X509)));
    let showing = client.client_certificate_types([RAW, X509]).unwrap();
    assert_eq!(told(showing.clone(), server), (Some(X509), None));
    // A server that does not ask for a certificate does not say of which type.
    assert_eq!(told(showing, silent_server), (None, None));
    assert_eq!(told(rig.client().identity(rig.of_client.identity()), rig.demanding()), (Some(RAW), Some(RAW)));
    assert_eq!(told(rig.client().identity(rig.of_client.identity()), rig.server()), (None, Some(RAW)));
}

#[test]
fn server_chooses_a_clients_type_in_its_own_order() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let (client, server) = rig.with_certificates();
        let server = server.trusted_raw_public_keys([rig.of_client.public.clone()]).unwrap();
        let certificate = || rig.authority.identity(&["client.test"], KeyKind::EcdsaP256);
        let client = client.identity(certificate()).and_identity(rig.of_client.identity());
        // A key that is known by itself is wanted first, unless the application says otherwise.
        assert_peer(&connect(&client, &server, *version).server, true, &rig.of_client);
        let server = server.client_certificate_types([X509, RAW]).unwrap();
        assert_peer(&connect(&client, &server, *version).server, false, &rig.of_client);
    }
}

#[test]
fn server_shows_of_its_identities_one_that_the_client_judges() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let (client, _) = configs_by(&rig.authority, KeyKind::EcdsaP256);
        let certificate = |name: &str| rig.authority.identity(&[name], KeyKind::EcdsaP256);
        let pinning = client.clone().trusted_raw_public_keys([rig.of_server.public.clone()]).unwrap();
        let raw = || rig.of_server.identity();
        let shown = |client: &ClientConfig, identities: Vec<Identity>| {
            let identities = identities.into_iter().map(Arc::new).collect();
            let server = ServerConfig::choosing(choose_by_server_name(identities)).clock(Arc::new(NOW));
            connect(client, &server, *version).client.peer_certificate_type().unwrap()
        };
        assert_eq!(shown(&client, vec![raw(), certificate(NAME)]), X509);
        assert_eq!(shown(&rig.client(), vec![certificate(NAME), raw()]), RAW);
        // Of both that would do, the first; but a certificate for another name would not do.
        assert_eq!(shown(&pinning, vec![certificate(NAME), raw()]), X509);
        assert_eq!(shown(&pinning, vec![raw(), certificate(NAME)]), RAW);
        assert_eq!(shown(&pinning, vec![certificate("other.test"), raw()]), RAW);
    }
}

#[test]
fn ends_without_a_common_type_part_with_unsupported_certificate() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let (client, server) = rig.with_certificates();
        let strangers = [
            (client.clone(), rig.server()),
            (rig.client(), server.clone()),
            (client.clone().trusted_raw_public_keys([rig.of_server.public.clone()]).unwrap(), rig.demanding()),
            (client.identity(rig.of_client.identity()), server),
        ];
        for (client, server) in strangers {
            let mut pair = Pair::new(client.versions([*version]).unwrap(), server);
            let (end, error) = pair.run().unwrap_err();
            assert_eq!((end, &error), ("server", &Incompatible::NoCommonCertificateType.into()), "{version}");
            assert_eq!(error.alert(), Some(AlertDescription::unsupported_certificate));
        }
    }
}

#[test]
fn key_that_is_not_trusted_is_refused_with_unknown_ca() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let other = Key::new(&rig.authority, KeyKind::EcdsaP256);
        let refused: Error = CertificateError::UntrustedRawPublicKey.into();
        assert_eq!(refused.alert(), Some(AlertDescription::unknown_ca));
        let client = rig.client().trusted_raw_public_keys([other.public.clone()]).unwrap();
        let mut pair = Pair::new(client.versions([*version]).unwrap(), rig.server());
        assert_eq!(pair.run().unwrap_err(), ("client", refused.clone()));
        let client = rig.client().identity(other.identity());
        let mut pair = Pair::new(client.versions([*version]).unwrap(), rig.demanding());
        assert_eq!(pair.run().unwrap_err(), ("server", refused));
    }
}

#[test]
fn raw_key_without_its_private_key_proves_nothing() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let other = provider().signing_key(&Key::new(&rig.authority, KeyKind::EcdsaP256).private).unwrap();
        let signer = || Arc::new(LocalSigner::new(other.clone(), provider()));
        let wrong: Error = Violation::SignatureWrong.into();
        let stolen = Identity::with_raw_signer(rig.of_server.public.clone(), signer()).unwrap();
        let server = ServerConfig::new(stolen).clock(Arc::new(NOW));
        let mut pair = Pair::new(rig.client().versions([*version]).unwrap(), server);
        assert_eq!(pair.run().unwrap_err(), ("client", wrong.clone()));
        let stolen = Identity::with_raw_signer(rig.of_client.public.clone(), signer()).unwrap();
        let mut pair = Pair::new(rig.client().identity(stolen).versions([*version]).unwrap(), rig.demanding());
        assert_eq!(pair.run().unwrap_err(), ("server", wrong));
        // Nor does accepting whatever comes.
        let stolen = Identity::with_raw_signer(rig.of_server.public.clone(), signer()).unwrap();
        let client = rig.client().danger_verify_with(Arc::new(AcceptAnyChain));
        let mut pair = Pair::new(client.versions([*version]).unwrap(), ServerConfig::new(stolen).clock(Arc::new(NOW)));
        assert_eq!(pair.run().unwrap_err(), ("client", Violation::SignatureWrong.into()));
    }
}

#[test]
fn raw_key_needs_no_time_and_no_name() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let client = rig.client().clock(Arc::new(bulla::clock::NoClock)).versions([*version]).unwrap();
        let mut pair = Pair::new(client.clone(), rig.server());
        pair.client = ClientConnection::new(Arc::new(client), ServerName::try_from("192.0.2.1").unwrap()).unwrap();
        pair.run().unwrap();
        assert_peer(&pair.client, true, &rig.of_server);
    }
}

#[test]
fn question_about_a_raw_key_says_so_and_is_judged_by_the_trusted_keys() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let client = rig.client().identity(rig.of_client.identity()).verify_later();
        let mut pair = Pair::new(client.versions([*version]).unwrap(), rig.demanding().verify_later());
        let mut asked = 0;
        let ends = [(Purpose::Server, &rig.of_server), (Purpose::Client, &rig.of_client)];
        let mut judge = |connection: &mut Connection, question: bulla::Question| {
            let QuestionKind::VerifyChain(shown) = &question.kind else { panic!("{question:?}") };
            let (purpose, key) = ends[asked];
            assert_eq!((shown.purpose(), shown.certificate_type()), (purpose, RAW));
            assert_eq!(shown.raw_public_key(), Some(key.public.clone()));
            assert_eq!(shown.trusted_raw_public_keys(), std::slice::from_ref(&key.public));
            assert_eq!((shown.chain().len(), shown.chain()[0].as_ref()), (1, key.public.as_ref()));
            asked += 1;
            connection.answer(question.id, Answer::Verdict(shown.judge())).unwrap();
        };
        for _ in 0..4 {
            pair.to_server.extend(output(&mut pair.client));
            feed_with(&mut pair.server, &mut pair.to_server, &mut pair.server_seen, &mut judge).unwrap();
            pair.to_client.extend(output(&mut pair.server));
            feed_with(&mut pair.client, &mut pair.to_client, &mut pair.client_seen, &mut judge).unwrap();
        }
        assert!(pair.client.is_established() && pair.server.is_established());
        assert!(pair.client_seen.contains(&Seen::Ask) && pair.server_seen.contains(&Seen::Ask));
        assert_eq!(asked, 2);
        assert_peer(&pair.server, true, &rig.of_client);
    }
}

#[test]
fn client_without_anything_to_show_goes_on_where_it_may() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let requesting = rig.server().client_auth(ClientAuth::Request(Arc::new(Roots::new())));
        let requesting = requesting.trusted_raw_public_keys([rig.of_client.public.clone()]).unwrap();
        // It says that it has a raw key, and has none; and the one that has a certificate does not show it for a key.
        let certificate = rig.authority.identity(&["client.test"], KeyKind::EcdsaP256);
        for client in [rig.client(), rig.client().identity(certificate)] {
            let client = client.client_certificate_types([RAW]).unwrap();
            let pair = connect(&client, &requesting, *version);
            assert_eq!((pair.server.peer_raw_public_key(), pair.server.peer_certificate_type()), (None, None));
            let mut refused = Pair::new(client.versions([*version]).unwrap(), rig.demanding());
            let expected = match *version {
                ProtocolVersion::TLSv1_2 => Incompatible::ClientCertificateRequiredTls12,
                _ => Incompatible::ClientCertificateRequired,
            };
            assert_eq!(refused.run().unwrap_err(), ("server", expected.into()));
        }
    }
}

#[test]
fn request_for_a_raw_key_names_no_authorities_and_the_kinds_of_key() {
    let rig = Rig::new();
    let passed = Arc::new(Passed::default());
    let (_, server) = rig.with_certificates();
    let server = server.trusted_raw_public_keys([rig.of_client.public.clone()]).unwrap().observer(passed.clone());
    let client = ClientConfig::new(rig.authority.roots()).clock(Arc::new(NOW)).identity(rig.of_client.identity());
    let pair = connect(&client, &server, ProtocolVersion::TLSv1_2);
    assert_peer(&pair.server, true, &rig.of_client);
    let passed = passed.0.lock().unwrap();
    let request = passed.iter().find(|(_, bytes)| bytes[0] == HandshakeType::certificate_request.0).unwrap();
    let request: CertificateRequestTls12<'_> = read_all(&request.1[4..]).unwrap();
    assert!(request.certificate_authorities.is_empty() && request.certificate_types.len() == 2);
    // The client's Certificate is the key alone, not a list. RFC 7250 §3.
    let is_certificate = |it: &&(Direction, Vec<u8>)| it.1[0] == HandshakeType::certificate.0;
    let shown: Vec<_> = passed.iter().filter(is_certificate).filter(|it| it.0 == Direction::Received).collect();
    let [(_, shown)] = shown[..] else { panic!("{shown:?}") };
    assert_eq!(shown[4 + 3..], *rig.of_client.public);
    assert_eq!(usize::from(shown[6]), rig.of_client.public.len());
}

#[test]
fn raw_key_is_written_as_certificates_have_it() {
    let authority = Authority::new();
    for kind in KEY_KINDS {
        let key = Key::new(&authority, kind);
        let identity = key.identity();
        assert_eq!(identity.subject_public_key_info(), key.public, "{kind:?}");
        assert_eq!((identity.certificate_type(), identity.chain().len()), (RAW, 1));
        let (certificate, private) = authority.issue(&[NAME], kind);
        let read = PeerCertificate::read(&certificate).unwrap().subject_public_key_info();
        let certified = Identity::new(vec![certificate.clone()], &private).unwrap();
        assert_eq!((certified.certificate_type(), certified.subject_public_key_info().as_ref()), (X509, read));
    }
}

#[test]
fn keys_restricted_to_pss_say_so_in_their_raw_form() {
    let public = |pem: &str| {
        let key = bulla::verify::pem::private_key_from_pem_or_der(pem.as_bytes()).unwrap();
        Identity::raw_public_key(&key).unwrap().subject_public_key_info().to_vec()
    };
    let contains = |der: &[u8], part: &[u8]| der.windows(part.len()).any(|it| it == part);
    let rsassa_pss = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    let sha256 = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    let (any, restricted) =
        (public(include_str!("support/rsa_pss_any.pem")), public(include_str!("support/rsa_pss_sha256.pem")));
    assert!(contains(&any, &rsassa_pss) && !contains(&any, &sha256));
    assert!(contains(&restricted, &rsassa_pss) && contains(&restricted, &sha256));
}

#[test]
fn configuration_refuses_keys_and_types_that_cannot_be_used() {
    let rig = Rig::new();
    let client = || ClientConfig::new(Roots::new());
    let server = || rig.server();
    let key = || rig.of_server.public.clone();
    let bad = || SubjectPublicKeyInfoDer::from(vec![0x30, 0x00]);
    assert_eq!(client().trusted_raw_public_keys([]).unwrap_err(), ConfigError::Empty("raw public keys"));
    assert_eq!(server().trusted_raw_public_keys([]).unwrap_err(), ConfigError::Empty("raw public keys"));
    assert_eq!(client().trusted_raw_public_keys([key(), key()]).unwrap_err(), ConfigError::Repeated("raw public keys"));
    let unreadable = ConfigError::RawPublicKey(2, CertificateError::BadRawPublicKey);
    assert_eq!(client().trusted_raw_public_keys([key(), bad()]).unwrap_err(), unreadable);
    assert_eq!(server().trusted_raw_public_keys([key(), bad()]).unwrap_err(), unreadable);
    assert!(unreadable.to_string().contains("number 2 of the raw public keys"), "{unreadable}");
    assert_eq!(client().server_certificate_types([]).unwrap_err(), ConfigError::Empty("certificate types"));
    assert_eq!(client().client_certificate_types([RAW, RAW]).unwrap_err(), ConfigError::Repeated("certificate types"));
    let open_pgp = CertificateType(1);
    let unavailable = ConfigError::CertificateTypeUnavailable(open_pgp);
    assert_eq!(client().server_certificate_types([X509, open_pgp]).unwrap_err(), unavailable);
    assert_eq!(server().client_certificate_types([open_pgp]).unwrap_err(), unavailable);
    assert!(unavailable.to_string().contains("raw public key"), "{unavailable}");
    let signer = Arc::new(later::Later);
    let unreadable = ConfigError::RawPublicKey(1, CertificateError::BadRawPublicKey);
    assert_eq!(Identity::with_raw_signer(bad(), signer).unwrap_err(), unreadable);
}

#[test]
fn raw_identity_staples_nothing_and_is_valid_for_every_name() {
    let rig = Rig::new();
    let identity = rig.of_server.identity().ocsp_response(b"a response".to_vec());
    assert!(identity.is_valid_for("any.test"));
    for version in AVAILABLE_VERSIONS {
        let server = ServerConfig::new(rig.of_server.identity().ocsp_response(b"a response".to_vec()));
        let pair = connect(&rig.client().ask_for_ocsp(true), &server.clock(Arc::new(NOW)), *version);
        assert_eq!(pair.client.peer_ocsp_response(), None);
    }
    assert!(format!("{identity:?}").contains("raw public key"), "{identity:?}");
}

#[test]
fn suite_of_the_other_kind_of_key_is_no_common_ground_for_a_raw_key() {
    let rig = Rig::with(KeyKind::Rsa);
    let client = rig.client().versions([ProtocolVersion::TLSv1_2]).unwrap();
    let client = client.cipher_suites([CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]).unwrap();
    let mut pair = Pair::new(client, rig.server());
    assert_eq!(pair.run().unwrap_err(), ("server", Incompatible::NoCommonSignatureScheme.into()));
}

#[test]
fn raw_keys_are_swapped_while_in_use_if_their_private_key_is_there() {
    let rig = Rig::new();
    let live = |identities| LiveIdentities::with_provider(identities, provider(), Arc::new(NOW));
    let other = Key::new(&rig.authority, KeyKind::Ed25519);
    let of_client = Arc::new(live(vec![rig.of_client.identity()]).unwrap());
    let both = rig.demanding().trusted_raw_public_keys([rig.of_client.public.clone(), other.public.clone()]).unwrap();
    let client = rig.client().choose_identity(of_client.clone());
    for version in AVAILABLE_VERSIONS {
        assert_peer(&connect(&client, &both, *version).server, true, &rig.of_client);
        of_client.swap_and_drop_names(vec![other.identity()]).unwrap();
        assert_peer(&connect(&client, &both, *version).server, true, &other);
        of_client.swap_and_drop_names(vec![rig.of_client.identity()]).unwrap();
    }
    let signer = LocalSigner::new(provider().signing_key(&other.private).unwrap(), provider());
    let stolen = Identity::with_raw_signer(rig.of_client.public.clone(), Arc::new(signer)).unwrap();
    let refused = of_client.swap(vec![stolen]).unwrap_err();
    assert!(matches!(refused, SwapRefused::KeyDoesNotMatch(1)), "{refused}");
    // A raw key has no names, and takes the place of none.
    let named = live(vec![rig.authority.identity(&[NAME], KeyKind::EcdsaP256)]).unwrap();
    let refused = named.swap(vec![other.identity()]).unwrap_err();
    assert!(matches!(refused, SwapRefused::NamesLost(_)), "{refused}");
}

#[test]
fn session_of_a_raw_key_is_judged_again_by_the_trusted_keys() {
    for version in AVAILABLE_VERSIONS {
        let rig = Rig::new();
        let (client, server) = keeping((rig.client().verify_again_on_resumption(true), rig.server()));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let pair = connect(&client, &server, *version);
            assert_eq!(pair.client.handshake_kind(), Some(kind), "{version}");
            assert_peer(&pair.client, true, &rig.of_server);
        }
    }
}

#[test]
fn raw_key_survives_a_retry_and_a_cookie_that_remembers_it() {
    let rig = Rig::new();
    let cookies = Arc::new(bulla::resume::CookieKeys::random(provider()).unwrap());
    let groups = [bulla::wire::NamedGroup::secp256r1];
    for server in [rig.demanding(), rig.demanding().stateless_retry(cookies)] {
        let client = rig.client().identity(rig.of_client.identity());
        let pair = connect(&client, &server.groups(groups).unwrap(), ProtocolVersion::TLSv1_3);
        assert!(pair.client.hello_retried());
        assert_peer(&pair.client, true, &rig.of_server);
        assert_peer(&pair.server, true, &rig.of_client);
    }
}

#[test]
fn message_of_a_raw_key_is_told_from_a_list_of_certificates() {
    let authority = Authority::new();
    let read = |message: &[u8]| bulla::wire::Handshake::read(message, ProtocolVersion::TLSv1_2).unwrap().name();
    for kind in KEY_KINDS {
        let key = Key::new(&authority, kind);
        let message = RawPublicKeyTls12 { subject_public_key_info: &key.public };
        assert_eq!(read(&write_message(&message).unwrap()), "RawPublicKeyTls12");
        let certificate = authority.issue(&[NAME], kind).0;
        let message = CertificateTls12 { certificate_list: vec![Asn1Cert(&certificate)] };
        assert_eq!(read(&write_message(&message).unwrap()), "CertificateTls12");
    }
    // Nothing to show is the same in either form.
    assert_eq!(read(&[HandshakeType::certificate.0, 0, 0, 3, 0, 0, 0]), "CertificateTls12");
}

#[test]
fn types_that_are_not_known_are_passed_over() {
    const UNKNOWN: CertificateType = CertificateType(5);
    let stage = stage_tls12::Stage::new();
    let greeted = |server: ServerConfig, offer: ClientExtension<'static>| {
        let scene = stage.server_with(server);
        let scene =
            scene.say_message(|peer| peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(offer)));
        scene.outcome()
    };
    let judges = |types: Vec<CertificateType>| ClientExtension::ServerCertificateType(types);
    assert_eq!(greeted(stage.server.clone(), judges(vec![UNKNOWN, X509])), "WaitClientKeyExchange");
    assert_eq!(greeted(stage.server.clone(), judges(vec![UNKNOWN, RAW])), "NoCommonCertificateType");
    let shows = |types: Vec<CertificateType>| ClientExtension::ClientCertificateType(types);
    assert_eq!(greeted(stage.requesting_server(), shows(vec![UNKNOWN, X509])), "WaitCertificate");
    assert_eq!(greeted(stage.requesting_server(), shows(vec![UNKNOWN])), "NoCommonCertificateType");
    // Of a client that is not asked it is of no account.
    assert_eq!(greeted(stage.server.clone(), shows(vec![UNKNOWN])), "WaitClientKeyExchange");
}
