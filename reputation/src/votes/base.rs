//! Nearly all votes: rows of 24 bytes, ordered by subject, voter and category.
//!
//! The rows are in chunks, each for a fixed number of subjects. Changes are merged chunk by chunk, each into a new
//! chunk, so that only one chunk at a time is in memory twice.

use std::iter::Peekable;

use super::{Layer, VoteKey, VoteRow};
use crate::ids::{Pair, SubjectId};

/// Subjects in a chunk.
const CHUNK: usize = 1 << 14;

/// Rows of votes, for the subjects from 0. Subjects beyond the last chunk have no votes.
#[derive(Default)]
pub(crate) struct Base {
    /// Every chunk but the last has [`CHUNK`] subjects.
    chunks: Vec<SubjectChunk>,
}

/// The votes about consecutive subjects.
struct SubjectChunk {
    /// The votes about the `i`-th subject are `rows[begins[i]..begins[i + 1]]`.
    begins: Vec<u32>,
    rows: Vec<VoteRow>,
    /// No vote ends before this moment.
    first_end_ms: u64,
}

impl Base {
    /// Reads a base in which subject `i` has `counts[i]` votes. `None`: the votes are not ordered by subject, voter and
    /// category.
    ///
    /// # Errors
    /// The first error of `next`, which returns one vote after the other.
    pub(crate) fn read<E>(counts: &[u32], mut next: impl FnMut() -> Result<VoteRow, E>) -> Result<Option<Self>, E> {
        let mut base = Self::default();
        for counts in counts.chunks(CHUNK) {
            let count = counts.iter().map(|count| *count as usize).sum();
            let mut chunk = SubjectChunk::with_room(counts.len(), count);
            for count in counts {
                for _ in 0..*count {
                    chunk.push(next()?);
                }
                if !chunk.end_subject().is_sorted_by(|a, b| (a.voter, a.category) < (b.voter, b.category)) {
                    return Ok(None);
                }
            }
            base.chunks.push(chunk);
        }
        Ok(Some(base))
    }

    /// How many votes there are.
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.rows.len()).sum()
    }

    /// The number of subjects in the chunks. Subjects beyond have no votes.
    pub(crate) fn subjects(&self) -> usize {
        self.chunks.iter().map(SubjectChunk::subjects).sum()
    }

    /// All votes, ordered by subject, voter and category.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &VoteRow> {
        self.chunks.iter().flat_map(|chunk| &chunk.rows)
    }

    /// No vote ends before this moment; `u64::MAX`: none ends.
    pub(crate) fn first_end_ms(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.first_end_ms).min().unwrap_or(u64::MAX)
    }

    /// Each subject with the votes about it, ascending. A subject may have no votes.
    pub(crate) fn by_subject(&self) -> impl Iterator<Item = (SubjectId, &[VoteRow])> {
        let rows = self.chunks.iter().flat_map(|chunk| (0..chunk.subjects()).map(|offset| chunk.about(offset)));
        (0..).map(SubjectId::new).zip(rows)
    }

    /// The votes about one subject, ordered by voter and category.
    pub(crate) fn about(&self, subject: SubjectId) -> &[VoteRow] {
        let (chunk, offset) = (subject.index() / CHUNK, subject.index() % CHUNK);
        let chunk = self.chunks.get(chunk).filter(|chunk| offset < chunk.subjects());
        chunk.map_or(&[], |chunk| chunk.about(offset))
    }

    /// One voter's votes about one subject, ordered by category.
    pub(crate) fn of_pair(&self, Pair { voter, subject }: Pair) -> &[VoteRow] {
        let row = self.about(subject);
        let begin = row.partition_point(|vote| vote.voter < voter);
        let count = row[begin..].iter().take_while(|vote| vote.voter == voter).count();
        &row[begin..begin + count]
    }

    /// Merges `changes` into the rows and drops the votes that have ended at `now_ms`. Returns how many were dropped.
    pub(super) fn merge(&mut self, changes: Layer, now_ms: u64) -> usize {
        let last = changes.last_key_value().map_or(0, |(key, _)| key.subject.index() + 1);
        let subjects = self.subjects().max(last);
        let mut changes = changes.into_iter().peekable();
        let mut expired = 0;
        for (number, first) in (0..subjects).step_by(CHUNK).enumerate() {
            let last = subjects.min(first + CHUNK);
            if number == self.chunks.len() {
                self.chunks.push(SubjectChunk::with_room(0, 0));
            }
            let chunk = &mut self.chunks[number];
            chunk.widen(last - first);
            let in_chunk = |(key, _): &(VoteKey, Option<VoteRow>)| key.subject.index() < last;
            let changes: Vec<_> = std::iter::from_fn(|| changes.next_if(in_chunk)).collect();
            if !changes.is_empty() || chunk.first_end_ms <= now_ms {
                let (merged, ended) = chunk.merged(first, changes, now_ms);
                *chunk = merged;
                expired += ended;
            }
        }
        expired
    }
}

impl SubjectChunk {
    /// A chunk without subjects, with room for this many subjects and votes.
    fn with_room(subjects: usize, votes: usize) -> Self {
        let mut begins = Vec::with_capacity(subjects + 1);
        begins.push(0);
        Self { begins, rows: Vec::with_capacity(votes), first_end_ms: u64::MAX }
    }

    fn subjects(&self) -> usize {
        self.begins.len() - 1
    }

    fn about(&self, offset: usize) -> &[VoteRow] {
        &self.rows[self.begins[offset] as usize..self.begins[offset + 1] as usize]
    }

