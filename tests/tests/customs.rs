//! What every program on a server is expected to do: with signals, closed pipes, full disks, and text that somebody else wrote.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Output, Stdio},
};

use ostrakon_tests::{TestNode, binary::path, node::OPEN_POLICY};
use rustix::process::Signal;
use serde_json::json;

fn reloads(node: &TestNode) -> u64 {
    let metrics = node.get("/metrics").body;
    let line =
        metrics.as_str().unwrap().lines().find_map(|line| {
            line.strip_prefix("ostrakon_policy_reloads_total{outcome=\"loaded\"} ").map(str::to_owned)
        });
    line.map_or(0, |count| count.parse().unwrap())
}

#[test]
fn a_hangup_reads_the_policy_again_and_ends_nothing() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    let before = reloads(&node);
    node.signal(Signal::HUP);
    node.wait_for("the policy, which has not changed, to be read again", || reloads(&node) > before);
    for signal in [Signal::USR1, Signal::USR2, Signal::XFSZ, Signal::HUP] {
        node.signal(signal);
    }
    node.wait_for("the second time", || reloads(&node) > before + 1);
    assert_eq!(node.check("m1", "a.example")["verdict"], "accept");
    let run = node.home().join("run.json");
    assert!(run.exists());
    assert!(node.terminate().success());
    assert!(!run.exists(), "drained");
}

#[test]
fn each_signal_that_ends_a_node_drains_it() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let mut node = TestNode::serving(OPEN_POLICY, "");
        node.signal(signal);
        if signal == Signal::TERM {
            // A supervisor and its container each send one.
            node.wait_for("the first to be taken", || node.log().contains("draining"));
            node.signal(signal);
        }
        assert!(node.wait().success(), "{signal:?}");
        assert!(!node.home().join("run.json").exists(), "{signal:?}");
    }
}

/// Runs `ostrakon` with a standard output that the test chooses.
fn run_into(stdout: impl Into<Stdio>, args: &[&str]) -> Output {
    let mut command = Command::new(path("ostrakon"));
    command.args(args).stdout(stdout.into()).stderr(Stdio::piped());
    command.spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn a_closed_pipe_ends_quietly_and_a_full_disk_is_an_error() {
    let node = TestNode::new();
    let home = node.home_arg();
    let voted = node.run(&["vote", "peer:spam.example", "-80", "--category", "spam"]);
    let id = voted.split_whitespace().last().unwrap().to_owned();
    let policy = node.home().join("policy.toml");
    let list = node.beside("list.csv");
    std::fs::write(&list, "bad.example\n").unwrap();
    let (policy, list) = (policy.to_str().unwrap(), list.to_str().unwrap());
    node.run(&["import", "votes", list, "--format", "mastodon", "--source", "a-list"]);
    let commands: &[&[&str]] = &[
        &["ledger", "verify", "--dir", &home],
        &["ledger", "proof", &id, "--dir", &home],
        &["peer", "list", "--dir", &home],
        &["explain", "peer:spam.example", "--dir", &home],
        &["explain", "peer:spam.example", "--redacted", "--dir", &home],
        &["explain", "peer:spam.example", "--json", "--dir", &home],
        &["policy", "check", policy],
        &["tag", "ann@example.org", "--dir", &home],
        &["import", "votes", list, "--format", "mastodon", "--source", "a-list", "--dry-run", "--dir", &home],
        &["import", "withdraw", "--source", "a-list", "--dir", &home],
    ];
    for args in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = run_into(writer, args);
        let errors = String::from_utf8(closed.stderr).unwrap();
        assert_eq!(closed.status.code(), Some(141), "{args:?}: {errors}");
        assert!(!errors.contains("panicked") && !errors.contains("error"), "{args:?}: {errors}");
        let full = run_into(File::options().write(true).open("/dev/full").unwrap(), args);
        let errors = String::from_utf8(full.stderr).unwrap();
        assert_eq!(full.status.code(), Some(1), "{args:?}: {errors}");
        assert!(errors.contains("standard output") && !errors.contains("panicked"), "{args:?}: {errors}");
    }
}

/// Everything that a hostile server may write into a text.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}2J\rall is well\nerror: none\u{202e}gnp.exe\u{200b}\u{2066}\u{ad}\u{feff}\u{e0041}";

