//! What two honest ends settle on, and by whose order: groups, suites, certificates, names, and what is on the wire for
//! the sake of middleboxes.

#[path = "support/pair.rs"]
mod pair;

use std::net::IpAddr;
use std::sync::Arc;

use bulla::wire::{
    CipherSuite, ClientExtension, ClientHello, ContentType, ExtensionType, NamedGroup, RECORD_HEADER_LEN,
    SignatureScheme, read_all,
};
use bulla::{ClientAuth, ClientConfig, ClientConnection, Identity, Roots, ServerConfig, ServerConnection, ServerName};
use pair::{Authority, KeyKind, NAME, NOW, Pair, configs, configs_by, output};

/// Leaves with RSASSA-PSS keys, which the certificate maker of the other tests cannot make.
const PSS_AUTHORITY: &[u8] = include_bytes!("support/rsa_pss_authority.pem");
/// A key for every hash.
const PSS_ANY: &[u8] = include_bytes!("support/rsa_pss_any.pem");
/// A key whose parameters allow SHA-256 alone.
const PSS_SHA256: &[u8] = include_bytes!("support/rsa_pss_sha256.pem");

fn pss_configs(leaf: &[u8]) -> (ClientConfig, ServerConfig) {
    let roots = Roots::from_pem(PSS_AUTHORITY).unwrap();
    let client = ClientConfig::new(roots).clock(Arc::new(NOW));
    (client, ServerConfig::new(Identity::from_pem(leaf, leaf).unwrap()).clock(Arc::new(NOW)))
}

#[test]
fn rsa_pss_key_without_parameters_signs_with_every_hash() {
    let (client, server) = pss_configs(PSS_ANY);
    for scheme in
        [SignatureScheme::rsa_pss_pss_sha256, SignatureScheme::rsa_pss_pss_sha384, SignatureScheme::rsa_pss_pss_sha512]
    {
        let pair = Pair::established(client.clone(), server.clone().signature_schemes([scheme]).unwrap());
        assert_eq!(pair.client.peer_signature_scheme(), Some(scheme));
    }
}

#[test]
fn rsa_pss_key_with_parameters_signs_with_its_own_hash_alone() {
    let (client, server) = pss_configs(PSS_SHA256);
    let pair = Pair::established(client.clone(), server.clone());
    assert_eq!(pair.client.peer_signature_scheme(), Some(SignatureScheme::rsa_pss_pss_sha256));
    let server = server.signature_schemes([SignatureScheme::rsa_pss_pss_sha384]).unwrap();
    let (end, error) = Pair::new(client, server).run().unwrap_err();
    assert_eq!((end, error.name()), ("server", "NoCommonSignatureScheme"));
}

#[test]
fn rsa_pss_keys_do_not_sign_as_rsae_nor_the_other_way_round() {
    let (client, server) = pss_configs(PSS_ANY);
    let client = client.signature_schemes([SignatureScheme::rsa_pss_rsae_sha256]).unwrap();
    assert_eq!(Pair::new(client, server).run().unwrap_err().1.name(), "NoCommonSignatureScheme");
    let (client, server) = configs(KeyKind::Rsa);
    let client = client.signature_schemes([SignatureScheme::rsa_pss_pss_sha256]).unwrap();
    assert_eq!(Pair::new(client, server).run().unwrap_err().1.name(), "NoCommonSignatureScheme");
}

#[test]
fn client_with_an_rsa_pss_key_is_authenticated() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let roots = Arc::new(Roots::from_pem(PSS_AUTHORITY).unwrap());
    for leaf in [PSS_ANY, PSS_SHA256] {
        let client = client.clone().identity(Identity::from_pem(leaf, leaf).unwrap());
        let server = server.clone().client_auth(ClientAuth::Require(Arc::clone(&roots)));
        let pair = Pair::established(client, server);
        assert_eq!(pair.server.peer_signature_scheme(), Some(SignatureScheme::rsa_pss_pss_sha256));
    }
}

