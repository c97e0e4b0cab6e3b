//! What a book looks like from one viewpoint.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::ballots::{Activity, Ballot, Ballots, PairBallots};
use crate::categories::Categories;
use crate::engine::{self, VoterTrust};
use crate::fixed::Fraction;
use crate::ids::{Pair, Slot, SubjectId, VoterId};
use crate::names::Interner;
use crate::pages::Pages;
use crate::parameters::{Parameters, Viewpoint};
use crate::r1_flow::Seed;
use crate::r6_lineage::{self, Lineage};
use crate::snapshot::{Label, Snapshot};
use crate::tally::{Tally, weight};

/// The weights of voters and the tallies of subjects, from one viewpoint.
pub(crate) struct View {
    label: Arc<Label>,
    /// Ascending by number.
    seeds: Vec<Seed>,
    /// What the last epoch found out, one value for each name that existed then.
    trusts: Vec<VoterTrust>,
    /// R6: the votes that do not count until the next epoch, because they are copies.
    uncounted: BTreeSet<Pair>,
    /// Per slot, at the epoch's reference time.
    tallies: Pages<Tally>,
    /// The same per category, where asked for.
    categories: Categories,
}

/// How far a book has read its ledger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    /// The ledger index that the book expects next.
    pub(crate) next_index: u64,
    /// The time of the last epoch, at which tallies are at face value; unix ms.
    pub(crate) reference_ms: u64,
}

/// R6: what an epoch knows about copies, the same from every viewpoint.
#[derive(Clone, Copy)]
pub(crate) struct Copies<'a> {
    /// As from [`r6_lineage::leaders`].
    pub(crate) leaders: &'a [VoterId],
    pub(crate) lineage: &'a Lineage,
}

/// A change of one voter's votes about one subject.
#[derive(Clone, Copy)]
pub(crate) struct BallotChange<'a> {
    pub(crate) pair: Pair,
    /// The slot of the subject's name.
    pub(crate) slot: Slot,
    pub(crate) before: &'a PairBallots,
    pub(crate) after: &'a PairBallots,
}

impl View {
    /// A view before the first vote. The seeds get numbers.
    pub(crate) fn new(viewpoint: Viewpoint, parameters_digest: [u8; 32], names: &mut Interner) -> Self {
        let seed = |(peer, weight): (_, &u16)| Seed { voter: names.intern_peer(peer), weight: *weight };
        let mut seeds: Vec<Seed> = viewpoint.seeds.iter().map(seed).collect();
        seeds.sort_unstable();
        let viewpoint_digest = viewpoint.digest();
        let label = Label { viewpoint: viewpoint.name, viewpoint_digest, parameters_digest };
        Self {
            label: Arc::new(label),
            seeds,
            trusts: Vec::new(),
            uncounted: BTreeSet::new(),
            tallies: Pages::new(),
            categories: Categories::default(),
        }
    }

    /// The viewpoint, and the digests that belong to its scores.
    pub(crate) fn label(&self) -> &Label {
        &self.label
    }

    /// What readers get of a book with these names and parameters.
    pub(crate) fn snapshot(&self, names: &Interner, parameters: &Arc<Parameters>, position: Position) -> Snapshot {
        Snapshot {
            names: names.lookup(),
            tallies: self.tallies.clone(),
            categories: self.categories.clone(),
            label: Arc::clone(&self.label),
            parameters: Arc::clone(parameters),
            next_index: position.next_index,
            reference_ms: position.reference_ms,
        }
    }

    /// What the last epoch found out about a voter.
    pub(crate) fn trust(&self, voter: VoterId) -> VoterTrust {
        let weight = || self.seeds.binary_search_by_key(&voter, |seed| seed.voter).ok().map(|i| self.seeds[i].weight);
        self.trusts.get(voter.index()).copied().unwrap_or_else(|| VoterTrust::newcomer(weight()))
    }

    /// The tally of the subject in a slot.
    pub(crate) fn tally_at(&self, slot: Slot) -> Tally {
        self.tallies.at(slot)
    }

