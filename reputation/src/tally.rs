//! The weight of a vote, and the sums of the votes about a subject.

use crate::ballots::X_PER_MILLIONTH;
use crate::fixed::{Fraction, MILLION};
use crate::parameters::VOTE_NV;

/// The sums of the live votes about one subject, at the epoch's reference time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// P: weight of the votes for it, in nano-votes.
    pub(crate) positive: u64,
    /// N: weight of the votes against it, in nano-votes.
    pub(crate) negative: u64,
    /// Voters with a live vote about it.
    pub(crate) voters: u32,
}

impl Tally {
    /// Adds a vote of value `x` and its weight.
    pub(crate) fn add(&mut self, x: i32, weight: u64) {
        *self.side(x) += weight;
        self.voters += 1;
    }

    /// Takes back what [`Tally::add`] added.
    pub(crate) fn remove(&mut self, x: i32, weight: u64) {
        *self.side(x) -= weight;
        self.voters -= 1;
    }

    fn side(&mut self, x: i32) -> &mut u64 {
        if x > 0 { &mut self.positive } else { &mut self.negative }
    }
}

/// Weight of one vote in nano-votes: credibility times |x| (10⁻⁸ votes, at most 4 · 10⁸).
pub(crate) fn weight(credibility: Fraction, x: u64) -> u64 {
    // The factors have 30, 29 and 4 bits.
    (u64::from(credibility) * x * (VOTE_NV / MILLION / X_PER_MILLIONTH)) >> 30
}
