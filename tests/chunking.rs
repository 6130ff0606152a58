//! The same events come however the bytes are cut: at every place, one byte at a time, several records at once, through
//! output buffers of every size, in fragments of every size and with many messages in one record.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/replay.rs"]
mod replay;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::sync::Arc;

use bulla::config::AVAILABLE_VERSIONS;
use bulla::error::Misuse;
use bulla::wire::{ContentType, ProtocolVersion};
use bulla::{
    ClientAuth, ClientConfig, ClientConnection, Connection, Error, Event, IN_PLACE_HEAD, IN_PLACE_TAIL, Identity,
    MAX_RECORD_LEN, ServerConfig, ServerConnection,
};
use pair::{Authority, KeyKind, NAME, NOW, Pair, Seen, configs_by, feed, name, output, output_in, send};
use replay::Replay;
use scene::Stage;
use script::Say::{
    Certificate, CertificateRequest, CertificateVerify, ClientHello, EncryptedExtensions, Finished, HelloRetryRequest,
    KeyUpdate, NewSessionTicket, ServerHello,
};
use script::{GROUP, Peer, RETRY_GROUP, Say};

/// Two ends without any chance in them: the same keys, the same randoms, the same bytes in every run.
struct Recorded {
    version: ProtocolVersion,
    authority: Authority,
    server_identity: (bulla::pki_types::CertificateDer<'static>, bulla::pki_types::PrivateKeyDer<'static>),
    client_identity: (bulla::pki_types::CertificateDer<'static>, bulla::pki_types::PrivateKeyDer<'static>),
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    server_seen: Vec<Seen>,
    client_seen: Vec<Seen>,
}

impl Recorded {
    /// A connection of each version.
    fn all() -> impl Iterator<Item = Self> {
        AVAILABLE_VERSIONS.iter().copied().map(Self::new)
    }

    /// Records a handshake with both certificates, key updates where there are any, data both ways and close_notify.
    fn new(version: ProtocolVersion) -> Self {
        let authority = Authority::new();
        let mut recorded = Self {
            version,
            server_identity: authority.issue(&[NAME], KeyKind::Ed25519),
            client_identity: authority.issue(&["client.test"], KeyKind::Ed25519),
            authority,
            to_server: Vec::new(),
            to_client: Vec::new(),
            server_seen: Vec::new(),
            client_seen: Vec::new(),
        };
        let (mut client, mut server) = (recorded.client(), recorded.server());
        recorded.converse(&mut client, &mut server);
        for round in 0..2 {
            if version == ProtocolVersion::TLSv1_3 {
                client.update_keys(round == 0).unwrap();
            }
            recorded.to_server.extend(send(&mut client, &[round; 40]));
            recorded.to_client.extend(send(&mut server, &[round; 50]));
        }
        client.close();
        server.close();
        recorded.to_server.extend(output(&mut client));
        recorded.to_client.extend(output(&mut server));
        recorded.server_seen = events(&mut recorded.server(), &[&recorded.to_server]);
        recorded.client_seen = events(&mut recorded.client(), &[&recorded.to_client]);
        recorded
    }

    fn converse(&mut self, client: &mut ClientConnection, server: &mut ServerConnection) {
        let (mut at_server, mut at_client) = (Vec::new(), Vec::new());
        loop {
            let (from_client, from_server) = (output(client), output(server));
            if from_client.is_empty() && from_server.is_empty() {
                return;
            }
            self.to_server.extend_from_slice(&from_client);
            self.to_client.extend_from_slice(&from_server);
            at_server.extend(from_client);
            at_client.extend(from_server);
            feed(server, &mut at_server, &mut Vec::new()).unwrap();
            feed(client, &mut at_client, &mut Vec::new()).unwrap();
        }
    }

    fn client(&self) -> ClientConnection {
        // Only a hello of TLS 1.3 has a legacy_session_id.
        let legacy_session_id: &[u8] = if self.version == ProtocolVersion::TLSv1_3 { &[2; 32] } else { &[] };
        let provider = Replay::new(&[&[1; 32], legacy_session_id]).with_x25519(&[3; 32]);
        let (certificate, key) = &self.client_identity;
        let config = ClientConfig::with_provider(self.authority.roots(), Arc::new(provider)).clock(Arc::new(NOW));
        let config = config.identity(Identity::new(vec![certificate.clone()], key).unwrap());
        ClientConnection::new(Arc::new(config.versions([self.version]).unwrap()), name()).unwrap()
    }

