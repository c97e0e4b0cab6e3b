//! What a book looks like from one viewpoint.

use std::sync::Arc;

use crate::book::Book;
use crate::engine::{self, Ballot, Ballots, Standing, Tally, weight};
use crate::explain::Trust;
use crate::names::Names;
use crate::pages::Pages;
use crate::parameters::{Parameters, Viewpoint};
use crate::snapshot::{Label, Snapshot};

/// What voters weigh and what subjects are worth, from one viewpoint.
pub(crate) struct View {
    label: Arc<Label>,
    /// Numbers and weights in thousandths, ascending.
    seeds: Vec<(u32, u16)>,
    /// What the last epoch found out, for the numbers that existed then.
    standings: Vec<Standing>,
    /// Per number, at the epoch's reference time.
    tallies: Pages<Tally>,
}

impl View {
    /// Nothing is known but the seeds, which get numbers.
    pub(crate) fn new(viewpoint: Viewpoint, parameters_digest: [u8; 32], names: &mut Names) -> Self {
        let mut seeds: Vec<(u32, u16)> =
            viewpoint.seeds.iter().map(|(seed, weight)| (names.intern_peer(seed), *weight)).collect();
        seeds.sort_unstable();
        let viewpoint_digest = viewpoint.digest();
        let label = Label { viewpoint: viewpoint.name, viewpoint_digest, parameters_digest };
        Self { label: Arc::new(label), seeds, standings: Vec::new(), tallies: Pages::new() }
    }

    /// The viewpoint and the digests that belong to its scores.
    pub(crate) fn label(&self) -> &Label {
        &self.label
    }

    /// What a voter weighed in the last epoch.
    pub(crate) fn standing(&self, id: u32) -> Standing {
        let seed = || self.seeds.binary_search_by_key(&id, |(seed, _)| *seed).ok().map(|i| self.seeds[i].1);
        self.standings.get(id as usize).copied().unwrap_or_else(|| Standing::newcomer(seed()))
    }

    /// What the votes about a subject add up to.
    pub(crate) fn tally_of(&self, subject: u32) -> Tally {
        self.tallies.at(subject)
    }

    /// Takes over what an epoch found out.
    pub(crate) fn stand(&mut self, standings: Vec<Standing>) {
        self.standings = standings;
    }

    /// Of an epoch: what everybody weighs.
    pub(crate) fn weigh(&mut self, ballots: &Ballots<'_>, p: &Parameters) {
        self.standings = Vec::new();
        self.standings = engine::run(ballots, &self.seeds, p);
    }

    /// Adds up the ballots about each subject.
    pub(crate) fn tally(&mut self, ballots: &Ballots<'_>) {
        self.tallies = Pages::new();
        self.tallies = engine::tallies(ballots, |voter| self.standing(voter).credibility).collect();
    }

    /// A voter says something else about a subject.
    pub(crate) fn change(&mut self, voter: u32, subject: u32, before: Option<Ballot>, after: Option<Ballot>) {
        let credibility = self.standing(voter).credibility;
        let tally = self.tallies.at_mut(subject);
        before.iter().for_each(|ballot| tally.remove(ballot.x(), weight(credibility, ballot.size())));
        after.iter().for_each(|ballot| tally.add(ballot.x(), weight(credibility, ballot.size())));
    }
}

/// A book seen from one of its viewpoints.
#[derive(Clone, Copy)]
pub(crate) struct Lens<'a> {
    pub(crate) book: &'a Book,
    pub(crate) view: &'a View,
}

impl Lens<'_> {
    /// What readers get.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            names: self.book.names.lookup(),
            tallies: self.view.tallies.clone(),
            label: Arc::clone(&self.view.label),
            parameters: Arc::clone(&self.book.parameters),
            next_index: self.book.clock.next_index,
            reference_ms: self.book.clock.reference_ms,
        }
    }

    /// What the last epoch found out about a voter; `None`: one that nobody has named.
    pub(crate) fn trust(&self, voter: Option<u32>) -> Trust {
        match voter {
            None => Trust::of(Standing::newcomer(None), 0),
            Some(id) => {
                let activity = self.book.activity.get(id as usize).copied().unwrap_or_default();
                Trust::of(self.view.standing(id), activity.cast)
            }
        }
    }
}
