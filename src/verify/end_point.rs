//! The hash of a certificate that the channel binding `tls-server-end-point` is. RFC 5929 §4.1.

use pki_types::CertificateDer;

use super::PeerCertificate;
use crate::crypto::{Digest, HashAlgorithm, Provider};
use crate::der::{DerReader, NotDer, Tag};

/// md5WithRSAEncryption, sha1WithRSAEncryption, sha256WithRSAEncryption, sha384WithRSAEncryption, sha512WithRSAEncryption and
/// id-RSASSA-PSS stand below this: 1.2.840.113549.1.1. RFC 8017 §C.
const PKCS1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// ecdsa-with-SHA1, 1.2.840.10045.4.1. RFC 5480 §A.
const ECDSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
/// ecdsa-with-SHA256, …-SHA384, …-SHA512 stand below this: 1.2.840.10045.4.3. RFC 5758 §3.2.
const ECDSA_SHA2: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
/// id-sha1, 1.3.14.3.2.26. RFC 8017 §B.1.
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
/// id-sha256, id-sha384, id-sha512 stand below this: 2.16.840.1.101.3.4.2. RFC 8017 §B.1.
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

/// Hashes a certificate with the hash of its signature algorithm, or with SHA-256 where that is MD5 or SHA-1. RFC 5929 §4.1.
///
/// `None` where the signature algorithm names no hash at all (Ed25519), two of them, or one that we do not have: there the
/// binding is not defined.
pub(crate) fn server_end_point(provider: &dyn Provider, certificate: &CertificateDer<'_>) -> Option<Digest> {
    let read = PeerCertificate::read(certificate).ok()?;
    let mut hash = provider.hash(hash_of(read.signature_algorithm()).ok()??).ok()?;
    hash.update(certificate);
    Some(hash.current())
}

/// The hash of a signature's AlgorithmIdentifier, of which this is the content.
fn hash_of(signature_algorithm: &[u8]) -> Result<Option<HashAlgorithm>, NotDer> {
    let mut r = DerReader::new(signature_algorithm);
    let algorithm = r.expect(Tag::OBJECT_IDENTIFIER)?;
    Ok(match algorithm.split_last() {
        Some((4 | 5, PKCS1)) => Some(HashAlgorithm::Sha256),
        Some((10, PKCS1)) => hash_of_pss(&mut r)?,
        Some((11, PKCS1)) | Some((2, ECDSA_SHA2)) => Some(HashAlgorithm::Sha256),
        Some((12, PKCS1)) | Some((3, ECDSA_SHA2)) => Some(HashAlgorithm::Sha384),
        Some((13, PKCS1)) | Some((4, ECDSA_SHA2)) => Some(HashAlgorithm::Sha512),
        _ if algorithm == ECDSA_SHA1 => Some(HashAlgorithm::Sha256),
        _ => None,
    })
}

/// RSASSA-PSS has its hash among its parameters, SHA-1 where it is left out, and a second one for its mask: if that is another,
/// there are two. RFC 8017 §A.2.3.
fn hash_of_pss(r: &mut DerReader<'_>) -> Result<Option<HashAlgorithm>, NotDer> {
    let hashes = r.nested(Tag::SEQUENCE, |r| {
        let hash = match r.optional(Tag::context(0))? {
            Some(hash) => object_identifier(hash)?,
            None => SHA1,
        };
        let of_mask = match r.optional(Tag::context(1))? {
            Some(mask) => DerReader::new(mask).nested(Tag::SEQUENCE, |r| {
                r.expect(Tag::OBJECT_IDENTIFIER)?;
                let element = r.element()?;
                object_identifier(element.whole)
            })?,
            None => SHA1,
        };
        // The salt's length and the trailer say nothing of hashes.
        r.optional(Tag::context(2))?;
        r.optional(Tag::context(3))?;
        Ok((hash, of_mask))
    })?;
    let (hash, of_mask) = hashes;
    Ok(match hash.split_last() {
        _ if hash != of_mask => None,
        Some((1, SHA2)) => Some(HashAlgorithm::Sha256),
        Some((2, SHA2)) => Some(HashAlgorithm::Sha384),
        Some((3, SHA2)) => Some(HashAlgorithm::Sha512),
        _ if hash == SHA1 => Some(HashAlgorithm::Sha256),
        _ => None,
    })
}

