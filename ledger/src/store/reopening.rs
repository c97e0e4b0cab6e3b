//! A store that can be closed and opened again underneath those who use it.

use std::sync::{PoisonError, RwLock};

use super::{Batch, Row, Store, StoreError, Table};

/// Opens the store, whenever it is asked to.
type Opener<S> = Box<dyn Fn() -> Result<S, StoreError> + Send + Sync>;

/// Whether opening is worth closing for: an error says what is still missing.
type Probe = Box<dyn Fn() -> Result<(), StoreError> + Send + Sync>;

/// A [`Store`] over another one, of which there can be only one handle at a time.
///
/// While it is being opened again, reads and commits fail at once. The old handle is gone before the new one is made: a
/// database is locked by its handle.
pub struct ReopeningStore<S> {
    current: RwLock<Option<S>>,
    open: Opener<S>,
    probe: Probe,
}

impl<S: Store> ReopeningStore<S> {
    /// Opens the store with `open`, now and whenever it is opened again. Before it is closed for that, `probe` must succeed:
    /// a store that cannot be written can often still be read, and one that was closed and cannot be opened cannot.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn open(
        open: impl Fn() -> Result<S, StoreError> + Send + Sync + 'static,
        probe: impl Fn() -> Result<(), StoreError> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let current = RwLock::new(Some(open()?));
        Ok(Self { current, open: Box::new(open), probe: Box::new(probe) })
    }

    fn with<T>(&self, ask: impl FnOnce(&S) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some(store) => ask(store),
            None => Err(StoreError::Failed("the store is being opened again".into())),
        }
    }

    fn set(&self, store: Option<S>) -> Option<S> {
        // Waits for those who are reading; whoever comes later finds the new state.
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, store)
    }
}

impl<S: Store> Store for ReopeningStore<S> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|store| store.get(table, key))
    }

    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.with(|store| store.scan(table, from, limit))
    }

    fn scan_back(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.with(|store| store.scan_back(table, from, limit))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.with(|store| store.commit(batch))
    }

    fn reopen(&self) -> Result<(), StoreError> {
        (self.probe)()?;
        drop(self.set(None));
        self.set(Some((self.open)()?));
        Ok(())
    }
}
