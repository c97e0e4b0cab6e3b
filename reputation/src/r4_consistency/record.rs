//! How one voter's votes agree with the judges.

use crate::fixed::{Fraction, MILLION, ONE, from_millionths, ratio, scaled, times};
use crate::parameters::Parameters;

/// The sum of judgements at which half of a record counts: as much as one vote that all judges contradict or share.
const HALF_KNOWN: u64 = ONE as u64;

/// What the judges' tallies establish about a subject: T · C, negative if they are against it; at most [`ONE`].
#[inline]
pub(crate) fn judgement(good_nv: u64, bad_nv: u64, k_c_nv: u64) -> i32 {
    let total = k_c_nv + good_nv + bad_nv;
    let size = times(ratio(good_nv.abs_diff(bad_nv), total), ratio(good_nv + bad_nv, total)).cast_signed();
    if good_nv > bad_nv { size } else { -size }
}

/// How much one vote contradicts and shares what the judges established, before decay. [`ONE`] stands for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Agreement {
    against: Fraction,
    along: Fraction,
}

impl Agreement {
    /// The agreement of a vote's sign with the [`judgement`] on its subject. `blame` is what a vote for this subject
    /// costs.
    pub(super) fn of(positive: bool, judgement: i32, blame: Fraction) -> Self {
        let shared = if positive { judgement } else { -judgement };
        let (along, against) = (shared.max(0).cast_unsigned(), (-shared).max(0).cast_unsigned());
        Self { against: against.max(blame), along }
    }
}

/// What decay leaves of a part of an [`Agreement`]; `age` in millionths.
fn faded(part: Fraction, age: u32) -> u64 {
    // Without decay every vote has the same age factor.
    if u64::from(age) == MILLION { u64::from(part) } else { u64::from(part) * u64::from(age) / MILLION }
}

/// The sums of a voter's agreements, in |T| · C. [`ONE`] stands for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TrackRecord {
    against: u64,
    along: u64,
}

impl TrackRecord {
    /// Adds a vote: its sign, its age factor in millionths, the [`judgement`] on its subject, and the blame that a vote
    /// for this subject costs.
    pub(crate) fn judge(&mut self, positive: bool, age: u32, judgement: i32, blame: Fraction) {
        self.add(Agreement::of(positive, judgement, blame), age);
    }

    /// Adds a vote's agreement; `age` is its age factor in millionths.
    pub(super) fn add(&mut self, agreement: Agreement, age: u32) {
        self.against += faded(agreement.against, age);
        self.along += faded(agreement.along, age);
    }

    /// Takes back what [`TrackRecord::add`] added.
    pub(super) fn take_back(&mut self, agreement: Agreement, age: u32) {
        self.against -= faded(agreement.against, age);
        self.along -= faded(agreement.along, age);
    }

    /// `clamp(1 − max(0, d − zone) / ramp, 0, 1)` with `d = (against + r · usual) / (against + along + r)`, where
    /// `usual` is the contradiction expected of a voter about whom nothing is known.
    pub(crate) fn consistency(&self, p: &Parameters, usual: Fraction) -> Fraction {
        let forgiven = scaled(p.r);
        let expected = forgiven * u64::from(usual) / u64::from(ONE);
        if self.against + expected == 0 {
            return ONE;
        }
        let contradiction = ratio(self.against + expected, self.against + self.along + forgiven);
        let beyond = contradiction.saturating_sub(from_millionths(p.zone));
        let ramp = from_millionths(p.ramp);
        if beyond >= ramp { 0 } else { ONE - ratio(u64::from(beyond), u64::from(ramp)) }
    }

    /// How much is known of the voter: `known / (known + ½)`.
    pub(crate) fn sure(&self) -> Fraction {
        let known = self.against + self.along;
        ratio(known, known + HALF_KNOWN / 2)
    }

    /// What vouching for a voter with this record costs: `vouch · (1 − consistency) · known / (known + 1)`.
    pub(super) fn blame(&self, consistency: Fraction, p: &Parameters) -> Fraction {
        if consistency == ONE {
            return 0;
        }
        let known = self.against + self.along;
        let sure = ratio(known, known + HALF_KNOWN);
        times(times(from_millionths(p.vouch), ONE - consistency), sure)
    }
}

/// How much contradiction is usual among a group of voters.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Population {
    contradicting: u64,
    voters: u64,
}

impl Population {
    /// Adds a voter's record, weighted by how much is known of the voter.
    pub(crate) fn add(&mut self, record: &TrackRecord) {
        let sure = record.sure();
        self.contradicting += u64::from(times(ratio(record.against, record.against + record.along), sure));
        self.voters += u64::from(sure);
    }

    /// The mean contradiction, computed as if there were one more voter without any.
    pub(crate) fn usual(&self) -> Fraction {
        ratio(self.contradicting, self.voters + u64::from(ONE))
    }
}
