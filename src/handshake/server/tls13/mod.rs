//! The server's TLS 1.3 handshake from ClientHello on. RFC 8446 §A.2.
//!
//! ```text
//!   START, RECVD_CH ── settled in `hello`
//!      │                                  authentication.rs     ⟂ which certificate?
//!   NEGOTIATED
//!      │ ServerHello                      key_exchange.rs       K_send = K_recv = handshake
//!      │ EncryptedExtensions              server_parameters.rs
//!      │ CertificateRequest
//!      │ Certificate, CertificateVerify   authentication.rs     ⟂ sign, please
//!      │ Finished                                               K_send = application
//!   WAIT_FLIGHT2 ── no request ──────────▶ WAIT_FINISHED
//!   WAIT_CERT
//!      │ Certificate (may be empty)                             ⟂ is the chain to be trusted?
//!   WAIT_CV
//!      │ CertificateVerify
//!   WAIT_FINISHED
//!      │ Finished                                               K_recv = application
//!   CONNECTED                             post_handshake.rs     KeyUpdate
//! ```
//!
//! `⟂` marks a question: where its answer is not at hand, the state named after it waits.

mod authentication;
mod client_authentication;
mod key_exchange;
pub(crate) mod post_handshake;
mod server_parameters;

use super::hello::Settled;
use crate::error::{Error, Misuse, Violation};
use crate::handshake::{Answer, Incoming, Outgoing, Progress};
use crate::record::RecordBoundary;
use crate::wire::{ContentType, HandshakeType};

/// The states of RFC 8446 §A.2 from NEGOTIATED on, and one for each question.
pub(crate) enum State {
    AskIdentity(authentication::AskIdentity),
    AskSignature(authentication::AskSignature),
    WaitCertificate(client_authentication::WaitCertificate),
    AskVerdict(client_authentication::AskVerdict),
    WaitCertificateVerify(client_authentication::WaitCertificateVerify),
    WaitFinished(client_authentication::WaitFinished),
}

/// Goes on from a ClientHello that settled on TLS 1.3.
pub(super) fn start(settled: Settled, boundary: RecordBoundary, out: &mut Outgoing) -> Result<State, Error> {
    authentication::choose_identity(settled, boundary, out)
}

impl State {
    /// The table: what is no row is unexpected_message, and its body is never read.
    pub(crate) fn receive(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<Self>, Error> {
        use HandshakeType as T;
        let next = match (self, message.handshake_type()) {
            (Self::WaitCertificate(s), T::certificate) => s.accept(message, out)?,
            (Self::WaitCertificateVerify(s), T::certificate_verify) => s.accept(message)?,
            (Self::WaitFinished(s), T::finished) => return s.accept(message, out),
            (state, got) => return Err(Violation::UnexpectedMessage(got, state.name()).into()),
        };
        Ok(Progress::Handshaking(next))
    }

    /// The rows of the questions.
    pub(crate) fn answer(self, answer: Answer, out: &mut Outgoing) -> Result<Self, Error> {
        match (self, answer) {
            (Self::AskIdentity(s), Answer::Identity(identity)) => s.accept(identity, out),
            (Self::AskSignature(s), Answer::Signature(signature)) => s.accept(signature, out),
            (Self::AskVerdict(s), Answer::Verdict(verdict)) => s.accept(verdict),
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

    /// Counts early data. RFC 8446 §4.2.10.
    pub(crate) fn receive_early_data(&mut self, _len: usize) -> Result<(), Error> {
        Err(Violation::UnexpectedRecord(ContentType::application_data).into())
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::AskIdentity(_) => "AskIdentity",
            Self::AskSignature(_) => "AskSignature",
            Self::WaitCertificate(_) => "WaitCertificate",
            Self::AskVerdict(_) => "AskVerdict",
            Self::WaitCertificateVerify(_) => "WaitCertificateVerify",
            Self::WaitFinished(_) => "WaitFinished",
        }
    }
}
