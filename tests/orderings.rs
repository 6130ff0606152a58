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

use bulla::wire::{AlertDescription, HandshakeType};
use scene::{Scene, Stage};
use script::Say;
use script::Say::{
    Certificate, CertificateRequest, CertificateVerify, ClientHello, EmptyCertificate, EncryptedExtensions, Finished,
    HelloRetryRequest, KeyUpdate, NewSessionTicket, ServerHello,
};

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
    let mut connected = 0;
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
            } else {
                let alert = scene.error.as_ref().and_then(bulla::Error::alert);
                assert_eq!(alert, Some(AlertDescription::unexpected_message), "{said:?}: {}", scene.outcome());
                scene.assert_failed_with_its_alert();
            }
        }
    }
    assert_eq!(connected, legal.len(), "a legal line holds a message that was not among those tried");
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

#[test]
fn client_answers_each_flight_with_its_own_and_nothing_else() {
    let stage = Stage::new();
    let said_by_client = |says: &[Say]| -> Vec<HandshakeType> {
        let scene = stage.client().say(says);
        let messages = scene.peer.heard.iter().filter_map(|heard| match heard {
            script::Heard::Message(bytes) => Some(HandshakeType(bytes[0])),
            _ => None,
        });
        messages.collect()
    };
    type T = HandshakeType;
    assert_eq!(said_by_client(SERVER_SAYS[0]), [T::client_hello, T::finished]);
    let with_certificate = [T::client_hello, T::certificate, T::certificate_verify, T::finished];
    assert_eq!(said_by_client(SERVER_SAYS[1]), with_certificate);
    assert_eq!(said_by_client(SERVER_SAYS[2]), [T::client_hello, T::client_hello, T::finished]);
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
