//! What a cipher suite stands for: an AEAD, a hash, and how long a key may live.

use super::HashAlgorithm;
use crate::wire::CipherSuite;

/// The AEAD algorithms of TLS 1.2 and 1.3, all with 12-byte nonces and 16-byte tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AeadAlgorithm {
    /// AES-128 in Galois/Counter Mode.
    Aes128Gcm,
    /// AES-256 in Galois/Counter Mode.
    Aes256Gcm,
    /// ChaCha20 with Poly1305. RFC 8439.
    ChaCha20Poly1305,
}

impl AeadAlgorithm {
    /// Returns the key's length in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Returns how many records one key may protect.
    ///
    /// RFC 8446 §5.5 allows AES-GCM 2^24.5 full records; 2^24 keeps a margin and is easy to check. ChaCha20-Poly1305
    /// has no limit below the sequence number's own.
    pub const fn confidentiality_limit(self) -> u64 {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => 1 << 24,
            Self::ChaCha20Poly1305 => u64::MAX,
        }
    }
}

/// A TLS 1.3 cipher suite's parts. RFC 8446 §B.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// The code point.
    pub id: CipherSuite,
    /// The AEAD of the record layer.
    pub aead: AeadAlgorithm,
    /// The hash of the transcript and the key schedule.
    pub hash: HashAlgorithm,
}

impl Suite {
    /// The TLS 1.3 suites that Bulla knows, one row each.
    pub const TLS13: &'static [Self] = &[
        Self { id: CipherSuite::TLS_AES_128_GCM_SHA256, aead: AeadAlgorithm::Aes128Gcm, hash: HashAlgorithm::Sha256 },
        Self { id: CipherSuite::TLS_AES_256_GCM_SHA384, aead: AeadAlgorithm::Aes256Gcm, hash: HashAlgorithm::Sha384 },
        Self {
            id: CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
            aead: AeadAlgorithm::ChaCha20Poly1305,
            hash: HashAlgorithm::Sha256,
        },
    ];

    /// Returns the TLS 1.3 suite with this code point.
    pub fn tls13(id: CipherSuite) -> Option<Self> {
        Self::TLS13.iter().copied().find(|suite| suite.id == id)
    }
}
