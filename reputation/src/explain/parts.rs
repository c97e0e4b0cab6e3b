//! The parts of an explanation.

use ostrakon_ledger::Subject;
use serde::Serialize;

use crate::engine::VoterTrust;
use crate::fixed::{Fraction, MILLION, ONE};
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

/// The part of a score that comes from one vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contribution {
    /// Who voted.
    pub voter: Subject,
    /// The vote's ledger index.
    pub index: u64,
    /// Category of the vote.
    pub category: &'static str,
    /// −100…100.
    pub value: i8,
    /// R1–R4: the voter's weight, in millionths.
    pub credibility: u32,
    /// R5: what is left of the vote, in millionths.
    pub decay: u32,
    /// The vote's part in nano-votes: of P if positive, of N if negative.
    pub weight_nv: i64,
    /// R6: the vote is a copy and does not count, because a vote of more weight goes back to the same record.
    pub copy: bool,
    /// R6: the other voter that this voter nearly always repeats, if there is one.
    pub follows: Option<Subject>,
    /// When the vote ends, unix ms; 0: never.
    pub expires_at_ms: u64,
    /// The path of trust from a seed to the voter: of the shortest paths, at each step the peer that passes on the
    /// most. Empty if no trust reaches the voter.
    pub path: Vec<Subject>,
}

/// The votes beyond [`CONTRIBUTIONS_MAX`](super::CONTRIBUTIONS_MAX).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rest {
    /// How many votes.
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
    /// Steps from the nearest seed; `None` if no trust reaches the peer.
    pub hops: Option<u8>,
    /// R2 with R3 and R4: the peer's weight, in millionths of a full vote.
    pub credibility: u32,
    /// R4, in millionths.
    pub consistency: u32,
    /// R3: live votes in millionths, each with its decay.
    pub votes: u64,
    /// R6: the other voter that this peer nearly always repeats, if there is one. The credibility is then only what the
    /// peer has beyond that voter.
    pub follows: Option<Subject>,
}

impl Trust {
    /// From what an epoch found out, R3's count of votes, and the voter that this one follows.
    pub(crate) fn of(trust: VoterTrust, votes: u64, follows: Option<Subject>) -> Self {
        Self {
            flow: ((u128::from(trust.flow) * 1_000_000_000) / u128::from(FLOW_ONE)) as u64,
            hops: (trust.hops != UNREACHED).then_some(trust.hops),
            credibility: millionths(trust.credibility),
            consistency: millionths(trust.consistency),
            votes,
            follows,
        }
    }
}

/// Millionths, rounded to the nearest, so that 0.3 stays 0.3.
pub(super) fn millionths(fraction: Fraction) -> u32 {
    ((u64::from(fraction) * MILLION + u64::from(ONE) / 2) / u64::from(ONE)) as u32
}
