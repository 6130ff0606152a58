//! CertificateRequest, in TLS 1.3 and in TLS 1.2. RFC 8446 §4.3.2, RFC 5246 §7.4.4.

use alloc::vec::Vec;

use super::extension::read_list;
use super::{
    CertificateRequestExtension, ClientCertificateType, Codec, DistinguishedName, HandshakeType, Malformed, Message,
    Reader, SignatureScheme, TooLong, Writer,
};

/// ```text
/// struct { opaque certificate_request_context<0..2^8-1>; Extension extensions<0..2^16-1>; } CertificateRequest;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest<'a> {
    /// Empty in the handshake; after it, what names the request.
    pub certificate_request_context: &'a [u8],
    /// The extensions in order.
    pub extensions: Vec<CertificateRequestExtension<'a>>,
}

impl<'a> Message<'a> for CertificateRequest<'a> {
    const TYPE: HandshakeType = HandshakeType::certificate_request;
}

impl<'a> Codec<'a> for CertificateRequest<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { certificate_request_context: r.vector_u8(0..=0xff)?, extensions: read_list(r, 0..=0xffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u8(0..=0xff, self.certificate_request_context)?;
        w.list_u16(0..=0xffff, &self.extensions)
    }
}

/// ```text
/// struct {
///     ClientCertificateType certificate_types<1..2^8-1>;
///     SignatureAndHashAlgorithm supported_signature_algorithms<2..2^16-2>;
///     DistinguishedName certificate_authorities<0..2^16-1>;
/// } CertificateRequest;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequestTls12<'a> {
    /// The kinds of certificates.
    pub certificate_types: Vec<ClientCertificateType>,
    /// The schemes that the server can verify.
    pub supported_signature_algorithms: Vec<SignatureScheme>,
    /// The acceptable authorities; empty means any.
    pub certificate_authorities: Vec<DistinguishedName<'a>>,
}

impl<'a> Message<'a> for CertificateRequestTls12<'a> {
    const TYPE: HandshakeType = HandshakeType::certificate_request;
}

impl<'a> Codec<'a> for CertificateRequestTls12<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            certificate_types: r.list_u8(1..=0xff)?,
            supported_signature_algorithms: r.list_u16(2..=0xfffe)?,
            certificate_authorities: r.list_u16(0..=0xffff)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.list_u8(1..=0xff, &self.certificate_types)?;
        w.list_u16(2..=0xfffe, &self.supported_signature_algorithms)?;
        w.list_u16(0..=0xffff, &self.certificate_authorities)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::wire::{read_all, write_all};

    /// RFC 8446 §4.4.2.1. Go's servers ask in this way.
    #[test]
    fn status_request_and_timestamps_are_asked_for_by_empty_extensions() {
        let body = [0, 0, 16, 0, 5, 0, 0, 0, 18, 0, 0, 0, 13, 0, 4, 0, 2, 8, 4];
        let request: CertificateRequest<'_> = read_all(&body).unwrap();
        assert_eq!(
            request.extensions,
            [
                CertificateRequestExtension::StatusRequest,
                CertificateRequestExtension::SignedCertificateTimestamp,
                CertificateRequestExtension::SignatureAlgorithms(alloc::vec![SignatureScheme::rsa_pss_rsae_sha256]),
            ]
        );
        assert_eq!(write_all(&request).unwrap(), body);
        // What ClientHello would carry is not empty.
        let of_a_client = [0, 0, 9, 0, 5, 0, 5, 1, 0, 0, 0, 0];
        assert_eq!(read_all::<CertificateRequest<'_>>(&of_a_client), Err(Malformed::TrailingBytes));
    }
}
