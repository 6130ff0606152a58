//! Who may say what when: one folder per role and version, whose `mod.rs` is the table of legal steps.
//!
//! A handshake takes messages at a level and gives effects: messages to send, keys to install, questions to ask. It
//! never sees a record, so that it does not matter what the messages travelled in.

pub(crate) mod client;
pub(crate) mod connected;
mod incoming;
mod negotiated;
mod outgoing;
mod progress;
mod proof;
mod question;
mod record_sizes;
pub(crate) mod server;
mod shown;

pub(crate) use connected::Connected;
pub(crate) use incoming::Incoming;
pub use negotiated::HandshakeKind;
pub(crate) use negotiated::Negotiated;
pub use outgoing::EarlyData;
pub(crate) use outgoing::{EarlyExporter, Effect, Outgoing};
pub(crate) use progress::Progress;
pub use question::{Answer, Question, QuestionId, QuestionKind};

/// Most key shares in a ClientHello. Clients send one to four; each one is looked up in a list of the peer's own length.
pub const MAX_KEY_SHARES: usize = 32;

/// Most PSKs of a ClientHello that a server looks at. Clients offer one to three; each costs a look-up.
pub const MAX_OFFERED_PSKS: usize = 8;

/// Most requests for a client's certificate that are open at a time after the handshake. Each holds a hash and costs the client
/// a signature.
pub const MAX_OPEN_CERTIFICATE_REQUESTS: usize = 8;

/// Most requests for a client's certificate after the handshake of one connection: the client remembers each one's context, which
/// must not come twice. RFC 8446 §4.3.2.
pub const MAX_CERTIFICATE_REQUESTS: usize = 256;

/// Most certificates in a peer's chain. Chains of the public web have up to five.
pub const MAX_CHAIN_LEN: usize = 16;
