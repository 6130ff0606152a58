//! The TLS 1.3 key schedule of published connections, step by step, over their own messages.
//!
//! What each file is held against, and where:
//!
//! - RFC 8448 §3 to §7: here, every key pair, extract, secret, traffic key, Finished, binder and PSK.
//! - `trace_tls13_*`: here, every secret, hash and key, over transcripts of the recorded messages.
//! - every record of both: opened and made again in `src/record/tests.rs`.
//! - whole connections, client and server: `src/connection/replay_tests`, which says which traces, and how far.
//!
//! Not used: the private keys of P-256, because nothing here takes one (the shared secret of those traces is taken as
//! published); RFC 8448 §2, an RSA key of 1024 bits that `ring` refuses.

#![cfg(feature = "ring")]

#[path = "support/hex.rs"]
mod hex;
#[path = "support/replay.rs"]
mod replay;
#[path = "support/trace.rs"]
mod trace;
#[path = "support/vectors.rs"]
mod vectors;

use bulla::Identity;
use bulla::crypto::{Digest, Provider, Secret, Suite, hkdf_expand, hkdf_extract, ring};
use bulla::keys::{EarlySecret, TrafficSecret, Transcript, derive_secret, expand_label};
use bulla::wire::{Certificate, HandshakeType, is_hello_retry_request, read_all};
use replay::Replay;
use trace::{Actor, HYBRID, RECORDED, RESUMED, RFC8448, Trace, suite};
use vectors::Values;
use x25519_dalek::{PublicKey, StaticSecret};

/// What the steps of RFC 8448 lead to, from one to the next.
struct Schedule {
    suite: Suite,
    /// Shows the keys that the primitives are given.
    spy: Replay,
    transcript: Transcript,
    /// A ClientHello without its binders, which counts when the record completes it.
    truncated: Option<Vec<u8>>,
    early_secret: Vec<u8>,
    private_keys: Vec<StaticSecret>,
    public_keys: Vec<PublicKey>,
}

impl Schedule {
    fn new(suite: Suite) -> Self {
        let spy = Replay::new(&[]);
        let transcript = Transcript::new(&spy, suite.hash).unwrap();
        let (private_keys, public_keys) = (Vec::new(), Vec::new());
        Self { suite, spy, transcript, truncated: None, early_secret: Vec::new(), private_keys, public_keys }
    }

    fn empty_hash(&self) -> Digest {
        self.spy.hash(self.suite.hash).unwrap().current()
    }

    fn expand(&self, secret: &Secret, info: &[u8], len: usize) -> Vec<u8> {
        hkdf_expand(&self.spy, self.suite.hash, secret.expose(), info, len).unwrap().expose().to_vec()
    }

    /// Takes one step and returns its kind.
    fn take(&mut self, mut step: Values) -> String {
        step.leave(&["n", "actor"]);
        let (kind, name) = (step.text("kind"), step.text("name"));
        match kind.as_str() {
            "key_pair" => self.key_pair(&name, step),
            "extract" => self.extract(&name, step),
            "handshake_message" => self.handshake_message(&name, step),
            "record" => self.record(step),
            "derive_secret" => self.derive_secret(&name, step),
            "traffic_keys" => self.traffic_keys(step),
            "finished" => self.finished(step),
            "psk_binder" => self.psk_binder(step),
            "derive_psk" => self.derive_psk(step),
            other => panic!("what is a {other}?"),
        }
        kind
    }

    fn key_pair(&mut self, group: &str, mut step: Values) {
        if group == "secp256r1" {
            // There is no P-256 here that takes a private key.
            return step.leave(&["private_key", "public_key"]);
        }
        let private: [u8; 32] = step.bytes("private_key").try_into().unwrap();
        let private = StaticSecret::from(private);
        let public = PublicKey::from(&private);
        assert_eq!(public.as_bytes(), &step.bytes("public_key")[..]);
        self.private_keys.push(private);
        self.public_keys.push(public);
    }

    fn extract(&mut self, name: &str, mut step: Values) {
        let (salt, input, secret) = (step.bytes("salt"), step.bytes("ikm"), step.bytes("secret"));
        let extracted = hkdf_extract(&self.spy, self.suite.hash, &salt, &input).unwrap();
        assert_eq!(extracted.expose(), secret, "{name}");
        match name {
            "early" => self.early_secret = secret,
            "handshake" if self.private_keys.len() == 2 => {
                for (private, public) in self.private_keys.iter().zip(self.public_keys.iter().rev()) {
                    assert_eq!(private.diffie_hellman(public).as_bytes(), &input[..]);
                }
            }
            _ => {}
        }
    }

