//! The scripted peer for TLS 1.2: it has the right keys and may say anything in any order, change_cipher_spec included.
//!
//! Like its sibling for TLS 1.3 it is built from the public `wire`, `keys` and `crypto` alone and checks nothing. Keys are
//! derived when ClientKeyExchange passes and change behind change_cipher_spec. RFC 5246 §7.1, RFC 7627 §4.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use std::sync::Arc;

use bulla::crypto::ring::provider;
use bulla::crypto::{KeyExchange, Provider, Secret, SigningKey, StartedKeyExchange, SuiteTls12};
use bulla::keys::{MasterSecret, Randoms, TrafficKeys, Transcript};
use bulla::pki_types::{CertificateDer, PrivateKeyDer};
use bulla::wire::{
    Alert, Asn1Cert, CertificateRequestTls12, CertificateStatus, CertificateTls12, CertificateVerify, CipherSuite,
    ClientCertificateType, ClientExtension, ClientHello, ClientKeyExchange, CompressionMethod, ContentType,
    EcPointFormat, Finished, HandshakeType, HelloRequest, NamedGroup, NewSessionTicketTls12, ProtocolVersion,
    RECORD_HEADER_LEN, Random, ServerEcdhParams, ServerExtension, ServerHello, ServerHelloDone, ServerKeyExchange,
    SignatureScheme, read_all, write_all, write_message,
};

use super::script::{Heard, Role, plain_record};

/// The one suite that the scripted peer speaks.
pub const SUITE: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
/// The one group.
pub const GROUP: NamedGroup = NamedGroup::x25519;
/// The one scheme.
pub const SCHEME: SignatureScheme = SignatureScheme::ecdsa_secp256r1_sha256;
/// What the scripted server staples.
pub const OCSP_RESPONSE: &[u8] = b"a response";

/// A message to say, or change_cipher_spec: well-formed and right for the transcript so far, whatever that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    HelloRequest,
    ClientHello,
    ServerHello,
    /// A ServerHello that announces a CertificateStatus.
    ServerHelloWithStatus,
    Certificate,
    EmptyCertificate,
    CertificateStatus,
    ServerKeyExchange,
    CertificateRequest,
    ServerHelloDone,
    ClientKeyExchange,
    CertificateVerify,
    ChangeCipherSpec,
    Finished,
    /// A ClientHello that offers the peer's session by its ticket, with an id that is made up.
    ClientHelloOfSession,
    /// A ServerHello that announces a NewSessionTicket.
    ServerHelloWithTicket,
    /// A ServerHello that resumes the session of the hello.
    ServerHelloResumed,
    /// One that resumes it and announces a NewSessionTicket.
    ServerHelloResumedWithTicket,
    NewSessionTicket,
    /// A message of this type without a body.
    Empty(HandshakeType),
}

/// One direction's keys. RFC 5288 §3.
struct Protection {
    keys: TrafficKeys,
    sequence_number: u64,
}

impl Protection {
    fn new(keys: TrafficKeys) -> Self {
        Self { keys, sequence_number: 0 }
    }

    fn nonce(&self, explicit: &[u8]) -> [u8; 12] {
        [&self.keys.iv[..4], explicit].concat().try_into().unwrap()
    }

    /// RFC 5246 §6.2.3.3.
    fn additional_data(&mut self, content_type: ContentType, len: usize) -> Vec<u8> {
        let header = plain_header(content_type, len);
        let data = [&self.sequence_number.to_be_bytes()[..], &header].concat();
        self.sequence_number += 1;
        data
    }
}

fn plain_header(content_type: ContentType, len: usize) -> [u8; RECORD_HEADER_LEN] {
    let [high, low] = u16::try_from(len).unwrap().to_be_bytes();
    [content_type.0, 3, 3, high, low]
}

/// The scripted peer.
pub struct Peer {
    provider: Arc<dyn Provider>,
    suite: SuiteTls12,
    role: Role,
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
    transcript: Transcript,
    randoms: Randoms,
    /// What the client's hello named.
    pub legacy_session_id: Vec<u8>,
    extended_master_secret: bool,
    /// The ticket of an earlier connection.
    pub ticket: Vec<u8>,
    /// The master secret of an earlier connection, which both ends resume.
    pub session: Option<Secret>,
    /// The server's half of the key exchange, as long as the client's has not come.
    started: Option<Box<dyn StartedKeyExchange>>,
    /// The server's point, as a client has heard it.
    server_point: Vec<u8>,
    pre_master_secret: Option<Secret>,
    pub master_secret: Option<MasterSecret>,
    next_client_keys: Option<TrafficKeys>,
    next_server_keys: Option<TrafficKeys>,
    write: Option<Protection>,
    read: Option<Protection>,
    /// Handshake bytes heard that are not a whole message yet.
    joined: Vec<u8>,
    /// Everything heard, in order.
    pub heard: Vec<Heard>,
}

