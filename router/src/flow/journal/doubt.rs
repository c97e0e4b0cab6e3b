//! A commit that failed: the store may have it or not, and says so once it has been opened again.

use ostrakon_ledger::{Batch, Store, Table};

use super::{
    fold,
    stage::Staged,
    tables::{LOG, parse_index},
};
use crate::error::Error;

/// What failed, and how to find out whether it did.
pub(super) struct Unsure {
    pub(super) sign: Sign,
    /// Without its batch.
    pub(super) staged: Staged,
}

/// One row that is not the same before and after a batch. A batch is written whole or not at all, so that one row tells.
#[derive(Debug)]
pub(super) enum Sign {
    /// With the batch this row has this value.
    Put(Table, Vec<u8>, Vec<u8>),
    /// With the batch this row is gone; it was there before.
    Gone(Table, Vec<u8>),
    /// The batch changes nothing.
    Nothing,
}

impl Unsure {
    /// Whether the batch is in the store.
    pub(super) fn is_in(&self, store: &dyn Store) -> Result<bool, Error> {
        Ok(match &self.sign {
            Sign::Put(table, key, value) => store.get(*table, key)?.as_ref() == Some(value),
            Sign::Gone(table, key) => store.get(*table, key)?.is_none(),
            Sign::Nothing => true,
        })
    }
}

impl Sign {
    /// 1. A new row of the log: its index was never used before.
    /// 2. A row that is deleted and not written. The journal deletes what it has read before, first of all.
    /// 3. Any row that is written: if it was there before with the same value, so was the rest.
    pub(super) fn of(batch: &Batch) -> Self {
        let put = |(table, key, value): &(Table, Vec<u8>, Vec<u8>)| Self::Put(*table, key.clone(), value.clone());
        if let Some(row) = batch.puts.iter().find(|(table, ..)| *table == LOG) {
            return put(row);
        }
        let is_written = |gone: &Table, id: &[u8]| batch.puts.iter().any(|(table, key, _)| table == gone && key == id);
        match batch.deletes.iter().find(|(table, key)| !is_written(table, key)) {
            Some((table, key)) => Self::Gone(*table, key.clone()),
            None => batch.puts.first().map_or(Self::Nothing, put),
        }
    }
}

/// The index that the log goes on with.
pub(super) fn end(store: &dyn Store) -> Result<u64, Error> {
    let dropped = fold::dropped(store)?.rows;
    let last = store.scan_back(LOG, &[0xff; 8], 1)?;
    let after = last.first().map(|(key, _)| parse_index(LOG, key)).transpose()?.map_or(0, |index| index + 1);
    Ok(after.max(dropped))
}
