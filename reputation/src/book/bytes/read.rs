//! A book from its bytes. Nothing in them is trusted: sizes before memory, every number before use, the digest last.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use ostrakon_ledger::Category;

use super::stream::Source;
use super::{DERIVED, MAGIC, NAME_HEAD, SILENT, VOTE};
use crate::ballots::Activity;
use crate::book::Book;
use crate::engine::Standing;
use crate::error::Unreadable;
use crate::fixed::ONE;
use crate::names::{Names, kind_of, subject_of};
use crate::parameters::{Parameters, Viewpoint};
use crate::r6_lineage::{Lineage, NOBODY, Pair, Root};
use crate::tally::Tally;
use crate::u48::U48;
use crate::view::View;
use crate::votes::{Base, Row, Votes};

/// What is read for one viewpoint.
type Seen = (Vec<Standing>, BTreeSet<Pair>, Vec<Tally>);

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

    /// Reads a book that [`Book::write_to`] wrote under the same parameters and viewpoints: the same book, now included.
    ///
    /// Takes no more than `len_bytes` from `input` and a small multiple of that in memory. That the book belongs to a
    /// certain ledger is for the caller to know.
    ///
    /// # Errors
    /// [`Unreadable`]: another form, other parameters or viewpoints, damage, or what `input` returns.
    pub fn read_from(
        parameters: Parameters,
        own: Viewpoint,
        others: Vec<Viewpoint>,
        input: impl Read,
        len_bytes: u64,
    ) -> Result<Self, Unreadable> {
        let mut source = Source::new(input, len_bytes)?;
        let mut book = Self::with_others(parameters, own, others);
        book.read_head(&mut source)?;
        let names = read_names(&mut source, book.names.hasher())?;
        let count = names.len();
        book.convicted = read_convicted(&mut source, &names)?;
        let base = read_votes(&mut source, &names, book.clock.next_index)?;
        for _ in 0..count {
            book.activity.push(Activity { cast: source.u64()?, outflow: source.u64()? });
            book.leaders.push(read_author(&mut source, count)?);
        }
        book.lineage = read_lineage(&mut source, count)?;
        let silent: Vec<BTreeSet<Pair>> =
            book.views.iter().map(|_| read_silent(&mut source, count)).collect::<Result<_, _>>()?;
        let seen = silent.into_iter().map(|silent| {
            let (standings, tallies) = read_seen(&mut source, count)?;
            Ok((standings, silent, tallies))
        });
        let seen: Vec<Seen> = seen.collect::<Result<_, Unreadable>>()?;
        source.finish()?;
        book.take_over(names, base, seen)
    }

    fn read_head(&mut self, source: &mut Source<impl Read>) -> Result<(), Unreadable> {
        if source.bytes(MAGIC.len())? != MAGIC {
            return Err(Unreadable::OtherForm);
        }
        if source.array()? != self.views[0].label().parameters_digest {
            return Err(Unreadable::OtherParameters);
        }
        if source.u64()? != self.views.len() as u64 {
            return Err(Unreadable::OtherViewpoints);
        }
        for view in &self.views {
            if source.array()? != view.label().viewpoint_digest {
                return Err(Unreadable::OtherViewpoints);
            }
        }
        let c = &mut self.clock;
        for number in [&mut c.next_index, &mut c.entries_since, &mut c.ledger_ms, &mut c.now_ms, &mut c.reference_ms] {
            *number = source.u64()?;
            if *number > U48::MAX {
                return Err(Unreadable::Damaged("a time or index is out of range"));
            }
        }
        let sound = c.entries_since <= c.next_index && c.reference_ms <= c.ledger_ms && c.ledger_ms <= c.now_ms;
        if sound { Ok(()) } else { Err(Unreadable::Damaged("its times contradict each other")) }
    }

    /// Puts the parts together. Tallies are added up anew and must be those that were written.
    fn take_over(mut self, names: Names, base: Base, seen: Vec<Seen>) -> Result<Self, Unreadable> {
        let seeds = std::mem::replace(&mut self.names, names);
        let mut first = (0..seeds.len() as u32).map(|id| (id, seeds.subject(id)));
        if !first.all(|(id, seed)| self.names.find(&seed) == Some(id)) {
            return Err(Unreadable::Damaged("its first names are not the seeds"));
        }
        self.votes = Votes::from_base(base, self.clock.now_ms);
        let mut tallies = Vec::with_capacity(seen.len());
        for (view, (standings, silent, written)) in self.views.iter_mut().zip(seen) {
            view.stand(standings, silent);
            tallies.push(written);
        }
        self.add_up();
        let names = &self.names;
        let as_written = |(view, written): (&View, Vec<Tally>)| {
            (0..).zip(&written).all(|(id, tally)| view.tally_at(names.place(id)) == *tally)
        };
        let right = self.views.iter().zip(tallies).all(as_written);
        if right { Ok(self) } else { Err(Unreadable::Damaged("its tallies are not those of its votes")) }
    }
}

