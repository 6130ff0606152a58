//! Reads and writes what stands in Certificate: a chain, or the one raw public key that was agreed on. RFC 8446 §4.4.2,
//! RFC 5246 §7.4.2, RFC 7250 §3.

use pki_types::CertificateDer;

use super::MAX_CHAIN_LEN;
#[cfg(feature = "tls12")]
use super::{Incoming, Outgoing};
#[cfg(feature = "tls12")]
use crate::config::Identity;
use crate::error::{Error, Violation};
#[cfg(feature = "tls12")]
use crate::keys::Transcript;
#[cfg(feature = "tls12")]
use crate::record::Level;
use crate::verify::{PeerChain, PublicKeyInfo};
#[cfg(feature = "tls12")]
use crate::wire::{Asn1Cert, CertificateTls12, RawPublicKeyTls12};
use crate::wire::{CertificateEntry, CertificateType};

/// Reads the entries of a Certificate of TLS 1.3; empty if there are none. RFC 8446 §4.4.2.
pub(crate) fn read_entries(agreed: CertificateType, list: &[CertificateEntry<'_>]) -> Result<PeerChain, Error> {
    match (agreed, list) {
        (CertificateType::RawPublicKey, [entry]) => read_raw_public_key(entry.cert_data),
        (CertificateType::RawPublicKey, [_, _, ..]) => Err(Violation::MoreThanOneRawPublicKey.into()),
        _ if list.len() > MAX_CHAIN_LEN => Err(Violation::ChainTooLong.into()),
        (_, [entry, ..]) if PublicKeyInfo::read(entry.cert_data).is_ok() => {
            Err(Violation::RawPublicKeyNotAgreedOn.into())
        }
        _ => Ok(list.iter().map(|entry| CertificateDer::from(entry.cert_data).into_owned()).collect()),
    }
}

/// Reads a Certificate of TLS 1.2, which is of another form where a raw public key was agreed on; empty if the peer has
/// none to show. RFC 5246 §7.4.2, RFC 7250 §3.
#[cfg(feature = "tls12")]
pub(crate) fn read_tls12(agreed: CertificateType, message: Incoming<'_>) -> Result<PeerChain, Error> {
    if agreed == CertificateType::RawPublicKey {
        let RawPublicKeyTls12 { subject_public_key_info } = message.parse()?;
        return match subject_public_key_info {
            [] => Ok(PeerChain::default()),
            key => read_raw_public_key(key),
        };
    }
    let CertificateTls12 { certificate_list } = message.parse()?;
    if certificate_list.len() > MAX_CHAIN_LEN {
        return Err(Violation::ChainTooLong.into());
    }
    Ok(certificate_list.iter().map(|certificate| CertificateDer::from(certificate.0).into_owned()).collect())
}

/// Whether it is to be trusted is asked later; what is no key at all is no message either.
fn read_raw_public_key(der: &[u8]) -> Result<PeerChain, Error> {
    PublicKeyInfo::read(der)?;
    Ok(PeerChain::of_raw_public_key(der))
}

/// Sends a Certificate of TLS 1.2. Without an identity it is empty, in either form.
#[cfg(feature = "tls12")]
pub(crate) fn send_tls12(
    identity: Option<&Identity>,
    transcript: &mut Transcript,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let chain = identity.map_or(&[][..], Identity::chain);
    match (identity.map(Identity::certificate_type), chain) {
        (Some(CertificateType::RawPublicKey), [key, ..]) => {
            out.send(Level::Initial, &RawPublicKeyTls12 { subject_public_key_info: key }, transcript)
        }
        _ => {
            let certificate_list = chain.iter().map(|certificate| Asn1Cert(certificate.as_ref())).collect();
            out.send(Level::Initial, &CertificateTls12 { certificate_list }, transcript)
        }
    }
}
