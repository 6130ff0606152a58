//! CertificateVerify. RFC 8446 §4.4.3; the same struct in RFC 5246 §7.4.8.

use super::{Codec, HandshakeType, Malformed, Message, Reader, SignatureScheme, TooLong, Writer};

/// `struct { SignatureScheme algorithm; opaque signature<0..2^16-1>; } CertificateVerify;`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateVerify<'a> {
    /// The scheme.
    pub algorithm: SignatureScheme,
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> Message<'a> for CertificateVerify<'a> {
    const TYPE: HandshakeType = HandshakeType::certificate_verify;
}

impl<'a> Codec<'a> for CertificateVerify<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { algorithm: SignatureScheme::read(r)?, signature: r.vector_u16(0..=0xffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.algorithm.write(w)?;
        w.vector_u16(0..=0xffff, self.signature)
    }
}
