//! What a peer has shown: a chain of certificates, or one raw public key.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

use pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

use crate::wire::CertificateType;

/// A peer's chain, leaf first, as it was sent; empty if the peer has shown none. A raw public key is a chain of one, which is
/// no certificate: this says which of the two it is, because the bytes must not. RFC 7250 §3.
///
/// It is as small as a pointer: every connection keeps one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerChain(Option<Arc<Shown>>);

#[derive(Debug, PartialEq, Eq)]
struct Shown {
    certificate_type: CertificateType,
    /// Never empty, and of a raw key one.
    entries: Box<[CertificateDer<'static>]>,
}

impl PeerChain {
    /// A raw public key: the bytes of a SubjectPublicKeyInfo.
    pub(crate) fn of_raw_public_key(key: &[u8]) -> Self {
        let entries = Box::new([CertificateDer::from(key.to_vec())]);
        Self(Some(Arc::new(Shown { certificate_type: CertificateType::RawPublicKey, entries })))
    }

    /// A chain with the same content, which is not the very same: a verdict about the one says nothing of the other.
    pub(crate) fn anew(&self) -> Self {
        let copy = |shown: &Arc<Shown>| {
            Arc::new(Shown { certificate_type: shown.certificate_type, entries: shown.entries.clone() })
        };
        Self(self.0.as_ref().map(copy))
    }

    /// Says whether this is the very same chain, not one that looks like it.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// Returns what it is; X.509 if nothing was shown.
    pub(crate) fn certificate_type(&self) -> CertificateType {
        self.0.as_ref().map_or(CertificateType::X509, |shown| shown.certificate_type)
    }

    /// Returns the certificates, of which a raw key is none.
    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        if self.certificate_type() == CertificateType::X509 { self } else { &[] }
    }

    /// Returns the raw key, if it is one.
    pub(crate) fn raw_public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        let is_raw = self.certificate_type() == CertificateType::RawPublicKey;
        let key = self.first().filter(|_| is_raw)?;
        Some(SubjectPublicKeyInfoDer::from(key.as_ref()))
    }
}

impl Deref for PeerChain {
    type Target = [CertificateDer<'static>];

    fn deref(&self) -> &Self::Target {
        self.0.as_ref().map_or(&[], |shown| &shown.entries)
    }
}

impl From<Vec<CertificateDer<'static>>> for PeerChain {
    fn from(certificates: Vec<CertificateDer<'static>>) -> Self {
        let shown = Shown { certificate_type: CertificateType::X509, entries: certificates.into() };
        Self((!shown.entries.is_empty()).then(|| Arc::new(shown)))
    }
}

impl<const N: usize> From<[CertificateDer<'static>; N]> for PeerChain {
    fn from(certificates: [CertificateDer<'static>; N]) -> Self {
        Self::from(Vec::from(certificates))
    }
}

impl FromIterator<CertificateDer<'static>> for PeerChain {
    fn from_iter<I: IntoIterator<Item = CertificateDer<'static>>>(certificates: I) -> Self {
        Self::from(Vec::from_iter(certificates))
    }
}
