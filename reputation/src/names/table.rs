//! A hash table of names: some fifty bytes per name.
//!
//! What readers want to know about a subject is kept under the slot of its name. The hash gives the slot of both
//! ([`PerfectHash`]), so the name and the subject's tally are fetched from memory at the same time.

use std::hash::{BuildHasher, Hasher};

use ahash::RandomState;
use ostrakon_ledger::{PeerName, Subject, SubjectKind, Tag};

use super::perfect_hash::PerfectHash;
use crate::ids::{Slot, SubjectId};

/// Longest name in a cell: most names of peers, and all tags.
const INLINE: usize = 34;
/// Longer names begin at multiples of this, so that four bytes can say where, in up to 32 GB of names.
const ALIGN: usize = 8;

/// The kinds in the order of their codes.
const KINDS: [SubjectKind; 6] = [
    SubjectKind::Peer,
    SubjectKind::Domain,
    SubjectKind::Account,
    SubjectKind::Net,
    SubjectKind::Content,
    SubjectKind::Claim,
];

/// An immutable table of subjects with the numbers 0…n−1.
pub(crate) struct NameTable {
    hasher: RandomState,
    slots: PerfectHash,
    /// Per slot.
    cells: Vec<Cell>,
    /// Per number.
    slot_of: Vec<Slot>,
    /// The names that are longer than a cell, one after the other. The cell says where its name begins.
    long: Vec<u8>,
}

/// The content of a slot.
#[derive(Clone, Copy)]
struct Cell {
    /// [`SubjectId::NONE`] in a free slot.
    id: SubjectId,
    /// [`code`] of the kind. Means nothing in a free slot.
    kind: u8,
    len: u8,
    name: [u8; INLINE],
}

const _: () = assert!(size_of::<Cell>() == 40, "a cell takes 40 bytes");

impl Cell {
    /// A free slot. No kind has this code, and no name has this number.
    const FREE: Self = Self { id: SubjectId::NONE, kind: u8::MAX, len: 0, name: [0; INLINE] };
}

impl NameTable {
    /// No names.
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self::build(hasher, 0, |_| (0, &[]))
    }

    /// The table of these names. `None`: one of them is there twice.
    pub(crate) fn of(hasher: RandomState, names: &[Subject]) -> Option<Self> {
        let name = |id: SubjectId| name_of(&names[id.index()]);
        let table = Self::build(hasher, names.len(), name);
        // Two equal names have equal hashes, so both are strays, and the second one is never found.
        let found = |slot: Slot| table.slot_of_name(name(table.cells[slot.index()].id)) == Some(slot);
        table.slots.strays().iter().all(|stray| found(stray.slot)).then_some(table)
    }

    /// This table with `more` names, which must be new, after its own.
    pub(crate) fn extended(&self, more: &[Subject]) -> Self {
        let own = self.len();
        Self::build(self.hasher.clone(), own + more.len(), |id| match more.get(id.index().wrapping_sub(own)) {
            Some(subject) => name_of(subject),
            None => self.name(id),
        })
    }

    /// The table of `count` names. A name is the code of its kind and its bytes.
    fn build<'a>(hasher: RandomState, count: usize, name: impl Fn(SubjectId) -> (u8, &'a [u8])) -> Self {
        let hashes: Vec<u64> = (0..count).map(|i| hash(&hasher, name(SubjectId::at(i)))).collect();
        let (slots, slot_of) = PerfectHash::of(hashes.into_iter());
        let mut cells = vec![Cell::FREE; slots.len()];
        let mut long = Vec::new();
        for (id, slot) in (0..).map(SubjectId::new).zip(&slot_of) {
            let (kind, bytes) = name(id);
            // A name has at most 253 bytes.
            let cell = &mut cells[slot.index()];
            *cell = Cell { id, kind, len: bytes.len() as u8, ..Cell::FREE };
            if let Some(inline) = cell.name.get_mut(..bytes.len()) {
                inline.copy_from_slice(bytes);
            } else {
                cell.name[..4].copy_from_slice(&((long.len() / ALIGN) as u32).to_be_bytes());
                long.extend_from_slice(bytes);
                long.resize(long.len().next_multiple_of(ALIGN), 0);
            }
        }
        Self { hasher, slots, cells, slot_of, long }
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.slot_of.len()
    }

    /// How many slots there are, free ones included.
    pub(crate) fn slots(&self) -> usize {
        self.cells.len()
    }

    pub(crate) fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    /// The number of a subject.
    pub(crate) fn find(&self, subject: &Subject) -> Option<SubjectId> {
        self.find_slot(subject).map(|slot| self.cells[slot.index()].id)
    }

    /// The slot of a subject.
    #[inline(always)]
    pub(crate) fn find_slot(&self, subject: &Subject) -> Option<Slot> {
        self.slot_of_name(name_of(subject))
    }

    /// The slot of the name with a number below [`NameTable::len`].
    pub(crate) fn slot(&self, id: SubjectId) -> Slot {
        self.slot_of[id.index()]
    }

    /// The number of the name in a slot below [`NameTable::slots`]; [`SubjectId::NONE`] if the slot is free.
    pub(crate) fn id_at(&self, slot: Slot) -> SubjectId {
        self.cells[slot.index()].id
    }

    /// The kind of the name with a number below [`NameTable::len`].
    pub(crate) fn kind(&self, id: SubjectId) -> SubjectKind {
        KINDS[usize::from(self.name(id).0)]
    }

    /// The bytes of the name with a number: its text, or the 32 bytes of a tag.
    pub(crate) fn bytes(&self, id: SubjectId) -> &[u8] {
        self.name(id).1
    }

    /// The subject with a number.
    pub(crate) fn subject(&self, id: SubjectId) -> Subject {
        subject_of(self.kind(id), self.bytes(id)).expect("every name in the table was made from a subject")
    }

    /// The code of the kind and the bytes of the name with a number.
    fn name(&self, id: SubjectId) -> (u8, &[u8]) {
        self.name_at(self.slot(id))
    }

    /// The code of the kind and the bytes of the name in a slot.
    #[inline(always)]
    fn name_at(&self, slot: Slot) -> (u8, &[u8]) {
        let Cell { kind, len, name, .. } = &self.cells[slot.index()];
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

    #[inline(always)]
    fn slot_of_name(&self, name: (u8, &[u8])) -> Option<Slot> {
        self.slots.find(hash(&self.hasher, name), |slot| self.name_at(slot) == name)
    }
}

