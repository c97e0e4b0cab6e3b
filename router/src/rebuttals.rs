//! What is shown beside the votes of an explanation: the answers of the accused, and whether it was caught lying.

use ostrakon_ledger::{Answer, Body, LedgerReader, RecordId, Subject};
use serde::Serialize;

use crate::{error::Error, explaining::Told};

/// An explanation with the other side heard.
#[derive(Debug, Serialize)]
pub struct Heard {
    #[serde(flatten)]
    told: Told,
    /// Answers to the listed votes.
    rebuttals: Vec<RebuttalView>,
    /// Where the subject, if it is a peer, was convicted of telling two stories.
    #[serde(skip_serializing_if = "Option::is_none")]
    convicted_at_index: Option<u64>,
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
    /// Looks up what the accused said about each listed vote.
    ///
    /// # Errors
    /// The ledger's.
    pub fn new(told: Told, reader: &LedgerReader) -> Result<Self, Error> {
        let mut rebuttals = Vec::new();
        for vote_index in told.votes() {
            let Some(vote) = reader.entry(vote_index)?.map(|entry| entry.record.id()) else { continue };
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
        Ok(Self { told, rebuttals, convicted_at_index })
    }
}
