//! The client's certificate, if it was asked for one. RFC 8446 §4.4.2, §4.4.3.

use alloc::sync::Arc;

use super::State;
use super::finished::{Established, WaitFinished};
use crate::config::{ChainAccepted, ChainToVerify, ClientAuth, Decision, ServerConfig, Verdict};
use crate::error::{Error, Incompatible, Internal, Violation};
use crate::handshake::certificates::Received;
use crate::handshake::proof::{Authenticated, Signing, signed_message};
use crate::handshake::{Incoming, Outgoing, QuestionKind, certificates};
use crate::verify::{PeerChain, Purpose, Roots};
use crate::wire::{
    CertificateType, CertificateVerify, ExtensionContext, ExtensionType, HandshakeType, ProtocolVersion, allowed_in,
};

/// RFC 8446 §A.2: WAIT_CERT.
pub(crate) struct WaitCertificate {
    pub(super) established: Established,
}

impl WaitCertificate {
    /// Says whether the certificate may come compressed: our request offered it. RFC 8879 §3.
    pub(super) fn takes_compressed(&self) -> bool {
        !self.established.handshake.config.preferences.certificate_compression.is_empty()
    }

    /// RFC 8446 §4.4.2.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut established } = self;
        // 1. Our request had an empty context. 2. An entry's extensions answer ours.
        let config = Arc::clone(&established.handshake.config);
        let agreed = established.handshake.certificate_types.client;
        let ((), received) = read_certificate(&config, certificates::no_context, agreed, message)?;
        let chain = received.chain.clone();
        established.handshake.transcript.add(message.bytes());

        // 3. A client without a certificate: whether it may go on is the configuration's. RFC 8446 §4.4.2.4.
        let roots = match &config.client_auth {
            ClientAuth::Require(_) if chain.is_empty() => return Err(Incompatible::ClientCertificateRequired.into()),
            ClientAuth::None | ClientAuth::Request(_) if chain.is_empty() => {
                let authenticated = Authenticated::Anonymous;
                return Ok(State::WaitFinished(WaitFinished { established, authenticated }));
            }
            ClientAuth::None => return Err(Violation::NoServerCertificate.into()),
            ClientAuth::Request(roots) | ClientAuth::Require(roots) => roots,
        };

        // 4. Is it to be trusted? The built-in judge answers at once.
        let question = question_about(&config, roots, &received);
        established.handshake.beside = received.beside;
        let state = AskVerdict { established, chain };
        match config.verifier.verify(&question) {
            Decision::Now(verdict) if state.takes(&verdict) => state.accept(verdict),
            Decision::Now(_) => Err(Internal::VerdictAboutAnotherChain.into()),
            Decision::Refuse(alert) => Err(Error::Refused(alert)),
            Decision::Later => {
                out.ask(QuestionKind::VerifyChain(question));
                Ok(State::AskVerdict(state))
            }
        }
    }
}

/// Reads a client's chain, in the handshake or after it; empty if it has none. RFC 8446 §4.4.2.
pub(super) fn read_certificate<T>(
    config: &ServerConfig,
    request: impl FnOnce(&[u8]) -> Result<T, Error>,
    agreed: CertificateType,
    message: Incoming<'_>,
) -> Result<(T, Received), Error> {
    let compression = &config.preferences.certificate_compression;
    certificates::read(message, request, agreed, compression, |extension| check_extension(config, extension))
}

/// An extension of an entry answers one of our request. RFC 8446 §4.4.2. A credential, for which we never ask, has an alert of its
/// own. RFC 9345 §4.1.2.
fn check_extension(config: &ServerConfig, extension: ExtensionType) -> Result<(), Error> {
    let message = HandshakeType::certificate;
    match allowed_in(extension, ExtensionContext::Certificate) {
        _ if extension == ExtensionType::delegated_credential => Err(Violation::DelegatedCredentialNotOffered.into()),
        Some(true) if extension == ExtensionType::status_request && config.asks_for_ocsp => Ok(()),
        Some(false) => Err(Violation::ExtensionNotAllowed(extension, message).into()),
        Some(true) | None => Err(Violation::ExtensionNotOffered(extension, message).into()),
    }
}

/// What a client's chain is judged by.
pub(super) fn question_about(config: &ServerConfig, roots: &Arc<Roots>, received: &Received) -> ChainToVerify {
    ChainToVerify {
        chain: received.chain.clone(),
        purpose: Purpose::Client,
        name: None,
        now: config.preferences.now(),
        ocsp_response: received.beside.ocsp_response.clone(),
        signed_certificate_timestamps: None,
        certificate_schemes: config.preferences.certificate_schemes.clone(),
        roots: Arc::clone(roots),
        raw_public_keys: Arc::clone(&config.certificate_types.trusted),
        provider: Arc::clone(&config.preferences.provider),
    }
}

/// The chain is read and waits for its verdict.
pub(crate) struct AskVerdict {
    established: Established,
    chain: PeerChain,
}

impl AskVerdict {
    /// Says whether a verdict is about the chain that was asked about.
    pub(super) fn takes(&self, verdict: &Verdict) -> bool {
        verdict.as_ref().ok().is_none_or(|accepted| accepted.is_about(&self.chain))
    }

    pub(super) fn accept(self, verdict: Verdict) -> Result<State, Error> {
        let Self { established, .. } = self;
        let accepted = verdict?;
        Ok(State::WaitCertificateVerify(WaitCertificateVerify { established, accepted }))
    }
}

/// RFC 8446 §A.2: WAIT_CV.
pub(crate) struct WaitCertificateVerify {
    established: Established,
    accepted: ChainAccepted,
}

impl WaitCertificateVerify {
    /// RFC 8446 §4.4.3.
    pub(super) fn accept(self, message: Incoming<'_>) -> Result<State, Error> {
        let Self { mut established, accepted } = self;
        let handshake = &mut established.handshake;
        let verify: CertificateVerify<'_> = message.parse()?;
        let message_signed = signed_message(Signing::Client, &handshake.transcript.current());
        let authenticated = Authenticated::check(
            &*handshake.provider(),
            ProtocolVersion::TLSv1_3,
            &handshake.config.preferences.signature_schemes,
            accepted,
            &message_signed,
            (verify.algorithm, verify.signature),
        )?;
        handshake.transcript.add(message.bytes());
        Ok(State::WaitFinished(WaitFinished { established, authenticated }))
    }
}
