use std::num::NonZeroU32;

use proptest::prelude::*;

use super::table::{Admission, KeyDigest, LimitCounters};
use super::{Cause, Keys, Limiter, key_of};
use crate::{FactValue, Policy, Rate};

const NOW: u64 = 1_800_000_000_000;
const ONE: NonZeroU32 = NonZeroU32::MIN;

fn table(rate: &str, burst: u32, keys_max: usize) -> LimitCounters {
    LimitCounters::new(Rate::parse(rate).unwrap(), NonZeroU32::new(burst).unwrap(), keys_max)
}

fn key(number: u64) -> KeyDigest {
    key_of([FactValue::Int(number as i64)].into_iter())
}

fn take(table: &mut LimitCounters, number: u64, now_ms: u64) -> Admission {
    let answer = table.ask(&key(number), ONE, now_ms);
    if let Admission::Pass(next) = &answer {
        table.consume(&key(number), *next);
    }
    answer
}

#[test]
fn a_full_table_lets_nobody_through_uncounted() {
    let mut table = table("1/s", 2, 3);
    for number in 0..3 {
        assert!(matches!(take(&mut table, number, NOW + number), Admission::Pass(_)));
    }
    let Admission::Full(level) = take(&mut table, 9, NOW + 3) else { panic!("there is no room") };
    assert_eq!(level.next_at_ms, NOW + 1_000, "when the first of the three is fresh again");
    assert!(matches!(take(&mut table, 9, NOW + 999), Admission::Full(_)));
    assert!(matches!(take(&mut table, 1, NOW + 999), Admission::Pass(_)), "known keys go on");
    assert!(matches!(take(&mut table, 9, NOW + 1_000), Admission::Pass(_)));
    assert_eq!(table.len(), 3);
}

#[test]
fn the_time_of_room_is_right_after_messages_that_came_later() {
    let mut table = table("1/s", 5, 2);
    for (number, at) in [(0, 0), (1, 10), (0, 20), (0, 30)] {
        assert!(matches!(take(&mut table, number, NOW + at), Admission::Pass(_)));
    }
    let Admission::Full(level) = take(&mut table, 2, NOW + 40) else { panic!("there is no room") };
    assert_eq!(level.next_at_ms, NOW + 1_010, "key 1 is fresh again before key 0");
}

#[test]
fn keys_that_are_fresh_again_are_let_go() {
    let mut table = table("10/s", 1, 1_000);
    for number in 0..10_000 {
        assert!(matches!(take(&mut table, number, NOW + number), Admission::Pass(_)));
        assert!(table.len() <= 102, "100 ms at one new key per ms: {}", table.len());
    }
}

#[test]
fn different_lists_of_values_have_different_keys() {
    let keys = [
        key_of([FactValue::Text("ab"), FactValue::Text("c")].into_iter()),
        key_of([FactValue::Text("a"), FactValue::Text("bc")].into_iter()),
        key_of([FactValue::Text("abc")].into_iter()),
        key_of([FactValue::Text("")].into_iter()),
        key_of([].into_iter()),
    ];
    for (position, one) in keys.iter().enumerate() {
        assert!(!keys[..position].contains(one));
    }
}

#[test]
fn one_full_table_holds_back_every_limit() {
    let policy = "[[limit]]\nname = 'a'\nkey = ['peer']\nrate = '1/hour'\nburst = 9\nverdict = 'defer'\n\
                  [[limit]]\nname = 'b'\nkey = ['sender']\nrate = '1/hour'\nburst = 9\nverdict = 'reject'\n";
    let policy = Policy::parse("p", policy).unwrap();
    let limiter = Limiter::new(policy.limits(), 2, None);
    let keys = |a: u64, b: u64| {
        let mut keys: Keys = [None; _];
        (keys[0], keys[1]) = (Some((key(a), ONE)), Some((key(b), ONE)));
        keys
    };
    assert!(limiter.take(&keys(1, 1), NOW).is_empty());
    assert!(limiter.take(&keys(1, 2), NOW).is_empty());
    let refusals = limiter.take(&keys(1, 3), NOW);
    assert_eq!(refusals.len(), 1);
    assert_eq!((refusals[0].cause, refusals[0].limit), (Cause::Full, 1));
    assert_eq!(limiter.level(0, &key(1), NOW).map(|level| level.used), Some(2), "nothing was taken from the other");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A bounded table answers as an unbounded one does, wherever it has room.
    #[test]
    fn eviction_changes_no_answer(steps in prop::collection::vec((0u64..12, 0u64..900), 1..300)) {
        let (mut small, mut large) = (table("2/s", 3, 5), table("2/s", 3, 1_000));
        let mut now = NOW;
        for (number, later) in steps {
            now += later;
            let bounded = take(&mut small, number, now);
            if let Admission::Full(level) = bounded {
                prop_assert!(level.next_at_ms > now);
                continue;
            }
            prop_assert_eq!(bounded, take(&mut large, number, now));
            prop_assert!(small.len() <= 5);
        }
    }

    /// Whatever the clock does, a key passes no more often than its burst and the time that ran forward allow.
    #[test]
    fn a_clock_that_jumps_refunds_nothing(steps in prop::collection::vec((0u64..3, -200_000i64..100_000), 1..200)) {
        let (interval_ms, burst) = (500, 3);
        let mut table = table("2/s", burst, 2);
        let (mut now, mut forward, mut passed) = (NOW, 0, [0u64; 3]);
        for (number, step) in steps {
            now = now.saturating_add_signed(step);
            forward += u64::try_from(step).unwrap_or(0);
            if let Admission::Pass(_) = take(&mut table, number, now) {
                passed[number as usize] += 1;
            }
            for passed in passed {
                prop_assert!(passed <= u64::from(burst) + forward / interval_ms, "{passed} passed in {forward} ms");
            }
        }
    }

    /// After a clock was set back, nothing waits longer than one interval.
    #[test]
    fn a_clock_that_was_wrong_heals(ahead_ms in 61_000u64..10_000_000_000, sent in 1u64..10) {
        let mut table = table("2/s", 3, 10);
        for _ in 0..sent {
            take(&mut table, 1, NOW + ahead_ms);
        }
        let before = table.level(&key(1), NOW + ahead_ms).used;
        prop_assert!(table.level(&key(1), NOW).used >= before);
        prop_assert!(matches!(take(&mut table, 1, NOW + 500), Admission::Pass(_)));
    }
}
