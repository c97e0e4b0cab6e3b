//! A book seen from one of its viewpoints, and what is said in it.

use ostrakon_ledger::Subject;

use crate::ballots::{self, Ballot};
use crate::book::Book;
use crate::r6_lineage::NOBODY;
use crate::view::View;
use crate::votes::LiveVote;

/// A book seen from one of its viewpoints.
#[derive(Clone, Copy)]
pub(super) struct Lens<'a> {
    pub(super) book: &'a Book,
    pub(super) view: &'a View,
}

/// A vote that speaks about a subject, with its ballot and weight.
pub(super) struct Voice {
    pub(super) vote: LiveVote,
    pub(super) ballot: Ballot,
    pub(super) weight: u64,
}

impl<'a> Lens<'a> {
    /// From the operator's own viewpoint.
    pub(super) fn own(book: &'a Book) -> Self {
        Self { book, view: &book.views[0] }
    }

    /// From the viewpoint with a name; `None` if there is none.
    pub(super) fn named(book: &'a Book, viewpoint: &str) -> Option<Self> {
        let view = book.views.iter().find(|view| view.label().viewpoint == viewpoint)?;
        Some(Self { book, view })
    }

    /// R6: whom a voter follows.
    pub(super) fn leader(&self, voter: u32) -> Option<Subject> {
        let leader = self.book.leaders.get(voter as usize).filter(|leader| **leader != NOBODY)?;
        Some(self.book.names.subject(*leader))
    }

    /// Every vote that speaks about a subject.
    pub(super) fn voices_about(&self, subject: u32) -> Vec<Voice> {
        let voice = |voter: u32| {
            let (ballot, vote) = self.voice(voter, subject)?;
            Some(Voice { vote, ballot, weight: self.view.weight((voter, subject), ballot) })
        };
        self.book.votes.voters_about(subject).into_iter().filter_map(voice).collect()
    }

    /// The vote that speaks for a voter about a subject now.
    pub(super) fn voice(&self, voter: u32, subject: u32) -> Option<(Ballot, LiveVote)> {
        let pair = self.book.votes.of_pair(voter, subject);
        let live = pair.iter().flatten().filter(|row| row.is_live(self.book.clock.now_ms));
        let (ballot, row) = ballots::voice(subject, live, &self.book.decay())?;
        Some((ballot, row.vote_about(subject)))
    }
}
