//! What a certificate says of itself, for people to read. Nothing is decided here.

use bulla::crypto::{HashAlgorithm, ring};
use bulla::verify::PeerCertificate;
use bulla::wire::{SignatureScheme, SignedCertificateTimestampList, read_all};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::console::clean;
use crate::report::date;

/// How many names of a certificate are shown; some have a hundred.
const MAX_NAMES_SHOWN: usize = 8;

/// The facts of a certificate that are shown.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) names: Vec<String>,
    pub(crate) valid_from: String,
    pub(crate) valid_until: String,
    pub(crate) key: String,
}

impl Described {
    /// Reads a certificate's DER, or returns `None` if it is none.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let read = PeerCertificate::read(der).ok()?;
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let (from, until) = read.validity();
        let names = read.names().unwrap_or_default();
        Some(Self {
            subject: or_nobody(parsed.subject().to_string()),
            issuer: or_nobody(parsed.issuer().to_string()),
            names: names.iter().map(|name| clean(name)).collect(),
            valid_from: date(from.as_secs()),
            valid_until: date(until.as_secs()),
            key: key(parsed.public_key()),
        })
    }

    /// Returns the line that stands for the whole certificate.
    pub(crate) fn line(&self) -> String {
        format!("{}, issued by {}", self.subject, self.issuer)
    }

    /// Returns the rest: whom it is for, when, and with which key.
    pub(crate) fn details(&self) -> String {
        format!("{}valid from {} until {}; {}", self.for_names(), self.valid_from, self.valid_until, self.key)
    }

    /// Returns everything of one that was accepted: it is valid already.
    pub(crate) fn accepted(&self) -> String {
        format!("{}; {}until {}; {}", self.line(), self.for_names(), self.valid_until, self.key)
    }

    fn for_names(&self) -> String {
        let shown = self.names.iter().take(MAX_NAMES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        match self.names.len() {
            0 => String::new(),
            len if len > MAX_NAMES_SHOWN => format!("for {shown} and {} more; ", len - MAX_NAMES_SHOWN),
            _ => format!("for {shown}; "),
        }
    }
}

fn or_nobody(name: String) -> String {
    if name.is_empty() { "(no name)".into() } else { clean(&name) }
}

/// A key that stands for itself, without a certificate. RFC 7250.
#[derive(Clone, Debug)]
pub(crate) struct RawKey {
    pub(crate) key: String,
    /// What curl's --pinnedpubkey takes.
    pub(crate) pin: String,
}

impl RawKey {
    /// Reads a SubjectPublicKeyInfo's DER, or returns `None` if it is none.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        match SubjectPublicKeyInfo::from_der(der) {
            Ok(([], info)) => Some(Self { key: key(&info), pin: pin(der)? }),
            _ => None,
        }
    }
}

/// Returns what a key of this kind usually signs with, if there is but one thing.
pub(crate) fn usual_scheme(der: &[u8]) -> Option<SignatureScheme> {
    let (_, info) = SubjectPublicKeyInfo::from_der(der).ok()?;
    match (info.parsed(), info.algorithm.algorithm.to_id_string().as_str()) {
        (Ok(PublicKey::EC(point)), _) if point.key_size() == 256 => Some(SignatureScheme::ecdsa_secp256r1_sha256),
        (Ok(PublicKey::EC(point)), _) if point.key_size() == 384 => Some(SignatureScheme::ecdsa_secp384r1_sha384),
        (_, "1.3.101.112") => Some(SignatureScheme::ed25519),
        _ => None,
    }
}

/// Names a key by the hash of its SubjectPublicKeyInfo, as RFC 7469 §2.4 and curl do.
fn pin(der: &[u8]) -> Option<String> {
    let mut hash = ring::provider().hash(HashAlgorithm::Sha256).ok()?;
    hash.update(der);
    Some(format!("sha256//{}", base64(hash.current().as_ref())))
}

/// Writes bytes as text. RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, index| bits << 8 | u32::from(group.get(index).copied().unwrap_or(0)));
        for index in 0..4 {
            let sextet = bits >> (18 - 6 * index) & 0x3f;
            let letter = usize::try_from(sextet).ok().and_then(|it| ALPHABET.get(it)).copied().unwrap_or(b'=');
            text.push(if index <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// Counts what stands in a SignedCertificateTimestampList. RFC 6962 §3.3.
pub(crate) fn count_timestamps(list: &[u8]) -> usize {
    read_all::<SignedCertificateTimestampList<'_>>(list).map_or(0, |list| list.sct_list.len())
}

fn key(info: &SubjectPublicKeyInfo<'_>) -> String {
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA key of {} bits", key.key_size()),
        Ok(PublicKey::EC(point)) => format!("EC key of {} bits", point.key_size()),
        _ if info.algorithm.algorithm.to_id_string() == "1.3.101.112" => "Ed25519 key".into(),
        _ => format!("key of the algorithm {}", info.algorithm.algorithm.to_id_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_base64() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
