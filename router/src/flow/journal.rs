//! The journal: the single owner of the messages store.
//!
//! Every decision, report, hold and delivery passes through here and is answered only after the batch that holds it
//! is synced. [`Journal`] is a value that is driven: batches of [`Command`]s and the time go in, outcomes come out.
//! The operator's own experience (R8) is a fold over the journal's log, kept beside it and published after each batch.

mod command;
mod doubt;
mod expire;
mod fold;
mod index;
mod sightings;
mod stage;
pub mod tables;
#[cfg(test)]
pub(crate) mod tests;
mod unread;
mod waiting;

pub use command::{Attempt, Command, Placement, Ruling};
pub use expire::Expired;
pub use index::Index;
pub use waiting::{Place, Waiting};

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ostrakon_ledger::{Store, Subject};
use ostrakon_reputation::{Experience, ExperienceReader, Report as ExperienceReport};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    flow::{
        decision::{Decision, DecisionId},
        journal::tables::{DroppedRow, ReportRow},
    },
};

/// What bounds the journal's tables, from the operator's configuration.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Messages that may wait for delivery.
    pub queue_max: u64,
    /// Messages that may wait for a person.
    pub holds_max: u64,
    /// How long decisions are kept, milliseconds.
    pub decisions_ms: u64,
    /// How long reports are kept, milliseconds.
    pub reports_ms: u64,
    /// How long dead letters are kept, milliseconds.
    pub dead_ms: u64,
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogRow {
    /// A decision was made.
    Decision(Decision),
    /// A user said how a message turned out.
    Report(ReportRow),
}

/// A user's word on a message that was decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which message.
    pub decision_id: DecisionId,
    /// Who says so, as an account subject.
    pub reporter: Subject,
    /// What the message was judged by.
    pub subjects: Vec<Subject>,
    /// +100 ham, −100 spam.
    pub value: i8,
    /// When it was said, Unix milliseconds.
    pub at_ms: u64,
}

/// What other threads may read of the journal at any time.
pub struct Published {
    /// The operator's own experience.
    pub experience: ExperienceReader,
    /// Messages in the queue.
    pub queued: AtomicU64,
    /// Messages on hold.
    pub held: AtomicU64,
    /// Where each decision stands in the log.
    pub decisions: Index,
    /// What waits for delivery.
    pub waiting: Waiting,
    /// Of messages that came up to this time, Unix milliseconds, the decision may have been dropped.
    pub decided_through_ms: AtomicU64,
}

/// The owner of the messages store.
pub struct Journal {
    store: Arc<dyn Store>,
    bounds: Bounds,
    experience: Experience,
    next_index: u64,
    dropped: DroppedRow,
    queued: u64,
    held: u64,
    cursors: expire::Cursors,
    sightings: sightings::Sightings,
    published: Arc<Published>,
    /// The commit that failed, of which it is unknown whether the store has it.
    in_doubt: Option<doubt::Unsure>,
}

impl Journal {
    /// Opens the journal on `store` and folds what it holds into `experience`. Rows of the log that cannot be read are passed
    /// over and told of.
    ///
    /// # Errors
    /// The store's, and [`Error::DamagedRow`] when it is unknown where the log ends or what it dropped.
    pub fn open(store: Arc<dyn Store>, bounds: Bounds, mut experience: Experience) -> Result<Self, Error> {
        let dropped = fold::dropped(store.as_ref())?;
        let (next_index, sightings) = fold::fold(store.as_ref(), &dropped, &mut experience)?;
        let (waiting, queued) = Waiting::open(store.as_ref())?;
        let held = fold::count(store.as_ref(), tables::HOLDS)?;
        let published = Arc::new(Published {
            experience: experience.reader(),
            queued: AtomicU64::new(queued),
            held: AtomicU64::new(held),
            decisions: Index::open(store.clone())?,
            waiting,
            decided_through_ms: AtomicU64::new(dropped.decided_through_ms),
        });
        let cursors = expire::Cursors::behind(&dropped);
        Ok(Self {
            store,
            bounds,
            experience,
            next_index,
            dropped,
            queued,
            held,
            cursors,
            sightings,
            published,
            in_doubt: None,
        })
    }

    /// What readers see; stays valid as the journal moves on.
    pub fn published(&self) -> Arc<Published> {
        self.published.clone()
    }

    /// Carries out `commands` in order and answers each. One synced commit serves all of them, unless two speak of the
    /// same message: the later one then sees what the earlier one wrote.
    ///
    /// # Errors
    /// The outer error is the store's: nothing of the last commit can be relied on, and the journal must not be used
    /// again before [`Journal::reopen`].
    pub fn handle(&mut self, commands: Vec<Command>) -> Result<Vec<Result<(), Error>>, Error> {
        let mut outcomes = Vec::with_capacity(commands.len());
        let mut touched = HashSet::with_capacity(commands.len());
        let mut staged = stage::Staged::new(self);
        for command in commands {
            if !touched.insert(command.id()) {
                self.commit(staged)?;
                touched.clear();
                touched.insert(command.id());
                staged = stage::Staged::new(self);
            }
            outcomes.push(staged.stage(self, command));
        }
        self.commit(staged)?;
        Ok(outcomes)
    }

