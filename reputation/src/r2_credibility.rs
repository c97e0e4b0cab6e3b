//! R2 credibility: a peer that gets τ of one seed's trust casts a full vote. With less trust, its weight is
//! proportional; with more trust, it stays a full vote.
//!
//! Below the cap the weight is linear, so identities behind edges that carry flow φ weigh at most φ(1−α)/(ατ) together,
//! however many there are.

use crate::fixed::{Fraction, MILLION, ONE, ratio, times};
use crate::r1_flow::FLOW_ONE;

/// `min(flow / τ / price, 1) · consistency`. τ and the price of a vote (R3) are in millionths.
pub(crate) fn credibility(flow: u64, tau: u32, price: u64, consistency: Fraction) -> Fraction {
    if flow == 0 {
        return 0;
    }
    let tau_flow = FLOW_ONE * u64::from(tau) / MILLION;
    let full = match tau_flow.checked_mul(price) {
        Some(full) => Some(full / MILLION),
        None => u64::try_from(u128::from(tau_flow) * u128::from(price) / u128::from(MILLION)).ok(),
    };
    let share = match full {
        Some(full) if flow >= full => ONE,
        Some(full) => ratio(flow, full),
        None => 0,
    };
    times(share, consistency)
}

/// A seed's credibility, which is always its weight; `weight` in thousandths.
pub(crate) fn seed(weight: u16) -> Fraction {
    ratio(u64::from(weight.min(1000)), 1000)
}
