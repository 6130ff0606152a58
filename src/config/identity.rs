//! A certificate chain, or a raw public key, with whoever signs for it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use pki_types::{CertificateDer, PrivateKeyDer, ServerName, SubjectPublicKeyInfoDer};

use super::compression::CompressedForms;
use super::delegation::DelegatedKey;
use super::{ConfigError, Decision, Signer, SigningFailed, SigningRequest};
use crate::clock::Time;
use crate::crypto::{KeyRejected, Provider, SigningKey, VerificationAlgorithm};
use crate::error::CertificateError;
#[cfg(feature = "ring")]
use crate::verify::pem;
use crate::verify::{
    CERTIFICATE_ONLY_SCHEMES, PeerCertificate, PublicKeyInfo, certificate_signature_scheme, is_certificate,
    key_matches_certificate, raw_public_key_of, verify_name,
};
use crate::wire::{CertificateType, ProtocolVersion, SignatureScheme, SignedCertificateTimestampList, read_all};

/// A certificate chain, leaf first, with the key that belongs to it; or a raw public key alone, which peers know from
/// elsewhere. RFC 7250.
pub struct Identity {
    certificate_type: CertificateType,
    /// Of a raw public key, that key alone.
    chain: Vec<CertificateDer<'static>>,
    signer: Arc<dyn Signer>,
    ocsp_response: Option<Vec<u8>>,
    signed_certificate_timestamps: Option<Vec<u8>>,
    /// Of a signer that holds a delegated key.
    pub(super) delegated_key: Option<DelegatedKey>,
    /// The same with a delegated key, for clients that take it.
    pub(super) delegated: Option<Arc<Identity>>,
    /// What each certificate is signed with, `None` for what no client should accept.
    chain_schemes: Vec<Option<SignatureScheme>>,
    only_for_named_authorities: bool,
    compressed: CompressedForms,
}

/// What a peer can use of identities, whichever end asks. RFC 8446 §4.4.2.2, §4.4.2.3.
pub(super) struct Wanted<'p> {
    pub(super) version: ProtocolVersion,
    pub(super) signature_schemes: &'p [SignatureScheme],
    pub(super) certificate_signature_schemes: &'p [SignatureScheme],
    /// Empty if the peer takes no delegated credential.
    pub(super) delegated_credential_schemes: &'p [SignatureScheme],
    /// By when delegated credentials are over.
    pub(super) now: Option<Time>,
    /// Empty if the peer names none: it takes any.
    pub(super) certificate_authorities: &'p [Vec<u8>],
}

impl Wanted<'_> {
    /// Chooses among those whose key can sign: one whose chain the peer can verify, and under those one whose chain an
    /// authority of the peer's has issued; the first of equals. A chain that the peer may not be able to verify is still
    /// better than none, because it may know the leaf.
    pub(super) fn best_of<'i>(&self, identities: impl Iterator<Item = &'i Arc<Identity>>) -> Option<&'i Arc<Identity>> {
        let mut best = None;
        for identity in identities {
            let issued = identity.issued_by_one_of(self.certificate_authorities);
            if !identity.can_sign_for_peer(self) || identity.only_for_named_authorities && !issued {
                continue;
            }
            let fit = (identity.chain_verifiable_with(self.certificate_signature_schemes), issued);
            if best.is_none_or(|(_, best_fit)| fit > best_fit) {
                best = Some((identity, fit));
            }
        }
        best.map(|(identity, _)| identity)
    }
}

/// Lists the types of these identities, each once, in their order.
pub(super) fn types_of(identities: &[Arc<Identity>]) -> Vec<CertificateType> {
    let mut types = Vec::new();
    for identity in identities {
        if !types.contains(&identity.certificate_type) {
            types.push(identity.certificate_type);
        }
    }
    types
}

impl Identity {
    /// Joins a chain (leaf first, root left out) and its private key, with `ring`'s cryptography. A key that does not
    /// belong to the leaf is refused.
    #[cfg(feature = "ring")]
    pub fn new(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'_>) -> Result<Self, ConfigError> {
        Self::with_provider(chain, key, crate::crypto::ring::provider())
    }

