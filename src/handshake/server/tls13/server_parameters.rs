//! Server parameters: EncryptedExtensions and CertificateRequest. RFC 8446 §4.3.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::key_exchange::Handshake;
use crate::config::ServerConfig;
use crate::error::Error;
use crate::handshake::Outgoing;
use crate::record::Level;
use crate::verify::{CERTIFICATE_ONLY_SCHEMES, Roots};
use crate::wire::{
    CertificateRequest, CertificateRequestExtension, CertificateType, DistinguishedName, EncryptedExtension,
    EncryptedExtensions, ProtocolNameList,
};

/// RFC 8446 §4.3.1.
pub(super) fn send_encrypted_extensions(
    handshake: &mut Handshake,
    accepts_early_data: bool,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let mut extensions = Vec::new();
    // RFC 6066 §3: a server that used the name says so with an empty extension, and not again when it resumes.
    if handshake.server_name.is_some() && handshake.authenticated_at.is_none() {
        extensions.push(EncryptedExtension::ServerNameAck);
    }
    if let Some(protocol) = &handshake.application_protocol {
        let protocols = ProtocolNameList { protocol_name_list: vec![protocol.as_slice()] };
        extensions.push(EncryptedExtension::ApplicationLayerProtocolNegotiation(protocols));
    }
    let types = handshake.certificate_types;
    extensions.extend(types.told_of_client().map(EncryptedExtension::ClientCertificateType));
    extensions.extend(types.told_of_server().map(EncryptedExtension::ServerCertificateType));
    extensions.extend(handshake.record_sizes.record_size_limit().map(EncryptedExtension::RecordSizeLimit));
    extensions.extend(handshake.record_sizes.max_fragment_length().map(EncryptedExtension::MaxFragmentLength));
    if accepts_early_data {
        extensions.push(EncryptedExtension::EarlyData);
    }
    let message = EncryptedExtensions { extensions };
    out.send(Level::Handshake, &message, &mut handshake.transcript)
}

/// Asks for the client's certificate if the configuration wants one. RFC 8446 §4.3.2.
pub(super) fn send_certificate_request(handshake: &mut Handshake, out: &mut Outgoing) -> Result<(), Error> {
    let config = Arc::clone(&handshake.config);
    let Some(roots) = config.client_auth.roots() else { return Ok(()) };
    let subjects = authorities(roots, handshake.certificate_types.client);
    let message = certificate_request(&config, &subjects, &[]);
    out.send(Level::Handshake, &message, &mut handshake.transcript)
}

/// The names of the authorities that a client's chain may lead to. Nobody has issued a raw public key.
pub(super) fn authorities(roots: &Roots, certificate_type: CertificateType) -> Vec<Vec<u8>> {
    match certificate_type {
        CertificateType::RawPublicKey => Vec::new(),
        _ => roots.subjects_that_fit(MAX_AUTHORITIES_LEN),
    }
}

/// What is asked for: in the handshake with an empty context, after it with one of its own. RFC 8446 §4.3.2, §4.6.2.
pub(super) fn certificate_request<'r>(
    config: &ServerConfig,
    subjects: &'r [Vec<u8>],
    context: &'r [u8],
) -> CertificateRequest<'r> {
    let ours = &config.preferences.signature_schemes;
    let certificates = CERTIFICATE_ONLY_SCHEMES.iter().filter(|scheme| !ours.contains(scheme));
    let schemes = ours.iter().chain(certificates).copied().collect();
    let mut extensions = vec![CertificateRequestExtension::SignatureAlgorithms(schemes)];
    if !subjects.is_empty() {
        let names = subjects.iter().map(|name| DistinguishedName(name)).collect();
        extensions.push(CertificateRequestExtension::CertificateAuthorities(names));
    }
    CertificateRequest { certificate_request_context: context, extensions }
}

/// The most bytes of certificate_authorities that we send.
const MAX_AUTHORITIES_LEN: usize = 8192;
