//! Every way in which a peer can make a connection fail, each done for real, with its alert seen on the wire.
//!
//! The rows come out of `src/error.rs` itself: a row that has no case here, and no reason why, fails the test.

#[path = "support/faulty_chains.rs"]
mod faulty_chains;
#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;

use std::collections::BTreeSet;

use bulla::wire::{
    Alert, AlertDescription, AlertLevel, CertificateEntry, CertificateExtension, CertificateRequestExtension,
    CipherSuite, ClientExtension, CompressionMethod, ContentType, DOWNGRADE_TLS12, EncryptedExtension,
    EncryptedExtensions, ExtensionType, KeyShareEntry, KeyUpdateRequest, NameType, NamedGroup, OfferedPsks,
    ProtocolNameList, ProtocolVersion, PskBinderEntry, PskIdentity, Random, RetryExtension, ServerExtension,
    ServerNameEntry, ServerNameList, SignatureScheme, UnknownExtension, write_all, write_message,
};
use bulla::{Error, MAX_CHAIN_LEN, MAX_CHANGE_CIPHER_SPECS, MAX_EMPTY_RECORDS, MAX_KEY_UPDATES, MAX_WARNING_ALERTS};
use scene::{Scene, Stage};
use script::Say::{
    Certificate, CertificateVerify, ClientHello, EmptyCertificate, EncryptedExtensions as Extensions, Finished,
    HelloRetryRequest, ServerHello,
};
use script::{GROUP, RETRY_GROUP, SUITE, change_cipher_spec, key_update, new_session_ticket, plain_record};

