//! The state × message matrix of both roles, reached for real and kept as a snapshot.
//!
//! In each state each type of message comes with a body that is no message at all. A row of the table looks into it
//! and finds another fault; whatever is no row is unexpected_message. `BULLA_UPDATE_SNAPSHOTS=1` writes the snapshot
//! anew; a change of it is a review of its own.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[path = "support/stage_asked.rs"]
mod stage_asked;
#[path = "support/stage_psk.rs"]
mod stage_psk;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bulla::error::Violation;
use bulla::wire::HandshakeType;
use bulla::{Error, ServerConfig};
use later::{Later, Remote};
use pair::{KeyKind, NAME};
use scene::{Scene, Stage};
use script::Say;
use script::Say::{
    Certificate, CertificateRequest, CertificateVerify, ClientHello, EncryptedExtensions, Finished, HelloRetryRequest,
    ServerHello,
};

/// A state, and how to come there.
type Column<'a> = (&'static str, Box<dyn Fn() -> Scene + 'a>);

fn client_states(stage: &Stage) -> Vec<Column<'_>> {
    let plain = |says: &'static [Say]| move || stage.client().say(says);
    let to_request = &[ServerHello, EncryptedExtensions, CertificateRequest];
    let to_certificate = &[ServerHello, EncryptedExtensions, Certificate];
    let to_verify = &[ServerHello, EncryptedExtensions, Certificate, CertificateVerify];
    let all = &[ServerHello, EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished];
    let sign_later = || {
        let chosen = stage.client.clone().choose_identity(Arc::new(Later));
        let remote = Remote::new(stage.authority.issue(&["client.test"], KeyKind::EcdsaP256));
        let mut scene = stage.client_with(chosen).say(all);
        scene.answer(&remote);
        scene
    };
    let resumed = &[Say::ServerHelloOfPsk, EncryptedExtensions];
    vec![
        ("AskSession", Box::new(|| stage.asking_client())),
        ("AskSessionVerdict", Box::new(|| stage.client_that_judges_again())),
        ("WaitServerHello", Box::new(plain(&[]))),
        ("WaitServerHello", Box::new(plain(&[HelloRetryRequest]))),
        ("WaitEncryptedExtensions", Box::new(plain(&[ServerHello]))),
        ("WaitCertificateOrRequest", Box::new(plain(&[ServerHello, EncryptedExtensions]))),
        ("WaitCertificate", Box::new(plain(to_request))),
        ("AskVerdict", Box::new(|| stage.client_with(stage.client.clone().verify_later()).say(to_certificate))),
        ("WaitCertificateVerify", Box::new(plain(to_certificate))),
        ("WaitFinished", Box::new(plain(to_verify))),
        ("WaitFinishedOfPsk", Box::new(|| stage.resuming_client().say(resumed))),
        ("AskIdentity", Box::new(|| stage.client_with(stage.client.clone().choose_identity(Arc::new(Later))).say(all))),
        ("AskSignature", Box::new(sign_later)),
        ("Connected", Box::new(|| stage.connected_client())),
        ("Connected", Box::new(|| stage.connected_client_with(stage.askable_client()))),
    ]
}

