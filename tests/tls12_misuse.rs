//! What must not come about in TLS 1.2, whatever an application or a peer does: secrets shown that there are none of, work
//! without end, failures that the peer cannot read, messages that the observer misses.

#![cfg(feature = "tls12")]

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[path = "support/script_tls12.rs"]
mod script_tls12;
#[path = "support/stage_tls12.rs"]
mod stage_tls12;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bulla::connection::danger::DangerousTrafficSecrets as _;
use bulla::crypto::{
    Aead, AeadAlgorithm, CryptoError, Digest, Hash, HashAlgorithm, KeyExchange, KeyRejected, Provider, SigningKey,
    VerificationAlgorithm, ring,
};
use bulla::error::Misuse;
use bulla::pki_types::PrivateKeyDer;
use bulla::wire::{AlertDescription, CipherSuite, ContentType, HandshakeType, ProtocolVersion};
use bulla::{
    ClientConfig, Content, Direction, Error, Level, MAX_CHAIN_LEN, MAX_CHANGE_CIPHER_SPECS, MAX_EMPTY_RECORDS,
    MAX_HANDSHAKE_MESSAGE_LEN, Observed, Observer, ServerConfig,
};
use pair::{Authority, KeyKind, NAME, NOW, Pair, data, feed, output};
use script_tls12::Say::{self, ClientHello, ClientKeyExchange};
use stage_tls12::{END, SERVER_FLIGHT, Scene, Stage};

#[test]
fn traffic_secrets_are_never_shown_for_there_are_none() {
    let stage = Stage::new();
    let pair = Pair::established(stage.client, stage.server);
    for end in [&*pair.client, &*pair.server] {
        assert_eq!(end.danger_traffic_secrets().err(), Some(Error::Misuse(Misuse::NoTrafficSecrets)));
        assert!(end.is_established());
    }
}

#[test]
fn data_cannot_be_sent_before_the_peers_finished() {
    let stage = Stage::new();
    // Both ends have their write keys by then, or could have.
    let client = stage.client().say(&SERVER_FLIGHT).say(&END[..1]);
    let server = stage.server().say(&[ClientHello, ClientKeyExchange]).say(&END[..1]);
    for mut scene in [client, server] {
        assert_eq!((scene.outcome(), scene.end.may_send()), ("WaitFinished", false));
        let refused = Error::Misuse(Misuse::HandshakeNotFinished);
        assert_eq!(scene.end.send(b"early", &mut [0; 1024]), Err(refused.clone()));
        assert_eq!(scene.end.send_in_place(&mut [0; 1024], 100..105), Err(refused.clone()));
        assert_eq!(scene.end.export(b"label", None, &mut [0; 16]), Err(refused));
        assert_eq!(scene.say(&END[1..]).outcome(), "Connected");
    }
}

#[test]
fn empty_records_have_an_end_also_with_warnings_between_them() {
    let stage = Stage::new();
    for with_warnings in [false, true] {
        let mut scene = stage.connected_server();
        for round in 0..MAX_EMPTY_RECORDS {
            scene = scene.say_record(ContentType::application_data, b"");
            if with_warnings && round % 30 == 0 {
                scene = scene.say_record(ContentType::alert, &[1, AlertDescription::user_canceled.0]);
            }
        }
        assert_eq!((scene.outcome(), &scene.seen.len()), ("Connected", &1));
        assert_eq!(scene.say_record(ContentType::application_data, b"").outcome(), "TooManyEmptyRecords");
    }
    let mut scene = stage.connected_client();
    for _ in 0..3 * MAX_EMPTY_RECORDS {
        scene = scene.say_record(ContentType::application_data, b"").say_record(ContentType::application_data, b"x");
    }
    assert_eq!(data(&scene.seen).len() as u32, 3 * MAX_EMPTY_RECORDS);
}

#[test]
fn dummy_change_cipher_specs_before_the_version_is_known_have_an_end() {
    let stage = Stage::new();
    let mut scene = stage.client_with(stage.client_of_both_versions());
    for _ in 0..MAX_CHANGE_CIPHER_SPECS {
        scene = scene.with(|_| script::change_cipher_spec());
    }
    assert_eq!(scene.outcome(), "WaitServerHello");
    assert_eq!(scene.with(|_| script::change_cipher_spec()).outcome(), "TooManyChangeCipherSpecs");
}

#[test]
fn chain_may_be_so_long_and_no_longer_on_both_ends() {
    let stage = Stage::new();
    let shown = |scene: Scene, len: usize| {
        scene.say_message(|peer| {
            // A leaf that is trusted, and certificates that nobody needs.
            let leaf = peer.certificate()[4 + 3 + 3..].to_vec();
            peer.show(vec![leaf.into(); len]);
            peer.certificate()
        })
    };
    let client = || stage.client().say(&[Say::ServerHello]);
    let server = || stage.server_with(stage.requiring_server()).say(&[ClientHello]);
    assert_eq!(shown(client(), MAX_CHAIN_LEN).outcome(), "WaitServerKeyExchange");
    assert_eq!(shown(server(), MAX_CHAIN_LEN).outcome(), "WaitClientKeyExchange");
    assert_eq!(shown(client(), MAX_CHAIN_LEN + 1).outcome(), "ChainTooLong");
    assert_eq!(shown(server(), MAX_CHAIN_LEN + 1).outcome(), "ChainTooLong");
}

