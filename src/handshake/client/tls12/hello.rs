//! Judges a ServerHello that chose TLS 1.2. RFC 5246 §7.4.1.3, RFC 8422 §5.2, RFC 5746 §3.4, RFC 7627 §5.2,
//! RFC 5077 §3.4.

use alloc::boxed::Box;

use super::full::{Answered, Handshake};
use super::{State, abbreviated, full};
use crate::crypto::SuiteTls12;
use crate::error::{Error, Incompatible, Violation};
use crate::handshake::client::offer::Offer;
use crate::handshake::proof::crypto_failed;
use crate::handshake::record_sizes::RecordSizes;
use crate::handshake::{Incoming, Outgoing};
use crate::keys::{Randoms, Transcript};
use crate::record::ChangeCipherSpecs;
use crate::resume::ClientSession;
use crate::wire::{
    CompressionMethod, EcPointFormat, ExtensionType, HandshakeType, ProtocolVersion, ServerExtension, ServerHello,
};

/// Goes on from a ServerHello that answers this ClientHello.
pub(in crate::handshake::client) fn accept(
    mut offer: Offer,
    client_hello: &[u8],
    message: Incoming<'_>,
    server_hello: &ServerHello<'_>,
    out: &mut Outgoing,
) -> Result<State, Error> {
    // 1. The suite, the compression, and whether a session is resumed.
    let suite = check_hello(&offer, server_hello)?;
    let resumed = resumed_session(&mut offer, server_hello)?;
    // 2. The extensions answer ours.
    let mut answered = read_extensions(&mut offer, server_hello)?;
    answered.session_id = server_hello.legacy_session_id_echo.to_vec();
    // It is as it was when the session was made. RFC 7627 §5.3.
    if resumed.as_ref().is_some_and(|session| session.extended_master_secret != answered.extended_master_secret) {
        return Err(Violation::ExtendedMasterSecretChanged.into());
    }
    if !answered.extended_master_secret && offer.config.preferences.requires_extended_master_secret {
        return Err(Incompatible::NoExtendedMasterSecret.into());
    }
    let record_sizes = settle_record_sizes(&offer, &answered, resumed.as_deref())?;
    out.read_limit(record_sizes.read_limit(ProtocolVersion::TLSv1_2));
    out.write_limit(record_sizes.write_limit());
    // 3. The transcript of a full handshake keeps the messages until it is known whether they must be signed.
    let provider = &*offer.config.preferences.provider;
    let mut transcript = Transcript::new(provider, suite.suite.hash).map_err(crypto_failed)?;
    if resumed.is_none() {
        transcript.keep_messages();
    }
    transcript.add(client_hello);
    transcript.add(message.bytes());
    out.read_change_cipher_spec(ChangeCipherSpecs::Refused);
    let randoms = Randoms { client: offer.random.0, server: server_hello.random.0 };
    let (ocsp_response, ticket) = (None, None);
    let handshake = Handshake { offer, suite, randoms, answered, record_sizes, transcript, ocsp_response, ticket };
    match resumed {
        Some(session) => abbreviated::start(handshake, session, out),
        None => full::start(handshake),
    }
}

/// record_size_limit is agreed on anew each time; max_fragment_length is the session's where it is resumed, and need not be
/// answered again. RFC 8449 §4, RFC 6066 §4.
fn settle_record_sizes(
    offer: &Offer,
    answered: &Answered,
    resumed: Option<&ClientSession>,
) -> Result<RecordSizes, Error> {
    let (limit, length) = (answered.record_size_limit, answered.max_fragment_length);
    let sizes = offer.record_sizes(ProtocolVersion::TLSv1_2, limit, length)?;
    Ok(match (sizes, resumed) {
        (RecordSizes::Any, Some(session)) => RecordSizes::of_session(session.record_limit),
        (sizes, _) => sizes,
    })
}

