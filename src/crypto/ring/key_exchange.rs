//! Ephemeral Diffie-Hellman: X25519, secp256r1 and secp384r1.
//!
//! `ring` takes uncompressed points only, checks that a point lies on its curve, and refuses an all-zero X25519 result:
//! the checks of RFC 8446 §4.2.8.2 and §7.4.2.

use alloc::boxed::Box;
use core::{fmt, mem};

use ring::agreement::{self, Algorithm, EphemeralPrivateKey, PublicKey, UnparsedPublicKey};
use ring::rand::SystemRandom;

use crate::crypto::{CryptoError, KeyExchange, Provider, Secret, StartedKeyExchange};
use crate::wire::NamedGroup;

/// One Diffie-Hellman group.
pub(super) struct Group {
    name: NamedGroup,
    algorithm: &'static Algorithm,
}

pub(super) static X25519: Group = Group { name: NamedGroup::x25519, algorithm: &agreement::X25519 };
pub(super) static SECP256R1: Group = Group { name: NamedGroup::secp256r1, algorithm: &agreement::ECDH_P256 };
pub(super) static SECP384R1: Group = Group { name: NamedGroup::secp384r1, algorithm: &agreement::ECDH_P384 };

impl KeyExchange for Group {
    fn group(&self) -> NamedGroup {
        self.name
    }

    fn start(&self, _: &dyn Provider) -> Result<Box<dyn StartedKeyExchange>, CryptoError> {
        Ok(Box::new(Started::new(self)?))
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)
    }
}

struct Started {
    name: NamedGroup,
    private: EphemeralPrivateKey,
    share: PublicKey,
    overwritten: bool,
}

impl Started {
    fn new(group: &Group) -> Result<Self, CryptoError> {
        let private = generate(group.algorithm)?;
        let share = private.compute_public_key().map_err(|_| CryptoError::Failed)?;
        Ok(Self { name: group.name, private, share, overwritten: false })
    }

    /// Takes the key out and leaves a fresh one of no use in its place, because `ring`'s keys do not wipe themselves.
    fn take_private(&mut self) -> Result<EphemeralPrivateKey, CryptoError> {
        let dummy = generate(self.private.algorithm())?;
        let private = mem::replace(&mut self.private, dummy);
        core::hint::black_box(&self.private);
        self.overwritten = true;
        Ok(private)
    }
}

impl StartedKeyExchange for Started {
    fn group(&self) -> NamedGroup {
        self.name
    }

    fn share(&self) -> &[u8] {
        self.share.as_ref()
    }

    fn complete(mut self: Box<Self>, peer_share: &[u8]) -> Result<Secret, CryptoError> {
        let private = self.take_private()?;
        let peer_share = UnparsedPublicKey::new(private.algorithm(), peer_share);
        agreement::agree_ephemeral(private, &peer_share, Secret::copy_from).map_err(|_| CryptoError::InvalidShare)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if !self.overwritten {
            // Without randomness there is nothing to overwrite with, and no way to say so here.
            let _ = self.take_private();
        }
    }
}

fn generate(algorithm: &'static Algorithm) -> Result<EphemeralPrivateKey, CryptoError> {
    EphemeralPrivateKey::generate(algorithm, &SystemRandom::new()).map_err(|_| CryptoError::NoRandomness)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_key_leaves_another_one_in_its_place() {
        for group in [&X25519, &SECP256R1, &SECP384R1] {
            let mut started = Started::new(group).unwrap();
            let taken = started.take_private().unwrap();
            assert_eq!(taken.compute_public_key().unwrap().as_ref(), started.share());
            assert_ne!(started.private.compute_public_key().unwrap().as_ref(), started.share());
        }
    }
}
