//! TLS 1.2 in memory: every suite, group and scheme, and what is its own: extended master secret, renegotiation, warnings.

#![cfg(feature = "tls12")]

#[path = "support/pair.rs"]
mod pair;

use std::sync::{Arc, Mutex};

#[cfg(feature = "post-quantum")]
use bulla::ConfigError;
use bulla::config::{CertificateRequestInfo, ChooseClientIdentity, ChooseServerIdentity, ClientHelloInfo, Decision};
use bulla::crypto::{Authentication, SuiteTls12};
use bulla::wire::{
    AlertDescription, CipherSuite, ClientExtension, ClientHello, DistinguishedName, HANDSHAKE_HEADER_LEN, NamedGroup,
    ProtocolVersion, RECORD_HEADER_LEN, SignatureScheme, read_all, write_message,
};
use bulla::{ClientAuth, ClientConfig, Error, Identity, ServerConfig};
use pair::{Authority, KEY_KINDS, KeyKind, Pair, configs, configs_by, data, send};

fn tls12((client, server): (ClientConfig, ServerConfig)) -> (ClientConfig, ServerConfig) {
    (client.versions([ProtocolVersion::TLSv1_2]).unwrap(), server.versions([ProtocolVersion::TLSv1_2]).unwrap())
}

fn schemes_of(kind: KeyKind) -> &'static [SignatureScheme] {
    match kind {
        KeyKind::EcdsaP256 => &[SignatureScheme::ecdsa_secp256r1_sha256],
        KeyKind::EcdsaP384 => &[SignatureScheme::ecdsa_secp384r1_sha384],
        KeyKind::Ed25519 => &[SignatureScheme::ed25519],
        KeyKind::Rsa => &[
            SignatureScheme::rsa_pss_rsae_sha256,
            SignatureScheme::rsa_pss_rsae_sha384,
            SignatureScheme::rsa_pss_rsae_sha512,
            SignatureScheme::rsa_pkcs1_sha256,
            SignatureScheme::rsa_pkcs1_sha384,
            SignatureScheme::rsa_pkcs1_sha512,
        ],
    }
}

