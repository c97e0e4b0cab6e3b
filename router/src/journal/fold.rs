//! What the journal reads when it opens.

use ostrakon_ledger::{Store, Table};
use ostrakon_reputation::{Experience, Weighing};

use super::{
    LogRow,
    expire::successor,
    learn,
    stage::Lesson,
    tables::{DROPPED, DroppedRow, LOG, REPORTS, parse_index, parse_row},
};
use crate::error::Error;

/// Rows read at a time; a thousand decisions are about half a megabyte.
const CHUNK: usize = 1024;

/// What is kept of rows that the log dropped.
pub(super) fn dropped(store: &dyn Store) -> Result<DroppedRow, Error> {
    let row = store.get(DROPPED, &[])?;
    row.map_or(Ok(DroppedRow::default()), |row| parse_row(DROPPED, &row))
}

/// Folds the log into `experience` and returns the index of the next row.
///
/// 1. The reports before the decisions that are remembered; reports are read however old they are.
/// 2. The log from there on.
/// 3. In between, where it was, the weighing that followed the latest drop of reports.
pub(super) fn fold(store: &dyn Store, dropped: &DroppedRow, experience: &mut Experience) -> Result<u64, Error> {
    let rows = match store.scan_back(LOG, &[0xff; 8], 1)?.first() {
        Some((key, _)) => dropped.rows.max(parse_index(LOG, key)? + 1),
        None => dropped.rows,
    };
    let window = experience.first_row(rows);
    let mut fold = Fold { experience, weighing: Some(dropped.weighing()) };
    each(store, REPORTS, 0, |index, _| {
        if index < window {
            let row = store.get(LOG, &index.to_be_bytes())?.ok_or(Error::DamagedRow { table: LOG.0 })?;
            fold.learn(index, &row)?;
        }
        Ok(())
    })?;
    each(store, LOG, window, |index, row| fold.learn(index, row))?;
    fold.pass(rows);
    fold.experience.catch_up(rows);
    Ok(rows)
}

struct Fold<'a> {
    experience: &'a mut Experience,
    /// The weighing to go on from, until it is passed.
    weighing: Option<Weighing>,
}

impl Fold<'_> {
    fn learn(&mut self, index: u64, row: &[u8]) -> Result<(), Error> {
        self.pass(index);
        let lesson = match parse_row(LOG, row)? {
            LogRow::Decision(decision) => Lesson::Sighting(decision.into()),
            LogRow::Report(report) => Lesson::Report(report),
        };
        learn(self.experience, index, lesson);
        Ok(())
    }

    /// The rows before `index` are folded.
    fn pass(&mut self, index: u64) {
        if let Some(weighing) = self.weighing.take_if(|weighing| weighing.row <= index) {
            self.experience.resume(weighing);
        }
    }
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
