//! A random walk with restarts: what EigenTrust and PageRank have in common.

use crate::question::Question;

/// The walk ends when the changes in a step add up to no more than this.
const CHANGE_MAX: f64 = 1e-12;
/// It also ends after this many steps. With a restart of .1 the remaining change is then below 1e-13.
const STEPS_MAX: usize = 300;

/// The probabilities of a walker's position. At each step the walker restarts from one of the seeds with probability
/// `restart`. Otherwise it follows one of the links, with a probability proportional to the link's weight. From a voter
/// without links it goes back to the seeds. The probabilities add up to one.
pub(super) fn settle(question: &Question, links: &[(usize, usize, f64)], restart: f64) -> Vec<f64> {
    let mut at_start = vec![0.0; question.count];
    question.seeds.iter().for_each(|seed| at_start[*seed] = 1.0 / question.seeds.len() as f64);
    let mut out = vec![0.0; question.count];
    links.iter().for_each(|(from, _, weight)| out[*from] += weight);

    let mut here = at_start.clone();
    for _ in 0..STEPS_MAX {
        let lost: f64 = here.iter().zip(&out).filter(|(_, out)| **out == 0.0).map(|(share, _)| share).sum();
        let home = restart + (1.0 - restart) * lost;
        let mut next: Vec<f64> = at_start.iter().map(|start| home * start).collect();
        for (from, to, weight) in links {
            next[*to] += (1.0 - restart) * here[*from] * weight / out[*from];
        }
        let change: f64 = next.iter().zip(&here).map(|(next, here)| (next - here).abs()).sum();
        here = next;
        if change <= CHANGE_MAX {
            break;
        }
    }
    here
}
