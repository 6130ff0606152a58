//! What is on the wire: records, alerts, handshake messages, extensions, and the IANA registries.
//!
//! Pure data, read and write side by side; no cryptography, no state, no opinion. Every reader here is total: any
//! bytes give a value or a [`Malformed`], in time and memory proportional to the bytes given. What a message means,
//! and whether it may be said now, is decided elsewhere; the only alert that this module can cause is decode_error.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

use core::fmt;

mod reader;
mod registry;
mod writer;

pub use reader::{Codec, Reader, read_all, read_all_with};
pub use registry::*;
pub use writer::{TooLong, Writer, write_all};

/// Why bytes are not the message that they should be. Always answered with decode_error. RFC 8446 §6.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// The bytes end before the value does.
    Truncated,
    /// Bytes are left over behind the value.
    TrailingBytes,
    /// A vector's length is outside the bounds that its definition gives.
    LengthOutOfBounds,
    /// A field that has one legal value holds another one.
    IllegalValue,
    /// The same extension stands in a message twice. RFC 8446 §4.2.
    DuplicateExtension,
    /// A message holds more than [`MAX_EXTENSIONS`] extensions.
    TooManyExtensions,
}

/// The most extensions a message may hold. Browsers send fewer than 30; the duplicate check is quadratic.
pub const MAX_EXTENSIONS: usize = 128;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the bytes end before the value does",
            Self::TrailingBytes => "bytes are left over behind the value",
            Self::LengthOutOfBounds => "a length is outside the bounds of its field",
            Self::IllegalValue => "a field with one legal value holds another",
            Self::DuplicateExtension => "an extension stands twice in one message",
            Self::TooManyExtensions => "a message holds too many extensions",
        })
    }
}

impl core::error::Error for Malformed {}
