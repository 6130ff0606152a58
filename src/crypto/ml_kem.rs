//! ML-KEM (FIPS 203): by itself as a group, and as one half of the hybrids. draft-ietf-tls-mlkem, RFC 10024.
//!
//! The code is `libcrux-ml-kem`, chosen over RustCrypto's `ml-kem` because much of its portable and AVX2 code (field
//! arithmetic, NTT, serialization) is proven in F*, because it brings eight crates instead of fifteen, and because it is
//! three to five times as fast where there is AVX2. The proofs do not reach everything: NEON, for one.
//!
//! Randomness comes from [`Provider::fill_random`], so that a replaying provider replays ML-KEM too. The decapsulation key
//! is wiped on drop; what `libcrux-ml-kem` leaves on the stack while it computes is not ours to wipe.

use alloc::boxed::Box;
use alloc::vec::Vec;

use libcrux_ml_kem::mlkem768::{self, MlKem768Ciphertext, MlKem768PrivateKey, MlKem768PublicKey};
use libcrux_ml_kem::mlkem1024::{self, MlKem1024Ciphertext, MlKem1024PrivateKey, MlKem1024PublicKey};
use libcrux_ml_kem::{ENCAPS_SEED_SIZE, KEY_GENERATION_SEED_SIZE};
use zeroize::{Zeroize, Zeroizing};

use super::{CryptoError, KeyExchange, Provider, Secret, StartedKeyExchange};
use crate::wire::NamedGroup;

/// ML-KEM-768 by itself, for any provider that lists this value in its groups.
///
/// Nothing but ML-KEM protects such a connection: a hybrid is the better choice for whoever is not told otherwise. No
/// configuration has it by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct MlKem768;

/// ML-KEM-1024 by itself, for any provider that lists this value in its groups: the one group of CNSA 2.0.
///
/// Nothing but ML-KEM protects such a connection. No configuration has it by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct MlKem1024;

/// A parameter set of FIPS 203 §8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParameterSet {
    MlKem768,
    MlKem1024,
}

impl ParameterSet {
    /// The length of an encapsulation key, the client's share.
    pub(super) const fn encapsulation_key_len(self) -> usize {
        match self {
            Self::MlKem768 => MlKem768PublicKey::len(),
            Self::MlKem1024 => MlKem1024PublicKey::len(),
        }
    }

    /// The length of a ciphertext, the server's share.
    pub(super) const fn ciphertext_len(self) -> usize {
        match self {
            Self::MlKem768 => MlKem768Ciphertext::len(),
            Self::MlKem1024 => MlKem1024Ciphertext::len(),
        }
    }

    /// Makes a key pair; returns the encapsulation key beside its own half. FIPS 203 §7.1.
    pub(super) fn generate(self, provider: &dyn Provider) -> Result<(Box<DecapsulationKey>, Vec<u8>), CryptoError> {
        let mut seed = Zeroizing::new([0; KEY_GENERATION_SEED_SIZE]);
        provider.fill_random(&mut *seed)?;
        Ok(match self {
            Self::MlKem768 => {
                let (private, public) = mlkem768::generate_key_pair(*seed).into_parts();
                (Box::new(DecapsulationKey::MlKem768(private)), public.as_slice().to_vec())
            }
            Self::MlKem1024 => {
                let (private, public) = mlkem1024::generate_key_pair(*seed).into_parts();
                (Box::new(DecapsulationKey::MlKem1024(private)), public.as_slice().to_vec())
            }
        })
    }

    /// Makes a secret and hides it for the holder of the key; returns the ciphertext first. FIPS 203 §7.2, whose modulus
    /// check is made here; its type check is the length.
    pub(super) fn encapsulate(
        self,
        provider: &dyn Provider,
        encapsulation_key: &[u8],
    ) -> Result<(Vec<u8>, Zeroizing<[u8; 32]>), CryptoError> {
        let mut seed = Zeroizing::new([0; ENCAPS_SEED_SIZE]);
        match self {
            Self::MlKem768 => {
                let key = MlKem768PublicKey::try_from(encapsulation_key).map_err(|_| CryptoError::InvalidShare)?;
                if !mlkem768::validate_public_key(&key) {
                    return Err(CryptoError::InvalidShare);
                }
                provider.fill_random(&mut *seed)?;
                let (ciphertext, secret) = mlkem768::encapsulate(&key, *seed);
                Ok((ciphertext.as_slice().to_vec(), Zeroizing::new(secret)))
            }
            Self::MlKem1024 => {
                let key = MlKem1024PublicKey::try_from(encapsulation_key).map_err(|_| CryptoError::InvalidShare)?;
                if !mlkem1024::validate_public_key(&key) {
                    return Err(CryptoError::InvalidShare);
                }
                provider.fill_random(&mut *seed)?;
                let (ciphertext, secret) = mlkem1024::encapsulate(&key, *seed);
                Ok((ciphertext.as_slice().to_vec(), Zeroizing::new(secret)))
            }
        }
    }
}

