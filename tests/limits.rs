//! Each limit at its value, which passes, and one more, which fails with the violation that names it.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use bulla::wire::{
    Alert, AlertDescription, AlertLevel, CertificateRequest, CertificateRequestExtension, ClientExtension, ContentType,
    ExtensionType, KeyShareEntry, MAX_CIPHERTEXT_LEN_TLS13, MAX_EXTENSIONS, MAX_PLAINTEXT_LEN, NamedGroup, OfferedPsks,
    PskBinderEntry, PskIdentity, PskKeyExchangeMode, RECORD_HEADER_LEN, UnknownExtension, read_all, write_all,
};
use bulla::{
    MAX_CHAIN_LEN, MAX_CHANGE_CIPHER_SPECS, MAX_EMPTY_RECORDS, MAX_FRAGMENT_LEN, MAX_HANDSHAKE_MESSAGE_LEN,
    MAX_KEY_SHARES, MAX_KEY_UPDATES, MAX_RECORD_LEN, MAX_SKIPPED_EARLY_DATA, MAX_TICKETS, MAX_WARNING_ALERTS,
};
use pair::{Authority, data, send};
use scene::{SERVER_FLIGHT, Scene, Stage};
use script::Say::{
    Certificate, CertificateVerify, ClientHello, EncryptedExtensions, Finished, KeyUpdate, NewSessionTicket,
    ServerHello,
};
use script::{Heard, Peer, change_cipher_spec, plain_record};

fn repeated(mut scene: Scene, times: u32, speak: impl Fn(&mut Peer) -> Vec<u8>) -> Scene {
    for _ in 0..times {
        assert_eq!(scene.error, None);
        scene = scene.with(&speak);
    }
    scene
}

fn say_data(content: &'static [u8]) -> impl Fn(&mut Peer) -> Vec<u8> {
    move |peer| peer.record(ContentType::application_data, content)
}

fn say_warning(peer: &mut Peer) -> Vec<u8> {
    let alert = Alert { level: AlertLevel::warning, description: AlertDescription::user_canceled };
    peer.record(ContentType::alert, &write_all(&alert).unwrap())
}

/// A scene in which `speak` passes `limit` times, passes as often again behind data, and fails one time later.
fn assert_limit_between_data(connected: Scene, limit: u32, speak: impl Fn(&mut Peer) -> Vec<u8>, violation: &str) {
    let scene = repeated(connected, limit, &speak);
    let scene = scene.with(say_data(b"data"));
    let scene = repeated(scene, limit, &speak);
    assert_eq!(scene.outcome(), "Connected");
    let mut scene = scene.with(&speak);
    assert_eq!(scene.outcome(), violation);
    scene.assert_failed_with_its_alert();
}

/// A ClientHello of exactly this length, filled with padding.
fn client_hello_of(peer: &mut Peer, len: usize) -> Vec<u8> {
    static ZEROS: [u8; 0x1_0000] = [0; 0x1_0000];
    let with_padding = |peer: &mut Peer, padding: usize| {
        peer.client_hello_with(|hello| {
            hello.extensions.as_mut().unwrap().push(ClientExtension::Padding(&ZEROS[..padding]));
        })
    };
    let rest = with_padding(peer, 0).len();
    let hello = with_padding(peer, len - rest);
    assert_eq!(hello.len(), len);
    hello
}

#[test]
fn handshake_message_of_the_largest_size_passes_in_fragments_of_any_size() {
    for fragment_len in [MAX_PLAINTEXT_LEN, 1000, 7] {
        let scene = Stage::new().server().with(|peer| {
            let hello = client_hello_of(peer, MAX_HANDSHAKE_MESSAGE_LEN);
            peer.say_message_in_fragments(&hello, fragment_len)
        });
        assert_eq!(scene.outcome(), "WaitFinished");
        assert_eq!(scene.say(&[Finished]).outcome(), "Connected");
    }
}