    /// Reads chain and key from PEM or DER in memory: PKCS#8, SEC1 or PKCS#1.
    #[cfg(feature = "ring")]
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, ConfigError> {
        let (chain, key) = (pem::certificates_from_pem_or_der(chain)?, pem::private_key_from_pem_or_der(key)?);
        Self::new(chain, &key)
    }

    /// Reads chain and key from files, PEM or DER.
    #[cfg(all(feature = "ring", feature = "std"))]
    pub fn from_files(
        chain: impl AsRef<std::path::Path>,
        key: impl AsRef<std::path::Path>,
    ) -> Result<Self, crate::verify::FileError<ConfigError>> {
        use crate::verify::FileError;
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let chain_bytes = FileError::read(chain)?;
        let key_bytes = zeroize::Zeroizing::new(FileError::read(key)?);
        let certificates = pem::certificates_from_pem_or_der(&chain_bytes);
        let certificates = certificates.map_err(|error| FileError::new(chain, error.into()))?;
        let key_der = pem::private_key_from_pem_or_der(&key_bytes);
        let key_der = key_der.map_err(|error| FileError::new(key, error.into()))?;
        Self::new(certificates, &key_der).map_err(|error| {
            let of_key = matches!(
                error,
                ConfigError::Key(_) | ConfigError::KeyDoesNotMatchCertificate | ConfigError::KeyKindDiffers
            );
            FileError::new(if of_key { key } else { chain }, error)
        })
    }

    /// Like [`new`](Self::new), with the cryptography of `provider`.
    pub fn with_provider(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
        provider: Arc<dyn Provider>,
    ) -> Result<Self, ConfigError> {
        let key = provider.signing_key(key)?;
        let leaf = PeerCertificate::read(chain.first().ok_or(ConfigError::Empty("certificates"))?)?;
        if leaf.subject_public_key() != key.public_key() {
            // The commonest cause: the chain is there, and in another order.
            let is_keys = |der| key_matches_certificate(der, key.public_key()) == Ok(true);
            return Err(match chain.iter().position(is_keys) {
                Some(index) => ConfigError::ChainNotLeafFirst(index + 1),
                None => ConfigError::KeyDoesNotMatchCertificate,
            });
        }
        // The same RSA key may be of another kind in certificate and file, and peers go by the certificate's.
        let signs = |row: &&VerificationAlgorithm| row.scheme.is_some_and(|scheme| key.schemes().contains(&scheme));
        let mut kinds = provider.verification_algorithms().iter().filter(signs);
        if !kinds.any(|row| row.algorithm.public_key_alg_id().as_ref() == leaf.key_algorithm()) {
            return Err(ConfigError::KeyKindDiffers);
        }
        Self::with_signer(chain, Arc::new(LocalSigner { key, provider }))
    }

    /// Joins a chain and a signer whose key may live elsewhere. That they belong together only the peer will see.
    pub fn with_signer(chain: Vec<CertificateDer<'static>>, signer: Arc<dyn Signer>) -> Result<Self, ConfigError> {
        let leaf = chain.first().ok_or(ConfigError::Empty("certificates"))?;
        PeerCertificate::read(leaf)?;
        if let Some(index) = chain.iter().position(|der| !is_certificate(der)) {
            return Err(ConfigError::ChainUnreadable(index + 1));
        }
        // A root may be signed with anything, and be so old that we do not read it: nobody verifies it. RFC 8446 §4.2.3.
        let is_verified = |read: &PeerCertificate<'_>| read.subject() != read.issuer();
        let verified = chain.iter().filter(|der| PeerCertificate::read(der).is_ok_and(|read| is_verified(&read)));
        let chain_schemes = verified.map(|der| certificate_signature_scheme(der)).collect();
        Ok(Self::of(CertificateType::X509, chain, signer, chain_schemes))
    }

    /// Stands for a private key by its public half and no certificate, with `ring`'s cryptography. RFC 7250. Peers that can
    /// judge no raw public keys cannot be talked to with it.
    #[cfg(feature = "ring")]
    pub fn raw_public_key(key: &PrivateKeyDer<'_>) -> Result<Self, ConfigError> {
        Self::raw_public_key_with_provider(key, crate::crypto::ring::provider())
    }

