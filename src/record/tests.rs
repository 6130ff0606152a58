//! Every record of the published traces, opened and made again.
//!
//! RFC 8448 §3 to §7, all of `trace_tls13_*` and all of `trace_tls12_*`, both ends, every epoch. The keys come from the
//! published traffic secrets, in TLS 1.2 from the pre-master secret; that these are what a handshake leads to is the key
//! schedule's test and the replayed connections'.
//!
//! The servers of the traces of TLS 1.2 with AES-GCM draw their explicit nonces by chance, where ours count: their
//! records are opened, and not made again byte for byte.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::arithmetic_side_effects, reason = "so does an overflow in one")]

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;
use std::format;

use super::{
    ChangeCipherSpecs, Framed, IN_PLACE_HEAD, IN_PLACE_TAIL, MAX_RECORD_LEN, Queued, RecordReader, RecordWriter,
};
#[cfg(feature = "tls12")]
use crate::crypto::AeadAlgorithm;
use crate::crypto::Secret;
use crate::crypto::ring::provider;
use crate::keys::{TrafficKeys, TrafficSecret};
#[cfg(feature = "tls12")]
use crate::support::trace::TLS12;
use crate::support::trace::{Actor, HYBRID, RECORDED, RESUMED, RFC8448, Record, Trace};
#[cfg(feature = "tls12")]
use crate::wire::RECORD_HEADER_LEN;
use crate::wire::{ContentType, ProtocolVersion};

/// The traffic keys of an epoch; none where nothing is protected.
fn keys(trace: &Trace, actor: Actor, epoch: &str) -> Option<TrafficKeys> {
    #[cfg(feature = "tls12")]
    if is_tls12(trace) {
        return (epoch != "plaintext").then(|| keys_tls12(trace, actor));
    }
    let letter = actor.letter();
    let name = match epoch {
        "plaintext" => return None,
        "early" => format!("{letter}_e_traffic"),
        "handshake" => format!("{letter}_hs_traffic"),
        "application" => format!("{letter}_ap_traffic"),
        "application_1" => format!("{letter}_ap_traffic_1"),
        other => panic!("which epoch is {other}?"),
    };
    let secret = TrafficSecret::new(trace.suite, Secret::copy_from(trace.secret(&name)));
    Some(secret.keys(&*provider()).unwrap())
}

#[cfg(feature = "tls12")]
fn is_tls12(trace: &Trace) -> bool {
    TLS12.contains(&trace.name.as_str())
}

#[cfg(feature = "tls12")]
fn keys_tls12(trace: &Trace, actor: Actor) -> TrafficKeys {
    let block = trace.master_secret(&*provider()).key_block(&*provider(), &trace.randoms()).unwrap();
    match actor {
        Actor::Client => block.client,
        Actor::Server => block.server,
    }
}

/// Calls `visit` for each record of one end with the keys that come into use before it. Returns how many records of
/// how many keys were protected.
fn walk(trace: &Trace, actor: Actor, mut visit: impl FnMut(Option<TrafficKeys>, &Record, &str)) -> (usize, usize) {
    let (mut epoch, mut expected) = (String::from("plaintext"), 0);
    let (mut protected, mut epochs) = (0, 0);
    for (index, record) in trace.records.iter().enumerate().filter(|(_, record)| record.actor == actor) {
        // A dummy change_cipher_spec is never protected and changes nothing.
        let is_dummy = record.content_type == ContentType::change_cipher_spec;
        let mut changed = None;
        if record.epoch != epoch && !is_dummy {
            (epoch, expected) = (record.epoch.clone(), 0);
            changed = keys(trace, actor, &epoch);
            epochs += 1;
        }
        if let Some(sequence_number) = record.sequence_number {
            assert_eq!(sequence_number, expected);
            expected += 1;
            protected += 1;
        }
        visit(changed, record, &format!("{}, {actor:?}, record {index}", trace.name));
    }
    (protected, epochs)
}

fn all_traces() -> impl Iterator<Item = Trace> {
    RFC8448.into_iter().chain(RECORDED).chain([RESUMED, HYBRID]).map(Trace::load)
}

/// Walks both ends of every trace of TLS 1.3 with what `end` makes for each.
fn walk_all<V: FnMut(Option<TrafficKeys>, &Record, &str)>(end: impl FnMut(Actor) -> V) -> (usize, usize) {
    walk_both_ends(all_traces(), end)
}

fn walk_both_ends<V: FnMut(Option<TrafficKeys>, &Record, &str)>(
    traces: impl Iterator<Item = Trace>,
    mut end: impl FnMut(Actor) -> V,
) -> (usize, usize) {
    let (mut protected, mut epochs) = (0, 0);
    for trace in traces {
        for actor in [Actor::Client, Actor::Server] {
            let (records, keys) = walk(&trace, actor, end(actor));
            protected += records;
            epochs += keys;
        }
    }
    (protected, epochs)
}