#[test]
fn handshake_message_that_claims_more_is_refused_before_its_bytes_arrive() {
    let claim = |body_len: usize| -> [u8; 4] {
        let [.., a, b, c] = body_len.to_be_bytes();
        [1, a, b, c]
    };
    let largest = claim(MAX_HANDSHAKE_MESSAGE_LEN - 4);
    let scene = Stage::new().server().say_record(ContentType::handshake, &largest);
    assert_eq!(scene.outcome(), "WaitClientHello");
    let mut scene = Stage::new().server().say_record(ContentType::handshake, &claim(MAX_HANDSHAKE_MESSAGE_LEN - 3));
    assert_eq!(scene.outcome(), "MessageTooLarge");
    scene.assert_failed_with_its_alert();
    // The last byte of the header decides, in whichever record it comes.
    let header = claim(0xff_ffff);
    let scene = Stage::new().server().say_record(ContentType::handshake, &header[..3]);
    assert_eq!(scene.outcome(), "WaitClientHello");
    assert_eq!(scene.say_record(ContentType::handshake, &header[3..]).outcome(), "MessageTooLarge");
}

#[test]
fn hello_may_hold_so_many_extensions_and_no_more() {
    let told = |count: usize| {
        Stage::new().server().say_message(|peer| {
            peer.client_hello_with(|hello| {
                let extensions = hello.extensions.as_mut().unwrap();
                let unknown = |index| ExtensionType(0x7000 + u16::try_from(index).unwrap());
                extensions.extend((extensions.len()..count).map(|index| {
                    ClientExtension::Unknown(UnknownExtension { extension_type: unknown(index), extension_data: b"x" })
                }));
            })
        })
    };
    assert_eq!(told(MAX_EXTENSIONS).outcome(), "WaitFinished");
    assert_eq!(told(MAX_EXTENSIONS + 1).outcome(), "MalformedTooManyExtensions");
}

#[test]
fn hello_may_hold_so_many_key_shares_and_no_more() {
    let told = |count: usize| {
        Stage::new().server().say_message(|peer| {
            peer.client_hello_with(|hello| {
                let Some([_, ClientExtension::SupportedGroups(groups), _, ClientExtension::KeyShare(shares)]) =
                    hello.extensions.as_deref_mut()
                else {
                    panic!("the scripted hello has another order")
                };
                let strange = (0..count - 1).map(|index| NamedGroup(0x7000 + u16::try_from(index).unwrap()));
                groups.extend(strange.clone());
                shares.extend(strange.map(|group| KeyShareEntry { group, key_exchange: b"share" }));
            })
        })
    };
    assert_eq!(told(MAX_KEY_SHARES).outcome(), "WaitFinished");
    assert_eq!(told(MAX_KEY_SHARES + 1).outcome(), "TooManyKeyShares");
}

#[test]
fn chain_may_be_so_long_and_no_longer() {
    let stage = Stage::new();
    let lengthened = |peer: &mut Peer, len: usize| {
        // A leaf that is trusted, and certificates that nobody needs.
        peer.certificate_with(|certificate| {
            let leaf = certificate.certificate_list[0].clone();
            certificate.certificate_list = vec![leaf; len];
        })
    };
    let before_server = || stage.client().say(&[ServerHello, EncryptedExtensions]);
    let before_client = || stage.server_with(stage.requiring_server()).say(&[ClientHello]);
    let scene = before_server().say_message(|peer| lengthened(peer, MAX_CHAIN_LEN));
    assert_eq!(scene.say(&[CertificateVerify, Finished]).outcome(), "Connected");
    let scene = before_client().say_message(|peer| lengthened(peer, MAX_CHAIN_LEN));
    assert_eq!(scene.say(&[CertificateVerify, Finished]).outcome(), "Connected");
    for scene in [before_server(), before_client()] {
        let scene = scene.say_message(|peer| lengthened(peer, MAX_CHAIN_LEN + 1));
        assert_eq!(scene.outcome(), "ChainTooLong");
    }
}

#[test]
fn so_many_empty_records_in_a_row_pass_and_no_more() {
    let stage = Stage::new();
    for connected in [stage.connected_client(), stage.connected_server()] {
        assert_limit_between_data(connected, MAX_EMPTY_RECORDS, say_data(b""), "TooManyEmptyRecords");
    }
}

#[test]
fn empty_record_that_is_all_padding_behind_its_type_counts_too() {
    let padded = |peer: &mut Peer| peer.seal(&[&[ContentType::application_data.0][..], &[0; 100]].concat());
    let connected = Stage::new().connected_server();
    assert_limit_between_data(connected, MAX_EMPTY_RECORDS, padded, "TooManyEmptyRecords");
}

