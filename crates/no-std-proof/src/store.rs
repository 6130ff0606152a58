//! What a device keeps between two connections: one session, as bytes in a fixed place, and whether early data was taken.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use bulla::ClientConfig;
use bulla::config::{ClientSessionQuery, ClientSessionStore, Decision, EarlyDataOffer, StrikeRegister};
use bulla::resume::ClientSession;

/// Bytes of the place: a session takes a ticket and the server's chain.
const LEN: usize = 2048;

/// One session, written out. A device would have flash memory here.
#[derive(Debug)]
pub struct OneSession {
    /// The client's, which writes the session and alone reads it back.
    config: ClientConfig,
    /// How many of the bytes count; 0 if there is no session.
    filled: AtomicUsize,
    bytes: [AtomicU8; LEN],
}

impl OneSession {
    /// Starts empty.
    pub fn new(config: ClientConfig) -> Self {
        Self { config, filled: AtomicUsize::new(0), bytes: [const { AtomicU8::new(0) }; LEN] }
    }
}

impl ClientSessionStore for OneSession {
    fn put(&self, _: &ClientSessionQuery, session: Box<ClientSession>) {
        let Some(written) = self.config.write_session(&session).filter(|written| written.len() <= LEN) else { return };
        for (place, byte) in self.bytes.iter().zip(written.expose()) {
            place.store(*byte, Ordering::Relaxed);
        }
        self.filled.store(written.len(), Ordering::Release);
    }

    fn take(&self, of: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        let filled = self.filled.swap(0, Ordering::Acquire);
        let written: Vec<u8> = self.bytes.iter().take(filled).map(|place| place.load(Ordering::Relaxed)).collect();
        let session = self.config.read_session(&written).ok();
        Decision::Now(session.filter(|session| session.server_name() == of.server_name).map(Box::new))
    }
}

/// A strike register for a life in which early data comes once.
#[derive(Debug, Default)]
pub struct Once(AtomicBool);

impl StrikeRegister for Once {
    fn realm(&self) -> [u8; 16] {
        *b"bulla no_std one"
    }

    fn first_use(&self, _: &EarlyDataOffer) -> Decision<bool> {
        Decision::Now(!self.0.swap(true, Ordering::Relaxed))
    }
}
