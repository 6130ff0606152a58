//! Our client against `openssl s_server`, TLS 1.2.
#![cfg(feature = "tls12")]

#[path = "support/peer_certificates.rs"]
mod certificates;
#[path = "support/peer_ends.rs"]
mod ends;
#[path = "support/peer.rs"]
mod peer;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use bulla::danger::DangerousCompatibility;
use bulla::wire::{AlertDescription, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};
use bulla::{ClientConfig, Error};
use certificates::{
    Certificates, KINDS, Kind, NAME, Wanted, config_without_extended_master_secret, issue, issue_rsa_4096,
};
use ends::{
    ClientStream, ECDSA_SUITES, GROUPS, KeptKeys, connect, connect_as, facts, facts_tls12, groups_with_curve_of,
    openssl_suite, read_line, sorted_key_log, tls_failure, tls12_scheme_of, tls12_suites,
};
use peer::{Background, Process, digits, is_installed, skipped};

/// The certificates, or `None` without the command; says so then.
fn certificates() -> Option<Arc<Certificates>> {
    if is_installed("openssl", "version") {
        return Some(Certificates::shared());
    }
    skipped("our client against openssl s_server in TLS 1.2", "openssl");
    None
}

/// Starts a server with the leaf of this kind.
fn s_server(certificates: &Certificates, kind: Kind, more: &[&str]) -> (Process, SocketAddr) {
    let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
    s_server_with(&[&["-cert", &certificate, "-key", &key], more].concat())
}

/// Starts a server that speaks TLS 1.2 unless its arguments say otherwise.
fn s_server_with(arguments: &[&str]) -> (Process, SocketAddr) {
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0"]);
    let says_version = |option: &&str| option.starts_with("-tls1") || option.starts_with("-no_tls1");
    let version = if arguments.iter().any(says_version) { &[][..] } else { &["-tls1_2"] };
    started(command.args(version).args(arguments))
}

fn started(command: &mut Command) -> (Process, SocketAddr) {
    let process = Process::start(command);
    let address = process.wait_for_line("ACCEPT ").parse().unwrap();
    (process, address)
}

/// Our client, which speaks both versions: the server's `-tls1_2` decides.
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

/// A client of one suite of TLS 1.2 beside all of TLS 1.3, and this group before the curve of the server's leaf.
fn choosing(certificates: &Certificates, kind: Kind, suite: CipherSuite, group: NamedGroup) -> ClientConfig {
    let suites = ends::SUITES.into_iter().chain([suite]);
    config(certificates).cipher_suites(suites).unwrap().groups(groups_with_curve_of(kind, group)).unwrap()
}

/// Every suite and group with this leaf, then a client certificate of every kind.
fn connects_with_leaf_of(kind: Kind) {
    let Some(certificates) = certificates() else { return };
    let suites = tls12_suites(kind);
    let (_process, address) = s_server(&certificates, kind, &["-rev"]);
    for suite in suites {
        for group in GROUPS {
            let stream = connect(address, choosing(&certificates, kind, suite, group)).unwrap();
            let facts = facts_tls12(stream.connection());
            assert_eq!((facts.suite, facts.group, facts.retried), (suite, group, false));
            assert_eq!((facts.peer_scheme, facts.peer_chain_len), (Some(tls12_scheme_of(kind)), 1));
            reverse_a_line(stream);
        }
    }

    let roots = certificates.roots_file();
    let required = ["-rev", "-Verify", "1", "-verify_return_error", "-CAfile", &roots];
    let (_process, address) = s_server(&certificates, kind, &required);
    for (index, client_kind) in KINDS.into_iter().enumerate() {
        let (suite, group) = (suites[index % 3], GROUPS[(index + 1) % 3]);
        let config = choosing(&certificates, kind, suite, group).identity(certificates.identity(client_kind));
        let stream = connect(address, config).unwrap();
        let facts = facts_tls12(stream.connection());
        assert_eq!((facts.suite, facts.group, facts.peer_scheme), (suite, group, Some(tls12_scheme_of(kind))));
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
fn version_is_the_newest_that_both_ends_allow() {
    let Some(certificates) = certificates() else { return };
    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &["-rev", "-no_tls1"]);
    let stream = connect(address, config(&certificates)).unwrap();
    facts(stream.connection());
    reverse_a_line(stream);
    // The server offers TLS 1.3 too, and marks its random so; a client that has TLS 1.2 alone need not look.
    let stream = connect(address, config(&certificates).versions([ProtocolVersion::TLSv1_2]).unwrap()).unwrap();
    facts_tls12(stream.connection());
    reverse_a_line(stream);

    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &["-rev", "-no_tls1_3"]);
    let stream = connect(address, config(&certificates)).unwrap();
    facts_tls12(stream.connection());
    reverse_a_line(stream);
}

