//! Cases as data: `cases/*.toml` are policies with messages and what they must get, `refused.toml` policies that must
//! be refused, with the error.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ostrakon_policies::{
    DEFAULT_POLICY, FACTS, Facts, Judge, Judgement, POLICY_LEN_BYTES_MAX, Policy, Verdict, load_policy,
};
use serde::Deserialize;

const START_MS: u64 = 1_800_000_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    policy: Option<String>,
    message: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    /// After the start.
    #[serde(default)]
    at_ms: u64,
    #[serde(default = "once")]
    repeat: usize,
    /// With `{n}` for the number of the repetition.
    sender: Option<String>,
    facts: Facts,
    verdict: Verdict,
    retry_after_ms: Option<u64>,
    reasons: Vec<String>,
    #[serde(default)]
    texts: BTreeMap<String, String>,
    #[serde(default)]
    numbers: BTreeMap<String, BTreeMap<String, i64>>,
}

fn once() -> usize {
    1
}

fn check(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(file);
    let cases: Cases = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let policy = Policy::parse(file, cases.policy.as_deref().unwrap_or(DEFAULT_POLICY)).unwrap();
    let judge = Judge::new(policy, None);
    for (number, message) in cases.message.iter().enumerate() {
        for n in 0..message.repeat {
            let mut facts = message.facts.clone();
            if let Some(sender) = &message.sender {
                facts.sender = sender.replace("{n}", &n.to_string());
            }
            let decision = judge.decide(&facts, START_MS + message.at_ms);
            compare(&format!("{file}, message {} ({n})", number + 1), message, &decision);
            let json = serde_json::to_string(&decision).unwrap();
            assert_eq!(serde_json::from_str::<Judgement>(&json).unwrap(), decision, "decisions can be stored");
        }
    }
}

fn compare(what: &str, message: &Message, decision: &Judgement) {
    let name = |it: &ostrakon_policies::Opinion| it.rule.clone() + if it.shadow { " (shadow)" } else { "" };
    let reasons: Vec<String> = decision.reasons.iter().map(name).collect();
    assert_eq!((&reasons, decision.verdict), (&message.reasons, message.verdict), "{what}: {decision:#?}");
    assert_eq!(decision.retry_after_ms, message.retry_after_ms, "{what}: {decision:#?}");
    for opinion in &decision.reasons {
        if let Some(text) = message.texts.get(&opinion.rule) {
            assert_eq!(&opinion.text, text, "{what}");
        }
        if let Some(numbers) = message.numbers.get(&opinion.rule) {
            assert_eq!(&opinion.numbers, numbers, "{what}");
        }
    }
}

#[test]
fn verdicts() {
    check("verdicts.toml");
}

#[test]
fn limits() {
    check("limits.toml");
}

#[test]
fn default_policy() {
    check("default_policy.toml");
}

#[test]
fn what_cannot_be_meant_is_refused_with_line_and_name() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Refused {
        case: Vec<Case>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        error: String,
        policy: String,
    }
    let refused: Refused = toml::from_str(include_str!("refused.toml")).unwrap();
    for case in refused.case {
        match Policy::parse("policy.toml", &case.policy) {
            Ok(_) => panic!("taken, but expected: {}", case.error),
            Err(error) => {
                assert_eq!(error.to_string(), case.error);
                assert!(case.error.contains(&format!("policy.toml:{}:", error.line().unwrap())), "{}", case.error);
            }
        }
    }
}

#[test]
fn only_a_whole_file_is_a_policy() {
    let rule = "[[rule]]\nname = 'r'\nwhen = 'size > 1'\nverdict = 'reject'\n";
    let refusal = |bytes: &[u8]| match load_policy("p", bytes) {
        Ok(_) => panic!("taken: {:?}", String::from_utf8_lossy(bytes)),
        Err(error) => error.to_string(),
    };
    let open = "if every message is to pass, say `accept_everything = true`";
    for (bytes, expected) in [
        (&b""[..], format!("p: the file is empty; {open}")),
        (b"\n", format!("p:1: there are no limits and no rules; {open}")),
        (b"# all gone\n", format!("p:1: there are no limits and no rules; {open}")),
        (b"appeal_url = 'https://a.example/'\n", format!("p:1: there are no limits and no rules; {open}")),
        (b"accept_everything = false\n", format!("p:1: there are no limits and no rules; {open}")),
        (b"limit = []\nrule = []\n", format!("p:1: there are no limits and no rules; {open}")),
        (b"accept_everything = 'yes'\n", "p:1: `accept_everything` is string, not true or false".to_owned()),
        (
            b"accept_everything = true",
            "p: the last line has no line end; the file may have been cut off. If it is whole, \
          add one"
                .to_owned(),
        ),
        (
            b"\0\0\0\0",
            "p: there are NUL bytes in the file; it was not written to its end, or is no text in UTF-8".to_owned(),
        ),
        (
            b"\xef\xbb\xbfaccept_everything = true\n",
            "p: the file begins with a byte order mark; save it as UTF-8 without \
          one"
            .to_owned(),
        ),
        (b"# caf\xe9\n", "p: the file is not UTF-8 after its first 5 bytes".to_owned()),
    ] {
        assert_eq!(refusal(bytes), expected);
    }
    let both = format!("accept_everything = true\n{rule}");
    let expected = "p:1: `accept_everything` is true, but there are limits or rules; remove it or them";
    assert_eq!(refusal(both.as_bytes()), expected);
    assert!(refusal(DEFAULT_POLICY.get(..1200).unwrap().as_bytes()).contains("cut off"));
    for good in ["accept_everything = true\n", &format!("accept_everything = false\n{rule}"), DEFAULT_POLICY] {
        assert!(load_policy("p", good.as_bytes()).is_ok(), "{good}");
        assert!(load_policy("p", good.replace('\n', "\r\n").as_bytes()).is_ok(), "{good}");
    }
}

