//! A session is held to the schemes that a peer may sign with now, as a full handshake would be. RFC 8446 §4.2.3, §4.6.1.

#![cfg(all(feature = "ring", feature = "std", feature = "tls12"))]

#[path = "support/pair.rs"]
mod pair;

use std::sync::Arc;

use bulla::config::AVAILABLE_VERSIONS;
use bulla::crypto::ring::provider;
use bulla::resume::{MemoryClientSessions, TicketKeys};
use bulla::wire::SignatureScheme;
use bulla::{ClientAuth, ClientConfig, HandshakeKind, Identity, ServerConfig};
use pair::{Authority, KeyKind, NAME, NOW, Pair, configs_by};

const WANTED: SignatureScheme = SignatureScheme::ecdsa_secp384r1_sha384;
const OTHER: SignatureScheme = SignatureScheme::ecdsa_secp256r1_sha256;

/// Two ends that know one another by certificates, each with two of them, and resume.
fn ends() -> (ClientConfig, ServerConfig) {
    let authority = Authority::new();
    let identity = |name: &str, kind: KeyKind| -> Identity { authority.identity(&[name], kind) };
    let (client, _) = configs_by(&authority, KeyKind::EcdsaP384);
    let client = client.identity(identity("client.test", KeyKind::EcdsaP384));
    let client = client.and_identity(identity("client.test", KeyKind::EcdsaP256));
    let server = ServerConfig::new(identity(NAME, KeyKind::EcdsaP384)).clock(Arc::new(NOW));
    let server = server.and_identity(identity(NAME, KeyKind::EcdsaP256));
    let server = server.client_auth(ClientAuth::Require(Arc::new(authority.roots())));
    let server = server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap()));
    (client.session_store(Arc::new(MemoryClientSessions::new(8, 8))), server)
}

#[test]
fn session_whose_peer_signed_as_it_may_no_longer_is_not_resumed() {
    for version in AVAILABLE_VERSIONS {
        for narrow_client in [true, false] {
            let (client, server) = ends();
            let client = client.versions([*version]).unwrap();
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let pair = Pair::established(client.clone(), server.clone());
                assert_eq!(pair.server.handshake_kind(), Some(kind));
                assert_eq!(pair.client.peer_signature_scheme(), Some(WANTED));
                assert_eq!(pair.server.peer_signature_scheme(), Some(WANTED));
            }
            let (client, server) = match narrow_client {
                true => (client.accepted_signature_schemes([OTHER]).unwrap(), server),
                false => (client, server.accepted_signature_schemes([OTHER]).unwrap()),
            };
            let pair = Pair::established(client, server);
            assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Full), "{version} {narrow_client}");
            let of_narrow =
                if narrow_client { pair.client.peer_signature_scheme() } else { pair.server.peer_signature_scheme() };
            assert_eq!(of_narrow, Some(OTHER));
        }
    }
}
