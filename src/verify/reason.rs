//! Says in our words why the path builder refused, and which certificate is to blame.
//!
//! `webpki` names the fault and not the certificate, and one fault can hide behind another. What follows looks again,
//! by names and signatures, only after a chain was refused: it decides nothing.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;

use pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::certificate::rsa_key_bits;
use super::chain::signs_certificates;
use super::names::{distinguished_name_text, sequence};
use super::{PeerCertificate, Purpose, Roots};
use crate::clock::Time;
use crate::crypto::{Provider, VerificationAlgorithm};
use crate::der::{DerReader, Tag};
use crate::error::{CertificateError, Which};
use crate::wire::SignatureScheme;

/// The most signatures that are verified a second time to find a culprit: twice the longest chain that is accepted.
const MAX_SIGNATURES: usize = 32;
/// The smallest RSA key that is trusted, in bits.
pub(super) const MIN_RSA_BITS: usize = 2048;

/// A chain that was refused, and what it was judged by.
pub(super) struct Refused<'a> {
    provider: &'a dyn Provider,
    /// What certificates may be signed with, where that was chosen.
    schemes: Option<&'a [SignatureScheme]>,
    roots: &'a Roots,
    purpose: Purpose,
    now: Time,
    chain: &'a [CertificateDer<'a>],
    /// The chain as we read it; what cannot be read is `None`.
    read: Vec<Option<PeerCertificate<'a>>>,
    signatures_left: Cell<usize>,
}

/// A public key that stands under a name, with the certificate that says so.
struct NamedKey<'a> {
    which: Which,
    algorithm: &'a [u8],
    key: &'a [u8],
}

