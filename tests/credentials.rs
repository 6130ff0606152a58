//! Several certificates at one end, chosen among by what the peer can use: name, schemes, and the authorities that it names.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::sync::Arc;

use bulla::config::{ClientSessionStore, choose_by_request, choose_by_server_name};
use bulla::pki_types::CertificateDer;
use bulla::resume::{MemoryClientSessions, TicketKeys};
use bulla::wire::{
    AlertDescription, Certificate, CertificateRequestExtension, ClientExtension, DistinguishedName, HandshakeType,
    ProtocolVersion, SignatureScheme, read_all,
};
use bulla::{ClientAuth, ClientConfig, Error, HandshakeKind, Identity, Roots, ServerConfig};
use pair::{Authority, KeyKind, NAME, NOW, Pair, configs_by};
use scene::{Scene, Stage};
use script::Heard;
use script::Say::{Certificate as Shown, CertificateVerify, EncryptedExtensions, Finished, ServerHello};

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2];

fn roots(authorities: &[&Authority]) -> Roots {
    let mut roots = Roots::new();
    authorities.iter().for_each(|authority| roots.add_der(&authority.certificate).unwrap());
    roots
}

/// The DER of an authority's own name.
fn subject(authority: &Authority) -> Vec<u8> {
    bulla::verify::PeerCertificate::read(&authority.certificate).unwrap().subject().to_vec()
}

/// A leaf below an intermediate, which is part of the chain.
fn below(intermediate: &Authority, name: &str) -> Identity {
    let (leaf, key) = intermediate.issue(&[name], KeyKind::EcdsaP256);
    Identity::new(vec![leaf, intermediate.certificate.clone()], &key).unwrap()
}

/// Connects in each version; returns the leaf that the server was shown.
fn shown_to_server(client: &ClientConfig, server: &ServerConfig) -> Vec<Option<CertificateDer<'static>>> {
    let leaf = |version| {
        let (client, server) =
            (client.clone().versions([version]).unwrap(), server.clone().versions([version]).unwrap());
        let pair = Pair::established(client, server);
        pair.server.peer_certificates().first().cloned()
    };
    VERSIONS.map(leaf).to_vec()
}

/// Two authorities of clients beside that of the server, and an identity by each.
struct Cast {
    server_authority: Authority,
    one: Authority,
    other: Authority,
}

impl Cast {
    fn new() -> Self {
        let [server_authority, one, other] = ["Servers", "One", "Other"].map(Authority::named);
        Self { server_authority, one, other }
    }

    fn client(&self, identities: Vec<Identity>) -> ClientConfig {
        let client = ClientConfig::new(self.server_authority.roots()).clock(Arc::new(NOW));
        identities.into_iter().fold(client, ClientConfig::and_identity)
    }

    /// A server that asks for certificates which lead to these.
    fn server(&self, authorities: &[&Authority]) -> ServerConfig {
        let (_, server) = configs_by(&self.server_authority, KeyKind::EcdsaP256);
        server.client_auth(ClientAuth::Request(Arc::new(roots(authorities))))
    }
}

#[test]
fn client_shows_the_certificate_that_the_servers_authorities_have_issued() {
    let cast = Cast::new();
    let by = |authority: &Authority| authority.identity(&["client.test"], KeyKind::EcdsaP256);
    let (one, other) = (by(&cast.one), by(&cast.other));
    let leaves = [one.chain()[0].clone(), other.chain()[0].clone()];
    let client = cast.client(vec![one, other]);
    assert_eq!(shown_to_server(&client, &cast.server(&[&cast.one])), vec![Some(leaves[0].clone()); 2]);
    assert_eq!(shown_to_server(&client, &cast.server(&[&cast.other])), vec![Some(leaves[1].clone()); 2]);
    // Both fit: the first one does.
    assert_eq!(shown_to_server(&client, &cast.server(&[&cast.other, &cast.one])), vec![Some(leaves[0].clone()); 2]);
}

#[test]
fn authority_is_looked_for_in_the_whole_chain() {
    let cast = Cast::new();
    let intermediate = cast.other.intermediate("Between", |_| {});
    let long = below(&intermediate, "client.test");
    let leaf = long.chain()[0].clone();
    assert!(long.issued_by_one_of(&[subject(&cast.other)]) && long.issued_by_one_of(&[subject(&intermediate)]));
    assert!(!long.issued_by_one_of(&[subject(&cast.one)]) && !long.issued_by_one_of(&[]));
    let client = cast.client(vec![cast.one.identity(&["client.test"], KeyKind::EcdsaP256), long]);
    assert_eq!(shown_to_server(&client, &cast.server(&[&cast.other])), vec![Some(leaf); 2]);
}

#[test]
fn certificate_of_another_authority_is_still_shown_and_left_to_the_server_to_judge() {
    let cast = Cast::new();
    for version in VERSIONS {
        let client = cast.client(vec![cast.one.identity(&["client.test"], KeyKind::EcdsaP256)]);
        let client = client.versions([version]).unwrap();
        let error = Pair::new(client, cast.server(&[&cast.other]).versions([version]).unwrap()).run().unwrap_err();
        assert_eq!((error.0, error.1.alert()), ("server", Some(AlertDescription::unknown_ca)));
    }
}

