//! Authentication after the handshake with `openssl`, both ways: its server asks our client, our server asks its client.

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer.rs"]
mod peer;

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use bulla::config::Decision;
use bulla::error::Misuse;
use bulla::resume::TicketKeys;
use bulla::wire::{Handshake, SignatureScheme};
use bulla::{
    Answer, ClientAuth, ClientConfig, Content, Direction, HandshakeKind, Identity, Level, Observed, Observer, Question,
    QuestionKind, ServerConfig, tls_error,
};
use certificates::{Certificates, KINDS, Kind, NAME};
use ends::{ClientStream, SUITES, ServerStream, connect, read_line, scheme_of, serve};
use peer::{PATIENCE, Process, is_installed, skipped};

/// The certificates, or `None` without the command; says so then.
fn certificates() -> Option<Arc<Certificates>> {
    if is_installed("openssl", "version") {
        return Some(Certificates::shared());
    }
    skipped("authentication after the handshake with openssl", "openssl");
    None
}

/// Starts a server that shows a P-256 leaf and can verify what clients show when they are asked.
fn s_server(certificates: &Certificates, more: &[&str]) -> (Process, SocketAddr) {
    let (certificate, key) = (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
    let roots = certificates.roots_file();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-cert", &certificate, "-key", &key, "-CAfile", &roots]);
    let process = Process::start(command.args(["-verify_return_error"]).args(more));
    let address = process.wait_for_line("ACCEPT ").parse().unwrap();
    (process, address)
}

fn s_client(certificates: &Certificates, address: SocketAddr, more: &[&str]) -> Process {
    let (roots, address) = (certificates.roots_file(), address.to_string());
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address, "-CAfile", &roots, "-verify_return_error"]);
    Process::start(command.args(["-servername", NAME, "-verify_hostname", NAME]).args(more))
}

/// Counts the requests that came after the handshake.
#[derive(Debug, Default)]
struct Requests(AtomicUsize);

