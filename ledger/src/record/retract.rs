//! `retract`: an author cancels its vote.

use serde::{Deserialize, Serialize};

use super::types::RecordBody;
use super::wire::{self, HeaderMembers, JsonText};
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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetractWire<T> {
    author: T,
    key: T,
    network: T,
    prev: T,
    seq: u64,
    target: T,
}

impl Retract {
    /// This vote is retracted.
    pub(crate) fn mark(vote: &RecordId) -> Mark {
        Mark::new(RecordType::Retract, vote.as_bytes())
    }
}

impl RecordBody for Retract {
    fn decode(payload: &[u8]) -> Result<(Header, Self), Malformed> {
        let RetractWire { author, key, network, prev, seq, target } = wire::read(payload)?;
        let header = HeaderMembers { author, key, network, prev, seq }.parse()?;
        Ok((header, Self { target: str::parse(target)? }))
    }

    fn encode(&self, header: &Header) -> Vec<u8> {
        let HeaderMembers { author, key, network, prev, seq } = HeaderMembers::of(header);
        let target: JsonText<'_> = self.target.as_bytes().into();
        wire::write(&RetractWire { author, key, network, prev, seq, target })
    }

    fn judge<P: Prefix>(&self, next: &mut NextRecord<'_, P>) -> Result<StateChange, NotAppended> {
        if next.target_vote(&self.target)?.author != *next.author {
            return Err(Refusal::NotAuthor(self.target).into());
        }
        next.mark_once(Self::mark(&self.target))
    }
}
