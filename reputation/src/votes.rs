//! The live votes: at most one per voter, subject and category.
//!
//! There are three layers, and an upper layer hides what is below it. `base` holds nearly all votes in dense rows,
//! ordered by subject. `sealed` holds the changes between the writing of the base and the last close of an epoch.
//! `open` holds the changes after that close. An epoch sees base and sealed; every other reader sees all three. So an
//! epoch can be computed long after it closed, and catching up with a ledger computes the last epoch only.

mod base;
mod expiry;
mod row;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use ostrakon_ledger::Category;

use crate::ids::{Pair, SubjectId, VoterId};
pub(crate) use base::Base;
use base::lay_over;
use expiry::{Expiring, ExpiryQueue};
pub(crate) use row::VoteRow;

/// This many changes may stay outside the base, plus an eighth of its size.
const SEALED_MIN: usize = 1 << 16;

/// A vote that counts until it is replaced, retracted or expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LiveVote {
    pub(crate) voter: VoterId,
    pub(crate) subject: SubjectId,
    /// −100…100, not 0.
    pub(crate) value: i8,
    pub(crate) category: Category,
    /// When its decay began: when it was cast or received, whichever came first.
    pub(crate) since_ms: u64,
    /// 0: never.
    pub(crate) expires_at_ms: u64,
    /// Ledger index.
    pub(crate) index: u64,
}

impl LiveVote {
    /// Whether the vote has not ended at `now_ms`.
    pub(crate) fn is_live(&self, now_ms: u64) -> bool {
        self.expires_at_ms == 0 || self.expires_at_ms > now_ms
    }
}

/// What identifies a live vote. Ordered by subject, then voter, then category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct VoteKey {
    subject: SubjectId,
    voter: VoterId,
    category: Category,
}

impl VoteKey {
    /// The keys of all votes of a voter about a subject.
    fn of_pair(Pair { voter, subject }: Pair) -> RangeInclusive<Self> {
        let key = |category| Self { subject, voter, category };
        key(FIRST_CATEGORY)..=key(LAST_CATEGORY)
    }

    /// The keys of all votes about a subject.
    fn about(subject: SubjectId) -> RangeInclusive<Self> {
        let first = Self { subject, voter: VoterId::MIN, category: FIRST_CATEGORY };
        first..=Self { subject, voter: VoterId::MAX, category: LAST_CATEGORY }
    }

    fn pair(self) -> Pair {
        Pair { voter: self.voter, subject: self.subject }
    }
}

/// The first and the last category in their order.
const FIRST_CATEGORY: Category = Category::ALL[0];
const LAST_CATEGORY: Category = Category::ALL[Category::ALL.len() - 1];

/// Changes to the layers below: a vote, or `None` where a vote has ended.
type Layer = BTreeMap<VoteKey, Option<VoteRow>>;

/// One voter's votes about one subject, by category.
pub(crate) type PairVotes = [Option<VoteRow>; Category::ALL.len()];

/// All live votes, found by voter and subject, by subject and by time of expiry.
pub(crate) struct Votes {
    base: Base,
    sealed: Layer,
    open: Layer,
    expiry: ExpiryQueue,
    len: usize,
}

impl Votes {
    /// No votes.
    pub(crate) fn new() -> Self {
        Self::from_base(Base::default(), 0)
    }

    /// The votes of a base; `now_ms` is the time of the caller's clock.
    pub(crate) fn from_base(base: Base, now_ms: u64) -> Self {
        let len = base.len();
        let mut votes = Self { base, sealed: Layer::new(), open: Layer::new(), expiry: ExpiryQueue::at(now_ms), len };
        votes.look_ahead_from(now_ms);
        votes
    }

    /// How many live votes there are. Expired votes count until an epoch closes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The votes that an epoch sees. Call [`Votes::settle`] first.
    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    /// One voter's votes about one subject. Costs a search in the subject's rows.
    pub(crate) fn of_pair(&self, pair: Pair) -> PairVotes {
        let mut votes = self.of_pair_at_close(pair);
        for layer in [&self.sealed, &self.open] {
            layer.range(VoteKey::of_pair(pair)).for_each(|(key, change)| votes[key.category as usize] = *change);
        }
        votes
    }

    /// One voter's votes about one subject as the last epoch saw them. Call [`Votes::settle`] first.
    pub(crate) fn of_pair_at_close(&self, pair: Pair) -> PairVotes {
        let mut votes = PairVotes::default();
        self.base.of_pair(pair).iter().for_each(|row| votes[row.category as usize] = Some(*row));
        votes
    }

