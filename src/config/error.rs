//! Why a configuration was refused while it was built.

use alloc::string::String;
use core::fmt;

use super::AVAILABLE_VERSIONS;
use crate::crypto::KeyRejected;
use crate::error::{CertificateError, DelegationRefused};
use crate::verify::pem::PemError;
use crate::wire::{
    CertificateType, CipherSuite, ExtensionType, MaxFragmentLength, NamedGroup, ProtocolVersion, SignatureScheme,
};

/// How much of a bad name an error shows.
const MAX_NAME_SHOWN: usize = 40;

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
    /// None of the allowed cipher suites belongs to one of the allowed versions.
    NoSuiteForVersions,
    /// None of the allowed groups belongs to one of the allowed versions.
    NoGroupForVersions,
    /// None of the allowed signature schemes goes with an allowed version and its suites.
    NoSchemeForVersions,
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
    /// A certificate of the chain is not one; it says the how manyth.
    ChainUnreadable(usize),
    /// The private key does not belong to any certificate of the chain.
    KeyDoesNotMatchCertificate,
    /// The private key belongs to a later certificate of the chain, and the first must be its own; it says to the how
    /// manyth.
    ChainNotLeafFirst(usize),
    /// The certificate is for another kind of key than the file: RSASSA-PSS for rsaEncryption, or the other way round.
    KeyKindDiffers,
    /// A key share of a group that is not among the groups.
    KeyShareWithoutGroup(NamedGroup),
    /// An extension that an application cannot give to a ClientHello: Bulla writes it itself, or cannot do what it says.
    ExtensionIsOurs(ExtensionType),
    /// A ClientHello shape with more or longer extensions, or more padding, than a server need take.
    ClientHelloTooLong,
    /// record_size_limit is 64 to 16,385 bytes. RFC 8449 §4.
    RecordSizeLimitOutOfBounds(u16),
    /// max_fragment_length is one of four lengths. RFC 6066 §4.
    MaxFragmentLengthUnknown(MaxFragmentLength),
    /// A certificate type that is not spoken here.
    CertificateTypeUnavailable(CertificateType),
    /// A raw public key cannot be used: the how manyth, and why.
    RawPublicKey(usize, CertificateError),
    /// Early data that is taken once needs a store to take sessions from.
    NoSessionStore,
    /// A list with more entries than its field has room for; it names the list and the most that fit.
    TooMany(&'static str, usize),
    /// The bytes are not a SignedCertificateTimestampList with at least one timestamp. RFC 6962 §3.3.
    BadSignedCertificateTimestamps,
    /// The delegated credential cannot be used. RFC 9345 §4.
    DelegatedCredential(DelegationRefused),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VersionUnavailable(version) => {
                write!(f, "{version} is not available in this build, which speaks")?;
                for (index, available) in AVAILABLE_VERSIONS.iter().enumerate() {
                    write!(f, "{}{available}", if index == 0 { " " } else { " and " })?;
                }
                Ok(())
            }
            Self::CipherSuiteUnavailable(suite) => write!(f, "the cipher suite {suite} is not available"),
            Self::GroupUnavailable(group) => write!(f, "the key exchange group {group} is not available"),
            Self::SignatureSchemeUnavailable(scheme) => {
                write!(f, "the signature scheme {scheme} is not available for handshakes")
            }
            Self::NoSuiteForVersions => {
                f.write_str("none of the allowed cipher suites belongs to one of the allowed versions")
            }
            Self::NoGroupForVersions => {
                f.write_str("none of the allowed key exchange groups belongs to one of the allowed versions")
            }
            Self::NoSchemeForVersions => {
                f.write_str("none of the allowed signature schemes goes with an allowed version and its cipher suites")
            }
            Self::Empty(list) => write!(f, "the list of {list} is empty; leave it out for the default, or name at least one"),
            Self::Repeated(list) => write!(f, "the list of {list} names the same entry twice"),
            Self::BadApplicationProtocol(name) => {
                // The name may be long, which is what may be wrong with it.
                let shown: String = name.chars().take(MAX_NAME_SHOWN).collect();
                write!(f, "the application protocol name {shown:?} is not 1 to 255 bytes long but {}", name.len())
            }
            Self::TooManyApplicationProtocols => {
                f.write_str("the application protocol names take more than 32,768 bytes, which do not fit into a ClientHello")
            }
            Self::Pem(error) => error.fmt(f),
            Self::Key(error) => error.fmt(f),
            Self::Certificate(error) => write!(f, "the certificate cannot be used: {error}"),
            Self::ChainUnreadable(number) => {
                write!(f, "number {number} of the certificate chain is not a certificate")
            }
            Self::KeyDoesNotMatchCertificate => {
                f.write_str("the private key does not belong to the certificate, nor to another one of the chain")
            }
            Self::ChainNotLeafFirst(number) => write!(
                f,
                "the private key belongs to number {number} of the certificate chain; put that certificate first"
            ),
            Self::KeyShareWithoutGroup(group) => {
                write!(f, "a key share of {group} is asked for, which is not among the groups; name it there too")
            }
            Self::ExtensionIsOurs(extension) => {
                write!(f, "the extension {extension} cannot be given to a ClientHello by hand: Bulla writes it where it is configured, or does not speak it")
            }
            Self::ClientHelloTooLong => f.write_str("the shape makes a ClientHello too long: extensions and padding are limited to 16,384 bytes each, and to 64 extensions"),
            Self::RecordSizeLimitOutOfBounds(bytes) => {
                write!(f, "a record size limit is 64 to 16,385 bytes, not {bytes}")
            }
            Self::MaxFragmentLengthUnknown(length) => {
                write!(f, "max_fragment_length is 2^9, 2^10, 2^11 or 2^12 (1 to 4), not {length}")
            }
            Self::CertificateTypeUnavailable(listed) => {
                write!(f, "the certificate type {listed} is not available; there are X.509 and raw public key")
            }
            Self::RawPublicKey(number, reason) => write!(f, "number {number} of the raw public keys cannot be used: {reason}"),
            Self::NoSessionStore => f.write_str(
                "early data by AntiReplay::SingleUse needs a session store: call session_store before early_data, or use a strike register",
            ),
            Self::TooMany(list, most) => write!(f, "the list of {list} has more than {most} entries"),
            Self::BadSignedCertificateTimestamps => f.write_str(
                "these are not signed certificate timestamps: a SignedCertificateTimestampList with its length, and at least one in it",
            ),
            Self::DelegatedCredential(reason) => write!(f, "the delegated credential cannot be used: {reason}"),
            Self::KeyKindDiffers => f.write_str(
                "the certificate is for the same RSA key but of another kind (rsaEncryption or RSASSA-PSS) than the key file says",
            ),
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

impl From<DelegationRefused> for ConfigError {
    fn from(reason: DelegationRefused) -> Self {
        Self::DelegatedCredential(reason)
    }
}

impl From<CertificateError> for ConfigError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}
