//! Judges delegated credentials: short-lived keys that a certificate's key vouches for. RFC 9345 §4.

use alloc::vec::Vec;

use pki_types::CertificateDer;

use super::{CERTIFICATE_ONLY_SCHEMES, PeerCertificate, Purpose, verify_handshake_signature};
use crate::clock::Time;
use crate::crypto::Provider;
use crate::error::DelegationRefused;
use crate::wire::{Credential, DelegatedCredential, ProtocolVersion, SignatureScheme, TooLong, write_all};

/// For how many seconds from now on a delegated credential may be valid at most: seven days. RFC 9345 §3.
pub const MAX_DELEGATION_LIFETIME: u32 = 604_800;

/// Says whether a delegated key may sign with this scheme: one that signs handshakes of TLS 1.3, and for RSA only with a key
/// that is marked for PSS. RFC 9345 §4.
pub fn is_delegation_scheme(scheme: SignatureScheme) -> bool {
    use SignatureScheme as S;
    let rsa_encryption = [S::rsa_pss_rsae_sha256, S::rsa_pss_rsae_sha384, S::rsa_pss_rsae_sha512];
    let sha1 = [S::rsa_pkcs1_sha1, S::ecdsa_sha1];
    !CERTIFICATE_ONLY_SCHEMES.contains(&scheme) && !rsa_encryption.contains(&scheme) && !sha1.contains(&scheme)
}

/// Returns the bytes that the certificate's key signs. RFC 9345 §4.
pub fn delegation_message(
    purpose: Purpose,
    leaf: &CertificateDer<'_>,
    credential: &Credential<'_>,
    algorithm: SignatureScheme,
) -> Result<Vec<u8>, TooLong> {
    let context: &[u8] = match purpose {
        Purpose::Server => b"TLS, server delegated credentials",
        Purpose::Client => b"TLS, client delegated credentials",
    };
    let credential = write_all(credential)?;
    Ok([&[0x20; 64], context, &[0], leaf, &credential, &algorithm.0.to_be_bytes()].concat())
}

/// Returns until when a credential is valid: so many seconds from the certificate's notBefore on. RFC 9345 §4.
pub fn delegation_expires(leaf: &PeerCertificate<'_>, credential: &Credential<'_>) -> Time {
    let not_before = leaf.validity().0;
    Time::from_secs(not_before.as_secs().saturating_add(credential.valid_time.into()))
}

/// Checks a credential of a leaf whose chain has been accepted, but for whether the handshake's signature has its scheme,
/// which shows later. `offered` are the schemes that the certificate's key may sign with, `delegated` those for delegated
/// keys. RFC 9345 §4.1.3.
pub fn verify_delegated_credential(
    provider: &dyn Provider,
    purpose: Purpose,
    leaf: &CertificateDer<'_>,
    delegated_credential: &DelegatedCredential<'_>,
    (offered, delegated): (&[SignatureScheme], &[SignatureScheme]),
    now: Time,
) -> Result<(), DelegationRefused> {
    let DelegatedCredential { credential, algorithm, signature } = delegated_credential;
    let read = PeerCertificate::read(leaf).map_err(|_| DelegationRefused::Unreadable)?;

    // 1, 2. It is valid now, and for seven days at most. The last second is valid to its end.
    let expires = delegation_expires(&read, credential);
    if now.as_secs() > expires.as_secs() {
        return Err(DelegationRefused::Expired(expires));
    }
    if expires.as_secs() > now.as_secs().saturating_add(MAX_DELEGATION_LIFETIME.into()) {
        return Err(DelegationRefused::LivesTooLong(expires));
    }

    // 3. Its scheme is allowed, and was asked for; so was that of the signature over it. RFC 9345 §4.1.1.
    let scheme = credential.dc_cert_verify_algorithm;
    if !is_delegation_scheme(scheme) || !delegated.contains(&scheme) {
        return Err(DelegationRefused::Scheme(scheme));
    }
    if !offered.contains(algorithm) {
        return Err(DelegationRefused::SignatureScheme(*algorithm));
    }

    // 4. The certificate allows it. RFC 9345 §4.2.
    check_certificate(&read)?;

    // 5. The certificate's key vouches for it.
    let message =
        delegation_message(purpose, leaf, credential, *algorithm).map_err(|_| DelegationRefused::Unreadable)?;
    let version = ProtocolVersion::TLSv1_3;
    verify_handshake_signature(provider, leaf, version, *algorithm, &message, signature).map_err(
        |failure| match failure {
            super::SignatureFailure::BadCertificate => DelegationRefused::Unreadable,
            super::SignatureFailure::SchemeDoesNotFitKey => DelegationRefused::SignatureScheme(*algorithm),
            super::SignatureFailure::DoesNotVerify => DelegationRefused::SignatureWrong,
        },
    )
}

/// Checks that a certificate may delegate: it says so, and keyUsage names digitalSignature. RFC 9345 §4.2.
pub(crate) fn check_certificate(leaf: &PeerCertificate<'_>) -> Result<(), DelegationRefused> {
    match leaf.delegation_usage() {
        Ok(true) => {}
        Ok(false) => return Err(DelegationRefused::NoDelegationUsage),
        Err(_) => return Err(DelegationRefused::Unreadable),
    }
    match leaf.key_usage() {
        Ok(Some(usage)) if usage.digital_signature() => Ok(()),
        Ok(_) => Err(DelegationRefused::NoDigitalSignature),
        Err(_) => Err(DelegationRefused::Unreadable),
    }
}
