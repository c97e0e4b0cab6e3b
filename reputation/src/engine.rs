//! One epoch: R1–R4 and R7 over a set of live votes. A pure function of its arguments.
//!
//! Works on dense identity numbers; sums are integers, so neither the order of votes nor threads can show in a result. All
//! passes over the votes go through them in tiles ([`crate::ballots`]), on the caller's threads ([`crate::threads`]).

use crate::ballots::{Activity, Ballots, by_stripe};
use crate::fixed::{ONE, Share};
use crate::parameters::Parameters;
use crate::r1_flow::{self, UNREACHED, seed_flow};
use crate::tally::{Tally, weight};
use crate::{r2_credibility, r3_budget, r4_consistency};

/// What an epoch found out about a voter from one viewpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// R1, [`r1_flow::FLOW_ONE`] for one.
    pub(crate) flow: u64,
    /// R2 with R3 and R4: the voter's weight.
    pub(crate) credibility: Share,
    /// R4.
    pub(crate) consistency: Share,
    /// Steps from the nearest seed, or [`UNREACHED`].
    pub(crate) hops: u8,
}

impl Standing {
    /// Of a voter that no epoch has seen: a seed has its weight, everybody else nothing.
    pub(crate) fn newcomer(seed: Option<u16>) -> Self {
        let (flow, hops, credibility) = match seed {
            Some(weight) => (seed_flow(weight), 0, r2_credibility::seed(weight)),
            None => (0, UNREACHED, 0),
        };
        Self { flow, hops, credibility, consistency: ONE }
    }
}

/// The tally of every subject, from what voters weigh; per number.
pub(crate) fn tallies(ballots: &Ballots<'_>, credibility: &[Share]) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); ballots.count()];
    by_stripe(&mut tallies, |stripe, tallies| {
        for (first, tile) in ballots.tiles.about(stripe) {
            let credibility = &credibility[first..];
            for cast in tile {
                let (credibility, tally) = (credibility[cast.voter()], &mut tallies[cast.subject()]);
                // Both, because a processor that has to guess which waits more often than it multiplies.
                tally.positive += weight(credibility, cast.ballot.praise());
                tally.negative += weight(credibility, cast.ballot.reproach());
                tally.voters += 1;
            }
        }
    });
    tallies
}

/// Computes an epoch from one viewpoint: what everybody weighs.
///
/// Steps: (1) the judges find out who is consistent and whom trust may enter (R4), (2) trust runs (R1), (3) each voter's
/// weight follows from what reached it (R2, R3).
pub(crate) fn run(ballots: &Ballots<'_>, activity: &[Activity], seeds: &[(u32, u16)], p: &Parameters) -> Vec<Standing> {
    let findings = r4_consistency::judge(ballots, activity, seeds, p);
    let start: Vec<(u32, u64)> = seeds.iter().map(|(id, weight)| (*id, seed_flow(*weight))).collect();
    let flow = r1_flow::flow(ballots, activity, &start, &findings.open, p);
    let standing = |id: usize| {
        let (flow, hops, consistency) = (flow.amount[id], flow.hops[id], findings.consistency[id]);
        let price = r3_budget::price(activity[id].cast, p.budget);
        Standing { flow, credibility: r2_credibility::credibility(flow, p.tau, price, consistency), consistency, hops }
    };
    let mut standings: Vec<Standing> = (0..ballots.count()).map(standing).collect();
    for (id, weight) in seeds {
        standings[*id as usize].credibility = r2_credibility::seed(*weight);
    }
    standings
}
