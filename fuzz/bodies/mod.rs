//! What each fuzz target does with one input. `tests/fuzz_seeds.rs` includes the same code, so that the committed seeds
//! are replayed by a plain `cargo test`.
#![allow(dead_code, unreachable_pub, reason = "each target includes this and uses its part")]

pub mod client;
pub mod compression;
pub mod der;
pub mod fixed;
pub mod honest;
pub mod honest_rich;
pub mod honest_second;
pub mod honest_tls12;
mod raw;
pub mod record_framing;
pub mod resumption;
pub mod rich;
pub mod rig;
pub mod script;
pub mod second;
pub mod server;
pub mod source;
mod watch;
pub mod wire;
pub mod wire_messages;