/// The error's name, and how a peer causes it.
type Case = (&'static str, fn(&Stage) -> Scene);

/// Rows of the families that a peer can cause, which none can cause today.
const CANNOT_BE_CAUSED: &[(&str, &str)] = &[
    ("MalformedIllegalValue", "only TLS 1.2 messages have a field with one legal value that the parser judges"),
    ("EarlyDataWithoutOffer", "no connection has early data yet"),
    ("Revoked", "a configuration cannot hold revocation lists yet"),
];

fn encrypted_extensions(extensions: Vec<EncryptedExtension<'_>>) -> Vec<u8> {
    write_message(&EncryptedExtensions { extensions }).unwrap()
}

fn protocols(names: &[&'static str]) -> EncryptedExtension<'static> {
    let protocol_name_list = names.iter().map(|name| name.as_bytes()).collect();
    EncryptedExtension::ApplicationLayerProtocolNegotiation(ProtocolNameList { protocol_name_list })
}

/// A server that is told this hello.
fn told_hello(stage: &Stage, edit: impl FnOnce(&mut bulla::wire::ClientHello<'_>)) -> Scene {
    stage.server().say_message(|peer| peer.client_hello_with(edit))
}

/// A server that is told the usual hello with these extensions behind its own.
fn told_extensions(stage: &Stage, more: Vec<ClientExtension<'static>>) -> Scene {
    told_hello(stage, |hello| hello.extensions.as_mut().unwrap().extend(more))
}

/// A client that is answered with this ServerHello.
fn answered(stage: &Stage, edit: impl FnOnce(&mut bulla::wire::ServerHello<'_>)) -> Scene {
    stage.client().say_message(|peer| peer.server_hello_with(edit))
}

fn selects(version: ProtocolVersion) -> impl FnOnce(&mut bulla::wire::ServerHello<'_>) {
    move |hello| hello.extensions.as_mut().unwrap()[0] = ServerExtension::SupportedVersions(version)
}

fn shares(group: NamedGroup, key_exchange: &'static [u8]) -> impl FnOnce(&mut bulla::wire::ServerHello<'_>) {
    move |hello| {
        hello.extensions.as_mut().unwrap()[1] = ServerExtension::KeyShare(KeyShareEntry { group, key_exchange });
    }
}

/// A client that is asked to retry in this way.
fn asked_to_retry(stage: &Stage, extensions: Vec<RetryExtension<'static>>) -> Scene {
    let mut all = vec![RetryExtension::SupportedVersions(ProtocolVersion::TLSv1_3)];
    all.extend(extensions);
    stage.client().say_message(|peer| peer.hello_retry_request_with(|request| request.extensions = all))
}

fn offered_psk() -> ClientExtension<'static> {
    ClientExtension::PreSharedKey(OfferedPsks {
        identities: vec![PskIdentity { identity: b"ticket", obfuscated_ticket_age: 0 }],
        binders: vec![PskBinderEntry(&[0; 32])],
    })
}

fn host_name(name: &'static [u8]) -> ClientExtension<'static> {
    let server_name_list = vec![ServerNameEntry { name_type: NameType::host_name, name }];
    ClientExtension::ServerName(ServerNameList { server_name_list })
}

/// What this peer says so many times.
fn repeated(mut scene: Scene, times: u32, speak: impl Fn(&mut script::Peer) -> Vec<u8>) -> Scene {
    for _ in 0..times {
        scene = scene.with(&speak);
    }
    scene
}

fn user_canceled(peer: &mut script::Peer) -> Vec<u8> {
    let alert = Alert { level: AlertLevel::warning, description: AlertDescription::user_canceled };
    peer.record(ContentType::alert, &write_all(&alert).unwrap())
}

const MALFORMED: &[Case] = &[
    ("MalformedTruncated", |stage| stage.server().say_message(|_| vec![1, 0, 0, 2, 3, 3])),
    ("MalformedTrailingBytes", |stage| stage.client().say(&[ServerHello]).say_message(|_| vec![8, 0, 0, 3, 0, 0, 0])),
    ("MalformedLengthOutOfBounds", |stage| {
        stage.connected_client().say_message(|_| vec![4, 0, 0, 13, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }),
    ("MalformedDuplicateExtension", |stage| {
        told_extensions(stage, vec![ClientExtension::SupportedVersions(vec![ProtocolVersion::TLSv1_3])])
    }),
    ("MalformedTooManyExtensions", |stage| {
        let unknown = |code| {
            ClientExtension::Unknown(UnknownExtension { extension_type: ExtensionType(code), extension_data: &[] })
        };
        told_extensions(stage, (0x7000..0x7100).map(unknown).collect())
    }),
];

const RECORDS: &[Case] = &[
    ("UnexpectedMessage", |stage| stage.client().say(&[Finished])),
    ("UnexpectedRecord", |stage| stage.server().say_record(ContentType::application_data, b"x")),
    ("MessageTooLarge", |stage| stage.server().say_record(ContentType::handshake, &[1, 1, 0, 0])),
    ("MessageAcrossKeyChange", |stage| {
        stage.client().with(|peer| {
            let messages = [peer.compose(ServerHello), peer.compose(Extensions)].concat();
            peer.record(ContentType::handshake, &messages)
        })
    }),
    ("InterleavedHandshake", |stage| {
        let scene = stage.server().say_record(ContentType::handshake, &[1, 0]);
        scene.with(user_canceled)
    }),
    ("EmptyFragment", |stage| stage.server().say_record(ContentType::handshake, &[])),
    ("TooManyEmptyRecords", |stage| {
        let empty = |peer: &mut script::Peer| peer.record(ContentType::application_data, &[]);
        repeated(stage.connected_server(), MAX_EMPTY_RECORDS + 1, empty)
    }),
    ("TooManyChangeCipherSpecs", |stage| {
        repeated(stage.client(), MAX_CHANGE_CIPHER_SPECS + 1, |_| change_cipher_spec())
    }),
    ("BadChangeCipherSpec", |stage| stage.client().with(|_| plain_record(ContentType::change_cipher_spec, &[2]))),
    ("TooManyWarnings", |stage| repeated(stage.connected_client(), MAX_WARNING_ALERTS + 1, user_canceled)),
    ("TooManyKeyUpdates", |stage| {
        let update = |peer: &mut script::Peer| peer.say(script::Say::KeyUpdate);
        repeated(stage.connected_client(), MAX_KEY_UPDATES + 1, update)
    }),
    ("NoContentType", |stage| stage.client().say(&[ServerHello]).with(|peer| peer.seal(&[0; 20]))),
    ("UnknownWarning", |stage| stage.client().say_record(ContentType::alert, &[3, 90])),
    ("FragmentedAlert", |stage| stage.client().say_record(ContentType::alert, &[2])),
    ("DoesNotOpen", |stage| {
        stage.client().say(&[ServerHello]).with(|peer| {
            let mut record = peer.say(Extensions);
            *record.last_mut().unwrap() ^= 1;
            record
        })
    }),
    ("TooLarge", |stage| stage.server().with(|_| vec![22, 3, 1, 0x40, 1])),
    ("NotTls", |stage| stage.server().with(|_| b"GET / HTTP/1.1\r\n".to_vec())),
];

const CLIENT_HELLO: &[Case] = &[
    ("ExtensionNotAllowed", |stage| {
        let (extension_type, extension_data) = (ExtensionType::oid_filters, &[0u8, 0][..]);
        told_extensions(stage, vec![ClientExtension::Unknown(UnknownExtension { extension_type, extension_data })])
    }),
    ("ExtensionMissing", |stage| {
        told_hello(stage, |hello| {
            let is_groups = |it: &ClientExtension<'_>| it.extension_type() == ExtensionType::supported_groups;
            hello.extensions.as_mut().unwrap().retain(|extension| !is_groups(extension));
        })
    }),
    ("BadCompressionMethods", |stage| {
        told_hello(stage, |hello| hello.legacy_compression_methods.push(CompressionMethod(1)))
    }),
    ("BadKeyShareList", |stage| {
        told_hello(stage, |hello| {
            hello.extensions.as_mut().unwrap()[1] = ClientExtension::SupportedGroups(vec![RETRY_GROUP]);
        })
    }),
    ("InvalidKeyShare", |stage| {
        told_hello(stage, |hello| {
            let zeros = KeyShareEntry { group: GROUP, key_exchange: &[0; 32] };
            hello.extensions.as_mut().unwrap()[3] = ClientExtension::KeyShare(vec![zeros]);
        })
    }),
    ("BadServerName", |stage| told_extensions(stage, vec![host_name(b"not a name")])),
    ("PreSharedKeyNotLast", |stage| {
        let modes = ClientExtension::PskKeyExchangeModes(vec![bulla::wire::PskKeyExchangeMode::psk_dhe_ke]);
        told_extensions(stage, vec![offered_psk(), modes])
    }),
    ("PskWithoutModes", |stage| told_extensions(stage, vec![offered_psk()])),
    ("ClientHelloChangedAfterRetry", |stage| {
        let scene = stage.server_with(stage.retrying_server()).say(&[ClientHello]);
        scene.say_message(|peer| peer.client_hello_with(|hello| hello.random = Random([1; 32])))
    }),
    ("RetriedKeyShareWrong", |stage| {
        let scene = stage.server_with(stage.retrying_server()).say(&[ClientHello]);
        scene.say_message(|peer| {
            peer.client_hello_with(|hello| {
                let share = KeyShareEntry { group: GROUP, key_exchange: &[9; 32] };
                hello.extensions.as_mut().unwrap()[3] = ClientExtension::KeyShare(vec![share]);
            })
        })
    }),
    ("NoCommonVersion", |stage| {
        told_hello(stage, |hello| {
            let old = vec![ProtocolVersion::TLSv1_2];
            hello.extensions.as_mut().unwrap()[0] = ClientExtension::SupportedVersions(old);
        })
    }),
    ("NoCommonCipherSuite", |stage| {
        told_hello(stage, |hello| hello.cipher_suites = vec![CipherSuite::TLS_AES_128_CCM_SHA256])
    }),
    ("NoCommonGroup", |stage| {
        let server = stage.server.clone().groups([NamedGroup::secp384r1]).unwrap();
        stage.server_with(server).say(&[ClientHello])
    }),
    ("NoCommonSignatureScheme", |stage| {
        told_hello(stage, |hello| {
            let schemes = vec![SignatureScheme::ed25519];
            hello.extensions.as_mut().unwrap()[2] = ClientExtension::SignatureAlgorithms(schemes);
        })
    }),
    ("NoCommonApplicationProtocol", |stage| {
        let names = ProtocolNameList { protocol_name_list: vec![b"h2"] };
        let server = stage.server.clone().alpn(["imap"]).unwrap();
        stage.server_with(server).say_message(|peer| {
            peer.client_hello_with(|hello| {
                let extensions = hello.extensions.as_mut().unwrap();
                extensions.push(ClientExtension::ApplicationLayerProtocolNegotiation(names));
            })
        })
    }),
];

const SERVER_HELLO: &[Case] = &[
    ("CompressionSelected", |stage| answered(stage, |hello| hello.legacy_compression_method = CompressionMethod(1))),
    ("CipherSuiteNotOffered", |stage| {
        answered(stage, |hello| hello.cipher_suite = CipherSuite::TLS_AES_256_GCM_SHA384)
    }),
    ("CipherSuiteChangedAfterRetry", |stage| {
        let both = [SUITE, CipherSuite::TLS_AES_256_GCM_SHA384];
        let scene = stage.client_with(stage.client.clone().cipher_suites(both).unwrap()).say(&[HelloRetryRequest]);
        scene.say_message(|peer| {
            peer.server_hello_with(|hello| hello.cipher_suite = CipherSuite::TLS_AES_256_GCM_SHA384)
        })
    }),
    ("VersionNotOffered", |stage| answered(stage, selects(ProtocolVersion(0x0305)))),
    ("OldVersionInSupportedVersions", |stage| answered(stage, selects(ProtocolVersion::TLSv1_2))),
    ("BadLegacyVersion", |stage| answered(stage, |hello| hello.legacy_version = ProtocolVersion::TLSv1_1)),
    ("SessionIdNotEchoed", |stage| answered(stage, |hello| hello.legacy_session_id_echo = &[1; 32])),
    ("DowngradeDetected", |stage| {
        answered(stage, |hello| {
            hello.extensions.as_mut().unwrap().remove(0);
            hello.random.0[24..].copy_from_slice(&DOWNGRADE_TLS12);
        })
    }),
    ("NoCommonVersion", |stage| {
        answered(stage, |hello| {
            hello.extensions.as_mut().unwrap().remove(0);
        })
    }),
    ("ExtensionMissing", |stage| {
        answered(stage, |hello| {
            hello.extensions.as_mut().unwrap().pop();
        })
    }),
    ("ExtensionNotOffered", |stage| {
        answered(stage, |hello| hello.extensions.as_mut().unwrap().push(ServerExtension::PreSharedKey(0)))
    }),
    ("ExtensionNotAllowed", |stage| {
        answered(stage, |hello| hello.extensions.as_mut().unwrap().push(ServerExtension::ServerNameAck))
    }),
    ("SecondHelloRetryRequest", |stage| stage.client().say(&[HelloRetryRequest, HelloRetryRequest])),
    ("HelloRetryRequestWithoutChange", |stage| asked_to_retry(stage, vec![])),
    ("RetryGroupNotOffered", |stage| asked_to_retry(stage, vec![RetryExtension::KeyShare(GROUP)])),
    ("RetryGroupNotOffered", |stage| asked_to_retry(stage, vec![RetryExtension::KeyShare(NamedGroup::secp384r1)])),
    ("KeyShareGroupNotOffered", |stage| answered(stage, shares(RETRY_GROUP, &[4; 65]))),
    ("KeyShareGroupNotOffered", |stage| {
        let scene = stage.client().say(&[HelloRetryRequest]);
        scene.say_message(|peer| peer.server_hello_with(shares(GROUP, &[9; 32])))
    }),
    ("InvalidKeyShare", |stage| answered(stage, shares(GROUP, &[0; 32]))),
    ("InvalidKeyShare", |stage| answered(stage, shares(GROUP, &[9; 31]))),
];

const PARAMETERS: &[Case] = &[
    ("ExtensionNotOffered", |stage| {
        let scene = stage.client().say(&[ServerHello]);
        scene.say_message(|_| encrypted_extensions(vec![EncryptedExtension::EarlyData]))
    }),
    ("ExtensionNotAllowed", |stage| {
        let (extension_type, extension_data) = (ExtensionType::key_share, &[][..]);
        let misplaced = EncryptedExtension::Unknown(UnknownExtension { extension_type, extension_data });
        stage.client().say(&[ServerHello]).say_message(|_| encrypted_extensions(vec![misplaced]))
    }),
    ("ApplicationProtocolNotOffered", |stage| {
        let scene = stage.client_with(stage.client.clone().alpn(["h2"]).unwrap()).say(&[ServerHello]);
        scene.say_message(|_| encrypted_extensions(vec![protocols(&["imap"])]))
    }),
    ("NotOneApplicationProtocol", |stage| {
        let client = stage.client.clone().alpn(["h2", "imap"]).unwrap();
        let scene = stage.client_with(client).say(&[ServerHello]);
        scene.say_message(|_| encrypted_extensions(vec![protocols(&["h2", "imap"])]))
    }),
    ("BadCertificateRequestContext", |stage| {
        let scene = stage.client().say(&[ServerHello, Extensions]);
        scene.say_message(|_| script::certificate_request_with(|request| request.certificate_request_context = b"x"))
    }),
    ("ExtensionMissing", |stage| {
        let scene = stage.client().say(&[ServerHello, Extensions]);
        scene.say_message(|_| script::certificate_request_with(|request| request.extensions.clear()))
    }),
    ("ExtensionNotAllowed", |stage| {
        let (extension_type, extension_data) = (ExtensionType::key_share, &[][..]);
        let misplaced = CertificateRequestExtension::Unknown(UnknownExtension { extension_type, extension_data });
        let scene = stage.client().say(&[ServerHello, Extensions]);
        scene.say_message(|_| script::certificate_request_with(|request| request.extensions.push(misplaced)))
    }),
];

/// A client that has come to the server's Certificate.
fn before_certificate(stage: &Stage) -> Scene {
    stage.client().say(&[ServerHello, Extensions])
}

/// A server that waits for a certificate that it requires.
fn before_client_certificate(stage: &Stage) -> Scene {
    stage.server_with(stage.requiring_server()).say(&[ClientHello])
}

const AUTHENTICATION: &[Case] = &[
    ("NoServerCertificate", |stage| before_certificate(stage).say(&[EmptyCertificate])),
    ("ChainTooLong", |stage| {
        before_certificate(stage).say_message(|peer| {
            peer.certificate_with(|it| it.certificate_list = vec![it.certificate_list[0].clone(); MAX_CHAIN_LEN + 1])
        })
    }),
    ("ChainTooLong", |stage| {
        before_client_certificate(stage).say_message(|peer| {
            peer.certificate_with(|it| it.certificate_list = vec![it.certificate_list[0].clone(); MAX_CHAIN_LEN + 1])
        })
    }),
    ("BadCertificateRequestContext", |stage| {
        before_certificate(stage)
            .say_message(|peer| peer.certificate_with(|certificate| certificate.certificate_request_context = b"x"))
    }),
    ("BadCertificateRequestContext", |stage| {
        before_client_certificate(stage)
            .say_message(|peer| peer.certificate_with(|certificate| certificate.certificate_request_context = b"x"))
    }),
    ("ExtensionNotOffered", |stage| {
        let extension = CertificateExtension::SignedCertificateTimestamp(&[0, 0]);
        let add = |it: &mut CertificateEntry<'_>| it.extensions.push(extension.clone());
        before_certificate(stage)
            .say_message(|peer| peer.certificate_with(|certificate| add(&mut certificate.certificate_list[0])))
    }),
    ("ExtensionNotOffered", |stage| {
        let extension = CertificateExtension::SignedCertificateTimestamp(&[0, 0]);
        let add = |it: &mut CertificateEntry<'_>| it.extensions.push(extension.clone());
        before_client_certificate(stage)
            .say_message(|peer| peer.certificate_with(|certificate| add(&mut certificate.certificate_list[0])))
    }),
    ("ClientCertificateRequired", |stage| before_client_certificate(stage).say(&[EmptyCertificate])),
    ("SignatureWrong", |stage| {
        before_certificate(stage).say(&[Certificate]).say_message(|peer| {
            let mut message = peer.compose(CertificateVerify);
            // Behind the ECDSA signature's own DER lengths.
            message[20] ^= 1;
            message
        })
    }),
    ("SignatureWrong", |stage| {
        before_client_certificate(stage).say(&[Certificate]).say_message(|peer| {
            let mut message = peer.compose(CertificateVerify);
            message[20] ^= 1;
            message
        })
    }),
    ("SignatureSchemeNotOffered", |stage| {
        before_certificate(stage)
            .say(&[Certificate])
            .say_message(|peer| peer.certificate_verify(SignatureScheme::rsa_pkcs1_sha256))
    }),
    ("SignatureSchemeNotOffered", |stage| {
        // Offered, but not with this key.
        before_certificate(stage)
            .say(&[Certificate])
            .say_message(|peer| peer.certificate_verify(SignatureScheme::ecdsa_secp384r1_sha384))
    }),
    ("FinishedWrong", |stage| {
        before_certificate(stage).say(&[Certificate, CertificateVerify]).say_message(|peer| {
            let mut message = peer.compose(Finished);
            message[4] ^= 1;
            message
        })
    }),
    ("FinishedWrong", |stage| {
        stage.server().say(&[ClientHello]).say_message(|peer| {
            let mut message = peer.compose(Finished);
            message.truncate(3);
            message.extend([31; 32]);
            message
        })
    }),
];

const AFTER_THE_HANDSHAKE: &[Case] = &[
    ("BadKeyUpdate", |stage| stage.connected_server().say_message(|_| key_update(KeyUpdateRequest(2)))),
    ("TicketLifetimeTooLong", |stage| stage.connected_client().say_message(|_| new_session_ticket(604_801))),
];

fn cases() -> impl Iterator<Item = &'static Case> {
    let groups = [MALFORMED, RECORDS, CLIENT_HELLO, SERVER_HELLO, PARAMETERS, AUTHENTICATION, AFTER_THE_HANDSHAKE];
    groups.into_iter().chain([faulty_chains::CASES]).flatten()
}

/// The names of all rows that a peer can cause: families 2xx to 5xx of `failures!`, and the reasons of `Malformed`.
fn rows() -> BTreeSet<&'static str> {
    let source = include_str!("../src/error.rs");
    let mut names = BTreeSet::new();
    for line in source.lines() {
        let mut words = line.split_whitespace();
        if let (Some(number), Some(name)) = (words.next(), words.next())
            && number.parse().is_ok_and(|number: u16| (200..600).contains(&number))
        {
            names.insert(name.split('(').next().unwrap());
        }
        names.extend(line.split('"').filter(|word| word.starts_with("Malformed") && !word.contains(' ')));
    }
    names
}

#[test]
fn every_row_has_a_case_or_a_reason() {
    let mut claimed: BTreeSet<_> = cases().map(|(name, _)| *name).collect();
    for (name, reason) in CANNOT_BE_CAUSED {
        assert!(claimed.insert(name), "{name} has a case, and a reason why it cannot be caused: {reason}");
    }
    assert_eq!(rows(), claimed);
}

#[test]
fn every_failure_of_a_peers_making_sends_its_alert_once_and_repeats() {
    let stage = Stage::new();
    let mut unexpected = Vec::new();
    for (name, case) in cases() {
        let mut scene = case(&stage);
        if scene.outcome() == *name {
            scene.assert_failed_with_its_alert();
        } else {
            unexpected.push(format!("{name}: {} {:?}", scene.outcome(), scene.error));
        }
    }
    assert_eq!(unexpected, [""; 0]);
}

#[test]
fn alert_of_the_peer_ends_the_connection_and_is_not_answered() {
    let stage = Stage::new();
    let scenes = || [stage.client(), stage.server(), stage.connected_client(), stage.connected_server()];
    for (level, description) in [(2, AlertDescription::handshake_failure), (1, AlertDescription::unknown_ca)] {
        for scene in scenes() {
            let mut scene = scene.say_record(ContentType::alert, &[level, description.0]);
            assert_eq!(scene.error, Some(Error::AlertReceived(description)));
            scene.assert_failed_with_its_alert();
            assert_eq!(scene.peer.alerts(), []);
        }
    }
}

#[test]
fn unknown_alert_ends_the_connection() {
    let scene = Stage::new().connected_client().say_record(ContentType::alert, &[1, 200]);
    assert_eq!(scene.error, Some(Error::AlertReceived(AlertDescription(200))));
}

#[test]
fn close_notify_during_the_handshake_is_the_peer_giving_up() {
    let mut scene = Stage::new().client().say(&[ServerHello]).say_record(ContentType::alert, &[1, 0]);
    assert_eq!(scene.error, Some(Error::AlertReceived(AlertDescription::close_notify)));
    scene.assert_failed_with_its_alert();
}

#[test]
fn end_of_input_before_close_notify_sends_nothing_and_repeats() {
    let mut scene = Stage::new().connected_client();
    scene.error = scene.end.end_of_input().err();
    assert_eq!(scene.error, Some(Error::Truncated));
    scene.listen();
    scene.assert_failed_with_its_alert();
}
