//! The state × message matrix of both roles in TLS 1.2, reached for real and kept as a snapshot.
//!
//! In each state each type of message comes with a body that is no message at all, and change_cipher_spec as it should be. A
//! row of the table looks into it; whatever is no row is unexpected_message. `BULLA_UPDATE_SNAPSHOTS=1` writes the snapshot
//! anew; a change of it is a review of its own.

#![cfg(feature = "tls12")]

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[path = "support/script_tls12.rs"]
mod script_tls12;
#[path = "support/stage_tls12.rs"]
mod stage_tls12;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bulla::error::Violation;
use bulla::resume::MemoryClientSessions;
use bulla::wire::{ContentType, HandshakeType};
use bulla::{ClientConfig, Error, ServerConfig};
use later::{Later, Remote};
use pair::{KeyKind, NAME};
use script_tls12::Say;
use script_tls12::Say::{
    Certificate, CertificateRequest, ChangeCipherSpec, ClientHello, ClientHelloOfSession, ClientKeyExchange,
    ServerHello, ServerHelloDone, ServerHelloResumed, ServerHelloResumedWithTicket, ServerHelloWithStatus,
    ServerHelloWithTicket, ServerKeyExchange,
};
use stage_tls12::{Scene, Stage};

/// A state, and how to come there.
type Column<'a> = (&'static str, Box<dyn Fn() -> Scene + 'a>);

const ASKING: &[Say] = &[ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone];

fn client_states(stage: &Stage) -> Vec<Column<'_>> {
    let of = |config: ClientConfig, says: &'static [Say]| move || stage.client_with(config.clone()).say(says);
    let plain = |says: &'static [Say]| of(stage.client.clone(), says);
    let choose_later = stage.client.clone().choose_identity(Arc::new(Later));
    let sign_later = {
        let config = choose_later.clone();
        move || {
            let mut scene = stage.client_with(config.clone()).say(ASKING);
            scene.answer(&Remote::new(stage.authority.issue(&["client.test"], KeyKind::EcdsaP256)));
            scene
        }
    };
    let judge_later = stage.client.clone().verify_later();
    let keeping = stage.client.clone().session_store(Arc::new(MemoryClientSessions::new(1, 1)));
    let to_ticket = &[ServerHelloWithTicket, Certificate, ServerKeyExchange, ServerHelloDone];
    let to_change = &[ServerHello, Certificate, ServerKeyExchange, ServerHelloDone];
    let to_finished = &[ServerHello, Certificate, ServerKeyExchange, ServerHelloDone, ChangeCipherSpec];
    vec![
        ("WaitServerHello", Box::new(plain(&[]))),
        ("WaitCertificate", Box::new(plain(&[ServerHello]))),
        ("WaitCertificateStatus", Box::new(of(stage.asking_client(), &[ServerHelloWithStatus, Certificate]))),
        ("AskVerdict", Box::new(of(judge_later, &[ServerHello, Certificate]))),
        ("WaitServerKeyExchange", Box::new(plain(&[ServerHello, Certificate]))),
        ("WaitCertificateRequestOrDone", Box::new(plain(&[ServerHello, Certificate, ServerKeyExchange]))),
        ("WaitServerHelloDone", Box::new(plain(&ASKING[..4]))),
        ("AskIdentity", Box::new(of(choose_later, ASKING))),
        ("AskSignature", Box::new(sign_later)),
        ("WaitNewSessionTicket", Box::new(of(keeping, to_ticket))),
        ("WaitChangeCipherSpec", Box::new(plain(to_change))),
        ("WaitFinished", Box::new(plain(to_finished))),
        ("WaitNewSessionTicketResumed", Box::new(|| stage.resuming_client().say(&[ServerHelloResumedWithTicket]))),
        ("WaitChangeCipherSpecResumed", Box::new(|| stage.resuming_client().say(&[ServerHelloResumed]))),
        ("WaitFinishedResumed", Box::new(|| stage.resuming_client().say(&[ServerHelloResumed, ChangeCipherSpec]))),
        ("Connected", Box::new(|| stage.connected_client())),
    ]
}

fn server_states(stage: &Stage) -> Vec<Column<'_>> {
    let of = |config: ServerConfig, says: &'static [Say]| move || stage.server_with(config.clone()).say(says);
    let choose_later = stage.server.clone().choose_identity(Arc::new(Later));
    let sign_later = {
        let config = choose_later.clone();
        move || {
            let mut scene = stage.server_with(config.clone()).say(&[ClientHello]);
            scene.answer(&Remote::new(stage.authority.issue(&[NAME], KeyKind::EcdsaP256)));
            scene
        }
    };
    let find_later = stage.server.clone().session_store(Arc::new(Later));
    let require = stage.requiring_server();
    let judge_later = require.clone().verify_later();
    let plain = |says: &'static [Say]| of(stage.server.clone(), says);
    vec![
        ("WaitClientHello", Box::new(plain(&[]))),
        ("AskSession", Box::new(of(find_later, &[ClientHelloOfSession]))),
        ("AskIdentity", Box::new(of(choose_later, &[ClientHello]))),
        ("AskSignature", Box::new(sign_later)),
        ("WaitCertificate", Box::new(of(require.clone(), &[ClientHello]))),
        ("AskVerdict", Box::new(of(judge_later, &[ClientHello, Certificate]))),
        ("WaitClientKeyExchange", Box::new(plain(&[ClientHello]))),
        ("WaitCertificateVerify", Box::new(of(require, &[ClientHello, Certificate, ClientKeyExchange]))),
        ("WaitChangeCipherSpec", Box::new(plain(&[ClientHello, ClientKeyExchange]))),
        ("WaitFinished", Box::new(plain(&[ClientHello, ClientKeyExchange, ChangeCipherSpec]))),
        ("WaitChangeCipherSpecResumed", Box::new(|| stage.resuming_server().say(&[ClientHelloOfSession]))),
        ("WaitFinishedResumed", Box::new(|| stage.resuming_server().say(&[ClientHelloOfSession, ChangeCipherSpec]))),
        ("Connected", Box::new(|| stage.connected_server())),
    ]
}

