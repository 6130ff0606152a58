//! Makes the two ends' configurations out of the arguments, before anything is sent.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use bulla::config::danger::{DangerousCompatibility, DangerousVerification};
use bulla::config::{AntiReplay, ClientHelloShape};
use bulla::pki_types::TrustAnchor;
use bulla::wire::{CipherSuite, NamedGroup, ProtocolVersion};
use bulla::{
    ClientAuth, ClientConfig, ClientConnection, ConfigError, Connection, Content, Direction, Observed, Observer, Roots,
    ServerConfig, ServerConnection, ServerName,
};

use crate::answers::{Answers, Chooser, Judge, Seen};
use crate::checks::Turn;
use crate::credential;
use crate::failure::Failure;
use crate::memory::{Memory, Recall};
use crate::options::Options;
use crate::psk::Psks;
use crate::unsupported::{self, Unsupported};

/// How much early data the server takes: what the runner takes for too much is one byte more.
const MAX_EARLY_DATA: u32 = 14_336;
/// The suites of TLS 1.3 in the order of `-cnsa-202407`.
const AES_256_FIRST: [CipherSuite; 3] = [
    CipherSuite::TLS_AES_256_GCM_SHA384,
    CipherSuite::TLS_AES_128_GCM_SHA256,
    CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
];

/// A configuration, who answers its questions, and what they will show.
pub(crate) struct Prepared {
    config: Config,
    pub(crate) answers: Answers,
    pub(crate) seen: Arc<Seen>,
    pub(crate) messages: Arc<Messages>,
}

enum Config {
    Client(Arc<ClientConfig>, ServerName),
    Server(Arc<ServerConfig>),
}

/// A connection of either role.
pub(crate) enum Endpoint {
    Client(ClientConnection),
    Server(ServerConnection),
}

impl Deref for Endpoint {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Client(client) => client,
            Self::Server(server) => server,
        }
    }
}

impl DerefMut for Endpoint {
    fn deref_mut(&mut self) -> &mut Connection {
        match self {
            Self::Client(client) => client,
            Self::Server(server) => server,
        }
    }
}

impl Prepared {
    pub(crate) fn start(&self) -> Result<Endpoint, Failure> {
        Ok(match &self.config {
            Config::Client(config, name) => Endpoint::Client(ClientConnection::new(Arc::clone(config), name.clone())?),
            Config::Server(config) => Endpoint::Server(ServerConnection::new(Arc::clone(config))?),
        })
    }
}

/// Reads files and builds the configuration of one connection. What bulla refuses to be configured with takes the shim out
/// of the test.
pub(crate) fn prepare(options: &Options, turn: Turn, memory: &Memory) -> Result<Prepared, Unsupported> {
    let seen = Seen::new();
    let credentials = credential::read_all(options, &seen)?;
    let psks = Psks::import(options)?;
    let parts = Parts {
        options,
        has_certificates: !credentials.is_empty(),
        chooser: Arc::new(Chooser::new(options, credentials, &seen)),
        judge: Arc::new(Judge::new(options, trusted(options, turn)?, &seen)),
        psks: Arc::new(psks),
        recall: Recall::new(options, memory, &seen),
        messages: Arc::new(Messages::default()),
        memory,
    };
    let config = match options.server {
        true => Config::Server(Arc::new(server(&parts)?)),
        false => Config::Client(Arc::new(client(&parts)?), server_name(options)?),
    };
    let Parts { chooser, judge, psks, recall, messages, .. } = parts;
    let answers = Answers { chooser, judge, recall, psks, refuse_choice: options.refuse_choice };
    Ok(Prepared { config, answers, seen, messages })
}

/// What a configuration is made of.
struct Parts<'a> {
    options: &'a Options,
    has_certificates: bool,
    chooser: Arc<Chooser>,
    judge: Arc<Judge>,
    psks: Arc<Psks>,
    recall: Recall,
    messages: Arc<Messages>,
    memory: &'a Memory,
}

impl Parts<'_> {
    /// The versions to speak: PSKs with nothing beside them are of TLS 1.3.
    fn versions(&self, psk_only: bool) -> Vec<ProtocolVersion> {
        let speaks = |version: &&ProtocolVersion| !psk_only || **version == ProtocolVersion::TLSv1_3;
        self.options.versions.iter().filter(speaks).copied().collect()
    }
}

