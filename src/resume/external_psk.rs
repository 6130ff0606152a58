//! Keys that both ends have from elsewhere. RFC 8446 §4.2.11, RFC 9257, RFC 9258.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::crypto::{CryptoError, HashAlgorithm, Provider, Secret, Suite, hkdf_extract};
use crate::keys::expand_label;
use crate::wire::{Codec, Malformed, ProtocolVersion, Reader, TooLong, Writer, read_all, write_all};

/// Shortest key, in bytes. RFC 9257 §6 asks for 128 bits of entropy: a password has fewer, whatever its length, and can be
/// guessed by whoever has seen one handshake.
pub const MIN_PSK_LEN: usize = 16;

/// What KDFs are called in an imported identity. RFC 9258 §9.
const KDFS: [(u16, HashAlgorithm); 2] = [(0x0001, HashAlgorithm::Sha256), (0x0002, HashAlgorithm::Sha384)];

/// A pre-shared key with its name and the one hash that it may be used with.
///
/// One key is for one client and one server, in these roles: where more share it, each can pose as any other, and a server
/// that is also a client can be made to talk to itself. RFC 9257 §4.
pub struct ExternalPsk {
    pub(crate) identity: Vec<u8>,
    pub(crate) secret: Secret,
    pub(crate) hash: HashAlgorithm,
    /// Whether it came through the importer, which its binder says. RFC 9258 §5.2.
    pub(crate) imported: bool,
}

impl ExternalPsk {
    /// Takes a key of at least [`MIN_PSK_LEN`] random bytes; its identity is 1 to 65,535 bytes, which everybody can read on the
    /// wire. The hash is SHA-256 unless both ends know better.
    pub fn new(identity: &[u8], key: &[u8], hash: HashAlgorithm) -> Result<Self, PskRefused> {
        check_key(key)?;
        if identity.is_empty() || identity.len() > 0xffff {
            return Err(PskRefused::Identity);
        }
        Ok(Self { identity: identity.to_vec(), secret: Secret::copy_from(key), hash, imported: false })
    }

    /// Derives a key for TLS 1.3 with SHA-256 and one with SHA-384, in this order, for a client to offer. RFC 9258 §5.1.
    ///
    /// `key_hash` is the hash that the key itself is bound to, SHA-256 where nothing is said; both ends must give the same, and
    /// the same `context`, which may be empty. Neither the key nor what is derived may be used for anything else.
    pub fn import(
        provider: &dyn Provider,
        external_identity: &[u8],
        context: &[u8],
        key: &[u8],
        key_hash: HashAlgorithm,
    ) -> Result<Vec<Arc<Self>>, PskRefused> {
        let target_protocol = ProtocolVersion::TLSv1_3.0;
        let import = |(target_kdf, _)| {
            let identity = ImportedIdentity { external_identity, context, target_protocol, target_kdf };
            Self::import_identity(provider, &identity, key, key_hash).map(Arc::new)
        };
        KDFS.into_iter().map(import).collect()
    }

    /// Derives the key that an offered identity names, for a server that knows the external key. `None` if these bytes are no
    /// identity of a key for TLS 1.3 and a hash that it has.
    ///
    /// Which key it is, [`ImportedIdentity::external_identity`] has told; whether the context is one that is expected, the
    /// caller has checked.
    pub fn import_for(
        provider: &dyn Provider,
        imported_identity: &[u8],
        key: &[u8],
        key_hash: HashAlgorithm,
    ) -> Option<Arc<Self>> {
        let identity = read_all(imported_identity).ok()?;
        Self::import_identity(provider, &identity, key, key_hash).ok().map(Arc::new)
    }

