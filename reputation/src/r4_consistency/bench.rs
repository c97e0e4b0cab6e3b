//! Who judges: the seeds, and the peers that they vouch for themselves.

use crate::ballots::{Activity, Ballots, SPAN, Tiles};
use crate::bits::Bits;
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
    pub(super) fn new(ballots: &Ballots<'_>, activity: &[Activity], seeds: &[(u32, u16)], p: &Parameters) -> Self {
        let count = ballots.count();
        let mut passed = vec![0; count];
        for (seed, weight) in seeds {
            let rate = r1_flow::rate(activity[*seed as usize].outflow, p.w_c, p);
            passed[*seed as usize] = r1_flow::passed_on(r1_flow::seed_flow(*weight), rate);
        }
        let all: u64 = seeds.iter().map(|(_, weight)| r1_flow::seed_flow(*weight)).sum();
        let is_seed = Bits::of(count, seeds.iter().map(|(id, _)| *id));
        let praise = ballots.tiles.filtered(|voter, _, ballot| is_seed.has(voter as u32) && ballot.praise() > 0);
        let stripes = (0..count).step_by(SPAN).zip(0..);
        let inflow = stripes.flat_map(|(first, stripe)| (first..).zip(r1_flow::inflow(&praise, stripe, &passed)));
        let shares = inflow.map(|(id, inflow)| (id as u32, ratio(r1_flow::arrived(inflow), all)));
        let vouched =
            shares.filter(|(id, share)| *share > 0 && ballots.is_peer[*id as usize] && !is_seed.has(*id)).collect();
        Self { seeds: seeds.to_vec(), vouched }
    }

    /// What each of `count` numbers weighs as a judge while only the seeds judge.
    pub(super) fn seeds_alone(&self, count: usize) -> Vec<Share> {
        let mut weights = vec![0; count];
        self.seeds.iter().for_each(|(id, weight)| weights[*id as usize] = r2_credibility::seed(*weight));
        weights
    }

    /// What each number weighs as a judge: a seed its weight, whom seeds vouch for what it gets of τ_c, as far as it is
    /// `open` to trust and was found consistent; nobody else anything.
    pub(super) fn weights(&self, open: &[Share], consistency: &[Share], p: &Parameters) -> Vec<Share> {
        let mut weights = self.seeds_alone(open.len());
        let full = from_millionths(p.tau_c);
        for (id, share) in &self.vouched {
            let id = *id as usize;
            let entered = times(*share, open[id]).min(full);
            weights[id] = times(ratio(u64::from(entered), u64::from(full)), consistency[id]);
        }
        weights
    }

    /// What the seeds and everyone they vouch for say: the same in all rounds, and little beside all ballots.
    pub(super) fn opinions(&self, ballots: &Ballots<'_>) -> Tiles {
        let seeds = self.seeds.iter().map(|(id, _)| *id);
        let sits = Bits::of(ballots.count(), seeds.chain(self.vouched.iter().map(|(id, _)| *id)));
        ballots.tiles.filtered(|voter, _, _| sits.has(voter as u32))
    }
}
