//! How large records may be: record_size_limit and max_fragment_length, between real ends. RFC 8449, RFC 6066 §4.

#![cfg(feature = "ring")]

#[path = "support/pair.rs"]
mod pair;

use std::sync::Arc;

use bulla::config::{AVAILABLE_VERSIONS, AntiReplay};
use bulla::crypto::ring::provider;
use bulla::error::Misuse;
use bulla::resume::{MemoryClientSessions, MemoryStrikeRegister, TicketKeys};
use bulla::wire::{ContentType, Handshake, MaxFragmentLength, ProtocolVersion};
use bulla::{
    ClientConfig, ConfigError, Connection, Content, Direction, EarlyData, HandshakeKind, IN_PLACE_HEAD, IN_PLACE_TAIL,
    MAX_RECORD_LEN, Observed, Observer, ServerConfig,
};
use pair::{KeyKind, Pair, Seen, configs, data, feed, output_in};

/// The limits at which something changes, and their neighbours.
const LIMITS: [u16; 9] = [64, 65, 511, 512, 513, 1000, 16_383, 16_384, 16_385];

const LENGTHS: [(MaxFragmentLength, usize); 4] = [
    (MaxFragmentLength::two_to_the_9, 512),
    (MaxFragmentLength::two_to_the_10, 1024),
    (MaxFragmentLength::two_to_the_11, 2048),
    (MaxFragmentLength::two_to_the_12, 4096),
];

/// One record on the wire: its type, and what follows its header.
type Record = (ContentType, usize);

fn records(mut bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let [content_type, _, _, high, low, rest @ ..] = bytes {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        records.push((ContentType(*content_type), len));
        bytes = &rest[len..];
    }
    records
}

/// Runs the handshake through output buffers of this size; returns the records of the client and of the server.
fn run_in(pair: &mut Pair, buffer_len: usize) -> [Vec<Record>; 2] {
    let (mut of_client, mut of_server) = (Vec::new(), Vec::new());
    loop {
        let mut bytes = output_in(&mut pair.client, buffer_len);
        of_client.extend(records(&bytes));
        feed(&mut pair.server, &mut bytes, &mut pair.server_seen).unwrap();
        let mut bytes = output_in(&mut pair.server, buffer_len);
        of_server.extend(records(&bytes));
        feed(&mut pair.client, &mut bytes, &mut pair.client_seen).unwrap();
        if !pair.client.has_output() && !pair.server.has_output() {
            return [of_client, of_server];
        }
    }
}

/// How many bytes a protected record has beyond what is sealed in it.
fn expansion(connection: &Connection) -> usize {
    let has_explicit_nonce = connection.cipher_suite().unwrap().to_string().contains("_GCM_");
    if connection.protocol_version() == Some(ProtocolVersion::TLSv1_2) && has_explicit_nonce { 24 } else { 16 }
}

/// Sends data through a buffer of this size; returns its records.
fn send_in(connection: &mut Connection, mut data: &[u8], buffer_len: usize) -> Vec<u8> {
    let (mut records, mut buffer) = (Vec::new(), vec![0; buffer_len]);
    while !data.is_empty() {
        let sent = connection.send(data, &mut buffer).unwrap();
        records.extend_from_slice(&buffer[..sent.written]);
        data = &data[sent.taken..];
    }
    records
}

/// The most that is sealed in the records of data that one end sends the other, which gets it all.
fn largest_sealed(from: &mut Connection, to: &mut Connection, len: usize, buffer_len: usize) -> usize {
    let plaintext: Vec<u8> = (0..len).map(|index| u8::try_from(index % 251).unwrap()).collect();
    let mut bytes = send_in(from, &plaintext, buffer_len);
    let largest = records(&bytes).iter().map(|(_, len)| len - expansion(from)).max().unwrap();
    let mut seen = Vec::new();
    feed(to, &mut bytes, &mut seen).unwrap();
    assert!(data(&seen) == plaintext);
    largest
}

