//! The bytes do not depend on the number of threads that compute an epoch, or on other epochs computed at the same
//! time.
#![allow(clippy::unwrap_used)]

#[path = "common/events.rs"]
mod events;

use events::*;
use ostrakon_ledger::Category;
use ostrakon_reputation::{Book, Event};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Enough peers that every thread gets some of them.
const PEERS: u64 = 60_000;
const VOTES: u64 = 150_000;

fn mixed(i: u64) -> u64 {
    let z = (i ^ i >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// Few peers vote much, so trust reaches most peers within some steps. One vote in six is bad.
fn ledger() -> Vec<Event> {
    let name = |random: u64| format!("p{}.example", (random % PEERS) * (random >> 32) % PEERS);
    (0..VOTES)
        .map(|index| {
            let random = mixed(index + 1);
            let (voter, about) = (name(random), name(mixed(random)));
            let value = if random.is_multiple_of(6) { -80 } else { 60 };
            let vote = vote(subject(&about), value, START_MS, 0, Category::ALL[(random % 3) as usize]);
            Event::Voted { index, at_ms: START_MS, id: record_id(index), voter: peer(&voter), vote }
        })
        .collect()
}

fn folded(events: &[Event]) -> Book {
    let mut book = book(Some(9 * HOUR_MS), &SEEDS);
    book.watch([Category::Spam]);
    book.apply_all(events);
    book.close_epoch();
    book
}

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

#[test]
fn the_number_of_threads_does_not_show() {
    let events = ledger();
    let alone = pool(1).install(|| folded(&events)).to_bytes();
    let trusted = folded(&events).trust(&peer("p0.example"));
    assert!(trusted.credibility > 0, "the ledger is about something: {trusted:?}");
    for threads in [2, 3, 8] {
        assert!(pool(threads).install(|| folded(&events)).to_bytes() == alone, "{threads} threads");
    }
}

#[test]
fn books_computed_at_once_are_the_books_computed_one_by_one() {
    let events = ledger();
    let alone = folded(&events).to_bytes();
    let shared = pool(2);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..4).map(|_| scope.spawn(|| shared.install(|| folded(&events).to_bytes()))).collect();
        assert!(running.into_iter().all(|book| book.join().unwrap() == alone));
    });
}
