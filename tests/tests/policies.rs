//! The policy file of a served node: only what is whole takes force, only what was kept, and nothing ends the node.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_tests::{TestNode, binary::ostrakon, node::OPEN_POLICY};
use serde_json::json;

const CLOSED: &str = "[[rule]]\nname = \"closed\"\nwhen = \"size >= 0\"\nverdict = \"reject\"\n";

/// How many changed policies had this outcome.
fn reloads(node: &TestNode, outcome: &str) -> u64 {
    let metrics = node.get("/metrics").body;
    let name = format!("ostrakon_policy_reloads_total{{outcome=\"{outcome}\"}} ");
    metrics
        .as_str()
        .unwrap()
        .lines()
        .find_map(|line| line.strip_prefix(&name))
        .map_or(0, |count| count.parse().unwrap())
}

fn verdict(node: &TestNode, id: &str) -> String {
    node.check(id, "a.example")["verdict"].as_str().unwrap().to_owned()
}

fn check_policy(node: &TestNode, text: &[u8]) -> (i32, String) {
    let file = node.beside("candidate.toml");
    std::fs::write(&file, text).unwrap();
    let output = ostrakon(&["policy", "check", file.to_str().unwrap()]);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), said)
}

/// A condition that is too deep to be evaluated, in 4 KiB.
fn deep() -> String {
    let sum = vec!["1"; 2_040].join("+");
    format!("[[rule]]\nname = \"deep\"\nwhen = \"{sum} < score\"\nverdict = \"defer\"\n")
}

#[test]
fn what_is_no_whole_policy_changes_nothing_and_is_never_the_last_good_one() {
    let two = format!("{CLOSED}{}", CLOSED.replace("closed", "second").replace("reject", "hold"));
    let mut node = TestNode::serving(&two, "");
    let (policy, last_good) = (node.home().join("policy.toml"), node.home().join("policy.last-good"));
    let nested = format!("a = {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let deep = deep();
    let torn: [&[u8]; 11] = [
        &[],
        b"\n",
        b"# nothing\n",
        b"\0\0\0\0\0\0\0\0",
        b"\xef\xbb\xbfaccept_everything = true\n",
        b"\xff\xfea\0",
        &two.as_bytes()[..two.len() - 1],
        CLOSED.as_bytes(),
        b"[[rule]]\nname = ",
        deep.as_bytes(),
        nested.as_bytes(),
    ];
    for (number, text) in torn.into_iter().enumerate() {
        let before = reloads(&node, "refused");
        std::fs::write(&policy, text).unwrap();
        node.wait_for("the refusal", || reloads(&node, "refused") > before);
        assert_eq!(verdict(&node, &format!("torn{number}")), "reject", "{:?}", String::from_utf8_lossy(text));
        assert_eq!(std::fs::read_to_string(&last_good).unwrap(), two);
        // A policy that is the beginning of another one is seen by who has that one only.
        if text != CLOSED.as_bytes() {
            let (code, said) = check_policy(&node, text);
            assert_eq!(code, 3, "{said}");
        }
    }
    type Make = fn(&std::path::Path);
    let not_files: [(&str, Make); 3] = [
        ("a folder", |path| std::fs::create_dir(path).unwrap()),
        ("gone", |_| {}),
        ("a FIFO", |path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success())),
    ];
    for (what, make) in not_files {
        let before = reloads(&node, "refused");
        let _ = std::fs::remove_dir(&policy);
        let _ = std::fs::remove_file(&policy);
        assert!(!policy.exists());
        make(&policy);
        node.wait_for(what, || reloads(&node, "refused") > before);
        assert_eq!(verdict(&node, &what.replace(' ', "-")), "reject");
        assert_eq!(std::fs::read_to_string(&last_good).unwrap(), two);
    }
    assert_eq!(reloads(&node, "loaded"), 0);
    // After a restart the last good one is in force, whatever the file is.
    node.terminate();
    std::fs::remove_file(&policy).unwrap();
    for (number, text) in [b"".as_slice(), CLOSED.as_bytes(), deep.as_bytes()].into_iter().enumerate() {
        std::fs::write(&policy, text).unwrap();
        node.serve();
        let judged = node.check(&format!("restart{number}"), "a.example");
        assert_eq!((&judged["verdict"], judged["reasons"].as_array().unwrap().len()), (&json!("reject"), 2));
        assert_eq!(std::fs::read_to_string(&last_good).unwrap(), two);
        node.terminate();
    }
    // And without one the node does not start.
    std::fs::write(&last_good, "").unwrap();
    std::fs::write(&policy, "").unwrap();
    assert_eq!(node.serve_command().output().unwrap().status.code(), Some(3));
}

