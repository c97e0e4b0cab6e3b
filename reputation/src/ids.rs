//! The index spaces of the engine. None of these numbers shows in an answer.
//!
//! The book numbers names densely, in the order in which the ledger first names them. A number is never reused. Every
//! name can be voted on, so each has a [`SubjectId`]. A peer can also vote; its [`VoterId`] is the same number, but
//! the type says which of the two roles is meant.

/// The number of a name as the subject of votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub(crate) struct SubjectId(u32);

/// The number of a name as a voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub(crate) struct VoterId(u32);

/// Where readers find a subject's tally: the position of its name in the hash table ([`crate::names`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub(crate) struct Slot(u32);

/// A voter and a subject. Ordered by voter, then subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub(crate) voter: VoterId,
    pub(crate) subject: SubjectId,
}

impl SubjectId {
    /// No name has this number.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// The subject with a number.
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The subject whose data stands at `index` of an array with one value per name.
    pub(crate) fn at(index: usize) -> Self {
        Self(index as u32)
    }

    /// The number, as it is written to bytes.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// The index in an array with one value per name.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// The same name as a voter.
    pub(crate) fn as_voter(self) -> VoterId {
        VoterId(self.0)
    }
}

impl VoterId {
    /// The lowest and the highest number.
    pub(crate) const MIN: Self = Self(0);
    pub(crate) const MAX: Self = Self(u32::MAX);
    /// Stands for "no voter"; no name has this number.
    pub(crate) const NOBODY: Self = Self(u32::MAX);

    /// The voter with a number.
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The voter whose data stands at `index` of an array with one value per name.
    pub(crate) fn at(index: usize) -> Self {
        Self(index as u32)
    }

    /// The number, as it is written to bytes.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// The index in an array with one value per name.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// The same name as a subject of votes.
    pub(crate) fn as_subject(self) -> SubjectId {
        SubjectId(self.0)
    }
}

impl Slot {
    /// No name has this slot; what is kept by slot reads as empty there.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// The slot with a number.
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The slot at `index` of an array with one value per slot.
    pub(crate) fn at(index: usize) -> Self {
        Self(index as u32)
    }

    /// The index in an array with one value per slot.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

const _: () = assert!(size_of::<Pair>() == 8 && size_of::<Slot>() == 4, "a number takes four bytes");
