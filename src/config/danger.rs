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

/// Talks to peers that an attack of the past still works on.
#[cfg(feature = "tls12")]
pub trait DangerousCompatibility: Sized {
    /// Goes on in TLS 1.2 with a peer that has no extended master secret: two of its sessions may then be the same one to
    /// an attacker in between, and exporters and channel bindings prove nothing. RFC 7627 §1.
    fn danger_allow_without_extended_master_secret(self) -> Self;
}

#[cfg(feature = "tls12")]
impl DangerousCompatibility for ClientConfig {
    fn danger_allow_without_extended_master_secret(mut self) -> Self {
        self.preferences.requires_extended_master_secret = false;
        self
    }
}

#[cfg(feature = "tls12")]
impl DangerousCompatibility for ServerConfig {
    fn danger_allow_without_extended_master_secret(mut self) -> Self {
        self.preferences.requires_extended_master_secret = false;
        self
    }
}

/// Accepts a chain that nobody has judged, or that was judged by rules of the application's own.
pub fn danger_accept_chain(chain: &ChainToVerify) -> ChainAccepted {
    ChainAccepted { chain: chain.chain.clone() }
}

/// Accepts every chain: encryption to whoever answers. For tests and for tools that look at broken servers.
#[derive(Clone, Copy, Debug)]
pub struct AcceptAnyChain;

impl VerifyChain for AcceptAnyChain {
    fn verify(&self, chain: &ChainToVerify) -> Decision<Verdict> {
        Decision::Now(Ok(danger_accept_chain(chain)))
    }
}
