//! Reads private keys in their three forms: PKCS#8 (RFC 5208, RFC 5958), SEC1 (RFC 5915) and PKCS#1 (RFC 8017 §A.1.2).
//!
//! `ring` has readers of its own, but they want a public key in each file, do not know RSASSA-PSS, and do not say what is
//! wrong. This file knows the containers and no arithmetic: whether the numbers fit together is `ring`'s question.

use pki_types::{AlgorithmIdentifier, PrivateKeyDer, alg_id};

use super::verify::RSASSA_PSS_ANY;
use crate::crypto::KeyRejected;
use crate::der::{DerReader, NotDer, Tag, read_all};

/// A private key, taken apart as far as `ring` needs it.
pub(super) enum PrivateKey<'a> {
    Ecdsa(EcdsaKey<'a>),
    Ed25519 { seed: &'a [u8], public_key: Option<&'a [u8]> },
    Rsa(RsaKey<'a>),
}

pub(super) struct EcdsaKey<'a> {
    pub(super) curve: Curve,
    /// Big-endian; normally as long as the field, but some tools write leading zeros or drop them.
    pub(super) scalar: &'a [u8],
    pub(super) public_key: Option<&'a [u8]>,
}

pub(super) struct RsaKey<'a> {
    /// The whole RSAPrivateKey.
    pub(super) der: &'a [u8],
    pub(super) padding: RsaPadding,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

/// What the key's AlgorithmIdentifier allows. RFC 4055 §1.2.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RsaPadding {
    /// rsaEncryption: RSASSA-PKCS1-v1_5 or RSASSA-PSS.
    Any,
    /// id-RSASSA-PSS without parameters: with any hash.
    Pss,
    PssSha256,
    PssSha384,
    PssSha512,
}

impl<'a> PrivateKey<'a> {
    pub(super) fn read(key: &'a PrivateKeyDer<'_>) -> Result<Self, KeyRejected> {
        match key {
            PrivateKeyDer::Pkcs8(key) => pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(key) => {
                let key = EcPrivateKey::read(key.secret_sec1_der())?;
                let curve = key.curve.ok_or(KeyRejected::UnsupportedAlgorithm)??;
                Ok(Self::Ecdsa(EcdsaKey { curve, scalar: key.scalar, public_key: key.public_key }))
            }
            PrivateKeyDer::Pkcs1(key) => rsa(key.secret_pkcs1_der(), RsaPadding::Any),
            _ => Err(KeyRejected::NotAKey),
        }
    }
}

/// The RSASSA-PSS parameters that TLS can use are those of `alg_id`: MGF1 with the same hash, a salt as long as it.
/// RFC 8446 §4.2.3. A key that is restricted to anything else could never sign.
const RSA_IDENTIFIERS: [(AlgorithmIdentifier, RsaPadding); 5] = [
    (alg_id::RSA_ENCRYPTION, RsaPadding::Any),
    (RSASSA_PSS_ANY, RsaPadding::Pss),
    (alg_id::RSA_PSS_SHA256, RsaPadding::PssSha256),
    (alg_id::RSA_PSS_SHA384, RsaPadding::PssSha384),
    (alg_id::RSA_PSS_SHA512, RsaPadding::PssSha512),
];

/// RFC 5958 §2
///     OneAsymmetricKey ::= SEQUENCE { version, privateKeyAlgorithm, privateKey OCTET STRING,
///                                     attributes \[0\] OPTIONAL, publicKey \[1\] BIT STRING OPTIONAL }
struct OneAsymmetricKey<'a> {
    algorithm: &'a [u8],
    private_key: &'a [u8],
    public_key: Option<&'a [u8]>,
}

impl<'a> OneAsymmetricKey<'a> {
    fn read(r: &mut DerReader<'a>) -> Result<Self, NotDer> {
        let (0 | 1) = r.small_integer()? else { return Err(NotDer) };
        let algorithm = r.expect(Tag::SEQUENCE)?;
        DerReader::new(algorithm).expect(Tag::OBJECT_IDENTIFIER)?;
        let private_key = r.expect(Tag::OCTET_STRING)?;
        r.optional(Tag::context(0))?;
        let public_key = match r.optional(Tag::context_primitive(1))? {
            Some([0, public_key @ ..]) => Some(public_key),
            Some(_) => return Err(NotDer),
            None => explicit_public_key(r)?,
        };
        Ok(Self { algorithm, private_key, public_key })
    }
}

/// Reads `[1]` with a whole BIT STRING inside: SEC1's way, and that of older tools in PKCS#8.
fn explicit_public_key<'a>(r: &mut DerReader<'a>) -> Result<Option<&'a [u8]>, NotDer> {
    if !r.peek(Tag::context(1)) {
        return Ok(None);
    }
    r.nested(Tag::context(1), DerReader::bit_string).map(Some)
}

