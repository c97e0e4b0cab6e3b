//! The seeds themselves vouch for false identities.

use super::plot::{Plot, SHARE};
use super::{Attacker, Timing};

const IDENTITIES: usize = 10;
/// Seeds that vouch for each identity.
const SEEDS_EACH: usize = 3;

pub(super) const ATTACKER: Attacker = Attacker {
    name: "vouched",
    summary: "ten identities, three seeds vouching for each, praising each other, each on ten of the targets",
    timing: Timing::AtTheEnd,
    plan: |scene, rng| {
        let mut plot = Plot::new(scene, rng, IDENTITIES);
        let (ring, now) = (plot.identities.clone(), scene.end_ms());
        for identity in ring.clone() {
            for seed in plot.draw(scene.seeds, SEEDS_EACH) {
                plot.edges(&[seed], identity..identity + 1, 1, now);
            }
        }
        plot.praise(ring.clone(), now);
        plot.vote_on_some(ring, &scene.targets(), SHARE, now);
        plot.attack()
    },
};
