//! What an operator meets: wrong files, ports in use, a directory served twice, full disks, damage, reloads, shutdown.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::TcpListener, process::Command};

use ostrakon_ledger::{Batch, RocksStore, Store, TABLES, Table};
use ostrakon_tests::{
    TestNode,
    binary::{ostrakon, path},
    node::OPEN_POLICY,
    skip,
};
use serde_json::json;

fn errors_of(args: &[&str]) -> (i32, String) {
    let output = ostrakon(args);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn init_leaves_an_existing_node_alone() {
    let node = TestNode::new();
    let key = std::fs::read(node.home().join("node.key")).unwrap();
    let (code, errors) = errors_of(&["init", "--dir", &node.home_arg(), "--domain", "other.example"]);
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("there is a node here already"), "{errors}");
    assert_eq!(std::fs::read(node.home().join("node.key")).unwrap(), key);
}

#[test]
fn a_directory_is_served_once() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let output = node.serve_command().output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8(output.stderr).unwrap().contains("already served"));
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_touched() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let node = TestNode::new();
    let (code, errors) =
        errors_of(&["serve", "--dir", &node.home_arg(), "--public", "127.0.0.1:0", "--local", &address]);
    assert_eq!(code, 5);
    assert!(errors.contains("listen.local") && errors.contains(&address), "{errors}");
}

#[test]
fn a_mistake_in_the_configuration_is_shown_with_file_line_and_key() {
    for (from, to, wanted) in [
        ("verdict = \"defer\"", "verdict = \"deferr\"", &["ostrakon.toml:", "failure.verdict"][..]),
        ("deadline = \"2s\"", "deadline = \"2\"", &["ostrakon.toml:", "failure.deadline"]),
        ("queue_max =", "queue_maxx =", &["ostrakon.toml:", "queue_maxx", "queue_max"]),
        ("domain = \"node.example\"", "domain = \"Node Example\"", &["ostrakon.toml:", "node.domain"]),
    ] {
        let node = TestNode::new();
        node.reconfigure(from, to);
        let (code, errors) = errors_of(&["serve", "--dir", &node.home_arg()]);
        assert_eq!(code, 3, "{errors}");
        assert!(wanted.iter().all(|word| errors.contains(word)), "{errors} should have {wanted:?}");
    }
}

#[test]
fn the_environment_overrides_the_file_and_is_named_when_it_is_wrong() {
    let node = TestNode::new();
    let mut command = node.serve_command();
    command.env("OSTRAKON_FAILURE__VERDICT", "explode");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().contains("OSTRAKON_FAILURE__VERDICT"));
}

#[test]
fn a_policy_with_an_unknown_variable_is_shown_with_file_line_and_a_suggestion() {
    let node = TestNode::new();
    let file = node.beside("candidate.toml");
    std::fs::write(&file, "[[rule]]\nname = \"bad\"\nwhen = \"scroe < 0\"\nverdict = \"reject\"\n").unwrap();
    let (code, errors) = errors_of(&["policy", "check", file.to_str().unwrap()]);
    assert_eq!(code, 3);
    for word in ["candidate.toml:3", "bad", "scroe", "`score`"] {
        assert!(errors.contains(word), "{errors} should have {word}");
    }
}

#[test]
fn a_changed_policy_is_in_force_at_once_and_a_broken_one_never() {
    let closed = "[[rule]]\nname = \"closed\"\nwhen = \"size >= 0\"\nverdict = \"reject\"\n";
    let mut node = TestNode::serving(OPEN_POLICY, "");
    let verdict = |node: &TestNode, id: String| node.check(&id, "a.example")["verdict"].clone();
    assert_eq!(verdict(&node, "before".into()), "accept");
    node.write("policy.toml", closed);
    let count = std::cell::Cell::new(0);
    let next = || {
        count.set(count.get() + 1);
        format!("m{}", count.get())
    };
    node.wait_for("the reload", || verdict(&node, next()) == "reject");
    node.write("policy.toml", "[[rule]]\nname = broken");
    node.wait_for("the refusal", || {
        let metrics = node.get("/metrics").body;
        metrics.as_str().unwrap().contains("ostrakon_policy_reloads_total{outcome=\"refused\"} 1")
    });
    assert_eq!(verdict(&node, next()), "reject");
    let refused = |node: &TestNode| {
        let ready = node.get("/readyz");
        let policies = [ready.body["policy"].clone(), node.get("/v1/about").body["policy"].clone()];
        assert_eq!(ready.status, 200);
        assert!(policies.iter().all(|it| it["error"].as_str().unwrap().contains("policy.toml")), "{policies:?}");
        assert_eq!(node.metric("ostrakon_policy_loaded"), 0.0);
        let info = format!("ostrakon_policy_info{{digest={}}}", policies[0]["digest"]);
        assert_eq!(node.metric(&info), 1.0, "{info}");
    };
    refused(&node);
    assert!(!node.public_get("/.well-known/ostrakon").body.to_string().contains("policy.toml"));
    node.kill();
    node.serve();
    assert_eq!(verdict(&node, next()), "reject", "the last good policy is in force after a restart, too");
    assert!(node.log().contains("last good"), "and the log says so: {}", node.log());
    refused(&node);
    node.write("policy.toml", closed);
    node.wait_for("the mended policy", || node.metric("ostrakon_policy_loaded") > 0.0);
    assert_eq!(node.get("/readyz").body["policy"]["error"], serde_json::Value::Null);
}

