//! Limits mean what they say: against an oracle written from the definition, and at the exact millisecond.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::HashMap;
use std::sync::Barrier;
use std::thread;

use ostrakon_policies::{Facts, Judge, Judgement, Policy, PolicyError, Verdict};
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000_000;

fn facts(peer: &str, sender: &str, links: i64) -> Facts {
    // As many recipients as links, so that one number drives both.
    Facts { peer: peer.to_owned(), sender: sender.to_owned(), links, recipients: links, ..Facts::default() }
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

    /// `None`: more units than the bucket ever takes.
    fn wait_ms(&self, cells: u128, now_ms: u64) -> Option<u64> {
        let tolerance = self.interval_ns * self.burst.checked_sub(cells)?;
        Some(self.at(now_ms).saturating_sub(tolerance).div_ceil(1_000_000) as u64)
    }

    fn pour(&mut self, cells: u128, now_ms: u64) {
        self.content_ns = self.at(now_ms) + self.interval_ns * cells;
        self.last_ms = now_ms;
    }
}

#[derive(Debug, Clone)]
struct Definition {
    key: &'static str,
    links_min: i64,
    rate: (&'static str, u128),
    burst: u32,
    by_recipients: bool,
}

impl Definition {
    fn cells(&self, message: &Message) -> u128 {
        if self.by_recipients { message.links.max(1) as u128 } else { 1 }
    }
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
    let definition = (key, 0i64..3, prop::sample::select(rates), 1u32..6, any::<bool>());
    prop::collection::vec(
        definition.prop_map(|(key, links_min, rate, burst, by_recipients)| Definition {
            key,
            links_min,
            rate,
            burst,
            by_recipients,
        }),
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
    let message = (prop::sample::select(vec!["a", "b"]), prop::sample::select(vec!["x", "y"]), 0i64..4, later);
    let message = message.prop_map(|(peer, sender, links, later_ms)| Message { peer, sender, links, later_ms });
    prop::collection::vec(message, 1..120)
}

fn policy_of(definitions: &[Definition]) -> String {
    let text = |(number, it): (usize, &Definition)| {
        let cost = if it.by_recipients { "cost = 'recipients'\n" } else { "" };
        limit(&format!("limit {number}"), it.key, &format!("links >= {}", it.links_min), it.rate.0, it.burst) + cost
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
            let cells = |number: usize| definitions[number].cells(&message);
            let waits: Vec<(usize, Option<u64>)> = touched.iter()
                .map(|key| (key.0, buckets[key].wait_ms(cells(key.0), now)))
                .filter(|(_, wait)| *wait != Some(0)).collect();
            if waits.iter().any(|(_, wait)| wait.is_none()) {
                prop_assert_eq!((decision.verdict, decision.retry_after_ms), (Verdict::Reject, None));
            } else if waits.is_empty() {
                touched.iter().for_each(|key| buckets.get_mut(key).unwrap().pour(cells(key.0), now));
                prop_assert_eq!(decision.verdict, Verdict::Accept);
                prop_assert_eq!(decision.retry_after_ms, None);
            } else {
                prop_assert_eq!(decision.verdict, Verdict::Defer);
                prop_assert_eq!(decision.retry_after_ms, waits.iter().filter_map(|(_, wait)| *wait).max());
                let opinions: Vec<(String, i64)> =
                    decision.reasons.iter().map(|it| (it.rule.clone(), it.numbers["retry_after_ms"])).collect();
                let expected: Vec<(String, i64)> =
                    waits.iter().map(|(number, wait)| (format!("limit {number}"), wait.unwrap() as i64)).collect();
                prop_assert_eq!(opinions, expected);
            }
            for (number, key) in touched {
                let words: Vec<&str> = match definitions[number].key {
                    "" => vec![],
                    "'peer'" => vec![message.peer],
                    "'sender'" => vec![message.sender],
                    "'peer', 'sender'" => vec![message.peer, message.sender],
                    _ => vec![message.sender, ["0", "1", "2", "3"][message.links as usize]],
                };
                let level = judge.level(&format!("limit {number}"), &words, now).unwrap();
                let bucket = &buckets[&(number, key)];
                prop_assert_eq!(u128::from(level.used), bucket.at(now).div_ceil(bucket.interval_ns));
                prop_assert_eq!(level.next_at_ms.saturating_sub(now), bucket.wait_ms(1, now).unwrap());
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
fn a_message_takes_a_cell_for_each_recipient_in_every_limit_or_in_none() {
    let by_recipients = limit("recipients", "'peer'", "true", "1/s", 100) + "cost = 'recipients'\n";
    let judge = judge(&(by_recipients + &limit("messages", "'peer'", "true", "1/hour", 3)));
    let send = |recipients: i64, at_ms: u64| judge.decide(&facts("a", "x", recipients), NOW + at_ms);
    let used = |at_ms: u64| ["recipients", "messages"].map(|name| judge.level(name, &["a"], NOW + at_ms).unwrap().used);
    assert_eq!(send(50, 0).verdict, Verdict::Accept);
    assert_eq!(used(0), [50, 1]);
    let deferred = send(60, 0);
    assert_eq!((deferred.verdict, deferred.retry_after_ms), (Verdict::Defer, Some(10_000)));
    assert_eq!(used(0), [50, 1], "a message that waits takes nothing");
    assert_eq!(send(60, 9_999).retry_after_ms, Some(1));
    assert_eq!(send(60, 10_000).verdict, Verdict::Accept);
    assert_eq!(used(10_000), [100, 2]);
    assert_eq!(send(0, 11_000).verdict, Verdict::Accept, "one without a recipient takes one cell");
    assert_eq!(used(11_000), [100, 3]);
    assert_eq!(send(1, 20_000).verdict, Verdict::Defer, "the other limit is used up");
    assert_eq!(used(20_000), [91, 3]);
}

#[test]
fn a_message_with_more_recipients_than_a_limit_has_cells_is_not_told_to_try_again() {
    let policy = limit("few at once", "'peer'", "true", "1/s", 5) + "cost = 'recipients'\n";
    let parsed = Policy::parse("p", &policy).unwrap();
    assert_eq!(
        parsed.warnings().iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "p:1: limit \"few at once\": a message with more than 5 recipients never passes: it takes a cell for each",
            "p:4: limit \"few at once\": `when` is always true and can be left out"
        ]
    );
    let held = judge(&policy.replace("'defer'", "'hold'"));
    let judge = judge(&policy);
    let decision = judge.decide(&facts("a", "x", 6), NOW);
    assert_eq!((decision.verdict, decision.retry_after_ms), (Verdict::Reject, None));
    assert_eq!(
        decision.reasons[0].text,
        "\"few at once\": the message has 6 recipients and 5 pass at once, so it never passes; send it to fewer at a time"
    );
    assert_eq!(decision.reasons[0].numbers.get("retry_after_ms"), None);
    assert_eq!(judge.level("few at once", &["a"], NOW).unwrap().used, 0);
    assert_eq!(judge.decide(&facts("a", "x", i64::MAX), NOW).verdict, Verdict::Reject);
    assert_eq!(judge.decide(&facts("a", "x", 5), NOW).verdict, Verdict::Accept);
    assert_eq!(held.decide(&facts("a", "x", 6), NOW).verdict, Verdict::Hold, "a person may let it pass");
}

#[test]
fn a_wait_is_what_is_left_of_it_when_it_is_said() {
    let policy = limit("slow", "'peer'", "true", "1/min", 1)
        + "explain = '{retry_after_ms} ms, or {links} links, or {next_at_ms}, again {retry_after_ms}'\n";
    let judge = judge(&policy);
    assert_eq!(judge.decide(&facts("a", "x", 60_000), NOW).verdict, Verdict::Accept);
    let opinion = judge.decide(&facts("a", "x", 60_000), NOW).reasons.remove(0);
    let text = |wait: u64| format!("{wait} ms, or 60000 links, or {}, again {wait}", NOW + 60_000);
    assert_eq!(opinion.text, text(60_000));
    for (later_ms, wait) in [(0, 60_000), (1, 59_999), (55_000, 5_000), (60_000, 0), (70_000, 0)] {
        let opinion = opinion.as_of(NOW + later_ms);
        assert_eq!((opinion.text, opinion.numbers["retry_after_ms"]), (text(wait), wait as i64), "after {later_ms} ms");
        assert_eq!(opinion.numbers["next_at_ms"], (NOW + 60_000) as i64);
    }
    let rule = Policy::parse("p", "[[rule]]\nname = 'r'\nwhen = 'links > 1'\nverdict = 'hold'\n").unwrap();
    let opinion = Judge::new(rule, None).decide(&facts("a", "x", 2), NOW).reasons.remove(0);
    assert_eq!(opinion.as_of(NOW + 5), opinion, "a rule names no time");
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
        ("burst = 3", "cost = 'recipients'\nburst = 3"),
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
    let Judgement { verdict, retry_after_ms, reasons } = judge.decide(&facts("a", "x", 9), NOW);
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