/// What the version allows at most to be sealed, and what of it is no content.
fn most(version: ProtocolVersion) -> (usize, usize) {
    if version == ProtocolVersion::TLSv1_3 { (16_385, 1) } else { (16_384, 0) }
}

fn of_version(version: ProtocolVersion) -> (ClientConfig, ServerConfig) {
    let (client, server) = configs(KeyKind::EcdsaP256);
    (client.versions([version]).unwrap(), server)
}

#[test]
fn each_end_keeps_to_the_limit_of_the_other_with_every_limit_and_buffer() {
    for version in AVAILABLE_VERSIONS {
        for (ours, theirs) in LIMITS.into_iter().zip(LIMITS.into_iter().rev()) {
            for buffer_len in [MAX_RECORD_LEN, 5000, 600] {
                let (client, server) = of_version(*version);
                let client = client.record_size_limit(ours).unwrap();
                let mut pair = Pair::new(client, server.record_size_limit(theirs).unwrap());
                run_in(&mut pair, buffer_len);
                let (largest, inside) = most(*version);
                let Pair { client, server, .. } = &mut pair;
                for (to_server, limit) in [(true, theirs), (false, ours)] {
                    let (from, to) =
                        if to_server { (&mut **client, &mut **server) } else { (&mut **server, &mut **client) };
                    let limit = usize::from(limit).min(largest);
                    assert_eq!(from.max_fragment_len(), limit - inside, "{version}");
                    let sealed = largest_sealed(from, to, 40_000, buffer_len);
                    let fits = buffer_len - 5 - expansion(from);
                    assert_eq!(sealed, limit.min(fits), "{version}, a limit of {limit}, a buffer of {buffer_len}");
                }
            }
        }
    }
}

#[test]
fn handshake_under_keys_keeps_to_the_limits_too_and_what_is_in_the_clear_does_not() {
    for version in AVAILABLE_VERSIONS {
        let (client, server) = of_version(*version);
        let mut pair = Pair::new(client.record_size_limit(64).unwrap(), server.record_size_limit(100).unwrap());
        let [of_client, of_server] = run_in(&mut pair, MAX_RECORD_LEN);
        assert!(pair.client.is_established() && pair.server.is_established());
        if *version == ProtocolVersion::TLSv1_3 {
            let protected = |records: &[Record]| -> Vec<usize> {
                let protected = records.iter().filter(|(of_type, _)| *of_type == ContentType::application_data);
                protected.map(|(_, len)| len - 16).collect()
            };
            let (of_client, of_server) = (protected(&of_client), protected(&of_server));
            assert_eq!(of_server.iter().max(), Some(&64), "the server's flight is split to the client's limit");
            assert!(of_server.len() > 5 && of_client.iter().all(|len| *len <= 100));
        } else {
            let largest = of_server.iter().map(|(_, len)| *len).max().unwrap();
            assert!(largest > 400, "a certificate in the clear is not subject to the limit");
        }
    }
}

#[test]
fn limits_stay_when_keys_change() {
    let (client, server) = of_version(ProtocolVersion::TLSv1_3);
    let mut pair = Pair::new(client.record_size_limit(200).unwrap(), server.record_size_limit(300).unwrap());
    run_in(&mut pair, MAX_RECORD_LEN);
    for _ in 0..3 {
        pair.client.update_keys(true).unwrap();
        pair.run().unwrap();
        assert_eq!(largest_sealed(&mut pair.client, &mut pair.server, 1000, MAX_RECORD_LEN), 300);
        assert_eq!(largest_sealed(&mut pair.server, &mut pair.client, 1000, MAX_RECORD_LEN), 200);
    }
}

