//! status_request, as it asks. RFC 6066 §8. What answers is `CertificateStatus`.

use alloc::vec::Vec;

use crate::wire::{CertificateStatusType, Codec, Malformed, Reader, TooLong, Writer};

/// Asks for the status of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateStatusRequest<'a> {
    /// By OCSP.
    Ocsp(OcspStatusRequest<'a>),
    /// By a way that is not looked into.
    Other(CertificateStatusType, &'a [u8]),
}

/// ```text
/// struct { ResponderID responder_id_list<0..2^16-1>; Extensions request_extensions; } OCSPStatusRequest;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspStatusRequest<'a> {
    /// The DER of the responders that the client trusts; empty means that it says nothing.
    pub responder_id_list: Vec<ResponderId<'a>>,
    /// The DER of OCSP request extensions.
    pub request_extensions: &'a [u8],
}

/// `opaque ResponderID<1..2^16-1>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponderId<'a>(pub &'a [u8]);

impl<'a> Codec<'a> for ResponderId<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self(r.vector_u16(1..=0xffff)?))
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u16(1..=0xffff, self.0)
    }
}

impl<'a> Codec<'a> for CertificateStatusRequest<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        match CertificateStatusType::read(r)? {
            CertificateStatusType::ocsp => Ok(Self::Ocsp(OcspStatusRequest {
                responder_id_list: r.list_u16(0..=0xffff)?,
                request_extensions: r.vector_u16(0..=0xffff)?,
            })),
            other => Ok(Self::Other(other, r.rest())),
        }
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        match self {
            Self::Ocsp(request) => {
                CertificateStatusType::ocsp.write(w)?;
                w.list_u16(0..=0xffff, &request.responder_id_list)?;
                w.vector_u16(0..=0xffff, request.request_extensions)
            }
            Self::Other(status_type, request) => {
                status_type.write(w)?;
                w.bytes(request);
                Ok(())
            }
        }
    }
}
