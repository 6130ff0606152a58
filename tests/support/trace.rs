//! Published traces of connections: who said what, in which record, under which secrets.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::borrow::ToOwned;
use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;

use bulla::crypto::Suite;
#[cfg(feature = "tls12")]
use bulla::crypto::{Digest, Provider, Secret, SuiteTls12};
#[cfg(feature = "tls12")]
use bulla::keys::{MasterSecret, Randoms};
use bulla::wire::{CipherSuite, ContentType, HandshakeType};

use super::vectors::Values;

/// The traces of RFC 8448 whose handshake has no PSK.
pub(crate) const RFC8448: [&str; 4] =
    ["rfc8448_simple_1rtt", "rfc8448_hello_retry_request", "rfc8448_client_auth", "rfc8448_compat_mode"];

/// The traces of other stacks whose shared secret is known.
pub(crate) const RECORDED: [&str; 8] = [
    "trace_tls13_aes256gcm",
    "trace_tls13_aes256gcm_both_keys",
    "trace_tls13_chacha20",
    "trace_tls13_client_cert_rsa",
    "trace_tls13_ed25519",
    "trace_tls13_hello_retry_request",
    "trace_tls13_key_update",
    "trace_tls13_p256",
];

/// The trace of X25519MLKEM768, of which its key log is known and no private key.
pub(crate) const HYBRID: &str = "trace_tls13_x25519mlkem768";

/// The trace with a PSK and early data.
pub(crate) const RESUMED: &str = "rfc8448_resumed_0rtt";

/// The traces of TLS 1.2, of which the pre-master secret is known.
#[cfg(feature = "tls12")]
pub(crate) const TLS12: [&str; 10] = [
    "trace_tls12_ecdsa_aes128gcm",
    "trace_tls12_ecdsa_aes256gcm",
    "trace_tls12_ecdsa_chacha20",
    NO_EXTENDED_MASTER_SECRET,
    "trace_tls12_ocsp_sct",
    "trace_tls12_p256",
    RENEGOTIATION,
    "trace_tls12_rsa_aes128gcm",
    "trace_tls12_rsa_aes256gcm_client_cert",
    "trace_tls12_rsa_chacha20_client_cert_ed25519",
];

/// The trace whose master secret hangs on the randoms alone.
#[cfg(feature = "tls12")]
pub(crate) const NO_EXTENDED_MASTER_SECRET: &str = "trace_tls12_no_ems";

/// The trace in which the server asks for a renegotiation.
#[cfg(feature = "tls12")]
pub(crate) const RENEGOTIATION: &str = "trace_tls12_renegotiation_rejected";

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Actor {
    Client,
    Server,
}

impl Actor {
    pub(crate) fn of(step: &mut Values) -> Self {
        match step.text("actor").as_str() {
            "client" => Self::Client,
            "server" => Self::Server,
            other => panic!("who is {other}?"),
        }
    }

    /// The letter that names of secrets begin with.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Client => 'c',
            Self::Server => 's',
        }
    }
}

/// A handshake message with its header.
pub(crate) struct Message {
    pub(crate) actor: Actor,
    pub(crate) bytes: Vec<u8>,
}

impl Message {
    pub(crate) fn handshake_type(&self) -> HandshakeType {
        HandshakeType(self.bytes[0])
    }
}

/// A record as it travelled, and what it held.
pub(crate) struct Record {
    pub(crate) actor: Actor,
    pub(crate) content_type: ContentType,
    /// `plaintext`, `early`, `handshake`, `application`, `application_1`.
    pub(crate) epoch: String,
    /// Which record of its epoch it is, where it is protected.
    pub(crate) sequence_number: Option<usize>,
    pub(crate) payload: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
}

/// An ephemeral key pair whose private key is published.
pub(crate) struct KeyPair {
    pub(crate) actor: Actor,
    pub(crate) group: String,
    pub(crate) private: Vec<u8>,
}

