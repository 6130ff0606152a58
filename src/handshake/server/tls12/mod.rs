//! The server's TLS 1.2 handshake from ClientHello on. RFC 5246 §7.3, Figure 1.
//!
//! ```text
//!   ClientHello ── settled in `hello`
//!      │                                  full.rs               ⟂ which certificate?
//!      │ ServerHello, Certificate, CertificateStatus if asked
//!      │ ServerKeyExchange                                      ⟂ sign, please
//!      │ CertificateRequest if wanted, ServerHelloDone
//!      │ Certificate, if asked            client_flight.rs      ⟂ is the chain to be trusted?
//!      │ ClientKeyExchange
//!      │ CertificateVerify, if a certificate was shown
//!   change_cipher_spec                    finished.rs
//!      │ Finished
//!      ▼ change_cipher_spec, Finished
//!   CONNECTED                             post_handshake.rs     ClientHello ends the connection
//! ```
//!
//! `⟂` marks a question: where its answer is not at hand, the state named after it waits.

mod client_flight;
mod finished;
mod full;
mod hello;
pub(crate) mod post_handshake;

pub(super) use full::start;
pub(super) use hello::settle;

use crate::error::{Error, Misuse, Violation};
use crate::handshake::{Answer, Incoming, Outgoing, Progress};
use crate::record::RecordBoundary;
use crate::wire::{ContentType, HandshakeType};

/// One state for each message that must come next, and one for each question.
pub(crate) enum State {
    AskIdentity(full::AskIdentity),
    AskSignature(full::AskSignature),
    WaitCertificate(client_flight::WaitCertificate),
    AskVerdict(client_flight::AskVerdict),
    WaitClientKeyExchange(client_flight::WaitClientKeyExchange),
    WaitCertificateVerify(client_flight::WaitCertificateVerify),
    WaitChangeCipherSpec(finished::WaitChangeCipherSpec),
    WaitFinished(finished::WaitFinished),
}

impl State {
    /// The table: what is no row is unexpected_message, and its body is never read.
    pub(crate) fn receive(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<Self>, Error> {
        use HandshakeType as T;
        let next = match (self, message.handshake_type()) {
            (Self::WaitCertificate(s), T::certificate) => s.accept(message, out)?,
            (Self::WaitClientKeyExchange(s), T::client_key_exchange) => s.accept(message, out)?,
            (Self::WaitCertificateVerify(s), T::certificate_verify) => s.accept(message, out)?,
            (Self::WaitFinished(s), T::finished) => return s.accept(message, out),
            (state, got) => return Err(Violation::UnexpectedMessage(got, state.name()).into()),
        };
        Ok(Progress::Handshaking(next))
    }

    /// The row of change_cipher_spec, which is no handshake message. RFC 5246 §7.1.
    pub(crate) fn receive_change_cipher_spec(
        self,
        boundary: RecordBoundary,
        out: &mut Outgoing,
    ) -> Result<Self, Error> {
        match self {
            Self::WaitChangeCipherSpec(s) => Ok(s.accept(boundary, out)),
            _ => Err(Violation::UnexpectedRecord(ContentType::change_cipher_spec).into()),
        }
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

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::AskIdentity(_) => "AskIdentity",
            Self::AskSignature(_) => "AskSignature",
            Self::WaitCertificate(_) => "WaitCertificate",
            Self::AskVerdict(_) => "AskVerdict",
            Self::WaitClientKeyExchange(_) => "WaitClientKeyExchange",
            Self::WaitCertificateVerify(_) => "WaitCertificateVerify",
            Self::WaitChangeCipherSpec(_) => "WaitChangeCipherSpec",
            Self::WaitFinished(_) => "WaitFinished",
        }
    }
}
