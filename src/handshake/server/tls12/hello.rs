//! What TLS 1.2 needs to know of a ClientHello. RFC 5246 §7.4.1.2, RFC 8422 §5.1, RFC 5746 §3.6, RFC 7627 §5.3,
//! RFC 5077 §3.2.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::config::{ClientHelloInfo, Preferences, ServerConfig};
use crate::crypto::{Authentication, SuiteTls12, ecdsa_curve, is_tls12_group};
use crate::error::{Error, Incompatible, Violation};
use crate::handshake::Incoming;
use crate::handshake::record_sizes::RecordSizes;
use crate::handshake::server::offered::{Offered, choose_protocol};
use crate::wire::{
    CertificateType, CipherSuite, ClientHello, CompressionMethod, HandshakeType, NamedGroup, ProtocolVersion,
    SignatureScheme,
};

/// What a ClientHello has settled.
pub(in crate::handshake::server) struct Settled {
    pub(super) config: Arc<ServerConfig>,
    pub(super) client_random: [u8; 32],
    /// The session that the client would resume, or 32 bytes that only look like one.
    pub(super) legacy_session_id: Vec<u8>,
    /// `None` from a client that knows no tickets, empty from one that has none.
    pub(super) session_ticket: Option<Vec<u8>>,
    /// The suites in common, most wanted first: which it is depends on the certificate.
    pub(super) suites: Vec<SuiteTls12>,
    pub(super) group: NamedGroup,
    pub(super) application_protocol: Option<Vec<u8>>,
    pub(super) hello: ClientHelloInfo,
    /// What the client can show.
    pub(super) client_certificate_types: Vec<CertificateType>,
    pub(super) asks_for_ocsp: bool,
    pub(super) asks_for_timestamps: bool,
    pub(super) extended_master_secret: bool,
    pub(super) secure_renegotiation: bool,
    pub(super) point_formats: bool,
    pub(super) record_sizes: RecordSizes,
    /// The whole message, for the transcript, whose hash is the suite's.
    pub(super) client_hello: Vec<u8>,
}

/// Settles everything but the suite, which waits for the certificate.
pub(in crate::handshake::server) fn settle(
    config: Arc<ServerConfig>,
    message: Incoming<'_>,
    client_hello: &ClientHello<'_>,
    offered: &Offered<'_>,
) -> Result<Settled, Error> {
    let preferences = &config.preferences;
    // 1. The client waits for us now: nothing may stand behind its hello.
    if message.boundary().is_err() {
        return Err(Violation::MessageBehindFlight(HandshakeType::client_hello).into());
    }
    // 2. What every hello of TLS 1.2 must be like.
    check_hello(preferences, client_hello, offered)?;
    // 3. The group and the suites, in our order.
    let groups = offered.groups.unwrap_or(GROUPS_OF_A_SILENT_CLIENT);
    let usable = |group: &NamedGroup| is_tls12_group(*group) && groups.contains(group);
    let group = preferences.groups.iter().copied().find(usable).ok_or(Incompatible::NoCommonGroup)?;
    let suites = common_suites(preferences, client_hello)?;
    // 4. The schemes. Without signature_algorithms the client means SHA-1, which nobody signs with. RFC 9155 §2.
    let schemes = offered.signature_algorithms.ok_or(Incompatible::NoCommonSignatureScheme)?;

    let (client_certificate_types, server_certificate_types) = offered.certificate_types();
    let hello = ClientHelloInfo {
        version: ProtocolVersion::TLSv1_2,
        server_name: offered.server_name()?,
        application_protocols: offered.protocol_names(),
        cipher_suites: client_hello.cipher_suites.clone(),
        groups: groups.to_vec(),
        signature_schemes: usable_schemes(schemes, &suites, offered.groups),
        certificate_signature_schemes: offered.signature_algorithms_cert.unwrap_or(schemes).to_vec(),
        delegated_credential_schemes: Vec::new(),
        certificate_authorities: offered.authorities(),
        server_certificate_types,
        now: preferences.now(),
    };
    let scsv = client_hello.cipher_suites.contains(&CipherSuite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV);
    Ok(Settled {
        application_protocol: choose_protocol(preferences, offered)?,
        client_random: client_hello.random.0,
        legacy_session_id: client_hello.legacy_session_id.to_vec(),
        session_ticket: offered.tls12.session_ticket.map(<[u8]>::to_vec),
        suites,
        group,
        hello,
        client_certificate_types,
        asks_for_ocsp: offered.asks_for_ocsp,
        asks_for_timestamps: offered.asks_for_timestamps,
        extended_master_secret: offered.tls12.extended_master_secret,
        secure_renegotiation: scsv || offered.tls12.renegotiation_info,
        point_formats: offered.tls12.point_formats,
        record_sizes: offered.record_sizes(preferences, ProtocolVersion::TLSv1_2)?,
        client_hello: message.bytes().to_vec(),
        config,
    })
}

/// A client that names no groups takes any; P-256 is the safest guess. RFC 8422 §4.
const GROUPS_OF_A_SILENT_CLIENT: &[NamedGroup] = &[NamedGroup::secp256r1];

fn check_hello(preferences: &Preferences, client_hello: &ClientHello<'_>, offered: &Offered<'_>) -> Result<(), Error> {
    // Null compression is among what the client offers, uncompressed points too if it speaks of them. RFC 8422 §5.1.2.
    if !client_hello.legacy_compression_methods.contains(&CompressionMethod::null) {
        return Err(Violation::BadCompressionMethods.into());
    }
    if offered.tls12.point_formats && !offered.tls12.uncompressed_points {
        return Err(Violation::NoUncompressedPoints.into());
    }
    // A first handshake has nothing to renegotiate, and is bound to its own secret. RFC 5746 §3.6, RFC 7627 §5.3.
    if offered.tls12.renegotiated_connection {
        return Err(Violation::RenegotiationInfoNotEmpty.into());
    }
    if preferences.requires_extended_master_secret && !offered.tls12.extended_master_secret {
        return Err(Incompatible::NoExtendedMasterSecret.into());
    }
    Ok(())
}

fn common_suites(preferences: &Preferences, client_hello: &ClientHello<'_>) -> Result<Vec<SuiteTls12>, Error> {
    let ours = preferences.allowed_suites().filter(|id| client_hello.cipher_suites.contains(id));
    let suites: Vec<_> = ours.filter_map(SuiteTls12::find).collect();
    if suites.is_empty() { Err(Incompatible::NoCommonCipherSuite.into()) } else { Ok(suites) }
}

/// Leaves out the schemes that no suite in common goes with, and those whose curve the client does not name: its groups
/// speak of ECDSA keys too. RFC 8422 §5.1.
fn usable_schemes(
    schemes: &[SignatureScheme],
    suites: &[SuiteTls12],
    groups: Option<&[NamedGroup]>,
) -> Vec<SignatureScheme> {
    let has_suite =
        |scheme: &SignatureScheme| suites.iter().any(|row| Authentication::of(*scheme) == Some(row.authentication));
    let has_curve = |scheme: &SignatureScheme| {
        groups.is_none_or(|groups| ecdsa_curve(*scheme).is_none_or(|curve| groups.contains(&curve)))
    };
    schemes.iter().copied().filter(|scheme| has_suite(scheme) && has_curve(scheme)).collect()
}
