//! Certificate of TLS 1.3 and CertificateRequest, written and read: for both roles, in the handshake and after it. RFC 8446
//! §4.3.2, §4.4.2, RFC 8879.
//!
//! It knows no state. Whose turn it is, and what a chain is worth, others say.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::{CertificateDer, ServerName};

use super::{Incoming, Outgoing, shown};
use crate::config::compression::CompressCertificates;
use crate::config::{CertificateRequestInfo, Identity, Preferences, ServerConfig};
use crate::error::{Error, Violation};
use crate::keys::Transcript;
use crate::record::{Level, MAX_HANDSHAKE_MESSAGE_LEN};
use crate::verify::{CERTIFICATE_ONLY_SCHEMES, PeerChain};
use crate::wire::{
    Certificate, CertificateCompressionAlgorithm, CertificateEntry, CertificateExtension, CertificateRequest,
    CertificateRequestExtension, CertificateStatus, CertificateType, Codec, CompressedCertificate, DistinguishedName,
    ExtensionContext, ExtensionType, HANDSHAKE_HEADER_LEN, HandshakeType, ProtocolVersion, TooLong, allowed_in,
    read_all, write_all, write_message,
};

/// What the peer takes beside a chain, as its ClientHello or CertificateRequest says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Takes {
    /// status_request.
    pub(crate) ocsp_response: bool,
    /// signed_certificate_timestamp.
    pub(crate) timestamps: bool,
    /// compress_certificate: what it can decompress.
    pub(crate) compression: Vec<CertificateCompressionAlgorithm>,
}

/// A CertificateRequest, read.
pub(crate) struct Requested {
    pub(crate) info: CertificateRequestInfo,
    pub(crate) takes: Takes,
}

/// The extensions of a CertificateRequest; `subjects` are the names of the roots that fit. RFC 8446 §4.3.2.
pub(crate) fn request_extensions<'r>(
    config: &ServerConfig,
    subjects: &'r [Vec<u8>],
) -> Vec<CertificateRequestExtension<'r>> {
    let preferences = &config.preferences;
    let handshake = &preferences.signature_schemes;
    let mut extensions = Vec::new();
    match &preferences.certificate_schemes {
        Some(certificates) => {
            extensions.push(CertificateRequestExtension::SignatureAlgorithms(handshake.clone()));
            extensions.push(CertificateRequestExtension::SignatureAlgorithmsCert(certificates.clone()));
        }
        // The one list speaks for both. RFC 8446 §4.2.3.
        None => {
            let certificates = CERTIFICATE_ONLY_SCHEMES.iter().filter(|scheme| !handshake.contains(scheme));
            let schemes = handshake.iter().chain(certificates).copied().collect();
            extensions.push(CertificateRequestExtension::SignatureAlgorithms(schemes));
        }
    }
    if !subjects.is_empty() {
        let names = subjects.iter().map(|name| DistinguishedName(name)).collect();
        extensions.push(CertificateRequestExtension::CertificateAuthorities(names));
    }
    if config.asks_for_ocsp {
        extensions.push(CertificateRequestExtension::StatusRequest);
    }
    if !preferences.certificate_compression.is_empty() {
        extensions.push(CertificateRequestExtension::CompressCertificate(preferences.compression_algorithms()));
    }
    extensions
}

