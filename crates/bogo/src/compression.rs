//! The runner's own ways to compress certificates: no code points that anybody else has, and nothing to gain by them.

use std::sync::Arc;

use bulla::config::compression::CompressCertificates;
use bulla::crypto::Provider;
use bulla::wire::CertificateCompressionAlgorithm;

/// What the runner's expanding one puts before a message.
const PREFIX: &[u8] = &[1, 2, 3, 4];

#[derive(Clone, Copy, Debug)]
enum Compression {
    /// Puts a fixed text in front.
    Expanding,
    /// Leaves out the first two bytes, which are 0 in every Certificate that is not larger than it should be.
    Shrinking,
    /// Puts a random byte in front.
    Random,
}
use Compression::{Expanding, Random, Shrinking};

/// All of them, or the one with this code point.
pub(crate) fn algorithms(alone: Option<CertificateCompressionAlgorithm>) -> Vec<Arc<dyn CompressCertificates>> {
    let all = [Expanding, Shrinking, Random].into_iter();
    let wanted = all.filter(|one| alone.is_none_or(|alone| one.algorithm() == alone));
    wanted.map(|one| Arc::new(one) as Arc<dyn CompressCertificates>).collect()
}

impl CompressCertificates for Compression {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm(match self {
            Shrinking => 0xff01,
            Expanding => 0xff02,
            Random => 0xff03,
        })
    }

    fn compress(&self, provider: &dyn Provider, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Expanding => Some([PREFIX, message].concat()),
            Shrinking => message.strip_prefix(&[0, 0]).map(<[u8]>::to_vec),
            Random => {
                let mut byte = [0];
                provider.fill_random(&mut byte).ok()?;
                Some([&byte, message].concat())
            }
        }
    }

    fn decompress(&self, compressed: &[u8], uncompressed_len: usize) -> Option<Vec<u8>> {
        let message = match self {
            Expanding => compressed.strip_prefix(PREFIX)?.to_vec(),
            Shrinking => [&[0, 0], compressed].concat(),
            Random => compressed.split_first()?.1.to_vec(),
        };
        (message.len() == uncompressed_len).then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use bulla::crypto::ring::provider;

    use super::*;

    #[test]
    fn what_was_compressed_is_decompressed_to_its_own_length_alone() {
        let message = [0, 0, 7, 8, 9];
        for algorithm in algorithms(None) {
            let compressed = algorithm.compress(&*provider(), &message).unwrap();
            assert_eq!(algorithm.decompress(&compressed, 5).as_deref(), Some(&message[..]), "{algorithm:?}");
            assert_eq!(algorithm.decompress(&compressed, 4), None, "{algorithm:?}");
        }
    }

    #[test]
    fn one_algorithm_is_found_by_its_code_point() {
        for code_point in [0xff01, 0xff02, 0xff03].map(CertificateCompressionAlgorithm) {
            let found: Vec<_> = algorithms(Some(code_point)).iter().map(|one| one.algorithm()).collect();
            assert_eq!(found, [code_point]);
        }
        assert!(algorithms(Some(CertificateCompressionAlgorithm(1))).is_empty());
    }
}
