//! What a peer can do wrong in TLS 1.2, each once for every row of `src/error.rs` that it leads to.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;

use bulla::config::{ChooseServerIdentity, ClientHelloInfo, Decision};
use bulla::wire::{
    Alert, AlertDescription, AlertLevel, CertificateStatus, CertificateStatusType, CipherSuite, ClientExtension,
    ClientHello, ClientKeyExchange, CompressionMethod, ContentType, DOWNGRADE_TLS11, DOWNGRADE_TLS12, EcPointFormat,
    HelloRetryRequest, KeyShareEntry, MaxFragmentLength, NameType, NamedGroup, ProtocolNameList, ProtocolVersion,
    RetryExtension, ServerEcdhParams, ServerExtension, ServerHello, ServerNameEntry, ServerNameList, SignatureScheme,
    write_all, write_message,
};
use bulla::{Identity, MAX_CHAIN_LEN, MAX_HELLO_REQUESTS, MAX_WARNING_ALERTS};

use super::script::{RETRY_GROUP, SUITE as SUITE_TLS13, plain_record};
use super::script_tls12::{GROUP, Peer, SUITE, Say};
use super::stage_tls12::{END, SERVER_FLIGHT, Scene, Stage};

/// The error's name, and how a peer causes it.
pub type Case = (&'static str, fn(&Stage) -> Scene);

/// A client that is told this hello in answer to its own.
fn told(scene: Scene, edit: impl FnOnce(&mut ServerHello<'_>)) -> Scene {
    scene.say_message(|peer| peer.server_hello_with(edit))
}

fn told_extension(scene: Scene, extension: ServerExtension<'static>) -> Scene {
    told(scene, |hello| hello.extensions.as_mut().unwrap().push(extension))
}

/// A client whose session is resumed by this hello.
fn told_resumed(scene: Scene, edit: impl FnOnce(&mut ServerHello<'_>)) -> Scene {
    let id = scene.peer.legacy_session_id.clone();
    scene.say_message(|peer| {
        peer.server_hello_with(|hello| {
            hello.legacy_session_id_echo = &id;
            edit(hello);
        })
    })
}

/// A client that is told a hello whose random ends like this.
fn told_sentinel(scene: Scene, sentinel: [u8; 8]) -> Scene {
    told(scene, |hello| *hello.random.0.last_chunk_mut().unwrap() = sentinel)
}

fn retry_request() -> Vec<u8> {
    let request = HelloRetryRequest {
        legacy_version: ProtocolVersion::TLSv1_2,
        legacy_session_id_echo: &[],
        cipher_suite: SUITE_TLS13,
        legacy_compression_method: CompressionMethod::null,
        extensions: vec![
            RetryExtension::SupportedVersions(ProtocolVersion::TLSv1_3),
            RetryExtension::KeyShare(RETRY_GROUP),
        ],
    };
    write_message(&request).unwrap()
}

fn protocols(names: &[&'static str]) -> ServerExtension<'static> {
    let protocol_name_list = names.iter().map(|name| name.as_bytes()).collect();
    ServerExtension::ApplicationLayerProtocolNegotiation(ProtocolNameList { protocol_name_list })
}

const SERVER_HELLO: &[Case] = &[
    ("RecordSizeLimitTooSmall", |stage| {
        let client = stage.client.clone().record_size_limit(64).unwrap();
        told_extension(stage.client_with(client), ServerExtension::RecordSizeLimit(63))
    }),
    ("BothRecordSizes", |stage| {
        let length = MaxFragmentLength::two_to_the_9;
        let client = stage.client.clone().max_fragment_length(length).unwrap().record_size_limit(64).unwrap();
        told(stage.client_with(client), |hello| {
            let both = [ServerExtension::RecordSizeLimit(64), ServerExtension::MaxFragmentLength(length)];
            hello.extensions.as_mut().unwrap().extend(both);
        })
    }),
    ("MaxFragmentLengthChanged", |stage| {
        let client = stage.client.clone().max_fragment_length(MaxFragmentLength::two_to_the_9).unwrap();
        let other = ServerExtension::MaxFragmentLength(MaxFragmentLength::two_to_the_10);
        told_extension(stage.client_with(client), other)
    }),
    ("ExtensionNotOffered", |stage| told_extension(stage.client(), ServerExtension::RecordSizeLimit(64))),
    ("CipherSuiteNotOffered", |stage| {
        told(stage.client(), |hello| hello.cipher_suite = CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
    }),
    ("CipherSuiteNotOffered", |stage| {
        // Offered, but it is TLS 1.3's.
        told(stage.client_with(stage.client_of_both_versions()), |hello| hello.cipher_suite = SUITE_TLS13)
    }),
    ("CompressionSelected", |stage| {
        told(stage.client(), |hello| hello.legacy_compression_method = CompressionMethod(1))
    }),
    ("SessionNotOffered", |stage| {
        stage.client_with(stage.client_of_both_versions()).say_message(|peer| {
            let session_id = peer.legacy_session_id.clone();
            assert_eq!(session_id.len(), 32);
            let mut hello = peer.server_hello_with(|_| {});
            // Behind the header, version and random stands the length of the session id.
            hello.splice(4 + 2 + 32..4 + 2 + 32 + 1, [&[32], &session_id[..]].concat());
            hello[3] += 32;
            hello
        })
    }),
    ("ResumedSessionChanged", |stage| {
        let other = CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
        let client = stage.client.clone().cipher_suites([SUITE, other]).unwrap();
        told_resumed(stage.resuming_client_with(client), |hello| hello.cipher_suite = other)
    }),
    ("ExtendedMasterSecretChanged", |stage| {
        told_resumed(stage.resuming_client(), |hello| drop(hello.extensions.as_mut().unwrap().remove(0)))
    }),
    ("RenegotiationInfoNotEmpty", |stage| {
        told(stage.client(), |hello| {
            hello.extensions.as_mut().unwrap()[1] = ServerExtension::RenegotiationInfo(b"verify_data!");
        })
    }),
    ("NoUncompressedPoints", |stage| {
        told(stage.client(), |hello| {
            hello.extensions.as_mut().unwrap()[2] = ServerExtension::EcPointFormats(vec![EcPointFormat(1)]);
        })
    }),
    ("ExtensionNotOffered", |stage| told_extension(stage.client(), protocols(&["h2"]))),
    ("ExtensionNotOffered", |stage| told_extension(stage.client(), ServerExtension::StatusRequest)),
    ("ExtensionNotAllowed", |stage| {
        let share = ServerExtension::KeyShare(KeyShareEntry { group: GROUP, key_exchange: &[9; 32] });
        told_extension(stage.client_with(stage.client_of_both_versions()), share)
    }),
    ("ApplicationProtocolNotOffered", |stage| {
        told_extension(stage.client_with(stage.client.clone().alpn(["h2"]).unwrap()), protocols(&["imap"]))
    }),
    ("NotOneApplicationProtocol", |stage| {
        let client = stage.client.clone().alpn(["h2", "imap"]).unwrap();
        told_extension(stage.client_with(client), protocols(&["h2", "imap"]))
    }),
    ("NoExtendedMasterSecret", |stage| {
        told(stage.client(), |hello| {
            hello.extensions.as_mut().unwrap().remove(0);
        })
    }),
    ("NoExtendedMasterSecret", |stage| told(stage.client(), |hello| hello.extensions = None)),
    ("DowngradeDetected", |stage| told_sentinel(stage.client_with(stage.client_of_both_versions()), DOWNGRADE_TLS12)),
    ("DowngradeDetected", |stage| told_sentinel(stage.client_with(stage.client_of_both_versions()), DOWNGRADE_TLS11)),
    ("DowngradeDetected", |stage| told_sentinel(stage.client(), DOWNGRADE_TLS11)),
    ("OldVersionInSupportedVersions", |stage| {
        let versions = ServerExtension::SupportedVersions(ProtocolVersion::TLSv1_2);
        told_extension(stage.client_with(stage.client_of_both_versions()), versions)
    }),
    ("ExtensionNotOffered", |stage| {
        told_extension(stage.client(), ServerExtension::SupportedVersions(ProtocolVersion::TLSv1_3))
    }),
    ("NoCommonVersion", |stage| told(stage.client(), |hello| hello.legacy_version = ProtocolVersion::TLSv1_1)),
    ("VersionNotOffered", |stage| {
        // TLS 1.3 has been chosen already.
        let scene = stage.client_with(stage.client_of_both_versions()).say_message(|peer| {
            let session_id = peer.legacy_session_id.clone();
            let mut request = retry_request();
            request.splice(4 + 2 + 32..4 + 2 + 32 + 1, [&[32], &session_id[..]].concat());
            request[3] += 32;
            request
        });
        assert_eq!(scene.outcome(), "WaitServerHello");
        scene.say(&[Say::ServerHello])
    }),
    ("HelloRetryRequestWithoutChange", |stage| stage.client().say_message(|_| retry_request())),
];

/// A client that has come to ServerKeyExchange.
fn before_key_exchange(stage: &Stage) -> Scene {
    stage.client().say(&[Say::ServerHello, Say::Certificate])
}

const SERVER_FLIGHT_CASES: &[Case] = &[
    ("NoServerCertificate", |stage| stage.client().say(&[Say::ServerHello, Say::EmptyCertificate])),
    ("ChainTooLong", |stage| stage.client().say(&[Say::ServerHello]).say_message(too_long_a_chain)),
    ("BadCertificateStatus", |stage| {
        let scene = stage.client_with(stage.asking_client()).say(&[Say::ServerHelloWithStatus, Say::Certificate]);
        scene.say_message(|_| write_message(&CertificateStatus::Other(CertificateStatusType(2), b"x")).unwrap())
    }),
    ("MalformedIllegalValue", |stage| {
        before_key_exchange(stage).say_message(|peer| {
            let mut message = peer.compose(Say::ServerKeyExchange);
            // explicit_prime instead of named_curve.
            message[4] = 1;
            message
        })
    }),
    ("GroupNotOffered", |stage| {
        before_key_exchange(stage).say_message(|peer| {
            peer.server_key_exchange_with(|message| message.params.named_curve = NamedGroup::secp521r1)
        })
    }),
    ("GroupNotOffered", |stage| {
        // A hybrid is offered to TLS 1.3 alone; here it is not offered at all, and in either case it has no place.
        before_key_exchange(stage).say_message(|peer| {
            peer.server_key_exchange_with(|message| message.params.named_curve = NamedGroup::X25519MLKEM768)
        })
    }),
    ("KeyDoesNotFitSuite", |stage| {
        before_key_exchange(stage).say_message(|peer| {
            peer.server_key_exchange_with(|message| message.algorithm = SignatureScheme::rsa_pss_rsae_sha256)
        })
    }),
    ("SignatureSchemeNotOffered", |stage| {
        before_key_exchange(stage).say_message(|peer| {
            peer.server_key_exchange_with(|message| message.algorithm = SignatureScheme::ecdsa_sha1)
        })
    }),
    ("SignatureSchemeNotOffered", |stage| {
        // Offered, but not with this key.
        before_key_exchange(stage)
            .say_message(|peer| peer.server_key_exchange_with(|message| message.algorithm = SignatureScheme::ed25519))
    }),
    ("SignatureWrong", |stage| {
        before_key_exchange(stage)
            .say_message(|peer| peer.server_key_exchange_with(|message| message.params.public = &[8; 32]))
    }),
    ("SignatureWrong", |stage| {
        // A true signature of another handshake, which had another random.
        let scene = before_key_exchange(stage);
        let mut elsewhere = stage.client().say(&[Say::ServerHello, Say::Certificate]);
        let stolen = elsewhere.peer.compose(Say::ServerKeyExchange);
        scene.say_message(|_| stolen)
    }),
    ("InvalidKeyShare", |stage| {
        // A point of small order under a true signature.
        let scene = before_key_exchange(stage)
            .say_message(|peer| peer.signed_params(ServerEcdhParams { named_curve: GROUP, public: &[0; 32] }, |_| {}));
        scene.say(&[Say::ServerHelloDone])
    }),
    ("MessageBehindFlight", |stage| {
        stage.client().say(&SERVER_FLIGHT[..3]).with(|peer| {
            let messages = [peer.compose(Say::ServerHelloDone), peer.compose(Say::HelloRequest)].concat();
            peer.record(ContentType::handshake, &messages)
        })
    }),
    ("MalformedTrailingBytes", |stage| stage.client().say(&SERVER_FLIGHT[..3]).say_message(|_| vec![14, 0, 0, 1, 0])),
    ("FinishedWrong", |stage| {
        stage.client().say(&SERVER_FLIGHT).say(&[Say::ChangeCipherSpec]).say_message(altered_finished)
    }),
    ("FinishedWrong", |stage| {
        // Eleven octets of the twelve.
        stage.client().say(&SERVER_FLIGHT).say(&[Say::ChangeCipherSpec]).say_message(|peer| {
            let mut message = peer.compose(Say::Finished);
            message.pop();
            message[3] -= 1;
            message
        })
    }),
];

fn altered_finished(peer: &mut Peer) -> Vec<u8> {
    let mut message = peer.compose(Say::Finished);
    message[4] ^= 1;
    message
}

fn too_long_a_chain(peer: &mut Peer) -> Vec<u8> {
    let leaf = peer.compose(Say::Certificate)[7 + 3..].to_vec();
    peer.show(vec![leaf.into(); MAX_CHAIN_LEN + 1]);
    peer.compose(Say::Certificate)
}

/// A server that is told this hello.
fn hello(scene: Scene, edit: impl FnOnce(&mut ClientHello<'_>)) -> Scene {
    scene.say_message(|peer| peer.client_hello_with(edit))
}

/// A server that is told a hello whose extension at this place is another.
fn hello_with(scene: Scene, place: usize, extension: ClientExtension<'static>) -> Scene {
    hello(scene, |hello| hello.extensions.as_mut().unwrap()[place] = extension)
}

fn hello_without(scene: Scene, place: usize) -> Scene {
    hello(scene, |hello| {
        hello.extensions.as_mut().unwrap().remove(place);
    })
}

/// Has a certificate for nobody.
#[derive(Debug)]
struct Nobody;

impl ChooseServerIdentity for Nobody {
    fn choose(&self, _: &ClientHelloInfo) -> Decision<Option<Arc<Identity>>> {
        Decision::Now(None)
    }
}

const CLIENT_HELLO: &[Case] = &[
    ("BadCompressionMethods", |stage| {
        hello(stage.server(), |hello| hello.legacy_compression_methods = vec![CompressionMethod(1)])
    }),
    ("NoUncompressedPoints", |stage| {
        hello_with(stage.server(), 1, ClientExtension::EcPointFormats(vec![EcPointFormat(1)]))
    }),
    ("RenegotiationInfoNotEmpty", |stage| {
        hello_with(stage.server(), 4, ClientExtension::RenegotiationInfo(b"verify_data!"))
    }),
    ("NoExtendedMasterSecret", |stage| hello_without(stage.server(), 3)),
    ("NoCommonGroup", |stage| {
        hello_with(stage.server(), 0, ClientExtension::SupportedGroups(vec![NamedGroup::secp521r1]))
    }),
    ("NoCommonCipherSuite", |stage| {
        hello(stage.server(), |hello| hello.cipher_suites = vec![CipherSuite(0x002f), CipherSuite(0xc013)])
    }),
    ("NoCommonSignatureScheme", |stage| hello_without(stage.server(), 2)),
    ("NoCommonSignatureScheme", |stage| {
        hello_with(stage.server(), 2, ClientExtension::SignatureAlgorithms(vec![SignatureScheme::ecdsa_sha1]))
    }),
    ("NoCommonApplicationProtocol", |stage| {
        let names = ProtocolNameList { protocol_name_list: vec![b"imap"] };
        let extension = ClientExtension::ApplicationLayerProtocolNegotiation(names);
        let server = stage.server.clone().alpn(["h2"]).unwrap();
        hello(stage.server_with(server), |hello| hello.extensions.as_mut().unwrap().push(extension))
    }),
    ("NoCommonVersion", |stage| hello(stage.server(), |hello| hello.legacy_version = ProtocolVersion::TLSv1_1)),
    ("InappropriateFallback", |stage| {
        hello(stage.server_with(stage.server_of_both_versions()), |hello| {
            hello.cipher_suites.push(CipherSuite::TLS_FALLBACK_SCSV);
        })
    }),
    ("UnrecognizedName", |stage| {
        let entry = ServerNameEntry { name_type: NameType::host_name, name: b"elsewhere.test" };
        let name = ClientExtension::ServerName(ServerNameList { server_name_list: vec![entry] });
        let server = stage.server.clone().choose_identity(Arc::new(Nobody));
        hello(stage.server_with(server), |hello| hello.extensions.as_mut().unwrap().push(name))
    }),
    ("MessageBehindFlight", |stage| {
        stage.server().with(|peer| {
            let messages = [peer.compose(Say::ClientHello), peer.compose(Say::ClientHello)].concat();
            peer.record(ContentType::handshake, &messages)
        })
    }),
];

/// A server that waits for the certificate which it requires.
fn before_certificate(stage: &Stage) -> Scene {
    stage.server_with(stage.requiring_server()).say(&[Say::ClientHello])
}

/// A server that waits for the proof of a certificate.
fn before_verify(stage: &Stage) -> Scene {
    before_certificate(stage).say(&[Say::Certificate, Say::ClientKeyExchange])
}

const CLIENT_FLIGHT_CASES: &[Case] = &[
    ("ClientCertificateRequiredTls12", |stage| before_certificate(stage).say(&[Say::EmptyCertificate])),
    ("ChainTooLong", |stage| before_certificate(stage).say_message(too_long_a_chain)),
    ("InvalidKeyShare", |stage| {
        let zeros = write_message(&ClientKeyExchange { ecdh_yc: &[0; 32] }).unwrap();
        stage.server().say(&[Say::ClientHello]).say_message(|_| zeros)
    }),
    ("InvalidKeyShare", |stage| {
        let short = write_message(&ClientKeyExchange { ecdh_yc: &[9; 31] }).unwrap();
        stage.server().say(&[Say::ClientHello]).say_message(|_| short)
    }),
    ("SignatureWrong", |stage| {
        before_verify(stage).say_message(|peer| {
            let mut message = peer.compose(Say::CertificateVerify);
            // Behind the ECDSA signature's own DER lengths.
            message[20] ^= 1;
            message
        })
    }),
    ("SignatureSchemeNotOffered", |stage| {
        before_verify(stage).say_message(|peer| peer.certificate_verify(SignatureScheme::ecdsa_sha1))
    }),
    ("SignatureSchemeNotOffered", |stage| {
        before_verify(stage).say_message(|peer| peer.certificate_verify(SignatureScheme::ed25519))
    }),
    ("FinishedWrong", |stage| {
        let scene = stage.server().say(&[Say::ClientHello, Say::ClientKeyExchange, Say::ChangeCipherSpec]);
        scene.say_message(altered_finished)
    }),
    ("MessageAcrossKeyChange", |stage| {
        let scene = stage.server().say(&[Say::ClientHello, Say::ClientKeyExchange, Say::ChangeCipherSpec]);
        scene.with(|peer| {
            let messages = [peer.compose(Say::Finished), peer.compose(Say::ClientHello)].concat();
            peer.record(ContentType::handshake, &messages)
        })
    }),
];

/// A warning that means nothing to us.
pub fn say_warning(peer: &mut Peer) -> Vec<u8> {
    let alert = Alert { level: AlertLevel::warning, description: AlertDescription::certificate_unknown };
    peer.record(ContentType::alert, &write_all(&alert).unwrap())
}

pub fn repeated(mut scene: Scene, times: u32, speak: impl Fn(&mut Peer) -> Vec<u8>) -> Scene {
    for _ in 0..times {
        assert_eq!(scene.error, None);
        scene = scene.with(&speak);
    }
    scene
}

fn spoilt(mut record: Vec<u8>) -> Vec<u8> {
    *record.last_mut().unwrap() ^= 1;
    record
}

const RECORDS: &[Case] = &[
    ("UnexpectedRecord", |stage| stage.client().say(&[Say::ServerHello, Say::ChangeCipherSpec])),
    ("UnexpectedRecord", |stage| stage.server().say(&[Say::ClientHello, Say::ChangeCipherSpec])),
    ("BadChangeCipherSpec", |stage| {
        stage.client().say(&SERVER_FLIGHT).say_record(ContentType::change_cipher_spec, &[2])
    }),
    ("BadChangeCipherSpec", |stage| {
        stage.client().say(&SERVER_FLIGHT).say_record(ContentType::change_cipher_spec, &[1, 1])
    }),
    ("InterleavedHandshake", |stage| {
        let scene = stage.server().say(&[Say::ClientHello, Say::ClientKeyExchange]);
        scene.say_record(ContentType::handshake, &[20, 0]).say(&[Say::ChangeCipherSpec])
    }),
    ("DoesNotOpen", |stage| {
        let scene = stage.client().say(&SERVER_FLIGHT).say(&END[..1]);
        scene.with(|peer| spoilt(peer.say(Say::Finished)))
    }),
    ("DoesNotOpen", |stage| {
        // Finished in the clear.
        let scene = stage.client().say(&SERVER_FLIGHT).say(&END[..1]);
        scene.with(|peer| plain_record(ContentType::handshake, &peer.compose(Say::Finished)))
    }),
    ("DoesNotOpen", |stage| {
        // Data in the clear behind the handshake.
        stage.connected_server().with(|_| plain_record(ContentType::application_data, &[b'x'; 64]))
    }),
    ("DoesNotOpen", |stage| {
        // A plaintext alert too: nothing is read any more that is not protected.
        stage.connected_client().with(|_| plain_record(ContentType::alert, &[2, 40]))
    }),
    ("TooLarge", |stage| {
        stage.connected_server().with(|peer| peer.record(ContentType::application_data, &[0; 0x4001]))
    }),
    ("EmptyFragment", |stage| stage.connected_server().say_record(ContentType::handshake, &[])),
    ("TooManyWarnings", |stage| repeated(stage.connected_client(), MAX_WARNING_ALERTS + 1, say_warning)),
    ("TooManyWarnings", |stage| repeated(stage.server(), MAX_WARNING_ALERTS + 1, say_warning)),
    ("UnknownAlertLevel", |stage| stage.connected_client().say_record(ContentType::alert, &[3, 41])),
];

const AFTER_THE_HANDSHAKE: &[Case] = &[
    ("Renegotiation", |stage| stage.connected_server().say(&[Say::ClientHello])),
    ("TooManyHelloRequests", |stage| {
        repeated(stage.connected_client(), MAX_HELLO_REQUESTS + 1, |peer| peer.say(Say::HelloRequest))
    }),
    ("MalformedTrailingBytes", |stage| stage.connected_client().say_message(|_| vec![0, 0, 0, 1, 0])),
];

pub fn cases() -> impl Iterator<Item = &'static Case> {
    let groups = [SERVER_HELLO, SERVER_FLIGHT_CASES, CLIENT_HELLO, CLIENT_FLIGHT_CASES, RECORDS, AFTER_THE_HANDSHAKE];
    groups.into_iter().flatten()
}
