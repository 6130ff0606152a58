//! X25519MLKEM768, the hybrid of ML-KEM-768 (FIPS 203) and X25519. RFC 10024.
//!
//! ML-KEM stands first in shares and in the secret. The X25519 half is the provider's own. The ML-KEM half is
//! `libcrux-ml-kem`, chosen over RustCrypto's `ml-kem` because much of its portable and AVX2 code (field arithmetic, NTT,
//! serialization) is proven in F*, because it brings eight crates instead of fifteen, and because it is three to five
//! times as fast where there is AVX2. The proofs do not reach everything: NEON, for one.
//!
//! ML-KEM's randomness comes from [`Provider::fill_random`], so that a replaying provider replays the hybrid too. The
//! decapsulation key is wiped on drop; what `libcrux-ml-kem` leaves on the stack while it computes is not ours to wipe.

use alloc::boxed::Box;
use alloc::vec::Vec;

use libcrux_ml_kem::mlkem768::{self, MlKem768Ciphertext, MlKem768PrivateKey, MlKem768PublicKey};
use libcrux_ml_kem::{ENCAPS_SEED_SIZE, KEY_GENERATION_SEED_SIZE};
use zeroize::{Zeroize, Zeroizing};

use super::{CryptoError, KeyExchange, Provider, Secret, StartedKeyExchange, key_exchange};
use crate::wire::NamedGroup;

/// The hybrid group for any provider that has x25519 and lists this value in its groups.
#[derive(Clone, Copy, Debug, Default)]
pub struct X25519MlKem768;

const ENCAPSULATION_KEY_LEN: usize = MlKem768PublicKey::len();
const CIPHERTEXT_LEN: usize = MlKem768Ciphertext::len();
const DECAPSULATION_KEY_LEN: usize = MlKem768PrivateKey::len();
const X25519_LEN: usize = 32;

impl KeyExchange for X25519MlKem768 {
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn start(&self, provider: &dyn Provider) -> Result<Box<dyn StartedKeyExchange>, CryptoError> {
        let mut seed = Zeroizing::new([0; KEY_GENERATION_SEED_SIZE]);
        provider.fill_random(&mut *seed)?;
        let (decapsulation_key, encapsulation_key) = mlkem768::generate_key_pair(*seed).into_parts();
        let decapsulation_key = Box::new(DecapsulationKey(decapsulation_key));
        let classical = classical(provider)?.start(provider)?;
        let share = [encapsulation_key.as_slice(), classical.share()].concat();
        Ok(Box::new(Started { decapsulation_key, classical, share }))
    }

    fn respond(&self, provider: &dyn Provider, peer_share: &[u8]) -> Result<(Vec<u8>, Secret), CryptoError> {
        let (encapsulation_key, classical_share) = split(peer_share, ENCAPSULATION_KEY_LEN)?;
        let encapsulation_key =
            MlKem768PublicKey::try_from(encapsulation_key).map_err(|_| CryptoError::InvalidShare)?;
        // The modulus check of FIPS 203 §7.2; the length was the type check.
        if !mlkem768::validate_public_key(&encapsulation_key) {
            return Err(CryptoError::InvalidShare);
        }
        let mut seed = Zeroizing::new([0; ENCAPS_SEED_SIZE]);
        provider.fill_random(&mut *seed)?;
        let (ciphertext, shared_secret) = mlkem768::encapsulate(&encapsulation_key, *seed);
        let shared_secret = Zeroizing::new(shared_secret);
        let (classical_share, classical_secret) = classical(provider)?.respond(provider, classical_share)?;
        let share = [ciphertext.as_slice(), classical_share.as_slice()].concat();
        Ok((share, combine(&shared_secret, &classical_secret)))
    }
}

struct Started {
    decapsulation_key: Box<DecapsulationKey>,
    classical: Box<dyn StartedKeyExchange>,
    share: Vec<u8>,
}

impl StartedKeyExchange for Started {
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.classical.group(), self.classical.share()))
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        let (ciphertext, classical_share) = split(peer_share, CIPHERTEXT_LEN)?;
        let ciphertext = MlKem768Ciphertext::try_from(ciphertext).map_err(|_| CryptoError::InvalidShare)?;
        // Decapsulation of a false ciphertext gives a secret that nobody knows, not an error. FIPS 203 §6.3.
        let shared_secret = Zeroizing::new(mlkem768::decapsulate(&self.decapsulation_key.0, &ciphertext));
        let classical_secret = self.classical.complete(classical_share)?;
        Ok(combine(&shared_secret, &classical_secret))
    }

    fn complete_component(self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        self.classical.complete(peer_share)
    }
}

/// An ML-KEM private key that is wiped on drop. It is kept in a box, so that moving it leaves no copies.
struct DecapsulationKey(MlKem768PrivateKey);

impl Drop for DecapsulationKey {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl DecapsulationKey {
    fn wipe(&mut self) {
        self.0[0..DECAPSULATION_KEY_LEN].zeroize();
    }
}

fn classical(provider: &dyn Provider) -> Result<&dyn KeyExchange, CryptoError> {
    key_exchange(provider, NamedGroup::x25519).ok_or(CryptoError::Unsupported)
}

/// Splits a share into its ML-KEM part and its X25519 part. A wrong length is refused before anything is computed.
fn split(share: &[u8], ml_kem_len: usize) -> Result<(&[u8], &[u8]), CryptoError> {
    match share.split_at_checked(ml_kem_len) {
        Some((ml_kem, classical)) if classical.len() == X25519_LEN => Ok((ml_kem, classical)),
        _ => Err(CryptoError::InvalidShare),
    }
}

/// An all-zero X25519 secret never comes here: a provider's x25519 refuses it.
fn combine(ml_kem_secret: &[u8; 32], classical_secret: &Secret) -> Secret {
    Secret::from_vec([ml_kem_secret.as_slice(), classical_secret.expose()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_decapsulation_key_is_all_zero() {
        let key_pair = mlkem768::generate_key_pair([1; KEY_GENERATION_SEED_SIZE]);
        let mut key = DecapsulationKey(key_pair.into_parts().0);
        assert!(key.0.as_slice().iter().any(|&octet| octet != 0));
        key.wipe();
        assert!(key.0.as_slice().iter().all(|&octet| octet == 0));
    }
}
