//! The fields that both kinds of session are written in. Each has one form: what is read is written back to the same bytes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use pki_types::CertificateDer;

use crate::clock::Time;
use crate::crypto::{Digest, Secret};
use crate::verify::PeerChain;
use crate::wire::{CertificateType, Malformed, ProtocolVersion, Reader, SignatureScheme, TooLong, Writer};

/// How far, in milliseconds, a clock may have gone back since a session was made or a cookie sealed: the members of a fleet
/// do not agree to the second.
pub(super) const CLOCK_TOLERANCE: u64 = 10_000;

/// A PSK has the length of its suite's hash, a master secret has 48 bytes.
const SECRET_LEN: RangeInclusive<usize> = 32..=48;
/// A DNS name has at most 253 bytes, and an address fewer.
const NAME_LEN: RangeInclusive<usize> = 1..=255;

/// The moment at which something ends that began at `start` and lives for `lifetime` seconds, seven days at most.
pub(super) fn end(start: Time, lifetime: u32) -> Time {
    let lifetime = lifetime.min(super::MAX_SESSION_LIFETIME);
    Time::from_millis(start.as_millis().saturating_add(u64::from(lifetime).saturating_mul(1000)))
}

/// Says whether `now` lies between `start`, with the clocks' tolerance, and `end`.
pub(super) fn is_between(start: Time, now: Time, end: Time) -> bool {
    start.as_millis() <= now.as_millis().saturating_add(CLOCK_TOLERANCE) && now < end
}

pub(super) fn read_version(r: &mut Reader<'_>) -> Result<ProtocolVersion, Malformed> {
    match ProtocolVersion(r.u16()?) {
        version @ (ProtocolVersion::TLSv1_2 | ProtocolVersion::TLSv1_3) => Ok(version),
        _ => Err(Malformed::IllegalValue),
    }
}

pub(super) fn write_version(w: &mut Writer<'_>, version: ProtocolVersion) -> Result<(), TooLong> {
    w.u16(version.0);
    // Another version would not be read back.
    if matches!(version, ProtocolVersion::TLSv1_2 | ProtocolVersion::TLSv1_3) { Ok(()) } else { Err(TooLong) }
}

pub(super) fn read_secret(r: &mut Reader<'_>) -> Result<Secret, Malformed> {
    r.vector_u8(SECRET_LEN).map(Secret::copy_from)
}

pub(super) fn write_secret(w: &mut Writer<'_>, secret: &Secret) -> Result<(), TooLong> {
    w.vector_u8(SECRET_LEN, secret.expose())
}

/// A hash, or nothing.
pub(super) fn read_digest(r: &mut Reader<'_>) -> Result<Option<Box<Digest>>, Malformed> {
    let bytes = r.vector_u8(0..=Digest::MAX_LEN)?;
    Ok(if bytes.is_empty() { None } else { Digest::new(bytes).map(Box::new) })
}

pub(super) fn write_digest(w: &mut Writer<'_>, digest: Option<&Digest>) -> Result<(), TooLong> {
    w.vector_u8(0..=Digest::MAX_LEN, digest.map_or(&[], |digest| digest.as_ref()))
}

pub(super) fn read_time(r: &mut Reader<'_>) -> Result<Time, Malformed> {
    Ok(Time::from_millis(u64::from_be_bytes(r.array()?)))
}

pub(super) fn write_time(w: &mut Writer<'_>, time: Time) {
    w.bytes(&time.as_millis().to_be_bytes());
}

pub(super) fn read_flag(r: &mut Reader<'_>) -> Result<bool, Malformed> {
    match r.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Malformed::IllegalValue),
    }
}

pub(super) fn read_name(r: &mut Reader<'_>) -> Result<String, Malformed> {
    let name = core::str::from_utf8(r.vector_u8(NAME_LEN)?).map_err(|_| Malformed::IllegalValue)?;
    Ok(name.into())
}

