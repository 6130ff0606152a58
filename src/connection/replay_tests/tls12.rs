//! The traces of TLS 1.2: what they settle, and each of them through the real client and the real server.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use pki_types::CertificateDer;

use super::script::{Credentials, Script, Settled, weak_key};
use super::{body, play_client, play_server};
use crate::connection::Connection;
use crate::crypto::AeadAlgorithm;
use crate::crypto::ring::provider;
use crate::error::{CertificateError, Error, Incompatible, Misuse, Violation};
use crate::record::{Framed, RecordReader};
use crate::support::trace::{Actor, NO_EXTENDED_MASTER_SECRET, RENEGOTIATION, Record, TLS12, Trace};
use crate::support::vectors::Values;
use crate::verify::PeerCertificate;
use crate::wire::{
    AlertDescription, CertificateTls12, CertificateVerify, ClientKeyExchange, HandshakeType, ProtocolVersion,
    RECORD_HEADER_LEN, ServerHello, ServerKeyExchange, read_all, write_all,
};

pub(super) fn is_of(trace: &Trace) -> bool {
    TLS12.contains(&trace.name.as_str())
}

/// Whether the explicit nonce of a record is one that we would never draw: our own count.
pub(super) fn has_nonce_of_chance(trace: &Trace, record: &Record) -> bool {
    is_of(trace)
        && record.actor == Actor::Server
        && record.sequence_number.is_some()
        && trace.suite.aead != AeadAlgorithm::ChaCha20Poly1305
}

/// Whether what we sent, the first record of the server's keys, opens to what the trace's record holds.
pub(super) fn opens_alike(trace: &Trace, record: &Record, sent: &[u8]) -> bool {
    assert_eq!(record.sequence_number, Some(0));
    let mut reader = RecordReader::new();
    reader.install(trace.master_secret(&*provider()).key_block(&*provider(), &trace.randoms()).unwrap().server);
    let mut bytes = sent.to_vec();
    match reader.next(&mut bytes).unwrap() {
        Framed::Record { used, content_type, content } => {
            used == record.bytes.len() && content_type == record.content_type && bytes[content] == record.payload
        }
        _ => false,
    }
}

/// Reads what follows ClientHello. RFC 8422 §5.4, §5.7, RFC 5246 §7.4.8.
pub(super) fn settled(trace: &Trace) -> Settled {
    let said = |actor, kind| trace.said(actor, &[kind]).next().unwrap().to_vec();
    let server_hello = said(Actor::Server, HandshakeType::server_hello);
    let server_hello: ServerHello<'_> = read_all(body(&server_hello)).unwrap();
    let server_random = server_hello.random.0;
    let server = said(Actor::Server, HandshakeType::server_key_exchange);
    let server: ServerKeyExchange<'_> = read_all(body(&server)).unwrap();
    let client = said(Actor::Client, HandshakeType::client_key_exchange);
    let client: ClientKeyExchange<'_> = read_all(body(&client)).unwrap();

    let randoms = trace.randoms();
    assert_eq!(randoms.server, server_random);
    let signed = Credentials {
        chain: chain(trace, Actor::Server).unwrap(),
        scheme: server.algorithm,
        message: [&randoms.client[..], &randoms.server, &write_all(&server.params).unwrap()].concat(),
        signature: server.signature.to_vec(),
    };
    let credentials = [(Actor::Server, signed)].into_iter().chain(client_credentials(trace));
    Settled {
        server_random,
        group: server.params.named_curve,
        shares: [(Actor::Client, client.ecdh_yc.to_vec()), (Actor::Server, server.params.public.to_vec())].into(),
        credentials: credentials.collect(),
    }
}

/// What the client's CertificateVerify signs: all messages before it.
fn client_credentials(trace: &Trace) -> Option<(Actor, Credentials)> {
    let chain = chain(trace, Actor::Client)?;
    let is_verify =
        |message: &crate::support::trace::Message| message.handshake_type() == HandshakeType::certificate_verify;
    let index = trace.messages.iter().position(is_verify)?;
    let verify: CertificateVerify<'_> = read_all(body(&trace.messages[index].bytes)).unwrap();
    let message = trace.messages[..index].iter().flat_map(|message| message.bytes.clone()).collect();
    let signature = verify.signature.to_vec();
    Some((Actor::Client, Credentials { chain, scheme: verify.algorithm, message, signature }))
}

