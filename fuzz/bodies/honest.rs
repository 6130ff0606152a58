//! What an honest peer would say next, for the transcript as it is.

use bulla::wire::*;

use super::fixed::{self, GROUP, OTHER_GROUP, peer_share};
use super::honest_rich;
use super::honest_second::{self, By};
use super::honest_tls12;
use super::rig::{Keys, Rig, Role};

/// The messages of a handshake, as an honest peer makes them. Those that one version alone has are made in the other, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honest {
    /// A ClientHello with a share of the group.
    ClientHello(NamedGroup),
    ServerHello(NamedGroup),
    HelloRetryRequest,
    EncryptedExtensions,
    CertificateRequest,
    /// A Certificate with the leaf in it, or an empty one.
    Certificate {
        empty: bool,
    },
    CertificateVerify,
    Finished,
    NewSessionTicket,
    KeyUpdate(KeyUpdateRequest),
    ServerKeyExchange,
    ServerHelloDone,
    ClientKeyExchange,
    HelloRequest,
    /// No message, but a record of its own.
    ChangeCipherSpec,
    /// A ClientHello that names a session or a PSK.
    Resuming(NamedGroup, By),
    /// The ServerHello that takes it.
    Resumed(By),
    /// EncryptedExtensions behind that.
    ResumedExtensions {
        early: bool,
    },
    /// Application data in a record of its own, to go before the handshake is finished.
    EarlyData,
    EndOfEarlyData,
    /// A request for a certificate behind the handshake, with a context of this byte.
    LateRequest(u8),
    /// The answer to the last one.
    LateCertificate {
        empty: bool,
    },
    LateVerify,
    LateFinished,
}

impl Honest {
    /// The type of the records that it goes in.
    pub fn content_type(self) -> ContentType {
        match self {
            Self::ChangeCipherSpec => ContentType::change_cipher_spec,
            Self::EarlyData => ContentType::application_data,
            _ => ContentType::handshake,
        }
    }
}

/// One honest handshake, as the peer of that rig's end says it: what, and under which keys.
pub fn handshake(rig: &Rig, client_auth: bool, retry: bool) -> Vec<(Keys, Honest)> {
    use Honest as H;
    let role = rig.role;
    if rig.is_tls12() {
        return honest_tls12::handshake(role, client_auth);
    }
    let group = if retry { OTHER_GROUP } else { GROUP };
    let certificate = [(Keys::Handshake, H::Certificate { empty: false }), (Keys::Handshake, H::CertificateVerify)];
    let mut said = Vec::new();
    match role {
        Role::Server => {
            said.push((Keys::None, H::ClientHello(group)));
            // The server wants another group first, asks for it, and gets the same hello with the share of it.
            if retry {
                said.push((Keys::None, H::ClientHello(GROUP)));
            }
            if client_auth {
                said.extend(certificate);
            }
        }
        Role::Client => {
            if retry {
                said.push((Keys::None, H::HelloRetryRequest));
            }
            said.push((Keys::None, H::ServerHello(group)));
            said.push((Keys::Handshake, H::EncryptedExtensions));
            if client_auth {
                said.push((Keys::Handshake, H::CertificateRequest));
            }
            said.extend(certificate);
        }
    }
    said.push((Keys::Handshake, H::Finished));
    said
}

/// Writes the message, or `None` if the connection has not got so far that it can be made.
pub fn message(rig: &Rig, honest: Honest) -> Option<Vec<u8>> {
    if let Some(rich) = rig.rich
        && let Some(made) = honest_rich::message(rig, rich, honest)
    {
        return made;
    }
    if rig.is_tls12()
        && let Some(made) = honest_tls12::message(rig, honest)
    {
        return made;
    }
    match honest {
        Honest::ClientHello(group) => write(&client_hello(rig, group)),
        Honest::ServerHello(group) => with_session_id(rig, |legacy_session_id_echo| {
            write(&ServerHello { legacy_session_id_echo, ..server_hello(rig, group, &peer_share()) })
        }),
        Honest::HelloRetryRequest => with_session_id(rig, |legacy_session_id_echo| {
            write(&HelloRetryRequest {
                legacy_version: ProtocolVersion::TLSv1_2,
                legacy_session_id_echo,
                cipher_suite: rig.suite.id,
                legacy_compression_method: CompressionMethod::null,
                extensions: vec![
                    RetryExtension::SupportedVersions(ProtocolVersion::TLSv1_3),
                    RetryExtension::KeyShare(OTHER_GROUP),
                    RetryExtension::Cookie(b"cookie"),
                ],
            })
        }),
        Honest::EncryptedExtensions => {
            let h2 = ProtocolNameList { protocol_name_list: vec![b"h2"] };
            let alpn = EncryptedExtension::ApplicationLayerProtocolNegotiation(h2);
            write(&EncryptedExtensions { extensions: vec![EncryptedExtension::ServerNameAck, alpn] })
        }
        Honest::CertificateRequest => write(&CertificateRequest {
            certificate_request_context: &[],
            extensions: vec![CertificateRequestExtension::SignatureAlgorithms(vec![SignatureScheme::ed25519])],
        }),
        Honest::Certificate { empty } => {
            let entry = CertificateEntry { cert_data: fixed::LEAF, extensions: Vec::new() };
            let certificate_list = if empty { Vec::new() } else { vec![entry] };
            write(&Certificate { certificate_request_context: &[], certificate_list })
        }
        Honest::CertificateVerify => {
            let signature = &sign(rig);
            write(&CertificateVerify { algorithm: SignatureScheme::ed25519, signature })
        }
        Honest::Finished => write(&Finished { verify_data: &rig.verify_data()? }),
        Honest::NewSessionTicket => write(&NewSessionTicket {
            ticket_lifetime: 3600,
            ticket_age_add: 7,
            ticket_nonce: &[0],
            ticket: b"ticket",
            extensions: Vec::new(),
        }),
        Honest::KeyUpdate(request_update) => write(&KeyUpdate { request_update }),
        Honest::ServerKeyExchange => honest_tls12::server_key_exchange(rig),
        Honest::ServerHelloDone => write(&ServerHelloDone),
        Honest::ClientKeyExchange => write(&ClientKeyExchange { ecdh_yc: &peer_share() }),
        Honest::HelloRequest => write(&HelloRequest),
        Honest::ChangeCipherSpec => Some(vec![1]),
        Honest::Resuming(group, by) => honest_second::client_hello(rig, group, by),
        Honest::Resumed(by) => honest_second::server_hello(rig, by),
        Honest::ResumedExtensions { early } => honest_second::encrypted_extensions(early),
        Honest::EarlyData => Some(b"early".to_vec()),
        Honest::EndOfEarlyData => write(&EndOfEarlyData),
        // Of an end that has it switched on.
        Honest::LateRequest(_) | Honest::LateCertificate { .. } | Honest::LateVerify | Honest::LateFinished => None,
    }
}