impl Observer for Requests {
    fn observe(&self, seen: &Observed<'_>) {
        if let (Direction::Received, Level::Application, Content::Handshake { message: Ok(message), .. }) =
            (seen.direction, seen.level, &seen.content)
            && matches!(message, Handshake::CertificateRequest(_))
        {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Requests {
    /// Reads with `stream`, which has no data to give yet, until `count` requests have come and are answered.
    fn wait_for(&self, count: usize, stream: &mut ClientStream) {
        let deadline = Instant::now() + PATIENCE;
        stream.transport().set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        while self.0.load(Ordering::SeqCst) < count {
            assert!(Instant::now() < deadline, "request {count} has not come");
            let waited = stream.read(&mut [0]).unwrap_err();
            assert_eq!(waited.kind(), io::ErrorKind::WouldBlock, "{waited}");
        }
        stream.transport().set_read_timeout(Some(PATIENCE)).unwrap();
        stream.flush().unwrap();
    }
}

fn client(certificates: &Certificates, requests: &Arc<Requests>) -> ClientConfig {
    ClientConfig::new(certificates.roots()).post_handshake_auth(true).observer(Arc::clone(requests) as _)
}

#[test]
fn our_client_answers_the_command_with_every_kind_of_certificate_and_in_every_suite() {
    let Some(certificates) = certificates() else { return };
    for (index, kind) in KINDS.into_iter().enumerate() {
        let (mut process, address) = s_server(&certificates, &[]);
        let requests = Arc::new(Requests::default());
        let config = client(&certificates, &requests).identity(certificates.identity(kind));
        let config = config.cipher_suites([SUITES[index % 3]]).unwrap();
        let mut stream = connect(address, config).unwrap();
        for round in 1..=2 {
            stream.write_all(format!("before request {round}\n").as_bytes()).unwrap();
            process.wait_for_text(&format!("before request {round}\n"));
            process.say("c\n");
            requests.wait_for(round, &mut stream);
            // With new keys between, the next answer is made with another secret.
            stream.connection_mut().update_keys(true).unwrap();
            stream.write_all(format!("behind answer {round}\n").as_bytes()).unwrap();
            process.wait_for_text(&format!("behind answer {round}\n"));
            // The command has read the data, and verified the answer before.
            process.wait_for("its verdict", |_, stderr| {
                let text = String::from_utf8_lossy(stderr);
                (text.matches("depth=0").count() >= round).then_some(())
            });
            process.say(format!("to the client {round}\n"));
            assert_eq!(read_line(&mut stream), format!("to the client {round}\n"));
        }
        stream.close().unwrap();
        process.wait_for_text("DONE");
    }
}

#[test]
fn our_client_asks_its_application_while_the_commands_data_goes_on() {
    let Some(certificates) = certificates() else { return };
    let (mut process, address) = s_server(&certificates, &[]);
    let requests = Arc::new(Requests::default());
    let config = client(&certificates, &requests).choose_identity(Arc::new(AsksLater));
    let identity = Arc::new(certificates.identity(Kind::Rsa));
    let (asked, kinds) = mpsc::channel();
    let stream = connect(address, config).unwrap();
    let mut stream = stream.answer_with(move |question: &Question| {
        asked.send(matches!(question.kind, QuestionKind::ChooseClientIdentity(_))).unwrap();
        Answer::Identity(Some(Arc::clone(&identity)))
    });
    process.say("c\n");
    requests.wait_for(1, &mut stream);
    assert_eq!(kinds.try_iter().collect::<Vec<_>>(), [true]);
    stream.write_all(b"behind it\n").unwrap();
    process.wait_for_text("behind it\n");
    process.wait_for_text("depth=0");

    // Split, the reading half asks and answers by itself.
    let write_side = stream.transport().try_clone().unwrap();
    let (mut reader, mut writer) = stream.split(write_side).unwrap();
    process.say("c\n");
    process.wait_for_text("SSL_do_handshake");
    let reading = peer::Background::start(move || {
        let line = read_line(&mut reader);
        (line, kinds.recv_timeout(PATIENCE).unwrap())
    });
    process.wait_for("both verdicts", |_, stderr| {
        let text = String::from_utf8_lossy(stderr);
        (text.matches("depth=0").count() >= 2).then_some(())
    });
    process.say("to the reading half\n");
    assert_eq!(reading.finish(), ("to the reading half\n".into(), true));
    writer.close().unwrap();
    process.wait_for_text("DONE");
}

#[derive(Debug)]
struct AsksLater;

impl bulla::config::ChooseClientIdentity for AsksLater {
    fn choose(&self, _: &bulla::config::CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        Decision::Later
    }
}

#[test]
fn our_client_declines_and_the_command_goes_on() {
    let Some(certificates) = certificates() else { return };
    let (mut process, address) = s_server(&certificates, &[]);
    let requests = Arc::new(Requests::default());
    let mut stream = connect(address, client(&certificates, &requests)).unwrap();
    process.say("c\n");
    requests.wait_for(1, &mut stream);
    stream.write_all(b"with nothing to show\n").unwrap();
    process.wait_for_text("with nothing to show\n");
    process.say("that will do\n");
    assert_eq!(read_line(&mut stream), "that will do\n");
    stream.close().unwrap();
    process.wait_for_text("DONE");
}

#[test]
fn command_cannot_ask_our_client_that_did_not_offer_it() {
    let Some(certificates) = certificates() else { return };
    let (mut process, address) = s_server(&certificates, &[]);
    let config = ClientConfig::new(certificates.roots()).identity(certificates.identity(Kind::Rsa));
    let mut stream = connect(address, config).unwrap();
    process.say("c\n");
    process.wait_for_text("extension not received");
    process.say("no harm done\n");
    assert_eq!(read_line(&mut stream), "no harm done\n");
    stream.close().unwrap();
}

fn server(certificates: &Certificates, client_auth: fn(Arc<bulla::Roots>) -> ClientAuth) -> ServerConfig {
    let config = ServerConfig::new(certificates.identity(Kind::EcdsaP256));
    config.post_handshake_auth(client_auth(Arc::new(certificates.roots())))
}

#[test]
fn our_server_asks_the_command_for_every_kind_of_certificate_in_every_suite() {
    let Some(certificates) = certificates() else { return };
    for (index, kind) in KINDS.into_iter().enumerate() {
        let config = server(&certificates, ClientAuth::Require).cipher_suites([SUITES[index % 3]]).unwrap();
        let expected = certificates.identity(kind).chain()[0].clone();
        let (address, served) = serve(config, move |mut stream: ServerStream| {
            for round in 1..=2 {
                assert_eq!(read_line(&mut stream), format!("line {round}\n"));
                assert_eq!(stream.connection().peer_certificates().is_empty(), round == 1);
                stream.request_client_certificate().unwrap();
                stream.connection_mut().update_keys(true).unwrap();
                assert!(stream.await_client_certificate().unwrap());
                let chain = stream.connection().peer_certificates();
                assert_eq!(chain[0], expected);
                assert_eq!(stream.connection().peer_signature_scheme(), Some(scheme_of(kind)));
                stream.write_all(format!("answer {round}.\n").as_bytes()).unwrap();
            }
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
            stream.close().unwrap();
        });
        let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
        let mut process = s_client(&certificates, address, &["-enable_pha", "-cert", &certificate, "-key", &key]);
        for round in 1..=2 {
            process.say(format!("line {round}\n"));
            process.wait_for_text(&format!("answer {round}."));
        }
        process.finish().successful();
        served.finish();
    }
}

#[test]
fn command_with_nothing_to_show_may_stay_or_is_refused() {
    let Some(certificates) = certificates() else { return };
    let (address, served) = serve(server(&certificates, ClientAuth::Request), |mut stream: ServerStream| {
        assert_eq!(read_line(&mut stream), "hello\n");
        stream.request_client_certificate().unwrap();
        assert!(stream.await_client_certificate().unwrap());
        assert!(stream.connection().peer_certificates().is_empty());
        stream.write_all(b"never mind.\n").unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
    let mut process = s_client(&certificates, address, &["-enable_pha"]);
    process.say("hello\n");
    process.wait_for_text("never mind.");
    process.finish();
    served.finish();

    let (address, served) = serve(server(&certificates, ClientAuth::Require), |mut stream: ServerStream| {
        assert_eq!(read_line(&mut stream), "hello\n");
        stream.request_client_certificate().unwrap();
        let error = stream.await_client_certificate().unwrap_err();
        tls_error(&error).unwrap().name()
    });
    let mut process = s_client(&certificates, address, &["-enable_pha"]);
    process.say("hello\n");
    process.wait_for_text("alert certificate required");
    assert_eq!(served.finish(), "ClientCertificateRequired");
}

#[test]
fn command_that_did_not_offer_it_is_not_asked() {
    let Some(certificates) = certificates() else { return };
    let (address, served) = serve(server(&certificates, ClientAuth::Require), |mut stream: ServerStream| {
        assert_eq!(read_line(&mut stream), "hello\n");
        let error = stream.request_client_certificate().unwrap_err();
        assert_eq!(tls_error(&error), Some(&Misuse::NoPostHandshakeAuth.into()));
        stream.write_all(b"never mind.\n").unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
    let mut process = s_client(&certificates, address, &[]);
    process.say("hello\n");
    process.wait_for_text("never mind.");
    process.finish().successful();
    served.finish();
}

#[test]
fn command_comes_back_with_the_ticket_of_its_late_certificate_and_is_known() {
    let Some(certificates) = certificates() else { return };
    let tickets = Arc::new(TicketKeys::random(bulla::crypto::ring::provider(), 86_400).unwrap());
    let config = server(&certificates, ClientAuth::Require).tickets(tickets).tickets_per_handshake(1);
    let session = certificates.folder.text("late.session");
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    let shows = ["-enable_pha", "-cert", &certificate, "-key", &key];

    let (address, served) = serve(config.clone(), |mut stream: ServerStream| {
        assert_eq!(read_line(&mut stream), "hello\n");
        stream.request_client_certificate().unwrap();
        assert!(stream.await_client_certificate().unwrap());
        stream.write_all(b"welcome.\n").unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
    let mut process = s_client(&certificates, address, &[&shows[..], &["-sess_out", &session]].concat());
    process.say("hello\n");
    process.wait_for_text("welcome.");
    process.finish();
    served.finish();

    let expected = certificates.identity(Kind::Rsa).chain()[0].clone();
    let (address, served) = serve(config, move |mut stream: ServerStream| {
        assert_eq!(read_line(&mut stream), "again\n");
        let connection = stream.connection();
        assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Resumed));
        assert_eq!(connection.peer_certificates()[0], expected);
        assert_eq!(connection.peer_signature_scheme(), Some(SignatureScheme::rsa_pss_rsae_sha256));
        assert!(connection.ticket_age_skew().unwrap().abs() <= 1);
        stream.write_all(b"welcome back.\n").unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
    let mut process = s_client(&certificates, address, &["-sess_in", &session]);
    process.say("again\n");
    process.wait_for_text("welcome back.");
    process.finish();
    served.finish();
}
