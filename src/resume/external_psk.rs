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

#[cfg(all(test, feature = "ring", feature = "std"))]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::crypto::ring::provider;

    const KEY: [u8; 32] = {
        let mut key = [0; 32];
        let mut at = 0;
        while at < 32 {
            key[at] = at as u8;
            at += 1;
        }
        key
    };

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Computed with Python's `hmac` and `hashlib` from the formulas of RFC 9258 §5.1.
    #[test]
    fn imported_keys_are_those_that_another_program_derives() {
        let identity = "000973656e736f722031370006636c69656e740304";
        for (key_hash, sha256, sha384) in [
            (
                HashAlgorithm::Sha256,
                "cc089f73ee0ef6d7cbf97c40911892a69300c899f21611db7bbab7d566bc3aab",
                "cdae6b03d599fc60dc4c8eb77c4bc77c9208da479f95fac43232e4d556e3aab42a8c6b871a413830f988dd740e5245a1",
            ),
            (
                HashAlgorithm::Sha384,
                "acf4091aa3eb7f077c121a6c71d67fe06ddfef46b25c48e7dfa1f1121b09d472",
                "0229ccdf32dd1eb8bd17fe32b78a7c8ba49d62d545d34cb3a4e393fc64a99a36f6414ccb4e9432fd82b735b6c23d523d",
            ),
        ] {
            let imported = ExternalPsk::import(provider().as_ref(), b"sensor 17", b"client", &KEY, key_hash).unwrap();
            let found: Vec<_> =
                imported.iter().map(|psk| (psk.hash(), hex(psk.identity()), hex(psk.secret.expose()))).collect();
            let expected = [
                (HashAlgorithm::Sha256, format!("{identity}0001"), sha256.to_string()),
                (HashAlgorithm::Sha384, format!("{identity}0002"), sha384.to_string()),
            ];
            assert_eq!(found, expected);
            assert!(imported.iter().all(|psk| psk.is_imported()));
        }
    }

    #[test]
    fn server_derives_from_an_offered_identity_what_the_client_did() {
        let client = ExternalPsk::import(provider().as_ref(), b"sensor 17", b"", &KEY, HashAlgorithm::Sha256).unwrap();
        assert_eq!(client.len(), 2);
        for psk in client {
            let identity: ImportedIdentity<'_> = read_all(psk.identity()).unwrap();
            assert_eq!((identity.external_identity, identity.context), (&b"sensor 17"[..], &b""[..]));
            let import_for =
                |key: &[u8], key_hash| ExternalPsk::import_for(provider().as_ref(), psk.identity(), key, key_hash);
            let server = import_for(&KEY, HashAlgorithm::Sha256).unwrap();
            assert!(server.secret == psk.secret && server.hash == psk.hash && server.identity == psk.identity);
            assert!(import_for(&[9; 32], HashAlgorithm::Sha256).unwrap().secret != psk.secret);
            assert!(import_for(&KEY, HashAlgorithm::Sha384).unwrap().secret != psk.secret);
        }
    }

    #[test]
    fn identity_for_another_protocol_or_kdf_is_not_imported() {
        for (target_protocol, target_kdf, imports) in [
            (0x0304, 1, true),
            (0x0304, 2, true),
            (0x0304, 0, false),
            (0x0304, 3, false),
            (0x0303, 1, false),
            (0xfefc, 1, false),
        ] {
            let identity = ImportedIdentity { external_identity: b"a", context: b"", target_protocol, target_kdf };
            let bytes = write_all(&identity).unwrap();
            let import = |bytes: &[u8]| {
                ExternalPsk::import_for(provider().as_ref(), bytes, &KEY, HashAlgorithm::Sha256).is_some()
            };
            assert_eq!(import(&bytes), imports, "{identity:?}");
            assert!((0..bytes.len()).all(|len| !import(&bytes[..len])), "a part of {identity:?} was imported");
        }
        assert!(ExternalPsk::import_for(provider().as_ref(), b"sensor 17", &KEY, HashAlgorithm::Sha256).is_none());
    }

    proptest! {
        #[test]
        fn imported_identity_is_read_back_equal_and_no_prefix_of_it_is_read(
            (external_identity, context) in (proptest::collection::vec(any::<u8>(), 1..80), proptest::collection::vec(any::<u8>(), 0..80)),
            (target_protocol, target_kdf) in any::<(u16, u16)>(),
        ) {
            let identity =
                ImportedIdentity { external_identity: &external_identity, context: &context, target_protocol, target_kdf };
            let bytes = write_all(&identity).unwrap();
            prop_assert_eq!(read_all::<ImportedIdentity<'_>>(&bytes), Ok(identity));
            for len in 0..bytes.len() {
                prop_assert!(read_all::<ImportedIdentity<'_>>(&bytes[..len]).is_err());
            }
        }
    }

    #[test]
    fn weak_keys_and_impossible_identities_are_refused() {
        let new = |identity: &[u8], key: &[u8]| ExternalPsk::new(identity, key, HashAlgorithm::Sha256).err();
        assert_eq!(new(b"", &KEY), Some(PskRefused::Identity));
        assert_eq!(new(&vec![1; 0x1_0000], &KEY), Some(PskRefused::Identity));
        assert_eq!(new(&vec![1; 0xffff], &KEY), None);
        assert_eq!(new(b"a", &KEY[..15]), Some(PskRefused::TooShort));
        assert_eq!(new(b"a", &KEY[..16]), None);
        let import = |identity: &[u8], key: &[u8]| {
            ExternalPsk::import(provider().as_ref(), identity, b"", key, HashAlgorithm::Sha256).err()
        };
        assert_eq!(import(b"", &KEY), Some(PskRefused::Identity));
        assert_eq!(import(&vec![1; 0xffff - 8], &KEY), None);
        assert_eq!(import(&vec![1; 0xffff - 7], &KEY), Some(PskRefused::Identity));
        assert_eq!(import(b"a", &KEY[..15]), Some(PskRefused::TooShort));
        assert!(PskRefused::TooShort.to_string().contains("at least 16 bytes"));
    }

    #[test]
    fn debug_output_of_a_key_has_neither_secret_nor_name() {
        let text = format!("{:?}", ExternalPsk::new(b"sensor 17", &[77; 32], HashAlgorithm::Sha256).unwrap());
        assert!(text.contains("Sha256") && !text.contains("77"), "{text}");
    }
}
