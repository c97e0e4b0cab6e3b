//! `rebut`: the accused answers a vote about itself.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::types::RecordBody;
use super::wire::{self, HeaderMembers, JsonText};
use super::{Digest, Header, RecordId, RecordType};
use crate::error::Refusal;
use crate::malformed::Malformed;
use crate::rules::{Mark, NextRecord, NotAppended, Prefix, StateChange};

/// The accused answers a vote about itself. Once per vote; served beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebut {
    /// The vote.
    pub target: RecordId,
    /// In a word.
    pub answer: RebuttalAnswer,
    /// Salted commitment to what else it has to say; zero means nothing.
    pub commitment: Digest,
}

/// How the accused answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RebuttalAnswer {
    /// It did not happen.
    Denied,
    /// It happened, but not here.
    Mistaken,
    /// It happened and has been dealt with.
    Resolved,
}

impl RebuttalAnswer {
    /// All of them.
    pub const ALL: [RebuttalAnswer; 3] = [RebuttalAnswer::Denied, RebuttalAnswer::Mistaken, RebuttalAnswer::Resolved];

    /// The word in the payload.
    pub fn as_str(self) -> &'static str {
        match self {
            RebuttalAnswer::Denied => "denied",
            RebuttalAnswer::Mistaken => "mistaken",
            RebuttalAnswer::Resolved => "resolved",
        }
    }
}

impl fmt::Display for RebuttalAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RebuttalAnswer {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|answer| answer.as_str() == text);
        found.ok_or_else(|| Malformed::value("answer", text, "must be denied, mistaken or resolved"))
    }
}

serde_as_text!(RebuttalAnswer);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RebutWire<T> {
    answer: T,
    author: T,
    commitment: T,
    key: T,
    network: T,
    prev: T,
    seq: u64,
    target: T,
}

impl Rebut {
    /// This vote is rebutted.
    pub(crate) fn mark(vote: &RecordId) -> Mark {
        Mark::new(RecordType::Rebut, vote.as_bytes())
    }
}

impl RecordBody for Rebut {
    fn decode(payload: &[u8]) -> Result<(Header, Self), Malformed> {
        let RebutWire { answer, author, commitment, key, network, prev, seq, target } = wire::read(payload)?;
        let header = HeaderMembers { author, key, network, prev, seq }.parse()?;
        let (target, answer) = (str::parse(target)?, str::parse(answer)?);
        Ok((header, Self { target, answer, commitment: str::parse(commitment)? }))
    }

    fn encode(&self, header: &Header) -> Vec<u8> {
        let HeaderMembers { author, key, network, prev, seq } = HeaderMembers::of(header);
        let answer: JsonText<'_> = self.answer.as_str().into();
        let (commitment, target) = (self.commitment.as_bytes().into(), self.target.as_bytes().into());
        wire::write(&RebutWire { answer, author, commitment, key, network, prev, seq, target })
    }

    fn commitment(&self) -> Digest {
        self.commitment
    }

    fn judge<P: Prefix>(&self, next: &mut NextRecord<'_, P>) -> Result<StateChange, NotAppended> {
        if next.target_vote(&self.target)?.about.as_ref() != Some(next.author) {
            return Err(Refusal::NotAccused(self.target).into());
        }
        next.mark_once(Self::mark(&self.target))
    }
}
