//! What makes the second connection fast: sessions, the tickets they travel in, stores, external PSKs, and what keeps early
//! data from being replayed. RFC 8446 §2.2, §2.3, §8, RFC 5077, RFC 9258.
//!
//! A session is bound to what it was made under. What does not fit any more leads to a full handshake, never to an error.

mod client_session;
mod cookie;
mod external_psk;
mod fields;
#[cfg(all(test, feature = "ring", feature = "std"))]
mod made;
#[cfg(feature = "std")]
mod memory;
mod rotation;
mod server_session;
mod ticket_keys;

use pki_types::CertificateDer;

use crate::clock::Time;
use crate::verify::PeerCertificate;

pub use client_session::{ClientSession, SessionRefused};
pub(crate) use cookie::RetryCookie;
pub use cookie::{CookieKeys, MAX_COOKIE_AGE};
pub use external_psk::{ExternalPsk, ImportedIdentity, MIN_PSK_LEN, PskRefused};
#[cfg(feature = "std")]
pub use memory::{MemoryClientSessions, MemoryServerSessions, MemoryStrikeRegister};
pub use rotation::{KeysRefused, MIN_SHARED_SECRET_LEN};
pub use server_session::{MAX_SESSION_CHAIN_LEN, ServerSession};
pub use ticket_keys::{MIN_TICKET_PERIOD, TicketKeys};

/// How long a new session may live, in seconds: as `wanted`, at most seven days behind the full handshake that it stands on, and
/// not beyond the certificates that were judged then. `None` if that is no time at all.
pub(crate) fn remaining_lifetime(
    wanted: u32,
    authenticated: Time,
    chain: &[CertificateDer<'_>],
    now: Time,
) -> Option<u32> {
    let not_after = |der: &CertificateDer<'_>| PeerCertificate::read(der).ok().map(|read| read.validity().1.as_secs());
    let valid_until = chain.iter().filter_map(not_after).min().unwrap_or(u64::MAX);
    let end = authenticated.as_secs().saturating_add(MAX_SESSION_LIFETIME.into()).min(valid_until);
    let left = u32::try_from(end.saturating_sub(now.as_secs())).unwrap_or(u32::MAX);
    Some(wanted.min(left).min(MAX_SESSION_LIFETIME)).filter(|lifetime| *lifetime > 0)
}

/// Longest lifetime of a session, in seconds: seven days. RFC 8446 §4.6.1.
pub const MAX_SESSION_LIFETIME: u32 = 604_800;
