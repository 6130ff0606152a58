//! Wire messages: the three properties, of arbitrary bytes and of messages made out of them.

use super::source::Source;
use super::wire::{check_accepted, check_accepted_message, check_made, check_made_message, check_mutated};

/// So much of an input is looked at: enough for every message, too little for one that does not fit its length.
const LONGEST: usize = 16_000;

pub fn run(input: &[u8]) {
    let input = &input[..input.len().min(LONGEST)];
    let mut source = Source::new(input);
    match source.u8() {
        0..=63 => {
            check_accepted(source.rest());
        }
        64..=127 => {
            check_accepted_message(source.rest());
        }
        128..=159 => check_made(source.rest()),
        160..=223 => check_made_message(&mut source),
        224.. => {
            let changes = [change(&mut source), change(&mut source)];
            check_mutated(source.rest(), |bytes| changes.iter().for_each(|change| change.apply(bytes)));
        }
    }
}

/// A small damage.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    Flip(u16, u8),
    Insert(u16, u8),
    Remove(u16),
    CutTo(u16),
}

pub fn change(source: &mut Source<'_>) -> Change {
    match source.below(4) {
        0 => Change::Flip(source.u16(), source.u8()),
        1 => Change::Insert(source.u16(), source.u8()),
        2 => Change::Remove(source.u16()),
        _ => Change::CutTo(source.u16()),
    }
}

impl Change {
    /// Damages `bytes` at a place that counts from their front, round and round.
    pub fn apply(self, bytes: &mut Vec<u8>) {
        let place = |at: u16, len: usize| usize::from(at) % len;
        match self {
            Self::Insert(at, byte) => bytes.insert(place(at, bytes.len() + 1), byte),
            _ if bytes.is_empty() => {}
            Self::Flip(at, mask) => {
                let at = place(at, bytes.len());
                bytes[at] ^= mask;
            }
            Self::Remove(at) => {
                bytes.remove(place(at, bytes.len()));
            }
            Self::CutTo(at) => bytes.truncate(place(at, bytes.len())),
        }
    }
}
