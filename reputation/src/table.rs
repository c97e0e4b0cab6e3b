//! What readers look up while one writer changes it: subject → value.
//!
//! Many small maps, each under a lock of its own: the writer and a reader seldom meet, and a map that grows moves its
//! own few values only. Sharing costs a pointer; what is set is seen at once by all.

use std::sync::Arc;

use ahash::RandomState;
use dashmap::DashMap;
use ostrakon_ledger::Subject;

/// Maps of a table: a million subjects are four thousand each.
const SHARDS: usize = 256;

/// The hash of a book's maps. Keyed by what is particular to the node, so that nobody who does not know its seeds can
/// craft names that collide; the same in every process, and no result depends on it.
pub(crate) fn hasher(key: &[u8; 32]) -> RandomState {
    let word = |i: usize| key[8 * i..8 * i + 8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    RandomState::with_seeds(word(0), word(1), word(2), word(3))
}

/// A shared look-up table; a clone is the same table.
#[derive(Clone)]
pub(crate) struct Table<V> {
    values: Arc<DashMap<Subject, V, RandomState>>,
}

impl<V: Copy> Table<V> {
    /// An empty table.
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

    /// Forgets a subject.
    pub(crate) fn remove(&self, subject: &Subject) {
        self.values.remove(subject);
    }
}
