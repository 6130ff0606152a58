//! Sends: a queue of (level, plaintext message), split and sealed when the caller takes it. RFC 8446 §5.1, §5.2.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use super::protection::{Protection, header_bytes};
use super::{IN_PLACE_HEAD, IN_PLACE_TAIL, PadRecords, RecordLimit};
use crate::error::{Error, Misuse};
use crate::keys::TrafficKeys;
use crate::wire::{ContentType, ProtocolVersion, RECORD_HEADER_LEN};

/// The smallest fragment that a message is split into for want of room: smaller output buffers are refused, so that a
/// flight cannot turn into thousands of records.
const MIN_FRAGMENT_LEN: usize = 512;

/// One entry of the output queue, in the order in which the peer must see it.
pub(crate) enum Queued {
    /// A handshake message or an alert, unsealed.
    Message { content_type: ContentType, bytes: Vec<u8> },
    /// The dummy record of middlebox compatibility mode, never sealed. RFC 8446 §D.4.
    ChangeCipherSpec,
    /// From here on, these keys.
    Keys(TrafficKeys),
    /// From here on, no keys.
    Unprotected,
}

/// What became of application data.
pub(crate) struct Sealed {
    /// How much of it went into the record.
    pub(crate) taken: usize,
    /// How much padding went in beside it.
    pub(crate) padding: usize,
    /// The record's length.
    pub(crate) written: usize,
}

/// One direction's writer.
pub(crate) struct RecordWriter {
    protection: Option<Protection>,
    limit: RecordLimit,
    /// In a box, because most connections have none.
    padding: Option<Box<Arc<dyn PadRecords>>>,
    queue: VecDeque<Queued>,
    /// How much of the front message has been sent already.
    sent_of_front: usize,
    legacy_record_version: ProtocolVersion,
    /// Packs messages as other stacks do, whose traces are replayed. RFC 8446 §5.1 leaves it to the sender.
    #[cfg(test)]
    pub(crate) one_message_per_record: bool,
}

impl RecordWriter {
    /// `first_version` stands in the records of the very first message: a client's first ClientHello says TLS 1.0,
    /// because old servers refuse what they do not know (RFC 8446 §5.1); a server says TLS 1.2 from the start.
    pub(crate) fn new(first_version: ProtocolVersion) -> Self {
        Self {
            protection: None,
            limit: RecordLimit::NONE,
            padding: None,
            queue: VecDeque::new(),
            sent_of_front: 0,
            legacy_record_version: first_version,
            #[cfg(test)]
            one_message_per_record: false,
        }
    }

    /// Makes records of this size at most from now on, what waits already included: smaller ones are always allowed.
    pub(crate) fn set_limit(&mut self, limit: RecordLimit) {
        self.limit = limit;
    }

    /// Pads by this policy from now on.
    pub(crate) fn set_padding(&mut self, policy: Option<Arc<dyn PadRecords>>) {
        self.padding = policy.map(Box::new);
    }

    pub(crate) fn push(&mut self, queued: Queued) {
        self.queue.push_back(queued);
    }

    /// Drops the keys and all that was waiting.
    pub(crate) fn forget(&mut self) {
        self.protection = None;
        self.queue = VecDeque::new();
        self.sent_of_front = 0;
    }

    /// Says whether anything waits for the caller to take it. Keys alone are not output.
    pub(crate) fn has_output(&self) -> bool {
        self.queue.iter().any(|queued| !matches!(queued, Queued::Keys(_) | Queued::Unprotected))
    }

    /// Says whether a change of keys is queued.
    pub(crate) fn has_keys(&self) -> bool {
        self.queue.iter().any(|queued| matches!(queued, Queued::Keys(_) | Queued::Unprotected))
    }

    /// Returns the sequence number of the next record.
    pub(crate) fn sequence_number(&self) -> u64 {
        self.protection.as_ref().map_or(0, Protection::sequence_number)
    }

    /// Returns how many more records the keys in use may seal, pending output not counted.
    pub(crate) fn remaining(&self) -> u64 {
        self.protection.as_ref().map_or(u64::MAX, Protection::remaining)
    }

    /// Lets the keys in use seal so many more records.
    #[cfg(all(test, feature = "ring"))]
    pub(crate) fn lower_limit(&mut self, remaining: u64) {
        if let Some(protection) = &mut self.protection {
            protection.lower_limit(remaining);
        }
    }

