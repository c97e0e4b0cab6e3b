//! Reads a book from bytes. The bytes are not trusted: sizes are checked before memory is taken, every number before it
//! is used, and the digest last.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use ostrakon_ledger::Category;

use super::stream::BlockReader;
use super::{DERIVED, MAGIC, NAME_HEAD, PAIR, VOTE};
use crate::ballots::Activity;
use crate::book::Book;
use crate::engine::VoterTrust;
use crate::error::Unreadable;
use crate::fixed::ONE;
use crate::ids::{Pair, SubjectId, VoterId};
use crate::names::{Interner, kind_of, subject_of};
use crate::parameters::{Parameters, Viewpoint};
use crate::r6_lineage::{DerivedVote, Lineage, Root};
use crate::tally::Tally;
use crate::u48::U48;
use crate::view::View;
use crate::votes::{Base, VoteRow, Votes};

/// What is read for one viewpoint.
struct ViewParts {
    uncounted: BTreeSet<Pair>,
    trusts: Vec<VoterTrust>,
    tallies: Vec<Tally>,
}

impl Book {
    /// Reads a book from all of `bytes`; see [`Book::read_from`].
    ///
    /// # Errors
    /// [`Unreadable`]
    pub fn from_bytes(
        parameters: Parameters,
        own: Viewpoint,
        others: Vec<Viewpoint>,
        bytes: &[u8],
    ) -> Result<Self, Unreadable> {
        Self::read_from(parameters, own, others, bytes, bytes.len() as u64)
    }

    /// Reads a book that [`Book::write_to`] wrote under the same parameters and viewpoints. The result is equal to the
    /// book that was written.
    ///
    /// Reads no more than `len_bytes` from `input`, and takes a small multiple of that in memory. The caller must know
    /// which ledger the book belongs to.
    ///
    /// # Errors
    /// [`Unreadable`]: another form, other parameters or viewpoints, damage, or an error of `input`.
    pub fn read_from(
        parameters: Parameters,
        own: Viewpoint,
        others: Vec<Viewpoint>,
        input: impl Read,
        len_bytes: u64,
    ) -> Result<Self, Unreadable> {
        let mut reader = BlockReader::new(input, len_bytes)?;
        let mut book = Self::with_others(parameters, own, others);
        book.read_head(&mut reader)?;
        let names = read_names(&mut reader, book.names.hasher())?;
        let count = names.len();
        book.convicted = read_convicted(&mut reader, &names)?;
        let base = read_votes(&mut reader, &names, book.clock.next_index)?;
        for _ in 0..count {
            book.activity.push(Activity { cast: reader.u64()?, outflow: reader.u64()? });
            book.leaders.push(read_voter(&mut reader, count)?);
        }
        book.lineage = read_lineage(&mut reader, count)?;
        let uncounted: Vec<BTreeSet<Pair>> =
            book.views.iter().map(|_| read_pairs(&mut reader, count)).collect::<Result<_, _>>()?;
        let parts = uncounted.into_iter().map(|uncounted| read_view(&mut reader, count, uncounted));
        let parts: Vec<ViewParts> = parts.collect::<Result<_, Unreadable>>()?;
        reader.finish()?;
        book.take_over(names, base, parts)
    }

    fn read_head(&mut self, reader: &mut BlockReader<impl Read>) -> Result<(), Unreadable> {
        if reader.bytes(MAGIC.len())? != MAGIC {
            return Err(Unreadable::OtherForm);
        }
        if reader.array()? != self.views[0].label().parameters_digest {
            return Err(Unreadable::OtherParameters);
        }
        if reader.u64()? != self.views.len() as u64 {
            return Err(Unreadable::OtherViewpoints);
        }
        for view in &self.views {
            if reader.array()? != view.label().viewpoint_digest {
                return Err(Unreadable::OtherViewpoints);
            }
        }
        let c = &mut self.clock;
        for number in [&mut c.next_index, &mut c.entries_since, &mut c.ledger_ms, &mut c.now_ms, &mut c.reference_ms] {
            *number = reader.u64()?;
            if *number > U48::MAX {
                return Err(Unreadable::Damaged("a time or index is out of range"));
            }
        }
        let sound = c.entries_since <= c.next_index && c.reference_ms <= c.ledger_ms && c.ledger_ms <= c.now_ms;
        if sound { Ok(()) } else { Err(Unreadable::Damaged("the times contradict each other")) }
    }

    /// Puts the parts together. The tallies are added up anew and must equal those that were written.
    fn take_over(mut self, names: Interner, base: Base, parts: Vec<ViewParts>) -> Result<Self, Unreadable> {
        let seeds = std::mem::replace(&mut self.names, names);
        let mut first = (0..seeds.len()).map(SubjectId::at).map(|id| (id, seeds.subject(id)));
        if !first.all(|(id, seed)| self.names.find(&seed) == Some(id)) {
            return Err(Unreadable::Damaged("the first names are not the seeds"));
        }
        self.votes = Votes::from_base(base, self.clock.now_ms);
        let mut written = Vec::with_capacity(parts.len());
        for (view, ViewParts { uncounted, trusts, tallies }) in self.views.iter_mut().zip(parts) {
            view.restore(trusts, uncounted);
            written.push(tallies);
        }
        self.add_up();
        let names = &self.names;
        let as_written = |(view, written): (&View, Vec<Tally>)| {
            (0..).map(SubjectId::new).zip(&written).all(|(id, tally)| view.tally_at(names.slot(id)) == *tally)
        };
        let right = self.views.iter().zip(written).all(as_written);
        if right { Ok(self) } else { Err(Unreadable::Damaged("the tallies do not follow from the votes")) }
    }
}

