//! The TLS 1.3 key schedule as a chain of types: Early → Handshake → Main. RFC 8446 §7.1.
//!
//! ```text
//!              0 → HKDF-Extract(psk or 0)          = EarlySecret
//!  Derive-Secret(., "derived", "") → HKDF-Extract((EC)DHE) = HandshakeSecret
//!  Derive-Secret(., "derived", "") → HKDF-Extract(0)       = MainSecret
//! ```
//!
//! RFC 9846 says "main" where RFC 8446 said "master"; the labels stayed as they were.

#[cfg(all(test, feature = "ring", feature = "std"))]
mod tests;

use alloc::vec::Vec;

use super::{RawKeys, RecordFormat, TrafficKeys};
use crate::crypto::{CryptoError, Digest, NONCE_LEN, Provider, Secret, Suite, hkdf_expand, hkdf_extract};

/// HKDF-Expand-Label. RFC 8446 §7.1. The label is at most 249 bytes, the context at most 255.
pub fn expand_label(
    provider: &dyn Provider,
    suite: Suite,
    secret: &Secret,
    label: &[u8],
    context: &[u8],
    len: usize,
) -> Result<Secret, CryptoError> {
    const PREFIX: &[u8] = b"tls13 ";
    let too_long = |_| CryptoError::Unsupported;
    let mut hkdf_label = Vec::with_capacity(2 + 1 + PREFIX.len() + label.len() + 1 + context.len());
    hkdf_label.extend_from_slice(&u16::try_from(len).map_err(too_long)?.to_be_bytes());
    hkdf_label.push(u8::try_from(PREFIX.len() + label.len()).map_err(too_long)?);
    hkdf_label.extend_from_slice(PREFIX);
    hkdf_label.extend_from_slice(label);
    hkdf_label.push(u8::try_from(context.len()).map_err(too_long)?);
    hkdf_label.extend_from_slice(context);
    hkdf_expand(provider, suite.hash, secret.expose(), &hkdf_label, len)
}

/// Derive-Secret, with the transcript already hashed. RFC 8446 §7.1.
pub fn derive_secret(
    provider: &dyn Provider,
    suite: Suite,
    secret: &Secret,
    label: &[u8],
    transcript_hash: &Digest,
) -> Result<Secret, CryptoError> {
    expand_label(provider, suite, secret, label, transcript_hash.as_ref(), suite.hash.output_len())
}

/// The next link: Derive-Secret(., "derived", "") as the salt of HKDF-Extract.
fn next_link(
    provider: &dyn Provider,
    suite: Suite,
    secret: &Secret,
    input_keying_material: &[u8],
) -> Result<Secret, CryptoError> {
    let empty_hash = provider.hash(suite.hash)?.current();
    let salt = derive_secret(provider, suite, secret, b"derived", &empty_hash)?;
    hkdf_extract(provider, suite.hash, salt.expose(), input_keying_material)
}

/// The first link. RFC 8446 §7.1.
pub struct EarlySecret {
    suite: Suite,
    secret: Secret,
}

impl EarlySecret {
    /// Starts the schedule without a PSK.
    pub fn without_psk(provider: &dyn Provider, suite: Suite) -> Result<Self, CryptoError> {
        Self::with_psk(provider, suite, &Secret::zeros(suite.hash.output_len()))
    }

    /// Starts the schedule with a PSK.
    pub fn with_psk(provider: &dyn Provider, suite: Suite, psk: &Secret) -> Result<Self, CryptoError> {
        Ok(Self { suite, secret: hkdf_extract(provider, suite.hash, &[], psk.expose())? })
    }

    /// Computes a PSK binder; the transcript is that of the hello without its binders. RFC 8446 §4.2.11.2.
    pub fn binder(
        &self,
        provider: &dyn Provider,
        kind: PskKind,
        truncated_hash: &Digest,
    ) -> Result<Digest, CryptoError> {
        let empty_hash = provider.hash(self.suite.hash)?.current();
        let binder_key = traffic_secret(provider, self.suite, &self.secret, kind.binder_label(), &empty_hash)?;
        binder_key.verify_data(provider, truncated_hash)
    }

