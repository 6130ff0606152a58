//! One altered bit anywhere on the wire never gives a connection, and no altered data is accepted.
//!
//! The handshake has all that there is: both certificates, and in TLS 1.3 HelloRetryRequest and the dummy
//! change_cipher_specs; then one record of data each way. Every bit of every octet of both directions is altered once, alone.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::ops::Range;
use std::sync::Arc;
use std::thread;

use bulla::wire::{ContentType, ProtocolVersion, RECORD_HEADER_LEN};
use bulla::{ClientAuth, ClientConfig, ClientConnection, Connection, Error, ServerConfig, ServerConnection};
use pair::{Authority, KeyKind, Seen, configs_by, data, feed, name, output, send};
use scene::{Scene, Stage};
use script::Say::{
    Certificate, CertificateRequest, CertificateVerify, ClientHello, EncryptedExtensions, Finished, ServerHello,
};
use script::{GROUP, Peer, RETRY_GROUP, Say};

const PING: &[u8] = b"from the client";
const PONG: &[u8] = b"from the server";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

/// One bit of one direction's octets, counted from the first.
#[derive(Clone, Copy, Debug)]
struct Alteration {
    way: Way,
    offset: usize,
    mask: u8,
}

/// One end with what it was given.
struct Half {
    seen: Vec<Seen>,
    waiting: Vec<u8>,
    error: Option<Error>,
    /// Everything it sent, unaltered.
    sent: Vec<u8>,
}

impl Half {
    fn new() -> Self {
        Self { seen: Vec::new(), waiting: Vec::new(), error: None, sent: Vec::new() }
    }

    fn has_seen_established(&self) -> bool {
        self.seen.contains(&Seen::Established)
    }
}

/// A connection over a wire that alters one bit, or none.
struct Run {
    client: Half,
    server: Half,
    /// How many octets of each direction belong to the handshake.
    handshake: (usize, usize),
}

/// Both configurations. Their keys are Ed25519, whose signatures have one length, so that every run looks the same.
fn configurations(version: ProtocolVersion) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let authority = Authority::new();
    let (client, server) = configs_by(&authority, KeyKind::Ed25519);
    let client = client.versions([version]).unwrap().groups([GROUP, RETRY_GROUP]).unwrap();
    let client = client.identity(authority.identity(&["client.test"], KeyKind::Ed25519));
    let server = server.versions([version]).unwrap().groups([RETRY_GROUP]).unwrap();
    (Arc::new(client), Arc::new(server.client_auth(ClientAuth::Require(Arc::new(authority.roots())))))
}

/// Gives an end what waits for it, and passes on what it answers, altered if that is its turn.
fn turn(connection: &mut Connection, half: &mut Half, other: &mut Half, alter: &dyn Fn(usize, &mut [u8])) -> bool {
    if half.error.is_none() {
        half.error = feed(connection, &mut half.waiting, &mut half.seen).err();
    }
    pass_on(output(connection), half, other, alter)
}

fn pass_on(mut bytes: Vec<u8>, half: &mut Half, other: &mut Half, alter: &dyn Fn(usize, &mut [u8])) -> bool {
    let start = half.sent.len();
    half.sent.extend_from_slice(&bytes);
    alter(start, &mut bytes);
    other.waiting.extend_from_slice(&bytes);
    !bytes.is_empty()
}

fn run(configs: &(Arc<ClientConfig>, Arc<ServerConfig>), alteration: Option<Alteration>) -> Run {
    let alter = |way: Way| {
        move |start: usize, bytes: &mut [u8]| {
            if let Some(it) = alteration.filter(|it| it.way == way)
                && let Some(byte) = it.offset.checked_sub(start).and_then(|at| bytes.get_mut(at))
            {
                *byte ^= it.mask;
            }
        }
    };
    let (to_server, to_client) = (alter(Way::ToServer), alter(Way::ToClient));
    let (mut client, mut server) = (Half::new(), Half::new());
    let mut client_end = ClientConnection::new(Arc::clone(&configs.0), name()).unwrap();
    let mut server_end = ServerConnection::new(Arc::clone(&configs.1)).unwrap();
    let silence = |client: &mut Half, server: &mut Half, ends: (&mut ClientConnection, &mut ServerConnection)| {
        while turn(ends.0, client, server, &to_server) | turn(ends.1, server, client, &to_client) {}
    };
    silence(&mut client, &mut server, (&mut client_end, &mut server_end));
    let handshake = (client.sent.len(), server.sent.len());
    if client_end.may_send() {
        let records = send(&mut client_end, PING);
        pass_on(records, &mut client, &mut server, &to_server);
    }
    if server_end.may_send() {
        let records = send(&mut server_end, PONG);
        pass_on(records, &mut server, &mut client, &to_client);
    }
    silence(&mut client, &mut server, (&mut client_end, &mut server_end));
    Run { client, server, handshake }
}

