//! Our client against `openssl s_server`, TLS 1.3.

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
use bulla::{ClientConfig, Error};
use certificates::{Certificates, KINDS, Kind, NAME, Wanted, issue};
use ends::{
    ClientStream, GROUPS, KeptKeys, KeyUpdates, SUITES, connect, connect_as, facts, openssl_group, read_line,
    scheme_of, sorted_key_log, tls_failure,
};
use peer::{Background, Process, digits, is_installed, skipped};

/// The certificates, or `None` without the command; says so then.
fn certificates() -> Option<Arc<Certificates>> {
    if is_installed("openssl", "version") {
        return Some(Certificates::shared());
    }
    skipped("our client against openssl s_server", "openssl");
    None
}

/// Starts a server with the leaf of this kind.
fn s_server(certificates: &Certificates, kind: Kind, more: &[&str]) -> (Process, SocketAddr) {
    let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
    s_server_with(&[&["-cert", &certificate, "-key", &key], more].concat())
}

fn s_server_with(arguments: &[&str]) -> (Process, SocketAddr) {
    let mut command = Command::new("openssl");
    let process = Process::start(command.args(["s_server", "-accept", "127.0.0.1:0"]).args(arguments));
    let address = process.wait_for_line("ACCEPT ").parse().unwrap();
    (process, address)
}

fn config(certificates: &Certificates) -> ClientConfig {
    ClientConfig::new(certificates.roots())
}

/// Sends a line to a server that answers each with its reverse, and closes in good order.
#[track_caller]
fn reverse_a_line(mut stream: ClientStream) {
    stream.write_all(b"first to last\n").unwrap();
    assert_eq!(read_line(&mut stream), "tsal ot tsrif\n");
    stream.close().unwrap();
}

/// Every suite and group with this leaf, then a client certificate of every kind.
fn connects_with_leaf_of(kind: Kind) {
    let Some(certificates) = certificates() else { return };
    let (_process, address) = s_server(&certificates, kind, &["-rev"]);
    for suite in SUITES {
        for group in GROUPS {
            let config = config(&certificates).cipher_suites([suite]).unwrap().groups([group]).unwrap();
            let stream = connect(address, config).unwrap();
            let facts = facts(stream.connection());
            assert_eq!((facts.suite, facts.group, facts.retried), (suite, group, false));
            assert_eq!((facts.peer_scheme, facts.peer_chain_len), (Some(scheme_of(kind)), 1));
            reverse_a_line(stream);
        }
    }

    let roots = certificates.roots_file();
    let required = ["-rev", "-Verify", "1", "-verify_return_error", "-CAfile", &roots];
    let (_process, address) = s_server(&certificates, kind, &required);
    for (index, client_kind) in KINDS.into_iter().enumerate() {
        let (suite, group) = (SUITES[index % 3], GROUPS[(index + 1) % 3]);
        let config = config(&certificates).cipher_suites([suite]).unwrap().groups([group]).unwrap();
        let stream = connect(address, config.identity(certificates.identity(client_kind))).unwrap();
        let facts = facts(stream.connection());
        assert_eq!((facts.suite, facts.group, facts.peer_scheme), (suite, group, Some(scheme_of(kind))));
        // The server judges our certificate after our handshake is finished: only an answer shows that it liked it.
        reverse_a_line(stream);
    }
}

#[test]
fn every_suite_group_and_client_certificate_connects_to_a_p256_leaf() {
    connects_with_leaf_of(Kind::EcdsaP256);
}

#[test]
fn every_suite_group_and_client_certificate_connects_to_a_p384_leaf() {
    connects_with_leaf_of(Kind::EcdsaP384);
}

#[test]
fn every_suite_group_and_client_certificate_connects_to_an_ed25519_leaf() {
    connects_with_leaf_of(Kind::Ed25519);
}

#[test]
fn every_suite_group_and_client_certificate_connects_to_an_rsa_leaf() {
    connects_with_leaf_of(Kind::Rsa);
}

#[test]
fn every_suite_group_and_client_certificate_connects_to_an_rsa_pss_leaf() {
    connects_with_leaf_of(Kind::RsaPss);
}

