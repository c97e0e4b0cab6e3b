//! R1 flow: trust flows from the seeds along positive votes between peers.
//!
//! A seed starts with e. In each step every peer passes on what it has just received, and keeps it:
//!
//! ```text
//! d'(v) = (1−α) · Σ over positive votes u→v of d(u) · x(u,v) · open(v) / max(Σ x(u,·), w_min)
//! y     = e + d₁ + … + dₙ
//! ```
//!
//! The steps after the n-th are estimated: every peer that the last step reached gets `dₙ · λ/(1−λ)` more. λ is the
//! share of all trust that the last step passed on, at most 1−α.
//!
//! Trust that is not passed on is lost: the share α, what a closed peer refuses, and what a voter with few votes does
//! not give. Every product rounds down, so the computed flow never exceeds the exact one and the bound of R2 holds for
//! it (`docs/reputation.md` has the proof).

use rayon::prelude::*;

use crate::ballots::{Activity, BallotTiles, Ballots, SPAN, X_PER_MILLIONTH};
use crate::bits::NumberSet;
use crate::fixed::{Fraction, MILLION, ONE};
use crate::ids::VoterId;
use crate::parameters::Parameters;
use crate::threads::shared_by;

/// A peer whose word is taken as given from a viewpoint. Ordered by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seed {
    pub(crate) voter: VoterId,
    /// Thousandths; more than 1000 counts as 1000.
    pub(crate) weight: u16,
}

/// A flow of one: the trust that one seed of full weight starts with.
pub(crate) const FLOW_ONE: u64 = 1 << 40;

/// The number of steps to a peer that no trust reaches.
pub(crate) const UNREACHED: u8 = u8::MAX;

/// How much trust reached each peer.
pub(crate) struct TrustFlow {
    /// Per peer, [`FLOW_ONE`] for one.
    pub(crate) amount: Vec<u64>,
    /// Per peer: steps from the nearest seed, or [`UNREACHED`].
    pub(crate) hops: Vec<u8>,
}

/// Lets trust flow for `p.steps` steps. `open` has one value per name.
pub(crate) fn flow(
    ballots: &Ballots<'_>,
    activity: &[Activity],
    seeds: &[Seed],
    open: &[Fraction],
    p: &Parameters,
) -> TrustFlow {
    let count = ballots.count();
    // A closed peer that is not a seed never has anything to pass on.
    let opened = (0..count as u32).filter(|id| open[*id as usize] > 0);
    let passes = NumberSet::of(count, opened.chain(seeds.iter().map(|seed| seed.voter.number())));
    let channels = ballots
        .tiles
        .filtered(|it, ballot| passes.has(it.voter.number()) && open[it.subject.index()] > 0 && ballot.praise() > 0);
    let rate = |id: usize| if passes.has(id as u32) { rate(activity[id].outflow, p.w_min, p) } else { 0 };
    let rates: Vec<u64> = (0..count).map(rate).collect();
    let (mut amount, mut hops) = (vec![0; count], vec![UNREACHED; count]);
    // What each peer passes on per 10⁻⁸ votes, in this step and the next.
    let (mut shares, mut next) = (vec![0; count], vec![0; count]);
    let mut total = 0;
    for seed in seeds {
        let (id, e) = (seed.voter.index(), seed_flow(seed.weight));
        (amount[id], hops[id], shares[id]) = (e, 0, passed_on(e, rates[id]));
        total += u128::from(e);
    }
    for step in 1..=p.steps {
        let last = step == p.steps;
        let before = std::mem::take(&mut total);
        let stripes = amount.par_chunks_mut(SPAN).zip(next.par_chunks_mut(SPAN)).zip(hops.par_chunks_mut(SPAN));
        total = stripes
            .enumerate()
            .with_min_len(shared_by(1))
            .map(|(stripe, ((amount, next), hops))| {
                let mut total = 0;
                for (i, inflow) in inflow(&channels, stripe, &shares).into_iter().enumerate() {
                    if inflow == 0 {
                        next[i] = 0;
                        continue;
                    }
                    let to = stripe * SPAN + i;
                    let arrived = admitted(inflow, open[to]);
                    amount[i] += arrived;
                    total += u128::from(arrived);
                    next[i] = if last { arrived } else { passed_on(arrived, rates[to]) };
                    if hops[i] == UNREACHED && arrived > 0 {
                        hops[i] = step.min(254) as u8;
                    }
                }
                total
            })
            .sum();
        std::mem::swap(&mut shares, &mut next);
        if last && total < before {
            // λ/(1−λ) = total/(before−total); after the last step `shares` holds what arrived.
            let rest = |arrived: u64| (u128::from(arrived) * total / (before - total)) as u64;
            amount.iter_mut().zip(&shares).for_each(|(y, arrived)| *y += rest(*arrived));
        }
    }
    TrustFlow { amount, hops }
}

/// What reaches the subjects of a stripe along positive votes: Σ x · what the voter passes on. `shares` has one value
/// per voter.
pub(crate) fn inflow(channels: &BallotTiles, stripe: usize, shares: &[u64]) -> Vec<u128> {
    let mut inflow = vec![0; SPAN.min(shares.len() - stripe * SPAN)];
    for (first, tile) in channels.about(stripe) {
        let shares = &shares[first..];
        for cast in tile {
            inflow[cast.subject_offset()] += u128::from(shares[cast.voter_offset()]) * u128::from(cast.ballot.praise());
        }
    }
    inflow
}

/// (1−α) / max(out, least) per 10⁻⁸ votes, scaled by 2⁶⁴; `out` in 10⁻⁸ votes, `least` in millionths.
pub(crate) fn rate(out: u64, least: u32, p: &Parameters) -> u64 {
    let kept = u128::from(MILLION - u64::from(p.alpha).min(MILLION)) << 64;
    let divisor = u128::from(MILLION) * u128::from(out.max(X_PER_MILLIONTH * u64::from(least)).max(2));
    u64::try_from(kept / divisor).unwrap_or(u64::MAX)
}

/// What a voter that received `d` passes on per 10⁻⁸ votes, scaled by 2⁶⁷.
pub(crate) fn passed_on(d: u64, rate: u64) -> u64 {
    u64::try_from((u128::from(d) * u128::from(rate)) >> 37).unwrap_or(u64::MAX)
}

/// The trust in a sum of shares times 10⁻⁸ votes, scaled by [`FLOW_ONE`].
pub(crate) fn arrived(inflow: u128) -> u64 {
    u64::try_from(inflow >> 27).unwrap_or(u64::MAX)
}

/// The part of an inflow that a peer takes in if it is `open` to that degree, scaled by [`FLOW_ONE`].
fn admitted(inflow: u128, open: Fraction) -> u64 {
    ((u128::from(arrived(inflow)) * u128::from(open)) >> 30) as u64
}

/// The trust that a seed starts with; `weight` in thousandths.
pub(crate) fn seed_flow(weight: u16) -> u64 {
    FLOW_ONE * u64::from(weight.min(1000)) / 1000
}

/// How far a peer is open to trust under the judges' score T: `clamp(1 + slope · min(T, 0), 0, 1)`. T is a signed
/// [`Fraction`].
pub(crate) fn open(score: i64, slope: u32) -> Fraction {
    let closed = u64::from(slope) * score.min(0).unsigned_abs();
    u64::from(ONE).saturating_sub(closed) as Fraction
}
