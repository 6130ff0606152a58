//! The signature algorithms that are accepted, one row each.
//!
//! `webpki` picks a row by comparing the AlgorithmIdentifiers of the signature and of the public key byte for byte. So a
//! key that is restricted to one hash (id-RSASSA-PSS with parameters) can be used with that hash only, and what has no
//! row (SHA-1, RSA below 2048 bits, P-521, explicit curve parameters) is not verified at all.

use pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use ring::signature::{self, UnparsedPublicKey};

use crate::crypto::VerificationAlgorithm;
use crate::wire::SignatureScheme;

/// A way to verify, and the two identifiers it answers to.
#[derive(Debug)]
struct Row {
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    verification: &'static dyn signature::VerificationAlgorithm,
}

impl SignatureVerificationAlgorithm for Row {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(self.verification, public_key).verify(message, signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.public_key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

macro_rules! rows {
    ($( $scheme:expr, $public_key:expr, $signature:expr, $verification:ident; )*) => {
        &[ $( VerificationAlgorithm {
            scheme: $scheme,
            algorithm: &Row {
                public_key: $public_key,
                signature: $signature,
                verification: &signature::$verification,
            },
        }, )* ]
    };
}

/// OBJECT IDENTIFIER 1.2.840.113549.1.1.11, sha256WithRSAEncryption, and nothing where the NULL should be.
const RSA_PKCS1_SHA256_WITHOUT_NULL: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b]);
/// OBJECT IDENTIFIER 1.2.840.113549.1.1.12, sha384WithRSAEncryption, and nothing where the NULL should be.
const RSA_PKCS1_SHA384_WITHOUT_NULL: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c]);
/// OBJECT IDENTIFIER 1.2.840.113549.1.1.13, sha512WithRSAEncryption, and nothing where the NULL should be.
const RSA_PKCS1_SHA512_WITHOUT_NULL: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d]);
/// OBJECT IDENTIFIER 1.2.840.113549.1.1.10, id-RSASSA-PSS, without parameters: a key for any hash. RFC 4055 §1.2.
pub(super) const RSASSA_PSS_ANY: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a]);

/// Everything that is accepted. The order has no meaning for `webpki`; ours is that of our preference.
///
/// A key with RSASSA-PSS parameters must carry exactly those of the signature. RFC 8446 §4.2.3. `alg_id::RSA_PSS_*` are
/// these bytes: id-RSASSA-PSS, { hash, MGF1 with the same hash, salt as long as the hash }.
pub(super) const ALGORITHMS: &[VerificationAlgorithm] = rows! {
    Some(SignatureScheme::ecdsa_secp256r1_sha256), alg_id::ECDSA_P256, alg_id::ECDSA_SHA256, ECDSA_P256_SHA256_ASN1;
    Some(SignatureScheme::ecdsa_secp384r1_sha384), alg_id::ECDSA_P384, alg_id::ECDSA_SHA384, ECDSA_P384_SHA384_ASN1;
    None, alg_id::ECDSA_P256, alg_id::ECDSA_SHA384, ECDSA_P256_SHA384_ASN1;
    None, alg_id::ECDSA_P384, alg_id::ECDSA_SHA256, ECDSA_P384_SHA256_ASN1;

    Some(SignatureScheme::ed25519), alg_id::ED25519, alg_id::ED25519, ED25519;

    Some(SignatureScheme::rsa_pss_rsae_sha256), alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256, RSA_PSS_2048_8192_SHA256;
    Some(SignatureScheme::rsa_pss_rsae_sha384), alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384, RSA_PSS_2048_8192_SHA384;
    Some(SignatureScheme::rsa_pss_rsae_sha512), alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512, RSA_PSS_2048_8192_SHA512;

    Some(SignatureScheme::rsa_pss_pss_sha256), RSASSA_PSS_ANY, alg_id::RSA_PSS_SHA256, RSA_PSS_2048_8192_SHA256;
    Some(SignatureScheme::rsa_pss_pss_sha384), RSASSA_PSS_ANY, alg_id::RSA_PSS_SHA384, RSA_PSS_2048_8192_SHA384;
    Some(SignatureScheme::rsa_pss_pss_sha512), RSASSA_PSS_ANY, alg_id::RSA_PSS_SHA512, RSA_PSS_2048_8192_SHA512;
    Some(SignatureScheme::rsa_pss_pss_sha256), alg_id::RSA_PSS_SHA256, alg_id::RSA_PSS_SHA256, RSA_PSS_2048_8192_SHA256;
    Some(SignatureScheme::rsa_pss_pss_sha384), alg_id::RSA_PSS_SHA384, alg_id::RSA_PSS_SHA384, RSA_PSS_2048_8192_SHA384;
    Some(SignatureScheme::rsa_pss_pss_sha512), alg_id::RSA_PSS_SHA512, alg_id::RSA_PSS_SHA512, RSA_PSS_2048_8192_SHA512;

    None, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256, RSA_PKCS1_2048_8192_SHA256;
    None, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA384, RSA_PKCS1_2048_8192_SHA384;
    None, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA512, RSA_PKCS1_2048_8192_SHA512;
    None, alg_id::RSA_ENCRYPTION, RSA_PKCS1_SHA256_WITHOUT_NULL, RSA_PKCS1_2048_8192_SHA256;
    None, alg_id::RSA_ENCRYPTION, RSA_PKCS1_SHA384_WITHOUT_NULL, RSA_PKCS1_2048_8192_SHA384;
    None, alg_id::RSA_ENCRYPTION, RSA_PKCS1_SHA512_WITHOUT_NULL, RSA_PKCS1_2048_8192_SHA512;
};
