//! One epoch: R1–R4 and R7 over a set of live votes. A pure function of its arguments.
//!
//! All sums are integers, so the result depends neither on the order of votes nor on the number of threads. Every pass
//! over the votes goes through them in tiles ([`crate::ballots`]), on the caller's threads ([`crate::threads`]).

use crate::ballots::{Activity, Ballots, by_stripe};
use crate::fixed::{Fraction, ONE};
use crate::parameters::Parameters;
use crate::r1_flow::{self, Seed, UNREACHED, seed_flow};
use crate::tally::{Tally, weight};
use crate::{r2_credibility, r3_budget, r4_consistency};

/// What an epoch found out about a voter from one viewpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VoterTrust {
    /// R1, [`r1_flow::FLOW_ONE`] for one.
    pub(crate) flow: u64,
    /// R2 with R3 and R4: the voter's weight.
    pub(crate) credibility: Fraction,
    /// R4.
    pub(crate) consistency: Fraction,
    /// Steps from the nearest seed, or [`UNREACHED`].
    pub(crate) hops: u8,
}

impl VoterTrust {
    /// A voter that no epoch has seen yet. A seed has its weight, every other voter has none.
    pub(crate) fn newcomer(seed: Option<u16>) -> Self {
        let (flow, hops, credibility) = match seed {
            Some(weight) => (seed_flow(weight), 0, r2_credibility::seed(weight)),
            None => (0, UNREACHED, 0),
        };
        Self { flow, hops, credibility, consistency: ONE }
    }
}

/// The tally of every subject, one value per name; `credibility` is one value per voter.
pub(crate) fn tallies(ballots: &Ballots<'_>, credibility: &[Fraction]) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); ballots.count()];
    by_stripe(&mut tallies, |stripe, tallies| {
        for (first, tile) in ballots.tiles.about(stripe) {
            let credibility = &credibility[first..];
            for cast in tile {
                let (credibility, tally) = (credibility[cast.voter_offset()], &mut tallies[cast.subject_offset()]);
                // Both sums, because a branch that is predicted wrongly costs more than a multiplication.
                tally.positive += weight(credibility, cast.ballot.praise());
                tally.negative += weight(credibility, cast.ballot.reproach());
                tally.voters += 1;
            }
        }
    });
    tallies
}

/// Computes an epoch from one viewpoint: the weight of every voter.
///
/// Steps: (1) the judges find out which voters are consistent and which are open to trust (R4), (2) trust flows (R1),
/// (3) each voter's weight follows from the trust that reached it (R2, R3).
pub(crate) fn run(ballots: &Ballots<'_>, activity: &[Activity], seeds: &[Seed], p: &Parameters) -> Vec<VoterTrust> {
    let findings = r4_consistency::judge(ballots, activity, seeds, p);
    let flow = r1_flow::flow(ballots, activity, seeds, &findings.open, p);
    let trust = |id: usize| {
        let (flow, hops, consistency) = (flow.amount[id], flow.hops[id], findings.consistency[id]);
        let price = r3_budget::price(activity[id].cast, p.budget);
        VoterTrust {
            flow,
            credibility: r2_credibility::credibility(flow, p.tau, price, consistency),
            consistency,
            hops,
        }
    };
    let mut trusts: Vec<VoterTrust> = (0..ballots.count()).map(trust).collect();
    for seed in seeds {
        trusts[seed.voter.index()].credibility = r2_credibility::seed(seed.weight);
    }
    trusts
}