fn refused(error: ConfigError) -> Unsupported {
    unsupported::configuration(error.to_string())
}

/// Without a host name the client asks for an address, which is not sent. RFC 6066 §3.
fn server_name(options: &Options) -> Result<ServerName, Unsupported> {
    let name = options.host_name.clone().unwrap_or_else(|| "127.0.0.1".to_owned());
    ServerName::try_from(name).map_err(|_| unsupported::bad_value("-host-name"))
}

/// The arguments name the root of the first connection. Where the runner shows a chain of another root later, it does not
/// ask for its judgement.
fn trusted(options: &Options, turn: Turn) -> Result<Option<Roots>, Unsupported> {
    if turn != Turn::Initial && !options.verify_peer {
        return Ok(None);
    }
    let Some(path) = &options.trust_certificate else { return Ok(None) };
    let roots = Roots::from_file(path);
    roots.map(Some).map_err(|_| unsupported::file(false, "a root that bulla cannot read", path))
}

/// Roots that have names and no keys: what a CertificateRequest lists. The judge does not look at them.
fn authorities(options: &Options) -> Roots {
    let mut roots = Roots::new();
    for name in &options.client_authorities {
        // An anchor holds the name's content, the argument the whole element, which is short here.
        let subject = name.get(2..).unwrap_or_default().to_vec();
        roots.add_anchor(TrustAnchor {
            subject: subject.into(),
            subject_public_key_info: Vec::new().into(),
            name_constraints: None,
        });
    }
    roots
}

/// Builder calls that both configurations have and no trait does.
macro_rules! shared {
    ($config:expr, $parts:expr, $psk_only:expr) => {{
        let options = $parts.options;
        let mut config = $config.versions($parts.versions($psk_only)).map_err(refused)?;
        if let Some(policy) = &options.policy {
            config = config.policy(policy).map_err(refused)?;
        }
        if options.aes_256_first {
            config = config.cipher_suites(AES_256_FIRST).map_err(refused)?;
        }
        if !options.groups.is_empty() {
            config = config.groups(options.groups.iter().copied()).map_err(refused)?;
        }
        if !options.verify_preferences.is_empty() {
            config = config.accepted_signature_schemes(options.verify_preferences.iter().copied()).map_err(refused)?;
        }
        if !options.certificate_compression.is_empty() {
            config = config.certificate_compression(options.certificate_compression.clone()).map_err(refused)?;
        }
        if !options.require_extended_master_secret {
            config = config.danger_allow_without_extended_master_secret();
        }
        let observer: Arc<dyn Observer> = $parts.messages.clone();
        config.observer(observer).clock($parts.memory.clock.clone())
    }};
}

fn client(parts: &Parts<'_>) -> Result<ClientConfig, Unsupported> {
    let options = parts.options;
    // Certificates count beside PSKs where the arguments say what to do with them.
    let psk_only = !parts.psks.is_empty() && !options.verify_peer;
    let mut keys = parts.psks.keys();
    let mut config = match psk_only.then(|| keys.next()).flatten() {
        Some(key) => ClientConfig::psk_only(key),
        None => ClientConfig::new(Roots::new()),
    };
    for key in keys {
        config = config.psk(key);
    }
    let mut config = shared!(config, parts, psk_only)
        .choose_identity(parts.chooser.clone())
        .danger_verify_with(parts.judge.clone())
        .ask_for_ocsp(options.ask_for_ocsp)
        .ask_for_scts(options.ask_for_timestamps)
        .session_store(parts.recall.client_sessions.clone())
        .verify_again_on_resumption(options.verify_again)
        .early_data(options.enable_early_data)
        .grease(options.grease);
    if options.shuffle_extensions {
        config = config.client_hello_shape(ClientHelloShape::new().shuffle(true)).map_err(refused)?;
    }
    if let Some(groups) = key_shares(options) {
        config = config.key_shares(groups).map_err(refused)?;
    }
    if !options.accepted_types.is_empty() {
        config = config.server_certificate_types(options.accepted_types.iter().copied()).map_err(refused)?;
    }
    if !options.offered_types.is_empty() {
        config = config.client_certificate_types(options.offered_types.iter().copied()).map_err(refused)?;
    }
    if !options.advertise_alpn.is_empty() {
        config = config.alpn(protocol_names(&options.advertise_alpn)).map_err(refused)?;
    }
    Ok(config)
}

