//! Compresses certificates, and decompresses those of peers. RFC 8879.
//!
//! A trait, because the algorithms come as crates that not everybody wants, and because a code point may be one's own. What
//! a peer says is bounded before an implementation sees it: the declared length by the limit for any handshake message, the
//! compressed bytes by the message that they came in.

#[cfg(feature = "brotli")]
mod brotli;
mod forms;
#[cfg(feature = "zlib")]
mod zlib;

use alloc::vec::Vec;
use core::fmt;

#[cfg(feature = "brotli")]
pub use self::brotli::Brotli;
pub(crate) use self::forms::CompressedForms;
#[cfg(feature = "zlib")]
pub use self::zlib::Zlib;
use crate::crypto::Provider;
use crate::wire::CertificateCompressionAlgorithm;

/// A way to compress Certificate messages. RFC 8879 §4.
pub trait CompressCertificates: Send + Sync + fmt::Debug {
    /// Returns the code point.
    fn algorithm(&self) -> CertificateCompressionAlgorithm;

    /// Compresses the body of a Certificate message, which holds our own certificates and nothing secret. `None` sends it as
    /// it is. `provider` is the configuration's, for what needs randomness.
    ///
    /// A handshake's message is compressed once for each [`Identity`](super::Identity), and what came of it is sent again; without
    /// the feature `std` it is compressed in every handshake, which is a reason to have something fast. An answer to a request after
    /// the handshake is different each time.
    fn compress(&self, provider: &dyn Provider, message: &[u8]) -> Option<Vec<u8>>;

    /// Decompresses what a peer sent. The result has exactly `uncompressed_len` bytes, or there is none: an implementation
    /// stops when more would come, and when the input ends early. Nothing may stand behind the input's end. `uncompressed_len`
    /// is at most [`MAX_HANDSHAKE_MESSAGE_LEN`](crate::MAX_HANDSHAKE_MESSAGE_LEN).
    fn decompress(&self, compressed: &[u8], uncompressed_len: usize) -> Option<Vec<u8>>;
}
