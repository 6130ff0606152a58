//! The scenes of TLS 1.2: a real end against the scripted peer.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;

use bulla::resume::{MemoryClientSessions, TicketKeys};
use bulla::wire::ProtocolVersion;
use bulla::{ClientAuth, ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use super::pair::{Authority, KeyKind, NAME, configs_by, name};
use super::scene::{End, is_a_script};
use super::script::Role;
use super::script_tls12::{GROUP, Peer, SUITE, Say};

/// One TLS 1.2 connection in progress.
pub type Scene = super::scene::Scene<Peer>;

is_a_script!(Peer, Say);

/// The authority of all scenes of a test, with configurations that suit the scripted peer.
pub struct Stage {
    pub authority: Authority,
    pub client: ClientConfig,
    pub server: ServerConfig,
}

impl Stage {
    pub fn new() -> Self {
        let authority = Authority::new();
        let (client, server) = configs_by(&authority, KeyKind::EcdsaP256);
        let versions = [ProtocolVersion::TLSv1_2];
        let client = client.versions(versions).unwrap().cipher_suites([SUITE]).unwrap();
        let client = client.identity(authority.identity(&["client.test"], KeyKind::EcdsaP256));
        let server = server.versions(versions).unwrap().cipher_suites([SUITE]).unwrap().groups([GROUP]).unwrap();
        Self { authority, client, server }
    }

    pub fn requiring_server(&self) -> ServerConfig {
        self.server.clone().client_auth(ClientAuth::Require(Arc::new(self.authority.roots())))
    }

    pub fn requesting_server(&self) -> ServerConfig {
        self.server.clone().client_auth(ClientAuth::Request(Arc::new(self.authority.roots())))
    }

    /// A client that would like an OCSP response.
    pub fn asking_client(&self) -> ClientConfig {
        self.client.clone().ask_for_ocsp(true)
    }

    /// A client that would rather speak TLS 1.3.
    pub fn client_of_both_versions(&self) -> ClientConfig {
        let both = self.client.clone().cipher_suites([super::script::SUITE, SUITE]).unwrap();
        let both = both.versions([ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2]).unwrap();
        both.groups([GROUP, super::script::RETRY_GROUP]).unwrap()
    }

    /// A server that would rather speak TLS 1.3.
    pub fn server_of_both_versions(&self) -> ServerConfig {
        let both = self.server.clone().cipher_suites([super::script::SUITE, SUITE]).unwrap();
        both.versions([ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2]).unwrap()
    }

    /// A real client, whose hello the scripted server has heard.
    pub fn client(&self) -> Scene {
        self.client_with(self.client.clone())
    }

    pub fn client_with(&self, config: ClientConfig) -> Scene {
        let end = End::Client(ClientConnection::new(Arc::new(config), name()).unwrap());
        Scene::start(end, Peer::new(Role::Server, self.authority.issue(&[NAME], KeyKind::EcdsaP256)))
    }

    /// A real server that waits for the scripted client.
    pub fn server(&self) -> Scene {
        self.server_with(self.server.clone())
    }

    pub fn server_with(&self, config: ServerConfig) -> Scene {
        let end = End::Server(ServerConnection::new(Arc::new(config)).unwrap());
        Scene::start(end, Peer::new(Role::Client, self.authority.issue(&["client.test"], KeyKind::EcdsaP256)))
    }

    /// A real client that offers the session which it has with the scripted server.
    pub fn resuming_client(&self) -> Scene {
        self.resuming_client_with(self.client.clone())
    }

    pub fn resuming_client_with(&self, config: ClientConfig) -> Scene {
        let config = config.session_store(Arc::new(MemoryClientSessions::new(1, 1)));
        let first = self.client_with(config.clone());
        let first = first.say(&[Say::ServerHelloWithTicket]).say(&SERVER_FLIGHT[1..]);
        let first = first.say(&[Say::NewSessionTicket]).say(&END);
        assert_eq!(first.outcome(), "Connected");
        let mut scene = self.client_with(config);
        scene.peer.session = first.peer.master_secret.map(|it| it.secret().duplicate());
        scene
    }

    /// A server's configuration that seals tickets.
    pub fn sealing_server(&self) -> ServerConfig {
        self.server.clone().tickets(Arc::new(TicketKeys::random(bulla::crypto::ring::provider(), 3600).unwrap()))
    }

    /// A real server against a scripted client that has a session with it.
    pub fn resuming_server(&self) -> Scene {
        self.resuming_server_with(&self.sealing_server())
    }

    pub fn resuming_server_with(&self, config: &ServerConfig) -> Scene {
        let first = self.server_with(config.clone());
        let first = first.say(&[Say::ClientHelloOfSession, Say::ClientKeyExchange]).say(&END);
        assert_eq!(first.outcome(), "Connected");
        assert!(!first.peer.ticket.is_empty());
        let mut scene = self.server_with(config.clone());
        scene.peer.session = first.peer.master_secret.map(|it| it.secret().duplicate());
        scene.peer.ticket = first.peer.ticket;
        scene
    }

    /// A real client that is connected to the scripted server.
    pub fn connected_client(&self) -> Scene {
        let scene = self.client().say(&SERVER_FLIGHT).say(&END);
        assert_eq!(scene.outcome(), "Connected");
        scene
    }

    /// A real server that is connected to the scripted client.
    pub fn connected_server(&self) -> Scene {
        let scene = self.server().say(&[Say::ClientHello, Say::ClientKeyExchange]).say(&END);
        assert_eq!(scene.outcome(), "Connected");
        scene
    }
}

/// What a server says before it is the client's turn, and that asks for nothing. RFC 5246 §7.3.
pub const SERVER_FLIGHT: [Say; 4] = [Say::ServerHello, Say::Certificate, Say::ServerKeyExchange, Say::ServerHelloDone];

/// How the first flight of either end under its keys goes.
pub const END: [Say; 2] = [Say::ChangeCipherSpec, Say::Finished];