#[test]
fn older_and_newer_servers_are_parted_from_with_protocol_version() {
    let Some(certificates) = certificates() else { return };
    for version in ["-tls1_1", "-tls1"] {
        // At its usual level the command has no algorithms for these.
        let arguments = ["-rev", version, "-cipher", "DEFAULT@SECLEVEL=0"];
        let (_process, address) = s_server(&certificates, Kind::Rsa, &arguments);
        let error = tls_failure(connect(address, config(&certificates)));
        // It looks into supported_versions, finds nothing of its own, and says so.
        assert_eq!(error, Error::AlertReceived(AlertDescription::protocol_version));
        let only_tls12 = config(&certificates).versions([ProtocolVersion::TLSv1_2]).unwrap();
        // It settles on its version, and finds no suite of ours that goes with it.
        let error = tls_failure(connect(address, only_tls12));
        assert_eq!(error, Error::AlertReceived(AlertDescription::handshake_failure));
    }
    let (_process, address) = s_server(&certificates, Kind::Rsa, &["-rev", "-tls1_3"]);
    let error = tls_failure(connect(address, config(&certificates).versions([ProtocolVersion::TLSv1_2]).unwrap()));
    assert_eq!(error, Error::AlertReceived(AlertDescription::protocol_version));
}

#[test]
fn each_rsa_scheme_is_negotiated_where_the_server_has_no_other() {
    let Some(certificates) = certificates() else { return };
    for (kind, sigalgs, scheme) in [
        (Kind::Rsa, "rsa_pkcs1_sha256", SignatureScheme::rsa_pkcs1_sha256),
        (Kind::Rsa, "rsa_pkcs1_sha384", SignatureScheme::rsa_pkcs1_sha384),
        (Kind::Rsa, "rsa_pkcs1_sha512", SignatureScheme::rsa_pkcs1_sha512),
        (Kind::Rsa, "rsa_pss_rsae_sha256", SignatureScheme::rsa_pss_rsae_sha256),
        (Kind::Rsa, "rsa_pss_rsae_sha384", SignatureScheme::rsa_pss_rsae_sha384),
        (Kind::Rsa, "rsa_pss_rsae_sha512", SignatureScheme::rsa_pss_rsae_sha512),
        (Kind::RsaPss, "rsa_pss_pss_sha256", SignatureScheme::rsa_pss_pss_sha256),
        (Kind::RsaPss, "rsa_pss_pss_sha384", SignatureScheme::rsa_pss_pss_sha384),
        (Kind::RsaPss, "rsa_pss_pss_sha512", SignatureScheme::rsa_pss_pss_sha512),
    ] {
        let (_process, address) = s_server(&certificates, kind, &["-rev", "-sigalgs", sigalgs]);
        let stream = connect(address, config(&certificates)).unwrap();
        assert_eq!(facts_tls12(stream.connection()).peer_scheme, Some(scheme));
        reverse_a_line(stream);
    }
}

#[test]
fn curve_and_hash_need_not_match_in_tls12() {
    let Some(certificates) = certificates() else { return };
    // In TLS 1.2 a scheme's name says nothing of the curve. RFC 8446 §4.2.3, RFC 8422 §5.1.3.
    let arguments = ["-rev", "-sigalgs", "ECDSA+SHA384"];
    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &arguments);
    let stream = connect(address, config(&certificates)).unwrap();
    assert_eq!(facts_tls12(stream.connection()).peer_scheme, Some(SignatureScheme::ecdsa_secp384r1_sha384));
    reverse_a_line(stream);
    let arguments = ["-rev", "-sigalgs", "ECDSA+SHA256"];
    let (_process, address) = s_server(&certificates, Kind::EcdsaP384, &arguments);
    let stream = connect(address, config(&certificates)).unwrap();
    assert_eq!(facts_tls12(stream.connection()).peer_scheme, Some(SignatureScheme::ecdsa_secp256r1_sha256));
    reverse_a_line(stream);
}

