//! Writes ClientHello, reads ServerHello and HelloRetryRequest, and settles the version. RFC 8446 §4.1, RFC 5246 §7.4.1.
//!
//! Nothing here knows what follows ServerHello; the chosen version's own folder does.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use pki_types::{IpAddr, ServerName};

use super::offer::Offer;
use super::psk::ClientPsk;
#[cfg(feature = "tls12")]
use super::tls12;
use super::{Client, tls13};
use crate::config::{ClientConfig, ClientSessionQuery, Decision};
use crate::crypto::{CryptoError, Provider, Secret, StartedKeyExchange, Suite, key_exchange};
use crate::error::{Error, Incompatible, Internal, Violation};
use crate::handshake::proof::crypto_failed;
use crate::handshake::{EarlyData, Incoming, Outgoing, QuestionKind};
use crate::keys::{EarlySecret, Transcript};
use crate::record::{ChangeCipherSpecs, Level};
use crate::resume::ClientSession;
use crate::wire::{
    ExtensionContext, ExtensionType, HandshakeType, HelloRetryRequest, KeyShareEntry, NamedGroup, ProtocolVersion,
    Random, RetryExtension, ServerExtension, ServerHello, is_hello_retry_request,
};

/// The application looks for a session.
pub(crate) struct AskSession {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl AskSession {
    /// Goes on with a session, or without.
    pub(super) fn accept(self, session: Option<Box<ClientSession>>, out: &mut Outgoing) -> Result<Client, Error> {
        send_client_hello(self.config, self.name, session, out).map(Client::WaitServerHello)
    }
}

/// ClientHello is sent. RFC 8446 §A.1: WAIT_SH.
pub(crate) struct WaitServerHello {
    offer: Offer,
    /// Our half of the key exchange; `None` if TLS 1.3 is not offered, where the server goes first.
    key_exchange: Option<Box<dyn StartedKeyExchange>>,
    stage: Stage,
}

/// Whether the hello that waits for its answer is the first one or the second.
enum Stage {
    /// The first ClientHello, whose bytes wait until the server has chosen a hash.
    First { client_hello: Vec<u8> },
    /// The second: HelloRetryRequest has chosen suite and hash.
    Second { suite: Suite, transcript: Transcript },
}

/// What ServerHello has settled; what the TLS 1.3 table goes on with.
pub(super) struct Settled {
    pub(super) offer: Offer,
    pub(super) suite: Suite,
    pub(super) group: NamedGroup,
    pub(super) shared_secret: Secret,
    pub(super) transcript: Transcript,
    pub(super) hello_retried: bool,
    /// The PSK that the server chose, with its place in our list.
    pub(super) psk: Option<(u16, ClientPsk)>,
}

/// Looks for a session to resume, at once or later.
pub(super) fn start(config: Arc<ClientConfig>, name: ServerName<'static>, out: &mut Outgoing) -> Result<Client, Error> {
    let found = config.resumption.store.clone().zip(session_query(&config, &name));
    let Some((store, query)) = found else {
        return send_client_hello(config, name, None, out).map(Client::WaitServerHello);
    };
    match store.take(&query) {
        Decision::Now(session) => send_client_hello(config, name, session, out).map(Client::WaitServerHello),
        Decision::Later => {
            out.ask(QuestionKind::FindClientSession(query));
            Ok(Client::AskSession(AskSession { config, name }))
        }
    }
}

/// Draws the randoms, makes the key share, and sends the first ClientHello. RFC 8446 §4.1.2.
fn send_client_hello(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    session: Option<Box<ClientSession>>,
    out: &mut Outgoing,
) -> Result<WaitServerHello, Error> {
    let provider = Arc::clone(&config.preferences.provider);
    let provider = &*provider;
    let mut random = [0; 32];
    provider.fill_random(&mut random).map_err(crypto_failed)?;
    let wanted = config.preferences.groups.first().copied().ok_or(Incompatible::NoCommonGroup)?;
    let has_tls13 = config.preferences.allows(ProtocolVersion::TLSv1_3);
    let key_exchange = if has_tls13 { Some(start_key_exchange(provider, wanted)?) } else { None };

    let resumed = Resumed::of(session.filter(|session| fits(session, &config, &name)), &config);
    let offer = Offer {
        legacy_session_id: legacy_session_id(&config, &resumed)?,
        #[cfg(feature = "tls12")]
        session_tls12: resumed.tls12,
        early_data: resumed.psks.first().is_some_and(|psk| allows_early_data(psk, &config)),
        psks: resumed.psks,
        config,
        name,
        random: Random(random),
    };
    let client_hello = offer.write(&offer.shares(key_exchange.as_deref()), None, None)?;
    out.send_bytes(Level::Initial, client_hello.clone());
    if has_tls13 {
        // The dummy of a server that speaks TLS 1.3; in TLS 1.2 there is none. RFC 8446 §D.4.
        out.read_change_cipher_spec(ChangeCipherSpecs::Tolerated);
    }
    if offer.early_data {
        start_early_data(&offer, &client_hello, out)?;
    }
    Ok(WaitServerHello { offer, key_exchange, stage: Stage::First { client_hello } })
}

/// What is resumed, by version.
struct Resumed {
    #[cfg(feature = "tls12")]
    tls12: Option<Box<ClientSession>>,
    psks: Vec<ClientPsk>,
}

impl Resumed {
    fn of(session: Option<Box<ClientSession>>, config: &ClientConfig) -> Self {
        let is_tls13 = |session: &Box<ClientSession>| session.version == ProtocolVersion::TLSv1_3;
        let (tls13, tls12) = match session {
            Some(session) if is_tls13(&session) => (Some(session), None),
            other => (None, other),
        };
        let of_session = tls13.and_then(|session| ClientPsk::of_session(session, config));
        let has_tls13 = config.preferences.allows(ProtocolVersion::TLSv1_3);
        let external = ClientPsk::external(config).filter(|_| has_tls13);
        let psks = of_session.into_iter().chain(external).collect();
        #[cfg(not(feature = "tls12"))]
        let _ = tls12;
        Self {
            #[cfg(feature = "tls12")]
            tls12,
            psks,
        }
    }
}

/// Says whether a session may be offered: it was made with this server under rules that still hold, and lives. RFC 8446
/// §4.6.1, RFC 7627 §5.3.
fn fits(session: &ClientSession, config: &ClientConfig, name: &ServerName<'static>) -> bool {
    let query = session_query(config, name);
    let is_ours = query
        .is_some_and(|query| query.server_name == session.server_name && query.configuration == session.configuration);
    let is_alive = config.preferences.now().is_some_and(|now| session.is_alive(now));
    is_ours && is_alive && config.preferences.allows(session.version) && is_offered(session, config)
}

#[cfg(feature = "tls12")]
fn is_offered(session: &ClientSession, config: &ClientConfig) -> bool {
    let is_tls12 = session.version == ProtocolVersion::TLSv1_2;
    let suite_offered = config.preferences.allowed_suites().any(|suite| suite == session.cipher_suite);
    let is_bound = session.extended_master_secret || !config.preferences.requires_extended_master_secret;
    !is_tls12 || suite_offered && is_bound
}

#[cfg(not(feature = "tls12"))]
fn is_offered(_: &ClientSession, _: &ClientConfig) -> bool {
    true
}

/// A session's id, or 32 random bytes: with a ticket, so that the server's echo shows that it took it (RFC 5077 §3.4); in
/// TLS 1.3, to look like a resumption to middleboxes (RFC 8446 §D.4).
fn legacy_session_id(config: &ClientConfig, resumed: &Resumed) -> Result<Vec<u8>, Error> {
    #[cfg(feature = "tls12")]
    let (by_id, by_ticket) = match &resumed.tls12 {
        Some(session) if session.ticket.is_empty() => (Some(&session.session_id), false),
        Some(_) => (None, true),
        None => (None, false),
    };
    #[cfg(not(feature = "tls12"))]
    let (by_id, by_ticket): (Option<&Vec<u8>>, bool) = (resumed.psks.first().and(None), false);
    if let Some(id) = by_id {
        return Ok(id.clone());
    }
    let looks_resumed = config.middlebox_compatibility && config.preferences.allows(ProtocolVersion::TLSv1_3);
    let mut id = vec![0; if looks_resumed || by_ticket { 32 } else { 0 }];
    config.preferences.provider.fill_random(&mut id).map_err(crypto_failed)?;
    Ok(id)
}

/// Says whether early data may go with a PSK: all that it depends on is offered again. RFC 8446 §4.2.10.
fn allows_early_data(psk: &ClientPsk, config: &ClientConfig) -> bool {
    let Some(session) = psk.session.as_deref().filter(|_| config.resumption.early_data) else { return false };
    let ours = &config.preferences.application_protocols;
    session.max_early_data > 0
        && config.preferences.cipher_suites.contains(&session.cipher_suite)
        && session.application_protocol.as_ref().is_none_or(|protocol| ours.contains(protocol))
}

/// Changes to the keys of early data, behind the ClientHello. RFC 8446 §2.3, §7.1.
fn start_early_data(offer: &Offer, client_hello: &[u8], out: &mut Outgoing) -> Result<(), Error> {
    let Some((psk, session)) = offer.psks.first().and_then(|psk| Some((psk, psk.session.as_deref()?))) else {
        return Ok(());
    };
    let config = &offer.config;
    let provider = &*config.preferences.provider;
    let suite = Suite::tls13(session.cipher_suite).ok_or(Internal::CryptographyFailed)?;
    let mut transcript = Transcript::new(provider, suite.hash).map_err(crypto_failed)?;
    transcript.add(client_hello);
    let hash = transcript.current();
    let early_secret = EarlySecret::with_psk(provider, suite, &psk.secret).map_err(crypto_failed)?;
    let secret = early_secret.client_early_traffic_secret(provider, &hash).map_err(crypto_failed)?;
    if let Some(key_log) = &config.preferences.key_log {
        let exporter = early_secret.early_exporter_secret(provider, &hash).map_err(crypto_failed)?;
        key_log.log("CLIENT_EARLY_TRAFFIC_SECRET", &offer.random.0, secret.secret().expose());
        key_log.log("EARLY_EXPORTER_SECRET", &offer.random.0, exporter.secret().expose());
    }
    if config.middlebox_compatibility {
        out.change_cipher_spec();
    }
    out.write_keys(Level::EarlyData, secret.keys(provider).map_err(crypto_failed)?);
    out.early_data(EarlyData::Pending);
    out.early_data_room(session.max_early_data);
    Ok(())
}

/// What a session with this server is kept under. Without a clock nobody could tell how old it is.
pub(super) fn session_query(config: &ClientConfig, name: &ServerName<'_>) -> Option<ClientSessionQuery> {
    config.preferences.now()?;
    Some(ClientSessionQuery { server_name: written(name), configuration: config.binding()? })
}

/// The name as it is written, in lower case: names are the same in either. RFC 9525 §6.3.
fn written(name: &ServerName<'_>) -> String {
    match name {
        ServerName::DnsName(name) => name.as_ref().to_ascii_lowercase(),
        ServerName::IpAddress(IpAddr::V4(address)) => core::net::Ipv4Addr::from(*address.as_ref()).to_string(),
        ServerName::IpAddress(IpAddr::V6(address)) => core::net::Ipv6Addr::from(*address.as_ref()).to_string(),
        _ => String::new(),
    }
}

fn start_key_exchange(provider: &dyn Provider, group: NamedGroup) -> Result<Box<dyn StartedKeyExchange>, Error> {
    let exchange = key_exchange(provider, group).ok_or(Internal::CryptographyFailed)?;
    exchange.start(provider).map_err(crypto_failed)
}

impl WaitServerHello {
    /// Says whether the server may choose TLS 1.2.
    pub(super) fn offers_tls12(&self) -> bool {
        self.offer.offers(ProtocolVersion::TLSv1_2)
    }

