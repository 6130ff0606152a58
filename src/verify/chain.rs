//! Judges a peer's chain: path, validity, usages, name. RFC 5280 §6, RFC 8446 §4.4.2.

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, VerifiedPath};

use super::{PeerCertificate, Roots, verify_name};
use crate::clock::Time;
use crate::crypto::Provider;
use crate::error::CertificateError;

/// Whose certificate a chain is, which its extended key usage must allow. RFC 5280 §4.2.1.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A server's: id-kp-serverAuth.
    Server,
    /// A client's: id-kp-clientAuth.
    Client,
}

/// Judges a chain, leaf first, by all the built-in rules.
///
/// Work is bounded: `webpki` has budgets for signatures, paths and name comparisons. A leaf without extendedKeyUsage
/// is accepted for both purposes, one without keyUsage may sign.
pub fn verify_chain(
    provider: &dyn Provider,
    roots: &Roots,
    purpose: Purpose,
    name: Option<&ServerName<'_>>,
    chain: &[CertificateDer<'_>],
    now: Option<Time>,
) -> Result<(), CertificateError> {
    // 1. The leaf is readable, by us and by the path builder.
    let (leaf_der, intermediates) = chain.split_first().ok_or(CertificateError::BadEncoding)?;
    let leaf = PeerCertificate::read(leaf_der)?;
    let end_entity = EndEntityCert::try_from(leaf_der).map_err(|error| reason(error, &leaf))?;

    // 2. Its validity: first, because an expired certificate must be called so even if nothing else is right.
    let now = now.ok_or(CertificateError::NoTime)?;
    check_validity(&leaf, now)?;

    // 3. The path, whose issuers must be allowed to sign certificates.
    let algorithms: Vec<&dyn SignatureVerificationAlgorithm> =
        provider.verification_algorithms().iter().map(|row| row.algorithm).collect();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()));
    let usage = match purpose {
        Purpose::Server => webpki::KeyUsage::server_auth(),
        Purpose::Client => webpki::KeyUsage::client_auth(),
    };
    let path = end_entity.verify_for_usage(
        &algorithms,
        roots.anchors(),
        intermediates,
        time,
        usage,
        None,
        Some(&issuers_may_sign),
    );
    if let Err(error) = path {
        return Err(match reason(error, &leaf) {
            // The callback can say no more than that; this is what it meant.
            CertificateError::UnknownIssuer if issuer_may_not_sign(intermediates) => CertificateError::IssuerMayNotSign,
            other => other,
        });
    }

    // 4. The leaf's key signs the handshake. RFC 8446 §4.4.2.2.
    if leaf.key_usage()?.is_some_and(|usage| !usage.digital_signature()) {
        return Err(CertificateError::WrongKeyUsage);
    }

    // 5. The name.
    name.map_or(Ok(()), |name| verify_name(leaf_der, name))
}

fn check_validity(leaf: &PeerCertificate<'_>, now: Time) -> Result<(), CertificateError> {
    let (not_before, not_after) = leaf.validity();
    if now < not_before {
        return Err(CertificateError::NotYetValid(now.as_secs(), not_before.as_secs()));
    }
    if now.as_secs() > not_after.as_secs() {
        return Err(CertificateError::Expired(now.as_secs(), not_after.as_secs()));
    }
    Ok(())
}

/// `webpki` ignores keyUsage; an issuer whose keyUsage lacks keyCertSign is no issuer. RFC 5280 §6.1.4 (n).
fn issuers_may_sign(path: &VerifiedPath<'_>) -> Result<(), webpki::Error> {
    let may_sign = |der: &[u8]| match PeerCertificate::read(der).and_then(|issuer| issuer.key_usage()) {
        Ok(usage) => usage.is_none_or(|usage| usage.key_cert_sign()),
        Err(_) => false,
    };
    match path.intermediate_certificates().all(|issuer| may_sign(&issuer.der())) {
        true => Ok(()),
        false => Err(webpki::Error::UnknownIssuer),
    }
}

fn issuer_may_not_sign(intermediates: &[CertificateDer<'_>]) -> bool {
    intermediates.iter().any(|der| {
        let usage = PeerCertificate::read(der).and_then(|issuer| issuer.key_usage());
        matches!(usage, Ok(Some(usage)) if !usage.key_cert_sign())
    })
}

/// Says in our words why the path builder refused.
#[allow(deprecated, reason = "the path builder still returns some of them")]
fn reason(error: webpki::Error, leaf: &PeerCertificate<'_>) -> CertificateError {
    use webpki::Error as E;
    match error {
        E::CertExpired { time, not_after } => CertificateError::Expired(time.as_secs(), not_after.as_secs()),
        E::CertNotValidYet { time, not_before } => CertificateError::NotYetValid(time.as_secs(), not_before.as_secs()),
        E::UnknownIssuer if leaf.subject() == leaf.issuer() => CertificateError::SelfSigned,
        E::UnknownIssuer => CertificateError::UnknownIssuer,
        E::CaUsedAsEndEntity if leaf.subject() == leaf.issuer() => CertificateError::SelfSigned,
        E::CaUsedAsEndEntity => CertificateError::CaUsedAsEndEntity,
        E::EndEntityUsedAsCa => CertificateError::EndEntityUsedAsCa,
        E::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        E::NameConstraintViolation => CertificateError::NameConstraintViolation,
        E::PathLenConstraintViolated | E::MaximumPathDepthExceeded => CertificateError::PathTooLong,
        E::RequiredEkuNotFound | E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
            CertificateError::WrongExtendedKeyUsage
        }
        E::MaximumSignatureChecksExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumNameConstraintComparisonsExceeded => CertificateError::TooMuchWork,
        E::UnsupportedCriticalExtension => CertificateError::UnknownCriticalExtension,
        E::UnsupportedSignatureAlgorithm
        | E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKey
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => CertificateError::UnsupportedAlgorithm,
        E::CertRevoked => CertificateError::Revoked,
        E::BadDer
        | E::BadDerTime
        | E::ExtensionValueInvalid
        | E::InvalidCertValidity
        | E::InvalidSerialNumber
        | E::MalformedExtensions
        | E::MalformedDnsIdentifier
        | E::SignatureAlgorithmMismatch
        | E::TrailingData(_)
        | E::UnsupportedCertVersion => CertificateError::BadEncoding,
        // The enumeration is open: what it grows in the future is told by its own name.
        other => CertificateError::OtherPathError(format!("{other:?}")),
    }
}
