//! What the experience learns from decisions, many at a time, so that a start need not read them one by one.
//!
//! A decision's row has everything that was asked and answered; the experience needs its subjects alone. Those of
//! some thousand decisions are written as one row of [`SIGHTINGS`], with the commit that writes their ids into the
//! index ([`Index`](super::Index)), and are read again in a hundredth of the time that their rows of the log would take.
//!
//! Nothing stands here that the log does not have. A row goes as soon as the log drops the first of its decisions,
//! so that nobody is remembered for longer than the operator wants; what it said about the others is in the log. Rows before
//! the messages that an experience remembers go, too: a million messages take about 120 MB.

use std::collections::VecDeque;

use ostrakon_ledger::{Batch, Store, Subject};
use serde::{Deserialize, Serialize};

use super::tables::{SIGHTINGS, parse_index};
use crate::{error::Error, flow::decision::Decision};

/// Decisions in one row, if nothing else says when to write it: as many as ids wait for the index.
pub(super) const CHUNK: usize = if cfg!(test) { 4 } else { 8_192 };

/// Rows read at once, some megabytes: each scan begins with a block of every table file.
const ROWS_AT_ONCE: usize = 8;

/// A message that was decided on, as it rests: its row in the log, when it was decided on (Unix milliseconds), and what it was judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sighting(pub(super) u64, pub(super) u64, pub(super) Vec<Subject>);

/// [`Sighting`] without owning the subjects; the two write the same bytes.
#[derive(Serialize)]
struct SightingRef<'a>(u64, u64, &'a [Subject]);

/// Which rows there are, and what waits to be written.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    /// Each row's first decision and the one after its last, by their places in the log; the oldest first.
    written: VecDeque<(u64, u64)>,
    /// What waits: a decision's place in the log, and its bytes.
    waiting: VecDeque<(u64, Box<[u8]>)>,
}

impl Sightings {
    /// Notes a decision that is durable in the log.
    pub(super) fn note(&mut self, row: u64, decision: &Decision) {
        let sighting = SightingRef(row, decision.at_ms, &decision.subjects);
        let mut bytes = Vec::with_capacity(256);
        rmp_serde::encode::write(&mut bytes, &sighting).expect("subjects are written into memory");
        self.waiting.push_back((row, bytes.into()));
    }

    /// Puts all that wait into `batch`, and takes rows out of it that end before `first`, from where on messages are
    /// remembered. [`Sightings::settle`] is to be called once the batch is durable.
    pub(super) fn stage(&self, first: u64, batch: &mut Batch) {
        if let Some((row, _)) = self.waiting.front() {
            let bytes: Vec<u8> = self.waiting.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
            batch.put(SIGHTINGS, row.to_be_bytes(), bytes);
        }
        for (row, _) in self.written.iter().take_while(|(_, end)| *end <= first) {
            batch.delete(SIGHTINGS, row.to_be_bytes());
        }
    }

    /// What waited is written now, and what ends before `first` is gone.
    pub(super) fn settle(&mut self, first: u64) {
        if let (Some((row, _)), Some((last, _))) = (self.waiting.front(), self.waiting.back()) {
            self.written.push_back((*row, *last + 1));
            self.waiting.clear();
        }
        while self.written.front().is_some_and(|(_, end)| *end <= first) {
            self.written.pop_front();
        }
    }

    /// Takes out of the store, with `batch`, every row with a decision before `first`: the log drops them.
    /// [`Sightings::forget`] is to be called once the batch is durable.
    pub(super) fn expire(&self, first: u64, batch: &mut Batch) {
        for (row, _) in self.written.iter().take_while(|(row, _)| *row < first) {
            batch.delete(SIGHTINGS, row.to_be_bytes());
        }
    }

    /// The log has dropped the decisions before `first`.
    pub(super) fn forget(&mut self, first: u64) {
        while self.written.front().is_some_and(|(row, _)| *row < first) {
            self.written.pop_front();
        }
        while self.waiting.front().is_some_and(|(row, _)| *row < first) {
            self.waiting.pop_front();
        }
    }

    /// How many decisions wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Reads the rows of `store`, the oldest first; `visit` is given what each has.
    ///
    /// # Errors
    /// The store's, and [`Error::DamagedRow`].
    pub(super) fn read(
        store: &dyn Store,
        mut visit: impl FnMut(Vec<Sighting>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut this = Self::default();
        let mut from = Vec::new();
        loop {
            let rows = store.scan(SIGHTINGS, &from, ROWS_AT_ONCE)?;
            for (key, bytes) in &rows {
                let sightings = parse(bytes)?;
                let (Some(first), Some(last)) = (sightings.first(), sightings.last()) else { return Err(damaged()) };
                if parse_index(SIGHTINGS, key)? != first.0 || last.0 < first.0 {
                    return Err(damaged());
                }
                this.written.push_back((first.0, last.0 + 1));
                visit(sightings)?;
            }
            match rows.last() {
                Some((key, _)) => from = super::expire::successor(key),
                None => return Ok(this),
            }
        }
    }
}

/// One message after the other, to the end.
fn parse(mut bytes: &[u8]) -> Result<Vec<Sighting>, Error> {
    let mut sightings = Vec::with_capacity(CHUNK);
    while !bytes.is_empty() {
        sightings.push(rmp_serde::from_read(&mut bytes).map_err(|_| damaged())?);
    }
    Ok(sightings)
}

fn damaged() -> Error {
    Error::DamagedRow { table: SIGHTINGS.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrowed_and_owned_sightings_are_the_same_bytes_and_damage_is_told() {
        let subjects: Vec<Subject> = vec!["peer:a.example".parse().unwrap(), "domain:b.example".parse().unwrap()];
        let borrowed = rmp_serde::to_vec(&SightingRef(7, 8, &subjects)).unwrap();
        let owned = Sighting(7, 8, subjects);
        assert_eq!(borrowed, rmp_serde::to_vec(&owned).unwrap());
        let two = [borrowed.clone(), borrowed].concat();
        assert_eq!(parse(&two).unwrap(), [owned.clone(), owned]);
        assert!((1..two.len()).filter(|len| *len != two.len() / 2).all(|len| parse(&two[..len]).is_err()));
    }
}
