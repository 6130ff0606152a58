//! `openssl s_client` against our server, TLS 1.3.

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer.rs"]
mod peer;

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use bulla::wire::{AlertDescription, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};
use bulla::{ClientAuth, Error, ServerConfig};
use certificates::{Certificates, KINDS, Kind, NAME};
use ends::{
    Facts, GROUPS, KeptKeys, KeyUpdates, SUITES, ServerStream, echo_line, openssl_group, read_line, scheme_of, serve,
    sorted_key_log, tls_failure, try_serve,
};
use peer::{Background, Finished, Process, digits, is_installed, skipped};

/// The certificates, or `None` without the command; says so then.
fn certificates() -> Option<Arc<Certificates>> {
    if is_installed("openssl", "version") {
        return Some(Certificates::shared());
    }
    skipped("openssl s_client against our server", "openssl");
    None
}

fn config(certificates: &Certificates, kind: Kind) -> ServerConfig {
    ServerConfig::new(certificates.identity(kind))
}

/// Starts a client that verifies our chain and name.
fn s_client(certificates: &Certificates, address: SocketAddr, more: &[&str]) -> Process {
    let (roots, address) = (certificates.roots_file(), address.to_string());
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address, "-CAfile", &roots, "-verify_return_error"]);
    if !more.contains(&"-noservername") {
        command.args(["-servername", NAME]);
    }
    Process::start(command.args(["-verify_hostname", NAME]).args(more))
}

/// Lets a client send a line to our server, which sends it back, and lets it close; returns what both ends tell.
#[track_caller]
fn exchange(certificates: &Certificates, config: ServerConfig, more: &[&str]) -> (Facts, Finished) {
    let (address, served) = serve(config, echo_line);
    let mut process = s_client(certificates, address, &[&["-brief"], more].concat());
    process.say("there and back\n");
    process.wait_for_text("there and back\n");
    let finished = process.finish().successful();
    (served.finish(), finished)
}

/// Every suite and group with this leaf, then a client certificate of every kind.
fn connects_with_leaf_of(kind: Kind) {
    let Some(certificates) = certificates() else { return };
    for suite in SUITES {
        for group in GROUPS {
            let suite_name = suite.to_string();
            let chosen = ["-ciphersuites", &suite_name, "-groups", openssl_group(group)];
            let (facts, finished) = exchange(&certificates, config(&certificates, kind), &chosen);
            assert_eq!((facts.suite, facts.group, facts.retried), (suite, group, false));
            assert_eq!((facts.server_name.as_deref(), facts.peer_scheme), (Some(NAME), None));
            let text = finished.text();
            assert!(text.contains("Protocol version: TLSv1.3"), "{text}");
            assert!(text.contains(&format!("Ciphersuite: {suite}")), "{text}");
            assert!(text.contains("Verification: OK"), "{text}");
        }
    }
    let roots = Arc::new(certificates.roots());
    for (index, client_kind) in KINDS.into_iter().enumerate() {
        let (certificate, key) = (certificates.certificate_file(client_kind), certificates.key_file(client_kind));
        let (suite, group) = (SUITES[index % 3], GROUPS[(index + 1) % 3]);
        let config = config(&certificates, kind).client_auth(ClientAuth::Require(Arc::clone(&roots)));
        let config = config.cipher_suites([suite]).unwrap().groups([group]).unwrap();
        let (facts, _) = exchange(&certificates, config, &["-cert", &certificate, "-key", &key]);
        assert_eq!((facts.suite, facts.group), (suite, group));
        assert_eq!(facts.peer_scheme, Some(scheme_of(client_kind)));
        // The command adds the root.
        assert_ne!(facts.peer_chain_len, 0);
    }
}

#[test]
fn every_suite_group_and_client_certificate_connects_to_our_p256_leaf() {
    connects_with_leaf_of(Kind::EcdsaP256);
}

#[test]
fn every_suite_group_and_client_certificate_connects_to_our_p384_leaf() {
    connects_with_leaf_of(Kind::EcdsaP384);
}

#[test]
fn every_suite_group_and_client_certificate_connects_to_our_ed25519_leaf() {
    connects_with_leaf_of(Kind::Ed25519);
}

