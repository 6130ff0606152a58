//! Reads the fields of an X.509 certificate that decide something. RFC 5280 §4.1.
//!
//! It knows no signature and no trust; it refuses what is not DER, not version 3, or says a thing twice.

use alloc::string::String;
use alloc::vec::Vec;

use pki_types::CertificateDer;

use crate::clock::Time;
use crate::der::{DerReader, NotDer, Tag, read_all};
use crate::error::CertificateError;
use crate::wire::SignatureScheme;

/// A certificate, read.
#[derive(Clone, Debug)]
pub struct PeerCertificate<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    not_before: Time,
    not_after: Time,
    subject_public_key_info: &'a [u8],
    key_algorithm: &'a [u8],
    subject_public_key: &'a [u8],
    signature_algorithm: &'a [u8],
    signed: &'a [u8],
    signature: &'a [u8],
    extensions: Vec<RawExtension<'a>>,
}

/// An extension's object identifier and its value, unread.
type RawExtension<'a> = (&'a [u8], &'a [u8]);

/// The keyUsage bits that matter to TLS. RFC 5280 §4.2.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(u8);

impl KeyUsage {
    /// Says whether the key may sign handshakes.
    pub fn digital_signature(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// Says whether the key may sign certificates.
    pub fn key_cert_sign(self) -> bool {
        self.0 & 0x04 != 0
    }
}

/// id-ce-keyUsage, 2.5.29.15.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// id-ce-subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// id-ce-basicConstraints, 2.5.29.19.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

/// id-ce-extKeyUsage, 2.5.29.37.
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];

/// id-pe-delegationUsage, 1.3.6.1.4.1.44363.44. RFC 9345 §4.2.
const DELEGATION_USAGE: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xda, 0x4b, 0x2c];

/// dNSName and iPAddress of a GeneralName. RFC 5280 §4.2.1.6.
const DNS_NAME: Tag = Tag::context_primitive(2);
const IP_ADDRESS: Tag = Tag::context_primitive(7);

/// The most extensions that are read of one certificate; those of the public web have about ten.
const MAX_CERTIFICATE_EXTENSIONS: usize = 64;

impl<'a> PeerCertificate<'a> {
    /// Reads a certificate's DER.
    pub fn read(der: &'a [u8]) -> Result<Self, CertificateError> {
        read_all(der, Tag::SEQUENCE, read_certificate).map_err(|NotDer| CertificateError::BadEncoding)
    }

