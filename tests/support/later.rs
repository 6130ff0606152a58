//! Leaves every choice, signature and verdict to the application, which then answers as a configuration would have.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;

use bulla::config::{
    CertificateRequestInfo, ChooseClientIdentity, ChooseServerIdentity, ClientHelloInfo, Decision, ServerSessionStore,
    Signer, SigningFailed, SigningRequest,
};
use bulla::crypto::SigningKey;
use bulla::crypto::ring::provider;
use bulla::pki_types::{CertificateDer, PrivateKeyDer};
use bulla::resume::ServerSession;
use bulla::wire::SignatureScheme;
use bulla::{Answer, Identity, Question, QuestionKind};

/// Never answers at once.
#[derive(Debug)]
pub struct Later;

impl ChooseClientIdentity for Later {
    fn choose(&self, _: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
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
        QuestionKind::ChooseServerIdentity(_) => "ChooseServerIdentity",
        QuestionKind::ChooseClientIdentity(_) => "ChooseClientIdentity",
        QuestionKind::Sign(_) => "Sign",
        QuestionKind::VerifyChain(_) => "VerifyChain",
        _ => "another",
    }
}
