//! The second connection between the command and `openssl`, both ways: sessions of both versions, early data, PSKs.

#[path = "../../../tests/support/peer_certificates.rs"]
mod certificates;
#[path = "../../../tests/support/peer.rs"]
mod peer;

use std::process::Command;
use std::sync::Arc;

use certificates::{Certificates, Folder, Kind, NAME};
use peer::{Finished, Process, is_installed, skipped};

const KEY: &str = "bb67ae8584caa73b510e527fade682d1";
const WRONG_KEY: &str = "a54ff53a5f1d36f1510e527fade682d1";

/// The certificates, or `None` if the command is missing; says so then.
fn certificates() -> Option<Arc<Certificates>> {
    if !is_installed("openssl", "version") {
        skipped("resumption between the command bulla and openssl", "openssl");
        return None;
    }
    Some(Certificates::shared())
}

fn bulla(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
    command.args(arguments).env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    command
}

/// Starts `bulla serve --echo`; returns its address.
fn serve(certificates: &Certificates, more: &[&str]) -> (Process, String) {
    let (certificate, key) = (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
    let options = ["serve", "127.0.0.1:0", "--echo", "--idle-timeout", "600", "--cert", &certificate, "--key", &key];
    let server = Process::start(bulla(&options).args(more));
    let address = server.wait_for_line("listening on ");
    (server, address)
}

/// Runs `openssl s_client` until a line has come back.
fn s_client(certificates: &Certificates, address: &str, more: &[&str]) -> Finished {
    let roots = certificates.roots_file();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", address, "-servername", NAME, "-CAfile", &roots, "-verify_return_error"]);
    let mut client = Process::start(command.args(more));
    client.say("from s_client\n");
    client.wait_for_line("from s_client");
    client.finish()
}

/// Starts `openssl s_server`; returns its address.
fn s_server(certificates: &Certificates, more: &[&str]) -> (Process, String) {
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-cert", &certificate, "-key", &key]);
    let server = Process::start(command.args(more));
    let address = server.wait_for_line("ACCEPT ");
    (server, address)
}

/// Runs `bulla connect` with nothing on standard input.
fn connect(certificates: &Certificates, address: &str, more: &[&str]) -> Finished {
    let roots = certificates.roots_file();
    Process::start(bulla(&["connect", address, "--ca", &roots, "--name", NAME]).args(more)).finish()
}

#[track_caller]
fn says(finished: &Finished, parts: &[&str]) {
    let text = finished.text();
    assert!(parts.iter().all(|part| text.contains(part)), "{parts:?}: {text}");
}

#[test]
fn s_client_resumes_our_sessions_in_both_versions() {
    let Some(certificates) = certificates() else { return };
    let folder = Folder::new();
    let session = folder.text("session");
    for (options, version) in [
        (&["-tls1_3"][..], "TLSv1.3"),
        (&["-tls1_2"], "TLSv1.2"),
        // Without a ticket the server has to remember the session itself.
        (&["-tls1_2", "-no_ticket"], "TLSv1.2"),
    ] {
        let (server, address) = serve(&certificates, &[]);
        let keeping = [options, &["-sess_out", &session]].concat();
        says(&s_client(&certificates, &address, &keeping), &[&format!("New, {version}, ")]);
        let coming_back = [options, &["-sess_in", &session]].concat();
        says(&s_client(&certificates, &address, &coming_back), &[&format!("Reused, {version}, ")]);
        server.wait_for_text(", resumed");
    }
}

#[test]
fn s_client_finds_nothing_to_resume_where_there_are_no_tickets() {
    let Some(certificates) = certificates() else { return };
    let folder = Folder::new();
    let session = folder.text("session");
    let (_server, address) = serve(&certificates, &["--tickets", "0"]);
    let options = ["-tls1_2", "-sess_out", &session];
    says(&s_client(&certificates, &address, &options), &["New, TLSv1.2, "]);
    assert!(!std::fs::exists(&session).unwrap(), "there is nothing that it could write");
    let text = s_client(&certificates, &address, &["-tls1_3"]).text();
    assert!(!text.contains("Post-Handshake New Session Ticket"), "{text}");
}

#[test]
fn s_client_sends_us_early_data_and_another_process_takes_none() {
    let Some(certificates) = certificates() else { return };
    let folder = Folder::new();
    let (session, early) = (folder.text("session"), folder.write("early", "early from s_client\n"));
    let secret = folder.write("secret", "0f".repeat(32));
    let options = ["--early-data", "16384", "--ticket-secret", &secret];
    let (one, address) = serve(&certificates, &options);
    s_client(&certificates, &address, &["-tls1_3", "-sess_out", &session]);
    let offering = ["-tls1_3", "-sess_in", &session, "-early_data", &early];
    let accepted = s_client(&certificates, &address, &offering);
    says(&accepted, &["Early data was accepted", "early from s_client", "Reused, TLSv1.3"]);
    one.wait_for_text(", resumed, early data accepted");

    let (two, address) = serve(&certificates, &options);
    let rejected = s_client(&certificates, &address, &offering);
    says(&rejected, &["Early data was rejected", "Reused, TLSv1.3"]);
    assert!(!rejected.text().contains("early from s_client"), "{}", rejected.text());
    two.wait_for_text(", resumed, early data rejected");
}

#[test]
fn s_client_comes_in_by_its_key_and_not_by_another() {
    let Some(_) = certificates() else { return };
    let folder = Folder::new();
    let keys = folder.write("keys", format!("client1:{KEY}\n"));
    let server = Process::start(&mut bulla(&["serve", "127.0.0.1:0", "--echo", "--psk-file", &keys]));
    let address = server.wait_for_line("listening on ");
    let with = |key: &str, identity: &str| {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address, "-tls1_3", "-psk", key, "-psk_identity", identity]);
        Process::start(&mut command)
    };
    let mut client = with(KEY, "client1");
    client.say("by its key\n");
    client.wait_for_line("by its key");
    says(&client.finish(), &["Reused, TLSv1.3"]);
    server.wait_for_text(", external PSK");
    with(WRONG_KEY, "client1").wait_for_text("alert decrypt error");
    server.wait_for_text("the client has another key under this identity");
    with(KEY, "client2").wait_for_text("alert ");
    server.wait_for_text("there is no external PSK in common");
}

