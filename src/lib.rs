//! Bulla: TLS 1.3 in pure Rust.
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
#[cfg(all(test, feature = "ring", feature = "std"))]
#[path = "../tests/support/mod.rs"]
mod support;
pub mod verify;
pub mod wire;

pub use config::{
    ClientAuth, ClientConfig, ConfigError, Content, Direction, Identity, Observed, Observer, ServerConfig, danger,
};
pub use connection::{ClientConnection, Connection, Event, Received, Sent, ServerConnection};
pub use error::{Error, Fault};
pub use handshake::{Answer, MAX_CHAIN_LEN, Question, QuestionId, QuestionKind};
#[cfg(feature = "std")]
pub use keys::KeyLogFile;
pub use keys::{KeyLog, key_log_line};
pub use pki_types;
pub use record::{
    IN_PLACE_HEAD, IN_PLACE_TAIL, Level, MAX_CHANGE_CIPHER_SPECS, MAX_EMPTY_RECORDS, MAX_FRAGMENT_LEN,
    MAX_HANDSHAKE_MESSAGE_LEN, MAX_KEY_UPDATES, MAX_RECORD_LEN, MAX_WARNING_ALERTS,
};
pub use verify::Roots;

/// The name of a server: a DNS name or an IP address.
pub type ServerName = pki_types::ServerName<'static>;
