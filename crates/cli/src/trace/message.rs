//! What each message means.

use std::fmt::Display;

use bulla::MAX_HANDSHAKE_MESSAGE_LEN;
use bulla::wire::{
    Certificate, CertificateExtension, CertificateRequest, CertificateRequestExtension, CertificateRequestTls12,
    CertificateStatus, CompressedCertificate, DelegatedCredential, ExtensionType, Handshake, KeyUpdateRequest,
    ServerKeyExchange, SignedCertificateTimestampList, is_grease, read_all,
};

use super::Told;
use super::hello::{algorithm_list, client_hello, encrypted_extensions, hello_retry_request, server_hello};
use crate::certificate::{Described, RawKey};
use crate::choices::{self, list};
use crate::console::{clean, grouped};

pub(super) fn told(message: &Handshake<'_>) -> Told {
    let short = |meaning: &str| (meaning.to_string(), Vec::new());
    match message {
        Handshake::ClientHello(hello) => client_hello(hello),
        Handshake::HelloRetryRequest(retry) => hello_retry_request(retry),
        Handshake::ServerHello(hello) => server_hello(hello),
        Handshake::EncryptedExtensions(extensions) => encrypted_extensions(extensions),
        Handshake::CertificateRequest(request) => certificate_request(request),
        Handshake::CertificateRequestTls12(request) => certificate_request_tls12(request),
        Handshake::Certificate(message) => certificate(message),
        Handshake::CompressedCertificate(message) => compressed_certificate(message),
        Handshake::CertificateTls12(message) => certificates(message.certificate_list.iter().map(|entry| entry.0)),
        Handshake::RawPublicKeyTls12(message) => {
            let key = message.subject_public_key_info;
            certificates((!key.is_empty()).then_some(key).into_iter())
        }
        Handshake::CertificateStatus(CertificateStatus::Ocsp(response)) => {
            (format!("an OCSP response of {} B for the certificate", grouped(response.len())), Vec::new())
        }
        Handshake::CertificateStatus(CertificateStatus::Other(kind, _)) => {
            (format!("of the kind {kind}, which nobody asked for"), Vec::new())
        }
        Handshake::ServerKeyExchange(exchange) => server_key_exchange(exchange),
        Handshake::ServerHelloDone(_) => short("all is said; the client's turn"),
        Handshake::ClientKeyExchange(exchange) => {
            (format!("its key share ({} B); both ends now have the keys", exchange.ecdh_yc.len()), Vec::new())
        }
        Handshake::CertificateVerify(verify) => {
            (format!("proves to own the certificate's key: {}", verify.algorithm), Vec::new())
        }
        Handshake::Finished(_) => short("confirms every message before it"),
        Handshake::NewSessionTicket(it) => new_session_ticket(it.ticket, it.ticket_lifetime),
        Handshake::NewSessionTicketTls12(it) => new_session_ticket(it.ticket, it.ticket_lifetime_hint),
        Handshake::KeyUpdate(update) => match update.request_update {
            KeyUpdateRequest::update_requested => short("sends with new keys from now on, and asks for the same"),
            _ => short("sends with new keys from now on"),
        },
        Handshake::EndOfEarlyData(_) => short("the early data is complete"),
        Handshake::HelloRequest(_) => short("asks to negotiate anew, which is never done"),
        Handshake::Unknown(raw) => (format!("of the type {}", raw.handshake_type), Vec::new()),
    }
}

fn certificate_request(request: &CertificateRequest<'_>) -> Told {
    let (mut details, mut others) = (Vec::new(), Vec::new());
    for extension in &request.extensions {
        details.push(match extension {
            CertificateRequestExtension::SignatureAlgorithms(it) => ("signatures", each(it, |scheme| scheme.0)),
            CertificateRequestExtension::SignatureAlgorithmsCert(it) => {
                ("in certificates", each(it, |scheme| scheme.0))
            }
            CertificateRequestExtension::DelegatedCredential(it) => ("delegated keys", each(it, |scheme| scheme.0)),
            CertificateRequestExtension::CertificateAuthorities(it) => ("authorities", it.len().to_string()),
            CertificateRequestExtension::CompressCertificate(it) => ("compression", algorithm_list(it)),
            CertificateRequestExtension::StatusRequest => ("staple", "an OCSP response".into()),
            other => {
                others.push(extension_name(other.extension_type()));
                continue;
            }
        });
    }
    details.extend((!others.is_empty()).then(|| ("also", others.join(", "))));
    let when = if request.certificate_request_context.is_empty() { "" } else { ", behind the handshake" };
    (format!("asks for a certificate{when}"), details)
}

fn certificate_request_tls12(request: &CertificateRequestTls12<'_>) -> Told {
    let details = vec![
        ("kinds of keys", list(&request.certificate_types)),
        ("signatures", each(&request.supported_signature_algorithms, |scheme| scheme.0)),
        ("authorities", request.certificate_authorities.len().to_string()),
    ];
    ("asks for a certificate".into(), details)
}

