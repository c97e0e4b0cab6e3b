//! As flood, but the identities divide the targets among them, to stay within their budgets (R3).

use super::plot::{Plot, SHARE};
use super::{Attacker, Timing};

pub(super) const ATTACKER: Attacker = Attacker {
    name: "split",
    summary: "1000 identities behind 100 edges from random honest voters, each on ten of the targets",
    timing: Timing::AtTheEnd,
    plan: |scene, rng| {
        let (mut plot, ring, now) = Plot::ring(scene, rng, 1000);
        plot.vote_on_some(ring, &scene.targets(), SHARE, now);
        plot.attack()
    },
};