#[test]
fn client_certificate_is_signed_for_with_what_the_server_takes() {
    let Some(certificates) = certificates() else { return };
    let roots = certificates.roots_file();
    for (kind, sigalgs) in [
        (Kind::Rsa, "rsa_pkcs1_sha256"),
        (Kind::Rsa, "rsa_pkcs1_sha512"),
        (Kind::Rsa, "rsa_pss_rsae_sha384"),
        (Kind::EcdsaP256, "ECDSA+SHA256"),
        (Kind::EcdsaP384, "ECDSA+SHA384"),
    ] {
        let required = ["-rev", "-Verify", "1", "-verify_return_error", "-CAfile", &roots, "-client_sigalgs", sigalgs];
        let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &required);
        reverse_a_line(connect(address, config(&certificates).identity(certificates.identity(kind))).unwrap());
    }
    // One that it cannot use is not shown. `ring` signs with P-256 and SHA-256 alone, and with P-384 and SHA-384.
    for (kind, sigalgs) in
        [(Kind::Rsa, "ed25519"), (Kind::EcdsaP256, "ECDSA+SHA384"), (Kind::EcdsaP384, "ECDSA+SHA256")]
    {
        let required = ["-rev", "-Verify", "1", "-verify_return_error", "-CAfile", &roots, "-client_sigalgs", sigalgs];
        let (process, address) = s_server(&certificates, Kind::EcdsaP256, &required);
        let config = config(&certificates).identity(certificates.identity(kind));
        assert_eq!(tls_failure(connect(address, config)), Error::AlertReceived(AlertDescription::handshake_failure));
        process.wait_for_text("peer did not return a certificate");
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
        ("other.test", tls12_scheme_of(Kind::EcdsaP384), None),
    ] {
        let stream = connect_as(address, config.clone(), name).unwrap();
        let facts = facts_tls12(stream.connection());
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
    assert_eq!(facts_tls12(stream.connection()).server_name, None);
    reverse_a_line(stream);
}

#[test]
fn server_that_knows_not_our_name_sends_a_warning_and_the_handshake_goes_on_or_a_fatal_alert() {
    let Some(certificates) = certificates() else { return };
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    // Without -servername_fatal the command warns with unrecognized_name in the middle of the handshake.
    let named = ["-rev", "-servername", "else.test", "-cert2", &certificate, "-key2", &key];
    let (_process, address) = s_server(&certificates, Kind::Rsa, &named);
    reverse_a_line(connect(address, config(&certificates)).unwrap());
    let (_process, address) = s_server(&certificates, Kind::Rsa, &[&named[..], &["-servername_fatal"]].concat());
    let error = tls_failure(connect(address, config(&certificates)));
    assert_eq!(error, Error::AlertReceived(AlertDescription::unrecognized_name));
}

#[test]
fn stapled_response_reaches_us_only_if_we_ask() {
    let Some(certificates) = certificates() else { return };
    let file = certificates::ocsp_response(&certificates, Kind::EcdsaP256);
    let response = std::fs::read(&file).unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &["-rev", version, "-status_file", &file]);
        for asks in [true, false] {
            let stream = connect(address, config(&certificates).ask_for_ocsp(asks)).unwrap();
            let stapled = stream.connection().peer_ocsp_response();
            assert_eq!(stapled, Some(response.as_slice()).filter(|_| asks), "{version}");
            reverse_a_line(stream);
        }
    }
    // A server that has none is no trouble.
    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &["-rev"]);
    let stream = connect(address, config(&certificates).ask_for_ocsp(true)).unwrap();
    assert_eq!(stream.connection().peer_ocsp_response(), None);
    reverse_a_line(stream);
}

#[test]
fn renegotiation_is_answered_with_no_renegotiation() {
    let Some(certificates) = certificates() else { return };
    let (mut process, address) = s_server(&certificates, Kind::EcdsaP256, &["-msg"]);
    let mut stream = connect(address, config(&certificates)).unwrap();
    stream.write_all(b"first\n").unwrap();
    process.wait_for_text("first\n");
    process.say("r\n");
    // The command wanted it badly: it ends the connection when the warning comes.
    let error = tls_failure(stream.read(&mut [0]));
    process.wait_for_text("warning no_renegotiation");
    assert_eq!(error, Error::AlertReceived(AlertDescription::handshake_failure));
}

