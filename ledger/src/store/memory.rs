//! Tables in memory, for simulations and tests. "Synced" means: until the process ends.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::{Batch, Row, Store, StoreError, Table};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A [`Store`] that forgets everything when it is dropped. Tables come into being when they are written.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: RwLock<BTreeMap<Table, Rows>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Table, Rows>> {
        // A batch is applied by operations that do not panic half-way, so that a poisoned lock guards whole batches.
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owned((key, value): (&Vec<u8>, &Vec<u8>)) -> Row {
    (key.clone(), value.clone())
}

impl Store for MemoryStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read().get(&table).and_then(|rows| rows.get(key)).cloned())
    }

    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let tables = self.read();
        let Some(rows) = tables.get(&table) else { return Ok(Vec::new()) };
        Ok(rows.range::<[u8], _>((Bound::Included(from), Bound::Unbounded)).take(limit).map(owned).collect())
    }

    fn scan_back(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let tables = self.read();
        let Some(rows) = tables.get(&table) else { return Ok(Vec::new()) };
        Ok(rows.range::<[u8], _>((Bound::Unbounded, Bound::Included(from))).rev().take(limit).map(owned).collect())
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(expect) = &batch.expect {
            let current = tables.get(&expect.table).and_then(|rows| rows.get(&expect.key));
            if current != expect.value.as_ref() {
                return Err(StoreError::Conflict);
            }
        }
        for (table, key) in &batch.deletes {
            if let Some(rows) = tables.get_mut(table) {
                rows.remove(key);
            }
        }
        for (table, key, value) in batch.puts {
            tables.entry(table).or_default().insert(key, value);
        }
        Ok(())
    }

    /// There is nothing to close: the rows are what they are.
    fn reopen(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