fn read_names(reader: &mut BlockReader<impl Read>, hasher: &ahash::RandomState) -> Result<Interner, Unreadable> {
    let count = reader.count(NAME_HEAD)?;
    let mut names = Vec::with_capacity(count);
    for _ in 0..count {
        let [kind, length] = reader.array()?;
        let kind = kind_of(kind).ok_or(Unreadable::Damaged("a name has an unknown kind"))?;
        let name = subject_of(kind, reader.bytes(usize::from(length))?);
        names.push(name.ok_or(Unreadable::Damaged("a name is not canonical"))?);
    }
    Interner::of(hasher.clone(), &names).ok_or(Unreadable::Damaged("a name occurs twice"))
}

fn read_convicted(reader: &mut BlockReader<impl Read>, names: &Interner) -> Result<BTreeSet<VoterId>, Unreadable> {
    let count = reader.count(size_of::<u32>() as u64)?;
    let mut convicted = BTreeSet::new();
    for _ in 0..count {
        let voter = VoterId::new(reader.u32()?);
        let in_order = convicted.last().is_none_or(|last| *last < voter);
        if !in_order || names.is_peer().get(voter.index()) != Some(&true) {
            return Err(Unreadable::Damaged("a convicted peer is out of range or out of order"));
        }
        convicted.insert(voter);
    }
    Ok(convicted)
}

fn read_votes(reader: &mut BlockReader<impl Read>, names: &Interner, next_index: u64) -> Result<Base, Unreadable> {
    let count = reader.count(VOTE)?;
    let counts: Vec<u32> = (0..names.len()).map(|_| reader.u32()).collect::<Result<_, _>>()?;
    if counts.iter().map(|count| u64::from(*count)).sum::<u64>() != count as u64 {
        return Err(Unreadable::Damaged("the number of votes is not the sum over the subjects"));
    }
    let next = || {
        let row = row_of(&reader.array()?).filter(|row| {
            let by_peer = names.is_peer().get(row.voter.index()) == Some(&true);
            by_peer && row.index.widened() < next_index && row.value.unsigned_abs() <= 100
        });
        row.ok_or(Unreadable::Damaged("a vote is out of range"))
    };
    Base::read(&counts, next)?.ok_or(Unreadable::Damaged("the votes are out of order"))
}

fn row_of(bytes: &[u8; VOTE as usize]) -> Option<VoteRow> {
    let number =
        |at: usize| U48::saturating(bytes[at..at + 6].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
    let voter = VoterId::new(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let category = category_of(bytes[23])?;
    let value = bytes[22].cast_signed();
    let row = VoteRow { voter, index: number(4), since_ms: number(10), expires_at_ms: number(16), value, category };
    (value != 0).then_some(row)
}

fn category_of(code: u8) -> Option<Category> {
    Category::ALL.get(usize::from(code)).copied()
}

fn read_lineage(reader: &mut BlockReader<impl Read>, names: usize) -> Result<Lineage, Unreadable> {
    let mut derived = BTreeMap::new();
    for _ in 0..reader.count(DERIVED)? {
        let pair = read_pair(reader, names)?;
        let category =
            category_of(reader.u8()?).ok_or(Unreadable::Damaged("a derived vote has an unknown category"))?;
        let (key, author, index) = (reader.u64()?, read_voter(reader, names)?, reader.u64()?);
        derived.insert(DerivedVote { pair, category }, Root { key, author, index });
    }
    Ok(Lineage::from_merged(derived))
}

fn read_pairs(reader: &mut BlockReader<impl Read>, names: usize) -> Result<BTreeSet<Pair>, Unreadable> {
    (0..reader.count(PAIR)?).map(|_| read_pair(reader, names)).collect()
}

fn read_pair(reader: &mut BlockReader<impl Read>, names: usize) -> Result<Pair, Unreadable> {
    let pair = Pair { voter: VoterId::new(reader.u32()?), subject: SubjectId::new(reader.u32()?) };
    let known = pair.voter.index().max(pair.subject.index()) < names;
    if known { Ok(pair) } else { Err(Unreadable::Damaged("a copy's voter or subject is out of range")) }
}

/// A voter, or [`VoterId::NOBODY`].
fn read_voter(reader: &mut BlockReader<impl Read>, names: usize) -> Result<VoterId, Unreadable> {
    let voter = VoterId::new(reader.u32()?);
    let known = voter == VoterId::NOBODY || voter.index() < names;
    if known { Ok(voter) } else { Err(Unreadable::Damaged("a leader or author is out of range")) }
}

fn read_view(
    reader: &mut BlockReader<impl Read>,
    count: usize,
    uncounted: BTreeSet<Pair>,
) -> Result<ViewParts, Unreadable> {
    let (mut trusts, mut tallies) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for _ in 0..count {
        let (flow, credibility, consistency) = (reader.u64()?, reader.u32()?, reader.u32()?);
        if credibility > ONE || consistency > ONE {
            return Err(Unreadable::Damaged("a voter weighs more than a vote"));
        }
        trusts.push(VoterTrust { flow, credibility, consistency, hops: reader.u8()? });
        tallies.push(Tally { positive: reader.u64()?, negative: reader.u64()?, voters: reader.u32()? });
    }
    Ok(ViewParts { uncounted, trusts, tallies })
}
