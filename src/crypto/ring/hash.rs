//! Hashes and HMAC.

use alloc::boxed::Box;

use ring::{digest, hmac};

use crate::crypto::{CryptoError, Digest, Hash, HashAlgorithm};

/// A hash computation under way.
#[derive(Clone)]
pub(super) struct RunningHash(digest::Context);

impl RunningHash {
    pub(super) fn new(algorithm: HashAlgorithm) -> Self {
        Self(digest::Context::new(match algorithm {
            HashAlgorithm::Sha256 => &digest::SHA256,
            HashAlgorithm::Sha384 => &digest::SHA384,
            HashAlgorithm::Sha512 => &digest::SHA512,
        }))
    }
}

impl Hash for RunningHash {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn current(&self) -> Digest {
        Digest::new(self.0.clone().finish().as_ref()).expect("no hash is longer than SHA-512")
    }

    fn fork(&self) -> Box<dyn Hash> {
        Box::new(self.clone())
    }
}

/// HMAC over the concatenation of `parts`. `ring` hashes a key that is longer than a block, as RFC 2104 §2 wants.
pub(super) fn hmac(algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Result<Digest, CryptoError> {
    let algorithm = match algorithm {
        HashAlgorithm::Sha256 => hmac::HMAC_SHA256,
        HashAlgorithm::Sha384 => hmac::HMAC_SHA384,
        HashAlgorithm::Sha512 => hmac::HMAC_SHA512,
    };
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    for part in parts {
        context.update(part);
    }
    Digest::new(context.sign().as_ref()).ok_or(CryptoError::Failed)
}