    /// Returns client_early_traffic_secret; the transcript is ClientHello.
    pub fn client_early_traffic_secret(
        &self,
        provider: &dyn Provider,
        transcript_hash: &Digest,
    ) -> Result<TrafficSecret, CryptoError> {
        traffic_secret(provider, self.suite, &self.secret, b"c e traffic", transcript_hash)
    }

    /// Returns early_exporter_secret; the transcript is ClientHello.
    pub fn early_exporter_secret(
        &self,
        provider: &dyn Provider,
        transcript_hash: &Digest,
    ) -> Result<ExporterSecret, CryptoError> {
        let secret = derive_secret(provider, self.suite, &self.secret, b"e exp master", transcript_hash)?;
        Ok(ExporterSecret { suite: self.suite, secret })
    }

    /// Goes on with the shared secret of the key exchange.
    pub fn into_handshake(self, provider: &dyn Provider, shared: &Secret) -> Result<HandshakeSecret, CryptoError> {
        let secret = next_link(provider, self.suite, &self.secret, shared.expose())?;
        Ok(HandshakeSecret { suite: self.suite, secret })
    }
}

/// Where a PSK comes from, which its binder says. RFC 8446 §7.1, RFC 9258 §5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PskKind {
    /// From a ticket.
    Resumption,
    /// From elsewhere.
    External,
    /// From elsewhere, through the importer.
    Imported,
}

impl PskKind {
    fn binder_label(self) -> &'static [u8] {
        match self {
            Self::Resumption => b"res binder",
            Self::External => b"ext binder",
            Self::Imported => b"imp binder",
        }
    }
}

/// Returns the PSK of a ticket, from resumption_secret and ticket_nonce. RFC 8446 §4.6.1.
pub fn resumption_psk(
    provider: &dyn Provider,
    suite: Suite,
    resumption_secret: &Secret,
    ticket_nonce: &[u8],
) -> Result<Secret, CryptoError> {
    expand_label(provider, suite, resumption_secret, b"resumption", ticket_nonce, suite.hash.output_len())
}

/// The second link. RFC 8446 §7.1.
pub struct HandshakeSecret {
    suite: Suite,
    secret: Secret,
}

impl HandshakeSecret {
    /// Returns client_handshake_traffic_secret; the transcript is ClientHello…ServerHello.
    pub fn client_handshake_traffic_secret(
        &self,
        provider: &dyn Provider,
        transcript_hash: &Digest,
    ) -> Result<TrafficSecret, CryptoError> {
        traffic_secret(provider, self.suite, &self.secret, b"c hs traffic", transcript_hash)
    }

    /// Returns server_handshake_traffic_secret; the transcript is ClientHello…ServerHello.
    pub fn server_handshake_traffic_secret(
        &self,
        provider: &dyn Provider,
        transcript_hash: &Digest,
    ) -> Result<TrafficSecret, CryptoError> {
        traffic_secret(provider, self.suite, &self.secret, b"s hs traffic", transcript_hash)
    }

    /// Goes on to the last link.
    pub fn into_main(self, provider: &dyn Provider) -> Result<MainSecret, CryptoError> {
        let zeros = Secret::zeros(self.suite.hash.output_len());
        let secret = next_link(provider, self.suite, &self.secret, zeros.expose())?;
        Ok(MainSecret { suite: self.suite, secret })
    }
}

/// The last link, called master secret in RFC 8446.
pub struct MainSecret {
    suite: Suite,
    secret: Secret,
}

impl MainSecret {
    /// Returns client_application_traffic_secret_0; the transcript is ClientHello…server Finished.
    pub fn client_application_traffic_secret(
        &self,
        provider: &dyn Provider,
        transcript_hash: &Digest,
    ) -> Result<TrafficSecret, CryptoError> {
        traffic_secret(provider, self.suite, &self.secret, b"c ap traffic", transcript_hash)
    }

    /// Returns server_application_traffic_secret_0; the transcript is ClientHello…server Finished.
    pub fn server_application_traffic_secret(
        &self,
        provider: &dyn Provider,
        transcript_hash: &Digest,
    ) -> Result<TrafficSecret, CryptoError> {
        traffic_secret(provider, self.suite, &self.secret, b"s ap traffic", transcript_hash)
    }