/// Where each record of a direction stands.
fn records(stream: &[u8]) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    let mut start = 0;
    while start < stream.len() {
        let len = usize::from(u16::from_be_bytes([stream[start + 3], stream[start + 4]]));
        all.push(start..start + RECORD_HEADER_LEN + len);
        start += RECORD_HEADER_LEN + len;
    }
    all
}

/// The octets that are ignored for all purposes, as RFC 8446 §5.1 demands: legacy_record_version of unprotected
/// records. The major version of the very first record alone is looked at; in protected ones it is authenticated.
fn ignored_octets(version: ProtocolVersion, stream: &[u8]) -> Vec<usize> {
    let mut ignored = Vec::new();
    let mut behind_change_cipher_spec = false;
    for (index, record) in records(stream).into_iter().enumerate() {
        let content_type = ContentType(stream[record.start]);
        let is_protected = match version {
            ProtocolVersion::TLSv1_3 => content_type == ContentType::application_data,
            _ => behind_change_cipher_spec,
        };
        behind_change_cipher_spec |= content_type == ContentType::change_cipher_spec;
        if !is_protected {
            ignored.extend((index > 0).then_some(record.start + 1));
            ignored.push(record.start + 2);
        }
    }
    ignored
}

/// Alters each bit of one direction, on all cores, and judges what came of it.
fn alter_every_bit(version: ProtocolVersion, way: Way) {
    let configs = configurations(version);
    let honest = run(&configs, None);
    assert_eq!((data(&honest.server.seen), data(&honest.client.seen)), (PING.to_vec(), PONG.to_vec()));
    let (stream, handshake_len) = match way {
        Way::ToServer => (&honest.client.sent, honest.handshake.0),
        Way::ToClient => (&honest.server.sent, honest.handshake.1),
    };
    let ignored = ignored_octets(version, stream);
    // In TLS 1.2 the server is connected before it sends its last flight.
    let last_flight = match way {
        Way::ToClient if version < ProtocolVersion::TLSv1_3 => {
            let is_change = |record: &Range<usize>| stream[record.start] == ContentType::change_cipher_spec.0;
            records(stream).into_iter().find(is_change).unwrap().start
        }
        _ => usize::MAX,
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for worker in 0..workers {
            let (configs, ignored) = (&configs, &ignored);
            let offsets = (0..stream.len()).skip(worker).step_by(workers);
            scope.spawn(move || {
                for (offset, bit) in offsets.flat_map(|offset| (0..8).map(move |bit| (offset, bit))) {
                    let alteration = Alteration { way, offset, mask: 1 << bit };
                    let run = run(configs, Some(alteration));
                    if ignored.contains(&offset) {
                        let arrived = (data(&run.server.seen), data(&run.client.seen));
                        assert_eq!((&arrived.0[..], &arrived.1[..]), (PING, PONG), "{alteration:?}");
                    } else if offset < handshake_len {
                        judge_handshake(version, alteration, &run, offset >= last_flight);
                    } else {
                        judge_data(alteration, &run);
                    }
                }
            });
        }
    });
}

/// The end that is the last to be connected never comes that far, nor does the one that was lied to.
fn judge_handshake(version: ProtocolVersion, alteration: Alteration, run: &Run, server_may_be_connected: bool) {
    let (server, client) = (run.server.has_seen_established(), run.client.has_seen_established());
    assert!(!server || server_may_be_connected, "{alteration:?}");
    let client_may_be_connected = alteration.way == Way::ToServer && version == ProtocolVersion::TLSv1_3;
    assert!(!client || client_may_be_connected, "{alteration:?}");
    assert!(data(&run.server.seen).is_empty() && data(&run.client.seen).is_empty(), "{alteration:?}");
}

