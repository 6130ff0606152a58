//! The second connection in TLS 1.3: by a session, by a key from elsewhere, and when it is a full one after all.
//! RFC 8446 §2.2, §4.2.11, §4.6.1, RFC 9258.

#[path = "support/pair.rs"]
mod pair;

use std::sync::Arc;

use bulla::clock::{NoClock, Time};
use bulla::config::ClientAuth;
use bulla::crypto::HashAlgorithm;
use bulla::crypto::ring::provider;
use bulla::error::{Incompatible, Violation};
use bulla::resume::{ExternalPsk, MemoryClientSessions, MemoryServerSessions, TicketKeys};
use bulla::wire::{
    AlertDescription, CipherSuite, NamedGroup, ProtocolVersion, ServerExtension, ServerHello, read_all, write_message,
};
use bulla::{ClientConfig, ClientConnection, Error, HandshakeKind, ServerConfig, ServerConnection, ServerName};
use pair::{Authority, KeyKind, NAME, NOW, Pair, configs, data, feed, output, send};

/// Two configurations that keep sessions, and the client's store.
struct Ends {
    client: ClientConfig,
    server: ServerConfig,
    sessions: Arc<MemoryClientSessions>,
}

fn tickets() -> Arc<TicketKeys> {
    Arc::new(TicketKeys::random(provider(), 86_400).unwrap())
}

fn keeping((client, server): (ClientConfig, ServerConfig)) -> Ends {
    let sessions = Arc::new(MemoryClientSessions::new(8, 8));
    let client = client.versions([ProtocolVersion::TLSv1_3]).unwrap().session_store(sessions.clone());
    Ends { client, server: server.tickets(tickets()), sessions }
}

fn ends() -> Ends {
    keeping(configs(KeyKind::EcdsaP256))
}

impl Ends {
    fn connect(&self) -> Pair {
        Pair::established(self.client.clone(), self.server.clone())
    }

    /// Connects twice; the second time as these configurations.
    fn second(&self, client: ClientConfig, server: ServerConfig) -> Pair {
        assert_eq!(kinds(&self.connect()), FULL);
        Pair::established(client, server)
    }
}

fn kinds(pair: &Pair) -> [Option<HandshakeKind>; 2] {
    [pair.client.handshake_kind(), pair.server.handshake_kind()]
}

const FULL: [Option<HandshakeKind>; 2] = [Some(HandshakeKind::Full); 2];
const RESUMED: [Option<HandshakeKind>; 2] = [Some(HandshakeKind::Resumed); 2];
const BY_PSK: [Option<HandshakeKind>; 2] = [Some(HandshakeKind::ExternalPsk); 2];

/// Data goes both ways.
fn check_data(pair: &mut Pair) {
    pair.to_server.extend(send(&mut pair.client, b"question"));
    feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
    pair.to_client.extend(send(&mut pair.server, b"answer"));
    feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen).unwrap();
    assert_eq!((data(&pair.server_seen), data(&pair.client_seen)), (b"question".to_vec(), b"answer".to_vec()));
}

fn later(seconds: u64) -> Arc<Time> {
    Arc::new(Time::from_secs(NOW.as_secs() + seconds))
}

#[test]
fn second_connection_resumes_and_still_knows_the_server() {
    let ends = ends();
    let first = ends.connect();
    assert_eq!(kinds(&first), FULL);
    let mut second = ends.connect();
    assert_eq!(kinds(&second), RESUMED);
    assert_eq!(second.client.peer_certificates(), first.client.peer_certificates());
    assert_eq!(second.client.peer_signature_scheme(), first.client.peer_signature_scheme());
    assert!(!second.client.peer_certificates().is_empty());
    check_data(&mut second);
}

#[test]
fn resumed_connections_are_resumed_again() {
    let ends = ends();
    assert_eq!(kinds(&ends.connect()), FULL);
    for _ in 0..5 {
        assert_eq!(kinds(&ends.connect()), RESUMED);
    }
}

#[test]
fn both_tickets_of_a_handshake_resume_once_each() {
    let mut ends = ends();
    assert_eq!(kinds(&ends.connect()), FULL);
    ends.server = ends.server.tickets_per_handshake(0);
    assert_eq!([kinds(&ends.connect()), kinds(&ends.connect())], [RESUMED, RESUMED]);
    assert!(ends.sessions.is_empty());
    assert_eq!(kinds(&ends.connect()), FULL);
}