#[test]
fn group_is_the_servers_first_that_the_client_has_whatever_it_costs() {
    type G = NamedGroup;
    let (client, server) = configs(KeyKind::EcdsaP256);
    let cases: &[(&[G], &[G], G, bool)] = &[
        // Client, server, what they take, and whether it needs another round trip.
        (&[G::x25519, G::secp256r1], &[G::x25519, G::secp256r1], G::x25519, false),
        (&[G::x25519, G::secp256r1], &[G::secp256r1, G::x25519], G::secp256r1, true),
        (&[G::secp384r1, G::x25519], &[G::x25519, G::secp384r1], G::x25519, true),
        (&[G::secp384r1, G::x25519], &[G::secp384r1], G::secp384r1, false),
        (&[G::secp384r1, G::secp256r1], &[G::x25519, G::secp256r1], G::secp256r1, true),
        #[cfg(feature = "post-quantum")]
        (&[G::x25519, G::X25519MLKEM768], &[G::X25519MLKEM768, G::x25519], G::X25519MLKEM768, true),
        #[cfg(feature = "post-quantum")]
        (&[G::X25519MLKEM768, G::x25519], &[G::x25519, G::X25519MLKEM768], G::x25519, false),
        // The classical half is offered only to those who want it alone.
        #[cfg(feature = "post-quantum")]
        (&[G::X25519MLKEM768, G::secp256r1], &[G::x25519, G::secp256r1], G::secp256r1, true),
    ];
    for (ours, theirs, group, retried) in cases {
        let client = client.clone().groups(ours.iter().copied()).unwrap();
        let server = server.clone().groups(theirs.iter().copied()).unwrap();
        let pair = Pair::established(client, server);
        assert_eq!((pair.client.group(), pair.client.hello_retried()), (Some(*group), *retried), "{ours:?} {theirs:?}");
        assert_eq!((pair.server.group(), pair.server.hello_retried()), (Some(*group), *retried));
    }
}

#[test]
fn cipher_suite_is_the_servers_first_that_the_client_has() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let (chacha, aes) = (CipherSuite::TLS_CHACHA20_POLY1305_SHA256, CipherSuite::TLS_AES_128_GCM_SHA256);
    let pair = Pair::established(
        client.clone().cipher_suites([aes, chacha]).unwrap(),
        server.clone().cipher_suites([chacha, aes]).unwrap(),
    );
    assert_eq!(pair.client.cipher_suite(), Some(chacha));
    let pair = Pair::established(client.cipher_suites([aes]).unwrap(), server.cipher_suites([chacha, aes]).unwrap());
    assert_eq!(pair.client.cipher_suite(), Some(aes));
}

#[test]
fn certificate_is_chosen_by_name_then_by_what_the_client_can_verify() {
    let authority = Authority::new();
    let by = |name: &str, kind: KeyKind| authority.identity(&[name], kind);
    let server = ServerConfig::new(by("first.test", KeyKind::EcdsaP256))
        .and_identity(by(NAME, KeyKind::EcdsaP384))
        .and_identity(by(NAME, KeyKind::Ed25519))
        .and_identity(by("*.wild.test", KeyKind::EcdsaP256))
        .clock(Arc::new(NOW));
    let shown_to = |name: &str, schemes: &[SignatureScheme]| {
        let client = ClientConfig::new(authority.roots()).clock(Arc::new(NOW));
        let client = client.signature_schemes(schemes.iter().copied()).unwrap();
        let mut pair = Pair::new(client.clone(), server.clone());
        let name = ServerName::try_from(name.to_string()).unwrap();
        pair.client = ClientConnection::new(Arc::new(client), name).unwrap();
        pair.run().map(|()| pair.client.peer_signature_scheme().unwrap()).map_err(|(_, error)| error.name())
    };
    type S = SignatureScheme;
    let (p256, p384, ed25519) = (S::ecdsa_secp256r1_sha256, S::ecdsa_secp384r1_sha384, S::ed25519);
    assert_eq!(shown_to("first.test", &[p256, p384, ed25519]), Ok(p256));
    assert_eq!(shown_to("any.wild.test", &[p256, p384, ed25519]), Ok(p256));
    // Both certificates have the name; the first is preferred, the second where the first cannot be verified.
    assert_eq!(shown_to(NAME, &[ed25519, p256, p384]), Ok(p384));
    assert_eq!(shown_to(NAME, &[ed25519, p256]), Ok(ed25519));
    // A name that no certificate has gets the first one, which is not for it.
    assert_eq!(shown_to("unknown.test", &[p256]), Err("NameMismatch"));
    // No certificate with the name can be verified.
    assert_eq!(shown_to("first.test", &[ed25519]), Err("NoCommonSignatureScheme"));
}