fn server_key_exchange(exchange: &ServerKeyExchange<'_>) -> Told {
    let (group, len) = (exchange.params.named_curve, exchange.params.public.len());
    let meaning = format!("its key share of {group}, signed with the certificate's key");
    (meaning, vec![("key share", format!("{group} ({len} B)")), ("signature", exchange.algorithm.to_string())])
}

/// What stands in a chain that came compressed, if it can be decompressed here.
fn compressed_certificate(message: &CompressedCertificate<'_>) -> Told {
    let len = usize::try_from(message.uncompressed_length).unwrap_or(usize::MAX);
    let line = format!("a Certificate of {} B, compressed with {}", grouped(len), message.algorithm);
    let decompressed = choices::compressor(message.algorithm)
        .filter(|_| len <= MAX_HANDSHAKE_MESSAGE_LEN)
        .and_then(|it| it.decompress(message.compressed_certificate_message, len));
    match decompressed.as_deref().map(read_all) {
        Some(Ok(chain)) => {
            let (meaning, details) = certificate(&chain);
            (format!("{line}: {meaning}"), details)
        }
        _ => (line, Vec::new()),
    }
}

/// A chain of TLS 1.3, and what the leaf brings along.
fn certificate(message: &Certificate<'_>) -> Told {
    let (meaning, mut details) = certificates(message.certificate_list.iter().map(|entry| entry.cert_data));
    for extension in message.certificate_list.iter().flat_map(|entry| &entry.extensions) {
        details.push(match extension {
            CertificateExtension::StatusRequest(CertificateStatus::Ocsp(response)) => {
                ("staple", format!("an OCSP response of {} B", grouped(response.len())))
            }
            CertificateExtension::SignedCertificateTimestamp(list) => ("timestamps", timestamps(list)),
            CertificateExtension::DelegatedCredential(it) => ("delegated key", delegated(it)),
            other => ("also", extension_name(other.extension_type())),
        });
    }
    (meaning, details)
}

/// Tells of the key that stands in for the certificate's.
fn delegated(delegated: &DelegatedCredential<'_>) -> String {
    let credential = &delegated.credential;
    let key = RawKey::read(credential.subject_public_key_info).map_or("a key".into(), |it| it.key);
    let seconds = grouped(usize::try_from(credential.valid_time).unwrap_or(usize::MAX));
    let (own, by) = (credential.dc_cert_verify_algorithm, delegated.algorithm);
    format!("{key} for {own}, signed with {by}, good until {seconds} s after the certificate begins")
}

/// Counts signed certificate timestamps.
pub(super) fn timestamps(list: &SignedCertificateTimestampList<'_>) -> String {
    let len = list.sct_list.iter().map(|timestamp| timestamp.0.len()).sum();
    format!("{}, {} B in all", list.sct_list.len(), grouped(len))
}

fn certificates<'a>(chain: impl Iterator<Item = &'a [u8]>) -> Told {
    let chain: Vec<_> = chain.collect();
    if let [only] = chain[..]
        && let Some(key) = RawKey::read(only)
    {
        return (format!("a raw public key: {}", key.key), vec![("SHA-256", key.pin)]);
    }
    let described: Vec<_> = chain.into_iter().map(Described::read).collect();
    let line = |it: &Option<Described>| it.as_ref().map_or("a certificate that cannot be read".into(), Described::line);
    let meaning = match described.as_slice() {
        [] => "no certificate".into(),
        [leaf] => line(leaf),
        [leaf, issuers @ ..] => format!("{} (and {} of its issuers)", line(leaf), issuers.len()),
    };
    let mut details = Vec::new();
    for (index, it) in described.iter().enumerate() {
        if index > 0 {
            details.push(("issuer", line(it)));
        }
        details.extend(it.as_ref().map(|it| ("certificate", it.details())));
    }
    (meaning, details)
}

fn new_session_ticket(ticket: &[u8], seconds: u32) -> Told {
    (format!("a ticket of {} B for a later connection, good for {seconds} s", ticket.len()), Vec::new())
}

/// Names each entry of a list; values that stand there to be ignored are called so. RFC 8701.
pub(super) fn each<T: Display>(entries: &[T], code_point: impl Fn(&T) -> u16) -> String {
    let name = |entry: &T| if is_grease(code_point(entry)) { "GREASE".into() } else { entry.to_string() };
    entries.iter().map(name).collect::<Vec<_>>().join(", ")
}

pub(super) fn extension_name(extension_type: ExtensionType) -> String {
    if is_grease(extension_type.0) { "GREASE".into() } else { extension_type.to_string() }
}

pub(super) fn text(bytes: &[u8]) -> String {
    clean(&String::from_utf8_lossy(bytes))
}