#[test]
fn ticket_is_used_up_even_by_a_connection_that_comes_to_nothing() {
    let mut ends = ends();
    ends.server = ends.server.tickets_per_handshake(1);
    ends.connect();
    assert_eq!(ends.sessions.len(), 1);
    let _given_up = ClientConnection::new(Arc::new(ends.client.clone()), pair::name()).unwrap();
    assert!(ends.sessions.is_empty());
}

#[test]
fn server_store_resumes_as_tickets_do() {
    let sessions = Arc::new(MemoryClientSessions::new(8, 8));
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.versions([ProtocolVersion::TLSv1_3]).unwrap().session_store(sessions.clone());
    let ends = Ends { client, server: server.session_store(Arc::new(MemoryServerSessions::new(8))), sessions };
    assert_eq!([kinds(&ends.connect()), kinds(&ends.connect())], [FULL, RESUMED]);
}

#[test]
fn resumption_changes_the_suite_within_its_hash_and_goes_full_beyond() {
    use CipherSuite as C;
    let (aes128, aes256, chacha) =
        (C::TLS_AES_128_GCM_SHA256, C::TLS_AES_256_GCM_SHA384, C::TLS_CHACHA20_POLY1305_SHA256);
    for first in [aes128, aes256, chacha] {
        for second in [aes128, aes256, chacha] {
            let mut ends = ends();
            ends.client = ends.client.cipher_suites([first]).unwrap();
            let client = ends.client.clone().cipher_suites([second]).unwrap();
            let pair = ends.second(client, ends.server.clone());
            let same_hash = (first == aes256) == (second == aes256);
            assert_eq!(kinds(&pair), if same_hash { RESUMED } else { FULL }, "{first} {second}");
            assert_eq!(pair.client.cipher_suite(), Some(second));
        }
    }
}

#[test]
fn session_of_another_name_configuration_or_time_is_not_resumed() {
    let ends = ends();
    let lifetime = 7200;
    // Another name.
    ends.connect();
    let other = ServerName::try_from("other.test").unwrap();
    let mut client = ClientConnection::new(Arc::new(ends.client.clone()), other).unwrap();
    let mut server = ServerConnection::new(Arc::new(ends.server.clone())).unwrap();
    feed(&mut server, &mut output(&mut client), &mut Vec::new()).unwrap();
    assert_eq!(server.state(), "WaitFinished");
    let refused = feed(&mut client, &mut output(&mut server), &mut Vec::new()).unwrap_err();
    assert!(matches!(refused, Error::Certificate(_)), "{refused}");

    // Another trust, whose sessions are kept apart.
    let stranger =
        ClientConfig::new(Authority::new().roots()).clock(Arc::new(NOW)).session_store(ends.sessions.clone());
    let mut pair = Pair::new(stranger, ends.server.clone());
    assert!(matches!(pair.run(), Err(("client", Error::Certificate(_)))));

    // The last second, and the first one behind it.
    for (age, expected) in [(lifetime - 1, RESUMED), (lifetime, FULL)] {
        let ends = self::ends();
        let client = ends.client.clone().clock(later(age));
        assert_eq!(kinds(&ends.second(client, ends.server.clone().clock(later(age)))), expected, "{age}");
    }
}

#[test]
fn without_a_clock_nothing_is_kept_and_nothing_offered() {
    let ends = ends();
    let clockless = ends.client.clone().clock(Arc::new(NoClock));
    ends.connect();
    let mut pair = Pair::new(clockless, ends.server.clone());
    // A full handshake, which the judge refuses for want of a time.
    assert!(matches!(pair.run(), Err(("client", Error::Certificate(_)))));
    assert!(!ends.sessions.is_empty());
}

