//! What the engine costs on this machine, at a million peers and ten million votes, beside scipy's personalised PageRank
//! on the same graph in the same run.
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
use std::time::Instant;

use graph::{AT_MS, Graph};
use machine::{Quantiles, memory, row, scipy};
use ostrakon_ledger::Subject;
use ostrakon_reputation::{Book, Parameters};

/// The graph of the documentation.
const SEED: u64 = 0x6f73_7472_616b_6f6e;
/// Look-ups and votes measured one by one.
const LOOKUPS: u64 = 200_000;
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
    let epochs: Vec<f64> = (0..3).map(|_| seconds(|| book.close_epoch())).collect();
    let epoch = epochs.iter().copied().fold(f64::MAX, f64::min);
    row("one epoch (best of three), s", epoch);
    let after = memory();
    row("memory per live vote after folding, bytes", (after.now - before.now) / live);
    row("memory per live vote at its highest, bytes", (after.highest - before.now) / live);

    look_up(&graph, &book);
    apply(&graph, &mut book, votes);

    let path = std::env::temp_dir().join(format!("ostrakon-speed-{}", std::process::id()));
    let written = seconds(|| drop(book.write_to(File::create(&path).expect("a temporary file"))));
    row("write the book, s", written);
    let digest = book.digest();
    drop(book);
    let before = memory();
    let len_bytes = std::fs::metadata(&path)?.len();
    let start = Instant::now();
    let book = Book::read_from(parameters, graph.viewpoint(), Vec::new(), File::open(&path)?, len_bytes);
    row("read and check the book, s", start.elapsed().as_secs_f64());
    let book = book.expect("what was written");
    row("its bytes per live vote", len_bytes as f64 / live);
    row("memory per live vote after reading, bytes", (memory().now - before.now) / live);
    assert!(book.digest() == digest, "the book that was read is another");
    std::fs::remove_file(&path)?;
    drop(book);

    match scipy(&graph, &path)? {
        None => println!("no scipy here: no comparison"),
        Some((seconds, iterations)) => {
            row("scipy, personalised PageRank, s", seconds);
            row("   iterations", iterations);
            row("one epoch / scipy", epoch / seconds);
        }
    }
    Ok(())
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// A message has just named its peer; what does its score cost?
fn look_up(graph: &Graph, book: &Book) {
    let snapshot = book.snapshot();
    let mut times = Quantiles::default();
    for i in 0..LOOKUPS {
        let subject = Subject::Peer(graph.any_peer(i));
        let start = Instant::now();
        black_box(snapshot.score(&subject, AT_MS + 1));
        times.add(start);
    }
    times.print("look up a score", "ns", 1e9);
}

/// Votes of all sorts between two epochs, with a snapshot in readers' hands.
fn apply(graph: &Graph, book: &mut Book, next: u64) {
    let mut times = Quantiles::default();
    let mut snapshot = book.snapshot();
    let mut events = Vec::new();
    for (i, event) in (0..).zip(graph.events(next..next + APPLIED)) {
        let start = Instant::now();
        book.apply(&event);
        times.add(start);
        events.push(event);
        if i % BATCH == 0 {
            snapshot = book.snapshot();
        }
    }
    black_box(&snapshot);
    times.print("apply a vote", "µs", 1e6);
}
