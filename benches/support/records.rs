//! Seals and opens records, by Bulla and by `ring` alone, and says how long it took. Only the calls themselves are
//! timed: keys, handshakes, ciphertexts to open and the clearing up are made outside.
//!
//! Both do the same work on memory of the same kind: as many bytes under the AEAD (the content and one octet of inner
//! type), the same five bytes of associated data, a nonce per record, the same place in the buffer.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bulla::wire::{CipherSuite, NamedGroup};
use bulla::{ClientConnection, Event, IN_PLACE_HEAD, IN_PLACE_TAIL, ServerConnection, ServerName};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

#[path = "pair.rs"]
mod pair;

pub(crate) const SUITES: [CipherSuite; 3] = [
    CipherSuite::TLS_AES_128_GCM_SHA256,
    CipherSuite::TLS_AES_256_GCM_SHA384,
    CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
];

/// Bytes of content per record.
pub(crate) const SIZES: [usize; 3] = [1, 1024, 16_384];

/// Records that are prepared at a time: they stay in the processor's second cache, on both sides alike.
const BATCH: u64 = 16;

/// Bytes that a record adds to its content: header, inner type, tag.
const OVERHEAD: usize = IN_PLACE_HEAD + IN_PLACE_TAIL;

/// `ring` with no protocol.
pub(crate) struct Bare {
    key: LessSafeKey,
    header: [u8; 5],
    size: usize,
    sequence_number: u64,
}

impl Bare {
    pub(crate) fn new(suite: CipherSuite, size: usize) -> Self {
        let algorithm = match suite {
            CipherSuite::TLS_AES_128_GCM_SHA256 => &AES_128_GCM,
            CipherSuite::TLS_AES_256_GCM_SHA384 => &AES_256_GCM,
            _ => &CHACHA20_POLY1305,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, &[7; 32][..algorithm.key_len()]).unwrap());
        let [high, low] = u16::try_from(size + IN_PLACE_TAIL).unwrap().to_be_bytes();
        Self { key, header: [23, 3, 3, high, low], size, sequence_number: 0 }
    }

    fn nonce(sequence_number: u64) -> Nonce {
        let mut nonce = [9; 12];
        nonce[4..].copy_from_slice(&sequence_number.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal_one(&mut self, buffer: &mut [u8]) {
        let nonce = Self::nonce(self.sequence_number);
        self.sequence_number += 1;
        let (inner, tag) = buffer[IN_PLACE_HEAD..].split_at_mut(self.size + 1);
        let sealed = self.key.seal_in_place_separate_tag(nonce, Aad::from(self.header), inner).unwrap();
        tag.copy_from_slice(sealed.as_ref());
    }

    pub(crate) fn seal(&mut self, records: u64) -> Duration {
        let mut buffer = vec![3; self.size + OVERHEAD];
        let start = Instant::now();
        for _ in 0..records {
            self.seal_one(black_box(&mut buffer));
        }
        start.elapsed()
    }

    pub(crate) fn open(&mut self, records: u64) -> Duration {
        let len = self.size + OVERHEAD;
        batches(records, |count| {
            let mut wire = vec![3; len * usize::try_from(count).unwrap()];
            let first = self.sequence_number;
            wire.chunks_mut(len).for_each(|record| self.seal_one(record));
            let start = Instant::now();
            for (sequence_number, record) in (first..).zip(wire.chunks_mut(len)) {
                let nonce = Self::nonce(sequence_number);
                let opened = self.key.open_in_place(nonce, Aad::from(self.header), &mut record[IN_PLACE_HEAD..]);
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
}

impl Whole {
    pub(crate) fn new(suite: CipherSuite, size: usize) -> Self {
        let (client, server) = pair::configs(suite, NamedGroup::x25519);
        let name = ServerName::try_from("server.test").unwrap();
        let (client, server) = pair::connect(&client, &server, &name);
        Self { client, server, size }
    }

    pub(crate) fn send_in_place(&mut self, records: u64) -> Duration {
        let mut buffer = vec![3; self.size + OVERHEAD];
        let start = Instant::now();
        for _ in 0..records {
            let plaintext = IN_PLACE_HEAD..IN_PLACE_HEAD + self.size;
            let _ = black_box(self.client.send_in_place(black_box(&mut buffer), plaintext).unwrap());
        }
        start.elapsed()
    }

    pub(crate) fn send(&mut self, records: u64) -> Duration {
        let data = vec![3; self.size];
        let mut out = vec![0; self.size + OVERHEAD];
        let start = Instant::now();
        for _ in 0..records {
            let _ = black_box(self.client.send(black_box(&data), black_box(&mut out)).unwrap());
        }
        start.elapsed()
    }

    pub(crate) fn receive(&mut self, records: u64) -> Duration {
        let data = vec![3; self.size];
        let len = self.size + OVERHEAD;
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
