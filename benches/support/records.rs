//! Seals and opens records, by Bulla and by `ring` alone, and says how long it took. Only the calls themselves are
//! timed: keys, handshakes, ciphertexts to open and the clearing up are made outside.
//!
//! Both do the same work on memory of the same kind: as many bytes under the AEAD (the content, in TLS 1.3 with one octet
//! of inner type), as many bytes of associated data, a nonce per record, the same place in the buffer.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bulla::wire::{CipherSuite, NamedGroup};
use bulla::{ClientConnection, Event, IN_PLACE_HEAD, IN_PLACE_TAIL, ServerConnection, ServerName};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

#[path = "pair.rs"]
mod pair;

/// What the identity's key of Ed25519 signs for.
pub(crate) const SUITES: &[CipherSuite] = &[
    CipherSuite::TLS_AES_128_GCM_SHA256,
    CipherSuite::TLS_AES_256_GCM_SHA384,
    CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
    #[cfg(feature = "tls12")]
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    #[cfg(feature = "tls12")]
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    #[cfg(feature = "tls12")]
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// Bytes of content per record.
pub(crate) const SIZES: [usize; 3] = [1, 1024, 16_384];

/// Records that are prepared at a time: they stay in the processor's second cache, on both sides alike.
const BATCH: u64 = 16;

/// Bytes that sending in place needs around the content.
const ROOM: usize = IN_PLACE_HEAD + IN_PLACE_TAIL;

const TAG_LEN: usize = 16;

/// What a suite's records look like. RFC 8446 §5.2, RFC 5246 §6.2.3.3, RFC 5288 §3, RFC 7905 §2.
#[derive(Clone, Copy)]
struct Layout {
    algorithm: &'static Algorithm,
    /// Bytes before the content: the header, in TLS 1.2 with AES-GCM also the explicit nonce.
    head: usize,
    /// Bytes of content type behind the content.
    inner_type: usize,
    associated_data: usize,
}

impl Layout {
    fn of(suite: CipherSuite) -> Self {
        let row = |algorithm, head, inner_type, associated_data| Self { algorithm, head, inner_type, associated_data };
        match suite {
            CipherSuite::TLS_AES_128_GCM_SHA256 => row(&AES_128_GCM, 5, 1, 5),
            CipherSuite::TLS_AES_256_GCM_SHA384 => row(&AES_256_GCM, 5, 1, 5),
            CipherSuite::TLS_CHACHA20_POLY1305_SHA256 => row(&CHACHA20_POLY1305, 5, 1, 5),
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => row(&AES_128_GCM, 13, 0, 13),
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => row(&AES_256_GCM, 13, 0, 13),
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => row(&CHACHA20_POLY1305, 5, 0, 13),
            other => panic!("how are records of {other} laid out?"),
        }
    }

    fn record_len(self, size: usize) -> usize {
        self.head + size + self.inner_type + TAG_LEN
    }
}

/// `ring` with no protocol.
pub(crate) struct Bare {
    key: LessSafeKey,
    layout: Layout,
    size: usize,
    sequence_number: u64,
}

impl Bare {
    pub(crate) fn new(suite: CipherSuite, size: usize) -> Self {
        let layout = Layout::of(suite);
        let key = &[7; 32][..layout.algorithm.key_len()];
        let key = LessSafeKey::new(UnboundKey::new(layout.algorithm, key).unwrap());
        Self { key, layout, size, sequence_number: 0 }
    }

    fn nonce(sequence_number: u64) -> Nonce {
        let mut nonce = [9; 12];
        nonce[4..].copy_from_slice(&sequence_number.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    /// A header's bytes and, for records that authenticate it too, the sequence number. What stands first costs nothing.
    fn associated_data(&self, sequence_number: u64) -> [u8; 13] {
        let [a, b, c, d, e, f, g, h] = sequence_number.to_be_bytes();
        [23, 3, 3, 0, 9, a, b, c, d, e, f, g, h]
    }

    fn seal_one(&mut self, record: &mut [u8]) {
        let nonce = Self::nonce(self.sequence_number);
        let associated_data = self.associated_data(self.sequence_number);
        let associated_data = Aad::from(&associated_data[..self.layout.associated_data]);
        self.sequence_number += 1;
        let (inner, tag) = record[self.layout.head..].split_at_mut(self.size + self.layout.inner_type);
        let sealed = self.key.seal_in_place_separate_tag(nonce, associated_data, inner).unwrap();
        tag.copy_from_slice(sealed.as_ref());
    }

    pub(crate) fn seal(&mut self, records: u64) -> Duration {
        let mut buffer = vec![3; self.layout.record_len(self.size)];
        let start = Instant::now();
        for _ in 0..records {
            self.seal_one(black_box(&mut buffer));
        }
        start.elapsed()
    }

    pub(crate) fn open(&mut self, records: u64) -> Duration {
        let len = self.layout.record_len(self.size);
        batches(records, |count| {
            let mut wire = vec![3; len * usize::try_from(count).unwrap()];
            let first = self.sequence_number;
            wire.chunks_mut(len).for_each(|record| self.seal_one(record));
            let start = Instant::now();
            for (sequence_number, record) in (first..).zip(wire.chunks_mut(len)) {
                let nonce = Self::nonce(sequence_number);
                let associated_data = self.associated_data(sequence_number);
                let associated_data = Aad::from(&associated_data[..self.layout.associated_data]);
                let opened = self.key.open_in_place(nonce, associated_data, &mut record[self.layout.head..]);
                black_box(opened.unwrap());
            }
            start.elapsed()
        })
    }
}

/// Bulla: a client that sends and a server that receives.
pub(crate) struct Whole {
    client: ClientConnection,
    server: ServerConnection,
    size: usize,
    record_len: usize,
}

impl Whole {
    pub(crate) fn new(suite: CipherSuite, size: usize) -> Self {
        let (client, server) = pair::configs(suite, NamedGroup::x25519);
        let name = ServerName::try_from("server.test").unwrap();
        let (client, server) = pair::connect(&client, &server, &name);
        Self { client, server, size, record_len: Layout::of(suite).record_len(size) }
    }

    pub(crate) fn send_in_place(&mut self, records: u64) -> Duration {
        let mut buffer = vec![3; self.size + ROOM];
        let start = Instant::now();
        for _ in 0..records {
            let plaintext = IN_PLACE_HEAD..IN_PLACE_HEAD + self.size;
            let _ = black_box(self.client.send_in_place(black_box(&mut buffer), plaintext).unwrap());
        }
        start.elapsed()
    }

    pub(crate) fn send(&mut self, records: u64) -> Duration {
        let data = vec![3; self.size];
        let mut out = vec![0; self.record_len];
        let start = Instant::now();
        for _ in 0..records {
            let _ = black_box(self.client.send(black_box(&data), black_box(&mut out)).unwrap());
        }
        start.elapsed()
    }

    pub(crate) fn receive(&mut self, records: u64) -> Duration {
        let data = vec![3; self.size];
        let len = self.record_len;
        batches(records, |count| {
            let mut wire = vec![0; len * usize::try_from(count).unwrap()];
            for record in wire.chunks_mut(len) {
                let sent = self.client.send(&data, record).unwrap();
                assert_eq!(sent.written, len);
            }
            let start = Instant::now();
            for record in wire.chunks_mut(len) {
                match self.server.receive(record).unwrap().event {
                    Event::Data { plaintext, .. } => black_box(plaintext),
                    other => panic!("{other:?}"),
                };
            }
            start.elapsed()
        })
    }
}

/// Runs batch after batch and sums up what they took.
fn batches(mut records: u64, mut batch: impl FnMut(u64) -> Duration) -> Duration {
    let mut took = Duration::ZERO;
    while records > 0 {
        let count = records.min(BATCH);
        took += batch(count);
        records -= count;
    }
    took
}
