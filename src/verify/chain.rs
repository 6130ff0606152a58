//! Judges a peer's chain: path, validity, usages, name. RFC 5280 §6, RFC 8446 §4.4.2.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;

use pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, VerifiedPath};

use super::reason::{MIN_RSA_BITS, Refused};
use super::{PeerCertificate, Roots, scheme_of_signature, verify_name};
use crate::clock::Time;
use crate::crypto::{Provider, VerificationAlgorithm};
use crate::error::{CertificateError, Which};
use crate::wire::SignatureScheme;

/// Whose certificate a chain is, which its extended key usage must allow. RFC 5280 §4.2.1.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A server's: id-kp-serverAuth.
    Server,
    /// A client's: id-kp-clientAuth.
    Client,
}

impl Purpose {
    /// Says whether a certificate's extendedKeyUsage names this purpose, or nothing at all. anyExtendedKeyUsage does
    /// not name it, for leaves as for issuers.
    pub(super) fn is_allowed_by(self, certificate: &PeerCertificate<'_>) -> Result<bool, CertificateError> {
        // id-kp, 1.3.6.1.5.5.7.3.
        let purpose: &[u8] = match self {
            Self::Server => &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01],
            Self::Client => &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02],
        };
        Ok(certificate.extended_key_usage()?.is_none_or(|purposes| purposes.contains(&purpose)))
    }
}

/// Judges a chain, leaf first, by all the built-in rules.
///
/// A leaf that is, byte for byte, a certificate given as root needs no path: whoever chose the roots named this very
/// certificate. All else holds for it too. [`Roots`] says of which certificates it remembers the bytes.
///
/// Work is bounded: `webpki` has budgets for signatures, paths and name comparisons. A leaf without extendedKeyUsage
/// is accepted for both purposes, one without keyUsage may sign. Of several faults the first is told, in this order:
/// the leaf is unreadable, there is no time, its validity, the path, its usages and key, its name.
pub fn verify_chain(
    provider: &dyn Provider,
    roots: &Roots,
    purpose: Purpose,
    name: Option<&ServerName<'_>>,
    chain: &[CertificateDer<'_>],
    now: Option<Time>,
) -> Result<(), CertificateError> {
    verify_chain_signed_with(provider, None, roots, purpose, name, chain, now)
}

/// Like [`verify_chain`]; with `schemes`, every signature of the path is in one of these. RFC 8446 §4.2.3.
pub(crate) fn verify_chain_signed_with(
    provider: &dyn Provider,
    schemes: Option<&[SignatureScheme]>,
    roots: &Roots,
    purpose: Purpose,
    name: Option<&ServerName<'_>>,
    chain: &[CertificateDer<'_>],
    now: Option<Time>,
) -> Result<(), CertificateError> {
    // 1. The leaf is readable, by us and by the path builder.
    let leaf_der = chain.first().ok_or(CertificateError::BadEncoding)?;
    let leaf = PeerCertificate::read(leaf_der)?;
    let end_entity = EndEntityCert::try_from(leaf_der).map_err(|error| match error {
        webpki::Error::UnsupportedCriticalExtension => CertificateError::UnknownCriticalExtension(Which::Leaf),
        _ => CertificateError::BadEncoding,
    })?;

    // 2. Its validity: first, because an expired certificate must be called so even if nothing else is right.
    let now = now.ok_or(CertificateError::NoTime)?;
    check_validity(&leaf, now)?;

    // 3. It is trusted itself, or by a path.
    match roots.contains(leaf_der) {
        true if purpose.is_allowed_by(&leaf)? => {}
        true => return Err(CertificateError::WrongExtendedKeyUsage(Which::Leaf)),
        false => verify_path((provider, schemes), roots, purpose, &end_entity, chain, now)?,
    }

    // 4. Its key signs the handshake. RFC 8446 §4.4.2.2.
    check_key(provider, &leaf)?;

    // 5. The name.
    name.map_or(Ok(()), |name| verify_name(leaf_der, name))
}

fn check_validity(leaf: &PeerCertificate<'_>, now: Time) -> Result<(), CertificateError> {
    let (not_before, not_after) = leaf.validity();
    if now < not_before {
        return Err(CertificateError::NotYetValid(Which::Leaf, now, not_before));
    }
    // The last second is valid to its end.
    if now.as_secs() > not_after.as_secs() {
        return Err(CertificateError::Expired(Which::Leaf, now, not_after));
    }
    Ok(())
}

/// Builds a path to a root, whose issuers must be allowed to sign certificates.
fn verify_path(
    (provider, schemes): (&dyn Provider, Option<&[SignatureScheme]>),
    roots: &Roots,
    purpose: Purpose,
    end_entity: &EndEntityCert<'_>,
    chain: &[CertificateDer<'_>],
    now: Time,
) -> Result<(), CertificateError> {
    let allowed = |row: &&VerificationAlgorithm| schemes.is_none_or(|schemes| signs_certificates(row, schemes));
    let algorithms: Vec<&dyn SignatureVerificationAlgorithm> =
        provider.verification_algorithms().iter().filter(allowed).map(|row| row.algorithm).collect();
    let usage = match purpose {
        Purpose::Server => webpki::KeyUsage::server_auth(),
        Purpose::Client => webpki::KeyUsage::client_auth(),
    };
    // `webpki` ignores keyUsage; an issuer whose keyUsage lacks keyCertSign is no issuer. RFC 5280 §6.1.4 (n).
    let refused_issuer = RefCell::new(None);
    let issuers_may_sign = |path: &VerifiedPath<'_>| {
        for issuer in path.intermediate_certificates() {
            let may_sign = PeerCertificate::read(&issuer.der()).and_then(|read| read.key_usage());
            if !matches!(may_sign, Ok(usage) if usage.is_none_or(|usage| usage.key_cert_sign())) {
                *refused_issuer.borrow_mut() = Some((issuer.der().to_vec(), may_sign.is_ok()));
                return Err(webpki::Error::UnknownIssuer);
            }
        }
        Ok(())
    };
    let verified = end_entity.verify_for_usage(
        &algorithms,
        roots.anchors(),
        chain.get(1..).unwrap_or_default(),
        UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs())),
        usage,
        None,
        Some(&issuers_may_sign),
    );
    let Err(error) = verified else { return Ok(()) };
    let refused = Refused::new((provider, schemes), roots, purpose, now, chain);
    Err(match (error, refused_issuer.take()) {
        // The callback can say no more than that; this is what it meant.
        (webpki::Error::UnknownIssuer, Some((issuer, true))) => {
            CertificateError::IssuerMayNotSign(refused.which_is(&issuer))
        }
        (webpki::Error::UnknownIssuer, Some((issuer, false))) => {
            CertificateError::IssuerUnreadable(refused.which_is(&issuer))
        }
        (error, _) => refused.reason(error),
    })
}

