//! One epoch: R1–R4 and R7 over a set of live votes. A pure function of its arguments.
//!
//! Works on dense identity numbers; sums are integers, so neither the order of votes nor threads can show in a result. All
//! passes over the votes go through them in tiles ([`tiles`]), on the caller's threads ([`crate::threads`]).

mod ballot;
mod ballots;
mod tiles;

use crate::fixed::{MILLION, ONE, Share};
use crate::parameters::{Parameters, VOTE_NV};
use crate::r1_flow::{self, FLOW_ONE, UNREACHED};
use crate::{r2_credibility, r3_budget, r4_consistency};

pub(crate) use ballot::{Ballot, Said, X_PER_MILLIONTH, voice};
pub(crate) use ballots::{Activity, Ballots};
pub(crate) use tiles::{SPAN, Tiles, by_stripe};

/// What an epoch found out about a voter from one viewpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// R1, [`FLOW_ONE`] for one.
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

/// What the live votes about one subject add up to, at the epoch's reference time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// P: weight of the votes for it, in nano-votes.
    pub(crate) positive: u64,
    /// N: weight of the votes against it, in nano-votes.
    pub(crate) negative: u64,
    /// Voters with a live vote about it.
    pub(crate) voters: u32,
}

impl Tally {
    /// Adds a vote of value `x` and its weight.
    pub(crate) fn add(&mut self, x: i32, weight: u64) {
        *self.side(x) += weight;
        self.voters += 1;
    }

    /// Takes back what [`Tally::add`] added.
    pub(crate) fn remove(&mut self, x: i32, weight: u64) {
        *self.side(x) -= weight;
        self.voters -= 1;
    }

    fn side(&mut self, x: i32) -> &mut u64 {
        if x > 0 { &mut self.positive } else { &mut self.negative }
    }
}

/// Weight of one vote in nano-votes: credibility times |x| (10⁻⁸ votes, at most 4 · 10⁸).
pub(crate) fn weight(credibility: Share, x: u64) -> u64 {
    // 30, 29 and 4 bits.
    (u64::from(credibility) * x * (VOTE_NV / MILLION / X_PER_MILLIONTH)) >> 30
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

/// What a seed of a weight in thousandths starts with.
pub(crate) fn seed_flow(weight: u16) -> u64 {
    FLOW_ONE * u64::from(weight.min(1000)) / 1000
}
