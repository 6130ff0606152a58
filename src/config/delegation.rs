//! Delegated credentials as a server has them: a short-lived key for which the certificate's key vouches. RFC 9345.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use pki_types::{CertificateDer, PrivateKeyDer};

use super::identity::Wanted;
use super::{ClientHelloInfo, ConfigError, Decision, Identity, LocalSigner, Signer, SigningRequest};
use crate::clock::Time;
use crate::crypto::Provider;
use crate::error::DelegationRefused;
use crate::verify::{
    MAX_DELEGATION_LIFETIME, PeerCertificate, PublicKeyInfo, Purpose, check_delegation_allowed, delegation_expires,
    delegation_message, is_delegation_scheme, verify_handshake_signature,
};
use crate::wire::{Credential, DelegatedCredential, ProtocolVersion, SignatureScheme, read_all, write_all};

/// A credential as an identity keeps it.
pub(super) struct DelegatedKey {
    credential: Vec<u8>,
    /// What the delegated key signs with.
    scheme: SignatureScheme,
    /// What the certificate's key signed the credential with.
    algorithm: SignatureScheme,
    expires: Time,
}

impl DelegatedKey {
    fn read(credential: Vec<u8>, leaf: &CertificateDer<'_>) -> Result<Self, ConfigError> {
        let read = read_credential(&credential)?;
        let scheme = read.credential.dc_cert_verify_algorithm;
        if !is_delegation_scheme(scheme) {
            return Err(DelegationRefused::Scheme(scheme).into());
        }
        let leaf = PeerCertificate::read(leaf)?;
        check_delegation_allowed(&leaf)?;
        let (algorithm, expires) = (read.algorithm, delegation_expires(&leaf, &read.credential));
        Ok(Self { scheme, algorithm, expires, credential })
    }

    /// Says whether a client takes it: both schemes, and the time if it is known. RFC 9345 §4.1.1, §4.1.3.
    fn fits(&self, offered: &[SignatureScheme], taken: &[SignatureScheme], now: Option<Time>) -> bool {
        let in_time = |now: Time| {
            let latest = now.as_secs().saturating_add(MAX_DELEGATION_LIFETIME.into());
            (now.as_secs()..=latest).contains(&self.expires.as_secs())
        };
        offered.contains(&self.algorithm) && taken.contains(&self.scheme) && now.is_none_or(in_time)
    }
}

fn read_credential(credential: &[u8]) -> Result<DelegatedCredential<'_>, ConfigError> {
    let read: DelegatedCredential<'_> = read_all(credential).map_err(|_| DelegationRefused::Unreadable)?;
    PublicKeyInfo::read(read.credential.subject_public_key_info).map_err(|_| DelegationRefused::Unreadable)?;
    Ok(read)
}

