//! The subjects that the operator's users meet: which were seen, which are reported on, what the reports weigh.

use std::collections::{HashMap, VecDeque};

use ahash::RandomState;
use ostrakon_ledger::Subject;

use super::familiarity::familiarity;
use crate::tally::Tally;

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
    /// Weights of the live reports; `voters` counts the reports.
    pub(super) tally: Tally,
}

/// A message that is remembered: its row in the log and its subjects.
struct Sighting {
    row: u64,
    places: [u32; SUBJECTS_MAX],
}

impl Sighting {
    fn places(&self) -> impl Iterator<Item = u32> {
        self.places.into_iter().filter(|id| *id != NONE)
    }
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
    /// Places with sightings.
    seen: usize,
    seen_max: usize,
}

impl Places {
    pub(super) fn new(hasher: RandomState, seen_max: usize) -> Self {
        let index = HashMap::with_hasher(hasher);
        Self { index, slots: Vec::new(), free: Vec::new(), sightings: VecDeque::new(), seen: 0, seen_max }
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

    /// Remembered messages by their rows, the oldest first.
    pub(super) fn sightings(&self) -> impl Iterator<Item = (u64, impl Iterator<Item = &Place>)> {
        self.sightings.iter().map(|sighting| (sighting.row, sighting.places().map(|id| self.place(id))))
    }

    pub(super) fn intern(&mut self, subject: &Subject) -> u32 {
        if let Some(id) = self.index.get(subject) {
            return *id;
        }
        let place = Place { subject: subject.clone(), sightings: 0, tally: Tally::default() };
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
    pub(super) fn see(&mut self, row: u64, subjects: &[Subject], mut closer: impl FnMut(&Place)) {
        let mut places = [NONE; SUBJECTS_MAX];
        for (at, subject) in places.iter_mut().zip(subjects) {
            *at = self.intern(subject);
            let place = &mut self.slots[*at as usize];
            self.seen += usize::from(place.sightings == 0);
            place.sightings += 1;
            if familiarity(place.sightings) > familiarity(place.sightings - 1) {
                closer(place);
            }
        }
        self.sightings.push_back(Sighting { row, places });
    }

    /// Forgets the messages before row `first`, and the oldest while there are too many subjects; `stranger` hears of
    /// each place that is less familiar now.
    pub(super) fn forget(&mut self, first: u64, mut stranger: impl FnMut(&Place)) {
        let surplus = |places: &Self| places.seen > places.seen_max;
        while self.sightings.front().is_some_and(|oldest| oldest.row < first || surplus(self)) {
            let Some(oldest) = self.sightings.pop_front() else { return };
            for id in oldest.places() {
                let place = &mut self.slots[id as usize];
                place.sightings -= 1;
                self.seen -= usize::from(place.sightings == 0);
                if familiarity(place.sightings) < familiarity(place.sightings + 1) {
                    stranger(place);
                }
                self.release(id);
            }
        }
    }

    /// Gives a number back if nothing is known about its subject any more.
    pub(super) fn release(&mut self, id: u32) {
        let place = &self.slots[id as usize];
        if place.sightings == 0 && place.tally.voters == 0 && self.index.remove(&place.subject).is_some() {
            self.free.push(id);
        }
    }
}
