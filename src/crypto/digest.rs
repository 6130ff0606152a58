//! Hash algorithms and their results, without an allocation.

use core::fmt;

use super::{CryptoError, Provider};

/// The hash functions that TLS 1.2 and 1.3 suites name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// SHA-256, 32 bytes of output.
    Sha256,
    /// SHA-384, 48 bytes of output.
    Sha384,
    /// SHA-512, 64 bytes of output: of no suite, for the channel binding of certificates that are signed with it.
    Sha512,
}

impl HashAlgorithm {
    /// Returns the length of the output in bytes (RFC 8446's `Hash.length`).
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// A hash or HMAC value: 0 to 64 bytes, held inline. Public by nature; what is secret is moved into a `Secret`.
#[derive(Clone, Copy)]
pub struct Digest {
    bytes: [u8; Self::MAX_LEN],
    len: usize,
}

impl Digest {
    /// The longest output that fits, in bytes: SHA-512's.
    pub const MAX_LEN: usize = 64;

    /// Copies a value of at most 64 bytes; returns `None` for a longer one.
    pub fn new(value: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::MAX_LEN];
        bytes.get_mut(..value.len())?.copy_from_slice(value);
        Some(Self { bytes, len: value.len() })
    }

    /// Wipes the value: an HMAC may be an intermediate of a secret.
    pub(crate) fn wipe(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.bytes);
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl PartialEq for Digest {
    /// Compares in constant time for equal lengths.
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.as_ref(), other.as_ref()).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({} bytes)", self.len)
    }
}

/// Returns the SHA-256 of some parts, each behind its length, so that none can stand for a piece of another.
pub(crate) fn sha256_of_parts(provider: &dyn Provider, parts: &[&[u8]]) -> Result<[u8; 32], CryptoError> {
    let mut hash = provider.hash(HashAlgorithm::Sha256)?;
    for part in parts {
        let len = u64::try_from(part.len()).map_err(|_| CryptoError::Failed)?;
        hash.update(&len.to_be_bytes());
        hash.update(part);
    }
    hash.current().as_ref().try_into().map_err(|_| CryptoError::Failed)
}