    fn import_identity(
        provider: &dyn Provider,
        identity: &ImportedIdentity<'_>,
        key: &[u8],
        key_hash: HashAlgorithm,
    ) -> Result<Self, PskRefused> {
        check_key(key)?;
        let (_, hash) = KDFS.into_iter().find(|(kdf, _)| *kdf == identity.target_kdf).ok_or(PskRefused::Target)?;
        if identity.target_protocol != ProtocolVersion::TLSv1_3.0 {
            return Err(PskRefused::Target);
        }
        // It stands in a field of this length. RFC 9258 §5.1 has it checked here.
        let bytes = write_all(identity).ok().filter(|bytes| bytes.len() <= 0xffff).ok_or(PskRefused::Identity)?;
        let suite = Suite::TLS13.iter().find(|suite| suite.hash == key_hash).ok_or(CryptoError::Unsupported)?;
        let mut hashed = provider.hash(key_hash)?;
        hashed.update(&bytes);
        // The salt 0 is Hash.length zero bytes, and HMAC makes no difference between these and none.
        let epskx = hkdf_extract(provider, key_hash, &[], key)?;
        let context = hashed.current();
        let ipskx = expand_label(provider, *suite, &epskx, b"derived psk", context.as_ref(), hash.output_len())?;
        Ok(Self { identity: bytes, secret: ipskx, hash, imported: true })
    }

    /// Returns the name, as it stands on the wire.
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// Returns the hash that the key is bound to: only suites with it can use the key.
    pub fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    /// Says whether the key came through the importer.
    pub fn is_imported(&self) -> bool {
        self.imported
    }
}

fn check_key(key: &[u8]) -> Result<(), PskRefused> {
    if key.len() < MIN_PSK_LEN { Err(PskRefused::TooShort) } else { Ok(()) }
}

/// Why a key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PskRefused {
    /// The identity is empty or, with what importing adds, longer than 65,535 bytes.
    Identity,
    /// The key is shorter than [`MIN_PSK_LEN`].
    TooShort,
    /// The imported identity is for another protocol than TLS 1.3, or for a KDF that TLS 1.3 has not.
    Target,
    /// The key could not be derived.
    Cryptography(CryptoError),
}

impl fmt::Display for PskRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => f.write_str("the identity of a pre-shared key must have 1 to 65535 bytes"),
            Self::TooShort => write!(
                f,
                "a pre-shared key must have at least {MIN_PSK_LEN} bytes, random ones and no password (for example from `openssl rand -hex 32`)"
            ),
            Self::Target => f.write_str("the imported identity is not for TLS 1.3 with SHA-256 or SHA-384"),
            Self::Cryptography(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for PskRefused {}

impl From<CryptoError> for PskRefused {
    fn from(error: CryptoError) -> Self {
        Self::Cryptography(error)
    }
}

/// The identity of an imported PSK. RFC 9258 §5.1.
///
/// ```text
/// struct {
///     opaque external_identity<1..2^16-1>;
///     opaque context<0..2^16-1>;
///     uint16 target_protocol;
///     uint16 target_kdf;
/// } ImportedIdentity;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportedIdentity<'a> {
    /// The name of the external PSK.
    pub external_identity: &'a [u8],
    /// What sets this use apart from others.
    pub context: &'a [u8],
    /// The protocol: TLS 1.3 is 0x0304.
    pub target_protocol: u16,
    /// The KDF: HKDF_SHA256 is 1, HKDF_SHA384 is 2.
    pub target_kdf: u16,
}

impl<'a> Codec<'a> for ImportedIdentity<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            external_identity: r.vector_u16(1..=0xffff)?,
            context: r.vector_u16(0..=0xffff)?,
            target_protocol: r.u16()?,
            target_kdf: r.u16()?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), TooLong> {
        w.vector_u16(1..=0xffff, self.external_identity)?;
        w.vector_u16(0..=0xffff, self.context)?;
        w.u16(self.target_protocol);
        w.u16(self.target_kdf);
        Ok(())
    }
}

impl fmt::Debug for ExternalPsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalPsk")
            .field("hash", &self.hash)
            .field("imported", &self.imported)
            .finish_non_exhaustive()
    }
}
