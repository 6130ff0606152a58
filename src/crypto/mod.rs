//! The one seam for cryptography: everything the protocol asks of a library of primitives.
//!
//! Protocol code knows these traits and nothing else; `ring` stands behind them in a folder of its own. Secrets cross
//! the seam as bytes in a [`Secret`], never as opaque handles, so that a provider that records, replays or counts can
//! be wrapped around any other one. No provider is process-wide: a configuration holds its own.

mod digest;
mod hkdf;
#[cfg(feature = "post-quantum")]
mod hybrid;
#[cfg(feature = "post-quantum")]
mod ml_kem;
#[cfg(feature = "ring")]
pub mod ring;
mod secret;
mod suite;

pub(crate) use digest::sha256_of_parts;
pub use digest::{Digest, HashAlgorithm};
pub use hkdf::{hkdf_expand, hkdf_extract};
#[cfg(feature = "post-quantum")]
pub use hybrid::{SecP256r1MlKem768, SecP384r1MlKem1024, X25519MlKem768};
#[cfg(feature = "post-quantum")]
pub use ml_kem::{MlKem768, MlKem1024};
pub use secret::Secret;
pub use suite::{AeadAlgorithm, Suite};
#[cfg(feature = "tls12")]
pub use suite::{Authentication, SuiteTls12, ecdsa_curve, is_tls12_group};

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use pki_types::{PrivateKeyDer, SignatureVerificationAlgorithm};

use crate::der::NotDer;
use crate::wire::{CipherSuite, NamedGroup, SignatureScheme};

/// Supplies every primitive that a connection needs.
///
/// Object-safe on purpose: no type parameter of it leaks upward. A provider lists what it has, in its own order of
/// preference; the protocol asks for nothing that is not listed.
pub trait Provider: Send + Sync + fmt::Debug {
    /// Fills `out` with bytes from a cryptographically secure source.
    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError>;

    /// Returns the cipher suites whose hash and AEAD this provider has, most wanted first.
    fn cipher_suites(&self) -> &[CipherSuite];

    /// Starts a hash computation.
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn Hash>, CryptoError>;

    /// Computes HMAC (RFC 2104) over the concatenation of `parts`.
    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Result<Digest, CryptoError>;

    /// Makes an AEAD from a key of exactly [`AeadAlgorithm::key_len`] bytes.
    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError>;

    /// Returns the key exchange groups, most wanted first.
    fn groups(&self) -> &[&dyn KeyExchange];

    /// Returns the algorithms with which certificates and handshake signatures are verified.
    ///
    /// The rules of the field about key types and smallest key sizes live in these algorithms.
    fn verification_algorithms(&self) -> &[VerificationAlgorithm];

    /// Turns a private key into something that signs.
    fn signing_key(&self, key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, KeyRejected>;
}

/// Computes a hash step by step. A running hash can be forked, which is what a transcript does at each read-out.
pub trait Hash: Send + Sync {
    /// Adds bytes.
    fn update(&mut self, bytes: &[u8]);
    /// Returns the hash of everything added so far without ending the computation.
    fn current(&self) -> Digest;
    /// Returns an independent copy of the running computation.
    fn fork(&self) -> Box<dyn Hash>;
}

/// Length in bytes of an AEAD nonce: all of TLS's AEADs have N_MIN = N_MAX = 12. RFC 8446 §5.3.
pub const NONCE_LEN: usize = 12;
/// Length in bytes of an AEAD tag, the same for all of TLS's AEADs.
pub const TAG_LEN: usize = 16;

/// Seals and opens with one key. Nonce and associated data are the caller's: TLS 1.2 and 1.3 form them differently.
///
/// An implementation overwrites its key material when it is dropped.
pub trait Aead: Send + Sync {
    /// Encrypts `in_out` in place and writes the tag.
    fn seal_in_place(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8; TAG_LEN],
    ) -> Result<(), CryptoError>;

    /// Authenticates and decrypts `in_out`, ciphertext followed by tag; the plaintext then stands at its front.
    /// Returns the plaintext's length. On failure the buffer's content means nothing and must not be used.
    fn open_in_place(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated_data: &[u8],
        in_out: &mut [u8],
    ) -> Result<usize, CryptoError>;
}

/// One key exchange group: Diffie-Hellman, or a KEM seen as one. RFC 8446 §4.2.8.
pub trait KeyExchange: Send + Sync + fmt::Debug {
    /// Returns the group's code point.
    fn group(&self) -> NamedGroup;

    /// Says whether a configuration has this group unless it names its groups.
    fn is_default(&self) -> bool {
        true
    }

    /// Makes an ephemeral key pair: the client's half, and for Diffie-Hellman the server's too.
    fn start(&self, provider: &dyn Provider) -> Result<Box<dyn StartedKeyExchange>, CryptoError>;

    /// Answers the client's share: returns the server's share and the shared secret.
    ///
    /// A KEM encapsulates here, which is why a server does not simply `start` and `complete`.
    fn respond(&self, provider: &dyn Provider, peer_share: &[u8]) -> Result<(Vec<u8>, Secret), CryptoError> {
        let started = self.start(provider)?;
        let share = started.share().to_vec();
        Ok((share, started.complete(peer_share)?))
    }
}

