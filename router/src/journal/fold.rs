//! What the journal reads when it opens.

use ostrakon_ledger::{Store, Table};
use ostrakon_reputation::Experience;

use super::{
    LogRow,
    expire::successor,
    learn,
    stage::Lesson,
    tables::{LOG, REPORTS, parse_index, parse_row},
};
use crate::error::Error;

/// Rows read at a time; a thousand decisions are about half a megabyte.
const CHUNK: usize = 1024;

/// Decisions that are read again at start, the latest ones: what a larger window would add is the memory of subjects
/// that were seen once, long ago, and never reported. Reports are read however old they are.
const SIGHTINGS_MAX: u64 = 1_000_000;

/// Folds the log into `experience` and returns the index of the next row.
pub(super) fn fold(store: &dyn Store, experience: &mut Experience) -> Result<u64, Error> {
    let next_index = match store.scan_back(LOG, &[0xff; 8], 1)?.first() {
        Some((key, _)) => parse_index(LOG, key)? + 1,
        None => 0,
    };
    let window = next_index.saturating_sub(SIGHTINGS_MAX);
    each(store, REPORTS, 0, |index, _| {
        if index < window {
            let row = store.get(LOG, &index.to_be_bytes())?.ok_or(Error::DamagedRow { table: LOG.0 })?;
            learn_row(experience, &row)?;
        }
        Ok(())
    })?;
    each(store, LOG, window, |_, row| learn_row(experience, row))?;
    Ok(next_index)
}

/// How many rows `table` holds. Only for tables with a bound on their length.
pub(super) fn count(store: &dyn Store, table: Table) -> Result<u64, Error> {
    let mut rows = 0;
    let mut from = Vec::new();
    loop {
        let chunk = store.scan(table, &from, CHUNK)?;
        rows += chunk.len() as u64;
        match chunk.last() {
            Some((key, _)) if chunk.len() == CHUNK => from = successor(key),
            _ => return Ok(rows),
        }
    }
}

fn learn_row(experience: &mut Experience, row: &[u8]) -> Result<(), Error> {
    match parse_row(LOG, row)? {
        LogRow::Decision(decision) => learn(experience, &Lesson::Sighting(decision.into())),
        LogRow::Report(report) => learn(experience, &Lesson::Report(report)),
    }
    Ok(())
}

fn each(
    store: &dyn Store,
    table: Table,
    from: u64,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut next = from;
    loop {
        let chunk = store.scan(table, &next.to_be_bytes(), CHUNK)?;
        for (key, row) in &chunk {
            let index = parse_index(table, key)?;
            visit(index, row)?;
            next = index + 1;
        }
        if chunk.len() < CHUNK {
            return Ok(());
        }
    }
}
