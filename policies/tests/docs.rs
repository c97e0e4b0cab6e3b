//! `docs/policies.md` is right: its table of facts is the table of facts, its examples parse, its numbers come out.

use ostrakon_policies::{DEFAULT_POLICY, Facts, Judge, Policy, Verdict, facts_table};

const DOC: &str = include_str!("../../docs/policies.md");

fn examples() -> Vec<&'static str> {
    DOC.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_table_of_facts_is_generated() {
    let between = DOC.split("<!-- facts -->\n").nth(1).expect("the table stands between two <!-- facts -->");
    assert_eq!(between, facts_table(), "replace the table in docs/policies.md by facts_table()");
}

#[test]
fn examples_parse_without_a_warning() {
    assert!(examples().len() >= 3);
    for example in examples() {
        let policy = Policy::parse("docs/policies.md", example).unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert_eq!(policy.warnings(), [], "{example}");
    }
}

#[test]
fn the_numbers_of_the_worked_example_come_out() {
    let judge = Judge::new(Policy::parse("docs", examples()[1]).unwrap(), None);
    let facts = Facts { peer: "a.example".to_owned(), ..Facts::default() };
    let start = 1_800_000_000_000;
    let mut table = String::from("| at | passes | used afterwards | retry after |\n|---|---|---|---|\n");
    for at_ms in [0, 0, 0, 0, 1_999, 2_000, 2_000, 8_000] {
        let decision = judge.decide(&facts, start + at_ms);
        let passes = if decision.verdict == Verdict::Accept { "yes" } else { "no" };
        let used = judge.level("three at once", &["a.example"], start + at_ms).unwrap().used;
        let retry = decision.retry_after_ms.map_or("–".to_owned(), |ms| format!("{ms} ms"));
        table += &format!("| {at_ms} ms | {passes} | {used} of 3 | {retry} |\n");
    }
    assert!(DOC.contains(&table), "docs/policies.md should have:\n{table}");
}

#[test]
fn every_key_and_every_limit_of_the_default_policy_is_documented() {
    for key in [
        "name",
        "key",
        "when",
        "rate",
        "burst",
        "cost",
        "verdict",
        "mode",
        "explain",
        "appeal_url",
        "accept_everything",
    ] {
        assert!(DOC.contains(&format!("`{key}`")), "{key}");
    }
    for key in ["name", "key", "when", "rate", "burst", "verdict", "mode", "explain", "appeal_url"] {
        assert!(DEFAULT_POLICY.contains(&format!("{key} = ")), "{key}");
    }
    for limit in Policy::parse("default.toml", DEFAULT_POLICY).unwrap().limits() {
        assert!(DOC.contains(limit.name()), "{}", limit.name());
    }
}
