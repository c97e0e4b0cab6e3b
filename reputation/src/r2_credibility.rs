//! R2 credibility: a peer that gets τ of one seed's trust casts a full vote; below that linear, above it no more.
//!
//! Linear below the cap, so identities behind edges that carry flow φ weigh at most φ(1−α)/(ατ) together, however many.

use crate::fixed::{MILLION, ONE, Share, ratio, times};
use crate::r1_flow::FLOW_ONE;

/// `min(flow / τ / price, 1) · consistency`; τ and the price of a vote (R3) in millionths.
pub(crate) fn credibility(flow: u64, tau: u32, price: u64, consistency: Share) -> Share {
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

/// A seed's credibility: its weight in thousandths, always.
pub(crate) fn seed(weight: u16) -> Share {
    ratio(u64::from(weight.min(1000)), 1000)
}
