//! What stands beside certificates and is said about them: staples, timestamps, their signatures, and authorities, in both
//! roles and after resumption. RFC 6066 §8, RFC 6962 §3.3, RFC 8446 §4.2.3, §4.2.4, §4.4.2.1.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::sync::{Arc, Mutex};

use bulla::config::{
    ChainToVerify, ChooseServerIdentity, ClientHelloInfo, ClientSessionQuery, ClientSessionStore, Content, Decision,
    Direction, Observed, Observer, Verdict, VerifyChain,
};
use bulla::crypto::ring::provider;
use bulla::danger::DangerousVerification;
use bulla::error::{CertificateError, Violation, Which};
use bulla::resume::{ClientSession, MemoryClientSessions, TicketKeys};
use bulla::wire::{
    AlertDescription, CertificateExtension, CertificateRequest, CertificateRequestExtension, CertificateStatus,
    ClientExtension, ClientHello, ExtensionType, HandshakeType, ProtocolVersion, SerializedSct,
    SignatureScheme as Scheme, SignedCertificateTimestampList, read_all,
};
use bulla::{ClientAuth, ClientConfig, ConfigError, Connection, Error, HandshakeKind, Identity, ServerConfig};
use pair::{Authority, KeyKind, NAME, NOW, Pair};
use scene::Stage;
use script::Say;

const RESPONSE: &[u8] = b"a response";
/// Two timestamps, with the list's length and theirs.
const TIMESTAMPS: &[u8] = &[0, 9, 0, 3, b'o', b'n', b'e', 0, 2, b'i', b't'];

const VERSIONS: &[ProtocolVersion] = &[
    ProtocolVersion::TLSv1_3,
    #[cfg(feature = "tls12")]
    ProtocolVersion::TLSv1_2,
];

/// An authority with a client and a server whose certificate has both beside it.
fn ends() -> (Authority, ClientConfig, ServerConfig) {
    let authority = Authority::new();
    let client = ClientConfig::new(authority.roots()).clock(Arc::new(NOW));
    let server = ServerConfig::new(decorated(authority.identity(&[NAME], KeyKind::EcdsaP256))).clock(Arc::new(NOW));
    (authority, client, server)
}

fn decorated(identity: Identity) -> Identity {
    identity.ocsp_response(RESPONSE.to_vec()).signed_certificate_timestamps(TIMESTAMPS.to_vec()).unwrap()
}

/// The staple and the timestamps that an end knows of its peer.
fn beside(connection: &Connection) -> (Option<&[u8]>, Option<&[u8]>) {
    (connection.peer_ocsp_response(), connection.peer_signed_certificate_timestamps())
}

#[test]
fn timestamps_reach_the_client_that_asks_in_both_versions() {
    let (authority, client, server) = ends();
    for version in VERSIONS {
        let client = client.clone().versions([*version]).unwrap();
        let asked = Pair::established(client.clone().ask_for_scts(true), server.clone());
        assert_eq!(beside(&asked.client), (None, Some(TIMESTAMPS)));
        let both = Pair::established(client.clone().ask_for_scts(true).ask_for_ocsp(true), server.clone());
        assert_eq!(beside(&both.client), (Some(RESPONSE), Some(TIMESTAMPS)));
        assert_eq!(beside(&Pair::established(client.clone(), server.clone()).client), (None, None));
        let (_, without) = pair::configs_by(&authority, KeyKind::EcdsaP256);
        assert_eq!(beside(&Pair::established(client.ask_for_scts(true), without).client), (None, None));
    }
}

/// A staple and timestamps.
type Both = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Judges as the built-in judge does, and writes down what it saw.
#[derive(Debug, Default)]
struct Judge(Mutex<Vec<Both>>);

impl VerifyChain for Judge {
    fn verify(&self, chain: &ChainToVerify) -> Decision<Verdict> {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let seen = (owned(chain.ocsp_response()), owned(chain.signed_certificate_timestamps()));
        self.0.lock().unwrap().push(seen);
        Decision::Now(chain.judge())
    }
}