fn check_hello(offer: &Offer, server_hello: &ServerHello<'_>) -> Result<SuiteTls12, Error> {
    let offered = offer.config.preferences.allowed_suites().any(|id| id == server_hello.cipher_suite);
    let suite = SuiteTls12::find(server_hello.cipher_suite).filter(|_| offered);
    let suite = suite.ok_or(Violation::CipherSuiteNotOffered)?;
    if server_hello.legacy_compression_method != CompressionMethod::null {
        return Err(Violation::CompressionSelected.into());
    }
    Ok(suite)
}

/// The echo of our id says that the session is resumed, also where it is the ticket that names it. RFC 5246 §7.4.1.3,
/// RFC 5077 §3.4.
fn resumed_session(offer: &mut Offer, server_hello: &ServerHello<'_>) -> Result<Option<Box<ClientSession>>, Error> {
    // Resumed or not: what the server did not take is not offered again.
    let session = offer.session_tls12.take();
    if offer.legacy_session_id.is_empty() || server_hello.legacy_session_id_echo != offer.legacy_session_id {
        return Ok(None);
    }
    // Without a session, the id of our hello only looks like one. RFC 8446 §D.4.
    let session = session.ok_or(Violation::SessionNotOffered)?;
    if session.cipher_suite != server_hello.cipher_suite {
        return Err(Violation::ResumedSessionChanged.into());
    }
    Ok(Some(session))
}

fn read_extensions(offer: &mut Offer, server_hello: &ServerHello<'_>) -> Result<Answered, Error> {
    let mut answered = Answered::default();
    for extension in server_hello.extensions.iter().flatten() {
        let (extension_type, message) = (extension.extension_type(), HandshakeType::server_hello);
        match extension {
            // Not for this hello, and sent by servers all the same. RFC 8422 §5.2 does not know what they mean.
            ServerExtension::Unknown(unknown) if unknown.extension_type == ExtensionType::supported_groups => {}
            // RFC 5246 §7.4.1.4.1: servers MUST NOT send this extension.
            ServerExtension::Unknown(unknown) if unknown.extension_type == ExtensionType::signature_algorithms => {
                return Err(Violation::ExtensionNotAllowed(extension_type, message).into());
            }
            _ if !offer.offered(extension_type) => {
                return Err(Violation::ExtensionNotOffered(extension_type, message).into());
            }
            ServerExtension::KeyShare(_) | ServerExtension::SupportedVersions(_) => {
                return Err(Violation::ExtensionNotAllowed(extension_type, message).into());
            }
            ServerExtension::ApplicationLayerProtocolNegotiation(list) => {
                answered.application_protocol = Some(offer.chosen_protocol(list)?);
            }
            ServerExtension::EcPointFormats(formats) if !formats.contains(&EcPointFormat::uncompressed) => {
                return Err(Violation::NoUncompressedPoints.into());
            }
            ServerExtension::ExtendedMasterSecret => answered.extended_master_secret = true,
            // A first handshake has nothing to bind to. RFC 5746 §3.4.
            ServerExtension::RenegotiationInfo(connection) if !connection.is_empty() => {
                return Err(Violation::RenegotiationInfoNotEmpty.into());
            }
            ServerExtension::Unknown(answer) => offer.keep_answer(answer),
            ServerExtension::RenegotiationInfo(_) => answered.renegotiation_info = true,
            ServerExtension::StatusRequest => answered.certificate_status = true,
            ServerExtension::SessionTicket => answered.session_ticket = true,
            ServerExtension::ServerCertificateType(chosen) => {
                answered.server_certificate_type = offer.chosen_certificate_type(extension_type, *chosen)?;
            }
            ServerExtension::ClientCertificateType(chosen) => {
                answered.client_certificate_type = offer.chosen_certificate_type(extension_type, *chosen)?;
            }
            ServerExtension::RecordSizeLimit(limit) => answered.record_size_limit = Some(*limit),
            ServerExtension::MaxFragmentLength(length) => answered.max_fragment_length = Some(*length),
            _ => {}
        }
    }
    Ok(answered)
}