/// A private key that is wiped on drop. It is kept in a box, so that moving it leaves no copies.
#[allow(clippy::large_enum_variant, reason = "it is boxed always, and the box of either is as large as its key")]
pub(super) enum DecapsulationKey {
    MlKem768(MlKem768PrivateKey),
    MlKem1024(MlKem1024PrivateKey),
}

impl DecapsulationKey {
    /// Finds the secret in a ciphertext. A false one gives a secret that nobody knows, not an error. FIPS 203 §6.3.
    pub(super) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let secret = match self {
            Self::MlKem768(key) => {
                let ciphertext = MlKem768Ciphertext::try_from(ciphertext).map_err(|_| CryptoError::InvalidShare)?;
                mlkem768::decapsulate(key, &ciphertext)
            }
            Self::MlKem1024(key) => {
                let ciphertext = MlKem1024Ciphertext::try_from(ciphertext).map_err(|_| CryptoError::InvalidShare)?;
                mlkem1024::decapsulate(key, &ciphertext)
            }
        };
        Ok(Zeroizing::new(secret))
    }

    fn wipe(&mut self) {
        match self {
            Self::MlKem768(key) => key[0..MlKem768PrivateKey::len()].zeroize(),
            Self::MlKem1024(key) => key[0..MlKem1024PrivateKey::len()].zeroize(),
        }
    }
}

impl Drop for DecapsulationKey {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Makes a group of a parameter set alone.
macro_rules! groups {
    ($( $group:ident = $name:ident; )*) => { $(
        impl KeyExchange for $group {
            fn group(&self) -> NamedGroup {
                NamedGroup::$name
            }

            fn is_default(&self) -> bool {
                false
            }

            fn start(&self, provider: &dyn Provider) -> Result<Box<dyn StartedKeyExchange>, CryptoError> {
                let (decapsulation_key, share) = ParameterSet::$group.generate(provider)?;
                Ok(Box::new(Started { group: NamedGroup::$name, decapsulation_key, share }))
            }

            fn respond(&self, provider: &dyn Provider, peer_share: &[u8]) -> Result<(Vec<u8>, Secret), CryptoError> {
                let (share, secret) = ParameterSet::$group.encapsulate(provider, peer_share)?;
                Ok((share, Secret::copy_from(&*secret)))
            }
        }
    )* };
}

groups! {
    MlKem768 = MLKEM768;
    MlKem1024 = MLKEM1024;
}

struct Started {
    group: NamedGroup,
    decapsulation_key: Box<DecapsulationKey>,
    share: Vec<u8>,
}

impl StartedKeyExchange for Started {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        Ok(Secret::copy_from(&*self.decapsulation_key.decapsulate(peer_share)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_decapsulation_key_is_all_zero() {
        let of_768 = mlkem768::generate_key_pair([1; KEY_GENERATION_SEED_SIZE]).into_parts().0;
        let of_1024 = mlkem1024::generate_key_pair([1; KEY_GENERATION_SEED_SIZE]).into_parts().0;
        for mut key in [DecapsulationKey::MlKem768(of_768), DecapsulationKey::MlKem1024(of_1024)] {
            assert!(octets(&key).iter().any(|&octet| octet != 0));
            key.wipe();
            assert!(octets(&key).iter().all(|&octet| octet == 0));
        }
    }

    fn octets(key: &DecapsulationKey) -> &[u8] {
        match key {
            DecapsulationKey::MlKem768(key) => key.as_slice(),
            DecapsulationKey::MlKem1024(key) => key.as_slice(),
        }
    }
}
