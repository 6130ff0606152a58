//! Exit code 4: the server's certificate is refused in both versions, and the reason is named.

mod support;

use std::fs;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints,
};
use support::{Authority, Folder, Issued, Server, bulla, ca_params, leaf_params};
use time::{Duration, OffsetDateTime};

const NAME: &str = "host.test";

/// Connects to a server with this certificate under its name, and checks that it is refused in these words in both
/// versions, and that the server reads the alert.
#[track_caller]
fn refused(authority: &Authority, issued: &Issued, alert: &str, words: &[&str]) {
    for version in ["1.3", "1.2"] {
        let server = Server::start(issued, &["--echo", "--once"]);
        let to = ["connect", &server.address, "--ca", &authority.file, "--name", NAME];
        let ran = bulla(&[&to[..], &["--min-version", version, "--max-version", version]].concat());
        let line = ran.failed_with(4, words);
        assert!(line.contains(&format!("(sent the alert {alert})")), "{line}");
        let ended = server.end();
        assert!(ended.errors.contains(&format!("received the alert {alert}")), "{}", ended.errors);
    }
}

fn files() -> (Folder, Authority) {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "authority");
    (folder, authority)
}

#[test]
fn good_certificate_is_accepted() {
    let (folder, authority) = files();
    let server = Server::start(&authority.issue(&folder, &[NAME]), &["--echo"]);
    let ran = bulla(&["connect", &server.address, "--ca", &authority.file, "--name", NAME, "--half-close"]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
}

#[test]
fn wrong_host_is_refused() {
    let (folder, authority) = files();
    let issued = authority.issue(&folder, &["other.test", "192.0.2.1"]);
    refused(&authority, &issued, "bad_certificate", &["not valid for the name host.test", "other.test", "--name"]);
    let server = Server::start(&issued, &["--echo"]);
    let by_address = bulla(&["connect", &server.address, "--ca", &authority.file]);
    by_address.failed_with(4, &["not valid for the name 127.0.0.1", "192.0.2.1"]);
}

#[test]
fn expired_certificate_is_refused() {
    let (folder, authority) = files();
    let issued = authority.issue_with(&folder, &[NAME], |params| {
        params.not_after = OffsetDateTime::now_utc() - Duration::DAY;
    });
    refused(&authority, &issued, "certificate_expired", &["expired", "clock here is wrong"]);
}

#[test]
fn certificate_of_the_future_is_refused() {
    let (folder, authority) = files();
    let issued = authority.issue_with(&folder, &[NAME], |params| {
        params.not_before = OffsetDateTime::now_utc() + Duration::DAY;
    });
    refused(&authority, &issued, "certificate_expired", &["not yet valid"]);
}

#[test]
fn unknown_issuer_is_refused() {
    let (folder, authority) = files();
    let issued = Authority::new(&folder, "another").issue(&folder, &[NAME]);
    refused(&authority, &issued, "unknown_ca", &["issuer is unknown", "--ca FILE"]);
}

#[test]
fn self_signed_certificate_is_refused() {
    let (folder, authority) = files();
    let key = KeyPair::generate().unwrap();
    let certificate = leaf_params(&[NAME]).self_signed(&key).unwrap();
    let issued = Issued {
        cert: folder.write("self.pem", certificate.pem()),
        key: folder.write("self.key", key.serialize_pem()),
    };
    refused(&authority, &issued, "unknown_ca", &["self-signed", "--ca FILE"]);
}

#[test]
fn certificate_for_clients_only_is_refused() {
    let (folder, authority) = files();
    let issued = authority.issue_with(&folder, &[NAME], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    refused(&authority, &issued, "unsupported_certificate", &["extended key usage", "serverAuth"]);
}

#[test]
fn certificate_whose_key_may_not_sign_is_refused() {
    let (folder, authority) = files();
    let issued = authority.issue_with(&folder, &[NAME], |params| {
        params.key_usages = vec![KeyUsagePurpose::KeyAgreement];
    });
    refused(&authority, &issued, "unsupported_certificate", &["key usage", "digital signatures"]);
}

#[test]
fn tampered_signature_is_refused() {
    let (folder, authority) = files();
    let key = KeyPair::generate().unwrap();
    let certificate = leaf_params(&[NAME]).signed_by(&key, &authority.issuer).unwrap();
    let mut der = certificate.der().to_vec();
    // The last byte belongs to the second number of the ECDSA signature.
    *der.last_mut().unwrap() ^= 1;
    let issued = Issued { cert: folder.write("tampered.der", der), key: folder.write("key", key.serialize_pem()) };
    refused(&authority, &issued, "bad_certificate", &["signature", "does not verify"]);
}

/// An authority below another one, and a certificate from it; the file has the leaf alone.
fn below(folder: &Folder, authority: &Authority, change: impl FnOnce(&mut CertificateParams)) -> (Issued, String) {
    let mut params = ca_params("intermediate");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = leaf_params(&[NAME]).signed_by(&leaf_key, &issuer).unwrap();
    let cert = folder.write("leaf.pem", leaf.pem());
    (Issued { cert, key: folder.write("leaf.key", leaf_key.serialize_pem()) }, certificate.pem())
}

fn with_intermediate(folder: &Folder, issued: &Issued, intermediate: &str) -> Issued {
    let chain = fs::read_to_string(&issued.cert).unwrap() + intermediate;
    Issued { cert: folder.write("chain.pem", chain), key: issued.key.clone() }
}

#[test]
fn missing_intermediate_is_refused() {
    let (folder, authority) = files();
    let (issued, intermediate) = below(&folder, &authority, |_| {});
    refused(&authority, &issued, "unknown_ca", &["issuer is unknown", "is an intermediate missing"]);
    let server = Server::start(&with_intermediate(&folder, &issued, &intermediate), &["--echo"]);
    let ran = bulla(&["connect", &server.address, "--ca", &authority.file, "--name", NAME, "--half-close"]);
    assert_eq!(ran.code, 0, "with it all is well: {}", ran.errors);
}

#[test]
fn name_outside_the_issuers_constraints_is_refused() {
    let (folder, authority) = files();
    let (issued, intermediate) = below(&folder, &authority, |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("elsewhere.test".into())],
            excluded_subtrees: vec![],
        });
    });
    let issued = with_intermediate(&folder, &issued, &intermediate);
    refused(&authority, &issued, "bad_certificate", &["name constraints"]);
}

#[test]
fn issuer_that_may_not_sign_certificates_is_refused() {
    let (folder, authority) = files();
    let (issued, intermediate) = below(&folder, &authority, |params| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    });
    let issued = with_intermediate(&folder, &issued, &intermediate);
    refused(&authority, &issued, "unknown_ca", &["does not allow signing certificates"]);
}
