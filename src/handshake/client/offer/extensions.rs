//! The extensions that a ClientHello carries, in order, and which of them it does. RFC 8446 §4.2.

use alloc::vec;
use alloc::vec::Vec;

use super::Offer;
use super::look::Grease;
use crate::config::X509_ALONE;
use crate::handshake::client::psk::without_binders;
use crate::handshake::client::shares::KeyShares;
use crate::handshake::record_sizes::our_record_size_limit;
use crate::verify::CERTIFICATE_ONLY_SCHEMES;
use crate::wire::{
    CertificateStatusRequest, CertificateType, ClientExtension, DistinguishedName, EcPointFormat, ExtensionType,
    KeyShareEntry, NameType, OcspStatusRequest, ProtocolNameList, ProtocolVersion, PskKeyExchangeMode, ServerNameEntry,
    ServerNameList, SignatureScheme, UnknownExtension,
};

impl Offer {
    /// The ordered list of extensions. RFC 8446 §4.2.
    pub(super) fn extensions<'e>(
        &'e self,
        shares: Option<&'e KeyShares>,
        cookie: Option<&'e [u8]>,
        padding: Option<&'e [u8]>,
    ) -> Vec<ClientExtension<'e>> {
        let preferences = &self.config.preferences;
        let grease = self.look.grease.as_ref();
        let mut list = Vec::new();
        if let Some(host_name) = self.host_name() {
            let name = ServerNameEntry { name_type: NameType::host_name, name: host_name.as_bytes() };
            list.push(ClientExtension::ServerName(ServerNameList { server_name_list: vec![name] }));
        }
        let groups = grease.map(|grease| grease.group).into_iter().chain(preferences.allowed_groups());
        list.push(ClientExtension::SupportedGroups(groups.collect()));
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
            let names = preferences.application_protocols.iter().map(Vec::as_slice);
            let grease = grease.map(|grease| grease.application_protocol.as_slice());
            let protocols = ProtocolNameList { protocol_name_list: grease.into_iter().chain(names).collect() };
            list.push(ClientExtension::ApplicationLayerProtocolNegotiation(protocols));
        }
        if self.config.asks_for_ocsp {
            let request = OcspStatusRequest { responder_id_list: Vec::new(), request_extensions: &[] };
            list.push(ClientExtension::StatusRequest(CertificateStatusRequest::Ocsp(request)));
        }
        if self.config.asks_for_scts {
            list.push(ClientExtension::SignedCertificateTimestamp);
        }
        self.push_about_certificates(&mut list);
        // X.509 alone is what silence means, and must not be said. RFC 7250 §4.1.
        if self.offers_client_certificate_types() {
            list.push(ClientExtension::ClientCertificateType(self.config.shown_certificate_types().to_vec()));
        }
        if self.offers_server_certificate_types() {
            list.push(ClientExtension::ServerCertificateType(self.config.accepted_certificate_types().to_vec()));
        }
        if preferences.record_size_limit.is_some() {
            list.push(ClientExtension::RecordSizeLimit(our_record_size_limit(preferences, self.highest_version())));
        }
        list.extend(self.config.max_fragment_length.map(ClientExtension::MaxFragmentLength));
        if self.offers(ProtocolVersion::TLSv1_3) {
            let versions = grease.map(|grease| grease.version).into_iter().chain(preferences.allowed_versions());
            list.push(ClientExtension::SupportedVersions(versions.collect()));
            if let Some(cookie) = cookie {
                list.push(ClientExtension::Cookie(cookie));
            }
            list.push(ClientExtension::KeyShare(self.key_shares(shares)));
        }
        if self.offers_post_handshake_auth() {
            list.push(ClientExtension::PostHandshakeAuth);
        }
        if self.takes_psks() {
            // Without it, a server sends no tickets either. RFC 8446 §4.2.9.
            let mode = grease.map(|grease| grease.psk_mode).into_iter().chain([PskKeyExchangeMode::psk_dhe_ke]);
            list.push(ClientExtension::PskKeyExchangeModes(mode.collect()));
        }
        if self.early_data {
            list.push(ClientExtension::EarlyData);
        }
        for (extension_type, content) in &self.config.shape.extensions {
            let (extension_type, extension_data) = (*extension_type, content.as_slice());
            list.push(ClientExtension::Unknown(UnknownExtension { extension_type, extension_data }));
        }
        self.look.arrange(&self.config.shape, &mut list);
        list.extend(padding.map(ClientExtension::Padding));
        if !self.psks.is_empty() {
            // The last extension of all. RFC 8446 §4.2.11.
            list.push(ClientExtension::PreSharedKey(without_binders(&self.psks, preferences.now())));
        }
        list
    }

    /// What TLS 1.3 alone may say of certificates. RFC 8879 §3, RFC 9345 §4.1.1, RFC 8446 §4.2.4.
    fn push_about_certificates<'e>(&'e self, list: &mut Vec<ClientExtension<'e>>) {
        let preferences = &self.config.preferences;
        if self.offered(ExtensionType::compress_certificate) {
            list.push(ClientExtension::CompressCertificate(preferences.compression_algorithms()));
        }
        if self.offered(ExtensionType::delegated_credential) {
            list.push(ClientExtension::DelegatedCredential(preferences.delegation_schemes()));
        }
        if self.offered(ExtensionType::certificate_authorities) {
            let names = self.config.authorities.iter().map(|name| DistinguishedName(name)).collect();
            list.push(ClientExtension::CertificateAuthorities(names));
        }
    }

    fn highest_version(&self) -> ProtocolVersion {
        self.config.preferences.allowed_versions().max().unwrap_or(ProtocolVersion::TLSv1_3)
    }

    /// Whether the server may ask for a certificate after the handshake. RFC 8446 §4.2.6.
    pub(in crate::handshake::client) fn offers_post_handshake_auth(&self) -> bool {
        self.config.post_handshake_auth && self.offers(ProtocolVersion::TLSv1_3)
    }

    /// The shares, and before them one of a group that is none, unless a HelloRetryRequest wants one share and no other.
    /// RFC 8701 §3.1, RFC 8446 §4.1.2.
    fn key_shares<'e>(&self, shares: Option<&'e KeyShares>) -> Vec<KeyShareEntry<'e>> {
        let Some(shares) = shares else { return Vec::new() };
        let grease = self.look.grease.as_ref().filter(|_| !shares.is_retried());
        let grease = grease.map(|grease| KeyShareEntry { group: grease.group, key_exchange: Grease::SHARE });
        grease.into_iter().chain(shares.entries()).collect()
    }

    fn offers_client_certificate_types(&self) -> bool {
        !matches!(self.config.shown_certificate_types(), [] | [CertificateType::X509])
    }

    fn offers_server_certificate_types(&self) -> bool {
        self.config.accepted_certificate_types() != X509_ALONE
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
        let grease = self.look.grease.as_ref().map(|grease| &grease.signature_scheme);
        let handshake: Vec<_> = grease.into_iter().chain(handshake).copied().collect();
        if let Some(certificates) = &self.config.preferences.certificate_schemes {
            let certificates = grease.into_iter().chain(certificates).copied().collect();
            return (handshake, Some(certificates));
        }
        let all: Vec<_> = handshake.iter().chain(certificates).copied().collect();
        if self.offers(ProtocolVersion::TLSv1_2) && all.len() > handshake.len() {
            (handshake, Some(all))
        } else {
            (all, None)
        }
    }

    /// Whether we sent this extension, so that the server may answer it.
    pub(in crate::handshake::client) fn offered(&self, extension: ExtensionType) -> bool {
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
            ExtensionType::signed_certificate_timestamp => self.config.asks_for_scts,
            ExtensionType::compress_certificate => {
                self.offers(ProtocolVersion::TLSv1_3) && !self.config.preferences.certificate_compression.is_empty()
            }
            ExtensionType::delegated_credential => {
                let accepts = self.config.accepts_delegated_credentials && self.offers(ProtocolVersion::TLSv1_3);
                accepts && !self.config.preferences.delegation_schemes().is_empty()
            }
            ExtensionType::certificate_authorities => {
                self.offers(ProtocolVersion::TLSv1_3) && !self.config.authorities.is_empty()
            }
            ExtensionType::client_certificate_type => self.offers_client_certificate_types(),
            ExtensionType::server_certificate_type => self.offers_server_certificate_types(),
            ExtensionType::supported_groups | ExtensionType::signature_algorithms => true,
            ExtensionType::supported_versions | ExtensionType::key_share => self.offers(ProtocolVersion::TLSv1_3),
            ExtensionType::record_size_limit => self.config.preferences.record_size_limit.is_some(),
            ExtensionType::max_fragment_length => self.config.max_fragment_length.is_some(),
            ExtensionType::session_ticket => self.offered_ticket_extension(),
            ExtensionType::post_handshake_auth => self.offers_post_handshake_auth(),
            ExtensionType::psk_key_exchange_modes => self.takes_psks(),
            ExtensionType::pre_shared_key => self.offers_psks,
            ExtensionType::early_data => self.early_data,
            ExtensionType::ec_point_formats
            | ExtensionType::extended_master_secret
            | ExtensionType::renegotiation_info => self.offers(ProtocolVersion::TLSv1_2),
            other => self.config.shape.extensions.iter().any(|(extension, _)| *extension == other),
        }
    }
}
