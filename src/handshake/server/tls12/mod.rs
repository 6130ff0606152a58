//! The server's TLS 1.2 handshake from ClientHello on. RFC 5246 §7.3, Figure 1 and Figure 2; RFC 5077 §3.1.
//!
//! ```text
//!   ClientHello ── settled in `hello`
//!      │                                  abbreviated.rs        ⟂ which session?
//!      ├─────────────── none that fits ───┐
//!      │ one that fits: Figure 2          │ Figure 1: full.rs   ⟂ which certificate?
//!      │                                  │ ServerHello, Certificate, CertificateStatus if asked
//!      │                                  │ ServerKeyExchange   ⟂ sign, please
//!      │                                  │ CertificateRequest if wanted, ServerHelloDone
//!      │                                  │ Certificate, if asked     client_flight.rs   ⟂ is the chain to be trusted?
//!      │ ServerHello                      │ ClientKeyExchange
//!      │ NewSessionTicket, to renew       │ CertificateVerify, if a certificate was shown
//!      │ change_cipher_spec, Finished   change_cipher_spec            finished.rs
//!   change_cipher_spec                    │ Finished
//!      │ Finished                         │ NewSessionTicket, if announced
//!      │                                  ▼ change_cipher_spec, Finished
//!   CONNECTED                          CONNECTED                      post_handshake.rs  ClientHello ends the connection
//! ```
//!
//! `⟂` marks a question: where its answer is not at hand, the state named after it waits.

mod abbreviated;
mod client_flight;
mod finished;
mod full;
mod hello;
pub(crate) mod post_handshake;
mod server_hello;
mod session;

pub(super) use abbreviated::start;
pub(super) use hello::settle;

use crate::error::{Error, Misuse, Violation};
use crate::handshake::{Answer, Incoming, Outgoing, Progress};
use crate::record::RecordBoundary;
use crate::wire::{ContentType, HandshakeType};

/// One state for each message that must come next, and one for each question.
pub(crate) enum State {
    AskSession(abbreviated::AskSession),
    AskIdentity(full::AskIdentity),
    AskSignature(full::AskSignature),
    WaitCertificate(client_flight::WaitCertificate),
    AskVerdict(client_flight::AskVerdict),
    WaitClientKeyExchange(client_flight::WaitClientKeyExchange),
    WaitCertificateVerify(client_flight::WaitCertificateVerify),
    WaitChangeCipherSpec(finished::WaitChangeCipherSpec),
    WaitFinished(finished::WaitFinished),
    WaitChangeCipherSpecResumed(abbreviated::WaitChangeCipherSpec),
    WaitFinishedResumed(abbreviated::WaitFinished),
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
            (Self::WaitFinishedResumed(s), T::finished) => return s.accept(message),
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
            Self::WaitChangeCipherSpecResumed(s) => Ok(s.accept(boundary, out)),
            _ => Err(Violation::UnexpectedRecord(ContentType::change_cipher_spec).into()),
        }
    }

    /// The rows of the questions.
    pub(crate) fn answer(self, answer: Answer, out: &mut Outgoing) -> Result<Self, Error> {
        match (self, answer) {
            (Self::AskSession(s), Answer::ServerSession(session)) => s.accept(session, out),
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
            (Self::AskSession(_), Answer::ServerSession(_)) => true,
            (Self::AskIdentity(_), Answer::Identity(_)) | (Self::AskSignature(_), Answer::Signature(_)) => true,
            (Self::AskSession(_) | Self::AskVerdict(_), Answer::Refuse(_)) => true,
            (Self::AskIdentity(_) | Self::AskSignature(_), Answer::Refuse(_)) => true,
            _ => false,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::AskSession(_) => "AskSession",
            Self::AskIdentity(_) => "AskIdentity",
            Self::AskSignature(_) => "AskSignature",
            Self::WaitCertificate(_) => "WaitCertificate",
            Self::AskVerdict(_) => "AskVerdict",
            Self::WaitClientKeyExchange(_) => "WaitClientKeyExchange",
            Self::WaitCertificateVerify(_) => "WaitCertificateVerify",
            Self::WaitChangeCipherSpec(_) => "WaitChangeCipherSpec",
            Self::WaitFinished(_) => "WaitFinished",
            Self::WaitChangeCipherSpecResumed(_) => "WaitChangeCipherSpecResumed",
            Self::WaitFinishedResumed(_) => "WaitFinishedResumed",
        }
    }
}
