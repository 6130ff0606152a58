//! What a ClientHello says, for whoever looks at it before a configuration is chosen. RFC 8446 §4.1.2.
//!
//! It judges nothing: what a server may answer is the business of the configuration that is chosen.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::error::{Error, Violation};
use crate::wire::{
    CipherSuite, ClientExtension, ClientHello, CompressionMethod, EcPointFormat, ExtensionType, HandshakeType,
    Malformed, NameType, NamedGroup, ProtocolVersion, RawHandshake, ServerNameList, SignatureScheme, read_all,
};

/// A ClientHello, owned and cheap to clone. Lists are in the client's order and hold what nobody here knows too.
#[derive(Clone)]
pub struct ClientHelloView(Arc<Seen>);

#[derive(Default)]
struct Seen {
    message: Vec<u8>,
    legacy_version: u16,
    random: [u8; 32],
    legacy_session_id: Vec<u8>,
    cipher_suites: Vec<CipherSuite>,
    compression_methods: Vec<CompressionMethod>,
    extension_types: Vec<ExtensionType>,
    server_name: Option<String>,
    application_protocols: Vec<Vec<u8>>,
    supported_versions: Option<Vec<ProtocolVersion>>,
    groups: Vec<NamedGroup>,
    key_share_groups: Vec<NamedGroup>,
    point_formats: Vec<EcPointFormat>,
    signature_schemes: Vec<SignatureScheme>,
    certificate_signature_schemes: Option<Vec<SignatureScheme>>,
    certificate_authorities: Vec<Vec<u8>>,
}

impl ClientHelloView {
    /// Reads a whole ClientHello, header included. The error names the alert that a server would send.
    pub fn read(message: &[u8]) -> Result<Self, Error> {
        let malformed = |reason: Malformed| Error::Malformed { message: Some(HandshakeType::client_hello), reason };
        let raw: RawHandshake<'_> = read_all(message).map_err(malformed)?;
        if raw.handshake_type != HandshakeType::client_hello {
            return Err(Violation::UnexpectedMessage(raw.handshake_type, "WaitClientHello").into());
        }
        let hello: ClientHello<'_> = read_all(raw.body).map_err(malformed)?;
        let mut seen = Seen {
            message: message.to_vec(),
            legacy_version: hello.legacy_version.0,
            random: hello.random.0,
            legacy_session_id: hello.legacy_session_id.to_vec(),
            cipher_suites: hello.cipher_suites,
            compression_methods: hello.legacy_compression_methods,
            ..Seen::default()
        };
        for extension in hello.extensions.into_iter().flatten() {
            seen.extension_types.push(extension.extension_type());
            seen.note(extension)?;
        }
        Ok(Self(Arc::new(seen)))
    }

    /// Returns the message as it came, header included.
    pub fn message(&self) -> &[u8] {
        &self.0.message
    }

    /// Returns legacy_version: TLS 1.2 for every client that knows better.
    pub fn legacy_version(&self) -> ProtocolVersion {
        ProtocolVersion(self.0.legacy_version)
    }

    /// Returns the versions that the client offers: its supported_versions, or else legacy_version alone. RFC 8446 §4.2.1.
    pub fn versions(&self) -> Vec<ProtocolVersion> {
        self.0.supported_versions.clone().unwrap_or_else(|| alloc::vec![self.legacy_version()])
    }

    /// Returns the client's 32 random bytes.
    pub fn random(&self) -> &[u8; 32] {
        &self.0.random
    }

    /// Returns legacy_session_id: 0 to 32 bytes.
    pub fn legacy_session_id(&self) -> &[u8] {
        &self.0.legacy_session_id
    }

    /// Returns the cipher suites.
    pub fn cipher_suites(&self) -> &[CipherSuite] {
        &self.0.cipher_suites
    }

    /// Returns the compression methods: null, and in TLS 1.3 nothing else.
    pub fn compression_methods(&self) -> &[CompressionMethod] {
        &self.0.compression_methods
    }

    /// Returns the types of the extensions in order.
    pub fn extension_types(&self) -> &[ExtensionType] {
        &self.0.extension_types
    }

    /// Says whether the client sent an extension of this type.
    pub fn has_extension(&self, extension_type: ExtensionType) -> bool {
        self.0.extension_types.contains(&extension_type)
    }