/// RFC 5958 §3
///     EncryptedPrivateKeyInfo ::= SEQUENCE { encryptionAlgorithm AlgorithmIdentifier, encryptedData OCTET STRING }
fn encrypted_private_key_info(r: &mut DerReader<'_>) -> Result<(), NotDer> {
    DerReader::new(r.expect(Tag::SEQUENCE)?).expect(Tag::OBJECT_IDENTIFIER)?;
    r.expect(Tag::OCTET_STRING).map(|_| ())
}

fn pkcs8(bytes: &[u8]) -> Result<PrivateKey<'_>, KeyRejected> {
    if read_all(bytes, Tag::SEQUENCE, encrypted_private_key_info).is_ok() {
        return Err(KeyRejected::Encrypted);
    }
    let key = read_all(bytes, Tag::SEQUENCE, OneAsymmetricKey::read)?;
    if key.algorithm == alg_id::ED25519.as_ref() {
        // RFC 8410 §7: CurvePrivateKey ::= OCTET STRING, inside privateKey's own.
        let mut inner = DerReader::new(key.private_key);
        let seed = inner.expect(Tag::OCTET_STRING)?;
        inner.end()?;
        return Ok(PrivateKey::Ed25519 { seed, public_key: key.public_key });
    }
    for (identifier, curve) in [(alg_id::ECDSA_P256, Curve::P256), (alg_id::ECDSA_P384, Curve::P384)] {
        if key.algorithm == identifier.as_ref() {
            let inner = EcPrivateKey::read(key.private_key)?;
            if inner.curve.is_some_and(|inner| inner != Ok(curve)) {
                return Err(KeyRejected::Inconsistent);
            }
            let public_key = inner.public_key.or(key.public_key);
            return Ok(PrivateKey::Ecdsa(EcdsaKey { curve, scalar: inner.scalar, public_key }));
        }
    }
    for (identifier, padding) in RSA_IDENTIFIERS {
        if key.algorithm == identifier.as_ref() {
            return rsa(key.private_key, padding);
        }
    }
    Err(KeyRejected::UnsupportedAlgorithm)
}

/// RFC 5915 §3
///     ECPrivateKey ::= SEQUENCE { version, privateKey OCTET STRING, parameters \[0\] OPTIONAL, publicKey \[1\] OPTIONAL }
struct EcPrivateKey<'a> {
    scalar: &'a [u8],
    curve: Option<Result<Curve, KeyRejected>>,
    public_key: Option<&'a [u8]>,
}

impl<'a> EcPrivateKey<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, KeyRejected> {
        Ok(read_all(bytes, Tag::SEQUENCE, |r| {
            let 1 = r.small_integer()? else { return Err(NotDer) };
            let scalar = r.expect(Tag::OCTET_STRING)?;
            let curve = if r.peek(Tag::context(0)) { Some(r.nested(Tag::context(0), Curve::read)?) } else { None };
            Ok(Self { scalar, curve, public_key: explicit_public_key(r)? })
        })?)
    }
}

impl Curve {
    /// Reads ECParameters, of which only namedCurve is supported: explicit parameters are how CVE-2020-0601 came about.
    fn read(r: &mut DerReader<'_>) -> Result<Result<Self, KeyRejected>, NotDer> {
        let parameters = r.element()?;
        Ok(match (parameters.tag, parameters.content) {
            // 1.2.840.10045.3.1.7, prime256v1, which is secp256r1
            (Tag::OBJECT_IDENTIFIER, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]) => Ok(Self::P256),
            // 1.3.132.0.34, secp384r1
            (Tag::OBJECT_IDENTIFIER, [0x2b, 0x81, 0x04, 0x00, 0x22]) => Ok(Self::P384),
            _ => Err(KeyRejected::UnsupportedAlgorithm),
        })
    }
}

/// Checks an RSAPrivateKey for what `ring` would refuse without telling a reason. RFC 8017 §A.1.2.
fn rsa(der: &[u8], padding: RsaPadding) -> Result<PrivateKey<'_>, KeyRejected> {
    let (version, modulus, exponent) = read_all(der, Tag::SEQUENCE, |r| {
        let start = (r.small_integer()?, r.unsigned_integer()?, r.unsigned_integer()?);
        while !r.at_end() {
            r.element()?;
        }
        Ok(start)
    })?;
    // Version 1 has more than two primes.
    if version != 0 {
        return Err(KeyRejected::UnsupportedAlgorithm);
    }
    // Every supported size is a whole number of octets, so the first of them has its highest bit set.
    if !matches!(modulus.len(), 256 | 384 | 512) || modulus.first().is_none_or(|first| first & 0x80 == 0) {
        return Err(KeyRejected::RsaSize);
    }
    if matches!(exponent, [] | [_] | [_, _]) {
        return Err(KeyRejected::RsaExponent);
    }
    Ok(PrivateKey::Rsa(RsaKey { der, padding }))
}
