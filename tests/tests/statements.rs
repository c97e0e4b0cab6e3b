//! What peers say beside votes: new keys, answers, evidence and its erasure, and two stories.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_ledger::{Body, Category, Digest, Erase, Evidence, Rebut, RebuttalAnswer, RecordId, SecretKey, Vote};
use ostrakon_router::server::evidence::read::EvidenceQuestion;
use ostrakon_tests::{
    TestNode, TestPeer,
    binary::ostrakon,
    node::{Answer as Told, OPEN_POLICY, get_signed, put},
    peer::now_ms,
};
use serde_json::json;

fn committed(peer: &mut TestPeer, subject: &str, evidence: &Evidence) -> ostrakon_ledger::SignedRecord {
    let vote = Vote::plain(subject.parse().unwrap(), -80, Category::Spam, now_ms());
    peer.say(Body::Vote(Vote { commitment: evidence.commitment(), ..vote }))
}

fn send(node: &TestNode, record: &ostrakon_ledger::SignedRecord) -> Told {
    node.public_post("/v1/votes", &record.to_envelope())
}

#[test]
fn a_peer_goes_on_with_a_new_key_and_the_old_one_is_worth_nothing() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let mut peer = TestPeer::admitted(&node, "a.example");
    peer.cast(&node, "peer:x.example", 10);
    let old = peer.key.clone();
    let rotation = peer.rotate(SecretKey::from_seed([5; 32]));
    assert_eq!(send(&node, &rotation).status, 200);
    let (seq, prev, new) = (peer.seq, peer.prev, peer.key.clone());
    peer.key = old;
    let stale = peer.vote("peer:y.example", 10);
    assert_eq!(send(&node, &stale).body["error"]["code"], "wrong_key");
    (peer.seq, peer.prev, peer.key) = (seq, prev, new);
    peer.cast(&node, "peer:y.example", 10);
    assert_eq!(node.verify(), 5);
}

#[test]
fn the_node_itself_rotates_served_or_not_and_survives_a_crash_in_between() {
    let mut node = TestNode::new();
    let key = |node: &TestNode| node.public_get("/.well-known/ostrakon").body["key"].as_str().unwrap().to_owned();
    node.run(&["vote", "peer:x.example", "10", "--category", "ham"]);
    node.run(&["rotate"]);
    node.run(&["vote", "peer:y.example", "10", "--category", "ham"]);
    node.serve();
    let first = key(&node);
    node.run(&["rotate"]);
    let second = key(&node);
    assert_ne!(first, second);
    node.run(&["vote", "peer:z.example", "10", "--category", "ham"]);
    node.kill();
    // As if the crash had come before the new key was moved to its place.
    let file = |name: &str| node.home().join(name);
    std::fs::rename(file("record.key"), file("record.key.next")).unwrap();
    node.run(&["vote", "peer:w.example", "10", "--category", "ham"]);
    assert!(file("record.key").exists() && !file("record.key.next").exists());
    assert_eq!(node.verify(), 7);
    // Without the secret of the key in force the node says so and signs nothing.
    std::fs::rename(file("record.key"), file("elsewhere")).unwrap();
    let failed = ostrakon(&["vote", "peer:v.example", "10", "--category", "ham", "--dir", &node.home_arg()]);
    assert!(String::from_utf8_lossy(&failed.stderr).contains(&second), "{failed:?}");
}

