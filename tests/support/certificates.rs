//! Certificates of every kind, right and wrong, written field by field: what a well-behaved tool will not make.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::rc::Rc;

use bulla::clock::Time;
use bulla::pki_types::{CertificateDer, PrivateKeyDer};
use rcgen::{PublicKeyData, SigningKey};

/// 2026-01-01T00:00:00Z, inside the validity of every certificate that does not say otherwise.
pub const NOW: Time = Time::from_secs(1_767_225_600);
/// The name that leaf certificates are for.
pub const NAME: &str = "server.test";

/// One DER element around the joined parts.
pub fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        len @ 0..=0x7f => out.push(len as u8),
        len @ 0x80..=0xff => out.extend([0x81, len as u8]),
        len => out.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    out.extend(content);
    out
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der(0x30, parts)
}

pub fn oid(content: &[u8]) -> Vec<u8> {
    der(0x06, &[content])
}

/// A distinguished name of one commonName.
pub fn common_name(text: &str) -> Vec<u8> {
    sequence(&[&der(0x31, &[&sequence(&[&oid(&[0x55, 0x04, 0x03]), &der(0x0c, &[text.as_bytes()])])])])
}

/// GeneralName: dNSName.
pub fn dns(name: impl AsRef<[u8]>) -> Vec<u8> {
    der(0x82, &[name.as_ref()])
}

/// GeneralName: iPAddress; in name constraints address and mask.
pub fn ip(bytes: &[u8]) -> Vec<u8> {
    der(0x87, &[bytes])
}

pub const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
pub const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
pub const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];
pub const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// 1.2.3.4: nobody's.
pub const UNKNOWN_EXTENSION: &[u8] = &[0x2a, 0x03, 0x04];

pub const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
pub const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
pub const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
pub const ANY_PURPOSE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];

/// keyUsage bits as the first octet of the BIT STRING.
pub const DIGITAL_SIGNATURE: u8 = 0x80;
pub const KEY_ENCIPHERMENT: u8 = 0x20;
pub const KEY_CERT_SIGN: u8 = 0x04;
pub const CRL_SIGN: u8 = 0x02;

/// ecdsa-with-SHA256, 1.2.840.10045.4.3.2.
pub const ECDSA_SHA256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// ecdsa-with-SHA1, 1.2.840.10045.4.1.
pub const ECDSA_SHA1: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
/// sha256WithRSAEncryption, 1.2.840.113549.1.1.11, NULL.
pub const RSA_SHA256: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00];
/// rsaEncryption, 1.2.840.113549.1.1.1, NULL.
pub const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// id-ecPublicKey, 1.2.840.10045.2.1.
pub const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// The curve secp521r1, 1.3.132.0.35.
pub const SECP521R1: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];

/// A SubjectPublicKeyInfo of any algorithm and bytes.
pub fn public_key_info(algorithm: &[&[u8]], key: &[u8]) -> Vec<u8> {
    sequence(&[&sequence(algorithm), &der(0x03, &[&[0], key])])
}

/// An RSA public key of this size; nobody knows its factors.
pub fn rsa_public_key_info(bits: usize) -> Vec<u8> {
    let mut modulus = vec![0xa5; bits / 8];
    modulus.insert(0, 0);
    let key = sequence(&[&der(0x02, &[&modulus]), &der(0x02, &[&[1, 0, 1]])]);
    public_key_info(&[RSA_ENCRYPTION], &key)
}

