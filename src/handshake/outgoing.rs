//! What a step of the handshake wants to happen, in order. The connection carries it out.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::question::{Question, QuestionId, QuestionKind};
use crate::config::ServerConfig;
use crate::crypto::{Provider, Secret};
use crate::error::{Error, Misuse};
use crate::keys::{ExporterSecret, TrafficKeys, Transcript};
use crate::record::{ChangeCipherSpecs, Level, PadRecords, RecordBoundary, RecordLimit};
#[cfg(feature = "tls12")]
use crate::wire::AlertDescription;
use crate::wire::{Message, write_message};

/// One thing to happen.
pub(crate) enum Effect {
    /// This configuration was chosen for this ClientHello.
    Configured { config: Arc<ServerConfig>, client_hello: Vec<u8> },
    /// Send this handshake message at this level.
    Send(Level, Vec<u8>),
    /// Send the dummy change_cipher_spec. RFC 8446 §D.4.
    ChangeCipherSpec,
    /// Take the peer's change_cipher_spec as this from now on.
    ReadChangeCipherSpec(ChangeCipherSpecs),
    /// Skip the early data that the client has sent and we do not take. RFC 8446 §4.2.10.
    SkipEarlyData(usize),
    /// Protect what is sent from now on.
    WriteKeys(Level, TrafficKeys),
    /// Open what comes from now on.
    ReadKeys(Level, TrafficKeys),
    /// Send in the clear again: a HelloRetryRequest came behind our early data. RFC 8446 §4.2.10.
    WriteUnprotected,
    /// This is known of early data now.
    EarlyData(EarlyData),
    /// The client may send so many bytes of early data from now on.
    EarlyDataRoom(u32),
    /// Take records of this size at most.
    ReadLimit(RecordLimit),
    /// Make records of this size at most.
    WriteLimit(RecordLimit),
    /// Pad records by this policy. RFC 8446 §5.4.
    PadRecords(Option<Arc<dyn PadRecords>>),
    /// This exports keying material that goes with early data. RFC 8446 §7.5.
    EarlyExporter(Box<EarlyExporter>),
    /// The server may send data before the client's Finished has come. RFC 8446 §4.4.4.
    HalfRtt,
    /// Send this alert as a warning; the connection goes on.
    #[cfg(feature = "tls12")]
    Warn(AlertDescription),
    /// The client has shown who it is, after the handshake.
    PeerAuthenticated,
    /// The client was asked who it is after the handshake, and does not say.
    CertificateDeclined,
    /// Hand this question out. In a box: questions are large, and most steps have none.
    Ask(Box<Question>),
}

/// Exports keying material that depends on the ClientHello alone. RFC 8446 §7.5.
pub(crate) struct EarlyExporter {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) secret: ExporterSecret,
}

impl EarlyExporter {
    pub(crate) fn export(&self, label: &[u8], context: &[u8], len: usize) -> Result<Secret, Error> {
        let exported = self.secret.export(&*self.provider, label, context, len);
        exported.map_err(|_| Error::Misuse(Misuse::BadExporterRequest))
    }
}

/// What became of early data. RFC 8446 §4.2.10.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlyData {
    /// None was offered.
    #[default]
    NotOffered,
    /// It was offered, and the server has not answered yet.
    Pending,
    /// The server took it.
    Accepted,
    /// The server did not take it: whatever was sent early is lost and must be sent again.
    Rejected,
    /// The server asked for another hello, which goes without early data: whatever was sent early is lost and must be sent
    /// again.
    Retried,
}

/// Collects the effects of one step.
pub(crate) struct Outgoing {
    effects: Vec<Effect>,
    next_question: u32,
    #[cfg(test)]
    pub(crate) recorded: Option<alloc::sync::Arc<crate::config::recorded::Recorded>>,
}

impl Outgoing {
    pub(crate) fn new() -> Self {
        Self {
            effects: Vec::new(),
            next_question: 0,
            #[cfg(test)]
            recorded: None,
        }
    }

    /// Says which configuration was chosen for this ClientHello.
    pub(crate) fn configured(&mut self, config: Arc<ServerConfig>, client_hello: Vec<u8>) {
        self.effects.push(Effect::Configured { config, client_hello });
    }

    /// Takes the effects out, in order.
    pub(crate) fn take(&mut self) -> Vec<Effect> {
        core::mem::take(&mut self.effects)
    }

