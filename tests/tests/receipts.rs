//! Receipts: what a peer takes home for its vote, and what a stranger can do with it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_ledger::{Receipt, SignedRecord, note::NoteKey};
use ostrakon_tests::{
    TestNode, TestPeer,
    binary::ostrakon,
    node::{OPEN_POLICY, get_bytes},
};

#[test]
fn a_vote_is_answered_with_the_place_of_its_receipt_which_anyone_can_check_offline() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let mut peer = TestPeer::admitted(&node, "a.example");
    peer.cast(&node, "peer:x.example", 10);
    let vote = peer.vote("peer:b.example", -50);
    let answer = node.public_post("/v1/votes", &vote.to_envelope());
    for n in 0..300 {
        peer.cast(&node, &format!("peer:p{n}.example"), 10);
    }

    let path = answer.body["receipt"].as_str().unwrap();
    let text = String::from_utf8(get_bytes(&format!("{}{path}", node.public()))).unwrap();
    let about = node.public_get("/.well-known/ostrakon").body;
    let vkey = about["ledger"]["vkey"].as_str().unwrap();
    let receipt: Receipt = text.parse().unwrap();
    let (checkpoint, entry) = receipt.verify_entry(&[vkey.parse::<NoteKey>().unwrap()]).unwrap();
    assert_eq!((entry.index, &entry.record), (answer.body["index"].as_u64().unwrap(), &vote));
    assert_eq!(checkpoint.tree_size, 304);

    // The record itself, as its author signed it.
    let id = vote.id().to_string();
    let record = node.public_get(&format!("/v1/records/{id}")).body;
    assert_eq!((&record["index"], &record["type"]), (&answer.body["index"], &"vote".into()));
    assert_eq!(SignedRecord::parse_envelope(record["envelope"].to_string().as_bytes()).unwrap(), vote);

    // The same receipt from the directory, while the node is served; checked on the command line, by anyone.
    assert_eq!(node.run(&["ledger", "proof", &id]), text);
    let file = node.beside("vote.tlog-proof");
    std::fs::write(&file, &text).unwrap();
    let check = |vkey: &str, wanted: &str, file: &std::path::Path| {
        ostrakon(&["ledger", "proof", wanted, "--verify", file.to_str().unwrap(), "--vkey", vkey])
    };
    let said = check(vkey, &id, &file);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    assert!(String::from_utf8_lossy(&said.stdout).contains("stands at   index 3 of 304 in node.example/ostrakon"));

    // It proves nothing else, and nothing under another key.
    let other = "0".repeat(64);
    assert_eq!(check(vkey, &other, &file).status.code(), Some(3));
    let mut stranger = TestNode::named("node.example");
    stranger.serve();
    let foreign = stranger.public_get("/.well-known/ostrakon").body["ledger"]["vkey"].as_str().unwrap().to_owned();
    assert_eq!(check(&foreign, &id, &file).status.code(), Some(3));
    std::fs::write(&file, text.replace("index 3\n", "index 4\n")).unwrap();
    assert_eq!(check(vkey, &id, &file).status.code(), Some(3));

    assert_eq!(node.public_get(&format!("/v1/records/{other}")).status, 404);
    assert_eq!(node.public_get(&format!("/v1/records/{other}/receipt")).status, 404);
    assert_eq!(node.public_get("/v1/records/x/receipt").status, 400);
    assert_eq!(ostrakon(&["ledger", "proof", &other, "--dir", &node.home_arg()]).status.code(), Some(3));
}
