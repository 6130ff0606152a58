//! CertificateStatus: a message of TLS 1.2, and the content of status_request in a TLS 1.3 CertificateEntry.
//! RFC 6066 §8, RFC 8446 §4.4.2.1.

use super::{CertificateStatusType, Codec, HandshakeType, Malformed, Message, Reader, TooLong, Writer};

/// Tells the status of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateStatus<'a> {
    /// `opaque OCSPResponse<1..2^24-1>`: the DER of an OCSPResponse.
    Ocsp(&'a [u8]),
    /// A status that is not looked into.
    Other(CertificateStatusType, &'a [u8]),
}

impl<'a> Message<'a> for CertificateStatus<'a> {
    const TYPE: HandshakeType = HandshakeType::certificate_status;
}

impl<'a> Codec<'a> for CertificateStatus<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        match CertificateStatusType::read(r)? {
            CertificateStatusType::ocsp => Ok(Self::Ocsp(r.vector_u24(1..=0xff_ffff)?)),
            other => Ok(Self::Other(other, r.rest())),
        }
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        match self {
            Self::Ocsp(response) => {
                CertificateStatusType::ocsp.write(w)?;
                w.vector_u24(1..=0xff_ffff, response)
            }
            Self::Other(status_type, status) => {
                status_type.write(w)?;
                w.bytes(status);
                Ok(())
            }
        }
    }
}