#[test]
fn every_suite_group_and_client_certificate_connects_to_our_rsa_leaf() {
    connects_with_leaf_of(Kind::Rsa);
}

#[test]
fn every_suite_group_and_client_certificate_connects_to_our_rsa_pss_leaf() {
    connects_with_leaf_of(Kind::RsaPss);
}

#[test]
fn hello_retry_request_is_answered_in_every_suite() {
    let Some(certificates) = certificates() else { return };
    for (suite, group) in SUITES.into_iter().zip(GROUPS) {
        let others = GROUPS.into_iter().filter(|other| *other != group).chain([group]);
        let groups = others.map(openssl_group).collect::<Vec<_>>().join(":");
        let config = config(&certificates, Kind::Rsa).groups([group]).unwrap().cipher_suites([suite]).unwrap();
        for more in [&["-groups", &groups][..], &["-groups", &groups, "-no_middlebox"]] {
            let (facts, _) = exchange(&certificates, config.clone(), more);
            assert_eq!((facts.suite, facts.group, facts.retried), (suite, group, true));
        }
    }
}

#[test]
fn default_client_takes_the_servers_first_choice() {
    let Some(certificates) = certificates() else { return };
    let (facts, _) = exchange(&certificates, config(&certificates, Kind::EcdsaP256), &[]);
    assert_eq!(facts.suite, CipherSuite::TLS_AES_128_GCM_SHA256);
    let ours = [CipherSuite::TLS_CHACHA20_POLY1305_SHA256, CipherSuite::TLS_AES_256_GCM_SHA384];
    let config = config(&certificates, Kind::EcdsaP256).cipher_suites(ours).unwrap();
    let (facts, _) = exchange(&certificates, config, &["-noservername", "-no_middlebox"]);
    assert_eq!((facts.suite, facts.server_name), (ours[0], None));
}

#[test]
fn signature_schemes_of_the_client_choose_scheme_and_certificate() {
    let Some(certificates) = certificates() else { return };
    let all = || {
        let first = config(&certificates, Kind::EcdsaP256);
        [Kind::EcdsaP384, Kind::Ed25519, Kind::Rsa, Kind::RsaPss]
            .into_iter()
            .fold(first, |config, kind| config.and_identity(certificates.identity(kind)))
    };
    for (sigalgs, signature, hash) in [
        ("ecdsa_secp256r1_sha256", "ECDSA", "SHA256"),
        ("ecdsa_secp384r1_sha384", "ECDSA", "SHA384"),
        ("ed25519", "ed25519", "UNDEF"),
        ("rsa_pss_rsae_sha256", "RSA-PSS", "SHA256"),
        ("rsa_pss_rsae_sha384", "RSA-PSS", "SHA384"),
        ("rsa_pss_rsae_sha512", "RSA-PSS", "SHA512"),
        ("rsa_pss_pss_sha256", "RSA-PSS", "SHA256"),
        ("rsa_pss_pss_sha384", "RSA-PSS", "SHA384"),
        ("rsa_pss_pss_sha512", "RSA-PSS", "SHA512"),
    ] {
        let (_, finished) = exchange(&certificates, all(), &["-sigalgs", sigalgs]);
        let text = finished.text();
        assert!(text.contains(&format!("Signature type: {signature}\n")), "{sigalgs}: {text}");
        assert!(text.contains(&format!("Hash used: {hash}\n")) || hash == "UNDEF", "{sigalgs}: {text}");
    }
    let only_ecdsa = config(&certificates, Kind::EcdsaP256);
    let (address, served) = try_serve(only_ecdsa, tls_failure);
    let text = s_client(&certificates, address, &["-sigalgs", "ed25519"]).finish().text();
    assert_eq!(served.finish().name(), "NoCommonSignatureScheme");
    assert!(text.contains("alert handshake failure"), "{text}");
}