    /// Returns exporter_secret; the transcript is ClientHello…server Finished.
    pub fn exporter_secret(
        &self,
        provider: &dyn Provider,
        transcript_hash: &Digest,
    ) -> Result<ExporterSecret, CryptoError> {
        let secret = derive_secret(provider, self.suite, &self.secret, b"exp master", transcript_hash)?;
        Ok(ExporterSecret { suite: self.suite, secret })
    }

    /// Returns resumption_secret; the transcript is ClientHello…client Finished.
    pub fn resumption_secret(&self, provider: &dyn Provider, transcript_hash: &Digest) -> Result<Secret, CryptoError> {
        derive_secret(provider, self.suite, &self.secret, b"res master", transcript_hash)
    }
}

fn traffic_secret(
    provider: &dyn Provider,
    suite: Suite,
    secret: &Secret,
    label: &[u8],
    transcript_hash: &Digest,
) -> Result<TrafficSecret, CryptoError> {
    Ok(TrafficSecret { suite, secret: derive_secret(provider, suite, secret, label, transcript_hash)? })
}

/// A traffic secret of one direction, from which keys, the next secret and the Finished key come. RFC 8446 §7.2, §7.3.
pub struct TrafficSecret {
    suite: Suite,
    secret: Secret,
}

impl TrafficSecret {
    /// Takes over a secret that was derived or published elsewhere.
    pub fn new(suite: Suite, secret: Secret) -> Self {
        Self { suite, secret }
    }

    /// Lends the secret's bytes.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Derives write key and write iv. RFC 8446 §7.3.
    pub fn keys(&self, provider: &dyn Provider) -> Result<TrafficKeys, CryptoError> {
        self.raw_keys(provider)?.install(provider, self.suite.aead, RecordFormat::Tls13)
    }

    /// Derives write key and write iv as bytes, for whoever seals or opens records elsewhere. RFC 8446 §7.3.
    pub fn raw_keys(&self, provider: &dyn Provider) -> Result<RawKeys, CryptoError> {
        let key = expand_label(provider, self.suite, &self.secret, b"key", &[], self.suite.aead.key_len())?;
        let iv = expand_label(provider, self.suite, &self.secret, b"iv", &[], NONCE_LEN)?;
        Ok(RawKeys { key, iv })
    }

    /// Derives application_traffic_secret_N+1. RFC 8446 §7.2.
    pub fn next(&self, provider: &dyn Provider) -> Result<Self, CryptoError> {
        let secret =
            expand_label(provider, self.suite, &self.secret, b"traffic upd", &[], self.suite.hash.output_len())?;
        Ok(Self { suite: self.suite, secret })
    }

    /// Computes verify_data over a transcript. RFC 8446 §4.4.4.
    pub fn verify_data(&self, provider: &dyn Provider, transcript_hash: &Digest) -> Result<Digest, CryptoError> {
        let finished_key =
            expand_label(provider, self.suite, &self.secret, b"finished", &[], self.suite.hash.output_len())?;
        provider.hmac(self.suite.hash, finished_key.expose(), &[transcript_hash.as_ref()])
    }
}

/// Makes keying material for applications. RFC 8446 §7.5.
pub struct ExporterSecret {
    suite: Suite,
    secret: Secret,
}

impl ExporterSecret {
    /// Lends the secret's bytes.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// TLS-Exporter(label, context, length). RFC 8446 §7.5. An absent context is an empty one in TLS 1.3.
    ///
    /// The label is at most 249 bytes; the length at most 255 times the hash's.
    pub fn export(
        &self,
        provider: &dyn Provider,
        label: &[u8],
        context: &[u8],
        len: usize,
    ) -> Result<Secret, CryptoError> {
        let empty_hash = provider.hash(self.suite.hash)?.current();
        let derived = derive_secret(provider, self.suite, &self.secret, label, &empty_hash)?;
        let mut context_hash = provider.hash(self.suite.hash)?;
        context_hash.update(context);
        expand_label(provider, self.suite, &derived, b"exporter", context_hash.current().as_ref(), len)
    }
}
