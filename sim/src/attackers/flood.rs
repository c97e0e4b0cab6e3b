//! A thousand false identities behind a hundred edges; every one of them votes on every target.

use super::plot::Plot;
use super::{Attacker, Timing};

pub(super) const ATTACKER: Attacker = Attacker {
    name: "flood",
    summary: "1000 identities behind 100 edges from random honest voters, all of them on every target",
    timing: Timing::AtTheEnd,
    plan: |scene, rng| {
        let (mut plot, ring, now) = Plot::ring(scene, rng, 1000);
        plot.vote_on_all(ring, &scene.targets(), now);
        plot.attack()
    },
};
