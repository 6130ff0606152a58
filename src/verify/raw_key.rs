//! Raw public keys, which stand where a certificate would and say nothing but themselves. RFC 7250.
//!
//! A raw key has no name, no validity and no issuer: that it is trusted is known from elsewhere, byte for byte.

use alloc::vec::Vec;

use pki_types::SubjectPublicKeyInfoDer;

use super::certificate::rsa_key_bits;
use super::reason::MIN_RSA_BITS;
use crate::crypto::{Provider, SigningKey};
use crate::der::{NotDer, Tag, read_all};
use crate::error::{CertificateError, Which};

/// A SubjectPublicKeyInfo, read. RFC 5280 §4.1.2.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKeyInfo<'a> {
    pub(super) algorithm: &'a [u8],
    pub(super) key: &'a [u8],
}

impl<'a> PublicKeyInfo<'a> {
    /// Reads `SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }`, which must be
    /// all there is.
    pub fn read(der: &'a [u8]) -> Result<Self, CertificateError> {
        let read = read_all(der, Tag::SEQUENCE, |r| {
            let algorithm = r.expect(Tag::SEQUENCE)?;
            Ok(Self { algorithm, key: r.bit_string()? })
        });
        read.map_err(|NotDer| CertificateError::BadRawPublicKey)
    }

    /// Returns the content of the AlgorithmIdentifier: object identifier and parameters.
    pub fn algorithm(&self) -> &'a [u8] {
        self.algorithm
    }

    /// Returns the key: the bytes of the subjectPublicKey BIT STRING.
    pub fn key(&self) -> &'a [u8] {
        self.key
    }
}

/// Checks that a raw key can be read, is strong enough, and is one that the provider verifies handshakes with.
pub fn check_raw_public_key(
    provider: &dyn Provider,
    key: &SubjectPublicKeyInfoDer<'_>,
) -> Result<(), CertificateError> {
    let read = PublicKeyInfo::read(key)?;
    if let Some(bits) = rsa_key_bits(read.algorithm, read.key).filter(|bits| *bits < MIN_RSA_BITS) {
        return Err(CertificateError::WeakKey(Which::RawPublicKey, bits));
    }
    let mut rows = provider.verification_algorithms().iter().filter(|row| row.scheme.is_some());
    match rows.any(|row| row.algorithm.public_key_alg_id().as_ref() == read.algorithm) {
        true => Ok(()),
        false => Err(CertificateError::UnsupportedAlgorithm(Which::RawPublicKey)),
    }
}

/// Judges a peer's raw key: it can be used, and is one of those that are trusted, byte for byte.
pub fn verify_raw_public_key(
    provider: &dyn Provider,
    trusted: &[SubjectPublicKeyInfoDer<'_>],
    key: &SubjectPublicKeyInfoDer<'_>,
) -> Result<(), CertificateError> {
    check_raw_public_key(provider, key)?;
    if trusted.iter().any(|trusted| trusted == key) { Ok(()) } else { Err(CertificateError::UntrustedRawPublicKey) }
}

/// Returns the SubjectPublicKeyInfo of a private key, or `None` if the provider verifies nothing that it signs.
///
/// Of the identifiers under which a key may stand, the one is chosen that promises no more schemes than the key has: a key
/// that is restricted to one hash says so. RFC 4055 §1.2.
pub fn raw_public_key_of(provider: &dyn Provider, key: &dyn SigningKey) -> Option<SubjectPublicKeyInfoDer<'static>> {
    let rows = || provider.verification_algorithms().iter().filter_map(|row| Some((row.scheme?, row.algorithm)));
    let signs = rows().filter(|(scheme, _)| key.schemes().contains(scheme)).map(|(_, algorithm)| algorithm);
    let promised_beyond = |identifier: &[u8]| {
        let promised = rows().filter(|(_, algorithm)| algorithm.public_key_alg_id().as_ref() == identifier);
        promised.filter(|(scheme, _)| !key.schemes().contains(scheme)).count()
    };
    let fitting = signs.min_by_key(|algorithm| promised_beyond(algorithm.public_key_alg_id().as_ref()))?;
    let bit_string = [&[0], key.public_key()].concat();
    let content = [element(Tag::SEQUENCE, fitting.public_key_alg_id().as_ref()), element(Tag::BIT_STRING, &bit_string)];
    Some(SubjectPublicKeyInfoDer::from(element(Tag::SEQUENCE, &content.concat())))
}

/// Puts tag and length before a content of at most 65,535 bytes: RSA keys have about a thousand at most.
fn element(tag: Tag, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let header: &[u8] = match (high, low) {
        (0, 0..=0x7f) => &[tag.0, low],
        (0, _) => &[tag.0, 0x81, low],
        _ => &[tag.0, 0x82, high, low],
    };
    [header, content].concat()
}