#[test]
fn end_without_a_limit_of_its_own_honours_that_of_the_other() {
    for version in AVAILABLE_VERSIONS {
        let (largest, _) = most(*version);
        let (client, server) = of_version(*version);
        let mut pair = Pair::established(client.record_size_limit(500).unwrap(), server);
        assert_eq!(largest_sealed(&mut pair.server, &mut pair.client, 40_000, 2 * MAX_RECORD_LEN), 500);
        assert_eq!(largest_sealed(&mut pair.client, &mut pair.server, 40_000, 2 * MAX_RECORD_LEN), largest);
        // A client that does not offer the extension cannot be told.
        let (client, server) = of_version(*version);
        let mut pair = Pair::established(client, server.record_size_limit(500).unwrap());
        assert_eq!(largest_sealed(&mut pair.client, &mut pair.server, 40_000, 2 * MAX_RECORD_LEN), largest);
    }
}

#[test]
fn record_of_the_limit_is_sent_in_place_and_one_byte_more_is_not() {
    for version in AVAILABLE_VERSIONS {
        let (client, server) = of_version(*version);
        let mut pair = Pair::established(client.record_size_limit(100).unwrap(), server);
        let most = pair.server.max_fragment_len();
        assert_eq!(most, if *version == ProtocolVersion::TLSv1_3 { 99 } else { 100 });
        let mut buffer = vec![7; IN_PLACE_HEAD + 200 + IN_PLACE_TAIL];
        let too_long = pair.server.send_in_place(&mut buffer, IN_PLACE_HEAD..IN_PLACE_HEAD + most + 1);
        assert_eq!(too_long, Err(Misuse::InPlaceRoom(IN_PLACE_HEAD, IN_PLACE_TAIL).into()));
        let record = pair.server.send_in_place(&mut buffer, IN_PLACE_HEAD..IN_PLACE_HEAD + most).unwrap();
        let mut seen = Vec::new();
        feed(&mut pair.client, &mut buffer[record].to_vec(), &mut seen).unwrap();
        assert_eq!(data(&seen), vec![7; most]);
    }
}

#[test]
fn small_records_need_small_buffers_alone() {
    let (client, server) = of_version(ProtocolVersion::TLSv1_3);
    let mut pair = Pair::established(client.record_size_limit(64).unwrap(), server);
    let record_len = 5 + 64 + 16;
    let too_small = pair.server.send(&[1; 500], &mut vec![0; record_len - 1]);
    assert_eq!(too_small, Err(Misuse::OutputTooSmall(record_len).into()));
    assert_eq!(largest_sealed(&mut pair.server, &mut pair.client, 500, record_len), 64);
}

/// What a client's and a server's hello said, as the client saw them.
#[derive(Debug, Default)]
struct Hellos(std::sync::Mutex<(Vec<String>, Vec<String>)>);

impl Observer for Hellos {
    fn observe(&self, observed: &Observed<'_>) {
        let Content::Handshake { message: Ok(message), .. } = &observed.content else { return };
        let mut seen = self.0.lock().unwrap();
        match message {
            Handshake::ClientHello(hello) if observed.direction == Direction::Sent => {
                seen.0 = hello.extensions.iter().flatten().map(|it| format!("{it:?}")).collect();
            }
            Handshake::ServerHello(hello) => {
                seen.1.extend(hello.extensions.iter().flatten().map(|it| format!("{it:?}")));
            }
            Handshake::EncryptedExtensions(message) => {
                seen.1.extend(message.extensions.iter().map(|it| format!("{it:?}")));
            }
            _ => {}
        }
    }
}

/// What a client of this configuration offers, and what it is answered.
fn said(client: ClientConfig, server: ServerConfig) -> (Vec<String>, Vec<String>) {
    let hellos = Arc::new(Hellos::default());
    Pair::established(client.observer(hellos.clone()), server);
    Arc::try_unwrap(hellos)
        .map_or_else(|shared| std::mem::take(&mut *shared.0.lock().unwrap()), |it| it.0.into_inner().unwrap())
}

fn about_sizes(said: &[String]) -> Vec<&str> {
    let about = |it: &&str| it.starts_with("RecordSizeLimit") || it.starts_with("MaxFragmentLength");
    said.iter().map(String::as_str).filter(about).collect()
}