#[test]
fn certificate_for_named_authorities_alone_is_shown_to_nobody_else() {
    let cast = Cast::new();
    let only = || cast.one.identity(&["client.test"], KeyKind::EcdsaP256).only_for_named_authorities(true);
    assert_eq!(shown_to_server(&cast.client(vec![only()]), &cast.server(&[&cast.other])), [None, None]);
    let for_one = only();
    let leaf = for_one.chain()[0].clone();
    assert_eq!(shown_to_server(&cast.client(vec![for_one]), &cast.server(&[&cast.one])), vec![Some(leaf); 2]);
    // Behind it, whatever is for everybody.
    let all = cast.other.identity(&["client.test"], KeyKind::EcdsaP256);
    let leaf = all.chain()[0].clone();
    assert_eq!(shown_to_server(&cast.client(vec![only(), all]), &cast.server(&[&cast.other])), vec![Some(leaf); 2]);

    // A client of ours names no authorities: a server that has nothing else has nothing for it.
    for version in VERSIONS {
        let hidden = cast.server_authority.identity(&[NAME], KeyKind::EcdsaP256).only_for_named_authorities(true);
        let server = ServerConfig::new(hidden).clock(Arc::new(NOW)).versions([version]).unwrap();
        let error = Pair::new(cast.client(vec![]).versions([version]).unwrap(), server).run().unwrap_err();
        assert_eq!(error, ("server", Error::Refused(AlertDescription::handshake_failure)));
    }
}

/// The names as a hello or a request of the scripted peer holds them, for as long as the test runs.
fn listed(names: &[Vec<u8>]) -> Vec<DistinguishedName<'static>> {
    names.to_vec().leak().iter().map(|name| DistinguishedName(name)).collect()
}

/// The leaf in the Certificate that the scripted peer has heard, and where it ends none.
fn leaf_heard(scene: &Scene) -> Option<Vec<u8>> {
    let body = scene.peer.heard.iter().find_map(|heard| match heard {
        Heard::Message(bytes) if bytes[0] == HandshakeType::certificate.0 => Some(&bytes[4..]),
        _ => None,
    });
    let message: Certificate<'_> = read_all(body.expect("a certificate was to be shown")).unwrap();
    message.certificate_list.first().map(|entry| entry.cert_data.to_vec())
}

