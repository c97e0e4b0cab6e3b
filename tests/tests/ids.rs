//! An id names one message: the same content gets the same answer, another content is refused, and what an adapter asks
//! never stands for what a peer signed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_tests::{TestNode, TestPeer, Webhook, node::OPEN_POLICY};
use serde_json::{Value, json};

fn question(id: &str) -> Value {
    json!({ "id": id, "peer": "a.example", "sender": "ann@a.example", "recipients": ["user@node.example"],
            "kind": "mail", "size": 1000 })
}

fn with(id: &str, field: &str, value: Value) -> Value {
    let mut question = question(id);
    question[field] = value;
    question
}

#[test]
fn a_check_under_a_used_id_with_other_content_is_refused_and_names_the_decision() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    let first = node.post("/v1/check", &question("m1"));
    assert_eq!(first.status, 200);
    let others = [
        with("m1", "sender", json!("eve@a.example")),
        with("m1", "links", json!(99)),
        with("m1", "size", json!(1001)),
        with("m1", "kind", json!("post")),
        with("m1", "recipients", json!(["other@node.example"])),
        with("m1", "network", json!("203.0.113.1")),
        with("m1", "content", json!("00".repeat(32))),
        with("m1", "known_contact", json!(true)),
    ];
    for restarted in [false, true] {
        for other in &others {
            let refused = node.post("/v1/check", other);
            let error = &refused.body["error"];
            assert_eq!((refused.status, &error["code"]), (409, &json!("id_reused")), "{other}: {refused:?}");
            assert_eq!((&error["blame"], &error["decision_id"]), (&json!("caller"), &first.body["decision_id"]));
        }
        assert_eq!(node.post("/v1/check", &question("m1")), first, "the same content gets the same answer");
        if !restarted {
            node.kill();
            node.serve();
        }
    }
    let other_peer = node.post("/v1/check", &with("m1", "peer", json!("b.example")));
    assert_eq!(other_peer.status, 200, "ids are unique per peer only");
}

#[test]
fn of_two_contents_under_one_id_at_once_one_is_answered() {
    let node = TestNode::serving(OPEN_POLICY, "");
    for round in 0..20 {
        let id = format!("m{round}");
        let answers: Vec<_> = std::thread::scope(|scope| {
            let ask = |links: usize| node.post("/v1/check", &with(&id, "links", json!(links)));
            let asking: Vec<_> = (0..8).map(|n| scope.spawn(move || (n % 2, ask(n % 2)))).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut answered: Vec<_> =
            answers.iter().filter(|(_, answer)| answer.status == 200).map(|(links, _)| links).collect();
        answered.dedup();
        answered.sort_unstable();
        answered.dedup();
        assert_eq!(answered.len(), 1, "{answers:?}");
        assert!(answers.iter().all(|(_, answer)| matches!(answer.status, 200 | 409)), "{answers:?}");
    }
}

#[test]
fn a_check_never_stands_for_a_signed_message() {
    let webhook = Webhook::new();
    let node = TestNode::serving(OPEN_POLICY, &webhook.route());
    let mut peer = TestPeer::admitted(&node, "a.example");
    let message = peer.message(b"hello");
    let uuid = message.header().id.to_string();
    let ids = [format!("a.example/{uuid}"), uuid.clone()];
    let asked: Vec<Value> =
        ids.iter().map(|id| node.post("/v1/check", &question(id)).body["decision_id"].clone()).collect();
    let answer = node.public_post("/v1/messages", &message.to_json());
    assert_eq!((answer.status, &answer.body["verdict"]), (202, &json!("accept")), "{answer:?}");
    assert!(!asked.contains(&answer.body["decision_id"]));
    assert_eq!(webhook.wait_for(1)[0].body, message.to_json(), "it was delivered");
}

#[test]
fn a_signed_message_under_a_used_id_with_other_content_is_refused() {
    let webhook = Webhook::new();
    let node = TestNode::serving(OPEN_POLICY, &webhook.route());
    let mut peer = TestPeer::admitted(&node, "a.example");
    let draft = peer.draft();
    let sign = |body: &[u8]| draft.clone().sign(body.to_vec(), &peer.key).unwrap().to_json();
    let first = node.public_post("/v1/messages", &sign(b"one"));
    assert_eq!(first.status, 202);
    let refused = node.public_post("/v1/messages", &sign(b"two"));
    let error = &refused.body["error"];
    assert_eq!((refused.status, &error["code"]), (409, &json!("id_reused")), "{refused:?}");
    assert_eq!((&error["blame"], &error["decision_id"]), (&json!("peer"), &first.body["decision_id"]));
    let mut later = draft.clone();
    later.sent_at_ms += 1;
    let refused = node.public_post("/v1/messages", &later.sign(b"one".to_vec(), &peer.key).unwrap().to_json());
    assert_eq!(refused.status, 409, "the same body with another header is another message");
    assert_eq!(node.public_post("/v1/messages", &sign(b"one")), first);
    assert_eq!(webhook.wait_for(1).len(), 1);
}

#[test]
fn what_is_left_of_a_wait_is_told_when_it_is_asked_for() {
    let policy = "[[limit]]\nname = \"one\"\nkey = [\"peer\"]\nrate = \"1/hour\"\nburst = 1\nverdict = \"defer\"\n\
                  explain = \"in {retry_after_ms} ms\"\n";
    let webhook = Webhook::new();
    let node = TestNode::serving(policy, &webhook.route());
    assert_eq!(node.post("/v1/check", &question("m1")).body["verdict"], "accept");
    let first = node.post("/v1/check", &question("m2")).body;
    assert_eq!(first["verdict"], "defer");
    let wait = |answer: &Value| answer["retry_after_ms"].as_u64().unwrap();
    let mut last = first.clone();
    node.wait_for("less to wait", || {
        last = node.post("/v1/check", &question("m2")).body;
        wait(&last) + 5 < wait(&first)
    });
    assert_eq!(last["reasons"][0]["text"], json!(format!("in {} ms", wait(&last))));
    assert_eq!(last["reasons"][0]["numbers"]["retry_after_ms"], last["retry_after_ms"]);
    assert_eq!(last["reasons"][0]["numbers"]["next_at_ms"], first["reasons"][0]["numbers"]["next_at_ms"]);
    let record = node.get(&format!("/v1/decisions/{}", first["decision_id"].as_str().unwrap())).body;
    assert_eq!(record["retry_after_ms"], first["retry_after_ms"], "the record says how it was at `at_ms`");

    // The public listener tells the same, in its header, too.
    let mut peer = TestPeer::admitted(&node, "b.example");
    assert_eq!(peer.send(&node, b"first").status, 202);
    let message = peer.message(b"second").to_json();
    let first = node.public_post("/v1/messages", &message);
    assert_eq!((first.status, first.retry_after_s), (429, Some(wait(&first.body).div_ceil(1000))));
    node.wait_for("a second less to wait", || {
        let later = node.public_post("/v1/messages", &message);
        assert_eq!(later.retry_after_s, Some(wait(&later.body).div_ceil(1000)));
        later.retry_after_s < first.retry_after_s
    });
}