#[test]
fn nothing_is_offered_or_answered_that_was_not_asked_for() {
    for version in AVAILABLE_VERSIONS {
        let (client, server) = of_version(*version);
        let (offered, answered) = said(client, server.record_size_limit(100).unwrap());
        assert!(about_sizes(&offered).is_empty() && about_sizes(&answered).is_empty(), "{version}");
    }
}

#[test]
fn limit_is_advertised_as_configured_and_never_beyond_the_version() {
    let both = |version, ours: u16, theirs: u16| {
        let (client, server) = of_version(version);
        let client = client.record_size_limit(ours).unwrap();
        let (offered, answered) = said(client, server.record_size_limit(theirs).unwrap());
        (about_sizes(&offered).join(","), about_sizes(&answered).join(","))
    };
    let say = |limit: u16| format!("RecordSizeLimit({limit})");
    assert_eq!(both(ProtocolVersion::TLSv1_3, 16_385, 64), (say(16_385), say(64)));
    assert_eq!(both(ProtocolVersion::TLSv1_3, 64, 16_385), (say(64), say(16_385)));
    #[cfg(feature = "tls12")]
    assert_eq!(both(ProtocolVersion::TLSv1_2, 16_385, 16_385), (say(16_384), say(16_384)));
    // A server that was told nothing says that it takes everything.
    for (version, most) in [(ProtocolVersion::TLSv1_3, 16_385), (ProtocolVersion::TLSv1_2, 16_384)] {
        if AVAILABLE_VERSIONS.contains(&version) {
            let (client, server) = of_version(version);
            let (_, answered) = said(client.record_size_limit(64).unwrap(), server);
            assert_eq!(about_sizes(&answered), [say(most)]);
        }
    }
}

#[test]
fn limits_that_the_rfc_does_not_allow_are_refused_by_the_configuration() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    for bytes in [0, 63, 16_386, u16::MAX] {
        let refused = ConfigError::RecordSizeLimitOutOfBounds(bytes);
        assert_eq!(client.clone().record_size_limit(bytes).unwrap_err(), refused);
        assert_eq!(server.clone().record_size_limit(bytes).unwrap_err(), refused);
        assert!(refused.to_string().contains(&bytes.to_string()));
    }
    for code in [0, 5, 255] {
        let length = MaxFragmentLength(code);
        let refused = client.clone().max_fragment_length(length).unwrap_err();
        assert_eq!(refused, ConfigError::MaxFragmentLengthUnknown(length));
        assert!(refused.to_string().contains(&length.to_string()));
    }
}

#[test]
fn max_fragment_length_holds_for_every_record_either_way_from_the_hellos_on() {
    for version in AVAILABLE_VERSIONS {
        for (length, len) in LENGTHS {
            let (client, server) = of_version(*version);
            let mut pair = Pair::new(client.max_fragment_length(length).unwrap(), server);
            let [_, of_server] = run_in(&mut pair, MAX_RECORD_LEN);
            let beyond = if *version == ProtocolVersion::TLSv1_3 { 16 } else { 24 };
            for (of_type, record_len) in &of_server {
                let most = if *of_type == ContentType::application_data { len + beyond } else { len };
                assert!(*record_len <= most, "{version}: {record_len} bytes of {of_type} where {len} are allowed");
            }
            let full = of_server.iter().any(|(_, record_len)| *record_len == len || *record_len == len + 16);
            assert!(full || len > 512, "a flight with a certificate does not fit into 512 bytes");
            let Pair { client, server, .. } = &mut pair;
            assert_eq!(largest_sealed(client, server, 10_000, MAX_RECORD_LEN), len, "{version}");
            assert_eq!(largest_sealed(server, client, 10_000, MAX_RECORD_LEN), len, "{version}");
        }
    }
}

