//! R5 decay: the weight of a vote halves every half-life, from the moment it was cast or received, whichever came
//! first.
//!
//! All votes have the same half-life, so a tally decays as a whole: a reader ages it without looking at its votes.

use crate::fixed::{Halving, MILLION};

/// What is left at `at_ms` of an amount that was whole at `since_ms`. If `since_ms` is later, the amount grows, at most
/// fourfold.
pub(crate) fn aged(amount: u64, since_ms: u64, at_ms: u64, half_life_ms: Option<u64>) -> u64 {
    aging(since_ms, at_ms, half_life_ms).map_or(amount, |left| left.of(amount))
}

/// What the time from `since_ms` to `at_ms` leaves of every amount. `None`: nothing decays.
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
    /// What is left of one vote, in millionths; at most 4 000 000 for a vote from the future.
    pub(crate) fn left(&self, since_ms: u64) -> u32 {
        aged(MILLION, since_ms, self.at_ms, self.half_life_ms) as u32
    }
}
