//! R5 decay: a vote halves every half-life, from the moment it was cast or received, whichever came first.
//!
//! One half-life for all votes, so that tallies decay as one: a reader ages a tally without looking at its votes.

use crate::fixed::{Halving, MILLION};

/// `amount` at `at_ms`, when it was whole at `since_ms`; a moment in the future gives more, at most fourfold.
pub(crate) fn aged(amount: u64, since_ms: u64, at_ms: u64, half_life_ms: Option<u64>) -> u64 {
    aging(since_ms, at_ms, half_life_ms).map_or(amount, |left| left.of(amount))
}

/// What the time from `since_ms` to `at_ms` leaves of every amount; `None`: all.
pub(crate) fn aging(since_ms: u64, at_ms: u64, half_life_ms: Option<u64>) -> Option<Halving> {
    half_life_ms.map(|half_life| Halving::after(at_ms as i64 - since_ms as i64, half_life))
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