/// Whoever collects logs as JSON gets JSON to the end.
#[test]
fn a_log_in_json_ends_in_json() {
    let node = TestNode::new();
    node.reconfigure("format = \"human\"", "format = \"json\"");
    node.write("policy.toml", "[[rule]]\nname = broken\n");
    let _ = std::fs::remove_file(node.home().join("policy.last-good"));
    let output = node.serve_command().output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{log}");
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let last = lines.last().unwrap();
    assert_eq!((&last["level"], &last["fields"]["code"]), (&json!("ERROR"), &json!("policy")), "{log}");
    assert!(last["fields"]["error"].as_str().unwrap().contains("policy.toml"), "{log}");
}

#[test]
fn sigterm_drains_and_exits_with_zero() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    node.check("m1", "a.example");
    node.wait_for("the line", || node.log().contains(": serving"));
    let log = node.log();
    let start = log.lines().find(|line| line.contains(": serving")).unwrap();
    for word in [env!("CARGO_PKG_VERSION"), "node.example", "policy=", "public=", &node.home_arg()] {
        assert!(start.contains(word), "{word}: {start}");
    }
    assert!(node.home().join("run.json").exists());
    assert_eq!(node.terminate().code(), Some(0));
    assert!(!node.home().join("run.json").exists());
    assert_eq!(node.verify(), 1);
}

#[test]
fn damage_is_found_and_the_first_index_is_named() {
    let node = TestNode::new();
    for n in 0..5 {
        node.run(&["vote", &format!("peer:p{n}.example"), "50", "--category", "vouch"]);
    }
    assert_eq!(node.verify(), 6);
    let store = RocksStore::open(node.home().join("ledger"), TABLES).unwrap();
    let entries = Table("entries");
    let (key, mut entry) = store.scan(entries, &[], 10).unwrap()[3].clone();
    let middle = entry.len() / 2;
    entry[middle] ^= 1;
    let mut batch = Batch::new();
    batch.put(entries, key, entry);
    store.commit(batch).unwrap();
    drop(store);
    let (code, errors) = errors_of(&["ledger", "verify", "--dir", &node.home_arg()]);
    assert_eq!(code, 4);
    assert!(errors.contains("index 3"), "{errors}");
}

#[test]
fn a_store_behind_its_signature_is_not_signed_again() {
    let node = TestNode::new();
    let state = node.home().join("signed-state");
    let copy = node.beside("ledger-before");
    let copied =
        Command::new("cp").args(["-r", node.home().join("ledger").to_str().unwrap(), copy.to_str().unwrap()]).status();
    assert!(copied.unwrap().success());
    node.run(&["vote", "peer:a.example", "50", "--category", "vouch"]);
    let signed = std::fs::read(&state).unwrap();
    std::fs::remove_dir_all(node.home().join("ledger")).unwrap();
    std::fs::rename(copy, node.home().join("ledger")).unwrap();
    let (code, errors) = errors_of(&["serve", "--dir", &node.home_arg()]);
    assert_eq!(code, 1);
    assert!(errors.contains("entries 1..2 are missing"), "{errors}");
    assert_eq!(std::fs::read(&state).unwrap(), signed);
}

