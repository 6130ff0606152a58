//! How a connection ends: what is sent last, what is never sent behind it, and what is forgotten.

#![cfg(feature = "ring")]

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use bulla::crypto::ring::provider;
use bulla::crypto::{
    Aead, AeadAlgorithm, CryptoError, Digest, Hash, HashAlgorithm, KeyExchange, KeyRejected, Provider, SigningKey,
    VerificationAlgorithm,
};
use bulla::error::Misuse;
use bulla::pki_types::PrivateKeyDer;
use bulla::wire::{Alert, AlertDescription, AlertLevel, CipherSuite, ContentType, KeyUpdateRequest, ProtocolVersion};
use bulla::{Answer, ClientConfig, Error, Identity, ServerConfig};
use pair::{Authority, KeyKind, NAME, NOW, Pair, output, send};
use scene::{Scene, Stage};
use script::Say::{ClientHello, EncryptedExtensions, ServerHello};
use script::{Heard, key_update};

fn warning(description: AlertDescription) -> Alert {
    Alert { level: AlertLevel::warning, description }
}

#[test]
fn nothing_is_sent_behind_our_close_notify() {
    let stage = Stage::new();
    let closed = || {
        let mut scene = stage.connected_client();
        scene.end.close();
        scene.listen();
        assert_eq!(scene.peer.alerts(), [warning(AlertDescription::close_notify)]);
        scene.peer.heard.clear();
        scene
    };
    let asked = closed().say_message(|_| key_update(KeyUpdateRequest::update_requested));
    assert_eq!((asked.outcome(), &asked.peer.heard[..]), ("Connected", &[][..]));
    // The request is followed all the same, and receiving goes on.
    let asked = asked.say_record(ContentType::application_data, b"still here");
    assert_eq!(pair::data(&asked.seen), b"still here");
    let failed = closed().say_record(ContentType::application_data, b"x").with(|_| vec![23, 3, 3, 0, 17]);
    let failed = failed.with(|_| vec![0; 22]);
    assert_eq!((failed.error.is_some(), &failed.peer.heard[..]), (true, &[][..]));
    let mut again = closed();
    again.end.close();
    assert_eq!(again.end.send(b"x", &mut [0; 100]).unwrap_err(), Error::Misuse(Misuse::SendAfterClose));
    assert_eq!(output(&mut again.end), b"");
}

#[test]
fn handshake_that_is_given_up_says_so_and_is_over() {
    let stage = Stage::new();
    let begun: [Scene; 4] = [
        stage.client(),
        stage.client().say(&[ServerHello, EncryptedExtensions]),
        stage.server(),
        stage.server().say(&[ClientHello]),
    ];
    for mut scene in begun {
        scene.peer.heard.retain(|heard| matches!(heard, Heard::Alert(_)));
        scene.end.close();
        scene.listen();
        let both = [AlertDescription::user_canceled, AlertDescription::close_notify].map(warning);
        assert_eq!(scene.peer.alerts(), both);
        let over = Error::Refused(AlertDescription::user_canceled);
        assert_eq!(scene.end.receive(&mut [22, 3, 3, 0, 1, 1]).unwrap_err(), over);
        assert_eq!(output(&mut scene.end), b"");
    }
}

#[test]
fn refusal_that_is_no_error_is_a_warning_and_ends_the_connection_all_the_same() {
    let stage = Stage::new();
    let (canceled, closed) = (AlertDescription::user_canceled, AlertDescription::close_notify);
    for (description, expected) in [(canceled, &[canceled, closed][..]), (closed, &[closed][..])] {
        let expected: Vec<_> = expected.iter().copied().map(warning).collect();
        let mut refused = stage.choosing_server(Arc::new(later::Later)).say(&[ClientHello]);
        let question = refused.questions.pop().unwrap();
        refused.answer_with(&question, Answer::Refuse(description));
        let mut aborted = stage.connected_client();
        aborted.end.abort(description);
        for mut scene in [refused, aborted] {
            scene.listen();
            assert_eq!(scene.peer.alerts(), expected);
            assert_eq!(scene.end.receive(&mut []).unwrap_err(), Error::Refused(description));
        }
    }
}

