//! Durable key-value tables with one way to write: an atomic, synced, guarded [`Batch`].
//!
//! What a store promises, and what happens when it does not:
//!
//! * `commit` returned `Ok`: the batch survives a crash. The ledger publishes and answers only after that.
//! * `commit` returned an error: the batch may or may not be there. Its owner stops. If the error can pass
//!   ([`StoreError::can_pass`]), the owner calls [`Store::reopen`] and looks at what is there, as at a start.
//! * it loses or changes what was committed: the ledger finds out on open (it is behind the signed state, or its
//!   tree has another root) or in [`crate::verify::run`], and refuses to sign.

mod memory;
mod reopening;
#[cfg(feature = "rocksdb")]
mod rocks;

pub use memory::MemoryStore;
pub use reopening::ReopeningStore;
#[cfg(feature = "rocksdb")]
pub use rocks::{OPEN_FILES_MAX, RocksStore, SMALL_OPEN_FILES_MAX};

/// A named table. In RocksDB a column family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub &'static str);

/// A row: key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// What must be true for a batch to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The table.
    pub table: Table,
    /// The key.
    pub key: Vec<u8>,
    /// The value that must stand there; `None`: nothing.
    pub value: Option<Vec<u8>>,
}

/// Writes that happen together or not at all. Deletes come first: a key that is both deleted and put is put.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The guard.
    pub expect: Option<Expect>,
    /// Rows to write; of two with one key the later wins.
    pub puts: Vec<(Table, Vec<u8>, Vec<u8>)>,
    /// Rows to remove, if they are there.
    pub deletes: Vec<(Table, Vec<u8>)>,
}

impl Batch {
    /// An empty, unguarded batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Guards the batch: `value` must stand at `key` when it is written.
    #[must_use]
    pub fn expecting(mut self, table: Table, key: impl Into<Vec<u8>>, value: Option<Vec<u8>>) -> Self {
        self.expect = Some(Expect { table, key: key.into(), value });
        self
    }

    /// Adds a row to write.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.puts.push((table, key.into(), value.into()));
    }

    /// Adds a row to remove.
    pub fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.deletes.push((table, key.into()));
    }
}

/// Why a store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("{path} is in use by another process (is this directory already served?)")]
    Locked {
        /// The directory.
        path: String,
    },
    /// The guard of a batch did not hold; nothing was written.
    #[error("another writer was faster")]
    Conflict,
    /// The table was not named when the store was opened.
    #[error("there is no table `{0}`")]
    NoTable(&'static str),
    /// The store is broken in itself.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The disk or the database failed; it is unknown whether a write happened.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// What the system says when it has run out of something that others may give back: ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM,
/// EINTR and EAGAIN. Databases pass on its words, but not its numbers.
const PASSING: [&str; 7] = [
    "no space left on device",
    "disk quota exceeded",
    "too many open files",
    "cannot allocate memory",
    "interrupted system call",
    "resource temporarily unavailable",
    "is being opened again",
];

impl StoreError {
    /// Whether the trouble may pass by itself, so that opening the store again is worth a try and safe: nothing says that
    /// what was written can no longer be read. After an error of the disk (EIO) the system may show what the disk does not
    /// have; that, damage and a second writer need a person.
    pub fn can_pass(&self) -> bool {
        match self {
            StoreError::Locked { .. } => true,
            StoreError::Failed(reason) => {
                let reason = reason.to_ascii_lowercase();
                PASSING.iter().any(|words| reason.contains(words))
            }
            StoreError::Conflict | StoreError::NoTable(_) | StoreError::Corrupt(_) => false,
        }
    }
}

/// Ordered key-value tables. Keys are compared bytewise.
pub trait Store: Send + Sync {
    /// The value at a key.
    ///
    /// # Errors
    /// [`StoreError`]
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Up to `limit` rows with keys ≥ `from`, ascending. One consistent view.
    ///
    /// # Errors
    /// [`StoreError`]
    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError>;

    /// Up to `limit` rows with keys ≤ `from`, descending. One consistent view.
    ///
    /// # Errors
    /// [`StoreError`]
    fn scan_back(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError>;

    /// Writes a batch: atomic, synced to disk before it returns, and only if its guard holds.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the guard does not hold (nothing written); any other: unknown what was written.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// Closes the store and opens it anew, after a commit that failed: what is there then is what a start would find.
    /// Others who read meanwhile are answered with an error.
    ///
    /// # Errors
    /// [`StoreError`]; a store that cannot do that says so.
    fn reopen(&self) -> Result<(), StoreError> {
        Err(StoreError::Failed("this store cannot be opened again without a restart".into()))
    }
}