    /// The voters that have a vote about a subject, or had one that has just ended.
    pub(crate) fn voters_about(&self, subject: SubjectId) -> BTreeSet<VoterId> {
        let mut voters: BTreeSet<VoterId> = self.base.about(subject).iter().map(|row| row.voter).collect();
        for layer in [&self.sealed, &self.open] {
            voters.extend(layer.range(VoteKey::about(subject)).map(|(key, _)| key.voter));
        }
        voters
    }

    /// Every vote, ordered by subject, voter and category.
    pub(crate) fn for_each(&self, mut each: impl FnMut(LiveVote)) {
        let mut changes = self.sealed.clone();
        changes.extend(self.open.iter().map(|(key, change)| (*key, *change)));
        let mut changes = changes.into_iter().peekable();
        for (subject, row) in self.base.by_subject() {
            lay_over(subject, row, &mut changes, |vote| each(vote.vote_about(subject)));
        }
        changes.for_each(|(key, change)| change.iter().for_each(|vote| each(vote.vote_about(key.subject))));
    }

    /// Calls `each` with every pair's votes, ordered by subject and voter.
    pub(crate) fn for_each_pair(&self, mut each: impl FnMut(Pair, &PairVotes)) {
        let mut at: Option<(Pair, PairVotes)> = None;
        self.for_each(|vote| {
            let pair = Pair { voter: vote.voter, subject: vote.subject };
            if at.is_none_or(|(before, _)| before != pair) {
                at.iter().for_each(|(pair, votes)| each(*pair, votes));
                at = Some((pair, PairVotes::default()));
            }
            at.iter_mut().for_each(|(_, votes)| votes[vote.category as usize] = Some(VoteRow::from(vote)));
        });
        at.iter().for_each(|(pair, votes)| each(*pair, votes));
    }

    /// The pairs with a change after the last close of an epoch, each once.
    pub(crate) fn pairs_since_close(&self) -> Vec<Pair> {
        let mut pairs: Vec<_> = self.open.keys().map(|key| key.pair()).collect();
        pairs.dedup();
        pairs
    }

    /// Adds a vote, which replaces the same voter's vote about the subject in its category.
    pub(crate) fn insert(&mut self, vote: LiveVote) {
        let key = VoteKey { subject: vote.subject, voter: vote.voter, category: vote.category };
        if self.of_pair(key.pair())[vote.category as usize].is_none() {
            self.len += 1;
        }
        self.open.insert(key, Some(VoteRow::from(vote)));
        self.expiry.note(vote.expires_at_ms, key.pair());
    }

    /// Ends the vote of a pair at a ledger index, and returns its category. `None`: no vote of the pair at this index
    /// is live at `ledger_ms`.
    pub(crate) fn end(&mut self, pair: Pair, index: u64, ledger_ms: u64) -> Option<Category> {
        let mut votes = self.of_pair(pair).into_iter().flatten();
        let vote = votes.find(|row| row.index.widened() == index && row.is_live(ledger_ms));
        if let Some(row) = vote {
            self.open.insert(VoteKey { subject: pair.subject, voter: pair.voter, category: row.category }, None);
            self.len -= 1;
        }
        vote.map(|row| row.category)
    }

    /// The pairs with a vote that may have ended since the last call, up to and including `now_ms`; each once,
    /// ascending.
    pub(crate) fn ending(&mut self, now_ms: u64) -> BTreeSet<Pair> {
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

    /// Merges the sealed changes into the base, and drops the votes that have ended at `ledger_ms`.
    pub(crate) fn settle(&mut self, ledger_ms: u64) {
        let sealed = std::mem::take(&mut self.sealed);
        let expired = self.base.merge(sealed, ledger_ms);
        self.len -= expired;
    }

    /// Builds the queue of expiries anew, for the votes that end after `now_ms`.
    pub(crate) fn look_ahead_from(&mut self, now_ms: u64) {
        self.expiry = ExpiryQueue::at(now_ms);
        self.look_ahead(now_ms);
    }

    /// Queues the votes that end before the next horizon.
    fn look_ahead(&mut self, now_ms: u64) {
        let (from_ms, to_ms) = self.expiry.advance_horizon(now_ms);
        let mut soon = Vec::new();
        let mut note = |subject: SubjectId, row: &VoteRow| {
            let end_ms = row.end_ms();
            if end_ms >= from_ms && end_ms < to_ms {
                soon.push(Expiring { at_ms: end_ms, pair: Pair { voter: row.voter, subject } });
            }
        };
        if self.base.first_end_ms() < to_ms {
            for (subject, row) in self.base.by_subject() {
                row.iter().for_each(|vote| note(subject, vote));
            }
        }
        for (key, change) in self.sealed.iter().chain(&self.open) {
            change.iter().for_each(|row| note(key.subject, row));
        }
        soon.into_iter().for_each(|ending| self.expiry.note(ending.at_ms, ending.pair));
    }
}
