//! Who judges: the seeds, and the peers that they vouch for themselves.

use super::Findings;
use crate::ballots::{Activity, BallotTiles, Ballots, SPAN};
use crate::bits::NumberSet;
use crate::fixed::{Fraction, from_millionths, ratio, times};
use crate::ids::VoterId;
use crate::parameters::Parameters;
use crate::r1_flow::Seed;
use crate::{r1_flow, r2_credibility};

/// The seeds and every peer that they vouch for.
pub(super) struct Judges {
    seeds: Vec<Seed>,
    /// The other judges, ascending.
    vouched: Vec<Vouched>,
}

/// A peer that seeds vouch for.
struct Vouched {
    voter: VoterId,
    /// The trust it gets from the seeds, as a fraction of all the trust they have to give.
    trust: Fraction,
}

impl Judges {
    /// One step of R1 from the seeds, with `w_c` for `w_min`.
    pub(super) fn new(ballots: &Ballots<'_>, activity: &[Activity], seeds: &[Seed], p: &Parameters) -> Self {
        let count = ballots.count();
        let mut passed = vec![0; count];
        for seed in seeds {
            let rate = r1_flow::rate(activity[seed.voter.index()].outflow, p.w_c, p);
            passed[seed.voter.index()] = r1_flow::passed_on(r1_flow::seed_flow(seed.weight), rate);
        }
        let all: u64 = seeds.iter().map(|seed| r1_flow::seed_flow(seed.weight)).sum();
        let is_seed = NumberSet::of(count, seeds.iter().map(|seed| seed.voter.number()));
        let praise = ballots.tiles.filtered(|it, ballot| is_seed.has(it.voter.number()) && ballot.praise() > 0);
        let stripes = (0..count).step_by(SPAN).zip(0..);
        let inflow = stripes.flat_map(|(first, stripe)| (first..).zip(r1_flow::inflow(&praise, stripe, &passed)));
        let judges =
            inflow.map(|(id, inflow)| Vouched { voter: VoterId::at(id), trust: ratio(r1_flow::arrived(inflow), all) });
        let is_judge =
            |it: &Vouched| it.trust > 0 && ballots.is_peer[it.voter.index()] && !is_seed.has(it.voter.number());
        Self { seeds: seeds.to_vec(), vouched: judges.filter(is_judge).collect() }
    }

    /// The weight of each of `count` names as a judge while only the seeds judge.
    pub(super) fn seeds_alone(&self, count: usize) -> Vec<Fraction> {
        let mut weights = vec![0; count];
        self.seeds.iter().for_each(|seed| weights[seed.voter.index()] = r2_credibility::seed(seed.weight));
        weights
    }

    /// The weight of each name as a judge. A seed has its weight. A peer that seeds vouch for has its trust in units of
    /// τ_c, at most 1, as far as it is open to trust and was found consistent. Every other name has 0.
    pub(super) fn weights(&self, findings: &Findings, p: &Parameters) -> Vec<Fraction> {
        let mut weights = self.seeds_alone(findings.open.len());
        let full = from_millionths(p.tau_c);
        for Vouched { voter, trust } in &self.vouched {
            let id = voter.index();
            let entered = times(*trust, findings.open[id]).min(full);
            weights[id] = times(ratio(u64::from(entered), u64::from(full)), findings.consistency[id]);
        }
        weights
    }

    /// The judges' own ballots: the same in all rounds, and few compared with all ballots.
    pub(super) fn ballots(&self, ballots: &Ballots<'_>) -> BallotTiles {
        let seeds = self.seeds.iter().map(|seed| seed.voter);
        let judges = seeds.chain(self.vouched.iter().map(|it| it.voter)).map(VoterId::number);
        let is_judge = NumberSet::of(ballots.count(), judges);
        ballots.tiles.filtered(|it, _| is_judge.has(it.voter.number()))
    }
}
