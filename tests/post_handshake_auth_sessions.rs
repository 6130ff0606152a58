//! Authentication of a client after the handshake, and what sessions and PSKs make of it. RFC 8446 §4.6.1, §4.6.2, RFC 9846 §4.4.2.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[path = "support/stage_psk.rs"]
mod stage_psk;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bulla::config::{CertificateRequestInfo, ChooseClientIdentity, Decision};
use bulla::crypto::HashAlgorithm;
use bulla::crypto::ring::provider;
use bulla::error::Misuse;
use bulla::pki_types::CertificateDer;
use bulla::resume::{ExternalPsk, MemoryClientSessions, TicketKeys};
use bulla::wire::AlertDescription;
use bulla::{ClientAuth, ClientConfig, HandshakeKind, Identity, Roots, ServerConfig};
use pair::{Authority, KeyKind, Pair, configs_by};
use scene::Stage;
use script::{Say, certificate_request_with};
use stage_psk::{external_psk, scripted_psk};

/// A client that comes back, can be asked and has a certificate, and a server with one ticket at a time that may ask for it.
struct Rig {
    authority: Authority,
    client: ClientConfig,
    server: ServerConfig,
    shown: CertificateDer<'static>,
}

impl Rig {
    fn new() -> Self {
        let authority = Authority::new();
        let (client, server) = configs_by(&authority, KeyKind::EcdsaP256);
        let identity = authority.identity(&["client.test"], KeyKind::EcdsaP256);
        let shown = identity.chain()[0].clone();
        let client = client.identity(identity).post_handshake_auth(true);
        let client = client.session_store(Arc::new(MemoryClientSessions::new(1, 1)));
        let server = server.post_handshake_auth(ClientAuth::Require(Arc::new(authority.roots())));
        let tickets = Arc::new(TicketKeys::random(provider(), 86_400).unwrap());
        Self { authority, client, server: server.tickets(tickets).tickets_per_handshake(1), shown }
    }

    fn roots(&self) -> Arc<Roots> {
        Arc::new(self.authority.roots())
    }

    fn pair(&self) -> Pair {
        Pair::established(self.client.clone(), self.server.clone())
    }

    /// A connection whose client has shown itself after the handshake.
    fn authenticated(&self) -> Pair {
        let mut pair = self.pair();
        pair.server.request_client_certificate().unwrap();
        pair.run().unwrap();
        assert_eq!(pair.server.peer_certificates(), std::slice::from_ref(&self.shown));
        pair
    }
}

#[test]
fn sessions_made_behind_the_answer_carry_the_new_identity_and_those_before_do_not() {
    let mut rig = Rig::new();
    let anonymous = rig.pair();
    assert!(anonymous.server.peer_certificates().is_empty());
    // The ticket of that one.
    let mut pair = rig.pair();
    assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Resumed));
    assert!(pair.server.peer_certificates().is_empty());
    pair.server.request_client_certificate().unwrap();
    pair.run().unwrap();
    assert_eq!(pair.server.peer_certificates(), [rig.shown.clone()]);
    assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Resumed), "how the handshake was is as before");
    // The ticket that came behind the answer: the store keeps the newest.
    let pair = rig.pair();
    assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Resumed));
    assert_eq!(pair.server.peer_certificates(), [rig.shown.clone()]);
    // Under other terms for those who are asked later it is another configuration.
    rig.server = rig.server.clone().post_handshake_auth(ClientAuth::Request(rig.roots()));
    assert_eq!(rig.pair().server.handshake_kind(), Some(HandshakeKind::Full));
}

/// Shows nothing in the handshake, and itself when it is asked again.
#[derive(Debug)]
struct SecondTime {
    identity: Arc<Identity>,
    asked: AtomicBool,
}

impl ChooseClientIdentity for SecondTime {
    fn choose(&self, _: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        let again = self.asked.swap(true, Ordering::Relaxed);
        Decision::Now(again.then(|| Arc::clone(&self.identity)))
    }
}

#[test]
fn session_of_who_is_trusted_after_the_handshake_alone_does_not_come_back_as_one_whom_the_handshake_lets_in() {
    for of_both in [true, false] {
        let mut rig = Rig::new();
        let identity = Arc::new(rig.authority.identity(&["client.test"], KeyKind::EcdsaP256));
        rig.shown = identity.chain()[0].clone();
        rig.client = rig.client.choose_identity(Arc::new(SecondTime { identity, asked: AtomicBool::new(false) }));
        let within = if of_both { rig.roots() } else { Arc::new(Authority::new().roots()) };
        rig.server = rig.server.client_auth(ClientAuth::Request(within));
        assert_eq!(rig.authenticated().server.handshake_kind(), Some(HandshakeKind::Full));
        let again = rig.pair().server;
        assert_eq!(again.handshake_kind(), Some(HandshakeKind::Resumed));
        // The ticket of the handshake itself has brought it back.
        assert_eq!(again.peer_certificates().is_empty(), !of_both);
    }
}

#[test]
fn client_of_an_external_psk_is_not_asked_after_the_handshake() {
    let mut rig = Rig::new();
    let psk = Arc::new(ExternalPsk::new(b"a name", &[6; 32], HashAlgorithm::Sha256).unwrap());
    rig.server = rig.server.psks(Arc::new(vec![Arc::clone(&psk)]));
    rig.client = rig.client.psk(psk);
    let mut pair = rig.pair();
    assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::ExternalPsk));
    assert_eq!(pair.server.request_client_certificate(), Err(Misuse::NoPostHandshakeAuth.into()));
    // Where the client is known by a certificate, the same ends ask.
    rig.server = rig.server.psks(Arc::new(Vec::new()));
    rig.authenticated();
}

#[test]
fn server_that_asks_for_a_certificate_beside_an_external_psk_is_refused() {
    let stage = Stage::new();
    let mut scene = stage.client_with(stage.client.clone().psk(external_psk()).post_handshake_auth(true));
    scene.peer.second.psks = vec![scripted_psk()];
    let scene = scene.say(&[Say::ServerHelloOfPsk, Say::EncryptedExtensions, Say::Finished]);
    assert_eq!(scene.outcome(), "Connected");
    let mut scene =
        scene.say_message(|_| certificate_request_with(|request| request.certificate_request_context = &[1]));
    scene.assert_failed_with_its_alert();
    assert_eq!(scene.peer.alerts()[0].description, AlertDescription::unexpected_message);
}