#[test]
fn missing_client_certificate_is_refused_if_required_and_passes_if_requested() {
    let Some(certificates) = certificates() else { return };
    let roots = Arc::new(certificates.roots());
    let required = config(&certificates, Kind::EcdsaP256).client_auth(ClientAuth::Require(Arc::clone(&roots)));
    let (address, served) = try_serve(required, tls_failure);
    let process = s_client(&certificates, address, &[]);
    process.wait_for_text("alert certificate required");
    assert_eq!(served.finish().name(), "ClientCertificateRequired");

    let requested = config(&certificates, Kind::EcdsaP256).client_auth(ClientAuth::Request(roots));
    let (facts, _) = exchange(&certificates, requested, &[]);
    assert_eq!(facts.peer_chain_len, 0);
}

#[test]
fn client_certificate_of_an_unknown_authority_is_refused_and_a_chain_is_followed() {
    let Some(certificates) = certificates() else { return };
    let path = |file| certificates.folder.text(file);
    let (leaf, key, intermediate) = (path("deep.pem"), path("deep.key"), path("intermediate.pem"));
    let roots = Arc::new(bulla::Roots::from_file(path("ca-rsa.pem")).unwrap());
    let config = config(&certificates, Kind::EcdsaP256).client_auth(ClientAuth::Require(roots));
    let with_chain = ["-cert", &leaf, "-key", &key, "-cert_chain", &intermediate];
    let (facts, _) = exchange(&certificates, config.clone(), &with_chain);
    assert_eq!(facts.peer_chain_len, 2);

    let (other, key) = (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
    let (address, served) = try_serve(config, tls_failure);
    let process = s_client(&certificates, address, &["-cert", &other, "-key", &key]);
    process.wait_for_text("alert unknown ca");
    assert_eq!(served.finish().name(), "UnknownIssuer");
}

#[test]
fn application_protocol_is_agreed_on_or_refused() {
    let Some(certificates) = certificates() else { return };
    let config = config(&certificates, Kind::EcdsaP256).alpn(["http/1.1", "h2"]).unwrap();
    let (facts, _) = exchange(&certificates, config.clone(), &["-alpn", "h3,h2,http/1.1"]);
    assert_eq!(facts.alpn.as_deref(), Some("http/1.1"));
    let (facts, _) = exchange(&certificates, config.clone(), &[]);
    assert_eq!(facts.alpn, None);
    let (address, served) = try_serve(config, tls_failure);
    let text = s_client(&certificates, address, &["-alpn", "imap"]).finish().text();
    assert_eq!(served.finish().name(), "NoCommonApplicationProtocol");
    assert!(text.contains("alert no application protocol"), "{text}");
}

#[test]
fn extensions_that_we_do_not_know_are_passed_over() {
    let Some(certificates) = certificates() else { return };
    let roots = certificates.roots_file();
    for more in [
        &["-enable_pha", "-maxfraglen", "1024", "-serverinfo", "18,13172,65000"][..],
        &["-status", "-requestCAfile", &roots],
        &["-use_srtp", "SRTP_AES128_CM_SHA1_80"],
        &["-fallback_scsv", "-nextprotoneg", "h2"],
    ] {
        exchange(&certificates, config(&certificates, Kind::EcdsaP256), more);
    }
}

#[test]
fn key_updates_go_both_ways_in_every_suite() {
    let Some(certificates) = certificates() else { return };
    for suite in SUITES {
        let seen = Arc::new(KeyUpdates::default());
        let config = config(&certificates, Kind::EcdsaP256).cipher_suites([suite]).unwrap().observer(seen.clone());
        let (to_server, ready) = std::sync::mpsc::channel();
        let (address, served) = serve(config, move |mut stream: ServerStream| {
            for round in 1..=6 {
                // In one read with the next line, the command letter would take it along.
                seen.wait_for(round, &mut stream);
                to_server.send(()).unwrap();
                assert_eq!(read_line(&mut stream), "with new keys\n");
                stream.connection_mut().update_keys(false).unwrap();
                stream.write_all(format!("answer {round}.\n").as_bytes()).unwrap();
            }
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        });
        let mut process = s_client(&certificates, address, &[]);
        process.wait_for_text("Verify return code: 0 (ok)");
        for round in 1..=6 {
            process.say(if round % 2 == 0 { "K\n" } else { "k\n" });
            ready.recv_timeout(peer::PATIENCE).unwrap();
            process.say("with new keys\n");
            process.wait_for_text(&format!("answer {round}."));
        }
        process.finish().successful();
        served.finish();
    }
}

#[test]
fn killed_client_is_a_truncation() {
    let Some(certificates) = certificates() else { return };
    let (address, served) = serve(config(&certificates, Kind::EcdsaP256), |mut stream: ServerStream| {
        assert_eq!(read_line(&mut stream), "last line\n");
        stream.write_all(b"seen\n").unwrap();
        stream.read(&mut [0]).unwrap_err()
    });
    let mut process = s_client(&certificates, address, &["-quiet"]);
    process.say("last line\n");
    process.wait_for_text("seen");
    process.kill();
    let error = served.finish();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(bulla::tls_error(&error), Some(&Error::Truncated));
}

/// Moves some MiB both ways at once with a client that was started like this.
fn moves_much_data(certificates: &Certificates, more: &[&str], len: usize) {
    let expected = digits(len);
    let sent = expected.clone();
    let (address, served) = serve(config(certificates, Kind::EcdsaP256), move |stream: ServerStream| {
        let write_side = stream.transport().try_clone().unwrap();
        let (mut reader, mut writer) = stream.split(write_side).unwrap();
        let len = sent.len();
        let writing = Background::start(move || {
            writer.write_all(&sent).unwrap();
            writer
        });
        let mut received = vec![0; len];
        reader.read_exact(&mut received).unwrap();
        // The client stops sending as soon as it sees the end.
        writing.finish().close().unwrap();
        received
    });
    let mut process = s_client(certificates, address, &[&["-quiet", "-nocommands"], more].concat());
    process.say_all(expected.clone());
    process.wait_for("all data", |stdout, _| (stdout.len() >= expected.len()).then_some(()));
    assert!(served.finish() == expected, "our server received something else");
    assert!(process.finish().stdout == expected, "the client received something else");
}

#[test]
fn much_data_goes_both_ways_at_once() {
    let Some(certificates) = certificates() else { return };
    moves_much_data(&certificates, &[], 3 << 20);
}

#[test]
fn padded_and_small_records_are_received() {
    let Some(certificates) = certificates() else { return };
    moves_much_data(&certificates, &["-record_padding", "512"], 1 << 20);
    moves_much_data(&certificates, &["-max_send_frag", "512", "-split_send_frag", "512"], 1 << 18);
}

/// Lets the two commands make a session with a ticket that allows early data; returns its file.
fn session_of_another_server(certificates: &Certificates) -> String {
    let (certificate, key) = (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-cert", &certificate, "-key", &key]);
    let mut server = Process::start(command.args(["-early_data", "-max_early_data", "65536"]));
    let address = server.wait_for_line("ACCEPT ").parse().unwrap();
    let session = certificates.folder.text("session.pem");
    let mut client = s_client(certificates, address, &["-sess_out", &session]);
    client.wait_for_text("Verify return code: 0 (ok)");
    // The server sends its tickets when it first reads; the client tells of them when it ends.
    client.say("to server\n");
    server.wait_for_text("to server");
    server.say("to client\n");
    client.wait_for_text("to client");
    let text = client.finish().successful().text();
    assert!(text.contains("Max Early Data: 65536"), "{text}");
    session
}

#[test]
fn resumption_and_early_data_are_declined_into_a_full_handshake() {
    let Some(certificates) = certificates() else { return };
    let session = session_of_another_server(&certificates);
    let early = certificates.folder.write("early", digits(20_000));
    let config = config(&certificates, Kind::EcdsaP256);
    // The session's suite is the client's first choice, AES-256; the second group makes a retry.
    let retrying = config.clone().groups([NamedGroup::secp384r1]).unwrap();
    for (config, retried) in [(config, false), (retrying, true)] {
        for more in [&["-sess_in", &session][..], &["-sess_in", &session, "-early_data", &early]] {
            let (address, served) = serve(config.clone(), echo_line);
            let mut process = s_client(&certificates, address, more);
            process.wait_for_text("Verify return code: 0 (ok)");
            process.say("there and back\n");
            process.wait_for("the line", |stdout, _| peer::contains(stdout, "there and back\n").then_some(()));
            let text = process.finish().successful().text();
            assert!(text.contains("New, TLSv1.3"), "{text}");
            assert_eq!(text.contains("Early data was rejected"), more.len() > 2, "{text}");
            assert_eq!(served.finish().retried, retried);
        }
    }
}

#[test]
fn client_without_tls13_suite_or_group_is_told_the_reason() {
    let Some(certificates) = certificates() else { return };
    let one_suite = [CipherSuite::TLS_AES_128_GCM_SHA256];
    let config = config(&certificates, Kind::EcdsaP256).cipher_suites(one_suite).unwrap();
    let config = config.versions([ProtocolVersion::TLSv1_3]).unwrap();
    for (more, error, alert) in [
        (&["-tls1_2"][..], "NoCommonVersion", "alert protocol version"),
        (&["-ciphersuites", "TLS_AES_256_GCM_SHA384"], "NoCommonCipherSuite", "alert handshake failure"),
        (&["-groups", "X448:P-521"], "NoCommonGroup", "alert handshake failure"),
    ] {
        let (address, served) = try_serve(config.clone(), tls_failure);
        let text = s_client(&certificates, address, more).finish().text();
        assert_eq!(served.finish().name(), error);
        assert!(text.contains(alert), "{text}");
    }
}

#[test]
fn alert_of_a_client_that_refuses_our_certificate_is_reported() {
    let Some(certificates) = certificates() else { return };
    let (address, served) = try_serve(config(&certificates, Kind::EcdsaP256), tls_failure);
    let process = s_client(&certificates, address, &["-verify_hostname", "other.test"]);
    process.finish();
    assert_eq!(served.finish(), Error::AlertReceived(AlertDescription::bad_certificate));
}

#[test]
fn secrets_and_exported_keys_are_the_same_on_both_ends() {
    let Some(certificates) = certificates() else { return };
    for (index, suite) in SUITES.into_iter().enumerate() {
        let file = certificates.folder.text(&format!("s_client-{index}.keys"));
        let kept = Arc::new(KeptKeys::default());
        let config = config(&certificates, Kind::EcdsaP256).cipher_suites([suite]).unwrap().key_log(kept.clone());
        let (address, served) = serve(config, |stream: ServerStream| {
            let mut ours = [0; 42];
            stream.connection().export(b"EXPORTER-bulla", Some(b""), &mut ours).unwrap();
            echo_line(stream);
            ours
        });
        let exported = ["-keymatexport", "EXPORTER-bulla", "-keymatexportlen", "42"];
        let mut process = s_client(&certificates, address, &[&["-keylogfile", &file], &exported[..]].concat());
        let theirs = process.wait_for_line("    Keying material: ");
        process.say("x\n");
        process.finish().successful();
        let ours: String = served.finish().iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(theirs, ours);
        assert_eq!(sorted_key_log(&std::fs::read_to_string(file).unwrap()), kept.sorted());
        assert_eq!(kept.sorted().len(), 5);
    }
}

#[test]
fn rsa_pss_keys_that_are_bound_to_one_hash_sign_with_it() {
    let Some(certificates) = certificates() else { return };
    for (hash, scheme) in [
        ("sha256", SignatureScheme::rsa_pss_pss_sha256),
        ("sha384", SignatureScheme::rsa_pss_pss_sha384),
        ("sha512", SignatureScheme::rsa_pss_pss_sha512),
    ] {
        let name = format!("bound-{hash}");
        certificates::issue_bound_rsa_pss(&certificates.folder, &name, hash);
        let path = |ending| certificates.folder.text(&format!("{name}.{ending}"));
        let identity = || bulla::Identity::from_files(path("pem"), path("key")).unwrap();
        let roots = Arc::new(certificates.roots());
        let config = ServerConfig::new(identity()).client_auth(ClientAuth::Require(roots));
        let (facts, _) = exchange(&certificates, config, &["-cert", &path("pem"), "-key", &path("key")]);
        assert_eq!(facts.peer_scheme, Some(scheme));
        assert_eq!(identity().signer().schemes(), [scheme]);
    }
}
