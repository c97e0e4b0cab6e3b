//! A log of ours at nine sizes, served by the real node, with a relay in between that can flip single bits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, Weak},
};

use ostrakon_ledger::{
    BATCH_RECORDS_MAX, Entry, Ledger, LedgerReader, MemoryState, MemoryStore, SecretKey, SignedRecord, Verified,
    checkpoint::{Checkpoint, origin},
    merkle::empty_root,
    note::Note,
    tile::TilePath,
};
use ostrakon_router::server::home::Home;
use ostrakon_tests::{TestNode, TestPeer, node::get_bytes};
use rayon::prelude::*;
use tokio::{runtime::Runtime, task::spawn_blocking};
use warp::{Filter, path::FullPath};

/// Sizes at which the log is checked. At 0 there is only the checkpoint that the ledger's code gives for an empty tree:
/// a ledger of ours begins with its owner's admission.
pub(crate) const SIZES: [u64; 9] = [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000];

/// The size whose bits are flipped: full and partial tiles, two levels, two bundles.
pub(crate) const FLIPPED_SIZE: u64 = 257;

const AUTHORS: u64 = 16;

/// A bit of a file that the log serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flip {
    pub(crate) path: &'static str,
    pub(crate) byte: usize,
    pub(crate) bit: u32,
}

/// Entries that the rewritten log shares with the true one.
const SHARED_ENTRIES: u64 = 100;

/// The served log. Dropped with the last test that uses it.
pub(crate) struct Fixture {
    pub(crate) vkey: String,
    pub(crate) flips: Vec<Flip>,
    relay: Arc<Relay>,
    address: String,
    _runtime: Runtime,
}

/// `/<size>/…` is the log as it was at that size, `/flip/<k>/…` the one of [`FLIPPED_SIZE`] with one bit flipped.
/// All bytes but those of earlier checkpoints come from the node. `/rewritten/…` is what its owner could serve who tells
/// another story from some entry on.
struct Relay {
    node: TestNode,
    checkpoints: BTreeMap<u64, String>,
    flips: Vec<Flip>,
    rewritten: LedgerReader,
    /// What the node has answered: tiles never change.
    fetched: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Fixture {
    /// The one of this test run, made by the first test that asks.
    pub(crate) fn get() -> Arc<Self> {
        static SHARED: Mutex<Weak<Fixture>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let fixture = Arc::new(Self::make());
            *shared = Arc::downgrade(&fixture);
            fixture
        })
    }

    fn make() -> Self {
        let mut node = TestNode::new();
        let (vkey, checkpoints) = grow(&node);
        node.serve();
        let served = String::from_utf8(get_bytes(&format!("{}/checkpoint", node.public()))).unwrap();
        assert_eq!(served, checkpoints[SIZES.last().unwrap()], "the node serves the checkpoint that was signed last");
        let mut relay =
            Relay { rewritten: rewritten(&node), node, checkpoints, flips: Vec::new(), fetched: Mutex::default() };
        relay.flips = relay.flips();
        let relay = Arc::new(relay);
        let runtime = Runtime::new().unwrap();
        let address = runtime.block_on(serve(relay.clone()));
        Self { vkey, flips: relay.flips.clone(), relay, address, _runtime: runtime }
    }

    /// Where the log of each size is; the last one is asked of the node itself.
    pub(crate) fn logs(&self) -> Vec<String> {
        let mut urls: Vec<_> = SIZES.iter().map(|size| format!("{}/{size}", self.address)).collect();
        *urls.last_mut().unwrap() = self.relay.node.public().to_owned();
        urls
    }

    /// Where the log with another history is.
    pub(crate) fn rewritten(&self) -> String {
        format!("{}/rewritten", self.address)
    }

    /// Where the logs with one flipped bit are.
    pub(crate) fn flipped(&self) -> Vec<String> {
        (0..self.flips.len()).map(|k| format!("{}/flip/{k}", self.address)).collect()
    }
}

/// Fills the node's ledger to each of [`SIZES`] and keeps the checkpoint that it signs there.
fn grow(node: &TestNode) -> (String, BTreeMap<u64, String>) {
    let home = Home::at(node.home());
    let config = home.config([]).unwrap();
    let key = home.secrets().unwrap().key;
    let mut registrar = home.open_ledger(&config, key.clone()).unwrap();
    let reader = registrar.ledger().reader();
    let mut checkpoints = BTreeMap::from([(0, empty_checkpoint(node, &key)), (1, reader.checkpoint())]);
    let mut peers: Vec<_> = (0..AUTHORS).map(|n| TestPeer::new(&format!("p{n}.example"))).collect();
    for peer in &peers {
        registrar.admit(peer.name.clone(), peer.key.public(), 1).unwrap();
    }
    let votes = (SIZES[SIZES.len() - 1] - reader.tree_size()).div_ceil(AUTHORS);
    let said: Vec<Vec<Verified<SignedRecord>>> = peers
        .par_iter_mut()
        .map(|peer| {
            let mut vote = |n| Verified::check(peer.vote(&format!("peer:s{n}.example"), -50)).unwrap();
            (0..votes).map(&mut vote).collect()
        })
        .collect();
    let mut records = (0..votes as usize).flat_map(|n| said.iter().map(move |votes| votes[n].clone()));
    for size in &SIZES[2..] {
        while reader.tree_size() < *size {
            let wanted = usize::try_from(*size - reader.tree_size()).unwrap().min(BATCH_RECORDS_MAX);
            let outcomes = registrar.submit(records.by_ref().take(wanted).collect(), 2).unwrap();
            assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|appended| appended.new)));
        }
        checkpoints.insert(*size, reader.checkpoint());
    }
    (registrar.ledger().vkey(), checkpoints)
}

