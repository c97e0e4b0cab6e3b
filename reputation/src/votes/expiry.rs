//! Which votes end soon.
//!
//! Only the pairs with a vote that ends before the horizon are kept in order. When time reaches the horizon, all votes
//! are searched again: once an hour, for a few milliseconds per million votes. The alternative would take forty bytes
//! per vote all the time.

use std::collections::BTreeSet;

use crate::ids::Pair;

/// How far ahead votes are kept in the order of their ends.
const HORIZON_MS: u64 = 3_600_000;

/// A moment at which a vote of a pair ends. Ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Expiring {
    /// Unix ms.
    pub(super) at_ms: u64,
    pub(super) pair: Pair,
}

/// The pairs with a vote that ends before the horizon. May include pairs whose vote was replaced or retracted.
#[derive(Debug)]
pub(super) struct ExpiryQueue {
    soon: BTreeSet<Expiring>,
    /// Every vote that ends before this moment, and after the last [`ExpiryQueue::take`], is in `soon`.
    horizon_ms: u64,
}

impl ExpiryQueue {
    /// An empty queue with its horizon just after `now_ms`.
    pub(super) fn at(now_ms: u64) -> Self {
        Self { soon: BTreeSet::new(), horizon_ms: now_ms.saturating_add(1) }
    }

    /// The first moment whose endings are not in the queue.
    pub(super) fn horizon_ms(&self) -> u64 {
        self.horizon_ms
    }

    /// Moves the horizon beyond `now_ms`. Returns the span of time whose endings must now be added; the end is
    /// exclusive.
    pub(super) fn advance_horizon(&mut self, now_ms: u64) -> (u64, u64) {
        let from_ms = self.horizon_ms;
        self.horizon_ms = now_ms.saturating_add(HORIZON_MS);
        (from_ms, self.horizon_ms)
    }

    /// Adds a vote of a pair if it ends before the horizon. `expires_at_ms` is 0 for a vote that never ends.
    pub(super) fn note(&mut self, expires_at_ms: u64, pair: Pair) {
        if expires_at_ms != 0 && expires_at_ms < self.horizon_ms {
            self.soon.insert(Expiring { at_ms: expires_at_ms, pair });
        }
    }

    /// Removes and returns the pairs with a vote that ends at `now_ms` or before.
    pub(super) fn take(&mut self, now_ms: u64) -> BTreeSet<Pair> {
        let mut pairs = BTreeSet::new();
        while let Some(first) = self.soon.pop_first() {
            if first.at_ms > now_ms {
                self.soon.insert(first);
                break;
            }
            pairs.insert(first.pair);
        }
        pairs
    }
}
