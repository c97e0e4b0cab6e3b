//! One limit's counters: a theoretical arrival time per key, in a table that is bounded.

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

/// How many keys one limit keeps. At about 70 bytes each that is 10 MB per limit at the worst; a server that hears
/// from more senders than this within one refill needs a limit on something coarser.
pub const KEYS_MAX: usize = 131_072;

/// A clock that is behind by less than this is one of several threads that read it a little earlier: time then stands
/// still for a moment. One that is behind by more was set back, and the counters are set back with it.
const CLOCK_SKEW_MAX_MS: u64 = 60_000;

/// Later times (year 2255 and on) are taken for this one, so that nanoseconds stay within 64 bits.
const TIME_MAX_MS: u64 = 9_000_000_000_000;

const NS_PER_MS: u64 = 1_000_000;

/// A digest of the values of a limit's key.
pub(crate) type Key = [u8; 16];

/// How full a counter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Cells in use, a part of one counted as one: 0 to `burst`.
    pub used: u32,
    /// Cells there are.
    pub burst: u32,
    /// The first millisecond (since 1970, UTC) at which the next message passes; not after now if it passes now.
    pub next_at_ms: u64,
}

/// What a table says to a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It passes, and the counter would then be here.
    Pass(Nanos),
    /// It does not.
    Refuse(Level),
    /// It might, but there is no room to count it. Then nobody is let through uncounted.
    Full(Level),
    /// It takes more cells than there are.
    Never(Level),
}

/// The counters of one limit, by key. All times are nanoseconds since 1970.
pub(crate) struct Table {
    quota: Quota,
    keys_max: usize,
    /// Theoretical arrival times. A key that is missing and one whose time is past are alike: both are fresh.
    /// (The map's own order is never used, so that the same calls give the same answers.)
    arrivals: HashMap<Key, u64>,
    /// Every key once, under a time that its arrival time has reached or passed since: the earliest arrival is found
    /// by correcting the top, and each correction pays for a message that was let through.
    earliest: BinaryHeap<Reverse<(u64, Key)>>,
    /// The latest time seen.
    latest_ns: u64,
}

impl Table {
    pub(crate) fn new(rate: Rate, burst: NonZeroU32, keys_max: usize) -> Self {
        let interval = Duration::from_nanos(rate.interval_ns());
        let quota = Quota::with_period(interval).unwrap_or(Quota::per_second(burst)).allow_burst(burst);
        Self { quota, keys_max, arrivals: HashMap::new(), earliest: BinaryHeap::new(), latest_ns: 0 }
    }

    /// Whether a message of `key` that takes `cells` passes at `now_ms`. Only [`Self::consume`] makes it count.
    pub(crate) fn ask(&mut self, key: &Key, cells: NonZeroU32, now_ms: u64) -> Answer {
        let now = self.observe(now_ms);
        let before = self.arrivals.get(key).copied();
        // The limiter would say so, too, but multiplies first.
        if cells > self.quota.burst_size() {
            return Answer::Never(self.level_at(before, now, now));
        }
        if before.is_none() && self.arrivals.len() >= self.keys_max && !self.evict(now) {
            return Answer::Full(self.level_of_room());
        }
        let after = Cell::new(None);
        let limiter = RateLimiter::<_, _, _, NoOpMiddleware<Nanos>>::new(
            self.quota,
            Held { before: before.map(Nanos::new), after: &after },
            Told(Cell::new(Nanos::new(0))),
        );
        // The limiter counts time from its first look at the clock, which so is 1970.
        limiter.clock().0.set(Nanos::new(now));
        match (limiter.check_n(cells), after.get()) {
            (Ok(Ok(())), Some(next)) => Answer::Pass(next),
            (Ok(Err(until)), _) => Answer::Refuse(self.level_at(before, now, until.earliest_possible().as_u64())),
            // The limiter lets nothing pass without storing it; if it ever did, nothing passes.
            (Ok(Ok(())), None) => Answer::Refuse(self.level_at(before, now, now + self.interval_ns())),
            (Err(_), _) => Answer::Never(self.level_at(before, now, now)),
        }
    }

    /// Counts a message that [`Self::ask`] let pass.
    pub(crate) fn consume(&mut self, key: &Key, next: Nanos) {
        let next = next.as_u64();
        if self.arrivals.insert(*key, next).is_none() {
            self.earliest.push(Reverse((next, *key)));
            // Two out for one in: the table shrinks to the keys that matter without ever being swept.
            let _ = self.evict(self.latest_ns) && self.evict(self.latest_ns);
        }
    }

    /// How full the counter of `key` is.
    pub(crate) fn level(&mut self, key: &Key, now_ms: u64) -> Level {
        let now = self.observe(now_ms);
        let before = self.arrivals.get(key).copied();
        let tau = self.interval_ns() * u64::from(self.quota.burst_size().get() - 1);
        self.level_at(before, now, before.unwrap_or(0).saturating_sub(tau))
    }

    /// Forgets `key`.
    pub(crate) fn reset(&mut self, key: &Key) -> bool {
        let there = self.arrivals.remove(key).is_some();
        if there {
            self.earliest.retain(|Reverse((_, other))| other != key);
        }
        there
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert_eq!(self.arrivals.len(), self.earliest.len(), "every key stands in both");
        self.arrivals.len()
    }

    fn interval_ns(&self) -> u64 {
        self.quota.replenish_interval().as_nanos() as u64
    }

    /// The time to judge by. A clock that runs back a little stands still; one that was set back takes the counters
    /// along: none is then more than full, and none is less full than it was.
    fn observe(&mut self, now_ms: u64) -> u64 {
        let now = now_ms.min(TIME_MAX_MS) * NS_PER_MS;
        if now >= self.latest_ns.saturating_sub(CLOCK_SKEW_MAX_MS * NS_PER_MS) {
            self.latest_ns = self.latest_ns.max(now);
            return self.latest_ns;
        }
        let full = now + self.interval_ns() * u64::from(self.quota.burst_size().get());
        let latest = self.latest_ns;
        // What was free stays free; what was in use counts as in use to the last cell, at the new time at the most.
        self.arrivals.retain(|_, arrival| *arrival > latest);
        for arrival in self.arrivals.values_mut() {
            *arrival = (*arrival).min(full);
        }
        self.earliest = self.arrivals.iter().map(|(key, arrival)| Reverse((*arrival, *key))).collect();
        self.latest_ns = now;
        now
    }

    /// Makes room by one key that is as good as fresh; `false` if there is none.
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

    /// When there is room again: a full table speaks for all its keys.
    fn level_of_room(&self) -> Level {
        let burst = self.quota.burst_size().get();
        let next_ns = self.earliest.peek().map_or(0, |Reverse((arrival, _))| *arrival);
        Level { used: burst, burst, next_at_ms: next_ns.div_ceil(NS_PER_MS) }
    }
}

/// `governor`'s view of one key: what it stores is held back, so that other limits can be asked before it counts.
struct Held<'a> {
    before: Option<Nanos>,
    after: &'a Cell<Option<Nanos>>,
}

impl StateStore for Held<'_> {
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

/// A clock that shows what it is told.
struct Told(Cell<Nanos>);

impl Clock for Told {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.get()
    }
}