/// A local listener that answers every request with `body`, for as many requests as there are.
fn answering(body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            stream.read_exact(&mut vec![0; length]).unwrap();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn foreign_text_is_shown_and_not_obeyed() {
    let peer = json!({ "peer": HOSTILE, "key": HOSTILE, "seq": 1, "imported": false,
        "follows": { "url": HOSTILE, "state": HOSTILE, "entries": 0, "reason": HOSTILE } });
    let vote = json!({ "voter": HOSTILE, "value": -1, "category": HOSTILE, "index": 1, "weight_nv": 1, "path": [HOSTILE, HOSTILE] });
    let answer = json!({
        "peers": [peer], "holds": [{ "decision_id": HOSTILE, "route": HOSTILE, "expires_at_ms": 1 }],
        "sentence": HOSTILE, "viewpoint": HOSTILE, "parameters": HOSTILE, "contributions": [vote], "votes": [vote],
        "viewpoints": [{ "viewpoint": HOSTILE }], "rebuttals": [{ "vote_index": 1, "answer": HOSTILE, "index": 2 }],
        "copied": [{ "vote_index": 1, "ledger": HOSTILE, "index": 3 }], "id": HOSTILE, "index": 1,
    });
    let node = answering(answer.to_string());
    for args in [
        &["peer", "list"][..],
        &["hold", "list"],
        &["explain", "peer:a.example"],
        &["explain", "peer:a.example", "--redacted"],
        &["explain", "peer:a.example", "--json"],
        &["vote", "peer:a.example", "-1", "--category", "spam"],
    ] {
        let output = Command::new(path("ostrakon")).args(args).args(["--node", &node]).output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap() + std::str::from_utf8(&output.stderr).unwrap();
        assert!(output.status.success(), "{args:?}: {shown}");
        assert!(shown.contains("gnp.exe"), "{args:?}: {shown}");
        let acts = |c: char| c != '\n' && (c.is_control() || HOSTILE.contains(c) && !c.is_ascii());
        assert!(!shown.contains(acts), "{args:?}: {shown:?}");
        assert!(!shown.lines().any(|line| line.starts_with("error: none")), "{args:?}: no line of its own: {shown}");
    }
}

#[test]
fn accounts_and_networks_are_named_in_clear() {
    let node = TestNode::new();
    let tag = |text: &str| node.run(&["tag", text]).trim().to_owned();
    for (kind, spellings) in [
        ("account:", &["ann@example.org", "Ann@Example.ORG", "account:acct:ann@example.org"][..]),
        ("net:", &["203.0.113.7", "::ffff:203.0.113.7", "net:203.0.113.7"]),
    ] {
        let first = tag(spellings[0]);
        assert!(first.starts_with(kind) && first.len() == kind.len() + 64, "{first}");
        for spelling in spellings {
            assert_eq!(tag(spelling), first, "{spelling}");
        }
        let subject = format!("{kind}{}", spellings[0].rsplit_once(kind).map_or(spellings[0], |it| it.1));
        node.run(&["vote", &subject, "-50", "--category", "spam"]);
        let explained = node.run(&["explain", &subject]);
        assert!(explained.contains(&first) && !explained.contains("Nobody"), "{explained}");
        assert_eq!(node.run(&["explain", &first]).lines().next(), explained.lines().next());
    }
    let there = Command::new(path("ostrakon"))
        .args(["explain", "account:ann@example.org", "--node", "http://127.0.0.1:1"])
        .output()
        .unwrap();
    let errors = String::from_utf8(there.stderr).unwrap();
    assert!(there.status.code() == Some(3) && errors.contains("directory"), "{errors}");
    assert!(node.run(&["explain", "peer:Spam.Example."]).contains("peer:spam.example"));
}

#[test]
fn never_voted_on_is_not_the_same_as_voted_on_and_over() {
    let mut node = TestNode::new();
    let explain = |node: &TestNode, subject: &str| node.run(&["explain", subject]).lines().next().unwrap().to_owned();
    assert!(explain(&node, "peer:new.example").starts_with("Nobody has voted on peer:new.example"));
    let voted = node.run(&["vote", "peer:once.example", "-80", "--category", "spam"]);
    assert!(!explain(&node, "peer:once.example").contains("Nobody"));
    node.run(&["retract", voted.split_whitespace().last().unwrap()]);
    node.run(&["vote", "peer:brief.example", "-80", "--category", "spam", "--expires", "3s"]);
    let list = node.beside("old.csv");
    std::fs::write(&list, "old.example\n").unwrap();
    node.run(&[
        "import",
        "votes",
        list.to_str().unwrap(),
        "--format",
        "mastodon",
        "--source",
        "a-list",
        "--date",
        "1000000000000",
    ]);
    let cases = [("once", "taken back"), ("brief", "expired"), ("old", "too old to count")];
    node.wait_for("the vote to end", || explain(&node, "peer:brief.example").contains("expired"));
    for (name, why) in cases {
        let sentence = explain(&node, &format!("peer:{name}.example"));
        assert!(sentence.starts_with(&format!("1 vote on peer:{name}.example, {why}")), "{sentence}");
    }
    node.serve();
    for (name, why) in cases {
        let answer = node.get(&format!("/v1/subjects/peer:{name}.example")).body;
        assert!(answer["sentence"].as_str().unwrap().contains(why), "{answer}");
        assert!(!answer["history"].is_null(), "{answer}");
    }
    assert_eq!(node.get("/v1/subjects/peer:new.example").body["history"]["faded"], 0);
}