    /// Drops what is past its retention or its expiry at `now_ms`, a bounded number of rows per call.
    ///
    /// # Errors
    /// As [`Journal::handle`].
    pub fn expire(&mut self, now_ms: u64) -> Result<Expired, Error> {
        let (staged, expired) = expire::expire(self, now_ms)?;
        self.commit(staged)?;
        Ok(expired)
    }

    /// When the latest row of the log was made, Unix milliseconds; 0 without one.
    ///
    /// # Errors
    /// The store's, and [`Error::DamagedRow`].
    pub fn newest_ms(&self) -> Result<u64, Error> {
        expire::newest_ms(self.store.as_ref())
    }

    /// Goes on after an error of the store: closes it, opens it anew, and finds out what became of the last commit.
    ///
    /// A commit is atomic, so that either all of its rows are there or none. If they are, the fold, the counters and the
    /// readers' view follow as they would have then: whoever was told of the error finds the decision on record. If they are
    /// not, nothing happened. Everything before was synced before it was answered, and the store must end with it.
    ///
    /// # Errors
    /// The store's, and [`Error::DamagedRow`] if it ends elsewhere; the journal must not be used then.
    pub fn reopen(&mut self) -> Result<(), Error> {
        self.store.reopen()?;
        // 1. Read. What is in doubt stays so until all of this is known: a read that fails is tried again.
        let is_kept = match &self.in_doubt {
            Some(unsure) => unsure.is_in(self.store.as_ref())?,
            None => false,
        };
        let next_index = match &self.in_doubt {
            Some(unsure) if is_kept => unsure.staged.next_index,
            _ => self.next_index,
        };
        if doubt::end(self.store.as_ref())? != next_index {
            return Err(Error::DamagedRow { table: tables::LOG.0 });
        }
        // 2. Follow. From here on nothing fails.
        self.cursors = expire::Cursors::behind(&self.dropped);
        if let Some(unsure) = self.in_doubt.take()
            && is_kept
        {
            self.follow(unsure.staged);
        }
        Ok(())
    }

    /// The one commit point. Before it nothing was answered; after it everything staged is on disk, and only then do
    /// the fold, the counters and the readers' view follow.
    fn commit(&mut self, mut staged: stage::Staged) -> Result<(), Error> {
        let mut batch = std::mem::take(&mut staged.batch);
        if batch.puts.is_empty() && batch.deletes.is_empty() {
            return Ok(());
        }
        // What the log drops is not written elsewhere in the same step.
        staged.indexed = staged.expiry.is_none() && self.published.decisions.stage(&mut batch);
        if staged.indexed {
            self.sightings.stage(self.experience.first_row(self.next_index), &mut batch);
        }
        let sign = doubt::Sign::of(&batch);
        if let Err(error) = self.store.commit(batch) {
            self.in_doubt = Some(doubt::Unsure { sign, staged });
            return Err(error.into());
        }
        self.follow(staged);
        Ok(())
    }

    /// What was staged is on disk.
    fn follow(&mut self, staged: stage::Staged) {
        let index = &self.published.decisions;
        let remembered_from = self.experience.first_row(self.next_index);
        if staged.indexed {
            index.settle();
            self.sightings.settle(remembered_from);
        }
        index.forget(staged.undecided.into_iter());
        index.note(staged.decided.into_iter());
        self.published.waiting.follow(staged.moves);
        self.next_index = staged.next_index;
        self.queued = staged.queued;
        self.held = staged.held;
        for (row, lesson) in staged.lessons {
            if let stage::Lesson::Sighting(decision) = &lesson {
                self.sightings.note(row, decision);
            }
            learn(&mut self.experience, row, lesson);
        }
        if let Some(expiry) = staged.expiry {
            self.dropped = expiry.row;
            self.published.decided_through_ms.store(expiry.row.decided_through_ms, Ordering::Relaxed);
            self.experience.forget_sightings(expiry.decisions_before);
            self.sightings.forget(expiry.decisions_before);
            if expiry.reports_before > 0 {
                self.experience.drop_reports_before(expiry.reports_before, expiry.row.weighing());
            }
        }
        self.published.queued.store(self.queued, Ordering::Relaxed);
        self.published.held.store(self.held, Ordering::Relaxed);
    }
}

/// What a row of the log teaches: a decision is a sighting of its subjects, a report is a vote on them.
fn learn(experience: &mut Experience, row: u64, lesson: stage::Lesson) {
    match lesson {
        stage::Lesson::Sighting(decision) => experience.sight(row, decision.at_ms, &decision.subjects),
        stage::Lesson::Report(report) => {
            let familiarity = report.familiarity.into_iter().chain(std::iter::repeat(0));
            let report = ExperienceReport {
                message: report.decision_id.padded(),
                reporter: report.reporter,
                subjects: report.subjects.into_iter().zip(familiarity).collect(),
                value: report.value,
                at_ms: report.at_ms,
            };
            experience.report(row, report);
        }
    }
}