#[test]
fn we_resume_sessions_of_s_server_in_both_versions() {
    let Some(certificates) = certificates() else { return };
    for (options, version) in [
        (&["-tls1_3"][..], "TLS 1.3, "),
        (&["-tls1_2"], "TLS 1.2, "),
        // By session id alone.
        (&["-tls1_2", "-no_ticket"], "TLS 1.2, "),
        // Stateful tickets.
        (&["-tls1_3", "-no_ticket"], "TLS 1.3, "),
    ] {
        let folder = Folder::new();
        let session = folder.text("session");
        let (_server, address) = s_server(&certificates, options);
        for kind in [", full handshake", ", resumed", ", resumed"] {
            let finished = connect(&certificates, &address, &["--session", &session]).successful();
            says(&finished, &[version, kind]);
        }
    }
}

#[test]
fn s_server_that_sends_no_ticket_keeps_nobody_waiting() {
    let Some(certificates) = certificates() else { return };
    let folder = Folder::new();
    let session = folder.text("session");
    let (_server, address) = s_server(&certificates, &["-tls1_3", "-num_tickets", "0"]);
    says(&connect(&certificates, &address, &["--session", &session]).successful(), &[", full handshake"]);
    assert!(!std::fs::exists(&session).unwrap());
}

#[test]
fn s_server_takes_our_early_data_once_and_refuses_where_it_has_none() {
    let Some(certificates) = certificates() else { return };
    let folder = Folder::new();
    let (session, early) = (folder.text("session"), folder.write("early", "early from bulla\n"));
    let (mut server, address) = s_server(&certificates, &["-tls1_3", "-early_data"]);
    connect(&certificates, &address, &["--session", &session]).successful();
    let copy = std::fs::read(&session).unwrap();
    let options = ["--session", &session, "--early-data", &early, "--half-close"];
    let finished = connect(&certificates, &address, &options).successful();
    says(&finished, &[", resumed, early data accepted", "accepted, 17 B"]);
    server.wait_for_text("early from bulla");
    server.wait_for_text("Early data received");

    // It remembers tickets that were used, and does a full handshake then.
    std::fs::write(&session, copy).unwrap();
    let again = folder.write("again", "sent again\n");
    let finished = connect(&certificates, &address, &["--session", &session, "--early-data", &again, "--half-close"]);
    says(&finished.successful(), &[", early data rejected", "rejected by the server; all 11 B are sent again"]);
    server.wait_for_text("sent again");
    server.kill();
}

#[test]
fn s_server_takes_our_key_and_not_another() {
    let Some(certificates) = certificates() else { return };
    let (_server, address) = s_server(&certificates, &["-tls1_3", "-psk", KEY, "-psk_identity", "client1", "-rev"]);
    let with = |psk: &str, more: &[&str]| {
        let mut client = Process::start(bulla(&["connect", &address, "--half-close", "--psk", psk]).args(more));
        client.say("there\n");
        client.finish()
    };
    let finished = with(&format!("client1:{KEY}"), &[]).successful();
    says(&finished, &["ereht\n", ", external PSK"]);
    let refused = with(&format!("client1:{WRONG_KEY}"), &[]);
    assert_eq!(refused.status.code(), Some(3), "{}", refused.text());
    says(&refused, &["received the alert "]);
    // It has a certificate beside, for who knows it.
    let roots = certificates.roots_file();
    let beside = with(&format!("client2:{KEY}"), &["--ca", &roots, "--name", NAME]).successful();
    says(&beside, &["ereht\n", ", full handshake"]);
    let without = with(&format!("client2:{KEY}"), &[]);
    assert_eq!(without.status.code(), Some(3), "{}", without.text());
}
