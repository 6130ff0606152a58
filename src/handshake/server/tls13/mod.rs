//! The server's TLS 1.3 handshake from ClientHello on. RFC 8446 §A.2.
//!
//! ```text
//!   START, RECVD_CH ── settled in `hello`
//!      │                                  psk.rs                ⟂ which session or PSK is this?  ⟂ is early data new?
//!      │ no PSK                           authentication.rs     ⟂ which certificate?
//!   NEGOTIATED
//!      │ ServerHello                      key_exchange.rs       K_send = K_recv = handshake, or K_recv = early data
//!      │ EncryptedExtensions              server_parameters.rs
//!      │ without a PSK: CertificateRequest
//!      │ Certificate, CertificateVerify   authentication.rs     ⟂ sign, please
//!      │ Finished                                               K_send = application
//!   WAIT_EOED, if early data is taken     early_data.rs
//!      │ EndOfEarlyData                                         K_recv = handshake
//!   WAIT_FLIGHT2 ── no request ──────────▶ WAIT_FINISHED
//!   WAIT_CERT
//!      │ Certificate (may be empty)       client_authentication.rs  ⟂ is the chain to be trusted?
//!   WAIT_CV
//!      │ CertificateVerify
//!   WAIT_FINISHED                         finished.rs
//!      │ Finished                                               K_recv = application
//!      ▼ NewSessionTicket                 tickets.rs
//!   CONNECTED                             post_handshake.rs     KeyUpdate, and what a request is answered by,
//!                                         post_handshake_authentication.rs
//! ```
//!
//! `⟂` marks a question: where its answer is not at hand, the state named after it waits.

mod authentication;
mod client_authentication;
mod early_data;
mod finished;
mod key_exchange;
pub(crate) mod post_handshake;
pub(crate) mod post_handshake_authentication;
mod psk;
mod server_parameters;
mod tickets;

use super::hello::Settled;
use crate::error::{Error, Misuse, Violation};
use crate::handshake::{Answer, Incoming, Outgoing, Progress};
use crate::record::RecordBoundary;
use crate::wire::{ContentType, HandshakeType};

/// The states of RFC 8446 §A.2 from NEGOTIATED on, and one for each question.
pub(crate) enum State {
    AskPsk(psk::AskPsk),
    AskSession(psk::AskSession),
    AskEarlyData(psk::AskEarlyData),
    AskIdentity(authentication::AskIdentity),
    AskSignature(authentication::AskSignature),
    WaitCertificate(client_authentication::WaitCertificate),
    AskVerdict(client_authentication::AskVerdict),
    WaitCertificateVerify(client_authentication::WaitCertificateVerify),
    WaitEndOfEarlyData(early_data::WaitEndOfEarlyData),
    WaitFinished(finished::WaitFinished),
}

/// Goes on from a ClientHello that settled on TLS 1.3.
pub(super) fn start(settled: Settled, boundary: RecordBoundary, out: &mut Outgoing) -> Result<State, Error> {
    psk::choose_psk(settled, boundary, out)
}

impl State {
    /// The table: what is no row is unexpected_message, and its body is never read.
    pub(crate) fn receive(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<Self>, Error> {
        use HandshakeType as T;
        let next = match (self, message.handshake_type()) {
            (Self::WaitCertificate(s), T::certificate) => s.accept(message, out)?,
            (Self::WaitCertificateVerify(s), T::certificate_verify) => s.accept(message)?,
            (Self::WaitEndOfEarlyData(s), T::end_of_early_data) => s.accept(message, out)?,
            (Self::WaitFinished(s), T::finished) => return s.accept(message, out),
            (state, got) => return Err(Violation::UnexpectedMessage(got, state.name()).into()),
        };
        Ok(Progress::Handshaking(next))
    }

    /// The rows of the questions.
    pub(crate) fn answer(self, answer: Answer, out: &mut Outgoing) -> Result<Self, Error> {
        match (self, answer) {
            (Self::AskPsk(s), Answer::Psk(psk)) => s.accept(psk, out),
            (Self::AskSession(s), Answer::ServerSession(session)) => s.accept(session, out),
            (Self::AskEarlyData(s), Answer::EarlyData(accepted)) => s.accept(accepted, out),
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
            (Self::AskPsk(_), Answer::Psk(_)) | (Self::AskSession(_), Answer::ServerSession(_)) => true,
            (Self::AskEarlyData(_), Answer::EarlyData(_)) => true,
            (Self::AskIdentity(_), Answer::Identity(_)) | (Self::AskSignature(_), Answer::Signature(_)) => true,
            (Self::AskPsk(_) | Self::AskSession(_) | Self::AskEarlyData(_), Answer::Refuse(_)) => true,
            (Self::AskVerdict(_) | Self::AskIdentity(_) | Self::AskSignature(_), Answer::Refuse(_)) => true,
            _ => false,
        }
    }

    /// Counts early data. RFC 8446 §4.2.10.
    pub(crate) fn receive_early_data(&mut self, len: usize) -> Result<(), Error> {
        match self {
            Self::WaitEndOfEarlyData(state) => state.count(len),
            _ => Err(Violation::UnexpectedRecord(ContentType::application_data).into()),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::AskPsk(_) => "AskPsk",
            Self::AskSession(_) => "AskSession",
            Self::AskEarlyData(_) => "AskEarlyData",
            Self::AskIdentity(_) => "AskIdentity",
            Self::AskSignature(_) => "AskSignature",
            Self::WaitCertificate(_) => "WaitCertificate",
            Self::AskVerdict(_) => "AskVerdict",
            Self::WaitCertificateVerify(_) => "WaitCertificateVerify",
            Self::WaitEndOfEarlyData(_) => "WaitEndOfEarlyData",
            Self::WaitFinished(_) => "WaitFinished",
        }
    }
}
