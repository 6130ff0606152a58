//! After the handshake, receiving and sending application data allocates nothing; and what an idle connection holds.
//!
//! The counting allocator counts per thread, so that tests beside one another do not see each other.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::sync::Arc;

use allocation_counter::{AllocationInfo, measure};
use bulla::crypto::ring::provider;
use bulla::wire::{CipherSuite, ContentType, ProtocolVersion, RECORD_HEADER_LEN};
use bulla::{
    ClientAuth, ClientConfig, ClientConnection, Connection, Event, IN_PLACE_HEAD, IN_PLACE_TAIL, MAX_FRAGMENT_LEN,
    MAX_HANDSHAKE_MESSAGE_LEN, MAX_RECORD_LEN, ServerConfig, ServerConnection,
};
use pair::{Authority, KeyKind, Pair, configs, configs_by, name, output};
use scene::Stage;

fn assert_nothing_allocated(info: AllocationInfo, what: &str) {
    assert_eq!((info.count_total, info.bytes_total), (0, 0), "{what} allocated");
}

fn established(suite: CipherSuite) -> Pair {
    let kind = if suite.to_string().contains("_RSA_") { KeyKind::Rsa } else { KeyKind::EcdsaP256 };
    let (client, server) = configs(kind);
    Pair::established(client.cipher_suites([suite]).unwrap(), server)
}

fn receive_data(connection: &mut Connection, record: &mut [u8], expected: &[u8]) {
    let len = record.len();
    let received = connection.receive(record).unwrap();
    assert_eq!(received.used, len);
    let Event::Data { plaintext, .. } = received.event else { panic!("no data came") };
    assert!(plaintext == expected);
}

/// How many bytes of a record stand before its plaintext and behind. RFC 8446 §5.2, RFC 5288 §3, RFC 7905 §2.
fn head_and_tail(connection: &Connection) -> (usize, usize) {
    let has_explicit_nonce = connection.cipher_suite().unwrap().to_string().contains("_GCM_");
    match connection.protocol_version().unwrap() {
        ProtocolVersion::TLSv1_3 => (RECORD_HEADER_LEN, IN_PLACE_TAIL),
        _ if has_explicit_nonce => (RECORD_HEADER_LEN + 8, IN_PLACE_TAIL - 1),
        _ => (RECORD_HEADER_LEN, IN_PLACE_TAIL - 1),
    }
}

/// Sends and receives every way of sending, measured.
fn move_data(from: &mut Connection, to: &mut Connection, plaintext: &[u8]) {
    let (head, tail) = head_and_tail(from);
    let mut buffer = vec![0; IN_PLACE_HEAD + MAX_RECORD_LEN];
    let record = ..head + plaintext.len() + tail;
    let info = measure(|| {
        let sent = from.send(plaintext, &mut buffer).unwrap();
        assert_eq!((sent.taken, sent.written), (plaintext.len(), record.end));
    });
    assert_nothing_allocated(info, "send");
    let info = measure(|| receive_data(to, &mut buffer[record], plaintext));
    assert_nothing_allocated(info, "receive");

    let range = IN_PLACE_HEAD..IN_PLACE_HEAD + plaintext.len();
    let record = range.start - head..range.end + tail;
    buffer[range.clone()].copy_from_slice(plaintext);
    let info = measure(|| assert_eq!(from.send_in_place(&mut buffer, range.clone()).unwrap(), record));
    assert_nothing_allocated(info, "send_in_place");
    let info = measure(|| {
        // A record that comes in two parts, and a look at nothing.
        assert!(matches!(to.receive(&mut buffer[record.start..][..3]).unwrap().event, Event::NeedMore { .. }));
        assert!(matches!(to.receive(&mut []).unwrap().event, Event::NeedMore { .. }));
        receive_data(to, &mut buffer[record.clone()], plaintext);
        assert!(from.take_output(&mut []).unwrap().is_empty());
    });
    assert_nothing_allocated(info, "receive of a record in parts");
}

#[test]
fn application_data_moves_without_an_allocation_with_every_suite() {
    for suite in provider().cipher_suites() {
        let mut pair = established(*suite);
        for len in [1, 1000, MAX_FRAGMENT_LEN] {
            let plaintext = vec![7; len];
            move_data(&mut pair.client, &mut pair.server, &plaintext);
            move_data(&mut pair.server, &mut pair.client, &plaintext);
        }
    }
}

