//! The subjects that the operator's users meet: which were seen, which are reported on, what the reports weigh.

use std::collections::{HashMap, VecDeque};

use ahash::RandomState;
use ostrakon_ledger::Subject;

use super::familiarity::familiarity;
use super::opinions::{Opinion, Sides};
use crate::fixed::Share;

/// Most subjects of one message: peer, network, domain, account, content and one to spare.
pub const SUBJECTS_MAX: usize = 6;

/// The number of no place.
const NONE: u32 = u32::MAX;

/// One subject.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) subject: Subject,
    /// Remembered messages it was seen in; 0: never seen, or forgotten.
    pub(super) sightings: u32,
    /// When the first of them came, unix ms.
    pub(super) first_ms: u64,
    /// The number of the last of them.
    last: u64,
    /// What the live reports say.
    pub(super) tally: OwnTally,
}

/// What the operator's users say about a subject together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OwnTally {
    /// Weights of the reporters' votes, in nano-votes.
    pub(super) weights: Sides,
    /// Reporters with live reports.
    pub(super) reporters: u32,
    /// Ordinary ones who speak against it …
    pub(super) accusers: u32,
    /// … and trusted ones.
    pub(super) trusted_accusers: u32,
}

impl OwnTally {
    /// Adds what a reporter says.
    pub(super) fn add(&mut self, opinion: &Opinion, credibility: Share, trusted: bool) {
        self.weights.add(opinion.answered().weights(credibility));
        self.reporters += 1;
        *self.accusers_of(trusted) += u32::from(opinion.accuses());
    }

    /// Takes back what [`OwnTally::add`] added.
    pub(super) fn remove(&mut self, opinion: &Opinion, credibility: Share, trusted: bool) {
        self.weights.remove(opinion.answered().weights(credibility));
        self.reporters -= 1;
        *self.accusers_of(trusted) -= u32::from(opinion.accuses());
    }

    fn accusers_of(&mut self, trusted: bool) -> &mut u32 {
        if trusted { &mut self.trusted_accusers } else { &mut self.accusers }
    }
}

/// A message that is remembered: its row in the log, its time and its subjects.
struct Sighting {
    row: u64,
    at_ms: u64,
    places: [u32; SUBJECTS_MAX],
    /// For each place, how many sightings later it was seen next; 0: this was the last time.
    next: [u32; SUBJECTS_MAX],
}

/// All places by number, and the messages that they were seen in, the oldest first. Numbers are reused; they show in no
/// answer.
///
/// What is remembered is the longest tail of the log within the bounds, whatever came before it. So it is the same after
/// a restart, if the log still has that tail.
pub(super) struct Places {
    index: HashMap<Subject, u32, RandomState>,
    slots: Vec<Place>,
    free: Vec<u32>,
    sightings: VecDeque<Sighting>,
    /// Sightings forgotten so far: the number of the oldest that is left.
    forgotten: u64,
    /// Places with sightings.
    seen: usize,
    seen_max: usize,
}

impl Places {
    pub(super) fn new(hasher: RandomState, seen_max: usize) -> Self {
        let index = HashMap::with_hasher(hasher);
        Self { index, slots: Vec::new(), free: Vec::new(), sightings: VecDeque::new(), forgotten: 0, seen: 0, seen_max }
    }

    /// Numbers in use lie below this.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn place(&self, id: u32) -> &Place {
        &self.slots[id as usize]
    }

    pub(super) fn place_mut(&mut self, id: u32) -> &mut Place {
        &mut self.slots[id as usize]
    }

    pub(super) fn find(&self, subject: &Subject) -> Option<&Place> {
        self.index.get(subject).map(|id| self.place(*id))
    }

    /// All places that are in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Place> {
        self.slots.iter()
    }

    /// Remembered messages by their rows and times, the oldest first.
    pub(super) fn sightings(&self) -> impl Iterator<Item = (u64, u64, impl Iterator<Item = &Place>)> {
        let places = |sighting: &Sighting| sighting.places.into_iter().filter(|id| *id != NONE);
        self.sightings.iter().map(move |it| (it.row, it.at_ms, places(it).map(|id| self.place(id))))
    }

    pub(super) fn intern(&mut self, subject: &Subject) -> u32 {
        if let Some(id) = self.index.get(subject) {
            return *id;
        }
        let place = Place { subject: subject.clone(), sightings: 0, first_ms: 0, last: 0, tally: OwnTally::default() };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id as usize] = place;
                id
            }
            None => {
                self.slots.push(place);
                (self.slots.len() - 1) as u32
            }
        };
        self.index.insert(subject.clone(), id);
        id
    }

    /// Notes a message; `closer` hears of each place that is more familiar now.
    pub(super) fn see(&mut self, row: u64, at_ms: u64, subjects: &[Subject], mut closer: impl FnMut(&Place)) {
        let number = self.forgotten + self.sightings.len() as u64;
        let mut places = [NONE; SUBJECTS_MAX];
        for (at, subject) in (0..SUBJECTS_MAX).zip(subjects) {
            let id = self.intern(subject);
            // A subject that stands there twice is one.
            if places.contains(&id) {
                continue;
            }
            places[at] = id;
            let place = &mut self.slots[id as usize];
            if place.sightings == 0 {
                self.seen += 1;
                place.first_ms = at_ms;
            } else if let Some(last) = self.sightings.get_mut((place.last - self.forgotten) as usize)
                && let Some(at) = last.places.iter().position(|other| *other == id)
            {
                last.next[at] = (number - place.last) as u32;
            }
            place.last = number;
            place.sightings += 1;
            if familiarity(place.sightings) > familiarity(place.sightings - 1) {
                closer(place);
            }
        }
        self.sightings.push_back(Sighting { row, at_ms, places, next: [0; SUBJECTS_MAX] });
    }

    /// Forgets the messages before row `first`, and the oldest while there are too many subjects; `changed` hears of
    /// each place that was in one.
    pub(super) fn forget(&mut self, first: u64, mut changed: impl FnMut(&Place)) {
        let surplus = |places: &Self| places.seen > places.seen_max;
        while self.sightings.front().is_some_and(|oldest| oldest.row < first || surplus(self)) {
            let Some(oldest) = self.sightings.pop_front() else { return };
            self.forgotten += 1;
            for (id, next) in oldest.places.into_iter().zip(oldest.next).filter(|(id, _)| *id != NONE) {
                // The next one is `next` behind the one that is gone.
                let next = next.checked_sub(1).and_then(|next| self.sightings.get(next as usize));
                let place = &mut self.slots[id as usize];
                place.sightings -= 1;
                place.first_ms = next.map_or(0, |next| next.at_ms);
                self.seen -= usize::from(place.sightings == 0);
                changed(place);
                self.release(id);
            }
        }
    }

    /// Gives a number back if nothing is known about its subject any more.
    pub(super) fn release(&mut self, id: u32) {
        let place = &self.slots[id as usize];
        if place.sightings == 0 && place.tally.reporters == 0 && self.index.remove(&place.subject).is_some() {
            self.free.push(id);
        }
    }
}
