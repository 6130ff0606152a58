//! A connection under test, the bytes on their way to it, and what must hold whatever these bytes are.

use std::sync::Arc;

use bulla::crypto::{AeadAlgorithm, NONCE_LEN, Secret, Suite, SuiteTls12, TAG_LEN};
use bulla::keys::{RecordFormat, TrafficKeys, TrafficSecret, prf};
use bulla::wire::{CipherSuite, ContentType};
use bulla::{
    ClientAuth, ClientConfig, ClientConnection, Connection, EarlyData, Error, Event, MAX_FRAGMENT_LEN, MAX_RECORD_LEN,
    ServerConfig, ServerConnection, ServerName,
};

use super::rich::Rich;
use super::watch::Watch;
use super::{fixed, rich, second};

/// Which end is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

enum End {
    Client(ClientConnection),
    Server(ServerConnection),
}

/// Under which secret the peer writes. In TLS 1.2 there are none for the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    None,
    Handshake,
    Application,
    /// Of TLS 1.3, behind a ClientHello with a ticket.
    Early,
}

/// The peer's writing half: the secret that another can follow, its keys, the number of the next record.
struct Sealing {
    secret: Option<TrafficSecret>,
    keys: TrafficKeys,
    sequence_number: u64,
}

/// The connection, its peer's keys, and the books that are kept.
pub struct Rig {
    end: End,
    pub role: Role,
    pub suite: Suite,
    pub watch: Arc<Watch>,
    wire: Vec<u8>,
    keys: Keys,
    sealing: Option<Sealing>,
    /// Application data that the peer has sealed, in order. What arrives must be a front part of it.
    sealed_data: Vec<u8>,
    arrived_data: Vec<u8>,
    /// The same of early data.
    sealed_early: Vec<u8>,
    arrived_early: Vec<u8>,
    /// Whether there was a first connection to build on.
    pub is_second: bool,
    /// Whether the peer has said a Finished that is right for the transcript.
    pub finished_said: bool,
    /// The same of an answer behind the handshake.
    pub late_finished_said: bool,
    /// What the end has switched on that is off by default.
    pub rich: Option<Rich>,
    established: bool,
    /// Whether the application has closed: there is nothing to be said after close_notify. RFC 8446 §6.1.
    closed: bool,
    error: Option<Error>,
    fed: usize,
    written: usize,
    /// How much output the application's own calls account for.
    asked_for: usize,
}

/// Output that a connection may write without having been told anything: its first flight and alerts.
const OUTPUT_FOR_NOTHING: usize = 8192;

impl Rig {
    pub fn new(role: Role, suite: CipherSuite, client_auth: bool) -> Self {
        Self::with(role, suite, ends(client_auth, fixed::client_config(), fixed::server_config()), false, None)
    }

    /// An end that has been here before.
    pub fn second(role: Role, suite: CipherSuite, client_auth: bool) -> Self {
        Self::with(
            role,
            suite,
            ends(client_auth, second::client_config(suite), second::server_config(suite)),
            true,
            None,
        )
    }

    /// An end that has things switched on which are off by default.
    pub fn rich(role: Role, suite: CipherSuite, client_auth: bool, rich: Rich) -> Self {
        let server = rich::server_config(rich).client_auth(rich.client_auth(client_auth));
        Self::with(role, suite, (rich::client_config(rich), server), false, Some(rich))
    }

    fn with(
        role: Role,
        suite: CipherSuite,
        (client, server): (ClientConfig, ServerConfig),
        is_second: bool,
        rich: Option<Rich>,
    ) -> Self {
        let watch = Arc::new(Watch::default());
        let end = match role {
            Role::Client => {
                let config = client.cipher_suites(suites(suite)).unwrap();
                let config = config.key_log(watch.clone()).observer(watch.clone());
                let name = ServerName::try_from(fixed::NAME).unwrap();
                End::Client(ClientConnection::new(Arc::new(config), name).unwrap())
            }
            Role::Server => {
                let config = server.cipher_suites(suites(suite)).unwrap();
                let config = config.key_log(watch.clone()).observer(watch.clone());
                let config = Arc::new(config);
                let is_chosen = rich.is_some_and(|rich| rich.has(rich::CHOSEN));
                let server = match is_chosen {
                    true => ServerConnection::choosing(Arc::new(rich::TheOne(config))),
                    false => ServerConnection::new(config),
                };
                End::Server(server.unwrap())
            }
        };
        let suite = Suite::tls13(suite).or_else(|| Some(SuiteTls12::find(suite)?.suite)).unwrap();
        let mut rig = Self {
            end,
            role,
            suite,
            watch,
            wire: Vec::new(),
            keys: Keys::None,
            sealing: None,
            sealed_data: Vec::new(),
            arrived_data: Vec::new(),
            sealed_early: Vec::new(),
            arrived_early: Vec::new(),
            is_second,
            finished_said: false,
            late_finished_said: false,
            rich,
            established: false,
            closed: false,
            error: None,
            fed: 0,
            written: 0,
            asked_for: OUTPUT_FOR_NOTHING,
        };
        rig.take_output();
        rig
    }

