//! The scenes of authentication after the handshake: a real end and the scripted peer, one of which may ask the other.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;

use bulla::wire::{
    CertificateExtension, ContentType, KeyUpdateRequest, SerializedSct, SignatureScheme, SignedCertificateTimestampList,
};
use bulla::{
    ClientAuth, ClientConfig, MAX_CERTIFICATE_REQUESTS, MAX_CHAIN_LEN, MAX_OPEN_CERTIFICATE_REQUESTS, ServerConfig,
};

use super::later::Later;
use super::scene::{SERVER_FLIGHT, Scene, Stage};
use super::script::asked::{Answer, request};
use super::script::{Peer, Say, certificate_request_with, key_update};

impl Stage {
    /// A client's configuration that can be asked after the handshake.
    pub fn askable_client(&self) -> ClientConfig {
        self.client.clone().post_handshake_auth(true)
    }

    /// A real client of this configuration that is connected to the scripted server.
    pub fn connected_client_with(&self, config: ClientConfig) -> Scene {
        let scene = self.client_with(config).say(&SERVER_FLIGHT);
        assert_eq!(scene.outcome(), "Connected");
        scene
    }

    /// A server's configuration that wants a certificate after the handshake.
    pub fn later_requiring_server(&self) -> ServerConfig {
        self.server.clone().post_handshake_auth(ClientAuth::Require(Arc::new(self.authority.roots())))
    }

    /// The same, and goes on with a client that has none.
    pub fn later_requesting_server(&self) -> ServerConfig {
        self.server.clone().post_handshake_auth(ClientAuth::Request(Arc::new(self.authority.roots())))
    }

    /// A real server of this configuration that has asked the scripted client so many times.
    pub fn asking_server_with(&self, config: ServerConfig, requests: usize) -> Scene {
        let scene = self.server_with(config).say_message(Peer::hello_to_be_asked).say(&[Say::Finished]);
        let mut scene = scene;
        assert_eq!(scene.outcome(), "Connected");
        for _ in 0..requests {
            scene.end.request_client_certificate().unwrap();
        }
        scene.listen();
        scene
    }

    /// A real server that has asked the scripted client once, and must have its certificate.
    pub fn asking_server(&self) -> Scene {
        self.asking_server_with(self.later_requiring_server(), 1)
    }
}

/// The true answer to the first request that was heard.
pub fn true_answer(scene: &mut Scene) -> Answer {
    let request = scene.peer.requests().remove(0);
    scene.peer.answer_to(&request, true)
}

/// Says a whole answer, each message in a record of its own.
pub fn say_all(mut scene: Scene, answer: &Answer) -> Scene {
    for message in answer.messages() {
        scene = scene.say_message(|_| message.to_vec());
    }
    scene
}

fn altered(message: &[u8]) -> Vec<u8> {
    let mut altered = message.to_vec();
    *altered.last_mut().unwrap() ^= 1;
    altered
}

/// A server that has heard so many messages of a true answer, and then hears this.
fn after(stage: &Stage, messages: usize, last: impl FnOnce(&Answer) -> Vec<u8>) -> Scene {
    let mut scene = stage.asking_server();
    let answer = true_answer(&mut scene);
    for message in answer.messages().into_iter().take(messages) {
        scene = scene.say_message(|_| message.to_vec());
    }
    assert!(scene.error.is_none());
    scene.say_message(|_| last(&answer))
}

/// A client that can be asked and is, with this.
fn asked(stage: &Stage, requests: Vec<Vec<u8>>) -> Scene {
    let mut scene = stage.connected_client_with(stage.askable_client());
    for message in requests {
        scene = scene.say_message(|_| message);
    }
    scene
}

