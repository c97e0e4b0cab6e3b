//! The message flow through a served node: envelope, verdict, durable queue, route, hold.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_tests::{TestNode, TestPeer, Webhook, node::OPEN_POLICY, peer::now_ms};
use serde_json::json;

const HOLD_EVERYTHING: &str = r#"
[[rule]]
name = "look at everything"
when = "size >= 0"
verdict = "hold"
explain = "A person looks at everything here."
"#;

const REJECT_EVERYTHING: &str = r#"
[[rule]]
name = "closed"
when = "size >= 0"
verdict = "reject"
explain = "We are closed; {peer} has score {score}."
"#;

#[test]
fn an_accepted_message_reaches_its_route_as_it_was_signed() {
    let webhook = Webhook::new();
    let node = TestNode::serving(OPEN_POLICY, &webhook.route());
    let mut peer = TestPeer::admitted(&node, "a.example");
    let message = peer.message(b"hello");
    let answer = node.public_post("/v1/messages", &message.to_json());
    assert_eq!((answer.status, &answer.body["verdict"]), (202, &json!("accept")), "{answer:?}");
    let deliveries = webhook.wait_for(1);
    assert_eq!(deliveries[0].body, message.to_json());
    assert_eq!(json!(deliveries[0].decision_id), answer.body["decision_id"]);
    let decision = node.get(&format!("/v1/decisions/{}", deliveries[0].decision_id)).body;
    assert_eq!((&decision["peer"], &decision["signed"]), (&json!("a.example"), &json!(true)));
}

#[test]
fn the_same_message_sent_again_is_neither_judged_nor_delivered_again() {
    let webhook = Webhook::new();
    let node = TestNode::serving(OPEN_POLICY, &webhook.route());
    let mut peer = TestPeer::admitted(&node, "a.example");
    let message = peer.message(b"hello").to_json();
    let first = node.public_post("/v1/messages", &message);
    webhook.wait_for(1);
    assert_eq!(node.public_post("/v1/messages", &message), first);
    let second = peer.send(&node, b"something else");
    assert_ne!(second.body["decision_id"], first.body["decision_id"]);
    let delivered: Vec<_> = webhook.wait_for(2).into_iter().map(|delivery| delivery.decision_id).collect();
    assert_eq!(json!(delivered), json!([first.body["decision_id"], second.body["decision_id"]]));
}

