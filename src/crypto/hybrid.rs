//! The hybrids of ML-KEM (FIPS 203) and an elliptic curve: safe as long as one of the two is. RFC 10024.
//!
//! The elliptic half is the provider's own group. X25519MLKEM768 puts ML-KEM first, in shares and in the secret; the other
//! two put their curve first, so that what stands first in a secret is always of a curve or a parameter set that NIST approves.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::ml_kem::{DecapsulationKey, ParameterSet};
use super::{CryptoError, KeyExchange, Provider, Secret, StartedKeyExchange, key_exchange};
use crate::wire::NamedGroup;

/// ML-KEM-768 with X25519, for any provider that has x25519 and lists this value in its groups.
#[derive(Clone, Copy, Debug, Default)]
pub struct X25519MlKem768;

/// P-256 with ML-KEM-768, for any provider that has secp256r1 and lists this value in its groups. No configuration has it
/// by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SecP256r1MlKem768;

/// P-384 with ML-KEM-1024, for any provider that has secp384r1 and lists this value in its groups. No configuration has it
/// by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SecP384r1MlKem1024;

/// What a hybrid is made of, and what stands first.
#[derive(Clone, Copy)]
struct Hybrid {
    group: NamedGroup,
    ml_kem: ParameterSet,
    classical: NamedGroup,
    classical_len: usize,
    classical_first: bool,
}

impl Hybrid {
    const X25519_MLKEM768: Self = Self {
        group: NamedGroup::X25519MLKEM768,
        ml_kem: ParameterSet::MlKem768,
        classical: NamedGroup::x25519,
        classical_len: 32,
        classical_first: false,
    };
    const SECP256R1_MLKEM768: Self = Self {
        group: NamedGroup::SecP256r1MLKEM768,
        ml_kem: ParameterSet::MlKem768,
        classical: NamedGroup::secp256r1,
        classical_len: 65,
        classical_first: true,
    };
    const SECP384R1_MLKEM1024: Self = Self {
        group: NamedGroup::SecP384r1MLKEM1024,
        ml_kem: ParameterSet::MlKem1024,
        classical: NamedGroup::secp384r1,
        classical_len: 97,
        classical_first: true,
    };

    fn start(self, provider: &dyn Provider) -> Result<Box<dyn StartedKeyExchange>, CryptoError> {
        let (decapsulation_key, encapsulation_key) = self.ml_kem.generate(provider)?;
        let classical = self.classical(provider)?.start(provider)?;
        let share = self.join(&encapsulation_key, classical.share());
        Ok(Box::new(Started { hybrid: self, decapsulation_key, classical, share }))
    }

    fn respond(self, provider: &dyn Provider, peer_share: &[u8]) -> Result<(Vec<u8>, Secret), CryptoError> {
        let (encapsulation_key, classical_share) = self.split(peer_share, self.ml_kem.encapsulation_key_len())?;
        let (ciphertext, shared_secret) = self.ml_kem.encapsulate(provider, encapsulation_key)?;
        let (classical_share, classical_secret) = self.classical(provider)?.respond(provider, classical_share)?;
        let share = self.join(&ciphertext, &classical_share);
        Ok((share, self.combine(&shared_secret, &classical_secret)))
    }

    fn classical(self, provider: &dyn Provider) -> Result<&dyn KeyExchange, CryptoError> {
        key_exchange(provider, self.classical).ok_or(CryptoError::Unsupported)
    }

    fn join(self, ml_kem: &[u8], classical: &[u8]) -> Vec<u8> {
        if self.classical_first { [classical, ml_kem].concat() } else { [ml_kem, classical].concat() }
    }

    /// Splits a share into its ML-KEM part and its classical part. A wrong length is refused before anything is computed.
    fn split(self, share: &[u8], ml_kem_len: usize) -> Result<(&[u8], &[u8]), CryptoError> {
        let first_len = if self.classical_first { self.classical_len } else { ml_kem_len };
        match share.split_at_checked(first_len) {
            Some(parts) if share.len() == ml_kem_len + self.classical_len => {
                Ok(if self.classical_first { (parts.1, parts.0) } else { parts })
            }
            _ => Err(CryptoError::InvalidShare),
        }
    }

    /// An all-zero X25519 secret never comes here: a provider's x25519 refuses it.
    fn combine(self, ml_kem_secret: &[u8; 32], classical_secret: &Secret) -> Secret {
        Secret::from_vec(self.join(ml_kem_secret, classical_secret.expose()))
    }
}

/// Makes a group of a row above.
macro_rules! groups {
    ($( $group:ident = $hybrid:ident, default: $default:literal; )*) => { $(
        impl KeyExchange for $group {
            fn group(&self) -> NamedGroup {
                Hybrid::$hybrid.group
            }

            fn is_default(&self) -> bool {
                $default
            }

            fn start(&self, provider: &dyn Provider) -> Result<Box<dyn StartedKeyExchange>, CryptoError> {
                Hybrid::$hybrid.start(provider)
            }

            fn respond(&self, provider: &dyn Provider, peer_share: &[u8]) -> Result<(Vec<u8>, Secret), CryptoError> {
                Hybrid::$hybrid.respond(provider, peer_share)
            }
        }
    )* };
}

groups! {
    X25519MlKem768 = X25519_MLKEM768, default: true;
    SecP256r1MlKem768 = SECP256R1_MLKEM768, default: false;
    SecP384r1MlKem1024 = SECP384R1_MLKEM1024, default: false;
}

struct Started {
    hybrid: Hybrid,
    decapsulation_key: Box<DecapsulationKey>,
    classical: Box<dyn StartedKeyExchange>,
    share: Vec<u8>,
}

impl StartedKeyExchange for Started {
    fn group(&self) -> NamedGroup {
        self.hybrid.group
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.classical.group(), self.classical.share()))
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        let (ciphertext, classical_share) = self.hybrid.split(peer_share, self.hybrid.ml_kem.ciphertext_len())?;
        let shared_secret = self.decapsulation_key.decapsulate(ciphertext)?;
        let classical_secret = self.classical.complete(classical_share)?;
        Ok(self.hybrid.combine(&shared_secret, &classical_secret))
    }

    fn complete_component(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        self.classical.complete(peer_share)
    }
}