#[test]
fn a_policy_that_changes_no_verdict_is_warned_of() {
    let shadow = "[[rule]]\nname = 'r'\nwhen = 'size > 1'\nverdict = 'reject'\nmode = 'shadow'\n";
    let accept = "[[rule]]\nname = 'a'\nwhen = 'size > 1'\nverdict = 'accept'\n";
    let never = "[[limit]]\nname = 'n'\nkey = []\nwhen = 'size < 0'\nrate = '1/s'\nburst = 1\nverdict = 'defer'\n";
    let warned = |text: &str| {
        let policy = Policy::parse("p", text).unwrap();
        policy
            .warnings()
            .iter()
            .any(|it| it.message == "nothing here can change a verdict, so every message is accepted")
    };
    assert!(warned(&format!("{shadow}{accept}{never}")));
    assert!(!warned(&format!("{shadow}{}", shadow.replace("'r'", "'s'").replace("mode = 'shadow'\n", ""))));
    assert!(!warned("accept_everything = true\n"), "that says it in words");
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    for (text, line) in [("a = ", 1), ("\n[[rule]\n", 2), ("[[rule]]\nname = 'a'\nname = 'b'\n", 3), ("x", 1)] {
        let error = Policy::parse("policy.toml", text).unwrap_err();
        assert_eq!(error.line(), Some(line), "{text:?}: {error}");
        assert!(error.to_string().starts_with(&format!("policy.toml:{line}: ")), "{error}");
    }
}

#[test]
fn sizes_and_counts_are_bounded() {
    let error = Policy::parse("p", &" ".repeat(POLICY_LEN_BYTES_MAX + 1)).unwrap_err();
    assert_eq!(error.to_string(), "p: 262145 bytes, but a policy has at most 262144");
    let limit = |n: usize| format!("[[limit]]\nname='{n}'\nkey=[]\nrate='1/s'\nburst=1\nverdict='defer'\n");
    assert!(Policy::parse("p", &(0..16).map(limit).collect::<String>()).is_ok());
    let error = Policy::parse("p", &(0..17).map(limit).collect::<String>()).unwrap_err();
    assert_eq!(error.to_string(), "p:97: limit: a policy has at most 16 of these");
    let rule = |n: usize| format!("[[rule]]\nname='{n}'\nwhen='score<0'\nverdict='hold'\n");
    assert!(Policy::parse("p", &(0..257).map(rule).collect::<String>()).is_err());
}

#[test]
fn what_can_hardly_be_meant_is_warned_of() {
    let policy = "[[rule]]\nname='a'\nwhen='score < -1000'\nverdict='hold'\n\
                  [[rule]]\nname='b'\nwhen='hour < 24'\nverdict='accept'\n\
                  [[limit]]\nname='c'\nkey=[]\nwhen='true'\nrate='1/s'\nburst=1\nverdict='defer'\n\
                  [[rule]]\nname='d'\nwhen='size / recipients > 9'\nverdict='hold'\n";
    let policy = Policy::parse("p", policy).unwrap();
    let warnings: Vec<String> = policy.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "p:3: rule \"a\": never applies: `score < -1000` is always false",
            "p:5: rule \"b\": never changes a decision: the worst verdict wins, and accept is the best",
            "p:7: rule \"b\": applies to every message: `hour < 24` is always true",
            "p:12: limit \"c\": `when` is always true and can be left out",
            "p:18: rule \"d\": recipients may be 0, and a condition that divides by zero counts as `defer`; \
             multiply the other side instead",
        ]
    );
    assert_eq!(Policy::parse("default.toml", DEFAULT_POLICY).unwrap().warnings(), []);
}

#[test]
fn the_digest_is_of_the_text_and_not_of_its_line_ends() {
    let digest = |text: &str| Policy::parse("p", text).unwrap().digest();
    assert_eq!(digest(DEFAULT_POLICY), digest(&DEFAULT_POLICY.replace('\n', "\r\n")));
    assert_ne!(digest(DEFAULT_POLICY), digest(&DEFAULT_POLICY.replace("-500", "-501")));
    let open = "accept_everything = true\n";
    assert_eq!(digest(open), blake3::derive_key("ostrakon 2026-11 policy digest v1", open.as_bytes()));
}

#[test]
fn every_fact_can_be_looked_up() {
    for fact in FACTS {
        assert!(Facts::default().value(fact.name, START_MS).is_some(), "{}", fact.name);
    }
    assert_eq!(Facts::default().value("weather", START_MS), None);
    let facts = Facts::default();
    let hour = facts.value("hour", START_MS + 3_600_000);
    assert_eq!(hour, Some(ostrakon_policies::FactValue::Int(9)), "1800000000 s after 1970 it is 08:00 UTC");
}
