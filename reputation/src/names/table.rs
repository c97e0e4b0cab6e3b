//! Names in cells, each where its hash says: some fifty bytes per name.
//!
//! Whatever readers want to know of a subject is kept under the place of its name. So the hash tells where both are, and
//! memory is asked for the name and for what is known about it at the same time ([`Places`]).

use std::hash::{BuildHasher, Hasher};

use ahash::RandomState;
use ostrakon_ledger::{PeerName, Subject, SubjectKind, Tag};

use super::places::Places;

/// Longest name in a cell: most names of peers, and all tags.
const INLINE: usize = 34;
/// Longer names begin at multiples of this, so that four bytes say where, in up to 32 GB of them.
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

/// An immutable table of subjects with the numbers 0..n.
pub(crate) struct NameTable {
    hasher: RandomState,
    places: Places,
    /// Per place.
    cells: Vec<Cell>,
    /// Per number.
    place_of: Vec<u32>,
    /// Names that are longer than a cell, one after the other; their cells say where each begins.
    long: Vec<u8>,
}

/// A place for a name.
#[derive(Clone, Copy)]
struct Cell {
    number: u32,
    /// [`code`] of the kind; in no use in a free place.
    kind: u8,
    len: u8,
    name: [u8; INLINE],
}

const _: () = assert!(size_of::<Cell>() == 40, "a name has its place in memory");

impl Cell {
    /// No name is here. No kind has this code, and no name this number.
    const FREE: Self = Self { number: u32::MAX, kind: u8::MAX, len: 0, name: [0; INLINE] };
}

impl NameTable {
    /// No names.
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self::build(hasher, 0, |_| (0, &[]))
    }

    /// The table of some names; `None` if one of them is there twice.
    pub(crate) fn of(hasher: RandomState, names: &[Subject]) -> Option<Self> {
        let name = |number: u32| name_of(&names[number as usize]);
        let table = Self::build(hasher, names.len(), name);
        // Of names that are there twice neither is where a pilot leads, and the second is never found.
        let found = |place: u32| table.place_of_name(name(table.cells[place as usize].number)) == Some(place);
        table.places.strays().iter().all(|(_, place)| found(*place)).then_some(table)
    }

    /// This table with `more` names, which must be new, behind its own.
    pub(crate) fn extended(&self, more: &[Subject]) -> Self {
        let own = self.len();
        Self::build(self.hasher.clone(), own + more.len(), |number| {
            match more.get((number as usize).wrapping_sub(own)) {
                Some(subject) => name_of(subject),
                None => self.name(number),
            }
        })
    }

    /// The table of `count` names; a name is the code of its kind and its bytes.
    fn build<'a>(hasher: RandomState, count: usize, name: impl Fn(u32) -> (u8, &'a [u8])) -> Self {
        let hashes: Vec<u64> = (0..count as u32).map(|number| hash(&hasher, name(number))).collect();
        let (places, place_of) = Places::of(hashes.into_iter());
        let mut cells = vec![Cell::FREE; places.len()];
        let mut long = Vec::new();
        for (number, place) in (0..).zip(&place_of) {
            let (kind, bytes) = name(number);
            // A name has at most 253 bytes.
            let cell = &mut cells[*place as usize];
            *cell = Cell { number, kind, len: bytes.len() as u8, ..Cell::FREE };
            if let Some(inline) = cell.name.get_mut(..bytes.len()) {
                inline.copy_from_slice(bytes);
            } else {
                cell.name[..4].copy_from_slice(&((long.len() / ALIGN) as u32).to_be_bytes());
                long.extend_from_slice(bytes);
                long.resize(long.len().next_multiple_of(ALIGN), 0);
            }
        }
        Self { hasher, places, cells, place_of, long }
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.place_of.len()
    }

    /// How many places there are, free ones included.
    pub(crate) fn places(&self) -> usize {
        self.cells.len()
    }

    pub(crate) fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    /// The number of a subject.
    pub(crate) fn find(&self, subject: &Subject) -> Option<u32> {
        self.find_place(subject).map(|place| self.cells[place as usize].number)
    }

    /// The place of a subject.
    #[inline(always)]
    pub(crate) fn find_place(&self, subject: &Subject) -> Option<u32> {
        self.place_of_name(name_of(subject))
    }

    /// The place of the name with a number below [`NameTable::len`].
    pub(crate) fn place(&self, number: u32) -> u32 {
        self.place_of[number as usize]
    }

    /// The number of the name at a place below [`NameTable::places`]; `u32::MAX` if it is free.
    pub(crate) fn number_at(&self, place: u32) -> u32 {
        self.cells[place as usize].number
    }

    /// The kind of the name with a number below [`NameTable::len`].
    pub(crate) fn kind(&self, number: u32) -> SubjectKind {
        KINDS[usize::from(self.name(number).0)]
    }

    /// Its bytes: text of a name, 32 bytes of a tag.
    pub(crate) fn bytes(&self, number: u32) -> &[u8] {
        self.name(number).1
    }

    /// The subject.
    pub(crate) fn subject(&self, number: u32) -> Subject {
        subject_of(self.kind(number), self.bytes(number)).expect("only what was a subject is in the table")
    }

    /// Code of the kind and bytes of the name with a number.
    fn name(&self, number: u32) -> (u8, &[u8]) {
        self.name_at(self.place(number))
    }

    /// Code of the kind and bytes of the name at a place.
    #[inline(always)]
    fn name_at(&self, place: u32) -> (u8, &[u8]) {
        let Cell { kind, len, name, .. } = &self.cells[place as usize];
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
    fn place_of_name(&self, name: (u8, &[u8])) -> Option<u32> {
        self.places.find(hash(&self.hasher, name), |place| self.name_at(place) == name)
    }
}

/// The hash of a name. It takes in how long the name is, so that need not be hashed besides.
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

/// What tells subjects of one kind apart.
pub(crate) fn bytes_of(subject: &Subject) -> &[u8] {
    match subject {
        Subject::Peer(name) | Subject::Domain(name) => name.as_str().as_bytes(),
        Subject::Account(Tag(tag)) | Subject::Net(Tag(tag)) => tag,
        Subject::Content(Tag(tag)) | Subject::Claim(Tag(tag)) => tag,
    }
}

/// What a subject's cell holds.
fn name_of(subject: &Subject) -> (u8, &[u8]) {
    (code(subject.kind()), bytes_of(subject))
}

/// The subject of a kind from its bytes; `None` if they are not canonical.
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
    fn what_goes_in_is_found_under_its_number() {
        let all = subjects();
        let (first, second) = all.split_at(70);
        let table = NameTable::of(RandomState::with_seeds(1, 2, 3, 4), first).unwrap().extended(second);
        for (number, subject) in (0..).zip(&all) {
            assert_eq!((table.find(subject), table.subject(number)), (Some(number), subject.clone()));
            assert_eq!(table.find_place(subject), Some(table.place(number)));
            assert_eq!(table.number_at(table.place(number)), number);
            assert_eq!(kind_of(code(subject.kind())), Some(subject.kind()));
        }
        let free = (0..table.places() as u32).filter(|place| table.number_at(*place) == u32::MAX);
        assert_eq!(free.count(), table.places() - all.len());
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
