//! What each question carries, and the traits that may answer it at once.
//!
//! Whatever may take long or lives elsewhere is a question: an owned value that can be sent to another thread or
//! machine. A configuration that has the answer at hand gives it as [`Decision::Now`], and nobody ever sees the
//! question; [`Decision::Later`] hands it to the application, and the handshake waits.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer};

use super::{ClientHelloView, Identity, Observer, ServerConfig};
use crate::clock::Time;
use crate::crypto::Provider;
use crate::error::CertificateError;
use crate::verify::{PeerChain, Purpose, Roots, verify_chain_signed_with, verify_raw_public_key};
use crate::wire::{AlertDescription, CertificateType, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// An answer at once, or the wish to be asked.
#[derive(Clone, Debug)]
pub enum Decision<T> {
    /// The answer.
    Now(T),
    /// The application will answer the question.
    Later,
    /// The handshake ends here, with this alert.
    Refuse(AlertDescription),
}

/// What a server may want to know of a ClientHello to choose a certificate. RFC 8446 §4.1.2.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientHelloInfo {
    /// The version that was settled.
    pub version: ProtocolVersion,
    /// The name in server_name, if the client sent one.
    pub server_name: Option<String>,
    /// The client's application protocols in its order.
    pub application_protocols: Vec<Vec<u8>>,
    /// The client's cipher suites in its order, unknown ones included.
    pub cipher_suites: Vec<CipherSuite>,
    /// The client's groups in its order, unknown ones included.
    pub groups: Vec<NamedGroup>,
    /// The schemes in which the client can verify a handshake signature.
    pub signature_schemes: Vec<SignatureScheme>,
    /// The schemes in which it can verify certificates.
    pub certificate_signature_schemes: Vec<SignatureScheme>,
    /// The schemes in which it takes signatures of delegated keys; empty if it takes none. RFC 9345 §4.1.1.
    pub delegated_credential_schemes: Vec<SignatureScheme>,
    /// The DER of the distinguished names of authorities that the client trusts, if it says so; empty means any. RFC 8446
    /// §4.2.4.
    pub certificate_authorities: Vec<Vec<u8>>,
    /// What the client can judge, in its order, unknown types included; X.509 if it does not say. RFC 7250 §3.
    pub server_certificate_types: Vec<CertificateType>,
    /// When it came.
    pub(crate) now: Option<Time>,
}

/// What a client may want to know of a CertificateRequest to choose a certificate. RFC 8446 §4.3.2.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CertificateRequestInfo {
    /// The version that was settled.
    pub version: ProtocolVersion,
    /// The name of the server that asks.
    pub server_name: ServerName<'static>,
    /// The schemes in which the server can verify a handshake signature.
    pub signature_schemes: Vec<SignatureScheme>,
    /// The schemes in which it can verify certificates.
    pub certificate_signature_schemes: Vec<SignatureScheme>,
    /// The DER of the distinguished names of acceptable authorities; empty means any.
    pub certificate_authorities: Vec<Vec<u8>>,
    /// What the certificate must be. An identity of another type is not shown. RFC 7250 §4.2.
    pub certificate_type: CertificateType,
}

/// Chooses a server's whole configuration for a ClientHello, before anything is answered.
pub trait ChooseServerConfig: Send + Sync + fmt::Debug {
    /// Chooses. The choice holds for the connection, also after a HelloRetryRequest.
    fn choose(&self, hello: &ClientHelloView) -> Decision<Arc<ServerConfig>>;

    /// Returns who sees a connection until a configuration is chosen. The chosen one's own observer sees the ClientHello and
    /// everything behind it; without one, this goes on. None unless told otherwise.
    fn observer(&self) -> Option<Arc<dyn Observer>> {
        None
    }
}

/// Chooses a server's certificate for a ClientHello.
pub trait ChooseServerIdentity: Send + Sync + fmt::Debug {
    /// Chooses; `None` ends the handshake, because there is nothing to show: with unrecognized_name if the client named a
    /// server, else with handshake_failure.
    fn choose(&self, hello: &ClientHelloInfo) -> Decision<Option<Arc<Identity>>>;
}

/// Chooses a client's certificate for a CertificateRequest.
pub trait ChooseClientIdentity: Send + Sync + fmt::Debug {
    /// Chooses; `None` shows no certificate, and the server decides whether it goes on.
    fn choose(&self, request: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>>;

    /// Names whom it shows. A session that was made as somebody else is not resumed, because to the server it would still be
    /// that one. The name of the type, unless choosers of one type show different certificates: those say which.
    fn shows(&self) -> &[u8] {
        core::any::type_name::<Self>().as_bytes()
    }

    /// Lists the types of what it can show, most wanted first: what a client offers in client_certificate_type unless the
    /// configuration says it. X.509, which need not be offered, unless told otherwise. RFC 7250 §4.1.
    fn certificate_types(&self) -> &[CertificateType] {
        super::X509_ALONE
    }
}

/// What a signer is asked to sign. RFC 8446 §4.4.3, RFC 5246 §7.4.3, §7.4.8.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SigningRequest {
    /// The scheme to sign with; one of the signer's own.
    pub scheme: SignatureScheme,
    /// The bytes to sign, not hashed yet. In TLS 1.3: 64 spaces, the context string, a zero and the transcript hash; in TLS
    /// 1.2 a server's randoms and ServerECDHParams, a client's handshake messages.
    pub message: Vec<u8>,
    /// The identity that was chosen; its signer is asked.
    pub identity: Arc<Identity>,
}

/// The signer has no signature to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningFailed;

