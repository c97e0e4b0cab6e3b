//! A ledger as it grows: what an append costs in a long one, and how fast a long one opens.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};

use ostrakon_ledger::{BATCH_RECORDS_MAX, SignedRecord, Verified};
use ostrakon_router::{flow::registrar::Registrar, server::home::Home};
use ostrakon_tests::{
    TestNode, TestPeer,
    node::{OPEN_POLICY, get_bytes},
};
use rayon::prelude::*;

/// Authors that take turns.
pub(crate) const AUTHORS: usize = 1024;
/// Size of a short ledger.
const SHORT: u64 = 10_000;
/// Batches whose times are compared, pair by pair.
const BATCHES: usize = 41;
/// Times that the node is started.
const STARTS: usize = 3;
/// How often a node is asked how far it is: seldom enough to leave it its core.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// What was measured.
pub(crate) struct Growth {
    pub(crate) entries: u64,
    /// Time per append in a short ledger, and in the long one.
    pub(crate) short: Duration,
    pub(crate) long: Duration,
    /// From the start of `ostrakon serve` on the long one to its answer to `GET /checkpoint`.
    pub(crate) open: Duration,
    /// From its start until its scores are those of all votes: by reading them all, and from the file that it left when it stopped.
    pub(crate) first_ready: Duration,
    pub(crate) ready: Duration,
    /// The ledger, which later measurements use.
    pub(crate) node: TestNode,
}

/// Grows the ledger of a new node to `entries`, every record signed and verified, and measures on the way.
pub(crate) fn measure(entries: u64) -> Growth {
    let (mut node, beside) = (TestNode::new(), TestNode::new());
    node.write("policy.toml", OPEN_POLICY);
    let (mut grower, mut short) = (Grower::new(&node), Grower::new(&beside));
    short.grow(SHORT);
    grower.grow(entries);
    let (short, long) = per_append(&mut short, &mut grower);
    drop(grower);
    let mut opens: Vec<_> = (0..STARTS).map(|_| open(&mut node)).collect();
    opens.sort();
    let (first_ready, ready) = (ready(&mut node), ready(&mut node));
    Growth { entries, short, long, open: opens[STARTS / 2], first_ready, ready, node }
}

/// A node, not served yet, whose ledger has this many entries and at most a batch more.
pub(crate) fn grown(entries: u64) -> TestNode {
    let node = TestNode::new();
    Grower::new(&node).grow(entries);
    node
}

struct Grower {
    registrar: Registrar,
    peers: Vec<TestPeer>,
}

impl Grower {
    fn new(node: &TestNode) -> Self {
        let home = Home::at(node.home());
        let config = home.config([]).unwrap();
        let mut registrar = home.open_ledger(&config, home.secrets().unwrap().key).unwrap();
        let peers: Vec<_> = (0..AUTHORS).map(|n| TestPeer::new(&format!("p{n}.example"))).collect();
        for peer in &peers {
            registrar.admit(peer.name.clone(), peer.key.public(), 1).unwrap();
        }
        Self { registrar, peers }
    }

    /// The next vote of every author: one batch.
    fn batch(&mut self) -> Vec<Verified<SignedRecord>> {
        let vote = |peer: &mut TestPeer| {
            let subject = format!("peer:s{}.example", peer.seq % 50_000);
            Verified::check(peer.vote(&subject, -50)).unwrap()
        };
        self.peers.par_iter_mut().map(vote).collect()
    }

    fn append(&mut self, batch: Vec<Verified<SignedRecord>>) {
        let outcomes = self.registrar.submit(batch, 2).unwrap();
        assert!(outcomes.into_iter().all(|outcome| outcome.unwrap().new));
    }

    fn grow(&mut self, size: u64) {
        let reader = self.registrar.ledger().reader();
        while reader.tree_size() < size {
            let batch = self.batch();
            self.append(batch);
        }
    }

    /// The time of one batch per record, everything but the signatures: sequenced, written, synced, signed, published.
    fn per_append(&mut self) -> Duration {
        let batch = self.batch();
        let start = Instant::now();
        self.append(batch);
        start.elapsed() / BATCH_RECORDS_MAX as u32
    }
}

/// The median batches of a short ledger and a long one that grow in turn.
fn per_append(short: &mut Grower, long: &mut Grower) -> (Duration, Duration) {
    let (mut shorts, mut longs): (Vec<_>, Vec<_>) =
        (0..BATCHES).map(|_| (short.per_append(), long.per_append())).unzip();
    shorts.sort();
    longs.sort();
    (shorts[BATCHES / 2], longs[BATCHES / 2])
}

/// Starts the node and asks for its checkpoint as soon as it listens, then kills it.
fn open(node: &mut TestNode) -> Duration {
    let start = Instant::now();
    let mut child = node.serve_command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let public = ready.split_whitespace().find_map(|word| word.strip_prefix("public=")).unwrap();
    get_bytes(&format!("http://{public}/checkpoint"));
    let elapsed = start.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    elapsed
}

/// Starts the node, waits for its scores and stops it.
fn ready(node: &mut TestNode) -> Duration {
    let start = Instant::now();
    node.start(node.serve_command());
    while !node.is_ready() {
        std::thread::sleep(LOOK);
    }
    let elapsed = start.elapsed();
    assert!(node.terminate().success());
    elapsed
}
