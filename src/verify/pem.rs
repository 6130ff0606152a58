//! Certificates and private keys from PEM or DER in memory. RFC 7468.

use alloc::vec::Vec;
use core::fmt;

use pki_types::pem::{PemObject, SectionKind};
use pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use zeroize::Zeroizing;

use crate::crypto::KeyRejected;
use crate::der::{DerReader, Tag};

/// Why PEM text, or DER in its place, could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemError {
    /// A section is broken: its base64, or its end.
    Broken,
    /// There is nothing in it.
    Empty,
    /// There is no certificate in it.
    NoCertificate,
    /// There is a private key in it, and no certificate.
    KeyInsteadOfCertificate,
    /// There is a request for a certificate in it, and no certificate.
    RequestInsteadOfCertificate,
    /// A certificate stands in a form of OpenSSL's own: TRUSTED CERTIFICATE or X509 CERTIFICATE.
    UnusualCertificate,
    /// There is no private key in it.
    NoPrivateKey,
    /// There is a certificate in it, and no private key.
    CertificateInsteadOfKey,
    /// There is more than one private key in it.
    SeveralPrivateKeys,
    /// It is a PKCS#12 file, which is encrypted as a whole.
    Pkcs12,
    /// The private key cannot be used.
    Key(KeyRejected),
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "the PEM text is broken: a section's base64 or its END line is wrong",
            Self::Empty => "it is empty where a certificate or a private key should be",
            Self::NoCertificate => "there is no certificate in it (a PEM section `BEGIN CERTIFICATE`, or DER)",
            Self::KeyInsteadOfCertificate => "there is a private key in it where a certificate should be (were they swapped?)",
            Self::RequestInsteadOfCertificate => "there is only a certificate request in it; an authority makes a certificate of it",
            Self::UnusualCertificate => "a section is `BEGIN TRUSTED CERTIFICATE` or `BEGIN X509 CERTIFICATE`, forms of OpenSSL's own; rewrite it with `openssl x509 -in FILE -out NEW`",
            Self::NoPrivateKey => "there is no private key in it (a PEM section `BEGIN PRIVATE KEY`, or DER)",
            Self::CertificateInsteadOfKey => "there is a certificate in it where a private key should be (were they swapped?)",
            Self::SeveralPrivateKeys => "there is more than one private key in it; leave the one that belongs to the certificate",
            Self::Pkcs12 => "this is a PKCS#12 file; take certificates and key out of it with `openssl pkcs12 -in FILE -nodes -out NEW`",
            Self::Key(rejected) => return rejected.fmt(f),
        })
    }
}

impl core::error::Error for PemError {}

/// Says whether bytes are DER rather than text: one whole SEQUENCE, or the beginning of one too long for its length to
/// be text.
fn is_der(bytes: &[u8]) -> bool {
    let whole = || {
        let mut reader = DerReader::new(bytes);
        reader.expect(Tag::SEQUENCE).is_ok() && reader.at_end()
    };
    matches!(bytes, [0x30, 0x80..=0x84, ..]) || whole()
}

/// Every PEM section with its kind, or what is wrong with it; text between sections is ignored.
fn sections(text: &[u8]) -> impl Iterator<Item = Result<(SectionKind, Vec<u8>), PemError>> + '_ {
    // Some editors put a byte order mark before the first line.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    <(SectionKind, Vec<u8>) as PemObject>::pem_slice_iter(text).map(|section| section.map_err(|_| PemError::Broken))
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

/// Reads all certificates of PEM text, in order. None at all is an error, and so is one that cannot be read.
pub fn certificates_from_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let (certificates, broken) = all_certificates_from_pem(text);
    match broken.first() {
        Some(error) => Err(*error),
        None if certificates.is_empty() => Err(why_no_certificate(text)),
        None => Ok(certificates),
    }
}

/// Reads the certificates of PEM text, and says of each section that cannot be read why.
pub(super) fn all_certificates_from_pem(text: &[u8]) -> (Vec<CertificateDer<'static>>, Vec<PemError>) {
    let (mut certificates, mut broken) = (Vec::new(), Vec::new());
    for section in sections(text) {
        match section {
            Ok((SectionKind::Certificate, der)) => certificates.push(CertificateDer::from(der)),
            Ok(_) => {}
            Err(error) => broken.push(error),
        }
    }
    // The reader below knows neither label and would pass over such a section in silence.
    if contains(text, b"-----BEGIN TRUSTED CERTIFICATE-----") || contains(text, b"-----BEGIN X509 CERTIFICATE-----") {
        broken.push(PemError::UnusualCertificate);
    }
    (certificates, broken)
}

