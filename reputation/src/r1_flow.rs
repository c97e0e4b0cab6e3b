//! R1 flow: trust runs from the seeds along positive votes between peers.
//!
//! `y = e + (1−α) · Σ over positive votes u→v of y(u) · x(u,v) · open(v) / max(Σ x(u,·), w_min)`, a fixed number of steps from y = e.
//! What does not pass (α, closed peers, thin voters) leaks; it is not redistributed. Every product rounds down, so
//! the computed flow never exceeds the exact one and the bound of R2 holds for it.

use crate::fixed::{MILLION, ONE, Share};
use crate::parameters::Parameters;

/// A flow of one: the trust that one seed of full weight starts with.
pub(crate) const FLOW_ONE: u64 = 1 << 40;

/// Hops of a peer that no trust reaches.
pub(crate) const UNREACHED: u8 = u8::MAX;

/// The positive votes between peers, grouped by the peer that is voted for.
#[derive(Default)]
pub(crate) struct Edges {
    /// The peers with at least one edge, ascending, and where their edges end.
    targets: Vec<(u32, u32)>,
    /// Voter and x in millionths, by target; each target's in the order of the voters.
    edges: Vec<(u32, u32)>,
    /// Per voter: Σ x over its edges, in millionths.
    outflow: Vec<u64>,
}

impl Edges {
    /// The graph of `positive` votes (voter, subject, x in millionths) among `peers` identities. `positive` is called
    /// twice and must give the same.
    pub(crate) fn new<I: Iterator<Item = (u32, u32, u32)>>(peers: usize, positive: impl Fn() -> I) -> Self {
        let mut outflow = vec![0; peers];
        let mut next = vec![0u32; peers];
        for (from, to, x) in positive() {
            outflow[from as usize] += u64::from(x);
            next[to as usize] += 1;
        }
        let mut targets = Vec::new();
        let mut end = 0;
        for (to, count) in (0..).zip(&mut next) {
            let begin = end;
            end += std::mem::replace(count, begin);
            if end > begin {
                targets.push((to, end));
            }
        }
        let mut edges = vec![(0, 0); end as usize];
        for (from, to, x) in positive() {
            let at = &mut next[to as usize];
            edges[*at as usize] = (from, x);
            *at += 1;
        }
        Self { targets, edges, outflow }
    }

    /// Σ x over the voter's positive votes for peers, in millionths.
    pub(crate) fn outflow(&self, voter: usize) -> u64 {
        self.outflow[voter]
    }

    /// Every target with its edges.
    fn by_target(&self) -> impl Iterator<Item = (usize, &[(u32, u32)])> {
        let mut begin = 0;
        self.targets.iter().map(move |(to, end)| {
            let edges = &self.edges[begin as usize..*end as usize];
            begin = *end;
            (*to as usize, edges)
        })
    }
}

/// Where trust got to.
pub(crate) struct Flow {
    /// Per peer, [`FLOW_ONE`] for one.
    pub(crate) amount: Vec<u64>,
    /// Per peer: steps from the nearest seed, or [`UNREACHED`].
    pub(crate) hops: Vec<u8>,
}

/// Lets trust run: `restart` is e (scaled by [`FLOW_ONE`]), `open` is per peer.
pub(crate) fn flow(edges: &Edges, restart: &[u64], open: &[Share], p: &Parameters) -> Flow {
    let rates: Vec<u64> = edges.outflow.iter().map(|out| rate(*out, p)).collect();
    let mut amount = restart.to_vec();
    let mut hops: Vec<u8> = restart.iter().map(|e| if *e > 0 { 0 } else { UNREACHED }).collect();
    // What each peer passes on per millionth of a vote, in this step and the next.
    let mut shares: Vec<u64> = amount.iter().zip(&rates).map(|(y, rate)| passed_on(*y, *rate)).collect();
    let mut next = shares.clone();
    for step in 1..=p.steps {
        for (to, edges) in edges.by_target().filter(|(to, _)| open[*to] > 0) {
            let inflow: u128 = edges.iter().map(|(from, x)| u128::from(shares[*from as usize]) * u128::from(*x)).sum();
            if inflow == 0 {
                continue;
            }
            let y = restart[to] + admitted(inflow, open[to]);
            next[to] = passed_on(y, rates[to]);
            amount[to] = y;
            if hops[to] == UNREACHED && y > 0 {
                hops[to] = step.min(254) as u8;
            }
        }
        std::mem::swap(&mut shares, &mut next);
    }
    Flow { amount, hops }
}

/// (1−α) / max(out, `w_min`) per millionth of a vote, scaled by 2⁶⁴.
fn rate(out: u64, p: &Parameters) -> u64 {
    let kept = u128::from(MILLION - u64::from(p.alpha).min(MILLION)) << 64;
    let divisor = u128::from(MILLION) * u128::from(out.max(u64::from(p.w_min)).max(2));
    u64::try_from(kept / divisor).unwrap_or(u64::MAX)
}

/// What a voter with flow `y` passes on per millionth of a vote, scaled by 2⁶⁰.
fn passed_on(y: u64, rate: u64) -> u64 {
    u64::try_from((u128::from(y) * u128::from(rate)) >> 44).unwrap_or(u64::MAX)
}

/// What enters a peer that is `open`, scaled by [`FLOW_ONE`].
fn admitted(inflow: u128, open: Share) -> u64 {
    let inflow = u64::try_from(inflow >> 20).unwrap_or(u64::MAX);
    ((u128::from(inflow) * u128::from(open)) >> 30) as u64
}

/// How far a peer is open to trust: `clamp(1 + slope · min(score, 0), 0, 1) · consistency`; the score as a signed [`Share`].
pub(crate) fn open(score: i64, consistency: Share, slope: u32) -> Share {
    let closed = u64::from(slope) * score.min(0).unsigned_abs();
    let open = u64::from(ONE).saturating_sub(closed) as Share;
    crate::fixed::times(open, consistency)
}
