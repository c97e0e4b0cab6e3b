//! What readers look up: subject → value, immutable once shared, cheap to share after every batch.
//!
//! A dense base (one hash look-up, one array read) that is replaced as a whole, and a small persistent map of what
//! changed since, in which a change copies a few nodes. Sharing copies three pointers. A persistent map alone would be
//! simpler, but at a million subjects its look-up chases five cold pointers and rewriting it whole takes most of a second.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use ostrakon_ledger::Subject;
use rpds::HashTrieMapSync;

/// Subjects with their places in a dense array.
pub(crate) type Index = HashMap<Subject, u32, RandomState>;

/// The hash of a book's maps. Keyed by what is particular to the node, so that nobody who does not know its seeds can
/// craft names that collide; the same in every process, and no result depends on it.
pub(crate) fn hasher(key: &[u8; 32]) -> RandomState {
    let word = |i: usize| key[8 * i..8 * i + 8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    RandomState::with_seeds(word(0), word(1), word(2), word(3))
}

/// A shared look-up table.
#[derive(Clone)]
pub(crate) struct Table<V> {
    index: Arc<Index>,
    values: Arc<[V]>,
    changed: HashTrieMapSync<Subject, V, RandomState>,
}

impl<V: Copy> Table<V> {
    /// An empty table.
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self::from_dense(Arc::new(Index::with_hasher(hasher)), Vec::new())
    }

    /// A table whose base is `values`, found through `index`.
    pub(crate) fn from_dense(index: Arc<Index>, values: Vec<V>) -> Self {
        let changed = HashTrieMapSync::new_with_hasher_and_degree_and_ptr_kind(index.hasher().clone(), 16);
        Self { index, values: values.into(), changed }
    }

    /// The value of a subject.
    pub(crate) fn find(&self, subject: &Subject) -> Option<V> {
        if !self.changed.is_empty()
            && let Some(value) = self.changed.get(subject)
        {
            return Some(*value);
        }
        self.values.get(*self.index.get(subject)? as usize).copied()
    }

    /// Sets a value; tables shared before do not see it.
    pub(crate) fn set(&mut self, subject: &Subject, value: V) {
        self.changed.insert_mut(subject.clone(), value);
    }

    /// Values set since the base was made.
    pub(crate) fn changed_len(&self) -> usize {
        self.changed.size()
    }

    /// Values in the base.
    pub(crate) fn base_len(&self) -> usize {
        self.values.len()
    }
}
