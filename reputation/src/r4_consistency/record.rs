//! One voter's record with the judges.

use crate::fixed::{MILLION, ONE, Share, from_millionths, ratio, scaled, times};
use crate::parameters::Parameters;

/// Judgements at which half of a record counts: as much as one vote that everybody contradicts or shares.
const HALF_KNOWN: u64 = ONE as u64;

/// What the judges' tallies about a subject establish: T · C, negative if they are against it, [`ONE`] at most.
#[inline]
pub(crate) fn judgement(good_nv: u64, bad_nv: u64, k_c_nv: u64) -> i32 {
    let total = k_c_nv + good_nv + bad_nv;
    let size = times(ratio(good_nv.abs_diff(bad_nv), total), ratio(good_nv + bad_nv, total)).cast_signed();
    if good_nv > bad_nv { size } else { -size }
}

/// What one vote that is not faded brings its voter, with [`ONE`] for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sentence {
    against: Share,
    along: Share,
}

impl Sentence {
    /// Of a vote's sign, the [`judgement`] on its subject, and the blame that a vote for this subject brings.
    pub(super) fn of(positive: bool, verdict: i32, blame: Share) -> Self {
        let shared = if positive { verdict } else { -verdict };
        let (along, against) = (shared.max(0).cast_unsigned(), (-shared).max(0).cast_unsigned());
        Self { against: against.max(blame), along }
    }
}

/// What age leaves of a part of a sentence; `age` in millionths.
fn faded(part: Share, age: u32) -> u64 {
    // Without decay all votes are of one age.
    if u64::from(age) == MILLION { u64::from(part) } else { u64::from(part) * u64::from(age) / MILLION }
}

/// What the judges said about a voter's votes: sums of |T| · C, with [`ONE`] for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Record {
    against: u64,
    along: u64,
}

impl Record {
    /// Adds a vote: its sign, its age factor in millionths, the [`judgement`] on its subject, and the blame that a
    /// vote for this subject brings.
    pub(crate) fn judge(&mut self, positive: bool, age: u32, verdict: i32, blame: Share) {
        self.add(Sentence::of(positive, verdict, blame), age);
    }

    /// Adds what a vote of an age brings its voter.
    pub(super) fn add(&mut self, sentence: Sentence, age: u32) {
        self.against += faded(sentence.against, age);
        self.along += faded(sentence.along, age);
    }

    /// Takes back what [`Record::add`] added.
    pub(super) fn take_back(&mut self, sentence: Sentence, age: u32) {
        self.against -= faded(sentence.against, age);
        self.along -= faded(sentence.along, age);
    }

    /// `clamp(1 − max(0, d − zone) / ramp, 0, 1)` with `d = (against + r · usual) / (against + along + r)`, where
    /// `usual` is the contradiction to be expected of a voter nothing is known about.
    pub(crate) fn consistency(&self, p: &Parameters, usual: Share) -> Share {
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
    pub(crate) fn sure(&self) -> Share {
        let known = self.against + self.along;
        ratio(known, known + HALF_KNOWN / 2)
    }

    /// What vouching for a voter with this record costs: `vouch · (1 − consistency) · known / (known + 1)`.
    pub(super) fn blame(&self, consistency: Share, p: &Parameters) -> Share {
        if consistency == ONE {
            return 0;
        }
        let known = self.against + self.along;
        let sure = ratio(known, known + HALF_KNOWN);
        times(times(from_millionths(p.vouch), ONE - consistency), sure)
    }
}

/// How much contradiction is usual among some voters.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Population {
    contradicting: u64,
    voters: u64,
}

impl Population {
    /// Adds a voter's record; it counts by how much is known.
    pub(crate) fn add(&mut self, record: &Record) {
        let sure = record.sure();
        self.contradicting += u64::from(times(ratio(record.against, record.against + record.along), sure));
        self.voters += u64::from(sure);
    }

    /// The mean share of contradiction, as if one more voter had none.
    pub(crate) fn usual(&self) -> Share {
        ratio(self.contradicting, self.voters + u64::from(ONE))
    }
}
