//! Key exchange: ServerHello and the handshake keys. RFC 8446 §4.1.3, §7.1.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::config::ServerConfig;
use crate::crypto::{CryptoError, Provider, Suite, key_exchange};
use crate::error::{Error, Incompatible, Violation};
use crate::handshake::proof::crypto_failed;
use crate::handshake::server::hello::Settled;
use crate::handshake::{HandshakeKind, Negotiated, Outgoing};
use crate::keys::{EarlySecret, MainSecret, TrafficSecret, Transcript};
use crate::record::{Level, RecordBoundary};
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
    pub(super) asks_for_ocsp: bool,
    pub(super) application_protocol: Option<Vec<u8>>,
    pub(super) transcript: Transcript,
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
            peer_certificates: Arc::default(),
            peer_signature_scheme: None,
            peer_ocsp_response: None,
            kind: HandshakeKind::Full,
        }
    }
}

/// Sends ServerHello and changes both directions to the handshake keys. RFC 8446 §4.1.3, §7.1.
pub(super) fn exchange_keys(
    settled: Settled,
    boundary: RecordBoundary,
    out: &mut Outgoing,
) -> Result<Handshake, Error> {
    let Settled { config, client_random, legacy_session_id, suite, group, client_share, .. } = settled;
    let Settled { application_protocol, hello, asks_for_ocsp, mut transcript, hello_retried, .. } = settled;
    let provider = Arc::clone(&config.preferences.provider);
    let provider = &*provider;

    // 1. Our share, and the shared secret.
    let exchange = key_exchange(provider, group).ok_or(Incompatible::NoCommonGroup)?;
    let (share, shared_secret) = match exchange.respond(provider, &client_share) {
        Ok(answer) => answer,
        Err(CryptoError::InvalidShare) => return Err(Violation::InvalidKeyShare.into()),
        Err(other) => return Err(crypto_failed(other)),
    };

    // 2. ServerHello, and the dummy change_cipher_spec unless HelloRetryRequest had it already. RFC 8446 §D.4.
    let mut random = [0; 32];
    provider.fill_random(&mut random).map_err(crypto_failed)?;
    let server_hello = ServerHello {
        legacy_version: ProtocolVersion::TLSv1_2,
        random: Random(random),
        legacy_session_id_echo: &legacy_session_id,
        cipher_suite: suite.id,
        legacy_compression_method: CompressionMethod::null,
        extensions: Some(vec![
            ServerExtension::KeyShare(KeyShareEntry { group, key_exchange: &share }),
            ServerExtension::SupportedVersions(ProtocolVersion::TLSv1_3),
        ]),
    };
    out.send(Level::Initial, &server_hello, &mut transcript)?;
    if !legacy_session_id.is_empty() && !hello_retried {
        out.change_cipher_spec();
    }

    // 3. Early → Handshake → Main, and the traffic secrets over ClientHello…ServerHello.
    let early_secret = EarlySecret::without_psk(provider, suite).map_err(crypto_failed)?;
    let handshake_secret = early_secret.into_handshake(provider, &shared_secret).map_err(crypto_failed)?;
    drop(shared_secret);
    let hash = transcript.current();
    let client_secret = handshake_secret.client_handshake_traffic_secret(provider, &hash).map_err(crypto_failed)?;
    let server_secret = handshake_secret.server_handshake_traffic_secret(provider, &hash).map_err(crypto_failed)?;
    let main_secret = handshake_secret.into_main(provider).map_err(crypto_failed)?;

    // 4. Both directions change.
    out.write_keys(Level::Handshake, server_secret.keys(provider).map_err(crypto_failed)?);
    out.read_keys(Level::Handshake, client_secret.keys(provider).map_err(crypto_failed)?, boundary);

    let handshake = Handshake {
        config,
        client_random,
        suite,
        group,
        hello_retried,
        server_name: hello.server_name,
        asks_for_ocsp,
        application_protocol,
        transcript,
        main_secret,
        client_secret,
        server_secret,
    };
    handshake.log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", handshake.client_secret.secret().expose());
    handshake.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", handshake.server_secret.secret().expose());
    Ok(handshake)
}
