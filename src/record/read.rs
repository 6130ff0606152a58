//! Receives: frames one record at the front of the caller's buffer and opens it there. RFC 8446 §5.1, §5.2.

use core::ops::Range;

#[cfg(feature = "tls12")]
use super::RecordBoundary;
use super::protection::Protection;
use super::{MAX_CHANGE_CIPHER_SPECS, MAX_EMPTY_RECORDS, RecordLimit};
use crate::error::{BadRecord, Error, Violation};
use crate::keys::TrafficKeys;
use crate::wire::{ContentType, MAX_CIPHERTEXT_LEN_TLS13, RECORD_HEADER_LEN, RecordHeader, read_all};

/// What stands at the front of the buffer.
pub(crate) enum Framed {
    /// Not a whole record yet; the buffer must hold `hint` bytes to go on.
    NeedMore { hint: usize },
    /// A tolerated change_cipher_spec of `used` bytes, to be dropped.
    ChangeCipherSpec { used: usize },
    /// The change_cipher_spec of TLS 1.2, of `used` bytes, behind which the keys change. RFC 5246 §7.1.
    #[cfg(feature = "tls12")]
    AwaitedChangeCipherSpec { used: usize, boundary: RecordBoundary },
    /// A record of `used` bytes with early data that was declined, to be dropped.
    SkippedEarlyData { used: usize },
    /// A record of `used` bytes, opened if keys were in use; its content stands at `content` in the buffer.
    Record { used: usize, content_type: ContentType, content: Range<usize> },
}

/// What a change_cipher_spec means now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeCipherSpecs {
    /// It may not come.
    Refused,
    /// It is the dummy of middlebox compatibility mode. RFC 8446 §5.
    Tolerated,
    /// It must come next, once. RFC 5246 §7.1.
    #[cfg(feature = "tls12")]
    Awaited,
}

/// One direction's reader.
pub(crate) struct RecordReader {
    protection: Option<Protection>,
    limit: RecordLimit,
    /// The most that was sealed in a record that was opened under the keys in use.
    largest_plaintext: u16,
    change_cipher_spec: ChangeCipherSpecs,
    change_cipher_specs: u32,
    empty_records: u32,
    first_record: bool,
    /// How many bytes of declined early data may still come. RFC 8446 §4.2.10.
    early_data_to_skip: usize,
}

impl RecordReader {
    pub(crate) fn new() -> Self {
        Self {
            protection: None,
            limit: RecordLimit::NONE,
            largest_plaintext: 0,
            change_cipher_spec: ChangeCipherSpecs::Refused,
            change_cipher_specs: 0,
            empty_records: 0,
            first_record: true,
            early_data_to_skip: 0,
        }
    }

    /// Opens records with these keys from now on.
    pub(crate) fn install(&mut self, keys: TrafficKeys) {
        self.protection = Some(Protection::new(keys));
        self.largest_plaintext = 0;
    }

    /// Takes records of this size at most from now on.
    pub(crate) fn set_limit(&mut self, limit: RecordLimit) {
        self.limit = limit;
    }

    /// Refuses what was opened already, if a record was larger than the limit which its own message has set: the sender knew.
    /// RFC 8449 §4.
    pub(crate) fn check_opened(&self) -> Result<(), Error> {
        let most = self.protection.as_ref().map_or(usize::MAX, |protection| protection.max_plaintext(self.limit));
        if usize::from(self.largest_plaintext) > most { Err(BadRecord::TooLarge.into()) } else { Ok(()) }
    }

    /// Returns the sequence number of the next record.
    pub(crate) fn sequence_number(&self) -> u64 {
        self.protection.as_ref().map_or(0, Protection::sequence_number)
    }

    /// Says what a change_cipher_spec means from now on.
    pub(crate) fn set_change_cipher_spec(&mut self, meaning: ChangeCipherSpecs) {
        self.change_cipher_spec = meaning;
    }

    /// Skips the early data of a client whose offer was declined: protected records before its next ClientHello, or
    /// records that do not open before the first one that does. RFC 8446 §4.2.10.
    pub(crate) fn skip_early_data(&mut self, limit: usize) {
        self.early_data_to_skip = limit;
    }