#[test]
fn so_many_warnings_in_a_row_pass_and_no_more() {
    let stage = Stage::new();
    for connected in [stage.connected_client(), stage.connected_server()] {
        assert_limit_between_data(connected, MAX_WARNING_ALERTS, say_warning, "TooManyWarnings");
    }
}

#[test]
fn so_many_key_updates_without_data_pass_and_no_more() {
    let stage = Stage::new();
    for connected in [stage.connected_client(), stage.connected_server()] {
        assert_limit_between_data(connected, MAX_KEY_UPDATES, |peer| peer.say(KeyUpdate), "TooManyKeyUpdates");
    }
}

#[test]
fn so_many_tickets_without_data_pass_and_no_more() {
    let connected = Stage::new().connected_client();
    assert_limit_between_data(connected, MAX_TICKETS, |peer| peer.say(NewSessionTicket), "TooManyTickets");
}

#[test]
fn limits_are_not_stretched_by_taking_turns() {
    let stage = Stage::new();
    let empty = |scene: Scene| repeated(scene, MAX_EMPTY_RECORDS, say_data(b""));
    let scene = empty(stage.connected_client()).with(say_warning).say(&[KeyUpdate, NewSessionTicket]);
    assert_eq!(scene.outcome(), "Connected");
    assert_eq!(scene.with(say_data(b"")).outcome(), "TooManyEmptyRecords");
    let warned = |scene: Scene| repeated(scene, MAX_WARNING_ALERTS, say_warning);
    let scene = warned(stage.connected_client()).with(say_data(b"")).say(&[KeyUpdate]);
    assert_eq!(scene.outcome(), "Connected");
    assert_eq!(scene.with(say_warning).outcome(), "TooManyWarnings");
}

#[test]
fn so_many_change_cipher_specs_pass_during_the_handshake_and_none_after_it() {
    let stage = Stage::new();
    let at_most = |scene: Scene| repeated(scene, MAX_CHANGE_CIPHER_SPECS, |_| change_cipher_spec());
    let client = at_most(stage.client()).say(&SERVER_FLIGHT);
    let server = at_most(stage.server().say(&[ClientHello])).say(&[Finished]);
    for connected in [client, server] {
        assert_eq!(connected.outcome(), "Connected");
        let mut scene = connected.with(|_| change_cipher_spec());
        assert_eq!(scene.outcome(), "UnexpectedRecord");
        scene.assert_failed_with_its_alert();
    }
    let too_many = |scene: Scene| at_most(scene).with(|_| change_cipher_spec()).outcome();
    assert_eq!(too_many(stage.client()), "TooManyChangeCipherSpecs");
    assert_eq!(too_many(stage.server().say(&[ClientHello])), "TooManyChangeCipherSpecs");
    // Before the hello there is nothing to be compatible with.
    assert_eq!(stage.server().with(|_| change_cipher_spec()).outcome(), "UnexpectedRecord");
}

#[test]
fn plaintext_record_of_the_largest_size_passes_and_one_more_is_refused_by_its_header() {
    let stage = Stage::new();
    let scene = stage.server().with(|peer| {
        let hello = client_hello_of(peer, MAX_PLAINTEXT_LEN);
        peer.say_message(&hello)
    });
    assert_eq!(scene.outcome(), "WaitFinished");
    let [high, low] = u16::try_from(MAX_PLAINTEXT_LEN + 1).unwrap().to_be_bytes();
    let mut scene = stage.server().with(|_| vec![22, 3, 1, high, low]);
    assert_eq!(scene.outcome(), "TooLarge");
    scene.assert_failed_with_its_alert();
}

/// A TLSInnerPlaintext of data with this much content and padding.
fn inner_plaintext(content: usize, padding: usize) -> Vec<u8> {
    [&vec![7; content][..], &[ContentType::application_data.0], &vec![0; padding]].concat()
}

