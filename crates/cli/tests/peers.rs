//! The command against foreign programs: curl, openssl, nginx and Go.

#[path = "../../../tests/support/peer_certificates.rs"]
mod certificates;
#[path = "../../../tests/support/peer_go.rs"]
mod go;
#[path = "../../../tests/support/peer.rs"]
mod peer;

use std::fs;
use std::process::Command;
use std::sync::Arc;

use certificates::{Certificates, Kind, NAME};
use peer::{Finished, Process, contains, digits, free_port, is_installed, skipped};

/// How much is moved, in MiB: more than the default takes a build with optimisation.
fn transfer_len() -> usize {
    std::env::var("BULLA_TRANSFER_MIB").map_or(16, |mib| mib.parse().expect("a number of MiB")) << 20
}

/// The certificates, or `None` if a program is missing; says so then.
fn certificates_and(programs: &[(&str, &str)]) -> Option<Arc<Certificates>> {
    let needed = [&[("openssl", "version")], programs].concat();
    match needed.iter().find(|(program, flag)| !is_installed(program, flag)) {
        Some((missing, _)) => {
            skipped("the command bulla and its peers", missing);
            None
        }
        None => Some(Certificates::shared()),
    }
}

fn bulla(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
    command.args(arguments).env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    command
}

/// Starts `bulla serve` with the leaf of this kind; returns its port.
fn serve(certificates: &Certificates, kind: Kind, more: &[&str]) -> (Process, String) {
    let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
    let arguments = ["serve", "127.0.0.1:0", "--cert", &certificate, "--key", &key];
    let process = Process::start(bulla(&arguments).args(more));
    let port = process.wait_for_line("listening on 127.0.0.1:");
    (process, port)
}

/// Runs `bulla connect` with this standard input to its end.
fn connect(certificates: &Certificates, port: &str, input: Vec<u8>, more: &[&str]) -> Finished {
    let (address, roots) = (format!("127.0.0.1:{port}"), certificates.roots_file());
    let mut process = Process::start(bulla(&["connect", &address, "--ca", &roots, "--name", NAME]).args(more));
    process.say_all(input);
    process.finish()
}

/// Runs curl against `bulla serve`; `paths` are fetched one after the other.
fn curl(certificates: &Certificates, port: &str, paths: &[&str], more: &[&str]) -> Process {
    let (roots, resolve) = (certificates.roots_file(), format!("{NAME}:{port}:127.0.0.1"));
    let mut command = Command::new("curl");
    command.args(["--disable", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "300"]);
    command.args(["--cacert", &roots, "--resolve", &resolve]).args(more);
    Process::start(command.args(paths.iter().map(|path| format!("https://{NAME}:{port}/{path}"))))
}

#[test]
fn curl_fetches_a_large_file_whole() {
    let Some(certificates) = certificates_and(&[("curl", "--version")]) else { return };
    let folder = certificates::Folder::new();
    let content = digits(transfer_len());
    folder.write("large", &content);
    for kind in [Kind::EcdsaP256, Kind::Rsa] {
        let (_server, port) = serve(&certificates, kind, &["--root", &folder.text("")]);
        let copy = folder.text("copy");
        curl(&certificates, &port, &["large"], &["--output", &copy]).finish().successful();
        assert!(fs::read(copy).unwrap() == content, "curl has received something else");
    }
}

