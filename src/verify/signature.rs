//! Verifies a handshake signature with a certificate's key. RFC 8446 §4.4.3.

use pki_types::CertificateDer;

use super::PeerCertificate;
use crate::crypto::Provider;
use crate::wire::SignatureScheme;

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
/// scheme to the kind of RSA key, which the provider's algorithms say by their key's AlgorithmIdentifier.
pub fn verify_handshake_signature(
    provider: &dyn Provider,
    leaf: &CertificateDer<'_>,
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureFailure> {
    let leaf = PeerCertificate::read(leaf).map_err(|_| SignatureFailure::BadCertificate)?;
    let fits = provider
        .verification_algorithms()
        .iter()
        .filter(|row| row.scheme == Some(scheme))
        .map(|row| row.algorithm)
        .find(|algorithm| algorithm.public_key_alg_id().as_ref() == leaf.key_algorithm());
    let algorithm = fits.ok_or(SignatureFailure::SchemeDoesNotFitKey)?;
    let verified = algorithm.verify_signature(leaf.subject_public_key(), message, signature);
    verified.map_err(|_| SignatureFailure::DoesNotVerify)
}