/// A limit on the size of files stands for a full disk: the write fails in the same place, with another number.
#[test]
fn a_full_disk_stops_the_votes_with_an_answer_and_loses_none() {
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    let mut command = Command::new("sh");
    let serve = format!(
        "trap '' XFSZ; ulimit -f 600; exec {} serve --dir {} --public 127.0.0.1:0 --local 127.0.0.1:0",
        path("ostrakon").display(),
        node.home().display()
    );
    command.args(["-c", &serve]);
    node.serve_with(command);
    let mut taken = 0;
    let refused = loop {
        let ballot = json!({ "subject": format!("peer:p{taken}.example"), "value": -10, "category": "spam" });
        let answer = node.post("/v1/own/votes", &ballot);
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
        assert!(taken < 100_000, "the limit is never reached");
    };
    assert_eq!((refused.status, &refused.body["error"]["blame"]), (503, &json!("us")), "{refused:?}");
    let ready = node.get("/readyz");
    assert_eq!((ready.status, &ready.body["ready"]), (503, &json!(false)));
    node.kill();
    let entries = node.verify();
    assert!(entries > taken, "{entries} entries, {taken} votes were acknowledged");
    node.serve();
    assert_eq!(
        node.post("/v1/own/votes", &json!({ "subject": "peer:x.example", "value": 5, "category": "ham" })).status,
        200
    );
}

/// A real file system of 24 MB with all but 2 MB taken, in a mount namespace of its own: what the node meets is ENOSPC.
/// Then room is made, the ledger is verified, and the node is served again, all inside.
#[test]
fn a_full_file_system_stops_the_votes_with_an_answer_and_loses_none() {
    const INSIDE: &str = r#"
        set -e
        mount -t tmpfs -o size=24m tmpfs "$1"
        cp -r "$2"/. "$1"
        head -c 22m /dev/zero > "$1/ballast"
        "$3" serve --dir "$1" --public 127.0.0.1:0 --local 127.0.0.1:0 &
        read -r _ < "$4/go"
        kill -9 $!
        wait $! || true
        rm "$1/ballast"
        exec > "$4/after" 2>&1
        "$3" ledger verify --dir "$1"
        exec "$3" serve --dir "$1" --public 127.0.0.1:0 --local 127.0.0.1:0
    "#;
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    let (disk, control) = (node.beside("disk"), node.beside("control"));
    std::fs::create_dir(&disk).unwrap();
    std::fs::create_dir(&control).unwrap();
    let isolated = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c"]);
        command
    };
    if !isolated().arg("mount -t tmpfs tmpfs \"$0\"").arg(&disk).output().is_ok_and(|output| output.status.success()) {
        return skip("mounting a file system in a namespace of its own is not permitted here");
    }
    assert!(Command::new("mkfifo").arg(control.join("go")).status().unwrap().success());
    let mut command = isolated();
    command.arg(INSIDE).arg("sh").arg(&disk).arg(node.home()).arg(path("ostrakon")).arg(&control);
    node.serve_with(command);
    let ballot = |n: usize| json!({ "subject": format!("peer:p{n}.example"), "value": -10, "category": "spam" });
    let mut taken = 0;
    let refused = loop {
        let answer = node.post("/v1/own/votes", &ballot(taken));
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
        assert!(taken < 100_000, "the disk is never full");
    };
    assert!(taken > 10, "{refused:?}");
    assert_eq!((refused.status, &refused.body["error"]["blame"]), (503, &json!("us")), "{refused:?}");
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("space"), "{refused:?}");
    assert_eq!(node.get("/readyz").status, 503);
    let stopped = node.post("/v1/own/votes", &ballot(taken));
    assert_eq!((stopped.status, &stopped.body["error"]["code"]), (503, &json!("stopped")), "{stopped:?}");

    std::fs::write(control.join("go"), "go\n").unwrap();
    let after = || std::fs::read_to_string(control.join("after")).unwrap_or_default();
    node.wait_for("the second start", || after().lines().any(|line| line.starts_with("ready")) || node_ended(&after()));
    let report = after();
    let entries = report.lines().find_map(|line| line.strip_prefix("tree size")).unwrap_or_else(|| panic!("{report}"));
    let entries: usize = entries.trim().parse().unwrap();
    assert!(entries > taken, "{entries} entries, {taken} votes were acknowledged");
    let ready = report.lines().find(|line| line.starts_with("ready")).unwrap();
    let local = ready.split_whitespace().find_map(|word| word.strip_prefix("local=")).unwrap();
    let again = node.post_at(&format!("http://{local}"), "/v1/own/votes", &ballot(0));
    assert_eq!(again.status, 200, "{again:?}");
}

/// Whether what ran inside ended with an error instead of being ready.
fn node_ended(report: &str) -> bool {
    report.lines().any(|line| line.starts_with("error"))
}
