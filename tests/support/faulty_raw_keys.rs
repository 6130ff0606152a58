//! What a peer can do wrong about certificate types and raw public keys in TLS 1.3. RFC 7250.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;

use bulla::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use bulla::wire::{CertificateType, ClientExtension, EncryptedExtension, EncryptedExtensions, write_message};
use bulla::{ClientAuth, ClientConfig, Identity, Roots, ServerConfig};

use super::certificates::{EC_PUBLIC_KEY, SECP521R1, public_key_info, rsa_public_key_info};
use super::pair::{Authority, KeyKind};
use super::scene::{Scene, Stage};
use super::script::Say;

/// The error's name, and how a peer causes it.
pub type Case = (&'static str, fn(&Stage) -> Scene);

pub const X509: CertificateType = CertificateType::X509;
pub const RAW: CertificateType = CertificateType::RawPublicKey;
pub const OPEN_PGP: CertificateType = CertificateType(1);

/// A raw public key that nobody shows.
pub fn some_key() -> SubjectPublicKeyInfoDer<'static> {
    let (_, key) = Authority::new().issue(&["client.test"], KeyKind::EcdsaP256);
    Identity::raw_public_key(&key).unwrap().subject_public_key_info().into_owned()
}

/// Takes raw public keys alone.
pub fn raw_alone(client: &ClientConfig) -> ClientConfig {
    client.clone().server_certificate_types([RAW]).unwrap().trusted_raw_public_keys([some_key()]).unwrap()
}

/// Demands a raw public key, and takes no certificate.
pub fn demanding(server: &ServerConfig) -> ServerConfig {
    let server = server.clone().client_auth(ClientAuth::Require(Arc::new(Roots::new())));
    server.trusted_raw_public_keys([some_key()]).unwrap()
}

fn answering(extensions: Vec<EncryptedExtension<'static>>) -> impl FnOnce(&mut super::script::Peer) -> Vec<u8> {
    move |_| write_message(&EncryptedExtensions { extensions }).unwrap()
}

/// A client that has heard which type the server will show.
fn told(scene: Scene, chosen: CertificateType) -> Scene {
    let answer = EncryptedExtension::ServerCertificateType(chosen);
    scene.say(&[Say::ServerHello]).say_message(answering(vec![answer]))
}

/// A client that waits for a raw public key and is shown this.
fn shown(stage: &Stage, entries: &[Vec<u8>]) -> Scene {
    let mut scene = told(stage.client_with(raw_alone(&stage.client)), RAW);
    scene.peer.show(entries.iter().cloned().map(CertificateDer::from).collect());
    scene.say(&[Say::Certificate])
}

/// A server that is greeted with this extension.
fn greeted(stage: &Stage, config: ServerConfig, extension: ClientExtension<'static>) -> Scene {
    stage
        .server_with(config)
        .say_message(|peer| peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(extension)))
}

fn certificate(stage: &Stage) -> Vec<u8> {
    stage.authority.issue(&["server.test"], KeyKind::EcdsaP256).0.to_vec()
}

pub const CASES: &[Case] = &[
    ("BadCertificateTypeList", |stage| {
        greeted(stage, stage.server.clone(), ClientExtension::ServerCertificateType(vec![]))
    }),
    ("BadCertificateTypeList", |stage| {
        greeted(stage, stage.server.clone(), ClientExtension::ServerCertificateType(vec![X509]))
    }),
    ("BadCertificateTypeList", |stage| {
        greeted(stage, stage.server.clone(), ClientExtension::ClientCertificateType(vec![]))
    }),
    ("BadCertificateTypeList", |stage| {
        greeted(stage, stage.server.clone(), ClientExtension::ClientCertificateType(vec![X509]))
    }),
    ("CertificateTypeNotOffered", |stage| told(stage.client_with(raw_alone(&stage.client)), X509)),
    ("CertificateTypeNotOffered", |stage| told(stage.client_with(raw_alone(&stage.client)), OPEN_PGP)),
    ("CertificateTypeNotOffered", |stage| {
        let client = stage.client.clone().client_certificate_types([RAW]).unwrap();
        let answer = EncryptedExtension::ClientCertificateType(X509);
        stage.client_with(client).say(&[Say::ServerHello]).say_message(answering(vec![answer]))
    }),
    ("ExtensionNotOffered", |stage| told(stage.client(), RAW)),
    ("ExtensionNotOffered", |stage| told(stage.client(), X509)),
    ("ExtensionNotOffered", |stage| {
        // Each of the two is offered for itself.
        let client = raw_alone(&stage.client);
        let answer = EncryptedExtension::ClientCertificateType(X509);
        stage.client_with(client).say(&[Say::ServerHello]).say_message(answering(vec![answer]))
    }),
    ("NoCommonCertificateType", |stage| {
        // The server has not understood, so that a certificate would come.
        stage.client_with(raw_alone(&stage.client)).say(&[Say::ServerHello, Say::EncryptedExtensions])
    }),
    ("NoCommonCertificateType", |stage| {
        greeted(stage, stage.server.clone(), ClientExtension::ServerCertificateType(vec![RAW]))
    }),
    ("NoCommonCertificateType", |stage| {
        greeted(stage, stage.server.clone(), ClientExtension::ServerCertificateType(vec![OPEN_PGP]))
    }),
    ("NoCommonCertificateType", |stage| {
        greeted(stage, stage.requesting_server(), ClientExtension::ClientCertificateType(vec![RAW, OPEN_PGP]))
    }),
    ("NoCommonCertificateType", |stage| stage.server_with(demanding(&stage.server)).say(&[Say::ClientHello])),
    ("MoreThanOneRawPublicKey", |stage| shown(stage, &[some_key().to_vec(), some_key().to_vec()])),
    ("NoServerCertificate", |stage| shown(stage, &[])),
    ("BadRawPublicKey", |stage| shown(stage, &[certificate(stage)])),
    ("BadRawPublicKey", |stage| {
        let mut longer = some_key().to_vec();
        longer.push(0);
        shown(stage, &[longer])
    }),
    ("BadRawPublicKey", |stage| {
        let offer = ClientExtension::ClientCertificateType(vec![RAW]);
        greeted(stage, demanding(&stage.server), offer).say(&[Say::Certificate])
    }),
    ("RawPublicKeyNotAgreedOn", |stage| {
        let mut scene = stage.client().say(&[Say::ServerHello, Say::EncryptedExtensions]);
        scene.peer.show(vec![CertificateDer::from(some_key().to_vec())]);
        scene.say(&[Say::Certificate])
    }),
    ("ClientCertificateRequired", |stage| {
        let offer = ClientExtension::ClientCertificateType(vec![RAW]);
        greeted(stage, demanding(&stage.server), offer).say(&[Say::EmptyCertificate])
    }),
    ("UntrustedRawPublicKey", |stage| shown(stage, &[some_key().to_vec()])),
    ("UntrustedRawPublicKey", |stage| {
        let offer = ClientExtension::ClientCertificateType(vec![RAW]);
        let mut scene = greeted(stage, demanding(&stage.server), offer);
        scene.peer.show(vec![CertificateDer::from(some_key().to_vec())]);
        scene.say(&[Say::Certificate])
    }),
    ("WeakKey", |stage| shown(stage, &[rsa_public_key_info(1024)])),
    ("UnsupportedAlgorithm", |stage| shown(stage, &[public_key_info(&[EC_PUBLIC_KEY, SECP521R1], &[4; 133])])),
];
