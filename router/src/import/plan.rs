//! What of an import is new: importing a file twice, or going on after a crash in the middle, adds nothing twice.

use std::collections::{HashMap, HashSet};

use ostrakon_ledger::{Body, Category, PeerName, Record, RecordId, Subject, Vote};

use super::{Action, Again, Named, SourceVote};

/// By how much newer a list has to be for a vote that it repeats to be cast again, milliseconds: three weeks, somewhat less than
/// a quarter of the default half-life. A list that is fetched each night adds what changed, and its other votes stay fresh.
pub const RENEW_AFTER_MS: u64 = 21 * 86_400_000;

/// Subjects that may leave a list at once, however short it is.
const GONE_USUAL: usize = 9;

/// What makes two votes of an import the same.
type CastKey = (PeerName, Subject, Category, i8, u64);

/// Knows what the pseudo-peers have said so far. Feed it their records in ledger order with [`Planner::note`], ask it for
/// each vote of a file in order, and note each record that is made of the answers.
#[derive(Debug, Default)]
pub struct Planner {
    casts: HashSet<CastKey>,
    live: HashMap<(PeerName, Subject), Vec<Live>>,
    pair_of: HashMap<RecordId, (PeerName, Subject)>,
    /// When the latest vote about a subject was taken back without another one in its place, unix ms.
    withdrawn: HashMap<(PeerName, Subject), u64>,
}

#[derive(Debug, Clone, Copy)]
struct Live {
    id: RecordId,
    category: Category,
    value: i8,
    cast_at_ms: u64,
}

/// What to do about one vote of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanStep {
    /// Nothing.
    Skip(Skip),
    /// Retract these votes, in this order, then cast this one. The votes to retract are those of another category; one of
    /// the same category is replaced by the cast itself.
    Cast {
        /// Votes that this one contradicts.
        retract: Vec<RecordId>,
        /// The vote.
        vote: Vote,
    },
    /// Retract these votes; there is at least one.
    Retract(Vec<RecordId>),
}

/// Subjects that left a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gone {
    /// Those that the list names no more, in order.
    pub subjects: Vec<Subject>,
    /// How many subjects the source has votes on, those among them.
    pub standing: usize,
}

impl Gone {
    /// Whether it is more than a list loses from one day to the next: a tenth, and at least ten. It is more likely that the
    /// file is not the whole list.
    pub fn is_much(&self) -> bool {
        self.subjects.len() > GONE_USUAL && self.subjects.len().saturating_mul(10) > self.standing
    }
}

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// The vote was imported before.
    AlreadyThere,
    /// The vote was imported before and taken back since.
    TakenBack,
    /// The source has said something newer about the subject.
    Outdated,
    /// There is nothing to withdraw (any more).
    NothingLive,
}

impl Planner {
    /// One that knows of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of a record that came into the ledger at `at_ms`; of other authors' records, too, if that is easier.
    pub fn note(&mut self, id: RecordId, record: &Record, at_ms: u64) {
        self.note_body(id, &record.header.author, &record.body, at_ms);
    }

    /// [`Planner::note`] for a record that is not made yet.
    pub fn note_body(&mut self, id: RecordId, author: &PeerName, body: &Body, at_ms: u64) {
        match body {
            Body::Vote(vote) => self.note_vote(id, author, vote),
            Body::Retract(retract) => {
                if let Some(pair) = self.pair_of.get(&retract.target)
                    && let Some(live) = self.live.get_mut(pair)
                {
                    live.retain(|vote| vote.id != retract.target);
                    self.withdrawn.insert(pair.clone(), at_ms);
                }
            }
            _ => {}
        }
    }

    fn note_vote(&mut self, id: RecordId, author: &PeerName, vote: &Vote) {
        let pair = (author.clone(), vote.subject.clone());
        self.casts.insert(cast_key(author, vote));
        self.withdrawn.remove(&pair);
        let live = self.live.entry(pair.clone()).or_default();
        live.retain(|old| old.category != vote.category);
        live.push(Live { id, category: vote.category, value: vote.value, cast_at_ms: vote.cast_at_ms });
        self.pair_of.insert(id, pair);
    }

