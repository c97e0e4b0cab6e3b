//! A map from subjects to values that readers use while one writer changes it.
//!
//! It consists of many small maps, each under its own lock. So the writer and a reader seldom wait for each other, and
//! a map that grows moves only its own few values. A clone is a pointer to the same map; readers see a change at once.

use std::sync::Arc;

use ahash::RandomState;
use dashmap::DashMap;
use ostrakon_ledger::Subject;

/// How many small maps there are. Of a million subjects, each has four thousand.
const SHARDS: usize = 256;

/// The hasher of a book's maps. Its key is particular to the node, so that nobody who does not know the seeds can craft
/// names that collide. It is the same in every process, and no result depends on it.
pub(crate) fn hasher(key: &[u8; 32]) -> RandomState {
    let word = |i: usize| key[8 * i..8 * i + 8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    RandomState::with_seeds(word(0), word(1), word(2), word(3))
}

/// A shared map. A clone is the same map.
#[derive(Clone)]
pub(crate) struct SharedMap<V> {
    values: Arc<DashMap<Subject, V, RandomState>>,
}

impl<V: Copy> SharedMap<V> {
    /// An empty map.
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self { values: Arc::new(DashMap::with_hasher_and_shard_amount(hasher, SHARDS)) }
    }

    /// The value of a subject.
    pub(crate) fn find(&self, subject: &Subject) -> Option<V> {
        self.values.get(subject).map(|value| *value)
    }

    /// Sets a value.
    pub(crate) fn set(&self, subject: &Subject, value: V) {
        match self.values.get_mut(subject) {
            Some(mut known) => *known = value,
            None => {
                self.values.insert(subject.clone(), value);
            }
        }
    }

    /// Removes a subject.
    pub(crate) fn remove(&self, subject: &Subject) {
        self.values.remove(subject);
    }
}
