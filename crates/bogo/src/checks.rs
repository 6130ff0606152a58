//! Holds an established connection against what the arguments expect of it.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use bulla::verify::pem::certificates_from_pem_or_der;
use bulla::wire::{HandshakeType, ProtocolVersion};
use bulla::{EarlyData, HandshakeKind};

use crate::answers::Seen;
use crate::endpoint::{Endpoint, Prepared};
use crate::failure::Failure;
use crate::options::Options;

/// RFC 5077 §3.3.
const NEW_SESSION_TICKET: u8 = HandshakeType::new_session_ticket.0;

/// Which of the test's connections this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The first.
    Initial,
    /// One behind it, which resumes its session.
    Resume,
    /// The same, after its early data was rejected.
    Retry,
}

/// Fails with what is not as expected of an established connection.
pub(crate) fn check(options: &Options, turn: Turn, connection: &Endpoint, prepared: &Prepared) -> Result<(), Failure> {
    let (expect, seen) = (&options.expect, &prepared.seen);
    if expect.never_established {
        return Failure::unexpected("the handshake is finished");
    }
    same("version", expect.version, connection.protocol_version())?;
    same("cipher suite", expect.cipher_suite, connection.cipher_suite())?;
    same("group", expect.group, connection.group())?;
    same("peer's signature scheme", expect.peer_signature_scheme, connection.peer_signature_scheme())?;
    // TLS 1.3 has no renegotiation that would have to be made secure.
    let has_info =
        connection.peer_sent_renegotiation_info() || connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    same("renegotiation_info", expect.renegotiation_info, Some(has_info))?;
    same("HelloRetryRequest", expect.hello_retry, Some(connection.hello_retried()))?;
    let psk = connection.external_psk_identity().and_then(|identity| prepared.answers.psks.number_of(identity));
    let selected = psk.unwrap_or_else(|| seen.selected_credential.load(Ordering::Relaxed));
    same("credential", expect.selected_credential, Some(selected))?;
    check_resumption(options, turn, connection, prepared)?;
    check_early_data(options, connection)?;
    check_names(options, connection)?;
    check_peer(options, connection, seen)?;
    check_questions(options, connection, seen)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: Option<T>, actual: Option<T>) -> Result<(), Failure> {
    match expected {
        Some(expected) if Some(&expected) != actual.as_ref() => {
            Failure::unexpected(format!("{what} is {actual:?}, not {expected:?}"))
        }
        _ => Ok(()),
    }
}

/// Whether the session was resumed, and whether there is a new one.
fn check_resumption(options: &Options, turn: Turn, connection: &Endpoint, prepared: &Prepared) -> Result<(), Failure> {
    let expect = &options.expect;
    let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    same("resumption", Some(turn != Turn::Initial && !expect.session_miss), Some(resumed))?;
    let has_kept_session = prepared.seen.new_sessions.load(Ordering::Relaxed) > 0;
    if !options.server && connection.protocol_version() < Some(ProtocolVersion::TLSv1_3) {
        // A session of TLS 1.2 goes back into the store when it was resumed, the old one or a new one.
        same("session in the store", Some(!expect.no_session), Some(has_kept_session))?;
        let is_renewed = resumed && prepared.messages.has_received(NEW_SESSION_TICKET);
        same("new ticket on resumption", Some(expect.ticket_renewal && resumed), Some(is_renewed))?;
    }
    if turn != Turn::Initial {
        same("skew of the ticket's age", expect.ticket_age_skew, connection.ticket_age_skew())?;
    }
    if turn == Turn::Initial {
        same("session in the store", expect.session_id, Some(has_kept_session))?;
    }
    Ok(())
}

/// What became of early data. The runner's words for the reason are finer than what the connection tells.
fn check_early_data(options: &Options, connection: &Endpoint) -> Result<(), Failure> {
    let expect = &options.expect;
    let outcome = connection.early_data();
    let accepted = outcome == EarlyData::Accepted;
    if expect.accept_early_data && !accepted || expect.reject_early_data && accepted {
        return Failure::unexpected(format!("what became of early data: {outcome:?}"));
    }
    let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    let is_so = match expect.early_data_reason.as_deref() {
        None => true,
        Some("accept") => accepted,
        Some("disabled") => !accepted && !options.enable_early_data,
        Some("no_session_offered") => outcome == EarlyData::NotOffered && !resumed,
        Some("session_not_resumed") => !accepted && !resumed,
        Some("hello_retry_request") => outcome == EarlyData::Retried,
        Some("peer_declined") => outcome == EarlyData::Rejected,
        Some("protocol_version") => !accepted && connection.protocol_version() < Some(ProtocolVersion::TLSv1_3),
        Some("alpn_mismatch" | "ticket_age_skew" | "unsupported_for_session") => !accepted && resumed,
        Some(other) => return Failure::unexpected(format!("a reason that the shim does not know: {other}")),
    };
    if is_so { Ok(()) } else { Failure::unexpected(format!("early data {outcome:?} for another reason")) }
}

