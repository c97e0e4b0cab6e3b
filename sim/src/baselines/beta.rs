//! Beta reputation: A. Jøsang and R. Ismail, *The Beta Reputation System*, Bled eCommerce Conference 2002.
//!
//! The expectation of the beta distribution after r positive and s negative units of experience, scaled to [−1, 1]:
//! (r − s) / (r + s + 2) (their equation 5). All voters have the same weight.

use crate::question::Question;

/// Scores in (−1, 1).
pub fn scores(question: &Question) -> Vec<f64> {
    let (mut good, mut bad) = (vec![0.0; question.count], vec![0.0; question.count]);
    for row in question.live_votes() {
        if row.value > 0 { good[row.subject] += row.x() } else { bad[row.subject] -= row.x() }
    }
    good.iter().zip(bad).map(|(r, s)| (r - s) / (r + s + 2.0)).collect()
}