/// Starts a server that has no extended master secret.
fn without_extended_master_secret(certificates: &Certificates) -> (Process, SocketAddr) {
    let config = config_without_extended_master_secret(&certificates.folder);
    let kind = Kind::EcdsaP256;
    let (certificate, key) = (certificates.certificate_file(kind), certificates.key_file(kind));
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-rev", "-tls1_2", "-cert", &certificate, "-key", &key]);
    started(command.env("OPENSSL_CONF", config))
}

#[test]
fn server_without_extended_master_secret_is_refused_unless_danger_is_accepted() {
    let Some(certificates) = certificates() else { return };
    let (process, address) = without_extended_master_secret(&certificates);
    assert_eq!(tls_failure(connect(address, config(&certificates))).name(), "NoExtendedMasterSecret");
    process.wait_for_text("alert handshake failure");
    for suite in ECDSA_SUITES {
        let config =
            choosing(&certificates, Kind::EcdsaP256, suite, GROUPS[0]).danger_allow_without_extended_master_secret();
        let stream = connect(address, config).unwrap();
        assert_eq!(facts_tls12(stream.connection()).suite, suite);
        let exported = stream.connection().export(b"EXPORTER-bulla", None, &mut [0; 32]);
        assert_eq!(exported.unwrap_err().name(), "ExporterUnavailable");
        reverse_a_line(stream);
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
    assert!(page.contains("New, TLSv1.2"), "{page}");
    assert!(page.contains("Secure Renegotiation IS supported"), "{page}");
    assert!(page.contains("Extended master secret: yes"), "{page}");
    assert!(stream.connection().is_closed());

    let (mut process, address) = s_server(&certificates, Kind::EcdsaP256, &[]);
    let mut stream = connect(address, config(&certificates)).unwrap();
    process.say("last line\n");
    assert_eq!(read_line(&mut stream), "last line\n");
    process.kill();
    assert_eq!(tls_failure(stream.read(&mut [0; 10])), Error::Truncated);
}

/// Moves some MiB both ways at once through a server that was started like this.
fn moves_much_data(certificates: &Certificates, kind: Kind, arguments: &[&str], len: usize) {
    let (mut process, address) = s_server(certificates, kind, arguments);
    let stream = connect(address, config(certificates)).unwrap();
    facts_tls12(stream.connection());
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
fn much_data_goes_both_ways_at_once_in_every_suite() {
    let Some(certificates) = certificates() else { return };
    for kind in [Kind::EcdsaP256, Kind::Rsa] {
        for suite in tls12_suites(kind) {
            moves_much_data(&certificates, kind, &["-cipher", openssl_suite(suite)], 1 << 20);
        }
    }
}

#[test]
fn small_records_are_received() {
    let Some(certificates) = certificates() else { return };
    let more = ["-max_send_frag", "512", "-split_send_frag", "512"];
    // The handshake is in pieces too: the server's certificate is longer than a record.
    moves_much_data(&certificates, Kind::Rsa, &more, 1 << 17);
    moves_much_data(&certificates, Kind::EcdsaP256, &more, 1 << 17);
}

#[test]
fn tickets_and_session_ids_are_passed_over() {
    let Some(certificates) = certificates() else { return };
    for more in [&["-rev"][..], &["-rev", "-no_ticket"], &["-rev", "-no_cache"], &["-rev", "-serverpref"]] {
        let (_process, address) = s_server(&certificates, Kind::EcdsaP256, more);
        for compatible in [true, false] {
            reverse_a_line(connect(address, config(&certificates).middlebox_compatibility(compatible)).unwrap());
        }
    }
}

#[test]
fn intermediate_is_needed_and_used_and_so_are_keys_of_4096_bits() {
    let Some(certificates) = certificates() else { return };
    let path = |file| certificates.folder.text(file);
    let (leaf, key, intermediate) = (path("deep.pem"), path("deep.key"), path("intermediate.pem"));
    let with = ["-rev", "-cert", &leaf, "-key", &key, "-cert_chain", &intermediate];
    let (_process, address) = s_server_with(&with);
    let stream = connect(address, config(&certificates)).unwrap();
    assert_eq!(facts_tls12(stream.connection()).peer_chain_len, 2);
    reverse_a_line(stream);

    let (process, address) = s_server_with(&["-rev", "-cert", &leaf, "-key", &key]);
    let error = tls_failure(connect(address, config(&certificates)));
    assert_eq!((error.name(), error.alert()), ("UnknownIssuer", Some(AlertDescription::unknown_ca)));
    process.wait_for_text("alert unknown ca");

    issue_rsa_4096(&certificates.folder);
    let (leaf, key, authority) = (path("rsa4096.pem"), path("rsa4096.key"), path("ca-rsa4096.pem"));
    let required = ["-Verify", "1", "-verify_return_error", "-CAfile", &authority];
    let with = ["-rev", "-cert", &leaf, "-key", &key, "-cert_chain", &authority];
    let (_process, address) = s_server_with(&[&with[..], &required].concat());
    let identity = bulla::Identity::from_files(&leaf, &key).unwrap();
    let config = ClientConfig::new(bulla::Roots::from_file(&authority).unwrap()).identity(identity);
    reverse_a_line(connect(address, config).unwrap());
}

#[test]
fn server_without_our_suite_or_group_sends_handshake_failure() {
    let Some(certificates) = certificates() else { return };
    for more in [
        &["-groups", "X448"][..],
        &["-cipher", "AES128-GCM-SHA256"],
        &["-cipher", "ECDHE-ECDSA-AES128-SHA256"],
        &["-sigalgs", "ECDSA+SHA1", "-cipher", "DEFAULT@SECLEVEL=0"],
    ] {
        let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &[&["-rev"], more].concat());
        let error = tls_failure(connect(address, config(&certificates)));
        assert_eq!(error, Error::AlertReceived(AlertDescription::handshake_failure), "{more:?}");
    }
}

#[test]
fn missing_client_certificate_ends_the_handshake_if_required() {
    let Some(certificates) = certificates() else { return };
    let roots = certificates.roots_file();
    let required = ["-rev", "-Verify", "1", "-verify_return_error", "-CAfile", &roots];
    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &required);
    let error = tls_failure(connect(address, config(&certificates)));
    assert_eq!(error, Error::AlertReceived(AlertDescription::handshake_failure));

    // One that only asks goes on.
    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &["-rev", "-verify", "1", "-CAfile", &roots]);
    reverse_a_line(connect(address, config(&certificates)).unwrap());

    // One whose authority is unknown is refused within the handshake.
    let other = certificates.folder.text("ca-rsa.pem");
    let required = ["-rev", "-Verify", "1", "-verify_return_error", "-CAfile", &other];
    let (_process, address) = s_server(&certificates, Kind::EcdsaP256, &required);
    let config = config(&certificates).identity(certificates.identity(Kind::EcdsaP256));
    let error = tls_failure(connect(address, config));
    assert_eq!(error, Error::AlertReceived(AlertDescription::unknown_ca));
}

