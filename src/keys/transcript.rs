//! The transcript hash: a value that is added to in plain sight, read at any point, and forked. RFC 8446 §4.4.1.

use alloc::boxed::Box;

use crate::crypto::{CryptoError, Digest, Hash, HashAlgorithm, Provider};
use crate::wire::HandshakeType;

/// A running hash of all handshake messages so far, each with its header.
pub struct Transcript {
    algorithm: HashAlgorithm,
    hash: Box<dyn Hash>,
}

impl Transcript {
    /// Starts an empty transcript.
    pub fn new(provider: &dyn Provider, algorithm: HashAlgorithm) -> Result<Self, CryptoError> {
        Ok(Self { algorithm, hash: provider.hash(algorithm)? })
    }

    /// Adds a whole handshake message, header included.
    pub fn add(&mut self, message: &[u8]) {
        self.hash.update(message);
    }

    /// Returns Transcript-Hash of everything added so far.
    pub fn current(&self) -> Digest {
        self.hash.current()
    }

    /// Returns an independent copy, for a hypothetical continuation.
    pub fn fork(&self) -> Self {
        Self { algorithm: self.algorithm, hash: self.hash.fork() }
    }

    /// Replaces the first ClientHello by a message_hash message, which stands for it after a HelloRetryRequest.
    /// RFC 8446 §4.4.1.
    pub fn replace_by_message_hash(&mut self, provider: &dyn Provider) -> Result<(), CryptoError> {
        let client_hello_1 = self.current();
        let mut restarted = provider.hash(self.algorithm)?;
        let len = u8::try_from(client_hello_1.as_ref().len()).map_err(|_| CryptoError::Failed)?;
        restarted.update(&[HandshakeType::message_hash.0, 0, 0, len]);
        restarted.update(client_hello_1.as_ref());
        self.hash = restarted;
        Ok(())
    }
}
