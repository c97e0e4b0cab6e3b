//! What the sources of imports have said so far, read from the ledger, and what a row comes to beside it.

use std::collections::HashSet;

use ostrakon_ledger::{Body, LedgerReader, PeerName, Record, RecordId, Retract, Subject};

use super::{Gone, Named, PlanStep, Planner, Skip, SourceVote};
use crate::error::Error;

/// Sources whose earlier votes are remembered at a time. One more makes the ledger be read again for the others; nothing
/// else changes.
const SOURCES_READ_MAX: usize = 100_000;

/// A [`Planner`] that reads each source's records once, when it is first asked about.
#[derive(Debug, Default)]
pub struct Sources {
    planner: Planner,
    read: HashSet<PeerName>,
    previewed: u64,
}

impl Sources {
    /// One that has read nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything: what was planned and did not come into the ledger must not be believed.
    pub fn forget(&mut self) {
        *self = Self::new();
    }

    /// Forgets everything if it is much.
    pub fn forget_if_many(&mut self) {
        if self.read.len() > SOURCES_READ_MAX {
            self.forget();
        }
    }

    /// The statements that a row makes of its source, in order, or why it makes none.
    ///
    /// # Errors
    /// The ledger's.
    pub fn statements(&mut self, reader: &LedgerReader, row: &SourceVote) -> Result<Result<Vec<Body>, Skip>, Error> {
        self.read(reader, &row.source)?;
        Ok(match self.planner.step(row) {
            PlanStep::Skip(skip) => Err(skip),
            PlanStep::Retract(targets) => Ok(retractions(targets).collect()),
            PlanStep::Cast { retract, vote } => Ok(retractions(retract).chain([Body::Vote(vote)]).collect()),
        })
    }

    /// Takes note of a record that was made of a statement at `at_ms`.
    pub fn note(&mut self, id: RecordId, record: &Record, at_ms: u64) {
        self.planner.note(id, record, at_ms);
    }

    /// How many records a row would add, taken note of as if they were added, or why it would add none.
    ///
    /// # Errors
    /// The ledger's.
    pub fn preview(&mut self, reader: &LedgerReader, row: &SourceVote) -> Result<Result<usize, Skip>, Error> {
        let statements = self.statements(reader, row)?;
        for body in statements.iter().flatten() {
            self.previewed += 1;
            let mut id = [0; 32];
            id[24..].copy_from_slice(&self.previewed.to_be_bytes());
            self.planner.note_body(RecordId(id), &row.source, body, row.action.at_ms());
        }
        Ok(statements.map(|bodies| bodies.len()))
    }

    /// See [`Planner::standing`].
    ///
    /// # Errors
    /// The ledger's.
    pub fn standing(
        &mut self,
        reader: &LedgerReader,
        source: &PeerName,
        subjects: Option<&HashSet<Subject>>,
    ) -> Result<Vec<RecordId>, Error> {
        self.read(reader, source)?;
        Ok(self.planner.standing(source, subjects))
    }

    /// See [`Planner::gone`].
    ///
    /// # Errors
    /// The ledger's.
    pub fn gone(
        &mut self,
        reader: &LedgerReader,
        source: &PeerName,
        named: &Named,
        until_ms: u64,
    ) -> Result<Gone, Error> {
        self.read(reader, source)?;
        Ok(self.planner.gone(source, named, until_ms))
    }

    fn read(&mut self, reader: &LedgerReader, source: &PeerName) -> Result<(), Error> {
        if !self.read.insert(source.clone()) {
            return Ok(());
        }
        let last = reader.author(source)?.map_or(0, |head| head.seq);
        for seq in 1..=last {
            if let Some(index) = reader.by_author(source, seq)?
                && let Some(entry) = reader.entry(index)?
            {
                self.planner.note(entry.record.id(), entry.record.record(), entry.received_at_ms);
            }
        }
        Ok(())
    }
}

/// Takes back votes.
pub(crate) fn retractions(targets: Vec<RecordId>) -> impl Iterator<Item = Body> {
    targets.into_iter().map(|target| Body::Retract(Retract { target }))
}
