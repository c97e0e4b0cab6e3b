//! `retract`: an author cancels its vote.

use super::types::RecordBody;
use super::wire;
use super::{Header, RecordId, RecordType};
use crate::error::Refusal;
use crate::malformed::Malformed;
use crate::rules::{Mark, NextRecord, NotAppended, Prefix, StateChange};

/// Cancels a vote of the same author. Does not assert the opposite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retract {
    /// The vote.
    pub target: RecordId,
}

impl Retract {
    /// This vote is retracted.
    pub(crate) fn mark(vote: &RecordId) -> Mark {
        Mark::new(RecordType::Retract, vote.as_bytes())
    }
}

impl RecordBody for Retract {
    fn decode(payload: &[u8]) -> Result<(Header, Self), Malformed> {
        let (header, target) = wire::read_target(payload)?;
        Ok((header, Self { target }))
    }

    fn encode(&self, header: &Header) -> Vec<u8> {
        wire::write_target(header, &self.target)
    }

    fn judge<P: Prefix>(&self, next: &mut NextRecord<'_, P>) -> Result<StateChange, NotAppended> {
        if next.target_vote(&self.target)?.author != *next.author {
            return Err(Refusal::NotAuthor(self.target).into());
        }
        next.mark_once(Self::mark(&self.target))
    }
}
