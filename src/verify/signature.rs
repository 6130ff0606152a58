//! Verifies a handshake signature with a certificate's key. RFC 8446 §4.4.3.

use pki_types::{CertificateDer, alg_id};

use super::{PeerCertificate, PublicKeyInfo};
use crate::crypto::{Provider, VerificationAlgorithm};
use crate::wire::{ProtocolVersion, SignatureScheme};

/// Schemes that certificates may be signed with, and handshakes of TLS 1.3 may not. RFC 8446 §4.2.3.
pub const CERTIFICATE_ONLY_SCHEMES: &[SignatureScheme] =
    &[SignatureScheme::rsa_pkcs1_sha256, SignatureScheme::rsa_pkcs1_sha384, SignatureScheme::rsa_pkcs1_sha512];

/// Why a handshake signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureFailure {
    /// The certificate cannot be read.
    BadCertificate,
    /// The provider knows no such scheme for the certificate's kind of key.
    SchemeDoesNotFitKey,
    /// The signature does not verify.
    DoesNotVerify,
}

/// Verifies `signature` over `message` with the leaf's key. In TLS 1.3 a scheme is bound to its curve, and an RSA-PSS
/// scheme to the kind of RSA key, which the provider's algorithms say by their key's AlgorithmIdentifier. In TLS 1.2 an ECDSA
/// scheme names a hash alone, and RSA PKCS#1 is allowed. RFC 8446 §4.2.3.
pub fn verify_handshake_signature(
    provider: &dyn Provider,
    leaf: &CertificateDer<'_>,
    version: ProtocolVersion,
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureFailure> {
    let leaf = PeerCertificate::read(leaf).map_err(|_| SignatureFailure::BadCertificate)?;
    let key = PublicKeyInfo { algorithm: leaf.key_algorithm(), key: leaf.subject_public_key() };
    verify_handshake_signature_with_key(provider, key, version, scheme, message, signature)
}

/// Like [`verify_handshake_signature`], with the key itself.
pub fn verify_handshake_signature_with_key(
    provider: &dyn Provider,
    key: PublicKeyInfo<'_>,
    version: ProtocolVersion,
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureFailure> {
    let fits = provider
        .verification_algorithms()
        .iter()
        .filter(|row| row.scheme == Some(scheme) || version < ProtocolVersion::TLSv1_3 && is_tls12(row, scheme))
        .map(|row| row.algorithm)
        .find(|algorithm| algorithm.public_key_alg_id().as_ref() == key.algorithm);
    let algorithm = fits.ok_or(SignatureFailure::SchemeDoesNotFitKey)?;
    let verified = algorithm.verify_signature(key.key, message, signature);
    verified.map_err(|_| SignatureFailure::DoesNotVerify)
}

/// Says whether TLS 1.2 alone allows this algorithm under this scheme.
fn is_tls12(row: &VerificationAlgorithm, scheme: SignatureScheme) -> bool {
    let signature = row.algorithm.signature_alg_id();
    let identifier = match scheme {
        SignatureScheme::ecdsa_secp256r1_sha256 => alg_id::ECDSA_SHA256,
        SignatureScheme::ecdsa_secp384r1_sha384 => alg_id::ECDSA_SHA384,
        SignatureScheme::rsa_pkcs1_sha256 => alg_id::RSA_PKCS1_SHA256,
        SignatureScheme::rsa_pkcs1_sha384 => alg_id::RSA_PKCS1_SHA384,
        SignatureScheme::rsa_pkcs1_sha512 => alg_id::RSA_PKCS1_SHA512,
        _ => return false,
    };
    signature == identifier
}