impl<'a> Refused<'a> {
    pub(super) fn new(
        (provider, schemes): (&'a dyn Provider, Option<&'a [SignatureScheme]>),
        roots: &'a Roots,
        purpose: Purpose,
        now: Time,
        chain: &'a [CertificateDer<'a>],
    ) -> Self {
        let read = chain.iter().map(|der| PeerCertificate::read(der).ok()).collect();
        Self { provider, schemes, roots, purpose, now, chain, read, signatures_left: Cell::new(MAX_SIGNATURES) }
    }

    /// Translates the path builder's error.
    #[allow(deprecated, reason = "the path builder still returns some of them")]
    pub(super) fn reason(&self, error: webpki::Error) -> CertificateError {
        use webpki::Error as E;
        match error {
            E::CertExpired { not_after, .. } => {
                let end = Time::from_secs(not_after.as_secs());
                CertificateError::Expired(self.first(|read| read.validity().1 == end), self.now, end)
            }
            E::CertNotValidYet { not_before, .. } => {
                let start = Time::from_secs(not_before.as_secs());
                CertificateError::NotYetValid(self.first(|read| read.validity().0 == start), self.now, start)
            }
            E::UnknownIssuer | E::CaUsedAsEndEntity if self.is_self_signed() => CertificateError::SelfSigned,
            E::UnknownIssuer => self.unknown_issuer(),
            E::CaUsedAsEndEntity => CertificateError::CaUsedAsEndEntity,
            E::EndEntityUsedAsCa => {
                let not_ca = |(place, read): &(usize, &PeerCertificate<'_>)| *place > 0 && read.is_ca() == Ok(false);
                CertificateError::EndEntityUsedAsCa(self.first_of_path(not_ca))
            }
            E::InvalidSignatureForPublicKey => self.bad_signature(),
            E::NameConstraintViolation => CertificateError::NameConstraintViolation,
            E::PathLenConstraintViolated | E::MaximumPathDepthExceeded => CertificateError::PathTooLong,
            E::RequiredEkuNotFound | E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
                let restricted =
                    |(_, read): &(usize, &PeerCertificate<'_>)| self.purpose.is_allowed_by(read) != Ok(true);
                CertificateError::WrongExtendedKeyUsage(self.first_of_path(restricted))
            }
            E::MaximumSignatureChecksExceeded
            | E::MaximumPathBuildCallsExceeded
            | E::MaximumNameConstraintComparisonsExceeded => CertificateError::TooMuchWork,
            E::UnsupportedSignatureAlgorithm
            | E::UnsupportedSignatureAlgorithmContext(_)
            | E::UnsupportedSignatureAlgorithmForPublicKey
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => self.unsupported_algorithm(),
            E::CertRevoked => CertificateError::Revoked,
            E::UnsupportedCriticalExtension
            | E::BadDer
            | E::BadDerTime
            | E::ExtensionValueInvalid
            | E::InvalidCertValidity
            | E::InvalidSerialNumber
            | E::MalformedExtensions
            | E::MalformedDnsIdentifier
            | E::SignatureAlgorithmMismatch
            | E::TrailingData(_)
            | E::UnsupportedCertVersion => self.unreadable(),
            // The enumeration is open: what it grows in the future is told by its own name.
            other => CertificateError::OtherPathError(format!("{other:?}")),
        }
    }

    /// Names the certificate at a place of the chain, where the leaf's is 0.
    pub(super) fn which(&self, place: usize) -> Which {
        match (place, self.read.get(place)) {
            (0, _) => Which::Leaf,
            (_, Some(Some(read))) => Which::Issuer(place + 1, distinguished_name_text(read.subject())),
            _ => Which::Issuer(place + 1, String::from("of an unreadable name")),
        }
    }

    /// Names a certificate of the chain.
    pub(super) fn which_is(&self, der: &[u8]) -> Which {
        let place = self.chain.iter().position(|own| own.as_ref() == der);
        place.map_or(Which::Unknown, |place| self.which(place))
    }

    fn first(&self, is_to_blame: impl Fn(&PeerCertificate<'a>) -> bool) -> Which {
        let place = self.read.iter().position(|read| read.as_ref().is_some_and(&is_to_blame));
        place.map_or(Which::Unknown, |place| self.which(place))
    }

    fn first_of_path(&self, is_to_blame: impl Fn(&(usize, &PeerCertificate<'a>)) -> bool) -> Which {
        self.path().into_iter().find(is_to_blame).map_or(Which::Unknown, |(place, _)| self.which(place))
    }

    /// Goes up from the leaf through the peer's own certificates, by names alone: places and certificates.
    fn path(&self) -> Vec<(usize, &PeerCertificate<'a>)> {
        let mut path: Vec<(usize, &PeerCertificate<'a>)> = Vec::new();
        let mut next = self.read.first().and_then(Option::as_ref).map(|leaf| (0, leaf));
        while let Some((place, read)) = next {
            path.push((place, read));
            let readable = self.read.iter().enumerate().filter_map(|(place, read)| Some((place, read.as_ref()?)));
            let mut unused = readable.filter(|(place, _)| path.iter().all(|(used, _)| used != place));
            next = unused.find(|(_, issuer)| issuer.subject() == read.issuer());
        }
        path
    }

    /// A chain that leads nowhere ends at an issuer that nobody knows.
    fn unknown_issuer(&self) -> CertificateError {
        let last = self.path().last().map_or(&[][..], |(_, read)| read.issuer());
        CertificateError::UnknownIssuer(distinguished_name_text(last))
    }

    /// A leaf that names itself as issuer and verifies with its own key. Names alone would not do: many throw-away
    /// authorities and their leaves bear the same one.
    fn is_self_signed(&self) -> bool {
        let Some(Some(leaf)) = self.read.first() else { return false };
        let own_key = || self.verifies(leaf, leaf.key_algorithm(), leaf.subject_public_key());
        leaf.subject() == leaf.issuer() && own_key() != Some(false)
    }

    /// Finds the signature that no key of the issuer's name verifies: it was altered, or the key is too weak to be
    /// asked. If there is none, the peer's authority bears the name of a trusted one and is another.
    fn bad_signature(&self) -> CertificateError {
        for (place, read) in self.path() {
            let keys = self.keys_of(read.issuer());
            if keys.is_empty() || keys.iter().any(|it| self.verifies(read, it.algorithm, it.key) == Some(true)) {
                continue;
            }
            let bits = |it: &NamedKey<'_>| rsa_key_bits(it.algorithm, it.key).filter(|bits| *bits < MIN_RSA_BITS);
            let weak = keys.iter().find_map(|it| Some((it.which.clone(), bits(it)?)));
            return match weak {
                Some((which, bits)) => CertificateError::WeakKey(which, bits),
                None => CertificateError::BadSignature(self.which(place)),
            };
        }
        self.unknown_issuer()
    }

    /// Finds the signature or else the key that no algorithm of the provider fits.
    fn unsupported_algorithm(&self) -> CertificateError {
        let rows = self.provider.verification_algorithms();
        for (place, read) in self.path() {
            let allowed = |row: &VerificationAlgorithm| self.schemes.is_none_or(|list| signs_certificates(row, list));
            let signature =
                |id: &[u8]| rows.iter().any(|row| row.algorithm.signature_alg_id().as_ref() == id && allowed(row));
            if !signature(read.signature_algorithm()) {
                return CertificateError::UnsupportedAlgorithm(self.which(place));
            }
            let key = |id: &[u8]| rows.iter().any(|row| row.algorithm.public_key_alg_id().as_ref() == id);
            if let Some(unfit) = self.keys_of(read.issuer()).into_iter().find(|it| !key(it.algorithm)) {
                return CertificateError::UnsupportedAlgorithm(unfit.which);
            }
        }
        CertificateError::UnsupportedAlgorithm(Which::Unknown)
    }

    /// Finds the issuer that cannot be read; the leaf could.
    fn unreadable(&self) -> CertificateError {
        for (place, der) in self.chain.iter().enumerate().skip(1) {
            match EndEntityCert::try_from(der) {
                Err(webpki::Error::UnsupportedCriticalExtension) => {
                    return CertificateError::UnknownCriticalExtension(self.which(place));
                }
                Err(_) => return CertificateError::IssuerUnreadable(self.which(place)),
                Ok(_) => {}
            }
        }
        CertificateError::BadEncoding
    }

    /// The keys that roots and the peer's certificates have under a name.
    fn keys_of(&self, name: &[u8]) -> Vec<NamedKey<'_>> {
        let of_roots = self.roots.anchors().iter().filter(|anchor| sequence(&anchor.subject) == name);
        let of_roots = of_roots.filter_map(|anchor| {
            let mut r = DerReader::new(&anchor.subject_public_key_info);
            let (algorithm, key) = (r.expect(Tag::SEQUENCE).ok()?, r.bit_string().ok()?);
            Some(NamedKey { which: Which::Root(distinguished_name_text(name)), algorithm, key })
        });
        let of_chain = self.read.iter().enumerate().skip(1).filter_map(|(place, read)| {
            let read = read.as_ref().filter(|read| read.subject() == name)?;
            let (algorithm, key) = (read.key_algorithm(), read.subject_public_key());
            Some(NamedKey { which: self.which(place), algorithm, key })
        });
        of_roots.chain(of_chain).collect()
    }

    /// Verifies a certificate's signature with a key; `None` if no algorithm fits or the budget is used up.
    fn verifies(&self, signed: &PeerCertificate<'_>, algorithm: &[u8], key: &[u8]) -> Option<bool> {
        let left = self.signatures_left.get().checked_sub(1)?;
        let row = self.provider.verification_algorithms().iter().find(|row| {
            row.algorithm.signature_alg_id().as_ref() == signed.signature_algorithm()
                && row.algorithm.public_key_alg_id().as_ref() == algorithm
        })?;
        self.signatures_left.set(left);
        Some(row.algorithm.verify_signature(key, signed.signed(), signed.signature()).is_ok())
    }
}
