//! Every legal sequence of messages, one line per flight, as RFC 8446 §2 draws them; every other order fails.
//!
//! The scripted peer has the right keys and makes each message right for the transcript so far, so that order alone
//! decides. From each legal beginning it goes on with every message that there is.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[path = "support/stage_psk.rs"]
mod stage_psk;

use std::sync::Arc;

use bulla::crypto::ring::provider;
use bulla::resume::TicketKeys;
use bulla::wire::{AlertDescription, ContentType, HandshakeType};
use bulla::{MAX_EMPTY_RECORDS, ServerConfig};
use pair::Seen;
use scene::{Scene, Stage};
use script::Say::{
    Certificate, CertificateRequest, CertificateVerify, ClientHello, ClientHelloOfPsk, ClientHelloWithEarlyData,
    EmptyCertificate, EncryptedExtensions, EncryptedExtensionsWithEarlyData, Finished, HelloRetryRequest, KeyUpdate,
    NewSessionTicket, ServerHello, ServerHelloOfPsk,
};
use script::psk::{Psk, end_of_early_data};
use script::{END_OF_EARLY_DATA, Say};

/// What a server may say, after the client's first hello.
const SERVER_SAYS: &[&[Say]] = &[
    &[ServerHello, EncryptedExtensions, Certificate, CertificateVerify, Finished],
    &[ServerHello, EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished],
    &[HelloRetryRequest, ServerHello, EncryptedExtensions, Certificate, CertificateVerify, Finished],
    &[
        HelloRetryRequest,
        ServerHello,
        EncryptedExtensions,
        CertificateRequest,
        Certificate,
        CertificateVerify,
        Finished,
    ],
];

/// What a client may say to a server that does not ask for a certificate.
const CLIENT_SAYS: &[&[Say]] = &[&[ClientHello, Finished]];

/// The same if it does not like the group of the first share.
const CLIENT_SAYS_TWICE: &[&[Say]] = &[&[ClientHello, ClientHello, Finished]];

/// What a client may say to a server that must have a certificate.
const CLIENT_SAYS_IF_REQUIRED: &[&[Say]] = &[&[ClientHello, Certificate, CertificateVerify, Finished]];

/// What a client may say to a server that would like a certificate.
const CLIENT_SAYS_IF_REQUESTED: &[&[Say]] =
    &[&[ClientHello, Certificate, CertificateVerify, Finished], &[ClientHello, EmptyCertificate, Finished]];

/// What a server may say to a client that offers a session, beside that. RFC 8446 §2.2.
const SERVER_SAYS_TO_A_SESSION: &[&[Say]] = &[
    SERVER_SAYS[0],
    SERVER_SAYS[1],
    SERVER_SAYS[2],
    SERVER_SAYS[3],
    &[ServerHelloOfPsk, EncryptedExtensions, Finished],
    &[HelloRetryRequest, ServerHelloOfPsk, EncryptedExtensions, Finished],
];

/// What it may say to early data, beside that. RFC 8446 §2.3.
const SERVER_SAYS_TO_EARLY_DATA: &[&[Say]] = &[
    SERVER_SAYS[0],
    SERVER_SAYS[1],
    SERVER_SAYS[2],
    SERVER_SAYS[3],
    SERVER_SAYS_TO_A_SESSION[4],
    SERVER_SAYS_TO_A_SESSION[5],
    &[ServerHelloOfPsk, EncryptedExtensionsWithEarlyData, Finished],
];

/// What a client may say to a server that takes PSKs. Early data is not taken, and then it does not end.
const CLIENT_SAYS_OF_PSK: &[&[Say]] =
    &[&[ClientHello, Finished], &[ClientHelloOfPsk, Finished], &[ClientHelloWithEarlyData, Finished]];

/// The same if it takes early data too. RFC 8446 §2.3.
const CLIENT_SAYS_EARLY: &[&[Say]] = &[
    &[ClientHello, Finished],
    &[ClientHelloOfPsk, Finished],
    &[ClientHelloWithEarlyData, END_OF_EARLY_DATA, Finished],
];

