//! Names in cells, found through one hash table: some fifty bytes per name.
//!
//! The hash table has four bytes a slot, so that with a million names it fits the processor's outer cache. The number that it
//! gives says where the name lies and where whatever is kept per number does: these two come at the same time.

use ahash::RandomState;
use ostrakon_ledger::{PeerName, Subject, SubjectKind, Tag};

/// Bytes of a cell: the code of the kind, the length, and a name that is no longer than the rest.
const CELL: usize = 40;
/// Longest name in a cell: most names of peers, and all tags.
const INLINE: usize = CELL - 2;
/// Longer names begin at multiples of this, so that four bytes say where, in up to 32 GB of them.
const ALIGN: usize = 8;

/// The kinds in the order of their codes.
const KINDS: [SubjectKind; 5] =
    [SubjectKind::Peer, SubjectKind::Domain, SubjectKind::Account, SubjectKind::Net, SubjectKind::Content];

/// An immutable table of subjects with the numbers 0..n.
pub(crate) struct NameTable {
    hasher: RandomState,
    /// Per number.
    cells: Vec<[u8; CELL]>,
    /// Names that are longer than a cell, one after the other; their cells say where each begins.
    long: Vec<u8>,
    slots: Slots,
}

/// Where a hash may lead: numbers, each with as much of its hash as fits beside it.
struct Slots {
    /// At most two thirds are in use.
    slots: Vec<u32>,
    /// How many of a slot's bits are the number.
    number_bits: u32,
}

impl Slots {
    /// All bits: no number is that large.
    const EMPTY: u32 = u32::MAX;

    /// For numbers below `names`.
    fn with_room(names: usize) -> Self {
        // The largest number of so many bits is no name's.
        let number_bits = usize::BITS - (names + 1).leading_zeros();
        assert!(number_bits <= u32::BITS, "a number has four bytes");
        Self { slots: vec![Self::EMPTY; names + names / 2 + 1], number_bits }
    }

    /// Enters a number that is not there.
    fn insert(&mut self, hash: u64, id: u32) {
        let mut at = self.first_place(hash);
        while self.slots[at] != Self::EMPTY {
            at = self.next_place(at);
        }
        self.slots[at] = self.tag(hash) | id;
    }

    /// Of the numbers whose hash may be this one, the one that `is_it`.
    fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let tag = self.tag(hash);
        let mut at = self.first_place(hash);
        loop {
            let slot = self.slots[at];
            if slot == Self::EMPTY {
                return None;
            }
            let id = slot ^ tag;
            if u64::from(id) >> self.number_bits == 0 && is_it(id) {
                return Some(id);
            }
            at = self.next_place(at);
        }
    }

    /// The lower bits of a hash, above those of a number.
    fn tag(&self, hash: u64) -> u32 {
        (hash << self.number_bits) as u32
    }

    /// Where to begin to look, by the upper bits of a hash.
    fn first_place(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.slots.len() as u128) >> 64) as usize
    }

    fn next_place(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }
}

impl NameTable {
    /// No names.
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self::with_room(hasher, 0)
    }

    /// No names, and room for some.
    pub(crate) fn with_room(hasher: RandomState, names: usize) -> Self {
        Self { hasher, cells: Vec::with_capacity(names), long: Vec::new(), slots: Slots::with_room(names) }
    }

    /// Appends a name from its bytes, for which there must be room; false if it is not canonical for its kind or there
    /// already.
    pub(crate) fn append(&mut self, kind: SubjectKind, bytes: &[u8]) -> bool {
        let hash = self.hash(kind, bytes);
        let new = subject_of(kind, bytes).is_some() && self.find_hashed(hash, kind, bytes).is_none();
        if new {
            self.push_hashed(hash, kind, bytes);
        }
        new
    }

    /// This table with `more` names, which must be new, behind its own.
    pub(crate) fn extended(&self, more: &[Subject]) -> Self {
        let mut table = Self::with_room(self.hasher.clone(), self.len() + more.len());
        (0..self.len() as u32).for_each(|id| table.push(self.kind(id), self.bytes(id)));
        more.iter().for_each(|subject| table.push(subject.kind(), bytes_of(subject)));
        table
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(crate) fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    /// The number of a subject.
    pub(crate) fn find(&self, subject: &Subject) -> Option<u32> {
        let (kind, bytes) = (subject.kind(), bytes_of(subject));
        self.find_hashed(self.hash(kind, bytes), kind, bytes)
    }

    /// The kind of the name with a number below [`NameTable::len`].
    pub(crate) fn kind(&self, id: u32) -> SubjectKind {
        KINDS[usize::from(self.name(id).0)]
    }

    /// Its bytes: text of a name, 32 bytes of a tag.
    pub(crate) fn bytes(&self, id: u32) -> &[u8] {
        self.name(id).1
    }

    /// The subject.
    pub(crate) fn subject(&self, id: u32) -> Subject {
        subject_of(self.kind(id), self.bytes(id)).expect("only what was a subject is in the table")
    }

    /// Code of the kind and bytes of the name with a number.
    fn name(&self, id: u32) -> (u8, &[u8]) {
        let [kind, len, name @ ..] = &self.cells[id as usize];
        let len = usize::from(*len);
        let bytes = match name.get(..len) {
            Some(bytes) => bytes,
            None => {
                let begin = u32::from_be_bytes([name[0], name[1], name[2], name[3]]) as usize * ALIGN;
                &self.long[begin..begin + len]
            }
        };
        (*kind, bytes)
    }

    /// Appends a name that is not there; room was reserved.
    fn push(&mut self, kind: SubjectKind, bytes: &[u8]) {
        self.push_hashed(self.hash(kind, bytes), kind, bytes);
    }

    fn push_hashed(&mut self, hash: u64, kind: SubjectKind, bytes: &[u8]) {
        let mut cell = [0; CELL];
        // A name has at most 253 bytes.
        [cell[0], cell[1]] = [code(kind), bytes.len() as u8];
        if bytes.len() <= INLINE {
            cell[2..2 + bytes.len()].copy_from_slice(bytes);
        } else {
            cell[2..6].copy_from_slice(&((self.long.len() / ALIGN) as u32).to_be_bytes());
            self.long.extend_from_slice(bytes);
            self.long.resize(self.long.len().next_multiple_of(ALIGN), 0);
        }
        self.slots.insert(hash, self.cells.len() as u32);
        self.cells.push(cell);
    }

    fn find_hashed(&self, hash: u64, kind: SubjectKind, bytes: &[u8]) -> Option<u32> {
        self.slots.find(hash, |id| self.name(id) == (code(kind), bytes))
    }

    fn hash(&self, kind: SubjectKind, bytes: &[u8]) -> u64 {
        self.hasher.hash_one((code(kind), bytes))
    }
}

