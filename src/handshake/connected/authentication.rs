//! What an established connection keeps for authentication after the handshake, where the client offered it: what is asked, what is
//! being answered, and the transcript that both stand on. RFC 8446 §4.4, §4.6.2.
//!
//! The steps themselves are each role's own, in `client/tls13` and `server/tls13`.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::ServerName;

use crate::config::{ChainAccepted, ChainToVerify, ClientConfig, ServerConfig};
use crate::crypto::{Secret, Suite, sha256_of_parts};
use crate::error::{Error, Violation};
use crate::handshake::certificates::Requested;
use crate::handshake::proof::{Authenticated, crypto_failed};
use crate::handshake::{MAX_CERTIFICATE_REQUESTS, MAX_OPEN_CERTIFICATE_REQUESTS};
use crate::keys::Transcript;
use crate::verify::PeerChain;
use crate::wire::{CertificateType, SignatureScheme};

/// What a client keeps that has offered to be asked.
pub(crate) struct AskedClient {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) server_name: ServerName<'static>,
    /// What was settled in the handshake. RFC 7250 §4.
    pub(crate) certificate_type: CertificateType,
    /// ClientHello…client Finished.
    pub(crate) transcript: Transcript,
    /// Digests of the contexts of all requests so far.
    contexts: Vec<[u8; 32]>,
    /// Requests that come after the one that is being answered, oldest first.
    waiting: VecDeque<ReceivedRequest>,
    /// What the answer that is being made waits for.
    pub(crate) making: Option<MakingAnswer>,
    /// Whether an answer waits in the output.
    pub(super) answer_unsent: bool,
}

/// A CertificateRequest that is not answered yet. RFC 8446 §4.3.2.
pub(crate) struct ReceivedRequest {
    pub(crate) context: Vec<u8>,
    pub(crate) requested: Requested,
    /// ClientHello…client Finished, and this request. RFC 8446 §4.4.
    pub(crate) transcript: Transcript,
}

/// An answer that waits for the application. Nothing of it is sent before it is whole, because nothing may stand between its
/// messages.
pub(crate) enum MakingAnswer {
    /// Which certificate?
    AskIdentity(ReceivedRequest),
    /// Sign, please.
    AskSignature {
        /// Up to our Certificate.
        transcript: Transcript,
        /// Our Certificate, which is not sent yet.
        certificate: Vec<u8>,
        scheme: SignatureScheme,
    },
}

impl AskedClient {
    pub(crate) fn new(
        config: Arc<ClientConfig>,
        server_name: ServerName<'static>,
        certificate_type: CertificateType,
        transcript: Transcript,
    ) -> Self {
        let (contexts, waiting) = (Vec::new(), VecDeque::new());
        Self {
            config,
            server_name,
            certificate_type,
            transcript,
            contexts,
            waiting,
            making: None,
            answer_unsent: false,
        }
    }

    /// Counts a request. Its context is not empty, as it was in the handshake, and has not come before. RFC 8446 §4.3.2.
    pub(crate) fn count_request(&mut self, context: &[u8]) -> Result<(), Error> {
        let open = self.waiting.len() + usize::from(self.making.is_some());
        if open >= MAX_OPEN_CERTIFICATE_REQUESTS || self.contexts.len() >= MAX_CERTIFICATE_REQUESTS {
            return Err(Violation::TooManyCertificateRequests.into());
        }
        let digest = sha256_of_parts(&*self.config.preferences.provider, &[context]).map_err(crypto_failed)?;
        if context.is_empty() || self.contexts.contains(&digest) {
            return Err(Violation::BadCertificateRequestContext.into());
        }
        self.contexts.push(digest);
        Ok(())
    }

    /// Puts a request behind those that wait.
    pub(crate) fn push(&mut self, request: ReceivedRequest) {
        self.waiting.push_back(request);
    }

    /// Takes the oldest request that waits, unless another one is being answered.
    pub(crate) fn next_request(&mut self) -> Option<ReceivedRequest> {
        if self.making.is_some() { None } else { self.waiting.pop_front() }
    }

    /// Notes that an answer is on its way.
    pub(crate) fn answered(&mut self) {
        self.answer_unsent = true;
    }
}

/// What a server keeps that may ask.
pub(crate) struct AskingServer {
    pub(crate) config: Arc<ServerConfig>,
    /// What the client shows, as the handshake has settled it. RFC 7250 §4.
    pub(crate) certificate_type: CertificateType,
    /// ClientHello…client Finished.
    pub(crate) transcript: Transcript,
    /// How many requests there have been.
    made: usize,
    /// Requests to which no answer has begun.
    open: Vec<SentRequest>,
    /// Where the answer stands that has begun and not ended. It is the last of `answers`, unless it is an empty one.
    pub(crate) flight: Option<Flight>,
    /// Answers that are not both ended and judged, oldest first.
    pub(crate) answers: VecDeque<ClientAnswer>,
    /// What tickets for a client that has authenticated are made of, if it gets any.
    pub(crate) tickets: Option<KeptTickets>,
}

