//! The client's handshake: the hello, which settles the version once for good, then that version's own table.

mod early_data;
mod hello;
mod offer;
mod psk;
pub(crate) mod session;
mod shares;
#[cfg(feature = "tls12")]
pub(crate) mod tls12;
pub(crate) mod tls13;

use alloc::sync::Arc;

use pki_types::ServerName;

use super::progress::Progress;
use super::{Answer, Incoming, Outgoing};
use crate::config::ClientConfig;
use crate::error::{Error, Misuse, Violation};
#[cfg(feature = "tls12")]
use crate::record::RecordBoundary;
#[cfg(feature = "tls12")]
use crate::wire::ContentType;
use crate::wire::{HandshakeType, ProtocolVersion};

/// A client's handshake in progress.
#[allow(clippy::large_enum_variant, reason = "it lives in the connection's one box, whose size is the largest's")]
pub(crate) enum Client {
    /// Nothing is sent yet: is there a session to resume?
    AskSession(session::AskSession),
    /// Nothing is sent yet: is the chain of the session that was found still to be trusted?
    AskSessionVerdict(session::AskSessionVerdict),
    /// ClientHello is sent. RFC 8446 §A.1: START → WAIT_SH.
    WaitServerHello(hello::WaitServerHello),
    /// The version is TLS 1.3.
    Tls13(tls13::State),
    /// The version is TLS 1.2.
    #[cfg(feature = "tls12")]
    Tls12(tls12::State),
}

impl Client {
    /// Sends ClientHello.
    pub(crate) fn start(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        out: &mut Outgoing,
    ) -> Result<Self, Error> {
        session::start(config, name, out)
    }

    /// The table as far as the version is not known; from then on, the version's own.
    pub(crate) fn receive(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<Self>, Error> {
        match (self, message.handshake_type()) {
            (Self::WaitServerHello(state), HandshakeType::server_hello) => {
                state.accept(message, out).map(Progress::Handshaking)
            }
            (state @ (Self::AskSession(_) | Self::AskSessionVerdict(_) | Self::WaitServerHello(_)), got) => {
                Err(Violation::UnexpectedMessage(got, state.name()).into())
            }
            (Self::Tls13(state), _) => state.receive(message, out).map(|progress| progress.map(Self::Tls13)),
            #[cfg(feature = "tls12")]
            (Self::Tls12(state), _) => state.receive(message, out).map(|progress| progress.map(Self::Tls12)),
        }
    }

    /// The row of change_cipher_spec, which is no handshake message in TLS 1.2.
    #[cfg(feature = "tls12")]
    pub(crate) fn receive_change_cipher_spec(
        self,
        boundary: RecordBoundary,
        out: &mut Outgoing,
    ) -> Result<Self, Error> {
        match self {
            Self::Tls12(state) => state.receive_change_cipher_spec(boundary, out).map(Self::Tls12),
            _ => Err(Violation::UnexpectedRecord(ContentType::change_cipher_spec).into()),
        }
    }

    /// Says whether the version is, or may yet be, one with warning alerts that end nothing. RFC 5246 §7.2.
    pub(crate) fn has_warnings(&self) -> bool {
        match self {
            Self::AskSession(_) | Self::AskSessionVerdict(_) => false,
            Self::WaitServerHello(state) => state.offers_tls12(),
            Self::Tls13(_) => false,
            #[cfg(feature = "tls12")]
            Self::Tls12(_) => true,
        }
    }

    /// Returns the version, once it is settled.
    pub(crate) fn version(&self) -> Option<ProtocolVersion> {
        match self {
            Self::Tls13(_) => Some(ProtocolVersion::TLSv1_3),
            #[cfg(feature = "tls12")]
            Self::Tls12(_) => Some(ProtocolVersion::TLSv1_2),
            _ => None,
        }
    }

    /// Goes on from a state that waits for an answer.
    pub(crate) fn answer(self, answer: Answer, out: &mut Outgoing) -> Result<Progress<Self>, Error> {
        match self {
            Self::AskSession(state) => match answer {
                Answer::ClientSession(session) => state.accept(session, out).map(Progress::Handshaking),
                Answer::Refuse(alert) => Err(Error::Refused(alert)),
                _ => Err(Misuse::WrongAnswer.into()),
            },
            Self::AskSessionVerdict(state) => match answer {
                Answer::Verdict(verdict) => state.accept(verdict, out).map(Progress::Handshaking),
                Answer::Refuse(alert) => Err(Error::Refused(alert)),
                _ => Err(Misuse::WrongAnswer.into()),
            },
            Self::WaitServerHello(_) => Err(Misuse::WrongAnswer.into()),
            Self::Tls13(state) => state.answer(answer, out).map(|progress| progress.map(Self::Tls13)),
            #[cfg(feature = "tls12")]
            Self::Tls12(state) => state.answer(answer, out).map(|state| Progress::Handshaking(Self::Tls12(state))),
        }
    }

    /// Says whether this state can go on from such an answer.
    pub(crate) fn takes(&self, answer: &Answer) -> bool {
        match self {
            Self::AskSession(_) => matches!(answer, Answer::ClientSession(_) | Answer::Refuse(_)),
            Self::AskSessionVerdict(state) => match answer {
                Answer::Verdict(verdict) => state.takes(verdict),
                answer => matches!(answer, Answer::Refuse(_)),
            },
            Self::WaitServerHello(_) => false,
            Self::Tls13(state) => state.takes(answer),
            #[cfg(feature = "tls12")]
            Self::Tls12(state) => state.takes(answer),
        }
    }

    /// Returns the state's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::AskSession(_) => "AskSession",
            Self::AskSessionVerdict(_) => "AskSessionVerdict",
            Self::WaitServerHello(_) => "WaitServerHello",
            Self::Tls13(state) => state.name(),
            #[cfg(feature = "tls12")]
            Self::Tls12(state) => state.name(),
        }
    }
}
