//! GnuTLS and Bulla by raw public keys, both ways, in TLS 1.3 and 1.2. RFC 7250.

#![cfg(all(feature = "ring", feature = "std", feature = "tls12"))]

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer_gnutls.rs"]
mod gnutls;
#[path = "support/peer.rs"]
mod peer;

use std::io::{Read, Write};
use std::sync::Arc;

use bulla::config::AVAILABLE_VERSIONS;
use bulla::pki_types::SubjectPublicKeyInfoDer;
use bulla::verify::pem::private_key_from_pem_or_der;
use bulla::wire::{AlertDescription, CertificateType, ProtocolVersion};
use bulla::{ClientAuth, ClientConfig, Error, Identity, Roots, ServerConfig};
use certificates::{Certificates, Kind};
use ends::{ServerStream, connect, read_line, serve, tls_failure, try_serve};
use gnutls::{gnutls_certificates, gnutls_cli, gnutls_serv_with, isolated};

/// The kinds of keys that GnuTLS knows as raw ones too.
const KINDS: [Kind; 4] = [Kind::EcdsaP256, Kind::EcdsaP384, Kind::Ed25519, Kind::Rsa];

/// GnuTLS' words for a version with raw public keys at both ends.
fn priority(version: ProtocolVersion) -> String {
    let version = if version == ProtocolVersion::TLSv1_3 { "1.3" } else { "1.2" };
    format!("NORMAL:-VERS-ALL:+VERS-TLS{version}:-CTYPE-ALL:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK")
}

fn identity(certificates: &Certificates, kind: Kind) -> Identity {
    let key = std::fs::read(certificates.key_file(kind)).unwrap();
    Identity::raw_public_key(&private_key_from_pem_or_der(&key).unwrap()).unwrap()
}

fn public_key(certificates: &Certificates, kind: Kind) -> SubjectPublicKeyInfoDer<'static> {
    identity(certificates, kind).subject_public_key_info().into_owned()
}

/// What tells GnuTLS which key it has, as `openssl` writes it.
fn raw_key_files(certificates: &Certificates, kind: Kind) -> [String; 4] {
    let key = certificates.key_file(kind);
    let public = format!("{key}.{}.pub", std::process::id());
    peer::run("openssl", ["pkey", "-in", &key, "-pubout", "-out", &public]).successful();
    ["--rawpkkeyfile".into(), key, "--rawpkfile".into(), public]
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn raw_keys_of_every_kind_connect_from_gnutls() {
    let Some(certificates) = gnutls_certificates() else { return };
    for version in AVAILABLE_VERSIONS {
        for (number, kind) in KINDS.into_iter().enumerate() {
            let of_client = KINDS[(number + 1) % 4];
            let config = ServerConfig::new(identity(&certificates, kind));
            let config = config.client_auth(ClientAuth::Require(Arc::new(Roots::new())));
            let config = config.trusted_raw_public_keys([public_key(&certificates, of_client)]).unwrap();
            let expected = public_key(&certificates, of_client);
            let (address, served) = serve(config, move |mut stream: ServerStream| {
                assert_eq!(stream.connection().peer_raw_public_key(), Some(expected));
                let line = read_line(&mut stream);
                stream.write_all(line.as_bytes()).unwrap();
                assert_eq!(stream.read(&mut [0]).unwrap(), 0);
                stream.close().unwrap();
                stream.connection().protocol_version()
            });
            let files = raw_key_files(&certificates, of_client);
            let priority = priority(*version);
            // It has nothing to hold a raw key against but its own memory.
            let more = [&["--insecure", "--priority", &priority][..], &borrowed(&files)].concat();
            let mut process = gnutls_cli(&certificates, address, &more);
            process.wait_for_text("- Simple Client Mode:");
            process.say("there and back\n");
            process.wait_for_text("there and back\n");
            process.finish().successful();
            assert_eq!(served.finish(), Some(*version));
        }
    }
}

#[test]
fn key_of_gnutls_that_is_not_trusted_is_refused() {
    let Some(certificates) = gnutls_certificates() else { return };
    for version in AVAILABLE_VERSIONS {
        let config = ServerConfig::new(identity(&certificates, Kind::EcdsaP256));
        let config = config.client_auth(ClientAuth::Require(Arc::new(Roots::new())));
        let config = config.trusted_raw_public_keys([public_key(&certificates, Kind::Rsa)]).unwrap();
        let (address, served) = try_serve(config, tls_failure);
        let (files, priority) = (raw_key_files(&certificates, Kind::Ed25519), priority(*version));
        let more = [&["--insecure", "--priority", &priority][..], &borrowed(&files)].concat();
        gnutls_cli(&certificates, address, &more).finish();
        assert_eq!(served.finish().name(), "UntrustedRawPublicKey");
    }
}

#[test]
fn gnutls_without_raw_keys_and_we_with_nothing_else_have_no_common_type() {
    let Some(certificates) = gnutls_certificates() else { return };
    let (address, served) = try_serve(ServerConfig::new(identity(&certificates, Kind::EcdsaP256)), tls_failure);
    let text = gnutls_cli(&certificates, address, &[]).finish().text();
    let error = served.finish();
    assert_eq!(
        (error.name(), error.alert()),
        ("NoCommonCertificateType", Some(AlertDescription::unsupported_certificate))
    );
    assert!(text.contains("Unsupported certificate") || text.contains("not supported"), "{text}");
}

#[test]
fn raw_keys_of_every_kind_connect_to_gnutls() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("raw_keys_of_every_kind_connect_to_gnutls") {
        return;
    }
    let mut port = 4433;
    for version in AVAILABLE_VERSIONS {
        for (number, kind) in KINDS.into_iter().enumerate() {
            let (files, priority) = (raw_key_files(&certificates, kind), priority(*version));
            let more = [&["--require-client-cert", "--priority", &priority][..], &borrowed(&files)].concat();
            let (_process, address) = gnutls_serv_with(port, &more);
            port += 1;
            let config = ClientConfig::new(Roots::new()).identity(identity(&certificates, KINDS[(number + 1) % 4]));
            let trusting = config.clone().trusted_raw_public_keys([public_key(&certificates, kind)]).unwrap();
            let mut stream = connect(address, trusting).unwrap();
            assert_eq!(stream.connection().protocol_version(), Some(*version));
            assert_eq!(stream.connection().peer_raw_public_key(), Some(public_key(&certificates, kind)));
            assert_eq!(stream.connection().peer_certificate_type(), Some(CertificateType::RawPublicKey));
            stream.write_all(b"there and back\n").unwrap();
            assert_eq!(read_line(&mut stream), "there and back\n");
            stream.close().unwrap();

            let others = public_key(&certificates, KINDS[(number + 2) % 4]);
            let error = tls_failure(connect(address, config.trusted_raw_public_keys([others]).unwrap()));
            assert_eq!(error, Error::from(bulla::error::CertificateError::UntrustedRawPublicKey));
        }
    }
}
