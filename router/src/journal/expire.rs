//! Retention: what is dropped, and when. Each table is walked a step at a time, round and round.

use ostrakon_ledger::{Table, store::Row};

use super::{
    Journal, LogRow,
    stage::Staged,
    tables::{DEAD, DeadRow, HOLDS, HoldRow, LOG, MESSAGES, REPORTS, parse_index, parse_row},
};
use crate::{decision::DecisionId, error::Error};

/// Rows looked at per call and table: a few milliseconds of work between two batches of decisions.
const STEP: usize = 256;

const MINUTE_MS: u64 = 60_000;

/// Where the walk over each table stands: the first key to look at next.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    decisions: Vec<u8>,
    reports: Vec<u8>,
    holds: Vec<u8>,
    dead: Vec<u8>,
}

/// Stages the removal of what is past its time at `now_ms` in the next step of each table; true if some step dropped
/// all that it looked at, so that more is likely waiting.
pub(super) fn expire(journal: &mut Journal, now_ms: u64) -> Result<(Staged, bool), Error> {
    let mut staged = Staged::new(journal);
    let mut cursors = std::mem::take(&mut journal.cursors);
    let (decisions_before, decisions) = expire_decisions(journal, now_ms, &mut cursors.decisions, &mut staged)?;
    let (reports_before, reports) = expire_reports(journal, now_ms, &mut cursors.reports, &mut staged)?;
    staged.note_expiry(journal, decisions_before, reports_before)?;
    expire_holds(journal, now_ms, &mut cursors.holds, &mut staged)?;
    expire_dead(journal, now_ms, &mut cursors.dead, &mut staged)?;
    journal.cursors = cursors;
    Ok((staged, decisions || reports))
}

/// Decisions are in the order of time: the walk stops at the first one that stays, and goes on there next time. Returns
/// the row before which all are dropped, 0 if none was, and whether there may be more.
fn expire_decisions(
    journal: &Journal,
    now_ms: u64,
    cursor: &mut Vec<u8>,
    staged: &mut Staged,
) -> Result<(u64, bool), Error> {
    let rows = journal.store.scan(LOG, cursor, STEP)?;
    let mut before = 0;
    for (key, row) in &rows {
        if let LogRow::Decision(decision) = parse_row(LOG, row)? {
            if decision.at_ms.saturating_add(journal.bounds.decisions_ms) > now_ms {
                *cursor = key.clone();
                return Ok((before, false));
            }
            staged.batch.delete(LOG, key.clone());
            let index = parse_index(LOG, key)?;
            journal.published.decisions.expire(decision.decision_id, index, &mut staged.batch);
            before = index + 1;
        }
        *cursor = successor(key);
    }
    Ok((before, rows.len() == STEP))
}

/// So are reports, in their own index of the log. They end with the minute that their time is over in: reporters are
/// weighed without them, and need not be more often.
fn expire_reports(
    journal: &Journal,
    now_ms: u64,
    cursor: &mut Vec<u8>,
    staged: &mut Staged,
) -> Result<(u64, bool), Error> {
    let rows = journal.store.scan(REPORTS, cursor, STEP)?;
    let mut before = 0;
    for (key, _) in &rows {
        let row = journal.store.get(LOG, key)?.ok_or(Error::DamagedRow { table: LOG.0 })?;
        if let LogRow::Report(report) = parse_row(LOG, &row)?
            && report.at_ms.saturating_add(journal.bounds.reports_ms).div_ceil(MINUTE_MS) > now_ms / MINUTE_MS
        {
            *cursor = key.clone();
            return Ok((before, false));
        }
        staged.batch.delete(LOG, key.clone());
        staged.batch.delete(REPORTS, key.clone());
        before = parse_index(REPORTS, key)? + 1;
        *cursor = successor(key);
    }
    Ok((before, rows.len() == STEP))
}

fn expire_holds(journal: &Journal, now_ms: u64, cursor: &mut Vec<u8>, staged: &mut Staged) -> Result<(), Error> {
    for (key, row) in step(journal, HOLDS, cursor)? {
        let hold: HoldRow = parse_row(HOLDS, &row)?;
        if hold.expires_at_ms <= now_ms {
            let id = key.as_slice().try_into().map_err(|_| Error::DamagedRow { table: HOLDS.0 })?;
            let id = DecisionId::from_bytes(id);
            staged.bury(id, hold.route, now_ms, "nobody ruled on it in time")?;
            staged.unhold(id);
        }
    }
    Ok(())
}

fn expire_dead(journal: &Journal, now_ms: u64, cursor: &mut Vec<u8>, staged: &mut Staged) -> Result<(), Error> {
    for (key, row) in step(journal, DEAD, cursor)? {
        let dead: DeadRow = parse_row(DEAD, &row)?;
        if dead.died_at_ms.saturating_add(journal.bounds.dead_ms) <= now_ms {
            staged.batch.delete(DEAD, key.clone());
            staged.batch.delete(MESSAGES, key);
        }
    }
    Ok(())
}

/// The next step of a walk that starts over at the table's end.
fn step(journal: &Journal, table: Table, cursor: &mut Vec<u8>) -> Result<Vec<Row>, Error> {
    let rows = journal.store.scan(table, cursor, STEP)?;
    *cursor = match rows.last() {
        Some((key, _)) if rows.len() == STEP => successor(key),
        _ => Vec::new(),
    };
    Ok(rows)
}

/// The smallest key after `key`.
pub(super) fn successor(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}