/// Holds a private key, here or elsewhere.
pub trait Signer: Send + Sync + fmt::Debug {
    /// Returns the schemes with which it can sign, most wanted first.
    fn schemes(&self) -> &[SignatureScheme];

    /// Signs, or asks to be asked.
    fn sign(&self, request: &SigningRequest) -> Decision<Result<Vec<u8>, SigningFailed>>;
}

/// A peer's chain, or its raw public key, with all that is needed to judge it, also on another thread. What it is to be
/// judged by cannot be changed: that would be a way round the checks.
#[derive(Clone, Debug)]
pub struct ChainToVerify {
    pub(crate) chain: PeerChain,
    pub(crate) purpose: Purpose,
    pub(crate) name: Option<ServerName<'static>>,
    pub(crate) now: Option<Time>,
    pub(crate) ocsp_response: Option<Vec<u8>>,
    pub(crate) signed_certificate_timestamps: Option<Vec<u8>>,
    /// What certificates may be signed with, where that was chosen apart.
    pub(crate) certificate_schemes: Option<Vec<SignatureScheme>>,
    pub(crate) roots: Arc<Roots>,
    pub(crate) raw_public_keys: Arc<[SubjectPublicKeyInfoDer<'static>]>,
    pub(crate) provider: Arc<dyn Provider>,
}

impl ChainToVerify {
    /// Returns the chain as the peer sent it, leaf first; never empty. Of a raw public key, that key alone, which is no
    /// certificate: see [`raw_public_key`](Self::raw_public_key).
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Returns what the peer has shown: a chain of certificates, or a raw public key.
    pub fn certificate_type(&self) -> CertificateType {
        self.chain.certificate_type()
    }

    /// Returns the raw public key, if that is what the peer has shown. RFC 7250.
    pub fn raw_public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.chain.raw_public_key()
    }

    /// Returns the raw public keys that are trusted.
    pub fn trusted_raw_public_keys(&self) -> &[SubjectPublicKeyInfoDer<'static>] {
        &self.raw_public_keys
    }

    /// Returns whose certificate it is.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Returns the name that the certificate must be valid for: a client's reference name, `None` on a server.
    pub fn name(&self) -> Option<&ServerName<'static>> {
        self.name.as_ref()
    }

    /// Returns the time to judge by, as the clock told it when the chain came.
    pub fn now(&self) -> Option<Time> {
        self.now
    }

    /// Returns the OCSP response that the peer stapled to its leaf, if it was asked to and did. RFC 6066 §8, RFC 8446
    /// §4.4.2.1.
    pub fn ocsp_response(&self) -> Option<&[u8]> {
        self.ocsp_response.as_deref()
    }

    /// Returns the signed certificate timestamps that the peer sent beside its leaf, if it was asked to and did: a
    /// SignedCertificateTimestampList with its length. RFC 6962 §3.3. Those inside the certificate are not among them.
    pub fn signed_certificate_timestamps(&self) -> Option<&[u8]> {
        self.signed_certificate_timestamps.as_deref()
    }

    /// Returns the roots to lead to.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Judges by all the built-in rules: a chain by path, validity, usages and name; a raw public key, which has none of
    /// them, by whether it is one of the trusted ones.
    pub fn judge(&self) -> Verdict {
        match self.raw_public_key() {
            Some(key) => verify_raw_public_key(&*self.provider, &self.raw_public_keys, &key)?,
            None => {
                let schemes = self.certificate_schemes.as_deref();
                let (roots, name) = (&self.roots, self.name.as_ref());
                verify_chain_signed_with(&*self.provider, schemes, roots, self.purpose, name, &self.chain, self.now)?;
            }
        }
        Ok(ChainAccepted { chain: self.chain.clone() })
    }
}

/// The outcome of judging a chain.
pub type Verdict = Result<ChainAccepted, CertificateError>;

/// Proof that a chain was judged and accepted: this one, of this connection, and no other. It comes from
/// [`ChainToVerify::judge`], or out of the module [`danger`](super::danger).
#[derive(Debug)]
pub struct ChainAccepted {
    pub(super) chain: PeerChain,
}

impl ChainAccepted {
    /// Says whether this is the chain that was judged: the very same one, not one that looks like it, because another
    /// connection may have asked for another name.
    pub(crate) fn is_about(&self, chain: &PeerChain) -> bool {
        self.chain.is_same_as(chain)
    }

    /// Lends the chain.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Returns the chain.
    pub(crate) fn into_chain(self) -> PeerChain {
        self.chain
    }
}

/// Judges a peer's chain.
pub trait VerifyChain: Send + Sync + fmt::Debug {
    /// Judges, or asks to be asked.
    fn verify(&self, chain: &ChainToVerify) -> Decision<Verdict>;

    /// Names the rules by which it judges. A session that was made under other rules is not resumed, because resuming it
    /// judges no chain again. The name of the type, unless a judge has rules that differ from value to value.
    fn rules(&self) -> &[u8] {
        core::any::type_name::<Self>().as_bytes()
    }
}

/// Judges at once by the built-in rules: the default.
#[derive(Clone, Copy, Debug)]
pub(super) struct JudgeNow;

impl VerifyChain for JudgeNow {
    fn verify(&self, chain: &ChainToVerify) -> Decision<Verdict> {
        Decision::Now(chain.judge())
    }
}

/// Hands every chain to the application.
#[derive(Clone, Copy, Debug)]
pub(super) struct JudgeLater;

impl VerifyChain for JudgeLater {
    fn verify(&self, _: &ChainToVerify) -> Decision<Verdict> {
        Decision::Later
    }
}
