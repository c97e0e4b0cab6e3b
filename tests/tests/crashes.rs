//! `kill -9` at any moment: what was acknowledged is there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};

use ostrakon_tests::{
    TestNode,
    binary::path,
    node::{OPEN_POLICY, rows, wait_for},
};

/// Cycles of kill and restart; `make soak` asks for more.
fn cycles() -> usize {
    std::env::var("OSTRAKON_KILL_CYCLES").map_or(20, |cycles| cycles.parse().expect("OSTRAKON_KILL_CYCLES is a number"))
}

/// Rows of the imported file for each cycle: more than a cycle gets through, so that every kill hits an import at work.
const ROWS_PER_CYCLE: usize = 3_000;

/// Kills the node again and again while an import writes, each time a little later after the last acknowledgement it
/// saw. After each restart the whole ledger must verify, and every record whose receipt lies in a synced file outside
/// the node must stand where the receipt says.
#[test]
fn every_acknowledged_vote_of_an_import_survives_kill_9() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    let (file, receipts) = (node.beside("ratings.csv"), node.beside("receipts"));
    let ratings: String = (0..cycles() * ROWS_PER_CYCLE)
        .map(|n| format!("{},{},{},{}\n", n % 97, 1000 + n, n % 10 + 1, 1_600_000_000 + n))
        .collect();
    std::fs::write(&file, ratings).unwrap();
    for cycle in 1..=cycles() {
        let before = rows(&receipts).len();
        let mut import = Command::new(path("ostrakon"))
            .args(["import", "votes", file.to_str().unwrap(), "--format", "otc", "--node", node.local()])
            .args(["--receipts", receipts.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let wanted = before + 1 + cycle * 37 % 600;
        wait_for("acknowledgements", || rows(&receipts).len() >= wanted || import.try_wait().unwrap().is_some());
        node.kill();
        let finished = import.wait().unwrap();
        assert!(!finished.success(), "the import must still be at work when the node is killed");
        let acknowledged = rows(&receipts);
        let entries = node.verify();
        assert!(entries > acknowledged.len() as u64, "{entries} entries, {} receipts", acknowledged.len());
        node.serve();
        check_receipts(&node, &acknowledged[before..]);
    }
    let acknowledged = rows(&receipts);
    check_receipts(&node, &acknowledged);
}

/// The entry bundles that the node serves hold each record at the index of its receipt.
fn check_receipts(node: &TestNode, receipts: &[Vec<String>]) {
    use ostrakon_ledger::{Entry, tile::TilePath};
    let mut bundle = (u64::MAX, Vec::new());
    let size = node.public_get("/checkpoint").body.as_str().unwrap().lines().nth(1).unwrap().parse::<u64>().unwrap();
    for receipt in receipts {
        let index: u64 = receipt[2].parse().unwrap();
        let n = index / 256;
        if bundle.0 != n {
            let width = u16::try_from((size - n * 256).min(256)).unwrap();
            let path = TilePath::Entries { n, width };
            bundle = (n, ostrakon_tests::node::get_bytes(&format!("{}/{path}", node.public())));
        }
        let entry = bundle_entry(&bundle.1, usize::try_from(index % 256).unwrap());
        assert_eq!(Entry::parse(index, entry).unwrap().record.id().to_string(), receipt[1]);
    }
}

fn bundle_entry(bundle: &[u8], nth: usize) -> &[u8] {
    let mut rest = bundle;
    for _ in 0..nth {
        let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        rest = &rest[2 + length..];
    }
    let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    &rest[2..2 + length]
}

#[test]
fn decisions_that_were_answered_survive_kill_9() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    let mut answered = Vec::new();
    for round in 0..5 {
        let served = &node;
        let answers: Vec<_> = std::thread::scope(|scope| {
            let ask = |thread: usize| {
                move || {
                    (0..20).map(|n| served.check(&format!("m{round}-{thread}-{n}"), "a.example")).collect::<Vec<_>>()
                }
            };
            let threads: Vec<_> = (0..8).map(|thread| scope.spawn(ask(thread))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        answered.extend(answers);
        node.kill();
        node.serve();
        for answer in &answered {
            let decision = node.get(&format!("/v1/decisions/{}", answer["decision_id"].as_str().unwrap()));
            assert_eq!(decision.body["verdict"], answer["verdict"], "{decision:?}");
        }
    }
}