fn chain(trace: &Trace, actor: Actor) -> Option<Vec<CertificateDer<'static>>> {
    let message = trace.said(actor, &[HandshakeType::certificate]).next()?;
    let certificate: CertificateTls12<'_> = read_all(body(message)).unwrap();
    Some(certificate.certificate_list.iter().map(|entry| CertificateDer::from(entry.0).into_owned()).collect())
}

/// Whether the server's certificate is one that we read.
fn has_readable_certificate(file: &str) -> bool {
    PeerCertificate::read(&chain(&Trace::load(file), Actor::Server).unwrap()[0]).is_ok()
}

fn check(script: &Script, me: Actor, connection: &Connection) {
    let file = script.trace.name.as_str();
    let peer = if me == Actor::Client { Actor::Server } else { Actor::Client };
    let shown = script.credentials.get(&peer);
    assert_eq!(connection.protocol_version(), Some(ProtocolVersion::TLSv1_2), "{file}");
    assert_eq!(connection.cipher_suite(), Some(script.trace.suite.id), "{file}");
    assert_eq!(connection.group(), Some(script.group), "{file}");
    assert_eq!(connection.peer_signature_scheme(), shown.map(|it| it.scheme), "{file}");
    assert_eq!(connection.peer_certificates(), shown.map_or(&[][..], |it| &it.chain), "{file}");
    assert_eq!((connection.alpn_protocol(), connection.peer_ocsp_response()), (None, None), "{file}");
    let exported = connection.export(b"EXPORTER-test", None, &mut [0; 32]);
    let expected = if file == NO_EXTENDED_MASTER_SECRET { Err(Misuse::ExporterUnavailable.into()) } else { Ok(()) };
    assert_eq!(exported, expected, "{file}");
}

#[test]
fn client_replays_the_traces_of_tls_1_2_record_for_record() {
    let mut played = 0;
    for file in TLS12.into_iter().filter(|file| has_readable_certificate(file)) {
        let (script, client) = play_client(file);
        check(&script, Actor::Client, &client);
        // RSA of 1024 bits: the signature is compared, and covers what it must.
        assert!(weak_key(&script.credentials[&Actor::Server]).is_some(), "{file}");
        played += 1;
    }
    assert_eq!(played, 7);
}

/// What the server says in the words of a trace.
fn in_recorded_words(file: &str) -> Vec<HandshakeType> {
    let mut types = vec![HandshakeType::server_hello, HandshakeType::certificate_request];
    if !has_readable_certificate(file) {
        types.push(HandshakeType::certificate);
    }
    types
}

/// The trace whose client shows a certificate of Ed25519, which is verified indeed.
const ED25519: &str = "trace_tls12_rsa_chacha20_client_cert_ed25519";

#[test]
fn server_replays_the_traces_of_tls_1_2_record_for_record() {
    let mut with_client = Vec::new();
    for file in TLS12 {
        let (script, server, recorded) = play_server(file, &in_recorded_words(file));
        check(&script, Actor::Server, &server);
        for (ours, theirs) in recorded.said().iter().filter(|(ours, _)| ours[0] == HandshakeType::server_hello.0) {
            // The same but for a session id, which we have none of, and extensions in an order and number of their own.
            let [ours, theirs]: [ServerHello<'_>; 2] = [ours, theirs].map(|it| read_all(body(it)).unwrap());
            let facts = |it: &ServerHello<'_>| (it.legacy_version, it.random, it.cipher_suite);
            assert_eq!(facts(&ours), facts(&theirs), "{file}");
        }
        if let Some(client) = script.credentials.get(&Actor::Client) {
            with_client.push((file, weak_key(client).is_none()));
        }
    }
    assert_eq!(with_client, [("trace_tls12_rsa_aes256gcm_client_cert", false), (ED25519, true)]);
}

#[test]
fn replayed_hello_request_is_answered_with_the_recorded_no_renegotiation() {
    // Both ends have played this trace to its end above; here is what was in it.
    let trace = Trace::load(RENEGOTIATION);
    let place = |payload: &[u8]| trace.records.iter().position(|record| record.payload == payload).unwrap();
    let (request, refusal) = (place(&[0, 0, 0, 0]), place(&[1, AlertDescription::no_renegotiation.0]));
    assert_eq!((refusal, trace.records[refusal].actor), (request + 1, Actor::Client));
    let (_, client) = play_client(RENEGOTIATION);
    assert!(client.is_established());
}

/// Feeds a connection the records of the other end until one is refused, and returns which and why.
fn refusal<'t>(
    connection: &mut Connection,
    trace: &'t Trace,
    peer: Actor,
    mut alter: impl FnMut(&mut Vec<u8>),
) -> (&'static str, &'t Record, Error) {
    let mut records = trace.records.iter().filter(|record| record.actor == peer);
    let refused = records.find_map(|record| {
        let (state, mut bytes) = (connection.state(), record.bytes.clone());
        alter(&mut bytes);
        connection.receive(&mut bytes).err().map(|error| (state, record, error))
    });
    refused.unwrap_or_else(|| panic!("{}: nothing was refused", trace.name))
}

