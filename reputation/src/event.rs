//! What the book reads from a ledger entry.

use ostrakon_ledger::{Body, Entry, PeerName, RecordId, Subject, Vote};

/// One entry, reduced to what concerns scores. Times in unix ms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A peer was admitted.
    Admitted {
        /// Ledger index.
        index: u64,
        /// Who.
        peer: PeerName,
    },
    /// A vote was cast.
    Voted {
        /// Ledger index.
        index: u64,
        /// When the ledger received it.
        at_ms: u64,
        /// The record.
        id: RecordId,
        /// Who voted.
        voter: PeerName,
        /// The vote.
        vote: Vote,
    },
    /// A vote was withdrawn by its author.
    Retracted {
        /// Ledger index.
        index: u64,
        /// When the ledger received it.
        at_ms: u64,
        /// Who withdraws.
        voter: PeerName,
        /// What the vote was about.
        subject: Subject,
        /// Ledger index of the vote that ends.
        target: u64,
    },
    /// An entry that says nothing about scores; it moves the book's time and position.
    Other {
        /// Ledger index.
        index: u64,
        /// When the ledger received it.
        at_ms: u64,
    },
}

impl Event {
    /// Reads an entry. A retraction names a record: `find` gives the entry of that record in the same ledger, so that
    /// the book need not keep the ids of all votes.
    ///
    /// # Errors
    /// What `find` returns.
    pub fn of<E>(entry: &Entry, find: impl FnOnce(&RecordId) -> Result<Option<Entry>, E>) -> Result<Self, E> {
        let (index, at_ms) = (entry.index, entry.received_at_ms);
        let record = entry.record.record();
        Ok(match &record.body {
            Body::Admit(admit) => Event::Admitted { index, peer: admit.peer.clone() },
            Body::Vote(vote) => Event::Voted {
                index,
                at_ms,
                id: entry.record.id(),
                voter: record.header.author.clone(),
                vote: vote.clone(),
            },
            Body::Retract(retract) => match find(&retract.target)? {
                Some(target) => Event::retracted(index, at_ms, &record.header.author, &target),
                None => Event::Other { index, at_ms },
            },
        })
    }

    fn retracted(index: u64, at_ms: u64, voter: &PeerName, target: &Entry) -> Self {
        match &target.record.record().body {
            Body::Vote(vote) => Event::Retracted {
                index,
                at_ms,
                voter: voter.clone(),
                subject: vote.subject.clone(),
                target: target.index,
            },
            _ => Event::Other { index, at_ms },
        }
    }

    /// The ledger index.
    pub fn index(&self) -> u64 {
        match self {
            Event::Admitted { index, .. }
            | Event::Voted { index, .. }
            | Event::Retracted { index, .. }
            | Event::Other { index, .. } => *index,
        }
    }

    /// When the ledger received it; an admission does not move the book's time.
    pub fn at_ms(&self) -> Option<u64> {
        match self {
            Event::Admitted { .. } => None,
            Event::Voted { at_ms, .. } | Event::Retracted { at_ms, .. } | Event::Other { at_ms, .. } => Some(*at_ms),
        }
    }
}
