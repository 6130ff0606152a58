//! The three properties of everything that has a form on the wire, and how to make such a thing out of a fuzzer's bytes.

mod make;
mod make_extension;
mod properties;
mod types;

pub use make::{Make, version_of};
pub use properties::{
    Prefixes, proper_prefixes_are_refused, what_is_read_is_written_back, what_is_written_is_read_back,
};
pub use types::{check_accepted, check_accepted_message, check_made, check_made_message, check_mutated};
