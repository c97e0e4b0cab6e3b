//! One epoch: R1–R4 and R7 over a set of live votes, three rounds. A pure function of its arguments.
//!
//! Works on dense identity numbers; sums are integers, so neither the order of votes nor threads can show in a result.

mod ballots;

use crate::fixed::{MILLION, ONE, Share, times};
use crate::parameters::{Parameters, VOTE_NV};
use crate::r1_flow::{self, FLOW_ONE, UNREACHED};
use crate::r4_consistency::Record;
use crate::{r2_credibility, r3_budget, r7_posterior};

pub(crate) use ballots::{About, Activity, Ballot, Ballots, X_PER_MILLIONTH, voice};

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

/// The tally of every subject in the order of their numbers, from what voters weigh.
pub(crate) fn tallies(ballots: &Ballots<'_>, credibility: impl Fn(u32) -> Share) -> impl Iterator<Item = Tally> {
    let sum = move |side: &[Ballot]| -> u64 {
        side.iter().map(|ballot| weight(credibility(ballot.voter), ballot.size())).sum()
    };
    ballots.by_subject().map(move |About { positive, negative }| Tally {
        positive: sum(positive),
        negative: sum(negative),
        voters: (positive.len() + negative.len()) as u32,
    })
}

/// What a voter weighs in a round.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    /// R2 with τ.
    vote: Share,
    /// R2 with τ_c: as a judge of others' consistency.
    judge: Share,
}

/// Between two rounds: R4 for every voter, and how far every peer is open to trust. One pass over the ballots.
fn judge(ballots: &Ballots<'_>, weights: &[Weight], seeds: &[(u32, u16)], p: &Parameters) -> (Vec<Share>, Vec<Share>) {
    let k_c_nv = u64::from(p.k_c) * 1_000;
    let mut records = vec![Record::default(); ballots.count()];
    let mut judge_one = |About { positive, negative }: About<'_>| {
        let sum = |side: &[Ballot]| {
            side.iter().fold((0, 0), |(voted, judged), ballot| {
                let (of, size) = (weights[ballot.voter as usize], ballot.size());
                (voted + weight(of.vote, size), judged + weight(of.judge, size))
            })
        };
        let (good, bad) = (sum(positive), sum(negative));
        if good.1 + bad.1 > 0 {
            // Every vote is judged without itself.
            for ballot in positive {
                let own = weight(weights[ballot.voter as usize].judge, ballot.size());
                records[ballot.voter as usize].judge(true, ballot.age(), good.1 - own, bad.1, k_c_nv);
            }
            for ballot in negative {
                let own = weight(weights[ballot.voter as usize].judge, ballot.size());
                records[ballot.voter as usize].judge(false, ballot.age(), good.1, bad.1 - own, k_c_nv);
            }
        }
        r1_flow::open(r7_posterior::share(good.0, bad.0, p.k_nv()), p.slope)
    };
    let mut open: Vec<Share> = ballots.by_subject().map(&mut judge_one).collect();
    let mut consistency: Vec<Share> = records.iter().map(|record| record.consistency(p)).collect();
    seeds.iter().for_each(|(id, _)| consistency[*id as usize] = ONE);
    for ((open, consistency), is_peer) in open.iter_mut().zip(&consistency).zip(ballots.is_peer) {
        *open = if *is_peer { times(*open, *consistency) } else { 0 };
    }
    (consistency, open)
}

/// Computes an epoch from one viewpoint: what everybody weighs.
pub(crate) fn run(ballots: &Ballots<'_>, seeds: &[(u32, u16)], p: &Parameters) -> Vec<Standing> {
    let count = ballots.count();
    let mut consistency = vec![ONE; count];
    let mut open: Vec<Share> = ballots.is_peer.iter().map(|is_peer| if *is_peer { ONE } else { 0 }).collect();
    let start: Vec<(u32, u64)> = seeds.iter().map(|(id, weight)| (*id, seed_flow(*weight))).collect();
    for round in 1.. {
        let flow = r1_flow::flow(ballots, &start, &open, r1_flow::steps(round, p), p);
        let credibility = |id: usize, tau: u32| {
            let price = r3_budget::price(ballots.of_voter(id).cast, p.budget);
            r2_credibility::credibility(flow.amount[id], tau, price, consistency[id])
        };
        if round >= p.rounds {
            let standing = |id: usize| Standing {
                flow: flow.amount[id],
                credibility: credibility(id, p.tau),
                consistency: consistency[id],
                hops: flow.hops[id],
            };
            let mut standings: Vec<Standing> = (0..count).map(standing).collect();
            for (id, weight) in seeds {
                standings[*id as usize].credibility = r2_credibility::seed(*weight);
            }
            return standings;
        }
        let weight = |id: usize| Weight { vote: credibility(id, p.tau), judge: credibility(id, p.tau_c) };
        let mut weights: Vec<Weight> = (0..count).map(weight).collect();
        for (id, weight) in seeds {
            let seed = r2_credibility::seed(*weight);
            weights[*id as usize] = Weight { vote: seed, judge: seed };
        }
        drop(flow);
        (consistency, open) = judge(ballots, &weights, seeds, p);
    }
    unreachable!("the last round returns")
}

fn seed_flow(weight: u16) -> u64 {
    FLOW_ONE * u64::from(weight.min(1000)) / 1000
}
