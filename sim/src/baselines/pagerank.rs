//! Personalised PageRank: L. Page, S. Brin, R. Motwani and T. Winograd, *The PageRank Citation Ranking: Bringing Order
//! to the Web*, Stanford 1999, section 6.
//!
//! Every positive vote is a link, whatever its value; the walk restarts from the seeds with probability .15, and also
//! from voters without links. Negative votes are ignored.

use super::walk;
use crate::question::Question;

/// One minus the damping factor.
const RESTART: f64 = 0.15;

/// Scores in [0, 1] that add up to one.
pub fn scores(question: &Question) -> Vec<f64> {
    let votes = question.live_votes();
    let links: Vec<_> = votes.iter().filter(|row| row.value > 0).map(|row| (row.voter, row.subject, 1.0)).collect();
    walk::settle(question, &links, RESTART)
}
