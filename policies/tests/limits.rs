//! Limits mean what they say: against an oracle written from the definition, and at the exact millisecond.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::HashMap;
use std::sync::Barrier;
use std::thread;

use ostrakon_policies::{Decision, Facts, Judge, Policy, PolicyError, Verdict};
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000_000;

fn facts(peer: &str, sender: &str, links: i64) -> Facts {
    Facts { peer: peer.to_owned(), sender: sender.to_owned(), links, ..Facts::default() }
}

fn limit(name: &str, key: &str, when: &str, rate: &str, burst: u32) -> String {
    format!(
        "[[limit]]\nname = '{name}'\nkey = [{key}]\nwhen = '{when}'\nrate = '{rate}'\nburst = {burst}\nverdict = 'defer'\n"
    )
}

fn judge(policy: &str) -> Judge {
    Judge::new(Policy::parse("test.toml", policy).unwrap(), None)
}

/// The generic cell rate algorithm as ITU-T I.371 defines it by its other face, the continuous-state leaky bucket:
/// a bucket drains at one unit per nanosecond, a message pours in one interval, and passes while the bucket holds no
/// more than its tolerance. Nothing is shared with the code under test, which keeps arrival times.
#[derive(Clone)]
struct Bucket {
    interval_ns: u128,
    burst: u128,
    content_ns: u128,
    last_ms: u64,
}

impl Bucket {
    fn at(&self, now_ms: u64) -> u128 {
        self.content_ns.saturating_sub(u128::from(now_ms - self.last_ms) * 1_000_000)
    }

    fn wait_ms(&self, now_ms: u64) -> u64 {
        let tolerance = self.interval_ns * (self.burst - 1);
        self.at(now_ms).saturating_sub(tolerance).div_ceil(1_000_000) as u64
    }

    fn pour(&mut self, now_ms: u64) {
        self.content_ns = self.at(now_ms) + self.interval_ns;
        self.last_ms = now_ms;
    }
}