    /// Sends a message that counts for the transcript.
    pub(crate) fn send<'m>(
        &mut self,
        level: Level,
        message: &impl Message<'m>,
        transcript: &mut Transcript,
    ) -> Result<(), Error> {
        let bytes = write_message(message)?;
        self.send_written(level, bytes, transcript);
        Ok(())
    }

    /// Sends a message that is written already, and counts for the transcript.
    pub(crate) fn send_written(&mut self, level: Level, bytes: Vec<u8>, transcript: &mut Transcript) {
        #[cfg(test)]
        let bytes = match &self.recorded {
            Some(recorded) => recorded.instead_of(bytes),
            None => bytes,
        };
        transcript.add(&bytes);
        self.effects.push(Effect::Send(level, bytes));
    }

    /// Sends a message that does not count for a transcript, or is counted by the caller.
    pub(crate) fn send_bytes(&mut self, level: Level, bytes: Vec<u8>) {
        self.effects.push(Effect::Send(level, bytes));
    }

    pub(crate) fn change_cipher_spec(&mut self) {
        self.effects.push(Effect::ChangeCipherSpec);
    }

    /// Says what the peer's change_cipher_spec means from now on. RFC 8446 §5, RFC 5246 §7.1.
    pub(crate) fn read_change_cipher_spec(&mut self, meaning: ChangeCipherSpecs) {
        self.effects.push(Effect::ReadChangeCipherSpec(meaning));
    }

    /// Skips up to `limit` bytes of the client's early data. RFC 8446 §4.2.10.
    pub(crate) fn skip_early_data(&mut self, limit: usize) {
        self.effects.push(Effect::SkipEarlyData(limit));
    }

    /// Sends in the clear from now on.
    pub(crate) fn write_unprotected(&mut self) {
        self.effects.push(Effect::WriteUnprotected);
    }

    /// Says what is known of early data.
    pub(crate) fn early_data(&mut self, outcome: EarlyData) {
        self.effects.push(Effect::EarlyData(outcome));
    }

    /// Lets the client send so many bytes of early data.
    pub(crate) fn early_data_room(&mut self, bytes: u32) {
        self.effects.push(Effect::EarlyDataRoom(bytes));
    }

    /// Takes records of this size at most from now on.
    pub(crate) fn read_limit(&mut self, limit: RecordLimit) {
        self.effects.push(Effect::ReadLimit(limit));
    }

    /// Makes records of this size at most from now on.
    pub(crate) fn write_limit(&mut self, limit: RecordLimit) {
        self.effects.push(Effect::WriteLimit(limit));
    }

    /// Pads records by this policy from now on; without one there is nothing to say.
    pub(crate) fn pad_records(&mut self, policy: Option<&Arc<dyn PadRecords>>) {
        if policy.is_some() {
            self.effects.push(Effect::PadRecords(policy.cloned()));
        }
    }

    /// Lets the application export what goes with early data.
    pub(crate) fn early_exporter(&mut self, exporter: EarlyExporter) {
        self.effects.push(Effect::EarlyExporter(Box::new(exporter)));
    }

    /// Lets the server send before the client's Finished has come.
    pub(crate) fn half_rtt(&mut self) {
        self.effects.push(Effect::HalfRtt);
    }

    /// Changes the write keys behind everything sent so far.
    pub(crate) fn write_keys(&mut self, level: Level, keys: TrafficKeys) {
        self.effects.push(Effect::WriteKeys(level, keys));
    }

    /// Changes the read keys, which only the end of a record allows. RFC 8446 §5.1.
    pub(crate) fn read_keys(&mut self, level: Level, keys: TrafficKeys, _: RecordBoundary) {
        self.effects.push(Effect::ReadKeys(level, keys));
    }

    /// Sends a warning, which ends nothing. RFC 5246 §7.2.
    #[cfg(feature = "tls12")]
    pub(crate) fn warn(&mut self, description: AlertDescription) {
        self.effects.push(Effect::Warn(description));
    }

    /// Says that the client has shown who it is, after the handshake. RFC 8446 §4.6.2.
    pub(crate) fn peer_authenticated(&mut self) {
        self.effects.push(Effect::PeerAuthenticated);
    }

    /// Says that the client has nothing to show, after the handshake, and may stay.
    pub(crate) fn certificate_declined(&mut self) {
        self.effects.push(Effect::CertificateDeclined);
    }

    pub(crate) fn ask(&mut self, kind: QuestionKind) {
        let id = QuestionId(self.next_question);
        self.next_question = self.next_question.wrapping_add(1);
        self.effects.push(Effect::Ask(Box::new(Question { id, kind })));
    }
}