    /// Returns the most content that a record may have now.
    pub(crate) fn max_fragment_len(&self) -> usize {
        match &self.protection {
            Some(protection) => protection.max_content(self.limit),
            None => self.limit.unprotected(),
        }
    }

    /// Returns how much padding the policy wants behind so much content, as far as the record may hold it. RFC 8446 §5.4.
    fn padding(&self, content_type: ContentType, len: usize) -> usize {
        match (&self.padding, &self.protection) {
            (Some(policy), Some(protection)) if protection.pads() => {
                policy.padding(content_type, len).min(protection.max_content(self.limit).saturating_sub(len))
            }
            _ => 0,
        }
    }

    /// Settles how much of `pending` content goes into a record in so much room, and how much padding.
    ///
    /// Padding that does not fit is a buffer too small: it would be no secret how long the content is. Only content that fills
    /// the buffer and goes on behind it goes without, since its length is the buffer's.
    fn fit(
        &self,
        content_type: ContentType,
        pending: usize,
        room: usize,
        most_padding: usize,
    ) -> Result<(usize, usize), Error> {
        let overhead = self.overhead();
        let most = self.max_fragment_len();
        let smallest = overhead.saturating_add(pending.min(MIN_FRAGMENT_LEN).min(most));
        if room < smallest {
            return Err(Misuse::OutputTooSmall(smallest).into());
        }
        let content = pending.min(most).min(room.saturating_sub(overhead));
        let padding = self.padding(content_type, content).min(most_padding);
        let total = overhead.saturating_add(content).saturating_add(padding);
        if total <= room {
            Ok((content, padding))
        } else if content < pending && content < most {
            Ok((content, 0))
        } else {
            Err(Misuse::OutputTooSmall(total).into())
        }
    }

