//! Fairness and Goodness: S. Kumar, F. Spezzano, V. S. Subrahmanian and C. Faloutsos, *Edge Weight Prediction in
//! Weighted Signed Networks*, ICDM 2016, algorithm 1.
//!
//! g(v) is the mean over the votes about v of f(u) · x(u, v); f(u) is one less the mean over u's votes of |x(u, v) −
//! g(v)| / 2. Both begin at 1 and are computed in turn until neither changes. The algorithm has no trusted voters. A
//! subject without votes has goodness 0 here, because the paper's 1 would rank strangers above all others. A voter
//! without votes keeps fairness 1.

use crate::question::Question;
use crate::votes::Row;

/// The computation ends when no value changes by more than this: the paper's ε.
const CHANGE_MAX: f64 = 1e-9;
/// More rounds than the paper's bound allows: the error at least halves in each round (theorem 1).
const ROUNDS_MAX: usize = 64;

/// Goodness in [−1, 1].
pub fn scores(question: &Question) -> Vec<f64> {
    rounds(question).goodness
}

/// The result, and the changes on the way.
pub(super) struct Settled {
    pub(super) goodness: Vec<f64>,
    /// In [0, 1].
    #[cfg_attr(not(test), expect(dead_code, reason = "the score is goodness; the tests look at both"))]
    pub(super) fairness: Vec<f64>,
    /// The largest change of a round, round by round.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests look at it"))]
    pub(super) changes: Vec<f64>,
}

pub(super) fn rounds(question: &Question) -> Settled {
    let votes = question.live_votes();
    let count = |end: fn(&Row) -> usize| {
        let mut counts = vec![0.0; question.count];
        votes.iter().for_each(|row| counts[end(row)] += 1.0);
        counts
    };
    let (received, cast) = (count(|row| row.subject), count(|row| row.voter));
    let (mut goodness, mut fairness) = (vec![1.0; question.count], vec![1.0; question.count]);
    let mut changes = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let mut good = vec![0.0; question.count];
        votes.iter().for_each(|row| good[row.subject] += fairness[row.voter] * row.x() / received[row.subject]);
        let mut fair = vec![1.0; question.count];
        votes.iter().for_each(|row| fair[row.voter] -= (row.x() - good[row.subject]).abs() / 2.0 / cast[row.voter]);
        let apart =
            |old: &[f64], new: &[f64]| old.iter().zip(new).map(|(old, new)| (old - new).abs()).fold(0.0, f64::max);
        let change = apart(&goodness, &good).max(apart(&fairness, &fair));
        (goodness, fairness) = (good, fair);
        changes.push(change);
        if change <= CHANGE_MAX {
            break;
        }
    }
    Settled { goodness, fairness, changes }
}
