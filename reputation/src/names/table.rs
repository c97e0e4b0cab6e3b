//! Names back to back in one array, found through one hash table: some sixty bytes per name, two cache misses a look-up.

use ahash::RandomState;
use ostrakon_ledger::{PeerName, Subject, SubjectKind, Tag};

/// Names begin at multiples of this, so that four bytes say where, in up to 32 GB of names.
const ALIGN: usize = 8;

/// The kinds in the order of their codes.
const KINDS: [SubjectKind; 5] =
    [SubjectKind::Peer, SubjectKind::Domain, SubjectKind::Account, SubjectKind::Net, SubjectKind::Content];

/// An immutable table of subjects with the numbers 0..n.
pub(crate) struct NameTable {
    hasher: RandomState,
    /// Names one after the other, each behind the code of its kind and its length.
    text: Vec<u8>,
    /// Where the name with a number begins.
    begins: Vec<u32>,
    /// A power of two of them, at most three quarters in use.
    slots: Vec<Slot>,
}

/// Where a hash may lead.
#[derive(Clone, Copy)]
struct Slot {
    /// Part of the name's hash.
    tag: u32,
    /// Its number.
    id: u32,
    /// Where it begins.
    begin: u32,
}

impl Slot {
    /// No number is that large: numbers count names, and each takes memory.
    const EMPTY: Self = Self { tag: 0, id: u32::MAX, begin: 0 };
}

impl NameTable {
    /// No names.
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self { hasher, text: Vec::new(), begins: Vec::new(), slots: Vec::new() }
    }

    /// No names, and room for many.
    pub(crate) fn with_room(hasher: RandomState, names: usize) -> Self {
        let mut table = Self::new(hasher);
        table.reserve(names, 0);
        table
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
        let mut table = Self::new(self.hasher.clone());
        let bytes = self.text.len() + more.iter().map(|subject| bytes_of(subject).len() + 2 * ALIGN).sum::<usize>();
        table.reserve(self.len() + more.len(), bytes);
        (0..self.len() as u32).for_each(|id| table.push(self.kind(id), self.bytes(id)));
        more.iter().for_each(|subject| table.push(subject.kind(), bytes_of(subject)));
        table
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.begins.len()
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
        KINDS[usize::from(self.name(self.begins[id as usize]).0)]
    }

    /// Its bytes: text of a name, 32 bytes of a tag.
    pub(crate) fn bytes(&self, id: u32) -> &[u8] {
        self.name(self.begins[id as usize]).1
    }

    /// The subject.
    pub(crate) fn subject(&self, id: u32) -> Subject {
        subject_of(self.kind(id), self.bytes(id)).expect("only what was a subject is in the table")
    }

    /// Code of the kind and bytes of the name that begins somewhere.
    fn name(&self, begin: u32) -> (u8, &[u8]) {
        let text = &self.text[begin as usize * ALIGN..];
        (text[0], &text[2..2 + usize::from(text[1])])
    }

    fn reserve(&mut self, names: usize, bytes: usize) {
        self.begins.reserve_exact(names);
        self.text.reserve_exact(bytes);
        self.slots = vec![Slot::EMPTY; (names * 4 / 3 + 1).next_power_of_two()];
    }

    /// Appends a name that is not there; room was reserved.
    fn push(&mut self, kind: SubjectKind, bytes: &[u8]) {
        self.push_hashed(self.hash(kind, bytes), kind, bytes);
    }

    fn push_hashed(&mut self, hash: u64, kind: SubjectKind, bytes: &[u8]) {
        let mut at = hash as usize & (self.slots.len() - 1);
        while self.slots[at].id != Slot::EMPTY.id {
            at = (at + 1) & (self.slots.len() - 1);
        }
        let begin = (self.text.len() / ALIGN) as u32;
        self.slots[at] = Slot { tag: tag(hash), id: self.begins.len() as u32, begin };
        self.begins.push(begin);
        // A name has at most 253 bytes.
        self.text.extend_from_slice(&[code(kind), bytes.len() as u8]);
        self.text.extend_from_slice(bytes);
        self.text.resize(self.text.len().next_multiple_of(ALIGN), 0);
    }

    fn find_hashed(&self, hash: u64, kind: SubjectKind, bytes: &[u8]) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.id == Slot::EMPTY.id {
                return None;
            }
            if slot.tag == tag(hash) && self.name(slot.begin) == (code(kind), bytes) {
                return Some(slot.id);
            }
            at = (at + 1) & mask;
        }
    }

    fn hash(&self, kind: SubjectKind, bytes: &[u8]) -> u64 {
        self.hasher.hash_one((code(kind), bytes))
    }
}

/// The half of a hash that does not say where to begin to look.
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
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
        let name = |i: u32| PeerName::parse(&format!("n{i}.example")).unwrap();
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