#[test]
fn evidence_is_kept_for_peers_until_it_is_erased_and_every_receipt_stays_good() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    let (mut a, b) = (TestPeer::admitted(&node, "a.example"), TestPeer::admitted(&node, "b.example"));
    let evidence = Evidence::new([7; 32], b"Received: from spam.example").unwrap();
    let vote = committed(&mut a, "peer:spam.example", &evidence);
    assert_eq!(send(&node, &vote).status, 200);
    let url = format!("{}/v1/records/{}/evidence", node.public(), vote.id());

    // Only what the vote commits to is kept.
    assert_eq!(put(&url, &[&[8; 32], evidence.body()].concat()).body["error"]["code"], "other_evidence");
    assert_eq!(put(&url, &vec![0; 70_000]).status, 413);
    assert_eq!(put(&url, evidence.as_bytes()).status, 200);
    assert_eq!(put(&url, evidence.as_bytes()).status, 200, "twice is no error");
    let bare = a.cast(&node, "peer:x.example", 1);
    let no_body = format!("{}/v1/records/{bare}/evidence", node.public());
    assert_eq!(put(&no_body, evidence.as_bytes()).body["error"]["code"], "no_evidence");

    // Read by the operator, and by peers who sign that they ask; by nobody else.
    assert_eq!(node.get_bytes(&format!("/v1/records/{}/evidence", vote.id())), evidence.as_bytes());
    assert_eq!(node.run(&["evidence", &vote.id().to_string()]), "Received: from spam.example");
    let domain = "node.example".parse().unwrap();
    let question = |record| EvidenceQuestion { network: "ostrakon", node: &domain, record };
    let header = question(vote.id()).sign(&b.name, &b.key, now_ms());
    assert_eq!(get_signed(&url, &header), (200, evidence.as_bytes().to_vec()));
    let stranger = TestPeer::new("c.example");
    for (header, status) in [
        (String::new(), 401),
        ("Bearer x".into(), 401),
        (question(vote.id()).sign(&stranger.name, &stranger.key, now_ms()), 403),
        (question(vote.id()).sign(&b.name, &stranger.key, now_ms()), 403),
        (question(bare).sign(&b.name, &b.key, now_ms()), 403),
        (question(vote.id()).sign(&b.name, &b.key, now_ms() - 600_000), 403),
    ] {
        assert_eq!(get_signed(&url, &header).0, status, "{header}");
    }

    let receipt = node.run(&["ledger", "proof", &vote.id().to_string()]);
    let erasure = a.say(Body::Erase(Erase { target: vote.id() }));
    assert_eq!(send(&node, &erasure).status, 200);
    assert_eq!(get_signed(&url, &question(vote.id()).sign(&b.name, &b.key, now_ms())).0, 410);
    assert_eq!(put(&url, evidence.as_bytes()).status, 410);
    let folder = || std::fs::read_dir(node.home().join("evidence")).unwrap().count();
    assert_eq!(folder(), 0);

    // A body whose erasure a crash interrupted is erased at the next start.
    node.kill();
    let kept = node.home().join("evidence");
    std::fs::write(kept.join(evidence.commitment().to_string()), evidence.as_bytes()).unwrap();
    std::fs::write(kept.join(evidence.commitment().to_string()).with_extension("new"), b"half").unwrap();
    // What is not the node's stays, and what lies behind a link, too.
    let precious = node.beside("precious");
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("thesis.txt"), b"x").unwrap();
    std::os::unix::fs::symlink(&precious, kept.join("a.example")).unwrap();
    std::fs::create_dir(kept.join("lost+found")).unwrap();
    std::fs::write(kept.join("README"), b"x").unwrap();
    node.serve();
    assert_eq!(std::fs::read_dir(&kept).unwrap().count(), 3);
    assert!(precious.join("thesis.txt").exists());
    let vkey = node.public_get("/.well-known/ostrakon").body["ledger"]["vkey"].as_str().unwrap().to_owned();
    for text in [receipt, node.run(&["ledger", "proof", &vote.id().to_string()])] {
        let file = node.beside("receipt");
        std::fs::write(&file, text).unwrap();
        let id = vote.id().to_string();
        let said = ostrakon(&["ledger", "proof", &id, "--verify", file.to_str().unwrap(), "--vkey", &vkey]);
        assert!(said.status.success(), "{said:?}");
    }
    node.verify();
}

