//! What protects one direction: an AEAD, its iv, and the form of its records.

use alloc::boxed::Box;

use crate::crypto::{Aead, AeadAlgorithm, CryptoError, NONCE_LEN, Provider, Secret};

/// The AEAD and the static iv of one direction. RFC 8446 §5.3, RFC 5246 §6.3.
pub struct TrafficKeys {
    /// Seals or opens.
    pub aead: Box<dyn Aead>,
    /// The iv that each nonce is formed from, of which TLS 1.2 with AES-GCM uses the first four bytes; in a box, so that
    /// moving the keys leaves no copies.
    pub iv: Box<[u8; NONCE_LEN]>,
    /// How many records these keys may protect.
    pub confidentiality_limit: u64,
    /// How a protected record is laid out.
    pub format: RecordFormat,
}

impl Drop for TrafficKeys {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut *self.iv);
    }
}

/// The bytes of one direction's key and iv, for whoever seals and opens records elsewhere. RFC 8446 §7.3, RFC 5246 §6.3.
pub struct RawKeys {
    /// The AEAD's key.
    pub key: Secret,
    /// What each nonce is formed from: 12 bytes, of TLS 1.2 with AES-GCM only the four that do not stand in the record.
    pub iv: Secret,
}

impl RawKeys {
    /// Makes them the keys of the record layer.
    pub(super) fn install(
        &self,
        provider: &dyn Provider,
        aead: AeadAlgorithm,
        format: RecordFormat,
    ) -> Result<TrafficKeys, CryptoError> {
        let mut iv = Box::new([0; NONCE_LEN]);
        iv.get_mut(..self.iv.len()).ok_or(CryptoError::Failed)?.copy_from_slice(self.iv.expose());
        let confidentiality_limit = aead.confidentiality_limit();
        Ok(TrafficKeys { aead: provider.aead(aead, self.key.expose())?, iv, confidentiality_limit, format })
    }
}

/// How a protected record is laid out and how its nonce is formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFormat {
    /// The content type inside, padding allowed; the nonce is iv XOR sequence number. RFC 8446 §5.2, §5.3.
    Tls13,
    /// The content type outside; the nonce is four bytes of iv and eight that stand in the record. RFC 5288 §3.
    #[cfg(feature = "tls12")]
    Tls12ExplicitNonce,
    /// The content type outside; the nonce is iv XOR sequence number. RFC 7905 §2.
    #[cfg(feature = "tls12")]
    Tls12ImplicitNonce,
}
