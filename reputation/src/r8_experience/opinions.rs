//! What each reporter says about each subject: all its live reports about it together are one vote at most.
//!
//! A user who reports a hundred messages of one server is one user who says the same thing again; counted by message,
//! one account would outweigh everybody else. The vote is split as the reports are, so that a reporter who marks half of
//! a server's mail says that it is contested, not that it is unknown.

use std::collections::HashMap;

use ahash::RandomState;

use super::reports::LiveReport;
use crate::ballots::X_PER_MILLIONTH;
use crate::fixed::Share;
use crate::parameters::Parameters;
use crate::tally::weight;

/// Sizes of reports for and against a subject, in millionths of a vote at the reference time.
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

    /// The mean of so many reports.
    fn mean(self, reports: u32) -> Self {
        let reports = u64::from(reports.max(1));
        Self { positive: self.positive / reports, negative: self.negative / reports }
    }

    /// In nano-votes under a credibility.
    pub(super) fn weights(self, credibility: Share) -> Self {
        let weight = |size| weight(credibility, X_PER_MILLIONTH * size);
        Self { positive: weight(self.positive), negative: weight(self.negative) }
    }
}

/// The live reports of one reporter about one subject. Sums: whatever order they came in, the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Opinion {
    reports: u32,
    /// The reports in full.
    whole: Sides,
    /// The subject's share of each.
    part: Sides,
}

impl Opinion {
    /// One vote at most, split as the reports are: what R4 judges.
    pub(super) fn vote(&self) -> Sides {
        self.whole.mean(self.reports)
    }

    /// One vote at most, as far as the subject answers for the messages.
    pub(super) fn answered(&self) -> Sides {
        self.part.mean(self.reports)
    }

    /// Whether there are reports, and more speaks against the subject than for it.
    pub(super) fn accuses(&self) -> bool {
        self.part.negative > self.part.positive
    }
}

/// All opinions, by reporter and place.
pub(super) struct Opinions {
    held: HashMap<(u32, u32), Opinion, RandomState>,
}

impl Opinions {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self { held: HashMap::with_hasher(hasher) }
    }

    /// Adds a report, of which its subject at `place` answers for `share`. Returns what was there before and what is
    /// there now.
    pub(super) fn add(&mut self, report: &LiveReport, place: u32, share: Share, size: u64) -> [Option<Opinion>; 2] {
        let opinion = self.held.entry((report.reporter, place)).or_default();
        let before = (opinion.reports > 0).then_some(*opinion);
        opinion.reports += 1;
        opinion.whole.add(Sides::of(report.value, size));
        opinion.part.add(Sides::of(report.value, part(size, share)));
        [before, Some(*opinion)]
    }

    /// Takes back what [`Opinions::add`] added.
    pub(super) fn remove(&mut self, report: &LiveReport, place: u32, share: Share, size: u64) -> [Option<Opinion>; 2] {
        let key = (report.reporter, place);
        let Some(opinion) = self.held.get_mut(&key) else { return [None; 2] };
        let before = *opinion;
        opinion.reports -= 1;
        opinion.whole.remove(Sides::of(report.value, size));
        opinion.part.remove(Sides::of(report.value, part(size, share)));
        let after = (opinion.reports > 0).then_some(*opinion);
        if after.is_none() {
            self.held.remove(&key);
        }
        [Some(before), after]
    }

    /// All of them anew from the live reports, at another reference time.
    pub(super) fn rebuild<'a>(&mut self, reports: impl Iterator<Item = &'a LiveReport>, at_ms: u64, p: &Parameters) {
        self.held.clear();
        for report in reports {
            let size = report.size(at_ms, p.half_life_ms);
            for (place, share) in &report.places {
                self.add(report, *place, *share, size);
            }
        }
    }

    /// In no order: add up only what commutes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32, &Opinion)> {
        self.held.iter().map(|((reporter, place), opinion)| (*reporter, *place, opinion))
    }
}

/// A share of a report's size, in millionths: a size is at most four votes (R5), 22 bits, and 30.
fn part(size: u64, share: Share) -> u64 {
    (size * u64::from(share)) >> 30
}
