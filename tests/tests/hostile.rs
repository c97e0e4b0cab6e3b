//! A node among clients that hold on to whatever they get: connections, bodies, answers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    process::Command,
    time::{Duration, Instant},
};

use ostrakon_tests::{
    TestNode, TestPeer, Webhook,
    hostile::{Attack, KINDS, Raw},
    node::OPEN_POLICY,
};
use serde_json::json;

/// Connections of one attack: more than a stranger's address has places, and in all of them more than strangers have.
const CONNECTIONS: usize = 400;
/// What an honest caller waits at most while it lasts: the machine is busy with other tests.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// What the node's memory may grow by.
const MEMORY_MAX: u64 = 64 << 20;

#[test]
fn whatever_strangers_hold_on_to_peers_and_adapters_are_answered() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let mut peer = TestPeer::admitted(&node, "a.example");
    peer.cast(&node, "peer:x.example", -10);
    node.check("before", "x.example");
    let before = node.memory();
    for kind in KINDS {
        for addresses in [1, 200] {
            let _attack = Attack::begin(node.public(), kind, CONNECTIONS, addresses);
            for n in 0..10 {
                let start = Instant::now();
                peer.cast(&node, "peer:x.example", -10);
                node.check(&format!("{}/{addresses}/{n}", kind.name.replace(' ', "-")), "x.example");
                let took = start.elapsed();
                assert!(took < ANSWER_MAX, "{} from {addresses}: {took:?}", kind.name);
            }
            let grown = node.memory().saturating_sub(before);
            assert!(grown < MEMORY_MAX, "{} from {addresses}: {} MiB", kind.name, grown >> 20);
        }
    }
    assert_eq!(node.get("/readyz").status, 200, "no store has stopped");
}

/// 8 KiB for each byte that comes by itself would be 80 MiB.
#[test]
fn a_body_costs_its_length() {
    let node = TestNode::serving(OPEN_POLICY, "");
    node.check("before", "x.example");
    let mut bodies: Vec<_> = (0..100).map(|_| Raw::connect(node.public())).collect();
    for body in &mut bodies {
        body.send(b"POST /v1/votes HTTP/1.1\r\nHost: x\r\nContent-Length: 24000\r\n\r\nx");
    }
    node.check("between", "x.example");
    let before = node.memory();
    for _ in 0..100 {
        for body in &mut bodies {
            body.send(b"x");
        }
        // The node has read what came before this is answered.
        node.check("meanwhile", "x.example");
    }
    let grown = node.memory().saturating_sub(before);
    assert!(grown < 8 << 20, "{} KiB for 10,000 bytes", grown >> 10);
}

#[test]
fn connections_do_not_take_the_descriptors_that_stores_need() {
    let webhook = Webhook::new();
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    node.configure(&webhook.route());
    let serve = node.serve_command();
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 1024; exec \"$0\" \"$@\""]).arg(serve.get_program()).args(serve.get_args());
    node.serve_with(limited);
    let mut peer = TestPeer::admitted(&node, "a.example");
    let slow_body = KINDS.iter().find(|kind| kind.name == "slow body").unwrap();
    let _attack = Attack::begin(node.public(), *slow_body, 1023, 200);
    // Enough that the store has to open new files.
    for n in 0..160_u64 {
        let mut body = vec![0; 150_000];
        body[..8].copy_from_slice(&n.to_be_bytes());
        let answer = peer.send(&node, &body);
        assert_eq!(answer.status, 202, "message {n}: {answer:?}");
    }
    assert_eq!(node.check("meanwhile", "a.example")["verdict"], "accept");
    assert_eq!(node.get("/readyz").status, 200);
}

#[test]
fn what_does_not_come_has_an_end_and_what_rests_between_requests_has_none() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let mut pooled = Raw::connect(node.local());
    let healthz = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    pooled.send(healthz);
    assert!(pooled.answer().0.starts_with("HTTP/1.1 200"));
    let (mut silent, mut slow) = (Raw::connect(node.public()), Raw::connect(node.public()));
    slow.send(b"POST /v1/votes HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n");
    let (head, body) = slow.answer();
    assert!(head.starts_with("HTTP/1.1 408") && body.contains("too_slow"), "{head}{body}");
    assert_eq!(slow.rest(), "");
    assert_eq!(silent.rest(), "", "nothing was asked");
    pooled.send(healthz);
    assert!(pooled.answer().0.starts_with("HTTP/1.1 200"), "a pool's connection outlives the deadline of heads");
}

#[test]
fn a_stranger_is_refused_before_its_message_is_read() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let mut stranger = TestPeer::new("stranger.example");
    let message = stranger.message(&[7; 250_000]).to_json();
    let mut connection = Raw::connect(node.public());
    let head = format!("POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", message.len());
    connection.send(head.as_bytes());
    connection.send(&message[..8 << 10]);
    let (head, body) = connection.answer();
    assert!(head.starts_with("HTTP/1.1 403") && body.contains("unknown_peer"), "{head}{body}");
    // Whoever sends all of it first gets to read the answer, too.
    assert_eq!(node.public_post("/v1/messages", &message).status, 403);

    let mut forger = TestPeer::admitted(&node, "a.example");
    forger.key = stranger.key;
    let mut forged = forger.message(&[7; 250_000]).to_json();
    let answer = node.public_post("/v1/messages", &forged);
    assert_eq!(answer.body["error"]["code"], "wrong_key", "{answer:?}");
    // The envelope is looked for at the beginning.
    forged.splice(..1, br#"{"padding":"x","#.iter().copied());
    let answer = node.public_post("/v1/messages", &forged);
    assert_eq!((answer.status, &answer.body["error"]["code"]), (400, &json!("bad_json")), "{answer:?}");
}

#[test]
fn evidence_that_nobody_asked_for_is_refused_before_it_is_read() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let mut connection = Raw::connect(node.public());
    let path = format!("/v1/records/{}/evidence", "0".repeat(64));
    connection.send(format!("PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n").as_bytes());
    let head = connection.head();
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
}
