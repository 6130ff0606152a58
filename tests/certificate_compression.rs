//! Compressed certificates: both ways between our own ends, against scripted peers, and bounded whatever comes. RFC 8879.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::sync::{Arc, Mutex};

use bulla::config::compression::CompressCertificates;
use bulla::config::{Content, Direction, Observed, Observer};
use bulla::crypto::Provider;
use bulla::error::Violation;
#[cfg(feature = "tls12")]
use bulla::wire::ProtocolVersion;
use bulla::wire::{
    AlertDescription, CertificateCompressionAlgorithm as Algorithm, CertificateRequestExtension, ClientExtension,
    ClientHello, CompressedCertificate, EncryptedExtension, EncryptedExtensions, ExtensionType, HandshakeType,
    UnknownExtension, read_all, write_message,
};
use bulla::{ClientConfig, Error, MAX_HANDSHAKE_MESSAGE_LEN, ServerConfig};
use pair::{KeyKind, Pair, configs, data, feed, send};
use scene::{Scene, Stage};
use script::Say;

/// Puts four bytes before what it is given; each of a code point of its own.
#[derive(Debug)]
struct Marking(u16);

impl CompressCertificates for Marking {
    fn algorithm(&self) -> Algorithm {
        Algorithm(self.0)
    }

    fn compress(&self, _: &dyn Provider, message: &[u8]) -> Option<Vec<u8>> {
        Some([&[1, 2, 3, 4], message].concat())
    }

    fn decompress(&self, compressed: &[u8], _: usize) -> Option<Vec<u8>> {
        compressed.strip_prefix(&[1, 2, 3, 4]).map(<[u8]>::to_vec)
    }
}

/// Has nothing to say.
#[derive(Debug)]
struct Mute;

impl CompressCertificates for Mute {
    fn algorithm(&self) -> Algorithm {
        Algorithm(MARKING)
    }

