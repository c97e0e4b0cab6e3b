//! The votes at rest: rows of 24 bytes, ordered by subject, voter and category.
//!
//! They stand on shelves, one for every so many subjects. Changes are merged shelf by shelf, each into a new one: for that
//! moment one shelf is there twice, not all votes.

use std::iter::Peekable;

use super::{Layer, Place, Row};

/// Subjects on a shelf.
const SHELF: usize = 1 << 14;

/// Rows of votes, for subjects from 0; those beyond the end have none.
#[derive(Default)]
pub(crate) struct Base {
    /// All but the last are full.
    shelves: Vec<Shelf>,
}

/// The votes about some subjects in succession.
struct Shelf {
    /// The votes about the `i`-th subject are `rows[begins[i]..begins[i + 1]]`.
    begins: Vec<u32>,
    rows: Vec<Row>,
    /// No vote ends before this moment.
    first_end_ms: u64,
}

impl Base {
    /// Reads the base in which subject `i` has `counts[i]` votes, ordered by subject, voter and category; `None` if they are
    /// not so.
    ///
    /// # Errors
    /// The first error of `next`, which gives the votes.
    pub(crate) fn read<E>(counts: &[u32], mut next: impl FnMut() -> Result<Row, E>) -> Result<Option<Self>, E> {
        let mut base = Self::default();
        for counts in counts.chunks(SHELF) {
            let count = counts.iter().map(|count| *count as usize).sum();
            let mut shelf = Shelf::with_room(counts.len(), count);
            for count in counts {
                for _ in 0..*count {
                    shelf.push(next()?);
                }
                if !shelf.end_subject().is_sorted_by(|a, b| (a.voter, a.category) < (b.voter, b.category)) {
                    return Ok(None);
                }
            }
            base.shelves.push(shelf);
        }
        Ok(Some(base))
    }

    /// How many votes there are.
    pub(crate) fn len(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.rows.len()).sum()
    }

    /// Subjects there is a place for; those beyond have no votes.
    pub(crate) fn subjects(&self) -> usize {
        self.shelves.iter().map(Shelf::subjects).sum()
    }

    /// All votes, ordered by subject, voter and category.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.shelves.iter().flat_map(|shelf| &shelf.rows)
    }

    /// No vote ends before this moment; `u64::MAX`: none ends.
    pub(crate) fn first_end_ms(&self) -> u64 {
        self.shelves.iter().map(|shelf| shelf.first_end_ms).min().unwrap_or(u64::MAX)
    }

    /// Each subject with the votes about it, ascending; there may be none.
    pub(crate) fn by_subject(&self) -> impl Iterator<Item = (u32, &[Row])> {
        (0..).zip(self.shelves.iter().flat_map(|shelf| (0..shelf.subjects()).map(|place| shelf.about(place))))
    }

    /// The votes about one subject, ordered by voter and category.
    pub(crate) fn about(&self, subject: u32) -> &[Row] {
        let (shelf, place) = (subject as usize / SHELF, subject as usize % SHELF);
        let shelf = self.shelves.get(shelf).filter(|shelf| place < shelf.subjects());
        shelf.map_or(&[], |shelf| shelf.about(place))
    }

    /// One voter's votes about one subject, ordered by category.
    pub(crate) fn of_pair(&self, voter: u32, subject: u32) -> &[Row] {
        let row = self.about(subject);
        let begin = row.partition_point(|vote| vote.voter < voter);
        let count = row[begin..].iter().take_while(|vote| vote.voter == voter).count();
        &row[begin..begin + count]
    }

    /// Lays `changes` over the rows and leaves out votes that have ended at `now_ms`; returns how many had.
    pub(super) fn merge(&mut self, changes: Layer, now_ms: u64) -> usize {
        let last = changes.last_key_value().map_or(0, |((subject, ..), _)| *subject as usize + 1);
        let subjects = self.subjects().max(last);
        let mut changes = changes.into_iter().peekable();
        let mut expired = 0;
        for (number, first) in (0..subjects).step_by(SHELF).enumerate() {
            let last = subjects.min(first + SHELF);
            if number == self.shelves.len() {
                self.shelves.push(Shelf::with_room(0, 0));
            }
            let shelf = &mut self.shelves[number];
            shelf.widen(last - first);
            let on_shelf = |change: &(Place, Option<Row>)| (change.0.0 as usize) < last;
            let changes: Vec<_> = std::iter::from_fn(|| changes.next_if(on_shelf)).collect();
            if !changes.is_empty() || shelf.first_end_ms <= now_ms {
                let (merged, ended) = shelf.merged(first as u32, changes, now_ms);
                *shelf = merged;
                expired += ended;
            }
        }
        expired
    }
}

impl Shelf {
    /// No subjects and no votes, and room for some.
    fn with_room(subjects: usize, votes: usize) -> Self {
        let mut begins = Vec::with_capacity(subjects + 1);
        begins.push(0);
        Self { begins, rows: Vec::with_capacity(votes), first_end_ms: u64::MAX }
    }

    fn subjects(&self) -> usize {
        self.begins.len() - 1
    }

    fn about(&self, place: usize) -> &[Row] {
        &self.rows[self.begins[place] as usize..self.begins[place + 1] as usize]
    }

    /// Makes place for more subjects, without votes.
    fn widen(&mut self, subjects: usize) {
        self.begins.resize(subjects + 1, self.rows.len() as u32);
    }

