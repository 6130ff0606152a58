//! Key exchange: ServerHello and the handshake keys. RFC 8446 §4.1.3, §7.1.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::clock::Time;
use crate::config::ServerConfig;
use crate::crypto::{CryptoError, Digest, Provider, Secret, Suite, key_exchange};
use crate::error::{Error, Incompatible, Violation};
use crate::handshake::certificates::{Beside, Takes};
use crate::handshake::proof::crypto_failed;
use crate::handshake::record_sizes::RecordSizes;
use crate::handshake::server::certificate_types::SettledTypes;
use crate::handshake::server::hello::{Settled, skip_limit};
use crate::handshake::{EarlyData, EarlyExporter, HandshakeKind, Negotiated, Outgoing};
use crate::keys::{EarlySecret, MainSecret, TrafficKeys, TrafficSecret, Transcript};
use crate::record::{Level, RecordBoundary};
use crate::verify::PeerChain;
use crate::wire::{
    CompressionMethod, KeyShareEntry, NamedGroup, ProtocolVersion, Random, ServerExtension, ServerHello,
};

/// What every state of the handshake owns from ServerHello on.
pub(super) struct Handshake {
    pub(super) config: Arc<ServerConfig>,
    pub(super) client_random: [u8; 32],
    pub(super) suite: Suite,
    pub(super) group: NamedGroup,
    pub(super) hello_retried: bool,
    pub(super) server_name: Option<String>,
    /// What the client takes beside our chain.
    pub(super) takes: Takes,
    pub(super) certificate_types: SettledTypes,
    /// Whether the client may be asked for a certificate after the handshake. RFC 8446 §4.2.6.
    pub(super) post_handshake_auth: bool,
    /// What was agreed on about the size of records.
    pub(super) record_sizes: RecordSizes,
    /// tls-server-end-point of our certificate, shown here or in the session's connection. RFC 5929 §4.
    pub(super) server_end_point: Option<Box<Digest>>,
    pub(super) application_protocol: Option<Vec<u8>>,
    pub(super) transcript: Transcript,
    /// What the client sent beside its leaf.
    pub(super) beside: Beside,
    /// Whether the client can use tickets.
    pub(super) client_resumes: bool,
    /// When the full handshake was that a resumed one stands on.
    pub(super) authenticated_at: Option<Time>,
    /// What the client's ticket age was off by, in seconds.
    pub(super) ticket_age_skew: Option<i32>,
    /// Known as soon as the handshake secret is; used once our Finished is sent.
    pub(super) main_secret: MainSecret,
    pub(super) client_secret: TrafficSecret,
    pub(super) server_secret: TrafficSecret,
}

impl Handshake {
    pub(super) fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.config.preferences.provider)
    }

    /// Shows a secret to the key log, if there is one. RFC 9850.
    pub(super) fn log(&self, label: &str, secret: &[u8]) {
        if let Some(key_log) = &self.config.preferences.key_log {
            key_log.log(label, &self.client_random, secret);
        }
    }

    /// The facts of this handshake; the peer's certificates come with the proof of who it is.
    pub(super) fn negotiated(&self) -> Negotiated {
        Negotiated {
            version: ProtocolVersion::TLSv1_3,
            cipher_suite: self.suite.id,
            group: self.group,
            hello_retried: self.hello_retried,
            server_name: self.server_name.clone(),
            application_protocol: self.application_protocol.clone(),
            peer_certificates: PeerChain::default(),
            peer_signature_scheme: None,
            peer_ocsp_response: self.beside.ocsp_response.clone(),
            peer_timestamps: None,
            delegated_until: None,
            server_end_point: self.server_end_point.clone(),
            record_limit: 0,
            kind: HandshakeKind::Full,
            external_psk_identity: None,
            peer_extensions: Box::default(),
            ticket_age_skew: self.ticket_age_skew,
            renegotiation_info: false,
        }
    }
}

