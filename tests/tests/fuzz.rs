//! A short run of every fuzz target: its seeds, their mutations, and noise. `OSTRAKON_FUZZ_SECONDS` makes it a long one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fuzz/connections.rs"]
mod connections;
#[path = "fuzz/targets.rs"]
mod targets;

use std::time::{Duration, Instant};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use targets::{TARGETS, Target};

/// How long each target is run at most, and at most how often, unless `OSTRAKON_FUZZ_SECONDS` says how long each is run.
const PATIENCE: Duration = Duration::from_secs(2);
const CASES: u32 = 20_000;

/// A change to an input.
#[derive(Debug, Clone)]
enum Change {
    Flip(prop::sample::Index, u8),
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    /// Copies a piece to another place.
    Repeat(prop::sample::Index, prop::sample::Index, usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let place = any::<prop::sample::Index>;
    // Bytes that formats are made of are likelier than others.
    let byte = || prop_oneof![3 => prop::sample::select(b"\n .,:+/=-\"{}[]0129aAx\0\xff".to_vec()), 1 => any::<u8>()];
    let change = prop_oneof![
        4 => (place(), 0..8u8).prop_map(|(at, bit)| Change::Flip(at, 1 << bit)),
        3 => (place(), byte()).prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => (place(), vec(byte(), 1..6)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        2 => (place(), 1..40usize).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => (place(), place(), 1..120usize).prop_map(|(from, to, count)| Change::Repeat(from, to, count)),
    ];
    vec(change, 0..4)
}

fn apply(input: &mut Vec<u8>, change: &Change) {
    let at = |index: &prop::sample::Index, input: &[u8]| index.index(input.len() + 1);
    match change {
        Change::Flip(index, mask) => {
            let at = at(index, input);
            input.get_mut(at).into_iter().for_each(|byte| *byte ^= mask);
        }
        Change::Set(index, value) => {
            let at = at(index, input);
            input.get_mut(at).into_iter().for_each(|byte| *byte = *value);
        }
        Change::Insert(index, bytes) => {
            let at = at(index, input);
            drop(input.splice(at..at, bytes.iter().copied()));
        }
        Change::Remove(index, count) => {
            let at = at(index, input);
            drop(input.drain(at..(at + count).min(input.len())));
        }
        Change::Repeat(from, to, count) => {
            let (from, to) = (at(from, input), at(to, input));
            let piece = input[from..(from + count).min(input.len())].to_vec();
            drop(input.splice(to..to, piece));
        }
    }
}

/// Runs `target` on `seeds`, their mutations and noise.
fn fuzz(name: &str, seeds: Vec<Vec<u8>>, target: impl Fn(&[u8])) {
    seeds.iter().for_each(|seed| target(seed));
    let mutated = (prop::sample::select(seeds), changes()).prop_map(|(mut input, changes)| {
        changes.iter().for_each(|change| apply(&mut input, change));
        input
    });
    let inputs = prop_oneof![9 => mutated, 1 => vec(any::<u8>(), 0..300)];
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let soak = std::env::var("OSTRAKON_FUZZ_SECONDS").ok().map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let (start, patience) = (Instant::now(), soak.unwrap_or(PATIENCE));
    loop {
        let outcome = TestRunner::new(config.clone()).run(&inputs, |input| {
            if start.elapsed() < patience {
                target(&input);
            }
            Ok::<(), TestCaseError>(())
        });
        if let Err(error) = outcome {
            panic!("{name}: {error}");
        }
        if soak.is_none() || start.elapsed() >= patience {
            return;
        }
    }
}

fn run(target: &Target) {
    fuzz(target.name, (target.seeds)(), target.run);
}

/// The listeners of a served node, through sockets.
#[test]
fn connections() {
    let node = connections::Node::new();
    fuzz("connections", connections::seeds(), |input| node.receive(input));
    node.end();
}

/// One test for each target, so that they run beside each other and fail by name.
macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(TARGETS.iter().find(|target| target.name == stringify!($name)).unwrap());
        })*

        #[test]
        fn every_target_has_a_test() {
            let tested = [$(stringify!($name)),*];
            assert_eq!(tested[..], TARGETS.iter().map(|target| target.name).collect::<Vec<_>>());
        }
    };
}

targets! {
    envelope payload entry note checkpoint vkey tile_path names archive message merkle receipt follower list proof running policy operations
}