#[test]
fn own_side_may_close_while_the_other_goes_on() {
    let stage = Stage::new();
    let mut scene = stage.connected_server();
    scene.end.close();
    scene.listen();
    let scene = scene.say_record(ContentType::application_data, b"one").say_record(ContentType::alert, &[1, 0]);
    assert_eq!((scene.error.clone(), pair::data(&scene.seen)), (None, b"one".to_vec()));
    assert!(scene.end.is_closed());
}

/// `ring`'s provider, which counts the AEAD keys that live.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn Provider>,
    alive: Arc<AtomicIsize>,
}

struct CountedAead {
    inner: Box<dyn Aead>,
    alive: Arc<AtomicIsize>,
}

impl Drop for CountedAead {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Aead for CountedAead {
    fn seal_in_place(
        &self,
        nonce: &[u8; 12],
        associated_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8; 16],
    ) -> Result<(), CryptoError> {
        self.inner.seal_in_place(nonce, associated_data, in_out, tag)
    }

    fn open_in_place(&self, nonce: &[u8; 12], associated_data: &[u8], in_out: &mut [u8]) -> Result<usize, CryptoError> {
        self.inner.open_in_place(nonce, associated_data, in_out)
    }
}

impl Provider for Counting {
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
        self.inner.hmac(algorithm, key, parts)
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        let inner = self.inner.aead(algorithm, key)?;
        self.alive.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(CountedAead { inner, alive: Arc::clone(&self.alive) }))
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

/// A connected pair, and how many AEAD keys of its client live.
fn counted_pair(version: ProtocolVersion) -> (Pair, Arc<AtomicIsize>) {
    let authority = Authority::new();
    let alive = Arc::new(AtomicIsize::new(0));
    let counting = Arc::new(Counting { inner: provider(), alive: Arc::clone(&alive) });
    let client = ClientConfig::with_provider(authority.roots(), counting).clock(Arc::new(NOW));
    let client = client.versions([version]).unwrap();
    let (certificate, key) = authority.issue(&[NAME], KeyKind::EcdsaP256);
    let identity = Identity::new(vec![certificate], &key).unwrap();
    (Pair::established(client, ServerConfig::new(identity).clock(Arc::new(NOW))), alive)
}

#[test]
fn failed_connection_holds_no_key() {
    for version in bulla::config::AVAILABLE_VERSIONS {
        let (mut pair, alive) = counted_pair(*version);
        assert_eq!(alive.load(Ordering::SeqCst), 2);
        let mut record = send(&mut pair.server, b"to be damaged");
        record[10] ^= 1;
        assert_eq!(pair.client.receive(&mut record).unwrap_err().name(), "DoesNotOpen");
        assert_eq!(alive.load(Ordering::SeqCst), 1, "the alert must still be sealed");
        assert!(!output(&mut pair.client).is_empty());
        assert_eq!(alive.load(Ordering::SeqCst), 0);

        let (mut pair, alive) = counted_pair(*version);
        pair.client.end_of_input().unwrap_err();
        assert_eq!(alive.load(Ordering::SeqCst), 0, "there is nothing to say");
    }
}

#[test]
fn keys_of_past_generations_are_dropped() {
    let (mut pair, alive) = counted_pair(ProtocolVersion::TLSv1_3);
    for _ in 0..3 {
        pair.client.update_keys(true).unwrap();
        pair.to_server = send(&mut pair.client, b"x");
        pair.run().unwrap();
        pair.to_client = send(&mut pair.server, b"y");
        pair.run().unwrap();
        assert_eq!(alive.load(Ordering::SeqCst), 2);
    }
}
