//! Published traces through the real client and the real server, record for record.
//!
//! Each trace is played twice, once with our client and once with our server in the place of an end. Randomness, key
//! shares and signatures are those of the trace; hellos, EncryptedExtensions and CertificateRequest are said in the
//! trace's words, because every stack writes its own lists and all keys hang on them. Everything else is ours: what we
//! send must equal the trace's records byte for byte, and what the other end sent must be accepted and understood.
//!
//! | trace | client | server |
//! |---|---|---|
//! | RFC 8448 §3, §6, §7 | all records | all records; ServerHello in our own words, too |
//! | RFC 8448 §5 | all records | as far as the second ClientHello, whose cookie our HelloRetryRequest does not ask for |
//! | `trace_tls13_*` but this | all records | all records |
//! | `trace_tls13_client_cert_rsa` | as far as CertificateVerify: the server's certificate is of X.509 version 1 | all records; Certificate in recorded words |
//! | `trace_tls12_*` | all records; with ECDSA as far as ServerKeyExchange: the servers' certificates are of X.509 version 1 | all records; with AES-GCM Finished under a nonce that counts, where the trace's is of chance |
//! | RFC 8448 §4 (PSK, 0-RTT) | all records, with the session that it kept of §3 | all records, early data included; ServerHello's extensions in recorded order |
//!
//! Named departures. Chains are accepted unseen: all have expired. A signature with a key that `ring` does not take
//! (RSA below 2048 bits, P-521) counts as verified if it is the recorded one over the message that the transcript
//! demands; Ed25519, ECDSA P-256 and RSA-2048 are verified indeed. Where no private key that can be used here is
//! published (P-256, OpenSSL's servers), the exchange takes the recorded share and gives the recorded secret. Of
//! `trace_tls13_x25519mlkem768` the shared secret is not known either: HKDF gives the secrets of its key log for the
//! published labels and transcript hashes. The tickets of other servers are put into the queue of ours. Other stacks'
//! one message per record is a switch of the writer, which otherwise fills its records.

mod player;
mod resumed;
mod script;
#[cfg(feature = "tls12")]
mod tls12;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use std::format;
use std::sync::Mutex;

use player::play;
use script::{Hello, OLD_CERTIFICATE, Script, weak_key};

use super::{ClientConnection, ServerConnection};
use crate::config::recorded::Recorded;
use crate::error::{CertificateError, Violation};
use crate::keys::{KeyLog, key_log_line};
use crate::record::MAX_RECORD_LEN;
use crate::support::trace::{Actor, HYBRID, RECORDED, RFC8448};
use crate::support::vectors::Values;
use crate::wire::{
    EncryptedExtension, EncryptedExtensions, HANDSHAKE_HEADER_LEN, HandshakeType, HelloRetryRequest, RECORD_HEADER_LEN,
    RetryExtension, ServerHello, is_hello_retry_request, read_all,
};

fn body(message: &[u8]) -> &[u8] {
    &message[HANDSHAKE_HEADER_LEN..]
}

fn play_client(file: &str) -> (Script, ClientConnection) {
    let (script, log) = (Script::load(file), Arc::default());
    let (mut client, recorded) = script.client(&log);
    play(&script, Actor::Client, &mut client);
    log.check(&script);
    // Our own hellos would have had the same random, session id, name, cookie and shares.
    for (ours, theirs) in recorded.said() {
        assert_eq!(Hello::read(&ours), Hello::read(&theirs), "{file}");
    }
    (script, client)
}

fn play_server(file: &str, in_recorded_words: &[HandshakeType]) -> (Script, ServerConnection, Arc<Recorded>) {
    let (script, log) = (Script::load(file), Arc::default());
    let (mut server, recorded) = script.server(&log, in_recorded_words);
    play(&script, Actor::Server, &mut server);
    log.check(&script);
    (script, server, recorded)
}

/// The trace whose HelloRetryRequest has a cookie.
const COOKIE: &str = "rfc8448_hello_retry_request";

/// The traces whose server's signature is verified by `ring`, not compared.
const VERIFIED: [&str; 4] =
    ["rfc8448_client_auth", "trace_tls13_aes256gcm_both_keys", "trace_tls13_ed25519", "trace_tls13_x25519mlkem768"];