/// Reads a CertificateRequest. RFC 8446 §4.3.2.
pub(crate) fn read_request(
    request: &CertificateRequest<'_>,
    server_name: &ServerName<'static>,
    certificate_type: CertificateType,
) -> Result<Requested, Error> {
    let (mut signature_schemes, mut certificate_schemes) = (None, None);
    let (mut certificate_authorities, mut takes) = (Vec::new(), Takes::default());
    for extension in &request.extensions {
        match extension {
            CertificateRequestExtension::SignatureAlgorithms(schemes) => signature_schemes = Some(schemes.clone()),
            CertificateRequestExtension::SignatureAlgorithmsCert(schemes) => {
                certificate_schemes = Some(schemes.clone());
            }
            CertificateRequestExtension::CertificateAuthorities(names) => {
                certificate_authorities = names.iter().map(|name| name.0.to_vec()).collect();
            }
            CertificateRequestExtension::StatusRequest => takes.ocsp_response = true,
            CertificateRequestExtension::SignedCertificateTimestamp => takes.timestamps = true,
            CertificateRequestExtension::CompressCertificate(algorithms) => takes.compression.clone_from(algorithms),
            // Unknown extensions of a request are ignored; known ones that belong elsewhere are refused.
            other => {
                let extension = other.extension_type();
                if allowed_in(extension, ExtensionContext::CertificateRequest) == Some(false) {
                    let message = HandshakeType::certificate_request;
                    return Err(Violation::ExtensionNotAllowed(extension, message).into());
                }
            }
        }
    }
    let missing = Violation::ExtensionMissing(ExtensionType::signature_algorithms, HandshakeType::certificate_request);
    let signature_schemes = signature_schemes.ok_or(missing)?;
    let info = CertificateRequestInfo {
        version: ProtocolVersion::TLSv1_3,
        server_name: server_name.clone(),
        certificate_signature_schemes: certificate_schemes.unwrap_or_else(|| signature_schemes.clone()),
        signature_schemes,
        certificate_authorities,
        certificate_type,
    };
    Ok(Requested { info, takes })
}

/// Whom a Certificate shows, with the identity that signs for it: the same one, or one with a delegated key.
pub(crate) struct Shown<'i> {
    pub(crate) identity: &'i Identity,
    pub(crate) signing: &'i Identity,
}

/// Sends Certificate in the handshake, where its context is empty.
pub(crate) fn send(
    shown: Option<&Shown<'_>>,
    takes: &Takes,
    preferences: &Preferences,
    transcript: &mut Transcript,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let message = write(shown, &[], takes, preferences)?;
    out.send_written(Level::Handshake, message, transcript);
    Ok(())
}

/// Writes Certificate, empty if there is nobody to show; compressed, if we have an algorithm that the peer takes. RFC 8446
/// §4.4.2, RFC 8879 §4.
pub(crate) fn write(
    shown: Option<&Shown<'_>>,
    context: &[u8],
    takes: &Takes,
    preferences: &Preferences,
) -> Result<Vec<u8>, Error> {
    let certificate = certificate(shown, context, takes)?;
    // An empty one would only grow.
    let mut compression = preferences.certificate_compression.iter();
    let compression = compression.find(|ours| takes.compression.contains(&ours.algorithm()));
    let Some((shown, compression)) = shown.zip(compression) else { return Ok(write_message(&certificate)?) };
    let (provider, body) = (&*preferences.provider, write_all(&certificate)?);
    let compressed = if context.is_empty() {
        shown.identity.compressed_forms().compress(&**compression, provider, &body)
    } else {
        // No other message has this context.
        compression.compress(provider, &body)
    };
    let Some(compressed) = compressed else { return Ok(write_message(&certificate)?) };
    let compressed = CompressedCertificate {
        algorithm: compression.algorithm(),
        uncompressed_length: u32::try_from(body.len()).map_err(|_| TooLong)?,
        compressed_certificate_message: &compressed,
    };
    Ok(write_message(&compressed)?)
}

/// The context of the handshake. RFC 8446 §4.4.2.
pub(crate) fn no_context(context: &[u8]) -> Result<(), Error> {
    if context.is_empty() { Ok(()) } else { Err(Violation::BadCertificateRequestContext.into()) }
}

/// What belongs to the chain stands beside the leaf. RFC 8446 §4.4.2, §4.4.2.1, RFC 6962 §3.3, RFC 9345 §4.1.1.
fn certificate<'c>(
    shown: Option<&'c Shown<'c>>,
    certificate_request_context: &'c [u8],
    takes: &Takes,
) -> Result<Certificate<'c>, Error> {
    let Some(Shown { identity, signing }) = shown else {
        return Ok(Certificate { certificate_request_context, certificate_list: Vec::new() });
    };
    let mut of_leaf = Vec::new();
    if let Some(response) = identity.stapled().filter(|_| takes.ocsp_response) {
        of_leaf.push(CertificateExtension::StatusRequest(CertificateStatus::Ocsp(response)));
    }
    if let Some(list) = identity.timestamps().filter(|_| takes.timestamps) {
        of_leaf.push(CertificateExtension::SignedCertificateTimestamp(read_own(list)?));
    }
    if let Some(credential) = signing.credential() {
        of_leaf.push(CertificateExtension::DelegatedCredential(read_own(credential)?));
    }
    let entry = |certificate: &'c CertificateDer<'static>| CertificateEntry {
        cert_data: certificate.as_ref(),
        extensions: core::mem::take(&mut of_leaf),
    };
    Ok(Certificate { certificate_request_context, certificate_list: identity.chain().iter().map(entry).collect() })
}