    /// Frames and opens at most one record off the front of `buffer`.
    pub(crate) fn next(&mut self, buffer: &mut [u8]) -> Result<Framed, Error> {
        let Some((header_bytes, behind)) = buffer.split_first_chunk_mut::<RECORD_HEADER_LEN>() else {
            return Ok(Framed::NeedMore { hint: RECORD_HEADER_LEN });
        };
        let header: RecordHeader =
            read_all(header_bytes).map_err(|reason| Error::Malformed { message: None, reason })?;
        self.check_header(&header)?;
        let length = usize::from(header.length);
        let used = RECORD_HEADER_LEN.saturating_add(length);
        let Some(content) = behind.get_mut(..length) else { return Ok(Framed::NeedMore { hint: used }) };
        self.first_record = false;

        if header.content_type == ContentType::change_cipher_spec {
            self.check_change_cipher_spec(content)?;
            #[cfg(feature = "tls12")]
            if self.change_cipher_spec == ChangeCipherSpecs::Awaited {
                self.change_cipher_spec = ChangeCipherSpecs::Refused;
                return Ok(Framed::AwaitedChangeCipherSpec { used, boundary: RecordBoundary::at_change_cipher_spec() });
            }
            return Ok(Framed::ChangeCipherSpec { used });
        }
        let (content_type, content) = match &mut self.protection {
            Some(protection) if protection.protects(header.content_type) => {
                match protection.open(header_bytes, content, self.limit) {
                    Ok(opened) => {
                        let expansion = u16::try_from(protection.expansion()).unwrap_or(0);
                        let sealed = header.length.saturating_sub(expansion);
                        self.largest_plaintext = self.largest_plaintext.max(sealed);
                        opened
                    }
                    Err(Error::BadRecord(BadRecord::DoesNotOpen)) if self.skip(used) => {
                        return Ok(Framed::SkippedEarlyData { used });
                    }
                    Err(error) => return Err(error),
                }
            }
            None if header.content_type == ContentType::application_data => {
                return if self.skip(used) {
                    Ok(Framed::SkippedEarlyData { used })
                } else {
                    Err(Violation::UnexpectedRecord(header.content_type).into())
                };
            }
            _ => (header.content_type, 0..length),
        };
        self.early_data_to_skip = 0;
        self.check_emptiness(content_type, content.len())?;
        let start = RECORD_HEADER_LEN.saturating_add(content.start);
        let end = RECORD_HEADER_LEN.saturating_add(content.end);
        Ok(Framed::Record { used, content_type, content: start..end })
    }

    /// Says whether a record of `used` bytes may be declined early data, and counts it.
    fn skip(&mut self, used: usize) -> bool {
        match self.early_data_to_skip.checked_sub(used) {
            Some(left) => {
                self.early_data_to_skip = left;
                true
            }
            None => false,
        }
    }

    /// Refuses what its header already condemns, before waiting for its bytes.
    fn check_header(&self, header: &RecordHeader) -> Result<(), Error> {
        // RFC 8446 §5.1: legacy_record_version is ignored for all purposes. The first record alone is looked at, to
        // tell a peer that speaks plain HTTP or SSH from one that speaks TLS.
        if self.first_record && header.legacy_record_version.0 >> 8 != 3 {
            return Err(BadRecord::NotTls.into());
        }
        let skips = self.early_data_to_skip > 0;
        let is_protected = match &self.protection {
            Some(protection) => protection.protects(header.content_type),
            None => skips && header.content_type == ContentType::application_data,
        };
        let most = match &self.protection {
            // What is skipped was not made for this handshake, and not within its limits.
            Some(protection) if is_protected && !skips && !self.limit.allows_largest() => {
                protection.max_plaintext(self.limit).saturating_add(protection.expansion())
            }
            _ if is_protected => MAX_CIPHERTEXT_LEN_TLS13,
            _ => self.limit.unprotected(),
        };
        if usize::from(header.length) > most {
            return Err(BadRecord::TooLarge.into());
        }
        let may_come = match (&self.protection, header.content_type) {
            (_, ContentType::change_cipher_spec) => self.change_cipher_spec != ChangeCipherSpecs::Refused,
            (None, ContentType::handshake | ContentType::alert) => true,
            (Some(_), ContentType::application_data) => true,
            (Some(_), ContentType::handshake | ContentType::alert) if is_protected => true,
            (None, ContentType::application_data) => skips,
            // A peer that failed on our first flight has no keys yet and tells us so in the clear. Reading that can
            // end the connection and nothing else, which an attacker on the path can do in any case.
            (Some(protection), ContentType::alert) => {
                protection.is_fresh() && self.change_cipher_spec == ChangeCipherSpecs::Tolerated
            }
            _ => false,
        };
        if may_come { Ok(()) } else { Err(Violation::UnexpectedRecord(header.content_type).into()) }
    }

    fn check_change_cipher_spec(&mut self, content: &[u8]) -> Result<(), Error> {
        if content != [1] {
            return Err(Violation::BadChangeCipherSpec.into());
        }
        self.change_cipher_specs = self.change_cipher_specs.saturating_add(1);
        if self.change_cipher_specs > MAX_CHANGE_CIPHER_SPECS {
            return Err(Violation::TooManyChangeCipherSpecs.into());
        }
        Ok(())
    }

