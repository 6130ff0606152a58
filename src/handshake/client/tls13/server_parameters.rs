//! Server parameters: EncryptedExtensions and CertificateRequest. RFC 8446 §4.3.

use alloc::vec::Vec;

use super::State;
use super::authentication::{WaitCertificate, accept_certificate};
use super::key_exchange::Handshake;
use super::pre_shared_key::{WaitFinishedOfPsk, settle_early_data};
use crate::error::{Error, Violation};
use crate::handshake::certificates::read_request;
use crate::handshake::{Incoming, Outgoing};
use crate::wire::{
    CertificateRequest, EncryptedExtension, EncryptedExtensions, ExtensionContext, HandshakeType, ProtocolVersion,
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

    /// Says whether the certificate may come compressed: our hello offered it. RFC 8879 §3.
    pub(super) fn takes_compressed(&self) -> bool {
        self.handshake.takes_compressed()
    }

    /// RFC 8446 §4.4.2, from a server that does not ask for ours.
    pub(super) fn accept_certificate(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        accept_certificate(self.handshake, self.application_protocol, None, message, out)
    }
}
