//! Retention: what is dropped, and when. Each table is walked a step at a time, round and round.

use ostrakon_ledger::{Store, Table, store::Row};

use super::{
    Journal, LogRow,
    stage::Staged,
    tables::{DEAD, DeadRow, DroppedRow, HOLDS, HoldRow, LOG, MESSAGES, REPORTS, parse_index, parse_row, put_row},
};
use crate::{error::Error, flow::decision::DecisionId, message::CLOCK_SKEW_MAX};

/// Rows looked at per call and table: a few milliseconds of work between two batches of decisions.
const STEP: usize = 256;

const MINUTE_MS: u64 = 60_000;

/// A row from later than this after now was written under a clock that was ahead. The journal's times come from the same
/// clock, which was believed then, so that more than its tolerance is no accident.
const AHEAD_MS: u64 = 60_000;

/// How much longer than its retention a decision is kept. A signed message is taken until its `sent_at` is as old as the
/// retention, and that may be ahead of our clock by the skew; the rest is for requests that are under way.
const DECISIONS_LONGER_MS: u64 = CLOCK_SKEW_MAX.ms() + MINUTE_MS;

/// What a step of retention came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    /// Some step dropped all that it looked at, so that more is likely waiting.
    pub more: bool,
    /// Held messages that nobody ruled on in time: dead letters now.
    pub unruled: usize,
    /// A table with a row that cannot be read. It stays, and the others are looked at all the same.
    pub damaged: Option<&'static str>,
}

/// Where the walk over each table stands: the first key to look at next.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    decisions: Vec<u8>,
    reports: Vec<u8>,
    holds: Vec<u8>,
    dead: Vec<u8>,
    /// When decisions from the future were met, and reports.
    decisions_ahead: Ahead,
    reports_ahead: Ahead,
    damaged: Option<&'static str>,
}

impl Cursors {
    /// Behind what the log has dropped already: the store may not have forgotten yet that something was there, and reads
    /// over it row by row.
    pub(super) fn behind(dropped: &DroppedRow) -> Self {
        let key = |row: u64| row.to_be_bytes().to_vec();
        Self {
            decisions: key(dropped.decisions_before),
            reports: key(dropped.reports_before),
            decisions_ahead: Ahead(dropped.decisions_ahead_ms),
            reports_ahead: Ahead(dropped.reports_ahead_ms),
            ..Self::default()
        }
    }
}

/// When rows from the future were first met where a walk stands, Unix milliseconds: for want of a better time they are as old
/// as that. It is kept in [`DroppedRow`], because a node that is started each night would meet them anew each day.
#[derive(Debug, Default)]
struct Ahead(Option<u64>);

impl Ahead {
    /// The time that a row made at `at_ms` counts from.
    fn made_ms(&mut self, at_ms: u64, now_ms: u64) -> u64 {
        if at_ms <= now_ms.saturating_add(AHEAD_MS) {
            self.0 = None;
            return at_ms;
        }
        let met_ms = self.0.map_or(now_ms, |met_ms| met_ms.min(now_ms));
        self.0 = Some(met_ms);
        met_ms
    }

    /// A walk has read these rows to their end. If it is the table's, too, nothing from the future is left: what comes later is
    /// met anew.
    fn end<T>(&mut self, unread: &[T], rows: &[Row]) {
        if unread.is_empty() && rows.len() < STEP {
            self.0 = None;
        }
    }
}

/// What a step takes from the log.
#[derive(Debug, Default)]
pub(super) struct Gone {
    /// Decisions before this row are gone; 0: none went.
    pub(super) decisions_before: u64,
    /// Reports before this row are gone; 0: none went.
    pub(super) reports_before: u64,
    /// When the latest of the decisions that went was made, Unix milliseconds.
    pub(super) decided_ms: u64,
    /// When the decisions and the reports from the future were first met where the walks stand now.
    pub(super) decisions_ahead_ms: Option<u64>,
    pub(super) reports_ahead_ms: Option<u64>,
}

