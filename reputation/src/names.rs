//! Subjects as dense numbers, in the order in which the ledger first names them, and as places, by their hashes.
//!
//! The engine's arrays go by number. What readers see goes by *place*: a reader who knows a name's hash knows where to look,
//! before it has looked the name up.
//!
//! Most names rest in an immutable table that readers share; those that came since it was made are in a small
//! persistent map beside it. A new table is made at an epoch, once the new names are worth the copy.

mod places;
mod table;

use std::sync::Arc;

use ahash::RandomState;
use ostrakon_ledger::{PeerName, Subject, SubjectKind};
use rpds::HashTrieMapSync;

use table::NameTable;
pub(crate) use table::{code, kind_of, subject_of};

/// The numbers are part of no answer; they only make the engine's arrays dense. A number is never reused.
pub(crate) struct Names {
    lookup: Lookup,
    /// The names behind those in the table.
    recent: Vec<Subject>,
    is_peer: Vec<bool>,
}

/// What readers need: a subject's place. Immutable once shared, cheap to clone.
#[derive(Clone)]
pub(crate) struct Lookup {
    table: Arc<NameTable>,
    recent: HashTrieMapSync<Subject, u32, RandomState>,
}

impl Lookup {
    fn new(table: NameTable) -> Self {
        let recent = HashTrieMapSync::new_with_hasher_and_degree_and_ptr_kind(table.hasher().clone(), 16);
        Self { table: Arc::new(table), recent }
    }

    /// Where what is known about a subject is kept.
    pub(crate) fn find_place(&self, subject: &Subject) -> Option<u32> {
        self.table.find_place(subject).or_else(|| self.find_recent(subject).map(|number| self.place(number)))
    }

    /// The number of a subject.
    fn find(&self, subject: &Subject) -> Option<u32> {
        self.table.find(subject).or_else(|| self.find_recent(subject))
    }

    #[cold]
    fn find_recent(&self, subject: &Subject) -> Option<u32> {
        if self.recent.is_empty() { None } else { self.recent.get(subject).copied() }
    }

    /// The place of a number that was given out: new names have theirs behind those of the table.
    fn place(&self, number: u32) -> u32 {
        match (number as usize).checked_sub(self.table.len()) {
            None => self.table.place(number),
            Some(i) => (self.table.places() + i) as u32,
        }
    }
}

impl Names {
    /// No names. The hasher is keyed by what is particular to the node; no result depends on it.
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self { lookup: Lookup::new(NameTable::new(hasher)), recent: Vec::new(), is_peer: Vec::new() }
    }

    /// Names in the order of their numbers; `None` if one of them is there twice.
    pub(crate) fn of(hasher: RandomState, names: &[Subject]) -> Option<Self> {
        let lookup = Lookup::new(NameTable::of(hasher, names)?);
        Some(Self { lookup, recent: Vec::new(), is_peer: names.iter().map(is_peer).collect() })
    }

    /// The hash of the look-up tables.
    pub(crate) fn hasher(&self) -> &RandomState {
        self.lookup.table.hasher()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.is_peer.len()
    }

    /// The number of a subject, a new one if it has none.
    pub(crate) fn intern(&mut self, subject: &Subject) -> u32 {
        if let Some(id) = self.lookup.find(subject) {
            return id;
        }
        let id = self.len() as u32;
        self.lookup.recent.insert_mut(subject.clone(), id);
        self.recent.push(subject.clone());
        self.is_peer.push(is_peer(subject));
        id
    }

    /// The number of a peer, a new one if it has none.
    pub(crate) fn intern_peer(&mut self, peer: &PeerName) -> u32 {
        self.intern(&Subject::Peer(peer.clone()))
    }

    /// The number of a subject.
    pub(crate) fn find(&self, subject: &Subject) -> Option<u32> {
        self.lookup.find(subject)
    }

    /// The place of a number that was given out, until [`Names::settle`].
    pub(crate) fn place(&self, number: u32) -> u32 {
        self.lookup.place(number)
    }

    /// How many places there are.
    pub(crate) fn places(&self) -> usize {
        self.lookup.table.places() + self.recent.len()
    }

    /// The number at a place below [`Names::places`]; `None` if it is free.
    pub(crate) fn number_at(&self, place: u32) -> Option<u32> {
        let table = &self.lookup.table;
        match (place as usize).checked_sub(table.places()) {
            None => Some(table.number_at(place)).filter(|number| *number != u32::MAX),
            Some(i) => Some((table.len() + i) as u32),
        }
    }

    /// The subject with a number that was given out.
    pub(crate) fn subject(&self, id: u32) -> Subject {
        let table = &self.lookup.table;
        match (id as usize).checked_sub(table.len()) {
            None => table.subject(id),
            Some(i) => self.recent[i].clone(),
        }
    }

    /// Calls `each` with every name in the order of their numbers: its kind and its bytes.
    pub(crate) fn for_each(&self, mut each: impl FnMut(SubjectKind, &[u8])) {
        let table = &self.lookup.table;
        (0..table.len() as u32).for_each(|id| each(table.kind(id), table.bytes(id)));
        self.recent.iter().for_each(|subject| each(subject.kind(), table::bytes_of(subject)));
    }

    /// Per number: whether it can vote and receive trust.
    pub(crate) fn is_peer(&self) -> &[bool] {
        &self.is_peer
    }

    /// What readers need.
    pub(crate) fn lookup(&self) -> Lookup {
        self.lookup.clone()
    }

    /// Moves new names into the table once they are an eighth of it: each name is copied some nine times in all. Then
    /// every name has another place.
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