/// The byte that stands for a kind.
pub(crate) fn code(kind: SubjectKind) -> u8 {
    kind as u8
}

/// The kind that a byte stands for.
pub(crate) fn kind_of(code: u8) -> Option<SubjectKind> {
    KINDS.get(usize::from(code)).copied()
}

/// What tells subjects of one kind apart.
pub(crate) fn bytes_of(subject: &Subject) -> &[u8] {
    match subject {
        Subject::Peer(name) | Subject::Domain(name) => name.as_str().as_bytes(),
        Subject::Account(Tag(tag)) | Subject::Net(Tag(tag)) | Subject::Content(Tag(tag)) => tag,
    }
}

fn subject_of(kind: SubjectKind, bytes: &[u8]) -> Option<Subject> {
    let name = || PeerName::parse(std::str::from_utf8(bytes).ok()?).ok();
    let tag = || Some(Tag(bytes.try_into().ok()?));
    Some(match kind {
        SubjectKind::Peer => Subject::Peer(name()?),
        SubjectKind::Domain => Subject::Domain(name()?),
        SubjectKind::Account => Subject::Account(tag()?),
        SubjectKind::Net => Subject::Net(tag()?),
        SubjectKind::Content => Subject::Content(tag()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects() -> Vec<Subject> {
        // Some are longer than a cell.
        let name = |i: u32| PeerName::parse(&format!("n{i}.{}example", "long-".repeat(i as usize % 12))).unwrap();
        let tag = |i: u32| Tag([i as u8; 32]);
        (0..50)
            .flat_map(|i| {
                [
                    Subject::Peer(name(i)),
                    Subject::Domain(name(i)),
                    Subject::Account(tag(i)),
                    Subject::Net(tag(i)),
                    Subject::Content(tag(i)),
                ]
            })
            .collect()
    }

    #[test]
    fn what_goes_in_is_found_under_its_number() {
        let all = subjects();
        let (first, second) = all.split_at(70);
        let table = NameTable::new(RandomState::with_seeds(1, 2, 3, 4)).extended(first).extended(second);
        for (id, subject) in (0..).zip(&all) {
            assert_eq!((table.find(subject), table.subject(id)), (Some(id), subject.clone()));
            assert_eq!(kind_of(code(subject.kind())), Some(subject.kind()));
        }
        assert_eq!(table.find(&Subject::Peer(PeerName::parse("other.example").unwrap())), None);
        assert_eq!(NameTable::new(RandomState::with_seeds(1, 2, 3, 4)).find(&all[0]), None);
    }

    #[test]
    fn only_canonical_names_come_back_and_each_once() {
        let read = |names: Vec<(SubjectKind, &[u8])>| {
            let mut table = NameTable::with_room(RandomState::with_seeds(1, 2, 3, 4), names.len());
            names.into_iter().all(|(kind, bytes)| table.append(kind, bytes))
        };
        let (peer, account) = (SubjectKind::Peer, SubjectKind::Account);
        assert!(read(vec![(peer, b"a.example"), (SubjectKind::Domain, b"a.example"), (account, &[0; 32])]));
        assert!(!read(vec![(peer, b"a.example"), (peer, b"a.example")]));
        assert!(!read(vec![(peer, b"A.example")]));
        assert!(!read(vec![(peer, &[0xff])]));
        assert!(!read(vec![(account, &[0; 31])]));
    }
}
