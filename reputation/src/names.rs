//! The names of subjects: their dense numbers, in the order in which the ledger first names them, and their slots,
//! which follow from their hashes.
//!
//! The engine's arrays are indexed by number ([`SubjectId`]). What readers see is indexed by [`Slot`]: a reader that
//! has computed the hash of a name knows where to look, before it has found the name itself.
//!
//! Most names are in an immutable table that readers share. Newer names are in a small persistent map beside it. An
//! epoch makes a new table when there are enough new names to be worth the copy.

mod perfect_hash;
mod table;

use std::sync::Arc;

use ahash::RandomState;
use ostrakon_ledger::{PeerName, Subject, SubjectKind};
use rpds::HashTrieMapSync;

use crate::ids::{Slot, SubjectId, VoterId};
use table::NameTable;
pub(crate) use table::{code, kind_of, subject_of};

/// All names and their numbers.
pub(crate) struct Interner {
    lookup: Lookup,
    /// The names that are not in the table yet; their numbers follow those of the table.
    recent: Vec<Subject>,
    is_peer: Vec<bool>,
}

/// What readers need: the slot of a subject. Immutable once shared, cheap to clone.
#[derive(Clone)]
pub(crate) struct Lookup {
    table: Arc<NameTable>,
    recent: HashTrieMapSync<Subject, SubjectId, RandomState>,
}

impl Lookup {
    fn new(table: NameTable) -> Self {
        let recent = HashTrieMapSync::new_with_hasher_and_degree_and_ptr_kind(table.hasher().clone(), 16);
        Self { table: Arc::new(table), recent }
    }

    /// The slot of a subject; `None` if the name is unknown.
    pub(crate) fn find_slot(&self, subject: &Subject) -> Option<Slot> {
        self.table.find_slot(subject).or_else(|| self.find_recent(subject).map(|id| self.slot(id)))
    }

    /// The number of a subject.
    fn find(&self, subject: &Subject) -> Option<SubjectId> {
        self.table.find(subject).or_else(|| self.find_recent(subject))
    }

    #[cold]
    fn find_recent(&self, subject: &Subject) -> Option<SubjectId> {
        if self.recent.is_empty() { None } else { self.recent.get(subject).copied() }
    }

    /// The slot of a name in use. The slots of new names follow those of the table.
    fn slot(&self, id: SubjectId) -> Slot {
        match id.index().checked_sub(self.table.len()) {
            None => self.table.slot(id),
            Some(i) => Slot::at(self.table.slots() + i),
        }
    }
}

impl Interner {
    /// No names. The key of the hasher is particular to the node; no result depends on it.
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self { lookup: Lookup::new(NameTable::new(hasher)), recent: Vec::new(), is_peer: Vec::new() }
    }

    /// The names in the order of their numbers. `None`: one of them is there twice.
    pub(crate) fn of(hasher: RandomState, names: &[Subject]) -> Option<Self> {
        let lookup = Lookup::new(NameTable::of(hasher, names)?);
        Some(Self { lookup, recent: Vec::new(), is_peer: names.iter().map(is_peer).collect() })
    }

    /// The hasher of the look-up tables.
    pub(crate) fn hasher(&self) -> &RandomState {
        self.lookup.table.hasher()
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.is_peer.len()
    }

    /// The number of a subject. A new name gets the next number.
    pub(crate) fn intern(&mut self, subject: &Subject) -> SubjectId {
        if let Some(id) = self.lookup.find(subject) {
            return id;
        }
        let id = SubjectId::at(self.len());
        self.lookup.recent.insert_mut(subject.clone(), id);
        self.recent.push(subject.clone());
        self.is_peer.push(is_peer(subject));
        id
    }

    /// The number of a peer as a voter. A new name gets the next number.
    pub(crate) fn intern_peer(&mut self, peer: &PeerName) -> VoterId {
        self.intern(&Subject::Peer(peer.clone())).as_voter()
    }

    /// The number of a subject; `None` if the name is unknown.
    pub(crate) fn find(&self, subject: &Subject) -> Option<SubjectId> {
        self.lookup.find(subject)
    }

    /// The number of a peer as a voter; `None` if the name is unknown.
    pub(crate) fn find_peer(&self, peer: &PeerName) -> Option<VoterId> {
        self.find(&Subject::Peer(peer.clone())).map(SubjectId::as_voter)
    }

    /// The slot of a name in use. It changes with [`Interner::settle`].
    pub(crate) fn slot(&self, id: SubjectId) -> Slot {
        self.lookup.slot(id)
    }

    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.lookup.table.slots() + self.recent.len()
    }

    /// The number of the name in a slot below [`Interner::slots`]; `None` if the slot is free.
    pub(crate) fn id_at(&self, slot: Slot) -> Option<SubjectId> {
        let table = &self.lookup.table;
        match slot.index().checked_sub(table.slots()) {
            None => Some(table.id_at(slot)).filter(|id| *id != SubjectId::NONE),
            Some(i) => Some(SubjectId::at(table.len() + i)),
        }
    }

    /// The subject with a number in use.
    pub(crate) fn subject(&self, id: SubjectId) -> Subject {
        let table = &self.lookup.table;
        match id.index().checked_sub(table.len()) {
            None => table.subject(id),
            Some(i) => self.recent[i].clone(),
        }
    }

    /// Calls `each` with the kind and the bytes of every name, in the order of their numbers.
    pub(crate) fn for_each(&self, mut each: impl FnMut(SubjectKind, &[u8])) {
        let table = &self.lookup.table;
        (0..table.len()).map(SubjectId::at).for_each(|id| each(table.kind(id), table.bytes(id)));
        self.recent.iter().for_each(|subject| each(subject.kind(), table::bytes_of(subject)));
    }

    /// Per name: whether it is a peer, which can vote and receive trust.
    pub(crate) fn is_peer(&self) -> &[bool] {
        &self.is_peer
    }

    /// What readers need.
    pub(crate) fn lookup(&self) -> Lookup {
        self.lookup.clone()
    }

    /// Moves the new names into the table if they are more than an eighth of it, so that each name is copied some nine
    /// times in all. After that every name may have another slot.
    pub(crate) fn settle(&mut self) {
        let table = &self.lookup.table;
        if self.recent.len() * 8 > table.len() {
            let recent = std::mem::take(&mut self.recent);
            self.lookup = Lookup::new(table.extended(&recent));
        }
    }
}

/// Whether a subject can vote and receive trust.
fn is_peer(subject: &Subject) -> bool {
    subject.kind() == SubjectKind::Peer
}