/// A copy that claims to be signed with another algorithm of ECDSA: 1.2.840.10045.4.3.`last`.
fn signed_with(certificate: &CertificateDer<'_>, last: u8) -> CertificateDer<'static> {
    const ECDSA_WITH_SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let mut der = certificate.to_vec();
    let places: Vec<usize> = (0..der.len() - 8).filter(|at| der[*at..*at + 8] == ECDSA_WITH_SHA256).collect();
    assert_eq!(places.len(), 2);
    places.into_iter().for_each(|at| der[at + 7] = last);
    CertificateDer::from(der)
}

#[test]
fn server_shows_the_certificate_that_the_clients_authorities_have_issued() {
    let stage = Stage::new();
    let (one, other) = (Authority::named("One"), Authority::named("Other"));
    let between = other.intermediate("Between", |_| {});
    let identities = || [one.identity(&[NAME], KeyKind::EcdsaP256), below(&between, NAME)];
    let [first, second] = identities();
    let leaves = [first.chain()[0].to_vec(), second.chain()[0].to_vec()];
    let server = ServerConfig::choosing(choose_by_server_name(vec![Arc::new(first), Arc::new(second)]));
    let shown = |names: &[Vec<u8>]| {
        let scene = stage.server_with(server.clone()).say_message(|peer| {
            peer.client_hello_with(|hello| {
                let names = listed(names);
                let extension = (!names.is_empty()).then_some(ClientExtension::CertificateAuthorities(names));
                hello.extensions.as_mut().unwrap().extend(extension);
            })
        });
        let leaf = leaf_heard(&scene).unwrap();
        leaves.iter().position(|it| *it == leaf).unwrap()
    };
    assert_eq!(shown(&[]), 0);
    assert_eq!(shown(&[subject(&one)]), 0);
    assert_eq!(shown(&[subject(&between)]), 1);
    assert_eq!(shown(&[subject(&other)]), 1, "the authority stands above the one that has issued the leaf");
    assert_eq!(shown(&[subject(&stage.authority)]), 0, "one of an unnamed authority is better than none");
}

/// What a client of this chain shows in answer to a request with these authorities and certificate schemes.
fn shown_by(
    stage: &Stage,
    identities: &[Arc<Identity>],
    names: &[Vec<u8>],
    schemes: &[SignatureScheme],
) -> Option<Vec<u8>> {
    let client = stage.client.clone().choose_identity(choose_by_request(identities.to_vec()));
    let request = script::certificate_request_with(|request| {
        let names = listed(names);
        if !names.is_empty() {
            request.extensions.push(CertificateRequestExtension::CertificateAuthorities(names));
        }
        if !schemes.is_empty() {
            request.extensions.push(CertificateRequestExtension::SignatureAlgorithmsCert(schemes.to_vec()));
        }
    });
    let scene = stage.client_with(client).say(&[ServerHello, EncryptedExtensions]).say_message(|_| request.clone());
    let scene = scene.say(&[Shown, CertificateVerify, Finished]);
    assert_eq!(scene.outcome(), "Connected");
    leaf_heard(&scene)
}

#[test]
fn client_shows_the_certificate_that_the_server_can_verify() {
    let stage = Stage::new();
    let (certificate, key) = stage.authority.issue(&["client.test"], KeyKind::EcdsaP256);
    // ecdsa-with-SHA512, which no scheme of ours names, stands first.
    let chains = [4, 2, 3].map(|last| signed_with(&certificate, last));
    let identities: Vec<_> =
        chains.iter().map(|leaf| Arc::new(Identity::new(vec![leaf.clone()], &key).unwrap())).collect();
    let shown = |names: &[Vec<u8>], schemes: &[SignatureScheme]| {
        let leaf = shown_by(&stage, &identities, names, schemes).unwrap();
        chains.iter().position(|it| it.as_ref() == leaf).unwrap()
    };
    assert_eq!(shown(&[], &[]), 1, "signature_algorithms speaks for certificates too");
    assert_eq!(shown(&[], &[SignatureScheme::ecdsa_secp384r1_sha384]), 2);
    assert_eq!(shown(&[], &[SignatureScheme::ed25519]), 0, "any chain is better than none");

    // A chain that can be verified counts for more than the right authority: without that it proves nothing.
    let named = Authority::named("Named");
    let (leaf, key) = named.issue(&["client.test"], KeyKind::EcdsaP256);
    let unverifiable = Arc::new(Identity::new(vec![signed_with(&leaf, 4)], &key).unwrap());
    let verifiable = Arc::clone(&identities[1]);
    let leaf = shown_by(&stage, &[unverifiable, verifiable.clone()], &[subject(&named)], &[]).unwrap();
    assert_eq!(leaf, verifiable.chain()[0].as_ref());
}

#[test]
fn key_that_cannot_sign_for_the_server_is_passed_over() {
    let cast = Cast::new();
    let kinds = [KeyKind::Ed25519, KeyKind::EcdsaP384, KeyKind::Rsa, KeyKind::EcdsaP256];
    let identities = kinds.map(|kind| cast.one.identity(&["client.test"], kind));
    let leaves = identities.each_ref().map(|identity| identity.chain()[0].clone());
    let client = cast.client(identities.into());
    let schemes = [
        SignatureScheme::ed25519,
        SignatureScheme::ecdsa_secp384r1_sha384,
        SignatureScheme::rsa_pss_rsae_sha256,
        SignatureScheme::ecdsa_secp256r1_sha256,
    ];
    for (scheme, leaf) in schemes.into_iter().zip(leaves) {
        // The authority signs with P-256, which must be accepted of certificates; what is asked of the key stands alone.
        let server = cast.server(&[&cast.one]).accepted_signature_schemes([scheme]).unwrap();
        assert_eq!(shown_to_server(&client, &server)[0], Some(leaf), "{scheme}");
    }
}

#[test]
fn identity_replaces_those_before_it_and_further_ones_come_behind() {
    let cast = Cast::new();
    let [first, second, third] = [(); 3].map(|()| cast.one.identity(&["client.test"], KeyKind::EcdsaP256));
    let leaf = second.chain()[0].clone();
    let client = cast.client(vec![first]).identity(second).and_identity(third);
    assert_eq!(shown_to_server(&client, &cast.server(&[&cast.one])), vec![Some(leaf); 2]);
}

#[test]
fn session_of_a_client_with_another_set_of_certificates_is_not_resumed() {
    let cast = Cast::new();
    let keys = Arc::new(TicketKeys::random(bulla::crypto::ring::provider(), 3600).unwrap());
    let server = cast.server(&[&cast.one]).tickets(keys);
    let pem = cast.one.issue(&["client.test"], KeyKind::EcdsaP256);
    let identity = || Identity::new(vec![pem.0.clone()], &pem.1).unwrap();
    let extra = cast.one.issue(&["more.test"], KeyKind::EcdsaP256);
    let store: Arc<dyn ClientSessionStore> = Arc::new(MemoryClientSessions::new(4, 4));
    let connect = |identities| {
        let client = cast.client(identities).session_store(Arc::clone(&store));
        Pair::established(client, server.clone()).client.handshake_kind()
    };
    assert_eq!(connect(vec![identity()]), Some(HandshakeKind::Full));
    assert_eq!(connect(vec![identity(), Identity::new(vec![extra.0], &extra.1).unwrap()]), Some(HandshakeKind::Full));
    assert_eq!(connect(vec![identity()]), Some(HandshakeKind::Resumed));
}