    /// Tells HelloRetryRequest from ServerHello by its random. RFC 8446 §4.1.3.
    pub(super) fn accept(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Client, Error> {
        if is_hello_retry_request(message.body()) {
            self.accept_hello_retry_request(message, out).map(Client::WaitServerHello)
        } else {
            self.accept_server_hello(message, out)
        }
    }

    /// RFC 8446 §4.1.4.
    fn accept_hello_retry_request(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Self, Error> {
        let Self { mut offer, key_exchange, stage } = self;
        let provider = Arc::clone(&offer.config.preferences.provider);
        // 1. Only the first hello may be retried, and keys do not change here, but the client's flight does.
        let Stage::First { client_hello } = stage else { return Err(Violation::SecondHelloRetryRequest.into()) };
        // A hello without a share has none to retry: to it, this is a hello of TLS 1.2 that claims to be more.
        let Some(key_exchange) = key_exchange else { return Err(Violation::HelloRetryRequestWithoutChange.into()) };
        message.boundary()?;
        let retry: HelloRetryRequest<'_> = message.parse()?;

        // 2. The version, the echo and the suite are checked as in ServerHello.
        let selected = retry.extensions.iter().find_map(|extension| match extension {
            RetryExtension::SupportedVersions(version) => Some(*version),
            _ => None,
        });
        let selected = selected
            .ok_or(Violation::ExtensionMissing(ExtensionType::supported_versions, HandshakeType::server_hello))?;
        offer.settle_version(Some(selected), retry.legacy_version, None)?;
        let suite = offer.check_hello(
            retry.legacy_version,
            retry.legacy_session_id_echo,
            retry.legacy_compression_method,
            retry.cipher_suite,
        )?;

        // 3. What it asks for: a group, a cookie, or both; nothing at all would lead to the same hello again.
        let (mut group, mut cookie) = (None, None);
        for extension in &retry.extensions {
            match extension {
                RetryExtension::KeyShare(selected_group) => group = Some(*selected_group),
                RetryExtension::Cookie(bytes) => cookie = Some(*bytes),
                RetryExtension::SupportedVersions(_) => {}
                other => {
                    let message = HandshakeType::server_hello;
                    offer.check_answer(other.extension_type(), ExtensionContext::HelloRetryRequest, message)?;
                }
            }
        }
        if group.is_none() && cookie.is_none() {
            return Err(Violation::HelloRetryRequestWithoutChange.into());
        }

        // 4. The group must be one that we offer and have not sent a share for. RFC 8446 §4.2.8.
        let key_exchange = match group {
            None => key_exchange,
            Some(group) => {
                let already_sent = offer.shares(Some(&*key_exchange)).iter().any(|share| share.group == group);
                if already_sent || !offer.config.preferences.groups.contains(&group) {
                    return Err(Violation::RetryGroupNotOffered.into());
                }
                start_key_exchange(&*provider, group)?
            }
        };

        // 5. The first ClientHello lives on as its hash. RFC 8446 §4.4.1.
        let mut transcript = Transcript::new(&*provider, suite.hash).map_err(crypto_failed)?;
        transcript.add(&client_hello);
        transcript.replace_by_message_hash(&*provider).map_err(crypto_failed)?;
        transcript.add(message.bytes());

        // 6. The second ClientHello: the first with the one share and the cookie, without early data, and without the PSKs
        // of another hash. RFC 8446 §4.1.2.
        if core::mem::take(&mut offer.early_data) {
            out.early_data(EarlyData::Retried);
            out.early_data_room(0);
            out.write_unprotected();
        } else if offer.config.middlebox_compatibility {
            out.change_cipher_spec();
        }
        offer.psks.retain(|psk| psk.hash == suite.hash);
        let shares = match group {
            Some(group) => vec![KeyShareEntry { group, key_exchange: key_exchange.share() }],
            None => offer.shares(Some(&*key_exchange)),
        };
        let client_hello = offer.write(&shares, cookie, Some(&transcript))?;
        transcript.add(&client_hello);
        out.send_bytes(Level::Initial, client_hello);
        Ok(Self { offer, key_exchange: Some(key_exchange), stage: Stage::Second { suite, transcript } })
    }

    /// Settles the version, which says what all the rest means. RFC 8446 §4.1.3.
    fn accept_server_hello(self, message: Incoming<'_>, out: &mut Outgoing) -> Result<Client, Error> {
        let server_hello: ServerHello<'_> = message.parse()?;
        let extensions = server_hello.extensions.as_deref().unwrap_or_default();
        let selected = extensions.iter().find_map(|extension| match extension {
            ServerExtension::SupportedVersions(version) => Some(*version),
            _ => None,
        });
        match self.offer.settle_version(selected, server_hello.legacy_version, Some(&server_hello.random))? {
            #[cfg(feature = "tls12")]
            ProtocolVersion::TLSv1_2 => self.accept_tls12(message, &server_hello, out),
            _ => self.accept_tls13(message, &server_hello, out),
        }
    }

    /// RFC 8446 §4.1.3.
    fn accept_tls13(
        self,
        message: Incoming<'_>,
        server_hello: &ServerHello<'_>,
        out: &mut Outgoing,
    ) -> Result<Client, Error> {
        let Self { mut offer, key_exchange, stage } = self;
        let provider = Arc::clone(&offer.config.preferences.provider);
        // 1. The keys change behind this message.
        let boundary = message.boundary()?;
        let key_exchange = key_exchange.ok_or(Violation::KeyShareGroupNotOffered)?;

        // 2. The echo, the suite, and that a retry's suite is kept. RFC 8446 §4.1.4.
        let suite = offer.check_hello(
            server_hello.legacy_version,
            server_hello.legacy_session_id_echo,
            server_hello.legacy_compression_method,
            server_hello.cipher_suite,
        )?;
        let hello_retried = matches!(stage, Stage::Second { .. });
        let mut transcript = match stage {
            Stage::First { client_hello } => {
                let mut transcript = Transcript::new(&*provider, suite.hash).map_err(crypto_failed)?;
                transcript.add(&client_hello);
                transcript
            }
            Stage::Second { suite: retried, transcript } if retried == suite => transcript,
            Stage::Second { .. } => return Err(Violation::CipherSuiteChangedAfterRetry.into()),
        };

        // 3. Only supported_versions, key_share and pre_shared_key belong here. RFC 8446 §4.2.
        let (mut share, mut selected_identity) = (None, None);
        for extension in server_hello.extensions.iter().flatten() {
            match extension {
                ServerExtension::SupportedVersions(_) => {}
                ServerExtension::KeyShare(entry) => share = Some(entry),
                ServerExtension::PreSharedKey(index) if !offer.psks.is_empty() => selected_identity = Some(*index),
                other => {
                    let message = HandshakeType::server_hello;
                    offer.check_answer(other.extension_type(), ExtensionContext::ServerHello, message)?;
                    return Err(Violation::ExtensionNotAllowed(other.extension_type(), message).into());
                }
            }
        }
        let share = share.ok_or(Violation::ExtensionMissing(ExtensionType::key_share, HandshakeType::server_hello))?;

        // 4. The PSK, if the server has chosen one. RFC 8446 §4.2.11.
        let psk = match selected_identity {
            Some(index) => Some((index, selected_psk(&mut offer, index, suite)?)),
            None if offer.config.resumption.psk_only => return Err(Incompatible::PskNotChosen.into()),
            None => None,
        };
        offer.psks = Vec::new();

        // 5. The key exchange. RFC 8446 §4.2.8.
        let (group, shared_secret) = complete(&offer, key_exchange, share, hello_retried)?;

        // 6. ServerHello ends the transcript of the handshake keys.
        transcript.add(message.bytes());
        let settled = Settled { offer, suite, group, shared_secret, transcript, hello_retried, psk };
        tls13::start(settled, boundary, out).map(Client::Tls13)
    }

    /// RFC 5246 §7.4.1.3.
    #[cfg(feature = "tls12")]
    fn accept_tls12(
        self,
        message: Incoming<'_>,
        server_hello: &ServerHello<'_>,
        out: &mut Outgoing,
    ) -> Result<Client, Error> {
        match self.stage {
            // RFC 8446 §D.3: this server reads no early data, and has none of the keys that open it.
            Stage::First { .. } if self.offer.early_data => Err(Violation::EarlyDataWithOldVersion.into()),
            Stage::First { client_hello } => {
                tls12::accept_server_hello(self.offer, &client_hello, message, server_hello, out).map(Client::Tls12)
            }
            // A server that has retried us speaks TLS 1.3.
            Stage::Second { .. } => Err(Violation::VersionNotOffered(ProtocolVersion::TLSv1_2).into()),
        }
    }
}

/// Takes the PSK that the server chose out of our list.
fn selected_psk(offer: &mut Offer, index: u16, suite: Suite) -> Result<ClientPsk, Error> {
    let index = usize::from(index);
    let psk = offer.psks.get(index).ok_or(Violation::SelectedPskNotOffered)?;
    if psk.hash != suite.hash {
        return Err(Violation::PskHashDiffers.into());
    }
    Ok(offer.psks.swap_remove(index))
}

/// Completes with the group that the server chose: the one that we sent, or its classical half.
fn complete(
    offer: &Offer,
    key_exchange: Box<dyn StartedKeyExchange>,
    share: &KeyShareEntry<'_>,
    hello_retried: bool,
) -> Result<(NamedGroup, Secret), Error> {
    let group = share.group;
    let component_sent = !hello_retried || offer.config.preferences.groups.first() == Some(&key_exchange.group());
    let is_component = component_sent
        && key_exchange.component().is_some_and(|(component, _)| component == group)
        && offer.config.preferences.groups.contains(&group);
    let completed = if key_exchange.group() == group {
        key_exchange.complete(share.key_exchange)
    } else if is_component {
        key_exchange.complete_component(share.key_exchange)
    } else {
        return Err(Violation::KeyShareGroupNotOffered.into());
    };
    match completed {
        Ok(secret) => Ok((group, secret)),
        Err(CryptoError::InvalidShare) => Err(Violation::InvalidKeyShare.into()),
        Err(other) => Err(crypto_failed(other)),
    }
}
