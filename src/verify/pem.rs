//! Certificates and private keys from PEM or DER in memory. RFC 7468.

use alloc::vec::Vec;
use core::fmt;

use pki_types::pem::{PemObject, SectionKind};
use pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use crate::crypto::KeyRejected;
#[cfg(feature = "std")]
use crate::der::DerReader;
use crate::der::Tag;

/// Why PEM text, or DER in its place, could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemError {
    /// A section is broken: its base64, or its end.
    Broken,
    /// There is no certificate in it.
    NoCertificate,
    /// There is no private key in it.
    NoPrivateKey,
    /// There is more than one private key in it.
    SeveralPrivateKeys,
    /// The private key cannot be used.
    Key(KeyRejected),
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "the PEM text is broken: a section's base64 or its END line is wrong",
            Self::NoCertificate => "there is no certificate in it (a PEM section `BEGIN CERTIFICATE`, or DER)",
            Self::NoPrivateKey => "there is no private key in it (a PEM section `BEGIN PRIVATE KEY`, or DER)",
            Self::SeveralPrivateKeys => "there is more than one private key in it",
            Self::Key(rejected) => return rejected.fmt(f),
        })
    }
}

impl core::error::Error for PemError {}

/// Says whether bytes look like DER rather than text: a SEQUENCE, which no text starts with.
fn is_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x80..=0x84, ..] | [0x30, 0..=0x1f, ..])
}

/// Every PEM section with its kind; text between sections is ignored, a broken section is not.
fn sections(text: &[u8]) -> Result<Vec<(SectionKind, Vec<u8>)>, PemError> {
    let sections = <(SectionKind, Vec<u8>) as PemObject>::pem_slice_iter(text);
    sections.collect::<Result<_, _>>().map_err(|_| PemError::Broken)
}

/// Reads all certificates of PEM text, in order. None at all is an error.
pub fn certificates_from_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let certificates: Vec<_> = sections(text)?
        .into_iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der))
        .collect();
    if certificates.is_empty() { Err(PemError::NoCertificate) } else { Ok(certificates) }
}

/// Reads certificates from PEM text, or one from DER.
pub fn certificates_from_pem_or_der(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    if is_der(bytes) {
        return Ok(alloc::vec![CertificateDer::from(bytes.to_vec())]);
    }
    certificates_from_pem(bytes)
}

/// Reads the one private key of PEM text, or of DER: PKCS#8, SEC1 or PKCS#1. An encrypted one is refused as such.
pub fn private_key_from_pem_or_der(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    if is_der(bytes) {
        return private_key_from_der(bytes);
    }
    let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    if contains(b"BEGIN ENCRYPTED PRIVATE KEY") || contains(b"Proc-Type: 4,ENCRYPTED") {
        return Err(PemError::Key(KeyRejected::Encrypted));
    }
    let mut keys = sections(bytes)?.into_iter().filter_map(|(kind, der)| match kind {
        SectionKind::PrivateKey => Some(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der))),
        SectionKind::EcPrivateKey => Some(PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der))),
        SectionKind::RsaPrivateKey => Some(PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der))),
        _ => None,
    });
    let key = keys.next().ok_or(PemError::NoPrivateKey)?;
    if keys.next().is_some() { Err(PemError::SeveralPrivateKeys) } else { Ok(key) }
}

/// Tells the three forms apart by what follows the outer SEQUENCE's first element.
fn private_key_from_der(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    let shape = crate::der::read_all(bytes, Tag::SEQUENCE, |r| {
        let mut tags = Vec::new();
        while !r.at_end() && tags.len() < 3 {
            tags.push(r.element()?.tag);
        }
        while !r.at_end() {
            r.element()?;
        }
        Ok(tags)
    });
    let owned = bytes.to_vec();
    match shape.as_deref() {
        Ok([Tag::INTEGER, Tag::SEQUENCE, ..]) => Ok(PrivateKeyDer::Pkcs8(owned.into())),
        Ok([Tag::INTEGER, Tag::OCTET_STRING, ..]) => Ok(PrivateKeyDer::Sec1(owned.into())),
        Ok([Tag::INTEGER, Tag::INTEGER, ..]) => Ok(PrivateKeyDer::Pkcs1(owned.into())),
        Ok([Tag::SEQUENCE, Tag::OCTET_STRING]) => Err(PemError::Key(KeyRejected::Encrypted)),
        _ => Err(PemError::NoPrivateKey),
    }
}

/// Says whether DER is a single element of any kind; what a folder of roots is sieved with.
#[cfg(feature = "std")]
pub(super) fn is_one_der_element(bytes: &[u8]) -> bool {
    let mut reader = DerReader::new(bytes);
    reader.element().is_ok() && reader.at_end()
}