#[test]
fn protected_record_of_the_largest_plaintext_passes_and_one_more_overflows() {
    let stage = Stage::new();
    for (content, padding) in [(MAX_PLAINTEXT_LEN, 0), (MAX_PLAINTEXT_LEN - 1, 1), (1, MAX_PLAINTEXT_LEN - 1)] {
        let scene = stage.connected_server().with(|peer| peer.seal(&inner_plaintext(content, padding)));
        assert_eq!(scene.outcome(), "Connected");
        assert_eq!(data(&scene.seen), vec![7; content]);
    }
    for (content, padding) in [(MAX_PLAINTEXT_LEN + 1, 0), (MAX_PLAINTEXT_LEN, 1), (0, MAX_PLAINTEXT_LEN + 1)] {
        let mut scene = stage.connected_server().with(|peer| peer.seal(&inner_plaintext(content, padding)));
        assert_eq!(scene.outcome(), "TooLarge");
        assert_eq!(data(&scene.seen), [0; 0]);
        scene.assert_failed_with_its_alert();
    }
}

#[test]
fn ciphertext_of_the_largest_size_is_waited_for_and_one_more_is_refused_by_its_header() {
    let stage = Stage::new();
    let header = |len: usize| [&[23, 3, 3][..], &u16::try_from(len).unwrap().to_be_bytes()].concat();
    let mut scene = stage.connected_server();
    let mut buffer = header(MAX_CIPHERTEXT_LEN_TLS13);
    let received = scene.end.receive(&mut buffer).unwrap();
    assert!(matches!(received.event, bulla::Event::NeedMore { hint: MAX_RECORD_LEN }));
    let mut scene = stage.connected_server().with(|_| header(MAX_CIPHERTEXT_LEN_TLS13 + 1));
    assert_eq!(scene.outcome(), "TooLarge");
    scene.assert_failed_with_its_alert();
    // A ciphertext that large opens, and its plaintext is too large.
    let largest = inner_plaintext(1, MAX_CIPHERTEXT_LEN_TLS13 - 16 - 2);
    let scene = stage.connected_server().with(|peer| {
        let record = peer.seal(&largest);
        assert_eq!(record.len(), MAX_RECORD_LEN);
        record
    });
    assert_eq!(scene.outcome(), "TooLarge");
}

#[test]
fn padding_is_dropped_from_every_kind_of_record() {
    let stage = Stage::new();
    for padding in [1, 255, 10_000] {
        let zeros = vec![0; padding];
        // Handshake messages: the whole flight of a server.
        let mut scene = stage.client().say(&[ServerHello]);
        for say in [EncryptedExtensions, Certificate, CertificateVerify] {
            scene = scene.with(|peer| {
                let message = peer.compose(say);
                peer.count(&message);
                peer.seal(&[&message[..], &[ContentType::handshake.0], &zeros].concat())
            });
        }
        let scene = scene.say(&[Finished]);
        assert_eq!(scene.outcome(), "Connected");
        // Data, which may end in zeros itself.
        let inner = [&b"data\0\0"[..], &[ContentType::application_data.0], &zeros].concat();
        let scene = scene.with(|peer| peer.seal(&inner));
        assert_eq!(data(&scene.seen), b"data\0\0");
        // Alerts.
        let inner = [&[1, AlertDescription::close_notify.0, ContentType::alert.0][..], &zeros].concat();
        let scene = scene.with(|peer| peer.seal(&inner));
        assert!(scene.end.is_closed());
    }
}

#[test]
fn empty_fragments_of_messages_are_refused_at_once() {
    let stage = Stage::new();
    for content_type in [ContentType::handshake, ContentType::alert] {
        for scene in [stage.client(), stage.server(), stage.client().say(&[ServerHello]), stage.connected_server()] {
            let mut scene = scene.say_record(content_type, &[]);
            assert_eq!(scene.outcome(), "EmptyFragment");
            scene.assert_failed_with_its_alert();
        }
    }
    // The dummy change_cipher_spec has one byte, never none.
    let scene = stage.client().with(|_| plain_record(ContentType::change_cipher_spec, &[]));
    assert_eq!(scene.outcome(), "BadChangeCipherSpec");
}

#[test]
fn sent_records_hold_at_most_the_largest_fragment() {
    let mut scene = Stage::new().connected_client();
    let sent = send(&mut scene.end, &vec![5; 3 * MAX_FRAGMENT_LEN + 1]);
    let mut rest = &sent[..];
    while let Some((header, behind)) = rest.split_first_chunk::<RECORD_HEADER_LEN>() {
        let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
        assert!(len <= MAX_FRAGMENT_LEN + 1 + 16);
        rest = &behind[len..];
    }
    scene.peer.heard.clear();
    scene.peer.hear(&sent);
    let lens: Vec<_> =
        scene.peer.heard.iter().map(|heard| matches!(heard, Heard::Data(it) if !it.is_empty())).collect();
    assert_eq!(lens, [true; 4]);
}

