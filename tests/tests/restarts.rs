//! Scores across restarts. The book's file saves time, and scores are those of the ledger whatever becomes of it; what
//! the node's own users said weighs the same whatever the log has dropped meanwhile.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt, sync::Arc};

use ostrakon_ledger::RocksStore;
use ostrakon_reputation::{Experience, Parameters};
use ostrakon_router::flow::journal::{Bounds, Journal, tables};
use ostrakon_tests::{TestNode, TestPeer, node::OPEN_POLICY};
use serde_json::{Value, json};

const READ: &str = "the book was read from its file";
const FOLDED: &str = "the book's file does not serve";

/// Explanations of all subjects, without the moment for which they were asked.
fn scores(node: &TestNode) -> Vec<Value> {
    let explain = |i: usize| {
        let mut explanation = node.get(&format!("/v1/subjects/peer:s{i}.example")).body;
        explanation.as_object_mut().unwrap().remove("now_ms");
        explanation
    };
    (0..6).map(explain).collect()
}

/// A peer's votes about six subjects, two of them taken back; returns when the book has them.
fn vote(node: &TestNode, peer: &mut TestPeer, value: i8) {
    for i in 0..6 {
        let id = peer.cast(node, &format!("peer:s{i}.example"), value);
        if i % 3 == 2 {
            let retraction = peer.retract(id).to_envelope();
            assert_eq!(node.public_post("/v1/votes", &retraction).status, 200);
        }
    }
    node.wait_for("the book to follow", || scores(node)[0]["ledger_index"] == node.tree_size());
}

#[test]
fn scores_are_the_ledgers_whatever_becomes_of_the_file() {
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    // Without decay, scores of two moments can be compared.
    node.reconfigure("half_life = \"90d\"", "half_life = \"none\"");
    node.serve();
    let mut peer = TestPeer::admitted(&node, "friend.example");
    node.run(&["vote", "peer:friend.example", "100", "--category", "vouch"]);
    vote(&node, &mut peer, -80);
    let before = scores(&node);
    assert!(before.iter().any(|explanation| explanation["score"].as_i64().unwrap() < 0), "{before:?}");

    assert!(node.terminate().success());
    let file = node.home().join("book");
    let metadata = std::fs::metadata(&file).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "the file tells whom the operator trusts");
    node.serve();
    assert!(node.log().contains(READ), "{}", node.log());
    assert_eq!(scores(&node), before);

    // Killed with votes that the file does not have.
    vote(&node, &mut peer, 60);
    let before = scores(&node);
    node.kill();
    node.serve();
    assert!(node.log().contains(READ), "{}", node.log());
    assert_eq!(scores(&node), before);

    // Damaged: slower, and said so.
    node.kill();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    node.serve();
    assert!(node.log().contains(FOLDED), "{}", node.log());
    assert_eq!(scores(&node), before);

    // With other seeds the file is of no use.
    assert!(node.terminate().success());
    node.reconfigure("[reputation.seeds]", "[reputation.seeds]\n\"friend.example\" = 500");
    node.serve();
    assert!(node.log().contains(FOLDED) && node.log().contains("other viewpoints"), "{}", node.log());
}

/// Drops all decisions from the messages of a node that is not served, as their retention would.
fn drop_decisions(node: &TestNode) {
    let store = Arc::new(RocksStore::open(node.home().join("messages"), tables::TABLES).unwrap());
    let year_ms = 365 * 86_400_000;
    let bounds = Bounds { queue_max: 1, holds_max: 1, decisions_ms: 0, reports_ms: year_ms, dead_ms: year_ms };
    let experience = Experience::new(Parameters::default(), BTreeSet::new());
    let mut journal = Journal::open(store, bounds, experience).unwrap();
    // They stay a quarter of an hour longer than their retention at the most.
    let now_ms = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64 + 15 * 60_000;
    while journal.expire(now_ms).unwrap().more {}
}

#[test]
fn a_report_weighs_what_it_did_when_its_decision_is_gone() {
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    node.reconfigure("half_life = \"90d\"", "half_life = \"none\"");
    node.reconfigure("trusted_reporters = []", "trusted_reporters = [\"abuse@node.example\"]");
    node.serve();
    let check = |n: usize| {
        let question = json!({ "id": format!("m{n}"), "peer": "house.example", "peer_proof": "dns", "sender": format!("u{n}@house.example"),
                               "recipients": ["user@node.example"], "kind": "mail", "size": 1 });
        node.post("/v1/check", &question).body["decision_id"].clone()
    };
    (0..40).for_each(|n| drop(check(n)));
    let report = json!({ "decision_id": check(40), "reporter": "abuse@node.example", "report": "spam" });
    assert_eq!(node.post("/v1/feedback", &report).status, 200);
    let against_house = |node: &TestNode| {
        let own = node.get("/v1/subjects/peer:house.example").body["own"].clone();
        (own["reporters"].clone(), own["negative_nv"].as_u64().unwrap())
    };
    let before = against_house(&node);
    // Forty messages before: s = 1/6, and the stranger's account answers in full: (½ + 1/6) / (½ + 1) of a vote.
    assert!(before.0 == 1 && (444_000_000..445_000_000).contains(&before.1), "{before:?}");

    node.kill();
    drop_decisions(&node);
    node.serve();
    let id = report["decision_id"].as_str().unwrap();
    assert_eq!(node.get(&format!("/v1/decisions/{id}")).status, 404, "the decision is gone");
    assert_eq!(against_house(&node), before);
}
