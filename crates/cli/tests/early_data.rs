//! `connect --early-data` and `serve --early-data`: accepted, rejected, not offered, replayed; and what HTTP makes of it.

mod support;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use support::{Authority, Folder, Issued, Ran, Server, bulla, bulla_with_input, noise};

struct Scene {
    folder: Folder,
    authority: Authority,
    issued: Issued,
}

impl Scene {
    fn new() -> Self {
        let folder = Folder::new();
        let authority = Authority::new(&folder, "authority");
        let issued = authority.issue(&folder, &["localhost", "127.0.0.1"]);
        Self { folder, authority, issued }
    }

    /// An echo that takes so much early data.
    fn echo(&self, bytes: &str, more: &[&str]) -> Server {
        let secret = self.folder.write("secret.hex", "5e".repeat(32));
        let options = ["--echo", "--idle-timeout", "600", "--ticket-secret", &secret, "--early-data", bytes];
        Server::start(&self.issued, &[&options[..], more].concat())
    }

    /// A server of one file, which is done with a connection, its report included, before it takes the next.
    fn site(&self) -> Server {
        self.folder.write("root/a", "the file\n");
        let options = ["--early-data", "16384", "--max-connections", "1"];
        Server::start(&self.issued, &[&["--root", &self.folder.path("root")], &options[..]].concat())
    }

    /// Fetches a session.
    fn visit(&self, address: &str, more: &[&str]) {
        let session = self.folder.path("session");
        let ran = bulla(&[&["connect", address, "--ca", &self.authority.file, "--session", &session], more].concat());
        assert_eq!(ran.code, 0, "{}", ran.errors);
    }

    /// Sends `early` early and `input` behind it.
    fn connect(&self, address: &str, early: &[u8], input: &[u8], more: &[&str]) -> Ran {
        let (session, file) = (self.folder.path("session"), self.folder.write("early", early));
        let options = ["connect", address, "--ca", &self.authority.file, "--session", &session, "--early-data", &file];
        bulla_with_input(&[&options[..], more].concat(), input)
    }
}

/// The line that says what became of early data.
#[track_caller]
fn outcome(ran: &Ran, words: &[&str]) {
    let lines: Vec<_> = ran.errors.lines().filter(|line| line.starts_with("early data ")).collect();
    assert!(lines.len() == 1 && words.iter().all(|word| lines[0].contains(word)), "{words:?}: {}", ran.errors);
}

#[test]
fn early_data_is_accepted_and_comes_back_before_the_rest() {
    let scene = Scene::new();
    let server = scene.echo("16384", &[]);
    scene.visit(&server.address, &[]);
    for _ in 0..2 {
        let ran = scene.connect(&server.address, b"early, ", b"and then the rest", &["--half-close"]);
        assert_eq!((ran.code, ran.text().as_str()), (0, "early, and then the rest"), "{}", ran.errors);
        outcome(&ran, &["accepted, 7 B"]);
        assert!(ran.errors.contains(", resumed, early data accepted"), "{}", ran.errors);
    }
    let said = server.stop();
    assert_eq!(said.matches(", resumed, early data accepted").count(), 2, "{said}");
}

#[test]
fn what_is_more_than_the_session_allows_follows_the_handshake() {
    let scene = Scene::new();
    let data = noise(300_000);
    // The second is more than a server answers before the handshake is finished.
    for limit in ["1000", "200000"] {
        let server = scene.echo(limit, &[]);
        scene.visit(&server.address, &[]);
        let ran = scene.connect(&server.address, &data, b"the end", &["--half-close"]);
        assert_eq!(ran.code, 0, "{}", ran.errors);
        assert!(ran.output == [&data[..], b"the end"].concat(), "{} bytes came back: {}", ran.output.len(), ran.errors);
        let first = if limit == "1000" { "the first 1,000 of 300,000 B" } else { "the first 200,000 of 300,000 B" };
        outcome(&ran, &["accepted, ", first, "the rest follows"]);
        fs::remove_file(scene.folder.path("session")).unwrap();
    }
}

