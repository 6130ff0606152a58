//! The client's TLS 1.2 handshake from ServerHello on. RFC 5246 §7.3, Figure 1 and Figure 2; RFC 5077 §3.1.
//!
//! ```text
//!   ServerHello ── settled in `hello`
//!      ├── without our session id ──┐
//!      │ with it: Figure 2          │ Figure 1: full.rs
//!      │ abbreviated.rs             │ Certificate                             ⟂ is the chain to be trusted?
//!      │                            │ CertificateStatus, if announced
//!      │                            │ ServerKeyExchange                       proves the leaf's key
//!      │                            │ CertificateRequest, if wanted
//!      │                            │ ServerHelloDone      client_flight.rs   ⟂ which certificate?  ⟂ sign, please
//!      │                            ▼ Certificate if asked; ClientKeyExchange; CertificateVerify; change_cipher_spec; Finished
//!      │ NewSessionTicket,          │ NewSessionTicket,    finished.rs
//!      │ if announced               │ if announced
//!   change_cipher_spec           change_cipher_spec
//!      │ Finished                   │ Finished
//!      ▼ change_cipher_spec,        │
//!      │ Finished                   │
//!   CONNECTED                    CONNECTED                 post_handshake.rs  HelloRequest is refused
//! ```
//!
//! `⟂` marks a question: where its answer is not at hand, the state named after it waits.

mod abbreviated;
mod client_flight;
mod finished;
mod full;
mod hello;
pub(crate) mod post_handshake;
mod session;

pub(super) use hello::accept as accept_server_hello;

use crate::error::{Error, Misuse, Violation};
use crate::handshake::{Answer, Incoming, Outgoing, Progress};
use crate::record::RecordBoundary;
use crate::wire::{ContentType, HandshakeType};

/// One state for each message that must come next, and one for each question.
pub(crate) enum State {
    WaitCertificate(full::WaitCertificate),
    WaitCertificateStatus(full::WaitCertificateStatus),
    AskVerdict(full::AskVerdict),
    WaitServerKeyExchange(full::WaitServerKeyExchange),
    WaitCertificateRequestOrDone(full::WaitCertificateRequestOrDone),
    WaitServerHelloDone(full::WaitServerHelloDone),
    AskIdentity(client_flight::AskIdentity),
    AskSignature(client_flight::AskSignature),
    WaitNewSessionTicket(finished::WaitNewSessionTicket),
    WaitChangeCipherSpec(finished::WaitChangeCipherSpec),
    WaitFinished(finished::WaitFinished),
    WaitNewSessionTicketResumed(abbreviated::WaitNewSessionTicket),
    WaitChangeCipherSpecResumed(abbreviated::WaitChangeCipherSpec),
    WaitFinishedResumed(abbreviated::WaitFinished),
}

impl State {
    /// The table: what is no row is unexpected_message, and its body is never read.
    pub(crate) fn receive(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<Self>, Error> {
        use HandshakeType as T;
        let next = match (self, message.handshake_type()) {
            (Self::WaitCertificate(s), T::certificate) => s.accept(message, out)?,
            (Self::WaitCertificateStatus(s), T::certificate_status) => s.accept(message, out)?,
            (Self::WaitCertificateStatus(s), T::server_key_exchange) => s.accept_without_status(message, out)?,
            (Self::WaitServerKeyExchange(s), T::server_key_exchange) => s.accept(message)?,
            (Self::WaitCertificateRequestOrDone(s), T::certificate_request) => s.accept_request(message)?,
            (Self::WaitCertificateRequestOrDone(s), T::server_hello_done) => s.accept_done(message, out)?,
            (Self::WaitServerHelloDone(s), T::server_hello_done) => s.accept(message, out)?,
            (Self::WaitNewSessionTicket(s), T::new_session_ticket) => s.accept(message, out)?,
            (Self::WaitFinished(s), T::finished) => return s.accept(message),
            (Self::WaitNewSessionTicketResumed(s), T::new_session_ticket) => s.accept(message, out)?,
            (Self::WaitFinishedResumed(s), T::finished) => return s.accept(message, out),
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
            (Self::AskVerdict(s), Answer::Verdict(verdict)) => s.accept(verdict),
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
            Self::WaitCertificate(_) => "WaitCertificate",
            Self::WaitCertificateStatus(_) => "WaitCertificateStatus",
            Self::AskVerdict(_) => "AskVerdict",
            Self::WaitServerKeyExchange(_) => "WaitServerKeyExchange",
            Self::WaitCertificateRequestOrDone(_) => "WaitCertificateRequestOrDone",
            Self::WaitServerHelloDone(_) => "WaitServerHelloDone",
            Self::AskIdentity(_) => "AskIdentity",
            Self::AskSignature(_) => "AskSignature",
            Self::WaitNewSessionTicket(_) => "WaitNewSessionTicket",
            Self::WaitChangeCipherSpec(_) => "WaitChangeCipherSpec",
            Self::WaitFinished(_) => "WaitFinished",
            Self::WaitNewSessionTicketResumed(_) => "WaitNewSessionTicketResumed",
            Self::WaitChangeCipherSpecResumed(_) => "WaitChangeCipherSpecResumed",
            Self::WaitFinishedResumed(_) => "WaitFinishedResumed",
        }
    }
}