/// An extension: its object identifier, whether it is critical, and its value.
pub type Extension = (&'static [u8], bool, Vec<u8>);

/// A certificate that is not signed yet. The fields are what a test may want to be otherwise.
#[derive(Clone)]
pub struct Draft {
    pub subject: Vec<u8>,
    /// UTCTime: `YYMMDDhhmmssZ`.
    pub validity: (&'static str, &'static str),
    pub extensions: Vec<Extension>,
    /// The AlgorithmIdentifier's content in which it says to be signed.
    pub algorithm: &'static [u8],
    /// Another key than that of the pair.
    pub public_key_info: Option<Vec<u8>>,
    pub key: Rc<rcgen::KeyPair>,
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Party {
    pub name: Vec<u8>,
    pub key: Rc<rcgen::KeyPair>,
    pub certificate: CertificateDer<'static>,
}

pub fn new_key() -> Rc<rcgen::KeyPair> {
    Rc::new(rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap())
}

pub fn key_usage(bits: u8) -> Extension {
    (KEY_USAGE, true, der(0x03, &[&[bits.trailing_zeros().min(7) as u8, bits]]))
}

pub fn extended_key_usage(purposes: &[&[u8]]) -> Extension {
    let purposes: Vec<_> = purposes.iter().map(|purpose| oid(purpose)).collect();
    (EXTENDED_KEY_USAGE, false, sequence(&[&purposes.concat()]))
}

pub fn subject_alt_name(names: &[Vec<u8>]) -> Extension {
    (SUBJECT_ALT_NAME, false, sequence(&[&names.concat()]))
}

pub fn basic_constraints(ca: bool, path_len: Option<u8>) -> Extension {
    let ca: &[u8] = if ca { &[0x01, 0x01, 0xff] } else { &[] };
    let path_len = path_len.map_or(vec![], |len| der(0x02, &[&[len]]));
    (BASIC_CONSTRAINTS, true, sequence(&[ca, &path_len]))
}

/// nameConstraints of permitted and excluded general names.
pub fn name_constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Extension {
    let subtrees = |tag, names: &[Vec<u8>]| {
        let subtrees: Vec<_> = names.iter().map(|name| sequence(&[name])).collect();
        if names.is_empty() { vec![] } else { der(tag, &[&subtrees.concat()]) }
    };
    (NAME_CONSTRAINTS, true, sequence(&[&subtrees(0xa0, permitted), &subtrees(0xa1, excluded)]))
}

impl Draft {
    /// A server's and client's certificate for DNS names.
    pub fn leaf(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(dns).collect();
        Self {
            subject: common_name("A Leaf"),
            validity: ("250101000000Z", "270101000000Z"),
            extensions: vec![
                basic_constraints(false, None),
                key_usage(DIGITAL_SIGNATURE),
                extended_key_usage(&[SERVER_AUTH, CLIENT_AUTH]),
                subject_alt_name(&names),
            ],
            algorithm: ECDSA_SHA256,
            public_key_info: None,
            key: new_key(),
        }
    }

    /// An authority of this name.
    pub fn authority(name: &str) -> Self {
        let extensions = vec![basic_constraints(true, None), key_usage(KEY_CERT_SIGN | CRL_SIGN)];
        Self { subject: common_name(name), extensions, ..Self::leaf(&[]) }
    }

    /// What `openssl req -x509 -addext subjectAltName=DNS:…` makes: a server's certificate that says to be a CA.
    pub fn self_made(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(dns).collect();
        let extensions = vec![basic_constraints(true, None), subject_alt_name(&names)];
        Self { subject: common_name("Self-made"), extensions, ..Self::leaf(&[]) }
    }

    /// Puts an extension in the place of the one of the same kind, or at the end.
    pub fn with(mut self, extension: Extension) -> Self {
        match self.extensions.iter_mut().find(|own| own.0 == extension.0) {
            Some(own) => *own = extension,
            None => self.extensions.push(extension),
        }
        self
    }

    pub fn without(mut self, kind: &[u8]) -> Self {
        self.extensions.retain(|own| own.0 != kind);
        self
    }

    pub fn valid(mut self, from: &'static str, until: &'static str) -> Self {
        self.validity = (from, until);
        self
    }

    pub fn expired(self) -> Self {
        self.valid("240101000000Z", "250101000000Z")
    }

    pub fn not_yet_valid(self) -> Self {
        self.valid("260201000000Z", "270101000000Z")
    }

    pub fn named(mut self, name: &str) -> Self {
        self.subject = common_name(name);
        self
    }

    fn to_be_signed(&self, issuer: &[u8]) -> Vec<u8> {
        let extensions = self.extensions.iter().map(|(kind, critical, value)| {
            let critical: &[u8] = if *critical { &[0x01, 0x01, 0xff] } else { &[] };
            sequence(&[&oid(kind), critical, &der(0x04, &[value])])
        });
        let extensions: Vec<u8> = extensions.collect::<Vec<_>>().concat();
        let time = |text: &str| der(0x17, &[text.as_bytes()]);
        sequence(&[
            &der(0xa0, &[&der(0x02, &[&[2]])]),
            &der(0x02, &[&[1]]),
            &sequence(&[self.algorithm]),
            issuer,
            &sequence(&[&time(self.validity.0), &time(self.validity.1)]),
            &self.subject,
            &self.public_key_info.clone().unwrap_or_else(|| self.key.subject_public_key_info()),
            &der(0xa3, &[&sequence(&[&extensions])]),
        ])
    }

    /// Signs in the name of `issuer` with `key`, whosever it is.
    pub fn signed(&self, issuer: &[u8], key: &rcgen::KeyPair) -> Party {
        let to_be_signed = self.to_be_signed(issuer);
        let signature = key.sign(&to_be_signed).unwrap();
        let whole = sequence(&[&to_be_signed, &sequence(&[self.algorithm]), &der(0x03, &[&[0], &signature])]);
        Party { name: self.subject.clone(), key: Rc::clone(&self.key), certificate: whole.into() }
    }

    pub fn issued_by(&self, issuer: &Party) -> Party {
        self.signed(&issuer.name, &issuer.key)
    }

    pub fn self_signed(&self) -> Party {
        self.signed(&self.subject, &self.key)
    }
}

impl Party {
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    /// The certificate with one bit of its signature altered.
    pub fn tampered(&self) -> CertificateDer<'static> {
        let mut bytes = self.certificate.to_vec();
        // The last byte belongs to the s of the ECDSA signature: any value of it can be read.
        *bytes.last_mut().unwrap() ^= 1;
        bytes.into()
    }
}

/// PEM of one section, in lines of 64 characters.
pub fn pem(label: &str, bytes: &[u8]) -> String {
    let digits = |chunk: &[u8]| {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digit = |index| match index <= chunk.len() {
            true => char::from(ALPHABET[(bits >> (18 - 6 * index)) as usize & 63]),
            false => '=',
        };
        (0..4).map(digit).collect::<String>()
    };
    let lines: Vec<String> = bytes.chunks(48).map(|line| line.chunks(3).map(digits).collect()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
