//! TLS 1.3 and TLS 1.2 in pure Rust: sans-IO, `no_std`, safe when nothing is said.
//!
//! Bytes in; bytes and events out. A [`ClientConnection`] or [`ServerConnection`] opens no socket, reads no clock and starts
//! no thread; [`connection`] tells in six lines how it is driven. With the feature `std`, [`Stream`] does that over any
//! `Read + Write`.
//!
//! - What the application decides is a [`ClientConfig`] or a [`ServerConfig`]: finished, immutable, shared. What it leaves
//!   open is a [`Question`], which waits for its answer.
//! - A peer's chain and name are verified unless the application writes the word `danger`: [`config::danger`].
//! - Every failure is an [`Error`], which knows its alert, whose fault it is, and a number that stays.
//! - Cryptography is a [`crypto::Provider`]: `ring`'s unless told otherwise.
//! - [`wire`], [`keys`] and [`der`] are public for researchers: each message and each step of the key schedule by itself.
//!
//! Beside that, off unless asked for: resumption and early data, external PSKs, raw public keys, compressed certificates,
//! delegated credentials, clients asked behind the handshake, record limits and padding, and a ClientHello of any shape.
//!
//! Features: `std` (streams, files, the system's clock and roots), `ring` (the provider), `tls12` (TLS 1.2 beside TLS 1.3),
//! `post-quantum` (X25519MLKEM768, and groups with ML-KEM for who names them). All four are on by default; without them the
//! crate needs `alloc` alone. `zlib` and `brotli` add those ways to compress certificates.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
/// The name under which the support of the tests in `tests/` knows this crate.
#[cfg(all(test, feature = "ring", feature = "std"))]
extern crate self as bulla;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod clock;
pub mod config;
pub mod connection;
pub mod crypto;
pub mod der;
pub mod error;
mod handshake;
pub mod keys;
mod record;
pub mod resume;
#[cfg(feature = "std")]
mod stream;
#[cfg(all(test, feature = "ring", feature = "std"))]
#[path = "../tests/support/mod.rs"]
mod support;
pub mod verify;
pub mod wire;

pub use config::{
    ClientAuth, ClientConfig, ConfigError, Content, Direction, Identity, Observed, Observer, ServerConfig, danger,
};
pub use connection::{
    ClientConnection, Connection, Event, MAX_PEEKED_LEN, Peek, Received, Sent, ServerConnection, alert_record,
    read_client_hello,
};
pub use error::{Error, Fault};
pub use handshake::{
    Answer, EarlyData, HandshakeKind, MAX_CERTIFICATE_REQUESTS, MAX_CHAIN_LEN, MAX_KEY_SHARES, MAX_OFFERED_PSKS,
    MAX_OPEN_CERTIFICATE_REQUESTS, Question, QuestionId, QuestionKind,
};
#[cfg(feature = "std")]
pub use keys::KeyLogFile;
pub use keys::{KeyLog, key_log_line};
pub use pki_types;
#[cfg(feature = "tls12")]
pub use record::MAX_HELLO_REQUESTS;
pub use record::{
    IN_PLACE_HEAD, IN_PLACE_TAIL, Level, MAX_CHANGE_CIPHER_SPECS, MAX_EMPTY_RECORDS, MAX_FRAGMENT_LEN,
    MAX_HANDSHAKE_MESSAGE_LEN, MAX_KEY_UPDATES, MAX_RECORD_LEN, MAX_SKIPPED_EARLY_DATA, MAX_TICKETS,
    MAX_WARNING_ALERTS,
};
#[cfg(feature = "std")]
pub use stream::{ReadHalf, Stream, Timeouts, WriteHalf, tls_error};
pub use verify::Roots;

/// The name of a server: a DNS name or an IP address.
pub type ServerName = pki_types::ServerName<'static>;

/// Runs the code in README.md with the tests.
#[cfg(all(doctest, feature = "std", feature = "ring"))]
#[doc = include_str!("../README.md")]
struct Readme;