#[test]
fn server_ignores_max_fragment_length_beside_record_size_limit() {
    for version in AVAILABLE_VERSIONS {
        let (client, server) = of_version(*version);
        let client = client.max_fragment_length(MaxFragmentLength::two_to_the_9).unwrap();
        let client = client.record_size_limit(1000).unwrap();
        let (offered, answered) = said(client.clone(), server.clone());
        assert_eq!(about_sizes(&offered), ["RecordSizeLimit(1000)", "MaxFragmentLength(2^9)"]);
        assert!(matches!(about_sizes(&answered)[..], [only] if only.starts_with("RecordSizeLimit")), "{version}");
        let mut pair = Pair::established(client, server);
        assert_eq!(largest_sealed(&mut pair.server, &mut pair.client, 10_000, MAX_RECORD_LEN), 1000);
    }
}

/// Configurations that keep sessions, with early data.
fn keeping(version: ProtocolVersion) -> (ClientConfig, ServerConfig) {
    let (client, server) = of_version(version);
    let client = client.session_store(Arc::new(MemoryClientSessions::new(4, 4))).early_data(true);
    let server = server.tickets(Arc::new(TicketKeys::random(provider(), 86_400).unwrap()));
    let register = MemoryStrikeRegister::random(&*provider(), 100).unwrap();
    (client, server.early_data(10_000, AntiReplay::StrikeRegister(Arc::new(register))).unwrap())
}

fn kinds(pair: &Pair) -> [Option<HandshakeKind>; 2] {
    [pair.client.handshake_kind(), pair.server.handshake_kind()]
}

#[test]
fn resumption_agrees_on_limits_anew() {
    for version in AVAILABLE_VERSIONS {
        let (client, server) = keeping(*version);
        let limited = Pair::established(client.clone().record_size_limit(100).unwrap(), server.clone());
        assert_eq!(limited.server.max_fragment_len(), if *version == ProtocolVersion::TLSv1_3 { 99 } else { 100 });
        let other = client.clone().record_size_limit(300).unwrap();
        let mut second = Pair::established(other, server.clone().record_size_limit(400).unwrap());
        assert_eq!(kinds(&second), [Some(HandshakeKind::Resumed); 2], "{version}");
        assert_eq!(largest_sealed(&mut second.server, &mut second.client, 1000, MAX_RECORD_LEN), 300);
        assert_eq!(largest_sealed(&mut second.client, &mut second.server, 1000, MAX_RECORD_LEN), 400);
        let mut third = Pair::established(client, server);
        assert_eq!(kinds(&third), [Some(HandshakeKind::Resumed); 2], "{version}");
        let (largest, _) = most(*version);
        assert_eq!(largest_sealed(&mut third.server, &mut third.client, 20_000, MAX_RECORD_LEN), largest);
    }
}

#[cfg(feature = "tls12")]
#[test]
fn session_of_tls12_keeps_its_max_fragment_length_without_a_word_and_another_one_leads_to_a_full_handshake() {
    let (client, server) = keeping(ProtocolVersion::TLSv1_2);
    let small = client.clone().max_fragment_length(MaxFragmentLength::two_to_the_9).unwrap();
    assert_eq!(about_sizes(&said(small.clone(), server.clone()).1), ["MaxFragmentLength(2^9)"]);
    let (offered, answered) = said(small.clone(), server.clone());
    assert_eq!(about_sizes(&offered), ["MaxFragmentLength(2^9)"]);
    assert_eq!(about_sizes(&answered), [""; 0], "a resumed ServerHello says nothing of it");
    let mut resumed = Pair::established(small.clone(), server.clone());
    assert_eq!(kinds(&resumed), [Some(HandshakeKind::Resumed); 2]);
    let Pair { client: to, server: from, .. } = &mut resumed;
    assert_eq!(largest_sealed(from, to, 2000, MAX_RECORD_LEN), 512);
    assert_eq!(largest_sealed(to, from, 2000, MAX_RECORD_LEN), 512);
    // Our own client does not offer the session under another length, and a server would not take it.
    for other in [client.clone(), client.max_fragment_length(MaxFragmentLength::two_to_the_10).unwrap()] {
        Pair::established(small.clone(), server.clone());
        let pair = Pair::established(other, server.clone());
        assert_eq!(kinds(&pair), [Some(HandshakeKind::Full); 2]);
    }
}