/// Says whether one of these schemes lets a certificate be signed with this algorithm. An ECDSA scheme speaks of the hash here,
/// for certificates combine curves and hashes freely; those of RSA-PSS stand for both kinds of keys. RFC 8446 §4.2.3.
pub(super) fn signs_certificates(row: &VerificationAlgorithm, schemes: &[SignatureScheme]) -> bool {
    let named = [row.scheme, scheme_of_signature(row.algorithm.signature_alg_id().as_ref())];
    named.into_iter().flatten().any(|scheme| schemes.contains(&scheme))
}

/// Checks that the leaf's key may sign, can be verified with by a scheme of TLS 1.3, and is strong enough: a handshake
/// signature could say no more than that it does not verify.
fn check_key(provider: &dyn Provider, leaf: &PeerCertificate<'_>) -> Result<(), CertificateError> {
    if leaf.key_usage()?.is_some_and(|usage| !usage.digital_signature()) {
        return Err(CertificateError::WrongKeyUsage);
    }
    if let Some(bits) = leaf.rsa_key_bits().filter(|bits| *bits < MIN_RSA_BITS) {
        return Err(CertificateError::WeakKey(Which::Leaf, bits));
    }
    let mut rows = provider.verification_algorithms().iter().filter(|row| row.scheme.is_some());
    match rows.any(|row| row.algorithm.public_key_alg_id().as_ref() == leaf.key_algorithm()) {
        true => Ok(()),
        false => Err(CertificateError::UnsupportedAlgorithm(Which::Leaf)),
    }
}
