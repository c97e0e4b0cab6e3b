//! Everything against one good subject.

use super::plot::Plot;
use super::{Attacker, Timing};

pub(super) const ATTACKER: Attacker = Attacker {
    name: "one-target",
    summary: "1000 identities behind 100 edges from random honest voters, all of them on one good subject",
    timing: Timing::AtTheEnd,
    plan: |scene, rng| {
        let (mut plot, ring, now) = Plot::ring(scene, rng, 1000);
        let one: Vec<_> = scene.targets().into_iter().take(1).collect();
        plot.vote_on_all(ring, &one, now);
        plot.attack()
    },
};