#[cfg(feature = "tls12")]
#[test]
fn client_that_offers_both_resumes_with_a_server_that_knows_the_newer_one() {
    let (client, server) = keeping(ProtocolVersion::TLSv1_2);
    let client = client.max_fragment_length(MaxFragmentLength::two_to_the_9).unwrap().record_size_limit(100).unwrap();
    Pair::established(client.clone(), server.clone());
    let mut pair = Pair::established(client, server);
    assert_eq!(kinds(&pair), [Some(HandshakeKind::Resumed); 2]);
    assert_eq!(largest_sealed(&mut pair.server, &mut pair.client, 1000, MAX_RECORD_LEN), 100);
}

/// Sends early data; returns the records behind the hello, and what the server has seen of it.
fn early(pair: &mut Pair, data: &[u8]) -> (Vec<Record>, Vec<u8>) {
    let mut buffer = vec![0; 4 * MAX_RECORD_LEN];
    let sent = pair.client.send_early(data, &mut buffer).unwrap();
    assert_eq!(sent.taken, data.len());
    let mut flight = buffer[..sent.written].to_vec();
    let sent = records(&flight);
    feed(&mut pair.server, &mut flight, &mut pair.server_seen).unwrap();
    pair.run().unwrap();
    let early = pair.server_seen.iter().filter_map(|seen| match seen {
        Seen::EarlyData(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    let protected = sent.into_iter().filter(|(of_type, _)| *of_type == ContentType::application_data);
    (protected.collect(), early.collect::<Vec<_>>().concat())
}

#[test]
fn early_data_keeps_to_what_the_server_took_when_the_session_was_made() {
    let (client, server) = keeping(ProtocolVersion::TLSv1_3);
    let client = client.record_size_limit(16_385).unwrap();
    let data = vec![5; 2000];
    for (limit, sealed) in [(200, 200), (64, 64), (16_385, 2001)] {
        Pair::established(client.clone(), server.clone().record_size_limit(limit).unwrap());
        // The server takes less meanwhile, which the client cannot know.
        let mut pair = Pair::new(client.clone(), server.clone().record_size_limit(64).unwrap());
        let (records, seen) = early(&mut pair, &data);
        assert_eq!(pair.client.early_data(), EarlyData::Accepted);
        assert_eq!(records.iter().map(|(_, len)| len - 16).max(), Some(sealed));
        assert!(seen == data);
        // From here on it knows.
        assert_eq!(largest_sealed(&mut pair.client, &mut pair.server, 1000, MAX_RECORD_LEN), 64);
    }
}

#[test]
fn early_data_that_is_declined_may_be_larger_than_the_limit_of_the_server() {
    let (client, server) = keeping(ProtocolVersion::TLSv1_3);
    Pair::established(client.clone(), server.clone());
    // Another register has another realm: the early data is not taken.
    let register = MemoryStrikeRegister::random(&*provider(), 100).unwrap();
    let server = server.early_data(10_000, AntiReplay::StrikeRegister(Arc::new(register))).unwrap();
    let client = client.record_size_limit(16_385).unwrap();
    let mut pair = Pair::new(client, server.record_size_limit(64).unwrap());
    let (records, seen) = early(&mut pair, &[5; 2000]);
    assert_eq!((records.len(), seen.len()), (1, 0));
    assert_eq!(pair.client.early_data(), EarlyData::Rejected);
    assert_eq!(largest_sealed(&mut pair.client, &mut pair.server, 1000, MAX_RECORD_LEN), 64);
}