fn server_states(stage: &Stage) -> Vec<Column<'_>> {
    let of = |config: ServerConfig, says: &'static [Say]| move || stage.server_with(config.clone()).say(says);
    let sign_later = || {
        let chosen = stage.server.clone().choose_identity(Arc::new(Later));
        let remote = Remote::new(stage.authority.issue(&[NAME], KeyKind::EcdsaP256));
        let mut scene = stage.server_with(chosen).say(&[ClientHello]);
        scene.answer(&remote);
        scene
    };
    let judge_later = stage.requiring_server().verify_later();
    let require = stage.requiring_server();
    vec![
        ("WaitClientHello", Box::new(of(stage.server.clone(), &[]))),
        ("WaitClientHelloToChoose", Box::new(|| stage.choosing_server(Arc::new(Later)))),
        ("AskServerConfig", Box::new(|| stage.choosing_server(Arc::new(Later)).say(&[ClientHello]))),
        ("WaitSecondClientHello", Box::new(of(stage.retrying_server(), &[ClientHello]))),
        ("AskPsk", Box::new(|| stage.server_that_asks_for_psk())),
        ("AskSession", Box::new(|| stage.server_that_asks_for_session())),
        ("AskEarlyData", Box::new(|| stage.server_that_asks_about_early_data())),
        ("AskIdentity", Box::new(of(stage.server.clone().choose_identity(Arc::new(Later)), &[ClientHello]))),
        ("AskSignature", Box::new(sign_later)),
        ("WaitCertificate", Box::new(of(require.clone(), &[ClientHello]))),
        ("AskVerdict", Box::new(of(judge_later, &[ClientHello, Certificate]))),
        ("WaitCertificateVerify", Box::new(of(require.clone(), &[ClientHello, Certificate]))),
        ("WaitEndOfEarlyData", Box::new(|| stage.server_in_early_data())),
        ("WaitFinished", Box::new(of(stage.server.clone(), &[ClientHello]))),
        ("Connected", Box::new(|| stage.connected_server())),
        ("Connected", Box::new(|| stage.asking_server())),
        ("ConnectedWaitCertificateVerify", Box::new(|| answered(stage, 1))),
        ("ConnectedWaitFinished", Box::new(|| answered(stage, 2))),
    ]
}

/// A server that has heard so many messages of an answer to its request.
fn answered(stage: &Stage, messages: usize) -> Scene {
    let mut scene = stage.asking_server();
    let answer = stage_asked::true_answer(&mut scene);
    for message in answer.messages().into_iter().take(messages) {
        scene = scene.say_message(|_| message.to_vec());
    }
    scene
}

/// What becomes of a message of this type in this state.
fn cell(state: &'static str, start: &dyn Fn() -> Scene, handshake_type: HandshakeType) -> &'static str {
    let scene = start();
    assert_eq!(scene.end.state(), state);
    let waits = scene.end.state().starts_with("Ask");
    let scene = scene.say_message(|_| vec![handshake_type.0, 0, 0, 3, 0xff, 0xff, 0xff]);
    match scene.error {
        Some(Error::Violation(Violation::UnexpectedMessage(got, named))) => {
            assert_eq!((got, named), (handshake_type, state));
            "·"
        }
        Some(_) => "row",
        None => {
            assert!(waits, "{state} took a {handshake_type} that is no message");
            "waits"
        }
    }
}

fn table(title: &str, states: &[Column<'_>]) -> String {
    let mut text = format!("{title}\n\n| |");
    let mut rule = String::from("|---|");
    for (index, (state, _)) in states.iter().enumerate() {
        // The second hello is waited for in the same state as the first, a request or its answer in that of no request.
        let again = match states[..index].iter().any(|(earlier, _)| earlier == state) {
            true if *state == "Connected" => " (asked)",
            true => " (retried)",
            false => "",
        };
        write!(text, " {state}{again} |").unwrap();
        rule.push_str("---|");
    }
    writeln!(text, "\n{rule}").unwrap();
    for handshake_type in HandshakeType::NAMED.iter().copied().chain([HandshakeType(99)]) {
        write!(text, "| {handshake_type} |").unwrap();
        for (state, start) in states {
            write!(text, " {} |", cell(state, &**start, handshake_type)).unwrap();
        }
        text.push('\n');
    }
    text
}

const LEGEND: &str = "\
`row`: the state has a row for the message. `·`: it has none, and the answer is unexpected_message, whatever the body.
`waits`: a question is open; the message is left where it is until the answer.";

#[test]
fn state_and_message_matrix_is_the_snapshot() {
    let stage = Stage::new();
    let client = table("### Client, TLS 1.3", &client_states(&stage));
    let server = table("### Server, TLS 1.3", &server_states(&stage));
    let matrix = format!("{LEGEND}\n\n{client}\n{server}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/state_matrix.txt");
    if std::env::var_os("BULLA_UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &matrix).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    for (ours, kept) in matrix.lines().zip(kept.lines()) {
        assert_eq!(ours, kept, "the matrix has changed; BULLA_UPDATE_SNAPSHOTS=1 writes it anew");
    }
    assert_eq!(matrix, kept);
}
