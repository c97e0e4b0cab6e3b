//! The Sybil bound: identities behind attack edges that carry flow φ weigh at most φ(1−α)/(ατ) together.

#[path = "common/events.rs"]
mod events;

use std::collections::BTreeMap;

use events::*;
use ostrakon_reputation::{Book, Parameters};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct World {
    honest: usize,
    sybils: usize,
    /// Voter, subject, value; numbers below `honest` are honest.
    votes: Vec<(usize, usize, i8)>,
}

fn worlds() -> impl Strategy<Value = World> {
    (3usize..12, 1usize..40).prop_flat_map(|(honest, sybils)| {
        let all = honest + sybils;
        let among_honest = prop::collection::vec((0..honest, 0..honest, -100i8..=100), 3..40);
        let attack = prop::collection::vec((0..honest, honest..all, 1i8..=100), 0..8);
        let by_sybils = prop::collection::vec((honest..all, 0..all, -100i8..=100), 0..120);
        (among_honest, attack, by_sybils).prop_map(move |(mut votes, attack, by_sybils)| {
            votes.extend(attack);
            votes.extend(by_sybils);
            votes.retain(|(voter, about, value)| voter != about && *value != 0);
            World { honest, sybils, votes }
        })
    })
}

fn name(i: usize) -> String {
    format!("n{i}.example")
}

fn folded(votes: &[(usize, usize, i8)]) -> Book {
    let mut book = book(None, &[("n0.example", 1000), ("n1.example", 500)]);
    let events: Vec<_> =
        (0..).zip(votes).map(|(i, (voter, about, x))| voted(i, START_MS, &name(*voter), &name(*about), *x)).collect();
    book.apply_all(&events);
    book.close_epoch();
    book
}

/// Flow in billionths and credibility in millionths.
fn trust(book: &Book, i: usize) -> (f64, f64) {
    let trust = book.trust(&peer(&name(i)));
    (trust.flow as f64 / 1e9, f64::from(trust.credibility) / 1e6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn however_many_they_are(world in worlds()) {
        let book = folded(&world.votes);
        // One live vote per pair: the last.
        let live: BTreeMap<(usize, usize), i8> = world.votes.iter().map(|(u, v, x)| ((*u, *v), *x)).collect();
        let phi: f64 = (0..world.honest)
            .map(|u| {
                let positive = |to_sybils: bool| -> f64 {
                    let mine = live.iter().filter(|((voter, v), x)| *voter == u && **x > 0 && (!to_sybils || *v >= world.honest));
                    mine.map(|(_, x)| f64::from(*x) / 100.0).sum()
                };
                trust(&book, u).0 * positive(true) / positive(false).max(3.0)
            })
            .sum();
        let weight: f64 = (world.honest..world.honest + world.sybils).map(|i| trust(&book, i).1).sum();
        let (alpha, tau) = (0.2, 0.014);
        prop_assert!(weight <= phi * (1.0 - alpha) / (alpha * tau) + 1e-4, "{weight} {phi}");
    }

    /// A voter who passes all its trust on to puppets gives them less than a full voter's worth each, and less than
    /// the bound together, whether there are three of them or three hundred.
    #[test]
    fn splitting_one_identity_gains_nothing(puppets in 1usize..300, edge in 1i8..=100) {
        let mut votes = vec![(0, 2, edge)];
        votes.extend((3..3 + puppets).map(|i| (2, i, 100)));
        votes.extend((2..3 + puppets).map(|i| (i, 1_000, -100)));
        let book = folded(&votes);
        let phi = f64::from(edge) / 100.0 / 3.0;
        let slander = book.snapshot().score(&subject(&name(1_000)), START_MS);
        let bound = phi * 0.8 / (0.2 * 0.014);
        prop_assert!(slander.negative_nv as f64 / 1e9 <= bound, "{slander:?} {bound}");
    }
}

#[test]
fn no_flow_no_weight() {
    // A thousand identities that praise each other and slander, without an edge from anybody trusted.
    let mut votes = vec![(0, 2, 100), (2, 5, 100)];
    votes.extend((100..1_100).flat_map(|i| [(i, 100 + (i + 1) % 1_000, 100), (i, 5, -100)]));
    let book = folded(&votes);
    let score = book.snapshot().score(&subject("n5.example"), START_MS);
    assert_eq!((score.positive_nv, score.negative_nv), (1_000_000_000, 0));
    assert_eq!(Parameters::default().tau, 14_000, "the bound above is stated for the reference form");
}
