//! The live votes: at most one per voter, subject and category.

use std::collections::{BTreeSet, HashMap};

use ahash::RandomState;
use ostrakon_ledger::{Category, RecordId};

/// No slot.
const NONE: u32 = u32::MAX;

/// A vote that counts until it is replaced, retracted or expires.
#[derive(Debug, Clone)]
pub(crate) struct LiveVote {
    pub(crate) voter: u32,
    pub(crate) subject: u32,
    /// −100…100.
    pub(crate) value: i8,
    pub(crate) category: Category,
    /// From when it decays: cast or received, whichever came first.
    pub(crate) since_ms: u64,
    /// 0: never.
    pub(crate) expires_at_ms: u64,
    /// Ledger index.
    pub(crate) index: u64,
    pub(crate) id: RecordId,
}

impl LiveVote {
    /// Whether it has not ended at `now_ms`.
    pub(crate) fn is_live(&self, now_ms: u64) -> bool {
        self.expires_at_ms == 0 || self.expires_at_ms > now_ms
    }
}

struct Slot {
    vote: LiveVote,
    /// The same voter's vote about the same subject in another category.
    next_of_pair: u32,
    /// Neighbours among all votes about the subject.
    next_of_subject: u32,
    prev_of_subject: u32,
}

/// All live votes, found by pair, by subject, by record and by expiry.
pub(crate) struct Votes {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    by_pair: HashMap<(u32, u32), u32, RandomState>,
    by_id: HashMap<RecordId, u32, RandomState>,
    by_expiry: BTreeSet<(u64, u32)>,
    first_of_subject: Vec<u32>,
}

impl Votes {
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_pair: HashMap::with_hasher(hasher.clone()),
            by_id: HashMap::with_hasher(hasher),
            by_expiry: BTreeSet::new(),
            first_of_subject: Vec::new(),
        }
    }

    /// Live votes held, expired ones included until they are purged.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Every vote, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &LiveVote> {
        self.slots.iter().flatten().map(|slot| &slot.vote)
    }

    /// One voter's votes about one subject, at most one per category.
    pub(crate) fn of_pair(&self, voter: u32, subject: u32) -> impl Iterator<Item = &LiveVote> {
        let mut at = self.by_pair.get(&(voter, subject)).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let slot = self.slot(at)?;
            at = slot.next_of_pair;
            Some(&slot.vote)
        })
    }

    /// All votes about one subject, newest first.
    pub(crate) fn of_subject(&self, subject: u32) -> impl Iterator<Item = &LiveVote> {
        let mut at = self.first_of_subject.get(subject as usize).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let slot = self.slot(at)?;
            at = slot.next_of_subject;
            Some(&slot.vote)
        })
    }

    /// Pair of the vote that a record cast, if it is live.
    pub(crate) fn pair_of(&self, id: &RecordId) -> Option<(u32, u32)> {
        let vote = &self.slot(*self.by_id.get(id)?)?.vote;
        Some((vote.voter, vote.subject))
    }

    /// Pairs with a vote that ends after `from_ms` and not after `to_ms`, each once, ascending.
    pub(crate) fn pairs_ending(&self, from_ms: u64, to_ms: u64) -> BTreeSet<(u32, u32)> {
        let ending = self.by_expiry.range((from_ms.saturating_add(1), 0)..=(to_ms, NONE));
        ending.filter_map(|(_, at)| self.slot(*at)).map(|slot| (slot.vote.voter, slot.vote.subject)).collect()
    }

    /// Adds a vote, which replaces the same voter's vote about the subject in its category.
    pub(crate) fn insert(&mut self, vote: LiveVote) {
        let replaced = self.of_pair(vote.voter, vote.subject).find(|old| old.category == vote.category);
        if let Some(id) = replaced.map(|old| old.id) {
            self.remove(&id);
        }
        let at = self.free.pop().unwrap_or(self.slots.len() as u32);
        let subject = vote.subject as usize;
        if self.first_of_subject.len() <= subject {
            self.first_of_subject.resize(subject + 1, NONE);
        }
        let next_of_subject = std::mem::replace(&mut self.first_of_subject[subject], at);
        if let Some(next) = self.slot_mut(next_of_subject) {
            next.prev_of_subject = at;
        }
        let next_of_pair = self.by_pair.insert((vote.voter, vote.subject), at).unwrap_or(NONE);
        self.by_id.insert(vote.id, at);
        if vote.expires_at_ms != 0 {
            self.by_expiry.insert((vote.expires_at_ms, at));
        }
        let slot = Some(Slot { vote, next_of_pair, next_of_subject, prev_of_subject: NONE });
        match self.slots.get_mut(at as usize) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
    }

    /// Removes the vote that a record cast; nothing happens if it is not live.
    pub(crate) fn remove(&mut self, id: &RecordId) {
        let Some(at) = self.by_id.remove(id) else { return };
        let Some(slot) = self.slots[at as usize].take() else { return };
        self.free.push(at);
        self.by_expiry.remove(&(slot.vote.expires_at_ms, at));
        match self.slot_mut(slot.prev_of_subject) {
            Some(prev) => prev.next_of_subject = slot.next_of_subject,
            None => self.first_of_subject[slot.vote.subject as usize] = slot.next_of_subject,
        }
        if let Some(next) = self.slot_mut(slot.next_of_subject) {
            next.prev_of_subject = slot.prev_of_subject;
        }
        self.unlink_from_pair(at, &slot);
    }

    /// Forgets every vote that has ended at `now_ms`.
    pub(crate) fn purge(&mut self, now_ms: u64) {
        while let Some((expires_at_ms, at)) = self.by_expiry.first().copied() {
            if expires_at_ms > now_ms {
                return;
            }
            match self.slot(at).map(|slot| slot.vote.id) {
                Some(id) => self.remove(&id),
                None => drop(self.by_expiry.pop_first()),
            }
        }
    }

    fn unlink_from_pair(&mut self, at: u32, removed: &Slot) {
        let pair = (removed.vote.voter, removed.vote.subject);
        let first = self.by_pair.get(&pair).copied().unwrap_or(NONE);
        if first == at {
            match removed.next_of_pair {
                NONE => drop(self.by_pair.remove(&pair)),
                next => drop(self.by_pair.insert(pair, next)),
            }
            return;
        }
        let mut cursor = first;
        while let Some(slot) = self.slot_mut(cursor) {
            if slot.next_of_pair == at {
                slot.next_of_pair = removed.next_of_pair;
                return;
            }
            cursor = slot.next_of_pair;
        }
    }

    fn slot(&self, at: u32) -> Option<&Slot> {
        self.slots.get(at as usize)?.as_ref()
    }

    fn slot_mut(&mut self, at: u32) -> Option<&mut Slot> {
        self.slots.get_mut(at as usize)?.as_mut()
    }
}