fn judge_data(alteration: Alteration, run: &Run) {
    let (to_server, to_client) = (data(&run.server.seen), data(&run.client.seen));
    let (altered, other) = match alteration.way {
        Way::ToServer => (&to_server, &to_client),
        Way::ToClient => (&to_client, &to_server),
    };
    assert!(altered.is_empty(), "{alteration:?}");
    assert!(!other.is_empty(), "{alteration:?}");
}

#[test]
fn every_altered_bit_from_client_to_server_is_refused() {
    alter_every_bit(ProtocolVersion::TLSv1_3, Way::ToServer);
}

#[test]
fn every_altered_bit_from_server_to_client_is_refused() {
    alter_every_bit(ProtocolVersion::TLSv1_3, Way::ToClient);
}

#[cfg(feature = "tls12")]
#[test]
fn every_altered_bit_from_client_to_server_is_refused_in_tls12() {
    alter_every_bit(ProtocolVersion::TLSv1_2, Way::ToServer);
}

#[cfg(feature = "tls12")]
#[test]
fn every_altered_bit_from_server_to_client_is_refused_in_tls12() {
    alter_every_bit(ProtocolVersion::TLSv1_2, Way::ToClient);
}

#[test]
fn ignored_octets_are_the_versions_of_unprotected_records() {
    let ignored = |version: ProtocolVersion| {
        let honest = run(&configurations(version), None);
        [honest.client.sent, honest.server.sent].map(|stream| ignored_octets(version, &stream).len())
    };
    // ClientHello, change_cipher_spec, ClientHello; HelloRetryRequest, change_cipher_spec, ServerHello.
    assert_eq!(ignored(ProtocolVersion::TLSv1_3), [1 + 2 + 2; 2]);
    // ClientHello, the messages before change_cipher_spec, and that; the server's flight and change_cipher_spec.
    #[cfg(feature = "tls12")]
    assert_eq!(ignored(ProtocolVersion::TLSv1_2), [1 + 2 + 2, 1 + 2]);
}

/// A peer that has said `before` and whose next message reaches the end altered under the right keys, while the peer
/// goes on as if nothing had happened: what a thief of traffic keys could do. Returns the scene at the end.
fn altered_inside(scene: Scene, before: &[Say], victim: Say, after: &[Say], alter: &dyn Fn(&mut [u8])) -> Scene {
    let scene = scene.say(before).with(|peer: &mut Peer| {
        let message = peer.compose(victim);
        let mut altered = message.clone();
        alter(&mut altered);
        let record = peer.record(ContentType::handshake, &altered);
        peer.count(&message);
        record
    });
    scene.say(after)
}

/// Alters each octet of each message of a flight that the end must receive whole.
fn alter_inside_the_protection(start: &dyn Fn() -> Scene, flight: &[Say]) {
    for (index, victim) in flight.iter().enumerate() {
        let (before, after) = (&flight[..index], &flight[index + 1..]);
        for offset in 0.. {
            let altered = std::cell::Cell::new(false);
            let flip = |message: &mut [u8]| {
                if let Some(byte) = message.get_mut(offset) {
                    *byte ^= 1 << (offset % 8);
                    altered.set(true);
                }
            };
            let scene = altered_inside(start(), before, *victim, after, &flip);
            if !altered.get() {
                // Behind the message's end: its length differs from run to run with an ECDSA signature's.
                assert!(offset > 0 && scene.seen.contains(&Seen::Established));
                break;
            }
            assert!(!scene.seen.contains(&Seen::Established), "{victim:?}, octet {offset}: {}", scene.outcome());
        }
    }
}

#[test]
fn message_of_a_server_altered_inside_the_protection_is_refused() {
    let stage = Stage::new();
    let flight = [EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished];
    alter_inside_the_protection(&|| stage.client().say(&[ServerHello]), &flight);
}

#[test]
fn message_of_a_client_altered_inside_the_protection_is_refused() {
    let stage = Stage::new();
    let flight = [Certificate, CertificateVerify, Finished];
    alter_inside_the_protection(&|| stage.server_with(stage.requiring_server()).say(&[ClientHello]), &flight);
}