    fn server(&self) -> ServerConnection {
        let provider = Replay::new(&[&[4; 32]]).with_x25519(&[5; 32]);
        let (certificate, key) = &self.server_identity;
        let identity = Identity::new(vec![certificate.clone()], key).unwrap();
        let config = ServerConfig::with_provider(identity, Arc::new(provider)).clock(Arc::new(NOW));
        let config = config.client_auth(ClientAuth::Require(Arc::new(self.authority.roots())));
        ServerConnection::new(Arc::new(config)).unwrap()
    }
}

/// The events of an end that is given these parts, one behind the other. Nothing may be left over.
fn events(connection: &mut Connection, parts: &[&[u8]]) -> Vec<Seen> {
    let (mut waiting, mut seen) = (Vec::new(), Vec::new());
    for part in parts {
        waiting.extend_from_slice(part);
        feed(connection, &mut waiting, &mut seen).unwrap();
    }
    assert_eq!(waiting, []);
    seen
}

#[test]
fn input_cut_at_every_position_gives_the_same_events() {
    for recorded in Recorded::all() {
        assert_eq!(recorded.server_seen.len(), 4);
        assert_eq!(recorded.client_seen.len(), 4);
        for cut in 0..=recorded.to_server.len() {
            let (before, after) = recorded.to_server.split_at(cut);
            assert_eq!(events(&mut recorded.server(), &[before, after]), recorded.server_seen, "cut at {cut}");
        }
        for cut in 0..=recorded.to_client.len() {
            let (before, after) = recorded.to_client.split_at(cut);
            assert_eq!(events(&mut recorded.client(), &[before, after]), recorded.client_seen, "cut at {cut}");
        }
    }
}

#[test]
fn input_of_one_byte_at_a_time_gives_the_same_events() {
    for recorded in Recorded::all() {
        let to_server: Vec<&[u8]> = recorded.to_server.chunks(1).collect();
        assert_eq!(events(&mut recorded.server(), &to_server), recorded.server_seen);
        let to_client: Vec<&[u8]> = recorded.to_client.chunks(1).collect();
        assert_eq!(events(&mut recorded.client(), &to_client), recorded.client_seen);
    }
}

#[test]
fn cut_input_leads_to_the_same_output() {
    for recorded in Recorded::all() {
        let answer = |parts: &[&[u8]]| {
            let mut server = recorded.server();
            events(&mut server, parts);
            output(&mut server)
        };
        let whole = answer(&[&recorded.to_server]);
        assert!(!whole.is_empty());
        assert_eq!(answer(&recorded.to_server.chunks(1).collect::<Vec<_>>()), whole);
        assert_eq!(answer(&recorded.to_server.chunks(7).collect::<Vec<_>>()), whole);
    }
}

#[test]
fn incomplete_record_says_how_many_bytes_it_needs_and_takes_none() {
    for recorded in Recorded::all() {
        let record_len = 5 + usize::from(u16::from_be_bytes([recorded.to_server[3], recorded.to_server[4]]));
        let mut server = recorded.server();
        for len in 0..record_len {
            let mut buffer = recorded.to_server[..len].to_vec();
            let received = server.receive(&mut buffer).unwrap();
            assert_eq!(received.used, 0);
            let needed = if len < 5 { 5 } else { record_len };
            assert!(matches!(received.event, Event::NeedMore { hint } if hint == needed), "{len}");
        }
        let mut buffer = recorded.to_server.clone();
        let received = server.receive(&mut buffer).unwrap();
        // One record, however many stand in the buffer.
        assert_eq!(received.used, record_len);
        assert!(matches!(received.event, Event::Progress));
    }
}

#[test]
fn data_is_decrypted_where_it_lay_and_its_range_is_told() {
    let mut scene = Stage::new().connected_server();
    let record = scene.peer.record(ContentType::application_data, b"plaintext");
    let mut buffer = [&record[..], b"rest"].concat();
    let received = scene.end.receive(&mut buffer).unwrap();
    assert_eq!(received.used, record.len());
    let Event::Data { plaintext, range } = received.event else { panic!("{:?}", received.event) };
    assert_eq!(plaintext, b"plaintext");
    assert_eq!(&buffer[range], b"plaintext");
    assert_eq!(&buffer[record.len()..], b"rest");
}