/// Reads what was read when the identity was made.
fn read_own<'o, T: Codec<'o>>(bytes: &'o [u8]) -> Result<T, Error> {
    read_all(bytes).map_err(|_| TooLong.into())
}

/// A peer's Certificate, read.
pub(crate) struct Received {
    /// Leaf first; empty if the peer shows none.
    pub(crate) chain: PeerChain,
    /// Beside the leaf: what was asked for, and came.
    pub(crate) beside: Beside,
    /// A DelegatedCredential, where it was asked for.
    pub(crate) delegated_credential: Option<Vec<u8>>,
}

/// What a peer sent beside its leaf.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    pub(crate) ocsp_response: Option<Vec<u8>>,
    /// A SignedCertificateTimestampList.
    pub(crate) timestamps: Option<Vec<u8>>,
}

/// Reads Certificate, or CompressedCertificate in one of the ways that we have offered; of the type that was agreed on.
/// `request` finds what it answers by its context; `check` says whether an entry may have an extension. RFC 8446 §4.4.2,
/// RFC 8879 §4.
pub(crate) fn read<T>(
    message: Incoming<'_>,
    request: impl FnOnce(&[u8]) -> Result<T, Error>,
    agreed: CertificateType,
    offered: &[Arc<dyn CompressCertificates>],
    check: impl Fn(ExtensionType) -> Result<(), Error>,
) -> Result<(T, Received), Error> {
    let body = uncompressed(message, offered)?;
    let certificate: Certificate<'_> =
        read_all(&body).map_err(|reason| Error::Malformed { message: Some(HandshakeType::certificate), reason })?;
    let request = request(certificate.certificate_request_context)?;
    let chain = shown::read_entries(agreed, &certificate.certificate_list)?;
    for extension in certificate.certificate_list.iter().flat_map(|entry| &entry.extensions) {
        check(extension.extension_type())?;
    }
    // What stands beside other certificates is nothing to us.
    let (mut beside, mut delegated_credential) = (Beside::default(), None);
    for extension in certificate.certificate_list.first().iter().flat_map(|leaf| &leaf.extensions) {
        match extension {
            CertificateExtension::StatusRequest(CertificateStatus::Ocsp(response)) => {
                beside.ocsp_response = Some(response.to_vec());
            }
            CertificateExtension::SignedCertificateTimestamp(list) => beside.timestamps = Some(write_all(list)?),
            CertificateExtension::DelegatedCredential(credential) => {
                delegated_credential = Some(write_all(credential)?);
            }
            CertificateExtension::StatusRequest(CertificateStatus::Other(..)) | CertificateExtension::Unknown(_) => {}
        }
    }
    Ok((request, Received { chain, beside, delegated_credential }))
}

/// The body of Certificate. What a peer declares is held against the limit for any handshake message before anything is
/// allocated. RFC 8879 §4, §5.
fn uncompressed<'m>(message: Incoming<'m>, offered: &[Arc<dyn CompressCertificates>]) -> Result<Cow<'m, [u8]>, Error> {
    if message.handshake_type() != HandshakeType::compressed_certificate {
        return Ok(Cow::Borrowed(message.body()));
    }
    let compressed: CompressedCertificate<'_> = message.parse()?;
    let algorithm = offered.iter().find(|ours| ours.algorithm() == compressed.algorithm);
    let algorithm = algorithm.ok_or(Violation::CompressionNotOffered(compressed.algorithm))?;
    let len = usize::try_from(compressed.uncompressed_length).unwrap_or(usize::MAX);
    if len > MAX_HANDSHAKE_MESSAGE_LEN - HANDSHAKE_HEADER_LEN {
        return Err(Violation::UncompressedCertificateTooLarge(compressed.uncompressed_length).into());
    }
    let body = algorithm.decompress(compressed.compressed_certificate_message, len);
    let body = body.filter(|body| body.len() == len).ok_or(Violation::CertificateNotDecompressed)?;
    Ok(Cow::Owned(body))
}