#[test]
fn client_follows_servers_with_certificates_of_version_1_as_far_as_their_signature() {
    let mut followed = 0;
    for file in TLS12.into_iter().filter(|file| !has_readable_certificate(file)) {
        let (mut client, _) = Script::load(file).client(&Arc::default());
        let trace = Trace::load(file);
        let (state, record, error) = refusal(&mut client, &trace, Actor::Server, |_| {});
        assert_eq!((state, error), ("WaitServerKeyExchange", CertificateError::BadEncoding.into()), "{file}");
        assert_eq!(record.payload[0], HandshakeType::server_key_exchange.0, "{file}");
        followed += 1;
    }
    assert_eq!(followed, 3);
}

#[test]
fn client_refuses_every_recorded_server_key_exchange_with_another_share() {
    for file in TLS12.into_iter().filter(|file| has_readable_certificate(file)) {
        let (mut client, _) = Script::load(file).client(&Arc::default());
        let trace = Trace::load(file);
        // The last byte of the share, behind curve_type, namedcurve and its length.
        let alter = |bytes: &mut Vec<u8>| {
            if bytes[RECORD_HEADER_LEN] == HandshakeType::server_key_exchange.0 {
                let share = RECORD_HEADER_LEN + 4 + 3;
                let last = share + usize::from(bytes[share]);
                bytes[last] ^= 1;
            }
        };
        let (state, _, error) = refusal(&mut client, &trace, Actor::Server, alter);
        assert_eq!((state, error), ("WaitServerKeyExchange", Violation::SignatureWrong.into()), "{file}");
    }
}

#[test]
fn server_refuses_the_recorded_certificate_verify_with_one_altered_bit() {
    let (mut server, _) = Script::load(ED25519).server(&Arc::default(), &in_recorded_words(ED25519));
    let trace = Trace::load(ED25519);
    let alter = |bytes: &mut Vec<u8>| {
        if bytes[RECORD_HEADER_LEN] == HandshakeType::certificate_verify.0 {
            *bytes.last_mut().unwrap() ^= 1;
        }
    };
    let (state, _, error) = refusal(&mut server, &trace, Actor::Client, alter);
    assert_eq!((state, error), ("WaitCertificateVerify", Violation::SignatureWrong.into()));
}

#[test]
fn recorded_hellos_without_extended_master_secret_are_refused_unless_allowed() {
    let mut script = Script::load(NO_EXTENDED_MASTER_SECRET);
    script.without_extended_master_secret = false;
    let expected = Error::from(Incompatible::NoExtendedMasterSecret);
    let (mut server, _) = script.server(&Arc::default(), &[]);
    let (state, _, error) = refusal(&mut server, &script.trace, Actor::Client, |_| {});
    assert_eq!((state, error), ("WaitClientHello", expected.clone()));
    let (mut client, _) = script.client(&Arc::default());
    let (state, _, error) = refusal(&mut client, &script.trace, Actor::Server, |_| {});
    assert_eq!((state, error), ("WaitServerHello", expected));
}

#[test]
fn replayed_connections_of_tls_1_2_export_the_published_keying_material() {
    let mut all = Values::load("tls13_labels_exporters");
    let mut found = 0;
    for mut vector in all.list("exporters_tls12") {
        // Both were derived from these in `tests/vectors_tls12.rs`.
        vector.leave(&["version", "hash", "master_secret", "client_random", "server_random", "out_len"]);
        let (source, expected) = (vector.text("source"), vector.bytes("output"));
        let file = source.rsplit(' ').next().unwrap();
        // Both are traces whose client cannot be ours.
        let (_, server, _) = play_server(file, &in_recorded_words(file));
        let (label, context) = (vector.text("label"), vector.nullable_bytes("context"));
        let mut exported = vec![0; expected.len()];
        server.export(label.as_bytes(), context.as_deref(), &mut exported).unwrap();
        assert_eq!(exported, expected, "{label}");
        found += 1;
    }
    all.leave(&["what", "license", "expand_label", "exporters_tls13", "key_update", "binder_keys", "imported_psk"]);
    assert_eq!(found, 6);
}
