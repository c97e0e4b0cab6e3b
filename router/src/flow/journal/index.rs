//! Where each decision stands in the log.
//!
//! Ids are hashes. Written one by one into the table that sorts them, they cost more than the rest of their commit, so
//! they wait in memory and are written many at a time, in order. Nothing is lost with the memory: an id is durable in
//! its row of the log, and those that waited are read from the log's end again when the journal opens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ostrakon_ledger::{Batch, Store};

use super::{
    LogRow,
    tables::{DECISIONS, LOG, parse_index, parse_row},
};
use crate::{error::Error, flow::decision::DecisionId};

/// Ids that wait: enough that neighbours in the table are found from one another, few enough that writing them delays
/// one commit by some milliseconds only.
const WAITING_MAX: usize = if cfg!(test) { 4 } else { 8_192 };

/// Locks over the ids that wait; more than there are threads, so that two rarely meet.
const SHARDS: usize = 64;

/// Rows read at a time when the journal opens.
const CHUNK: usize = 256;

type Shard = HashMap<DecisionId, u64>;

/// From a decision's id to its row. Read by all, written by the journal alone.
pub struct Index {
    store: Arc<dyn Store>,
    waiting: [Mutex<Shard>; SHARDS],
}

impl Index {
    /// The index of what `store` holds.
    ///
    /// # Errors
    /// The store's, and [`Error::DamagedRow`].
    pub(super) fn open(store: Arc<dyn Store>) -> Result<Self, Error> {
        let index = Self { store, waiting: std::array::from_fn(|_| Mutex::default()) };
        index.read_unwritten()?;
        Ok(index)
    }

    /// The row of the decision `id`.
    ///
    /// # Errors
    /// The store's, and [`Error::DamagedRow`].
    pub fn find(&self, id: DecisionId) -> Result<Option<u64>, Error> {
        // In this order: an id leaves the memory only after it is in the table.
        match self.shard(id).get(&id) {
            Some(row) => Ok(Some(*row)),
            None => self.written(id),
        }
    }

    /// Notes rows that are durable in the log.
    pub(super) fn note(&self, rows: impl Iterator<Item = (DecisionId, u64)>) {
        for (id, row) in rows {
            self.shard(id).insert(id, row);
        }
    }

    /// Puts all that wait into `batch`, if they are many; true: they are in it, and [`Index::settle`] is to be called
    /// once it is durable.
    pub(super) fn stage(&self, batch: &mut Batch) -> bool {
        if self.waiting.iter().map(|shard| lock(shard).len()).sum::<usize>() < WAITING_MAX {
            return false;
        }
        for shard in &self.waiting {
            for (id, row) in lock(shard).iter() {
                batch.put(DECISIONS, id.as_bytes().to_vec(), row.to_be_bytes().to_vec());
            }
        }
        true
    }

    /// What waited is in the table now.
    pub(super) fn settle(&self) {
        self.waiting.iter().for_each(|shard| lock(shard).clear());
    }

    /// Drops `id`, whose `row` is past its time, unless it was decided on again of late: then the later row has it.
    pub(super) fn expire(&self, id: DecisionId, row: u64, batch: &mut Batch) {
        let mut shard = self.shard(id);
        if shard.get(&id).is_none_or(|waiting| *waiting == row) {
            shard.remove(&id);
            batch.delete(DECISIONS, id.as_bytes().to_vec());
        }
    }

    /// From the log's end back to the first decision that is in the table: ids are written in the log's order.
    fn read_unwritten(&self) -> Result<(), Error> {
        let mut from = u64::MAX;
        loop {
            let rows = self.store.scan_back(LOG, &from.to_be_bytes(), CHUNK)?;
            for (key, bytes) in &rows {
                let row = parse_index(LOG, key)?;
                if let LogRow::Decision(decision) = parse_row(LOG, bytes)? {
                    let id = decision.decision_id;
                    if self.written(id)? == Some(row) {
                        return Ok(());
                    }
                    // Of two rows of one id the later counts, and comes first here.
                    self.shard(id).entry(id).or_insert(row);
                }
                let Some(before) = row.checked_sub(1) else { return Ok(()) };
                from = before;
            }
            if rows.len() < CHUNK {
                return Ok(());
            }
        }
    }

    fn written(&self, id: DecisionId) -> Result<Option<u64>, Error> {
        let row = self.store.get(DECISIONS, id.as_bytes())?;
        row.map(|row| parse_index(DECISIONS, &row)).transpose()
    }

    fn shard(&self, id: DecisionId) -> MutexGuard<'_, Shard> {
        lock(&self.waiting[usize::from(id.as_bytes()[0]) % SHARDS])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
