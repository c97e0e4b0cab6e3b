//! Subjects as dense numbers, in the order in which the ledger first names them.

use std::sync::Arc;

use ostrakon_ledger::{PeerName, Subject};

use crate::table::Index;

/// The numbers are part of no answer; they only make the engine's arrays dense. A number is never reused.
pub(crate) struct Names {
    subjects: Vec<Subject>,
    is_peer: Vec<bool>,
    /// The numbers 0..n of the first n subjects, shared with readers.
    frozen: Arc<Index>,
    /// The numbers of the others.
    recent: Index,
}

impl Names {
    pub(crate) fn new(hasher: ahash::RandomState) -> Self {
        let frozen = Arc::new(Index::with_hasher(hasher.clone()));
        Self { subjects: Vec::new(), is_peer: Vec::new(), frozen, recent: Index::with_hasher(hasher) }
    }

    /// The number of a subject, a new one if it has none.
    pub(crate) fn intern(&mut self, subject: &Subject) -> u32 {
        if let Some(id) = self.find(subject) {
            return id;
        }
        let id = self.subjects.len() as u32;
        self.recent.insert(subject.clone(), id);
        self.is_peer.push(matches!(subject, Subject::Peer(_)));
        self.subjects.push(subject.clone());
        id
    }

    /// The number of a peer, a new one if it has none.
    pub(crate) fn intern_peer(&mut self, peer: &PeerName) -> u32 {
        self.intern(&Subject::Peer(peer.clone()))
    }

    pub(crate) fn find(&self, subject: &Subject) -> Option<u32> {
        self.frozen.get(subject).or_else(|| self.recent.get(subject)).copied()
    }

    pub(crate) fn subject(&self, id: u32) -> &Subject {
        &self.subjects[id as usize]
    }

    pub(crate) fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// Per number: whether it can vote and receive trust.
    pub(crate) fn is_peer(&self) -> &[bool] {
        &self.is_peer
    }

    /// The index for readers; it holds at least eight in nine of the subjects, the first ones.
    ///
    /// Freezing costs a copy of the index, so it waits until the recent names are worth it.
    pub(crate) fn freeze(&mut self) -> Arc<Index> {
        if self.recent.len() * 8 > self.frozen.len() {
            let mut index = Index::clone(&self.frozen);
            index.extend(self.recent.drain());
            self.frozen = Arc::new(index);
        }
        Arc::clone(&self.frozen)
    }
}
