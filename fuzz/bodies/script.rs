//! A peer that knows the keys and says what the fuzzer chooses: honest messages, made ones, damaged ones, any records.

use bulla::wire::{CipherSuite, ContentType, Handshake, KeyUpdateRequest, RawHandshake, write_all};
use bulla::{Connection, HandshakeKind};

use super::fixed::{GROUP, OTHER_GROUP};
use super::honest::{Honest, handshake, message};
use super::honest_second::{self, BYS, By};
use super::rich::{ASKED_LATER, Rich};
use super::rig::{Keys, Rig, Role};
use super::source::Source;

/// Plays a whole script: the input decides on the configuration, on how far an honest handshake goes first, and on
/// every step from there.
pub fn play(role: Role, source: &mut Source<'_>) -> Rig {
    let (suite, client_auth, retry) = (suite(source), source.flag(), source.flag());
    let mut rig = Rig::new(role, suite, client_auth);
    let honest = handshake(&rig, client_auth, retry);
    let steps = source.below(16).min(honest.len());
    for &(keys, next) in &honest[..steps] {
        say(&mut rig, keys, next);
    }
    if steps == honest.len() {
        assert!(rig.is_established(), "an untouched handshake failed: {:?}", rig.error());
        rig.use_keys(Keys::Application);
    }
    let mut pending = Vec::new();
    while !source.is_empty() && !rig.has_failed() {
        step(&mut rig, source, &mut pending);
    }
    rig.deliver(usize::MAX);
    rig
}

/// The same with an end that has everything switched on that the input wants.
pub fn play_rich(role: Role, source: &mut Source<'_>) -> Rig {
    let (suite, client_auth, retry) = (suite(source), source.flag(), source.flag());
    let rich = Rich::new(source, suite);
    let mut rig = Rig::rich(role, suite, client_auth, rich);
    let honest = handshake(&rig, client_auth, retry);
    let steps = source.below(16).min(honest.len());
    for &(keys, next) in &honest[..steps] {
        say(&mut rig, keys, next);
    }
    if steps == honest.len() {
        assert!(rig.is_established(), "an untouched handshake failed: {:?} {rich:?}", rig.error());
        rig.use_keys(Keys::Application);
        if source.flag() {
            ask_later(&mut rig, source);
        }
    }
    let mut pending = Vec::new();
    while !source.is_empty() && !rig.has_failed() {
        step(&mut rig, source, &mut pending);
    }
    rig.deliver(usize::MAX);
    rig
}

/// A request for a certificate behind the handshake, and its honest answer, or a part of it.
fn ask_later(rig: &mut Rig, source: &mut Source<'_>) {
    let offered = rig.rich.is_some_and(|rich| rich.has(ASKED_LATER)) && !rig.is_tls12();
    if rig.role == Role::Client {
        say(rig, Keys::Application, Honest::LateRequest(source.u8()));
        assert_eq!(rig.has_failed(), !offered, "{:?}", rig.error());
        return;
    }
    rig.call(OUTPUT_FOR_REQUEST, Connection::request_client_certificate);
    rig.deliver(usize::MAX);
    let answer = [Honest::LateCertificate { empty: false }, Honest::LateVerify, Honest::LateFinished];
    let said = source.below(4);
    for honest in answer.into_iter().take(if offered { said } else { 0 }) {
        say(rig, Keys::Application, honest);
    }
    assert!(!rig.has_failed(), "an honest answer failed: {:?}", rig.error());
    let open = rig.connection().open_certificate_requests();
    assert_eq!(open, usize::from(offered && said < 3));
}

