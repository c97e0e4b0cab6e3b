//! What adapters ask: verdicts, once per message; reports; decisions and explanations afterwards.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_tests::{TestNode, node::OPEN_POLICY};
use serde_json::{Value, json};

const THREE_A_DAY: &str = r#"
[[limit]]
name = "three a day"
key = ["peer"]
rate = "1/day"
burst = 3
verdict = "reject"
explain = "{used} of {burst} used."
"#;

#[test]
fn the_same_id_gets_the_same_answer_and_counts_once_also_across_a_restart() {
    let mut node = TestNode::serving(THREE_A_DAY, "");
    let first = node.check("m1", "a.example");
    assert_eq!(first["verdict"], "accept");
    for _ in 0..10 {
        assert_eq!(node.check("m1", "a.example"), first);
    }
    node.kill();
    node.serve();
    assert_eq!(node.check("m1", "a.example"), first);
    let verdicts: Vec<Value> = (2..=5).map(|n| node.check(&format!("m{n}"), "a.example")["verdict"].clone()).collect();
    assert_eq!(json!(verdicts), json!(["accept", "accept", "accept", "reject"]), "counters start anew, answers stay");
}

#[test]
fn many_asking_for_one_message_at_once_get_one_answer() {
    let node = TestNode::serving(THREE_A_DAY, "");
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..16).map(|_| scope.spawn(|| node.check("m1", "a.example"))).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let next: Vec<Value> = (2..=4).map(|n| node.check(&format!("m{n}"), "a.example")["verdict"].clone()).collect();
    assert_eq!(json!(next), json!(["accept", "accept", "reject"]), "sixteen askings were one message");
}

#[test]
fn a_refusal_names_the_limit_its_level_and_stays_on_record() {
    let node = TestNode::serving(THREE_A_DAY, "");
    let answers: Vec<Value> = (0..4).map(|n| node.check(&format!("m{n}"), "a.example")).collect();
    let reason = &answers[3]["reasons"][0];
    assert_eq!((&reason["rule"], &reason["text"]), (&json!("three a day"), &json!("3 of 3 used.")));
    assert!(reason["numbers"]["next_at_ms"].as_u64().unwrap() > 0);
    let id = answers[3]["decision_id"].as_str().unwrap();
    let decision = node.get(&format!("/v1/decisions/{id}")).body;
    assert_eq!(decision["reasons"], answers[3]["reasons"]);
    let text = decision.to_string();
    assert!(!text.contains("someone@") && !text.contains("user@"), "no address rests in a record: {text}");
}

#[test]
fn a_deferred_message_is_judged_again_when_its_time_has_come() {
    let policy = "[[limit]]\nname = \"slow\"\nkey = [\"peer\"]\nrate = \"2/s\"\nburst = 1\nverdict = \"defer\"\n";
    let node = TestNode::serving(policy, "");
    assert_eq!(node.check("m1", "a.example")["verdict"], "accept");
    let deferred = node.check("m2", "a.example");
    assert_eq!(deferred["verdict"], "defer");
    assert!(deferred["retry_after_ms"].as_u64().unwrap() <= 500);
    node.wait_for("the deferral to end", || node.check("m2", "a.example")["verdict"] == "accept");
}

#[test]
fn reports_move_the_standing_of_what_comes_after() {
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    node.reconfigure("trusted_reporters = []", "trusted_reporters = [\"abuse@node.example\"]");
    node.serve();
    let before = node.check("m1", "spam.example");
    assert_eq!(before["newcomer"], json!(true));
    let id = &before["decision_id"];
    for reporter in ["abuse@node.example", "user@node.example"] {
        let report = json!({ "decision_id": id, "reporter": reporter, "report": "spam" });
        assert_eq!(node.post("/v1/feedback", &report).body, json!({ "recorded": true }));
    }
    let after = node.check("m2", "spam.example");
    assert!(after["standing"].as_i64() < before["standing"].as_i64(), "{before} {after}");
    assert!(after["score"].as_i64().unwrap() < -500, "{after}");
    let explained = node.get("/v1/subjects/peer:spam.example").body;
    assert_eq!(explained["own"]["reporters"], json!(2), "{explained}");
}