impl Identity {
    /// Joins a chain, a delegated credential for its leaf and the delegated private key, with `ring`'s cryptography. RFC 9345.
    /// The certificate's own key need not be here: clients that do not take the credential are served by another identity,
    /// or not at all.
    #[cfg(feature = "ring")]
    pub fn delegated(
        chain: Vec<CertificateDer<'static>>,
        credential: Vec<u8>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, ConfigError> {
        Self::delegated_with_provider(chain, credential, key, crate::crypto::ring::provider())
    }

    /// Like [`delegated`](Self::delegated), with the cryptography of `provider`. A credential that is for another leaf or
    /// another key is refused; its time is looked at when a client comes.
    pub fn delegated_with_provider(
        chain: Vec<CertificateDer<'static>>,
        credential: Vec<u8>,
        key: &PrivateKeyDer<'_>,
        provider: Arc<dyn Provider>,
    ) -> Result<Self, ConfigError> {
        let key = provider.signing_key(key)?;
        let leaf = chain.first().ok_or(ConfigError::Empty("certificates"))?;
        let read = read_credential(&credential)?;
        let public_key = PublicKeyInfo::read(read.credential.subject_public_key_info);
        if public_key.is_ok_and(|public| public.key() != key.public_key()) {
            return Err(DelegationRefused::KeyDoesNotMatch.into());
        }
        let message = delegation_message(Purpose::Server, leaf, &read.credential, read.algorithm)
            .map_err(|_| DelegationRefused::Unreadable)?;
        let (version, algorithm) = (ProtocolVersion::TLSv1_3, read.algorithm);
        verify_handshake_signature(&*provider, leaf, version, algorithm, &message, read.signature)
            .map_err(|_| DelegationRefused::SignatureWrong)?;
        Self::delegated_with_signer(chain, credential, Arc::new(LocalSigner::new(key, provider)))
    }

    /// Joins a chain, a delegated credential for its leaf and a signer that holds the delegated key, here or elsewhere. That
    /// they belong together only the client will see.
    pub fn delegated_with_signer(
        chain: Vec<CertificateDer<'static>>,
        credential: Vec<u8>,
        signer: Arc<dyn Signer>,
    ) -> Result<Self, ConfigError> {
        let leaf = chain.first().ok_or(ConfigError::Empty("certificates"))?;
        let delegated_key = DelegatedKey::read(credential, leaf)?;
        if !signer.schemes().contains(&delegated_key.scheme) {
            return Err(DelegationRefused::KeyDoesNotMatch.into());
        }
        let mut identity = Self::with_signer(chain, signer)?;
        identity.delegated_key = Some(delegated_key);
        Ok(identity)
    }

    /// Adds a delegated credential for the leaf and a signer that holds the delegated key. RFC 9345. It goes to clients that
    /// take it, while it is valid; others get a signature of the certificate's own key.
    pub fn delegated_credential(mut self, credential: Vec<u8>, signer: Arc<dyn Signer>) -> Result<Self, ConfigError> {
        self.delegated = Some(Arc::new(Self::delegated_with_signer(self.chain().to_vec(), credential, signer)?));
        Ok(self)
    }

    /// Issues a delegated credential for a server: the certificate's key vouches for `subject_public_key_info`, the DER of a
    /// public key that will sign with `scheme`, for `lifetime` seconds from `now` on: 1 to 604,800 (seven days), and no longer
    /// than the certificate. RFC 9345 §3, §4.
    ///
    /// [`ConfigError::DelegatedCredential`] says what the certificate, the key or the signer lacks; the signer must answer at
    /// once.
    pub fn issue_delegated_credential(
        self: &Arc<Self>,
        subject_public_key_info: &[u8],
        scheme: SignatureScheme,
        now: Time,
        lifetime: u32,
    ) -> Result<Vec<u8>, ConfigError> {
        // 1. The certificate allows it, and the credential does not outlive it.
        let leaf_der = self.chain().first().ok_or(ConfigError::Empty("certificates"))?;
        let leaf = PeerCertificate::read(leaf_der)?;
        check_delegation_allowed(&leaf)?;
        let (not_before, not_after) = leaf.validity();
        let expires = now.as_secs().saturating_add(lifetime.into());
        if !(1..=MAX_DELEGATION_LIFETIME).contains(&lifetime) {
            return Err(DelegationRefused::LivesTooLong(Time::from_secs(expires)).into());
        }
        let valid_time = expires.checked_sub(not_before.as_secs()).and_then(|seconds| u32::try_from(seconds).ok());
        let valid_time = valid_time.filter(|_| expires <= not_after.as_secs());
        let valid_time = valid_time.ok_or(DelegationRefused::OutlivesCertificate)?;
        // 2. The delegated key is one, and may sign with this scheme.
        if !is_delegation_scheme(scheme) {
            return Err(DelegationRefused::Scheme(scheme).into());
        }
        PublicKeyInfo::read(subject_public_key_info).map_err(|_| DelegationRefused::Unreadable)?;
        // 3. The signature, with the first scheme of the key that signs in TLS 1.3.
        let credential = Credential { valid_time, dc_cert_verify_algorithm: scheme, subject_public_key_info };
        let mut of_key = self.signer().schemes().iter().copied();
        let algorithm = of_key.find(|scheme| super::identity::is_for(ProtocolVersion::TLSv1_3, *scheme));
        let algorithm = algorithm.filter(|_| self.delegated_key.is_none()).ok_or(DelegationRefused::NotSigned)?;
        let message = delegation_message(Purpose::Server, leaf_der, &credential, algorithm);
        let message = message.map_err(|_| DelegationRefused::Unreadable)?;
        let request = SigningRequest { scheme: algorithm, message, identity: Arc::clone(self) };
        let Decision::Now(Ok(signature)) = self.signer().sign(&request) else {
            return Err(DelegationRefused::NotSigned.into());
        };
        let issued = write_all(&DelegatedCredential { credential, algorithm, signature: &signature });
        Ok(issued.map_err(|_| DelegationRefused::Unreadable)?)
    }

    /// Returns the delegated credential that this identity signs with.
    pub(crate) fn credential(&self) -> Option<&[u8]> {
        self.delegated_key.as_ref().map(|delegated| delegated.credential.as_slice())
    }

    /// Returns the identity with a delegated key that stands beside this one.
    #[cfg(feature = "std")]
    pub(super) fn with_delegated_key(&self) -> Option<&Arc<Self>> {
        self.delegated.as_ref()
    }

    /// Returns with which scheme and which key the delegated key's signatures verify, and until when it holds.
    #[cfg(feature = "std")]
    pub(super) fn delegation(&self) -> Option<(SignatureScheme, PublicKeyInfo<'_>, Time)> {
        let DelegatedKey { credential, scheme, expires, .. } = self.delegated_key.as_ref()?;
        let read = read_credential(credential).ok()?;
        let key = PublicKeyInfo::read(read.credential.subject_public_key_info).ok()?;
        Some((*scheme, key, *expires))
    }

    /// Returns the identity that signs for a client: with the delegated key if the client takes its credential now, otherwise
    /// this one. Nothing but the signer and the credential differ.
    pub(crate) fn signing_for(
        self: &Arc<Self>,
        ours: &[SignatureScheme],
        hello: &ClientHelloInfo,
        now: Option<Time>,
    ) -> Arc<Self> {
        let fits = |delegated: &&Arc<Self>| delegated.server_scheme(ours, hello, now).is_some();
        Arc::clone(self.delegated.as_ref().filter(fits).unwrap_or(self))
    }

    /// Chooses the scheme that a server signs TLS 1.3 with: ours in our order, or the one of the delegated key.
    pub(crate) fn server_scheme(
        &self,
        ours: &[SignatureScheme],
        hello: &ClientHelloInfo,
        now: Option<Time>,
    ) -> Option<SignatureScheme> {
        let (offered, taken) = (&hello.signature_schemes, &hello.delegated_credential_schemes);
        match &self.delegated_key {
            Some(key) => Some(key.scheme).filter(|scheme| ours.contains(scheme) && key.fits(offered, taken, now)),
            None => self.scheme_for(ProtocolVersion::TLSv1_3, ours, offered),
        }
    }

    /// Says whether the signer has a scheme for a peer.
    pub(super) fn can_sign_for_peer(&self, wanted: &Wanted<'_>) -> bool {
        match &self.delegated_key {
            Some(key) => key.fits(wanted.signature_schemes, wanted.delegated_credential_schemes, wanted.now),
            None => self.can_sign_for(wanted.version, wanted.signature_schemes),
        }
    }
}

impl fmt::Debug for DelegatedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DelegatedKey({}, until {})", self.scheme, self.expires)
    }
}
