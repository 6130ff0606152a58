//! Ticket keys that change with the clock, from one secret.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::ServerSession;
use crate::clock::Time;
use crate::crypto::{CryptoError, Provider, Secret};

/// Seals sessions into tickets. RFC 5077 §4, RFC 8446 §4.6.1.
pub struct TicketKeys {
    provider: Arc<dyn Provider>,
    secret: Secret,
    period: u32,
}

impl TicketKeys {
    /// Draws the secret: the tickets of this process, for as long as it lives.
    pub fn random(_provider: Arc<dyn Provider>, _period: u32) -> Result<Self, CryptoError> {
        todo!()
    }

    /// Takes the secret of a fleet, at least 32 bytes, whose members then resume each other's sessions.
    pub fn from_shared_secret(_provider: Arc<dyn Provider>, _secret: &[u8], _period: u32) -> Result<Self, CryptoError> {
        todo!()
    }

    /// Seals a session.
    pub fn seal(&self, _session: &ServerSession, _now: Time) -> Option<Vec<u8>> {
        todo!()
    }

    /// Opens a ticket of this period, the one before or the next; `None` for anything else.
    pub fn open(&self, _ticket: &[u8], _now: Time) -> Option<ServerSession> {
        todo!()
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKeys").field("period", &self.period).finish_non_exhaustive()
    }
}
