//! As many edges for fewer identities, so that each is trusted more.

use super::plot::Plot;
use super::{Attacker, Timing};

pub(super) const ATTACKER: Attacker = Attacker {
    name: "few-strong",
    summary: "20 identities behind 100 edges from random honest voters, all of them on every target",
    timing: Timing::AtTheEnd,
    plan: |scene, rng| {
        let (mut plot, ring, now) = Plot::ring(scene, rng, 20);
        plot.vote_on_all(ring, &scene.targets(), now);
        plot.attack()
    },
};
