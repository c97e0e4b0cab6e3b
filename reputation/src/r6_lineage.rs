//! R6 lineage: a copy is not a second opinion.
//!
//! *Declared copies*: votes about one subject with the same sign that were derived from one record count once, together
//! with that record itself. The vote of the voter with the highest weight counts. Between epochs a derived vote weighs
//! nothing; which vote counts is decided when the next epoch closes. *Undeclared copies*: a voter who nearly always
//! repeats another voter ([`followers`]) adds only the credibility that it has beyond that voter.

mod followers;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ostrakon_ledger::Category;

use crate::ballots::Ballots;
use crate::engine::VoterTrust;
use crate::fixed::{Fraction, ratio, times};
use crate::ids::{Pair, SubjectId, VoterId};
use crate::votes::Base;

pub(crate) use followers::leaders;

/// A vote that says it was derived from another record. Ordered by voter, then subject, then category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DerivedVote {
    pub(crate) pair: Pair,
    pub(crate) category: Category,
}

/// The record that a derived vote goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Root {
    /// Ledger index of the record; a number beyond all indexes for a record of another ledger.
    pub(crate) key: u64,
    /// The record's author; [`VoterId::NOBODY`] for a record of another ledger.
    pub(crate) author: VoterId,
    /// Ledger index of the derived vote itself.
    pub(crate) index: u64,
}

/// The votes with the same sign about one subject that go back to one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct CopyGroup {
    subject: SubjectId,
    /// [`Root::key`].
    root: u64,
    positive: bool,
}

/// Which live votes say that they were derived from another record.
#[derive(Default)]
pub(crate) struct Lineage {
    /// As at the last close of an epoch.
    closed: BTreeMap<DerivedVote, Root>,
    /// What has changed since; `None` where the vote is no longer derived.
    fresh: BTreeMap<DerivedVote, Option<Root>>,
}

impl Lineage {
    /// Whether any of a voter's votes about a subject is derived.
    pub(crate) fn is_derived(&self, pair: Pair) -> bool {
        Category::ALL.iter().any(|category| self.root(DerivedVote { pair, category: *category }).is_some())
    }

    fn root(&self, vote: DerivedVote) -> Option<Root> {
        self.fresh.get(&vote).copied().unwrap_or_else(|| self.closed.get(&vote).copied())
    }

    /// A vote was cast or has ended. `root` is the record it was derived from; `None` if there is none.
    pub(crate) fn note(&mut self, vote: DerivedVote, root: Option<Root>) {
        if root.is_some() || self.root(vote).is_some() {
            self.fresh.insert(vote, root);
        }
    }

    /// An epoch closes here.
    pub(crate) fn close(&mut self) {
        let fresh = std::mem::take(&mut self.fresh);
        apply(&mut self.closed, fresh);
    }

    /// Forgets votes that are not in `base`, which holds what was live at the close.
    pub(crate) fn settle(&mut self, base: &Base) {
        self.closed.retain(|vote, _| base.of_pair(vote.pair).iter().any(|row| row.category == vote.category));
    }

    /// All derived votes, by voter, subject and category.
    pub(crate) fn merged(&self) -> BTreeMap<DerivedVote, Root> {
        let mut all = self.closed.clone();
        apply(&mut all, self.fresh.clone());
        all
    }

    /// The reverse of [`Lineage::merged`].
    pub(crate) fn from_merged(closed: BTreeMap<DerivedVote, Root>) -> Self {
        Self { closed, fresh: BTreeMap::new() }
    }

    /// The votes that do not count, because a vote of more weight goes back to the same root and has the same sign.
    pub(crate) fn uncounted(&self, ballots: &Ballots<'_>, trusts: &[VoterTrust]) -> BTreeSet<Pair> {
        // Per group: voters by the ledger index of their votes. The author of the root is among them if its own vote
        // still has the same sign.
        let mut groups: BTreeMap<CopyGroup, BTreeMap<u64, VoterId>> = BTreeMap::new();
        for (DerivedVote { pair, .. }, root) in &self.closed {
            let Some(ballot) = ballots.find(*pair) else { continue };
            let (subject, positive) = (pair.subject, ballot.x() > 0);
            let group = groups.entry(CopyGroup { subject, root: root.key, positive }).or_default();
            group.insert(root.index, pair.voter);
            let original = || ballots.find(Pair { voter: root.author, subject });
            let original = (root.author != VoterId::NOBODY).then(original).flatten();
            if original.is_some_and(|original| (original.x() > 0) == positive) {
                group.entry(root.key).or_insert(root.author);
            }
        }
        let mut uncounted = BTreeSet::new();
        for (CopyGroup { subject, .. }, voters) in groups {
            let weight = |voter: VoterId| {
                let size = ballots.find(Pair { voter, subject }).map_or(0, |ballot| ballot.size());
                u128::from(trusts[voter.index()].credibility) * u128::from(size)
            };
            // Of equals, the earliest.
            let counts = voters.iter().max_by_key(|(index, voter)| (weight(**voter), Reverse(**index)));
            let counts = counts.map(|(_, voter)| *voter);
            let copies = voters.into_values().filter(|voter| Some(*voter) != counts);
            uncounted.extend(copies.map(|voter| Pair { voter, subject }));
        }
        uncounted
    }
}

/// Applies changes to a map: sets what has a root, removes what has none.
fn apply(all: &mut BTreeMap<DerivedVote, Root>, changes: BTreeMap<DerivedVote, Option<Root>>) {
    for (vote, root) in changes {
        let _ = match root {
            Some(root) => all.insert(vote, root),
            None => all.remove(&vote),
        };
    }
}

/// Reduces the weight of followers to what they are trusted beyond the voter they follow. All followers of one voter
/// together weigh no more than the best of them is trusted beyond it. `leaders` as from [`leaders`].
pub(crate) fn discount(leaders: &[VoterId], trusts: &mut [VoterTrust]) {
    // Per leader: the best and the sum of its followers' credibilities.
    let mut groups: BTreeMap<VoterId, (Fraction, u64)> = BTreeMap::new();
    for (voter, leader) in leaders.iter().enumerate().filter(|(_, leader)| **leader != VoterId::NOBODY) {
        let credibility = trusts[voter].credibility;
        let (best, sum) = groups.entry(*leader).or_default();
        *best = credibility.max(*best);
        *sum += u64::from(credibility);
    }
    for (voter, leader) in leaders.iter().enumerate().filter(|(_, leader)| **leader != VoterId::NOBODY) {
        let (best, sum) = groups[leader];
        let beyond = best.saturating_sub(trusts[leader.index()].credibility);
        trusts[voter].credibility = times(trusts[voter].credibility, ratio(u64::from(beyond), sum));
    }
}
