//! Hellos that the other end refuses, one for each reason.

use std::sync::Arc;

use bulla::wire::{
    CipherSuite, ClientExtension, CompressionMethod, DOWNGRADE_TLS12, ExtensionType, KeyShareEntry, MaxFragmentLength,
    NameType, NamedGroup, OfferedPsks, ProtocolNameList, ProtocolVersion, PskBinderEntry, PskIdentity, Random,
    RetryExtension, ServerExtension, ServerNameEntry, ServerNameList, SignatureScheme, UnknownExtension,
};
use bulla::{Answer, MAX_KEY_SHARES};

use super::later::Later;
use super::scene::{Scene, Stage};
use super::script::Say::{ClientHello, HelloRetryRequest};
use super::script::{GROUP, RETRY_GROUP, SUITE};

/// The error's name, and the hello that causes it.
type Case = (&'static str, fn(&Stage) -> Scene);

/// A server that is told this hello.
fn told_hello(stage: &Stage, edit: impl FnOnce(&mut bulla::wire::ClientHello<'_>)) -> Scene {
    stage.server().say_message(|peer| peer.client_hello_with(edit))
}

/// A server that is told the usual hello with these extensions behind its own.
pub(crate) fn told_extensions(stage: &Stage, more: Vec<ClientExtension<'static>>) -> Scene {
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

pub(crate) const CLIENT_HELLO: &[Case] = &[
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
    ("TooManyKeyShares", |stage| {
        told_hello(stage, |hello| {
            let share = KeyShareEntry { group: GROUP, key_exchange: &[9; 32] };
            hello.extensions.as_mut().unwrap()[3] = ClientExtension::KeyShare(vec![share; MAX_KEY_SHARES + 1]);
        })
    }),
    ("RecordSizeLimitTooSmall", |stage| told_extensions(stage, vec![ClientExtension::RecordSizeLimit(63)])),
    ("MaxFragmentLengthUnknown", |stage| {
        told_extensions(stage, vec![ClientExtension::MaxFragmentLength(MaxFragmentLength(5))])
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
    ("UnrecognizedName", |stage| {
        let config = stage.server.clone().choose_identity(Arc::new(Later));
        let mut scene = stage.server_with(config).say_message(|peer| {
            peer.client_hello_with(|hello| hello.extensions.as_mut().unwrap().push(host_name(b"unknown.test")))
        });
        let question = scene.questions.pop().unwrap();
        scene.answer_with(&question, Answer::Identity(None));
        scene
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

pub(crate) const SERVER_HELLO: &[Case] = &[
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
    // Asked for the hybrid group, the client has sent that share alone, without its classical half.
    #[cfg(feature = "post-quantum")]
    ("KeyShareGroupNotOffered", |stage| {
        let groups = [RETRY_GROUP, NamedGroup::X25519MLKEM768, GROUP];
        let hybrid = RetryExtension::KeyShare(NamedGroup::X25519MLKEM768);
        let scene = stage.client_with(stage.client.clone().groups(groups).unwrap());
        let scene = scene.say_message(|peer| peer.hello_retry_request_with(|request| request.extensions[1] = hybrid));
        assert_eq!(scene.error, None);
        scene.say_message(|peer| peer.server_hello_with(shares(GROUP, &[9; 32])))
    }),
    ("InvalidKeyShare", |stage| answered(stage, shares(GROUP, &[0; 32]))),
    ("InvalidKeyShare", |stage| answered(stage, shares(GROUP, &[9; 31]))),
];
