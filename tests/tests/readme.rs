//! The README's walk from a vote to a refused message, command by command, against a node as `make run` makes it; and the
//! example for authors of adapters.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_tests::TestNode;
use serde_json::{Value, json};

/// The blocks of a page: their languages and texts.
fn blocks(page: &str) -> Vec<(String, String)> {
    let readme = std::fs::read_to_string(format!("{}/../{page}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut blocks = Vec::new();
    let mut parts = readme.split("```").skip(1);
    while let Some(block) = parts.next() {
        let (language, text) = block.split_once('\n').unwrap();
        blocks.push((language.to_owned(), text.to_owned()));
        parts.next();
    }
    blocks
}

/// What does not depend on the day and the machine.
fn essence(answer: &Value) -> Value {
    let reasons: Vec<_> =
        answer["reasons"].as_array().unwrap().iter().map(|it| (&it["rule"], &it["verdict"])).collect();
    json!({ "verdict": answer["verdict"], "reasons": reasons, "score": answer["score"],
            "confidence": answer["confidence"], "standing": answer["standing"], "newcomer": answer["newcomer"] })
}

#[test]
fn the_walk_in_the_readme_leads_to_a_refused_message_with_its_reasons() {
    let mut node = TestNode::named("node.localhost");
    node.serve();
    let blocks = blocks("README.md");
    let mut checked = 0;
    let mut ran = 0;
    for (at, (language, text)) in blocks.iter().enumerate() {
        if language != "sh" {
            continue;
        }
        if let Some(body) = text.strip_prefix("curl -s 127.0.0.1:7401/v1/check --json '") {
            let question: Value = serde_json::from_str(body.trim_end().trim_end_matches('\'')).unwrap();
            let answer = node.post("/v1/check", &question).body;
            let printed: Value = serde_json::from_str(&blocks[at + 1].1).unwrap();
            assert_eq!(essence(&answer), essence(&printed));
            checked += 1;
        } else if let Some(words) = text.strip_prefix("target/release/ostrakon ") {
            let args: Vec<_> = words.split_whitespace().collect();
            let printed = node.run(&args);
            assert_eq!(printed.split(", record").next(), blocks[at + 1].1.split(", record").next());
            node.wait_for("the book", || node.get("/v1/subjects/peer:spam.example").body["ledger_index"] == json!(2));
            ran += 1;
        }
    }
    assert_eq!((checked, ran), (2, 2), "the walk has two checks, a vote and an explanation");
}

#[test]
fn the_example_for_authors_of_adapters_is_answered_as_it_is_printed() {
    let mut node = TestNode::named("node.localhost");
    node.serve();
    let blocks = blocks("docs/adapters.md");
    let question = blocks[0].1.strip_prefix("curl -s 127.0.0.1:7401/v1/check --json '").unwrap();
    let question: Value = serde_json::from_str(question.trim_end().trim_end_matches('\'')).unwrap();
    let answer = node.post("/v1/check", &question).body;
    let printed: Value = serde_json::from_str(&blocks[1].1).unwrap();
    assert_eq!(essence(&answer), essence(&printed));
    let fields = |answer: &Value| answer.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((fields(&answer), &answer["proven"]), (fields(&printed), &printed["proven"]));
    let report = json!({ "decision_id": answer["decision_id"], "reporter": "bob@node.localhost", "report": "spam" });
    assert_eq!(node.post("/v1/feedback", &report).body, json!({ "recorded": true }));
    let listed = blocks.iter().find(|(_, text)| text.contains("\"degraded\"")).unwrap();
    assert!(serde_json::from_str::<Value>(&listed.1).is_ok(), "{}", listed.1);
}
