//! Writes ClientHello, reads ServerHello and HelloRetryRequest, and settles the version. RFC 8446 §4.1, RFC 5246 §7.4.1.
//!
//! Nothing here knows what follows ServerHello; the chosen version's own folder does.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use pki_types::{IpAddr, ServerName};

#[cfg(feature = "tls12")]
use super::tls12;
use super::{Client, tls13};
use crate::config::{ClientConfig, ClientSessionQuery, Decision};
use crate::crypto::{CryptoError, Provider, Secret, StartedKeyExchange, Suite, key_exchange};
use crate::error::{BadRecord, Error, Incompatible, Internal, Violation};
use crate::handshake::proof::crypto_failed;
use crate::handshake::{Incoming, Outgoing, QuestionKind};
use crate::keys::Transcript;
use crate::record::{ChangeCipherSpecs, Level};
use crate::resume::ClientSession;
use crate::verify::CERTIFICATE_ONLY_SCHEMES;
use crate::wire::{
    CertificateStatusRequest, CipherSuite, ClientExtension, ClientHello, CompressionMethod, EcPointFormat,
    ExtensionContext, ExtensionType, HandshakeType, HelloRetryRequest, KeyShareEntry, NameType, NamedGroup,
    OcspStatusRequest, ProtocolNameList, ProtocolVersion, Random, RetryExtension, ServerExtension, ServerHello,
    ServerNameEntry, ServerNameList, SignatureScheme, allowed_in, is_hello_retry_request, write_message,
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

/// What stays the same over both ClientHellos.
pub(super) struct Offer {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
    pub(super) random: Random,
    pub(super) legacy_session_id: Vec<u8>,
}

/// What ServerHello has settled; what the TLS 1.3 table goes on with.
pub(super) struct Settled {
    pub(super) offer: Offer,
    pub(super) suite: Suite,
    pub(super) group: NamedGroup,
    pub(super) shared_secret: Secret,
    pub(super) transcript: Transcript,
    pub(super) hello_retried: bool,
}

/// Looks for a session to resume, at once or later.
pub(super) fn start(config: Arc<ClientConfig>, name: ServerName<'static>, out: &mut Outgoing) -> Result<Client, Error> {
    let query = session_query(&config, &name);
    let Some((store, query)) = config.resumption.store.clone().zip(query) else {
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

/// What a session with this server is kept under. Without a clock nobody could tell how old it is.
pub(super) fn session_query(config: &ClientConfig, name: &ServerName<'static>) -> Option<ClientSessionQuery> {
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

/// Draws the randoms, makes the key share, and sends the first ClientHello. RFC 8446 §4.1.2.
fn send_client_hello(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    _session: Option<Box<ClientSession>>,
    out: &mut Outgoing,
) -> Result<WaitServerHello, Error> {
    let provider = &*config.preferences.provider;
    let mut random = [0; 32];
    provider.fill_random(&mut random).map_err(crypto_failed)?;
    let looks_resumed = config.middlebox_compatibility && config.preferences.allows(ProtocolVersion::TLSv1_3);
    let mut legacy_session_id = vec![0; if looks_resumed { 32 } else { 0 }];
    provider.fill_random(&mut legacy_session_id).map_err(crypto_failed)?;
    let wanted = config.preferences.groups.first().copied().ok_or(Incompatible::NoCommonGroup)?;
    let has_tls13 = config.preferences.allows(ProtocolVersion::TLSv1_3);
    let key_exchange = if has_tls13 { Some(start_key_exchange(provider, wanted)?) } else { None };

    let offer = Offer { config, name, random: Random(random), legacy_session_id };
    let client_hello = offer.write(&offer.shares(key_exchange.as_deref()), None)?;
    out.send_bytes(Level::Initial, client_hello.clone());
    if has_tls13 {
        // The dummy of a server that speaks TLS 1.3; in TLS 1.2 there is none. RFC 8446 §D.4.
        out.read_change_cipher_spec(ChangeCipherSpecs::Tolerated);
    }
    Ok(WaitServerHello { offer, key_exchange, stage: Stage::First { client_hello } })
}

fn start_key_exchange(provider: &dyn Provider, group: NamedGroup) -> Result<Box<dyn StartedKeyExchange>, Error> {
    let exchange = key_exchange(provider, group).ok_or(Internal::CryptographyFailed)?;
    exchange.start(provider).map_err(crypto_failed)
}

impl Offer {
    /// The key shares to send: the wanted group's, and a hybrid's classical half, which costs nothing. RFC 10024.
    fn shares<'s>(&self, key_exchange: Option<&'s dyn StartedKeyExchange>) -> Vec<KeyShareEntry<'s>> {
        let Some(key_exchange) = key_exchange else { return Vec::new() };
        let entry = |(group, key_exchange)| KeyShareEntry { group, key_exchange };
        let allowed = |(group, _): &(NamedGroup, &[u8])| self.config.preferences.groups.contains(group);
        let whole = (key_exchange.group(), key_exchange.share());
        [Some(whole), key_exchange.component().filter(allowed)].into_iter().flatten().map(entry).collect()
    }

    /// Writes a ClientHello: a pure function of the offer and of what a retry adds.
    fn write(&self, shares: &[KeyShareEntry<'_>], cookie: Option<&[u8]>) -> Result<Vec<u8>, Error> {
        let client_hello = ClientHello {
            legacy_version: ProtocolVersion::TLSv1_2,
            random: self.random,
            legacy_session_id: &self.legacy_session_id,
            cipher_suites: self.config.preferences.allowed_suites().collect(),
            legacy_compression_methods: vec![CompressionMethod::null],
            extensions: Some(self.extensions(shares, cookie)),
        };
        let bytes = write_message(&client_hello)?;
        #[cfg(test)]
        if let Some(recorded) = &self.config.preferences.recorded {
            return Ok(recorded.instead_of(bytes));
        }
        Ok(bytes)
    }

    /// The ordered list of extensions. RFC 8446 §4.2.
    fn extensions<'e>(&'e self, shares: &[KeyShareEntry<'e>], cookie: Option<&'e [u8]>) -> Vec<ClientExtension<'e>> {
        let preferences = &self.config.preferences;
        let mut list = Vec::new();
        if let Some(host_name) = self.host_name() {
            let name = ServerNameEntry { name_type: NameType::host_name, name: host_name.as_bytes() };
            list.push(ClientExtension::ServerName(ServerNameList { server_name_list: vec![name] }));
        }
        list.push(ClientExtension::SupportedGroups(preferences.allowed_groups().collect()));
        if self.offers(ProtocolVersion::TLSv1_2) {
            list.push(ClientExtension::EcPointFormats(vec![EcPointFormat::uncompressed]));
            list.push(ClientExtension::ExtendedMasterSecret);
            list.push(ClientExtension::RenegotiationInfo(&[]));
        }
        let (handshake, certificates) = self.signature_algorithms();
        list.push(ClientExtension::SignatureAlgorithms(handshake));
        list.extend(certificates.map(ClientExtension::SignatureAlgorithmsCert));
        if !preferences.application_protocols.is_empty() {
            let protocol_name_list = preferences.application_protocols.iter().map(Vec::as_slice).collect();
            let protocols = ProtocolNameList { protocol_name_list };
            list.push(ClientExtension::ApplicationLayerProtocolNegotiation(protocols));
        }
        if self.config.asks_for_ocsp {
            let request = OcspStatusRequest { responder_id_list: Vec::new(), request_extensions: &[] };
            list.push(ClientExtension::StatusRequest(CertificateStatusRequest::Ocsp(request)));
        }
        if self.offers(ProtocolVersion::TLSv1_3) {
            list.push(ClientExtension::SupportedVersions(preferences.allowed_versions().collect()));
            if let Some(cookie) = cookie {
                list.push(ClientExtension::Cookie(cookie));
            }
            list.push(ClientExtension::KeyShare(shares.to_vec()));
        }
        list
    }

    /// The schemes of signature_algorithms: those for handshakes, then those that only certificates may use. Without
    /// signature_algorithms_cert the one list speaks for both. RFC 8446 §4.2.3.
    ///
    /// What TLS 1.3 signs no handshake with anyhow, TLS 1.2 would: there the second list is needed if the two differ.
    fn signature_algorithms(&self) -> (Vec<SignatureScheme>, Option<Vec<SignatureScheme>>) {
        let handshake = &self.config.preferences.signature_schemes;
        let certificates = CERTIFICATE_ONLY_SCHEMES.iter().filter(|scheme| !handshake.contains(scheme));
        let all: Vec<_> = handshake.iter().chain(certificates).copied().collect();
        if self.offers(ProtocolVersion::TLSv1_2) && all.len() > handshake.len() {
            (handshake.clone(), Some(all))
        } else {
            (all, None)
        }
    }

    /// Whether this hello offers a version.
    fn offers(&self, version: ProtocolVersion) -> bool {
        self.config.preferences.allows(version)
    }

    /// The name for server_name: DNS names only, without a trailing dot. RFC 6066 §3.
    pub(super) fn host_name(&self) -> Option<&str> {
        match &self.name {
            ServerName::DnsName(name) => {
                let name = name.as_ref();
                Some(name.strip_suffix('.').unwrap_or(name))
            }
            _ => None,
        }
    }

    /// Whether we sent this extension, so that the server may answer it.
    pub(super) fn offered(&self, extension: ExtensionType) -> bool {
        #[cfg(test)]
        if let Some(recorded) = &self.config.preferences.recorded {
            return recorded.offers(extension);
        }
        match extension {
            ExtensionType::server_name => self.host_name().is_some(),
            ExtensionType::application_layer_protocol_negotiation => {
                !self.config.preferences.application_protocols.is_empty()
            }
            ExtensionType::status_request => self.config.asks_for_ocsp,
            ExtensionType::supported_groups | ExtensionType::signature_algorithms => true,
            ExtensionType::supported_versions | ExtensionType::key_share => self.offers(ProtocolVersion::TLSv1_3),
            ExtensionType::ec_point_formats
            | ExtensionType::extended_master_secret
            | ExtensionType::renegotiation_info => self.offers(ProtocolVersion::TLSv1_2),
            _ => false,
        }
    }

    /// Exactly one of the protocols that we offered. RFC 7301 §3.1, §3.2.
    pub(super) fn chosen_protocol(&self, list: &ProtocolNameList<'_>) -> Result<Vec<u8>, Error> {
        let [chosen] = list.protocol_name_list.as_slice() else {
            return Err(Violation::NotOneApplicationProtocol.into());
        };
        match self.config.preferences.application_protocols.iter().find(|name| name.as_slice() == *chosen) {
            Some(name) => Ok(name.clone()),
            None => Err(Violation::ApplicationProtocolNotOffered.into()),
        }
    }

    /// An extension that we recognise must stand where it may; any other must have been asked for. RFC 8446 §4.2.
    pub(super) fn check_answer(
        &self,
        extension: ExtensionType,
        context: ExtensionContext,
        message: HandshakeType,
    ) -> Result<(), Error> {
        if !self.offered(extension) {
            return Err(Violation::ExtensionNotOffered(extension, message).into());
        }
        if allowed_in(extension, context) == Some(false) {
            return Err(Violation::ExtensionNotAllowed(extension, message).into());
        }
        Ok(())
    }

    /// What both ServerHello and HelloRetryRequest must get right. RFC 8446 §4.1.3.
    fn check_hello(
        &self,
        legacy_version: ProtocolVersion,
        legacy_session_id_echo: &[u8],
        compression: CompressionMethod,
        cipher_suite: CipherSuite,
    ) -> Result<Suite, Error> {
        if legacy_version != ProtocolVersion::TLSv1_2 {
            return Err(Violation::BadLegacyVersion.into());
        }
        if legacy_session_id_echo != self.legacy_session_id {
            return Err(Violation::SessionIdNotEchoed.into());
        }
        if compression != CompressionMethod::null {
            return Err(Violation::CompressionSelected.into());
        }
        if !self.config.preferences.cipher_suites.contains(&cipher_suite) {
            return Err(Violation::CipherSuiteNotOffered.into());
        }
        Ok(Suite::tls13(cipher_suite).ok_or(Violation::CipherSuiteNotOffered)?)
    }

    /// Settles the version from supported_versions, or from legacy_version where it is absent. RFC 8446 §4.1.3, §4.2.1.
    fn settle_version(
        &self,
        selected: Option<ProtocolVersion>,
        legacy_version: ProtocolVersion,
        random: Option<&Random>,
    ) -> Result<ProtocolVersion, Error> {
        let offers_tls13 = self.offers(ProtocolVersion::TLSv1_3);
        match selected {
            // An answer to an extension that a hello without TLS 1.3 does not have.
            Some(_) if !offers_tls13 => {
                let (extension, message) = (ExtensionType::supported_versions, HandshakeType::server_hello);
                Err(Violation::ExtensionNotOffered(extension, message).into())
            }
            Some(ProtocolVersion::TLSv1_3) => Ok(ProtocolVersion::TLSv1_3),
            Some(version) if version < ProtocolVersion::TLSv1_3 => Err(Violation::OldVersionInSupportedVersions.into()),
            Some(version) => Err(Violation::VersionNotOffered(version).into()),
            // The server speaks TLS 1.2 or older. If its random says that it could do better, somebody between us
            // made it believe that we cannot.
            None if offers_tls13 && random.is_some_and(|random| random.downgrade_sentinel().is_some()) => {
                Err(Violation::DowngradeDetected.into())
            }
            None if random.and_then(Random::downgrade_sentinel) == Some(ProtocolVersion::TLSv1_1) => {
                Err(Violation::DowngradeDetected.into())
            }
            None if legacy_version == ProtocolVersion::TLSv1_2 && self.offers(ProtocolVersion::TLSv1_2) => {
                Ok(ProtocolVersion::TLSv1_2)
            }
            None if legacy_version.0 >> 8 != 3 => Err(BadRecord::NotTls.into()),
            None => Err(Incompatible::NoCommonVersion.into()),
        }
    }
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
        let Self { offer, key_exchange, stage } = self;
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

        // 6. The second ClientHello: the first with the one share and the cookie.
        if offer.config.middlebox_compatibility {
            out.change_cipher_spec();
        }
        let shares = match group {
            Some(group) => vec![KeyShareEntry { group, key_exchange: key_exchange.share() }],
            None => offer.shares(Some(&*key_exchange)),
        };
        let client_hello = offer.write(&shares, cookie)?;
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
        let Self { offer, key_exchange, stage } = self;
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

        // 3. Only supported_versions and key_share belong here as long as no PSK is offered. RFC 8446 §4.2.
        let mut share = None;
        for extension in server_hello.extensions.iter().flatten() {
            match extension {
                ServerExtension::SupportedVersions(_) => {}
                ServerExtension::KeyShare(entry) => share = Some(entry),
                other => {
                    let message = HandshakeType::server_hello;
                    offer.check_answer(other.extension_type(), ExtensionContext::ServerHello, message)?;
                    return Err(Violation::ExtensionNotAllowed(other.extension_type(), message).into());
                }
            }
        }
        let share = share.ok_or(Violation::ExtensionMissing(ExtensionType::key_share, HandshakeType::server_hello))?;

        // 4. The key exchange. RFC 8446 §4.2.8.
        let (group, shared_secret) = complete(&offer, key_exchange, share, hello_retried)?;

        // 5. ServerHello ends the transcript of the handshake keys.
        transcript.add(message.bytes());
        let settled = Settled { offer, suite, group, shared_secret, transcript, hello_retried };
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
            Stage::First { client_hello } => {
                tls12::accept_server_hello(self.offer, &client_hello, message, server_hello, out).map(Client::Tls12)
            }
            // A server that has retried us speaks TLS 1.3.
            Stage::Second { .. } => Err(Violation::VersionNotOffered(ProtocolVersion::TLSv1_2).into()),
        }
    }
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

/// The name that a finished connection reports.
pub(super) fn reported_name(offer: &Offer) -> Option<String> {
    offer.host_name().map(String::from)
}