#[derive(Debug, Clone)]
struct Definition {
    key: &'static str,
    links_min: i64,
    rate: (&'static str, u128),
    burst: u32,
}

fn definitions() -> impl Strategy<Value = Vec<Definition>> {
    let rates = vec![
        ("1/s", 1_000_000_000),
        ("5/s", 200_000_000),
        ("7/min", 60_000_000_000u128.div_ceil(7)),
        ("60/min", 1_000_000_000),
        ("1000/day", 86_400_000_000),
        ("999/s", 1_000_000_000u128.div_ceil(999)),
        ("9/hour", 400_000_000_000),
    ];
    let key = prop::sample::select(vec!["", "'peer'", "'sender'", "'peer', 'sender'", "'sender', 'links'"]);
    let definition = (key, 0i64..3, prop::sample::select(rates), 1u32..6);
    prop::collection::vec(
        definition.prop_map(|(key, links_min, rate, burst)| Definition { key, links_min, rate, burst }),
        1..4,
    )
}

#[derive(Debug, Clone)]
struct Message {
    peer: &'static str,
    sender: &'static str,
    links: i64,
    later_ms: u64,
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let later = prop_oneof![Just(0u64), 0u64..300, 0u64..5_000, 0u64..500_000];
    let message = (prop::sample::select(vec!["a", "b"]), prop::sample::select(vec!["x", "y"]), 0i64..3, later);
    let message = message.prop_map(|(peer, sender, links, later_ms)| Message { peer, sender, links, later_ms });
    prop::collection::vec(message, 1..120)
}

fn policy_of(definitions: &[Definition]) -> String {
    let text = |(number, it): (usize, &Definition)| {
        limit(&format!("limit {number}"), it.key, &format!("links >= {}", it.links_min), it.rate.0, it.burst)
    };
    definitions.iter().enumerate().map(text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn limits_agree_with_the_definition(definitions in definitions(), messages in messages()) {
        let judge = judge(&policy_of(&definitions));
        let mut buckets: HashMap<(usize, String), Bucket> = HashMap::new();
        let mut now = NOW;
        for message in messages {
            now += message.later_ms;
            let decision = judge.decide(&facts(message.peer, message.sender, message.links), now);
            let mut touched = Vec::new();
            for (number, it) in definitions.iter().enumerate().filter(|(_, it)| message.links >= it.links_min) {
                let key = it.key.replace("peer", message.peer).replace("sender", message.sender);
                let key = key.replace("links", &message.links.to_string());
                let (interval_ns, burst) = (it.rate.1, u128::from(it.burst));
                let fresh = Bucket { interval_ns, burst, content_ns: 0, last_ms: now };
                buckets.entry((number, key.clone())).or_insert(fresh);
                touched.push((number, key));
            }
            let waits: Vec<(usize, u64)> = touched.iter()
                .map(|key| (key.0, buckets[key].wait_ms(now))).filter(|(_, wait)| *wait > 0).collect();
            if waits.is_empty() {
                touched.iter().for_each(|key| buckets.get_mut(key).unwrap().pour(now));
                prop_assert_eq!(decision.verdict, Verdict::Accept);
                prop_assert_eq!(decision.retry_after_ms, None);
            } else {
                prop_assert_eq!(decision.verdict, Verdict::Defer);
                prop_assert_eq!(decision.retry_after_ms, waits.iter().map(|(_, wait)| *wait).max());
                let said: Vec<(String, i64)> =
                    decision.reasons.iter().map(|it| (it.rule.clone(), it.numbers["retry_after_ms"])).collect();
                let expected: Vec<(String, i64)> =
                    waits.iter().map(|(number, wait)| (format!("limit {number}"), *wait as i64)).collect();
                prop_assert_eq!(said, expected);
            }
            for (number, key) in touched {
                let words: Vec<&str> = match definitions[number].key {
                    "" => vec![],
                    "'peer'" => vec![message.peer],
                    "'sender'" => vec![message.sender],
                    "'peer', 'sender'" => vec![message.peer, message.sender],
                    _ => vec![message.sender, ["0", "1", "2"][message.links as usize]],
                };
                let level = judge.level(&format!("limit {number}"), &words, now).unwrap();
                let bucket = &buckets[&(number, key)];
                prop_assert_eq!(u128::from(level.used), bucket.at(now).div_ceil(bucket.interval_ns));
                prop_assert_eq!(level.next_at_ms.saturating_sub(now), bucket.wait_ms(now));
            }
        }
    }

    #[test]
    fn a_retry_passes_at_the_time_given_and_not_before(definitions in definitions(), messages in messages()) {
        let judge = judge(&policy_of(&definitions));
        let mut now = NOW;
        for message in messages {
            now += message.later_ms;
            let facts = facts(message.peer, message.sender, message.links);
            if let Some(wait) = judge.decide(&facts, now).retry_after_ms {
                prop_assert!(wait > 0);
                let early = judge.decide(&facts, now + wait - 1);
                prop_assert_eq!((early.verdict, early.retry_after_ms), (Verdict::Defer, Some(1)));
                now += wait;
                prop_assert_eq!(judge.decide(&facts, now).verdict, Verdict::Accept);
            }
        }
    }
}

#[test]
fn the_last_cell_is_taken_once() {
    const THREADS: usize = 4;
    // Two judges share their tables and name them in opposite order: the one arrangement in which careless locking
    // would come to a standstill.
    let (a, b) = (limit("a", "'peer'", "true", "1/hour", 1_000), limit("b", "", "true", "1/hour", 700));
    let first = judge(&format!("{a}{b}"));
    let second = Judge::new(Policy::parse("p", &format!("{b}{a}")).unwrap(), Some(&first));
    let barrier = Barrier::new(THREADS);
    let accepted: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let judge = if number % 2 == 0 { &first } else { &second };
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    let facts = facts("a", "x", 0);
                    (0..500).filter(|_| judge.decide(&facts, NOW).verdict == Verdict::Accept).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(accepted, 700);
    assert_eq!(first.level("a", &["a"], NOW).unwrap().used, 700, "refused messages took nothing from the other limit");
}

fn verdicts(judge: &Judge, count: usize) -> Vec<Verdict> {
    (0..count).map(|_| judge.decide(&facts("a", "x", 0), NOW).verdict).collect()
}

#[test]
fn unchanged_limits_keep_their_counters_when_the_policy_changes() {
    use Verdict::{Accept, Defer};
    let base = limit("a", "'peer'", "true", "1/hour", 3);
    let old = judge(&base);
    assert_eq!(verdicts(&old, 2), [Accept, Accept]);
    let other = "[[rule]]\nname = 'r'\nwhen = 'links > 3'\nverdict = 'hold'\n";
    let kept = Judge::new(Policy::parse("p", &format!("{other}{base}")).unwrap(), Some(&old));
    assert_eq!(verdicts(&kept, 2), [Accept, Defer]);
    assert_eq!(verdicts(&old, 1), [Defer], "the old judge sees what the new one counted");
    // What is not part of the count may change; each part of it starts afresh.
    let renamed_verdict = base.replace("'defer'", "'reject'");
    let kept = Judge::new(Policy::parse("p", &renamed_verdict).unwrap(), Some(&old));
    assert_eq!(verdicts(&kept, 1), [Verdict::Reject]);
    for (from, to) in [
        ("'a'", "'b'"),
        ("['peer']", "['sender']"),
        ("1/hour", "2/hour"),
        ("burst = 3", "burst = 4"),
        ("'true'", "'links < 9'"),
        ("verdict", "mode = 'shadow'\nverdict"),
    ] {
        let changed = Judge::new(Policy::parse("p", &base.replace(from, to)).unwrap(), Some(&old));
        assert_eq!(verdicts(&changed, 3), [Accept; 3], "{from} → {to}");
    }
}

#[test]
fn reset_forgets_one_key() {
    let judge = judge(&limit("a", "'peer', 'links'", "true", "1/hour", 1));
    assert_eq!(verdicts(&judge, 2), [Verdict::Accept, Verdict::Defer]);
    assert_eq!(judge.reset("a", &["b", "0"]), Ok(false));
    assert_eq!(judge.reset("a", &["a", "0"]), Ok(true));
    assert_eq!(verdicts(&judge, 2), [Verdict::Accept, Verdict::Defer]);
    let message = |result: Result<bool, PolicyError>| result.unwrap_err().to_string();
    assert_eq!(message(judge.reset("b", &[])), "no limit is called \"b\"; there is `a`");
    assert_eq!(message(judge.reset("a", &["a"])), "limit \"a\" has a key of 2 values: peer, links");
    assert_eq!(message(judge.reset("a", &["a", "x"])), "limit \"a\" needs a value of type int for `links`");
}

#[test]
fn a_message_that_a_rule_rejects_has_used_its_peers_quota() {
    let rule = "[[rule]]\nname = 'r'\nwhen = 'links > 3'\nverdict = 'reject'\n";
    let judge = judge(&(limit("a", "'peer'", "true", "1/hour", 2) + rule));
    for used in 1..=2 {
        assert_eq!(judge.decide(&facts("a", "x", 9), NOW).verdict, Verdict::Reject);
        assert_eq!(judge.level("a", &["a"], NOW).unwrap().used, used);
    }
    let Decision { verdict, retry_after_ms, reasons } = judge.decide(&facts("a", "x", 9), NOW);
    assert_eq!((verdict, retry_after_ms), (Verdict::Reject, None), "trying again would not help");
    assert_eq!(reasons.iter().map(|it| it.rule.as_str()).collect::<Vec<_>>(), ["a", "r"]);
}

#[test]
fn a_limit_whose_condition_cannot_be_evaluated_applies() {
    let judge = judge(&limit("a", "'peer'", "size / recipients > 9", "1/hour", 1));
    assert_eq!(verdicts(&judge, 2), [Verdict::Accept, Verdict::Defer]);
}

#[test]
fn times_at_both_ends_are_survived() {
    let judge = judge(&limit("a", "'peer'", "hour < 24", "1/s", 2));
    for now in [0, u64::MAX, NOW, 0, u64::MAX] {
        judge.decide(&facts("a", "x", 0), now);
    }
}