/// The first ClientHello of a client of this server.
fn with_client_hello<T>(client: ClientConfig, name: ServerName, look: impl FnOnce(&ClientHello<'_>) -> T) -> T {
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let record = output(&mut client);
    look(&read_all(&record[RECORD_HEADER_LEN + 4..]).unwrap())
}

fn has_server_name(hello: &ClientHello<'_>) -> bool {
    hello.extensions.iter().flatten().any(|it| it.extension_type() == ExtensionType::server_name)
}

#[test]
fn address_is_verified_and_not_sent_as_a_server_name() {
    let authority = Authority::new();
    for address in ["192.0.2.7", "2001:db8::7"] {
        let client = ClientConfig::new(authority.roots()).clock(Arc::new(NOW));
        let name = ServerName::from(address.parse::<IpAddr>().unwrap());
        assert!(!with_client_hello(client.clone(), name.clone(), has_server_name));
        let server = ServerConfig::new(authority.identity(&[address], KeyKind::EcdsaP256)).clock(Arc::new(NOW));
        let mut pair = Pair::new(client.clone(), server);
        pair.client = ClientConnection::new(Arc::new(client.clone()), name.clone()).unwrap();
        pair.run().unwrap();
        assert_eq!((pair.client.server_name(), pair.server.server_name()), (None, None));
        // Another address is not the same.
        let server = ServerConfig::new(authority.identity(&["192.0.2.8"], KeyKind::EcdsaP256)).clock(Arc::new(NOW));
        let mut pair = Pair::new(client.clone(), server);
        pair.client = ClientConnection::new(Arc::new(client), name).unwrap();
        assert_eq!(pair.run().unwrap_err().1.name(), "NameMismatch");
    }
}

#[test]
fn server_name_is_sent_without_its_trailing_dot() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let name = ServerName::try_from("server.test.").unwrap();
    let sent = with_client_hello(client.clone(), name.clone(), |hello| {
        hello.extensions.iter().flatten().find_map(|extension| match extension {
            ClientExtension::ServerName(list) => Some(list.server_name_list[0].name.to_vec()),
            _ => None,
        })
    });
    assert_eq!(sent.as_deref(), Some(NAME.as_bytes()));
    let mut pair = Pair::new(client.clone(), server);
    pair.client = ClientConnection::new(Arc::new(client), name).unwrap();
    pair.run().unwrap();
    assert_eq!(pair.server.server_name(), Some(NAME));
}

/// How many records of each type a direction holds, in order, without their content.
fn record_types(mut stream: &[u8]) -> Vec<ContentType> {
    let mut types = Vec::new();
    while let Some((header, behind)) = stream.split_first_chunk::<RECORD_HEADER_LEN>() {
        types.push(ContentType(header[0]));
        stream = &behind[usize::from(u16::from_be_bytes([header[3], header[4]]))..];
    }
    types
}

