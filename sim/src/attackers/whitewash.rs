//! Returns under new names, which have lost no trust.

use super::plot::{Plot, SHARE};
use super::{Attacker, Timing};

const WAVES: usize = 10;
const WAVE: usize = 100;
/// Edges that each wave wins.
const EDGES: usize = 10;

pub(super) const ATTACKER: Attacker = Attacker {
    name: "whitewash",
    summary: "ten waves of 100 fresh identities, each behind 10 fresh edges, each identity on ten of the targets",
    timing: Timing::OverTime,
    plan: |scene, rng| {
        let mut plot = Plot::new(scene, rng, WAVES * WAVE);
        let targets = scene.targets();
        for wave in 0..WAVES {
            let first = scene.count + wave * WAVE;
            let (ring, percent) = (first..first + WAVE, 50 + 5 * wave);
            plot.edges(scene.honest, ring.clone(), EDGES, scene.at_ms(percent));
            plot.praise(ring.clone(), scene.at_ms(percent));
            plot.vote_on_some(ring, &targets, SHARE, scene.at_ms(percent + 1));
        }
        plot.attack()
    },
};
