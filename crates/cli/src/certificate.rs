//! What a certificate says of itself, for people to read. Nothing is decided here.

use bulla::verify::PeerCertificate;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::console::clean;
use crate::report::date;

/// How many names of a certificate are shown; some have a hundred.
const MAX_NAMES_SHOWN: usize = 8;

/// The facts of a certificate that are shown.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) names: Vec<String>,
    pub(crate) valid_from: String,
    pub(crate) valid_until: String,
    pub(crate) key: String,
}

impl Described {
    /// Reads a certificate's DER, or returns `None` if it is none.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let read = PeerCertificate::read(der).ok()?;
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let (from, until) = read.validity();
        let names = read.names().unwrap_or_default();
        Some(Self {
            subject: or_nobody(parsed.subject().to_string()),
            issuer: or_nobody(parsed.issuer().to_string()),
            names: names.iter().map(|name| clean(name)).collect(),
            valid_from: date(from.as_secs()),
            valid_until: date(until.as_secs()),
            key: key(&parsed),
        })
    }

    /// Returns the line that stands for the whole certificate.
    pub(crate) fn line(&self) -> String {
        format!("{}, issued by {}", self.subject, self.issuer)
    }

    /// Returns the rest: whom it is for, when, and with which key.
    pub(crate) fn details(&self) -> String {
        format!("{}valid from {} until {}; {}", self.for_names(), self.valid_from, self.valid_until, self.key)
    }

    /// Returns everything of one that was accepted: it is valid already.
    pub(crate) fn accepted(&self) -> String {
        format!("{}; {}until {}; {}", self.line(), self.for_names(), self.valid_until, self.key)
    }

    fn for_names(&self) -> String {
        let shown = self.names.iter().take(MAX_NAMES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        match self.names.len() {
            0 => String::new(),
            len if len > MAX_NAMES_SHOWN => format!("for {shown} and {} more; ", len - MAX_NAMES_SHOWN),
            _ => format!("for {shown}; "),
        }
    }
}

fn or_nobody(name: String) -> String {
    if name.is_empty() { "(no name)".into() } else { clean(&name) }
}

fn key(certificate: &X509Certificate<'_>) -> String {
    let info = certificate.public_key();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA key of {} bits", key.key_size()),
        Ok(PublicKey::EC(point)) => format!("EC key of {} bits", point.key_size()),
        _ if info.algorithm.algorithm.to_id_string() == "1.3.101.112" => "Ed25519 key".into(),
        _ => format!("key of the algorithm {}", info.algorithm.algorithm.to_id_string()),
    }
}