#[test]
fn every_suite_group_and_scheme_connects_and_moves_data() {
    let mut count = 0;
    for kind in KEY_KINDS {
        let authority = Authority::new();
        let (client, server) = tls12(configs_by(&authority, kind));
        let authentication = if kind == KeyKind::Rsa { Authentication::Rsa } else { Authentication::Ecdsa };
        for row in SuiteTls12::ALL.iter().filter(|row| row.authentication == authentication) {
            for group in [NamedGroup::x25519, NamedGroup::secp256r1, NamedGroup::secp384r1] {
                for scheme in schemes_of(kind) {
                    let client = client.clone().cipher_suites([row.suite.id]).unwrap();
                    let server = server.clone().groups([group]).unwrap().signature_schemes([*scheme]).unwrap();
                    let mut pair = Pair::established(client, server);
                    for connection in [&*pair.client, &*pair.server] {
                        assert_eq!(connection.protocol_version(), Some(ProtocolVersion::TLSv1_2));
                        assert_eq!(connection.cipher_suite(), Some(row.suite.id));
                        assert_eq!(connection.group(), Some(group));
                    }
                    assert_eq!(pair.client.peer_signature_scheme(), Some(*scheme));
                    let ping = vec![7; 40_000];
                    pair.to_server = send(&mut pair.client, &ping);
                    pair.to_client = send(&mut pair.server, b"pong");
                    pair.run().unwrap();
                    assert_eq!((data(&pair.server_seen), data(&pair.client_seen)), (ping, b"pong".to_vec()));
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 3 * 3 * (1 + 1 + 1 + 6));
}

#[test]
fn both_versions_offered_settle_on_tls13_and_one_end_alone_on_tls12() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let pair = Pair::established(client.clone(), server.clone());
    assert_eq!(pair.client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    for (client, server) in [
        (client.clone().versions([ProtocolVersion::TLSv1_2]).unwrap(), server.clone()),
        // A server without TLS 1.3 has no sentinel to send.
        (client, server.versions([ProtocolVersion::TLSv1_2]).unwrap()),
    ] {
        let mut pair = Pair::established(client, server);
        assert_eq!(pair.client.protocol_version(), Some(ProtocolVersion::TLSv1_2));
        pair.client.close();
        pair.run().unwrap();
        assert!(pair.server.is_closed());
    }
}

#[test]
fn client_certificate_is_shown_verified_and_reported() {
    let authority = Authority::new();
    for kind in KEY_KINDS {
        let (client, server) = tls12(configs_by(&authority, KeyKind::EcdsaP256));
        let client = client.identity(authority.identity(&["client.test"], kind));
        let server = server.client_auth(ClientAuth::Require(Arc::new(authority.roots())));
        let pair = Pair::established(client, server);
        assert_eq!(pair.server.peer_certificates().len(), 1);
        assert!(schemes_of(kind).contains(&pair.server.peer_signature_scheme().unwrap()));
    }
    let (client, server) = tls12(configs_by(&authority, KeyKind::EcdsaP256));
    let roots = Arc::new(authority.roots());
    let required = server.clone().client_auth(ClientAuth::Require(Arc::clone(&roots)));
    let (end, error) = Pair::new(client.clone(), required).run().unwrap_err();
    assert_eq!((end, error.name()), ("server", "ClientCertificateRequiredTls12"));
    let pair = Pair::established(client, server.client_auth(ClientAuth::Request(roots)));
    assert!(pair.server.peer_certificates().is_empty());
}

#[test]
fn exporters_agree_and_tell_an_absent_context_from_an_empty_one() {
    let (client, server) = tls12(configs(KeyKind::EcdsaP256));
    let pair = Pair::established(client, server);
    let export = |connection: &bulla::Connection, context: Option<&[u8]>| {
        let mut output = [0; 48];
        connection.export(b"EXPORTER-test", context, &mut output).unwrap();
        output
    };
    for context in [None, Some(&b""[..]), Some(b"context")] {
        assert_eq!(export(&pair.client, context), export(&pair.server, context));
    }
    assert_ne!(export(&pair.client, None), export(&pair.client, Some(b"")));
    assert_eq!(pair.client.tls_exporter_channel_binding(), pair.server.tls_exporter_channel_binding());
}

#[test]
fn asking_for_new_keys_is_misuse_that_changes_nothing() {
    let (client, server) = tls12(configs(KeyKind::EcdsaP256));
    let mut pair = Pair::established(client, server);
    for ask_peer in [false, true] {
        assert_eq!(pair.client.update_keys(ask_peer).unwrap_err().name(), "NoKeyUpdate");
        assert_eq!(pair.server.update_keys(ask_peer).unwrap_err().name(), "NoKeyUpdate");
    }
    assert!(pair.client.is_established() && !pair.client.has_output());
    pair.to_server = send(&mut pair.client, b"ping");
    pair.to_client = send(&mut pair.server, b"pong");
    pair.run().unwrap();
    assert_eq!((data(&pair.server_seen), data(&pair.client_seen)), (b"ping".to_vec(), b"pong".to_vec()));
}

#[test]
fn stapled_response_reaches_the_client_that_asks_in_both_versions() {
    let authority = Authority::new();
    for version in [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3] {
        let client = ClientConfig::new(authority.roots()).clock(Arc::new(pair::NOW)).versions([version]).unwrap();
        let identity = authority.identity(&[pair::NAME], KeyKind::EcdsaP256).ocsp_response(b"a response".to_vec());
        let server = ServerConfig::new(identity);
        let asked = Pair::established(client.clone().ask_for_ocsp(true), server.clone());
        assert_eq!(asked.client.peer_ocsp_response(), Some(&b"a response"[..]));
        assert_eq!(Pair::established(client.clone(), server).client.peer_ocsp_response(), None);
        let (_, without) = configs_by(&authority, KeyKind::EcdsaP256);
        assert_eq!(Pair::established(client.ask_for_ocsp(true), without).client.peer_ocsp_response(), None);
    }
}

#[test]
fn suites_of_one_version_alone_leave_the_other_out() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let client = client.cipher_suites([CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]).unwrap();
    let pair = Pair::established(client.clone(), server);
    assert_eq!(pair.client.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert!(client.versions([ProtocolVersion::TLSv1_3]).is_err());
}

#[test]
fn client_of_tls12_alone_offers_no_group_that_tls12_has_not() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (client, server) = tls12((client, server));
    let mut pair = Pair::new(client.clone(), server);
    let hello = pair::output(&mut pair.client);
    let hello: ClientHello<'_> = read_all(&hello[RECORD_HEADER_LEN + HANDSHAKE_HEADER_LEN..]).unwrap();
    let groups = hello.extensions.iter().flatten().find_map(|extension| match extension {
        ClientExtension::SupportedGroups(groups) => Some(groups.clone()),
        _ => None,
    });
    assert_eq!(groups.unwrap(), [NamedGroup::x25519, NamedGroup::secp256r1, NamedGroup::secp384r1]);
    #[cfg(feature = "post-quantum")]
    assert_eq!(client.groups([NamedGroup::X25519MLKEM768]).unwrap_err(), ConfigError::NoGroupForVersions);
}

#[test]
fn server_may_accept_other_schemes_than_it_signs_with() {
    let authority = Authority::new();
    let (client, server) = configs_by(&authority, KeyKind::Rsa);
    let client = client.identity(authority.identity(&["client.test"], KeyKind::EcdsaP256));
    let server = server.client_auth(ClientAuth::Require(Arc::new(authority.roots())));
    let accepted = server.clone().accepted_signature_schemes([SignatureScheme::ecdsa_secp256r1_sha256]).unwrap();
    for version in [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3] {
        let pair = Pair::established(client.clone().versions([version]).unwrap(), accepted.clone());
        assert_eq!(pair.server.peer_signature_scheme(), Some(SignatureScheme::ecdsa_secp256r1_sha256));
    }
    // A client with another kind of key learns so from certificate_types, and shows none.
    let with_rsa = client.clone().identity(authority.identity(&["client.test"], KeyKind::Rsa));
    let (end, error) = Pair::new(with_rsa.versions([ProtocolVersion::TLSv1_2]).unwrap(), accepted).run().unwrap_err();
    assert_eq!((end, error.name()), ("server", "ClientCertificateRequiredTls12"));

    let both = server.signature_schemes([SignatureScheme::ecdsa_secp256r1_sha256]).unwrap();
    let (end, error) = Pair::new(client, both).run().unwrap_err();
    assert_eq!((end, error.name()), ("server", "NoCommonSignatureScheme"));
}

#[test]
fn server_shows_no_key_on_a_curve_that_the_client_does_not_name() {
    let authority = Authority::new();
    let (client, server) = tls12(configs_by(&authority, KeyKind::EcdsaP256));
    let client = client.groups([NamedGroup::secp384r1]).unwrap();
    let (end, error) = Pair::new(client.clone(), server.clone()).run().unwrap_err();
    assert_eq!((end, error.name()), ("server", "NoCommonSignatureScheme"));
    let with_rsa = server.and_identity(authority.identity(&[pair::NAME], KeyKind::Rsa));
    let pair = Pair::established(client.clone(), with_rsa);
    assert_eq!(pair.client.peer_signature_scheme(), Some(SignatureScheme::rsa_pss_rsae_sha256));
    // TLS 1.3 names keys by their schemes alone.
    let (_, server) = configs_by(&authority, KeyKind::EcdsaP256);
    Pair::established(client.versions([ProtocolVersion::TLSv1_3]).unwrap(), server);
}

/// Keeps what a server asks for, and shows nothing.
#[derive(Debug, Default)]
struct Curious(Mutex<Option<CertificateRequestInfo>>);

impl ChooseClientIdentity for Curious {
    fn choose(&self, request: &CertificateRequestInfo) -> Decision<Option<Arc<Identity>>> {
        *self.0.lock().unwrap() = Some(request.clone());
        Decision::Now(None)
    }
}

#[test]
fn certificate_request_for_rsa_keys_alone_shows_no_schemes_of_other_keys() {
    let authority = Authority::new();
    let (client, server) = tls12(configs_by(&authority, KeyKind::EcdsaP256));
    let server = server.client_auth(ClientAuth::Request(Arc::new(authority.roots())));
    let curious = Arc::new(Curious::default());
    let mut pair = Pair::new(client.choose_identity(curious.clone()), server);
    pair.to_server = pair::output(&mut pair.client);
    pair::feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
    let mut flight = pair::output(&mut pair.server);
    // certificate_types: two of them, ecdsa_sign and rsa_sign. The first becomes rsa_sign too.
    let types = flight.windows(3).position(|bytes| bytes == [2, 64, 1]).unwrap();
    flight[types + 1] = 1;
    pair::feed(&mut pair.client, &mut flight, &mut pair.client_seen).unwrap();
    let request = curious.0.lock().unwrap().clone().unwrap();
    assert!(request.signature_schemes.contains(&SignatureScheme::rsa_pss_rsae_sha256));
    assert!(request.signature_schemes.iter().all(|scheme| Authentication::of(*scheme) == Some(Authentication::Rsa)));
    assert!(request.certificate_signature_schemes.contains(&SignatureScheme::ecdsa_secp256r1_sha256));
}

/// A client's first record with its hello changed.
fn changed_hello(client: &mut bulla::Connection, change: impl FnOnce(&mut ClientHello<'_>)) -> Vec<u8> {
    let record = pair::output(client);
    let mut hello: ClientHello<'_> = read_all(&record[RECORD_HEADER_LEN + HANDSHAKE_HEADER_LEN..]).unwrap();
    change(&mut hello);
    let message = write_message(&hello).unwrap();
    let len = u16::try_from(message.len()).unwrap().to_be_bytes();
    [&[22, 3, 1, len[0], len[1]], &message[..]].concat()
}

#[test]
fn client_that_fell_back_is_told_so_wherever_the_server_speaks_a_higher_version() {
    let (client, both) = configs(KeyKind::EcdsaP256);
    let (client, only_tls12) = tls12((client, both.clone()));
    for (server, legacy_version, outcome) in [
        (&both, ProtocolVersion::TLSv1_2, Err("InappropriateFallback")),
        (&both, ProtocolVersion::TLSv1_1, Err("InappropriateFallback")),
        (&only_tls12, ProtocolVersion::TLSv1_1, Err("InappropriateFallback")),
        (&only_tls12, ProtocolVersion::TLSv1_2, Ok(())),
    ] {
        let mut pair = Pair::new(client.clone(), server.clone());
        let mut hello = changed_hello(&mut pair.client, |hello| {
            hello.legacy_version = legacy_version;
            hello.cipher_suites.push(CipherSuite::TLS_FALLBACK_SCSV);
        });
        let fed = pair::feed(&mut pair.server, &mut hello, &mut pair.server_seen);
        assert_eq!(fed.map_err(|error| error.name()), outcome, "{legacy_version}");
    }
}

#[test]
fn aborted_connection_tells_the_peer_why_in_both_versions_and_during_the_handshake() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    for version in [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3] {
        let client = client.clone().versions([version]).unwrap();
        let mut pair = Pair::established(client.clone(), server.clone());
        pair.server.abort(AlertDescription::access_denied);
        let error = pair.server.receive(&mut []).unwrap_err();
        assert_eq!(error, Error::Refused(AlertDescription::access_denied));
        pair.to_client = pair::output(&mut pair.server);
        let fed = pair::feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen);
        assert_eq!(fed, Err(Error::AlertReceived(AlertDescription::access_denied)));

        let mut pair = Pair::new(client, server.clone());
        pair.client.abort(AlertDescription::internal_error);
        pair.to_server = pair::output(&mut pair.client);
        let fed = pair::feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen);
        assert_eq!(fed, Err(Error::AlertReceived(AlertDescription::internal_error)));
    }
}