#[test]
fn whoever_judges_the_chain_finds_both_in_the_question() {
    let (_, client, server) = ends();
    for version in VERSIONS {
        let judge = Arc::new(Judge::default());
        let client = client.clone().versions([*version]).unwrap().ask_for_scts(true).ask_for_ocsp(true);
        Pair::established(client.danger_verify_with(judge.clone()), server.clone());
        assert_eq!(*judge.0.lock().unwrap(), [(Some(RESPONSE.to_vec()), Some(TIMESTAMPS.to_vec()))]);
    }
}

/// Keeps sessions as the bytes that they are written to.
#[derive(Debug)]
struct WritingDown {
    config: ClientConfig,
    kept: MemoryClientSessions,
}

impl ClientSessionStore for WritingDown {
    fn put(&self, of: &ClientSessionQuery, session: Box<ClientSession>) {
        let written = self.config.write_session(&session).unwrap();
        let read = self.config.read_session(written.expose()).unwrap();
        ClientSessionStore::put(&self.kept, of, Box::new(read));
    }

    fn take(&self, of: &ClientSessionQuery) -> Decision<Option<Box<ClientSession>>> {
        ClientSessionStore::take(&self.kept, of)
    }
}

#[test]
fn session_keeps_both_also_when_it_has_been_written_down_and_a_resumed_one_does_too() {
    let (_, client, server) = ends();
    let server = server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap()));
    for version in VERSIONS {
        let client = client.clone().versions([*version]).unwrap().ask_for_scts(true).ask_for_ocsp(true);
        let store = WritingDown { config: client.clone(), kept: MemoryClientSessions::new(8, 8) };
        let client = client.session_store(Arc::new(store));
        for (round, kind) in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed].iter().enumerate() {
            let pair = Pair::established(client.clone(), server.clone());
            assert_eq!(pair.client.handshake_kind(), Some(*kind), "{version}, {round}");
            assert_eq!(beside(&pair.client), (Some(RESPONSE), Some(TIMESTAMPS)), "{version}, {round}");
            assert_eq!(beside(&pair.server), (None, None));
        }
    }
}

#[test]
fn list_of_timestamps_that_is_none_is_refused_when_the_identity_is_made() {
    let authority = Authority::new();
    for list in [&[][..], &[0, 0], &[0, 2, 0, 0], &[0, 3, 0, 1, 9, 9], &[0, 3, 0, 2, 9], b"text"] {
        let identity = authority.identity(&[NAME], KeyKind::EcdsaP256);
        let refused = identity.signed_certificate_timestamps(list.to_vec());
        assert_eq!(refused.unwrap_err(), ConfigError::BadSignedCertificateTimestamps, "{list:?}");
    }
}

/// A client that asks for both, and has come to the scripted server's Certificate.
fn asking(stage: &Stage) -> scene::Scene {
    let client = stage.client.clone().ask_for_scts(true).ask_for_ocsp(true);
    stage.client_with(client).say(&[Say::ServerHello, Say::EncryptedExtensions])
}

#[test]
fn empty_list_of_timestamps_and_an_empty_timestamp_send_decode_error() {
    let stage = Stage::new();
    for content in [&[0, 0][..], &[0, 6, 0, 2, 1, 2, 0, 0], &[0, 3, 0, 1, 1, 9]] {
        let scene = asking(&stage).say_message(|peer| {
            let (extension_type, extension_data) = (ExtensionType::signed_certificate_timestamp, content);
            let unknown = bulla::wire::UnknownExtension { extension_type, extension_data };
            peer.certificate_with(|it| it.certificate_list[0].extensions.push(CertificateExtension::Unknown(unknown)))
        });
        let error = scene.error.clone().unwrap();
        assert!(matches!(error, Error::Malformed { message: Some(HandshakeType::certificate), .. }), "{error:?}");
        assert_eq!(scene.peer.alerts()[0].description, AlertDescription::decode_error);
    }
}

