//! Tallies per category: the votes of one category alone.
//!
//! Only the categories that were asked for ([`crate::Book::watch`]) are kept, because each takes as much memory as the
//! tallies over all categories: 24 bytes per subject. They follow from the votes and the voters' weights, so they are
//! part of no file and no digest.

use ostrakon_ledger::Category;

use crate::ballots::{Ballot, PairBallots};
use crate::ids::Slot;
use crate::pages::Pages;
use crate::tally::Tally;

/// For each category that was asked for, the tally of every subject by slot, at the epoch's reference time.
#[derive(Clone, Default)]
pub(crate) struct Categories {
    tallies: [Option<Pages<Tally>>; Category::ALL.len()],
}

impl Categories {
    /// Keeps a category from now on, with empty tallies. Returns false if it is kept already.
    pub(crate) fn keep(&mut self, category: Category) -> bool {
        let tallies = &mut self.tallies[category as usize];
        let new = tallies.is_none();
        tallies.get_or_insert_with(Pages::new);
        new
    }

    /// Whether no category is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.tallies.iter().all(Option::is_none)
    }

    /// Empties the tallies. The categories stay kept.
    pub(crate) fn clear(&mut self) {
        self.tallies.iter_mut().flatten().for_each(|tallies| *tallies = Pages::new());
    }

    /// The tally of a subject in a category. `None`: the category is not kept.
    pub(crate) fn tally_at(&self, category: Category, slot: Slot) -> Option<Tally> {
        self.tallies[category as usize].as_ref().map(|tallies| tallies.at(slot))
    }

    /// Adds a voter's ballots about a subject; `weight` gives the weight of a ballot in nano-votes.
    pub(crate) fn add(&mut self, slot: Slot, ballots: &PairBallots, weight: impl Fn(Ballot) -> u64) {
        self.each(slot, ballots, |tally, ballot| tally.add(ballot.x(), weight(ballot)));
    }

    /// Takes back what [`Categories::add`] added.
    pub(crate) fn remove(&mut self, slot: Slot, ballots: &PairBallots, weight: impl Fn(Ballot) -> u64) {
        self.each(slot, ballots, |tally, ballot| tally.remove(ballot.x(), weight(ballot)));
    }

    fn each(&mut self, slot: Slot, ballots: &PairBallots, mut change: impl FnMut(&mut Tally, Ballot)) {
        for (tallies, ballot) in self.tallies.iter_mut().zip(ballots.in_category) {
            if let (Some(tallies), Some(ballot)) = (tallies, ballot) {
                change(tallies.at_mut(slot), ballot);
            }
        }
    }
}