/// Three users reported the server: what decides comes first, for the operator alone.
#[test]
fn an_explanation_leads_with_what_decides() {
    let mut node = TestNode::new();
    node.serve();
    let report = |id: &Value, reporter: &str| {
        let report = json!({ "decision_id": id, "reporter": reporter, "report": "spam" });
        assert_eq!(node.post("/v1/feedback", &report).status, 200);
    };
    let claimed = json!({ "id": "claim", "peer": "bad.example", "sender": "", "recipients": ["b@node.example"],
                          "kind": "mail", "size": 1, "network": "203.0.113.7" });
    let claim = node.post("/v1/check", &claimed).body["decision_id"].clone();
    report(&claim, "user0@node.example");
    let explain = |subject: &str, more: &[&str]| node.run(&[&["explain", subject][..], more].concat());
    let nobody = explain("peer:bad.example", &[]);
    assert!(nobody.starts_with("Nobody has voted") && nobody.contains("`ostrakon decision ID`"), "{nobody}");
    let decided = node.run(&["decision", claim.as_str().unwrap()]);
    let subject = decided.split_whitespace().find(|word| word.starts_with("claim:")).unwrap();
    assert!(decided.contains("claims to be this peer"), "{decided}");
    let of_claim = explain(subject, &[]);
    assert!(of_claim.contains("the reports of 1 of this node's own users"), "{of_claim}");

    for n in 1..=3 {
        report(&node.check(&format!("m{n}"), "bad.example")["decision_id"], &format!("user{n}@node.example"));
    }
    let judged = node.check("m4", "bad.example");
    assert_eq!(judged["verdict"], "reject", "{judged}");
    let told = explain("peer:bad.example", &[]);
    let numbers = format!("score {}, confidence {}", judged["score"], judged["confidence"]);
    let lead = "peer:bad.example is refused here on the reports of 3 of this node's own users: ";
    assert!(told.starts_with(&format!("{lead}{numbers}. No vote in the ledger counts.")), "{told}");
    let effective = node.get("/v1/subjects/peer:bad.example").body["effective"].clone();
    assert_eq!((&effective["score"], &effective["accusers"]), (&judged["score"], &json!(3)), "{effective}");
    let outsider = explain("peer:bad.example", &["--redacted", "--json"]);
    assert!(!outsider.contains("effective") && outsider.contains("Nobody has voted"), "{outsider}");
}

#[test]
fn reports_and_sightings_are_the_same_after_a_restart() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    for n in 0..50 {
        let answer = node.check(&format!("m{n}"), &format!("p{}.example", n % 7));
        let report = if n % 3 == 0 { "ham" } else { "spam" };
        let reporter = format!("user{}@node.example", n % 5);
        node.post(
            "/v1/feedback",
            &json!({ "decision_id": answer["decision_id"], "reporter": reporter, "report": report }),
        );
    }
    let own = |node: &TestNode| -> Vec<Value> {
        (0..7).map(|n| node.get(&format!("/v1/subjects/peer:p{n}.example")).body["own"]["reporters"].clone()).collect()
    };
    let before = own(&node);
    node.kill();
    node.serve();
    assert_eq!(own(&node), before);
}

#[test]
fn a_question_that_cannot_be_read_is_refused_and_says_which_field() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let good = json!({ "id": "m", "peer": "a.example", "sender": "a@a.example", "recipients": ["b@node.example"],
                       "kind": "mail", "size": 1 });
    for (field, value) in [
        ("peer_proof", json!("signature")),
        ("recipients", json!([])),
        ("kind", json!("telegram")),
        ("size", json!(-1)),
        ("id", json!("")),
        ("content", json!("abc")),
        ("surprise", json!(1)),
    ] {
        let mut question = good.clone();
        question[field] = value;
        let answer = node.post("/v1/check", &question);
        assert_eq!((answer.status, &answer.body["error"]["blame"]), (400, &json!("caller")), "{field}: {answer:?}");
        let message = answer.body["error"]["message"].as_str().unwrap();
        let known = field != "kind" && field != "size";
        assert!(!known || message.contains(field), "{field}: {message}");
    }
    let feedback =
        json!({ "decision_id": "00000000000000000000000000000000", "reporter": "u@x.example", "report": "spam" });
    let answer = node.post("/v1/feedback", &feedback);
    assert_eq!((answer.status, &answer.body["error"]["code"]), (404, &json!("no_such_decision")));
}

#[test]
fn content_that_was_never_seen_says_nothing() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let question = |id: &str, content: Value| {
        let mut question = json!({ "id": id, "peer": "a.example", "sender": "a@a.example", "recipients": ["b@node.example"],
                                   "kind": "mail", "size": 1 });
        question["content"] = content;
        node.post("/v1/check", &question).body["standing"].clone()
    };
    question("first", json!("00".repeat(32)));
    assert_eq!(question("same", json!("00".repeat(32))), question("other", json!("11".repeat(32))));
}

#[test]
fn a_policy_may_ask_for_a_category_from_the_start_or_by_a_reload() {
    let rule = |category: &str| {
        format!(
            "[[rule]]\nname = \"{category}\"\nwhen = \"{category}_score < -200 && {category}_confidence > 200\"\nverdict = \"hold\"\n"
        )
    };
    let node = TestNode::serving(&rule("malware"), "");
    node.run(&["vote", "peer:a.example", "-100", "--category", "spam"]);
    node.run(&["vote", "peer:b.example", "-100", "--category", "malware"]);
    let mut asked = 0;
    let mut verdicts = || {
        asked += 1;
        ["a.example", "b.example"].map(|peer| node.check(&format!("{peer}-{asked}"), peer)["verdict"].clone())
    };
    node.wait_for("the votes", || verdicts() == [json!("accept"), json!("hold")]);
    let reason = node.check("why", "b.example")["reasons"][0].clone();
    assert_eq!((&reason["rule"], &reason["numbers"]["malware_score"]), (&json!("malware"), &json!(-833)), "{reason}");

    node.write("policy.toml", &rule("spam"));
    node.wait_for("the reload", || verdicts() == [json!("hold"), json!("accept")]);
}
