//! Certificate, in TLS 1.3 and in TLS 1.2. RFC 8446 §4.4.2, RFC 5246 §7.4.2.

use alloc::vec::Vec;

use super::extension::read_list;
use super::{CertificateExtension, Codec, HandshakeType, Malformed, Message, Reader, TooLong, Writer};

/// ```text
/// struct {
///     opaque certificate_request_context<0..2^8-1>;
///     CertificateEntry certificate_list<0..2^24-1>;
/// } Certificate;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// Empty in the handshake; after it, what CertificateRequest had.
    pub certificate_request_context: &'a [u8],
    /// The chain, leaf first; empty if a client has none to show.
    pub certificate_list: Vec<CertificateEntry<'a>>,
}

impl<'a> Message<'a> for Certificate<'a> {
    const TYPE: HandshakeType = HandshakeType::certificate;
}

impl<'a> Codec<'a> for Certificate<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { certificate_request_context: r.vector_u8(0..=0xff)?, certificate_list: r.list_u24(0..=0xff_ffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u8(0..=0xff, self.certificate_request_context)?;
        w.list_u24(0..=0xff_ffff, &self.certificate_list)
    }
}

/// `struct { opaque cert_data<1..2^24-1>; Extension extensions<0..2^16-1>; } CertificateEntry;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateEntry<'a> {
    /// The DER of an X.509 certificate, or of a SubjectPublicKeyInfo where the type is RawPublicKey.
    pub cert_data: &'a [u8],
    /// What belongs to this certificate.
    pub extensions: Vec<CertificateExtension<'a>>,
}

impl<'a> Codec<'a> for CertificateEntry<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { cert_data: r.vector_u24(1..=0xff_ffff)?, extensions: read_list(r, 0..=0xffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u24(1..=0xff_ffff, self.cert_data)?;
        w.list_u16(0..=0xffff, &self.extensions)
    }
}

/// `struct { ASN.1Cert certificate_list<0..2^24-1>; } Certificate;` of TLS 1.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateTls12<'a> {
    /// The chain, leaf first; empty if a client has none to show.
    pub certificate_list: Vec<Asn1Cert<'a>>,
}

impl<'a> Message<'a> for CertificateTls12<'a> {
    const TYPE: HandshakeType = HandshakeType::certificate;
}

impl<'a> Codec<'a> for CertificateTls12<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { certificate_list: r.list_u24(0..=0xff_ffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.list_u24(0..=0xff_ffff, &self.certificate_list)
    }
}

/// `struct { opaque ASN.1_subjectPublicKeyInfo<1..2^24-1>; } Certificate;` of TLS 1.2, where the type is RawPublicKey.
/// RFC 7250 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawPublicKeyTls12<'a> {
    /// The DER of a SubjectPublicKeyInfo. Empty, against the RFC, if a client has none to show: there is no other way to say
    /// so, and an empty list of certificates is the same bytes.
    pub subject_public_key_info: &'a [u8],
}

impl<'a> Message<'a> for RawPublicKeyTls12<'a> {
    const TYPE: HandshakeType = HandshakeType::certificate;
}

impl<'a> Codec<'a> for RawPublicKeyTls12<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self { subject_public_key_info: r.vector_u24(0..=0xff_ffff)? })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u24(0..=0xff_ffff, self.subject_public_key_info)
    }
}

/// `opaque ASN.1Cert<1..2^24-1>`: the DER of an X.509 certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asn1Cert<'a>(pub &'a [u8]);

impl<'a> Codec<'a> for Asn1Cert<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self(r.vector_u24(1..=0xff_ffff)?))
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u24(1..=0xff_ffff, self.0)
    }
}
