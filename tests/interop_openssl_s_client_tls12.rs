//! `openssl s_client` against our server, TLS 1.2.
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
use bulla::wire::{AlertDescription, CipherSuite, ProtocolVersion, SignatureScheme};
use bulla::{ClientAuth, Error, ServerConfig};
use certificates::{Certificates, KINDS, Kind, NAME, config_without_extended_master_secret, issue_rsa_4096};
use ends::{
    Facts, GROUPS, KeptKeys, ServerStream, echo_line, echo_line_tls12, groups_with_curve_of, openssl_group,
    openssl_suite, read_line, serve, sorted_key_log, tls_failure, tls12_scheme_of, tls12_suites, try_serve,
};
use peer::{Background, Finished, Process, digits, is_installed, skipped};

/// The certificates, or `None` without the command; says so then.
fn certificates() -> Option<Arc<Certificates>> {
    if is_installed("openssl", "version") {
        return Some(Certificates::shared());
    }
    skipped("openssl s_client against our server in TLS 1.2", "openssl");
    None
}

/// Our server, which speaks both versions: the client's `-tls1_2` decides.
fn config(certificates: &Certificates, kind: Kind) -> ServerConfig {
    ServerConfig::new(certificates.identity(kind))
}

/// Starts a client that verifies our chain and name, and speaks TLS 1.2 unless `more` says otherwise.
fn s_client(certificates: &Certificates, address: SocketAddr, more: &[&str]) -> Process {
    let (roots, address) = (certificates.roots_file(), address.to_string());
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address, "-CAfile", &roots, "-verify_return_error"]);
    command.args(["-servername", NAME, "-verify_hostname", NAME]);
    let says_version = |option: &&str| option.starts_with("-tls1") || option.starts_with("-no_tls1");
    let version = if more.iter().any(says_version) { &[][..] } else { &["-tls1_2"] };
    Process::start(command.args(version).args(more))
}

/// Lets a client send a line to our server, which sends it back, and lets it close; returns what both ends tell.
#[track_caller]
fn exchange(certificates: &Certificates, config: ServerConfig, more: &[&str]) -> (Facts, Finished) {
    let (address, served) = serve(config, echo_line_tls12);
    let mut process = s_client(certificates, address, &[&["-brief"], more].concat());
    process.say("there and back\n");
    process.wait_for_text("there and back\n");
    let finished = process.finish().successful();
    (served.finish(), finished)
}

