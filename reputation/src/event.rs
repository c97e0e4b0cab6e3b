//! What the book reads from a ledger entry.

use ostrakon_ledger::{Body, Entry, PeerName, RecordId, Vote};

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
        /// The record, for retraction.
        id: RecordId,
        /// Who voted.
        voter: PeerName,
        /// The vote.
        vote: Vote,
    },
    /// A vote was withdrawn.
    Retracted {
        /// Ledger index.
        index: u64,
        /// When the ledger received it.
        at_ms: u64,
        /// The vote that ends.
        target: RecordId,
    },
}

impl Event {
    /// The ledger index.
    pub fn index(&self) -> u64 {
        match self {
            Event::Admitted { index, .. } | Event::Voted { index, .. } | Event::Retracted { index, .. } => *index,
        }
    }

    /// When the ledger received it; an admission does not move the book's time.
    pub fn at_ms(&self) -> Option<u64> {
        match self {
            Event::Admitted { .. } => None,
            Event::Voted { at_ms, .. } | Event::Retracted { at_ms, .. } => Some(*at_ms),
        }
    }
}

impl From<&Entry> for Event {
    fn from(entry: &Entry) -> Self {
        let (index, at_ms) = (entry.index, entry.received_at_ms);
        let record = entry.record.record();
        match &record.body {
            Body::Admit(admit) => Event::Admitted { index, peer: admit.peer.clone() },
            Body::Vote(vote) => Event::Voted {
                index,
                at_ms,
                id: entry.record.id(),
                voter: record.header.author.clone(),
                vote: vote.clone(),
            },
            Body::Retract(retract) => Event::Retracted { index, at_ms, target: retract.target },
        }
    }
}