/// The object identifier of an AlgorithmIdentifier; a hash has no parameters, or NULL.
fn object_identifier(algorithm: &[u8]) -> Result<&[u8], NotDer> {
    DerReader::new(algorithm).nested(Tag::SEQUENCE, |r| {
        let algorithm = r.expect(Tag::OBJECT_IDENTIFIER)?;
        r.optional(Tag::NULL)?;
        Ok(algorithm)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// One element of DER, of less than 128 bytes.
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn oid(prefix: &[u8], last: u8) -> Vec<u8> {
        element(6, &[prefix, &[last]].concat())
    }

    fn sequence(parts: &[&[u8]]) -> Vec<u8> {
        element(0x30, &parts.concat())
    }

    /// The content of an AlgorithmIdentifier of RSASSA-PSS.
    fn pss(hash: Option<&[u8]>, of_mask: Option<&[u8]>) -> Vec<u8> {
        let hash = hash.map_or(Vec::new(), |hash| element(0xa0, &sequence(&[hash, &[5, 0]])));
        let of_mask =
            of_mask.map_or(Vec::new(), |hash| element(0xa1, &sequence(&[&oid(PKCS1, 8), &sequence(&[hash])])));
        let salt = element(0xa2, &[2, 1, 32]);
        [oid(PKCS1, 10), sequence(&[&hash, &of_mask, &salt])].concat()
    }

    #[test]
    fn hash_is_that_of_the_signature_and_sha256_instead_of_md5_and_sha1() {
        let null = [5, 0];
        for (prefix, last, hash) in [
            (PKCS1, 4, Some(HashAlgorithm::Sha256)),
            (PKCS1, 5, Some(HashAlgorithm::Sha256)),
            (PKCS1, 11, Some(HashAlgorithm::Sha256)),
            (PKCS1, 12, Some(HashAlgorithm::Sha384)),
            (PKCS1, 13, Some(HashAlgorithm::Sha512)),
            // MD2 and SHA-224: the one is none that the RFC speaks of, the other none that we have.
            (PKCS1, 2, None),
            (PKCS1, 14, None),
            (ECDSA_SHA2, 1, None),
            (ECDSA_SHA2, 2, Some(HashAlgorithm::Sha256)),
            (ECDSA_SHA2, 3, Some(HashAlgorithm::Sha384)),
            (ECDSA_SHA2, 4, Some(HashAlgorithm::Sha512)),
        ] {
            assert_eq!(hash_of(&[oid(prefix, last), null.to_vec()].concat()), Ok(hash), "{prefix:?} {last}");
            assert_eq!(hash_of(&oid(prefix, last)), Ok(hash), "without parameters");
        }
        assert_eq!(hash_of(&element(6, ECDSA_SHA1)), Ok(Some(HashAlgorithm::Sha256)));
        // id-Ed25519: no hash of its own that could be named. RFC 8410 §3.
        assert_eq!(hash_of(&element(6, &[0x2b, 0x65, 0x70])), Ok(None));
        assert_eq!(hash_of(&null), Err(NotDer));
    }

    #[test]
    fn hash_of_rsa_pss_stands_in_its_parameters_if_it_is_one() {
        let (sha1, sha2) = (element(6, SHA1), |last| oid(SHA2, last));
        for (last, hash) in [(1, HashAlgorithm::Sha256), (2, HashAlgorithm::Sha384), (3, HashAlgorithm::Sha512)] {
            assert_eq!(hash_of(&pss(Some(&sha2(last)), Some(&sha2(last)))), Ok(Some(hash)));
        }
        assert_eq!(hash_of(&pss(None, None)), Ok(Some(HashAlgorithm::Sha256)), "SHA-1 is what silence means");
        assert_eq!(hash_of(&pss(Some(&sha1), Some(&sha1))), Ok(Some(HashAlgorithm::Sha256)));
        assert_eq!(hash_of(&pss(Some(&sha2(1)), None)), Ok(None), "two hashes");
        assert_eq!(hash_of(&pss(Some(&sha2(1)), Some(&sha2(2)))), Ok(None), "two hashes");
        assert_eq!(hash_of(&pss(Some(&sha2(4)), Some(&sha2(4)))), Ok(None), "SHA-224");
        assert_eq!(hash_of(&oid(PKCS1, 10)), Err(NotDer), "parameters must be there");
    }
}