/// The same with an end that has been here before, and a peer that resumes with it or names a PSK.
pub fn play_second(role: Role, source: &mut Source<'_>) -> Rig {
    let (suite, by, retry) = (suite(source), BYS[source.below(3)], source.flag());
    let mut rig = Rig::second(role, suite, false);
    let honest = honest_second::handshake(&rig, by);
    let steps = source.below(8).min(honest.len());
    // The server asks for the share that it wants, and takes the cookie back.
    if retry && role == Role::Server && !rig.is_tls12() && by != By::SessionEarly {
        say(&mut rig, Keys::None, Honest::Resuming(OTHER_GROUP, by));
    }
    for &(keys, next) in &honest[..steps] {
        say(&mut rig, keys, next);
    }
    if steps == honest.len() {
        let kind = if by == By::Psk && !rig.is_tls12() { HandshakeKind::ExternalPsk } else { HandshakeKind::Resumed };
        assert!(rig.is_established(), "an untouched handshake failed: {:?}", rig.error());
        assert_eq!(rig.connection().handshake_kind(), Some(kind));
        assert!(rig.has_all_data());
        rig.use_keys(Keys::Application);
    }
    let mut pending = Vec::new();
    while !source.is_empty() && !rig.has_failed() {
        step(&mut rig, source, &mut pending);
    }
    rig.deliver(usize::MAX);
    rig
}

pub const SUITES: [CipherSuite; 6] = [
    CipherSuite::TLS_AES_128_GCM_SHA256,
    CipherSuite::TLS_AES_256_GCM_SHA384,
    CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
];

pub fn suite(source: &mut Source<'_>) -> CipherSuite {
    SUITES[source.below(6)]
}

/// How long a request for a certificate is, with a record's overhead and padding for each few bytes of it.
const OUTPUT_FOR_REQUEST: usize = 2000;

/// Says an honest message, in a record of its own if it may be so long.
fn say(rig: &mut Rig, keys: Keys, honest: Honest) {
    rig.use_keys(keys);
    if let Some(bytes) = message(rig, honest) {
        rig.finished_said |= honest == Honest::Finished;
        rig.late_finished_said |= honest == Honest::LateFinished;
        for fragment in bytes.chunks(rig.fragment()) {
            rig.put_record(honest.content_type(), fragment, 0);
        }
    }
    rig.deliver(usize::MAX);
}

/// One step of a script. `pending` is handshake bytes that are not in a record yet.
fn step(rig: &mut Rig, source: &mut Source<'_>, pending: &mut Vec<u8>) {
    match source.below(18) {
        0 => rig.put_raw(source.bytes(0..=600)),
        1 => {
            let content_type = content_type(source);
            let (padding, content) = (source.below(200), source.bytes(0..=2000));
            rig.put_record(content_type, content, padding);
        }
        2 => pending.extend_from_slice(source.bytes(0..=600)),
        3 => {
            let raw: RawHandshake<'_> = source.make();
            pending.extend(write_all(&raw).unwrap());
        }
        4 => {
            // What is made for no version of ours is still something to refuse.
            let made: Handshake<'_> = source.make();
            pending.extend(made.to_bytes().unwrap_or_default());
        }
        5 | 6 => {
            let honest = honest(source);
            // It is made for the transcript as it will be when it arrives, so what is before it must arrive first.
            rig.deliver(usize::MAX);
            if let Some(bytes) = message(rig, honest) {
                rig.finished_said |= honest == Honest::Finished;
                rig.late_finished_said |= honest == Honest::LateFinished;
                match honest.content_type() {
                    ContentType::handshake => pending.extend(bytes),
                    other => rig.put_record(other, &bytes, 0),
                }
            }
        }
        7 => rig.use_keys([Keys::None, Keys::Handshake, Keys::Application, Keys::Early][source.below(4)]),
        8 => rig.next_keys(),
        9 | 10 => flush(rig, pending, usize::MAX),
        11 => flush(rig, pending, 1 + source.below(100)),
        12 => rig.deliver(1 + source.below(64)),
        13 => call(rig, source),
        14 => {
            let content_type = content_type(source);
            let (bit, content) = (usize::from(source.u16()), source.bytes(0..=200));
            rig.put_damaged_record(content_type, content, bit);
        }
        15 => rig.put_raw(&[20, 3, 3, 0, 1, 1]),
        _ => {
            rig.deliver(usize::MAX);
            pending.extend(damaged(rig, source).unwrap_or_default());
        }
    }
}

