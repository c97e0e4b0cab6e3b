//! EigenTrust: S. Kamvar, M. Schlosser and H. Garcia-Molina, *The EigenTrust Algorithm for Reputation Management in P2P
//! Networks*, WWW 2003, algorithm 2 with pre-trusted peers.
//!
//! Local trust is the value of a positive vote, normalised per voter (their equation 1). A voter that trusts nobody
//! trusts the pre-trusted peers (section 4.5); t = (1 − a) Cᵀt + a p. The seeds are the pre-trusted peers, with equal
//! shares. The paper leaves a open; it is .1 here. Negative votes are ignored.

use super::walk;
use crate::question::Question;

/// The share of trust that goes back to the pre-trusted at each step: a.
const RESTART: f64 = 0.1;

/// Scores in [0, 1] that add up to one.
pub fn scores(question: &Question) -> Vec<f64> {
    let votes = question.live_votes();
    let links: Vec<_> = votes.iter().filter(|row| row.value > 0).map(|row| (row.voter, row.subject, row.x())).collect();
    walk::settle(question, &links, RESTART)
}
