//! The scenes of second connections in TLS 1.3: a real end and the scripted peer that have had a first one.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bulla::config::danger::DangerousVerification;
use bulla::config::{AntiReplay, ChainToVerify, Decision, Verdict, VerifyChain};
use bulla::crypto::HashAlgorithm;
use bulla::crypto::ring::provider;
use bulla::resume::{ExternalPsk, MemoryClientSessions, MemoryStrikeRegister, TicketKeys};
use bulla::wire::{
    ClientExtension, ClientHello, NewSessionTicket, NewSessionTicketExtension, PskKeyExchangeMode, write_message,
};
use bulla::{ClientConfig, ServerConfig};

use super::later::{Later, OpensLater};
use super::scene::{SERVER_FLIGHT, Scene, Stage};
use super::script::Say;
use super::script::psk::Psk;

/// How much early data the tickets of either end allow.
pub const MAX_EARLY_DATA: u32 = 16;
/// What the external PSK is called.
pub const IDENTITY: &[u8] = b"a name";
const KEY: [u8; 32] = [6; 32];

/// The PSK that both ends have from elsewhere, for the real end.
pub fn external_psk() -> Arc<ExternalPsk> {
    Arc::new(ExternalPsk::new(IDENTITY, &KEY, HashAlgorithm::Sha256).unwrap())
}

/// The same for the scripted peer.
pub fn scripted_psk() -> Psk {
    Psk::external(IDENTITY, &KEY)
}

/// The ticket of the scripted server.
pub fn new_session_ticket() -> Vec<u8> {
    let ticket = NewSessionTicket {
        ticket_lifetime: 3600,
        ticket_age_add: 1,
        ticket_nonce: &[0],
        ticket: b"ticket",
        extensions: vec![NewSessionTicketExtension::EarlyData(MAX_EARLY_DATA)],
    };
    write_message(&ticket).unwrap()
}

fn with_modes(hello: &mut ClientHello<'_>) {
    let modes = ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]);
    hello.extensions.as_mut().unwrap().push(modes);
}

/// Judges one chain at once, and asks about the next.
#[derive(Debug, Default)]
struct LaterNextTime(AtomicBool);

impl VerifyChain for LaterNextTime {
    fn verify(&self, chain: &ChainToVerify) -> Decision<Verdict> {
        if self.0.swap(true, Ordering::Relaxed) { Decision::Later } else { Decision::Now(chain.judge()) }
    }
}

impl Stage {
    /// A client's configuration that keeps a session.
    pub fn keeping_client(&self) -> ClientConfig {
        self.client.clone().session_store(Arc::new(MemoryClientSessions::new(1, 1)))
    }

    /// Lets a client of this configuration connect to the scripted server and get a ticket.
    pub fn give_ticket(&self, config: &ClientConfig) -> Psk {
        let ticket = new_session_ticket();
        let first = self.client_with(config.clone()).say(&SERVER_FLIGHT).say_message(|_| ticket.clone());
        assert_eq!(first.outcome(), "Connected");
        first.peer.ticket_of(&ticket)
    }

    /// A real client that offers the session which it has with the scripted server.
    pub fn resuming_client(&self) -> Scene {
        self.resuming_client_with(&self.keeping_client())
    }

    pub fn resuming_client_with(&self, config: &ClientConfig) -> Scene {
        let psk = self.give_ticket(config);
        let mut scene = self.client_with(config.clone());
        scene.peer.second.psks = vec![psk];
        scene
    }

    /// A real client that offers early data beside its session.
    pub fn early_client(&self) -> Scene {
        self.early_client_with(&self.keeping_client())
    }

    pub fn early_client_with(&self, config: &ClientConfig) -> Scene {
        let mut scene = self.resuming_client_with(&config.clone().early_data(true));
        scene.peer.start_early();
        scene
    }