    /// Writes as many pending records as fit; returns how many bytes that were.
    pub(crate) fn take(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let mut written = 0usize;
        loop {
            let room = out.get_mut(written..).unwrap_or_default();
            match self.take_record(room) {
                Ok(0) => return Ok(written),
                Ok(len) => written = written.saturating_add(len),
                Err(Error::Misuse(_)) if written > 0 => return Ok(written),
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes one pending record; 0 means that nothing is pending.
    fn take_record(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        loop {
            match self.queue.front() {
                None => {
                    // A flight is over and most connections never queue again: its room is given back.
                    self.queue = VecDeque::new();
                    return Ok(0);
                }
                Some(Queued::Keys(_)) => {
                    if let Some(Queued::Keys(keys)) = self.queue.pop_front() {
                        self.protection = Some(Protection::new(keys));
                    }
                }
                Some(Queued::Unprotected) => {
                    self.queue.pop_front();
                    self.protection = None;
                }
                Some(Queued::ChangeCipherSpec) => {
                    const RECORD: [u8; 6] = [20, 3, 3, 0, 1, 1];
                    let needed = Misuse::OutputTooSmall(RECORD.len());
                    out.get_mut(..RECORD.len()).ok_or(needed)?.copy_from_slice(&RECORD);
                    self.queue.pop_front();
                    return Ok(RECORD.len());
                }
                Some(Queued::Message { content_type, .. }) => {
                    let content_type = *content_type;
                    return self.take_messages(content_type, out);
                }
            }
        }
    }

    /// Writes one record with as much of the messages at the front as fits; messages of one type share records.
    fn take_messages(&mut self, content_type: ContentType, out: &mut [u8]) -> Result<usize, Error> {
        let (fragment, padding) = self.fit(content_type, self.pending_of(content_type), out.len(), usize::MAX)?;
        let version = self.legacy_record_version;
        let head = self.head();
        self.fill(content_type, body(out, head, fragment)?);
        self.seal_record(version, content_type, out, fragment, padding)
    }

    /// How much of the messages at the front has this type and may stand in one record.
    fn pending_of(&self, content_type: ContentType) -> usize {
        let mut pending = 0usize;
        for queued in &self.queue {
            match queued {
                Queued::Message { content_type: this, bytes } if *this == content_type => {
                    pending = pending.saturating_add(bytes.len());
                    // Each alert travels alone. RFC 8446 §5.1.
                    if content_type == ContentType::alert {
                        break;
                    }
                    #[cfg(test)]
                    if self.one_message_per_record {
                        break;
                    }
                }
                Queued::Message { .. } | Queued::ChangeCipherSpec | Queued::Keys(_) | Queued::Unprotected => break,
            }
        }
        pending.saturating_sub(self.sent_of_front)
    }

    /// Moves bytes from the front of the queue into `fragment`, which must not be longer than what is pending.
    fn fill(&mut self, content_type: ContentType, fragment: &mut [u8]) {
        let mut room = fragment;
        while !room.is_empty() {
            let Some(Queued::Message { content_type: this, bytes }) = self.queue.front() else { return };
            if *this != content_type {
                return;
            }
            let unsent = bytes.get(self.sent_of_front..).unwrap_or_default();
            let len = unsent.len().min(room.len());
            let (now, later) = core::mem::take(&mut room).split_at_mut_checked(len).unwrap_or_default();
            for (to, from) in now.iter_mut().zip(unsent) {
                *to = *from;
            }
            room = later;
            self.sent_of_front = self.sent_of_front.saturating_add(len);
            if len == unsent.len() {
                self.queue.pop_front();
                self.sent_of_front = 0;
                self.legacy_record_version = ProtocolVersion::TLSv1_2;
            }
        }
    }

    /// Seals application data into the front of `out`: one copy, then in place, with no more than `most_padding`.
    pub(crate) fn send_record(&mut self, data: &[u8], out: &mut [u8], most_padding: usize) -> Result<Sealed, Error> {
        let content_type = ContentType::application_data;
        let (fragment, padding) = self.fit(content_type, data.len(), out.len(), most_padding)?;
        let (now, _) = data.split_at_checked(fragment).unwrap_or_default();
        body(out, self.head(), fragment)?.copy_from_slice(now);
        let written = self.seal_record(ProtocolVersion::TLSv1_2, content_type, out, fragment, padding)?;
        Ok(Sealed { taken: fragment, padding, written })
    }

    /// Turns the plaintext at `plaintext` in `buffer` into one record around it; returns where the record stands.
    pub(crate) fn send_in_place(&mut self, buffer: &mut [u8], plaintext: Range<usize>) -> Result<Range<usize>, Error> {
        let len = plaintext.end.checked_sub(plaintext.start).filter(|&len| len <= self.max_fragment_len());
        let len = len.ok_or(Misuse::InPlaceRoom(IN_PLACE_HEAD, IN_PLACE_TAIL))?;
        let padding = self.padding(ContentType::application_data, len);
        let tail = IN_PLACE_TAIL.saturating_add(padding);
        let no_room = || Error::from(Misuse::InPlaceRoom(IN_PLACE_HEAD, tail));
        let room_start = plaintext.start.checked_sub(IN_PLACE_HEAD).ok_or_else(no_room)?;
        let room_end = plaintext.end.checked_add(tail).ok_or_else(no_room)?;
        buffer.get(room_start..room_end).ok_or_else(no_room)?;
        let start = plaintext.start.checked_sub(self.head()).ok_or_else(no_room)?;
        let record = buffer.get_mut(start..room_end).ok_or_else(no_room)?;
        let content_type = ContentType::application_data;
        let written = self.seal_record(ProtocolVersion::TLSv1_2, content_type, record, len, padding)?;
        Ok(start..start.saturating_add(written))
    }

    /// Bytes that a record has before its content.
    fn head(&self) -> usize {
        self.protection.as_ref().map_or(RECORD_HEADER_LEN, Protection::head)
    }

    /// Bytes that a record adds to its content.
    fn overhead(&self) -> usize {
        self.head().saturating_add(self.protection.as_ref().map_or(0, Protection::tail))
    }

    /// Makes a record of the `len` bytes of content that stand behind the place of its head, and of so much padding.
    fn seal_record(
        &mut self,
        version: ProtocolVersion,
        content_type: ContentType,
        out: &mut [u8],
        len: usize,
        padding: usize,
    ) -> Result<usize, Error> {
        let total = len.saturating_add(padding).saturating_add(self.overhead());
        let too_small = || Error::from(Misuse::OutputTooSmall(total));
        let record = out.get_mut(..total).ok_or_else(too_small)?;
        match &mut self.protection {
            Some(protection) => protection.seal(content_type, record, padding)?,
            None => {
                let header = record.first_chunk_mut::<RECORD_HEADER_LEN>().ok_or_else(too_small)?;
                *header = header_bytes(content_type, version, len)?;
            }
        }
        Ok(total)
    }
}

/// Where the content of a record with `len` bytes of it stands.
fn body(out: &mut [u8], head: usize, len: usize) -> Result<&mut [u8], Error> {
    let end = head.saturating_add(len);
    out.get_mut(head..end).ok_or(Error::Misuse(Misuse::OutputTooSmall(end)))
}
