//! Record size limits with GnuTLS and NSS, both ways, in TLS 1.3 and 1.2: seen in the lengths of the records that crossed the
//! wire. RFC 8449.

#![cfg(all(feature = "ring", feature = "std", feature = "tls12"))]

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_gnutls.rs"]
mod gnutls;
#[path = "support/peer_nss.rs"]
mod nss;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/peer_wire.rs"]
mod wire;

use std::io::{Read, Write};

use bulla::config::AVAILABLE_VERSIONS;
use bulla::wire::{CipherSuite, ProtocolVersion};
use bulla::{ClientConfig, MAX_FRAGMENT_LEN, ServerConfig};
use certificates::{Certificates, Kind};
use gnutls::{gnutls_certificates, gnutls_cli, gnutls_serv, isolated};
use nss::Nss;
use peer::digits;
use wire::{Capture, connect_tapped, longest_record, serve_tapped};

/// What our end takes, and what GnuTLS is told to take.
const OURS: u16 = 520;
const THEIRS: usize = 600;
/// Many records of either size, and as much as `gnutls-cli` takes as one line.
const DATA_LEN: usize = 4000;
const SUITES: [CipherSuite; 2] =
    [CipherSuite::TLS_AES_128_GCM_SHA256, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];

/// What a record of our suites with so much data has behind its header: in TLS 1.3 the type, in TLS 1.2 an explicit nonce.
fn sealed(version: ProtocolVersion, data_len: usize) -> usize {
    data_len + if version == ProtocolVersion::TLSv1_3 { 1 + 16 } else { 8 + 16 }
}

/// The most data in a record for our end: in TLS 1.3 the limit counts the type. RFC 8449 §4.
fn our_room(version: ProtocolVersion) -> usize {
    usize::from(OURS) - usize::from(version == ProtocolVersion::TLSv1_3)
}

/// One line that is different at every place.
fn line(len: usize) -> Vec<u8> {
    let mut line = digits(len);
    line[..len - 1].iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b'-');
    line
}

/// The end of a line, by which it is known to have come.
fn end_of(line: &[u8]) -> &str {
    std::str::from_utf8(&line[line.len() - 16..]).unwrap()
}

fn tls_priority(version: ProtocolVersion) -> &'static str {
    if version == ProtocolVersion::TLSv1_3 { "NORMAL:-VERS-ALL:+VERS-TLS1.3" } else { "NORMAL:-VERS-ALL:+VERS-TLS1.2" }
}

fn server(certificates: &Certificates, version: ProtocolVersion) -> ServerConfig {
    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256)).versions([version]).unwrap();
    config.cipher_suites(SUITES).unwrap().record_size_limit(OURS).unwrap()
}

fn client(certificates: &Certificates, version: ProtocolVersion) -> ClientConfig {
    let config = ClientConfig::new(certificates.roots()).versions([version]).unwrap();
    config.cipher_suites(SUITES).unwrap().record_size_limit(OURS).unwrap()
}

/// Holds what came to our limit and what went to theirs: the longest record is exactly as long as its reader takes.
#[track_caller]
fn check(version: ProtocolVersion, capture: &Capture, their_room: usize) {
    assert_eq!(longest_record(&capture.came()), sealed(version, our_room(version)), "{version}, what came");
    assert_eq!(longest_record(&capture.went()), sealed(version, their_room), "{version}, what went");
}

#[test]
fn gnutls_as_a_client_and_our_server_keep_to_the_limits_of_each_other() {
    let Some(certificates) = gnutls_certificates() else { return };
    let (sent, theirs) = (line(DATA_LEN), THEIRS.to_string());
    for version in AVAILABLE_VERSIONS.iter().copied() {
        let (address, served) = serve_tapped(server(&certificates, version), move |mut stream, capture| {
            // The command sends the first record of what it is given, and forgets the rest.
            let mut data = vec![0; our_room(version)];
            stream.read_exact(&mut data).unwrap();
            assert!(line(DATA_LEN).starts_with(&data));
            stream.write_all(&line(DATA_LEN)).unwrap();
            stream.read_to_end(&mut data).unwrap();
            stream.close().unwrap();
            capture
        });
        let more = ["--priority", tls_priority(version), "--recordsize", &theirs];
        let mut process = gnutls_cli(&certificates, address, &more);
        process.wait_for_text("- Simple Client Mode:");
        process.say(&sent);
        process.wait_for_text(end_of(&sent));
        process.finish().successful();
        // It counts no type: in TLS 1.3 it says one more.
        check(version, &served.finish(), THEIRS);
    }
}

#[test]
fn gnutls_as_a_server_and_our_client_keep_to_the_limits_of_each_other() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("gnutls_as_a_server_and_our_client_keep_to_the_limits_of_each_other") {
        return;
    }
    let (sent, theirs) = (line(DATA_LEN), THEIRS.to_string());
    for (port, version) in (5600..).zip(AVAILABLE_VERSIONS.iter().copied()) {
        let more = ["--disable-client-cert", "--priority", tls_priority(version), "--recordsize", &theirs];
        let (_process, address) = gnutls_serv(&certificates, Kind::EcdsaP256, port, &more);
        let (mut stream, capture) = connect_tapped(address, client(&certificates, version));
        assert_eq!(stream.connection().max_fragment_len(), THEIRS);
        stream.write_all(&sent).unwrap();
        let mut received = vec![0; DATA_LEN];
        stream.read_exact(&mut received).unwrap();
        assert!(received == sent);
        stream.close().unwrap();
        check(version, &capture, THEIRS);
    }
}

#[test]
fn nss_as_a_client_keeps_to_our_limit_and_we_to_its() {
    let Some(nss) = Nss::new() else { return };
    let answer = line(2 * MAX_FRAGMENT_LEN);
    for version in AVAILABLE_VERSIONS.iter().copied() {
        let to_send = answer.clone();
        let (address, served) = serve_tapped(server(&nss.certificates, version), move |mut stream, capture| {
            let mut data = vec![0; DATA_LEN];
            stream.read_exact(&mut data).unwrap();
            assert!(data == line(DATA_LEN));
            stream.write_all(&to_send).unwrap();
            stream.close().unwrap();
            capture
        });
        let mut process = nss.client(version, address, &[]);
        process.say(line(DATA_LEN));
        process.wait_for_text(end_of(&answer));
        // It cannot be told to take less than all.
        check(version, &served.finish(), MAX_FRAGMENT_LEN);
    }
}

#[test]
fn nss_as_a_server_keeps_to_our_limit() {
    let Some(nss) = Nss::new() else { return };
    if !isolated("nss_as_a_server_keeps_to_our_limit") {
        return;
    }
    for (port, version) in (5600..).zip(AVAILABLE_VERSIONS.iter().copied()) {
        let (_process, address) = nss.server(version, port, &[]);
        let (mut stream, capture) = connect_tapped(address, client(&nss.certificates, version));
        assert_eq!(stream.connection().max_fragment_len(), MAX_FRAGMENT_LEN);
        let request = [b"GET / HTTP/1.0\r\nX: ", line(DATA_LEN).trim_ascii_end(), b"\r\n\r\n"].concat();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.windows(request.len()).any(|part| part == request));
        // All of the request fits into one record of what it takes.
        check(version, &capture, request.len());
    }
}
