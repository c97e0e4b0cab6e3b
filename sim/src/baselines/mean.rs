//! The mean of all votes about a subject, as in star ratings.

use crate::question::Question;

/// Scores in [−1, 1].
pub fn scores(question: &Question) -> Vec<f64> {
    let (mut sums, mut counts) = (vec![0.0; question.count], vec![0u32; question.count]);
    for row in question.live_votes() {
        sums[row.subject] += row.x();
        counts[row.subject] += 1;
    }
    sums.iter().zip(counts).map(|(sum, count)| if count == 0 { 0.0 } else { sum / f64::from(count) }).collect()
}