/// Keeps what a client says of itself, and has nothing to show.
#[derive(Debug, Default)]
struct Listener(Mutex<Option<ClientHelloInfo>>);

impl ChooseServerIdentity for Listener {
    fn choose(&self, hello: &ClientHelloInfo) -> Decision<Option<Arc<Identity>>> {
        *self.0.lock().unwrap() = Some(hello.clone());
        Decision::Now(None)
    }
}

#[test]
fn authorities_that_a_client_names_reach_whoever_chooses_its_certificate() {
    let (client, _) = configs(KeyKind::EcdsaP256);
    for version in [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3] {
        let listener = Arc::new(Listener::default());
        let server = ServerConfig::choosing(listener.clone());
        let mut pair = Pair::new(client.clone().versions([version]).unwrap(), server);
        let mut hello = changed_hello(&mut pair.client, |hello| {
            let authorities = ClientExtension::CertificateAuthorities(vec![DistinguishedName(b"\x30\x00")]);
            hello.extensions.as_mut().unwrap().push(authorities);
        });
        let error = pair::feed(&mut pair.server, &mut hello, &mut pair.server_seen).unwrap_err();
        assert_eq!(error.name(), "UnrecognizedName");
        let heard = listener.0.lock().unwrap().clone().unwrap();
        assert_eq!((heard.version, heard.certificate_authorities), (version, vec![vec![0x30, 0]]));
    }
}
