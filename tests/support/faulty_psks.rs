//! Second connections of TLS 1.3 that the other end refuses, one for each reason.

use std::sync::Arc;

use bulla::config::FindPsk;
use bulla::crypto::ring::provider;
use bulla::resume::CookieKeys;
use bulla::wire::{
    CipherSuite, ClientExtension, ClientHello, ContentType, EncryptedExtension, EncryptedExtensions, OfferedPsks,
    ProtocolNameList, PskBinderEntry, PskIdentity, PskKeyExchangeMode, ServerExtension, ServerHello, write_message,
};
use bulla::{ClientConfig, ServerConfig};

use super::faulty_hellos::told_extensions;
use super::pair::NOW;
use super::scene::{Scene, Stage};
use super::script::psk::Psk;
use super::script::{GROUP, RETRY_GROUP, SUITE, Say};
use super::stage_psk::{external_psk, scripted_psk};

/// The error's name, and what causes it.
type Case = (&'static str, fn(&Stage) -> Scene);

/// A client whose session the server resumes by this hello.
fn resumed_by(scene: Scene, edit: impl FnOnce(&mut ServerHello<'_>)) -> Scene {
    scene.say_message(|peer| {
        peer.server_hello_with(|hello| {
            hello.extensions.as_mut().unwrap().push(ServerExtension::PreSharedKey(0));
            edit(hello);
        })
    })
}

/// EncryptedExtensions that take early data, under this application protocol.
fn takes_early_data_for(protocol: &[u8]) -> Vec<u8> {
    let names = ProtocolNameList { protocol_name_list: vec![protocol] };
    let protocol = EncryptedExtension::ApplicationLayerProtocolNegotiation(names);
    write_message(&EncryptedExtensions { extensions: vec![protocol, EncryptedExtension::EarlyData] }).unwrap()
}

/// A client that takes nothing but the PSK.
fn client_of_psk_alone() -> ClientConfig {
    let config = ClientConfig::psk_only(external_psk()).clock(Arc::new(NOW));
    config.cipher_suites([SUITE]).unwrap().groups([GROUP, RETRY_GROUP]).unwrap()
}

/// A server that takes nothing but the PSK.
fn server_of_psk_alone() -> ServerConfig {
    let psks: Arc<dyn FindPsk> = Arc::new(vec![external_psk()]);
    let config = ServerConfig::psk_only(psks).clock(Arc::new(NOW));
    config.cipher_suites([SUITE]).unwrap().groups([GROUP, RETRY_GROUP]).unwrap()
}

fn without_schemes(hello: &mut ClientHello<'_>) {
    let is_schemes = |it: &ClientExtension<'_>| matches!(it, ClientExtension::SignatureAlgorithms(_));
    hello.extensions.as_mut().unwrap().retain(|extension| !is_schemes(extension));
}

/// The client's hello ends with its binder; this one says another.
fn with_wrong_binder(scene: Scene) -> Scene {
    scene.say_message(|peer| {
        let mut message = peer.compose(Say::ClientHelloOfPsk);
        *message.last_mut().unwrap() ^= 1;
        message
    })
}

const SERVER_SAYS: &[Case] = &[
    ("SelectedPskNotOffered", |stage| {
        resumed_by(stage.resuming_client(), |hello| {
            *hello.extensions.as_mut().unwrap().last_mut().unwrap() = ServerExtension::PreSharedKey(1);
        })
    }),
    ("PskHashDiffers", |stage| {
        let both = [SUITE, CipherSuite::TLS_AES_256_GCM_SHA384];
        let scene = stage.resuming_client_with(&stage.keeping_client().cipher_suites(both).unwrap());
        resumed_by(scene, |hello| hello.cipher_suite = CipherSuite::TLS_AES_256_GCM_SHA384)
    }),
    ("PskWithoutKeyShare", |stage| {
        resumed_by(stage.resuming_client(), |hello| {
            hello.extensions.as_mut().unwrap().remove(1);
        })
    }),
    ("PskNotChosen", |stage| stage.client_with(client_of_psk_alone()).say(&[Say::ServerHello])),
    ("EarlyDataTermsChanged", |stage| {
        // It was sent under no protocol.
        let client = stage.keeping_client().alpn(["h2"]).unwrap();
        let scene = stage.early_client_with(&client).say(&[Say::ServerHelloOfPsk]);
        scene.say_message(|_| takes_early_data_for(b"h2"))
    }),
    ("EarlyDataTermsChanged", |stage| {
        // It was sent under a PSK that is not chosen.
        stage.early_client().say(&[Say::ServerHello, Say::EncryptedExtensionsWithEarlyData])
    }),
    // After a retry there is none.
    ("ExtensionNotOffered", |stage| {
        let retried = [Say::HelloRetryRequest, Say::ServerHelloOfPsk, Say::EncryptedExtensionsWithEarlyData];
        stage.early_client().say(&retried)
    }),
    ("EarlyDataWithOldVersion", |stage| {
        stage.early_client().say_message(|peer| {
            peer.server_hello_with(|hello| {
                hello.extensions.as_mut().unwrap().remove(0);
            })
        })
    }),
    ("FinishedWrong", |stage| {
        let scene = stage.resuming_client().say(&[Say::ServerHelloOfPsk, Say::EncryptedExtensions]);
        scene.say_message(|peer| {
            let mut message = peer.compose(Say::Finished);
            message[4] ^= 1;
            message
        })
    }),
];

const CLIENT_SAYS: &[Case] = &[
    ("PskBinderWrong", |stage| with_wrong_binder(stage.resuming_server())),
    ("PskBinderWrong", |stage| {
        let server = stage.server.clone().psks(Arc::new(vec![external_psk()]));
        with_wrong_binder(stage.server_with_psk(&server, &scripted_psk()))
    }),
    ("PskBinderWrong", |stage| {
        // The same behind a retry.
        let config = stage.sealing_server().groups([RETRY_GROUP]).unwrap();
        with_wrong_binder(stage.resuming_server_with(&config).say(&[Say::ClientHelloOfPsk]))
    }),
    ("PskBinderCount", |stage| {
        let psks = OfferedPsks {
            identities: vec![PskIdentity { identity: b"ticket", obfuscated_ticket_age: 0 }],
            binders: vec![PskBinderEntry(&[0; 32]), PskBinderEntry(&[0; 32])],
        };
        let modes = ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]);
        told_extensions(stage, vec![modes, ClientExtension::PreSharedKey(psks)])
    }),
    ("TooMuchEarlyData", |stage| stage.server_in_early_data().say_record(ContentType::application_data, &[1; 17])),
    ("TooMuchEarlyData", |stage| {
        let scene = stage.server_in_early_data().say_record(ContentType::application_data, &[1; 16]);
        assert_eq!(scene.error, None);
        scene.say_record(ContentType::application_data, b"x")
    }),
    ("EarlyDataAfterRetry", |stage| {
        let config = stage.early_server().groups([RETRY_GROUP]).unwrap();
        let scene = stage.resuming_server_with(&config).say(&[Say::ClientHelloWithEarlyData]);
        assert_eq!(scene.outcome(), "WaitSecondClientHello");
        scene.say(&[Say::ClientHelloWithEarlyData])
    }),
    ("BadCookie", |stage| {
        let cookies = Arc::new(CookieKeys::random(provider()).unwrap());
        let server = stage.server.clone().stateless_retry(cookies);
        stage.server_with(server).say_message(|peer| {
            peer.client_hello_with(|hello| {
                hello.extensions.as_mut().unwrap().push(ClientExtension::Cookie(b"not one of ours"));
            })
        })
    }),
    ("NoCommonPsk", |stage| {
        let unknown = Psk::external(b"another name", &[6; 32]);
        stage.server_with_psk(&server_of_psk_alone(), &unknown).say(&[Say::ClientHelloOfPsk])
    }),
    ("NoCommonPsk", |stage| {
        // The client takes no certificate.
        let server = stage.server.clone().psks(Arc::new(vec![external_psk()]));
        let unknown = Psk::external(b"another name", &[6; 32]);
        stage.server_with_psk(&server, &unknown).say_message(|peer| peer.psk_hello(without_schemes))
    }),
    ("NoPskOffered", |stage| stage.server_with(server_of_psk_alone()).say(&[Say::ClientHello])),
    ("FinishedWrong", |stage| {
        stage.resuming_server().say(&[Say::ClientHelloOfPsk]).say_message(|peer| {
            let mut message = peer.compose(Say::Finished);
            message[4] ^= 1;
            message
        })
    }),
    ("MalformedTrailingBytes", |stage| stage.server_in_early_data().say_message(|_| vec![5, 0, 0, 1, 0])),
    ("MessageAcrossKeyChange", |stage| {
        let scene = stage.server_in_early_data();
        scene.say_record(ContentType::handshake, &[5, 0, 0, 0, 20, 0, 0, 32])
    }),
];

pub(crate) fn cases() -> impl Iterator<Item = &'static Case> {
    SERVER_SAYS.iter().chain(CLIENT_SAYS)
}
