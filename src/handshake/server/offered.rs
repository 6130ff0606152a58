//! What a ClientHello offers, sorted, so that each thing can be asked for by its name. RFC 8446 §4.2, RFC 6066, RFC 7301.

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::{Preferences, X509_ALONE, host_name};
use crate::error::{Error, Incompatible, Violation};
use crate::handshake::record_sizes::RecordSizes;
#[cfg(feature = "tls12")]
use crate::wire::EcPointFormat;
use crate::wire::{
    CertificateStatusRequest, CertificateType, ClientExtension, ClientHello, DistinguishedName, ExtensionContext,
    ExtensionType, HandshakeType, KeyShareEntry, MaxFragmentLength, NamedGroup, OfferedPsks, ProtocolNameList,
    ProtocolVersion, PskKeyExchangeMode, ServerNameList, SignatureScheme, allowed_in,
};

/// The extensions of a ClientHello that decide something, each where it can be named.
#[derive(Default)]
pub(super) struct Offered<'h> {
    pub(super) versions: Option<&'h [ProtocolVersion]>,
    pub(super) groups: Option<&'h [NamedGroup]>,
    pub(super) shares: Option<&'h [KeyShareEntry<'h>]>,
    pub(super) signature_algorithms: Option<&'h [SignatureScheme]>,
    pub(super) signature_algorithms_cert: Option<&'h [SignatureScheme]>,
    pub(super) server_name: Option<&'h ServerNameList<'h>>,
    pub(super) application_protocols: Option<&'h ProtocolNameList<'h>>,
    pub(super) certificate_authorities: &'h [DistinguishedName<'h>],
    pub(super) client_certificate_types: Option<&'h [CertificateType]>,
    pub(super) server_certificate_types: Option<&'h [CertificateType]>,
    pub(super) asks_for_ocsp: bool,
    pub(super) post_handshake_auth: bool,
    pub(super) early_data: bool,
    pub(super) record_size_limit: Option<u16>,
    pub(super) max_fragment_length: Option<MaxFragmentLength>,
    pub(super) psks: Option<&'h OfferedPsks<'h>>,
    pub(super) psk_modes: &'h [PskKeyExchangeMode],
    pub(super) cookie: Option<&'h [u8]>,
    #[cfg(feature = "tls12")]
    pub(super) tls12: OfferedTls12<'h>,
}

/// The extensions that decide something in TLS 1.2 alone.
#[cfg(feature = "tls12")]
#[derive(Clone, Copy, Default)]
pub(super) struct OfferedTls12<'h> {
    pub(super) point_formats: bool,
    pub(super) uncompressed_points: bool,
    pub(super) extended_master_secret: bool,
    pub(super) renegotiation_info: bool,
    /// Of renegotiation_info, where there must be nothing.
    pub(super) renegotiated_connection: bool,
    /// Empty from a client that would like a ticket and has none.
    pub(super) session_ticket: Option<&'h [u8]>,
}

