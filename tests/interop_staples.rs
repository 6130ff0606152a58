//! Staples with nginx, curl, GnuTLS and NSS, and signed certificate timestamps with NSS and Go, in TLS 1.3 and 1.2. RFC 6066 §8,
//! RFC 6962 §3.3.

#![cfg(all(feature = "ring", feature = "std", feature = "tls12"))]

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer_gnutls.rs"]
mod gnutls;
#[path = "support/peer_go.rs"]
mod go;
#[path = "support/peer_nss.rs"]
mod nss;
#[path = "support/peer.rs"]
mod peer;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use bulla::config::AVAILABLE_VERSIONS;
use bulla::wire::ProtocolVersion;
use bulla::{ClientConfig, Identity, ServerConfig};
use certificates::{Certificates, Folder, Kind, NAME};
use ends::{ServerStream, connect, read_line, serve, try_serve};
use gnutls::{gnutls_certificates, gnutls_cli, gnutls_serv, isolated};
use go::{go_client, go_peer, go_server};
use nss::Nss;
use peer::{Process, contains, free_port, is_installed, skipped};

/// Two timestamps, with the list's length and theirs, and as Go has them in its text.
const TIMESTAMPS: &[u8] = &[0, 9, 0, 3, b'o', b'n', b'e', 0, 2, b'i', b't'];
const TIMESTAMPS_OF_GO: &str = "6f6e65,6974";

/// The certificates, or `None` without one of these programs; says so then.
fn certificates_and(program: &str, version_flag: &str) -> Option<Arc<Certificates>> {
    for (program, flag) in [(program, version_flag), ("openssl", "version")] {
        if !is_installed(program, flag) {
            skipped("staples", program);
            return None;
        }
    }
    Some(Certificates::shared())
}

/// The staple of the P-256 leaf: its file and its bytes.
fn staple(certificates: &Certificates) -> (String, Vec<u8>) {
    static MADE: Mutex<()> = Mutex::new(());
    let _alone = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut file = certificates.folder.text("p256.ocsp");
    if !certificates.folder.path("p256.ocsp").exists() {
        file = certificates::ocsp_response(certificates, Kind::EcdsaP256);
    }
    let response = std::fs::read(&file).unwrap();
    (file, response)
}

fn stapling(certificates: &Certificates) -> Identity {
    certificates.identity(Kind::EcdsaP256).ocsp_response(staple(certificates).1)
}

fn client(certificates: &Certificates, version: ProtocolVersion) -> ClientConfig {
    ClientConfig::new(certificates.roots()).versions([version]).unwrap()
}

