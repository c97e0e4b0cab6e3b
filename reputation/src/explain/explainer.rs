//! A book from one of its viewpoints, and the votes that count in it.

use ostrakon_ledger::Subject;

use crate::ballots::{self, Ballot};
use crate::book::Book;
use crate::ids::{Pair, SubjectId, VoterId};
use crate::view::View;
use crate::votes::LiveVote;

/// Explains the scores of a book from one of its viewpoints.
#[derive(Clone, Copy)]
pub(super) struct Explainer<'a> {
    pub(super) book: &'a Book,
    pub(super) view: &'a View,
}

/// The vote that counts for a voter's opinion of a subject.
pub(super) struct CountedVote {
    pub(super) vote: LiveVote,
    pub(super) ballot: Ballot,
    /// In nano-votes, at the epoch's reference time.
    pub(super) weight: u64,
}

impl<'a> Explainer<'a> {
    /// From the operator's own viewpoint.
    pub(super) fn own(book: &'a Book) -> Self {
        Self { book, view: &book.views[0] }
    }

    /// From the viewpoint with this name. `None`: there is no such viewpoint.
    pub(super) fn named(book: &'a Book, viewpoint: &str) -> Option<Self> {
        let view = book.views.iter().find(|view| view.label().viewpoint == viewpoint)?;
        Some(Self { book, view })
    }

    /// The name of a voter.
    pub(super) fn name(&self, voter: VoterId) -> Subject {
        self.book.names.subject(voter.as_subject())
    }

    /// R6: the voter that a voter follows.
    pub(super) fn leader(&self, voter: VoterId) -> Option<Subject> {
        let leader = self.book.leaders.get(voter.index()).filter(|leader| **leader != VoterId::NOBODY)?;
        Some(self.name(*leader))
    }

    /// Every vote about a subject that counts.
    pub(super) fn counted_votes(&self, subject: SubjectId) -> Vec<CountedVote> {
        let voters = self.book.votes.voters_about(subject).into_iter();
        voters.filter_map(|voter| self.counted_vote(Pair { voter, subject })).collect()
    }

    /// The vote of a voter about a subject that counts now.
    pub(super) fn counted_vote(&self, pair: Pair) -> Option<CountedVote> {
        let votes = self.book.votes.of_pair(pair);
        let live = votes.iter().flatten().filter(|row| row.is_live(self.book.clock.now_ms));
        let (ballot, row) = ballots::strongest(pair.subject, live, &self.book.decay())?;
        Some(CountedVote { vote: row.vote_about(pair.subject), ballot, weight: self.view.weight(pair, ballot) })
    }
}