#[test]
fn staple_and_timestamps_beside_other_certificates_than_the_leaf_are_ignored() {
    let stage = Stage::new();
    let scene = asking(&stage).say_message(|peer| {
        peer.certificate_with(|it| {
            let mut second = it.certificate_list[0].clone();
            let list = SignedCertificateTimestampList { sct_list: vec![SerializedSct(b"other")] };
            second.extensions.push(CertificateExtension::SignedCertificateTimestamp(list));
            second.extensions.push(CertificateExtension::StatusRequest(CertificateStatus::Ocsp(b"other")));
            it.certificate_list.push(second);
        })
    });
    let scene = scene.say(&[Say::CertificateVerify, Say::Finished]);
    assert_eq!(scene.error, None);
    assert_eq!(beside(&scene.end), (None, None));
}

/// Writes down every message that a client sent or received.
#[derive(Debug, Default)]
struct Messages(Mutex<Vec<(Direction, Vec<u8>)>>);

impl Observer for Messages {
    fn observe(&self, observed: &Observed<'_>) {
        if let Content::Handshake { bytes, .. } = observed.content {
            self.0.lock().unwrap().push((observed.direction, bytes.to_vec()));
        }
    }
}

impl Messages {
    fn body(&self, handshake_type: HandshakeType) -> Vec<u8> {
        let messages = self.0.lock().unwrap();
        let (_, bytes) = messages.iter().find(|(_, bytes)| bytes[0] == handshake_type.0).unwrap();
        bytes[4..].to_vec()
    }
}

/// A server that asks its clients for certificates, and for staples or not.
fn asking_server(authority: &Authority, server: &ServerConfig, staple: bool) -> ServerConfig {
    server.clone().client_auth(ClientAuth::Require(Arc::new(authority.roots()))).ask_for_ocsp(staple)
}

#[test]
fn client_staples_to_its_certificate_if_the_server_asks() {
    let (authority, client, server) = ends();
    let client = client.identity(decorated(authority.identity(&["client.test"], KeyKind::EcdsaP256)));
    for (asks, expected) in [(true, Some(RESPONSE)), (false, None)] {
        let judge = Arc::new(Judge::default());
        let messages = Arc::new(Messages::default());
        let server = asking_server(&authority, &server, asks).danger_verify_with(judge.clone());
        let pair = Pair::established(client.clone().observer(messages.clone()), server);
        assert_eq!(beside(&pair.server), (expected, None));
        assert_eq!(*judge.0.lock().unwrap(), [(expected.map(<[u8]>::to_vec), None)]);
        let body = messages.body(HandshakeType::certificate_request);
        let request: CertificateRequest<'_> = read_all(&body).unwrap();
        assert_eq!(request.extensions.contains(&CertificateRequestExtension::StatusRequest), asks);
    }
    // A client that has nothing to staple, and one of TLS 1.2, go on without.
    let plain = client.clone().identity(authority.identity(&["client.test"], KeyKind::EcdsaP256));
    assert_eq!(beside(&Pair::established(plain, asking_server(&authority, &server, true)).server), (None, None));
    #[cfg(feature = "tls12")]
    {
        let client = client.versions([ProtocolVersion::TLSv1_2]).unwrap();
        assert_eq!(beside(&Pair::established(client, asking_server(&authority, &server, true)).server), (None, None));
    }
}

#[test]
fn client_sends_its_timestamps_to_a_server_that_asks_for_them() {
    let stage = Stage::new();
    let identity = decorated(stage.authority.identity(&["client.test"], KeyKind::EcdsaP256));
    let messages = Arc::new(Messages::default());
    let client = stage.client.clone().identity(identity).observer(messages.clone());
    let scene = stage.client_with(client).say(&[Say::ServerHello, Say::EncryptedExtensions]);
    let scene = scene.say_message(|_| {
        script::certificate_request_with(|request| {
            request.extensions.push(CertificateRequestExtension::SignedCertificateTimestamp);
        })
    });
    let scene = scene.say(&[Say::Certificate, Say::CertificateVerify, Say::Finished]);
    assert_eq!((scene.error.clone(), scene.end.state()), (None, "Connected"));
    let messages = messages.0.lock().unwrap();
    let sent = |(direction, bytes): &&(Direction, Vec<u8>)| *direction == Direction::Sent && bytes[0] == 11;
    let (_, bytes) = messages.iter().find(sent).unwrap();
    let certificate: bulla::wire::Certificate<'_> = read_all(&bytes[4..]).unwrap();
    let extensions = &certificate.certificate_list[0].extensions;
    assert!(
        matches!(&extensions[..], [CertificateExtension::SignedCertificateTimestamp(list)] if list.sct_list.len() == 2)
    );
}

