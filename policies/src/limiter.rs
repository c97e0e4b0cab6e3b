//! The counters of a policy's limits.
//!
//! All limits that apply to a message are checked first, and then consumed together or not at all. Every limit has a
//! table with its own lock. All tables that a message needs are locked together, in the order of their addresses, so
//! that two messages cannot take the same last cell and cannot deadlock. The judges of an old and a new policy share
//! the tables of the limits that did not change, so their counters continue when one policy replaces the other.

mod table;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::facts::{FactValue, Facts};
use crate::policy::{LIMITS_MAX, Limit, Mode};
use table::{Admission, KeyDigest, LimitCounters};

pub use table::{KEYS_MAX, Level};

/// For each limit, by position: the key under which a message counts, and the cells it takes. `None`: the limit does
/// not apply.
pub(crate) type Keys = [Option<(KeyDigest, NonZeroU32)>; LIMITS_MAX];

/// The objection of a limit to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LimitObjection {
    /// Position of the limit.
    pub(crate) limit: usize,
    /// How full the counter is, and when the next message passes.
    pub(crate) level: Level,
    pub(crate) cause: Cause,
}

/// Why a limit refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Too few cells are free.
    Used,
    /// The limit has no memory for another key.
    Full,
    /// The message takes more cells than there are.
    TooMany {
        /// How many cells it takes.
        cells: NonZeroU32,
    },
}

/// The tables of all limits of one policy.
pub(crate) struct Limiter {
    tables: Vec<Arc<Mutex<LimitCounters>>>,
    modes: Vec<Mode>,
    /// Positions in the order in which tables are locked.
    order: Vec<usize>,
}

impl Limiter {
    /// `previous` are the limits of the policy before. The counters of the limits that did not change continue.
    pub(crate) fn new(limits: &[Limit], keys_max: usize, previous: Option<(&[Limit], &Limiter)>) -> Self {
        let kept = |limit: &Limit| {
            let (old, limiter) = previous?;
            let position = old.iter().position(|old| limit.counts_like(old))?;
            limiter.tables.get(position).cloned()
        };
        let fresh = |limit: &Limit| Arc::new(Mutex::new(LimitCounters::new(limit.rate, limit.burst, keys_max)));
        let tables: Vec<_> = limits.iter().map(|limit| kept(limit).unwrap_or_else(|| fresh(limit))).collect();
        let mut order: Vec<usize> = (0..tables.len()).collect();
        order.sort_by_key(|position| tables.get(*position).map(Arc::as_ptr));
        Self { tables, modes: limits.iter().map(|limit| limit.mode).collect(), order }
    }

    /// Takes the cells of every limit in `keys`, or no cells at all if an enforced limit objects. A limit in shadow
    /// mode counts the messages that all enforced limits and it itself would let pass.
    ///
    /// Returns the objections in the order of the file.
    pub(crate) fn take(&self, keys: &Keys, now_ms: u64) -> Vec<LimitObjection> {
        // 1. Lock every table that is needed. All threads use the same order.
        let mut held: [Option<MutexGuard<'_, LimitCounters>>; LIMITS_MAX] = [const { None }; LIMITS_MAX];
        for position in &self.order {
            if let (Some(Some(_)), Some(table), Some(slot)) =
                (keys.get(*position), self.tables.get(*position), held.get_mut(*position))
            {
                *slot = Some(lock(table));
            }
        }
        // 2. Ask each limit, without changing a counter.
        let mut objections = Vec::new();
        let mut next = [None; LIMITS_MAX];
        let mut admitted = true;
        for (limit, ((table, key), next)) in held.iter_mut().zip(keys).zip(&mut next).enumerate() {
            let (Some(table), Some((key, cells))) = (table, key) else { continue };
            let cells = *cells;
            match table.ask(key, cells, now_ms) {
                Admission::Pass(after) => *next = Some(after),
                Admission::Refuse(level) => objections.push(LimitObjection { limit, level, cause: Cause::Used }),
                Admission::Full(level) => objections.push(LimitObjection { limit, level, cause: Cause::Full }),
                Admission::Never(level) => {
                    objections.push(LimitObjection { limit, level, cause: Cause::TooMany { cells } })
                }
            }
            admitted &= next.is_some() || self.modes.get(limit) == Some(&Mode::Shadow);
        }
        // 3. Count the message in all limits, or in none.
        if admitted {
            for ((table, key), next) in held.iter_mut().zip(keys).zip(next) {
                if let (Some(table), Some((key, _)), Some(next)) = (table, key, next) {
                    table.consume(key, next);
                }
            }
        }
        objections
    }

    /// How full the counter of `key` is.
    pub(crate) fn level(&self, limit: usize, key: &KeyDigest, now_ms: u64) -> Option<Level> {
        self.tables.get(limit).map(|table| lock(table).level(key, now_ms))
    }

    /// Forgets `key`. Returns whether it was counted.
    pub(crate) fn reset(&self, limit: usize, key: &KeyDigest) -> bool {
        self.tables.get(limit).is_some_and(|table| lock(table).reset(key))
    }
}

/// No code panics while it changes a table, so a poisoned table is intact.
fn lock(table: &Mutex<LimitCounters>) -> MutexGuard<'_, LimitCounters> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The key of `values` within a limit: BLAKE3 over their bytes, each with its length. So different lists of values have
/// different keys, and long values take no more memory than short ones.
pub(crate) fn key_of<'a>(values: impl Iterator<Item = FactValue<'a>>) -> KeyDigest {
    let mut hasher = blake3::Hasher::new();
    for value in values {
        match value {
            FactValue::Text(text) => {
                hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
            }
            FactValue::Int(number) => {
                hasher.update(&number.to_le_bytes());
            }
            FactValue::Bool(flag) => {
                hasher.update(&[u8::from(flag)]);
            }
        }
    }
    let mut key = KeyDigest::default();
    hasher.finalize_xof().fill(&mut key);
    key
}

/// The key under which a message counts in `limit`.
pub(crate) fn key_in(limit: &Limit, facts: &Facts, now_ms: u64) -> KeyDigest {
    key_of(limit.key.iter().filter_map(|fact| facts.value(fact.name, now_ms)))
}

#[cfg(test)]
mod tests;
