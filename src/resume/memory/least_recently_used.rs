//! A map of bounded size that forgets what was not used for longest. Each call takes O(log n).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A map from byte strings, with the order in which its entries were last used.
pub(super) struct LeastRecentlyUsed<V> {
    capacity: usize,
    /// Each value with the turn of its last use.
    values: HashMap<Arc<[u8]>, (u64, V)>,
    /// The same keys by that turn, the longest unused first.
    turns: BTreeMap<u64, Arc<[u8]>>,
    /// The next turn. One a nanosecond would last for 584 years.
    next: u64,
}

impl<V> LeastRecentlyUsed<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, values: HashMap::new(), turns: BTreeMap::new(), next: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Looks a value up, which counts as a use.
    pub(super) fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        let (turn, value) = self.values.get_mut(key)?;
        if let Some(key) = self.turns.remove(turn) {
            *turn = self.next;
            self.turns.insert(self.next, key);
            self.next += 1;
        }
        Some(value)
    }

    /// Puts a value in, in place of one with the same key, or of the one that was not used for longest where there is no room.
    /// Returns what is no longer there, so that it can be dropped behind the lock.
    pub(super) fn insert(&mut self, key: &[u8], value: V) -> Option<V> {
        if self.capacity == 0 {
            return Some(value);
        }
        if let Some(found) = self.get_mut(key) {
            return Some(core::mem::replace(found, value));
        }
        let evicted = if self.values.len() >= self.capacity { self.remove_oldest() } else { None };
        let key: Arc<[u8]> = key.into();
        self.turns.insert(self.next, key.clone());
        self.values.insert(key, (self.next, value));
        self.next += 1;
        evicted
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<V> {
        let (turn, value) = self.values.remove(key)?;
        self.turns.remove(&turn);
        Some(value)
    }

    fn remove_oldest(&mut self) -> Option<V> {
        let (_, key) = self.turns.pop_first()?;
        self.values.remove(&key).map(|(_, value)| value)
    }
}