#[test]
fn staple_that_a_server_did_not_ask_for_sends_unsupported_extension() {
    let stage = Stage::new();
    let staple = |peer: &mut script::Peer| {
        let extension = CertificateExtension::StatusRequest(CertificateStatus::Ocsp(b"a response"));
        peer.certificate_with(|it| it.certificate_list[0].extensions.push(extension))
    };
    let scene = stage.server_with(stage.requiring_server()).say(&[Say::ClientHello]).say_message(staple);
    let (extension, message) = (ExtensionType::status_request, HandshakeType::certificate);
    assert_eq!(scene.error, Some(Error::Violation(Violation::ExtensionNotOffered(extension, message))));
    assert_eq!(scene.peer.alerts()[0].description, AlertDescription::unsupported_extension);
    let asking = stage.requiring_server().ask_for_ocsp(true);
    let scene = stage.server_with(asking).say(&[Say::ClientHello]).say_message(staple);
    let scene = scene.say(&[Say::CertificateVerify, Say::Finished]);
    assert_eq!((scene.error.clone(), scene.end.state()), (None, "Connected"));
    assert_eq!(beside(&scene.end), (Some(RESPONSE), None));
}

/// The extensions of a client's hello.
fn hello_of(client: ClientConfig) -> Vec<u8> {
    let messages = Arc::new(Messages::default());
    let mut pair = Pair::new(client.observer(messages.clone()), ends().2);
    let _ = pair.run();
    messages.body(HandshakeType::client_hello)
}

fn schemes_of(hello: &[u8]) -> (Vec<Scheme>, Option<Vec<Scheme>>) {
    let hello: ClientHello<'_> = read_all(hello).unwrap();
    let (mut handshake, mut certificates) = (Vec::new(), None);
    for extension in hello.extensions.into_iter().flatten() {
        match extension {
            ClientExtension::SignatureAlgorithms(list) => handshake = list,
            ClientExtension::SignatureAlgorithmsCert(list) => certificates = Some(list),
            _ => {}
        }
    }
    (handshake, certificates)
}

#[test]
fn schemes_of_certificates_are_offered_apart_from_those_of_handshakes_as_they_were_chosen() {
    let (_, client, _) = ends();
    let handshake = [Scheme::ed25519, Scheme::ecdsa_secp256r1_sha256];
    let certificates = [Scheme::rsa_pkcs1_sha384, Scheme::ecdsa_secp256r1_sha256];
    for versions in [vec![ProtocolVersion::TLSv1_3], VERSIONS.to_vec()] {
        let client = client.clone().versions(versions).unwrap().signature_schemes(handshake).unwrap();
        let client = client.certificate_signature_schemes(certificates).unwrap();
        assert_eq!(schemes_of(&hello_of(client)), (handshake.to_vec(), Some(certificates.to_vec())));
    }
}

