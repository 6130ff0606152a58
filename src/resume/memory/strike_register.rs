//! A memory of early data that was seen.

use core::fmt;
use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use super::lock;
use crate::clock::Time;
use crate::crypto::{CryptoError, Provider};

/// How many entries one call forgets at most. It adds one at most, so that what has ended always makes room in time.
const FORGOTTEN_PER_CALL: usize = 2;

/// Remembers which early data was seen, for as long as it could be sent again. RFC 8446 §8.2.
///
/// A register has a name, its realm, which stands in each session that may bring early data: it counts only with the register
/// that was there when the session was made. A register that starts anew remembers nothing, so it must have a realm that no
/// session names yet, as one from [`random`](Self::random) has; the replays that the old one would have known are then
/// refused, and so is the first early data of each older session.
///
/// It goes by the latest time that it was told. If the clock is set back, early data is refused until it has caught up; the
/// handshakes go on without.
pub struct MemoryStrikeRegister {
    realm: [u8; 16],
    capacity: usize,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Until when each is remembered.
    uses: HashMap<[u8; 32], Time>,
    /// The same by that time.
    by_end: BTreeSet<(Time, [u8; 32])>,
    /// The latest time so far. What ended before it may be forgotten, and must not be taken again.
    latest: Option<Time>,
}

impl MemoryStrikeRegister {
    /// Remembers at most `capacity` uses; when it is full, nothing more is accepted until some have ended. One takes about
    /// 150 bytes.
    ///
    /// A realm that another register had, in this process or before, makes replays of what that one saw possible.
    pub fn new(realm: [u8; 16], capacity: usize) -> Self {
        Self { realm, capacity, seen: Mutex::default() }
    }

    /// Makes a register whose realm is drawn: the one to use, unless its memory is shared.
    pub fn random(provider: &dyn Provider, capacity: usize) -> Result<Self, CryptoError> {
        let mut realm = [0; 16];
        provider.fill_random(&mut realm)?;
        Ok(Self::new(realm, capacity))
    }

    /// Returns how many uses it remembers.
    pub fn len(&self) -> usize {
        lock(&self.seen).uses.len()
    }

    /// Says whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn realm(&self) -> [u8; 16] {
        self.realm
    }

    /// Says whether this is the first use, and remembers it through `until`. Says no where it cannot know.
    pub(crate) fn first_use(&self, unique: &[u8; 32], now: Time, until: Time) -> bool {
        lock(&self.seen).first_use(self.capacity, unique, now, until)
    }
}

impl Seen {
    fn first_use(&mut self, capacity: usize, unique: &[u8; 32], now: Time, until: Time) -> bool {
        let now = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(now);
        self.forget(now);
        // It may have been here and been forgotten.
        if until < now {
            return false;
        }
        match self.uses.get(unique) {
            Some(end) if *end >= now => return false,
            Some(end) => {
                // It has ended, only not been forgotten yet.
                self.by_end.remove(&(*end, *unique));
                self.uses.remove(unique);
            }
            None => {}
        }
        if self.uses.len() >= capacity {
            return false;
        }
        self.uses.insert(*unique, until);
        self.by_end.insert((until, *unique));
        true
    }

    fn forget(&mut self, now: Time) {
        for _ in 0..FORGOTTEN_PER_CALL {
            match self.by_end.first() {
                Some((end, unique)) if *end < now => {
                    self.uses.remove(unique);
                    self.by_end.pop_first();
                }
                _ => return,
            }
        }
    }
}

impl fmt::Debug for MemoryStrikeRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStrikeRegister({})", self.len())
    }
}

#[cfg(all(test, feature = "ring"))]
mod tests {
    use std::vec::Vec;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::ring::provider;

    fn at(milliseconds: u64) -> Time {
        Time::from_millis(milliseconds)
    }

    /// The register as one would write it down: a list that is looked through.
    #[derive(Default)]
    struct Model {
        seen: Vec<(u8, u64)>,
        latest: u64,
    }

    impl Model {
        fn first_use(&mut self, capacity: usize, unique: u8, now: u64, until: u64) -> bool {
            self.latest = self.latest.max(now);
            let latest = self.latest;
            self.seen.retain(|(_, end)| *end >= latest);
            let is_first =
                until >= latest && self.seen.len() < capacity && self.seen.iter().all(|(it, _)| *it != unique);
            if is_first {
                self.seen.push((unique, until));
            }
            is_first
        }
    }

    proptest! {
        #[test]
        fn register_answers_as_the_list_does_under_any_clock(
            capacity in 0..6usize,
            uses in vec((0..12u8, 0..100u64, 0..100u64), 0..200),
        ) {
            let register = MemoryStrikeRegister::new([0; 16], capacity);
            let mut model = Model::default();
            // Every yes so far: no second one may come while the first's end has not passed.
            let mut accepted: Vec<(u8, u64)> = Vec::new();
            for (unique, now, until) in uses {
                let first = register.first_use(&[unique; 32], at(now), at(until));
                prop_assert_eq!(first, model.first_use(capacity, unique, now, until));
                prop_assert!(register.len() <= capacity);
                if first {
                    prop_assert!(accepted.iter().all(|(it, end)| *it != unique || *end < model.latest));
                    accepted.push((unique, until));
                }
            }
        }

        #[test]
        fn same_use_is_never_the_first_twice(
            until in 0..100u64,
            times in vec(0..200u64, 2..40),
        ) {
            let register = MemoryStrikeRegister::new([0; 16], 4);
            let yes = times.iter().filter(|now| register.first_use(&[1; 32], at(**now), at(until))).count();
            prop_assert!(yes <= 1, "{} times yes", yes);
        }
    }

    #[test]
    fn full_register_refuses_until_something_has_ended() {
        let register = MemoryStrikeRegister::new([0; 16], 2);
        assert!(register.first_use(&[1; 32], at(0), at(10)));
        assert!(register.first_use(&[2; 32], at(0), at(20)));
        assert!(!register.first_use(&[3; 32], at(10), at(20)), "it is full, and the first has not ended");
        assert!(!register.first_use(&[1; 32], at(10), at(20)), "the first was forgotten");
        assert!(register.first_use(&[3; 32], at(11), at(20)));
        assert_eq!(register.len(), 2);
    }

    #[test]
    fn flood_stays_within_capacity_and_ends_with_its_window() {
        let register = MemoryStrikeRegister::new([0; 16], 100);
        let unique = |number: u32| {
            let mut unique = [0; 32];
            unique[..4].copy_from_slice(&number.to_be_bytes());
            unique
        };
        let accepted = (0..10_000).filter(|number| register.first_use(&unique(*number), at(0), at(10))).count();
        assert_eq!((accepted, register.len()), (100, 100));
        let accepted = (0..10_000).filter(|number| register.first_use(&unique(*number), at(11), at(30))).count();
        assert_eq!((accepted, register.len()), (100, 100));
    }

    #[test]
    fn clock_that_went_back_lets_nothing_in_twice() {
        let register = MemoryStrikeRegister::new([0; 16], 2);
        assert!(register.first_use(&[1; 32], at(0), at(10)));
        assert!(register.first_use(&[2; 32], at(11), at(20)));
        assert!(!register.first_use(&[1; 32], at(0), at(10)));
    }

    #[test]
    fn each_drawn_realm_is_another() {
        let [one, other] = [(); 2].map(|()| MemoryStrikeRegister::random(provider().as_ref(), 1).unwrap());
        assert_ne!(one.realm(), other.realm());
        assert_eq!(MemoryStrikeRegister::new([7; 16], 1).realm(), [7; 16]);
    }
}
