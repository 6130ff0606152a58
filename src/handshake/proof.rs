//! What must have happened before a connection is one, as values that only the checks in this file can make.

use alloc::vec::Vec;

use crate::clock::Time;
use crate::config::ChainAccepted;
#[cfg(feature = "tls12")]
use crate::crypto::Secret;
use crate::crypto::{Digest, Provider};
use crate::error::{CertificateError, DelegationRefused, Error, Internal, Violation};
use crate::keys::{EarlySecret, PskKind, TrafficSecret, Transcript};
use crate::verify::{
    PeerCertificate, PeerChain, PublicKeyInfo, Purpose, SignatureFailure, delegation_expires,
    verify_delegated_credential, verify_handshake_signature, verify_handshake_signature_with_key,
};
use crate::wire::{DelegatedCredential, Finished, ProtocolVersion, SignatureScheme, read_all};

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

/// Proof that the key of a leaf whose chain was accepted vouches for another key, now and for this role. RFC 9345 §4.1.3.
pub(crate) struct VerifiedDelegation {
    scheme: SignatureScheme,
    subject_public_key_info: Vec<u8>,
    expires: Time,
}

impl VerifiedDelegation {
    /// Checks the credential of a server, whose certificate's key may have signed it with `offered` and whose delegated key may
    /// sign with `delegated`.
    pub(crate) fn check(
        provider: &dyn Provider,
        accepted: &ChainAccepted,
        credential: &[u8],
        schemes: (&[SignatureScheme], &[SignatureScheme]),
        now: Option<Time>,
    ) -> Result<Self, Error> {
        let leaf = accepted.chain().first().ok_or(Violation::NoServerCertificate)?;
        let invalid = |reason| Error::Violation(Violation::DelegatedCredentialInvalid(reason));
        let read: DelegatedCredential<'_> = read_all(credential).map_err(|_| invalid(DelegationRefused::Unreadable))?;
        let now = now.ok_or(CertificateError::NoTime)?;
        verify_delegated_credential(provider, Purpose::Server, leaf, &read, schemes, now).map_err(invalid)?;
        Ok(Self {
            scheme: read.credential.dc_cert_verify_algorithm,
            subject_public_key_info: read.credential.subject_public_key_info.to_vec(),
            expires: delegation_expires(&PeerCertificate::read(leaf)?, &read.credential),
        })
    }

    /// Returns until when the delegation holds.
    pub(crate) fn expires(&self) -> Time {
        self.expires
    }

    /// Checks that the peer holds the delegated key: that it signed `message` with the credential's scheme.
    pub(crate) fn authenticate(
        self,
        provider: &dyn Provider,
        accepted: ChainAccepted,
        message: &[u8],
        (scheme, signature): (SignatureScheme, &[u8]),
    ) -> Result<Authenticated, Error> {
        let invalid = |reason| Error::Violation(Violation::DelegatedCredentialInvalid(reason));
        if scheme != self.scheme {
            return Err(invalid(DelegationRefused::OtherScheme(scheme)));
        }
        let key =
            PublicKeyInfo::read(&self.subject_public_key_info).map_err(|_| invalid(DelegationRefused::Unreadable))?;
        let version = ProtocolVersion::TLSv1_3;
        match verify_handshake_signature_with_key(provider, key, version, scheme, message, signature) {
            Ok(()) => Ok(Authenticated::ByCertificate { chain: accepted.into_chain(), scheme }),
            Err(SignatureFailure::DoesNotVerify) => Err(Violation::SignatureWrong.into()),
            Err(SignatureFailure::SchemeDoesNotFitKey | SignatureFailure::BadCertificate) => {
                Err(invalid(DelegationRefused::Scheme(scheme)))
            }
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