    fn compress(&self, _: &dyn Provider, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decompress(&self, _: &[u8], _: usize) -> Option<Vec<u8>> {
        None
    }
}

const MARKING: u16 = 0xff01;

fn marking() -> Vec<Arc<dyn CompressCertificates>> {
    vec![Arc::new(Marking(MARKING))]
}

/// Writes down which messages went by.
#[derive(Debug, Default)]
struct Messages(Mutex<Vec<(Direction, Vec<u8>)>>);

impl Observer for Messages {
    fn observe(&self, observed: &Observed<'_>) {
        if let Content::Handshake { bytes, .. } = observed.content {
            self.0.lock().unwrap().push((observed.direction, bytes.to_vec()));
        }
    }
}

/// How an end's certificate travelled.
fn certificates(messages: &Messages, direction: Direction) -> Vec<HandshakeType> {
    let of_certificates = [HandshakeType::certificate, HandshakeType::compressed_certificate];
    let messages = messages.0.lock().unwrap();
    let types = messages.iter().filter(|(seen, _)| *seen == direction).map(|(_, bytes)| HandshakeType(bytes[0]));
    types.filter(|one| of_certificates.contains(one)).collect()
}

const PLAIN: [HandshakeType; 1] = [HandshakeType::certificate];
const COMPRESSED: [HandshakeType; 1] = [HandshakeType::compressed_certificate];

/// Connects, moves data, and says how each end's certificate came to the client: received, sent.
fn travelled(client: ClientConfig, server: ServerConfig) -> (Vec<HandshakeType>, Vec<HandshakeType>) {
    let messages = Arc::new(Messages::default());
    let mut pair = Pair::established(client.observer(messages.clone()), server);
    let mut records = send(&mut pair.client, b"ping");
    feed(&mut pair.server, &mut records, &mut pair.server_seen).unwrap();
    assert_eq!(data(&pair.server_seen), b"ping");
    assert_eq!(pair.client.peer_certificates().len(), 1);
    (certificates(&messages, Direction::Received), certificates(&messages, Direction::Sent))
}

#[test]
fn certificates_of_both_ends_go_compressed_where_both_have_the_algorithm() {
    let stage = Stage::new();
    let client = stage.client.clone().certificate_compression(marking()).unwrap();
    let server = stage.requiring_server().certificate_compression(marking()).unwrap();
    assert_eq!(travelled(client, server), (COMPRESSED.to_vec(), COMPRESSED.to_vec()));
}

#[test]
fn certificates_go_as_they_are_where_one_end_has_no_algorithm_or_another() {
    let stage = Stage::new();
    let plain = (PLAIN.to_vec(), PLAIN.to_vec());
    let other: Vec<Arc<dyn CompressCertificates>> = vec![Arc::new(Marking(0xff02))];
    let with = |list: &[Arc<dyn CompressCertificates>]| {
        (
            stage.client.clone().certificate_compression(list.to_vec()).unwrap(),
            stage.requiring_server().certificate_compression(list.to_vec()).unwrap(),
        )
    };
    let ((client, server), (client_of_other, server_of_other)) = (with(&marking()), with(&other));
    assert_eq!(travelled(stage.client.clone(), server.clone()), plain);
    assert_eq!(travelled(client.clone(), stage.requiring_server()), plain);
    assert_eq!(travelled(client_of_other, server), plain);
    assert_eq!(travelled(client, server_of_other), plain);
}

#[test]
fn our_order_chooses_the_algorithm_and_one_that_has_nothing_to_say_sends_the_certificate_as_it_is() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let list = |codes: &[u16]| -> Vec<Arc<dyn CompressCertificates>> {
        codes.iter().map(|code| Arc::new(Marking(*code)) as Arc<dyn CompressCertificates>).collect()
    };
    let client = client.certificate_compression(list(&[1, 2, 3])).unwrap();
    let messages = Arc::new(Messages::default());
    let ordered = server.clone().certificate_compression(list(&[4, 3, 2])).unwrap();
    Pair::established(client.clone().observer(messages.clone()), ordered);
    let messages = messages.0.lock().unwrap();
    let (_, bytes) = messages.iter().find(|(_, bytes)| bytes[0] == HandshakeType::compressed_certificate.0).unwrap();
    assert_eq!(read_all::<CompressedCertificate<'_>>(&bytes[4..]).unwrap().algorithm, Algorithm(3));

    let mute: Vec<Arc<dyn CompressCertificates>> = vec![Arc::new(Mute)];
    let client = client.certificate_compression(marking()).unwrap();
    assert_eq!(travelled(client, server.certificate_compression(mute).unwrap()).0, PLAIN);
}

#[test]
fn client_without_a_certificate_sends_an_empty_one_as_it_is() {
    let stage = Stage::new();
    let (client, _) = pair::configs_by(&stage.authority, KeyKind::EcdsaP256);
    let client = client.certificate_compression(marking()).unwrap();
    let server = stage.requesting_server().certificate_compression(marking()).unwrap();
    assert_eq!(travelled(client, server), (COMPRESSED.to_vec(), PLAIN.to_vec()));
}

#[cfg(feature = "tls12")]
#[test]
fn tls12_compresses_nothing_and_a_client_of_tls12_alone_offers_nothing() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.certificate_compression(marking()).unwrap();
    let server = server.certificate_compression(marking()).unwrap();
    let old = |config: ServerConfig| config.versions([ProtocolVersion::TLSv1_2]).unwrap();
    assert_eq!(travelled(client.clone(), old(server.clone())).0, PLAIN);
    let client = client.versions([ProtocolVersion::TLSv1_2]).unwrap();
    assert_eq!(travelled(client, server).0, PLAIN);
}

#[test]
fn nothing_is_offered_unless_asked_for() {
    let stage = Stage::new();
    let offered = |config: ClientConfig| {
        let messages = Arc::new(Messages::default());
        let _ = stage.client_with(config.observer(messages.clone()));
        let messages = messages.0.lock().unwrap();
        let hello: ClientHello<'_> = read_all(&messages[0].1[4..]).unwrap();
        let of_it = |extension: &ClientExtension<'_>| match extension {
            ClientExtension::CompressCertificate(algorithms) => Some(algorithms.clone()),
            _ => None,
        };
        hello.extensions.iter().flatten().find_map(of_it)
    };
    assert_eq!(offered(stage.client.clone()), None);
    let config = stage.client.clone().certificate_compression(marking()).unwrap();
    assert_eq!(offered(config), Some(vec![Algorithm(MARKING)]));
}

