//! The score book across restarts: its file saves time, and scores are those of the ledger whatever becomes of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;

use ostrakon_tests::{TestNode, TestPeer, node::OPEN_POLICY};
use serde_json::Value;

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