/// What the key schedule starts with, and what is read first.
pub(super) struct KeySource<'k> {
    pub(super) suite: Suite,
    /// The chosen PSK with its place in the client's list.
    pub(super) psk: Option<(u16, &'k Secret)>,
    pub(super) authenticated_at: Option<Time>,
    pub(super) ticket_age_skew: Option<i32>,
    pub(super) accepts_early_data: bool,
    pub(super) certificate_types: SettledTypes,
    /// Of the certificate that is shown, or of the session.
    pub(super) server_end_point: Option<Box<Digest>>,
}

/// Sends ServerHello and changes both directions to the handshake keys, or reading to those of early data. RFC 8446 §4.1.3,
/// §7.1.
pub(super) fn exchange_keys(
    settled: Settled,
    source: KeySource<'_>,
    boundary: RecordBoundary,
    out: &mut Outgoing,
) -> Result<Handshake, Error> {
    let KeySource { suite, psk, authenticated_at, ticket_age_skew, accepts_early_data, .. } = source;
    let KeySource { certificate_types, server_end_point, .. } = source;
    let Settled { config, client_random, legacy_session_id, group, client_share, client_hello, .. } = settled;
    let Settled {
        application_protocol,
        hello,
        takes,
        post_handshake_auth,
        record_sizes,
        offers_early_data,
        resumes,
        retried,
        ..
    } = settled;
    let provider = Arc::clone(&config.preferences.provider);
    let provider = &*provider;

    // 1. The first link, over ClientHello alone.
    let hello_retried = retried.is_some();
    let mut transcript = match retried {
        Some(transcript) => transcript,
        None => Transcript::new(provider, suite.hash).map_err(crypto_failed)?,
    };
    transcript.add(&client_hello);
    let early_secret = match psk {
        Some((_, psk)) => EarlySecret::with_psk(provider, suite, psk),
        None => EarlySecret::without_psk(provider, suite),
    };
    let early_secret = early_secret.map_err(crypto_failed)?;
    let early_keys = if accepts_early_data {
        Some(early_data_keys(&config, &client_random, &early_secret, &transcript.current(), out)?)
    } else {
        None
    };

    // 2. Our share, and the shared secret.
    let (share, shared_secret) = respond(provider, group, &client_share)?;

    // 3. ServerHello, and the dummy change_cipher_spec unless HelloRetryRequest had it already. RFC 8446 §D.4.
    let mut extensions = vec![
        ServerExtension::KeyShare(KeyShareEntry { group, key_exchange: &share }),
        ServerExtension::SupportedVersions(ProtocolVersion::TLSv1_3),
    ];
    extensions.extend(psk.map(|(index, _)| ServerExtension::PreSharedKey(index)));
    send_server_hello(provider, suite, &legacy_session_id, extensions, &mut transcript, out)?;
    if !legacy_session_id.is_empty() && !hello_retried {
        out.change_cipher_spec();
    }

    // 4. Early → Handshake → Main, and the traffic secrets over ClientHello…ServerHello.
    let handshake_secret = early_secret.into_handshake(provider, &shared_secret).map_err(crypto_failed)?;
    drop(shared_secret);
    let hash = transcript.current();
    let client_secret = handshake_secret.client_handshake_traffic_secret(provider, &hash).map_err(crypto_failed)?;
    let server_secret = handshake_secret.server_handshake_traffic_secret(provider, &hash).map_err(crypto_failed)?;
    let main_secret = handshake_secret.into_main(provider).map_err(crypto_failed)?;

    let handshake = Handshake {
        config,
        client_random,
        suite,
        group,
        hello_retried,
        server_name: hello.server_name,
        takes,
        certificate_types,
        post_handshake_auth,
        record_sizes,
        server_end_point,
        application_protocol,
        transcript,
        beside: Beside::default(),
        client_resumes: resumes,
        authenticated_at,
        ticket_age_skew,
        main_secret,
        client_secret,
        server_secret,
    };
    handshake.log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", handshake.client_secret.secret().expose());
    handshake.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", handshake.server_secret.secret().expose());

    // 5. Both directions change.
    change_keys(&handshake, early_keys, offers_early_data, boundary, out)?;
    Ok(handshake)
}