#[test]
fn server_offers_its_algorithms_in_certificate_request() {
    let stage = Stage::new();
    let messages = Arc::new(Messages::default());
    let client = stage.client.clone().observer(messages.clone());
    Pair::established(client, stage.requiring_server().certificate_compression(marking()).unwrap());
    let messages = messages.0.lock().unwrap();
    let (_, bytes) = messages.iter().find(|(_, bytes)| bytes[0] == HandshakeType::certificate_request.0).unwrap();
    let request: bulla::wire::CertificateRequest<'_> = read_all(&bytes[4..]).unwrap();
    let offered = CertificateRequestExtension::CompressCertificate(vec![Algorithm(MARKING)]);
    assert!(request.extensions.contains(&offered));
}

#[test]
fn extension_of_the_hello_that_has_no_answer_is_refused_as_one() {
    let stage = Stage::new();
    let (extension_type, extension_data) = (ExtensionType::compress_certificate, &[2, 0xff, 1][..]);
    let answer = || EncryptedExtension::Unknown(UnknownExtension { extension_type, extension_data });
    let message = HandshakeType::encrypted_extensions;
    let asking = stage.client.clone().certificate_compression(marking()).unwrap();
    for (client, expected) in [
        (asking, Violation::ExtensionNotAllowed(extension_type, message)),
        (stage.client.clone(), Violation::ExtensionNotOffered(extension_type, message)),
    ] {
        let scene = stage.client_with(client).say(&[Say::ServerHello]);
        let scene = scene.say_message(|_| write_message(&EncryptedExtensions { extensions: vec![answer()] }).unwrap());
        assert_eq!(scene.error, Some(Error::Violation(expected)));
    }
}

/// A client, and a server that waits for the client's certificate; both take [`MARKING`].
fn ends_that_take_it(stage: &Stage) -> [Scene; 2] {
    let client = stage.client.clone().certificate_compression(marking()).unwrap();
    let server = stage.requiring_server().certificate_compression(marking()).unwrap();
    [
        stage.client_with(client).say(&[Say::ServerHello, Say::EncryptedExtensions]),
        stage.server_with(server).say(&[Say::ClientHello]),
    ]
}