/// A CertificateRequest that was sent.
struct SentRequest {
    context: [u8; CONTEXT_LEN],
    /// ClientHello…client Finished, and this request. RFC 8446 §4.4.
    transcript: Transcript,
}

/// Length of a context in bytes: random, so that no client can have signed for it before. RFC 8446 §4.3.2.
pub(crate) const CONTEXT_LEN: usize = 16;

/// What comes next of an answer; no other message may come before it. RFC 8446 §4.6.2.
#[allow(clippy::enum_variant_names, reason = "they are states, named as the RFC names its own")]
pub(crate) enum Flight {
    /// Certificate has come.
    WaitCertificateVerify(Transcript),
    /// CertificateVerify has come.
    WaitFinished(Transcript),
    /// A Certificate without any has come.
    WaitFinishedOfNone(Transcript),
}

/// An answer with a chain.
pub(crate) struct ClientAnswer {
    pub(crate) chain: PeerChain,
    /// What the client stapled to its leaf.
    pub(crate) ocsp_response: Option<Vec<u8>>,
    pub(crate) judged: Judged,
    /// CertificateVerify, if it came before the verdict.
    pub(crate) signature: Option<ClientSignature>,
    /// Who the client is, once chain and signature are both found good.
    pub(crate) authenticated: Option<Authenticated>,
    /// Whether its Finished has come.
    pub(crate) is_finished: bool,
}

/// Whether a chain is to be trusted.
pub(crate) enum Judged {
    /// Another question is open, and this one comes after it.
    NotAsked(ChainToVerify),
    /// The question is open.
    Asked,
    /// It is.
    Accepted(ChainAccepted),
    /// It is, and the proof has been used up.
    Used,
}

/// A CertificateVerify that waits for the verdict.
pub(crate) struct ClientSignature {
    pub(crate) scheme: SignatureScheme,
    pub(crate) signature: Vec<u8>,
    /// What was signed.
    pub(crate) message: Vec<u8>,
}

/// What tickets are made of after the handshake.
pub(crate) struct KeptTickets {
    pub(crate) suite: Suite,
    pub(crate) resumption_secret: Secret,
    /// The number of the next ticket, which its nonce is. RFC 8446 §4.6.1.
    pub(crate) next_nonce: u16,
    /// What we showed.
    pub(crate) server_certificate_type: CertificateType,
}

impl AskingServer {
    pub(crate) fn new(
        config: Arc<ServerConfig>,
        certificate_type: CertificateType,
        transcript: Transcript,
        tickets: Option<KeptTickets>,
    ) -> Self {
        let (open, answers) = (Vec::new(), VecDeque::new());
        Self { config, certificate_type, transcript, made: 0, open, flight: None, answers, tickets }
    }

    /// Returns how many requests have not been answered in full.
    pub(crate) fn unanswered(&self) -> usize {
        let declining = matches!(self.flight, Some(Flight::WaitFinishedOfNone(_)));
        self.open.len() + self.answers.len() + usize::from(declining)
    }

    /// Says whether there may be another request.
    pub(crate) fn may_ask(&self) -> bool {
        self.unanswered() < MAX_OPEN_CERTIFICATE_REQUESTS && self.made < MAX_CERTIFICATE_REQUESTS
    }

    /// Keeps a request that is being sent.
    pub(crate) fn push(&mut self, context: [u8; CONTEXT_LEN], transcript: Transcript) {
        self.made += 1;
        self.open.push(SentRequest { context, transcript });
    }

    /// Says whether an answer may begin: a request is open, and no other answer is half there.
    pub(crate) fn awaits_certificate(&self) -> bool {
        !self.open.is_empty() && self.flight.is_none()
    }

    /// Says whether the certificate may come compressed: our request offered it. RFC 8879 §3.
    pub(crate) fn takes_compressed(&self) -> bool {
        !self.config.preferences.certificate_compression.is_empty()
    }

    /// Takes out the request of this context, which there must be. RFC 8446 §4.4.2.
    pub(crate) fn take_request(&mut self, context: &[u8]) -> Result<Transcript, Error> {
        let place = self.open.iter().position(|request| request.context == context);
        let place = place.ok_or(Violation::BadCertificateRequestContext)?;
        Ok(self.open.remove(place).transcript)
    }

    /// Says whether a question is open.
    pub(crate) fn is_asking(&self) -> bool {
        self.answers.iter().any(|answer| matches!(answer.judged, Judged::Asked))
    }
}
