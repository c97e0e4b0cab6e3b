//! Edges from the best connected voters.

use super::plot::{Plot, SHARE};
use super::{Attacker, Timing};

/// How many voters count as the best connected.
pub(super) const BEST: usize = 200;

pub(super) const ATTACKER: Attacker = Attacker {
    name: "elite",
    summary: "as split, with the 100 edges from the 200 best-connected honest voters",
    timing: Timing::AtTheEnd,
    plan: |scene, rng| {
        let mut plot = Plot::new(scene, rng, 1000);
        let (ring, now) = (plot.identities.clone(), scene.end_ms());
        let best = plot.best_connected(BEST);
        plot.edges(&best, ring.clone(), 100, now);
        plot.praise(ring.clone(), now);
        plot.vote_on_some(ring, &scene.targets(), SHARE, now);
        plot.attack()
    },
};
