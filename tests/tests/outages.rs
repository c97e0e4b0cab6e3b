//! Trouble that passes: descriptors run out and come back, a route hangs, the wall clock jumps.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
    process::Command,
};

use ostrakon_router::message::Kind;
use ostrakon_tests::{
    TestNode, TestPeer, Webhook,
    node::{OPEN_POLICY, agent, post_over},
};
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};

/// Leaves the node no descriptors beyond those it has open; the limit before.
fn starve(node: &TestNode) -> Rlimit {
    let fds = std::fs::read_dir(format!("/proc/{}/fd", node.pid().as_raw_nonzero())).unwrap();
    let open: BTreeSet<usize> = fds.map(|fd| fd.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
    let limit = (0..).find(|fd| !open.contains(fd)).unwrap();
    let lowered = Rlimit { current: Some(limit as u64), maximum: getrlimit(Resource::Nofile).maximum };
    prlimit(Some(node.pid()), Resource::Nofile, lowered).unwrap()
}

/// Neither lost nor sent twice, and no restart: S2 of a journal that could not open its next log.
#[test]
fn a_journal_without_descriptors_works_again_when_there_are_some_and_delivers_once() {
    let webhook = Webhook::new();
    let node = TestNode::serving(OPEN_POLICY, &webhook.route());
    let mut peer = TestPeer::admitted(&node, "a.example");
    let mut accepted = BTreeSet::new();
    // One connection for all messages: there will be no descriptor for another one.
    let (agent, url) = (agent(), format!("{}/v1/messages", node.public()));
    let mut send = |accepted: &mut BTreeSet<String>| {
        let answer = post_over(&agent, &url, &peer.message(&vec![b'x'; 150_000]).to_json());
        if answer.status == 202 {
            accepted.insert(answer.body["decision_id"].as_str().unwrap().to_owned());
        }
        answer
    };
    send(&mut accepted);
    webhook.wait_for(1);
    let before = starve(&node);
    let refused = loop {
        let answer = send(&mut accepted);
        if answer.status != 202 {
            break answer;
        }
        assert!(accepted.len() < 1_000, "the log never ended");
    };
    assert_eq!((refused.status, &refused.body["error"]["code"]), (503, &json!("stopped")), "{refused:?}");
    prlimit(Some(node.pid()), Resource::Nofile, before).unwrap();
    node.wait_for("the journal to work again", || node.is_ready());
    assert!(node.metric("ostrakon_store_reopenings_total{store=\"messages\",outcome=\"opened\"}") >= 1.0);
    assert_eq!(send(&mut accepted).status, 202);
    let delivered = || {
        let mut copies = BTreeMap::new();
        for delivery in webhook.deliveries() {
            *copies.entry(delivery.decision_id).or_insert(0) += 1;
        }
        copies
    };
    node.wait_for("all messages", || accepted.iter().all(|id| delivered().contains_key(id)));
    node.wait_for("an empty queue", || node.metric("ostrakon_queue_messages") == 0.0);
    assert!(delivered().values().all(|copies| *copies == 1), "{:?}", delivered());
}

/// S10: a route that takes messages and never answers holds its own places and nobody else's.
#[test]
fn a_route_that_hangs_delays_no_other() {
    let (hanging, fast) = (TcpListener::bind("127.0.0.1:0").unwrap(), Webhook::new());
    let slow = format!("http://{}/", hanging.local_addr().unwrap());
    let routes = format!(
        "[[route]]\nname = \"slow\"\nkinds = [\"mail\"]\nwebhook = \"{slow}\"\ntimeout = \"5m\"\n\
         [[route]]\nname = \"fast\"\nkinds = [\"chat\"]\nwebhook = \"{}\"\n",
        fast.url
    );
    let node = TestNode::serving(OPEN_POLICY, &routes);
    let mut peer = TestPeer::admitted(&node, "a.example");
    // More than any number of places, and than a look at the head of the queue would find.
    for _ in 0..200 {
        let mut draft = peer.draft();
        draft.kind = Kind::Mail;
        let message = draft.sign(b"slow".to_vec(), &peer.key).unwrap();
        assert_eq!(node.public_post("/v1/messages", &message.to_json()).status, 202);
    }
    let chat = peer.message(b"fast");
    assert_eq!(node.public_post("/v1/messages", &chat.to_json()).status, 202);
    // The others wait for five minutes; this one must come before a test's patience ends.
    assert_eq!(fast.wait_for(1)[0].body, chat.to_json());
    node.wait_for("the queue to be the slow route's", || node.metric("ostrakon_queue_messages") == 200.0);
}

const SHIM: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static long offset(void) {
    const char *path = getenv("CLOCK_OFFSET_FILE");
    FILE *file = path ? fopen(path, "r") : NULL;
    long seconds = 0;
    if (!file) return 0;
    if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
    fclose(file);
    return seconds;
}
int clock_gettime(clockid_t clock, struct timespec *time) {
    int outcome = syscall(SYS_clock_gettime, clock, time);
    if (outcome == 0 && clock == CLOCK_REALTIME) time->tv_sec += offset();
    return outcome;
}
"#;

/// F7: a wall clock that is 400 days ahead for some seconds, then a minute off.
#[test]
fn a_clock_that_is_ahead_for_a_moment_deletes_nothing() {
    let mut node = TestNode::new();
    let (source, shim, offset) = (node.beside("shim.c"), node.beside("shim.so"), node.beside("offset"));
    std::fs::write(&source, SHIM).unwrap();
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&shim).arg(&source).status();
    if !compiled.is_ok_and(|status| status.success()) {
        eprintln!("skipped: a_clock_that_is_ahead_for_a_moment_deletes_nothing: no C compiler `cc`");
        return;
    }
    std::fs::write(&offset, "0").unwrap();
    let mut command = node.serve_command();
    command.env("LD_PRELOAD", &shim).env("CLOCK_OFFSET_FILE", &offset);
    node.serve_with(command);
    let ids: Vec<_> = (0..3).map(|n| node.check(&format!("f{n}"), "spam.example")["decision_id"].clone()).collect();
    for (n, id) in ids.iter().enumerate() {
        let report = json!({ "decision_id": id, "reporter": format!("u{n}@node.example"), "report": "spam" });
        assert_eq!(node.post("/v1/feedback", &report).status, 200);
    }
    let before = node.check("before", "spam.example");
    // In whole: another file is read half-written.
    let set = |seconds: i64| {
        let beside = node.beside("offset.new");
        std::fs::write(&beside, seconds.to_string()).unwrap();
        std::fs::rename(&beside, &offset).unwrap();
    };
    for (seconds, jumps) in [(400 * 86_400, 1.0), (60, 2.0)] {
        set(seconds);
        node.wait_for("the jump to be noticed", || node.metric("ostrakon_clock_jumps_total") >= jumps);
        let looks = node.metric("ostrakon_retention_steps_total");
        node.wait_for("retention to look", || node.metric("ostrakon_retention_steps_total") >= looks + 2.0);
    }
    let after = node.check("after", "spam.example");
    let seen = |answer: &Value| (answer["verdict"].clone(), answer["newcomer"].clone());
    assert_eq!(seen(&after), seen(&before));
    assert_eq!(after["newcomer"], json!(false));
    for id in ids {
        assert_eq!(node.get(&format!("/v1/decisions/{}", id.as_str().unwrap())).status, 200);
    }
}
