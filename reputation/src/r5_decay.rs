//! R5 decay: a vote halves every half-life, from the moment it was cast or received, whichever came first.
//!
//! One half-life for all votes, so that tallies decay as one: a reader ages a tally without looking at its votes.

use crate::fixed::{MILLION, halved};

/// `amount` at `at_ms`, when it was whole at `since_ms`; a moment in the future gives more, at most fourfold.
pub(crate) fn aged(amount: u64, since_ms: u64, at_ms: u64, half_life_ms: Option<u64>) -> u64 {
    match half_life_ms {
        None => amount,
        Some(half_life) => halved(amount, at_ms as i64 - since_ms as i64, half_life),
    }
}

/// Decay up to one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decay {
    /// The moment, unix ms.
    pub(crate) at_ms: u64,
    /// `None`: votes do not decay.
    pub(crate) half_life_ms: Option<u64>,
}

impl Decay {
    /// What is left of one vote, in millionths; at most 4 000 000 for one from the future.
    pub(crate) fn left(&self, since_ms: u64) -> u32 {
        aged(MILLION, since_ms, self.at_ms, self.half_life_ms) as u32
    }
}