/// An answer whose Certificate the peer has altered.
fn with_certificate(stage: &Stage, edit: impl FnOnce(&mut bulla::wire::Certificate<'_>)) -> Scene {
    let mut scene = stage.asking_server();
    let request = scene.peer.requests().remove(0);
    let context = super::script::asked::context(&request);
    let certificate = scene.peer.certificate_with(|certificate| {
        certificate.certificate_request_context = &context;
        edit(certificate);
    });
    let answer = scene.peer.answer_with(&request, certificate);
    say_all(scene, &answer)
}

/// The error's name, and how a peer causes it.
type Case = (&'static str, fn(&Stage) -> Scene);

pub const CASES: &[Case] = &[
    ("UnexpectedMessage", |stage| stage.connected_client().say_message(|_| request(b"not offered"))),
    ("BadCertificateRequestContext", |stage| asked(stage, vec![request(b"")])),
    ("BadCertificateRequestContext", |stage| asked(stage, vec![request(b"1"), request(b"2"), request(b"1")])),
    ("ExtensionMissing", |stage| {
        asked(
            stage,
            vec![certificate_request_with(|request| {
                request.certificate_request_context = b"1";
                request.extensions.clear();
            })],
        )
    }),
    ("MalformedTrailingBytes", |stage| {
        let mut long = request(b"1");
        long.push(0);
        long[3] += 1;
        asked(stage, vec![long])
    }),
    ("TooManyCertificateRequests", |stage| {
        // More than are to be thought about at a time.
        let config = stage.askable_client().choose_identity(Arc::new(Later));
        let mut scene = stage.connected_client_with(config);
        for number in 0..=MAX_OPEN_CERTIFICATE_REQUESTS {
            assert!(scene.error.is_none(), "after {number}");
            scene = scene.say_message(|_| request(&[1, number as u8]));
        }
        scene
    }),
    ("TooManyCertificateRequests", |stage| {
        let mut scene = stage.connected_client_with(stage.askable_client());
        for number in 0..=MAX_CERTIFICATE_REQUESTS {
            assert!(scene.error.is_none(), "after {number}");
            scene = scene.say_message(|_| request(&[1, (number >> 8) as u8, number as u8]));
        }
        scene
    }),
    ("UnexpectedMessage", |stage| {
        let scene = stage.asking_server_with(stage.later_requiring_server(), 0);
        scene.say_message(|peer| peer.answer_to(&request(b"never asked"), true).certificate)
    }),
    ("BadCertificateRequestContext", |stage| {
        stage.asking_server().say_message(|peer| peer.answer_to(&request(b"never asked"), true).certificate)
    }),
    ("UnexpectedMessage", |stage| after(stage, 0, |answer| answer.certificate_verify.clone())),
    ("UnexpectedMessage", |stage| after(stage, 0, |answer| answer.finished.clone())),
    ("UnexpectedMessage", |stage| after(stage, 1, |answer| answer.finished.clone())),
    ("UnexpectedMessage", |stage| after(stage, 1, |_| key_update(KeyUpdateRequest::update_not_requested))),
    ("UnexpectedMessage", |stage| after(stage, 3, |answer| answer.certificate.clone())),
    ("InterleavedAuthentication", |stage| {
        let mut scene = stage.asking_server();
        let answer = true_answer(&mut scene);
        scene.say_message(|_| answer.certificate).say_record(ContentType::application_data, b"in between")
    }),
    ("SignatureWrong", |stage| after(stage, 1, |answer| altered(&answer.certificate_verify))),
    ("FinishedWrong", |stage| after(stage, 2, |answer| altered(&answer.finished))),
    ("SignatureSchemeNotOffered", |stage| {
        after(stage, 1, |answer| {
            let mut verify = answer.certificate_verify.clone();
            verify[4..6].copy_from_slice(&SignatureScheme::rsa_pkcs1_sha256.0.to_be_bytes());
            verify
        })
    }),
    ("ClientCertificateRequired", |stage| with_certificate(stage, |it| it.certificate_list.clear())),
    ("ChainTooLong", |stage| {
        with_certificate(stage, |it| it.certificate_list = vec![it.certificate_list[0].clone(); MAX_CHAIN_LEN + 1])
    }),
    ("ExtensionNotOffered", |stage| {
        let list = SignedCertificateTimestampList { sct_list: vec![SerializedSct(&[0])] };
        let extension = CertificateExtension::SignedCertificateTimestamp(list);
        with_certificate(stage, |it| it.certificate_list[0].extensions.push(extension))
    }),
];