    /// Like [`raw_public_key`](Self::raw_public_key), with the cryptography of `provider`.
    pub fn raw_public_key_with_provider(
        key: &PrivateKeyDer<'_>,
        provider: Arc<dyn Provider>,
    ) -> Result<Self, ConfigError> {
        let key = provider.signing_key(key)?;
        let public = raw_public_key_of(&*provider, &*key).ok_or(KeyRejected::UnsupportedAlgorithm)?;
        Self::with_raw_signer(public, Arc::new(LocalSigner { key, provider }))
    }

    /// Joins a raw public key and a signer whose key may live elsewhere. That they belong together only the peer will see.
    pub fn with_raw_signer(
        key: SubjectPublicKeyInfoDer<'static>,
        signer: Arc<dyn Signer>,
    ) -> Result<Self, ConfigError> {
        PublicKeyInfo::read(&key).map_err(|reason| ConfigError::RawPublicKey(1, reason))?;
        let chain = alloc::vec![CertificateDer::from(key.to_vec())];
        Ok(Self::of(CertificateType::RawPublicKey, chain, signer, Vec::new()))
    }

    fn of(
        certificate_type: CertificateType,
        chain: Vec<CertificateDer<'static>>,
        signer: Arc<dyn Signer>,
        chain_schemes: Vec<Option<SignatureScheme>>,
    ) -> Self {
        Self {
            certificate_type,
            chain,
            signer,
            ocsp_response: None,
            signed_certificate_timestamps: None,
            delegated_key: None,
            delegated: None,
            chain_schemes,
            only_for_named_authorities: false,
            compressed: CompressedForms::default(),
        }
    }

    /// Returns what the identity is shown as.
    pub fn certificate_type(&self) -> CertificateType {
        self.certificate_type
    }