impl Peer {
    /// A peer that shows `chain` and signs with `key`, an ECDSA P-256 one.
    pub fn new(role: Role, (certificate, key): (CertificateDer<'static>, PrivateKeyDer<'static>)) -> Self {
        let provider = provider();
        let suite = SuiteTls12::find(SUITE).unwrap();
        let mut transcript = Transcript::new(&*provider, suite.suite.hash).unwrap();
        transcript.keep_messages();
        Self {
            suite,
            role,
            chain: vec![certificate],
            key: provider.signing_key(&key).unwrap(),
            transcript,
            randoms: Randoms { client: [0; 32], server: [0; 32] },
            legacy_session_id: Vec::new(),
            extended_master_secret: false,
            ticket: Vec::new(),
            session: None,
            started: None,
            server_point: vec![9; 32],
            pre_master_secret: None,
            master_secret: None,
            next_client_keys: None,
            next_server_keys: None,
            write: None,
            read: None,
            joined: Vec::new(),
            heard: Vec::new(),
            provider,
        }
    }

    /// Shows this chain instead.
    pub fn show(&mut self, chain: Vec<CertificateDer<'static>>) {
        self.chain = chain;
    }

    pub fn randoms(&self) -> Randoms {
        self.randoms
    }

    /// Says a message in a record of its own.
    pub fn say(&mut self, say: Say) -> Vec<u8> {
        if say == Say::ChangeCipherSpec {
            return self.change_cipher_spec();
        }
        let message = self.compose(say);
        self.say_message(&message)
    }

    /// Says these bytes as a message in a record of its own.
    pub fn say_message(&mut self, message: &[u8]) -> Vec<u8> {
        let record = self.record(ContentType::handshake, message);
        self.pass(self.role, message);
        record
    }

    /// Says these messages in records of so many bytes, which may hold the end of one and the start of the next. None of
    /// them is a change_cipher_spec.
    pub fn say_in_fragments(&mut self, says: &[Say], fragment_len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for say in says {
            let message = self.compose(*say);
            self.pass(self.role, &message);
            bytes.extend(message);
        }
        bytes.chunks(fragment_len).flat_map(|it| self.record(ContentType::handshake, it)).collect()
    }

    /// Counts a message as said; its record is the test's to make.
    pub fn count(&mut self, message: &[u8]) {
        self.pass(self.role, message);
    }

    /// change_cipher_spec, behind which the keys change if there are any.
    pub fn change_cipher_spec(&mut self) -> Vec<u8> {
        let record = self.record(ContentType::change_cipher_spec, &[1]);
        self.change_keys(self.role);
        record
    }

    /// Makes the message without saying it.
    pub fn compose(&mut self, say: Say) -> Vec<u8> {
        match say {
            Say::HelloRequest => write_message(&HelloRequest).unwrap(),
            Say::ClientHello => self.client_hello_with(|_| {}),
            Say::ServerHello => self.server_hello_with(|_| {}),
            Say::ServerHelloWithStatus => self.server_hello_with(|hello| {
                hello.extensions.as_mut().unwrap().push(ServerExtension::StatusRequest);
            }),
            Say::Certificate => self.certificate(),
            Say::EmptyCertificate => write_message(&CertificateTls12 { certificate_list: vec![] }).unwrap(),
            Say::CertificateStatus => write_message(&CertificateStatus::Ocsp(OCSP_RESPONSE)).unwrap(),
            Say::ServerKeyExchange => self.server_key_exchange_with(|_| {}),
            Say::CertificateRequest => certificate_request_with(|_| {}),
            Say::ServerHelloDone => write_message(&ServerHelloDone).unwrap(),
            Say::ClientKeyExchange => self.client_key_exchange(),
            Say::CertificateVerify => self.certificate_verify(SCHEME),
            Say::ChangeCipherSpec => panic!("change_cipher_spec is no handshake message"),
            Say::Finished => self.finished(),
            Say::ClientHelloOfSession => {
                let ticket = self.ticket.clone();
                self.client_hello_with(|hello| {
                    hello.legacy_session_id = &[5; 32];
                    hello.extensions.as_mut().unwrap().push(ClientExtension::SessionTicket(&ticket));
                })
            }
            Say::ServerHelloWithTicket => self.server_hello_with(|hello| {
                hello.extensions.as_mut().unwrap().push(ServerExtension::SessionTicket);
            }),
            Say::ServerHelloResumed | Say::ServerHelloResumedWithTicket => {
                let id = self.legacy_session_id.clone();
                self.server_hello_with(|hello| {
                    hello.legacy_session_id_echo = &id;
                    if say == Say::ServerHelloResumedWithTicket {
                        hello.extensions.as_mut().unwrap().push(ServerExtension::SessionTicket);
                    }
                })
            }
            Say::NewSessionTicket => new_session_ticket(3600, b"a ticket"),
            Say::Empty(handshake_type) => vec![handshake_type.0, 0, 0, 0],
        }
    }

