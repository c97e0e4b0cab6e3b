//! Uses R4 against honest voters, without slander. Honest voters for good targets or against bad targets are
//! contradicted on subjects with few other votes, so that they look inconsistent and lose weight.

use std::collections::{BTreeMap, BTreeSet};

use super::elite::BEST;
use super::plot::{Plot, SHARE};
use super::{Attacker, Scene, Timing};

/// A subject has few votes if there are no more voters than this.
const THIN: usize = 2;

pub(super) const ATTACKER: Attacker = Attacker {
    name: "contradiction",
    summary: "20 identities behind 100 edges from the best connected contradict the targets' judges where the record is thin",
    timing: Timing::AtTheEnd,
    plan: |scene, rng| {
        let mut plot = Plot::new(scene, rng, 20);
        let (ring, now) = (plot.identities.clone(), scene.end_ms());
        let best = plot.best_connected(BEST);
        plot.edges(&best, ring.clone(), 100, now);
        let thin = thin_votes(scene);
        plot.vote_on_some(ring, &thin, SHARE, now);
        plot.attack()
    },
};

/// The opposite of every vote that such an honest voter cast on a subject with few votes.
fn thin_votes(scene: &Scene) -> Vec<(usize, i8)> {
    let aims: BTreeMap<usize, i8> = scene.targets().into_iter().collect();
    let honest: BTreeSet<usize> = scene.honest.iter().copied().collect();
    let in_the_way = |aim: &i8, value: i8| (*aim > 0) != (value > 0);
    let opposes = scene.votes.iter().filter(|row| aims.get(&row.subject).is_some_and(|aim| in_the_way(aim, row.value)));
    let victims: BTreeSet<usize> = opposes.map(|row| row.voter).filter(|voter| honest.contains(voter)).collect();
    let mut voters: BTreeMap<usize, usize> = BTreeMap::new();
    scene.votes.iter().for_each(|row| *voters.entry(row.subject).or_default() += 1);
    let thin = scene.votes.iter().filter(|row| victims.contains(&row.voter) && voters[&row.subject] <= THIN);
    let unaimed = thin.filter(|row| !aims.contains_key(&row.subject));
    unaimed.map(|row| (row.subject, if row.value > 0 { -100 } else { 100 })).collect()
}