/// Runs a handshake and returns the record types of both directions.
fn wire_of(client: ClientConfig, server: ServerConfig) -> (Vec<ContentType>, Vec<ContentType>) {
    let mut pair = Pair::new(client, server);
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    while pair.client.has_output() || pair.server.has_output() {
        let bytes = output(&mut pair.client);
        to_server.extend_from_slice(&bytes);
        pair.to_server.extend(bytes);
        pair::feed(&mut pair.server, &mut pair.to_server, &mut pair.server_seen).unwrap();
        let bytes = output(&mut pair.server);
        to_client.extend_from_slice(&bytes);
        pair.to_client.extend(bytes);
        pair::feed(&mut pair.client, &mut pair.to_client, &mut pair.client_seen).unwrap();
    }
    assert!(pair.client.is_established() && pair.server.is_established());
    (record_types(&to_server), record_types(&to_client))
}

#[test]
fn each_end_sends_one_change_cipher_spec_where_middleboxes_expect_it() {
    type T = ContentType;
    let (client, server) = configs_by(&Authority::new(), KeyKind::EcdsaP256);
    let (to_server, to_client) = wire_of(client.clone(), server.clone());
    assert_eq!(to_server, [T::handshake, T::change_cipher_spec, T::application_data]);
    assert_eq!(to_client, [T::handshake, T::change_cipher_spec, T::application_data]);
    // With a retry it comes behind the HelloRetryRequest, and before the second hello.
    let retrying = server.groups([NamedGroup::secp384r1]).unwrap();
    let (to_server, to_client) = wire_of(client, retrying);
    assert_eq!(to_server, [T::handshake, T::change_cipher_spec, T::handshake, T::application_data]);
    assert_eq!(to_client, [T::handshake, T::change_cipher_spec, T::handshake, T::application_data]);
}

#[test]
fn without_middlebox_compatibility_there_is_no_session_id_and_no_change_cipher_spec() {
    type T = ContentType;
    let (client, server) = configs_by(&Authority::new(), KeyKind::EcdsaP256);
    assert_eq!(with_client_hello(client.clone(), pair::name(), |hello| hello.legacy_session_id.len()), 32);
    let client = client.middlebox_compatibility(false);
    assert_eq!(with_client_hello(client.clone(), pair::name(), |hello| hello.legacy_session_id.len()), 0);
    let (to_server, to_client) = wire_of(client.clone(), server.clone());
    assert_eq!(to_server, [T::handshake, T::application_data]);
    assert_eq!(to_client, [T::handshake, T::application_data]);
    let (to_server, to_client) = wire_of(client, server.groups([NamedGroup::secp384r1]).unwrap());
    assert_eq!(to_server, [T::handshake, T::handshake, T::application_data]);
    assert_eq!(to_client, [T::handshake, T::handshake, T::application_data]);
}

#[test]
fn first_hello_says_tls_1_0_in_its_record_and_all_later_ones_tls_1_2() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let server = server.groups([NamedGroup::secp384r1]).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), pair::name()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let mut first = output(&mut client);
    assert_eq!(first[..3], [22, 3, 1]);
    pair::feed(&mut server, &mut first, &mut Vec::new()).unwrap();
    let mut retry = output(&mut server);
    assert_eq!(retry[..3], [22, 3, 3]);
    pair::feed(&mut client, &mut retry, &mut Vec::new()).unwrap();
    let second = output(&mut client);
    assert_eq!((&second[..3], &second[6..9]), (&[20, 3, 3][..], &[22, 3, 3][..]));
}

#[test]
fn client_certificate_of_an_authority_that_the_server_does_not_know_is_refused() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let stranger = Authority::named("Stranger");
    let client = client.identity(stranger.identity(&["client.test"], KeyKind::EcdsaP256));
    let trusted = Arc::new(Authority::named("Trusted").roots());
    for client_auth in [ClientAuth::Require(Arc::clone(&trusted)), ClientAuth::Request(trusted)] {
        let mut pair = Pair::new(client.clone(), server.clone().client_auth(client_auth));
        let (end, error) = pair.run().unwrap_err();
        assert_eq!((end, error.name()), ("server", "UnknownIssuer"));
    }
}
