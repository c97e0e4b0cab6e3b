//! The votes at rest: rows of 24 bytes, ordered by voter, subject and category, merged with changes in place.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::{Layer, Place, Row};

/// Rows of votes. Voter `v` has `rows[begins[v]..begins[v + 1]]`; voters beyond the end have none.
#[derive(Default)]
pub(crate) struct Base {
    begins: Vec<u32>,
    rows: Vec<Row>,
    /// Made when someone asks for the votes about a subject, and dropped at the next merge.
    by_subject: OnceLock<BySubject>,
}

/// The places of rows, ordered by subject.
struct BySubject {
    begins: Vec<u32>,
    places: Vec<u32>,
}

impl Base {
    /// Rows that are ordered by voter, subject and category, and where each voter's begin; `None` if they are not so.
    pub(crate) fn from_rows(begins: Vec<u32>, rows: Vec<Row>) -> Option<Self> {
        let base = Self { begins, rows, by_subject: OnceLock::new() };
        let ends = base.begins.last().map_or(base.rows.is_empty(), |last| *last as usize == base.rows.len());
        let ordered = base.begins.first().is_none_or(|first| *first == 0) && base.begins.is_sorted();
        let fits = ends && ordered;
        let ascending = |row: &[Row]| row.is_sorted_by(|a, b| (a.subject, a.category) < (b.subject, b.category));
        (fits && base.by_voter().all(|(_, row)| ascending(row))).then_some(base)
    }

    /// All rows.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Each voter with its row, ascending; voters without a vote may be among them.
    pub(crate) fn by_voter(&self) -> impl Iterator<Item = (u32, &[Row])> {
        (0..).zip(self.begins.windows(2)).map(|(voter, at)| (voter, &self.rows[at[0] as usize..at[1] as usize]))
    }

    /// One voter's votes, ordered by subject and category.
    pub(crate) fn of_voter(&self, voter: u32) -> &[Row] {
        match self.begins.get(voter as usize..voter as usize + 2) {
            Some(at) => &self.rows[at[0] as usize..at[1] as usize],
            None => &[],
        }
    }

    /// One voter's votes about one subject, ordered by category.
    pub(crate) fn of_pair(&self, voter: u32, subject: u32) -> &[Row] {
        let row = self.of_voter(voter);
        let begin = row.partition_point(|vote| vote.subject < subject);
        let count = row[begin..].iter().take_while(|vote| vote.subject == subject).count();
        &row[begin..begin + count]
    }