    /// A server's configuration that seals tickets.
    pub fn sealing_server(&self) -> ServerConfig {
        self.server.clone().tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap()))
    }

    /// A server's configuration that takes early data.
    pub fn early_server(&self) -> ServerConfig {
        let register = MemoryStrikeRegister::random(&*provider(), 1000).unwrap();
        let config = self.sealing_server();
        config.early_data(MAX_EARLY_DATA, AntiReplay::StrikeRegister(Arc::new(register))).unwrap()
    }

    /// A server's configuration that asks whose each ticket is.
    pub fn opening_later(&self) -> ServerConfig {
        self.server.clone().tickets(Arc::new(OpensLater::new()))
    }

    /// A server's configuration that asks whether early data comes for the first time.
    pub fn deciding_later(&self) -> ServerConfig {
        self.sealing_server().early_data(MAX_EARLY_DATA, AntiReplay::StrikeRegister(Arc::new(Later))).unwrap()
    }

    /// A real client that asks for a session before it says anything.
    pub fn asking_client(&self) -> Scene {
        let scene = self.client_with(self.client.clone().session_store(Arc::new(Later)));
        let scene = scene.with(|_| Vec::new());
        assert_eq!((scene.outcome(), scene.questions.len()), ("AskSession", 1));
        scene
    }

    /// A real client that has found a session and asks about its chain before it says anything.
    pub fn client_that_judges_again(&self) -> Scene {
        let config = self.keeping_client().danger_verify_with(Arc::new(LaterNextTime::default()));
        self.give_ticket(&config);
        let scene = self.client_with(config.verify_again_on_resumption(true));
        let scene = scene.with(|_| Vec::new());
        assert_eq!((scene.outcome(), scene.questions.len()), ("AskSessionVerdict", 1));
        scene
    }

    /// A real server that asks for the external PSK of the scripted client.
    pub fn server_that_asks_for_psk(&self) -> Scene {
        let config = self.server.clone().psks(Arc::new(Later));
        self.server_with_psk(&config, &scripted_psk()).say(&[Say::ClientHelloOfPsk])
    }

    /// A real server that asks for the session of the scripted client.
    pub fn server_that_asks_for_session(&self) -> Scene {
        self.resuming_server_with(&self.opening_later()).say(&[Say::ClientHelloOfPsk])
    }

    /// A real server that asks about the early data of the scripted client.
    pub fn server_that_asks_about_early_data(&self) -> Scene {
        self.resuming_server_with(&self.deciding_later()).say(&[Say::ClientHelloWithEarlyData])
    }

    /// Lets the scripted client connect to a server of this configuration, and returns the PSK of its ticket.
    pub fn get_ticket(&self, config: &ServerConfig) -> Psk {
        let first = self.server_with(config.clone());
        let mut says = vec![Say::Finished];
        let mut first = first.say_message(|peer| peer.client_hello_with(with_modes));
        if first.outcome() == "WaitSecondClientHello" {
            first = first.say_message(|peer| peer.client_hello_with(with_modes));
        }
        if first.outcome() == "WaitCertificate" {
            says.splice(0..0, [Say::Certificate, Say::CertificateVerify]);
        }
        let first = first.say(&says);
        assert_eq!(first.outcome(), "Connected");
        first.peer.tickets().swap_remove(0)
    }

    /// A real server, and the scripted client that has a PSK to offer.
    pub fn server_with_psk(&self, config: &ServerConfig, psk: &Psk) -> Scene {
        let mut scene = self.server_with(config.clone());
        scene.peer.second.psks = vec![psk.duplicate()];
        scene
    }

    /// A real server, and the scripted client that has a ticket of it.
    pub fn resuming_server_with(&self, config: &ServerConfig) -> Scene {
        let psk = self.get_ticket(config);
        self.server_with_psk(config, &psk)
    }

    pub fn resuming_server(&self) -> Scene {
        self.resuming_server_with(&self.sealing_server())
    }

    /// A real server that takes the early data of the scripted client, whose hello has come.
    pub fn server_in_early_data(&self) -> Scene {
        let scene = self.resuming_server_with(&self.early_server()).say(&[Say::ClientHelloWithEarlyData]);
        assert_eq!(scene.outcome(), "WaitEndOfEarlyData");
        scene
    }
}
