//! The parameters of R1–R8 and the viewpoint: everything that a score depends on, apart from the ledger.

use std::collections::BTreeMap;

use ostrakon_ledger::PeerName;
use serde::Serialize;

/// One vote in the unit of tallies: a billion *nano-votes* (nv).
pub const VOTE_NV: u64 = 1_000_000_000;

/// The shortest half-life. With a shorter one, weights would change noticeably between two epochs.
pub const HALF_LIFE_MS_MIN: u64 = 3_600_000;

/// The parameters, all integers, named as in the formula (R1…R8). Fractions and votes are in millionths.
///
/// `docs/reputation.md` measures the defaults. A value outside its range counts as the nearest end of the range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameters {
    /// R1: α, the share of trust that is lost at every step; 10 000…1 000 000 (default .2).
    pub alpha: u32,
    /// R1: `w_min`, the least divisor of a voter's positive votes, in millionths of a vote; ≥ 1 (default 1.5).
    pub w_min: u32,
    /// R1: how fast a negative score T with the judges closes a peer to trust: open = 1 + `slope` · T; 0…1000 (default
    /// 1).
    pub slope: u32,
    /// R1: steps of the flow; all later steps are estimated at once; 1…200 (default 8).
    pub steps: u32,
    /// R2: τ, the share of one seed's trust with which a peer casts full votes; 1…1 000 000 (default .014).
    pub tau: u32,
    /// R3: B, live votes a voter casts at full weight; 1…1 000 000 (default 10).
    pub budget: u32,
    /// R4: a peer that gets this share of all the seeds' trust directly judges with full weight; 1…1 000 000 (default
    /// .0005).
    pub tau_c: u32,
    /// R4: `w_min` for the choice of judges; ≥ 1 (default 1).
    pub w_c: u32,
    /// R4: k of the judges' tallies; ≥ 1 (default .5).
    pub k_c: u32,
    /// R4: r, contradictions forgiven to everyone; ≥ 1 (default .3).
    pub r: u32,
    /// R4: contradiction that costs no weight; 0…1 000 000 (default .15).
    pub zone: u32,
    /// R4: contradiction beyond the zone at which no weight is left; 1…1 000 000 (default .15).
    pub ramp: u32,
    /// R4: how much it counts as contradiction to vouch for a wholly inconsistent voter; 0…1 000 000 (default .2).
    pub vouch: u32,
    /// R4: rounds of judging; 1…10 (default 4).
    pub rounds: u32,
    /// R5: milliseconds in which a vote's weight halves, at least [`HALF_LIFE_MS_MIN`]; `None`: votes do not decay.
    pub half_life_ms: Option<u64>,
    /// R7: k, the weight of the prior: how many votes it takes to be confident; ≥ 1 (default .2).
    pub k: u32,
    /// R8: credibility, before R3 and R4, of an ordinary reporter about whom nothing is known; 0…1 000 000 (default
    /// .3).
    pub own_base: u32,
    /// R8: the same for a reporter with a long record; a value below `own_base` counts as `own_base`; 0…1 000 000
    /// (default .45). Below .466, a single report of an ordinary user does not reach the default policy's "bad
    /// standing".
    pub own_proven: u32,
    /// R8: how evenly a report counts for familiar and unfamiliar subjects of the message (default .5).
    pub own_spread: u32,
    /// R8, R4: weight of ordinary reporters as judges of each other; 0…1 000 000 (default .1).
    pub own_judge: u32,
    /// R8, R3: live reports that a reporter makes at full weight; ≥ 1 (default 1000). It is not ten as for voters,
    /// because a user who reads much mail reports much. On the mail trace, a budget of 100 already finds less spam.
    pub own_budget: u32,
    /// R8: log-odds of a subject that was never seen, in thousandths of a nat (default −500). The amount shrinks the
    /// more often the subject was seen.
    pub newcomer: i32,
    /// R8: bound of one subject's log-odds, in thousandths of a nat; ≥ 0 (default 3000).
    pub cap: i32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            alpha: 200_000,
            w_min: 1_500_000,
            slope: 1,
            steps: 8,
            tau: 14_000,
            budget: 10,
            tau_c: 500,
            w_c: 1_000_000,
            k_c: 500_000,
            r: 300_000,
            zone: 150_000,
            ramp: 150_000,
            vouch: 200_000,
            rounds: 4,
            half_life_ms: None,
            k: 200_000,
            own_base: 300_000,
            own_proven: 450_000,
            own_spread: 500_000,
            own_judge: 100_000,
            own_budget: 1_000,
            newcomer: -500,
            cap: 3_000,
        }
    }
}

