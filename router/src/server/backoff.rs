//! How long to rest before something is tried again: a pure function of how often it failed in a row.
//!
//! Every loop that goes on after a failure rests by one of these, also when what failed is its own bookkeeping.

use std::time::Duration;

/// Doublings after which a pause no longer grows; far beyond any longest pause.
const DOUBLINGS_MAX: u32 = 32;

/// Pauses that double from the first to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
}

impl Backoff {
    /// Pauses from `first` to `max`.
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max }
    }

    /// The rest after `failures` failures in a row, at least one. `seed` spreads those that failed together: a pause is
    /// at most a quarter shorter than its doubling says.
    pub fn pause(&self, failures: u32, seed: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
        let whole = u64::try_from(self.first.as_millis()).unwrap_or(u64::MAX).saturating_mul(1 << doublings);
        let whole = whole.min(u64::try_from(self.max.as_millis()).unwrap_or(u64::MAX));
        let shorter = (whole / 4).checked_add(1).map_or(0, |range| mix(seed ^ u64::from(failures)) % range);
        Duration::from_millis(whole - shorter)
    }
}

/// Spreads close seeds over all numbers; the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A pause is never nothing, never longer than the longest, and the same for the same arguments.
        #[test]
        fn a_pause_lies_between_its_bounds(
            (first, max) in (4u64..10_000, 4u64..100_000_000),
            failures in 0u32..200,
            seed in any::<u64>(),
        ) {
            let max = max.max(first);
            let backoff = Backoff::new(Duration::from_millis(first), Duration::from_millis(max));
            let pause = backoff.pause(failures, seed);
            let whole = first.saturating_mul(1 << failures.saturating_sub(1).min(32)).min(max);
            prop_assert!(pause <= Duration::from_millis(whole));
            prop_assert!(pause >= Duration::from_millis(whole - whole / 4));
            prop_assert_eq!(pause, backoff.pause(failures, seed));
        }
    }

    #[test]
    fn those_that_failed_together_do_not_come_back_together() {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        let pauses: std::collections::BTreeSet<_> = (0..100).map(|seed| backoff.pause(5, seed)).collect();
        assert!(pauses.len() > 90, "{}", pauses.len());
    }
}
