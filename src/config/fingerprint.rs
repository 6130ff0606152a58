//! What fingerprints of TLS clients are made of: JA3's string, and JA4, which tell one client's software from another's.
//!
//! Both are facts about what a client offers, which it may choose as it likes: to count by, not to trust.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::ClientHelloView;
use crate::crypto::{CryptoError, HashAlgorithm, Provider};
use crate::wire::{ExtensionType, ProtocolVersion};

/// How many hexadecimal digits of a hash JA4 shows.
const JA4_DIGITS: usize = 12;

/// The largest number that JA4's two digits can say.
const JA4_MAX_COUNT: usize = 99;

impl ClientHelloView {
    /// Returns the string whose MD5 is the client's JA3: version, suites, extensions, groups and point formats in decimal.
    /// GREASE (RFC 8701) is left out.
    pub fn ja3(&self) -> String {
        let suites = decimal(self.cipher_suites().iter().map(|suite| suite.0));
        let extensions = decimal(self.extension_types().iter().map(|extension| extension.0));
        let groups = decimal(self.groups().iter().map(|group| group.0));
        let formats = decimal(self.point_formats().iter().map(|format| u16::from(format.0)));
        format!("{},{suites},{extensions},{groups},{formats}", self.legacy_version().0)
    }

    /// Returns the client's JA4, as for TLS over TCP: `t13d1516h2_8daaf6152771_02713d6af862` is a browser. `provider` does the
    /// two SHA-256.
    pub fn ja4(&self, provider: &dyn Provider) -> Result<String, CryptoError> {
        let Ja4 { a, suites, extensions } = self.ja4_parts();
        Ok(format!("{a}_{}_{}", truncated(provider, &suites)?, truncated(provider, &extensions)?))
    }

    /// Returns the client's JA4_r: JA4 with its lists written out instead of hashed.
    pub fn ja4_raw(&self) -> String {
        let Ja4 { a, suites, extensions } = self.ja4_parts();
        format!("{a}_{suites}_{extensions}")
    }

    fn ja4_parts(&self) -> Ja4 {
        let mut suites: Vec<u16> = without_grease(self.cipher_suites().iter().map(|suite| suite.0)).collect();
        let mut extensions: Vec<u16> = without_grease(self.extension_types().iter().map(|it| it.0)).collect();
        let named = if self.has_extension(ExtensionType::server_name) { 'd' } else { 'i' };
        let (version, protocol) = (self.ja4_version(), self.ja4_protocol());
        let (suite_count, extension_count) = (suites.len().min(JA4_MAX_COUNT), extensions.len().min(JA4_MAX_COUNT));
        let a = format!("t{version}{named}{suite_count:02}{extension_count:02}{protocol}");

        // What a client's application changes is in the first part already; the rest is the same whatever the order.
        let application = [ExtensionType::server_name, ExtensionType::application_layer_protocol_negotiation];
        extensions.retain(|extension| !application.contains(&ExtensionType(*extension)));
        suites.sort_unstable();
        extensions.sort_unstable();
        let mut listed = hexadecimal(extensions);
        let schemes: Vec<u16> = without_grease(self.signature_schemes().iter().map(|scheme| scheme.0)).collect();
        if !schemes.is_empty() {
            listed.push('_');
            listed.push_str(&hexadecimal(schemes));
        }
        Ja4 { a, suites: hexadecimal(suites), extensions: listed }
    }

    /// The highest version that the client offers, in two characters.
    fn ja4_version(&self) -> &'static str {
        let offered = self.versions();
        match without_grease(offered.iter().map(|version| version.0)).max().map(ProtocolVersion) {
            Some(ProtocolVersion::TLSv1_3) => "13",
            Some(ProtocolVersion::TLSv1_2) => "12",
            Some(ProtocolVersion::TLSv1_1) => "11",
            Some(ProtocolVersion::TLSv1_0) => "10",
            Some(ProtocolVersion::SSLv3) => "s3",
            Some(ProtocolVersion(0x0002)) => "s2",
            _ => "00",
        }
    }

    /// The first and the last character of the first application protocol, or of its bytes in hexadecimal if one of the
    /// two is no letter or digit.
    fn ja4_protocol(&self) -> String {
        let first = self.application_protocols().first().map(Vec::as_slice).unwrap_or_default();
        let (Some(&head), Some(&tail)) = (first.first(), first.last()) else { return String::from("00") };
        if head.is_ascii_alphanumeric() && tail.is_ascii_alphanumeric() {
            String::from_iter([char::from(head), char::from(tail)])
        } else {
            format!("{:x}{:x}", head >> 4, tail & 0xf)
        }
    }
}

/// JA4's three parts, before the last two are hashed.
struct Ja4 {
    a: String,
    suites: String,
    extensions: String,
}

/// The reserved values that clients strew in so that servers stay tolerant. RFC 8701 §2.
fn without_grease(values: impl Iterator<Item = u16>) -> impl Iterator<Item = u16> {
    values.filter(|value| {
        let [high, low] = value.to_be_bytes();
        !(high == low && low & 0xf == 0xa)
    })
}

fn decimal(values: impl Iterator<Item = u16>) -> String {
    let mut text = String::new();
    for value in without_grease(values) {
        let separator = if text.is_empty() { "" } else { "-" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{value}");
    }
    text
}

fn hexadecimal(values: Vec<u16>) -> String {
    let mut text = String::new();
    for value in values {
        let separator = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{separator}{value:04x}");
    }
    text
}

/// The first digits of a list's SHA-256; of an empty list, zeros.
fn truncated(provider: &dyn Provider, list: &str) -> Result<String, CryptoError> {
    if list.is_empty() {
        return Ok("0".repeat(JA4_DIGITS));
    }
    let mut hash = provider.hash(HashAlgorithm::Sha256)?;
    hash.update(list.as_bytes());
    let mut text = String::new();
    for byte in hash.current().as_ref().iter().take(JA4_DIGITS / 2) {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
