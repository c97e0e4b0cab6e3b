//! The vote of each reporter on each subject. All live reports of a reporter about a subject together are one vote at
//! most.
//!
//! A user who reports a hundred messages of one server is still one user with one opinion. If every report were a vote,
//! one account would outweigh all others. The vote is split as the reports are: a reporter who marks half of a server's
//! mail as unwanted makes the server contested, not unknown.

use std::collections::HashMap;

use ahash::RandomState;

use super::known_subjects::SubjectNumber;
use super::reports::{LiveReport, ReporterNumber, SharedReport};
use crate::ballots::X_PER_MILLIONTH;
use crate::fixed::Fraction;
use crate::parameters::Parameters;
use crate::tally::weight;

/// Amounts for and against a subject: in millionths of a vote at the reference time, or in nano-votes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) positive: u64,
    pub(super) negative: u64,
}

impl Sides {
    fn of(value: i8, size: u64) -> Self {
        let (positive, negative) = if value > 0 { (size, 0) } else { (0, size) };
        Self { positive, negative }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.positive += other.positive;
        self.negative += other.negative;
    }

    pub(super) fn remove(&mut self, other: Self) {
        self.positive -= other.positive;
        self.negative -= other.negative;
    }

    /// The mean over this many reports.
    fn mean(self, reports: u32) -> Self {
        let reports = u64::from(reports.max(1));
        Self { positive: self.positive / reports, negative: self.negative / reports }
    }

    /// The weights in nano-votes of a reporter with this credibility.
    pub(super) fn weights(self, credibility: Fraction) -> Self {
        let weight = |size| weight(credibility, X_PER_MILLIONTH * size);
        Self { positive: weight(self.positive), negative: weight(self.negative) }
    }
}

/// The live reports of one reporter about one subject. The sums do not depend on the order of the reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ReporterVote {
    reports: u32,
    /// The reports in full.
    whole: Sides,
    /// The subject's share of each report.
    part: Sides,
}

impl ReporterVote {
    /// One vote at most, split as the reports are. R4 judges this.
    pub(super) fn whole(&self) -> Sides {
        self.whole.mean(self.reports)
    }

    /// One vote at most, reduced to the subject's shares. This counts for the subject.
    pub(super) fn shared(&self) -> Sides {
        self.part.mean(self.reports)
    }

    /// Whether there are reports, and more against the subject than for it.
    pub(super) fn accuses(&self) -> bool {
        self.part.negative > self.part.positive
    }
}

/// A reporter and a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ReporterVoteKey {
    pub(super) reporter: ReporterNumber,
    pub(super) subject: SubjectNumber,
}

/// A vote before and after a change; `None` if there is none.
pub(super) struct VoteChange {
    pub(super) before: Option<ReporterVote>,
    pub(super) after: Option<ReporterVote>,
}

/// The votes of all reporters.
pub(super) struct ReporterVotes {
    votes: HashMap<ReporterVoteKey, ReporterVote, RandomState>,
}

impl ReporterVotes {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self { votes: HashMap::with_hasher(hasher) }
    }

    /// Adds a report for one of its subjects.
    pub(super) fn add(&mut self, report: SharedReport) -> VoteChange {
        let vote = self.votes.entry(report.key()).or_default();
        let before = (vote.reports > 0).then_some(*vote);
        vote.reports += 1;
        vote.whole.add(Sides::of(report.value, report.size));
        vote.part.add(Sides::of(report.value, part(report.size, report.share)));
        VoteChange { before, after: Some(*vote) }
    }

    /// Takes back what [`ReporterVotes::add`] added.
    pub(super) fn remove(&mut self, report: SharedReport) -> VoteChange {
        let key = report.key();
        let Some(vote) = self.votes.get_mut(&key) else { return VoteChange { before: None, after: None } };
        let before = *vote;
        vote.reports -= 1;
        vote.whole.remove(Sides::of(report.value, report.size));
        vote.part.remove(Sides::of(report.value, part(report.size, report.share)));
        let after = (vote.reports > 0).then_some(*vote);
        if after.is_none() {
            self.votes.remove(&key);
        }
        VoteChange { before: Some(before), after }
    }

    /// Computes all votes anew from the live reports, at a new reference time.
    pub(super) fn rebuild<'a>(&mut self, reports: impl Iterator<Item = &'a LiveReport>, at_ms: u64, p: &Parameters) {
        self.votes.clear();
        for report in reports {
            let size = report.size(at_ms, p.half_life_ms);
            for shared in report.shared(size) {
                self.add(shared);
            }
        }
    }

    /// All votes, in no fixed order. Use only what does not depend on the order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ReporterVoteKey, &ReporterVote)> {
        self.votes.iter().map(|(key, vote)| (*key, vote))
    }
}

/// A share of a report's size, in millionths. A size is at most four votes (R5), which is 22 bits; a share has 30 bits.
fn part(size: u64, share: Fraction) -> u64 {
    (size * u64::from(share)) >> 30
}
