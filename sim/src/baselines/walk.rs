//! A random walk with restarts: what EigenTrust and PageRank have in common.

use crate::question::Question;

/// The walk has settled when no more than this changes in a step, summed over everybody …
const CHANGE_MAX: f64 = 1e-12;
/// … or after this many steps; with a restart of .1 what is left then is below 1e-13.
const STEPS_MAX: usize = 300;

/// Where a walker is found: at each step it restarts from one of the seeds with probability `restart`, otherwise it
/// follows one of the links by their share of all links' weights. Whoever has no link sends it back to the seeds. The
/// result adds up to one.
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
