//! The transcript hash, the key schedules of TLS 1.3 and TLS 1.2, exporters and the key log. RFC 8446 §4.4.1, §7.
//!
//! Everything here returns values and installs nothing: who may use a key, and from when on, is decided above.

mod key_log;
#[cfg(feature = "tls12")]
mod prf;
mod schedule;
mod traffic_keys;
mod transcript;

#[cfg(feature = "std")]
pub use key_log::KeyLogFile;
pub use key_log::{KeyLog, key_log_line};
#[cfg(feature = "tls12")]
pub use prf::{KeyBlock, MasterSecret, Randoms, prf};
pub use schedule::{
    EarlySecret, ExporterSecret, HandshakeSecret, MainSecret, PskKind, TrafficSecret, derive_secret, expand_label,
    resumption_psk,
};
pub use traffic_keys::{RawKeys, RecordFormat, TrafficKeys};
pub use transcript::Transcript;
