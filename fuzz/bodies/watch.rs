//! Looks over the shoulder of the connection under test: what a scripted peer must know to say the right thing.

use std::collections::HashMap;
use std::sync::Mutex;

use bulla::crypto::{Digest, HashAlgorithm};
use bulla::keys::Transcript;
use bulla::wire::{HandshakeType, is_hello_retry_request};
use bulla::{Content, Direction, KeyLog, Observed, Observer};

use super::fixed;

/// Everything that the key log and the message hook have told.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    secrets: HashMap<String, Vec<u8>>,
    messages: Vec<Vec<u8>>,
    fatal_alerts_sent: usize,
}

impl Watch {
    pub fn secret(&self, label: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().secrets.get(label).cloned()
    }

    /// The handshake message of this type that went over first.
    pub fn first_of(&self, handshake_type: HandshakeType) -> Option<Vec<u8>> {
        self.0.lock().unwrap().messages.iter().find(|message| message[0] == handshake_type.0).cloned()
    }

    /// The context of the last request for a certificate behind the handshake.
    pub fn late_context(&self) -> Option<Vec<u8>> {
        let seen = self.0.lock().unwrap();
        let request = seen.messages.iter().rfind(|message| message[0] == HandshakeType::certificate_request.0)?;
        let len = usize::from(*request.get(4)?);
        request.get(5..5 + len).filter(|context| !context.is_empty()).map(<[u8]>::to_vec)
    }

    /// The handshake, the last request behind it, and what has been answered to that. RFC 8446 §4.4.1.
    pub fn late_transcript_hash(&self, algorithm: HashAlgorithm) -> Option<Digest> {
        const ANSWER: [HandshakeType; 3] =
            [HandshakeType::certificate, HandshakeType::compressed_certificate, HandshakeType::certificate_verify];
        let seen = self.0.lock().unwrap();
        let is = |message: &&Vec<u8>, handshake_type: HandshakeType| message[0] == handshake_type.0;
        let finished = |(_, message): &(usize, &Vec<u8>)| is(message, HandshakeType::finished);
        let end = seen.messages.iter().enumerate().filter(finished).nth(1)?.0 + 1;
        let (handshake, behind) = seen.messages.split_at(end);
        let request = behind.iter().rposition(|message| is(&message, HandshakeType::certificate_request))?;
        let (request, answer) = behind[request..].split_first()?;
        let answer = answer.iter().filter(|message| ANSWER.iter().any(|known| is(message, *known)));
        Some(transcript(algorithm, handshake.iter().chain([request]).chain(answer)).current())
    }

    /// All handshake messages so far, either way, one behind the other.
    pub fn all_messages(&self) -> Vec<u8> {
        self.0.lock().unwrap().messages.concat()
    }

    /// The random of ClientHello, which stands behind four octets of header and two of version, as ServerHello's does.
    pub fn client_random(&self) -> Option<Vec<u8>> {
        self.first_of(HandshakeType::client_hello)?.get(6..38).map(<[u8]>::to_vec)
    }

    pub fn server_random(&self) -> Option<Vec<u8>> {
        self.first_of(HandshakeType::server_hello)?.get(6..38).map(<[u8]>::to_vec)
    }

    pub fn fatal_alerts_sent(&self) -> usize {
        self.0.lock().unwrap().fatal_alerts_sent
    }

    /// The transcript of all messages so far, either way. RFC 8446 §4.4.1.
    pub fn transcript_hash(&self, algorithm: HashAlgorithm) -> Digest {
        self.transcript_hash_with(algorithm, &[])
    }

    /// The same, with these bytes behind it.
    pub fn transcript_hash_with(&self, algorithm: HashAlgorithm, bytes: &[u8]) -> Digest {
        let mut transcript = transcript(algorithm, self.0.lock().unwrap().messages.iter());
        transcript.add(bytes);
        transcript.current()
    }
}

fn transcript<'m>(algorithm: HashAlgorithm, messages: impl Iterator<Item = &'m Vec<u8>>) -> Transcript {
    let provider = fixed::provider();
    let mut transcript = Transcript::new(&*provider, algorithm).unwrap();
    for message in messages {
        if message[0] == HandshakeType::server_hello.0 && is_hello_retry_request(&message[4..]) {
            transcript.replace_by_message_hash(&*provider).unwrap();
        }
        transcript.add(message);
    }
    transcript
}

impl KeyLog for Watch {
    fn log(&self, label: &str, _: &[u8; 32], secret: &[u8]) {
        self.0.lock().unwrap().secrets.insert(label.to_string(), secret.to_vec());
    }
}

impl Observer for Watch {
    fn observe(&self, seen: &Observed<'_>) {
        let mut all = self.0.lock().unwrap();
        match &seen.content {
            Content::Handshake { bytes, .. } => all.messages.push(bytes.to_vec()),
            Content::Alert(alert) if seen.direction == Direction::Sent && alert.level.0 == 2 => {
                all.fatal_alerts_sent += 1;
            }
            _ => {}
        }
    }
}