    /// Adds subjects without votes, until there are this many.
    fn widen(&mut self, subjects: usize) {
        self.begins.resize(subjects + 1, self.rows.len() as u32);
    }

    /// Adds a vote about the subject that is being filled.
    fn push(&mut self, row: VoteRow) {
        self.first_end_ms = self.first_end_ms.min(row.end_ms());
        self.rows.push(row);
    }

    /// Ends the subject that is being filled, and returns its votes.
    fn end_subject(&mut self) -> &[VoteRow] {
        self.begins.push(self.rows.len() as u32);
        self.about(self.subjects() - 1)
    }

    /// This chunk, whose subjects begin at `first`, with `changes` applied, and how many votes had ended at `now_ms`.
    fn merged(&self, first: usize, changes: Vec<(VoteKey, Option<VoteRow>)>, now_ms: u64) -> (Self, usize) {
        // Changes that remove votes leave some of the room unused until the next merge.
        let mut merged = Self::with_room(self.subjects(), self.rows.len() + changes.len());
        let mut changes = changes.into_iter().peekable();
        let mut expired = 0;
        for offset in 0..self.subjects() {
            let put = |row: VoteRow| if row.is_live(now_ms) { merged.push(row) } else { expired += 1 };
            lay_over(SubjectId::at(first + offset), self.about(offset), &mut changes, put);
            merged.end_subject();
        }
        (merged, expired)
    }
}

/// Applies `changes` to the votes about a subject and calls `each` with the result, in order. Takes the changes about
/// this subject, which must be the next ones.
pub(super) fn lay_over(
    subject: SubjectId,
    row: &[VoteRow],
    changes: &mut Peekable<impl Iterator<Item = (VoteKey, Option<VoteRow>)>>,
    mut each: impl FnMut(VoteRow),
) {
    let mut rest = row;
    while let Some((key, change)) = changes.next_if(|(key, _)| key.subject == subject) {
        let before = rest.partition_point(|vote| (vote.voter, vote.category) < (key.voter, key.category));
        rest[..before].iter().for_each(|vote| each(*vote));
        let replaced = rest.get(before).is_some_and(|vote| (vote.voter, vote.category) == (key.voter, key.category));
        rest = &rest[before + usize::from(replaced)..];
        change.into_iter().for_each(&mut each);
    }
    rest.iter().for_each(|vote| each(*vote));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::VoterId;
    use crate::u48::U48;
    use ostrakon_ledger::Category;
    use proptest::prelude::*;

    fn key(subject: u32, voter: u32, category: usize) -> VoteKey {
        let (subject, voter) = (SubjectId::new(subject), VoterId::new(voter));
        VoteKey { subject, voter, category: Category::ALL[category] }
    }

    fn row(key: VoteKey, index: u64, expires_at_ms: u64) -> VoteRow {
        VoteRow {
            voter: key.voter,
            index: U48::saturating(index),
            since_ms: U48::saturating(1),
            expires_at_ms: U48::saturating(expires_at_ms),
            value: 1,
            category: key.category,
        }
    }

    fn read(counts: &[u32], rows: &[VoteRow]) -> Option<Base> {
        let mut rows = rows.iter();
        Base::read(counts, || rows.next().copied().ok_or(())).unwrap()
    }

    fn layers() -> impl Strategy<Value = Vec<Vec<(VoteKey, Option<u64>)>>> {
        // Subjects at the beginning and the end of a chunk.
        let subject = prop_oneof![0u32..6, CHUNK as u32 - 2..CHUNK as u32 + 2];
        let key = (subject, 0u32..9, 0usize..3).prop_map(|(subject, voter, category)| key(subject, voter, category));
        let change = (key, prop::option::of(0u64..20));
        prop::collection::vec(prop::collection::vec(change, 0..40), 1..6)
    }

    proptest! {
        /// After every merge, the base is the ordered list of the votes that are left, and finds each of them.
        #[test]
        fn merging_applies_every_change(layers in layers()) {
            let mut base = Base::default();
            let mut model: Layer = Layer::new();
            let mut index = 0;
            for (now_ms, layer) in (0u64..).zip(layers) {
                let changes: Layer = layer.into_iter().map(|(key, expires)| {
                    index += 1;
                    (key, expires.map(|expires| row(key, index, expires)))
                }).collect();
                model.extend(changes.iter().map(|(key, change)| (*key, *change)));
                let ended = |change: &Option<VoteRow>| change.is_some_and(|row| !row.is_live(now_ms));
                let want_expired = model.values().filter(|change| ended(change)).count();
                model.retain(|_, change| change.is_some() && !ended(change));
                prop_assert_eq!(base.merge(changes, now_ms), want_expired);
                let mut found = Vec::new();
                for (subject, row) in base.by_subject() {
                    found.extend(row.iter().map(|vote| {
                        (VoteKey { subject, voter: vote.voter, category: vote.category }, Some(*vote))
                    }));
                }
                prop_assert_eq!(&found, &model.iter().map(|(key, row)| (*key, *row)).collect::<Vec<_>>());
                for (key, row) in &model {
                    let votes = base.of_pair(key.pair());
                    prop_assert!(votes.iter().any(|found| Some(*found) == *row && found.category == key.category));
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
        let (a, b) = (row(key(0, 1, 0), 1, 0), row(key(0, 2, 0), 2, 0));
        assert!(read(&[2], &[a, b]).is_some());
        assert!(read(&[1, 1], &[b, a]).is_some());
        assert!(read(&[2], &[b, a]).is_none());
        assert!(read(&[2], &[a, a]).is_none());
        assert!(read(&[0, 0, 2, 0], &[b, a]).is_none());
        assert!(read(&[], &[]).is_some());
    }
}