#[test]
fn secrets_and_exported_keys_are_the_same_on_both_ends() {
    let Some(certificates) = certificates() else { return };
    for (index, suite) in ECDSA_SUITES.into_iter().enumerate() {
        let file = certificates.folder.text(&format!("s_server-tls12-{index}.keys"));
        let exported = ["-keymatexport", "EXPORTER-bulla", "-keymatexportlen", "42"];
        let (process, address) =
            s_server(&certificates, Kind::EcdsaP256, &[&["-keylogfile", &file], &exported[..]].concat());
        let kept = Arc::new(KeptKeys::default());
        let mut stream =
            connect(address, choosing(&certificates, Kind::EcdsaP256, suite, GROUPS[0]).key_log(kept.clone())).unwrap();
        let mut ours = [0; 42];
        // The command exports without a context, which differs from an empty one here. RFC 5705 §4.
        stream.connection().export(b"EXPORTER-bulla", None, &mut ours).unwrap();
        let ours: String = ours.iter().map(|byte| format!("{byte:02X}")).collect();
        let theirs = process.wait_for_line("    Keying material: ");
        assert_eq!(theirs, ours);
        stream.close().unwrap();
        process.wait_for_text("DONE");
        assert_eq!(sorted_key_log(&std::fs::read_to_string(file).unwrap()), kept.sorted());
        assert_eq!(kept.sorted().len(), 1);
    }
}
