//! zlib, by `miniz_oxide`. RFC 1950, RFC 8879 §4.

use alloc::vec;
use alloc::vec::Vec;

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use super::CompressCertificates;
use crate::crypto::Provider;
use crate::wire::CertificateCompressionAlgorithm;

/// Compresses by zlib: what OpenSSL, Apple and Facebook have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zlib;

/// The best that there is: a chain is small, and with `std` compressed once.
const LEVEL: u8 = 9;

impl CompressCertificates for Zlib {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::zlib
    }

    fn compress(&self, _: &dyn Provider, message: &[u8]) -> Option<Vec<u8>> {
        Some(compress_to_vec_zlib(message, LEVEL))
    }

    /// Decompresses into a buffer of the declared length, which cannot grow. The checksum is checked.
    fn decompress(&self, compressed: &[u8], uncompressed_len: usize) -> Option<Vec<u8>> {
        let mut message = vec![0; uncompressed_len];
        let flags = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
            | inflate_flags::TINFL_FLAG_COMPUTE_ADLER32
            | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, used, written) = decompress(&mut DecompressorOxide::new(), compressed, &mut message, 0, flags);
        let whole = status == TINFLStatus::Done && used == compressed.len() && written == uncompressed_len;
        whole.then_some(message)
    }
}
