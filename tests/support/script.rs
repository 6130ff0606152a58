//! A peer that has the right keys and may say anything in any order: the other end of all tests about misbehaviour.
//!
//! It is built from the public `wire`, `keys` and `crypto` alone, checks nothing, and follows the keys by itself:
//! whatever passes in either direction counts for its transcript and changes its keys as RFC 8446 §7.1 says.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

#[path = "script_asked.rs"]
pub mod asked;
#[path = "script_keys.rs"]
mod keys;
#[path = "script_psk.rs"]
pub mod psk;

use std::sync::Arc;

use bulla::crypto::ring::provider;
use bulla::crypto::{Digest, Provider, Secret, SigningKey, StartedKeyExchange, Suite};
use bulla::keys::{MainSecret, TrafficSecret, Transcript};
use bulla::pki_types::{CertificateDer, PrivateKeyDer};
use bulla::wire::{
    Alert, Certificate, CertificateEntry, CertificateRequest, CertificateRequestExtension, CertificateVerify,
    CipherSuite, ClientExtension, ClientHello, CompressionMethod, ContentType, EncryptedExtension, EncryptedExtensions,
    Finished, HandshakeType, HelloRetryRequest, KeyShareEntry, KeyUpdate, KeyUpdateRequest, NamedGroup,
    NewSessionTicket, ProtocolVersion, RECORD_HEADER_LEN, Random, RetryExtension, ServerExtension, ServerHello,
    SignatureScheme, is_grease, read_all, write_message,
};

use keys::Protection;

/// The one suite that the scripted peer speaks.
pub const SUITE: CipherSuite = CipherSuite::TLS_AES_128_GCM_SHA256;
/// The group whose share comes with the first hello.
pub const GROUP: NamedGroup = NamedGroup::x25519;
/// The group that a HelloRetryRequest asks for.
pub const RETRY_GROUP: NamedGroup = NamedGroup::secp256r1;

/// Which end the scripted peer plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// A message to say: well-formed and right for the transcript so far, whatever that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    ClientHello,
    HelloRetryRequest,
    ServerHello,
    EncryptedExtensions,
    CertificateRequest,
    Certificate,
    EmptyCertificate,
    CertificateVerify,
    Finished,
    NewSessionTicket,
    KeyUpdate,
    /// A ClientHello that offers the peer's PSKs.
    ClientHelloOfPsk,
    /// The same with early data, whose keys the client's records have from then on.
    ClientHelloWithEarlyData,
    /// A ServerHello that chooses the client's first PSK.
    ServerHelloOfPsk,
    /// EncryptedExtensions that take early data.
    EncryptedExtensionsWithEarlyData,
    /// A message of this type without a body.
    Empty(HandshakeType),
}

/// What came from the real end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Message(Vec<u8>),
    Alert(Alert),
    Data(Vec<u8>),
    ChangeCipherSpec,
}

/// The scripted peer.
pub struct Peer {
    provider: Arc<dyn Provider>,
    suite: Suite,
    role: Role,
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
    transcript: Transcript,
    retried: bool,
    /// The last ClientHello's body.
    client_hello: Vec<u8>,
    /// The client's half of the key exchange.
    started: Option<Box<dyn StartedKeyExchange>>,
    shared_secret: Option<Secret>,
    main_secret: Option<MainSecret>,
    client_secret: Option<TrafficSecret>,
    server_secret: Option<TrafficSecret>,
    client_application_secret: Option<TrafficSecret>,
    /// ClientHello…client Finished, once that is past.
    established: Option<Transcript>,
    write: Option<Protection>,
    read: Option<Protection>,
    /// Handshake bytes heard that are not a whole message yet.
    joined: Vec<u8>,
    /// Everything heard, in order.
    pub heard: Vec<Heard>,
    pub second: psk::Second,
}

impl Peer {
    /// A peer that shows `chain` and signs with `key`, an ECDSA P-256 one.
    pub fn new(role: Role, (certificate, key): (CertificateDer<'static>, PrivateKeyDer<'static>)) -> Self {
        let provider = provider();
        let suite = Suite::tls13(SUITE).unwrap();
        Self {
            suite,
            role,
            chain: vec![certificate],
            key: provider.signing_key(&key).unwrap(),
            transcript: Transcript::new(&*provider, suite.hash).unwrap(),
            retried: false,
            client_hello: Vec::new(),
            started: None,
            shared_secret: None,
            main_secret: None,
            client_secret: None,
            server_secret: None,
            client_application_secret: None,
            established: None,
            write: None,
            read: None,
            joined: Vec::new(),
            heard: Vec::new(),
            second: psk::Second::default(),
            provider,
        }
    }

