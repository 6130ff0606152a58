//! The questions that a handshake can stop at, and their answers.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::config::{
    CertificateRequestInfo, ChainToVerify, ClientHelloInfo, ClientHelloView, ClientSessionQuery, EarlyDataOffer,
    Identity, PskQuery, ServerConfig, SessionQuery, SigningFailed, SigningRequest, Verdict,
};
use crate::resume::{ClientSession, ExternalPsk, ServerSession};
use crate::wire::AlertDescription;

/// Names one question of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuestionId(pub(super) u32);

/// Something that the handshake waits for: owned, and free to travel to another thread.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "the handshake waits until this question is answered"]
pub struct Question {
    /// What the answer must name.
    pub id: QuestionId,
    /// What is asked.
    pub kind: QuestionKind,
}

/// What is asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum QuestionKind {
    /// A server: which configuration for this ClientHello? Answered by [`Answer::ServerConfig`].
    ChooseServerConfig(ClientHelloView),
    /// A server: which certificate for this client? Answered by [`Answer::Identity`].
    ChooseServerIdentity(ClientHelloInfo),
    /// A client: which certificate for this server? Answered by [`Answer::Identity`].
    ChooseClientIdentity(CertificateRequestInfo),
    /// The signature over this message, please. Answered by [`Answer::Signature`].
    Sign(SigningRequest),
    /// Is this chain to be trusted? Answered by [`Answer::Verdict`].
    VerifyChain(ChainToVerify),
    /// A client: is there a session to resume with this server? Answered by [`Answer::ClientSession`].
    FindClientSession(ClientSessionQuery),
    /// A server: which session is this? Answered by [`Answer::ServerSession`].
    FindServerSession(SessionQuery),
    /// A server: which external PSK does this name? Answered by [`Answer::Psk`].
    FindPsk(PskQuery),
    /// A server: does this early data come for the first time? Answered by [`Answer::EarlyData`].
    DecideEarlyData(EarlyDataOffer),
}

/// What the application says to a question.
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// The configuration to go on with.
    ServerConfig(Arc<ServerConfig>),
    /// The chosen certificate, or none.
    Identity(Option<Arc<Identity>>),
    /// The signature.
    Signature(Result<Vec<u8>, SigningFailed>),
    /// The verdict over a chain.
    Verdict(Verdict),
    /// The session to resume, or none: the handshake is then a full one.
    ClientSession(Option<Box<ClientSession>>),
    /// The session that the client means, or none: the handshake is then a full one.
    ServerSession(Option<Box<ServerSession>>),
    /// The PSK of this name, or none.
    Psk(Option<Arc<ExternalPsk>>),
    /// Whether the early data is taken.
    EarlyData(bool),
    /// To any question: end the handshake with this alert.
    Refuse(AlertDescription),
}
