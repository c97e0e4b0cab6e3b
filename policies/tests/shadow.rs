//! Shadow mode leaks in neither direction: what is enforced does not notice it, and it sees what it would have done.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use ostrakon_policies::{Facts, Judge, Judgement, Opinion, Policy};
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000_000;

#[derive(Debug, Clone)]
struct Item {
    body: String,
    limit: bool,
    shadow: bool,
}

impl Item {
    fn text(&self, number: usize, shadow: bool) -> String {
        let kind = if self.limit { "limit" } else { "rule" };
        let mode = if shadow { "shadow" } else { "enforce" };
        format!("[[{kind}]]\nname = '{kind} {number}'\n{}\nmode = '{mode}'\n", self.body)
    }
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let when = || prop::sample::select(vec!["links > 2", "!known_contact", "score < 0 && links < 4", "links > -1"]);
    let key = prop::sample::select(vec!["", "'peer'", "'peer', 'sender'"]);
    let refusing = prop::sample::select(vec!["defer", "hold", "reject"]);
    let any_verdict = prop::sample::select(vec!["accept", "defer", "hold", "reject"]);
    let rate = prop::sample::select(vec!["1/s", "20/min", "2/hour"]);
    let limit = (when(), key, refusing, rate, 1u32..4).prop_map(|(when, key, verdict, rate, burst)| {
        format!("when = '{when}'\nkey = [{key}]\nverdict = '{verdict}'\nrate = '{rate}'\nburst = {burst}")
    });
    let rule = (when(), any_verdict).prop_map(|(when, verdict)| format!("when = '{when}'\nverdict = '{verdict}'"));
    let body = prop_oneof![limit.prop_map(|body| (body, true)), rule.prop_map(|body| (body, false))];
    let item = (body, any::<bool>()).prop_map(|((body, limit), shadow)| Item { body, limit, shadow });
    prop::collection::vec(item, 1..7)
}

fn messages() -> impl Strategy<Value = Vec<(Facts, u64)>> {
    let names = || prop::sample::select(vec!["a", "b"]);
    let message = (names(), names(), 0i64..6, any::<bool>(), -5i64..5, 0u64..2_000);
    let message = message.prop_map(|(peer, sender, links, known_contact, score, later)| {
        let (peer, sender) = (peer.to_owned(), sender.to_owned());
        (Facts { peer, sender, links, known_contact, score, ..Facts::default() }, later)
    });
    prop::collection::vec(message, 1..60)
}

/// The decisions of a policy of the items for which `mode` says whether they are in shadow.
fn decide(items: &[Item], messages: &[(Facts, u64)], mode: impl Fn(&Item) -> Option<bool>) -> Vec<Judgement> {
    let chosen = items.iter().enumerate().filter_map(|(number, item)| Some(item.text(number, mode(item)?)));
    let mut policy: String = chosen.collect();
    if policy.is_empty() {
        policy = "accept_everything = true\n".to_owned();
    }
    let judge = Judge::new(Policy::parse("p", &policy).unwrap(), None);
    let mut now = NOW;
    let decide = |(facts, later): &(Facts, u64)| {
        now += later;
        judge.decide(facts, now)
    };
    messages.iter().map(decide).collect()
}

fn of(decision: &Judgement, name: &str) -> Option<Opinion> {
    let found = decision.reasons.iter().find(|opinion| opinion.rule == name)?;
    Some(Opinion { shadow: false, ..found.clone() })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_enforced_does_not_notice_shadows(items in items(), messages in messages()) {
        let with = decide(&items, &messages, |item| Some(item.shadow));
        let without = decide(&items, &messages, |item| (!item.shadow).then_some(false));
        for (with, without) in with.iter().zip(&without) {
            prop_assert_eq!(with.verdict, without.verdict);
            prop_assert_eq!(with.retry_after_ms, without.retry_after_ms);
            let enforced: Vec<&Opinion> = with.enforced().collect();
            prop_assert_eq!(enforced, without.reasons.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_rule_says_in_shadow_what_it_would_say_enforced(items in items(), messages in messages()) {
        let shadowed = decide(&items, &messages, |item| Some(item.shadow));
        let enforced = decide(&items, &messages, |item| Some(item.shadow && item.limit));
        for (shadowed, enforced) in shadowed.iter().zip(&enforced) {
            for (number, item) in items.iter().enumerate().filter(|(_, item)| !item.limit) {
                let name = format!("rule {number}");
                prop_assert_eq!(of(shadowed, &name), of(enforced, &name), "{:?}", item);
            }
        }
    }

    #[test]
    fn a_limit_in_shadow_counts_as_if_it_were_enforced(items in items(), messages in messages()) {
        for (number, item) in items.iter().enumerate().filter(|(_, item)| item.limit) {
            let only = |shadow| {
                decide(&items, &messages, move |other| (other.body == item.body || !other.limit).then_some(shadow && other.limit))
            };
            if items.iter().filter(|other| other.limit && other.body == item.body).count() > 1 {
                continue;
            }
            let name = format!("limit {number}");
            for (shadowed, enforced) in only(true).iter().zip(&only(false)) {
                prop_assert_eq!(of(shadowed, &name), of(enforced, &name));
            }
        }
    }

    #[test]
    fn shadows_do_not_notice_each_other(items in items(), messages in messages()) {
        let all = decide(&items, &messages, |item| Some(item.shadow));
        for (number, item) in items.iter().enumerate().filter(|(_, item)| item.shadow) {
            let alone: Vec<Item> = items.iter().enumerate()
                .filter(|(other, it)| *other == number || !it.shadow).map(|(_, it)| it.clone()).collect();
            let position = alone.iter().position(|it| it.shadow).unwrap();
            let kind = if item.limit { "limit" } else { "rule" };
            let decisions = decide(&alone, &messages, |item| Some(item.shadow));
            for (all, alone) in all.iter().zip(&decisions) {
                let renamed = of(alone, &format!("{kind} {position}")).map(|opinion| (opinion.verdict, opinion.numbers));
                let there = of(all, &format!("{kind} {number}")).map(|opinion| (opinion.verdict, opinion.numbers));
                prop_assert_eq!(there, renamed);
            }
        }
    }
}