/// An ephemeral key pair that waits for the peer's share. It can be completed once.
pub trait StartedKeyExchange: Send + Sync {
    /// Returns the group's code point.
    fn group(&self) -> NamedGroup;

    /// Returns the bytes for `key_exchange` of our KeyShareEntry.
    fn share(&self) -> &[u8];

    /// Returns the classical group inside a hybrid one and its share, which may be offered beside the hybrid at no
    /// cost of another key pair. RFC 10024.
    fn component(&self) -> Option<(NamedGroup, &[u8])> {
        None
    }

    /// Computes the shared secret. A share of a wrong length, not on the curve, or with an all-zero result is
    /// [`CryptoError::InvalidShare`]. RFC 8446 §4.2.8.2, §7.4.2.
    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError>;

    /// Computes the shared secret with the [`component`](Self::component) alone, when the peer chose that group.
    fn complete_component(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        let _ = peer_share;
        Err(CryptoError::Unsupported)
    }
}

/// A way to verify signatures and the TLS scheme that it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct VerificationAlgorithm {
    /// The scheme under which a handshake message may be signed with it, or `None` if it may only stand in
    /// certificates (RSA PKCS#1 with TLS 1.3, ECDSA with another curve's hash).
    pub scheme: Option<SignatureScheme>,
    /// The algorithm as `webpki` wants it.
    pub algorithm: &'static dyn SignatureVerificationAlgorithm,
}

/// A private key that signs at once, in this process.
pub trait SigningKey: Send + Sync + fmt::Debug {
    /// Returns the schemes with which this key can sign in any version of TLS, most wanted first.
    fn schemes(&self) -> &[SignatureScheme];

    /// Returns the public key as the content of a SubjectPublicKeyInfo's subjectPublicKey BIT STRING (without the
    /// unused-bits octet), to be compared with a certificate's.
    fn public_key(&self) -> &[u8];

    /// Signs `message` (not a hash of it).
    fn sign(&self, provider: &dyn Provider, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// What a primitive can answer instead of a result.
///
/// Deliberately poor in detail: why an opening or a verification failed must not reach the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CryptoError {
    /// The random source gave nothing.
    NoRandomness,
    /// The algorithm, scheme or key length is not one that this provider has.
    Unsupported,
    /// The peer's key share is malformed, not on the curve, or leads to an all-zero secret.
    InvalidShare,
    /// A sealed record did not authenticate.
    OpenFailed,
    /// The primitive refused or failed for a reason of its own (a message too long, a hardware fault).
    Failed,
}

impl fmt::Display for CryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRandomness => "the random source gave no bytes",
            Self::Unsupported => "the cryptography provider does not have this algorithm",
            Self::InvalidShare => "the peer's key share is not valid",
            Self::OpenFailed => "a protected record did not authenticate",
            Self::Failed => "the cryptography provider failed",
        })
    }
}

/// Why a private key cannot be used. Found when a configuration is built, never later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRejected {
    /// The bytes are not DER of a PKCS#8, SEC1 or PKCS#1 key.
    NotAKey,
    /// The key is encrypted (PKCS#8 EncryptedPrivateKeyInfo or a PEM with a DEK-Info header).
    Encrypted,
    /// The key's algorithm or curve is not supported.
    UnsupportedAlgorithm,
    /// The RSA key's size is not one that the provider signs with: 2048, 3072 or 4096 bits.
    RsaSize,
    /// The RSA key's public exponent is smaller than 65537.
    RsaExponent,
    /// The file of an ECDSA key does not hold its public key as an uncompressed point.
    PublicKeyMissing,
    /// The key's numbers contradict one another.
    Inconsistent,
}

impl fmt::Display for KeyRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAKey => "this is not a private key in PKCS#8, SEC1 or PKCS#1 form",
            Self::Encrypted => {
                "this private key is encrypted; decrypt it first, for example with `openssl pkey -in KEY -out PLAIN`"
            }
            Self::UnsupportedAlgorithm => {
                "this private key's algorithm is not supported; use ECDSA P-256 or P-384, Ed25519, or RSA"
            }
            Self::RsaSize => "this RSA key's size is not 2048, 3072 or 4096 bits; make a new key",
            Self::RsaExponent => "this RSA key's public exponent is smaller than 65537; make a new key",
            Self::PublicKeyMissing => "this ECDSA private key comes without its public key; add it with `openssl ec -in KEY -conv_form uncompressed -out NEW`",
            Self::Inconsistent => "this private key's numbers contradict one another",
        })
    }
}

impl From<NotDer> for KeyRejected {
    fn from(_: NotDer) -> Self {
        Self::NotAKey
    }
}

impl core::error::Error for CryptoError {}
impl core::error::Error for KeyRejected {}

/// Returns `provider`'s key exchange for a group, if it has one.
pub(crate) fn key_exchange(provider: &dyn Provider, group: NamedGroup) -> Option<&dyn KeyExchange> {
    provider.groups().iter().copied().find(|candidate| candidate.group() == group)
}
