//! Why a configuration was refused while it was built.

use alloc::string::String;
use core::fmt;

use crate::crypto::KeyRejected;
use crate::error::CertificateError;
use crate::verify::pem::PemError;
use crate::wire::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// A decision that cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A version that this build does not speak, or that nobody should.
    VersionUnavailable(ProtocolVersion),
    /// A cipher suite that this build or the provider does not have.
    CipherSuiteUnavailable(CipherSuite),
    /// A group that the provider does not have.
    GroupUnavailable(NamedGroup),
    /// A signature scheme that the provider does not have, or that may not sign handshakes.
    SignatureSchemeUnavailable(SignatureScheme),
    /// A list without an entry; it names the list.
    Empty(&'static str),
    /// A list with the same entry twice; it names the list.
    Repeated(&'static str),
    /// An application protocol name that is empty or longer than 255 bytes. RFC 7301 §3.1.
    BadApplicationProtocol(String),
    /// The application protocol names do not fit into a ClientHello.
    TooManyApplicationProtocols,
    /// The certificate or key is not readable PEM or DER.
    Pem(PemError),
    /// The private key cannot be used.
    Key(KeyRejected),
    /// The leaf certificate cannot be used.
    Certificate(CertificateError),
    /// The private key does not belong to the leaf certificate.
    KeyDoesNotMatchCertificate,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VersionUnavailable(version) => write!(f, "{version} is not available in this build, which speaks TLS 1.3"),
            Self::CipherSuiteUnavailable(suite) => write!(f, "the cipher suite {suite} is not available"),
            Self::GroupUnavailable(group) => write!(f, "the key exchange group {group} is not available"),
            Self::SignatureSchemeUnavailable(scheme) => {
                write!(f, "the signature scheme {scheme} is not available for handshakes")
            }
            Self::Empty(list) => write!(f, "the list of {list} is empty"),
            Self::Repeated(list) => write!(f, "the list of {list} names the same entry twice"),
            Self::BadApplicationProtocol(name) => {
                write!(f, "the application protocol name {name:?} is not 1 to 255 bytes long")
            }
            Self::TooManyApplicationProtocols => {
                f.write_str("the application protocol names take more than 32,768 bytes, which do not fit into a ClientHello")
            }
            Self::Pem(error) => error.fmt(f),
            Self::Key(error) => error.fmt(f),
            Self::Certificate(error) => write!(f, "the certificate cannot be used: {error}"),
            Self::KeyDoesNotMatchCertificate => {
                f.write_str("the private key does not belong to the first certificate of the chain (is the chain in order, leaf first?)")
            }
        }
    }
}

impl core::error::Error for ConfigError {}

impl From<PemError> for ConfigError {
    fn from(error: PemError) -> Self {
        Self::Pem(error)
    }
}

impl From<KeyRejected> for ConfigError {
    fn from(error: KeyRejected) -> Self {
        Self::Key(error)
    }
}

impl From<CertificateError> for ConfigError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}
