//! The command's newer options against `openssl`, GnuTLS' commands and curl.

#[path = "../../../tests/support/peer_certificates.rs"]
mod certificates;
#[path = "../../../tests/support/peer_gnutls.rs"]
mod gnutls;
#[path = "../../../tests/support/peer.rs"]
mod peer;

use std::process::Command;
use std::sync::Arc;

use certificates::{Certificates, Folder, Kind, NAME, ocsp_response};
use gnutls::{gnutls_certificates, gnutls_cli, gnutls_serv, gnutls_serv_with, isolated};
use peer::{Finished, Process, is_installed, run, skipped};

/// The certificates, or `None` if a program is missing; says so then.
fn certificates_and(programs: &[(&str, &str)]) -> Option<Arc<Certificates>> {
    let needed = [&[("openssl", "version")], programs].concat();
    match needed.iter().find(|(program, flag)| !is_installed(program, flag)) {
        Some((missing, _)) => {
            skipped("the newer options of the command bulla and its peers", missing);
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

/// Starts `bulla serve`; returns its address.
fn serve(certificates: &Certificates, more: &[&str]) -> (Process, String) {
    let (certificate, key) = (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
    serve_with(&[&["--cert", &certificate, "--key", &key], more].concat())
}

fn serve_with(more: &[&str]) -> (Process, String) {
    let server = Process::start(bulla(&["serve", "127.0.0.1:0", "--idle-timeout", "600"]).args(more));
    let address = server.wait_for_line("listening on ");
    (server, address)
}

/// Starts `bulla connect`, trusting the authorities.
fn connect(certificates: &Certificates, address: &str, more: &[&str]) -> Process {
    let roots = certificates.roots_file();
    Process::start(bulla(&["connect", address, "--ca", &roots, "--name", NAME, "--half-close"]).args(more))
}

/// Sends a line to an echo, waits until it is back, and ends.
fn there_and_back(mut process: Process) -> Finished {
    process.say("there and back\n");
    process.wait_for_text("there and back\n");
    process.finish()
}

/// Runs `openssl s_client` until a line has come back.
fn s_client(certificates: &Certificates, address: &str, more: &[&str]) -> Finished {
    let roots = certificates.roots_file();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", address, "-servername", NAME, "-CAfile", &roots, "-verify_return_error"]);
    there_and_back(Process::start(command.args(more)))
}

/// Starts `openssl s_server`; returns its address.
fn s_server(certificates: &Certificates, more: &[&str]) -> (Process, String) {
    let (certificate, key) = (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-cert", &certificate, "-key", &key]);
    let server = Process::start(command.args(more));
    let address = server.wait_for_line("ACCEPT ");
    (server, address)
}

/// What stands behind these words on a line.
#[track_caller]
fn said(text: &str, words: &str) -> String {
    let line = text.lines().find_map(|line| line.trim().split_once(words));
    line.unwrap_or_else(|| panic!("{words} is not in {text}")).1.trim().to_lowercase()
}

const VERSIONS: [(&str, &str); 2] = [("1.3", "-tls1_3"), ("1.2", "-tls1_2")];

#[test]
fn exported_keys_are_those_of_openssl_both_ways() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let (ours, theirs) =
        (["--export", "EXPORTER-both:24"], ["-keymatexport", "EXPORTER-both", "-keymatexportlen", "24"]);
    for (version, flag) in VERSIONS {
        let (server, address) = serve(&certificates, &[&["--echo"][..], &ours].concat());
        let text = s_client(&certificates, &address, &[&[flag][..], &theirs].concat()).text();
        server.wait_for_text(&format!("exported EXPORTER-both: {}", said(&text, "Keying material: ")));

        let (server, address) = s_server(&certificates, &theirs);
        let client = connect(&certificates, &address, &[&["--max-version", version][..], &ours].concat());
        let text = client.finish().text();
        let exported = said(&text, "exported EXPORTER-both: ");
        server.wait_for_text(&format!("Keying material: {}", exported.to_uppercase()));
    }
}

#[test]
fn staples_pass_between_us_and_openssl() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let (staple, folder) = (ocsp_response(&certificates, Kind::EcdsaP256), Folder::new());
    for (version, flag) in VERSIONS {
        let (_server, address) = serve(&certificates, &["--echo", "--staple", &staple]);
        let text = s_client(&certificates, &address, &[flag, "-status"]).text();
        assert!(text.contains("OCSP Response Status: successful"), "{text}");

        let (_server, address) = s_server(&certificates, &["-rev", "-status_file", &staple]);
        let copy = folder.text(version);
        let mut client = connect(&certificates, &address, &["--max-version", version, "--save-ocsp", &copy]);
        client.say("ab\n");
        client.wait_for_text("ba\n");
        client.finish().successful();
        assert_eq!(std::fs::read(copy).unwrap(), std::fs::read(&staple).unwrap());
    }
}

#[test]
fn openssl_keeps_to_fragments_and_asks_for_them() {
    let Some(certificates) = certificates_and(&[]) else { return };
    for (version, flag) in VERSIONS {
        // The content type is counted in TLS 1.3.
        let told = if version == "1.3" { "records of up to 1,023 B" } else { "records of up to 1,024 B" };
        let (server, address) = serve(&certificates, &["--echo"]);
        s_client(&certificates, &address, &[flag, "-maxfraglen", "1024"]);
        server.wait_for_text(told);

        let (_server, address) = s_server(&certificates, &["-rev"]);
        let mut client = connect(&certificates, &address, &["--max-version", version, "--max-fragment", "1024"]);
        client.say("ab\n");
        client.wait_for_text("ba\n");
        let text = client.finish().successful().text();
        assert!(text.contains(told), "{text}");
    }
}

#[test]
fn openssl_answers_an_extension_of_the_applications_own() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let folder = Folder::new();
    // Type 0x4469 with three bytes, for a hello of TLS 1.2: what -serverinfo reads.
    let info = "-----BEGIN SERVERINFO FOR TEST-----\nRGkAAwECAw==\n-----END SERVERINFO FOR TEST-----\n";
    let info = folder.write("info.pem", info);
    let (_server, address) = s_server(&certificates, &["-rev", "-serverinfo", &info]);
    let options = ["--max-version", "1.2", "--extension", "17513", "--extension", "17514"];
    let mut client = connect(&certificates, &address, &options);
    client.say("ab\n");
    client.wait_for_text("ba\n");
    let text = client.finish().successful().text();
    assert!(text.contains("answer to the extension ExtensionType(0x4469): 010203"), "{text}");
    assert!(text.contains("answer to the extension ExtensionType(0x446a): none"), "{text}");
}

#[test]
fn hello_of_any_look_is_taken_by_openssl_and_gnutls() {
    let Some(certificates) = gnutls_certificates() else { return };
    let looks: [&[&str]; 4] = [
        &["--grease", "--shuffle-extensions", "--pad-hello", "700"],
        &["--grease", "--key-shares", "-", "--groups", "P-256,x25519"],
        &["--policy", "compatible-2026-11", "--record-padding", "64", "--grease"],
        &["--record-size-limit", "500", "--extension-order", "padding,key_share", "--pad-hello", "16000"],
    ];
    for look in looks {
        let (_server, address) = s_server(&certificates, &["-rev"]);
        let mut client = connect(&certificates, &address, look);
        client.say("ab\n");
        client.wait_for_text("ba\n");
        client.finish().successful();
    }
}

#[test]
fn gnutls_cli_takes_raw_keys_and_short_records() {
    let Some(certificates) = gnutls_certificates() else { return };
    let run_cli = |address: &str, more: &[&str]| {
        let mut process = gnutls_cli(&certificates, address.parse().unwrap(), more);
        process.wait_for_text("- Simple Client Mode:");
        process.say("there and back\n");
        process.wait_for_text("there and back\n");
        process.finish().successful()
    };
    let (server, address) = serve(&certificates, &["--echo", "--record-size-limit", "2000"]);
    run_cli(&address, &["--recordsize", "700"]);
    server.wait_for_text("records of up to ");

    let key = certificates.key_file(Kind::Ed25519);
    let (server, address) = serve_with(&["--echo", "--raw-key", &key]);
    run_cli(&address, &["--insecure", "--priority", "NORMAL:-CTYPE-ALL:+CTYPE-SRV-RAWPK:+CTYPE-CLI-X509"]);
    server.wait_for_text("full handshake");
}

#[test]
fn connect_takes_short_records_and_raw_keys_of_gnutls_serv() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("connect_takes_short_records_and_raw_keys_of_gnutls_serv") {
        return;
    }
    let (_server, address) = gnutls_serv(&certificates, Kind::EcdsaP256, 5001, &["--recordsize", "1000"]);
    let client = connect(&certificates, &address.to_string(), &["--record-size-limit", "700"]);
    let text = there_and_back(client).successful().text();
    assert!(text.contains("records of up to 1,000 B"), "{text}");

    let (key, folder) = (certificates.key_file(Kind::EcdsaP256), Folder::new());
    let public = folder.text("key.pub");
    run("openssl", ["pkey", "-in", &key, "-pubout", "-out", &public]).successful();
    let raw = ["--rawpkkeyfile", &key, "--rawpkfile", &public, "--priority", "NORMAL:+CTYPE-SRV-RAWPK"];
    let (_server, address) = gnutls_serv_with(5002, &[&raw[..], &["--disable-client-cert"]].concat());
    let options = ["connect", &address.to_string(), "--raw-public-key", &public, "--half-close"];
    let text = there_and_back(Process::start(&mut bulla(&options))).text();
    assert!(text.contains("its raw public key: EC key of 256 bits"), "{text}");
}

#[test]
fn curl_and_s_client_show_their_certificates_behind_the_handshake() {
    let Some(certificates) = certificates_and(&[("curl", "--version")]) else { return };
    let folder = Folder::new();
    std::fs::create_dir(folder.path("private")).unwrap();
    folder.write("private/file", "for few\n");
    folder.write("file", "for all\n");
    let (root, roots) = (folder.text(""), certificates.roots_file());
    let options = ["--root", &root, "--client-ca", &roots, "--client-auth-for", "private"];
    let (server, address) = serve(&certificates, &options);
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    let port = address.rsplit(':').next().unwrap();
    let curl = |path: &str, more: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["--disable", "--silent", "--show-error", "--noproxy", "*", "--cacert", &roots]);
        command.args(["--http1.1", "--resolve", &format!("{NAME}:{port}:127.0.0.1")]).args(more);
        Process::start(command.arg(format!("https://{NAME}:{port}/{path}"))).finish().successful().text()
    };
    let own = ["--cert", certificate.as_str(), "--key", key.as_str()];
    assert_eq!(curl("file", &[]), "for all\n");
    assert_eq!(curl("private/file", &own), "for few\n");
    server.wait_for_text("its certificate: CN=rsa");
    assert_eq!(curl("private/file", &[]), "403 Forbidden\n");

    for (pha, expected) in [(&["-enable_pha"][..], "for few\n"), (&[], "403 Forbidden\n")] {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address, "-CAfile", &roots, "-quiet", "-cert", &certificate]);
        let mut client = Process::start(command.args(["-key", &key, "-servername", NAME]).args(pha));
        client.say("GET /private/file HTTP/1.0\r\n\r\n");
        let text = String::from_utf8(client.finish().successful().stdout).unwrap();
        assert!(text.ends_with(expected), "{text}");
    }
}

