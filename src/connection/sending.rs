//! The way out: pending output first, then application data, and new keys before the old ones wear out.

use core::ops::Range;

use super::{Connection, Phase, Sent};
use crate::error::{Error, Internal, Misuse};
use crate::record::MAX_KEY_UPDATE_RESERVE;

impl Connection {
    /// Says whether output waits to be taken.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.writer.has_output()
    }

    /// Seals as much pending output as fits into `out` and returns it, for the transport. Call until it is empty.
    ///
    /// A buffer too small for the next record is [`Misuse::OutputTooSmall`], which says the size.
    pub fn take_output<'o>(&mut self, out: &'o mut [u8]) -> Result<&'o [u8], Error> {
        let written = match self.take_pending(out) {
            Ok(written) => written,
            Err(error) => return Err(self.fail(error)),
        };
        Ok(out.get(..written).unwrap_or_default())
    }

    fn take_pending(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let written = self.writer.take(out)?;
        if !self.writer.has_output() {
            match &mut self.phase {
                Phase::Established { connected, .. } => connected.output_taken(),
                Phase::Failed(_) => self.writer.forget(),
                Phase::Client(_) | Phase::Server(_) => {}
            }
        }
        Ok(written)
    }

    /// Turns plaintext into records: pending output first, then as many records as fit into `out`.
    ///
    /// Each record costs 22 bytes beyond its plaintext, in TLS 1.2 21 or 29, and its padding if there is any; it holds at most
    /// [`max_fragment_len`](Self::max_fragment_len) of plaintext. Nothing is taken from `data` as long as pending output fills
    /// the buffer.
    pub fn send(&mut self, data: &[u8], out: &mut [u8]) -> Result<Sent, Error> {
        self.check_may_send()?;
        let sent = self.send_records(data, out, usize::MAX);
        sent.map(|(sent, _)| sent).map_err(|error| self.fail(error))
    }

    /// Sends data with at most so much padding; returns how much padding that was.
    fn send_records(&mut self, data: &[u8], out: &mut [u8], most_padding: usize) -> Result<(Sent, usize), Error> {
        let mut sent = Sent { taken: 0, written: 0 };
        let mut padding = 0;
        loop {
            match self.update_keys_before_limit() {
                // What is sealed must reach the peer, or it cannot open the alert; the next call fails.
                Err(_) if sent.written > 0 => return Ok((sent, padding)),
                result => result?,
            }
            if self.writer.has_output() || self.writer.has_keys() {
                let room = out.get_mut(sent.written..).unwrap_or_default();
                sent.written += match self.take_pending(room) {
                    Err(Error::Misuse(_)) if sent.written > 0 => return Ok((sent, padding)),
                    result => result?,
                };
                if self.writer.has_output() {
                    return Ok((sent, padding));
                }
            }
            let rest = data.get(sent.taken..).unwrap_or_default();
            if rest.is_empty() {
                return Ok((sent, padding));
            }
            let room = out.get_mut(sent.written..).unwrap_or_default();
            match self.writer.send_record(rest, room, most_padding.saturating_sub(padding)) {
                Ok(sealed) => {
                    sent.taken += sealed.taken;
                    sent.written += sealed.written;
                    padding += sealed.padding;
                }
                Err(Error::Misuse(_)) if sent.written > 0 => return Ok((sent, padding)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Turns plaintext into records of early data, the ClientHello first: before the server has answered, and until its
    /// Finished is there. RFC 8446 §2.3. An attacker can replay it to the server.
    ///
    /// Takes at most [`early_data_room`](Self::early_data_room) bytes; where that is 0, [`Misuse::NoEarlyData`]. What came
    /// of it [`early_data`](Self::early_data) tells: where it was not accepted, it is the application's to send it again
    /// once the connection is established. Padding takes of the same room, as much as is left.
    pub fn send_early(&mut self, data: &[u8], out: &mut [u8]) -> Result<Sent, Error> {
        if let Phase::Failed(error) = &self.phase {
            return Err(error.clone());
        }
        let room = usize::try_from(self.early_data_room).unwrap_or(usize::MAX);
        if room == 0 || self.closed {
            return Err(Misuse::NoEarlyData.into());
        }
        let data = data.get(..room).unwrap_or(data);
        // Padding counts too: a server that does not take early data skips so many bytes of it, whatever is in them.
        let sent = self.send_records(data, out, room.saturating_sub(data.len()));
        let (sent, padding) = sent.map_err(|error| self.fail(error))?;
        let taken = u32::try_from(sent.taken.saturating_add(padding)).unwrap_or(u32::MAX);
        self.early_data_room = self.early_data_room.saturating_sub(taken);
        Ok(sent)
    }

    /// Like [`send`](Self::send), on a server also before the client's Finished has come: in answer to early data, say.
    /// RFC 8446 §2, figure 4. Whoever reads it has not shown yet that it is there at all, which is why a server that asks
    /// for a certificate cannot do it.
    pub fn send_half_rtt(&mut self, data: &[u8], out: &mut [u8]) -> Result<Sent, Error> {
        if !matches!(self.phase, Phase::Server(_)) || !self.half_rtt {
            return self.send(data, out);
        }
        if self.closed {
            return Err(Misuse::SendAfterClose.into());
        }
        let sent = self.send_records(data, out, usize::MAX);
        sent.map(|(sent, _)| sent).map_err(|error| self.fail(error))
    }

    /// Says whether [`send_half_rtt`](Self::send_half_rtt) would send now.
    #[must_use]
    pub fn may_send_half_rtt(&self) -> bool {
        self.may_send() || matches!(self.phase, Phase::Server(_)) && self.half_rtt && !self.closed
    }

    /// Turns the plaintext at `plaintext` in `buffer` into one record, without a copy. It needs
    /// [`IN_PLACE_HEAD`](crate::IN_PLACE_HEAD) bytes before and [`IN_PLACE_TAIL`](crate::IN_PLACE_TAIL) behind, and at
    /// most [`max_fragment_len`](Self::max_fragment_len) bytes of plaintext. Where records are padded, the padding stands behind
    /// the plaintext and needs room there too, at most as much as lacks to that length. Returns where the record stands.
    ///
    /// Pending output must have been taken before: [`Misuse::OutputPending`].
    pub fn send_in_place(&mut self, buffer: &mut [u8], plaintext: Range<usize>) -> Result<Range<usize>, Error> {
        self.check_may_send()?;
        let sent = self.update_keys_before_limit().and_then(|()| {
            if self.writer.has_output() {
                return Err(Misuse::OutputPending.into());
            }
            self.take_pending(&mut [])?;
            self.writer.send_in_place(buffer, plaintext)
        });
        sent.map_err(|error| self.fail(error))
    }

    pub(super) fn check_may_send(&self) -> Result<(), Error> {
        match &self.phase {
            Phase::Failed(error) => Err(error.clone()),
            _ if self.closed => Err(Misuse::SendAfterClose.into()),
            Phase::Established { .. } => Ok(()),
            Phase::Client(_) | Phase::Server(_) => Err(Misuse::HandshakeNotFinished.into()),
        }
    }

    /// Changes the write keys while there are still records left to say so. RFC 8446 §5.5.
    /// TLS 1.2 cannot: there the connection ends, and the records left are for its alert. RFC 5246 §6.1.
    fn update_keys_before_limit(&mut self) -> Result<(), Error> {
        if self.writer.remaining() > MAX_KEY_UPDATE_RESERVE || self.writer.has_keys() {
            return Ok(());
        }
        if self.can_update_keys() { self.queue_key_update(false) } else { Err(Internal::KeyExhausted.into()) }
    }

    fn can_update_keys(&self) -> bool {
        matches!(&self.phase, Phase::Established { connected, .. } if connected.can_update_keys())
    }

    /// Changes our write keys, and asks the peer to change its own if `ask_peer`. RFC 8446 §4.6.3.
    pub fn update_keys(&mut self, ask_peer: bool) -> Result<(), Error> {
        self.check_may_send()?;
        if !self.can_update_keys() {
            return Err(Misuse::NoKeyUpdate.into());
        }
        self.queue_key_update(ask_peer).map_err(|error| self.fail(error))
    }

    fn queue_key_update(&mut self, ask_peer: bool) -> Result<(), Error> {
        self.step(|phase, out| match phase {
            Phase::Established { role, mut connected, negotiated } => {
                connected.update_write_keys(ask_peer, out)?;
                Ok(Phase::Established { role, connected, negotiated })
            }
            other => Ok(other),
        })
    }
}
