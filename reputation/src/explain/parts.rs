//! What an explanation is made of.

use ostrakon_ledger::Subject;
use serde::Serialize;

use crate::engine::Standing;
use crate::fixed::{MILLION, ONE, Share};
use crate::r1_flow::{FLOW_ONE, UNREACHED};

/// The terms of R7, in nano-votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// P, the sum of the positive weights.
    pub positive_nv: u64,
    /// N, the sum of the negative weights.
    pub negative_nv: u64,
    /// k.
    pub k_nv: u64,
    /// Voters with a live vote.
    pub voters: u32,
}

/// One vote's share in a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contribution {
    /// Who voted.
    pub voter: Subject,
    /// Where the vote stands in the ledger.
    pub index: u64,
    /// Category of the vote.
    pub category: &'static str,
    /// −100…100.
    pub value: i8,
    /// R1–R4: what the voter weighs, in millionths.
    pub credibility: u32,
    /// R5: what is left of the vote, in millionths.
    pub decay: u32,
    /// Its part in nano-votes: of P if positive, of N if negative.
    pub weight_nv: i64,
    /// R6: a copy that says nothing because somebody who weighs more says it.
    pub copy: bool,
    /// R6: whom the voter repeats, if it nearly always repeats one other voter.
    pub follows: Option<Subject>,
    /// When it ends, unix ms; 0: never.
    pub expires_at_ms: u64,
    /// From a seed to the voter: of the shortest ways that trust took, at each step the one that carries most.
    /// Empty if no trust reaches the voter.
    pub path: Vec<Subject>,
}

/// The votes beyond [`CONTRIBUTIONS_MAX`](super::CONTRIBUTIONS_MAX).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rest {
    /// How many.
    pub votes: u32,
    /// Their part of P, in nano-votes.
    pub positive_nv: u64,
    /// Their part of N, in nano-votes.
    pub negative_nv: u64,
}

/// What an epoch found out about a peer as a voter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trust {
    /// R1: trust received, in billionths of what one seed starts with.
    pub flow: u64,
    /// Steps from the nearest seed; `None` if no trust arrives.
    pub hops: Option<u8>,
    /// R2 with R3 and R4: its weight in millionths of a full vote.
    pub credibility: u32,
    /// R4, in millionths.
    pub consistency: u32,
    /// R3: live votes in millionths, each with its decay.
    pub votes: u64,
    /// R6: whom it repeats, if it nearly always repeats one other voter; its credibility is what it has beyond that one.
    pub follows: Option<Subject>,
}

impl Trust {
    /// A voter's standing, R3's count of its votes, and whom it follows.
    pub(crate) fn of(standing: Standing, votes: u64, follows: Option<Subject>) -> Self {
        Self {
            flow: ((u128::from(standing.flow) * 1_000_000_000) / u128::from(FLOW_ONE)) as u64,
            hops: (standing.hops != UNREACHED).then_some(standing.hops),
            credibility: millionths(standing.credibility),
            consistency: millionths(standing.consistency),
            votes,
            follows,
        }
    }
}

/// To nearest: a full share is a million, and .3 stays .3.
pub(super) fn millionths(share: Share) -> u32 {
    ((u64::from(share) * MILLION + u64::from(ONE) / 2) / u64::from(ONE)) as u32
}