#[test]
fn a_failing_route_is_tried_again_until_it_takes_the_message() {
    let webhook = Webhook::failing(3);
    let node = TestNode::serving(OPEN_POLICY, &webhook.route());
    let mut peer = TestPeer::admitted(&node, "a.example");
    peer.send(&node, b"hello");
    let attempts: Vec<_> = webhook.wait_for(4).into_iter().map(|delivery| delivery.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    node.wait_for("an empty queue", || {
        node.get("/metrics").body.as_str().unwrap().contains("ostrakon_queue_messages 0")
    });
    node.wait_for("the log", || node.log().contains("the route takes messages again"));
    let failing: Vec<_> =
        node.log().lines().filter(|line| line.contains("does not take a message")).map(str::to_owned).collect();
    assert!(matches!(&failing[..], [line] if line.contains("WARN") && line.contains("500")), "{failing:?}");
    assert_eq!(node.metric("ostrakon_deliveries_total{route=\"all\",outcome=\"retry\"}"), 3.0);
}

/// What a person dropped can be looked up and taken back, also after a restart.
#[test]
fn a_dead_letter_can_be_read_and_put_back_into_the_queue() {
    let webhook = Webhook::failing(u32::MAX);
    let mut node = TestNode::serving(HOLD_EVERYTHING, &webhook.route());
    let mut peer = TestPeer::admitted(&node, "a.example");
    let id = peer.send(&node, b"reject me").body["decision_id"].as_str().unwrap().to_owned();
    node.run(&["hold", "reject", &id]);
    let listed = node.run(&["dead", "list"]);
    assert!(listed.starts_with(&id) && listed.contains("route all") && listed.contains("by an operator"), "{listed}");
    assert!(node.run(&["dead", "retry", &id]).contains("in the queue again"));
    assert_eq!(node.get("/v1/dead").body, json!({ "dead": [], "more": false }));
    let again = node.post(&format!("/v1/dead/{id}/retry"), &json!(null));
    assert_eq!((again.status, &again.body["error"]["code"]), (404, &json!("no_such_dead_letter")));
    webhook.wait_for(1);
    node.wait_for("the failure on record", || node.get("/v1/queue").body["queue"][0]["attempts"].as_u64() > Some(0));
    let queued = node.run(&["queue", "list"]);
    assert!(queued.starts_with(&id) && queued.contains("the route answered 500"), "{queued}");
    assert!(node.metric("ostrakon_queue_oldest_seconds{route=\"all\"}") > 0.0);
    node.kill();
    let before = webhook.deliveries().len();
    webhook.fail(0);
    node.serve();
    assert_eq!(webhook.wait_for(before + 1).pop().unwrap().decision_id, id);
}

#[test]
fn an_accepted_message_survives_kill_9_and_is_delivered_after_the_restart() {
    let webhook = Webhook::failing(u32::MAX);
    let mut node = TestNode::serving(OPEN_POLICY, &webhook.route());
    let mut peer = TestPeer::admitted(&node, "a.example");
    let ids: Vec<_> = (0..20).map(|n: u8| peer.send(&node, &[n]).body["decision_id"].clone()).collect();
    node.kill();
    let before = webhook.deliveries().len();
    webhook.fail(0);
    node.serve();
    let mut delivered: Vec<_> = webhook.wait_for(before + 20).into_iter().map(|d| json!(d.decision_id)).collect();
    let mut after = delivered.split_off(before);
    after.sort_by_key(ToString::to_string);
    let mut expected = ids;
    expected.sort_by_key(ToString::to_string);
    assert_eq!(after, expected);
}

#[test]
fn a_held_message_waits_for_a_person_and_goes_where_the_person_says() {
    let webhook = Webhook::new();
    let node = TestNode::serving(HOLD_EVERYTHING, &webhook.route());
    let mut peer = TestPeer::admitted(&node, "a.example");
    let released = peer.send(&node, b"release me").body;
    let rejected = peer.send(&node, b"reject me").body;
    assert_eq!(released["verdict"], "hold");
    assert_eq!(node.get("/v1/holds").body["holds"].as_array().unwrap().len(), 2);
    let id = released["decision_id"].as_str().unwrap();
    let listed = node.run(&["hold", "list"]);
    for what in [id, "from a.example", "`look at everything`", "of 10 bytes", "UTC", "route all"] {
        assert!(listed.contains(what), "{what}: {listed}");
    }
    let shown = node.run(&["hold", "show", id]);
    assert!(shown.contains("A person looks at everything here.") && shown.ends_with("release me\n"), "{shown}");
    assert_eq!(node.run(&["hold", "show", id, "--raw"]), "release me");
    node.run(&["hold", "release", id]);
    node.run(&["hold", "reject", rejected["decision_id"].as_str().unwrap()]);
    assert_eq!(webhook.wait_for(1)[0].decision_id, id);
    assert_eq!(node.get("/v1/holds").body["holds"], json!([]));
    let again = node.post(&format!("/v1/holds/{id}/release"), &json!(null));
    assert_eq!((again.status, &again.body["error"]["code"]), (404, &json!("no_such_hold")));
    assert_eq!(webhook.deliveries().len(), 1);
}

#[test]
fn a_refused_peer_is_told_why_in_words_but_not_the_numbers() {
    let webhook = Webhook::new();
    let node = TestNode::serving(REJECT_EVERYTHING, &webhook.route());
    let answer = TestPeer::admitted(&node, "a.example").send(&node, b"hello");
    assert_eq!(answer.status, 403);
    assert_eq!(answer.body["verdict"], "reject");
    let reasons = json!([{ "rule": "closed", "verdict": "reject", "text": "We are closed; a.example has score 0." }]);
    assert_eq!(answer.body["reasons"], reasons);
    assert_eq!(webhook.deliveries(), []);
}

#[test]
fn what_cannot_be_taken_is_refused_with_a_code_that_says_whose_turn_it_is() {
    let webhook = Webhook::new();
    let node = TestNode::serving(OPEN_POLICY, &webhook.route());
    let mut peer = TestPeer::admitted(&node, "a.example");
    let mut stranger = TestPeer::new("stranger.example");
    let mut impostor = TestPeer::admitted(&node, "b.example");
    impostor.name = peer.name.clone();
    let good = peer.message(b"hello").to_json();
    let text = String::from_utf8(good.clone()).unwrap();
    let mut old = peer.draft();
    old.sent_at_ms = now_ms() - 31 * 86_400_000;
    let mut expired = peer.draft();
    expired.sent_at_ms -= 2000;
    expired.expires_at_ms = Some(expired.sent_at_ms + 1);
    let cases: [(&str, Vec<u8>, u16, &str); 8] = [
        ("a stranger", stranger.message(b"x").to_json(), 403, "unknown_peer"),
        ("another's key", impostor.message(b"x").to_json(), 403, "wrong_key"),
        ("another body", text.replace("aGVsbG8=", "aGVsbG9v").into_bytes(), 400, "body_length"),
        ("truncated", good[..good.len() / 2].to_vec(), 400, "bad_json"),
        (
            "repeated key",
            text.replacen("{\"envelope\"", "{\"body\":\"\",\"envelope\"", 1).into_bytes(),
            400,
            "bad_json",
        ),
        ("too long ago", old.sign(b"x".to_vec(), &peer.key).unwrap().to_json(), 400, "too_old"),
        ("expired", expired.sign(b"x".to_vec(), &peer.key).unwrap().to_json(), 400, "expired"),
        ("too large", peer.message(&vec![0; 300 << 10]).to_json(), 413, "too_large"),
    ];
    for (what, body, status, code) in cases {
        let answer = node.public_post("/v1/messages", &body);
        assert_eq!((answer.status, &answer.body["error"]["code"]), (status, &json!(code)), "{what}: {answer:?}");
    }
    assert_eq!(webhook.deliveries(), []);
}

#[test]
fn a_message_without_a_route_is_put_off_and_names_the_kind() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let answer = TestPeer::admitted(&node, "a.example").send(&node, b"hello");
    assert_eq!((answer.status, &answer.body["error"]["code"]), (503, &json!("no_route")));
    assert!(answer.body["error"]["message"].as_str().unwrap().contains("chat"));
}

#[test]
fn a_body_that_is_far_too_large_is_refused_before_it_is_read() {
    use std::io::{Read, Write};
    let node = TestNode::serving(OPEN_POLICY, "");
    let mut stream = std::net::TcpStream::connect(node.public().trim_start_matches("http://")).unwrap();
    write!(stream, "POST /v1/messages HTTP/1.1\r\nhost: node.example\r\ncontent-length: 1000000000\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}