/// The smallest output buffer that is never refused: 512 bytes of a message and what protection adds.
const SMALLEST_OUTPUT: usize = 512 + IN_PLACE_HEAD + IN_PLACE_TAIL;

#[test]
fn output_through_buffers_of_every_size_connects() {
    let authority = Authority::new();
    let (client, server) = configs_by(&authority, KeyKind::EcdsaP256);
    let client = client.groups([GROUP, RETRY_GROUP]).unwrap();
    let client = client.identity(authority.identity(&["client.test"], KeyKind::EcdsaP256));
    let server = server.groups([RETRY_GROUP]).unwrap();
    let server = server.client_auth(ClientAuth::Require(Arc::new(authority.roots())));
    let sizes = (SMALLEST_OUTPUT..1200).chain([4096, MAX_RECORD_LEN, 100_000]);
    for (size, version) in sizes.flat_map(|size| AVAILABLE_VERSIONS.iter().map(move |version| (size, *version))) {
        let mut pair = Pair::new(client.clone().versions([version]).unwrap(), server.clone());
        while pair.client.has_output() || pair.server.has_output() {
            pair.to_server.extend(output_in(&mut pair.client, size));
            feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
            pair.to_client.extend(output_in(&mut pair.server, size));
            feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen).unwrap();
        }
        assert!(pair.client.is_established() && pair.server.is_established(), "{size}");
    }
}

#[test]
fn output_buffer_that_is_too_small_is_told_the_size_and_loses_nothing() {
    let (client, server) = configs_by(&Authority::new(), KeyKind::EcdsaP256);
    let mut pair = Pair::new(client, server);
    for len in 0..5 {
        let error = pair.client.take_output(&mut vec![0; len]).unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::OutputTooSmall(needed)) if needed > len), "{error:?}");
    }
    let Error::Misuse(Misuse::OutputTooSmall(needed)) = pair.client.take_output(&mut []).unwrap_err() else {
        panic!("no buffer at all is too small");
    };
    assert!(pair.client.take_output(&mut vec![0; needed - 1]).is_err());
    let hello = pair.client.take_output(&mut vec![0; needed]).unwrap().to_vec();
    assert_eq!(hello.len(), needed);
    pair.to_server = hello;
    pair.run().unwrap();
    assert!(pair.client.is_established() && pair.server.is_established());
}

#[test]
fn sending_through_buffers_of_every_size_moves_all_data() {
    let (client, server) = configs_by(&Authority::new(), KeyKind::EcdsaP256);
    let mut pair = Pair::established(client, server);
    let message: Vec<u8> = (0..3000_u32).map(|index| index.to_be_bytes()[3]).collect();
    for size in (SMALLEST_OUTPUT..700).chain([MAX_RECORD_LEN]) {
        let mut rest = &message[..];
        let mut buffer = vec![0; size];
        // Half of the time there is a KeyUpdate to go first.
        if size % 2 == 0 {
            pair.client.update_keys(false).unwrap();
        }
        while !rest.is_empty() {
            let sent = pair.client.send(rest, &mut buffer).unwrap();
            pair.to_server.extend_from_slice(&buffer[..sent.written]);
            rest = &rest[sent.taken..];
        }
        pair.server_seen.clear();
        pair.run().unwrap();
        assert_eq!(pair::data(&pair.server_seen), message, "{size}");
    }
    assert!(matches!(pair.client.send(b"x", &mut [0; 22]), Err(Error::Misuse(Misuse::OutputTooSmall(23)))));
    assert!(pair.client.may_send());
}

#[test]
fn plaintext_hello_in_fragments_of_every_size_connects() {
    let stage = Stage::new();
    let mut scene = stage.server();
    let len = scene.peer.compose(ClientHello).len();
    for fragment_len in 1..=len {
        scene = stage.server().with(|peer| peer.say_in_fragments(&[ClientHello], fragment_len)).say(&[Finished]);
        assert_eq!(scene.outcome(), "Connected", "{fragment_len}");
    }
    for fragment_len in 1..=130 {
        let hello = |say: Say| move |peer: &mut Peer| peer.say_in_fragments(&[say], fragment_len);
        scene = stage.client().with(hello(HelloRetryRequest)).with(hello(ServerHello)).say(&scene::SERVER_FLIGHT[1..]);
        assert_eq!(scene.outcome(), "Connected", "{fragment_len}");
    }
}