/// A configuration for one nginx that staples.
fn nginx_config(certificates: &Certificates, folder: &Folder, port: u16) -> String {
    let (certificate, key) = (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
    let (root, (staple, _)) = (folder.text(""), staple(certificates));
    format!(
        "daemon off; master_process off; pid {root}/nginx.pid; error_log stderr notice; events {{}}\n\
         http {{ access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;\n\
         fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;\n\
         server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};\n\
         ssl_protocols TLSv1.2 TLSv1.3; ssl_stapling on; ssl_stapling_file {staple}; root {root}; }} }}\n"
    )
}

/// Starts nginx on a port that was free a moment ago; another one if that has been taken since.
fn nginx(certificates: &Certificates, folder: &Folder) -> (Process, SocketAddr) {
    for _ in 0..10 {
        let port = free_port();
        let config = folder.write("nginx.conf", nginx_config(certificates, folder, port));
        let process = Process::start(Command::new("nginx").args(["-p", &folder.text(""), "-c", &config]));
        let started = process.wait_for("whether it has started", |_, stderr| {
            let started = contains(stderr, "start worker") || contains(stderr, "using the \"epoll\" event method");
            (started || contains(stderr, "bind() to")).then_some(started)
        });
        if started {
            return (process, ([127, 0, 0, 1], port).into());
        }
    }
    panic!("nginx finds no port");
}

#[test]
fn nginx_staples_to_our_client_if_it_asks() {
    let Some(certificates) = certificates_and("nginx", "-v") else { return };
    let folder = Folder::new();
    folder.write("page", "a page\n");
    let (_process, address) = nginx(&certificates, &folder);
    let (_, response) = staple(&certificates);
    for version in AVAILABLE_VERSIONS.iter().copied() {
        for asks in [true, false] {
            let mut stream = connect(address, client(&certificates, version).ask_for_ocsp(asks)).unwrap();
            let stapled = stream.connection().peer_ocsp_response();
            assert_eq!(stapled, Some(response.as_slice()).filter(|_| asks), "{version}");
            stream.write_all(b"GET /page HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            assert!(answer.ends_with(b"a page\n"));
        }
    }
}

#[test]
fn curl_takes_our_staple_and_refuses_us_without_one() {
    let Some(certificates) = certificates_and("curl", "--version") else { return };
    let roots = certificates.roots_file();
    // It looks for the staple's issuer in the chain.
    let file = |name| std::fs::read(certificates.folder.path(name)).unwrap();
    let chain = [file("p256.pem"), file("ca-p256.pem")].concat();
    let without = || Identity::from_pem(&chain, &file("p256.key")).unwrap();
    let with = || without().ocsp_response(staple(&certificates).1);
    for version in AVAILABLE_VERSIONS.iter().copied() {
        for (identity, staples) in [(with(), true), (without(), false)] {
            let config = ServerConfig::new(identity).versions([version]).unwrap();
            let (address, served) = try_serve(config, |established| {
                let Ok(mut stream) = established else { return };
                // Without a staple it goes behind the handshake.
                while !["\r\n", ""].contains(&read_line(&mut stream).as_str()) {}
                let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\nwelcome\n");
                let _ = stream.close();
            });
            let (port, url) = (address.port(), format!("https://{NAME}:{}/", address.port()));
            let resolve = format!("{NAME}:{port}:127.0.0.1");
            let mut command = Command::new("curl");
            command.args([
                "--silent",
                "--show-error",
                "--cert-status",
                "--cacert",
                &roots,
                "--resolve",
                &resolve,
                &url,
            ]);
            let finished = Process::start(&mut command).finish();
            // 91: invalid certificate status.
            let expected = if staples { (Some(0), true) } else { (Some(91), false) };
            let text = finished.text();
            assert_eq!((finished.status.code(), text.contains("welcome")), expected, "{version}: {text}");
            served.finish();
        }
    }
}

/// GnuTLS' words for a version alone.
fn priority(version: ProtocolVersion) -> &'static str {
    if version == ProtocolVersion::TLSv1_3 { "NORMAL:-VERS-ALL:+VERS-TLS1.3" } else { "NORMAL:-VERS-ALL:+VERS-TLS1.2" }
}

#[test]
fn gnutls_as_a_client_gets_our_staple_and_believes_it() {
    let Some(certificates) = gnutls_certificates() else { return };
    for version in AVAILABLE_VERSIONS.iter().copied() {
        let (address, served) = serve(ServerConfig::new(stapling(&certificates)), |mut stream: ServerStream| {
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
            stream.close().unwrap();
        });
        let saved = certificates.folder.text("saved.ocsp");
        let more = ["--priority", priority(version), "--save-ocsp", &saved, "--ocsp"];
        let process = gnutls_cli(&certificates, address, &more);
        process.wait_for_text("- Simple Client Mode:");
        process.finish().successful();
        served.finish();
        assert_eq!(std::fs::read(&saved).unwrap(), staple(&certificates).1, "{version}");
        std::fs::remove_file(&saved).unwrap();
    }
}

#[test]
fn gnutls_as_a_server_staples_to_our_client_if_it_asks() {
    let Some(certificates) = gnutls_certificates() else { return };
    if !isolated("gnutls_as_a_server_staples_to_our_client_if_it_asks") {
        return;
    }
    let (file, response) = staple(&certificates);
    let more = ["--disable-client-cert", "--ocsp-response", &file];
    let (_process, address) = gnutls_serv(&certificates, Kind::EcdsaP256, 5600, &more);
    for version in AVAILABLE_VERSIONS.iter().copied() {
        for asks in [true, false] {
            let mut stream = connect(address, client(&certificates, version).ask_for_ocsp(asks)).unwrap();
            let stapled = stream.connection().peer_ocsp_response();
            assert_eq!(stapled, Some(response.as_slice()).filter(|_| asks), "{version}");
            stream.write_all(b"there and back\n").unwrap();
            assert_eq!(read_line(&mut stream), "there and back\n");
            stream.close().unwrap();
        }
    }
}

#[test]
fn nss_takes_our_staple_and_our_timestamps_where_it_asks() {
    let Some(nss) = Nss::new() else { return };
    for version in AVAILABLE_VERSIONS.iter().copied() {
        for (asks, status, timestamps) in [(&["-T", "-U"][..], 1, true), (&[], 0, false)] {
            let identity = stapling(&nss.certificates).signed_certificate_timestamps(TIMESTAMPS.to_vec()).unwrap();
            let config = ServerConfig::new(identity).versions([version]).unwrap();
            let (address, served) = serve(config, |mut stream: ServerStream| {
                assert_eq!(read_line(&mut stream), "there\n");
                stream.write_all(b"and back\n").unwrap();
                stream.close().unwrap();
            });
            let mut process = nss.client(version, address, asks);
            process.say("there\n");
            process.wait_for_text("and back\n");
            served.finish();
            process.wait_for_text(&format!("Received {status} Cert Status items"));
            if timestamps {
                let line = format!("Received a Signed Certificate Timestamp of length {}", TIMESTAMPS.len());
                process.wait_for_text(&line);
            }
        }
    }
}

#[test]
fn go_and_we_hand_each_other_timestamps() {
    let Some(program) = go_peer(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/go/main.go")) else { return };
    let Some(certificates) = certificates_and("openssl", "version") else { return };
    let (certificate, key) = (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
    let roots = certificates.roots_file();
    for version in AVAILABLE_VERSIONS.iter().copied() {
        let identity = certificates.identity(Kind::EcdsaP256).signed_certificate_timestamps(TIMESTAMPS.to_vec());
        let config = ServerConfig::new(identity.unwrap()).versions([version]).unwrap();
        let (address, served) = serve(config, |mut stream: ServerStream| {
            let mut sent = Vec::new();
            stream.read_to_end(&mut sent).unwrap();
            stream.write_all(&sent).unwrap();
            stream.close().unwrap();
        });
        let process = go_client(program, address, &["-roots", &roots, "-name", NAME]);
        assert_eq!(process.wait_for_line("timestamps="), TIMESTAMPS_OF_GO, "{version}");
        process.finish().successful();
        served.finish();

        let more = ["-cert", &certificate, "-key", &key, "-sct", TIMESTAMPS_OF_GO];
        let (_process, address) = go_server(program, &more);
        for asks in [true, false] {
            let mut stream = connect(address, client(&certificates, version).ask_for_scts(asks)).unwrap();
            let timestamps = stream.connection().peer_signed_certificate_timestamps();
            assert_eq!(timestamps, Some(TIMESTAMPS).filter(|_| asks), "{version}");
            stream.write_all(b"there and back\n").unwrap();
            assert_eq!(read_line(&mut stream), "there and back\n");
            stream.close().unwrap();
        }
    }
}
