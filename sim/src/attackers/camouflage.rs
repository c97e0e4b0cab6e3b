//! As split, but each identity casts as many true votes as false ones, to look consistent (R4).

use super::plot::{Plot, SHARE};
use super::{Attacker, Timing};

pub(super) const ATTACKER: Attacker = Attacker {
    name: "camouflage",
    summary: "as split, and each identity also votes as everybody does on ten well-known subjects",
    timing: Timing::AtTheEnd,
    plan: |scene, rng| {
        let (mut plot, ring, now) = Plot::ring(scene, rng, 1000);
        let known = plot.established();
        plot.vote_on_some(ring.clone(), &known, SHARE, now);
        plot.vote_on_some(ring, &scene.targets(), SHARE, now);
        plot.attack()
    },
};
