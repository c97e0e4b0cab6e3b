//! The counters of a policy's limits.
//!
//! All limits that apply to a message are checked first and consumed together or not at all. Every limit has a table
//! with a lock of its own; the tables a message needs are locked together, in the order of their addresses, so that
//! two messages can neither take the same last cell nor wait for each other. Judges of an old and a new policy share
//! the tables of the limits that did not change, so nothing is forgotten while one replaces the other.

mod table;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::facts::{Facts, Value};
use crate::policy::{LIMITS_MAX, Limit, Mode};
use table::{Answer, Key, Table};

pub use table::{KEYS_MAX, Level};

/// The keys under which a message counts and the cells it takes there, by position of the limit; `None` where the
/// limit does not apply.
pub(crate) type Keys = [Option<(Key, NonZeroU32)>; LIMITS_MAX];

/// An objection to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Position of the limit.
    pub(crate) limit: usize,
    /// How full the counter is and when the next message passes.
    pub(crate) level: Level,
    pub(crate) cause: Cause,
}

/// Why a limit refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Too few cells are free.
    Used,
    /// The limit has no room for another key: the message is refused for the sake of memory.
    Full,
    /// The message takes more cells than there are.
    TooMany {
        /// How many.
        cells: NonZeroU32,
    },
}

/// The tables of all limits of one policy.
pub(crate) struct Limiter {
    tables: Vec<Arc<Mutex<Table>>>,
    modes: Vec<Mode>,
    /// Positions in the order in which tables are locked.
    order: Vec<usize>,
}

impl Limiter {
    /// `previous`: limits and their tables, whose counters go on where the limit did not change.
    pub(crate) fn new(limits: &[Limit], keys_max: usize, previous: Option<(&[Limit], &Limiter)>) -> Self {
        let kept = |limit: &Limit| {
            let (old, limiter) = previous?;
            let position = old.iter().position(|old| limit.counts_like(old))?;
            limiter.tables.get(position).cloned()
        };
        let fresh = |limit: &Limit| Arc::new(Mutex::new(Table::new(limit.rate, limit.burst, keys_max)));
        let tables: Vec<_> = limits.iter().map(|limit| kept(limit).unwrap_or_else(|| fresh(limit))).collect();
        let mut order: Vec<usize> = (0..tables.len()).collect();
        order.sort_by_key(|position| tables.get(*position).map(Arc::as_ptr));
        Self { tables, modes: limits.iter().map(|limit| limit.mode).collect(), order }
    }

    /// Takes the cells of every limit in `keys`, or none of any if an enforced limit refuses. A limit in shadow mode
    /// counts what the enforced ones let pass and it would let pass itself.
    ///
    /// Returns the refusals in the order of the file.
    pub(crate) fn take(&self, keys: &Keys, now_ms: u64) -> Vec<Refusal> {
        // 1. Lock every table that is needed, in the one order that all threads keep to.
        let mut held: [Option<MutexGuard<'_, Table>>; LIMITS_MAX] = [const { None }; LIMITS_MAX];
        for position in &self.order {
            if let (Some(Some(_)), Some(table), Some(slot)) =
                (keys.get(*position), self.tables.get(*position), held.get_mut(*position))
            {
                *slot = Some(lock(table));
            }
        }
        // 2. Ask each, without a change.
        let mut refusals = Vec::new();
        let mut next = [None; LIMITS_MAX];
        let mut admitted = true;
        for (limit, ((table, key), next)) in held.iter_mut().zip(keys).zip(&mut next).enumerate() {
            let (Some(table), Some((key, cells))) = (table, key) else { continue };
            let cells = *cells;
            match table.ask(key, cells, now_ms) {
                Answer::Pass(after) => *next = Some(after),
                Answer::Refuse(level) => refusals.push(Refusal { limit, level, cause: Cause::Used }),
                Answer::Full(level) => refusals.push(Refusal { limit, level, cause: Cause::Full }),
                Answer::Never(level) => refusals.push(Refusal { limit, level, cause: Cause::TooMany { cells } }),
            }
            admitted &= next.is_some() || self.modes.get(limit) == Some(&Mode::Shadow);
        }
        // 3. All together or nothing.
        if admitted {
            for ((table, key), next) in held.iter_mut().zip(keys).zip(next) {
                if let (Some(table), Some((key, _)), Some(next)) = (table, key, next) {
                    table.consume(key, next);
                }
            }
        }
        refusals
    }

    /// How full the counter of `key` is.
    pub(crate) fn level(&self, limit: usize, key: &Key, now_ms: u64) -> Option<Level> {
        self.tables.get(limit).map(|table| lock(table).level(key, now_ms))
    }

    /// Forgets `key`; whether there was something to forget.
    pub(crate) fn reset(&self, limit: usize, key: &Key) -> bool {
        self.tables.get(limit).is_some_and(|table| lock(table).reset(key))
    }
}

/// No code that holds a table can panic half-way through a change, so a poisoned one is whole.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The key of `values` within a limit: BLAKE3 of their bytes, each with its length, so that no two lists of values
/// look alike and that long values take no more memory than short ones.
pub(crate) fn key_of<'a>(values: impl Iterator<Item = Value<'a>>) -> Key {
    let mut hasher = blake3::Hasher::new();
    for value in values {
        match value {
            Value::Text(text) => {
                hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
            }
            Value::Int(number) => {
                hasher.update(&number.to_le_bytes());
            }
            Value::Bool(flag) => {
                hasher.update(&[u8::from(flag)]);
            }
        }
    }
    let mut key = Key::default();
    hasher.finalize_xof().fill(&mut key);
    key
}

/// The key under which a message counts in `limit`.
pub(crate) fn key_in(limit: &Limit, facts: &Facts, now_ms: u64) -> Key {
    key_of(limit.key.iter().filter_map(|fact| facts.value(fact.name, now_ms)))
}

#[cfg(test)]
mod tests;
