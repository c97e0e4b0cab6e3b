//! The watch, driven by clocks that the tests set.

use proptest::prelude::*;

use super::*;

const START_MS: u64 = 1_790_000_000_000;
const SECOND_MS: i64 = 1_000;
const DAY_MS: i64 = 86_400_000;

/// A wall clock that can be set, beside a steady one.
struct TestClocks {
    steady_ms: u64,
    off_ms: i64,
    watch: Watch,
    events: Vec<ClockEvent>,
}

impl TestClocks {
    fn new() -> Self {
        let watch = Watch::new(reading(0, 0));
        Self { steady_ms: 0, off_ms: 0, watch, events: Vec::new() }
    }

    fn starting(off_ms: i64, newest_ms: u64) -> Self {
        let (watch, event) = Watch::beginning(reading(0, off_ms), newest_ms);
        Self { steady_ms: 0, off_ms, watch, events: event.into_iter().collect() }
    }

    /// Waits, reading once a second, and says what is believed then, as distance from the true time.
    /// Whether an entry may be dated now.
    fn dates(&mut self) -> bool {
        self.watch.observe(reading(self.steady_ms, self.off_ms)).0.dated_ms.is_some()
    }

    fn wait(&mut self, seconds: u64) -> (i64, i64) {
        let (mut time, event) = self.watch.observe(reading(self.steady_ms, self.off_ms));
        self.events.extend(event);
        for _ in 0..seconds {
            self.steady_ms += 1_000;
            let event;
            (time, event) = self.watch.observe(reading(self.steady_ms, self.off_ms));
            self.events.extend(event);
        }
        let off = |ms: u64| ms as i64 - (START_MS + self.steady_ms) as i64;
        (off(time.now_ms), off(time.settled_ms))
    }
}

fn reading(steady_ms: u64, off_ms: i64) -> ClockReading {
    ClockReading { wall_ms: (START_MS + steady_ms).saturating_add_signed(off_ms), steady_ms }
}

#[test]
fn a_jump_is_told_once_and_not_believed_before_it_has_lasted() {
    for by_ms in [400 * DAY_MS, -400 * DAY_MS, 6 * SECOND_MS, -6 * SECOND_MS] {
        let mut clocks = TestClocks::new();
        assert_eq!(clocks.wait(100), (0, 0));
        clocks.off_ms = by_ms;
        assert_eq!(clocks.wait(LASTING_MS / 1_000 - 1), (0, 0), "time goes on as it went");
        assert!(clocks.dates(), "as it went");
        assert_eq!(clocks.events, [ClockEvent::Jumped { by_ms }]);
        assert_eq!(clocks.wait(1), (by_ms, by_ms));
        assert_eq!(clocks.events, [ClockEvent::Jumped { by_ms }, ClockEvent::Believed { by_ms }]);
    }
}

/// F7: three seconds of a clock that is ahead, then one that is a minute off.
#[test]
fn a_clock_that_jumps_there_and_elsewhere_is_believed_by_its_last_place() {
    let mut clocks = TestClocks::new();
    clocks.off_ms = 400 * DAY_MS;
    assert_eq!(clocks.wait(3), (0, 0));
    clocks.off_ms = 60 * SECOND_MS;
    assert_eq!(clocks.wait(LASTING_MS / 1_000 - 1), (0, 0));
    assert_eq!(clocks.wait(1), (60 * SECOND_MS, 60 * SECOND_MS));
    let by = |by_ms| ClockEvent::Jumped { by_ms };
    let minute = 60 * SECOND_MS;
    assert_eq!(clocks.events, [by(400 * DAY_MS), by(minute), ClockEvent::Believed { by_ms: minute }]);
}

#[test]
fn a_clock_that_comes_back_was_never_away() {
    let mut clocks = TestClocks::new();
    clocks.off_ms = DAY_MS;
    clocks.wait(30);
    clocks.off_ms = 0;
    assert_eq!(clocks.wait(LASTING_MS / 500), (0, 0));
    assert_eq!(clocks.events, [ClockEvent::Jumped { by_ms: DAY_MS }, ClockEvent::Returned]);
}