#[test]
fn s_server_asks_connect_behind_the_handshake() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let (certificate, key) = (certificates.certificate_file(Kind::Ed25519), certificates.key_file(Kind::Ed25519));
    let roots = certificates.roots_file();
    let (mut server, address) = s_server(&certificates, &["-verify", "3", "-CAfile", &roots, "-tls1_3"]);
    let own = ["--cert", certificate.as_str(), "--key", key.as_str(), "--post-handshake-auth", "--trace"];
    let address_and = ["connect", &address, "--ca", &roots, "--name", NAME];
    let mut client = Process::start(bulla(&address_and).args(own));
    client.say("first\n");
    server.wait_for_line("first");
    // This letter alone on a line asks the client for its certificate.
    server.say("c\n");
    client.wait_for_text("asks for a certificate, behind the handshake");
    client.say("second\n");
    server.wait_for_line("second");
    server.say("Q\n");
    client.finish();
    assert!(server.finish().text().contains("depth=0 CN = ed25519"));
}

#[test]
fn openssl_is_passed_on_untouched_by_its_server_name() {
    let Some(certificates) = certificates_and(&[]) else { return };
    let (_behind, behind) = s_server(&certificates, &["-rev"]);
    let (front, address) = serve(&certificates, &["--echo", "--fingerprint", "--pass", &format!("{NAME}={behind}")]);
    let roots = certificates.roots_file();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address, "-servername", NAME, "-CAfile", &roots, "-verify_return_error"]);
    let mut client = Process::start(&mut command);
    client.say("ab\n");
    client.wait_for_text("ba\n");
    client.finish();
    front.wait_for_text("fingerprint JA4 t13d");
    front.wait_for_text(&format!("passed to {behind}: "));
}