    /// Adds a vote about the subject after the last.
    fn push(&mut self, row: Row) {
        self.first_end_ms = self.first_end_ms.min(row.end_ms());
        self.rows.push(row);
    }

    /// Now all votes about the subject after the last are there: these.
    fn end_subject(&mut self) -> &[Row] {
        self.begins.push(self.rows.len() as u32);
        self.about(self.subjects() - 1)
    }

    /// This shelf, whose subjects begin at `first`, under `changes`, and how many votes had ended at `now_ms`.
    fn merged(&self, first: u32, changes: Vec<(Place, Option<Row>)>, now_ms: u64) -> (Self, usize) {
        // Changes that take votes away leave some of the room unused until the next merge.
        let mut merged = Self::with_room(self.subjects(), self.rows.len() + changes.len());
        let mut changes = changes.into_iter().peekable();
        let mut expired = 0;
        for (place, subject) in (0..self.subjects()).zip(first..) {
            let put = |row: Row| if row.is_live(now_ms) { merged.push(row) } else { expired += 1 };
            lay_over(subject, self.about(place), &mut changes, put);
            merged.end_subject();
        }
        (merged, expired)
    }
}

/// Calls `each` with the votes about a subject, in order, when `changes` lie over them; takes those changes, which are
/// the next ones.
pub(super) fn lay_over(
    subject: u32,
    row: &[Row],
    changes: &mut Peekable<impl Iterator<Item = (Place, Option<Row>)>>,
    mut each: impl FnMut(Row),
) {
    let mut rest = row;
    while let Some(((_, voter, category), change)) = changes.next_if(|((about, ..), _)| *about == subject) {
        let before = rest.partition_point(|vote| (vote.voter, vote.category as u8) < (voter, category));
        rest[..before].iter().for_each(|vote| each(*vote));
        let replaced = rest.get(before).is_some_and(|vote| (vote.voter, vote.category as u8) == (voter, category));
        rest = &rest[before + usize::from(replaced)..];
        change.into_iter().for_each(&mut each);
    }
    rest.iter().for_each(|vote| each(*vote));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::u48::U48;
    use ostrakon_ledger::Category;
    use proptest::prelude::*;

    fn row(place: Place, index: u64, expires_at_ms: u64) -> Row {
        Row {
            voter: place.1,
            index: U48::saturating(index),
            since_ms: U48::saturating(1),
            expires_at_ms: U48::saturating(expires_at_ms),
            value: 1,
            category: Category::ALL[usize::from(place.2)],
        }
    }

    fn read(counts: &[u32], rows: &[Row]) -> Option<Base> {
        let mut rows = rows.iter();
        Base::read(counts, || rows.next().copied().ok_or(())).unwrap()
    }

    fn layers() -> impl Strategy<Value = Vec<Vec<(Place, Option<u64>)>>> {
        // Subjects at both ends of a shelf.
        let subject = prop_oneof![0u32..6, SHELF as u32 - 2..SHELF as u32 + 2];
        let change = ((subject, 0u32..9, 0u8..3), prop::option::of(0u64..20));
        prop::collection::vec(prop::collection::vec(change, 0..40), 1..6)
    }

    proptest! {
        /// However changes are merged, the base is the ordered list of what is left, and finds it.
        #[test]
        fn merging_is_laying_over(layers in layers()) {
            let mut base = Base::default();
            let mut model: Layer = Layer::new();
            let mut index = 0;
            for (now_ms, layer) in (0u64..).zip(layers) {
                let changes: Layer = layer.into_iter().map(|(place, expires)| {
                    index += 1;
                    (place, expires.map(|expires| row(place, index, expires)))
                }).collect();
                model.extend(changes.iter().map(|(place, change)| (*place, *change)));
                let ended = |change: &Option<Row>| change.is_some_and(|row| !row.is_live(now_ms));
                let want_expired = model.values().filter(|change| ended(change)).count();
                model.retain(|_, change| change.is_some() && !ended(change));
                prop_assert_eq!(base.merge(changes, now_ms), want_expired);
                let mut found = Vec::new();
                for (subject, row) in base.by_subject() {
                    found.extend(row.iter().map(|vote| ((subject, vote.voter, vote.category as u8), Some(*vote))));
                }
                prop_assert_eq!(&found, &model.iter().map(|(place, row)| (*place, *row)).collect::<Vec<_>>());
                for ((subject, voter, category), row) in &model {
                    let pair = base.of_pair(*voter, *subject);
                    prop_assert!(pair.iter().any(|found| Some(*found) == *row && found.category as u8 == *category));
                }
                let counts: Vec<u32> = base.by_subject().map(|(_, row)| row.len() as u32).collect();
                let again = read(&counts, &base.rows().copied().collect::<Vec<_>>()).expect("it is in order");
                prop_assert!(again.by_subject().eq(base.by_subject()));
                prop_assert_eq!((again.len(), again.first_end_ms()), (base.len(), base.first_end_ms()));
            }
        }
    }

    #[test]
    fn rows_out_of_order_are_refused() {
        let (a, b) = (row((0, 1, 0), 1, 0), row((0, 2, 0), 2, 0));
        assert!(read(&[2], &[a, b]).is_some());
        assert!(read(&[1, 1], &[b, a]).is_some());
        assert!(read(&[2], &[b, a]).is_none());
        assert!(read(&[2], &[a, a]).is_none());
        assert!(read(&[0, 0, 2, 0], &[b, a]).is_none());
        assert!(read(&[], &[]).is_some());
    }
}