pub(super) fn write_name(w: &mut Writer<'_>, name: &str) -> Result<(), TooLong> {
    w.vector_u8(NAME_LEN, name.as_bytes())
}

/// Reads a protocol name; an empty one stands for none. RFC 7301 §3.1 has no empty names.
pub(super) fn read_application_protocol(r: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    let name = r.vector_u8(0..=255)?;
    Ok((!name.is_empty()).then(|| name.to_vec()))
}

pub(super) fn write_application_protocol(w: &mut Writer<'_>, name: Option<&[u8]>) -> Result<(), TooLong> {
    match name {
        Some(name) => w.vector_u8(1..=255, name),
        None => w.vector_u8(0..=0, &[]),
    }
}

/// Reads a scheme; 0, which names none, stands for none.
pub(super) fn read_scheme(r: &mut Reader<'_>) -> Result<Option<SignatureScheme>, Malformed> {
    let scheme = r.u16()?;
    Ok((scheme != 0).then_some(SignatureScheme(scheme)))
}

pub(super) fn write_scheme(w: &mut Writer<'_>, scheme: Option<SignatureScheme>) -> Result<(), TooLong> {
    w.u16(scheme.map_or(0, |scheme| scheme.0));
    if scheme == Some(SignatureScheme(0)) { Err(TooLong) } else { Ok(()) }
}

pub(super) fn read_certificate_type(r: &mut Reader<'_>) -> Result<CertificateType, Malformed> {
    match CertificateType(r.u8()?) {
        read @ (CertificateType::X509 | CertificateType::RawPublicKey) => Ok(read),
        _ => Err(Malformed::IllegalValue),
    }
}

pub(super) fn write_certificate_type(w: &mut Writer<'_>, written: CertificateType) -> Result<(), TooLong> {
    w.u8(written.0);
    if matches!(written, CertificateType::X509 | CertificateType::RawPublicKey) { Ok(()) } else { Err(TooLong) }
}

/// Reads what a peer has shown: certificates that take at most `max_len` bytes together, their lengths counted, or one raw
/// public key in the same form.
pub(super) fn read_chain(r: &mut Reader<'_>, max_len: usize) -> Result<PeerChain, Malformed> {
    let certificate_type = read_certificate_type(r)?;
    let mut list = Reader::new(r.vector_u24(0..=max_len)?);
    let mut chain = Vec::new();
    while !list.at_end() {
        chain.push(CertificateDer::from(list.vector_u24(1..=max_len)?.to_vec()));
    }
    match (certificate_type, chain.as_slice()) {
        (CertificateType::RawPublicKey, [key]) => Ok(PeerChain::of_raw_public_key(key)),
        (CertificateType::RawPublicKey, _) => Err(Malformed::IllegalValue),
        _ => Ok(chain.into()),
    }
}

pub(super) fn write_chain(w: &mut Writer<'_>, max_len: usize, chain: &PeerChain) -> Result<(), TooLong> {
    write_certificate_type(w, chain.certificate_type())?;
    w.nest_u24(0..=max_len, |w| chain.iter().try_for_each(|certificate| w.vector_u24(1..=max_len, certificate)))
}

/// Returns how many bytes [`write_chain`] writes.
pub(super) fn chain_len(chain: &PeerChain) -> usize {
    chain.iter().fold(1 + 3, |len, certificate| len.saturating_add(3).saturating_add(certificate.len()))
}

/// Writes into memory that is reserved in one piece and wiped in every case: a vector that grows leaves copies behind.
///
/// `len` is the exact length; if a field is longer than its bounds, the result is `None`.
pub(super) fn write_secretly(len: usize, write: impl FnOnce(&mut Writer<'_>) -> Result<(), TooLong>) -> Option<Secret> {
    let mut bytes = Vec::with_capacity(len);
    let written = write(&mut Writer::new(&mut bytes));
    let secret = Secret::from_vec(bytes);
    written.is_ok().then_some(secret)
}