#[test]
fn process_that_did_not_issue_the_ticket_resumes_and_takes_no_early_data() {
    let scene = Scene::new();
    let (one, two) = (scene.echo("16384", &[]), scene.echo("16384", &[]));
    scene.visit(&one.address, &[]);
    let ran = scene.connect(&two.address, b"early, ", b"and then the rest", &["--half-close"]);
    assert_eq!((ran.code, ran.text().as_str()), (0, "early, and then the rest"), "{}", ran.errors);
    outcome(&ran, &["rejected by the server; all 7 B are sent again"]);
    let said = two.stop();
    assert!(said.contains(", resumed, early data rejected") && !said.contains("bulla: "), "{said}");
}

#[test]
fn server_that_asks_for_another_hello_gets_the_data_behind_it() {
    let scene = Scene::new();
    let (one, two) = (scene.echo("16384", &[]), scene.echo("16384", &["--groups", "secp384r1"]));
    scene.visit(&one.address, &[]);
    let ran = scene.connect(&two.address, b"early", b"", &["--half-close"]);
    assert_eq!((ran.code, ran.text().as_str()), (0, "early"), "{}", ran.errors);
    outcome(&ran, &["rejected, because the server asked for another hello", "sent again"]);
}

#[test]
fn early_data_that_no_session_allows_follows_the_handshake() {
    let scene = Scene::new();
    let server = scene.echo("16384", &[]);
    let unlike = |server: &Server, words: &[&str], more: &[&str]| {
        let options = [&["--half-close"], more].concat();
        let ran = scene.connect(&server.address, b"not early, ", b"not late", &options);
        assert_eq!((ran.code, ran.text().as_str()), (0, "not early, not late"), "{}", ran.errors);
        outcome(&ran, words);
    };
    unlike(&server, &["not offered, because there is no session yet; all 11 B follow"], &[]);
    fs::write(scene.folder.path("session"), "bulla session\n and no more").unwrap();
    unlike(&server, &["not offered, because the session was not used: ", "follow"], &[]);
    fs::remove_file(scene.folder.path("session")).unwrap();
    let takes_none = scene.echo("0", &[]);
    scene.visit(&takes_none.address, &[]);
    unlike(&takes_none, &["not offered, because the session allows none here"], &[]);
    // A session of TLS 1.2 never does.
    let old = ["--max-version", "1.2"];
    scene.visit(&server.address, &old);
    unlike(&server, &["not offered, because the session allows none here"], &old);
}

#[test]
fn server_that_has_gone_back_to_an_older_version_fails_one_attempt_and_not_the_next() {
    let scene = Scene::new();
    let (new, old) = (scene.echo("16384", &[]), scene.echo("16384", &["--max-version", "1.2"]));
    scene.visit(&new.address, &[]);
    // Whoever could make a client do without early data could do so to any. RFC 8446 §D.3.
    let ran = scene.connect(&old.address, b"early", b"", &["--half-close"]);
    ran.failed_with(3, &["answered early data with a version before TLS 1.3", "another attempt"]);
    let ran = scene.connect(&old.address, b"early", b"", &["--half-close"]);
    assert_eq!((ran.code, ran.text().as_str()), (0, "early"), "{}", ran.errors);
}

/// Passes bytes on both ways and keeps what the first client sent.
fn recording_proxy(server: &str) -> (String, Arc<Mutex<Vec<u8>>>) {
    let (listener, server) = (TcpListener::bind("127.0.0.1:0").unwrap(), server.to_string());
    let (address, recorded) = (listener.local_addr().unwrap().to_string(), Arc::new(Mutex::new(Vec::new())));
    let record = Arc::clone(&recorded);
    thread::spawn(move || {
        let mut near = listener.accept().unwrap().0;
        let mut far = TcpStream::connect(server).unwrap();
        let (mut back, mut client) = (far.try_clone().unwrap(), near.try_clone().unwrap());
        thread::spawn(move || {
            let _ = io::copy(&mut back, &mut client);
            let _ = client.shutdown(Shutdown::Write);
        });
        let mut buffer = [0; 0x4000];
        while let Ok(read @ 1..) = near.read(&mut buffer) {
            record.lock().unwrap().extend_from_slice(&buffer[..read]);
            far.write_all(&buffer[..read]).unwrap();
        }
        let _ = far.shutdown(Shutdown::Write);
    });
    (address, recorded)
}

