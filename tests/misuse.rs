//! What must not come about, whatever an application or a peer does: verdicts that travel, records without end, secrets shown.

#[path = "support/pair.rs"]
mod pair;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bulla::connection::danger::DangerousTrafficSecrets;
use bulla::crypto::{
    Aead, AeadAlgorithm, CryptoError, Digest, Hash, HashAlgorithm, KeyExchange, KeyRejected, Provider, SigningKey,
    Suite, VerificationAlgorithm, ring,
};
use bulla::keys::{TrafficKeys, TrafficSecret};
use bulla::pki_types::PrivateKeyDer;
use bulla::wire::{AlertDescription, CipherSuite, ContentType};
use bulla::{
    Answer, ClientConfig, ClientConnection, Connection, Content, Direction, Error, Observed, Observer, Question,
    QuestionKind, ServerConfig, ServerConnection,
};
use pair::{Authority, KeyKind, NAME, NOW, Pair, configs, feed, feed_with, output, send};

#[test]
fn connections_questions_and_halves_travel_between_threads() {
    fn travels<T: Send + 'static>() {}
    fn is_shared<T: Send + Sync + 'static>() {}
    travels::<ClientConnection>();
    travels::<ServerConnection>();
    travels::<Answer>();
    travels::<bulla::crypto::Secret>();
    travels::<bulla::Stream<ClientConnection, std::net::TcpStream>>();
    travels::<bulla::ReadHalf<ClientConnection, std::net::TcpStream>>();
    travels::<bulla::WriteHalf<ClientConnection, std::net::TcpStream>>();
    is_shared::<Connection>();
    is_shared::<Question>();
    is_shared::<ClientConfig>();
    is_shared::<ServerConfig>();
    is_shared::<Error>();
}

/// A client that waits for a verdict over this server's chain, and the question.
fn asking(roots: &Authority, server: ServerConfig) -> (Pair, Question) {
    let client = ClientConfig::new(roots.roots()).clock(Arc::new(NOW)).verify_later();
    let mut pair = Pair::new(client, server);
    pair.to_server = output(&mut pair.client);
    feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
    pair.to_client = output(&mut pair.server);
    let mut asked = None;
    feed_with(&mut pair.client, &mut pair.to_client, &mut Vec::new(), &mut |_, question| asked = Some(question))
        .unwrap();
    (pair, asked.unwrap())
}

#[test]
fn verdict_over_one_connections_chain_serves_no_other() {
    let (good, evil) = (Authority::new(), Authority::new());
    let (mut own, own_question) = asking(&good, ServerConfig::new(good.identity(&[NAME], KeyKind::EcdsaP256)));
    let (mut other, other_question) = asking(&good, ServerConfig::new(evil.identity(&[NAME], KeyKind::EcdsaP256)));
    let QuestionKind::VerifyChain(chain) = own_question.kind else { panic!("another question") };
    let refused = other.client.answer(other_question.id, Answer::Verdict(chain.judge()));
    assert_eq!(refused.unwrap_err().name(), "WrongAnswer");
    assert_eq!(other.client.state(), "AskVerdict");
    own.client.answer(own_question.id, Answer::Verdict(chain.judge())).unwrap();
    own.run().unwrap();
    assert!(own.client.is_established() && !other.client.is_established());
}

/// Seals whatever the end whose secrets it has could send.
struct Forge {
    keys: TrafficKeys,
    number: u64,
}

impl Forge {
    fn of(connection: &Connection) -> Self {
        let secrets = connection.danger_traffic_secrets().unwrap();
        let suite = Suite::tls13(secrets.cipher_suite).unwrap();
        let keys = TrafficSecret::new(suite, secrets.write.secret).keys(&*ring::provider()).unwrap();
        Self { keys, number: secrets.write.sequence_number }
    }

    fn seal(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8> {
        let mut inner = [content, &[content_type.0]].concat();
        let mut nonce = *self.keys.iv;
        for (byte, number) in nonce.iter_mut().rev().zip(self.number.to_le_bytes()) {
            *byte ^= number;
        }
        self.number += 1;
        let [high, low] = u16::try_from(inner.len() + 16).unwrap().to_be_bytes();
        let header = [23, 3, 3, high, low];
        let mut tag = [0; 16];
        self.keys.aead.seal_in_place(&nonce, &header, &mut inner, &mut tag).unwrap();
        [&header[..], &inner, &tag].concat()
    }
}

#[test]
fn empty_records_and_warnings_in_turn_have_an_end() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::established(client, server);
    let mut forge = Forge::of(&pair.server);
    let failed = (0..100).find_map(|_| {
        let mut records: Vec<u8> = (0..30).flat_map(|_| forge.seal(ContentType::application_data, &[])).collect();
        records.extend(forge.seal(ContentType::alert, &[1, AlertDescription::user_canceled.0]));
        feed(&mut pair.client, &mut records, &mut Vec::new()).err()
    });
    assert_eq!(failed.unwrap().name(), "TooManyEmptyRecords");
}

