//! Judges whether a certificate is valid for a name. RFC 9525 §6.

use alloc::string::String;

use pki_types::{CertificateDer, IpAddr, ServerName};

use super::PeerCertificate;
use super::certificate::ip_text;
use crate::error::{CertificateError, NameList};

/// Checks that the leaf is valid for `name`: DNS names by RFC 9525 §6.3, a wildcard only as the whole left-most label;
/// addresses exactly; the subject's commonName never.
pub fn verify_name(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), CertificateError> {
    let parsed = webpki::EndEntityCert::try_from(leaf).map_err(|_| CertificateError::BadEncoding)?;
    if parsed.verify_is_valid_for_subject_name(name).is_ok() {
        return Ok(());
    }
    let presented = NameList(PeerCertificate::read(leaf)?.names()?);
    Err(CertificateError::NameMismatch(name_text(name), presented))
}

/// Returns a name as it is written; `ServerName::to_str` wants `std`.
fn name_text(name: &ServerName<'_>) -> String {
    let text = match name {
        ServerName::DnsName(name) => Some(name.as_ref().into()),
        ServerName::IpAddress(IpAddr::V4(address)) => ip_text(address.as_ref()),
        ServerName::IpAddress(IpAddr::V6(address)) => ip_text(address.as_ref()),
        _ => None,
    };
    text.unwrap_or_default()
}

/// Puts the tag and length of a SEQUENCE before a content of at most 65,535 bytes, as names are.
pub(super) fn sequence(content: &[u8]) -> alloc::vec::Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let header: &[u8] = match (high, low) {
        (0, 0..=0x7f) => &[0x30, low],
        (0, _) => &[0x30, 0x81, low],
        _ => &[0x30, 0x82, high, low],
    };
    [header, content].concat()
}
