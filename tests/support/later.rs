//! Leaves every choice, signature and verdict to the application, which then answers as a configuration would have.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;

use bulla::clock::Time;
use bulla::config::{
    CertificateRequestInfo, ChooseClientIdentity, ChooseServerConfig, ChooseServerIdentity, ClientHelloInfo,
    ClientHelloView, ClientSessionQuery, ClientSessionStore, Decision, EarlyDataOffer, FindPsk, SealTickets,
    ServerSessionStore, Signer, SigningFailed, SigningRequest, StrikeRegister,
};
use bulla::crypto::SigningKey;
use bulla::crypto::ring::provider;
use bulla::pki_types::{CertificateDer, PrivateKeyDer};
use bulla::resume::{ClientSession, ExternalPsk, ServerSession, TicketKeys};
use bulla::wire::SignatureScheme;
use bulla::{Answer, Identity, Question, QuestionKind, ServerConfig};

/// Never answers at once.
#[derive(Debug)]
pub struct Later;

impl ChooseClientIdentity for Later {
    fn choose(&self, _: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        Decision::Later
    }
}

impl ChooseServerConfig for Later {
    fn choose(&self, _: &ClientHelloView) -> Decision<Arc<ServerConfig>> {
        Decision::Later
    }
}

impl ChooseServerIdentity for Later {
    fn choose(&self, _: &ClientHelloInfo) -> Decision<Option<Arc<Identity>>> {
        Decision::Later
    }
}

impl ServerSessionStore for Later {
    fn put(&self, _: &[u8; 32], _: &ServerSession) {}

    fn get(&self, _: &[u8]) -> Decision<Option<Box<ServerSession>>> {
        Decision::Later
    }

    fn take(&self, _: &[u8]) -> Decision<Option<Box<ServerSession>>> {
        Decision::Later
    }
}

impl ClientSessionStore for Later {
    fn put(&self, _: &ClientSessionQuery, _: Box<ClientSession>) {}

    fn take(&self, _: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        Decision::Later
    }
}

impl FindPsk for Later {
    fn find(&self, _: &[u8]) -> Decision<Option<Arc<ExternalPsk>>> {
        Decision::Later
    }
}

impl StrikeRegister for Later {
    fn realm(&self) -> [u8; 16] {
        [4; 16]
    }

    fn first_use(&self, _: &EarlyDataOffer) -> Decision<bool> {
        Decision::Later
    }
}

/// Seals tickets at once, and leaves it to the application to open them.
#[derive(Debug)]
pub struct OpensLater(pub TicketKeys);

impl OpensLater {
    pub fn new() -> Self {
        Self(TicketKeys::random(provider(), 86_400).unwrap())
    }
}

impl SealTickets for OpensLater {
    fn seal(&self, session: &ServerSession, now: Time) -> Option<Vec<u8>> {
        self.0.seal(session, now)
    }

    fn open(&self, _: &[u8], _: Time) -> Decision<Option<Box<ServerSession>>> {
        Decision::Later
    }
}

impl Signer for Later {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::ecdsa_secp256r1_sha256]
    }

    fn sign(&self, _: &SigningRequest) -> Decision<Result<Vec<u8>, SigningFailed>> {
        Decision::Later
    }
}

/// A certificate whose key lives with the application.
#[derive(Clone)]
pub struct Remote {
    pub identity: Arc<Identity>,
    key: Arc<dyn SigningKey>,
}

impl Remote {
    pub fn new((certificate, key): (CertificateDer<'static>, PrivateKeyDer<'static>)) -> Self {
        let identity = Arc::new(Identity::with_signer(vec![certificate], Arc::new(Later)).unwrap());
        Self { identity, key: provider().signing_key(&key).unwrap() }
    }

    /// Answers a question as a configuration with this identity would have.
    pub fn answer(&self, question: &Question) -> Answer {
        match &question.kind {
            QuestionKind::ChooseServerIdentity(_) | QuestionKind::ChooseClientIdentity(_) => {
                Answer::Identity(Some(Arc::clone(&self.identity)))
            }
            QuestionKind::Sign(request) => {
                let signature = self.key.sign(&*provider(), request.scheme, &request.message);
                Answer::Signature(signature.map_err(|_| SigningFailed))
            }
            QuestionKind::VerifyChain(chain) => Answer::Verdict(chain.judge()),
            other => panic!("a new kind of question: {other:?}"),
        }
    }
}

pub fn kind_name(question: &Question) -> &'static str {
    match &question.kind {
        QuestionKind::ChooseServerConfig(_) => "ChooseServerConfig",
        QuestionKind::ChooseServerIdentity(_) => "ChooseServerIdentity",
        QuestionKind::ChooseClientIdentity(_) => "ChooseClientIdentity",
        QuestionKind::Sign(_) => "Sign",
        QuestionKind::VerifyChain(_) => "VerifyChain",
        QuestionKind::FindClientSession(_) => "FindClientSession",
        QuestionKind::FindServerSession(_) => "FindServerSession",
        QuestionKind::FindPsk(_) => "FindPsk",
        QuestionKind::DecideEarlyData(_) => "DecideEarlyData",
        _ => "another",
    }
}
