//! Turns R4 against the honest: nobody is slandered; whoever speaks for the good targets or against the bad ones is
//! contradicted where hardly anybody else has voted, so that those voters look inconsistent and their word is lost.

use std::collections::{BTreeMap, BTreeSet};

use super::elite::BEST;
use super::plot::{Plot, SHARE};
use super::{Attacker, Scene, Timing};

/// A record is thin while no more than this many have voted.
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

/// The opposite of every vote on a thin record by an honest voter who stands in the way.
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