    /// Whether the peer speaks TLS 1.2.
    pub fn is_tls12(&self) -> bool {
        SuiteTls12::find(self.suite.id).is_some()
    }

    pub fn connection(&mut self) -> &mut Connection {
        match &mut self.end {
            End::Client(client) => client,
            End::Server(server) => server,
        }
    }

    pub fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    pub fn is_established(&self) -> bool {
        self.established
    }

    /// Whether everything that was sealed as application data has arrived.
    pub fn has_all_data(&self) -> bool {
        self.arrived_data == self.sealed_data && self.arrived_early == self.sealed_early
    }

    pub fn state(&self) -> &'static str {
        match &self.end {
            End::Client(client) => client.state(),
            End::Server(server) => server.state(),
        }
    }

    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The secret under which the peer writes, as the connection has logged it.
    fn peer_secret(&self, keys: Keys) -> Option<TrafficSecret> {
        let label = match (self.role, keys) {
            (_, Keys::None) | (Role::Client, Keys::Early) => return None,
            (Role::Server, Keys::Early) => "CLIENT_EARLY_TRAFFIC_SECRET",
            (Role::Server, Keys::Handshake) => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            (Role::Client, Keys::Handshake) => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            (Role::Server, Keys::Application) => "CLIENT_TRAFFIC_SECRET_0",
            (Role::Client, Keys::Application) => "SERVER_TRAFFIC_SECRET_0",
        };
        Some(TrafficSecret::new(self.suite, Secret::from_vec(self.watch.secret(label)?)))
    }

    /// The keys with which the peer writes, as the connection has logged their secret.
    fn peer_sealing(&self, keys: Keys) -> Option<Sealing> {
        match keys {
            Keys::Application if self.is_tls12() => self.peer_keys_tls12().map(Sealing::tls12),
            Keys::Handshake | Keys::Early if self.is_tls12() => None,
            keys => self.peer_secret(keys).map(Sealing::tls13),
        }
    }

    fn master_secret(&self) -> Option<Secret> {
        self.watch.secret("CLIENT_RANDOM").map(Secret::from_vec)
    }

    /// By the book and not by the key schedule. RFC 5246 §6.3, RFC 5288 §3, RFC 7905 §2.
    fn peer_keys_tls12(&self) -> Option<TrafficKeys> {
        let (provider, aead, key_len) = (fixed::provider(), self.suite.aead, self.suite.aead.key_len());
        let (format, iv_len) = match aead {
            AeadAlgorithm::ChaCha20Poly1305 => (RecordFormat::Tls12ImplicitNonce, NONCE_LEN),
            AeadAlgorithm::Aes128Gcm | AeadAlgorithm::Aes256Gcm => (RecordFormat::Tls12ExplicitNonce, 4),
        };
        let (client_random, server_random) = (self.watch.client_random()?, self.watch.server_random()?);
        let seed: [&[u8]; 2] = [&server_random, &client_random];
        let len = 2 * (key_len + iv_len);
        let block = prf(&*provider, self.suite.hash, &self.master_secret()?, b"key expansion", &seed, len).unwrap();
        // The client's of both come first; the peer is the client of a server.
        let of_peer = if self.role == Role::Server { 0 } else { 1 };
        let (peer_keys, peer_ivs) = block.expose().split_at(2 * key_len);
        let mut iv = Box::new([0; NONCE_LEN]);
        iv[..iv_len].copy_from_slice(&peer_ivs[of_peer * iv_len..][..iv_len]);
        let aead = provider.aead(aead, &peer_keys[of_peer * key_len..][..key_len]).unwrap();
        Some(TrafficKeys { aead, iv, confidentiality_limit: u64::MAX, format })
    }

    /// Lets the peer write under these keys from now on, if they exist yet.
    pub fn use_keys(&mut self, keys: Keys) {
        if keys == self.keys {
            return;
        }
        let sealing = self.peer_sealing(keys);
        if keys == Keys::None || sealing.is_some() {
            self.keys = keys;
            self.sealing = sealing;
        }
    }

    /// Lets the peer go on to the next generation of its keys. RFC 8446 §7.2.
    pub fn next_keys(&mut self) {
        if let Some(secret) = self.sealing.as_ref().and_then(|sealing| sealing.secret.as_ref()) {
            self.sealing = Some(Sealing::tls13(secret.next(&*fixed::provider()).unwrap()));
        }
    }

    /// The verify_data that is right for the transcript so far. RFC 8446 §4.4.4, RFC 5246 §7.4.9.
    pub fn verify_data(&self) -> Option<Vec<u8>> {
        let transcript_hash = self.watch.transcript_hash(self.suite.hash);
        if self.is_tls12() {
            let label = if self.role == Role::Server { b"client finished" } else { b"server finished" };
            let (master_secret, seed) = (self.master_secret()?, [transcript_hash.as_ref()]);
            let verify_data = prf(&*fixed::provider(), self.suite.hash, &master_secret, label, &seed, 12);
            return Some(verify_data.unwrap().expose().to_vec());
        }
        let secret = self.peer_secret(Keys::Handshake)?;
        Some(secret.verify_data(&*fixed::provider(), &transcript_hash).unwrap().as_ref().to_vec())
    }

    /// The same of an answer behind the handshake, under the keys of now. RFC 8446 §4.4.
    pub fn late_verify_data(&self) -> Option<Vec<u8>> {
        let transcript_hash = self.watch.late_transcript_hash(self.suite.hash)?;
        let secret = self.sealing.as_ref()?.secret.as_ref()?;
        Some(secret.verify_data(&*fixed::provider(), &transcript_hash).unwrap().as_ref().to_vec())
    }

    /// How long an honest peer's records may be: what was agreed on, of which TLS 1.3 takes one byte for the type.
    pub fn fragment(&self) -> usize {
        let Some(rich) = self.rich.filter(|_| self.sealing.is_some()) else { return MAX_FRAGMENT_LEN };
        match (rich.has(rich::LIMITED), rich.has(rich::FRAGMENTS)) {
            (true, _) => usize::from(rich.limit) - 1,
            (false, true) => 512,
            (false, false) => MAX_FRAGMENT_LEN,
        }
    }

    /// Puts bytes on the wire as they are.
    pub fn put_raw(&mut self, bytes: &[u8]) {
        self.wire.extend_from_slice(bytes);
    }

    /// Puts one record on the wire, sealed if the peer has keys. Content of any length and type, and any padding, which
    /// TLS 1.2 has none of.
    pub fn put_record(&mut self, content_type: ContentType, content: &[u8], padding: usize) {
        let record = self.record(content_type, content, padding);
        if let Some(data) = self.sealed_as_data(content_type, content) {
            let sealed = if self.keys == Keys::Early { &mut self.sealed_early } else { &mut self.sealed_data };
            sealed.extend_from_slice(data);
        }
        self.wire.extend_from_slice(&record);
    }

    /// What of a record's content the connection must take for application data. In TLS 1.3 a type of zero is padding, and the
    /// content before it ends with the type. RFC 8446 §5.4.
    fn sealed_as_data<'c>(&self, content_type: ContentType, content: &'c [u8]) -> Option<&'c [u8]> {
        let format = self.sealing.as_ref()?.keys.format;
        if content_type == ContentType(0) && format == RecordFormat::Tls13 {
            let end = content.iter().rposition(|octet| *octet != 0)?;
            return content.get(..end).filter(|_| content.get(end) == Some(&ContentType::application_data.0));
        }
        Some(content).filter(|_| content_type == ContentType::application_data)
    }

    /// Puts a record on the wire one bit of which is wrong. None of its content may arrive.
    pub fn put_damaged_record(&mut self, content_type: ContentType, content: &[u8], bit: usize) {
        let mut record = self.record(content_type, content, 0);
        // The two octets of legacy_record_version count for nothing in the clear. RFC 8446 §5.1.
        let at = bit / 8 % record.len();
        if !(1..=2).contains(&at) || self.sealing.is_some() {
            record[at] ^= 1 << (bit % 8);
            self.wire.extend_from_slice(&record);
        }
    }

    fn record(&mut self, content_type: ContentType, content: &[u8], padding: usize) -> Vec<u8> {
        let Some(sealing) = &mut self.sealing else {
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            return [&[content_type.0, 3, 3, length[0], length[1]], content].concat();
        };
        match sealing.keys.format {
            RecordFormat::Tls13 => {
                let mut inner = [content, &[content_type.0]].concat();
                inner.resize(inner.len() + padding, 0);
                sealing.seal(inner)
            }
            RecordFormat::Tls12ExplicitNonce | RecordFormat::Tls12ImplicitNonce => {
                sealing.seal_tls12(content_type, content.to_vec())
            }
        }
    }

    /// Gives the connection all that is on the wire, `chunk` bytes more each time, and checks what comes of it.
    pub fn deliver(&mut self, chunk: usize) {
        let mut unread = Vec::new();
        let mut wire = std::mem::take(&mut self.wire);
        while !wire.is_empty() && self.error.is_none() {
            let more = wire.len().min(chunk.max(1));
            unread.extend(wire.drain(..more));
            self.fed += more;
            self.receive_all(&mut unread);
        }
        if self.error.is_none() {
            // What is no whole record yet goes in front of what comes next.
            self.fed -= unread.len();
            self.wire = unread;
        }
        self.check();
    }

    fn receive_all(&mut self, unread: &mut Vec<u8>) {
        loop {
            let received = match self.connection().receive(unread) {
                Ok(received) => received,
                Err(error) => return self.fail(error),
            };
            let used = received.used;
            let (mut data, mut early) = (Vec::new(), Vec::new());
            let (mut is_established, mut more) = (false, true);
            match received.event {
                Event::Data { plaintext, range } => {
                    assert!(range.end <= used, "data beyond the record");
                    assert!(!plaintext.is_empty(), "data without any");
                    data = plaintext.to_vec();
                }
                Event::EarlyData { plaintext, range } => {
                    assert!(range.end <= used, "early data beyond the record");
                    assert!(!plaintext.is_empty(), "early data without any");
                    early = plaintext.to_vec();
                }
                Event::Established => is_established = true,
                Event::PeerAuthenticated | Event::CertificateDeclined => {
                    assert!(self.late_finished_said, "an answer to no request");
                }
                Event::Progress => assert!(used > 0, "progress without any"),
                Event::NeedMore { hint } => {
                    assert!(hint > unread.len() && hint <= MAX_RECORD_LEN, "{hint} after {}", unread.len());
                    assert_eq!(used, 0);
                    more = false;
                }
                Event::Closed => more = used > 0,
                Event::Ask(_) | Event::Waiting => panic!("a question of a configuration that has all answers"),
            }
            unread.drain(..used);
            if is_established {
                assert!(!self.established, "established twice");
                assert!(self.finished_said, "established without the peer's Finished");
                self.established = true;
            }
            if !early.is_empty() {
                assert!(self.is_second && !self.established, "early data that nobody asked for");
                assert_eq!(self.connection().early_data(), EarlyData::Accepted);
                self.arrived_early.extend(early);
                assert!(self.sealed_early.starts_with(&self.arrived_early), "early data that the peer has not sealed");
            }
            if !data.is_empty() {
                assert!(self.established, "data before the handshake was finished");
                self.arrived_data.extend(data);
                assert!(self.sealed_data.starts_with(&self.arrived_data), "data that the peer has not sealed");
            }
            self.take_output();
            if !more {
                return;
            }
        }
    }

    /// After an error: it repeats, its one alert is said unless all was said already, and nothing works any more.
    fn fail(&mut self, error: Error) {
        assert!(!matches!(error, Error::Misuse(_) | Error::Internal(_)), "{error}");
        self.take_output();
        let alerts = self.watch.fatal_alerts_sent();
        assert_eq!(alerts, usize::from(error.alert().is_some() && !self.closed), "{error}");
        let mut out = [0; 256];
        let connection = self.connection();
        assert_eq!(connection.receive(&mut [22, 3, 3, 0, 1, 0]).unwrap_err(), error);
        assert_eq!(connection.receive(&mut []).unwrap_err(), error);
        assert_eq!(connection.send(b"x", &mut out), Err(error.clone()));
        assert_eq!(connection.end_of_input(), Err(error.clone()));
        connection.close();
        assert!(!connection.has_output() && !connection.is_established() && !connection.may_send());
        self.error = Some(error);
    }

    /// Makes a call that an application may make at any time. Whatever it leads to, it is no more than `output` bytes.
    pub fn call(&mut self, output: usize, call: impl FnOnce(&mut Connection) -> Result<(), Error>) {
        self.asked_for += output;
        match call(self.connection()) {
            Ok(()) | Err(Error::Misuse(_)) => {}
            Err(error) if self.error.is_none() => self.fail(error),
            Err(error) => assert_eq!(Some(error), self.error),
        }
    }

    pub fn close(&mut self) {
        self.asked_for += 100;
        self.closed = true;
        self.connection().close();
    }

    fn take_output(&mut self) {
        let mut out = [0; MAX_RECORD_LEN];
        loop {
            let len = self.connection().take_output(&mut out).expect("the largest buffer is enough").len();
            self.written += len;
            if len == 0 {
                break;
            }
        }
        // Padding and certificates that are asked for are longer than what asks for them.
        let factor = if self.rich.is_some() { 64 } else { 2 };
        assert!(self.written <= self.asked_for + factor * self.fed, "{} for {} bytes", self.written, self.fed);
    }

    fn check(&mut self) {
        self.take_output();
        let established = self.established && self.error.is_none();
        let connection = self.connection();
        assert_eq!(connection.is_established(), established);
        assert_eq!(connection.cipher_suite().is_some(), established);
    }
}