/// Stages the removal of what is past its time at `now_ms` in the next step of each table.
pub(super) fn expire(journal: &mut Journal, now_ms: u64) -> Result<(Staged, Expired), Error> {
    let mut staged = Staged::new(journal);
    let mut cursors = std::mem::take(&mut journal.cursors);
    cursors.damaged = None;
    let mut gone = Gone::default();
    let decisions = expire_decisions(journal, now_ms, &mut cursors, &mut staged, &mut gone)?;
    let reports = expire_reports(journal, now_ms, &mut cursors, &mut staged, &mut gone)?;
    (gone.decisions_ahead_ms, gone.reports_ahead_ms) = (cursors.decisions_ahead.0, cursors.reports_ahead.0);
    staged.note_expiry(journal, &gone)?;
    let unruled = expire_holds(journal, now_ms, &mut cursors, &mut staged)?;
    expire_dead(journal, now_ms, &mut cursors, &mut staged)?;
    let expired = Expired { more: decisions || reports, unruled, damaged: cursors.damaged };
    journal.cursors = cursors;
    Ok((staged, expired))
}

/// Decisions are in the order of time: the walk stops at the first one that stays, and goes on there next time. Says
/// whether there may be more.
///
/// A row that cannot be read is no younger than the next one that can, and goes when that one is old enough. A step in which
/// nothing can be read is passed over: its rows stay.
fn expire_decisions(
    journal: &Journal,
    now_ms: u64,
    cursors: &mut Cursors,
    staged: &mut Staged,
    gone: &mut Gone,
) -> Result<bool, Error> {
    let rows = journal.store.scan(LOG, &cursors.decisions, STEP)?;
    let keeps_ms = journal.bounds.decisions_ms.saturating_add(DECISIONS_LONGER_MS);
    let mut unread = Vec::new();
    for (key, row) in &rows {
        let decision = match parse_row(LOG, row) {
            Ok(LogRow::Decision(decision)) => Some(decision),
            // It stays, and dates what is before it.
            Ok(LogRow::Report(_)) if unread.is_empty() => {
                cursors.decisions = successor(key);
                continue;
            }
            Ok(LogRow::Report(report)) => {
                if cursors.decisions_ahead.made_ms(report.at_ms, now_ms).saturating_add(keeps_ms) > now_ms {
                    return Ok(false);
                }
                None
            }
            Err(_) => {
                cursors.damaged = Some(LOG.0);
                unread.push(key);
                continue;
            }
        };
        if let Some(decision) = &decision
            && cursors.decisions_ahead.made_ms(decision.at_ms, now_ms).saturating_add(keeps_ms) > now_ms
        {
            cursors.decisions = unread.first().map_or(key, |first| *first).clone();
            return Ok(false);
        }
        for key in unread.drain(..) {
            staged.batch.delete(LOG, key.clone());
            gone.decisions_before = parse_index(LOG, key)? + 1;
        }
        if let Some(decision) = decision {
            let index = parse_index(LOG, key)?;
            if decision.at_ms <= now_ms {
                gone.decided_ms = gone.decided_ms.max(decision.at_ms);
            }
            staged.batch.delete(LOG, key.clone());
            journal.published.decisions.expire(decision.decision_id, index, &mut staged.batch)?;
            staged.undecided.push((decision.decision_id, index));
            gone.decisions_before = index + 1;
        }
        cursors.decisions = successor(key);
    }
    pass_over(&unread, &rows, &mut cursors.decisions);
    cursors.decisions_ahead.end(&unread, &rows);
    Ok(rows.len() == STEP)
}

/// So are reports, in their own index of the log. They end with the minute that their time is over in: reporters are
/// weighed without them, and need not be more often.
fn expire_reports(
    journal: &Journal,
    now_ms: u64,
    cursors: &mut Cursors,
    staged: &mut Staged,
    gone: &mut Gone,
) -> Result<bool, Error> {
    let rows = journal.store.scan(REPORTS, &cursors.reports, STEP)?;
    let mut unread = Vec::new();
    for (key, row) in &rows {
        let logged = journal.store.get(LOG, key)?;
        match report_ms(row, logged.as_deref()) {
            Ok(Some(at_ms)) => {
                let ends_ms = cursors.reports_ahead.made_ms(at_ms, now_ms).saturating_add(journal.bounds.reports_ms);
                if ends_ms.div_ceil(MINUTE_MS) > now_ms / MINUTE_MS {
                    cursors.reports = unread.first().map_or(key, |(first, _)| *first).clone();
                    return Ok(false);
                }
            }
            Ok(None) => {}
            Err(_) => {
                cursors.damaged = Some(REPORTS.0);
                unread.push((key, logged.is_some()));
                continue;
            }
        }
        for (key, is_logged) in unread.drain(..).chain([(key, logged.is_some())]) {
            if is_logged {
                staged.batch.delete(LOG, key.clone());
            }
            staged.batch.delete(REPORTS, key.clone());
        }
        gone.reports_before = parse_index(REPORTS, key)? + 1;
        cursors.reports = successor(key);
    }
    pass_over(&unread, &rows, &mut cursors.reports);
    cursors.reports_ahead.end(&unread, &rows);
    Ok(rows.len() == STEP)
}