    /// Shows this chain instead.
    pub fn show(&mut self, chain: Vec<CertificateDer<'static>>) {
        self.chain = chain;
    }

    /// Says a message in a record of its own.
    pub fn say(&mut self, say: Say) -> Vec<u8> {
        let message = self.compose(say);
        let record = self.say_message(&message);
        if say == Say::ClientHelloWithEarlyData {
            self.start_early();
        }
        record
    }

    /// Says these bytes as a message in a record of its own.
    pub fn say_message(&mut self, message: &[u8]) -> Vec<u8> {
        let record = self.record(ContentType::handshake, message);
        self.pass(self.role, message);
        record
    }

    /// Says these messages in records of so many bytes, which may hold the end of one and the start of the next. Only the
    /// last may change keys.
    pub fn say_in_fragments(&mut self, says: &[Say], fragment_len: usize) -> Vec<u8> {
        let (last, before) = says.split_last().unwrap();
        let mut bytes = Vec::new();
        for say in before {
            let message = self.compose(*say);
            self.transcript.add(&message);
            bytes.extend(message);
        }
        let last = self.compose(*last);
        bytes.extend_from_slice(&last);
        let records = self.records(&bytes, fragment_len);
        // The last message's keys must not come before its record.
        self.pass(self.role, &last);
        records
    }

    /// Says these bytes as a message in records of so many bytes.
    pub fn say_message_in_fragments(&mut self, message: &[u8], fragment_len: usize) -> Vec<u8> {
        let records = self.records(message, fragment_len);
        self.pass(self.role, message);
        records
    }

    fn records(&mut self, messages: &[u8], fragment_len: usize) -> Vec<u8> {
        messages.chunks(fragment_len).flat_map(|it| self.record(ContentType::handshake, it)).collect()
    }

    /// Counts a message as said; its record is the test's to make.
    pub fn count(&mut self, message: &[u8]) {
        self.pass(self.role, message);
    }

    /// Makes the message without saying it.
    pub fn compose(&mut self, say: Say) -> Vec<u8> {
        match say {
            Say::ClientHello => self.client_hello_with(|_| {}),
            Say::HelloRetryRequest => self.hello_retry_request_with(|_| {}),
            Say::ServerHello => self.server_hello_with(|_| {}),
            Say::EncryptedExtensions => write_message(&EncryptedExtensions { extensions: vec![] }).unwrap(),
            Say::ClientHelloOfPsk => self.psk_hello(|_| {}),
            Say::ClientHelloWithEarlyData => self.psk_hello(|hello| {
                hello.extensions.as_mut().unwrap().push(ClientExtension::EarlyData);
            }),
            Say::ServerHelloOfPsk => self.server_hello_with(|hello| {
                hello.extensions.as_mut().unwrap().push(ServerExtension::PreSharedKey(0));
            }),
            Say::EncryptedExtensionsWithEarlyData => {
                write_message(&EncryptedExtensions { extensions: vec![EncryptedExtension::EarlyData] }).unwrap()
            }
            Say::CertificateRequest => certificate_request_with(|_| {}),
            Say::Certificate => self.certificate_with(|_| {}),
            Say::EmptyCertificate => self.certificate_with(|certificate| certificate.certificate_list.clear()),
            Say::CertificateVerify => self.certificate_verify(SignatureScheme::ecdsa_secp256r1_sha256),
            Say::Finished => self.finished(),
            Say::NewSessionTicket => new_session_ticket(3600),
            Say::KeyUpdate => key_update(KeyUpdateRequest::update_not_requested),
            Say::Empty(handshake_type) => vec![handshake_type.0, 0, 0, 0],
        }
    }