/// The hash of a name. The hasher takes in the length of the bytes, so the length is not hashed separately.
#[inline(always)]
fn hash(hasher: &RandomState, (kind, bytes): (u8, &[u8])) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(bytes);
    state.write_u8(kind);
    state.finish()
}

/// The byte that stands for a kind.
pub(crate) fn code(kind: SubjectKind) -> u8 {
    kind as u8
}

/// The kind that a byte stands for.
pub(crate) fn kind_of(code: u8) -> Option<SubjectKind> {
    KINDS.get(usize::from(code)).copied()
}

/// The bytes that distinguish subjects of one kind.
pub(crate) fn bytes_of(subject: &Subject) -> &[u8] {
    match subject {
        Subject::Peer(name) | Subject::Domain(name) => name.as_str().as_bytes(),
        Subject::Account(Tag(tag)) | Subject::Net(Tag(tag)) => tag,
        Subject::Content(Tag(tag)) | Subject::Claim(Tag(tag)) => tag,
    }
}

/// The code of the kind and the bytes of a subject, as its cell holds them.
fn name_of(subject: &Subject) -> (u8, &[u8]) {
    (code(subject.kind()), bytes_of(subject))
}

/// The subject of a kind from its bytes. `None`: the bytes are not canonical.
pub(crate) fn subject_of(kind: SubjectKind, bytes: &[u8]) -> Option<Subject> {
    let name = || PeerName::parse(std::str::from_utf8(bytes).ok()?).ok();
    let tag = || Some(Tag(bytes.try_into().ok()?));
    Some(match kind {
        SubjectKind::Peer => Subject::Peer(name()?),
        SubjectKind::Domain => Subject::Domain(name()?),
        SubjectKind::Account => Subject::Account(tag()?),
        SubjectKind::Net => Subject::Net(tag()?),
        SubjectKind::Content => Subject::Content(tag()?),
        SubjectKind::Claim => Subject::Claim(tag()?),
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
                    Subject::Claim(tag(i)),
                ]
            })
            .collect()
    }

    #[test]
    fn every_name_is_found_under_its_number() {
        let all = subjects();
        let (first, second) = all.split_at(70);
        let table = NameTable::of(RandomState::with_seeds(1, 2, 3, 4), first).unwrap().extended(second);
        for (id, subject) in (0..).map(SubjectId::new).zip(&all) {
            assert_eq!((table.find(subject), table.subject(id)), (Some(id), subject.clone()));
            assert_eq!(table.find_slot(subject), Some(table.slot(id)));
            assert_eq!(table.id_at(table.slot(id)), id);
            assert_eq!(kind_of(code(subject.kind())), Some(subject.kind()));
        }
        let free = (0..table.slots()).filter(|slot| table.id_at(Slot::at(*slot)) == SubjectId::NONE);
        assert_eq!(free.count(), table.slots() - all.len());
        assert_eq!(table.find(&Subject::Peer(PeerName::parse("other.example").unwrap())), None);
        assert_eq!(NameTable::new(RandomState::with_seeds(1, 2, 3, 4)).find(&all[0]), None);
    }

    #[test]
    fn a_name_is_there_once() {
        let mut all = subjects();
        assert!(NameTable::of(RandomState::with_seeds(1, 2, 3, 4), &all).is_some());
        all.push(all[17].clone());
        assert!(NameTable::of(RandomState::with_seeds(1, 2, 3, 4), &all).is_none());
    }

    #[test]
    fn only_canonical_bytes_are_a_subject() {
        let (peer, account) = (SubjectKind::Peer, SubjectKind::Account);
        assert!(subject_of(peer, b"a.example").is_some() && subject_of(account, &[0; 32]).is_some());
        assert!(subject_of(peer, b"A.example").is_none() && subject_of(peer, &[0xff]).is_none());
        assert!(subject_of(account, &[0; 31]).is_none());
    }
}