/// Every suite and group with this leaf, then a client certificate of every kind.
fn connects_with_leaf_of(kind: Kind) {
    let Some(certificates) = certificates() else { return };
    let suites = tls12_suites(kind);
    for suite in suites {
        for group in GROUPS {
            let groups = groups_with_curve_of(kind, group).into_iter().map(openssl_group).collect::<Vec<_>>().join(":");
            let chosen = ["-cipher", openssl_suite(suite), "-groups", &groups];
            let (facts, finished) =
                exchange(&certificates, config(&certificates, kind).groups([group]).unwrap(), &chosen);
            assert_eq!((facts.suite, facts.group, facts.retried), (suite, group, false));
            assert_eq!((facts.server_name.as_deref(), facts.peer_scheme), (Some(NAME), None));
            let text = finished.text();
            assert!(text.contains("Protocol version: TLSv1.2"), "{text}");
            assert!(text.contains(&format!("Ciphersuite: {}", openssl_suite(suite))), "{text}");
            assert!(text.contains("Verification: OK"), "{text}");
        }
    }
    let roots = Arc::new(certificates.roots());
    for (index, client_kind) in KINDS.into_iter().enumerate() {
        let (certificate, key) = (certificates.certificate_file(client_kind), certificates.key_file(client_kind));
        let (suite, group) = (suites[index % 3], GROUPS[(index + 1) % 3]);
        let config = config(&certificates, kind).client_auth(ClientAuth::Require(Arc::clone(&roots)));
        let config = config.cipher_suites([suite]).unwrap().groups([group]).unwrap();
        let (facts, _) = exchange(&certificates, config, &["-cert", &certificate, "-key", &key]);
        assert_eq!((facts.suite, facts.group), (suite, group));
        assert_eq!(facts.peer_scheme, Some(tls12_scheme_of(client_kind)));
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
fn version_is_the_newest_that_both_ends_allow() {
    let Some(certificates) = certificates() else { return };
    let config = config(&certificates, Kind::EcdsaP256);
    let both = ["-no_tls1", "-brief"];
    let (address, served) = serve(config.clone(), echo_line);
    let mut process = s_client(&certificates, address, &both);
    process.say("there and back\n");
    process.wait_for_text("there and back\n");
    assert!(process.finish().successful().text().contains("Protocol version: TLSv1.3"));
    served.finish();

    exchange(&certificates, config.clone(), &["-no_tls1_3"]);
    let only_tls12 = config.versions([ProtocolVersion::TLSv1_2]).unwrap();
    // The client offers both, and finds no sign of a downgrade in a server that has TLS 1.2 alone.
    let (_, finished) = exchange(&certificates, only_tls12, &["-no_tls1"]);
    assert!(finished.text().contains("Protocol version: TLSv1.2"), "{}", finished.text());
}

#[test]
fn older_and_newer_clients_are_sent_protocol_version() {
    let Some(certificates) = certificates() else { return };
    let config = config(&certificates, Kind::EcdsaP256);
    let only_tls12 = config.clone().versions([ProtocolVersion::TLSv1_2]).unwrap();
    for (config, more) in [
        // At its usual level the command has no algorithms for these.
        (config.clone(), &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"][..]),
        (config, &["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"]),
        (only_tls12, &["-tls1_3"]),
    ] {
        let (address, served) = try_serve(config, tls_failure);
        let text = s_client(&certificates, address, more).finish().text();
        assert_eq!(served.finish().name(), "NoCommonVersion");
        assert!(text.contains("alert protocol version"), "{text}");
    }
}

#[test]
fn client_that_fell_back_is_told_so_only_where_it_could_have_more() {
    let Some(certificates) = certificates() else { return };
    let config = config(&certificates, Kind::EcdsaP256);
    let (address, served) = try_serve(config.clone(), tls_failure);
    let text = s_client(&certificates, address, &["-fallback_scsv", "-no_tls1_3"]).finish().text();
    assert_eq!(served.finish().name(), "InappropriateFallback");
    assert!(text.contains("alert inappropriate fallback"), "{text}");
    let only_tls12 = config.versions([ProtocolVersion::TLSv1_2]).unwrap();
    exchange(&certificates, only_tls12, &["-fallback_scsv", "-no_tls1_3"]);
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
        ("rsa_pkcs1_sha256", "RSA", "SHA256"),
        ("rsa_pkcs1_sha384", "RSA", "SHA384"),
        ("rsa_pkcs1_sha512", "RSA", "SHA512"),
    ] {
        let (_, finished) = exchange(&certificates, all(), &["-sigalgs", sigalgs]);
        let text = finished.text();
        assert!(text.contains(&format!("Signature type: {signature}\n")), "{sigalgs}: {text}");
        assert!(text.contains(&format!("Hash used: {hash}\n")) || hash == "UNDEF", "{sigalgs}: {text}");
    }
    let only_ecdsa = config(&certificates, Kind::EcdsaP256);
    for (more, error) in [
        (["-sigalgs", "ed25519"], "NoCommonSignatureScheme"),
        (["-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "NoCommonSignatureScheme"),
        (["-cipher", "AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA"], "NoCommonCipherSuite"),
        (["-groups", "X448:P-521"], "NoCommonGroup"),
    ] {
        let (address, served) = try_serve(only_ecdsa.clone(), tls_failure);
        let text = s_client(&certificates, address, &more).finish().text();
        assert_eq!(served.finish().name(), error);
        assert!(text.contains("alert handshake failure"), "{text}");
    }
}

#[test]
fn client_signs_with_the_scheme_that_we_accept() {
    let Some(certificates) = certificates() else { return };
    let roots = Arc::new(certificates.roots());
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    for scheme in [
        SignatureScheme::rsa_pkcs1_sha256,
        SignatureScheme::rsa_pkcs1_sha384,
        SignatureScheme::rsa_pkcs1_sha512,
        SignatureScheme::rsa_pss_rsae_sha512,
    ] {
        let config = config(&certificates, Kind::EcdsaP256).client_auth(ClientAuth::Require(Arc::clone(&roots)));
        let config = config.accepted_signature_schemes([scheme]).unwrap();
        let (facts, _) = exchange(&certificates, config, &["-cert", &certificate, "-key", &key]);
        assert_eq!(facts.peer_scheme, Some(scheme));
    }
}

#[test]
fn missing_client_certificate_is_refused_if_required_and_passes_if_requested() {
    let Some(certificates) = certificates() else { return };
    let roots = Arc::new(certificates.roots());
    let required = config(&certificates, Kind::EcdsaP256).client_auth(ClientAuth::Require(Arc::clone(&roots)));
    let (address, served) = try_serve(required, tls_failure);
    let process = s_client(&certificates, address, &[]);
    process.wait_for_text("alert handshake failure");
    assert_eq!(served.finish().name(), "ClientCertificateRequiredTls12");

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
fn rsa_keys_of_4096_bits_sign_on_both_ends() {
    let Some(certificates) = certificates() else { return };
    issue_rsa_4096(&certificates.folder);
    let path = |file| certificates.folder.text(file);
    let (chain, leaf, key) = (path("rsa4096-chain.pem"), path("rsa4096.pem"), path("rsa4096.key"));
    let roots = bulla::Roots::from_file(path("ca-rsa4096.pem")).unwrap();
    let config = ServerConfig::new(bulla::Identity::from_files(&chain, &key).unwrap());
    let config = config.client_auth(ClientAuth::Require(Arc::new(roots)));
    // The authority's certificate comes with the chain and is the one that the command trusts.
    let trust = ["-CAfile", &path("ca-rsa4096.pem"), "-cert", &leaf, "-key", &key];
    let (facts, _) = exchange(&certificates, config, &trust);
    assert_eq!((facts.suite, facts.peer_scheme), (ends::RSA_SUITES[0], Some(SignatureScheme::rsa_pss_rsae_sha256)));
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
fn stapled_response_reaches_a_client_that_asks_for_it() {
    let Some(certificates) = certificates() else { return };
    let response = std::fs::read(certificates::ocsp_response(&certificates, Kind::EcdsaP256)).unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let identity = certificates.identity(Kind::EcdsaP256).ocsp_response(response.clone());
        let (address, served) = serve(ServerConfig::new(identity), |mut stream: ServerStream| read_line(&mut stream));
        let mut process = s_client(&certificates, address, &["-status", version]);
        process.wait_for_text("OCSP Response Status: successful (0x0)");
        process.wait_for_text("Cert Status: good");
        process.say("seen\n");
        assert_eq!(served.finish(), "seen\n");
    }
    // Nobody asks, and nothing comes; somebody asks, and there is nothing.
    let identity = certificates.identity(Kind::EcdsaP256).ocsp_response(response);
    let (_, finished) = exchange(&certificates, ServerConfig::new(identity), &[]);
    assert!(!finished.text().contains("OCSP"), "{}", finished.text());
    exchange(&certificates, config(&certificates, Kind::EcdsaP256), &["-status"]);
}

#[test]
fn extensions_that_we_do_not_know_are_passed_over() {
    let Some(certificates) = certificates() else { return };
    let roots = certificates.roots_file();
    for more in [
        &["-maxfraglen", "1024", "-serverinfo", "18,13172,65000"][..],
        &["-status", "-requestCAfile", &roots, "-no_ticket"],
        &["-use_srtp", "SRTP_AES128_CM_SHA1_80", "-nextprotoneg", "h2"],
        &["-no_etm", "-legacy_server_connect"],
    ] {
        exchange(&certificates, config(&certificates, Kind::EcdsaP256), more);
    }
}

#[test]
fn renegotiation_is_refused_with_an_alert() {
    let Some(certificates) = certificates() else { return };
    let (address, served) = serve(config(&certificates, Kind::EcdsaP256), |mut stream: ServerStream| {
        assert_eq!(read_line(&mut stream), "first\n");
        stream.write_all(b"answer\n").unwrap();
        let error = tls_failure(stream.read(&mut [0]));
        let _ = std::io::copy(stream.transport_mut(), &mut std::io::sink());
        error
    });
    let mut process = s_client(&certificates, address, &[]);
    process.wait_for_text("Secure Renegotiation IS supported");
    process.say("first\n");
    process.wait_for_text("answer\n");
    process.say("R\n");
    process.wait_for_text("RENEGOTIATING");
    process.wait_for_text("no renegotiation");
    process.kill();
    assert_eq!(served.finish().name(), "Renegotiation");
}

/// Starts a client that has no extended master secret.
fn without_extended_master_secret(certificates: &Certificates, address: SocketAddr) -> Process {
    let config = config_without_extended_master_secret(&certificates.folder);
    let (roots, address) = (certificates.roots_file(), address.to_string());
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address, "-CAfile", &roots, "-tls1_2"]).env("OPENSSL_CONF", config);
    Process::start(&mut command)
}

#[test]
fn client_without_extended_master_secret_is_refused_unless_danger_is_accepted() {
    let Some(certificates) = certificates() else { return };
    let config = config(&certificates, Kind::EcdsaP256);
    let (address, served) = try_serve(config.clone(), tls_failure);
    let text = without_extended_master_secret(&certificates, address).finish().text();
    assert_eq!(served.finish().name(), "NoExtendedMasterSecret");
    assert!(text.contains("alert handshake failure"), "{text}");

    for suite in ends::ECDSA_SUITES {
        let config = config.clone().danger_allow_without_extended_master_secret().cipher_suites([suite]).unwrap();
        let (address, served) = serve(config, |stream: ServerStream| {
            let exported = stream.connection().export(b"EXPORTER-bulla", None, &mut [0; 32]);
            (exported.unwrap_err().name(), echo_line_tls12(stream).suite)
        });
        let mut process = without_extended_master_secret(&certificates, address);
        process.wait_for_text("Extended master secret: no");
        process.say("there and back\n");
        process.wait_for_text("there and back\n");
        process.finish().successful();
        assert_eq!(served.finish(), ("ExporterUnavailable", suite));
    }
}

/// Moves some MiB both ways at once with a client that was started like this.
fn moves_much_data(certificates: &Certificates, suite: CipherSuite, more: &[&str], len: usize) {
    let expected = digits(len);
    let sent = expected.clone();
    let kind = if ends::RSA_SUITES.contains(&suite) { Kind::Rsa } else { Kind::EcdsaP256 };
    let config = config(certificates, kind).cipher_suites([suite]).unwrap();
    let (address, served) = serve(config, move |stream: ServerStream| {
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
fn much_data_goes_both_ways_at_once_in_every_suite() {
    let Some(certificates) = certificates() else { return };
    for suite in ends::ECDSA_SUITES.into_iter().chain(ends::RSA_SUITES) {
        moves_much_data(&certificates, suite, &[], 1 << 20);
    }
}

#[test]
fn small_records_are_received() {
    let Some(certificates) = certificates() else { return };
    for suite in ends::ECDSA_SUITES {
        let more = ["-max_send_frag", "512", "-split_send_frag", "512"];
        moves_much_data(&certificates, suite, &more, 1 << 17);
    }
    // A handshake in pieces: the client's certificate is longer than a record.
    let (certificate, key) = (certificates.certificate_file(Kind::Rsa), certificates.key_file(Kind::Rsa));
    let roots = Arc::new(certificates.roots());
    let config = config(&certificates, Kind::EcdsaP256).client_auth(ClientAuth::Require(roots));
    exchange(&certificates, config, &["-max_send_frag", "512", "-cert", &certificate, "-key", &key]);
}

#[test]
fn killed_client_is_a_truncation() {
    let Some(certificates) = certificates() else { return };
    let (address, served) = serve(config(&certificates, Kind::EcdsaP256), |mut stream: ServerStream| {
        assert_eq!(read_line(&mut stream), "last line\n");
        stream.write_all(b"seen\n").unwrap();
        tls_failure(stream.read(&mut [0]))
    });
    let mut process = s_client(&certificates, address, &["-quiet"]);
    process.say("last line\n");
    process.wait_for_text("seen");
    process.kill();
    assert_eq!(served.finish(), Error::Truncated);
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
    for (index, suite) in ends::ECDSA_SUITES.into_iter().enumerate() {
        let file = certificates.folder.text(&format!("s_client-tls12-{index}.keys"));
        let kept = Arc::new(KeptKeys::default());
        let config = config(&certificates, Kind::EcdsaP256).cipher_suites([suite]).unwrap().key_log(kept.clone());
        let (address, served) = serve(config, |stream: ServerStream| {
            let mut ours = [0; 42];
            // The command exports without a context, which differs from an empty one here. RFC 5705 §4.
            stream.connection().export(b"EXPORTER-bulla", None, &mut ours).unwrap();
            echo_line_tls12(stream);
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
        assert_eq!(kept.sorted().len(), 1);
    }
}

/// Lets the two commands make a session; returns its file.
fn session_of_another_server(certificates: &Certificates, more: &[&str]) -> String {
    let (certificate, key) = (certificates.certificate_file(Kind::EcdsaP256), certificates.key_file(Kind::EcdsaP256));
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", "127.0.0.1:0", "-rev", "-cert", &certificate, "-key", &key]).args(more);
    let server = Process::start(&mut command);
    let address = server.wait_for_line("ACCEPT ").parse().unwrap();
    let session = certificates.folder.text("session-tls12.pem");
    let mut client = s_client(certificates, address, &["-sess_out", &session]);
    client.wait_for_text("Verify return code: 0 (ok)");
    client.say("there\n");
    client.wait_for_text("ereht\n");
    client.finish().successful();
    session
}

#[test]
fn resumption_by_ticket_or_session_id_is_declined_into_a_full_handshake() {
    let Some(certificates) = certificates() else { return };
    for more in [&[][..], &["-no_ticket"]] {
        let session = session_of_another_server(&certificates, more);
        let (address, served) = serve(config(&certificates, Kind::EcdsaP256), echo_line_tls12);
        let mut process = s_client(&certificates, address, &["-sess_in", &session]);
        process.wait_for_text("New, TLSv1.2");
        process.say("there and back\n");
        process.wait_for_text("there and back\n");
        process.finish().successful();
        served.finish();
    }
}