/// The groups to send shares of: the most wanted that the server is known to have, or those that the arguments name.
fn key_shares(options: &Options) -> Option<Vec<NamedGroup>> {
    let known = options.groups.iter().find(|group| options.groups_of_server.contains(group));
    known.map(|group| vec![*group]).or_else(|| options.key_shares.clone())
}

fn server(parts: &Parts<'_>) -> Result<ServerConfig, Unsupported> {
    let options = parts.options;
    let psk_only = !parts.psks.is_empty() && !parts.has_certificates;
    let config = match psk_only {
        true => ServerConfig::psk_only(parts.psks.clone()),
        false if parts.psks.is_empty() => ServerConfig::choosing(parts.chooser.clone()),
        false => ServerConfig::choosing(parts.chooser.clone()).psks(parts.psks.clone()),
    };
    let mut config = shared!(config, parts, psk_only)
        .danger_verify_with(parts.judge.clone())
        .session_store(parts.recall.server_sessions.clone())
        .grease(options.grease);
    if options.require_client_certificate {
        config = config.client_auth(ClientAuth::Require(Arc::new(authorities(options))));
    } else if options.verify_peer {
        config = config.client_auth(ClientAuth::Request(Arc::new(authorities(options))));
    }
    if !options.accepted_types.is_empty() {
        config = config.client_certificate_types(options.accepted_types.iter().copied()).map_err(refused)?;
    }
    if let Some(name) = &options.select_alpn {
        config = config.alpn([name]).map_err(refused)?;
    }
    if options.reject_alpn {
        config = config.alpn(["spoken by nobody"]).map_err(refused)?;
    }
    config = match options.no_ticket {
        // The store is there for TLS 1.2, whose session ids are no tickets.
        true => config.tickets_per_handshake(0),
        false => config.tickets(parts.recall.tickets.clone()),
    };
    if options.asynchronous {
        config = config.stateless_retry(parts.memory.cookies.clone());
    }
    if options.enable_early_data {
        let anti_replay = AntiReplay::StrikeRegister(parts.recall.early_data.clone());
        config = config.early_data(MAX_EARLY_DATA, anti_replay).map_err(refused)?;
    }
    Ok(config)
}

/// Splits a ProtocolNameList's content. RFC 7301 §3.1.
fn protocol_names(mut list: &[u8]) -> Vec<&[u8]> {
    let mut names = Vec::new();
    while let Some((&len, rest)) = list.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(len)).unwrap_or((rest, &[]));
        names.push(name);
        list = rest;
    }
    names
}

/// Every message as one line, in the runner's words.
#[derive(Default)]
pub(crate) struct Messages(Mutex<String>);

impl Messages {
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Says whether a handshake message of this type has come.
    pub(crate) fn has_received(&self, handshake_type: u8) -> bool {
        self.text().lines().any(|line| line == format!("read hs {handshake_type}"))
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Messages")
    }
}

impl Observer for Messages {
    fn observe(&self, seen: &Observed<'_>) {
        let direction = match seen.direction {
            Direction::Sent => "write",
            Direction::Received => "read",
        };
        let line = match &seen.content {
            Content::Handshake { bytes, .. } => {
                format!("{direction} hs {}\n", bytes.first().copied().unwrap_or_default())
            }
            Content::Alert(alert) => format!("{direction} alert {} {}\n", alert.level.0, alert.description.0),
            Content::ChangeCipherSpec => format!("{direction} ccs\n"),
            _ => return,
        };
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push_str(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_name_list_is_split_into_its_names() {
        assert_eq!(protocol_names(b"\x03foo\x05bar/1"), [&b"foo"[..], b"bar/1"]);
        assert_eq!(protocol_names(b""), [&b""[..]; 0]);
    }
}
