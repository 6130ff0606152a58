//! The one hook that sees every message in and out.

use core::fmt;

use crate::record::Level;
use crate::wire::{Alert, Handshake, Malformed};

/// Sees every handshake message, alert and change_cipher_spec, typed and with its bytes. It cannot change them.
pub trait Observer: Send + Sync + fmt::Debug {
    /// Looks at one message: a sent one when it is queued, a received one before the state machine judges it.
    fn observe(&self, seen: &Observed<'_>);
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From us to the peer.
    Sent,
    /// From the peer to us.
    Received,
}

/// One message as the hook sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Observed<'a> {
    /// Which way it goes.
    pub direction: Direction,
    /// Under which protection it travels.
    pub level: Level,
    /// What it is.
    pub content: Content<'a>,
}

/// What a message is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content<'a> {
    /// A handshake message.
    Handshake {
        /// The message, or why it cannot be read.
        message: Result<Handshake<'a>, Malformed>,
        /// Its bytes, header included.
        bytes: &'a [u8],
    },
    /// An alert.
    Alert(Alert),
    /// The dummy change_cipher_spec of middlebox compatibility mode. RFC 8446 §D.4.
    ChangeCipherSpec,
}