/// What a record reader makes of one whole record.
fn open(reader: &mut RecordReader, record: &Record) -> (ContentType, Vec<u8>) {
    open_bytes(reader, &mut record.bytes.clone())
}

fn open_bytes(reader: &mut RecordReader, bytes: &mut [u8]) -> (ContentType, Vec<u8>) {
    let len = bytes.len();
    match reader.next(bytes).unwrap() {
        Framed::Record { used, content_type, content } => {
            assert_eq!(used, len);
            (content_type, bytes[content].to_vec())
        }
        Framed::ChangeCipherSpec { used } => {
            assert_eq!(used, len);
            (ContentType::change_cipher_spec, vec![1])
        }
        #[cfg(feature = "tls12")]
        Framed::AwaitedChangeCipherSpec { used, .. } => {
            assert_eq!(used, len);
            (ContentType::change_cipher_spec, vec![1])
        }
        Framed::SkippedEarlyData { .. } => panic!("skipped"),
        Framed::NeedMore { hint } => panic!("needs {hint}"),
    }
}

#[test]
fn every_record_of_the_traces_opens_to_its_payload() {
    let counted = walk_all(|_| {
        let mut reader = RecordReader::new();
        reader.set_change_cipher_spec(ChangeCipherSpecs::Tolerated);
        move |changed, record, what| {
            if let Some(keys) = changed {
                reader.install(keys);
            }
            assert_eq!(open(&mut reader, record), (record.content_type, record.payload.clone()), "{what}");
        }
    });
    assert_eq!(counted, COUNTED);
}

/// Protected records, and traffic keys that protected them.
const COUNTED: (usize, usize) = (102, 53);

fn first_version(actor: Actor) -> ProtocolVersion {
    match actor {
        Actor::Client => ProtocolVersion::TLSv1_0,
        Actor::Server => ProtocolVersion::TLSv1_2,
    }
}

/// Queues what a record holds, as a connection does, and takes the record.
fn write<'o>(writer: &mut RecordWriter, record: &Record, out: &'o mut [u8]) -> &'o [u8] {
    let written = match record.content_type {
        ContentType::application_data => {
            // Keys alone are no output, and come into use.
            assert_eq!(writer.take(out).unwrap(), 0);
            let sealed = writer.send_record(&record.payload, out, 0).unwrap();
            assert_eq!((sealed.taken, sealed.padding), (record.payload.len(), 0));
            sealed.written
        }
        ContentType::change_cipher_spec => {
            writer.push(Queued::ChangeCipherSpec);
            writer.take(out).unwrap()
        }
        content_type => {
            writer.push(Queued::Message { content_type, bytes: record.payload.clone() });
            writer.take(out).unwrap()
        }
    };
    &out[..written]
}

/// Makes the record around its plaintext, where that stands.
fn write_in_place(writer: &mut RecordWriter, record: &Record) -> Vec<u8> {
    assert_eq!(writer.take(&mut []).unwrap(), 0);
    let mut buffer = [&[0; IN_PLACE_HEAD], &record.payload[..], &[0; IN_PLACE_TAIL]].concat();
    let range = writer.send_in_place(&mut buffer, IN_PLACE_HEAD..IN_PLACE_HEAD + record.payload.len()).unwrap();
    buffer[range].to_vec()
}

#[test]
fn every_payload_of_the_traces_makes_its_record_again() {
    let counted = walk_all(|actor| {
        let mut writer = RecordWriter::new(first_version(actor));
        move |changed, record, what| {
            change_keys(&mut writer, changed);
            let mut out = vec![0; MAX_RECORD_LEN];
            let written = write(&mut writer, record, &mut out);
            assert!(written == record.bytes, "{what}: {written:02x?}");
        }
    });
    assert_eq!(counted, COUNTED);
}

#[test]
fn application_data_of_the_traces_makes_its_record_in_place() {
    let in_place = Cell::new(0);
    walk_all(|actor| {
        let mut writer = RecordWriter::new(first_version(actor));
        let in_place = &in_place;
        move |changed, record, what| {
            change_keys(&mut writer, changed);
            let written = if record.content_type == ContentType::application_data {
                in_place.set(in_place.get() + 1);
                write_in_place(&mut writer, record)
            } else {
                write(&mut writer, record, &mut [0; MAX_RECORD_LEN]).to_vec()
            };
            assert!(written == record.bytes, "{what}: {written:02x?}");
        }
    });
    assert_eq!(in_place.get(), 18);
}