/// A whole trace.
pub(crate) struct Trace {
    pub(crate) name: String,
    pub(crate) suite: Suite,
    pub(crate) group: String,
    pub(crate) key_pairs: Vec<KeyPair>,
    /// In the order in which they were said.
    pub(crate) messages: Vec<Message>,
    /// In the order in which they were sent.
    pub(crate) records: Vec<Record>,
    /// Whether the master secret of TLS 1.2 is bound to the handshake. RFC 7627.
    pub(crate) extended_master_secret: bool,
    /// By the names of the `trace_*` files.
    pub(crate) secrets: BTreeMap<String, Vec<u8>>,
}

/// Returns the suite of a file's `cipher_suite`.
pub(crate) fn suite(name: &str) -> Suite {
    let id = match name {
        "TLS_AES_128_GCM_SHA256" => CipherSuite::TLS_AES_128_GCM_SHA256,
        "TLS_AES_256_GCM_SHA384" => CipherSuite::TLS_AES_256_GCM_SHA384,
        "TLS_CHACHA20_POLY1305_SHA256" => CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
        #[cfg(feature = "tls12")]
        other => return suite_tls12(other),
        #[cfg(not(feature = "tls12"))]
        other => panic!("which suite is {other}?"),
    };
    Suite::tls13(id).unwrap()
}

#[cfg(feature = "tls12")]
fn suite_tls12(name: &str) -> Suite {
    let suites = SuiteTls12::ALL.iter().map(|row| row.suite);
    suites.clone().find(|suite| suite.id.name() == Some(name)).unwrap_or_else(|| panic!("which suite is {name}?"))
}

impl Trace {
    /// Reads `vectors/{file}.json`.
    pub(crate) fn load(file: &str) -> Self {
        let mut all = Values::load(file);
        // Origin; `hash` and `version` follow from the suite; a ring of keys that nobody here can use.
        all.leave(&["trace", "source", "license", "hash", "version", "psk_from"]);
        all.leave(&["server_rsa_key_pem", "server_key_pkcs8"]);
        let mut listed = all.optional_nested("secrets");
        let mut trace = Self {
            name: file.to_owned(),
            suite: suite(&all.text("cipher_suite")),
            group: all.text("group"),
            key_pairs: Vec::new(),
            messages: Vec::new(),
            records: Vec::new(),
            extended_master_secret: flag(listed.as_mut()),
            secrets: listed.map(secrets).unwrap_or_default(),
        };
        for (name, actor, group) in [
            ("client_x25519_private_key", Actor::Client, "x25519"),
            ("client_p256_private_key", Actor::Client, "secp256r1"),
            ("server_x25519_private_key", Actor::Server, "x25519"),
        ] {
            let pair = all.optional_bytes(name).map(|private| KeyPair { actor, group: group.to_owned(), private });
            trace.key_pairs.extend(pair);
        }
        all.list("steps").into_iter().for_each(|step| trace.take_step(step));
        trace
    }

    fn take_step(&mut self, mut step: Values) {
        step.leave(&["n"]);
        let actor = Actor::of(&mut step);
        match step.text("kind").as_str() {
            "handshake_message" => {
                step.leave(&["name"]);
                self.messages.push(Message { actor, bytes: step.bytes("hex") });
            }
            "record" => self.take_record(actor, step),
            "key_pair" => {
                step.leave(&["public_key"]);
                let (group, private) = (step.text("name"), step.bytes("private_key"));
                self.key_pairs.push(KeyPair { actor, group, private });
            }
            "extract" => {
                step.leave(&["salt"]);
                let (name, input) = (step.text("name"), step.bytes("ikm"));
                self.secrets.insert(format!("{name}_secret"), step.bytes("secret"));
                if name == "handshake" {
                    self.secrets.insert("dhe".to_owned(), input);
                } else if name == "early" && input.iter().any(|octet| *octet != 0) {
                    self.secrets.insert("psk".to_owned(), input);
                }
            }
            "derive_secret" => {
                step.leave(&["prk", "hash", "info"]);
                let name = match step.text("name").as_str() {
                    "exp master" => "exporter_master_secret".to_owned(),
                    "res master" => "resumption_master_secret".to_owned(),
                    label => label.replace(' ', "_"),
                };
                self.secrets.insert(name, step.bytes("expanded"));
            }
            // What follows from the secrets is held against the key schedule elsewhere.
            "traffic_keys" => step.leave(&["name", "prk", "key_info", "key", "iv_info", "iv"]),
            "finished" => step.leave(&["name", "prk", "info", "verify_data", "finished_key"]),
            "derive_psk" => {
                step.leave(&["name", "prk", "info", "ticket_nonce"]);
                self.secrets.insert("resumption_psk".to_owned(), step.bytes("expanded"));
            }
            "psk_binder" => {
                step.leave(&["name", "truncated_client_hello", "binder_hash", "prk", "info", "verify_data"]);
                step.leave(&["finished_key"]);
            }
            other => panic!("what is a {other}?"),
        }
    }