/// The scripted peer's certificate, compressed and then edited.
fn compressed(peer: &mut script::Peer, edit: impl Fn(&mut CompressedCertificate<'_>)) -> Vec<u8> {
    let message = peer.compose(Say::Certificate);
    let body = &message[4..];
    let marked = [&[1, 2, 3, 4], body].concat();
    let mut compressed = CompressedCertificate {
        algorithm: Algorithm(MARKING),
        uncompressed_length: u32::try_from(body.len()).unwrap(),
        compressed_certificate_message: &marked,
    };
    edit(&mut compressed);
    write_message(&compressed).unwrap()
}

fn refused(
    scene: Scene,
    edit: impl Fn(&mut CompressedCertificate<'_>),
    violation: &Violation,
    alert: AlertDescription,
) {
    let scene = scene.say_message(|peer| compressed(peer, &edit));
    assert_eq!(scene.error, Some(Error::Violation(violation.clone())));
    assert_eq!(scene.peer.alerts().iter().map(|alert| alert.description).collect::<Vec<_>>(), [alert]);
}

#[test]
fn scripted_peers_certificate_is_decompressed_and_counts_as_it_was_sent() {
    let stage = Stage::new();
    for scene in ends_that_take_it(&stage) {
        let scene = scene.say_message(|peer| compressed(peer, |_| {})).say(&[Say::CertificateVerify, Say::Finished]);
        assert_eq!((scene.error.clone(), scene.end.state()), (None, "Connected"));
    }
}

#[test]
fn algorithm_that_was_not_offered_sends_illegal_parameter() {
    let stage = Stage::new();
    for scene in ends_that_take_it(&stage) {
        let expected = Violation::CompressionNotOffered(Algorithm(1234));
        refused(scene, |it| it.algorithm = Algorithm(1234), &expected, AlertDescription::illegal_parameter);
    }
}

#[test]
fn declared_length_that_is_not_the_certificates_sends_bad_certificate() {
    let stage = Stage::new();
    let bad = AlertDescription::bad_certificate;
    for by in [-1_i32, 1] {
        for scene in ends_that_take_it(&stage) {
            let edit = |it: &mut CompressedCertificate<'_>| {
                it.uncompressed_length = it.uncompressed_length.checked_add_signed(by).unwrap();
            };
            refused(scene, edit, &Violation::CertificateNotDecompressed, bad);
        }
    }
    for scene in ends_that_take_it(&stage) {
        refused(scene, |it| it.uncompressed_length = 0, &Violation::CertificateNotDecompressed, bad);
    }
}

#[test]
fn declared_length_above_the_limit_for_any_message_sends_bad_certificate_and_nothing_is_decompressed() {
    let stage = Stage::new();
    let most = u32::try_from(MAX_HANDSHAKE_MESSAGE_LEN - 4).unwrap();
    for (len, expected) in [
        (most, Violation::CertificateNotDecompressed),
        (most + 1, Violation::UncompressedCertificateTooLarge(most + 1)),
        (0xff_ffff, Violation::UncompressedCertificateTooLarge(0xff_ffff)),
    ] {
        for scene in ends_that_take_it(&stage) {
            refused(scene, |it| it.uncompressed_length = len, &expected, AlertDescription::bad_certificate);
        }
    }
}

#[test]
fn bytes_that_cannot_be_decompressed_send_bad_certificate() {
    let stage = Stage::new();
    for scene in ends_that_take_it(&stage) {
        let expected = Violation::CertificateNotDecompressed;
        let edit = |it: &mut CompressedCertificate<'_>| it.compressed_certificate_message = b"x";
        refused(scene, edit, &expected, AlertDescription::bad_certificate);
    }
}

/// Gives out two bytes that are no Certificate.
#[test]
fn what_comes_out_is_read_as_any_certificate_and_what_is_none_sends_decode_error() {
    let stage = Stage::new();
    for scene in ends_that_take_it(&stage) {
        let edit = |it: &mut CompressedCertificate<'_>| {
            (it.uncompressed_length, it.compressed_certificate_message) = (2, &[1, 2, 3, 4, 9, 9]);
        };
        let scene = scene.say_message(|peer| compressed(peer, edit));
        let error = scene.error.clone().unwrap();
        assert!(matches!(error, Error::Malformed { message: Some(HandshakeType::certificate), .. }), "{error:?}");
        assert_eq!(error.alert(), Some(AlertDescription::decode_error));
    }
}

#[test]
fn compressed_certificate_that_was_not_offered_sends_unexpected_message() {
    let stage = Stage::new();
    let scenes = [
        stage.client().say(&[Say::ServerHello, Say::EncryptedExtensions]),
        stage.client().say(&[Say::ServerHello, Say::EncryptedExtensions, Say::CertificateRequest]),
        stage.server_with(stage.requiring_server()).say(&[Say::ClientHello]),
    ];
    for scene in scenes {
        let scene = scene.say_message(|peer| compressed(peer, |_| {}));
        let error = scene.error.clone().unwrap();
        assert_eq!(error.alert(), Some(AlertDescription::unexpected_message), "{error:?}");
    }
}

