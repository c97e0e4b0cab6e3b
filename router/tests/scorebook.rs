//! The book's file saves time and changes nothing: whatever lies there, a start ends with the book of the ledger.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use ostrakon_ledger::{Category, Digest, Ledger, MemoryState, MemoryStore, PeerName, RecordId, SecretKey, Subject};
use ostrakon_reputation::{Book, Parameters, Viewpoint};
use ostrakon_router::{
    flow::registrar::{OwnVote, Registrar, Statement},
    server::scorebook::{BookFile, Outlook, fold},
};

const NOW_MS: u64 = 1_750_000_000_000;
const HOUR_MS: u64 = 3_600_000;

fn outlook() -> Outlook {
    let seeds: BTreeMap<_, _> = [(name("node.example"), 1000)].into();
    let own = Viewpoint { name: "own".into(), seeds };
    Outlook { parameters: Parameters::default(), own, others: Vec::new(), categories: Vec::new() }
}

fn name(text: &str) -> PeerName {
    PeerName::parse(text).unwrap()
}

/// A ledger in memory whose owner is `node.example`.
struct Node {
    registrar: Registrar,
    last: Option<RecordId>,
    now_ms: u64,
}

impl Node {
    fn new() -> Self {
        let (owner, key) = (name("node.example"), SecretKey::from_seed([1; 32]));
        let (store, state) = (Arc::new(MemoryStore::new()), Box::new(MemoryState::default()));
        let ledger = Ledger::create(store, state, &owner, "test", key.clone(), NOW_MS).unwrap();
        Self { registrar: Registrar::new(ledger, "test".into(), owner, key), last: None, now_ms: NOW_MS }
    }

    /// Votes, of which every seventh is taken back and every fifth ends within hours.
    fn vote(&mut self, count: u64, value: i8) {
        for i in 0..count {
            self.now_ms += HOUR_MS / 10;
            let subject = Subject::Peer(name(&format!("p{}.example", i % 23)));
            let expires_at_ms = if i % 5 == 0 { self.now_ms + i % 4 * HOUR_MS + 1 } else { 0 };
            let category = if i % 3 == 0 { Category::Abuse } else { Category::Spam };
            let cast = self
                .registrar
                .say(
                    Statement::Vote(OwnVote { subject, value, category, expires_at_ms, commitment: Digest::ZERO }),
                    self.now_ms,
                )
                .unwrap();
            self.last = Some(cast.id);
            if i % 7 == 0 {
                self.registrar.say(Statement::Retract(cast.id), self.now_ms).unwrap();
            }
        }
    }

    /// What a start makes of the file.
    fn start(&self, path: &Path) -> (Book, u64) {
        let reader = self.registrar.ledger().reader();
        let mut book = BookFile::at(path.into()).open(&outlook(), &reader);
        let read = book.next_index();
        fold(&mut book, &reader).unwrap();
        (book, read)
    }

    fn save(&self, path: &Path) {
        let reader = self.registrar.ledger().reader();
        let (book, _) = self.start(path);
        BookFile::at(path.into()).save(&book, &reader);
    }

    /// The book as folded from the beginning.
    fn folded(&self) -> Vec<u8> {
        let mut book = outlook().empty();
        fold(&mut book, &self.registrar.ledger().reader()).unwrap();
        book.to_bytes()
    }
}

#[test]
fn a_start_goes_on_where_the_file_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("book");
    let mut node = Node::new();
    for (round, value) in [(1, 50), (2, -20), (3, 100)] {
        node.vote(40, value);
        let (book, _) = node.start(&path);
        assert!(book.to_bytes() == node.folded(), "round {round}");
        node.save(&path);
        node.vote(7 * round, -value);
        let (book, read) = node.start(&path);
        assert!(read > 40 && read < book.next_index(), "round {round}: the file was not used");
        assert!(book.to_bytes() == node.folded(), "round {round}");
    }
}

#[test]
fn a_file_that_does_not_fit_costs_time_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("book");
    let mut node = Node::new();
    node.vote(60, 50);
    node.save(&path);
    let good = std::fs::read(&path).unwrap();
    let (_, read) = node.start(&path);
    assert_eq!(read, node.registrar.ledger().reader().tree_size());

    let mut bad = vec![Vec::new(), b"nonsense".to_vec(), good[..good.len() - 1].to_vec(), [&good[..], b"x"].concat()];
    bad.extend((0..good.len()).step_by(97).map(|at| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    }));
    for (i, bytes) in bad.iter().enumerate() {
        std::fs::write(&path, bytes).unwrap();
        let (book, read) = node.start(&path);
        assert_eq!(read, 0, "bad file {i} was used");
        assert!(book.to_bytes() == node.folded());
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(node.start(&path).0.to_bytes() == node.folded());
    node.save(&path);
    assert!(path.is_dir(), "what cannot be replaced stays");
}

#[test]
fn a_file_of_another_ledger_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("book");
    let (mut one, mut other, mut shorter) = (Node::new(), Node::new(), Node::new());
    one.vote(60, 50);
    other.vote(60, 51);
    shorter.vote(30, 50);
    one.save(&path);
    for node in [&other, &shorter] {
        let (book, read) = node.start(&path);
        assert_eq!(read, 0, "another ledger's file was used");
        assert!(book.to_bytes() == node.folded());
    }
    // The same entries so far: the file of the shorter ledger serves the longer one.
    let prefix = dir.path().join("prefix");
    shorter.save(&prefix);
    let (book, read) = one.start(&prefix);
    assert_eq!(read, shorter.registrar.ledger().reader().tree_size());
    assert!(book.to_bytes() == one.folded());
}

#[test]
fn a_retraction_finds_its_vote() {
    let mut node = Node::new();
    node.vote(3, 100);
    let mut book = outlook().empty();
    fold(&mut book, &node.registrar.ledger().reader()).unwrap();
    let about = Subject::Peer(name("p2.example"));
    assert!(book.snapshot().score(&about, node.now_ms).known);
    node.registrar.say(Statement::Retract(node.last.unwrap()), node.now_ms).unwrap();
    assert_eq!(fold(&mut book, &node.registrar.ledger().reader()).unwrap(), 1);
    assert!(!book.snapshot().score(&about, node.now_ms).known);
}