#[test]
fn message_that_claims_more_than_the_limit_is_refused_before_its_bytes_arrive() {
    let stage = Stage::new();
    let [.., a, b, c] = (MAX_HANDSHAKE_MESSAGE_LEN - 4).to_be_bytes();
    let claim = |len: [u8; 3]| {
        let header = [HandshakeType::certificate.0, len[0], len[1], len[2]];
        stage.client().say(&[Say::ServerHello]).say_record(ContentType::handshake, &header).outcome()
    };
    assert_eq!(claim([a, b, c]), "WaitCertificate");
    assert_eq!(claim([a, b, c + 1]), "MessageTooLarge");
    assert_eq!(claim([0xff; 3]), "MessageTooLarge");
}

/// A provider whose HMAC fails from some call on.
#[derive(Debug)]
struct Failing {
    inner: Arc<dyn Provider>,
    hmacs_left: AtomicUsize,
}

impl Provider for Failing {
    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.fill_random(out)
    }

    fn cipher_suites(&self) -> &[CipherSuite] {
        self.inner.cipher_suites()
    }

    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn Hash>, CryptoError> {
        self.inner.hash(algorithm)
    }

    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Result<Digest, CryptoError> {
        let left = self.hmacs_left.load(Ordering::SeqCst);
        self.hmacs_left.store(left.saturating_sub(1), Ordering::SeqCst);
        if left == 0 { Err(CryptoError::Failed) } else { self.inner.hmac(algorithm, key, parts) }
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        self.inner.aead(algorithm, key)
    }

    fn groups(&self) -> &[&dyn KeyExchange] {
        self.inner.groups()
    }

    fn verification_algorithms(&self) -> &[VerificationAlgorithm] {
        self.inner.verification_algorithms()
    }

    fn signing_key(&self, key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, KeyRejected> {
        self.inner.signing_key(key)
    }
}

#[test]
fn failure_of_a_primitive_at_any_step_reaches_the_peer_as_an_alert_that_it_can_read() {
    let authority = Authority::new();
    let (_, server) = pair::configs_by(&authority, KeyKind::EcdsaP256);
    let mut states = Vec::new();
    for hmacs in 0..100 {
        let failing = Arc::new(Failing { inner: ring::provider(), hmacs_left: AtomicUsize::new(hmacs) });
        let client = ClientConfig::with_provider(authority.roots(), failing).clock(Arc::new(NOW));
        let mut pair = Pair::new(client.versions([ProtocolVersion::TLSv1_2]).unwrap(), server.clone());
        let Err((end, error)) = pair.run() else { break };
        assert_eq!(
            (end, error.name(), error.alert()),
            ("client", "CryptographyFailed", Some(AlertDescription::internal_error))
        );
        states.push(pair.server.state());
        pair.to_server.extend(output(&mut pair.client));
        let heard = feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen);
        assert_eq!(heard, Err(Error::AlertReceived(AlertDescription::internal_error)), "{hmacs}");
    }
    // While the client derives its keys, and when it checks the server's Finished.
    states.dedup();
    assert_eq!(states, ["WaitClientKeyExchange", "Connected"]);
}

/// Keeps what it sees.
#[derive(Debug, Default)]
struct Seeing(Mutex<Vec<(Direction, Level, String)>>);

impl Observer for Seeing {
    fn observe(&self, seen: &Observed<'_>) {
        let what = match &seen.content {
            Content::Handshake { message, bytes } => {
                assert!(message.is_ok(), "{message:?}");
                HandshakeType(bytes[0]).to_string()
            }
            Content::ChangeCipherSpec => "change_cipher_spec".to_string(),
            Content::Alert(alert) => alert.description.to_string(),
            other => panic!("{other:?}"),
        };
        self.0.lock().unwrap().push((seen.direction, seen.level, what));
    }
}

#[test]
fn observer_sees_every_message_once_in_order_and_reads_each() {
    let stage = Stage::new();
    let observers = [Arc::new(Seeing::default()), Arc::new(Seeing::default())];
    let client = stage.asking_client().observer(Arc::clone(&observers[0]) as Arc<dyn Observer>);
    let identity = stage.authority.identity(&[NAME], KeyKind::EcdsaP256).ocsp_response(b"a response".to_vec());
    let server = ServerConfig::new(identity).clock(Arc::new(NOW));
    let server = server.client_auth(bulla::ClientAuth::Require(Arc::new(stage.authority.roots())));
    let server = server.observer(Arc::clone(&observers[1]) as Arc<dyn Observer>);
    let mut pair = Pair::established(client, server);
    pair.client.close();
    pair.run().unwrap();
    let [of_client, of_server] = observers.map(|seeing| seeing.0.lock().unwrap().clone());
    let turned = |direction: Direction| match direction {
        Direction::Sent => Direction::Received,
        Direction::Received => Direction::Sent,
    };
    let expected = [
        (Direction::Sent, Level::Initial, "ClientHello"),
        (Direction::Received, Level::Initial, "ServerHello"),
        (Direction::Received, Level::Initial, "Certificate"),
        (Direction::Received, Level::Initial, "CertificateStatus"),
        (Direction::Received, Level::Initial, "ServerKeyExchange"),
        (Direction::Received, Level::Initial, "CertificateRequest"),
        (Direction::Received, Level::Initial, "ServerHelloDone"),
        (Direction::Sent, Level::Initial, "Certificate"),
        (Direction::Sent, Level::Initial, "ClientKeyExchange"),
        (Direction::Sent, Level::Initial, "CertificateVerify"),
        (Direction::Sent, Level::Initial, "change_cipher_spec"),
        (Direction::Sent, Level::Application, "Finished"),
        (Direction::Received, Level::Initial, "change_cipher_spec"),
        (Direction::Received, Level::Application, "Finished"),
        (Direction::Sent, Level::Application, "close_notify"),
    ];
    let expected = expected.map(|(direction, level, what)| (direction, level, what.to_string()));
    assert_eq!(of_client, expected);
    assert_eq!(of_server, expected.map(|(direction, level, what)| (turned(direction), level, what)));
}