/// Says a message whose record comes in two parts.
fn say_cut(mut scene: scene::Scene, say: Say, cut: usize) -> scene::Scene {
    let record = scene.peer.say(say);
    let (before, after) = record.split_at(cut.min(record.len()));
    scene.with(|_| before.to_vec()).with(|_| after.to_vec())
}

#[test]
fn retried_handshake_cut_at_every_position_connects() {
    let stage = Stage::new();
    let after_retry = &scene::SERVER_FLIGHT[1..];
    for cut in 0..130 {
        let scene = say_cut(say_cut(stage.client(), HelloRetryRequest, cut), ServerHello, cut).say(after_retry);
        assert_eq!(scene.outcome(), "Connected", "{cut}");
    }
    for cut in 0..260 {
        let scene = stage.server_with(stage.retrying_server());
        let scene = say_cut(say_cut(scene, ClientHello, cut), ClientHello, cut);
        assert_eq!(say_cut(scene, Finished, cut).outcome(), "Connected", "{cut}");
    }
}

#[test]
fn protected_flight_in_fragments_of_every_size_connects() {
    let stage = Stage::new();
    let flight = [EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished];
    for fragment_len in (1..=40).chain([100, 255, 256, 500, 1000, 16_384]) {
        let scene = stage.client().say(&[ServerHello]).with(|peer| peer.say_in_fragments(&flight, fragment_len));
        assert_eq!(scene.outcome(), "Connected", "{fragment_len}");
        let scene = stage.server_with(stage.requiring_server()).say(&[ClientHello]);
        let flight = [Certificate, CertificateVerify, Finished];
        let scene = scene.with(|peer| peer.say_in_fragments(&flight, fragment_len));
        assert_eq!(scene.outcome(), "Connected", "{fragment_len}");
    }
}

#[test]
fn messages_after_the_handshake_share_records_and_are_split_over_them() {
    let stage = Stage::new();
    for fragment_len in (1..=30).chain([1000]) {
        let says = [NewSessionTicket, NewSessionTicket, KeyUpdate];
        let scene = stage.connected_client().with(|peer| peer.say_in_fragments(&says, fragment_len));
        assert_eq!(scene.outcome(), "Connected", "{fragment_len}");
        let scene = scene.with(|peer| peer.record(ContentType::application_data, b"goes on"));
        assert_eq!(pair::data(&scene.seen), b"goes on");
    }
}

#[test]
fn key_change_inside_a_record_is_refused_wherever_it_stands() {
    let stage = Stage::new();
    let across = |scene: scene::Scene, first: Say, second: Say| {
        scene.with(|peer| {
            let messages = [peer.compose(first), peer.compose(second)].concat();
            peer.record(ContentType::handshake, &messages)
        })
    };
    let before_finished = stage.client().say(&[ServerHello, EncryptedExtensions, Certificate, CertificateVerify]);
    let cases = [
        across(stage.client(), ServerHello, EncryptedExtensions),
        across(stage.client(), HelloRetryRequest, ServerHello),
        across(before_finished, Finished, NewSessionTicket),
        across(stage.connected_client(), KeyUpdate, KeyUpdate),
        across(stage.server(), ClientHello, Finished),
        across(stage.server().say(&[ClientHello]), Finished, KeyUpdate),
        across(stage.connected_server(), KeyUpdate, KeyUpdate),
    ];
    for mut scene in cases {
        assert_eq!(scene.outcome(), "MessageAcrossKeyChange");
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn record_between_fragments_of_a_message_is_refused_whatever_it_holds() {
    let stage = Stage::new();
    for content_type in [ContentType::alert, ContentType::application_data] {
        let scene = stage.connected_client().say_record(ContentType::handshake, &[4, 0]);
        let mut scene = scene.say_record(content_type, &[1, 90]);
        assert_eq!(scene.outcome(), "InterleavedHandshake");
        scene.assert_failed_with_its_alert();
    }
    let scene = stage.client().say_record(ContentType::handshake, &[2, 0]);
    assert_eq!(scene.with(|_| script::change_cipher_spec()).outcome(), "InterleavedHandshake");
}