#[test]
fn recorded_flight_is_answered_once() {
    let scene = Scene::new();
    let server = scene.site();
    scene.visit(&server.address, &[]);
    let (proxy, recorded) = recording_proxy(&server.address);
    let request = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let ran = scene.connect(&proxy, request, b"", &[]);
    assert!(ran.code == 0 && ran.text().ends_with("\r\n\r\nthe file\n"), "{}", ran.errors);
    outcome(&ran, &["accepted"]);

    let bytes = recorded.lock().unwrap().clone();
    for _ in 0..3 {
        let mut replayer = TcpStream::connect(&server.address).unwrap();
        replayer.write_all(&bytes).unwrap();
        replayer.shutdown(Shutdown::Write).unwrap();
        let _ = replayer.read_to_end(&mut Vec::new());
    }
    scene.visit(&server.address, &[]);
    let said = server.stop();
    assert_eq!(said.matches("GET /a HTTP/1.1: 200 OK").count(), 1, "{said}");
    assert_eq!(said.matches("early data accepted").count(), 1, "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("bulla: #")).count(), 3, "{said}");
}

#[test]
fn requests_that_change_nothing_are_answered_early_and_others_are_told_to_wait() {
    let scene = Scene::new();
    let server = scene.site();
    scene.visit(&server.address, &[]);
    let ask = |early: &str, late: &str| {
        let ran = scene.connect(&server.address, early.as_bytes(), late.as_bytes(), &[]);
        assert_eq!(ran.code, 0, "{}", ran.errors);
        outcome(&ran, &["accepted"]);
        ran.text()
    };
    let fields = "Host: x\r\nConnection: close\r\n\r\n";
    let answer = ask(&format!("GET /a HTTP/1.1\r\n{fields}"), "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("the file\n"), "{answer}");
    let answer = ask(&format!("HEAD /a HTTP/1.1\r\n{fields}"), "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = ask(&format!("POST /a HTTP/1.1\r\n{fields}"), "");
    assert!(answer.starts_with("HTTP/1.1 425 Too Early\r\n"), "{answer}");
    // A request that ends behind the handshake is nobody else's.
    let answer = ask("GET /a HTT", &format!("P/1.1\r\n{fields}"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let answer = ask("POST /a HTT", &format!("P/1.1\r\n{fields}"));
    assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{answer}");
    // Two requests, one early and one late, in one connection.
    let answer = ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", &format!("GET /none HTTP/1.1\r\n{fields}"));
    assert!(answer.contains("200 OK") && answer.contains("404 Not Found"), "{answer}");
    let said = server.stop();
    assert!(said.contains("POST /a HTTP/1.1: 425 Too Early"), "{said}");
}

#[test]
fn client_that_goes_away_behind_its_early_data_ends_alone() {
    let scene = Scene::new();
    let server = scene.echo("16384", &["--timeout", "1", "--max-connections", "1"]);
    scene.visit(&server.address, &[]);
    // What comes first is the hello with its early data; the rest of the flight never comes.
    let (proxy, recorded) = recording_proxy(&server.address);
    let ran = scene.connect(&proxy, &noise(5000), b"", &["--half-close"]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let bytes = recorded.lock().unwrap().clone();
    let mut silent = TcpStream::connect(&server.address).unwrap();
    silent.write_all(&bytes[..6000]).unwrap();
    // The server gives up by its own clock.
    silent.read_to_end(&mut Vec::new()).unwrap();
    drop(silent);
    let ran = scene.connect(&server.address, b"others", b"", &["--half-close"]);
    assert_eq!((ran.code, ran.text().as_str()), (0, "others"), "{}", ran.errors);
    let said = server.stop();
    assert!(said.contains("the TLS handshake was not finished in time"), "{said}");
}
