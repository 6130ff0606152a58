//! What a client offers: writes ClientHello, and holds the server's answers against it. RFC 8446 §4.1.2, §4.2.

#[cfg(feature = "tls12")]
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use pki_types::ServerName;

use super::psk::{OfferedPsk, PskKey, without_binders, write_binders};
use crate::config::{ClientConfig, ClientSessionQuery};
use crate::crypto::{StartedKeyExchange, Suite};
use crate::error::{BadRecord, Error, Incompatible, Violation};
use crate::keys::Transcript;
#[cfg(feature = "tls12")]
use crate::resume::ClientSession;
use crate::verify::CERTIFICATE_ONLY_SCHEMES;
use crate::wire::{
    CertificateStatusRequest, CipherSuite, ClientExtension, ClientHello, CompressionMethod, EcPointFormat,
    ExtensionContext, ExtensionType, HandshakeType, KeyShareEntry, NameType, NamedGroup, OcspStatusRequest,
    ProtocolNameList, ProtocolVersion, PskKeyExchangeMode, Random, ServerNameEntry, ServerNameList, SignatureScheme,
    allowed_in, write_message,
};

/// What a ClientHello says. A retry takes early data and unfit PSKs out of it, and nothing else changes.
pub(super) struct Offer {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
    pub(super) random: Random,
    /// The id of [`session_tls12`](Self::session_tls12), or made up.
    pub(super) legacy_session_id: Vec<u8>,
    /// What new sessions are kept under, where they are kept.
    pub(super) kept_under: Option<ClientSessionQuery>,
    /// The session that a server of TLS 1.2 may resume: by its ticket if it has one, otherwise by its id.
    #[cfg(feature = "tls12")]
    pub(super) session_tls12: Option<Box<ClientSession>>,
    /// The PSKs that a server of TLS 1.3 may choose.
    pub(super) psks: Vec<OfferedPsk>,
    /// Whether there were any in the last hello.
    pub(super) offers_psks: bool,
    /// Whether early data comes behind the hello, under the first PSK.
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

    /// Writes a ClientHello: a pure function of the offer, of the time, and of what a retry adds.
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
            write_binders(&*self.config.preferences.provider, &self.psks, before, &mut bytes)?;
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
        if self.offered_ticket_extension() {
            list.push(ClientExtension::SessionTicket(self.ticket_tls12()));
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
        if self.offers_post_handshake_auth() {
            list.push(ClientExtension::PostHandshakeAuth);
        }
        if self.takes_psks() {
            // Without it, a server sends no tickets either. RFC 8446 §4.2.9.
            list.push(ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]));
        }
        if self.early_data {
            list.push(ClientExtension::EarlyData);
        }
        if !self.psks.is_empty() {
            // The last extension of all. RFC 8446 §4.2.11.
            list.push(ClientExtension::PreSharedKey(without_binders(&self.psks, preferences.now())));
        }
        list
    }

    /// Whether the server may ask for a certificate after the handshake. RFC 8446 §4.2.6.
    pub(super) fn offers_post_handshake_auth(&self) -> bool {
        self.config.post_handshake_auth && self.offers(ProtocolVersion::TLSv1_3)
    }

    /// Whether a PSK may be chosen, or a ticket for one sent.
    fn takes_psks(&self) -> bool {
        self.offers(ProtocolVersion::TLSv1_3) && (self.kept_under.is_some() || !self.config.resumption.psks.is_empty())
            || !self.psks.is_empty()
    }

    /// Whether a server of TLS 1.2 may send a ticket. RFC 5077 §3.2.
    fn offered_ticket_extension(&self) -> bool {
        self.offers(ProtocolVersion::TLSv1_2) && self.kept_under.is_some()
    }

    /// The ticket of the session that is offered; empty says that one is welcome. RFC 5077 §3.2.
    fn ticket_tls12(&self) -> &[u8] {
        #[cfg(feature = "tls12")]
        if let Some(session) = &self.session_tls12 {
            return &session.ticket;
        }
        &[]
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
            ExtensionType::session_ticket => self.offered_ticket_extension(),
            ExtensionType::post_handshake_auth => self.offers_post_handshake_auth(),
            ExtensionType::psk_key_exchange_modes => self.takes_psks(),
            ExtensionType::pre_shared_key => self.offers_psks,
            ExtensionType::early_data => self.early_data,
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

    /// Takes out the PSK that the server chose: one that we offered, whose hash is that of the suite. RFC 8446 §4.2.11.
    pub(super) fn take_psk(&mut self, selected_identity: u16, suite: Suite) -> Result<PskKey, Error> {
        let mut psks = core::mem::take(&mut self.psks);
        let index = usize::from(selected_identity);
        if index >= psks.len() {
            return Err(Violation::SelectedPskNotOffered.into());
        }
        let psk = psks.swap_remove(index);
        if psk.suite.hash != suite.hash {
            return Err(Violation::PskHashDiffers.into());
        }
        Ok(psk.key)
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
            None if legacy_version.0 >> 8 == 3 && self.early_data => Err(Violation::EarlyDataWithOldVersion.into()),
            None if legacy_version == ProtocolVersion::TLSv1_2 && self.offers(ProtocolVersion::TLSv1_2) => {
                Ok(ProtocolVersion::TLSv1_2)
            }
            None if legacy_version.0 >> 8 != 3 => Err(BadRecord::NotTls.into()),
            None => Err(Incompatible::NoCommonVersion.into()),
        }
    }

    /// Shows a secret to the key log, if there is one. RFC 9850.
    pub(super) fn log(&self, label: &str, secret: &[u8]) {
        if let Some(key_log) = &self.config.preferences.key_log {
            key_log.log(label, &self.random.0, secret);
        }
    }
}