fn change_keys(writer: &mut RecordWriter, changed: Option<TrafficKeys>) {
    if let Some(keys) = changed {
        writer.push(Queued::Keys(keys));
    }
}

#[test]
fn record_of_the_traces_with_one_altered_bit_does_not_open() {
    let mut refused = 0;
    for trace in all_traces() {
        for record in trace.records.iter().filter(|record| record.sequence_number == Some(0)) {
            let mut reader = RecordReader::new();
            reader.install(keys(&trace, record.actor, &record.epoch).unwrap());
            let mut bytes = record.bytes.clone();
            *bytes.last_mut().unwrap() ^= 0x80;
            assert!(reader.next(&mut bytes).is_err(), "{}", trace.name);
            refused += 1;
        }
    }
    assert_eq!(refused, COUNTED.1);
}

/// Protected records of the traces of TLS 1.2, and keys that protected them.
#[cfg(feature = "tls12")]
const COUNTED_TLS12: (usize, usize) = (42, 20);

#[cfg(feature = "tls12")]
#[test]
fn every_record_of_the_traces_of_tls_1_2_opens_to_its_payload() {
    let counted = walk_both_ends(TLS12.into_iter().map(Trace::load), |_| {
        let mut reader = RecordReader::new();
        reader.set_change_cipher_spec(ChangeCipherSpecs::Awaited);
        move |changed, record, what| {
            if let Some(keys) = changed {
                reader.install(keys);
            }
            assert_eq!(open(&mut reader, record), (record.content_type, record.payload.clone()), "{what}");
        }
    });
    assert_eq!(counted, COUNTED_TLS12);
}

/// Whether the explicit nonce of a protected record is its sequence number, as ours is, or there is none.
#[cfg(feature = "tls12")]
fn counts_its_nonces(trace: &Trace, record: &Record) -> bool {
    let Some(sequence_number) = record.sequence_number else { return true };
    let number = u64::try_from(sequence_number).unwrap().to_be_bytes();
    trace.suite.aead == AeadAlgorithm::ChaCha20Poly1305 || record.bytes[RECORD_HEADER_LEN..].starts_with(&number)
}

#[cfg(feature = "tls12")]
#[test]
fn every_payload_of_the_traces_of_tls_1_2_makes_its_record_again_or_one_that_opens_to_it() {
    let (mut walked, mut by_chance) = ((0, 0), 0);
    for trace in TLS12.into_iter().map(Trace::load) {
        for (actor, in_place) in [Actor::Client, Actor::Server].map(|actor| [(actor, false), (actor, true)]).concat() {
            let (mut writer, mut reader) = (RecordWriter::new(first_version(actor)), RecordReader::new());
            reader.set_change_cipher_spec(ChangeCipherSpecs::Awaited);
            let (records, epochs) = walk(&trace, actor, |changed, record, what| {
                if changed.is_some() {
                    reader.install(keys_tls12(&trace, actor));
                }
                change_keys(&mut writer, changed);
                let mut written = if in_place && record.content_type == ContentType::application_data {
                    write_in_place(&mut writer, record)
                } else {
                    write(&mut writer, record, &mut [0; MAX_RECORD_LEN]).to_vec()
                };
                if counts_its_nonces(&trace, record) {
                    assert!(written == record.bytes, "{what}: {written:02x?}");
                } else {
                    by_chance += 1;
                    assert_eq!(written.len(), record.bytes.len(), "{what}");
                }
                let opened = open_bytes(&mut reader, &mut written);
                assert_eq!(opened, (record.content_type, record.payload.clone()), "{what}");
            });
            walked = (walked.0 + records, walked.1 + epochs);
        }
    }
    // Each of them twice: with application data in the caller's buffer, and in place.
    assert_eq!(walked, (2 * COUNTED_TLS12.0, 2 * COUNTED_TLS12.1));
    // The Finished of the six servers with AES-GCM.
    assert_eq!(by_chance, 2 * 6);
}

#[cfg(feature = "tls12")]
#[test]
fn record_of_the_traces_of_tls_1_2_with_one_altered_bit_does_not_open() {
    let mut refused = 0;
    for trace in TLS12.into_iter().map(Trace::load) {
        for record in trace.records.iter().filter(|record| record.sequence_number == Some(0)) {
            // The type, the version, the explicit nonce or the content, and the tag.
            for index in [0, 2, RECORD_HEADER_LEN, record.bytes.len() - 1] {
                let mut reader = RecordReader::new();
                reader.install(keys_tls12(&trace, record.actor));
                let mut bytes = record.bytes.clone();
                bytes[index] ^= 1;
                assert!(reader.next(&mut bytes).is_err(), "{}", trace.name);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 4 * COUNTED_TLS12.1);
}