#[test]
fn list_that_is_empty_names_one_twice_or_is_too_long_is_refused() {
    use bulla::ConfigError;
    let (client, server) = configs(KeyKind::EcdsaP256);
    let list = |codes: Vec<u16>| codes.into_iter().map(|code| Arc::new(Marking(code)) as Arc<dyn CompressCertificates>);
    let name = "certificate compression algorithms";
    for (codes, expected) in [
        (vec![], ConfigError::Empty(name)),
        (vec![1, 2, 1], ConfigError::Repeated(name)),
        ((0..128).collect(), ConfigError::TooMany(name, 127)),
    ] {
        assert_eq!(client.clone().certificate_compression(list(codes.clone())).unwrap_err(), expected);
        assert_eq!(server.clone().certificate_compression(list(codes)).unwrap_err(), expected);
    }
    assert!(client.certificate_compression(list((0..127).collect())).is_ok());
}

/// A chain as servers show it: the leaf's body, and the length that a bomb declares.
#[cfg(any(feature = "zlib", feature = "brotli"))]
fn certificate_message() -> Vec<u8> {
    let (certificate, _) = pair::Authority::new().issue(&[pair::NAME], KeyKind::EcdsaP256);
    let entry = bulla::wire::CertificateEntry { cert_data: &certificate, extensions: vec![] };
    let message = bulla::wire::Certificate { certificate_request_context: &[], certificate_list: vec![entry; 3] };
    bulla::wire::write_all(&message).unwrap()
}

#[cfg(any(feature = "zlib", feature = "brotli"))]
fn shipped() -> Vec<Arc<dyn CompressCertificates>> {
    vec![
        #[cfg(feature = "brotli")]
        Arc::new(bulla::config::compression::Brotli),
        #[cfg(feature = "zlib")]
        Arc::new(bulla::config::compression::Zlib),
    ]
}

#[cfg(any(feature = "zlib", feature = "brotli"))]
mod shipped_algorithms {
    use super::*;

    #[test]
    fn chain_comes_out_as_it_went_in_and_smaller() {
        let (provider, message) = (bulla::crypto::ring::provider(), certificate_message());
        for algorithm in shipped() {
            let compressed = algorithm.compress(&*provider, &message).unwrap();
            assert!(compressed.len() < message.len() * 2 / 3, "{algorithm:?}: {}", compressed.len());
            assert_eq!(algorithm.decompress(&compressed, message.len()).unwrap(), message, "{algorithm:?}");
        }
    }

    #[test]
    fn ends_agree_on_each_of_them() {
        let stage = Stage::new();
        for algorithm in shipped() {
            let client = stage.client.clone().certificate_compression([algorithm.clone()]).unwrap();
            let server = stage.requiring_server().certificate_compression([algorithm]).unwrap();
            assert_eq!(travelled(client, server), (COMPRESSED.to_vec(), COMPRESSED.to_vec()));
        }
    }

    #[test]
    fn every_truncated_stream_is_refused_and_so_is_one_with_bytes_behind_it() {
        let (provider, message) = (bulla::crypto::ring::provider(), certificate_message());
        for algorithm in shipped() {
            let compressed = algorithm.compress(&*provider, &message).unwrap();
            for len in 0..compressed.len() {
                assert_eq!(algorithm.decompress(&compressed[..len], message.len()), None, "{algorithm:?}, {len} bytes");
            }
            assert_eq!(algorithm.decompress(&[&compressed[..], &[0]].concat(), message.len()), None, "{algorithm:?}");
        }
    }

    #[test]
    fn stream_of_another_length_than_declared_is_refused() {
        let (provider, message) = (bulla::crypto::ring::provider(), certificate_message());
        for algorithm in shipped() {
            let compressed = algorithm.compress(&*provider, &message).unwrap();
            for len in [0, 1, message.len() - 1, message.len() + 1, 60_000] {
                assert_eq!(algorithm.decompress(&compressed, len), None, "{algorithm:?}, {len} bytes");
            }
        }
    }

