//! `make bench`: one table of ratios, each against something measured in the same run, on a machine it describes.
//!
//! Figures in events per second move with the machine; the ratios are what is held against the targets.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod decisions;
mod http;
mod ingest;
mod machine;
mod signatures;

/// As the node has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("echo") => return http::echo(),
        Some("http") => return http_lines(),
        _ => {}
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{}\n", machine::describe(cores));
    println!("{:84} {:>44} {:>7} {:>7}", "what", "measured", "ratio", "target");
    let per_core = signatures::per_core();
    print("verify_strict, one core", &per_second(per_core), None);
    print("verify_strict, all cores at once", &per_second(signatures::all_cores()), None);
    let ideal = per_core * f64::from(u32::try_from(cores).unwrap());
    let ingested = ingest::votes_per_second();
    let what = "votes ingested: parsed, verified, sequenced, synced; against cores × verify_strict";
    print(what, &per_second(ingested), Some((ingested / ideal, 0.6)));
    let decided = decisions::per_second();
    let what = "decisions in process, one core: subjects, scores, limits, rules; against 150,000/s";
    print(what, &per_second(decided), Some((decided / 150_000.0, 1.0)));
    http_lines();
}

fn http_lines() {
    let (checks, echoes) = http::checks_and_echoes();
    print("bare warp JSON echo", &echoes.to_string(), None);
    let ratio = checks.per_second / echoes.per_second;
    print("POST /v1/check, durable; against the echo", &checks.to_string(), Some((ratio, 0.5)));
}

/// A line of the table, as soon as it is known: what, the figure, and its ratio with the target.
fn print(what: &str, figure: &str, ratio: Option<(f64, f64)>) {
    match ratio {
        Some((ratio, target)) => println!("{what:84} {figure:>44} {ratio:>7.2} {target:>7.2}"),
        None => println!("{what:84} {figure:>44}"),
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
    let mut figures: Vec<_> = (0..5).map(|_| measure()).collect();
    figures.sort_by(f64::total_cmp);
    figures[2]
}
