//! What of an import is new: importing a file twice, or going on after a crash in the middle, adds nothing twice.

use std::collections::{HashMap, HashSet};

use ostrakon_ledger::{Body, Category, PeerName, Record, RecordId, Subject, Vote};

use super::{Action, SourceVote};

/// What makes two votes of an import the same.
type CastKey = (PeerName, Subject, Category, i8, u64);

/// Knows what the pseudo-peers have said so far. Feed it their records in ledger order with [`Planner::note`], ask it for
/// each vote of a file in order, and note each record that is made of the answers.
#[derive(Debug, Default)]
pub struct Planner {
    casts: HashSet<CastKey>,
    live: HashMap<(PeerName, Subject), Vec<Live>>,
    pair_of: HashMap<RecordId, (PeerName, Subject)>,
}

#[derive(Debug, Clone, Copy)]
struct Live {
    id: RecordId,
    category: Category,
    cast_at_ms: u64,
}

/// What to do about one vote of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
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

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// The vote was imported before.
    AlreadyThere,
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

    /// Takes note of a record in the ledger; of other authors' records, too, if that is easier.
    pub fn note(&mut self, id: RecordId, record: &Record) {
        let author = &record.header.author;
        match &record.body {
            Body::Vote(vote) => self.note_vote(id, author, vote),
            Body::Retract(retract) => {
                let live = self.pair_of.get(&retract.target).and_then(|pair| self.live.get_mut(pair));
                if let Some(live) = live {
                    live.retain(|vote| vote.id != retract.target);
                }
            }
            _ => {}
        }
    }

    fn note_vote(&mut self, id: RecordId, author: &PeerName, vote: &Vote) {
        let pair = (author.clone(), vote.subject.clone());
        self.casts.insert(cast_key(author, vote));
        let live = self.live.entry(pair.clone()).or_default();
        live.retain(|old| old.category != vote.category);
        live.push(Live { id, category: vote.category, cast_at_ms: vote.cast_at_ms });
        self.pair_of.insert(id, pair);
    }

    /// What to do about a vote.
    pub fn step(&self, said: &SourceVote) -> Step {
        let pair = (said.source.clone(), said.subject.clone());
        let live = self.live.get(&pair).map(Vec::as_slice).unwrap_or_default();
        match said.action {
            Action::Withdraw { at_ms } => {
                let ids: Vec<_> = live.iter().filter(|vote| vote.cast_at_ms < at_ms).map(|vote| vote.id).collect();
                if ids.is_empty() { Step::Skip(Skip::NothingLive) } else { Step::Retract(ids) }
            }
            Action::Cast { value, category, cast_at_ms, expires_at_ms } => {
                let vote = Vote { expires_at_ms, ..Vote::plain(pair.1, value, category, cast_at_ms) };
                if self.casts.contains(&cast_key(&pair.0, &vote)) {
                    return Step::Skip(Skip::AlreadyThere);
                }
                if live.iter().any(|newer| newer.cast_at_ms > cast_at_ms) {
                    return Step::Skip(Skip::Outdated);
                }
                let other = live.iter().filter(|old| old.category != category);
                Step::Cast { retract: other.map(|old| old.id).collect(), vote }
            }
        }
    }
}

fn cast_key(author: &PeerName, vote: &Vote) -> CastKey {
    (author.clone(), vote.subject.clone(), vote.category, vote.value, vote.cast_at_ms)
}
