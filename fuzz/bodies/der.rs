//! The DER reader, certificates, private keys and PEM.

use std::sync::Arc;

use bulla::Identity;
use bulla::clock::Time;
use bulla::crypto::ring;
use bulla::der::{DerReader, Tag, read_all};
use bulla::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use bulla::verify::{PeerCertificate, Purpose, Roots, certificate_signature_scheme, pem, verify_chain, verify_name};

use super::fixed;
use super::source::Source;

pub fn run(input: &[u8]) {
    let mut source = Source::new(input);
    let kind = source.below(5);
    let bytes = source.rest();
    match kind {
        0 => elements(bytes, 0),
        1 => certificate(bytes),
        2 => private_key(bytes),
        3 => text(bytes),
        _ => numbers(bytes),
    }
}

/// Reads elements in elements: what was read, put together again, is what was there.
fn elements(bytes: &[u8], depth: usize) {
    let mut reader = DerReader::new(bytes);
    let mut read = 0;
    while !reader.at_end() {
        let Ok(element) = reader.element() else { return };
        assert_eq!(element.whole, &bytes[read..read + element.whole.len()]);
        assert!(element.whole.ends_with(element.content));
        assert_eq!(element.whole, encode(element.tag, element.content));
        read += element.whole.len();
        if element.tag.0 & 0x20 != 0 && depth < 32 {
            elements(element.content, depth + 1);
        }
    }
    assert_eq!(read, bytes.len());
    let whole = |bytes| {
        read_all(bytes, Tag::SEQUENCE, |reader| {
            while !reader.at_end() {
                reader.element()?;
            }
            Ok(())
        })
    };
    if whole(bytes).is_ok() {
        assert!((0..bytes.len()).all(|len| whole(&bytes[..len]).is_err()), "a prefix was accepted");
    }
}

/// X.690 §8.1: identifier, the shortest definite length, content.
fn encode(tag: Tag, content: &[u8]) -> Vec<u8> {
    let octets = content.len().to_be_bytes();
    let significant = &octets[octets.iter().take_while(|&&octet| octet == 0).count()..];
    let length = match significant {
        [] => vec![0],
        [short @ 0..=0x7f] => vec![*short],
        long => [&[0x80 | u8::try_from(long.len()).unwrap()], long].concat(),
    };
    [&[tag.0], &length[..], content].concat()
}

fn certificate(bytes: &[u8]) {
    let der = CertificateDer::from(bytes);
    let _ = certificate_signature_scheme(&der);
    if let Ok(read) = PeerCertificate::read(bytes) {
        let (not_before, not_after) = read.validity();
        let _ = (not_before <= not_after, read.key_usage(), read.is_ca(), read.names());
        assert!(bytes.windows(read.subject().len()).any(|window| window == read.subject()));
        assert!((0..bytes.len()).all(|len| PeerCertificate::read(&bytes[..len]).is_err()), "a prefix was accepted");
    }
    let name = ServerName::try_from(fixed::NAME).unwrap();
    let _ = verify_name(&der, &name);
    let now = Some(Time::from_secs(1_767_225_600));
    let chain = [der.clone()];
    let judge = |roots: &Roots, purpose| verify_chain(&*ring::provider(), roots, purpose, None, &chain, now);
    let ours = fixed::roots();
    let by_ours = judge(&ours, Purpose::Server);
    assert!(by_ours.is_err() || bytes == fixed::LEAF, "a certificate that the root did not sign");
    // Trusted as a root itself, it may be accepted or not.
    let mut roots = Roots::new();
    if roots.add_der(&der).is_ok() {
        let _ = judge(&roots, Purpose::Client);
    }
}

fn private_key(bytes: &[u8]) {
    let provider = ring::provider();
    let forms =
        [PrivateKeyDer::Pkcs8(bytes.into()), PrivateKeyDer::Sec1(bytes.into()), PrivateKeyDer::Pkcs1(bytes.into())];
    for form in forms {
        let Ok(key) = provider.signing_key(&form) else { continue };
        assert!(!key.public_key().is_empty() && !key.schemes().is_empty());
        for &scheme in key.schemes() {
            let _ = key.sign(&*provider, scheme, b"message");
        }
    }
}

fn text(bytes: &[u8]) {
    let certificates = pem::certificates_from_pem_or_der(bytes);
    let key = pem::private_key_from_pem_or_der(bytes);
    if let (Ok(chain), Ok(key)) = (certificates, key) {
        let _ = Identity::with_provider(chain, &key, Arc::clone(&ring::provider()));
    }
}

/// The typed readers agree with the bytes.
fn numbers(bytes: &[u8]) {
    if let Ok(value) = DerReader::new(bytes).small_integer() {
        assert_eq!(DerReader::new(bytes).unsigned_integer().unwrap(), [value]);
    }
    if let Ok(value) = DerReader::new(bytes).unsigned_integer() {
        assert!(value == [0] || value[0] != 0);
    }
    let _ = (DerReader::new(bytes).boolean(), DerReader::new(bytes).bit_string());
}