#[test]
fn each_rsa_pss_scheme_is_negotiated_where_the_server_has_no_other() {
    let Some(certificates) = certificates() else { return };
    for (kind, sigalgs, scheme) in [
        (Kind::Rsa, "rsa_pss_rsae_sha256", SignatureScheme::rsa_pss_rsae_sha256),
        (Kind::Rsa, "rsa_pss_rsae_sha384", SignatureScheme::rsa_pss_rsae_sha384),
        (Kind::Rsa, "rsa_pss_rsae_sha512", SignatureScheme::rsa_pss_rsae_sha512),
        (Kind::RsaPss, "rsa_pss_pss_sha256", SignatureScheme::rsa_pss_pss_sha256),
        (Kind::RsaPss, "rsa_pss_pss_sha384", SignatureScheme::rsa_pss_pss_sha384),
        (Kind::RsaPss, "rsa_pss_pss_sha512", SignatureScheme::rsa_pss_pss_sha512),
    ] {
        let (_process, address) = s_server(&certificates, kind, &["-rev", "-sigalgs", sigalgs]);
        let stream = connect(address, config(&certificates)).unwrap();
        assert_eq!(facts(stream.connection()).peer_scheme, Some(scheme));
        reverse_a_line(stream);
    }
}

#[test]
fn hello_retry_request_leads_to_the_servers_group() {
    let Some(certificates) = certificates() else { return };
    for group in GROUPS {
        let others = GROUPS.into_iter().filter(|other| *other != group);
        let (_process, address) = s_server(&certificates, Kind::Rsa, &["-rev", "-groups", openssl_group(group)]);
        for suite in SUITES {
            let config = config(&certificates).cipher_suites([suite]).unwrap();
            let config = config.groups(others.clone().chain([group])).unwrap();
            let stream = connect(address, config).unwrap();
            let facts = facts(stream.connection());
            assert_eq!((facts.suite, facts.group, facts.retried), (suite, group, true));
            reverse_a_line(stream);
        }
    }
}

#[test]
fn default_offer_takes_the_x25519_half_of_the_hybrid_without_a_retry_and_a_curve_with_one() {
    let Some(certificates) = certificates() else { return };
    for (groups, group, retried) in [
        ("X25519", NamedGroup::x25519, false),
        ("P-256", NamedGroup::secp256r1, true),
        ("P-384", NamedGroup::secp384r1, true),
    ] {
        let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &["-rev", "-groups", groups]);
        let stream = connect(address, config(&certificates)).unwrap();
        let facts = facts(stream.connection());
        assert_eq!((facts.group, facts.retried), (group, retried));
        reverse_a_line(stream);
    }
}

#[test]
fn cookie_of_a_stateless_server_is_returned_with_and_without_a_new_group() {
    let Some(certificates) = certificates() else { return };
    // Over TCP the command gets its own cookies back only where no change_cipher_spec stands before them.
    let arguments = ["-stateless", "-no_middlebox", "-groups", "P-256:X25519"];
    for groups in [vec![NamedGroup::x25519], vec![NamedGroup::secp384r1, NamedGroup::secp256r1]] {
        let (mut process, address) = s_server(&certificates, Kind::EcdsaP256, &arguments);
        let group = groups[groups.len() - 1];
        let config = config(&certificates).groups(groups).unwrap().middlebox_compatibility(false);
        let mut stream = connect(address, config).unwrap();
        let facts = facts(stream.connection());
        assert_eq!((facts.group, facts.retried), (group, true));
        process.say("for the cookie\n");
        assert_eq!(read_line(&mut stream), "for the cookie\n");
        stream.close().unwrap();
        process.wait_for_text("DONE");
    }
}

#[test]
fn server_name_and_application_protocol_reach_the_server() {
    let Some(certificates) = certificates() else { return };
    let extensions = &["subjectAltName = DNS:other.test"];
    let wanted = Wanted { name: "other", kind: Kind::EcdsaP384, issuer: Some("ca-rsa"), extensions };
    issue(&certificates.folder, &wanted);
    let (second, key) = (certificates.folder.text("other.pem"), certificates.folder.text("other.key"));
    let named = ["-servername", "other.test", "-cert2", &second, "-key2", &key];
    let arguments = [&["-rev", "-alpn", "imap,http/1.1"], &named[..]].concat();
    let (process, address) = s_server(&certificates, Kind::Rsa, &arguments);
    let config = config(&certificates).alpn(["h2", "http/1.1", "imap"]).unwrap();
    // The command agrees on no application protocol once it has taken its second certificate.
    for (name, scheme, alpn) in [
        (NAME, SignatureScheme::rsa_pss_rsae_sha256, Some("imap")),
        ("other.test", SignatureScheme::ecdsa_secp384r1_sha384, None),
    ] {
        let stream = connect_as(address, config.clone(), name).unwrap();
        let facts = facts(stream.connection());
        assert_eq!((facts.alpn.as_deref(), facts.server_name.as_deref()), (alpn, Some(name)));
        assert_eq!(facts.peer_scheme, Some(scheme));
        reverse_a_line(stream);
    }

    // A name that no certificate is valid for gets the first one.
    let error = tls_failure(connect_as(address, config, "third.test"));
    assert_eq!(error.name(), "NameMismatch");
    process.wait_for_text("alert bad certificate");

    // An address is verified against the certificate, and is no server name.
    let stream = connect_as(address, ClientConfig::new(certificates.roots()), "127.0.0.1").unwrap();
    assert_eq!(facts(stream.connection()).server_name, None);
    reverse_a_line(stream);
}

