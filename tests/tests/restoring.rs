//! Backups, archives and mirrors, drilled: what an operator does on the day that a disk is lost, step by step as in
//! docs/backup.md.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use ostrakon_ledger::RecordId;
use ostrakon_tests::{
    TestNode, TestPeer,
    binary::{ostrakon, ostrakon_ok},
    node::OPEN_POLICY,
};

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let path = file.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Exit code, standard output and standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    let output = ostrakon(args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

struct Drill {
    node: TestNode,
    peer: TestPeer,
    /// Acknowledged votes, kept outside the node.
    votes: Vec<RecordId>,
}

impl Drill {
    fn new() -> Self {
        let node = TestNode::serving(OPEN_POLICY, "");
        let peer = TestPeer::admitted(&node, "a.example");
        Self { node, peer, votes: Vec::new() }
    }

    fn cast(&mut self, count: usize) {
        for n in 0..count {
            self.votes.push(self.peer.cast(&self.node, &format!("peer:p{n}.example"), -10));
        }
    }

    /// Every acknowledged vote stands in the served ledger once.
    fn check(&self) {
        let bundle = ostrakon_tests::node::get_bytes(&format!("{}/checkpoint", self.node.public()));
        let size: usize = String::from_utf8(bundle).unwrap().lines().nth(1).unwrap().parse().unwrap();
        assert_eq!(size, self.votes.len() + 2, "the owner, the peer, the votes");
        let path = format!("{}/tile/entries/000.p/{size}", self.node.public());
        let bundle = ostrakon_tests::node::get_bytes(&path);
        let mut rest = bundle.as_slice();
        let mut ids = Vec::new();
        for index in 0..size as u64 {
            let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
            ids.push(ostrakon_ledger::Entry::parse(index, &rest[2..2 + length]).unwrap().record.id());
            rest = &rest[2 + length..];
        }
        assert_eq!(ids[2..], self.votes);
    }

    fn path(&self, name: &str) -> String {
        self.node.beside(name).to_str().unwrap().to_owned()
    }
}

/// Another process that serves a copy of a node's folder.
fn serve_copy(of: &TestNode) -> TestNode {
    let mut mirror = TestNode::new();
    std::fs::remove_dir_all(mirror.home()).unwrap();
    copy(&of.home(), &mirror.home());
    let _ = std::fs::remove_file(mirror.home().join("run.json"));
    mirror.serve();
    mirror
}

#[test]
fn a_ledger_that_was_rolled_back_is_not_signed_and_heals_from_a_mirror() {
    let mut drill = Drill::new();
    drill.cast(10);
    drill.node.terminate();
    copy(&drill.node.home().join("ledger"), &drill.node.beside("last-week"));
    drill.node.serve();
    drill.cast(20);
    drill.check();
    drill.node.terminate();
    let mirror = serve_copy(&drill.node);

    // The disk dies; last week's copy is put in its place. The signed state was elsewhere.
    std::fs::remove_dir_all(drill.node.home().join("ledger")).unwrap();
    std::fs::rename(drill.node.beside("last-week"), drill.node.home().join("ledger")).unwrap();
    let signed = std::fs::read(drill.node.home().join("signed-state")).unwrap();
    let home = drill.node.home_arg();
    let (code, _, errors) = run(&["serve", "--dir", &home]);
    assert_eq!(code, 1);
    assert!(errors.contains("entries 12..32 are missing"), "{errors}");
    assert!(errors.contains("ledger heal"), "it says what to do: {errors}");
    let (code, _, errors) = run(&["ledger", "verify", "--dir", &home]);
    assert_eq!(code, 4, "{errors}");

    // A server that is not a mirror of ours heals nothing.
    let stranger = TestNode::serving(OPEN_POLICY, "");
    let (code, _, errors) = run(&["ledger", "heal", "--dir", &home, "--from", stranger.public()]);
    assert_ne!(code, 0);
    assert!(errors.contains("the copy"), "{errors}");
    assert_eq!(std::fs::read(drill.node.home().join("signed-state")).unwrap(), signed);

    let healed = drill.node.run(&["ledger", "heal", "--from", mirror.public()]);
    assert!(healed.contains("entries 12..32 are back"), "{healed}");
    assert_eq!(drill.node.verify(), 32);
    drill.node.serve();
    drill.check();
    drill.cast(1);
    drill.check();
}

/// The folder as a whole from last week, signed state and all: nothing in it says that anything is missing.
#[test]
fn a_folder_from_last_week_moves_on_to_what_a_mirror_has() {
    let mut drill = Drill::new();
    drill.cast(5);
    drill.node.terminate();
    copy(&drill.node.home(), &drill.node.beside("last-week"));
    drill.node.serve();
    drill.cast(5);
    drill.node.terminate();
    let mirror = serve_copy(&drill.node);
    std::fs::remove_dir_all(drill.node.home()).unwrap();
    std::fs::rename(drill.node.beside("last-week"), drill.node.home()).unwrap();
    let healed = drill.node.run(&["ledger", "heal", "--from", mirror.public()]);
    assert!(healed.contains("entries 7..12 are back") && healed.contains("newer checkpoint"), "{healed}");
    drill.node.serve();
    drill.check();
    drill.cast(1);
    drill.check();
}

#[test]
fn an_archive_made_while_the_node_is_served_brings_the_ledger_back() {
    let mut drill = Drill::new();
    drill.cast(8);
    let archive = drill.path("ledger.archive");
    let exported = drill.node.run(&["ledger", "export", &archive]);
    assert!(exported.contains("10 entries exported"), "{exported}");
    let home = drill.node.home_arg();
    let (code, _, errors) = run(&["ledger", "export", &archive, "--dir", &home]);
    assert_eq!(code, 1, "an archive is not overwritten: {errors}");
    let (code, _, errors) = run(&["ledger", "import", &archive, "--dir", &home]);
    assert_eq!(code, 5, "the folder is served: {errors}");
    drill.node.terminate();
    let (code, _, errors) = run(&["ledger", "import", &archive, "--dir", &home]);
    assert_eq!(code, 3, "there is a ledger: {errors}");

    let lose = || std::fs::remove_dir_all(drill.node.home().join("ledger")).unwrap();
    lose();
    let file = std::fs::read(&archive).unwrap();
    for at in [5, 60, file.len() / 2, file.len() - 1] {
        let mut flipped = file.clone();
        flipped[at] ^= 1;
        let spoilt = drill.path("spoilt.archive");
        std::fs::write(&spoilt, flipped).unwrap();
        let (code, _, errors) = run(&["ledger", "import", &spoilt, "--dir", &home]);
        assert!(code == 4 || code == 3, "byte {at}: {code} {errors}");
    }
    let imported = drill.node.run(&["ledger", "import", &archive]);
    assert!(imported.contains("10 entries imported"), "{imported}");
    assert_eq!(drill.node.verify(), 10);
    drill.node.serve();
    drill.check();
    // More was signed than the archive has: the import says what is missing, and the node does not sign.
    drill.cast(3);
    drill.node.terminate();
    let mirror = serve_copy(&drill.node);
    std::fs::remove_dir_all(drill.node.home().join("ledger")).unwrap();
    let imported = drill.node.run(&["ledger", "import", &archive]);
    assert!(imported.contains("entries 10..13 are missing"), "{imported}");
    assert_eq!(run(&["serve", "--dir", &home]).0, 1);
    drill.node.run(&["ledger", "heal", "--from", mirror.public()]);
    drill.node.serve();
    drill.check();
}

/// Without the signed state only the operator can know whether the archive is the newest.
#[test]
fn without_a_signed_state_an_import_asks_for_the_operators_word() {
    let mut drill = Drill::new();
    drill.cast(2);
    let archive = drill.path("ledger.archive");
    drill.node.run(&["ledger", "export", &archive]);
    drill.node.terminate();
    std::fs::remove_dir_all(drill.node.home().join("ledger")).unwrap();
    std::fs::remove_file(drill.node.home().join("signed-state")).unwrap();
    let (code, _, errors) = run(&["ledger", "import", &archive, "--dir", &drill.node.home_arg()]);
    assert_eq!(code, 1);
    assert!(errors.contains("signed-state") && errors.contains("--newest"), "{errors}");
    drill.node.run(&["ledger", "import", &archive, "--newest"]);
    drill.node.serve();
    drill.check();
}

/// The way of docs/backup.md: stop, copy the folder, start; then the folder is lost.
#[test]
fn a_copied_folder_is_a_backup() {
    let mut drill = Drill::new();
    drill.cast(4);
    drill.node.terminate();
    copy(&drill.node.home(), &drill.node.beside("backup"));
    std::fs::remove_dir_all(drill.node.home()).unwrap();
    std::fs::rename(drill.node.beside("backup"), drill.node.home()).unwrap();
    assert_eq!(drill.node.verify(), 6);
    drill.node.serve();
    drill.check();
}

#[test]
fn a_served_log_is_verified_over_http_by_its_key() {
    let mut drill = Drill::new();
    drill.cast(4);
    let about = drill.node.public_get("/.well-known/ostrakon").body;
    let vkey = about["ledger"]["vkey"].as_str().unwrap();
    let report = ostrakon_ok(&["ledger", "verify", "--url", drill.node.public(), "--vkey", vkey]);
    assert!(report.contains("tree size   6") && report.contains("node.example/ostrakon"), "{report}");
    let stranger = TestNode::serving(OPEN_POLICY, "");
    let (code, _, errors) = run(&["ledger", "verify", "--url", stranger.public(), "--vkey", vkey]);
    assert_eq!(code, 4, "signed by another key: {errors}");
}
