//! Witnessing between nodes: one cosigns what another publishes, and refuses what does not extend it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_ledger::{
    AddCheckpoint, Receipt, SecretKey,
    checkpoint::Checkpoint,
    note::{Note, NoteKey},
    witness::log_id,
};
use ostrakon_tests::{
    TestNode, TestPeer,
    binary::ostrakon,
    node::{OPEN_POLICY, get_bytes, post_text},
};

fn about(node: &TestNode) -> serde_json::Value {
    node.public_get("/.well-known/ostrakon").body
}

fn vkey(node: &TestNode) -> String {
    about(node)["ledger"]["vkey"].as_str().unwrap().to_owned()
}

/// A served witness for these logs.
fn witness_for(logs: &[&TestNode]) -> (TestNode, String) {
    let mut witness = TestNode::named("witness.example");
    let lines: String = logs.iter().map(|log| format!("log {}\n", vkey(log))).collect();
    witness.write("witness-logs", &lines);
    witness.serve();
    let vkey = about(&witness)["witness"]["vkey"].as_str().unwrap().to_owned();
    (witness, vkey)
}

fn checkpoint(node: &TestNode) -> Note {
    Note::parse(&String::from_utf8(get_bytes(&format!("{}/checkpoint", node.public()))).unwrap()).unwrap()
}

fn size(note: &Note) -> u64 {
    note.text().parse::<Checkpoint>().unwrap().tree_size
}

#[test]
fn a_ledger_with_a_quorum_serves_what_its_witnesses_cosigned() {
    let mut log = TestNode::serving(OPEN_POLICY, "");
    let (witness, witness_key) = witness_for(&[&log]);
    let dead = "http://127.0.0.1:9";
    let stranger = NoteKey::cosigner("away.example", TestPeer::new("away.example").key.public()).unwrap();
    log.terminate();
    log.write(
        "quorum",
        &format!(
            "witness near {witness_key} {}/witness\nwitness away {stranger} {dead}\ngroup any-one any near away\nquorum any-one\n",
            witness.public()
        ),
    );
    log.serve();
    let mut peer = TestPeer::admitted(&log, "a.example");
    let keys: [NoteKey; 2] = [vkey(&log).parse().unwrap(), witness_key.parse().unwrap()];
    for round in 1..=3u64 {
        let id = peer.cast(&log, "peer:x.example", 10);
        log.wait_for("a cosigned checkpoint that covers the vote", || {
            let note = checkpoint(&log);
            size(&note) == 2 + round && note.signers(&keys).unwrap().len() == 2
        });
        let path = format!("{}/v1/records/{id}/receipt", log.public());
        let receipt: Receipt = String::from_utf8(get_bytes(&path)).unwrap().parse().unwrap();
        let (covered, entry) = receipt.verify_entry(&keys).unwrap();
        assert_eq!((covered.tree_size, entry.index), (2 + round, 1 + round));
        assert_eq!(receipt.checkpoint.signers(&keys[1..]).unwrap().len(), 1, "the receipt is cosigned too");
    }
    // What monitors read of the witness is what it cosigned last.
    let id = hex::encode(log_id("node.example/ostrakon"));
    let seen = get_bytes(&format!("{}/witness/{id}/checkpoint", witness.public()));
    assert_eq!(Note::parse(&String::from_utf8(seen).unwrap()).unwrap().text(), checkpoint(&log).text());
    assert!(log.get("/metrics").body.as_str().unwrap().contains("ostrakon_cosigned_entries 5"));
}

#[test]
fn a_witness_answers_over_http_as_its_protocol_says_and_keeps_its_word_after_kill_9() {
    let log = TestNode::serving(OPEN_POLICY, "");
    let mut peer = TestPeer::admitted(&log, "a.example");
    let (mut witness, _) = witness_for(&[&log]);
    let first = checkpoint(&log);
    peer.cast(&log, "peer:x.example", 10);
    let second = checkpoint(&log);

    let ask = |witness: &TestNode, old_size, note: &Note| {
        let body = AddCheckpoint { old_size, proof: vec![], note: note.clone() }.to_body();
        post_text(&format!("{}/witness/add-checkpoint", witness.public()), body.as_bytes())
    };
    let (status, kind, body) = ask(&witness, 0, &first);
    assert_eq!((status, kind.as_str()), (200, "text/plain; charset=utf-8"), "{body}");
    assert!(body.starts_with("— witness.example/witness ") && body.ends_with('\n'), "{body}");
    witness.kill();
    witness.serve();
    assert_eq!(ask(&witness, 0, &second), (409, "text/x.tlog.size".into(), "2\n".into()));
    assert_eq!(ask(&witness, 2, &second).0, 422, "without the proof");
    assert_eq!(ask(&witness, 9, &second).0, 400);
    let key = TestPeer::new("b.example").key;
    assert_eq!(ask(&witness, 2, &Note::sign(second.text(), "node.example/ostrakon", &key).unwrap()).0, 403);
    let elsewhere =
        Note::sign(&second.text().replace("node.example", "b.example"), "b.example/ostrakon", &key).unwrap();
    assert_eq!(ask(&witness, 0, &elsewhere).0, 404);
    assert_eq!(post_text(&format!("{}/witness/add-checkpoint", witness.public()), b"nonsense").0, 400);

    // Two trees of one size convict the log, since this witness admitted its owner.
    let admitted_key = about(&log)["key"].clone();
    let admitted = witness.post("/v1/peers", &serde_json::json!({ "peer": "node.example", "key": admitted_key }));
    assert_eq!(admitted.status, 200, "{admitted:?}");
    let mut other: Checkpoint = first.text().parse().unwrap();
    other.root[0] ^= 1;
    let seed = std::fs::read_to_string(log.home().join("node.key")).unwrap();
    let seed: [u8; 32] = hex::decode(seed.trim()).unwrap().try_into().unwrap();
    let second_story = Note::sign(&other.to_string(), "node.example/ostrakon", &SecretKey::from_seed(seed)).unwrap();
    assert_eq!(ask(&witness, 2, &second_story).0, 422);
    let proof = witness.run(&["ledger", "fork", "node.example"]);
    let file = witness.beside("fork.json");
    std::fs::write(&file, proof).unwrap();
    let said = ostrakon(&["ledger", "fork", "--check", file.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("two checkpoints"), "{said:?}");

    let unseen = hex::encode(log_id("b.example/ostrakon"));
    assert_eq!(witness.public_get(&format!("/witness/{unseen}/checkpoint")).status, 404);
    // A node that was not asked to be a witness is none.
    assert_eq!(ask(&log, 0, &first).0, 404);
    assert!(about(&log)["witness"].is_null());
}
