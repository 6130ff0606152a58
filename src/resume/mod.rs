//! What makes the second connection fast: sessions, the tickets they travel in, stores, external PSKs, and what keeps early
//! data from being replayed. RFC 8446 §2.2, §2.3, §8, RFC 5077, RFC 9258.
//!
//! A session is bound to what it was made under. What does not fit any more leads to a full handshake, never to an error.

mod client_session;
mod cookie;
mod external_psk;
mod lifetime;
#[cfg(feature = "std")]
mod memory;
mod server_session;
mod ticket_keys;

pub use client_session::{ClientSession, SessionRefused};
pub use cookie::CookieKeys;
pub(crate) use cookie::RetryCookie;
pub use external_psk::{ExternalPsk, ImportedIdentity, PskRefused};
pub(crate) use lifetime::lifetime_within;
#[cfg(feature = "std")]
pub use memory::{MemoryClientSessions, MemoryServerSessions, MemoryStrikeRegister};
pub use server_session::ServerSession;
pub use ticket_keys::TicketKeys;

/// Longest lifetime of a session, in seconds: seven days. RFC 8446 §4.6.1.
pub const MAX_SESSION_LIFETIME: u32 = 604_800;
