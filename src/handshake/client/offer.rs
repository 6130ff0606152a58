//! What a client offers: a ClientHello as a pure function of the configuration and of what a retry adds. RFC 8446 §4.1.2.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use pki_types::ServerName;

use super::psk::{ClientPsk, write_binders};
use crate::config::ClientConfig;
use crate::crypto::{StartedKeyExchange, Suite};
use crate::error::{BadRecord, Error, Incompatible, Violation};
use crate::keys::Transcript;
#[cfg(feature = "tls12")]
use crate::resume::ClientSession;
use crate::verify::CERTIFICATE_ONLY_SCHEMES;
use crate::wire::{
    CertificateStatusRequest, CipherSuite, ClientExtension, ClientHello, CompressionMethod, EcPointFormat,
    ExtensionContext, ExtensionType, HandshakeType, KeyShareEntry, NameType, NamedGroup, OcspStatusRequest,
    OfferedPsks, ProtocolNameList, ProtocolVersion, PskKeyExchangeMode, Random, ServerNameEntry, ServerNameList,
    SignatureScheme, allowed_in, write_message,
};

/// What stays the same over both ClientHellos, but for the PSKs.
pub(super) struct Offer {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
    pub(super) random: Random,
    pub(super) legacy_session_id: Vec<u8>,
    /// The session of TLS 1.2 to resume: by its id, which is then `legacy_session_id`, or by its ticket.
    #[cfg(feature = "tls12")]
    pub(super) session_tls12: Option<alloc::boxed::Box<ClientSession>>,
    /// The PSKs of TLS 1.3 in the order of their identities.
    pub(super) psks: Vec<ClientPsk>,
    /// Whether early data goes with the first PSK.
    pub(super) early_data: bool,
}

impl Offer {
    /// The key shares to send: the wanted group's, and a hybrid's classical half, which costs nothing. RFC 10024.
    pub(super) fn shares<'s>(&self, key_exchange: Option<&'s dyn StartedKeyExchange>) -> Vec<KeyShareEntry<'s>> {
        let Some(key_exchange) = key_exchange else { return Vec::new() };
        let entry = |(group, key_exchange)| KeyShareEntry { group, key_exchange };
        let allowed = |(group, _): &(NamedGroup, &[u8])| self.config.preferences.groups.contains(group);
        let whole = (key_exchange.group(), key_exchange.share());
        [Some(whole), key_exchange.component().filter(allowed)].into_iter().flatten().map(entry).collect()
    }

    /// Writes a ClientHello: a pure function of the offer, of the time (for the age of a ticket), and of what a retry adds.
    pub(super) fn write(
        &self,
        shares: &[KeyShareEntry<'_>],
        cookie: Option<&[u8]>,
        before: Option<&Transcript>,
    ) -> Result<Vec<u8>, Error> {
        let client_hello = ClientHello {
            legacy_version: ProtocolVersion::TLSv1_2,
            random: self.random,
            legacy_session_id: &self.legacy_session_id,
            cipher_suites: self.config.preferences.allowed_suites().collect(),
            legacy_compression_methods: vec![CompressionMethod::null],
            extensions: Some(self.extensions(shares, cookie)),
        };
        let mut bytes = write_message(&client_hello)?;
        if !self.psks.is_empty() {
            write_binders(&self.config, &self.psks, before, &mut bytes)?;
        }
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
        #[cfg(feature = "tls12")]
        list.extend(self.session_ticket().map(ClientExtension::SessionTicket));
        if self.offers(ProtocolVersion::TLSv1_3) {
            list.push(ClientExtension::SupportedVersions(preferences.allowed_versions().collect()));
            if let Some(cookie) = cookie {
                list.push(ClientExtension::Cookie(cookie));
            }
            list.push(ClientExtension::KeyShare(shares.to_vec()));
            if self.resumes() {
                list.push(ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]));
            }
            if self.early_data {
                list.push(ClientExtension::EarlyData);
            }
            list.extend(self.pre_shared_key().map(ClientExtension::PreSharedKey));
        }
        list
    }

    /// Whether tickets of TLS 1.3 are of use to us: servers send them to nobody else. RFC 8446 §4.2.9.
    fn resumes(&self) -> bool {
        self.config.resumption.store.is_some() || !self.psks.is_empty()
    }

    /// The PSKs, with binders that are still to be computed. It must be the last extension. RFC 8446 §4.2.11.
    fn pre_shared_key(&self) -> Option<OfferedPsks<'_>> {
        let now = self.config.preferences.now();
        let identities = self.psks.iter().map(|psk| psk.identity(now)).collect();
        let binders = self.psks.iter().map(ClientPsk::no_binder).collect();
        (!self.psks.is_empty()).then_some(OfferedPsks { identities, binders })
    }

    /// The ticket of TLS 1.2 that we have, or nothing, to say that one is welcome. RFC 5077 §3.2.
    #[cfg(feature = "tls12")]
    fn session_ticket(&self) -> Option<&[u8]> {
        let wanted = self.offers(ProtocolVersion::TLSv1_2) && self.config.resumption.store.is_some();
        wanted.then(|| self.session_tls12.as_ref().map_or(&[][..], |session| &session.ticket))
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
    pub(super) fn offers(&self, version: ProtocolVersion) -> bool {
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
            ExtensionType::psk_key_exchange_modes => self.offers(ProtocolVersion::TLSv1_3) && self.resumes(),
            ExtensionType::pre_shared_key => !self.psks.is_empty(),
            ExtensionType::early_data => self.early_data,
            #[cfg(feature = "tls12")]
            ExtensionType::session_ticket => self.session_ticket().is_some(),
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
    pub(super) fn check_hello(
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
    pub(super) fn settle_version(
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

/// The name that a finished connection reports.
pub(super) fn reported_name(offer: &Offer) -> Option<String> {
    offer.host_name().map(String::from)
}
