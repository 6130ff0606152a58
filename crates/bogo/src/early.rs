//! Early data: what a client writes before the server has answered, and a server's echo of it before the handshake is
//! finished. RFC 8446 §2.3.

use bulla::{Connection, EarlyData};

use crate::checks::Turn;
use crate::exchange::{Exchange, Step, turned};
use crate::failure::Failure;

impl Exchange<'_> {
    /// As a client, writes early what the arguments want written first; says whether early data was offered.
    pub(crate) fn write_early(&mut self) -> Result<bool, Failure> {
        if self.options.server || !self.options.enable_early_data {
            return Ok(false);
        }
        // The session may be found late, and the hello with it.
        if self.take_next()?.is_some() {
            return Failure::unexpected("something came before it was read");
        }
        if self.connection.early_data() != EarlyData::Pending {
            return Ok(false);
        }
        if self.options.expect.no_offer_early_data {
            return Failure::unexpected("early data is offered");
        }
        self.export()?;
        self.await_message()?;
        let first = self.options.initial_write.clone().into_bytes();
        if self.options.read_with_unfinished_write {
            let sealed = self.seal_early(&first)?;
            self.write_unfinished(&sealed)?;
        } else if self.options.shim_writes_first {
            for _ in 0..self.options.initial_writes {
                let sealed = self.seal_early(&first)?;
                self.write(&sealed)?;
            }
        }
        Ok(true)
    }

    /// Goes on with the handshake until the message has come behind which the client is to write.
    fn await_message(&mut self) -> Result<(), Failure> {
        let Some(handshake_type) = self.options.early_write_after_message else { return Ok(()) };
        while !self.prepared.messages.has_received(handshake_type) {
            let goes_on = match self.step()? {
                Step::Progress => true,
                Step::WantsMore => self.read_more()?,
                Step::Came(_) => false,
            };
            if !goes_on {
                return Failure::unexpected("the message to wait for did not come");
            }
        }
        Ok(())
    }

    /// Seals as much of `data` as may go early; the rest is for later.
    fn seal_early(&mut self, data: &[u8]) -> Result<Vec<u8>, Failure> {
        if self.connection.early_data_room() == 0 {
            self.held_back.extend_from_slice(data);
            return Ok(Vec::new());
        }
        let (sealed, left) = self.seal_with(data, Connection::send_early, |client| client.early_data_room() == 0)?;
        self.held_back.extend_from_slice(left);
        Ok(sealed)
    }

    /// As a client, sees what became of the early data that was offered; says whether it was accepted. What was rejected is
    /// lost, and the connection goes on as the arguments for this case say.
    pub(crate) fn settle_early(&mut self, offered: bool) -> Result<bool, Failure> {
        if !offered {
            return Ok(false);
        }
        let accepted = self.connection.early_data() == EarlyData::Accepted;
        if accepted == self.options.expect.reject_early_data {
            return Failure::unexpected(format!("what became of early data: {:?}", self.connection.early_data()));
        }
        if !accepted {
            self.options = &self.script.retry;
            self.turn = Turn::Retry;
            self.held_back.clear();
        }
        Ok(accepted)
    }

    /// As a server, answers early data at once, or where that cannot be, when the handshake is finished.
    pub(crate) fn echo_early(&mut self, data: &[u8]) -> Result<(), Failure> {
        for piece in data.chunks(self.options.read_size) {
            if !self.connection.may_send_half_rtt() {
                self.held_back.extend_from_slice(&turned(piece));
                continue;
            }
            let (sealed, _) = self.seal_with(&turned(piece), Connection::send_half_rtt, |_| false)?;
            self.write(&sealed)?;
        }
        Ok(())
    }
}