/// The tickets that a client of TLS 1.3 has got when the connection ends.
pub(crate) fn check_tickets(options: &Options, connection: &Endpoint, seen: &Seen) -> Result<(), Failure> {
    let expect = &options.expect;
    if options.server || connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Ok(());
    }
    // Of a connection by external PSK no session is kept.
    let by_psk = connection.handshake_kind() == Some(HandshakeKind::ExternalPsk);
    let expected = !expect.no_session && !options.shim_shuts_down && !by_psk;
    same("new session", Some(expected), Some(seen.new_sessions.load(Ordering::Relaxed) > 0))?;
    let allows_early_data = seen.max_early_data.load(Ordering::Relaxed) > 0;
    if expected && allows_early_data != expect.ticket_supports_early_data {
        return Failure::unexpected(format!("the new session allows early data: {allows_early_data}"));
    }
    Ok(())
}

/// Server name and application protocol.
fn check_names(options: &Options, connection: &Endpoint) -> Result<(), Failure> {
    let expect = &options.expect;
    same("server name", expect.server_name.as_deref(), connection.server_name())?;
    if expect.no_server_name && connection.server_name().is_some() {
        return Failure::unexpected("there is a server name");
    }
    // What a server chose must be told; a client is told what to expect, which may be nothing.
    let alpn = if options.server { &options.select_alpn } else { &expect.alpn };
    let actual = connection.alpn_protocol();
    if alpn.as_deref().map(str::as_bytes) != actual {
        return Failure::unexpected(format!("application protocol is {actual:?}, not {alpn:?}"));
    }
    Ok(())
}

/// The peer's certificates and the stapled response.
fn check_peer(options: &Options, connection: &Endpoint, seen: &Seen) -> Result<(), Failure> {
    let expect = &options.expect;
    let chain = connection.peer_certificates();
    let by_psk = connection.handshake_kind() == Some(HandshakeKind::ExternalPsk);
    let must_show = !options.server || options.require_client_certificate;
    let must_be_empty = expect.no_peer_certificate || by_psk || !expect.peer_raw_key_hash.is_empty();
    let as_expected = if must_be_empty { chain.is_empty() } else { !must_show || !chain.is_empty() };
    if !as_expected {
        return Failure::unexpected(format!("the peer has shown {} certificates", chain.len()));
    }
    same("certificate type", expect.peer_certificate_type, connection.peer_certificate_type())?;
    if let Some(path) = &expect.peer_certificate_file {
        let expected = certificates_from_pem_or_der(&std::fs::read(path)?);
        if expected.ok().as_deref() != Some(chain) {
            return Failure::unexpected("the peer's chain is another one");
        }
    }
    check_beside(options, connection, seen)
}

/// What was sent beside the peer's certificate, now and when it was judged, which a resumed session's was before.
fn check_beside(options: &Options, connection: &Endpoint, seen: &Seen) -> Result<(), Failure> {
    let judged = seen.judged.lock().unwrap_or_else(PoisonError::into_inner);
    let expect = &options.expect;
    let [response, timestamps] = [&expect.ocsp_response, &expect.timestamps]
        .map(|expected| Some(expected.as_slice()).filter(|expected| !expected.is_empty()));
    same("OCSP response", response, connection.peer_ocsp_response())?;
    same("timestamps", timestamps, connection.peer_signed_certificate_timestamps())?;
    if let Some(chain) = &*judged {
        same("OCSP response at verification", response, chain.ocsp_response())?;
        same("timestamps at verification", timestamps, chain.signed_certificate_timestamps())?;
    }
    Ok(())
}

/// What the peer said of itself when a certificate was to be chosen. Nobody is asked where a session is resumed.
fn check_questions(options: &Options, connection: &Endpoint, seen: &Seen) -> Result<(), Failure> {
    let expect = &options.expect;
    if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
        return Ok(());
    }
    let hello = seen.client_hello.lock().unwrap_or_else(PoisonError::into_inner);
    let request = seen.certificate_request.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(expected) = &expect.advertised_alpn {
        let mut list = Vec::new();
        for name in hello.iter().flat_map(|hello| &hello.application_protocols) {
            list.push(name.len() as u8);
            list.extend_from_slice(name);
        }
        same("offered application protocols", Some(expected), Some(&list))?;
    }
    if !expect.peer_verify_preferences.is_empty() {
        let of_hello = hello.as_ref().map(|hello| &hello.signature_schemes);
        let of_request = request.as_ref().map(|request| &request.signature_schemes);
        same("peer's schemes", Some(&expect.peer_verify_preferences), of_hello.or(of_request))?;
    }
    let authorities = request.as_ref().map(|request| &request.certificate_authorities);
    same("certificate authorities", expect.client_authorities.as_ref(), authorities)
}
