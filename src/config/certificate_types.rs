//! By which types of certificate the ends may be known to one another, and the raw keys that are trusted. RFC 7250.

use alloc::sync::Arc;
use alloc::vec::Vec;

use pki_types::SubjectPublicKeyInfoDer;

use super::ConfigError;
use super::preferences::checked;
use crate::crypto::{Provider, sha256_of_parts};
use crate::verify::check_raw_public_key;
use crate::wire::CertificateType;

/// What everybody means who says nothing. RFC 7250 §3.
pub(crate) const X509_ALONE: &[CertificateType] = &[CertificateType::X509];

/// The part of both configurations that is about certificate types.
#[derive(Clone, Debug, Default)]
pub(crate) struct CertificateTypes {
    /// The raw keys that a peer may have.
    pub(crate) trusted: Arc<[SubjectPublicKeyInfoDer<'static>]>,
    /// Over them, in any order.
    digest: Option<[u8; 32]>,
    /// What a peer may show, most wanted first, if the application says so.
    accepted: Option<Vec<CertificateType>>,
    /// What a client can show, most wanted first, if the application says so.
    pub(super) shown: Option<Vec<CertificateType>>,
}

impl CertificateTypes {
    /// Trusts these keys, each of which must be of use.
    pub(super) fn trust(
        &mut self,
        provider: &dyn Provider,
        keys: Vec<SubjectPublicKeyInfoDer<'static>>,
    ) -> Result<(), ConfigError> {
        for (index, key) in keys.iter().enumerate() {
            let usable = check_raw_public_key(provider, key);
            usable.map_err(|reason| ConfigError::RawPublicKey(index + 1, reason))?;
        }
        let mut keys = checked("raw public keys", keys, |_| false, |_| ConfigError::Empty("raw public keys"))?;
        keys.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
        let parts: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
        self.digest = sha256_of_parts(provider, &parts).ok();
        self.trusted = keys.into();
        Ok(())
    }

    pub(super) fn accept(&mut self, types: Vec<CertificateType>) -> Result<(), ConfigError> {
        self.accepted = Some(checked_types(types)?);
        Ok(())
    }

    pub(super) fn show(&mut self, types: Vec<CertificateType>) -> Result<(), ConfigError> {
        self.shown = Some(checked_types(types)?);
        Ok(())
    }

    /// What a peer may show, most wanted first. A key that is known by itself says more than an authority does.
    pub(super) fn accepted(&self, roots_are_empty: bool) -> &[CertificateType] {
        const RAW_ALONE: &[CertificateType] = &[CertificateType::RawPublicKey];
        const BOTH: &[CertificateType] = &[CertificateType::RawPublicKey, CertificateType::X509];
        match &self.accepted {
            Some(types) => types,
            None if self.trusted.is_empty() => X509_ALONE,
            None if roots_are_empty => RAW_ALONE,
            None => BOTH,
        }
    }

    /// Adds the trusted keys to a digest of roots: both decide whom a session may be resumed with. `None` if they cannot be
    /// hashed.
    pub(super) fn bind(&self, provider: &dyn Provider, roots: [u8; 32]) -> Option<[u8; 32]> {
        if self.trusted.is_empty() {
            return Some(roots);
        }
        sha256_of_parts(provider, &[b"roots and raw public keys", &roots, &self.digest?]).ok()
    }
}

fn checked_types(types: Vec<CertificateType>) -> Result<Vec<CertificateType>, ConfigError> {
    // OpenPGP must not be used with TLS 1.3, and nobody uses it with TLS 1.2. RFC 8446 §4.4.2.
    let unavailable =
        |listed: &CertificateType| !matches!(*listed, CertificateType::X509 | CertificateType::RawPublicKey);
    checked("certificate types", types, unavailable, ConfigError::CertificateTypeUnavailable)
}
