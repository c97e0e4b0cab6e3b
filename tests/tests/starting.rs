//! A node that is being opened answers at once, and says that it is not ready.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
};

use ostrakon_tests::{
    TestNode,
    node::{Answer, OPEN_POLICY, get, post, wait_for},
};
use serde_json::{Value, json};

/// An address that nobody listens on.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn check(local: SocketAddr, id: &str) -> Answer {
    let body = json!({ "id": id, "peer": "a.example", "sender": "someone@a.example", "recipients": ["user@node.example"],
                       "kind": "mail", "size": 1000 });
    post(&format!("http://{local}/v1/check"), body.to_string().as_bytes())
}

/// A named pipe in the place of the signed state holds up the node until someone writes it.
#[test]
fn while_its_stores_are_being_opened_checks_get_the_answer_of_failure_at_once() {
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    let (pipe, aside) = (node.home().join("signed-state"), node.home().join("signed-state-aside"));
    fs::rename(&pipe, &aside).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (public, local) = (free_address(), free_address());
    let command = node.serve_command_at(public, local);

    std::thread::scope(|scope| {
        let started = scope.spawn(move || {
            node.start(command);
            node
        });
        wait_for("both listeners", || [public, local].iter().all(|at| TcpStream::connect(at).is_ok()));
        let answer = check(local, "early");
        assert_eq!((answer.status, &answer.body["degraded"]), (200, &json!("starting")), "{answer:?}");
        assert_eq!(answer.body["verdict"], "defer", "{answer:?}");
        // Senders are told when to come back, and nothing about this machine.
        let told = &answer.body["reasons"][0]["text"];
        assert_eq!(told, "This server cannot judge messages at the moment; please try again later.");
        assert_eq!(answer.body["retry_after_ms"], 60_000, "{answer:?}");
        assert!(answer.body["detail"].as_str().unwrap().contains("opens its stores"), "{answer:?}");
        let malformed = post(&format!("http://{local}/v1/check"), b"{}");
        assert_eq!(malformed.status, 400, "{malformed:?}");
        let path = |path: &str| get(&format!("http://{local}{path}"));
        assert_eq!(path("/healthz").status, 200);
        let ready = path("/readyz");
        assert_eq!((ready.status, &ready.body["parts"][0]["ready"]), (503, &Value::Bool(false)), "{ready:?}");
        assert_eq!(path("/v1/peers").status, 401, "the rules are those of the open node");
        for answer in [path("/v1/about"), get(&format!("http://{public}/checkpoint"))] {
            assert_eq!((answer.status, answer.retry_after_s), (503, Some(1)), "{answer:?}");
            assert_eq!(answer.body["error"]["code"], "starting");
        }

        // From here on the node can be opened: every check is answered, and one of them is on record.
        let signed = fs::read(&aside).unwrap();
        let mut writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        fs::rename(&aside, &pipe).unwrap();
        writer.write_all(&signed).unwrap();
        drop(writer);
        wait_for("an answer on record", || {
            let answer = check(local, "early");
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.body["degraded"] == Value::Null
        });
        drop(started.join().unwrap());
    });
}
