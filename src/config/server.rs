//! What a server decides.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::preferences::shared_decisions;
use super::question::{JudgeLater, JudgeNow};
use super::{
    ChooseServerIdentity, ClientHelloInfo, ConfigError, Decision, Identity, Observer, Preferences, VerifyChain,
};
use crate::clock::Clock;
use crate::crypto::Provider;
use crate::keys::KeyLog;
use crate::verify::Roots;
use crate::wire::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// A server's decisions.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(crate) preferences: Preferences,
    pub(crate) identity: Arc<dyn ChooseServerIdentity>,
    identities: Vec<Arc<Identity>>,
    pub(crate) client_auth: ClientAuth,
    pub(crate) verifier: Arc<dyn VerifyChain>,
}

/// Whether a server asks its clients for certificates. RFC 8446 §4.3.2.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ClientAuth {
    /// Does not ask.
    #[default]
    None,
    /// Asks; a client without a certificate may go on, one with a certificate must convince.
    Request(Arc<Roots>),
    /// Asks; a client without a certificate is refused with certificate_required.
    Require(Arc<Roots>),
}

impl ClientAuth {
    /// Returns the roots that clients' chains must lead to, unless no certificate is asked for.
    pub(crate) fn roots(&self) -> Option<&Arc<Roots>> {
        match self {
            Self::None => None,
            Self::Request(roots) | Self::Require(roots) => Some(roots),
        }
    }
}

impl ServerConfig {
    /// Shows `identity` to every client, with `ring`'s cryptography, and everything else at its safe default.
    #[cfg(feature = "ring")]
    pub fn new(identity: Identity) -> Self {
        Self::with_provider(identity, crate::crypto::ring::provider())
    }

    /// Shows `identity` to every client, with the cryptography of `provider`.
    pub fn with_provider(identity: Identity, provider: Arc<dyn Provider>) -> Self {
        let identities = alloc::vec![Arc::new(identity)];
        Self {
            preferences: Preferences::of(provider),
            identity: Arc::new(ByServerName(identities.clone())),
            identities,
            client_auth: ClientAuth::None,
            verifier: Arc::new(JudgeNow),
        }
    }

    /// Lets `chooser` choose the certificate for each ClientHello, at once or later, with `ring`'s cryptography: for servers
    /// that have no certificate of their own from the start.
    #[cfg(feature = "ring")]
    pub fn choosing(chooser: Arc<dyn ChooseServerIdentity>) -> Self {
        Self::choosing_with_provider(chooser, crate::crypto::ring::provider())
    }

    /// Like [`choosing`](Self::choosing), with the cryptography of `provider`.
    pub fn choosing_with_provider(chooser: Arc<dyn ChooseServerIdentity>, provider: Arc<dyn Provider>) -> Self {
        Self {
            preferences: Preferences::of(provider),
            identity: chooser,
            identities: Vec::new(),
            client_auth: ClientAuth::None,
            verifier: Arc::new(JudgeNow),
        }
    }

    shared_decisions!();

    /// Adds a certificate. The client's server name chooses, then what the client can verify, then the order here;
    /// a name that no certificate has gets the first ones.
    pub fn and_identity(mut self, identity: Identity) -> Self {
        self.identities.push(Arc::new(identity));
        self.identity = Arc::new(ByServerName(self.identities.clone()));
        self
    }

    /// Lets `chooser` choose the certificate for each ClientHello, at once or later.
    pub fn choose_identity(mut self, chooser: Arc<dyn ChooseServerIdentity>) -> Self {
        self.identity = chooser;
        self
    }

    /// Asks clients for certificates.
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.client_auth = client_auth;
        self
    }

    /// Hands every client's chain to the application as a question, to be judged elsewhere or later.
    pub fn verify_later(mut self) -> Self {
        self.verifier = Arc::new(JudgeLater);
        self
    }
}

/// Returns the chooser that a server has unless it is given another: by server name, then by what the client can verify,
/// then in the order given. For choosers of an application that look elsewhere first, or answer late.
pub fn choose_by_server_name(identities: Vec<Arc<Identity>>) -> Arc<dyn ChooseServerIdentity> {
    Arc::new(ByServerName(identities))
}

/// Chooses among identities by server name and by what the client can verify. RFC 8446 §4.4.2.2.
#[derive(Debug)]
struct ByServerName(Vec<Arc<Identity>>);

impl ChooseServerIdentity for ByServerName {
    fn choose(&self, hello: &ClientHelloInfo) -> Decision<Option<Arc<Identity>>> {
        let named =
            |identity: &&Arc<Identity>| hello.server_name.as_deref().is_some_and(|name| identity.is_valid_for(name));
        let with_name: Vec<_> = self.0.iter().filter(named).collect();
        let candidates = if with_name.is_empty() { self.0.iter().collect() } else { with_name };
        let signs = |identity: &&&Arc<Identity>| identity.can_sign_for(hello.version, &hello.signature_schemes);
        let verifiable =
            |identity: &&&Arc<Identity>| identity.chain_verifiable_with(&hello.certificate_signature_schemes);
        // A chain that the client may not be able to verify is still better than none: the client may know the leaf. A
        // key that cannot sign for it is better than none too: the handshake then says what is missing.
        let best = candidates.iter().filter(signs).find(verifiable).or_else(|| candidates.iter().find(signs));
        let best = best.or_else(|| candidates.first());
        Decision::Now(best.map(|identity| Arc::clone(identity)))
    }
}
