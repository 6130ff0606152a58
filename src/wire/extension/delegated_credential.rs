//! delegated_credential, in a CertificateEntry. RFC 9345 §4.

use crate::wire::{Codec, Malformed, Reader, SignatureScheme, TooLong, Writer};

/// What a delegated key may do. RFC 9345 §4.
///
/// ```text
/// struct {
///     uint32 valid_time;
///     SignatureScheme dc_cert_verify_algorithm;
///     opaque ASN1_subjectPublicKeyInfo<1..2^24-1>;
/// } Credential;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential<'a> {
    /// Seconds from the certificate's notBefore on until which it may be used.
    pub valid_time: u32,
    /// The one scheme in which the delegated key signs the handshake.
    pub dc_cert_verify_algorithm: SignatureScheme,
    /// The DER of the delegated key's SubjectPublicKeyInfo.
    pub subject_public_key_info: &'a [u8],
}

impl<'a> Codec<'a> for Credential<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            valid_time: r.u32()?,
            dc_cert_verify_algorithm: SignatureScheme::read(r)?,
            subject_public_key_info: r.vector_u24(1..=0xff_ffff)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.u32(self.valid_time);
        self.dc_cert_verify_algorithm.write(w)?;
        w.vector_u24(1..=0xff_ffff, self.subject_public_key_info)
    }
}

/// A credential with the signature of the certificate's key over it. RFC 9345 §4.
///
/// ```text
/// struct {
///     Credential cred;
///     SignatureScheme algorithm;
///     opaque signature<1..2^16-1>;
/// } DelegatedCredential;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelegatedCredential<'a> {
    /// What is delegated.
    pub credential: Credential<'a>,
    /// The scheme of the signature.
    pub algorithm: SignatureScheme,
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> Codec<'a> for DelegatedCredential<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            credential: Credential::read(r)?,
            algorithm: SignatureScheme::read(r)?,
            signature: r.vector_u16(1..=0xffff)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.credential.write(w)?;
        self.algorithm.write(w)?;
        w.vector_u16(1..=0xffff, self.signature)
    }
}
