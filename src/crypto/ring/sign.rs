//! Private keys that sign.
//!
//! `ring`'s key pairs stay in memory until the last handle to them is gone and are not wiped then.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair};
use zeroize::Zeroizing;

use super::private_key::{Curve, EcdsaKey, PrivateKey, RsaKey, RsaPadding};
use crate::crypto::{CryptoError, KeyRejected, Provider, SigningKey};
use crate::wire::SignatureScheme;

/// Builds the key pair, which checks that the public numbers belong to the private ones.
pub(super) fn signing_key(key: PrivateKey<'_>) -> Result<Arc<dyn SigningKey>, KeyRejected> {
    let (pair, schemes) = match key {
        PrivateKey::Ecdsa(key) => (Pair::Ecdsa(ecdsa(&key)?), ecdsa_schemes(key.curve)),
        PrivateKey::Ed25519 { seed, public_key } => {
            let pair = match public_key {
                Some(public_key) => Ed25519KeyPair::from_seed_and_public_key(seed, public_key),
                None => Ed25519KeyPair::from_seed_unchecked(seed),
            };
            (Pair::Ed25519(pair.map_err(|_| KeyRejected::Inconsistent)?), ED25519_SCHEMES)
        }
        PrivateKey::Rsa(RsaKey { der, padding }) => {
            (Pair::Rsa(RsaKeyPair::from_der(der).map_err(|_| KeyRejected::Inconsistent)?), rsa_schemes(padding))
        }
    };
    Ok(Arc::new(RingSigningKey { pair, schemes }))
}

fn ecdsa(key: &EcdsaKey<'_>) -> Result<EcdsaKeyPair, KeyRejected> {
    let (algorithm, scalar_len) = match key.curve {
        Curve::P256 => (&signature::ECDSA_P256_SHA256_ASN1_SIGNING, 32),
        Curve::P384 => (&signature::ECDSA_P384_SHA384_ASN1_SIGNING, 48),
    };
    // `ring` checks a point but computes none from a private key, and reads no compressed ones.
    let public_key = key.public_key.filter(|point| point.first() == Some(&4)).ok_or(KeyRejected::PublicKeyMissing)?;
    let mut scalar = Zeroizing::new([0; 48]);
    let scalar = scalar.get_mut(..scalar_len).ok_or(KeyRejected::Inconsistent)?;
    let significant = key.scalar.iter().position(|&octet| octet != 0).unwrap_or(key.scalar.len());
    let significant = key.scalar.get(significant..).unwrap_or_default();
    let offset = scalar_len.checked_sub(significant.len()).ok_or(KeyRejected::Inconsistent)?;
    scalar.get_mut(offset..).ok_or(KeyRejected::Inconsistent)?.copy_from_slice(significant);
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, scalar, public_key, &SystemRandom::new())
        .map_err(|_| KeyRejected::Inconsistent)
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

struct RingSigningKey {
    pair: Pair,
    schemes: &'static [SignatureScheme],
}

impl SigningKey for RingSigningKey {
    fn schemes(&self) -> &[SignatureScheme] {
        self.schemes
    }

    fn public_key(&self) -> &[u8] {
        match &self.pair {
            Pair::Ecdsa(pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
            Pair::Rsa(pair) => pair.public_key().as_ref(),
        }
    }

    fn sign(&self, _: &dyn Provider, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !self.schemes.contains(&scheme) {
            return Err(CryptoError::Unsupported);
        }
        match &self.pair {
            Pair::Ecdsa(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| CryptoError::Failed),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let encoding = rsa_encoding(scheme).ok_or(CryptoError::Unsupported)?;
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature).map_err(|_| CryptoError::Failed)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for RingSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RingSigningKey({:?})", self.schemes)
    }
}

const ED25519_SCHEMES: &[SignatureScheme] = &[SignatureScheme::ed25519];

fn ecdsa_schemes(curve: Curve) -> &'static [SignatureScheme] {
    match curve {
        Curve::P256 => &[SignatureScheme::ecdsa_secp256r1_sha256],
        Curve::P384 => &[SignatureScheme::ecdsa_secp384r1_sha384],
    }
}

/// The shortest hash first: the longer ones cost time and add nothing at these key sizes.
fn rsa_schemes(padding: RsaPadding) -> &'static [SignatureScheme] {
    match padding {
        RsaPadding::Any => &[
            SignatureScheme::rsa_pss_rsae_sha256,
            SignatureScheme::rsa_pss_rsae_sha384,
            SignatureScheme::rsa_pss_rsae_sha512,
            SignatureScheme::rsa_pkcs1_sha256,
            SignatureScheme::rsa_pkcs1_sha384,
            SignatureScheme::rsa_pkcs1_sha512,
        ],
        RsaPadding::Pss => &[
            SignatureScheme::rsa_pss_pss_sha256,
            SignatureScheme::rsa_pss_pss_sha384,
            SignatureScheme::rsa_pss_pss_sha512,
        ],
        RsaPadding::PssSha256 => &[SignatureScheme::rsa_pss_pss_sha256],
        RsaPadding::PssSha384 => &[SignatureScheme::rsa_pss_pss_sha384],
        RsaPadding::PssSha512 => &[SignatureScheme::rsa_pss_pss_sha512],
    }
}

/// `ring` makes the salt as long as the hash, as RFC 8446 §4.2.3 wants.
fn rsa_encoding(scheme: SignatureScheme) -> Option<&'static dyn RsaEncoding> {
    Some(match scheme {
        SignatureScheme::rsa_pss_rsae_sha256 | SignatureScheme::rsa_pss_pss_sha256 => &signature::RSA_PSS_SHA256,
        SignatureScheme::rsa_pss_rsae_sha384 | SignatureScheme::rsa_pss_pss_sha384 => &signature::RSA_PSS_SHA384,
        SignatureScheme::rsa_pss_rsae_sha512 | SignatureScheme::rsa_pss_pss_sha512 => &signature::RSA_PSS_SHA512,
        SignatureScheme::rsa_pkcs1_sha256 => &signature::RSA_PKCS1_SHA256,
        SignatureScheme::rsa_pkcs1_sha384 => &signature::RSA_PKCS1_SHA384,
        SignatureScheme::rsa_pkcs1_sha512 => &signature::RSA_PKCS1_SHA512,
        _ => return None,
    })
}