    /// A ClientHello for [`SUITE`] with a share of [`GROUP`], or of [`RETRY_GROUP`] once it was asked for.
    pub fn client_hello_with(&mut self, edit: impl FnOnce(&mut ClientHello<'_>)) -> Vec<u8> {
        let group = if self.retried { RETRY_GROUP } else { GROUP };
        let started = exchange(&*self.provider, group).start(&*self.provider).unwrap();
        let started = self.started.insert(started);
        let mut client_hello = ClientHello {
            legacy_version: ProtocolVersion::TLSv1_2,
            random: Random([7; 32]),
            legacy_session_id: &[8; 32],
            cipher_suites: vec![SUITE],
            legacy_compression_methods: vec![CompressionMethod::null],
            extensions: Some(vec![
                ClientExtension::SupportedVersions(vec![ProtocolVersion::TLSv1_3]),
                ClientExtension::SupportedGroups(vec![GROUP, RETRY_GROUP]),
                ClientExtension::SignatureAlgorithms(vec![SignatureScheme::ecdsa_secp256r1_sha256]),
                ClientExtension::KeyShare(vec![KeyShareEntry { group, key_exchange: started.share() }]),
            ]),
        };
        edit(&mut client_hello);
        write_message(&client_hello).unwrap()
    }

    pub fn hello_retry_request_with(&mut self, edit: impl FnOnce(&mut HelloRetryRequest<'_>)) -> Vec<u8> {
        let client_hello: ClientHello<'_> = read_all(&self.client_hello).unwrap();
        let mut request = HelloRetryRequest {
            legacy_version: ProtocolVersion::TLSv1_2,
            legacy_session_id_echo: client_hello.legacy_session_id,
            cipher_suite: SUITE,
            legacy_compression_method: CompressionMethod::null,
            extensions: vec![
                RetryExtension::SupportedVersions(ProtocolVersion::TLSv1_3),
                RetryExtension::KeyShare(RETRY_GROUP),
            ],
        };
        edit(&mut request);
        write_message(&request).unwrap()
    }

    /// A ServerHello that answers the first share of the last ClientHello that is one.
    pub fn server_hello_with(&mut self, edit: impl FnOnce(&mut ServerHello<'_>)) -> Vec<u8> {
        let client_hello: ClientHello<'_> = read_all(&self.client_hello).unwrap();
        let shares = client_hello.extensions.iter().flatten().find_map(|extension| match extension {
            ClientExtension::KeyShare(shares) => Some(shares),
            _ => None,
        });
        let theirs = *shares.unwrap().iter().find(|share| !is_grease(share.group.0)).unwrap();
        let (share, secret) =
            exchange(&*self.provider, theirs.group).respond(&*self.provider, theirs.key_exchange).unwrap();
        let mut server_hello = ServerHello {
            legacy_version: ProtocolVersion::TLSv1_2,
            random: Random([9; 32]),
            legacy_session_id_echo: client_hello.legacy_session_id,
            cipher_suite: SUITE,
            legacy_compression_method: CompressionMethod::null,
            extensions: Some(vec![
                ServerExtension::SupportedVersions(ProtocolVersion::TLSv1_3),
                ServerExtension::KeyShare(KeyShareEntry { group: theirs.group, key_exchange: &share }),
            ]),
        };
        edit(&mut server_hello);
        let message = write_message(&server_hello).unwrap();
        self.shared_secret = Some(secret);
        message
    }

    pub fn certificate_with<'c>(&'c mut self, edit: impl FnOnce(&mut Certificate<'c>)) -> Vec<u8> {
        let entry = |certificate| CertificateEntry { cert_data: certificate, extensions: vec![] };
        let mut certificate = Certificate {
            certificate_request_context: &[],
            certificate_list: self.chain.iter().map(|certificate| entry(certificate.as_ref())).collect(),
        };
        edit(&mut certificate);
        write_message(&certificate).unwrap()
    }

    /// A true signature over the transcript so far, said to be of this scheme.
    pub fn certificate_verify(&mut self, algorithm: SignatureScheme) -> Vec<u8> {
        let context: &[u8] = match self.role {
            Role::Client => b"TLS 1.3, client CertificateVerify",
            Role::Server => b"TLS 1.3, server CertificateVerify",
        };
        let message = [&[0x20; 64], context, &[0], self.transcript.current().as_ref()].concat();
        let scheme = SignatureScheme::ecdsa_secp256r1_sha256;
        let signature = self.key.sign(&*self.provider, scheme, &message).unwrap();
        write_message(&CertificateVerify { algorithm, signature: &signature }).unwrap()
    }

    /// The true Finished for the transcript so far; zeros as long as there are no keys.
    fn finished(&mut self) -> Vec<u8> {
        let secret = match self.role {
            Role::Client => &self.client_secret,
            Role::Server => &self.server_secret,
        };
        let zeros = Digest::new(&vec![0; self.suite.hash.output_len()]).unwrap();
        let hash = self.transcript.current();
        let verify_data = secret.as_ref().map_or(zeros, |it| it.verify_data(&*self.provider, &hash).unwrap());
        write_message(&Finished { verify_data: verify_data.as_ref() }).unwrap()
    }

    /// Protects `content` as the keys of the moment demand, in one record.
    pub fn record(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8> {
        if self.write.is_none() {
            return plain_record(content_type, content);
        }
        self.seal(&[content, &[content_type.0]].concat())
    }

    /// Seals a whole TLSInnerPlaintext: content, content type and padding. RFC 8446 §5.2.
    pub fn seal(&mut self, inner_plaintext: &[u8]) -> Vec<u8> {
        let protection = self.write.as_mut().unwrap();
        let mut record = plain_record(ContentType::application_data, &[inner_plaintext, &[0; 16]].concat());
        let (header, body) = record.split_at_mut(RECORD_HEADER_LEN);
        let (in_out, tag) = body.split_last_chunk_mut().unwrap();
        let nonce = protection.nonce();
        protection.keys.aead.seal_in_place(&nonce, header, in_out, tag).unwrap();
        record
    }

    /// Hears whole records of the real end and follows them.
    pub fn hear(&mut self, mut records: &[u8]) {
        while let Some((header, behind)) = records.split_first_chunk::<RECORD_HEADER_LEN>() {
            let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
            let (body, rest) = behind.split_at(len);
            records = rest;
            let (content_type, content) = self.open(header, body);
            match content_type {
                ContentType::handshake => self.hear_handshake(&content),
                ContentType::alert => self.heard.push(Heard::Alert(read_all(&content).unwrap())),
                ContentType::change_cipher_spec => self.heard.push(Heard::ChangeCipherSpec),
                _ => self.heard.push(Heard::Data(content)),
            }
        }
        assert!(records.is_empty(), "the real end gives whole records");
    }

    fn open(&mut self, header: &[u8; RECORD_HEADER_LEN], body: &[u8]) -> (ContentType, Vec<u8>) {
        let mut content = body.to_vec();
        let Some(protection) = self.read.as_mut().filter(|_| header[0] == ContentType::application_data.0) else {
            return (ContentType(header[0]), content);
        };
        let nonce = protection.nonce();
        let len = protection.keys.aead.open_in_place(&nonce, header, &mut content).unwrap();
        content.truncate(len);
        (ContentType(content.pop().unwrap()), content)
    }

    fn hear_handshake(&mut self, fragment: &[u8]) {
        self.joined.extend_from_slice(fragment);
        while let [_, a, b, c, ..] = self.joined[..] {
            let len = 4 + u32::from_be_bytes([0, a, b, c]) as usize;
            if self.joined.len() < len {
                return;
            }
            let message: Vec<u8> = self.joined.drain(..len).collect();
            let by = if self.role == Role::Client { Role::Server } else { Role::Client };
            self.pass(by, &message);
            self.heard.push(Heard::Message(message));
        }
    }

    /// The alerts heard.
    pub fn alerts(&self) -> Vec<Alert> {
        self.heard
            .iter()
            .filter_map(|heard| if let Heard::Alert(alert) = heard { Some(*alert) } else { None })
            .collect()
    }
}

fn exchange(provider: &dyn Provider, group: NamedGroup) -> &dyn bulla::crypto::KeyExchange {
    provider.groups().iter().copied().find(|exchange| exchange.group() == group).unwrap()
}

/// A record without protection.
pub fn plain_record(content_type: ContentType, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[content_type.0, 3, 3], &length[..], content].concat()
}

/// What ends early data. RFC 8446 §4.5.
pub const END_OF_EARLY_DATA: Say = Say::Empty(HandshakeType::end_of_early_data);

/// The dummy change_cipher_spec. RFC 8446 §D.4.
pub fn change_cipher_spec() -> Vec<u8> {
    plain_record(ContentType::change_cipher_spec, &[1])
}

pub fn certificate_request_with<'r>(edit: impl FnOnce(&mut CertificateRequest<'r>)) -> Vec<u8> {
    let schemes = vec![SignatureScheme::ecdsa_secp256r1_sha256];
    let mut request = CertificateRequest {
        certificate_request_context: &[],
        extensions: vec![CertificateRequestExtension::SignatureAlgorithms(schemes)],
    };
    edit(&mut request);
    write_message(&request).unwrap()
}

pub fn new_session_ticket(ticket_lifetime: u32) -> Vec<u8> {
    let ticket = NewSessionTicket {
        ticket_lifetime,
        ticket_age_add: 1,
        ticket_nonce: &[0],
        ticket: b"ticket",
        extensions: vec![],
    };
    write_message(&ticket).unwrap()
}

pub fn key_update(request_update: KeyUpdateRequest) -> Vec<u8> {
    write_message(&KeyUpdate { request_update }).unwrap()
}
