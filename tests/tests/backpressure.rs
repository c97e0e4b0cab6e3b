//! A ledger whose disk does not answer: what is too much is turned away at once, and when the disk fails, nothing that was
//! answered is lost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, process::Command, sync::mpsc::channel};

use ostrakon_tests::{
    TestNode, TestPeer,
    node::{Answer, OPEN_POLICY, post},
};

/// Peers that vote at once. One vote is being written and one may wait, so that at least six of them are turned away.
const VOTERS: usize = 8;

/// A named pipe in the place of the signed state holds up whoever opens it to read until someone writes it, and whoever
/// opens it to write until someone reads it; and it has no places to write at, so that the write fails then.
#[test]
fn a_disk_that_does_not_answer_and_then_fails_costs_nobody_an_acknowledged_vote() {
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    node.reconfigure("pool_max = 65536", "pool_max = 1");
    node.reconfigure("batch_max = 1024", "batch_max = 1");
    node.serve();
    let mut voters: Vec<_> = (0..VOTERS).map(|n| TestPeer::admitted(&node, &format!("p{n}.example"))).collect();
    let acknowledged = voters[0].cast(&node, "peer:x.example", -10);
    let (pipe, aside) = (node.home().join("signed-state"), node.home().join("signed-state-aside"));
    fs::rename(&pipe, &aside).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());

    let votes: Vec<_> = voters.iter_mut().map(|voter| voter.vote("peer:y.example", -10).to_envelope()).collect();
    let url = format!("{}/v1/votes", node.public());
    let (send, answers) = channel();
    std::thread::scope(|scope| {
        for vote in &votes {
            let (send, url) = (send.clone(), url.as_str());
            scope.spawn(move || send.send(post(url, vote)).unwrap());
        }
        let refused: Vec<Answer> = answers.iter().take(VOTERS - 2).collect();
        for answer in refused {
            assert_eq!((answer.status, answer.body["error"]["code"].as_str()), (503, Some("pool_full")), "{answer:?}");
            assert!(answer.retry_after_s.unwrap() > 0);
        }
        assert_eq!(node.check("m1", "a.example")["verdict"], "accept", "messages do not wait for votes");
        fs::write(&pipe, fs::read(&aside).unwrap()).unwrap();
        fs::read(&pipe).unwrap();
        for answer in answers.iter().take(2) {
            let code = answer.body["error"]["code"].as_str();
            assert!(answer.status == 503 && matches!(code, Some("stopped" | "pool_full")), "{answer:?}");
        }
    });
    let after = node.public_post("/v1/votes", &votes[0]);
    assert_eq!((after.status, after.body["error"]["code"].as_str()), (503, Some("stopped")), "{after:?}");
    assert!(after.retry_after_s.is_some());
    let ready = node.get("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.body.to_string().contains("signed-state"), "{ready:?}");
    assert_eq!(node.check("m2", "a.example")["verdict"], "accept", "nor are they stopped");

    assert!(node.terminate().success());
    fs::rename(&aside, &pipe).unwrap();
    node.serve();
    assert_eq!(node.public_get(&format!("/v1/records/{acknowledged}")).status, 200);
    for vote in &votes {
        let answer = node.public_post("/v1/votes", vote);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(node.verify(), 2 + 2 * VOTERS as u64);
}
