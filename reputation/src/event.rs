//! The part of a ledger entry that the book reads.

use ostrakon_ledger::{Body, Effect, Entry, PeerName, RecordId, Subject, Vote};

/// The longest chain of copies that is followed to its root.
const CHAIN_MAX: usize = 8;

/// One entry, reduced to what scores depend on. Times in unix ms.
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
    /// A vote was cast that says it was derived from another record (R6).
    Derived {
        /// Ledger index.
        index: u64,
        /// When the ledger received it.
        at_ms: u64,
        /// Who voted.
        voter: PeerName,
        /// The vote.
        vote: Vote,
        /// The record it goes back to.
        source: DerivedFrom,
    },
    /// A vote was withdrawn by its author.
    Retracted {
        /// Ledger index.
        index: u64,
        /// When the ledger received it.
        at_ms: u64,
        /// Who withdraws it.
        voter: PeerName,
        /// What the vote was about.
        subject: Subject,
        /// Ledger index of the vote that ends.
        target: u64,
    },
    /// A peer was convicted of equivocation: it signed two different records for one place in its chain.
    Convicted {
        /// Ledger index.
        index: u64,
        /// When the ledger received it.
        at_ms: u64,
        /// Who.
        peer: PeerName,
    },
    /// A peer was expelled: its votes no longer count. If it is admitted again, its later votes count.
    Expelled {
        /// Ledger index.
        index: u64,
        /// When the ledger received it.
        at_ms: u64,
        /// Who.
        peer: PeerName,
    },
    /// An entry that does not concern scores. It only advances the book's time and position.
    Other {
        /// Ledger index.
        index: u64,
        /// When the ledger received it.
        at_ms: u64,
    },
}

/// The record that a vote was derived from, as far as this ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DerivedFrom {
    /// A vote in this ledger about the same subject.
    Vote {
        /// Ledger index.
        index: u64,
        /// Who cast it.
        voter: PeerName,
    },
    /// Any other record.
    Record(RecordId),
}

impl DerivedFrom {
    /// The source of a vote, from the records that it names. That is the first vote of this ledger about the same
    /// subject among them, or the source of that vote. If there is no such vote, it is the record with the smallest id,
    /// so that the order of the names does not matter. `None`: the vote names no record.
    fn of<E>(vote: &Vote, find: &mut impl FnMut(&RecordId) -> Result<Option<Entry>, E>) -> Result<Option<Self>, E> {
        let mut root = None;
        let mut named = vote.derived_from.clone();
        for _ in 0..CHAIN_MAX {
            let mut first: Option<Entry> = None;
            for id in &named {
                let Some(entry) = find(id)? else { continue };
                let same = matches!(&entry.record.record().body, Body::Vote(source) if source.subject == vote.subject);
                if same && first.as_ref().is_none_or(|first| entry.index < first.index) {
                    first = Some(entry);
                }
            }
            let next = match first {
                Some(entry) => {
                    let record = entry.record.record();
                    root = Some(DerivedFrom::Vote { index: entry.index, voter: record.header.author.clone() });
                    match &record.body {
                        Body::Vote(source) => source.derived_from.clone(),
                        _ => Vec::new(),
                    }
                }
                None => {
                    root = named.iter().min().copied().map(DerivedFrom::Record).or(root);
                    Vec::new()
                }
            };
            if next.is_empty() {
                break;
            }
            named = next;
        }
        Ok(root)
    }
}

impl Event {
    /// Reads an entry. An entry that is inert in its ledger does not concern scores. Retractions and derived votes name
    /// records; `find` gives the entry of a record in the same ledger, so that the book need not keep the ids of all
    /// votes.
    ///
    /// # Errors
    /// Errors of `find`.
    pub fn of<E>(entry: &Entry, mut find: impl FnMut(&RecordId) -> Result<Option<Entry>, E>) -> Result<Self, E> {
        let (index, at_ms) = (entry.index, entry.received_at_ms);
        if entry.effect == Effect::Inert {
            return Ok(Event::Other { index, at_ms });
        }
        let record = entry.record.record();
        Ok(match &record.body {
            Body::Admit(admit) => Event::Admitted { index, peer: admit.peer.clone() },
            Body::Vote(vote) => {
                let (voter, vote) = (record.header.author.clone(), vote.clone());
                match DerivedFrom::of(&vote, &mut find)? {
                    Some(source) => Event::Derived { index, at_ms, voter, vote, source },
                    None => Event::Voted { index, at_ms, id: entry.record.id(), voter, vote },
                }
            }
            Body::Retract(retract) => match find(&retract.target)? {
                Some(target) => Event::retracted(index, at_ms, &record.header.author, &target),
                None => Event::Other { index, at_ms },
            },
            Body::Equivocate(equivocate) => Event::Convicted { index, at_ms, peer: equivocate.accused.clone() },
            Body::Expel(expel) => Event::Expelled { index, at_ms, peer: expel.peer.clone() },
            // Most record types say nothing about scores.
            _ => Event::Other { index, at_ms },
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
            | Event::Derived { index, .. }
            | Event::Retracted { index, .. }
            | Event::Convicted { index, .. }
            | Event::Expelled { index, .. }
            | Event::Other { index, .. } => *index,
        }
    }

    /// When the ledger received the entry. `None` for an admission, which does not advance the book's time.
    pub fn at_ms(&self) -> Option<u64> {
        match self {
            Event::Admitted { .. } => None,
            Event::Voted { at_ms, .. }
            | Event::Derived { at_ms, .. }
            | Event::Retracted { at_ms, .. }
            | Event::Convicted { at_ms, .. }
            | Event::Expelled { at_ms, .. }
            | Event::Other { at_ms, .. } => Some(*at_ms),
        }
    }
}
