//! What the calls of a connection return.

use core::fmt;
use core::ops::Range;

use crate::handshake::Question;

/// The outcome of [`Connection::receive`](super::Connection::receive).
#[derive(Debug)]
#[must_use = "`used` bytes must be dropped off the buffer's front, and the event taken"]
pub struct Received<'b> {
    /// How many bytes at the buffer's front are done with.
    pub used: usize,
    /// What they meant.
    pub event: Event<'b>,
}

/// What a record meant.
#[allow(clippy::large_enum_variant, reason = "it lives for one call, and a question is rare")]
pub enum Event<'b> {
    /// The peer's plaintext, decrypted in the buffer.
    Data {
        /// The plaintext.
        plaintext: &'b mut [u8],
        /// Where it stands in the buffer.
        range: Range<usize>,
    },
    /// Plaintext that a client sent before the handshake was finished, decrypted in the buffer. Only a server that has
    /// asked for it gets any. Somebody else may have sent it again: whatever it asks for must do no harm when it is done
    /// twice. RFC 8446 §8.
    EarlyData {
        /// The plaintext.
        plaintext: &'b mut [u8],
        /// Where it stands in the buffer.
        range: Range<usize>,
    },
    /// The handshake waits for an answer, which the configuration left open; or, once established, a certificate that the
    /// server asked for, and data goes on meanwhile.
    Ask(Question),
    /// A question of the handshake is still open: answer it before anything else is received.
    Waiting,
    /// A record was processed that the application need not know of. Call again.
    Progress,
    /// The buffer does not hold a whole record. It must hold `hint` bytes to go on.
    NeedMore {
        /// The number of bytes, counted from the buffer's front.
        hint: usize,
    },
    /// The handshake is finished: the peer is who it should be.
    Established,
    /// A client has answered [`request_client_certificate`](super::Connection::request_client_certificate): it is who
    /// [`peer_certificates`](super::Connection::peer_certificates) says. RFC 8446 §4.6.2.
    PeerAuthenticated,
    /// A client has answered that it has no certificate to show, and the configuration lets that pass. What is known of it
    /// is as before. RFC 8446 §4.4.2.4.
    CertificateDeclined,
    /// The peer has sent close_notify: all its data has come.
    Closed,
}

impl fmt::Debug for Event<'_> {
    /// Says how long plaintext is, and nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data { range, .. } => write!(f, "Data({} bytes at {range:?})", range.len()),
            Self::EarlyData { range, .. } => write!(f, "EarlyData({} bytes at {range:?})", range.len()),
            Self::Ask(question) => f.debug_tuple("Ask").field(question).finish(),
            Self::Waiting => f.write_str("Waiting"),
            Self::Progress => f.write_str("Progress"),
            Self::NeedMore { hint } => write!(f, "NeedMore {{ hint: {hint} }}"),
            Self::Established => f.write_str("Established"),
            Self::PeerAuthenticated => f.write_str("PeerAuthenticated"),
            Self::CertificateDeclined => f.write_str("CertificateDeclined"),
            Self::Closed => f.write_str("Closed"),
        }
    }
}

/// The outcome of [`Connection::send`](super::Connection::send).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "`written` bytes must go to the peer, and what was not taken must be sent again"]
pub struct Sent {
    /// How many bytes of plaintext were taken.
    pub taken: usize,
    /// How many bytes of output were written.
    pub written: usize,
}
