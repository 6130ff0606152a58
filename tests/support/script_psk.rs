//! The scripted peer's second connections: PSKs with their binders, early data, and the secrets that tickets are made of.

use bulla::crypto::{Secret, Suite};
use bulla::keys::{EarlySecret, PskKind, TrafficSecret, Transcript, resumption_psk};
use bulla::wire::{
    ClientExtension, ClientHello, ContentType, HandshakeType, NewSessionTicket, OfferedPsks, PskBinderEntry,
    PskIdentity, PskKeyExchangeMode, read_all, write_message,
};

use super::keys::{Protection, selected_identity};
use super::{Heard, Peer, Role};

/// A PSK that the peer holds, and how it names it.
pub struct Psk {
    pub identity: Vec<u8>,
    pub obfuscated_ticket_age: u32,
    pub secret: Secret,
    pub kind: PskKind,
    pub suite: Suite,
}

impl Psk {
    /// A PSK that both ends have from elsewhere, for the hash of the script's suite.
    pub fn external(identity: &[u8], key: &[u8]) -> Self {
        Self {
            identity: identity.to_vec(),
            obfuscated_ticket_age: 0,
            secret: Secret::copy_from(key),
            kind: PskKind::External,
            suite: Suite::tls13(super::SUITE).unwrap(),
        }
    }

    /// The PSK of a ticket that is so many milliseconds old.
    pub fn aged(mut self, milliseconds: u32) -> Self {
        self.obfuscated_ticket_age = self.obfuscated_ticket_age.wrapping_add(milliseconds);
        self
    }

    fn name(&self) -> PskIdentity<'_> {
        PskIdentity { identity: &self.identity, obfuscated_ticket_age: self.obfuscated_ticket_age }
    }

    pub fn duplicate(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            secret: self.secret.duplicate(),
            obfuscated_ticket_age: self.obfuscated_ticket_age,
            kind: self.kind,
            suite: self.suite,
        }
    }
}

/// As long as any binder.
const ZEROS: [u8; 48] = [0; 48];

/// What a peer does with PSKs.
#[derive(Default)]
pub struct Second {
    /// Those it offers, or the ones it may choose from.
    pub psks: Vec<Psk>,
    resumption_secret: Option<Secret>,
    /// The client's records go under the early keys, also behind ServerHello.
    pub is_early: bool,
    /// EncryptedExtensions have said whether early data is taken.
    pub(super) is_settled: bool,
}

