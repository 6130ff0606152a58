//! `connect --session` and `serve --tickets`, `--ticket-secret`, `--ticket-rotation`: fast the second time, in both versions.

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::{Authority, Folder, Issued, Ran, Server, bulla, bulla_with_input};

const VERSIONS: [&str; 2] = ["1.3", "1.2"];
/// Shortest life of a ticket key.
const PERIOD: u64 = 60;

/// An authority, a certificate from it, and room for sessions.
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

    fn server(&self, more: &[&str]) -> Server {
        Server::start(&self.issued, &[&["--echo", "--idle-timeout", "600"], more].concat())
    }

    /// A server with this secret.
    fn member(&self, secret: &str, more: &[&str]) -> Server {
        let file = self.folder.write(&format!("{}.hex", &secret[..2]), secret);
        self.server(&[&["--ticket-secret", &file], more].concat())
    }

    /// Connects with this session file and nothing on standard input.
    fn visit(&self, server: &Server, session: &str, more: &[&str]) -> Ran {
        let file = self.folder.path(session);
        let ran =
            bulla(&[&["connect", &server.address, "--ca", &self.authority.file, "--session", &file], more].concat());
        assert_eq!((ran.code, ran.text().as_str()), (0, ""), "{}", ran.errors);
        ran
    }
}

fn secret(byte: &str) -> String {
    format!("{}\n", byte.repeat(32))
}

#[track_caller]
fn is_kind(ran: &Ran, version: &str, kind: &str) {
    let line = ran.errors.lines().find(|line| line.starts_with("connected to ")).unwrap_or_default();
    assert!(line.contains(&format!("TLS {version}, ")) && line.contains(kind), "{kind}: {}", ran.errors);
}

#[test]
fn session_of_each_connection_is_resumed_by_the_next() {
    let scene = Scene::new();
    for version in VERSIONS {
        let server = scene.server(&[]);
        let options = ["--max-version", version];
        is_kind(&scene.visit(&server, version, &options), version, "full handshake");
        for _ in 0..3 {
            let ran = scene.visit(&server, version, &options);
            is_kind(&ran, version, "resumed");
            assert!(ran.errors.contains("its certificate: CN=localhost"), "it still counts: {}", ran.errors);
        }
        let said = server.stop();
        assert_eq!(said.matches(", full handshake").count(), 1, "{said}");
        assert_eq!(said.matches(", resumed").count(), 3, "{said}");
    }
}

