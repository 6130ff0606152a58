//! The server's flight of a full handshake: Certificate to ServerHelloDone. RFC 5246 §7.4.2 to §7.4.5.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::State;
use super::client_flight::Flight;
use super::session::Ticket;
use crate::config::{CertificateRequestInfo, ChainAccepted, ChainToVerify, ClientConfig, Decision, Verdict};
use crate::crypto::{Authentication, Provider, SuiteTls12, is_tls12_group};
use crate::error::{Error, Internal, Violation};
use crate::handshake::client::hello::reported_name;
use crate::handshake::client::offer::Offer;
use crate::handshake::proof::Authenticated;
use crate::handshake::record_sizes::RecordSizes;
use crate::handshake::{HandshakeKind, Incoming, Negotiated, Outgoing, QuestionKind, shown};
use crate::keys::{Randoms, Transcript};
use crate::verify::{PeerChain, Purpose};
use crate::wire::{
    CertificateRequestTls12, CertificateStatus, CertificateType, ClientCertificateType, HandshakeType,
    MaxFragmentLength, NamedGroup, ProtocolVersion, ServerHelloDone, ServerKeyExchange, SignatureScheme, write_all,
};

/// What the server's hello has answered.
#[derive(Default)]
pub(super) struct Answered {
    pub(super) application_protocol: Option<Vec<u8>>,
    pub(super) extended_master_secret: bool,
    pub(super) certificate_status: bool,
    pub(super) session_ticket: bool,
    /// What the server will show, and what we shall show if it asks.
    pub(super) server_certificate_type: CertificateType,
    pub(super) client_certificate_type: CertificateType,
    pub(super) record_size_limit: Option<u16>,
    pub(super) max_fragment_length: Option<MaxFragmentLength>,
    pub(super) renegotiation_info: bool,
    /// The id that the server gives its new session; empty if none.
    pub(super) session_id: Vec<u8>,
}

/// What every state of the handshake owns.
pub(super) struct Handshake {
    pub(super) offer: Offer,
    pub(super) suite: SuiteTls12,
    pub(super) randoms: Randoms,
    pub(super) answered: Answered,
    /// What was agreed on about the size of records.
    pub(super) record_sizes: RecordSizes,
    pub(super) transcript: Transcript,
    /// What the server stapled to its leaf.
    pub(super) ocsp_response: Option<Vec<u8>>,
    /// What came in NewSessionTicket.
    pub(super) ticket: Option<Ticket>,
}

impl Handshake {
    pub(super) fn config(&self) -> &Arc<ClientConfig> {
        &self.offer.config
    }

    pub(super) fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.offer.config.preferences.provider)
    }

    /// The facts of this handshake; the peer's certificates come with the proof of who it is.
    pub(super) fn negotiated(&self, group: NamedGroup) -> Negotiated {
        Negotiated {
            version: ProtocolVersion::TLSv1_2,
            cipher_suite: self.suite.suite.id,
            group,
            hello_retried: false,
            server_name: reported_name(&self.offer),
            application_protocol: self.answered.application_protocol.clone(),
            peer_certificates: PeerChain::default(),
            peer_signature_scheme: None,
            peer_ocsp_response: self.ocsp_response.clone(),
            server_end_point: None,
            record_limit: 0,
            kind: HandshakeKind::Full,
            external_psk_identity: None,
            peer_extensions: self.offer.answers.clone().into(),
            ticket_age_skew: None,
            renegotiation_info: self.answered.renegotiation_info,
        }
    }
}

/// Goes on from a ServerHello that resumes nothing.
pub(super) fn start(handshake: Handshake) -> Result<State, Error> {
    handshake.offer.check_server_certificate_type(handshake.answered.server_certificate_type)?;
    Ok(State::WaitCertificate(WaitCertificate { handshake }))
}

/// ServerHello has come.
pub(crate) struct WaitCertificate {
    handshake: Handshake,
}

impl WaitCertificate {
    /// RFC 5246 §7.4.2, RFC 7250 §3.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut handshake } = self;
        let chain = shown::read_tls12(handshake.answered.server_certificate_type, message)?;
        if chain.is_empty() {
            return Err(Violation::NoServerCertificate.into());
        }
        handshake.transcript.add(message.bytes());
        if handshake.answered.certificate_status {
            return Ok(State::WaitCertificateStatus(WaitCertificateStatus { handshake, chain }));
        }
        ask_verdict(handshake, chain, None, out)
    }
}

/// The server has announced an OCSP response, and may still leave it out. RFC 6066 §8.
pub(crate) struct WaitCertificateStatus {
    handshake: Handshake,
    chain: PeerChain,
}

impl WaitCertificateStatus {
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut handshake, chain } = self;
        match message.parse()? {
            CertificateStatus::Ocsp(response) => handshake.ocsp_response = Some(response.to_vec()),
            // Not what was asked for.
            CertificateStatus::Other(..) => return Err(Violation::BadCertificateStatus.into()),
        }
        handshake.transcript.add(message.bytes());
        ask_verdict(handshake, chain, None, out)
    }

    pub(super) fn accept_without_status(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        ask_verdict(self.handshake, self.chain, Some(message.bytes().to_vec()), out)
    }
}