    /// R6: the votes that do not count, ascending.
    pub(crate) fn uncounted(&self) -> &BTreeSet<Pair> {
        &self.uncounted
    }

    /// Restores what an epoch found out.
    pub(crate) fn restore(&mut self, trusts: Vec<VoterTrust>, uncounted: BTreeSet<Pair>) {
        self.trusts = trusts;
        self.uncounted = uncounted;
    }

    /// Computes an epoch: the weight of every voter, and the votes that do not count.
    pub(crate) fn weigh(&mut self, ballots: &Ballots<'_>, activity: &[Activity], copies: Copies<'_>, p: &Parameters) {
        // Frees the memory of the last epoch first.
        self.trusts = Vec::new();
        self.trusts = engine::run(ballots, activity, &self.seeds, p);
        r6_lineage::discount(copies.leaders, &mut self.trusts);
        self.uncounted = copies.lineage.uncounted(ballots, &self.trusts);
    }

    /// Adds up the ballots about each subject.
    pub(crate) fn tally(&mut self, ballots: &Ballots<'_>, names: &Interner) {
        self.tallies = Pages::new();
        let voters = (0..ballots.count()).map(VoterId::at);
        let credibility: Vec<Fraction> = voters.map(|voter| self.trust(voter).credibility).collect();
        let mut tallies = engine::tallies(ballots, &credibility);
        for pair in &self.uncounted {
            let Some(ballot) = ballots.find(*pair) else { continue };
            let weight = weight(credibility[pair.voter.index()], ballot.size());
            let tally = &mut tallies[pair.subject.index()];
            tally.remove(ballot.x(), weight);
            tally.add(ballot.x(), 0);
        }
        let tally_of = |subject: SubjectId| tallies[subject.index()];
        self.tallies = Pages::filled(names.slots(), |slot| names.id_at(slot).map_or_else(Tally::default, tally_of));
    }

    /// Takes out the tallies per category, which then do not follow changes until [`View::put_back_categories`].
    pub(crate) fn take_categories(&mut self) -> Categories {
        std::mem::take(&mut self.categories)
    }

    /// Puts tallies per category back. They must be up to date.
    pub(crate) fn put_back_categories(&mut self, categories: Categories) {
        self.categories = categories;
    }

    /// The weight of a voter's ballot about a subject, in nano-votes.
    pub(crate) fn weight(&self, pair: Pair, ballot: Ballot) -> u64 {
        if self.uncounted.contains(&pair) { 0 } else { weight(self.trust(pair.voter).credibility, ballot.size()) }
    }

    /// Applies a change that time has made: votes have ended.
    pub(crate) fn expire(&mut self, change: BallotChange<'_>) {
        let counts = !self.uncounted.contains(&change.pair);
        self.replace(change, counts, counts);
    }

    /// Applies a change that the voter has made. If one of the voter's votes about the subject is `derived`, they weigh
    /// nothing until the next epoch.
    pub(crate) fn recast(&mut self, change: BallotChange<'_>, derived: bool) {
        let counted = !self.uncounted.contains(&change.pair);
        let _ = if derived { self.uncounted.insert(change.pair) } else { self.uncounted.remove(&change.pair) };
        self.replace(change, counted, !derived);
    }

    /// Replaces the ballots of a pair in the tallies. The pair `counted` before, and `counts` now.
    fn replace(&mut self, change: BallotChange<'_>, counted: bool, counts: bool) {
        let BallotChange { pair, slot, before, after } = change;
        let credibility = self.trust(pair.voter).credibility;
        let (then, now) = (if counted { credibility } else { 0 }, if counts { credibility } else { 0 });
        let tally = self.tallies.at_mut(slot);
        before.strongest.iter().for_each(|ballot| tally.remove(ballot.x(), weight(then, ballot.size())));
        after.strongest.iter().for_each(|ballot| tally.add(ballot.x(), weight(now, ballot.size())));
        self.categories.remove(slot, before, |ballot| weight(then, ballot.size()));
        self.categories.add(slot, after, |ballot| weight(now, ballot.size()));
    }
}
