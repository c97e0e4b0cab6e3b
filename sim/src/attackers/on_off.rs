//! Earns trust, betrays it, earns it again, and betrays it again.

use rand::RngExt;

use super::plot::{Plot, SHARE};
use super::{Attacker, Timing};

/// When edges are won, when true votes are cast, and when the behaviour changes; in per cent of all votes.
const EDGES: std::ops::Range<usize> = 30..60;
const TRUTH: std::ops::Range<usize> = 40..70;
const TURNS: [(usize, Turn); 5] =
    [(70, Turn::Betray), (78, Turn::Mend), (86, Turn::Betray), (92, Turn::Mend), (97, Turn::Betray)];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Betray,
    Mend,
}

pub(super) const ATTACKER: Attacker = Attacker {
    name: "on-off",
    summary: "100 identities earn 100 edges with true votes, then slander ten targets each, mend that, slander again",
    timing: Timing::OverTime,
    plan: |scene, rng| {
        let mut plot = Plot::new(scene, rng, 100);
        let ring = plot.identities.clone();
        for _ in 0..100 {
            let at_ms = scene.at_ms(plot.rng.random_range(EDGES));
            plot.edges(scene.honest, ring.clone(), 1, at_ms);
        }
        let (known, targets) = (plot.established(), scene.targets());
        for identity in ring {
            for (subject, value) in plot.draw(&known, SHARE) {
                let at_ms = scene.at_ms(plot.rng.random_range(TRUTH));
                plot.vote(identity, subject, value, at_ms);
            }
            let aims = plot.draw(&targets, SHARE);
            for (percent, turn) in TURNS {
                for (subject, value) in &aims {
                    let value = if turn == Turn::Betray { *value } else { -value / 2 };
                    plot.vote(identity, *subject, value, scene.at_ms(percent));
                }
            }
        }
        plot.attack()
    },
};