fn why_no_certificate(text: &[u8]) -> PemError {
    if text.trim_ascii().is_empty() {
        PemError::Empty
    } else if contains(text, b"PRIVATE KEY-----") {
        PemError::KeyInsteadOfCertificate
    } else if contains(text, b"CERTIFICATE REQUEST-----") {
        PemError::RequestInsteadOfCertificate
    } else {
        PemError::NoCertificate
    }
}

/// Reads certificates from PEM text, or one from DER.
pub fn certificates_from_pem_or_der(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    if !is_der(bytes) {
        return certificates_from_pem(bytes);
    }
    match private_key_from_der(bytes) {
        Ok(_) | Err(PemError::Key(_)) => Err(PemError::KeyInsteadOfCertificate),
        Err(PemError::Pkcs12) => Err(PemError::Pkcs12),
        Err(_) => Ok(alloc::vec![CertificateDer::from(bytes.to_vec())]),
    }
}

/// Reads the one private key of PEM text, or of DER: PKCS#8, SEC1 or PKCS#1. An encrypted one is refused as such. What was
/// read is wiped when it is dropped; wiping `bytes` is the caller's part.
pub fn private_key_from_pem_or_der(bytes: &[u8]) -> Result<Zeroizing<PrivateKeyDer<'static>>, PemError> {
    if is_der(bytes) {
        return private_key_from_der(bytes);
    }
    if contains(bytes, b"BEGIN ENCRYPTED PRIVATE KEY") || contains(bytes, b"Proc-Type: 4,ENCRYPTED") {
        return Err(PemError::Key(KeyRejected::Encrypted));
    }
    let mut keys = Vec::new();
    for section in sections(bytes) {
        keys.extend(match section? {
            (SectionKind::PrivateKey, der) => Some(Zeroizing::new(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)))),
            (SectionKind::EcPrivateKey, der) => Some(Zeroizing::new(PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)))),
            (SectionKind::RsaPrivateKey, der) => {
                Some(Zeroizing::new(PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der))))
            }
            _ => None,
        });
    }
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok(key),
        (Some(_), false) => Err(PemError::SeveralPrivateKeys),
        (None, _) if bytes.trim_ascii().is_empty() => Err(PemError::Empty),
        (None, _) if contains(bytes, b"CERTIFICATE-----") => Err(PemError::CertificateInsteadOfKey),
        (None, _) => Err(PemError::NoPrivateKey),
    }
}

/// Tells the three forms apart by what follows the outer SEQUENCE's first element.
fn private_key_from_der(bytes: &[u8]) -> Result<Zeroizing<PrivateKeyDer<'static>>, PemError> {
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
    let owned = |wrap: fn(Vec<u8>) -> PrivateKeyDer<'static>| Ok(Zeroizing::new(wrap(bytes.to_vec())));
    match shape.as_deref() {
        // RFC 7292 §4: PFX ::= SEQUENCE { version, authSafe ContentInfo, macData OPTIONAL }
        Ok([Tag::INTEGER, Tag::SEQUENCE] | [Tag::INTEGER, Tag::SEQUENCE, Tag::SEQUENCE]) => Err(PemError::Pkcs12),
        Ok([Tag::INTEGER, Tag::SEQUENCE, ..]) => owned(|der| PrivateKeyDer::Pkcs8(der.into())),
        Ok([Tag::INTEGER, Tag::OCTET_STRING, ..]) => owned(|der| PrivateKeyDer::Sec1(der.into())),
        Ok([Tag::INTEGER, Tag::INTEGER, ..]) => owned(|der| PrivateKeyDer::Pkcs1(der.into())),
        Ok([Tag::SEQUENCE, Tag::OCTET_STRING]) => Err(PemError::Key(KeyRejected::Encrypted)),
        // A certificate, or a request for one.
        Ok([Tag::SEQUENCE, Tag::SEQUENCE, Tag::BIT_STRING]) => Err(PemError::CertificateInsteadOfKey),
        _ => Err(PemError::NoPrivateKey),
    }
}
