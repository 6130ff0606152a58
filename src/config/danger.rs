//! Everything that weakens a check, and nothing else: whoever audits an application searches it for this word.

use alloc::sync::Arc;

use super::question::{ChainAccepted, ChainToVerify, Decision, Verdict, VerifyChain};
use super::{ClientConfig, ServerConfig};

/// Replaces the judging of a peer's chain by the application's own.
///
/// The handshake still proves that the peer holds the leaf's private key; all else is what `verifier` makes of it.
pub trait DangerousVerification: Sized {
    /// Judges chains with `verifier` instead of the built-in rules.
    fn danger_verify_with(self, verifier: Arc<dyn VerifyChain>) -> Self;
}

impl DangerousVerification for ClientConfig {
    fn danger_verify_with(mut self, verifier: Arc<dyn VerifyChain>) -> Self {
        self.verifier = verifier;
        self
    }
}

impl DangerousVerification for ServerConfig {
    fn danger_verify_with(mut self, verifier: Arc<dyn VerifyChain>) -> Self {
        self.verifier = verifier;
        self
    }
}

/// Accepts a chain that nobody has judged, or that was judged by rules of the application's own.
pub fn danger_accept_chain(chain: &ChainToVerify) -> ChainAccepted {
    ChainAccepted { chain: Arc::clone(&chain.chain) }
}

/// Accepts every chain: encryption to whoever answers. For tests and for tools that look at broken servers.
#[derive(Clone, Copy, Debug)]
pub struct AcceptAnyChain;

impl VerifyChain for AcceptAnyChain {
    fn verify(&self, chain: &ChainToVerify) -> Decision<Verdict> {
        Decision::Now(Ok(danger_accept_chain(chain)))
    }
}