#[test]
fn curl_keeps_its_connection_for_several_files_and_asks_for_ranges_and_http_1_0() {
    let Some(certificates) = certificates_and(&[("curl", "--version")]) else { return };
    let folder = certificates::Folder::new();
    let content = String::from_utf8(digits(100_000)).unwrap();
    folder.write("one", &content);
    folder.write("two", "the second\n");
    folder.write("with space", "");
    let (_server, port) = serve(&certificates, Kind::EcdsaP384, &["--root", &folder.text("")]);
    let text = |process: Process| process.finish().successful().text();

    let three = text(curl(&certificates, &port, &["one", "two", "with%20space"], &["--verbose", "--http1.1"]));
    assert!(three.starts_with(&(content.clone() + "the second\n")));
    assert_eq!(three.matches("Re-using existing connection").count(), 2, "{}", &three[content.len()..]);
    assert!(three.contains("SSL connection using TLSv1.3"), "{}", &three[content.len()..]);

    for (range, expected) in
        [("0-15", &content[..16]), ("99990-", &content[99_990..]), ("-7", &content[99_993..]), ("16-16", "0")]
    {
        assert_eq!(text(curl(&certificates, &port, &["one"], &["--range", range])), expected);
    }
    let resumed = folder.write("resumed", &content[..40_000]);
    text(curl(&certificates, &port, &["one"], &["--continue-at", "-", "--output", &resumed]));
    assert_eq!(fs::read_to_string(resumed).unwrap(), content);

    assert_eq!(text(curl(&certificates, &port, &["two"], &["--http1.0"])), "the second\n");
    let head = text(curl(&certificates, &port, &["one"], &["--head"]));
    assert!(head.starts_with("HTTP/1.1 200 ") && head.to_lowercase().contains("content-length: 100000"), "{head}");
    let missing = curl(&certificates, &port, &["three"], &[]).finish();
    assert_eq!(missing.status.code(), Some(22), "{}", missing.text());
    assert!(missing.text().contains("404"), "{}", missing.text());
    // curl speaks HTTP/2 if the server agrees to it by ALPN, which this one must not.
    let with_alpn = text(curl(&certificates, &port, &["two"], &["--verbose", "--http2"]));
    assert!(with_alpn.contains("HTTP/1.1 200"), "{with_alpn}");
}

#[test]
fn curl_refuses_a_name_and_an_authority_and_the_server_goes_on() {
    let Some(certificates) = certificates_and(&[("curl", "--version")]) else { return };
    let folder = certificates::Folder::new();
    folder.write("file", "content");
    let options = ["--root", &folder.text(""), "--min-version", "1.3"];
    let (server, port) = serve(&certificates, Kind::EcdsaP256, &options);
    let url = format!("https://localhost:{port}/file");
    let roots = certificates.roots_file();
    let arguments = ["--disable", "--silent", "--show-error", "--noproxy", "*", "--cacert", &roots, &url];
    let finished = Process::start(Command::new("curl").args(arguments)).finish();
    assert_eq!(finished.status.code(), Some(60), "{}", finished.text());

    let wrong = certificates.folder.text("ca-rsa.pem");
    let finished = curl(&certificates, &port, &["file"], &["--cacert", &wrong]).finish();
    assert_eq!(finished.status.code(), Some(60), "{}", finished.text());
    server.wait_for_text("received the alert unknown_ca");

    let finished = curl(&certificates, &port, &["file"], &["--tls-max", "1.2"]).finish();
    assert_eq!(finished.status.code(), Some(35), "{}", finished.text());
    server.wait_for_text("sent the alert protocol_version");
    assert_eq!(curl(&certificates, &port, &["file"], &[]).finish().successful().stdout, b"content");
}

#[test]
fn client_certificates_of_curl_and_s_client_are_required_or_requested() {
    let Some(certificates) = certificates_and(&[("curl", "--version")]) else { return };
    let folder = certificates::Folder::new();
    folder.write("file", "content\n");
    let (root, roots) = (folder.text(""), certificates.roots_file());
    for auth in ["require", "request"] {
        let options = ["--root", &root, "--client-ca", &roots, "--client-auth", auth];
        let (server, port) = serve(&certificates, Kind::EcdsaP256, &options);
        for kind in certificates::KINDS {
            let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
            let own = ["--cert", &certificate, "--key", &key];
            assert_eq!(curl(&certificates, &port, &["file"], &own).finish().successful().stdout, b"content\n");
            let text = get_with_s_client(&certificates, &port, &["-cert", &certificate, "-key", &key]);
            assert!(text.ends_with("content\n"), "{text}");
        }
        let without = curl(&certificates, &port, &["file"], &[]).finish();
        assert_eq!(without.status.success(), auth == "request", "{}", without.text());
        if auth == "require" {
            server.wait_for_text("sent the alert certificate_required");
            assert!(without.text().contains("certificate required"), "{}", without.text());
        }
    }
}

/// Fetches the file with `openssl s_client`, in HTTP/1.0.
fn get_with_s_client(certificates: &Certificates, port: &str, more: &[&str]) -> String {
    let (address, roots) = (format!("127.0.0.1:{port}"), certificates.roots_file());
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address, "-CAfile", &roots, "-verify_return_error", "-quiet"]);
    let mut process = Process::start(command.args(["-servername", NAME]).args(more));
    process.say("GET /file HTTP/1.0\r\n\r\n");
    let finished = process.finish().successful();
    String::from_utf8(finished.stdout).unwrap()
}