#[test]
fn server_asks_for_the_chosen_schemes_of_certificates() {
    let (authority, client, server) = ends();
    let client = client.identity(authority.identity(&["client.test"], KeyKind::EcdsaP256));
    let certificates = [Scheme::ecdsa_secp256r1_sha256, Scheme::rsa_pkcs1_sha256];
    let server = asking_server(&authority, &server, false).certificate_signature_schemes(certificates).unwrap();
    let messages = Arc::new(Messages::default());
    Pair::established(client.clone().observer(messages.clone()), server.clone());
    let body = messages.body(HandshakeType::certificate_request);
    let request: CertificateRequest<'_> = read_all(&body).unwrap();
    let chosen = CertificateRequestExtension::SignatureAlgorithmsCert(certificates.to_vec());
    assert!(request.extensions.contains(&chosen));
    // In TLS 1.2 one list speaks of both.
    #[cfg(feature = "tls12")]
    {
        let messages = Arc::new(Messages::default());
        let client = client.versions([ProtocolVersion::TLSv1_2]).unwrap().observer(messages.clone());
        let server = server.accepted_signature_schemes([Scheme::ecdsa_secp256r1_sha256]).unwrap();
        Pair::established(client, server);
        let body = messages.body(HandshakeType::certificate_request);
        let request: bulla::wire::CertificateRequestTls12<'_> = read_all(&body).unwrap();
        let schemes = request.supported_signature_algorithms;
        assert_eq!(schemes, certificates);
    }
}

#[test]
fn chain_that_is_signed_with_another_scheme_than_was_chosen_is_refused_by_both_ends() {
    let (authority, client, server) = ends();
    let client = client.identity(authority.identity(&["client.test"], KeyKind::EcdsaP256));
    let server = asking_server(&authority, &server, false);
    // The authority signs with ECDSA and SHA-256.
    let fits = [Scheme::ecdsa_secp256r1_sha256];
    let others = [Scheme::ecdsa_secp384r1_sha384, Scheme::ed25519, Scheme::rsa_pkcs1_sha256];
    let refused = Error::Certificate(CertificateError::UnsupportedAlgorithm(Which::Leaf));
    for version in VERSIONS {
        let client = client.clone().versions([*version]).unwrap();
        let choosing = |schemes: &[Scheme]| client.clone().certificate_signature_schemes(schemes.to_vec()).unwrap();
        Pair::established(choosing(&fits), server.clone().certificate_signature_schemes(fits).unwrap());
        assert_eq!(Pair::new(choosing(&others), server.clone()).run(), Err(("client", refused.clone())));
        let choosing = server.clone().certificate_signature_schemes(others).unwrap();
        assert_eq!(Pair::new(client.clone(), choosing).run(), Err(("server", refused.clone())));
    }
}

#[test]
fn scheme_that_no_certificate_can_be_verified_with_is_refused_in_the_configuration() {
    let (_, client, server) = ends();
    for scheme in [Scheme::rsa_pkcs1_sha1, Scheme::ecdsa_sha1, Scheme(0x4242)] {
        let expected = ConfigError::SignatureSchemeUnavailable(scheme);
        assert_eq!(client.clone().certificate_signature_schemes([scheme]).unwrap_err(), expected);
        assert_eq!(server.clone().certificate_signature_schemes([scheme]).unwrap_err(), expected);
    }
    let list = "certificate signature schemes";
    assert_eq!(client.certificate_signature_schemes([]).unwrap_err(), ConfigError::Empty(list));
    let twice = [Scheme::ed25519, Scheme::ed25519];
    assert_eq!(server.certificate_signature_schemes(twice).unwrap_err(), ConfigError::Repeated(list));
}

#[test]
fn session_of_other_schemes_of_certificates_is_not_resumed() {
    let (_, client, server) = ends();
    let server = server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap()));
    let client = client.session_store(Arc::new(MemoryClientSessions::new(8, 8)));
    let chosen = client.clone().certificate_signature_schemes([Scheme::ecdsa_secp256r1_sha256]).unwrap();
    let delegating = client.clone().accept_delegated_credentials(true);
    for (client, kind) in [
        (&client, HandshakeKind::Full),
        (&chosen, HandshakeKind::Full),
        (&chosen, HandshakeKind::Resumed),
        (&delegating, HandshakeKind::Full),
        (&client, HandshakeKind::Resumed),
    ] {
        let pair = Pair::established(client.clone(), server.clone());
        assert_eq!(pair.client.handshake_kind(), Some(kind));
    }
}

/// Writes down whom a client trusts, as its hello says.
#[derive(Debug)]
struct Chooser(Arc<Identity>, Mutex<Vec<Vec<Vec<u8>>>>);

