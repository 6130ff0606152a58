//! What each fuzz target does with one input. `tests/fuzz_seeds.rs` includes the same code, so that the committed seeds
//! are replayed by a plain `cargo test`.
#![allow(dead_code, unreachable_pub, reason = "each target includes this and uses its part")]

pub mod source;
pub mod wire;
pub mod wire_messages;
