//! Brotli, by the crate `brotli`. RFC 7932, RFC 8879 §4.

use alloc::vec;
use alloc::vec::Vec;

use ::brotli::enc::{BrotliAlloc, BrotliCompressCustomIo, BrotliEncoderParams};
use ::brotli::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, CustomRead, CustomWrite, SliceWrapper,
    SliceWrapperMut,
};

use super::CompressCertificates;
use crate::crypto::Provider;
use crate::wire::CertificateCompressionAlgorithm;

/// Compresses by Brotli: what Chromium has; smaller than zlib's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Brotli;

impl CompressCertificates for Brotli {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::brotli
    }

    fn compress(&self, _: &dyn Provider, message: &[u8]) -> Option<Vec<u8>> {
        let params = BrotliEncoderParams { size_hint: message.len(), lgwin: WINDOW_BITS, ..Default::default() };
        let (mut input, mut output) = (Unread(message), Written(Vec::new()));
        let (mut read, mut write) = ([0; BUFFER_LEN], [0; BUFFER_LEN]);
        let compressed = BrotliCompressCustomIo(
            &mut input,
            &mut output,
            &mut read,
            &mut write,
            &params,
            Heap,
            &mut |_, _, _, _| (),
            Interrupted,
        );
        compressed.ok().map(|_| output.0)
    }

    /// Decompresses into a buffer of the declared length, which cannot grow. Large windows, which RFC 7932 has not, are
    /// refused.
    fn decompress(&self, compressed: &[u8], uncompressed_len: usize) -> Option<Vec<u8>> {
        let (first, rest) = compressed.split_first()?;
        let first = [small_window(*first, uncompressed_len)];
        let mut message = vec![0; uncompressed_len];
        let mut state = BrotliState::new_strict(Heap, Heap, Heap);
        let (mut room, mut written, mut total) = (uncompressed_len, 0, 0);
        let (mut result, mut unread) = (BrotliResult::NeedsMoreInput, 0);
        for input in [&first[..], rest] {
            // Nothing stands behind the end of the stream.
            if !matches!(result, BrotliResult::NeedsMoreInput) || unread > 0 {
                return None;
            }
            unread = input.len();
            result = BrotliDecompressStream(
                &mut unread,
                &mut 0,
                input,
                &mut room,
                &mut written,
                &mut message,
                &mut total,
                &mut state,
            );
        }
        let whole = matches!(result, BrotliResult::ResultSuccess) && unread == 0 && written == uncompressed_len;
        whole.then_some(message)
    }
}

/// Makes the window that the first byte asks for one of 256 KiB, if it is larger and the output fits into that. The window
/// only says how far back a copy may reach, and none reaches behind the start; but the crate allocates it, up to 16 MiB, for a
/// peer that asks. RFC 7932 §9.1: WBITS is 1, then n, and 17 + n; with n = 0 it is smaller.
fn small_window(first: u8, uncompressed_len: usize) -> u8 {
    const SMALL_WINDOW_LEN: usize = (1 << 18) - 16;
    let is_large = first & 1 == 1 && first & 0b1110 != 0;
    if is_large && uncompressed_len <= SMALL_WINDOW_LEN { first & 0xf0 | 0b0011 } else { first }
}

/// A window of 64 KiB, as large as the largest Certificate message.
const WINDOW_BITS: i32 = 16;
/// How much the compressor reads and writes at a time.
const BUFFER_LEN: usize = 1024;

/// What is still to be compressed.
struct Unread<'m>(&'m [u8]);

/// What came of it.
struct Written(Vec<u8>);

/// Reading from and writing to memory is never interrupted.
#[derive(Debug)]
struct Interrupted;

impl CustomRead<Interrupted> for Unread<'_> {
    fn read(&mut self, data: &mut [u8]) -> Result<usize, Interrupted> {
        let (now, later) = self.0.split_at(data.len().min(self.0.len()));
        data.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
        self.0 = later;
        Ok(now.len())
    }
}

impl CustomWrite<Interrupted> for Written {
    fn write(&mut self, data: &[u8]) -> Result<usize, Interrupted> {
        self.0.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> Result<(), Interrupted> {
        Ok(())
    }
}

/// Gives the crate its memory from the heap, also without `std`.
#[derive(Clone, Copy, Default)]
struct Heap;

#[derive(Default)]
struct Block<T>(Vec<T>);

impl<T: Clone + Default> Allocator<T> for Heap {
    type AllocatedMemory = Block<T>;

    fn alloc_cell(&mut self, len: usize) -> Block<T> {
        Block(vec![T::default(); len])
    }

    fn free_cell(&mut self, _: Block<T>) {}
}

impl BrotliAlloc for Heap {}

impl<T> SliceWrapper<T> for Block<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> SliceWrapperMut<T> for Block<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}
