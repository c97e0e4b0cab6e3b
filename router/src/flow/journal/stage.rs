//! Commands become rows.

use std::sync::Arc;

use ostrakon_ledger::Batch;
use serde::Serialize;

use super::{
    Attempt, Command, Journal, Placement, Report, Ruling,
    expire::Gone,
    tables::{
        DEAD, DROPPED, DeadRow, DroppedRow, HOLDS, HoldRow, LOG, MESSAGES, QUEUE, QueueRow, REPORTS, ReportRow,
        parse_row, put_row, queue_key, write_row,
    },
    waiting::{Change, Place},
};
use crate::{
    error::Error,
    flow::decision::{Decision, DecisionId},
};

/// What the fold learns from a commit.
pub(super) enum Lesson {
    Sighting(Arc<Decision>),
    Report(ReportRow),
}

/// What the log drops because its time is over.
pub(super) struct Expiry {
    /// Decisions before this row.
    pub(super) decisions_before: u64,
    /// Reports before this row; 0: none.
    pub(super) reports_before: u64,
    /// What is kept of both.
    pub(super) row: DroppedRow,
}

/// [`LogRow`] without owning what it speaks of; the two write the same bytes.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum LogRowRef<'a> {
    Decision(&'a Decision),
    Report(&'a ReportRow),
}

/// `decision` as a row of the log.
pub(super) fn decision_row(decision: &Decision) -> Result<Vec<u8>, Error> {
    write_row(LOG, &LogRowRef::Decision(decision))
}

/// A commit in the making.
pub(super) struct Staged {
    pub(super) batch: Batch,
    /// What the fold learns, with the row of each.
    pub(super) lessons: Vec<(u64, Lesson)>,
    /// What it forgets after that.
    pub(super) expiry: Option<Expiry>,
    /// Decisions with their rows, for the index.
    pub(super) decided: Vec<(DecisionId, u64)>,
    /// Decisions that are dropped, with their rows.
    pub(super) undecided: Vec<(DecisionId, u64)>,
    /// What changes in the queue.
    pub(super) moves: Vec<Change>,
    pub(super) next_index: u64,
    pub(super) queued: u64,
    pub(super) held: u64,
    /// Whether the ids that waited for the index are in the batch.
    pub(super) indexed: bool,
}

impl Staged {
    pub(super) fn new(journal: &Journal) -> Self {
        Self {
            batch: Batch::new(),
            lessons: Vec::new(),
            expiry: None,
            decided: Vec::new(),
            undecided: Vec::new(),
            moves: Vec::new(),
            next_index: journal.next_index,
            queued: journal.queued,
            held: journal.held,
            indexed: false,
        }
    }

    /// Adds what `command` asks for, or says why not; a refused command leaves nothing behind.
    pub(super) fn stage(&mut self, journal: &Journal, command: Command) -> Result<(), Error> {
        match command {
            Command::Decide { decision, row, message } => self.decide(journal, decision, row, message),
            Command::Report(report) => self.report(journal, report),
            Command::Attempted { id, due_ms, attempt } => self.attempted(journal, id, due_ms, attempt),
            Command::Rule { id, ruling, at_ms, expires_after_ms } => {
                self.rule(journal, id, ruling, at_ms, expires_after_ms)
            }
            Command::Retry { id, route, at_ms, expires_after_ms } => {
                self.retry(journal, id, route, at_ms, expires_after_ms)
            }
        }
    }

    fn decide(
        &mut self,
        journal: &Journal,
        decision: Arc<Decision>,
        row: Vec<u8>,
        message: Option<(Vec<u8>, Placement)>,
    ) -> Result<(), Error> {
        let id = decision.decision_id;
        if let Some((bytes, placement)) = message {
            match placement {
                Placement::Queue(_) if self.queued >= journal.bounds.queue_max => return Err(Error::QueueFull),
                Placement::Hold(_) if self.held >= journal.bounds.holds_max => return Err(Error::HoldsFull),
                Placement::Queue(row) => {
                    self.displace(journal, id)?;
                    self.enqueue(row.queued_at_ms, id, &row)?;
                }
                Placement::Hold(row) => {
                    self.displace(journal, id)?;
                    put_row(&mut self.batch, HOLDS, id.as_bytes(), &row)?;
                    self.held += 1;
                }
            }
            self.batch.put(MESSAGES, id.as_bytes().to_vec(), bytes);
        }
        let index = self.next_index.to_be_bytes();
        self.batch.put(LOG, index.to_vec(), row);
        self.decided.push((id, self.next_index));
        self.lessons.push((self.next_index, Lesson::Sighting(decision)));
        self.next_index += 1;
        Ok(())
    }

    /// Takes a message from where an earlier decision put it. Its decision can have been dropped before it; then the same id
    /// is decided on again, and two places would share one message: the first that is done would delete it.
    fn displace(&mut self, journal: &Journal, id: DecisionId) -> Result<(), Error> {
        let there = |table| journal.store.get(table, id.as_bytes()).map(|row| row.is_some());
        if !there(MESSAGES)? {
            return Ok(());
        }
        let (is_held, is_dead) = (there(HOLDS)?, there(DEAD)?);
        for place in journal.published.waiting.places(id) {
            self.dequeue(place);
        }
        if is_held {
            self.unhold(id);
        }
        if is_dead {
            self.batch.delete(DEAD, id.as_bytes().to_vec());
        }
        Ok(())
    }

    fn report(&mut self, journal: &Journal, report: Report) -> Result<(), Error> {
        let familiarity = journal.experience.familiarity(&report.subjects);
        let Report { decision_id, reporter, subjects, value, at_ms } = report;
        let row = ReportRow { decision_id, reporter, subjects, familiarity, value, at_ms };
        let index = self.next_index.to_be_bytes();
        let bytes = write_row(LOG, &LogRowRef::Report(&row))?;
        self.batch.put(LOG, index.to_vec(), bytes.clone());
        self.batch.put(REPORTS, index.to_vec(), bytes);
        self.lessons.push((self.next_index, Lesson::Report(row)));
        self.next_index += 1;
        Ok(())
    }

    /// Notes what the deletions in the batch take from the log, and when rows from the future were first met.
    pub(super) fn note_expiry(&mut self, journal: &Journal, gone: &Gone) -> Result<(), Error> {
        let before = &journal.dropped;
        let mut row = DroppedRow {
            decided_through_ms: before.decided_through_ms.max(gone.decided_ms),
            decisions_before: before.decisions_before.max(gone.decisions_before),
            reports_before: before.reports_before.max(gone.reports_before),
            decisions_ahead_ms: gone.decisions_ahead_ms,
            reports_ahead_ms: gone.reports_ahead_ms,
            ..*before
        };
        if row == *before {
            return Ok(());
        }
        row.rows = self.next_index;
        journal.sightings.expire(gone.decisions_before, &mut self.batch);
        if gone.reports_before > 0 {
            let weighing = journal.experience.weighing(row.rows);
            (row.weighed_row, row.weighed_at_ms) = (weighing.row, weighing.at_ms);
        }
        let Gone { decisions_before, reports_before, .. } = *gone;
        self.expiry = Some(Expiry { decisions_before, reports_before, row });
        put_row(&mut self.batch, DROPPED, &[], &row)
    }

    /// An attempt whose row has left the queue is on record already: it was handed in again because nobody knew.
    fn attempted(&mut self, journal: &Journal, id: DecisionId, due_ms: u64, attempt: Attempt) -> Result<(), Error> {
        if !journal.published.waiting.has(&(due_ms, id)) {
            return Ok(());
        }
        self.dequeue((due_ms, id));
        match attempt {
            Attempt::Delivered => self.batch.delete(MESSAGES, id.as_bytes().to_vec()),
            Attempt::Retry { due_ms, row } => self.enqueue(due_ms, id, &row)?,
            Attempt::Dead(row) => put_row(&mut self.batch, DEAD, id.as_bytes(), &row)?,
        }
        Ok(())
    }

    fn rule(
        &mut self,
        journal: &Journal,
        id: DecisionId,
        ruling: Ruling,
        at_ms: u64,
        expires_after_ms: u64,
    ) -> Result<(), Error> {
        let bytes = journal.store.get(HOLDS, id.as_bytes())?.ok_or(Error::NoSuchHold)?;
        let hold: HoldRow = parse_row(HOLDS, &bytes)?;
        match ruling {
            Ruling::Release if self.queued >= journal.bounds.queue_max => return Err(Error::QueueFull),
            Ruling::Release => self.enqueue(at_ms, id, &QueueRow::fresh(hold.route, at_ms, expires_after_ms))?,
            Ruling::Reject => self.bury(id, hold.route, at_ms, "rejected by an operator")?,
        }
        self.unhold(id);
        Ok(())
    }

    /// A dead letter goes back into the queue, as if it had come just now.
    fn retry(
        &mut self,
        journal: &Journal,
        id: DecisionId,
        route: String,
        at_ms: u64,
        expires_after_ms: u64,
    ) -> Result<(), Error> {
        let there = |table| journal.store.get(table, id.as_bytes()).map(|row| row.is_some());
        if !there(DEAD)? || !there(MESSAGES)? {
            return Err(Error::NoSuchDeadLetter);
        }
        if self.queued >= journal.bounds.queue_max {
            return Err(Error::QueueFull);
        }
        self.batch.delete(DEAD, id.as_bytes().to_vec());
        self.enqueue(at_ms, id, &QueueRow::fresh(route, at_ms, expires_after_ms))
    }

    pub(super) fn bury(&mut self, id: DecisionId, route: String, at_ms: u64, reason: &str) -> Result<(), Error> {
        let row = DeadRow { route, died_at_ms: at_ms, attempts: 0, reason: reason.to_owned() };
        put_row(&mut self.batch, DEAD, id.as_bytes(), &row)
    }

    pub(super) fn unhold(&mut self, id: DecisionId) {
        self.batch.delete(HOLDS, id.as_bytes().to_vec());
        self.held = self.held.saturating_sub(1);
    }

    fn dequeue(&mut self, (due_ms, id): Place) {
        self.batch.delete(QUEUE, queue_key(due_ms, id).to_vec());
        self.moves.push(Change::Removed((due_ms, id)));
        self.queued = self.queued.saturating_sub(1);
    }

    fn enqueue(&mut self, due_ms: u64, id: DecisionId, row: &QueueRow) -> Result<(), Error> {
        put_row(&mut self.batch, QUEUE, &queue_key(due_ms, id), row)?;
        self.moves.push(Change::Added(row.route.clone(), (due_ms, id), row.queued_at_ms));
        self.queued += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::LogRow, *};

    #[test]
    fn borrowed_and_owned_rows_write_the_same_bytes() {
        let report = ReportRow {
            decision_id: DecisionId::from_bytes([7; 16]),
            reporter: "peer:a.example".parse().unwrap(),
            subjects: vec!["peer:b.example".parse().unwrap()],
            familiarity: vec![6],
            value: -100,
            at_ms: 5,
        };
        let borrowed = write_row(LOG, &LogRowRef::Report(&report)).unwrap();
        let owned = write_row(LOG, &LogRow::Report(report.clone())).unwrap();
        assert_eq!(borrowed, owned);
        assert_eq!(parse_row::<LogRow>(LOG, &borrowed).unwrap(), LogRow::Report(report));
    }
}
