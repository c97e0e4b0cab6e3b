//! The figures of the documentation, on the real data: floors that must hold, not the figures themselves.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, process::Command};

use ostrakon_tests::{TestNode, binary::path, data};
use serde_json::Value;

#[test]
fn the_mail_trace_through_a_running_node_loses_nothing_and_ranks_ham_over_spam() {
    let Some(trace) = data("mail-trace/trace.csv") else { return };
    let mut node = TestNode::new();
    node.serve();
    let out = node.beside("trace.json");
    let status = Command::new(path("ostrakon-sim"))
        .args(["trace", trace.to_str().unwrap(), "--node", node.local(), "--feedback", "0.1"])
        .args(["--json", out.to_str().unwrap()])
        .status()
        .unwrap();
    assert!(status.success());
    let result: Value = serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap();
    let sum = |kind: &str| -> u64 { result[kind].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum() };
    assert_eq!((&result["messages"], &result["unanswered"]), (&22_626.into(), &0.into()));
    assert_eq!((sum("spam"), sum("ham")), (17_001, 5_625));
    assert!(result["auc_second_half"].as_f64().unwrap() >= 0.99, "{result}");
    let recorded = node.get("/metrics").body;
    let decided: u64 = recorded
        .as_str()
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("ostrakon_decisions_total{"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(decided, 22_626, "each message was decided on once");
}

#[test]
fn the_engine_holds_its_floors_on_real_votes_clean_and_under_attack() {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/tools/reputation_eval.py");
    if data("bitcoin-otc/labels.csv").is_none() || !tool.exists() {
        return;
    }
    let score = format!("{} score --votes {{votes}} --seeds {{seeds}} --out {{out}}", path("ostrakon-sim").display());
    let output = Command::new("python3").arg(tool).args(["--score", &score]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{table}");
    for (case, floor) in [
        ("fraud clean", 0.954),
        ("fraud flood", 0.954),
        ("fraud split", 0.954),
        ("sign clean", 0.62),
        ("sign flood", 0.62),
        ("sign split", 0.62),
    ] {
        let line = table.lines().find(|line| line.starts_with(case)).unwrap_or_else(|| panic!("{case} in {table}"));
        let measured: f64 = line[case.len()..].split_whitespace().next().unwrap().parse().unwrap();
        assert!(measured >= floor, "{case} {measured} < {floor}");
    }
}