#[test]
fn data_goes_both_ways_in_a_resumed_connection() {
    let scene = Scene::new();
    let file = scene.folder.path("session");
    for version in VERSIONS {
        let server = scene.server(&["--max-version", version]);
        for kind in ["full handshake", "resumed"] {
            let arguments =
                ["connect", &server.address, "--ca", &scene.authority.file, "--session", &file, "--half-close"];
            let ran = bulla_with_input(&arguments, b"there and back");
            assert_eq!((ran.code, ran.text().as_str()), (0, "there and back"), "{}", ran.errors);
            is_kind(&ran, version, kind);
        }
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn servers_with_one_secret_resume_each_others_sessions_and_a_third_does_not() {
    let scene = Scene::new();
    let (one, two, third) =
        (scene.member(&secret("a1"), &[]), scene.member(&secret("a1"), &[]), scene.member(&secret("b2"), &[]));
    let alone = scene.server(&[]);
    for version in VERSIONS {
        let options = ["--max-version", version];
        is_kind(&scene.visit(&one, version, &options), version, "full handshake");
        is_kind(&scene.visit(&two, version, &options), version, "resumed");
        is_kind(&scene.visit(&one, version, &options), version, "resumed");
        is_kind(&scene.visit(&third, version, &options), version, "full handshake");
        is_kind(&scene.visit(&two, version, &options), version, "full handshake");
        is_kind(&scene.visit(&alone, version, &options), version, "full handshake");
    }
    // None of them has taken a stranger's ticket for an error.
    for server in [one, two, third, alone] {
        let said = server.stop();
        assert!(!said.contains("bulla: "), "{said}");
    }
}

#[test]
fn sessions_are_resumed_across_a_rotation_of_the_ticket_keys() {
    let scene = Scene::new();
    let options = ["--ticket-rotation", "60"];
    let (one, two) = (scene.member(&secret("c3"), &options), scene.member(&secret("c3"), &options));
    loop {
        // A session lives for one period at most, so that one from its very beginning would end with it.
        wait_until(|now| now % PERIOD >= 20);
        let period = seconds() / PERIOD;
        for version in VERSIONS {
            let _ = fs::remove_file(scene.folder.path(version));
            is_kind(&scene.visit(&one, version, &["--max-version", version]), version, "full handshake");
        }
        let sealed = seconds() / PERIOD;
        wait_until(|now| now / PERIOD > period);
        let second = VERSIONS.map(|version| scene.visit(&two, version, &["--max-version", version]));
        // A machine that has slept in between proves nothing.
        if sealed == period && seconds() / PERIOD == period + 1 && seconds() % PERIOD < 15 {
            for (ran, version) in second.iter().zip(VERSIONS) {
                is_kind(ran, version, "resumed");
            }
            return;
        }
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Waits for a moment of the clock.
fn wait_until(reached: impl Fn(u64) -> bool) {
    while !reached(seconds()) {
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn server_without_tickets_resumes_nothing_and_keeps_nobody_waiting() {
    let scene = Scene::new();
    for version in VERSIONS {
        let (giving, server) = (scene.member(&secret("d4"), &[]), scene.server(&["--tickets", "0"]));
        let options = ["--max-version", version];
        scene.visit(&giving, version, &options);
        for _ in 0..2 {
            is_kind(&scene.visit(&server, version, &options), version, "full handshake");
        }
        // TLS 1.3 shows a ticket once, whatever the server makes of it. RFC 8446 §C.4.
        assert_eq!(fs::exists(scene.folder.path(version)).unwrap(), version == "1.2");
    }
}

#[test]
fn as_many_tickets_come_as_the_server_was_told() {
    let scene = Scene::new();
    for (option, tickets) in
        [(&[][..], 2), (&["--tickets", "0"], 0), (&["--tickets", "1"], 1), (&["--tickets", "10"], 10)]
    {
        let server = scene.server(option);
        let ran = scene.visit(&server, "session", &["--trace"]);
        assert_eq!(ran.errors.matches("← NewSessionTicket ").count(), tickets, "{}", ran.errors);
    }
    // In TLS 1.2 there is one, for those who say that they want it.
    let server = scene.server(&["--tickets", "5"]);
    let ran = scene.visit(&server, "session", &["--max-version", "1.2", "--trace"]);
    assert_eq!(ran.errors.matches("← NewSessionTicket ").count(), 1, "{}", ran.errors);
}

#[test]
fn trace_of_a_resumption_tells_what_is_left_out() {
    let scene = Scene::new();
    let server = scene.server(&[]);
    scene.visit(&server, "session", &[]);
    let ran = scene.visit(&server, "session", &["--trace"]);
    for part in [", with a ticket or PSK", "tickets or PSKs", ", the client's ticket or PSK 0"] {
        assert!(ran.errors.contains(part), "{part}: {}", ran.errors);
    }
    assert!(!ran.errors.contains("← Certificate"), "{}", ran.errors);
}

#[cfg(unix)]
#[test]
fn session_file_is_its_owners_alone_and_nothing_else_is_left() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    let server = scene.server(&[]);
    let before = fs::read_dir(scene.folder.path("")).unwrap().count();
    for _ in 0..2 {
        scene.visit(&server, "session", &["--quiet"]).errors.is_empty().then_some(()).unwrap();
        let mode = fs::metadata(scene.folder.path("session")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(scene.folder.path("")).unwrap().count(), before + 1);
    }
}

#[test]
fn altered_session_is_told_of_and_replaced_behind_a_full_handshake() {
    let scene = Scene::new();
    let server = scene.server(&[]);
    scene.visit(&server, "session", &[]);
    let file = scene.folder.path("session");
    let whole = fs::read(&file).unwrap();
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    let mut other_form = whole.clone();
    other_form[b"bulla session\n".len()] ^= 0x7f;
    for (bytes, why) in [
        (altered.as_slice(), "cut short or altered"),
        (&whole[..whole.len() / 2], "cut short or altered"),
        (&other_form, "another version of bulla"),
    ] {
        fs::write(&file, bytes).unwrap();
        let ran = scene.visit(&server, "session", &[]);
        let told = ran.errors.lines().filter(|line| line.starts_with(&file)).collect::<Vec<_>>();
        assert!(told.len() == 1 && told[0].contains("not used: ") && told[0].contains(why), "{}", ran.errors);
        is_kind(&ran, "1.3", "full handshake");
        is_kind(&scene.visit(&server, "session", &[]), "1.3", "resumed");
    }
    // An empty file, as mktemp makes it, is as good as none.
    fs::write(&file, b"").unwrap();
    let ran = scene.visit(&server, "session", &[]);
    assert!(!ran.errors.contains("not used"), "{}", ran.errors);
    is_kind(&scene.visit(&server, "session", &[]), "1.3", "resumed");
}

#[test]
fn session_for_another_name_or_under_other_roots_is_not_used() {
    let scene = Scene::new();
    let server = scene.server(&[]);
    scene.visit(&server, "session", &[]);
    let ran = scene.visit(&server, "session", &["--name", "localhost"]);
    assert!(ran.errors.contains("not used: it is for 127.0.0.1"), "{}", ran.errors);
    is_kind(&ran, "1.3", "full handshake");
    is_kind(&scene.visit(&server, "session", &["--name", "localhost"]), "1.3", "resumed");
    let other = Authority::new(&scene.folder, "other");
    let ran = scene.visit(&server, "session", &["--name", "localhost", "--ca", &other.file]);
    assert!(ran.errors.contains("not used: it was made under other options"), "{}", ran.errors);
    is_kind(&ran, "1.3", "full handshake");
}

#[test]
fn file_that_is_no_session_is_left_as_it_is() {
    let scene = Scene::new();
    let server = scene.server(&[]);
    let ran = bulla(&["connect", &server.address, "--ca", &scene.authority.file, "--session", &scene.issued.key]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(ran.errors.contains("this is no session; the file is left as it is"), "{}", ran.errors);
    assert!(fs::read_to_string(&scene.issued.key).unwrap().contains("PRIVATE KEY"));
}

#[test]
fn client_certificate_still_counts_and_a_server_that_wants_one_takes_no_other_session() {
    let scene = Scene::new();
    let clients = Authority::new(&scene.folder, "clients");
    let client = clients.issue(&scene.folder, &["client"]);
    let own = ["--cert", &client.cert, "--key", &client.key];
    for version in VERSIONS {
        let open = scene.member(&secret("e5"), &[]);
        let closed = scene.member(&secret("e5"), &["--client-ca", &clients.file]);
        let options = [&own[..], &["--max-version", version]].concat();
        is_kind(&scene.visit(&open, version, &options), version, "full handshake");
        is_kind(&scene.visit(&closed, version, &options), version, "full handshake");
        is_kind(&scene.visit(&closed, version, &options), version, "resumed");
        let said = closed.stop();
        assert_eq!(said.matches("its certificate: CN=client").count(), 2, "{said}");
    }
}

#[test]
fn unusable_options_are_refused() {
    let scene = Scene::new();
    let serve = |arguments: &[&str], words: &[&str]| {
        let start = ["serve", "127.0.0.1:0", "--echo", "--cert", &scene.issued.cert, "--key", &scene.issued.key];
        bulla(&[&start[..], arguments].concat()).failed_with(1, words)
    };
    serve(&["--tickets", "11"], &["--tickets", "0..=10"]);
    serve(&["--ticket-rotation", "59"], &["--ticket-rotation", "60..=604800"]);
    serve(&["--ticket-secret", &scene.folder.path("missing")], &["--ticket-secret", "missing"]);
    let good = scene.folder.write("good", secret("aa"));
    serve(&["--ticket-secret", &good, "--tickets", "0"], &["--ticket-secret", "--tickets 0"]);
    serve(&["--early-data", "1000", "--tickets", "0"], &["--early-data", "--tickets 0"]);
    for (name, content) in [("short", "ab".repeat(31)), ("odd", "a".repeat(65)), ("words", "secret".repeat(20))] {
        let file = scene.folder.write(name, &content);
        let line = serve(&["--ticket-secret", &file], &[name, "32 bytes", "openssl rand -hex 32"]);
        assert!(!line.contains("abab") && !line.contains("secretsecret"), "{line}");
    }
    let connect = |arguments: &[&str], words: &[&str]| {
        bulla(&[&["connect", "127.0.0.1:1", "--ca", &scene.authority.file], arguments].concat()).failed_with(1, words)
    };
    connect(&["--early-data", "x"], &["--session"]);
    connect(&["--session", "x", "--early-data", &scene.folder.path("missing")], &["--early-data", "missing"]);
}

#[test]
fn session_that_cannot_be_kept_is_refused_before_anything_is_connected_to() {
    let folder = Folder::new();
    let connect = |file: &str, words: &[&str]| {
        bulla(&["connect", "127.0.0.1:1", "--session", file]).failed_with(1, words);
    };
    connect(&folder.path("no/such/folder"), &["--session", "no such folder"]);
    connect(&folder.path(""), &["--session"]);
}

#[test]
fn session_is_kept_while_the_connection_goes_on() {
    let scene = Scene::new();
    let server = scene.server(&["--once"]);
    let file = scene.folder.path("session");
    let arguments = ["connect", &server.address, "--ca", &scene.authority.file, "--session", &file];
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
    let mut client = command.args(arguments).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    while !fs::exists(&file).unwrap() {
        assert!(client.try_wait().unwrap().is_none(), "the command has ended without a session");
        thread::sleep(Duration::from_millis(5));
    }
    // Nobody has ended it: this is what Ctrl-C does.
    client.kill().unwrap();
    client.wait().unwrap();
    let again = scene.server(&[]);
    let ran = scene.visit(&again, "session", &[]);
    assert!(!ran.errors.contains("not used"), "{}", ran.errors);
}
