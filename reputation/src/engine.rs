//! One epoch: R1–R4 and R7 over a set of live votes, three rounds. A pure function of its arguments.
//!
//! Works on dense identity numbers; sums are integers, so neither the order of votes nor threads can show in a result.

use crate::fixed::{MILLION, ONE, Share};
use crate::parameters::{Parameters, VOTE_NV};
use crate::r1_flow::{self, Edges, FLOW_ONE, UNREACHED};
use crate::r4_consistency::Record;
use crate::{r2_credibility, r3_budget, r7_posterior};

/// A live vote as an epoch sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ballot {
    /// Who voted.
    pub(crate) voter: u32,
    /// About whom.
    pub(crate) subject: u32,
    /// x after decay, in millionths, −1 000 000…1 000 000.
    pub(crate) x: i32,
    /// What decay left of the vote, in millionths.
    pub(crate) age: u32,
    /// Ledger index.
    pub(crate) index: u64,
}

impl Ballot {
    /// Of one voter's votes about one subject, in several categories, the strongest speaks; of equals, the latest.
    ///
    /// All votes halve together, so which one speaks does not change with time.
    pub(crate) fn strength(&self) -> (u32, u64) {
        (self.x.unsigned_abs(), self.index)
    }
}

/// Orders votes by subject and voter and leaves one per pair; votes about oneself and faded ones drop out.
pub(crate) fn voices(mut ballots: Vec<Ballot>) -> Vec<Ballot> {
    ballots.retain(|b| b.x != 0 && b.voter != b.subject);
    ballots.sort_unstable_by_key(|b| (b.subject, b.voter, std::cmp::Reverse(b.strength())));
    ballots.dedup_by_key(|b| (b.subject, b.voter));
    ballots
}

/// What an epoch found out about a voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// R1, [`FLOW_ONE`] for one.
    pub(crate) flow: u64,
    /// Steps from the nearest seed, or [`UNREACHED`].
    pub(crate) hops: u8,
    /// R2 with R3 and R4: the voter's weight.
    pub(crate) credibility: Share,
    /// R4.
    pub(crate) consistency: Share,
    /// R3: live votes in millionths, each with its decay.
    pub(crate) cast: u64,
    /// Σ of its positive votes for peers, in millionths.
    pub(crate) outflow: u64,
}

impl Standing {
    /// Of a voter that no epoch has seen: a seed has its weight, everybody else nothing.
    pub(crate) fn newcomer(seed: Option<u16>) -> Self {
        let (flow, hops, credibility) = match seed {
            Some(weight) => (seed_flow(weight), 0, r2_credibility::seed(weight)),
            None => (0, UNREACHED, 0),
        };
        Self { flow, hops, credibility, consistency: ONE, cast: 0, outflow: 0 }
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

/// Weight of one vote in nano-votes: credibility times |x| (millionths).
pub(crate) fn weight(credibility: Share, x: u64) -> u64 {
    ((u128::from(credibility) * u128::from(x) * u128::from(VOTE_NV / MILLION)) >> 30) as u64
}

fn seed_flow(weight: u16) -> u64 {
    FLOW_ONE * u64::from(weight.min(1000)) / 1000
}

/// The votes of an epoch, grouped by subject.
struct Votes<'a> {
    ballots: &'a [Ballot],
    edges: Edges,
    cast: Vec<u64>,
}

impl<'a> Votes<'a> {
    fn new(ballots: &'a [Ballot], is_peer: &[bool]) -> Self {
        let mut edges = Edges::new(is_peer.len());
        let mut cast = vec![0; is_peer.len()];
        for b in ballots {
            cast[b.voter as usize] += u64::from(b.age);
            if b.x > 0 && is_peer[b.subject as usize] {
                edges.push(b.voter, b.subject, b.x.unsigned_abs());
            }
        }
        Self { ballots, edges, cast }
    }

    fn tallies(&self, credibility: &[Share]) -> Vec<Tally> {
        let mut tallies = vec![Tally::default(); self.cast.len()];
        for b in self.ballots {
            let weight = weight(credibility[b.voter as usize], u64::from(b.x.unsigned_abs()));
            tallies[b.subject as usize].add(b.x, weight);
        }
        tallies
    }

    fn consistency(&self, judges: &[Share], p: &Parameters) -> Vec<Share> {
        let tallies = self.tallies(judges);
        let k_c_nv = u64::from(p.k_c) * 1_000;
        let mut records = vec![Record::default(); self.cast.len()];
        for b in self.ballots {
            let mut others = tallies[b.subject as usize];
            let own = weight(judges[b.voter as usize], u64::from(b.x.unsigned_abs()));
            others.remove(b.x, own);
            records[b.voter as usize].judge(b.x > 0, b.age, others.positive, others.negative, k_c_nv);
        }
        records.iter().map(|record| record.consistency(p)).collect()
    }
}

/// Computes an epoch: what each voter weighs. The ballots are [`voices`]; `is_peer` says which identities can vote and receive trust.
pub(crate) fn run(ballots: &[Ballot], is_peer: &[bool], seeds: &[(u32, u16)], p: &Parameters) -> Vec<Standing> {
    let votes = Votes::new(ballots, is_peer);
    let count = is_peer.len();
    let mut restart = vec![0; count];
    seeds.iter().for_each(|(id, weight)| restart[*id as usize] = seed_flow(*weight));
    let prices: Vec<u64> = votes.cast.iter().map(|cast| r3_budget::price(*cast, p.budget)).collect();
    let (mut consistency, mut open) = (vec![ONE; count], vec![ONE; count]);
    let mut round = 0;
    loop {
        round += 1;
        let flow = r1_flow::flow(&votes.edges, &restart, &open, p);
        let credibility = |tau: u32| -> Vec<Share> {
            let each = flow.amount.iter().zip(&prices).zip(&consistency);
            let mut all: Vec<Share> = each
                .map(|((flow, price), consistency)| r2_credibility::credibility(*flow, tau, *price, *consistency))
                .collect();
            seeds.iter().for_each(|(id, weight)| all[*id as usize] = r2_credibility::seed(*weight));
            all
        };
        let weights = credibility(p.tau);
        if round >= p.rounds {
            let standing = |id: usize| Standing {
                flow: flow.amount[id],
                hops: flow.hops[id],
                credibility: weights[id],
                consistency: consistency[id],
                cast: votes.cast[id],
                outflow: votes.edges.outflow(id),
            };
            return (0..count).map(standing).collect();
        }
        let tallies = votes.tallies(&weights);
        consistency = votes.consistency(&credibility(p.tau_c), p);
        seeds.iter().for_each(|(id, _)| consistency[*id as usize] = ONE);
        for (id, tally) in tallies.iter().enumerate() {
            let score = r7_posterior::share(tally.positive, tally.negative, p.k_nv());
            open[id] = r1_flow::open(score, consistency[id], p.slope);
        }
    }
}
