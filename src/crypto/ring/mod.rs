//! The provider that ships: every primitive from `ring`, except ML-KEM, by itself and in the hybrids.
//!
//! No other folder names `ring`. Its random source cannot be replaced (the trait is sealed), so signatures and
//! Diffie-Hellman keys draw from it directly; everything else goes through [`Provider::fill_random`], and both end in
//! the same `getrandom`.

mod aead;
mod hash;
mod key_exchange;
mod private_key;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

use alloc::boxed::Box;
use alloc::sync::Arc;

use pki_types::PrivateKeyDer;

use super::{
    Aead, AeadAlgorithm, CryptoError, Digest, Hash, HashAlgorithm, KeyExchange, KeyRejected, Provider, SigningKey,
    VerificationAlgorithm,
};
use crate::wire::CipherSuite;

/// Returns the provider that a configuration uses unless it is told otherwise.
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(RingProvider)
}

/// The primitives of `ring`, and of the ML-KEM crate behind the feature `post-quantum`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RingProvider;

/// AES first: `ring` has an AES without tables for every processor, and a fast one where the processor helps.
const CIPHER_SUITES: &[CipherSuite] = &[
    CipherSuite::TLS_AES_128_GCM_SHA256,
    CipherSuite::TLS_AES_256_GCM_SHA384,
    CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
    #[cfg(feature = "tls12")]
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    #[cfg(feature = "tls12")]
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    #[cfg(feature = "tls12")]
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    #[cfg(feature = "tls12")]
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    #[cfg(feature = "tls12")]
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    #[cfg(feature = "tls12")]
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// The hybrid first: traffic recorded today must not be opened by a quantum computer later. Those at the end are there for
/// configurations that name them.
const GROUPS: &[&dyn KeyExchange] = &[
    #[cfg(feature = "post-quantum")]
    &super::X25519MlKem768,
    &key_exchange::X25519,
    &key_exchange::SECP256R1,
    &key_exchange::SECP384R1,
    #[cfg(feature = "post-quantum")]
    &super::SecP256r1MlKem768,
    #[cfg(feature = "post-quantum")]
    &super::SecP384r1MlKem1024,
    #[cfg(feature = "post-quantum")]
    &super::MlKem768,
    #[cfg(feature = "post-quantum")]
    &super::MlKem1024,
];

impl Provider for RingProvider {
    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        getrandom::getrandom(out).map_err(|_| CryptoError::NoRandomness)
    }

    fn cipher_suites(&self) -> &[CipherSuite] {
        CIPHER_SUITES
    }

    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn Hash>, CryptoError> {
        Ok(Box::new(hash::RunningHash::new(algorithm)))
    }

    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Result<Digest, CryptoError> {
        hash::hmac(algorithm, key, parts)
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        Ok(Box::new(aead::RingAead::new(algorithm, key)?))
    }

    fn groups(&self) -> &[&dyn KeyExchange] {
        GROUPS
    }

    fn verification_algorithms(&self) -> &[VerificationAlgorithm] {
        verify::ALGORITHMS
    }

    fn signing_key(&self, key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, KeyRejected> {
        sign::signing_key(private_key::PrivateKey::read(key)?)
    }
}