impl<'h> Offered<'h> {
    /// Sorts the extensions; unknown ones are ignored, misplaced ones refused. RFC 8446 §4.2.
    pub(super) fn by(client_hello: &'h ClientHello<'h>) -> Result<Self, Error> {
        let mut offered = Self::default();
        let extensions = client_hello.extensions.as_deref().unwrap_or_default();
        for (index, extension) in extensions.iter().enumerate() {
            match extension {
                ClientExtension::SupportedVersions(list) => offered.versions = Some(list),
                ClientExtension::SupportedGroups(list) => offered.groups = Some(list),
                ClientExtension::KeyShare(list) => offered.shares = Some(list),
                ClientExtension::SignatureAlgorithms(list) => offered.signature_algorithms = Some(list),
                ClientExtension::SignatureAlgorithmsCert(list) => offered.signature_algorithms_cert = Some(list),
                ClientExtension::ServerName(list) => offered.server_name = Some(list),
                ClientExtension::ApplicationLayerProtocolNegotiation(list) => {
                    offered.application_protocols = Some(list);
                }
                ClientExtension::CertificateAuthorities(names) => offered.certificate_authorities = names,
                ClientExtension::StatusRequest(CertificateStatusRequest::Ocsp(_)) => offered.asks_for_ocsp = true,
                ClientExtension::ClientCertificateType(list) => {
                    offered.client_certificate_types = Some(checked_types(extension.extension_type(), list)?);
                }
                ClientExtension::ServerCertificateType(list) => {
                    offered.server_certificate_types = Some(checked_types(extension.extension_type(), list)?);
                }
                ClientExtension::PostHandshakeAuth => offered.post_handshake_auth = true,
                ClientExtension::EarlyData => offered.early_data = true,
                ClientExtension::RecordSizeLimit(limit) => offered.record_size_limit = Some(*limit),
                ClientExtension::MaxFragmentLength(length) => offered.max_fragment_length = Some(*length),
                #[cfg(feature = "tls12")]
                ClientExtension::EcPointFormats(formats) => {
                    offered.tls12.point_formats = true;
                    offered.tls12.uncompressed_points = formats.contains(&EcPointFormat::uncompressed);
                }
                #[cfg(feature = "tls12")]
                ClientExtension::ExtendedMasterSecret => offered.tls12.extended_master_secret = true,
                #[cfg(feature = "tls12")]
                ClientExtension::RenegotiationInfo(renegotiated_connection) => {
                    offered.tls12.renegotiation_info = true;
                    offered.tls12.renegotiated_connection = !renegotiated_connection.is_empty();
                }
                #[cfg(feature = "tls12")]
                ClientExtension::SessionTicket(ticket) => offered.tls12.session_ticket = Some(ticket),
                ClientExtension::PskKeyExchangeModes(modes) => offered.psk_modes = modes,
                ClientExtension::Cookie(cookie) => offered.cookie = Some(cookie),
                ClientExtension::PreSharedKey(_) if index + 1 != extensions.len() => {
                    return Err(Violation::PreSharedKeyNotLast.into());
                }
                ClientExtension::PreSharedKey(psks) => offered.psks = Some(psks),
                other => check_place(other.extension_type())?,
            }
        }
        // A list of modes is never empty. RFC 8446 §4.2.9.
        if offered.psks.is_some() && offered.psk_modes.is_empty() {
            return Err(Violation::PskWithoutModes.into());
        }
        Ok(offered)
    }

    /// How large records may be. RFC 8449 §4, RFC 6066 §4.
    pub(super) fn record_sizes(
        &self,
        preferences: &Preferences,
        version: ProtocolVersion,
    ) -> Result<RecordSizes, Error> {
        RecordSizes::offered(preferences, version, self.record_size_limit, self.max_fragment_length)
    }

    /// The application protocols that the client speaks, in its order.
    pub(super) fn protocol_names(&self) -> Vec<Vec<u8>> {
        let names = self.application_protocols.iter().flat_map(|list| &list.protocol_name_list);
        names.map(|name| name.to_vec()).collect()
    }

    /// The certificate types that the client can show, and those that it can judge; of X.509 it need not speak. RFC 7250 §4.1.
    pub(super) fn certificate_types(&self) -> (Vec<CertificateType>, Vec<CertificateType>) {
        let said = |list: Option<&[CertificateType]>| list.unwrap_or(X509_ALONE).to_vec();
        (said(self.client_certificate_types), said(self.server_certificate_types))
    }

    /// The DER of the names of the authorities that the client trusts.
    pub(super) fn authorities(&self) -> Vec<Vec<u8>> {
        self.certificate_authorities.iter().map(|name| name.0.to_vec()).collect()
    }

    /// The name that the client asks for. RFC 6066 §3.
    pub(super) fn server_name(&self) -> Result<Option<String>, Error> {
        self.server_name.map_or(Ok(None), host_name)
    }
}

/// A list that says something: neither empty, nor what silence means. RFC 7250 §3, §4.1.
fn checked_types(extension: ExtensionType, list: &[CertificateType]) -> Result<&[CertificateType], Error> {
    match list {
        [] | [CertificateType::X509] => Err(Violation::BadCertificateTypeList(extension).into()),
        list => Ok(list),
    }
}

/// A known extension that belongs to another message. RFC 8446 §4.2.
fn check_place(extension: ExtensionType) -> Result<(), Error> {
    match allowed_in(extension, ExtensionContext::ClientHello) {
        Some(false) => Err(Violation::ExtensionNotAllowed(extension, HandshakeType::client_hello).into()),
        Some(true) | None => Ok(()),
    }
}

/// ALPN: ours in our order; both have it and nothing in common is fatal. RFC 7301 §3.2.
pub(super) fn choose_protocol(preferences: &Preferences, offered: &Offered<'_>) -> Result<Option<Vec<u8>>, Error> {
    let ours = &preferences.application_protocols;
    let Some(theirs) = offered.application_protocols.filter(|_| !ours.is_empty()) else { return Ok(None) };
    let common = ours.iter().find(|name| theirs.protocol_name_list.contains(&name.as_slice()));
    Ok(Some(common.ok_or(Incompatible::NoCommonApplicationProtocol)?.clone()))
}
