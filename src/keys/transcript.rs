//! The transcript hash: a value that is added to in plain sight, read at any point, and forked. RFC 8446 §4.4.1.

use alloc::boxed::Box;
#[cfg(feature = "tls12")]
use alloc::vec::Vec;

use crate::crypto::{CryptoError, Digest, Hash, HashAlgorithm, Provider};
use crate::wire::HandshakeType;

/// A running hash of all handshake messages so far, each with its header.
pub struct Transcript {
    algorithm: HashAlgorithm,
    hash: Box<dyn Hash>,
    /// The messages themselves, as long as a CertificateVerify of TLS 1.2 may want them. RFC 5246 §7.4.8.
    #[cfg(feature = "tls12")]
    messages: Option<Vec<u8>>,
}

impl Transcript {
    /// Starts an empty transcript.
    pub fn new(provider: &dyn Provider, algorithm: HashAlgorithm) -> Result<Self, CryptoError> {
        Ok(Self {
            algorithm,
            hash: provider.hash(algorithm)?,
            #[cfg(feature = "tls12")]
            messages: None,
        })
    }

    /// Keeps the messages too, from the first one on: TLS 1.2 signs them with a hash that is not known yet.
    #[cfg(feature = "tls12")]
    pub fn keep_messages(&mut self) {
        self.messages = Some(Vec::new());
    }

    /// Lets the kept messages go.
    #[cfg(feature = "tls12")]
    pub fn drop_messages(&mut self) {
        self.messages = None;
    }

    /// Returns the messages since [`keep_messages`](Self::keep_messages); empty if none are kept.
    #[cfg(feature = "tls12")]
    pub fn messages(&self) -> &[u8] {
        self.messages.as_deref().unwrap_or_default()
    }

    /// Adds a whole handshake message, header included.
    pub fn add(&mut self, message: &[u8]) {
        self.hash.update(message);
        #[cfg(feature = "tls12")]
        if let Some(messages) = &mut self.messages {
            messages.extend_from_slice(message);
        }
    }

    /// Returns Transcript-Hash of everything added so far.
    pub fn current(&self) -> Digest {
        self.hash.current()
    }

    /// Returns an independent copy, for a hypothetical continuation.
    pub fn fork(&self) -> Self {
        Self {
            algorithm: self.algorithm,
            hash: self.hash.fork(),
            #[cfg(feature = "tls12")]
            messages: self.messages.clone(),
        }
    }

    /// Replaces the first ClientHello by a message_hash message, which stands for it after a HelloRetryRequest.
    /// RFC 8446 §4.4.1.
    pub fn replace_by_message_hash(&mut self, provider: &dyn Provider) -> Result<(), CryptoError> {
        *self = Self::from_message_hash(provider, self.algorithm, &self.current())?;
        Ok(())
    }

    /// Starts with the message_hash message of a first ClientHello of which nothing but its hash is known. RFC 8446 §4.4.1.
    pub fn from_message_hash(
        provider: &dyn Provider,
        algorithm: HashAlgorithm,
        client_hello_1: &Digest,
    ) -> Result<Self, CryptoError> {
        let mut transcript = Self::new(provider, algorithm)?;
        let len = u8::try_from(client_hello_1.as_ref().len()).map_err(|_| CryptoError::Failed)?;
        transcript.add(&[HandshakeType::message_hash.0, 0, 0, len]);
        transcript.add(client_hello_1.as_ref());
        Ok(transcript)
    }
}