    /// Returns the name in server_name, if there is one. RFC 6066 §3.
    pub fn server_name(&self) -> Option<&str> {
        self.0.server_name.as_deref()
    }

    /// Returns the application protocols. RFC 7301 §3.1.
    pub fn application_protocols(&self) -> &[Vec<u8>] {
        &self.0.application_protocols
    }

    /// Returns the groups of supported_groups. RFC 8446 §4.2.7.
    pub fn groups(&self) -> &[NamedGroup] {
        &self.0.groups
    }

    /// Returns the groups that key_share has a share of. RFC 8446 §4.2.8.
    pub fn key_share_groups(&self) -> &[NamedGroup] {
        &self.0.key_share_groups
    }

    /// Returns the point formats. RFC 8422 §5.1.2.
    pub fn point_formats(&self) -> &[EcPointFormat] {
        &self.0.point_formats
    }

    /// Returns the schemes in which the client can verify a handshake signature. RFC 8446 §4.2.3.
    pub fn signature_schemes(&self) -> &[SignatureScheme] {
        &self.0.signature_schemes
    }

    /// Returns the schemes in which it can verify certificates: signature_algorithms_cert, or else signature_algorithms.
    /// RFC 8446 §4.2.3.
    pub fn certificate_signature_schemes(&self) -> &[SignatureScheme] {
        self.0.certificate_signature_schemes.as_ref().unwrap_or(&self.0.signature_schemes)
    }

    /// Returns the DER of the distinguished names of authorities that the client trusts, if it says so. RFC 8446 §4.2.4.
    pub fn certificate_authorities(&self) -> &[Vec<u8>] {
        &self.0.certificate_authorities
    }
}

impl Seen {
    /// Keeps what one extension says.
    fn note(&mut self, extension: ClientExtension<'_>) -> Result<(), Error> {
        match extension {
            ClientExtension::ServerName(list) => self.server_name = host_name(&list)?,
            ClientExtension::ApplicationLayerProtocolNegotiation(list) => {
                self.application_protocols = list.protocol_name_list.iter().map(|name| name.to_vec()).collect();
            }
            ClientExtension::SupportedVersions(list) => self.supported_versions = Some(list),
            ClientExtension::SupportedGroups(list) => self.groups = list,
            ClientExtension::KeyShare(list) => self.key_share_groups = list.iter().map(|share| share.group).collect(),
            ClientExtension::EcPointFormats(list) => self.point_formats = list,
            ClientExtension::SignatureAlgorithms(list) => self.signature_schemes = list,
            ClientExtension::SignatureAlgorithmsCert(list) => self.certificate_signature_schemes = Some(list),
            ClientExtension::CertificateAuthorities(names) => {
                self.certificate_authorities = names.iter().map(|name| name.0.to_vec()).collect();
            }
            _ => {}
        }
        Ok(())
    }
}

impl fmt::Debug for ClientHelloView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHelloView")
            .field("server_name", &self.0.server_name)
            .field("versions", &self.versions())
            .field("cipher_suites", &self.0.cipher_suites)
            .field("extension_types", &self.0.extension_types)
            .finish_non_exhaustive()
    }
}

/// Reads the name that a client asks for out of server_name. RFC 6066 §3.
pub(crate) fn host_name(list: &ServerNameList<'_>) -> Result<Option<String>, Error> {
    // Names of other types are ignored; two of one type are forbidden.
    let mut host_names = list.server_name_list.iter().filter(|entry| entry.name_type == NameType::host_name);
    let Some(entry) = host_names.next() else { return Ok(None) };
    if host_names.next().is_some() {
        return Err(Violation::BadServerName.into());
    }
    let name = core::str::from_utf8(entry.name).map_err(|_| Violation::BadServerName)?;
    // Forbidden on the wire and sent all the same; a certificate's names have none.
    let name = name.strip_suffix('.').unwrap_or(name);
    match pki_types::DnsName::try_from(name) {
        Ok(_) => Ok(Some(String::from(name))),
        // RFC 6066 §3 forbids addresses here, yet there are clients that send them: as good as no name.
        Err(_) if pki_types::IpAddr::try_from(name).is_ok() => Ok(None),
        Err(_) => Err(Violation::BadServerName.into()),
    }
}
