//! What a cipher suite stands for: an AEAD, a hash, and how long a key may live.

use super::HashAlgorithm;
use crate::wire::{CipherSuite, ProtocolVersion};
#[cfg(feature = "tls12")]
use crate::wire::{NamedGroup, SignatureScheme};

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

/// A cipher suite's parts. RFC 8446 §B.4, RFC 5289 §3.
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

    /// Says whether this build has the suite for this version.
    pub fn is_for(id: CipherSuite, version: ProtocolVersion) -> bool {
        match version {
            ProtocolVersion::TLSv1_3 => Self::tls13(id).is_some(),
            #[cfg(feature = "tls12")]
            ProtocolVersion::TLSv1_2 => SuiteTls12::find(id).is_some(),
            _ => false,
        }
    }
}

/// What kind of key a TLS 1.2 suite wants the server to sign with. RFC 8422 §2.
#[cfg(feature = "tls12")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// ECDSA, and EdDSA, which has no suites of its own.
    Ecdsa,
    /// RSA, with either padding.
    Rsa,
}

#[cfg(feature = "tls12")]
impl Authentication {
    /// Returns which of the two a scheme belongs to; `None` for SHA-1, which signs nothing, and for the unknown. RFC 8422 §5.4, RFC 8446 §4.2.3.
    pub fn of(scheme: SignatureScheme) -> Option<Self> {
        use SignatureScheme as S;
        match scheme {
            S::ecdsa_secp256r1_sha256 | S::ecdsa_secp384r1_sha384 | S::ecdsa_secp521r1_sha512 => Some(Self::Ecdsa),
            S::ed25519 | S::ed448 => Some(Self::Ecdsa),
            S::rsa_pkcs1_sha256 | S::rsa_pkcs1_sha384 | S::rsa_pkcs1_sha512 => Some(Self::Rsa),
            S::rsa_pss_rsae_sha256 | S::rsa_pss_rsae_sha384 | S::rsa_pss_rsae_sha512 => Some(Self::Rsa),
            S::rsa_pss_pss_sha256 | S::rsa_pss_pss_sha384 | S::rsa_pss_pss_sha512 => Some(Self::Rsa),
            _ => None,
        }
    }
}

/// Says whether TLS 1.2 has a key exchange group: the curves of RFC 8422 §5.1.1, and no hybrid.
#[cfg(feature = "tls12")]
pub fn is_tls12_group(group: NamedGroup) -> bool {
    matches!(
        group,
        NamedGroup::x25519 | NamedGroup::x448 | NamedGroup::secp256r1 | NamedGroup::secp384r1 | NamedGroup::secp521r1
    )
}

/// Returns the curve of the keys that sign with a scheme here. TLS 1.2 would let any curve sign with any hash, and TLS 1.3
/// ties them together; so does every key of ours. RFC 8446 §4.2.3.
#[cfg(feature = "tls12")]
pub fn ecdsa_curve(scheme: SignatureScheme) -> Option<NamedGroup> {
    match scheme {
        SignatureScheme::ecdsa_secp256r1_sha256 => Some(NamedGroup::secp256r1),
        SignatureScheme::ecdsa_secp384r1_sha384 => Some(NamedGroup::secp384r1),
        SignatureScheme::ecdsa_secp521r1_sha512 => Some(NamedGroup::secp521r1),
        _ => None,
    }
}

/// A TLS 1.2 suite: ECDHE with an AEAD, and nothing else. RFC 5289 §3.2, RFC 7905 §2.
#[cfg(feature = "tls12")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuiteTls12 {
    /// AEAD and hash; the hash is the PRF's.
    pub suite: Suite,
    /// The kind of the server's key.
    pub authentication: Authentication,
}

#[cfg(feature = "tls12")]
macro_rules! suites_tls12 {
    ($( $id:ident = $authentication:ident, $aead:ident, $hash:ident; )*) => {
        &[ $( SuiteTls12 {
            suite: Suite { id: CipherSuite::$id, aead: AeadAlgorithm::$aead, hash: HashAlgorithm::$hash },
            authentication: Authentication::$authentication,
        }, )* ]
    };
}

#[cfg(feature = "tls12")]
impl SuiteTls12 {
    /// The TLS 1.2 suites that Bulla knows, one row each.
    pub const ALL: &'static [Self] = suites_tls12! {
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = Ecdsa, Aes128Gcm, Sha256;
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 = Ecdsa, Aes256Gcm, Sha384;
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 = Ecdsa, ChaCha20Poly1305, Sha256;
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 = Rsa, Aes128Gcm, Sha256;
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 = Rsa, Aes256Gcm, Sha384;
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 = Rsa, ChaCha20Poly1305, Sha256;
    };

    /// Returns the suite with this code point.
    pub fn find(id: CipherSuite) -> Option<Self> {
        Self::ALL.iter().copied().find(|row| row.suite.id == id)
    }
}
