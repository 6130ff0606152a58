//! Judges whether a certificate is valid for a name. RFC 9525 §6.

use alloc::format;
use alloc::string::String;

use pki_types::{CertificateDer, IpAddr, ServerName};

use super::PeerCertificate;
use super::certificate::ip_text;
use crate::der::{DerReader, NotDer, Tag, read_all};
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

/// id-at-commonName, 2.5.4.3, and id-at-organizationName, 2.5.4.10.
const SHOWN_ATTRIBUTES: [&[u8]; 2] = [&[0x55, 0x04, 0x03], &[0x55, 0x04, 0x0a]];

/// The longest part of a name that is shown.
const MAX_TEXT_LEN: usize = 64;

/// Says a distinguished name in an error: its commonName or else its organization, in quotes. Whoever wrote it may be
/// an attacker, so it is cut to a readable length and what cannot be printed is shown as an escape.
pub(crate) fn distinguished_name_text(name: &[u8]) -> String {
    let shown = SHOWN_ATTRIBUTES.iter().find_map(|wanted| attribute(name, wanted).ok().flatten());
    let Some((tag, value)) = shown else { return String::from("without a name") };
    // BMPString has two bytes for each character; the other strings of a DirectoryString are ASCII or UTF-8 in practice.
    let text: String = if tag == BMP_STRING {
        let units = value.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(u16::from_be_bytes));
        char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).take(MAX_TEXT_LEN).collect()
    } else {
        String::from_utf8_lossy(value).chars().take(MAX_TEXT_LEN).collect()
    };
    format!("\"{}\"", text.escape_debug())
}

const BMP_STRING: Tag = Tag(0x1e);

/// Finds the last attribute of a kind, which is the most specific one: tag and content of its value. RFC 5280 §4.1.2.4.
fn attribute<'a>(name: &'a [u8], wanted: &[u8]) -> Result<Option<(Tag, &'a [u8])>, NotDer> {
    read_all(name, Tag::SEQUENCE, |r| {
        let mut found = None;
        while !r.at_end() {
            let mut set = DerReader::new(r.expect(Tag::SET)?);
            while !set.at_end() {
                let (kind, value) =
                    set.nested(Tag::SEQUENCE, |r| Ok((r.expect(Tag::OBJECT_IDENTIFIER)?, r.element()?)))?;
                if kind == wanted {
                    found = Some((value.tag, value.content));
                }
            }
        }
        Ok(found)
    })
}
