//! The client's certificate, if it was asked for one. RFC 8446 §4.4.2, §4.4.3.

use alloc::sync::Arc;

use super::State;
use super::finished::{Established, WaitFinished};
use crate::config::{ChainAccepted, ChainToVerify, ClientAuth, Decision, ServerConfig, Verdict};
use crate::error::{Error, Incompatible, Internal, Violation};
use crate::handshake::proof::{Authenticated, Signing, signed_message};
use crate::handshake::{Incoming, Outgoing, QuestionKind, shown};
use crate::verify::{PeerChain, Purpose, Roots};
use crate::wire::{
    Certificate, CertificateType, CertificateVerify, ExtensionContext, HandshakeType, ProtocolVersion, allowed_in,
};

/// RFC 8446 §A.2: WAIT_CERT.
pub(crate) struct WaitCertificate {
    pub(super) established: Established,
}

impl WaitCertificate {
    /// RFC 8446 §4.4.2.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut established } = self;
        let certificate: Certificate<'_> = message.parse()?;
        // 1. Our request had an empty context.
        if !certificate.certificate_request_context.is_empty() {
            return Err(Violation::BadCertificateRequestContext.into());
        }
        let chain = read_chain(established.handshake.certificate_types.client, &certificate)?;
        established.handshake.transcript.add(message.bytes());

        // 2. A client without a certificate: whether it may go on is the configuration's. RFC 8446 §4.4.2.4.
        let config = Arc::clone(&established.handshake.config);
        let roots = match &config.client_auth {
            ClientAuth::Require(_) if chain.is_empty() => return Err(Incompatible::ClientCertificateRequired.into()),
            ClientAuth::None | ClientAuth::Request(_) if chain.is_empty() => {
                let authenticated = Authenticated::Anonymous;
                return Ok(State::WaitFinished(WaitFinished { established, authenticated }));
            }
            ClientAuth::None => return Err(Violation::NoServerCertificate.into()),
            ClientAuth::Request(roots) | ClientAuth::Require(roots) => roots,
        };

        // 3. Is it to be trusted? The built-in judge answers at once.
        let question = question_about(&config, roots, &chain);
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
pub(super) fn read_chain(agreed: CertificateType, certificate: &Certificate<'_>) -> Result<PeerChain, Error> {
    let list = &certificate.certificate_list;
    let chain = shown::read_entries(agreed, list)?;
    // An entry's extensions answer ours, and we asked for none.
    if let Some(extension) = list.iter().flat_map(|entry| &entry.extensions).next() {
        let (extension, message) = (extension.extension_type(), HandshakeType::certificate);
        return Err(match allowed_in(extension, ExtensionContext::Certificate) {
            Some(false) => Violation::ExtensionNotAllowed(extension, message).into(),
            Some(true) | None => Violation::ExtensionNotOffered(extension, message).into(),
        });
    }
    Ok(chain)
}

/// What a client's chain is judged by.
pub(super) fn question_about(config: &ServerConfig, roots: &Arc<Roots>, chain: &PeerChain) -> ChainToVerify {
    ChainToVerify {
        chain: chain.clone(),
        purpose: Purpose::Client,
        name: None,
        now: config.preferences.now(),
        ocsp_response: None,
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
