//! R6 lineage: copies are not corroboration.
//!
//! *Declared*: votes about one subject, one way, that were derived from one record count once, together with that record
//! itself; of them speaks who weighs most. Between epochs a derived vote weighs nothing: who speaks is found out when the
//! next one closes. *Undeclared*: a voter who nearly always repeats another ([`followers`]) adds to it only
//! what it is believed beyond it.

mod followers;

use std::collections::{BTreeMap, BTreeSet};

use ostrakon_ledger::Category;

use crate::ballots::Ballots;
use crate::engine::Standing;
use crate::fixed::{Share, ratio, times};
use crate::votes::Base;

pub(crate) use followers::{NOBODY, leaders};

/// A voter's voice about a subject.
pub(crate) type Pair = (u32, u32);

/// A voter's vote about a subject in a category.
pub(crate) type Place = (u32, u32, u8);

/// What a derived vote goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Root {
    /// Ledger index of the record, or something beyond all indexes for a record of another ledger.
    pub(crate) key: u64,
    /// Who cast it; [`NOBODY`] for a record of another ledger.
    pub(crate) author: u32,
    /// Ledger index of the derived vote itself.
    pub(crate) index: u64,
}

/// Which live votes were derived from what, as far as they say so.
#[derive(Default)]
pub(crate) struct Lineage {
    /// As at the last close of an epoch.
    closed: BTreeMap<Place, Root>,
    /// What has changed since.
    fresh: BTreeMap<Place, Option<Root>>,
}

impl Lineage {
    /// Whether any of a voter's votes about a subject is derived.
    pub(crate) fn is_derived(&self, (voter, subject): Pair) -> bool {
        (0..Category::ALL.len() as u8).any(|category| self.root((voter, subject, category)).is_some())
    }

    fn root(&self, place: Place) -> Option<Root> {
        self.fresh.get(&place).copied().unwrap_or_else(|| self.closed.get(&place).copied())
    }

    /// A voter has cast a vote, derived from a root or its own, or none stands there any more.
    pub(crate) fn note(&mut self, place: Place, root: Option<Root>) {
        if root.is_some() || self.root(place).is_some() {
            self.fresh.insert(place, root);
        }
    }

    /// An epoch closes here.
    pub(crate) fn close(&mut self) {
        for (pair, root) in std::mem::take(&mut self.fresh) {
            let _ = match root {
                Some(root) => self.closed.insert(pair, root),
                None => self.closed.remove(&pair),
            };
        }
    }

    /// Forgets votes that do not rest in `base`, which has what was live at the close.
    pub(crate) fn settle(&mut self, base: &Base) {
        self.closed.retain(|(voter, subject, category), _| {
            base.of_pair(*voter, *subject).iter().any(|row| row.category as u8 == *category)
        });
    }

    /// All of it, by voter, subject and category.
    pub(crate) fn merged(&self) -> BTreeMap<Place, Root> {
        let mut all = self.closed.clone();
        for (pair, root) in &self.fresh {
            let _ = match root {
                Some(root) => all.insert(*pair, *root),
                None => all.remove(pair),
            };
        }
        all
    }

    /// [`Lineage::merged`] read back.
    pub(crate) fn from_merged(closed: BTreeMap<Place, Root>) -> Self {
        Self { closed, fresh: BTreeMap::new() }
    }

    /// Who says nothing because somebody who weighs more says the same from the same root.
    pub(crate) fn silent(&self, ballots: &Ballots<'_>, standings: &[Standing]) -> BTreeSet<Pair> {
        // Per subject, root and direction: voters by the ledger index of their votes, the author of the root among them if it
        // still says so.
        let mut groups: BTreeMap<(u32, u64, bool), BTreeMap<u64, u32>> = BTreeMap::new();
        for ((voter, subject, _), root) in &self.closed {
            let Some(ballot) = ballots.find(*voter, *subject) else { continue };
            let group = groups.entry((*subject, root.key, ballot.x() > 0)).or_default();
            group.insert(root.index, *voter);
            let original = (root.author != NOBODY).then(|| ballots.find(root.author, *subject)).flatten();
            if original.is_some_and(|original| (original.x() > 0) == (ballot.x() > 0)) {
                group.entry(root.key).or_insert(root.author);
            }
        }
        let mut silent = BTreeSet::new();
        for ((subject, ..), voters) in groups {
            let weight = |voter: u32| {
                let size = ballots.find(voter, subject).map_or(0, |ballot| ballot.size());
                u128::from(standings[voter as usize].credibility) * u128::from(size)
            };
            // Of equals, the earliest.
            let speaks = voters.iter().max_by_key(|(index, voter)| (weight(**voter), std::cmp::Reverse(**index)));
            let speaks = speaks.map(|(_, voter)| *voter);
            silent.extend(voters.into_values().filter(|voter| Some(*voter) != speaks).map(|voter| (voter, subject)));
        }
        silent
    }
}

/// Lets followers weigh what they are believed beyond the one they follow: all followers of one voter together weigh
/// no more than the best of them does beyond it.
pub(crate) fn discount(leaders: &[u32], standings: &mut [Standing]) {
    // Per leader: the best and the sum of its followers' credibilities.
    let mut groups: BTreeMap<u32, (Share, u64)> = BTreeMap::new();
    for (voter, leader) in leaders.iter().enumerate().filter(|(_, leader)| **leader != NOBODY) {
        let credibility = standings[voter].credibility;
        let (best, sum) = groups.entry(*leader).or_default();
        *best = credibility.max(*best);
        *sum += u64::from(credibility);
    }
    for (voter, leader) in leaders.iter().enumerate().filter(|(_, leader)| **leader != NOBODY) {
        let (best, sum) = groups[leader];
        let beyond = best.saturating_sub(standings[*leader as usize].credibility);
        standings[voter].credibility = times(standings[voter].credibility, ratio(u64::from(beyond), sum));
    }
}
