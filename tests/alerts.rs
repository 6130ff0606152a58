//! Every way in which a peer can make a connection fail, each done for real, with its alert seen on the wire.
//!
//! The rows come out of `src/error.rs` itself: a row that has no case here, and no reason why, fails the test.

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/faulty_certificates.rs"]
mod faulty_certificates;
#[path = "support/faulty_chains.rs"]
mod faulty_chains;
#[path = "support/faulty_hellos.rs"]
mod faulty_hellos;
#[path = "support/faulty_psks.rs"]
mod faulty_psks;
#[path = "support/faulty_raw_keys.rs"]
mod faulty_raw_keys;
#[cfg(feature = "tls12")]
#[path = "support/faulty_raw_keys_tls12.rs"]
mod faulty_raw_keys_tls12;
#[cfg(feature = "tls12")]
#[path = "support/faulty_tls12.rs"]
mod faulty_tls12;
#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[cfg(feature = "tls12")]
#[path = "support/script_tls12.rs"]
mod script_tls12;
#[path = "support/stage_asked.rs"]
mod stage_asked;
#[path = "support/stage_psk.rs"]
mod stage_psk;
#[cfg(feature = "tls12")]
#[path = "support/stage_tls12.rs"]
mod stage_tls12;

#[cfg(feature = "tls12")]
use std::collections::BTreeSet;
use std::sync::Arc;

use bulla::wire::{
    Alert, AlertDescription, AlertLevel, CertificateEntry, CertificateExtension, CertificateRequestExtension,
    ClientExtension, ContentType, EncryptedExtension, EncryptedExtensions, ExtensionType, KeyUpdateRequest,
    MaxFragmentLength, ProtocolNameList, ProtocolVersion, SerializedSct, SignatureScheme,
    SignedCertificateTimestampList, UnknownExtension, write_all, write_message,
};
use bulla::{
    ClientAuth, Error, MAX_CHAIN_LEN, MAX_CHANGE_CIPHER_SPECS, MAX_EMPTY_RECORDS, MAX_KEY_UPDATES, MAX_TICKETS,
    MAX_WARNING_ALERTS, ServerConfig,
};
use faulty_hellos::told_extensions;
use scene::{Scene, Stage};
use script::Say::{
    Certificate, CertificateVerify, ClientHello, EmptyCertificate, EncryptedExtensions as Extensions, Finished,
    ServerHello,
};
use script::{change_cipher_spec, key_update, plain_record};

