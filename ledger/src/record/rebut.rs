//! `rebut`: the accused answers a vote about itself.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::types::RecordBody;
use super::wire::{self, HeaderWire, Text};
use super::{Digest, Header, RecordId, RecordType};
use crate::error::Refusal;
use crate::malformed::Malformed;
use crate::rules::{Candidate, Mark, NotAppended, Prefix, StateChange};

/// The accused answers a vote about itself. Once per vote; served beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebut {
    /// The vote.
    pub target: RecordId,
    /// In a word.
    pub answer: Answer,
    /// Salted commitment to what else it has to say; zero means nothing.
    pub commitment: Digest,
}

/// How the accused answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// It did not happen.
    Denied,
    /// It happened, but not here.
    Mistaken,
    /// It happened and has been dealt with.
    Resolved,
}

impl Answer {
    /// All of them.
    pub const ALL: [Answer; 3] = [Answer::Denied, Answer::Mistaken, Answer::Resolved];

    /// The word in the payload.
    pub fn as_str(self) -> &'static str {
        match self {
            Answer::Denied => "denied",
            Answer::Mistaken => "mistaken",
            Answer::Resolved => "resolved",
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Answer {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|answer| answer.as_str() == text);
        found.ok_or_else(|| Malformed::value("answer", text, "must be denied, mistaken or resolved"))
    }
}

serde_as_text!(Answer);

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
        let header = HeaderWire { author, key, network, prev, seq }.parse()?;
        let (target, answer) = (str::parse(target)?, str::parse(answer)?);
        Ok((header, Self { target, answer, commitment: str::parse(commitment)? }))
    }

    fn encode(&self, header: &Header) -> Vec<u8> {
        let HeaderWire { author, key, network, prev, seq } = HeaderWire::of(header);
        let answer: Text<'_> = self.answer.as_str().into();
        let (commitment, target) = (self.commitment.as_bytes().into(), self.target.as_bytes().into());
        wire::write(&RebutWire { answer, author, commitment, key, network, prev, seq, target })
    }

    fn commitment(&self) -> Digest {
        self.commitment
    }

    fn judge<P: Prefix>(&self, candidate: &mut Candidate<'_, P>) -> Result<StateChange, NotAppended> {
        if candidate.target_vote(&self.target)?.about.as_ref() != Some(candidate.author) {
            return Err(Refusal::NotAccused(self.target).into());
        }
        candidate.mark_once(Self::mark(&self.target))
    }
}