/// Changes both directions; what was agreed on about records begins too, but of early data the client could not know it.
fn change_keys(
    handshake: &Handshake,
    early_keys: Option<TrafficKeys>,
    offers_early_data: bool,
    boundary: RecordBoundary,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let Handshake { config, record_sizes, client_secret, server_secret, .. } = handshake;
    let provider = &*config.preferences.provider;
    out.write_limit(record_sizes.write_limit());
    out.pad_records(config.preferences.padding.as_ref());
    out.write_keys(Level::Handshake, server_secret.keys(provider).map_err(crypto_failed)?);
    let Some(keys) = early_keys else {
        out.read_keys(Level::Handshake, client_secret.keys(provider).map_err(crypto_failed)?, boundary);
        out.read_limit(record_sizes.read_limit(ProtocolVersion::TLSv1_3));
        if offers_early_data {
            // Sent with keys that we do not use; our answer tells the client that it was not taken.
            out.early_data(EarlyData::Rejected);
            out.skip_early_data(skip_limit(config));
        }
        return Ok(());
    };
    out.early_data(EarlyData::Accepted);
    out.read_keys(Level::EarlyData, keys, boundary);
    Ok(())
}

/// RFC 8446 §7.1, §7.3: the keys of early data come of ClientHello alone.
fn early_data_keys(
    config: &ServerConfig,
    client_random: &[u8; 32],
    early_secret: &EarlySecret,
    hash: &Digest,
    out: &mut Outgoing,
) -> Result<TrafficKeys, Error> {
    let provider = &*config.preferences.provider;
    let secret = early_secret.client_early_traffic_secret(provider, hash).map_err(crypto_failed)?;
    let exporter = early_secret.early_exporter_secret(provider, hash).map_err(crypto_failed)?;
    if let Some(key_log) = &config.preferences.key_log {
        key_log.log("CLIENT_EARLY_TRAFFIC_SECRET", client_random, secret.secret().expose());
        key_log.log("EARLY_EXPORTER_SECRET", client_random, exporter.secret().expose());
    }
    out.early_exporter(EarlyExporter { provider: Arc::clone(&config.preferences.provider), secret: exporter });
    secret.keys(provider).map_err(crypto_failed)
}

/// Answers the client's share.
fn respond(provider: &dyn Provider, group: NamedGroup, client_share: &[u8]) -> Result<(Vec<u8>, Secret), Error> {
    let exchange = key_exchange(provider, group).ok_or(Incompatible::NoCommonGroup)?;
    match exchange.respond(provider, client_share) {
        Ok(answer) => Ok(answer),
        Err(CryptoError::InvalidShare) => Err(Violation::InvalidKeyShare.into()),
        Err(other) => Err(crypto_failed(other)),
    }
}

/// RFC 8446 §4.1.3.
fn send_server_hello(
    provider: &dyn Provider,
    suite: Suite,
    legacy_session_id: &[u8],
    extensions: Vec<ServerExtension<'_>>,
    transcript: &mut Transcript,
    out: &mut Outgoing,
) -> Result<(), Error> {
    let mut random = [0; 32];
    provider.fill_random(&mut random).map_err(crypto_failed)?;
    let server_hello = ServerHello {
        legacy_version: ProtocolVersion::TLSv1_2,
        random: Random(random),
        legacy_session_id_echo: legacy_session_id,
        cipher_suite: suite.id,
        legacy_compression_method: CompressionMethod::null,
        extensions: Some(extensions),
    };
    out.send(Level::Initial, &server_hello, transcript)
}