    /// Returns the DER of the subject's name.
    pub fn subject(&self) -> &'a [u8] {
        self.subject
    }

    /// Returns the DER of the issuer's name.
    pub fn issuer(&self) -> &'a [u8] {
        self.issuer
    }

    /// Returns the first and the last moment of validity.
    pub fn validity(&self) -> (Time, Time) {
        (self.not_before, self.not_after)
    }

    /// Returns the DER of the SubjectPublicKeyInfo.
    pub fn subject_public_key_info(&self) -> &'a [u8] {
        self.subject_public_key_info
    }

    /// Returns the content of the key's AlgorithmIdentifier: object identifier and parameters.
    pub fn key_algorithm(&self) -> &'a [u8] {
        self.key_algorithm
    }

    /// Returns the key: the bytes of the subjectPublicKey BIT STRING.
    pub fn subject_public_key(&self) -> &'a [u8] {
        self.subject_public_key
    }

    /// Returns the content of the AlgorithmIdentifier of the certificate's own signature.
    pub fn signature_algorithm(&self) -> &'a [u8] {
        self.signature_algorithm
    }

    /// Returns the bytes that the issuer signed: the whole TBSCertificate.
    pub fn signed(&self) -> &'a [u8] {
        self.signed
    }

    /// Returns the issuer's signature.
    pub fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// Returns the size in bits of an RSA key's modulus, or `None` if the key is of another kind. RFC 8017 §A.1.1.
    pub fn rsa_key_bits(&self) -> Option<usize> {
        rsa_key_bits(self.key_algorithm, self.subject_public_key)
    }

    /// Returns keyUsage, or `None` if the certificate does not restrict it. RFC 5280 §4.2.1.3.
    pub fn key_usage(&self) -> Result<Option<KeyUsage>, CertificateError> {
        let Some(value) = self.extension(KEY_USAGE) else { return Ok(None) };
        let bits = read_value(value, |r| r.expect(Tag::BIT_STRING))?;
        match bits {
            [unused @ 0..=7, first, ..] => {
                Ok(Some(KeyUsage(first & (0xff << if bits.len() == 2 { *unused } else { 0 }))))
            }
            [0] => Ok(Some(KeyUsage(0))),
            _ => Err(CertificateError::BadEncoding),
        }
    }

    /// Returns the object identifiers of extendedKeyUsage, or `None` if the certificate does not restrict it; an empty
    /// list is refused. RFC 5280 §4.2.1.12.
    pub fn extended_key_usage(&self) -> Result<Option<Vec<&'a [u8]>>, CertificateError> {
        let Some(value) = self.extension(EXTENDED_KEY_USAGE) else { return Ok(None) };
        read_value(value, |r| {
            r.nested(Tag::SEQUENCE, |r| {
                let mut purposes = alloc::vec![r.expect(Tag::OBJECT_IDENTIFIER)?];
                while !r.at_end() {
                    purposes.push(r.expect(Tag::OBJECT_IDENTIFIER)?);
                }
                Ok(Some(purposes))
            })
        })
    }

    /// Says whether the certificate allows its key to be delegated. RFC 9345 §4.2: `DelegationUsage ::= NULL`. That the
    /// extension is not critical, the path builder sees to, which knows no such one.
    pub fn delegation_usage(&self) -> Result<bool, CertificateError> {
        let Some(value) = self.extension(DELEGATION_USAGE) else { return Ok(false) };
        match read_value(value, |r| r.expect(Tag::NULL))? {
            [] => Ok(true),
            _ => Err(CertificateError::BadEncoding),
        }
    }

    /// Says whether basicConstraints makes this a CA; `None` if there is no such extension. RFC 5280 §4.2.1.9.
    pub fn basic_constraints_ca(&self) -> Result<Option<bool>, CertificateError> {
        let Some(value) = self.extension(BASIC_CONSTRAINTS) else { return Ok(None) };
        read_value(value, |r| {
            r.nested(Tag::SEQUENCE, |r| {
                let ca = if r.peek(Tag::BOOLEAN) { r.boolean()? } else { false };
                r.optional(Tag::INTEGER)?;
                Ok(Some(ca))
            })
        })
    }

    /// Says whether basicConstraints makes this a CA. RFC 5280 §4.2.1.9.
    pub fn is_ca(&self) -> Result<bool, CertificateError> {
        Ok(self.basic_constraints_ca()? == Some(true))
    }

    /// Returns the DNS names and IP addresses of subjectAltName as text, for messages. RFC 5280 §4.2.1.6.
    pub fn names(&self) -> Result<Vec<String>, CertificateError> {
        let Some(value) = self.extension(SUBJECT_ALT_NAME) else { return Ok(Vec::new()) };
        read_value(value, |r| {
            r.nested(Tag::SEQUENCE, |r| {
                let mut names = Vec::new();
                while !r.at_end() {
                    let element = r.element()?;
                    names.extend(match element.tag {
                        DNS_NAME => core::str::from_utf8(element.content).ok().map(String::from),
                        IP_ADDRESS => ip_text(element.content),
                        _ => None,
                    });
                }
                Ok(names)
            })
        })
    }

    fn extension(&self, identifier: &[u8]) -> Option<&'a [u8]> {
        self.extensions.iter().find(|(own, _)| *own == identifier).map(|(_, value)| *value)
    }
}

/// Returns the size in bits of an RSA key's modulus, given a key's algorithm and its bytes.
pub(super) fn rsa_key_bits(key_algorithm: &[u8], subject_public_key: &[u8]) -> Option<usize> {
    const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    let (RSA_ENCRYPTION | RSASSA_PSS) = DerReader::new(key_algorithm).expect(Tag::OBJECT_IDENTIFIER).ok()? else {
        return None;
    };
    let modulus = read_all(subject_public_key, Tag::SEQUENCE, |r| {
        let modulus = r.unsigned_integer()?;
        r.unsigned_integer()?;
        Ok(modulus)
    });
    let modulus = modulus.ok()?;
    let leading_zeros = modulus.first().map_or(0, |first| first.leading_zeros());
    (modulus.len() * 8).checked_sub(usize::try_from(leading_zeros).ok()?)
}

/// Returns an address of 4 or 16 bytes as text.
pub(super) fn ip_text(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(alloc::format!("{}", core::net::Ipv4Addr::from(v4)));
    }
    <[u8; 16]>::try_from(bytes).ok().map(|v6| alloc::format!("{}", core::net::Ipv6Addr::from(v6)))
}

