//! Server parameters: EncryptedExtensions and CertificateRequest. RFC 8446 §4.3.

use alloc::vec::Vec;

use pki_types::ServerName;

use super::State;
use super::authentication::{WaitCertificate, accept_certificate};
use super::key_exchange::Handshake;
use super::pre_shared_key::{WaitFinishedOfPsk, settle_early_data};
use crate::config::CertificateRequestInfo;
use crate::error::{Error, Violation};
use crate::handshake::{Incoming, Outgoing};
use crate::wire::{
    CertificateRequest, CertificateRequestExtension, CertificateType, EncryptedExtension, EncryptedExtensions,
    ExtensionContext, ExtensionType, HandshakeType, ProtocolVersion, allowed_in,
};

/// RFC 8446 §A.1: WAIT_EE.
pub(crate) struct WaitEncryptedExtensions {
    pub(super) handshake: Handshake,
}

impl WaitEncryptedExtensions {
    /// RFC 8446 §4.3.1.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut handshake } = self;
        let received: EncryptedExtensions<'_> = message.parse()?;
        let (mut application_protocol, mut takes_early_data) = (None, false);
        let (mut record_size_limit, mut max_fragment_length) = (None, None);
        for extension in &received.extensions {
            let context = ExtensionContext::EncryptedExtensions;
            handshake.offer.check_answer(extension.extension_type(), context, HandshakeType::encrypted_extensions)?;
            match extension {
                EncryptedExtension::ApplicationLayerProtocolNegotiation(list) => {
                    application_protocol = Some(handshake.offer.chosen_protocol(list)?);
                }
                EncryptedExtension::EarlyData => takes_early_data = true,
                EncryptedExtension::Unknown(answer) => handshake.offer.keep_answer(answer),
                EncryptedExtension::ServerCertificateType(chosen) => {
                    let chosen = handshake.offer.chosen_certificate_type(extension.extension_type(), *chosen)?;
                    handshake.server_certificate_type = chosen;
                }
                EncryptedExtension::ClientCertificateType(chosen) => {
                    let chosen = handshake.offer.chosen_certificate_type(extension.extension_type(), *chosen)?;
                    handshake.client_certificate_type = chosen;
                }
                EncryptedExtension::RecordSizeLimit(limit) => record_size_limit = Some(*limit),
                EncryptedExtension::MaxFragmentLength(length) => max_fragment_length = Some(*length),
                // server_name is acknowledged, supported_groups is for a next connection, and what we did not offer was
                // refused above.
                _ => {}
            }
        }
        let version = ProtocolVersion::TLSv1_3;
        let sizes = handshake.offer.record_sizes(version, record_size_limit, max_fragment_length)?;
        handshake.record_sizes = sizes;
        // This message has to keep to it already: the server knew. RFC 8449 §4.
        out.read_limit(sizes.read_limit(version));
        out.write_limit(sizes.write_limit());
        settle_early_data(&mut handshake, takes_early_data, application_protocol.as_deref(), out)?;
        handshake.transcript.add(message.bytes());
        // With a PSK there are no certificates. RFC 8446 §2.2.
        Ok(match handshake.psk.take() {
            Some(psk) => State::WaitFinishedOfPsk(WaitFinishedOfPsk { handshake, application_protocol, psk }),
            None => {
                handshake.offer.check_server_certificate_type(handshake.server_certificate_type)?;
                State::WaitCertificateOrRequest(WaitCertificateOrRequest { handshake, application_protocol })
            }
        })
    }
}

/// RFC 8446 §A.1: WAIT_CERT_CR.
pub(crate) struct WaitCertificateOrRequest {
    handshake: Handshake,
    application_protocol: Option<Vec<u8>>,
}

impl WaitCertificateOrRequest {
    /// RFC 8446 §4.3.2.
    pub(super) fn accept_request(self, message: Incoming<'_>) -> Result<State, Error> {
        let Self { mut handshake, application_protocol } = self;
        let request: CertificateRequest<'_> = message.parse()?;
        // In the handshake the context is empty; others belong to requests after it.
        if !request.certificate_request_context.is_empty() {
            return Err(Violation::BadCertificateRequestContext.into());
        }
        let (name, certificate_type) = (&handshake.offer.name, handshake.client_certificate_type);
        let requested = read_request(&request, name, certificate_type)?;
        handshake.transcript.add(message.bytes());
        Ok(State::WaitCertificate(WaitCertificate { handshake, application_protocol, requested }))
    }

    /// RFC 8446 §4.4.2, from a server that does not ask for ours.
    pub(super) fn accept_certificate(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        accept_certificate(self.handshake, self.application_protocol, None, message, out)
    }
}

/// Reads what a server accepts, in the handshake or after it. RFC 8446 §4.3.2.
pub(super) fn read_request(
    request: &CertificateRequest<'_>,
    server_name: &ServerName<'static>,
    certificate_type: CertificateType,
) -> Result<CertificateRequestInfo, Error> {
    let (mut signature_schemes, mut certificate_schemes) = (None, None);
    let mut certificate_authorities = Vec::new();
    for extension in &request.extensions {
        match extension {
            CertificateRequestExtension::SignatureAlgorithms(schemes) => signature_schemes = Some(schemes.clone()),
            CertificateRequestExtension::SignatureAlgorithmsCert(schemes) => {
                certificate_schemes = Some(schemes.clone());
            }
            CertificateRequestExtension::CertificateAuthorities(names) => {
                certificate_authorities = names.iter().map(|name| name.0.to_vec()).collect();
            }
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
    Ok(CertificateRequestInfo {
        version: ProtocolVersion::TLSv1_3,
        server_name: server_name.clone(),
        certificate_signature_schemes: certificate_schemes.unwrap_or_else(|| signature_schemes.clone()),
        signature_schemes,
        certificate_authorities,
        certificate_type,
    })
}