fn check_client(file: &str) {
    let (script, client) = play_client(file);
    assert_eq!(weak_key(&script.credentials[&Actor::Server]).is_none(), VERIFIED.contains(&file), "{file}");
    assert_eq!(client.group(), Some(script.group), "{file}");
    assert_eq!(client.cipher_suite(), Some(script.suite().id), "{file}");
    assert_eq!(client.hello_retried(), file.ends_with("hello_retry_request"));
    assert_eq!(client.peer_signature_scheme(), Some(script.credentials[&Actor::Server].scheme), "{file}");
}

#[test]
fn client_replays_the_traces_of_rfc_8448_record_for_record() {
    RFC8448.into_iter().for_each(check_client);
}

#[test]
fn client_replays_recorded_connections_record_for_record() {
    RECORDED.into_iter().chain([HYBRID]).filter(|file| *file != OLD_CERTIFICATE).for_each(check_client);
}

#[test]
fn server_replays_the_traces_of_rfc_8448_record_for_record() {
    for file in RFC8448.into_iter().filter(|file| *file != COOKIE) {
        // What another stack lists in these is its own; ServerHello must come out of us as it stands in the RFC.
        let in_recorded_words = [HandshakeType::encrypted_extensions, HandshakeType::certificate_request];
        let (script, server, recorded) = play_server(file, &in_recorded_words);
        for (ours, theirs) in recorded.said().iter().filter(|(ours, _)| ours[0] == in_recorded_words[0].0) {
            let ours: EncryptedExtensions<'_> = read_all(body(ours)).unwrap();
            let theirs: EncryptedExtensions<'_> = read_all(body(theirs)).unwrap();
            let answers = [EncryptedExtension::ServerNameAck, EncryptedExtension::RecordSizeLimit(0x4001)];
            assert_eq!(ours.extensions, answers, "{file}");
            assert!(answers.iter().all(|answer| theirs.extensions.contains(answer)), "{file}");
        }
        assert!(!server.hello_retried());
        assert_eq!(server.server_name(), Some("server"), "{file}");
        assert_eq!(server.peer_signature_scheme(), script.credentials.get(&Actor::Client).map(|it| it.scheme));
    }
}

#[test]
fn server_refuses_the_cookie_of_rfc_8448_that_it_did_not_ask_for() {
    let (script, log) = (Script::load(COOKIE), Arc::default());
    // Without recorded words: our HelloRetryRequest has no cookie, and is else the same in another order.
    let (mut server, _) = script.server(&log, &[]);
    let [first_hello, retry, second_hello] = [0, 1, 2].map(|index| &script.trace.records[index]);
    let _ = server.receive(&mut first_hello.bytes.clone()).unwrap();
    let mut out = vec![0; MAX_RECORD_LEN];
    let ours = server.take_output(&mut out).unwrap()[RECORD_HEADER_LEN..].to_vec();
    let ours: HelloRetryRequest<'_> = read_all(body(&ours)).unwrap();
    let mut theirs: HelloRetryRequest<'_> = read_all(body(&retry.payload)).unwrap();
    theirs.extensions.retain(|extension| !matches!(extension, RetryExtension::Cookie(_)));
    theirs.extensions.reverse();
    assert_eq!(ours, theirs);
    let refused = server.receive(&mut second_hello.bytes.clone()).unwrap_err();
    assert_eq!(refused, Violation::ClientHelloChangedAfterRetry.into());
}

#[test]
fn server_replays_recorded_connections_record_for_record() {
    for file in RECORDED.into_iter().chain([HYBRID]) {
        let mut in_recorded_words =
            vec![HandshakeType::server_hello, HandshakeType::encrypted_extensions, HandshakeType::certificate_request];
        if file == OLD_CERTIFICATE {
            in_recorded_words.push(HandshakeType::certificate);
        }
        let (script, server, recorded) = play_server(file, &in_recorded_words);
        for (ours, theirs) in recorded.said().iter().filter(|(ours, _)| ours[0] == HandshakeType::server_hello.0) {
            if is_hello_retry_request(body(theirs)) {
                assert_eq!(ours, theirs, "{file}");
                continue;
            }
            // The same ServerHello, whose two extensions OpenSSL writes in another order.
            let mut ours: ServerHello<'_> = read_all(body(ours)).unwrap();
            let theirs: ServerHello<'_> = read_all(body(theirs)).unwrap();
            ours.extensions.as_mut().unwrap().reverse();
            assert_eq!(ours, theirs, "{file}");
        }
        assert_eq!(server.hello_retried(), file == "trace_tls13_hello_retry_request");
        assert_eq!(server.peer_signature_scheme(), script.credentials.get(&Actor::Client).map(|it| it.scheme));
    }
}

