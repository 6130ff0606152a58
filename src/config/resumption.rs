//! What the application decides about second connections: where sessions are kept, what may be sent early, and which keys
//! both ends have from elsewhere. RFC 8446 §2.2, §2.3, §8.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::{CertificateTypes, ClientAuth, Decision, Preferences};
use crate::clock::Time;
use crate::crypto::sha256_of_parts;
use crate::resume::{ClientSession, CookieKeys, ExternalPsk, MAX_SESSION_LIFETIME, ServerSession, TicketKeys};
#[cfg(feature = "std")]
use crate::resume::{MemoryClientSessions, MemoryServerSessions, MemoryStrikeRegister};
use crate::wire::ProtocolVersion;

/// Seals a server's sessions into tickets, which its clients keep for it. RFC 5077, RFC 8446 §4.6.1.
pub trait SealTickets: Send + Sync + fmt::Debug {
    /// Seals a session into a ticket of 1 to 65,535 bytes; `None`, or another length, sends no ticket.
    fn seal(&self, session: &ServerSession, now: Time) -> Option<Vec<u8>>;

    /// Returns for how many seconds a ticket opens: its session lives no longer.
    fn max_lifetime(&self) -> u32 {
        MAX_SESSION_LIFETIME
    }

    /// Opens a ticket. What it is not sure of is `None`, and the handshake is a full one.
    fn open(&self, ticket: &[u8], now: Time) -> Decision<Option<Box<ServerSession>>>;
}

impl SealTickets for TicketKeys {
    fn seal(&self, session: &ServerSession, now: Time) -> Option<Vec<u8>> {
        Self::seal(self, session, now)
    }

    fn max_lifetime(&self) -> u32 {
        Self::max_lifetime(self)
    }

    fn open(&self, ticket: &[u8], now: Time) -> Decision<Option<Box<ServerSession>>> {
        Decision::Now(Self::open(self, ticket, now).map(Box::new))
    }
}

/// Keeps a server's sessions.
pub trait ServerSessionStore: Send + Sync + fmt::Debug {
    /// Puts a session away under an id of 32 random bytes. What it cannot keep it forgets.
    fn put(&self, id: &[u8; 32], session: &ServerSession);

    /// Looks a session up and leaves it there: TLS 1.2 may resume it again.
    fn get(&self, id: &[u8]) -> Decision<Option<Box<ServerSession>>>;

    /// Takes a session out, for one caller alone: early data stands on that. RFC 8446 §8.1.
    fn take(&self, id: &[u8]) -> Decision<Option<Box<ServerSession>>>;
}

#[cfg(feature = "std")]
impl ServerSessionStore for MemoryServerSessions {
    fn put(&self, id: &[u8; 32], session: &ServerSession) {
        Self::put(self, id, session);
    }

    fn get(&self, id: &[u8]) -> Decision<Option<Box<ServerSession>>> {
        Decision::Now(Self::get(self, id))
    }

    fn take(&self, id: &[u8]) -> Decision<Option<Box<ServerSession>>> {
        Decision::Now(Self::take(self, id))
    }
}

/// Keeps a client's sessions.
pub trait ClientSessionStore: Send + Sync + fmt::Debug {
    /// Puts a session away.
    fn put(&self, of: &ClientSessionQuery, session: Box<ClientSession>);

    /// Takes a session out: in TLS 1.3 it is used once. RFC 8446 §C.4.
    fn take(&self, of: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>>;
}

#[cfg(feature = "std")]
impl ClientSessionStore for MemoryClientSessions {
    fn put(&self, of: &ClientSessionQuery, session: Box<ClientSession>) {
        Self::put(self, &of.server_name, &of.configuration, session);
    }

    fn take(&self, of: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        Decision::Now(Self::take(self, &of.server_name, &of.configuration))
    }
}

/// Finds the key that an identity names. RFC 8446 §4.2.11.
pub trait FindPsk: Send + Sync + fmt::Debug {
    /// Finds it, or asks to be asked.
    fn find(&self, identity: &[u8]) -> Decision<Option<Arc<ExternalPsk>>>;
}

/// A list that is at hand.
impl FindPsk for Vec<Arc<ExternalPsk>> {
    fn find(&self, identity: &[u8]) -> Decision<Option<Arc<ExternalPsk>>> {
        Decision::Now(self.iter().find(|psk| psk.identity() == identity).cloned())
    }
}

/// Remembers which early data came, for as long as it could come again. RFC 8446 §8.2.
pub trait StrikeRegister: Send + Sync + fmt::Debug {
    /// Names the register. A ticket's early data counts only with the register that was there when it was issued: servers
    /// that share tickets and not their register take none of each other's.
    fn realm(&self) -> [u8; 16];

    /// Says whether this offer comes for the first time, and remembers it. What it is not sure of is `false`.
    fn first_use(&self, offer: &EarlyDataOffer) -> Decision<bool>;
}

#[cfg(feature = "std")]
impl StrikeRegister for MemoryStrikeRegister {
    fn realm(&self) -> [u8; 16] {
        Self::realm(self)
    }

    fn first_use(&self, offer: &EarlyDataOffer) -> Decision<bool> {
        Decision::Now(Self::first_use(self, &offer.unique, offer.now, offer.until))
    }
}

/// How a server keeps early data from being replayed. RFC 8446 §8.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AntiReplay {
    /// By the session store, from which a session is taken once. RFC 8446 §8.1.
    SingleUse,
    /// By a strike register. RFC 8446 §8.2.
    StrikeRegister(Arc<dyn StrikeRegister>),
}

