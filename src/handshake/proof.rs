//! What must have happened before a connection is one, as values that only the checks in this file can make.

use alloc::vec::Vec;

use crate::config::ChainAccepted;
#[cfg(feature = "tls12")]
use crate::crypto::Secret;
use crate::crypto::{Digest, Provider};
use crate::error::{Error, Internal, Violation};
use crate::keys::{EarlySecret, PskKind, TrafficSecret, Transcript};
use crate::verify::{
    PeerChain, PublicKeyInfo, SignatureFailure, verify_handshake_signature, verify_handshake_signature_with_key,
};
use crate::wire::{Finished, ProtocolVersion, SignatureScheme};

/// Whose signature a CertificateVerify is, which its context string says. RFC 8446 §4.4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signing {
    Client,
    Server,
}

/// The bytes that a CertificateVerify signs. RFC 8446 §4.4.3.
pub(crate) fn signed_message(signing: Signing, transcript_hash: &Digest) -> Vec<u8> {
    let context: &[u8] = match signing {
        Signing::Client => b"TLS 1.3, client CertificateVerify",
        Signing::Server => b"TLS 1.3, server CertificateVerify",
    };
    [&[0x20; 64], context, &[0], transcript_hash.as_ref()].concat()
}

/// Proof that the peer's Finished covers the handshake as we saw it.
pub(crate) struct VerifiedFinished(());

impl VerifiedFinished {
    /// Checks verify_data in constant time. RFC 8446 §4.4.4.
    pub(crate) fn check(
        provider: &dyn Provider,
        peer_secret: &TrafficSecret,
        transcript: &Transcript,
        finished: &Finished<'_>,
    ) -> Result<Self, Error> {
        let expected = peer_secret.verify_data(provider, &transcript.current()).map_err(crypto_failed)?;
        match Digest::new(finished.verify_data) {
            Some(received) if received == expected => Ok(Self(())),
            _ => Err(Violation::FinishedWrong.into()),
        }
    }

    /// Checks verify_data of TLS 1.2 in constant time. RFC 5246 §7.4.9.
    #[cfg(feature = "tls12")]
    pub(crate) fn check_tls12(expected: &Secret, finished: &Finished<'_>) -> Result<Self, Error> {
        let same: bool = subtle::ConstantTimeEq::ct_eq(expected.expose(), finished.verify_data).into();
        if same { Ok(Self(())) } else { Err(Violation::FinishedWrong.into()) }
    }
}

/// Proof that the client holds the PSK that it names.
pub(crate) struct VerifiedBinder(());

impl VerifiedBinder {
    /// Checks a binder in constant time. RFC 8446 §4.2.11.2.
    pub(crate) fn check(
        provider: &dyn Provider,
        early_secret: &EarlySecret,
        kind: PskKind,
        truncated_hash: &Digest,
        binder: &[u8],
    ) -> Result<Self, Error> {
        let expected = early_secret.binder(provider, kind, truncated_hash).map_err(crypto_failed)?;
        match Digest::new(binder) {
            Some(received) if received == expected => Ok(Self(())),
            _ => Err(Violation::PskBinderWrong.into()),
        }
    }
}

/// Proof that the peer holds the secret that a handshake without certificates stands on: a client by its binder, a server by
/// its Finished, in TLS 1.2 either by its Finished.
pub(crate) trait HoldsSecret {}

impl HoldsSecret for VerifiedBinder {}
impl HoldsSecret for VerifiedFinished {}

/// Proof of who the peer is.
pub(crate) enum Authenticated {
    /// The peer's chain was accepted and the peer holds the leaf's key.
    ByCertificate { chain: PeerChain, scheme: SignatureScheme },
    /// The peer's chain was accepted in the connection whose session both ends hold the secret of.
    BySession { chain: PeerChain, scheme: Option<SignatureScheme> },
    /// The peer holds a key that it has from elsewhere.
    ByExternalPsk { identity: Vec<u8> },
    /// The peer is a client, and this server lets it stay unknown.
    Anonymous,
}

impl Authenticated {
    /// The peer holds the secret of a session; its certificates were judged when that was made.
    pub(crate) fn by_session(_: &impl HoldsSecret, chain: PeerChain, scheme: Option<SignatureScheme>) -> Self {
        Self::BySession { chain, scheme }
    }

    /// The peer holds the external PSK of this identity.
    pub(crate) fn by_external_psk(_: &impl HoldsSecret, identity: &[u8]) -> Self {
        Self::ByExternalPsk { identity: identity.to_vec() }
    }

    /// Returns the peer's chain, empty if it has shown none.
    pub(crate) fn chain(&self) -> PeerChain {
        match self {
            Self::ByCertificate { chain, .. } | Self::BySession { chain, .. } => chain.clone(),
            Self::ByExternalPsk { .. } | Self::Anonymous => PeerChain::default(),
        }
    }

    /// Returns the scheme in which the peer has signed, in this connection or in that of the session.
    pub(crate) fn scheme(&self) -> Option<SignatureScheme> {
        match self {
            Self::ByCertificate { scheme, .. } => Some(*scheme),
            Self::BySession { scheme, .. } => *scheme,
            Self::ByExternalPsk { .. } | Self::Anonymous => None,
        }
    }

    /// Checks that the peer holds the key of the leaf of a chain that was accepted, or the raw key: that it signed `message` with a scheme
    /// that was offered. RFC 8446 §4.4.3, RFC 5246 §7.4.3, §7.4.8.
    pub(crate) fn check(
        provider: &dyn Provider,
        version: ProtocolVersion,
        offered: &[SignatureScheme],
        accepted: ChainAccepted,
        message: &[u8],
        (scheme, signature): (SignatureScheme, &[u8]),
    ) -> Result<Self, Error> {
        if !offered.contains(&scheme) {
            return Err(Violation::SignatureSchemeNotOffered.into());
        }
        let chain = accepted.into_chain();
        let leaf = chain.first().ok_or(Violation::NoServerCertificate)?;
        let verified = match chain.raw_public_key() {
            Some(key) => {
                let key = PublicKeyInfo::read(&key)?;
                verify_handshake_signature_with_key(provider, key, version, scheme, message, signature)
            }
            None => verify_handshake_signature(provider, leaf, version, scheme, message, signature),
        };
        match verified {
            Ok(()) => Ok(Self::ByCertificate { chain, scheme }),
            Err(SignatureFailure::SchemeDoesNotFitKey) => Err(Violation::SignatureSchemeNotOffered.into()),
            Err(SignatureFailure::DoesNotVerify) => Err(Violation::SignatureWrong.into()),
            Err(SignatureFailure::BadCertificate) => Err(crate::error::CertificateError::BadEncoding.into()),
        }
    }
}

/// A primitive that fails where it has no reason to is our own failure.
pub(crate) fn crypto_failed(error: crate::crypto::CryptoError) -> Error {
    match error {
        crate::crypto::CryptoError::NoRandomness => Internal::NoRandomness.into(),
        _ => Internal::CryptographyFailed.into(),
    }
}
