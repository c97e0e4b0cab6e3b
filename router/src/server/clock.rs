//! The time, as far as it can be believed. The only place where this project reads the wall clock; everything else takes
//! the time as an argument.
//!
//! A wall clock can be wrong: it is set by people, by a time server that errs, by a machine that wakes up. [`Watch`] compares
//! it with a steady clock that nobody sets. When the two disagree by more than [`TOLERANCE_MS`], the time goes on as it went,
//! and the wall clock is believed again once its jump has lasted for [`LASTING_MS`].

mod watch;

pub use watch::{ClockEvent, ClockReading, LASTING_MS, TOLERANCE_MS, Time, UNUSUAL_MS, Watch};

use std::{
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crate::error::Error;

/// While the two clocks stay this close to each other, a reading changes nothing in the watch and needs no lock.
const STILL_MS: i64 = 50;

/// Stands for "every reading goes through the watch".
const NOT_STILL: i64 = i64::MIN;

/// The clocks of this process.
struct Clocks {
    begun: Instant,
    /// The wall clock's lead over the steady one while nothing is in doubt, else [`NOT_STILL`].
    lead_ms: AtomicI64,
    watch: Mutex<Watch>,
    vouched_for: AtomicBool,
}

static CLOCKS: LazyLock<Clocks> = LazyLock::new(|| {
    let begun = Instant::now();
    let reading = ClockReading { wall_ms: wall_ms(), steady_ms: 0 };
    Clocks {
        begun,
        lead_ms: AtomicI64::new(NOT_STILL),
        watch: Mutex::new(Watch::new(reading)),
        vouched_for: AtomicBool::new(false),
    }
});

/// Milliseconds since 1970-01-01 UTC, as far as is known.
pub fn now_ms() -> u64 {
    read().now_ms
}

/// The time for whatever cannot be undone: deletions, expiries, entries of a ledger. Never ahead of [`now_ms`].
pub fn settled_ms() -> u64 {
    read().settled_ms
}

/// The time that an entry of the ledger may carry for ever.
///
/// # Errors
/// [`Error::ClockInDoubt`] while nothing says whether the wall clock or the latest record is wrong.
pub fn dated_ms() -> Result<u64, Error> {
    read().dated_ms.ok_or(Error::ClockInDoubt)
}

/// What the clocks show now.
pub fn read() -> Time {
    let reading = CLOCKS.reading();
    let lead_ms = CLOCKS.lead_ms.load(Ordering::Relaxed);
    if lead_ms != NOT_STILL && (reading.lead_ms() - lead_ms).abs() <= STILL_MS {
        let wall_ms = reading.wall_ms;
        return Time { now_ms: wall_ms, settled_ms: wall_ms, dated_ms: Some(wall_ms), in_doubt: false };
    }
    let mut watch = CLOCKS.locked();
    let (time, event) = watch.observe(reading);
    CLOCKS.settle(&watch);
    drop(watch);
    event.iter().for_each(tell);
    time
}

/// The operator says that the wall clock is right: [`begin`] compares nothing.
pub fn vouch() {
    CLOCKS.vouched_for.store(true, Ordering::Relaxed);
}

/// Compares the wall clock with `newest_ms`, the latest time on this node's own records, Unix milliseconds: until it has run
/// for a while nothing else says whether it is right.
pub fn begin(newest_ms: u64) {
    if CLOCKS.vouched_for.load(Ordering::Relaxed) {
        return;
    }
    let mut watch = CLOCKS.locked();
    let event;
    (*watch, event) = Watch::beginning(CLOCKS.reading(), newest_ms);
    CLOCKS.settle(&watch);
    drop(watch);
    event.iter().for_each(tell);
}

impl Clocks {
    fn reading(&self) -> ClockReading {
        let steady_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        ClockReading { wall_ms: wall_ms(), steady_ms }
    }

    fn settle(&self, watch: &Watch) {
        self.lead_ms.store(watch.lead_ms().unwrap_or(NOT_STILL), Ordering::Relaxed);
        metrics::gauge!("ostrakon_clock_in_doubt").set(f64::from(u8::from(watch.lead_ms().is_none())));
    }

    fn locked(&self) -> MutexGuard<'_, Watch> {
        // A watch is whole between any two statements that change it.
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since 1970-01-01 UTC as the system has them. A clock set before 1970 reads 0.
fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn tell(event: &ClockEvent) {
    let minutes = LASTING_MS / 60_000;
    match event {
        ClockEvent::Jumped { by_ms } => {
            metrics::counter!("ostrakon_clock_jumps_total").increment(1);
            tracing::error!(
                by_ms,
                "the wall clock jumped; it is not believed before that has lasted {minutes} minutes: until then nothing \
                 expires by it"
            );
        }
        ClockEvent::Behind { by_ms } => {
            metrics::counter!("ostrakon_clock_jumps_total").increment(1);
            tracing::error!(
                by_ms,
                "the wall clock is behind what is on record here: for {minutes} minutes the ledger takes nothing; is it wrong?"
            );
        }
        ClockEvent::Ahead { by_ms } => tracing::warn!(
            by_ms,
            "the wall clock is far ahead of what is on record here: for {minutes} minutes nothing expires by it and the \
             ledger takes nothing (503 clock_in_doubt); if it is right, `ostrakon serve --clock-is-right` spares that"
        ),
        ClockEvent::Returned => tracing::warn!("the wall clock is right again"),
        ClockEvent::Believed { by_ms } => tracing::warn!(by_ms, "the wall clock's time has lasted; it is believed now"),
    }
}