/// An honest message some bytes of which are others, of the right length, and with the binder that it then must have.
fn damaged(rig: &mut Rig, source: &mut Source<'_>) -> Option<Vec<u8>> {
    let honest = honest(source);
    let whole = message(rig, honest).filter(|_| honest.content_type() == ContentType::handshake)?;
    let mut body = whole.get(4..)?.to_vec();
    source.damage(&mut body);
    let length = u32::try_from(body.len()).ok()?.to_be_bytes();
    let mut bytes = [&whole[..1], &length[1..], &body].concat();
    if let (true, Honest::Resuming(_, by)) = (source.flag(), honest) {
        honest_second::bind(rig, by, &mut bytes);
    }
    rig.finished_said |= honest == Honest::Finished && bytes == whole;
    rig.late_finished_said |= honest == Honest::LateFinished && bytes == whole;
    Some(bytes)
}

/// Puts what is pending into records of at most `fragment` bytes.
fn flush(rig: &mut Rig, pending: &mut Vec<u8>, fragment: usize) {
    for content in pending.chunks(fragment.min(16_384)) {
        rig.put_record(ContentType::handshake, content, 0);
    }
    pending.clear();
    rig.deliver(usize::MAX);
}

fn content_type(source: &mut Source<'_>) -> ContentType {
    match source.below(8) {
        0 | 1 => ContentType::handshake,
        2 => ContentType::alert,
        3..=6 => ContentType::application_data,
        _ => ContentType(source.u8()),
    }
}

fn honest(source: &mut Source<'_>) -> Honest {
    match source.below(26) {
        0 => Honest::ClientHello(GROUP),
        1 => Honest::ClientHello(OTHER_GROUP),
        2 => Honest::ServerHello(GROUP),
        3 => Honest::ServerHello(OTHER_GROUP),
        4 => Honest::HelloRetryRequest,
        5 => Honest::EncryptedExtensions,
        6 => Honest::CertificateRequest,
        7 => Honest::Certificate { empty: source.flag() },
        8 => Honest::CertificateVerify,
        9 => Honest::Finished,
        10 => Honest::NewSessionTicket,
        11 => Honest::KeyUpdate(KeyUpdateRequest(source.u8() % 3)),
        12 => Honest::ServerKeyExchange,
        13 => Honest::ServerHelloDone,
        14 => Honest::ClientKeyExchange,
        15 => Honest::HelloRequest,
        16 => Honest::ChangeCipherSpec,
        17 => Honest::Resuming([GROUP, OTHER_GROUP][source.below(2)], BYS[source.below(3)]),
        18 => Honest::Resumed(BYS[source.below(3)]),
        19 => Honest::ResumedExtensions { early: source.flag() },
        20 => Honest::EarlyData,
        21 => Honest::EndOfEarlyData,
        22 => Honest::LateRequest(source.u8()),
        23 => Honest::LateCertificate { empty: source.flag() },
        24 => Honest::LateVerify,
        _ => Honest::LateFinished,
    }
}

/// What the application may do at any time.
fn call(rig: &mut Rig, source: &mut Source<'_>) {
    match source.below(7) {
        6 => rig.call(OUTPUT_FOR_REQUEST, Connection::request_client_certificate),
        0 => rig.close(),
        1 => {
            let ask_peer = source.flag();
            rig.call(100, |connection| connection.update_keys(ask_peer));
        }
        2 => {
            let data = source.bytes(0..=300);
            rig.call(0, |connection| connection.send(data, &mut [0; 700]).map(drop));
        }
        3 => rig.call(0, |connection| connection.export(b"EXPORTER-fuzz", None, &mut [0; 32])),
        4 => rig.call(100, |connection| connection.end_of_input()),
        _ => {
            let data = source.bytes(0..=300);
            let send = if rig.role == Role::Client { Connection::send_early } else { Connection::send_half_rtt };
            rig.call(0, |connection| send(connection, data, &mut [0; 700]).map(drop));
        }
    }
}
