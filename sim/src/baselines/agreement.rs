//! Agreement weighting as in pygossip (Stuart Gathman, 2005–2007, the reputation service of pymilter).
//!
//! There, a node keeps the last hundred occasions on which a peer and it had an opinion on the same sender: agreed,
//! disagreed, or unsure. The peer's own reputation is 200 · (1 / (1 + e^(−2·(a − d))) − ½) = 100 · tanh(a − d), where a
//! and d are the shares of agreement and disagreement. A negative reputation reduces the confidence in the peer's
//! opinions by that share; a positive reputation adds nothing. Opinions are averaged by confidence, without those that
//! are more than three weighted standard deviations from the mean.
//!
//! Here, the seeds' votes together are the node's own opinion, with one unit of confidence each; any other vote has one
//! before the reduction. Occasions are the peer's votes, and the node's opinion is the one it has in the end, which is
//! better for the peers than what it would have been at the time.

use std::collections::VecDeque;

use crate::question::Question;

/// Occasions remembered per peer (pygossip's `MAX_PEER_OBS`).
const OCCASIONS_MAX: usize = 100;
/// Outliers are further than this many standard deviations from the mean.
const DEVIATIONS_MAX: f64 = 3.0;

/// Scores in [−1, 1].
pub fn scores(question: &Question) -> Vec<f64> {
    let votes = question.live_votes();
    let mut seed = vec![false; question.count];
    question.seeds.iter().for_each(|number| seed[*number] = true);

    let mut own = vec![(0.0, 0.0); question.count];
    for row in votes.iter().filter(|row| seed[row.voter]) {
        let (sum, count) = &mut own[row.subject];
        *sum += row.x();
        *count += 1.0;
    }

    let mut occasions: Vec<VecDeque<i8>> = vec![VecDeque::new(); question.count];
    for row in votes.iter().filter(|row| !seed[row.voter]) {
        let (own, _) = own[row.subject];
        let same = (own * row.x()).partial_cmp(&0.0).map_or(0, |order| order as i8);
        let of_peer = &mut occasions[row.voter];
        if of_peer.len() == OCCASIONS_MAX {
            of_peer.pop_front();
        }
        of_peer.push_back(same);
    }
    let confidence: Vec<f64> = occasions.iter().map(|of_peer| 1.0 + agreement(of_peer).min(0.0)).collect();

    let mut opinions: Vec<Vec<(f64, f64)>> = vec![Vec::new(); question.count];
    for (of_subject, (sum, count)) in opinions.iter_mut().zip(own) {
        if count > 0.0 {
            of_subject.push((sum / count, count));
        }
    }
    for row in votes.iter().filter(|row| !seed[row.voter]) {
        opinions[row.subject].push((row.x(), confidence[row.voter]));
    }
    opinions.iter().map(|of_subject| aggregate(of_subject)).collect()
}

/// A peer's reputation in (−1, 1).
fn agreement(occasions: &VecDeque<i8>) -> f64 {
    if occasions.is_empty() {
        return 0.0;
    }
    let agreed_less_disagreed: i32 = occasions.iter().map(|same| i32::from(*same)).sum();
    (f64::from(agreed_less_disagreed) / occasions.len() as f64).tanh()
}

/// The mean of opinions, weighted by confidence, without outliers; 0 if there are none.
fn aggregate(opinions: &[(f64, f64)]) -> f64 {
    let Some((mean, variance)) = weighted(opinions) else { return 0.0 };
    if opinions.len() < 2 || variance <= 0.0 {
        return mean;
    }
    let n = opinions.len() as f64;
    let deviation = (variance * n / (n - 1.0)).sqrt();
    let kept: Vec<_> =
        opinions.iter().copied().filter(|(value, _)| (value - mean).abs() <= DEVIATIONS_MAX * deviation).collect();
    weighted(&kept).map_or(mean, |(mean, _)| mean)
}

/// The weighted mean and variance; unweighted if all weights are 0.
fn weighted(opinions: &[(f64, f64)]) -> Option<(f64, f64)> {
    let weights: f64 = opinions.iter().map(|(_, weight)| weight).sum();
    if opinions.is_empty() {
        return None;
    }
    if weights <= 0.0 {
        return weighted(&opinions.iter().map(|(value, _)| (*value, 1.0)).collect::<Vec<_>>());
    }
    let mean = opinions.iter().map(|(value, weight)| value * weight).sum::<f64>() / weights;
    let square = opinions.iter().map(|(value, weight)| value * value * weight).sum::<f64>() / weights;
    Some((mean, square - mean * mean))
}
