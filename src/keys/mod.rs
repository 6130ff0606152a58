//! The transcript hash, the TLS 1.3 key schedule, exporters and the key log. RFC 8446 §4.4.1, §7.
//!
//! Everything here returns values and installs nothing: who may use a key, and from when on, is decided above.

mod key_log;
mod schedule;
mod transcript;

#[cfg(feature = "std")]
pub use key_log::KeyLogFile;
pub use key_log::{KeyLog, key_log_line};
pub use schedule::{
    EarlySecret, ExporterSecret, HandshakeSecret, MainSecret, TrafficKeys, TrafficSecret, derive_secret, expand_label,
};
pub use transcript::Transcript;