    /// Zero-length fragments of handshake and alert are forbidden, of application data bounded. RFC 8446 §5.1, §5.4.
    fn check_emptiness(&mut self, content_type: ContentType, len: usize) -> Result<(), Error> {
        if len != 0 {
            // Data alone shows that the peer has something to say; alerts and messages have limits of their own.
            if content_type == ContentType::application_data {
                self.empty_records = 0;
            }
            return Ok(());
        }
        if content_type != ContentType::application_data {
            return Err(Violation::EmptyFragment.into());
        }
        self.empty_records = self.empty_records.saturating_add(1);
        if self.empty_records > MAX_EMPTY_RECORDS {
            return Err(Violation::TooManyEmptyRecords.into());
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "ring"))]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::crypto::ring::RingProvider;
    use crate::crypto::{AeadAlgorithm, Provider};
    use crate::keys::RecordFormat;
    use crate::record::{IN_PLACE_HEAD, IN_PLACE_TAIL, MAX_SKIPPED_EARLY_DATA, Queued, RecordWriter};
    use crate::wire::ProtocolVersion;
    use alloc::vec;
    use alloc::vec::Vec;

    fn keys(byte: u8) -> TrafficKeys {
        let aead = RingProvider.aead(AeadAlgorithm::Aes128Gcm, &[byte; 16]).unwrap();
        TrafficKeys {
            aead,
            iv: alloc::boxed::Box::new([byte; 12]),
            confidentiality_limit: 100,
            format: RecordFormat::Tls13,
        }
    }

    fn sealed(byte: u8, len: usize) -> Vec<u8> {
        let mut writer = RecordWriter::new(ProtocolVersion::TLSv1_2);
        writer.push(Queued::Keys(keys(byte)));
        writer.take(&mut []).unwrap();
        let mut buffer = vec![b'x'; IN_PLACE_HEAD.saturating_add(len).saturating_add(IN_PLACE_TAIL)];
        let record = writer.send_in_place(&mut buffer, IN_PLACE_HEAD..IN_PLACE_HEAD.saturating_add(len)).unwrap();
        buffer.get(record).unwrap().to_vec()
    }

    #[test]
    fn declined_early_data_is_skipped_up_to_its_limit_and_to_the_first_record_that_opens() {
        let mut reader = RecordReader::new();
        reader.install(keys(1));
        assert_eq!(reader.next(&mut sealed(2, 10)).err(), Some(BadRecord::DoesNotOpen.into()));
        reader.skip_early_data(MAX_SKIPPED_EARLY_DATA);
        let mut skipped = 0;
        loop {
            match reader.next(&mut sealed(2, 1000)) {
                Ok(Framed::SkippedEarlyData { used }) => skipped += used,
                Err(error) => break assert_eq!(error, BadRecord::DoesNotOpen.into()),
                Ok(_) => panic!("a record under other keys was opened"),
            }
        }
        assert!((30_000..=MAX_SKIPPED_EARLY_DATA).contains(&skipped), "{skipped}");

        reader.skip_early_data(MAX_SKIPPED_EARLY_DATA);
        assert!(matches!(reader.next(&mut sealed(2, 1000)), Ok(Framed::SkippedEarlyData { .. })));
        assert!(matches!(reader.next(&mut sealed(1, 1000)), Ok(Framed::Record { .. })));
        assert_eq!(reader.next(&mut sealed(2, 1000)).err(), Some(BadRecord::DoesNotOpen.into()));
    }

    #[test]
    fn declined_early_data_before_a_second_client_hello_is_skipped_without_keys() {
        let mut reader = RecordReader::new();
        let unexpected = Violation::UnexpectedRecord(ContentType::application_data);
        assert_eq!(reader.next(&mut sealed(2, 10)).err(), Some(unexpected.clone().into()));
        reader.skip_early_data(MAX_SKIPPED_EARLY_DATA);
        assert!(matches!(reader.next(&mut sealed(2, 10)), Ok(Framed::SkippedEarlyData { .. })));
        assert!(matches!(reader.next(&mut [22, 3, 3, 0, 1, 1]), Ok(Framed::Record { .. })));
        assert_eq!(reader.next(&mut sealed(2, 10)).err(), Some(unexpected.into()));
    }

    #[test]
    fn alerts_between_empty_records_do_not_excuse_them() {
        let mut reader = RecordReader::new();
        let mut writer = RecordWriter::new(ProtocolVersion::TLSv1_2);
        reader.install(keys(1));
        writer.push(Queued::Keys(keys(1)));
        writer.take(&mut []).unwrap();
        for count in 1..=MAX_EMPTY_RECORDS.saturating_add(1) {
            let mut empty = vec![0; IN_PLACE_HEAD.saturating_add(IN_PLACE_TAIL)];
            let record = writer.send_in_place(&mut empty, IN_PLACE_HEAD..IN_PLACE_HEAD).unwrap();
            let result = reader.next(empty.get_mut(record).unwrap());
            if count > MAX_EMPTY_RECORDS {
                assert_eq!(result.err(), Some(Violation::TooManyEmptyRecords.into()));
                return;
            }
            writer.push(Queued::Message { content_type: ContentType::alert, bytes: vec![1, 90] });
            let mut alert = vec![0; 64];
            let len = writer.take(&mut alert).unwrap();
            assert!(matches!(reader.next(alert.get_mut(..len).unwrap()), Ok(Framed::Record { .. })));
        }
    }
}
