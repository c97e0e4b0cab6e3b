//! What the journal reads when it opens.

use std::ops::Range;

use ostrakon_ledger::{Batch, Store, Table};
use ostrakon_reputation::Experience;

use super::{
    LogRow,
    expire::successor,
    learn,
    sightings::{CHUNK, Sighting, Sightings},
    stage::Lesson,
    tables::{DROPPED, DroppedRow, LOG, REPORTS, parse_index, parse_row},
};
use crate::{error::Error, flow::decision::Decision};

/// Rows read at a time; a thousand decisions are about half a megabyte.
const CHUNK_ROWS: usize = 1024;

/// What is kept of rows that the log dropped.
pub(super) fn dropped(store: &dyn Store) -> Result<DroppedRow, Error> {
    let row = store.get(DROPPED, &[])?;
    row.map_or(Ok(DroppedRow::default()), |row| parse_row(DROPPED, &row))
}

/// Folds the log into `experience` and returns the index of the next row, and the rows of sightings that there are.
///
/// 1. The reports, however old they are; and where it was, the weighing that followed the latest drop of reports.
/// 2. The messages that are remembered: those of the rows of sightings, and from the log what is before and behind them.
///    A store of an earlier build gets its rows of sightings here.
pub(super) fn fold(
    store: &dyn Store,
    dropped: &DroppedRow,
    experience: &mut Experience,
) -> Result<(u64, Sightings), Error> {
    let rows = end(store, dropped)?;
    fold_reports(store, dropped, experience, rows)?;
    let window = experience.first_row(rows).max(dropped.decisions_before);
    let mut next = window;
    let mut sightings = Sightings::read(store, |sightings| {
        let (Some(first), Some(last)) = (sightings.first(), sightings.last()) else { return Ok(()) };
        decisions(store, next..first.0, |row, decision| {
            experience.sight(row, decision.at_ms, &decision.subjects);
            Ok(())
        })?;
        next = next.max(last.0 + 1);
        for Sighting(row, at_ms, subjects) in &sightings {
            if *row >= window {
                experience.sight(*row, *at_ms, subjects);
            }
        }
        Ok(())
    })?;
    decisions(store, next..rows, |row, decision| {
        experience.sight(row, decision.at_ms, &decision.subjects);
        sightings.note(row, &decision);
        if sightings.waiting() >= CHUNK {
            let mut batch = Batch::new();
            sightings.stage(window, &mut batch);
            store.commit(batch)?;
            sightings.settle(window);
        }
        Ok(())
    })?;
    experience.catch_up(rows);
    Ok((rows, sightings))
}

/// The index of the log's next row. When all rows are dropped, their end is on record: the store may still have to pass over
/// them one by one to see that none is left.
fn end(store: &dyn Store, dropped: &DroppedRow) -> Result<u64, Error> {
    if store.scan(LOG, &dropped.rows.to_be_bytes(), 1)?.is_empty() && dropped.decisions_before == dropped.rows {
        return Ok(dropped.rows);
    }
    Ok(match store.scan_back(LOG, &[0xff; 8], 1)?.first() {
        Some((key, _)) => dropped.rows.max(parse_index(LOG, key)? + 1),
        None => dropped.rows,
    })
}

fn fold_reports(store: &dyn Store, dropped: &DroppedRow, experience: &mut Experience, rows: u64) -> Result<(), Error> {
    // The weighing to go on from, until it is passed.
    let mut weighing = Some(dropped.weighing());
    let mut pass = |experience: &mut Experience, row| {
        if let Some(weighing) = weighing.take_if(|weighing| weighing.row <= row) {
            experience.resume(weighing);
        }
    };
    each(store, REPORTS, dropped.reports_before..u64::MAX, |row, bytes| {
        pass(experience, row);
        let report = if bytes.is_empty() {
            let bytes = store.get(LOG, &row.to_be_bytes())?.ok_or(Error::DamagedRow { table: LOG.0 })?;
            parse_row(LOG, &bytes)?
        } else {
            parse_row(REPORTS, bytes)?
        };
        if let LogRow::Report(report) = report {
            learn(experience, row, Lesson::Report(report));
        }
        Ok(())
    })?;
    pass(experience, rows);
    Ok(())
}

/// The decisions in these rows of the log.
fn decisions(
    store: &dyn Store,
    rows: Range<u64>,
    mut visit: impl FnMut(u64, Decision) -> Result<(), Error>,
) -> Result<(), Error> {
    each(store, LOG, rows, |row, bytes| match parse_row(LOG, bytes)? {
        LogRow::Decision(decision) => visit(row, decision),
        LogRow::Report(_) => Ok(()),
    })
}

/// How many rows `table` holds. Only for tables with a bound on their length.
pub(super) fn count(store: &dyn Store, table: Table) -> Result<u64, Error> {
    let mut rows = 0;
    let mut from = Vec::new();
    loop {
        let chunk = store.scan(table, &from, CHUNK_ROWS)?;
        rows += chunk.len() as u64;
        match chunk.last() {
            Some((key, _)) if chunk.len() == CHUNK_ROWS => from = successor(key),
            _ => return Ok(rows),
        }
    }
}

/// The rows of `table` with these numbers.
fn each(
    store: &dyn Store,
    table: Table,
    rows: Range<u64>,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut next = rows.start;
    while next < rows.end {
        let limit = CHUNK_ROWS.min(usize::try_from(rows.end - next).unwrap_or(CHUNK_ROWS));
        let chunk = store.scan(table, &next.to_be_bytes(), limit)?;
        for (key, row) in &chunk {
            let index = parse_index(table, key)?;
            if index >= rows.end {
                return Ok(());
            }
            visit(index, row)?;
            next = index + 1;
        }
        if chunk.len() < limit {
            break;
        }
    }
    Ok(())
}
