//! One limit's counters: a theoretical arrival time per key, in a bounded table.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use crate::rate::Rate;

/// How many keys one limit keeps. At about 70 bytes each that is at most 10 MB per limit. A server that gets messages
/// from more senders within one refill needs a limit with a coarser key.
pub const KEYS_MAX: usize = 131_072;

/// A time that is earlier than the latest by less than this comes from another thread that read the clock a little
/// earlier; the latest time is used instead. If it is earlier by more, the clock was set back, and the counters are set
/// back with it.
const CLOCK_SKEW_MAX_MS: u64 = 60_000;

/// A later time (after the year 2255) counts as this one, so that nanoseconds fit into 64 bits.
const TIME_MAX_MS: u64 = 9_000_000_000_000;

const NS_PER_MS: u64 = 1_000_000;

/// A digest of the values of a limit's key.
pub(crate) type KeyDigest = [u8; 16];

/// How full a counter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Cells in use, rounded up: 0 to `burst`.
    pub used: u32,
    /// How many cells there are.
    pub burst: u32,
    /// When the next message passes, in milliseconds since 1970, UTC. Not after now if it passes now.
    pub next_at_ms: u64,
}

/// Whether a limit lets a message pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The message passes. The counter would then have this arrival time.
    Pass(Nanos),
    /// The message does not pass now.
    Refuse(Level),
    /// There is no memory to count the message. A message that cannot be counted does not pass.
    Full(Level),
    /// The message takes more cells than there are.
    Never(Level),
}

/// The counters of one limit, by key. All times are nanoseconds since 1970.
pub(crate) struct LimitCounters {
    quota: Quota,
    keys_max: usize,
    /// Theoretical arrival times. A missing key is the same as a key whose time has passed: all cells are free.
    /// (The order of the map is never used, so that the same calls give the same results.)
    arrivals: HashMap<KeyDigest, u64>,
    /// Every key once, under its arrival time or an earlier one. The earliest arrival is found by correcting the top.
    /// There is at most one correction for each message that passed.
    earliest: BinaryHeap<Reverse<(u64, KeyDigest)>>,
    /// The latest time seen.
    latest_ns: u64,
}

impl LimitCounters {
    pub(crate) fn new(rate: Rate, burst: NonZeroU32, keys_max: usize) -> Self {
        let interval = Duration::from_nanos(rate.interval_ns());
        let quota = Quota::with_period(interval).unwrap_or(Quota::per_second(burst)).allow_burst(burst);
        Self { quota, keys_max, arrivals: HashMap::new(), earliest: BinaryHeap::new(), latest_ns: 0 }
    }

    /// Whether a message of `key` that takes `cells` passes at `now_ms`. The message counts only after
    /// [`Self::consume`].
    pub(crate) fn ask(&mut self, key: &KeyDigest, cells: NonZeroU32, now_ms: u64) -> Admission {
        let now = self.observe(now_ms);
        let before = self.arrivals.get(key).copied();
        // The limiter would give the same answer, but its multiplication could overflow.
        if cells > self.quota.burst_size() {
            return Admission::Never(self.level_at(before, now, now));
        }
        if before.is_none() && self.arrivals.len() >= self.keys_max && !self.evict(now) {
            return Admission::Full(self.level_of_room());
        }
        let after = Cell::new(None);
        let limiter = RateLimiter::<_, _, _, NoOpMiddleware<Nanos>>::new(
            self.quota,
            HeldBack { before: before.map(Nanos::new), after: &after },
            FixedClock(Cell::new(Nanos::new(0))),
        );
        // The limiter counts time from its first reading of the clock, so that reading was 1970.
        limiter.clock().0.set(Nanos::new(now));
        match (limiter.check_n(cells), after.get()) {
            (Ok(Ok(())), Some(next)) => Admission::Pass(next),
            (Ok(Err(until)), _) => Admission::Refuse(self.level_at(before, now, until.earliest_possible().as_u64())),
            // The limiter stores an arrival time for every message that passes. If it did not, the message must not
            // pass.
            (Ok(Ok(())), None) => Admission::Refuse(self.level_at(before, now, now + self.interval_ns())),
            (Err(_), _) => Admission::Never(self.level_at(before, now, now)),
        }
    }

