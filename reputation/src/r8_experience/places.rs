//! The subjects that the operator's users meet: which were seen, which are reported on, what the reports weigh.

use std::collections::{BTreeMap, HashMap};

use ahash::RandomState;
use ostrakon_ledger::Subject;

use super::familiarity::familiarity;
use crate::engine::Tally;

/// Most subjects remembered as seen; beyond it the one not seen for longest is forgotten. Half a million subjects are
/// the senders of some weeks on a busy server and take about 150 MB; who is forgotten counts as a newcomer again.
pub const SEEN_MAX: usize = 1 << 19;

/// How exact "longest" is: a subject may be taken for one that was last seen earlier by this share of all remembered.
const RANK_SLACK: usize = 4;

/// One subject.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) subject: Subject,
    /// Rank among all sightings; `None`: never seen, or forgotten.
    pub(super) seen: Option<u64>,
    /// Messages it was seen in since it is remembered.
    pub(super) sightings: u32,
    /// Weights of the live reports; `voters` counts the reports.
    pub(super) tally: Tally,
}

/// All places by number. Numbers are reused; they show in no answer.
pub(super) struct Places {
    index: HashMap<Subject, u32, RandomState>,
    slots: Vec<Place>,
    free: Vec<u32>,
    order: BTreeMap<u64, u32>,
    sightings: u64,
    seen_max: usize,
}

impl Places {
    pub(super) fn new(hasher: RandomState, seen_max: usize) -> Self {
        let index = HashMap::with_hasher(hasher);
        Self { index, slots: Vec::new(), free: Vec::new(), order: BTreeMap::new(), sightings: 0, seen_max }
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

    /// All places that are in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Place> {
        self.slots.iter()
    }

    /// Numbers of the remembered subjects, the one not seen for longest first.
    pub(super) fn by_sight(&self) -> impl Iterator<Item = u32> {
        self.order.values().copied()
    }

    pub(super) fn intern(&mut self, subject: &Subject) -> u32 {
        if let Some(id) = self.index.get(subject) {
            return *id;
        }
        let place = Place { subject: subject.clone(), seen: None, sightings: 0, tally: Tally::default() };
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

    /// Notes a sighting; true if the subject is more familiar now. One that is in no danger of being forgotten keeps
    /// its rank: most sightings are of such subjects, and need not touch the order.
    pub(super) fn see(&mut self, id: u32) -> bool {
        self.sightings += 1;
        let place = &mut self.slots[id as usize];
        let before = familiarity(place.sightings);
        place.sightings = place.sightings.saturating_add(1);
        let closer = familiarity(place.sightings) > before;
        let safe = (self.seen_max / RANK_SLACK) as u64;
        if place.seen.is_some_and(|rank| self.sightings - rank < safe) {
            return closer;
        }
        if let Some(rank) = place.seen.replace(self.sightings) {
            self.order.remove(&rank);
        }
        self.order.insert(self.sightings, id);
        closer
    }

    /// Forgets the subject not seen for longest, if there are too many; returns it.
    pub(super) fn forget_one(&mut self) -> Option<u32> {
        if self.order.len() <= self.seen_max {
            return None;
        }
        let (_, id) = self.order.pop_first()?;
        let place = &mut self.slots[id as usize];
        (place.seen, place.sightings) = (None, 0);
        Some(id)
    }

    /// Gives a number back if nothing is known about its subject any more.
    pub(super) fn release(&mut self, id: u32) {
        let place = &self.slots[id as usize];
        if place.seen.is_none() && place.tally.voters == 0 && self.index.remove(&place.subject).is_some() {
            self.free.push(id);
        }
    }
}
