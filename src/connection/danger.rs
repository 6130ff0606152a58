//! The secrets of a connection, for whoever takes its records over (the kernel's TLS) or studies them.

use super::{Connection, Phase};
use crate::crypto::Secret;
use crate::error::{Error, Misuse};
use crate::wire::CipherSuite;

/// The traffic secrets of both directions. Whoever holds them reads and forges everything.
#[non_exhaustive]
pub struct TrafficSecrets {
    /// The suite that says which keys come out of them.
    pub cipher_suite: CipherSuite,
    /// What the peer's records are opened with.
    pub read: DirectionSecret,
    /// What ours are sealed with.
    pub write: DirectionSecret,
}

/// One direction's application_traffic_secret_N. RFC 8446 §7.2.
pub struct DirectionSecret {
    /// The secret; key and iv come from it by RFC 8446 §7.3, as [`TrafficSecret`](crate::keys::TrafficSecret) does it.
    pub secret: Secret,
    /// The sequence number of the next record.
    pub sequence_number: u64,
}

/// Shows what a connection keeps to itself.
pub trait DangerousTrafficSecrets {
    /// Returns copies of the traffic secrets in use, once established. All pending output must have been taken, so that
    /// secrets and sequence numbers belong together: [`Misuse::OutputPending`]. A handshake message of which a part has come
    /// must be complete: [`Misuse::InputPending`]. After our close_notify there is nothing to take over:
    /// [`Misuse::SendAfterClose`].
    ///
    /// Two ends of one key must never both seal: a connection whose records somebody else seals must not send any more.
    fn danger_traffic_secrets(&self) -> Result<TrafficSecrets, Error>;
}

impl DangerousTrafficSecrets for Connection {
    fn danger_traffic_secrets(&self) -> Result<TrafficSecrets, Error> {
        let (connected, negotiated) = match &self.phase {
            Phase::Established { connected, negotiated, .. } => (connected, negotiated),
            Phase::Failed(error) => return Err(error.clone()),
            Phase::Client(_) | Phase::Server(_) => return Err(Misuse::HandshakeNotFinished.into()),
        };
        if self.closed {
            return Err(Misuse::SendAfterClose.into());
        }
        if self.writer.has_output() || self.writer.has_keys() {
            return Err(Misuse::OutputPending.into());
        }
        if !self.joiner.is_empty() || self.has_event() || connected.is_in_flight() {
            return Err(Misuse::InputPending.into());
        }
        let (read, write) = connected.traffic_secrets().ok_or(Misuse::NoTrafficSecrets)?;
        Ok(TrafficSecrets {
            cipher_suite: negotiated.cipher_suite,
            read: DirectionSecret { secret: read.secret().duplicate(), sequence_number: self.reader.sequence_number() },
            write: DirectionSecret {
                secret: write.secret().duplicate(),
                sequence_number: self.writer.sequence_number(),
            },
        })
    }
}
