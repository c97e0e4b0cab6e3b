//! What is shown beside the votes of an explanation: where they were copied from, the answers of the accused, and whether it was
//! caught lying.

use ostrakon_ledger::{Answer, Body, LedgerReader, Provenance, RecordId, Subject, checkpoint::origin};
use serde::Serialize;

use crate::{
    error::Error,
    flow::explaining::{Effective, History, Told},
};

/// An explanation with the other side heard.
#[derive(Debug, Serialize)]
pub struct Heard {
    #[serde(flatten)]
    told: Told,
    /// What decides here: for operators, from this node's own viewpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    effective: Option<Effective>,
    /// Answers to the listed votes.
    rebuttals: Vec<RebuttalView>,
    /// Which of the listed votes stand here because they stand in another peer's ledger.
    copied: Vec<CopyView>,
    /// Where the subject, if it is a peer, was convicted of telling two stories.
    #[serde(skip_serializing_if = "Option::is_none")]
    convicted_at_index: Option<u64>,
    /// What became of the votes, if none counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<History>,
}

/// A vote that did not come from its author.
#[derive(Debug, Serialize)]
pub struct CopyView {
    /// Where the vote stands.
    vote_index: u64,
    #[serde(flatten)]
    from: CopiedFrom,
}

/// Where a record was found.
#[derive(Debug, Serialize)]
pub struct CopiedFrom {
    /// The origin of the ledger.
    ledger: String,
    /// The index there.
    index: u64,
}

impl CopiedFrom {
    /// As shown to people and programs.
    pub fn new(provenance: &Provenance) -> Self {
        Self { ledger: origin(&provenance.ledger), index: provenance.index }
    }
}

/// An answer to a vote.
#[derive(Debug, Serialize)]
pub struct RebuttalView {
    /// The vote.
    vote: RecordId,
    /// Where the vote stands.
    vote_index: u64,
    /// The answer.
    record: RecordId,
    /// Where the answer stands.
    index: u64,
    answer: Answer,
}

impl Heard {
    /// Looks up what the accused said about each listed vote; if there is none, in the last `entries_max` entries what became of
    /// those that there were.
    ///
    /// # Errors
    /// The ledger's.
    pub fn new(mut told: Told, reader: &LedgerReader, entries_max: u64) -> Result<Self, Error> {
        let history = told.recall(reader, entries_max)?;
        let (mut rebuttals, mut copied) = (Vec::new(), Vec::new());
        for vote_index in told.votes() {
            let Some(entry) = reader.entry(vote_index)? else { continue };
            copied.extend(entry.provenance.map(|it| CopyView { vote_index, from: CopiedFrom::new(&it) }));
            let vote = entry.record.id();
            let Some(index) = reader.rebuttal_of(&vote)? else { continue };
            let Some(entry) = reader.entry(index)? else { continue };
            if let Body::Rebut(rebut) = &entry.record.record().body {
                let (record, answer) = (entry.record.id(), rebut.answer);
                rebuttals.push(RebuttalView { vote, vote_index, record, index, answer });
            }
        }
        let convicted_at_index = match told.subject() {
            Subject::Peer(peer) => reader.conviction_of(peer)?,
            _ => None,
        };
        Ok(Self { told, effective: None, rebuttals, copied, convicted_at_index, history })
    }

    /// Adds what decides here, and leads with it.
    pub fn with_effective(mut self, effective: Effective) -> Self {
        if matches!(self.told, Told::All(_)) {
            self.told.lead_with(&effective, self.history.as_ref());
            self.effective = Some(effective);
        }
        self
    }
}