/// What becomes of a message of this type in this state.
fn cell(state: &'static str, scene: Scene, handshake_type: HandshakeType) -> &'static str {
    let scene = scene.say_record(ContentType::handshake, &[handshake_type.0, 0, 0, 3, 0xff, 0xff, 0xff]);
    match scene.error {
        Some(Error::Violation(Violation::UnexpectedMessage(got, named))) => {
            assert_eq!((got, named), (handshake_type, state));
            "·"
        }
        Some(_) => "row",
        None => waits(state, &scene),
    }
}

/// What becomes of change_cipher_spec.
fn change_cipher_spec_cell(state: &'static str, scene: Scene) -> &'static str {
    let scene = scene.say(&[ChangeCipherSpec]);
    match scene.error {
        Some(error) => {
            assert_eq!(error, Violation::UnexpectedRecord(ContentType::change_cipher_spec).into());
            "·"
        }
        None if scene.end.state() != state => "row",
        None => waits(state, &scene),
    }
}

fn waits(state: &'static str, scene: &Scene) -> &'static str {
    assert!(state.starts_with("Ask") && scene.end.state() == state, "{state} took something that is no message");
    "waits"
}

fn table(title: &str, states: &[Column<'_>]) -> String {
    let names: Vec<_> = states.iter().map(|(state, _)| format!(" {state} |")).collect();
    let mut text = format!("{title}\n\n| |{}\n|---|{}\n", names.concat(), "---|".repeat(states.len()));
    let reached = |state: &'static str, start: &dyn Fn() -> Scene| {
        let scene = start();
        assert_eq!(scene.outcome(), state);
        scene
    };
    for handshake_type in HandshakeType::NAMED.iter().copied().chain([HandshakeType(99)]) {
        write!(text, "| {handshake_type} |").unwrap();
        for (state, start) in states {
            write!(text, " {} |", cell(state, reached(state, start), handshake_type)).unwrap();
        }
        text.push('\n');
    }
    text.push_str("| change_cipher_spec |");
    for (state, start) in states {
        write!(text, " {} |", change_cipher_spec_cell(state, reached(state, start))).unwrap();
    }
    text.push('\n');
    text
}

const LEGEND: &str = "\
`row`: the state has a row for it. `·`: it has none, and the answer is unexpected_message, whatever the body.
`waits`: a question is open; what comes is left where it is until the answer.";

#[test]
fn state_and_message_matrix_of_tls12_is_the_snapshot() {
    let stage = Stage::new();
    let client = table("### Client, TLS 1.2", &client_states(&stage));
    let server = table("### Server, TLS 1.2", &server_states(&stage));
    let matrix = format!("{LEGEND}\n\n{client}\n{server}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/state_matrix_tls12.txt");
    if std::env::var_os("BULLA_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &matrix).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    for (ours, kept) in matrix.lines().zip(kept.lines()) {
        assert_eq!(ours, kept, "the matrix has changed; BULLA_UPDATE_SNAPSHOTS=1 writes it anew");
    }
    assert_eq!(matrix, kept);
}

/// The rows that RFC 5246 §7.3 has, counted by hand, so that a snapshot written anew cannot hide a new one.
#[test]
fn tables_of_tls12_have_no_more_rows_than_the_rfc() {
    let kept = include_str!("snapshots/state_matrix_tls12.txt");
    let (client, server) = kept.split_once("### Server").unwrap();
    // ServerHello; Certificate; CertificateStatus or ServerKeyExchange; ServerKeyExchange; CertificateRequest or
    // ServerHelloDone; ServerHelloDone; change_cipher_spec; Finished; HelloRequest. NewSessionTicket is announced, so that its
    // state has no other row; and of a resumption, NewSessionTicket, change_cipher_spec, Finished.
    assert_eq!(client.matches(" row |").count(), 1 + 1 + 2 + 1 + 2 + 1 + 1 + 1 + 1 + 1 + 3);
    // ClientHello; Certificate; ClientKeyExchange; CertificateVerify; change_cipher_spec; Finished; the ClientHello that
    // is answered with no_renegotiation; and of a resumption, change_cipher_spec and Finished.
    assert_eq!(server.matches(" row |").count(), 7 + 2);
}