    /// Calls `each` with every row and its voter, in order.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32, &Row)) {
        self.by_voter().for_each(|(voter, row)| row.iter().for_each(|vote| each(voter, vote)));
    }

    /// Voters with a vote about a subject, ascending; one with several appears several times.
    pub(crate) fn voters_about(&self, subject: u32) -> impl Iterator<Item = u32> {
        let index = self.by_subject.get_or_init(|| self.ordered_by_subject());
        let at = index.begins.get(subject as usize..subject as usize + 2).map_or(0..0, |at| at[0]..at[1]);
        let places = &index.places[at.start as usize..at.end as usize];
        places.iter().map(|place| self.begins.partition_point(|begin| begin <= place) as u32 - 1)
    }

    fn ordered_by_subject(&self) -> BySubject {
        let count = self.rows.iter().map(|row| row.subject as usize + 1).max().unwrap_or(0);
        let mut begins = vec![0u32; count + 1];
        self.rows.iter().for_each(|row| begins[row.subject as usize + 1] += 1);
        (0..count).for_each(|i| begins[i + 1] += begins[i]);
        let mut next = begins.clone();
        let mut places = vec![0; self.rows.len()];
        for (place, row) in (0..).zip(&self.rows) {
            let at = &mut next[row.subject as usize];
            places[*at as usize] = place;
            *at += 1;
        }
        BySubject { begins, places }
    }

    /// Lays `changes` over the rows and leaves out votes that have ended at `now_ms`; returns how many had.
    ///
    /// In place: first what goes is closed up from the front, then what comes is fitted in from the back.
    pub(super) fn merge(&mut self, changes: Layer, now_ms: u64) -> usize {
        self.by_subject = OnceLock::new();
        let mut expired = self.close_up(&changes, now_ms);
        let mut additions = Vec::with_capacity(changes.len());
        for (place, change) in changes {
            match change {
                Some(row) if row.is_live(now_ms) => additions.push((place, row)),
                Some(_) => expired += 1,
                None => {}
            }
        }
        self.fit_in(&additions);
        expired
    }

    /// Drops the rows that have ended or lie under a change; returns how many had ended only.
    fn close_up(&mut self, changes: &BTreeMap<Place, Option<Row>>, now_ms: u64) -> usize {
        let mut changed = changes.keys().peekable();
        let (mut write, mut expired) = (0, 0);
        for voter in 0..self.begins.len().saturating_sub(1) {
            let (begin, end) = (self.begins[voter] as usize, self.begins[voter + 1] as usize);
            self.begins[voter] = write as u32;
            for read in begin..end {
                let row = self.rows[read];
                let place = (voter as u32, row.subject, row.category as u8);
                while changed.next_if(|change| **change < place).is_some() {}
                if changed.peek().is_some_and(|change| **change == place) {
                    continue;
                }
                if !row.is_live(now_ms) {
                    expired += 1;
                    continue;
                }
                self.rows[write] = row;
                write += 1;
            }
        }
        if let Some(last) = self.begins.last_mut() {
            *last = write as u32;
        }
        self.rows.truncate(write);
        expired
    }

    /// Adds ordered rows at places that are free.
    fn fit_in(&mut self, additions: &[(Place, Row)]) {
        let Some(((last_voter, ..), filler)) = additions.last().copied() else { return };
        let mut read = self.rows.len();
        let mut write = read + additions.len();
        // A little more than is needed, so that not every merge moves all rows; doubling would waste half the memory.
        if self.rows.capacity() < write {
            self.rows.reserve_exact(additions.len() + write / 32);
        }
        self.rows.resize(write, filler);
        let voters = self.begins.len().saturating_sub(1).max(last_voter as usize + 1);
        self.begins.resize(voters + 1, read as u32);
        let mut left = additions;
        for voter in (0..voters).rev() {
            let begin = self.begins[voter] as usize;
            self.begins[voter + 1] = write as u32;
            loop {
                let add = left.last().filter(|(place, _)| place.0 as usize == voter);
                let stay = (read > begin).then(|| self.rows[read - 1]);
                let row = match (add, stay) {
                    (Some((place, _)), Some(row)) if (row.subject, row.category as u8) > (place.1, place.2) => row,
                    (Some((_, added)), _) => {
                        left = &left[..left.len() - 1];
                        write -= 1;
                        self.rows[write] = *added;
                        continue;
                    }
                    (None, Some(row)) => row,
                    (None, None) => break,
                };
                read -= 1;
                write -= 1;
                self.rows[write] = row;
            }
            if left.is_empty() && read == write {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::u48::U48;
    use ostrakon_ledger::Category;
    use proptest::prelude::*;

    fn row(place: Place, index: u64, expires_at_ms: u64) -> Row {
        Row {
            subject: place.1,
            index: U48::saturating(index),
            since_ms: U48::saturating(1),
            expires_at_ms: U48::saturating(expires_at_ms),
            value: 1,
            category: Category::ALL[usize::from(place.2)],
        }
    }

    fn layers() -> impl Strategy<Value = Vec<Vec<(Place, Option<u64>)>>> {
        let change = ((0u32..9, 0u32..9, 0u8..3), prop::option::of(0u64..20));
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
                base.for_each(|voter, row| found.push(((voter, row.subject, row.category as u8), Some(*row))));
                prop_assert_eq!(&found, &model.iter().map(|(place, row)| (*place, *row)).collect::<Vec<_>>());
                for subject in 0..9 {
                    let voters: Vec<u32> = base.voters_about(subject).collect();
                    let want: Vec<u32> = model.keys().filter(|place| place.1 == subject).map(|place| place.0).collect();
                    prop_assert_eq!(voters, want);
                }
                for ((voter, subject, category), row) in &model {
                    let pair = base.of_pair(*voter, *subject);
                    prop_assert!(pair.iter().any(|found| Some(*found) == *row && found.category as u8 == *category));
                }
                prop_assert!(Base::from_rows(base.begins.clone(), base.rows.clone()).is_some());
            }
        }
    }

    #[test]
    fn rows_out_of_order_are_refused() {
        let (a, b) = (row((0, 1, 0), 1, 0), row((0, 2, 0), 2, 0));
        assert!(Base::from_rows(vec![0, 2], vec![a, b]).is_some());
        assert!(Base::from_rows(vec![0, 1, 2], vec![b, a]).is_some());
        assert!(Base::from_rows(vec![0, 2], vec![b, a]).is_none());
        assert!(Base::from_rows(vec![0, 2], vec![a, a]).is_none());
        assert!(Base::from_rows(vec![0, 1], vec![a, b]).is_none());
        assert!(Base::from_rows(vec![1, 2], vec![a, b]).is_none());
        assert!(Base::from_rows(vec![0, 2, 1, 2], vec![a, b]).is_none());
        assert!(Base::from_rows(vec![], vec![a]).is_none());
        assert!(Base::from_rows(vec![], vec![]).is_some());
    }
}
