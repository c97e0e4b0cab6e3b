//! Small cases computed by hand, and properties that the papers prove.

use super::{agreement, beta, eigentrust, fairness_goodness, mean, pagerank};
use crate::algorithm::Algorithm;
use crate::question::Question;
use crate::votes::Row;

/// Votes as (voter, subject, hundredths).
fn rows(votes: &[(usize, usize, i8)]) -> Vec<Row> {
    (0..)
        .zip(votes)
        .map(|(time_ms, (voter, subject, value))| Row { voter: *voter, subject: *subject, value: *value, time_ms })
        .collect()
}

#[track_caller]
fn check(algorithm: fn(&Question) -> Vec<f64>, seeds: &[usize], votes: &[(usize, usize, i8)], want: &[f64]) {
    let votes = rows(votes);
    let got = algorithm(&Question { votes: &votes, seeds, count: want.len() });
    let near = got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-9);
    assert!(near, "got {got:?}, want {want:?}");
}

/// A random graph: 40 people, 300 votes.
fn tangle() -> Vec<Row> {
    let votes: Vec<_> = (0..300usize)
        .map(|i| (i * 7 % 40, (i * i * 11 + 3) % 40, if i % 3 == 0 { -60 } else { 10 + (i % 90) as i8 }))
        .collect();
    rows(&votes)
}

#[test]
fn mean_is_the_mean() {
    check(mean::scores, &[], &[(0, 1, 100), (2, 1, -50), (0, 2, -10)], &[0.0, 0.25, -0.1]);
}

#[test]
fn beta_by_hand() {
    // 1: r = 1.5, s = .5: 1/4. 2: s = 1: −1/3.
    check(beta::scores, &[], &[(0, 1, 100), (2, 1, 50), (3, 1, -50), (0, 2, -100)], &[0.0, 0.25, -1.0 / 3.0, 0.0]);
}

#[test]
fn the_last_vote_of_a_pair_counts_and_none_about_oneself() {
    let votes = [(0, 1, -100), (0, 1, 50), (1, 1, 100)];
    check(mean::scores, &[0], &votes, &[0.0, 0.5]);
    check(beta::scores, &[0], &votes, &[0.0, 0.2]);
    check(agreement::scores, &[0], &votes, &[0.0, 0.5]);
    check(eigentrust::scores, &[0], &votes, &[1.0 / 1.9, 0.9 / 1.9]);
}

#[test]
fn agreement_by_hand() {
    // 0 is the seed. 1 contradicts it on one of its two votes, the other is on something the seed does not know: a − d
    // = −1/2, confidence 1 − tanh(1/2). 2 agrees and has confidence 1.
    let votes = [(0, 3, 100), (1, 3, -100), (2, 3, 100), (1, 4, 80), (2, 4, -40)];
    let left = 1.0 - 0.5f64.tanh();
    let third = (1.0 + 1.0 - left) / (2.0 + left);
    let fourth = (0.8 * left - 0.4) / (1.0 + left);
    check(agreement::scores, &[0], &votes, &[0.0, 0.0, 0.0, third, fourth]);
}

#[test]
fn agreement_throws_outliers_out() {
    let mut votes: Vec<(usize, usize, i8)> = (1..=20).map(|voter| (voter, 0, 50)).collect();
    votes.push((21, 0, -100));
    let mut want = [0.0; 22];
    // Mean .4286, deviation √(.102 · 21/20) = .327: the −1 is 4.4 of them away.
    want[0] = 0.5;
    check(agreement::scores, &[], &votes, &want);
}

#[test]
fn eigentrust_by_hand() {
    // One pre-trusted; it trusts 1 and 2 as 3 : 1, they trust nobody and send it back. t₀ = .1 + .9 · (t₁ + t₂), t₁ +
    // t₂ = .9 t₀.
    let home = 1.0 / 1.9;
    check(
        eigentrust::scores,
        &[0],
        &[(0, 1, 75), (0, 2, 25), (0, 3, -100), (3, 1, -100)],
        &[home, 0.9 * 0.75 * home, 0.9 * 0.25 * home, 0.0],
    );
}

#[test]
fn pagerank_by_hand() {
    // The same with links that count alike and a restart of .15.
    let home = 1.0 / 1.85;
    check(pagerank::scores, &[0], &[(0, 1, 75), (0, 2, 25)], &[home, 0.85 * 0.5 * home, 0.85 * 0.5 * home]);
}

#[test]
fn walks_add_up_to_one() {
    let votes = tangle();
    let question = Question { votes: &votes, seeds: &[3, 5], count: 40 };
    for algorithm in [Algorithm::Eigentrust, Algorithm::Pagerank] {
        let scores = algorithm.scores(&question);
        assert!(
            (scores.iter().sum::<f64>() - 1.0).abs() < 1e-9 && scores.iter().all(|score| *score >= 0.0),
            "{scores:?}"
        );
    }
}

#[test]
fn fairness_goodness_by_hand() {
    // Two voters who disagree on 2 about as much as they can: g = (f₀ − f₁)/2; by symmetry f₀ = f₁ = f, g = 0, f = 1/2.
    let votes = rows(&[(0, 2, 100), (1, 2, -100)]);
    let settled = fairness_goodness::rounds(&Question { votes: &votes, seeds: &[], count: 3 });
    assert!(settled.goodness[2].abs() < 1e-9 && (settled.fairness[0] - 0.5).abs() < 1e-9);
    // One voter, one vote of x: f = 1 − |x − f·x|/2 = 1 − |x|(1 − f)/2, so f = 1 and g = x.
    check(fairness_goodness::scores, &[], &[(0, 1, -40)], &[0.0, -0.4]);
}

#[test]
fn fairness_goodness_settles_as_the_paper_says() {
    let votes = tangle();
    let settled = fairness_goodness::rounds(&Question { votes: &votes, seeds: &[], count: 40 });
    assert!(
        settled.goodness.iter().all(|g| (-1.0..=1.0).contains(g))
            && settled.fairness.iter().all(|f| (0.0..=1.0).contains(f))
    );
    // Theorem 1: the error after t rounds is below 2^−t; two consecutive rounds are at most twice that apart.
    for (round, change) in settled.changes.iter().enumerate().skip(1) {
        assert!(*change <= 0.5f64.powi(round as i32 - 1), "round {round}: {change}");
    }
    assert!(*settled.changes.last().unwrap() <= 1e-9);
}

#[test]
fn strangers_weigh_nothing_but_where_everybody_counts_alike() {
    // A seed praises 1; five hundred identities nobody knows slander it.
    let mut votes = vec![(0, 1, 100)];
    votes.extend((2..502).map(|sybil| (sybil, 1, -100)));
    let votes = rows(&votes);
    let question = Question { votes: &votes, seeds: &[0], count: 502 };
    for algorithm in Algorithm::ALL {
        let score = algorithm.scores(&question)[1];
        let moved =
            matches!(algorithm, Algorithm::Mean | Algorithm::Beta | Algorithm::Agreement | Algorithm::FairnessGoodness);
        assert_eq!(score < 0.0, moved, "{algorithm}: {score}");
    }
}
