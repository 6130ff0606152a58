//! What a client decides.

use alloc::sync::Arc;

use super::preferences::shared_decisions;
use super::question::{JudgeLater, JudgeNow};
use super::{
    CertificateRequestInfo, ChooseClientIdentity, ConfigError, Decision, Identity, Observer, Preferences, VerifyChain,
};
use crate::clock::Clock;
use crate::crypto::Provider;
use crate::keys::KeyLog;
use crate::verify::Roots;
use crate::wire::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// A client's decisions. Chain and host name are verified whatever is said here; only the module
/// [`danger`](super::danger) can change that.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    pub(crate) preferences: Preferences,
    pub(crate) roots: Arc<Roots>,
    pub(crate) verifier: Arc<dyn VerifyChain>,
    pub(crate) identity: Arc<dyn ChooseClientIdentity>,
    pub(crate) middlebox_compatibility: bool,
    pub(crate) asks_for_ocsp: bool,
}

impl ClientConfig {
    /// Trusts `roots`, with `ring`'s cryptography, and everything else at its safe default.
    #[cfg(feature = "ring")]
    pub fn new(roots: impl Into<Arc<Roots>>) -> Self {
        Self::with_provider(roots, crate::crypto::ring::provider())
    }

    /// Trusts `roots`, with the cryptography of `provider`.
    pub fn with_provider(roots: impl Into<Arc<Roots>>, provider: Arc<dyn Provider>) -> Self {
        Self {
            preferences: Preferences::of(provider),
            roots: roots.into(),
            verifier: Arc::new(JudgeNow),
            identity: Arc::new(ShowIfAsked(None)),
            middlebox_compatibility: true,
            asks_for_ocsp: false,
        }
    }

    shared_decisions!();

    /// Shows this certificate when a server asks for one that it fits.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Arc::new(ShowIfAsked(Some(Arc::new(identity))));
        self
    }

    /// Lets `chooser` choose a certificate when a server asks for one, at once or later.
    pub fn choose_identity(mut self, chooser: Arc<dyn ChooseClientIdentity>) -> Self {
        self.identity = chooser;
        self
    }

    /// Hands every server's chain to the application as a question, to be judged elsewhere or later.
    pub fn verify_later(mut self) -> Self {
        self.verifier = Arc::new(JudgeLater);
        self
    }

    /// Asks the server to staple an OCSP response to its certificate. RFC 6066 §8. Whoever judges the chain finds it in
    /// [`ChainToVerify::ocsp_response`](super::ChainToVerify::ocsp_response); the built-in judge does not look at it. Off by
    /// default.
    pub fn ask_for_ocsp(mut self, on: bool) -> Self {
        self.asks_for_ocsp = on;
        self
    }

    /// Looks like TLS 1.2 to middleboxes: a session id and a dummy change_cipher_spec. RFC 8446 §D.4. On by default.
    pub fn middlebox_compatibility(mut self, on: bool) -> Self {
        self.middlebox_compatibility = on;
        self
    }
}

/// Shows one identity whenever it can sign with a scheme that the server accepts.
#[derive(Debug)]
struct ShowIfAsked(Option<Arc<Identity>>);

impl ChooseClientIdentity for ShowIfAsked {
    fn choose(&self, request: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        let fits = |identity: &&Arc<Identity>| identity.can_sign_for(request.version, &request.signature_schemes);
        Decision::Now(self.0.as_ref().filter(fits).cloned())
    }
}