#[test]
fn a_limit_goes_on_counting_when_its_file_was_empty_for_a_moment() {
    let limit = "[[limit]]\nname = \"one\"\nkey = [\"peer\"]\nrate = \"1/hour\"\nburst = 1\nverdict = \"reject\"\n";
    let node = TestNode::serving(limit, "");
    assert_eq!(verdict(&node, "m1"), "accept");
    node.write("policy.toml", "");
    node.wait_for("the refusal", || reloads(&node, "refused") == 1);
    node.write("policy.toml", &format!("{limit}# back\n"));
    node.wait_for("the reload", || reloads(&node, "loaded") == 1);
    assert_eq!(verdict(&node, "m2"), "reject", "the hour is not over");
}

#[test]
fn a_policy_that_cannot_be_kept_is_not_in_force_until_it_can() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let last_good = node.home().join("policy.last-good");
    std::fs::remove_file(&last_good).unwrap();
    std::fs::create_dir(&last_good).unwrap();
    let size = node.tree_size();
    node.write("policy.toml", CLOSED);
    node.wait_for("the failure", || reloads(&node, "not_kept") > 0);
    assert_eq!(verdict(&node, "m1"), "accept");
    assert_eq!((reloads(&node, "loaded"), reloads(&node, "refused"), node.tree_size()), (0, 0, size));
    std::fs::remove_dir(&last_good).unwrap();
    node.wait_for("the reload", || reloads(&node, "loaded") == 1);
    assert_eq!(verdict(&node, "m2"), "reject");
    assert_eq!(std::fs::read_to_string(&last_good).unwrap(), CLOSED);
}

#[test]
fn every_edit_of_many_in_a_row_ends_with_the_last_one_in_force() {
    let node = TestNode::serving(OPEN_POLICY, "");
    for round in 0..3 {
        for step in 0..20 {
            let name = format!("r{round}-{step}");
            node.write("policy.toml", &CLOSED.replace("closed", &name));
        }
        let last = format!("r{round}-19");
        let mut asked = 0;
        node.wait_for("the last edit", || {
            asked += 1;
            node.check(&format!("{round}-{asked}"), "a.example")["reasons"][0]["rule"] == json!(last)
        });
    }
}

#[test]
fn a_word_that_a_fact_never_is_is_warned_of() {
    let node = TestNode::new();
    let rule = |when: &str| format!("[[rule]]\nname = \"m\"\nwhen = '{when}'\nverdict = \"reject\"\n");
    let (code, said) = check_policy(&node, rule("kind == \"matrix\"").as_bytes());
    assert_eq!(code, 0, "{said}");
    for word in ["warning", "matrix", "`chat`, `mail`, `post`, `invite`, `presence` or `report`", "always false"] {
        assert!(said.contains(word), "{said} should have {word}");
    }
    let (_, said) = check_policy(&node, rule("peer in [\"Spam.Example\"]").as_bytes());
    assert!(said.contains("never \"Spam.Example\""), "{said}");
    let (_, said) = check_policy(&node, rule("kind == \"mail\" && peer != \"spam.example\"").as_bytes());
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn a_limit_may_count_recipients() {
    let policy = "[[limit]]\nname = \"mailing\"\nkey = [\"peer\"]\nrate = \"1/day\"\nburst = 60\ncost = \"recipients\"\n\
                  verdict = \"defer\"\n";
    let node = TestNode::serving(policy, "");
    let ask = |id: &str, count: usize| {
        let recipients: Vec<String> = (0..count).map(|n| format!("u{n}@node.example")).collect();
        let question = json!({ "id": id, "peer": "a.example", "sender": "a@a.example", "recipients": recipients,
                               "kind": "mail", "size": 1 });
        node.post("/v1/check", &question).body["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask("fifty", 50), "accept");
    assert_eq!(ask("eleven", 11), "defer");
    assert_eq!(ask("ten", 10), "accept");
    assert_eq!(ask("too-many", 61), "reject", "it would wait for ever");
}
