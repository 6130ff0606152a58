//! What a step of the handshake wants to happen, in order. The connection carries it out.

use alloc::vec::Vec;

use super::question::{Question, QuestionId, QuestionKind};
use crate::error::Error;
use crate::keys::{TrafficKeys, Transcript};
use crate::record::{Level, RecordBoundary};
use crate::wire::{Message, write_message};

/// One thing to happen.
pub(crate) enum Effect {
    /// Send this handshake message at this level.
    Send(Level, Vec<u8>),
    /// Send the dummy change_cipher_spec. RFC 8446 §D.4.
    ChangeCipherSpec,
    /// Tolerate, or no longer tolerate, the peer's dummy change_cipher_spec. RFC 8446 §5.
    TolerateChangeCipherSpec(bool),
    /// Skip the early data that the client has sent and we do not take. RFC 8446 §4.2.10.
    SkipEarlyData,
    /// Protect what is sent from now on.
    WriteKeys(Level, TrafficKeys),
    /// Open what comes from now on.
    ReadKeys(Level, TrafficKeys),
    /// Hand this question out.
    Ask(Question),
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
        #[cfg(test)]
        let bytes = match &self.recorded {
            Some(recorded) => recorded.instead_of(bytes),
            None => bytes,
        };
        transcript.add(&bytes);
        self.effects.push(Effect::Send(level, bytes));
        Ok(())
    }

    /// Sends a message that does not count for a transcript, or is counted by the caller.
    pub(crate) fn send_bytes(&mut self, level: Level, bytes: Vec<u8>) {
        self.effects.push(Effect::Send(level, bytes));
    }

    pub(crate) fn change_cipher_spec(&mut self) {
        self.effects.push(Effect::ChangeCipherSpec);
    }

    pub(crate) fn tolerate_change_cipher_spec(&mut self, tolerated: bool) {
        self.effects.push(Effect::TolerateChangeCipherSpec(tolerated));
    }

    pub(crate) fn skip_early_data(&mut self) {
        self.effects.push(Effect::SkipEarlyData);
    }

    /// Changes the write keys behind everything sent so far.
    pub(crate) fn write_keys(&mut self, level: Level, keys: TrafficKeys) {
        self.effects.push(Effect::WriteKeys(level, keys));
    }

    /// Changes the read keys, which only the end of a record allows. RFC 8446 §5.1.
    pub(crate) fn read_keys(&mut self, level: Level, keys: TrafficKeys, _: RecordBoundary) {
        self.effects.push(Effect::ReadKeys(level, keys));
    }

    pub(crate) fn ask(&mut self, kind: QuestionKind) {
        let id = QuestionId(self.next_question);
        self.next_question = self.next_question.wrapping_add(1);
        self.effects.push(Effect::Ask(Question { id, kind }));
    }
}
