//! Any bytes end in data, an error or an orderly wait: never a panic, a hang or an output without end. The peer has the
//! right keys, so that the garbage comes behind the protection too. The seed is fixed; the fuzz targets have others.

#[path = "support/later.rs"]
mod later;
#[path = "support/pair.rs"]
mod pair;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/script.rs"]
mod script;
#[cfg(feature = "tls12")]
#[path = "support/script_tls12.rs"]
mod script_tls12;
#[cfg(feature = "tls12")]
#[path = "support/stage_tls12.rs"]
mod stage_tls12;

use bulla::wire::{ContentType, HandshakeType, RECORD_HEADER_LEN};
use bulla::{Connection, Error, Event, MAX_RECORD_LEN};
use pair::output;
use scene::{SERVER_FLIGHT, Scene, Script, Stage};
use script::Say::{self, Certificate, CertificateVerify, ClientHello, Finished, HelloRetryRequest, KeyUpdate};
use script::plain_record;

/// xorshift64*: enough chance for a test, and the same in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.byte()).collect()
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

const CONTENT_TYPES: [ContentType; 5] = [
    ContentType::change_cipher_spec,
    ContentType::alert,
    ContentType::handshake,
    ContentType::application_data,
    ContentType::heartbeat,
];

/// A message with a true length and a body by chance.
fn strange_message(chance: &mut Chance) -> Vec<u8> {
    let handshake_type = chance.one_of(HandshakeType::NAMED);
    let body = chance.bytes(80);
    [&[handshake_type.0, 0, 0, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}

/// A true message with some octets replaced, removed or added.
fn mutated_message<P: Script>(chance: &mut Chance, peer: &mut P, say: P::Say) -> Vec<u8> {
    let mut message = peer.compose(say);
    for _ in 0..=chance.below(3) {
        let at = chance.below(message.len());
        match chance.below(4) {
            0 => drop(message.remove(at)),
            1 => message.insert(at, chance.byte()),
            _ => message[at] = chance.byte(),
        }
        if message.is_empty() {
            break;
        }
    }
    message
}

/// Something that no honest peer says.
fn nonsense<P: Script>(chance: &mut Chance, peer: &mut P, next: P::Say) -> Vec<u8> {
    match chance.below(7) {
        0 => chance.bytes(300),
        1 => {
            let content = chance.bytes(40);
            plain_record(chance.one_of(&CONTENT_TYPES), &content)
        }
        2 => {
            let content = chance.bytes(40);
            peer.record(chance.one_of(&CONTENT_TYPES), &content)
        }
        3 => {
            let message = strange_message(chance);
            peer.record(ContentType::handshake, &message)
        }
        4 => {
            let mut record = peer.record(ContentType::handshake, &[22; 30]);
            record.truncate(chance.below(record.len()));
            record
        }
        _ => {
            let message = mutated_message(chance, peer, next);
            peer.record(ContentType::handshake, &message)
        }
    }
}

/// Gives an end all of `bytes`. Each call takes some, or waits in a way that it says.
fn swallow(end: &mut Connection, mut bytes: Vec<u8>) -> Result<(), Error> {
    loop {
        let before = bytes.len();
        let received = end.receive(&mut bytes)?;
        let used = received.used;
        assert!(used <= before);
        match received.event {
            Event::NeedMore { hint } => {
                assert!(hint > before - used && hint <= MAX_RECORD_LEN);
                return Ok(());
            }
            Event::Closed if used == before => return Ok(()),
            Event::Waiting => return Ok(()),
            Event::Data { range, .. } => assert!(range.end <= used),
            _ => assert!(used > 0 || matches!(received.event, Event::Established | Event::Ask(_))),
        }
        bytes.drain(..used);
    }
}

/// Lets an end hear nonsense until it has had enough.
fn pester<P: Script>(mut scene: Scene<P>, chance: &mut Chance, next: P::Say) -> bool {
    for _ in 0..6 {
        let bytes = nonsense(chance, &mut scene.peer, next);
        if let Err(error) = swallow(&mut scene.end, bytes) {
            assert_eq!(scene.end.state(), "Failed");
            assert!(!matches!(error, Error::Misuse(_) | Error::Internal(_)), "{error:?}");
            let alerts = output(&mut scene.end);
            let one_alert = [RECORD_HEADER_LEN + 2, RECORD_HEADER_LEN + 2 + 1 + 16, RECORD_HEADER_LEN + 8 + 2 + 16];
            // What was said in answer to a mutated hello may stand before the alert.
            let expects_alert = error.alert().is_some();
            assert_eq!(expects_alert, !alerts.is_empty(), "{error:?}");
            assert!(!expects_alert || one_alert.iter().any(|len| alerts.len() >= *len));
            assert!(alerts.len() < MAX_RECORD_LEN);
            assert_eq!(scene.end.receive(&mut []).unwrap_err(), error);
            return true;
        }
    }
    assert!(output(&mut scene.end).len() < MAX_RECORD_LEN);
    false
}

/// Pesters ends in this situation; most must fail, none may do anything else that is not in order.
fn pester_many<P: Script>(seed: u64, start: &dyn Fn() -> Scene<P>, next: P::Say) {
    const ROUNDS: u32 = 300;
    let mut chance = Chance(seed);
    let failed: u32 = (0..ROUNDS).map(|_| u32::from(pester(start(), &mut chance, next))).sum();
    assert!(failed > ROUNDS / 2, "only {failed} of {ROUNDS} failed");
}

#[test]
fn client_that_hears_nonsense_in_any_state_fails_or_waits() {
    let stage = Stage::new();
    for (index, next) in SERVER_FLIGHT.into_iter().enumerate() {
        pester_many(1 + index as u64, &|| stage.client().say(&SERVER_FLIGHT[..index]), next);
    }
    pester_many(11, &|| stage.client(), HelloRetryRequest);
    pester_many(12, &|| stage.client().say(&[HelloRetryRequest]), Say::ServerHello);
    pester_many(13, &|| stage.connected_client(), Say::NewSessionTicket);
}

#[test]
fn server_that_hears_nonsense_in_any_state_fails_or_waits() {
    let stage = Stage::new();
    pester_many(21, &|| stage.server(), ClientHello);
    pester_many(22, &|| stage.server_with(stage.retrying_server()).say(&[ClientHello]), ClientHello);
    let flight = [ClientHello, Certificate, CertificateVerify, Finished];
    for (index, next) in flight.into_iter().enumerate().skip(1) {
        let start = || stage.server_with(stage.requiring_server()).say(&flight[..index]);
        pester_many(30 + index as u64, &start, next);
    }
    pester_many(41, &|| stage.connected_server(), KeyUpdate);
}

#[cfg(feature = "tls12")]
mod tls12 {
    use super::pester_many;
    use super::script_tls12::Say::{
        self, Certificate, CertificateRequest, CertificateStatus, CertificateVerify, ChangeCipherSpec, ClientHello,
        ClientKeyExchange, Finished, HelloRequest, ServerHello, ServerHelloDone, ServerHelloWithStatus,
        ServerKeyExchange,
    };
    use super::stage_tls12::Stage;

    #[test]
    fn tls12_client_that_hears_nonsense_in_any_state_fails_or_waits() {
        let stage = Stage::new();
        let flight = [
            ServerHelloWithStatus,
            Certificate,
            CertificateStatus,
            ServerKeyExchange,
            CertificateRequest,
            ServerHelloDone,
            ChangeCipherSpec,
            Finished,
        ];
        for (index, next) in flight.into_iter().enumerate() {
            let start = || stage.client_with(stage.asking_client()).say(&flight[..index]);
            // What follows in place of change_cipher_spec is something true in the wrong place.
            let next = if next == ChangeCipherSpec { Finished } else { next };
            pester_many(51 + index as u64, &start, next);
        }
        pester_many(61, &|| stage.client_with(stage.client_of_both_versions()), ServerHello);
        pester_many(62, &|| stage.connected_client(), HelloRequest);
    }

    #[test]
    fn tls12_server_that_hears_nonsense_in_any_state_fails_or_waits() {
        let stage = Stage::new();
        let flight: [Say; 6] =
            [ClientHello, Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished];
        for (index, next) in flight.into_iter().enumerate() {
            let start = || stage.server_with(stage.requiring_server()).say(&flight[..index]);
            let next = if next == ChangeCipherSpec { Finished } else { next };
            pester_many(71 + index as u64, &start, next);
        }
        pester_many(81, &|| stage.connected_server(), ClientHello);
    }
}