#[test]
fn request_names_authorities_only_as_long_as_the_list_is_short() {
    let stage = Stage::new();
    let names_in_request = |count: usize| -> Option<usize> {
        let mut roots = bulla::Roots::new();
        for index in 0..count {
            roots.add_der(&Authority::named(&format!("{index:0>60}")).certificate).unwrap();
        }
        let server = stage.server.clone().client_auth(bulla::ClientAuth::Request(roots.into()));
        let scene = stage.server_with(server).say(&[ClientHello]);
        let request = scene.peer.heard.iter().find_map(|heard| match heard {
            Heard::Message(message) if message[0] == 13 => Some(message.clone()),
            _ => None,
        });
        let request = request.unwrap();
        let request: CertificateRequest<'_> = read_all(&request[4..]).unwrap();
        request.extensions.iter().find_map(|extension| match extension {
            CertificateRequestExtension::CertificateAuthorities(names) => Some(names.len()),
            _ => None,
        })
    };
    assert_eq!(names_in_request(50), Some(50));
    assert_eq!(names_in_request(120), None);
}

/// A hello that offers early data with a ticket that nobody knows.
fn client_hello_with_early_data(peer: &mut Peer) -> Vec<u8> {
    peer.client_hello_with(|hello| {
        hello.extensions.as_mut().unwrap().extend([
            ClientExtension::EarlyData,
            ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]),
            ClientExtension::PreSharedKey(OfferedPsks {
                identities: vec![PskIdentity { identity: b"ticket", obfuscated_ticket_age: 0 }],
                binders: vec![PskBinderEntry(&[0; 32])],
            }),
        ]);
    })
}

/// A protected record of so many bytes, under keys that the server does not have.
fn early_data_record(len: usize) -> Vec<u8> {
    plain_record(ContentType::application_data, &vec![0xda; len - RECORD_HEADER_LEN])
}

#[test]
fn declined_early_data_of_the_largest_size_is_skipped_and_more_is_not() {
    let stage = Stage::new();
    let told = || stage.server().say_message(client_hello_with_early_data);
    let most = |scene: Scene| repeated(scene, 2, |_| early_data_record(MAX_SKIPPED_EARLY_DATA / 2));
    let scene = most(told()).say(&[Finished]).with(say_data(b"goes on"));
    assert_eq!((scene.outcome(), &data(&scene.seen)[..]), ("Connected", &b"goes on"[..]));
    let mut scene = most(told()).with(|_| early_data_record(30));
    assert_eq!(scene.outcome(), "DoesNotOpen");
    scene.assert_failed_with_its_alert();
    // A client that offers none has none to skip, and one whose Finished came has no more.
    assert_eq!(stage.server().say(&[ClientHello]).with(|_| early_data_record(30)).outcome(), "DoesNotOpen");
    assert_eq!(told().say(&[Finished]).with(|_| early_data_record(30)).outcome(), "DoesNotOpen");
}

#[test]
fn declined_early_data_is_skipped_between_the_two_hellos_and_not_behind_them() {
    let stage = Stage::new();
    let told = || stage.server_with(stage.retrying_server()).say_message(client_hello_with_early_data);
    let most = |scene: Scene| repeated(scene, 2, |_| early_data_record(MAX_SKIPPED_EARLY_DATA / 2));
    let second = |peer: &mut Peer| {
        peer.client_hello_with(|hello| {
            let modes = ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]);
            hello.extensions.as_mut().unwrap().push(modes);
        })
    };
    assert_eq!(most(told()).say_message(second).say(&[Finished]).outcome(), "Connected");
    assert_eq!(most(told()).with(|_| early_data_record(30)).outcome(), "UnexpectedRecord");
    let scene = told().say_message(second).with(|_| early_data_record(30));
    assert_eq!(scene.outcome(), "DoesNotOpen");
    // Nor is it offered again.
    assert_eq!(told().say_message(client_hello_with_early_data).outcome(), "EarlyDataAfterRetry");
}
