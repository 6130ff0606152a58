//! The client's TLS 1.3 handshake from ServerHello on. RFC 8446 §A.1.
//!
//! ```text
//!   WAIT_SH ── settled in `hello`
//!      │ ServerHello                      key_exchange.rs       K_recv = handshake
//!   WAIT_EE
//!      │ EncryptedExtensions              server_parameters.rs
//!      ├────────────────── with a PSK ─────────────────┐
//!   WAIT_CERT_CR ── CertificateRequest ──▶ WAIT_CERT   │
//!      │ Certificate                                   │        ⟂ is the chain to be trusted?
//!   WAIT_CV                               authentication.rs
//!      │ CertificateVerify                             │
//!   WAIT_FINISHED                         WAIT_FINISHED of a PSK, pre_shared_key.rs
//!      │ Finished                                      │        ⟂ which certificate?  ⟂ sign, please
//!      ▼                                               ▼ EndOfEarlyData if early data was taken
//!      │ K_send = handshake; Certificate, CertificateVerify if asked; Finished; K = application
//!   CONNECTED                             post_handshake.rs     NewSessionTicket, KeyUpdate, CertificateRequest if that was offered
//! ```
//!
//! `⟂` marks a question: where its answer is not at hand, the state named after it waits.

mod authentication;
mod key_exchange;
pub(crate) mod post_handshake;
pub(crate) mod post_handshake_authentication;
mod pre_shared_key;
mod server_parameters;

use super::hello::Settled;
use crate::error::{Error, Misuse, Violation};
use crate::handshake::{Answer, Incoming, Outgoing, Progress};
use crate::record::RecordBoundary;
use crate::wire::HandshakeType;

/// The states of RFC 8446 §A.1 from WAIT_EE on, and one for each question.
pub(crate) enum State {
    WaitEncryptedExtensions(server_parameters::WaitEncryptedExtensions),
    WaitCertificateOrRequest(server_parameters::WaitCertificateOrRequest),
    WaitCertificate(authentication::WaitCertificate),
    AskVerdict(authentication::AskVerdict),
    WaitCertificateVerify(authentication::WaitCertificateVerify),
    WaitFinished(authentication::WaitFinished),
    WaitFinishedOfPsk(pre_shared_key::WaitFinishedOfPsk),
    AskIdentity(authentication::AskIdentity),
    AskSignature(authentication::AskSignature),
}

/// Goes on from a ServerHello that chose TLS 1.3.
pub(super) fn start(settled: Settled, boundary: RecordBoundary, out: &mut Outgoing) -> Result<State, Error> {
    key_exchange::derive_handshake_keys(settled, boundary, out).map(State::WaitEncryptedExtensions)
}

impl State {
    /// The table: what is no row is unexpected_message, and its body is never read.
    pub(crate) fn receive(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<Self>, Error> {
        use HandshakeType as T;
        let next = match (self, message.handshake_type()) {
            (Self::WaitEncryptedExtensions(s), T::encrypted_extensions) => s.accept(message, out)?,
            (Self::WaitCertificateOrRequest(s), T::certificate_request) => s.accept_request(message)?,
            (Self::WaitCertificateOrRequest(s), T::certificate) => s.accept_certificate(message, out)?,
            (Self::WaitCertificate(s), T::certificate) => s.accept(message, out)?,
            (Self::WaitCertificateVerify(s), T::certificate_verify) => s.accept(message)?,
            (Self::WaitFinished(s), T::finished) => return s.accept(message, out),
            (Self::WaitFinishedOfPsk(s), T::finished) => return s.accept(message, out),
            (state, got) => return Err(Violation::UnexpectedMessage(got, state.name()).into()),
        };
        Ok(Progress::Handshaking(next))
    }

    /// The rows of the questions.
    pub(crate) fn answer(self, answer: Answer, out: &mut Outgoing) -> Result<Progress<Self>, Error> {
        match (self, answer) {
            (Self::AskVerdict(s), Answer::Verdict(verdict)) => s.accept(verdict).map(Progress::Handshaking),
            (Self::AskIdentity(s), Answer::Identity(identity)) => s.accept(identity, out),
            (Self::AskSignature(s), Answer::Signature(signature)) => s.accept(signature, out),
            (_, Answer::Refuse(alert)) => Err(Error::Refused(alert)),
            (_, _) => Err(Misuse::WrongAnswer.into()),
        }
    }

    /// Says whether [`answer`](Self::answer) has a row for this state and answer.
    pub(crate) fn takes(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Self::AskVerdict(s), Answer::Verdict(verdict)) => s.takes(verdict),
            (Self::AskIdentity(_), Answer::Identity(_)) | (Self::AskSignature(_), Answer::Signature(_)) => true,
            (Self::AskVerdict(_) | Self::AskIdentity(_) | Self::AskSignature(_), Answer::Refuse(_)) => true,
            _ => false,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::WaitEncryptedExtensions(_) => "WaitEncryptedExtensions",
            Self::WaitCertificateOrRequest(_) => "WaitCertificateOrRequest",
            Self::WaitCertificate(_) => "WaitCertificate",
            Self::AskVerdict(_) => "AskVerdict",
            Self::WaitCertificateVerify(_) => "WaitCertificateVerify",
            Self::WaitFinished(_) => "WaitFinished",
            Self::WaitFinishedOfPsk(_) => "WaitFinishedOfPsk",
            Self::AskIdentity(_) => "AskIdentity",
            Self::AskSignature(_) => "AskSignature",
        }
    }
}
