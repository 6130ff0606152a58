//! The secrets of a connection, for whoever takes its records over (the kernel's TLS) or studies them.

use super::{Connection, Phase, Role};
use crate::crypto::Secret;
use crate::error::{Error, Misuse};
use crate::handshake::{Connected, Negotiated};
use crate::keys::RawKeys;
use crate::wire::{CipherSuite, ProtocolVersion};

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

/// The keys of both directions, as a kernel's TLS wants them, in both versions. Whoever holds them reads and forges everything.
#[non_exhaustive]
pub struct TrafficKeys {
    /// The version, which says how records are laid out.
    pub version: ProtocolVersion,
    /// The suite, which says what the keys are for.
    pub cipher_suite: CipherSuite,
    /// What the peer's records are opened with.
    pub read: DirectionKeys,
    /// What ours are sealed with.
    pub write: DirectionKeys,
}

/// One direction's key, iv and place.
pub struct DirectionKeys {
    /// The AEAD's key.
    pub key: Secret,
    /// Twelve bytes, which are XORed with the sequence number; of TLS 1.2 with AES-GCM the four that the explicit nonce of each
    /// record follows, which we make of the sequence number. RFC 8446 §5.3, RFC 5288 §3, RFC 7905 §2.
    ///
    /// Linux calls the first four bytes `salt` with AES-GCM, and the eight behind them (in TLS 1.2 the first explicit nonce)
    /// `iv`; with ChaCha20-Poly1305 all twelve are `iv`.
    pub iv: Secret,
    /// The sequence number of the next record: Linux's `rec_seq`, big-endian.
    pub sequence_number: u64,
}

/// Shows what a connection keeps to itself.
pub trait DangerousTrafficSecrets {
    /// Returns copies of the traffic secrets in use, once established. All pending output must have been taken, so that
    /// secrets and sequence numbers belong together: [`Misuse::OutputPending`]. A handshake message of which a part has come
    /// must be complete: [`Misuse::InputPending`]. After our close_notify there is nothing to take over:
    /// [`Misuse::SendAfterClose`].
    ///
    /// Two ends of one key must never both seal: a connection whose records somebody else seals must not send any more. Whoever
    /// seals must keep to [`max_fragment_len`](Connection::max_fragment_len), which may be less than the 16,384 bytes that a
    /// kernel makes records of. RFC 8449 §4.
    fn danger_traffic_secrets(&self) -> Result<TrafficSecrets, Error>;

    /// Returns copies of the keys in use, in both versions, under the same conditions. In TLS 1.3 a KeyUpdate ends them: who has
    /// taken the records over makes the next ones of [`danger_traffic_secrets`](Self::danger_traffic_secrets), by
    /// [`TrafficSecret::next`](crate::keys::TrafficSecret::next) and [`raw_keys`](crate::keys::TrafficSecret::raw_keys), and
    /// counts from 0 again. RFC 8446 §7.2.
    fn danger_traffic_keys(&self) -> Result<TrafficKeys, Error>;
}

impl DangerousTrafficSecrets for Connection {
    fn danger_traffic_secrets(&self) -> Result<TrafficSecrets, Error> {
        let (_, connected, negotiated) = self.at_rest()?;
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

    fn danger_traffic_keys(&self) -> Result<TrafficKeys, Error> {
        let (role, connected, negotiated) = self.at_rest()?;
        let [of_client, of_server] = connected.raw_keys(role == Role::Client)?;
        let (read, write) = match role {
            Role::Client => (of_server, of_client),
            Role::Server => (of_client, of_server),
        };
        let direction = |RawKeys { key, iv }, sequence_number| DirectionKeys { key, iv, sequence_number };
        Ok(TrafficKeys {
            version: negotiated.version,
            cipher_suite: negotiated.cipher_suite,
            read: direction(read, self.reader.sequence_number()),
            write: direction(write, self.writer.sequence_number()),
        })
    }
}

impl Connection {
    /// Lends what is left of the handshake while nothing is on its way that would change keys or numbers.
    fn at_rest(&self) -> Result<(Role, &Connected, &Negotiated), Error> {
        let at_rest = match &self.phase {
            Phase::Established { role, connected, negotiated } => (*role, &**connected, &**negotiated),
            Phase::Failed(error) => return Err(error.clone()),
            Phase::Client(_) | Phase::Server(_) => return Err(Misuse::HandshakeNotFinished.into()),
        };
        if self.closed {
            return Err(Misuse::SendAfterClose.into());
        }
        if self.writer.has_output() || self.writer.has_keys() {
            return Err(Misuse::OutputPending.into());
        }
        // The answer to an open question would be sent with these keys too.
        if !self.joiner.is_empty() || self.has_event() || self.open_question.is_some() || at_rest.1.is_in_flight() {
            return Err(Misuse::InputPending.into());
        }
        Ok(at_rest)
    }
}