    /// A ClientHello for [`SUITE`] and [`GROUP`].
    pub fn client_hello_with<'h>(&mut self, edit: impl FnOnce(&mut ClientHello<'h>)) -> Vec<u8> {
        let mut client_hello = ClientHello {
            legacy_version: ProtocolVersion::TLSv1_2,
            random: Random([7; 32]),
            legacy_session_id: &[],
            cipher_suites: vec![SUITE],
            legacy_compression_methods: vec![CompressionMethod::null],
            extensions: Some(vec![
                ClientExtension::SupportedGroups(vec![GROUP, NamedGroup::secp256r1]),
                ClientExtension::EcPointFormats(vec![EcPointFormat::uncompressed]),
                ClientExtension::SignatureAlgorithms(vec![SCHEME]),
                ClientExtension::ExtendedMasterSecret,
                ClientExtension::RenegotiationInfo(&[]),
            ]),
        };
        edit(&mut client_hello);
        write_message(&client_hello).unwrap()
    }

    /// A ServerHello that answers what every client of ours offers.
    pub fn server_hello_with<'h>(&mut self, edit: impl FnOnce(&mut ServerHello<'h>)) -> Vec<u8> {
        let mut server_hello = ServerHello {
            legacy_version: ProtocolVersion::TLSv1_2,
            random: Random([9; 32]),
            legacy_session_id_echo: &[],
            cipher_suite: SUITE,
            legacy_compression_method: CompressionMethod::null,
            extensions: Some(vec![
                ServerExtension::ExtendedMasterSecret,
                ServerExtension::RenegotiationInfo(&[]),
                ServerExtension::EcPointFormats(vec![EcPointFormat::uncompressed]),
            ]),
        };
        edit(&mut server_hello);
        write_message(&server_hello).unwrap()
    }

    pub fn certificate(&self) -> Vec<u8> {
        let certificate_list = self.chain.iter().map(|certificate| Asn1Cert(certificate.as_ref())).collect();
        write_message(&CertificateTls12 { certificate_list }).unwrap()
    }

    /// Signed parameters; what `edit` changes is changed behind the signature.
    pub fn server_key_exchange_with(&mut self, edit: impl FnOnce(&mut ServerKeyExchange<'_>)) -> Vec<u8> {
        let started = exchange(&*self.provider, GROUP).start(&*self.provider).unwrap();
        let public = started.share().to_vec();
        self.started = Some(started);
        self.signed_params(ServerEcdhParams { named_curve: GROUP, public: &public }, edit)
    }

    /// These parameters under a true signature, whatever they are.
    pub fn signed_params(
        &self,
        params: ServerEcdhParams<'_>,
        edit: impl FnOnce(&mut ServerKeyExchange<'_>),
    ) -> Vec<u8> {
        let signed = [&self.randoms.client[..], &self.randoms.server, &write_all(&params).unwrap()].concat();
        let signature = self.key.sign(&*self.provider, SCHEME, &signed).unwrap();
        let mut message = ServerKeyExchange { params, algorithm: SCHEME, signature: &signature };
        edit(&mut message);
        write_message(&message).unwrap()
    }

    /// Our point in answer to the server's. A client that has heard none answers one that is nobody's.
    pub fn client_key_exchange(&mut self) -> Vec<u8> {
        let exchange = exchange(&*self.provider, GROUP);
        let (point, secret) = exchange.respond(&*self.provider, &self.server_point).unwrap();
        if self.role == Role::Client {
            self.pre_master_secret = Some(secret);
        }
        write_message(&ClientKeyExchange { ecdh_yc: &point }).unwrap()
    }

    /// A true signature over all messages so far, said to be of this scheme.
    pub fn certificate_verify(&mut self, algorithm: SignatureScheme) -> Vec<u8> {
        let signature = self.key.sign(&*self.provider, SCHEME, self.transcript.messages()).unwrap();
        write_message(&CertificateVerify { algorithm, signature: &signature }).unwrap()
    }

    /// The true Finished for the transcript so far; zeros as long as there is no master secret.
    fn finished(&mut self) -> Vec<u8> {
        let hash = self.transcript.current();
        let verify_data = self.master_secret.as_ref().map(|master| match self.role {
            Role::Client => master.client_verify_data(&*self.provider, &hash).unwrap(),
            Role::Server => master.server_verify_data(&*self.provider, &hash).unwrap(),
        });
        let verify_data = verify_data.as_ref().map_or(&[0; 12][..], |it| it.expose());
        write_message(&Finished { verify_data }).unwrap()
    }

    /// Protects `content` as the keys of the moment demand, in one record.
    pub fn record(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8> {
        let Some(protection) = &mut self.write else { return plain_record(content_type, content) };
        let explicit = protection.sequence_number.to_be_bytes();
        let nonce = protection.nonce(&explicit);
        let additional_data = protection.additional_data(content_type, content.len());
        let (mut in_out, mut tag) = (content.to_vec(), [0; 16]);
        protection.keys.aead.seal_in_place(&nonce, &additional_data, &mut in_out, &mut tag).unwrap();
        plain_record(content_type, &[&explicit[..], &in_out, &tag].concat())
    }

    /// Hears whole records of the real end and follows them.
    pub fn hear(&mut self, mut records: &[u8]) {
        while let Some((header, behind)) = records.split_first_chunk::<RECORD_HEADER_LEN>() {
            let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
            let (body, rest) = behind.split_at(len);
            records = rest;
            let content_type = ContentType(header[0]);
            let content = self.open(content_type, body);
            match content_type {
                ContentType::handshake => self.hear_handshake(&content),
                ContentType::alert => self.heard.push(Heard::Alert(read_all(&content).unwrap())),
                ContentType::change_cipher_spec => {
                    self.heard.push(Heard::ChangeCipherSpec);
                    self.change_keys(other(self.role));
                }
                _ => self.heard.push(Heard::Data(content)),
            }
        }
        assert!(records.is_empty(), "the real end gives whole records");
    }

    fn open(&mut self, content_type: ContentType, body: &[u8]) -> Vec<u8> {
        let Some(protection) = &mut self.read else { return body.to_vec() };
        let (explicit, sealed) = body.split_at(8);
        let nonce = protection.nonce(explicit);
        let additional_data = protection.additional_data(content_type, sealed.len() - 16);
        let mut content = sealed.to_vec();
        let len = protection.keys.aead.open_in_place(&nonce, &additional_data, &mut content).unwrap();
        content.truncate(len);
        content
    }

    fn hear_handshake(&mut self, fragment: &[u8]) {
        self.joined.extend_from_slice(fragment);
        while let [_, a, b, c, ..] = self.joined[..] {
            let len = 4 + u32::from_be_bytes([0, a, b, c]) as usize;
            if self.joined.len() < len {
                return;
            }
            let message: Vec<u8> = self.joined.drain(..len).collect();
            self.pass(other(self.role), &message);
            self.heard.push(Heard::Message(message));
        }
    }

    /// The types of the messages heard.
    pub fn messages_heard(&self) -> Vec<HandshakeType> {
        let messages = self.heard.iter().filter_map(|heard| match heard {
            Heard::Message(message) => Some(HandshakeType(message[0])),
            _ => None,
        });
        messages.collect()
    }

    /// The alerts heard.
    pub fn alerts(&self) -> Vec<Alert> {
        let alerts = self.heard.iter().filter_map(|heard| match heard {
            Heard::Alert(alert) => Some(*alert),
            _ => None,
        });
        alerts.collect()
    }

    /// Counts a message and learns from it.
    fn pass(&mut self, by: Role, message: &[u8]) {
        let (handshake_type, body) = (HandshakeType(message[0]), message.get(4..).unwrap_or_default());
        match (handshake_type, by) {
            // It belongs to no handshake. RFC 5246 §7.4.1.1.
            (HandshakeType::hello_request, _) => return,
            (HandshakeType::client_hello, _) => {
                if let Ok(hello) = read_all::<ClientHello<'_>>(body) {
                    self.randoms.client = hello.random.0;
                    self.legacy_session_id = hello.legacy_session_id.to_vec();
                }
            }
            (HandshakeType::server_hello, _) => {
                if let Ok(hello) = read_all::<ServerHello<'_>>(body) {
                    self.randoms.server = hello.random.0;
                    let mut extensions = hello.extensions.iter().flatten();
                    self.extended_master_secret = extensions.any(|it| *it == ServerExtension::ExtendedMasterSecret);
                    let resumed = !hello.legacy_session_id_echo.is_empty()
                        && hello.legacy_session_id_echo == self.legacy_session_id;
                    if let Some(session) = self.session.as_ref().filter(|_| resumed) {
                        let master_secret = MasterSecret::of_session(self.suite.suite, session).unwrap();
                        self.derive_key_block(master_secret);
                    }
                }
            }
            (HandshakeType::new_session_ticket, Role::Server) if self.role == Role::Client => {
                self.ticket = read_all::<NewSessionTicketTls12<'_>>(body).unwrap().ticket.to_vec();
            }
            (HandshakeType::server_key_exchange, Role::Server) if self.role == Role::Client => {
                self.server_point = read_all::<ServerKeyExchange<'_>>(body).unwrap().params.public.to_vec();
            }
            _ => {}
        }
        self.transcript.add(message);
        if handshake_type == HandshakeType::client_key_exchange && by == Role::Client {
            self.derive_keys(body);
        }
    }

    fn derive_keys(&mut self, client_key_exchange: &[u8]) {
        if let Some(started) = self.started.take() {
            let point = read_all::<ClientKeyExchange<'_>>(client_key_exchange).unwrap().ecdh_yc;
            self.pre_master_secret = Some(started.complete(point).unwrap());
        }
        let Some(pre_master_secret) = self.pre_master_secret.take() else { return };
        let (provider, suite) = (&*self.provider, self.suite.suite);
        let master_secret = if self.extended_master_secret {
            MasterSecret::extended(provider, suite, &pre_master_secret, &self.transcript.current()).unwrap()
        } else {
            MasterSecret::legacy(provider, suite, &pre_master_secret, &self.randoms).unwrap()
        };
        self.derive_key_block(master_secret);
    }

    fn derive_key_block(&mut self, master_secret: MasterSecret) {
        let keys = master_secret.key_block(&*self.provider, &self.randoms).unwrap();
        (self.next_client_keys, self.next_server_keys) = (Some(keys.client), Some(keys.server));
        self.master_secret = Some(master_secret);
    }

    /// Changes the keys for what this end sends, if there are new ones.
    fn change_keys(&mut self, by: Role) {
        let next = match by {
            Role::Client => self.next_client_keys.take(),
            Role::Server => self.next_server_keys.take(),
        };
        if let Some(keys) = next {
            let direction = if by == self.role { &mut self.write } else { &mut self.read };
            *direction = Some(Protection::new(keys));
        }
    }
}

fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

fn exchange(provider: &dyn Provider, group: NamedGroup) -> &dyn KeyExchange {
    provider.groups().iter().copied().find(|exchange| exchange.group() == group).unwrap()
}

pub fn certificate_request_with(edit: impl FnOnce(&mut CertificateRequestTls12<'_>)) -> Vec<u8> {
    let mut request = CertificateRequestTls12 {
        certificate_types: vec![ClientCertificateType::ecdsa_sign],
        supported_signature_algorithms: vec![SCHEME],
        certificate_authorities: vec![],
    };
    edit(&mut request);
    write_message(&request).unwrap()
}

pub fn new_session_ticket(ticket_lifetime_hint: u32, ticket: &[u8]) -> Vec<u8> {
    write_message(&NewSessionTicketTls12 { ticket_lifetime_hint, ticket }).unwrap()
}
