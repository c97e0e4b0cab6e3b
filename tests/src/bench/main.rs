//! `make bench`: one table of ratios, each against something measured in the same run, on a machine it describes.
//!
//! Figures in events per second move with the machine; the ratios are what is held against the targets.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod decisions;
mod growth;
mod hostile;
mod http;
mod ingest;
mod latency;
mod machine;
mod millions;
mod mirror;
mod signatures;
mod tiles;
mod witness;

use std::time::Duration;

use ostrakon_router::output;

/// Entries of the ledger that is grown, and of the one of `make bench-long`.
const ENTRIES: u64 = 200_000;
const ENTRIES_LONG: u64 = 10_000_000;
/// Decisions on record of a node that is measured beside an empty one, and of the one of `make bench-long`.
const DECISIONS: u64 = 1_000_000;
const DECISIONS_LONG: u64 = 5_000_000;

/// How often a signature check, ingest and acknowledgements at half of it are measured, in turn. The middle of each is shown.
const ROUNDS: usize = 5;

/// As the node has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("echo") => return http::echo(),
        Some("http") => return http_lines(),
        Some("tile") => return tiles::bare(),
        Some("votes") => return vote_lines(),
        Some("ledger") => return ledger_lines(ENTRIES),
        Some("long") => {
            million_lines(DECISIONS_LONG);
            return ledger_lines(ENTRIES_LONG);
        }
        Some("millions") => {
            let decisions = std::env::args().nth(2).map_or(DECISIONS, |it| it.parse().unwrap());
            return million_lines(decisions);
        }
        Some("hostile") => return hostile_lines(),
        Some("witness") => return witness_line(),
        Some("mirror") => return mirror::lines(std::env::args().nth(2).map_or(ENTRIES, |it| it.parse().unwrap())),
        _ => {}
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    show(format_args!("{}", machine::describe(cores)));
    show(format_args!(""));
    show(format_args!("{:84} {:>44} {:>7} {:>7}", "what", "measured", "ratio", "target"));
    vote_lines();
    ledger_lines(ENTRIES);
    let decided = decisions::per_second();
    let what = "decisions in process, one core: subjects, scores, limits, rules; against 150,000/s";
    print(what, &per_second(decided), Some((decided / 150_000.0, 1.0)));
    witness_line();
    http_lines();
    hostile_lines();
    million_lines(DECISIONS);
}

fn vote_lines() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut verified, mut ingested, mut ratios, mut latencies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let per_core = signatures::per_core();
    for round in 0..ROUNDS {
        let (one_core, votes) = (per_core(), ingest::votes_per_second(round));
        ratios.push(votes / one_core / f64::from(u32::try_from(cores).unwrap()));
        verified.push(one_core);
        ingested.push(votes);
        latencies.push(latency::at(votes / 2.0, round));
    }
    let ingested = middle(ingested);
    print("verify_strict, one core", &per_second(middle(verified)), None);
    print("verify_strict, all cores at once", &per_second(signatures::all_cores()), None);
    let what = "votes ingested: parsed, verified, sequenced, synced; against cores × verify_strict";
    print(what, &per_second(ingested), Some((middle(ratios), 0.85)));
    let [_, p50, _] = spread(latencies.iter().map(|latency| latency.p50));
    let [least, p99, most] = spread(latencies.iter().map(|latency| latency.p99));
    let what = "acknowledgement at half that load, against 100 ms (at most)";
    let figure = format!("p50 {p50:.1?}, p99 {p99:.0?} ({least:.0?} to {most:.0?})");
    print(what, &figure, Some((p99.as_secs_f64() / 0.1, 1.0)));
    let [least, cold, most] = spread(latencies.iter().map(|latency| latency.cold_p99));
    let what = "of that, the second before, when no author's key was known";
    print(what, &format!("p99 {cold:.0?} ({least:.0?} to {most:.0?})"), None);
    let uncovered: usize = latencies.iter().map(|latency| latency.uncovered).sum();
    let what = "answers that came before a checkpoint covered their record";
    print(what, &uncovered.to_string(), None);
}

/// What a ledger costs when it is long. The targets are those for ten million entries.
fn ledger_lines(entries: u64) {
    let mut growth = growth::measure(entries);
    let what = format!("an append at {} entries, against one at 10,000 (at most)", growth.entries);
    let figure = format!("{:.1?} against {:.1?}", growth.long, growth.short);
    print(&what, &figure, Some((growth.long.as_secs_f64() / growth.short.as_secs_f64(), 1.3)));
    let what = format!("`ostrakon serve` on {} entries until it answered /checkpoint, against 2 s (at most)", entries);
    print(&what, &format!("{:.1?}", growth.open), Some((growth.open.as_secs_f64() / 2.0, 1.0)));
    let figure = format!("{:.1?}, {:.1?}", growth.first_ready, growth.ready);
    print("until its scores are those of all votes: by reading them all, from the file it left", &figure, None);
    let (ours, bare) = tiles::per_second(&mut growth.node, entries);
    print("bare warp endpoint that returns a tile's bytes", &per_second(bare), None);
    print("full tiles read from the node; against the bare endpoint", &per_second(ours), Some((ours / bare, 0.7)));
}