fn read_names(source: &mut Source<impl Read>, hasher: &ahash::RandomState) -> Result<Names, Unreadable> {
    let count = source.count(NAME_HEAD)?;
    let mut names = Vec::with_capacity(count);
    for _ in 0..count {
        let [kind, length] = source.array()?;
        let kind = kind_of(kind).ok_or(Unreadable::Damaged("a name is of no kind"))?;
        let name = subject_of(kind, source.bytes(usize::from(length))?);
        names.push(name.ok_or(Unreadable::Damaged("a name is not canonical"))?);
    }
    Names::of(hasher.clone(), &names).ok_or(Unreadable::Damaged("a name is there twice"))
}

fn read_convicted(source: &mut Source<impl Read>, names: &Names) -> Result<BTreeSet<u32>, Unreadable> {
    let count = source.count(size_of::<u32>() as u64)?;
    let mut convicted = BTreeSet::new();
    for _ in 0..count {
        let id = source.u32()?;
        let in_order = convicted.last().is_none_or(|last| *last < id);
        if !in_order || names.is_peer().get(id as usize) != Some(&true) {
            return Err(Unreadable::Damaged("who was convicted is out of range or order"));
        }
        convicted.insert(id);
    }
    Ok(convicted)
}

fn read_votes(source: &mut Source<impl Read>, names: &Names, next_index: u64) -> Result<Base, Unreadable> {
    let count = source.count(VOTE)?;
    let counts: Vec<u32> = (0..names.len()).map(|_| source.u32()).collect::<Result<_, _>>()?;
    if counts.iter().map(|count| u64::from(*count)).sum::<u64>() != count as u64 {
        return Err(Unreadable::Damaged("its votes are not as many as it says"));
    }
    let next = || {
        let row = row_of(&source.array()?).filter(|row| {
            let by_peer = names.is_peer().get(row.voter as usize) == Some(&true);
            by_peer && row.index.widened() < next_index && row.value.unsigned_abs() <= 100
        });
        row.ok_or(Unreadable::Damaged("a vote is out of range"))
    };
    Base::read(&counts, next)?.ok_or(Unreadable::Damaged("its votes are out of order"))
}

fn row_of(bytes: &[u8; VOTE as usize]) -> Option<Row> {
    let number =
        |at: usize| U48::saturating(bytes[at..at + 6].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
    let voter = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let category = Category::ALL.get(usize::from(bytes[23])).copied()?;
    let value = bytes[22].cast_signed();
    let row = Row { voter, index: number(4), since_ms: number(10), expires_at_ms: number(16), value, category };
    (value != 0).then_some(row)
}

fn read_lineage(source: &mut Source<impl Read>, names: usize) -> Result<Lineage, Unreadable> {
    let mut derived = BTreeMap::new();
    for _ in 0..source.count(DERIVED)? {
        let (voter, subject) = read_pair(source, names)?;
        let category = source.u8()?;
        let (key, author, index) = (source.u64()?, read_author(source, names)?, source.u64()?);
        derived.insert((voter, subject, category), Root { key, author, index });
    }
    Ok(Lineage::from_merged(derived))
}

fn read_silent(source: &mut Source<impl Read>, names: usize) -> Result<BTreeSet<Pair>, Unreadable> {
    (0..source.count(SILENT)?).map(|_| read_pair(source, names)).collect()
}

fn read_pair(source: &mut Source<impl Read>, names: usize) -> Result<Pair, Unreadable> {
    let (voter, subject) = (source.u32()?, source.u32()?);
    let known = (voter.max(subject) as usize) < names;
    if known { Ok((voter, subject)) } else { Err(Unreadable::Damaged("a copy is of nobody's")) }
}

fn read_author(source: &mut Source<impl Read>, names: usize) -> Result<u32, Unreadable> {
    let author = source.u32()?;
    let known = author == NOBODY || (author as usize) < names;
    if known { Ok(author) } else { Err(Unreadable::Damaged("nobody is followed")) }
}

fn read_seen(source: &mut Source<impl Read>, count: usize) -> Result<(Vec<Standing>, Vec<Tally>), Unreadable> {
    let (mut standings, mut tallies) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for _ in 0..count {
        let (flow, credibility, consistency) = (source.u64()?, source.u32()?, source.u32()?);
        if credibility > ONE || consistency > ONE {
            return Err(Unreadable::Damaged("a voter weighs more than a vote"));
        }
        standings.push(Standing { flow, credibility, consistency, hops: source.u8()? });
        tallies.push(Tally { positive: source.u64()?, negative: source.u64()?, voters: source.u32()? });
    }
    Ok((standings, tallies))
}
