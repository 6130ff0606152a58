//! The traffic keys of live connections with `openssl`, in both roles, versions and every suite, open all that went over the
//! wire: by `ring`'s AEADs alone, as a kernel that takes the records over would.

#![cfg(all(feature = "ring", feature = "std", feature = "tls12"))]

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/peer_wire.rs"]
mod wire;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use bulla::connection::danger::{DangerousTrafficSecrets, DirectionKeys, TrafficKeys};
use bulla::wire::{CipherSuite, ContentType, ProtocolVersion};
use bulla::{ClientConfig, Connection, ServerConfig};
use certificates::{Certificates, Kind, NAME};
use ends::{ECDSA_SUITES, RSA_SUITES, SUITES, openssl_suite, read_line};
use peer::{Process, is_installed, skipped};
use ring::aead;
use wire::{Capture, connect_tapped, records, serve_tapped};

const LINE: &str = "there and back\n";

/// Opens one record with nothing but the keys; returns its type and content.
fn open(keys: &DirectionKeys, of: &TrafficKeys, sequence_number: u64, record: &[u8]) -> Option<(u8, Vec<u8>)> {
    let algorithm = match of.cipher_suite.to_string() {
        suite if suite.contains("AES_128") => &aead::AES_128_GCM,
        suite if suite.contains("AES_256") => &aead::AES_256_GCM,
        _ => &aead::CHACHA20_POLY1305,
    };
    let (header, behind) = record.split_at(5);
    let number = sequence_number.to_be_bytes();
    let (nonce, sealed): ([u8; 12], &[u8]) = if keys.iv.len() == 4 {
        let (explicit, sealed) = behind.split_at_checked(8)?;
        ([keys.iv.expose(), explicit].concat().try_into().ok()?, sealed)
    } else {
        let mut nonce: [u8; 12] = keys.iv.expose().try_into().ok()?;
        nonce[4..].iter_mut().zip(number).for_each(|(byte, number)| *byte ^= number);
        (nonce, behind)
    };
    let is_tls13 = of.version == ProtocolVersion::TLSv1_3;
    let plaintext_len = u16::try_from(sealed.len().checked_sub(16)?).ok()?.to_be_bytes();
    let additional_data = if is_tls13 { header.to_vec() } else { [&number[..], &header[..3], &plaintext_len].concat() };
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, keys.key.expose()).ok()?);
    let mut in_out = sealed.to_vec();
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    let mut content = key.open_in_place(nonce, aead::Aad::from(additional_data), &mut in_out).ok()?.to_vec();
    let content_type = if is_tls13 {
        content.truncate(content.iter().rposition(|byte| *byte != 0)? + 1);
        content.pop()?
    } else {
        header[0]
    };
    Some((content_type, content))
}

/// The data of one direction: what goes before these keys is passed over, all else must open, and be as much as they count.
fn opened(keys: &DirectionKeys, of: &TrafficKeys, captured: &[u8]) -> Vec<u8> {
    let records = records(captured);
    let first = records.iter().position(|record| open(keys, of, 0, record).is_some());
    let first = first.expect("a record should open with the keys");
    let under_keys = &records[first..];
    assert_eq!(u64::try_from(under_keys.len()).unwrap(), keys.sequence_number, "{}", of.cipher_suite);
    let mut data = Vec::new();
    for (number, record) in (0..).zip(under_keys) {
        let (content_type, content) = open(keys, of, number, record).expect("every record should open");
        if ContentType(content_type) == ContentType::application_data {
            data.extend(content);
        }
    }
    data
}

/// What the keys of a connection that stands still make of all that was captured: what came, and what went.
fn overheard(connection: &Connection, capture: &Capture) -> (Vec<u8>, Vec<u8>) {
    let keys = connection.danger_traffic_keys().unwrap();
    (opened(&keys.read, &keys, &capture.came()), opened(&keys.write, &keys, &capture.went()))
}

/// Every suite with its version and a kind of leaf that goes with it.
fn suites() -> impl Iterator<Item = (CipherSuite, ProtocolVersion, Kind)> {
    let tls13 = SUITES.map(|suite| (suite, ProtocolVersion::TLSv1_3, Kind::EcdsaP256));
    let ecdsa = ECDSA_SUITES.map(|suite| (suite, ProtocolVersion::TLSv1_2, Kind::EcdsaP256));
    let rsa = RSA_SUITES.map(|suite| (suite, ProtocolVersion::TLSv1_2, Kind::Rsa));
    tls13.into_iter().chain(ecdsa).chain(rsa)
}

/// Lets the command speak this suite alone.
fn suite_flags(suite: CipherSuite, version: ProtocolVersion) -> Vec<String> {
    if version == ProtocolVersion::TLSv1_3 {
        vec!["-tls1_3".into(), "-ciphersuites".into(), suite.to_string()]
    } else {
        vec!["-tls1_2".into(), "-cipher".into(), openssl_suite(suite).into()]
    }
}

fn certificates() -> Option<Arc<Certificates>> {
    if is_installed("openssl", "version") {
        return Some(Certificates::shared());
    }
    skipped("traffic keys of connections with openssl", "openssl");
    None
}

#[test]
fn keys_of_our_client_open_all_that_s_server_and_it_have_said() {
    let Some(certificates) = certificates() else { return };
    for (suite, version, kind) in suites() {
        let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0", "-cert", &certificate, "-key", &key, "-rev"]);
        let mut process = Process::start(command.args(suite_flags(suite, version)));
        let address: SocketAddr = process.wait_for_line("ACCEPT ").parse().unwrap();
        let config = ClientConfig::new(certificates.roots()).versions([version]).unwrap();
        let (mut stream, capture) = connect_tapped(address, config.cipher_suites([suite]).unwrap());
        stream.write_all(LINE.as_bytes()).unwrap();
        let reversed: String = LINE.trim_end().chars().rev().chain(['\n']).collect();
        assert_eq!(read_line(&mut stream), reversed);
        let (came, went) = overheard(stream.connection(), &capture);
        assert_eq!((came, went), (reversed.into_bytes(), LINE.as_bytes().to_vec()), "{suite}");
        stream.close().unwrap();
        process.kill();
    }
}

#[test]
fn keys_of_our_server_open_all_that_s_client_and_it_have_said() {
    let Some(certificates) = certificates() else { return };
    for (suite, version, kind) in suites() {
        let config = ServerConfig::new(certificates.identity(kind)).versions([version]).unwrap();
        let (address, served) = serve_tapped(config.cipher_suites([suite]).unwrap(), |mut stream, capture| {
            let line = read_line(&mut stream);
            stream.write_all(line.as_bytes()).unwrap();
            let overheard = overheard(stream.connection(), &capture);
            stream.read_to_end(&mut Vec::new()).unwrap();
            stream.close().unwrap();
            overheard
        });
        let (roots, address) = (certificates.roots_file(), address.to_string());
        let mut command = Command::new("openssl");
        command.args(["s_client", "-brief", "-connect", &address, "-CAfile", &roots, "-servername", NAME]);
        let mut process = Process::start(command.args(suite_flags(suite, version)));
        process.say(LINE);
        process.wait_for_text(LINE);
        process.finish().successful();
        assert_eq!(served.finish(), (LINE.as_bytes().to_vec(), LINE.as_bytes().to_vec()), "{suite}");
    }
}