/// What comes back of what is sent, in the words of the peer that sends it back.
fn moves_both_ways(certificates: &Certificates, port: &str, sent: Vec<u8>, expected: &[u8]) {
    let finished = connect(certificates, port, sent, &["--half-close"]).successful();
    assert!(finished.stdout == expected, "{} bytes have come back: {}", finished.stdout.len(), finished.text().len());
    assert!(contains(&finished.stderr, "TLS 1.3, "), "{}", String::from_utf8_lossy(&finished.stderr));
}

#[test]
fn half_closed_connection_moves_all_data_through_our_echo() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let (_server, port) = serve(&certificates, Kind::EcdsaP256, &["--echo"]);
    let data = digits(transfer_len());
    moves_both_ways(&certificates, &port, data.clone(), &data);
}

#[test]
fn half_closed_connection_moves_all_data_through_openssls_line_reverser() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-cert", &certificate, "-key", &key, "-rev"]);
    let server = Process::start(&mut command);
    let address = server.wait_for_line("ACCEPT ");
    let port = address.rsplit(':').next().unwrap();
    let data = digits(transfer_len() / 16);
    let reverse = |line: &[u8]| [line[..15].iter().rev().copied().collect(), vec![b'\n']].concat();
    let expected = data.chunks(16).flat_map(reverse).collect::<Vec<u8>>();
    moves_both_ways(&certificates, port, data, &expected);
}

#[test]
fn half_closed_connection_moves_all_data_through_gos_echo() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/go/main.go");
    let Some(program) = go::go_peer(source) else { return };
    let (certificate, key) = (certificates.certificate_file(Kind::Ed25519), certificates.key_file(Kind::Ed25519));
    let (server, address) = go::go_server(program, &["-cert", &certificate, "-key", &key]);
    let data = digits(transfer_len());
    moves_both_ways(&certificates, &address.port().to_string(), data.clone(), &data);
    assert_eq!(server.wait_for_line("group="), "X25519MLKEM768");
}

/// A configuration for one nginx that serves the folder.
fn nginx_config(certificates: &Certificates, folder: &certificates::Folder, port: u16) -> String {
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    let root = folder.text("");
    format!(
        "daemon off; master_process off; pid {root}/nginx.pid; error_log stderr notice; events {{}}\n\
         http {{ access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;\n\
         fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;\n\
         server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {certificate}; ssl_certificate_key {key};\n\
         ssl_protocols TLSv1.2 TLSv1.3; ssl_early_data on; root {root}; }} }}\n"
    )
}

/// Starts nginx on a port that was free a moment ago; another one if that has been taken since.
fn nginx(certificates: &Certificates, folder: &certificates::Folder) -> (Process, String) {
    for _ in 0..10 {
        let port = free_port();
        let config = folder.write("nginx.conf", nginx_config(certificates, folder, port));
        let process = Process::start(Command::new("nginx").args(["-p", &folder.text(""), "-c", &config]));
        let started = process.wait_for("whether it has started", |_, stderr| {
            let started = contains(stderr, "start worker") || contains(stderr, "using the \"epoll\" event method");
            (started || contains(stderr, "bind() to")).then_some(started)
        });
        if started {
            return (process, port.to_string());
        }
    }
    panic!("nginx finds no port");
}

#[test]
fn nginx_serves_a_large_file_to_connect() {
    let Some(certificates) = certificates_and(&[("nginx", "-v")]) else { return };
    let folder = certificates::Folder::new();
    let content = digits(transfer_len());
    folder.write("large", &content);
    let (_server, port) = nginx(&certificates, &folder);
    let request = format!("GET /large HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n");
    for (version, told) in [("1.3", "TLS 1.3, "), ("1.2", "TLS 1.2, ")] {
        let options = ["--alpn", "http/1.1", "--max-version", version];
        let finished = connect(&certificates, &port, request.clone().into_bytes(), &options).successful();
        assert!(contains(&finished.stderr, told), "{}", String::from_utf8_lossy(&finished.stderr));
        let body = finished.stdout.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        assert!(finished.stdout.starts_with(b"HTTP/1.1 200 OK"));
        assert!(finished.stdout[body..] == content, "something else has come");
    }

    let finished = connect(&certificates, &port, Vec::new(), &["--alpn", "h2", "--half-close"]);
    assert!(contains(&finished.stderr, "h2"), "{}", finished.text());
}