impl Sealing {
    fn tls13(secret: TrafficSecret) -> Self {
        let keys = secret.keys(&*fixed::provider()).unwrap();
        Self { secret: Some(secret), keys, sequence_number: 0 }
    }

    fn tls12(keys: TrafficKeys) -> Self {
        Self { secret: None, keys, sequence_number: 0 }
    }

    /// The iv XORed with the sequence number. RFC 8446 §5.3.
    fn xor_nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce: [u8; NONCE_LEN] = *self.keys.iv;
        for (byte, number) in nonce.iter_mut().skip(4).zip(self.sequence_number.to_be_bytes()) {
            *byte ^= number;
        }
        nonce
    }

    /// Makes a protected record around the inner plaintext, by the book and not by the record layer. RFC 8446 §5.2.
    fn seal(&mut self, mut inner: Vec<u8>) -> Vec<u8> {
        let nonce = self.xor_nonce();
        self.sequence_number += 1;
        let [high, low] = u16::try_from(inner.len() + TAG_LEN).unwrap().to_be_bytes();
        let header = [ContentType::application_data.0, 3, 3, high, low];
        let mut tag = [0; TAG_LEN];
        self.keys.aead.seal_in_place(&nonce, &header, &mut inner, &mut tag).unwrap();
        [&header, &inner[..], &tag].concat()
    }

    /// The same in TLS 1.2. The explicit nonce may be anything that does not repeat, and is here what the record layer
    /// would not draw. RFC 5246 §6.2.3.3, RFC 5288 §3, RFC 7905 §2.
    fn seal_tls12(&mut self, content_type: ContentType, mut content: Vec<u8>) -> Vec<u8> {
        let length_of = |len: usize| u16::try_from(len).unwrap().to_be_bytes();
        let (nonce, explicit) = if self.keys.format == RecordFormat::Tls12ExplicitNonce {
            let explicit = (!self.sequence_number).to_be_bytes();
            let mut nonce = *self.keys.iv;
            nonce[4..].copy_from_slice(&explicit);
            (nonce, explicit.to_vec())
        } else {
            (self.xor_nonce(), Vec::new())
        };
        let header = [content_type.0, 3, 3];
        let additional_data = [&self.sequence_number.to_be_bytes()[..], &header, &length_of(content.len())].concat();
        self.sequence_number += 1;
        let mut tag = [0; TAG_LEN];
        self.keys.aead.seal_in_place(&nonce, &additional_data, &mut content, &mut tag).unwrap();
        let length = length_of(explicit.len() + content.len() + TAG_LEN);
        [&header[..], &length, &explicit, &content, &tag].concat()
    }
}

fn ends(client_auth: bool, client: ClientConfig, server: ServerConfig) -> (ClientConfig, ServerConfig) {
    let asks = if client_auth { ClientAuth::Require(fixed::roots()) } else { ClientAuth::None };
    (client, server.client_auth(asks))
}

/// The suite under test; beside one of TLS 1.2 also one of TLS 1.3, so that the version is the peer's choice.
fn suites(suite: CipherSuite) -> Vec<CipherSuite> {
    let other = Some(CipherSuite::TLS_AES_128_GCM_SHA256).filter(|_| SuiteTls12::find(suite).is_some());
    [suite].into_iter().chain(other).collect()
}