impl Peer {
    /// A ClientHello that offers these PSKs, each with its true binder.
    pub fn psk_hello_with(&mut self, psks: Vec<Psk>, edit: impl FnOnce(&mut ClientHello<'_>)) -> Vec<u8> {
        self.second.psks = psks;
        let message = self.client_hello_with(|hello| {
            let modes = ClientExtension::PskKeyExchangeModes(vec![PskKeyExchangeMode::psk_dhe_ke]);
            hello.extensions.as_mut().unwrap().push(modes);
            edit(hello);
        });
        let mut hello: ClientHello<'_> = read_all(&message[4..]).unwrap();
        let binder = |psk: &Psk| PskBinderEntry(&ZEROS[..psk.suite.hash.output_len()]);
        let psks = &self.second.psks;
        let offered = OfferedPsks {
            identities: psks.iter().map(Psk::name).collect(),
            binders: psks.iter().map(binder).collect(),
        };
        hello.extensions.as_mut().unwrap().push(ClientExtension::PreSharedKey(offered));
        let mut message = write_message(&hello).unwrap();
        self.bind(&mut message);
        message
    }

    /// A ClientHello that offers the PSKs which the peer has.
    pub fn psk_hello(&mut self, edit: impl FnOnce(&mut ClientHello<'_>)) -> Vec<u8> {
        let psks = self.second.psks.iter().map(Psk::duplicate).collect();
        self.psk_hello_with(psks, edit)
    }

    /// Writes true binders in place of those at the end of the message. RFC 8446 §4.2.11.2.
    pub fn bind(&mut self, message: &mut Vec<u8>) {
        let len = |psk: &Psk| 1 + psk.suite.hash.output_len();
        let end = message.len() - 2 - self.second.psks.iter().map(len).sum::<usize>();
        let mut binders = Vec::new();
        for psk in &self.second.psks {
            let mut transcript = match self.retried {
                true => self.transcript.fork(),
                false => Transcript::new(&*self.provider, psk.suite.hash).unwrap(),
            };
            transcript.add(&message[..end]);
            let early_secret = EarlySecret::with_psk(&*self.provider, psk.suite, &psk.secret).unwrap();
            let binder = early_secret.binder(&*self.provider, psk.kind, &transcript.current()).unwrap();
            binders.push(u8::try_from(binder.as_ref().len()).unwrap());
            binders.extend_from_slice(binder.as_ref());
        }
        message.truncate(end + 2);
        message.extend(binders);
    }

    /// The early secret of the ServerHello's choice.
    pub(super) fn early_secret(&self, server_hello: &[u8]) -> EarlySecret {
        let chosen = selected_identity(server_hello).and_then(|index| self.second.psks.get(usize::from(index)));
        match chosen {
            Some(psk) => EarlySecret::with_psk(&*self.provider, self.suite, &psk.secret).unwrap(),
            None => EarlySecret::without_psk(&*self.provider, self.suite).unwrap(),
        }
    }

    /// The client's records go under the first PSK's early keys from now on: its hello has passed.
    pub fn start_early(&mut self) {
        let psk = &self.second.psks[0];
        let early_secret = EarlySecret::with_psk(&*self.provider, psk.suite, &psk.secret).unwrap();
        let secret = early_secret.client_early_traffic_secret(&*self.provider, &self.transcript.current()).unwrap();
        *self.direction(Role::Client) = Some(Protection::new(secret));
        self.second.is_early = true;
    }

    /// The client's records go under the handshake keys from now on.
    pub fn stop_early(&mut self) {
        self.second.is_early = false;
        let secret = self.client_secret.as_ref().unwrap().secret().duplicate();
        let secret = TrafficSecret::new(self.suite, secret);
        *self.direction(Role::Client) = Some(Protection::new(secret));
    }

    /// The client's records are in the clear again: it was retried.
    pub fn forget_early(&mut self) {
        self.second.is_early = false;
        *self.direction(Role::Client) = None;
    }

    /// A ClientHello and early data, each in a record: what a client says at once.
    pub fn say_early(&mut self, hello: &[u8], data: &[&[u8]]) -> Vec<u8> {
        let mut bytes = self.say_message(hello);
        self.start_early();
        for data in data {
            bytes.extend(self.record(ContentType::application_data, data));
        }
        bytes
    }

    pub(super) fn keep_resumption_secret(&mut self) {
        let hash = self.transcript.current();
        let secret = self.main_secret.as_ref().map(|main| main.resumption_secret(&*self.provider, &hash).unwrap());
        self.second.resumption_secret = secret;
    }

    /// The PSKs of the tickets heard, just received.
    pub fn tickets(&self) -> Vec<Psk> {
        let bodies = self.heard.iter().filter_map(|heard| match heard {
            Heard::Message(bytes) if bytes[0] == HandshakeType::new_session_ticket.0 => Some(&bytes[4..]),
            _ => None,
        });
        bodies.map(|body| self.ticket(&read_all(body).unwrap())).collect()
    }

    /// The PSK of a ticket of this connection, as a message.
    pub fn ticket_of(&self, message: &[u8]) -> Psk {
        self.ticket(&read_all(&message[4..]).unwrap())
    }

    /// The PSK of a ticket of this connection.
    pub fn ticket(&self, ticket: &NewSessionTicket<'_>) -> Psk {
        let secret = self.second.resumption_secret.as_ref().unwrap();
        Psk {
            identity: ticket.ticket.to_vec(),
            obfuscated_ticket_age: ticket.ticket_age_add,
            secret: resumption_psk(&*self.provider, self.suite, secret, ticket.ticket_nonce).unwrap(),
            kind: PskKind::Resumption,
            suite: self.suite,
        }
    }
}

/// EndOfEarlyData. RFC 8446 §4.5.
pub fn end_of_early_data() -> Vec<u8> {
    write_message(&bulla::wire::EndOfEarlyData).unwrap()
}
