//! The client's handshake: the hello, which settles the version once for good, then that version's own table.

mod hello;
pub(crate) mod tls13;

use alloc::sync::Arc;

use pki_types::ServerName;

use super::progress::Progress;
use super::{Answer, Incoming, Outgoing};
use crate::config::ClientConfig;
use crate::error::{Error, Misuse, Violation};
use crate::wire::HandshakeType;

/// A client's handshake in progress.
#[allow(clippy::large_enum_variant, reason = "it lives in the connection's one box, whose size is the largest's")]
pub(crate) enum Client {
    /// ClientHello is sent. RFC 8446 §A.1: START → WAIT_SH.
    WaitServerHello(hello::WaitServerHello),
    /// The version is TLS 1.3.
    Tls13(tls13::State),
}

impl Client {
    /// Sends ClientHello.
    pub(crate) fn start(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        out: &mut Outgoing,
    ) -> Result<Self, Error> {
        hello::start(config, name, out).map(Self::WaitServerHello)
    }

    /// The table as far as the version is not known; from then on, the version's own.
    pub(crate) fn receive(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<Self>, Error> {
        match (self, message.handshake_type()) {
            (Self::WaitServerHello(state), HandshakeType::server_hello) => {
                state.accept(message, out).map(Progress::Handshaking)
            }
            (Self::WaitServerHello(_), got) => Err(Violation::UnexpectedMessage(got, "WaitServerHello").into()),
            (Self::Tls13(state), _) => state.receive(message, out).map(|progress| progress.map(Self::Tls13)),
        }
    }

    /// Goes on from a state that waits for an answer.
    pub(crate) fn answer(self, answer: Answer, out: &mut Outgoing) -> Result<Progress<Self>, Error> {
        match self {
            Self::WaitServerHello(_) => Err(Misuse::WrongAnswer.into()),
            Self::Tls13(state) => state.answer(answer, out).map(|progress| progress.map(Self::Tls13)),
        }
    }

    /// Says whether this state can go on from such an answer.
    pub(crate) fn takes(&self, answer: &Answer) -> bool {
        match self {
            Self::WaitServerHello(_) => false,
            Self::Tls13(state) => state.takes(answer),
        }
    }

    /// Returns the state's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::WaitServerHello(_) => "WaitServerHello",
            Self::Tls13(state) => state.name(),
        }
    }
}
