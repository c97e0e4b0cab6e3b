//! `kill -9` at any moment: what was acknowledged is there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    process::{Command, Stdio},
};

use ostrakon_ledger::{Entry, merkle::leaf_hash, tile::TilePath};
use ostrakon_tests::{
    TestNode,
    binary::path,
    node::{OPEN_POLICY, bundle_entries, get_bytes, wait_for},
};

/// Cycles of kill and restart; `make soak` asks for more.
fn cycles() -> usize {
    std::env::var("OSTRAKON_KILL_CYCLES").map_or(20, |cycles| cycles.parse().expect("OSTRAKON_KILL_CYCLES is a number"))
}

/// Times that the whole ledger is verified, in even steps, the last time at the end.
const VERIFICATIONS: usize = 20;
/// New rows in the imported file of each cycle: more than a cycle gets through, so that every kill hits an import at work.
const ROWS_PER_CYCLE: usize = 10_000;
/// Rows of earlier cycles before them, which are in the ledger already, but for the last ones perhaps.
const ROWS_AGAIN: usize = 1_000;

/// A thousand rows are by seven sources in turn, the next thousand by seven others.
fn ratings(rows: std::ops::Range<usize>) -> String {
    rows.map(|n| format!("{}-{},{n},{},{}\n", n / 1_000, n % 7, n % 10 + 1, 1_600_000_000 + n)).collect()
}

/// Kills the node again and again while an import writes, each time a little later after the last acknowledgement it
/// saw. After each restart every record whose receipt lies in a synced file outside the node, of this cycle and of all before,
/// must stand where the receipt says; and time and again the whole ledger must verify.
#[test]
fn every_acknowledged_vote_of_an_import_survives_kill_9() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    let (file, receipts) = (node.beside("ratings.csv"), node.beside("receipts"));
    let (mut acknowledged, mut read, mut next_row) = (Vec::new(), 0, 0);
    let mut served = Bundles::default();
    for cycle in 1..=cycles() {
        let first_row = next_row.max(ROWS_AGAIN) - ROWS_AGAIN;
        std::fs::write(&file, ratings(first_row..next_row + ROWS_PER_CYCLE)).unwrap();
        let mut import = Command::new(path("ostrakon"))
            .args(["import", "votes", file.to_str().unwrap(), "--format", "otc", "--node", node.local()])
            .args(["--receipts", receipts.to_str().unwrap()])
            .env("OSTRAKON_TOKEN", node.token())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let wanted = 1 + cycle * 37 % 600;
        let lines = || read_from(&receipts, read).lines().count();
        wait_for("acknowledgements", || lines() >= wanted || import.try_wait().unwrap().is_some());
        node.kill();
        let finished = import.wait().unwrap();
        assert!(!finished.success(), "the import must still be at work when the node is killed");
        if cycle.is_multiple_of(cycles().div_ceil(VERIFICATIONS)) || cycle == cycles() {
            node.verify();
        }
        let text = read_from(&receipts, read);
        read += text.len() as u64;
        acknowledged.extend(text.lines().map(Receipt::parse));
        assert!(text.lines().count() >= wanted, "the import must have been at work before the node is killed");
        next_row = first_row + acknowledged.last().map_or(0, |it: &Receipt| it.line);
        node.serve();
        served.check(&node, &acknowledged);
    }
}

/// A file from a place on; nothing if it is not there yet.
fn read_from(path: &Path, at: u64) -> String {
    let mut text = String::new();
    if let Ok(mut file) = File::open(path) {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.read_to_string(&mut text).unwrap();
    }
    text
}

/// That the record made of a line stands at an index.
struct Receipt {
    line: usize,
    index: u64,
    id: String,
}

impl Receipt {
    /// `line of the imported file, id, index`.
    fn parse(line: &str) -> Self {
        let words: Vec<_> = line.split(' ').collect();
        let [line, id, index] = words[..] else { panic!("{line}") };
        Self { line: line.parse().unwrap(), index: index.parse().unwrap(), id: id.to_owned() }
    }
}

/// The entry bundles that a node serves, as far as they were compared with receipts.
#[derive(Default)]
struct Bundles {
    /// Of full ones, whose bytes never change: the digest, and how many receipts were found to be right.
    checked: BTreeMap<u64, ([u8; 32], usize)>,
}

impl Bundles {
    /// Each record stands at the index of its receipt.
    fn check(&mut self, node: &TestNode, receipts: &[Receipt]) {
        let size = node.tree_size();
        let expected: BTreeMap<u64, &str> = receipts.iter().map(|it| (it.index, &*it.id)).collect();
        assert!(expected.keys().all(|index| *index < size), "{size} entries are fewer than were acknowledged");
        for n in 0..size.div_ceil(256) {
            let width = u16::try_from((size - n * 256).min(256)).unwrap();
            let bundle = get_bytes(&format!("{}/{}", node.public(), TilePath::Entries { n, width }));
            let (digest, here) = (leaf_hash(&bundle), expected.range(n * 256..(n + 1) * 256).count());
            if let Some((checked, right)) = self.checked.get(&n) {
                assert_eq!(*checked, digest, "bundle {n} has changed");
                if *right == here {
                    continue;
                }
            }
            for (index, entry) in (n * 256..).zip(bundle_entries(&bundle)) {
                if let Some(id) = expected.get(&index) {
                    assert_eq!(Entry::parse(index, entry).unwrap().record.id().to_string(), *id, "index {index}");
                }
            }
            if width == 256 {
                self.checked.insert(n, (digest, here));
            }
        }
    }
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
