//! What a peer can do wrong about certificate types and raw public keys in TLS 1.2. RFC 7250.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use bulla::ServerConfig;
use bulla::wire::{ClientExtension, RawPublicKeyTls12, ServerExtension, write_message};

use super::certificates::{EC_PUBLIC_KEY, SECP521R1, public_key_info, rsa_public_key_info};
use super::faulty_raw_keys::{OPEN_PGP, RAW, X509, demanding, raw_alone, some_key};
use super::script_tls12::Say;
use super::stage_tls12::{Scene, Stage};

/// The error's name, and how a peer causes it.
pub type Case = (&'static str, fn(&Stage) -> Scene);

/// A client of TLS 1.2 that has heard which type the server will show.
fn told(scene: Scene, answer: ServerExtension<'static>) -> Scene {
    scene.say_message(|peer| peer.server_hello_with(|hello| hello.extensions.as_mut().unwrap().push(answer)))
}

/// Says a raw public key where the Certificate message stands.
fn say_key(scene: Scene, key: &[u8]) -> Scene {
    scene.say_message(|_| write_message(&RawPublicKeyTls12 { subject_public_key_info: key }).unwrap())
}

/// A client of TLS 1.2 that waits for a raw public key.
fn waiting(stage: &Stage) -> Scene {
    told(stage.client_with(raw_alone(&stage.client)), ServerExtension::ServerCertificateType(RAW))
}

fn greeted(stage: &Stage, config: ServerConfig, extension: ClientExtension<'static>) -> Scene {
    stage
        .server_with(config)
        .say_message(|peer| peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(extension)))
}

fn asked(stage: &Stage) -> Scene {
    greeted(stage, demanding(&stage.server), ClientExtension::ClientCertificateType(vec![RAW]))
}

pub const CASES: &[Case] = &[
    ("BadCertificateTypeList", |stage| {
        greeted(stage, stage.server.clone(), ClientExtension::ServerCertificateType(vec![]))
    }),
    ("BadCertificateTypeList", |stage| {
        greeted(stage, stage.server.clone(), ClientExtension::ClientCertificateType(vec![X509]))
    }),
    ("CertificateTypeNotOffered", |stage| {
        told(stage.client_with(raw_alone(&stage.client)), ServerExtension::ServerCertificateType(X509))
    }),
    ("CertificateTypeNotOffered", |stage| {
        let client = stage.client.clone().client_certificate_types([RAW]).unwrap();
        told(stage.client_with(client), ServerExtension::ClientCertificateType(OPEN_PGP))
    }),
    ("ExtensionNotOffered", |stage| told(stage.client(), ServerExtension::ServerCertificateType(RAW))),
    ("ExtensionNotOffered", |stage| told(stage.client(), ServerExtension::ClientCertificateType(X509))),
    ("NoCommonCertificateType", |stage| stage.client_with(raw_alone(&stage.client)).say(&[Say::ServerHello])),
    ("NoCommonCertificateType", |stage| {
        greeted(stage, stage.server.clone(), ClientExtension::ServerCertificateType(vec![RAW]))
    }),
    ("NoCommonCertificateType", |stage| stage.server_with(demanding(&stage.server)).say(&[Say::ClientHello])),
    ("NoServerCertificate", |stage| say_key(waiting(stage), &[])),
    ("BadRawPublicKey", |stage| waiting(stage).say(&[Say::Certificate])),
    ("BadRawPublicKey", |stage| asked(stage).say(&[Say::Certificate])),
    ("MalformedTrailingBytes", |stage| {
        waiting(stage).say_message(|_| {
            let mut message = write_message(&RawPublicKeyTls12 { subject_public_key_info: &some_key() }).unwrap();
            message.push(0);
            message[3] += 1;
            message
        })
    }),
    ("MalformedLengthOutOfBounds", |stage| {
        // A list of certificates begins where the key does: its length is of the wrong thing.
        say_key(stage.client().say(&[Say::ServerHello]), &[0, 0, 0])
    }),
    ("ClientCertificateRequiredTls12", |stage| say_key(asked(stage), &[])),
    ("UntrustedRawPublicKey", |stage| say_key(waiting(stage), &some_key())),
    ("UntrustedRawPublicKey", |stage| say_key(asked(stage), &some_key())),
    ("WeakKey", |stage| say_key(waiting(stage), &rsa_public_key_info(1024))),
    ("UnsupportedAlgorithm", |stage| say_key(asked(stage), &public_key_info(&[EC_PUBLIC_KEY, SECP521R1], &[4; 133]))),
];
