//! One epoch: R1–R4 and R7 over a set of live votes, three rounds. A pure function of its arguments.
//!
//! Works on dense identity numbers; sums are integers, so neither the order of votes nor threads can show in a result.

mod ballots;

use crate::fixed::{MILLION, ONE, Share};
use crate::parameters::{Parameters, VOTE_NV};
use crate::r1_flow::{self, Edges, FLOW_ONE, UNREACHED};
use crate::r4_consistency::Record;
use crate::{r2_credibility, r3_budget, r7_posterior};

pub(crate) use ballots::{Ballot, Ballots, voice};

/// What an epoch found out about a voter from one viewpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// R1, [`FLOW_ONE`] for one.
    pub(crate) flow: u64,
    /// R2 with R3 and R4: the voter's weight.
    pub(crate) credibility: Share,
    /// R4; one for voters whom no trust reaches: nobody asks.
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

/// Weight of one vote in nano-votes: credibility times |x| (millionths, at most 4 000 000).
pub(crate) fn weight(credibility: Share, x: u64) -> u64 {
    // 30, 22 and 10 bits.
    (u64::from(credibility) * x * (VOTE_NV / MILLION)) >> 30
}

/// Tallies of all subjects below `count`, from what the voters weigh.
pub(crate) fn tallies(ballots: &Ballots, count: usize, credibility: impl Fn(usize) -> Share) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); count];
    for (voter, row) in ballots.by_voter() {
        let credibility = credibility(voter);
        for ballot in row {
            tallies[ballot.subject as usize].add(ballot.x(), weight(credibility, ballot.size()));
        }
    }
    tallies
}

/// What one round knows about a subject, in nano-votes: P and N, by the voters and by R4's judges.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Scales {
    voted: [u64; 2],
    judged: [u64; 2],
}

/// Weighs every subject with the voters' weights and with the judges'.
fn weigh(ballots: &Ballots, count: usize, weights: &[Share], judges: &[Share]) -> Vec<Scales> {
    let mut scales = vec![Scales::default(); count];
    for (voter, row) in ballots.by_voter() {
        let (weighs, judges) = (weights[voter], judges[voter]);
        if weighs == 0 && judges == 0 {
            continue;
        }
        for ballot in row {
            let side = usize::from(ballot.x() < 0);
            let scale = &mut scales[ballot.subject as usize];
            scale.voted[side] += weight(weighs, ballot.size());
            scale.judged[side] += weight(judges, ballot.size());
        }
    }
    scales
}

/// R4 for every voter that trust `reached`: each of its votes judged without itself.
fn consistency(ballots: &Ballots, scales: &[Scales], judges: &[Share], reached: &[u8], p: &Parameters) -> Vec<Share> {
    let k_c_nv = u64::from(p.k_c) * 1_000;
    let of_voter = |(voter, row): (usize, &[Ballot])| {
        if reached[voter] == UNREACHED {
            return ONE;
        }
        let mut record = Record::default();
        for ballot in row {
            let mut others = scales[ballot.subject as usize].judged;
            others[usize::from(ballot.x() < 0)] -= weight(judges[voter], ballot.size());
            record.judge(ballot.x() > 0, ballot.age(), others[0], others[1], k_c_nv);
        }
        record.consistency(p)
    };
    ballots.by_voter().map(of_voter).collect()
}

/// Computes an epoch from one viewpoint: what each of the `count` identities weighs.
pub(crate) fn run(
    ballots: &Ballots,
    edges: &Edges,
    count: usize,
    seeds: &[(u32, u16)],
    p: &Parameters,
) -> Vec<Standing> {
    let mut restart = vec![0; count];
    seeds.iter().for_each(|(id, weight)| restart[*id as usize] = seed_flow(*weight));
    let (mut consistent, mut open) = (vec![ONE; count], vec![ONE; count]);
    let mut reached = Vec::new();
    let mut round = 0;
    loop {
        round += 1;
        let flow = r1_flow::flow(edges, &restart, &open, p);
        let credibility = |tau: u32| -> Vec<Share> {
            let each = flow.amount.iter().zip(&ballots.cast).zip(&consistent);
            let credibility = |((flow, cast), consistency): ((&u64, &u64), &Share)| {
                r2_credibility::credibility(*flow, tau, r3_budget::price(*cast, p.budget), *consistency)
            };
            let mut all: Vec<Share> = each.map(credibility).collect();
            seeds.iter().for_each(|(id, weight)| all[*id as usize] = r2_credibility::seed(*weight));
            all
        };
        let weights = credibility(p.tau);
        if round >= p.rounds {
            let each = flow.amount.iter().zip(&flow.hops).zip(weights.iter().zip(&consistent));
            let standing = |((flow, hops), (credibility, consistency)): ((&u64, &u8), (&Share, &Share))| Standing {
                flow: *flow,
                credibility: *credibility,
                consistency: *consistency,
                hops: *hops,
            };
            return each.map(standing).collect();
        }
        if round == 1 {
            // Nobody is more open than in the first round: whom it does not reach, no later one does.
            reached = flow.hops;
        }
        let judges = credibility(p.tau_c);
        let scales = weigh(ballots, count, &weights, &judges);
        consistent = consistency(ballots, &scales, &judges, &reached, p);
        seeds.iter().for_each(|(id, _)| consistent[*id as usize] = ONE);
        for ((open, scales), consistency) in open.iter_mut().zip(&scales).zip(&consistent) {
            let score = r7_posterior::share(scales.voted[0], scales.voted[1], p.k_nv());
            *open = r1_flow::open(score, *consistency, p.slope);
        }
    }
}

fn seed_flow(weight: u16) -> u64 {
    FLOW_ONE * u64::from(weight.min(1000)) / 1000
}