/// The first entries of the node's log, then others, up to [`FLIPPED_SIZE`].
fn rewritten(node: &TestNode) -> LedgerReader {
    let home = Home::at(node.home());
    let config = home.config([]).unwrap();
    let (domain, network) = (&config.node.domain, &config.node.network);
    let mut bundle = get_bytes(&format!("{}/tile/entries/000", node.public()));
    let mut records = Vec::new();
    for index in 0..SHARED_ENTRIES {
        let length = usize::from(u16::from_be_bytes([bundle[0], bundle[1]]));
        let entry = Entry::parse(index, &bundle[2..2 + length]).unwrap();
        records.push((Verified::check(entry.record).unwrap(), entry.received_at_ms));
        bundle.drain(..2 + length);
    }
    let (store, state) = (Arc::new(MemoryStore::new()), Box::new(MemoryState::default()));
    let begun_at_ms = records[0].1;
    let mut ledger = Ledger::create(store, state, domain, network, home.secrets().unwrap().key, begun_at_ms).unwrap();
    ledger.append(records).unwrap();
    let head = ledger.author(&TestPeer::new("p0.example").name).unwrap().unwrap();
    let mut peer = TestPeer::new("p0.example");
    (peer.seq, peer.prev) = (head.seq, head.id);
    while ledger.reader().tree_size() < FLIPPED_SIZE {
        let vote = Verified::check(peer.vote("peer:other.example", 10)).unwrap();
        ledger.append(vec![(vote, 2)]).unwrap();
    }
    ledger.reader()
}

fn empty_checkpoint(node: &TestNode, key: &SecretKey) -> String {
    let config = Home::at(node.home()).config([]).unwrap();
    let origin = origin(&config.node.domain);
    let text = Checkpoint { origin: origin.clone(), tree_size: 0, root: empty_root() }.to_string();
    Note::sign(&text, &origin, key).unwrap().to_string()
}

impl Relay {
    /// Every bit of the checkpoint, of the partial tiles and of the last bundle; of the full ones a sample.
    fn flips(&self) -> Vec<Flip> {
        let mut flips = Vec::new();
        let mut add = |path, every_bits: usize| {
            let bits = self.file(FLIPPED_SIZE, path).unwrap().len() * 8;
            let bits = (0..bits).step_by(every_bits);
            flips.extend(bits.map(|at| Flip { path, byte: at / 8, bit: at as u32 % 8 }));
        };
        add("checkpoint", 1);
        add("tile/0/001.p/1", 3);
        add("tile/1/000.p/1", 3);
        add("tile/entries/001.p/1", 37);
        add("tile/0/000", 433);
        add("tile/entries/000", 7919);
        // The two length bytes of the first entry.
        flips.extend((0..16).map(|at| Flip { path: "tile/entries/000", byte: at / 8, bit: at as u32 % 8 }));
        // The last base64 digit of the signature has two bits that mean nothing. The specification leaves open whether
        // they must be zero; our reader, the crates and the script insist on it, Go does not look at them.
        let digit = self.file(FLIPPED_SIZE, "checkpoint").unwrap().len() - 3;
        flips.retain(|flip| flip.path != "checkpoint" || flip.byte != digit || flip.bit > 3);
        flips
    }

    fn file(&self, size: u64, path: &str) -> Option<Vec<u8>> {
        if path == "checkpoint" {
            return self.checkpoints.get(&size).map(|note| note.clone().into_bytes());
        }
        let known = self.fetched.lock().unwrap().get(path).cloned();
        known.or_else(|| {
            let bytes = get_bytes(&format!("{}/{path}", self.node.public()));
            self.fetched.lock().unwrap().insert(path.to_owned(), bytes.clone());
            Some(bytes)
        })
    }

    fn rewritten_file(&self, path: &str) -> Option<Vec<u8>> {
        match path.parse() {
            Ok(TilePath::Hashes { level, n, width }) => self.rewritten.tile(level, n, width).unwrap(),
            Ok(TilePath::Entries { n, width }) => self.rewritten.entry_bundle(n, width).unwrap(),
            Err(_) => Some(self.rewritten.checkpoint().into_bytes()),
        }
    }

    fn answer(&self, path: &str) -> Option<Vec<u8>> {
        let (first, rest) = path.trim_start_matches('/').split_once('/')?;
        match first {
            "flip" => {}
            "rewritten" => return self.rewritten_file(rest),
            size => return self.file(size.parse().ok()?, rest),
        }
        let (flip, rest) = rest.split_once('/')?;
        let flip = &self.flips[flip.parse::<usize>().ok()?];
        let mut bytes = self.file(FLIPPED_SIZE, rest)?;
        if flip.path == rest {
            bytes[flip.byte] ^= 1 << flip.bit;
        }
        Some(bytes)
    }
}

async fn serve(relay: Arc<Relay>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answers = warp::path::full().and(warp::get()).then(move |path: FullPath| {
        let relay = relay.clone();
        async move {
            let answer = spawn_blocking(move || relay.answer(path.as_str())).await.unwrap();
            match answer {
                Some(bytes) => warp::http::Response::new(bytes),
                None => {
                    let mut missing = warp::http::Response::new(Vec::new());
                    *missing.status_mut() = warp::http::StatusCode::NOT_FOUND;
                    missing
                }
            }
        }
    });
    tokio::spawn(warp::serve(answers).incoming(listener).run());
    address
}
