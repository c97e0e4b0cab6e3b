//! The live votes: at most one per voter, subject and category.
//!
//! Three layers, the upper ones hiding what lies below: `base`, dense rows ordered by subject, in which nearly all votes
//! rest; `sealed`, the changes since it was written up to the last close of an epoch; `open`, the changes after that.
//! An epoch sees base and sealed, everybody else all three. So an epoch can be computed long after it closed: catching
//! up with a ledger computes the last one only.

mod base;
mod expiry;
mod row;

use std::collections::{BTreeMap, BTreeSet};

use ostrakon_ledger::Category;

pub(crate) use base::Base;
use base::lay_over;
use expiry::Expiry;
pub(crate) use row::Row;

/// Changes that may wait outside the base in any case; an eighth of its size may.
const SEALED_MIN: usize = 1 << 16;

/// A vote that counts until it is replaced, retracted or expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LiveVote {
    pub(crate) voter: u32,
    pub(crate) subject: u32,
    /// −100…100, not 0.
    pub(crate) value: i8,
    pub(crate) category: Category,
    /// From when it decays: cast or received, whichever came first.
    pub(crate) since_ms: u64,
    /// 0: never.
    pub(crate) expires_at_ms: u64,
    /// Ledger index.
    pub(crate) index: u64,
}

impl LiveVote {
    /// Whether it has not ended at `now_ms`.
    pub(crate) fn is_live(&self, now_ms: u64) -> bool {
        self.expires_at_ms == 0 || self.expires_at_ms > now_ms
    }
}

/// Subject, voter, category: what can carry one live vote.
type Place = (u32, u32, u8);
/// What lies over a lower layer: a vote, or none where one was taken back.
type Layer = BTreeMap<Place, Option<Row>>;

/// One voter's votes about one subject, by category.
pub(crate) type Pair = [Option<Row>; Category::ALL.len()];

/// All live votes, found by voter and subject, by subject and by time of expiry.
pub(crate) struct Votes {
    base: Base,
    sealed: Layer,
    open: Layer,
    expiry: Expiry,
    len: usize,
}

impl Votes {
    /// No votes.
    pub(crate) fn new() -> Self {
        Self::from_base(Base::default(), 0)
    }

    /// The votes of a base; `now_ms` is where the caller's clock stands.
    pub(crate) fn from_base(base: Base, now_ms: u64) -> Self {
        let len = base.len();
        let mut votes = Self { base, sealed: Layer::new(), open: Layer::new(), expiry: Expiry::at(now_ms), len };
        votes.look_ahead_from(now_ms);
        votes
    }

    /// Live votes held, expired ones included until an epoch closes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What an epoch sees, once [`Votes::settle`] was called.
    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    /// One voter's votes about one subject. Costs a search in the subject's row.
    pub(crate) fn of_pair(&self, voter: u32, subject: u32) -> Pair {
        let mut pair = self.of_pair_at_close(voter, subject);
        for layer in [&self.sealed, &self.open] {
            for ((_, _, category), change) in layer.range((subject, voter, 0)..=(subject, voter, u8::MAX)) {
                pair[usize::from(*category)] = *change;
            }
        }
        pair
    }

    /// One voter's votes about one subject as the last epoch saw them, once [`Votes::settle`] was called.
    pub(crate) fn of_pair_at_close(&self, voter: u32, subject: u32) -> Pair {
        let mut pair = Pair::default();
        self.base.of_pair(voter, subject).iter().for_each(|row| pair[row.category as usize] = Some(*row));
        pair
    }

    /// Everyone who has, or has just ended, a vote about a subject.
    pub(crate) fn voters_about(&self, subject: u32) -> BTreeSet<u32> {
        let mut voters: BTreeSet<u32> = self.base.about(subject).iter().map(|row| row.voter).collect();
        for layer in [&self.sealed, &self.open] {
            voters.extend(layer.range((subject, 0, 0)..=(subject, u32::MAX, u8::MAX)).map(|((_, voter, _), _)| *voter));
        }
        voters
    }

    /// Every vote, ordered by subject, voter and category.
    pub(crate) fn for_each(&self, mut each: impl FnMut(LiveVote)) {
        let mut changes = self.sealed.clone();
        changes.extend(self.open.iter().map(|(place, change)| (*place, *change)));
        let mut changes = changes.into_iter().peekable();
        for (subject, row) in self.base.by_subject() {
            lay_over(subject, row, &mut changes, |vote| each(vote.vote_about(subject)));
        }
        changes.for_each(|((about, ..), change)| change.iter().for_each(|vote| each(vote.vote_about(about))));
    }