#[test]
fn the_nodes_own_votes_carry_evidence_and_are_answered_by_the_accused() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    let mut accused = TestPeer::admitted(&node, "b.example");
    let file = node.beside("evidence");
    std::fs::write(&file, "three complaints").unwrap();
    let path = file.to_str().unwrap();
    let said = node.run(&["vote", "peer:b.example", "-80", "--category", "spam", "--evidence", path]);
    let id = said.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(node.run(&["evidence", &id]), "three complaints");

    let target: RecordId = id.parse().unwrap();
    let answer = accused.say(Body::Rebut(Rebut { target, answer: RebuttalAnswer::Resolved, commitment: Digest::ZERO }));
    let told = send(&node, &answer);
    assert_eq!(told.status, 200, "{told:?}");
    node.wait_for("the book to follow", || {
        let explained = node.get("/v1/subjects/peer:b.example").body;
        explained["rebuttals"]
            == json!([{
                "vote": id, "vote_index": 2, "record": answer.id().to_string(), "index": told.body["index"], "answer": "resolved"
            }])
    });
    assert!(node.run(&["explain", "peer:b.example"]).contains("answered: resolved (index 3)"));

    node.terminate();
    assert!(node.run(&["explain", "peer:b.example"]).contains("answered: resolved (index 3)"));
    node.run(&["erase", &id]);
    let gone = ostrakon(&["evidence", &id, "--dir", &node.home_arg()]);
    assert!(!gone.status.success());
    // The node answers what is said about itself, too.
    node.serve();
    let about = accused.cast(&node, "peer:node.example", -50).to_string();
    node.run(&["rebut", &about, "--answer", "denied"]);
    assert_eq!(ostrakon(&["rebut", &about, "--answer", "denied", "--dir", &node.home_arg()]).status.code(), Some(3));
    node.verify();
}

#[test]
fn who_tells_two_stories_is_convicted_with_a_proof_that_anyone_can_check() {
    let mut node = TestNode::new();
    node.reconfigure("\"node.example\" = 1000", "\"liar.example\" = 1000");
    node.serve();
    let mut liar = TestPeer::admitted(&node, "liar.example");
    liar.cast(&node, "peer:x.example", -80);
    let score = |node: &TestNode| node.get("/v1/subjects/peer:x.example").body["score"].as_i64().unwrap();
    node.wait_for("the vote to count", || score(&node) < 0);
    (liar.seq, liar.prev) = (0, RecordId::ZERO);
    let second = liar.vote("peer:x.example", 80);
    assert_eq!(send(&node, &second).body["error"]["code"], "conflict");
    node.wait_for("the liar to weigh nothing", || score(&node) == 0);

    let proof = node.run(&["ledger", "fork", "liar.example"]);
    let file = node.beside("fork.json");
    std::fs::write(&file, &proof).unwrap();
    let check = || ostrakon(&["ledger", "fork", "--check", file.to_str().unwrap()]);
    let said = check();
    assert!(said.status.success(), "{said:?}");
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.contains("liar.example told two stories") && text.contains(&second.id().to_string()), "{text}");
    assert!(node.run(&["explain", "peer:liar.example"]).contains("it told two stories"));

    let changed = proof.replacen("\"payload\":\"ey", "\"payload\":\"fy", 1);
    std::fs::write(&file, changed).unwrap();
    assert_eq!(check().status.code(), Some(3));
    let honest = ostrakon(&["ledger", "fork", "node.example", "--dir", &node.home_arg()]);
    assert_eq!(honest.status.code(), Some(3));
    // Convicted once: the same lie again adds nothing.
    send(&node, &second);
    assert_eq!(node.verify(), 4);
}

#[test]
fn a_policy_in_force_is_announced_if_the_operator_wants_that() {
    let mut node = TestNode::new();
    node.reconfigure("announce_policy = false", "announce_policy = true");
    node.write("policy.toml", OPEN_POLICY);
    node.serve();
    node.wait_for("the announcement", || node.tree_size() == 2);
    node.terminate();
    node.serve();
    node.write("policy.toml", "# the same rules, other bytes\naccept_everything = true\n");
    node.wait_for("the next announcement", || node.tree_size() == 3);
    assert_eq!(node.verify(), 3);
}
