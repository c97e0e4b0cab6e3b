//! A thousand edges: each of the best connected honest voters errs five times.

use super::elite::BEST;
use super::plot::{Plot, SHARE};
use super::{Attacker, Timing};

/// Edges from each of the best connected voters.
const EDGES_EACH: usize = 5;

pub(super) const ATTACKER: Attacker = Attacker {
    name: "thousand-edges",
    summary: "as split, with 1000 edges: five from each of the 200 best-connected honest voters",
    timing: Timing::AtTheEnd,
    plan: |scene, rng| {
        let mut plot = Plot::new(scene, rng, 1000);
        let (ring, now) = (plot.identities.clone(), scene.end_ms());
        for voter in plot.best_connected(BEST) {
            plot.edges(&[voter], ring.clone(), EDGES_EACH, now);
        }
        plot.praise(ring.clone(), now);
        plot.vote_on_some(ring, &scene.targets(), SHARE, now);
        plot.attack()
    },
};