    /// Calls `each` with everybody's votes about every subject, ordered by subject and voter.
    pub(crate) fn for_each_pair(&self, mut each: impl FnMut((u32, u32), &Pair)) {
        let mut at: Option<((u32, u32), Pair)> = None;
        self.for_each(|vote| {
            let place = (vote.voter, vote.subject);
            if at.is_none_or(|(before, _)| before != place) {
                at.iter().for_each(|(place, pair)| each(*place, pair));
                at = Some((place, Pair::default()));
            }
            at.iter_mut().for_each(|(_, pair)| pair[vote.category as usize] = Some(Row::from(vote)));
        });
        at.iter().for_each(|(place, pair)| each(*place, pair));
    }

    /// Voters and subjects with a change after the last close of an epoch, each pair once.
    pub(crate) fn pairs_since_close(&self) -> Vec<(u32, u32)> {
        let mut pairs: Vec<_> = self.open.keys().map(|(subject, voter, _)| (*voter, *subject)).collect();
        pairs.dedup();
        pairs
    }

    /// Adds a vote, which replaces the same voter's vote about the subject in its category.
    pub(crate) fn insert(&mut self, vote: LiveVote) {
        let place = (vote.subject, vote.voter, vote.category as u8);
        if self.of_pair(vote.voter, vote.subject)[vote.category as usize].is_none() {
            self.len += 1;
        }
        self.open.insert(place, Some(Row::from(vote)));
        self.expiry.note(vote.expires_at_ms, vote.voter, vote.subject);
    }

    /// Ends a voter's vote about a subject that stands at a ledger index; its category, `None` if none is
    /// live there at `ledger_ms`.
    pub(crate) fn end(&mut self, voter: u32, subject: u32, index: u64, ledger_ms: u64) -> Option<Category> {
        let vote = self
            .of_pair(voter, subject)
            .into_iter()
            .flatten()
            .find(|row| row.index.widened() == index && row.is_live(ledger_ms));
        if let Some(row) = vote {
            self.open.insert((subject, voter, row.category as u8), None);
            self.len -= 1;
        }
        vote.map(|row| row.category)
    }

    /// Pairs with a vote that may end after the last call's moment and not after `now_ms`, each once, ascending.
    pub(crate) fn ending(&mut self, now_ms: u64) -> BTreeSet<(u32, u32)> {
        let mut pairs = self.expiry.take(now_ms);
        if now_ms >= self.expiry.horizon_ms() {
            self.look_ahead(now_ms);
            pairs.extend(self.expiry.take(now_ms));
        }
        pairs
    }

    /// An epoch closes here: it will see the votes of this moment.
    pub(crate) fn seal(&mut self, ledger_ms: u64) {
        if self.sealed.is_empty() {
            self.sealed = std::mem::take(&mut self.open);
        } else {
            self.sealed.extend(std::mem::take(&mut self.open));
        }
        if self.sealed.len() > SEALED_MIN + self.base.len() / 8 {
            self.settle(ledger_ms);
        }
    }

    /// Writes into the base what was sealed, and leaves out what has ended at `ledger_ms`.
    pub(crate) fn settle(&mut self, ledger_ms: u64) {
        let sealed = std::mem::take(&mut self.sealed);
        let expired = self.base.merge(sealed, ledger_ms);
        self.len -= expired;
    }

    /// Starts again to keep in order the votes that end after `now_ms`.
    pub(crate) fn look_ahead_from(&mut self, now_ms: u64) {
        self.expiry = Expiry::at(now_ms);
        self.look_ahead(now_ms);
    }

    /// Finds the votes that end within the next horizon.
    fn look_ahead(&mut self, now_ms: u64) {
        let (from_ms, to_ms) = self.expiry.advance_horizon(now_ms);
        let mut soon = Vec::new();
        let mut note = |subject: u32, row: &Row| {
            let end_ms = row.end_ms();
            if end_ms >= from_ms && end_ms < to_ms {
                soon.push((end_ms, row.voter, subject));
            }
        };
        if self.base.first_end_ms() < to_ms {
            for (subject, row) in self.base.by_subject() {
                row.iter().for_each(|vote| note(subject, vote));
            }
        }
        for ((subject, ..), change) in self.sealed.iter().chain(&self.open) {
            change.iter().for_each(|row| note(*subject, row));
        }
        soon.into_iter().for_each(|(at_ms, voter, subject)| self.expiry.note(at_ms, voter, subject));
    }
}