/// When a report was made that stands in the table of reports as `row`, and in the log as `logged`. `None`: its row of the log
/// went with damage around it, and an earlier build left nothing here but its place.
fn report_ms(row: &[u8], logged: Option<&[u8]>) -> Result<Option<u64>, Error> {
    let copy = if row.is_empty() { Err(Error::DamagedRow { table: REPORTS.0 }) } else { parse_row(REPORTS, row) };
    let found = match (copy, logged) {
        (Ok(found), _) => found,
        (Err(_), Some(logged)) => parse_row(LOG, logged)?,
        (Err(_), None) if row.is_empty() => return Ok(None),
        (Err(damaged), None) => return Err(damaged),
    };
    Ok(match found {
        LogRow::Report(report) => Some(report.at_ms),
        LogRow::Decision(_) => None,
    })
}

/// Moves a walk on behind a step in which nothing could be read: nothing there would ever date it.
fn pass_over<T>(unread: &[T], rows: &[Row], cursor: &mut Vec<u8>) {
    if unread.len() == STEP
        && let Some((last, _)) = rows.last()
    {
        *cursor = successor(last);
    }
}

/// A hold that began in the future of now lasts as long from now on as it would have lasted from then. Returns how many ended.
fn expire_holds(journal: &Journal, now_ms: u64, cursors: &mut Cursors, staged: &mut Staged) -> Result<usize, Error> {
    let mut ended = 0;
    for (key, row) in step(journal, HOLDS, &mut cursors.holds)? {
        let (Ok(hold), Ok(id)) = (parse_row::<HoldRow>(HOLDS, &row), key.as_slice().try_into()) else {
            cursors.damaged = Some(HOLDS.0);
            continue;
        };
        let id = DecisionId::from_bytes(id);
        if hold.held_at_ms > now_ms.saturating_add(AHEAD_MS) {
            let lasts_ms = hold.expires_at_ms.saturating_sub(hold.held_at_ms);
            let hold = HoldRow { held_at_ms: now_ms, expires_at_ms: now_ms.saturating_add(lasts_ms), ..hold };
            put_row(&mut staged.batch, HOLDS, &key, &hold)?;
        } else if hold.expires_at_ms <= now_ms {
            staged.bury(id, hold.route, now_ms, "nobody ruled on it in time")?;
            staged.unhold(id);
            ended += 1;
        }
    }
    Ok(ended)
}

fn expire_dead(journal: &Journal, now_ms: u64, cursors: &mut Cursors, staged: &mut Staged) -> Result<(), Error> {
    for (key, row) in step(journal, DEAD, &mut cursors.dead)? {
        let Ok(dead) = parse_row::<DeadRow>(DEAD, &row) else {
            cursors.damaged = Some(DEAD.0);
            continue;
        };
        if dead.died_at_ms > now_ms.saturating_add(AHEAD_MS) {
            put_row(&mut staged.batch, DEAD, &key, &DeadRow { died_at_ms: now_ms, ..dead })?;
        } else if dead.died_at_ms.saturating_add(journal.bounds.dead_ms) <= now_ms {
            staged.batch.delete(DEAD, key.clone());
            staged.batch.delete(MESSAGES, key);
        }
    }
    Ok(())
}

/// When the latest row of the log that can be read was made, Unix milliseconds; 0 without one.
pub(super) fn newest_ms(store: &dyn Store) -> Result<u64, Error> {
    let rows = store.scan_back(LOG, &[0xff; 8], STEP)?;
    let made_ms = rows.iter().find_map(|(_, row)| match parse_row(LOG, row).ok()? {
        LogRow::Decision(decision) => Some(decision.at_ms),
        LogRow::Report(report) => Some(report.at_ms),
    });
    Ok(made_ms.unwrap_or(0))
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