/// Reads an extension's value, to its end.
fn read_value<'a, T>(
    value: &'a [u8],
    read: impl FnOnce(&mut DerReader<'a>) -> Result<T, NotDer>,
) -> Result<T, CertificateError> {
    let mut reader = DerReader::new(value);
    let read = read(&mut reader).and_then(|it| reader.end().map(|()| it));
    read.map_err(|NotDer| CertificateError::BadEncoding)
}

/// `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }`. RFC 5280 §4.1.
fn read_certificate<'a>(r: &mut DerReader<'a>) -> Result<PeerCertificate<'a>, NotDer> {
    let signed = whole(r, Tag::SEQUENCE)?;
    let mut certificate = read_all(signed, Tag::SEQUENCE, read_tbs_certificate)?;
    // RFC 5280 §4.1.1.2: the algorithm stands twice and must be the same.
    if r.expect(Tag::SEQUENCE)? != certificate.signature_algorithm {
        return Err(NotDer);
    }
    (certificate.signed, certificate.signature) = (signed, r.bit_string()?);
    Ok(certificate)
}

/// `TBSCertificate`. RFC 5280 §4.1.2.
fn read_tbs_certificate<'a>(r: &mut DerReader<'a>) -> Result<PeerCertificate<'a>, NotDer> {
    let version = r.nested(Tag::context(0), DerReader::small_integer)?;
    if version != 2 {
        return Err(NotDer);
    }
    r.expect(Tag::INTEGER)?;
    let signature_algorithm = r.expect(Tag::SEQUENCE)?;
    let issuer = whole(r, Tag::SEQUENCE)?;
    let (not_before, not_after) = r.nested(Tag::SEQUENCE, |r| Ok((read_time(r)?, read_time(r)?)))?;
    let subject = whole(r, Tag::SEQUENCE)?;
    let subject_public_key_info = whole(r, Tag::SEQUENCE)?;
    let (key_algorithm, subject_public_key) =
        read_all(subject_public_key_info, Tag::SEQUENCE, |r| Ok((r.expect(Tag::SEQUENCE)?, r.bit_string()?)))?;
    r.optional(Tag::context_primitive(1))?;
    r.optional(Tag::context_primitive(2))?;
    let extensions = if r.at_end() { Vec::new() } else { r.nested(Tag::context(3), read_extensions)? };
    Ok(PeerCertificate {
        issuer,
        subject,
        not_before,
        not_after,
        subject_public_key_info,
        key_algorithm,
        subject_public_key,
        signature_algorithm,
        signed: &[],
        signature: &[],
        extensions,
    })
}

fn whole<'a>(r: &mut DerReader<'a>, tag: Tag) -> Result<&'a [u8], NotDer> {
    let element = r.element()?;
    if element.tag == tag { Ok(element.whole) } else { Err(NotDer) }
}

/// `Extensions ::= SEQUENCE OF Extension`; the same one twice is refused. RFC 5280 §4.2.
fn read_extensions<'a>(r: &mut DerReader<'a>) -> Result<Vec<RawExtension<'a>>, NotDer> {
    r.nested(Tag::SEQUENCE, |r| {
        let mut extensions: Vec<RawExtension<'_>> = Vec::new();
        while !r.at_end() {
            let (identifier, value) = r.nested(Tag::SEQUENCE, |r| {
                let identifier = r.expect(Tag::OBJECT_IDENTIFIER)?;
                if r.peek(Tag::BOOLEAN) {
                    r.boolean()?;
                }
                Ok((identifier, r.expect(Tag::OCTET_STRING)?))
            })?;
            let again = extensions.iter().any(|(earlier, _)| *earlier == identifier);
            if again || extensions.len() >= MAX_CERTIFICATE_EXTENSIONS {
                return Err(NotDer);
            }
            extensions.push((identifier, value));
        }
        Ok(extensions)
    })
}