#[test]
fn application_protocol_is_negotiated_anew() {
    let mut ends = ends();
    ends.client = ends.client.alpn(["h2", "http/1.1"]).unwrap();
    ends.server = ends.server.alpn(["h2", "http/1.1"]).unwrap();
    let server = ends.server.clone().alpn(["http/1.1"]).unwrap();
    let pair = ends.second(ends.client.clone(), server);
    assert_eq!(kinds(&pair), RESUMED);
    assert_eq!(pair.client.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[test]
fn resumption_survives_a_retry_unless_the_hash_changes() {
    let ends = ends();
    let client = ends.client.clone().groups([NamedGroup::x25519, NamedGroup::secp256r1]).unwrap();
    let server = ends.server.clone().groups([NamedGroup::secp256r1]).unwrap();
    let pair = ends.second(client.clone(), server.clone());
    assert!(pair.client.hello_retried());
    assert_eq!(kinds(&pair), RESUMED);

    let mut ends = self::ends();
    ends.client = ends.client.cipher_suites([CipherSuite::TLS_AES_128_GCM_SHA256]).unwrap();
    let both = [CipherSuite::TLS_AES_128_GCM_SHA256, CipherSuite::TLS_AES_256_GCM_SHA384];
    let client = ends.client.clone().cipher_suites(both).unwrap();
    let client = client.groups([NamedGroup::x25519, NamedGroup::secp256r1]).unwrap();
    let server = ends.server.clone().groups([NamedGroup::secp256r1]).unwrap();
    let server = server.cipher_suites([CipherSuite::TLS_AES_256_GCM_SHA384]).unwrap();
    let pair = ends.second(client, server);
    assert!(pair.client.hello_retried());
    assert_eq!(kinds(&pair), FULL);
}

#[test]
fn server_with_other_keys_goes_full_and_the_next_one_resumes() {
    let ends = ends();
    let others = ends.server.clone().tickets(tickets());
    assert_eq!(kinds(&ends.second(ends.client.clone(), others.clone())), FULL);
    assert_eq!(kinds(&Pair::established(ends.client.clone(), others)), RESUMED);
}

fn psk(identity: &[u8], hash: HashAlgorithm) -> Arc<ExternalPsk> {
    Arc::new(ExternalPsk::new(identity, &[7; 32], hash).unwrap())
}

#[test]
fn external_psk_needs_no_certificate_at_either_end() {
    for hash in [HashAlgorithm::Sha256, HashAlgorithm::Sha384] {
        let client = ClientConfig::psk_only(psk(b"device 7", hash));
        let server = ServerConfig::psk_only(Arc::new(vec![psk(b"device 7", hash)]));
        let mut pair = Pair::established(client, server);
        assert_eq!(kinds(&pair), BY_PSK);
        assert!(pair.client.peer_certificates().is_empty());
        check_data(&mut pair);
    }
}

#[test]
fn external_psk_beside_certificates_is_taken_where_it_is_known() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.psk(psk(b"unknown", HashAlgorithm::Sha256)).psk(psk(b"known", HashAlgorithm::Sha256));
    let knowing = server.clone().psks(Arc::new(vec![psk(b"known", HashAlgorithm::Sha256)]));
    assert_eq!(kinds(&Pair::established(client.clone(), knowing)), BY_PSK);
    assert_eq!(kinds(&Pair::established(client, server)), FULL);
}

#[test]
fn imported_psk_is_taken_with_either_hash() {
    let import = || ExternalPsk::import(&*provider(), b"fleet", b"context", &[9; 32], HashAlgorithm::Sha256).unwrap();
    for suite in [CipherSuite::TLS_AES_128_GCM_SHA256, CipherSuite::TLS_AES_256_GCM_SHA384] {
        let (client, server) = configs(KeyKind::EcdsaP256);
        let client = import().into_iter().fold(client, ClientConfig::psk);
        let server = server.cipher_suites([suite]).unwrap().psks(Arc::new(import()));
        assert_eq!(kinds(&Pair::established(client, server)), BY_PSK, "{suite}");
    }
}

#[test]
fn client_that_takes_psks_alone_refuses_a_server_that_chose_none() {
    let client = ClientConfig::psk_only(psk(b"mine", HashAlgorithm::Sha256));
    let (_, server) = configs(KeyKind::EcdsaP256);
    let refused = Pair::new(client, server).run().unwrap_err();
    assert_eq!(refused, ("client", Incompatible::PskNotChosen.into()));
}

#[test]
fn connection_of_an_external_psk_leaves_no_session_and_names_its_psk() {
    let sessions = Arc::new(MemoryClientSessions::new(8, 8));
    let client = ClientConfig::psk_only(psk(b"p", HashAlgorithm::Sha256)).session_store(sessions.clone());
    let server = ServerConfig::psk_only(Arc::new(vec![psk(b"p", HashAlgorithm::Sha256)])).tickets(tickets());
    let ends = Ends { client, server, sessions };
    let pair = ends.connect();
    assert_eq!([kinds(&pair), kinds(&ends.connect())], [BY_PSK, BY_PSK]);
    assert!(ends.sessions.is_empty());
    let identities = [pair.client.external_psk_identity(), pair.server.external_psk_identity()];
    assert_eq!(identities, [Some(&b"p"[..]); 2]);
}

#[test]
fn client_certificate_of_the_session_is_known_again() {
    let authority = Authority::new();
    let (client, server) = pair::configs_by(&authority, KeyKind::EcdsaP256);
    let client = client.identity(authority.identity(&[NAME], KeyKind::EcdsaP256));
    let server = server.client_auth(ClientAuth::Require(Arc::new(authority.roots())));
    let ends = keeping((client, server));
    let first = ends.connect();
    let second = ends.connect();
    assert_eq!([kinds(&first), kinds(&second)], [FULL, RESUMED]);
    assert_eq!(second.server.peer_certificates(), first.server.peer_certificates());
    assert!(!second.server.peer_certificates().is_empty());
}

/// What is done to a ServerHello on its way.
type Edit = fn(&mut ServerHello<'_>);

/// What a client says to the ServerHello of a server that resumes its session, altered on the way.
fn altered_server_hello(edit: Edit) -> Error {
    let mut ends = ends();
    ends.client = ends.client.psk(psk(b"second", HashAlgorithm::Sha256)).early_data(true);
    ends.server = ends.server.tickets_per_handshake(1);
    ends.connect();
    let mut pair = Pair::new(ends.client.clone(), ends.server.clone());
    feed(&mut pair.server, &mut output(&mut pair.client), &mut pair.server_seen).unwrap();
    let flight = output(&mut pair.server);
    let len = usize::from(u16::from_be_bytes([flight[3], flight[4]]));
    let mut server_hello: ServerHello<'_> = read_all(&flight[9..5 + len]).unwrap();
    edit(&mut server_hello);
    let message = write_message(&server_hello).unwrap();
    let mut record = [&[22, 3, 3][..], &u16::try_from(message.len()).unwrap().to_be_bytes(), &message].concat();
    feed(&mut pair.client, &mut record, &mut pair.client_seen).unwrap_err()
}

fn choose(server_hello: &mut ServerHello<'_>, selected_identity: u16) {
    for extension in server_hello.extensions.iter_mut().flatten() {
        if let ServerExtension::PreSharedKey(index) = extension {
            *index = selected_identity;
        }
    }
}

#[test]
fn server_hello_with_a_psk_that_cannot_be_chosen_so_is_refused() {
    let cases: [(Violation, Edit); 3] = [
        (Violation::SelectedPskNotOffered, |hello| choose(hello, 2)),
        (Violation::PskHashDiffers, |hello| hello.cipher_suite = CipherSuite::TLS_AES_256_GCM_SHA384),
        (Violation::PskWithoutKeyShare, |hello| {
            let extensions = hello.extensions.as_mut().unwrap();
            extensions.retain(|extension| !matches!(extension, ServerExtension::KeyShare(_)));
        }),
    ];
    for (expected, edit) in cases {
        let refused = altered_server_hello(edit);
        assert_eq!(refused.alert(), Some(AlertDescription::illegal_parameter));
        assert_eq!(refused, expected.into());
    }
}

/// Who holds a PSK is trusted by a client that has it, and by no other one, also in the sessions that come of it.
#[test]
fn session_of_an_external_psk_is_resumed_by_clients_that_have_the_psk_alone() {
    let mut ends = ends();
    ends.server = ends.server.psks(Arc::new(vec![psk(b"p", HashAlgorithm::Sha256)]));
    let knowing = ends.client.clone().psk(psk(b"p", HashAlgorithm::Sha256));
    assert_eq!(kinds(&Pair::established(knowing, ends.server.clone())), BY_PSK);
    let other = ends.client.clone().psk(psk(b"q", HashAlgorithm::Sha256));
    for client in [ends.client.clone(), other] {
        assert_eq!(kinds(&Pair::established(client, ends.server.clone())), FULL);
    }
}