    fn handshake_message(&mut self, name: &str, mut step: Values) {
        let message = step.bytes("hex");
        if usize::from(u16::from_be_bytes([message[2], message[3]])) + 4 != message.len() {
            self.truncated = Some(message);
            return;
        }
        assert_eq!(is_hello_retry_request(&message[4..]), name == "HelloRetryRequest");
        if name == "HelloRetryRequest" {
            self.transcript.replace_by_message_hash(&self.spy).unwrap();
        }
        self.transcript.add(&message);
    }

    fn record(&mut self, mut step: Values) {
        // Records are opened and made again in `src/record/tests.rs`.
        step.leave(&["record", "epoch", "seq"]);
        let payload = step.bytes("payload");
        if let Some(truncated) = self.truncated.take() {
            assert!(payload.starts_with(&truncated));
            self.transcript.add(&payload);
        }
    }

    fn derive_secret(&self, name: &str, mut step: Values) {
        let prk = Secret::from_vec(step.bytes("prk"));
        let (hash, info, expanded) = (step.bytes("hash"), step.bytes("info"), step.bytes("expanded"));
        let (label, transcript_hash) = match name {
            "derived for handshake" | "derived for master" => ("derived", self.empty_hash()),
            label => (label, self.transcript.current()),
        };
        assert_eq!(transcript_hash.as_ref(), hash, "{name}");
        let derived = derive_secret(&self.spy, self.suite, &prk, label.as_bytes(), &transcript_hash).unwrap();
        assert_eq!(derived.expose(), expanded, "{name}");
        assert_eq!(self.expand(&prk, &info, expanded.len()), expanded, "{name}");
    }

    fn traffic_keys(&self, mut step: Values) {
        let prk = Secret::from_vec(step.bytes("prk"));
        let (key, iv) = (step.bytes("key"), step.bytes("iv"));
        assert_eq!(self.expand(&prk, &step.bytes("key_info"), key.len()), key);
        assert_eq!(self.expand(&prk, &step.bytes("iv_info"), iv.len()), iv);
        let keys = TrafficSecret::new(self.suite, prk).keys(&self.spy).unwrap();
        assert_eq!((self.spy.last_aead_key(), keys.iv.to_vec()), (key, iv));
    }

    fn finished(&self, mut step: Values) {
        self.verify_data(Secret::from_vec(step.bytes("prk")), step, &self.transcript.current());
    }

    fn verify_data(&self, prk: Secret, mut step: Values, hash: &Digest) {
        let (finished_key, verify_data) = (step.bytes("finished_key"), step.bytes("verify_data"));
        assert_eq!(self.expand(&prk, &step.bytes("info"), finished_key.len()), finished_key);
        let computed = TrafficSecret::new(self.suite, prk).verify_data(&self.spy, hash).unwrap();
        assert_eq!(computed.as_ref(), verify_data);
        assert_eq!(self.spy.last_hmac_key(), finished_key);
    }

    /// RFC 8446 §4.2.11.2.
    fn psk_binder(&self, mut step: Values) {
        let truncated = step.bytes("truncated_client_hello");
        assert_eq!(Some(&truncated), self.truncated.as_ref());
        let mut transcript = self.transcript.fork();
        transcript.add(&truncated);
        assert_eq!(transcript.current().as_ref(), step.bytes("binder_hash"));
        let early_secret = Secret::copy_from(&self.early_secret);
        let binder_key = derive_secret(&self.spy, self.suite, &early_secret, b"res binder", &self.empty_hash());
        let binder_key = binder_key.unwrap();
        assert_eq!(binder_key.expose(), step.bytes("prk"));
        self.verify_data(binder_key, step, &transcript.current());
    }

    /// RFC 8446 §4.6.1.
    fn derive_psk(&self, mut step: Values) {
        let resumption_secret = Secret::from_vec(step.bytes("prk"));
        let (nonce, expanded) = (step.bytes("ticket_nonce"), step.bytes("expanded"));
        assert_eq!(self.expand(&resumption_secret, &step.bytes("info"), expanded.len()), expanded);
        let psk = expand_label(&self.spy, self.suite, &resumption_secret, b"resumption", &nonce, expanded.len());
        assert_eq!(psk.unwrap().expose(), expanded);
    }
}

