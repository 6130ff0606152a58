//! The server's handshake: the hello, which settles the version once for good, then that version's own table.

mod certificate_types;
mod choosing;
mod hello;
mod offered;
mod retry;
#[cfg(feature = "tls12")]
pub(crate) mod tls12;
pub(crate) mod tls13;

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::{Answer, Incoming, Outgoing, Progress};
use crate::config::{ChooseServerConfig, Identity, ServerConfig};
use crate::crypto::{Digest, Provider};
use crate::error::{Error, Misuse, Violation};
#[cfg(feature = "tls12")]
use crate::record::RecordBoundary;
use crate::verify::server_end_point;
use crate::wire::{ContentType, HandshakeType, ProtocolVersion};

/// A server's handshake in progress.
#[allow(clippy::large_enum_variant, reason = "it lives in the connection's one box, whose size is the largest's")]
pub(crate) enum Server {
    /// Nothing has come yet. RFC 8446 §A.2: START.
    WaitClientHello(hello::WaitClientHello),
    /// Nothing has come yet, and the configuration will be chosen by what comes.
    WaitClientHelloToChoose(choosing::WaitClientHelloToChoose),
    /// ClientHello waits for a configuration.
    AskServerConfig(choosing::AskServerConfig),
    /// HelloRetryRequest is sent. RFC 8446 §A.2: START again.
    WaitSecondClientHello(retry::WaitSecondClientHello),
    /// The version is TLS 1.3.
    Tls13(tls13::State),
    /// The version is TLS 1.2.
    #[cfg(feature = "tls12")]
    Tls12(tls12::State),
}

impl Server {
    /// Waits for ClientHello.
    pub(crate) fn start(config: Arc<ServerConfig>) -> Self {
        Self::WaitClientHello(hello::WaitClientHello { config })
    }

    /// Waits for ClientHello, by which `chooser` chooses the configuration.
    pub(crate) fn start_choosing(chooser: Arc<dyn ChooseServerConfig>) -> Self {
        let comes_behind_change_cipher_spec = false;
        Self::WaitClientHelloToChoose(choosing::WaitClientHelloToChoose { chooser, comes_behind_change_cipher_spec })
    }

    /// Notes a change_cipher_spec that was dropped: whether it may stand before the hello, the configuration says.
    pub(crate) fn note_change_cipher_spec(&mut self) {
        if let Self::WaitClientHelloToChoose(state) = self {
            state.comes_behind_change_cipher_spec = true;
        }
    }

    /// The table as far as the version is not known; from then on, the version's own.
    pub(crate) fn receive(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Progress<Self>, Error> {
        match (self, message.handshake_type()) {
            (Self::WaitClientHello(state), HandshakeType::client_hello) => {
                state.accept(message, out).map(Progress::Handshaking)
            }
            (Self::WaitClientHelloToChoose(state), HandshakeType::client_hello) => {
                state.accept(message, out).map(Progress::Handshaking)
            }
            (Self::WaitSecondClientHello(state), HandshakeType::client_hello) => {
                state.accept(message, out).map(Progress::Handshaking)
            }
            (Self::Tls13(state), _) => state.receive(message, out).map(|progress| progress.map(Self::Tls13)),
            #[cfg(feature = "tls12")]
            (Self::Tls12(state), _) => state.receive(message, out).map(|progress| progress.map(Self::Tls12)),
            (state, got) => Err(Violation::UnexpectedMessage(got, state.name()).into()),
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

    /// Counts application data that comes before the handshake is finished, if it may. RFC 8446 §4.2.10.
    pub(crate) fn receive_early_data(&mut self, len: usize) -> Result<(), Error> {
        match self {
            Self::Tls13(state) => state.receive_early_data(len),
            _ => Err(Violation::UnexpectedRecord(ContentType::application_data).into()),
        }
    }

    /// Says whether the version is, or may yet be, one with warning alerts that end nothing. RFC 5246 §7.2.
    pub(crate) fn has_warnings(&self) -> bool {
        match self {
            Self::WaitClientHello(state) => state.config.preferences.allows(ProtocolVersion::TLSv1_2),
            Self::WaitClientHelloToChoose(_) | Self::AskServerConfig(_) => cfg!(feature = "tls12"),
            Self::WaitSecondClientHello(_) | Self::Tls13(_) => false,
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
            Self::AskServerConfig(state) => state.answer(answer, out).map(Progress::Handshaking),
            Self::WaitClientHello(_) | Self::WaitClientHelloToChoose(_) | Self::WaitSecondClientHello(_) => {
                Err(Misuse::WrongAnswer.into())
            }
            Self::Tls13(state) => state.answer(answer, out).map(|state| Progress::Handshaking(Self::Tls13(state))),
            #[cfg(feature = "tls12")]
            Self::Tls12(state) => state.answer(answer, out).map(|state| Progress::Handshaking(Self::Tls12(state))),
        }
    }

    /// Says whether this state can go on from such an answer.
    pub(crate) fn takes(&self, answer: &Answer) -> bool {
        match self {
            Self::AskServerConfig(_) => matches!(answer, Answer::ServerConfig(_) | Answer::Refuse(_)),
            Self::WaitClientHello(_) | Self::WaitClientHelloToChoose(_) | Self::WaitSecondClientHello(_) => false,
            Self::Tls13(state) => state.takes(answer),
            #[cfg(feature = "tls12")]
            Self::Tls12(state) => state.takes(answer),
        }
    }

    /// Returns the state's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::WaitClientHello(_) => "WaitClientHello",
            Self::WaitClientHelloToChoose(_) => "WaitClientHelloToChoose",
            Self::AskServerConfig(_) => "AskServerConfig",
            Self::WaitSecondClientHello(_) => "WaitSecondClientHello",
            Self::Tls13(state) => state.name(),
            #[cfg(feature = "tls12")]
            Self::Tls12(state) => state.name(),
        }
    }
}

/// The channel binding of the certificate that a server is about to show. RFC 5929 §4.
fn end_point_of(provider: &dyn Provider, identity: &Identity) -> Option<Box<Digest>> {
    identity.chain().first().and_then(|leaf| server_end_point(provider, leaf)).map(Box::new)
}
