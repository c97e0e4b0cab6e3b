//! What the engine costs on this machine, at a million peers and ten million votes, beside scipy's personalised
//! PageRank on the same graph in the same run.
//!
//! `cargo run --release -p ostrakon-reputation --example speed [votes] [--half-life]`
//!
//! Everything comes from the seed below. scipy runs through `python3`, on one thread, if it is there.

#[path = "speed/graph.rs"]
mod graph;
#[path = "speed/machine.rs"]
mod machine;

use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use graph::{AT_MS, Graph};
use machine::{Quantiles, Scipy, median, memory, row};
use ostrakon_ledger::Subject;
use ostrakon_reputation::{Book, Parameters};

/// The allocator of the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The graph of the documentation.
const SEED: u64 = 0x6f73_7472_616b_6f6e;
/// Epochs, and ranks by scipy.
const RUNS: usize = 7;
/// Look-ups, measured in groups, and votes, measured one by one.
const LOOKUPS: u64 = 200_000;
const GROUP: usize = 16;
const APPLIED: u64 = 20_000;
/// Votes between two snapshots, as the follower takes one per batch.
const BATCH: u64 = 64;

fn main() -> std::io::Result<()> {
    let votes = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000_000);
    let half_life_ms = std::env::args().any(|text| text == "--half-life").then_some(90 * 86_400_000);
    let graph = Graph::new(SEED, votes);
    let parameters = Parameters { half_life_ms, ..Parameters::default() };
    println!("{} peers, {votes} votes, seed {SEED:#x}, half-life {half_life_ms:?} ms", graph.peers());

    let before = memory();
    let mut book = Book::new(parameters.clone(), graph.viewpoint());
    let start = Instant::now();
    let read = book.catch_up(graph.events(0..votes).map(Ok::<_, std::convert::Infallible>));
    assert!(read.is_ok());
    let live = book.live_votes() as f64;
    row("fold the ledger, with the last epoch, s", start.elapsed().as_secs_f64());
    row("live votes", live);
    let after = memory();
    row("memory per live vote after folding, bytes", (after.now - before.now) / live);
    row("memory per live vote at its highest, bytes", (after.highest - before.now) / live);

    let path = std::env::temp_dir().join(format!("ostrakon-speed-{}", std::process::id()));
    epochs(&graph, &mut book, &path)?;
    look_up(&graph, &book);
    apply(&graph, &mut book, votes);

    let written = seconds(|| drop(book.write_to(File::create(&path).expect("a temporary file"))));
    row("write the book, s", written);
    let digest = book.digest();
    drop(book);
    let len_bytes = std::fs::metadata(&path)?.len();
    let start = Instant::now();
    let book = Book::read_from(parameters, graph.viewpoint(), Vec::new(), File::open(&path)?, len_bytes);
    row("read and check the book, s", start.elapsed().as_secs_f64());
    let book = book.expect("what was written");
    row("its bytes per live vote", len_bytes as f64 / live);
    assert!(book.digest() == digest, "the book that was read is another");
    std::fs::remove_file(&path)
}

/// Epochs and scipy's ranks in turn, so that what else the machine does slows both.
fn epochs(graph: &Graph, book: &mut Book, path: &Path) -> std::io::Result<()> {
    let mut scipy = Scipy::start(graph, path)?;
    let (mut epochs, mut ranks) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ranks.extend(scipy.once());
        epochs.push(seconds(|| book.close_epoch()));
    }
    std::fs::remove_file(path)?;
    let epoch = median(epochs);
    row("one epoch, median of seven, s", epoch);
    let Some((_, iterations)) = ranks.first().copied() else {
        println!("no scipy here: no comparison");
        return Ok(());
    };
    let rank = median(ranks.into_iter().map(|(seconds, _)| seconds).collect());
    row("scipy, personalised PageRank, the same, s", rank);
    row("   iterations", iterations);
    row("one epoch / scipy", epoch / rank);
    Ok(())
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Messages have just named their peers; what do their scores cost? Sixteen at a time, because a clock costs a sixth of
/// one.
fn look_up(graph: &Graph, book: &Book) {
    let snapshot = book.snapshot();
    let mut times = Quantiles::default();
    for i in (0..LOOKUPS).step_by(GROUP) {
        let subjects: Vec<_> = (i..i + GROUP as u64).map(|i| Subject::Peer(graph.any_peer(i))).collect();
        let start = Instant::now();
        for subject in &subjects {
            black_box(snapshot.score(subject, AT_MS + 1));
        }
        times.add(start, GROUP);
    }
    times.print("look up a score, by groups of 16", "ns", 1e9);
}

/// Votes of all sorts between two epochs, with a snapshot in readers' hands.
fn apply(graph: &Graph, book: &mut Book, next: u64) {
    let mut times = Quantiles::default();
    let mut snapshot = book.snapshot();
    let mut events = Vec::new();
    for (i, event) in (0..).zip(graph.events(next..next + APPLIED)) {
        let start = Instant::now();
        book.apply(&event);
        times.add(start, 1);
        events.push(event);
        if i % BATCH == 0 {
            snapshot = book.snapshot();
        }
    }
    black_box(&snapshot);
    times.print("apply a vote", "µs", 1e6);
}