    /// Counts a message that [`Self::ask`] let pass.
    pub(crate) fn consume(&mut self, key: &KeyDigest, next: Nanos) {
        let next = next.as_u64();
        if self.arrivals.insert(*key, next).is_none() {
            self.earliest.push(Reverse((next, *key)));
            // Removes up to two keys for each new one, so that the table shrinks to the keys that matter without a full
            // scan.
            let _ = self.evict(self.latest_ns) && self.evict(self.latest_ns);
        }
    }

    /// How full the counter of `key` is.
    pub(crate) fn level(&mut self, key: &KeyDigest, now_ms: u64) -> Level {
        let now = self.observe(now_ms);
        let before = self.arrivals.get(key).copied();
        let tau = self.interval_ns() * u64::from(self.quota.burst_size().get() - 1);
        self.level_at(before, now, before.unwrap_or(0).saturating_sub(tau))
    }

    /// Forgets `key`.
    pub(crate) fn reset(&mut self, key: &KeyDigest) -> bool {
        let there = self.arrivals.remove(key).is_some();
        if there {
            self.earliest.retain(|Reverse((_, other))| other != key);
        }
        there
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert_eq!(self.arrivals.len(), self.earliest.len(), "every key is in both");
        self.arrivals.len()
    }

    fn interval_ns(&self) -> u64 {
        self.quota.replenish_interval().as_nanos() as u64
    }

    /// The time to use. If the clock is a little behind, this is the latest time. If the clock was set back, the
    /// counters are set back too: no counter is then more than full, and none has more free cells than before.
    fn observe(&mut self, now_ms: u64) -> u64 {
        let now = now_ms.min(TIME_MAX_MS) * NS_PER_MS;
        if now >= self.latest_ns.saturating_sub(CLOCK_SKEW_MAX_MS * NS_PER_MS) {
            self.latest_ns = self.latest_ns.max(now);
            return self.latest_ns;
        }
        let full = now + self.interval_ns() * u64::from(self.quota.burst_size().get());
        let latest = self.latest_ns;
        // A key with all cells free stays so. Any other key has at most its old arrival time, or no cell free at the
        // new time.
        self.arrivals.retain(|_, arrival| *arrival > latest);
        for arrival in self.arrivals.values_mut() {
            *arrival = (*arrival).min(full);
        }
        self.earliest = self.arrivals.iter().map(|(key, arrival)| Reverse((*arrival, *key))).collect();
        self.latest_ns = now;
        now
    }

    /// Removes one key whose cells are all free; `false` if there is none.
    fn evict(&mut self, now: u64) -> bool {
        self.settle();
        match self.earliest.peek() {
            Some(Reverse((arrival, _))) if *arrival <= now => {
                if let Some(Reverse((_, key))) = self.earliest.pop() {
                    self.arrivals.remove(&key);
                }
                true
            }
            _ => false,
        }
    }

    /// Corrects the top of the heap until it is the key with the earliest arrival time.
    fn settle(&mut self) {
        while let Some(mut top) = self.earliest.peek_mut() {
            let Reverse((noted, key)) = *top;
            let arrival = self.arrivals.get(&key).copied().unwrap_or(noted);
            if arrival <= noted {
                return;
            }
            *top = Reverse((arrival, key));
        }
    }

    fn level_at(&self, arrival: Option<u64>, now: u64, next_ns: u64) -> Level {
        let burst = self.quota.burst_size().get();
        let used = arrival.unwrap_or(now).saturating_sub(now).div_ceil(self.interval_ns());
        let used = u32::try_from(used).unwrap_or(burst).min(burst);
        Level { used, burst, next_at_ms: next_ns.div_ceil(NS_PER_MS) }
    }

    /// The level for a full table: when there is memory for another key again.
    fn level_of_room(&self) -> Level {
        let burst = self.quota.burst_size().get();
        let next_ns = self.earliest.peek().map_or(0, |Reverse((arrival, _))| *arrival);
        Level { used: burst, burst, next_at_ms: next_ns.div_ceil(NS_PER_MS) }
    }
}

/// The state store of `governor` for one key. It keeps the new arrival time aside, so that other limits can be asked
/// first.
struct HeldBack<'a> {
    before: Option<Nanos>,
    after: &'a Cell<Option<Nanos>>,
}

impl StateStore for HeldBack<'_> {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, next) = decide(self.before)?;
        self.after.set(Some(next));
        Ok(outcome)
    }
}

/// A clock that shows the time it was set to.
struct FixedClock(Cell<Nanos>);

impl Clock for FixedClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.get()
    }
}
