//! Scores per category: what the votes of one category alone amount to.
//!
//! Kept for the categories that somebody asks for ([`crate::Book::watch`]), because each takes as much memory as all tallies:
//! 24 bytes per subject. They follow from the votes and what voters weigh, so they are part of no file and no digest.

use ostrakon_ledger::Category;

use crate::ballots::{Ballot, Said};
use crate::pages::Pages;
use crate::tally::Tally;

/// Per category that is asked for, the tally of every subject by the place of its name, at the epoch's reference time.
#[derive(Clone, Default)]
pub(crate) struct Categories {
    tallies: [Option<Pages<Tally>>; Category::ALL.len()],
}

impl Categories {
    /// Keeps a category from now on; its tallies are empty. False if it is kept already.
    pub(crate) fn keep(&mut self, category: Category) -> bool {
        let place = &mut self.tallies[category as usize];
        let new = place.is_none();
        place.get_or_insert_with(Pages::new);
        new
    }

    /// Whether none is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.tallies.iter().all(Option::is_none)
    }

    /// Forgets all votes; the categories stay kept.
    pub(crate) fn clear(&mut self) {
        self.tallies.iter_mut().flatten().for_each(|tallies| *tallies = Pages::new());
    }

    /// What the votes about the subject at a place add up to in a category; `None` if that category is not kept.
    pub(crate) fn tally_at(&self, category: Category, place: u32) -> Option<Tally> {
        self.tallies[category as usize].as_ref().map(|tallies| tallies.at(place))
    }

    /// Adds what a voter says about the subject at a place; `weight` as of its ballots.
    pub(crate) fn add(&mut self, place: u32, said: &Said, weight: impl Fn(Ballot) -> u64) {
        self.each(place, said, |tally, ballot| tally.add(ballot.x(), weight(ballot)));
    }

    /// Takes back what [`Categories::add`] added.
    pub(crate) fn remove(&mut self, place: u32, said: &Said, weight: impl Fn(Ballot) -> u64) {
        self.each(place, said, |tally, ballot| tally.remove(ballot.x(), weight(ballot)));
    }

    fn each(&mut self, place: u32, said: &Said, mut change: impl FnMut(&mut Tally, Ballot)) {
        for (tallies, ballot) in self.tallies.iter_mut().zip(said.in_category) {
            if let (Some(tallies), Some(ballot)) = (tallies, ballot) {
                change(tallies.at_mut(place), ballot);
            }
        }
    }
}
