//! Who judges: the seeds, and the peers that they vouch for themselves.

use super::Findings;
use crate::bits::Bits;
use crate::engine::{About, Ballot, Ballots, seed_flow};
use crate::fixed::{Share, from_millionths, ratio, times};
use crate::parameters::Parameters;
use crate::{r1_flow, r2_credibility};

/// The seeds and everyone they vouch for.
pub(super) struct Bench {
    seeds: Vec<(u32, u16)>,
    /// What each of the others gets from the seeds, as a share of all they have to give; ascending.
    vouched: Vec<(u32, Share)>,
}

impl Bench {
    /// One step of R1 from the seeds, with `w_c` for `w_min`.
    pub(super) fn new(ballots: &Ballots<'_>, seeds: &[(u32, u16)], p: &Parameters) -> Self {
        let mut passed = vec![0; ballots.count()];
        for (seed, weight) in seeds {
            let rate = r1_flow::rate(ballots.of_voter(*seed as usize).outflow, p.w_c, p);
            passed[*seed as usize] = r1_flow::passed_on(seed_flow(*weight), rate);
        }
        let all: u64 = seeds.iter().map(|(_, weight)| seed_flow(*weight)).sum();
        let passes = Bits::of(ballots.count(), seeds.iter().map(|(id, _)| *id));
        let inflow = |about: About<'_>| -> u128 {
            let from = |ballot: &Ballot| u128::from(passed[ballot.voter as usize]) * u128::from(ballot.size());
            about.positive.iter().filter(|ballot| passes.has(ballot.voter)).map(from).sum()
        };
        let shares =
            (0..).zip(ballots.by_subject()).map(|(id, about)| (id, ratio(r1_flow::arrived(inflow(about)), all)));
        let is_seed = |id: u32| seeds.binary_search_by_key(&id, |(seed, _)| *seed).is_ok();
        let vouched =
            shares.filter(|(id, share)| *share > 0 && ballots.is_peer[*id as usize] && !is_seed(*id)).collect();
        Self { seeds: seeds.to_vec(), vouched }
    }

    /// What each of `count` numbers weighs as a judge while only the seeds judge.
    pub(super) fn seeds_alone(&self, count: usize) -> Vec<Share> {
        let mut weights = vec![0; count];
        self.seeds.iter().for_each(|(id, weight)| weights[*id as usize] = r2_credibility::seed(*weight));
        weights
    }

    /// What each of `count` numbers weighs as a judge: a seed its weight, whom seeds vouch for what it gets of τ_c, as
    /// far as it was found consistent; nobody else anything.
    pub(super) fn weights(&self, findings: &Findings, count: usize, p: &Parameters) -> Vec<Share> {
        let mut weights = self.seeds_alone(count);
        let full = from_millionths(p.tau_c);
        for (id, share) in &self.vouched {
            let id = *id as usize;
            let entered = times(*share, findings.open[id]).min(full);
            weights[id] = times(ratio(u64::from(entered), u64::from(full)), findings.consistency[id]);
        }
        weights
    }

    /// What the seeds and everyone they vouch for say.
    pub(super) fn opinions(&self, ballots: &Ballots<'_>) -> Opinions {
        let seeds = self.seeds.iter().map(|(id, _)| *id);
        let sits = Bits::of(ballots.count(), seeds.chain(self.vouched.iter().map(|(id, _)| *id)));
        let mut opinions = Opinions { begins: Vec::with_capacity(ballots.count() + 1), ballots: Vec::new() };
        for About { positive, negative } in ballots.by_subject() {
            opinions.begins.push(opinions.ballots.len() as u32);
            opinions.ballots.extend(positive.iter().chain(negative).filter(|ballot| sits.has(ballot.voter)));
        }
        opinions.begins.push(opinions.ballots.len() as u32);
        opinions
    }
}

/// The ballots of those who may judge: the same in all rounds, and few beside all ballots.
pub(super) struct Opinions {
    /// Per subject, and once more at the end: where they begin.
    begins: Vec<u32>,
    ballots: Vec<Ballot>,
}

impl Opinions {
    /// Those about one subject.
    pub(super) fn about(&self, subject: usize) -> &[Ballot] {
        &self.ballots[self.begins[subject] as usize..self.begins[subject + 1] as usize]
    }
}
