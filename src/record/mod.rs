//! The record layer: framing, joining, splitting, sealing and opening in place, and its limits. RFC 8446 §5.
//!
//! It knows content types, lengths and keys; what a message means is none of its business.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

mod join;
mod limit;
mod padding;
mod protection;
mod read;
#[cfg(all(test, feature = "ring", feature = "std"))]
mod tests;
mod write;

pub(crate) use join::{Joiner, RecordBoundary, message_len};
pub(crate) use limit::RecordLimit;
pub use padding::{PadRecords, PadToMultipleOf};
pub(crate) use read::{ChangeCipherSpecs, Framed, RecordReader};
pub(crate) use write::{Queued, RecordWriter};

use crate::wire::{MAX_CIPHERTEXT_LEN_TLS13, MAX_PLAINTEXT_LEN, RECORD_HEADER_LEN};

/// Length in bytes of the longest record that may come: a receive buffer of this size is always enough.
/// RFC 8446 §5.2: 5 bytes of header, 2^14 + 256 of ciphertext; an AEAD record of TLS 1.2 is never longer.
#[allow(clippy::arithmetic_side_effects, reason = "evaluated by the compiler, which refuses an overflow")]
pub const MAX_RECORD_LEN: usize = RECORD_HEADER_LEN + MAX_CIPHERTEXT_LEN_TLS13;

/// Room in bytes that sending in place needs before the plaintext: the record header, and with TLS 1.2 the eight bytes of
/// an explicit nonce.
#[allow(clippy::arithmetic_side_effects, reason = "evaluated by the compiler, which refuses an overflow")]
pub const IN_PLACE_HEAD: usize = if cfg!(feature = "tls12") { RECORD_HEADER_LEN + 8 } else { RECORD_HEADER_LEN };

/// Room in bytes that sending in place needs behind the plaintext: the inner content type and the tag. Where records are padded,
/// the padding needs room there too.
#[allow(clippy::arithmetic_side_effects, reason = "evaluated by the compiler, which refuses an overflow")]
pub const IN_PLACE_TAIL: usize = 1 + crate::crypto::TAG_LEN;

/// Most bytes of application data in one record, where the peer has not asked for less. RFC 8446 §5.1.
pub const MAX_FRAGMENT_LEN: usize = MAX_PLAINTEXT_LEN;

/// Largest handshake message that is accepted, in bytes. Chains with post-quantum signatures stay below it; without a
/// limit a peer could claim 16 MiB.
pub const MAX_HANDSHAKE_MESSAGE_LEN: usize = 0x1_0000;

/// Most empty application data records in a row. They are legal traffic cover; an endless row of them is only work.
pub const MAX_EMPTY_RECORDS: u32 = 32;

/// Most warning alerts in a row. TLS 1.3 knows only user_canceled beside close_notify.
pub const MAX_WARNING_ALERTS: u32 = 4;

/// Most change_cipher_spec records in one handshake. Each end sends one, a confused middlebox perhaps more.
pub const MAX_CHANGE_CIPHER_SPECS: u32 = 32;

/// Most bytes of early data, as ciphertext, that a server which declined it skips. Tickets of common servers allow 16 KiB
/// of plaintext; a peer that sends more than twice that is only making us try keys. RFC 8446 §4.2.10.
pub const MAX_SKIPPED_EARLY_DATA: usize = 0x8000;

/// Most KeyUpdates without application data between them. Each costs two key derivations.
pub const MAX_KEY_UPDATES: u32 = 32;

/// Most HelloRequests without application data between them. Each costs an alert.
#[cfg(feature = "tls12")]
pub const MAX_HELLO_REQUESTS: u32 = 32;

/// Most NewSessionTickets without application data between them. Servers send two to four.
pub const MAX_TICKETS: u32 = 32;

/// How many records before a key's limit it is changed: room for the KeyUpdate itself and for an alert.
pub(crate) const MAX_KEY_UPDATE_RESERVE: u64 = 16;

/// The protection under which a message travels; QUIC has the same levels. RFC 8446 §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No protection: the hellos.
    Initial,
    /// Early traffic keys: 0-RTT.
    EarlyData,
    /// Handshake traffic keys.
    Handshake,
    /// Application traffic keys.
    Application,
}
