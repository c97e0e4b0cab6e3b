//! The votes at rest: rows of 24 bytes, ordered by subject, voter and category, merged with changes in place.

use super::{Layer, Place, Row};

/// Rows of votes. Subject `s` has `rows[begins[s]..begins[s + 1]]`; subjects beyond the end have none.
pub(crate) struct Base {
    begins: Vec<u32>,
    rows: Vec<Row>,
    /// No vote ends before this moment.
    first_end_ms: u64,
}

impl Default for Base {
    fn default() -> Self {
        Self { begins: vec![0], rows: Vec::new(), first_end_ms: u64::MAX }
    }
}

impl Base {
    /// Rows that are ordered by subject, voter and category, and where each subject's begin; `None` if they are not so.
    pub(crate) fn from_rows(begins: Vec<u32>, rows: Vec<Row>) -> Option<Self> {
        let covered = begins.first() == Some(&0) && begins.last().is_some_and(|end| *end as usize == rows.len());
        if !covered || !begins.is_sorted() {
            return None;
        }
        let first_end_ms = rows.iter().map(Row::end_ms).min().unwrap_or(u64::MAX);
        let base = Self { begins, rows, first_end_ms };
        let ascending = |row: &[Row]| row.is_sorted_by(|a, b| (a.voter, a.category) < (b.voter, b.category));
        let in_order = base.by_subject().all(|(_, row)| ascending(row));
        in_order.then_some(base)
    }

    /// How many votes there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Subjects there is a place for; those beyond have no votes.
    pub(crate) fn subjects(&self) -> usize {
        self.begins.len() - 1
    }

    /// All votes, ordered by subject, voter and category.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// No vote ends before this moment; `u64::MAX`: none ends.
    pub(crate) fn first_end_ms(&self) -> u64 {
        self.first_end_ms
    }

    /// Each subject with the votes about it, ascending; there may be none.
    pub(crate) fn by_subject(&self) -> impl Iterator<Item = (u32, &[Row])> {
        (0..).zip(self.begins.windows(2)).map(|(subject, at)| (subject, &self.rows[at[0] as usize..at[1] as usize]))
    }

    /// The votes about one subject, ordered by voter and category.
    pub(crate) fn about(&self, subject: u32) -> &[Row] {
        match self.begins.get(subject as usize..subject as usize + 2) {
            Some(at) => &self.rows[at[0] as usize..at[1] as usize],
            None => &[],
        }
    }

    /// One voter's votes about one subject, ordered by category.
    pub(crate) fn of_pair(&self, voter: u32, subject: u32) -> &[Row] {
        let row = self.about(subject);
        let begin = row.partition_point(|vote| vote.voter < voter);
        let count = row[begin..].iter().take_while(|vote| vote.voter == voter).count();
        &row[begin..begin + count]
    }

    /// Lays `changes` over the rows and leaves out votes that have ended at `now_ms`; returns how many had.
    ///
    /// In place: first what goes is closed up from the front, then what comes is fitted in from the back.
    pub(super) fn merge(&mut self, changes: Layer, now_ms: u64) -> usize {
        if changes.is_empty() && self.first_end_ms > now_ms {
            return 0;
        }
        let mut expired = self.close_up(&changes, now_ms);
        let mut additions = Vec::with_capacity(changes.len());
        for (place, change) in changes {
            match change {
                Some(row) if row.is_live(now_ms) => additions.push((place, row)),
                Some(_) => expired += 1,
                None => {}
            }
        }
        self.first_end_ms = additions.iter().map(|(_, row)| row.end_ms()).fold(self.first_end_ms, u64::min);
        self.fit_in(&additions);
        expired
    }

    /// Drops the rows that have ended or lie under a change; returns how many had ended only.
    fn close_up(&mut self, changes: &Layer, now_ms: u64) -> usize {
        let mut changed = changes.keys().peekable();
        let (mut write, mut expired, mut first_end_ms) = (0, 0, u64::MAX);
        for subject in 0..self.begins.len() - 1 {
            let (begin, end) = (self.begins[subject] as usize, self.begins[subject + 1] as usize);
            self.begins[subject] = write as u32;
            let touched = changed.peek().is_some_and(|change| change.0 as usize == subject);
            for read in begin..end {
                let row = self.rows[read];
                if touched {
                    let place = (subject as u32, row.voter, row.category as u8);
                    while changed.next_if(|change| **change < place).is_some() {}
                    if changed.peek().is_some_and(|change| **change == place) {
                        continue;
                    }
                }
                if !row.is_live(now_ms) {
                    expired += 1;
                    continue;
                }
                first_end_ms = first_end_ms.min(row.end_ms());
                self.rows[write] = row;
                write += 1;
            }
            while changed.next_if(|change| change.0 as usize <= subject).is_some() {}
        }
        if let Some(last) = self.begins.last_mut() {
            *last = write as u32;
        }
        self.rows.truncate(write);
        self.first_end_ms = first_end_ms;
        expired
    }

    /// Adds ordered rows at places that are free.
    fn fit_in(&mut self, additions: &[(Place, Row)]) {
        let Some(((last_subject, ..), filler)) = additions.last().copied() else { return };
        let mut read = self.rows.len();
        let mut write = read + additions.len();
        // A little more than is needed, so that not every merge moves all rows; doubling would waste half the memory.
        if self.rows.capacity() < write {
            self.rows.reserve_exact(additions.len() + write / 32);
        }
        self.rows.resize(write, filler);
        let subjects = (self.begins.len() - 1).max(last_subject as usize + 1);
        self.begins.resize(subjects + 1, read as u32);
        let mut left = additions;
        for subject in (0..subjects).rev() {
            let begin = self.begins[subject] as usize;
            self.begins[subject + 1] = write as u32;
            while let Some(((about, voter, category), row)) =
                left.last().filter(|(place, _)| place.0 as usize == subject)
            {
                debug_assert_eq!(*about as usize, subject);
                // What stands behind the new row moves up in one piece.
                let behind =
                    self.rows[begin..read].partition_point(|at| (at.voter, at.category as u8) < (*voter, *category));
                let moved = read - begin - behind;
                self.rows.copy_within(begin + behind..read, write - moved);
                (read, write) = (begin + behind, write - moved - 1);
                self.rows[write] = *row;
                left = &left[..left.len() - 1];
            }
            if left.is_empty() && read == write {
                break;
            }
            self.rows.copy_within(begin..read, write - (read - begin));
            write -= read - begin;
            read = begin;
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
            voter: place.1,
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
                for (subject, row) in base.by_subject() {
                    found.extend(row.iter().map(|vote| ((subject, vote.voter, vote.category as u8), Some(*vote))));
                }
                prop_assert_eq!(&found, &model.iter().map(|(place, row)| (*place, *row)).collect::<Vec<_>>());
                for ((subject, voter, category), row) in &model {
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
        assert!(Base::from_rows(vec![0], vec![]).is_some());
    }
}