    fn take_record(&mut self, actor: Actor, mut step: Values) {
        let bytes = step.bytes("record");
        let outer = step.optional_text("type").or_else(|| step.optional_text("name")).unwrap();
        let content_type = match step.optional_text("inner_type").unwrap_or(outer).as_str() {
            "handshake" => ContentType::handshake,
            "alert" => ContentType::alert,
            "application_data" => ContentType::application_data,
            "change_cipher_spec" => ContentType::change_cipher_spec,
            other => panic!("what is a record of {other}?"),
        };
        let epoch = step.text("epoch");
        let sequence_number = step.optional_number("seq");
        // A record that opens had the right ones.
        step.leave(&["nonce", "aad"]);
        // Where nothing is protected, the record is its own payload behind five bytes of header.
        let payload = step.optional_bytes("payload").unwrap_or_else(|| bytes[5..].to_vec());
        // A ClientHello with binders stands in the list of messages without them.
        if let Some(truncated) = self.messages.last_mut().filter(|message| payload.starts_with(&message.bytes))
            && epoch == "plaintext"
        {
            truncated.bytes = payload.clone();
        }
        self.records.push(Record { actor, content_type, epoch, sequence_number, payload, bytes });
    }

    /// Returns a secret by name.
    pub(crate) fn secret(&self, name: &str) -> &[u8] {
        self.secrets.get(name).unwrap_or_else(|| panic!("{}: no {name}", self.name))
    }

    /// Derives the master secret of TLS 1.2 in the way that the hellos agreed on. RFC 7627 §4, RFC 5246 §8.1.
    #[cfg(feature = "tls12")]
    pub(crate) fn master_secret(&self, provider: &dyn Provider) -> MasterSecret {
        let pre_master_secret = Secret::copy_from(self.secret("pre_master_secret"));
        let derived = if self.extended_master_secret {
            let session_hash = Digest::new(self.secret("session_hash")).unwrap();
            MasterSecret::extended(provider, self.suite, &pre_master_secret, &session_hash)
        } else {
            MasterSecret::legacy(provider, self.suite, &pre_master_secret, &self.randoms())
        };
        derived.unwrap()
    }

    /// The randoms of TLS 1.2.
    #[cfg(feature = "tls12")]
    pub(crate) fn randoms(&self) -> Randoms {
        let [client, server] = ["client_random", "server_random"].map(|name| self.secret(name).try_into().unwrap());
        Randoms { client, server }
    }

    /// Returns the private key of one end in a group, where it is published.
    pub(crate) fn private_key(&self, actor: Actor, group: &str) -> Option<&[u8]> {
        let pair = self.key_pairs.iter().find(|pair| pair.actor == actor && pair.group == group);
        pair.map(|pair| pair.private.as_slice())
    }

    /// Returns the messages of one end that have one of these types, in order.
    pub(crate) fn said<'t>(&'t self, actor: Actor, types: &'t [HandshakeType]) -> impl Iterator<Item = &'t [u8]> {
        let wanted = move |message: &&Message| message.actor == actor && types.contains(&message.handshake_type());
        self.messages.iter().filter(wanted).map(|message| message.bytes.as_slice())
    }
}

fn flag(listed: Option<&mut Values>) -> bool {
    listed.and_then(|values| values.optional_flag("extended_master_secret")).unwrap_or(false)
}

/// Flattens the list of secrets; what does not name bytes is left to the test of the key schedule.
fn secrets(mut values: Values) -> BTreeMap<String, Vec<u8>> {
    values.leave(&["resumption_psks"]);
    values.take_all_bytes()
}
