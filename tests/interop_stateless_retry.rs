//! HelloRetryRequests of which our server remembers nothing: one connection sends it and is dropped, another takes the
//! second hello of `openssl s_client` and `gnutls-cli` off the same socket.

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer_gnutls.rs"]
mod gnutls;
#[path = "support/peer_openssl.rs"]
mod openssl;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/peer_resumption.rs"]
mod resumption;

use std::net::SocketAddr;
use std::sync::Arc;

use bulla::crypto::ring::provider;
use bulla::resume::CookieKeys;
use bulla::wire::NamedGroup;
use bulla::{HandshakeKind, ServerConfig, ServerConnection};
use certificates::{Certificates, Kind};
use ends::SUITES;
use gnutls::{gnutls_certificates, gnutls_cli};
use openssl::{openssl_certificates, s_client};
use peer::{Background, Process, serve_once};
use resumption::{Told, Way, Wire, echo_with};

const SECRET: [u8; 32] = [7; 32];

/// A server that asks for another group, and keeps nothing between the two hellos but a secret that others have too.
fn config(certificates: &Certificates) -> ServerConfig {
    let cookies = Arc::new(CookieKeys::from_shared_secret(provider(), &SECRET).unwrap());
    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    config.groups([NamedGroup::secp384r1]).unwrap().stateless_retry(cookies)
}

/// Serves one client with two connections, each under a configuration of its own.
fn serve_by_two(first: ServerConfig, second: ServerConfig) -> (SocketAddr, Background<Told>) {
    serve_once(move |socket| {
        let mut wire = Wire::new(ServerConnection::new(Arc::new(first)).unwrap(), socket);
        while !wire.connection.has_output() {
            wire.step().unwrap();
        }
        wire.flush().unwrap();
        echo_with(wire.hand_over(ServerConnection::new(Arc::new(second)).unwrap()))
    })
}

/// Lets a client say a line and hear it.
#[track_caller]
fn finish(mut process: Process, served: Background<Told>) -> (Told, String) {
    process.say("there and back\n");
    process.wait_for("the line", |stdout, _| peer::contains(stdout, "there and back\n").then_some(()));
    let text = process.finish().successful().text();
    let told = served.finish();
    assert_eq!((told.data.as_slice(), told.facts().retried), (&b"there and back\n"[..], true));
    (told, text)
}

#[test]
fn second_hello_of_s_client_is_taken_by_another_connection_in_every_suite() {
    let Some(certificates) = openssl_certificates() else { return };
    for suite in SUITES {
        for more in [&[][..], &["-no_middlebox"]] {
            let config = || config(&certificates).cipher_suites([suite]).unwrap();
            let (address, served) = serve_by_two(config(), config());
            let process = s_client(&certificates, address, &[&["-groups", "X25519:P-384"], more].concat());
            let (told, text) = finish(process, served);
            assert_eq!(told.facts().suite, suite);
            assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
        }
    }
}

#[test]
fn second_hello_of_s_client_resumes_with_another_connection() {
    let Some(certificates) = openssl_certificates() else { return };
    let session = certificates.folder.text("retried.session");
    let config = Way::SealedTls13.keep(config(&certificates));
    for (flag, kind, word) in
        [("-sess_out", HandshakeKind::Full, "New, TLS"), ("-sess_in", HandshakeKind::Resumed, "Reused, TLS")]
    {
        let (address, served) = serve_by_two(config.clone(), config.clone());
        let process = s_client(&certificates, address, &["-groups", "X25519:P-384", flag, &session]);
        let (told, text) = finish(process, served);
        assert_eq!(told.kind(), kind);
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn second_hello_of_gnutls_is_taken_by_another_connection() {
    let Some(certificates) = gnutls_certificates() else { return };
    let (address, served) = serve_by_two(config(&certificates), config(&certificates));
    let process = gnutls_cli(&certificates, address, &["--single-key-share"]);
    process.wait_for_text("- Simple Client Mode:");
    finish(process, served);
}