fn witness_line() {
    let cosigned = witness::cosigned_per_second();
    let what = "POST /witness/add-checkpoint, synced, 128 logs; against 2,000/s";
    print(what, &per_second(cosigned), Some((cosigned / 2_000.0, 1.0)));
}

fn http_lines() {
    let http::Compared { checks, echoes, ratio } = http::checks_and_echoes();
    print("bare warp JSON echo", &echoes.to_string(), None);
    print("POST /v1/check, durable; against the echo", &checks.to_string(), Some((ratio, 0.5)));
}

/// What peers and adapters wait for beside two thousand connections that are held, and what those take of memory.
fn hostile_lines() {
    let it = hostile::measure();
    let quiet = (it.quiet_vote_p99, it.quiet_check_p99);
    let ratio = |slow: Duration, quiet: Duration| slow.as_secs_f64() / quiet.as_secs_f64();
    for attack in &it.attacks {
        let what = format!("vote, check beside 2,000 connections ({}); p99 against quiet (at most)", attack.name);
        let (vote, check) = (attack.vote_p99, attack.check_p99);
        let most = ratio(vote, quiet.0).max(ratio(check, quiet.1));
        print(&what, &format!("{vote:.1?}, {check:.1?} against {:.1?}, {:.1?}", quiet.0, quiet.1), Some((most, 5.0)));
    }
    let grown = it.attacks.iter().map(|attack| attack.grown).max().unwrap_or_default();
    let (kept, after) = it.kept;
    let what = "memory that this took at most, against 64 MiB (at most)";
    let figure = format!("{} MiB; {} MiB {after:.0?} after it", grown >> 20, kept >> 20);
    print(what, &figure, Some((grown as f64 / f64::from(64 << 20), 1.0)));
}

/// Prints a line; ends quietly when nobody reads any more.
fn show(text: std::fmt::Arguments<'_>) {
    match output::line(text) {
        Ok(()) => {}
        Err(error) if error.is_closed() => std::process::exit(output::CLOSED.into()),
        Err(error) => panic!("{error}"),
    }
}

/// What a check and a start cost with many decisions on record. The targets are those for five million.
fn million_lines(decisions: u64) {
    let it = millions::measure(decisions);
    let what = format!("POST /v1/check with {decisions} decisions on record; against an empty node");
    print(&what, &format!("{:.0} B read for each", it.read_bytes), Some((it.throughput, 0.83)));
    let [full, empty] = it.processor_each;
    let what = "of that, the node's processor time for each, against the empty node's (at most)";
    print(what, &format!("{full:.1?} against {empty:.1?}"), Some((it.processor, 1.2)));
    let what = "retention of one decision of these, 256 a step";
    print(what, &format!("{:.1?}", it.retention), None);
    let what = "its first durable answer after it was killed and started again, against 2 s (at most)";
    print(what, &format!("{:.2?}", it.first_answer), Some((it.first_answer.as_secs_f64() / 2.0, 1.0)));
}

/// A line of the table, as soon as it is known: what, the figure, and its ratio with the target.
fn print(what: &str, figure: &str, ratio: Option<(f64, f64)>) {
    match ratio {
        Some((ratio, target)) => show(format_args!("{what:84} {figure:>44} {ratio:>7.2} {target:>7.2}")),
        None => show(format_args!("{what:84} {figure:>44}")),
    }
}

fn per_second(figure: f64) -> String {
    format!("{figure:.0}/s")
}

/// Runs `work`, which does `count` things, and returns things per second.
fn rate(count: usize, work: impl FnOnce()) -> f64 {
    let start = std::time::Instant::now();
    work();
    f64::from(u32::try_from(count).unwrap()) / start.elapsed().as_secs_f64()
}

/// The median of several measurements.
fn median(mut measure: impl FnMut() -> f64) -> f64 {
    middle((0..5).map(|_| measure()).collect())
}

/// The least, the middle and the most.
fn spread(durations: impl Iterator<Item = Duration>) -> [Duration; 3] {
    let mut all: Vec<_> = durations.collect();
    all.sort();
    [all[0], all[all.len() / 2], all[all.len() - 1]]
}

/// What so many in a hundred are below; `sorted` is ascending and not empty.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[sorted.len() * percent / 100]
}

/// The middle one.
fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