/// Is the chain to be trusted? The built-in judge answers at once.
fn ask_verdict(
    handshake: Handshake,
    chain: PeerChain,
    server_key_exchange: Option<Vec<u8>>,
    out: &mut Outgoing,
) -> Result<State, Error> {
    let config = Arc::clone(handshake.config());
    let question = ChainToVerify {
        chain: chain.clone(),
        purpose: Purpose::Server,
        name: Some(handshake.offer.name.clone()),
        now: config.preferences.now(),
        ocsp_response: handshake.ocsp_response.clone(),
        roots: Arc::clone(&config.roots),
        raw_public_keys: Arc::clone(&config.certificate_types.trusted),
        provider: handshake.provider(),
    };
    let state = AskVerdict { handshake, chain, server_key_exchange };
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

/// The chain is read and waits for its verdict.
pub(crate) struct AskVerdict {
    handshake: Handshake,
    chain: PeerChain,
    /// The message that came where an announced CertificateStatus was left out.
    server_key_exchange: Option<Vec<u8>>,
}

impl AskVerdict {
    /// Says whether a verdict is about the chain that was asked about.
    pub(super) fn takes(&self, verdict: &Verdict) -> bool {
        verdict.as_ref().ok().is_none_or(|accepted| accepted.is_about(&self.chain))
    }

    pub(super) fn accept(self, verdict: Verdict) -> Result<State, Error> {
        let Self { handshake, server_key_exchange, .. } = self;
        let state = WaitServerKeyExchange { handshake, accepted: verdict? };
        match server_key_exchange {
            Some(bytes) => state.accept(Incoming::new(&bytes, None)),
            None => Ok(State::WaitServerKeyExchange(state)),
        }
    }
}

/// The chain is trusted; that the server holds its key is still to be shown.
pub(crate) struct WaitServerKeyExchange {
    handshake: Handshake,
    accepted: ChainAccepted,
}

impl WaitServerKeyExchange {
    /// RFC 8422 §5.4.
    pub(super) fn accept(self, message: Incoming<'_>) -> Result<State, Error> {
        let Self { mut handshake, accepted } = self;
        let received: ServerKeyExchange<'_> = message.parse()?;
        let preferences = &handshake.config().preferences;
        // 1. A curve that we offered.
        let group = received.params.named_curve;
        if !is_tls12_group(group) || !preferences.groups.contains(&group) {
            return Err(Violation::GroupNotOffered.into());
        }
        // 2. A signature of the kind that the suite names, over both randoms and the parameters.
        match Authentication::of(received.algorithm) {
            Some(kind) if kind == handshake.suite.authentication => {}
            Some(_) => return Err(Violation::KeyDoesNotFitSuite.into()),
            None => return Err(Violation::SignatureSchemeNotOffered.into()),
        }
        let signed = signed_params(&handshake.randoms, &received)?;
        let authenticated = Authenticated::check(
            &*handshake.provider(),
            ProtocolVersion::TLSv1_2,
            &preferences.signature_schemes,
            accepted,
            &signed,
            (received.algorithm, received.signature),
        )?;
        let server_share = (group, received.params.public.to_vec());
        handshake.transcript.add(message.bytes());
        let flight = Flight { handshake, authenticated, server_share };
        Ok(State::WaitCertificateRequestOrDone(WaitCertificateRequestOrDone { flight }))
    }
}

/// client_random + server_random + ServerECDHParams. RFC 8422 §5.4.
fn signed_params(randoms: &Randoms, received: &ServerKeyExchange<'_>) -> Result<Vec<u8>, Error> {
    let params = write_all(&received.params)?;
    Ok([&randoms.client[..], &randoms.server, &params].concat())
}

/// The server is authenticated and may ask for our certificate.
pub(crate) struct WaitCertificateRequestOrDone {
    flight: Flight,
}

impl WaitCertificateRequestOrDone {
    /// RFC 5246 §7.4.4.
    pub(super) fn accept_request(self, message: Incoming<'_>) -> Result<State, Error> {
        let Self { mut flight } = self;
        let request: CertificateRequestTls12<'_> = message.parse()?;
        // A scheme is of use only if the server takes its kind of key too. RFC 5246 §7.4.4, RFC 8422 §5.5.
        let takes = |scheme: &&SignatureScheme| match Authentication::of(**scheme) {
            Some(Authentication::Ecdsa) => request.certificate_types.contains(&ClientCertificateType::ecdsa_sign),
            Some(Authentication::Rsa) => request.certificate_types.contains(&ClientCertificateType::rsa_sign),
            None => false,
        };
        let requested = CertificateRequestInfo {
            version: ProtocolVersion::TLSv1_2,
            server_name: flight.handshake.offer.name.clone(),
            signature_schemes: request.supported_signature_algorithms.iter().filter(takes).copied().collect(),
            certificate_signature_schemes: request.supported_signature_algorithms,
            certificate_authorities: request.certificate_authorities.iter().map(|name| name.0.to_vec()).collect(),
            certificate_type: flight.handshake.answered.client_certificate_type,
        };
        flight.handshake.transcript.add(message.bytes());
        Ok(State::WaitServerHelloDone(WaitServerHelloDone { flight, requested }))
    }

    /// RFC 5246 §7.4.5, from a server that does not ask for ours.
    pub(super) fn accept_done(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut flight } = self;
        end_server_flight(&mut flight, message)?;
        flight.exchange_keys(None, out)
    }
}

/// The server has asked for our certificate.
pub(crate) struct WaitServerHelloDone {
    flight: Flight,
    requested: CertificateRequestInfo,
}

impl WaitServerHelloDone {
    /// RFC 5246 §7.4.5.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<State, Error> {
        let Self { mut flight, requested } = self;
        end_server_flight(&mut flight, message)?;
        flight.choose_identity(requested, out)
    }
}

/// It is our turn now: nothing may stand behind ServerHelloDone.
fn end_server_flight(flight: &mut Flight, message: Incoming<'_>) -> Result<(), Error> {
    message.parse::<ServerHelloDone>()?;
    if message.boundary().is_err() {
        return Err(Violation::MessageBehindFlight(HandshakeType::server_hello_done).into());
    }
    flight.handshake.transcript.add(message.bytes());
    Ok(())
}
