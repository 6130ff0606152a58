//! What outlives a connection: the sessions of both roles, the keys that seal them, and the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bulla::clock::{Clock, SystemClock, Time};
use bulla::config::{
    ClientSessionQuery, ClientSessionStore, Decision, EarlyDataOffer, SealTickets, ServerSessionStore, StrikeRegister,
};
use bulla::crypto::ring::provider;
use bulla::resume::{
    ClientSession, CookieKeys, MemoryClientSessions, MemoryServerSessions, MemoryStrikeRegister, ServerSession,
    TicketKeys,
};

use crate::answers::{Late, Seen};
use crate::failure::Failure;
use crate::options::Options;

/// How many sessions of each kind are kept: more than any test makes.
const CAPACITY: usize = 64;
/// How long ticket keys last, in seconds. No test waits so long.
const TICKET_KEY_PERIOD: u32 = 604_800;

/// A clock that stands still until it is told to go on.
#[derive(Debug)]
pub(crate) struct ShimClock(AtomicU64);

impl ShimClock {
    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds.saturating_mul(1000), Ordering::Relaxed);
    }
}

impl Clock for ShimClock {
    fn now(&self) -> Option<Time> {
        Some(Time::from_millis(self.0.load(Ordering::Relaxed)))
    }
}

/// What the connections of this process share.
pub(crate) struct Memory {
    pub(crate) clock: Arc<ShimClock>,
    /// For the servers of `-async`, which remember nothing of a HelloRetryRequest.
    pub(crate) cookies: Arc<CookieKeys>,
    client_sessions: Arc<MemoryClientSessions>,
    server_sessions: Arc<MemoryServerSessions>,
    tickets: Arc<TicketKeys>,
    early_data: Arc<MemoryStrikeRegister>,
}

impl Memory {
    pub(crate) fn new() -> Result<Self, Failure> {
        let Some(now) = SystemClock.now() else { return Failure::unexpected("this machine does not know the time") };
        let keys = (TicketKeys::random(provider(), TICKET_KEY_PERIOD), CookieKeys::random(provider()));
        let (Ok(tickets), Ok(cookies)) = keys else {
            return Failure::unexpected("there is no randomness for keys");
        };
        Ok(Self {
            clock: Arc::new(ShimClock(AtomicU64::new(now.as_millis()))),
            cookies: Arc::new(cookies),
            client_sessions: Arc::new(MemoryClientSessions::new(CAPACITY, CAPACITY)),
            server_sessions: Arc::new(MemoryServerSessions::new(CAPACITY)),
            tickets: Arc::new(tickets),
            early_data: Arc::new(MemoryStrikeRegister::new([0; 16], CAPACITY)),
        })
    }
}

/// What one connection has of the memory: it answers late under `-async`, and notes what it is given.
pub(crate) struct Recall {
    pub(crate) client_sessions: Arc<ClientSessions>,
    pub(crate) server_sessions: Arc<ServerSessions>,
    pub(crate) tickets: Arc<Tickets>,
    pub(crate) early_data: Arc<EarlyDataSeen>,
}

impl Recall {
    pub(crate) fn new(options: &Options, memory: &Memory, seen: &Arc<Seen>) -> Self {
        // A refusal is an answer, and answers are given to questions.
        let refuses = options.server && options.refuse_choice.is_some();
        let late = || Late::new(options.asynchronous || refuses);
        Self {
            client_sessions: Arc::new(ClientSessions {
                sessions: Arc::clone(&memory.client_sessions),
                late: late(),
                seen: Arc::clone(seen),
            }),
            server_sessions: Arc::new(ServerSessions {
                sessions: Arc::clone(&memory.server_sessions),
                late: late(),
                seen: Arc::clone(seen),
            }),
            tickets: Arc::new(Tickets {
                keys: Arc::clone(&memory.tickets),
                seals_none: options.skip_ticket,
                late: late(),
            }),
            early_data: Arc::new(EarlyDataSeen { register: Arc::clone(&memory.early_data), late: late() }),
        }
    }
}

#[derive(Debug)]
pub(crate) struct ClientSessions {
    sessions: Arc<MemoryClientSessions>,
    late: Late,
    seen: Arc<Seen>,
}

impl ClientSessionStore for ClientSessions {
    fn put(&self, of: &ClientSessionQuery, session: Box<ClientSession>) {
        self.seen.new_sessions.fetch_add(1, Ordering::Relaxed);
        self.seen.max_early_data.store(session.max_early_data(), Ordering::Relaxed);
        ClientSessionStore::put(&*self.sessions, of, session);
    }

    fn take(&self, of: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        if self.late.postpones() {
            return Decision::Later;
        }
        ClientSessionStore::take(&*self.sessions, of)
    }
}

#[derive(Debug)]
pub(crate) struct ServerSessions {
    sessions: Arc<MemoryServerSessions>,
    late: Late,
    seen: Arc<Seen>,
}

impl ServerSessionStore for ServerSessions {
    fn put(&self, id: &[u8; 32], session: &ServerSession) {
        self.seen.new_sessions.fetch_add(1, Ordering::Relaxed);
        ServerSessionStore::put(&*self.sessions, id, session);
    }

    fn get(&self, id: &[u8]) -> Decision<Option<Box<ServerSession>>> {
        if self.late.postpones() {
            return Decision::Later;
        }
        ServerSessionStore::get(&*self.sessions, id)
    }

    fn take(&self, id: &[u8]) -> Decision<Option<Box<ServerSession>>> {
        if self.late.postpones() {
            return Decision::Later;
        }
        ServerSessionStore::take(&*self.sessions, id)
    }
}

#[derive(Debug)]
pub(crate) struct Tickets {
    keys: Arc<TicketKeys>,
    seals_none: bool,
    late: Late,
}

impl SealTickets for Tickets {
    fn seal(&self, session: &ServerSession, now: Time) -> Option<Vec<u8>> {
        if self.seals_none { None } else { SealTickets::seal(&*self.keys, session, now) }
    }

    fn open(&self, ticket: &[u8], now: Time) -> Decision<Option<Box<ServerSession>>> {
        if self.late.postpones() {
            return Decision::Later;
        }
        SealTickets::open(&*self.keys, ticket, now)
    }
}

#[derive(Debug)]
pub(crate) struct EarlyDataSeen {
    register: Arc<MemoryStrikeRegister>,
    late: Late,
}

impl StrikeRegister for EarlyDataSeen {
    fn realm(&self) -> [u8; 16] {
        StrikeRegister::realm(&*self.register)
    }

    fn first_use(&self, offer: &EarlyDataOffer) -> Decision<bool> {
        if self.late.postpones() {
            return Decision::Later;
        }
        StrikeRegister::first_use(&*self.register, offer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_stands_still_until_it_is_told_to_go_on() {
        let clock = ShimClock(AtomicU64::new(5_000));
        assert_eq!(clock.now(), Some(Time::from_secs(5)));
        clock.advance(7);
        assert_eq!(clock.now(), Some(Time::from_secs(12)));
    }
}