    #[test]
    fn flipped_bits_give_other_bytes_or_none_and_never_a_panic() {
        let (provider, message) = (bulla::crypto::ring::provider(), certificate_message());
        for algorithm in shipped() {
            let mut compressed = algorithm.compress(&*provider, &message).unwrap();
            for bit in 0..compressed.len() * 8 {
                compressed[bit / 8] ^= 1 << (bit % 8);
                if let Some(read) = algorithm.decompress(&compressed, message.len()) {
                    assert_eq!(read.len(), message.len(), "{algorithm:?}");
                }
                compressed[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    /// 4 MiB of zeros in some bytes, of which the decompressor makes what was declared and no more.
    #[test]
    fn bomb_takes_no_more_memory_than_a_certificate_and_is_refused() {
        let provider = bulla::crypto::ring::provider();
        let zeros = vec![0; 1 << 22];
        for algorithm in shipped() {
            let bomb = algorithm.compress(&*provider, &zeros).unwrap();
            assert!(bomb.len() < 8192, "{algorithm:?}: {}", bomb.len());
            let mut result = None;
            let counted = allocation_counter::measure(|| result = Some(algorithm.decompress(&bomb, 60_000)));
            assert_eq!(result, Some(None), "{algorithm:?}");
            assert!(counted.bytes_max < 1 << 19, "{algorithm:?}: {} bytes", counted.bytes_max);
        }
    }

    /// RFC 7932 §9.1, §9.2: WBITS 24, then a meta-block that is not the last, of 2^24 bytes, not compressed.
    #[cfg(feature = "brotli")]
    #[test]
    fn brotli_window_of_a_peers_choice_takes_no_memory_that_is_not_used() {
        use bulla::config::compression::Brotli;
        let header: u32 = 0b1111 | 2 << 5 | 0xff_ffff << 7 | 1 << 31;
        for (sent, declared) in [(60_000, 60_000), (60_000, 50_000), (10, 60_000)] {
            let stream = [&header.to_le_bytes()[..], &vec![0x55; sent]].concat();
            let mut result = None;
            let counted = allocation_counter::measure(|| result = Some(Brotli.decompress(&stream, declared)));
            assert_eq!(result, Some(None));
            assert!(counted.bytes_max < 1 << 19, "{} bytes", counted.bytes_max);
        }
        // The same of the declared length, and the empty last meta-block behind it: the header is as the RFC says. Every window
        // gives the same.
        for window in [0b0011_u32, 0b0101, 0b1111] {
            let header = window | (50_000 - 1) << 7 | 1 << 23;
            let stream = [&header.to_le_bytes()[..3], &vec![0x55; 50_000], &[3]].concat();
            assert_eq!(Brotli.decompress(&stream, 50_000), Some(vec![0x55; 50_000]), "{window:b}");
        }
    }

    /// Windows of up to 2^30 bytes are not RFC 7932's.
    #[cfg(feature = "brotli")]
    #[test]
    fn brotli_stream_with_a_large_window_is_refused() {
        use bulla::config::compression::Brotli;
        let stream = [&[0x11, 0x1e][..], &[0; 100]].concat();
        assert_eq!(Brotli.decompress(&stream, 10), None);
    }

    #[cfg(feature = "zlib")]
    #[test]
    fn zlib_stream_with_a_wrong_checksum_is_refused() {
        use bulla::config::compression::Zlib;
        let (provider, message) = (bulla::crypto::ring::provider(), certificate_message());
        let mut compressed = Zlib.compress(&*provider, &message).unwrap();
        *compressed.last_mut().unwrap() ^= 1;
        assert_eq!(Zlib.decompress(&compressed, message.len()), None);
    }
}

#[test]
fn certificate_that_is_asked_for_after_the_handshake_goes_compressed_too() {
    let stage = Stage::new();
    let messages = Arc::new(Messages::default());
    let client = stage.client.clone().post_handshake_auth(true).certificate_compression(marking()).unwrap();
    let asks = bulla::ClientAuth::Require(Arc::new(stage.authority.roots()));
    let server = stage.server.clone().post_handshake_auth(asks).certificate_compression(marking()).unwrap();
    let mut pair = Pair::established(client.observer(messages.clone()), server);
    pair.server.request_client_certificate().unwrap();
    pair.run().unwrap();
    assert_eq!(pair.server.peer_certificates().len(), 1);
    assert_eq!(certificates(&messages, Direction::Sent), COMPRESSED);
}