    /// Returns the DER of the SubjectPublicKeyInfo: the raw public key itself, or that of the leaf.
    pub fn subject_public_key_info(&self) -> SubjectPublicKeyInfoDer<'_> {
        let shown = self.chain.first().map_or(&[][..], AsRef::as_ref);
        let of_leaf = || PeerCertificate::read(shown).map_or(&[][..], |leaf| leaf.subject_public_key_info());
        SubjectPublicKeyInfoDer::from(if self.is_raw() { shown } else { of_leaf() })
    }

    pub(super) fn is_raw(&self) -> bool {
        self.certificate_type == CertificateType::RawPublicKey
    }

    /// Staples an OCSP response, which goes to clients that ask for one. RFC 6066 §8. It is not looked into.
    pub fn ocsp_response(mut self, response: Vec<u8>) -> Self {
        self.ocsp_response = Some(response).filter(|response| !response.is_empty());
        self
    }

    /// Passes signed certificate timestamps on to peers that ask for them: a SignedCertificateTimestampList with its length, as
    /// certificate authorities and logs give it. RFC 6962 §3.3. They are not looked into.
    ///
    /// [`ConfigError::BadSignedCertificateTimestamps`]: it is not such a list, or an empty one.
    pub fn signed_certificate_timestamps(mut self, list: Vec<u8>) -> Result<Self, ConfigError> {
        let read = read_all::<SignedCertificateTimestampList<'_>>(&list);
        read.map_err(|_| ConfigError::BadSignedCertificateTimestamps)?;
        self.signed_certificate_timestamps = Some(list);
        Ok(self)
    }

    /// Returns the list of timestamps, of which a raw public key has none: no log knows it.
    pub(crate) fn timestamps(&self) -> Option<&[u8]> {
        self.signed_certificate_timestamps.as_deref().filter(|_| !self.is_raw())
    }

    /// Shows the certificate only to a peer that names an authority which has issued it, or one above. RFC 8446 §4.2.4. Off by
    /// default: most peers name none, and to them this certificate is then never shown.
    pub fn only_for_named_authorities(mut self, on: bool) -> Self {
        self.only_for_named_authorities = on;
        self
    }

    /// Says whether the certificate is hidden from whoever names no authority of it.
    pub(super) fn is_only_for_named_authorities(&self) -> bool {
        self.only_for_named_authorities
    }

    /// Says whether one of these authorities, the DER of distinguished names, has issued a certificate of the chain.
    pub fn issued_by_one_of(&self, authorities: &[Vec<u8>]) -> bool {
        // Names are compared as bytes: a peer takes them from its roots, as issuers take theirs.
        !authorities.is_empty()
            && self.chain.iter().any(|der| {
                PeerCertificate::read(der).is_ok_and(|read| authorities.iter().any(|name| name == read.issuer()))
            })
    }

    /// Lends what its Certificate was compressed to.
    pub(crate) fn compressed_forms(&self) -> &CompressedForms {
        &self.compressed
    }

    /// Returns the stapled OCSP response, of which a raw public key has none.
    pub(crate) fn stapled(&self) -> Option<&[u8]> {
        self.ocsp_response.as_deref().filter(|_| !self.is_raw())
    }

    /// Returns the chain, leaf first; of a raw public key, that key alone, which is no certificate.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Returns whoever signs.
    pub fn signer(&self) -> &Arc<dyn Signer> {
        &self.signer
    }

    /// Says whether the leaf is valid for this DNS name. RFC 9525 §6. A raw public key has no names, and is for all of them.
    pub fn is_valid_for(&self, name: &str) -> bool {
        if self.is_raw() {
            return true;
        }
        let Ok(name) = ServerName::try_from(name) else { return false };
        let checked: Result<(), CertificateError> = match self.chain.first() {
            Some(leaf) => verify_name(leaf, &name),
            None => return false,
        };
        checked.is_ok()
    }

    /// Says whether the signer has one of these schemes for this version.
    pub(crate) fn can_sign_for(&self, version: ProtocolVersion, schemes: &[SignatureScheme]) -> bool {
        self.delegated_key.is_none()
            && self.signer.schemes().iter().any(|scheme| is_for(version, *scheme) && schemes.contains(scheme))
    }

    /// Says whether every certificate of the chain is signed with one of these schemes.
    pub(crate) fn chain_verifiable_with(&self, schemes: &[SignatureScheme]) -> bool {
        self.chain_schemes.iter().all(|scheme| scheme.is_some_and(|scheme| schemes.contains(&scheme)))
    }

    /// Chooses the scheme to sign with: ours in our order, which the peer and the signer have too.
    pub(crate) fn scheme_for(
        &self,
        version: ProtocolVersion,
        ours: &[SignatureScheme],
        peers: &[SignatureScheme],
    ) -> Option<SignatureScheme> {
        // A delegated key signs for who takes its credential alone.
        let of_signer = if self.delegated_key.is_none() { self.signer.schemes() } else { &[] };
        ours.iter()
            .copied()
            .find(|scheme| is_for(version, *scheme) && of_signer.contains(scheme) && peers.contains(scheme))
    }
}

/// SHA-1 schemes sign nothing at all, RSA PKCS#1 signs no TLS 1.3 handshake. RFC 8446 §4.2.3, RFC 9155 §2.
pub(super) fn is_for(version: ProtocolVersion, scheme: SignatureScheme) -> bool {
    match scheme {
        SignatureScheme::rsa_pkcs1_sha1 | SignatureScheme::ecdsa_sha1 => false,
        pkcs1 if CERTIFICATE_ONLY_SCHEMES.contains(&pkcs1) => version < ProtocolVersion::TLSv1_3,
        _ => true,
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.certificate_type {
            CertificateType::X509 => write!(f, "Identity({} certificates, {:?})", self.chain.len(), self.signer),
            other => write!(f, "Identity({other}, {:?})", self.signer),
        }
    }
}

/// Signs at once with a key in this process.
pub struct LocalSigner {
    key: Arc<dyn SigningKey>,
    provider: Arc<dyn Provider>,
}

impl LocalSigner {
    /// Wraps a key of `provider`.
    pub fn new(key: Arc<dyn SigningKey>, provider: Arc<dyn Provider>) -> Self {
        Self { key, provider }
    }
}

impl Signer for LocalSigner {
    fn schemes(&self) -> &[SignatureScheme] {
        self.key.schemes()
    }

    fn sign(&self, request: &SigningRequest) -> Decision<Result<Vec<u8>, SigningFailed>> {
        let signature = self.key.sign(&*self.provider, request.scheme, &request.message);
        Decision::Now(signature.map_err(|_| SigningFailed))
    }
}

impl fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalSigner({:?})", self.key.schemes())
    }
}