#[test]
fn a_clock_behind_the_record_does_not_take_the_node_back() {
    let mut clocks = TestClocks::starting(-DAY_MS, START_MS);
    assert_eq!(clocks.events, [ClockEvent::Behind { by_ms: DAY_MS }]);
    assert_eq!(clocks.wait(LASTING_MS / 1_000 - 1), (0, -DAY_MS), "either may be wrong");
    // A time server sets it right.
    clocks.off_ms = 0;
    assert_eq!(clocks.wait(1), (0, 0));
    assert_eq!(clocks.watch.lead_ms(), Some(START_MS as i64));
    // Nobody sets it right.
    let mut clocks = TestClocks::starting(-DAY_MS, START_MS);
    assert_eq!(clocks.wait(LASTING_MS / 1_000), (-DAY_MS, -DAY_MS));
}

/// The latest record was written while the clock was far ahead; it is right since.
#[test]
fn a_record_from_the_future_expires_nothing() {
    let mut clocks = TestClocks::starting(0, START_MS + 400 * DAY_MS as u64);
    assert_eq!(clocks.wait(LASTING_MS / 1_000 - 1).1, 0, "what is settled is the wall clock's");
    assert!(!clocks.dates());
    assert_eq!(clocks.wait(1), (0, 0));
}

#[test]
fn a_clock_far_ahead_of_the_record_expires_nothing_at_first() {
    let mut clocks = TestClocks::starting(0, START_MS - 40 * DAY_MS as u64);
    assert_eq!(clocks.events, [ClockEvent::Ahead { by_ms: 40 * DAY_MS }]);
    assert_eq!(clocks.wait(LASTING_MS / 1_000 - 1), (0, -40 * DAY_MS), "the best guess is the wall clock");
    assert!(!clocks.dates(), "an entry is for ever");
    assert_eq!(clocks.wait(1), (0, 0));
    assert!(clocks.dates());
    // It was wrong, and is set right meanwhile: that is believed at once.
    let mut clocks = TestClocks::starting(400 * DAY_MS, START_MS - 1);
    clocks.wait(5);
    clocks.off_ms = 0;
    assert_eq!(clocks.wait(1), (0, 0));
    assert_eq!(clocks.watch.lead_ms(), Some(START_MS as i64));
}

#[test]
fn an_ordinary_start_is_believed_at_once() {
    for off_days in [0, 1] {
        let newest_ms = START_MS - off_days * DAY_MS as u64;
        let mut clocks = TestClocks::starting(0, newest_ms);
        assert_eq!((clocks.events.len(), clocks.wait(1)), (0, (0, 0)));
    }
}

proptest! {
    /// Whatever the wall clock does: what is settled never runs ahead of the steady clock by more than small corrections,
    /// unless a reading has lasted; and it is never ahead of the best guess.
    #[test]
    fn nothing_settles_before_it_has_lasted(
        jumps in prop::collection::vec((-1_000i64 * DAY_MS..1_000 * DAY_MS, 1u64..400), 1..20),
    ) {
        let mut clocks = TestClocks::new();
        clocks.wait(1);
        let mut at = None;
        for (off_ms, seconds) in jumps {
            // The same place twice, or the true one, would be a reading that lasts.
            prop_assume!(off_ms.unsigned_abs() > 2 * TOLERANCE_MS);
            prop_assume!(at.is_none_or(|at: i64| at.abs_diff(off_ms) > 2 * TOLERANCE_MS));
            (at, clocks.off_ms) = (Some(off_ms), off_ms);
            prop_assert_eq!(clocks.wait(seconds), (0, 0));
        }
    }

    /// A clock that is corrected a little at a time is followed.
    #[test]
    fn small_corrections_are_followed(steps in prop::collection::vec(-4_000i64..4_000, 1..100)) {
        let mut clocks = TestClocks::new();
        for step in steps {
            clocks.off_ms += step;
            prop_assert_eq!(clocks.wait(1), (clocks.off_ms, clocks.off_ms));
        }
        prop_assert!(clocks.events.is_empty());
    }
}