/// What a client's session is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientSessionQuery {
    /// The name of the server, as the connection was given it.
    pub server_name: String,
    /// What the configuration decides about servers. A session of another one would not be used.
    pub configuration: [u8; 32],
}

/// Where a server's session is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionPlace {
    /// In the ticket itself, sealed.
    Ticket,
    /// In the store, under this id; it stays there.
    Store,
    /// In the store, under this id; it is to be taken out.
    StoreOnce,
}

/// What a server's session is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionQuery {
    /// The ticket, or the id in the store.
    pub identity: Vec<u8>,
    /// Where it is said to be.
    pub place: SessionPlace,
    /// The version of the handshake.
    pub version: ProtocolVersion,
    /// The time now.
    pub now: Time,
}

/// The external PSK that a client names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PskQuery {
    /// Its name.
    pub identity: Vec<u8>,
}

/// Early data that passes every other check, and must not have come before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EarlyDataOffer {
    /// Tells this ClientHello from every other: the first 32 bytes of its binder. RFC 8446 §8.2.
    pub unique: [u8; 32],
    /// The time now.
    pub now: Time,
    /// When the freshness check alone will refuse it. RFC 8446 §8.3.
    pub until: Time,
    /// The server name of the session.
    pub server_name: Option<String>,
    /// The application protocol of the session.
    pub application_protocol: Option<Vec<u8>>,
}

/// How far a ticket's age may be off for early data, in milliseconds. RFC 8446 §8.3 speaks of ten seconds on the Internet.
pub const EARLY_DATA_WINDOW: u64 = 10_000;

/// The part of a server's decisions that is about second connections.
#[derive(Clone, Debug)]
pub(crate) struct ServerResumption {
    pub(crate) tickets: Option<Arc<dyn SealTickets>>,
    pub(crate) store: Option<Arc<dyn ServerSessionStore>>,
    pub(crate) tickets_per_handshake: u8,
    /// In seconds.
    pub(crate) lifetime: u32,
    pub(crate) context: Vec<u8>,
    /// Of the roots that clients' chains must lead to: hashed once, not for each connection.
    pub(crate) roots_digest: Option<[u8; 32]>,
    /// The same of those who are asked after the handshake.
    pub(crate) post_handshake_digest: Option<[u8; 32]>,
    pub(crate) early_data: Option<EarlyDataPolicy>,
    pub(crate) psks: Option<Arc<dyn FindPsk>>,
    pub(crate) cookies: Option<Arc<CookieKeys>>,
}

/// How much early data a server takes, and what keeps it from being replayed.
#[derive(Clone, Debug)]
pub(crate) struct EarlyDataPolicy {
    pub(crate) max_bytes: u32,
    pub(crate) anti_replay: AntiReplay,
}

impl Default for ServerResumption {
    fn default() -> Self {
        Self {
            tickets: None,
            store: None,
            tickets_per_handshake: 2,
            lifetime: DEFAULT_SESSION_LIFETIME,
            context: Vec::new(),
            roots_digest: Some([0; 32]),
            post_handshake_digest: Some([0; 32]),
            early_data: None,
            psks: None,
            cookies: None,
        }
    }
}

/// How long a session lives unless told otherwise, in seconds: two hours, so that a stolen ticket key opens little.
const DEFAULT_SESSION_LIFETIME: u32 = 7200;

impl ServerResumption {
    pub(super) fn set_lifetime(&mut self, seconds: u32) {
        self.lifetime = seconds.clamp(1, MAX_SESSION_LIFETIME);
    }

    /// What a session is bound to of the configuration: whom the server lets in, and what the application says.
    pub(crate) fn binding(
        &self,
        preferences: &Preferences,
        (client_auth, post_handshake_auth): (&ClientAuth, &ClientAuth),
        certificate_types: &CertificateTypes,
        rules: &[u8],
    ) -> Option<[u8; 32]> {
        let mode = |client_auth: &ClientAuth| match client_auth {
            ClientAuth::None => b"none".as_slice(),
            ClientAuth::Request(_) => b"request",
            ClientAuth::Require(_) => b"require",
        };
        let (roots, later_roots) = (self.roots_digest?, self.post_handshake_digest?);
        let trusted = certificate_types.bind(&*preferences.provider, roots)?;
        let mut parts =
            alloc::vec![b"bulla server session".as_slice(), mode(client_auth), &trusted, rules, &self.context];
        if post_handshake_auth.roots().is_some() {
            parts.extend([mode(post_handshake_auth), later_roots.as_slice()]);
        }
        let schemes = preferences.certificate_schemes_written();
        parts.extend(schemes.iter().map(Vec::as_slice));
        sha256_of_parts(&*preferences.provider, &parts).ok()
    }
}

/// The part of a client's decisions that is about second connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientResumption {
    pub(crate) store: Option<Arc<dyn ClientSessionStore>>,
    /// Of the roots: hashed once, with the store, not for each connection.
    pub(crate) roots_digest: Option<[u8; 32]>,
    /// Whether the chain of a session is judged again before it is offered.
    pub(crate) verifies_again: bool,
    pub(crate) early_data: bool,
    pub(crate) psks: Vec<Arc<ExternalPsk>>,
    /// Whether a server may also show a certificate.
    pub(crate) psk_only: bool,
}