pub fn write<'a>(message: &impl Message<'a>) -> Option<Vec<u8>> {
    Some(write_message(message).unwrap())
}

/// One without a session id, which the caller echoes.
pub fn server_hello<'s>(rig: &Rig, group: NamedGroup, key_exchange: &'s [u8]) -> ServerHello<'s> {
    ServerHello {
        legacy_version: ProtocolVersion::TLSv1_2,
        random: Random([0x53; 32]),
        legacy_session_id_echo: &[],
        cipher_suite: rig.suite.id,
        legacy_compression_method: CompressionMethod::null,
        extensions: Some(vec![
            ServerExtension::SupportedVersions(ProtocolVersion::TLSv1_3),
            ServerExtension::KeyShare(KeyShareEntry { group, key_exchange }),
        ]),
    }
}

pub fn client_hello<'h>(rig: &Rig, group: NamedGroup) -> ClientHello<'h> {
    // Shares are public, and there is one: it may as well live for ever.
    static SHARE: std::sync::OnceLock<[u8; 32]> = std::sync::OnceLock::new();
    let key_exchange = SHARE.get_or_init(peer_share);
    let name = ServerNameEntry { name_type: NameType::host_name, name: fixed::NAME.as_bytes() };
    ClientHello {
        legacy_version: ProtocolVersion::TLSv1_2,
        random: Random([0x43; 32]),
        legacy_session_id: &[0x49; 32],
        cipher_suites: vec![rig.suite.id],
        legacy_compression_methods: vec![CompressionMethod::null],
        extensions: Some(vec![
            ClientExtension::ServerName(ServerNameList { server_name_list: vec![name] }),
            ClientExtension::SupportedVersions(vec![ProtocolVersion::TLSv1_3]),
            ClientExtension::SupportedGroups(vec![GROUP, OTHER_GROUP]),
            ClientExtension::SignatureAlgorithms(vec![SignatureScheme::ed25519]),
            ClientExtension::ApplicationLayerProtocolNegotiation(ProtocolNameList { protocol_name_list: vec![b"h2"] }),
            ClientExtension::KeyShare(vec![KeyShareEntry { group, key_exchange }]),
        ]),
    }
}

/// Gives `write` the session id that the client under test has sent.
pub fn with_session_id(rig: &Rig, write: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let bytes = rig.watch.first_of(HandshakeType::client_hello)?;
    match Handshake::read(&bytes, ProtocolVersion::TLSv1_3) {
        Ok(Handshake::ClientHello(hello)) => write(hello.legacy_session_id),
        _ => None,
    }
}

/// Signs the transcript so far. RFC 8446 §4.4.3.
fn sign(rig: &Rig) -> Vec<u8> {
    let transcript_hash = rig.watch.transcript_hash(rig.suite.hash);
    sign_hash(rig.role, transcript_hash.as_ref())
}

/// Signs a transcript's hash as the peer of an end in this role.
pub fn sign_hash(role: Role, transcript_hash: &[u8]) -> Vec<u8> {
    let context: &[u8] = match role {
        Role::Server => b"TLS 1.3, client CertificateVerify",
        Role::Client => b"TLS 1.3, server CertificateVerify",
    };
    let content = [&[0x20; 64], context, &[0], transcript_hash].concat();
    fixed::leaf_key().sign(&*fixed::provider(), SignatureScheme::ed25519, &content).unwrap()
}
