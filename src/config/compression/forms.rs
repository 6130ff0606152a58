//! What an identity's Certificate has been compressed to: once, not for each peer that could ask for it. RFC 8879 §4.

use alloc::vec::Vec;

use super::CompressCertificates;
use crate::crypto::Provider;
#[cfg(feature = "std")]
use crate::wire::CertificateCompressionAlgorithm;

/// The forms in which a Certificate has gone out. Compressing well takes longer than signing, and a peer that asks for it has done
/// nothing yet but say hello; what is sent differs by what stands beside the chain alone. Without `std` there is nothing that could
/// hold them, and each handshake compresses anew.
#[derive(Debug, Default)]
pub(crate) struct CompressedForms {
    #[cfg(feature = "std")]
    kept: std::sync::RwLock<Vec<Form>>,
}

#[cfg(feature = "std")]
#[derive(Debug)]
struct Form {
    algorithm: CertificateCompressionAlgorithm,
    message: Vec<u8>,
    compressed: Option<Vec<u8>>,
}

/// How many forms are kept: with a staple, with timestamps, with a delegated credential or without, in two algorithms.
#[cfg(feature = "std")]
const MAX_FORMS: usize = 16;

impl CompressedForms {
    /// Compresses a message, or says what it was compressed to before.
    pub(crate) fn compress(
        &self,
        compression: &dyn CompressCertificates,
        provider: &dyn Provider,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        #[cfg(feature = "std")]
        {
            use std::sync::PoisonError;

            let is_it = |form: &&Form| form.algorithm == compression.algorithm() && form.message == message;
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(form) = kept.iter().find(is_it) {
                return form.compressed.clone();
            }
            // No lock is held while it is compressed.
            drop(kept);
            let compressed = compression.compress(provider, message);
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < MAX_FORMS && !kept.iter().any(|form| is_it(&form)) {
                let (algorithm, message) = (compression.algorithm(), message.to_vec());
                kept.push(Form { algorithm, message, compressed: compressed.clone() });
            }
            compressed
        }
        #[cfg(not(feature = "std"))]
        compression.compress(provider, message)
    }
}

#[cfg(all(test, feature = "ring", feature = "std"))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::crypto::ring::provider;

    #[derive(Debug)]
    struct Counting(AtomicUsize);

    impl CompressCertificates for Counting {
        fn algorithm(&self) -> CertificateCompressionAlgorithm {
            CertificateCompressionAlgorithm(0xff01)
        }

        fn compress(&self, _: &dyn Provider, message: &[u8]) -> Option<Vec<u8>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            message.first().map(|first| alloc::vec![*first])
        }

        fn decompress(&self, _: &[u8], _: usize) -> Option<Vec<u8>> {
            None
        }
    }

    #[test]
    fn each_message_is_compressed_once_and_what_has_nothing_to_say_is_not_asked_again() {
        let (forms, counting) = (CompressedForms::default(), Counting(AtomicUsize::new(0)));
        for _ in 0..3 {
            for message in [&b"one"[..], b"two", b""] {
                let expected = message.first().map(|first| alloc::vec![*first]);
                assert_eq!(forms.compress(&counting, &*provider(), message), expected);
            }
        }
        assert_eq!(counting.0.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn no_more_forms_are_kept_than_the_limit() {
        let (forms, counting) = (CompressedForms::default(), Counting(AtomicUsize::new(0)));
        for number in 0..=u8::try_from(MAX_FORMS).unwrap() {
            assert_eq!(forms.compress(&counting, &*provider(), &[number]), Some(alloc::vec![number]));
        }
        assert_eq!(forms.kept.read().unwrap().len(), MAX_FORMS);
    }
}