#[test]
fn replayed_connections_export_the_published_keying_material() {
    let mut all = Values::load("tls13_labels_exporters");
    let mut found = 0;
    for mut vector in all.list("exporters_tls13") {
        vector.leave(&["version", "hash"]);
        let (label, context) = (vector.text("label"), vector.bytes("context"));
        let (secret, expected) = (vector.bytes("exporter_master_secret"), vector.bytes("output"));
        assert_eq!(vector.number("out_len"), expected.len());
        // The vectors whose secret is another one are held against the key schedule alone.
        let file = match vector.text("source") {
            source if source.ends_with("RFC 8448 simple 1-RTT") => "rfc8448_simple_1rtt",
            source if source.ends_with("trace_tls13_aes256gcm_both_keys") => "trace_tls13_aes256gcm_both_keys",
            _ => continue,
        };
        let (script, client) = play_client(file);
        assert_eq!(script.trace.secret("exporter_master_secret"), secret);
        let mut exported = vec![0; expected.len()];
        client.export(label.as_bytes(), Some(&context), &mut exported).unwrap();
        assert_eq!(exported, expected, "{label}");
        found += 1;
    }
    all.leave(&["what", "license", "expand_label", "exporters_tls12", "key_update", "binder_keys", "imported_psk"]);
    assert_eq!(found, 4);
}

#[test]
fn client_follows_a_server_with_a_certificate_of_version_1_as_far_as_its_signature() {
    let (script, log) = (Script::load(OLD_CERTIFICATE), Arc::default());
    let (mut client, _) = script.client(&log);
    let mut records = script.trace.records.iter().filter(|record| record.actor == Actor::Server);
    let refused = records.find_map(|record| {
        let state = client.state();
        client.receive(&mut record.bytes.clone()).err().map(|error| (state, record, error))
    });
    let (state, record, error) = refused.unwrap();
    assert_eq!((state, error), ("WaitCertificateVerify", CertificateError::BadEncoding.into()));
    assert_eq!(record.payload[0], HandshakeType::certificate_verify.0);
}

/// Collects the lines of an SSLKEYLOGFILE.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<String>>);

impl KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
        self.0.lock().unwrap().push(key_log_line(label, client_random, secret));
    }
}

impl Log {
    /// Compares the lines with the trace's secrets, by the labels of RFC 9850 §2.
    fn check(&self, script: &Script) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let random = hex(&script.client_random);
        let line = |label: &str, name: &str| format!("{label} {random} {}", hex(script.trace.secret(name)));
        let lines = self.0.lock().unwrap();
        if script.trace.secrets.contains_key("master_secret") && script.trace.secrets.contains_key("key_block") {
            return assert_eq!(*lines, [line("CLIENT_RANDOM", "master_secret")], "{}", script.trace.name);
        }
        let labels = [
            ("CLIENT_EARLY_TRAFFIC_SECRET", "c_e_traffic"),
            ("EARLY_EXPORTER_SECRET", "e_exp_master"),
            ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "c_hs_traffic"),
            ("SERVER_HANDSHAKE_TRAFFIC_SECRET", "s_hs_traffic"),
            ("CLIENT_TRAFFIC_SECRET_0", "c_ap_traffic"),
            ("SERVER_TRAFFIC_SECRET_0", "s_ap_traffic"),
            ("EXPORTER_SECRET", "exporter_master_secret"),
        ];
        // Without early data there are no early secrets.
        let known = labels.into_iter().filter(|(_, name)| script.trace.secrets.contains_key(*name));
        let expected: Vec<_> = known.map(|(label, name)| line(label, name)).collect();
        assert!(expected.len() >= 5);
        assert_eq!(*lines, expected, "{}", script.trace.name);
    }
}