#[test]
fn tickets_without_data_have_an_end() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::established(client, server);
    let mut forge = Forge::of(&pair.server);
    let ticket = [&[4, 0, 0, 14, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 1, 9, 0, 0][..]].concat();
    for round in 0..3 {
        for _ in 0..bulla::MAX_TICKETS {
            feed(&mut pair.client, &mut forge.seal(ContentType::handshake, &ticket), &mut Vec::new()).unwrap();
        }
        if round < 2 {
            feed(&mut pair.client, &mut forge.seal(ContentType::application_data, b"x"), &mut Vec::new()).unwrap();
        }
    }
    let error = feed(&mut pair.client, &mut forge.seal(ContentType::handshake, &ticket), &mut Vec::new()).unwrap_err();
    assert_eq!(error.name(), "TooManyTickets");
}

#[test]
fn traffic_secrets_are_shown_only_where_somebody_could_go_on_with_them() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::established(client, server);
    let mut forge = Forge::of(&pair.server);
    // Three bytes of a KeyUpdate, which whoever takes over would never see.
    feed(&mut pair.client, &mut forge.seal(ContentType::handshake, &[24, 0, 0]), &mut Vec::new()).unwrap();
    assert_eq!(pair.client.danger_traffic_secrets().err().unwrap().name(), "InputPending");
    pair.server.close();
    let _ = output(&mut pair.server);
    assert_eq!(pair.server.danger_traffic_secrets().err().unwrap().name(), "SendAfterClose");
}

/// A provider whose HMAC can be made to fail.
#[derive(Debug)]
struct Failing(Arc<dyn Provider>, AtomicBool);

impl Provider for Failing {
    fn fill_random(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        self.0.fill_random(out)
    }

    fn cipher_suites(&self) -> &[CipherSuite] {
        self.0.cipher_suites()
    }

    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn Hash>, CryptoError> {
        self.0.hash(algorithm)
    }

    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Result<Digest, CryptoError> {
        if self.1.load(Ordering::SeqCst) { Err(CryptoError::Failed) } else { self.0.hmac(algorithm, key, parts) }
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        self.0.aead(algorithm, key)
    }

    fn groups(&self) -> &[&dyn KeyExchange] {
        self.0.groups()
    }

    fn verification_algorithms(&self) -> &[VerificationAlgorithm] {
        self.0.verification_algorithms()
    }

    fn signing_key(&self, key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, KeyRejected> {
        self.0.signing_key(key)
    }
}

#[test]
fn alert_of_a_key_update_that_failed_is_sealed_so_that_the_peer_can_read_it() {
    let authority = Authority::new();
    let provider = Arc::new(Failing(ring::provider(), AtomicBool::new(false)));
    let client = ClientConfig::with_provider(authority.roots(), provider.clone()).clock(Arc::new(NOW));
    let server = ServerConfig::new(authority.identity(&[NAME], KeyKind::EcdsaP256)).clock(Arc::new(NOW));
    let mut pair = Pair::established(client, server);
    provider.1.store(true, Ordering::SeqCst);
    assert_eq!(pair.client.update_keys(false).unwrap_err().name(), "CryptographyFailed");
    pair.to_server = output(&mut pair.client);
    let error = feed(&mut pair.server, &mut pair.to_server, &mut Vec::new()).unwrap_err();
    assert_eq!(error, Error::AlertReceived(AlertDescription::internal_error));
}

#[test]
fn debug_output_of_an_event_shows_no_plaintext() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::established(client, server);
    let mut records = send(&mut pair.server, &[0xab; 4]);
    let shown = format!("{:?}", pair.client.receive(&mut records).unwrap());
    assert!(shown.contains("Data(4 bytes"), "{shown}");
    assert!(!shown.contains("171") && !shown.contains("ab, ab"), "{shown}");
}

/// Panics when it is shown an alert that goes out.
#[derive(Debug)]
struct Fragile;

impl Observer for Fragile {
    fn observe(&self, seen: &Observed<'_>) {
        assert!(!(seen.direction == Direction::Sent && matches!(seen.content, Content::Alert(_))), "an alert");
    }
}

#[test]
fn connection_whose_observer_panicked_at_its_alert_has_failed_all_the_same() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::established(client.observer(Arc::new(Fragile)), server);
    let mut bad = [&[23, 3, 3, 0, 20][..], &[0; 20]].concat();
    let received = std::panic::AssertUnwindSafe(|| pair.client.receive(&mut bad).is_err());
    assert!(std::panic::catch_unwind(received).is_err());
    assert_eq!((pair.client.is_failed(), pair.client.state()), (true, "Failed"));
}