#[test]
fn key_updates_go_both_ways_in_every_suite() {
    let Some(certificates) = certificates() else { return };
    for suite in SUITES {
        let (mut process, address) = s_server(&certificates, Kind::EcdsaP256, &[]);
        let seen = Arc::new(KeyUpdates::default());
        let config = config(&certificates).cipher_suites([suite]).unwrap().observer(seen.clone());
        let mut stream = connect(address, config).unwrap();
        let mut updates = 0;
        for round in 0..3 {
            // Command letters stand alone in what the server reads: K asks us to update too, k does not.
            for letter in ["k", "K"] {
                process.say(format!("{letter}\n"));
                updates += 1;
                // In one read with it, the next line would be taken for a part of the command.
                seen.wait_for(updates, &mut stream);
                process.say(format!("from server {round}{letter}\n"));
                assert_eq!(read_line(&mut stream), format!("from server {round}{letter}\n"));
                stream.connection_mut().update_keys(letter == "K").unwrap();
                stream.write_all(format!("from client {round}{letter}\n").as_bytes()).unwrap();
                process.wait_for_text(&format!("from client {round}{letter}\n"));
            }
        }
        stream.close().unwrap();
        process.wait_for_text("DONE");
    }
}

#[test]
fn close_notify_is_an_end_of_data_and_a_killed_server_is_a_truncation() {
    let Some(certificates) = certificates() else { return };
    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &["-www"]);
    let mut stream = connect(address, config(&certificates)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.contains("New, TLSv1.3"), "{page}");
    assert!(stream.connection().is_closed());

    let (mut process, address) = s_server(&certificates, Kind::EcdsaP256, &[]);
    let mut stream = connect(address, config(&certificates)).unwrap();
    process.say("last line\n");
    assert_eq!(read_line(&mut stream), "last line\n");
    process.kill();
    let error = stream.read(&mut [0; 10]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(bulla::tls_error(&error), Some(&Error::Truncated));
}

/// Moves some MiB both ways at once through a server that was started like this.
fn moves_much_data(certificates: &Certificates, arguments: &[&str], len: usize) {
    let (mut process, address) = s_server(certificates, Kind::EcdsaP256, arguments);
    let stream = connect(address, config(certificates)).unwrap();
    let write_side = stream.transport().try_clone().unwrap();
    let (mut reader, mut writer) = stream.split(write_side).unwrap();
    let sent = digits(len);
    process.say_all(sent.clone());
    let expected = sent.clone();
    let reading = Background::start(move || {
        let mut received = vec![0; expected.len()];
        reader.read_exact(&mut received).unwrap();
        assert!(received == expected, "what came is not what was sent");
    });
    writer.write_all(&sent).unwrap();
    writer.write_all(b"end of all\n").unwrap();
    reading.finish();
    process.wait_for("all data", |stdout, _| {
        let end = stdout.windows(11).rposition(|window| window == b"end of all\n")?;
        assert!(stdout[..end].ends_with(&sent), "the server received something else");
        Some(())
    });
    writer.close().unwrap();
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

#[test]
fn tickets_are_passed_over() {
    let Some(certificates) = certificates() else { return };
    for tickets in ["0", "1", "8"] {
        let arguments = ["-num_tickets", tickets, "-early_data", "-max_early_data", "16384"];
        let (mut process, address) = s_server(&certificates, Kind::EcdsaP256, &arguments);
        let mut stream = connect(address, config(&certificates)).unwrap();
        process.say("after the tickets\n");
        assert_eq!(read_line(&mut stream), "after the tickets\n");
        stream.close().unwrap();
        process.wait_for_text("DONE");
    }
}

#[test]
fn handshake_works_without_middlebox_compatibility_on_either_side() {
    let Some(certificates) = certificates() else { return };
    for arguments in [&["-rev"][..], &["-rev", "-no_middlebox"], &["-rev", "-groups", "P-384"]] {
        let (_process, address) = s_server(&certificates, Kind::EcdsaP256, arguments);
        for on in [true, false] {
            reverse_a_line(connect(address, config(&certificates).middlebox_compatibility(on)).unwrap());
        }
    }
}

#[test]
fn intermediate_is_needed_and_used() {
    let Some(certificates) = certificates() else { return };
    let path = |file| certificates.folder.text(file);
    let (leaf, key, intermediate) = (path("deep.pem"), path("deep.key"), path("intermediate.pem"));
    let with = ["-rev", "-cert", &leaf, "-key", &key, "-cert_chain", &intermediate];
    let (_process, address) = s_server_with(&with);
    let stream = connect(address, config(&certificates)).unwrap();
    assert_eq!(facts(stream.connection()).peer_chain_len, 2);
    reverse_a_line(stream);

    let (process, address) = s_server_with(&["-rev", "-cert", &leaf, "-key", &key]);
    let error = tls_failure(connect(address, config(&certificates)));
    assert_eq!((error.name(), error.alert()), ("UnknownIssuer", Some(AlertDescription::unknown_ca)));
    process.wait_for_text("alert unknown ca");
}

#[test]
fn server_without_tls13_is_refused_in_clear_words() {
    let Some(certificates) = certificates() else { return };
    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &["-rev", "-tls1_2"]);
    let error = tls_failure(connect(address, config(&certificates).versions([ProtocolVersion::TLSv1_3]).unwrap()));
    assert_eq!(error, Error::AlertReceived(AlertDescription::protocol_version));
}