#[test]
fn every_step_of_rfc_8448_gives_its_published_value() {
    let mut counts = std::collections::BTreeMap::new();
    for file in RFC8448.into_iter().chain([RESUMED]) {
        let mut all = Values::load(file);
        all.leave(&["trace", "source", "license", "group", "psk_from"]);
        let suite = suite(&all.text("cipher_suite"));
        assert_eq!(all.text("hash"), "sha256");
        let mut schedule = Schedule::new(suite);
        for step in all.list("steps") {
            *counts.entry(schedule.take(step)).or_insert(0) += 1;
        }
    }
    let expected = [
        ("derive_psk", 1),
        ("derive_secret", 47),
        ("extract", 15),
        ("finished", 10),
        ("handshake_message", 40),
        ("key_pair", 11),
        ("psk_binder", 1),
        ("record", 41),
        ("traffic_keys", 21),
    ];
    assert_eq!(counts, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
}

/// Transcript-Hash after ServerHello, after the server's Finished, and after the client's.
fn transcript_hashes(trace: &Trace) -> [Digest; 3] {
    let provider = ring::provider();
    let mut transcript = Transcript::new(&*provider, trace.suite.hash).unwrap();
    let (mut hashes, mut finished) = (Vec::new(), 0);
    for message in &trace.messages {
        let is_retry =
            message.handshake_type() == HandshakeType::server_hello && is_hello_retry_request(&message.bytes[4..]);
        if is_retry {
            transcript.replace_by_message_hash(&*provider).unwrap();
        }
        // What comes after both Finished does not count.
        if finished < 2 {
            transcript.add(&message.bytes);
        }
        match message.handshake_type() {
            HandshakeType::server_hello if !is_retry => hashes.push(transcript.current()),
            HandshakeType::finished => {
                finished += 1;
                hashes.push(transcript.current());
            }
            _ => {}
        }
    }
    hashes.try_into().unwrap_or_else(|_| panic!("{}: not three hashes", trace.name))
}

/// The chain of types leads from PSK and shared secret over the messages to every secret of a connection.
fn check_chain(trace: &Trace, hashes: &[Digest; 3]) {
    let (suite, provider) = (trace.suite, ring::provider());
    let provider = &*provider;
    let early = match trace.secrets.get("psk") {
        Some(psk) => EarlySecret::with_psk(provider, suite, &Secret::copy_from(psk)).unwrap(),
        None => EarlySecret::without_psk(provider, suite).unwrap(),
    };
    let handshake = early.into_handshake(provider, &Secret::copy_from(trace.secret("dhe"))).unwrap();
    let secret = handshake.client_handshake_traffic_secret(provider, &hashes[0]).unwrap();
    assert_eq!(secret.secret().expose(), trace.secret("c_hs_traffic"));
    let secret = handshake.server_handshake_traffic_secret(provider, &hashes[0]).unwrap();
    assert_eq!(secret.secret().expose(), trace.secret("s_hs_traffic"));
    let main = handshake.into_main(provider).unwrap();
    let secret = main.client_application_traffic_secret(provider, &hashes[1]).unwrap();
    assert_eq!(secret.secret().expose(), trace.secret("c_ap_traffic"));
    let secret = main.server_application_traffic_secret(provider, &hashes[1]).unwrap();
    assert_eq!(secret.secret().expose(), trace.secret("s_ap_traffic"));
    let secret = main.exporter_secret(provider, &hashes[1]).unwrap();
    assert_eq!(secret.secret().expose(), trace.secret("exporter_master_secret"));
    let secret = main.resumption_secret(provider, &hashes[2]).unwrap();
    assert_eq!(secret.expose(), trace.secret("resumption_master_secret"));
}

#[test]
fn chain_of_the_key_schedule_leads_to_the_secrets_of_every_connection() {
    let mut with_psk = 0;
    for file in RFC8448.into_iter().chain(RECORDED).chain([RESUMED]) {
        let trace = Trace::load(file);
        with_psk += usize::from(trace.secrets.contains_key("psk"));
        check_chain(&trace, &transcript_hashes(&trace));
    }
    assert_eq!(with_psk, 1);
}

#[test]
fn hashes_and_keys_of_recorded_connections_are_the_published_ones() {
    for file in RECORDED.into_iter().chain([HYBRID]) {
        let trace = Trace::load(file);
        let mut all = Values::load(file);
        let mut secrets = all.nested("secrets");
        let names = ["client_hello_to_server_hello", "to_server_finished", "to_client_finished"];
        for (name, hash) in names.iter().zip(&transcript_hashes(&trace)) {
            assert_eq!(hash.as_ref(), secrets.bytes(&format!("hash_{name}")), "{file}: {name}");
        }
        for letter in ["c", "s"] {
            check_traffic_secrets(&mut secrets, trace.suite, letter);
        }
        for mut psk in secrets.optional_list("resumption_psks") {
            let resumption = Secret::copy_from(trace.secret("resumption_master_secret"));
            let (nonce, published) = (psk.bytes("ticket_nonce"), psk.bytes("psk"));
            let provider = ring::provider();
            let psk = expand_label(&*provider, trace.suite, &resumption, b"resumption", &nonce, published.len());
            assert_eq!(psk.unwrap().expose(), published);
        }
        // The chain leads from `dhe` to all of these, but for the hybrid, whose exporter secret is its key log's.
        secrets.leave(&["dhe", "exporter_master_secret", "resumption_master_secret"]);
        // The links' own secrets are looked at in `src/keys/schedule/tests.rs`.
        secrets.leave(&["early_secret", "handshake_secret", "master_secret"]);
        // The ephemeral keys are used where whole connections are replayed, the steps there and in the record layer.
        all.leave(&["client_x25519_private_key", "client_p256_private_key", "server_x25519_private_key", "steps"]);
        // The server's key has a test of its own.
        all.leave(&["server_rsa_key_pem", "server_key_pkcs8"]);
        all.leave(&["trace", "source", "license", "version", "cipher_suite", "hash", "group"]);
    }
}

/// Checks what follows from one end's traffic secrets.
fn check_traffic_secrets(secrets: &mut Values, suite: Suite, letter: &str) {
    let handshake = secrets.secret(&format!("{letter}_hs_traffic"));
    let spy = Replay::new(&[]);
    check_keys(secrets, suite, &handshake, &format!("{letter}_handshake"));
    TrafficSecret::new(suite, handshake).verify_data(&spy, &Digest::new(&[]).unwrap()).unwrap();
    assert_eq!(spy.last_hmac_key(), secrets.bytes(&format!("{letter}_finished_key")));

    let application = secrets.secret(&format!("{letter}_ap_traffic"));
    check_keys(secrets, suite, &application, &format!("{letter}_application"));
    // The next one, where a KeyUpdate followed.
    if let Some(next) = secrets.optional_bytes(&format!("{letter}_ap_traffic_1")) {
        let followed = TrafficSecret::new(suite, application).next(&spy).unwrap();
        assert_eq!(followed.secret().expose(), next);
        check_keys(secrets, suite, followed.secret(), &format!("{letter}_application_1"));
    }
}

fn check_keys(secrets: &mut Values, suite: Suite, secret: &Secret, name: &str) {
    let spy = Replay::new(&[]);
    let keys = TrafficSecret::new(suite, Secret::copy_from(secret.expose())).keys(&spy).unwrap();
    assert_eq!(spy.last_aead_key(), secrets.bytes(&format!("{name}_key")), "{name}");
    assert_eq!(keys.iv.to_vec(), secrets.bytes(&format!("{name}_iv")), "{name}");
}

#[test]
fn published_server_keys_belong_to_the_certificates_that_were_shown() {
    let mut keys = 0;
    for file in RECORDED.into_iter().chain([HYBRID]) {
        let mut all = Values::load(file);
        let pem = all.optional_text("server_rsa_key_pem").map(String::into_bytes);
        let key = pem.or_else(|| all.optional_bytes("server_key_pkcs8"));
        all.leave_all();
        let Some(key) = key else { continue };
        let trace = Trace::load(file);
        let message = trace.said(Actor::Server, &[HandshakeType::certificate]).next().unwrap();
        let certificate: Certificate<'_> = read_all(&message[4..]).unwrap();
        Identity::from_pem(certificate.certificate_list[0].cert_data, &key).unwrap();
        keys += 1;
    }
    assert_eq!(keys, 2);
}