/// The same if it does not like the group of the first share. Early data does not go with a second hello. RFC 8446 §4.2.10.
const CLIENT_SAYS_OF_PSK_TWICE: &[&[Say]] = &[
    &[ClientHello, ClientHello, Finished],
    &[ClientHelloOfPsk, ClientHelloOfPsk, Finished],
    &[ClientHelloWithEarlyData, ClientHelloOfPsk, Finished],
];

/// What a client may say to a server that must have a certificate, which the session knows.
const CLIENT_SAYS_OF_PSK_IF_REQUIRED: &[&[Say]] =
    &[CLIENT_SAYS_IF_REQUIRED[0], &[ClientHelloOfPsk, Finished], &[ClientHelloWithEarlyData, Finished]];

/// Every message that a peer can say: the well-formed ones, and one of each type without a body.
fn all_messages() -> Vec<Say> {
    let client = [ClientHello];
    let server = [HelloRetryRequest, ServerHello, EncryptedExtensions, CertificateRequest, NewSessionTicket];
    let both = [Certificate, EmptyCertificate, CertificateVerify, Finished, KeyUpdate];
    let empty = HandshakeType::NAMED.iter().copied().filter(|it| !has_well_formed(*it)).map(Say::Empty);
    client.into_iter().chain(server).chain(both).chain(empty).chain([Say::Empty(HandshakeType(99))]).collect()
}

fn has_well_formed(handshake_type: HandshakeType) -> bool {
    matches!(
        handshake_type,
        HandshakeType::client_hello
            | HandshakeType::server_hello
            | HandshakeType::encrypted_extensions
            | HandshakeType::certificate_request
            | HandshakeType::new_session_ticket
            | HandshakeType::certificate
            | HandshakeType::certificate_verify
            | HandshakeType::finished
            | HandshakeType::key_update
    )
}

/// Tries each message behind each legal beginning. What goes on along a legal line must be accepted, and its end must
/// be the connection; all else must end with unexpected_message.
fn explore(start: &dyn Fn() -> Scene, messages: &[Say], legal: &[&[Say]]) {
    explore_but(start, messages, legal, &[]);
}

/// What is said in order and refused for another reason.
type Refused<'a> = (&'a [Say], &'static str);