/// `Time ::= CHOICE { UTCTime, GeneralizedTime }`, in the one form that RFC 5280 §4.1.2.5 leaves of each.
fn read_time(r: &mut DerReader<'_>) -> Result<Time, NotDer> {
    let element = r.element()?;
    let (century, digits) = match (element.tag, element.content) {
        (Tag::UTC_TIME, [y1, y2, rest @ ..]) if rest.len() == 11 => {
            let year = two_digits(&[*y1, *y2])?;
            ((if year < 50 { 2000 } else { 1900 }) + year, rest)
        }
        (Tag::GENERALIZED_TIME, [y1, y2, y3, y4, rest @ ..]) if rest.len() == 11 => {
            (two_digits(&[*y1, *y2])? * 100 + two_digits(&[*y3, *y4])?, rest)
        }
        _ => return Err(NotDer),
    };
    let [month @ .., _, _, _, _, _, _, _, _, _] = digits else { return Err(NotDer) };
    let [_, _, day1, day2, hour1, hour2, minute1, minute2, second1, second2, b'Z'] = digits else {
        return Err(NotDer);
    };
    let (month, day) = (two_digits(month)?, two_digits(&[*day1, *day2])?);
    let (hour, minute, second) =
        (two_digits(&[*hour1, *hour2])?, two_digits(&[*minute1, *minute2])?, two_digits(&[*second1, *second2])?);
    let valid = (1..=12).contains(&month) && (1..=days_in(century, month)).contains(&day);
    if !valid || hour > 23 || minute > 59 || second > 59 {
        return Err(NotDer);
    }
    let seconds = days_since_epoch(century, month, day) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    // No clock of ours is before 1970, and the path builder reads no such time either.
    u64::try_from(seconds).map(Time::from_secs).map_err(|_| NotDer)
}

fn two_digits(text: &[u8]) -> Result<u32, NotDer> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Ok(u32::from(tens - b'0') * 10 + u32::from(ones - b'0')),
        _ => Err(NotDer),
    }
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, negative before.
fn days_since_epoch(year: u32, month: u32, day: u32) -> i64 {
    let years_before = |year: i64| year * 365 + year / 4 - year / 100 + year / 400;
    let before_year = years_before(i64::from(year) - 1) - years_before(1969);
    let before_month: u32 = (1..month).map(|month| days_in(year, month)).sum();
    before_year + i64::from(before_month) + i64::from(day) - 1
}

/// Says whether a public key, as a signer knows it, is the leaf's.
pub fn key_matches_certificate(leaf: &CertificateDer<'_>, public_key: &[u8]) -> Result<bool, CertificateError> {
    Ok(PeerCertificate::read(leaf)?.subject_public_key() == public_key)
}

/// Says whether bytes have the outer shape of a certificate of any version, which is all that is asked of what we pass
/// on to the peer. RFC 5280 §4.1.
pub fn is_certificate(der: &[u8]) -> bool {
    let shape = read_all(der, Tag::SEQUENCE, |r| {
        r.expect(Tag::SEQUENCE)?;
        r.expect(Tag::SEQUENCE)?;
        r.bit_string().map(|_| ())
    });
    shape.is_ok()
}

/// Returns the scheme in which a certificate itself is signed, as signature_algorithms names it. For RSA-PSS the
/// scheme of rsaEncryption keys stands for both. RFC 8446 §4.2.3.
pub fn certificate_signature_scheme(certificate: &CertificateDer<'_>) -> Option<SignatureScheme> {
    scheme_of_signature(PeerCertificate::read(certificate).ok()?.signature_algorithm())
}

/// Returns the scheme of a certificate's signature, given the content of its AlgorithmIdentifier.
pub(super) fn scheme_of_signature(identifier: &[u8]) -> Option<SignatureScheme> {
    use pki_types::alg_id;
    // RSA PKCS#1 without the NULL that RFC 4055 §5 wants is seen in the wild.
    let pkcs1 = |id: pki_types::AlgorithmIdentifier| id.as_ref().strip_suffix(&[5, 0]).map(<[u8]>::to_vec);
    let is = |id: pki_types::AlgorithmIdentifier| {
        identifier == id.as_ref() || pkcs1(id).is_some_and(|bare| bare == identifier)
    };
    [
        (alg_id::ECDSA_SHA256, SignatureScheme::ecdsa_secp256r1_sha256),
        (alg_id::ECDSA_SHA384, SignatureScheme::ecdsa_secp384r1_sha384),
        (alg_id::ED25519, SignatureScheme::ed25519),
        (alg_id::RSA_PKCS1_SHA256, SignatureScheme::rsa_pkcs1_sha256),
        (alg_id::RSA_PKCS1_SHA384, SignatureScheme::rsa_pkcs1_sha384),
        (alg_id::RSA_PKCS1_SHA512, SignatureScheme::rsa_pkcs1_sha512),
        (alg_id::RSA_PSS_SHA256, SignatureScheme::rsa_pss_rsae_sha256),
        (alg_id::RSA_PSS_SHA384, SignatureScheme::rsa_pss_rsae_sha384),
        (alg_id::RSA_PSS_SHA512, SignatureScheme::rsa_pss_rsae_sha512),
    ]
    .into_iter()
    .find_map(|(id, scheme)| is(id).then_some(scheme))
}