impl ChooseServerIdentity for Chooser {
    fn choose(&self, hello: &ClientHelloInfo) -> Decision<Option<Arc<Identity>>> {
        self.1.lock().unwrap().push(hello.certificate_authorities.clone());
        Decision::Now(Some(self.0.clone()))
    }
}

#[test]
fn client_names_its_roots_if_it_is_told_to_and_if_they_fit() {
    let (authority, client, _) = ends();
    let identity = Arc::new(authority.identity(&[NAME], KeyKind::EcdsaP256));
    let chooser = Arc::new(Chooser(identity, Mutex::default()));
    let server = ServerConfig::choosing(chooser.clone()).clock(Arc::new(NOW));
    Pair::established(client.clone(), server.clone());
    Pair::established(client.clone().name_authorities(true), server.clone());
    Pair::established(client.clone().name_authorities(true).name_authorities(false), server.clone());
    let seen = chooser.1.lock().unwrap().clone();
    let name = |der: &[u8]| bulla::verify::PeerCertificate::read(der).unwrap().subject().to_vec();
    assert_eq!(seen, [vec![], vec![name(&authority.certificate)], vec![]]);

    // So many authorities that their names take more than 8,192 bytes: none is named.
    let mut roots = authority.roots();
    for index in 0..60 {
        roots.add_der(&Authority::named(&format!("{index:0200}")).certificate).unwrap();
    }
    let many = ClientConfig::new(roots).clock(Arc::new(NOW)).name_authorities(true);
    Pair::established(many, server);
    assert_eq!(chooser.1.lock().unwrap().last(), Some(&vec![]));
}

#[test]
fn server_with_chains_to_several_authorities_shows_the_one_that_the_client_names() {
    let (ours, client, _) = ends();
    let other = Authority::named("Another Authority");
    let server = ServerConfig::new(other.identity(&[NAME], KeyKind::EcdsaP256));
    let server = server.and_identity(ours.identity(&[NAME], KeyKind::EcdsaP256)).clock(Arc::new(NOW));
    Pair::established(client.clone().name_authorities(true), server.clone());
    assert!(Pair::new(client, server).run().is_err());
}

#[cfg(feature = "tls12")]
#[test]
fn client_of_tls12_alone_says_nothing_of_what_tls13_alone_has() {
    let (_, client, _) = ends();
    let all =
        |client: ClientConfig| client.name_authorities(true).accept_delegated_credentials(true).ask_for_scts(true);
    let types = |hello: &[u8]| {
        let hello: ClientHello<'_> = read_all(hello).unwrap();
        hello.extensions.iter().flatten().map(|extension| extension.extension_type()).collect::<Vec<_>>()
    };
    let of_tls13 = [ExtensionType::certificate_authorities, ExtensionType::delegated_credential];
    let both = types(&hello_of(all(client.clone())));
    assert!(of_tls13.iter().all(|extension| both.contains(extension)));
    let old = types(&hello_of(all(client.versions([ProtocolVersion::TLSv1_2]).unwrap())));
    assert!(!of_tls13.iter().any(|extension| old.contains(extension)));
    assert!(old.contains(&ExtensionType::signed_certificate_timestamp));
}

/// The answer to a request after the handshake has the same form, RFC 8446 §4.6.2, and travels as compressed, RFC 8879 §3.
#[test]
fn client_staples_after_the_handshake_too() {
    let (authority, client, server) = ends();
    let identity = decorated(authority.identity(&["client.test"], KeyKind::EcdsaP256));
    let client = client.identity(identity).post_handshake_auth(true);
    let asks = ClientAuth::Require(Arc::new(authority.roots()));
    for staple in [true, false] {
        let server = server.clone().post_handshake_auth(asks.clone()).ask_for_ocsp(staple);
        let mut pair = Pair::established(client.clone(), server);
        assert_eq!(beside(&pair.server), (None, None));
        pair.server.request_client_certificate().unwrap();
        pair.run().unwrap();
        assert_eq!(pair.server.peer_certificates().len(), 1);
        assert_eq!(beside(&pair.server), (Some(RESPONSE).filter(|_| staple), None));
    }
}
