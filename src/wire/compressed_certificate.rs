//! CompressedCertificate: a Certificate message, smaller. RFC 8879 §4.

use super::{CertificateCompressionAlgorithm, Codec, HandshakeType, Malformed, Message, Reader, TooLong, Writer};

/// ```text
/// struct {
///     CertificateCompressionAlgorithm algorithm;
///     uint24 uncompressed_length;
///     opaque compressed_certificate_message<1..2^24-1>;
/// } CompressedCertificate;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompressedCertificate<'a> {
    /// How it is compressed.
    pub algorithm: CertificateCompressionAlgorithm,
    /// The length in bytes of the Certificate message's body, before it was compressed: at most 2^24 − 1.
    pub uncompressed_length: u32,
    /// The compressed body.
    pub compressed_certificate_message: &'a [u8],
}

impl<'a> Message<'a> for CompressedCertificate<'a> {
    const TYPE: HandshakeType = HandshakeType::compressed_certificate;
}

impl<'a> Codec<'a> for CompressedCertificate<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            algorithm: CertificateCompressionAlgorithm::read(r)?,
            uncompressed_length: r.u24()?,
            compressed_certificate_message: r.vector_u24(1..=0xff_ffff)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        self.algorithm.write(w)?;
        w.u24(self.uncompressed_length)?;
        w.vector_u24(1..=0xff_ffff, self.compressed_certificate_message)
    }
}
