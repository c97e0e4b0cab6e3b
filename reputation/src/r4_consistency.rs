//! R4 consistency: voters who contradict what strongly trusted voters have established lose weight.
//!
//! Every vote is judged without itself; contradiction and agreement count with the judges' score and confidence,
//! and fade with the vote's age (R5).

use crate::fixed::{MILLION, ONE, Share, from_millionths, ratio};
use crate::parameters::Parameters;

/// What the judges said about a voter's votes: sums of |T| · C, as [`Share`]s times votes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Record {
    against: u64,
    along: u64,
}

impl Record {
    /// Adds the judgement of one vote: its sign, its age factor in millionths, and the judges' tallies without it.
    pub(crate) fn judge(&mut self, positive: bool, age: u32, good: u64, bad: u64, k_c_nv: u64) {
        if good == bad {
            return;
        }
        let total = k_c_nv + good + bad;
        // |T| · C = |good − bad| · (good + bad) / total², with 31 bits of each.
        let narrow = 33u32.saturating_sub(total.leading_zeros());
        let (difference, sum, total) = (good.abs_diff(bad) >> narrow, (good + bad) >> narrow, total >> narrow);
        let weight = u64::from(ratio(difference * sum, total * total)) * u64::from(age) / MILLION;
        if positive == (good > bad) { self.along += weight } else { self.against += weight }
    }

    /// `clamp(1 − max(0, d − zone) / ramp, 0, 1)` with `d = against / (against + along + r)`.
    pub(crate) fn consistency(&self, p: &Parameters) -> Share {
        let forgiven = (u64::from(p.r) << 30) / MILLION;
        let contradiction = ratio(self.against, self.against + self.along + forgiven);
        let beyond = contradiction.saturating_sub(from_millionths(p.zone));
        let ramp = from_millionths(p.ramp);
        if beyond >= ramp { 0 } else { ONE - ratio(u64::from(beyond), u64::from(ramp)) }
    }
}
