//! Which votes end soon.
//!
//! Only the pairs of votes that end within the horizon are kept in order; the others are looked at again, all of them,
//! when the horizon is reached: once an hour, for a few milliseconds per million votes, instead of forty bytes per vote
//! for good.

use std::collections::BTreeSet;

/// How far ahead votes are kept in order of their end.
const HORIZON_MS: u64 = 3_600_000;

/// Pairs with a vote that ends before the horizon. May name pairs whose vote was replaced or taken back.
#[derive(Debug)]
pub(super) struct Expiry {
    soon: BTreeSet<(u64, u32, u32)>,
    /// Every vote that ends before this moment, and after the last [`Expiry::take`], is in `soon`.
    horizon_ms: u64,
}

impl Expiry {
    /// Nothing is known beyond `now_ms`.
    pub(super) fn at(now_ms: u64) -> Self {
        Self { soon: BTreeSet::new(), horizon_ms: now_ms.saturating_add(1) }
    }

    /// The first moment that is not looked at yet.
    pub(super) fn horizon_ms(&self) -> u64 {
        self.horizon_ms
    }

    /// Moves the horizon beyond `now_ms`; returns the moments that have to be looked at, the last exclusive.
    pub(super) fn advance_horizon(&mut self, now_ms: u64) -> (u64, u64) {
        let from_ms = self.horizon_ms;
        self.horizon_ms = now_ms.saturating_add(HORIZON_MS);
        (from_ms, self.horizon_ms)
    }

    /// Takes note of a vote; one that never ends has 0.
    pub(super) fn note(&mut self, expires_at_ms: u64, voter: u32, subject: u32) {
        if expires_at_ms != 0 && expires_at_ms < self.horizon_ms {
            self.soon.insert((expires_at_ms, voter, subject));
        }
    }

    /// Takes out the pairs with a vote that ends not after `now_ms`.
    pub(super) fn take(&mut self, now_ms: u64) -> BTreeSet<(u32, u32)> {
        let mut pairs = BTreeSet::new();
        while let Some(first) = self.soon.pop_first() {
            if first.0 > now_ms {
                self.soon.insert(first);
                break;
            }
            pairs.insert((first.1, first.2));
        }
        pairs
    }
}