/// The error's name, and how a peer causes it.
type Case = (&'static str, fn(&Stage) -> Scene);

/// Rows of the families that a peer can cause, which none can cause today.
#[cfg(feature = "tls12")]
const CANNOT_BE_CAUSED: &[(&str, &str)] = &[("Revoked", "a configuration cannot hold revocation lists yet")];

fn encrypted_extensions(extensions: Vec<EncryptedExtension<'_>>) -> Vec<u8> {
    write_message(&EncryptedExtensions { extensions }).unwrap()
}

fn protocols(names: &[&'static str]) -> EncryptedExtension<'static> {
    let protocol_name_list = names.iter().map(|name| name.as_bytes()).collect();
    EncryptedExtension::ApplicationLayerProtocolNegotiation(ProtocolNameList { protocol_name_list })
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
    ("TooManyTickets", |stage| {
        let ticket = |peer: &mut script::Peer| peer.say(script::Say::NewSessionTicket);
        repeated(stage.connected_client(), MAX_TICKETS + 1, ticket)
    }),
    ("NoContentType", |stage| stage.client().say(&[ServerHello]).with(|peer| peer.seal(&[0; 20]))),
    ("UnknownAlertLevel", |stage| stage.client().say_record(ContentType::alert, &[3, 90])),
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
    ("RecordSizeLimitTooSmall", |stage| {
        let scene = stage.client_with(stage.client.clone().record_size_limit(64).unwrap()).say(&[ServerHello]);
        scene.say_message(|_| encrypted_extensions(vec![EncryptedExtension::RecordSizeLimit(63)]))
    }),
    ("BothRecordSizes", |stage| {
        let length = MaxFragmentLength::two_to_the_9;
        let client = stage.client.clone().max_fragment_length(length).unwrap().record_size_limit(64).unwrap();
        let both = vec![EncryptedExtension::RecordSizeLimit(64), EncryptedExtension::MaxFragmentLength(length)];
        stage.client_with(client).say(&[ServerHello]).say_message(|_| encrypted_extensions(both))
    }),
    ("MaxFragmentLengthChanged", |stage| {
        let client = stage.client.clone().max_fragment_length(MaxFragmentLength::two_to_the_9).unwrap();
        let other = EncryptedExtension::MaxFragmentLength(MaxFragmentLength::two_to_the_10);
        stage.client_with(client).say(&[ServerHello]).say_message(|_| encrypted_extensions(vec![other]))
    }),
    ("ExtensionNotOffered", |stage| {
        let scene = stage.client().say(&[ServerHello]);
        scene.say_message(|_| encrypted_extensions(vec![EncryptedExtension::RecordSizeLimit(64)]))
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
        let extension = CertificateExtension::SignedCertificateTimestamp(SignedCertificateTimestampList {
            sct_list: vec![SerializedSct(&[0])],
        });
        let add = |it: &mut CertificateEntry<'_>| it.extensions.push(extension.clone());
        before_certificate(stage)
            .say_message(|peer| peer.certificate_with(|certificate| add(&mut certificate.certificate_list[0])))
    }),
    ("ExtensionNotOffered", |stage| {
        let extension = CertificateExtension::SignedCertificateTimestamp(SignedCertificateTimestampList {
            sct_list: vec![SerializedSct(&[0])],
        });
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
    ("SignatureSchemeNotOffered", |stage| {
        // Right for this key, and one that the client could verify, but did not offer.
        let client = stage.client.clone().signature_schemes([SignatureScheme::ed25519]).unwrap();
        stage.client_with(client).say(&[ServerHello, Extensions, Certificate, CertificateVerify])
    }),
    ("SignatureSchemeNotOffered", |stage| {
        let p384 = SignatureScheme::ecdsa_secp384r1_sha384;
        let identity = stage.authority.identity(&[pair::NAME], pair::KeyKind::EcdsaP384);
        let server = ServerConfig::new(identity).clock(Arc::new(pair::NOW)).signature_schemes([p384]).unwrap();
        let server = server.client_auth(ClientAuth::Require(Arc::new(stage.authority.roots())));
        let scene = stage.server_with(server).say_message(|peer| {
            peer.client_hello_with(|hello| {
                hello.extensions.as_mut().unwrap()[2] = ClientExtension::SignatureAlgorithms(vec![p384]);
            })
        });
        assert_eq!(scene.outcome(), "WaitCertificate");
        scene.say(&[Certificate, CertificateVerify])
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

const AFTER_THE_HANDSHAKE: &[Case] =
    &[("BadKeyUpdate", |stage| stage.connected_server().say_message(|_| key_update(KeyUpdateRequest(2))))];

fn cases() -> impl Iterator<Item = &'static Case> {
    let groups = [
        MALFORMED,
        RECORDS,
        faulty_hellos::CLIENT_HELLO,
        faulty_hellos::SERVER_HELLO,
        PARAMETERS,
        AUTHENTICATION,
        AFTER_THE_HANDSHAKE,
    ];
    let others = [faulty_chains::CASES, faulty_raw_keys::CASES, faulty_certificates::CASES, stage_asked::CASES];
    groups.into_iter().chain(others).flatten().chain(faulty_psks::cases())
}

#[cfg(feature = "tls12")]
fn cases_tls12() -> impl Iterator<Item = &'static faulty_tls12::Case> {
    faulty_tls12::cases().chain(faulty_raw_keys_tls12::CASES)
}

/// The names of all rows that a peer can cause: families 2xx to 5xx of `failures!`, and the reasons of `Malformed`.
#[cfg(feature = "tls12")]
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

/// The rows are those of a build with both versions.
#[cfg(feature = "tls12")]
#[test]
fn every_row_has_a_case_or_a_reason() {
    let mut claimed: BTreeSet<_> = cases().map(|(name, _)| *name).collect();
    claimed.extend(cases_tls12().map(|(name, _)| *name));
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

#[cfg(feature = "tls12")]
#[test]
fn every_failure_of_a_tls12_peers_making_sends_its_alert_once_and_repeats() {
    let stage = stage_tls12::Stage::new();
    let mut unexpected = Vec::new();
    for (name, case) in cases_tls12() {
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

#[test]
fn nothing_follows_our_own_close_notify() {
    let stage = Stage::new();
    let close_notify = Alert { level: AlertLevel::warning, description: AlertDescription::close_notify };
    for mut scene in [stage.connected_client(), stage.connected_server()] {
        scene.end.close();
        scene.listen();
        let heard = scene.peer.heard.len();
        assert_eq!(scene.peer.alerts(), [close_notify]);
        // Neither the answer to a KeyUpdate, nor an alert; receiving goes on until there is something wrong.
        let scene = scene.say_message(|_| key_update(KeyUpdateRequest::update_requested));
        let scene = scene.say_record(ContentType::application_data, b"still heard");
        assert_eq!(pair::data(&scene.seen), b"still heard");
        let mut scene = scene.say(&[Finished]);
        assert_eq!(scene.outcome(), "UnexpectedMessage");
        scene.listen();
        assert_eq!(scene.peer.heard.len(), heard);
    }
}

#[test]
fn alert_in_the_clear_is_read_until_the_first_protected_record_and_not_behind_it() {
    let stage = Stage::new();
    let in_the_clear = |scene: Scene| scene.with(|_| plain_record(ContentType::alert, &[2, 40])).outcome();
    // A peer that fails on our first flight has no keys yet.
    assert_eq!(in_the_clear(stage.client().say(&[ServerHello])), "AlertReceived");
    assert_eq!(in_the_clear(stage.server().say(&[ClientHello])), "AlertReceived");
    assert_eq!(in_the_clear(before_certificate(&stage)), "UnexpectedRecord");
    assert_eq!(in_the_clear(before_client_certificate(&stage).say(&[Certificate])), "UnexpectedRecord");
    assert_eq!(in_the_clear(stage.connected_client()), "UnexpectedRecord");
    assert_eq!(in_the_clear(stage.connected_server()), "UnexpectedRecord");
}