/// The same, but for what is refused for another reason than its order.
fn explore_but(start: &dyn Fn() -> Scene, messages: &[Say], legal: &[&[Say]], refused: &[Refused<'_>]) {
    let (mut connected, mut refusals) = (0, 0);
    let mut beginnings = vec![vec![]];
    while let Some(beginning) = beginnings.pop() {
        for &message in messages {
            let said = [&beginning[..], &[message]].concat();
            let mut scene = start().say(&said);
            if legal.contains(&&said[..]) {
                assert_eq!(scene.outcome(), "Connected", "{said:?}");
                connected += 1;
            } else if legal.iter().any(|line| line.starts_with(&said)) {
                assert_eq!(scene.error, None, "{said:?}");
                assert_ne!(scene.outcome(), "Connected", "{said:?}");
                beginnings.push(said);
            } else if let Some((_, name)) = refused.iter().find(|(line, _)| *line == said) {
                assert_eq!(scene.outcome(), *name, "{said:?}");
                scene.assert_failed_with_its_alert();
                refusals += 1;
            } else {
                let alert = scene.error.as_ref().and_then(bulla::Error::alert);
                assert_eq!(alert, Some(AlertDescription::unexpected_message), "{said:?}: {}", scene.outcome());
                scene.assert_failed_with_its_alert();
            }
        }
    }
    assert_eq!(connected, legal.len(), "a legal line holds a message that was not among those tried");
    assert_eq!(refusals, refused.len(), "the same of a refused line");
}

fn messages_without(excluded: &[Say]) -> Vec<Say> {
    all_messages().into_iter().filter(|message| !excluded.contains(message)).collect()
}

#[test]
fn client_accepts_each_legal_order_of_a_server_and_no_other() {
    let stage = Stage::new();
    explore(&|| stage.client(), &messages_without(&[ClientHello, EmptyCertificate]), SERVER_SAYS);
}

/// The messages of a scripted client. It has heard no hello before it says one, so it cannot answer one.
const NOT_A_CLIENTS: &[Say] = &[HelloRetryRequest, ServerHello];

fn explore_server(config: &dyn Fn(&Stage) -> bulla::ServerConfig, legal: &[&[Say]]) {
    let stage = Stage::new();
    let mut messages = messages_without(NOT_A_CLIENTS);
    messages.push(Say::Empty(HandshakeType::server_hello));
    explore(&|| stage.server_with(config(&stage)), &messages, legal)
}

#[test]
fn server_accepts_each_legal_order_of_a_client_and_no_other() {
    explore_server(&|stage| stage.server.clone(), CLIENT_SAYS);
}

#[test]
fn server_that_retries_accepts_each_legal_order_of_a_client_and_no_other() {
    explore_server(&Stage::retrying_server, CLIENT_SAYS_TWICE);
}

#[test]
fn server_that_requires_a_certificate_accepts_each_legal_order_and_no_other() {
    let stage = Stage::new();
    let messages = messages_without(&[HelloRetryRequest, ServerHello, EmptyCertificate]);
    explore(&|| stage.server_with(stage.requiring_server()), &messages, CLIENT_SAYS_IF_REQUIRED);
    // An empty list is in order, and refused for another reason.
    let scene = stage.server_with(stage.requiring_server()).say(&[ClientHello, EmptyCertificate]);
    assert_eq!(scene.outcome(), "ClientCertificateRequired");
}

#[test]
fn server_that_requests_a_certificate_accepts_each_legal_order_and_no_other() {
    explore_server(&Stage::requesting_server, CLIENT_SAYS_IF_REQUESTED);
}

fn servers_messages() -> Vec<Say> {
    let mut messages = messages_without(&[ClientHello, EmptyCertificate]);
    messages.extend([ServerHelloOfPsk, EncryptedExtensionsWithEarlyData]);
    messages
}

#[test]
fn client_with_a_session_accepts_each_legal_order_of_a_server_and_no_other() {
    let stage = Stage::new();
    let refused: &[Refused<'_>] = &[
        (&[ServerHello, EncryptedExtensionsWithEarlyData], "ExtensionNotOffered"),
        (&[ServerHelloOfPsk, EncryptedExtensionsWithEarlyData], "ExtensionNotOffered"),
        (&[HelloRetryRequest, ServerHello, EncryptedExtensionsWithEarlyData], "ExtensionNotOffered"),
        (&[HelloRetryRequest, ServerHelloOfPsk, EncryptedExtensionsWithEarlyData], "ExtensionNotOffered"),
    ];
    explore_but(&|| stage.resuming_client(), &servers_messages(), SERVER_SAYS_TO_A_SESSION, refused);
}

#[test]
fn client_with_early_data_accepts_each_legal_order_of_a_server_and_no_other() {
    let stage = Stage::new();
    let refused: &[Refused<'_>] = &[
        (&[ServerHello, EncryptedExtensionsWithEarlyData], "EarlyDataTermsChanged"),
        (&[HelloRetryRequest, ServerHello, EncryptedExtensionsWithEarlyData], "ExtensionNotOffered"),
        (&[HelloRetryRequest, ServerHelloOfPsk, EncryptedExtensionsWithEarlyData], "ExtensionNotOffered"),
    ];
    explore_but(&|| stage.early_client(), &servers_messages(), SERVER_SAYS_TO_EARLY_DATA, refused);
}

/// Explores a server from which the scripted client has a ticket.
fn explore_server_with_tickets(stage: &Stage, config: &ServerConfig, legal: &[&[Say]], refused: &[Refused<'_>]) {
    explore_server_with_psk(stage, config, &stage.get_ticket(config), legal, refused);
}

fn ticket_keys() -> TicketKeys {
    TicketKeys::random(provider(), 86_400).unwrap()
}

fn explore_server_with_psk(stage: &Stage, config: &ServerConfig, psk: &Psk, legal: &[&[Say]], refused: &[Refused<'_>]) {
    let mut messages = messages_without(NOT_A_CLIENTS);
    messages.extend([Say::Empty(HandshakeType::server_hello), ClientHelloOfPsk, ClientHelloWithEarlyData]);
    explore_but(&|| stage.server_with_psk(config, psk), &messages, legal, refused);
}

#[test]
fn server_that_resumes_accepts_each_legal_order_of_a_client_and_no_other() {
    let stage = Stage::new();
    explore_server_with_tickets(&stage, &stage.sealing_server(), CLIENT_SAYS_OF_PSK, &[]);
}

#[test]
fn server_that_takes_external_psks_accepts_each_legal_order_of_a_client_and_no_other() {
    let stage = Stage::new();
    let config = stage.server.clone().psks(Arc::new(vec![stage_psk::external_psk()]));
    explore_server_with_psk(&stage, &config, &stage_psk::scripted_psk(), CLIENT_SAYS_OF_PSK, &[]);
}

#[test]
fn server_that_takes_early_data_accepts_each_legal_order_of_a_client_and_no_other() {
    let stage = Stage::new();
    explore_server_with_tickets(&stage, &stage.early_server(), CLIENT_SAYS_EARLY, &[]);
}

#[test]
fn server_that_retries_and_resumes_accepts_each_legal_order_of_a_client_and_no_other() {
    let stage = Stage::new();
    let config = stage.early_server().groups([script::RETRY_GROUP]).unwrap();
    let refused: &[Refused<'_>] = &[
        (&[ClientHello, ClientHelloOfPsk], "ClientHelloChangedAfterRetry"),
        (&[ClientHello, ClientHelloWithEarlyData], "ClientHelloChangedAfterRetry"),
        (&[ClientHelloOfPsk, ClientHello], "ClientHelloChangedAfterRetry"),
        (&[ClientHelloWithEarlyData, ClientHello], "ClientHelloChangedAfterRetry"),
        (&[ClientHelloOfPsk, ClientHelloWithEarlyData], "EarlyDataAfterRetry"),
        (&[ClientHelloWithEarlyData, ClientHelloWithEarlyData], "EarlyDataAfterRetry"),
    ];
    explore_server_with_tickets(&stage, &config, CLIENT_SAYS_OF_PSK_TWICE, refused);
}

#[test]
fn server_that_requires_a_certificate_takes_none_behind_a_session_that_knows_it() {
    let stage = Stage::new();
    let config = stage.requiring_server().tickets(Arc::new(ticket_keys()));
    let refused: &[Refused<'_>] = &[(&[ClientHello, EmptyCertificate], "ClientCertificateRequired")];
    explore_server_with_tickets(&stage, &config, CLIENT_SAYS_OF_PSK_IF_REQUIRED, refused);
}

#[test]
fn early_data_stands_between_its_hello_and_its_end_and_nowhere_else() {
    let stage = Stage::new();
    let data = |scene: Scene| scene.say_record(ContentType::application_data, b"early");
    let early = || data(data(stage.server_in_early_data()));

    // 1. In order, and its end may come in pieces.
    for fragment_len in [1, 3, 4] {
        let scene = early().with(|peer| peer.say_message_in_fragments(&end_of_early_data(), fragment_len));
        assert_eq!(scene.outcome(), "WaitFinished");
        let scene = scene.say(&[Finished]);
        let received = Seen::EarlyData(b"early".to_vec());
        assert_eq!(scene.seen, [received.clone(), received, Seen::Established]);
    }

    // 2. Behind its end: as ordinary data too early, and under its own keys it does not open.
    let mut scene = data(early().say(&[END_OF_EARLY_DATA]));
    assert_eq!(scene.outcome(), "UnexpectedRecord");
    scene.assert_failed_with_its_alert();
    let scene = early().with(|peer| peer.record(ContentType::handshake, &end_of_early_data()));
    assert_eq!(scene.outcome(), "WaitFinished");
    let mut scene = data(scene);
    assert_eq!(scene.outcome(), "DoesNotOpen");
    scene.assert_failed_with_its_alert();

    // 3. Without its end, or with an end under the handshake keys.
    for say in [Finished, END_OF_EARLY_DATA] {
        let mut scene = early().with(|peer| {
            peer.stop_early();
            peer.say(say)
        });
        assert_eq!(scene.outcome(), "DoesNotOpen", "{say:?}");
        scene.assert_failed_with_its_alert();
    }

    // 4. Its end in the clear, in the middle of a piece of it, and with a message behind it in its record.
    let mut scene = early().with(|_| script::plain_record(ContentType::handshake, &end_of_early_data()));
    assert_eq!(scene.outcome(), "UnexpectedRecord");
    scene.assert_failed_with_its_alert();
    let mut scene = data(early().say_record(ContentType::handshake, &end_of_early_data()[..2]));
    assert_eq!(scene.outcome(), "InterleavedHandshake");
    scene.assert_failed_with_its_alert();
    let mut scene = early().with(|peer| {
        let both = [end_of_early_data(), peer.compose(Finished)].concat();
        peer.record(ContentType::handshake, &both)
    });
    assert_eq!(scene.outcome(), "MessageAcrossKeyChange");
    scene.assert_failed_with_its_alert();

    // 5. None at all, so many times.
    let mut scene = stage.server_in_early_data();
    for _ in 0..MAX_EMPTY_RECORDS {
        scene = scene.say_record(ContentType::application_data, &[]);
    }
    assert_eq!(scene.outcome(), "WaitEndOfEarlyData");
    scene = scene.say_record(ContentType::application_data, &[]);
    assert_eq!(scene.outcome(), "TooManyEmptyRecords");
    scene.assert_failed_with_its_alert();
}

#[test]
fn client_answers_each_flight_with_its_own_and_nothing_else() {
    let stage = Stage::new();
    let said_by = |scene: Scene, says: &[Say]| -> Vec<HandshakeType> {
        let scene = scene.say(says);
        assert_eq!(scene.outcome(), "Connected");
        let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
            script::Heard::Message(bytes) => Some(HandshakeType(bytes[0])),
            _ => None,
        });
        messages.collect()
    };
    type T = HandshakeType;
    assert_eq!(said_by(stage.client(), SERVER_SAYS[0]), [T::client_hello, T::finished]);
    let with_certificate = [T::client_hello, T::certificate, T::certificate_verify, T::finished];
    assert_eq!(said_by(stage.client(), SERVER_SAYS[1]), with_certificate);
    assert_eq!(said_by(stage.client(), SERVER_SAYS[2]), [T::client_hello, T::client_hello, T::finished]);
    // The end of early data is said where it was taken, and nowhere else.
    let to_early_data = |index: usize| said_by(stage.early_client(), SERVER_SAYS_TO_EARLY_DATA[index]);
    assert_eq!(to_early_data(0), [T::client_hello, T::finished]);
    assert_eq!(to_early_data(1), with_certificate);
    assert_eq!(to_early_data(4), [T::client_hello, T::finished]);
    assert_eq!(to_early_data(5), [T::client_hello, T::client_hello, T::finished]);
    assert_eq!(to_early_data(6), [T::client_hello, T::end_of_early_data, T::finished]);
}

#[test]
fn tickets_and_key_updates_come_in_any_order_after_the_handshake() {
    let stage = Stage::new();
    let mut scene = stage.connected_client();
    for message in [KeyUpdate, NewSessionTicket, NewSessionTicket, KeyUpdate, KeyUpdate] {
        scene = scene.say(&[message]);
        assert_eq!(scene.outcome(), "Connected");
    }
    let mut scene = stage.connected_server();
    for _ in 0..3 {
        scene = scene.say(&[KeyUpdate]);
        assert_eq!(scene.outcome(), "Connected");
    }
    // A ticket is the server's to give.
    assert_eq!(scene.say(&[NewSessionTicket]).outcome(), "UnexpectedMessage");
}

#[test]
fn no_handshake_message_comes_after_the_handshake_but_tickets_and_key_updates() {
    let stage = Stage::new();
    for message in messages_without(&[ClientHello, KeyUpdate, NewSessionTicket]) {
        let mut scene = stage.connected_client().say(&[message]);
        assert_eq!(scene.outcome(), "UnexpectedMessage", "{message:?}");
        scene.assert_failed_with_its_alert();
    }
    for message in messages_without(&[HelloRetryRequest, ServerHello, KeyUpdate]) {
        let mut scene = stage.connected_server().say(&[message]);
        assert_eq!(scene.outcome(), "UnexpectedMessage", "{message:?}");
        scene.assert_failed_with_its_alert();
    }
}