#[test]
fn server_without_our_suite_or_group_sends_handshake_failure() {
    let Some(certificates) = certificates() else { return };
    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &["-rev", "-groups", "X448"]);
    let error = tls_failure(connect(address, config(&certificates)));
    assert_eq!(error, Error::AlertReceived(AlertDescription::handshake_failure));
    let arguments = ["-rev", "-ciphersuites", "TLS_AES_128_GCM_SHA256"];
    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &arguments);
    let config = config(&certificates).cipher_suites([CipherSuite::TLS_AES_256_GCM_SHA384]).unwrap();
    let error = tls_failure(connect(address, config));
    assert_eq!(error, Error::AlertReceived(AlertDescription::handshake_failure));
}

#[test]
fn missing_client_certificate_is_told_as_an_alert_on_the_first_read() {
    let Some(certificates) = certificates() else { return };
    let roots = certificates.roots_file();
    let required = ["-rev", "-Verify", "1", "-verify_return_error", "-CAfile", &roots];
    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &required);
    let mut stream = connect(address, config(&certificates)).unwrap();
    let error = tls_failure(stream.read(&mut [0; 10]));
    assert_eq!(error, Error::AlertReceived(AlertDescription::certificate_required));

    // One that only asks goes on.
    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &["-rev", "-verify", "1", "-CAfile", &roots]);
    reverse_a_line(connect(address, config(&certificates)).unwrap());
}

#[test]
fn secrets_and_exported_keys_are_the_same_on_both_ends() {
    let Some(certificates) = certificates() else { return };
    for (index, suite) in SUITES.into_iter().enumerate() {
        let file = certificates.folder.text(&format!("s_server-{index}.keys"));
        let exported = ["-keymatexport", "EXPORTER-bulla", "-keymatexportlen", "42"];
        let (process, address) =
            s_server(&certificates, Kind::EcdsaP256, &[&["-keylogfile", &file], &exported[..]].concat());
        let kept = Arc::new(KeptKeys::default());
        let config = config(&certificates).cipher_suites([suite]).unwrap().key_log(kept.clone());
        let mut stream = connect(address, config).unwrap();
        let mut ours = [0; 42];
        stream.connection().export(b"EXPORTER-bulla", Some(b""), &mut ours).unwrap();
        let ours: String = ours.iter().map(|byte| format!("{byte:02X}")).collect();
        let theirs = process.wait_for_line("    Keying material: ");
        assert_eq!(theirs, ours);
        stream.close().unwrap();
        process.wait_for_text("DONE");
        assert_eq!(sorted_key_log(&std::fs::read_to_string(file).unwrap()), kept.sorted());
        assert_eq!(kept.sorted().len(), 5);
    }
}

#[test]
fn plaintext_server_is_told_from_a_tls_server() {
    let (address, served) = peer::serve_once(|mut socket| socket.write_all(b"SSH-2.0-something\r\n"));
    let error = tls_failure(connect(address, ClientConfig::new(bulla::Roots::new())));
    assert_eq!(error.name(), "NotTls");
    served.finish().unwrap();
}
