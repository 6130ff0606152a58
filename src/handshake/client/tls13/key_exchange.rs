//! Key exchange: from ServerHello's share to the handshake keys. RFC 8446 §2, §7.1.

use alloc::sync::Arc;

use super::server_parameters::WaitEncryptedExtensions;
use crate::config::ClientConfig;
use crate::crypto::{Provider, Suite};
use crate::error::Error;
use crate::handshake::client::early_data;
use crate::handshake::client::hello::Settled;
use crate::handshake::client::offer::Offer;
use crate::handshake::client::psk::PskKey;
use crate::handshake::proof::crypto_failed;
use crate::handshake::record_sizes::RecordSizes;
use crate::handshake::{EarlyData, HandshakeKind, Negotiated, Outgoing};
use crate::keys::{EarlySecret, MainSecret, TrafficSecret, Transcript};
use crate::record::{Level, RecordBoundary};
use crate::verify::PeerChain;
use crate::wire::{CertificateType, NamedGroup, ProtocolVersion};

/// What every state of the handshake owns from ServerHello on.
pub(super) struct Handshake {
    pub(super) offer: Offer,
    pub(super) suite: Suite,
    pub(super) group: NamedGroup,
    pub(super) hello_retried: bool,
    pub(super) transcript: Transcript,
    /// The PSK that the server chose.
    pub(super) psk: Option<PskKey>,
    /// What is known of early data.
    pub(super) early_data: EarlyData,
    /// What was agreed on about the size of records.
    pub(super) record_sizes: RecordSizes,
    /// What the server stapled to its leaf.
    pub(super) ocsp_response: Option<alloc::vec::Vec<u8>>,
    /// What the server will show, and what we shall show if it asks.
    pub(super) server_certificate_type: CertificateType,
    pub(super) client_certificate_type: CertificateType,
    /// Known as soon as the handshake secret is; used once the server's Finished is there.
    pub(super) main_secret: MainSecret,
    pub(super) client_secret: TrafficSecret,
    pub(super) server_secret: TrafficSecret,
}

impl Handshake {
    pub(super) fn config(&self) -> &Arc<ClientConfig> {
        &self.offer.config
    }

    pub(super) fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.offer.config.preferences.provider)
    }

    /// Shows a secret to the key log, if there is one. RFC 9850.
    pub(super) fn log(&self, label: &str, secret: &[u8]) {
        self.offer.log(label, secret);
    }

    /// The facts of this handshake; the peer's certificates come with the proof of who it is.
    pub(super) fn negotiated(&self, application_protocol: Option<alloc::vec::Vec<u8>>) -> Negotiated {
        Negotiated {
            version: ProtocolVersion::TLSv1_3,
            cipher_suite: self.suite.id,
            group: self.group,
            hello_retried: self.hello_retried,
            server_name: crate::handshake::client::hello::reported_name(&self.offer),
            application_protocol,
            peer_certificates: PeerChain::default(),
            peer_signature_scheme: None,
            peer_ocsp_response: self.ocsp_response.clone(),
            server_end_point: None,
            record_limit: self.record_sizes.peers_limit(),
            kind: HandshakeKind::Full,
            external_psk_identity: None,
            peer_extensions: self.offer.answers.clone().into(),
            ticket_age_skew: None,
            renegotiation_info: false,
        }
    }
}

/// Derives the handshake keys and changes both directions to them. RFC 8446 §7.1.
pub(super) fn derive_handshake_keys(
    settled: Settled,
    boundary: RecordBoundary,
    out: &mut Outgoing,
) -> Result<WaitEncryptedExtensions, Error> {
    let Settled { offer, suite, group, shared_secret, transcript, hello_retried, psk, early_data } = settled;
    let provider = Arc::clone(&offer.config.preferences.provider);
    let provider = &*provider;

    // 1. Early → Handshake, with the PSK if one was chosen.
    let early_secret = match &psk {
        Some(psk) => EarlySecret::with_psk(provider, suite, psk.secret()),
        None => EarlySecret::without_psk(provider, suite),
    };
    let early_secret = early_secret.map_err(crypto_failed)?;
    let handshake_secret = early_secret.into_handshake(provider, &shared_secret).map_err(crypto_failed)?;
    drop(shared_secret);

    // 2. The traffic secrets over ClientHello…ServerHello; then Handshake → Main.
    let hash = transcript.current();
    let client_secret = handshake_secret.client_handshake_traffic_secret(provider, &hash).map_err(crypto_failed)?;
    let server_secret = handshake_secret.server_handshake_traffic_secret(provider, &hash).map_err(crypto_failed)?;

    let main_secret = handshake_secret.into_main(provider).map_err(crypto_failed)?;

    // 3. The dummy change_cipher_spec comes before our encrypted flight, unless the second hello or early data had it already.
    if offer.config.middlebox_compatibility && !hello_retried && early_data == EarlyData::NotOffered {
        out.change_cipher_spec();
    }

    // 4. Both directions change: what the server sends now is protected, and so are our alerts. Only early data that the
    // server may still take goes on under its own keys.
    out.pad_records(offer.config.preferences.padding.as_ref());
    out.read_keys(Level::Handshake, server_secret.keys(provider).map_err(crypto_failed)?, boundary);
    if early_data == EarlyData::Rejected {
        early_data::give_up(EarlyData::Rejected, out);
    }
    if early_data != EarlyData::Pending {
        out.write_keys(Level::Handshake, client_secret.keys(provider).map_err(crypto_failed)?);
    }

    let handshake = Handshake {
        offer,
        suite,
        group,
        hello_retried,
        transcript,
        psk,
        early_data,
        record_sizes: RecordSizes::Any,
        ocsp_response: None,
        server_certificate_type: CertificateType::X509,
        client_certificate_type: CertificateType::X509,
        main_secret,
        client_secret,
        server_secret,
    };
    handshake.log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", handshake.client_secret.secret().expose());
    handshake.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", handshake.server_secret.secret().expose());
    Ok(WaitEncryptedExtensions { handshake })
}