impl Parameters {
    /// The same parameters, with every value inside its range.
    pub fn bounded(self) -> Self {
        const MILLION: u32 = 1_000_000;
        Self {
            alpha: self.alpha.clamp(10_000, MILLION),
            w_min: self.w_min.max(1),
            slope: self.slope.min(1_000),
            steps: self.steps.clamp(1, 200),
            tau: self.tau.clamp(1, MILLION),
            budget: self.budget.clamp(1, MILLION),
            tau_c: self.tau_c.clamp(1, MILLION),
            w_c: self.w_c.max(1),
            k_c: self.k_c.max(1),
            r: self.r.max(1),
            zone: self.zone.min(MILLION),
            ramp: self.ramp.clamp(1, MILLION),
            vouch: self.vouch.min(MILLION),
            rounds: self.rounds.clamp(1, 10),
            half_life_ms: self.half_life_ms.map(|ms| ms.max(HALF_LIFE_MS_MIN)),
            k: self.k.max(1),
            own_base: self.own_base.min(MILLION),
            own_proven: self.own_proven.min(MILLION),
            own_judge: self.own_judge.min(MILLION),
            own_budget: self.own_budget.max(1),
            cap: self.cap.max(0),
            ..self
        }
    }

    /// BLAKE3 over every parameter in its bounded form. Two books can only agree if their digests agree.
    pub fn digest(&self) -> [u8; 32] {
        let p = self.clone().bounded();
        let words = [
            p.alpha,
            p.w_min,
            p.slope,
            p.steps,
            p.tau,
            p.budget,
            p.tau_c,
            p.w_c,
            p.k_c,
            p.r,
            p.zone,
            p.ramp,
            p.vouch,
            p.rounds,
            p.k,
            p.own_base,
            p.own_proven,
            p.own_spread,
            p.own_judge,
            p.own_budget,
        ];
        let mut hasher = blake3::Hasher::new_derive_key("ostrakon reputation parameters v5");
        for word in words.into_iter().chain([p.newcomer, p.cap].map(i32::cast_unsigned)) {
            hasher.update(&word.to_be_bytes());
        }
        hasher.update(&p.half_life_ms.unwrap_or(0).to_be_bytes());
        *hasher.finalize().as_bytes()
    }

    /// k of the judges' tallies in nano-votes.
    pub(crate) fn k_c_nv(&self) -> u64 {
        u64::from(self.k_c) * 1_000
    }

    /// k in nano-votes.
    pub fn k_nv(&self) -> u64 {
        u64::from(self.k) * 1_000
    }
}

/// The viewpoint of scores: a name, and the peers that are trusted without proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewpoint {
    /// The label of the scores, for example `own`.
    pub name: String,
    /// The seeds and their weights in thousandths; more than 1000 counts as 1000. A seed's credibility is always its
    /// weight.
    pub seeds: BTreeMap<PeerName, u16>,
}

impl Viewpoint {
    /// BLAKE3 over the name and the seeds.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("ostrakon reputation viewpoint v1");
        hasher.update(&(self.name.len() as u64).to_be_bytes()).update(self.name.as_bytes());
        for (peer, weight) in &self.seeds {
            let weight = (*weight).min(1000);
            hasher.update(&[peer.as_str().len() as u8]).update(peer.as_str().as_bytes()).update(&weight.to_be_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}
