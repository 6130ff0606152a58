//! A server of tickets and a clock that the test sets, against the scripted client that has PSKs.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::{Arc, Mutex};

use bulla::clock::{Clock, Time};
use bulla::config::AntiReplay;
use bulla::crypto::ring::provider;
use bulla::resume::{MemoryStrikeRegister, TicketKeys};
use bulla::wire::{
    ClientExtension, EncryptedExtension, EncryptedExtensions, HandshakeType, PskKeyExchangeMode, ServerExtension,
    ServerHello, read_all,
};
use bulla::{HandshakeKind, ServerConfig};

use super::pair::NOW;
use super::scene::{Scene, Stage};
use super::script::Heard;
use super::script::Say::Finished;
use super::script::psk::Psk;

/// A clock that the test sets.
#[derive(Debug)]
pub struct SetClock(pub Mutex<Time>);

impl Clock for SetClock {
    fn now(&self) -> Option<Time> {
        Some(*self.0.lock().unwrap())
    }
}

/// A server of which everybody gets tickets, and its clock.
pub struct Tickets {
    pub stage: Stage,
    pub config: ServerConfig,
    pub clock: Arc<SetClock>,
}

impl Tickets {
    pub fn new() -> Self {
        let stage = Stage::new();
        let clock = Arc::new(SetClock(Mutex::new(NOW)));
        let keys = TicketKeys::random(provider(), 86_400).unwrap();
        let config = stage.server.clone().clock(clock.clone()).tickets(Arc::new(keys));
        Self { stage, config, clock }
    }

    pub fn with(edit: impl FnOnce(ServerConfig) -> ServerConfig) -> Self {
        let Self { stage, config, clock } = Self::new();
        Self { stage, config: edit(config), clock }
    }

    /// Early data of up to 100 bytes, held against a register.
    pub fn with_early_data() -> Self {
        let register = MemoryStrikeRegister::random(&*provider(), 100).unwrap();
        Self::with(|config| config.early_data(100, AntiReplay::StrikeRegister(Arc::new(register))).unwrap())
    }

    pub fn pass(&self, milliseconds: u64) {
        let mut now = self.clock.0.lock().unwrap();
        *now = Time::from_millis(now.as_millis() + milliseconds);
    }

    pub fn scene(&self) -> Scene {
        self.stage.server_with(self.config.clone())
    }

    /// A first connection, up to its tickets.
    pub fn first(&self) -> Scene {
        let modes = |hello: &mut bulla::wire::ClientHello<'_>| {
            let modes = ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]);
            hello.extensions.as_mut().unwrap().push(modes);
        };
        let scene = self.scene().say_message(|peer| peer.client_hello_with(modes)).say(&[Finished]);
        assert_eq!(scene.outcome(), "Connected");
        scene
    }

    pub fn ticket(&self) -> Psk {
        self.first().peer.tickets().swap_remove(0)
    }

    pub fn second(&self, psks: Vec<Psk>) -> Scene {
        self.scene().say_message(|peer| peer.psk_hello_with(psks, |_| {}))
    }

    /// A second connection that begins with early data.
    pub fn early(&self, psks: Vec<Psk>, data: &[&[u8]]) -> Scene {
        self.scene().with(|peer| {
            let hello = peer.psk_hello_with(psks, offer_early_data);
            peer.say_early(&hello, data)
        })
    }
}

pub fn offer_early_data(hello: &mut bulla::wire::ClientHello<'_>) {
    hello.extensions.as_mut().unwrap().push(ClientExtension::EarlyData);
}

pub fn bodies(scene: &Scene, handshake_type: HandshakeType) -> Vec<&[u8]> {
    let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
        Heard::Message(bytes) if bytes[0] == handshake_type.0 => Some(&bytes[4..]),
        _ => None,
    });
    messages.collect()
}

/// The index of the PSK that the server chose.
pub fn chosen(scene: &Scene) -> Option<u16> {
    let hello: ServerHello<'_> = read_all(bodies(scene, HandshakeType::server_hello)[0]).unwrap();
    hello.extensions.iter().flatten().find_map(|extension| match extension {
        ServerExtension::PreSharedKey(index) => Some(*index),
        _ => None,
    })
}

pub fn accepts_early_data(scene: &Scene) -> bool {
    let message: EncryptedExtensions<'_> = read_all(bodies(scene, HandshakeType::encrypted_extensions)[0]).unwrap();
    message.extensions.contains(&EncryptedExtension::EarlyData)
}

pub fn kind(scene: &Scene) -> Option<HandshakeKind> {
    scene.end.handshake_kind()
}
