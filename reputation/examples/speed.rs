//! Times of the engine on this machine: an epoch on Bitcoin OTC, look-ups and votes at a million subjects.
//!
//! `cargo run --release -p ostrakon-reputation --example speed` (OTC needs `../shared/data` or `OSTRAKON_DATA`).

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use ostrakon_ledger::{Category, Digest, PeerName, RecordId, Subject, Vote};
use ostrakon_reputation::{Book, Event, Parameters, Viewpoint};

const AT_MS: u64 = 1_750_000_000_000;

fn peer(i: usize) -> PeerName {
    PeerName::parse(&format!("peer-{i}.example.org")).expect("a valid name")
}

fn voted(index: u64, voter: usize, about: usize, value: i8) -> Event {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&index.to_be_bytes());
    let vote = Vote {
        subject: Subject::Peer(peer(about)),
        value,
        category: Category::Vouch,
        cast_at_ms: AT_MS,
        expires_at_ms: 0,
        detector: Digest::ZERO,
        derived_from: Vec::new(),
        commitment: Digest::ZERO,
    };
    Event::Voted { index, at_ms: AT_MS, id: RecordId(id), voter: peer(voter), vote }
}

fn book(seeds: usize) -> Book {
    let seeds: BTreeMap<PeerName, u16> = (1..=seeds).map(|i| (peer(i), 1000)).collect();
    Book::new(Parameters::default(), Viewpoint { name: "own".to_owned(), seeds })
}

/// A cheap, well-mixed sequence (SplitMix64).
fn mixed(i: u64) -> u64 {
    let mut z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn timed<T>(what: &str, times: u64, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    println!(
        "{what}: {:.3} µs each, {:?} in all",
        started.elapsed().as_secs_f64() * 1e6 / times as f64,
        started.elapsed()
    );
    result
}

fn otc() -> Option<Vec<Event>> {
    let folder = std::env::var_os("OSTRAKON_DATA").map_or("../shared/data".into(), PathBuf::from);
    let text = std::fs::read_to_string(folder.join("bitcoin-otc/soc-sign-bitcoinotc.csv")).ok()?;
    let event = |(index, line): (u64, &str)| {
        let numbers: Vec<f64> = line.split(',').filter_map(|field| field.parse().ok()).collect();
        voted(index, numbers[0] as usize, numbers[1] as usize, numbers[2] as i8 * 10)
    };
    Some((0..).zip(text.lines()).map(event).collect())
}

fn main() {
    match otc() {
        None => println!("Bitcoin OTC is missing: no epoch on it"),
        Some(events) => {
            let mut book = book(60);
            timed(&format!("OTC, {} votes one by one with every epoch", events.len()), events.len() as u64, || {
                events.iter().for_each(|event| book.apply(event));
            });
            timed("OTC, one epoch", 1, || book.close_epoch());
        }
    }
    let (peers, votes) = (1_000_000u64, 2_000_000u64);
    let event = |i: u64| {
        let about = if i < peers { i } else { mixed(i) % peers };
        // Squared, so that some vote and are voted on much more than others.
        let voter = (mixed(i + votes) % peers).pow(2) / peers;
        voted(i, voter as usize, about as usize, if mixed(!i).is_multiple_of(5) { -80 } else { 90 })
    };
    let events: Vec<Event> = (0..votes).map(event).collect();
    let mut book = book(100);
    timed("1 M subjects, 2 M votes at once", votes, || book.apply_all(&events));
    timed("1 M subjects, one epoch", 1, || book.close_epoch());
    let fresh: Vec<Event> = (votes..votes + 20_000)
        .map(|i| voted(i, (mixed(i) % peers) as usize, (mixed(!i) % peers) as usize, 50))
        .collect();
    let mut worst = 0.0f64;
    timed("1 M subjects, one vote", fresh.len() as u64, || {
        for event in &fresh {
            let started = Instant::now();
            book.apply(event);
            worst = worst.max(started.elapsed().as_secs_f64());
        }
    });
    println!("   slowest of them {:.1} µs", worst * 1e6);
    timed("1 M subjects, one vote with a snapshot after it", fresh.len() as u64 / 2, || {
        for i in 0..fresh.len() as u64 / 2 {
            book.apply(&voted(votes + 20_000 + i, (mixed(i) % peers) as usize, (mixed(!i) % peers) as usize, 50));
            black_box(book.snapshot());
        }
    });
    let snapshot = book.snapshot();
    let subjects: Vec<Subject> = (0..1_000_000).map(|i| Subject::Peer(peer((mixed(i) % peers) as usize))).collect();
    timed("1 M subjects, one look-up, random", subjects.len() as u64, || {
        subjects.iter().map(|subject| i64::from(snapshot.score(subject, AT_MS).score)).sum::<i64>()
    });
    timed("explain", 1_000, || {
        subjects[..1_000].iter().for_each(|subject| drop(black_box(book.explain(subject, AT_MS))))
    });
}