#[test]
fn first_record_after_the_handshake_needs_no_allocation_either() {
    let mut pair = established(CipherSuite::TLS_AES_128_GCM_SHA256);
    move_data(&mut pair.server, &mut pair.client, b"first");
    move_data(&mut pair.client, &mut pair.server, b"first");
}

#[test]
fn data_goes_on_without_an_allocation_after_a_key_update() {
    let mut pair = established(CipherSuite::TLS_AES_128_GCM_SHA256);
    pair.client.update_keys(true).unwrap();
    pair.run().unwrap();
    move_data(&mut pair.server, &mut pair.client, b"new keys");
    move_data(&mut pair.client, &mut pair.server, b"new keys");
}

#[test]
fn data_in_small_and_padded_records_moves_without_an_allocation_either() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let policy = Arc::new(bulla::config::PadToMultipleOf::new(50));
    let client = client.record_size_limit(200).unwrap().record_padding(policy.clone());
    let mut pair = Pair::established(client, server.record_size_limit(300).unwrap().record_padding(policy));
    let mut buffer = vec![0; IN_PLACE_HEAD + MAX_RECORD_LEN];
    for (to_server, records, limit) in [(true, 10, 300), (false, 15, 200)] {
        let Pair { client, server, .. } = &mut pair;
        let (from, to): (&mut Connection, &mut Connection) =
            if to_server { (&mut *client, &mut *server) } else { (&mut *server, &mut *client) };
        let plaintext = [7; 2980];
        let info = measure(|| {
            let sent = from.send(&plaintext, &mut buffer).unwrap();
            assert_eq!((sent.taken, sent.written), (plaintext.len(), records * (limit + 21)));
            let (mut used, mut received) = (0, 0);
            while used < sent.written {
                let next = to.receive(&mut buffer[used..sent.written]).unwrap();
                let Event::Data { plaintext, .. } = next.event else { panic!("no data came") };
                received += plaintext.len();
                used += next.used;
            }
            assert_eq!(received, plaintext.len());
            let plaintext = IN_PLACE_HEAD..IN_PLACE_HEAD + 120;
            let record = from.send_in_place(&mut buffer, plaintext).unwrap();
            assert_eq!(record.len(), 5 + 150 + 1 + 16);
            assert_eq!(to.receive(&mut buffer[record]).unwrap().used, 172);
        });
        assert_nothing_allocated(info, "a padded record");
    }
}

#[test]
fn empty_records_and_warnings_are_received_without_an_allocation() {
    let mut scene = Stage::new().connected_server();
    for (content_type, content) in [(ContentType::application_data, &[][..]), (ContentType::alert, &[1, 90])] {
        let mut record = scene.peer.record(content_type, content);
        let info = measure(|| {
            let received = scene.end.receive(&mut record).unwrap();
            assert!(matches!(received.event, Event::Progress));
        });
        assert_nothing_allocated(info, "a record without data");
    }
}

/// Heap bytes that live as long as the connection: what the run leaves allocated, without the shared configuration.
fn heap_of_idle_connections(version: ProtocolVersion) -> (i64, i64) {
    let (client, server) = configs(KeyKind::EcdsaP256);
    heap_of(client.versions([version]).unwrap(), server)
}

fn heap_of(client: ClientConfig, server: ServerConfig) -> (i64, i64) {
    let (client_config, server_config) = (Arc::new(client), Arc::new(server));
    let (mut client, mut server) = (None, None);
    // Both ends are alive in turn: what is left of each is measured by dropping it.
    let both = measure(|| {
        let mut client_end = ClientConnection::new(Arc::clone(&client_config), name()).unwrap();
        let mut server_end = ServerConnection::new(Arc::clone(&server_config)).unwrap();
        let mut seen = Vec::new();
        while client_end.has_output() || server_end.has_output() {
            pair::feed(&mut server_end, &mut output(&mut client_end), &mut seen).unwrap();
            pair::feed(&mut client_end, &mut output(&mut server_end), &mut seen).unwrap();
        }
        assert!(client_end.is_established() && server_end.is_established());
        (client, server) = (Some(client_end), Some(server_end));
    });
    let of_client = -measure(|| drop(client.take())).bytes_current;
    let of_server = -measure(|| drop(server.take())).bytes_current;
    assert_eq!(of_client + of_server, both.bytes_current, "something is left behind");
    (of_client, of_server)
}

