//! What a book looks like from one viewpoint.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::ballots::{Activity, Ballot, Ballots, Said};
use crate::categories::Categories;
use crate::engine::{self, Standing};
use crate::fixed::Share;
use crate::names::Names;
use crate::pages::Pages;
use crate::parameters::{Parameters, Viewpoint};
use crate::r6_lineage::{self, Lineage, Pair};
use crate::snapshot::{Label, Snapshot};
use crate::tally::{Tally, weight};

/// What voters weigh and what subjects are worth, from one viewpoint.
pub(crate) struct View {
    label: Arc<Label>,
    /// Numbers and weights in thousandths, ascending.
    seeds: Vec<(u32, u16)>,
    /// What the last epoch found out, for the numbers that existed then.
    standings: Vec<Standing>,
    /// R6: who says nothing until the next epoch, because a copy is not another voice.
    silent: BTreeSet<Pair>,
    /// Per place of a name, at the epoch's reference time.
    tallies: Pages<Tally>,
    /// The same per category, where asked for.
    categories: Categories,
}

impl View {
    /// Nothing is known but the seeds, which get numbers.
    pub(crate) fn new(viewpoint: Viewpoint, parameters_digest: [u8; 32], names: &mut Names) -> Self {
        let mut seeds: Vec<(u32, u16)> =
            viewpoint.seeds.iter().map(|(seed, weight)| (names.intern_peer(seed), *weight)).collect();
        seeds.sort_unstable();
        let viewpoint_digest = viewpoint.digest();
        let label = Label { viewpoint: viewpoint.name, viewpoint_digest, parameters_digest };
        Self {
            label: Arc::new(label),
            seeds,
            standings: Vec::new(),
            silent: BTreeSet::new(),
            tallies: Pages::new(),
            categories: Categories::default(),
        }
    }

    /// The viewpoint and the digests that belong to its scores.
    pub(crate) fn label(&self) -> &Label {
        &self.label
    }

    /// What readers get of a book with these names and parameters, that expects this index next and has its tallies at
    /// face value at this time, unix ms.
    pub(crate) fn snapshot(
        &self,
        names: &Names,
        parameters: &Arc<Parameters>,
        (next_index, reference_ms): (u64, u64),
    ) -> Snapshot {
        Snapshot {
            names: names.lookup(),
            tallies: self.tallies.clone(),
            categories: self.categories.clone(),
            label: Arc::clone(&self.label),
            parameters: Arc::clone(parameters),
            next_index,
            reference_ms,
        }
    }

    /// What a voter weighed in the last epoch.
    pub(crate) fn standing(&self, id: u32) -> Standing {
        let seed = || self.seeds.binary_search_by_key(&id, |(seed, _)| *seed).ok().map(|i| self.seeds[i].1);
        self.standings.get(id as usize).copied().unwrap_or_else(|| Standing::newcomer(seed()))
    }

    /// What the votes about the subject at a place add up to.
    pub(crate) fn tally_at(&self, place: u32) -> Tally {
        self.tallies.at(place)
    }

    /// R6: who says nothing, ascending.
    pub(crate) fn silent(&self) -> &BTreeSet<Pair> {
        &self.silent
    }

    /// Takes over what an epoch found out.
    pub(crate) fn stand(&mut self, standings: Vec<Standing>, silent: BTreeSet<Pair>) {
        self.standings = standings;
        self.silent = silent;
    }

    /// Of an epoch: what everybody weighs, and who says nothing; `leaders` as [`r6_lineage::leaders`].
    pub(crate) fn weigh(
        &mut self,
        ballots: &Ballots<'_>,
        activity: &[Activity],
        (leaders, lineage): (&[u32], &Lineage),
        p: &Parameters,
    ) {
        self.standings = Vec::new();
        self.standings = engine::run(ballots, activity, &self.seeds, p);
        r6_lineage::discount(leaders, &mut self.standings);
        self.silent = lineage.silent(ballots, &self.standings);
    }

    /// Adds up the ballots about each subject.
    pub(crate) fn tally(&mut self, ballots: &Ballots<'_>, names: &Names) {
        self.tallies = Pages::new();
        let credibility: Vec<Share> =
            (0..ballots.count() as u32).map(|voter| self.standing(voter).credibility).collect();
        let mut tallies = engine::tallies(ballots, &credibility);
        for (voter, subject) in &self.silent {
            let Some(ballot) = ballots.find(*voter, *subject) else { continue };
            let weight = weight(credibility[*voter as usize], ballot.size());
            let tally = &mut tallies[*subject as usize];
            tally.remove(ballot.x(), weight);
            tally.add(ballot.x(), 0);
        }
        self.tallies = Pages::filled(names.places(), |place| {
            names.number_at(place).map_or_else(Tally::default, |number| tallies[number as usize])
        });
    }

    /// Gives away the tallies per category, which then do not follow what changes …
    pub(crate) fn set_aside(&mut self) -> Categories {
        std::mem::take(&mut self.categories)
    }

    /// … and takes them up again, when they are right for this moment.
    pub(crate) fn take_up(&mut self, categories: Categories) {
        self.categories = categories;
    }

    /// What a voter's ballot about a subject weighs, in nano-votes.
    pub(crate) fn weight(&self, pair: Pair, ballot: Ballot) -> u64 {
        if self.silent.contains(&pair) { 0 } else { weight(self.standing(pair.0).credibility, ballot.size()) }
    }

    /// A voter says something else about a subject, whose name is at `place`.
    pub(crate) fn change(&mut self, pair: Pair, place: u32, before: &Said, after: &Said) {
        self.replace(pair, place, (before, after), |_| {});
    }

    /// A voter has a new last word about a subject, whose name is at `place`; if that is `derived`, it weighs nothing until
    /// the next epoch.
    pub(crate) fn recast(&mut self, pair: Pair, place: u32, before: &Said, after: &Said, derived: bool) {
        self.replace(pair, place, (before, after), |silent| {
            let _ = if derived { silent.insert(pair) } else { silent.remove(&pair) };
        });
    }

    fn replace(
        &mut self,
        pair: Pair,
        place: u32,
        (before, after): (&Said, &Said),
        silence: impl FnOnce(&mut BTreeSet<Pair>),
    ) {
        let credibility = self.standing(pair.0).credibility;
        let speaks = |silent: &BTreeSet<Pair>| if silent.contains(&pair) { 0 } else { credibility };
        let then = speaks(&self.silent);
        silence(&mut self.silent);
        let now = speaks(&self.silent);
        let tally = self.tallies.at_mut(place);
        before.voice.iter().for_each(|ballot| tally.remove(ballot.x(), weight(then, ballot.size())));
        after.voice.iter().for_each(|ballot| tally.add(ballot.x(), weight(now, ballot.size())));
        self.categories.remove(place, before, |ballot| weight(then, ballot.size()));
        self.categories.add(place, after, |ballot| weight(now, ballot.size()));
    }
}
