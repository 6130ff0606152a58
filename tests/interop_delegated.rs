//! Delegated credentials over loopback: between our own ends, and with NSS, which verifies ours. RFC 9345.

#![cfg(all(feature = "ring", feature = "std"))]

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer_nss.rs"]
mod nss;
#[path = "support/peer.rs"]
mod peer;

use std::io::{Read, Write};
use std::sync::Arc;

use bulla::clock::{Clock, SystemClock};
use bulla::pki_types::PrivateKeyDer;
use bulla::wire::{ProtocolVersion, SignatureScheme as Scheme};
use bulla::{ClientConfig, Identity, ServerConfig};
use certificates::{Certificates, Kind, LEAF_EXTENSIONS, Wanted, issue};
use ends::{ServerStream, connect, read_line, serve, tls_failure, try_serve};
use nss::Nss;
use peer::{is_installed, skipped};
use rcgen::PublicKeyData;

const HOUR: u32 = 3600;

/// Makes a leaf that may be delegated, below the P-256 authority, and returns its identity.
fn delegating(certificates: &Certificates, name: &str) -> Arc<Identity> {
    let usage = "1.3.6.1.4.1.44363.44 = DER:0500";
    let extensions = [LEAF_EXTENSIONS, &[usage]].concat();
    let wanted = Wanted { name, kind: Kind::EcdsaP256, issuer: Some("ca-p256"), extensions: &extensions };
    issue(&certificates.folder, &wanted);
    let [chain, key] = ["pem", "key"].map(|end| certificates.folder.path(&format!("{name}.{end}")));
    Arc::new(Identity::from_files(chain, key).unwrap())
}

/// A server that has a delegated key and nothing else, and the credential for it.
fn server(of: &Arc<Identity>, algorithm: &'static rcgen::SignatureAlgorithm, scheme: Scheme) -> ServerConfig {
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let now = SystemClock.now().unwrap();
    let credential = of.issue_delegated_credential(&key.subject_public_key_info(), scheme, now, HOUR).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    ServerConfig::new(Identity::delegated(of.chain().to_vec(), credential, &key).unwrap())
}

/// The kinds of delegated keys.
fn kinds() -> [(&'static rcgen::SignatureAlgorithm, Scheme); 2] {
    [
        (&rcgen::PKCS_ECDSA_P256_SHA256, Scheme::ecdsa_secp256r1_sha256),
        (&rcgen::PKCS_ECDSA_P384_SHA384, Scheme::ecdsa_secp384r1_sha384),
    ]
}

/// Answers one line.
fn answer(mut stream: ServerStream) {
    assert_eq!(read_line(&mut stream), "there\n");
    stream.write_all(b"and back\n").unwrap();
    stream.close().unwrap();
}

#[test]
fn our_server_serves_our_client_with_a_delegated_key_alone() {
    if !is_installed("openssl", "version") {
        skipped("delegated credentials between our own ends", "openssl, which makes the certificates,");
        return;
    }
    let certificates = Certificates::shared();
    let identity = delegating(&certificates, "delegating-to-us");
    for (algorithm, scheme) in kinds() {
        let (address, served) = serve(server(&identity, algorithm, scheme), answer);
        let config = ClientConfig::new(certificates.roots()).accept_delegated_credentials(true);
        let mut stream = connect(address, config).unwrap();
        stream.write_all(b"there\n").unwrap();
        assert_eq!(read_line(&mut stream), "and back\n");
        assert!(stream.connection().delegated_credential());
        assert_eq!(stream.connection().peer_signature_scheme(), Some(scheme));
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        served.finish();
    }
    // A client that takes none finds nothing that it could be served with.
    let (address, served) = try_serve(server(&identity, kinds()[0].0, kinds()[0].1), tls_failure);
    let theirs = tls_failure(connect(address, ClientConfig::new(certificates.roots())));
    assert_eq!(theirs.name(), "AlertReceived");
    served.finish();
}

#[test]
fn nss_verifies_our_delegated_credential_and_is_served_with_its_key() {
    let Some(nss) = Nss::new() else { return };
    let identity = delegating(&nss.certificates, "delegating-to-nss");
    for (algorithm, scheme) in kinds() {
        let (address, served) = serve(server(&identity, algorithm, scheme), answer);
        let mut process = nss.client(ProtocolVersion::TLSv1_3, address, &["-B"]);
        process.say("there\n");
        process.wait_for_text("and back\n");
        served.finish();
        process.wait_for_text("Received a Delegated Credential");
        process.wait_for_text(&format!("Signature Scheme: {scheme}"));
    }
}