#[test]
fn idle_connection_holds_little() {
    for version in bulla::config::AVAILABLE_VERSIONS {
        let (client, server) = heap_of_idle_connections(*version);
        println!("{version}: heap of an idle client: {client} bytes, of an idle server: {server} bytes");
        // A client keeps the server's certificate chain, of one small certificate here.
        assert!(client < 2560, "an idle client of {version} holds {client} bytes");
        assert!(server < 2048, "an idle server of {version} holds {server} bytes");
    }
    let sizes = (size_of::<ClientConnection>(), size_of::<ServerConnection>());
    println!("size_of ClientConnection: {} bytes, ServerConnection: {} bytes", sizes.0, sizes.1);
    assert!(sizes.0 <= 512 && sizes.1 <= 512, "{sizes:?}");
}

/// What may be asked later costs a hash on each end that may be concerned, and nothing on all others.
#[test]
fn connection_that_cannot_be_asked_for_a_certificate_keeps_nothing_for_it() {
    let authority = Authority::new();
    let roots = Arc::new(authority.roots());
    let (client, server) = configs_by(&authority, KeyKind::EcdsaP256);
    let (askable, asking) =
        (client.clone().post_handshake_auth(true), server.clone().post_handshake_auth(ClientAuth::Request(roots)));
    let plain = heap_of(client.clone(), server.clone());
    // The client does not know that the server will never ask.
    let (offered, not_taken) = heap_of(askable.clone(), server);
    assert_eq!(not_taken, plain.1);
    assert_eq!(heap_of(client, asking.clone()), plain);
    let both = heap_of(askable, asking);
    assert_eq!(both.0, offered);
    for (plain, kept) in [(plain.0, both.0), (plain.1, both.1)] {
        assert!((1..1024).contains(&(kept - plain)), "{kept} bytes instead of {plain}");
    }
}

/// The most heap that grows while an end is fed these records, none of which may fail.
fn growth_while_fed(end: &mut Connection, records: impl Iterator<Item = Vec<u8>>) -> u64 {
    let mut most = 0;
    let mut left = 0_i64;
    for mut record in records {
        let info = measure(|| {
            let received = end.receive(&mut record).unwrap();
            assert!(received.used > 0);
        });
        most = most.max(left.unsigned_abs() + info.bytes_max);
        left += info.bytes_current;
    }
    most
}

#[test]
fn message_in_fragments_never_holds_more_than_the_largest_one_and_a_record() {
    // A growing vector may hold twice what it needs for a moment, and its old half while it moves.
    let bound = 3 * u64::try_from(MAX_HANDSHAKE_MESSAGE_LEN + MAX_RECORD_LEN).unwrap();
    for fragment_len in [16_384, 1000, 16] {
        let mut scene = Stage::new().server();
        // All of the largest message but its last byte.
        let [.., a, b, c] = (MAX_HANDSHAKE_MESSAGE_LEN - 4).to_be_bytes();
        let mut message = vec![1, a, b, c];
        message.resize(MAX_HANDSHAKE_MESSAGE_LEN - 1, 0);
        let fragments = message.chunks(fragment_len).map(|it| script::plain_record(ContentType::handshake, it));
        let most = growth_while_fed(&mut scene.end, fragments);
        assert!(most <= bound, "{most} bytes for fragments of {fragment_len}");
        assert!(most >= u64::try_from(MAX_HANDSHAKE_MESSAGE_LEN - 1).unwrap());
    }
}

#[test]
fn failed_connection_gives_back_what_it_held() {
    let mut scene = Stage::new().server();
    let held = measure(|| {
        let message = [&[1, 0, 0xff, 0][..], &[0; 16_000]].concat();
        let mut record = script::plain_record(ContentType::handshake, &message);
        assert!(matches!(scene.end.receive(&mut record).unwrap().event, Event::Progress));
    });
    assert!(held.bytes_current >= 16_000);
    let freed = measure(|| {
        let mut record = script::plain_record(ContentType::application_data, b"x");
        assert!(scene.end.receive(&mut record).is_err());
        while !scene.end.take_output(&mut [0; 100]).unwrap().is_empty() {}
    });
    assert!(freed.bytes_current <= -held.bytes_current, "{} of {}", freed.bytes_current, held.bytes_current);
}