    /// What to do about a vote.
    pub fn step(&self, said: &SourceVote) -> PlanStep {
        let pair = (said.source.clone(), said.subject.clone());
        let live = self.live.get(&pair).map(Vec::as_slice).unwrap_or_default();
        match said.action {
            Action::Withdraw { at_ms } => {
                let ids: Vec<_> = live.iter().filter(|vote| vote.cast_at_ms <= at_ms).map(|vote| vote.id).collect();
                if ids.is_empty() { PlanStep::Skip(Skip::NothingLive) } else { PlanStep::Retract(ids) }
            }
            Action::Cast { value, category, cast_at_ms, expires_at_ms } => {
                let vote = Vote { expires_at_ms, ..Vote::plain(pair.1, value, category, cast_at_ms) };
                let equal = live.iter().find(|old| (old.category, old.value) == (category, value));
                if let Some(skip) = self.repeats(said, &vote, equal) {
                    return PlanStep::Skip(skip);
                }
                if live.iter().any(|newer| newer.cast_at_ms > cast_at_ms) {
                    return PlanStep::Skip(Skip::Outdated);
                }
                let other = live.iter().filter(|old| old.category != category);
                PlanStep::Cast { retract: other.map(|old| old.id).collect(), vote }
            }
        }
    }
}

impl Planner {
    /// Why a vote that the source may have cast before is not cast again. `equal` is its live vote with the same value.
    fn repeats(&self, said: &SourceVote, vote: &Vote, equal: Option<&Live>) -> Option<Skip> {
        let newer_by_ms = equal.map(|old| vote.cast_at_ms.saturating_sub(old.cast_at_ms));
        let there = match said.again {
            Again::Later => false,
            Again::Aged => newer_by_ms.is_some_and(|ms| ms < RENEW_AFTER_MS),
            Again::Always => newer_by_ms == Some(0),
        };
        if there {
            return Some(Skip::AlreadyThere);
        }
        // A list from before the withdrawal knows nothing of it.
        let withdrawn_ms = self.withdrawn.get(&(said.source.clone(), said.subject.clone()));
        if said.again == Again::Aged && withdrawn_ms.is_some_and(|at_ms| vote.cast_at_ms <= *at_ms) {
            return Some(Skip::TakenBack);
        }
        match (said.again, self.casts.contains(&cast_key(&said.source, vote))) {
            (Again::Always, _) | (_, false) => None,
            (Again::Aged, true) if equal.is_none() => Some(Skip::TakenBack),
            (Again::Later | Again::Aged, true) => Some(Skip::AlreadyThere),
        }
    }

    /// The votes of a source that stand, those about `subjects` if they are given, in a fixed order.
    pub fn standing(&self, source: &PeerName, subjects: Option<&HashSet<Subject>>) -> Vec<RecordId> {
        let mut ids: Vec<_> = self
            .live
            .iter()
            .filter(|((author, subject), _)| author == source && subjects.is_none_or(|it| it.contains(subject)))
            .flat_map(|(_, votes)| votes.iter().map(|vote| vote.id))
            .collect();
        ids.sort_unstable();
        ids
    }

    /// What of a source stands that was cast no later than `until_ms`, and what of that a list with `named` lacks.
    pub fn gone(&self, source: &PeerName, named: &Named, until_ms: u64) -> Gone {
        let stands = |votes: &[Live]| votes.iter().any(|vote| vote.cast_at_ms <= until_ms);
        let pairs = self.live.iter().filter(|((author, _), votes)| author == source && stands(votes));
        let mut gone = Gone::default();
        for ((_, subject), _) in pairs {
            gone.standing += 1;
            if !named.has(subject) {
                gone.subjects.push(subject.clone());
            }
        }
        gone.subjects.sort_unstable();
        gone
    }
}

fn cast_key(author: &PeerName, vote: &Vote) -> CastKey {
    (author.clone(), vote.subject.clone(), vote.category, vote.value, vote.cast_at_ms)
}
