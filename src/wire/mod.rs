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

mod alert;
mod certificate;
mod certificate_request;
mod certificate_status;
mod certificate_verify;
mod client_hello;
mod compressed_certificate;
mod empty_messages;
mod encrypted_extensions;
mod extension;
mod finished;
mod handshake;
mod key_exchange_tls12;
mod key_update;
mod new_session_ticket;
mod random;
mod reader;
mod record;
mod registry;
mod server_hello;
mod writer;

pub use alert::{Alert, ChangeCipherSpec};
pub use certificate::{Asn1Cert, Certificate, CertificateEntry, CertificateTls12, RawPublicKeyTls12};
pub use certificate_request::{CertificateRequest, CertificateRequestTls12};
pub use certificate_status::CertificateStatus;
pub use certificate_verify::CertificateVerify;
pub use client_hello::ClientHello;
pub use compressed_certificate::CompressedCertificate;
pub use empty_messages::{EndOfEarlyData, HelloRequest, ServerHelloDone};
pub use encrypted_extensions::EncryptedExtensions;
pub use extension::*;
pub use finished::Finished;
pub use handshake::{HANDSHAKE_HEADER_LEN, Handshake, Message, RawHandshake, write_message};
pub use key_exchange_tls12::{ClientKeyExchange, ServerEcdhParams, ServerKeyExchange};
pub use key_update::KeyUpdate;
pub use new_session_ticket::{NewSessionTicket, NewSessionTicketTls12};
pub use random::{DOWNGRADE_TLS11, DOWNGRADE_TLS12, HELLO_RETRY_REQUEST_RANDOM, Random};
pub use reader::{Codec, Reader, read_all, read_all_with};
pub use record::{
    MAX_CIPHERTEXT_LEN_TLS12, MAX_CIPHERTEXT_LEN_TLS13, MAX_PLAINTEXT_LEN, RECORD_HEADER_LEN, RecordHeader,
};
pub use registry::*;
pub use server_hello::{HelloRetryRequest, ServerHello, is_hello_retry_request};
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
